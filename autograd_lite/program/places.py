"""Places where a function can read a value from outside, to be compared at each call.

A place is a container and a key: a key of a dict, an index of a list, or one of the keys that are defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import EllipsisType, NotImplementedType
from typing import Any

import numpy as np

#: What a subclass of ndarray must not define, if a Tensor shall stand for its objects.
_ARRAY = {*dir(np.ndarray)} - {"__new__", "__init__", "__array_finalize__", "__doc__", "__module__"}
MISSING = object()
PLAIN = (
    int, float, complex, str, bool, bytes, range, slice, type(None), EllipsisType, NotImplementedType, np.generic,
    np.dtype,
)  # fmt: skip


class Key:
    """A key that is none of the container's own: `read` gives the value.

    `differs` is the condition, in Python, that the value at a place ``{0}`` is no longer ``{1}``.
    """

    read: Any
    differs: Any = "{0} is not {1}"


@dataclass(frozen=True, eq=False)
class Whole(Key):
    """The key of something that is compared of a whole container or array."""

    read: Callable[[Any], Any]
    differs: str


#: How many entries a container has.
LENGTH = Whole(len, "len({0}) != {1}")
#: The keys of a dict, or the entries of a list or set, in order.
KEYS = Whole(tuple, "len({0}) != len({1}) or not all(map(is_, {0}, {1}))")
#: The entries of an array.
CONTENT = Whole(lambda x: (x.shape, x.dtype.str, x.tobytes()), "{0}.tobytes() != {1}[2]")


@dataclass(frozen=True)
class Attribute(Key):
    """The key of an attribute, or of the content of a cell; `label` is what the user calls it.

    >>> read(1j, Attribute("imag", "imag"))
    1.0
    """

    name: str
    label: str

    def read(self, container: object) -> Any:
        return getattr(container, self.name)


@dataclass(frozen=True, eq=False)
class Named(Key):
    """The key of the names in a namespace that some code uses; `words` has them.

    >>> read({"a": 1, "b": 2}, Named({"b", "c"}))
    ('b',)
    """

    words: set[str]
    every: bool = False
    long: bool = False  # of a class, a module or a function: a call compares how many there are

    def read(self, names: Any) -> tuple[str, ...]:
        special = self.long  # Python looks up __add__ and the like without naming them
        return tuple(x for x in names if self.every or x in self.words or special and x.startswith("__"))

    @property
    def differs(self) -> str:
        return "len({0}) != len({1})" if self.long else KEYS.differs


@dataclass(frozen=True)
class ShapeOf(Key):
    """The key of the shape and dtype of the array at another key."""

    key: Any
    differs = "{0}.shape != {1}[0] or {0}.dtype != {1}[1]"

    def read(self, container: object) -> Any:
        array = read(container, self.key)
        return array.shape, array.dtype


def read(container: Any, key: Any) -> Any:
    """The value at a place; MISSING if there is none.

    >>> read([1, 2], LENGTH), read({"a": 1}, KEYS), read({}, "a") is MISSING
    (2, ('a',), True)
    """
    try:
        return key.read(container) if isinstance(key, Key) else container[key]
    except (AttributeError, LookupError, ValueError):
        return MISSING


def entries_of(container: Any) -> dict[Any, Any]:
    """The entries of a container, by their keys or places."""
    return dict(container.items() if isinstance(container, Mapping) else enumerate(container))


def assign(container: Any, key: Any, value: object) -> None:
    """Set the value at a place, whatever the class of the container makes of that; MISSING deletes it."""
    if value is MISSING and isinstance(key, Attribute):
        object.__delattr__(container, key.name)
    elif value is MISSING:
        del container[key]
    elif isinstance(container, partial):  # its attributes are read-only
        state = {name: getattr(container, name) for name in ("func", "args", "keywords")} | {key.name: value}
        container.__setstate__((*state.values(), container.__dict__ or None))  # type: ignore[attr-defined]  # not in its stub
    elif isinstance(key, Attribute):
        object.__setattr__(container, key.name, value)
    elif isinstance(container, dict):
        dict.__setitem__(container, key, value)
    else:
        container[key] = value


@cache
def _acts_as_array(cls: type) -> bool:
    """Whether a subclass of ndarray changes nothing that an array does."""
    return cls is np.memmap or all(_ARRAY.isdisjoint(vars(kind)) for kind in cls.__mro__[:-2])  # without object


def plain_array(x: object) -> Any:
    """The array that a value is, or is a view of, if a Tensor can stand for it; otherwise None."""
    cls: Any = type(x)
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "biufc" or not _acts_as_array(cls):
        return None
    return x if type(x) is np.ndarray else np.asarray(x)


def exact(x: object, otherwise: Callable[[Any], Hashable] = id) -> Hashable:
    """A key that two values share only if a function cannot tell them apart: not 1 and True, nor 0.0 and -0.0.

    `otherwise` gives the key of what is neither a number nor a string, nor a tuple or frozenset of these.

    >>> exact(0.0) == exact(-0.0), exact(1) == exact(True), exact(float("nan")) == exact(float("nan"))
    (False, False, True)
    """
    if isinstance(x, tuple):
        return type(x), *(exact(part, otherwise) for part in x)
    if isinstance(x, frozenset):
        return type(x), frozenset(exact(part, otherwise) for part in x)
    if isinstance(x, (float, complex, slice, np.inexact)):
        return type(x), repr(x)
    return type(x), x if isinstance(x, PLAIN) else otherwise(x)


def same(x: object, y: object) -> bool:
    """Whether they are one object, or values that a function cannot tell apart."""
    return x is y or type(x) is type(y) and exact(x) == exact(y)
