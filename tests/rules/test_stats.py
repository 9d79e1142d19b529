"""ag.stats against scipy.stats, where the tests of the table do not look: at the ends of the support, and far out."""

import math
from functools import partial

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import TABLE
from autograd_lite.testing.rows import points

S = pytest.importorskip("scipy.stats")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ROWS = [row for name, row in TABLE.items() if name.startswith("stats.")]


def theirs(row):
    _, family, function = row.name.split(".")
    return getattr(getattr(S, family), function)


@pytest.mark.parametrize("row", [r for r in ROWS if "dirichlet" not in r.name], ids=lambda row: row.name)
def test_values_are_scipys(row):
    for args, params in points(row, np.random.default_rng(1)):
        expected = theirs(row)(*args, **params)
        assert np.shape(row(*args, **params)) == np.shape(expected)
        np.testing.assert_allclose(row(*args, **params), expected, rtol=1e-12)


Z = np.array([-1.0, 0.0, 0.25, 1.0, 2.0, np.inf, np.nan])
SHAPES = {"gamma": [(0.5,), (1.0,), (2.5,)], "chi2": [(1,), (2,), (5,)], "t": [(0.5,), (1e10,)], "norm": [()]}
SHAPES["beta"] = [(a, b) for a in (0.5, 1.0, 2.5) for b in (0.5, 1.0, 2.5)]


@pytest.mark.parametrize("row", [r for r in ROWS if r.name.split(".")[1] in SHAPES], ids=lambda row: row.name)
def test_at_the_ends_of_the_support(row):
    for shapes in SHAPES[row.name.split(".")[1]]:
        np.testing.assert_allclose(row(Z, *shapes), theirs(row)(Z, *shapes), rtol=1e-9, err_msg=str(shapes))


NUMBERS = np.array([-np.inf, -1.0, -0.0, 0.0, 0.3, 1.0, 2.0, np.inf, np.nan])
SHAPES_OF = {"norm": 0, "t": 1, "gamma": 1, "chi2": 1, "beta": 2, "poisson": 1}


@pytest.mark.parametrize("row", [r for r in ROWS if r.name.split(".")[1] in SHAPES_OF], ids=lambda row: row.name)
def test_every_mixture_of_valid_and_invalid_parameters(row):
    """In SciPy a scale or shape that is not positive (a Poisson mean below 0) gives NaN, also beyond the support."""
    family = row.name.split(".")[1]
    shapes = [NUMBERS if family == "t" else NUMBERS[np.isfinite(NUMBERS)]] * SHAPES_OF[family]
    others = [[0.0, 1.0]] if family == "poisson" else [[0.0, 1.0], NUMBERS]
    grid = np.meshgrid(np.append(NUMBERS, 1.5), *shapes, *others)
    np.testing.assert_allclose(row(*grid), theirs(row)(*grid), rtol=1e-9, atol=1e-15)
    for args in list(zip(*(x.ravel() for x in grid), strict=True))[::97]:  # Python numbers have a path of their own
        args = [x.item() for x in args]
        np.testing.assert_allclose(row(*args), theirs(row)(*args), rtol=1e-9, atol=1e-15, err_msg=str(args))


def test_student_with_infinite_degrees_is_normal():
    df = np.array([np.inf, 3.0])
    d_df, d_x = ag.grad(lambda df, x: ag.stats.t.logpdf(x, df, 0.0, 2.0).sum(), argnums=(0, 1))(df, np.ones(2))
    assert d_df[0] == 0
    assert d_x[0] == ag.grad(ag.stats.norm.logpdf)(1.0, 0.0, 2.0)
    alone = ag.grad(lambda df: ag.stats.t.logpdf(1.0, df, 0.0, 2.0))(3.0)
    np.testing.assert_allclose(d_df[1], alone, rtol=1e-15)


@pytest.mark.parametrize("k", range(4))
def test_slopes_of_the_poisson_distribution_of_mean_0(k):
    """mu**k exp(-mu) / k! is a power series: its coefficients are the derivatives over the factorials."""
    coefficients = [0.0] * k + [(-1.0) ** j * math.comb(k + j, k) for j in range(5 - k)]
    f = partial(ag.stats.poisson.pmf, k)
    for expected in coefficients[:4]:
        assert f(0.0) == pytest.approx(expected)
        np.testing.assert_allclose(ag.vmap(f)(np.array([0.0, 1.0]))[0], expected)
        f = ag.grad(f)
    assert ag.grad(ag.stats.poisson.cdf, argnums=1)(k, 0.0) == -(k == 0)


def test_dirichlet_with_an_invalid_parameter():
    assert np.isnan(ag.stats.dirichlet.pdf(np.array([0.3, 0.7]), np.array([1.0, -1.0])))


def test_far_out():
    np.testing.assert_allclose(ag.stats.norm.logcdf(-50.0), S.norm.logcdf(-50.0), rtol=1e-13)
    np.testing.assert_allclose(ag.grad(ag.stats.norm.logsf)(50.0), -50.02, rtol=1e-5)


def test_there_is_no_nan_in_a_gradient_beyond_the_support():
    x = np.array([-1.0, 0.0, 0.5, 2.0])
    for density in (lambda x: ag.stats.beta.pdf(x, 2.5, 2.0), lambda x: ag.stats.gamma.pdf(x, 2.5)):
        assert np.isfinite(ag.grad(lambda x, f=density: f(x).sum())(x)).all()
        assert np.isfinite(ag.jvp(density, (x,), (np.ones(4),))[1]).all()


def test_poisson_has_whole_numbers_only():
    k = np.array([-1.0, 0.0, 0.5, 1.0, 3.0])
    for f in ("logpmf", "pmf", "cdf"):
        np.testing.assert_allclose(getattr(ag.stats.poisson, f)(k, 2.0, 1), getattr(S.poisson, f)(k, 2.0, 1))


def test_dirichlet():
    x, alpha = np.array([0.2, 0.3, 0.5]), np.array([1.0, 2.0, 3.0])
    for given in (x, x[:2], np.stack([x, x[::-1]]).T):
        np.testing.assert_allclose(ag.stats.dirichlet.pdf(given, alpha), S.dirichlet.pdf(given, alpha))
    with pytest.raises(ValueError, match=r"expected x of shape \(3, \.\.\.\), got \(5,\)"):
        ag.stats.dirichlet.logpdf(np.ones(5), alpha)


COV = np.array([[2.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize(("x", "args"), [
    (0.5, ()), ([1.0, 2.0, 3.0], ()), ([1.0, 2.0], (None, COV)), ([[1.0, 2.0]], (None, COV)),
    (np.ones((2, 3, 2)), ([1, 2], COV)), ([1.0, 2.0], ([0, 1], [1, 2])), ([1.0, 2.0], ([0, 1], 3.0)),
])  # fmt: skip
def test_multivariate_normal(x, args):
    expected = S.multivariate_normal.logpdf(x, *args)
    assert np.shape(ag.stats.multivariate_normal.logpdf(x, *args)) == np.shape(expected)
    np.testing.assert_allclose(ag.stats.multivariate_normal.logpdf(x, *args), expected)


def test_the_gradient_of_a_covariance_is_symmetric():
    g = ag.grad(lambda c: ag.stats.multivariate_normal.logpdf(np.array([1.0, 2.0]), None, c))(COV)
    z = np.linalg.solve(COV, [1.0, 2.0])
    np.testing.assert_allclose(g, (np.outer(z, z) - np.linalg.inv(COV)) / 2, rtol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        ag.stats.multivariate_normal.logpdf(np.ones(2), None, np.ones((2, 2)))


def test_a_parameter_without_a_derivative_is_named():
    with pytest.raises(NotImplementedError, match="stdtr is not differentiable with respect to its degrees of freedom"):
        ag.grad(lambda df: ag.stats.t.cdf(0.5, df))(3.0)


@pytest.mark.parametrize("row", [r for r in ROWS if "entropy" not in r.name], ids=lambda row: row.name)
def test_single_precision_stays(row):
    (x, *others), _ = next(iter(points(row, np.random.default_rng(1))))
    numbers = [2.0 if np.ndim(a) < 2 else None for a in others]
    if "dirichlet" in row.name or None in numbers:
        numbers = [np.asarray(a, np.float32) for a in others]
    x = np.asarray(x, np.float32)
    assert row(x, *numbers).dtype == ag.grad(lambda x: row(x, *numbers).sum())(x).dtype == np.float32


def test_with_transforms():
    f = ag.vmap(ag.grad(lambda x: ag.stats.gamma.logpdf(x, 2.5)))
    np.testing.assert_allclose(ag.jit(f)(np.array([1.0, 2.0])), [0.5, -0.25])
