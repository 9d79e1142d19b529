"""What stands for a value from outside that can be neither an input of a program nor compared: any use of it raises."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

_KEPT = {"__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__doc__", "__hash__"}


class Unseen:
    """Stands for `value`, and has its class.

    >>> it = Unseen(iter([1]), RuntimeError("an iterator"))
    >>> next(it)
    Traceback (most recent call last):
    ...
    RuntimeError: an iterator
    """

    __slots__ = ("_error", "_value")

    def __init__(self, value: object, error: Exception) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_error", error)

    @property
    def __class__(self) -> Any:
        return type(object.__getattribute__(self, "_value"))

    @__class__.setter
    def __class__(self, cls: type) -> None:
        refuse(self)

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name == "__class__" else refuse(self)

    __hash__ = object.__hash__


def refuse(unseen: Unseen, *args: Any, **params: Any) -> Any:
    """Raise the error that any use of `unseen` raises."""
    raise object.__getattribute__(unseen, "_error")


# Python looks these up in the class of an object.
for _name in {name for kind in (complex, int, list, dict, array, np.ndarray, zip) for name in dir(kind)}:
    if _name.startswith("__") and _name not in _KEPT and _name not in vars(Unseen):
        setattr(Unseen, _name, refuse)
for _name in ("__enter__", "__exit__", "__call__", "__buffer__"):
    setattr(Unseen, _name, refuse)
