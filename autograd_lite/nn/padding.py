"""Layers that add entries around sequences, images or volumes; `padding` is one number, or two for each axis.

The two numbers are before and after an axis, the last axis first: (left, right, top, bottom, front, back). A negative
number removes entries.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .functional.spatial import each
from .module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d",
    "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]


class _Pad(Module):
    dims: ClassVar[int]
    mode: ClassVar[str]
    value: float | None = None

    def __init_subclass__(cls, dims: int = 0, mode: str = "constant", **params: Any) -> None:
        super().__init_subclass__(**params)
        if dims:
            cls.dims, cls.mode = dims, mode

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = each(padding, 2 * self.dims, f"{type(self).__name__}: padding")

    def forward(self, input: Any) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class _Constant(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_Constant, dims=1):
    """Adds `value` around sequences."""


class ConstantPad2d(_Constant, dims=2):
    """Adds `value` around images."""


class ConstantPad3d(_Constant, dims=3):
    """Adds `value` around volumes."""


class ZeroPad1d(_Pad, dims=1):
    """Adds zeros around sequences."""


class ZeroPad2d(_Pad, dims=2):
    """Adds zeros around images."""


class ZeroPad3d(_Pad, dims=3):
    """Adds zeros around volumes."""


class ReflectionPad1d(_Pad, dims=1, mode="reflect"):
    """Mirrors the ends of sequences.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.ReflectionPad1d((2, 0))([[1.0, 2.0, 3.0]])
    tensor([[3., 2., 1., 2., 3.]])
    """


class ReflectionPad2d(_Pad, dims=2, mode="reflect"):
    """Mirrors the ends of images."""


class ReflectionPad3d(_Pad, dims=3, mode="reflect"):
    """Mirrors the ends of volumes."""


class ReplicationPad1d(_Pad, dims=1, mode="replicate"):
    """Repeats the ends of sequences."""


class ReplicationPad2d(_Pad, dims=2, mode="replicate"):
    """Repeats the ends of images."""


class ReplicationPad3d(_Pad, dims=3, mode="replicate"):
    """Repeats the ends of volumes."""


class CircularPad1d(_Pad, dims=1, mode="circular"):
    """Continues sequences at each end with their other end."""


class CircularPad2d(_Pad, dims=2, mode="circular"):
    """Continues images at each end with their other end."""


class CircularPad3d(_Pad, dims=3, mode="circular"):
    """Continues volumes at each end with their other end."""
