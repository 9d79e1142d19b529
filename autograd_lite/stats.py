"""scipy.stats, with derivatives: densities and distribution functions.

The names and parameters are SciPy's: ``ag.stats.norm.logpdf(x, loc, scale)``. Functions that use special functions need
SciPy. The distribution functions of `t`, `gamma`, `chi2` and `beta` have no derivative with respect to their shape
parameters, because their special functions have none; a shape parameter that requires gradients raises an error.
As in SciPy, the result is NaN where the scale or a shape parameter is not positive.

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
from functools import wraps
from typing import Any

import numpy as np

from .base.listing import public_names as _public_names
from .rules._arrays import operand, raw
from .rules.matrix_functions import solve_triangular
from .rules.scipy_special import declare
from .rules.special import xlog1py, xlogy
from .table import Primitive, at, composite, uniform
from .table.textbook import Opened
from .transforms.jacobian import jacobian

_LOG_2PI = math.log(2 * math.pi)
_COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])  # for the examples


_MEANING = {
    "pdf": "the density", "pmf": "the probability of `k`", "cdf": "the probability of at most `x`",
    "sf": "the probability of more than `x`", "entropy": "the differential entropy",
}  # fmt: skip


def _row(name: str, example: Any, f: Callable[..., Any], forms: Callable[..., str] | None = None) -> Primitive:
    """A function as a row, with a name such as ``stats.norm.cdf``; its result has the precision of its arguments.

    ``forms(**arguments)`` is its formula in a textbook, which has no guards; "" where there is none.
    """

    @wraps(f)
    def function(*args: Any, **params: Any) -> Any:
        y = f(*args, **params)
        given = [a.dtype for a in (*args, *params.values()) if hasattr(a, "dtype") and a.dtype.kind in "fc"]
        dtype = np.result_type(*given) if given else y.dtype
        return y if y.dtype == dtype else y.astype(dtype)

    last = name.rpartition(".")[2]
    meaning = _MEANING[last.removeprefix("log")]
    function.__doc__ = f"The logarithm of {meaning}." if last.startswith("log") else f"T{meaning[1:]}."
    options = {} if forms is None else {"textbook": lambda **arguments: _textbook(forms(**arguments))}
    return composite(name=f"stats.{name}", np_name=f"scipy.stats.{name}", examples=(example,), **options)(function)


def _textbook(text: str) -> Opened | None:
    return Opened(text) if text else None


def _is_one(x: Any) -> bool:
    return isinstance(x, int | float) and x == 1


def _exp(log: Primitive, example: Any, forms: Callable[..., str] | None = None) -> Primitive:
    """The row ``pdf`` or ``pmf`` from that of its logarithm."""
    density = wraps(log.fn)(lambda *args, **params: np.exp(log(*args, **params)))
    return _row(log.name.removeprefix("stats.").replace("log", ""), example, density, forms)


def _special(name: str) -> Primitive:
    return declare(f"ag.stats ({name})")[name]


def _standard(x, loc, scale, *shapes):
    """`x` as a number of scales from `loc`; NaN, as in SciPy, where the scale or a shape is not positive."""
    for p in (*shapes, scale):
        if not isinstance(p, (int, float)) or not p > 0:
            scale = np.where(np.greater(p, 0), scale, np.nan)
    return (operand(x) - loc) / scale


def _on(support, inside, z, otherwise, some):
    """``inside(z)`` on the support and `otherwise` outside it, where `inside` is called with the number `some`."""
    return np.where(support, inside(np.where(support, z, some)), np.where(np.isnan(z), np.nan, otherwise))


def _at_end(distance, shape):
    """For a density that begins as ``distance ** (shape - 1)``: whether it has a derivative, and else its logarithm."""
    at_end = distance == 0
    return (distance > 0) | at_end & (shape == 1), np.where(at_end & (shape < 1), math.inf, -math.inf)


_X, _POSITIVE, _FRACTION = "[2]", "0.5..3:[2] 2", "0.1..0.9:[2] 2 3"
_COUNTS = at(np.arange(3), uniform(0.5, 3, 3))


def _normal(name: str, f: Callable[[Any], Any]) -> Primitive:
    """The row of a function of the standardised number."""
    return _row(f"norm.{name}", _X, lambda x, loc=0, scale=1: f(_standard(x, loc, scale)))


class norm:
    """The normal distribution with mean `loc` and standard deviation `scale`."""

    logpdf = _row(
        "norm.logpdf", "[2] 0.3 0.5..2:[2]",
        lambda x, loc=0, scale=1: -0.5 * _standard(x, loc, scale) ** 2 - np.log(scale) - 0.5 * _LOG_2PI,
        lambda scale, **other: "-(x - loc) ** 2 / 2 - log(2 * np.pi) / 2" if _is_one(scale)
        else "-(x - loc) ** 2 / (2 * scale ** 2) - log(scale) - log(2 * np.pi) / 2",
    )
    pdf = _exp(
        logpdf, _X, lambda scale, **other: "exp(-(x - loc) ** 2 / 2) / sqrt(2 * np.pi)" if _is_one(scale)
        else "exp(-(x - loc) ** 2 / (2 * scale ** 2)) / (sqrt(2 * np.pi) * scale)",
    )  # fmt: skip
    cdf = _normal("cdf", lambda z: _special("ndtr")(z))
    logcdf = _normal("logcdf", lambda z: _special("log_ndtr")(z))
    sf = _normal("sf", lambda z: _special("ndtr")(-z))
    logsf = _normal("logsf", lambda z: _special("log_ndtr")(-z))


def _mean_and_covariance(mean, cov):
    """The mean as a vector, and the covariance as a symmetric matrix."""
    cov = operand(cov)
    n = cov.shape[-1] if cov.ndim else np.size(mean) if mean is not None else 1
    mean = np.zeros(n) if mean is None else operand(mean)
    if mean.size != n:
        raise ValueError(f"stats.multivariate_normal: expected mean of shape {(n,)}, got {mean.shape}")
    mean = np.reshape(mean, (n,))
    cov = cov if cov.ndim == 2 else np.eye(n) * cov
    if cov.shape != (n, n):
        raise ValueError(f"stats.multivariate_normal: expected cov of shape {(n, n)}, got {cov.shape}")
    return mean, (cov + cov.mT) / 2


def _log_normal(x, mean=None, cov=1, allow_singular=False):
    mean, cov = _mean_and_covariance(mean, cov)
    x, n = operand(x), cov.shape[-1]
    if x.ndim == 0 or n == 1 and x.shape[-1] != 1:
        x = x[..., None]
    if allow_singular:
        return _log_singular(x - mean, cov)
    root = np.linalg.cholesky(cov)
    z = solve_triangular(root, np.moveaxis(x - mean, -1, 0).reshape(n, -1), lower=True)
    square = np.squeeze(np.sum(z * z, axis=0).reshape(x.shape[:-1]))  # without axes of length 1, as in SciPy
    return -0.5 * (square + n * _LOG_2PI) - np.sum(np.log(np.diagonal(root)))


def _normal_of_vectors(x, mean, cov, allow_singular):
    """The textbook's formula for one vector, or one in each row."""
    if allow_singular or np.ndim(cov) != 2 or np.ndim(mean) != 1 or np.ndim(x) not in (1, 2):
        return ""
    square = "(x - mean) @ inv(cov) @ (x - mean)"
    if np.ndim(x) == 2:
        square = "diagonal((x - mean) @ inv(cov) @ (x - mean).T)"
    return f"-0.5 * {square} - 0.5 * logabsdet(cov) - {np.shape(cov)[0]} * log(2 * np.pi) / 2"


def _log_singular(x, cov):
    """The logarithm of the density on the range of `cov`, as in SciPy: eigenvalues up to a threshold count as zero."""
    eigenvalues, vectors = np.linalg.eigh(raw(cov))
    threshold = 1e6 * np.finfo(eigenvalues.dtype).eps * np.max(np.abs(eigenvalues))
    if np.min(eigenvalues) < -threshold:
        raise np.linalg.LinAlgError("stats.multivariate_normal: cov has a negative eigenvalue")
    inside = eigenvalues > threshold
    square = np.sum((x @ np.linalg.pinv(cov, rcond=1e6 * np.finfo(eigenvalues.dtype).eps, hermitian=True)) * x, axis=-1)
    density = -0.5 * (square + inside.sum() * _LOG_2PI + np.sum(np.log(np.linalg.eigvalsh(cov)[inside])))
    outside = np.linalg.norm(raw(x) @ vectors[:, ~inside], axis=-1) >= 1e3 * threshold
    return np.squeeze(np.where(outside, -math.inf, density))


def _entropy(mean=None, cov=1):
    root = np.linalg.cholesky(_mean_and_covariance(mean, cov)[1])
    return 0.5 * root.shape[-1] * (1 + _LOG_2PI) + np.sum(np.log(np.diagonal(root)))


class multivariate_normal:
    """The normal distribution of vectors, along the last axis.

    The covariance `cov` may be a matrix, a vector of variances, or one number. It must be positive definite, unless
    ``allow_singular=True``: then the density is that on its range, and its gradient that of matrices of the same rank.
    Its gradient is symmetric.
    """

    logpdf = _row("multivariate_normal.logpdf", at((2, 2), (2,), _COVARIANCE), _log_normal, _normal_of_vectors)
    pdf = _exp(logpdf, at((2,), np.zeros(2), 1.5))
    entropy = _row("multivariate_normal.entropy", at(np.zeros(2), _COVARIANCE), _entropy)


def _log_t(x, df, loc=0, scale=1):
    z, df = _standard(x, loc, scale, df), operand(df)
    normal = df == np.inf
    df = np.where(normal, 1.0, df)
    tail = (df + 1) / 2 * np.log1p(z * z / df)
    inside = -tail - _special("betaln")(df / 2, 0.5) - 0.5 * np.log(df)
    return np.where(normal, -0.5 * z * z - 0.5 * _LOG_2PI, inside) - np.log(scale)


class t:
    """Student's t distribution with `df` degrees of freedom."""

    logpdf = _row("t.logpdf", "[2] 1..4:[2] 0.3 0.8", _log_t, lambda **arguments: (
        "loggamma((df + 1) / 2) - loggamma(df / 2) - log(np.pi * df) / 2 - log(scale)"
        " - (df + 1) * log(1 + ((x - loc) / scale) ** 2 / df) / 2"
    ))  # fmt: skip
    pdf = _exp(logpdf, "[2] 3")
    cdf = _row("t.cdf", "[2] 3", lambda x, df, loc=0, scale=1: _special("stdtr")(df, _standard(x, loc, scale, df)))
    logcdf = _row("t.logcdf", "[2] 3", lambda x, df, loc=0, scale=1: np.log(t.cdf(x, df, loc, scale)))


def _log_gamma(x, a, loc=0, scale=1):
    z, a = _standard(x, loc, scale, a), operand(a)
    support, otherwise = _at_end(z, a)
    inside = _on(support, lambda z: xlogy(a - 1, z) - z, z, otherwise, 1.0)
    return inside - _special("gammaln")(a) - np.log(scale)


def _below_gamma(x, a, loc=0, scale=1):
    z = _standard(x, loc, scale, a)
    return _on(z > 0, lambda z: _special("gammainc")(a, z), z, 0.0, 1.0)


class gamma:
    """The gamma distribution with shape `a`; its rate is ``1 / scale``."""

    logpdf = _row(
        "gamma.logpdf", "0.5..3:[2] 1.5..3:[2] 0.1 0.8", _log_gamma,
        lambda scale, **other: "(a - 1) * log(x - loc) - (x - loc) - loggamma(a)" if _is_one(scale)
        else "(a - 1) * log(x - loc) - (x - loc) / scale - a * log(scale) - loggamma(a)",
    )  # fmt: skip
    pdf = _exp(logpdf, _POSITIVE)
    cdf = _row("gamma.cdf", _POSITIVE, _below_gamma)


def _halved(f: Primitive) -> Callable[..., Any]:
    """A function of the gamma distribution as one of a sum of `df` squares."""
    return lambda x, df, loc=0, scale=1: f(x, operand(df) / 2, loc, 2 * operand(scale))


class chi2:
    """The distribution of a sum of squares of `df` standard normal numbers."""

    logpdf = _row("chi2.logpdf", "0.5..3:[2] 2.5..4:[2] 0.1 0.8", _halved(gamma.logpdf))
    pdf = _exp(logpdf, _POSITIVE)
    cdf = _row("chi2.cdf", _POSITIVE, _halved(gamma.cdf))


def _log_beta(x, a, b, loc=0, scale=1):
    z, a, b = _standard(x, loc, scale, a, b), operand(a), operand(b)
    (low, at_0), (high, at_1) = _at_end(z, a), _at_end(1 - z, b)
    inside = _on(low & high, lambda z: xlogy(a - 1, z) + xlog1py(b - 1, -z), z, np.maximum(at_0, at_1), 0.5)
    return inside - _special("betaln")(a, b) - np.log(scale)


def _below_beta(x, a, b, loc=0, scale=1):
    z = _standard(x, loc, scale, a, b)
    return _on((z > 0) & (z < 1), lambda z: _special("betainc")(a, b, z), z, np.where(z >= 1, 1.0, 0.0), 0.5)


class beta:
    """The beta distribution with shapes `a` and `b`, between `loc` and ``loc + scale``."""

    logpdf = _row(
        "beta.logpdf", "0.4..1.2:[2] 1.5..3:[2] 2..3:[2] 0.2 1.5", _log_beta,
        lambda scale, **other: "(a - 1) * log(x - loc) + (b - 1) * log(1 - (x - loc))"
        " + loggamma(a + b) - loggamma(a) - loggamma(b)" if _is_one(scale) else "",
    )
    pdf = _exp(logpdf, _FRACTION)
    cdf = _row("beta.cdf", _FRACTION, _below_beta)


def _count(k, mu, loc):
    """The count above `loc`, and the mean; NaN, as in SciPy, where it is negative."""
    mu = operand(mu)
    return operand(k) - loc, np.where(mu >= 0, mu, np.nan)


def _log_poisson(k, mu, loc=0):
    n, mu = _count(k, mu, loc)
    whole = (n >= 0) & (n == np.floor(n))
    return _on(whole, lambda n: xlogy(n, mu) - _special("gammaln")(n + 1.0), n, -math.inf, 0) - mu


def _poisson(k, mu, loc=0):
    n, mu = _count(k, mu, loc)
    at_0 = (mu == 0) & (n >= 0) & (n == np.floor(n))  # the exponential of an infinite logarithm has no derivative
    few = np.where(at_0, n, 0)
    power = mu**few * np.exp(-mu - _special("gammaln")(few + 1.0))
    return np.where(at_0, power, np.exp(_log_poisson(n, np.where(at_0, 1.0, mu))))


def _below_poisson(k, mu, loc=0):
    n, mu = _count(k, mu, loc)
    n = np.where(mu >= 0, np.floor(n), np.nan)
    return _on(n >= 0, lambda n: _special("gammaincc")(n + 1.0, mu), n, 0.0, 0)


class poisson:
    """The Poisson distribution with mean `mu`, on the whole numbers from `loc` on."""

    logpmf = _row(
        "poisson.logpmf", _COUNTS, _log_poisson, lambda **arguments: "(k - loc) * log(mu) - mu - loggamma(k - loc + 1)"
    )
    pmf = _row("poisson.pmf", _COUNTS, _poisson)
    cdf = _row("poisson.cdf", at(np.arange(-1, 3), uniform(0.5, 3, 4)), _below_poisson)


def _log_dirichlet(x, alpha):
    x, alpha = operand(x), operand(alpha)
    alpha = np.where(alpha > 0, alpha, np.nan)
    if x.shape[0] == alpha.shape[0] - 1:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    if alpha.ndim != 1 or x.shape[0] != alpha.shape[0]:
        raise ValueError(f"stats.dirichlet: expected x of shape ({alpha.shape[0]}, ...), got {x.shape}")
    gammaln = _special("gammaln")
    each = xlogy(alpha - 1, np.moveaxis(x, 0, -1))
    return np.sum(each, axis=-1) + gammaln(np.sum(alpha)) - np.sum(gammaln(alpha))


class dirichlet:
    """The Dirichlet distribution with parameters `alpha`, along the first axis of `x`, whose last entry may be omitted.

    Unlike SciPy, it does not check that `x` adds up to 1, and gives NaN where an entry of `alpha` is not positive.
    """

    logpdf = _row(
        "dirichlet.logpdf", "0.1..0.5:2x2 1..3:[3]", _log_dirichlet,
        lambda x, **other: "" if np.ndim(x) != 1
        else "sum((alpha - 1) * log(x)) + loggamma(sum(alpha)) - sum(loggamma(alpha))",
    )
    pdf = _exp(logpdf, at(uniform(0.1, 0.5, 3), np.array([1, 2, 3])))


# ------------------------------------------------------------------------------------------------ errors of results


def delta_method(f: Callable[..., Any], mean: Any, cov: Any) -> tuple[Any, Any, Any]:
    """The mean and covariance of ``f(x)``, where `x` has this mean and covariance, and what each input contributes.

    To first order ``cov f(x) = J cov(x) J^T``, with the exact Jacobian J of `f` at the mean. It is good where `f` is
    nearly linear over a few standard deviations.

    Parameters
    ----------
    f : callable
        Of a vector of n numbers; returns a number or an array, of m numbers.
    mean : array_like, shape (n,)
    cov : array_like, shape (n, n)
        For instance `popt` and `pcov` of :func:`autograd_lite.optimize.curve_fit`.

    Returns
    -------
    mean : the value of `f` at `mean`
    cov : array, shape (m, m); the variance if `f` returns a number
    contributions : array, shape (m, n), or (n,)
        What each input adds to each variance, with its share of the covariances: a row adds up to the variance.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> power = lambda x: x[0] * x[1] ** 2  # from a resistance and a current
    >>> mean, variance, contributions = ag.stats.delta_method(power, [10.0, 2.0], [[0.25, 0.0], [0.0, 0.01]])
    >>> print(mean, variance, contributions)
    40.0 20.0 [ 4. 16.]
    """
    mean, cov = operand(mean), operand(cov)
    mean = mean.astype(float) if mean.dtype.kind in "biu" else mean
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size):
        raise ValueError(
            f"stats.delta_method: expected a mean of shape (n,) and a covariance of shape (n, n), got {mean.shape} and "
            f"{cov.shape}"
        )
    slopes = jacobian(lambda x: operand(f(x)))(mean)
    rows = np.reshape(slopes, (-1, mean.size))
    result, contributions = operand(f(mean)), rows * (rows @ cov)
    if result.ndim:
        return result, rows @ cov @ rows.T, contributions
    return result, np.sum(contributions), contributions[0]


__dir__ = _public_names(__name__)
