"""Scaling: a number times a product of matrices is multiplied into the smaller factor, as in ``rate * (x.T @ g)``.

The result may differ in the last digit. Where the product overflows although the result would not, or the other way
round, this decides differently, so the number has to be of ordinary size.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...program import Equation, Operand, Var
from ..block import Block, maker, written
from .constants import uniform

GAIN = 4  # how many times smaller the factor has to be
LEAST = 256  # entries of a product that is worth it


def scaled(block: Block) -> Block:
    """`block` with numbers multiplied into small factors."""
    if not any(eq.algebra == "dot product" for eq in block.equations):
        return block
    users, results = block.users, set(block.results)

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        if eq.algebra != "product":
            return None
        for k, x in (eq.operands, eq.operands[::-1]):
            before = maker(x, defined, "dot product")
            if before is None or len(users[x]) > 1 or x in results:
                continue
            a, b = before.operands
            fits = all(isinstance(v, Var) and v.ndim == 2 and v.dtype == eq.y.dtype for v in (a, b))
            if not fits or not _is_number(k, eq) or prod(x.shape) < max(LEAST, GAIN * prod(b.shape)):
                continue
            if np.result_type(getattr(k, "dtype", k), b.dtype) == b.dtype:
                return written(eq, lambda k, a, b: a.dot(k * b), k, a, b, into=eq.outputs)
        return None

    return block.mapped(rule)


def _is_number(k: Operand, eq: Equation) -> bool:
    """Whether an operand is one number of ordinary size; of an input, such as a learning rate, that is assumed."""
    if isinstance(k, Var):
        return prod(k.shape) == 1 and k.ndim == 0 and k.dtype == eq.y.dtype
    number = k if isinstance(k, (int, float)) else uniform(k) if getattr(k, "ndim", 1) == 0 else None
    return number is not None and 2.0**-20 < abs(float(number)) < 2.0**20
