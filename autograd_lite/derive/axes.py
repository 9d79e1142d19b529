"""The axes of the values of a program that have one size by its rules, not only by the numbers of an example."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..program import Equation, Var
from ..rules.indexing import Slot
from ..table import TABLE
from .formula import differ_in_ones, index_parts

Axis = tuple[Any, int]
_REDUCTIONS = ("total", "reduction", "norm")


def _key(x: Any) -> Any:
    """A variable, or the place of an array in memory: what a name stands for is perhaps a view of it; of positions, of
    which a lookup has a copy, the numbers.
    """
    if isinstance(x, Var):
        return x
    x = np.asarray(x)
    return (*x.tolist(),) if x.ndim == 1 and x.dtype.kind in "iu" else (x.__array_interface__["data"][0], x.shape)


def _reduced(eq: Equation) -> list[int]:
    """The axes of its operand that a reduction is over."""
    axis, ndim = eq.params.get("axis"), len(eq.shape_of(0))
    return list(range(ndim)) if axis is None else [int(k) % ndim for k in np.atleast_1d(axis)]


def _joined(eq: Equation) -> Iterator[tuple[Axis, Axis]]:
    """The axes of the operands and the result of an equation that are one."""
    y, shape = eq.y, eq.y.shape
    x, algebra, ndim = eq.x if eq.operands else y, eq.algebra, len(eq.shape_of(0)) if eq.operands else 0
    if algebra == "matrix product":
        a, b = eq.operands
        yield (a, np.ndim(a) - 1), (b, max(np.ndim(b) - 2, 0))
        if np.ndim(a) > 1:
            yield (a, np.ndim(a) - 2), (y, len(shape) - 1 - (np.ndim(b) > 1))
        if np.ndim(b) > 1:
            yield (b, np.ndim(b) - 1), (y, len(shape) - 1)
    elif algebra == "solution":
        a, b = eq.operands
        yield from [((a, 0), (a, 1)), ((a, 0), (b, 0)), *(((b, k), (y, k)) for k in range(len(shape)))]
    elif algebra in ("transpose", "matrix transpose") and ndim == 2:
        yield from [((x, 0), (y, 1)), ((x, 1), (y, 0))]
    elif algebra in _REDUCTIONS and not eq.params.get("keepdims"):
        kept = [k for k in range(ndim) if k not in _reduced(eq)]
        yield from (((x, k), (y, j)) for j, k in enumerate(kept))
    elif eq.row is TABLE["one_hot"]:
        yield from (((x, k), (y, k)) for k in range(min(eq.params["axis"], ndim)))
    elif algebra in ("gather", "index"):
        yield from _looked_up(eq)
    elif eq.row.kind == "elementwise" or len(eq.operands) == 1 and eq.shape_of(0) == shape:
        for z in eq.operands:
            yield from (((z, k), (y, k + len(shape) - np.ndim(z))) for k in range(np.ndim(z)))
    elif len(eq.operands) == 1 and differ_in_ones(eq.shape_of(0), shape):
        sides = ([(v, k) for k, n in enumerate(v.shape) if n > 1] for v in (x, y))
        yield from zip(*sides, strict=True)


def _looked_up(eq: Equation) -> Iterator[tuple[Axis, Axis]]:
    """The axes of the positions in a lookup ``x[i, y]`` and of its result, and of x where i has all in their order."""
    parts = [eq.operands[1] if isinstance(part, Slot) else part for part in index_parts(eq.params["index"])]
    if len(eq.operands) < 3 and all(np.shape(part) == eq.y.shape[:1] != () for part in parts):
        yield from (((part, 0), (eq.y, 0)) for part in parts)
        every = [k for k, part in enumerate(parts) if np.array_equal(part, np.arange(eq.shape_of(0)[k]))]
        yield from (((eq.x, k), (eq.y, 0)) for k in every)


class Axes:
    """The axes of a program, those that are one together."""

    def __init__(self, equations: Iterable[Equation]) -> None:
        self._of: dict[Any, Any] = {}
        self._reduced = list[Any]()
        self._given, computed = list[Any](), set[Any]()
        for eq in equations:
            self._given += [x for x in eq.operands if np.ndim(x) and not (isinstance(x, Var) and x in computed)]
            computed.update(eq.outputs)
            for (a, k), (b, j) in _joined(eq):
                if np.shape(a)[k : k + 1] == np.shape(b)[j : j + 1] != (1,):
                    self._of[self._one(_key(a), k)] = self._one(_key(b), j)
            if eq.algebra in _REDUCTIONS and len(over := _reduced(eq)) == 1:
                self._reduced.append((_key(eq.x), over[0], eq.shape_of(0)[over[0]]))

    def _one(self, x: Any, k: int) -> Any:
        at = (x, k)
        while at in self._of and self._of[at] != at:
            at = self._of[at]
        return at

    @property
    def terms(self) -> list[int]:
        """How many terms the sums over one axis have."""
        return [size for _, _, size in self._reduced]

    def is_of_others(self, e: ast.expr, x: Any, size: int, known: Callable[[Any], Any]) -> bool:
        """Whether ``X.shape[1]`` or ``len(X)`` of an array `x` is the size of no sum, but all sums of so many terms are
        over other axes of arrays that have names: variables, or what is `known`.
        """
        k = ast.literal_eval(e.slice) if isinstance(e, ast.Subscript) else 0
        sums = {self._one(of, j) for of, j, n in self._reduced if n == size}
        named = [of for of in self._given if isinstance(of, Var) or known(of) is not None]
        given = {self._one(_key(of), j) for of in named for j in range(np.ndim(of))}
        return np.ndim(x) > 0 and bool(sums) and sums <= given - {self._one(_key(x), k % np.ndim(x))}
