"""How tightly a row's ``infix``, ``text`` or ``tex`` binds, and which operands need brackets in it.

Both are read off the operators in the template, so a row states them nowhere:

>>> read("{x1} - {x2}").places == (SUM, PRODUCT)  # a - (b - c)
True
>>> read(r"e^{{{x}}} - 1").own == SUM  # 2 (e^x - 1)
True
>>> read("det {x}").places == (ATOM,)  # det (A / 2)
True
"""

from __future__ import annotations

import re
from functools import cache
from string import Formatter
from typing import NamedTuple

# How tightly a form binds; an operand that binds less tightly than its place needs brackets.
TEST, OR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 9)

#: Operators: how tightly each binds, and how tightly its left and its right operand have to.
SIGNS = {
    **dict.fromkeys((" as ", r" \text{ as"), (TEST, ATOM, ATOM)),
    **dict.fromkeys((" > ", " < ", " >= ", " <= ", " == ", " != ", " = ", " ≥ ", " ≤ ", " ≠ "), (TEST, SUM, SUM)),
    **dict.fromkeys((r" \geq ", r" \leq ", r" \neq "), (TEST, SUM, SUM)),
    **dict.fromkeys((" | ", r" \vee "), (OR, SUM, SUM)),
    **dict.fromkeys((" & ", r" \wedge "), (AND, AND, SUM)),
    " + ": (SUM, SUM, SUM),
    " - ": (SUM, SUM, PRODUCT),
    r" \bmod ": (SUM, ATOM, ATOM),
    **dict.fromkeys((" / ", " @ ", r"\,", r" \, "), (PRODUCT, PRODUCT, SIGN)),
    **dict.fromkeys((" × ", " ⋆ ", r" \star ", " ∗ ", r" \ast "), (PRODUCT, SIGN, SIGN)),
    **dict.fromkeys((r" \odot ", r" \cdot ", r" \times ", r" \otimes ", " * "), (PRODUCT, ATOM, ATOM)),
    r"\sum ": (SIGN, ATOM, PRODUCT),
    **dict.fromkeys(("Σ ", "det "), (SIGN, ATOM, POWER)),
    " ** ": (POWER, ATOM, SIGN),
}
PREFIX = ("-", "~")  # at the beginning: these bind as SIGN, and their operand has to as PRODUCT

_PLACE, _GROUP = 0xE000, "\uf8ff"  # a place, and something in brackets, as one character each
_IN_BRACKETS = re.compile(
    r"\{([^{}()\[\]]*)\}|\(([^{}()\[\]]*)\)|\[([^{}()\[\]]*)\]|\|([^|()]*)\|"
    r"|\\lvert ([^{}()\[\]]*?) \\rvert|\\lfloor ([^{}()\[\]]*?) \\rfloor|‖([^‖]*)‖|\\lVert ([^{}()\[\]]*?) \\rVert"
)
_CASES = re.compile(rf"\\begin{_GROUP}(.*?)\\end{_GROUP}")


class Binding(NamedTuple):
    """A template that was read.

    Attributes
    ----------
    own : int
        How tightly it binds.
    pieces : tuple of (str, str)
        The text before each place, and the name of the place.
    places : tuple of int
        How tightly the operand in each place has to bind.
    rest : str
        The text after the last place.
    """

    own: int
    pieces: tuple[tuple[str, str], ...]
    places: tuple[int, ...]
    rest: str

    @property
    def fields(self) -> set[str]:
        return {field for _, field in self.pieces}


@cache
def read(template: str) -> Binding:
    """The places of a template and how tightly everything binds."""
    pieces = []
    rest = ""
    for text, field, *_ in Formatter().parse(template):
        rest += text
        if field is not None:
            pieces.append((rest, field))
            rest = ""
    line = "".join(f"{text}{chr(_PLACE + k)}" for k, (text, _) in enumerate(pieces)) + rest
    line = re.sub(r"\\(left|right)(?=[(\[|)\]])", "", line)
    places: dict[str, int] = {}
    while (m := _IN_BRACKETS.search(line)) is not None:
        inside = next(part for part in m.groups() if part is not None)
        for part in inside.split(","):
            _operands(part.strip(), places, lone=0)
        line = line[: m.start()] + _GROUP + line[m.end() :]
    for m in _CASES.finditer(line):
        places.update((c, 0) for c in m[1] if _is_place(c))
    line = _CASES.sub(_GROUP, line)
    _operands(line, places, lone=ATOM)
    return Binding(_own(line), tuple(pieces), tuple(places[chr(_PLACE + k)] for k in range(len(pieces))), rest)


def _is_place(c: str) -> bool:
    return _PLACE <= ord(c) < ord(_GROUP)


def _operands(part: str, places: dict[str, int], lone: int) -> None:
    """Note the precedence that each operand needs; `lone` where there is nothing beside it."""
    for k, c in enumerate(part):
        if _is_place(c):
            places[c] = lone if len(part) == 1 else max(_after(part[:k]), _before(part[k + 1 :]))


def _after(left: str) -> int:
    if re.fullmatch("(?!not )[a-z ]+", left):  # det (A / 2)
        return ATOM
    if re.fullmatch(rf".\^{_GROUP} ", left):  # K^{-1} Y^\top, K^{-1} (a + b)
        return POWER
    is_open = not left or re.search(r"(?<!\\)\b[a-z]+ $", left)  # nothing, or a word
    if left in PREFIX:
        return PRODUCT
    return next((right for sign, (_, _, right) in SIGNS.items() if left.endswith(sign)), 0 if is_open else ATOM)


def _before(right: str) -> int:
    if not right or re.match(r" [a-z]", right):
        return PRODUCT if right.startswith(" at ") else 0
    return next((left for sign, (_, left, _) in SIGNS.items() if right.startswith(sign)), ATOM)


def _own(line: str) -> int:
    signs = [own for sign, (own, _, _) in SIGNS.items() if sign in line]
    if signs or line.startswith(PREFIX):
        return min([*signs, SIGN])
    if _is_place(line[-1:] or " "):
        return SIGN  # open at its end, as in ln x
    return POWER if re.search("[\\^⁻⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ]", line) and not line.startswith("\\") else ATOM
