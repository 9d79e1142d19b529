"""Small programs beside JAX compiled: `python -m benchmarks.small`.

Each version computes a value and its gradient: hand-written NumPy, the library as it is, `ag.jit`, `ag.jit` with
`backend="c"`, and `jax.jit`. The numbers are compared before they are timed.
"""

import argparse
import importlib
import importlib.util
import sys

from benchmarks.__main__ import amount, checked, machine, timed
from benchmarks.small import WORKLOADS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small", description=__doc__)
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="compare numbers on small data, without timing")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to time each line (default 4)")
    chosen = parser.parse_args()
    has_jax = not chosen.quick and importlib.util.find_spec("jax") is not None
    peers = [importlib.import_module("benchmarks.peers.small_in_jax")] if has_jax else []
    print(machine())
    columns = "".join(f"{name:>9}" for name in ("eager", "jit", "c", *(peer.DIALECT.name for peer in peers)))
    print(f"{'':<58}{'by hand':>10}{columns}")
    for workload in WORKLOADS:
        if workload.name not in (chosen.only or names):
            continue
        if chosen.quick:
            print(f"{workload.title:<58}  numbers agree to {checked(workload)['error']:.0e}", flush=True)
            continue
        line = timed(workload, peers, chosen.seconds)
        ratios = line["ratio"], line["jit"], line["c"], *line["peers"].values()
        print(f"{workload.title:<58}{amount(line, 'hand'):>10}{''.join(f'{r:>9.3f}' for r in ratios)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
