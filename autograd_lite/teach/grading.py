"""The marks of a worksheet: which answer is wrong, how, and by what factor."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..derive.writing import shape_text
from .answers import clipped

CLOSE = 1e-6
CARRIED = "from your earlier answers"


@dataclass(frozen=True)
class Question:
    """One blank: its symbol as code (``dPdC``), a hint, and the right answer as code and as a value.

    Attributes
    ----------
    symbol : str
        The derivative as it is written: ``dP/dC``.
    slips : mapping of str to array
        The results of likely mistakes, each by its message.
    recompute : callable, optional
        The value that follows from the student's earlier answers.
    functions : mapping of str to callable
        What its answer may use besides the usual functions, such as the correlation of a convolution.
    words : mapping of str to str
        How these are written: ``{"⋆": "correlated"}``.
    """

    word: str
    since: str
    answer: str
    value: Any
    symbol: str = ""
    slips: Mapping[str, Any] = field(default_factory=dict, repr=False)
    recompute: Callable[[Mapping[str, Any]], Any] | None = field(default=None, repr=False)
    functions: Mapping[str, Any] = field(default_factory=dict, repr=False)
    words: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Mark:
    """The mark of one answer, with a message."""

    word: str
    right: bool
    says: str

    def __str__(self) -> str:
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
        return [mark for mark in self if not mark.right]

    def __str__(self) -> str:
        blanks = ", ".join(mark.word for mark in self)
        unknown = [f"{clipped(w)} is not a blank of this sheet; its blanks are {blanks}" for w in self.unknown]
        return "\n".join([*map(str, self), *unknown, f"{len(self) - len(self.wrong)} of {len(self)} right"])

    __repr__ = __str__


def verdict(q: Question, value: Any, others: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Describe what is wrong with an answer; empty if it is right.

    Parameters
    ----------
    q : Question
    value : ndarray
    others : mapping of str to array
        The right values of everything else on the sheet.
    earlier : mapping of str to array
        Answers from which this one may follow.
    """
    right = np.asarray(q.value, float)
    if _same(value, right):
        return ""
    if earlier and q.recompute is not None and _same(value, q.recompute(earlier)):
        return CARRIED
    for says in _causes(q, value, right, others):
        return says
    if value.shape != right.shape:
        return f"expected shape {shape_text(right.shape)}, got {shape_text(value.shape)}"
    off = np.abs(value - right) > CLOSE * np.abs(right).max(initial=0.0)
    return f"{int(off.sum())} of {off.size} entries are off, by up to {np.abs(value - right).max():.4g}"


def _causes(q: Question, value: Any, right: Any, others: Mapping[str, Any]) -> Iterator[str]:
    """The likely mistakes that explain an answer, the likeliest first."""
    if not np.all(np.isfinite(value)):
        yield "it contains inf or nan"
    is_transposed = value.ndim == 2 and _same(value.T, right)
    if is_transposed and value.shape != right.shape:
        yield "it is transposed"
    ratio = _ratio(value, right)
    if ratio == -1:
        yield "the sign is wrong"
    simple = Fraction(ratio).limit_denominator(12) if ratio else Fraction(0)
    if ratio and 0 < abs(simple) <= 12 and abs(float(simple) - ratio) < 1e-6 * abs(ratio):
        yield f"it is {simple} times the right one{_count(simple, value)}"
    if is_transposed:
        yield "it is transposed"
    yield from _slipped(q, value)
    yield from _sums(value, right)
    yield from (f"that is {w}" for w, x in others.items() if np.ndim(x) == value.ndim and np.array_equal(value, x))
    yield from _by_another(value, right, others)
    if ratio:
        yield f"it is {ratio:.6g} times the right one"
    reordered = value.shape == right.shape and _same(np.sort(value, axis=None), np.sort(right, axis=None))
    if reordered and value.size > 1:
        yield "the right numbers in the wrong places"


SIGNS = ((1, ""), (-1, ", and the sign is wrong"))


def _slipped(q: Question, value: Any) -> Iterator[str]:
    """The mistakes of this question whose result is the answer, perhaps with another sign."""
    for says, slip in q.slips.items():
        yield from (f"{says}{more}" for sign, more in SIGNS if _same(value, sign * np.asarray(slip)))


def _sums(value: Any, right: Any) -> Iterator[str]:
    """Mistakes with sums: one along an axis is missing, or there is one too many."""
    for axis in range(value.ndim):
        if any(_same(value.sum(axis=axis, keepdims=kept), right) for kept in (False, True)):
            yield f"the sum over axis {axis} is missing, along which the argument was broadcast"
    if value.size == 1 < right.size and _same(value.reshape(()), np.sum(right)):
        yield f"it is summed over all axes: expected shape {shape_text(right.shape)}"


def _count(simple: Fraction, value: Any) -> str:
    """A remark if a wrong factor is a number of entries, as when a sum and a mean are confused."""
    sizes = {n: f"its length along axis {k}" for k, n in enumerate(value.shape)}
    sizes[value.size] = "its number of entries"
    for n, what in sizes.items():
        if n > 2 and abs(simple) in (n, Fraction(1, n)):
            return f", and {n} is {what}: {'a sum for a mean' if abs(simple) == n else 'a mean for a sum'}"
    return ""


def _by_another(value: Any, right: Any, others: Mapping[str, Any]) -> Iterator[str]:
    """Mistakes with factors: one is missing, or occurs once too often."""
    derivatives = [w for w in others if re.match(r"d[A-Za-z]", w)]
    for word in [*derivatives, *(w for w in others if w not in derivatives)]:
        other = np.asarray(others[word])
        if other.dtype.kind not in "fiu" or other.size == 0 or not np.all(other) or other.ndim > value.ndim:
            continue
        if np.ptp(other) == 0 and (other.size > 1 or abs(other.item()) == 1):
            continue
        try:
            product, without = value * other, right * other
        except ValueError:
            continue
        for sign, more in SIGNS:
            if _same(sign * product, right):
                yield f"the factor {word} is missing{more}"
            if _same(value, sign * without):
                yield f"the factor {word} occurs once too often{more}"


def fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """An answer in the right shape, if it only has the axes of a sum that were kept."""
    kept = value.ndim > len(shape) and np.squeeze(value).shape == tuple(n for n in shape if n != 1)
    return value.reshape(shape) if kept or value.size == math.prod(shape) == 1 else value


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= CLOSE * max(np.abs(b).max(initial=0.0), 1e-300))


def _ratio(value: Any, right: Any) -> float | None:
    """The number `r` with ``value == r * right``, or None."""
    if value.shape != right.shape or not np.any(right):
        return None
    r = float(np.vdot(right, value) / np.vdot(right, right))
    return round(r, 9) if _same(value, r * right) else None
