"""From wrong numbers to a likely mistake.

The questions are those that a person would try on paper. Is it the right gradient times a constant, with the wrong
sign, transposed, without its conjugate, without the sum over an axis that was broadcast, without the incoming gradient?
The first one that explains every wrong entry is reported; if none does, no cause is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .leaves import Array, as_array, is_differentiable
from .numeric import Flat, Leaf, slopes

CLOSE = 1e-4


def likely_cause(flat: Flat, leaf: Leaf, positions: Array, claim: Array, right: Array, wrong: Array, g: Array) -> str:
    """The likely cause of a wrong gradient, in words, or "".

    Parameters
    ----------
    positions : array of int
        The entries of the argument that were compared.
    claim, right : arrays
        The gradient there, as claimed and as measured.
    wrong : array of int
        Which of these are wrong.
    g : array
        The cotangent.
    """
    with np.errstate(all="ignore"):
        return next(_causes(flat, leaf, positions, claim, right, wrong, g), "")


def _causes(
    flat: Flat, leaf: Leaf, positions: Array, claim: Array, right: Array, wrong: Array, g: Array
) -> Iterator[str]:
    if _same(claim[wrong], right[wrong]):  # too close for the questions below
        off = float(np.max(np.abs(claim[wrong] - right[wrong])) / np.max(np.abs(right[wrong])))
        yield f"off by {off:.0e} of its size: a constant of too few digits, or a small term that is missing"
    if np.isnan(claim[wrong]).any():
        yield "nan, probably 0 * inf or 0 / 0: write the derivative so that its limit comes out"
    if not claim[wrong].any():
        rest = "no gradient arrives" if wrong.size == len(claim) else "no gradient arrives at these entries"
        yield f"{rest}: a term is missing, or the value was taken out of the graph"
    whole = len(positions) == leaf.size
    whole_and_real = whole and leaf.dtype.kind == "f"
    if leaf.dtype.kind == "c" and whole:
        yield from _conjugated(flat, leaf, claim.view(np.complex128), right.view(np.complex128), g)
    if whole_and_real:
        yield from _unsummed(flat, leaf, claim.reshape(leaf.shape), g)
    if wrong.size > 1 or leaf.size == 1:
        yield from _constant_ratio(claim[wrong], right[wrong], leaf)
    if whole_and_real:
        yield from _rearranged(claim.reshape(leaf.shape), right.reshape(leaf.shape))
    if whole:
        if not np.all(g == 1) and _same(claim, _gradient(flat, leaf, np.ones_like(g))):
            yield "the incoming gradient is not used: it is the right one for a cotangent of ones"
        for other in flat.leaves:
            if other is not leaf and other.shape == leaf.shape and _same(claim, _gradient(flat, other, g)):
                yield f"it is the gradient of {other.path}: two arguments are swapped"
    if leaf.dtype.kind == "f" and wrong.size > 1:
        yield from _factor_of_x(flat.x[leaf.part][positions][wrong], claim[wrong], right[wrong])
    if wrong.size == 1 and _same(-claim[wrong], right[wrong]):
        yield "the sign is wrong there"
    yield from _where(flat, leaf, positions, wrong)


def _same(a: Array, b: Array) -> bool:
    return bool(a.shape == b.shape and np.linalg.norm(a - b) <= CLOSE * np.linalg.norm(b))


def _conjugated(flat: Flat, leaf: Leaf, claim: Array, right: Array, g: Array) -> Iterator[str]:
    if _same(claim.conj(), right):
        yield "a conjugate is missing: it is the conjugate of dL/dRe + i dL/dIm"
    conjugate = np.where(np.arange(g.size) % 2, -g, g)
    if g.size % 2 == 0 and _same(_gradient(flat, leaf, conjugate).view(np.complex128).conj(), claim):
        yield "a conjugate is missing: a holomorphic function pulls back g * conj(dy/dz)"
    if _same(1j * claim, right) or _same(-1j * claim, right):
        yield "a factor of 1j is missing or too many"


def _constant_ratio(claim: Array, right: Array, leaf: Leaf) -> Iterator[str]:
    ratio = claim / right
    if not np.isfinite(ratio).all() or np.ptp(ratio) > CLOSE * np.abs(ratio).max():
        return
    r = float(ratio.mean())
    if abs(r + 1) < CLOSE:
        yield "the sign is wrong"
    sizes = {n: f"the length of axis {k} of this argument" for k, n in enumerate(leaf.shape)}
    sizes[leaf.size] = "the number of its entries"
    for n, phrase in sizes.items():
        if n > 2 and (abs(r - n) < CLOSE * n or abs(r * n - 1) < CLOSE):
            verb = "too large" if r > 1 else "too small"
            yield f"{verb} by a factor of {n}, {phrase}: a sum too many, or a mean for a sum"
    sign = "-" if r < 0 else ""
    for power, names in {2: "2", math.pi: "pi", math.e: "e", math.log(2): "ln 2", math.log(10): "ln 10"}.items():
        if abs(abs(r) - power) < CLOSE * power:
            yield f"it is {sign}{names} times the right one: a factor of {names} too many"
        if abs(abs(r) * power - 1) < CLOSE:
            yield f"the right one is {sign}{names} times as large: {names} is missing"
    if claim.size > 2:
        yield f"it is {r:.6g} times the right one throughout"


def _rearranged(claim: Array, right: Array) -> Iterator[str]:
    if right.ndim >= 2:
        if claim.shape == right.mT.shape and _same(claim.mT, right):
            yield "a transpose is missing: it is the right one with its last two axes swapped"
        elif claim.size > 1 and _same(claim.reshape(right.mT.shape).mT, right):
            yield "it is the right one in the other memory order: a reshape instead of a transpose"
    for axis in range(right.ndim):
        if right.shape[axis] < 2:
            continue
        if _same(np.flip(claim, axis), right):
            yield f"it is the right one reversed along axis {axis}"
        for shift in (1, -1):
            if right.shape[axis] > 2 and _same(np.roll(claim, shift, axis), right):
                yield f"it is the right one shifted by one along axis {axis}"
        if _same(claim, np.cumsum(right, axis)) or _same(claim, np.flip(np.cumsum(np.flip(right, axis), axis), axis)):
            yield f"it is the right one summed cumulatively along axis {axis}"
    if right.size > 1 and _same(np.sort(claim, axis=None), np.sort(right, axis=None)):
        yield "the right numbers in the wrong places: a permutation is missing or inverted"


def _unsummed(flat: Flat, leaf: Leaf, claim: Array, g: Array) -> Iterator[str]:
    """One slice or the mean stands for the sum over a broadcast axis."""
    try:
        shape = np.broadcast_shapes(*map(np.shape, flat.args))
        args = list(flat.args)
        argument = args[leaf.argument]
        if shape == leaf.shape or not is_differentiable(argument) or math.prod(shape) > 256:
            return
        args[leaf.argument] = np.array(np.broadcast_to(as_array(argument), shape))
        spread = Flat(flat.f, args, None, flat.names)
        full = _gradient(spread, spread.leaves[flat.leaves.index(leaf)], g).reshape(shape)
    except (ValueError, TypeError):
        return
    lead = len(shape) - len(leaf.shape)
    axes = tuple(k for k, n in enumerate(shape) if k < lead or leaf.shape[k - lead] != n)
    first, last = (full[tuple(end if k in axes else slice(None) for k in range(len(shape)))] for end in (0, -1))
    where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
    missing = "the sum over {} of the result, along which it was broadcast, is missing{}".format
    candidates = {
        missing(where, ": averaged instead"): full.mean(axes),
        missing(where, ": only the first slice is kept"): first,
        missing(where, ": only the last slice is kept"): last,
    }
    for axis in axes if len(axes) > 1 else ():
        candidates[missing(f"axis {axis}", ": averaged instead")] = full.mean(axis, keepdims=True).sum(axes)
        candidates[missing(f"axis {axis}", "")] = full.take([0], axis).sum(axes)
    for phrase, value in candidates.items():
        if _same(claim.reshape(value.shape), value):
            yield phrase


def _gradient(flat: Flat, leaf: Leaf, g: Array) -> Array:
    measured: Array = slopes(flat, np.eye(leaf.size, flat.x.size, leaf.part.start)).value @ g
    return measured


def _factor_of_x(x: Array, claim: Array, right: Array) -> Iterator[str]:
    if np.ptp(x):
        for factor, phrase in ((x, "x"), (x * x, "x**2")):
            if _same(claim, right * factor):
                yield f"a factor of {phrase} too many"
            if _same(claim * factor, right):
                yield f"a factor of {phrase} is missing"


def _where(flat: Flat, leaf: Leaf, positions: Array, wrong: Array) -> Iterator[str]:
    """A property that all wrong entries have and no right one has."""
    off = np.isin(np.arange(len(positions)), wrong)
    if off.all() or len(off) < 3:
        return
    x = flat.x[leaf.part][positions]
    tests = {
        "this argument is negative": x < 0, "this argument is positive": x > 0, "this argument is zero": x == 0,
        "|x| > 1": np.abs(x) > 1, "|x| < 1": np.abs(x) < 1,
    }  # fmt: skip
    for phrase, mask in tests.items():
        if np.array_equal(mask, off):
            yield f"wrong exactly where {phrase}"
    if leaf.dtype.kind == "f" and len(positions) == leaf.size:
        grid = off.reshape(leaf.shape)
        for axis in range(grid.ndim):
            rest = tuple(k for k in range(grid.ndim) if k != axis)
            lines = grid.all(axis=rest, keepdims=True)
            if lines.any() and np.array_equal(np.broadcast_to(lines, grid.shape), grid):
                yield f"wrong exactly at index {', '.join(map(str, np.flatnonzero(lines)))} of axis {axis}"
