"""The first and the last step of layers and losses: convert inputs to tensors, name the step, reduce."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, overload

import numpy as np

from ...engine.context import called_in_group, is_traced, tracing
from ...engine.value import wrap
from ...rules._arrays import has_tensor
from ...table import TABLE, Stated
from ...tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


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


@overload
def step(f: F) -> F: ...
@overload
def step(*, textbook: Stated) -> Callable[[F], F]: ...
def step(f: Any = None, *, textbook: Stated | None = None) -> Any:
    """Record `f` as one group, shown as one step with the name of `f`; with a `textbook`, a known step."""

    def as_step(f: Any) -> Any:
        @wraps(f)
        def grouped(*args: Any, **params: Any) -> Any:
            return called_in_group(f, args, params, f.__name__, textbook=textbook)

        return grouped

    return as_step if f is None else as_step(f)


def reduced(loss: Tensor, reduction: str, name: str) -> Tensor:
    """The mean or the sum of a loss over all its entries, or the entries."""
    if reduction == "mean":
        return TABLE["mean"](loss)
    if reduction == "sum":
        return TABLE["sum"](loss)
    check_reduction(reduction, name)
    return loss


def hinge(x: Tensor) -> Tensor:
    """``max(x, 0)`` as in PyTorch's margin losses: its slope at 0 is 1, that of `relu` is 0."""
    return TABLE["clip"](x, 0, None)


def check_reduction(reduction: str, name: str) -> None:
    """Raise ValueError for an unknown reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: expected reduction 'none', 'mean' or 'sum', got {reduction!r}")


def same_shape(name: str, **tensors: Tensor) -> None:
    """Reject targets that would broadcast: (n, 1) with (n,) gives (n, n). One number is fine."""
    shapes = {t.shape for what, t in tensors.items() if t.ndim and (what != "target" or t.shape != (1,))}
    if len(shapes) > 1:
        got = ", ".join(f"{what} {t.shape}" for what, t in tensors.items())
        raise ValueError(f"{name}: expected equal shapes, got {got}; reshape one of them")
