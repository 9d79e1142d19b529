"""cholesky and qr: compared with NumPy, and what they leave undetermined."""

from functools import partial

import agreement
import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import testing

# In the rounding of LAPACK the measurement may see a kink.
assert_gradients = partial(testing.assert_gradients, kinks="note")
agrees = partial(agreement.agrees, kinks="note")
rng = np.random.default_rng(0)
la = np.linalg


def N(*shape):
    return rng.normal(size=shape)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


def positive(a):
    """A Hermitian matrix that is positive definite, made of any."""
    return a @ a.mT.conj() + np.eye(a.shape[-1])


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(
    "a", [N(3, 3), C(3, 3), N(2, 2, 2), N(1, 1), C(1, 1)], ids=lambda a: f"{a.shape} {a.dtype}"
)
def test_cholesky(a, upper):
    agrees(lambda x: la.cholesky(positive(x), upper=upper), a)


@pytest.mark.parametrize("upper", [False, True])
def test_only_one_triangle_counts(upper):
    a = positive(N(3, 3))
    assert_gradients(lambda x: la.cholesky(x, upper=upper), a)
    g = ag.grad(lambda x: la.cholesky(x, upper=upper).sum())(a)
    np.testing.assert_array_equal(g, np.triu(g) if upper else np.tril(g))


def test_the_symmetric_gradient_is_that_of_the_symmetric_part():
    """log det through cholesky: the textbook's inverse."""
    a = positive(N(3, 3))
    g = ag.grad(lambda x: 2 * np.log(np.diagonal(la.cholesky((x + x.mT) / 2))).sum())(a)
    np.testing.assert_allclose(g, la.inv(a), rtol=1e-10)


def test_cholesky_of_what_is_not_positive():
    with pytest.raises(
        la.LinAlgError, match=r"linalg.cholesky\(tensor \(2, 2\)\): Matrix is not positive definite"
    ):
        la.cholesky(ag.tensor(-np.eye(2), requires_grad=True))


# --------------------------------------------------------------------------------------------------------- qr

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (3, 1), (1, 3)]


@pytest.mark.parametrize("make", [N, C])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qr(shape, make):
    agrees(la.qr, make(*shape))


@pytest.mark.parametrize("make", [N, C])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_r_alone(shape, make):
    agrees(lambda a: la.qr(a, "r"), make(*shape))


@pytest.mark.parametrize("make", [N, C])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4, 2), (1, 2, 3, 2), (3, 2), (3, 3), (2, 4), (2, 2, 3)], ids=str)
def test_complete(shape, make):
    """The added columns through the projection on them, which no turn among them changes."""

    def f(a):
        q, r = la.qr(a, mode="complete")
        added = q[..., a.shape[-1] :]
        return q[..., : a.shape[-1]], r, added @ added.mT.conj()

    agrees(f, make(*shape))


def test_one_added_column_of_reals_is_determined():
    agrees(lambda a: la.qr(a, mode="complete"), N(3, 2))


@pytest.mark.parametrize(
    ("make", "shape"), [(N, (4, 2)), (C, (4, 2)), (C, (3, 2))], ids=["two columns", "of complex numbers", "a phase"]
)
def test_what_depends_on_the_turn_of_the_added_columns_is_refused(make, shape):
    t = ag.tensor(make(*shape), requires_grad=True)
    with pytest.raises(
        la.LinAlgError, match=r'linalg.qr: the loss depends on the basis that mode="complete" adds'
    ):
        (la.qr(t, mode="complete").Q[0, -1] * (1 + 1j)).real.backward()


def test_the_names_of_the_results():
    result = la.qr(ag.tensor(N(3, 2), requires_grad=True))
    assert result._fields == ("Q", "R")
    assert result.Q.shape == (3, 2)


def test_columns_that_depend_on_each_other():
    t = ag.tensor(np.zeros((3, 2)), requires_grad=True)
    with pytest.raises(la.LinAlgError, match=r"linalg.qr: R is singular"):
        la.qr(t).Q.sum().backward()


@pytest.mark.parametrize("mode", ["raw", "economic", "nonsense"])
def test_other_modes_are_refused_by_name(mode):
    with pytest.raises(TypeError, match=rf"linalg.qr: mode='{mode}'.* use 'reduced', 'complete' or 'r'"):
        la.qr(ag.tensor(np.eye(2), requires_grad=True), mode)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 2)])
def test_empty(shape):
    t = ag.tensor(np.zeros(shape), requires_grad=True)
    q, r = la.qr(t)
    (q.sum() + r.sum()).backward()
    assert t.grad.shape == shape


def test_float32_stays():
    t = ag.tensor(N(3, 2).astype("f4"), requires_grad=True)
    la.qr(t).R.sum().backward()
    assert t.grad.dtype == np.float32
    t = ag.tensor(positive(N(3, 3)).astype("f4"), requires_grad=True)
    la.cholesky(t).sum().backward()
    assert t.grad.dtype == np.float32
