"""Composite calls and modules as clusters, or folded into one box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.escape import plain
from ..program import Equation
from ..program.naming import groups, place_in

_LIBRARY = f"{__name__.partition('.')[0]}.nn."


def is_module(group: Any) -> bool:
    """Whether a call is that of a module, not of a composite function."""
    return getattr(group, "module", None) is not None


class Calls:
    """The calls of a picture, with short keys in the order in which they appear."""

    def __init__(self, equations: Sequence[Equation], places: Mapping[Any, str]) -> None:
        self.places = places
        self.keys: dict[Any, str] = {}
        self.inner: set[Any] = set()  # module calls that contain another one
        self.count: dict[Any, int] = {}  # of repeated blocks, by the first
        for eq in equations:
            chain = groups(eq)
            for group in chain:
                self.keys.setdefault(group, f"g{len(self.keys)}")
            modules = [g for g in chain if is_module(g)]
            self.inner.update(modules[:-1])

    def label(self, group: Any) -> str:
        """``fc1: Linear``, or the name of a composite function, without that of its module."""
        module = getattr(group, "module", None)
        place = self.places.get(module, "")
        outer = getattr(group.outer, "module", None)
        if not place and module is not None and outer is not None:
            place = place_in(outer, module)
        name = str(group.name).rpartition(".")[2]
        return plain(f"{place}: {name}" if place else name)

    def clusters(self, eq: Equation, but: Any = None) -> tuple[tuple[str, str], ...]:
        """The clusters that contain an equation, down to the call `but`, which is folded."""
        clusters = []
        for group in groups(eq):
            if group is but:
                break
            again = f" × {self.count[group]}" if group in self.count else ""
            clusters.append((self.keys[group], self.label(group) + again))
        return tuple(clusters)

    def folded(self, eq: Equation, depth: int | None) -> Any:
        """The call into which an equation is folded, or None.

        It is the module at level `depth`, counted from 0, or before that a layer, or a composite call beside one. So a
        layer is never opened.
        """
        for level, group in enumerate(groups(eq)):
            if not is_module(group) or level == depth or self._is_layer(group):
                return group
        return None

    def _is_layer(self, group: Any) -> bool:
        """Whether a module contains no other, or is one of the library's with parameters of its own."""
        kind = type(group.module)
        return group not in self.inner or (kind.__module__.startswith(_LIBRARY) and bool(group.module._parameters))
