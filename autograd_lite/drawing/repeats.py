"""Repeated blocks: of equal modules, each applied to the result of the previous one, the first stands for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..program import Equation, Program, Var
from ..program.naming import groups
from .groups import is_module

OFTEN = 3  # fewer repetitions are all drawn


def repeated(program: Program) -> tuple[dict[Var, Var], dict[Any, int]]:
    """For each value of a later block, that of the first block that stands for it; and the first blocks, counted."""
    defined = program.defined
    members: dict[Any, list[Equation]] = {}
    for eq in program.equations:
        for group in groups(eq):
            if is_module(group):
                members.setdefault(group, []).append(eq)
    runs: dict[Any, list[Any]] = {}  # of siblings, by the last block of each
    for group, inside in members.items():
        sources = (defined[x] for eq in inside for x in eq.operands if isinstance(x, Var) and x in defined)
        makers = (g for source in sources for g in groups(source))
        before = next((last for last in makers if last in runs and _follows(group, last, members)), None)
        runs[group] = [*runs.pop(before, []), group] if before is not None else [group]
    stands_for: dict[Var, Var] = {}
    count = {}
    for first, *others in runs.values():
        if len(others) + 1 < OFTEN:
            continue
        count[first] = len(others) + 1
        for other in others:
            for eq, shown in zip(members[other], members[first], strict=True):
                for v, w in zip(eq.outputs, shown.outputs, strict=True):
                    stands_for.setdefault(v, w)
                for x, z in zip(eq.operands, shown.operands, strict=True):
                    if isinstance(x, Var) and isinstance(z, Var) and x is not z and not {x, z} & defined.keys():
                        stands_for.setdefault(x, z)
    return stands_for, count


def _follows(group: Any, last: Any, members: Mapping[Any, Sequence[Equation]]) -> bool:
    """Whether a module is built like `last`, to whose result it is applied, and stands beside it."""
    if group.outer is not last.outer or group.module is last.module or type(group.module) is not type(last.module):
        return False
    return [_sign(eq) for eq in members[group]] == [_sign(eq) for eq in members[last]]


def _sign(eq: Equation) -> tuple[Any, ...]:
    return eq.row, eq.shape, len(groups(eq)), tuple(x.shape if isinstance(x, Var) else None for x in eq.operands)
