"""The effect of keeping freed memory: the digits workload in fresh interpreters, with and without it.

Run `python -m benchmarks.kept_memory`; `docs/design/memory.md` explains why freed memory is kept.
"""

import os
import subprocess
import sys

STEPS = 300
RUNS = 6  # the effect depends on where arrays are in memory, which differs from run to run
CODE = """
import timeit
from benchmarks.workload import HAND, OURS
from benchmarks.workloads.digits import WORKLOAD
for step in [WORKLOAD.prepare(WORKLOAD.hand, HAND), WORKLOAD.prepare(WORKLOAD.ours, OURS)]:
    print(min(timeit.repeat(step.step, number={steps}, repeat=5)) / {steps} * 1e6)
"""


def microseconds(without: bool, seed: int) -> list[float]:
    """A step by hand and by the library, in a fresh interpreter on one thread."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment["AUTOGRAD_LITE_KEEP_MEMORY"] = "0" if without else "1"
    code = CODE.format(steps=STEPS)
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return [float(line) for line in run.stdout.split()]


def main() -> None:
    """Print the best and the worst run of each."""
    print(f"{'one step, µs: best to worst run':<34}{'by hand':>18}{'ours':>18}")
    for title, without in (("freed memory returned", True), ("freed memory kept", False)):
        hand, ours = zip(*(microseconds(without, seed) for seed in range(RUNS)), strict=True)
        columns = "".join(f"{f'{min(times):.0f} to {max(times):.0f}':>18}" for times in (hand, ours))
        print(f"{title:<34}{columns}")


if __name__ == "__main__":
    main()
