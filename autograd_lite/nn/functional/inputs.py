"""Shared by layers and losses: convert inputs to tensors, name the step, reduce; and what windows and sizes need."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache, partial, update_wrapper, wraps
from operator import index
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from ...engine.context import called_in_group, is_traced, tracing
from ...engine.node import Function, Params
from ...engine.value import wrap
from ...rules._arrays import has_tensor
from ...rules.windows import counts, window
from ...table import TABLE, Stated
from ...tensor import Tensor
from ...transforms.grad import vjp

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
T = TypeVar("T")
Ints = tuple[int, ...]


def rows(*names: str) -> tuple[Callable[..., Tensor], ...]:
    """Rows of the table, by name."""
    return tuple(TABLE[name] for name in names)


def tensor_of(x: Any, like: Tensor | None = None) -> Tensor:
    """`x` as a Tensor, which shares the memory of an array.

    With a parameter `like`, lists, numbers and arrays of whole numbers take its dtype; floating arrays keep their own.
    """
    if isinstance(x, Tensor):
        return x.astype(like.dtype) if like is not None and x.dtype.kind not in "fc" else x
    if isinstance(x, (list, tuple)) and has_tensor(x):
        return tensor_of(TABLE["array"](x), like)
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"expected numbers, got {type(x).__name__} of dtype {array.dtype}")
    if like is not None and (array.dtype.kind not in "fc" or not hasattr(x, "dtype")):
        array = array.astype(like.dtype)
    return wrap(array, None)


def floats(x: Any) -> Tensor:
    """`x` as a Tensor of floating or complex numbers."""
    t = tensor_of(x)
    return t if t.dtype.kind in "fc" else t.astype(np.float64)


def alike(x: Any, like: Tensor) -> Tensor:
    """`x` as a Tensor of the dtype of `like`, so that a float64 target does not make a float32 loss float64."""
    t = tensor_of(x, like)
    return t if t.dtype == like.dtype else t.astype(like.dtype)


def positions(x: Any, what: str) -> Any:
    """Class indices and the like as an array of whole numbers; inside a trace, the Tensor."""
    t = tensor_of(x)
    if t.dtype.kind not in "iu":
        if t.dtype.kind != "b" and t.size:
            raise TypeError(f"{what} must be whole numbers, got dtype {t.dtype}; write .astype(int)")
        t = t.astype(np.int64)
    if (outside := tracing()) is not None:
        outside.enter(t)
    return t if t._node is not None and t._node.live else t._data


def check_range(k: Any, count: int, expected: str, error: type[Exception] = IndexError) -> None:
    """Raise an error unless all positions are from 0 to ``count - 1``; in a trace they are unknown."""
    if isinstance(k, np.ndarray) and k.size and not (k.min() >= 0 and k.max() < count):
        raise error(f"{expected} from 0 to {count - 1}, got {k.max() if k.max() >= count else k.min()}")


def values(t: Tensor) -> Any:
    """`t` without its graph: the array, or inside a trace a Tensor."""
    return t.detach() if is_traced(t) else t._data


def step(f: F, textbook: Stated | None = None) -> F:
    """Record `f` as one group, shown as one step with the name of `f`; with a `textbook`, a known step."""

    @wraps(f)
    def grouped(*args: Any, **params: Any) -> Any:
        return called_in_group(f, args, params, f.__name__, textbook=textbook)

    return grouped  # type: ignore[return-value]  # with the signature of f


def loss(f: F, textbook: Stated | None = None) -> F:
    """A step from the function that returns the loss of each entry, of an input and a target of one shape.

    The function gets both as Tensors of the input's dtype; its loss is reduced as its parameter `reduction` says.
    """
    parameters = inspect.signature(f).parameters
    place = list(parameters).index("reduction")

    @wraps(f)
    def of_entries(input: Any, target: Any, *args: Any, **params: Any) -> Any:
        return f(*pair(f.__name__, input, target), *args, **params)

    @wraps(f)
    def whole(*args: Any, **params: Any) -> Tensor:
        reduction = args[place] if len(args) > place else params.get("reduction", parameters["reduction"].default)
        return reduced(of_entries(*args, **params), reduction, f.__name__)

    return step(whole, textbook)  # type: ignore[return-value]  # with the signature of f


def known_step(textbook: Stated, kind: Function = step) -> Callable[[F], F]:
    """The decorator `step` or `loss` with a textbook."""
    return lambda f: kind(f, textbook)


def reduced(loss: Tensor, reduction: str, name: str) -> Tensor:
    """The mean or the sum of a loss over all its entries, or the entries."""
    check_reduction(reduction, name)
    return loss if reduction == "none" else TABLE[reduction](loss)


def check_reduction(reduction: str, name: str) -> None:
    """Raise ValueError for an unknown reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: expected reduction 'none', 'mean' or 'sum', got {reduction!r}")


def pair(name: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Input and target of a loss as Tensors of one dtype.

    Targets that would broadcast raise ValueError: (n, 1) with (n,) gives (n, n). One number is fine.
    """
    x = floats(input)
    y = alike(target, x)
    if x.ndim and y.shape not in (x.shape, (), (1,)):
        raise ValueError(
            f"{name}: expected equal shapes, got input {x.shape} and target {y.shape}; reshape one of them"
        )
    return x, y


def hinge(x: Tensor) -> Tensor:
    """``max(x, 0)`` as in PyTorch's margin losses: its slope at 0 is 1, that of `relu` is 0."""
    return TABLE["clip"](x, 0, None)

# ------------------------------------------------------------------------- one definition for 1, 2 and 3 spatial axes
# `conv1d`, `conv2d` and `conv3d` are one function. It is written once, with the number of axes as its first parameter,
# and `by_dims` makes the public functions from it, with PyTorch's signature and a docstring for their number of axes.

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
            function.__name__ = function.__qualname__ = name
            function.__doc__ = filled(f.__doc__ or "", dims, name)
            function.__signature__ = inspect.signature(partial(f, dims))  # type: ignore[attr-defined]  # as inspect does
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


def output_sizes(name: str, output_size: Any, sizes: Ints) -> Ints:
    """The sizes of a result, from one number or one for each axis; None keeps the size of an axis."""
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * len(sizes)
    if len(wanted) != len(sizes) or any(w is not None and w < 1 for w in wanted):
        expected = "expected output_size as one number of 1 or more, or one for each axis"
        raise ValueError(f"{name}: {expected}, got {output_size!r}")
    return tuple(m if w is None else w for w, m in zip(wanted, sizes, strict=True))


def windows(name: str, kernel_size: Any, stride: Any, dilation: Any, padding: Any, dims: int) -> Params:
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


def fitting(name: str, x: Tensor, of: Params) -> Ints:
    """The number of windows along each of the last axes of `x`; ValueError if there are none."""
    numbers = counts(x.shape[2:], **of)
    if min(numbers) < 1:
        size, padding = of["kernel"], of["padding"]
        raise ValueError(f"{name}: windows of {size} (padding {padding}) do not fit an input of shape {x.shape}")
    return numbers


def batched(name: str, x: Tensor, dims: int) -> tuple[Tensor, bool]:
    """The input with an axis for the batch, and whether that axis was added."""
    if x.ndim == dims + 1:
        return TABLE["expand_dims"](x, 0), True
    if x.ndim != dims + 2:
        expected = f"(n, channels, {SIZES[dims]}), or without the n"
        raise ValueError(f"{name}: expected an input of shape {expected}, got {x.shape}")
    return x, False


def resampled(x: Tensor, matrices: Sequence[Any]) -> Tensor:
    """The product with a matrix (new size, old size) along each of the last axes, the last one first."""
    matmul = TABLE["matmul"]
    y = matmul(x, matrices[-1].T)
    for k in range(2, len(matrices) + 1):
        y = matmul(matrices[-k], y.swapaxes(-k, -2)).swapaxes(-k, -2)
    return y


def pulled(f: Callable[[Any], Any], x: Any, g: Any) -> Any:
    """The gradient with respect to `x`, where `g` is the gradient with respect to ``f(x)``; for notations."""
    return vjp(f, x)[1](g)[0]
