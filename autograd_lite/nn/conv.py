"""Convolutions as layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from . import init
from .functional.convolution import around, each
from .functional.inputs import given
from .linear import parameter
from .module import Module, Parameter


class _Conv(Module):
    """What all convolutions share: their sizes, weights and how these begin."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self.axes
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} to {out_channels} channels cannot be in {groups} groups"
            )
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: padding_mode={padding_mode!r}; zeros, reflect, replicate or circular"
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
        """Draw the weights anew, evenly between ±1/√(inputs of an output), as PyTorch does."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan = self.weight.shape[1] * math.prod(self.kernel_size)
            bound = 1 / math.sqrt(fan) if fan else 0
            init.uniform_(self.bias, -bound, bound)

    def _given(self, input: Any) -> Tensor:
        x = given(input, self.weight)
        n = self.axes
        if x.ndim not in (n + 1, n + 2) or x.shape[x.ndim - n - 1] != self.in_channels:
            sizes = ", ".join(("length",) if n == 1 else ("height", "width"))
            raise ValueError(
                f"{self!r}: an input of shape {x.shape}; (n, {self.in_channels}, {sizes}) is needed"
            )
        return x

    def extra_repr(self) -> str:
        shown = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
        ones = (1,) * self.axes
        if self.padding != (0,) * self.axes:
            shown += f", padding={self.padding}"
        if self.dilation != ones:
            shown += f", dilation={self.dilation}"
        if self.transposed and self.output_padding != (0,) * self.axes:
            shown += f", output_padding={self.output_padding}"
        if self.groups != 1:
            shown += f", groups={self.groups}"
        if self.bias is None:
            shown += ", bias=False"
        return shown if self.padding_mode == "zeros" else f"{shown}, padding_mode={self.padding_mode}"


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
        )

    def forward(self, input: Any) -> Tensor:
        x = self._given(input)
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            pairs = around(padding, self.kernel_size, self.stride, self.dilation, type(self).__name__)
            x = F.pad(x, [side for pair in reversed(pairs) for side in pair], self.padding_mode)
            padding = 0
        convolve = F.conv1d if self.axes == 1 else F.conv2d
        return convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Forward):
    """Convolution of sequences: (n, in_channels, length) to (n, out_channels, length').

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kernel_size)
    bias : Parameter, shape (out_channels,)

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.Conv1d(2, 4, 3, padding=1)(np.zeros((5, 2, 10))).shape
    (5, 4, 10)
    """

    axes = 1


class Conv2d(_Forward):
    """Convolution of images: (n, in_channels, height, width) to (n, out_channels, height', width').

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair
        The sizes of a window.
    stride, dilation : int or pair
        How far the window moves; how far its entries are apart.
    padding : int, pair, 'same' or 'valid'
        How many entries are put around.
    groups : int
        Into so many parts the channels are divided, each with weights of its own.
    bias : bool
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}
        What the entries around are.
    dtype : dtype, optional

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, k1, k2)
    bias : Parameter, shape (out_channels,)

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.Conv2d(1, 6, 5)(np.zeros((32, 1, 28, 28))).shape
    (32, 6, 24, 24)
    """

    axes = 2


class _Transposed(_Conv):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros" or isinstance(padding, str):
            raise ValueError(f"{type(self).__name__}: only padding with a number of zeros is possible")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
        )
        self.output_padding = each(output_padding, self.axes, "output_padding")

    def forward(self, input: Any) -> Tensor:
        convolve = F.conv_transpose1d if self.axes == 1 else F.conv_transpose2d
        return convolve(
            self._given(input),
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_Transposed):
    """The transpose of Conv1d; weights are (in_channels, out_channels / groups, kernel_size)."""

    axes = 1


class ConvTranspose2d(_Transposed):
    """The transpose of Conv2d, which makes images larger.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, k1, k2)
    bias : Parameter, shape (out_channels,)

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> nn.ConvTranspose2d(8, 3, 2, stride=2)(np.zeros((1, 8, 7, 7))).shape
    (1, 3, 14, 14)
    """

    axes = 2
