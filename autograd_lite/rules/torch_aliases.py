"""PyTorch's common functions, with its argument names, written with NumPy's rows.

Only functions that NumPy lacks, or has under another name, are here. A name that both have with different meanings
(`max`, `std`, `repeat`, `size`, …) is NumPy's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..table import at, composite
from ._arrays import ints, operand


class TopK(NamedTuple):
    """The largest (or smallest) entries, and their positions."""

    values: Any
    indices: Any


@composite(name="cat", examples=(at([(2, 3), (2, 1)], dim=-1),))
def cat(tensors: Any, dim: int = 0) -> Any:
    """``np.concatenate(tensors, axis=dim)``."""
    return np.concatenate(tensors, axis=dim)


@composite(name="clamp", examples=(at((2, 3), min=-0.5, max=0.4), at((3,), min=0.1)))
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """``np.clip(input, min, max)``."""
    if min is None and max is None:
        raise ValueError("clamp: at least one of min= and max= is needed")
    return np.clip(input, min, max)


@composite(name="unsqueeze", examples=(at((2, 3), dim=1), at((2, 3), dim=-1)))
def unsqueeze(input: Any, dim: int) -> Any:
    """``np.expand_dims(input, dim)``: a new axis of length 1."""
    return np.expand_dims(input, dim)


@composite(name="permute", examples=(at((2, 3, 4), dims=(2, 0, 1)),))
def permute(input: Any, dims: Any) -> Any:
    """``np.transpose(input, dims)``: the axes in another order."""
    return np.transpose(input, ints(dims))


@composite(name="masked_fill", examples=(at((2, 3), np.eye(2, 3) > 0, -1.5),))
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
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


@composite(name="topk", examples=(at((2, 5), k=3), at((4, 3), k=2, dim=0, largest=False)))
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest entries along `dim`, the largest first (of equal ones the first), and their positions.

    Examples
    --------
    >>> import numpy as np
    >>> topk(np.array([3.0, 1.0, 2.0]), 2).indices
    array([0, 2])
    """
    x = operand(input)
    dim = normalize_axis_index(dim, x.ndim)
    if not 0 <= k <= x.shape[dim]:
        raise ValueError(f"topk: expected k from 0 to {x.shape[dim]} (axis {dim} of shape {x.shape}), got {k}")
    order = np.argsort(-x if largest else x, axis=dim, kind="stable")
    indices = order[(slice(None),) * dim + (slice(k),)]
    return TopK(np.take_along_axis(x, indices, dim), indices)
