"""Layers without parameters that return their input in another shape or size, with entries around it, or unchanged."""

from __future__ import annotations

from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .functional.inputs import each, tensor_of
from .module import Module
from .stateless import Stateless

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "Flatten",
    "Fold", "Identity", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "Unflatten", "Unfold", "Upsample",
    "UpsamplingBilinear2d", "UpsamplingNearest2d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]


class Identity(Module):
    """Returns its input; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return tensor_of(input)


class Flatten(Module):
    """Joins the axes from `start_dim` to `end_dim`: by default all but the first."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Tensor:
        x = tensor_of(input)
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
        x = tensor_of(input)
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"{self!r}: expected an input with this axis, got shape {x.shape}")
        dim = self.dim % x.ndim
        try:
            return x.reshape((*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :]))
        except ValueError:
            raise ValueError(f"{self!r}: an axis of size {x.shape[dim]} cannot be split so (input {x.shape})") from None

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Unfold(Stateless, function=F.unfold):
    """The windows of images as columns: (n, channels, h, w) becomes (n, channels * k1 * k2, windows)."""


class Fold(Stateless, function=F.fold):
    """The transpose of Unfold: columns added up at the places of their windows in images of `output_size`.

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.Fold((2, 3), kernel_size=2)(ones(1, 4, 2))
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """


class PixelShuffle(Stateless, function=F.pixel_shuffle):
    """Channels as pixels: (..., c * r * r, h, w) becomes (..., c, h * r, w * r), for ``r = upscale_factor``."""


class PixelUnshuffle(Stateless, function=F.pixel_unshuffle):
    """The inverse of PixelShuffle: (..., c, h * r, w * r) becomes (..., c * r * r, h, w)."""


_UPSAMPLE = "size scale_factor mode align_corners recompute_scale_factor"


class Upsample(Stateless, function=F.interpolate, options=_UPSAMPLE):
    """Sequences, images or volumes in another size; see :func:`autograd_lite.nn.functional.interpolate`.

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.Upsample(scale_factor=2, mode="bilinear")(ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """


class UpsamplingNearest2d(Stateless, function=F.interpolate, options="size scale_factor"):
    """Images in another size; each pixel is the nearest one.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)([[[[1.0, 2.0]]]])
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """


class UpsamplingBilinear2d(UpsamplingNearest2d):
    """Images in another size, bilinearly interpolated between the centers of their corner pixels.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.UpsamplingBilinear2d(size=(1, 3))([[[[1.0, 2.0]]]])
    tensor([[[[1. , 1.5, 2. ]]]])
    """

    def forward(self, input: Any) -> Tensor:
        return F.interpolate(input, self.size, self.scale_factor, "bilinear", align_corners=True)

# -------------------------------------------------------------------------------------------------- padding
# `padding` is one number, or two for each axis: before and after it, the last axis first, (left, right, top, bottom,
# front, back). A negative number removes entries.


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
