"""The marks of a worksheet: which answer is wrong, how, and by what factor."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from ..derive.writing import shape_text
from .answers import clipped
from .notation import Misfit

CLOSE = 1e-6
LEAST = 1e-6  # a largest entry that is smaller may be a rounding error
TYPED = 5e-3  # the same for numbers that were typed: three digits
CARRIED = "from your earlier answers"
FEW = 3  # entries, at all choices of the numbers, from which no mistake with another value can be told
ELSEWHERE = "it is right for the numbers given, but not for others"
NOT_FINITE = "it contains inf or nan"
NAMES = ": write the names in place of the numbers"
AT_ONE_STEP = "it is right for one step, but not for each step t"
SYMMETRIC = "only the symmetric part is determined, and that is right"
CIRCULAR = "that is what is asked for"
REMARKS = "ELSEWHERE NOT_FINITE NAMES AT_ONE_STEP SYMMETRIC CIRCULAR"  # that the page has from here
OTHER_SHAPE, MISFIT = 3, 4  # the ranks of another shape, and of shapes that do not fit
UNMARKED = "not marked here"
RIGHT = ("", CARRIED, SYMMETRIC)


@dataclass(frozen=True)
class Question:
    """One blank: its symbol as code (``dPdC``), a hint, and the right answer as code and as a value.

    Attributes
    ----------
    symbol : str
        The derivative as it is written: ``dP/dC``.
    slips : sequence of mapping of str to array
        The results of likely mistakes, each by its message, for each choice of the numbers.
    recompute : callable, optional
        The value that follows from the student's earlier answers.
    shape : tuple of int, optional
        The shape of the derivative where the answer is one number for all of its entries, otherwise None.
    letters : str
        The indices with which the symbol is written.
    is_symmetric : bool
        Whether it is a gradient with respect to a value that is computed, and symmetric for each choice of the numbers.
    steps : sequence of Question
        Of a line for step t of a loop the questions for each step.
    over : sequence of int
        The steps that the sums in its line are over.
    printed : str
        The answer as a derivation prints it.
    labels : sequence of str
        The labels in its line: an answer with these is judged where they have another order, too.
    is_of_columns : bool
        Whether vectors are columns in its line, so that ``xᵀ x`` is a number.
    uses : sequence of str
        The names in its answer, which are named first where a factor is missing.
    is_of_line : bool
        Whether it is asked for with other steps in one line.
    diagonal : int
        Of a partial of a vector with respect to one, entry by entry, the length: ``-α I`` is right for ``-α``.
    """

    word: str
    since: str
    answer: str
    value: Any
    symbol: str = ""
    slips: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    recompute: Callable[[Mapping[str, Any]], Any] | None = field(default=None, repr=False)
    shape: tuple[int, ...] | None = None
    letters: str = ""
    is_symmetric: bool = False
    steps: Sequence[Question] = field(default=(), repr=False)
    over: Sequence[int] = ()
    printed: str = ""
    labels: Sequence[str] = ()
    is_of_columns: bool = False
    diagonal: int = 0
    is_of_line: bool = False
    uses: Sequence[str] = ()

    @property
    def symbols(self) -> list[str]:
        """How its derivative may be written, with t also as in ``dL/dhₜ`` and ``dL/dh_t``."""
        of_step = [re.sub(r"_?\d+$", t, self.steps[0].symbol) for t in ("ₜ", "_t")] if self.steps else []
        return [w for w in (*of_step, self.symbol) if w]

    @property
    def numbers(self) -> Sequence[int]:
        """The number of its step, if it may be one of a loop, or those of the steps that its line sums over."""
        return self.over or [int(number) for number in re.findall(r"\d+$", self.word)]


@dataclass(frozen=True)
class Mark:
    """The mark of one answer, with a message."""

    word: str
    right: bool
    says: str

    @property
    def unmarked(self) -> bool:
        """Whether the answer cannot be read, so that it is neither right nor wrong."""
        return self.says.startswith(UNMARKED)

    def __str__(self) -> str:
        if self.unmarked:
            return f"{self.word:<10} {self.says}"
        return f"{self.word:<10} {'right' if self.right else 'wrong'}{': ' if self.says else ''}{self.says}"


class Marks(list[Mark]):
    """The marks of a sheet; true if all answers are right.

    Attributes
    ----------
    unknown : tuple of str
        Names of answers that are not blanks of the sheet.
    """

    unknown: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return all(mark.right for mark in self)

    @property
    def wrong(self) -> list[Mark]:
        return [mark for mark in self if not mark.right and not mark.unmarked]

    def __str__(self) -> str:
        blanks = ", ".join(mark.word for mark in self)
        unknown = [f"{clipped(w)} is not a blank of this sheet; its blanks are {blanks}" for w in self.unknown]
        return "\n".join([*map(str, self), *unknown, f"{sum(mark.right for mark in self)} of {len(self)} right"])

    __repr__ = __str__


def verdict(
    q: Question, answers: Sequence[Any], spaces: Sequence[Mapping[str, Any]], earlier: Mapping[str, Any],
    close: float = CLOSE, typed: str = "",
) -> str:  # fmt: skip
    """Describe what is wrong with an answer; empty if it is right.

    Parameters
    ----------
    q : Question
    answers : sequence of ndarray or None
        The answer for each choice of the numbers; None where it is not judged.
    spaces : sequence of mapping of str to array
        For each choice the right values of everything on the sheet.
    earlier : mapping of str to array
        Answers from which this one may follow.
    close : float
        How far it may be off, in terms of the largest entry.
    typed : str
        The name that is all that was written.
    """
    judged = list(_judged(q, answers, spaces, close))
    wrong = [place for place in judged if not _is_right(*place[:2], close)]
    if not wrong:
        return ""
    halves = [(_half(value, right), _symmetric(right), *more) for value, right, *more in wrong]
    if q.is_symmetric and all(_same(value, right, close) for value, right, *_ in halves):
        return SYMMETRIC
    first = wrong[0]
    is_wrong_here = first is judged[0] and answers[0] is not None
    if is_wrong_here and earlier and q.recompute is not None and _same(first[0], q.recompute(earlier), close):
        return CARRIED
    places = [first, *(place for place in judged if place is not first and np.any(place[0]))]
    halves = [(_half(value, right), _symmetric(right), *more) for value, right, *more in places]
    for here, *elsewhere in [places, halves] if q.is_symmetric else [places]:
        likely = [says for says in dict.fromkeys(_causes(*here)) if not (typed and re.fullmatch(r"that is \S+", says))]
        if likely:
            there = [set(_causes(*place)) for place in elsewhere]
            if says := next((says for says in likely if all(says in causes for causes in there)), ""):
                return says
    return _how_far(q, *first[:2], close) if is_wrong_here else ELSEWHERE


def holds(q: Question, answers: Sequence[Any], spaces: Sequence[Mapping[str, Any]], close: float) -> bool:
    """Whether an answer is right for each choice of the numbers."""
    judged = list(_judged(replace(q, slips=()), answers, spaces, close))
    return len(judged) == len(answers) and all(_is_right(*place[:2], close) for place in judged)


def may_be_right(q: Question, value: Any, space: Mapping[str, Any], close: float) -> bool:
    """Return True if an answer is right for the numbers given, or its symmetric part is."""
    right = np.asarray(space.get(q.word), float)
    value = _filled(value, right)
    return _is_right(value, right, close) or q.is_symmetric and _same(_half(value, right), _symmetric(right), close)


def _judged(
    q: Question, answers: Sequence[Any], spaces: Sequence[Mapping[str, Any]], close: float
) -> Iterator[tuple[Any, Any, dict[str, Any], Mapping[str, Any], float]]:
    """For each choice of the numbers the answer, the right one, and the values by which mistakes are known."""
    words = {w for w in spaces[0] if w != q.word} if sum(np.size(x) for x in answers if x is not None) >= FEW else ()
    for value, space, slips in zip(answers, spaces, q.slips or [{}] * len(answers), strict=False):
        if value is not None:
            right = np.asarray(space.get(q.word), float)
            others = {w: space[w] for w in (*q.uses, *space) if w in words and w in space and not callable(space[w])}
            yield _filled(value, right), right, others, slips, close


def _how_far(q: Question, value: Any, right: Any, close: float) -> str:
    """How an answer differs of which no cause is known."""
    right = right if q.shape is None or not value.ndim else np.broadcast_to(right, q.shape)
    if value.shape != right.shape:
        return f"expected shape {shape_text(right.shape)}, got {shape_text(value.shape)}"
    if not np.all(np.isfinite(value)):
        return NOT_FINITE
    off = ~(np.abs(value - right) <= close * np.abs(right).max(initial=0.0))
    inside = off[(slice(1, -1),) * off.ndim]
    is_at_ends = off.sum() > 1 and inside.size and not inside.any()  # where an entry beyond them is 0
    where = ", those at the ends" if is_at_ends else ""
    start = f"{int(off.sum())} of {off.size} entries are off{where}, by up to" if off.size > 1 else "it is off by"
    return f"{start} {np.abs(value - right).max() * (1 + 1e-14):.4g}"  # 1.3125 is 1.313, as in JavaScript


def how_wrong(says: str | Exception) -> int:
    """A rank of what is said of an answer: right, a mistake that is known, other values, another shape, an error."""
    if isinstance(says, Exception) or says in RIGHT:
        return MISFIT + (not isinstance(says, Misfit)) if isinstance(says, Exception) else 0
    if says.startswith("expected shape"):
        return OTHER_SHAPE
    return 2 if re.search(" entries are off|^it is off", says) or says == NOT_FINITE else 1


def rounding(answer: Any) -> float:
    """How far a number in a formula may be from what it was rounded from, 0.399 of 1/√(2π), in terms of itself; 0 for
    fewer digits than three.
    """
    several = re.findall(r"(?<![\w.])(\d*)\.(\d+)(?![\w.])", answer) if isinstance(answer, str) else []
    sizes = [(len((a + b).lstrip("0")), float(f"{a}.{b}"), len(b)) for a, b in several]
    return max((0.5 / 10**places / size for digits, size, places in sizes if digits > 2 and size), default=0.0)


def of_all_steps(several: Sequence[str], numbers: Sequence[int]) -> str:
    """What is said of one formula for all steps of a loop, of what is said of it for each.

    ``-y / p`` is right at a step where y is 1, for the numbers given, and wrong at the others.
    """
    wrong = [(says, t) for says, t in zip(several, numbers, strict=False) if says not in RIGHT]
    here = [(says, t) for says, t in wrong if not says.startswith(ELSEWHERE)]
    if not wrong or several[-1].startswith(UNMARKED):
        return several[-1]
    says, t = max(here or wrong, key=lambda at: how_wrong(at[0]))
    if all(says == other for other, _ in here) and (how_wrong(says) == 1 or len(here) == len(several)):
        return says
    return AT_ONE_STEP if len(here) < len(several) else f"at step t = {t}, {says}"


def _symmetric(x: Any) -> Any:
    return (x + x.T) / 2 if x.ndim == 2 and x.shape[0] == x.shape[1] else x


def _half(value: Any, right: Any) -> Any:
    """What counts of the gradient of a symmetric value: all of it, or where the right one is that of one triangle, as
    of a Cholesky factor, the symmetric part.
    """
    is_triangle = right.ndim == 2 and np.any(np.tril(right, -1)) != np.any(np.triu(right, 1))
    return _symmetric(value) if is_triangle else value


def _filled(value: Any, right: Any) -> Any:
    """An answer with one entry for several, in the right shape where these are equal in the right one."""
    sizes = (1,) * (right.ndim - value.ndim) + value.shape
    fits = len(sizes) == right.ndim and all(n in (1, m) for n, m in zip(sizes, right.shape, strict=True))
    first = right[tuple(slice(0, 1) if n == 1 else slice(None) for n in sizes)] if fits else None
    return np.broadcast_to(value, right.shape) if first is not None and np.all(first == right) else value


def _is_right(value: Any, right: Any, close: float) -> bool:
    """Whether an answer is right, perhaps with one entry for several that are equal."""
    try:
        return _same(value, right, close) or _same(np.broadcast_to(value, right.shape), right, close)
    except ValueError:
        return False


def _causes(
    value: Any, right: Any, others: Mapping[str, Any], slips: Mapping[str, Any], close: float
) -> Iterator[str]:
    """The likely mistakes that explain an answer, the likeliest first."""
    if not np.all(np.isfinite(value)):
        yield NOT_FINITE
        return
    is_transposed = value.ndim == 2 and _same(value.T, right, close)
    if is_transposed and value.shape != right.shape:
        yield "it is transposed"
    ratio = _ratio(value, right, close)
    most = 4 if value.size == 1 else 12  # one number is near to some fraction
    simple = Fraction(ratio).limit_denominator(most) if ratio else Fraction(0)
    if ratio and 0 < abs(simple) <= 12 and abs(float(simple) - ratio) < close * abs(ratio):
        yield "the sign is wrong" if simple == -1 else f"it is {simple} times the right one{_count(simple, value)}"
    if is_transposed:
        yield "it is transposed"
    yield from _slipped(slips, value, close)
    yield from _sums(value, right, close)
    yield from (f"that is {w}" for w, x in others.items() if np.any(value) and _same(value, x, close))
    yield from _by_another(value, right, others, close)
    if ratio:
        yield f"it is {ratio:.6g} times the right one"
    reordered = value.shape == right.shape and _same(np.sort(value, axis=None), np.sort(right, axis=None), close)
    if reordered and value.size > 1:
        yield "the right numbers in the wrong places"


SIGNS = ((1, ""), (-1, ", and the sign is wrong"))
TERM = "the sign of the term "


def _slipped(slips: Mapping[str, Any], value: Any, close: float) -> Iterator[str]:
    """The mistakes whose result is the answer, perhaps with another sign, or one number for all of its entries."""
    full = {says: np.asarray(x) if np.ndim(x) else np.broadcast_to(x, value.shape) for says, x in slips.items()}
    for sign, more in SIGNS:
        for says in (says for says, slip in full.items() if _same(value, sign * slip, close)):
            is_of_sign = more and says.startswith(TERM)  # those of the other terms are wrong
            yield f"only {says.removesuffix(' is wrong')} is right" if is_of_sign else f"{says}{more}"


def _sums(value: Any, right: Any, close: float) -> Iterator[str]:
    """Mistakes with sums: one along an axis is missing, or there is one too many."""
    for axis in range(value.ndim):
        if any(_same(value.sum(axis=axis, keepdims=kept), right, close) for kept in (False, True)):
            where = f"the sum over axis {axis}", ", along which the argument was broadcast"
            yield f"{where[0]} is missing{where[1]}" if right.size > 1 else "a sum is missing"
    if value.size == 1 < np.count_nonzero(right) and _same(value.reshape(()), np.sum(right), close):
        yield f"it is summed over all axes: expected shape {shape_text(right.shape)}"


def _count(simple: Fraction, value: Any) -> str:
    """A remark if a wrong factor is a number of entries, as when a sum and a mean are confused."""
    sizes = {n: f"its length along axis {k}" for k, n in enumerate(value.shape)}
    sizes[value.size] = "its number of entries"
    for n, what in sizes.items():
        if n > 2 and abs(simple) in (n, Fraction(1, n)):
            return f", and {n} is {what}: perhaps {'a sum for a mean' if abs(simple) == n else 'a mean for a sum'}"
    return ""


def _by_another(value: Any, right: Any, others: Mapping[str, Any], close: float) -> Iterator[str]:
    """Mistakes with factors: one is missing, or it has to be divided by one."""
    derivatives, is_right = [w for w in others if re.match(r"d[A-Za-z]", w)], _same(value, right, close)
    words = [*derivatives, *(w for w in others if w not in derivatives)]
    for (sign, more), word in product(SIGNS, words):
        other = np.asarray(others[word])
        if other.dtype.kind not in "fiu" or other.size == 0 or not np.all(other) or other.ndim > value.ndim:
            continue
        if np.ptp(other) == 0 and (other.size > 1 or abs(other.item()) == 1 and not is_right):
            continue
        with suppress(ValueError):
            if _same(sign * value * other, right, close):
                yield f"the factor {word} is missing{more}"
            if _same(value, sign * right * other, close):
                yield f"it has to be divided by {word}{more}"


def fitted(value: Any, shape: tuple[int, ...], full: tuple[int, ...] | None = None) -> Any:
    """An answer in the right shape, if it only has the axes of a sum that were kept, or the number in all its entries
    where that is right.
    """
    is_laid_out = full is not None and value.ndim in (1, len(full))
    is_full = full is not None and is_laid_out and np.squeeze(value).shape == tuple(n for n in full if n != 1)
    if is_full and value.size and np.all(np.abs(value - value.flat[0]) <= CLOSE * abs(value.flat[0])):
        return value.flat[0].reshape(shape)
    kept = (value.ndim > len(shape) or value.ndim == 1) and np.squeeze(value).shape == tuple(n for n in shape if n != 1)
    return value.reshape(shape) if kept or value.size == math.prod(shape) == 1 else value


@np.errstate(all="ignore")
def _same(a: Any, b: Any, close: float) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    finite = np.isfinite(b)
    if not finite.all() and not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    off = np.abs(a - b).max(initial=0.0, where=finite)
    return bool(off <= close * max(np.abs(b).max(initial=0.0, where=finite), LEAST))


def _ratio(value: Any, right: Any, close: float) -> float | None:
    """The number `r` with ``value == r * right``, or None."""
    if value.shape != right.shape or not np.any(right) or not np.all(np.isfinite(right)):
        return None
    r = float(np.vdot(right, value) / np.vdot(right, right))
    return round(r, 9) if _same(value, r * right, close) and abs(r) > LEAST else None
