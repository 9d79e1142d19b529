"""What is written into a picture: numbers to few digits, shapes, formulas, and none of it able to break the
picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..derive.expression import Expr
from ..derive.writing import tex as tex
from ..derive.writing import tex_name as tex_name
from ..derive.writing import text

LINES, COLUMNS = 4, 6  # of a matrix that is written out; a larger one is summed up
WIDE = 36  # characters of a formula


def number(x: Any, digits: int = 3) -> str:
    """A number to a few digits.

    >>> number(0.12345), number(-2.0), number(1e-9), number(123456.7)
    ('0.123', '-2', '1e-09', '1.23e+05')
    """
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (complex, np.complexfloating)):
        return f"{x:.{digits}g}"
    if isinstance(x, (int, np.integer)):
        return str(int(x))
    x = float(x)
    return f"{x + 0.0:.{digits}g}" if x else "0"


def shape(dims: Sequence[int] | None) -> str:
    """``3×4``; a scalar's is empty.

    >>> shape((3, 4)), shape(()), shape((5,))
    ('3×4', '', '5')
    """
    return "×".join(map(str, dims or ()))


def array(value: Any) -> list[str]:
    """An array as lines: written out if it is small, else its range and mean.

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
        return [number(value.item())]
    rows = np.atleast_2d(value) if value.ndim <= 2 else None
    if rows is not None and rows.shape[0] <= LINES and rows.shape[1] <= COLUMNS:
        cells = [[number(x, 2) for x in row] for row in rows.tolist()]
        return [f"[{'  '.join(row)}]" for row in cells]
    return [summary(value)]


def summary(value: Any) -> str:
    """Range and mean, and how many are not finite."""
    if value.dtype.kind in "bc":
        return f"{value.size} entries"
    finite = value[np.isfinite(value)]
    if finite.size == 0:
        return "no finite entry"
    words = f"{number(finite.min(), 2)} … {number(finite.max(), 2)}, mean {number(finite.mean(), 2)}"
    bad = value.size - finite.size
    return f"{words}, {bad} not finite" if bad else words


def formula(e: Expr | None, wide: int = WIDE) -> str:
    """A formula in one line of mathematics."""
    if e is None:
        return ""
    written = text(e).replace(" @ ", " ").replace(" * ", " · ").replace(" - ", " − ")
    return clipped(re.sub(r"(?<![\w)\]])-(?=[\w(])", "−", written), wide)


def clipped(words: str, wide: int) -> str:
    """No longer than `wide`."""
    return words if len(words) <= wide else words[: wide - 1].rstrip() + "…"


def partial(symbol: str) -> str:
    """``dP/dC`` as ``∂P/∂C``."""
    of, _, wrt = symbol.partition("/")
    return f"∂{of.removeprefix('d')}/∂{wrt.removeprefix('d')}"
