"""Hooks: functions of the user's that see, and may replace, a cotangent when it reaches a tensor."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .node import Node
from .operands import raw
from .value import Value, wrap


class Handle:
    """What :meth:`Tensor.register_hook` returns: ``remove()`` removes the hook."""

    __slots__ = ("_call", "_node", "_owner")

    def __init__(self, owner: Value, call: Any) -> None:
        self._owner = weakref.ref(owner)
        self._node = weakref.ref(owner._leaf())  # which a result leaves behind in its graph, and a leaf when frozen
        self._call = call

    def remove(self) -> None:
        owner = self._owner()
        for node in (self._node(), None if owner is None else owner._node):
            if node is not None and node.hooks is not None:
                node.hooks = [call for call in node.hooks if call is not self._call] or None


def add_hook(owner: Value, hook: Callable[[Any], Any]) -> Handle:
    """Call `hook` with each cotangent that reaches `owner`; what it returns, if not None, replaces the cotangent."""
    node = owner._leaf()
    label = node.label

    def call(g: Any) -> Any:
        given = g
        if not isinstance(g, Value):
            given = wrap(np.asarray(g).view(), None)
            given._data.setflags(write=False)  # others may hold it too
        new = hook(given)
        return g if new is None else matching(new, g, f"a hook on {label} returned", isinstance(g, Value))

    node.hooks = [*(node.hooks or ()), call]
    return Handle(owner, call)


def run_hooks(n: Node, g: Any) -> Any:
    """The cotangent that the hooks of `n` make of `g`, in the order in which they were registered."""
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
    return wrap(g, None) if keep and not isinstance(g, Value) else g
