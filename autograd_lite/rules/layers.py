"""Rows that layers are made of, where one step in place of several was measured to pay.

`linear` is a matrix product with a bias: one pass over the result less, and three nodes in one.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..primitive import general
from .products import matmul


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
    _linear,
    lambda g, x2: matmul(g, x2),
    lambda g, x1: _rows(g).T.dot(_rows(x1)),
    lambda g: _rows(g),
    name="linear",
    bind=lambda input, weight, bias: ((input, weight, bias), {}),
    tex=r"{x1} {x2}^T + {x3}",
    examples=(
        lambda rng: ((rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)), {}),
        lambda rng: ((rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
        lambda rng: ((rng.normal(size=(2, 2, 3)), rng.normal(size=(1, 3)), rng.normal(size=1)), {}),
        lambda rng: ((rng.normal(size=(0, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
    ),
)  # fmt: skip
