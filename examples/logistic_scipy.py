"""Logistic regression without a net: SciPy minimises, and the library computes the gradients.

    python examples/logistic_scipy.py

The loss is plain NumPy. `value_and_grad` gives L-BFGS the gradient, and `hvp` gives a Newton method the curvature along
a direction, so that no Hessian is computed.
"""

import numpy as np
from scipy.optimize import minimize

import autograd_lite as ag
from autograd_lite.data import digits

PENALTY = 1e-2


def loss(w, X, sign):
    """The mean of log(1 + exp(-margin)), written so that it cannot overflow, and a small penalty."""
    margins = sign * (X @ w[:-1] + w[-1])
    return np.mean(np.logaddexp(0.0, -margins)) + 0.5 * PENALTY * np.sum(w[:-1] ** 2)


def main():
    """Is it an even digit, or an odd one?"""
    data = digits()
    sign = np.where(data.y_train % 2 == 0, 1.0, -1.0)
    args = (data.X_train, sign)
    start = np.zeros(65)

    value_and_slope = ag.value_and_grad(loss)
    first = minimize(value_and_slope, start, args, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-14})
    print(f"L-BFGS:    loss {first.fun:.10f} after {first.nit} steps, gradient up to {np.abs(first.jac).max():.1e}")

    second = minimize(
        value_and_slope, start, args, jac=True, hessp=ag.hvp(loss), method="trust-ncg", options={"gtol": 1e-9}
    )
    print(f"trust-ncg: loss {second.fun:.10f} after {second.nit} steps, gradient up to {np.abs(second.jac).max():.1e}")

    apart = np.abs(first.x - second.x).max()
    print(f"the two sets of weights differ by {apart:.1e} at most")
    right = np.mean((data.X_test @ second.x[:-1] + second.x[-1] > 0) == (data.y_test % 2 == 0))
    print(f"even or odd: {100 * right:.1f} percent of the test digits")

    spread = np.sqrt(np.diag(np.linalg.inv(ag.hessian(lambda w: loss(w, *args))(second.x) * len(sign))))
    strongest = np.argsort(-np.abs(second.x[:-1] / spread[:-1]))[:3]
    for k in strongest:
        print(f"pixel {k // 8},{k % 8} has a large weight: {second.x[k]:+.2f} ± {spread[k]:.2f}")
    if apart > 1e-5 or right < 0.88:
        raise SystemExit("the two methods disagree, or little was learned")


if __name__ == "__main__":
    main()
