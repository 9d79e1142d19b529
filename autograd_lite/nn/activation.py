"""Activations as modules, for use in a `Sequential`: each calls its function in `functional`.

`inplace=` is accepted for compatibility with PyTorch and ignored: recorded values are never overwritten.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rules.scipy_special import scipy_module
from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F
from .module import Module, Parameter
from .stateless import Stateless

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax", "Softmax2d",
    "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
]


class ReLU(Stateless, function=F.relu):
    """``max(input, 0)``."""


class ReLU6(Stateless, function=F.relu6):
    """`input` clipped to 0 … 6."""


class LeakyReLU(Stateless, function=F.leaky_relu):
    """``input``, with a small slope below 0."""


class ELU(Stateless, function=F.elu):
    """``input`` above 0; below 0 an exponential that tends to ``-alpha``."""


class SELU(Stateless, function=F.selu):
    """An ELU scaled so that layers keep mean 0 and variance 1."""


class CELU(Stateless, function=F.celu):
    """An ELU whose derivative is continuous for any `alpha`."""


class SiLU(Stateless, function=F.silu):
    """``input * sigmoid(input)``."""


class Mish(Stateless, function=F.mish):
    """``input * tanh(softplus(input))``."""


class GELU(Stateless, function=F.gelu):
    """``input * Φ(input)``, where Φ is the normal distribution function.

    Raises
    ------
    ImportError
        If SciPy, which has Φ, is not installed; ``approximate="tanh"`` needs nothing.
    """

    def _keep(self, name: str, value: Any) -> None:
        if name == "approximate" and value == "none":
            scipy_module('nn.GELU (without approximate="tanh")')
        super()._keep(name, value)


class Sigmoid(Stateless, function=F.sigmoid):
    """``1 / (1 + exp(-input))``."""


class LogSigmoid(Stateless, function=F.logsigmoid):
    """The logarithm of the sigmoid."""


class Tanh(Stateless, function=F.tanh):
    """The hyperbolic tangent."""


class Tanhshrink(Stateless, function=F.tanhshrink):
    """``input - tanh(input)``."""


class Softsign(Stateless, function=F.softsign):
    """``input / (1 + abs(input))``."""


class Softplus(Stateless, function=F.softplus):
    """``log(1 + exp(beta * input)) / beta``."""


class Softshrink(Stateless, function=F.softshrink):
    """`input` moved towards 0 by `lambd`, and no further than 0."""


class Hardshrink(Stateless, function=F.hardshrink):
    """`input`, and 0 between ``-lambd`` and ``lambd``."""


class Hardtanh(Stateless, function=F.hardtanh):
    """`input` clipped to `min_val` … `max_val`."""


class Hardsigmoid(Stateless, function=F.hardsigmoid):
    """``input / 6 + 1/2`` clipped to 0 … 1."""


class Hardswish(Stateless, function=F.hardswish):
    """``input * hardsigmoid(input)``."""


class Threshold(Stateless, function=F.threshold):
    """`input` where it is above `threshold`, and `value` elsewhere."""


class GLU(Stateless, function=F.glu):
    """One half of `input` along `dim`, times the sigmoid of the other half."""


class Softmax(Stateless, function=F.softmax, options="dim"):
    """``exp(input)`` divided by its sum along `dim`."""


class LogSoftmax(Stateless, function=F.log_softmax, options="dim"):
    """The logarithm of Softmax."""


class Softmin(Stateless, function=F.softmin, options="dim"):
    """Softmax of ``-input``."""


class Softmax2d(Module):
    """Softmax over the channels of images."""

    def forward(self, input: Any) -> Tensor:
        if np.ndim(input) not in (3, 4):
            raise ValueError(f"Softmax2d: expected an input of shape (n, channels, h, w), got {np.shape(input)}")
        return F.softmax(input, -3)


class RReLU(Stateless, function=F.rrelu):
    """A LeakyReLU whose slopes are random in training."""


class PReLU(Module):
    """A LeakyReLU whose slope is learned: one for all channels, or one for each."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(np.full(num_parameters, init, dtype or get_default_dtype()))

    def forward(self, input: Any) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
