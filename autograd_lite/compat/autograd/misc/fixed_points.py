"""Fixed points, differentiated by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import defvjp, primitive, vspace
from ..differential_operators import make_vjp

Function = Callable[..., Any]


@primitive
def fixed_point(f: Function, a: Any, x0: Any, distance: Function, tol: float) -> Any:
    """The limit of ``x = f(a)(x)`` from `x0`, up to ``distance(x, previous) <= tol``."""
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


def _vjp(ans: Any, f: Function, a: Any, x0: Any, distance: Function, tol: float) -> Function:
    pull_a, _ = make_vjp(lambda a, x: f(a)(x))(a, ans)

    def adjoint(arguments: Any) -> Function:
        """One step of the adjoint equation ``w = g + (df/dx)^T w``."""
        a, x, g = arguments
        pull_x, _ = make_vjp(f(a))(x)
        return lambda w: vspace(x).add(pull_x(w), g)

    return lambda g: pull_a(fixed_point(adjoint, (a, ans, g), vspace(ans).zeros(), distance, tol))


defvjp(fixed_point, None, _vjp, None)
