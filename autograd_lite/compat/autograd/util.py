"""Small functions that dependents import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def subvals(x: Sequence[Any], ivs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """A tuple with other values in some places."""
    new = dict(ivs)
    return tuple(new.get(i, v) for i, v in enumerate(x))


def subval(x: Sequence[Any], i: int, v: Any) -> tuple[Any, ...]:
    """A tuple with another value in one place."""
    return subvals(x, [(i, v)])
