"""Speed of projects that depend on HIPS autograd: with HIPS autograd, and with `autograd_lite.compat` in its place.

    pip install autograd lifelines pymanopt ceviche autograd-gamma
    python -m benchmarks.hips_dependents --seconds 60

The examples are those of the projects' pages. Each library runs in a process of its own; the processes take turns. The
table has the median CPU time of each, and the median of the ratios within each round.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def examples() -> dict[str, Callable[[], Any]]:
    """The examples; importing the projects imports ``autograd``, whichever it is."""
    import autograd.numpy as anp
    import autograd_gamma
    import pymanopt
    from autograd import elementwise_grad, grad
    from ceviche import fdfd_ez
    from lifelines import WeibullAFTFitter, WeibullFitter
    from lifelines.datasets import load_rossi, load_waltons
    from pymanopt.manifolds import Sphere, Stiefel
    from pymanopt.optimizers import SteepestDescent, TrustRegions

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(50, 50))
    matrix = matrix + matrix.T
    sphere, stiefel = Sphere(50), Stiefel(50, 3)
    start, frame = np.ones(50) / np.sqrt(50), np.linalg.qr(rng.normal(size=(50, 3)))[0]

    @pymanopt.function.autograd(sphere)
    def rayleigh(x: Any) -> Any:
        return -x @ matrix @ x

    @pymanopt.function.autograd(stiefel)
    def subspace(x: Any) -> Any:
        return -anp.trace(x.T @ matrix @ x)

    waltons, rossi = load_waltons(), load_rossi()
    a, x = rng.uniform(0.5, 3, 100), rng.uniform(0.5, 3, 100)
    eps, source = 1 + rng.random(900), np.zeros((30, 30))
    source[15, 15] = 1

    def energy(eps: Any) -> Any:
        return anp.sum(anp.abs(fdfd_ez(1.2e15, 1e-7, eps.reshape(30, 30), [5, 5]).solve(source)[2]) ** 2)

    descent, trust = SteepestDescent(verbosity=0, max_iterations=50), TrustRegions(verbosity=0)
    return {
        "lifelines: WeibullFitter": lambda: WeibullFitter().fit(waltons["T"], waltons["E"]),
        "lifelines: WeibullAFTFitter": lambda: WeibullAFTFitter().fit(rossi, "week", "arrest"),
        "pymanopt: dominant eigenvector": lambda: descent.run(pymanopt.Problem(sphere, rayleigh), initial_point=start),
        "pymanopt: invariant subspace": lambda: trust.run(pymanopt.Problem(stiefel, subspace), initial_point=frame),
        "autograd-gamma: gammainc": lambda: elementwise_grad(autograd_gamma.gammainc, 0)(a, x),
        "ceviche: energy of a field": lambda: grad(energy)(eps),
    }


def serve(ours: bool) -> None:
    """Read the name of an example from each line of the input, and print the CPU seconds of one run of it."""
    if ours:
        sys.path.insert(0, str(ROOT))
        from autograd_lite.compat import install

        install("autograd", replace=True)
    warnings.simplefilter("ignore")
    runs = examples()
    print(*runs, sep=";", flush=True)
    for line in sys.stdin:
        start = time.process_time()
        runs[line.strip()]()
        print(time.process_time() - start, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(bool(options.serve))
        return
    from .revision import Worker  # here, since the processes that measure run this file as a script

    theirs, ours = (Worker(__file__, library) for library in "01")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in theirs.parts}
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end or not all(len(pairs) > 2 for pairs in times.values()):
        for name, pairs in times.items():
            pairs.append((theirs.time_of(name), ours.time_of(name)))
    print("| example | ms with HIPS autograd | ms here | ratio |\n|---|---|---|---|")
    for name, pairs in times.items():
        pairs = pairs[1:]  # the first run imports and compiles
        before, now = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"| {name} | {before:.1f} | {now:.1f} | {ratio:.2f} |")
    for worker in (theirs, ours):
        worker.close()


if __name__ == "__main__":
    main()
