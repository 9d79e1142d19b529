"""From an operator on functions of one argument to one on functions of several."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .util import subvals

Function = Callable[..., Any]


def unary_to_nary(unary_operator: Function) -> Function:
    """Let ``op(fun, x)`` become ``op(fun, argnum=0)(*args)``; a tuple of `argnum` gives a tuple of results."""

    @wraps(unary_operator)
    def operator(fun: Function, argnum: int | tuple[int, ...] | list[int] = 0, *op_args: Any, **op_params: Any) -> Any:
        if type(argnum) not in (int, tuple, list):
            raise TypeError(f"{unary_operator.__name__}: argnum must be an int, a tuple or a list, not {argnum!r}")
        argnums = [argnum] if isinstance(argnum, int) else list(argnum)

        def of_several(*args: Any, **params: Any) -> Any:
            def of_one(x: Any) -> Any:
                parts = [x] if isinstance(argnum, int) else x
                return fun(*subvals(args, zip(argnums, parts, strict=True)), **params)

            x = tuple(args[k] for k in argnums)
            x = x[0] if isinstance(argnum, int) else x
            of_one.__name__ = get_name(fun)
            return unary_operator(of_one, x, *op_args, **op_params)

        of_several.__name__ = f"{get_name(unary_operator)}_of_{get_name(fun)}_wrt_argnum_{argnum}"
        of_several.__doc__ = getattr(fun, "__doc__", None)
        return of_several

    return operator


def get_name(fun: Any) -> str:
    return str(getattr(fun, "__name__", "[unknown name]"))


__all__ = ["get_name", "unary_to_nary", "wraps"]
