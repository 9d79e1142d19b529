"""What is written into a picture: numbers to few digits, shapes, formulas, and none of it able to break the
picture.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..derive.expression import Expr, name, substitute, walk
from ..derive.writing import tex as expression_tex
from ..derive.writing import tex_name as variable_tex
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


def tex(e: Expr) -> str:
    """A formula in LaTeX, in which a name is a name and never a command."""
    names = (p for p in walk(e) if p.head == "name" and not _is_plain(p.value))
    return expression_tex(substitute(e, {p.value: name(tex_name(p.value), p.shape) for p in names}))


def tex_name(word: str) -> str:
    r"""A name in LaTeX; what LaTeX could take for anything else is set as text.

    >>> tex_name("W1"), tex_name(r"\input{x}")
    ('W_{1}', '\\text{\\textbackslash{}input\\{x\\}}')
    """
    return variable_tex(word) if _is_plain(word) else rf"\text{{{tex_text(word)}}}"


def tex_text(words: str) -> str:
    """Words in LaTeX, outside of formulas."""
    return "".join(_SPECIAL.get(c) or (f"\\{c}" if c in "#$%&_{}" else c) for c in plain(words))


_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$",
    "…": r"\ldots{}", "−": "--",
}  # fmt: skip


def _is_plain(word: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", word) is not None


def partial(symbol: str) -> str:
    """``dP/dC`` as ``∂P/∂C``."""
    of, _, wrt = symbol.partition("/")
    return f"∂{of.removeprefix('d')}/∂{wrt.removeprefix('d')}"


def plain(words: str) -> str:
    """One line without control characters: names may hold anything."""
    return "".join(c if c.isprintable() else " " for c in words)


def escaped(words: str) -> str:
    """For an SVG or a page."""
    return html.escape(plain(words), quote=True)


def label(words: str) -> str:
    r"""For an HTML-like label, in which Graphviz still takes ``\N`` for the key of the node."""
    return escaped(words).replace("\\", "\\\\")
