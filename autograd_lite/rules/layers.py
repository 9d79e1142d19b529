"""Rows for layers, where one row was measured to be faster than several.

`linear` is a matrix product with a bias: one node instead of three, and one pass less over the result.
`linear_columns` is the same for vectors that are columns. `standardize` is common to all normalisations; with other
rows it would be seven nodes.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..table import at, general
from ..table.batching import Batched, axes, padded
from ._arrays import kept_shape
from .products import matmul, product


def _rows(x: Any) -> Any:
    """A stack of vectors as the rows of one matrix."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    y = _rows(x).dot(weight.T) if x.ndim > 1 else x.dot(weight.T)
    if y.dtype == bias.dtype:
        y += bias
    else:
        y = y + bias
    return y if y.ndim == x.ndim else y.reshape(*x.shape[:-1], weight.shape[0])


linear = general(
    _linear, lambda g, x2: matmul(g, x2), lambda g, x1: _rows(g).T.dot(_rows(x1)), lambda g: _rows(g),
    name="linear", bind=lambda input, weight, bias: ((input, weight, bias), {}),
    examples=(at((2, 3), (4, 3), (4,)), at((3,), (2, 3), (2,)), at((2, 2, 3), (1, 3), (1,)), at((0, 3), (2, 3), (2,))),
)
linear.attach(algebra="affine map")


def _batched_linear(b: Batched) -> Any:
    x, weight, bias = b.xs
    if not any(b.on[1:]):
        return b(x, weight, bias)  # an example more is one more row
    y = product(x, weight.mT, b.on[0], b.on[1])
    return y + padded(bias, b.on[2], b.ndim(0))


linear.attach(batch=_batched_linear)


def _linear_columns(weight: Any, columns: Any, bias: Any) -> Any:
    y = np.matmul(weight, columns)
    if y.dtype == bias.dtype:
        y += bias[:, None]
        return y
    return y + bias[:, None]


linear_columns = general(  # a convolution, once its windows are columns
    _linear_columns, lambda g, x2: np.matmul(g, x2.mT), lambda g, x1: np.matmul(x1.mT, g),
    lambda g: np.sum(g, axis=tuple(k for k in range(g.ndim) if k != g.ndim - 2)), name="linear_columns",
    bind=lambda weight, columns, bias: ((weight, columns, bias), {}), tex=r"{x1} {x2} + {x3}",
    examples=(at((4, 3), (2, 3, 5), (4,)), at((1, 3), (2, 3, 1), (1,))),
)
linear_columns.attach(js=lambda weight, columns, bias: weight @ columns + bias[:, None])


def _batched_columns(b: Batched) -> Any:
    weight, columns, bias = b.xs
    if not b.on[0] and not b.on[2]:
        return b(weight, columns, bias)
    y = product(weight, columns, b.on[0], b.on[1])
    return y + padded(bias, b.on[2], b.ndim(1) - 1)[..., None]


linear_columns.attach(batch=_batched_columns)

# ---------------------------------------------------------------------------------------------- standardize


@lru_cache(maxsize=64)
def _share(n: int, dtype: Any) -> Any:
    return np.full(n, 1 / n, dtype)


def _average(x: Any, axis: tuple[int, ...]) -> Any:
    """The mean with its axes kept. Along the last axes it is a product, in a fifth of the time of a reduction."""
    kept = x.ndim - len(axis)
    if axis != tuple(range(kept, x.ndim)) or not x.size:
        return np.mean(x, axis=axis, keepdims=True)
    n = prod(x.shape[kept:])
    means = x.reshape(prod(x.shape[:kept]), n).dot(_share(n, x.dtype))
    return means.reshape(kept_shape(x.shape, axis))


def _standardize(x: Any, axis: tuple[int, ...], eps: float) -> Any:
    d = x - _average(x, axis)
    scale = _average(d * d, axis)
    scale += eps
    scale = 1 / np.sqrt(scale)
    d *= scale
    return d, scale


def _standardize_pull(g: Any, y: Any, axis: tuple[int, ...]) -> Any:
    z, scale = y
    gz, gs = g
    d: Any = None
    if gz is not None:
        d = scale * (gz - _average(gz, axis) - z * _average(gz * z, axis))
    if gs is None:
        return d
    n = prod(z.shape[k] for k in axis)
    # d(scale) = -scale² mean(z dx)
    through = gs * scale * scale * z * (-1 / n)
    return through if d is None else d + through


def _bind_standardize(x: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    return (x,), {"axis": tuple(sorted(normalize_axis_tuple(axis, x.ndim))), "eps": float(eps)}


standardize = general(
    _standardize, _standardize_pull, name="standardize", bind=_bind_standardize, outputs=True,
    tex=r"\frac{{{x} - \mu}}{{\sqrt{{\sigma^2 + \epsilon}}}}",
    examples=(at((3, 4)), at((2, 3, 2), axis=(1, 2), eps=0.1), at((2, 3, 2), axis=(0, 2))),
)


def _standardize_textbook(x: Any, axis: Any, eps: Any) -> Any:
    d = x - np.mean(x, axis=axis, keepdims=True)
    scale = 1 / np.sqrt(np.mean(d**2, axis=axis, keepdims=True) + eps)
    return d * scale, scale


standardize.attach(source=_standardize_textbook, batch=axes("axis"))
standardize.__doc__ = """`x` minus its mean along `axis`, divided by its standard deviation; and that scale.

Parameters
----------
x : array_like
axis : int or tuple of int
eps : float
    Added to the variance.

Returns
-------
z : array of the shape of `x`
scale : array with the axes kept, ``1 / sqrt(variance + eps)``
"""
