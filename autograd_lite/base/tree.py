"""Nested dicts, lists and tuples of arrays, with their leaves in one fixed order. None has no leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """Everything in a tree that is not a dict, list, tuple or None.

    Raises
    ------
    ValueError
        If the tree contains itself, or is nested too deeply for Python's stack.

    Examples
    --------
    >>> leaves({"W": 1, "layers": [2, (3, None)]})
    [1, 2, 3]
    """
    if not isinstance(tree, (dict, list, tuple)):
        return [] if tree is None else [tree]
    result = []
    try:
        for part in tree.values() if isinstance(tree, dict) else tree:
            if isinstance(part, (dict, list, tuple)):
                result += leaves(part)
            elif part is not None:
                result.append(part)
    except RecursionError:
        raise too_deep(tree) from None
    return result


def paths(tree: Any, path: str = "") -> list[str]:
    """The source text that reaches each leaf, in the order of :func:`leaves`.

    >>> paths({"W": 1, "layers": [2, (3, None)]}, "p")
    ["p['W']", "p['layers'][0]", "p['layers'][1][0]"]
    """
    if tree is None:
        return []
    if isinstance(tree, dict):
        children = [(f"{path}[{key!r}]", part) for key, part in tree.items()]
    elif isinstance(tree, (list, tuple)):
        fields = getattr(tree, "_fields", None)
        children = [(f"{path}.{fields[k]}" if fields else f"{path}[{k}]", part) for k, part in enumerate(tree)]
    else:
        return [path]
    return [leaf_path for where, part in children for leaf_path in paths(part, where)]


def too_deep(tree: Any) -> ValueError:
    """The error for a container that contains itself, or is nested too deeply."""
    return ValueError(
        f"a {type(tree).__name__} contains itself, or is nested deeper than Python's stack allows: pass a flat list, "
        "tuple or dict of arrays"
    )


def matched(like: Any, tree: Any, what: str = "it") -> list[Any]:
    """The parts of `tree` at the places where `like` has its leaves, in the order of `like`; dicts match by key.

    Raises
    ------
    ValueError
        If the structures differ; the message says where.

    Examples
    --------
    >>> matched({"a": 1, "b": (2, None)}, {"b": [3, None], "a": 4})
    [4, 3]
    """
    if like is None:
        if tree is not None:
            raise ValueError(f"{what} is {type(tree).__name__} where the structure has None")
        return []
    if isinstance(like, dict):
        if not isinstance(tree, dict) or tree.keys() != like.keys():
            raise ValueError(f"{what} should be a dict with the keys {list(like)}, not {_shown(tree)}")
        return [leaf for key, part in like.items() for leaf in matched(part, tree[key], f"{what}[{key!r}]")]
    if isinstance(like, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(like):
            raise ValueError(f"{what} should be a {type(like).__name__} of {len(like)}, not {_shown(tree)}")
        pairs = enumerate(zip(like, tree, strict=True))
        return [leaf for k, (part, own_part) in pairs for leaf in matched(part, own_part, f"{what}[{k}]")]
    return [tree]


def _shown(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"one with the keys {list(tree)}"
    return f"{type(tree).__name__} of {len(tree)}" if isinstance(tree, (list, tuple)) else type(tree).__name__


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """A tree of the same form, with `values` for its leaves, in order."""
    return _rebuild(tree, iter(values))


def _rebuild(tree: Any, values: Iterator[Any]) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: _rebuild(part, values) for key, part in tree.items()}
    if isinstance(tree, (list, tuple)):
        nested = dict, list, tuple, type(None)
        children = [_rebuild(part, values) if isinstance(part, nested) else next(values) for part in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
    return next(values)


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `f` leaf by leaf to trees of the same structure."""
    if not others and not isinstance(tree, (dict, list, tuple)):
        return None if tree is None else f(tree)
    return rebuild(tree, map(f, leaves(tree), *(matched(tree, other) for other in others)))
