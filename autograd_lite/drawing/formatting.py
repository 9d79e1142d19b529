"""The text in a picture: numbers to a few digits, shapes, arrays, formulas."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..derive.formula import Expr, Function, fold
from ..derive.layout import Line as Written
from ..derive.writing import TEXT, text, text_name

LINES, COLUMNS = 4, 6  # of the largest matrix that is written out; a larger one is summarized
MANY = 48  # entries of the largest array that is shown in full on hovering
WIDE = 60  # characters of a formula
LONGEST = 400  # and of any


def number(x: Any, digits: int = 3) -> str:
    """A number to a few digits; up to four before the point stand as they are.

    >>> number(0.12345), number(-2.0), number(1e-9), number(1234.5), number(123456.7)
    ('0.123', '-2', '1e-09', '1234', '1.23e+05')
    """
    x = np.asarray(x).item()
    if isinstance(x, float) and 10**digits <= abs(x) < 9999.5:
        return f"{x:.0f}"
    return str(x) if isinstance(x, int) else f"{x:.{digits}g}" if x or isinstance(x, complex) else "0"


def shape(dims: Sequence[int] | None) -> str:
    """``3×4``; empty for a scalar.

    >>> shape((3, 4)), shape(()), shape((5,))
    ('3×4', '', '5')
    """
    return "×".join(map(str, dims or ()))


def array(value: Any) -> list[str]:
    """An array as lines of text: its entries if it is small, else its range and mean.

    >>> array(np.array([[0.5, -1.0]]))
    ['[0.5  -1]']
    >>> array(np.arange(100.0))
    ['0 … 99, mean 50']
    """
    value = np.asarray(value)
    if value.size == 0:
        return ["empty"]
    if value.dtype.kind not in "biufc":
        return [clipped(str(value), WIDE)]
    if value.size == 1:
        return [number(value)]
    return [f"[{'  '.join(row)}]" for row in matrix(value)] or [summary(value)]


def listed(value: Any) -> str:
    """An array in one line: all entries, unless there are many.

    >>> listed(np.array([[0, 2], [1, 3]]))
    '[[0 2] [1 3]]'
    """
    value = np.asarray(value)
    if value.size > MANY or value.size < 2 or value.dtype.kind not in "biufc":
        return array(value)[0]

    def nested(part: Any) -> str:
        return f"[{' '.join(map(nested, part))}]" if isinstance(part, list) else number(part, 4)

    return nested(value.tolist())


def matrix(value: Any) -> list[list[str]]:
    """The entries of a small vector or matrix as text, row by row; none for any other array.

    >>> matrix(np.array([[0.5, -1.0], [12.0, 0.125]]))
    [['0.5', '-1'], ['12', '0.12']]
    """
    value = np.asarray(value)
    if value.size < 2 or value.ndim > 2 or value.dtype.kind not in "biufc":
        return []
    rows = np.atleast_2d(value)
    if rows.shape[0] > LINES or rows.shape[1] > COLUMNS:
        return []
    return [[number(x, 2) for x in row] for row in rows.tolist()]


def summary(value: Any) -> str:
    """Range and mean, and how many are not finite."""
    if value.dtype.kind in "bc":
        return f"{value.size} entries"
    finite = value[np.isfinite(value)]
    if finite.size == 0:
        return "no finite entry"
    if finite.min() == finite.max() and finite.size == value.size:
        return f"all {number(finite.min(), 2)}"
    ends, middle = (finite.min(), finite.max()), finite.mean()
    middle *= abs(middle) > 1e-15 * max(-ends[0], ends[1])  # entries that cancel leave a rounding error
    low, high, mean = (number(x, 2) for x in (*ends, middle))
    bad = value.size - finite.size
    return f"{low} … {high}, mean {mean}" + (f", {bad} not finite" if bad else "")


def formula(e: Expr | None, wide: int = WIDE) -> str:
    """A formula in one line of mathematics."""
    return "" if e is None else mathematics(text(of_vectors(e)), wide)


class _Dot(Function):
    """The product of two vectors, vᵀ w: side by side they are none."""

    algebra = "matrix product"
    infix: Any = "{x1}ᵀ @ {x2}"


def of_vectors(e: Expr) -> Expr:
    """Products of two vectors as vᵀ w and vᵀ A w."""

    def turned(part: Expr, args: tuple[Expr, ...]) -> Expr:
        part = replace(part, args=args)
        if part.role != "matrix product" or [len(x.shape) for x in args] != [1, 1]:
            return part
        x, y = args
        is_form = x.role == "matrix product" and len(x.args[0].shape) == 1
        return replace(part, args=(replace(x, row=_DOT), y)) if is_form else replace(part, row=_DOT)

    return fold(e, turned)


_DOT = _Dot("matmul")


def equation(symbol: str, e: Expr, shape: Sequence[int] | None, names: Collection[str] = ()) -> list[str]:
    """A symbol and its formula as mathematics, with indices where they need some: those are none of `names`."""
    written = Written(symbol, (of_vectors(e),), shape=tuple(shape or ()), names=names).written(TEXT)
    return [mathematics(side, LONGEST) for side in written]


def mathematics(written: str, wide: int = WIDE) -> str:
    """What a derivation has as text, as a picture writes it."""
    written = written.replace(" @ ", " ").replace(" * ", " · ").replace(" - ", " − ")
    written = re.sub(r"∂\w+/∂[\w\u0300-\u036f]+", r"\g<0>|direct", written)
    written = re.sub(r"\bd(\w+)/d(?=\w)", r"∂\1/∂", written)  # a gradient
    return clipped(re.sub(r"(?<![\w)\]])-(?=[\w(])", "−", written), wide)


def clipped(words: str, wide: int) -> str:
    """`words`, cut to `wide` characters."""
    return words if len(words) <= wide else words[: wide - 1].rstrip() + "…"


def partial(symbol: str) -> str:
    """The symbol of a factor as a partial derivative.

    >>> partial("dP/dC"), partial("∂L/∂gamma")
    ('∂P/∂C', '∂L/∂γ|direct')
    """
    of, _, wrt = symbol.partition("/")
    return f"∂{text_name(of[1:])}/∂{text_name(wrt[1:])}" + ("|direct" if symbol.startswith("∂") else "")


#: How a screen reader is to read what stands in a picture: patterns, and what takes their place.
_SPOKEN = {
    r"\+ ?[−-]": "− ",
    r"∂([^\s/()]+)/∂([^\s()|,]+)": r"the derivative of \1 with respect to \2",
    r"\|direct": " directly", r"‖([^‖]*)‖": r"the norm of \1", r"⁻ᵀ": " inverse transposed", r"⁻¹": " inverse",
    r"ᵀ": " transposed", r"²": " squared", r"³": " cubed", r"½": "one half", r"⊙": "elementwise times", r"·": "times",
    r"→": "to", r"−": "minus ", r"minus  ": "minus ", r"∞": "infinity", r"√": "the square root of ",
    r"(?<=\d)×(?=\d)": " by ", r"Σ([ᵢⱼₖₗₘₙₚᵣₛₜ]+)": r"the sum over \1 of",
    r"(?<=\w)([ᵢⱼₖₗₘₙₚᵣₛₜ₋₊₀-₉]+)": r" \1", "₋": " minus ", "₊": " plus ",
}  # fmt: skip
_LEVEL = str.maketrans("ᵢⱼₖₗₘₙₚᵣₛₜ₀₁₂₃₄₅₆₇₈₉", "ijklmnprst0123456789")


def spoken(words: str) -> str:
    """Text as it is read aloud: screen readers omit most signs of mathematics.

    >>> spoken("∂P/∂C = Bᵀ (y − P)²")
    'the derivative of P with respect to C = B transposed (y minus P) squared'
    >>> spoken("2 + −b")
    '2 minus b'
    """
    for pattern, said in _SPOKEN.items():
        words = re.sub(pattern, said, words)
    return words.translate(_LEVEL)
