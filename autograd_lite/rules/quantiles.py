"""Order statistics: the median, quantiles and percentiles, by all of NumPy's methods.

A quantile is a place in the sorted array, usually between two entries. The methods differ only in this place: the table
below has it for each. The two neighbours share the gradient with the same weights as the value, and where the place
depends on `q`, there is a derivative with respect to `q` too.
"""

import math

import numpy as np

from ..table import Textbook, at, composite, notation, uniform
from ._arrays import is_tensor, kept_shape, operand, raw, reduced, refuse_out, resolve
from .reductions import laid_along
from .shaping import astype

__all__ = [
    "median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile",
]

#: The place of the quantile `q` among `n` sorted entries, counted from 0; a place outside is moved to the end.
#: Source: R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, Am. Stat. 50 (1996).
PLACES = {
    "inverted_cdf": lambda n, q: np.ceil(n * q - 1),
    "averaged_inverted_cdf": lambda n, q: (np.floor(n * q - 1) + np.ceil(n * q - 1) + 1) / 2,
    "closest_observation": lambda n, q: np.ceil(n * q - 1.5) + ((n * q - 1.5) % 2 == 0),
    "interpolated_inverted_cdf": lambda n, q: n * q - 1,
    "hazen": lambda n, q: n * q - 0.5,
    "weibull": lambda n, q: (n + 1) * q - 1,
    "linear": lambda n, q: (n - 1) * q,
    "median_unbiased": lambda n, q: (n + 1 / 3) * q - 2 / 3,
    "normal_unbiased": lambda n, q: (n + 1 / 4) * q - 5 / 8,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "midpoint": lambda n, q: (np.floor((n - 1) * q) + np.ceil((n - 1) * q)) / 2,
    "nearest": lambda n, q: np.rint((n - 1) * q),
}


FEW = 256  # entries that are sorted: of equal ones the first comes first, as a partition does not have it


def _quantile(a, q, axis, method, keepdims, weights, skip_nan):
    x, weak = operand(a), type(q) in (int, float)
    q = operand(q)
    _check(q, method, weights)
    axes = reduced(resolve(axis, x.ndim), x.ndim)
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    lines = _lines(x, axes, kept)
    each = q.reshape(q.shape + (1,) * len(kept))  # one row of results for each q
    if not len(lines):  # no entries
        y = np.broadcast_to(np.sum(lines, axis=0) * math.nan, q.shape + lines.shape[1:])
    elif weights is not None:
        y = _weighted(lines, each, _lines(_full(weights, x, axes), axes, kept), skip_nan)
    else:
        y = _between(lines, each, method, weak, skip_nan)
    return y.reshape(q.shape + kept_shape(x.shape, axes)) if keepdims else y


def _check(q, method, weights):
    q = raw(q)
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError("quantile: q must be between 0 and 1 (for a percentile, between 0 and 100)")
    if method not in PLACES:
        raise ValueError(f"quantile: method={method!r} is none of {', '.join(PLACES)}")
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"quantile: weights= need method='inverted_cdf', got {method!r}")


def _lines(x, axes, kept):
    """`x` with the reduced axes joined into the first axis."""
    shape = (math.prod(x.shape[k] for k in axes), *(x.shape[k] for k in kept))
    return np.transpose(x, axes + kept).reshape(shape)


def _between(lines, q, method, weak, skip_nan):
    """The value at each place, interpolated between two entries; nan is sorted last."""
    floating = lines.dtype.kind in "fc"
    n = np.sum(~np.isnan(lines), axis=0).astype(q.dtype) if skip_nan else len(lines)
    place = np.maximum(np.minimum(PLACES[method](n, q), n - 1), 0)
    below, above = np.floor(place), np.ceil(place)
    if skip_nan or is_tensor(place) or len(lines) <= FEW:
        ordered = np.sort(lines, axis=0, kind="stable")
    else:  # only these places are needed: several times faster
        ordered = np.partition(lines, np.unique([*below.flat, *above.flat, n - 1]).astype(np.intp), axis=0)
    low, high = _entries(ordered, below), _entries(ordered, above)
    t = place - below
    t = t.astype(np.finfo(ordered.dtype).dtype) if weak and floating else t  # a Python number is weak, too
    with np.errstate(invalid="ignore"):
        y = np.where(t == 0, low, (1 - t) * low + t * high)
    return np.where(np.isnan(ordered[-1]), ordered[-1], y) if floating and not skip_nan else y


def _entries(ordered, place):
    """The entries at integer places, which are the same for all lines or different for each."""
    several = np.ndim(place) - ordered.ndim + 1  # the axes of q
    at = astype(place, np.intp).reshape((math.prod(place.shape[:several]), *place.shape[several:]))
    found = np.take_along_axis(ordered, at, axis=0)
    return found.reshape(place.shape[:several] + found.shape[1:])


def _full(weights, x, axes):
    """A weight for every entry, from weights for all entries or along the axes only."""
    w = operand(weights)
    if (raw(w) < 0).any():
        raise ValueError("quantile: weights must not be negative")
    return np.broadcast_to(laid_along(w, x.shape, axes, "quantile"), x.shape)


def _weighted(lines, q, w, skip_nan):
    """The first entry at which the cumulative weight reaches `q` times the total."""
    if skip_nan:
        w = np.where(np.isnan(lines), 0, w)
    order = np.argsort(lines, axis=0)
    ordered = np.take_along_axis(lines, order, axis=0)
    share = np.cumsum(np.take_along_axis(w, order, axis=0), axis=0, dtype=float)
    share = share / share[-1]
    share = np.where(share == 0, -1, share)  # an entry of weight 0 is never chosen, not even for q = 0
    several = q.ndim - lines.ndim + 1
    place = np.minimum(np.sum(share < np.expand_dims(q, several), axis=several), len(lines) - 1)
    y = _entries(ordered, place)
    return y if skip_nan or lines.dtype.kind not in "fc" else np.where(np.isnan(ordered[-1]), ordered[-1], y)


# ---------------------------------------------------------------------------------------------- the functions

_MEDIANS = ("[5]; 4x3 axis=0; 2x3x2 axis=0,-1 keepdims=True; []",)


def _examples(scale):
    return (
        *(at((5, 2), 0.403 * scale, axis=0, method=method) for method in PLACES),
        at((2, 3, 2), np.array([0.21, 1.0]) * scale, axis=(2, 0), keepdims=True),
        at((6,), uniform(0.21 * scale, 0.39 * scale, 2, 2)),
        at((5, 2), [0.1 * scale, 0.603 * scale], axis=0, weights=uniform(1, 2, 5), method="inverted_cdf"),
    )


def _middle(a):
    rank = np.argsort(np.argsort(a, None, kind="stable")).reshape(a.shape)
    return (rank == a.size // 2) | (rank == (a.size - 1) // 2)


notation("middle", "1[{x1} in the middle]", r"1[{x1} \text{{ in the middle}}]", _middle)


def _median_textbook(a, axis, keepdims, **other):
    """Of an even number of entries, the two in the middle share."""
    whole = axis is None and not keepdims
    return Textbook("median(a)", a=("g * (a == y)", "0.5 * g * middle(a)", "g * middle(a)")) if whole else None


def _median(numpy_function, skip_nan):
    def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
        refuse_out(out)
        return _quantile(a, 0.5, axis, "linear", keepdims, None, skip_nan)

    return composite(
        numpy_function, examples=_MEDIANS, pair=2, textbook=_median_textbook,
        unlike_torch="PyTorch's returns the lower of two middle entries, and its position: write axis= for the mean of "
        "both",
    )(median)


def _quantiles(numpy_function, scale, skip_nan):
    def quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
        refuse_out(out)
        a = operand(a)
        if a.dtype.kind == "c":  # although NumPy has a median of them
            raise TypeError(f"{numpy_function.__name__}: complex numbers have no order")
        q = (q if type(q) in (int, float) else operand(q)) / scale
        return _quantile(a, q, axis, method, keepdims, weights, skip_nan)

    def textbook(a, q, axis, **other):
        return Textbook(f"{numpy_function.__name__}(a, q)") if axis is None and np.ndim(q) == 0 else None

    return composite(numpy_function, examples=_examples(scale), textbook=textbook)(quantile)


median, nanmedian = _median(np.median, False), _median(np.nanmedian, True)
quantile, nanquantile = _quantiles(np.quantile, 1, False), _quantiles(np.nanquantile, 1, True)
percentile, nanpercentile = _quantiles(np.percentile, 100, False), _quantiles(np.nanpercentile, 100, True)
