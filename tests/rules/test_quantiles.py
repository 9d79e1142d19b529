"""Median, quantiles and percentiles: every method of NumPy's, with derivatives."""

import warnings

import numpy as np
import pytest
from agreement import agrees, same
from functions import by_name, gradient
from thorough import some

import autograd_lite as ag
from autograd_lite.program import trace
from autograd_lite.rules.quantiles import PLACES

rng = np.random.default_rng(0)
X, M, T = rng.normal(size=5), rng.normal(size=(4, 3)), rng.normal(size=(2, 3, 4))
NAN = rng.normal(size=(5, 3))
NAN[1, 0] = NAN[3, 0] = NAN[2, 2] = np.nan


@by_name([np.median, np.nanmedian])
def test_median(f):
    cases = (np.array(0.5), None), (X, None), (X[:4], -1), (M, None), (M, 0), (M[::-1, ::-1], 1), (T, (0, -1))
    for x, axis in some(cases, 4):
        agrees(lambda x, axis=axis: f(x, axis=axis), x)
        agrees(lambda x, axis=axis: f(x, axis=axis, keepdims=True), x, order=1)
    same(f(ag.tensor([1, 2, 4, 8])), f(np.array([1, 2, 4, 8])))
    for dtype in (np.float16, np.float32):
        assert f(ag.tensor(M.astype(dtype)), axis=0).dtype == dtype
        assert gradient(lambda x: f(x, axis=0), M.astype(dtype)).dtype == dtype
    with pytest.raises(TypeError, match="out="):
        f(ag.tensor(M), axis=0, out=np.zeros(3))


@pytest.mark.parametrize("method", PLACES)
def test_every_method_at_every_place(method):
    q = np.linspace(0, 1, 25)
    for n in (1, 2, 5, 8):
        x = rng.normal(size=n)
        same(np.quantile(ag.tensor(x), q, method=method), np.quantile(x, q, method=method))
        same(np.percentile(ag.tensor(x), 100 * q, method=method), np.percentile(x, 100 * q, method=method))
    agrees(lambda x: np.quantile(x, 0.37, axis=0, method=method), M)
    options = {"axis": 0, "method": method}
    same(np.nanquantile(ag.tensor(NAN), q, **options), np.nanquantile(NAN, q, **options))


@by_name([np.quantile, np.nanquantile])
def test_shapes_of_quantiles(f):
    for q in (0.3, 1, [0.2, 0.7], rng.uniform(0.1, 0.9, size=(2, 2))):
        for axis in (None, 0, -1, (2, 0)):
            if f is np.nanquantile and np.ndim(q) == 2 and axis == (2, 0):
                continue  # NumPy itself gets its axes into disorder there
            for keepdims in (False, True):
                same(f(ag.tensor(T), q, axis, keepdims=keepdims), f(T, q, axis, keepdims=keepdims))
    agrees(lambda x: f(x, [0.2, 0.7], axis=1), M)
    agrees(lambda x: f(x, [[0.2, 0.7]], axis=(2, 0) if f is np.quantile else None, keepdims=True), T, order=1)


@by_name([np.quantile, np.nanquantile])
def test_a_place_that_moves_has_a_derivative(f):
    x, q = rng.normal(size=(6, 2)), np.array([0.33, 0.61])
    for method in some(("linear", "hazen", "weibull")):
        agrees(lambda x, q, method=method: f(x, q, axis=0, method=method), x, q)
    np.testing.assert_array_equal(ag.grad(lambda q: f(np.arange(5.0), q, method="lower"))(0.3), 0)


@by_name([np.quantile, np.nanquantile, np.percentile, np.nanpercentile])
def test_weak_and_strong_q(f):
    x = np.float32(M)
    for q in (0.5, 1, np.array([0.5]), np.float64(0.5), [0.25, 0.5]):
        strong = np.array(q) if type(q) is np.float64 else q  # before 2.4 NumPy takes a float64 for a float
        assert f(ag.tensor(x), q).dtype == np.asarray(f(x, strong)).dtype
        np.testing.assert_allclose(f(ag.tensor(x), q).numpy(), f(x, strong), rtol=1e-6)


@by_name([np.quantile, np.nanquantile])
def test_weights(f):
    x, w = rng.normal(size=(5, 3)), np.array([0.0, 1.0, 2.0, 1.5, 0.5])
    full = rng.uniform(0, 1, size=(5, 3))
    for q in some(([0.1, 0.55], 0, 0.3, 1, np.array([[0.2], [0.9]]))):
        if f is np.quantile:  # np.nanquantile fails with weights along an axis
            agrees(lambda x, q=q: f(x, q, axis=0, weights=w, method="inverted_cdf"), x, order=1)
        agrees(lambda x, q=q: f(x, q, axis=0, weights=full, method="inverted_cdf", keepdims=True), x, order=1)
        agrees(lambda x, q=q: f(x, q, weights=full, method="inverted_cdf"), x, order=1)
    with pytest.raises(ValueError, match="inverted_cdf"):
        f(ag.tensor(x), 0.5, axis=0, weights=w)
    with pytest.raises(ValueError, match="do not fit"):
        f(ag.tensor(x), 0.5, axis=1, weights=w, method="inverted_cdf")
    with pytest.raises(ValueError, match="negative"):
        f(ag.tensor(x), 0.5, axis=0, weights=w - 1, method="inverted_cdf")


def test_the_two_neighbours_share_the_gradient():
    np.testing.assert_array_equal(gradient(np.median, [3.0, 1.0, 2.0]), [0, 0, 1])
    np.testing.assert_array_equal(gradient(np.median, [3.0, 1.0, 2.0, 9.0]), [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(gradient(lambda x: np.percentile(x, 30), [10.0, 20.0, 0.0]), [0.6, 0, 0.4])


def test_nan():
    x = np.array([1.0, np.nan, 3.0, 7.0])
    for f in (np.median, lambda x: np.quantile(x, 0.4)):
        assert np.isnan(f(ag.tensor(x)).item())
    np.testing.assert_array_equal(gradient(np.nanmedian, x), [0, 0, 1, 0])
    np.testing.assert_allclose(gradient(lambda x: np.nanquantile(x, 0.75), x), [0, 0, 0.5, 0.5])
    for axis in (None, 0, 1):
        same(np.nanmedian(ag.tensor(NAN), axis=axis), np.nanmedian(NAN, axis=axis))
    options = {"axis": 0, "weights": rng.uniform(1, 2, size=(5, 3)), "method": "inverted_cdf"}
    same(np.nanquantile(ag.tensor(NAN), [0.2, 1], **options), np.nanquantile(NAN, [0.2, 1], **options))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_and_nothing_but_nan():
    assert np.isnan(np.median(ag.tensor(np.zeros(0))).item())
    same(np.median(ag.tensor(np.zeros((0, 2))), axis=0), np.full(2, np.nan))
    assert np.isnan(np.nanmedian(ag.tensor([np.nan, np.nan])).item())
    assert gradient(lambda x: np.median(x, axis=0), np.zeros((0, 2))).shape == (0, 2)


def test_infinities():
    x = np.array([1.0, np.inf, np.inf, -np.inf])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for q in (0, 1 / 3, 1):
            same(np.quantile(ag.tensor(x), q), np.quantile(x, q, method="nearest"))
        assert np.median(ag.tensor([0.0, np.inf, np.inf])).item() == np.inf


def test_a_trace_sorts_again():
    x = rng.uniform(0.1, 0.9, size=(4, 3))
    for f in (
        lambda x: np.median(x, axis=0),
        lambda x: np.nanquantile(x, 0.3, axis=1),
        lambda x: np.quantile(x, 0.3 + 0.1 * x[:, 0], axis=1),
        lambda x: np.quantile(x, 0.3, weights=x, method="inverted_cdf"),
    ):
        np.testing.assert_allclose(trace(f)(np.full((4, 3), 0.5))(x), f(x), rtol=1e-12)


def test_refusals():
    x = ag.tensor(X)
    with pytest.raises(ValueError, match="between 0 and 1"):
        np.quantile(x, 1.5)
    with pytest.raises(ValueError, match="between 0 and 100"):
        np.percentile(x, [50, 101])
    with pytest.raises(ValueError, match=r"'nearby' is none of .*nearest"):
        np.quantile(x, 0.5, method="nearby")
    with pytest.raises(TypeError, match="complex"):
        np.quantile(ag.tensor([1j, 2.0]), 0.5)
