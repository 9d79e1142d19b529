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
from .formula import Array, Expr, name, unsimplified
from .textbook_parser import Written, read


class Constants:
    """The named constants of a program; `taken` are all its names, `changing` the variables that are assigned again."""

    def __init__(self, taken: Names, changing: Container[str] = ()) -> None:
        self.taken, self.changing = taken, changing
        self.values: dict[str, Any] = {}  # arrays and numbers
        self._inside: dict[int, list[tuple[Array, str]]] = {}  # the named arrays in the memory of one

    def add(self, x: Any, word: str) -> None:
        """Name an array or a number."""
        self.values[word] = x  # this keeps the array alive, so its memory is not reused
        if isinstance(x, np.ndarray):
            self._inside.setdefault(_owner(x), []).append((x, word))
        self.taken.add(word)

    def known(self, x: Any) -> Expr | None:
        """An array by its name, or as a part ``x[0]`` of a named one."""
        if not isinstance(x, np.ndarray):
            return None
        around = self._inside.get(_owner(x), [])
        for a, word in around:
            if _place(a) == _place(x):
                return name(word, x.shape)
        return next((part for a, word in around if (part := _part(x, a, word)) is not None), None)

    def written(self, eq: Equation, k: int, x: Any) -> Expr | None:
        """Constant `x`, operand `k` of `eq`, as the user's line has it; None for a number written as such."""
        e = operand(eq, k)
        if e is None:
            return self._only_number(x)
        if isinstance(e, ast.Name) and e.id not in self.taken and e.id not in self.changing and np.size(x):
            self.add(x, e.id)
        meanings = {
            part.id: Written(name(part.id, np.shape(self.values[part.id])), self.values[part.id])
            for part in ast.walk(e) if isinstance(part, ast.Name) and part.id in self.values
        }  # fmt: skip
        try:
            stated = read(e, meanings)
        except (KeyError, TypeError, ValueError):
            return None
        return stated.expr if np.array_equal(stated.value, x) else None

    def _only_number(self, x: Any) -> Expr | None:
        """Without the source, a number that is not an integer is named by the only name with this value."""
        if not isinstance(x, float) or x.is_integer():
            return None
        names = [word for word, value in self.values.items() if is_number(value) and value == x]
        return name(names[0]) if len(names) == 1 else None


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)


def _address(x: Array) -> int:
    return x.__array_interface__["data"][0]


def _place(x: Array) -> tuple[Any, ...]:
    """Where an array lies in memory, and how."""
    return _address(x), x.shape, x.strides, x.dtype.str


def _owner(x: Array) -> int:
    """The array whose memory `x` uses, by its id."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return id(x)


def _part(x: Array, a: Array, word: str) -> Expr | None:
    """`x` as ``a[k]``, ``a[:, k]``, … where it lies in `a`."""
    for axis, stride in enumerate(a.strides if x.size else ()):
        k = (_address(x) - _address(a)) // (stride or 1)
        index: tuple[Any, ...] = (*(slice(None),) * axis, k)
        if 0 <= k < a.shape[axis] and _place(a[(*index, ...)]) == _place(x):
            return unsimplified("getitem", (name(word, a.shape),), x.shape, index=index if axis else k)
    return None
