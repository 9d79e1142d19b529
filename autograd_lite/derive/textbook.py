"""Functions as a person writes them on a slide, for source that has to call them.

The table's own are written for speed, for every dtype and for every corner. These say the same in a line or two, and a
test holds them against the table. They are only ever printed: nothing here calls them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# fmt: off


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def logsumexp(x: Any, axis: Any, keepdims: Any = False) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


def log_sigmoid(x: Any) -> Any:
    return -np.logaddexp(-x, 0)


def logaddexp_share(x1: Any, x2: Any) -> Any:
    return 1 / (1 + np.exp(x2 - x1))


def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def standardize(x: Any, axis: Any, eps: Any) -> Any:
    d = x - np.mean(x, axis=axis, keepdims=True)
    scale = 1 / np.sqrt(np.mean(d**2, axis=axis, keepdims=True) + eps)
    return d * scale, scale


def scatter(g: Any, index: Any, shape: Any, unique_indices: Any = False) -> Any:
    full = np.zeros(shape, g.dtype)
    np.add.at(full, index, g)
    return full


def set_at(x: Any, value: Any, index: Any) -> Any:
    y = x.copy()
    y[index] = value
    return y


def logaddexp_accumulate_pull(g: Any, y: Any, x: Any, axis: Any, x_shape: Any) -> Any:
    k = axis or 0
    x, y, g = np.moveaxis(x.reshape(y.shape), k, 0), np.moveaxis(y, k, 0), np.moveaxis(g, k, 0)
    d = np.empty_like(y)
    above = 0.0
    for j in range(len(y) - 1, -1, -1):  # from the last total back to the first
        above = above + g[j]
        d[j] = above * np.exp(x[j] - y[j]) if j else above
        above = above * np.exp(y[j - 1] - y[j])
    return np.moveaxis(d, 0, k).reshape(x_shape)


def dropout_mask(x: Any, p: Any, over: Any, generator: Any) -> Any:
    shape = tuple(1 if k in over else n for k, n in enumerate(x.shape))
    return ((generator.random(shape) >= p) / (1 - p)).astype(x.dtype)


def rand_like(x: Any, dtype: Any, generator: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
    return generator.uniform(low, high, x.shape).astype(dtype)


def randn_like(x: Any, dtype: Any, generator: Any) -> Any:
    return generator.standard_normal(x.shape).astype(dtype)
