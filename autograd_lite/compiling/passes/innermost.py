"""Batch innermost: a convolution runs in long strips of memory if the batch axis is innermost.

Shapes stay as they are; only the order of the entries in memory changes (:mod:`.memory` chooses it for the rows that
say ``innermost=0``, and elementwise operations keep it). In this order the columns of all windows of all examples are
one matrix, so a convolution and its gradients are one product each, not one for each example.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ...table import Primitive
from ...tracing import Equation, Var
from ..block import Block, made
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
        self.made: dict[Var, Equation] = {}
        self.pairs: dict[Var, tuple[Var, Var]] = {}  # of products ``A @ B.mT`` of two such stacks

    def add(self, eq: Equation) -> None:
        y = eq.outputs[0]
        first = eq.operands[0] if eq.operands else None
        algebra = eq.row.algebra
        if eq.row.innermost == 0 and y.shape[0] >= WORTH:
            operands = tuple(self._copied(x, y, eq) for x in eq.operands)
            eq = replace(eq, operands=operands)
            self.stacks.add(y)
        elif isinstance(eq.row.fn, np.ufunc):
            if any(x in self.stacks and x.shape == y.shape for x in eq.operands if isinstance(x, Var)):
                self.stacks.add(y)
        elif algebra == "reshape":
            if first in self.stacks and y.shape[:1] == first.shape[:1] and eq.params["order"] == "C":
                self.stacks.add(y)
        elif algebra == "matrix product" and self._product(eq) or algebra == "total" and self._total(eq):
            return
        self._append(eq)

    def _append(self, eq: Equation) -> Var:
        self.equations.append(eq)
        self.made.update(dict.fromkeys(eq.outputs, eq))
        return eq.outputs[0]

    def _copied(self, x: Any, y: Var, eq: Equation) -> Any:
        if not isinstance(x, Var) or x in self.stacks or x.ndim < 3 or x.shape[0] != y.shape[0]:
            return x
        if x not in self.copies:
            self.copies[x] = self._append(Equation((Var(x.name, x.shape, x.dtype),), COPY, (x,), {}, eq.node))
            self.stacks.add(self.copies[x])
        return self.copies[x]

    def _matrix(self, x: Var, eq: Equation) -> Var:
        """A stack of matrices (n, rows, columns) as one matrix (rows, columns * n): a view."""
        turned = self._append(made(eq, "transpose", x, axes=(1, 2, 0)))
        shape = x.shape[1], x.shape[2] * x.shape[0]
        return self._append(made(eq, "reshape", turned, shape=shape, order="C"))

    def _product(self, eq: Equation) -> bool:
        (a, b), y = eq.operands, eq.outputs[0]
        if not isinstance(a, Var) or not isinstance(b, Var):
            return False
        if a.ndim == 2 and b.ndim == 3 and b in self.stacks:
            whole = self._append(made(eq, "dot product", a, self._matrix(b, eq)))
            shape = y.shape[1], y.shape[2], y.shape[0]
            split = self._append(made(eq, "reshape", whole, shape=shape, order="C"))
            self._append(made(eq, "transpose", split, into=y, axes=(2, 0, 1)))
            self.stacks.add(y)
            return True
        turned = self.made.get(b)
        if turned is not None and turned.row.algebra == "matrix transpose" and a in self.stacks and a.ndim == 3:
            (c,) = turned.operands
            if c in self.stacks and c.ndim == 3:
                self.pairs[y] = a, c
        return False

    def _total(self, eq: Equation) -> bool:
        x, y, axis = eq.operands[0], eq.outputs[0], eq.params["axis"]
        if eq.params["keepdims"]:
            return False
        if x in self.pairs and axis in ((0,), 0):
            a, c = (self._matrix(v, eq) for v in self.pairs[x])
            turned = self._append(made(eq, "transpose", c, axes=None))
            self._append(made(eq, "dot product", a, turned, into=y))
            return True
        if x in self.stacks and x.ndim == 3 and axis == (0, 2) and prod(x.shape):
            self._append(made(eq, "total", self._matrix(x, eq), into=y, axis=(1,), keepdims=False))
            return True
        return False
