"""Steps over one space as nested loops in C.

The axes are ordered as the entries are in memory, and axes that lie one after another are one loop. A sum is taken over
pieces of at most 512 entries, which are added up with a compensation, so it is more accurate than NumPy's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

from ...program import Var
from ...table.scalar import C_FLOAT, C, Scalar, number, variable
from .steps import PLUS, Place, Step, functions_of

PIECE = 512  # entries of a sum that is taken at once
UNROLLED = 4  # turns of a loop over which a sum in memory is taken at once, or with one sum each
MANY = 2**12  # entries of a loop in which that is worth the text, and the most steps
LONGEST = 12
SHORT = 8  # turns of a loop that is not worth a vector
INDENT = "    "
C_INT = C._replace(
    number=lambda x: str(int(x)),
    forms={**C.forms, "max": "({0} > {1} ? {0} : {1})", "min": "({0} < {1} ? {0} : {1})"},
)  # fmt: skip
LANGUAGES = {"d": C, "f": C_FLOAT, "?": C_INT, "q": C_INT, "l": C_INT}
COMPUTED = {"d": "double", "f": "float", "?": "int", "q": "long long", "l": "long long"}
LETTERS = "ijklopqr"  # no array has such a name


class Loops:
    """Writes steps over one space.

    Parameters
    ----------
    steps : sequence of Step
    stored : set of Var
        The values that are needed in memory.
    base : function
        The name of the array that a place is in, and where in it the place begins.
    fresh : function
        Makes a name for a local variable.
    reduction : function
        The name of a fold for ``#pragma omp simd reduction``.
    overwrites : bool
        Whether a store may overwrite what another formula reads at the same place.
    """

    def __init__(
        self, steps: Sequence[Step], stored: set[Var], base: Callable[[Place], tuple[str, int]],
        fresh: Callable[[str], str], reduction: Callable[[Step], str], overwrites: bool = False,
    ) -> None:
        self.steps, self.stored, self.base, self.fresh = steps, stored, base, fresh
        self.reduction, self.overwrites = reduction, overwrites
        self.declares = False  # whether a variable is declared outside of the loops
        self.space = steps[0].space
        self.local: dict[Place, str] = {}  # the expression of a value of this turn
        self.letters = [*LETTERS]
        self.turns = 1  # of the loop around the innermost one, at once
        self.bounds: tuple[str, str] | None = None  # of the outermost loop, if that has a part of its turns only
        self.before: list[str] = []  # lines before all parts
        self.sums: list[tuple[Step, str]] = []  # sums of everything, of which parts only store their pieces
        computed = {s.target for s in steps if s.fold is None}
        self.uses = Counter(p for s in steps for p in s.places)
        loaded = [p for p in self.uses if p not in computed]
        stores = [s.target for s in steps if s.fold is not None or s.target.root in stored]
        self._axes(dict.fromkeys([*stores, *loaded]))

    def _axes(self, places: dict[Place, None]) -> None:
        """The loops: for each its size, and the last of the axes that it goes over."""
        full = [p for p in places if all(s or n == 1 for s, n in zip(p.strides, self.space, strict=True))]
        order = [k for k, n in enumerate(self.space) if n > 1]
        if full:
            order.sort(key=lambda k: -abs(full[0].strides[k]))
        self.axes: list[tuple[int, int]] = []
        for k in order:
            n = self.space[k]
            if self.axes and all(p.strides[self.axes[-1][1]] == p.strides[k] * n for p in places):
                self.axes[-1] = self.axes[-1][0] * n, k
            else:
                self.axes.append((n, k))

    # ------------------------------------------------------------------------------------------------ expressions

    def at(self, place: Place) -> str:
        """An entry of an array."""
        name, start = self.base(place)
        terms = [(place.strides[k], letter) for (_, k), letter in zip(self.axes, self.letters, strict=False)]
        return f"{name}[{linear(terms, start)}]"

    def _operand(self, x: Any, kind: str) -> Scalar:
        if not isinstance(x, Place):
            return number(x)
        have = x.root.dtype.char
        text = self.local.get(x) or self.at(x)
        cast = "" if have == kind or kind == "?" else f"({COMPUTED[kind]})"
        return variable(cast + text)

    def _expression(self, step: Step, before: list[str]) -> str:
        language = LANGUAGES[step.kind]
        e = step.e.at({f"x{k + 1}": self._operand(x, step.kind) for k, x in enumerate(step.xs)})
        return language.write(self._chosen(e, step.kind, before))

    def _unrolled(self, step: Step, before: list[str]) -> str:
        """The value that a turn adds to a sum, for several turns of the loop around it: stored less often."""
        texts = []
        for k in range(self.turns):
            with self.turn(k):
                texts.append(self._expression(step, before))
        return " + ".join(texts)

    def _chosen(self, e: Scalar, kind: str, before: list[str]) -> Scalar:
        """`e` with the branches that have calls computed before it: then the choice is one of two vectors."""
        if not e.args:
            return e
        args = [self._chosen(a, kind, before) for a in e.args]
        if e.head == "if" and self.axes and self.axes[-1][0] >= SHORT:
            for k in (1, 2):
                if functions_of(args[k]):
                    name = self.fresh("branch")
                    before.append(f"const {COMPUTED[kind]} {name} = {LANGUAGES[kind].write(args[k])};")
                    args[k] = variable(name)
        return e._replace(args=tuple(args))

    # -------------------------------------------------------------------------------------------------- the loops

    def lines(self) -> list[str]:
        folds = [_Fold(step, self) for step in self.steps if step.fold is not None]
        if len(self.axes) > 1 and self.axes[-2][0] % UNROLLED == 0 and len(folds) == len(self.steps):
            along = self.axes[-2][1]
            if all(fold.is_sum and not fold.run and not fold.step.target.strides[along] for fold in folds):
                self.turns = UNROLLED
        count = UNROLLED if self._side_by_side(folds) else 1
        folds += [_Fold(fold.step, self, k) for k in range(1, count) for fold in folds]
        body = []
        for k in range(count):
            with self.turn(k):
                body += self._body({fold.step: fold for fold in folds if fold.k == k})
        self.turns = max(self.turns, count)
        before = [line for fold in folds if not fold.k for line in fold.fill()]
        self.declares = not self.axes or any(fold.run and not fold.depth for fold in folds)
        if self.bounds is not None:
            self.before, before = before, []
            shared = [fold for fold in folds if fold.is_shared and fold.in_pieces and len(self.axes) == 1]
            self.sums = [(fold.step, fold.word) for fold in shared]
        return [*before, *self._nest(0, body, folds)]

    def _side_by_side(self, folds: Sequence[_Fold]) -> bool:
        """True if several rows are folded at once: one alone would wait for each of its sums."""
        runs = bool(folds) and all(fold.run == 1 and not fold.in_pieces for fold in folds)
        short = len(self.steps) <= LONGEST and len(self.axes) > 1 and self.axes[-2][0] % UNROLLED == 0
        return runs and short and prod(self.space) >= MANY

    @contextmanager
    def turn(self, k: int) -> Iterator[None]:
        """The `k`-th of several turns of the loop around the innermost one."""
        letters, at = self.letters, len(self.axes) - 2
        if k:
            self.letters = [*letters[:at], f"({letters[at]} + {k})", *letters[at + 1 :]]
        yield
        self.letters = letters

    def _head(self, depth: int, step: str = "") -> str:
        """The head of a loop."""
        n, letter = self.axes[depth][0], self.letters[depth]
        first, last = self.bounds if self.bounds is not None and not depth else ("0", str(n))
        return f"for (long {letter} = {first}; {letter} < {last}; {step or letter + '++'}) {{"

    def _nest(self, depth: int, body: list[str], folds: Sequence[_Fold]) -> list[str]:
        """The loops from `depth` on."""
        here = [fold for fold in folds if fold.depth == depth and fold.run and not fold.is_shared]
        lines = [line for fold in here for line in fold.start()]
        if depth == len(self.axes):
            lines += body
        elif depth == len(self.axes) - 1:
            lines += self._innermost(body, folds)
        else:
            inner = self._nest(depth + 1, body, folds)
            at_once = self.turns > 1 and depth == len(self.axes) - 2
            step = f"{self.letters[depth]} += {self.turns}" if at_once else ""
            lines += [self._head(depth, step), *indented(inner), "}"]
        return lines + [line for fold in here for line in fold.end()]

    def _innermost(self, body: list[str], folds: Sequence[_Fold]) -> list[str]:
        n, letter = self.axes[-1][0], self.letters[len(self.axes) - 1]
        running = [fold for fold in folds if fold.run]
        pieces = [fold for fold in running if fold.in_pieces]
        clauses = "".join(f" reduction({self.reduction(f.step)}: {f.partial})" for f in running)
        pragma = [f"#pragma omp simd{clauses}"] if n >= SHORT else []
        before = [f"{f.type} {f.partial} = {f.zero};" for f in pieces]
        after = [f"add{f.suffix}(&{f.word}, {f.partial});" for f in pieces if not f.is_shared]
        if n > PIECE and pieces:
            start, end = self.fresh("start"), self.fresh("end")
            first, last = self.bounds if self.bounds is not None and len(self.axes) == 1 else ("0", str(n))
            after += [f"{f.word}[{start} / {PIECE}] = {f.partial};" for f in pieces if f.is_shared]
            loop = [f"for (long {letter} = {start}; {letter} < {end}; {letter}++) {{", *indented(body), "}"]
            head = f"for (long {start} = {first}; {start} < {last}; {start} += {PIECE}) {{"
            stop = f"const long {end} = {start} + {PIECE} < {last} ? {start} + {PIECE} : {last};"
            return [head, *indented([stop, *before, *pragma, *loop, *after]), "}"]
        return [*before, *pragma, self._head(len(self.axes) - 1), *indented(body), "}", *after]

    def _body(self, folds: dict[Step, _Fold]) -> list[str]:
        lines: list[str] = []
        stores = []
        self.local = {}
        for step in self.steps:
            if step in folds:
                lines += folds[step].turn(self._unrolled(step, lines))
                continue
            text = self._expression(step, lines)
            stored = step.target.root in self.stored
            if self.uses[step.target] or not stored or self.overwrites:
                word = self.fresh(step.var.name)
                lines.append(f"const {COMPUTED[step.var.dtype.char]} {word} = {text};")
                self.local[step.target] = text = word
            if stored:
                stores.append(f"{self.at(step.target)} = {text};")
        return lines + stores


class _Fold:
    """The accumulator of a fold."""

    def __init__(self, step: Step, loops: Loops, k: int = 0) -> None:
        assert step.fold is not None
        self.step, self.loops, self.k = step, loops, k
        reduced = [step.target.strides[k] == 0 for _, k in loops.axes]
        self.run = next((k for k, r in enumerate(reversed(reduced)) if not r), len(reduced))
        self.depth = len(reduced) - self.run
        self.again = any(reduced[: self.depth])  # it is combined with what is in memory
        self.is_sum = step.fold[0] == PLUS
        long = self.run > 1 or self.run == 1 and loops.axes[-1][0] > PIECE
        self.in_pieces = self.is_sum and step.kind != "q" and long
        self.word = loops.fresh(step.var.name)
        self.partial = loops.fresh("part") if self.in_pieces else self.word
        self.type = COMPUTED[step.kind]
        self.suffix = step.suffix
        self.zero = LANGUAGES[step.kind].number(step.fold[1])

    @property
    def is_shared(self) -> bool:
        """True if it is a sum of all, and only a part of all turns is taken."""
        return self.run > 0 and not self.depth and self.loops.bounds is not None

    def _combined(self, a: str, b: str) -> str:
        assert self.step.fold is not None
        values = {"x1": variable(a), "x2": variable(f"({b})" if self.is_sum else b)}
        return LANGUAGES[self.step.kind].write(self.step.fold[0].at(values))

    def fill(self) -> Iterator[str]:
        """Lines before all loops: what the result in memory starts from."""
        if self.loops.axes and (self.again or not self.run):
            axes, strides = zip(self.loops.axes, self.loops.letters, strict=False), self.step.target.strides
            kept = [(n, letter) for (n, k), letter in axes if strides[k]]
            for n, letter in kept:
                yield f"for (long {letter} = 0; {letter} < {n}; {letter}++)"
            yield f"{INDENT * bool(kept)}{self.loops.at(self.step.target)} = {self.zero};"

    def start(self) -> Iterator[str]:
        yield f"struct sum{self.suffix} {self.word} = {{0, 0}};" if self.in_pieces else (
            f"{self.type} {self.word} = {self.zero};"
        )

    def turn(self, value: str) -> Iterator[str]:
        """The lines of the innermost loop."""
        if not self.loops.axes:
            yield f"{self.loops.at(self.step.target)} = {value};"
        elif self.run and self.is_sum:
            yield f"{self.partial} += {value};"
        elif self.run:
            yield f"{self.word} = {self._combined(self.word, value)};"
        elif self.is_sum:
            yield f"{self.loops.at(self.step.target)} += {value};"
        else:
            place = self.loops.at(self.step.target)
            yield f"{place} = {self._combined(place, value)};"

    def end(self) -> Iterator[str]:
        total = f"total{self.suffix}(&{self.word})" if self.in_pieces else self.word
        with self.loops.turn(self.k):
            place = self.loops.at(self.step.target)
        yield f"{place} = {self._combined(place, total) if self.again else total};"


def indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line if line and line[0] != "#" else line for line in lines]


def linear(terms: Sequence[tuple[int, str]], start: int) -> str:
    """``3 * i + j + 7``."""
    summands = [(s, name if abs(s) == 1 else f"{abs(s)} * {name}") for s, name in terms if s]
    summands += [(start, str(abs(start)))] if start or not summands else []
    summands.sort(key=lambda part: part[0] < 0)  # what is subtracted comes last
    text = "".join(f" {'-' if s < 0 else '+'} {part}" for s, part in summands)
    return text.removeprefix(" + ") if text.startswith(" + ") else f"-{text[3:]}"
