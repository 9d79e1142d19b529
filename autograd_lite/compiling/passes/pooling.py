"""Max pooling: in the backward pass, the mask of a relu before the pooling is applied to the gradient of each window,
before that is put at the place of the largest entry, and not to all entries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...program import Equation, Var
from ..block import Block, maker, written


def masked_first(block: Block) -> Block:
    """`block` with ``put(g, k) * h(x)`` as ``put(g * h(y), k)``, if the entries of `x` at the places `k` are `y`."""
    users, results = block.users, set(block.results)

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        for d, m in (eq.operands, eq.operands[::-1]) if eq.row.algebra == "product" else ():
            put, mask = maker(d, defined, "at the largest"), maker(m, defined)
            place = maker(put.operands[1], defined, "place of the largest") if put is not None else None
            if put is None or place is None or mask is None or mask.row.kind not in ("elementwise", "constant"):
                continue
            x, y = place.operands
            of_x = all(v is x or np.ndim(v) == 0 and not isinstance(v, Var) for v in mask.operands)
            if not of_x or m.shape != x.shape or len(users[d]) > 1 or d in results or d.dtype != eq.outputs[0].dtype:
                continue
            h = replace(m, shape=y.shape)
            at = tuple(y if v is x else v for v in mask.operands)
            (g,) = written(eq, np.multiply, put.operands[0], h)
            put = replace(put, operands=(*g.outputs, put.operands[1]), outputs=eq.outputs, origin=eq.origin)
            return [replace(mask, operands=at, outputs=(h,), origin=eq.origin), g, put]
        return None

    return block.mapped(rule)
