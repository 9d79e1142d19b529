"""A row as a method: ``x.sum(axis=0)`` is ``sum(x, axis=0)``, from the same declaration in the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from ..engine.record import apply
from ..table import TABLE

T = TypeVar("T")


class Method:
    """The row of this name, or of the attribute's."""

    def __init__(self, row: str = "") -> None:
        self.row = row

    def __set_name__(self, owner: Any, name: str) -> None:
        self.row = self.row or name

    @overload
    def __get__(self, obj: None, cls: Any = None) -> Callable[..., Any]: ...
    @overload
    def __get__(self, obj: T, cls: Any = None) -> Callable[..., T]: ...
    def __get__(self, obj: Any, cls: Any = None) -> Callable[..., Any]:
        row = TABLE[self.row]
        return row if obj is None else lambda *args, **params: apply(row, (obj, *args), params)


class PairedMethod(Method):
    """A method of a row with the option `pair`, which marks its results."""

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        row = TABLE[self.row]
        return row if obj is None else partial(row, obj)
