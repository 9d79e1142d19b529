"""A function as one operation of a traced program: it runs on arrays whenever the program does, not on traced values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.context import changed
from ..engine.operands import raw
from ..tensor import Tensor
from .function import Function
from .grad import vjp


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
            with changed(recording=True, group=None, watcher=None, values=None, outside=None):
                y = f(*map(raw, xs))
            return tuple(map(Tensor, y)) if isinstance(y, tuple) else Tensor(y)

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

                return vjp(of_floats, *(values[k] for k in floats))[1](values[n] if len(gs) == 1 else values[n:])

            gs = tuple(g if g._node is not None else raw(g) for g in gs)  # a constant is an array
            cotangents = iter(Opaque.apply(pulled, *xs, *gs))
            return None, *(next(cotangents) if k in floats else None for k in range(n))

    Opaque.__name__ = name
    return Opaque
