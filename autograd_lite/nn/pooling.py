"""Pooling as layers: each window of (n, channels, ...) becomes one number."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .stateless import Stateless

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d",
]


class _Pool(Stateless):
    """Windows of `kernel_size`, which is also the default of `stride`."""

    kernel_size: Any
    stride: Any
    shown: tuple[str, ...] = ("kernel_size", "stride", "padding")

    def _keep(self, name: str, value: Any) -> None:
        super()._keep(name, self.kernel_size if name == "stride" and value is None else value)

    def _shown(self) -> list[str]:
        return list(self.shown)


class _MaxPool(_Pool):
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


_ORDER = "kernel_size stride padding dilation return_indices ceil_mode"


class MaxPool1d(_MaxPool, function=F.max_pool1d, options=_ORDER):
    """The largest entry of each window of sequences; see :func:`autograd_lite.nn.functional.max_pool1d`."""


class MaxPool2d(_MaxPool, function=F.max_pool2d, options=_ORDER):
    """The largest entry of each window of images; see :func:`autograd_lite.nn.functional.max_pool2d`.

    Examples
    --------
    >>> from autograd_lite import nn, zeros
    >>> nn.MaxPool2d(2)(zeros(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """


class MaxPool3d(_MaxPool, function=F.max_pool3d, options=_ORDER):
    """The largest entry of each window of volumes; see :func:`autograd_lite.nn.functional.max_pool3d`."""


class AvgPool1d(_Pool, function=F.avg_pool1d):
    """The mean of each window of sequences; see :func:`autograd_lite.nn.functional.avg_pool1d`."""


class AvgPool2d(_Pool, function=F.avg_pool2d):
    """The mean of each window of images; see :func:`autograd_lite.nn.functional.avg_pool2d`."""


class AvgPool3d(_Pool, function=F.avg_pool3d):
    """The mean of each window of volumes; see :func:`autograd_lite.nn.functional.avg_pool3d`."""


class AdaptiveAvgPool1d(Stateless, function=F.adaptive_avg_pool1d):
    """Means of sequences, `output_size` of them over windows of sizes as equal as possible."""


class AdaptiveAvgPool2d(Stateless, function=F.adaptive_avg_pool2d):
    """Means of images over a grid of `output_size` windows of sizes as equal as possible; None keeps an axis.

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> nn.AdaptiveAvgPool2d(1)(ones(2, 3, 7, 5)).shape
    (2, 3, 1, 1)
    """


class AdaptiveAvgPool3d(Stateless, function=F.adaptive_avg_pool3d):
    """Means of volumes over a grid of `output_size` windows of sizes as equal as possible; None keeps an axis."""


class AdaptiveMaxPool1d(Stateless, function=F.adaptive_max_pool1d):
    """The largest entries of sequences, `output_size` of them in windows of sizes as equal as possible."""


class AdaptiveMaxPool2d(Stateless, function=F.adaptive_max_pool2d):
    """The largest entries of images in a grid of `output_size` windows of sizes as equal as possible."""


class AdaptiveMaxPool3d(Stateless, function=F.adaptive_max_pool3d):
    """The largest entries of volumes in a grid of `output_size` windows of sizes as equal as possible."""
