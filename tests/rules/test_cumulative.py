"""Cumulative functions, and reduceat: as NumPy does them, with derivatives, zeros included."""

import numpy as np
import pytest
from agreement import agrees, same
from functions import by_name, gradient

import autograd_lite as ag
from autograd_lite.rules.cumulative import linear_recurrence

rng = np.random.default_rng(0)
X, M, T = rng.normal(size=4), rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))
Z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
S = np.array(0.5)

RUNNING = (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod)
UFUNCS = (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp)


@by_name(RUNNING)
def test_running_totals(f):
    for x, axis in ((S, None), (X, None), (X, -1), (M, None), (M, 0), (M[::-1, ::-1], 1), (T, 1), (T[:1], 0)):
        agrees(lambda x, axis=axis: f(x, axis=axis), x)
    agrees(lambda z: f(z, axis=1), Z)
    same(f(ag.tensor([1, 2, 4])), f(np.array([1, 2, 4])))
    same(f(ag.tensor(np.float32(M)), axis=0, dtype=float), f(np.float32(M), axis=0, dtype=float))
    assert gradient(lambda x: f(x, 0), np.float32(M)).dtype == np.float32
    assert gradient(lambda x: f(x, 1), np.zeros((2, 0))).shape == (2, 0)
    with pytest.raises(TypeError, match="out="):
        f(ag.tensor(M), 0, out=np.zeros((2, 3)))


def test_methods():
    x = ag.tensor(M)
    same(x.cumsum(), M.cumsum())
    same(x.cumprod(axis=1), M.cumprod(axis=1))


@by_name([np.cumulative_sum, np.cumulative_prod])
def test_the_names_of_the_array_api(f):
    agrees(f, X)
    agrees(lambda x: f(x, axis=-1), M)
    agrees(lambda x: f(x, axis=0, include_initial=True), M)
    options = {"dtype": float, "include_initial": True}
    same(f(ag.tensor([1, 2]), **options), f(np.array([1, 2]), **options))
    with pytest.raises(ValueError, match="axis="):
        f(ag.tensor(M))


@by_name(UFUNCS)
def test_accumulate(f):
    agrees(f.accumulate, M)
    agrees(f.accumulate, X)
    agrees(lambda x: f.accumulate(x, axis=1), T)
    agrees(lambda x: f.accumulate(x, -1), T[:, ::-1])


def test_third_order_through_an_accumulation():
    def third(x):
        return ag.grad(lambda x: ag.hessian(lambda x: np.cumprod(x)[-1])(x)[0, 1])(x)

    np.testing.assert_array_equal(third(np.array([0.0, 0.0, 0.0])), [0, 0, 1])
    np.testing.assert_array_equal(third(np.array([2.0, 3.0, 4.0, 5.0])), [0, 0, 5, 4])


@pytest.mark.parametrize("x", [[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
def test_cumprod_is_exact_with_zeros(x):
    a, b, c = x
    np.testing.assert_array_equal(gradient(np.cumprod, x), [1 + b + b * c, a + a * c, a * b])
    np.testing.assert_array_equal(
        ag.hessian(lambda x: np.cumprod(x).sum())(np.array(x)), [[0, 1 + c, b], [1 + c, 0, a], [b, a, 0]]
    )


def test_what_comes_after_an_overflow_does_not_spoil_what_came_before():
    x = np.array([1.0, 2.0, 1e300, 1e300, 3.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        g = ag.grad(lambda x: np.cumprod(x)[1])(x)
    np.testing.assert_array_equal(g[:4], [2, 1, 0, 0])


def test_nan_is_left_out_of_running_totals():
    x = np.array([1.0, np.nan, 3.0, 2.0])
    for f in (np.nancumsum, np.nancumprod):
        same(f(ag.tensor(x)), f(x))
    np.testing.assert_array_equal(gradient(np.nancumsum, x), [4, 0, 2, 1])
    np.testing.assert_array_equal(gradient(np.nancumprod, x), [1 + 1 + 3 + 6, 0, 1 + 2, 3])


def test_running_extremes_send_the_gradient_to_where_they_were_met():
    np.testing.assert_array_equal(gradient(np.maximum.accumulate, [1.0, 0.0, 3.0, 2.0, 1.0]), [2, 0, 3, 0, 0])
    np.testing.assert_array_equal(gradient(np.maximum.accumulate, [1.0, 1.0]), [1.5, 0.5])  # a tie is shared


def test_running_logaddexp_of_minus_infinity():
    x = np.array([-np.inf, -np.inf, 0.0, 1.0])
    same(np.logaddexp.accumulate(ag.tensor(x)), np.logaddexp.accumulate(x))
    g = ag.grad(lambda x: np.logaddexp.accumulate(x)[-1])(x)
    np.testing.assert_allclose(g, [0, 0, 1 / (1 + np.e), np.e / (1 + np.e)], atol=1e-16)


def test_linear_recurrence():
    def loop(a, x):
        ys = [x[0]]
        for k in range(len(a)):
            ys.append(a[k] * ys[-1] + x[k + 1])
        return np.stack(ys)

    a, x = rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    agrees(lambda a, x: linear_recurrence(a, x), a, x, like=loop, order=3)
    agrees(lambda a, x: linear_recurrence(a, x), a[:, 0], x[:, 0], like=loop)
    agrees(lambda a, x: linear_recurrence(a, x), a[:0], x[:1], like=loop)


@pytest.mark.parametrize("indices", [[0, 2, 3], [0], [1, 4], [3, 1, 1, 5], [5, 0], [2, 2, 2]])
def test_reduceat(indices):
    x = rng.normal(size=6)
    agrees(lambda x: np.add.reduceat(x, indices), x)
    agrees(lambda x: np.add.reduceat(x, indices, axis=1), rng.normal(size=(2, 6, 2)))
    agrees(lambda x: np.multiply.reduceat(x, indices), x)
    agrees(lambda x: np.maximum.reduceat(x, indices), x)


def test_cummax_and_cummin_return_the_last_of_equal_entries():
    """As PyTorch's do; nan stays."""
    x = ag.tensor([1.0, 3.0, 2.0, 3.0, np.nan, 4.0], requires_grad=True)
    values, indices = x.cummax(dim=0)
    np.testing.assert_array_equal(values.numpy(), [1.0, 3.0, 3.0, 3.0, np.nan, np.nan])
    assert indices.tolist() == [0, 1, 1, 3, 4, 4]
    values[:4].sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 0.0, 1.0, 0.0, 0.0]
    assert ag.cummin(ag.tensor([[2, 1], [2, 3]]), 0).indices.tolist() == [[0, 0], [1, 0]]


def test_logcumsumexp():
    x = rng.normal(size=(3, 4))
    np.testing.assert_allclose(ag.logcumsumexp(x, 1), np.log(np.cumsum(np.exp(x), 1)))
    np.testing.assert_allclose(ag.tensor([-np.inf, 1000.0, 1000.0]).logcumsumexp(0), [-np.inf, 1000, 1000 + np.log(2)])


def test_a_recurrence_of_numbers_is_that_of_arrays_to_the_bit():
    a, x = rng.normal(size=(40, 1)), rng.normal(size=(41, 1))
    a[3], a[7], x[9], x[30] = 0, 1e200, np.inf, np.nan
    wide = linear_recurrence(np.concatenate([a, a], 1), np.concatenate([x, x], 1))
    assert np.array_equal(linear_recurrence(a, x), wide[:, :1], equal_nan=True)
    assert np.array_equal(linear_recurrence(a[:, 0], x[:, 0]), wide[:, 0], equal_nan=True)
    assert linear_recurrence(a[:0], x[:1]).tolist() == x[:1].tolist()
