"""Known steps, inlined: in place of a call, the definition in its textbook.

The textbook's definitions become equations as if the user had written them, with their names: ``P = softmax(S)``,
``L = -sum(Y * log(P)) / n``. So the derivation shows why the gradient of a cross-entropy is ``(P - Y) / n``. A step
whose textbook has a symbol that no row computes, such as ⋆ for a convolution, stays closed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.operands import raw
from ..program import Equation, Program, Var
from ..program.equation import Origin
from ..program.graph import ending, recorded_equations
from ..program.naming import Names, groups, line
from ..table import Primitive
from ..table.textbook import NOTATIONS
from ..tensor import Tensor
from .formula import name, walk
from .formula_ops import evaluate, recorded
from .textbook_parser import TextbookStep, Written, parameter


def inlined(program: Program, depth: int) -> Program:
    """`program` with the known steps inlined that are called at fewer than `depth` levels, or whose book is opened."""
    opened = {group: getattr(group.textbook, "opened", False) for eq in program.equations for group in groups(eq)}
    if not depth and not any(opened.values()):
        return program
    values, constants, named = dict(program.values), dict(program.constants), set(program.named)
    taken = Names([*(v.name for v in named), *constants])
    step_of: dict[Var, Any] = {
        v: next((g for k, g in enumerate(groups(eq)) if opened[g] or k < depth and g.textbook is not None), None)
        for eq in program.equations for v in eq.outputs
    }  # fmt: skip
    inputs_of, data = _inputs(program, step_of, opened)
    values |= data
    graded = {*program.graded, *data}
    books = _textbooks(program, step_of, values, inputs_of)

    def definition(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | dict[Var, Any] | None:
        """What stands in the place of an equation: for the last of a known step the definition, for others nothing."""
        step = step_of[eq.y]
        if step not in books:
            return None
        end, book = books[step]
        if end not in eq.outputs:
            return []
        further: dict[str, Any] = {}

        def run(tensors: Mapping[Var, Any]) -> Any:
            env = {word: tensors[x] if isinstance(x, Var) else x for word, x in inputs_of[step].items()}
            for word, e in book.where:
                env[word] = further[names[word]] = evaluate(e, env, call=recorded)
            return evaluate(book.forward, env, call=recorded)

        def recorded_names() -> dict[Any, str]:
            return {t._node: word for word, t in further.items() if isinstance(t, Tensor) and t._node is not None}

        names = {word: taken.take(word) for word, _ in book.where}
        inputs = {x: values[x] for x in inputs_of[step].values() if isinstance(x, Var)}
        origin = Origin(None, 0, step.outer)  # it was not written where it is explained
        equations, result = recorded_equations(run, inputs, graded, recorded_names, origin)
        named.update(v for e in equations for v in e.outputs if v.name)
        computed = set(recorded_names().values())
        constants.update({word: raw(t) for word, t in further.items() if word not in computed})
        return ending(equations, result, end)

    mapped = program.mapped(definition)
    inputs = {v.name for v in data}
    return replace(
        mapped, constants={w: x for w, x in constants.items() if w not in inputs},
        named=frozenset({*named, *data}), inputs=(*program.inputs, *data), examples={**program.examples, **data},
    )  # fmt: skip


def _inputs(
    program: Program, step_of: Mapping[Var, Any], opened: Mapping[Any, bool]
) -> tuple[dict[Any, dict[str, Any]], dict[Var, Any]]:
    """The inputs of each known step, and the variables among them that stand for data with a name, with these."""
    passed = {eq: _passed(eq, step) for eq in program.equations if (step := step_of[eq.y]) and opened[step]}
    pairs = [pair for words in passed.values() for pair in words.values()]
    variables = _variables(pairs, program.constants)
    inputs_of = {step: dict(step.inputs) for step in step_of.values() if step}
    for eq, words in passed.items():
        inputs_of[step_of[eq.y]] |= {word: variables[w] for word, (w, _) in words.items() if w in variables}
    return inputs_of, {variables[w]: np.asarray(x, float) for w, x in pairs if w in variables}


def _passed(eq: Equation, step: Any) -> dict[str, tuple[str, Any]]:
    """The variables with data that are passed to a known step, by its parameters: sigma and 0.6 for `scale`."""
    match line(eq):
        case ast.Call(ast.Attribute(attr=f) | ast.Name(id=f), args, keywords) if f == step.name.rpartition(".")[2]:
            written = dict(zip(step.inputs, args, strict=False)) | {k.arg: k.value for k in keywords if k.arg}
            data = {word: x for word, x in step.inputs.items() if not isinstance(x, Var) and _is_data(x)}
            return {word: (e.id, x) for word, x in data.items() if isinstance(e := written.get(word), ast.Name)}
    return {}


def _variables(passed: Sequence[tuple[str, Any]], constants: Mapping[str, Any]) -> dict[str, Var]:
    """A variable for each name that stands for the same data everywhere."""
    values, others = {**dict(passed), **{w: constants[w] for w, _ in passed if w in constants}}, set[str]()
    others |= {w for w, x in passed if not np.array_equal(x, values[w])}
    return {w: Var(w, np.shape(x), np.dtype(float)) for w, x in values.items() if w not in others}


def _is_data(x: Any) -> bool:
    return isinstance(x, int | float | np.ndarray) and np.asarray(x).dtype.kind in "fi"


def _textbooks(
    program: Program, step_of: Mapping[Var, Any], values: Mapping[Var, Any], inputs_of: Mapping[Any, Mapping[str, Any]]
) -> dict[Any, tuple[Var, TextbookStep]]:
    """The known steps that have one result and can be recorded, each with that and its textbook."""
    results: dict[Any, set[Var]] = {}  # of each step, the values that are used outside it
    users = [(step_of[eq.y], eq.operands) for eq in program.equations]
    for user, xs in [*users, (None, program.outputs)]:
        for x in xs:
            if isinstance(x, Var) and (step := step_of.get(x)) is not None and step is not user:
                results.setdefault(step, set()).add(x)
    books = {
        step: (next(iter(ends)), _textbook_of(step.textbook, inputs_of[step], values))
        for step, ends in results.items() if len(ends) == 1
    }  # fmt: skip
    return {
        step: (end, book) for step, (end, book) in books.items()
        if _can_be_recorded(book) and not (book.book.opened and not _is_value(book, values[end]))
    }  # fmt: skip


def _is_value(book: TextbookStep, value: Any) -> bool:
    """Whether a formula gives the value of the call: a density has another form outside its support."""
    env = {word: w.value for word, w in book.meanings.items()}
    return np.allclose(evaluate(book.forward, env), value, rtol=1e-6, atol=1e-9)


def _textbook_of(textbook: Any, inputs: Mapping[str, Any], values: Mapping[Var, Any]) -> TextbookStep:
    meanings = {}
    for word, x in inputs.items():
        value = values[x] if isinstance(x, Var) else x
        is_array = isinstance(x, Var | np.ndarray)
        meanings[word] = Written(name(word, np.shape(value)), value) if is_array else parameter(value)
    return TextbookStep(textbook, meanings, lambda word, value: word)


def _can_be_recorded(book: TextbookStep) -> bool:
    """Whether rows compute everything in it, or what they do not compute is the same for all inputs."""
    rows = [part.row for e in (book.forward, *(e for _, e in book.where)) for part in walk(e) if part.row]
    return all(isinstance(row, Primitive) or row.builtin or NOTATIONS[row.name].rows for row in rows)
