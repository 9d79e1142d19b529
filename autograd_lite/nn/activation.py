"""Activations as modules, to stand in a `Sequential`: each calls its function in `functional`.

`inplace=` is accepted for the sake of PyTorch's programs; what a graph has recorded is never written into.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from . import functional as F
from .module import Module, Parameter


class Activation(Module):
    """A function with a few fixed options, which its repr shows."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options
        for name, value in options.items():
            setattr(self, name, value)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._options.items())


class ReLU(Activation):
    """``max(input, 0)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.relu(input)


class ReLU6(Activation):
    """`input` clipped to 0 … 6."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.relu6(input)


class LeakyReLU(Activation):
    """A small slope below 0."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)

    def forward(self, input: Any) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)


class ELU(Activation):
    """Bends to ``-alpha`` below 0."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)

    def forward(self, input: Any) -> Tensor:
        return F.elu(input, self.alpha)


class SELU(Activation):
    """An ELU scaled so that layers keep mean 0 and variance 1."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.selu(input)


class CELU(Activation):
    """An ELU whose slope is continuous for any `alpha`."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)

    def forward(self, input: Any) -> Tensor:
        return F.celu(input, self.alpha)


class SiLU(Activation):
    """``input * sigmoid(input)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.silu(input)


class Mish(Activation):
    """``input * tanh(softplus(input))``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.mish(input)


class GELU(Activation):
    """`input` times the normal distribution function at it."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)

    def forward(self, input: Any) -> Tensor:
        return F.gelu(input, self.approximate)


class Sigmoid(Activation):
    """``1 / (1 + exp(-input))``."""

    def forward(self, input: Any) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Activation):
    """The logarithm of the sigmoid."""

    def forward(self, input: Any) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, input: Any) -> Tensor:
        return F.tanh(input)


class Tanhshrink(Activation):
    """``input - tanh(input)``."""

    def forward(self, input: Any) -> Tensor:
        return F.tanhshrink(input)


class Softsign(Activation):
    """``input / (1 + abs(input))``."""

    def forward(self, input: Any) -> Tensor:
        return F.softsign(input)


class Softplus(Activation):
    """``log(1 + exp(beta * input)) / beta``."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)

    def forward(self, input: Any) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Softshrink(Activation):
    """`input` moved towards 0 by `lambd`."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, input: Any) -> Tensor:
        return F.softshrink(input, self.lambd)


class Hardshrink(Activation):
    """0 between ``-lambd`` and ``lambd``."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def forward(self, input: Any) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Hardtanh(Activation):
    """`input` clipped."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val)

    def forward(self, input: Any) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val)


class Hardsigmoid(Activation):
    """``input / 6 + 1/2`` clipped to 0 … 1."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.hardsigmoid(input)


class Hardswish(Activation):
    """``input * hardsigmoid(input)``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, input: Any) -> Tensor:
        return F.hardswish(input)


class Threshold(Activation):
    """`value` where `input` is not above `threshold`."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value)

    def forward(self, input: Any) -> Tensor:
        return F.threshold(input, self.threshold, self.value)


class GLU(Activation):
    """One half of `input` along `dim`, times the sigmoid of the other."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, input: Any) -> Tensor:
        return F.glu(input, self.dim)


class Softmax(Activation):
    """Positive, and of sum 1 along `dim`."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, input: Any) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(Activation):
    """The logarithm of Softmax."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, input: Any) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(Activation):
    """Softmax of ``-input``."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)

    def forward(self, input: Any) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Activation):
    """Softmax over the channels of images."""

    def forward(self, input: Any) -> Tensor:
        if np.ndim(input) not in (3, 4):
            raise ValueError(
                f"Softmax2d: an input of shape {np.shape(input)}; (n, channels, h, w) is needed"
            )
        return F.softmax(input, -3)


class RReLU(Activation):
    """A LeakyReLU with random slopes in training."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(lower=lower, upper=upper)

    def forward(self, input: Any) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training)


class PReLU(Activation):
    """A LeakyReLU whose slope is learned: one for all, or one for each channel."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        super().__init__(num_parameters=num_parameters)
        self.weight = Parameter(np.full(num_parameters, init, dtype or get_default_dtype()))

    def forward(self, input: Any) -> Tensor:
        return F.prelu(input, self.weight)
