"""Initial values of weights, written into a tensor in place; each function returns the tensor. The names are PyTorch's.

Layers initialise themselves; these functions are for other choices. `generator` is by default the one that
:func:`autograd_lite.manual_seed` seeds.

Sources: X. Glorot and Y. Bengio (2010) for xavier; K. He et al. (2015) for kaiming; A. Saxe et al. (2014)
for orthogonal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base.generator import numpy_generator
from ..base.listing import public_names as _public_names
from ..engine.context import no_grad
from ..tensor import Tensor


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        tensor[...] = values
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every entry to `val`."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Set every entry to 0."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every entry to 1."""
    return _fill(tensor, 1)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Draw uniformly between `a` and `b`."""
    return _fill(tensor, numpy_generator(generator).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from a normal distribution."""
    return _fill(tensor, numpy_generator(generator).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Draw from a normal distribution, again where the result is outside of `a` … `b`."""
    if not (a < b and mean - 8 * std < b and a < mean + 8 * std):
        raise ValueError(f"trunc_normal_: expected a < b within 8 std of the mean, got {a=}, {b=}, {mean=}, {std=}")
    rng = numpy_generator(generator)
    x = rng.normal(mean, std, tensor.shape)
    while np.any(outside := (x < a) | (x > b)):
        x[outside] = rng.normal(mean, std, int(outside.sum()))
    return _fill(tensor, x)


def eye_(tensor: Tensor) -> Tensor:
    """Set a matrix to the identity."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected a matrix, got shape {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Set weights of a convolution to the identity, for as many channels as input and output both have."""
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: expected weights of a convolution in {groups} groups, got shape {tensor.shape}")
    values = np.zeros(tensor.shape)
    out = tensor.shape[0] // groups
    rows = np.arange(tensor.shape[0])
    rows = rows[rows % out < tensor.shape[1]]
    middle: Any = (n // 2 for n in tensor.shape[2:])
    values[rows, rows % out, *middle] = 1
    return _fill(tensor, values)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """The number of inputs of an output, and of outputs of an input, for weights (out, in, ...)."""
    if tensor.ndim < 2:
        raise ValueError(f"expected weights of at least two axes, for outputs and inputs, got shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


_LINEAR = "linear sigmoid conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, **dict.fromkeys(_LINEAR.split(), 1.0)}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that preserves the variance through an activation; `param` is the slope of a leaky_relu."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: expected leaky_relu, {', '.join(_GAINS)}, got {nonlinearity!r}")
    return _GAINS[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw uniformly, with variance ``gain² · 2 / (fan_in + fan_out)``."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Draw from a normal distribution of variance ``gain² · 2 / (fan_in + fan_out)``."""
    return normal_(tensor, 0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"expected mode 'fan_in' or 'fan_out', got {mode!r}")
    return max(_fans(tensor)[mode == "fan_out"], 1)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Draw uniformly, with variance ``gain² / fan``, which preserves the variance through `nonlinearity`."""
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Draw from a normal distribution of variance ``gain² / fan``."""
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Set rows (or columns, whichever are fewer) to random orthogonal vectors of length `gain`.

    Axes after the first count as one.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected at least two axes, got shape {tensor.shape}")
    if tensor.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    q, r = np.linalg.qr(numpy_generator(generator).normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # so that the distribution is uniform over the orthogonal group
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Draw from a normal distribution, and set the fraction `sparsity` of each column to 0."""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: expected a matrix, got shape {tensor.shape}")
    rng = numpy_generator(generator)
    x = rng.normal(0, std, tensor.shape)
    zeros = math.ceil(sparsity * tensor.shape[0])
    for column in range(tensor.shape[1]):
        x[rng.permutation(tensor.shape[0])[:zeros], column] = 0
    return _fill(tensor, x)

__dir__ = _public_names(__name__)
