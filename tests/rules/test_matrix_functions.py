"""SciPy's functions of matrices, beyond what is generated from the table."""

import numpy as np
import pytest

import autograd_lite as ag

L = pytest.importorskip("scipy.linalg")
rng = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1e-9, 0.1, 3.0, 30.0])
@pytest.mark.parametrize("kind", ["dense", "complex", "far from normal"])
def test_expm(size, kind):
    a = size * rng.normal(size=(5, 5)) + (1j * rng.normal(size=(5, 5)) if kind == "complex" else 0)
    if kind == "far from normal":
        a = np.triu(a) * 10 ** np.triu(rng.uniform(0, 4, (5, 5)), 1)
    expected = L.expm(a)
    np.testing.assert_allclose(ag.linalg.expm(a), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_expm_does_not_square_too_often():
    """A large block above the diagonal asks for no scaling: by its norm alone the matrix would lose all digits."""
    a = np.array([[1.0, 1e6], [0.0, -1.0]])
    expected = [[np.e, 1e6 * np.sinh(1.0)], [0.0, 1 / np.e]]
    np.testing.assert_allclose(ag.linalg.expm(a), expected, rtol=1e-13)
    np.testing.assert_allclose(ag.linalg.expm([[0, 1e300], [0, 0]]), [[1, 1e300], [0, 1]], rtol=1e-15)


def test_each_matrix_of_a_stack_is_scaled_by_itself():
    stack = np.array([np.diag([1.0, 2.0]), np.diag([-60.0, 60.0]), np.zeros((2, 2))])
    np.testing.assert_allclose(ag.linalg.expm(stack), [L.expm(a) for a in stack], rtol=1e-13)


def test_the_gradient_of_expm_is_right_however_large_the_cotangent():
    a, g = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    (expected,) = ag.vjp(ag.linalg.expm, a)[1](g)
    for scale in (1e-12, 1e12):
        (found,) = ag.vjp(ag.linalg.expm, a)[1](scale * g)
        np.testing.assert_allclose(found / scale, expected, rtol=1e-11)
    np.testing.assert_allclose(expected, L.expm_frechet(a.T, g)[1], rtol=1e-11)


def test_sqrtm():
    x = np.array([[-4.0, 1.0], [0.0, 1.0]])
    root = ag.linalg.sqrtm(x)
    assert root.dtype == complex
    np.testing.assert_allclose(root @ root, x, atol=1e-14)
    np.testing.assert_allclose(ag.linalg.sqrtm(np.diag([4.0, 9.0])), np.diag([2.0, 3.0]))
    with pytest.raises(np.linalg.LinAlgError, match=r"sqrtm: found no square root of a singular matrix"):
        ag.linalg.sqrtm([[0.0, 1.0], [0.0, 0.0]])
    with pytest.raises(np.linalg.LinAlgError, match=r"expected a square matrix, .* got shape \(2, 3\)"):
        ag.linalg.sqrtm(np.ones((2, 3)))


def test_solve_sylvester():
    a, b, q = rng.normal(size=(3, 3)), rng.normal(size=(2, 2)), rng.normal(size=(4, 3, 2))
    y = ag.linalg.solve_sylvester(a, b, q)
    np.testing.assert_allclose(a @ y + y @ b, q, atol=1e-12)
    np.testing.assert_allclose(y[1], L.solve_sylvester(a, b, q[1]), rtol=1e-10)
    y = ag.linalg.solve_sylvester(a * 1j, b, q)
    np.testing.assert_allclose(1j * a @ y + y @ b, q, atol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
        ag.linalg.solve_sylvester(np.eye(2), -np.eye(2), np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match=r"expected q of shape \(3, 2\)"):
        ag.linalg.solve_sylvester(a, b, np.ones((2, 3)))


@pytest.mark.parametrize("trans", [0, "T", "C"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_solve_triangular(trans, lower, unit):
    """Only the triangle is read, and it is solved by substitution: a badly scaled one loses nothing."""
    a = rng.normal(size=(4, 4)) * np.logspace(0, 12, 4)[:, None] + 1j
    a[np.triu_indices(4, 1) if lower else np.tril_indices(4, -1)] = np.nan
    for b in (rng.normal(size=4), rng.normal(size=(4, 2))):
        options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
        expected = L.solve_triangular(np.nan_to_num(a), b, **options)
        np.testing.assert_allclose(ag.linalg.solve_triangular(a, b, **options), expected, rtol=1e-12)


def test_errors_of_solve_triangular():
    with pytest.raises(ValueError, match=r"expected trans 0, 1, 2, 'N', 'T' or 'C', got 3"):
        ag.linalg.solve_triangular(np.eye(2), np.ones(2), trans=3)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ag.linalg.solve_triangular(np.zeros((2, 2)), np.ones(2))


def test_block_diag():
    blocks = [[1, 2]], [3, 4.5], 5, np.zeros((2, 0)), [[6], [7]]
    np.testing.assert_array_equal(ag.linalg.block_diag(*blocks), L.block_diag(*blocks))
    assert ag.linalg.block_diag().shape == L.block_diag().shape
    x = ag.tensor(np.ones((3, 1, 2)), requires_grad=True)
    assert ag.linalg.block_diag(x, np.eye(2)).shape == (3, 3, 4)
