"""Batched products: many small products that share a factor, or are added up, are one large product.

A recurrent net multiplies the inputs of each step by the same matrix: ``x[t] @ U`` for all t is ``x @ U``, if nothing
in x depends on the results. The gradient of a matrix that was used in each step is a sum of products ``h[t].T @ g[t]``:
it is one product of the stacked factors. Buffers make stacking free (:mod:`.memory`): each value is computed in its
place in the stack. Sums are then computed in a different order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block, instead_of, maker

FEWEST = 4  # products for which it pays
SMALL = 32_768  # bytes of an array that is better computed with others


def batched(block: Block) -> Block:
    """`block` with products batched."""
    batch = _Batch(block)
    batch.shared_factors()
    batch.same_operations()
    batch.sums_of_products()
    return replace(block, equations=batch.equations())


class _Batch:
    def __init__(self, block: Block) -> None:
        self.block = block
        self.defined, self.users = block.defined, block.users
        self.place = {v: i for i, eq in enumerate(block.equations) for v in eq.outputs}
        self.results = set(block.results)
        self.before: dict[int, list[Equation]] = {}  # new equations, by the place that they stand before
        self.dropped: set[int] = set()
        self.instead: dict[int, Equation] = {}
        self.stacks: list[tuple[list[Var], Var, int]] = []  # the stacks that were made, and their places

    def equations(self) -> list[Equation]:
        equations: list[Equation] = []
        for i, eq in enumerate(self.block.equations):
            equations += self.before.get(i, ())
            if id(eq) not in self.dropped:
                equations.append(self.instead.get(id(eq), eq))
        return equations

    def _is(self, x: Operand, algebra: str) -> Equation | None:
        eq = maker(x, self.defined, algebra)
        return None if id(eq) in self.dropped else eq

    def _ready(self, x: Var) -> int:
        """The place after which `x` could be computed: views of inputs at the very beginning."""
        eq = self.defined.get(x)
        if eq is None:
            return -1
        if eq.row.view and isinstance(eq.operands[0], Var):
            return self._ready(eq.operands[0])
        return self.place[x]

    # --------------------------------------------------------------------------------------------- shared factors

    def shared_factors(self) -> None:
        """``x[t] @ U`` for all t."""
        groups: dict[Any, list[Equation]] = {}
        for eq in self.block.equations:
            if eq.row.algebra == "dot product" and all(isinstance(x, Var) and x.ndim == 2 for x in eq.operands):
                left, right = eq.operands
                groups.setdefault((right, left.shape, left.dtype), []).append(eq)
        for (right, _, _), group in groups.items():
            first = self.place[group[0].outputs[0]]
            group = [eq for eq in group if self._ready(eq.operands[0]) < first]
            if len(group) >= FEWEST and self._ready(right) < first:
                self._multiplied_together(group, right, first)

    def _multiplied_together(self, group: list[Equation], right: Var, first: int) -> None:
        new: list[Equation] = []
        left = self._stacked([eq.operands[0] for eq in group], group[0], new, first)
        if left is None:
            return
        whole = instead_of(group[0], "dot product", left, right)
        new.append(whole)
        bias = self._common_bias(group, first)
        if bias is not None:
            whole = instead_of(group[0], "sum", whole.outputs[0], bias)
            new.append(whole)
        self._taken_apart(whole.outputs[0], group, first, new)

    def _taken_apart(self, whole: Var, group: list[Equation], first: int, new: list[Equation]) -> None:
        """The results of a group are slices of one array."""
        rows = group[0].outputs[0].shape[0]
        for k, eq in enumerate(group):
            index = (slice(k * rows, (k + 1) * rows), slice(None))
            new.append(instead_of(eq, "index", whole, into=eq.outputs[0], index=index, unique_indices=True))
            self.dropped.add(id(eq))
        self.stacks.append(([eq.outputs[0] for eq in group], whole, first))
        self.before.setdefault(first, []).extend(new)

    def _common_bias(self, group: list[Equation], first: int) -> Var | None:
        """What is added to each product, after a term that is not known yet: it can be added to all of them at once."""
        pairs = []
        for eq in group:
            inner = self._only_user(eq.outputs[0], "sum")
            outer = self._only_user(inner.outputs[0], "sum") if inner is not None else None
            if inner is None or outer is None:
                return None
            pairs.append((inner, outer, next(x for x in outer.operands if x is not inner.outputs[0])))
        bias = pairs[0][2]
        shape = group[0].outputs[0].shape
        fits = isinstance(bias, Var) and bias.shape == shape[1:] and self.place.get(bias, -1) < first
        if not fits or any(b is not bias or outer.outputs[0].shape != shape for _, outer, b in pairs):
            return None
        for inner, outer, _ in pairs:
            self.instead[id(inner)] = replace(inner, outputs=outer.outputs)
            self.dropped.add(id(outer))
        return bias

    def _only_user(self, x: Var, algebra: str) -> Equation | None:
        using = self.users[x]
        only = len(using) == 1 and using[0].row.algebra == algebra and x not in self.results
        return using[0] if only and id(using[0]) not in self.dropped and id(using[0]) not in self.instead else None

    # -------------------------------------------------------------------------------------------- same operations

    def same_operations(self) -> None:
        """``1 - h[t]`` for all t, where all ``h[t]`` are known."""
        groups: dict[Any, list[Equation]] = {}
        for eq in self.block.equations:
            variables = [x for x in eq.operands if isinstance(x, Var)]
            y = eq.outputs[0]
            small = y.ndim == 2 and y.shape[0] * y.shape[1] * y.dtype.itemsize <= SMALL
            of_one = len(set(variables)) == 1 and variables[0].shape == y.shape
            if of_one and small and isinstance(eq.row.fn, np.ufunc):
                others = tuple(None if isinstance(x, Var) else id(x) if np.ndim(x) else repr(x) for x in eq.operands)
                groups.setdefault((eq.row, y.shape, y.dtype, variables[0].dtype, others), []).append(eq)
        for group in groups.values():
            group = [eq for eq in group if id(eq) not in self.dropped and id(eq) not in self.instead]
            if len(group) >= 2 * FEWEST and all(np.ndim(x) == 0 for x in group[0].operands if not isinstance(x, Var)):
                self._computed_together(group)

    def _computed_together(self, group: list[Equation]) -> None:
        by_part = {next(x for x in eq.operands if isinstance(x, Var)): eq for eq in group}
        first = min(self.place[eq.outputs[0]] for eq in group)
        ready = [x for x in by_part if self.place.get(x, -1) < first or self._in_stack(x, first)]
        factors = sorted(ready, key=self._order)
        if len(factors) < 2 * FEWEST or not all(x in self.place for x in factors):
            return
        factors = self._as_stacked(factors)
        new: list[Equation] = []
        like = by_part[factors[0]]
        stack = self._stacked(factors, like, new, first)
        if stack is None:
            return
        operands = tuple(stack if isinstance(x, Var) else x for x in like.operands)
        y = like.outputs[0]
        whole = Var(y.name, (len(factors) * y.shape[0], y.shape[1]), y.dtype)
        new.append(replace(like, outputs=(whole,), operands=operands))
        self._taken_apart(whole, [by_part[x] for x in factors], first, new)

    def _in_stack(self, x: Var, first: int) -> bool:
        return any(x in stack and place <= first for stack, _, place in self.stacks)

    def _stacked(self, matrices: list[Var], at: Equation, new: list[Equation], limit: int) -> Var | None:
        """The rows of all `parts` as one matrix, at the place `limit`; None if they are not known there.

        That is a slice of a stack that exists, the array that they are views of, or a new stack.
        """
        rows, columns = matrices[0].shape
        for stack, whole, place in self.stacks:
            start = stack.index(matrices[0]) if matrices[0] in stack and place <= limit else len(stack)
            if stack[start : start + len(matrices)] == matrices:
                if len(matrices) == len(stack):
                    return whole
                index = (slice(start * rows, (start + len(matrices)) * rows), slice(None))
                new.append(instead_of(at, "index", whole, index=index, unique_indices=True))
                return new[-1].outputs[0]
        shape = len(matrices) * rows, columns
        source = self._sliced(matrices)
        place = max(self.place.get(x, -1) for x in (matrices if source is None else [source])) + 1
        if place > limit:
            return None
        steps = []
        if source is None:
            steps.append(instead_of(at, "stack", *matrices, axis=0))
            source = steps[0].outputs[0]
        steps.append(instead_of(at, "reshape", source, shape=shape, order="C"))
        self.before.setdefault(place, []).extend(steps)
        self.stacks.append((matrices, steps[-1].outputs[0], place))
        return steps[-1].outputs[0]

    def _sliced(self, matrices: list[Var]) -> Var | None:
        """The array whose slices ``x[0]``, ``x[1]``, … the parts are."""
        indexed = [self._is(x, "index") for x in matrices]
        x = indexed[0].operands[0] if indexed[0] is not None else None
        if not isinstance(x, Var) or x.shape != (len(matrices), *matrices[0].shape):
            return None
        slices = (eq is not None and eq.operands[0] is x and eq.params["index"] == k for k, eq in enumerate(indexed))
        return x if all(slices) else None

    # ------------------------------------------------------------------------------------------- sums of products

    def sums_of_products(self) -> None:
        """``h[0].T @ g[0] + h[1].T @ g[1] + ...``"""
        inner = {eq.outputs[0] for eq in self.block.equations if self._is_inner(eq)}
        sums = [(eq, self._terms(eq, inner)) for eq in self.block.equations if eq.row.algebra == "sum"]
        sums = [(eq, terms) for eq, terms in sums if eq.outputs[0] not in inner and len(terms) >= FEWEST]
        # the order of the factors is that of the first sum, which may be an order in memory: products come first; the
        # longest of them, so that the stack of another is a part of its own
        sums.sort(key=lambda pair: -sum(self._factors(x) is not None for x in pair[1]))
        for eq, terms in sums:
            self._added_together(eq, terms, inner)

    def _is_inner(self, eq: Equation) -> bool:
        """Whether a sum is used only as a term of another sum of the same shape."""
        y = eq.outputs[0]
        using = self.users[y]
        return (
            eq.row.algebra == "sum" and y not in self.results and len(using) == 1 and using[0].row.algebra == "sum"
            and using[0].outputs[0].shape == y.shape and using[0].outputs[0].dtype == y.dtype
        )  # fmt: skip

    def _terms(self, eq: Equation, inner: set[Var]) -> list[Any]:
        terms: list[Any] = []
        waiting = list(eq.operands)[::-1]
        while waiting:
            x = waiting.pop()
            if isinstance(x, Var) and x in inner:
                waiting += self.defined[x].operands[::-1]
            else:
                terms.append(x)
        return terms

    def _once(self, x: Any, algebra: str) -> Equation | None:
        """The equation of a value that is used once."""
        eq = self._is(x, algebra)
        return eq if eq is not None and len(self.users[x]) == 1 and x not in self.results else None

    def _added_together(self, eq: Equation, terms: list[Any], inner: set[Var]) -> None:
        """Write a sum with one product for all of its products of the same shapes, and one sum for all of its sums."""
        y = eq.outputs[0]
        groups: dict[Any, list[tuple[Any, ...]]] = {}  # first those of products
        rest: list[Any] = []
        for x in terms:
            term = self._factors(x) or self._column_sum(x)
            if term is not None and x.shape == y.shape:
                *arrays, _ = term
                groups.setdefault((-len(arrays), x.dtype, *(a.shape for a in arrays)), []).append(term)
            else:
                rest.append(x)
        new: list[Equation] = []
        for _, group in sorted(groups.items(), key=lambda item: item[0][0]):
            equations = [e for *_, e in group]
            if len(group) < FEWEST:
                rest += [e.outputs[0] for e in equations]
                continue
            new += self._of_all(eq, group)
            rest.append(new[-1].outputs[0])
            self.dropped.update(map(id, equations))
        if not new:
            return
        for x in rest[1:-1]:
            new.append(instead_of(eq, "sum", rest[0], x))
            rest[0] = new[-1].outputs[0]
        if len(rest) > 1:
            new.append(instead_of(eq, "sum", rest[0], rest[-1], into=y))
        else:
            last = new.pop()
            new.append(replace(last, outputs=(y,)))
        self.dropped.add(id(eq))
        waiting = [x for x in eq.operands if x in inner]
        while waiting:
            e = self.defined[waiting.pop()]
            self.dropped.add(id(e))
            waiting += [x for x in e.operands if isinstance(x, Var) and x in inner]
        self.before.setdefault(self.place[y], []).extend(new)

    def _of_all(self, eq: Equation, group: list[tuple[Any, ...]]) -> list[Equation]:
        """The sum of the products, or of the column sums, of a group of terms."""
        new: list[Equation] = []
        at = self.place[eq.outputs[0]]
        if len(group[0]) == 2:
            stack = self._stacked(self._as_stacked([a for a, _ in group]), eq, new, at)
            return [*new, instead_of(eq, "total", stack, axis=(0,), keepdims=False)]
        group.sort(key=lambda pair: self._order(pair[0]))
        left, right = (self._stacked([pair[k] for pair in group], eq, new, at) for k in (0, 1))
        new.append(instead_of(eq, "transpose", left, axes=None))
        return [*new, instead_of(eq, "dot product", new[-1].outputs[0], right)]

    def _order(self, x: Var) -> Any:
        eq = self._is(x, "index")
        index = eq.params["index"] if eq is not None else None
        return (self._ready(x), index if isinstance(index, int) else 0, self.place.get(x, -1))

    def _factors(self, x: Operand) -> tuple[Var, Var, Equation] | None:
        """``(L, R, equation)`` of a product ``L.T @ R`` that is used once."""
        eq = self._once(x, "dot product")
        turned = self._is(eq.operands[0], "transpose") if eq is not None else None
        if eq is None or turned is None or not all(isinstance(v, Var) and v.ndim == 2 for v in eq.operands):
            return None
        left = turned.operands[0]
        return (left, eq.operands[1], eq) if isinstance(left, Var) else None

    def _column_sum(self, x: Operand) -> tuple[Var, Equation] | None:
        """``(A, equation)`` of a sum over the rows of a matrix that is used once."""
        eq = self._once(x, "total")
        if eq is None or eq.params["keepdims"] or eq.params["axis"] not in ((0,), 0):
            return None
        a = eq.operands[0]
        return (a, eq) if isinstance(a, Var) and a.ndim == 2 else None

    def _as_stacked(self, matrices: list[Var]) -> list[Var]:
        """The same parts in the order of a stack that exists, if there is one."""
        wanted = set(matrices)
        return next((stack for stack, *_ in self.stacks if set(stack) == wanted), matrices)

