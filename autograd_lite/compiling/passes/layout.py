"""Layout: a transposed matrix that many products use is copied once, so that they read it in the order of memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from ...program import Equation, Var
from ...table import Primitive
from ..block import Block, new

FEWEST = 4  # products that are worth a copy

CONTIGUOUS = Primitive(
    "linear", np.ascontiguousarray, (None,), name="contiguous", emit="np.ascontiguousarray({x})",
    out="np.copyto({out}, {x})",
)  # fmt: skip


def laid_out(block: Block) -> Block:
    """`block` with such copies."""
    products = [eq for eq in block.equations if eq.row.algebra == "dot product"]
    often = Counter(x for eq in products for x in eq.operands if isinstance(x, Var))
    copies: dict[Var, Var] = {}
    equations: list[Equation] = []
    for eq in block.equations:
        y = eq.outputs[0]
        if eq.row.algebra == "dot product":
            eq = replace(eq, operands=tuple(copies.get(x, x) if isinstance(x, Var) else x for x in eq.operands))
        equations.append(eq)
        if eq.row.algebra == "transpose" and y.ndim == 2 and often[y] >= FEWEST:
            equations.append(new(eq, CONTIGUOUS, y))
            (copies[y],) = equations[-1].outputs
    return replace(block, equations=equations)
