"""Differences, integrals, interpolation, polynomials, covariance: NumPy's values, with derivatives."""

import warnings

import numpy as np
import pytest
from agreement import agrees, same

import autograd_lite as ag

rng = np.random.default_rng(0)
X, Y, M, N = rng.normal(size=7), rng.normal(size=7), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
XP, FP = np.cumsum(rng.uniform(0.5, 1, size=5)), rng.normal(size=5)
P, Q = rng.normal(size=4), rng.normal(size=3)
S = np.array(0.4)
W = rng.uniform(1, 2, size=7)

CASES = {
    "diff": (lambda x: np.diff(x), M),
    "diff, twice, along the first": (lambda x: np.diff(x, 2, 0), M),
    "diff, not at all": (lambda x: np.diff(x, n=0), M),
    "diff, more often than there are entries": (lambda x: np.diff(x, n=5), M),
    "diff between ends": (lambda x, y: np.diff(x, prepend=0.5, append=y, axis=1), M, M[:, :2]),
    "ediff1d": (lambda x: np.ediff1d(x), M),
    "ediff1d between ends": (lambda x, y: np.ediff1d(x, to_end=[1.0, 2.0], to_begin=y), M, S),
    "trapezoid": (lambda x: np.trapezoid(x), M),
    "trapezoid, dx": (lambda x, dx: np.trapezoid(x, dx=dx, axis=0), M, S),
    "trapezoid over positions": (lambda y, x: np.trapezoid(y, x), M, XP[:4]),
    "trapezoid over positions, along the first": (lambda y, x: np.trapezoid(y, x, axis=0), M, XP[:3]),
    "trapezoid over positions for each": (lambda y, x: np.trapezoid(y, x, axis=0), M, np.cumsum(M**2, 0)),
    "gradient": (lambda x: np.gradient(x), X),
    "gradient along both": (lambda x: np.gradient(x), M),
    "gradient along both, turned": (lambda x: np.gradient(x, axis=(1, 0)), M),
    "gradient, second order ends": (lambda x: np.gradient(x, axis=0, edge_order=2), M),
    "gradient, a spacing": (lambda x, h: np.gradient(x, h), M, S),
    "gradient, positions": (lambda x, at: np.gradient(x, at, axis=1), M, XP[:4]),
    "gradient, positions, second order ends": (lambda x, at: np.gradient(x, at, edge_order=2), X[:5], XP),
    "gradient, a spacing and positions": (lambda x, h, at: np.gradient(x, h, at), M, S, XP[:4]),
    "gradient of two": (lambda x: np.gradient(x), X[:2]),
    "interp": (lambda x, xp, fp: np.interp(x, xp, fp), np.linspace(0.1, 5, 8).reshape(2, 4), XP, FP),
    "interp of a number": (lambda xp, fp: np.interp(1.7, xp, fp), XP, FP),
    "interp with ends": (lambda x, left: np.interp(x, XP, FP, left=left, right=5.0), np.linspace(0, 6, 5), S),
    "interp with a period": (lambda x, xp, fp: np.interp(x, xp, fp, period=-2.1), X, W[:3], Q),
    "interp with complex values": (lambda x, fp: np.interp(x, XP, fp), np.array([1.1, 2.2]), FP + 1j * FP**2),
    "interp between one": (lambda x, fp: np.interp(x, XP[:1], fp), X, FP[:1]),
    "unwrap": (lambda x: np.unwrap(x), 5 * X),
    "unwrap, along the first": (lambda x: np.unwrap(x, axis=0, period=1.5), M),
    "linspace": (lambda a, b: np.linspace(a, b, 5), S, np.array(3.0)),
    "linspace without its end": (lambda a, b: np.linspace(a, b, 5, endpoint=False), M, N[0]),
    "linspace at the end": (lambda a, b: np.linspace(a, b, num=3, axis=-1), Q, Q[::-1]),
    "linspace of one and none": (lambda a: (np.linspace(a, 1, 1), np.linspace(a, 1, 0)), S),
    "linspace with its step": (lambda a: np.linspace(a, 1.0, 4, retstep=True), Q),
    "logspace": (lambda a, b: np.logspace(a, b, 4), Q, S),
    "logspace with bases": (lambda a, base: np.logspace(a, 1.0, 3, base=base), Q, W[:3]),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5), W, W[::-1]),
    "geomspace below 0": (lambda a: np.geomspace(a, -5.0, 3, axis=1), -W),
    "polyval": (lambda p, x: np.polyval(p, x), P, M),
    "polyval of a number": (lambda p: np.polyval(p, 0.3), P),
    "polyval, complex": (lambda p, x: np.polyval(p, x), P + 1j, M),
    "vander": (lambda x: np.vander(x), Q),
    "vander, increasing": (lambda x: np.vander(x, 5, increasing=True), Q),
    "polyadd": (lambda p, q: np.polyadd(p, q), P, Q),
    "polysub": (lambda p, q: np.polysub(q, p), P, Q),
    "polymul": (lambda p, q: np.polymul(p, q), P, Q),
    "polydiv": (lambda p, q: np.polydiv(p, q), P, Q),
    "polydiv by a longer one": (lambda p, q: np.polydiv(q, p), P, Q),
    "polydiv by a number": (lambda p, q: np.polydiv(p, q), P, Q[:1]),
    "polyder": (lambda p: (np.polyder(p), np.polyder(p, 2), np.polyder(p, 9)), P),
    "polyint": (lambda p, k: (np.polyint(p), np.polyint(p, 2, k=3.0), np.polyint(p, 3, k)), P, Q),
    "poly": (lambda x: np.poly(x), X[:4]),
    "poly of a matrix": (lambda x: np.poly(x), M[:, :3] + 3 * np.diag([0, 1, 2])),
    "roots": (lambda p: np.roots(p), np.poly([-2.0, 0.5, 3.0])),
    "roots, complex": (lambda p: np.roots(p), np.array([2.0, 1.0, 3.0, -1.0])),
    "roots of complex coefficients": (lambda p: np.roots(p), np.array([2.0, 1.0j, 3.0, -1.0])),
    "a root at 0": (lambda p: np.roots(p), np.array([1.0, 3.0, 0.0])),
    "no roots": (lambda p: np.roots(p), np.array([3.0])),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), X, Y),
    "polyfit with weights": (lambda x, y, w: np.polyfit(x, y, 1, w=w), X, np.stack([Y, X**2], 1), W),
    "polyfit with covariances": (lambda x, y: np.polyfit(x, y, 1, cov=True), X, Y),
    "polyfit with covariances, unscaled": (lambda x: np.polyfit(x, Y, 1, cov="unscaled")[1], X),
    "cov": (lambda x: np.cov(x), M),
    "cov of two": (lambda x, y: np.cov(x, y, bias=True), M, N),
    "cov of columns": (lambda x: np.cov(x, rowvar=False, ddof=0), M),
    "cov, complex": (lambda x: np.cov(x), M + 1j * M**2),
    "cov, weighted": (lambda x, w: np.cov(x, fweights=[1, 2, 1, 3], aweights=w), M, W[:4]),
    "cov of one": (lambda x: np.cov(x), X),
    "corrcoef": (lambda x: np.corrcoef(x), M),
    "corrcoef of two": (lambda x, y: np.corrcoef(x, y), M[0], N[0]),
    "histogram, weighted": (lambda x, w: np.histogram(x, 3, weights=w), X, W),
    "histogram, a density": (lambda x: np.histogram(x, 3, density=True), X),
    "histogram between given edges": (lambda w: np.histogram(X, [-1.0, 0, 1], weights=w)[0], W),
    "apply_along_axis": (lambda x: np.apply_along_axis(np.cumsum, 0, x), M),
    "apply_along_axis, to a number": (lambda x: np.apply_along_axis(lambda row: row[0] * row[1], 1, x), M),
    "apply_along_axis, to a matrix": (lambda x: np.apply_along_axis(np.diag, 1, x), M),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, -1]), M),
    "sliding windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)), M),
    "nan_to_num": (lambda x: np.nan_to_num(x), M),
    "real_if_close": (lambda x: np.real_if_close(x), M + 0j),
    "real_if_close, not close": (lambda x: np.real_if_close(x), M + 1j),
    "emath": (lambda x: (np.emath.sqrt(x), np.emath.log(x), np.emath.log2(x), np.emath.log10(x)), X),
    "emath, inverse": (lambda x: (np.emath.arcsin(x), np.emath.arccos(x), np.emath.arctanh(x)), 2 * X),
    "emath of two": (lambda x: (np.emath.logn(3.0, x), np.emath.power(x, 1.5), np.emath.power(x, -2)), X),
    "emath where the real function will do": (lambda x: np.emath.sqrt(x), W),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name):
    f, *arrays = CASES[name]
    agrees(f, *arrays)


def test_whole_numbers():
    same(np.diff(ag.tensor([1, 4, 9])), np.array([3, 5]))
    same(np.diff(ag.tensor([True, False, False])), np.array([True, False]))
    same(np.gradient(ag.tensor([1, 4, 9])), np.array([3.0, 4.0, 5.0]))
    same(np.linspace(ag.tensor(0.0), 9.0, 5, dtype=int), np.array([0, 2, 4, 6, 9]))
    same(np.histogram(ag.tensor(X), 4), np.histogram(X, 4))
    same(np.histogram(ag.tensor(X), "auto"), np.histogram(X, "auto"))
    same(np.histogram(ag.tensor([1.0, 1.0]), 2), np.histogram([1.0, 1.0], 2))


def test_interp_at_its_points_and_at_nan():
    same(np.interp(ag.tensor(XP), XP, FP), FP)
    same(np.interp(ag.tensor([np.nan]), XP, FP), np.array([np.nan]))
    slope = ag.grad(lambda x: np.interp(x, XP, FP))
    steps = np.diff(FP) / np.diff(XP)
    assert slope(XP[1]) == pytest.approx(steps[1])  # at a corner, the slope to its right
    assert (slope(0.0), slope(9.0)) == (0, 0)


def test_nan_to_num_passes_nothing_back_to_what_it_replaced():
    x = ag.tensor([1.0, np.nan, np.inf, -np.inf], requires_grad=True)
    y = np.nan_to_num(x, nan=7.0, posinf=1.0)
    same(y.detach(), np.array([1.0, 7.0, 1.0, np.finfo(float).min]))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 0, 0])


def test_a_leading_zero_is_a_coefficient_like_the_others():
    """NumPy cuts it off; its derivative would be lost with it."""
    p, q = ag.tensor([0.0, 2.0]), ag.tensor([3.0, 1.0])
    same(np.polymul(p, q), np.array([0.0, 6.0, 2.0]))
    slope = ag.grad(lambda p: np.polymul(p, q)[0])(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(slope, [3, 0])


def test_a_polynomial_vanishes_where_its_roots_are_also_nearby():
    """The derivative of p(root(p)) with respect to p is 0."""
    jacobian = ag.jacobian(lambda p: np.polyval(p, np.roots(p)))(np.array([2.0, 1.0, 3.0, -1.0]))
    np.testing.assert_allclose(jacobian, 0, atol=1e-12)


def test_two_results():
    x, y = np.array([1.5, -2.75, 0.3]), np.array([1.2, 0.7, 0.2])
    for f in (np.modf, np.frexp):
        same(f(ag.tensor(x)), f(x))
    same(np.divmod(ag.tensor(x), y), np.divmod(x, y))
    same(divmod(x, ag.tensor(y)), np.divmod(x, y))
    np.testing.assert_array_equal(np.diag(ag.jacobian(lambda x: np.modf(x)[0])(x)), [1, 1, 1])
    np.testing.assert_array_equal(np.diag(ag.jacobian(lambda x: np.frexp(x)[0])(x)), [0.5, 0.25, 2])
    np.testing.assert_array_equal(np.diag(ag.jacobian(lambda y: np.divmod(x, y)[1])(y)), -(x // y))
    np.testing.assert_array_equal(ag.grad(lambda x: np.divmod(x, y)[0].sum())(x), [0, 0, 0])


def test_on_a_cut_the_slope_is_that_of_the_side():
    """An inverse sine beyond 1 has a value above and one below the cut; the sign of a zero decides."""
    for f, sign in ((np.arcsin, 1), (np.arccos, -1)):
        for z, side in ((2 + 0j, 1), (complex(2, -0.0), -1), (-2 + 0j, -1), (complex(-2, -0.0), 1)):
            _, slope = ag.jvp(f, (np.array(z),), (np.array(1.0 + 0j),))
            assert slope == pytest.approx(sign * side * 1j / np.sqrt(3))


def test_steps_and_neighbours():
    same(np.heaviside(ag.tensor([-1.0, 0.0, 2.0]), 0.5), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(ag.grad(lambda h: np.heaviside(X * [0, 1, 0, 1, 1, 1, 1], h).sum())(0.5), 2)
    assert ag.grad(lambda x: np.nextafter(x, 9.0))(1.0) == 1


BAD = {
    "trapezoid along an axis that is not there": (lambda x: np.trapezoid(x, axis=3), "axis 3"),
    "gradient of one": (lambda x: np.gradient(x[:1]), r"gradient: 1 points along axis 0"),
    "gradient with too many spacings": (lambda x: np.gradient(x, 1.0, 2.0), "one for each of 1 axes, got 2"),
    "gradient with positions that do not fit": (lambda x: np.gradient(x, [1.0, 2.0]), r"\(2,\) for 7"),
    "interp with points that do not fit": (lambda x: np.interp(x, XP, x), r"interp: .*\(5,\) and \(7,\)"),
    "polyder, backwards": (lambda x: np.polyder(x, -1), "use polyint"),
    "polyfit with points that do not fit": (lambda x: np.polyfit(x, FP, 2), r"polyfit: .*\(7,\), \(5,\)"),
    "cov of a cube": (lambda x: np.cov(x.reshape(7, 1, 1)), r"cov: expected .* got shape \(7, 1, 1\)"),
    "diff, backwards": (lambda x: np.diff(x, -1), "diff: expected n >= 0, got -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_errors_name_the_operation(name):
    f, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        f(ag.tensor(X))


def test_the_covariance_of_too_few():
    with pytest.warns(RuntimeWarning):
        np.cov(ag.tensor([1.0]))


@pytest.mark.parametrize(("y", "x"), [((3,), (2, 3)), ((3,), (3, 2)), ((3, 3), (2, 3, 3)), ((3,), (2, 3, 3))])
def test_positions_with_more_axes_than_the_values(y, x):
    """The axis is counted from the end of each of them."""
    y, x = rng.normal(size=y), np.cumsum(rng.uniform(1, 2, size=x), axis=-1)
    if y.shape[-1] == x.shape[-1]:
        agrees(np.trapezoid, y, x)
    else:  # one spacing for all
        agrees(lambda y, x: np.trapezoid(y, x), y, x)


def test_covariances_of_nothing_and_of_too_little():
    two = np.array([[1.0, 3.0]])
    for m, params in ((np.zeros((2, 0)), {}), (two, {"ddof": 2}), (two, {"ddof": 5})):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of degrees of freedom
            expected, got = np.cov(m, **params), np.cov(ag.tensor(m, requires_grad=True), **params)
        same(got, expected)
    for y in (None, np.ones(3), np.ones((2, 3))):
        assert np.cov(ag.tensor(np.zeros((0, 3)), requires_grad=True), y).shape == (0, 0)


@pytest.mark.parametrize(("a", "b"), [((0,), ()), ((), (0,)), ((0,), (3,)), ((3,), (0,)), ((0,), (0,))])
def test_no_coefficients_are_the_polynomial_0(a, b):
    a, b = rng.normal(size=a), rng.normal(size=b)
    same(np.polymul(ag.tensor(a, requires_grad=True), b), np.polymul(a, b))


@pytest.mark.parametrize("options", [{}, {"N": 6, "increasing": True}, {"N": 1}, {"N": 0}])
def test_powers_of_vander_have_numpys_digits(options):
    for x in (np.linspace(-1.7, 2.3, 9), np.arange(5), np.array([True, False]), np.linspace(0, 1, 4, dtype="f4")):
        y, expected = np.vander(ag.tensor(x), **options), np.vander(x, **options)
        assert np.array_equal(y.numpy(), expected)
        assert y.dtype == expected.dtype
        assert np.array_equal(ag.jit(lambda x: np.vander(x, **options))(x), expected)
