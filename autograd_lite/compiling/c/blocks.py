"""Loops over the same rows, one after another for a block of rows: what one stores is in the cache for the next.

A row is what belongs to one turn of the outermost loop, or to several of it where another loop has fewer. Two loops may
share blocks if whatever one of them writes and the other one reads or writes belongs to the same row in both: its
entries move by the same stride from row to row, and those of a row lie within one stride.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ...program import Var
from .loops import Loops
from .steps import Step

LARGE = 2**13  # entries of a loop that is worth blocks
FEWEST = 16  # rows
BYTES = 2**14  # of all arrays in a block
MOST = 24  # loops that share blocks; each is compared with all others
LEAST = 4  # rows of a block; a multiple of the turns that a loop takes at once


@dataclass(eq=False)
class Group:
    """Steps in one loop, or a product."""

    space: Any
    steps: list[Step] = field(default_factory=list)
    arrays: set[Var] = field(default_factory=set)  # in which it has more than one entry


def steps_of(groups: Sequence[Group]) -> list[Step]:
    """The steps of all groups, in their order."""
    return [step for group in groups for step in group.steps]


@dataclass(eq=False)
class Unit:
    """Groups that are computed block by block; `rows` in all, or 0 for a group alone."""

    groups: list[Group]
    rows: int = 0
    block: int = 0

    @property
    def steps(self) -> list[Step]:
        return steps_of(self.groups)

    @property
    def work(self) -> int:
        """About how many operations it takes."""
        return sum(prod(s.space) * prod(s.product or (1,)) for s in self.steps)


class _Rows:
    """A group as a loop over rows: where each array is touched, by its outermost axis."""

    def __init__(self, group: Group, stored: Set[Var], into: Mapping[Var, Var], outside: Set[Var]) -> None:
        loops = Loops(group.steps, set(stored), lambda place: ("", 0), str, str)
        self.count, outer = loops.axes[0] if loops.axes else (0, 0)
        self.touched: list[tuple[Var, int, int, int, bool]] = []  # array, stride, first and last entry, is it written
        along = [k for _, k in loops.axes]
        for step in group.steps:
            for p in (step.target, *step.places):
                if p.root in stored or p.root in outside:
                    ends = [(n - 1) * p.strides[k] for n, k in loops.axes[1:]]
                    low, high = sum(min(end, 0) for end in ends), sum(max(end, 0) for end in ends)
                    stride = p.strides[outer] if along else 0
                    where = p.offset + low, p.offset + high
                    self.touched.append((into.get(p.root, p.root), stride, *where, p is step.target))
        whole = any(step.fold and not any(step.target.strides[k] for k in along) for step in group.steps)
        if whole or prod(_space(group)) < FEWEST:
            self.count = 0  # one number from all rows

    def at(self, rows: int) -> Iterator[tuple[Var, int, int, int, bool]]:
        """The arrays that are touched, by rows of which there are so many; each may be several turns."""
        turns = self.count // rows
        for v, stride, low, high, written in self.touched:
            more = (turns - 1) * stride
            yield v, stride * turns, low + min(more, 0), high + max(more, 0), written


def _space(group: Group) -> Sequence[int]:
    return group.steps[0].space


def units(groups: Sequence[Group], stored: Set[Var], into: Mapping[Var, Var], outside: Set[Var]) -> list[Unit]:
    """All groups in their order, those that may share blocks as one unit."""
    result: list[Unit] = []
    members: list[_Rows] = []
    for group in groups:
        is_loop = not group.steps[0].product and group.space
        rows = _Rows(group, stored, into, outside) if is_loop else None
        if rows is not None and 0 < len(members) < MOST and (count := _together(members, rows)):
            result[-1].groups.append(group)
            result[-1].rows = count
            members.append(rows)
            result[-1].block = _block(members, count)
            continue
        result.append(Unit([group]))
        members = [rows] if rows is not None and rows.count else []
    for unit in result:
        if max(prod(_space(g)) for g in unit.groups) < LARGE:
            unit.rows = 0
    return [u for unit in result for u in ([unit] if unit.rows else [Unit([group]) for group in unit.groups])]


def _together(members: Sequence[_Rows], new: _Rows) -> int:
    """The number of rows of these loops, if they may share blocks; otherwise 0."""
    counts = [m.count for m in (*members, new)]
    rows = min(counts)
    if rows < FEWEST or any(count % rows for count in counts):
        return 0
    before = [where for m in members for where in m.at(rows)]
    common = False
    for v, stride, low, high, written in new.at(rows):
        for other, its_stride, its_low, its_high, is_written in before:
            if other is v:
                common = True
                apart = max(high, its_high) - min(low, its_low) < abs(stride)
                if (written or is_written) and not (stride == its_stride and apart):
                    return 0
    return rows if common else 0


def _block(members: Sequence[_Rows], rows: int) -> int:
    """The number of rows of a block."""
    strides = {v: abs(stride) * v.dtype.itemsize for m in members for v, stride, *_ in m.at(rows)}
    return max(LEAST, BYTES // max(1, sum(strides.values())) // LEAST * LEAST)
