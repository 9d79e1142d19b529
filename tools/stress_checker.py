"""Test the checker: it must not call right gradients wrong, and must find wrong ones.

    python tools/stress_checker.py --checks 20000
    OPENBLAS_CORETYPE=Nehalem python tools/stress_checker.py --checks 20000 --plant 0

The programs are the fuzzer's random ones, small nets with attention and normalisation, ill-conditioned linear algebra,
covariances, sharp sigmoids and softmaxes, huge and tiny numbers, a quarter of them in float32, each at another random
point. Each right gradient is checked by one of `check_gradients` (both modes, one or two orders), `check_vjp` and
`find_gradient_bug`. Then errors of a known size are planted in right gradients. An error that is not found counts as
missed, unless the checker reports that it cannot judge, or its own estimate of the error of the differences is not well
below the planted error.

The output depends only on ``--seed``, not on the clock.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite.testing import CannotCheck, check_gradients, check_vjp, find_gradient_bug
from autograd_lite.testing.careful_slopes import look_closely
from autograd_lite.testing.compare import SAFE, Tolerance
from autograd_lite.testing.evaluated import on_arrays
from autograd_lite.testing.fuzz import candidates, expressions
from autograd_lite.testing.leaves import Array
from autograd_lite.testing.numeric import Flat
from autograd_lite.testing.report import named_like
from autograd_lite.transforms.grad import vjp

Program = tuple[str, Callable[..., Any], list[Array]]
SIZES = (1e-3, 1e-5, 1e-6)
VERDICTS = ("found", "cannot judge", "missed")


# ------------------------------------------------------------------------------------------ right programs


def attention(x: Any, q: Any, k: Any, v: Any) -> Any:
    return F.scaled_dot_product_attention(x @ q, x @ k, x @ v)


def encoder(x: Any, q: Any, w: Any, scale: Any) -> Any:
    h = x + F.scaled_dot_product_attention(x @ q, x, x)
    h = F.layer_norm(h, (h.shape[-1],)) * scale
    return h + F.gelu(h @ w) @ w.T


def normed_net(x: Any, w: Any, v: Any) -> Any:
    return ag.softmax(np.tanh(F.rms_norm(x @ w, (w.shape[-1],))) @ v)


#: A name, a function, and the shapes of its arguments. `c` is a random number between 1 and 10.
FAMILIES: list[tuple[str, Callable[..., Any], tuple[tuple[int, ...], ...]]] = [
    ("attention", lambda c, *a: attention(*a), ((3, 3), (3, 2), (3, 2), (3, 2))),
    ("encoder layer", lambda c, *a: encoder(*a), ((2, 3), (3, 3), (3, 2), (3,))),
    ("normed net", lambda c, *a: normed_net(*a), ((2, 3), (3, 3), (3, 2))),
    ("cross entropy", lambda c, z: -np.mean(ag.log_softmax(c * z)[:, 0]), ((3, 2),)),
    ("inverse", lambda c, a: np.linalg.inv(np.outer(a[0], a[1]) + a * c**-3), ((3, 3),)),
    ("solve", lambda c, a, b: np.linalg.solve(a @ a.T + np.eye(3) * c**-4, b), ((3, 3), (3,))),
    ("determinant", lambda c, a: np.linalg.slogdet(a @ a.T + np.eye(3) * c**-4)[1], ((3, 3),)),
    ("eigenvalues", lambda c, a: np.linalg.eigvalsh(a + a.T + c * np.diag([0.0, 1.0, 2.0])), ((3, 3),)),
    ("singular values", lambda c, a: np.linalg.svd(a * np.array([1, 1 / c]))[1], ((3, 2),)),
    ("cholesky", lambda c, a: np.linalg.cholesky(a @ a.T + np.eye(3) / c), ((3, 3),)),
    ("covariance", lambda c, x: np.cov(x), ((2, 4),)),
    ("shifted covariance", lambda c, x: np.cov(x + c**2), ((2, 5),)),
    ("correlation", lambda c, x: np.corrcoef(x), ((2, 4),)),
    ("sharp sigmoid", lambda c, x: ag.sigmoid(10 * c * x), ((5,),)),
    ("sharp softmax", lambda c, x: ag.softmax(7 * c * x), ((2, 4),)),
    ("sharp tanh", lambda c, x, y: np.tanh(20 * x * c) * y, ((4,), (4,))),
    ("softplus", lambda c, x: np.log1p(np.exp(3 * c * x)), ((4,),)),  # no overflow in float32
    ("log-sum-exp", lambda c, x: np.log(np.sum(np.exp(5 * c * x))), ((5,),)),
    ("cancellation", lambda c, x: (x**2 + c**4) - c**4, ((4,),)),
    ("one minus cosine", lambda c, x: (1 - np.cos(x / c)) / c, ((4,),)),
    ("huge", lambda c, x, y: np.sum((1e150 * x * c) / (1e140 * (1 + y**2))), ((4,), (4,))),
    ("tiny", lambda c, x: np.exp(-1e-9 * x * c) * 1e-120, ((4,),)),
    ("huge arguments", lambda c, x: np.log1p((1e6 * x * c) ** 2), ((4,),)),
    ("variance", lambda c, x: np.var(x * c + c**2), ((6,),)),
    ("wave", lambda c, x: np.sin(c * 6 * x) * np.exp(-x * x), ((5,),)),
]


def families(rng: np.random.Generator) -> Iterator[Program]:
    """Programs of all families in turn, at random points; a quarter of them in float32."""
    while True:
        for name, f, shapes in FAMILIES:
            c = float(10 ** rng.uniform(0, 1))
            single = rng.random() < 0.25 and name not in ("huge", "tiny")
            dtype = np.float32 if single else np.float64
            xs = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
            c = float(np.float32(c)) if single else c
            program = named_like(lambda *a, c=c, f=f: f(c, *a), f, "abcd"[: len(xs)])
            yield name + (", float32" if single else ""), program, xs


def fuzzed(first: int) -> Iterator[Program]:
    """The fuzzer's programs, batch by batch."""
    rows = candidates()
    while True:
        yield from _batch(first, rows)
        first += 1


def _batch(number: int, rows: list[Any]) -> list[Program]:
    batch: list[Program] = []

    @seed(number)
    @settings(
        max_examples=100, deadline=None, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(expressions(rows))
    def collect(program: Any) -> None:
        names = [f"v{k}" for k in range(len(program.inputs))]
        batch.append(("fuzzed", named_like(program, program, names), program.inputs))

    collect()
    return batch


def programs(start: int) -> Iterator[Program]:
    """Two of the families, one of the fuzzer's, and so on."""
    ours = families(np.random.default_rng(start))
    for other in fuzzed(start):
        yield from (next(ours), next(ours), other)


def gradient_of(f: Callable[..., Any], xs: list[Array]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A program as a function of arrays, and its right gradient as a function of cotangent and arrays."""
    return named_like(on_arrays(f), f), lambda g, *xs: vjp(f, *xs)[1](g)


# ------------------------------------------------------------------------------------------ right gradients


def check_right(n: int, f: Callable[..., Any], xs: list[Array]) -> str:
    """One check of a right program: "right", "partly judged", "cannot judge", or the error reported."""
    try:
        if n % 4 == 0:
            report = check_gradients(f, *xs, broadcast=False, kinks="note", seed=n, order=2 if n % 20 == 0 else 1)
        elif n % 4 == 3:
            bug = find_gradient_bug(named_like(lambda *xs: np.sum(f(*xs)), f), *xs, seed=n)
            return "right" if bug is None else str(bug)
        else:
            report = check_vjp(*gradient_of(f, xs), *xs, seed=n)
    except CannotCheck:
        return "cannot judge"
    if not report:
        return str(report)
    return "partly judged" if report.looked_at["not judged"] or report.notes else "right"


# ------------------------------------------------------------------------------------------ wrong gradients


def planted(kind: str, size: float, right: Array, entry: int) -> Array:
    """A wrong gradient, which differs from the right one by this relative size, everywhere or in one entry."""
    wrong = np.array(right, dtype=np.float64, order="C")
    flat = wrong.reshape(-1)
    if kind == "one entry":
        flat[entry] *= 1 + size
    elif kind == "all entries":
        wrong *= 1 + size
    else:  # a part of the result with derivatives of this size: omitted, or with the other sign
        part = size * np.abs(flat).max() * np.cos(np.arange(flat.size))
        flat -= part if kind == "a term missing" else 2 * part
    return wrong.astype(right.dtype)


KINDS = ("one entry", "all entries", "a term missing", "a term's sign")


def check_planted(kind: str, size: float, f: Callable[..., Any], xs: list[Array], n: int) -> str:
    """Whether the checker finds an error of this size in the gradient with respect to the first argument."""
    value, right = gradient_of(f, xs)
    g = np.ones_like(np.asarray(value(*xs)))
    entry = int(np.argmax(np.abs(right(g, *xs)[0])))

    def wrong(g: Any, *at: Array) -> list[Any]:
        first, *rest = right(g, *at)
        return [planted(kind, size, np.asarray(first), entry), *rest]

    try:
        report = check_vjp(value, wrong if len(xs) > 1 else lambda g, x: tuple(wrong(g, x)), *xs, cotangent=g, seed=n)
    except CannotCheck:
        return "cannot judge"
    if not report:
        return "found"
    if report.looked_at["not judged"] or not visible(value, right(g, *xs)[0], wrong(g, *xs)[0], xs, g):
        return "cannot judge"
    return "missed"


def visible(f: Callable[..., Any], right: Any, wrong: Any, xs: list[Array], g: Array) -> bool:
    """Whether the planted error is well above the tolerance and the error of the best measurement, in some entry."""
    flat = Flat(f, xs)
    off = np.abs(np.asarray(wrong, float) - np.asarray(right, float)).reshape(-1)
    with np.errstate(all="ignore"):
        base = flat(flat.x.copy())
        found = look_closely(flat, np.eye(flat.x.size)[: off.size])
        value, weight = np.where(np.isfinite(found.value), found.value, 0), np.abs(g).reshape(-1)
        t = Tolerance.of([np.asarray(x).dtype for x in xs])
        size = 64 * t.eps * (weight @ np.abs(base))
        allowed = t.rtol * (np.abs(value @ g.reshape(-1)) + 0.1 * np.abs(value) @ weight) + size
        return bool(np.any(off > 2 * (allowed + SAFE * np.where(weight > 0, found.error * weight, 0).sum(axis=1))))


# ------------------------------------------------------------------------------------------ the tables


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--checks", type=int, default=1000, help="of right gradients (default: 1000)")
    parser.add_argument("--plant", type=int, default=200, help="programs to plant wrong gradients in (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    settings_ = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    machine = " ".join(f"{name}={os.environ[name]}" for name in settings_ if name in os.environ)
    print(f"NumPy {np.__version__}, {machine or 'no settings'}, seed {options.seed}", flush=True)
    false, missed = right_table(options.checks, options.seed), planted_table(options.plant, options.seed)
    return min(false + missed, 125)


def right_table(checks: int, start: int) -> int:
    counts: Counter[str] = Counter()
    with np.errstate(all="ignore"):
        for n, (name, f, xs) in zip(range(checks), programs(start), strict=False):
            verdict = check_right(n, f, xs)
            if verdict not in ("right", "partly judged", "cannot judge"):
                print(f"--- FALSE: {name}, check {n}\n{verdict}", flush=True)
                verdict = "called wrong"
            counts[verdict] += 1
    names = ("right", "partly judged", "cannot judge", "called wrong")
    print("right gradients  " + "  ".join(f"{name:>13}" for name in names))
    print(f"{checks:>15}  " + "  ".join(f"{counts[name]:>13}" for name in names), flush=True)
    return counts["called wrong"]


def planted_table(count: int, start: int) -> int:
    counts: Counter[tuple[str, float, str]] = Counter()
    with np.errstate(all="ignore"):
        for n, (name, f, xs) in zip(range(count), programs(start), strict=False):
            for kind in KINDS:
                for size in SIZES:
                    if not np.any(np.asarray(vjp(f, *xs)[1](np.ones_like(np.asarray(on_arrays(f)(*xs))))[0])):
                        continue  # all zeros: there is no relative error
                    verdict = check_planted(kind, size, f, xs, n)
                    counts[kind, size, verdict] += 1
                    if verdict == "missed":
                        print(f"--- MISSED: {name}, program {n}, {kind}, {size:g}", flush=True)
    print("planted error   size   " + "  ".join(f"{name:>13}" for name in VERDICTS))
    for kind in KINDS:
        for size in SIZES:
            print(f"{kind:15} {size:.0e}  " + "  ".join(f"{counts[kind, size, v]:>13}" for v in VERDICTS), flush=True)
    return sum(n for (*_, verdict), n in counts.items() if verdict == "missed")


if __name__ == "__main__":
    sys.exit(main())
