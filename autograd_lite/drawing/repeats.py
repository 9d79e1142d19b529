"""Repeated blocks: of equal modules, each applied to the result of the previous one, the first stands for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.node import Node
from ..program.naming import groups
from .groups import is_module

OFTEN = 3  # fewer repetitions are all drawn


def repeated(nodes: Sequence[Node]) -> tuple[dict[Node, Node], dict[Any, int]]:
    """For each node of a later block, the node of the first block that stands for it; and the first blocks, counted."""
    members: dict[Any, list[Node]] = {}
    for n in nodes:
        for group in groups(n):
            if is_module(group):
                members.setdefault(group, []).append(n)
    runs: dict[Any, list[Any]] = {}  # of siblings, by the last block of each
    for group in members:
        makers = (g for n in members[group] for p in n.parents if p is not None for g in groups(p))
        before = next((last for last in makers if last in runs and _follows(group, last, members)), None)
        runs[group] = [*runs.pop(before, []), group] if before is not None else [group]
    stands_for: dict[Node, Node] = {}
    count: dict[Any, int] = {}
    for first, *others in runs.values():
        if len(others) + 1 < OFTEN:
            continue
        count[first] = len(others) + 1
        for other in others:
            for n, m in zip(members[other], members[first], strict=True):
                stands_for.setdefault(n, m)
                for p, q in zip(n.parents, m.parents, strict=True):
                    if p is not None and q is not None and p is not q and p.row is q.row is None:
                        stands_for.setdefault(p, q)
    return stands_for, count


def _follows(group: Any, last: Any, members: Mapping[Any, Sequence[Node]]) -> bool:
    """Whether a module is built like `last`, to whose result it is applied, and stands beside it."""
    if group.outer is not last.outer or group.module is last.module or type(group.module) is not type(last.module):
        return False
    return [_sign(n) for n in members[group]] == [_sign(n) for n in members[last]]


def _sign(n: Node) -> tuple[Any, ...]:
    return n.row, n.shape, len(groups(n)), tuple(None if p is None else p.shape for p in n.parents)
