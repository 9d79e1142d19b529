"""Normalisations: subtract a mean, divide by a spread, then scale and shift by what is learned.

They differ in what the mean is taken over: one sample's last axes (layer), the batch (batch), groups of
channels of one sample (group, instance).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...engine.context import no_grad
from ...tensor import Tensor
from .inputs import floats, given, rows, step

mean, sqrt, square, standardize = rows("mean", "sqrt", "square", "standardize")


def _affine(z: Tensor, weight: Any, bias: Any) -> Tensor:
    if weight is not None:
        z = z * weight
    return z if bias is None else z + bias


def _channels(parameter: Any, x: Tensor) -> Any:
    """One number for each channel, beside an array whose channels are axis 1."""
    return None if parameter is None else given(parameter).reshape(-1, *[1] * (x.ndim - 2))


def _last(name: str, x: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"{name}: an input of shape {x.shape}; its last sizes must be {shape}")
    return tuple(range(x.ndim - len(shape), x.ndim))


@step
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over the last axes, of sizes `normalized_shape`; then ``* weight + bias``.

    Examples
    --------
    >>> layer_norm([1.0, 3.0], 2, eps=0.0)
    tensor([-1.,  1.])
    """
    x = floats(input)
    axes = _last("layer_norm", x, normalized_shape)
    return _affine(standardize(x, axes, eps)[0], weight, bias)


@step
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Mean square 1 over the last axes, of sizes `normalized_shape`; then ``* weight``."""
    x = floats(input)
    axes = _last("rms_norm", x, normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    return _affine(x / sqrt(mean(square(x), axis=axes, keepdims=True) + eps), weight, None)


@step
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over each group of channels of a sample; weight and bias have one per channel."""
    x = floats(input)
    if x.ndim < 2 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: an input of shape {x.shape} has no channels in {num_groups} equal groups")
    if not x.size:
        return _affine(x, _channels(weight, x), _channels(bias, x))
    grouped = x.reshape(x.shape[0], num_groups, prod(x.shape[1:]) // num_groups)
    z = standardize(grouped, -1, eps)[0].reshape(x.shape)
    return _affine(z, _channels(weight, x), _channels(bias, x))


@step
def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over each channel of each sample."""
    x = floats(input)
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise ValueError("instance_norm: running statistics are not supported: batch_norm has them")
    if prod(x.shape[2:]) == 1:
        raise ValueError(
            f"instance_norm: one value for each channel of a sample (shape {x.shape}) has no spread; batch_norm "
            "takes the spread over the batch"
        )
    return group_norm(x, x.shape[1], weight, bias, eps)


@step
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 for each channel (axis 1) over the batch and all other axes.

    Parameters
    ----------
    input : array_like, shape (n, channels, ...)
    running_mean, running_var : Tensor, shape (channels,), or None
        In training they are moved towards this batch's, in place, by the share `momentum`; otherwise they
        are used.
    weight, bias : array_like, shape (channels,), optional
        Applied afterwards.
    training : bool
        Whether to normalise by this batch.
    """
    x = floats(input)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: an input of shape {x.shape}; it is (n, channels, ...)")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running statistics are needed when not training")
        scale = (given(running_var).astype(x.dtype) + eps) ** -0.5
        scale = scale if weight is None else scale * given(weight)
        shift = -given(running_mean).astype(x.dtype) * scale
        shift = shift if bias is None else shift + given(bias)
        return given(x * _channels(scale, x) + _channels(shift, x))
    axes = (0, *range(2, x.ndim))
    n = prod(x.shape[k] for k in axes)
    if n == 1:
        raise ValueError(f"batch_norm: one value for each channel (shape {x.shape}) has no spread to train with")
    if n == 0:  # nothing to normalise, and nothing to learn from
        return _affine(x, _channels(weight, x), _channels(bias, x))
    z, scale = standardize(x, axes, eps)
    _run(running_mean, lambda: x.detach()._data.mean(axes), momentum)
    _run(running_var, lambda: (1 / scale.detach()._data.ravel() ** 2 - eps) * (n / (n - 1)), momentum)
    return _affine(z, _channels(weight, x), _channels(bias, x))


def _run(running: Any, now: Any, momentum: float) -> None:
    """Move a running statistic towards what it is now."""
    if running is not None and momentum:
        with no_grad():
            running *= 1 - momentum
            running += momentum * now()
