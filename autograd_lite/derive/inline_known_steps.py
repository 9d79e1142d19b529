"""Known steps, inlined: in place of a call, the definition in its textbook.

The textbook's definitions become equations as if the user had written them, with their names: ``P = softmax(S)``,
``L = -sum(Y * log(P)) / n``. So the derivation shows why the gradient of a cross-entropy is ``(P - Y) / n``. A step
whose textbook has a symbol that no row computes, such as ⋆ for a convolution, stays closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.operands import raw
from ..program import Equation, Program, Var
from ..program.equation import Origin
from ..program.graph import ending, recorded_equations
from ..program.naming import Names, groups
from ..table import Primitive
from ..tensor import Tensor
from .formula import name, walk
from .formula_ops import evaluate, recorded
from .textbook_parser import Written
from .textbook_step import TextbookStep, parameter


def inlined(program: Program, depth: int) -> Program:
    """`program` with the known steps inlined that are called at fewer than `depth` levels."""
    return _Inlined(program, depth).program()


class _Inlined:
    def __init__(self, program: Program, depth: int) -> None:
        self.before, self.values = program, program.values
        self.within = {v: _step(eq, depth) for eq in program.equations for v in eq.outputs}
        ends: dict[Any, set[Var]] = {}  # of each step, the values that are used outside it
        readers = [(self.within[eq.outputs[0]], eq.operands) for eq in program.equations]
        for reader, xs in [*readers, (None, program.outputs)]:
            for x in xs:
                if isinstance(x, Var) and (step := self.within.get(x)) is not None and step is not reader:
                    ends.setdefault(step, set()).add(x)
        self.end = {step: next(iter(results)) for step, results in ends.items() if len(results) == 1}
        books = {step: _textbook_of(step, self.values) for step in self.end}
        self.books = {step: book for step, book in books.items() if _can_be_recorded(book)}
        self.taken = Names([*(v.name for v in program.named), *program.constants])
        self.constants, self.named = dict(program.constants), set(program.named)

    def program(self) -> Program:
        program = self.before.mapped(self._definition)
        return replace(program, constants=self.constants, named=frozenset(self.named))

    def _definition(self, eq: Equation, defined: Mapping[Var, Equation]) -> Any:
        """What stands in the place of an equation: for the last of a known step the definition, for others nothing."""
        step = self.within[eq.outputs[0]]
        if step not in self.books:
            return None
        end, book = self.end[step], self.books[step]
        if end not in eq.outputs:
            return []
        further: dict[str, Any] = {}

        def run(tensors: Mapping[Var, Any]) -> Any:
            env = {w: tensors[x] if isinstance(x, Var) else x for w, x in step.inputs.items()}
            for word, e in book.where:
                env[word] = further[word] = evaluate(e, env, call=recorded)
            return evaluate(book.forward, env, call=recorded)

        inputs = {x: self.values[x] for x in step.inputs.values() if isinstance(x, Var)}
        names = {w: self.taken.take(w) for w, _ in book.where}
        equations, result = recorded_equations(
            run, inputs, self.before.graded,
            lambda: {t._node: names[w] for w, t in further.items() if isinstance(t, Tensor) and t._node is not None},
            Origin(None, 0, step.outer),  # it was not written where it is explained
        )  # fmt: skip
        self.named.update(v for e in equations for v in e.outputs if v.name)
        self.constants |= {names[w]: raw(t) for w, t in further.items() if not isinstance(t, Tensor) or t._node is None}
        return ending(equations, result, end)


def _step(eq: Equation, depth: int) -> Any:
    """The known step that an equation belongs to, if it is called at fewer than `depth` levels."""
    return next((g for g in groups(eq)[:depth] if g.textbook is not None), None)


def _textbook_of(step: Any, values: Mapping[Var, Any]) -> TextbookStep:
    meanings = {}
    for word, x in step.inputs.items():
        value = values[x] if isinstance(x, Var) else x
        is_array = isinstance(value, np.ndarray)
        meanings[word] = Written(name(word, value.shape), value) if is_array else parameter(value)
    return TextbookStep(step.textbook, meanings, lambda word, value: word)


def _can_be_recorded(book: TextbookStep) -> bool:
    """Whether rows compute everything in it, or what they do not compute is the same for all inputs."""
    rows: list[Any] = [part.row for e in (book.forward, *(e for _, e in book.where)) for part in walk(e) if part.row]
    return all(isinstance(row, Primitive) or row.builtin or row.name == "onehot" for row in rows)
