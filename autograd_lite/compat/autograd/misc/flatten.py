"""A tree of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....base.tree import leaves, rebuild


def _sorted(tree: Any) -> Any:
    """The same tree with the keys of each dict in order."""
    if isinstance(tree, dict):
        return {key: _sorted(tree[key]) for key in sorted(tree)}
    return [_sorted(part) for part in tree] if isinstance(tree, (list, tuple)) else tree


def _in_order_of(tree: Any, like: Any) -> Any:
    if isinstance(like, dict):
        return {key: _in_order_of(tree[key], part) for key, part in like.items()}
    if isinstance(like, (list, tuple)):
        return type(like)(_in_order_of(a, b) for a, b in zip(tree, like, strict=True))
    return tree


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The entries of a tree of arrays and numbers as one vector, and the function from a vector to such a tree.

    Dicts are in the order of their keys.
    """
    tree = _sorted(value)
    arrays = leaves(tree)
    shapes = [np.shape(x) for x in arrays]
    ends = np.cumsum([0, *(np.prod(shape, dtype=int) for shape in shapes)])

    def unflatten(vector: Any) -> Any:
        parts = [np.reshape(vector[a:b], shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)]
        return _in_order_of(rebuild(tree, parts), value)

    return np.concatenate([np.ravel(x) for x in arrays]) if arrays else np.array([]), unflatten


def flatten_func(func: Callable[..., Any], example: Any) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """A function of trees as one of vectors, the function from vectors to trees, and `example` as a vector."""
    vector, unflatten = flatten(example)
    return lambda x, *args: flatten(func(unflatten(x), *args))[0], unflatten, vector
