"""Algebra: rewrites that change no result, not even its rounding, and with ``fast=True`` two that do.

``x * 1`` is x, ``-(-x)`` is x, ``a + (-b)`` is ``a - b``; a reshape of a reshape is one; a broadcast is left to the
operation that uses it. ``x + 0`` (because of ``-0.0``), ``x * 0`` and ``x - x`` (because of nan) are not among them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from ...engine.node import Params
from ...program import Equation, Operand, Var
from ..block import Block, maker, written
from .constants import uniform

MOST = 64  # exponent of a power that is written as products

Defined = dict[Var, Equation]


def simplified(block: Block) -> Block:
    """`block` after the rewrites in this file."""

    def rule(eq: Equation, defined: Defined) -> Any:
        if len(eq.outputs) != 1:
            return None
        before = eq
        if eq.row.kind == "elementwise" or eq.row.is_ufunc:
            eq = _unbroadcast(eq, defined)
        rewrite = _RULES.get(eq.algebra or "")
        replacement = rewrite(eq, defined) if rewrite else None
        if block.fast and eq.algebra == "quotient":
            replacement = _inverse(eq)
        if eq.algebra == "power":
            replacement = _products(eq, block.fast or block.vectors is not None)
        if isinstance(replacement, tuple):
            return written(eq, *replacement, into=eq.outputs)
        return [eq] if replacement is None and eq is not before else replacement

    return block.mapped(rule)


def _like(x: Operand, eq: Equation) -> bool:
    """Whether `x` can stand for the result of an equation."""
    y = eq.y
    return isinstance(x, Var) and x.shape == y.shape and x.dtype == y.dtype


def _number(x: Operand) -> Any:
    """The number that a constant operand consists of, or None."""
    if isinstance(x, Var):
        return None
    return x if isinstance(x, (int, float)) else uniform(x)


def _unbroadcast(eq: Equation, defined: Defined) -> Equation:
    """An equation with operands as they were before they were broadcast, where the operation broadcasts them itself."""
    operands = list(eq.operands)
    for k, x in enumerate(operands):
        before = maker(x, defined, "broadcast")
        small = before.x if before is not None else uniform(x) if type(x) is np.ndarray and x.ndim else None
        if small is None or x is small:
            continue
        shapes = [getattr(small if j == k else other, "shape", ()) for j, other in enumerate(operands)]
        if np.broadcast_shapes(*shapes) == eq.y.shape:
            operands[k] = small
    same = all(a is b for a, b in zip(operands, eq.operands, strict=True))
    return eq if same else replace(eq, operands=tuple(operands))


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


def _inverse(eq: Equation) -> Any:
    """Division by a number is multiplication by its inverse, which rounds differently."""
    a, b = eq.operands
    k = _number(b)
    if k is None or not isinstance(a, Var) or a.dtype != eq.y.dtype or not np.isfinite(k) or not k:
        return None
    if isinstance(b, (int, float)):
        return np.multiply, a, float(1 / k)
    return (np.multiply, a, np.broadcast_to(np.asarray(1 / k, b.dtype), b.shape)) if b.dtype.kind == "f" else None


def _products(eq: Equation, always: bool) -> Any:
    """A power with a whole exponent as products, which from the third power on round differently."""
    x, k = eq.x, _number(eq.operands[1])
    if k is None or k not in range(MOST + 1 if always else 2) or not _like(x, eq) or x.dtype.kind != "f":
        return None
    if k == 0:
        return np.broadcast_to(np.ones((), x.dtype), x.shape)

    def power(x: Any) -> Any:
        squares = [x]
        while 2 ** len(squares) <= k:
            squares.append(squares[-1] * squares[-1])
        return reduce(np.multiply, [square for j, square in enumerate(squares) if int(k) >> j & 1])

    return x if k == 1 else (power, x)


def _negation(eq: Equation, defined: Defined) -> Any:
    x, y = eq.x, eq.y
    if (n := maker(x, defined, "product")) is not None and y.dtype.kind == "f":
        for k, other in (n.operands, n.operands[::-1]):
            if isinstance(k, float) or isinstance(k, np.ndarray) and k.ndim == 0 and k.dtype == y.dtype:
                return np.multiply, -k, other
    n = maker(x, defined, "negation")
    return n.x if n is not None and _like(n.x, eq) else None


def _reshape(eq: Equation, defined: Defined) -> Any:
    x, y = eq.x, eq.y
    before = maker(x, defined, "reshape")
    if not _like(x, eq) and before is not None and before.params["order"] == eq.params["order"] == "C":
        (x,) = before.operands
        return x if _like(x, eq) else (partial(np.reshape, shape=y.shape), x)
    return x if _like(x, eq) else None


def _assignment(eq: Equation, defined: Defined) -> Any:
    """``W[...] = value`` is the value."""
    index = eq.params["index"]
    everything = index is Ellipsis or isinstance(index, slice) and index == slice(None)
    return eq.operands[1] if everything and _like(eq.operands[1], eq) else None


def _same(eq: Equation, defined: Defined) -> Any:
    return eq.x if _like(eq.x, eq) else None


_RULES: Params = {
    "product": _product, "sum": _sum, "negation": _negation, "reshape": _reshape, "identity": _same,
    "broadcast": _same, "cast": _same, "assignment": _assignment,
}  # fmt: skip
