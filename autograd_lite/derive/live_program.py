"""A chain as a program in JavaScript: the forward and the backward pass, and the partial derivatives of a picture.

The chain is traced again first (:mod:`.retraced`), so that what was computed from named arrays follows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.escape import plain, script
from ..program import Equation, Var
from .chain_rule import Chain
from .constants import is_number
from .formula import Expr, Function, name, number, replaced
from .formula_ops import applied
from .javascript import LARGE, NoForm, Writer
from .notation import Notation
from .retraced import retraced
from .simplify import fitted
from .symbolic_rule import G, X, Y


@dataclass(frozen=True)
class Program:
    """The parts of a program in JavaScript.

    Attributes
    ----------
    text : str
        The functions ``forward(v)``, ``backward(v, d)`` and ``partials(v, p)``: they fill objects with values,
        gradients and partials, by name.
    maps : str
        The array ``M`` of linear maps and constants, as JSON.
    inputs : mapping of str to ndarray
        What the functions expect in `v`.
    leaves : frozenset of str
        The inputs on which the result depends.
    steps : Notation
        What it was made from.
    """

    text: str
    maps: str
    inputs: Mapping[str, Any]
    leaves: frozenset[str]
    steps: Notation


def program(chain: Chain, partials: Sequence[tuple[str, Var, Var]]) -> Program:
    """The program of `chain`, with the partials of the (key, of, with respect to) that are given.

    Raises
    ------
    NoForm
        If a row cannot be written, or numbers are complex or too many.
    """
    for n in chain.nodes:
        if n.dtype.kind == "c":
            raise NoForm("complex numbers have no form in JavaScript")
        if np.prod(n.shape) > LARGE:
            raise NoForm(f"an array of shape {n.shape} is too large for a page")
    try:
        return _program(chain, retraced(chain), partials)
    except NoForm as error:
        try:  # labels that choose entries have no form, but they may stay as they are
            return _program(chain, retraced(chain, "f"), partials)
        except NoForm:
            raise error from None


def _program(chain: Chain, graph: Notation, partials: Sequence[tuple[str, Var, Var]]) -> Program:
    writer = _Program(chain, graph)
    functions = {"forward(v)": list(writer.forward())}
    leaves = frozenset(writer.used & {word for n, word in graph.names.items() if graph.is_input(n)})
    functions["backward(v, d)"] = list(writer.backward())
    functions["partials(v, p)"] = [writer.partial(*what) for what in partials]
    lines = (f"function {head} {{\n{''.join(f'  {x}{chr(10)}' for x in body)}}}\n" for head, body in functions.items())
    inputs = {w: writer.values[w] for w in sorted(writer.used - writer.made)}
    return Program("".join(lines), f"[{','.join(writer.maps)}]", inputs, leaves, graph)


def dotted(base: str, word: str) -> str:
    """``v.W``, or ``v["…"]`` for a name that is not an identifier; nothing in it can end a script element."""
    if re.fullmatch(r"[A-Za-z_]\w*", word, re.ASCII):
        return f"{base}.{word}"
    return f"{base}[{script(word)}]"


class _Part(Function):
    """One of the several results of a linear row, which is linear as well."""

    kind = "linear"

    def __init__(self, row: Any, index: int) -> None:
        super().__init__(f"{row.name}[{index}]", lambda *xs, **params: row.fn(*xs, **params)[index])
        self.rule = row.rule


class _Program(Writer):
    def __init__(self, chain: Chain, graph: Notation) -> None:
        super().__init__()
        self.chain, self.graph = chain, graph
        self.symbols: dict[Var, Expr] = {}
        self.gradients: dict[Var, Expr] = {}
        self.made: set[str] = set()  # the names that the program computes
        for word, value in (chain.environment() | self.graph.environment()).items():
            self._define(word, dotted("v", word), value)

    def _define(self, word: str, written: str, value: Any) -> None:
        self.words[word], self.values[word] = written, value

    def symbol(self, n: Var) -> Expr:
        """The name of a value; one that has none is numbered."""
        if n not in self.symbols:
            word = self.graph.names.get(n) or f"·{len(self.symbols)}"
            self._define(word, dotted("v", word), self.graph.values[n])
            self.symbols[n] = name(word, n.shape)
        return self.symbols[n]

    def arguments(self, eq: Equation) -> list[Expr]:
        return [self.symbol(x) if isinstance(x, Var) else self.graph.constant(x) for x in eq.operands]

    def formula(self, n: Var) -> Expr:
        """What a value is computed as."""
        eq = self.graph.defined[n]
        return self._result(eq, eq.outputs.index(n)) if eq.row.outputs else applied(eq, self.arguments(eq))

    def _result(self, eq: Equation, index: int) -> Expr:
        """One of several results of an equation."""
        row: Any = _Part(eq.row, index) if eq.row.kind == "linear" else eq.row
        e = Expr(row.name, tuple(self.arguments(eq)), None, eq.params, eq.outputs[index].shape, row)
        return e if row is not eq.row else self.opened(e, index)

    def forward(self) -> Iterator[str]:
        for n in self.graph.nodes:
            if n in self.graph.defined:
                word = self.symbol(n).value
                yield f"{self.words[word]} = {self.array(fitted(self.formula(n), n.shape))};"
                self.made.add(word)

    def backward(self) -> Iterator[str]:
        root = self.graph.root
        yield f"{self.words[self._gradient(root).value]} = full({script(root.shape)}, 1);"
        for n in reversed(self.graph.nodes):
            if n not in self.gradients:
                continue
            for i, p in self.graph.active_arguments(n):
                down = self.array(fitted(self._pulled(n, i, p), p.shape))
                target = dotted("d", self.symbol(p).value)
                new = p not in self.gradients
                self._gradient(p)
                yield f"{target} = {down};" if new else f"{target} = add({target}, {down});"

    def _gradient(self, n: Var) -> Expr:
        if n not in self.gradients:
            word = f"∂{self.symbol(n).value}"
            self._define(word, dotted("d", self.symbol(n).value), np.ones(n.shape))
            self.gradients[n] = name(word, n.shape)
            self.made.add(word)
        return self.gradients[n]

    def _pulled(self, n: Var, i: int, p: Var) -> Expr:
        """The cotangent of argument `i` of `n`, from that of `n`."""
        edge = self.graph.rule(n, i)
        eq = self.graph.defined[n]
        meanings = {f"{X}{k}": e for k, e in enumerate(self.arguments(eq))} | {G: self._gradient(n), Y: self.symbol(n)}

        def of_result(part: Expr) -> Expr | None:
            if part.role != "name":
                return None
            if part.value.startswith(Y) and part.value != Y:  # of several
                return self._result(eq, int(part.value.removeprefix(Y)))
            return meanings.get(part.value)

        formula = replaced(edge.formula, of_result)
        return edge.below(self._gradient(n), formula, n.shape, p.shape)

    def partial(self, key: str, of: Var, wrt: Var) -> str:
        """The line that computes a partial of the picture."""
        factor = self.chain.factor(of, wrt)
        e = replaced(self.chain.expanded(of, factor.formula), self._number)
        stale = e.names & set(self.chain.names.values()) - self.made - set(self.graph.names.values())
        if stale:
            raise NoForm(f"{plain(min(stale))} is not computed in the page")
        return f"{dotted('p', key)} = {self.array(fitted(e, np.shape(factor.value)))};"

    def _number(self, e: Expr) -> Expr | None:
        """A number in the place of its name: n, or λ."""
        value = self.values[e.value] if e.role == "name" else None
        return number(value) if is_number(value) else None
