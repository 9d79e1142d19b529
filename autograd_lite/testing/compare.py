"""A derivative as given, held against one measured by differences.

Small arguments are compared entry by entry. Large ones are compared along a random direction, which no wrong
entry escapes, and in a sample of their entries; when the direction disagrees, halving finds the entry that is
to blame.

What counts as equal is decided in one place, :func:`verdicts`: a tolerance relative to the terms that were
added up (so that cancellation is forgiven and a wrong factor is not), and the measured error of the
differences. Where that error is too large for any verdict, the check says so instead of passing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograd_lite.testing.diagnose import likely_cause
from autograd_lite.testing.numeric import Flat, Leaf, Slopes, show, slopes
from autograd_lite.testing.report import Entry, Finding, Report
from autograd_lite.testing.trees import Array, as_array, leaves

ALL = 64  # arguments of up to this many numbers are compared entry by entry
SAMPLE = 16  # entries looked at in larger ones
RTOL = {2: 1e-2, 4: 1e-3, 8: 1e-6}  # by the bytes of one real number
OK, WRONG, KINK, UNSURE = range(4)


@dataclass(frozen=True)
class Tolerance:
    """How far apart two derivatives may be, for numbers of a given precision."""

    rtol: float
    atol: float
    eps: float

    @classmethod
    def of(cls, dtypes: Sequence[np.dtype[Any]], rtol: Any = None, atol: Any = None) -> Tolerance:
        """Those of the coarsest of these dtypes; `rtol` and `atol` are numbers or dicts by dtype name."""
        coarsest = max(dtypes, key=lambda d: np.finfo(d).eps)
        real = np.finfo(coarsest).dtype
        rtol, atol = (t.get(real.name) if isinstance(t, dict) else t for t in (rtol, atol))
        standard = RTOL.get(real.itemsize, RTOL[8])
        return cls(
            standard if rtol is None else rtol, 0.0 if atol is None else atol, float(np.finfo(real).eps)
        )


@dataclass
class Case:
    """One function at one point, ready to be measured."""

    flat: Flat
    y: Any
    base: Array
    tolerance: Tolerance
    report: Report
    rng: np.random.Generator
    floor: float = 0.0  # the size of what this was derived from: below its rounding, a number may be zero
    all: int = ALL  # up to how many numbers an argument is compared entry by entry; 0: along directions only


def verdicts(
    analytic: Array, numeric: Array, error: Array, width: Array, terms: Array, usual: Array, t: Tolerance
) -> Array:
    """OK, WRONG, KINK or UNSURE for each number.

    Parameters
    ----------
    analytic, numeric, error : arrays
        The derivative as given, as measured, and the error of the measurement.
    width : array
        Half the distance between the slopes of the two sides: zero where the function is smooth.
    terms : array
        The sum of the absolute values of what was added up to make `numeric`.
    usual : array
        What a derivative here would usually be, |f| / max(|x|, 1): a floor for rounding.
    """
    with np.errstate(all="ignore"):
        off = np.abs(analytic - numeric)
        allowed = t.atol + t.rtol * terms + 64 * t.eps * usual
        noise = 4 * error
        blind = ~(noise <= np.maximum(allowed, 1e-2 * terms + 1e-6 * usual))
        near = off <= allowed
        fine = near | (~blind & (off <= allowed + noise))
        between = (width > 0) & (off <= width * (1 + 1e-3) + allowed + np.where(blind, 0, noise))
    verdict = np.where(between, KINK, np.where(fine, OK, WRONG))
    verdict[blind & ~near & ~between] = UNSURE
    verdict[~np.isfinite(analytic) & np.isfinite(numeric) & ~blind] = WRONG
    return verdict


def compare_vjp(
    case: Case, gradient: Array, g: Array, what: str, among: Sequence[Leaf] | None = None
) -> None:
    """Hold the gradient of <g, f> against differences, argument by argument, and report what is off."""
    for leaf in case.flat.leaves if among is None else among:
        if not leaf.size:
            continue
        given = gradient[leaf.start : leaf.stop]
        positions = _positions(leaf, case.rng, case.all)
        found = _projected(case, _units(case.flat, leaf, positions), given[positions], g)
        if len(positions):
            case.report.looked_at[f"entries of {what}"] += len(positions)
        if leaf.size > len(positions) and not np.any(found.verdict == WRONG):
            direction = np.zeros((1, case.flat.x.size))
            direction[0, leaf.start : leaf.stop] = case.rng.standard_normal(leaf.size) * _reach(
                case.flat, leaf
            )
            # One wrong entry is a small part of a large sum. So the sum is held to more than an entry is:
            # what then looks wrong is only looked into, and judged entry by entry.
            strict = replace(
                case, tolerance=replace(case.tolerance, rtol=1e-2 * case.tolerance.rtol, atol=0.0)
            )
            whole = _projected(strict, direction, direction[:, leaf.start : leaf.stop] @ given, g)
            case.report.looked_at[f"directions of {what}"] += 1
            if whole.verdict[0] != OK and leaf.size <= ALL:
                positions = np.arange(leaf.size)
                found = _projected(case, _units(case.flat, leaf, positions), given[positions], g)
            elif whole.verdict[0] == WRONG:
                position = _bisect(case, leaf, given, g, direction[0, leaf.start : leaf.stop])
                positions = np.append(positions, position)
                found = _projected(case, _units(case.flat, leaf, positions), given[positions], g)
            elif whole.verdict[0] == UNSURE:
                _note(case, leaf, what, "along a random direction")
        _say_kinks(case, leaf, positions, found, given[positions], what)
        wrong = np.flatnonzero(found.verdict == WRONG)
        if wrong.size:
            off = np.abs(given[positions] - found.numeric)[wrong]
            order = wrong[np.argsort(-np.nan_to_num(off, nan=np.inf), kind="stable")]
            entries = [
                _entry(leaf, positions[k], given[positions[k]], found.numeric[k], found.error[k])
                for k in order
            ]
            finding = Finding(what, leaf.path, leaf.shape, leaf.dtype, entries, wrong.size, len(positions))
            finding.cause = likely_cause(
                case.flat, leaf, positions, given[positions], found.numeric, wrong, g
            )
            case.report.findings.append(finding)


@dataclass
class Projected:
    """Measured slopes of <g, f>, one number per direction."""

    numeric: Array
    error: Array
    width: Array
    verdict: Array


def _projected(case: Case, directions: Array, given: Array, g: Array) -> Projected:
    """Measure <g, f> along directions and judge; what looks wrong is measured again at every step."""
    found = slopes(case.flat, directions, case.base)
    result = _judge(case, directions, found, given, g)
    again = np.flatnonzero(result.verdict != OK)
    if again.size:
        found = slopes(case.flat, directions[again], case.base, thorough=True)
        closer = _judge(case, directions[again], found, given[again], g)
        for name in ("numeric", "error", "width", "verdict"):
            getattr(result, name)[again] = getattr(closer, name)
    return result


def _judge(case: Case, directions: Array, found: Slopes, given: Array, g: Array) -> Projected:
    with np.errstate(all="ignore"):
        weight = np.abs(g)
        value = np.where(np.isfinite(found.value), found.value, 0.0)
        error = np.where(weight > 0, found.error * weight, 0.0).sum(axis=1)
        width = (np.abs(found.gap) * weight).sum(axis=1) / 2
        size = (np.abs(directions) / np.maximum(np.abs(case.flat.x), 1)).max(axis=1, initial=0.0)
        usual = size * (weight @ np.maximum(np.abs(case.base), case.floor))
        numeric = value @ g
        verdict = verdicts(given, numeric, error, width, np.abs(value) @ weight, usual, case.tolerance)
    return Projected(numeric, error, width, verdict)


def compare_jvp(
    case: Case, jvp: Callable[[Array], Array], what: str = "the tangent", directions: int = 2
) -> None:
    """Hold ``jvp(v)``, the derivative along v as given, against differences; both are vectors of reals."""
    size = case.flat.x.size
    if not size or not case.base.size:
        return
    tangents = case.rng.standard_normal((directions, size)) * np.clip(np.abs(case.flat.x), 1e-2, 1e2)
    for thorough in (False, True):
        found = slopes(case.flat, tangents, case.base, thorough)
        given = np.array([jvp(v) for v in tangents])
        terms = np.abs(found.value).max(axis=0, initial=0.0)
        verdict = _judge_outputs(case, found, given, terms)
        if np.all(verdict == OK):
            break
    case.report.looked_at[f"entries of {what}"] += verdict.size
    if np.any(verdict == WRONG):
        _locate_tangent(case, jvp, what, tangents, given, found, verdict)


def _judge_outputs(case: Case, found: Slopes, given: Array, terms: Array) -> Array:
    steepest = np.abs(found.value).max(initial=0.0, where=np.isfinite(found.value))
    usual = np.maximum(np.abs(case.base), max(case.floor, steepest))  # a zero among others: to their rounding
    usual = np.broadcast_to(usual, given.shape)
    width, terms = np.abs(found.gap) / 2, np.broadcast_to(terms, given.shape)
    return verdicts(given, found.value, found.error, width, terms, usual, case.tolerance)


def _locate_tangent(
    case: Case,
    jvp: Callable[[Array], Array],
    what: str,
    tangents: Array,
    given: Array,
    found: Slopes,
    verdict: Array,
) -> None:
    """Find the argument, and its entry, whose tangent goes wrong; failing that, blame the whole direction."""
    for leaf in case.flat.leaves:
        positions = _positions(leaf, case.rng)
        units = _units(case.flat, leaf, positions)
        if not len(units):
            continue
        alone = slopes(case.flat, units, case.base, thorough=True)
        columns = np.array([jvp(v) for v in units])
        bad = _judge_outputs(case, alone, columns, np.abs(alone.value)) == WRONG
        if bad.any():
            finding = _matrix_finding(case, leaf, what, positions, columns, alone, bad)
            ones, wrong = np.ones(case.base.size), np.flatnonzero(bad.any(axis=1))
            sums = (columns @ ones, alone.value @ ones)
            finding.cause = likely_cause(case.flat, leaf, positions, *sums, wrong, ones)
            return
    d, i = np.unravel_index(int(np.argmax(verdict == WRONG)), verdict.shape)
    entry = Entry((), given[d, i], found.value[d, i], found.error[d, i], output=_output_index(case.y, int(i)))
    finding = Finding(what, "all arguments together", (case.flat.x.size,), "reals", [entry], 1, verdict.size)
    finding.cause = (
        "it is not linear in the tangents: right along each argument alone, wrong along a mixed direction"
    )
    case.report.findings.append(finding)


def compare_jacobian(case: Case, given: list[Array | None], what: str = "the Jacobian") -> None:
    """Hold matrices (outputs, entries), one for each leaf (or None), against differences."""
    for leaf, matrix in zip(case.flat.leaves, given, strict=True):
        if matrix is None or not leaf.size:
            continue
        positions = _positions(leaf, case.rng)
        units = _units(case.flat, leaf, positions)
        for thorough in (False, True):
            found = slopes(case.flat, units, case.base, thorough)
            columns = matrix[:, positions].T
            verdict = _judge_outputs(case, found, columns, np.abs(found.value))
            if np.all(verdict == OK):
                break
        case.report.looked_at[f"entries of {what}"] += verdict.size
        bad = verdict == WRONG
        if bad.any():
            finding = _matrix_finding(case, leaf, what, positions, columns, found, bad)
            finding.cause = _matrix_cause(columns, found.value)


def _matrix_finding(
    case: Case, leaf: Leaf, what: str, positions: Array, given: Array, found: Slopes, bad: Array
) -> Finding:
    """Report wrong entries of a table: a row for each entry of the argument, a column for each output."""
    off = np.where(bad, np.nan_to_num(np.abs(given - found.value), nan=np.inf), -1)
    entries = []
    for worst in np.argsort(-off, axis=None, kind="stable")[: min(int(bad.sum()), 6)]:
        k, i = np.unravel_index(worst, off.shape)
        entry = _entry(leaf, positions[k], given[k, i], found.value[k, i], found.error[k, i])
        entry.output = _output_index(case.y, int(i))
        entries.append(entry)
    finding = Finding(what, leaf.path, leaf.shape, leaf.dtype, entries, int(bad.sum()), bad.size)
    case.report.findings.append(finding)
    return finding


def _matrix_cause(given: Array, numeric: Array) -> str:
    if given.shape == given.T.shape and np.allclose(given.T, numeric, rtol=1e-4, atol=1e-8):
        return "it is the transpose of the right one: rows are outputs, columns are inputs"
    return ""


def _positions(leaf: Leaf, rng: np.random.Generator, up_to: int = ALL) -> Array:
    """The entries to look at: all of a small array, its ends and a sample of a large one."""
    if leaf.size <= up_to:
        return np.arange(leaf.size)
    if not up_to:
        return np.arange(0)
    inner = rng.choice(np.arange(1, leaf.size - 1), SAMPLE - 2, replace=False)
    return np.concatenate([[0, leaf.size - 1], np.sort(inner)])


def _units(flat: Flat, leaf: Leaf, positions: Array) -> Array:
    units = np.zeros((len(positions), flat.x.size))
    units[np.arange(len(positions)), leaf.start + positions] = 1.0
    return units


def _reach(flat: Flat, leaf: Leaf) -> Array:
    return np.clip(np.abs(flat.x[leaf.start : leaf.stop]), 1e-2, 1e2)


def _bisect(case: Case, leaf: Leaf, given: Array, g: Array, direction: Array) -> int:
    """The entry that a wrong direction is to blame on: keep the half that is further off."""
    low, high = 0, leaf.size
    while high - low > 1:
        middle = (low + high) // 2
        halves = np.zeros((2, case.flat.x.size))
        for row, (a, b) in zip(halves, ((low, middle), (middle, high)), strict=True):
            row[leaf.start + a : leaf.start + b] = direction[a:b]
        numeric = np.nan_to_num(slopes(case.flat, halves, case.base).value @ g)
        off = np.abs(halves[:, leaf.start : leaf.stop] @ given - numeric)
        low, high = (low, middle) if not off[1] > off[0] else (middle, high)
    return low


def _entry(leaf: Leaf, position: Any, given: Any, numeric: Any, error: Any) -> Entry:
    index, part = leaf.index(int(position))
    return Entry(index, float(given), float(numeric), float(error), part)


def _output_index(y: Any, position: int) -> tuple[int, ...]:
    """The index in the result that a flat position stands for; of several results, the number comes first."""
    parts = [as_array(leaf) for _, leaf in leaves(y)]
    for k, part in enumerate(parts):
        size = part.size * (2 if part.dtype.kind == "c" else 1)
        if position < size:
            index = tuple(int(i) for i in np.unravel_index(position * part.size // size, part.shape))
            return index if len(parts) == 1 else (k, *index)
        position -= size
    raise IndexError(position)


def _say_kinks(case: Case, leaf: Leaf, positions: Array, found: Projected, given: Array, what: str) -> None:
    for k in np.flatnonzero(found.verdict == KINK)[:3]:
        index, part = leaf.index(int(positions[k]))
        left, right = found.numeric[k] - found.width[k], found.numeric[k] + found.width[k]
        case.report.notes.append(
            f"there is a kink at {leaf.path}{show(index)}{part}: slope {left:.6g} from the left, "
            f"{right:.6g} from the right; {what} given, {given[k]:.6g}, lies between them"
        )
    unsure = np.flatnonzero(found.verdict == UNSURE)
    if unsure.size:
        index, part = leaf.index(int(positions[unsure[0]]))
        more = f" and {unsure.size - 1} more entries" if unsure.size > 1 else ""
        _note(case, leaf, what, f"at {leaf.path}{show(index)}{part}{more}")
        case.report.looked_at["not judged"] += unsure.size


def _note(case: Case, leaf: Leaf, what: str, where: str) -> None:
    case.report.notes.append(
        f"{what} with respect to {leaf.path} could not be judged {where}: differences do not settle there "
        "(a jump, an edge of the domain, a vertical slope, or noise larger than the slope)"
    )
