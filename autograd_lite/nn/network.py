"""The talk's own framework, with its names: a net is a list of layers and a loss.

In the talk a layer passes values forward and gradients backward. Here it defines only the forward pass. The page on
layers lists the other differences, with reasons: in short, `loss` returns the loss, the backward pass changes no
weights, and a step has a learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..engine.context import no_grad
from ..table import TABLE
from ..tensor import Tensor
from . import functional as F, init
from .containers import ModuleList
from .functional.inputs import tensor_of
from .lazy import UninitializedParameter, materialize
from .module import Module, Parameter

__all__ = ["FullyConnected", "NeuralNetwork"]


class FullyConnected(Module):
    """A fully connected layer: ``activation_function(X @ W + b)``.

    Parameters
    ----------
    n_neurons : int
        The number of outputs.
    activation_function : callable
        A function of a Tensor, such as ``ag.sigmoid`` or ``nn.ReLU()``.
    bias : bool
        Whether to add a bias; the talk's layers have none.
    scale : float, optional
        The standard deviation of the initial W. By default it is 1/√inputs, so that the sums do not grow with the
        number of inputs and saturate the sigmoid. The talk's is 1.
    dtype : dtype, optional
        Of the parameters; by default that of ``set_default_dtype``.

    Attributes
    ----------
    W : Parameter, shape (inputs, n_neurons)
        The first input determines the number of inputs.
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
            raise TypeError(f"FullyConnected: expected a function of a tensor, got {activation_function=}")
        self.n_neurons, self.activation_function, self.scale = n_neurons, activation_function, scale
        self.W = UninitializedParameter(dtype)
        self.register_parameter("b", Parameter(np.zeros(n_neurons, self.W.dtype)) if bias else None)

    def forward(self, X: Any) -> Any:
        x = tensor_of(X, self.W)
        if x.ndim != 2:
            raise ValueError(f"{self!r}: expected an input of shape (samples, inputs), got {x.shape}")
        if hasattr(self.W, "lazy"):
            self._begin(x.shape[1])
        if x.shape[1] != self.W.shape[0]:
            raise ValueError(f"{self!r}: expected {self.W.shape[0]} inputs, as in the first call, got shape {x.shape}")
        A = x @ self.W if self.b is None else x @ self.W + self.b
        return self.activation_function(A)

    def _begin(self, inputs: int) -> None:
        """Draw W for this number of inputs, once, from the generator that `ag.manual_seed` seeds."""
        W = Parameter(np.zeros((inputs, self.n_neurons), self.W.dtype))
        std = 1 / math.sqrt(max(inputs, 1)) if self.scale is None else self.scale
        materialize(self.W, init.normal_(W, 0, std))

    def _sized_by(self, state: Any, prefix: str) -> None:
        W = state.get(f"{prefix}W")
        if W is not None and hasattr(self.W, "lazy"):
            self._begin(W.shape[0])

    def extra_repr(self) -> str:
        shown = f"n_neurons={self.n_neurons}"
        if isinstance(self.activation_function, Module):  # the repr shows it as a part
            return shown
        return f"{shown}, activation_function={getattr(self.activation_function, '__name__', '...')}"


class NeuralNetwork(Module):
    """A list of layers and a loss function.

    Parameters
    ----------
    layers : iterable of Module
        They are called one after another.
    loss_function : callable
        A function of a prediction and the targets; by default the talk's, half the squared error summed over outputs
        and samples.

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
        """The prediction for each row of X, without recording a graph."""
        with no_grad():
            return tensor_of(self(X))

    def loss(self, prediction: Any, Y: Any) -> Tensor:
        """The loss of a prediction with targets Y: one number."""
        loss = self.loss_function(prediction, Y)
        return loss if np.ndim(loss) == 0 else TABLE["sum"](loss)

    def backpropagate(self, loss: Tensor) -> None:
        """Store the gradient of the loss with respect to every weight in its `.grad`. No weight changes."""
        loss.backward()

    backpropogate = backpropagate  # as the talk spells it

    def update(self, learning_rate: float = 1.0) -> None:
        """Subtract ``learning_rate * gradient`` from every weight, and clear the gradient."""
        with no_grad():
            for weight in self.parameters():
                if weight.grad is not None:
                    weight[...] = weight - learning_rate * weight.grad
                    weight.zero_grad()

    def learn(self, X: Any, Y: Any, learning_rate: float = 1.0) -> float:
        """One training step: forward, loss, backward, update; returns the loss before the update."""
        loss = self.loss(self(X), Y)
        self.backpropagate(loss)
        self.update(learning_rate)
        return float(loss.item())
