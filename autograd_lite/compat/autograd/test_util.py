"""HIPS's checks of derivatives, in one random direction; :mod:`autograd_lite.testing` has stricter ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from .core import make_jvp, make_vjp, vspace
from .wrap_util import get_name, unary_to_nary

TOL = EPS = 1e-6

Function = Callable[..., Any]


@unary_to_nary
def check_grads(f: Function, x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    """Compare the derivatives of `f` with finite differences, and those of its derivatives.

    Raises
    ------
    AssertionError
        If one of them is wrong.
    """
    if "fwd" in modes:
        check_jvp(f, x)
        if order > 1:
            derivative = _named(f"jvp_{get_name(f)}", lambda x, v: make_jvp(f, x)(v)[1])
            check_grads(derivative, (0, 1), modes, order - 1)(x, vspace(x).randn())
    if "rev" in modes:
        check_vjp(f, x)
        if order > 1:
            derivative = _named(f"vjp_{get_name(f)}", lambda x, v: make_vjp(f, x)[0](v))
            check_grads(derivative, (0, 1), modes, order - 1)(x, vspace(f(x)).randn())


def _named(name: str, f: Function) -> Function:
    f.__name__ = name
    return f


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
    return bool(abs(a - b) < TOL or abs(a - b) < TOL * abs(a + b))


def combo_check(fun: Function, *args: Any, **params: Any) -> Callable[..., None]:
    """`check_grads` for every combination of lists of arguments and of keyword parameters."""

    def check(*lists: Sequence[Any], **keywords: Sequence[Any]) -> None:
        for values in product(*lists):
            for words in product(*keywords.values()):
                check_grads(fun, *args, **params)(*values, **dict(zip(keywords, words, strict=True)))

    return check
