"""Dead code: an equation is dropped if nothing needs its results."""

from dataclasses import replace

from ...program import Var
from ..block import Block


def without_dead_code(block: Block) -> Block:
    """`block` with only those equations that outputs and updates depend on."""
    needed = set(block.results)
    kept = []
    for eq in reversed(block.equations):
        if needed.intersection(eq.outputs):
            kept.append(eq)
            needed.update(x for x in eq.operands if isinstance(x, Var))
    return replace(block, equations=kept[::-1])
