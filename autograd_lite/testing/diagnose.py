"""From wrong numbers to a likely mistake.

The questions are those that a person would try on paper. Is it the right gradient times a constant, with the wrong
sign, transposed, without its conjugate, without the sum over an axis that was broadcast, without the incoming gradient?
The first one that explains every wrong entry is reported; if none does, no cause is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.testing.leaves import Array, as_array
from autograd_lite.testing.numeric import Flat, Leaf, slopes

CLOSE = 1e-4
_CONJ = np.tile([1.0, -1.0], 512)  # conjugates the reals of complex numbers


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
    whole = len(positions) == leaf.size
    if _same(claim[wrong], right[wrong]):  # too close for the questions below
        off = float(np.max(np.abs(claim[wrong] - right[wrong])) / np.max(np.abs(right[wrong])))
        return f"off by {off:.0e} of its size: a constant of too few digits, or a small term that is missing"
    with np.errstate(all="ignore"):
        for cause in _causes(flat, leaf, positions, claim, right, wrong, g, whole):
            return cause
        return _where(flat, leaf, positions, wrong)


def _causes(
    flat: Flat, leaf: Leaf, positions: Array, claim: Array, right: Array, wrong: Array, g: Array, whole: bool
) -> Iterator[str]:
    if np.isnan(claim[wrong]).any():
        yield "nan, probably 0 * inf or 0 / 0: write the derivative so that its limit comes out"
    if not claim[wrong].any():
        rest = "no gradient arrives" if wrong.size == len(claim) else "no gradient arrives at these entries"
        yield f"{rest}: a term is missing, or the value was taken out of the graph"
    if leaf.dtype.kind == "c" and whole:
        z, w = claim.view(np.complex128), right.view(np.complex128)
        if _same(z.conj(), w):
            yield "a conjugate is missing: it is the conjugate of dL/dRe + i dL/dIm"
        if (
            g.size % 2 == 0
            and g.size <= _CONJ.size
            and _same(_gradient(flat, leaf, g * _CONJ[: g.size]).view(np.complex128).conj(), z)
        ):
            yield "a conjugate is missing: a holomorphic function pulls back g * conj(dy/dz)"
        if _same(1j * z, w) or _same(-1j * z, w):
            yield "a factor of 1j is missing or too many"
    if whole and leaf.dtype.kind == "f":
        yield from _unsummed(flat, leaf, claim.reshape(leaf.shape), g)
    if wrong.size > 1 or leaf.size == 1:
        yield from _constant_ratio(claim[wrong], right[wrong], leaf)
    if whole and leaf.dtype.kind == "f":
        yield from _rearranged(claim.reshape(leaf.shape), right.reshape(leaf.shape))
    if whole:
        yield from _without_g(flat, leaf, claim, g)
        yield from _another_argument(flat, leaf, claim, g)
    yield from _factor_of_x(flat, leaf, positions, claim, right, wrong)
    if wrong.size == 1 and _same(-claim[wrong], right[wrong]):
        yield "the sign is wrong there"


def _same(a: Array, b: Array) -> bool:
    return bool(a.shape == b.shape and np.linalg.norm(a - b) <= CLOSE * np.linalg.norm(b))


def _constant_ratio(claim: Array, right: Array, leaf: Leaf) -> Iterator[str]:
    ratio = claim / right
    if not np.isfinite(ratio).all() or np.ptp(ratio) > CLOSE * np.abs(ratio).max():
        return
    r = float(ratio.mean())
    if abs(r + 1) < CLOSE:
        yield "the sign is wrong"
        return
    sizes = {n: f"the length of axis {k} of this argument" for k, n in enumerate(leaf.shape)}
    sizes[leaf.size] = "the number of its entries"
    for n, phrase in sizes.items():
        if n > 2 and (abs(r - n) < CLOSE * n or abs(r * n - 1) < CLOSE):
            verb = "too large" if r > 1 else "too small"
            yield f"{verb} by a factor of {n}, {phrase}: a sum too many, or a mean for a sum"
            return
    for power, names in {2: "2", math.pi: "pi", math.e: "e", math.log(2): "ln 2", math.log(10): "ln 10"}.items():
        if abs(abs(r) - power) < CLOSE * power:
            yield f"it is {'-' if r < 0 else ''}{names} times the right one: a factor of {names} too many"
            return
        if abs(abs(r) * power - 1) < CLOSE:
            yield f"the right one is {'-' if r < 0 else ''}{names} times as large: {names} is missing"
            return
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
    """True if one slice or the mean stands for the sum over a broadcast axis."""
    shapes = [np.shape(a) for a in flat.args]
    try:
        shape = np.broadcast_shapes(*shapes)
    except (ValueError, TypeError):
        return
    if shape == leaf.shape or flat.leaves.index(leaf) != leaf.argument or math.prod(shape) > 256:
        return
    args = list(flat.args)
    args[leaf.argument] = np.array(np.broadcast_to(as_array(args[leaf.argument]), shape))
    try:
        spread = Flat(flat.f, args, None, flat.names)
        target = next(other for other in spread.leaves if other.argument == leaf.argument)
        units = np.zeros((target.size, spread.x.size))
        units[:, target.start : target.stop] = np.eye(target.size)
        full = (slopes(spread, units).value @ g).reshape(shape)
    except (ValueError, StopIteration):
        return
    lead = len(shape) - len(leaf.shape)
    axes = [k for k in range(len(shape)) if k < lead or (leaf.shape[k - lead] == 1 and shape[k] != 1)]
    summed = tuple(axes)
    first = full[tuple(0 if k in axes else slice(None) for k in range(len(shape)))]
    last = full[tuple(-1 if k in axes else slice(None) for k in range(len(shape)))]
    where = f"over axis {axes[0]} of the result" if len(axes) == 1 else f"over axes {summed} of the result"
    for value, phrase in (
        (full.mean(summed), "averaged instead"),
        (first, "only the first slice is kept"),
        (last, "only the last slice is kept"),
    ):
        if _same(claim.reshape(value.shape), value):
            yield f"the sum {where}, along which it was broadcast, is missing: {phrase}"
    for axis in axes if len(axes) > 1 else []:
        phrase = f"over axis {axis} of the result, along which it was broadcast, is missing"
        for part, how in ((full.mean(axis, keepdims=True), ": averaged instead"), (full.take([0], axis), "")):
            if _same(claim.reshape(part.sum(summed).shape), part.sum(summed)):
                yield f"the sum {phrase}{how}"


def _gradient(flat: Flat, leaf: Leaf, g: Array) -> Array:
    units = np.zeros((leaf.size, flat.x.size))
    units[:, leaf.start : leaf.stop] = np.eye(leaf.size)
    measured: Array = slopes(flat, units).value @ g
    return measured


def _without_g(flat: Flat, leaf: Leaf, claim: Array, g: Array) -> Iterator[str]:
    if not np.all(g == 1) and _same(claim, _gradient(flat, leaf, np.ones_like(g))):
        yield "the incoming gradient is not used: it is the right one for a cotangent of ones"


def _another_argument(flat: Flat, leaf: Leaf, claim: Array, g: Array) -> Iterator[str]:
    for other in flat.leaves:
        if other is not leaf and other.shape == leaf.shape and _same(claim, _gradient(flat, other, g)):
            yield f"it is the gradient of {other.path}: two arguments are swapped"


def _factor_of_x(flat: Flat, leaf: Leaf, positions: Array, claim: Array, right: Array, wrong: Array) -> Iterator[str]:
    if leaf.dtype.kind != "f" or wrong.size < 2:
        return
    x = flat.x[leaf.start + positions][wrong]
    if np.ptp(x) == 0:
        return
    for factor, phrase in ((x, "x"), (x * x, "x**2")):
        if _same(claim[wrong], right[wrong] * factor):
            yield f"a factor of {phrase} too many"
        if _same(claim[wrong] * factor, right[wrong]):
            yield f"a factor of {phrase} is missing"


def _where(flat: Flat, leaf: Leaf, positions: Array, wrong: Array) -> str:
    """A property that all wrong entries have and no right one has."""
    off = np.zeros(len(positions), bool)
    off[wrong] = True
    if off.all() or len(off) < 3:
        return ""
    x = flat.x[leaf.start + positions]
    tests: list[tuple[str, Any]] = [
        ("this argument is negative", x < 0),
        ("this argument is positive", x > 0),
        ("this argument is zero", x == 0),
        ("|x| > 1", np.abs(x) > 1),
        ("|x| < 1", np.abs(x) < 1),
    ]
    for phrase, mask in tests:
        if np.array_equal(mask, off):
            return f"wrong exactly where {phrase}"
    if leaf.dtype.kind == "f" and len(positions) == leaf.size:
        grid = off.reshape(leaf.shape)
        for axis in range(grid.ndim):
            rest = tuple(k for k in range(grid.ndim) if k != axis)
            lines = grid.all(axis=rest)
            if lines.any() and np.array_equal(np.broadcast_to(np.expand_dims(lines, rest), grid.shape), grid):
                return f"wrong exactly at index {', '.join(map(str, np.flatnonzero(lines)))} of axis {axis}"
    return ""
