"""Casts: a single-precision program stays in single precision where that changes no result.

A rule that contains a mask and the number 0.5 computes in double precision what is immediately rounded to single.
A sum, product or quotient of two singles is the same whether it is rounded to double and then to single, or to single
directly, because double precision has more than twice the digits. A sum over axes is made in single precision by an
algorithm that is as accurate as a pairwise sum, as the engine does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block, new
from .constants import uniform

#: Operations that are rounded once, and those that move entries only.
ROUNDED = {"sum", "difference", "product", "quotient", "negation", "square"}
MOVED = {"reshape", "transpose", "broadcast"}


def narrowed(block: Block) -> Block:
    """`block` without detours from single to double precision and back."""

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        (y, *_), (x, *_) = eq.outputs, eq.operands
        if eq.algebra != "cast" or not isinstance(x, Var) or (x.dtype, y.dtype) != (np.float64, np.float32):
            return None
        detour = _Detour(defined, eq)
        narrow = detour.rounded(x)
        if narrow is None or not detour.steps:
            return narrow
        last = detour.steps.pop()
        return [*detour.steps, Equation((y,), last.row, last.operands, last.params, last.origin)]

    return block.mapped(rule) if any(eq.algebra == "cast" for eq in block.equations) else block


class _Detour:
    """The equations in single precision for one value in double precision."""

    def __init__(self, defined: dict[Var, Equation], at: Equation) -> None:
        self.defined, self.at = defined, at
        self.steps: list[Equation] = []

    def exact(self, x: Operand) -> Any:
        """`x` in single precision with the same value, or None."""
        if not isinstance(x, Var):
            number = np.asarray(x) if isinstance(x, (bool, int, float)) else uniform(x)
            same = number is not None and number.dtype.kind in "bif" and np.float32(number) == number
            return np.asarray(number, np.float32) if same else None
        if x.dtype == np.float32 or x.dtype == np.bool_:
            return x
        eq = self.defined.get(x)
        if eq is None or eq.algebra not in ("cast", "selection"):
            return None
        if eq.algebra == "cast":
            return self.exact(eq.x)
        return self._made(eq, [eq.x, *map(self.exact, eq.operands[1:])])

    def rounded(self, x: Var) -> Any:
        """`x` rounded to single precision, or None."""
        eq = self.defined.get(x)
        if eq is None or (single := self.exact(x)) is not None:
            return single if eq is not None else None
        if eq.algebra in MOVED:
            return self._made(eq, [self.rounded(eq.x)])
        if eq.algebra in ROUNDED or eq.algebra == "total":
            return self._made(eq, list(map(self.exact, eq.operands)))
        return None

    def _made(self, eq: Equation, operands: list[Any]) -> Any:
        """The equation `eq` on other operands, if all were found and its result is in single precision."""
        if any(x is None for x in operands):
            return None
        step = new(self.at, eq.row, *operands, **eq.params)
        if step.y.dtype != np.float32 or step.y.shape != eq.y.shape:
            return None
        self.steps.append(step)
        return step.y
