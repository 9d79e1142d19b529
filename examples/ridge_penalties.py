"""The penalties of a ridge regression, by the gradient of the validation error through the fit.

    python examples/ridge_penalties.py

With one penalty, one would try a grid of values. With a penalty for each of 30 features, there is no grid; but the fit
is a minimum, and its derivative with respect to the penalties follows from the implicit function theorem. So the outer
problem is an ordinary minimum too.
"""

import numpy as np

import autograd_lite as ag

FEATURES, USEFUL = 30, 5


def data(count, rng, truth):
    X = rng.normal(size=(count, FEATURES))
    return X, X @ truth + rng.normal(size=count)


def penalized(w, X, y, log_penalties):
    return np.mean((X @ w - y) ** 2) + np.sum(np.exp(log_penalties) * w**2)


def main():
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(FEATURES) < USEFUL, 1.0, 0.0)
    (X, y), (X_valid, y_valid), (X_test, y_test) = (data(n, rng, truth) for n in (40, 60, 1000))

    def fit(log_penalties):
        return ag.optimize.minimize(penalized, np.zeros(FEATURES), (X, y, log_penalties), "trust-exact").x

    def validation(log_penalties):
        return np.mean((X_valid @ fit(log_penalties) - y_valid) ** 2)

    def test_error(log_penalties):
        return np.mean((X_test @ fit(log_penalties) - y_test) ** 2)

    grid = np.linspace(-8, 3, 23)
    single = min(grid, key=lambda value: validation(np.full(FEATURES, value)))
    common = np.full(FEATURES, single)
    print(f"one penalty, the best of {len(grid)}:  validation {validation(common):.3f}, test {test_error(common):.3f}")

    best = ag.optimize.minimize(validation, common, bounds=[(-8.0, 5.0)] * FEATURES, options={"maxiter": 20})
    print(f"{FEATURES} penalties, {best.nfev} fits:      validation {best.fun:.3f}, test {test_error(best.x):.3f}")
    print(f"median penalty of the useful features {np.exp(np.median(best.x[:USEFUL])):.4f}, ", end="")
    print(f"of the others {np.exp(np.median(best.x[USEFUL:])):.4f}")

    slope = ag.grad(validation)(common)[0]
    moved = 1e-3 * (np.arange(FEATURES) == 0)
    difference = (validation(common + moved) - validation(common - moved)) / 2e-3
    print(f"the slope for the first penalty: {slope:.6f}, from a difference between fits {difference:.6f}")
    if best.fun > validation(common) or abs(slope - difference) > 1e-5 or test_error(best.x) > test_error(common):
        raise SystemExit("the gradient through the fit is of no use")


if __name__ == "__main__":
    main()
