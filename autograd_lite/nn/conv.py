"""Convolutions as layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .functional.convolution import conv, conv_transpose
from .functional.inputs import SIZES, each, filled, tensor_of, windows
from .linear import draw_parameters, parameter
from .module import Module, Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _Conv(Module):
    """Convolution over `dims` axes: the public classes below set that number, and their docstrings are completed."""

    dims: ClassVar[int]
    transposed: ClassVar[bool] = False
    bias: Parameter | None
    _details = """

    Parameters
    ----------
    in_channels, out_channels : int
        The numbers of channels of the input and of the result.
    kernel_size : int or tuple of int
        The sizes of a window.
    stride, dilation : int or tuple of int
        The distance from one window to the next; from one entry of a window to the next.
    padding : int, tuple of int, 'same' or 'valid'
        The number of entries to add on both sides of each axis.
    groups : int
        The number of groups of channels, each with its own weights.
    bias : bool
        Whether there are biases.
    padding_mode : {{'zeros', 'reflect', 'replicate', 'circular'}}
        What the added entries are.
    dtype : dtype, optional
        Of the parameters; by default that of ``set_default_dtype``.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, {each[k]})
    bias : Parameter, shape (out_channels,)

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.{name}(2, 6, 3, padding=1)(ones(5, 2, {each[8]})).shape
    (5, 6, {each[8]})
    """

    def __init_subclass__(cls, **params: Any) -> None:
        super().__init_subclass__(**params)
        if "dims" in vars(cls):
            cls.__doc__ = f"{cls.__doc__}{filled(cls._details, cls.dims, cls.__name__)}"

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", dtype: Any = None,
    ) -> None:
        super().__init__()
        n = self.dims
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: {in_channels} to {out_channels} channels cannot be in {groups} groups"
            )
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{type(self).__name__}: expected 'zeros', 'reflect', 'replicate' or 'circular', got {padding_mode=}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each(kernel_size, n, "kernel_size")
        self.stride, self.dilation = each(stride, n, "stride"), each(dilation, n, "dilation")
        self.padding = padding if isinstance(padding, str) else each(padding, n, "padding")
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = parameter(first, second // groups, *self.kernel_size, dtype=dtype)
        self.register_parameter("bias", parameter(out_channels, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, uniformly between ±1/√(inputs of an output), as PyTorch does."""
        draw_parameters(self, self.weight.shape[1] * math.prod(self.kernel_size))

    def _checked(self, input: Any) -> Tensor:
        x, n = tensor_of(input, self.weight), self.dims
        if x.ndim not in (n + 1, n + 2) or x.shape[x.ndim - n - 1] != self.in_channels:
            expected = f"(n, {self.in_channels}, {SIZES[n]})"
            raise ValueError(f"{self!r}: expected an input of shape {expected}, got {x.shape}")
        return x

    def forward(self, input: Any) -> Tensor:
        x, padding = self._checked(input), self.padding
        if self.padding_mode != "zeros":
            of = windows(type(self).__name__, self.kernel_size, self.stride, self.dilation, padding, self.dims)
            x = F.pad(x, [side for pair in reversed(of["padding"]) for side in pair], self.padding_mode)
            padding = (0,) * self.dims
        return conv(self.dims)(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        shown = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        usual = {"output_padding": (0,) * self.dims} if self.transposed else {}
        shown += self._unusual(padding=(0,) * self.dims, dilation=(1,) * self.dims, **usual, groups=1)
        if self.bias is None:
            shown += ", bias=False"
        return shown + self._unusual(padding_mode="zeros")


class Conv1d(_Conv):
    """Convolution of sequences: (n, in_channels, length) to (n, out_channels, length')."""

    dims = 1


class Conv2d(_Conv):
    """Convolution of images: (n, in_channels, height, width) to (n, out_channels, height', width')."""

    dims = 2


class Conv3d(_Conv):
    """Convolution of volumes: (n, in_channels, depth, ...) to (n, out_channels, depth', ...)."""

    dims = 3


class _ConvTranspose(_Conv):
    transposed = True
    _details = """

    Parameters
    ----------
    in_channels, out_channels : int
        The numbers of channels of the input and of the result.
    kernel_size, stride, padding, dilation, groups, bias, dtype
        Those of the convolution; padding makes the output smaller.
    output_padding : int or tuple of int
        The number of entries to add at the end of each axis: with a stride several sizes have the same convolution.
    padding_mode : 'zeros'
        No other is supported, as in PyTorch.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, {each[k]})
    bias : Parameter, shape (out_channels,)

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.{name}(8, 3, 2, stride=2)(ones(1, 8, {each[5]})).shape
    (1, 3, {each[10]})
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros" or isinstance(padding, str):
            raise ValueError(f"{type(self).__name__}: expected a number as padding, and padding_mode 'zeros'")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, dtype
        )
        self.output_padding = each(output_padding, self.dims, "output_padding")

    def forward(self, input: Any) -> Tensor:
        x, options = self._checked(input), (self.output_padding, self.groups, self.dilation)
        return conv_transpose(self.dims)(x, self.weight, self.bias, self.stride, self.padding, *options)


class ConvTranspose1d(_ConvTranspose):
    """The transpose of Conv1d, which makes sequences longer."""

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of Conv2d, which makes images larger."""

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of Conv3d, which makes volumes larger."""

    dims = 3
