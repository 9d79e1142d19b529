"""Hooks: user functions that are called with each cotangent that reaches a tensor, and may replace it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .context import is_traced
from .node import Node
from .operands import raw
from .value import Value, as_tensor, wrap
from .versions import CONFIGURED


class Handle:
    """Handle of a hook on a tensor or a module: ``remove()``, or the end of a ``with``, removes it."""

    __slots__ = ("_remove",)

    def __init__(self, remove: Callable[[], object]) -> None:
        self._remove = remove

    def remove(self) -> None:
        """Remove the hook; nothing happens if it was removed before."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(owner: Value, hook: Callable[[Any], Any]) -> Handle:
    """Call `hook` with each cotangent that reaches `owner`; what it returns, if not None, replaces the cotangent."""
    node = owner._leaf()
    label = node.label

    def call(g: Any) -> Any:
        seen = g
        if not isinstance(g, Value):
            seen = wrap(np.asarray(g).view(), None)
            seen._data.setflags(write=False)  # others may hold it too
        new = hook(seen)
        keep = isinstance(g, Value) or isinstance(new, Value) and is_traced(new)
        return g if new is None else matching(new, g, f"a hook on {label} returned", keep)

    # Freezing a leaf replaces its node, so `remove` looks on both.
    its_node, its_owner = weakref.ref(node), weakref.ref(owner)

    def remove() -> None:
        CONFIGURED[0] += 1
        tensor = its_owner()
        for n in (its_node(), None if tensor is None else tensor._node):
            if n is not None and n.hooks is not None:
                n.hooks = [hook for hook in n.hooks if hook is not call] or None

    node.hooks = [*(node.hooks or ()), call]
    CONFIGURED[0] += 1
    return Handle(remove)


def run_hooks(n: Node, g: Any) -> Any:
    """The cotangent `g` after the hooks of `n`, called in the order of registration."""
    for hook in n.hooks:
        g = hook(g)
    return g


def matching(value: Any, like: Any, what: str, keep: bool = False) -> Any:
    """Check the shape and dtype of a user-supplied gradient against `like`; keep it a Tensor if `keep`."""
    g: Any = value if keep and isinstance(value, Value) else np.asarray(raw(value))
    if g.shape != like.shape:
        raise ValueError(f"{what} shape {g.shape}, but {like.shape} is needed")
    if g.dtype != like.dtype:
        if not np.can_cast(g.dtype, like.dtype, "same_kind"):
            raise TypeError(f"{what} dtype {g.dtype}, but {like.dtype} is needed")
        g = g.astype(like.dtype)
    return as_tensor(g) if keep else g
