"""How long tracing and compiling take: the first call of each workload under `ag.jit`, in CPU time.

Run `python -m benchmarks.compile_time`. Each workload is compiled in a fresh interpreter, so that the first call
also imports what it needs.
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


if __name__ == "__main__":
    main()
