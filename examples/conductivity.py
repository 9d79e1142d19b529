"""How well a rod conducts heat, from its temperatures: least squares through the root of a system of equations.

    python examples/conductivity.py

The conductivity depends on the temperature, k(u) = a + b u, so the steady state of a heated rod solves nonlinear
equations, one for each of 40 points. A fit needs the derivative of that solution with respect to a and b. It follows
from the implicit function theorem: no iteration of the solver is differentiated, and no equation is solved by hand.
"""

import numpy as np

import autograd_lite as ag

POINTS, TRUTH = 40, np.array([1.0, 0.5])
HEAT = 20 * np.exp(-50 * (np.linspace(0, 1, POINTS + 2)[1:-1] - 0.3) ** 2)


def balance(u, p):
    """Heat that flows into each point: what comes from both sides, and what is supplied. The ends are at 0."""
    u = np.concatenate([[0.0], u, [0.0]])
    middle = (u[1:] + u[:-1]) / 2
    flow = (p[0] + p[1] * middle) * np.diff(u) * (POINTS + 1)
    return np.diff(flow) * (POINTS + 1) + HEAT


def temperatures(p):
    return ag.optimize.root(balance, np.ones(POINTS), (p,)).x


def main():
    rng = np.random.default_rng(0)
    sensors = np.array([5, 12, 20, 33])
    measured = temperatures(TRUTH)[sensors] + rng.normal(scale=0.005, size=4)

    fit = ag.optimize.least_squares(lambda p: temperatures(p)[sensors] - measured, [2.0, 0.0])
    slopes = ag.jacobian(lambda p: temperatures(p)[sensors])(fit.x)
    errors = 0.005 * np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))
    print(f"{fit.nfev} solutions of {POINTS} equations, {fit.njev} Jacobians")
    for name, value, error, truth in zip("ab", fit.x, errors, TRUTH, strict=True):
        print(f"{name}: {value:.3f} ± {error:.3f}, the truth is {truth}")

    step = np.array([1e-5, 0])
    difference = (temperatures(fit.x + step) - temperatures(fit.x - step))[sensors] / 2e-5
    wrong = np.abs(slopes[:, 0] - difference).max()
    print(f"derivatives with respect to a differ from differences between solutions by {wrong:.1e}")
    if wrong > 1e-6 or np.any(np.abs(fit.x - TRUTH) > 4 * errors):
        raise SystemExit("the conductivity was not found")


if __name__ == "__main__":
    main()
