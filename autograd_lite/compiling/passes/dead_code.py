"""Dead code: an equation is dropped if nothing needs its results, unless it draws: the next draw would be another."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...program import Equation
from ..block import Block


def without_dead_code(block: Block) -> Block:
    """`block` with only those equations that outputs and updates depend on, and those that draw random numbers."""
    return replace(block, equations=used(block.equations, block.results))


def used(equations: Sequence[Equation], results: Iterable[Any]) -> list[Equation]:
    """The equations that the `results` depend on, and those that draw random numbers."""
    needed = set(results)
    kept = []
    for eq in reversed(equations):
        if eq.is_random or needed.intersection(eq.outputs):
            if eq.row.unused is not None and not needed.issuperset(eq.outputs):
                params, still = eq.row.unused([v in needed for v in eq.outputs], **eq.params)
                eq = replace(eq, params=params, outputs=tuple(eq.outputs[k] for k in still))
            kept.append(eq)
            needed.update(eq.reads)
    return kept[::-1]
