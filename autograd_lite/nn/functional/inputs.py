"""What layers and losses do first and last: take what the user gave as a tensor, name the step, reduce."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ...engine.context import called_in_group
from ...engine.value import wrap
from ...rules._arrays import has_tensor
from ...table import TABLE
from ...tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def rows(*names: str) -> tuple[Callable[..., Tensor], ...]:
    """Rows of the table by their names."""
    return tuple(TABLE[name] for name in names)


def given(x: Any, like: Tensor | None = None) -> Tensor:
    """`x` as a Tensor: an array is looked into, not copied, and a list is made one.

    Beside a parameter (`like`) lists, numbers and whole numbers take its dtype; floating arrays keep
    their own.
    """
    if isinstance(x, Tensor):
        return x.astype(like.dtype) if like is not None and x.dtype.kind not in "fc" else x
    if isinstance(x, (list, tuple)) and has_tensor(x):
        return given(TABLE["array"](x), like)
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"numbers are needed here, not {type(x).__name__} of dtype {array.dtype}")
    if like is not None and (array.dtype.kind not in "fc" or not hasattr(x, "dtype")):
        array = array.astype(like.dtype)
    return wrap(array, None)


def floats(x: Any) -> Tensor:
    """`x` as a Tensor that is not of whole numbers."""
    t = given(x)
    return t if t.dtype.kind in "fc" else t.astype(np.float64)


def alike(x: Any, like: Tensor) -> Tensor:
    """`x` as a Tensor of the dtype of `like`: a target in double precision does not make a single net double."""
    t = given(x, like)
    return t if t.dtype == like.dtype else t.astype(like.dtype)


def positions(x: Any, what: str) -> Any:
    """Class indices and the like: an array of whole numbers, or the Tensor that a trace depends on."""
    t = given(x)
    if t.dtype.kind not in "iu":
        if t.dtype.kind != "b" and t.size:
            raise TypeError(f"{what} of dtype {t.dtype}: they are positions, so whole numbers; use .astype(int)")
        t = t.astype(np.int64)
    return t if t._node is not None and t._node.live else t._data


def step(f: F) -> F:
    """What `f` records belongs together, and is shown as one step of its name."""

    @wraps(f)
    def grouped(*args: Any, **params: Any) -> Any:
        return called_in_group(f, args, params, f.__name__)

    return grouped  # type: ignore[return-value]  # the same signature


def reduced(loss: Tensor, reduction: str, name: str) -> Tensor:
    """The mean or the sum of a loss over all its entries, or all of them."""
    if reduction == "mean":
        return TABLE["mean"](loss)
    if reduction == "sum":
        return TABLE["sum"](loss)
    check_reduction(reduction, name)
    return loss


def hinge(x: Tensor) -> Tensor:
    """``max(x, 0)`` as margins have it in PyTorch: the slope at 0 is 1, where that of `relu` is 0."""
    return TABLE["clip"](x, 0, None)


def check_reduction(reduction: str, name: str) -> None:
    """Refuse what is no reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: reduction={reduction!r}; it is 'none', 'mean' or 'sum'")


def same_shape(name: str, **tensors: Tensor) -> None:
    """Refuse a target that would be broadcast against the input: (n, 1) and (n,) make (n.

    N). A number may be.
    """
    shapes = {t.shape for t in tensors.values() if t.ndim}
    if len(shapes) > 1:
        said = ", ".join(f"{what} {t.shape}" for what, t in tensors.items())
        raise ValueError(f"{name}: the shapes differ: {said}; reshape one of them, they are not broadcast here")
