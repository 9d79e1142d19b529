"""How long tracing and compiling take: the first call of each workload under `ag.jit`, in CPU time, with
that of the C compiler.

Run `python -m benchmarks.compile_time`. Each workload is compiled in a fresh interpreter, so that the first call
also imports what it needs; with `backend="c"` the folder of shared objects is empty at first, and *once* is the time
in which a machine compiles what all programs share. Then long programs: the time grows with the length of the program.
"""

import os
import subprocess
import sys
import tempfile

from benchmarks.__main__ import machine
from benchmarks.workloads import WORKLOADS

CLOCK = """
import resource, time


def clock():
    compilers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + compilers.ru_utime + compilers.ru_stime


"""
CODE = """
from benchmarks.workload import IN_C, JIT
from benchmarks.workloads import WORKLOADS
workload = next(w for w in WORKLOADS if w.name == {name!r})
for _ in range(2):
    version = workload.prepare(workload.for_jit, {way})
    start = clock()
    version.step()
    print(clock() - start)
"""


SHARED = """
import numpy as np
import autograd_lite as ag
start = clock()
ag.jit(lambda x: x @ x + 1, backend="c")(np.ones((32, 32)))
print(clock() - start)
"""
UNROLLED = """
import numpy as np
import autograd_lite as ag


def chain(n):
    def f(x):
        for _ in range(n // 2):
            x = np.sin(x) * 1.01
        return x
    return f, (0.5,)


def lstm(n):
    def loss(W, U, b, X):
        h = c = np.zeros(16)
        for t in range(n):
            z = X[t] @ W + h @ U + b
            i, f, g, o = ag.sigmoid(z[:16]), ag.sigmoid(z[16:32]), np.tanh(z[32:48]), ag.sigmoid(z[48:])
            c = f * c + i * g
            h = o * np.tanh(c)
        return np.sum(h * h)
    return ag.grad(loss, (0, 1, 2)), weights(n)


def scan(n):
    def loss(W, U, b, X):
        def step(state, x):
            h, c = state
            i, f, g, o = np.split(x @ W + h @ U + b, 4)
            c = ag.sigmoid(f) * c + ag.sigmoid(i) * np.tanh(g)
            return (ag.sigmoid(o) * np.tanh(c), c), None
        (h, _), _ = ag.scan(step, (np.zeros(16), np.zeros(16)), X)
        return np.sum(h * h)
    return ag.grad(loss, (0, 1, 2)), weights(n)


def weights(n):
    rng = np.random.default_rng(0)
    return [0.1 * rng.normal(size=s) for s in ((8, 64), (16, 64), (64,), (n, 8))]


f, args = {name}({n})
fast = ag.jit(f)
start = clock()
fast(*args)
print(clock() - start)
"""
LENGTHS = {"lstm": (64, 128, 256, 512), "scan": (512, 2048, 8192), "chain": (1250, 2500, 5000, 10000)}


def milliseconds(name: str, way: str = "JIT", **environment: str) -> list[float]:
    """The first call of a workload, and the first call of another function with the same code."""
    code = CODE.format(name=name, way=way)
    return [1e3 * x for x in _printed(code, {**os.environ, **environment})]


def _printed(code: str, environment: dict[str, str] | None = None) -> list[float]:
    command = [sys.executable, "-c", CLOCK + code]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [float(line) for line in run.stdout.split()]


def main() -> None:
    """Print both for each workload, with NumPy and with C."""
    print(machine())
    columns = "".join(f"{title:>10}" for title in ("first", "again", "c, first", "c, again"))
    print(f"{'trace and compile, ms':<48}{columns}")
    for workload in WORKLOADS:
        times = milliseconds(workload.name)
        with tempfile.TemporaryDirectory() as folder:
            (once,) = _printed(SHARED, {**os.environ, "XDG_CACHE_HOME": folder})
            times += milliseconds(workload.name, "IN_C", XDG_CACHE_HOME=folder)
        print(f"{workload.title:<48}{''.join(f'{ms:>10.0f}' for ms in times)}", flush=True)
    print(f"{'what all programs in C share, once':<48}{1e3 * once:>30.0f}")
    unrolled()


def unrolled() -> None:
    """Print the first call of the gradients of an LSTM, unrolled and as a loop, and of a chain of operations."""
    for name, lengths in LENGTHS.items():
        for n in lengths:
            (seconds,) = _printed(UNROLLED.format(name=name, n=n))
            print(f"{name + f', length {n}':<48}{1e3 * seconds:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
