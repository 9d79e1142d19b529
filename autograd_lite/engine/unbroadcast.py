"""A cotangent is fitted to its argument here, once, so that no rule has to do it.

If the argument was broadcast, its cotangent is summed back to the argument's shape; a real argument gets a real
cotangent; the dtype is the argument's.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import no_gradient_error, rule_error, shape_error
from .node import Node, Shape

_BLOCK = 512  # a sum of at most this many entries is accurate enough as one product


def match_argument(d: Any, n: Node, p: Node) -> Any:
    """The cotangent `d`, as the rule of `n` returned it, in the shape and dtype of the argument `p`."""
    if isinstance(d, tuple):
        if p.parts is None:
            raise rule_error(d, n, p)
        return d  # for a row with several results
    if d.shape != p.shape:
        d = sum_to(d, p.shape, n, p)
    return d if d.dtype is p.dtype else cast(d, p.dtype, n)


def sum_to(d: Any, shape: Shape, n: Node, p: Node) -> Any:
    """Undo a broadcast: sum `d` over the axes along which an argument of `shape` was repeated."""
    axes = _repeated(d.shape, shape)
    elementwise = n.row.kind == "elementwise"
    if axes is None:
        if elementwise:
            return _broadcast(d, shape, n, p)
        raise shape_error(d, shape, n, p)
    if elementwise and d.shape != n.shape or not n.row.builtin and d.ndim > n.ndim and not n.parts:
        raise shape_error(d, shape, n, p)
    if not axes:
        return d.reshape(shape)
    if type(d) is np.ndarray and d.dtype.char in "fd" and d.size:
        return _sum(d, axes).reshape(shape)
    # Half precision overflows and stagnates: it is accumulated in single, and single in double.
    return np.sum(d, axis=axes, dtype={"e": np.float32, "f": np.float64}.get(d.dtype.char, d.dtype)).reshape(shape)


@lru_cache(maxsize=1024)
def _repeated(shape: Shape, smaller: Shape) -> Shape | None:
    """The axes along which `smaller` is repeated when it is broadcast to `shape`; None if it cannot be."""
    extra = len(shape) - len(smaller)
    if extra < 0 or any(want not in (1, have) for have, want in zip(shape[extra:], smaller, strict=True)):
        return None
    return (*range(extra), *(extra + k for k, n in enumerate(smaller) if n == 1 != shape[extra + k]))


def _sum(d: Any, axes: Shape) -> Any:
    """The sum along `axes` (in ascending order), each kept with length 1: as accurate as a pairwise sum.

    NumPy adds pairwise along the last axis only; along another, a sum has an error of n roundings. A product with ones
    is faster, and in blocks of about sqrt(n) its error is at most 2 sqrt(n) roundings.
    """
    while axes:
        start = stop = axes[-1]
        while start - 1 in axes:
            start -= 1
        axes = axes[: start - stop - 1]
        kept = (*d.shape[:start], *(1,) * (stop + 1 - start), *d.shape[stop + 1 :])
        size, after = math.prod(d.shape[start : stop + 1]), math.prod(d.shape[stop + 1 :])
        if after == 1 and start:
            d = np.add.reduce(d.reshape(*d.shape[:start], size), axis=-1)
        elif size <= _BLOCK:
            d = ones(size, d.dtype).dot(d.reshape(size, after)) if start == 0 else (
                np.matmul(ones(size, d.dtype), d.reshape(-1, size, after))
            )
        else:
            block = math.isqrt(size)
            whole = size - size % block
            lines = d.reshape(-1, size, after)
            sums = np.matmul(ones(block, d.dtype), lines[:, :whole].reshape(-1, whole // block, block, after))
            d = np.matmul(ones(whole // block, d.dtype), sums)
            if whole < size:
                d = d + np.matmul(ones(size - whole, d.dtype), lines[:, whole:])
        d = d.reshape(kept)
    return d


@lru_cache(maxsize=64)
def ones(shape: int | Shape, dtype: Any) -> np.ndarray[Any, Any]:
    """Ones. The array is cached, and read-only because it is shared."""
    array = np.ones(shape, dtype)
    array.setflags(write=False)
    return array


def _broadcast(d: Any, shape: Shape, n: Node, p: Node) -> Any:
    """`d` broadcast to the argument's shape: a partial that does not depend on an argument may be smaller."""
    try:
        return np.broadcast_to(d, shape)
    except ValueError:
        raise shape_error(d, shape, n, p) from None


def cast(d: Any, dtype: Any, n: Node) -> Any:
    """The cotangent `d`, which the rule of `n` returned, in another dtype."""
    if d.dtype.kind not in "biufc" or dtype.kind not in "biufc":
        raise no_gradient_error(n, dtype if d.dtype.kind in "biufc" else d.dtype)
    if d.dtype.kind == "c" and dtype.kind != "c":
        d = d.real
    return d if d.dtype == dtype else d.astype(dtype)
