"""Eager speed beside an older revision: the parts of a training step of the talk's net, in turn, in one run.

    python -m benchmarks.revision            # beside 614baef
    python -m benchmarks.revision v0.1 --seconds 20

The older package is taken from git into a temporary folder. Each revision, and the step written by hand in NumPy, runs
in a process of its own; the processes take turns in blocks of a few milliseconds of CPU time, and a figure is the
median over the rounds. `x old` is the median of the ratios within each round: 1.00 is the speed of the older revision.
"""

import argparse
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BASE = "614baef"  # the fastest eager revision so far
STEPS = 200  # of one block


def by_hand() -> dict[str, Callable[[], Any]]:
    """The step in plain NumPy."""
    X, Y, V, W = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]]), np.full((3, 4), 0.5), np.full((4, 1), 0.5)

    def gradients() -> Any:
        B = 1 / (1 + np.exp(-(X @ V)))
        P = 1 / (1 + np.exp(-(B @ W)))
        L = 0.5 * (Y - P) ** 2
        dC = -(Y - P) * P * (1 - P)
        return L, X.T @ (dC @ W.T * B * (1 - B)), B.T @ dC

    def update() -> None:
        nonlocal W
        W -= 1e-9

    return {"forward and backward": gradients, "W -= …": update}


def with_library() -> dict[str, Callable[[], Any]]:
    """The step with the package that is first on the path."""
    import autograd_lite as ag
    from autograd_lite import optim

    X, Y = np.array([[1.0, 0.0, 0.0]]), np.array([[1.0]])
    V = ag.tensor(np.full((3, 4), 0.5), requires_grad=True, name="V")
    W = ag.tensor(np.full((4, 1), 0.5), requires_grad=True, name="W")
    sgd = optim.SGD([V, W], lr=1e-9)

    def gradients() -> None:
        V.grad = W.grad = None
        P = ag.sigmoid(ag.sigmoid(X @ V) @ W)
        (0.5 * (Y - P) ** 2).backward()

    def update() -> None:
        nonlocal W
        with ag.no_grad():
            W -= 1e-9

    gradients()
    return {"forward and backward": gradients, "W -= …": update, "SGD.step": sgd.step, "zero_grad": sgd.zero_grad}


def serve(path: str) -> None:
    """Read the name of a part from each line of the input, and print the CPU seconds of one step of it."""
    sys.path.insert(0, path)
    parts = by_hand() if path == "" else with_library()
    print(*parts, sep=";", flush=True)
    for line in sys.stdin:
        step = parts[line.strip()]
        if line.strip() == "SGD.step":
            parts["forward and backward"]()
        step()
        start = time.process_time()
        for _ in range(STEPS):
            step()
        print((time.process_time() - start) / STEPS, flush=True)


class Worker:
    """A process that times what is asked for: it runs a file of this folder with ``--serve``."""

    def __init__(self, file: str, argument: str) -> None:
        command = [sys.executable, str(Path(file).resolve()), "--serve", argument]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.parts = self._read().split(";")

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the process that measures has ended; its error is above")
        return line

    def time_of(self, part: str) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(part + "\n")
        self.process.stdin.flush()
        return float(self._read())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def extracted(revision: str, folder: str) -> str:
    """The package of an older revision, unpacked into `folder`."""
    archive = subprocess.run(["git", "archive", revision, "autograd_lite"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", nargs="?", default=BASE)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        old, new, hand = (Worker(__file__, path) for path in (extracted(options.revision, folder), str(ROOT), ""))
        times: dict[tuple[str, Worker], list[float]] = {(part, w): [] for w in (old, new, hand) for part in w.parts}
        end = time.perf_counter() + options.seconds
        turns = list(times)
        while time.perf_counter() < end:
            for part, worker in sorted(turns, key=lambda turn: turn[0]):  # the versions of a part one after another
                times[part, worker].append(worker.time_of(part))
            turns.reverse()
        for worker in (old, new, hand):
            worker.close()
    print(f"{'microseconds of CPU time':24}  NumPy  {options.revision:>8}     now  x old")
    for part in new.parts:
        by = f"{statistics.median(times[part, hand]) * 1e6:5.2f}" if part in hand.parts else "     "
        before, now = times[part, old], times[part, new]
        ratio = statistics.median(b / a for a, b in zip(before, now, strict=True))
        was, takes = statistics.median(before) * 1e6, statistics.median(now) * 1e6
        print(f"{part:24}  {by}  {was:8.2f}  {takes:6.2f}  {ratio:5.2f}")


if __name__ == "__main__":
    main()
