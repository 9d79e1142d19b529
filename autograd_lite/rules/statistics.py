"""Covariance, correlation and histograms, composed of other rows."""

from operator import index as as_int

import numpy as np

from ..table import at, composite
from ._arrays import is_tensor, operand, raw
from .differences import precision

__all__ = [
    "corrcoef", "cov", "histogram", "histogram_bin_edges",
]

# ------------------------------------------------------------------------------------------------- covariance


_WEIGHTS = {"fweights": np.array([1, 2, 1, 3]), "aweights": np.array([1.0, 0.2, 1.0, 0.3])}


@composite(
    np.cov,
    examples=(
        "2x4; 2x4 [4] ddof=0; 4x2 rowvar=False; [4] bias=True", at((2, 4), **_WEIGHTS),
    ),
)
def cov(
    m, y=None, rowvar=True, bias=False, ddof=None, fweights=None,
    aweights=None, *, dtype=None,
):
    """The covariances of the variables in the rows of `m` (and `y`); the columns are observations."""
    rows = [_variables(x, rowvar, dtype) for x in (m, y) if x is not None]
    if not rows[0].shape[0]:  # no variables, whatever `y` is, as in NumPy
        return rows[0] @ rows[0].T
    x = np.concatenate(rows) if len(rows) > 1 else rows[0]
    w = None if fweights is None else operand(fweights)
    w = w if aweights is None else operand(aweights) if w is None else w * aweights
    ddof = int(not bias) if ddof is None else ddof
    total = x.shape[1] if w is None else np.sum(w)
    norm = total
    if ddof:
        norm = total - ddof * (1 if aweights is None else np.sum(w * aweights) / total)
        norm = max(norm, 0) if w is None else np.maximum(norm, 0)  # for too few observations NumPy returns inf
    x = x - np.average(x, axis=1, weights=w)[:, None]
    return np.squeeze((x if w is None else x * w) @ np.conj(x.T) / norm)


def _variables(x, rowvar, dtype):
    x = operand(x)
    if x.ndim > 2:
        raise ValueError(f"cov: expected at most two axes, a variable in each row (or column), got shape {x.shape}")
    x = x.astype(np.result_type(x, np.float64) if dtype is None else dtype)
    return np.atleast_2d(x) if rowvar or x.ndim < 2 else x.T


@composite(np.corrcoef, examples="2x5; 5x2 rowvar=False; 2x5 [5]")
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """The correlations of the variables: the covariances divided by the standard deviations."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = np.sqrt(np.real(np.diagonal(c)))
    r = c / spread[:, None] / spread
    return r if r.dtype.kind == "c" else np.clip(r, -1, 1)


# ------------------------------------------------------------------------------------------------- histograms


@composite(np.histogram_bin_edges, examples="[7] bins=4; range=-2.0,2.0")
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    """Evenly spaced edges, from the smallest to the largest entry unless `range` is given."""
    a = operand(a)
    if a.dtype.kind == "c":
        raise TypeError("histogram: complex numbers have no order, and so no bins")
    if np.ndim(bins):
        edges = operand(bins)
        if np.any(np.diff(raw(edges)) < 0):
            raise ValueError("histogram: the edges of bins must increase")
        return edges
    is_count = isinstance(bins, (int, np.integer)) or is_tensor(bins)  # of a tensor without axes, the number in it
    count = as_int(bins) if is_count else len(np.histogram_bin_edges(raw(a), bins, range)) - 1
    low, high = (np.min(a), np.max(a)) if range is None and a.size else range or (0.0, 1.0)
    apart = 0.5 * np.equal(low, high)
    dtype = precision(a, low, high)
    return np.linspace(low - apart, high + apart, count + 1, dtype=dtype)


@composite(
    np.histogram,
    examples=(
        "[7] bins=4", "[7] 3 None None 0..1:[7]",
        "[7] a[-1.0,0.0,2.0] None True 0..1:[7]",
    ),
)
def histogram(a, bins=10, range=None, density=None, weights=None):
    """The number of entries, or their weight, in each bin; and the edges.

    Counts are integers without a derivative; weights, edges and a density have one.
    """
    a, weights = np.ravel(operand(a)), None if weights is None else np.ravel(operand(weights))
    edges = np.histogram_bin_edges(a, bins, range)
    last = edges.shape[0] - 1
    inside = (a >= edges[0]) & (a <= edges[last])
    places = np.minimum(np.searchsorted(edges, a, side="right") - 1, last - 1)  # the last bin is closed
    counts = _weighed(np.where(inside, places, last), weights, last + 1)[:last]
    if density:
        return counts / np.diff(edges).astype(float) / np.sum(counts), edges
    return (counts if weights is None else counts.astype(weights.dtype)), edges


def _weighed(places, weights, count):
    """The number of places equal to each integer below `count`, or their weight."""
    if weights is None or weights.dtype.kind != "c":
        return np.bincount(places, weights, minlength=count)
    real, imag = (np.bincount(places, part, minlength=count) for part in (np.real(weights), np.imag(weights)))
    return real + 1j * imag
