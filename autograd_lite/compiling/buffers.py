"""Buffers that share memory where they are not used at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import attrgetter

import numpy as np

from ..base.memory import in_lines

MANY = 2000  # buffers; these are placed in fewer steps


@dataclass(eq=False)
class Buffer:
    """Memory of `size` bytes, and where it begins after it was placed."""

    size: int
    first: int  # the equation that writes to it first
    last: float  # the last one that reads from it
    start: int = 0


def placed(buffers: Sequence[Buffer]) -> int:
    """Place each buffer, the largest first, at the lowest offset that is free while it is used. The total size."""
    if len(buffers) > MANY:  # that takes n² steps
        return _in_turns(buffers)
    order = sorted(buffers, key=lambda buffer: -buffer.size)
    first, last = (np.array([getattr(buffer, end) for buffer in order]) for end in ("first", "last"))
    size = np.array([in_lines(buffer.size) for buffer in order], int)
    start = np.zeros(len(order), int)
    for k, buffer in enumerate(order):
        (taken,) = np.nonzero((first[:k] <= last[k]) & (first[k] <= last[:k]))
        taken = taken[np.argsort(start[taken], kind="stable")]
        ends = np.maximum.accumulate(np.append(0, start[taken] + size[taken]))
        gaps = np.append(start[taken], np.iinfo(int).max) - ends
        start[k] = buffer.start = int(ends[np.argmax(gaps >= size[k])])
    return int(np.max(start + size, initial=0))


def _in_turns(buffers: Sequence[Buffer]) -> int:
    """Place each buffer where one of its size has been, in the order of their use. The total size."""
    total = 0
    used = defaultdict[int, list[tuple[float, int]]](list)  # by size: until when, and the start
    for buffer in sorted(buffers, key=attrgetter("first")):
        size = in_lines(buffer.size)
        if used[size] and used[size][0][0] < buffer.first:
            buffer.start = heappop(used[size])[1]
        else:
            buffer.start, total = total, total + size
        heappush(used[size], (buffer.last, buffer.start))
    return total
