"""How much of a function's value is rounding, measured at a point.

Rounding inside a function is of the size of its intermediate results, which are not visible from outside: neither the
value nor the slope bounds it. So it is measured, after J. J. Moré and S. M. Wild, "Estimating computational noise"
(SIAM J. Sci. Comput. 33, 2011). The function is evaluated at nine points close together on a line. A smooth function is
a polynomial of low degree there: the residual of a fit of degree five is noise. The points are unevenly spaced, because
evenly spaced ones may all be rounded in the same way.

The points lie on one side of the point at a time, so that a kink at the point itself does not count as noise. There are
four spacings, from a few units in the last place to a hundred-thousandth of the argument, because the rounding of a
large intermediate result makes a staircase, and its steps may be wider than the shorter spacings. The largest estimate
counts: too much noise costs a verdict, too little makes a false one.

A nearly saturated function, such as ``y * (1 - y)`` for y close to 1, has still wider steps. Two more spacings, up to a
hundredth of the argument, are searched for jumps: adjacent second differences of opposite signs, which neither a curve
nor a kink has. So a wrong derivative that jumps within about 8 % of the argument may count as noisy.

An estimate that is much larger at the widest spacing than at the others is not noise. There the function is not like a
polynomial even this close: a vertical slope, a pole, another kink nearby. No difference can be trusted there, and the
noise is infinite.
"""

from __future__ import annotations

import numpy as np

from .leaves import Array, Map

POINTS = 9
DEGREE = 5
NODES = np.arange(1, POINTS + 1) + np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23]) % 1 / 2  # without a pattern
REST = np.linalg.qr(np.vander(NODES, DEGREE + 1), mode="complete")[0][:, DEGREE + 1 :].T  # maps a polynomial to 0
SPACINGS = (0.9, 0.6, 0.36, 0.33)  # as powers of the machine epsilon
WIDE = (0.2, 0.13)  # the same, for the search for jumps
ROUGH = 12.0  # beyond this many times that of the shorter spacings, the widest one's is infinite


def noise(evaluate: Map, x: Array, reach: Array, eps: float) -> Array:
    """The standard deviation of the rounding in each number of ``evaluate(x)``.

    Parameters
    ----------
    evaluate : callable
        Takes a vector like `x`; returns a vector, with nan where it has no value.
    x : array
        The point.
    reach : array
        The direction, of the length over which the function is expected to change.
    eps : float
        The machine epsilon of the numbers in which `evaluate` computes.

    Examples
    --------
    >>> one, line = np.array([1.0]), np.array([1.0])
    >>> bool(noise(lambda x: x**3, one, line, 2.2e-16)[0] < 1e-15)
    True
    >>> bool(1e-12 < noise(lambda x: (x**3 + 1e5) - 1e5, one, line, 2.2e-16)[0] < 1e-11)
    True
    """
    levels: list[Array] = []
    usual = np.zeros(1)  # the rounding of the values, and of the points as far as it moves them
    with np.errstate(all="ignore"):
        grain = np.abs(x / reach).max(initial=1.0, where=reach != 0)
        for power in SPACINGS + WIDE:
            sides = []
            for spacing in (eps**power, -0.83 * eps**power):
                values = np.array([evaluate(x + t * spacing * reach) for t in NODES])
                sides.append(_jumps(values) if power in WIDE else _scatter(values))
                slope = (values[-1] - values[0]) / ((NODES[-1] - NODES[0]) * spacing)
                usual = np.fmax(usual, eps * (np.abs(values[0]) + grain * np.abs(slope)))
            levels.append(np.nan_to_num(np.fmax(*sides), nan=0.0, posinf=np.inf))
            if power == SPACINGS[-1]:
                rough = levels[-1] > ROUGH * np.maximum(np.max(levels[:-2], axis=0), np.nan_to_num(usual))
    largest: Array = np.max(levels, axis=0)
    return np.where(rough, np.inf, largest)


def _scatter(values: Array) -> Array:
    """The standard deviation of the residual of a polynomial of low degree."""
    scatter: Array = np.sqrt((np.tensordot(REST, values - values[0], 1) ** 2).mean(axis=0))
    return scatter


def _jumps(values: Array) -> Array:
    """The height of the steps, if the values have steps rather than bends."""
    gaps = np.diff(NODES).reshape(-1, *[1] * (values.ndim - 1))
    slopes = np.diff(values, axis=0) / gaps
    bends = np.diff(slopes, axis=0)
    bends = np.concatenate([bends, np.where(slopes[:-1].any(axis=0), 0, -slopes[-1:])])  # a step in the last gap alone
    opposite = np.sqrt(np.maximum(-bends[1:] * bends[:-1], 0)).max(axis=0)
    return np.where(opposite >= np.abs(bends).max(axis=0) / 4, opposite, 0.0)
