"""Taking entries out of arrays and putting them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import linear


def _index(index: Any) -> Any:
    """The index with any Tensor in it as a plain array."""
    if isinstance(index, tuple):
        return tuple(_index(part) for part in index)
    return getattr(index, "_data", index)


def _scatter(g: Any, index: Any, shape: Any) -> Any:
    full = np.zeros(shape, g.dtype)
    np.add.at(full, index, g)
    return full


getitem = linear(
    lambda x, index: x[index],
    lambda g, index, x_shape: scatter(g, index, x_shape),
    name="getitem",
    bind=lambda x, index: ((x,), {"index": _index(index)}),
)
scatter = linear(
    _scatter,
    lambda g, index: g[index],
    name="scatter",
    bind=lambda g, index, shape: ((g,), {"index": index, "shape": shape}),
)
