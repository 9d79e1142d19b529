"""Composite calls and modules as clusters, or folded into one box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.escape import plain
from ..engine.node import Node
from ..tracing.naming import groups, place_in


def is_module(group: Any) -> bool:
    """Whether a call is that of a module, not of a composite function."""
    return getattr(group, "module", None) is not None


class Calls:
    """The calls of a picture, with short keys in the order in which they appear."""

    def __init__(self, nodes: Sequence[Node], places: Mapping[Any, str]) -> None:
        self.places = places
        self.keys: dict[Any, str] = {}
        self.inner: set[Any] = set()  # module calls that contain another one
        for n in nodes:
            chain = groups(n)
            for group in chain:
                self.keys.setdefault(group, f"g{len(self.keys)}")
            modules = [g for g in chain if is_module(g)]
            self.inner.update(modules[:-1])

    def label(self, group: Any) -> str:
        """``fc1: Linear``, or the name of a composite function."""
        module = getattr(group, "module", None)
        place = self.places.get(module, "")
        outer = getattr(group.outer, "module", None)
        if not place and module is not None and outer is not None:
            place = place_in(outer, module)
        return plain(f"{place}: {group.name}" if place else str(group.name))

    def clusters(self, n: Node, but: Any = None) -> tuple[tuple[str, str], ...]:
        """The clusters that contain a node, down to the call `but`, which is folded."""
        found = []
        for group in groups(n):
            if group is but:
                break
            found.append((self.keys[group], self.label(group)))
        return tuple(found)

    def folded(self, n: Node, by: str | None, depth: int | None) -> Any:
        """The call into which a node is folded, or None.

        By module without a depth this is a layer: the innermost module that contains no other, or a composite call
        beside one. With a depth it is the call at that level, counted from 0.
        """
        chain = groups(n)
        if depth is not None:
            counted = [g for g in chain if is_module(g)] if by == "module" else chain
            return counted[depth] if len(counted) > depth else None
        if by != "module":
            return None
        for group in chain:
            if not is_module(group) or group not in self.inner:
                return group
        return None
