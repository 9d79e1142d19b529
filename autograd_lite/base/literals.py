"""Constants as Python source."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def literal(value: Any, other: Callable[[Any], str]) -> str:
    """A constant as Python source; `other` writes what has no literal, or returns "" if it has to be given a name.

    >>> literal((slice(1, None), None, 0.5, np.dtype("float32")), other=repr)
    '(slice(1, None, None), None, 0.5, np.float32)'
    """
    kind = type(value)
    if kind in (int, bool, str, bytes, type(None)) or kind is float and math.isfinite(value):
        return repr(value)
    if isinstance(value, np.dtype) and value.isnative and hasattr(np, value.name) and value.name != "str":
        return f"np.{value.name}"
    if value is Ellipsis:
        return "..."
    if kind is slice:
        parts = [literal(p, other) for p in (value.start, value.stop, value.step)]
        return f"slice({', '.join(parts)})" if all(parts) else ""
    if kind is tuple:
        parts = [literal(p, other) for p in value]
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})" if all(parts) else ""
    return other(value)


def index(value: Any, other: Callable[[Any], str]) -> str:
    """An index as it is written between brackets; `other` writes what is neither a slice of numbers nor a tuple.

    >>> index((slice(1, None), ..., np.int64(0)), repr), index(((),), repr), index((), repr)
    ('1:, ..., 0', '(),', '()')
    """
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 and isinstance(value[0], tuple) else ""
        parts = (other(part) if isinstance(part, tuple) else index(part, other) for part in value)
        return ", ".join(parts) + comma or "()"
    if isinstance(value, slice):
        ends = ["" if p is None else index(p, other) for p in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    value = int(value) if isinstance(value, np.integer) else value
    return "..." if value is Ellipsis else other(value)
