"""Derivatives of high order of a function of one number: nested `grad`, and Taylor mode.

    python -m benchmarks.taylor

Each time is the best of several calls. Nested `grad` doubles its work with each order, and more; Taylor mode multiplies
polynomials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from benchmarks.timing import shortest


def f(x: Any) -> Any:
    return np.exp(np.sin(x)) * x


def best(call: Callable[[], Any]) -> float:
    """The shortest time of a call, in milliseconds."""
    return 1e3 * shortest(call, 0.3)


def main(nested: tuple[int, ...] = (2, 4, 6, 8, 10), orders: tuple[int, ...] = (2, 4, 6, 8, 10, 20, 30)) -> None:
    print("order   nested grad      taylor   relative difference")
    for order in orders:
        g = f
        for _ in range(order):
            g = ag.grad(g)
        row = f"{order:5}"
        here = ag.taylor(f, 0.3, order)[order] * float(np.prod(np.arange(1.0, order + 1)))
        row += f"{best(lambda g=g: g(0.3)):11.2f} ms" if order in nested else f"{'-':>14}"
        row += f"{best(lambda n=order: ag.taylor(f, 0.3, n)):9.2f} ms"
        print(row + (f"{abs(here / g(0.3) - 1):12.0e}" if order in nested else ""))


if __name__ == "__main__":
    main()
