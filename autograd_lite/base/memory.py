"""Freed memory is kept for the next step, instead of being returned to the system and fetched again.

The C library returns a large array to the system as soon as it is freed, and then each page of the next array of that
size is a page fault: on the talk's digits net these cost more than all the arithmetic. The library stops returning
arrays of a size once it has seen a block of that size freed, and it only ever returns the top of its heap. So at the
first backward pass one large block is freed, which raises that size; then a few blocks are allocated, with a small one
above them that stays (the pin), and freed: memory below the pin is never at the top. The blocks are not written to, so
they use no memory. Afterwards up to 150 MB of freed arrays stay in the process. Without glibc this has no effect. The
environment variable AUTOGRAD_LITE_KEEP_MEMORY=0 turns it off. (``docs/design/memory.md`` has the figures.)
"""

import os
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

MEGABYTE = 2**20
BLOCK = 30 * MEGABYTE  # glibc adapts to blocks below 32 MB only
BLOCKS = 5

#: The pin above the freed blocks; None before the first backward pass.
PIN: object = None


@cache
def keep_freed() -> None:
    """Allocate the blocks and free them, once per process."""
    global PIN
    if os.environ.get("AUTOGRAD_LITE_KEEP_MEMORY") == "0":
        PIN = "turned off"
        return
    np.empty(BLOCK + MEGABYTE, np.uint8)
    blocks = [np.empty(BLOCK, np.uint8) for _ in range(BLOCKS)]
    PIN = np.empty(MEGABYTE, np.uint8)
    del blocks


LINE = 64  # bytes of a cache line
LARGE = 2**14  # bytes of an array whose beginning matters


def in_lines(size: int) -> int:
    """The bytes of the cache lines that `size` bytes take.

    >>> in_lines(1), in_lines(64)
    (64, 64)
    """
    return -(-size // LINE) * LINE


def address(x: np.ndarray[Any, Any]) -> int:
    """The address of the first entry of an array, in bytes."""
    start: int = x.__array_interface__["data"][0]
    return start


class Memory(bytearray):
    """The memory of one array that `aligned` made: only views of that array share it."""


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array of zeros that begins at a cache line, where BLAS reads a small matrix up to a third faster."""
    memory = Memory(prod(shape) * np.dtype(dtype).itemsize + LINE)
    start = -np.frombuffer(memory, np.uint8).ctypes.data % LINE
    return np.ndarray(shape, dtype, memory, start)


def aligned_copy(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    y = aligned(x.shape, x.dtype)
    np.copyto(y, x)
    return y


def overlapping(written: Iterable[Any], others: Iterable[Any]) -> tuple[int, int] | None:
    """The positions, among the arrays of both, of a written one and another that share memory; None if none do.

    >>> x = np.zeros(4)
    >>> overlapping([x[:2]], [np.zeros(4), x[1:]]), overlapping([x[:2]], [x[2:]])
    ((0, 2), None)
    """
    written = list(written)
    arrays = [*written, *others]
    memory: dict[int, list[int]] = {}
    for k, x in enumerate(arrays):
        memory.setdefault(id(owner(x)), []).append(k)
    for group in memory.values():
        for j, k in combinations(group, 2):
            if j < len(written) and np.shares_memory(arrays[j], arrays[k]):
                return j, k
    return None


def owner(x: Any) -> Any:
    """The array or buffer that owns the memory of an array.

    >>> x = np.zeros(4)
    >>> owner(x[1:][::2]) is x
    True
    """
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    return x


def is_whole(x: Any) -> bool:
    """True if an array is contiguous and owns its memory, so that only its views share it."""
    return (x.base is None or type(x.base) is Memory) and bool(x.flags.c_contiguous)
