"""What rows that run along axes share: their keywords, and the way from a result back to the argument."""

from __future__ import annotations

import math
from operator import index as as_int
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .arrays import entire


def refuse_out(out: Any) -> None:
    if out is not None:
        raise TypeError("out= writes into an array, which a graph cannot follow; leave it away")


def operand(a: Any, dtype: Any = None, out: Any = None) -> Any:
    """`a` as something with a shape, in the dtype that the user asked for."""
    refuse_out(out)
    x = entire(a)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def resolve(axis: Any, ndim: int) -> Any:
    """`axis` as a rule may rely on it: None, an int from 0 on, or a tuple of them."""
    if axis is None:
        return None
    if isinstance(axis, tuple):
        return normalize_axis_tuple(axis, ndim)
    axis = as_int(axis)
    if ndim == 0 and axis in (0, -1):
        return None  # as NumPy allows
    return normalize_axis_index(axis, ndim)


def reduced(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a resolved `axis` stands for, one by one."""
    return tuple(range(ndim)) if axis is None else axis if type(axis) is tuple else (axis,)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries go into each result."""
    return shape[axis] if type(axis) is int else math.prod(shape[k] for k in reduced(axis, len(shape)))


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with 1 for each of `axes`: that of a result with ``keepdims=True``."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def spread(g: Any, axis: Any, keepdims: bool, shape: tuple[int, ...]) -> Any:
    """The cotangent of a reduction laid along the axes that it ran over: a view of the argument's `shape`."""
    if axis is None and not keepdims and isinstance(g, (np.ndarray, np.generic)):
        d = np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))  # broadcast_to at a tenth of its cost
        d.setflags(write=False)
        return d
    if axis is not None and not keepdims:
        g = g.reshape(kept_shape(shape, reduced(axis, len(shape))))
    return np.broadcast_to(g, shape)
