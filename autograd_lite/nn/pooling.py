"""Pooling as layers: each window of (n, channels, ...) becomes one number."""

from __future__ import annotations

from typing import Any, ClassVar

from ..tensor import Tensor
from .functional.pooling import adaptive_avg_pool, avg_pool, avg_pool1d, max_pool
from .module import Module


class MaxPool1d(Module):
    """The largest entry of each window of sequences; see :func:`autograd_lite.nn.functional.max_pool1d`."""

    dims: ClassVar[int] = 1

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        windows = self.kernel_size, self.stride, self.padding, self.dilation
        return max_pool(self.dims)(input, *windows, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        windows = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{windows}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool2d(MaxPool1d):
    """The largest entry of each window of images; see :func:`autograd_lite.nn.functional.max_pool2d`.

    Examples
    --------
    >>> from autograd_lite import nn, zeros
    >>> nn.MaxPool2d(2)(zeros(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    dims = 2


class MaxPool3d(MaxPool1d):
    """The largest entry of each window of volumes; see :func:`autograd_lite.nn.functional.max_pool3d`."""

    dims = 3


class AvgPool1d(Module):
    """The mean of each window of sequences; see :func:`autograd_lite.nn.functional.avg_pool1d`."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def _arguments(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad

    def forward(self, input: Any) -> Tensor:
        return avg_pool1d(input, *self._arguments())

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPool1d):
    """The mean of each window of images; see :func:`autograd_lite.nn.functional.avg_pool2d`."""

    dims: ClassVar[int] = 2

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def _arguments(self) -> tuple[Any, ...]:
        return *super()._arguments(), self.divisor_override

    def forward(self, input: Any) -> Tensor:
        return avg_pool(self.dims)(input, *self._arguments())


class AvgPool3d(AvgPool2d):
    """The mean of each window of volumes; see :func:`autograd_lite.nn.functional.avg_pool3d`."""

    dims = 3


class AdaptiveAvgPool1d(Module):
    """Means of sequences, `output_size` of them over windows of sizes as equal as possible."""

    dims: ClassVar[int] = 1

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Tensor:
        return adaptive_avg_pool(self.dims)(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    """Means of images over a grid of `output_size` windows of sizes as equal as possible; None keeps an axis.

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.AdaptiveAvgPool2d(1)(ones(2, 3, 7, 5)).shape
    (2, 3, 1, 1)
    """

    dims = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool1d):
    """Means of volumes over a grid of `output_size` windows of sizes as equal as possible; None keeps an axis."""

    dims = 3
