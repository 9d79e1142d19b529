"""Inverses, equations, determinants, powers: compared with NumPy and the textbook, and where none exists."""

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
    """Real numbers; of a square matrix, far from singular."""
    x = rng.normal(size=shape)
    return x + 3 * np.eye(shape[-1]) if len(shape) > 1 and shape[-1] == shape[-2] else x


def C(*shape):
    return N(*shape) + 1j * rng.normal(size=shape)


A, Z = N(3, 3), C(3, 3)
CASES = {
    "inv": (la.inv, A),
    "inv, complex": (la.inv, Z),
    "inv of a stack": (la.inv, N(2, 2, 2)),
    "inv of a number": (la.inv, N(1, 1)),
    "solve, a vector": (la.solve, A, N(3)),
    "solve, a matrix": (la.solve, A, N(3, 2)),
    "solve, complex": (la.solve, Z, N(3, 2)),
    "solve, a stack by a vector": (la.solve, N(2, 3, 3), N(3)),
    "solve, broadcast": (la.solve, N(2, 3, 3), N(3, 2)),
    "solve, broadcast the other way": (la.solve, A, N(2, 3, 1)),
    "det": (la.det, A),
    "det, complex": (la.det, Z),
    "det of a stack": (la.det, N(2, 2, 2)),
    "slogdet": (la.slogdet, A),
    "slogdet, complex": (la.slogdet, Z),
    "slogdet of a stack": (la.slogdet, N(2, 2, 2)),
    "pinv": (la.pinv, N(4, 2)),
    "pinv, wide and complex": (la.pinv, C(2, 4)),
    "pinv of a stack": (la.pinv, N(2, 3, 2)),
    "pinv of low rank, that stays": (lambda u, v: la.pinv(u @ v, rtol=1e-8), N(4, 2), N(2, 3)),
    "pinv, hermitian": (lambda a: la.pinv(a + a.mT, hermitian=True), N(2, 2)),
    "pinv, a cutoff for each": (lambda a: la.pinv(a, np.array([1e-3, 1e-2])), N(2, 2, 2)),
    "tensorinv": (la.tensorinv, np.eye(6).reshape(2, 3, 3, 2) + N(2, 3, 3, 2) / 9),
    "tensorinv, ind": (lambda a: la.tensorinv(a, ind=1), np.eye(6).reshape(6, 3, 2) + N(6, 3, 2) / 9),
    "tensorsolve": (la.tensorsolve, np.eye(6).reshape(2, 3, 3, 2) + N(2, 3, 3, 2) / 9, N(2, 3)),
    "tensorsolve, axes": (
        lambda a, b: la.tensorsolve(a, b, axes=(0,)),
        np.eye(4).reshape(2, 2, 4).swapaxes(1, 2) + N(2, 4, 2) / 9,
        N(4),
    ),
    "matrix_power": (lambda a: la.matrix_power(a, 5), N(2, 2)),
    "matrix_power 1": (lambda a: la.matrix_power(a, 1), N(2, 2)),
    "matrix_power -3": (lambda a: la.matrix_power(a, -3), C(2, 2)),
    "linalg.matmul": (la.matmul, A, N(3, 2)),
    "linalg.outer": (la.outer, N(2), N(3)),
    "linalg.tensordot": (lambda a, b: la.tensordot(a, b, axes=1), A, N(3, 2)),
    "linalg.cross": (la.cross, N(3), N(2, 3)),
    "linalg.cross, axis": (lambda a, b: la.cross(a, b, axis=0), N(3, 2), N(3, 2)),
    "linalg.vecdot": (la.vecdot, C(3), C(2, 3)),
    "linalg.vecdot, axis": (lambda a, b: la.vecdot(a, b, axis=0), N(3, 2), N(3, 2)),
    "linalg.matrix_transpose": (la.matrix_transpose, N(2, 3, 4)),
    "linalg.diagonal": (lambda a: la.diagonal(a, offset=1), N(2, 3, 4)),
    "linalg.trace": (lambda a: la.trace(a, offset=-1), N(2, 3, 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_numpy(case):
    f, *arrays = CASES[case]
    agrees(f, *arrays)


@pytest.mark.parametrize("f", [la.inv, la.det, la.pinv, la.slogdet, lambda a: la.solve(a, a)])
@pytest.mark.parametrize("dtype", ["f4", "c8"])
def test_single_precision_stays(f, dtype):
    a = Z.astype(dtype) if dtype == "c8" else A.astype(dtype)
    t = ag.tensor(a, requires_grad=True)
    y = f(t)
    y = y[1] if isinstance(y, tuple) else y
    assert y.dtype == (np.float32 if f is la.slogdet else dtype)
    abs(y).sum().backward()
    assert t.grad.dtype == dtype


@pytest.mark.parametrize("f", [la.inv, la.det, la.pinv, lambda a: la.slogdet(a)[1], lambda a: la.solve(a, a)])
def test_empty_matrices(f):
    t = ag.tensor(np.zeros((0, 0)), requires_grad=True)
    f(t).sum().backward()
    assert t.grad.shape == (0, 0)


# --------------------------------------------------------------------------------------- against the textbook


def test_the_cookbook():
    inverse = la.inv(A)
    np.testing.assert_allclose(
        ag.grad(lambda a: np.trace(la.inv(a)))(A), -(inverse @ inverse).T, rtol=1e-10
    )  # (63)
    np.testing.assert_allclose(ag.grad(lambda a: la.slogdet(a).logabsdet)(A), inverse.T, rtol=1e-10)  # (57)
    np.testing.assert_allclose(ag.grad(la.det)(A), la.det(A) * inverse.T, rtol=1e-10)  # (49)
    np.testing.assert_allclose(  # (66)
        ag.grad(lambda a: np.trace(la.matrix_power(a, 4)))(A), 4 * la.matrix_power(A, 3).T, rtol=1e-10
    )


def test_the_names_of_the_results():
    t = ag.tensor(A, requires_grad=True)
    result = la.slogdet(t)
    assert result._fields == ("sign", "logabsdet")
    assert result.logabsdet.requires_grad
    assert result.sign.shape == ()


# -------------------------------------------------------------------------------- the determinant, everywhere


def cofactors(a):
    n = len(a)
    minors = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(n)] for i in range(n)]
    return np.array([[(-1) ** (i + j) * la.det(minors[i][j]) for j in range(n)] for i in range(n)])


SINGULAR = {
    "rank 2 of 3": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "rank 1 of 3": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),
    "rank 0": np.zeros((3, 3)),
    "rank 0 of 1": np.zeros((1, 1)),
    "rank 3 of 4": np.diag([1.0, 2.0, 2.0, 0.0]),
    "almost singular": np.diag([1.0, 1.0, 1e-13]),
    "complex": np.array([[1, 1j], [1j, -1]]),
}


@pytest.mark.parametrize("case", SINGULAR)
def test_the_gradient_of_a_singular_determinant_is_its_cofactors(case):
    a = SINGULAR[case]
    t = ag.tensor(a, requires_grad=True)
    np.real(la.det(t)).backward()
    np.testing.assert_allclose(t.grad.data, cofactors(a).conj(), atol=1e-12)


@pytest.mark.parametrize("case", [c for c in SINGULAR if c != "complex"])
def test_the_hessian_of_a_singular_determinant(case):
    """A determinant is linear in each entry, so differences of its cofactors are exact."""
    a = SINGULAR[case]
    n = len(a)
    h = ag.hessian(la.det)(a)
    for i in range(n):
        for j in range(n):
            e = np.zeros((n, n))
            e[i, j] = 1
            np.testing.assert_allclose(h[i, j], (cofactors(a + e) - cofactors(a - e)) / 2, atol=1e-10)


def test_in_a_stack_one_may_be_singular():
    stack = np.stack([A, np.diag([1.0, 2.0, 0.0])])
    g = ag.grad(lambda a: la.det(a).sum())(stack)
    np.testing.assert_allclose(g, [cofactors(a) for a in stack], atol=1e-10)


def test_a_badly_conditioned_determinant_keeps_its_digits():
    """By way of the inverse half of them would be lost."""
    q, _ = la.qr(rng.normal(size=(4, 4)))
    p, _ = la.qr(rng.normal(size=(4, 4)))
    s = np.array([3.0, 2.0, 1.0, 1e-14])
    a = (q * s) @ p
    exact = (
        la.det(q) * la.det(p) * (q * [s[1] * s[2] * s[3], s[0] * s[2] * s[3], s[0] * s[1] * s[3], 6.0]) @ p
    )
    np.testing.assert_allclose(ag.grad(la.det)(a), exact, rtol=1e-8, atol=1e-12)


# ------------------------------------------------------------------------------- where there is no derivative


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (la.inv, r"linalg.inv\(tensor \(2, 2\)\): Singular matrix"),
        (lambda a: la.solve(a, np.ones(2)), r"linalg.solve\(.*Singular matrix"),
        (lambda a: la.matrix_power(a, -1), r"linalg.inv\(.*Singular matrix"),
    ],
)
def test_what_numpy_refuses_is_refused_by_name(f, message):
    with pytest.raises(la.LinAlgError, match=message):
        f(ag.tensor(np.ones((2, 2)), requires_grad=True))


def test_log_det_of_a_singular_matrix_has_a_value_and_no_gradient():
    t = ag.tensor(np.ones((2, 2)), requires_grad=True)
    y = la.slogdet(t).logabsdet
    assert y.item() == -np.inf
    with pytest.raises(la.LinAlgError, match=r"linalg.slogdet: the matrix is singular"):
        y.backward()


@pytest.mark.parametrize("f", [la.inv, la.det, lambda a: la.solve(a, np.ones(2))])
def test_a_matrix_must_be_square(f):
    with pytest.raises(la.LinAlgError, match=r"tensor \(2, 3\).*must be square"):
        f(ag.tensor(np.ones((2, 3)), requires_grad=True))


# ---------------------------------------------------------------------------------------------- least squares


@pytest.mark.parametrize(
    "shapes", [((5, 2), (5,)), ((5, 2), (5, 3)), ((2, 4), (2,)), ((2, 4), (2, 3))], ids=str
)
@pytest.mark.parametrize("make", [N, C])
def test_lstsq(shapes, make):
    a, b = (make(*s) for s in shapes)
    expected = la.lstsq(a, b)
    x, residuals, rank, s = la.lstsq(ag.tensor(a, requires_grad=True), ag.tensor(b, requires_grad=True))
    assert rank == expected[2]
    for got, want in ((x, expected[0]), (residuals, expected[1]), (s, expected[3])):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(getattr(got, "data", got)), want, rtol=1e-10, atol=1e-12)
    assert_gradients(lambda a, b: [y for y in la.lstsq(a, b)[:2] if np.size(y)], a, b, order=1)


def test_lstsq_of_low_rank_takes_the_shortest_solution():
    a, b = np.ones((4, 2)), N(4)
    expected = la.lstsq(a, b)
    x, residuals, rank, _ = la.lstsq(ag.tensor(a, requires_grad=True), b)
    np.testing.assert_allclose(x.detach().numpy(), expected[0], rtol=1e-10)
    assert (residuals.shape, rank) == ((0,), 1)


def test_matrix_rank_is_a_constant():
    t = ag.tensor(A, requires_grad=True)
    rank = la.matrix_rank(t)
    assert int(rank) == 3
    assert not rank.requires_grad


def test_the_zeroth_power_is_the_identity_also_of_infinities():
    t = ag.tensor([[np.inf, 0.0], [0.0, 1.0]], requires_grad=True)
    y = la.matrix_power(t, 0)
    np.testing.assert_array_equal(y.detach().numpy(), np.eye(2))
    y.sum().backward()
    np.testing.assert_array_equal(t.grad.data, np.zeros((2, 2)))
