"""Activations as modules, for use in a `Sequential`: each calls its function in `functional`.

`inplace=` is accepted for compatibility with PyTorch and ignored: recorded values are never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F
from .module import Module, Parameter


class Activation(Module):
    """Calls `function` with the input and the options, which are attributes and stand in the repr."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = tuple(options)
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, input: Any) -> Tensor:
        return self.function(input, *(getattr(self, name) for name in self._options))

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._options)


class _NoOptions(Activation):
    def __init__(self) -> None:
        super().__init__()


class _InPlace(Activation):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class _Alpha(Activation):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)


class _Shrink(Activation):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class _AlongDim(Activation):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class ReLU(_InPlace):
    """``max(input, 0)``."""

    function = staticmethod(F.relu)


class ReLU6(_InPlace):
    """`input` clipped to 0 … 6."""

    function = staticmethod(F.relu6)


class LeakyReLU(Activation):
    """``input``, with a small slope below 0."""

    function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)


class ELU(_Alpha):
    """``input`` above 0; below 0 an exponential that tends to ``-alpha``."""

    function = staticmethod(F.elu)


class SELU(_InPlace):
    """An ELU scaled so that layers keep mean 0 and variance 1."""

    function = staticmethod(F.selu)


class CELU(_Alpha):
    """An ELU whose derivative is continuous for any `alpha`."""

    function = staticmethod(F.celu)


class SiLU(_InPlace):
    """``input * sigmoid(input)``."""

    function = staticmethod(F.silu)


class Mish(_InPlace):
    """``input * tanh(softplus(input))``."""

    function = staticmethod(F.mish)


class GELU(Activation):
    """``input * Φ(input)``, where Φ is the normal distribution function."""

    function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Sigmoid(_NoOptions):
    """``1 / (1 + exp(-input))``."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_NoOptions):
    """The logarithm of the sigmoid."""

    function = staticmethod(F.logsigmoid)


class Tanh(_NoOptions):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Tanhshrink(_NoOptions):
    """``input - tanh(input)``."""

    function = staticmethod(F.tanhshrink)


class Softsign(_NoOptions):
    """``input / (1 + abs(input))``."""

    function = staticmethod(F.softsign)


class Softplus(Activation):
    """``log(1 + exp(beta * input)) / beta``."""

    function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Softshrink(_Shrink):
    """`input` moved towards 0 by `lambd`, and no further than 0."""

    function = staticmethod(F.softshrink)


class Hardshrink(_Shrink):
    """`input`, and 0 between ``-lambd`` and ``lambd``."""

    function = staticmethod(F.hardshrink)


class Hardtanh(Activation):
    """`input` clipped to `min_val` … `max_val`."""

    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class Hardsigmoid(_InPlace):
    """``input / 6 + 1/2`` clipped to 0 … 1."""

    function = staticmethod(F.hardsigmoid)


class Hardswish(_InPlace):
    """``input * hardsigmoid(input)``."""

    function = staticmethod(F.hardswish)


class Threshold(Activation):
    """`input` where it is above `threshold`, and `value` elsewhere."""

    function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value)


class GLU(Activation):
    """One half of `input` along `dim`, times the sigmoid of the other half."""

    function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(_AlongDim):
    """``exp(input)`` divided by its sum along `dim`."""

    function = staticmethod(F.softmax)


class LogSoftmax(_AlongDim):
    """The logarithm of Softmax."""

    function = staticmethod(F.log_softmax)


class Softmin(_AlongDim):
    """Softmax of ``-input``."""

    function = staticmethod(F.softmin)


class Softmax2d(_NoOptions):
    """Softmax over the channels of images."""

    def forward(self, input: Any) -> Tensor:
        if np.ndim(input) not in (3, 4):
            raise ValueError(f"Softmax2d: expected an input of shape (n, channels, h, w), got {np.shape(input)}")
        return F.softmax(input, -3)


class RReLU(Activation):
    """A LeakyReLU whose slopes are random in training."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(lower=lower, upper=upper)

    def forward(self, input: Any) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training)


class PReLU(Activation):
    """A LeakyReLU whose slope is learned: one for all channels, or one for each."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        super().__init__(num_parameters=num_parameters)
        self.weight = Parameter(np.full(num_parameters, init, dtype or get_default_dtype()))

    def forward(self, input: Any) -> Tensor:
        return F.prelu(input, self.weight)
