"""Equations: `root`, `root_scalar` and `fixed_point`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from ..engine.node import Function
from ..rules._arrays import operand
from ..tensor import Tensor
from ..transforms.grad import jvp
from .implicit import Problem, as_args, first, flat, jacobian_of, plain, solved


def _equation(name: str, f: Function, solve: Function) -> Problem:
    """``f(x, *args) = 0``."""

    def values(x: Any, args: Any) -> Any:
        return operand(f(x, *args))

    def system(x: Any, args: Any) -> Any:
        def of_vector(z: Any, args: Any) -> Any:
            numbers = z[: x.size] + 1j * z[x.size :] if x.dtype.kind == "c" else z
            return flat(values(np.reshape(numbers, x.shape), args))

        return flat(x), of_vector

    return Problem(name, solve, values, system)


def root(
    fun: Function, x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, tol: float | None = None,
    callback: Any = None, options: Any = None,
) -> Any:
    """A root of a system of equations, ``fun(x, *args) = 0``: SciPy's function, with derivatives.

    Methods that take a Jacobian (hybr, lm) get the exact one. The solution has derivatives of any order with respect to
    `args` and to Tensors that `fun` captures; none with respect to `x0`.

    Parameters
    ----------
    fun : callable
        Written in NumPy; returns as many values as `x0` has.
    args : tuple
        Further arguments of `fun`: numbers, arrays or Tensors, or trees of them.
    x0, method, jac, tol, callback, options
        See :func:`scipy.optimize.root`; `jac` replaces the exact Jacobian.

    Returns
    -------
    OptimizeResult
        Its `x` and `fun` are Tensors if something that they depend on requires gradients.

    Raises
    ------
    LinAlgError, RuntimeError
        When a derivative is taken, if there is none: ``dF/dx`` is singular at the solution, the solution is at a kink,
        or the solver has not converged.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> def equations(x, a):
    ...     return [x[0] ** 2 + x[1] ** 2 - a, x[0] - x[1]]
    >>> root(equations, [1.0, 1.5], args=(8.0,)).x
    array([2., 2.])
    >>> ag.jacobian(lambda a: root(equations, [1.0, 1.5], args=(a,)).x)(8.0)  # x = sqrt(a / 2)
    array([0.125, 0.125])
    """
    f = first(fun) if jac is True else fun
    exact = jacobian_of(f) if jac is None and method.lower() in ("hybr", "lm") else jac
    args = as_args(args)

    def solve(start: Any, args: Any) -> Any:
        g = fun if jac is True else plain(fun)
        result = scipy.optimize.root(g, start, args, method, exact, tol, callback, options)
        return result, result.x, "" if result.success else result.message

    result, x = solved(_equation("root", f, solve), x0, args, lambda: operand(x0))
    if isinstance(x, Tensor):
        result.update(x=x, fun=operand(f(x, *args)))
    return result


def _slope(f: Function) -> Function:
    """The derivative of a function of one number, in the shape of that number."""

    def slope(x: Any, *args: Any) -> Any:
        return jvp(lambda x: f(x, *args), (x,), (np.ones_like(x),))[1]

    return slope


def root_scalar(
    f: Function, args: Any = (), method: str | None = None, bracket: Any = None, fprime: Any = None,
    fprime2: Any = None, x0: Any = None, x1: Any = None, xtol: float | None = None, rtol: float | None = None,
    maxiter: int | None = None, options: Any = None,
) -> Any:
    """A root of one equation in one number, ``f(x, *args) = 0``: SciPy's function, with derivatives.

    Newton's and Halley's method get exact derivatives; the former is chosen if only `x0` is given. Parameters,
    derivatives of the solution (`root`) and errors are those of :func:`scipy.optimize.root_scalar` and :func:`root`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> def kepler(E, e):
    ...     return E - e * ag.sin(E) - 1
    >>> float(root_scalar(kepler, (0.5,), x0=1.0).root)
    1.498701
    >>> float(ag.grad(lambda e: root_scalar(kepler, (e,), x0=1.0).root)(0.5))  # sin(E) / (1 - e cos(E))
    1.034667
    """
    several = fprime is True or fprime2 is True
    g = first(f) if several else f
    chosen = method.lower() if method else "newton" if bracket is None and x1 is None else ""
    if fprime is None and fprime2 is not True and chosen in ("newton", "halley"):
        fprime = plain(g, _slope)
    if fprime2 is None and chosen == "halley":
        fprime2 = plain(g, lambda f: _slope(_slope(f)))

    def solve(start: Any, args: Any) -> Any:
        result = scipy.optimize.root_scalar(
            f if several else plain(f), args, method, start[0], fprime, fprime2, *start[1:], xtol, rtol, maxiter,
            options,
        )
        return result, np.asarray(result.root), "" if result.converged else result.flag

    def point() -> Any:
        return next(np.ravel(operand(x))[0] for x in (bracket, x0, x1) if x is not None)

    result, x = solved(_equation("root_scalar", g, solve), (bracket, x0, x1), as_args(args), point)
    if isinstance(x, Tensor):
        result["root"] = x
    return result


def fixed_point(
    func: Function, x0: Any, args: Any = (), xtol: float = 1e-8, maxiter: int = 500, method: str = "del2",
) -> Any:
    """The point where ``func(x, *args) = x``, as an array or a Tensor: SciPy's function, with derivatives.

    The iterations take no memory. Parameters, derivatives of the solution and errors are those of :func:`root` and
    :func:`scipy.optimize.fixed_point`.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> def babylonian(x, a):
    ...     return (x + a / x) / 2
    >>> float(fixed_point(babylonian, 1.0, (2.0,)))
    1.414214
    >>> float(ag.grad(lambda a: fixed_point(babylonian, 1.0, (a,)))(2.0))  # 1 / (2 sqrt(2))
    0.353553
    """

    def solve(start: Any, args: Any) -> Any:
        x = scipy.optimize.fixed_point(plain(func), start, args, xtol, maxiter, method)
        return x, np.asarray(x), ""

    problem = _equation("fixed_point", lambda x, *args: x - operand(func(x, *args)), solve)
    result, x = solved(problem, x0, as_args(args), lambda: operand(x0))
    return x if isinstance(x, Tensor) else result
