"""A loop over pieces of arrays in several threads: NumPy's functions on large arrays run at the same time."""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable, Iterable
from contextvars import copy_context
from itertools import chain
from queue import SimpleQueue
from typing import Any

import numpy as np


def in_threads(
    work: Callable[[Any, Any], tuple[list[Any], ...]], memory: np.ndarray, size: int, count: int, pieces: Iterable[Any]
) -> list[list[Any]]:
    """``work(memory, pieces)`` on `count` consecutive shares of the pieces, at the same time.

    Each thread has its own `size` bytes of the memory. The lists that `work` returns are joined in the order of the
    pieces, so the result does not depend on which thread was faster. After an exception or an interrupt the other
    threads may still finish their shares, so the memory must not be used again.
    """
    rows = list(pieces)
    cuts = [k * len(rows) // count for k in range(count + 1)]
    results: list[Any] = [None] * count
    finished: SimpleQueue[int] = SimpleQueue()

    def run(k: int) -> None:
        try:
            results[k] = work(memory[k * size :], rows[cuts[k] : cuts[k + 1]])
        except BaseException as error:  # is raised below, in the thread of the caller
            results[k] = error
        finished.put(k)

    for k in range(1, count):
        start_new_thread(copy_context().run, (run, k))  # with the caller's np.errstate
    run(0)
    for _ in range(count):
        finished.get()
    for one in results:
        if isinstance(one, BaseException):
            raise one
    return [list(chain(*lists)) for lists in zip(*results, strict=True)]
