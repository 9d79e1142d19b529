"""Right gradients of functions that are hard to measure: none may be called wrong, and planted errors are still found.

    python tools/hard_functions.py --checks 2000
    OPENBLAS_CORETYPE=Nehalem python tools/hard_functions.py --checks 2000

Poles, bumps and sawteeth of all widths beside the point, and linear algebra with condition numbers up to 1e13. Each
gradient is checked as it is, and with three errors: twice as large, of the other sign, and one where it is zero. Near a
pole the verdict on all of them may be "cannot judge". The table says how often that is, by the width of the feature or
by the condition: where it is large or small, as in ordinary functions, every error must be found.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_lite.testing import CannotCheck, check_gradients, check_jac, check_jvp, check_vjp
from autograd_lite.testing.leaves import Array
from autograd_lite.transforms.grad import jvp, vjp

#: A name, and a function of the distance from the feature, in units of its width; with its derivative.
FEATURES: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("logarithm", lambda t: np.log(np.abs(t)), lambda t: 1 / t),
    ("reciprocal", lambda t: 1 / t, lambda t: -(t**-2)),
    ("square root", lambda t: np.sqrt(np.abs(t)), lambda t: 0.5 * np.sign(t) / np.sqrt(np.abs(t))),
    ("bump", lambda t: np.exp(-t * t), lambda t: -2 * t * np.exp(-t * t)),
    ("step", lambda t: np.tanh(t), lambda t: 1 / np.cosh(np.minimum(np.abs(t), 300)) ** 2),
    ("sawtooth", lambda t: t % 1.0, lambda t: t * 0 + 1),
    ("wave", lambda t: np.sin(t), lambda t: np.cos(t)),
]

#: A name, and a function of a matrix.
ALGEBRA: list[tuple[str, Callable[[Any], Any]]] = [
    ("log-determinant", lambda a: np.linalg.slogdet(a)[1]),
    ("inverse", np.linalg.inv),
    ("solution", lambda a: np.linalg.solve(a, np.ones(a.shape[-1]))),
    ("quadratic form", lambda a: np.ones(a.shape[-1]) @ np.linalg.solve(a, np.arange(1.0, a.shape[-1] + 1))),
]

Case = tuple[str, int, Callable[[Any], Any], Callable[[Any, Any], Any], Array]


def features(rng: np.random.Generator) -> Iterator[Case]:
    """Functions on one number with a feature of width 10**-k at about that distance."""
    while True:
        for name, f, slope in FEATURES:
            power = rng.uniform(0, 13.5)  # at least 70 units in the last place of x
            d, at = 10**-power, float(rng.choice([1.0, -3.0, 0.7]))
            offset, size = rng.uniform(0.3, 0.8), float(rng.choice([1.0, d]))

            def value(x: Any, f: Any = f, d: float = d, at: float = at, size: float = size, o: float = offset) -> Any:
                return np.sin(x) + size * f((x - at) / d + o)

            def pull(
                g: Any, x: Any, slope: Any = slope, d: float = d, at: float = at, size: float = size, o: float = offset
            ) -> Any:
                return g * (np.cos(x) + size * (slope((x - at) / d + o) / d))

            yield name, int(power), value, pull, np.array([at])


def matrices(rng: np.random.Generator) -> Iterator[Case]:
    """Functions of matrices with a condition number of 10**k: random ones, kernels, and Hilbert's."""
    while True:
        for name, f in ALGEBRA:
            n, power = int(rng.integers(2, 7)), rng.uniform(0, 13)
            kind = rng.integers(3)
            if kind == 0:
                u, v = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
                a = (u * np.geomspace(1, 10**-power, n)) @ v
            elif kind == 1:
                t = rng.uniform(0, 1, n)
                a = np.exp(-((t[:, None] - t) ** 2) / 2) + 10**-power * np.eye(n)
            else:
                n = int(rng.integers(2, 10))
                a = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)
            condition = int(np.log10(max(np.linalg.cond(a), 1)))
            yield name, condition, f, lambda g, x, f=f: vjp(f, x)[1](g)[0], a


def cases(start: int) -> Iterator[Case]:
    rng = np.random.default_rng(start)
    ours, others = features(rng), matrices(rng)
    while True:
        yield from (next(ours), next(others), next(ours))


def verdict(check: Callable[[], Any]) -> str:
    try:
        report = check()
    except (CannotCheck, np.linalg.LinAlgError):
        return "cannot judge"
    if not report:
        return "called wrong"
    return "cannot judge" if report.looked_at["not judged"] else "right"


def check_right(n: int, case: Case) -> str:
    """One of the checks of a right gradient; the text of a report that calls it wrong."""
    _, _, f, pull, x = case
    checks = [
        lambda: check_vjp(f, pull, x, seed=n),
        lambda: check_gradients(f, x, order=1, kinks="note", broadcast=False, seed=n),
        lambda: check_jac(lambda x: np.sum(f(x)), lambda x: pull(np.ones(np.shape(f(x))), x), x, seed=n),
        lambda: check_jvp(f, lambda x, v: jvp(f, x, v)[1], x, seed=n),
    ]
    check = checks[n % 4]
    found = verdict(check)
    return str(check()) if found == "called wrong" else found


ERRORS: dict[str, Callable[[Array], Array]] = {
    "twice as large": lambda d: 2 * d,
    "the other sign": lambda d: -d,
    "zero": lambda d: 0 * d,
}


def check_wrong(n: int, case: Case, error: str) -> str:
    _, _, f, pull, x = case
    found = verdict(lambda: check_vjp(f, lambda g, x: ERRORS[error](pull(g, x)), x, seed=n))
    return {"called wrong": "found", "right": "missed"}.get(found, found)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--checks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    counts: Counter[tuple[int, str, str]] = Counter()
    bad = 0
    with np.errstate(all="ignore"):
        for n, case in zip(range(options.checks), cases(options.seed), strict=False):
            name, power, f, pull, x = case
            if not np.isfinite(np.asarray(pull(np.ones(np.shape(f(x))), x))).all():
                continue
            found = check_right(n, case)
            if found not in ("right", "cannot judge"):
                print(f"--- FALSE: {name}, 1e-{power}, check {n}\n{found}", flush=True)
                found, bad = "called wrong", bad + 1
            counts[power, "right", found] += 1
            error = list(ERRORS)[n % 3]
            found = check_wrong(n, case, error)
            if found == "missed":
                print(f"--- MISSED: {name}, 1e-{power}, check {n}, {error}", flush=True)
                bad += 1
            counts[power, "wrong", found] += 1
    print(f"NumPy {np.__version__}, seed {options.seed}; width 1e-k, condition 1ek")
    print("  k   right gradients:  right  cannot judge  called wrong   errors:  found  cannot judge  missed")
    for power in sorted({k for k, *_ in counts}):
        right = [counts[power, "right", v] for v in ("right", "cannot judge", "called wrong")]
        wrong = [counts[power, "wrong", v] for v in ("found", "cannot judge", "missed")]
        columns = [f"{right[0]:>23}  {right[1]:>12}  {right[2]:>12}", f"{wrong[0]:>14}  {wrong[1]:>12}  {wrong[2]:>6}"]
        print(f"{power:>3}   {'   '.join(columns)}")
    return min(bad, 125)


if __name__ == "__main__":
    sys.exit(main())
