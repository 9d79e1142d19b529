"""Loops over pairs, ``for i in range(n): for j in range(i + 1, n)``, with two indices: ``U = -Σᵢ<ⱼ mᵢ mⱼ / rᵢⱼ``.

The rounds of two such loops are steps t, in which the loops count iₜ and jₜ. Where these are all pairs, all that are
different, or those in one order, a book has no t: the values of a round have i and j as their indices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product as pairs_of
from operator import ge, gt, le, lt, ne
from typing import Any

from .entries import NoEntries, entry
from .formula import Expr, Labels, fold, index_parts, name, unsimplified, walk
from .layout import GIVEN, RULE, STEPS, Definition, Line, Section
from .rolled import OverSteps
from .simplify import again
from .writing import LETTERS, subscript

#: The orders of two indices, with that of the indices in turn.
ORDERS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "<": (lt, ">"), ">": (gt, "<"), "≤": (le, "≥"), "≥": (ge, "≤"), "≠": (ne, "≠"), "": (lambda i, j: True, ""),
}  # fmt: skip


def in_pairs(sections: Sequence[Section], counters: Collection[str], letter: str) -> list[Section] | None:
    """The sections with two indices for the number of the step, if the user's loops count all pairs of an order in two
    of `counters`; else None.
    """
    given = {line.symbol: line for s in sections if s.title == GIVEN for line in s.lines}
    families = {word: _numbers(word, given) for word in counters}
    words = sorted((w for w, ks in families.items() if ks), key=lambda w: [*given].index(f"{w}1"))
    if len(words) != 2 or len(families[words[0]]) != len(families[words[1]]):
        return None
    order = _order([*zip(families[words[0]], families[words[1]], strict=True)])
    try:
        return None if order is None else _Pairs(words, len(families[words[0]]), order, letter).sections(sections)
    except NoEntries:
        return None


def _numbers(word: str, given: Mapping[str, Line]) -> list[int]:
    """The numbers that a loop counts in its rounds."""
    values, k = list[int](), 1
    while (line := given.get(f"{word}{k}")) is not None and line.formulas and line.formulas[0].is_number:
        values.append(line.formulas[0].value)
        k += 1
    return values


def _order(pairs: Sequence[tuple[int, int]]) -> str | None:
    """The order of which these are all pairs."""
    ends = [max(of) + 1 for of in zip(*pairs, strict=True)]
    several = [ends, [max(ends)] * 2]
    for sign, (is_it, _) in ORDERS.items():
        if any(sorted(pairs) == [p for p in pairs_of(*map(range, of)) if is_it(*p)] for of in several):
            return sign
    return None


class _Pairs:
    """Sections with two indices; NoEntries is raised where a line needs the number of the step.

    `words` are the variables of the outer and of the inner loop.
    """

    def __init__(self, words: Sequence[str], count: int, order: str, letter: str) -> None:
        self.words, self.steps, self.order, self.letter = words, [*range(1, count + 1)], order, letter
        self.letters = words if all(w in LETTERS for w in words) else ("i", "j")
        self.left = next(c for c in "klmn" if c not in self.letters)
        self.both = "".join(self.letters)
        self._step = re.compile(rf"(.*[^\W\d])@{letter}")

    def sections(self, sections: Sequence[Section]) -> list[Section]:
        """The sections with two indices."""
        new = [replace(s, lines=[x for line in s.lines for x in self._line(line, s.title)]) for s in sections]
        steps = [line for s in new if s.title == STEPS for line in s.lines if line.letters == self.both]
        entries = {line.symbol: line.formulas[0] for line in steps if self._is_entry(line.formulas[0])}
        entries = {w: e for w, e in entries.items() if self._is_only_read(w, e, new)}
        self._gradients = dict[str, Line]()  # with respect to entries
        new = [replace(s, lines=self._without(entries, s.lines, s.title)) for s in new] if entries else new
        return [s for s in new if s.lines]

    def _is_entry(self, e: Expr) -> bool:
        return e.role == "name" and e.params.get("letters") in (self.both, *self.letters) and not e.shape

    def _is_only_read(self, word: str, of: Expr, sections: Sequence[Section]) -> bool:
        """True if the gradient of an array is that of its entries, which have another name; of what is an entry of a
        vector any.
        """
        lines = [x for s in sections for x in s.lines if re.fullmatch(rf"d[^/]+/d{of.value}", x.symbol)]
        formulas = [e for x in lines if x.letters == self.both for e in x.formulas]
        return all(e.role == "name" and e.value.endswith(f"/d{word}") for e in formulas)

    def _without(self, entries: Mapping[str, Expr], lines: Sequence[Line], title: str) -> list[Line]:
        """Lines with the entries of arrays instead of letters for these, b of bᵢⱼ = Qᵢⱼ; no chain rule with them."""
        inside = {w.rpartition("/d")[2] for line in lines for e in line.formulas for w in e.names}
        out = list[Line]()
        for line in lines if title != RULE or inside.isdisjoint(entries) else ():
            if line.letters and line.symbol in entries:
                continue
            new = self._with_entries(line, entries)
            above, _, word = line.symbol.rpartition("/d")
            if above and self._is_of_vector(entries.get(word)) and line.letters == self.both:
                self._gradients[line.symbol] = new
                continue
            new = replace(new, symbol=f"{above}/d{entries[word].value}") if above and word in entries else new
            if out and out[-1].symbol == new.symbol:  # dL/dQᵢⱼ = dL/dbᵢⱼ
                new = replace(new, formulas=out[-1].formulas, since=out.pop().since)
            out.append(new)
        return out

    def _with_entries(self, line: Line, entries: Mapping[str, Expr]) -> Line:
        made = partial(self._read, entries)
        read = [of for e in line.formulas for w in e.names if (of := self._gradients.get(w))]
        definitions = (*line.since, *(d for of in read for d in of.since))
        since = {d.symbol: replace(d, formula=d.formula and fold(d.formula, made)) for d in definitions}
        formulas = [fold(e, made) for e in line.formulas]
        return replace(line, formulas=formulas, since=[d for w, d in since.items() if w not in entries])

    def _is_of_vector(self, e: Expr | None) -> bool:
        return e is not None and e.params["letters"] != self.both

    def _read(self, entries: Mapping[str, Expr], part: Expr, args: tuple[Expr, ...]) -> Expr:
        """A part of a formula with the entries for their letters, and for gradients with respect to entries of vectors
        what these are, at the indices here.
        """
        at = part.params.get("letters", "") if part.role == "name" else ""
        above, _, word = part.value.rpartition("/d") if at else ("", "", "")
        if len(at) != 2 or word not in entries:
            return replace(part, args=args) if args else part
        moved = dict(zip(self.both, at, strict=True))
        if above and self._is_of_vector(entries[word]):
            return fold(self._gradients[part.value].formulas[0], lambda x, xs: _renamed(x, xs, moved))
        return replace(part, value=f"{above}/d{entries[word].value}") if above else _renamed(entries[word], (), moved)

    def _line(self, line: Line, title: str) -> list[Line]:
        if title == GIVEN:
            return [] if re.sub(r"\d+$", "", line.symbol) in self.words else [line]
        symbol, is_of_pair = self._word(line.symbol)
        how = re.sub(rf"; {self.letter} = \d+ … \d+", "", line.how)
        placed = [] if is_of_pair else [self._placed(e) for e in line.formulas]
        at = max(placed, default="", key=len)
        formulas = [self._in_entries(e, at) if at else self._formula(e) for e in line.formulas]
        since = [self._definition(d) for d in line.since]
        if self.order and (is_of_pair or len(at) > 1):
            how += f"; {f' {self.order} '.join(self.letters)}" + ", 0 elsewhere" * (len(at) > 1)
        letters = self.both if is_of_pair else at or line.letters
        return [replace(line, symbol=symbol, formulas=formulas, since=since, how=how, letters=letters)]

    def _definition(self, d: Definition) -> Definition:
        symbol, is_of_pair = self._word(d.symbol)
        if d.wrt:
            raise NoEntries
        return replace(d, symbol=symbol, letters=self.both * is_of_pair, formula=d.formula and self._formula(d.formula))

    def _word(self, word: str) -> tuple[str, bool]:
        """A name without the number of the step, and whether it had it."""
        new = self._step.fullmatch(word)
        if "@" in word and (new is None or "@" in new[1]):
            raise NoEntries
        return (new[1], True) if new else (word, False)

    def _formula(self, e: Expr) -> Expr:
        return fold(e, self._made)

    def _made(self, part: Expr, args: tuple[Expr, ...]) -> Expr:
        """A part of a formula with indices."""
        if part.role == "name":
            return self._name(part)
        at_labels = [isinstance(p, Labels) for p in index_parts(part.params.get("index"))]
        if re.search(rf"\b{self.letter}\b", repr(part.params.get("index", ""))):  # x[t-1]
            raise NoEntries
        if part.role == "index" and any(at_labels):
            letters = "".join(map(self._label, index_parts(part.params["index"])))
            if args[0].role != "name" or args[0].params:
                raise NoEntries
            at = tuple(zip(letters, args[0].shape, strict=False))
            return replace(args[0], params={"letters": letters, "at": at}, shape=args[0].shape[len(letters) :])
        if isinstance(part.row, OverSteps):
            if part.params["steps"] != self.steps or part.head[-1] != self.letter:
                raise NoEntries
            return self._sum(part, args[0], self.order.join(self.letters))
        if part.role == "placement" and any(at_labels):
            raise NoEntries
        return again(part, args) if args else part

    def _name(self, part: Expr) -> Expr:
        sides = part.value.split("/")
        if len(sides) == 2 and "@" in sides[0]:  # dr@t/dX
            word, _ = self._word(sides[0])
            return replace(part, value=f"{word}{subscript(self.both)}/{self._word(sides[1])[0]}")
        word, is_of_pair = self._word(part.value)
        if word == self.letter:
            raise NoEntries
        if word in self.words and is_of_pair:
            return name(self._label_of(word))
        return replace(part, value=word, params={"letters": self.both, "at": ()}) if is_of_pair else part

    def _label(self, p: Any) -> str:
        """The index that a label is."""
        word, is_of_pair = self._word(p.word) if isinstance(p, Labels) else ("", False)
        if not is_of_pair or word not in self.words:
            raise NoEntries
        return self._label_of(word)

    def _label_of(self, word: str) -> str:
        return self.letters[self.words.index(word)]

    def _sum(self, part: Expr, body: Expr, over: str) -> Expr:
        return unsimplified(part.row, (body,), body.shape, steps=self.steps, over=over)

    # ------------------------------------------------------------------------------------ gradients of whole arrays

    def _placed(self, e: Expr) -> str:
        """The indices of a line in which a sum puts something at the places of each pair."""
        parts = [part.of for part in walk(e) if isinstance(part.row, OverSteps) and part.of.role == "placement"]
        counts = {len(index_parts(part.params["index"])) for part in parts}
        if len(counts) > 1:
            raise NoEntries
        return "" if not counts else self.left if counts == {1} else self.both

    def _in_entries(self, e: Expr, at: str) -> Expr:
        """A formula of such a line, entry by entry, or row by row."""

        def made(part: Expr) -> Expr:
            if not any(isinstance(x.row, OverSteps) for x in walk(part)):
                return entry(part, (*at, *[""] * (len(part.shape) - len(at)))) if part.shape else part
            if isinstance(part.row, OverSteps):
                return self._at_pairs(part)
            if part.row is None or not (part.role == "product" or part.row.entrywise):
                raise NoEntries
            return unsimplified(part.row, map(made, part.args), part.shape[len(at) :], **part.params)

        return made(e)

    def _at_pairs(self, part: Expr) -> Expr:
        """One entry or row of a sum over pairs: Σⱼ>ₖ fₖⱼ of what is put at i, and fᵢⱼ of what is put at i, j."""
        if part.of.role != "placement":
            raise NoEntries
        letters = [self._label(p) for p in index_parts(part.of.params["index"])]
        body = self._formula(part.of.of)
        if len(letters) == 2 and letters != [*self.letters] and self.order not in ("", "≠"):
            raise NoEntries  # what is put at j, i is there where j > i
        if len(letters) == 2:
            return fold(body, lambda x, args: _renamed(x, args, dict(zip(letters, self.letters, strict=True))))
        [c] = letters
        other = self.letters[1 - self.letters.index(c)]
        sign = ORDERS[self.order][1] if c == self.letters[0] else self.order
        body = fold(body, lambda x, args: _renamed(x, args, {c: self.left}))
        return self._sum(part, body, f"{other}{sign}{self.left}" if sign else other)


def _renamed(part: Expr, args: tuple[Expr, ...], new: Mapping[str, str]) -> Expr:
    """A part of a formula with other letters for indices."""
    letters = "".join(new.get(c, c) for c in part.params.get("letters", ""))
    if part.role == "name":
        return replace(part, params={**part.params, "letters": letters} if letters else part.params,
                       value=part.value if letters else new.get(part.value, part.value))
    return replace(part, args=args) if args else part
