"""Operators, ``a + b``, ``a @ b``, ``a < b`` and the like, and methods, ``x.sum(axis=0)``: each a row of the table.

A write such as ``a += b`` is in :mod:`autograd_lite.tensor.writes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self, TypeVar, overload

from ..engine.record import apply, binary, unary
from ..engine.value import Value
from ..rules import elementwise
from ..table import TABLE

#: Exponents that have a row of their own, as in NumPy's ``**``.
_POWERS = {2: elementwise.square, 1: elementwise.positive, -1: elementwise.reciprocal, 0.5: elementwise.sqrt}

T = TypeVar("T")


def _operators(name: str) -> tuple[Callable[[T, Any], T], Callable[[T, Any], T]]:
    """The operator of the row `name`, and that for a Tensor on its right."""
    row = TABLE[name]

    def operator(self: T, other: Any) -> T:
        return binary(row, self, other)

    def reflected(self: T, other: Any) -> T:
        return binary(row, other, self)

    return operator, reflected


def _operator(name: str) -> Callable[[T], T]:
    """The operator of the row `name`, which has one operand."""
    row = TABLE[name]

    def operator(self: Any) -> Any:
        return unary(row, self)

    return operator


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


class Operators(Value):
    """The base of Tensor with the operators. They return a Tensor, or NotImplemented for a foreign type."""

    __slots__ = ()

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __floordiv__, __rfloordiv__ = _operators("floor_divide")
    __mod__, __rmod__ = _operators("remainder")
    __matmul__, __rmatmul__ = _operators("matmul")
    __rpow__ = _operators("power")[1]
    __lt__, __le__ = _operators("less")[0], _operators("less_equal")[0]
    __gt__, __ge__ = _operators("greater")[0], _operators("greater_equal")[0]
    __eq__, __ne__ = _operators("equal")[0], _operators("not_equal")[0]  # type: ignore[assignment]  # entry by entry
    __and__, __rand__ = _operators("bitwise_and")
    __or__, __ror__ = _operators("bitwise_or")
    __xor__, __rxor__ = _operators("bitwise_xor")
    __lshift__, __rlshift__ = _operators("left_shift")
    __rshift__, __rrshift__ = _operators("right_shift")
    __neg__, __pos__, __abs__ = _operator("negative"), _operator("positive"), _operator("absolute")
    __invert__ = _operator("invert")

    def __pow__(self, other: Any) -> Self:
        if type(other) in (int, float) and self._data.dtype.kind in "fc":  # as NumPy's own ** does
            row = _POWERS.get(other)
            if row is not None:
                return unary(row, self)
        return binary(elementwise.power, self, other)

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __round__(self, ndigits: int = 0) -> Self:
        return TABLE["round"](self, ndigits)

    __hash__ = object.__hash__
