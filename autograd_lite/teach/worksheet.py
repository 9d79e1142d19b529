"""Worksheets: a derivation, or the source of a backward pass, with blanks; an answer key; and a checker that shows
which answer is wrong, how, and by what factor.

An answer is an array, or a formula, which is interpreted and never executed (see :mod:`~autograd_lite.teach.answers`).
A formula is evaluated with the *right* values of everything else, so that each mistake is marked once. An array that is
wrong only because an earlier answer was is reported as such.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..base.tree import leaves
from ..derive.derivation_lines import Total
from ..derive.explain import Derivation, explain
from ..derive.formula import Expr, constant, name, number, terms_of, walk
from ..derive.layout import RULE, Definition, Line, Section, markdown_of, names_split, small, text_of
from ..derive.mathml import html_of
from ..derive.rolled import Counting
from ..derive.shorter import ROUNDING
from ..derive.source import Source
from ..derive.writing import LATEX, MARKED, TEXT, Full, text, text_name
from ..engine.operands import raw
from ..program.assignments import of_loops
from ..program.capture import run
from ..tensor import Tensor
from . import points
from .answers import (
    FEWER,
    FUNCTIONS,
    LONG as FORMULA,
    READINGS,
    Reader,
    assignments,
    clipped,
    digamma,
    is_python,
    worked_out,
    written,
)
from .blanks import Code, as_variable, between, first_by_symbol, form_of, lines_at, questions, shape_of_all, teaching
from .grading import (
    CIRCULAR,
    CLOSE,
    ELSEWHERE,
    MISFIT,
    NAMES,
    OTHER_SHAPE,
    RIGHT,
    TYPED,
    UNMARKED,
    Mark,
    Marks,
    Question,
    fitted,
    holds,
    how_wrong,
    may_be_right,
    of_all_steps,
    rounding,
    verdict,
)
from .hand_out import HandOut
from .notation import (
    DECIMAL,
    INDICES,
    LETTERS,
    WITH_INDICES,
    Board,
    Misfit,
    Unread,
    below_t,
    decomposed,
    variants,
    with_names,
)
from .spellings import signs_replaced, spelled

BLANK = "_" * 14
MANY = 12  # blanks
SMALLEST = 1e-5  # largest entry of an answer: one that is much smaller cannot be told from 0
GIVEN = 64  # entries of the largest array of which the numbers are printed
_SIGMA = r"Σ(?=⁻¹|⁻ᵀ|ᵀ|\s*(?:[-+*/@)⊙·]|$))", "Sigma", ""  # the name, which no term follows
NUMBERS = "biuf"  # kinds of arrays
OF_STEP = r"ₜ|_t(?![^\Wᵀ])|_\{?\(?t(?![\w])"  # behind a variable of a loop
STEP = r"(?<=[^\W\d])\d+|[ₜₛₘ](?:[₊₋][₀-₉]+)?|(?<=\[)\d+(?=\])"  # of a value, as it is printed
OVER = r"; [a-z] = (\d+) … (\d+)(, .+)?$"  # in a remark: the steps of a loop that a line is for
KINK = r"; [^;]+ at (?:a tie|0)(?![^;])|; sign\(0\) = 0|; Φ: [^;]+"  # in a remark: a convention, which no one can guess
LINE = r"\s*(\S+)\s*=(?!\s*=)\s*(\S.*?)(\s{2,}(since|is|#|\d).*|\s*)"  # a blank, its formula, a remark
LONG = 20_000  # characters of a text with all answers; more if the answer key is long


class Worksheet(HandOut):
    """The result of :func:`worksheet`: print it for students; ``.key()`` has the answers, ``.check()`` marks.

    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> sheet = worksheet(x**2, wrt=[x])
    >>> print(sheet)
    Given  x (1)
    <BLANKLINE>
    The numbers
    <BLANKLINE>
      x = 2
    <BLANKLINE>
    The steps
    <BLANKLINE>
      L = x²                            1        4.
    <BLANKLINE>
    Fill in
    <BLANKLINE>
      dL/dx = ______________            since L = x²
    <BLANKLINE>
    """

    def __init__(
        self, questions: Sequence[Question], body: str, key: str, markdown: str, spaces: Sequence[Mapping[str, Any]],
        words: Mapping[str, str] | None = None, whole: Mapping[str, str] | None = None, letter: str = "t",
        constants: Sequence[tuple[float, str]] = (), shown: Mapping[str, str] | None = None,
        unseen: Iterable[str] = (), kept: Sequence[str] = (), own: Sequence[tuple[str, str, str]] = (),
        full: Mapping[str, Sequence[int]] = MappingProxyType({}), alone: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.questions = tuple(questions)
        self._body, self._key, self._markdown = body, key, markdown
        #: What an answer may use, for each choice of the numbers: the given ones first.
        self.spaces = tuple({as_variable(w): x for w, x in space.items()} for space in spaces)
        #: The labels of which each but the first has another order; an answer without them is not judged there.
        self._labels = [_others(at, self.spaces[0]) for at in self.spaces[1:]]
        #: The given values, 0 or numbers, that a formula may have without their names. They stay so in all of these
        #: but the first `main`, but for the one that is `alone` another, if any.
        self.kept, self.alone = tuple(map(as_variable, kept)), tuple(map(as_variable, alone))
        self.main = len(spaces) - len(alone)
        values = [w for w, x in spaces[0].items() if not callable(x)]
        #: The given numbers, each with its name.
        self.constants = constants
        #: Names as they are printed, where these are others; nothing for what is not printed.
        names = ((as_variable(w), TEXT.name(w)) for w in values)
        self.shown = shown or {w: s for w, s in names if w != s and w.isidentifier()} | dict.fromkeys(unseen, "")
        derivatives = {w: as_variable(w) for w in values if "/" in w}
        derivatives |= {w: q.word for q in questions for w in q.symbols}
        symbols = {w: derivatives[symbol] for w, symbol in written(derivatives).items()}
        round_d = {re.sub(r"^d|(?<=/)d", "∂", w): word for w, word in symbols.items()}
        #: What may be written, and the name that it stands for.
        self.words = {**_in_short(symbols), **written(map(as_variable, values)), **round_d, **symbols}
        self.words |= {f"{m[1]}_{m[2]}{m[3]}": w for w in values if (m := MARKED.fullmatch(w))}
        self.words |= words or {}
        self.words |= {decomposed(w): x for w, x in self.words.items()}  # ŷ as letter and mark
        gradients = {x for w, x in self.words.items() if "/" in w}  # -1, 0 and 1 there are no labels
        self._labels = [others - gradients for others in self._labels]
        shapes = {w: np.shape(x) for w, x in self.spaces[0].items() if not callable(x)}
        self.own = own
        #: The shapes of the derivatives that are one number for all of their entries.
        self.full = full
        functions = FUNCTIONS | {w: x for w, x in self.spaces[0].items() if x is digamma}
        self.board = Board(self.words, functions, shapes, whole, letter, own, self.full, constants)
        #: The values that are named in messages.
        self.seen = [{w: x for w, x in at.items() if self.shown.get(w) != ""} for at in self.spaces]
        self.readers = [Reader(space, self.shown, self.full) for space in self.spaces]
        blanks = {at.word for q in questions for at in (q, *q.steps)}
        short = {w: word for word in blanks for w in (word.replace("_", ""), word)}
        symbols |= {w.replace("dSigma", "dΣ"): word for w, word in symbols.items()}
        self._blanks = {w: word for w, word in symbols.items() if word in blanks} | short

    def __str__(self) -> str:
        return self._body

    __repr__ = __str__

    def markdown(self) -> str:
        """The sheet with mathematics, for a notebook or a page."""
        return self._markdown

    _repr_markdown_ = markdown

    def _repr_html_(self) -> str:
        return html_of(self._markdown)

    def key(self) -> str:
        """The answers."""
        return self._key

    def check(self, answers: Mapping[str, Any] | Callable[..., Any] | str) -> Marks:
        """Mark answers.

        Parameters
        ----------
        answers : mapping, str or callable
            ``{"dPdC": "P * (1 - P)", "dLdW": array}``; or the text of assignments or of a whole function; or a function
            of the given values, by their names, whose local variables (or returned dict) are the answers. Text is
            interpreted, never executed; a function is called. A formula may be Python or what the board has:
            ``P(1 - P)``, ``Xᵀ @ dL/dS``, ``½ Σ (P - y)²``.

        Returns
        -------
        Marks
            One for each blank, including empty ones.

        Raises
        ------
        ValueError
            If a text of assignments cannot be parsed, or a function has an argument that is not given.
        """
        answered = self._answers(answers)
        typed = {
            self._blanks[w]: f"{word} = {x}" if len(w) < len(word) and not self._has_left_side(w, x) else x
            for word, x in answered.items() if (w := self._bare(word)) in self._blanks
        }  # fmt: skip
        marks = Marks()
        if isinstance(answers, Mapping) or isinstance(answers, str) and not typed:
            marks.unknown = tuple(str(w) for w in answered if self._bare(w) not in self._blanks)
        values: dict[str, Any] = {}
        for q in self.questions:
            several = []
            for at in q.steps or [q]:  # one formula for all steps, or an answer for each
                answer = typed.get(at.word, typed.get(q.word))
                try:
                    is_empty = answer is None or isinstance(answer, str) and not answer.strip("_ \t\n")
                    says = "not answered" if is_empty else self._says(at, answer, values)
                    says = says if at.word in typed or not q.steps else self.board.at_step_t(says, at.numbers[0])
                except Misfit as error:
                    says = f"{at.word if isinstance(answer, Exception) else clipped(answer)} does not work: {error}"
                except Exception as error:  # a fault of an answer is the message of its mark
                    is_ours = isinstance(error, (Unread, OverflowError))
                    shown = at.word if isinstance(answer, Exception) else clipped(answer)
                    says = f"{UNMARKED}: {shown}: {error if is_ours else 'it cannot be computed as it is written'}"
                several.append(says)
                if says not in RIGHT and (says.startswith(UNMARKED) or q.word not in typed):
                    break
            says = of_all_steps(several, [at.numbers[0] for at in q.steps if q.word in typed])
            says = self.board.of_letter(says, clipped(answer))
            marks.append(Mark(q.word, says in RIGHT, says))
        return marks

    def _bare(self, word: Any) -> str:
        """A symbol without indices: ``dL/dE`` for ``dL/dEₖ``, or for ``dL/dE_k`` where that is no blank."""
        shown = word if word in self._blanks else self.board.with_t(decomposed(str(word)).strip())
        bare = shown if shown in self._blanks else self.board.with_subscripts(shown).rstrip(f"{INDICES}₍₎")
        is_direct = self.words.get(bare, "").endswith("_direct")  # ∂L/∂β, and not what is left blank for dL/dβ
        of_row = re.sub(r"\[t ?(?:[-+] ?\d+)?\]$", "", str(word))  # dL/dX[t-1]
        words = bare, bare.rstrip("ₜ"), of_row, *([] if is_direct else [bare.replace("∂", "d")])
        return next((w for w in words if w in self._blanks), bare)

    def _has_left_side(self, word: str, answer: Any) -> bool:
        """Whether an answer is no text, or begins with the symbol of its blank itself, ``dL/dEₖ = …``."""
        left, _, right = answer.partition("=") if isinstance(answer, str) else ("", "", "")
        sides = {self._bare(side.strip()) for side in (left, spelled(left))}  # also \mu
        are_same = any(self._blanks.get(side) == self._blanks[word] for side in sides)
        return not isinstance(answer, str) or right[:1] != "=" and right != "" and are_same

    def _says(self, q: Question, answer: Any, values: dict[str, Any]) -> str:
        """What is wrong with an answer; raises an error if it cannot be read."""
        best = self._best(q, answer, values)
        is_open = self._is_open
        with_numbers = with_names(answer, self.constants) if isinstance(answer, str) and 0 < how_wrong(best) < 4 else ()
        ones = [f"the factor {w} is missing" for x, w in self.constants if x == 1]  # who writes 5 for n may omit λ = 1
        if any(self._best(q, named, {}, FEWER) in (*RIGHT, *ones) for named in with_numbers):
            return ""
        if isinstance(answer, str) and best == ELSEWHERE:
            return f"{best}{NAMES if re.search(DECIMAL, answer) else ''}"
        if how_wrong(best) == OTHER_SHAPE and self._is_mixed:
            raise Unread("arrays with indices and without them stand side by side: write indices of all, or of none")
        is_another = isinstance(best, str) and best.startswith("that is d")
        if isinstance(answer, str) and (is_another or 2 <= how_wrong(best) <= MISFIT):
            for says, changed in variants(answer, self.board.words, self.board.shapes):
                if self._best(q, changed, {}, FEWER) in RIGHT:
                    return says
        is_unfit = is_open and how_wrong(best) in (OTHER_SHAPE, MISFIT) and not str(best).startswith("the sum")
        is_unfit &= how_wrong(best) == OTHER_SHAPE or "do not fit" not in str(best) or not self.board.is_indexed(answer)
        right = re.sub(r"^\s*[d∂][^=<>!]*/[d∂][^=<>!]*=(?!=)", "", answer) if isinstance(answer, str) else ""
        if right and is_unfit and (re.search(WITH_INDICES, right) or "range" in str(best)):
            raise Unread(str(best))  # it may be meant in a way that is not known
        if isinstance(best, Exception):
            raise best
        return re.sub(r"[^\W\d]\w*", lambda m: self.shown.get(m[0]) or m[0], best)

    def _best(self, q: Question, answer: Any, values: dict[str, Any], most: int = READINGS) -> str | Exception:
        """What is wrong with an answer in that of its readings, of which `most` are tried, in which least is."""
        tried: list[str | Exception] = []
        self._is_mixed = False  # whether arrays with indices and without them stand side by side
        self._is_open = False  # whether there are axes of which it is not certain which they are
        readings = [frozenset[str]()]
        for reading in readings:
            try:
                places, is_number = self._worked_out(q, answer, reading, most == FEWER)
                earlier = {} if isinstance(answer, str) else {**values, q.word: places[0]}
                with np.errstate(all="ignore"):
                    close = TYPED if is_number else max(CLOSE, rounding(answer))
                    typed = self.board.name_in(answer, *q.numbers[:1] or (0,)) if isinstance(answer, str) else ""
                    says = verdict(q, places[: self.main], self.seen, earlier, close, typed)
                    says = "" if says not in RIGHT and self._is_with_kept(q, answer, places, close) else says
                    is_circular = says in RIGHT and isinstance(answer, str) and self._is_of_itself(q, answer, reading)
                    tried.append(CIRCULAR if is_circular else says)
                if not len(tried) - 1 or tried[-1] in RIGHT:
                    values[q.word] = places[0]
            except Exception as error:  # of this reading
                tried.append(error)
            if "each" in reading and (how_wrong(tried[-1]) > 1 or str(tried[-1]).startswith("the sum")):
                tried[-1] = tried[0]  # of what cannot be read in two ways it is not known that it is meant so
            if tried[-1] in RIGHT or len(tried) == most:
                break
            used = (self.seen[0].get(w, 0) for w in self.readers[0].used)
            self._is_open |= self.board.free != "" or any(np.ndim(x) > 1 for x in used)
            also = {"matrix"} if q.diagonal else set[str]()
            read = self.readers[0].choices - {"row" * q.is_of_columns, "each" * ("axis" in str(answer))} | also
            choices = sorted(read) if isinstance(answer, str) else []
            self._is_mixed |= "apart" in choices
            products = [c for c in choices if re.match("product|dot", c)]  # first all as those of matrices
            firsts = [c for c in choices if c.startswith("first")]
            several = [reading.union(c) for c in (products, firsts, *([c] for c in choices))]
            readings += [more for more in dict.fromkeys(several) if more not in readings]
        return min(tried, key=how_wrong)

    def _is_with_kept(self, q: Question, answer: Any, places: Sequence[Any], close: float) -> bool:
        """Whether a formula that has given values, 0 or numbers, without their names is right while they stay so."""
        named = self.readers[0].used.intersection(self.kept)
        is_with = isinstance(answer, str) and len(named) < len(self.kept) and len(places) == len(self.spaces)
        of = [w for w in self.alone if not w or w in named] if is_with else []
        at = [k for k, w in enumerate(self.alone, self.main) if w in of and places[k] is not None]
        is_tried = {self.alone[k - self.main] for k in at} == {"", *named}
        return is_tried and holds(q, [places[k] for k in (0, *at)], [self.seen[k] for k in (0, *at)], close)

    def _is_of_itself(self, q: Question, answer: str, reading: Set[str]) -> bool:
        """Return True if a formula has other values where what is asked for has."""
        if q.word not in self.readers[0].used:
            return False
        values = [Reader({**self.spaces[0], q.word: self.spaces[0][q.word] + k}, None, self.full) for k in (0, 1)]
        shape, letters = ((q.diagonal, q.diagonal), "") if "matrix" in reading else (np.shape(q.value), q.letters)
        first, other = (x.formula(answer, self.board, shape, letters, q.numbers, reading) for x in values)
        return not np.array_equal(first, other, equal_nan=True)

    def _answers(self, answers: Any) -> Mapping[str, Any]:
        """The answers: for each a formula, a value, one value for each choice of the numbers, or an error."""
        if isinstance(answers, str):
            lines = self._lines(answers) if self.questions else {}
            answers = self._assigned(answers) if lines is None else lines
        if isinstance(answers, Mapping):
            return answers
        code, space = answers.__code__, self.spaces[0]
        arguments = code.co_varnames[: code.co_argcount]
        missing = [w for w in arguments if w not in space]
        if missing:
            given = [w for w, x in space.items() if w not in self._blanks and not callable(x)]
            raise ValueError(
                f"worksheet: expected a function of {', '.join(given)}, got arguments {', '.join(missing)}"
            )
        result, variables = run(answers, [space[w] for w in arguments], {})
        return {**dict(variables), **(result if isinstance(result, Mapping) else {})}

    def _assigned(self, text: str) -> Mapping[str, Any]:
        results, uses = [], dict[str, set[str]]()
        for space in self.spaces:
            blanks = {w: space[word] for w, word in self._blanks.items() if word in space}
            given = {w: x for w, x in space.items() if w not in blanks}
            try:
                values, uses = assignments(text, given, blanks, max(LONG, 4 * len(self._key)))
            except ValueError as error:
                raise ValueError(f"worksheet: the answers cannot be read: {error}") from None
            results.append(values)
        first = results[0]
        return {w: x if isinstance(x, Exception) else Assigned([at.get(w) for at in results], uses[w])
                for w, x in first.items()}  # fmt: skip

    def _worked_out(
        self, q: Question, answer: Any, reading: Set[str] = frozenset(), is_tried: bool = False
    ) -> tuple[list[Any], bool]:
        """The values of an answer, one for each choice of the numbers where it is judged; whether it is a number. There
        is one value of an answer that is only tried, if it is wrong.
        """
        n = q.diagonal if "matrix" in reading else 0
        shape, letters = ((n, n), "") if n else (np.shape(q.value), q.letters)
        self.board.is_of_line = q.is_of_line
        others: Iterable[Any]
        if isinstance(answer, Exception):  # of a line in a text
            raise answer
        if isinstance(answer, Assigned):
            first, *others, used = *answer.values, answer.used
            is_number = not used
        elif isinstance(answer, str):
            how = self.board, shape, letters, q.numbers, reading
            first = self.readers[0].formula(answer, *how)
            used = {*self.readers[0].used}  # -1 for all entries of an array is a formula, and so is ones(3)
            is_number = not used and (np.size(q.value) < 2 or np.size(first) > 1 and not re.search(ALIKE, answer))
            others = (_elsewhere(at, self.readers[0]) for at in self.readers[1:])
        else:
            first, others, used, is_number = answer, [], set[str](), False
        at = [fitted(_of_diagonal(raw(first), n), np.shape(q.value), q.shape)]
        is_wrong = is_tried and not may_be_right(q, at[0], self.seen[0], max(CLOSE, rounding(answer)))
        elsewhere = [] if is_number or is_wrong else others
        for value, space, labels in zip(elsewhere, self.spaces[1:], self._labels, strict=False):
            try:
                is_there = value is not None and q.word in space and (not labels or labels & used & {*q.labels})
                is_judged = is_there and np.all(np.isfinite(value))  # not a/|a| at 0
                at.append(fitted(_of_diagonal(value, n), np.shape(q.value), q.shape) if is_judged else None)
            except (TypeError, ValueError):  # nothing, or an error: it is not judged there
                at.append(None)
        return at, is_number

    def _lines(self, text: str) -> dict[str, str] | None:
        """A text with formulas for some blanks, perhaps as on the board, or the sheet filled in; or None.

        The last line of a blank counts, and a remark behind it does not.
        """
        if len(text) > max(LONG, 4 * len(self._key)):
            return None
        lines = [re.fullmatch(LINE, line) for line in text.splitlines() if line.strip()]
        bare = {m[1]: self._bare(m[1]) for m in lines if m}
        short = [m for m in lines if m and len(m[2]) <= FORMULA]
        answers = {m[1]: m[2] for m in short if bare[m[1]] in self._blanks}
        sides = {w for m in short for w in (m[1], bare[m[1]])} & (self._blanks.keys() | self.board.words.keys())
        are_lines = all(m and not sides.isdisjoint((m[1], bare[m[1]])) for m in lines)
        if not answers and lines and all(m and "/d" in m[1].replace("∂", "d") for m in lines) and not is_python(text):
            return {m[1].strip(): m[2] for m in short}  # of derivatives that are not asked
        return answers if are_lines or answers and not is_python(text) else None


ALIKE = r"\b(ones|zeros|full|eye|identity)\b"  # what makes arrays of equal numbers
Made: TypeAlias = "Callable[[Sequence[Question]], Worksheet]"


class Assigned(NamedTuple):
    """What a line of a text assigns: a value for each choice of the numbers."""

    values: list[Any]
    used: Set[str]  # the names of the sheet


def _elsewhere(reader: Reader, first: Reader) -> Any:
    """The value for other numbers of the formula that was read `first`; None where it has none."""
    try:
        return reader.same_formula(first)
    except Exception:  # such as a name that has no other value
        return None


def _of_diagonal(x: Any, n: int) -> Any:
    """An answer as an array; of a diagonal matrix with n rows the diagonal."""
    x = np.asarray(x, float)
    return np.diag(x) if n and x.shape == (n, n) and np.array_equal(x, np.diag(np.diag(x))) else x


def _others(values: Mapping[str, Any], of: Mapping[str, Any]) -> set[str]:
    """The whole numbers that are others there."""
    whole = {w: x for w, x in values.items() if not callable(x) and np.asarray(x).dtype.kind in "iu"}
    return {w for w, x in whole.items() if not np.array_equal(x, of.get(w, x))}


def _in_full(x: Any) -> Expr:
    """A given value with its numbers, 0.5 and not ½; what is rounding noise beside the largest entry is 0."""
    x = np.asarray(x)
    if not x.ndim and not re.fullmatch(r"-?0\.\d{1,4}", repr(x.item())):
        return constant(x)
    noise = np.abs(x) < 1e-15 * np.max(np.abs(x), initial=0.0) if x.dtype.kind == "f" else False
    return replace(constant(np.atleast_1d(x)), value=np.where(noise, 0, x + 0).view(Full))


def _in_short(derivatives: Mapping[str, str]) -> dict[str, str]:
    """Other names of gradients: ``dW``, ``dL_dW`` and ``grad_W`` for ``dL/dW``."""
    of = Counter(w.partition("/")[0] for w in derivatives).most_common(1)
    gradients = {w.partition("/d")[2]: word for w, word in derivatives.items() if of and w.startswith(f"{of[0][0]}/")}
    return {by + w: word for w, word in gradients.items() for by in ("d", "grad_", f"{of[0][0]}_d", f"{of[0][0]}d")}


def _slashed(word: str) -> str:
    """``dP/dC`` for ``dPdC``; nothing for any other variable."""
    m = re.fullmatch(r"d(\w+?)_?d(\w+)", word)
    return f"d{m[1]}/d{m[2]}" if m else ""


# ---------------------------------------------------------------------------------------------------------- the sheets


def worksheet(
    what: Tensor | Source,
    *args: Any,
    wrt: Tensor | Sequence[Tensor] | None = None,
    names: Mapping[str, Any] | None = None,
    depth: int | None = None,
    blanks: int | str | Sequence[str] | None = None,
    vary: str | Sequence[str] = (),
    seed: int = 0,
) -> Worksheet:
    """A derivation with blanks, or the source of a backward pass with blanks.

    Parameters
    ----------
    what : Tensor or Source
        A loss to derive, or the result of :func:`~autograd_lite.derive.source`.
    *args
        For a source: values of its arguments, on which answers are checked.
    wrt, names, depth
        For a loss: as for :func:`~autograd_lite.derive.explain`. With a `depth`, known steps are opened, and their
        lines are blanks too.
    blanks : int, str or sequence of str, optional
        How many lines are left blank, or which: ``["dL/dS", "dL/dW"]``. By default at most 12: the gradients that were
        asked for, and one line of each kind. The other lines are printed.
    vary : str or sequence of str, optional
        The names whose floats are drawn again, with as many decimals. Everything else, such as labels and masks, stays.
    seed : int
        For `vary`: each student can have other numbers.

    Raises
    ------
    ValueError
        If a name in `blanks` is no line, or one in `vary` has no floats or is one from which other data were computed.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> w = ag.tensor([[0.5], [-1.0]], requires_grad=True, name="w")
    >>> x, y = np.array([[1.0, 2.0]]), np.array([[1.0]])
    >>> p = ag.sigmoid(x @ w)
    >>> L = 0.5 * (y - p) ** 2
    >>> sheet = worksheet(L, wrt=w, names={"x": x, "y": y, "p": p})
    >>> print(sheet.check({"dLdp": "y - p", "dpda": "p * (1 - p)", "dadw": "x", "dLdw": "x.T @ dLdp"}))
    dLdp       wrong: the sign is wrong
    dpda       right
    dadw       wrong: it is transposed
    dLdw       wrong: the factor dp/da is missing
    1 of 4 right

    One blank, and other weights:

    >>> print(worksheet(L, wrt=w, names={"x": x, "y": y, "p": p}, blanks="dL/dw", vary="w", seed=7))
    Given  x (1x2), y (1x1), w (2x1)
    ...
    Fill in
    <BLANKLINE>
      dL/dp = -(y - p)                  since L = ½ (y - p)²
    ...
      dL/dw = ______________            since a = x @ w
            is 2x1
    <BLANKLINE>
    """
    if isinstance(what, Source):
        return _of_source(what, leaves(args), blanks, _listed(vary), seed)
    return _of_derivation(explain(what, wrt, names, depth=depth), blanks, _listed(vary), seed)


def _listed(words: str | Sequence[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _of_derivation(d: Derivation, blanks: Any, vary: Sequence[str], seed: int) -> Worksheet:
    """The derivation with blanks in the place of some formulas."""
    sections = d.sections  # this gives names to what has none
    start = points.varied(d, vary, seed) if vary else d.chain.environment()
    without = points.tried(d)
    start = {w: x for w, x in start.items() if w not in without}
    choices = [start, *points.elsewhere(d, start)]
    kept, with_kept = points.with_kept(d, start, choices[1:])
    tables = [first_by_symbol(lines_at(d, env) if k or vary else d.lines) for k, env in enumerate(choices)]
    inside = {w for s in d.counted for line in s.lines for e in line.formulas for w in (line.symbol, *e.names)}
    counting = d.counting if any("@" in w for w in inside) else None
    printed = {line.symbol: line for line in sections[-1].lines[::-1] if line.formulas}

    def space(env: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
        # Neither the k of a loop that is over, nor a condition that is used under no name: small = |r| ≤ δ follows r.
        last = {*LETTERS, d.letter, *(w for w, x in env.items() if np.asarray(x).dtype == bool)}
        kept = env.keys() - d.order.hidden - (last - {*dict(d.given), *d.chain.names.values()})
        values = {w: x for w, x in env.items() if w in kept and np.asarray(x).dtype.kind in NUMBERS}
        lines = {w: line.value for w, line in table.items() if line.value is not None}
        every = dict(between(d, table.values())) | values | lines
        return {counting.name(w): x for w, x in every.items()} if counting else every

    spaces = list(map(space, choices, tables))
    code = Code(d.chain.environment())
    printed = {w: counting.line(line) for w, line in printed.items()} if counting else printed
    asked_of = [
        questions(d, [table[w] for table in tables], printed[w], code, choices)
        for w, line in tables[0].items() if w in printed and (isinstance(line, Total) or not line.formula.is_number)
    ]  # fmt: skip
    if counting:
        asked_of = [[_counted(q, counting, tables[0]) for q in forms] for forms in asked_of]
    further = {"ψ": digamma} if any(w in text_of(d.sections, TEXT) for w in "ψΓ") else {}
    spaces = [{**space, **code.functions, **further} for space in spaces]
    asked = [t.symbol for t in d.totals if t.node in d.order.asked]
    given = replace(sections[0], lines=[*map(counting.line, sections[0].lines)]) if counting else sections[0]
    sections = [given, *(d.counted if counting else d.in_steps(d.letter))[1:]]
    constants = _constants(d, spaces[0])
    words = code.words | {text(e): w for w, e in d.chain.constants.lengths.items()}  # len(triples), of which m is short
    letter, first = (counting.word, counting.first) if counting else (d.letter, 1)
    own = [*_own_spellings(d, sections[1:], spaces[0], letter, first, constants)]
    full = _full(tables[0], counting)
    whole_sheet = partial(Worksheet, spaces=spaces, words=words, letter=letter, constants=constants, own=own, full=full)
    made = partial(whole_sheet, body="", key="", markdown="")
    confirmed = _with_steps(_confirmed(asked_of, spaces, made), sections[-1].lines, made)
    lines = sections[-1].lines
    chosen = _chosen(confirmed, blanks, asked, _hollow(confirmed, lines, made, asked))
    chosen = _with_needed(chosen, confirmed, lines, blanks)
    sections = _as_printed(d, sections, chosen, made)
    chosen = _in_letters(chosen, sections[-1].lines, made)
    if vary:
        sections = _with_values(sections, spaces[0])
    whole: dict[str, str] = {}
    sections[-1] = _in_order(sections[-1])
    with names_split(line for s in sections for line in s.lines):
        shown = _with_blanks(sections, confirmed, chosen, spaces[0], whole)
    sheet = made(chosen)
    reads = {q.answer: q for q in chosen}
    whole = {side: answer for side, answer in whole.items() if sheet._best(reads[answer], side, {}) not in RIGHT}
    whole |= dict(_of_chains(sections, chosen))
    markdown = markdown_of(shown).replace(LATEX.name(BLANK), r"\underline{\hspace{8em}}")
    body, key = f"{text_of(shown, TEXT)}\n", f"{text_of(sections, TEXT)}\n"
    with_kept = [(w, space(env, first_by_symbol(lines_at(d, env))) | code.functions) for w, env in with_kept]
    with_lines = {counting.name(w) for w in printed} if counting else printed
    others = (as_variable(w) for w in spaces[0] if "/" in w and w not in with_lines)
    unseen = [*_unseen(body, chosen, spaces[0]), *others]
    alone, kept = [w for w, _ in with_kept], kept if with_kept else ()
    spaces += [env for _, env in with_kept]
    return whole_sheet(chosen, body, key, markdown, whole=whole, unseen=unseen, kept=kept, alone=alone)


def _of_chains(sections: Sequence[Section], chosen: Sequence[Question]) -> Iterator[tuple[str, str]]:
    """The chain rule as an answer, in the order in which derivations have it, ``dL/dr · dr/dp · dp/dw``, also from a
    gradient on the way, with the answer of each blank.
    """
    answers = {TEXT.name(q.symbol): q.answer for q in chosen if not q.steps}
    lines = [line.written(TEXT)[:2] for s in sections if s.title == RULE for line in s.lines]
    for side, right in lines:
        chains = {side: [right]} if side in answers else {}
        factors = right.split(" · ") if not re.search(" [+-] |Σ", right) else []
        for k in range(2, len(factors) + 1):
            root, below = factors[0].partition("/")[0], [f.rpartition("/")[2] for f in factors[:k]]
            starts = (" · ".join([f"{root}/{x}", *factors[j:k]]) for j, x in enumerate(below[:-1], 1))
            chains.setdefault(f"{root}/{below[-1]}", []).extend(starts)
        for word, several in chains.items():
            by = (" · ", "·", " * ", "*", " ", " @ ") if word in answers else ()
            typed = [sign.join(chain.split(" · ")) for chain in several for sign in by]
            typed += [re.sub(r"(?<!\w)d|(?<=/)d", "∂", of) for of in typed]
            yield from ((of, answers[word]) for of in typed)


def _counted(q: Question, how: Counting, symbols: Iterable[str]) -> Question:
    """A question with the steps counted as in the program."""
    words = {as_variable(how.name(w)): as_variable(w) for w in symbols}

    def recompute(values: Mapping[str, Any]) -> Any:
        return q.recompute and q.recompute({words.get(w, w): x for w, x in values.items()})

    says = [{re.sub(r"[^\W\d][\w/]*", lambda m: how.name(m[0]), w): x for w, x in at.items()} for at in q.slips]
    symbol, of = how.name(q.symbol), recompute if q.recompute else None
    return replace(q, word=as_variable(symbol), symbol=symbol, slips=says, recompute=of)


def _as_printed(d: Derivation, sections: list[Section], chosen: Sequence[Question], made: Made) -> list[Section]:
    """The sections with sums over steps as the derivation has them, ``Σₖ x[k]``, if the answers can be typed so."""
    if any("@" in line.symbol for s in sections for line in s.lines):
        return sections
    sheet, printed = made(chosen), [sections[0], *d.counted[1:]]
    sides = {line.symbol: line.written(TEXT)[1] for line in printed[-1].lines if line.formulas}
    is_read = all(q.symbol in sides and sheet._best(q, sides[q.symbol], {}) in RIGHT for q in chosen)
    return printed if is_read else sections


def _in_letters(chosen: Sequence[Question], lines: Sequence[Line], made: Made) -> list[Question]:
    """The questions, each with the indices that its line has, if its answer can be read so."""
    sheet, letters = made(chosen), {line.symbol: line.indexed[0] for line in lines if line.formulas}

    def with_letters(q: Question) -> Question:
        new = replace(q, letters=letters.get(q.symbol, ""))
        is_other = new.letters.isalpha() and new.letters != q.letters and len(q.letters) in (0, len(new.letters))
        return new if is_other and sheet._best(new, q.answer, {}) in RIGHT else q

    return [*map(with_letters, chosen)]


def _of_loops(
    d: Derivation, sections: Sequence[Section], space: Mapping[str, Any], first: int
) -> Iterator[tuple[str, str, str]]:
    """Spellings of what the program has in its loops, whose steps count from `first`: points[t-1] is xₜ, and margin may
    be written for marginₜ, or in what is no sum over steps for all of them.
    """
    lines = [line for section in sections for line in section.lines if re.search("@[a-z]$", line.symbol)]
    last = max((t for line in lines for t in _range(line)), default=0)
    steps = range(first, last + 1)
    stems = {TEXT.name(line.symbol[:-2]): line.symbol[:-2] for line in lines}
    given = (w[:-1] for w in space if w[-1] == str(first) and last > first)
    stems |= {w: w for w in given if all(f"{w}{t}" in space for t in steps)}
    computed = {w[:-1] for n, w in d.chain.names.items() if n in d.chain.defined and w[-1] == "0"}  # α0 = E[0]
    every = {w: f"(stack([{','.join(f'{w}{t}' for t in at)}]))" for w, s in stems.items()
             for at in [range(0 if s.rpartition("/d")[2] in computed else first, last + 1)]
             if all(f"{s}{t}" in space for t in at)}  # fmt: skip
    for code in {eq.code for eq in d.chain.recorded.equations} - {None} if lines else ():
        for word, (of, part) in of_loops(code).items():
            n = np.shape(space[of])[:1] if of in space else ()
            is_whole = part in (slice(None), slice(1, None)) and n == (len(steps) + (part.start or 0),)
            if is_whole and word not in stems:
                word = word.removesuffix("_t")
                every |= {word: of}
                behind = rf"(?={OF_STEP}|_?[0-9]+(?![^\Wᵀ])|[₀-₉]|_?[i-n](?![\w])|[{INDICES}])"
                yield rf"(?<![\w/.]){word}{behind}", of, word
    named = {*dict(d.given), *d.chain.names.values(), *map(attrgetter("symbol"), sections[-1].lines)}
    number = r"(?<=[⁰¹²³⁴-⁹])|(?<=(?<![\w])[0-9])|(?<=\.[0-9])"
    before = rf"(?:(?<![\w.∂])|{number})(?<!_\{{)(?!(?<=\w/)d[A-Za-z\u0370-\u03ff])"
    behind = rf"(?!(?![⁰¹²³⁴-⁹⁻ᵀ])[\w\[{INDICES}ₜ₀-₉₍\u0300-\u036f]| ?_| ?(?:\^|\*\*)? ?\(?t(?![\w])|[)}}] ?[_ₜ])"
    for word in sorted({*stems, *every} - {*named, *map(TEXT.name, named), *LETTERS, "t"}):
        yield f"{before}{re.escape(word.rstrip('_'))}{behind}", f"{word.rstrip('_')}ₜ", "ₜ"
        if word in every:
            yield f"{before}{re.escape(word.rstrip('_'))}{behind}", every[word], "Σ"
        if word.endswith("_"):
            yield rf"(?<![\w/.∂])({re.escape(word[:-1])})(?=[\[(]t)", r"\1_", ""  # rate2[t]


def _own_spellings(
    d: Derivation, sections: Sequence[Section], space: Mapping[str, Any], letter: str, first: int,
    constants: Sequence[tuple[float, str]],
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    """Spellings of this program: those of its loops, Sigma, T - 1 as the end of a sum, and (dL/dd)ₜ for the entry of
    the gradient of an array d beside those of its steps, dL/ddₜ.
    """
    yield from _of_loops(d, sections, space, first)
    if "Sigma" in space:
        yield _SIGMA
    for x, w in constants:
        if w.isidentifier() and x in range(1, 1000):
            end = rf"(Σ_?\{{? ?[t{letter}] ?= ?[0-9]+ ?\}}?\^[{{(] ?){w} ?- ?1(?= ?[)}}])"
            yield end, rf"\g<1>{int(x) - 1}", ""
    symbols = (line.symbol for line in sections[-1].lines if re.search("/.*@[a-z]$", line.symbol))
    for word in sorted({w[:-2] for w in symbols if np.ndim(space.get(w[:-2], 0))}):
        shown = TEXT.name(word)
        both = "|".join(map(re.escape, (shown, re.sub("^d|(?<=/)d", "∂", shown))))
        of = rf"\( *(?:\(({both})\)|({both})) *\) ?"
        t = rf"({letter})(?![\w])|[{{(] ?({letter})(?: ?([-+]) ?([0-9]+))? ?[)}}]"
        yield rf"{of}({below_t(letter)}(?:[₊₋][₀-₉]+)?)", r"\1\2[\3]", "("
        yield rf"{of}_(?:{t})", r"\1\2[\3\4\5\6]", "("
        yield rf"{of}(?=[₀-₉{INDICES}_])", r"( \1\2)", "("


def _with_values(sections: Sequence[Section], space: Mapping[str, Any]) -> list[Section]:
    """Sections with the values of other numbers."""
    return [replace(s, lines=[_with_value(line, space) for line in s.lines]) for s in sections]


def _in_order(section: Section) -> Section:
    """A section in which the steps of a line are in the order of the loop."""
    return replace(section, lines=[replace(line, how=_forwards(line.how)) for line in section.lines])


def _unseen(body: str, chosen: Sequence[Question], space: Mapping[str, Any]) -> list[str]:
    """The values that do not stand on the sheet."""
    words = {*re.findall(r"[\w\u0300-\u036f.]+", f"{body} {' '.join(q.answer for q in chosen)}")}
    return [w for w, x in space.items() if not callable(x) and "/" not in w and not _is_printed(w, words)]


def _is_printed(word: str, words: Collection[str]) -> bool:
    """Whether a value stands on the sheet: by its name, or as that of step t."""
    shown = TEXT.name(word)
    of_step = re.sub(r"_?\d+$", "", shown)
    at_step = f"{re.escape(of_step)}[ₜₛ{INDICES}]"
    return any(w in words for w in (word, shown)) or any(re.match(at_step, w) for w in words)


def _constants(d: Derivation, space: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The given numbers of which no gradient is taken, also those in short lists, each with its name."""
    parameters = {d.chain.names[n] for n in d.order.asked}
    given = [(w, np.asarray(space[w])) for w, _ in d.given if w in space and w not in parameters and w.isidentifier()]
    entries = [(f"{w}{list(at) if at else ''}", v) for w, x in given if x.size <= 8 for at, v in np.ndenumerate(x)
               if not at or abs(v) not in (0, 1)]  # fmt: skip
    return [(float(v), as_variable(w)) for w, v in entries if np.isfinite(v)]


def _with_steps(several: Sequence[Question], lines: Sequence[Line], made: Made) -> list[Question]:
    """The questions, those of the steps of a loop as one where the derivation writes their lines once.

    They are no questions if the line cannot be typed.
    """
    at, sheet = {q.symbol: q for q in several}, made(several)
    asked = []
    for line in (line for line in lines if line.formulas):
        steps = [at.pop(w) for w in _symbols(line) if w in at]
        steps = [replace(q, is_of_line=True) for q in steps] if steps[1:] and "@" in line.symbol else steps
        if sum(line.symbol == other.symbol and bool(other.formulas) for other in lines) > 1:
            continue  # a line for some steps, and another one for others
        if "@" not in line.symbol:
            is_sum = any(part.role == "sum over steps" for e in line.formulas for part in walk(e))
            asked += [replace(q, over=_range(line)) if is_sum else q for q in steps]  # taps hₜ = h[t-1] are not steps
            continue
        answer, word = line.written(TEXT)[1], as_variable(re.sub("_?@", "_", line.symbol))
        if steps and all(sheet._best(q, answer, {}) in RIGHT for q in steps):
            asked.append(replace(steps[0], word=word, symbol=TEXT.name(line.symbol), answer=answer, steps=steps))
    return asked


def _symbols(line: Line) -> list[str]:
    """The symbols of the lines that are written as one for step t."""
    return [re.sub("@[a-z]", str(t), line.symbol) for t in _range(line)] if "@" in line.symbol else [line.symbol]


def _range(line: Line) -> Sequence[int]:
    """The steps of a loop that a line is for, or sums over."""
    over = re.search(OVER, line.how)
    if "@" in line.symbol:  # not those of a sum in its line
        over = re.search(rf"; {line.symbol[-1]} = (\d+) … (\d+)", line.how) or over
    first, last = (int(over[1]), int(over[2])) if over else (0, -1)
    return range(first, last + 1) if over is None or first < last else range(first, last - 1, -1)


def _forwards(how: str) -> str:
    """A remark with the steps as the loop has them, where the lines are those of the way back: t = 1 … 3."""
    over = re.search(OVER, how)
    if over is None or int(over[1]) < int(over[2]):
        return how
    return f"{how[: over.start(1)]}{over[2]} … {over[1]}{over[3] or ''}"


def _with_blanks(
    sections: Sequence[Section], several: Sequence[Question], chosen: Sequence[Question], space: Mapping[str, Any],
    whole: dict[str, str],
) -> list[Section]:  # fmt: skip
    """The sections as they are handed out; `whole` gets the formulas of the blanks, so that they can be copied.

    A line that says what is left blank in another is not printed, unless it has a gradient that one of the others uses.
    """
    lines, blanks = [], {TEXT.name(q.symbol): q for q in chosen}
    likewise: dict[str, list[str]] = {form_of(q): [] for q in chosen}
    for q in several:
        if (w := TEXT.name(q.symbol)) not in blanks and form_of(q) in likewise:
            likewise[form_of(q)].append(w)
    omitted = {w for words in likewise.values() for w in words}
    omitted |= _unused(_giving_away(sections[-1].lines, blanks) - omitted, sections[-1].lines, omitted)
    shapes = {w: np.shape(x) for w, x in space.items() if not callable(x)}
    for line in (line for line in sections[-1].lines if line.formulas and TEXT.name(line.symbol) not in omitted):
        shape = _common([shapes[w] for w in _symbols(line)], line.shape)
        line = replace(line, shape=shape, value=None, check="")
        if TEXT.name(line.symbol) in blanks:
            q = blanks[TEXT.name(line.symbol)]
            sides = [signs_replaced(side).strip() for side in line.written(TEXT)[1:] if side != q.answer]
            sides += line.written(LATEX)[1:]
            whole |= {} if q.steps else {side: q.answer for side in sides if not re.fullmatch(r"\w+", side)}
            shape, over = q.shape or line.shape, re.search(OVER, line.how)
            others = ", ".join(likewise.pop(form_of(q), ()))
            remarks = [q.since, *re.findall(KINK, line.how), over[0] if over else ""]
            remarks += [f"; likewise {others}"] if others else []
            since = line.since or _of_factors(line, sections[-1].lines)
            formulas, how = [name(BLANK)], "".join(remarks)
            line = replace(line, formulas=formulas, since=since, how=how, ones=(), shape=shape, letters=q.letters)
        elif any("/" in w for w in line.formulas[0].names):  # its closed form has the answers of the lines before
            line = replace(line, formulas=line.formulas[:1])
        lines.append(line)
    steps = (s for s in sections[1:-1] if s.title != RULE)
    return [sections[0], *_numbers(sections[0], space), *steps, Section("Fill in", lines)]


def _full(lines: Mapping[str, Any], counting: Counting | None) -> dict[str, tuple[int, ...]]:
    """The shapes of the derivatives that are one number for all of their entries."""
    shapes = ((w, shape_of_all(line)) for w, line in lines.items())
    return {as_variable(counting.name(w) if counting else w): shape for w, shape in shapes if shape}


def _with_needed(
    chosen: list[Question], several: Sequence[Question], lines: Sequence[Line], blanks: Any
) -> list[Question]:
    """The questions, if none were chosen by the teacher with those that their answers use and whose lines would give
    one away.
    """
    if blanks is not None:
        return chosen
    names = {TEXT.name(line.symbol): set(map(TEXT.name, line.formulas[0].names)) for line in lines if line.formulas}
    asked = {TEXT.name(q.symbol): q for q in chosen}
    used = {w for blank in asked for w in names.get(blank, ())} & _giving_away(lines, asked)
    likewise = {*map(form_of, chosen)}
    more = [q for q in several if TEXT.name(q.symbol) in used and form_of(q) not in likewise]
    every = [q for q in several if any(q is kept for kept in (*chosen, *more))]
    return _with_needed(every, several, lines, None) if more else chosen


def _giving_away(lines: Sequence[Line], blanks: Container[str]) -> set[str]:
    """The lines that have an answer, or a term of one, in them, or are in one, perhaps with values of other steps."""
    formulas = {TEXT.name(line.symbol): line.formulas[0] for line in lines if line.formulas}
    answers = [e for w, e in formulas.items() if w in blanks]

    def kinds(several: Iterable[Expr]) -> set[str]:
        return {re.sub(STEP, "", text(part)) for part in several if not part.is_atom}

    wholes = kinds([*answers, *(part for e in answers for _, part in terms_of(e))])
    parts = kinds(part for e in answers for part in walk(e))
    others = {w: e for w, e in formulas.items() if w not in blanks}
    return {w for w, e in others.items() if wholes & kinds(walk(e)) or parts & kinds([e])}


def _unused(words: set[str], lines: Sequence[Line], omitted: Set[str]) -> set[str]:
    """Those of the lines whose gradients no line that is left uses, such as dL/dh3 in that of dL/daₜ."""
    left = [line for line in lines if line.formulas and TEXT.name(line.symbol) not in words | omitted]
    used = {_at_step(w, t) for line in left for w in line.formulas[0].names for t in _range(line) or (0,)}
    needed = {w for line in lines if (w := TEXT.name(line.symbol)) in words and used.intersection(_symbols(line))}
    return _unused(words - needed, lines, omitted) if needed else words


def _at_step(word: str, t: int) -> str:
    """The name of a value at a step: ``h3`` for ``h@t+1`` at the second."""
    return re.sub(r"@[a-z]([+-]\d+)?", lambda m: str(t + int(m[1] or 0)), word)


def _numbers(given: Section, space: Mapping[str, Any]) -> list[Section]:
    """The section with what is given, in full, if any of it is small."""
    values = ((line.symbol, space[line.symbol]) for line in given.lines if not line.formulas and line.symbol)
    arrays = [Line(w, (_in_full(x),)) for w, x in values if np.size(x) <= GIVEN]
    return [Section("The numbers", arrays)] if arrays else []


def _common(shapes: Sequence[Any], other: Any) -> Any:
    """The shape of the values of all steps; that of the line, which is not stated, where they differ."""
    return shapes[0] if len({*shapes}) == 1 else other


def _of_factors(line: Line, lines: Sequence[Line]) -> list[Definition]:
    """What the last factors of a gradient, which have lines of their own, were derived from."""
    wrt = line.symbol.partition("/")[2][1:]
    several = (d for other in lines if other.symbol.partition("/")[2][1:] == wrt for d in other.since)
    return list({d.symbol: d for d in several}.values())


def _confirmed(
    several: Sequence[Sequence[Question]], spaces: Sequence[dict[str, Any]], made: Made
) -> list[Question]:
    """Of each question the form whose answer, as it is typed, is right. Where it is not, for other numbers, none is
    judged.
    """
    sheet, confirmed = made([forms[0] for forms in several]), []
    labels = {w for others in sheet._labels for w in others}
    for forms in several:
        judged = list[tuple[Question, list[bool]]]()
        for q in (q for q in forms if not judged or not all(judged[0][1] or [False])):
            right = [*_is_right(sheet, q)]
            is_read = not all(right or [False]) and sheet._best(q, q.answer, {}) in RIGHT  # in another reading
            used = sorted(sheet.readers[0].used)
            slips = [{re.sub(r"d\w+/d\w+", lambda m: TEXT.name(m[0]), w): x for w, x in at.items()} for at in q.slips]
            q = replace(q, labels=[w for w in used if w in labels], uses=used, slips=slips)
            judged.append((q, [True] * len(spaces) if is_read else right))
        q, right = max(judged, key=lambda pair: sum(pair[1]))
        for space, is_right in zip(spaces[1:], right[1:], strict=False):
            if not is_right:
                space.pop(q.symbol, None)
        confirmed += [q] if right[:1] == [True] else []
    return confirmed


def _is_right(sheet: Worksheet, q: Question) -> Iterator[bool]:
    """Whether the answer of a question is right, for each choice of the numbers; nothing if it cannot be typed."""
    with suppress(Exception):
        places, _ = sheet._worked_out(q, q.answer)
        for x, at in zip(places, sheet.spaces, strict=False):
            yield x is not None and not verdict(q, [x], [at], {})


def _hollow(several: Sequence[Question], lines: Sequence[Line], made: Made, asked: Sequence[str]) -> set[str]:
    """Those whose answer is 0, or something else where it is read as it is printed; and those that were not asked for
    whose answer is another gradient as it stands, or right too with a wrong sign or step: a term is 0.
    """
    printed = {TEXT.name(line.symbol): line.written(TEXT)[1] for line in lines if line.formulas}
    sheet, hollow = made(several), set[str]()
    for q in several:
        steps, shown = q.steps or [q], printed.get(TEXT.name(q.symbol), "")
        read = sheet._best(steps[0], shown, {})
        is_other = isinstance(read, str) and read not in RIGHT
        of = re.findall(r"\bd\w+d\w+|d[\w.]+/d[\w.]+", q.answer)
        others = [[np.ravel(at[as_variable(w)]) for at in sheet.spaces if as_variable(w) in at] for w in of]
        rights = [np.ravel(at[q.word]) for at in sheet.spaces if q.word in at]
        is_copy = any(o and len(o) == len(rights) and all(map(np.array_equal, o, rights)) for o in others)
        changed = (
            text for says, text in variants(q.answer, sheet.board.words, {})
            if "Σₜ" not in shown and re.search("sign|step", says)  # of a sum over steps one term may be 0
        )
        values = [at.value for at in steps]  # a condition may not hold at the first step
        is_small = max(np.abs(x).max(initial=0) for x in (*values, *rights)) < SMALLEST
        slips = (all(sheet._best(at, text, {}) in RIGHT for at in steps) for text in changed)
        is_asked = q.symbol in asked
        if is_small or is_other and (q.steps or not is_asked) or not is_asked and (is_copy or any(slips)):
            hollow.add(q.word)
    return hollow


def _chosen(
    questions: Sequence[Question], blanks: Any, asked: Sequence[str], hollow: Set[str] = frozenset()
) -> list[Question]:
    """The questions that are asked."""
    if blanks is None or isinstance(blanks, int):
        questions = [q for q in questions if q.word not in hollow or blanks is not None]
        words = teaching(questions, asked, MANY if blanks is None else blanks, blanks is not None)
    else:
        names = {w: q.word for q in questions for w in (q.symbol, text_name(q.symbol), q.word)}
        if unknown := [w for w in _listed(blanks) if w not in names]:
            lines = ", ".join(q.symbol or q.word for q in questions)
            raise ValueError(f"worksheet: {', '.join(unknown)} cannot be left blank; the lines are {lines}")
        words = [names[w] for w in _listed(blanks)]
    return [q for q in questions if q.word in words]


def _with_value(line: Line, space: Mapping[str, Any]) -> Line:
    """A line with another value."""
    value = np.asarray(space.get(line.symbol, line.value))
    if line.value is not None and np.shape(line.value) == value.shape and value.dtype.kind == "f":
        value = np.where((line.value == 0) & (np.abs(value) < ROUNDING), 0.0, value)  # a rounding error
    if line.value is None and len(line.formulas) == 1 and line.formulas[0].is_number and not line.since:
        return replace(line, formulas=(number(value.flat[0].item()),))  # a vector of zeros is 0
    return replace(line, value=None if line.value is None else small(value), check="")


def _from_code(code: str, space: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """A line of source as a function of the student's own variables."""
    def recompute(values: Mapping[str, Any]) -> Any:
        try:
            return worked_out(code, {**space, **values})
        except ValueError:
            return np.nan

    return recompute


def _of_source(emitted: Source, args: Sequence[Any], blanks: Any, vary: Sequence[str], seed: int) -> Worksheet:
    given = {w: np.asarray(raw(x)) for w, x in zip(emitted.leaves, leaves(args), strict=False)}
    if unknown := [w for w in vary if w not in given]:
        raise ValueError(f"worksheet: {', '.join(unknown)} is no argument; the arguments are {', '.join(given)}")
    rng = np.random.default_rng(seed)
    given |= {w: points.redrawn(w, given[w], rng) for w in vary}
    variables, *others = (emitted.variables(*at.values()) for at in (given, *points.near(given)))
    function = {w: v for w, v in emitted.space.items() if callable(v) and w != emitted.name}
    for word in re.findall(r"\b(?:np|scipy)(?:\.[a-z]\w*)+(?=\()", emitted):  # answers may call them too
        module, _, path = word.partition(".")
        function.setdefault(word, attrgetter(path)(emitted.space[module]))
    rows, questions = emitted.splitlines(), []
    backward = next((k for k, row in enumerate(rows) if row.strip() == "# backward"), len(rows))
    assigned = {k: m for k, row in enumerate(rows) if (m := re.fullmatch(r"    (\w+) = (.*?)\s*(#.*)?", row))}
    for word, code, reason in (m.groups("") for k, m in assigned.items() if k > backward and m[1] in variables):
        recompute = _from_code(code, {**emitted.space, **variables})
        questions.append(Question(word, reason, code, variables[word], _slashed(word), recompute=recompute))
    spaces = [{**function, **at} for at in (variables, *others)]
    chosen = _chosen(questions, blanks, [q.symbol for q in questions if q.word in emitted.results])
    for k, m in assigned.items():
        if k > backward and any(q.word == m[1] for q in chosen):
            rows[k] = f"    {m[1]} = {BLANK}  {m[3] or ''}".rstrip()
    body = "\n".join(rows) + "\n"
    return Worksheet(chosen, body, str(emitted), f"```python\n{body}```", spaces)
