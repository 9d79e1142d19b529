"""HIPS's operators on functions, in its order of arguments: ``grad(fun, argnum=0)(*args)``."""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ...transforms.checkpoint import checkpoint
from . import core
from .core import vspace
from .numpy import reshape, stack, tensordot

Function = Callable[..., Any]


def subvals(x: Sequence[Any], ivs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """A tuple with other values in some places."""
    values = list(x)
    for i, v in ivs:
        values[i] = v
    return tuple(values)


def subval(x: Sequence[Any], i: int, v: Any) -> tuple[Any, ...]:
    """A tuple with another value in one place."""
    return subvals(x, [(i, v)])


def func(f: Function) -> Function:
    """`f` itself."""
    return f


def get_name(fun: Any) -> str:
    """The name of a function."""
    return str(getattr(fun, "__name__", "[unknown name]"))


def unary_to_nary(unary_operator: Function) -> Function:
    """Let ``op(fun, x)`` become ``op(fun, argnum=0)(*args)``; a tuple of `argnum` gives a tuple of results."""

    @wraps(unary_operator)
    def operator(fun: Function, argnum: int | tuple[int, ...] | list[int] = 0, *op_args: Any, **op_params: Any) -> Any:
        if type(argnum) not in (int, tuple, list):
            raise TypeError(f"{get_name(unary_operator)}: argnum must be an int, a tuple or a list, not {argnum!r}")

        def of_several(*args: Any, **params: Any) -> Any:
            def of_one(x: Any) -> Any:
                values = [(argnum, x)] if isinstance(argnum, int) else zip(argnum, x, strict=True)
                return fun(*subvals(args, values), **params)

            of_one.__name__ = get_name(fun)
            x = args[argnum] if isinstance(argnum, int) else tuple(args[k] for k in argnum)
            return unary_operator(of_one, x, *op_args, **op_params)

        of_several.__name__ = f"{get_name(unary_operator)}_of_{get_name(fun)}_wrt_argnum_{argnum}"
        what = f"{get_name(unary_operator)} of function {get_name(fun)}"
        of_several.__doc__ = f"    {what} with respect to argument number {argnum}."
        return of_several

    return operator


make_vjp, make_jvp = map(unary_to_nary, (core.make_vjp, core.make_jvp))


@unary_to_nary
def value_and_grad(fun: Function, x: Any) -> Any:
    """The value of a real scalar function, and its gradient."""
    vjp, ans = core.make_vjp(fun, x)
    space = vspace(ans)
    if space.size != 1:
        raise TypeError(
            "grad and value_and_grad only apply to real scalar-output functions. Try jacobian, elementwise_grad or "
            "holomorphic_grad."
        )
    return ans, vjp(space.ones())


@unary_to_nary
def grad(fun: Function, x: Any) -> Any:
    """
    Returns a function which computes the gradient of a real scalar function.
    """
    return value_and_grad(fun)(x)[1]


@unary_to_nary
def elementwise_grad(fun: Function, x: Any) -> Any:
    """The sum of each column of the Jacobian: of a function that works entry by entry, its derivative."""
    vjp, ans = core.make_vjp(fun, x)
    space = vspace(ans)
    if space.iscomplex:
        raise TypeError("elementwise_grad only applies to real-output functions.")
    return vjp(space.ones())


@unary_to_nary
def deriv(fun: Function, x: Any) -> Any:
    """The derivative in the direction of ones, in forward mode."""
    return core.make_jvp(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def jacobian(fun: Function, x: Any) -> Any:
    """The Jacobian of a function of an array: the axes of the result, then those of the argument."""
    vjp, ans = core.make_vjp(fun, x)
    space = vspace(ans)
    return reshape(stack(map(vjp, space.standard_basis())), space.shape + vspace(x).shape)


@unary_to_nary
def holomorphic_grad(fun: Function, x: Any) -> Any:
    """The derivative of a holomorphic function."""
    if not vspace(x).iscomplex:
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=3)
    return grad(lambda x: np.real(fun(x)))(x)


def grad_named(fun: Function, argname: str) -> Function:
    """The gradient with respect to the argument of this name."""
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))


@unary_to_nary
def hessian(fun: Function, x: Any) -> Any:
    """The matrix of second derivatives."""
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun: Function, x: Any) -> Any:
    """``(hvp, gradient)``: the Hessian at a point, times vectors."""
    return core.make_vjp(grad(fun), x)


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """A function of ``(*args, tensor)``: the Hessian times a tensor."""
    gradient = grad(fun, argnum)
    return grad(lambda *args, **params: tensordot(gradient(*args[:-1], **params), args[-1], np.ndim(args[-1])), argnum)


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """A function of ``(*args, tensor)``: the Jacobian, multiplied by a tensor from the left."""
    return jacobian(lambda *args, **params: tensordot(args[-1], fun(*args[:-1], **params), np.ndim(args[-1])), argnum)


hessian_vector_product, vector_jacobian_product = hessian_tensor_product, tensor_jacobian_product


@unary_to_nary
def make_jvp_reversemode(fun: Function, x: Any) -> Any:
    """A function from a tangent of `x` to that of the result, by the transpose of a transpose."""
    vjp, y = core.make_vjp(fun, x)
    return core.make_vjp(vjp, vspace(y).zeros())[0]


def make_ggnvp(f: Function, g: Function = lambda x: 0.5 * np.sum(x**2, axis=-1), f_argnum: int = 0) -> Function:
    """A function that multiplies by the generalized Gauss-Newton matrix of ``g(f(x))``."""

    @unary_to_nary
    def of_one(f: Function, x: Any) -> Any:
        f_vjp, f_x = core.make_vjp(f, x)
        g_hvp, slope = core.make_vjp(grad(g), f_x)
        f_jvp, _ = core.make_vjp(f_vjp, vspace(slope).zeros())
        return lambda v: f_vjp(g_hvp(f_jvp(v)))

    return of_one(f, f_argnum)


@unary_to_nary
def grad_and_aux(fun: Function, x: Any) -> Any:
    """The gradient of the first result of `fun`, and its second result."""
    vjp, (ans, aux) = core.make_vjp(lambda x: tuple(fun(x)), x)
    return vjp((vspace(ans).ones(), vspace(aux).zeros())), aux


def multigrad_dict(fun: Function) -> Function:
    """A function that returns the gradients with respect to all arguments, in a dict by their names."""
    signature = inspect.signature(fun)

    def of_dict(arguments: dict[str, Any]) -> Any:
        call = inspect.BoundArguments(signature, OrderedDict(arguments))
        return fun(*call.args, **call.kwargs)

    def gradients(*args: Any, **params: Any) -> Any:
        bound = signature.bind(*args, **params)
        bound.apply_defaults()
        return OrderedDict(grad(of_dict)(dict(bound.arguments)))

    return gradients


__all__ = [
    "checkpoint", "deriv", "elementwise_grad", "grad", "grad_and_aux", "grad_named", "hessian",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "jacobian", "make_ggnvp", "make_hvp",
    "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict", "tensor_jacobian_product",
    "value_and_grad", "vector_jacobian_product",
]  # fmt: skip
