"""The clock: several versions of one calculation, timed in turn in short blocks, as CPU time.

Versions are never timed one after the other's whole run: a machine's speed drifts, and two short blocks side
by side see the same machine. A round runs one block of each, in an order that turns round every time; a ratio
is taken within each round, and the median over the rounds is reported. CPU time, because other programs share
the machine; so one thread only, or a BLAS thread that spins while it waits would be counted too.
"""

import gc
import statistics
import time
from collections.abc import Mapping, Sequence

from benchmarks.workload import Prepared


def rounds_of(
    versions: Mapping[str, Prepared], seconds: float = 3.0, block: float = 0.01
) -> dict[str, list[float]]:
    """Seconds per step of each version, one figure a round; about `seconds` in all, at least five rounds."""
    steps = {name: max(1, round(block / time_of(version, 1))) for name, version in versions.items()}
    order = list(versions)
    times: dict[str, list[float]] = {name: [] for name in versions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[order[0]]) < 5:
        gc.collect()  # what the last round left behind is not this one's to clear away
        for name in order:
            times[name].append(time_of(versions[name], steps[name]))
        order.reverse()
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


def ratio(times: Sequence[float], unit: Sequence[float]) -> float:
    """How many times `unit` a version takes: the median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(times, unit, strict=True))
