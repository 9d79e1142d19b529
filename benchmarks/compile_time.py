"""How long tracing and compiling take: the first call of each workload under `ag.jit`, in CPU time.

Run `python -m benchmarks.compile_time`. Each workload is compiled in a fresh interpreter, so that the first call
also imports what it needs. Then long programs: the time grows with the length of the program.
"""

import subprocess
import sys

from benchmarks.__main__ import machine
from benchmarks.workloads import WORKLOADS

CODE = """
import time
from benchmarks.workload import JIT
from benchmarks.workloads import WORKLOADS
workload = next(w for w in WORKLOADS if w.name == {name!r})
for _ in range(2):
    version = workload.prepare(workload.for_jit, JIT)
    start = time.process_time()
    version.step()
    print(time.process_time() - start)
"""


UNROLLED = """
import time
import numpy as np
import autograd_lite as ag


def chain(n):
    def f(x):
        for _ in range(n // 2):
            x = np.sin(x) * 1.01
        return x
    return ag.jit(f), (0.5,)


def lstm(n):
    def loss(W, U, b, X):
        h = c = np.zeros(16)
        for t in range(n):
            z = X[t] @ W + h @ U + b
            i, f, g, o = ag.sigmoid(z[:16]), ag.sigmoid(z[16:32]), np.tanh(z[32:48]), ag.sigmoid(z[48:])
            c = f * c + i * g
            h = o * np.tanh(c)
        return np.sum(h * h)
    rng = np.random.default_rng(0)
    return ag.jit(ag.grad(loss, (0, 1, 2))), [0.1 * rng.normal(size=s) for s in ((8, 64), (16, 64), (64,), (n, 8))]


fast, args = {name}({n})
start = time.process_time()
fast(*args)
print(time.process_time() - start)
"""
LENGTHS = {"lstm": (64, 128, 256, 512), "chain": (1250, 2500, 5000, 10000)}


def milliseconds(name: str) -> list[float]:
    """The first call of a workload, and the first call of another function with the same code."""
    code = CODE.format(name=name)
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return [1e3 * float(line) for line in run.stdout.split()]


def main() -> None:
    """Print both for each workload."""
    print(machine())
    print(f"{'trace and compile, ms':<48}{'first':>10}{'again':>10}")
    for workload in WORKLOADS:
        first, again = milliseconds(workload.name)
        print(f"{workload.title:<48}{first:>10.0f}{again:>10.0f}", flush=True)
    unrolled()


def unrolled() -> None:
    """Print the first call of the gradients of an unrolled LSTM, and of a chain of operations on a number."""
    for name, lengths in LENGTHS.items():
        for n in lengths:
            code = UNROLLED.format(name=name, n=n)
            run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            print(f"{name + f', length {n}':<48}{1e3 * float(run.stdout):>10.0f}", flush=True)


if __name__ == "__main__":
    main()
