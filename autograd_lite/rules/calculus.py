"""Differences, integrals and interpolation; evenly spaced points; statistics of two variables.

Nearly all of it is composed of other rows: these are formulas, and a formula differentiates itself. `sinc` and `i0`
are rows that know all their derivatives, because the textbook forms of these divide 0 by 0 at the origin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..primitive import composite, elementwise, general
from .joining import entire

_NONE: Any = np._NoValue


def array(x: Any) -> Any:
    """A number or a nested list, perhaps with Tensors in it, as the array that it stands for."""
    x = entire(x)
    return x if hasattr(x, "dtype") else np.asarray(x)


def _from(start: int | None, stop: int | None, axis: int) -> Any:
    """The index of ``start:stop`` along an axis."""
    return (slice(None),) * axis + (slice(start, stop),)


# ---------------------------------------------------------------------------------------- differences and integrals


@composite(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = _NONE, append: Any = _NONE) -> Any:
    """The n-th differences along an axis, ``x[i + 1] - x[i]`` n times over."""
    if n < 0:
        raise ValueError(f"diff: n={n}; the order is one of 0, 1, 2, ...")
    if n == 0:
        return a
    a = array(a)
    axis = normalize_axis_index(axis, a.ndim)
    one = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    before, after = (
        [] if end is _NONE else [np.broadcast_to(end, one) if np.ndim(end) == 0 else end] for end in (prepend, append)
    )
    if before or after:
        a = np.concatenate([*before, a, *after], axis)
    subtract = np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = subtract(a[_from(1, None, axis)], a[_from(None, -1, axis)])
    return a


@composite(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flattened array, between two given ends."""
    steps = np.diff(np.ravel(array(ary)))
    ends = [None if end is None else np.ravel(array(end)) for end in (to_begin, to_end)]
    parts = [part for part in (ends[0], steps, ends[1]) if part is not None]
    return np.concatenate(parts) if len(parts) > 1 else steps


@composite(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral along an axis by the trapezoidal rule."""
    y = array(y)
    axis = normalize_axis_index(axis, y.ndim)
    if x is not None:
        dx = np.diff(array(x), axis=axis if np.ndim(x) > 1 else 0)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1,) + (1,) * (y.ndim - 1 - axis))
    return np.sum(dx * (y[_from(1, None, axis)] + y[_from(None, -1, axis)]) / 2, axis=axis)


@composite(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside and one-sided ones at the ends, along one axis or a tuple of arrays for several."""
    f = array(f)
    if f.dtype.kind not in "fc":
        f = f.astype(float)
    axes = normalize_axis_tuple(range(f.ndim) if axis is None else axis, f.ndim)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes; give none, one, or one for each")
    if len(varargs) == 1 and len(axes) > 1 and np.ndim(varargs[0]):
        raise TypeError(f"gradient: one array of positions for {len(axes)} axes; give one for each")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order={edge_order}; it is 1 or 2")
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    slopes = tuple(_slope(f, k, dx, edge_order) for k, dx in zip(axes, spacings, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(f: Any, axis: int, dx: Any, edge_order: int) -> Any:
    """The derivative along one axis: in each point that of the parabola (at the ends perhaps the line) through it."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: {n} points along axis {axis} are too few for edge_order={edge_order}")
    if np.ndim(dx) == 0:
        steps = np.ones((n - 1,) + (1,) * (f.ndim - 1 - axis), f.dtype) * dx
    elif np.shape(dx) == (n,):
        steps = np.reshape(np.diff(array(dx)), (-1,) + (1,) * (f.ndim - 1 - axis))
    else:
        raise ValueError(f"gradient: positions of shape {np.shape(dx)} for {n} points along axis {axis}")
    slopes = (f[_from(1, None, axis)] - f[_from(None, -1, axis)]) / steps  # between neighbours
    s1, s2 = slopes[_from(None, -1, axis)], slopes[_from(1, None, axis)]
    h1, h2 = steps[:-1], steps[1:]
    inside = (h2 * s1 + h1 * s2) / (h1 + h2)
    first, last = slopes[_from(None, 1, axis)], slopes[_from(-1, None, axis)]
    if edge_order == 2:
        bend = (s2 - s1) / (h1 + h2)  # half the second derivative
        first = first - bend[_from(None, 1, axis)] * steps[:1]
        last = last + bend[_from(-1, None, axis)] * steps[-1:]
    return np.concatenate([first, inside, last], axis)


@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The broken line through (xp, fp) at x, which differentiates by all three; at a corner the slope to its right."""
    x, xp, fp = array(x), array(xp), array(fp)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ValueError(f"interp: points of shapes {xp.shape} and {fp.shape}; they must be two equally long lists")
    if period is not None:
        x, xp, left, right = x % abs(period), xp % abs(period), None, None
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    last = xp.shape[0] - 1
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    j = np.minimum(i + 1, last)
    width = xp[j] - xp[i]
    y = fp[i] + (fp[j] - fp[i]) / np.where(width == 0, 1, width) * (x - xp[i])
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    return np.where(x > xp[last], fp[last] if right is None else right, y)


unwrap = general(
    lambda x, discont, axis, period: np.unwrap(x, discont, axis, period=period),
    lambda g: g,  # whole periods are added, and these are constant
    of=np.unwrap,
    name="unwrap",
    np_name="np.unwrap",
    bind=lambda p, discont=None, axis=-1, *, period=2 * math.pi: (
        (p,), {"discont": discont, "axis": normalize_axis_index(axis, np.ndim(p)), "period": period}
    ),
    examples=(
        lambda rng: ((rng.uniform(-9, 9, size=7),), {}),
        lambda rng: ((rng.uniform(-3, 3, size=(4, 3)),), {"axis": 0, "period": 1.5}),
    ),
)  # fmt: skip

# ------------------------------------------------------------------------------------------------- evenly spaced


def _steps(num: int, endpoint: bool, ndim: int) -> Any:
    """From 0 to 1 in `num` steps, as a column to broadcast against arrays of `ndim` axes."""
    if num < 0:
        raise ValueError(f"{num} points: their number cannot be negative")
    return (np.arange(num) / max(num - 1 if endpoint else num, 1)).reshape((-1,) + (1,) * ndim)


def _typed(y: Any, dtype: Any) -> Any:
    if dtype is None:
        return y
    return (np.floor(y) if np.issubdtype(dtype, np.integer) else y).astype(dtype)


@composite(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
    *, device: Any = None,
) -> Any:  # fmt: skip
    """`num` points from `start` to `stop`, each a weighted mean of the two."""
    t = _steps(num, endpoint, max(np.ndim(start), np.ndim(stop)))
    y = _typed((1 - t) * start + t * stop, dtype)
    y = np.moveaxis(y, 0, axis) if axis else y
    intervals = num - 1 if endpoint else num
    return (y, (stop - start) / intervals if intervals > 0 else math.nan) if retstep else y


@composite(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` powers of `base` with evenly spaced exponents."""
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base))
        base = np.expand_dims(base, axis)
    return _typed(base ** np.linspace(start, stop, num, endpoint, axis=axis), dtype)


@composite(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """`num` points from `start` to `stop`, each the same multiple of the one before."""
    t = _steps(num, endpoint, max(np.ndim(start), np.ndim(stop)))
    y = _typed(start * (stop / start) ** t, dtype)
    return np.moveaxis(y, 0, axis) if axis else y


# --------------------------------------------------------------------------------------------------- covariance


@composite(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariances of the variables in the rows of `m` (and `y`), over its columns."""
    rows = [_variables(x, rowvar, dtype) for x in (m, y) if x is not None]
    x = np.concatenate(rows) if len(rows) > 1 else rows[0]
    w = None if fweights is None else array(fweights)
    w = w if aweights is None else array(aweights) if w is None else w * aweights
    ddof = (0 if bias else 1) if ddof is None else ddof
    total = x.shape[1] if w is None else np.sum(w)
    norm = total
    if ddof:
        norm = total - ddof * (1 if aweights is None else np.sum(w * aweights) / total)
    x = x - np.average(x, axis=1, weights=w)[:, None]
    return np.squeeze((x if w is None else x * w) @ np.conj(x.T) / norm)


def _variables(x: Any, rowvar: bool, dtype: Any) -> Any:
    x = array(x)
    if x.ndim > 2:
        raise ValueError(f"cov: an array of shape {x.shape}; a variable in each row (or column) makes two axes")
    x = x.astype(np.result_type(x, np.float64) if dtype is None else dtype)
    return x[None, :] if x.ndim == 1 else x[None, None] if x.ndim == 0 else x if rowvar else x.T


@composite(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The correlation of each two variables: their covariance over the product of their spreads."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.real(np.diagonal(c)))
    r = c / spread[:, None] / spread
    return r if r.dtype.kind == "c" else np.clip(r, -1, 1)


# --------------------------------------------------------------------------------------- nan, inf, rounding errors

nan_to_num = elementwise(
    lambda x, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    lambda x: np.isfinite(x),
    of=np.nan_to_num,
    name="nan_to_num",
    np_name="np.nan_to_num",
    bind=lambda x, copy=True, nan=0.0, posinf=None, neginf=None: (
        (x,), {"nan": nan, "posinf": posinf, "neginf": neginf}
    ),
    tex=r"{x}",
)  # fmt: skip


@composite(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    """The real part, if the imaginary one is nothing but rounding errors."""
    a = array(a)
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = tol * np.finfo(a.dtype).eps
    return np.real(a) if np.all(np.abs(np.imag(a)) < tol) else a


# --------------------------------------------------------------------- functions that know their n-th derivative


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
