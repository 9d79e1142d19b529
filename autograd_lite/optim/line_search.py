"""A line search for a step that satisfies the strong Wolfe conditions (Nocedal & Wright, algorithms 3.5 and 3.6).

The trial steps and the stopping rules are those of PyTorch's LBFGS, so that the loss is computed at the same points.
Unlike there, a loss of nan counts as too large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DECREASE, CURVATURE = 1e-4, 0.9  # the constants of the two conditions


class Point(NamedTuple):
    """A step `t`, and the loss, its gradient and its slope along the line there."""

    t: float
    f: float
    g: Any
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, most: int, tolerance: float
) -> tuple[Point, int]:
    """The point at which the search ends, and the number of calls of `at`.

    Parameters
    ----------
    at : callable
        Returns the point of a step.
    start : Point
        The point of step 0; its slope is negative.
    t : float
        The first step to try.
    most : int
        The most further steps to try.
    tolerance : float
        Stop when an interval that contains the step is shorter than this.
    """

    def too_high(p: Point) -> bool:
        return not p.f <= start.f + DECREASE * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -CURVATURE * start.slope

    before, now, k = start, at(t), 0
    while k < most:  # go further until an interval contains such a step
        if too_high(now) or (k > 1 and now.f >= before.f):
            break
        if flat(now):
            return now, k + 1
        if now.slope >= 0:
            break
        t = _cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), 10 * now.t)
        before, now, k = now, at(t), k + 1
    if k == most:
        before = start
    ends, stuck = [before, now], False
    low = _lower(ends)
    while k < most and abs(ends[1].t - ends[0].t) >= tolerance:
        left, right = sorted((ends[0].t, ends[1].t))
        t, margin = _cubic_minimum(ends[0], ends[1], left, right), 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or not left < t < right):
            t = right - margin if right - t < t - left else left + margin
            near = False
        stuck = near
        now, k = at(t), k + 1
        if too_high(now) or now.f >= ends[low].f:
            ends[1 - low] = now
            low = _lower(ends)
            continue
        if flat(now):
            return now, k + 1
        if now.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = now
    return ends[low], k + 1


def _lower(ends: list[Point]) -> int:
    return int(not (ends[0].f <= ends[1].f or math.isnan(ends[1].f)))


def _cubic_minimum(p: Point, q: Point, left: float, right: float) -> float:
    """The minimum, between `left` and `right`, of the cubic through two points with their slopes."""
    a, b = sorted((p, q), key=lambda point: point.t)
    with np.errstate(all="ignore"):  # without a minimum, t is not finite
        d1 = a.slope + b.slope - 3 * np.divide(a.f - b.f, a.t - b.t)
        d2 = np.sqrt(d1 * d1 - a.slope * b.slope)
        t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(float(t), left), right) if np.isfinite(t) else (left + right) / 2
