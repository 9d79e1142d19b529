"""Algebra: rewrites that change no result, not even its rounding, and with ``fast=True`` some that do.

``x * 1`` is x, ``-(-x)`` is x, ``a + (-b)`` is ``a - b``, ``x / 4`` is ``x * 0.25``; a transpose of a transpose and a
reshape of a reshape are one; a broadcast is left to the operation that uses it. ``x + 0`` (because of
``-0.0``), ``x * 0`` and ``x - x`` (because of nan) are not among them.
"""

from __future__ import annotations

from functools import partial
from math import frexp
from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block, maker, written
from .constants import uniform

Defined = dict[Var, Equation]
DOT = 4096  # entries up to which a dot product is as accurate as a pairwise sum needs to be


def simplified(block: Block) -> Block:
    """`block` after the rewrites in this file."""

    def rule(eq: Equation, defined: Defined) -> Any:
        if len(eq.outputs) != 1:
            return None
        changed = False
        if eq.row.kind == "elementwise" or isinstance(eq.row.fn, np.ufunc):
            eq, changed = _unbroadcast(eq, defined)
        rewrite = _RULES.get(eq.row.algebra or "")
        replacement = rewrite(eq, defined) if rewrite else None
        if replacement is None and block.fast and eq.row.algebra == "quotient":
            replacement = _quotient(eq, defined, exact=False)
        if isinstance(replacement, tuple):
            return written(eq, *replacement, into=eq.outputs)
        return [eq] if replacement is None and changed else replacement

    return block.mapped(rule)


def _like(x: Operand, eq: Equation) -> bool:
    """Whether `x` can stand for the result of an equation."""
    y = eq.outputs[0]
    return isinstance(x, Var) and x.shape == y.shape and x.dtype == y.dtype


def _number(x: Operand) -> Any:
    """The number that a constant operand consists of, or None."""
    if isinstance(x, Var):
        return None
    return x if isinstance(x, (int, float)) else uniform(x)


def _unbroadcast(eq: Equation, defined: Defined) -> tuple[Equation, bool]:
    """Operands as they were before they were broadcast, where the operation broadcasts them itself."""
    operands = list(eq.operands)
    for k, x in enumerate(operands):
        before = maker(x, defined, "broadcast")
        small = before.operands[0] if before is not None else uniform(x) if type(x) is np.ndarray and x.ndim else None
        if small is None or x is small:
            continue
        shapes = [shape_of(small if j == k else other) for j, other in enumerate(operands)]
        if np.broadcast_shapes(*shapes) == eq.outputs[0].shape:
            operands[k] = small
    changed = any(a is not b for a, b in zip(operands, eq.operands, strict=True))
    return (Equation(eq.outputs, eq.row, tuple(operands), eq.params, eq.origin), True) if changed else (eq, False)


def shape_of(x: Operand) -> Any:
    return x.shape if isinstance(x, (Var, np.ndarray)) else np.shape(x)


# A rule returns the value that an equation can be replaced by, or a function of NumPy and its operands, or None.


def _product(eq: Equation, defined: Defined) -> Any:
    for x, other in (eq.operands, eq.operands[::-1]):
        k = _number(x)
        if k is not None and k in (1, -1) and _like(other, eq):
            return other if k == 1 else (np.negative, other)
    return None


def _sum(eq: Equation, defined: Defined) -> Any:
    a, b = eq.operands
    if a is b and (n := maker(a, defined, "product")) is not None:  # doubling is exact
        for k, other in (n.operands, n.operands[::-1]):
            number = _number(k) if isinstance(k, (float, np.ndarray)) and _like(other, eq) else None
            if number is not None and 2.0**-100 < abs(number) < 2.0**100:
                return np.multiply, k + k, other
    for x, other in ((b, a), (a, b)):
        if (n := maker(x, defined, "negation")) is not None:
            return np.subtract, other, *n.operands
    return None


def _difference(eq: Equation, defined: Defined) -> Any:
    a, b = eq.operands
    if (n := maker(b, defined, "negation")) is not None:
        return np.add, a, *n.operands
    k = _number(b)
    zero = k is not None and np.asarray(k).dtype.kind in "bif" and k == 0 and not np.signbit(k)  # x - 0, not x - (-0.0)
    return a if zero and _like(a, eq) else None


def _quotient(eq: Equation, defined: Defined, exact: bool = True) -> Any:
    """Division by a power of two (or with ``exact=False`` by any number) is multiplication by its inverse."""
    a, b = eq.operands
    k = _number(b)
    if k is None or not isinstance(a, Var) or a.dtype != eq.outputs[0].dtype or not np.isfinite(k) or not k:
        return None
    if exact and (a.dtype.kind != "f" or abs(frexp(float(k))[0]) != 0.5 or not 2**-10 < abs(float(k)) < 2**10):
        return None  # of a number near 0 the inverse may be infinite
    if isinstance(b, (int, float)):
        return np.multiply, a, float(1 / k)
    return (np.multiply, a, np.broadcast_to(np.asarray(1 / k, b.dtype), b.shape)) if b.dtype.kind == "f" else None


def _negation(eq: Equation, defined: Defined) -> Any:
    x, y = eq.operands[0], eq.outputs[0]
    if (n := maker(x, defined, "product")) is not None and y.dtype.kind == "f":
        for k, other in (n.operands, n.operands[::-1]):
            if isinstance(k, float) or isinstance(k, np.ndarray) and k.ndim == 0 and k.dtype == y.dtype:
                return np.multiply, -k, other
    n = maker(x, defined, "negation")
    return n.operands[0] if n is not None and _like(n.operands[0], eq) else None


def _transpose(eq: Equation, defined: Defined) -> Any:
    x = eq.operands[0]
    before = maker(x, defined, "transpose")
    order = _order(eq)
    if before is not None:
        (x,), first = before.operands, _order(before)
        order = tuple(first[k] for k in order)
    if order == tuple(range(len(order))):
        return x if _like(x, eq) else None
    return None if before is None else (partial(np.transpose, axes=order), x)


def _order(eq: Equation) -> tuple[int, ...]:
    axes = eq.params["axes"]
    return tuple(range(eq.outputs[0].ndim))[::-1] if axes is None else tuple(axes)


def _reshape(eq: Equation, defined: Defined) -> Any:
    x, y = eq.operands[0], eq.outputs[0]
    before = maker(x, defined, "reshape")
    if not _like(x, eq) and before is not None and before.params["order"] == eq.params["order"] == "C":
        (x,) = before.operands
        return x if _like(x, eq) else (partial(np.reshape, shape=y.shape), x)
    return x if _like(x, eq) else None


def _matrix_transpose(eq: Equation, defined: Defined) -> Any:
    before = maker(eq.operands[0], defined, "matrix transpose")
    return None if before is None else before.operands[0]


def _assignment(eq: Equation, defined: Defined) -> Any:
    """``W[...] = value`` is the value."""
    index = eq.params["index"]
    everything = index is Ellipsis or isinstance(index, slice) and index == slice(None)
    return eq.operands[1] if everything and _like(eq.operands[1], eq) else None


def _same(eq: Equation, defined: Defined) -> Any:
    return eq.operands[0] if _like(eq.operands[0], eq) else None


def _total(eq: Equation, defined: Defined) -> Any:
    """The sum of a broadcast value is a product with the number of copies; the sum of all products is a dot product."""
    if (product := _sum_of_products(eq, defined)) is not None:
        return product
    before = maker(eq.operands[0], defined, "broadcast")
    if before is None:
        return None
    x, wide, y = before.operands[0], eq.operands[0], eq.outputs[0]
    if not isinstance(x, Var) or x.size != y.size or not y.size or y.dtype.kind not in "fc":
        return None
    axis = eq.params["axis"]
    axes = range(wide.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    extra = wide.ndim - x.ndim
    if any(k >= extra and x.shape[k - extra] != 1 for k in axes):
        return None
    copies = float(wide.size // y.size)
    return lambda x: (x if x.shape == y.shape else x.reshape(y.shape)) * copies, x


def _sum_of_products(eq: Equation, defined: Defined) -> Any:
    """``sum(a * b)`` and ``sum(a ** 2)`` over all axes."""
    x, y = eq.operands[0], eq.outputs[0]
    before = maker(x, defined, "product") or maker(x, defined, "square")
    if before is None or y.dtype.char not in "fd" or y.shape != () or not 1 < x.size <= DOT:
        return None
    a, b = before.operands if len(before.operands) == 2 else before.operands * 2
    if not all(isinstance(v, Var) and (v.shape, v.dtype) == (x.shape, y.dtype) for v in (a, b)):
        return None
    return lambda a, b: a.reshape(x.size).dot(b.reshape(x.size)), a, b


_RULES: dict[str, Any] = {
    "product": _product, "sum": _sum, "difference": _difference, "quotient": _quotient, "negation": _negation,
    "transpose": _transpose, "reshape": _reshape, "identity": _same, "broadcast": _same, "cast": _same,
    "total": _total, "assignment": _assignment, "matrix transpose": _matrix_transpose,
}  # fmt: skip
