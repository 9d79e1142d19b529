"""Small values as Python floats: a call of NumPy on one number takes as long as ten operations on floats.

If a program is so small that this pays, every array in it is replaced by its entries: products are written out, and
moving entries costs nothing. Otherwise only arrays with a single entry become floats. Only double precision (and
truth values) can be computed this way; functions may differ from NumPy's in the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.node import Params, Shape, Values
from ...program import Equation, Operand, Var
from ...table import ROWS, Primitive
from ...table.scalar import Scalar
from ..block import Block, example, written

CALL = 12  # the cost of a call of NumPy on a small array, in operations on floats
CALL_C = 2  # the same for a loop in C
MOST = 64  # entries of an array that is replaced

_FLOATS = (np.dtype(float), np.dtype(bool))


def nested(names: list[str], shape: Shape) -> str:
    """``((a, b), (c, d))``."""
    if not shape:
        return names[0]
    size = len(names) // shape[0] if shape[0] else 0
    entries = [nested(names[k * size : (k + 1) * size], shape[1:]) for k in range(shape[0])]
    return f"({', '.join(entries)}{',' * (len(entries) == 1)})"


def _array_of(xs: Any, y: Any, shape: Shape, dtype: np.dtype[Any]) -> str:
    return f"np.array({nested([f'{{x{k + 1}}}' for k in range(len(xs))], shape)})"


#: The entries of an array as floats, and an array of floats.
ENTRIES = Primitive("general", lambda x: tuple(x.ravel().tolist()), (), name="entries", outputs=True)
ARRAY = Primitive(
    "general", lambda *xs, shape, dtype: np.array(xs, dtype).reshape(shape), (), name="array of",
    emit=_array_of, out=lambda xs, y, shape, dtype: "{out}.fill({x1})" if len(xs) == 1 else "{out}.flat = ({xs})",
)  # fmt: skip


def all_floats(block: Block) -> Block:
    """`block` with all values as floats, if that is possible and faster."""
    in_c = block.vectors is not None
    try:
        expanded = _Expansion(block, MOST, CALL_C if in_c else CALL).run() if block.small or in_c else block
    except _Impossible:
        return block
    if in_c and expanded is not block:  # where they are arrays without axes
        equations = [e for eq in expanded.equations for e in _of_arrays(eq)]
        return replace(expanded, equations=equations, floats=block.floats)
    return expanded


def _of_arrays(eq: Equation) -> list[Equation]:
    """An equation between arrays and their entries, as operations on arrays."""
    if eq.row is ENTRIES:
        places = [*np.ndindex(eq.x.shape)]
        return written(eq, lambda x: tuple(x[at] for at in places), *eq.operands, into=eq.outputs)
    if eq.row is ARRAY:
        dtype, shape = eq.params["dtype"], eq.params["shape"]
        return written(eq, lambda *xs: np.stack(xs).astype(dtype).reshape(shape), *eq.operands, into=eq.outputs)
    return [eq]


def single_floats(block: Block) -> Block:
    """`block` with values of one entry as floats, if there are none yet."""
    if block.small and not block.floats:
        block = _Expansion(block, 1, None).run()
    return replace(block, small=False)


def formula(eq: Equation) -> Scalar | None:
    """How an entry of the result is computed from real numbers and truth values, if the row says so."""
    e = eq.row.formula(eq.params)
    if e is None or eq.y.dtype != bool:
        return e
    truths = (f"x{k + 1}" for k, x in enumerate(eq.operands) if np.result_type(getattr(x, "dtype", x)).kind == "b")
    return e if e.is_test(frozenset(truths)) else None  # True + True is not 2


class _Impossible(Exception):
    """An equation that cannot be written with floats."""


@dataclass(eq=False)
class _Number:
    """An entry in an array of objects: arithmetic on it appends equations."""

    var: Var
    to: _Expansion

    def __add__(self, other: Any) -> Any:
        return self.to.scalar(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self.to.scalar(np.add, other, self)

    def __mul__(self, other: Any) -> Any:
        return self.to.scalar(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.to.scalar(np.multiply, other, self)

    def __bool__(self) -> bool:
        raise _Impossible


class _Expansion:
    """A block in the course of being rewritten.

    Arrays have at most `most` entries. With `growth` everything has to be written with floats, in at most as many times
    the operations.
    """

    def __init__(self, block: Block, most: int, growth: int | None) -> None:
        self.block, self.most, self.growth = block, most, growth
        self.entries: dict[Var, Any] = {}  # an array of objects for each value: `_Number`, or a constant
        self.arrays: set[Var] = set(block.inputs)  # values that exist as arrays
        self.equations: list[Equation] = []
        self.floats: set[Var] = set()
        self.at: Any = None  # the equation that is being written

    def run(self) -> Block:
        try:
            for eq in self.block.equations:
                self.at = eq
                if not self._expanded(eq):
                    if self.growth is not None:
                        raise _Impossible
                    for x in eq.operands:
                        self._array(x)
                    self.equations.append(eq)
                    self.arrays.update(eq.outputs)
                self._check_size()
            for x in self.block.results:
                self._array(x)
            self._check_size()
        finally:
            self.entries.clear()  # a cycle that the garbage collector does not see: it does not look into arrays
        return replace(self.block, equations=self.equations, floats=self.block.floats | self.floats)

    def _check_size(self) -> None:
        if self.growth is not None and len(self.equations) > self.growth * len(self.block.equations):
            raise _Impossible

    # ------------------------------------------------------------------------------------------------ conversions

    def _append(self, row: Primitive, operands: Values, outputs: tuple[Var, ...], params: Any) -> None:
        self.equations.append(Equation(outputs, row, operands, params, self.at.origin))

    def _array(self, x: Operand) -> None:
        """Make an array of the entries of `x`, if there is none."""
        if isinstance(x, Var) and x not in self.arrays:
            entries = tuple(e.var if isinstance(e, _Number) else e for e in self.entries[x].ravel())
            self._append(ARRAY, entries, (x,), {"shape": x.shape, "dtype": x.dtype})
            self.arrays.add(x)

    def _entries(self, x: Operand) -> Any:
        """The entries of `x`, in an array of objects."""
        if not isinstance(x, Var):
            value = np.asarray(x)
            if value.dtype.kind not in "bif" or value.dtype.itemsize > 8 or value.size > self.most:
                raise _Impossible
            return value.astype(object)
        if x not in self.entries:
            if x.dtype not in _FLOATS or not 0 < x.size <= self.most:
                raise _Impossible
            entries = tuple(Var(_entry_name(x, k), (), x.dtype) for k in range(x.size))
            self._append(ENTRIES, (x,), entries, {})
            self.floats.update(entries)
            self.entries[x] = np.array([_Number(v, self) for v in entries], object).reshape(x.shape)
        return self.entries[x]

    # --------------------------------------------------------------------------------------------------- equations

    def _expanded(self, eq: Equation) -> bool:
        """Whether an equation could be written with floats; if so, it is."""
        mark = len(self.equations)
        y = eq.y
        if len(eq.outputs) > 1 or y.dtype not in _FLOATS or not 0 < y.size <= self.most or eq.is_random:
            return False
        elementwise = formula(eq) is not None or eq.row.is_ufunc
        moving = eq.row.kind in ("linear", "bilinear")
        if not elementwise and not moving or eq.row.outputs:
            return False
        if self.growth is None and any(np.size(example(x)) != 1 for x in eq.operands):
            return False  # neither an operation on floats, nor one that makes a float of an array with one entry
        try:
            operands = [self._entries(x) for x in eq.operands]
            entries = self._by_entry(eq, operands) if elementwise else self._by_row(eq, operands, mark)
        except (_Impossible, TypeError, ValueError, AttributeError, KeyError, IndexError):
            del self.equations[mark:]
            for x in eq.operands:  # the entries of these are gone
                if isinstance(x, Var) and x in self.arrays:
                    self.entries.pop(x, None)
            return False
        if entries.shape != y.shape or not all(isinstance(e, (_Number, float, int, bool)) for e in entries.ravel()):
            return False
        self.entries[y] = entries
        return True

    def _by_entry(self, eq: Equation, operands: list[Any]) -> Any:
        y = eq.y
        columns = [(a if a.shape == y.shape else np.broadcast_to(a, y.shape)).ravel() for a in operands]
        entries = [self._scalar(eq.row, xs, y, k, eq.params) for k, xs in enumerate(zip(*columns, strict=True))]
        return np.array(entries, object).reshape(y.shape)

    def _by_row(self, eq: Equation, operands: list[Any], mark: int) -> Any:
        """The row's function on arrays of objects: products and sums are written out, and entries are moved."""
        entries = np.asarray(eq.row.fn(*operands, **eq.params), object)
        made_here = {v for e in self.equations[mark:] for v in e.outputs}
        for k, e in enumerate(entries.ravel()):
            if isinstance(e, np.ndarray) and not e.ndim:  # as ``zeros[1, 2] = x`` stores it
                e = entries.flat[k] = e.item()
            if isinstance(e, _Number) and e.var in made_here:
                e.var.name = _entry_name(eq.y, k)
        return entries

    def scalar(self, ufunc: np.ufunc, *operands: Any) -> Any:
        return self._scalar(ROWS[ufunc], operands, self.at.y, 0, {})

    def _scalar(self, row: Primitive, xs: Sequence[Operand], y: Var, k: int, params: Params) -> Any:
        """One operation on floats."""
        if not any(isinstance(p, _Number) for p in xs):
            with np.errstate(all="ignore"):
                return np.asarray(row.fn(*(np.asarray(p, float) for p in xs), **params)).item()
        v = Var(_entry_name(y, k), (), y.dtype)
        self._append(row, tuple(p.var if isinstance(p, _Number) else p for p in xs), (v,), params)
        self.floats.add(v)
        return _Number(v, self)


def _entry_name(x: Var, k: int) -> str:
    """``V12`` for an entry of a matrix, the name itself for a single number."""
    if x.size == 1:
        return x.name
    place = np.unravel_index(k, x.shape)
    return x.name + ("_" if max(x.shape) > 10 else "").join(str(int(j)) for j in place)
