"""Peak memory, as a multiple of the hand-written version's: of a chain of elementwise operations over a million numbers
(in the table), and of each workload, also compiled (`python -m benchmarks.memory`).

NumPy reports every array to tracemalloc, so the figure is exact and the same on every run: the largest number of bytes
alive at once, beyond those allocated before. A compiled step keeps its buffers from call to call; they count. Of the
chain there are two cases: one step, and three steps of a loop that frees each graph (`retain_graph=False`), where a
version that did not free would add up the arrays of the steps.
"""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks.workload import HAND, JIT, OURS, Prepared, Workload
from benchmarks.workloads import WORKLOADS

TARGET = 1.25
LINKS = 5
RATE = 0.1


def hand(x, steps, retain_graph=None):
    """Seven operations a link; the three arrays that derivatives need are kept, everything else is in place."""
    for _ in range(steps):
        h, kept = x, []
        for _ in range(LINKS):
            t = h * 0.9
            t += 0.1
            np.tanh(t, out=t)
            h = np.sin(t)
            e = np.exp(h, out=h)
            h = e + 1
            r = np.sqrt(h, out=h)
            kept += [t, e, r]
        L = np.sum(h)
        del h, t, e, r

        g = None
        while kept:
            r, e, t = kept.pop(), kept.pop(), kept.pop()
            g = np.divide(0.5 if g is None else g, r, out=r)
            g *= e
            g *= np.cos(t, out=e)
            t *= t
            np.subtract(1, t, out=t)
            g *= t
            g *= 0.9
            if kept:
                g *= 0.5
            del r, e, t
        g *= RATE
        x -= g
        del g
    return L


def ours(x, steps, retain_graph=None):
    for _ in range(steps):
        h = x
        for _ in range(LINKS):
            h = np.tanh(h * 0.9 + 0.1)
            h = np.sqrt(np.exp(np.sin(h)) + 1)
        L = np.sum(h)
        del h
        L.backward(retain_graph=retain_graph)
        with ag.no_grad():
            x -= RATE * x.grad
        x.zero_grad()
    return L


def peak(version: Callable[..., Any], x: Any, steps: int, retain_graph: bool | None = None) -> int:
    """The largest number of bytes alive at once while `version` runs, beyond those alive before."""
    version(x, 1, retain_graph)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        version(x, steps, retain_graph)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most - before


def measure(small: bool = False) -> list[dict[str, Any]]:
    """One line of the table for each case: megabytes by hand and by the library."""
    start = np.random.default_rng(20171104).uniform(0.5, 1.5, size=10_000 if small else 1_000_000)
    lines = []
    for steps, retain_graph, title in ((1, None, "one step"), (3, False, "three steps, retain_graph=False")):
        by_hand = peak(hand, start.copy(), steps)
        by_ours = peak(ours, ag.tensor(start, requires_grad=True, name="x"), steps, retain_graph)
        lines.append({
            "name": f"memory-{steps}", "title": f"peak memory, {title}", "hand": by_hand, "ours": by_ours,
            "ratio": by_ours / by_hand, "target": TARGET,
        })  # fmt: skip
    return lines


#: NumPy's arrays, and those that begin at a cache line, whose memory is a bytearray.
ARRAYS = [
    tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain),
    tracemalloc.Filter(True, "*/autograd_lite/base/memory.py"),
]


def _in_arrays() -> int:
    gc.collect()
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(ARRAYS).traces)


def of_step(version: Prepared) -> int:
    """The largest number of bytes alive at once in a step, with the arrays that are kept from one step to the next."""
    tracemalloc.start()
    try:
        before = _in_arrays()
        for _ in range(3):
            version.step()
        kept = _in_arrays() - before
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        version.step()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return kept + most - now


def of_workload(workload: Workload, small: bool = False) -> dict[str, int]:
    """The bytes of the hand-written version, of the library, and of the library under `ag.jit`."""
    ag.tensor(1.0, requires_grad=True).backward()  # the first backward pass allocates an array that stays
    versions = {"hand": (workload.hand, HAND), "ours": (workload.ours, OURS), "jit": (workload.for_jit, JIT)}
    return {name: of_step(workload.prepare(*way, small)) for name, way in versions.items()}


def main() -> None:
    print(f"{'peak memory of one step, kB':<48}{'by hand':>10}{'ours':>10}{'jit':>10}{'jit / by hand':>15}")
    for workload in WORKLOADS:
        found = of_workload(workload)
        columns = "".join(f"{size / 1e3:>10.1f}" for size in found.values())
        print(f"{workload.title:<48}{columns}{found['jit'] / found['hand']:>15.2f}", flush=True)


if __name__ == "__main__":
    main()
