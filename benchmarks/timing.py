"""Timing: several versions of one calculation, timed in turn in short blocks, as CPU time.

A machine's speed drifts, so the versions are timed in short blocks in turn, not one whole run after the other. A round
runs one block of each version, in an order that is reversed after each round. The ratio is computed within each round,
and its median over the rounds is reported. Times are CPU time, because other programs share the machine, on one thread,
because a BLAS thread that spins while it waits would be counted too.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.workload import Prepared


def rounds_of(versions: Mapping[str, Prepared], seconds: float = 3.0, block: float = 0.01) -> dict[str, list[float]]:
    """Seconds per step of each version, one figure a round; about `seconds` in all, at least five rounds."""
    steps = {name: max(1, round(block / time_of(version, 1))) for name, version in versions.items()}
    order = list(versions)
    gc.collect()
    gc.freeze()  # what one version keeps, such as a compiled program, makes no collection slower in another
    times: dict[str, list[float]] = {name: [] for name in versions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[order[0]]) < 5:
        gc.collect()  # the garbage of the last round is not part of this one
        for name in order:
            times[name].append(time_of(versions[name], steps[name]))
        order.reverse()
    gc.unfreeze()
    return times


def time_of(version: Prepared, steps: int) -> float:
    """CPU seconds for one step, over a block of `steps` from a fresh start, after one step to warm up."""
    version.reset()
    step = version.step
    step()
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps


def shortest(call: Callable[[], Any], seconds: float) -> float:
    """The shortest wall time of a call, in seconds: of at least three calls, which take as long as `seconds` in all."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def ratio(times: Sequence[float], unit: Sequence[float]) -> float:
    """The time of a version as a multiple of `unit`: the median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(times, unit, strict=True))
