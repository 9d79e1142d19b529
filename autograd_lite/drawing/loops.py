"""A loop: of its equal steps the last is drawn for all, with ``hₜ₋₁`` for what it takes from the step before.

A loop is recognized by the instructions of the user's code: each of its lines was run once in every step. That the
steps are equal is seen from their formulas, which differ in the number of the step alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import commonprefix
from typing import Any
from unicodedata import normalize

from ..derive.chain_rule import Chain
from ..derive.formula import Expr, name
from ..derive.writing import ABOVE, text, text_name
from ..program import Var
from .repeats import OFTEN
from .scene import Item, Line, Scene

MANY = 12  # values that the steps of a loop compute together; if there are fewer, all are drawn
#: What each step computes, line by line of the code. The first may lack what the others do with its state.
Steps = Sequence[Sequence[str]]
LONG = 400  # characters of a formula
_LETTER = r"A-Za-z_\u0391-\u03c9\u0300-\u036f"
_TOKEN = re.compile(rf"[{_LETTER}][{_LETTER}0-9]*|[0-9.]+|.", re.S)


def loops(chain: Chain) -> list[Steps]:
    """The loops with many steps of the same lines, as the names of their values."""
    defined, found = chain.defined, list[Steps]()
    order = [n for n in chain.landmarks if n in defined]
    place = {n: (defined[n].origin.code or n, defined[n].origin.at, defined[n].row, n.shape) for n in order}
    last = {place[n]: k for k, n in enumerate(order)}
    start = end = 0
    for k, n in enumerate(order):
        end = max(end, last[place[n]])
        if k < end:
            continue
        whole, first = order[start : k + 1], Counter(place[n] for n in order[start : k + 1]).most_common(1)[0][0]
        for part in (whole, whole[: last[first] - start]):  # the last step may end early
            if (steps := _steps(part, place)) is not None:
                found.append([[chain.names[step[p]] if p in step else "" for p in steps[-1]] for step in steps])
                break
        start = k + 1
    return found


def _steps(order: Sequence[Var], place: Mapping[Var, Any]) -> list[dict[Any, Var]] | None:
    """Values as what each step of a loop computes, by their places in the code; None if they are no such steps."""
    steps: list[dict[Any, Var]] = [{}]
    for m in reversed(order):  # the last steps are complete
        if place[m] in steps[0]:
            steps.insert(0, {})
        steps[0][place[m]] = m
    first, *others = map(list, steps)
    is_loop = len(steps) >= OFTEN and len(order) > MANY
    return steps if is_loop and others == others[:1] * len(others) and {*first} <= {*others[0]} else None


class _Differs(Exception):
    """A step differs from the others in more than its number."""


def folded(scene: Scene, steps: Steps) -> Scene:
    """The scene with one step of a loop in the place of all; as it was, if they are not equal."""
    try:
        return _Loop(scene, steps).scene()
    except _Differs:
        return scene


class _Loop:
    def __init__(self, scene: Scene, steps: Steps) -> None:
        self.whole, self.items, keys = scene, {i.key: i for i in scene.items}, scene.keys_named()
        *_, third, before, last = rows = [[keys.get(word, "") for word in step] for step in steps]
        self.count = len(rows)
        self.step = {key: k for k, row in enumerate(rows) for key in row}
        self.now = {key: self.items[n] for row in rows for key, n in zip(row, last, strict=True)}
        words = [[self.items[key].written for key in column if key] for column in zip(*rows, strict=True)]
        stems = [commonprefix(column).rstrip("_") or _stem(column[-1]) for column in words]  # noqa: RUF071 - no paths
        self.stems = dict(zip(last, stems, strict=True))
        if len({*stems}) < len(stems):
            raise _Differs
        #: The box of the step before, for those of the last two steps and for what each step is given.
        self.shift = dict(zip([*last, *before], [*before, *third], strict=True))
        self.words, self.before = self.called({*last}, {*before}), self.called({*before}, {*third})
        self.ends = {(x.tail, x.head): x for x in scene.lines}
        self.leaves = {i.written: i for i in scene.items if i.kind in ("input", "constant")}
        self.earlier = {self.items[key].written for key, k in self.step.items() if key and k < self.count - 1}
        self.lines: dict[str, Line] = {}
        self.states: dict[str, Item] = {}

    def called(self, now: set[str], back: set[str]) -> dict[str, str]:
        """What the names of two steps are called in the picture."""
        named = [(i, self.stems[self.now[i.key].key]) for i in self.whole.items if i.key in now | back]
        words = {i.written: f"{stem}ₜ{'₋₁' if i.key in back else ''}" for i, stem in named}
        words.pop(self.items[self.whole.loss].written, None)
        return words

    def general(self, e: Expr | None, f: Expr | None, before: dict[str, str]) -> Expr | None:
        """A formula of the last step as one of any step; `f` is that of the step before, with its names."""
        a, b = (_TOKEN.findall(text(x)) if x is not None else [] for x in (e, f))
        if len(a) != len(b):
            raise _Differs
        words = "".join(self.word(x, y, before) for x, y in zip(a, b, strict=True))
        return name(re.sub(r"\[\(t - (\d)\)\]", r"[t-\1]", words)) if words else None

    def word(self, x: str, y: str, before: dict[str, str]) -> str:
        """A name or number of the last step as one of any step; `y` is that of the step before."""
        if (new := _called(x, self.words)) == _called(y, before) or new == y:
            return new
        if x[:1].isdigit() and y[:1].isdigit():  # also β³ and β²
            by, before_it = (int(normalize("NFKC", z)) if z.isdigit() else -1 for z in (x, y))
            step = {0: "t", 1: "t - 1", 2: "t - 2"}.get(self.count - by) if by == before_it + 1 > 0 else None
            if step is None:
                return "…"
            raised = step.replace(" ", "").translate(ABOVE)
            return raised if not x.isdecimal() else f"({step})" if step[1:] else step
        given = [self.leaves[word] for word in (x, y) if word in self.leaves]
        if len(given) < 2:
            raise _Differs
        self.shift[given[0].key] = given[1].key
        self.words[x] = before[y] = f"{_stem(x)}ₜ"
        return self.words[x]

    def scene(self) -> Scene:
        drawn = {n.key: self.box(n) for n in self.now.values()}
        kept = (i for i in self.whole.items if i.key in drawn or i.key not in self.step)
        items = [drawn.get(i.key) or self.outside(i) for i in kept]
        for x in self.whole.lines:
            self.line(x)
        self.begin({x.tail for x in self.lines.values()})
        first = next(k for k, i in enumerate(items) if i.key in drawn)
        items[first:first] = self.states.values()
        ends = {key for x in self.lines.values() for key in (x.tail, x.head)}
        note = f"The steps t = 1 … {self.count} of a loop are equal, and one is drawn; roll=False draws each."
        notes = dict.fromkeys((*self.whole.notes, note))
        shown = (i for i in items if i.key in ends)
        return Scene(tuple(shown), tuple(self.lines.values()), tuple(notes), self.whole.loss)

    def box(self, i: Item) -> Item:
        """A box of the last step as one of any step."""
        formula = self.general(i.formula, self.items[self.shift[i.key]].formula, self.before)
        value = i.value if i.key == self.whole.loss else None
        word, note = self.words.get(i.written, i.name), f"× {self.count}"
        return replace(i, name=word, formula=formula, value=value, gradient=None, note=note)

    def outside(self, i: Item) -> Item:
        """A box that is not of the loop."""
        if i.key in self.shift:
            return replace(i, name=self.words[i.written], value=None, note=f"× {self.count}")
        if self.earlier.intersection(_TOKEN.findall(i.source(LONG))):  # it takes the results of several steps
            return replace(i, formula=None, operation=i.row)
        return replace(i, formula=self.general(i.formula, i.formula, self.words))

    def line(self, x: Line) -> None:
        """Add a line to the last step, or to what follows the loop."""
        k, m, last, tail = self.step.get(x.tail), self.step.get(x.head, self.count), self.count - 1, x.tail
        if m < last or m > last > (last if k is None else k) and (self.now[tail].key, x.head) in self.ends:
            return
        other = self.ends.get((self.shift.get(tail, tail), self.shift.get(x.head, x.head)), x)
        if m == last and other is x or k is not None and k < last - (m == last):
            raise _Differs
        if k == last - 1:
            n = self.now[tail]
            tail = f"{n.key}_before"
            box = Item(tail, "result", f"{self.stems[n.key]}ₜ₋₁", None, "", n.shape, n.dtype, note="of the step before")
            self.states.setdefault(tail, box)
        self.lines[f"{tail}_{x.head}"] = replace(
            x, key=f"{tail}_{x.head}", tail=tail, value=x.value if other is x else None,
            formula=self.general(x.formula, other.formula, self.words if other is x else self.before),
            symbol="/".join(_called(text_name(word), self.words) for word in x.symbol.split("/")),
            note="summed over t" if k is None and m == last and x.symbol else x.note,
        )  # fmt: skip

    def begin(self, used: set[str]) -> None:
        """Add the lines to the states from what the first step takes instead of them."""
        for x in self.whole.lines:
            start = self.items[x.tail]
            if self.step.get(x.head) or x.head not in self.step or x.tail in used or x.tail in self.step:
                continue
            words = [f"{word}ₜ₋₁" for word in (start.written, _stem(start.written))]
            same = [key for key, i in self.states.items() if i.name in words]
            into = [line.tail for line in self.lines.values() if line.head == self.now[x.head].key]
            for key in (same or [key for key in into if key in self.states and start.kind == "result"])[:1]:
                self.lines[f"{x.tail}_{key}"] = Line(f"{x.tail}_{key}", x.tail, key, combine=x.combine and "passes")
                self.states[key] = replace(self.states[key], note=f"of the step before; {start.written} at t = 1")


def _stem(word: str) -> str:
    """``h`` of ``h3``."""
    return re.sub(r"(?<=.)\d+$", "", word)


def _called(word: str, words: dict[str, str]) -> str:
    """What a name is called, also in that of a gradient."""
    return words.get(word) or (word[:1] + words.get(word[1:], word[1:]) if word[:1] in ("d", "∂") else word)
