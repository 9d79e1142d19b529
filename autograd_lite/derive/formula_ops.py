"""Formulas of programs: what an equation computes, with formulas substituted for names, and evaluated.

A rule is run once on Tensors under a trace; the small graph that this records is the formula. The tree itself is in
:mod:`~autograd_lite.derive.formula`, simplification in :mod:`~autograd_lite.derive.simplify`, and printing in
:mod:`~autograd_lite.derive.writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np

from ..engine.node import ANY, Node, ancestors
from ..engine.record import record
from ..program import Equation, Var
from ..program.graph import equations_of
from ..tensor import Tensor
from .formula import Expr, Function, Labels, constant, fold, index_parts, number, unsimplified, walk
from .simplify import again, make, remade


def substitute(e: Expr, meanings: Mapping[str, Expr]) -> Expr:
    """`e` with formulas substituted for names, simplified again."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.names.isdisjoint(meanings):
            return part
        return meanings[part.value] if part.role == "name" else again(part, args)

    return fold(e, step)


def computed(part: Expr, args: Sequence[Any]) -> Any:
    """The value of one part from the values of its arguments, on arrays."""
    if part.row.kind != "elementwise" and not isinstance(part.row, Function):
        args = [np.asarray(a) for a in args]
    if part.role in ("negation", "sum", "difference"):  # of masks, as numbers
        args = [a.astype(int) if isinstance(a, np.ndarray | np.bool_) and a.dtype == bool else a for a in args]
    return part.row.fn(*args, **part.params)


def recorded(part: Expr, args: Sequence[Any]) -> Any:
    """The value of one part on Tensors, recorded; a notation, or a product, is what it does with them."""
    is_row = not isinstance(part.row, Function)
    if any(isinstance(p, Tensor) for p in index_parts(part.params.get("index"))):  # at labels that can be edited
        return (args[0] if isinstance(args[0], Tensor) else Tensor(args[0]))[part.params["index"]]
    return record(part.row, args, dict(part.params)) if is_row else part.row.fn(*args)


@np.errstate(all="ignore")
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
        return part.value if part.row is None else call(_at_labels(part, env), args)

    return fold(e, step, done)


def _at_labels(part: Expr, env: Mapping[str, Any]) -> Expr:
    """A part of a formula with the positions in its index that are in `env` by their names."""
    if "index" not in part.params:
        return part
    index = part.params["index"]
    named = tuple(env.get(p.word, p) if isinstance(p, Labels) else p for p in index_parts(index))
    parts = tuple(
        x if isinstance(p, Labels) and (np.shape(x), getattr(x, "dtype", None)) == (p.shape, p.dtype) else p
        for x, p in zip(named, index_parts(index), strict=True)
    )
    return replace(part, params={**part.params, "index": parts if isinstance(index, tuple) else parts[0]})


def largest(values: Any) -> float:
    """The size of the largest finite number."""
    return float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))


def unguarded(e: Expr) -> Expr:
    """A rule's formula without its guards against infinities and nan, which nobody writes on a board."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role == "selection" and any(test.role == "test for finite" for test in walk(part.of)):
            return args[2] if args[2].shape == part.shape else part
        return again(part, args)

    return fold(e, step)


_OF_REAL_NOTHING = ("conjugate", "real part", "cast")


def returns_its_operand(eq: Equation) -> bool:
    """Whether an equation is the conjugate, the real part or a cast of a real array of this dtype."""
    if eq.algebra not in _OF_REAL_NOTHING or eq.shape_of(0) != eq.shape:
        return False
    return bool(eq.dtypes[0] == eq.y.dtype and eq.dtypes[0].kind != "c")


def applied(eq: Equation, args: Sequence[Expr]) -> Expr:
    """What an equation computes from formulas for its operands."""
    if returns_its_operand(eq):
        return args[0]
    return remade(eq.row, args, eq.shapes, eq.params, eq.shape)


def of_graph(node: Node, meanings: Mapping[Node, Expr]) -> Expr:
    """The formula that a node stands for, recorded from leaf nodes that have `meanings`."""
    nodes = ancestors([node], ANY)[::-1]
    variables = {n: Var("", n.shape, n.dtype) for n in nodes if n in meanings}
    formulas = {v: meanings[n] for n, v in variables.items()}
    for eq in equations_of(nodes, variables, {}, repeat("")):
        if eq.row.outputs:
            raise TypeError(f"{eq.row.name} has several results")
        formulas[eq.y] = applied(eq, [formulas[x] if isinstance(x, Var) else constant(x) for x in eq.operands])
    return formulas[variables[node]] if node in variables else constant(node.y)


#: Of these the conjugate is the same of the conjugates.
_CONJUGATED = (
    "matrix product", "negation", "sum", "difference", "product", "quotient", "transpose", "matrix transpose",
    "reshape", "total", "square",
)  # fmt: skip


def conjugated(e: Expr) -> Expr:
    """The complex conjugate, moved inwards to the names."""

    def step(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role in _CONJUGATED:
            return make(part.row, args, part.params, part.shape)
        if part.is_number:
            return number(np.conj(part.value).item())
        if part.role == "conjugate":
            return part.of
        return unsimplified("conjugate", (part,), part.shape)

    return fold(e, step)
