"""The steps of a loop, written once: ``dL/dW = Σₜ dL/dzₜ @ hₜ₋₁ᵀ``, with t = 1 … 3.

The values of a variable in a loop are z1, z2, z3. Terms, and lines, that differ in these numbers alone, by the same
distance from t, are one. What the first or the last step has in another form keeps its line.
"""

from __future__ import annotations

import math
import re
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise, product as product_of
from typing import Any, TypeVar

import numpy as np

from ..table import TABLE
from .collect import leaves
from .entries import Step, added, entries, in_row
from .factors import positions, total
from .formula import (
    Expr,
    Function,
    Labels,
    Place,
    Shape,
    factors_of,
    fold,
    index_parts,
    multiplied,
    name,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)
from .layout import GIVEN, RULE, STEPS, Definition, Line, Section
from .simplify import again, alike, full, is_negative, is_zero, product, simplified
from .writing import text_name

T = TypeVar("T")
TERMS = 3  # of a sum that is written with Σₜ
FAR = 8  # steps between a value and another of the same step
COUNTERS = "kmnijlst"  # the letters that the number of a step may be
PAIRS = 3  # of steps whose terms are perhaps what all of them have
LINES = 4  # of steps that are written once; of those of a loop, 2


class OverSteps(Function):
    algebra = "sum over steps"


_LETTER: ContextVar[str] = ContextVar("letter", default="t")  # the number of a step


_FROM_0: ContextVar[bool] = ContextVar("from_0", default=True)  # whether sums may have steps from 0 on


_SINGLE: ContextVar[Collection[str]] = ContextVar("single", default=())  # arrays whose entries are not one line


_AT_STEP: ContextVar[Collection[str]] = ContextVar("at_step", default=())  # arrays that steps read where they are


def rolled(
    sections: Sequence[Section], looped: Collection[str] = (), letter: str = "t", from_0: bool = True,
    sizes: Container[str] = ("n",),
) -> list[Section]:
    """The sections with what the steps of a loop have in common written once; `looped` are the variables in one, and
    `letter` is the number of a step, from 1 on; `from_0` in sums that have γᵗ then. `sizes` are the names of numbers of
    entries.

    Variables that have two values are left as they are if one of them has no common form.
    """
    tokens = _LETTER.set(letter), _FROM_0.set(from_0)
    more = _AT_STEP.set(()), _SINGLE.set(())
    try:
        made = [_rolled(some, looped, sizes) for some in (sections, *_from_starts(sections, looped))]
        return min(made, key=lambda some: sum(len(s.lines) for s in some))
    finally:
        _LETTER.reset(tokens[0])
        _FROM_0.reset(tokens[1])
        _AT_STEP.reset(more[0])
        _SINGLE.reset(more[1])


def _from_starts(sections: Sequence[Section], looped: Collection[str]) -> Iterator[list[Section]]:
    """The sections with x0 for start, or for a row of data, where x0 = start is what a loop begins with; not in the
    definition of the result.
    """
    steps = [line for s in sections if s.title == STEPS for line in s.lines]
    starts = {e.key: name(line.symbol, e.shape) for line in steps for e in line.formulas
              if len(line.formulas) == 1 and _number(line.symbol)[1] == 0 and _number(line.symbol)[0] in looped
              and (e.role == "name" or e.role == "index" and e.of.role == "name")}  # fmt: skip
    last = steps[-1].symbol if steps else ""
    kept = {last, *(e.value for e in starts.values())}

    def start(part: Expr) -> Expr | None:
        at = part.params["index"] if part.role == "index" and part.of.role == "name" else None
        if isinstance(at, tuple) and at[1:]:  # data[0, 1] where x0 = data[0]
            row = unsimplified("getitem", part.args, part.of.shape[1:], index=at[0], unique_indices=True)
            of, left = starts.get(row.key), at[1] if len(at) == 2 else at[1:]
            return of and unsimplified("getitem", (of,), part.shape, **{**part.params, "index": left})
        return starts.get(part.key)

    def begun(e: Expr) -> Expr:
        return replaced(e, start)

    def of(line: Line) -> Line:
        since = [d if d.symbol in kept or not d.formula else replace(d, formula=begun(d.formula)) for d in line.since]
        formulas = line.formulas if line.symbol in kept else [*map(begun, line.formulas)]
        return replace(line, formulas=formulas, since=since)

    if starts:
        yield [s if s.title in (GIVEN, RULE) else replace(s, lines=[*map(of, s.lines)]) for s in sections]


@contextmanager
def _second(names: Container[str] = ()) -> Iterator[str]:
    """Meanwhile the number of a step has another letter: in a sum in the line of each step, or in another sum."""
    token = _LETTER.set(next(x for x in "smpqr" if x != _LETTER.get() and x not in names))
    try:
        yield _LETTER.get()
    finally:
        _LETTER.reset(token)


def _rolled(sections: Sequence[Section], looped: Collection[str], named: Container[str]) -> list[Section]:
    done: dict[str, Expr] = {}  # many lines have the same remark

    numbers = [(line.symbol, e) for s in sections if s.title == GIVEN for line in s.lines for e in line.formulas]
    sizes = {e.value: symbol for symbol, e in numbers if e.is_number and symbol in named}
    zeros = {symbol for symbol, e in numbers if is_zero(e) and _number(symbol)[1] == 0 and _number(symbol)[0] in looped}

    def once(e: Expr) -> Expr:
        e = _without_pair(e)
        e = replaced(e, partial(_of_list, looped=looped, sizes=sizes))
        return replaced(replaced(e, partial(_of_start, zeros=zeros)) if zeros else e, _of_equal, done)

    sections = [s if s.title == RULE else replace(s, lines=[_changed(x, once) for x in s.lines]) for s in sections]
    steps = [line for s in sections if s.title == STEPS for line in s.lines]
    often = Counter(_number(line.symbol)[0] for line in steps)
    twice = {word for word in looped if often[word] == 2}
    twice = set() if any(often[word] > 2 for word in looped) else twice
    looped = {*looped} - (twice & {_number(line.symbol)[0] for line in _merged(steps, looped)} and twice)
    results = [s.lines[-1:] for s in sections if s.title == STEPS][-1:]  # whose value is written

    def with_one_line_of_each() -> tuple[list[Section], list[Line]]:
        """The sections with the lines of several steps as one, and the steps among these lines."""
        new = [s if s.title == GIVEN else replace(s, lines=_merged(s.lines, looped, *results)) for s in sections]
        return new, [line for s in new if s.title == STEPS for line in s.lines]

    merged, lines = with_one_line_of_each()
    if looped and (single := _single(lines)):
        _SINGLE.set(single)
        merged, lines = with_one_line_of_each()
    _AT_STEP.set(_read_at_step(lines))
    whole = {line.symbol for line in lines if any(_inside(e, ())[1] for e in line.formulas)}
    summed = [replace(s, lines=[_summed(line, looped, whole) for line in s.lines]) for s in merged]
    pairs = zip(summed, merged, strict=True)
    return [_with_sums_that_stand(s, before, summed) if s.title == RULE else s for s, before in pairs]


def _without_pair(e: Expr) -> Expr:
    """A sum ``a b - a c + …`` for ``a (b - c) + …``, if other terms have both factors too: each round adds both."""
    if e.role == "negation" and (of := _without_pair(e.of)) is not e.of:
        return replace(e, args=(of,))
    terms = terms_of(e) if e.role in ("sum", "difference") and not e.shape else []
    pairs = [(k, f) for k, (_, of) in enumerate(terms) for f in factors_of(of) if f.role in ("sum", "difference")]
    if len(pairs) != 1 or len(terms) <= TERMS:
        return e
    [(k, pair)], (sign, of) = pairs, terms[pairs[0][0]]
    rest = [f for f in factors_of(of) if f is not pair]
    each = [(sign * s, multiplied((*rest, x), ())) for s, x in terms_of(pair)] if rest else [terms[k]]
    others = {_family(x) for _, x in [*terms[:k], *terms[k + 1 :]]}
    if not others.issuperset(_family(x) for _, x in each):  # 2 (y - data) + dL/dz
        return e
    return added([*terms[:k], *each, *terms[k + 1 :]])


def _single(lines: Sequence[Line]) -> set[str]:
    """The arrays whose entries have the names of steps, θₜ = θ[t-1], of which each step of a loop has the same ones."""
    stems = {line.symbol.partition("@")[0]: line for line in lines if "@" in line.symbol}
    own = {s for s, line in stems.items() if any(e.role == "index" and e.of.value == s for e in line.formulas)}
    words = {word for line in lines for e in line.formulas for word in e.names}
    read = (word for line in stems.values() for e in line.formulas for word in e.names)
    inside = {_number(word)[0] for word in read if word[-1:].isdigit()}
    return {s for s in own & inside if not any(word.startswith(f"{s}@") for word in words)}


def _read_at_step(lines: Iterable[Line]) -> set[str]:
    """The arrays that the lines of all steps read at the number of the step, E[t], and not at others."""
    parts = {part.key: part for line in lines for e in line.formulas for part in walk(e) if part.role == "index"}
    read = [(part.of.value, i) for part in parts.values() for i in index_parts(part.params["index"])]
    steps = [(word, i.distance) for word, i in read if isinstance(i, Step) and not i.back and isinstance(word, str)]
    return {word for word, _ in steps} - {word for word, distance in steps if distance}


def counting(
    sections: Sequence[Section], letter: str, word: str, numbers: range, rounds: Collection[int]
) -> Counting | None:
    """How sections, whose steps have numbers from 1 on, are with those of the user's loops, ``for k in range(K)``, of
    which `numbers` are the first two, in so many `rounds`: ``means[k]``, k = 0 … 2, not ``means[t-1]``. None for a loop
    with a state, from 0 or 1 on.
    """
    first, is_back = numbers[0], numbers.step < 0
    words, parts = _words_and_parts(sections)
    sides = {side.lstrip("d∂") if "/" in w else side for w in words for side in w.split("/")}
    stems = {side.partition("@")[0] for side in sides if f"@{letter}" in side}
    is_state = any(re.search(rf"@{letter}[+-]", side) for side in sides)
    has_jacobian = any(d.wrt for s in sections for line in s.lines for d in line.since)  # dPᵢ/dSⱼ
    labels = {w for part in parts for w in _labels(part)}
    at_rows = "" in labels
    letters = COUNTERS.replace("ij", "") if has_jacobian else COUNTERS.replace("i", "") if at_rows else COUNTERS
    if not word:  # of a loop over data
        if any("@" in w for w in labels) or is_state or not _reads_before(parts):
            return None
        letters, word = "i" + letters if "i" in letters else letters, "?"
    word = word if word in letters else next((c for c in letters if c not in words), word)
    is_same = letter == word and first == 1 and not is_back
    is_plain = _is_plain(parts, letter, is_back)
    if is_state and first < 2 and not is_back or word in words - {letter} or is_same or not is_plain:
        return None
    by = Step(first + 1, letter, back=True) if is_back else Step(first - 1, letter)
    return Counting(letter, word, by, stems, rounds, is_state)


def _labels(e: Expr) -> list[str]:
    """The names of the labels in an index."""
    return [i.word for i in index_parts(e.params.get("index")) if isinstance(i, Labels)]


def _reads_before(parts: Iterable[Expr]) -> bool:
    """Whether all that formulas read at the number of a step is one before it, x[t-1]."""
    steps = [i for part in parts for i in index_parts(part.params.get("index")) if isinstance(i, Step)]
    return bool(steps) and all(i.distance == -1 and not i.back for i in steps)


def _words_and_parts(sections: Iterable[Section]) -> tuple[set[str], Collection[Expr]]:
    """The names in sections, also those of labels, and the parts of their formulas."""
    lines = [line for s in sections for line in s.lines]
    formulas = [e for line in lines for e in (*line.formulas, *(d.formula for d in line.since if d.formula))]
    parts = {part.key: part for e in formulas for part in walk(e)}.values()
    labels = {w for part in parts for w in _labels(part)}
    return labels.union((line.symbol for line in lines), *(e.names for e in formulas)), parts


def _is_plain(parts: Collection[Expr], letter: str, is_back: bool) -> bool:
    """Whether each number of a step in some formulas is that of one step, with this letter: no Σₛ, and no ``2t+1``,
    other than as an end of a slice where the steps do not run back.
    """
    indices = [i for part in parts for i in index_parts(part.params.get("index"))]
    ends = [end for i in indices if type(i) is slice for end in (i.start, i.stop) if isinstance(end, Step)]
    steps = [*ends, *(i for i in indices if isinstance(i, Step))]
    sums = [part.head for part in parts if isinstance(part.row, OverSteps)]
    is_one = all(i.letter.lstrip("0123456789") == letter for i in steps) and {*sums} <= {f"sum_{letter}"}
    is_one = is_one and all(i.several == 1 for i in steps if is_back or i not in ends)
    return is_one and not any(re.search(rf"\d{letter}\b", w) for part in parts for w in _labels(part))


@dataclass(frozen=True)
class Counting:
    """How the steps of the values `stems` are counted in the program: `by` instead of from 1 on, and called `word`."""

    letter: str
    word: str
    by: Step
    stems: Container[str]
    rounds: Collection[int]
    is_state: bool

    @property
    def first(self) -> int:
        """The smallest number of a step."""
        return min(self.by.at(1), self.by.at(max(self.rounds)))

    def name(self, w: str, moves: bool = True) -> str:
        """A name with the number of its step: a0 for a1; and of step t with the letter, if it `moves`."""
        sides = []
        for side in w.split("/"):
            d, base = (side[0], side[1:]) if "/" in w else ("", side)
            stem, k = _number(base)
            is_of_step = (k or self.by.back and base != stem) and stem in self.stems
            sides.append(f"{d}{stem.rstrip('ᵀ')}{self.by.at(k)}{'ᵀ' * stem.endswith('ᵀ')}" if is_of_step else side)
        new = "/".join(sides)
        return re.sub(rf"@{self.letter}([+-]\d+)?(?![A-Za-z0-9_])", self._moved, new) if moves else new

    def _moved(self, m: re.Match[str]) -> str:
        """The number of another step, ``@t-1``."""
        distance = int(m[1] or 0) * (-1 if self.by.back else 1)
        return f"@{self.word}{distance:+d}" if distance else f"@{self.word}"

    def _index(self, index: Any) -> Any:
        """An index with the labels of a step, ``near1``, as they are called here."""
        if isinstance(index, tuple):
            return tuple(map(self._index, index))
        if isinstance(index, Labels) and index.word.isidentifier():
            moved = index.copy()
            moved.word = self.name(index.word, moves=False)
            return moved
        return index

    def sections(self, sections: Iterable[Section]) -> list[Section]:
        """The sections with the steps counted so, without saying that sᵢ is s[i]."""
        new = [replace(s, lines=[*map(self.line, s.lines)]) for s in sections]
        return [replace(s, lines=[x for x in s.lines if not self._is_entry(x.symbol, *x.formulas)]) for s in new]

    def _is_entry(self, symbol: str, *formulas: Expr | None) -> bool:
        """Whether a value of a step, or the one with a number, is defined as the entry that it is called."""
        match formulas:
            case [Expr(role="index") as e] if e.of.role == "name":
                [at, *others] = map(repr, index_parts(e.params["index"]))
                return not others and symbol in (f"{e.of.value}@{at}", f"{e.of.value}{at}")
        return False

    def line(self, line: Line) -> Line:
        """A line with the steps counted so."""
        moved = dict[tuple[int, int], int]()

        def from_1(part: Expr) -> Expr | None:
            """A sum of all rounds whose steps have numbers by positions alone, ``y[t] - φ y[t-1]``, from 1 on."""
            steps = part.params["steps"] if isinstance(part.row, OverSteps) else []
            d = 1 - min(steps, default=1)
            if not steps or not d and not self.by.back or any("@" in w for w in part.names):
                return None
            if self.by.back and not _runs_back(part.of):
                around = Step(min(steps) + max(steps), self.letter, back=True)
                return replace(part, args=(in_row(part.of, around, self.letter, renames=False),))
            if not d or len(steps) not in self.rounds:
                return None
            moved[min(steps), max(steps)] = d
            of = in_row(part.of, Step(d, self.letter), self.letter, renames=False)
            return replace(part, args=(of,), params={"steps": [t + d for t in steps]})

        def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
            if part.role == "name":
                return replace(part, value=self.name(part.value, moves=False))
            if "index" in part.params:
                part = replace(part, params={**part.params, "index": self._index(part.params["index"])})
            if isinstance(part.row, OverSteps):
                steps = sorted(map(self.by.at, part.params["steps"]))
                return unsimplified(OverSteps(f"sum_{self.word}"), args, part.shape, steps=steps)
            return replace(part, args=args) if args else part

        def changed(e: Expr) -> Expr:
            return fold(in_row(replaced(e, from_1), self.by, self.word, renames=False), made)

        def ends(m: re.Match[str]) -> str:
            numbers = int(m[1]), int(m[2])
            d = moved.get((min(numbers), max(numbers)), 0)
            start, last = (self.by.at(k + d) for k in numbers)
            if not self.is_state or self.by.back and "@" not in line.symbol:
                start, last = sorted((start, last))
            return f"{self.word} = {start} … {last}"

        new = _changed(line, changed)
        since = [replace(d, symbol=self.name(d.symbol), wrt=self.name(d.wrt)) for d in new.since]
        since = [d for d in since if not self._is_entry(d.symbol, d.formula)]
        is_list = len(new.since) > len(since) == 0 and "@" not in line.symbol  # [dL/ds0, dL/ds1], which has no step
        how = re.sub(rf"(?<!\w){self.letter} = (\d+) … (\d+)", ends, "" if is_list else line.how)
        new = replace(new, symbol=self.name(line.symbol), since=since, how=how, ones=[*map(changed, line.ones)])
        return new.apart_from({*line.names, self.word, f"@{self.word}"})


def _runs_back(e: Expr) -> bool:
    """Whether a formula reads an array from the back, x[3-t]."""
    return any(isinstance(i, Step) and i.back for part in walk(e) for i in index_parts(part.params.get("index")))


def _with_sums_that_stand(rule: Section, before: Section, sections: Iterable[Section]) -> Section:
    """The chain rule with sums over what has one line for all rounds, or as a gradient has them; others as before."""
    lines = [line for s in sections if s is not rule for line in s.lines]
    added = {line.symbol for line in lines if any(p.role == "sum over steps" for e in line.formulas for p in walk(e))}
    each = {line.symbol.partition("@")[0] for line in lines if "@" in line.symbol}

    def chosen(new: Line, old: Line) -> Line:
        words = {w.partition("@")[0] for e in new.formulas for w in e.names}
        stems = {w.rpartition("/d")[2] for w in words}
        return new if new.symbol in added or not each.isdisjoint(words | stems) else old

    return replace(rule, lines=list(map(chosen, rule.lines, before.lines)))


def _of_list(e: Expr, looped: Container[str], sizes: Mapping[Any, str]) -> Expr | None:
    """A sum or a mean of what all steps appended to a list, ``mean([loss1, loss2])``, as the sum of them."""
    of = e.args[0] if e.role in ("reduction", "total") else e
    if of.role != "stack" or len(of.shape) != 1 or e.shape or e.role != "total" and e.row is not TABLE["mean"]:
        return None
    numbers = [_number(str(x.value)) for x in of.args if x.role == "name"]
    first = numbers[0][1] if numbers else 0
    is_run = len(numbers) == len(of.args) > 1 and numbers == [(numbers[0][0], first + k) for k in range(len(of.args))]
    if not is_run or numbers[0][0] not in looped:
        return None
    n = name(sizes[len(numbers)]) if len(numbers) in sizes else number(len(numbers))
    whole = total([*of.args])
    return whole if e.role == "total" else simplified("divide", (whole, n), ())


def _of_start(e: Expr, zeros: Container[str]) -> Expr | None:
    """A product ``z0 Σ g`` with a state that begins as the number 0 as those of the later steps, ``Σ (g ⊙ z0)``."""
    factors = factors_of(e) if e.role == "product" else []
    starts = [f for f in factors if f.role == "name" and f.value in zeros and not f.shape]
    sums = [f for f in factors if f.role == "total"]
    if len(starts) != 1 or len(sums) != 1:
        return None
    of = sums[0].of
    inner = replace(sums[0], args=(product((of, name(str(starts[0].value), of.shape)), of.shape),))
    return product([inner if f is sums[0] else f for f in factors if f is not starts[0]], e.shape)


def _of_equal(e: Expr) -> Expr | None:
    """A sum in which a term stands several times, x + v dt + v dt + v dt, with their number; and without zeros that
    only have the shape of another, 0 + w0 + w1 x.
    """
    terms = [term for _, term in terms_of(e)] if e.role == "sum" else []
    if any(map(is_zero, terms)) and all(sign > 0 for sign, _ in terms_of(e)):
        rest = total([term for term in terms if not is_zero(term)] or [number(0)])
        return rest if rest.shape == e.shape else None
    often = Counter(term.key for term in terms)
    return alike(e) if max(often.values(), default=0) >= TERMS else None


def _number(word: str) -> tuple[str, int]:
    """The name of a variable without the number of its step, and that; 0 if it has none."""
    m = re.fullmatch(r"(.*[^\W\d])(0|[1-9]\d*)(ᵀ?)", word)  # not of D01 in a grid
    return (m[1] + m[3], int(m[2])) if m else (word, 0)


def _entry(word: str) -> tuple[str, int]:
    """The array of an entry ``ys[2]``, or of a column ``ys[:, 2]``, and its position; -1 for any other name."""
    m = re.fullmatch(r"(\w+\[(?::, )*)(\d+)\]", word)
    return (m[1], int(m[2])) if m else (word, -1)


def before_first(definitions: Sequence[Expr], t: int = 0) -> Expr | None:
    """The definition of a value in round `t`, before those that have two of its values; None if they differ in more."""
    both = _one(definitions, (t + 1, t + 2))
    return None if both is None or _is_counting(both) else _at(both, t)


def length(e: Expr) -> int:
    """The names and numbers of a formula where the steps of a loop are written once."""
    return leaves(_inside(e, ())[0])


def _at(e: Expr, t: int) -> Expr:
    """A formula for each step in step `t`."""
    letter = _LETTER.get()
    step = rf"@{letter}([+-]\d+)?|(?<=[\[ :])(\d+-)?(\d*){letter}([+-]\d+)?(?=[\]:])"

    def number_of(m: re.Match[str]) -> str:
        if m[0][0] == "@":
            return str(t + int(m[1] or 0))
        return str(int(m[2][:-1]) - t if m[2] else int(m[3] or 1) * t + int(m[4] or 0))

    def position(i: Any) -> Any:
        if isinstance(i, Labels):
            moved = i.copy()
            moved.word = re.sub(step, number_of, i.word)
            return moved
        if isinstance(i, slice):
            return slice(*map(position, (i.start, i.stop, i.step)))
        if isinstance(i, Place):
            return i.called(re.sub(step, number_of, i.word))
        return i.at(t) if isinstance(i, Step) else i

    def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role == "name":
            counted = _counted(part)
            return part if counted is None and not re.search(step, part.value) else name(
                re.sub(step, number_of, part.value), part.shape
            ) if counted is None else number(counted(t))
        if "index" in part.params:
            at = tuple(map(position, index_parts(part.params["index"])))
            index = at if isinstance(part.params["index"], tuple) else at[0]
            part = replace(part, params={**part.params, "index": index})
        return again(part, args) if _is_counting(part) else replace(part, args=args) if args else part

    return fold(e, made)


POWERS = range(2, 7)  # of the number of a step
NUMBER = "·number"  # begins the names of numbers that change from step to step, while terms are compared


def _one_number(values: Sequence[Any], steps: Sequence[int]) -> Expr | None:
    """A name for numbers of which each is ``k t + d``, or ``c (t + d) ** p``, in its step t; nothing for others."""
    (a, b), (s, t) = values[:2], steps[:2]
    words = list[str]()
    with suppress(TypeError, ZeroDivisionError, OverflowError):  # complex numbers
        k = (b - a) / (t - s)
        roots = {p: [round(abs(v) ** (1 / p)) for v in (a, b)] for p in (2, 3)}
        powers = (p for p, (x, y) in roots.items() if (x**p, y**p, y - x) == (a, b, t - s) and max(a, b) > 1)
        words += [f"{p}:1:{roots[p][0] - s}" for p in powers]
        words += [f"{k:g}:{a - k * s:g}"] if k == int(k) and a == int(a) else []
        shifts = {1: round(a / k - s), -1: round((b * t - a * s) / (a - b))} if not words else {}
        scales = {p: a / (s + d) if p > 0 else float(f"{a * (s + d):.12g}") for p, d in shifts.items()}
        words += [f"{p}:{scales[p]!r}:{d}" for p, d in shifts.items()]
        several = len(values) >= TERMS  # of two numbers there are many powers
        bases = [(p, d) for p in POWERS for d in (0, -1, 1, -2, 2) if several and min(steps) + d > 0]
        words += [f"{p}:{float(f'{a / (s + d) ** p:.12g}')!r}:{d}" for p, d in bases]
    names = (name(f"{NUMBER}{word}") for word in words)
    fits = ((e, _counted(e)) for e in names)
    return next((e for e, of in fits if of and _are_near([of(t) for t in steps], values)), None)


def _are_near(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """True for numbers that are equal but for rounding."""
    return all(x == y or isinstance(y, float) and abs(x - y) <= 1e-14 * abs(y) for x, y in zip(a, b, strict=True))


def _counted(e: Expr) -> Callable[[int], Any] | None:
    """The number in a step that a name stands for, in terms of the number of the step; None for other names."""
    if not e.value.startswith(NUMBER):
        return None
    if len(parts := e.value.removeprefix(NUMBER).split(":")) == 2:
        k, d = map(int, parts)
        return lambda t: k * t + d
    p, c, d = int(parts[0]), literal_eval(parts[1]), int(parts[2])
    return lambda t: c * (t + d) ** p if p > 0 else c / (t + d or math.nan)


def _is_counting(e: Expr) -> bool:
    """Whether a formula has numbers that change from step to step."""
    return any(word.startswith(NUMBER) for word in e.names)


def _with_numbers(e: Expr) -> Expr:
    """A formula with the number of the step in the numbers that change with it: ``t + 1``, ``0.1 / t``."""
    t = name(_LETTER.get())

    def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role != "name" or _counted(part) is None:
            return again(part, args) if _is_counting(part) else part
        k, *parts = part.value.removeprefix(NUMBER).split(":")
        if len(parts) == 1:
            return simplified("add", (product((number(int(k)), t), ()), number(int(parts[0]))), ())
        c, of = number(literal_eval(parts[0])), simplified("add", (t, number(int(parts[1]))), ())
        if k == "-1":
            return simplified("divide", (c, of), ())
        return product((c, simplified("power", (of, number(int(k))), ())), ())

    return fold(e, made) if _is_counting(e) else e


def _one_of(formulas: Sequence[Expr], steps: Sequence[int]) -> Expr | None:
    """One formula for one of each step, also where its numbers are simpler in some: 1 / (1 + y) and 1 / (1 + y)²."""
    if (one := _one(formulas, steps)) is not None or len(formulas) < TERMS:
        return None if one is not None and _is_counting(one) and len(formulas) < TERMS else one
    if (one := _one(_with_ones(formulas), steps)) is not None:
        return one
    in_order = sorted(zip(steps, formulas, strict=True), key=lambda pair: pair[0])
    for pair in [*pairwise(in_order)][: -PAIRS - 1 : -1]:
        one = _one([e for _, e in pair], [t for t, _ in pair])
        if one is not None and all(_unordered(_at(one, t)) == _unordered(e) for t, e in in_order):
            return one
    return None


def _with_ones(formulas: Sequence[Expr]) -> Sequence[Expr]:
    """Products of which some begin with a number, with a 1 in front of the others: 1 a1, 4 a2, 9 a3."""
    are_numbered = [factors_of(e)[0].is_number for e in formulas]
    if not any(are_numbered):
        return formulas
    pairs = zip(formulas, are_numbered, strict=True)
    return [e if is_it else multiplied((number(1), *factors_of(e)), e.shape) for e, is_it in pairs]


def _unordered(e: Expr) -> str:
    """Equal for formulas that differ only in the order of factors."""

    def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
        return replace(part, args=tuple(sorted(args, key=lambda a: a.key)) if part.role == "product" else args)

    return fold(e, made).key


def _distance(values: Sequence[int], steps: Sequence[int], several: int = 1) -> Step | None:
    """The distance of numbers from those of the steps, or from so many times these, if it is the same for all."""
    distances = {v - several * t for v, t in zip(values, steps, strict=True)}
    return Step(distances.pop(), _LETTER.get(), several=several) if len(distances) == 1 else None


def _position(values: Sequence[int], steps: Sequence[int]) -> Step | None:
    """The position in an array in terms of the number of the step, which may run through it back to front."""
    sums = {v + t for v, t in zip(values, steps, strict=True)}
    return Step(sums.pop(), _LETTER.get(), back=True) if len(sums) == 1 < len(steps) else _distance(values, steps)


def _word(words: Sequence[str], steps: Sequence[int]) -> str:
    """One name for one of each step: ``h@t-1``, or nothing; a name without a number is that of the start."""
    if len(set(words)) == 1:
        return words[0]
    if all(word.endswith("ᵀ") for word in words):
        word = _word([word[:-1] for word in words], steps)
        return word and f"{word}ᵀ"
    if all(word.count("/") == 1 for word in words):
        sides = [_word(side, steps) for side in zip(*(word.split("/") for word in words), strict=True)]
        return "/".join(sides) if all(sides) else ""
    if (label := _labels_of(words, steps)) is not None:
        return label
    stems, numbers = zip(*map(_number, words), strict=True)
    step = _distance(numbers, steps)
    is_near = step is not None and abs(step.distance) <= FAR  # neg11 and neg12 of two lists have no number of a step
    return f"{stems[0]}@{step!r}" if is_near and len(set(stems)) == 1 else ""


def _labels_of(words: Sequence[str], steps: Sequence[int]) -> str | None:
    """One name for entries ``y[0]``, for labels at labels ``y[i1]``, or for masks ``labels == 0``; None for others."""
    arrays, positions = zip(*map(_entry, words), strict=True)
    if min(positions) >= 0 and len(set(arrays)) == 1 and (step := _position(positions, steps)):
        return f"{arrays[0]}{step!r}]"
    read = [m for word in words if (m := re.fullmatch(r"(\w+)\[([A-Za-z_]\w*\d)\]", word))]
    if len(read) == len(words) and len({m[1] for m in read}) == 1:
        return (inner := _word([m[2] for m in read], steps)) and f"{read[0][1]}[{inner}]"
    if all(map(str.isdigit, words)):
        step = _position([*map(int, words)], steps)
        return repr(step) if step is not None else ""
    parts = [re.split(r"(?<=[\[:])(\d+)(?=[\]:])", word) for word in words]  # order[1:], of orders[0][1:]
    if all(":" in word for word in words) and len({tuple(of[::2]) for of in parts}) == 1 < len(parts[0]):
        numbers = [[*map(int, of)] for of in zip(*(of[1::2] for of in parts), strict=True)]
        ends = [str(of[0]) if len({*of}) == 1 else repr(_position(of, steps) or "") for of in numbers]
        return "".join(a + b for a, b in zip(parts[0][::2], [*ends, ""], strict=True)) if "''" not in ends else ""
    chosen = [m for word in words if (m := re.fullmatch(r"(\w+)\[(.+ (?:[=!<>]=|[<>]) .+)\]", word))]
    if len(chosen) == len(words) and len({m[1] for m in chosen}) == 1:  # X[z == k]
        return (at := _labels_of([m[2] for m in chosen], steps)) and f"{chosen[0][1]}[{at}]"
    tests = [m for word in words if (m := re.fullmatch("(.+) ([=!<>]=|[<>]) (.+)", word))]
    if len(tests) < len(words):
        return None
    left, right = (_word([m[k] for m in tests], steps) for k in (1, 3))
    return f"{left} {tests[0][2]} {right}" if left and right and len({m[2] for m in tests}) == 1 else ""


def _one(formulas: Sequence[Expr], steps: Sequence[int]) -> Expr | None:
    """One formula for one of each step; None where they differ in more than the number."""
    first = formulas[0]
    if all(e.key == first.key for e in formulas):
        return first
    if all(e.is_number for e in formulas):
        return _one_number([e.value for e in formulas], steps)
    if len({_degree(e) for e in formulas}) > 1:
        return _one_power(formulas, steps)
    if any((e.head, len(e.args)) != (first.head, len(first.args)) for e in formulas):
        return None
    widest = max(formulas, key=lambda e: len(e.shape))
    formulas = [_as_wide(e, widest) for e in formulas]
    first = formulas[0]
    ndims, shape = {len(e.shape) for e in formulas}, _shape_of(formulas)
    if len(ndims) > 1 and (0 not in ndims or first.role not in ("name", "product")):  # p0 = 0, a number, of an array
        return None
    if first.role == "name":
        word = _word([e.value for e in formulas], steps)
        return name(word, shape) if word else None
    return _one_call(formulas, steps)


def _as_wide(e: Expr, like: Expr) -> Expr:
    """A formula of one number with the axes of length 1 that another has, which is of an array that grows."""
    if len(e.shape) in (0, len(like.shape)) or np.prod(e.shape) != 1 or len(e.args) != len(like.args):
        return e
    params = {**e.params, "keepdims": like.params["keepdims"]} if "keepdims" in like.params else e.params
    args = tuple(map(_as_wide, e.args, like.args))
    return replace(e, args=args, params=params, shape=(1,) * len(like.shape)) if e.args else e


def _shape_of(formulas: Sequence[Expr | Labels]) -> Shape:
    """The shape of what one formula stands for in each step, with 2 for a size that differs: of score[remaining]."""
    shape = max((e.shape for e in formulas), key=len)
    sizes = zip(*(e.shape for e in formulas if len(e.shape) == len(shape)), strict=True)
    return tuple(of[0] if len({*of}) == 1 else 2 for of in sizes)


def _one_power(formulas: Sequence[Expr], steps: Sequence[int]) -> Expr | None:
    """One power for one of each step: x, x² and x³ are one, too."""
    base = _one([_root(e) for e in formulas], steps)
    degree = _one_number([_degree(e) for e in formulas], steps)
    return unsimplified("power", (base, degree), formulas[0].shape) if base and degree else None


def _one_call(formulas: Sequence[Expr], steps: Sequence[int]) -> Expr | None:
    """One call for those of each step, of the same row."""
    first = formulas[0]
    params, indices = dict(first.params), [e.params.get("index") for e in formulas]
    labels = [[part.word for part in index_parts(index) if isinstance(part, Labels)] for index in indices]
    index = _one_index(indices, steps) if labels[0] or len({*map(repr, indices)}) > 1 else None
    params |= {} if index is None else {"index": index}
    same = index is not None or len({*map(repr, zip(indices, labels, strict=True))}) == 1
    others = [repr({**e.params, "index": 0, "unique_indices": 0, "shape": 0}) for e in formulas]  # unique, of one row
    same = same and len({*others}) == 1
    args = [a for pair in zip(*(e.args for e in formulas), strict=True) if (a := _one(pair, steps)) is not None]
    is_one = first.row is not None and len(args) == len(first.args) and same
    shape = _shape_of(formulas)
    params |= {"shape": shape} if "shape" in params else {}
    return replace(first, args=tuple(args), params=params, shape=shape) if is_one else None


def _one_index(indices: Sequence[Any], steps: Sequence[int]) -> Any:
    """One index, or part of one, for one of each step; None where they differ in more than the number."""
    first = indices[0]
    if all(isinstance(i, Labels) for i in indices):
        return _one_label(indices, steps)
    if all(isinstance(i, tuple) and len(i) == len(first) for i in indices):
        parts = [_one_index(part, steps) for part in zip(*indices, strict=True)]
        return None if any(part is None for part in parts) else tuple(parts)
    if all(isinstance(i, slice) and {i.start, i.stop} <= {None, first.start, first.stop} for i in indices):
        return first
    if all(type(i) is slice and i.step in (None, 1) for i in indices):
        if len(growing := {(i.start is None, i.stop is None) for i in indices}) > 1:
            return None
        if growing != {(False, False)}:  # x[:t], x[t:]
            both = ([getattr(i, end) for i in indices] for end in ("start", "stop"))
            ends = [None if None in of else _end(of, steps) for of in both]
            return slice(*ends) if any(end is not None for end in ends) else None
        size = first.stop - first.start
        starts = [first.start + size * (t - steps[0]) for t in steps]
        several = size if [i.start for i in indices] == starts else 1  # X[2t:2t+2]
        ends = [_distance([getattr(i, end) for i in indices], steps, several) for end in ("start", "stop")]
        return None if None in ends else slice(*ends)
    if all(isinstance(i, int | np.integer) for i in indices):
        return first if len({*indices}) == 1 else _position(indices, steps)
    return None


def _end(ends: Sequence[int], steps: Sequence[int]) -> Step | Place | None:
    """One end of slices for one of each step, by its number or by its name, η[i@t:]; None where neither is one."""
    if not all(isinstance(k, Place) for k in ends):
        return _distance(ends, steps)
    word = _word([repr(k) for k in ends], steps)
    return Place().called(word) if word else None


def _one_label(labels: Sequence[Labels], steps: Sequence[int]) -> Labels | None:
    """Positions with one name for those of each step; None where their names differ in more than the number."""
    words = [p.word for p in labels]
    one = np.zeros(_shape_of(labels), labels[0].dtype).view(Labels)
    one.word = _word(words, steps) if all(words) else ""
    return one if one.word or not any(words) else None


# ------------------------------------------------------------------------------------------------------ sums


def _families(terms: Sequence[Expr]) -> Iterator[Sequence[Expr]]:
    """All terms; those with the same names; and of these, where each round adds several, those of one kind. Gradients
    come first, whose numbers are those of the steps.
    """
    families = [[term for term in terms if _family(term) == which] for which in dict.fromkeys(map(_family, terms))]
    families.sort(key=lambda family: not any("/" in word and _number(word)[1] for word in family[0].names))
    return iter((terms, *families, *(part for family in families for part in _turns(family))))


def _turns(terms: Sequence[Expr]) -> list[list[Expr]]:
    """Terms of which each round adds several, such as both ends of a spring, those of one kind together: with one sign
    and places, or else with the same operations, ``Gₜ F Pᵀ`` and ``Gₜᵀ F P``, or in one order, in the same rounds.
    """
    if turns := _of_kinds(terms, _sign_and_places):
        return turns
    turns = _of_kinds(terms, lambda e: [(part.role, part.head) for part in walk(e) if part.role != "name"])
    often = Counter[Any]()

    def nth(e: Expr) -> int:
        """The number of a term among those with the same names: of P1[w[0]] and P1[w[2]]."""
        often[of := frozenset(w for w in e.names if "[" not in w)] += 1
        return often[of]

    turns = turns or _of_kinds(terms, nth)
    return turns if len({(*sorted(_steps_of(turn)),) for turn in turns}) == 1 else []


def _of_kinds(terms: Sequence[Expr], kind_of: Callable[[Expr], Any]) -> list[list[Expr]]:
    """The terms of each kind, if there are several kinds, and equally many of each."""
    kinds: dict[str, list[Expr]] = {}
    for e in terms:
        kinds.setdefault(repr(kind_of(e)), []).append(e)
    return [*kinds.values()] if 1 < len(kinds) < len(terms) and len({*map(len, kinds.values())}) == 1 else []


def _sign_and_places(e: Expr) -> Any:
    """The sign of a term, and the places of its entries, from the number of its round on."""
    of = e.of if e.role == "negation" else e
    k = min([k for word in e.names if "/" in word and (k := _number(word)[1])] or _places(e), default=0)
    return of is e, [i - k for i in index_parts(of.params["index"]) if type(i) is int] if of.role == "placement" else []


def _places(e: Expr) -> list[int]:
    """The positions in arrays in a term, but for those where it is placed, from 1 on."""
    indices = (i for part in walk(e) if part.role == "index" for i in index_parts(part.params.get("index")))
    return [i + 1 for of in indices if (i := _place_of(of)) is not None]


def _steps_of(terms: Sequence[Expr]) -> list[int]:
    """The numbers of the steps that terms belong to: those of a gradient in each, or of a name, a power, an entry."""
    names = [dict(map(_number, sorted(e.names, reverse=True))) for e in terms]
    stems = [stem for stem in names[0] if all(stem in n for n in names)]
    stems.sort(key=lambda stem: (not re.match("[d∂].*/", stem), stem))
    runs = ([n[stem] for n in names] for stem in stems)
    if (run := next(filter(_is_run, runs), None)) or any(map(_numbers, names)):
        return run or []
    return _steps_by_place(terms)


def _steps_by_place(terms: Sequence[Expr]) -> list[int]:
    """The numbers of steps by the positions in arrays: t of x[t-1], and of y[t] - φ y[t-1]."""
    indices = ([i for part in walk(e) for i in index_parts(part.params.get("index"))] for e in terms)
    entries = [[i + 1 for of in each if (i := _place_of(of)) is not None] for each in indices]
    moving = [k for k, of in enumerate(zip(*entries, strict=False)) if len({*of}) > 1]
    places = [[of[k] for k in moving] for of in entries] if moving else []
    steps = [max(of) - (len({*of}) > 1) for of in places]
    return steps if _is_run(steps or [0, 0]) else []


def _place_of(index: Any) -> int | None:
    """The position that an index is, where a slice begins, or whose label it is: 2 of ``states[2]``."""
    if isinstance(index, slice):
        index = index.start
    if isinstance(index, Labels):
        return None if (i := _entry(index.word)[1]) < 0 else i
    return index if type(index) is int else None


def _numbers(names: Mapping[str, int]) -> bool:
    return any(k and re.match("[d∂].*/", stem) for stem, k in names.items())


def _is_run(steps: Sequence[int]) -> bool:
    return sorted(steps) == [*range(min(steps), max(steps) + 1)]


def _but_for_ends(items: Sequence[T], least: int = TERMS, inner: int = TERMS) -> Iterator[Sequence[T]]:
    """All items, if there are so many, then all but the last and all but the first, if there are `inner` of these."""
    return (some for some in (items, items[:-1], items[1:]) if len(some) >= (least if some is items else inner))


def _is_of_loop(word: str, looped: Container[str]) -> bool:
    """Whether a value, or the one that a gradient is of, is that of a step of a loop."""
    return _number(word)[0].rpartition("/d")[2].rstrip("_") in looped


def _family(e: Expr) -> tuple[str, ...]:
    """The names in a term without the numbers of their steps."""
    numbers = r"(?<=[\w\[:])\d+\b"  # of T >= T[i2], and of order[2:]
    words = {re.sub(numbers, "", word) if " " in word or ":" in word else word for word in e.names}
    words = {"" if word.isdigit() else word for word in words}  # the label of a step, x[2]
    return tuple(sorted({"/".join(_number(_entry(side)[0])[0] for side in word.split("/")) for word in words}))


def _sum(e: Expr, looped: Container[str]) -> tuple[Expr, list[int]]:
    """A sum with Σₜ instead of the terms of the steps, but for the first or the last, and these steps."""
    added = _added(e)
    flat = _flat(e)
    are_gradients = any("/" in word for word in e.names)  # which are added by what they come from
    ways = [*([added] if len(flat) > len(added) else []), *_in_groups(flat)]
    ways.insert(0 if are_gradients else len(ways), flat)
    tries = [new for terms in ways if (new := _of_terms(e, terms, looped))[1]]  # Σ dL/da + Σ dL/db, but Σ (a - b)
    if not tries:
        return e, []
    return tries[0] if are_gradients else min(tries, key=lambda new: (leaves(new[0]), len(terms_of(new[0]))))


def _flat(e: Expr) -> list[tuple[int, Expr]]:
    """The terms of a sum, also of -(a + b)."""
    return [(sign * part, term) for sign, of in terms_of(e) for part, term in terms_of(of)]


def _multiplied_out(e: Expr) -> list[tuple[int, Expr]]:
    """The terms of a sum, also of ``c (a - b)``, each with its factors in one order."""
    sums = [f for f in factors_of(e) if f.role in ("sum", "difference")]
    if len(sums) != 1 or e.role != "product":
        return [(sign, _in_one_order(term)) for sign, term in _flat(e)]
    rest = [f for f in factors_of(e) if f is not sums[0]]
    return [(sign, _in_one_order(product((*rest, term), e.shape))) for sign, term in _flat(sums[0])]


def _in_one_order(e: Expr) -> Expr:
    """A product with its numbers, then derivatives, then others by their names."""
    if e.role != "product":
        return e

    def place(f: Expr) -> Any:
        return not f.is_number, not any("/" in w for w in f.names), f.role != "name", _family(f), f.head

    return multiplied(sorted(e.args, key=place), e.shape)


def _in_groups(signed: Sequence[tuple[int, Expr]]) -> Iterator[Sequence[tuple[int, Expr]]]:
    """Terms of which each round of a loop adds several, those of a round as one: -a1 - b1 - a2 - b2, or a1 + a2 - b1 -
    b2; perhaps behind a term or two of no round, such as λ w @ w, or before them.
    """
    ends = [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2)]
    inner = [(signed[first : len(signed) - last], first, last) for first, last in ends]
    found = False
    for is_apart, size, (terms, first, last) in product_of((False, True), (2, 3, 4), inner):
        if len(terms) % size or len(terms) <= size or is_apart and found:
            continue
        rounds = len(terms) // size
        groups = [terms[k::rounds] if is_apart else terms[k * size : (k + 1) * size] for k in range(rounds)]
        kinds = [(*((sign, _family(e)) for sign, e in group),) for group in groups]
        if kinds[0] not in kinds[1:] and len({*map(frozenset, kinds)}) == 1 and len({*kinds[0]}) == size:
            groups = [[of[kind.index(each)] for each in kinds[0]] for of, kind in zip(groups, kinds, strict=True)]
            kinds = kinds[:1]  # the first round, of a - b - c + d, has no minus in front
        if len({*kinds}) == 1:
            sums = (total([e if s == g[0][0] else product((number(-1), e), e.shape) for s, e in g]) for g in groups)
            whole = [(group[0][0], e) for group, e in zip(groups, sums, strict=True)]
            found = True
            yield [*signed[:first], *whole, *signed[len(signed) - last :]]


def _added(e: Expr) -> list[tuple[int, Expr]]:
    """What has been added up one after another, each with its sign: of -(a1 + b1) - (a2 + b2) the two sums."""
    terms = list[tuple[int, Expr]]()
    while e.role in ("sum", "difference") and (not terms or e.args[1].role == terms[-1][1].role):
        terms.append((1 if e.role == "sum" else -1, e.args[1]))
        e = e.of
    first = (-1, e.of) if e.role == "negation" else (1, e)
    return [first, *terms[::-1]]


def _of_terms(e: Expr, signed: Sequence[tuple[int, Expr]], looped: Container[str]) -> tuple[Expr, list[int]]:
    """A sum of these terms with their signs with Σₜ, and the steps; itself if they have none in common."""
    terms = [replace(term) if sign > 0 else product((number(sign), term), term.shape) for sign, term in signed]
    instead, over = dict[int, list[Expr]](), list[int]()  # by identity: a term may be there twice
    least = 2 if any(_is_of_loop(word, looped) for word in e.names) else TERMS
    for some in (some for family in _families(terms) for some in _but_for_ends(family, least)):
        steps = _steps_of(some)
        steps = [k + over[0] - min(steps) for k in steps] if over and len(steps) == len(over) else steps
        is_new = bool(steps) and instead.keys().isdisjoint(map(id, some)) and _are_of_steps(some, over)
        is_part = not over or {*steps} <= {*over} or {*over} <= {*steps}
        others = [x for x in terms if id(x) not in instead]
        if is_new and is_part and (one := _with_ends(some, steps, others)) is not None:
            body, steps, some = one
            instead |= {id(term): [] for term in some} | {id(some[0]): [_sum_of(body, e.shape, steps)]}
            over, least = max(over, steps, key=len), 2
    if not over:
        return e, over
    return total(_with_entries([new for term in terms for new in instead.get(id(term), [term])])), over


def _with_entries(terms: Sequence[Expr]) -> Sequence[Expr]:
    """Terms with ``Σₜ (aₜ - y[t-1])`` for Σₜ aₜ - Σ y, if y has as many entries as the sum has steps."""
    signed = [(sign, x) for term in terms for sign, x in terms_of(term)]
    for (i, (s, summed)), (j, (of_whole, whole)) in product_of(enumerate(signed), repeat=2):
        steps = summed.params["steps"] if isinstance(summed.row, OverSteps) and not summed.of.shape else []
        is_whole = whole.role == "total" and whole.of.role == "name" and whole.of.shape == (len(steps),)
        if is_whole and not whole.shape:
            at = unsimplified("getitem", (whole.of,), (), index=Step(-min(steps), _LETTER.get()))
            inner = total([summed.of, product((number(s * of_whole), at), ())])
            signed[i] = s, replace(summed, args=(inner,))
            rest = [pair for k, pair in enumerate(signed) if k != j]
            return [x if sign > 0 else product((number(-1), x), x.shape) for sign, x in rest]
    return terms


def _with_ends(
    terms: Sequence[Expr], steps: list[int], every: Sequence[Expr]
) -> tuple[Expr, list[int], Sequence[Expr]] | None:
    """Return terms of steps as one, with those steps and terms beside them in which this is simpler; None if they have
    no form in common.
    """
    body = _one_of(terms, steps) or _one(terms, steps)
    if body is None:
        return None
    is_counting = _is_counting(body)
    body, steps = _with_natural(body, steps, terms)
    for t in (min(steps) - 1, max(steps) + 1):
        beside = _simpler(body, t, [x for x in every if id(x) not in {*map(id, terms)}])
        terms, steps = [*terms, *beside], sorted([*steps, *[t][: len(beside)]])
    return None if is_counting and len(steps) < TERMS else (body, steps, terms)  # of two numbers many are one


def _are_of_steps(terms: Sequence[Expr], over: Sequence[int]) -> bool:
    """Return True for several terms, or two that are no s[0]² + s[1]² of a state."""
    if len(terms) >= TERMS or terms[0].names != terms[1].names:
        return True
    indices = [i for part in walk(terms[0]) for i in index_parts(part.params.get("index"))] if over else []
    return any(isinstance(i, Labels) for i in indices)


def _with_natural(body: Expr, steps: list[int], terms: Sequence[Expr]) -> tuple[Expr, list[int]]:
    """Terms in which only positions and numbers are those of a step with t from 0 on: γᵗ r[t], not γᵗ⁻¹ r[t-1]."""
    read = {part.of.value for part in walk(body) if part.role == "index"}
    is_behind = any(map(_is_behind, walk(body))) or bool(read) and read <= {*_AT_STEP.get()}
    is_behind &= not any("@" in word for word in body.names)
    before = [t - 1 for t in steps]
    one = _one_of(terms, before) if is_behind and _FROM_0.get() else None
    return (body, steps) if one is None else (one, before)


def _is_behind(e: Expr) -> bool:
    """Whether a formula is a number that changes from step to step, less than that of the step: t - 1."""
    return e.role == "name" and (counted := _counted(e)) is not None and counted(0) < 0


def _simpler(body: Expr, t: int, terms: Sequence[Expr]) -> list[Expr]:
    """Those of some terms that are together what a step has, in a simpler form perhaps: a - b of δᵗ (aₜ - bₜ)."""
    parts = {product((number(sign), x), x.shape).key for sign, x in terms_of(_at(body, t))}
    found = [term for term in terms if term.key in parts]
    return found if len(found) == len(parts) else []


def _sum_of(body: Expr, shape: Shape, steps: list[int]) -> Expr:
    """The sum over steps; of two entries that each step has at places of its own two sums."""
    terms = terms_of(body) if all(x.role == "placement" for _, x in terms_of(body)) else [(1, body)]
    sums = [(sign, _over_steps(x, shape, steps)) for sign, x in terms]
    return total([x if sign > 0 else product((number(-1), x), shape) for sign, x in sums])


def _over_steps(body: Expr, shape: Shape, steps: list[int]) -> Expr:
    """A sum over steps, with the sign of its terms, and the numbers that all of them have, in front."""
    e, signs = _with_numbers(body), [1]
    if e.role in ("matrix product", "outer product") and e.of.role == "negation":  # -a @ xᵀ
        e, signs = replace(e, args=(*e.of.args, *e.args[1:])), [-1]
    e, signs = (e.of, [-1]) if e.role == "negation" else (e, signs)
    if e.role == "placement" and (is_negative(e.of) or e.of.role == "negation"):  # -Σₜ 1[wₜ = k]
        e, signs = replace(e, args=(product((number(-1), e.of), e.of.shape), *e.args[1:])), [-1, *signs]
    e, below = e.args if e.role == "quotient" and _is_of_all(e.args[1]) else (e, number(1))
    numbers = [f for f in factors_of(e) if _is_of_all(f)]
    numbers = numbers if len(numbers) < len(factors_of(e)) else []
    inner = multiplied([f for f in factors_of(e) if f not in numbers], e.shape) if numbers else e
    summed = unsimplified(OverSteps(f"sum_{_LETTER.get()}"), (inner,), shape, steps=steps)
    if inner.role == "index" and _is_of_every(inner, inner.of.shape, steps):
        summed = unsimplified("sum", inner.args, (), axis=None)
    return simplified("divide", (product((*map(number, signs), *numbers, summed), shape), below), shape)


def _is_of_every(e: Expr, shape: Shape, steps: Sequence[int]) -> bool:
    """True if an index is the number of the step alone, and the steps have all entries of a vector."""
    [at, *others] = index_parts(e.params["index"])
    return isinstance(at, Step) and not others and [at.at(t) for t in steps] == [*range(math.prod(shape))]


def _with_arrays(e: Expr) -> Expr:
    """A formula with ``f(x)`` for a sum that puts ``f(x[t-1])`` at each entry, if no other term has entries."""
    placed = {part.key for part in walk(e) if part.role == "placement" and isinstance(part.params["index"], Step)}
    sums = [s for s in _over(e) if s.of.key in placed and _is_of_every(s.of, s.shape, s.params["steps"])]
    wholes = [(s, _of_array(s)) for s in sums] if len(sums) == len(placed) else []
    new = {s.key: full(whole, s.shape) for s, whole in wholes if whole is not None}
    return replaced(e, lambda part: new.get(part.key)) if new else e


def _of_array(e: Expr) -> Expr | None:
    """The value that a sum puts at each entry, in terms of arrays; None where it is not of their entries there."""
    at = repr(e.of.params["index"])

    def made(part: Expr, args: tuple[Expr | None, ...]) -> Expr | None:
        known = [a for a in args if a is not None]
        if len(known) < len(args) or part.role == "name" and not _is_of_all(part) and part.shape != e.shape:
            return None
        if part.role == "index":
            return known[0] if repr(part.params["index"]) == at and part.of.shape == e.shape else None
        joint = np.broadcast_shapes(part.shape, *(a.shape for a in known))
        is_plain = joint == part.shape or part.row.kind == "elementwise"
        is_plain |= part.role in ("product", "selection", "comparison")
        return replace(part, args=tuple(known), shape=joint) if is_plain else None

    return fold(e.of.of, made)


def _is_of_all(e: Expr) -> bool:
    """Whether a factor is one number in all steps."""
    indices = [i for part in walk(e) for i in index_parts(part.params.get("index"))]
    words = {*e.names, *(i.word for i in indices if isinstance(i, Labels))}
    is_of_step = any(isinstance(i, Step | slice) for i in indices) or any("@" in w or "[" in w for w in words)
    return not e.shape and not is_of_step and _LETTER.get() not in words


def _root(f: Expr) -> Expr:
    """What a factor is a power of."""
    is_power = f.role == "square" or f.role == "power" and type(f.args[1].value) is int
    return f.of if is_power else f


def _degree(f: Expr) -> int:
    return 1 if _root(f) is f else 2 if f.role == "square" else int(f.args[1].value)


def _inside(e: Expr, looped: Container[str], is_apart: bool = False) -> tuple[Expr, list[int]]:
    """A formula with Σₜ in the sums in it, and the steps; if `is_apart`, sums in others have another letter."""
    before, every = _by_rows(replaced(e, _spread), looped)
    sums = [part for part in walk(before) if part.role in ("sum", "difference")]
    inner = {a.key for part in sums for a in part.args}
    whole = _only_sum(before)
    outer, steps = {part.key for part in sums} - inner, list[list[int]]()
    nested = {x.key for part in sums for a in part.args for x in walk(a) if x.key in outer} if is_apart else set()

    def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
        is_signed = part.role == "product" and any(a.role == "negation" for a in args)
        new = product(args, part.shape) if is_signed else replace(part, args=args) if args else part
        if part.key in nested:
            with _second(e.names):
                return _sum(new, ())[0]
        if part.key in outer:
            new, over = _sum(new, looped if part is whole else ())
            steps.append(over)
        return new

    written = fold(before, made)
    over = next(filter(None, [*steps, every]), [])  # those of rows have the index of the row
    if not is_apart and any(_over(x) for part in _over(written) for x in part.args):
        return _inside(e, looped, is_apart=True)
    return (_with_arrays(written) if over else e), over


def _only_sum(e: Expr) -> Expr:
    """The only factor of a formula that is a sum, also above a line; or else all of it."""
    of = e.of if e.role in ("negation", "quotient") else e
    found = [f for f in factors_of(of) if f.role in ("sum", "difference", "negation", "quotient")]
    return _only_sum(found[0]) if len(found) == 1 and found[0] is not e else e


def _over(e: Expr) -> list[Expr]:
    """The sums over steps in a formula."""
    return [part for part in walk(e) if isinstance(part.row, OverSteps)]


def _spread(e: Expr) -> Expr | None:
    """A sum over a power that is also in its terms, (a + 2 b / (1 + r)) / (1 + r)², as that of quotients."""
    factors = factors_of(e.of) if e.role == "quotient" else ()
    sums = [terms_of(f) for f in factors if f.role in ("sum", "difference")]
    below = _root(e.args[1]).key if len(sums) == 1 else ""
    others = [f for of in sums for _, x in of if x.role == "quotient" for f in factors_of(x.args[1])]
    if below not in {_root(f).key for f in others}:
        return None
    over = [(sign, simplified("divide", (x, e.args[1]), e.shape)) for sign, x in sums[0]]
    spread = total([x if sign > 0 else product((number(-1), x), x.shape) for sign, x in over])
    return product((*(f for f in factors if f.role not in ("sum", "difference")), spread), e.shape)


def _by_rows(e: Expr, looped: Container[str]) -> tuple[Expr, list[int]]:
    """A sum with an entry for each step instead of an array ``[c a1, c a2, c a3]``; one of names stays."""
    stacks = [part for _, part in terms_of(e) if part.role == "stack" and any(x.role != "name" for x in part.args)]
    for part in stacks[:1]:
        placed = {k if k[1:] else k[0]: x for k, x in positions(part).items() if not x.is_number or x.value}
        terms = [(1, unsimplified("into_zeros", (x,), part.shape, index=k)) for k, x in placed.items()]
        instead, over = _of_terms(part, terms, looped) if len(terms) > 1 else (part, [])
        is_one = len(terms_of(instead)) == 1
        if not (over and is_one) and len(part.shape) == 1:
            tries = (_of_neighbours(part, terms) for terms in (_flat, _multiplied_out))
            instead, over = next((new for new in tries if new[1]), (part, []))
            is_one = bool(over)
        if over and is_one:
            return replaced(e, partial(_instead_of, part.key, instead)), over
    return e, []


def _instead_of(key: str, new: Expr, e: Expr) -> Expr | None:
    return new if e.key == key else None


def _of_neighbours(e: Expr, terms_in: Callable[[Expr], Sequence[tuple[int, Expr]]]) -> tuple[Expr, list[int]]:
    """An array ``[a1, a2 - a1, a3 - a2, -a3]`` as sums with an entry for each step, one for the terms that go together:
    ``Σₜ aₜ at [t-1] - Σₜ aₜ at [t]``; itself where the terms in its entries have no such form.
    """
    chains = list[list[tuple[int, Expr]]]()
    for (k,), x in positions(e).items():
        for sign, term in terms_in(x) if not is_zero(x) else ():
            of = unsimplified("into_zeros", (product((number(sign), term), ()),), e.shape, index=k)
            before = [c for c in chains if c[-1][0] == k - 1 and _go_on([*(x for _, x in c), of])]
            if not before:
                chains.append([])
            max(before, key=len, default=chains[-1]).append((k, of))
    is_short = len(chains) <= len(e.args) < sum(map(len, chains)) or len(chains) < len(e.args)
    if len(chains) < 2 or not is_short or max(map(len, chains)) < TERMS:
        return e, []
    sums, over = list[Expr](), list[int]()
    for chain in chains:
        at, terms = zip(*chain, strict=True)
        steps = _steps_of(terms)
        turned = [[sign * (t - steps[0]) for t in steps] for sign in (1, -1)]  # -1 of a loop that runs back
        steps = steps if [k - at[0] for k in at] in turned else [*at]
        body = _one_of(terms, steps) if len(terms) > 1 else None
        sums.append(terms[0] if body is None else _over_steps(body, e.shape, steps))
        over = over if body is None else max(over, steps, key=len)
    instead = total(sums)
    return (instead, over) if entries([instead], e.shape)[0] else (e, [])


def _go_on(terms: Sequence[Expr]) -> bool:
    """Return True if terms of entries that follow each other have one form, in which no position runs backwards, or
    all do, as the steps do.
    """
    for numbers in (range(len(terms)), range(len(terms))[::-1]):
        one = _one(terms, numbers)
        parts = walk(one) if one is not None else ()
        steps = [i for part in parts for i in index_parts(part.params.get("index")) if isinstance(i, Step)]
        if one is not None and all(i.back == (numbers[-1] == 0 < numbers[0]) for i in steps):
            return True
    return False


def _summed(line: Line, looped: Container[str], whole: Container[str]) -> Line:
    """A line with Σₜ instead of the terms of the steps, or Σₛ in the line of each step; also in the definitions of what
    is such a sum as a `whole`.
    """
    is_of_step, names = "@" in line.symbol, {w for e in line.formulas for w in e.names}
    is_one = is_of_step or _is_of_loop(line.symbol, looped) and _number(line.symbol)[1] > 0
    with _second(names) if is_of_step else nullcontext(_LETTER.get()) as t:
        sums = [_inside(e, () if is_one else looped) for e in line.formulas]
    since, steps, is_summed = _since(line, next((over for _, over in sums if over), []), looped)
    t = t if is_summed else _LETTER.get()
    since = [_with_sums(d, looped, whole) for d in since]
    if len(since) == len(line.since) and not is_summed:
        return replace(line, since=since)
    formulas = [e for e, _ in sums]
    are_rows = is_summed and all(_is_by_row(x) for e in formulas for x in _over(e))
    if are_rows and not (steps := _steps_in(since, line.since)):  # the index is that of the row
        return replace(line, formulas=formulas, since=since)
    how = f"{line.how}; {_range(steps, t)}{'' if are_rows else _ranges(formulas, steps, t)}"
    return replace(line, formulas=formulas, since=since, how=how)


def _steps_in(since: Sequence[Definition], before: Sequence[Definition]) -> list[int]:
    """The steps whose definitions are one in `since`, of those `before`."""
    each = {d.symbol.partition("@")[0] for d in since if "@" in d.symbol}
    alone = {d.symbol for d in since}
    return sorted(k for d in before for word, k in [_number(d.symbol)] if word in each and d.symbol not in alone)


def _since(
    line: Line, over: list[int], looped: Container[str]
) -> tuple[list[Definition], list[int], bool]:
    """The definitions beside a line, those of the steps as one; these steps, and whether the line sums over them."""
    stems = dict.fromkeys(_number(d.symbol)[0] for d in line.since)
    groups = [[d for d in line.since if _number(d.symbol)[0] == stem] for stem in stems]
    numbers = [sorted(_number(d.symbol)[1] for d in group) for group in groups]
    merging = [not _is_single(stem) for stem in stems]
    runs = (run for run, is_one in zip(numbers, merging, strict=True) if is_one and len(run) >= TERMS and _is_run(run))
    every = next(runs, [])  # of dL/dw = [dL/dw1, dL/dw2, …]
    steps = over or every
    least = [2 if _is_of_loop(stem, looped) else TERMS for stem in stems]
    pairs = zip(groups, least, merging, strict=True)
    merged = (_defined(group, steps, k) if is_one else group for group, k, is_one in pairs)
    return [d for group in merged for d in group], steps, bool(over)


def _is_by_row(e: Expr) -> bool:
    """Whether a sum over steps has one row of each, so that the index of the row is written and no step."""
    first = index_parts(e.of.params["index"])[0] if e.of.role == "placement" else None
    return isinstance(first, Step) and not first.back and _is_run(e.params["steps"])


def _with_sums(d: Definition, looped: Container[str], whole: Container[str]) -> Definition:
    """A definition with Σₜ; not that of one step, b[0] x[4] + b[1] x[3], beside which t is the number of steps."""
    if d.formula is None or "@" not in d.symbol and _number(d.symbol)[1] > 0 and d.symbol not in whole:
        return d
    with _second(d.formula.names) if "@" in d.symbol else nullcontext():
        return replace(d, formula=_inside(d.formula, () if "@" in d.symbol else looped)[0])


def _ranges(formulas: Iterable[Expr], steps: Sequence[int], letter: str) -> str:
    """The steps of sums in others, which have letters of their own; and of those that are over fewer steps than others,
    of a state that the last round does not need.
    """
    every = [part for e in formulas for part in _over(e)]
    inside: dict[str, set[str]] = {}
    for part in every:
        inside.setdefault(part.head[-1], set()).add(_range(part.params["steps"], part.head[-1]))
    alone = {c: at for c, at in inside.items() if c != letter and len(at) == 1}
    others = [part for part in every if part.params["steps"] != steps and part.head[-1] not in alone]
    named = {id(part): [e.value for e in walk(part) if e.role == "name"] for part in others}
    fewer = {w: part for part in others for w in [w for w in named[id(part)] if "/" in w] or named[id(part)][:1]}
    said = dict[str, list[str]]()
    for word, part in fewer.items():
        of = word.partition("@")[0]  # of dL/dθₜ, or of dθₜ/dr
        of = of[1:] if "/" in word and "/" not in of else of.rpartition("/d")[2]
        said.setdefault(_range(part.params["steps"]), []).append(text_name(of.rstrip("_")))
    ends = "".join(f", {at}" for several in alone.values() for at in several)
    return ends + "".join(f", with {' and '.join(sorted({*words}))} {at}" for at, words in said.items())


def _defined(since: list[Definition], steps: Sequence[int], least: int) -> list[Definition]:
    """The definitions of the values of one variable, those of the steps as one, if there are `least` beside others."""
    for some in _but_for_ends([d for d in since if _number(d.symbol)[1] in steps], 2, least):
        both = _both(some, [_number(d.symbol)[1] for d in some], _one_of)
        if both is not None:
            rest = [d for d in since if d not in some and not _is_at(both, d)]
            return [replace(both, formula=both.formula and _with_numbers(both.formula)), *rest]
    return since


def _is_at(both: Definition, d: Definition) -> bool:
    """Whether the definition of a value in each step says what it is in one more."""
    at = both.formula and _at(both.formula, _number(d.symbol)[1])
    return at is not None and d.formula is not None and at.key == d.formula.key


def _both(
    since: Sequence[Definition], steps: Sequence[int], one: Callable[..., Expr | None] = _one
) -> Definition | None:
    """The definition of a value in each step."""
    word, wrt = (_word([getattr(d, part) for d in since], steps) for part in ("symbol", "wrt"))
    formulas = [d.formula for d in since if d.formula is not None]
    formula = one(formulas, steps) if len(formulas) == len(since) else None
    return Definition(word, formula, wrt) if word and formula and bool(wrt) == bool(since[0].wrt) else None


def _range(steps: Sequence[int], letter: str = "") -> str:
    return f"{letter or _LETTER.get()} = {steps[0]} … {steps[-1]}"


# ------------------------------------------------------------------------------------------------------ lines


def _merged(lines: Iterable[Line], looped: Container[str], apart: Sequence[Line] = ()) -> list[Line]:
    """Lines of consecutive steps that have one form, as one; not those that stay `apart`."""
    lines = _in_order(lines)
    families: dict[str, list[Line]] = {}
    for line in (line for line in lines if line not in apart):
        families.setdefault(_number(line.symbol)[0], []).append(line)
    instead: dict[int, list[Line]] = {}
    for stem, family in filter(_are_steps, families.items()):
        if _is_single(stem):
            continue
        before, family = family, _with_one_division(family)
        of = {id(new): id(line) for new, line in zip(family, before, strict=True)}
        least = 2 if _is_of_loop(stem, looped) and family[0].formulas else LINES
        runs = _runs(family)
        often = Counter(id(line) for _, run in runs for line in run).values()
        is_plain = len(runs) == 1 or least == 2 and max(often, default=1) == 1  # or the symbol would have two meanings
        for pair, run in (both for both in runs if is_plain and len(both[1]) >= _least(both[0], least)):
            instead |= {of[id(line)]: [] for line in run}
            instead[of[id(run[0])]] = [_of_run(pair, run)]
    return [x for line in lines for x in instead.get(id(line), [line])]


def _of_run(one: Line, run: Sequence[Line]) -> Line:
    """The line of several steps, with their numbers and their shape; with 0 for a size that differs."""
    how = f"{one.how}; {_range([_number(x.symbol)[1] for x in run])}"
    shapes = [*map(_shape, run)]
    sizes = [{*each} for each in zip(*shapes, strict=False)]  # several of rows that a mask selects
    shape = one.shape and tuple(each.pop() if len(each) == 1 else 0 for each in sizes)
    shape = shape if len({*map(len, shapes)}) == 1 else None
    return _changed(replace(one, how=how, shape=shape), _with_numbers)


def _shape(line: Line) -> Shape:
    return tuple(line.shape or ()) if line.value is None else np.shape(line.value)


def _with_one_division(family: list[Line]) -> list[Line]:
    """Lines of which some are divided by a number, all with x / 4 for ¼ x."""
    parts = (part for x in family for e in x.formulas for part in walk(e))
    if not any(part.role == "quotient" and part.args[1].is_number for part in parts):
        return family
    return [_changed(line, lambda e: replaced(e, _divided)) for line in family]


def _divided(e: Expr) -> Expr | None:
    """A product that begins with a number such as ¼ as a quotient."""
    first, *others = factors_of(e) if e.role == "product" else (e,)
    c = first.value if first.is_number and isinstance(first.value, float) and others else 0
    if not 0 < abs(c) < 1 or not (1 / c).is_integer() or others[0].is_number:
        return None
    return unsimplified("divide", (multiplied(others, e.shape), number(int(1 / c))), e.shape)


def _are_steps(family: tuple[str, Sequence[Line]]) -> bool:
    """Whether lines of one stem are perhaps those of steps, not of the cells R11, R12, R21 of a table."""
    return min(_number(line.symbol)[1] for line in family[1]) < 10


def _is_single(stem: str) -> bool:
    """Return True if the entries of an array of this name, θ1 and θ2, or the derivatives by these, keep their lines."""
    return stem.rpartition("/d")[2] in _SINGLE.get()


def _least(line: Line, least: int) -> int:
    """The number of lines that have to have one form; more if numbers change in it, other than powers."""
    return TERMS if _counts(_changed(line, lambda e: replaced(e, _base))) else least


def _runs(family: list[Line]) -> list[tuple[Line, list[Line]]]:
    """What several consecutive lines of one variable are as one, and these."""
    for some in _but_for_ends(family):
        if (one := _as_one(some)) is not None and (_counts(one) or len({*map(_shape, some)}) > 1):
            return [(one, _with_simpler(one, [*some], family))]
    runs, k = list[tuple[Line, list[Line]]](), 0
    for _, group in groupby(map(_as_one, pairwise(family)), lambda pair: pair and _key(pair)):
        pair, *others = group
        run = family[k : k + len(others) + 2]
        runs += [] if pair is None else [(pair, _with_simpler(pair, run, family) if _counts(pair) else run)]
        k += len(others) + 1
    return runs


def _counts(line: Line) -> bool:
    """Whether numbers in a line change from step to step."""
    return any(map(_is_counting, (*line.formulas, *(d.formula for d in line.since if d.formula))))


def _base(e: Expr) -> Expr | None:
    """What is raised to the number of the step, in 1 - βᵗ."""
    is_power = e.role == "power" and e.args[1].role == "name" and e.args[1].value.startswith(f"{NUMBER}1:")
    return e.of if is_power else None


def _changed(line: Line, change: Callable[[Expr], Expr]) -> Line:
    """A line with all its formulas changed."""
    since = [replace(d, formula=d.formula and change(d.formula)) for d in line.since]
    return replace(line, formulas=[*map(change, line.formulas)], since=since)


def _with_simpler(line: Line, run: list[Line], family: Sequence[Line]) -> list[Line]:
    """A run of lines of one form with those beside it in which this is simpler: 1 / (1 + y) of 1 / (1 + y)²."""
    of_step = {_number(x.symbol)[1]: x for x in family}
    steps = [_number(x.symbol)[1] for x in run]
    by = steps[1] - steps[0]
    for end, at, way in ((0, steps[0] - by, -by), (len(run), steps[-1] + by, by)):
        while (x := of_step.get(at)) is not None:
            there = _changed(line, partial(_at, t=at))
            if _key(replace(there, symbol=x.symbol)) != _key(x) or x.check:
                break
            run, at = [x, *run] if end == 0 else [*run, x], at + way
    return run


def _in_order(lines: Iterable[Line]) -> list[Line]:
    """The lines with the entries of a vector, ``w1 = w[0]``, together and in their order."""
    out, entries = list[Line](), dict[str, list[Line]]()
    for line in lines:
        word, of = _number(line.symbol)[0], line.formulas[0] if line.formulas else None
        is_entry = of is not None and of.role == "index" and of.of.role == "name" and not of.shape
        if of is not None and is_entry and of.of.value == word:
            out += [] if word in entries else [line]
            entries.setdefault(word, []).append(line)
        else:
            out.append(line)
    entries = {word: sorted(of, key=lambda line: _number(line.symbol)[1]) for word, of in entries.items()}
    firsts = {id(line): word for word, of in entries.items() for line in of}
    return [x for line in out for x in (entries[firsts[id(line)]] if id(line) in firsts else [line])]


def _key(line: Line) -> tuple[str, ...]:
    """Equal for lines that say the same."""
    since = sorted(d.formula.key for d in line.since if d.formula)
    return (line.symbol, *(e.key for e in (*line.formulas, *line.ones)), *since)


def _as_one(lines: Sequence[Line]) -> Line | None:
    """The lines of consecutive steps as one."""
    first, *others = lines
    steps = [_number(line.symbol)[1] for line in lines]
    alike = all(len({len(getattr(line, part)) for line in lines}) == 1 for part in ("formulas", "since", "ones"))
    are_near = {b - a for a, b in pairwise(steps)} in ({1}, {-1})
    if not alike or not are_near or first.where or any(line.check for line in lines):
        return None
    formulas = [e for es in zip(*(x.formulas for x in lines), strict=True) if (e := _one(es, steps)) is not None]
    ones = [e for es in zip(*(x.ones for x in lines), strict=True) if (e := _one(es, steps)) is not None]
    each = [first.since, *(_in_order_of(first.since, x.since) for x in others)]
    since = [d for ds in zip(*each, strict=True) if (d := _both(ds, steps)) is not None]
    if len(formulas) < len(first.formulas) or len(since) < len(first.since) or len(ones) < len(first.ones):
        return None
    shape = first.shape if first.value is None else np.shape(first.value)
    symbol = _word([line.symbol for line in lines], steps)
    return replace(first, symbol=symbol, formulas=formulas, since=since, ones=ones, value=None, shape=shape)


def _in_order_of(since: Sequence[Definition], others: Sequence[Definition]) -> Sequence[Definition]:
    """Definitions in the order of those of another step: the paths of the first round may come in another one."""
    there = {_number(d.symbol)[0]: d for d in others}
    return [there.get(_number(d.symbol)[0], d) for d in since] if len(there) == len(others) else others
