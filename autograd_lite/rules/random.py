"""Random numbers in the shape of an array.

They are rows although their derivative is zero, so that a traced program draws new numbers on each run, as the function
does. (Numbers that are drawn outside of a row are constants of the trace.) The backward pass draws nothing: it uses the
numbers that the forward pass kept.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..base.generator import numpy_generator
from ..table import TABLE, Primitive, constant
from ..table.batching import Batched, shifted
from ._arrays import kept_shape, operand

__all__ = [
    "rand_like", "randn_like",
]


def _draws(b: Batched):
    """Numbers of its own for each example."""
    over = {"over": shifted(b.params["over"], b.ndim(0))} if "over" in b.params else {}
    return b(b.full(0), **over)


def _random(bind, source=None) -> Callable[[Callable[..., Any]], Primitive]:
    """Make a function that draws from NumPy's `generator` a row, whose calls may have one of ours, or None."""

    def add(draw) -> Primitive:
        @wraps(draw)
        def fn(x, **params):
            return draw(x, **params | {"generator": numpy_generator(params["generator"])})

        constant(fn, bind=bind, source=source or draw, batch=_draws)
        return TABLE[draw.__name__]

    return add


def _mask_arguments(x, p=0.5, over=(), generator=None):
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: expected a probability p between 0 and 1, got {p}")
    return (operand(x),), {"p": float(p), "over": over, "generator": generator}


def _dropout_mask_textbook(x, p, over, generator):
    shape = tuple(1 if k in over else n for k, n in enumerate(x.shape))
    return ((generator.random(shape) >= p) / (1 - p)).astype(x.dtype)


@_random(_mask_arguments, source=_dropout_mask_textbook)
def dropout_mask(x, p: float, over: tuple[int, ...], generator):
    # numbers in [0, 1) in the dtype of `x`, or the closest one that NumPy draws
    dtype = x.dtype if x.dtype.char in "fd" else np.float32 if x.dtype.char == "e" else np.float64
    kept = generator.random(kept_shape(x.shape, over), dtype) >= p  # the axes `over` share one number
    scale = 1 / (1 - p) if p < 1 else 0.0  # so that the mean stays the same
    return np.multiply(kept, scale, dtype=x.dtype)


def _like_arguments(x, *, dtype=None, generator=None, **params):
    x = operand(x)
    kind = np.dtype(dtype) if dtype is not None else x.dtype if x.dtype.kind == "f" else np.dtype(float)
    return (x,), {"dtype": kind, "generator": generator, **params}


@_random(_like_arguments)
def rand_like(x, dtype, generator, low: float = 0.0, high: float = 1.0):
    """Uniform random numbers from `low` to `high` in the shape of `x`."""
    return generator.uniform(low, high, x.shape).astype(dtype, copy=False)


@_random(_like_arguments)
def randn_like(x, dtype, generator):
    """Normal random numbers in the shape of `x`."""
    return generator.standard_normal(x.shape).astype(dtype, copy=False)
