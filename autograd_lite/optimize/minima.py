"""Minima: `minimize`, and the conditions that a minimum with bounds and constraints satisfies.

Source: A. V. Fiacco, "Introduction to sensitivity and stability analysis in nonlinear programming" (1983), chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

from ..base.tree import tree_map
from ..engine.node import Function, Params
from ..engine.operands import raw
from ..rules._arrays import operand
from ..sparse import sparse_hessian
from ..tensor import Tensor
from ..transforms.grad import grad, value_and_grad
from ..transforms.jacobian import hessian, hvp, jacobian
from .implicit import LARGE, Problem, as_args, constant, first, if_it_pays, jacobian_of, plain, quiet, solved, vector

_WITH_PRODUCT = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_WITH_HESSIAN = {"dogleg", "trust-exact", "trust-constr"}
_WITH_GRADIENT = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp", "custom"} | _WITH_PRODUCT | _WITH_HESSIAN

ACCURATE = 1e-7  # a distance from the boundary, relative to x, that no solver can tell from zero


def minimize(
    fun: Function, x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
    hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: float | None = None, callback: Any = None,
    options: Any = None,
) -> Any:
    """The minimum of a function, ``fun(x, *args)``: SciPy's function, with derivatives.

    Each method gets the exact derivatives that it can use: the gradient, the Hessian or products with it, and those of
    the constraints. The minimum has derivatives of any order with respect to `args`, the ``"args"`` of constraints, and
    Tensors that the functions capture; none with respect to `x0`. A bound or constraint that is active stays active.

    Parameters
    ----------
    fun : callable
        Written in NumPy; returns one number.
    args : tuple
        Further arguments of `fun`: numbers, arrays or Tensors, or trees of them.
    x0, method, jac, hess, hessp, bounds, constraints, tol, callback, options
        See :func:`scipy.optimize.minimize`; derivatives that are passed replace the exact ones.

    Returns
    -------
    OptimizeResult
        Its `x` and `fun` are Tensors if something that they depend on requires gradients.

    Raises
    ------
    LinAlgError, RuntimeError
        When a derivative is taken, if there is none: the Hessian (with constraints, the matrix of the
        Karush-Kuhn-Tucker conditions) is singular, the multiplier of an active inequality is zero, the minimum is at a
        kink, or the solver has not converged.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def nearest(p):  # point of a line
    ...     on_it = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1}
    ...     return minimize(lambda x, p: np.sum((x - p) ** 2), [0.0, 0.0], args=(p,), constraints=on_it).x
    >>> nearest(np.array([2.0, 0.0])).round(6)
    array([ 1.5, -0.5])
    >>> ag.jacobian(nearest)(np.array([2.0, 0.0])).round(6)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    if np.result_type(raw(operand(x0))).kind == "c":
        raise TypeError("minimize: x0 is complex; minimize over its real and imaginary parts")
    f = first(fun) if jac is True else fun
    bounds = constant("minimize: bounds=", bounds if bounds is None or hasattr(bounds, "lb") else list(bounds))
    alone = isinstance(constraints, dict) or hasattr(constraints, "lb")
    listed = [constraints] if alone else [] if constraints is None else list(constraints)
    every = [_read(c, k) for k, c in enumerate(listed)] + ([] if bounds is None else [within(bounds)])
    tree = (as_args(args), [as_args(c.get("args", ())) if isinstance(c, dict) else () for c in listed])
    chosen = str(method or ("slsqp" if listed else "l-bfgs-b" if bounds is not None else "bfgs")).lower()
    chosen = "custom" if callable(method) else chosen
    both = jac is None and chosen in _WITH_GRADIENT
    g = fun if jac is True else plain(f, value_and_grad) if both else plain(f)

    def solve(start: Any, tree: Any) -> Any:
        passed = [_exact(listed[k], every[k], tree[1][k], chosen) for k in range(len(listed))]
        second = {"hess": hess, "hessp": hessp}
        if hess is None and hessp is None:
            second = _second(f, chosen, start, tree[0])
        result = scipy.optimize.minimize(
            g, start, tree[0], method, True if both else jac, **second, bounds=bounds, constraints=passed, tol=tol,
            callback=callback, options=options,
        )
        return result, result.x, "" if result.success else str(result.message)

    problem = minimum("minimize", lambda x, tree: f(x, *tree[0]), solve, every)
    result, x = solved(problem, x0, tree, lambda: np.atleast_1d(np.asarray(raw(x0), float)))
    if isinstance(x, Tensor):
        result.update(x=x, fun=np.sum(operand(f(x, *tree[0]))))  # some functions return an array of one number
    return result


def _second(f: Function, method: str, start: Any, args: Any) -> Params:
    """The second derivatives that a method can use."""
    if method == "trust-constr" and (sparse := if_it_pays(sparse_hessian(f), start, *args)):
        return {"hess": sparse}
    if method in _WITH_HESSIAN and not (method in _WITH_PRODUCT and np.size(start) >= LARGE):
        return {"hess": plain(f, hessian)}
    return {"hessp": plain(f, hvp)} if method in _WITH_PRODUCT else {}


# --------------------------------------------------------------------------------------- bounds and constraints


class Constraint(NamedTuple):
    """``lower <= f(x, *args) <= upper``, entry by entry; `args` is in the tree of `minimize`, in place `k`."""

    f: Function
    lower: Any
    upper: Any
    k: int | None = None

    def values(self, x: Any, tree: Any) -> Any:
        return vector(self.f)(x, *(() if self.k is None else tree[1][self.k]))


def within(bounds: Any) -> Constraint:
    """Bounds as a constraint; a sequence of pairs, or SciPy's `Bounds`."""
    if hasattr(bounds, "lb"):
        return Constraint(lambda x: x, bounds.lb, bounds.ub)
    lower, upper = np.array([[-np.inf if a is None else a, np.inf if b is None else b] for a, b in bounds], float).T
    return Constraint(lambda x: x, lower, upper)


def _read(c: Any, k: int) -> Constraint:
    if isinstance(c, dict):
        kind = str(c.get("type")).lower()
        if kind not in ("eq", "ineq"):
            raise ValueError(f"minimize: expected a constraint of type 'eq' or 'ineq', got {c.get('type')!r}")
        if not callable(c.get("fun")):
            raise TypeError(f"minimize: constraint {k} has no function 'fun'")
        return Constraint(c["fun"], 0.0, 0.0 if kind == "eq" else np.inf, k)
    if not hasattr(c, "lb"):
        raise TypeError(f"minimize: constraint {k} is {c!r}; expected a dict or one of SciPy's constraints")
    lower, upper = (constant("minimize: the bounds of a constraint", side) for side in (c.lb, c.ub))
    if hasattr(c, "A"):
        matrix = c.A.toarray() if hasattr(c.A, "toarray") else np.atleast_2d(c.A)
        return Constraint(lambda x: matrix @ x, lower, upper, k)
    return Constraint(c.fun, lower, upper, k)


def _exact(c: Any, read: Constraint, args: Any, method: str) -> Any:
    """A constraint for SciPy, with exact derivatives unless it has its own."""
    if hasattr(c, "A"):
        return c
    jac = c.get("jac") if isinstance(c, dict) else c.jac
    if isinstance(c, dict) and method != "trust-constr":
        return {**c, "fun": plain(vector(read.f)), "args": args, "jac": jac or jacobian_of(read.f)}

    def f(x: Any) -> Any:
        return vector(read.f)(x, *args)

    options: Params = {"jac": (lambda x: jac(x, *args)) if callable(jac) else jacobian_of(f)}
    if not isinstance(c, dict):
        options["keep_feasible"] = c.keep_feasible
    if method == "trust-constr":
        curvature = plain(lambda x, v: f(x) @ v, hessian)
        options["hess"] = c.hess if callable(getattr(c, "hess", None)) else lambda x, v: curvature(x, np.asarray(v))
    return scipy.optimize.NonlinearConstraint(plain(f), read.lower, read.upper, **options)


def minimum(
    name: str, objective: Callable[[Any, Any], Any], solve: Function, constraints: Sequence[Constraint] = (),
) -> Problem:
    """The minimum of ``objective(x, tree)``: its gradient is zero, or that of the Lagrangian is."""

    def f(x: Any, tree: Any) -> Any:
        return np.sum(operand(objective(x, tree)))

    def values(x: Any, tree: Any) -> Any:
        return [f(x, tree), *(c.values(x, tree) for c in constraints)]

    def system(x: Any, tree: Any) -> Any:
        with quiet():
            chosen = _active(name, f, constraints, raw(x), tree_map(raw, tree))
        if not chosen.size:
            return x, grad(f)
        n = x.size

        def binding(x: Any, tree: Any) -> Any:
            return np.concatenate([c.values(x, tree) for c in constraints])[chosen]

        boundary, normals = raw(binding(x, tree)), jacobian(binding)(x, tree)
        multipliers = -np.linalg.pinv(normals.T) @ grad(f)(x, tree)

        def lagrangian(z: Any, tree: Any) -> Any:
            return f(z[:n], tree) + z[n:] @ (binding(z[:n], tree) - boundary)

        return np.concatenate([x, multipliers]), grad(lagrangian)

    return Problem(name, solve, values, system, "forward", "argmin f", "∇f")


def _active(
    name: str, f: Callable[[Any, Any], Any], constraints: Sequence[Constraint], x: Any, tree: Any,
) -> Any:
    """The numbers of the constraints, entry by entry, that stay equations nearby.

    An inequality is active if its multiplier outweighs the distance from the boundary, both measured as a change of x.
    Where neither clearly does, the minimum may leave the boundary for a change in one direction.
    """
    if not constraints:
        return np.array([], int)
    values = [np.asarray(c.values(x, tree)) for c in constraints]
    at, of = np.concatenate(values), [(c, j) for c, v in zip(constraints, values, strict=True) for j in range(v.size)]
    lower, upper = (
        np.concatenate([np.broadcast_to(getattr(c, side), v.shape) for c, v in zip(constraints, values, strict=True)])
        for side in ("lower", "upper")
    )
    normals = np.concatenate([jacobian(c.values)(x, tree) for c in constraints])
    tiny = np.finfo(float).tiny
    lengths = np.maximum(np.linalg.norm(normals, axis=1), tiny)
    units = normals / lengths[:, None]
    wide = np.max(np.abs(x), initial=0) or 1.0
    distance = np.abs(np.minimum(at - lower, upper - at)) / lengths
    equal = lower == upper
    near = equal | (distance < 1e-3 * wide)
    slope = grad(f)(x, tree)
    multipliers = np.linalg.lstsq(units[near].T, -slope, rcond=None)[0]
    forces = units @ (slope + units[near].T @ multipliers)  # what is left over, at those that are not near
    forces[near] = multipliers
    reach = np.abs(forces) / max(np.linalg.norm(hessian(f)(x, tree)), tiny)
    most, least = np.maximum(distance, reach), np.minimum(distance, reach)
    unclear = np.where(near, (most < ACCURATE * wide) | (10 * least > most), 10 * reach > distance) & ~equal
    active = near & (reach > distance)
    wrong = active & ((forces > 0) == (upper - at > at - lower)) & ~equal
    for k in np.flatnonzero(unclear | wrong)[:1]:
        c, j = of[k]
        where = f"the bound of x[{j}]" if c.k is None else f"entry {j} of constraint {c.k}"
        why = (
            f"there is no derivative at the solution x={x}: the multiplier of {where} is zero within the accuracy of "
            "the solver, so the solution may leave the boundary for a change in one direction only. Change the problem "
            "slightly, or tighten tol="
            if unclear[k] else
            f"the solution x={x} is no minimum: the function decreases away from the boundary of {where}"
        )
        raise RuntimeError(f"{name}: {why}")
    return np.flatnonzero(active | equal)
