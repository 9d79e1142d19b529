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
    mode: ClassVar[str] = "constant"
    value: float | None = None

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


class ConstantPad1d(_Constant):
    """Adds `value` around sequences."""

    dims = 1


class ConstantPad2d(_Constant):
    """Adds `value` around images."""

    dims = 2


class ConstantPad3d(_Constant):
    """Adds `value` around volumes."""

    dims = 3


class ZeroPad1d(_Pad):
    """Adds zeros around sequences."""

    dims = 1


class ZeroPad2d(_Pad):
    """Adds zeros around images."""

    dims = 2


class ZeroPad3d(_Pad):
    """Adds zeros around volumes."""

    dims = 3


class ReflectionPad1d(_Pad):
    """Mirrors the ends of sequences.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.ReflectionPad1d((2, 0))([[1.0, 2.0, 3.0]])
    tensor([[3., 2., 1., 2., 3.]])
    """

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Mirrors the ends of images."""

    dims, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Mirrors the ends of volumes."""

    dims, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the ends of sequences."""

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the ends of images."""

    dims, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the ends of volumes."""

    dims, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Continues sequences at each end with their other end."""

    dims, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Continues images at each end with their other end."""

    dims, mode = 2, "circular"


class CircularPad3d(_Pad):
    """Continues volumes at each end with their other end."""

    dims, mode = 3, "circular"
