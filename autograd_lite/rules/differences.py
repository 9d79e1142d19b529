"""Differences, integrals and interpolation; evenly spaced points; functions applied along axes.

All are composed of other rows.
"""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..table import Drawn, at, composite, general, just, uniform
from ..table.batching import axes
from ._arrays import operand, raw
from .indexing import on_axis
from .selection import take

__all__ = [
    "apply_along_axis", "apply_over_axes", "diff", "ediff1d", "geomspace", "gradient", "interp", "logspace",
    "sliding_window_view", "trapezoid", "unwrap",
]

_NONE = np._NoValue


def _neighbours(x, axis):
    """All entries but the first along an axis, and all but the last."""
    return x[on_axis(axis, slice(1, None))], x[on_axis(axis, slice(None, -1))]


def _rising(n):
    return Drawn(lambda rng: np.cumsum(rng.uniform(0.5, 1, size=n)))


# ---------------------------------------------------------------------------------- differences and integrals


@composite(
    np.diff,
    examples="[5]; n=2; axis=0; [3] n=0; prepend=0.5 append=1.5",
)
def diff(a, n=1, axis=-1, prepend=_NONE, append=_NONE):
    """The n-th differences along an axis: ``x[i + 1] - x[i]``, n times."""
    if n < 0:
        raise ValueError(f"diff: expected n >= 0, got {n}")
    if n == 0:
        return a
    a = operand(a)
    axis = normalize_axis_index(axis, a.ndim)
    one = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    before, after = (
        [] if end is _NONE else [np.broadcast_to(end, one) if np.ndim(end) == 0 else end] for end in (prepend, append)
    )
    if before or after:
        a = np.concatenate([*before, a, *after], axis)
    subtract = np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = subtract(*_neighbours(a, axis))
    return a


@composite(np.ediff1d, examples="2x3; [4] to_end=[1.0,2.0] to_begin=3.0")
def ediff1d(ary, to_end=None, to_begin=None):
    """The differences of neighbours in the flattened array, between `to_begin` and `to_end`."""
    steps = np.diff(np.ravel(operand(ary)))
    before, after = (
        [] if end is None else [np.ravel(operand(end)).astype(steps.dtype)] for end in (to_begin, to_end)
    )
    return np.concatenate([*before, steps, *after]) if before or after else steps


@composite(np.trapezoid, examples="[5]; dx=0.3 axis=0; 3x4 [4]; 3x4 3x4 axis=0")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral along an axis by the trapezoidal rule."""
    y = operand(y)
    of_y = normalize_axis_index(axis, y.ndim)
    if x is not None:
        dx = np.diff(operand(x), axis=axis if np.ndim(x) > 1 else 0)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1,) + (1,) * (y.ndim - 1 - of_y))
    return np.sum(dx * np.add(*_neighbours(y, of_y)) / 2, axis=axis)


@composite(
    np.gradient,
    examples=(
        "[5]; 2x3; 3x4 axis=0 edge_order=2", at((2, 4), _rising(4), axis=1, edge_order=2),
        at((2, 4), 0.5, _rising(4)),
    ),
)
def gradient(f, *varargs, axis=None, edge_order=1):
    """Central differences inside and one-sided ones at the ends, along an axis; a tuple for several axes."""
    f = operand(f)
    if f.dtype.kind not in "fc":
        f = f.astype(float)
    axes = normalize_axis_tuple(range(f.ndim) if axis is None else axis, f.ndim)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: expected no spacing, one, or one for each of {len(axes)} axes, got {len(varargs)}")
    if len(varargs) == 1 and len(axes) > 1 and np.ndim(varargs[0]):
        raise TypeError(f"gradient: expected an array of positions for each of {len(axes)} axes, got one")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: expected edge_order 1 or 2, got {edge_order}")
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    slopes = tuple(_slope(f, k, dx, edge_order) for k, dx in zip(axes, spacings, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(f, axis, dx, edge_order):
    """The derivative along one axis: at each point, that of the parabola (or line) through it and its neighbours."""
    f = np.moveaxis(f, axis, 0)
    n = f.shape[0]
    if n < edge_order + 1:
        raise ValueError(f"gradient: {n} points along axis {axis} are too few for edge_order={edge_order}")
    if np.ndim(dx) == 0:
        steps = np.ones(n - 1, f.dtype) * dx
    elif np.shape(dx) == (n,):
        steps = np.diff(operand(dx))
    else:
        raise ValueError(f"gradient: positions of shape {np.shape(dx)} for {n} points along axis {axis}")
    steps = steps.reshape((-1,) + (1,) * (f.ndim - 1))
    slopes = np.diff(f, axis=0) / steps  # between neighbours
    s1, s2, h1, h2 = slopes[:-1], slopes[1:], steps[:-1], steps[1:]
    inside = (h2 * s1 + h1 * s2) / (h1 + h2)
    first, last = slopes[:1], slopes[-1:]
    if edge_order == 2:
        bend = (s2 - s1) / (h1 + h2)  # half the second derivative
        first, last = first - bend[:1] * h1[:1], last + bend[-1:] * h2[-1:]
    return np.moveaxis(np.concatenate([first, inside, last]), 0, axis)


@composite(
    np.interp,
    examples=(
        at(uniform(-1, 5, 2, 3), np.arange(5.0), (5,)), at(uniform(-1, 5, 6), _rising(5), (5,), left=-1.0, right=3.0),
        "-9..9:[6] [0.1,0.5,0.4] [3] period=0.9",
    ),
)
def interp(x, xp, fp, left=None, right=None, period=None):
    """Linear interpolation of (xp, fp) at x, differentiable in all three; at a corner, the slope on its right."""
    x, xp, fp = (v.astype(np.result_type(v.dtype, float)) for v in map(operand, (x, xp, fp)))  # as NumPy does
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ValueError(f"interp: expected vectors xp and fp of the same length, got shapes {xp.shape} and {fp.shape}")
    if period is not None:
        x, xp, left, right = x % abs(period), xp % abs(period), None, None
        order = np.argsort(xp)
        xp, fp = take(xp, order), take(fp, order)
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    last = xp.shape[0] - 1
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(last - 1, 0))
    j = np.minimum(i + 1, last)
    x1, x2, y1, y2 = take(xp, i), take(xp, j), take(fp, i), take(fp, j)
    y = y1 + (y2 - y1) / np.where(x1 == x2, 1, x2 - x1) * (x - x1)
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    return np.where(x > xp[last], fp[last] if right is None else right, y)


unwrap = general(
    np.unwrap, lambda g: g,  # whole periods are added, which are constant
    bind=lambda p, discont=None, axis=-1, *, period=2 * math.pi: (
        (p,), {"discont": discont, "axis": normalize_axis_index(axis, np.ndim(p)), "period": period},
    ),
    examples="-9..9:[7]; -3..3:4x3 axis=0 period=1.5", batch=axes("axis"),
)

# ---------------------------------------------------------------------------------------------- evenly spaced


def _steps(num, endpoint, ndim):
    """`num` numbers from 0 to 1, in a shape that broadcasts against arrays of `ndim` axes."""
    return np.linspace(0, 1, num, endpoint).reshape((-1,) + (1,) * ndim)


def precision(*xs):
    """The real floating point dtype of all of these together; a Python number is weak."""
    dtype = np.result_type(*(x if type(x) in (int, float, complex) else x.dtype for x in xs))
    return np.finfo(dtype).dtype if dtype.kind in "fc" else np.dtype(float)


def _laid(y, dtype, axis=0):
    """The points in a dtype, along an axis."""
    if dtype is not None:
        y = (np.floor(y) if np.issubdtype(dtype, np.integer) else y).astype(dtype)
    return np.moveaxis(y, 0, axis) if axis else y


@composite(
    np.linspace,
    examples=(
        "[] [] num=5; [3] [3] num=4 endpoint=False; 2x3 [3] num=3 axis=-1; [] [] num=4 retstep=True; [] [] num=1; "
        "[2] [2] num=0"
    ),
)
def linspace(
    start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None,
):
    """`num` points from `start` to `stop`, each a weighted mean of the two."""
    start, stop = (operand(x) if type(x) in (list, tuple) else x for x in (start, stop))
    t = _steps(num, endpoint, max(np.ndim(start), np.ndim(stop))).astype(precision(start, stop))
    y = _laid((1 - t) * start + t * stop, dtype, axis)
    intervals = num - 1 if endpoint else num
    return (y, (stop - start) / intervals if intervals > 0 else math.nan) if retstep else y


@composite(np.logspace, examples=("[] [] num=5", "[3] [3] num=4 base=a[2.0,3.0,1.5]"))
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """`num` powers of `base` with evenly spaced exponents."""
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base))
        base = np.expand_dims(base, axis)
    return _laid(base ** np.linspace(start, stop, num, endpoint, axis=axis), dtype)


@composite(
    np.geomspace,
    examples=(at(uniform(1, 2), uniform(3, 4), num=5), "-2..-1:[3] -4..-3:[3] num=3 axis=1"),
)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` points from `start` to `stop`, in a geometric sequence."""
    start, stop = (x.astype(np.result_type(x.dtype, float)) for x in map(operand, (start, stop)))
    if any((raw(x) == 0).any() for x in (start, stop)):
        raise ValueError("geomspace: a geometric sequence cannot include zero")
    t = _steps(num, endpoint, max(start.ndim, stop.ndim))
    return _laid(start * (stop / start) ** t, dtype, axis)


# --------------------------------------------------------------------------------------- functions along axes


@composite(
    np.apply_along_axis,
    examples=(at(np.cumsum, 0, (3, 2)), at(np.mean, -1, (2, 3, 2)), at(np.diag, 1, (2, 3, 2))),
)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """`func1d` of each line along an axis, in the place of the line."""
    arr = operand(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    lines = np.moveaxis(arr, axis, -1)
    outer = lines.shape[:-1]
    if 0 in outer:
        raise ValueError(f"apply_along_axis: an array of shape {arr.shape} has no lines along axis {axis}")
    results = [operand(func1d(lines[at], *args, **kwargs)) for at in np.ndindex(*outer)]
    y = np.reshape(np.stack(results), (*outer, *results[0].shape))
    own = results[0].ndim
    return np.moveaxis(y, tuple(range(-own, 0)), tuple(range(axis, axis + own)))


@composite(np.apply_over_axes, examples=(at(np.sum, (2, 3, 2), just((0, -1))),))
def apply_over_axes(func, a, axes):
    """`func` over one axis after another; each is kept with size 1."""
    y = operand(a)
    for axis in np.atleast_1d(axes).tolist():
        folded = func(y, axis)
        y = folded if folded.ndim == y.ndim else np.expand_dims(folded, axis)
    return y


@composite(
    np.lib.stride_tricks.sliding_window_view, name="sliding_window_view",
    examples="[5] 3; 3x4 (2,2); 3x4 2 axis=0",
)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """All windows of a shape, in new axes at the end. An entry is repeated for each window that contains it."""
    x = operand(x)
    places = np.arange(x.size).reshape(x.shape)
    return np.ravel(x)[np.lib.stride_tricks.sliding_window_view(places, window_shape, axis)]
