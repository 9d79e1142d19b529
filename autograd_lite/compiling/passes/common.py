"""Common subexpressions: two equations that compute the same from the same are one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program import Equation, Var
from ..block import Block, is_random

SMALL = 64  # entries of constants that are compared by value


def without_repetition(block: Block) -> Block:
    """`block` with each value computed once."""
    computed: dict[Any, Equation] = {}
    alive: list[Any] = []  # so that no id is used twice

    def key(x: object) -> Any:
        if isinstance(x, Var):
            return x
        if isinstance(x, np.ndarray) and x.size <= SMALL:
            return x.shape, x.dtype, x.tobytes()
        if isinstance(x, (tuple, list)):
            return type(x), *map(key, x)
        if isinstance(x, slice):
            return slice, x.start, x.stop, x.step
        if isinstance(x, (int, float, complex, str, bool, np.dtype, type(None))):
            return type(x), repr(x)
        alive.append(x)
        return id(x)

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        if is_random(eq):
            return None
        word = eq.row, *map(key, eq.operands), *((k, key(v)) for k, v in sorted(eq.params.items()))
        first = computed.setdefault(word, eq)
        if first is eq:
            return None
        return dict(zip(eq.outputs, first.outputs, strict=True))

    return block.mapped(rule)
