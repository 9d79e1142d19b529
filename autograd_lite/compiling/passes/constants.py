"""Constants: what depends on no input is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block

LARGE = 1_000_000  # entries; a larger constant is computed again rather than kept in memory


def folded(block: Block) -> Block:
    """`block` with the equations computed that have constant operands only."""

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        if eq.reads or eq.is_random:
            return None
        if any(y.dtype.kind not in "biufc" or np.prod(y.shape) > LARGE for y in eq.outputs):
            return None
        if eq.row.outputs and not eq.row.builtin:  # a function of the user's, which may have effects
            return None
        with np.errstate(all="ignore"):
            y = eq.row.fn(*eq.operands, **eq.params)
        return dict(zip(eq.outputs, map(_constant, y), strict=True)) if eq.row.outputs else _constant(np.asarray(y))

    return block if all(eq.reads for eq in block.equations) else block.mapped(rule)


def _constant(y: object) -> Any:
    """A value as a constant of a program: a number of Python's, or an array that cannot be written to."""
    if type(y) in (bool, int, float):
        return y
    value = np.asarray(y).view()
    value.setflags(write=False)
    return value


def uniform(x: Operand) -> Any:
    """The number that every entry of a constant is, as a 0-d array, or None."""
    if not isinstance(x, np.ndarray) or not x.size or x.dtype.kind not in "biufc":
        return None
    if x.ndim:
        short = x[tuple(slice(0, 1) if step == 0 else slice(None) for step in x.strides)]
        first = short.reshape(-1)[:1].reshape(())
        bits = np.dtype(f"V{x.dtype.itemsize}")  # 0.0 and -0.0 differ, nan equals itself
        if short.size > 1 and not (np.ascontiguousarray(short).view(bits) == np.asarray(first).view(bits)).all():
            return None
        return first
    return x
