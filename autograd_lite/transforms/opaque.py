"""A function as one operation of a traced program: it runs on arrays whenever the program does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..base.tree import leaves
from ..engine.context import apart
from ..engine.node import TRACED, ancestors
from ..engine.operands import raw
from ..engine.value import live_of
from ..engine.versions import next_order
from ..tensor import Tensor
from .function import Function, is_computed
from .grad import vjp


def check_captured(name: str, f: Callable[[], Any]) -> None:
    """Raise if `f`, which an opaque operation will call, uses a value of the traced program that is no operand of it.

    What requires gradients is such a value too: its gradient would be lost. Arrays from outside are not: `f` reads them
    whenever it runs.
    """
    start = next_order()
    with apart(recording=True):
        results = [y for y in leaves(f()) if isinstance(y, Tensor)]
    nodes = ancestors((y._node for y in results if y._node is not None), TRACED)
    if any(live_of(y) > TRACED for y in results) or any(is_computed(n, start) for n in nodes):
        raise RuntimeError(
            f"{name}: in a traced program the function uses a tensor that is not among its arguments; pass it in args="
        )


@cache
def opaque(name: str) -> type[Function]:
    """An operation that calls a function: ``opaque("odeint").apply(f, *operands)`` is ``f(*operands)``.

    Its backward pass is such an operation too, and differentiates `f` anew whenever the program runs. So what `f`
    decides from values, such as the sizes of steps, is decided at each call.

    Parameters
    ----------
    name : str
        In programs, pictures and messages.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> halved = opaque("halved")
    >>> f = ag.jit(lambda x: halved.apply(lambda x: x / 2 if x > 1 else x, x))  # a branch on a value
    >>> float(f(4.0)), float(f(0.5)), float(ag.grad(f)(4.0))
    (2.0, 0.5, 0.5)
    """

    class Opaque(Function):
        @staticmethod
        def forward(ctx: Any, f: Any, *xs: Any) -> Any:
            ctx.f, ctx.xs = f, tuple(None if isinstance(x, Tensor) else x for x in xs)
            ctx.save_for_backward(*(x for x in xs if isinstance(x, Tensor)))
            with apart(recording=True):
                y = f(*map(raw, xs))
            return tuple(Tensor(raw(part)) for part in y) if isinstance(y, tuple) else Tensor(raw(y))

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            f, n, saved = ctx.f, len(ctx.xs), iter(ctx.saved_tensors)
            xs = [next(saved) if x is None else x for x in ctx.xs]
            floats = [k for k, x in enumerate(xs) if np.result_type(raw(x)).kind in "fc"]

            def pulled(*values: Any) -> Any:
                def of_floats(*some: Any) -> Any:
                    at = list(values[:n])
                    for k, x in zip(floats, some, strict=True):
                        at[k] = x
                    return f(*at)

                pull = vjp(of_floats, *(values[k] for k in floats))[1]
                cotangents = pull(values[n] if len(gs) == 1 else values[n:])
                return cotangents if len(floats) > 1 else cotangents[0]

            gs = tuple(g if g._node is not None else raw(g) for g in gs)  # a constant is an array
            results = Opaque.apply(pulled, *xs, *gs)
            cotangents = iter(results if len(floats) > 1 else (results,))
            return None, *(next(cotangents) if k in floats else None for k in range(n))

    Opaque.__name__ = name
    return Opaque
