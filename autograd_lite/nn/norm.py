"""Normalisation and dropout as layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..engine.context import no_grad, tracing
from ..tensor import Tensor, tensor
from . import functional as F, init
from .functional.inputs import SIZES, rows, tensor_of
from .linear import parameter
from .module import Module, Parameter
from .stateless import Stateless

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "GroupNorm",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "LocalResponseNorm", "RMSNorm",
]

(expand_dims,) = rows("expand_dims")


class _Affine(Module):
    """A norm with a scale and a shift, or without."""

    weight: Parameter | None
    bias: Parameter | None

    def _add(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        self.register_parameter("weight", parameter(*shape, dtype=dtype) if weight else None)
        self.register_parameter("bias", parameter(*shape, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weights to 1, and biases to 0."""
        for name, p in self.named_parameters(recurse=False):
            (init.ones_ if name == "weight" else init.zeros_)(p)


class _BatchNorm(_Affine):
    """Normalises each channel; with running statistics, which evaluation uses."""

    dims: ClassVar[int]  # the number of axes after the channels

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, dtype: Any = None, *, bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, parameter(num_features, dtype=dtype).detach() if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(np.array(0)) if track_running_stats else None)
        self._add((num_features,), affine, affine and bias, dtype)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0 and the running variance to 1."""
        if self.track_running_stats:
            self.running_mean.data[...] = 0
            self.running_var.data[...] = 1
            self.num_batches_tracked.data[...] = 0

    def reset_parameters(self) -> None:
        """Set weights to 1, biases to 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _checked(self, input: Any) -> Tensor:
        x, n = tensor_of(input, self.weight), self.dims
        if not (x.ndim == n + 2 or x.ndim == 2 and n == 1) or x.shape[1] != self.num_features:
            expected = f"(n, {self.num_features}, {SIZES[n]})" + (f" or (n, {self.num_features})" if n == 1 else "")
            raise ValueError(f"{self!r}: expected an input of shape {expected}, got {x.shape}")
        return x

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def forward(self, input: Any) -> Tensor:
        x, tracked, momentum = self._checked(input), self.track_running_stats, self.momentum
        if self.training and tracked:
            with no_grad():
                self.num_batches_tracked += 1
            if momentum is None:  # the average over all batches
                momentum = 1 / (int(self.num_batches_tracked.data) if tracing() is None else self.num_batches_tracked)
        mean, var = (self.running_mean, self.running_var) if tracked else (None, None)
        by_batch, momentum = self.training or not tracked, 0.0 if momentum is None else momentum
        return F.batch_norm(x, mean, var, self.weight, self.bias, by_batch, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Mean 0 and variance 1 for each feature of (n, features) or (n, features, length), over the batch.

    In training these are the mean and variance of the batch, and the running ones become
    ``(1 - momentum) * running + momentum * batch`` (with ``momentum=None``, the average over all batches). In
    evaluation the running ones are used.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,)
    running_mean, running_var : Tensor, shape (num_features,)
    num_batches_tracked : Tensor, shape ()
    """

    dims = 1


class BatchNorm2d(_BatchNorm):
    """Mean 0 and variance 1 for each channel of images (n, channels, height, width); see :class:`BatchNorm1d`."""

    dims = 2


class BatchNorm3d(_BatchNorm):
    """Mean 0 and variance 1 for each channel of volumes; see :class:`BatchNorm1d`."""

    dims = 3


class _InstanceNorm(_BatchNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
        track_running_stats: bool = False, dtype: Any = None, *, bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias=bias)

    def forward(self, input: Any) -> Tensor:
        x, n = tensor_of(input, self.weight), self.dims
        if x.ndim not in (n + 1, n + 2) or x.shape[-n - 1] != self.num_features:
            expected = f"(n, {self.num_features}, {SIZES[n]}) or ({self.num_features}, {SIZES[n]})"
            raise ValueError(f"{self!r}: expected an input of shape {expected}, got {x.shape}")
        y = F.instance_norm(
            x if x.ndim == n + 2 else expand_dims(x, 0), self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )
        return y if x.ndim == n + 2 else y[0]


class InstanceNorm1d(_InstanceNorm):
    """Mean 0 and variance 1 for each channel of each sequence (n, channels, length), or without the n.

    With ``track_running_stats=True``, evaluation uses running statistics: the means over the batch.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), with ``affine=True``
    running_mean, running_var : Tensor, shape (num_features,), with ``track_running_stats=True``
    """

    dims = 1


class InstanceNorm2d(_InstanceNorm):
    """Mean 0 and variance 1 for each channel of each image; see :class:`InstanceNorm1d`."""

    dims = 2


class InstanceNorm3d(_InstanceNorm):
    """Mean 0 and variance 1 for each channel of each volume; see :class:`InstanceNorm1d`."""

    dims = 3


class LayerNorm(_Affine):
    """Mean 0 and variance 1 over the last axes of each sample, of sizes `normalized_shape`.

    Attributes
    ----------
    weight, bias : Parameter, shape `normalized_shape`

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.LayerNorm(2, eps=0.0)([[1.0, 3.0], [10.0, 30.0]])
    tensor([[-1.,  1.],
            [-1.,  1.]], from=add)
    """

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self._add(shape, elementwise_affine, elementwise_affine and bias, dtype)

    def _checked(self, input: Any) -> Tensor:
        x = tensor_of(input, self.weight)
        if x.shape[max(x.ndim - len(self.normalized_shape), 0) :] != self.normalized_shape:
            expected = ", ".join(map(str, self.normalized_shape))
            raise ValueError(f"{self!r}: expected an input of shape (..., {expected}), got {x.shape}")
        return x

    def forward(self, input: Any) -> Tensor:
        return F.layer_norm(self._checked(input), self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        shown = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{shown}, bias={self.bias is not None}" if "bias" in self._parameters else shown


class RMSNorm(LayerNorm):
    """Mean square 1 over the last axes of each sample, of sizes `normalized_shape`; no mean is subtracted.

    The default of `eps` is that of the dtype.
    """

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, dtype: Any = None
    ) -> None:
        super().__init__(normalized_shape, 0.0, elementwise_affine, False, dtype)
        del self._parameters["bias"]
        self.eps = eps  # type: ignore[assignment]  # None: the dtype's own

    def forward(self, input: Any) -> Tensor:
        return F.rms_norm(self._checked(input), self.normalized_shape, self.weight, self.eps)


class GroupNorm(_Affine):
    """Mean 0 and variance 1 over each of `num_groups` groups of channels of each sample.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels cannot be in {num_groups} equal groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add((num_channels,), affine, affine and bias, dtype)

    def forward(self, input: Any) -> Tensor:
        x = tensor_of(input, self.weight)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"{self!r}: expected an input of shape (n, {self.num_channels}, ...), got {x.shape}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Stateless, function=F.local_response_norm):
    """``input / (k + alpha * mean) ** beta``, with the mean square of the `size` channels around each."""


class Dropout(Stateless, function=F.dropout, options="p inplace"):
    """In training each entry becomes 0 with probability `p`, and the others are divided by ``1 - p``."""

    p: float

    def _keep(self, name: str, value: Any) -> None:
        if name == "p" and not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: expected a probability p between 0 and 1, got {value}")
        super()._keep(name, value)


class Dropout1d(Dropout, function=F.dropout1d):
    """Dropout of whole channels of sequences."""


class Dropout2d(Dropout, function=F.dropout2d):
    """Dropout of whole channels of images."""


class Dropout3d(Dropout, function=F.dropout3d):
    """Dropout of whole channels of volumes."""
