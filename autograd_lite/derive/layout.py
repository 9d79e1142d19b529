"""The lines of a derivation as data, and their two layouts: plain text for a terminal, aligned LaTeX for a page.

What a line says stands here once, so both layouts say the same; how a formula is written is the printer's part
(:mod:`~autograd_lite.derive.writing`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from unicodedata import combining

import numpy as np

from ..base.escape import markdown, plain
from .binding import PRODUCT
from .common_factors import (
    with_denominators_once,
    with_differences_turned,
    with_factors_in_front,
    with_groups,
    with_like_terms,
    with_number_in_front,
    with_one_denominator,
    with_one_denominator_inside,
    with_one_power,
    with_one_range,
    with_one_rest,
    with_one_sum,
    with_one_total,
    with_one_weight,
    with_pairs,
    with_rows_listed,
    with_terms_joined,
    with_terms_opened,
    with_two_pairs,
)
from .entries import Step, entries, is_rotated, padded
from .formula import Expr, fold, index_parts, is_cut, number, terms_of, walk
from .formula_ops import largest
from .writing import (
    LATEX,
    TEXT,
    Latex,
    Printer,
    apart_from,
    index_text,
    read_by_steps,
    safely_split,
    shape_text,
    short_number,
    split,
    write,
)

SHOWN = 16  # entries of the largest array that is written out; of a larger one the shape is shown
AT = 34  # the column of remarks in plain text
BOARD = 110  # columns
LONG = 150  # columns of remarks below a line
ROW = 6  # given values in a row
SEVERAL = 3  # numbers of the rounds of a loop; of more the first and the last have names in a list
BREAK = " \\\\\n"  # of a line in LaTeX
WIDE = 60  # characters of a formula in LaTeX, and of what stands beside it


@dataclass(frozen=True, eq=False)
class Definition:
    """``P = σ(C)``; the formula is None where a long one has been written out before.

    With `wrt` it is that of an entry of a Jacobian, ``dPᵢ/dSⱼ``. No index is called as one of `names`; the symbol has
    `letters`, if its indices do not follow from the formula.
    """

    symbol: str
    formula: Expr | None
    wrt: str = ""
    names: Collection[str] = ()
    letters: str = ""

    def written(self, printer: Printer) -> str:
        if self.formula is None:
            return f"{printer.name(self.symbol)} = {printer.dots}"
        if self.wrt:
            return f"{printer.entry(self.symbol, self.wrt)} = {write(self.formula, printer)}"
        with apart_from(self.names):
            e = self.formula
            letters, formulas = (self.letters, [e]) if self.letters else entries([e], e.shape)
            e, letters = (formulas[0], letters) if printer.indexed else (self.formula, "")
            return f"{printer.name(self.symbol, letters)} = {_side(self.symbol, e, printer)}"


def _side(symbol: str, e: Expr, printer: Printer) -> str:
    """What a symbol is equal to: an entry of the array of this name is ``b[t-1]``, as b_t = b_{t-1} would be false."""
    if isinstance(printer, Latex) and (of := e.of if e.role == "index" else e).role == "name":
        at = index_text(e.params["index"], TEXT) if e is not of else e.params.get("letters", "")
        if at and of.value == re.sub(r"(@.*|\d+)$", "", symbol):
            return printer.name(of.value) + printer.plain(f"[{at}]")
    return write(e, printer)


def _is_row_cut(e: Expr) -> bool:
    """Return True if an index has a part of each row that a loop takes, ``[i, 1:3]``."""
    index = index_parts(e.params["index"])
    return isinstance(index[0], Step) and any(isinstance(p, slice) and p != slice(None) for p in index[1:])


def _is_beyond(index: str, size: int, of: Iterable[tuple[str, int]]) -> bool:
    """Return True if an index of several letters, ``i+j-2``, may be none of an array; `of` has those of one letter."""
    sizes = {k: n for k, n in of if len(k) == 1}
    terms = [(f"{sign}{k or 1}", c) for sign, k, c in re.findall(r"([+-]?)(\d*)([a-z]?)", index) if k or c]
    letters = {c for _, c in terms if c}
    if len(letters) < 2 or not letters <= sizes.keys():
        return len(letters) > 1 and "-" in index
    most = [int(k) * (sizes[c] - 1 if c else 1) for k, c in terms]
    fixed = sum(k for k, (_, c) in zip(most, terms, strict=True) if not c)
    moved = [k for k, (_, c) in zip(most, terms, strict=True) if c]
    return fixed + sum(min(k, 0) for k in moved) < 0 or fixed + sum(max(k, 0) for k in moved) >= size


@dataclass(frozen=True, eq=False)
class Line:
    """A line: a symbol, what it is equal to, and remarks.

    Attributes
    ----------
    formulas : tuple of Expr
        All equal to the symbol.
    value : optional
        The value; only a small one is written out.
    shape : tuple of int, optional
        Where the line states it; with 0 for a size that differs in the steps, it does not.
    since : tuple of Definition
        The definitions of the steps that the formula was derived from.
    how : str
        How the factor is multiplied with the gradient above it.
    ones : tuple of Expr
        Sums that are 1, which the last formula uses.
    where : tuple of Definition
        What else stands in the formula.
    check : str
        The comparison with a finite difference.
    is_gradient : bool
        Whether it is the last line of a factor or a gradient; a blank line follows.
    letters : str
        The indices of the symbol, if they do not follow from the formulas.
    names : collection of str
        Names of the user's, which no index is called.
    """

    symbol: str
    formulas: Sequence[Expr] = ()
    value: Any = None
    shape: tuple[int, ...] | None = None
    since: Sequence[Definition] = ()
    how: str = ""
    ones: Sequence[Expr] = ()
    where: Sequence[Definition] = ()
    check: str = ""
    is_gradient: bool = False
    letters: str = ""
    names: Collection[str] = ()

    def apart_from(self, names: Collection[str]) -> Line:
        """The line with other indices than these names."""
        since, where = ([replace(d, names=names) for d in definitions] for definitions in (self.since, self.where))
        return replace(self, names=names, since=since, where=where)

    @property
    def is_shaped(self) -> bool:
        """Whether the shape is stated."""
        return self.shape is not None and 0 not in self.shape

    @property
    def has_value(self) -> bool:
        """True if the value is written out."""
        return self.value is not None and np.size(self.value) <= SHOWN

    def sides(self, printer: Latex) -> list[str]:
        """The symbol and everything that it is equal to."""
        return [*self.written(printer), *([printer.matrix(self.value)] if self.has_value else [])]

    def written(self, printer: Printer) -> list[str]:
        """The symbol and the formulas, with indices where they need some."""
        letters, formulas = self.indexed if printer.indexed else ("", self.formulas)
        with apart_from(self.names):
            return [printer.name(self.symbol, letters), *(_side(self.symbol, e, printer) for e in formulas)]

    @cached_property
    def indexed(self) -> tuple[str, Sequence[Expr]]:
        """The indices of the symbol, and the formulas with them."""
        if self.letters:
            return self.letters, self.formulas
        with apart_from(self.names):
            shape, beside = np.shape(self.value) if self.shape is None else self.shape, (d.formula for d in self.since)
            listed = [*map(with_rows_listed, self.formulas)]
            letters, formulas = entries(listed, shape, [e for e in beside if e is not None])
        if "/" in self.symbol:
            for step in (
                with_one_power, with_terms_opened, with_like_terms, with_one_sum, with_number_in_front, with_one_total,
                with_one_weight, with_pairs, with_terms_joined, with_groups, with_two_pairs, with_one_rest,
                with_differences_turned, with_one_range, with_one_denominator_inside,
            ):  # fmt: skip
                formulas = [fold(e, step) for e in formulas]
            formulas = [*map(with_factors_in_front if letters else with_one_denominator, formulas)]
            formulas = [*map(with_denominators_once, formulas)]
        return letters, formulas

    @property
    def joint(self) -> str:
        """Indices in brackets, which are one: ``(jk)`` of an axis that was made of two; or nothing."""
        letters, formulas = self.indexed
        every = (letters, *(part.params.get("letters", "") for e in formulas for part in walk(e)))
        return next((m[0] for word in every if (m := re.search(r"\(\w+\)", word))), "")

    @property
    def remark(self) -> str:
        """The words that say how the line is to be read."""
        parts = [part for e in self.formulas for part in walk(e)]
        cuts = [part for part in parts if part.role == "placement" and (is_cut(part) or _is_row_cut(part))]
        is_shifted = any(part.of.shape.count(1) == part.shape.count(1) for part in cuts)
        letters, formulas = self.indexed
        is_shifted |= any(map(padded, parts)) and letters != ""
        is_round = any(map(is_rotated, parts)) and letters != ""
        entries = {k for e in formulas for part in walk(e) for k in part.params.get("at", ())}
        sizes = {*zip(letters, np.shape(self.value) if self.shape is None else self.shape, strict=False)}
        is_shifted &= letters == "" or any(k[1:] or (k, size) not in sizes for k, size in entries if k[:1] in letters)
        is_shifted |= any(_is_beyond(k, size, sizes | entries) for k, size in entries)
        return self.how + "; terms beyond the ends are 0" * is_shifted + "; indices wrap around" * is_round

    def reasons(self, printer: Printer) -> list[str]:
        """The definitions in `since`; without indices, none of a Jacobian."""
        return [d.written(printer) for d in self.since if printer.indexed or not d.wrt]


@dataclass(frozen=True)
class Section:
    """Some lines under a title; `place` is the module that they belong to."""

    title: str
    lines: Sequence[Line]
    place: str = ""


GIVEN, STEPS, RULE, DOWN = "Given", "The steps", "The chain rule", "From the result down"


# --------------------------------------------------------------------------------------------------------- plain text


def text_of(sections: Sequence[Section], printer: Printer) -> str:
    """The sections as plain text."""
    steps = [s for s in sections if s.title == STEPS]
    wide = max((_width(line.written(printer)[0]) for s in steps for line in s.lines), default=1)
    out = []
    for s in sections:
        if s.title == GIVEN:
            out.append(f"Given  {', '.join(_given(s.lines, printer))}")
        elif s.title == STEPS:
            out += ["", STEPS] if s is steps[0] else []
            out.append(f"\n  in {s.place}" if s.place else "")
            out += [row for line in s.lines for row in _step(line, printer, wide)]
        elif s.title == RULE:
            out += ["", f"{RULE}\n", *(f"  {_equation(line, printer)}" for line in s.lines)]
        else:
            out += ["", f"{s.title}\n"]
            pairs = zip([None, *s.lines], s.lines, strict=False)
            out += [row for x, line in pairs for row in _derived(line, printer, x is None or x.is_gradient)]
    return "\n".join(out).rstrip()


def _given(lines: Sequence[Line], printer: Printer) -> Iterator[str]:
    """What is given; the numbers of the rounds of a loop together, ``(i1, …, i6) = (0, 0, 1, 1, 2, 2)``."""
    families: dict[str, list[Line]] = {}
    for line in lines:
        is_number = line.shape is None and not line.formulas[1:]
        m = re.fullmatch(r"(\w*[^\W\d])(0|[1-9]\d*)", line.symbol) if is_number else None
        families.setdefault(m[1] if m else "", []).append(line)
    several = {word: of for word, of in families.items() if word and len(of) > 1}
    firsts = {word: int(of[0].symbol.removeprefix(word)) for word, of in several.items()}
    runs = {word: [f"{word}{firsts[word] + k}" for k in range(len(of))] for word, of in several.items()}
    first = {id(of[0]): of for word, of in several.items() if [line.symbol for line in of] == runs[word]}
    others = {id(line) for of in first.values() for line in of[1:]}
    for line in (line for line in lines if id(line) not in others):
        if (of := first.get(id(line))) is not None:
            words, values = ([printer.name(x.symbol) for x in of], ", ".join(write(x.formulas[0], printer) for x in of))
            words = words if len(of) <= SEVERAL else [words[0], printer.dots, words[-1]]
            yield f"({', '.join(words)}) = ({values})"
        elif line.how:
            yield printer.words(line.how) if isinstance(printer, Latex) else line.how
        elif line.shape is None:
            yield _equation(line, printer)
        else:
            yield printer.shaped(printer.name(line.symbol), line.shape)


def _equation(line: Line, printer: Printer) -> str:
    return " = ".join(line.written(printer))


def _step(line: Line, printer: Printer, wide: int) -> Iterator[str]:
    symbol, formula = line.written(printer)
    start = f"  {symbol}{' ' * (wide - _width(symbol))} = {formula}"
    value = "; ".join(filter(None, (_array(line.value, AT + 11), _how(line, printer)[2:])))
    yield f"{start:<{AT}}  {shape_text(line.shape or ()) if line.is_shaped else '':<8} {value}".rstrip()
    if line.where:
        yield f"  {'':<{wide}}   with {', '.join(d.written(printer) for d in line.where)}"


def _derived(line: Line, printer: Printer, is_apart: bool) -> Iterator[str]:
    """The rows of a factor or a gradient; `is_apart` if nothing is above it, or an empty row."""
    (symbol, *formulas), reasons = line.written(printer), line.reasons(printer)
    indent = " " * _width(symbol)
    ones = [f"{write(e, printer)} = 1" for e in line.ones]
    reasons += ones if len(formulas) == 1 else []
    remark = f"since {', '.join(reasons)}{_how(line, printer)}" if reasons else _how(line, printer).removeprefix("; ")
    if formulas and remark:
        yield from _with_remark(f"  {symbol} = {formulas[0]}", remark)
    elif formulas:
        yield f"{'' if is_apart else chr(10)}  {symbol} = {formulas[0]}"
    yield from (f"  {indent} = {formula}{''.join(f'  since {one}' for one in ones)}" for formula in formulas[1:])
    if line.has_value:
        yield f"  {indent} = {_array(line.value, len(indent) + 5)}"
    if line.shape and line.is_shaped:  # of a number "is 1" would be read as its value, and "is 3" of a vector
        yield f"  {indent} is {'a vector of ' * (len(line.shape) == 1)}{shape_text(line.shape)}"
    if line.check:
        yield f"  {indent}   {line.check}" if line.symbol else f"      {line.check}"
    if line.is_gradient:
        yield ""


def _how(line: Line, printer: Printer) -> str:
    return line.remark.replace("…", printer.dots).replace("½", write(number(0.5), printer))


def _with_remark(line: str, remark: str) -> Iterator[str]:
    """A line with a remark beside it, or below it where that would be too wide."""
    if max(_width(line), AT) + len(remark) <= BOARD:
        yield f"{line}{' ' * (AT - _width(line))}  {remark}"
    else:
        yield line
        row = f"{'':<{AT - 20}}  "
        for k, part in enumerate(re.split(r", (?=[^,=]+ = )", remark)):  # before each definition
            if k and _width(row) + len(part) > LONG:
                yield f"{row.rstrip()},"
                row = f"{'':<{AT - 14}}  {part}"
            else:
                row += f", {part}" if k else part
        yield row


def _width(word: str) -> int:
    """The width in columns; combining marks have none."""
    return sum(not combining(c) for c in word)


def alike(sides: Iterable[str]) -> bool:
    """True for texts that say the same, perhaps in another order."""
    return len({"".join(sorted(side)) for side in sides}) == 1


def small(value: Any) -> Any:
    """A value that can be written out; None for any other."""
    return value if value is not None and np.size(value) <= SHOWN and np.ndim(value) <= 2 else None


def _of_mask(value: Any) -> float | None:
    """A power of ten among much smaller numbers, such as -1e9 where scores are masked."""
    if value.dtype.kind != "f" or not np.isfinite(value).all():
        return None
    is_far = np.abs(value) >= 1e6
    several = np.unique(value[is_far])
    is_mask = len(several) == 1 and np.log10(np.abs(several[0])) % 1 == 0 and 0 < largest(value[~is_far]) < 1e4
    return float(several[0]) if is_mask else None


def _array(value: Any, indent: int) -> str:
    if value is None:
        return ""
    value = np.asarray(value)
    value = value.astype(int) if value.dtype == bool else value  # 1[z > 0]
    if (far := _of_mask(value)) is not None:
        shown = _array(np.where(value == far, np.copysign(np.inf, far), value), indent)
        return shown.replace(f"{np.copysign(np.inf, far)}", short_number(far))
    size = largest(value)
    digits = 4 if size >= 0.1 or size == 0 else 3 - math.floor(math.log10(size))
    digits, is_plain = (digits, True) if digits <= 12 else (3, False)
    shown = np.array2string(value, precision=digits, suppress_small=is_plain, separator=" ", floatmode="maxprec")
    shown = re.sub(r"-0\.(?!\d)", "0." if value.ndim == 0 else " 0.", shown)  # of a rounding error
    return shown.replace("\n", "\n" + " " * indent)


# --------------------------------------------------------------------------------------------------------------- LaTeX


def _tex_rows(section: Section) -> tuple[str, list[str]]:
    """The title of a section, and its lines as rows of aligned LaTeX."""
    title = f"{section.title} in {section.place}" if section.place else section.title
    if section.title != GIVEN:
        return title, [row for line in section.lines for row in _tex_line(line)]
    values = [*_given(section.lines, LATEX)]
    return title, [r"& " + r",\quad ".join(values[k : k + ROW]) for k in range(0, len(values), ROW)]


def _tex_line(line: Line) -> Iterator[str]:
    symbol, *sides = line.sides(LATEX)
    if line.formulas:
        is_shown = line.is_shaped and (line.shape or not line.is_gradient)  # below a number stands no 1
        shape = f" && {LATEX.shape(line.shape or ())}" if is_shown else ""
        reasons = [*line.reasons(LATEX), *(f"{write(e, LATEX)} = 1" for e in line.ones)]
        how = LATEX.words(line.remark) if line.remark else ""
        beside = ", ".join(line.reasons(TEXT)) + line.remark
        is_short = max(map(len, (*line.written(TEXT)[1:], beside))) <= WIDE
        beside_it = " &&" if is_short else rf"{BREAK}& \quad"
        since = (r",\; " if len(beside) <= 2 * WIDE else rf",{BREAK}& \quad \quad ").join(reasons) + how
        yield f"{symbol} &= {' = '.join(sides) if is_short else _in_rows(line, sides)}{shape}" + (
            rf"{beside_it} \text{{since }} {since}" if reasons else f" && {LATEX.words(line.remark[2:])}" * bool(how)
        )
    yield from (rf"& \quad {d.written(LATEX)}" for d in line.where)
    if line.check:
        yield rf"& \quad {LATEX.words(line.check)}"


def _in_rows(line: Line, sides: list[str]) -> str:
    """The sides of a long line in rows, and each term of a long sum."""
    several = [rf"{BREAK}& \quad ".join(terms) for terms in broken(line, LATEX, WIDE)]
    return f"{BREAK}&= ".join([*several, *sides[len(several) :]])


def broken(line: Line, printer: Latex, wide: int) -> list[list[str]]:
    """The formulas of a line, each as its terms with their signs if it is a sum of more characters than `wide`."""
    with apart_from(line.names):
        several = [_terms(e, printer, wide) for e in line.indexed[1]]
        return [of or [_side(line.symbol, e, printer)] for of, e in zip(several, line.indexed[1], strict=True)]


def _terms(e: Expr, printer: Latex, wide: int) -> list[str]:
    """The terms of a formula with their signs if it is a sum of more characters than `wide`."""
    is_long = e.role in ("sum", "difference") and len(write(e, TEXT)) > wide
    terms = terms_of(e) if is_long else []
    plus, minus = map(printer.plain, "+-")
    rows = list[str]()
    for c, term in terms:
        word = write(term, printer, PRODUCT)
        is_added = (c > 0) != word.startswith(minus)  # + -x is - x
        rows.append(f"{plus if is_added else minus} {word.removeprefix(minus).lstrip()}")
    return [rows[0].removeprefix(f"{plus} "), *rows[1:]] if rows else []


@contextmanager
def names_split(lines: Iterable[Line]) -> Iterator[None]:
    """A context in which a name of two letters in `lines` is W_q only if that cannot be read as an entry of W, and in
    which the entries of data that a step reads have brackets.
    """
    lines = [*lines]
    formulas = [e for line in lines for e in (*line.formulas, *(d.formula for d in line.since if d.formula))]
    with split(()), read_by_steps(formulas):
        latex = " ".join(
            side for line in lines
            for side in (*line.sides(LATEX), *line.reasons(LATEX), *(d.written(LATEX) for d in line.where))
        )  # fmt: skip
    with split(safely_split(latex)), read_by_steps(formulas):
        yield


def latex_of(sections: Iterable[Section]) -> str:
    """One ``align*`` for each section."""
    return "\n\n".join(
        f"% {plain(title)}\n\\begin{{align*}}\n{BREAK.join(rows)}\n\\end{{align*}}"
        for title, rows in _in_tex(sections)
    )


def markdown_of(sections: Iterable[Section]) -> str:
    """Titles with rows of LaTeX, as Markdown."""
    return "\n".join(
        f"**{markdown(title)}**\n\n$$\n\\begin{{aligned}}\n{BREAK.join(rows)}\n\\end{{aligned}}\n$$\n"
        for title, rows in _in_tex(sections)
    )


def _in_tex(sections: Iterable[Section]) -> list[tuple[str, list[str]]]:
    """The titles of sections, and their lines as rows of aligned LaTeX."""
    sections = [*sections]
    lines = [line for s in sections for line in s.lines]
    with names_split(lines):
        return [*map(_tex_rows, sections)]
