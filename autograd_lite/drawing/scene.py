"""A picture as data: boxes, lines between them, and what is said about each; nothing yet about looks.

A scene is read off a graph once, with its numbers, so a drawing shows what was true when it was made.
Everything that turns a scene into something visible (DOT, the page, LaTeX, a comparison) reads it from
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..derive.expression import Expr

#: What a box can be; each looks different without colour too.
KINDS = {
    "parameter": "a gradient is taken by it",
    "input": "given, not learned",
    "constant": "a number or array in the code",
    "result": "computed",
    "loss": "the result that is differentiated",
    "layer": "a module or composite call, folded",
    "summary": "operations that are not drawn",
}


@dataclass(frozen=True)
class Item:
    """A box: one value, or several folded into one.

    Attributes
    ----------
    key : str
        Unique in the scene; made from the order of computation.
    kind : str
        One of :data:`KINDS`.
    name : str
        What the user, or failing that the alphabet, calls it.
    formula : Expr, optional
        Of other items.
    operation : str
        What is said where there is no formula.
    value, gradient : ndarray, optional
        As they were when the scene was made.
    clusters : tuple of (key, label)
        The calls it was computed in, outermost first.
    own : bool
        Whether the name is the user's.
    row : str
        The name of the row of the table that computed it; of a layer, its operations.
    cell : str
        Of a layer: the same for all calls of one module.
    """

    key: str
    kind: str
    name: str = ""
    formula: Expr | None = None
    operation: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    value: Any = None
    gradient: Any = None
    clusters: tuple[tuple[str, str], ...] = ()
    own: bool = False
    row: str = ""
    cell: str = ""
    origin: str = ""
    change: str = ""  # in a comparison: "added", "removed", "changed"
    note: str = ""


    def __post_init__(self) -> None:
        _own(self, "value", "gradient")


@dataclass(frozen=True)
class Line:
    """A line from an argument to what uses it, with the partial derivative on it.

    Attributes
    ----------
    combine : str
        How the partial meets the gradient from above: ``elementwise``, ``left``, ``right``, ``map``;
        ``passes`` where that is not shown, and "" where no gradient passes.
    tex : str
        The partial in LaTeX.
    """

    key: str
    tail: str
    head: str
    symbol: str = ""
    formula: Expr | None = None
    combine: str = ""
    value: Any = None
    shape: tuple[int, ...] | None = None  # of what is carried forward
    note: str = ""
    change: str = ""
    tex: str = ""

    def __post_init__(self) -> None:
        _own(self, "value")


def _own(thing: Any, *fields: str) -> None:
    """Copy arrays: a parameter is updated in place later, and the picture must not follow it."""
    for field_name in fields:
        value = getattr(thing, field_name)
        if isinstance(value, np.ndarray):
            object.__setattr__(thing, field_name, value.copy())


@dataclass(frozen=True)
class Scene:
    """Boxes in the order of computation, lines, and notes that the reader must not miss."""

    items: tuple[Item, ...]
    lines: tuple[Line, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    loss: str = ""  # the key of the result
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _by_key(self) -> dict[str, Item]:
        return {i.key: i for i in reversed(self.items)}

    def item(self, key: str) -> Item:
        return self._by_key[key]

    def keys_named(self) -> dict[str, str]:
        """Name to key."""
        return {i.name: i.key for i in self.items if i.name}
