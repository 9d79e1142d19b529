"""Polynomials as arrays of their coefficients, the highest power first.

A leading coefficient of 0 is kept: it is a variable like the others, and has a derivative. (NumPy's `polymul` and
`polydiv` remove it.)
"""

import warnings
from itertools import accumulate

import numpy as np

from ..table import at, composite, general
from ._arrays import operand

__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "roots",
    "vander",
]


def _coefficients(p):
    p = operand(p)
    return np.reshape(p, (1,)) if p.ndim == 0 else p


@composite(np.polyval, examples="[4] 2x3; [1] []; [3] [0]")
def polyval(p, x):
    """The value at `x`, by Horner's rule."""
    p, x = _coefficients(p), operand(x)
    y = np.zeros(x.shape, np.result_type(p, x))
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


@composite(np.vander, examples="[3]; [4] N=3 increasing=True; [2] N=0")
def vander(x, N=None, increasing=False):
    """The powers of each entry of `x`, in a row: repeated products, as in NumPy."""
    x = operand(x)
    if x.ndim != 1:
        raise ValueError(f"vander: expected one axis, got an array of shape {x.shape}")
    n, x = x.shape[0] if N is None else N, x.astype(np.promote_types(x.dtype, int))
    columns = list(accumulate([x] * (n - 1), np.multiply, initial=np.ones_like(x)))[:n]
    return np.stack(columns[:: 1 if increasing else -1], 1) if columns else x[:, None][:, :0]


def _entry_by_entry(fn, ufunc):
    def combined(a1, a2):
        a1, a2 = _coefficients(a1), _coefficients(a2)
        n = max(a1.shape[0], a2.shape[0])
        return ufunc(*(np.pad(a, (n - a.shape[0], 0)) for a in (a1, a2)))

    combined.__doc__ = f"The {'sum' if ufunc is np.add else 'difference'} of two polynomials."
    return composite(fn, examples="[4] [2]; [2] [4]")(combined)


polyadd, polysub = _entry_by_entry(np.polyadd, np.add), _entry_by_entry(np.polysub, np.subtract)


@composite(np.polymul, examples="[4] [2]; [1] [3]")
def polymul(a1, a2):
    """The product of two polynomials."""
    a1, a2 = (a if a.size else np.append(a, 0.0) for a in map(_coefficients, (a1, a2)))  # none at all: 0
    return np.convolve(a1, a2)


@composite(np.polydiv, examples="[4] [2]; [2] [4]; [4] [1]")
def polydiv(u, v):
    """The quotient and the remainder of two polynomials, by long division."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    steps = u.shape[0] - v.shape[0] + 1
    quotient, rest = [], u + 0 * v[0]
    for _ in range(steps):
        q = rest[0] / v[0]
        quotient.append(q)
        rest = (rest - q * np.pad(v, (0, rest.shape[0] - v.shape[0])))[1:]
    return np.stack(quotient) if quotient else 0 * u[:1], rest if rest.shape[0] else 0 * u[:1]


@composite(np.polyder, examples="[4]; [4] m=2; [2] m=3")
def polyder(p, m=1):
    """The m-th derivative."""
    if m < 0:
        raise ValueError(f"polyder: m={m}; to integrate, use polyint")
    p = _coefficients(p)
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composite(np.polyint, examples="[4]; [3] m=2 k=[1.0,2.0]; [3] m=2 k=3.0")
def polyint(p, m=1, k=None):
    """The m-th integral, with the constants `k`."""
    if m < 0:
        raise ValueError(f"polyint: m={m}; to differentiate, use polyder")
    p = _coefficients(p)
    k = np.zeros(m) if k is None else _coefficients(k)
    if k.shape[0] not in (1, m):
        raise ValueError(f"polyint: expected one constant or one for each of {m} integrations, got {k.shape[0]}")
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), k[i : i + 1] if k.shape[0] > 1 else k])
    return p


@composite(np.poly, examples="[4]; 3x3")
def poly(seq_of_zeros):
    """The polynomial with these zeros, or the characteristic polynomial of a matrix."""
    zeros = _coefficients(seq_of_zeros)
    if zeros.dtype == np.float16:  # as NumPy does
        zeros = zeros.astype(float)
    real = zeros.dtype.kind != "c"
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1]:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError(f"poly: expected a vector of zeros or a square matrix, got an array of shape {zeros.shape}")
    p = np.ones(1, zeros.dtype)
    for k in range(zeros.shape[0]):
        p = np.pad(p, (0, 1)) - zeros[k] * np.pad(p, (1, 0))
    if p.dtype.kind == "c" and (real or np.array_equal(np.sort(zeros), np.sort(np.conj(zeros)))):
        return np.real(p)
    return p


def _roots_pull(g, y, x):
    """The derivative of a root r with respect to a coefficient is ``-r**k / p'(r)``, from differentiating p(r) = 0."""
    powers = np.arange(x.shape[0] - 1, -1, -1)
    return -(g / np.polyval(np.polyder(x), y)) @ (y[:, None] ** powers)


roots = general(
    np.roots, _roots_pull, bind=lambda p: ((_coefficients(p),), {}),
    examples=(
        lambda rng: ((np.poly(rng.normal(size=4)),), {}),
        lambda rng: ((np.array([2.0, 1.0, 3.0, -1.0]) + rng.uniform(size=4) / 9,), {}),  # two complex ones
        "a[1.0,3.0,0.0]",
    ),
)


@composite(
    np.polyfit,
    examples=(
        at(np.arange(5.0), (5,), 2), "[6] 6x2 1 w=1..2:[6]", at(np.arange(6.0), (6,), 2, cov=True),
    ),
)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """The least-squares polynomial of degree `deg` through the points (x, y)."""
    x, y = operand(x) + 0.0, operand(y) + 0.0
    if deg < 0 or x.ndim != 1 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0] or not x.size:
        raise ValueError(
            f"polyfit: expected a vector x and y with as many rows, got shapes {x.shape}, {y.shape} (degree {deg})"
        )
    if rcond is None:
        rcond = x.shape[0] * float(np.finfo(x.dtype).eps)
    powers = np.vander(x, deg + 1)
    if w is not None:
        w = operand(w) + 0.0
        powers, y = powers * w[:, None], y * (w if y.ndim == 1 else w[:, None])
    scale = np.sqrt(np.sum(powers * powers, axis=0))  # the columns have very different sizes
    powers = powers / scale
    p, squares, rank, s = np.linalg.lstsq(powers, y, rcond)
    p = (p.T / scale).T
    if full:
        return p, squares, rank, s, rcond
    if isinstance(rank, int) and rank != deg + 1:
        warnings.warn(
            "polyfit: the points do not determine the polynomial well", np.exceptions.RankWarning, stacklevel=4,
        )
    if not cov:
        return p
    spread = np.linalg.inv(powers.T @ powers) / (scale[:, None] * scale)
    if cov != "unscaled":
        if x.shape[0] <= deg + 1:
            raise ValueError(f"polyfit: cov=True needs more than {deg + 1} points for degree {deg}; or cov='unscaled'")
        squares = squares / (x.shape[0] - deg - 1)
        spread = spread * squares if y.ndim == 1 else spread[:, :, None] * squares
    elif y.ndim == 2:
        spread = spread[:, :, None]
    return p, spread
