"""PyTorch's common functions, with its argument names, written with NumPy's rows.

Only functions that NumPy lacks, or has under another name, are here. A name that both have with different meanings
(`max`, `std`, `repeat`, `size`, …) is NumPy's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..table import Primitive, at, composite
from ._arrays import ints, operand
from .indexing import add_at, getitem, on_axis, set_at
from .selection import along, take

__all__ = [
    "cat", "chunk", "clamp", "cummax", "cummin", "gather", "index_select", "logcumsumexp", "masked_fill", "norm",
    "permute", "scatter", "scatter_add", "topk", "unbind", "unsqueeze",
]

_WHERE = np.array([[0, 2, 1], [1, 0, 0]])  # positions, for the examples


class WithIndices(NamedTuple):
    """Entries and their positions."""

    values: Any
    indices: Any


@composite(examples="2x3,2x1 dim=-1")
def cat(tensors, dim: int = 0):
    """``np.concatenate(tensors, axis=dim)``."""
    return np.concatenate(tensors, axis=dim)


@composite(examples="min=-0.5 max=0.4; [3] min=0.1")
def clamp(input, min=None, max=None):
    """``np.clip(input, min, max)``."""
    if min is None and max is None:
        raise ValueError("clamp: at least one of min= and max= is needed")
    return np.clip(input, min, max)


@composite(examples="dim=1; dim=-1")
def unsqueeze(input, dim: int):
    """``np.expand_dims(input, dim)``: a new axis of length 1."""
    return np.expand_dims(input, dim)


@composite(examples="2x3x4 dims=2,0,1")
def permute(input, dims):
    """``np.transpose(input, dims)``: the axes in another order."""
    return np.transpose(input, ints(dims))


@composite(examples=(at((2, 3), np.eye(2, 3) > 0, -1.5),))
def masked_fill(input, mask, value):
    """``np.where(mask, value, input)``: `value` where the mask is True.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    """
    mask = operand(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_fill: expected a boolean mask, got {mask.dtype}; write mask == 0, for example")
    x = operand(input)
    fits = mask.ndim <= x.ndim and all(m in (1, n) for m, n in zip(mask.shape[::-1], x.shape[::-1], strict=False))
    if not fits:
        raise ValueError(f"masked_fill: a mask of shape {mask.shape} does not broadcast to the input's shape {x.shape}")
    return np.where(mask, value, x)


@composite(examples="2x5 k=3; 4x3 k=2 dim=0 largest=False")
def topk(input, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The `k` largest entries along `dim`, the largest first (of equal ones the first), and their positions.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> ag.topk(np.array([3.0, 1.0, 2.0]), 2).indices
    array([0, 2])
    """
    x = operand(input)
    dim = normalize_axis_index(dim, x.ndim)
    if not 0 <= k <= x.shape[dim]:
        raise ValueError(f"topk: expected k from 0 to {x.shape[dim]} (axis {dim} of shape {x.shape}), got {k}")
    order = np.argsort(-x if largest else x, axis=dim, kind="stable")
    indices = order[on_axis(dim, slice(k))]
    return WithIndices(np.take_along_axis(x, indices, dim), indices)


def _record(name, extreme, what) -> Primitive:
    """``cummax`` or ``cummin``, from ``np.maximum`` or ``np.minimum``."""

    def running(input, dim):
        x = operand(input)
        dim = normalize_axis_index(dim, x.ndim)
        places = np.indices(x.shape, sparse=True)[dim]
        here = (x == extreme.accumulate(x, dim)) | np.isnan(x)  # nan stays, as in NumPy
        indices = np.maximum.accumulate(np.where(here, places, 0), axis=dim)
        return WithIndices(np.take_along_axis(x, indices, dim), indices)

    running.__doc__ = f"""The {what} entry so far along `dim` (of equal ones the last), and its position."""
    return composite(name=name, examples="2x4 dim=1; 3x2 dim=0")(running)


cummax = _record("cummax", np.maximum, "largest")
cummin = _record("cummin", np.minimum, "smallest")


@composite(examples="dim=1; 3x2 dim=0")
def logcumsumexp(input, dim: int):
    """``np.logaddexp.accumulate(input, axis=dim)``: the logarithm of the running sum of exponentials."""
    return np.logaddexp.accumulate(operand(input), dim)


@composite(examples="2x3 1 a[2,0,2]")
def index_select(input, dim: int, index):
    """``np.take(input, index, axis=dim)``."""
    return take(input, index, axis=dim)


def _places(name, x, dim, index):
    """The index of the entries that differ from their own place in `index` along `dim` only."""
    index = operand(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected positions of whole numbers, got {index.dtype}")
    dim = normalize_axis_index(dim, x.ndim)
    if index.ndim != x.ndim or any(index.shape[k] > x.shape[k] for k in range(x.ndim) if k != dim):
        raise ValueError(f"{name}: an index of shape {index.shape} does not fit into the shape {x.shape} along {dim=}")
    return along(index, dim, index.shape)


@composite(examples=(at((2, 3), 1, _WHERE), at((3, 4), 0, _WHERE)))
def gather(input, dim: int, index):
    """The entries at the positions `index` along `dim`: ``input[i, index[i, j]]`` for ``dim=1``."""
    x = operand(input)
    return getitem(x, _places("gather", x, dim, index))


@composite(examples=("2x3 1 a[[0,2],[1,0]] 2x2", at((3, 4), 0, _WHERE[:1], 2.0)))
def scatter(input, dim: int, index, src):
    """A copy of `input` with `src` at the positions `index` along `dim`: ``input[i, index[i, j]] = src[i, j]``."""
    x = operand(input)
    return set_at(x, _places("scatter", x, dim, index), _part(src, index))


@composite(examples=(at((2, 3), 1, _WHERE, (2, 3)), at((3, 4), 0, _WHERE, (3, 4))))
def scatter_add(input, dim: int, index, src):
    """A copy of `input` with `src` added at the positions `index` along `dim`."""
    x = operand(input)
    return add_at(x, _places("scatter_add", x, dim, index), _part(src, index))


def _part(src, index):
    """The part of `src` for which there is an index."""
    src = operand(src)
    return src[tuple(map(slice, np.shape(index)))] if src.ndim else src


@composite(examples="5x2 3; 2x5 2 dim=1")
def chunk(input, chunks: int, dim: int = 0):
    """At most `chunks` parts of equal size along `dim`; the last may be smaller."""
    if chunks < 1:
        raise ValueError(f"chunk: expected at least one chunk, got {chunks}")
    x = operand(input)
    return split_by_size(x, max(1, -(-x.shape[dim] // chunks)), dim)


@composite(examples="5x2 2; 2x5 [1,4] dim=1")
def split_by_size(input, split_size, dim: int = 0):
    """PyTorch's ``x.split``: parts of size `split_size` along `dim`, or of the sizes in a list."""
    x = operand(input)
    n = x.shape[dim]
    if isinstance(split_size, (list, tuple)):
        if sum(split_size) != n:
            sizes = list(split_size)
            raise ValueError(f"split: the sizes {sizes} do not add up to {n}, the size of axis {dim} of {x.shape}")
        ends = np.cumsum(split_size)[:-1].tolist()
    elif split_size < 1:
        raise ValueError(f"split: expected a size of at least 1, got {split_size}")
    else:
        ends = list(range(split_size, n, split_size))
    return tuple(np.split(x, ends, axis=dim))


@composite(examples="2x3; dim=1")
def unbind(input, dim: int = 0):
    """The parts along `dim`, without that axis."""
    return tuple(np.moveaxis(operand(input), dim, 0))


@composite(examples="2x3; 2x3 1 dim=1 keepdim=True; 2x3 fro dim=0,1")
def norm(input, p="fro", dim=None, keepdim: bool = False):
    """The p-norm of all entries, or along `dim`; ``"fro"`` is ``p=2``."""
    x = operand(input)
    dim = tuple(range(x.ndim)) if dim is None else ints(dim)
    return np.linalg.vector_norm(x, ord=2 if p == "fro" else p, axis=dim, keepdims=keepdim)
