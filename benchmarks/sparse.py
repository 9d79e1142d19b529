"""Sparse derivatives against dense ones, and alone where a dense one would not fit into memory.

    python -m benchmarks.sparse           # everything, about a minute
    python -m benchmarks.sparse --quick   # small sizes, to see that it runs

"first call" includes the trace, the pattern and the colours; "later call" is the derivative alone, and "compiled" the
same with ``jit=True``. Times are wall time, the shortest of several calls.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks.timing import shortest


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _lap(u: Any) -> Any:
    return u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]


def bratu(u: Any) -> Any:
    """The residual of Δu + exp(u) = 0 on a square grid."""
    n = round(u.size**0.5)
    padded = np.pad(u.reshape(n, n), 1)
    return (_lap(padded) + np.exp(padded[1:-1, 1:-1]) / (n + 1) ** 2).ravel()


def bratu_energy(u: Any) -> Any:
    """The function whose gradient that is, but for its sign."""
    n = round(u.size**0.5)
    padded = np.pad(u.reshape(n, n), 1)
    squares = np.sum((padded[1:] - padded[:-1]) ** 2) + np.sum((padded[:, 1:] - padded[:, :-1]) ** 2)
    return squares / 2 - np.sum(np.exp(u)) / (n + 1) ** 2


def projected(points: Any, cameras: Any) -> Any:
    """Where cameras (rotation vector, shift, focal length, two distortions) see points, as in Bundle Adjustment in the
    Large.
    """
    angle = np.linalg.norm(cameras[:, :3], axis=1)[:, None]
    axis = cameras[:, :3] / angle
    along = np.sum(points * axis, axis=1)[:, None]
    turned = np.cos(angle) * points + np.sin(angle) * np.cross(axis, points) + along * (1 - np.cos(angle)) * axis
    moved = turned + cameras[:, 3:6]
    p = -moved[:, :2] / moved[:, 2:]
    square = np.sum(p**2, axis=1)
    return p * (cameras[:, 6] * (1 + cameras[:, 7] * square + cameras[:, 8] * square**2))[:, None]


def reprojection(params: Any, cameras: int, camera: Any, point: Any, seen: Any) -> Any:
    """The residuals of all observations: no loop over them."""
    of_cameras, of_points = params[: 9 * cameras].reshape(-1, 9), params[9 * cameras :].reshape(-1, 3)
    return (projected(of_points[point], of_cameras[camera]) - seen).ravel()


def bundle(cameras: int, points: int, observations: int) -> tuple[Any, ...]:
    """Random cameras and points of the sizes of a real data set: 49, 7,776 and 31,843 in the smallest one."""
    rng = np.random.default_rng(0)
    camera = rng.integers(0, cameras, observations)
    point = np.arange(observations) % points
    start = np.concatenate([rng.normal(size=9 * cameras), rng.normal(size=3 * points)])
    return start, cameras, camera, point, rng.normal(size=(observations, 2))


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.2f} ms"


def line(
    seconds: float, what: str, make: Callable[..., Any], f: Any, *args: Any,
    dense: Callable[..., Any] | None = None,
) -> None:
    """Time one problem, for `seconds` a figure, and print the figures."""
    make(f)(*args)  # rules are compiled, and modules imported
    first = shortest(lambda: make(f)(*args), seconds)
    sparse, compiled = make(f), make(f, jit=True)
    later, fast = (shortest(partial(g, *args), seconds) for g in (sparse, compiled))
    print(f"{what}: {sparse.colouring(*args)!r}")
    print(f"    first call {shown(first)}, later call {shown(later)}, compiled {shown(fast)}")
    if dense is not None:
        np.testing.assert_allclose(sparse(*args).toarray(), dense(f)(*args), rtol=1e-9, atol=1e-9)
        whole = shortest(lambda: dense(f)(*args), seconds)
        print(f"    dense {shown(whole)}: {whole / first:.0f} times a first call, {whole / later:.0f} times a later")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    small = parser.parse_args(arguments).quick
    show = partial(line, 0.0 if small else 1.0)
    n = 200 if small else 2_000
    show(f"Rosenbrock's Hessian, n = {n:,}", ag.sparse_hessian, rosenbrock, np.linspace(-1, 1, n), dense=ag.hessian)
    n = 1_000 if small else 100_000
    show(f"Rosenbrock's Hessian, n = {n:,}", ag.sparse_hessian, rosenbrock, np.linspace(-1, 1, n))
    side = 20 if small else 300
    u = 0.1 * np.cos(np.arange(float(side**2)))
    show(f"Bratu's problem, Jacobian, {side} × {side}", ag.sparse_jacobian, bratu, u)
    show(f"Bratu's problem, Hessian of the energy, {side} × {side}", ag.sparse_hessian, bratu_energy, u)
    sizes = (5, 60, 200) if small else (49, 7_776, 31_843)
    show(f"bundle adjustment, {sizes[2]:,} observations", ag.sparse_jacobian, reprojection, *bundle(*sizes))


if __name__ == "__main__":
    main()
