"""Constants by their names, and in the form in which they were written: λ, n, ``1 - t``, ``x[0]``.

A recorded operation knows only the value of a constant. Its name is that of the same array in the user's mapping, or
the expression at that place in the user's line; a form such as ``1 - t`` is used only if it has the recorded value.
"""

from __future__ import annotations

import ast
from collections.abc import Container
from typing import Any

import numpy as np

from ..program import Equation
from ..program.naming import Names, operand
from .formula import Expr, name, unsimplified
from .textbook_parser import Written, read


class Constants:
    """The named constants of a program; `taken` are all its names, `changing` the variables that are assigned again."""

    def __init__(self, taken: Names, changing: Container[str] = ()) -> None:
        self.taken, self.changing = taken, changing
        self.values: dict[str, Any] = {}  # arrays and numbers
        self._by_place: dict[Any, str] = {}  # of each array the first name
        self._inside: dict[int, list[tuple[Any, str]]] = {}  # the arrays in the memory of one

    def add(self, x: Any, word: str) -> None:
        """Name an array or a number."""
        self.values[word] = x  # this keeps the array alive, so its memory is not reused
        if isinstance(x, np.ndarray):
            self._by_place.setdefault(_place(x), word)
            self._inside.setdefault(_owner(x), []).append((x, word))
        self.taken.add(word)

    def known(self, x: Any) -> Expr | None:
        """An array by its name, or as a part ``x[0]`` of a named one."""
        if not isinstance(x, np.ndarray):
            return None
        word = self._by_place.get(_place(x))
        if word is not None:
            return name(word, x.shape)
        around = self._inside.get(_owner(x), []) if x.size else []
        return next((found for a, word in around if (found := _part(x, a, word)) is not None), None)

    def written(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """Constant `x`, operand `k` of `eq`, as the user's line has it; None for a number written as such."""
        e = operand(eq, k)
        if e is None:
            return self._only_number(x)
        if isinstance(e, ast.Name):
            if e.id not in self.taken and e.id not in self.changing and np.size(x):
                self.add(x, e.id)
            return name(e.id, np.shape(x)) if e.id in self.values and _same(self.values[e.id], x) else None
        words = {
            part.id: Written(name(part.id, np.shape(self.values[part.id])), self.values[part.id])
            for part in ast.walk(e) if isinstance(part, ast.Name) and part.id in self.values
        }  # fmt: skip
        try:
            found = read(e, words)
        except (KeyError, TypeError, ValueError):
            return None
        return found.expr if _same(found.value, x) else None

    def _only_number(self, x: Any) -> Expr | None:
        """Without the source, a number that is not an integer is named by the only name with this value."""
        if not isinstance(x, float) or x.is_integer():
            return None
        words = [w for w, v in self.values.items() if is_number(v) and v == x]
        return name(words[0]) if len(words) == 1 else None


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)


def _place(x: Any) -> tuple[Any, ...]:
    """Where an array lies in memory, and how."""
    return x.__array_interface__["data"][0], x.shape, x.strides, x.dtype.str


def _owner(x: Any) -> int:
    """The array whose memory `x` uses, by its id."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return id(x)


def _part(x: Any, a: Any, word: str) -> Expr | None:
    """`x` as ``a[k]``, ``a[:, k]``, … where it lies in `a`."""
    if x.ndim != a.ndim - 1 or x.dtype != a.dtype or not np.may_share_memory(x, a):
        return None
    offset = x.__array_interface__["data"][0] - a.__array_interface__["data"][0]
    for axis in range(a.ndim):
        rest = [j for j in range(a.ndim) if j != axis]
        if x.shape != tuple(a.shape[j] for j in rest) or x.strides != tuple(a.strides[j] for j in rest):
            continue
        k, over = divmod(offset, a.strides[axis] or 1)
        if not over and 0 <= k < a.shape[axis]:
            index = (*(slice(None),) * axis, k) if axis else k
            return unsimplified("getitem", (name(word, a.shape),), x.shape, index=index)
    return None


def _same(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.array_equal(a, b))
