"""A chain as a program in JavaScript: the forward and the backward pass, and the partial derivatives of a picture.

The chain is traced again first (:mod:`.retraced`), so that what was computed from named arrays follows them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base.escape import plain, script
from ..engine.context import changed
from ..program import Equation, Program as Graph, Var
from ..tensor import Tensor
from .chain_rule import Chain, Exact
from .constants import is_number
from .formula import Expr, Function, constant, name, number, replaced
from .formula_ops import returns_its_operand, substitute
from .javascript import LARGE, NoForm, Writer, other
from .notation import Notation
from .retraced import retraced
from .simplify import fitted


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
        The inputs on which the result depends, and that can be changed.
    still : mapping of str to str
        Values that stay as they are in a traced function, each with why it does: that has no form, or "" if it has its
        numbers only.
    steps : Notation
        What it was made from.
    computed : frozenset of str
        The values that ``forward`` computes.
    """

    text: str
    maps: str
    inputs: Mapping[str, Any]
    leaves: frozenset[str]
    still: Mapping[str, str]
    steps: Notation
    computed: frozenset[str]


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
    graph, still = retraced(chain)
    try:
        return _program(chain, graph, dict.fromkeys(still, ""), partials)
    except NoForm as error:  # labels that choose entries have no form, but they may stay as they are
        refused = error
    labels = [v for v in chain.recorded.inputs if v.dtype.kind in "biu" and chain.names.get(v) not in still]
    for kept in (*([v] for v in labels), labels) if labels else ([],):
        try:
            graph, more = retraced(chain, "biuf" if labels else "f", kept)
            return _program(chain, graph, dict.fromkeys(more, f"{refused}.") | dict.fromkeys(still, ""), partials)
        except NoForm:
            continue
    raise refused


def _program(
    chain: Chain, graph: Notation, still: Mapping[str, str], partials: Sequence[tuple[str, Var, Var]]
) -> Program:
    writer = _Program(chain, graph, still)
    text = _function("forward(v)", writer.forward())
    leaves = frozenset(writer.used & {word for n, word in graph.names.items() if graph.is_input(n)} - still.keys())
    text += _function("backward(v, d)", writer.backward())
    text += _function("partials(v, p)", itertools.starmap(writer.partial, partials))
    inputs = {w: writer.values[w] for w in sorted(writer.used - writer.computed)}
    return Program(text, f"[{','.join(writer.maps)}]", inputs, leaves, still, graph, frozenset(writer.computed))


def _function(head: str, body: Iterable[str]) -> str:
    return "\n".join([f"function {head} {{", *(f"  {line}" for line in body), "}\n"])


def dotted(base: str, word: str) -> str:
    """``v.W``, or ``v["…"]`` for a name that is not an identifier; nothing in it can end a script element."""
    if re.fullmatch(r"[A-Za-z_]\w*", word, re.ASCII):
        return f"{base}.{word}"
    return f"{base}[{script(word)}]"


_VECTORS = {"linalg.eigh": (1,), "linalg.svd": (0, 2)}  # which results they are


class _Part(Function):
    """One of the several results of a linear row, which is linear as well."""

    kind = "linear"

    def __init__(self, row: Any, index: int) -> None:
        super().__init__(f"{row.name}[{index}]", lambda *xs, **params: row.fn(*xs, **params)[index])
        self.rule = row.rule


class _Program(Writer):
    def __init__(self, chain: Chain, graph: Notation, still: Mapping[str, str]) -> None:
        super().__init__()
        self.chain, self.graph, self.still = chain, graph, still
        self.exact = Exact(chain)
        self.symbols: dict[Var, Expr] = {}
        self.computed: set[str] = set()  # the names that the program computes
        for word, value in (chain.environment() | self.graph.environment()).items():
            self._define(word, dotted("v", word), value)
        self.differentiated = [v for v in graph.nodes if v in graph.graded]
        try:
            self.both = self._backward(graph.program)
        except (TypeError, ValueError, RuntimeError) as error:  # a rule branches on its numbers
            raise NoForm(f"the backward pass has no form in JavaScript: {error}") from error
        self.read = {*self.both.users, *self.both.results}  # of several results those that are used
        with np.errstate(all="ignore"):
            self.all_values = self.both.run({**self.both.examples, **graph.values})

    def _backward(self, program: Graph) -> Graph:
        with changed(values={}), np.errstate(all="ignore"):  # it will be computed again, from other values
            return program.backward(self.differentiated)

    def _define(self, word: str, written: str, value: Any) -> None:
        self.words[word], self.values[word] = written, value

    def symbol(self, n: Var) -> Expr:
        """The name of a value; one that has none is numbered."""
        if n not in self.symbols:
            sign, base = ("", "v") if n in self.graph.place else ("∂", "d")
            word = self.graph.names.get(n) or f"·{len(self.symbols)}"
            self._define(f"{sign}{word}", dotted(base, word), self.all_values[n])
            self.symbols[n] = name(f"{sign}{word}", n.shape)
        return self.symbols[n]

    def _assign(self, v: Var, text: str) -> str:
        word = self.symbol(v).value
        self.computed.add(word)
        return f"{self.words[word]} = {text};"

    def _lines(self, equations: Sequence[Equation]) -> Iterator[str]:
        for eq in equations:
            row = eq.row
            args = [self.symbol(x) if isinstance(x, Var) else self.graph.constant(x) for x in eq.operands]
            for k, v in enumerate(eq.outputs):
                if row.outputs and v not in self.read:
                    continue
                part = _Part(row, k) if row.outputs and row.kind == "linear" else row
                # As it was recorded: x / x is not 1 at 0.
                e = args[0] if returns_its_operand(eq) else Expr(row.name, tuple(args), None, eq.params, v.shape, part)
                if row.outputs and isinstance(row.js, str):
                    self._check_signs(eq, k)
                    yield self._assign(v, self.template(e, k))
                    continue
                e = self.opened(e, k) if row.outputs and part is row else e
                yield self._assign(v, self.array(fitted(e, v.shape)))

    def _check_signs(self, eq: Equation, k: int) -> None:
        """Raise if a result is vectors that the program uses: the page has them, perhaps with another sign."""
        v, row = eq.outputs[k], eq.row
        is_wide = len({*eq.shape_of(0)[-2:]}) > 1 and eq.params.get("full_matrices")
        if k in _VECTORS.get(row.name, ()) and (v in self.graph.program.users or is_wide):
            raise NoForm(f"the vectors of {plain(row.name)} have no form in JavaScript, for their signs are arbitrary")

    def forward(self) -> Iterator[str]:
        yield from self._lines(self.graph.program.equations)

    def backward(self) -> Iterator[str]:
        forward = self.graph.program.equations
        backward = self.both.equations[len(forward) :]
        self._check_constants(forward, backward)
        for v in self.both.inputs:
            if v not in self.graph.place:  # the gradient of the result
                yield self._assign(v, f"full({script(v.shape)}, 1)")
        yield from self._lines(backward)
        for v, g in zip(self.differentiated, self.both.outputs[1:], strict=True):
            e = self.symbol(g) if isinstance(g, Var) else constant(g)
            yield f"{dotted('d', self.symbol(v).value)} = {self.array(fitted(e, v.shape))};"

    def _check_constants(self, forward: Sequence[Equation], backward: Sequence[Equation]) -> None:
        """Raise if a rule has made a constant that other numbers would make another one."""
        constants = {key for eq in forward for key in _arrays(eq)}
        new = [(eq, key) for eq in backward for key in _arrays(eq) if key not in constants]
        if not new:
            return
        program = self.graph.program
        captured = {v: Tensor(other(t._data), requires_grad=t.requires_grad) for v, t in program.captured.items()}
        examples = {v: other(program.examples[v]) for v in program.inputs}
        again = replace(program, captured=captured, examples=examples)
        others = {key for eq in self._backward(again).equations for key in _arrays(eq)}
        for eq, key in new:
            if key not in others:
                raise NoForm(f"the rule of {plain(eq.row.name)} uses numbers that may have been computed")

    def partial(self, key: str, of: Var, wrt: Var) -> str:
        """The line that computes a partial of the picture."""
        stated, factor = self.chain.factor(of, wrt), self.exact.factor(of, wrt)
        formula = factor.formula
        if factor.is_map and of.size == 1:
            formula = substitute(formula, {factor.cotangent: number(1)})
        elif factor.combine != stated.combine:
            formula = stated.formula
        e = self.chain.constants.sliced(replaced(self.exact.expanded(of, formula), self._number))
        there = {*self.computed, *self.graph.names.values(), *self.still}
        if stale := e.names & set(self.chain.names.values()) - there:
            raise NoForm(f"{plain(min(stale))} is not computed in the page; draw the function itself, ag.trace(f, x)")
        return f"{dotted('p', key)} = {self.array(fitted(e, np.shape(stated.value)))};"

    def _number(self, e: Expr) -> Expr | None:
        """A number in the place of its name: n, or λ."""
        value = self.exact.environment().get(e.value) if e.role == "name" else None
        return number(value) if is_number(value) else None


def _arrays(eq: Equation) -> list[str]:
    """The keys of the constant arrays in an equation, but for those of one number."""
    arrays = (x for x in eq.operands if isinstance(x, np.ndarray) and x.size > 1)
    return [constant(x).key for x in arrays if (x != x.flat[0]).any()]
