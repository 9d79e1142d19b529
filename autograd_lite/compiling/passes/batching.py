"""Batched products: many small products that are added up are one large product.

The gradient of a matrix that a recurrent net uses in each step is a sum of products ``h[t].T @ g[t]``: it is one
product of the stacked factors. Buffers make stacking free (:mod:`.memory`): each value is computed in its place in the
stack. Sums are then computed in a different order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np

from ...engine.node import Function
from ...program import Equation, Operand, Var
from ..block import Block, maker, ordered, terms_of, written

FEWEST = 4  # products for which it pays


def batched(block: Block) -> Block:
    """`block` with products batched."""
    batch = _Batch(block)
    batch.sums_of_products()
    return replace(block, equations=batch.equations())


class _Batch:
    def __init__(self, block: Block) -> None:
        self.block = block
        self.defined, self.users = block.defined, block.users
        self.place = {v: i for i, eq in enumerate(block.equations) for v in eq.outputs}  # where each can be computed
        self.results = set(block.results)
        self.instead: dict[int, Sequence[Equation]] = {}  # what takes the place of equations, by their identity
        self.new: list[Equation] = []  # anywhere
        self.stacks: list[tuple[list[Var], Var, int]] = []  # the stacks that were made, and their places

    def equations(self) -> list[Equation]:
        equations = (e for eq in self.block.equations for e in self.instead.get(id(eq), [eq]))
        return ordered([*equations, *self.new])

    def _is(self, x: Operand, algebra: str) -> Equation | None:
        eq = maker(x, self.defined, algebra)
        return None if id(eq) in self.instead else eq

    def _stacked(self, matrices: list[Var], like: Equation, limit: int) -> Var:
        """The rows of all `matrices` as one matrix, which is needed at the place `limit`.

        That is a slice of a stack that exists, the array that they are views of, or a new stack.
        """
        for stack, whole, place in self.stacks:
            start = stack.index(matrices[0]) if matrices[0] in stack and place <= limit else len(stack)
            if stack[start : start + len(matrices)] == matrices:
                if len(matrices) == len(stack):
                    return whole
                rows = matrices[0].shape[0]
                part = slice(start * rows, (start + len(matrices)) * rows)
                self.new += written(like, lambda whole, part=part: whole[part], whole)
                return self.new[-1].y
        columns, source = matrices[0].shape[1], self._sliced(matrices)
        if source is None:
            self.new += written(like, lambda *xs: np.stack(xs).reshape(-1, columns), *matrices)
        else:
            self.new += written(like, lambda x: x.reshape(-1, columns), source)
        place = max(self.place.get(x, -1) for x in matrices) + 1
        self.stacks.append((matrices, self.new[-1].y, place))
        return self.new[-1].y

    def _sliced(self, matrices: list[Var]) -> Var | None:
        """The array whose slices ``x[0]``, ``x[1]``, … the matrices are."""
        indexed = [self._is(x, "index") for x in matrices]
        x = indexed[0].x if indexed[0] is not None else None
        if not isinstance(x, Var) or x.shape != (len(matrices), *matrices[0].shape):
            return None
        slices = (eq is not None and eq.x is x and eq.params["index"] == k for k, eq in enumerate(indexed))
        return x if all(slices) else None

    def _as_stacked(self, matrices: list[Var]) -> list[Var]:
        """The same matrices in the order of a stack that exists, if there is one."""
        wanted = set(matrices)
        return next((stack for stack, *_ in self.stacks if set(stack) == wanted), matrices)

    def _order(self, x: Var) -> tuple[int, int]:
        eq = self._is(x, "index")
        index = eq.params["index"] if eq is not None else None
        return index if isinstance(index, int) else 0, self.place.get(x, -1)

    def sums_of_products(self) -> None:
        """``h[0].T @ g[0] + h[1].T @ g[1] + ...``"""
        inner = {eq.y for eq in self.block.equations if self._is_inner(eq)}
        outer = [eq for eq in self.block.equations if eq.algebra == "sum" and eq.y not in inner]
        sums = [(eq, *terms_of(eq, self.defined, inner)) for eq in outer]
        # the order of the factors is that of the first sum, which may be an order in memory: products come first; the
        # longest of them, so that the stack of another is a part of its own
        sums.sort(key=lambda found: -sum(self._factors(x) is not None for x in found[1]))
        for eq, terms, within in sums:
            if len(terms) >= FEWEST and self._added_together(eq, terms):
                self.instead |= dict.fromkeys(map(id, within), ())

    def _is_inner(self, eq: Equation) -> bool:
        """Whether a sum is used only as a term of another sum of the same shape."""
        y = eq.y
        using = self.users[y]
        return (
            eq.algebra == "sum" and y not in self.results and len(using) == 1 and using[0].algebra == "sum"
            and using[0].y.shape == y.shape and using[0].y.dtype == y.dtype
        )  # fmt: skip

    def _once(self, x: Any, algebra: str) -> Equation | None:
        """The equation of a value that is used once."""
        eq = self._is(x, algebra)
        return eq if eq is not None and len(self.users[x]) == 1 and x not in self.results else None

    def _added_together(self, eq: Equation, terms: list[Any]) -> bool:
        """Write a sum with one product for all of its products of the same shapes, and one sum for all of its sums."""
        y = eq.y
        groups: dict[Any, list[tuple[Any, tuple[Var, ...]]]] = {}
        rest = []
        for x in terms:
            arrays = self._factors(x) or self._summed(x)
            if arrays is not None and x.shape == y.shape:
                groups.setdefault((-len(arrays), x.dtype, *(a.shape for a in arrays)), []).append((x, arrays))
            else:
                rest.append(x)
        sums: list[tuple[Function, list[Any]]] = []  # a function, and its operands
        for _, group in sorted(groups.items(), key=lambda item: item[0][0]):  # first those of products
            if len(group) < FEWEST:
                rest += [x for x, _ in group]
                continue
            stacks = [self._stacked(list(column), eq, self.place[y]) for column in self._columns(group)]
            sums.append((_total_of[len(stacks)], stacks))
            self.instead |= {id(self.defined[x]): () for x, _ in group}
        if not sums:
            return False

        def total(*xs: Any) -> Any:
            values = iter(xs)
            return reduce(np.add, [*islice(values, len(rest)), *(f(*islice(values, len(s))) for f, s in sums)])

        self.instead[id(eq)] = written(eq, total, *rest, *(x for _, stacks in sums for x in stacks), into=(y,))
        return True

    def _columns(self, group: list[tuple[Any, tuple[Var, ...]]]) -> Iterable[Sequence[Var]]:
        """The first factors of a group of products, and the second ones; or what is summed."""
        arrays = [arrays for _, arrays in group]
        if len(arrays[0]) == 1:
            return [self._as_stacked([a for (a,) in arrays])]
        return zip(*sorted(arrays, key=lambda pair: self._order(pair[0])), strict=True)

    def _factors(self, x: Operand) -> tuple[Var, ...] | None:
        """L and R of a product ``L.T @ R`` that is used once."""
        eq = self._once(x, "dot product")
        turned = self._is(eq.x, "transpose") if eq is not None else None
        if eq is None or turned is None or not all(isinstance(v, Var) and v.ndim == 2 for v in eq.operands):
            return None
        left = turned.x
        return (left, eq.operands[1]) if isinstance(left, Var) else None

    def _summed(self, x: Operand) -> tuple[Var, ...] | None:
        """The matrix of a sum over rows that is used once."""
        eq = self._once(x, "total")
        if eq is None or eq.params["keepdims"] or eq.params["axis"] not in ((0,), 0):
            return None
        return eq.operands if isinstance(eq.x, Var) and eq.x.ndim == 2 else None


#: The sum of all rows of a stack, and that of the outer products of the rows of two.
_total_of: dict[int, Function] = {1: lambda stack: stack.sum(axis=0), 2: lambda a, b: a.T.dot(b)}
