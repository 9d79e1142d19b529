"""A partial differential equation solved by Newton's method, with a sparse Jacobian that nobody wrote.

    python examples/sparse_newton.py

Bratu's problem: Δu + λ exp(u) = 0 on the unit square, u = 0 on its edge. For λ below about 6.81 it has two solutions;
Newton's method from u = 0 finds the lower one. The equations are plain NumPy on a grid of 100 × 100 points. Each step
solves a linear system with the exact Jacobian, which has 10,000 rows of at most five entries; dense it would need
800 MB.
"""

import numpy as np
from scipy.sparse.linalg import splu, spsolve

import autograd_lite as ag

N = 100
SPACING = 1 / (N + 1)


def residual(u, strength):
    """Δu + λ exp(u) at the points of the grid, times the spacing squared."""
    u = np.pad(u.reshape(N, N), 1)
    laplacian = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
    return (laplacian + SPACING**2 * strength * np.exp(u[1:-1, 1:-1])).ravel()


def newton(u, strength, jacobian):
    """The solution near `u`, and the size of the residual after each step."""
    sizes = []
    while not sizes or sizes[-1] > 1e-12:
        u = u - spsolve(jacobian(u, strength), residual(u, strength))
        sizes.append(np.abs(residual(u, strength)).max())
        if len(sizes) == 20:
            raise SystemExit(f"Newton's method did not converge: {sizes}")
    return u, sizes


def main():
    """Solve for λ = 6, and ask how the largest value of u would move with λ."""
    jacobian = ag.sparse_jacobian(residual, jit=True)
    start, strength = np.zeros(N * N), 6.0
    print(jacobian.colouring(start, strength))
    u, sizes = newton(start, strength, jacobian)
    print("residual after each step:", *(f"{size:.1e}" for size in sizes))
    print(f"the largest u is {u.max():.6f}")

    # By the implicit function theorem the solution moves with λ as -(∂F/∂u)⁻¹ ∂F/∂λ.
    slope = ag.jvp(lambda strength: residual(u, strength), (strength,), (1.0,))[1]
    moves = splu(jacobian(u, strength).tocsc()).solve(-slope)
    at = int(np.argmax(u))
    nearby = newton(u, strength + 1e-4, jacobian)[0]
    difference = (nearby[at] - u[at]) / 1e-4
    print(f"it moves with λ by {moves[at]:.5f}; a difference gives {difference:.5f}")

    if abs(moves[at] - difference) > 1e-3 * abs(difference):
        raise SystemExit("the derivative of the solution is not that of the difference")
    if sizes[-1] > 1e-3 * sizes[-2]:
        raise SystemExit("the last step did not converge quadratically: the Jacobian is not exact")


if __name__ == "__main__":
    main()
