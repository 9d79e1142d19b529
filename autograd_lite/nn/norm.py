"""Normalisation and dropout as layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..engine.context import no_grad, tracing
from ..tensor import Tensor, tensor
from ..tensor.creation import get_default_dtype
from . import functional as F
from . import init
from .functional.inputs import given
from .linear import parameter
from .module import Module, Parameter


class _BatchNorm(Module):
    """Normalises each channel by its statistics over the batch; in evaluation, by the running statistics."""

    ranks: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        dtype = dtype or get_default_dtype()
        for name in ("weight", "bias"):
            self.register_parameter(name, parameter(num_features, dtype=dtype) if affine else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", tensor(np.zeros(num_features, dtype)) if tracked else None)
        self.register_buffer("running_var", tensor(np.ones(num_features, dtype)) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(np.array(0)) if tracked else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weights to 1, biases to 0, and reset the running statistics."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0 and the running variance to 1."""
        if self.track_running_stats:
            self.running_mean.data[...] = 0
            self.running_var.data[...] = 1
            self.num_batches_tracked.data[...] = 0

    def forward(self, input: Any) -> Tensor:
        x = given(input, self.weight)
        if x.ndim not in self.ranks or x.shape[1] != self.num_features:
            shapes = " or ".join(str(("n", self.num_features, "length", "width")[:r]) for r in self.ranks)
            raise ValueError(f"{self!r}: expected an input of shape {shapes.replace(chr(39), '')}, got {x.shape}")
        by_batch = self.training or not self.track_running_stats
        momentum = self.momentum
        if self.training and self.track_running_stats:
            with no_grad():
                self.num_batches_tracked += 1
            if momentum is None:  # the average over all batches
                momentum = 1 / (int(self.num_batches_tracked.data) if tracing() is None else self.num_batches_tracked)
        moved = self.training and self.track_running_stats
        return F.batch_norm(
            x, self.running_mean if moved or not by_batch else None,
            self.running_var if moved or not by_batch else None, self.weight, self.bias, by_batch,
            0.0 if momentum is None else momentum, self.eps,
        )

    def extra_repr(self) -> str:
        options = f"eps={self.eps}, momentum={self.momentum}, affine={self.affine}"
        return f"{self.num_features}, {options}, track_running_stats={self.track_running_stats}"


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

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Mean 0 and variance 1 for each channel of images (n, channels, height, width); see :class:`BatchNorm1d`."""

    ranks = (4,)


class LayerNorm(Module):
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

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.register_parameter("weight", parameter(*shape, dtype=dtype) if elementwise_affine else None)
        self.register_parameter("bias", parameter(*shape, dtype=dtype) if elementwise_affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weights to 1, and biases to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _given(self, input: Any) -> Tensor:
        x = given(input, self.weight)
        if x.shape[max(x.ndim - len(self.normalized_shape), 0) :] != self.normalized_shape:
            expected = ", ".join(map(str, self.normalized_shape))
            raise ValueError(f"{self!r}: expected an input of shape (..., {expected}), got {x.shape}")
        return x

    def forward(self, input: Any) -> Tensor:
        return F.layer_norm(self._given(input), self.normalized_shape, self.weight, self.bias, self.eps)

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

    def reset_parameters(self) -> None:
        """Set weights to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Any) -> Tensor:
        return F.rms_norm(self._given(input), self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """Mean 0 and variance 1 over each of `num_groups` groups of channels of each sample.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, dtype: Any = None
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels cannot be in {num_groups} equal groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name in ("weight", "bias"):
            self.register_parameter(name, parameter(num_channels, dtype=dtype) if affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weights to 1, and biases to 0."""
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Tensor:
        x = given(input, self.weight)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"{self!r}: expected an input of shape (n, {self.num_channels}, ...), got {x.shape}")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class Dropout(Module):
    """In training each entry becomes 0 with probability `p`, and the others are divided by ``1 - p``."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: expected a probability p between 0 and 1, got {p}")
        self.p = p

    def forward(self, input: Any) -> Tensor:
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout1d(Dropout):
    """Dropout of whole channels of sequences."""

    def forward(self, input: Any) -> Tensor:
        return F.dropout1d(input, self.p, self.training)


class Dropout2d(Dropout):
    """Dropout of whole channels of images."""

    def forward(self, input: Any) -> Tensor:
        return F.dropout2d(input, self.p, self.training)
