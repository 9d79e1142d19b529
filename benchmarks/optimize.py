"""ag.optimize: exact derivatives against differences, and the implicit gradient against one through all iterations.

    python -m benchmarks.optimize

The first table solves each problem with SciPy as it is, which takes differences, and with ag.optimize: how often the
function was called, the time of one solution (with `jit`, of ``minimize(jit(value_and_grad(f)), x0, jac=True)``), and
what is left of the gradient or the equations. The second has the time and the peak memory of the gradient of a fixed
point with respect to its parameters, and of the same by recording every iteration.
"""

import tracemalloc
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.optimize

import autograd_lite as ag
from benchmarks.__main__ import machine
from benchmarks.timing import shortest

rng = np.random.default_rng(0)


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def trigonometric(x: Any) -> Any:
    k = np.arange(1, x.size + 1)
    return x.size - np.sum(np.cos(x)) + k * (1 - np.cos(x)) - np.sin(x)


TIMES = np.linspace(0, 4, 200)
DATA = 2 * np.exp(-0.5 * TIMES) + np.exp(-3 * TIMES) + 0.01 * rng.normal(size=200)


def decays(p: Any) -> Any:
    return p[0] * np.exp(-p[1] * TIMES) + p[2] * np.exp(-p[3] * TIMES) - DATA


def discretized(u: Any) -> Any:
    """Broyden's tridiagonal equations."""
    u = np.concatenate([[0.0], u, [0.0]])
    return (3 - 2 * u[1:-1]) * u[1:-1] - u[:-2] - 2 * u[2:] + 1


#: By name: how to solve it with a module and a function, and the function.
PROBLEMS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "minimize BFGS, n = 20": (lambda of, f: of.minimize(f, np.zeros(20), tol=1e-6), rosenbrock),
    "minimize BFGS, n = 100": (lambda of, f: of.minimize(f, np.zeros(100), tol=1e-6), rosenbrock),
    "minimize L-BFGS-B, n = 100": (
        lambda of, f: of.minimize(f, np.zeros(100), method="L-BFGS-B", options={"maxfun": 100_000}), rosenbrock
    ),
    "root hybr, n = 100": (lambda of, f: of.root(f, -np.ones(100)), discretized),
    "least_squares trf, n = 4": (lambda of, f: of.least_squares(f, [1.0, 1.0, 1.0, 2.0]), decays),
}  # fmt: skip


#: `minimize` for a function that returns its gradient too.
BOTH = SimpleNamespace(minimize=partial(ag.optimize.minimize, jac=True))


def counted(f: Callable[[Any], Any], calls: list[int]) -> Callable[[Any], Any]:
    def g(x: Any) -> Any:
        calls[0] += 1
        return f(x)

    return g


def left(name: str, f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient or the values of equations, which are zero at an exact solution."""
    if name.startswith("root"):
        return f(x)
    return ag.grad(f)(x) if name.startswith("minimize") else f(x) @ ag.jacobian(f)(x)


def best(call: Callable[[], Any]) -> float:
    """The shortest time of a call, in milliseconds."""
    return 1e3 * shortest(call, 0.5)


def solvers() -> None:
    print(f"{'':28}{'calls':>11}{'':5}{'milliseconds':>22}{'gradient or f':>22}")
    print(f"{'':28}{'SciPy':>8}{'ours':>8}{'SciPy':>10}{'ours':>8}{'jit':>8}{'SciPy':>12}{'ours':>8}")
    for name, (solve, f) in PROBLEMS.items():
        row: list[list[Any]] = [[], [], []]
        for of in (scipy.optimize, ag.optimize):
            calls = [0]
            x = solve(of, counted(f, calls)).x
            row[0].append(f"{calls[0]:8}")
            row[1].append(f"{best(partial(solve, of, f)):9.1f}")
            row[2].append(f"{np.abs(left(name, f, x)).max():10.0e}")
        both = ag.jit(ag.value_and_grad(f))
        row[1].append(f"{best(partial(solve, BOTH, both)):8.1f}" if name.startswith("minimize") else f"{'':8}")
        print(f"{name:28}" + "".join("".join(part) for part in row))


def gradients() -> None:
    print(f"\n{'gradient of a fixed point':28}{'ms':>16}{'':8}{'MB':>8}")
    print(f"{'':28}" + f"{'unrolled':>12}{'implicit':>12}" * 2)
    n = 100
    A = rng.normal(size=(n, n)) / np.sqrt(n)

    for rate, iterations in ((0.3, 30), (0.9, 300)):

        def step(x: Any, A: Any, rate: float = rate) -> Any:
            return np.tanh(rate * A @ x + 0.1)

        def unrolled(A: Any, step: Any = step, iterations: int = iterations) -> Any:
            x = np.zeros(n)
            for _ in range(iterations):
                x = step(x, A)
            return np.sum(x**2)

        def implicit(A: Any, step: Any = step, iterations: int = iterations) -> Any:
            x = ag.optimize.fixed_point(step, np.zeros(n), (A,), 1e-12, iterations + 100, "iteration")
            return np.sum(x**2)

        times, memory, results = [], [], []
        for f in (unrolled, implicit):
            times.append(best(lambda f=f: ag.grad(f)(A)))
            tracemalloc.start()
            results.append(ag.grad(f)(A))
            memory.append(tracemalloc.get_traced_memory()[1] / 1e6)
            tracemalloc.stop()
        apart = np.abs(results[0] - results[1]).max() / np.abs(results[1]).max()
        row = "".join(f"{value:12.1f}" for value in (*times, *memory))
        print(f"{f'{iterations} iterations, n = {n}':28}{row}   differ by {apart:.0e}")


def main() -> None:
    print(machine())
    solvers()
    gradients()


if __name__ == "__main__":
    main()
