"""Compare a hand-written derivative with finite differences: a vjp, a jvp, a Jacobian, a Hessian.

Nothing here needs this library's Tensors. Pass a function on NumPy arrays (wrap a function of another library's arrays)
and its derivative. Each ``check_*`` returns a :class:`~autograd_lite.testing.Report`; each ``assert_*`` raises if that
report has findings. Arguments and results may be nested dicts, lists and tuples.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..base.tree import leaves
from .case import by_leaf, check_pull, cotangent_like, finish, in_form, prepare, stacked, tangent_of
from .compare import MARGIN, Case, compare_columns, compare_jvp, rounding_of
from .examples import at_points
from .leaves import Array, Function, Shape, Tree, as_array
from .numeric import CannotCheck, numerical_gradient, reals
from .report import Report, name_of, named_like


def check_vjp(
    f: Function,
    vjp: Function,
    *inputs: Any,
    cotangent: Tree = None,
    domain: Any = None,
    rtol: Any = None,
    atol: Any = None,
    exact_dtype: bool = True,
    seed: int = 0,
) -> Report:
    """Compare ``vjp(g, *inputs)``, a hand-written gradient of ``<g, f(*inputs)>``, with finite differences.

    Parameters
    ----------
    f : callable
        A function of NumPy arrays, or nested dicts, lists and tuples of them; so is its result.
    vjp : callable
        Takes the cotangent `g` (of the shape of f's result) and the inputs. Returns the gradient, or for several
        inputs a tuple with one for each (None for an input without a derivative).
    *inputs
        The point. Integers, booleans, strings and functions are passed on as constants.
    cotangent : optional
        The `g` to use; random by default.
    domain : optional
        Where `f` may be evaluated: ``(low, high)``, or one of these for each input.
    rtol, atol : float or dict of float by dtype name, optional
        The default depends on the dtype: :data:`autograd_lite.testing.compare.RTOL`, and no absolute tolerance
        except for rounding.
    exact_dtype : bool
        Whether a gradient must have its argument's dtype.
    seed : int
        Of the random cotangents and directions.

    Returns
    -------
    Report
        True when nothing is wrong.

    Raises
    ------
    CannotCheck
        If nothing can be checked: no floating input, nan at the point, `f` draws random numbers or changes its inputs.

    Examples
    --------
    >>> import numpy as np
    >>> bool(check_vjp(np.sin, lambda g, x: g * np.cos(x), np.array([0.0, 1.0])))
    True
    >>> print(check_vjp(np.sin, lambda g, x: -g * np.cos(x), np.array([0.5])).findings[0].cause)
    the sign is wrong
    """
    call = f"assert_vjp({name_of(f)}, {name_of(vjp)}, {{inputs}})"
    case = prepare(f, inputs, domain, rtol, atol, seed, call)
    _compare_gradient(case, vjp, cotangent_like(case.y, case.rng) if cotangent is None else cotangent, exact_dtype)
    return finish(case)


def _compare_gradient(case: Case, vjp: Function, g: Tree, exact_dtype: bool) -> None:
    def gradient(x: Array, g: Tree) -> list[Any]:
        return by_leaf(case, vjp(g, *case.flat.arguments(x)), "the gradient")

    pull = partial(gradient, case.flat.x.copy())
    check_pull(case, pull, g, "the gradient", lambda x: stacked(case, gradient(x, g)), exact_dtype)


def assert_vjp(
    f: Function, vjp: Function, *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_vjp`, which takes the same arguments, finds an error.

    Hypothesis draws the points if inputs are strategies, or `args`, one for the whole tuple; the result is then None.
    `examples` is how many it tries: 50, or as many as the current Hypothesis profile has. So it is in the other
    ``assert_*``.

    >>> import numpy as np
    >>> report = assert_vjp(np.matmul, lambda g, a, b: (g @ b.T, a.T @ g), np.ones((2, 3)), np.eye(3))
    """
    return at_points(partial(check_vjp, f, vjp, **options), inputs, args, examples)


def check_jvp(
    f: Function,
    jvp: Function,
    *inputs: Any,
    domain: Any = None,
    rtol: Any = None,
    atol: Any = None,
    seed: int = 0,
) -> Report:
    """Compare ``jvp(primals, tangents)``, a hand-written directional derivative, with finite differences.

    `primals` and `tangents` are tuples with one tree for each input (None as the tangent of a constant); the
    result has the shape of ``f(*primals)``. The other arguments are those of :func:`check_vjp`.

    >>> import numpy as np
    >>> product_rule = lambda x, v: v[0] * x[1] + x[0] * v[1]
    >>> bool(check_jvp(np.multiply, product_rule, np.array([1.0, 2.0]), np.array(3.0)))
    True
    """
    call = f"assert_jvp({name_of(f)}, {name_of(jvp)}, {{inputs}})"
    case = prepare(f, inputs, domain, rtol, atol, seed, call)
    flat = case.flat

    def tangent(x: Array, v: Array) -> Array:
        return tangent_of(case, jvp(tuple(flat.arguments(x.copy())), flat.trees(v)))

    compare_jvp(case, tangent)
    return finish(case)


def assert_jvp(
    f: Function, jvp: Function, *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_jvp` finds an error.

    >>> import numpy as np
    >>> bool(assert_jvp(np.sin, lambda x, v: (np.cos(x[0]) * v[0]), np.array([0.5])))
    True
    """
    return at_points(partial(check_jvp, f, jvp, **options), inputs, args, examples)


def check_jac(
    f: Function,
    jac: Function | bool,
    *inputs: Any,
    domain: Any = None,
    rtol: Any = None,
    atol: Any = None,
    seed: int = 0,
) -> Report:
    """Compare a Jacobian with finite differences, or the gradient of a scalar function.

    ``jac(*inputs)`` returns, for each input, an array of shape ``f(x).shape + x.shape``; for a scalar `f`, that is the
    gradient. ``jac=True`` means that `f` returns the pair (value, jacobian), as in
    ``scipy.optimize.minimize``.

    >>> import numpy as np
    >>> from scipy.optimize import rosen, rosen_der
    >>> bool(check_jac(rosen, rosen_der, np.array([0.5, 1.0, -0.3])))
    True
    """
    if jac is True:
        pair = f
        value, derivative = named_like(lambda *args: pair(*args)[0], f), named_like(lambda *args: pair(*args)[1], f)
    elif callable(jac):
        value, derivative = f, jac
    else:
        raise TypeError(f"jac: expected a function, or True if f returns (value, jacobian); got {jac!r}")
    call = f"assert_jac({name_of(f)}, {jac if jac is True else name_of(derivative)}, {{inputs}})"
    case = prepare(value, inputs, domain, rtol, atol, seed, call)
    y = as_array(leaves(case.y)[0])
    if "c" in (y.dtype.kind, *(leaf.dtype.kind for leaf in case.flat.leaves)):
        raise CannotCheck("a complex function has no single Jacobian: use check_vjp or check_jvp")
    if y.shape:
        _compare_matrices(case, derivative, "the Jacobian", y.shape)
    else:
        _compare_gradient(case, lambda g, *args: derivative(*args), np.ones(()), False)
    return finish(case)


def _compare_matrices(case: Case, derivative: Function, what: str, lead: Shape) -> list[Any]:
    """Compare a Jacobian with one array for each leaf, the axes of the output first, and return it."""

    def matrices(x: Array) -> list[Any]:
        return by_leaf(case, derivative(*case.flat.arguments(x)), what)

    def times(values: list[Any], v: Array) -> Array:
        total = np.zeros(case.flat.base.size)
        for leaf, value in zip(case.flat.leaves, values, strict=True):
            moved = np.flatnonzero(v[leaf.part])
            if moved.size and value is not None:
                total += as_array(value).reshape(total.size, -1)[:, moved] @ v[leaf.part][moved]
        return total

    values = matrices(case.flat.x.copy())
    for leaf in in_form(case, values, what, False, lead):
        compare_columns(case, leaf, partial(times, values), lambda x, v: times(matrices(x), v), what)
    return values


def assert_jac(
    f: Function, jac: Function | bool, *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_jac` finds an error.

    >>> import numpy as np
    >>> bool(assert_jac(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([1.0, 2.0])))
    True
    """
    return at_points(partial(check_jac, f, jac, **options), inputs, args, examples)


def check_hessian(
    f: Function,
    hess: Function | None,
    x: Any,
    *,
    jac: Function | None = None,
    hessp: Function | None = None,
    domain: Any = None,
    rtol: Any = None,
    atol: Any = None,
    seed: int = 0,
) -> Report:
    """Compare the second derivative of a real scalar function of one array with finite differences.

    Parameters
    ----------
    f : callable
        ``f(x)`` is a real number.
    hess : callable or None
        ``hess(x)`` has shape ``x.shape + x.shape``.
    x : array_like
        The point.
    jac : callable, optional
        The gradient: its differences are much more accurate than differences of differences. It is checked first.
    hessp : callable, optional
        ``hessp(x, p)``, the Hessian times `p`, as in ``scipy.optimize``.
    domain, rtol, atol, seed
        As for :func:`check_vjp`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod
    >>> x = np.array([0.5, 1.0, -0.3])
    >>> bool(check_hessian(rosen, rosen_hess, x, jac=rosen_der, hessp=rosen_hess_prod))
    True
    """
    if hess is None and hessp is None:
        raise TypeError("nothing to check: pass hess(x), hessp=, or both")
    if jac is not None:
        first = check_jac(f, jac, x, domain=domain, rtol=rtol, atol=atol, seed=seed)
        if not first:
            return first
    value = as_array(f(x))
    if value.shape != () or value.dtype.kind == "c":
        raise CannotCheck(f"{name_of(f)} returns {value.dtype} of shape {value.shape}: a Hessian needs one real number")
    gradient = jac or named_like(lambda x: numerical_gradient(f, x, domain=domain)[0], f)
    call = f"assert_hessian({name_of(f)}, {name_of(hess) if hess else None}, {{inputs}})"
    case = prepare(gradient, (x,), domain, rtol, atol, seed, call)
    case.report.function = name_of(f)
    if jac is None:
        case.flat.eps = max(case.flat.eps, 1e-11)  # the gradient is itself measured: this is its rounding
    if hess is not None:
        [h] = _compare_matrices(case, hess, "the Hessian", as_array(x).shape)
        if case.report.ok and h is not None:
            _symmetric(case, as_array(h), hess)
    if hessp is not None:
        (leaf,) = case.flat.leaves
        compare_jvp(case, lambda at, p: reals(hessp(leaf.array(at), leaf.array(p))), "the Hessian times p")
    return finish(case)


def _symmetric(case: Case, hessian: Array, hess: Function) -> None:
    def skew(x: Array) -> Array:
        other = as_array(hess(*case.flat.arguments(x))).reshape(h.shape)
        return reals(other - other.T)

    h = hessian.reshape(case.flat.x.size, -1)
    off = np.abs(h - h.T)
    i, j = np.unravel_index(int(np.argmax(off)), off.shape)
    allowed = 64 * case.tolerance.rtol * np.abs(h).max()
    if off[i, j] > allowed and off[i, j] > allowed + MARGIN * rounding_of(case, skew).max():
        here, there = f"{h[i, j]:.6g} at [{i}, {j}] (flat)", f"{h[j, i]:.6g} at [{j}, {i}]"
        case.report.add("the Hessian", f"is not symmetric: {here}, {there}", leaf=case.flat.leaves[0])


def assert_hessian(
    f: Function, hess: Function | None, x: Any, *, examples: int | None = None, **options: Any
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_hessian` finds an error; `x` may be a strategy.

    >>> import numpy as np
    >>> report = assert_hessian(lambda x: np.sum(x**3), lambda x: np.diag(6 * x), np.array([1.0, 2.0]))
    >>> bool(report)
    True
    """
    return at_points(partial(check_hessian, f, hess, **options), (x,), examples=examples)
