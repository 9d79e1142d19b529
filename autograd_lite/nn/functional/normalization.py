"""Normalisation: subtract the mean, divide by the standard deviation, then apply a trained scale and shift.

The mean is taken over the last axes of a sample (layer), over the batch (batch), or over groups of channels of a sample
(group, instance).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...engine.context import no_grad
from ...tensor import Tensor
from . import textbooks
from .inputs import floats, known_step, rows, step, tensor_of, values

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]

mean, sqrt, square, standardize, window_sum = rows("mean", "sqrt", "square", "standardize", "window_sum")


def _affine(z: Tensor, weight: Any, bias: Any) -> Tensor:
    if weight is not None:
        z = z * weight
    return z if bias is None else z + bias


def _standardized(x: Tensor, axes: Any, eps: float) -> Tensor:
    """Mean 0 and variance 1 along the axes."""
    return standardize(x, axes, eps)[0] if x.size else x


def _channels(parameter: Any, x: Tensor) -> Any:
    """One number for each channel, in a shape that broadcasts with `x`, whose channels are axis 1."""
    return None if parameter is None else tensor_of(parameter).reshape(-1, *[1] * (x.ndim - 2))


def _last(name: str, x: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"{name}: expected an input whose last sizes are {shape}, got shape {x.shape}")
    return tuple(range(x.ndim - len(shape), x.ndim))


@known_step(textbooks.layer_norm)
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over the last axes, of sizes `normalized_shape`; then ``* weight + bias``.

    Examples
    --------
    >>> layer_norm([1.0, 3.0], 2, eps=0.0)
    tensor([-1.,  1.])
    """
    x = floats(input)
    axes = _last("layer_norm", x, normalized_shape)
    return _affine(_standardized(x, axes, eps), weight, bias)


@known_step(textbooks.rms_norm)
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Mean square 1 over the last axes, of sizes `normalized_shape`; then ``* weight``."""
    x = floats(input)
    axes = _last("rms_norm", x, normalized_shape)
    if x.size:
        eps = float(np.finfo(x.dtype).eps) if eps is None else eps
        x = x / sqrt(mean(square(x), axis=axes, keepdims=True) + eps)
    return _affine(x, weight, None)


@known_step(textbooks.group_norm)
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over each group of channels of a sample; then ``* weight + bias`` for each channel."""
    x = floats(input)
    if x.ndim < 2 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: expected channels in {num_groups} equal groups, got an input of shape {x.shape}")
    grouped = x.reshape(x.shape[0], num_groups, prod(x.shape[1:]) // num_groups)
    z = _standardized(grouped, -1, eps).reshape(x.shape)
    return _affine(z, _channels(weight, x), _channels(bias, x))


@known_step(textbooks.instance_norm)
def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over each channel of each sample.

    Parameters
    ----------
    input : array_like, shape (n, channels, ...)
    running_mean, running_var : Tensor, shape (channels,), or None
        Updated in place from the means over the batch with `use_input_stats`; otherwise used as the statistics.
    weight, bias : array_like, shape (channels,), optional
        Scale and shift of the result.
    use_input_stats : bool
        Whether to use the statistics of each instance, instead of the running ones.
    momentum : float
        The weight of this batch in the running statistics.
    eps : float
        Added to the variance.
    """
    return _by_channel(
        "instance_norm", input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


@known_step(textbooks.batch_norm)
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 for each channel (axis 1) over the batch and all other axes.

    Parameters
    ----------
    input : array_like, shape (n, channels, ...)
    running_mean, running_var : Tensor, shape (channels,), or None
        In training they become ``(1 - momentum) * running + momentum * batch``, in place; otherwise they are used.
    weight, bias : array_like, shape (channels,), optional
        Scale and shift of the result.
    training : bool
        Whether to use the statistics of this batch.
    momentum : float
        The weight of this batch in the running statistics.
    eps : float
        Added to the variance.
    """
    if np.shape(input) == (0,):  # PyTorch accepts it: it looks for channels in an input that is not empty
        return floats(input)
    return _by_channel("batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps)


def _by_channel(
    name: str, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool,
    momentum: float, eps: float,
) -> Tensor:
    """Mean 0 and variance 1 for each channel, over the batch or within each sample."""
    x = floats(input)
    if x.ndim < 2:
        raise ValueError(f"{name}: expected an input of shape (n, channels, ...), got {x.shape}")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(f"{name}: expected running_mean and running_var when not training, got None")
        scale = (tensor_of(running_var).astype(x.dtype) + eps) ** -0.5
        scale = scale if weight is None else scale * tensor_of(weight)
        shift = -tensor_of(running_mean).astype(x.dtype) * scale
        shift = shift if bias is None else shift + tensor_of(bias)
        return x * _channels(scale, x) + _channels(shift, x)
    others = (0, *range(2, x.ndim))
    axes, per = (others, "channel") if name == "batch_norm" else (others[1:], "channel of a sample")
    n = prod(x.shape[k] for k in axes)
    if n == 1:
        raise ValueError(f"{name}: expected more than one value for each {per}, got shape {x.shape}")
    if not x.size:  # an empty batch
        return _affine(x, _channels(weight, x), _channels(bias, x))
    z, scale = standardize(x, axes, eps)
    _update(running_mean, lambda: values(x).mean(others), momentum)
    _update(running_var, lambda: (1 / values(scale) ** 2 - eps).mean(others) * (n / (n - 1)), momentum)
    return _affine(z, _channels(weight, x), _channels(bias, x))


def _update(running: Any, now: Any, momentum: float) -> None:
    """``running = (1 - momentum) * running + momentum * now()``, in place."""
    if running is not None and (isinstance(momentum, Tensor) or momentum):
        with no_grad():
            running *= 1 - momentum
            running += momentum * now()


@step
def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """`input` divided by ``(k + alpha * mean) ** beta``, with the mean square of the `size` channels around each.

    Channels beyond the first and the last count as zeros (Krizhevsky et al., 2012).

    Parameters
    ----------
    input : array_like, shape (n, channels, ...)
    size : int
        How many channels are taken together.
    alpha, beta, k : float
        The numbers of the formula.
    """
    x = floats(input)
    if x.ndim < 3 or size < 1:
        raise ValueError(f"local_response_norm: expected (n, channels, ...) and size > 0, got {x.shape} and {size=}")
    if not x.size:
        return x
    squares = square(x).reshape(x.shape[0], 1, x.shape[1], -1)
    total = window_sum(squares, kernel=(size, 1), padding=((size // 2, (size - 1) // 2), (0, 0))).reshape(x.shape)
    return x / (total * (alpha / size) + k) ** beta
