"""Layers without parameters that return their input in another shape, or unchanged."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .functional.inputs import given
from .module import Module


class Identity(Module):
    """Returns its input; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return given(input)


class Flatten(Module):
    """Joins the axes from `start_dim` to `end_dim`: by default all but the first."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Tensor:
        x = given(input)
        ndim = max(x.ndim, 1)
        start, end = (k + ndim if k < 0 else k for k in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < ndim:
            raise ValueError(f"{self!r}: expected an input with these axes, got shape {x.shape}")
        return x.reshape((*x.shape[:start], -1, *x.shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits the axis `dim` into axes of sizes `unflattened_size`."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Any) -> Tensor:
        x = given(input)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"{self!r}: expected an input with this axis, got shape {x.shape}")
        dim = self.dim % x.ndim
        try:
            return x.reshape((*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :]))
        except ValueError:
            raise ValueError(f"{self!r}: an axis of size {x.shape[dim]} cannot be split so (input {x.shape})") from None

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
