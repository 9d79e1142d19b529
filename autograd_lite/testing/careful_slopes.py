"""The slope measured again, with steps of all lengths and a reliable error.

What :func:`~autograd_lite.testing.numeric.slopes` finds is enough to confirm a derivative, not to contradict one. To
contradict one, the slope is measured here at steps from a quarter of the argument down to about a billionth of it.

The error of a short step is the noise of the function, which is measured (:mod:`autograd_lite.testing.noise`), divided
by the step. A long step has little noise and an unknown error from curvature. So the steps are lengthened, starting
with the shortest, as long as each result lies in the noise bands of all shorter ones (O. Lepski's rule). The difference
of two successive results is the estimate of the remaining curvature. Long steps give no estimate of curvature that can
be trusted: it fails for functions that bend over a shorter distance than the step.

A kink is a difference between the slopes of the two sides that stays the same over five steps, a factor of 256, the
shortest of which is the last where the difference is clear of noise. The difference due to curvature falls to a
256th over the same steps. A value at the point that differs by as much from those on both sides is a jump, and there
is no slope: LAPACK's choice of the sign of an eigenvector at a diagonal matrix is an example.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .leaves import Array
from .noise import NODES, noise
from .numeric import CLEAR, RATIO, Flat, Ladder, Slopes, first_steps, scales

SHORTEST = 0.6  # the shortest step, as a power of the machine epsilon
BAND = 4.0  # the noise band of a result, in standard deviations
LASTING = 5  # steps over which a kink or a jump stays the same
SAME = 0.2  # relative
NEARBY = np.append(np.arange(0.36, 0.9, 0.045), np.arange(0.9, 1.06, 0.025))  # powers of eps: local slopes
NEAR_ZERO = np.arange(1.06, 3.0, 0.045)  # the same around zero, which has no last place
AROUND = np.concatenate([-0.83 * NODES[3::-1], [0], NODES[:4]])  # points of a cubic fit
CUBIC = np.vander(AROUND, 4)
TO_SLOPE = np.linalg.pinv(CUBIC)[2]
REST = np.eye(len(AROUND)) - CUBIC @ np.linalg.pinv(CUBIC)


def look_closely(flat: Flat, directions: Array) -> Slopes:
    """The derivative of every output of `flat` along each row of `directions`, and its error."""
    levels = math.ceil(-SHORTEST * math.log(flat.eps) / math.log(RATIO)) + 1
    with np.errstate(all="ignore"):
        starts = [first_steps(flat, directions, scale) for scale in scales(flat)]
        lengths = 4 * np.minimum(*starts)[:, None]
        rounding = np.array([noise(flat.near, flat.x, reach, flat.eps) for reach in lengths * directions])
        rounding = rounding.reshape(len(directions), flat.base.size)
        several = not np.allclose(starts[0], starts[1], rtol=0.5)
        ladders = [Ladder.of(flat, directions, start, levels, rounding) for start in starts[: 1 + several]]
        value, error = _longest_consistent(ladders)
        still = np.all([np.all(ladder.still, axis=0) for ladder in ladders], axis=0)
        # A value that never moves by a bit may yet depend on this argument, by less than its rounding.
        longest = np.max([ladder.steps[0] for ladder in ladders], axis=0)[:, None]
        value, error = np.where(still, 0.0, value), np.where(still, flat.eps * np.abs(flat.base) / longest, error)
        gap = np.zeros_like(value)
        for ladder in ladders:
            gap = np.where(gap == 0, _kink(ladder), gap)
        # Where one output jumps, the others may have changed to another branch, even if they look smooth.
        jump = np.any([np.any(_jump(ladder), axis=1, keepdims=True) for ladder in ladders], axis=0)
        error, gap = np.where(jump, np.inf, error), np.where(jump, 0.0, gap)
        return Slopes(value, error, gap, rounding / lengths)


def local_slopes(flat: Flat, directions: Array) -> Iterator[Slopes]:
    """Slopes of a cubic through nine points around x, at distances from its last places to a millionth of it.

    The error is that of the fit at its own distance. So there is a distance at which the slope is right even where the
    function has a pole or another feature that is much narrower than any step of :func:`look_closely`, and looks like
    noise from further off. The shortest distance comes first.
    """
    with np.errstate(all="ignore"):
        lengths = 4 * np.minimum(*(first_steps(flat, directions, scale) for scale in scales(flat)))[:, None]
        # the largest argument that is moved, for a step of length one: its rounding matters
        grain = np.abs(flat.x / directions).max(axis=1, initial=0.0, where=directions != 0, keepdims=True)
        powers = np.append(NEARBY, NEAR_ZERO) if np.any(grain == 0) else NEARBY
        scatter = np.zeros((len(directions), flat.base.size))
        here = flat.near(flat.x)

        def value(at: Array) -> Array:  # steps of less than a last place lead nowhere
            return here if (at == flat.x).all() else flat.near(at)

        for h in (lengths * flat.eps**power for power in powers[::-1]):
            values = np.array([[value(flat.x + t * reach) for reach in h * directions] for t in AROUND])
            slope = np.tensordot(TO_SLOPE, values - values[4], 1) / h
            still = np.all(values == values[4], axis=0)
            around = np.sqrt((np.tensordot(REST, values - values[4], 1) ** 2).sum(axis=0) / (len(AROUND) - 4))
            scatter = np.fmax(scatter, around)  # it does not fall with the distance
            rounding = flat.eps * (np.abs(values).max(axis=0) + grain * np.abs(slope))
            error = np.maximum(scatter, rounding / 3) * float(np.linalg.norm(TO_SLOPE)) / h
            # a flat part may be the tread of a stair
            yield Slopes(slope, np.where(np.isfinite(slope) & ~still, error, np.inf))


def _kink(ladder: Ladder) -> Array:
    """Slope from the right less slope from the left where that is a kink, else zero."""
    return _lasting(ladder.bend, ladder.rounding)


def _jump(ladder: Ladder) -> Array:
    """True if the value at the point stays apart from the values on both sides, down to the shortest step."""
    h = ladder.steps[:, :, None]
    difference, noise = ladder.bend * h, ladder.rounding * h
    return (_lasting(difference, noise) != 0) & (np.abs(difference[-1]) > CLEAR * noise[-1])


def _lasting(difference: Array, noise: Array) -> Array:
    """A difference that stays the same down to the shortest step where it is clear of noise, else 0."""
    clear = np.abs(difference) > CLEAR * noise
    levels = np.arange(len(clear))[:, None, None]
    shortest = np.where(clear, levels, -1).max(axis=0)
    first = np.maximum(shortest - LASTING + 1, 0)
    among = (levels >= first) & (levels <= shortest)
    middle = np.take_along_axis(difference, ((first + shortest) // 2)[None].clip(0), axis=0)[0]
    steady = np.all(~among | (clear & (np.abs(difference - middle) <= SAME * np.abs(middle))), axis=0)
    enough = shortest - first + 1 >= LASTING
    return np.where(steady & enough, middle, 0.0)


def _longest_consistent(ladders: list[Ladder]) -> tuple[Array, Array]:
    """Lepski's rule over the steps of all ladders: the value, and its error (inf where no two steps agree)."""
    steps, slope, rounding = (
        np.concatenate([getattr(ladder, name) for ladder in ladders]) for name in ("steps", "slope", "rounding")
    )
    order = np.broadcast_to(np.argsort(steps, axis=0)[:, :, None], slope.shape)
    slope, band = np.take_along_axis(slope, order, axis=0), BAND * np.take_along_axis(rounding, order, axis=0)
    shape = slope.shape[1:]
    before, wider = np.full(shape, np.nan), np.zeros(shape)  # the last result and its band
    low, high, going = np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape, bool)
    value, error = np.full(shape, np.nan), np.full(shape, np.inf)
    for s, b in zip(slope, band, strict=True):
        there = np.isfinite(s) & going
        low, high = np.where(there, np.maximum(low, s - b), low), np.where(there, np.minimum(high, s + b), high)
        going &= ~there | (low <= high)
        there &= going
        doubt = np.maximum(b, wider / 2) + np.abs(s - before)
        better = there & (doubt < error)  # never at the first step, which nothing confirms
        value, error = np.where(better, s, value), np.where(better, doubt, error)
        before, wider = np.where(there, s, before), np.where(there, b, wider)
    return value, error
