"""Recurrent nets: one step (a cell), and sequences of steps in layers and both directions.

The products of all inputs with their weights are one product; only what depends on the step before is
done step by step. Weights are called as in PyTorch: `weight_ih_l0` for the input of layer 0,
`weight_hh_l0` for its state, with `_reverse` behind for the direction that reads backwards; the parts for
the gates lie one after the other along the first axis.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from . import functional as F
from . import init
from .functional.inputs import given, rows
from .linear import parameter
from .module import Module, Parameter

concatenate, expand_dims, linear, sigmoid = rows("concatenate", "expand_dims", "linear", "sigmoid")
matmul, split, stack, tanh, unstack = rows("matmul", "split", "stack", "tanh", "unstack")

State = Any  # a Tensor, or for the LSTM a pair (h, c)

# -------------------------------------------------------------------------------------------- the equations
# `x` is the input's share, biases included where they can be; the state's weights come as `(weight, bias)`.


def rnn_step(x: Tensor, h: Tensor, weight: Tensor, bias: Any, nonlinearity: str) -> Tensor:
    """``h' = tanh(x + W h + b)``, or relu."""
    z = x + _state(h, weight, bias)
    return tanh(z) if nonlinearity == "tanh" else F.relu(z)


def lstm_step(x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
    """Input, forget and output gates (Hochreiter and Schmidhuber, 1997; Gers et al., 2000)."""
    h, c = state
    i, f, g, o = split(x + _state(h, weight, bias), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_step(x: Tensor, h: Tensor, weight: Tensor, bias: Any) -> Tensor:
    """Reset and update gates (Cho et al., 2014); the reset is applied after the product, as in cuDNN and PyTorch."""
    xr, xz, xn = split(x, 3, -1)
    hr, hz, hn = split(_state(h, weight, bias), 3, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = tanh(xn + r * hn)
    return n + z * (h - n)


def _state(h: Tensor, weight: Tensor, bias: Any) -> Tensor:
    return matmul(h, weight.T) if bias is None else linear(h, weight, bias)


# --------------------------------------------------------------------------------------------------- layers


class _Recurrent(Module):
    """What the three kinds share: their weights, layers and directions."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # how many arrays the state is

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = (
            bias,
            batch_first,
            dropout,
            bidirectional,
        )
        self.directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * self.directions
            for suffix in self._suffixes(layer):
                n = self.gates * hidden_size
                setattr(self, f"weight_ih{suffix}", parameter(n, inputs, dtype=dtype))
                setattr(self, f"weight_hh{suffix}", parameter(n, hidden_size, dtype=dtype))
                if bias:
                    setattr(self, f"bias_ih{suffix}", parameter(n, dtype=dtype))
                    setattr(self, f"bias_hh{suffix}", parameter(n, dtype=dtype))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def reset_parameters(self) -> None:
        """Draw the weights anew, evenly between ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for p in self.parameters(recurse=False):
            init.uniform_(p, -bound, bound)

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step; written by each kind."""
        raise NotImplementedError(f"{type(self).__name__} has no step()")  # abstract

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = given(input, self._parameters["weight_ih_l0"])
        batched = x.ndim == 3
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "batch, length" if self.batch_first else "length, batch"
            raise ValueError(
                f"{self!r}: an input of shape {x.shape}; ({order}, {self.input_size}) is needed"
            )
        if not batched:
            x = expand_dims(x, 1)
        elif self.batch_first:
            x = x.transpose(1, 0, 2)
        start = self._start(hx, x, batched)
        ends: list[Any] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            both = []
            for k, suffix in enumerate(self._suffixes(layer)):
                y, end = self._run(x, start[layer * self.directions + k], suffix, backwards=k == 1)
                both.append(y)
                ends.append(end)
            x = both[0] if len(both) == 1 else concatenate(both, -1)
        y = x if batched else x[:, 0]
        return (y.transpose(1, 0, 2) if batched and self.batch_first else y), self._end(ends, batched)

    def _run(self, x: Tensor, state: State, suffix: str, backwards: bool) -> tuple[Tensor, State]:
        """One layer in one direction: all outputs, and the state at the end."""
        weights, bias_hh = self._parameters, None
        bias = weights.get(f"bias_ih{suffix}")
        w: Any = weights[f"weight_hh{suffix}"]
        shares = F.linear(x, weights[f"weight_ih{suffix}"], bias)
        bias_hh = weights.get(f"bias_hh{suffix}")
        steps = list(unstack(shares))
        outputs = []
        for share in reversed(steps) if backwards else steps:
            state = self.step(share, state, w, bias_hh)
            outputs.append(state[0] if self.states == 2 else state)
        return stack(outputs[::-1] if backwards else outputs), state

    def _start(self, hx: Any, x: Tensor, batched: bool) -> list[State]:
        """The state that each layer and direction begins with."""
        count = self.num_layers * self.directions
        shape = (count, x.shape[1], self.hidden_size)
        if hx is None:
            zeros = given(np.zeros(shape[1:], np.result_type(x.dtype, self.weight_hh_l0.dtype)))
            return [(zeros, zeros) if self.states == 2 else zeros] * count
        parts = hx if self.states == 2 else (hx,)
        if len(parts) != self.states:
            raise ValueError(f"{self!r}: the state is a pair (h_0, c_0)")
        arrays = [given(part, self.weight_hh_l0) for part in parts]
        arrays = arrays if batched else [expand_dims(a, 1) if a.ndim == 2 else a for a in arrays]
        for a in arrays:
            if a.shape != shape:
                wanted = shape if batched else (count, self.hidden_size)
                raise ValueError(f"{self!r}: a state of shape {a.shape}; {wanted} is needed")
        each = [list(unstack(a)) for a in arrays]
        return list(zip(*each, strict=True)) if self.states == 2 else each[0]

    def _end(self, ends: list[Any], batched: bool) -> Any:
        parts = list(zip(*ends, strict=True)) if self.states == 2 else [tuple(ends)]
        arrays = [stack(part) if batched else stack(part)[:, 0] for part in parts]
        return tuple(arrays) if self.states == 2 else arrays[0]

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        usual: dict[str, Any] = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, default in {**usual, "bidirectional": False}.items():
            if getattr(self, name) != default:
                shown += f", {name}={getattr(self, name)}"
        return shown


class RNN(_Recurrent):
    """Layers of ``h' = tanh(W x + b + U h + c)`` (or relu) along sequences.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    nonlinearity : {'tanh', 'relu'}
    bias : bool
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    dropout : float
        Between layers, in training.
    bidirectional : bool
        Whether each layer reads in both directions.
    dtype : dtype, optional

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> output, h_n = nn.RNN(3, 5)(np.zeros((7, 2, 3)))
    >>> output.shape, h_n.shape
    ((7, 2, 5), (1, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype
        )
        self.nonlinearity = _known(nonlinearity, "RNN")

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return rnn_step(x, state, weight, bias, self.nonlinearity)


class LSTM(_Recurrent):
    """Long short-term memory; its state is a pair (h, c). Arguments as for :class:`RNN`.

    The gates lie in the weights in the order input, forget, cell, output.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> output, (h_n, c_n) = nn.LSTM(3, 5, batch_first=True)(np.zeros((2, 7, 3)))
    >>> output.shape, c_n.shape
    ((2, 7, 5), (1, 2, 5))
    """

    gates, states = 4, 2

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return lstm_step(x, state, weight, bias)


class GRU(_Recurrent):
    """Gated recurrent units. Arguments as for :class:`RNN`; the gates lie in the order reset, update, new."""

    gates = 3

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return gru_step(x, state, weight, bias)


def _known(nonlinearity: str, name: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{name}: nonlinearity={nonlinearity!r}; it is 'tanh' or 'relu'")
    return nonlinearity


# ---------------------------------------------------------------------------------------------------- cells


class _Cell(Module):
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: Any = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        n = self.gates * hidden_size
        self.weight_ih = parameter(n, input_size, dtype=dtype)
        self.weight_hh = parameter(n, hidden_size, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, parameter(n, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, evenly between ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for p in self.parameters(recurse=False):
            init.uniform_(p, -bound, bound)

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step; written by each kind."""
        raise NotImplementedError(f"{type(self).__name__} has no step()")  # abstract

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = given(input, self.weight_ih)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(f"{self!r}: an input of shape {x.shape}; (batch, {self.input_size}) is needed")
        shape = (*x.shape[:-1], self.hidden_size)
        if hx is None:
            zeros = given(np.zeros(shape, np.result_type(x.dtype, self.weight_hh.dtype)))
            hx = (zeros, zeros) if self.states == 2 else zeros
        else:
            hx = (
                tuple(given(h, self.weight_hh) for h in hx)
                if self.states == 2
                else given(hx, self.weight_hh)
            )
        for h in hx if self.states == 2 else (hx,):
            if h.shape != shape:
                raise ValueError(f"{self!r}: a state of shape {h.shape}; {shape} is needed")
        return self.step(F.linear(x, self.weight_ih, self.bias_ih), hx, self.weight_hh, self.bias_hh)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (", bias=False" if self.bias_ih is None else "")


class RNNCell(_Cell):
    """One step of an RNN: (batch, input_size) and the state (batch, hidden_size) to the new state."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype)
        self.nonlinearity = _known(nonlinearity, "RNNCell")

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return rnn_step(x, state, weight, bias, self.nonlinearity)


class LSTMCell(_Cell):
    """One step of an LSTM: its state, in and out, is a pair (h, c)."""

    gates, states = 4, 2

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return lstm_step(x, state, weight, bias)


class GRUCell(_Cell):
    """One step of a GRU."""

    gates = 3

    def step(self, x: Tensor, state: State, weight: Tensor, bias: Any) -> State:
        """One step."""
        return gru_step(x, state, weight, bias)
