"""Compare a hand-written derivative with finite differences: a vjp, a jvp, a Jacobian, a Hessian.

Nothing here needs this library's Tensors. Pass a function on NumPy arrays (wrap a function of another library's arrays)
and its derivative. Each ``check_*`` returns a :class:`~autograd_lite.testing.Report`; each ``assert_*`` raises if that
report has findings. Arguments and results may be nested dicts, lists and tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.base.tree import leaves
from autograd_lite.testing.case import (
    align,
    cotangent_like,
    finish,
    prepare,
    present,
    pull_safely,
    stacked,
    tangent_out,
)
from autograd_lite.testing.compare import MARGIN, Case, compare_jacobian, compare_jvp, compare_vjp, rounding_of
from autograd_lite.testing.examples import at_points
from autograd_lite.testing.leaves import Array, Tree, as_array
from autograd_lite.testing.numeric import CannotCheck, numerical_gradient, reals
from autograd_lite.testing.report import Report, name_of, named_like


def check_vjp(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
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
    case = prepare(
        f,
        inputs,
        domain=domain,
        rtol=rtol,
        atol=atol,
        seed=seed,
        call=f"assert_vjp({name_of(f)}, {name_of(vjp)}, {{inputs}})",
    )
    g = cotangent_like(case.y, case.rng) if cotangent is None else cotangent
    what = "the gradient"
    args = case.flat.arguments(case.flat.x.copy(), wide=False)
    result = pull_safely(case, lambda g: vjp(g, *args), g, what)
    if result is None and not case.report.ok:
        return finish(case)
    arrays = align(case, result, what, exact_dtype)

    again = _at(case, lambda *args: vjp(g, *args), what)
    compare_vjp(case, stacked(case, arrays), reals(g), what, present(case, arrays), again)
    return finish(case)


def _at(case: Case, derivative: Callable[..., Any], what: str) -> Callable[[Array], Array]:
    """A derivative with respect to all arguments as a function of the flat point, to measure its rounding."""
    unread = replace(case, report=Report(case.report.function))  # its shapes and dtypes have been reported already
    return lambda x: stacked(case, align(unread, derivative(*case.flat.arguments(x, wide=False)), what, False))


def assert_vjp(
    f: Callable[..., Any], vjp: Callable[..., Any], *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_vjp`, which takes the same arguments, finds an error.

    Hypothesis draws the points if inputs are strategies, or `args`, one for the whole tuple; the result is then None.
    `examples` is how many it tries: 50, or as many as the current Hypothesis profile has. So it is in the other
    ``assert_*``.

    >>> import numpy as np
    >>> report = assert_vjp(np.matmul, lambda g, a, b: (g @ b.T, a.T @ g), np.ones((2, 3)), np.eye(3))
    """
    report: Report | None = at_points(partial(check_vjp, f, vjp, **options), inputs, args, examples)
    return report


def check_jvp(
    f: Callable[..., Any],
    jvp: Callable[..., Any],
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
    case = prepare(f, inputs, domain=domain, rtol=rtol, atol=atol, seed=seed, call=call)
    again = partial(tangent_out, case, jvp)
    compare_jvp(case, partial(again, case.flat.x), again=again)
    return finish(case)


def assert_jvp(
    f: Callable[..., Any], jvp: Callable[..., Any], *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_jvp` finds an error.

    >>> import numpy as np
    >>> bool(assert_jvp(np.sin, lambda x, v: (np.cos(x[0]) * v[0]), np.array([0.5])))
    True
    """
    report: Report | None = at_points(partial(check_jvp, f, jvp, **options), inputs, args, examples)
    return report


def check_jac(
    f: Callable[..., Any],
    jac: Callable[..., Any] | bool,
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
    case = prepare(
        value,
        inputs,
        domain=domain,
        rtol=rtol,
        atol=atol,
        seed=seed,
        call=f"assert_jac({name_of(f)}, {jac if jac is True else name_of(derivative)}, {{inputs}})",
    )
    if any(leaf.dtype.kind == "c" for leaf in case.flat.leaves) or as_array(leaves(case.y)[0]).dtype.kind == "c":
        raise CannotCheck("a complex function has no single Jacobian: use check_vjp or check_jvp")
    shape = as_array(leaves(case.y)[0]).shape
    jacobian = derivative(*case.flat.arguments(case.flat.x.copy(), wide=False))
    what = "the gradient" if shape == () else "the Jacobian"
    arrays = align(case, jacobian, what, False, shape)
    if shape == ():
        again = _at(case, derivative, what)
        compare_vjp(case, stacked(case, arrays), np.ones(1), what, present(case, arrays), again)
    else:
        compare_jacobian(case, _matrices(case, arrays), again=_along(case, derivative, what, shape))
    return finish(case)


def _matrices(case: Case, arrays: list[Array | None]) -> list[Array | None]:
    """Jacobians with one axis of outputs and one of entries."""
    return [None if a is None else a.reshape(case.base.size, -1) for a in arrays]


def _along(
    case: Case, derivative: Callable[..., Any], what: str, lead: tuple[int, ...]
) -> Callable[[Array, Array], Array]:
    """A Jacobian times a direction as a function of the flat point, to measure its rounding."""
    unread = replace(case, report=Report(case.report.function))

    def along(x: Array, v: Array) -> Array:
        arrays = align(unread, derivative(*case.flat.arguments(x, wide=False)), what, False, lead)
        total = np.zeros(case.base.size)
        for leaf, matrix in zip(case.flat.leaves, _matrices(case, arrays), strict=True):
            if matrix is not None:
                total += matrix @ v[leaf.start : leaf.stop]
        return total

    return along


def assert_jac(
    f: Callable[..., Any], jac: Callable[..., Any] | bool, *inputs: Any, args: Any = None, examples: int | None = None,
    **options: Any,
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_jac` finds an error.

    >>> import numpy as np
    >>> bool(assert_jac(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([1.0, 2.0])))
    True
    """
    report: Report | None = at_points(partial(check_jac, f, jac, **options), inputs, args, examples)
    return report


def check_hessian(
    f: Callable[..., Any],
    hess: Callable[..., Any] | None,
    x: Any,
    *,
    jac: Callable[..., Any] | None = None,
    hessp: Callable[..., Any] | None = None,
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
    jac : callable, optional
        The gradient: its differences are much more accurate than differences of differences. It is checked first.
    hessp : callable, optional
        ``hessp(x, p)``, the Hessian times `p`, as in ``scipy.optimize``.

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
    case = prepare(gradient, (x,), domain=domain, rtol=rtol, atol=atol, seed=seed, call=call)
    case.report.function = name_of(f)
    if jac is None:
        case.flat.eps = max(case.flat.eps, 1e-11)  # the gradient is itself measured: this is its rounding
    if hess is not None:
        what = "the Hessian"
        (h,) = align(case, (hess(x),), what, False, as_array(x).shape)
        if h is not None:
            square = h.reshape(case.flat.x.size, -1)
            compare_jacobian(case, [square], what, _along(case, hess, what, as_array(x).shape))
            _symmetric(case, square, what, hess)
    if hessp is not None:
        (leaf,) = case.flat.leaves

        def product(at: Array, p: Array) -> Array:
            return reals(hessp(leaf.array(at), leaf.array(p)))

        compare_jvp(case, partial(product, case.flat.x), "the Hessian times p", again=product)
    return finish(case)


def _symmetric(case: Case, h: Array, what: str, hess: Callable[..., Any]) -> None:
    off = np.abs(h - h.T)
    allowed = 64 * case.tolerance.rtol * np.abs(h).max(initial=0)
    if case.report.ok and off.max(initial=0) > allowed:
        def skew(x: Array) -> Array:
            other = as_array(hess(case.flat.leaves[0].array(x))).reshape(h.shape)
            return reals(other - other.T)

        allowed += MARGIN * rounding_of(case, skew)().max(initial=0)
    if case.report.ok and off.max(initial=0) > allowed:
        i, j = np.unravel_index(int(np.argmax(off)), off.shape)
        here, there = f"{h[i, j]:.6g} at [{i}, {j}] (flat)", f"{h[j, i]:.6g} at [{j}, {i}]"
        case.report.add(what, f"is not symmetric: {here}, {there}", leaf=case.flat.leaves[0])


def assert_hessian(
    f: Callable[..., Any], hess: Callable[..., Any] | None, x: Any, *, examples: int | None = None, **options: Any
) -> Report | None:
    """Raise :class:`GradientError` if :func:`check_hessian` finds an error; `x` may be a strategy.

    >>> import numpy as np
    >>> report = assert_hessian(lambda x: np.sum(x**3), lambda x: np.diag(6 * x), np.array([1.0, 2.0]))
    >>> bool(report)
    True
    """
    report: Report | None = at_points(partial(check_hessian, f, hess, **options), (x,), examples=examples)
    return report
