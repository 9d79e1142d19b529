"""Arguments as trees: arrays at the leaves, nested dicts, lists and tuples above them.

A checker must speak of `params['W'][0]`, so flattening here keeps, beside each leaf, the words a reader would
write to reach it. Whatever is not a container is a leaf; leaves that are no floating arrays are constants to
a derivative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Tree = Any  # nested dict / list / tuple of arrays and numbers


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a tree with the path that reaches it.

    >>> list(leaves({"W": [1.0, 2.0]}, "p"))
    [("p['W'][0]", 1.0), ("p['W'][1]", 2.0)]
    """
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif hasattr(tree, "_fields"):
        for field in tree._fields:
            yield from leaves(getattr(tree, field), f"{path}.{field}")
    elif isinstance(tree, list | tuple):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}[{i}]")
    else:
        yield path, tree


def rebuild(tree: Tree, values: Iterable[Any]) -> Tree:
    """A tree of the same build with other leaves.

    >>> rebuild({"W": [1.0, 2.0]}, [5, 6])
    {'W': [5, 6]}
    """
    return _rebuild(tree, iter(values))


def _rebuild(tree: Tree, values: Iterator[Any]) -> Tree:
    if isinstance(tree, Mapping):
        return {key: _rebuild(value, values) for key, value in tree.items()}
    if hasattr(tree, "_fields"):
        return type(tree)(*(_rebuild(value, values) for value in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(_rebuild(value, values) for value in tree)
    return next(values)


def as_array(leaf: Any) -> Array:
    """The NumPy array behind a number, an array, a Tensor, or another library's array."""
    if isinstance(leaf, np.ndarray | np.generic | float | int | complex):
        return np.asarray(leaf)
    if hasattr(leaf, "detach"):  # Tensors, ours and PyTorch's
        leaf = leaf.detach()
        return np.asarray(leaf.numpy() if hasattr(leaf, "numpy") else leaf)
    return np.asarray(leaf)


def is_array(leaf: Any) -> bool:
    """Whether a leaf is somebody's array or NumPy's number; everything else is handed on as it is."""
    if isinstance(leaf, type):  # a dtype such as np.float32 has the method, too
        return False
    return isinstance(leaf, np.ndarray | np.generic) or hasattr(leaf, "detach") or hasattr(leaf, "__array__")


def is_differentiable(leaf: Any) -> bool:
    """Whether a derivative with respect to this leaf makes sense: real or complex floating numbers."""
    if isinstance(leaf, float | complex):
        return True
    return is_array(leaf) and as_array(leaf).dtype.kind in "fc"
