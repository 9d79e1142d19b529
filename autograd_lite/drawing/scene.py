"""A picture as data: boxes, lines between them, and the text of each, without colours or positions.

A scene is read from a graph once, with copies of its numbers, so a drawing does not change afterwards. DOT, the page,
LaTeX and comparisons are all made from the scene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..derive.entries import entries
from ..derive.formula import Expr
from ..derive.writing import apart_from, subscript, text_name
from ..engine.node import Shape
from . import formatting

#: The kinds of boxes; each looks different, even without colour.
KINDS = {
    "parameter": "the gradient is taken with respect to it",
    "input": "given",
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
        The user's, or else a letter.
    formula : Expr, optional
        In terms of other items.
    operation : str
        Shown where there is no formula.
    value, gradient : ndarray, optional
        As they were when the scene was made.
    clusters : tuple of (key, label)
        The calls in which it was computed, outermost first.
    own : bool
        Whether the name is the user's.
    row : str
        The name of the row of the table that computed it; of a layer, its operations.
    cell : str
        Of a layer: equal for all calls of one module.
    origin : str
        File and line of the user's code.
    change : str
        In a comparison: ``added``, ``removed`` or ``changed``.
    """

    key: str
    kind: str
    name: str = ""
    formula: Expr | None = None
    operation: str = ""
    shape: Shape | None = None
    dtype: str = ""
    value: Any = None
    gradient: Any = None
    clusters: tuple[tuple[str, str], ...] = ()
    own: bool = False
    row: str = ""
    cell: str = ""
    origin: str = ""
    change: str = ""
    note: str = ""
    names: Collection[str] = ()  # of the user's, which no index has

    def __post_init__(self) -> None:
        _own(self, "value", "gradient")

    def source(self, wide: int = formatting.WIDE) -> str:
        """How it is computed, in one line of at most `wide` characters; empty for an input."""
        return formatting.clipped(self._equation[1], wide) or self.operation

    @cached_property
    def _equation(self) -> list[str]:
        if self.formula is None:
            return [self.written, ""]
        return formatting.equation(self.name, self.formula, self.shape, self.names)

    @property
    def head(self) -> str:
        """The name, with the indices that its formula needs."""
        return self._equation[0]

    @property
    def written(self) -> str:
        """The name as mathematics writes it: ``γ`` for ``gamma``."""
        return text_name(self.name)


@dataclass(frozen=True)
class Line:
    """A line from an argument to the result that uses it, with the partial derivative on it.

    Attributes
    ----------
    combine : str
        How the partial combines with the gradient of the result: ``elementwise``, ``left``, ``right``, ``map``;
        ``passes`` where the partial is not shown, and "" where no gradient passes.
    """

    key: str
    tail: str
    head: str
    symbol: str = ""
    formula: Expr | None = None
    combine: str = ""
    value: Any = None
    shape: Shape | None = None  # of the argument
    note: str = ""
    share: str = ""  # what is said where the line is read: one of 2 shares
    change: str = ""
    names: Collection[str] = ()  # of the user's, which no index has
    convention: str = ""  # what holds at a kink or a tie
    of: Shape | None = None  # the shape of the result

    def __post_init__(self) -> None:
        _own(self, "value")

    @cached_property
    def _equation(self) -> list[str]:
        symbol = formatting.partial(self.symbol) if self.symbol else ""
        if self.combine == "map" and self.formula is not None:  # a gradient, which may need indices
            return formatting.equation(self.symbol, self.formula, self.shape, self.names)
        if self.combine == "elementwise" and self.formula is not None and self.of is not None:
            with apart_from(self.names):
                letters, (e,) = entries([self.formula], self.formula.shape)
                if letters and {self.of, self.shape} <= {self.formula.shape, ()}:
                    below = [subscript(letters) if s else "" for s in (self.of, self.shape)]
                    of, wrt = symbol.split("/")
                    return [f"{of}{below[0]}/{wrt}{below[1]}", formatting.formula(e, formatting.LONGEST)]
        return [symbol, formatting.formula(self.formula, formatting.LONGEST)]

    @property
    def written(self) -> str:
        """The symbol, with the indices that its formula needs."""
        return self._equation[0]

    def source(self, wide: int = formatting.WIDE) -> str:
        """The formula, in one line of at most `wide` characters."""
        return formatting.clipped(self._equation[1], wide)


def _own(thing: Any, *fields: str) -> None:
    """Copy arrays: parameters are updated in place later, and the picture must not change with them."""
    for field_name in fields:
        value = getattr(thing, field_name)
        if isinstance(value, np.ndarray):
            object.__setattr__(thing, field_name, value.copy())


@dataclass(frozen=True)
class Scene:
    """Boxes in the order of computation, lines, and notes to the reader."""

    items: tuple[Item, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    loss: str = ""  # the key of the result

    @cached_property
    def _by_key(self) -> dict[str, Item]:
        return {i.key: i for i in reversed(self.items)}

    @cached_property
    def usual(self) -> str:
        """The dtype of most boxes, which is not worth showing."""
        count = Counter(i.dtype for i in self.items if i.dtype).most_common(1)
        return count[0][0] if count else ""

    @cached_property
    def has_partials(self) -> bool:
        """Whether any line is labelled with a partial derivative."""
        return any(line.symbol for line in self.lines)

    def item(self, key: str) -> Item:
        return self._by_key[key]

    def keys_named(self) -> dict[str, str]:
        """Name to key."""
        return {i.name: i.key for i in self.items if i.name}
