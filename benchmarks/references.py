"""The transformer block under `jit`, as a multiple of two hand-written versions, with freed memory returned and kept.

Run `python -m benchmarks.references`; `docs/design/jit-measured.md` says what the figures mean. Whether the C library
returns freed memory to the system depends on everything that a process has freed before, so each figure is the median
of fresh interpreters that run one version only.
"""

import os
import statistics
import subprocess
import sys

RUNS = 5
CODE = """
import statistics
from benchmarks import timing
from benchmarks.workload import HAND, JIT
from benchmarks.workloads.transformer import WORKLOAD, hand, plain
from autograd_lite.base.memory import keep_freed
keep_freed()
version, dialect = {versions}[{name!r}]
print(statistics.median(timing.rounds_of({{"": WORKLOAD.prepare(version, dialect)}}, 1.0)[""]))
"""
VERSIONS = "{'plain': (plain, HAND), 'expert': (hand, HAND), 'jit': (WORKLOAD.for_jit, JIT)}"


def milliseconds(name: str, keep: bool) -> float:
    """CPU time of a step in a fresh interpreter on one thread."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment["AUTOGRAD_LITE_KEEP_MEMORY"] = str(int(keep))
    code = CODE.format(versions=VERSIONS, name=name)
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(run.stdout) * 1e3


def main() -> None:
    """Print the table: the time of a step of each version, and that of `jit` as a multiple of it, with its range."""
    print(f"{'jit in multiples of hand-written':<36}{'plain':>32}{'expert':>32}{'jit':>12}")
    for title, keep in (("freed memory returned to the system", False), ("freed memory kept", True)):
        runs = [{name: milliseconds(name, keep) for name in ("plain", "expert", "jit")} for _ in range(RUNS)]
        line = f"{title:<36}"
        for name in ("plain", "expert"):
            ratios = [run["jit"] / run[name] for run in runs]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            line += f"{f'{min(run[name] for run in runs):.2f} ms, {spread}':>32}"
        print(f"{line}{min(run['jit'] for run in runs):>9.2f} ms", flush=True)


if __name__ == "__main__":
    main()
