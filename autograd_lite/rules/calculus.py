"""Differences, integrals and interpolation; polynomials; statistics of two variables.

Nearly all of it is composed of other rows: these are formulas, and a formula differentiates itself. `sinc` and `i0` are
rows that know all their derivatives, because the textbook forms of these divide 0 by 0 at the origin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..primitive import elementwise

# ------------------------------------------------------------------- functions that know their n-th derivative


def _float(x: Any) -> Any:
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def _sinc_derivative(x: Any, n: int) -> Any:
    """The n-th derivative of sin(pi x) / (pi x), which is the integral of cos(pi x t) over t from 0 to 1.

    Away from 0 by the recurrence that differentiating ``x sinc(x) = sin(pi x) / pi`` n times gives; near it by the
    Taylor series, since the recurrence divides by x once for each order.
    """
    z = math.pi * _float(x)
    near = np.abs(z) < n + 1
    u = np.where(near, z, 0)
    series: Any = 0.0 * u
    for k in range(14 + 3 * n + n // 2, (n + 1) // 2 - 1, -1):  # the small terms first
        series = series + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - n)) * u ** (2 * k - n)
    v = np.where(near, 1, z)
    far = np.sin(v) / v
    for k in range(1, n + 1):
        far = (np.sin(v + k * (math.pi / 2)) - k * far) / v
    return math.pi**n * np.where(near, series, far)


def _i0_derivative(x: Any, n: int) -> Any:
    """The n-th derivative of I0, the mean of ``cos(t)**n exp(x cos t)`` over a full turn of t (DLMF 10.32.1).

    Of a periodic function the midpoint rule takes the mean to full accuracy: here for all x up to 700, where I0 ends.
    """
    x = _float(x)
    total: Any = 0.0 * x
    for c in np.cos((np.arange(64) + 0.5) * (math.pi / 128)).tolist():
        total = total + c**n * (np.sinh(c * x) if n % 2 else np.cosh(c * x))
    return total / 64


sinc_derivative = elementwise(
    _sinc_derivative,
    lambda x, n: sinc_derivative(x, n + 1),
    name="sinc_derivative",
    bind=lambda x, n=1: ((x,), {"n": n}),
    tex=r"\operatorname{{sinc}}^{{({n})}} {x}",
)
sinc = elementwise(np.sinc, lambda x: sinc_derivative(x, 1), np_name="np.sinc", tex=r"\operatorname{{sinc}} {x}")
i0_derivative = elementwise(
    _i0_derivative,
    lambda x, n: i0_derivative(x, n + 1),
    name="i0_derivative",
    bind=lambda x, n=1: ((x,), {"n": n}),
    tex="I_0^{{({n})}}({x})",
)
i0 = elementwise(np.i0, lambda x: i0_derivative(x, 1), np_name="np.i0", tex="I_0({x})")
