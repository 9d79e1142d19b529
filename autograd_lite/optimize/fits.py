"""Fits: `least_squares` and `curve_fit`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import scipy.optimize

from ..engine.operands import raw
from ..rules._arrays import operand
from ..rules.matrix_functions import solve_triangular
from ..sparse import sparse_jacobian
from ..tensor import Tensor
from ..transforms.grad import grad
from ..transforms.jacobian import jacobian
from .implicit import as_args, constant, if_it_pays, jacobian_of, plain, solved, vector
from .minima import Constraint, minimum, within

#: By the name of a loss: rho(z), the cost of a squared residual.
_LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.maximum(z, 1)) - 1),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def _cost(residuals: Any, loss: Any, f_scale: float) -> Any:
    """Half the sum of squares, if `loss` is linear."""
    rho = _LOSSES[loss] if isinstance(loss, str) else lambda z: operand(loss(z))[0]
    return 0.5 * f_scale**2 * np.sum(rho((residuals / f_scale) ** 2))


def _bounds(bounds: Any) -> list[Constraint]:
    """The bounds as a constraint, if there are some."""
    lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    some = np.isfinite(lower).any() or np.isfinite(upper).any()
    return [within(scipy.optimize.Bounds(lower, upper))] if some else []


def least_squares(
    fun: Callable[..., Any], x0: Any, jac: Any = None, bounds: Any = (-np.inf, np.inf), method: str = "trf", *,
    loss: Any = "linear", f_scale: float = 1.0, args: Any = (), kwargs: Any = None, **options: Any,
) -> Any:
    """The parameters with the least sum of squared residuals, ``fun(x, *args)``: SciPy's function, with derivatives.

    The solver gets the exact Jacobian. Derivatives of the solution are those of :func:`minimize`: they use the full
    Hessian of the cost, with `loss`, and not its approximation by the Jacobian.

    Parameters
    ----------
    fun : callable
        Returns the residuals. It is written in NumPy, as is `loss` if that is a function.
    args, kwargs : tuple, dict
        Further arguments of `fun`: numbers, arrays or Tensors, or trees of them.
    x0, jac, bounds, method, loss, f_scale, **options
        See :func:`scipy.optimize.least_squares`; what comes after `method` there is passed by name.

    Returns
    -------
    OptimizeResult
        Its `x`, `fun` and `cost` are Tensors if something that they depend on requires gradients.

    Raises
    ------
    LinAlgError, RuntimeError
        When a derivative is taken, if there is none: see :func:`minimize`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> t, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 1.2, 0.8, 0.4])
    >>> def residuals(p, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> least_squares(residuals, [1.0, 1.0], args=(y,)).x.round(3)
    array([2.001, 0.497])
    >>> ag.jacobian(lambda y: least_squares(residuals, [1.0, 1.0], args=(y,)).x)(y).shape
    (2, 4)
    """
    bounds = constant("least_squares: bounds=", bounds)
    f_scale = constant("least_squares: f_scale=", f_scale)
    tree = (tuple(args) if isinstance(args, list) else as_args(args), kwargs or {})

    def residuals(x: Any, tree: Any) -> Any:
        r = vector(fun)(x, *tree[0], **tree[1])
        if r.dtype.kind == "c":
            raise TypeError("least_squares: the residuals are complex; return their real and imaginary parts")
        return r

    def cost(x: Any, tree: Any) -> Any:
        return _cost(residuals(x, tree), loss, f_scale)

    def solve(start: Any, tree: Any) -> Any:
        slopes = jacobian_of(fun) if jac is None else jac
        if jac is None and method != "lm" and options.get("tr_solver") != "exact":
            slopes = if_it_pays(sparse_jacobian(vector(fun)), start, *tree[0], **tree[1]) or slopes
        result = scipy.optimize.least_squares(
            plain(lambda x, *args, **params: residuals(x, (args, params))), start, slopes, bounds, method, loss=loss,
            f_scale=f_scale, args=tree[0], kwargs=tree[1], **options,
        )
        return result, result.x, "" if result.success else result.message

    problem = minimum("least_squares", cost, solve, _bounds(bounds))
    result, x = solved(problem, x0, tree, lambda: np.atleast_1d(np.asarray(raw(x0), float)))
    if isinstance(x, Tensor):
        result.update(x=x, fun=residuals(x, tree), cost=cost(x, tree))
    return result


def curve_fit(
    f: Callable[..., Any], xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None, absolute_sigma: bool = False,
    check_finite: bool | None = None, bounds: Any = (-np.inf, np.inf), method: str | None = None, jac: Any = None, *,
    full_output: bool = False, nan_policy: str | None = None, **kwargs: Any,
) -> Any:
    """The parameters of ``f(xdata, *p)`` that fit `ydata` best, with their covariance: SciPy's, with derivatives.

    The solver gets the exact Jacobian, and the covariance is computed from it. Both results have derivatives with
    respect to `xdata`, `ydata`, `sigma` and Tensors that `f` captures, and are Tensors if one of these requires
    gradients. `f` is written in NumPy. Parameters are those of :func:`scipy.optimize.curve_fit`, errors those of
    :func:`minimize`.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def line(x, a, b):
    ...     return a + b * x
    >>> x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.1, 0.9, 2.2, 2.8])
    >>> popt, pcov = curve_fit(line, x, y)
    >>> popt.round(4), np.sqrt(np.diag(pcov)).round(4)
    (array([0.09, 0.94]), array([0.1694, 0.0906]))
    >>> ag.jacobian(lambda y: curve_fit(line, x, y)[0][1])(y).round(4)  # the slope for a change of each point
    array([-0.3, -0.1,  0.1,  0.3])
    """
    bounds = constant("curve_fit: bounds=", bounds)
    xdata, ydata, sigma = map(_floats, (xdata, ydata, sigma))
    if sigma is not None and not np.ndim(sigma):  # with a Jacobian, SciPy takes one number for a matrix
        sigma = sigma * np.ones(np.size(ydata))
    if nan_policy == "omit" and check_finite is not True:
        x = np.asarray(raw(xdata))
        keep = ~(np.isnan(x).any(axis=tuple(range(x.ndim - 1))) | np.isnan(raw(ydata)))
        sigma = sigma if sigma is None else sigma[keep] if sigma.ndim == 1 else sigma[keep][:, keep]
        xdata, ydata = xdata[..., keep], ydata[keep]
    loss, f_scale = kwargs.get("loss", "linear"), constant("curve_fit: f_scale=", kwargs.get("f_scale", 1.0))
    others = [np.inf]

    def predicted(p: Any, xdata: Any) -> Any:
        return vector(f)(xdata, *p)

    def residuals(p: Any, tree: Any) -> Any:
        xdata, ydata, sigma = tree
        r = predicted(p, xdata) - np.ravel(ydata)
        if sigma is None:
            return r
        return r / np.ravel(sigma) if np.ndim(sigma) < 2 else solve_triangular(np.linalg.cholesky(sigma), r, lower=True)

    def solve(start: Any, tree: Any) -> Any:
        xdata, ydata, sigma = tree
        slopes = (lambda xdata, *p: jacobian_of(predicted)(np.array(p), xdata)) if jac is None else jac
        popt, *others[:] = scipy.optimize.curve_fit(
            plain(f), xdata, ydata, start, sigma, absolute_sigma, check_finite, bounds, method, slopes,
            full_output=full_output, nan_policy=nan_policy, **kwargs,
        )
        return None, popt, ""

    tree = (xdata, ydata, sigma)
    problem = minimum("curve_fit", lambda p, tree: _cost(residuals(p, tree), loss, f_scale), solve, _bounds(bounds))

    def point() -> Any:
        return np.ones(len(signature(f).parameters) - 1) if p0 is None else np.atleast_1d(raw(p0))

    traced, popt = solved(problem, p0, tree, point)
    if traced is not None and full_output:
        raise RuntimeError("curve_fit: full_output=True is not possible in a traced program (jit, vmap)")
    pcov, *more = others
    if traced is not None or np.isfinite(pcov).all():  # SciPy's is from the last Jacobian but one
        pcov = _covariance(lambda p: residuals(p, tree), popt, loss, f_scale, absolute_sigma)
    return popt, pcov, *more


def _floats(x: Any) -> Any:
    """Data as SciPy takes them: arrays are not of integers; numbers and other objects are as they are."""
    if not isinstance(x, (list, tuple, np.ndarray, Tensor)):
        return x
    x = operand(x)
    return x.astype(float) if x.dtype.kind in "biu" else x


def _covariance(residuals: Callable[[Any], Any], popt: Any, loss: Any, f_scale: float, absolute: bool) -> Any:
    """The covariance of the parameters, from the Jacobian at the solution; with `loss`, the weighted one."""
    slopes, r = jacobian(residuals)(popt), residuals(popt)

    def cost(r: Any) -> Any:
        return _cost(r, loss, f_scale)

    if loss != "linear":
        weights = grad(lambda r: np.sum(grad(cost)(r)))(r)
        slopes = slopes * np.sqrt(np.maximum(weights, np.finfo(float).eps))[:, None]
    covariance = np.linalg.inv(slopes.T @ slopes)
    m, n = slopes.shape
    return covariance if absolute else covariance * (2 * cost(r) / (m - n) if m > n else np.inf)
