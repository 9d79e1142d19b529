"""HIPS's checks of derivatives, in one random direction; :mod:`autograd_lite.testing` has stricter ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from .core import make_jvp, make_vjp, vspace
from .differential_operators import get_name, unary_to_nary

TOL = RTOL = EPS = 1e-6

Function = Callable[..., Any]


@unary_to_nary
def check_grads(f: Function, x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    """Compare the derivatives of `f` with finite differences, and those of its derivatives.

    Raises
    ------
    AssertionError
        If one of them is wrong.
    ValueError
        If a mode is not "fwd" or "rev".
    """
    if not {"fwd", "rev"}.issuperset(modes):
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', not {modes}")
    for mode, check in (("fwd", check_jvp), ("rev", check_vjp)):
        if mode in modes:
            check(f, x)
            if order > 1:

                def derivative(x: Any, v: Any, mode: str = mode) -> Any:
                    return make_jvp(f, x)(v)[1] if mode == "fwd" else make_vjp(f, x)[0](v)

                derivative.__name__ = f"{check.__name__[-3:]}_{get_name(f)}"
                check_grads(derivative, (0, 1), modes, order - 1)(x, vspace(x if mode == "fwd" else f(x)).randn())


def _slope(f: Function, x: Any, v: Any) -> Any:
    """The derivative of `f` in the direction `v`, as a difference of values."""
    space = vspace(x)
    y1, y0 = (f(space.add(x, space.scalar_mul(v, step))) for step in (EPS / 2, -EPS / 2))
    of_y = vspace(y1)
    return of_y.scalar_mul(of_y.add(y1, of_y.scalar_mul(y0, -1.0)), 1 / EPS)


def check_vjp(f: Function, x: Any) -> None:
    """Compare the derivative of `f` in reverse mode with a finite difference, in one random direction."""
    vjp, y = make_vjp(f, x)
    of_x, of_y = vspace(x), vspace(y)
    v, w = of_x.randn(), of_y.randn()
    g = of_x.covector(vjp(of_y.covector(w)))
    if vspace(g) != of_x:
        raise AssertionError(f"the gradient of {get_name(f)} is in {vspace(g)}, its argument in {of_x}")
    exact, measured = of_x.inner_prod(v, g), of_y.inner_prod(w, _slope(f, x, v))
    if not scalar_close(measured, exact):
        raise AssertionError(
            f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\nanalytic: {exact}\nnumeric:  {measured}"
        )


def check_jvp(f: Function, x: Any) -> None:
    """Compare the derivative of `f` in forward mode with a finite difference, in one random direction."""
    v = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(v)[1], _slope(f, x, v))


def check_equivalent(x: Any, y: Any) -> None:
    """Raise AssertionError unless two values are of the same shapes and dtypes, and equal in a random direction."""
    space = vspace(x)
    if space != vspace(y):
        raise AssertionError(f"values in other spaces: {space} and {vspace(y)}")
    v = space.randn()
    if not scalar_close(space.inner_prod(x, v), space.inner_prod(y, v)):
        raise AssertionError(f"different values:\n{x}\n{y}")


def scalar_close(a: Any, b: Any) -> bool:
    """True if two numbers are equal up to 1e-6, absolutely or relatively."""
    return bool(abs(a - b) < TOL or abs(a - b) < RTOL * abs(a + b))


def combo_check(fun: Function, *args: Any, **params: Any) -> Callable[..., None]:
    """`check_grads` for every combination of lists of arguments and of keyword parameters."""

    def check(*lists: Sequence[Any], **keywords: Sequence[Any]) -> None:
        for values in product(*lists):
            for words in product(*keywords.values()):
                check_grads(fun, *args, **params)(*values, **dict(zip(keywords, words, strict=True)))

    return check


def quick_grad_check(fun: Function, arg0: Any, extra_args: Sequence[Any] = (), kwargs: Any = None, **rest: Any) -> None:
    """The deprecated form of `check_grads`; the tolerances in `rest` are not used."""
    warnings.warn("quick_grad_check is deprecated: use check_grads", stacklevel=2)
    check_grads(fun, modes=["rev"], order=1)(arg0, *extra_args, **(kwargs or {}))
