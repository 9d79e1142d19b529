"""Shared by convolution and pooling: one definition for 1, 2 and 3 spatial axes, and the arguments that they take.

`conv1d`, `conv2d` and `conv3d` are one function. It is written once, with the number of axes as its first parameter,
and `by_dims` makes the public functions from it, with PyTorch's signature and a docstring for their number of axes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache, update_wrapper
from operator import index
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from ...engine.context import called_in_group
from ...rules.windows import counts, window
from ...table import Stated
from ...tensor import Tensor
from ...transforms.grad import vjp
from .inputs import rows

P = ParamSpec("P")
T = TypeVar("T")
Ints = tuple[int, ...]
expand_dims, matmul = rows("expand_dims", "matmul")

SIGNALS = {1: "sequences", 2: "images", 3: "volumes"}
SIZES = {1: "length", 2: "height, width", 3: "depth, height, width"}


class _Each(dict[object, str]):
    """``{each[k]}`` in a docstring: one k for each axis, ``k, k`` for images."""

    def __init__(self, dims: int) -> None:
        self.dims = dims

    def __missing__(self, word: object) -> str:
        return ", ".join([str(word)] * self.dims)


def filled(template: str, dims: int, name: str) -> str:
    """A docstring for `dims` axes: ``{name}``, ``{signals}`` (images), ``{sizes}`` (height, width), ``{each[k]}``."""
    return template.format(name=name, signals=SIGNALS[dims], sizes=SIZES[dims], each=_Each(dims))


def by_dims(
    textbook: Stated | None = None,
) -> Callable[[Callable[Concatenate[int, P], T]], Callable[[int], Callable[P, T]]]:
    """Turn ``f(dims, input, ...)`` into a function of `dims` that returns the public function of that many axes.

    The public function has the name of `f`, without an underscore at its beginning, followed by ``1d``, ``2d`` or
    ``3d``; the signature of `f` without `dims`; and the docstring of `f`, a template for `filled`. What it records is
    one step of the graph; with a `textbook`, a known step.
    """

    def decorated(f: Callable[Concatenate[int, P], T]) -> Callable[[int], Callable[P, T]]:
        @cache
        def over(dims: int) -> Callable[P, T]:
            name = f"{f.__name__.lstrip('_')}{dims}d"

            def function(*args: P.args, **params: P.kwargs) -> T:
                return called_in_group(f, (dims, *args), params, name, textbook=textbook)

            update_wrapper(function, f)
            signature = inspect.signature(f)
            function.__name__ = function.__qualname__ = name
            function.__doc__ = filled(f.__doc__ or "", dims, name)
            function.__signature__ = signature.replace(  # type: ignore[attr-defined]  # as inspect reads it
                parameters=list(signature.parameters.values())[1:]
            )
            return function

        return over

    return decorated


def each(value: Any, dims: int, what: str) -> Ints:
    """`dims` whole numbers, one for each axis, from one number or a sequence of them."""
    values = tuple(value) if np.iterable(value) else (value,)
    values = values * dims if len(values) == 1 else values
    try:
        if len(values) == dims:
            return tuple(map(index, values))
    except TypeError:
        pass
    several = f", or {dims} of them" if dims > 1 else ""
    raise ValueError(f"{what}: expected one whole number{several}, got {value!r}")


def windows(name: str, kernel_size: Any, stride: Any, dilation: Any, padding: Any, dims: int) -> dict[str, Any]:
    """Windows along `dims` axes, as the rows of `rules/windows.py` take them; `padding` may be 'same' or 'valid'."""
    kernel, stride = each(kernel_size, dims, "kernel_size"), each(stride, dims, "stride")
    dilation = each(dilation, dims, "dilation")
    if padding == "same":
        if stride != (1,) * dims:
            raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return window(kernel, stride, dilation, [(total // 2, total - total // 2) for total in totals])
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"{name}: expected padding as a number, 'same' or 'valid', got {padding!r}")
    padding = each(0 if padding == "valid" else padding, dims, "padding")
    return window(kernel, stride, dilation, [(p, p) for p in padding])


def fitting(name: str, x: Tensor, of: dict[str, Any]) -> Ints:
    """The number of windows along each of the last axes of `x`; ValueError if there are none."""
    numbers = counts(x.shape[2:], **of)
    if min(numbers) < 1:
        size, padding = of["kernel"], of["padding"]
        raise ValueError(f"{name}: windows of {size} (padding {padding}) do not fit an input of shape {x.shape}")
    return numbers


def batched(name: str, x: Tensor, dims: int) -> tuple[Tensor, bool]:
    """The input with an axis for the batch, and whether that axis was added."""
    if x.ndim == dims + 1:
        return expand_dims(x, 0), True
    if x.ndim != dims + 2:
        expected = f"(n, channels, {SIZES[dims]}), or without the n"
        raise ValueError(f"{name}: expected an input of shape {expected}, got {x.shape}")
    return x, False


def resampled(x: Tensor, matrices: Sequence[Any]) -> Tensor:
    """The product with a matrix (new size, old size) along each of the last axes, the last one first."""
    y = matmul(x, matrices[-1].T)
    for k in range(2, len(matrices) + 1):
        y = matmul(matrices[-k], y.swapaxes(-k, -2)).swapaxes(-k, -2)
    return y


def pulled(f: Callable[[Any], Any], x: Any, g: Any) -> Any:
    """The gradient with respect to `x`, where `g` is the gradient with respect to ``f(x)``; for notations."""
    return vjp(f, x)[1](g)[0]
