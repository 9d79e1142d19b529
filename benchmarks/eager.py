"""Where the time of an eager step goes: in NumPy's calls, or in the library around them.

    python -m benchmarks.eager                 # those that miss a target
    python -m benchmarks.eager hvp layers      # these
    python -m benchmarks.eager --calls layers  # every call of a step, in order

A step is run many times, with a clock around the function of every row, every rule, every sum that undoes a broadcast,
and every update in place; the calls are those of the fastest step, in CPU time, each without the calls inside it.
`library` is what remains of a whole step, timed without the clocks: recording, the loop of the backward pass,
transforms, freeing arrays, and `ours` itself. It is a difference of two runs: where arrays are large it is a rough
figure, and may even be negative.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from autograd_lite.engine import backward, unbroadcast
from autograd_lite.engine.context import changed
from autograd_lite.engine.value import Value
from autograd_lite.table import TABLE
from autograd_lite.tensor import Tensor
from benchmarks.__main__ import machine
from benchmarks.workload import HAND, OURS, Prepared

DEFAULT = ("talk", "digits", "micrograd", "layers", "lenet", "elementwise", "rnn", "hvp")
KINDS = ("functions", "rules", "sums", "updates")


class Rows(set[Any]):
    """The rows that a step records: a watcher, as anomaly detection is."""

    def __call__(self, node: Any, y: Any) -> None:
        self.add(node.row)

    def check(self, node: Any) -> None: ...

    def pulled(self, node: Any, parent: Any, d: Any) -> None: ...


class Clock:
    """The calls of the fastest step."""

    def __init__(self) -> None:
        self.best: list[tuple[str, str, float]] = []  # kind, name, seconds
        self.fastest = float("inf")
        self.undo: list[tuple[Any, str, Any]] = []
        clocks = [time.process_time() for _ in range(1000)]
        self.cost = min(b - a for a, b in pairwise(clocks))  # of reading the clock

    def start(self) -> None:
        self.step: list[tuple[str, str, float]] = []
        self.inside = 0.0

    def stop(self, took: float) -> None:
        if took < self.fastest:
            self.fastest, self.best = took, self.step

    def around(self, f: Any, kind: str, name: str) -> Any:
        def timed(*args: Any, **params: Any) -> Any:
            before, self.inside = self.inside, 0.0
            start = time.process_time()
            y = f(*args, **params)
            took = time.process_time() - start - self.cost
            if not isinstance(y, Value) or kind == "updates":  # a rule on Tensors is recorded: its rows are timed
                self.step.append((kind, name, took - self.inside))
            else:
                took = self.inside
            self.inside = before + took
            return y

        return f and timed

    def put(self, owner: Any, attribute: str, value: Any) -> None:
        self.undo.append((owner, attribute, getattr(owner, attribute)))
        setattr(owner, attribute, value)

    def attach(self, rows: Any) -> None:
        """Put the clock around the functions and rules of `rows`, the sums and the updates."""
        for row in rows:
            self.put(row, "fn", self.around(row.fn, "functions", row.name))
            pulls = [self.around(pull, "rules", f"{row.name}, argument {i}") for i, pull in enumerate(row.pulls, 1)]
            self.put(row, "pulls", tuple(pulls))
        self.put(unbroadcast, "_sum", self.around(unbroadcast._sum, "sums", "of a broadcast"))
        self.put(backward, "add", self.around(backward.add, "sums", "of two cotangents"))
        self.put(Tensor, "__isub__", self.around(Tensor.__isub__, "updates", "-="))

    def detach(self) -> None:
        for owner, attribute, value in reversed(self.undo):
            setattr(owner, attribute, value)


def best_of(version: Prepared, seconds: float, before: Callable[[], Any], after: Callable[[float], Any]) -> float:
    """The smallest CPU time of a step."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        version.reset()
        for _ in range(20):
            before()
            start = time.process_time()
            version.step()
            took = time.process_time() - start
            best = min(best, took)
            after(took)
    return best


def measured(name: str, seconds: float) -> tuple[float, float, list[tuple[str, str, float]]]:
    """The time of a step by hand, that of ours, and the calls of ours."""
    workload = importlib.import_module(f"benchmarks.workloads.{name}").WORKLOAD
    hand, ours = workload.prepare(workload.hand, HAND), workload.prepare(workload.ours, OURS)
    rows, clock = Rows(), Clock()
    with changed(watcher=rows):
        ours.step()
    by_hand, total = (best_of(version, seconds, int, int) for version in (hand, ours))
    clock.attach(rows | {TABLE["multiply"]})  # the update's is not recorded
    try:
        best_of(ours, seconds, clock.start, clock.stop)
    finally:
        clock.detach()
    return by_hand, total, clock.best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.eager")
    parser.add_argument("names", nargs="*", default=DEFAULT)
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    chosen = parser.parse_args()
    print(machine())
    titles = ("by hand", "ours", *KINDS, "library", "calls")
    print(f"{'µs of one step':<14}" + "".join(f"{title:>10}" for title in titles))
    for name in chosen.names:
        by_hand, total, calls = measured(name, chosen.seconds)
        parts = [sum(took for kind, _, took in calls if kind == k) for k in KINDS]
        figures = (by_hand, total, *parts, total - sum(parts))
        print(f"{name:<14}" + "".join(f"{1e6 * t:>10.1f}" for t in figures) + f"{len(calls):>10}", flush=True)
        for kind, what, took in calls if chosen.calls else ():
            print(f"    {kind:<11}{what:<34}{1e6 * took:>10.1f}")


if __name__ == "__main__":
    main()
