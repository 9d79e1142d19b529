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

from ...program import Equation, Var
from ...rules.windows import counts
from ...table import Primitive
from ..block import Block, instead_of, kind_of
from . import strips
from .memory import WORTH


def _moved(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


#: A copy of an array with its first axis innermost in memory.
COPY = Primitive(
    "linear", _moved, (None,), name="batch_innermost", emit="{fn}({x})", out="np.copyto({out}, {x})", innermost=0
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
        self.copies: dict[Var, Var] = {}
        self.defined: dict[Var, Equation] = {}
        self.pairs: dict[Var, tuple[Var, Var]] = {}  # of products ``A @ B.mT`` of two such stacks
        self.products: dict[Var, tuple[Var, Var]] = {}  # of products ``A @ B`` of a matrix and such a stack
        self.strips: dict[Var, Var] = {}  # columns of windows as views of strips

    def add(self, eq: Equation) -> None:
        y = eq.outputs[0]
        first = next((x for x in eq.operands[:1] if isinstance(x, Var)), None)
        algebra = eq.row.algebra
        if eq.row.innermost == 0 and y.shape[0] >= WORTH:
            self.stacks.add(y)
            if algebra == "columns added up" and self._added_up(eq):
                return
            eq = replace(eq, operands=tuple(self._copied(x, y, eq) for x in eq.operands))
        elif isinstance(eq.row.fn, np.ufunc):
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
        self._append(eq)

    def _append(self, eq: Equation) -> Var:
        self.equations.append(eq)
        self.defined.update(dict.fromkeys(eq.outputs, eq))
        return eq.outputs[0]

    def _copied(self, x: Any, y: Var, eq: Equation) -> Any:
        if not isinstance(x, Var) or x in self.stacks or x.ndim < 3 or x.shape[0] != y.shape[0]:
            return x
        if x not in self.copies:
            self.copies[x] = self._append(Equation((Var(x.name, x.shape, x.dtype),), COPY, (x,), {}, eq.origin))
            self.stacks.add(self.copies[x])
        return self.copies[x]

    def _matrix(self, x: Var, eq: Equation) -> Var:
        """A stack of matrices (n, rows, columns) as one matrix (rows, columns * n): a view."""
        turned = self._append(instead_of(eq, "transpose", x, axes=(*range(1, x.ndim), 0)))
        return self._append(instead_of(eq, "reshape", turned, shape=(x.shape[1], -1), order="C"))

    def _product(self, eq: Equation) -> bool:
        (a, b), y = eq.operands, eq.outputs[0]
        if not isinstance(a, Var) or not isinstance(b, Var):
            return False
        if a.ndim == 2 and b.ndim == 3 and b in self.stacks:
            self.products[y] = a, b
            if (columns := self._columns(b)) is not None:
                return self._convolved(a, b, columns, eq)
            whole = self._append(instead_of(eq, "dot product", a, self._matrix(b, eq)))
            shape = y.shape[1], y.shape[2], y.shape[0]
            split = self._append(instead_of(eq, "reshape", whole, shape=shape, order="C"))
            self._append(instead_of(eq, "transpose", split, into=y, axes=(2, 0, 1)))
            self.stacks.add(y)
            return True
        turned = self.defined.get(b)
        if turned is not None and turned.row.algebra == "matrix transpose" and a in self.stacks and a.ndim == 3:
            (c,) = turned.operands
            if c in self.stacks and c.ndim == 3:
                self.pairs[y] = a, c
        return False

    def _total(self, eq: Equation) -> bool:
        x, y, axis, kept = eq.operands[0], eq.outputs[0], eq.params["axis"], eq.params["keepdims"]
        axes = axis if type(axis) is tuple else (axis,)
        if x in self.pairs and axes == (0,) and not kept:
            if (columns := self._columns(self.pairs[x][1])) is not None:
                return self._of_weights(*self.pairs[x], columns, eq)
            a, c = (self._matrix(v, eq) for v in self.pairs[x])
            turned = self._append(instead_of(eq, "transpose", c, axes=None))
            self._append(instead_of(eq, "dot product", a, turned, into=y))
            return True
        if x in self.stacks and x.ndim > 2 and axes == (0, *range(2, x.ndim)) and prod(x.shape):
            total = instead_of(eq, "total", self._matrix(x, eq), axis=(1,), keepdims=False, into=None if kept else y)
            self._append(total)
            if kept:
                self._append(instead_of(eq, "reshape", *total.outputs, into=y, shape=y.shape, order="C"))
            return True
        return False

    # -------------------------------------------------------------------------------------------------- strips

    def _columns(self, b: Var) -> Var | None:
        """Columns of windows as a view of strips."""
        eq = self.defined.get(b)
        if eq is None or eq.row.algebra != "windows as columns":
            return None
        if b not in self.strips and strips.shape_of(eq.operands[0].shape, **eq.params) is not None:
            cut = self._append(_new(eq, strips.CUT, *eq.operands, **eq.params))
            along = {"size": eq.params["kernel"][0], "stride": eq.params["stride"][0]}
            self.strips[b] = self._append(_new(eq, strips.OVERLAPPING, cut, **along))
        return self.strips.get(b)

    def _reordered(self, w: Var, places: int, eq: Equation) -> Var:
        """A matrix (n, channels * places) with its columns in the order of strips: places, then channels."""
        split = self._append(instead_of(eq, "reshape", w, shape=(w.shape[0], -1, places), order="C"))
        turned = self._append(instead_of(eq, "transpose", split, axes=(0, 2, 1)))
        return self._append(instead_of(eq, "reshape", turned, shape=w.shape, order="C"))

    def _by_windows(self, g: Var, count: int, eq: Equation) -> Var:
        """A stack (n, channels, columns) as (channels, count, length): a view."""
        turned = self._append(instead_of(eq, "transpose", g, axes=(1, 2, 0)))
        return self._append(instead_of(eq, "reshape", turned, shape=(g.shape[1], count, -1), order="C"))

    def _convolved(self, a: Var, b: Var, columns: Var, eq: Equation) -> bool:
        y, places = eq.outputs[0], prod(self.defined[b].params["kernel"])
        product = self._append(instead_of(eq, "matrix product", self._reordered(a, places, eq), columns))
        whole = self._append(instead_of(eq, "transpose", product, axes=(1, 0, 2)))
        split = self._append(instead_of(eq, "reshape", whole, shape=(*y.shape[1:], y.shape[0]), order="C"))
        self._append(instead_of(eq, "transpose", split, into=y, axes=(2, 0, 1)))
        self.stacks.add(y)
        return True

    def _of_weights(self, g: Var, b: Var, columns: Var, eq: Equation) -> bool:
        """The sum over all examples of ``g @ b.mT``."""
        y, places = eq.outputs[0], prod(self.defined[b].params["kernel"])
        turned = self._append(instead_of(eq, "transpose", self._by_windows(g, columns.shape[0], eq), axes=(1, 2, 0)))
        # with the longer axis first it is faster
        products = self._append(instead_of(eq, "matrix product", columns, turned))
        total = self._append(instead_of(eq, "total", products, axis=(0,), keepdims=False))
        split = self._append(instead_of(eq, "reshape", total, shape=(places, -1, y.shape[0]), order="C"))
        back = self._append(instead_of(eq, "transpose", split, axes=(2, 1, 0)))
        self._append(instead_of(eq, "reshape", back, into=y, shape=y.shape, order="C"))
        return True

    def _added_up(self, eq: Equation) -> bool:
        """Columns that are a product, added up at their places in images."""
        y, of = eq.outputs[0], {k: v for k, v in eq.params.items() if k != "sizes"}
        shape = strips.shape_of(y.shape, **of)
        if shape is None or eq.operands[0] not in self.products:
            return False
        a, g = self.products[eq.operands[0]]  # a (channels * places, rows)
        size, stride, (before, after) = of["kernel"][0], of["stride"][0], of["padding"][0]
        g = self._by_windows(g, counts(y.shape[2:], **of)[0], eq)
        w = self._append(instead_of(eq, "reshape", a, shape=(y.shape[1], size, -1, a.shape[1]), order="C"))
        if stride == 1 and max(before, after) < size:  # a convolution
            back = slice(None), slice(None, None, -1)
            w = self._append(instead_of(eq, "index", w, index=back, unique_indices=True))
            w = self._append(instead_of(eq, "transpose", w, axes=(2, 0, 1, 3)))
            w = self._append(instead_of(eq, "reshape", w, shape=(a.shape[0] // size, size * a.shape[1]), order="C"))
            g = self._append(_new(eq, strips.BETWEEN_ZEROS, g, before=size - 1 - before, after=size - 1 - after))
            g = self._append(_new(eq, strips.OVERLAPPING, g, size=size, stride=1))
            added = self._append(instead_of(eq, "matrix product", w, g))
            of["padding"] = ((0, 0), *of["padding"][1:])
        else:
            w = self._append(instead_of(eq, "transpose", w, axes=(1, 2, 0, 3)))
            w = self._append(instead_of(eq, "reshape", w, shape=a.shape, order="C"))
            g = self._append(instead_of(eq, "transpose", g, axes=(1, 0, 2)))
            columns = self._append(instead_of(eq, "matrix product", w, g))
            added = self._append(_new(eq, strips.ADDED_UP, columns, h=shape[0], size=size, stride=stride))
        self._append(Equation((y,), strips.PUT, (added,), {"shape": y.shape, **of}, eq.origin))
        return True


def _new(like: Equation, row: Primitive, *operands: Any, **params: Any) -> Equation:
    """An equation for a row of this package, in the place of `like`."""
    return Equation((Var(like.outputs[0].name, *kind_of(row, operands, params)),), row, operands, params, like.origin)
