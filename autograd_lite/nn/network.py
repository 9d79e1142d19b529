"""The talk's own framework, by its names: a net is a list of layers and a loss.

Layers pass values forward and gradients backward. Here a layer writes only the first; the second is the
graph's. What else is done differently, and why, is told in the docs (`nn`): in short, the loss is a loss,
the backward pass changes no weights, and a step has a length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..engine.context import no_grad
from ..table import TABLE
from ..tensor import Tensor
from . import functional as F
from . import init
from .containers import ModuleList
from .functional.inputs import given
from .lazy import UninitializedParameter, materialize
from .module import Module, Parameter


class FullyConnected(Module):
    """Every input to every neuron: ``activation_function(X @ W + b)``.

    Parameters
    ----------
    n_neurons : int
    activation_function : callable
        Of a Tensor, such as ``ag.sigmoid`` or ``nn.ReLU()``.
    bias : bool
        The talk has none.
    scale : float, optional
        The standard deviation with which W is drawn: 1/√inputs unless given, so that the sums do not grow
        with the number of inputs and drive the sigmoid to where it is flat. The talk's is 1.
    dtype : dtype, optional

    Attributes
    ----------
    W : Parameter, shape (inputs, n_neurons)
        The number of inputs is that of the first input seen.
    b : Parameter, shape (n_neurons,)

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> layer = FullyConnected(4, ag.sigmoid)
    >>> layer(np.ones((8, 3))).shape, layer.W.shape
    ((8, 4), (3, 4))
    """

    W: Parameter
    b: Parameter | None

    def __init__(
        self, n_neurons: int, activation_function: Callable[[Any], Any], bias: bool = True, scale: float | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not callable(activation_function):
            raise TypeError(f"FullyConnected: activation_function={activation_function!r} is no function of a tensor")
        self.n_neurons, self.activation_function, self.scale = n_neurons, activation_function, scale
        self.W = UninitializedParameter(dtype)
        self.register_parameter("b", Parameter(np.zeros(n_neurons, self.W.dtype)) if bias else None)

    def forward(self, X: Any) -> Any:
        x = given(X, self.W)
        if x.ndim != 2:
            raise ValueError(f"{self!r}: an input of shape {x.shape}; it is (samples, inputs), one sample too")
        if getattr(self.W, "lazy", False):
            self._begin(x.shape[1])
        if x.shape[1] != self.W.shape[0]:
            raise ValueError(f"{self!r}: an input of shape {x.shape}; its first had {self.W.shape[0]} values")
        A = x @ self.W if self.b is None else x @ self.W + self.b
        return self.activation_function(A)

    def _begin(self, inputs: int) -> None:
        """Draw W for so many inputs: once, from the stream that `ag.manual_seed` begins."""
        W = Parameter(np.zeros((inputs, self.n_neurons), self.W.dtype))
        std = 1 / math.sqrt(max(inputs, 1)) if self.scale is None else self.scale
        materialize(self.W, init.normal_(W, 0, std))

    def _sized_by(self, state: Any, prefix: str) -> None:
        W = state.get(f"{prefix}W")
        if W is not None and getattr(self.W, "lazy", False):
            self._begin(W.shape[0])

    def extra_repr(self) -> str:
        shown = f"n_neurons={self.n_neurons}"
        if isinstance(self.activation_function, Module):  # shown as a part
            return shown
        return f"{shown}, activation_function={getattr(self.activation_function, '__name__', '...')}"


class NeuralNetwork(Module):
    """A list of layers and a loss function.

    Parameters
    ----------
    layers : iterable of Module
    loss_function : callable
        Of a prediction and the right answers; the talk's, half the squared error summed over outputs and
        samples, unless another is given.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> from autograd_lite.data import truth_table
    >>> _ = ag.manual_seed(0)
    >>> X, Y = truth_table()
    >>> net = NeuralNetwork([FullyConnected(4, ag.sigmoid), FullyConnected(1, ag.sigmoid)])
    >>> for epoch in range(300):
    ...     for x, y in zip(X, Y):
    ...         L = net.learn(x[None], y[None])
    >>> bool(np.array_equal(net.forwardpass(X).numpy().round(), Y))
    True
    """

    def __init__(
        self, layers: Iterable[Module], loss_function: Callable[[Any, Any], Any] = F.half_squared_error
    ) -> None:
        super().__init__()
        self.layers = ModuleList(layers)
        self.loss_function = loss_function

    def forward(self, X: Any) -> Any:
        for layer in self.layers:
            X = layer(X)
        return X

    def forwardpass(self, X: Any) -> Tensor:
        """The prediction for each row of X, with nothing recorded."""
        with no_grad():
            return given(self(X))

    def loss(self, prediction: Any, Y: Any) -> Tensor:
        """How far the prediction is from Y: one number."""
        loss = self.loss_function(prediction, Y)
        return loss if np.ndim(loss) == 0 else TABLE["sum"](loss)

    def backpropagate(self, loss: Tensor) -> None:
        """The gradient of the loss by every weight, into its `.grad`. No weight is changed."""
        loss.backward()

    backpropogate = backpropagate  # as the talk spells it

    def update(self, learning_rate: float = 1.0) -> None:
        """Move every weight against its gradient, and forget the gradient."""
        with no_grad():
            for weight in self.parameters():
                if weight.grad is not None:
                    weight[...] = weight - learning_rate * weight.grad
                    weight.zero_grad()

    def learn(self, X: Any, Y: Any, learning_rate: float = 1.0) -> float:
        """One step: forward, loss, backward, update; returns the loss before it."""
        loss = self.loss(self(X), Y)
        self.backpropagate(loss)
        self.update(learning_rate)
        return float(loss.item())
