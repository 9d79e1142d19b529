"""A formula as a tree: names, numbers, arrays, and rows applied to formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from ..table import Primitive


@dataclass(frozen=True, eq=False)
class Expr:
    """A formula: a name, a number, an array constant, or a row applied to formulas.

    Parts may be shared, so a formula that looks long may be small; whatever walks it sees each part once.
    """

    head: str  # "name", "number", "array", "product", or the name of a row
    args: tuple[Expr, ...] = ()
    value: Any = None  # the name, the number, the array
    params: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    row: Primitive | None = None

    @property
    def is_number(self) -> bool:
        return self.head == "number"

    @property
    def is_atom(self) -> bool:
        """A name, a number, or a transpose of one: nothing is gained by calling it something."""
        e = self
        while e.head in ("transpose", "matrix_transpose", "negative") and e.args:
            e = e.args[0]
        return e.head in ("name", "number")

    @cached_property
    def key(self) -> str:
        """Equal for formulas that are the same."""
        value = self.value
        if isinstance(value, np.ndarray):
            value = (value.shape, value.dtype.str, value.tobytes())
        params = sorted((k, _key(v)) for k, v in self.params.items())
        told = repr((self.head, value, params, [a.key for a in self.args]))
        return blake2b(told.encode(), digest_size=16).hexdigest()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it."""
        if self.head == "name":
            return frozenset((self.value,))
        return frozenset().union(*(a.names for a in self.args))


def _key(value: Any) -> str:
    return f"{value.shape}{value.dtype}{value.tobytes()!r}" if isinstance(value, np.ndarray) else repr(value)


def name(word: str, shape: tuple[int, ...] = ()) -> Expr:
    return Expr("name", value=word, shape=shape)


def number(value: Any) -> Expr:
    return Expr("number", value=value)


def constant(value: Any) -> Expr:
    """An operand that is no Tensor: a number or an array."""
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "biufc":
        return number(array.item())
    return Expr("array", value=array, shape=array.shape)


def walk(e: Expr) -> list[Expr]:
    """Every part of `e` once, arguments first."""
    done: dict[str, Expr] = {}
    stack = [e]
    while stack:  # a formula may be deep: no recursion
        at = stack[-1]
        waiting = [a for a in at.args if a.key not in done]
        if waiting and at.key not in done:
            stack += waiting[::-1]
            continue
        done.setdefault(at.key, at)
        stack.pop()
    return list(done.values())


def parts_of(e: Expr) -> Iterator[tuple[Expr, int]]:
    """Every part with the number of its uses."""
    found = walk(e)
    uses: dict[str, int] = {e.key: 1}
    for part in found:
        for a in part.args:
            uses[a.key] = uses.get(a.key, 0) + 1
    return ((part, uses[part.key]) for part in found)
