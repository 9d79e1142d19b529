"""Norms of vectors and matrices, in every order that NumPy has, and at the places without a slope."""

from functools import partial

import agreement
import numpy as np
import pytest
from numpy.lib import NumpyVersion

import autograd_lite as ag

agrees = partial(agreement.agrees, kinks="note")  # in the rounding of LAPACK the measurement may see a kink
rng = np.random.default_rng(0)
la = np.linalg
inf = np.inf


def N(*shape):
    x = rng.normal(size=shape)
    return x + np.copysign(0.3, x)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


@pytest.mark.parametrize("make", [N, C])
@pytest.mark.parametrize("p", [None, 2, 1, 3, 2.5, 0.5, -1, inf, -inf])
def test_vectors(p, make):
    agrees(lambda x: la.norm(x, p), make(4))
    agrees(lambda x: la.norm(x, p, axis=0, keepdims=True), make(3, 2), order=1)
    agrees(lambda x: la.vector_norm(x, ord=2 if p is None else p, axis=(0, -1)), make(2, 2, 3), order=1)


@pytest.mark.parametrize("make", [N, C])
@pytest.mark.parametrize("p", [None, "fro", "nuc", 2, -2, 1, -1, inf, -inf])
def test_matrices(p, make):
    agrees(lambda x: la.norm(x, p), make(3, 2), order=2 if p != -2 else 1)
    agrees(lambda x: la.norm(x, p, axis=(2, 0), keepdims=True), make(2, 2, 3), order=1)
    agrees(lambda x: la.matrix_norm(x, ord=p or "fro"), make(2, 2, 3), order=1)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3)])
def test_without_order_or_axis_it_is_the_root_of_the_sum_of_squares(shape):
    agrees(la.norm, N(*shape))
    agrees(lambda x: la.norm(x, keepdims=True), N(*shape))
    agrees(la.vector_norm, C(*shape))


@pytest.mark.parametrize("p", [None, 1, -1, 2, -2, inf, "fro"])
def test_cond(p):
    a = rng.normal(size=(3, 3)) + 3 * np.diag([1, 2, 3])
    agrees(lambda x: la.cond(x, p), a, order=1)
    agrees(lambda x: la.cond(x, p), np.stack([a, a.T @ a]), order=1)


@pytest.mark.parametrize("p", [None, 1, 3, inf])
def test_float32_stays(p):
    y, g = ag.value_and_grad(lambda x: la.norm(x, p))(N(4).astype("f4"))
    assert y.dtype == g.dtype == np.float32
    assert ag.grad(lambda x: la.norm(x, "nuc"))(N(2, 3).astype("f4")).dtype == np.float32


# --------------------------------------------------------------------------------------------- no slope: zero


@pytest.mark.parametrize("p", [None, 0, 1, 2, 3, 1.5, 0.5, inf, -inf])
def test_the_gradient_at_the_zero_vector_is_zero_to_any_order(p):
    g = ag.grad(lambda x: la.norm(x, p))
    np.testing.assert_array_equal(g(np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(ag.jacobian(g)(np.zeros(3)), np.zeros((3, 3)))
    np.testing.assert_array_equal(ag.jvp(lambda x: la.norm(x, p), (np.zeros(3),), (np.ones(3),))[1], 0.0)


@pytest.mark.parametrize("p", ["fro", "nuc", 2, -2, 1, -1, inf, -inf])
def test_the_gradient_at_the_zero_matrix_is_zero(p):
    np.testing.assert_array_equal(ag.grad(lambda x: la.norm(x, p))(np.zeros((3, 2))), np.zeros((3, 2)))


def test_the_sign_of_a_complex_number_turns_with_it():
    agrees(np.sign, C(3))
    agrees(np.abs, C(3))  # whose second derivative is the first of the sign
    assert not np.sign(ag.tensor(N(2), requires_grad=True)).requires_grad


def test_in_a_batch_only_the_zero_vector_is_flat():
    g = ag.grad(lambda x: la.norm(x, axis=1).sum())(np.array([[0.0, 0.0], [3.0, 4.0]]))
    np.testing.assert_allclose(g, [[0, 0], [0.6, 0.8]])


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 3])
def test_an_entry_that_is_zero_has_no_share(p):
    g = ag.grad(lambda x: la.norm(x, p))(np.array([0.0, 2.0]))
    np.testing.assert_allclose(g, [0.0, 1.0])


def test_ties_share_the_maximum():
    np.testing.assert_allclose(
        ag.grad(lambda x: la.norm(x, inf))(np.array([2.0, -2.0, 1.0])), [0.5, -0.5, 0.0]
    )


def test_small_and_large_numbers():
    for scale in (1e-150, 1e150):
        np.testing.assert_allclose(ag.grad(la.norm)(np.array([3.0, 4.0]) * scale), [0.6, 0.8])
    for scale in (1e-300, 1e-310):  # NumPy's own norm is 0 there
        assert np.isfinite(ag.grad(la.norm)(np.array([3.0, 4.0]) * scale)).all()
        np.testing.assert_allclose(ag.grad(lambda x: la.norm(x, 1))(np.array([3.0, -4.0]) * scale), [1, -1])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty(shape):
    t = ag.tensor(np.zeros(shape), requires_grad=True)
    for p in (None, 1, 2, inf) if len(shape) == 1 else (None, "fro", "nuc", 1, 2, inf):
        assert la.norm(t, p).item() == 0
        if p not in (1, 2, inf) or NumpyVersion(np.__version__) >= "2.3.0":  # before, NumPy has no maximum of nothing
            assert la.norm(np.zeros(shape), p) == 0


# ----------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("abc",), "ord='abc' is not a matrix norm"),
        (("fro", 0), "ord='fro' is a matrix norm"),
        ((None, 5), "out of bounds"),
        ((None, (0, 0)), "repeated axis"),
        ((3,), "ord=3 is not a matrix norm"),
    ],
)
def test_errors(args, message):
    with pytest.raises(ValueError, match=message):
        la.norm(ag.tensor(np.ones((2, 2)), requires_grad=True), *args)


def test_three_axes_are_for_vector_norm():
    with pytest.raises(ValueError, match="vector_norm"):
        la.norm(ag.tensor(np.ones((2, 2, 2)), requires_grad=True), 2)


def test_whole_numbers_become_floats():
    assert la.norm(ag.tensor([3, 4])).item() == 5.0
