"""SciPy's solvers take the functions as they are."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.integrate import solve_ivp
from scipy.optimize import Bounds, NonlinearConstraint, least_squares, minimize, root
from scipy.sparse.linalg import LinearOperator, spilu

import autograd_lite as ag

N = 30


def broyden(x):
    """Broyden's tridiagonal function, of Moré, Garbow and Hillstrom."""
    inner = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return (3 - 2 * x) * x - inner[:-2] - 2 * inner[2:] + 1


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_least_squares(method):
    exact = least_squares(broyden, -np.ones(N), ag.sparse_jacobian(broyden), method=method)
    assert sp.issparse(exact.jac)
    assert np.abs(exact.fun).max() < 1e-6
    numeric = least_squares(broyden, -np.ones(N), method=method, jac_sparsity=ag.sparsity(broyden)(np.zeros(N)))
    np.testing.assert_allclose(exact.x, numeric.x, atol=1e-6)


def test_trust_constr():
    ball = NonlinearConstraint(
        lambda x: x[1:] * x[:-1], -np.inf, 0.9, jac=ag.sparse_jacobian(lambda x: x[1:] * x[:-1]),
        hess=ag.sparse_hessian(lambda x, v: np.sum(v * x[1:] * x[:-1])),
    )  # fmt: skip
    options = {"method": "trust-constr", "jac": ag.grad(rosenbrock), "hess": ag.sparse_hessian(rosenbrock)}
    free = minimize(rosenbrock, np.full(N, 0.5), bounds=Bounds(-2, 2), **options)
    np.testing.assert_allclose(free.x, 1, atol=1e-4)
    bound = minimize(rosenbrock, np.full(N, 0.5), constraints=[ball], **options)
    assert bound.status in (1, 2)
    assert np.max(bound.x[1:] * bound.x[:-1]) < 0.9 + 1e-6


def brusselator(t, y):
    """Two substances on a line, one after the other."""
    u, v = y.reshape(2, N)
    a, b = np.pad(u, 1, mode="edge"), np.pad(v, 1, mode="edge")
    du = 1 + u**2 * v - 4 * u + (a[2:] - 2 * u + a[:-2]) * 2
    dv = 3 * u - u**2 * v + (b[2:] - 2 * v + b[:-2]) * 2
    return np.concatenate([du, dv])


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_solve_ivp(method):
    start = np.concatenate([1 + np.sin(np.linspace(0, 3, N)), np.full(N, 3.0)])
    J = ag.sparse_jacobian(brusselator, 1)
    exact = solve_ivp(brusselator, (0, 1.0), start, method, jac=J, rtol=1e-7)
    pattern = ag.sparsity(brusselator, 1)(0.0, start)
    numeric = solve_ivp(brusselator, (0, 1.0), start, method, jac_sparsity=pattern, rtol=1e-7)
    np.testing.assert_allclose(exact.y[:, -1], numeric.y[:, -1], atol=1e-4)
    assert len(J._kept) == 1  # one pattern for all times


def test_the_preconditioner_of_root():
    J = ag.sparse_jacobian(broyden)
    start = -np.ones(N)
    M = LinearOperator((N, N), spilu(J(start).tocsc()).solve)
    solution = root(broyden, start, method="krylov", options={"jac_options": {"inner_M": M}})
    assert solution.success
    assert np.abs(broyden(solution.x)).max() < 1e-5
