"""A row's domain is the function's own, less the kinks listed in the row: no test turns green by narrowing it.

Where NumPy (or SciPy) gives a number, the point has to lie in the domain or on a kink; where the point lies in the
domain, NumPy gives a number and the row a slope, but for what is too large for a float.
"""

import numpy as np
import pytest
from allowances import listed

from autograd_lite.table import NONZERO, POSITIVE, REAL, Domain, Joint, interval
from autograd_lite.testing.rows import domains
from tests.table.test_table import ELEMENTWISE, for_each, gradient, on_tensors, variables

pytestmark = pytest.mark.filterwarnings("ignore")  # kinks and edges are what is looked at

ENDS = [sign * end for end in (1.0, 2.0) for sign in (-1, 1)]
NEAR = [np.nextafter(end, way) for end in ENDS for way in (-np.inf, np.inf)]
SPECIAL = [0.0, -0.0, *ENDS, *NEAR, 0.5, -0.5, 1e-8, -1e-8, 1e-310, -1e-310, 1e-300, -1e-300, 30.0, -30.0]
HUGE = [1e8, -1e8, 1e300, -1e300]
LINE = np.linspace(-6.0, 6.0, 97)
#: Selecting and cutting have no edge; what they are given first is no number, or they are defined by three together.
WITHOUT_EDGE = {"where", "clip", "ldexp"}


def samples(row):
    """Points on a line, a plane or in space: evenly spread, and all combinations of special ones."""
    n = len(row.rules)
    narrow = listed("domain", row)
    special = SPECIAL if narrow else SPECIAL + HUGE
    axis = np.concatenate([LINE[:: (1, 8, 16)[n - 1]], special[:: (1, 1, 3)[n - 1]]])
    if narrow:
        axis = axis[(axis == 0) | (np.abs(axis) > 1e-200)]
    each = [axis] * n
    if row.name in ("kn", "yn"):  # of whole orders
        each[0] = np.arange(-4, 5)
    return tuple(x.ravel() for x in np.meshgrid(*each, indexing="ij"))


def function(row):
    """As a function of its arrays alone."""
    return (lambda x: row(2, x)) if row.name == "polygamma" else row


def value(row, xs):
    with np.errstate(all="ignore"):
        return np.asarray(function(row)(*xs))


def inside(row, xs):
    if isinstance(row.domain, Joint):
        return row.domain.contains(*xs)
    return np.all([d.contains(x) for d, x in zip(domains(row), xs, strict=True)], axis=0)


def on_a_kink(row, xs):
    with np.errstate(all="ignore"):
        return row.at_kink(*xs) | np.zeros(xs[0].shape, bool)


def some(bad, xs, y):
    return [(*(float(x[k]) for x in xs), float(y[k].real)) for k in np.flatnonzero(bad)[:5]]


WITH_EDGES = [row for row in ELEMENTWISE if row.name not in WITHOUT_EDGE]


@for_each(WITH_EDGES)
def test_a_domain_is_where_the_function_is_finite(row, allowed):
    with allowed("domain", row):
        domain_is_where_finite(row)


def domain_is_where_finite(row):
    xs = samples(row)
    y = value(row, xs)
    finite, within, kink = np.isfinite(y), inside(row, xs), on_a_kink(row, xs)
    left_out = finite & ~within & ~kink
    assert not left_out.any(), f"{row.name} has a value outside its domain: {some(left_out, xs, y)}"
    undefined = within & np.isnan(y)
    assert not undefined.any(), f"{row.name} has no value in its domain: {some(undefined, xs, y)}"
    moderate = np.all([(np.abs(x) < 20) & ((np.abs(x) > 1e-100) | (x == 0)) for x in xs], axis=0)
    infinite = within & np.isinf(y) & moderate & (np.abs(xs[-1]) > 1e-9)
    assert not infinite.any(), f"{row.name} is infinite in its domain: {some(infinite, xs, y)}"


@for_each(WITH_EDGES)
def test_a_slope_is_finite_in_the_domain(row):
    """At moderate numbers: what overflows at others is the test of numbers at the edge's."""
    xs = samples(row)
    moderate = np.all([(np.abs(x) < 30) & ((np.abs(x) > 1e-9) | (x == 0)) for x in xs], axis=0)
    good = inside(row, xs) & ~on_a_kink(row, xs) & moderate & np.isfinite(value(row, xs))
    if row.name in ("power", "float_power"):
        good &= xs[0] >= 0  # of a negative base there is no slope in the exponent
    xs = [x[good] if k in variables(row) else x[good].tolist() for k, x in enumerate(xs)]
    ys, tensors = on_tensors(function(row), xs, {})
    for d in gradient(ys, tensors, [np.ones(ys[0].shape, ys[0].dtype)]):
        assert np.isfinite(d).all(), some(~np.isfinite(d), [np.asarray(x) for x in xs], d)


def test_the_kinds_of_domains():
    x = np.array([-1.0, 0.0, 1.0, 2.0, np.inf])
    assert REAL.contains(x).tolist() == [True, True, True, True, False]
    assert POSITIVE.contains(x).tolist() == [False, False, True, True, False]
    assert NONZERO.contains(x).tolist() == [True, False, True, True, False]
    assert interval(-1, 2).contains(x).tolist() == [False, True, True, False, False]
    assert Domain(holes=(1.0, 2.0)).contains(x).tolist() == [True, True, False, False, False]
