"""scipy.stats: densities and distribution functions, with derivatives.

The names and parameters are SciPy's: ``ag.stats.norm.logpdf(x, loc, scale)``. What is written with special functions
needs SciPy. The distribution functions of `t`, `gamma`, `chi2` and `beta` have no derivative with respect to their
shape parameters, because their special functions have none; a tensor that requires a gradient raises there.

Examples
--------
>>> import autograd_lite as ag
>>> loc = ag.tensor(0.5, requires_grad=True)
>>> ag.stats.norm.logpdf([1.0, 2.0], loc).sum().backward()
>>> loc.grad  # the sum of x - loc
tensor(2.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .rules._arrays import operand
from .rules.matrix_functions import solve_triangular
from .rules.scipy_special import declare
from .rules.special import xlog1py, xlogy
from .table import Primitive, at, composite, uniform

_LOG_2PI = math.log(2 * math.pi)
_COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])  # for the examples


def _row(*examples: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """The decorated function of a class as a row, called ``stats.norm.cdf``."""

    def add(f: Callable[..., Any]) -> Primitive:
        name = f"stats.{f.__qualname__}"
        return composite(name=name, np_name=f"scipy.{name}", examples=examples)(f)

    return add


def _exp(log: Primitive, example: Any) -> Primitive:
    """The row ``pdf`` or ``pmf`` from that of its logarithm."""

    def density(*args: Any, **params: Any) -> Any:
        return np.exp(log(*args, **params))

    density.__qualname__ = log.name.removeprefix("stats.").replace("log", "")
    density.__doc__ = str(log.__doc__).replace("logarithm of the ", "")
    density.__wrapped__ = log.fn  # type: ignore[attr-defined]  # for its parameters
    return _row(example)(density)


def _special(name: str) -> Primitive:
    return declare(f"ag.stats ({name})")[name]


def _standard(x: Any, loc: Any, scale: Any) -> Any:
    return (operand(x) - loc) / scale


def _on(support: Any, inside: Callable[[Any], Any], z: Any, otherwise: Any, some: float) -> Any:
    """``inside(z)`` on the support and `otherwise` beyond it, where `inside` gets the number `some`."""
    return np.where(support, inside(np.where(support, z, some)), np.where(np.isnan(z), np.nan, otherwise))


def _at_end(distance: Any, shape: Any) -> tuple[Any, Any]:
    """For a density that begins as ``distance ** (shape - 1)``: whether it has a derivative, and else its logarithm."""
    at_end = distance == 0
    support = np.logical_or(distance > 0, np.logical_and(at_end, shape == 1))
    return support, np.where(np.logical_and(at_end, shape < 1), math.inf, -math.inf)


_X, _POSITIVE = at((2,)), at(uniform(0.5, 3, 2), 2)


class norm:
    """The normal distribution with mean `loc` and standard deviation `scale`."""

    @_row(at((2,), 0.3, uniform(0.5, 2, 2)))
    def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of the density."""
        return -0.5 * _standard(x, loc, scale) ** 2 - np.log(scale) - 0.5 * _LOG_2PI

    pdf = _exp(logpdf, _X)

    @_row(_X)
    def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The distribution function: the probability of at most `x`."""
        return _special("ndtr")(_standard(x, loc, scale))

    @_row(_X)
    def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of `cdf`."""
        return _special("log_ndtr")(_standard(x, loc, scale))

    @_row(_X)
    def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The probability of more than `x`."""
        return _special("ndtr")(-_standard(x, loc, scale))

    @_row(_X)
    def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of `sf`."""
        return _special("log_ndtr")(-_standard(x, loc, scale))


class multivariate_normal:
    """The normal distribution of vectors, along the last axis.

    A covariance `cov` may be a matrix, a vector of variances, or one number. It has to be positive definite: a singular
    one raises LinAlgError (SciPy's ``allow_singular=`` is not here). Its gradient is symmetric.
    """

    @_row(at((2, 2), (2,), _COVARIANCE))
    def logpdf(x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The logarithm of the density."""
        mean, root = _mean_and_root(mean, cov)
        x, n = operand(x), root.shape[-1]
        if x.ndim == 0 or n == 1 and x.shape[-1] != 1:
            x = x[..., None]
        z = solve_triangular(root, np.moveaxis(x - mean, -1, 0).reshape(n, -1), lower=True)
        square = np.squeeze(np.sum(z * z, axis=0).reshape(x.shape[:-1]))  # without axes of length 1, as in SciPy
        return -0.5 * (square + n * _LOG_2PI) - np.sum(np.log(np.diagonal(root)))

    pdf = _exp(logpdf, at((2,), np.zeros(2), 1.5))

    @_row(at(np.zeros(2), _COVARIANCE))
    def entropy(mean: Any = None, cov: Any = 1) -> Any:
        """The differential entropy."""
        _, root = _mean_and_root(mean, cov)
        return 0.5 * root.shape[-1] * (1 + _LOG_2PI) + np.sum(np.log(np.diagonal(root)))


def _mean_and_root(mean: Any, cov: Any) -> tuple[Any, Any]:
    """The mean, and the Cholesky factor of the covariance matrix."""
    cov = operand(cov)
    n = cov.shape[-1] if cov.ndim else np.size(mean) if mean is not None else 1
    mean = np.zeros(n) if mean is None else np.reshape(operand(mean), (n,))
    cov = cov if cov.ndim == 2 else np.eye(n) * cov
    if cov.shape != (n, n):
        raise ValueError(f"stats.multivariate_normal: expected cov of shape {(n, n)}, got {cov.shape}")
    return mean, np.linalg.cholesky((cov + cov.mT) / 2)


class t:
    """Student's t distribution with `df` degrees of freedom."""

    @_row(at((2,), uniform(1, 4, 2), 0.3, 0.8))
    def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of the density."""
        z, df = _standard(x, loc, scale), operand(df)
        tail = (df + 1) / 2 * np.log1p(z * z / df)
        return -tail - _special("betaln")(df / 2, 0.5) - 0.5 * np.log(df) - np.log(scale)

    pdf = _exp(logpdf, at((2,), 3))

    @_row(at((2,), 3))
    def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The distribution function: the probability of at most `x`."""
        return _special("stdtr")(df, _standard(x, loc, scale))

    @_row(at((2,), 3))
    def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of `cdf`."""
        return np.log(t.cdf(x, df, loc, scale))


class gamma:
    """The gamma distribution of shape `a`; its rate is ``1 / scale``."""

    @_row(at(uniform(0.5, 3, 2), uniform(1.5, 3, 2), 0.1, 0.8))
    def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of the density."""
        z, a = _standard(x, loc, scale), operand(a)
        constant = _special("gammaln")(a) + np.log(scale)
        support, otherwise = _at_end(z, a)
        return _on(support, lambda z: xlogy(a - 1, z) - z, z, otherwise, 1.0) - constant

    pdf = _exp(logpdf, _POSITIVE)

    @_row(_POSITIVE)
    def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The distribution function: the probability of at most `x`."""
        z = _standard(x, loc, scale)
        return _on(z > 0, lambda z: _special("gammainc")(a, z), z, 0.0, 1.0)


class chi2:
    """The distribution of a sum of squares of `df` standard normal numbers."""

    @_row(at(uniform(0.5, 3, 2), uniform(2.5, 4, 2), 0.1, 0.8))
    def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of the density."""
        return gamma.logpdf(x, operand(df) / 2, loc, 2 * operand(scale))

    pdf = _exp(logpdf, _POSITIVE)

    @_row(_POSITIVE)
    def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The distribution function: the probability of at most `x`."""
        return gamma.cdf(x, operand(df) / 2, loc, 2 * operand(scale))


class beta:
    """The beta distribution of shapes `a` and `b`, between `loc` and ``loc + scale``."""

    @_row(at(uniform(0.4, 1.2, 2), uniform(1.5, 3, 2), uniform(2, 3, 2), 0.2, 1.5))
    def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The logarithm of the density."""
        z, a, b = _standard(x, loc, scale), operand(a), operand(b)
        (low, at_0), (high, at_1) = _at_end(z, a), _at_end(1 - z, b)
        constant = _special("betaln")(a, b) + np.log(scale)
        inside = np.logical_and(low, high)
        return _on(inside, lambda z: xlogy(a - 1, z) + xlog1py(b - 1, -z), z, np.maximum(at_0, at_1), 0.5) - constant

    pdf = _exp(logpdf, at(uniform(0.1, 0.9, 2), 2, 3))

    @_row(at(uniform(0.1, 0.9, 2), 2, 3))
    def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
        """The distribution function: the probability of at most `x`."""
        z = _standard(x, loc, scale)
        below = _on(np.logical_and(z > 0, z < 1), lambda z: _special("betainc")(a, b, z), z, 0.0, 0.5)
        return np.where(z >= 1, 1.0, below)


class poisson:
    """The Poisson distribution of mean `mu`, on the whole numbers from `loc`."""

    @_row(at(np.arange(3), uniform(0.5, 3, 3)))
    def logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of `k`."""
        n, mu = operand(k) - loc, operand(mu)
        whole = np.logical_and(n >= 0, n == np.floor(n))
        return _on(whole, lambda n: xlogy(n, mu) - _special("gammaln")(n + 1.0), n, -math.inf, 0) - mu

    pmf = _exp(logpmf, at(np.arange(3), uniform(0.5, 3, 3)))

    @_row(at(np.arange(-1, 3), uniform(0.5, 3, 4)))
    def cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
        """The distribution function: the probability of at most `k`."""
        n = np.floor(operand(k) - loc)
        return _on(n >= 0, lambda n: _special("gammaincc")(n + 1.0, mu), n, 0.0, 0)


class dirichlet:
    """The Dirichlet distribution of parameters `alpha`, along the first axis."""

    @_row(at(uniform(0.1, 0.5, 2, 2), uniform(1, 3, 3)))
    def logpdf(x: Any, alpha: Any) -> Any:
        """The logarithm of the density at `x`, whose last entry may be omitted; it is not checked to add up to 1."""
        x, alpha = operand(x), operand(alpha)
        if x.shape[0] == alpha.shape[0] - 1:
            x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
        if alpha.ndim != 1 or x.shape[0] != alpha.shape[0]:
            raise ValueError(f"stats.dirichlet: expected x of shape ({alpha.shape[0]}, ...), got {x.shape}")
        gammaln = _special("gammaln")
        each = xlogy(np.reshape(alpha - 1, (-1,) + (1,) * (x.ndim - 1)), x)
        return np.sum(each, axis=0) + gammaln(np.sum(alpha)) - np.sum(gammaln(alpha))

    pdf = _exp(logpdf, at(uniform(0.1, 0.5, 3), np.array([1, 2, 3])))
