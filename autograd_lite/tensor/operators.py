"""Operators: ``a + b``, ``a @ b``, ``a < b`` and the like, each a row of the table.

A write such as ``a += b`` is in :mod:`autograd_lite.tensor.writes`.
"""

from __future__ import annotations

from typing import Any, Self

from ..engine.record import binary, unary
from ..engine.value import Value
from ..rules import elementwise
from ..rules.products import matmul
from ..table import TABLE

add, subtract, multiply, divide = elementwise.add, elementwise.subtract, elementwise.multiply, elementwise.divide
power, remainder = elementwise.power, elementwise.remainder
#: Exponents that have a row of their own, as in NumPy's ``**``.
_POWERS = {2: elementwise.square, 1: elementwise.positive, -1: elementwise.reciprocal, 0.5: elementwise.sqrt}


class Operators(Value):
    """The base of Tensor with the operators. They return a Tensor, or NotImplemented for a foreign type."""

    __slots__ = ()

    def __add__(self, other: Any) -> Self:
        return binary(add, self, other)

    def __radd__(self, other: Any) -> Self:
        return binary(add, other, self)

    def __sub__(self, other: Any) -> Self:
        return binary(subtract, self, other)

    def __rsub__(self, other: Any) -> Self:
        return binary(subtract, other, self)

    def __mul__(self, other: Any) -> Self:
        return binary(multiply, self, other)

    def __rmul__(self, other: Any) -> Self:
        return binary(multiply, other, self)

    def __truediv__(self, other: Any) -> Self:
        return binary(divide, self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return binary(divide, other, self)

    def __pow__(self, other: Any) -> Self:
        if type(other) in (int, float) and self._data.dtype.kind in "fc":  # as NumPy's own ** does
            row = _POWERS.get(other)
            if row is not None:
                return unary(row, self)
        return binary(power, self, other)

    def __rpow__(self, other: Any) -> Self:
        return binary(power, other, self)

    def __matmul__(self, other: Any) -> Self:
        return binary(matmul, self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return binary(matmul, other, self)

    def __mod__(self, other: Any) -> Self:
        return binary(remainder, self, other)

    def __rmod__(self, other: Any) -> Self:
        return binary(remainder, other, self)

    def __floordiv__(self, other: Any) -> Self:
        return binary(TABLE["floor_divide"], self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return binary(TABLE["floor_divide"], other, self)

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __neg__(self) -> Self:
        return unary(elementwise.negative, self)

    def __pos__(self) -> Self:
        return unary(elementwise.positive, self)

    def __abs__(self) -> Self:
        return unary(elementwise.absolute, self)

    def __invert__(self) -> Self:
        return unary(TABLE["invert"], self)

    def __round__(self, ndigits: int = 0) -> Self:
        return TABLE["round"](self, ndigits)

    # ------------------------------------------------------------------------------------------------- comparisons

    def __lt__(self, other: Any) -> Self:
        return binary(TABLE["less"], self, other)

    def __le__(self, other: Any) -> Self:
        return binary(TABLE["less_equal"], self, other)

    def __gt__(self, other: Any) -> Self:
        return binary(TABLE["greater"], self, other)

    def __ge__(self, other: Any) -> Self:
        return binary(TABLE["greater_equal"], self, other)

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]  # entry by entry, as in NumPy
        return binary(TABLE["equal"], self, other)

    def __ne__(self, other: Any) -> Self:  # type: ignore[override]  # entry by entry, as in NumPy
        return binary(TABLE["not_equal"], self, other)

    def __and__(self, other: Any) -> Self:
        return binary(TABLE["bitwise_and"], self, other)

    def __or__(self, other: Any) -> Self:
        return binary(TABLE["bitwise_or"], self, other)

    def __xor__(self, other: Any) -> Self:
        return binary(TABLE["bitwise_xor"], self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self, other: Any) -> Self:
        return binary(TABLE["left_shift"], self, other)

    def __rlshift__(self, other: Any) -> Self:
        return binary(TABLE["left_shift"], other, self)

    def __rshift__(self, other: Any) -> Self:
        return binary(TABLE["right_shift"], self, other)

    def __rrshift__(self, other: Any) -> Self:
        return binary(TABLE["right_shift"], other, self)

    __hash__ = object.__hash__
