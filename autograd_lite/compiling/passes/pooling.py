"""Pooling first: a bias and a relu are applied to the largest entry of each window, not to all entries.

``max_pool(relu(x + b))`` is ``relu(max_pool(x) + b)``, because both functions increase. In the backward pass the mask
of the relu is applied to the gradient before it is put at the places of the largest entries, not afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block, maker, written
from .dead_code import without_dead_code

LARGEST, PLACE, PUT = "largest of windows", "place of the largest", "at the largest"  # the rows of a max pooling
_ROUNDS = 3


def pooled_first(block: Block) -> Block:
    """`block` after both rewrites, which make each other possible."""
    if not any(eq.row.algebra == LARGEST for eq in block.equations):
        return block
    for _ in range(_ROUNDS):
        block = _Pooled(without_dead_code(_Pooled(block).masked())).increased()
    return block


class _Pooled:
    def __init__(self, block: Block) -> None:
        self.block = block
        self.defined = block.defined
        self.users: dict[Var, list[Equation | None]] = {x: [*using] for x, using in block.users.items()}
        for x in block.results:
            self.users[x] = [*self.users.get(x, ()), None]

    def _is(self, x: Operand, algebra: str) -> Equation | None:
        return maker(x, self.defined, algebra)

    def masked(self) -> Block:
        """``put(g, k) * h(x)`` is ``put(g * h(y), k)``, if the entries of `x` at the places `k` are `y`."""

        def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
            for d, m in (eq.operands, eq.operands[::-1]) if eq.row.algebra == "product" else ():
                put, mask = self._is(d, PUT), maker(m, self.defined)
                place = self._is(put.operands[1], PLACE) if put is not None else None
                if put is None or place is None or mask is None or mask.row.kind not in ("elementwise", "constant"):
                    continue
                x, y = place.operands
                of_x = all(v is x or np.ndim(v) == 0 and not isinstance(v, Var) for v in mask.operands)
                if not of_x or m.shape != x.shape or self.users[d] != [eq] or d.dtype != eq.outputs[0].dtype:
                    continue
                h = Var(m.name, y.shape, m.dtype)
                at = tuple(y if v is x else v for v in mask.operands)
                (g,) = written(eq, np.multiply, put.operands[0], h)
                put = replace(put, operands=(*g.outputs, *put.operands[1:]), outputs=eq.outputs, origin=eq.origin)
                return [replace(mask, operands=at, outputs=(h,), origin=eq.origin), g, put]
            return None

        return self.block.mapped(rule)

    def increased(self) -> Block:
        """``max_pool(up(x))`` is ``up(max_pool(x))``."""
        below: dict[Var, tuple[Any, Var]] = {}  # for the largest entries of `up(x)`: `x`, and its largest entries

        def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
            if eq.row.algebra == PLACE and eq.operands[1] in below:
                return [replace(eq, operands=below[eq.operands[1]])]
            up = self._increasing(eq) if eq.row.algebra == LARGEST and not any(map(any, eq.params["padding"])) else None
            if up is None:
                return None
            (y,), shape, equations = eq.outputs, eq.operands[0].shape, []
            operands: list[Any] = []
            for v in up.operands:
                aligned = (1,) * (up.outputs[0].ndim - len(v.shape)) + v.shape if isinstance(v, Var) else ()
                at = shape if aligned == up.outputs[0].shape else (*aligned[:2], *(1 for _ in shape[2:]))
                if isinstance(v, Var) and v.shape != at:
                    equations += written(up, partial(np.reshape, shape=at), v)
                    (v,) = equations[-1].outputs
                if at is shape and isinstance(v, Var):
                    largest = Var(y.name, y.shape, y.dtype)
                    equations.append(replace(eq, operands=(v,), outputs=(largest,)))
                    below[y] = v, largest
                    v = largest
                operands.append(v)
            return [*equations, replace(up, operands=tuple(operands), outputs=(y,))]

        return self.block.mapped(rule)

    def _increasing(self, eq: Equation) -> Equation | None:
        """The equation that made the operand of a pooling, if it can come after the pooling."""
        (f,), (y,) = eq.operands, eq.outputs
        places = [user for user in self.users[f] if user is not eq]
        argmax = [p for p in places if p is not None and p.row.algebra == PLACE and p.operands[1] is y]
        if not isinstance(f, Var) or len(argmax) < len(places):
            return None
        up, before = self.defined.get(f), self._is(f, "reshape")
        if before is not None and before.operands[0].shape[:2] == f.shape[:2] and before.params["order"] == "C":
            up = self.defined.get(before.operands[0]) if self.users[before.operands[0]] == [before] else None
        if up is None or up.row.algebra not in ("sum", "larger") or up.outputs[0].dtype != y.dtype:
            return None
        x, *others = sorted(up.operands, key=lambda v: v.shape != up.outputs[0].shape if isinstance(v, Var) else 2)
        if not isinstance(x, Var) or x.shape != up.outputs[0].shape or x.dtype != y.dtype:
            return None
        if up.row.algebra == "sum":
            flat = all(np.ndim(v) == 0 if not isinstance(v, Var) else self._flat(v, x) for v in others)
        else:  # where it does not increase, no gradient may arrive
            flat = all(self._masked(p, y, others[0]) for p in argmax)
        return up if flat else None

    def _flat(self, v: Var, x: Var) -> bool:
        """Whether `v` is broadcast along all windows of `x`."""
        return all(n == 1 for n in ((1,) * (x.ndim - v.ndim) + v.shape)[2:])

    def _masked(self, place: Equation, y: Var, number: Operand) -> bool:
        """Whether the values put at these places are zero wherever `y` is not greater than `number`."""
        if isinstance(number, Var) or np.ndim(number):
            return False
        for put in self.users[place.outputs[0]]:
            product = self._is(put.operands[0], "product") if put is not None and put.row.algebra == PUT else None
            masks = [self._is(v, "greater") for v in product.operands] if product is not None else []
            if not any(m and m.operands[0] is y and np.array_equal(m.operands[1], number) for m in masks):
                return False
        return True
