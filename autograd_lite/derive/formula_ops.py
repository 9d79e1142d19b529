"""Formulas of recorded graphs: what a node computes, with formulas substituted for names, and evaluated.

A rule is run once on Tensors under a trace; the small graph that this records is the formula. The tree itself is in
:mod:`~autograd_lite.derive.formula`, simplification in :mod:`~autograd_lite.derive.simplify`, and printing in
:mod:`~autograd_lite.derive.writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.node import Node
from ..engine.record import record
from ..table import TABLE
from .formula import Expr as Expr
from .formula import Function
from .formula import constant as constant
from .formula import factors_of as factors_of
from .formula import fold as fold
from .formula import multiplied as multiplied
from .formula import name as name
from .formula import number as number
from .formula import parts_of as parts_of
from .formula import replaced as replaced
from .formula import walk as walk
from .simplify import again, remade
from .simplify import make as make
from .simplify import product as product


def substitute(e: Expr, meanings: Mapping[str, Expr]) -> Expr:
    """`e` with formulas substituted for names, simplified again."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.names.isdisjoint(meanings):
            return part
        return meanings[part.value] if part.role == "name" else again(part, args)

    return fold(e, step)


def computed(part: Expr, args: Sequence[Any]) -> Any:
    """The value of one part from the values of its arguments, on arrays."""
    assert part.row is not None
    if part.row.kind != "elementwise":
        args = [np.asarray(a) for a in args]
    return part.row.fn(*args, **part.params)


def recorded(part: Expr, args: Sequence[Any]) -> Any:
    """The value of one part on Tensors, recorded; a notation, or a product, is what it does with them."""
    row: Any = part.row
    return row.fn(*args) if isinstance(row, Function) else record(row, args, dict(part.params))


def evaluate(
    e: Expr,
    env: Mapping[str, Any],
    done: dict[str, Any] | None = None,
    call: Callable[[Expr, Sequence[Any]], Any] = computed,
) -> Any:
    """The value of a formula from those of its names; `done` caches the values of its parts.

    ``call(part, arguments)`` computes one part: `computed` on arrays, `recorded` on Tensors.
    """

    def step(part: Expr, args: tuple[Any, ...]) -> Any:
        if part.role == "name":
            return env[part.value]
        return part.value if part.row is None else call(part, args)

    return fold(e, step, done)


def unguarded(e: Expr) -> Expr:
    """A rule's formula without its guards against infinities and nan, which nobody writes on a board."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role == "selection" and any(test.role == "test for finite" for test in walk(part.args[0])):
            return args[2] if args[2].shape == part.shape else part
        return again(part, args)

    return fold(e, step)


#: What changes nothing in a real array of the same dtype.
_OF_REAL_NOTHING = ("conjugate", "real part", "cast")


def applied(n: Node, args: Sequence[Expr], dtypes: Sequence[Any]) -> Expr:
    """What a recorded node computes from formulas for its arguments."""
    assert n.row is not None
    if n.row.algebra in _OF_REAL_NOTHING and dtypes[0] == n.dtype and n.dtype.kind != "c" and args[0].shape == n.shape:
        return args[0]
    return remade(n.row, args, n.shapes, n.params, n.shape)


def of_graph(node: Node, meanings: Mapping[Node, Expr]) -> Expr:
    """The formula that a node stands for, down to the nodes that have `meanings`."""
    done: dict[Node, Expr] = {}
    stack = [node]
    while stack:
        n = stack[-1]
        if n in meanings:
            done[n] = meanings[n]
        if n in done:
            stack.pop()
            continue
        if n.row is None:
            done[n] = constant(n.y)
            continue
        waiting = [p for p in n.parents if p is not None and p not in done]
        if waiting:
            stack += waiting
            continue
        args = [constant(x) if p is None else done[p] for p, x in zip(n.parents, n.xs, strict=True)]
        done[n] = applied(n, args, n.dtypes)
        stack.pop()
    return done[node]


#: Of these the conjugate is the same of the conjugates.
_CONJUGATED = (
    "matrix product", "negation", "sum", "difference", "product", "quotient", "transpose", "matrix transpose",
    "reshape", "total", "square",
)  # fmt: skip


def conjugated(e: Expr) -> Expr:
    """The complex conjugate, moved inwards to the names."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role in _CONJUGATED:
            assert part.row is not None
            return make(part.row, args, part.params, part.shape)
        if part.is_number:
            return number(np.conj(part.value).item())
        if part.role == "conjugate":
            return part.args[0]
        return Expr("conjugate", (part,), None, {}, part.shape, TABLE["conjugate"])

    return fold(e, step)
