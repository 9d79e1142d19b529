"""Random numbers in the shape of an array.

They are rows although their derivative is zero, so that a traced program draws new numbers on each run, as the function
does. (Numbers that are drawn outside of a row are constants of the trace.) The backward pass draws nothing: it uses the
numbers that the forward pass kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.generator import numpy_generator
from ..table import TABLE, constant
from ..table.batching import Batched, shifted
from ._arrays import operand


def _shape(x: Any, over: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `x`, with 1 for the axes that share one number."""
    return tuple(1 if k in over else n for k, n in enumerate(x.shape))


def _uniform(x: Any, shape: tuple[int, ...], generator: Any) -> Any:
    """Numbers in [0, 1) in the dtype of `x`, or the closest one that NumPy draws."""
    dtype = x.dtype if x.dtype.char in "fd" else np.float32 if x.dtype.char == "e" else np.float64
    return numpy_generator(generator).random(shape, dtype)


def _dropout_mask(x: Any, p: float, over: tuple[int, ...], generator: Any) -> Any:
    kept = _uniform(x, _shape(x, over), generator) >= p
    scale = 1 / (1 - p) if p < 1 else 0.0  # so that the mean stays the same
    return np.multiply(kept, scale, dtype=x.dtype)


def _mask_arguments(
    x: Any, p: float = 0.5, over: tuple[int, ...] = (), generator: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: expected a probability p between 0 and 1, got {p}")
    return (operand(x),), {"p": float(p), "over": over, "generator": generator}


def _like_arguments(x: Any, *, dtype: Any = None, generator: Any = None, **params: Any) -> Any:
    x = operand(x)
    kind = np.dtype(dtype) if dtype is not None else x.dtype if x.dtype.kind == "f" else np.dtype(float)
    return (x,), {"dtype": kind, "generator": generator, **params}


def _rand_like(x: Any, dtype: Any, generator: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """Uniform random numbers from `low` to `high` in the shape of `x`."""
    return np.asarray(numpy_generator(generator).uniform(low, high, x.shape)).astype(dtype, copy=False)


def _randn_like(x: Any, dtype: Any, generator: Any) -> Any:
    """Normal random numbers in the shape of `x`."""
    return np.asarray(numpy_generator(generator).standard_normal(x.shape)).astype(dtype, copy=False)


def _dropout_mask_textbook(x: Any, p: Any, over: Any, generator: Any) -> Any:
    shape = tuple(1 if k in over else n for k, n in enumerate(x.shape))
    return ((generator.random(shape) >= p) / (1 - p)).astype(x.dtype)


def _rand_like_textbook(x: Any, dtype: Any, generator: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
    return generator.uniform(low, high, x.shape).astype(dtype)


def _randn_like_textbook(x: Any, dtype: Any, generator: Any) -> Any:
    return generator.standard_normal(x.shape).astype(dtype)


constant(_dropout_mask, name="dropout_mask", bind=_mask_arguments, source=_dropout_mask_textbook)
constant(_rand_like, name="rand_like", bind=_like_arguments, source=_rand_like_textbook)
constant(_randn_like, name="randn_like", bind=_like_arguments, source=_randn_like_textbook)
dropout_mask, rand_like, randn_like = TABLE["dropout_mask"], TABLE["rand_like"], TABLE["randn_like"]


def _draws(b: Batched) -> Any:
    """Numbers of its own for each example."""
    over = {"over": shifted(b.params["over"], b.ndim(0))} if "over" in b.params else {}
    return b(b.full(0), **over)


for _row in (dropout_mask, rand_like, randn_like):
    _row.attach(batch=_draws)
