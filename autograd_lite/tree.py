"""Nested dicts, lists and tuples of arrays, walked in one fixed order. None stands for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is in a tree that is not itself a dict, list, tuple or None.

    Examples
    --------
    >>> leaves({"W": 1, "layers": [2, (3, None)]})
    [1, 2, 3]
    """
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """The same tree with `values` in the place of its leaves, in order."""
    return _rebuild(tree, iter(values))


def _rebuild(tree: Any, values: Iterator[Any]) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: _rebuild(part, values) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        parts = [_rebuild(part, values) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return next(values)


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `f` leaf by leaf to trees of one structure."""
    return rebuild(tree, map(f, leaves(tree), *map(leaves, others)))
