"""The elementwise workload under `jit` on one thread and on two: wall time.

Run `python -m benchmarks.threads` on an idle machine: two threads gain nothing if another program uses the second
core. The last column says how many cores the process had, as CPU time over wall time.
"""

import statistics
import time

import numpy as np

import autograd_lite as ag
from benchmarks.workloads.elementwise import WORKLOAD, f, hand

ROUNDS = 25
OPTIONS = {}, {"threads": 2}


def main() -> None:
    """Print the table."""
    x = WORKLOAD.data(np.random.default_rng(20171104), False)["x"]
    steps = {"by hand": hand}
    steps |= {f"jit({', '.join(f'{k}={v}' for k, v in o.items())})": ag.jit(ag.value_and_grad(f), **o) for o in OPTIONS}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for step in steps.values():
        step(x)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step(x)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{WORKLOAD.title:<48}{'best':>10}{'ratio of medians':>18}{'of best':>9}{'cores':>7}")
    by_hand = [wall for wall, _ in times["by hand"]]
    for name, found in times.items():
        walls = [wall for wall, _ in found]
        ratio, best = statistics.median(walls) / statistics.median(by_hand), min(walls) / min(by_hand)
        cores = max(cpu / wall for wall, cpu in found)
        print(f"{name:<48}{min(walls) * 1e3:>7.1f} ms{ratio:>18.2f}{best:>9.2f}{cores:>7.1f}")


if __name__ == "__main__":
    main()
