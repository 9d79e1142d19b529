"""A gamma distribution fitted to data by maximum likelihood, with standard errors from the exact Hessian.

    python examples/maximum_likelihood.py

The covariance of the estimates is the inverse of the Hessian of the negative log-likelihood. The delta method carries
it on to the mean and to a quantity that needs a root: the rainfall that one day in a hundred exceeds.
"""

import numpy as np
import scipy.special

import autograd_lite as ag

SHAPE, SCALE, DAYS = 2.0, 5.0, 2000


def cost(p, x):
    """The negative log-likelihood; the parameters are logarithms, so that they may be any number."""
    return -np.sum(ag.stats.gamma.logpdf(x, np.exp(p[0]), scale=np.exp(p[1])))


def rare(p):
    """The value that one day in a hundred exceeds: the root of a distribution function, on a fixed grid."""
    t = np.linspace(1e-6, 1.0, 2001)

    def excess(q, p):
        return np.trapezoid(ag.stats.gamma.pdf(q * t, np.exp(p[0]), scale=np.exp(p[1])) * q, t) - 0.99

    return ag.optimize.root_scalar(excess, (p,), bracket=(5.0, 100.0)).root


def main():
    rain = np.random.default_rng(0).gamma(SHAPE, SCALE, DAYS)
    fit = ag.optimize.minimize(cost, np.zeros(2), (rain,), method="trust-exact")
    cov = np.linalg.inv(ag.hessian(cost)(fit.x, rain))
    print(f"{fit.nit} iterations, {fit.nfev} function values, {fit.nhev} Hessians")

    for name, k, truth in (("shape", 0, SHAPE), ("scale", 1, SCALE)):
        value, variance, _ = ag.stats.delta_method(lambda p, k=k: np.exp(p[k]), fit.x, cov)
        print(f"{name}: {value:.3f} ± {np.sqrt(variance):.3f}, the truth is {truth}")
    shape = np.exp(fit.x[0])
    known = np.sqrt(1 / (DAYS * (shape * scipy.special.polygamma(1, shape) - 1) / shape))  # from the Fisher information
    ours = np.sqrt(ag.stats.delta_method(lambda p: np.exp(p[0]), fit.x, cov)[1])
    print(f"standard error of the shape: {ours:.6f}, in closed form {known:.6f}")

    mean, variance, _ = ag.stats.delta_method(lambda p: np.exp(p[0] + p[1]), fit.x, cov)
    print(f"mean: {mean:.3f} ± {np.sqrt(variance):.3f}")
    value, variance, parts = ag.stats.delta_method(rare, fit.x, cov)
    exact = scipy.special.gammaincinv(SHAPE, 0.99) * SCALE
    print(f"one day in a hundred: above {value:.2f} ± {np.sqrt(variance):.2f}, the truth is {exact:.2f}")
    print(f"of its variance {variance:.3f}, the shape contributes {parts[0]:.3f} and the scale {parts[1]:.3f}")
    if abs(ours - known) > 1e-4 or abs(value - exact) > 4 * np.sqrt(variance):
        raise SystemExit("the standard errors are wrong")


if __name__ == "__main__":
    main()
