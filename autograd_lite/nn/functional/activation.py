"""Activation functions. `inplace` is accepted for compatibility with PyTorch, and ignored."""

from __future__ import annotations

from typing import Any

from ...rules import elementwise as E, special as S
from ...rules.random import rand_like
from ...tensor import Tensor
from ...tensor.creation import as_tensor
from .inputs import floats, rows, step, tensor_of

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softmax", "softmin",
    "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]

split, where = rows("split", "where")


def relu(input: Any, inplace: bool = False) -> Tensor:
    """``max(input, 0)``; its slope at 0 is 0."""
    return S.relu(tensor_of(input))


def relu6(input: Any, inplace: bool = False) -> Tensor:
    """`input` clipped to 0 … 6."""
    return S.relu6(tensor_of(input))


def sigmoid(input: Any) -> Tensor:
    """``1 / (1 + exp(-input))``, without overflow."""
    return E.sigmoid(tensor_of(input))


def tanh(input: Any) -> Tensor:
    """The hyperbolic tangent."""
    return E.tanh(tensor_of(input))


def silu(input: Any, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``, also called swish."""
    return S.silu(floats(input))


def mish(input: Any, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))``."""
    return S.mish(floats(input))


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """``input * Φ(input)``, Φ the normal distribution function: exact (with SciPy), or ``approximate='tanh'``."""
    return S.gelu(floats(input), approximate)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input`, and ``alpha * (exp(input) - 1)`` below 0."""
    return S.elu(floats(input), alpha)


def selu(input: Any, inplace: bool = False) -> Tensor:
    """An `elu` scaled so that layers keep mean 0 and variance 1."""
    return S.selu(floats(input))


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input`, and ``alpha * (exp(input / alpha) - 1)`` below 0."""
    return S.celu(floats(input), alpha)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input`, and ``negative_slope * input`` below 0."""
    return S.leaky_relu(floats(input), negative_slope)


@step
def prelu(input: Any, weight: Any) -> Tensor:
    """A `leaky_relu` whose slope is trained: one for all channels, or one for each (axis 1)."""
    w = tensor_of(weight)
    x = tensor_of(input, w)
    if w.size == 1:
        w = w if w.ndim <= x.ndim else w.reshape(())
    else:
        channels = x.shape[1] if x.ndim > 1 else 1
        if w.shape != (channels,):
            raise ValueError(f"prelu: expected 1 or {channels} slopes for an input of shape {x.shape}, got {w.shape}")
        w = w.reshape(-1, *[1] * (x.ndim - 2))
    return where(x > 0, x, w * x)


@step
def rrelu(
    input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """A `leaky_relu` whose slope is random for each entry in training, and ``(lower + upper) / 2`` otherwise."""
    x = floats(input)
    slope = rand_like(x, low=lower, high=upper) if training else (lower + upper) / 2
    return where(x > 0, x, slope * x)


@step
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``, and `input` itself where ``beta * input`` exceeds `threshold`.

    This formula does not overflow, so the default threshold of 20 is not applied: it would change the result by at most
    2e-9.
    """
    x = floats(input)
    y = S.softplus(x) if beta == 1 else S.softplus(beta * x) * (1 / beta)
    return y if threshold == 20 else where(beta * x > threshold, x, y)


def logsigmoid(input: Any) -> Tensor:
    """The logarithm of the sigmoid."""
    return S.log_sigmoid(floats(input))


def softsign(input: Any) -> Tensor:
    """``input / (1 + abs(input))``."""
    return S.softsign(floats(input))


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` clipped to `min_val` … `max_val`."""
    return S.hardtanh(tensor_of(input), min_val, max_val)


def hardsigmoid(input: Any, inplace: bool = False) -> Tensor:
    """``input / 6 + 1/2`` clipped to 0 … 1."""
    return S.hardsigmoid(floats(input))


def hardswish(input: Any, inplace: bool = False) -> Tensor:
    """``input * hardsigmoid(input)``."""
    return S.hardswish(floats(input))


@step
def hardshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """`input`, and 0 between ``-lambd`` and ``lambd``."""
    x = tensor_of(input)
    return where((x >= -lambd) & (x <= lambd), 0, x)


@step
def softshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """`input` moved towards 0 by `lambd`, and no further than 0."""
    if lambd < 0:
        raise ValueError(f"softshrink: lambd={lambd} must not be negative")
    x = floats(input)
    return S.relu(x - lambd) - S.relu(-x - lambd)


@step
def tanhshrink(input: Any) -> Tensor:
    """``input - tanh(input)``."""
    x = floats(input)
    return x - E.tanh(x)


@step
def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`input`, and `value` where it is at most `threshold`."""
    x = tensor_of(input)
    return where(x <= threshold, value, x)


@step
def glu(input: Any, dim: int = -1) -> Tensor:
    """One half of `input` along `dim`, times the sigmoid of the other half."""
    x = floats(input)
    if x.ndim == 0 or x.shape[dim] % 2:
        raise ValueError(f"glu: expected an even size along dim={dim}, got an input of shape {x.shape}")
    a, b = split(x, 2, axis=dim)
    return a * E.sigmoid(b)


def _along(name: str, dim: Any, dtype: Any, input: Any) -> Tensor:
    if dim is None:
        raise TypeError(f"{name}: expected dim=, the axis along which to sum to 1 (PyTorch guesses, with a warning)")
    return floats(input) if dtype is None else as_tensor(input, dtype)


def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """``exp(input)``, divided by its sum along `dim`.

    Examples
    --------
    >>> softmax([0.0, 0.0], dim=0)
    tensor([0.5, 0.5])
    """
    return S.softmax(_along("softmax", dim, dtype, input), dim)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`, computed without loss of precision."""
    return S.log_softmax(_along("log_softmax", dim, dtype, input), dim)


def softmin(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """`softmax` of ``-input``."""
    return S.softmax(-_along("softmin", dim, dtype, input), dim)
