"""Compare a claimed derivative with one measured by differences.

Small arguments are compared entry by entry. Large ones are compared along a random direction, to which every entry
contributes, and at a sample of their entries; if the direction disagrees, bisection finds the wrong entry.

What counts as equal is decided in one place, :meth:`Claim.judge`. A quick measurement may only confirm a derivative. If
it does not, the slope is measured again (:mod:`autograd_lite.testing.careful_slopes`) with an error that includes the
measured noise of the function. If that contradicts the derivative, the rounding of the claimed derivative is measured
too, and the slope from nearest by. A derivative is wrong only if none of this explains the difference. A difference
within the error of the measurement is not judged, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np

from ..base.tree import leaves
from .careful_slopes import local_slopes, look_closely
from .diagnose import likely_cause
from .leaves import Array, Map, Shape, as_array
from .noise import noise
from .numeric import Flat, Leaf, Slopes, scales, show, slopes
from .report import PRINTED, Entry, Finding, Report

ALL = 64  # arguments of up to this many numbers are compared entry by entry
SAMPLE = 16  # entries compared in larger ones
RTOL = {2: 1e-2, 4: 1e-4, 8: 1e-7}  # by the bytes of one real number
STRICT = 1e-2  # the tolerance of a sum of many entries, as a fraction of that of one entry
SAFE = 6.0  # a measurement contradicts a number that is further off than this many times its error
MARGIN = 16.0  # the allowance for a given number's own rounding, in standard deviations
OK, WRONG, KINK, UNSURE = range(4)


@dataclass(frozen=True)
class Tolerance:
    """How far apart two derivatives may be, for numbers of a given precision."""

    rtol: float
    atol: float
    eps: float

    @classmethod
    def of(cls, dtypes: Sequence[np.dtype[Any]], rtol: Any = None, atol: Any = None) -> Tolerance:
        """The tolerance for the coarsest of these dtypes; `rtol` and `atol` are numbers or dicts by dtype name."""
        coarsest = max(dtypes, key=lambda d: np.finfo(d).eps)
        real = np.finfo(coarsest).dtype
        rtol, atol = (t.get(real.name) if isinstance(t, dict) else t for t in (rtol, atol))
        standard = RTOL.get(real.itemsize, RTOL[8])
        return cls(standard if rtol is None else rtol, 0.0 if atol is None else atol, float(np.finfo(real).eps))


@dataclass
class Case:
    """One function at one point, ready to be measured."""

    flat: Flat
    y: Any
    tolerance: Tolerance
    report: Report
    rng: np.random.Generator
    floor: float = 0.0  # the size of the function whose derivative this is: a number below its rounding may be zero
    all: int = ALL  # up to how many numbers an argument is compared entry by entry; 0: along directions only


@dataclass
class Measured:
    """Measured numbers to compare a derivative with, all arrays of its shape (directions first).

    Attributes
    ----------
    numeric, error : arrays
        The derivative as measured, and the error of the measurement.
    width : array
        Half the distance between the slopes of the two sides: zero where the function is smooth.
    terms : array
        The sum of the absolute values of the terms of `numeric`.
    usual : array
        The usual size of a derivative here, |f| / max(|x|, 1): the scale of rounding.
    grain : array
        The rounding that any formula for the derivative is expected to have, as measured in the function.
    verdict : array
        OK, WRONG, KINK or UNSURE: see :func:`verdicts`.
    """

    numeric: Array
    error: Array
    width: Array
    terms: Array
    usual: Array
    grain: Array
    verdict: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def is_doubted(self) -> Array:
        """The point at which the derivative is said to be wrong, or the function to have a kink."""
        return np.isin(self.verdict, (WRONG, KINK))

    def replace(self, rows: Array, other: Measured) -> None:
        """Replace these rows of the measurement by those of another one."""
        for name, numbers in vars(self).items():
            numbers[rows] = getattr(other, name)


Measure = Callable[[Slopes, Array], Measured]  # from slopes of all outputs along directions, and these directions
Tangent = Callable[[Array, Array], Array]  # a derivative at a point, along a direction


def verdicts(claim: Array, m: Measured, t: Tolerance, strict: float = 1.0) -> Array:
    """OK, WRONG, KINK or UNSURE for each number of a derivative.

    It is right if it agrees within the tolerance, and wrong if it differs by more than the tolerance and the error of
    the measurement. In between it is right if the measurement is as accurate as the tolerance, relative to the terms
    that were added up; otherwise it cannot be judged. `strict` is the fraction of the relative tolerance allowed.
    """
    with np.errstate(all="ignore"):
        off, error = np.abs(claim - m.numeric), SAFE * m.error
        rounding = min(5e4 * t.eps, 0.1 * t.rtol) * m.terms + 64 * t.eps * m.usual
        allowed = t.atol + strict * t.rtol * np.abs(m.numeric) + rounding
        sharp = error <= t.atol + t.rtol * m.terms + rounding
        near = (off <= allowed) & np.isfinite(error)
        wrong = np.where(np.isfinite(claim), off > allowed + error, sharp & np.isfinite(m.numeric))
        between = (m.width > 0) & (off <= m.width * (1 + 1e-3) + allowed + np.where(sharp, error, 0))
    return np.where(between, KINK, np.where(near, OK, np.where(wrong, WRONG, np.where(sharp, OK, UNSURE))))


@dataclass
class Claim:
    """A claimed derivative along some directions, to be compared with a measured one.

    Attributes
    ----------
    case : Case
        The function, at its point.
    directions : array
        One in each row.
    numbers : array
        The claimed derivatives along these, directions first.
    measured : callable
        Takes slopes of all outputs along some directions, and these directions; returns numbers like the claimed ones.
    rounding : callable
        Takes some directions; returns the standard deviation of the rounding in the claimed derivatives along these.
    strict : float
        The fraction of the relative tolerance allowed.
    """

    case: Case
    directions: Array
    numbers: Array
    measured: Measure
    rounding: Map
    strict: float = 1.0

    def judge(self) -> Measured:
        """Measure the derivative, as accurately as necessary, and judge the claimed one."""
        result = self.measured(slopes(self.case.flat, self.directions), self.directions)
        result.error = np.where(np.isfinite(result.error), 0.0, np.inf)  # a quick measurement only confirms
        result.verdict = self._verdicts(result)
        rows = np.unique(np.nonzero(result.verdict != OK)[0])
        if rows.size:
            doubted = replace(self, directions=self.directions[rows], numbers=self.numbers[rows])
            result.replace(rows, doubted._look_again())
        return result

    def _verdicts(self, m: Measured) -> Array:
        return verdicts(self.numbers, m, self.case.tolerance, self.strict)

    def _look_again(self) -> Measured:
        """Measure with a reliable error, and withdraw every verdict that this does not support."""
        closer = self.measured(look_closely(self.case.flat, self.directions), self.directions)
        # The function may have been measured in double where the derivative was computed in float32.
        closer.error = closer.error + MARGIN / SAFE * closer.grain * (self.case.tolerance.eps / self.case.flat.eps)
        closer.verdict = self._verdicts(closer)
        allowance = np.zeros(self.numbers.shape)  # for the rounding of the claimed numbers
        if np.any(closer.verdict == WRONG):
            allowance = MARGIN / SAFE * self.rounding(self.directions)
            closer.error = closer.error + allowance
            closer.verdict = self._verdicts(closer)
        if np.any(closer.is_doubted):
            self._withdraw_unresolved(closer, allowance)
        return closer

    def _withdraw_unresolved(self, closer: Measured, allowance: Array) -> None:
        """Withdraw a verdict on a derivative that is the slope of the function at a distance shorter than the steps.

        Close to a pole, or on a feature narrower than the shortest step, the function changes too much over any step,
        and that may look like noise. There the slope from nearest by contradicts the measurement, and agrees with the
        derivative. An error in an ordinary function is not withdrawn: there the slopes from nearest by agree with the
        measurement. `allowance` is for the rounding of the claimed numbers.
        """
        rows = np.unique(np.nonzero(closer.is_doubted)[0])
        doubted, claim, numeric = closer.is_doubted[rows], self.numbers[rows], closer.numeric[rows]
        allowed = SAFE * allowance[rows]

        def settled(low: Array, high: Array, best: Array) -> Array:
            """Where no slope from further off can agree with the claim: all will be clear, and too far from it."""
            clear = (low > 3 * best) | (high < -3 * best)
            off = (claim < low - 2 * best - allowed) | (claim > high + 2 * best + allowed)
            return ~doubted | (clear & off)

        for slope, error in self._from_nearby(self.directions[rows], settled):
            with np.errstate(all="ignore"):
                apart = np.abs(slope - numeric)
                agrees = np.abs(claim - slope) <= np.minimum(error + allowed, apart / 2)
                contradicts = (np.abs(slope) > error / 2) & (apart > 2 * error)
            withdrawn = agrees & contradicts & doubted
            closer.verdict[rows] = np.where(withdrawn, UNSURE, closer.verdict[rows])
            closer.error[rows] = np.where(withdrawn, np.inf, closer.error[rows])

    def _from_nearby(
        self, directions: Array, settled: Callable[[Array, Array, Array], Array]
    ) -> Iterator[tuple[Array, Array]]:
        """Slopes from nearby and their errors: the most accurate that agrees with all from still nearer.

        Where the next contradicts it, it may have been rounding, which can be less at a shorter distance. Then that is
        the first of others to agree with, unless it was clear. Where all are `settled`, between which numbers all
        slopes so far lie and with which error, none from further off are computed.
        """
        low, high, slope, best, going = (np.full((), x) for x in (-np.inf, np.inf, np.nan, np.inf, True))
        for raw in local_slopes(self.case.flat, directions):
            near = self.measured(raw, directions)
            band = np.where(np.isfinite(near.error), SAFE * near.error, np.inf)
            with np.errstate(all="ignore"):
                bottom, top = near.numeric - band, near.numeric + band
                again = going & ((bottom > high) | (top < low))
                if np.any(again):
                    yield slope, best
                going = going & ~(again & (np.abs(slope) > 2 * best))
                again &= going
                low, high = np.where(again, bottom, np.fmax(low, bottom)), np.where(again, top, np.fmin(high, top))
                better = going & (again | (band < best))
                slope, best = np.where(better, near.numeric, slope), np.where(better, band, best)
                if np.all(~going | settled(low, high, best)):
                    break
        yield slope, best


# ----------------------------------------------------------------------------------------------------- the gradient


def compare_vjp(case: Case, gradient: Array, g: Array, what: str, among: Sequence[Leaf], again: Map) -> None:
    """Compare the gradient of <g, f> with differences, for some of the arguments, and report what is wrong.

    `again` returns the gradient at another point. It serves to measure the rounding.
    """
    rounding = cache(partial(rounding_of, case, again))
    for leaf in among:
        if leaf.size:
            _compare_leaf(case, leaf, gradient, g, what, lambda directions: _along(np.abs(directions), rounding()))


def _compare_leaf(case: Case, leaf: Leaf, gradient: Array, g: Array, what: str, rounding: Map) -> None:
    def judged(directions: Array, strict: float = 1.0) -> Measured:
        measured = partial(_projected, case, g)
        return Claim(case, directions, _along(directions, gradient), measured, rounding, strict).judge()

    sought = f"{what} with respect to {leaf.path}"
    positions = _positions(leaf, case.rng, case.all)
    m = judged(_units(case.flat, leaf, positions))
    case.report.looked_at[f"entries of {what}"] += len(positions)
    if leaf.size > len(positions) and not np.any(m.verdict == WRONG):
        direction = np.zeros((1, case.flat.x.size))
        direction[0, leaf.part] = case.rng.standard_normal(leaf.size) * _reach(case.flat.x[leaf.part])
        # One wrong entry is a small part of a large sum. So the tolerance of the sum is stricter, and a sum outside
        # it is not yet wrong: its entries are judged one by one.
        whole = judged(direction, STRICT)
        case.report.looked_at[f"directions of {what}"] += 1
        if whole.verdict[0] != OK and leaf.size <= ALL:
            positions = np.arange(leaf.size)
            m = judged(_units(case.flat, leaf, positions))
        elif whole.verdict[0] == WRONG:
            positions = np.append(positions, _bisect(case, leaf, gradient, g, direction[0]))
            m = judged(_units(case.flat, leaf, positions))
        elif whole.verdict[0] == UNSURE:
            _note(case, sought, "along a random direction", _along(direction, gradient)[0], whole, 0)
    claim = gradient[leaf.part][positions]
    _note_kinks(case, leaf, positions, m, claim, what)
    _note_unsure(case, m, claim, sought, lambda k: leaf.entry(int(positions[k])))
    wrong = np.flatnonzero(m.verdict == WRONG)
    if wrong.size:
        off = np.abs(claim - m.numeric)[wrong]
        order = wrong[np.argsort(-np.nan_to_num(off, nan=np.inf), kind="stable")]
        entries = [_entry(leaf, positions[k], claim, m, k) for k in order]
        cause = likely_cause(case.flat, leaf, positions, claim, m.numeric, wrong, g)
        case.report.add(what, "", cause, leaf, entries, wrong.size, len(positions))


def _along(directions: Array, gradient: Array) -> Array:
    """The slopes along directions; an infinite entry of the gradient counts only where the direction has one."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(directions != 0, directions * gradient, 0.0).sum(axis=1))


def rounding_of(case: Case, again: Map) -> Array:
    """The standard deviation of the rounding in what `again` returns."""

    def safely(x: Array) -> Array:
        try:
            return again(x)
        except Exception:  # no value at this neighbouring point
            return np.full(1, np.nan)

    reach = np.minimum(*scales(case.flat)) * case.rng.choice([-1.0, 1.0], case.flat.x.size)
    return noise(safely, case.flat.x, reach, case.tolerance.eps)


def _projected(case: Case, g: Array, raw: Slopes, directions: Array) -> Measured:
    """Slopes of <g, f>, one number for each direction."""
    with np.errstate(all="ignore"):
        weight = np.abs(g)
        value = np.where(np.isfinite(raw.value), raw.value, 0.0)
        error = np.where(weight > 0, raw.error * weight, 0.0).sum(axis=1)
        width = (np.abs(raw.gap) * weight).sum(axis=1) / 2
        size = (np.abs(directions) / np.maximum(np.abs(case.flat.x), 1)).max(axis=1, initial=0.0)
        usual = size * (weight @ np.maximum(np.abs(case.flat.base), case.floor))
        grain = np.where(weight > 0, raw.grain * weight, 0.0).sum(axis=1)
        return Measured(value @ g, error, width, np.abs(value) @ weight, usual, grain)


def _bisect(case: Case, leaf: Leaf, gradient: Array, g: Array, direction: Array) -> int:
    """The wrong entry, when a random direction is wrong: keep the half that is further off."""
    low, high = leaf.part.start, leaf.part.stop
    while high - low > 1:
        middle = (low + high) // 2
        halves = np.zeros((2, case.flat.x.size))
        for row, half in zip(halves, (slice(low, middle), slice(middle, high)), strict=True):
            row[half] = direction[half]
        numeric = np.nan_to_num(slopes(case.flat, halves).value @ g)
        off = np.abs(_along(halves, gradient) - numeric)
        low, high = (low, middle) if not off[1] > off[0] else (middle, high)
    return int(low - leaf.part.start)


# ---------------------------------------------------------------------------------------- derivatives of every output


def compare_jvp(case: Case, tangent: Tangent, what: str = "the tangent") -> None:
    """Compare ``tangent(x, v)``, the claimed derivative at x along v, with differences along two random directions.

    If it is wrong, the first argument is reported along which alone it is wrong.
    """
    x = case.flat.x
    if not x.size or not case.flat.base.size:
        return
    directions = case.rng.standard_normal((2, x.size)) * _reach(x)
    claim = np.array([tangent(x, v) for v in directions])
    m = _judge_outputs(case, directions, claim, tangent, together=True)
    if _note_outputs(case, m, claim, what) and all(
        compare_columns(case, leaf, partial(tangent, x), tangent, what) for leaf in case.flat.leaves
    ):
        d, i = np.argwhere(m.verdict == WRONG)[0]
        entry = Entry((), claim[d, i], m.numeric[d, i], m.error[d, i], output=_output_index(case.y, int(i)))
        cause = "it is not linear in the tangents: right along each argument alone, wrong along a mixed direction"
        case.report.findings.append(
            Finding(what, "all arguments together", (x.size,), "reals", [entry], 1, m.verdict.size, cause)
        )


def compare_columns(case: Case, leaf: Leaf, along: Map, tangent: Tangent, what: str) -> bool:
    """Compare ``along(v)``, the claimed derivative of every output along v, with differences for one argument.

    ``tangent(x, v)`` is the same at any point. An error is reported; the result is true if there is none.
    """
    if not leaf.size:
        return True
    positions = _positions(leaf, case.rng)
    units = _units(case.flat, leaf, positions)
    claim = np.array([along(v) for v in units])
    m = _judge_outputs(case, units, claim, tangent)
    if not _note_outputs(case, m, claim, what):
        return True
    wrong = m.verdict == WRONG
    cause = "it is the transpose of the right one: rows are outputs, columns are inputs"
    if claim.shape != claim.T.shape or not np.allclose(claim.T, m.numeric, rtol=1e-4, atol=1e-8):
        g = np.cos(np.arange(1.0, case.flat.base.size + 1))
        sums = claim @ g, m.numeric @ g
        cause = likely_cause(case.flat, leaf, positions, *sums, np.flatnonzero(wrong.any(axis=1)), g)
    off = np.where(wrong, np.nan_to_num(np.abs(claim - m.numeric), nan=np.inf), -1)
    entries = []
    for worst in np.argsort(-off, axis=None, kind="stable")[: min(int(wrong.sum()), PRINTED)]:
        k, i = np.unravel_index(worst, off.shape)
        entries.append(_entry(leaf, positions[k], claim, m, (k, i), _output_index(case.y, int(i))))
    case.report.add(what, "", cause, leaf, entries, int(wrong.sum()), wrong.size)
    return False


def _judge_outputs(case: Case, directions: Array, claim: Array, tangent: Tangent, together: bool = False) -> Measured:
    """Judge a derivative of every output; `together`: the terms of an output are those along all directions."""

    def measured(raw: Slopes, _: Array) -> Measured:
        size = np.abs(raw.value)
        steepest = size.max(initial=0.0, where=np.isfinite(size))
        usual = np.maximum(np.abs(case.flat.base), max(case.floor, steepest))  # zeros have the rounding of the others
        terms = size.max(axis=0, initial=0.0) if together else size
        usual, terms = (np.broadcast_to(a, size.shape).copy() for a in (usual, terms))
        return Measured(raw.value, raw.error, np.abs(raw.gap) / 2, terms, usual, raw.grain)

    def rounding(moved: Array) -> Array:
        return np.array([rounding_of(case, lambda x, v=v: tangent(x, v)) for v in moved])  # type: ignore[misc]  # of a default

    return Claim(case, directions, claim, measured, rounding).judge()


# ------------------------------------------------------------------------------------------- entries, findings, notes


def _positions(leaf: Leaf, rng: np.random.Generator, up_to: int = ALL) -> Array:
    """The entries to compare: all of a small array; the ends and a sample of a large one."""
    if leaf.size <= up_to:
        return np.arange(leaf.size)
    if not up_to:
        return np.arange(0)
    inner = rng.choice(np.arange(1, leaf.size - 1), SAMPLE - 2, replace=False)
    return np.concatenate([[0, leaf.size - 1], np.sort(inner)])


def _units(flat: Flat, leaf: Leaf, positions: Array) -> Array:
    units = np.zeros((len(positions), flat.x.size))
    units[np.arange(len(positions)), leaf.part.start + positions] = 1.0
    return units


def _reach(x: Array) -> Array:
    return np.clip(np.abs(x), 1e-2, 1e2)


def _entry(leaf: Leaf, position: Any, claim: Array, m: Measured, k: Any, output: Any = None) -> Entry:
    index, part = leaf.index(int(position))
    return Entry(index, float(claim[k]), float(m.numeric[k]), float(m.error[k]), part, output)


def _output_index(y: Any, position: int) -> Shape:
    """The index in the result of a flat position; of several results, the number of the result comes first."""
    results = [as_array(leaf) for leaf in leaves(y)]
    sizes = [part.size * (2 if part.dtype.kind == "c" else 1) for part in results]
    k = int(np.searchsorted(np.cumsum(sizes), position, side="right"))
    entry = (position - sum(sizes[:k])) * results[k].size // sizes[k]
    index = tuple(int(i) for i in np.unravel_index(entry, results[k].shape))
    return index if len(results) == 1 else (k, *index)


def _note_kinks(case: Case, leaf: Leaf, positions: Array, m: Measured, claim: Array, what: str) -> None:
    for k in np.flatnonzero(m.verdict == KINK)[:3]:
        left, right = m.numeric[k] - m.width[k], m.numeric[k] + m.width[k]
        case.report.notes.append(
            f"there is a kink at {leaf.entry(positions[k])}: slope {left:.6g} from the left, "
            f"{right:.6g} from the right; {what} given, {claim[k]:.6g}, lies between them"
        )


def _note_outputs(case: Case, m: Measured, claim: Array, what: str) -> bool:
    """Count and note what was compared; true if something is wrong."""
    case.report.looked_at[f"entries of {what}"] += m.verdict.size
    _note_unsure(case, m, claim, what, lambda _, i: f"y{show(_output_index(case.y, int(i)))}")
    return bool(np.any(m.verdict == WRONG))


def _note_unsure(case: Case, m: Measured, claim: Array, what: str, place: Callable[..., str]) -> None:
    """Note how many numbers of a derivative could not be judged, and one of them, at the place of its indices."""
    unsure = np.argwhere(m.verdict == UNSURE)
    if len(unsure):
        more = f" and {len(unsure) - 1} more entries" if len(unsure) > 1 else ""
        _note(case, what, f"at {place(*unsure[0])}{more}", claim[tuple(unsure[0])], m, tuple(unsure[0]))
        case.report.looked_at["not judged"] += len(unsure)


def _note(case: Case, what: str, where: str, claim: float, m: Measured, k: Any) -> None:
    if np.isfinite(m.error[k]):
        why = f"{claim:.6g} was given, and differences give {m.numeric[k]:.6g} ± {SAFE * m.error[k]:.1g}"
    else:
        why = "differences do not settle there (a jump, an edge of the domain, a vertical slope, or much noise)"
    case.report.notes.append(f"{what} could not be judged {where}: {why}")
