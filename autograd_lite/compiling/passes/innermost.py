"""Batch innermost: a convolution runs in long strips of memory if the batch axis is innermost.

Shapes stay as they are; only the order of the entries in memory changes (:mod:`.memory` chooses it for the rows that
say ``innermost=0``, and elementwise operations keep it). In this order a convolution and its gradients are products
for all examples, not for each one: of matrices that overlap in memory (:mod:`.strips`), or of all columns at once.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ...engine.node import Function, Params
from ...program import Equation, Var
from ...rules.windows import counts
from ...table import Primitive
from ..block import Block, maker, new, written
from . import strips
from .memory import WORTH


def _moved(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


#: A copy of an array with its first axis innermost in memory.
COPY = Primitive(
    "linear", _moved, (None,), name="batch_innermost", emit="{fn}({x})", out="np.copyto({out}, {x})", innermost=0,
    algebra="copy in another order",
)


def batch_innermost(block: Block) -> Block:
    """`block` with products of stacks as one product, where the stack is innermost in memory."""
    if not any(eq.row.innermost == 0 for eq in block.equations):
        return block
    inner = _Innermost(block)
    for eq in block.equations:
        inner.add(eq)
    return replace(block, equations=inner.equations)


class _Innermost:
    def __init__(self, block: Block) -> None:
        self.equations: list[Equation] = []
        self.stacks: set[Var] = set()  # values whose first axis is innermost
        self.defined: dict[Var, Equation] = {}
        self.products: dict[Var, tuple[Var, Var]] = {}  # of products ``A @ B`` of a matrix and such a stack

    def add(self, eq: Equation) -> None:
        y = eq.y
        first = next((x for x in eq.operands[:1] if isinstance(x, Var)), None)
        algebra = eq.algebra
        if eq.row.innermost == 0 and y.shape[0] >= WORTH:
            self.stacks.add(y)
            if algebra == "columns added up" and self._added_up(eq):
                return
            eq = replace(eq, operands=tuple(self._copied(x, y, eq) for x in eq.operands))
        elif eq.row.is_ufunc:
            same = [isinstance(x, Var) and x.shape == y.shape for x in eq.operands]
            if any(s and x in self.stacks for x, s in zip(eq.operands, same, strict=True)):
                operands = (self._copied(x, y, eq) if s else x for x, s in zip(eq.operands, same, strict=True))
                eq = replace(eq, operands=tuple(operands))
                self.stacks.add(y)
        elif algebra == "reshape":
            if first in self.stacks and y.shape[:1] == first.shape[:1] and eq.params["order"] == "C":
                self.stacks.add(y)
        elif algebra == "matrix product" and self._product(eq) or algebra == "total" and first and self._total(eq):
            return
        self._append([eq])

    def _append(self, equations: list[Equation]) -> None:
        for eq in equations:
            self.equations.append(eq)
            self.defined.update(dict.fromkeys(eq.outputs, eq))

    def _instead(self, eq: Equation, f: Function, *operands: Any) -> bool:
        """Compute the result of an equation by another function, of other operands."""
        self._append(written(eq, f, *operands, into=eq.outputs))
        return True

    def _copied(self, x: Any, y: Var, eq: Equation) -> Any:
        if not isinstance(x, Var) or x in self.stacks or x.ndim < 3 or x.shape[0] != y.shape[0]:
            return x
        self._append([new(eq, COPY, x)])
        self.stacks.update(self.equations[-1].outputs)
        return self.equations[-1].y

    def _product(self, eq: Equation) -> bool:
        (a, b), y = eq.operands, eq.y
        if not isinstance(a, Var) or a.ndim != 2 or b not in self.stacks or b.ndim != 3:
            return False
        self.products[y] = a, b
        self.stacks.add(y)
        shape = *y.shape[1:], y.shape[0]
        if (unfolded := self._in_strips(b)) is None:
            return self._instead(eq, lambda a, b: a.dot(_matrix(b)).reshape(shape).transpose(2, 0, 1), a, b)
        x, of = unfolded

        def product(a: Any, x: Any) -> Any:
            # the columns of `a` in the order of strips: places, then channels
            a = a.reshape(a.shape[0], -1, prod(of["kernel"])).transpose(0, 2, 1).reshape(a.shape)
            return np.matmul(a, _columns(x, of)).transpose(1, 0, 2).reshape(shape).transpose(2, 0, 1)

        return self._instead(eq, product, a, x)

    def _total(self, eq: Equation) -> bool:
        x, y, axis, kept = eq.x, eq.y, eq.params["axis"], eq.params["keepdims"]
        axes = axis if type(axis) is tuple else (axis,)
        if axes == (0,) and not kept and (pair := self._pair(x)) is not None:
            a, b = pair
            if (unfolded := self._in_strips(b)) is None:
                return self._instead(eq, lambda a, b: _matrix(a).dot(_matrix(b).T), a, b)
            x, of = unfolded

            def sum_of_products(g: Any, x: Any) -> Any:
                columns = _columns(x, of)
                products = np.matmul(columns, _by_windows(g, len(columns)).transpose(1, 2, 0))  # faster than g first
                split = products.sum(axis=0).reshape(prod(of["kernel"]), -1, y.shape[0])
                return split.transpose(2, 1, 0).reshape(y.shape)

            return self._instead(eq, sum_of_products, a, x)
        if x in self.stacks and x.ndim > 2 and axes == (0, *range(2, x.ndim)) and x.size:
            return self._instead(eq, lambda x: _matrix(x).sum(axis=1).reshape(y.shape), x)
        return False

    def _pair(self, x: Var) -> tuple[Var, Var] | None:
        """A and B of a product ``A @ B.mT`` of two stacks that are innermost."""
        eq = maker(x, self.defined, "matrix product")
        turned = maker(eq.operands[1], self.defined, "matrix transpose") if eq is not None else None
        if eq is None or turned is None:
            return None
        a, b = eq.x, turned.x
        return (a, b) if a in self.stacks and b in self.stacks and a.ndim == b.ndim == 3 else None

    def _in_strips(self, columns: Var) -> tuple[Var, Params] | None:
        """Images whose columns of windows are a view of strips, and the windows."""
        eq = maker(columns, self.defined, "windows as columns")
        possible = eq is not None and strips.shape_of(eq.x.shape, **eq.params) is not None
        return (eq.x, eq.params) if eq is not None and possible else None

    def _added_up(self, eq: Equation) -> bool:
        """Columns that are a product, added up at their places in images."""
        y, of = eq.y, {k: v for k, v in eq.params.items() if k != "sizes"}
        shape = strips.shape_of(y.shape, **of)
        if shape is None or eq.x not in self.products:
            return False
        size, stride, (before, after) = of["kernel"][0], of["stride"][0], of["padding"][0]
        windows = counts(y.shape[2:], **of)[0]

        def added_up(a: Any, g: Any) -> Any:  # a (channels * places, rows)
            w, g = a.reshape(y.shape[1], size, -1, a.shape[1]), _by_windows(g, windows)
            if stride == 1 and max(before, after) < size:  # a convolution
                w = w[:, ::-1].transpose(2, 0, 1, 3).reshape(a.shape[0] // size, size * a.shape[1])
                g = strips.BETWEEN_ZEROS(g, before=size - 1 - before, after=size - 1 - after)
                images = np.matmul(w, strips.OVERLAPPING(g, size=size, stride=1))
                return strips.PUT(images, shape=y.shape, **of | {"padding": ((0, 0), *of["padding"][1:])})
            w = w.transpose(1, 2, 0, 3).reshape(a.shape)
            columns = np.matmul(w, g.transpose(1, 0, 2))
            images = strips.ADDED_UP(columns, h=shape[0], size=size, stride=stride)
            return strips.PUT(images, shape=y.shape, **of)

        return self._instead(eq, added_up, *self.products[eq.x])


def _matrix(x: Any) -> Any:
    """A stack of matrices (n, rows, columns) as one matrix (rows, columns * n): a view."""
    return x.transpose(*range(1, x.ndim), 0).reshape(x.shape[1], -1)


def _columns(x: Any, of: Params) -> Any:
    """Columns of windows as a view of strips."""
    return strips.OVERLAPPING(strips.CUT(x, **of), size=of["kernel"][0], stride=of["stride"][0])


def _by_windows(g: Any, count: int) -> Any:
    """A stack (n, channels, columns) as (channels, count, length): a view."""
    return g.transpose(1, 2, 0).reshape(g.shape[1], count, -1)
