"""Recurrent nets: one step (a cell), and sequences of steps, in layers and in both directions.

The inputs of all steps are multiplied by their weights in one product; only what depends on the previous state is
computed step by step. Weights have PyTorch's names: `weight_ih_l0` for the input of layer 0, `weight_hh_l0` for its
state, with the suffix `_reverse` for the direction that reads backwards. The blocks for the gates are stacked along
the first axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..engine.context import runs_again
from ..tensor import Tensor
from ..tensor.show import public
from . import functional as F
from .functional.inputs import rows, tensor_of
from .linear import draw_parameters, parameter
from .module import Module, Parameter

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

concatenate, expand_dims, linear, sigmoid = rows("concatenate", "expand_dims", "linear", "sigmoid")
matmul, split, stack, tanh, unstack = rows("matmul", "split", "stack", "tanh", "unstack")

State = tuple[Any, ...]  # (h,), and of an LSTM (h, c)


class _Gated(Module):
    """Base of layers and cells: the sizes, the first weights, and the equation of one step."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # the number of arrays in the state
    hidden_size: int
    #: From the products of input and state with their weights, and the state, to the next state.
    _step: ClassVar[Callable[..., State]]

    def reset_parameters(self) -> None:
        """Draw new weights, uniformly between ±1/√hidden_size."""
        draw_parameters(self, self.hidden_size)

    def _add_weights(self, inputs: int, outputs: int, bias: bool, dtype: Any, suffix: str = "") -> None:
        n = self.gates * self.hidden_size
        setattr(self, f"weight_ih{suffix}", parameter(n, inputs, dtype=dtype))
        setattr(self, f"weight_hh{suffix}", parameter(n, outputs, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(f"{name}{suffix}", parameter(n, dtype=dtype) if bias else None)

    def _arrays(self, hx: Any, shapes: Sequence[tuple[int, ...]], x: Tensor, weight: Tensor) -> State:
        """The arrays of the state that the user passes, or zeros of the dtype of the result."""
        if hx is None:
            dtype = np.result_type(x.dtype, weight.dtype)
            return tuple(tensor_of(np.zeros(shape, dtype)) for shape in shapes)
        state = hx if self.states == 2 else (hx,)
        if len(state) != self.states:
            raise ValueError(f"{self!r}: expected the state as a pair (h_0, c_0), got {len(state)} arrays")
        arrays = tuple(tensor_of(h, weight) for h in state)
        for h, shape in zip(arrays, shapes, strict=True):
            if h.shape != shape:
                raise ValueError(f"{self!r}: expected a state of shape {shape}, got {h.shape}")
        return arrays

    def _next(self, x: Tensor, state: State, weight: Any, bias: Any, projection: Any = None) -> State:
        """The next state; `x` is the input times its weights, plus its bias, and the others are those of the state."""
        h = state[0]
        y = matmul(h, weight.T) if bias is None else linear(h, weight, bias)
        h, *c = self._step(x, y, *state)
        return h if projection is None else matmul(h, projection.T), *c


class _RNN(_Gated):
    """``h' = tanh(x + y)``, or relu."""

    nonlinearity: str

    def _set_nonlinearity(self, nonlinearity: str) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"{type(self).__name__}: expected 'tanh' or 'relu', got {nonlinearity=}")
        self.nonlinearity = nonlinearity

    def _step(self, x: Tensor, y: Tensor, *state: Tensor) -> State:
        return ((tanh if self.nonlinearity == "tanh" else F.relu)(x + y),)


class _LSTM(_Gated):
    """``c' = f c + i tanh(g)``, ``h' = o tanh(c')`` (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).

    With a projection P, ``h' = P (o tanh(c'))`` (Sak et al., 2014).
    """

    gates, states = 4, 2

    def _step(self, x: Tensor, y: Tensor, *state: Tensor) -> State:
        i, f, g, o = split(x + y, 4, -1)
        c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c


class _GRU(_Gated):
    """``h' = (1 - z) n + z h`` (Cho et al., 2014); the reset gate r acts after the product, as in cuDNN and PyTorch."""

    gates = 3

    def _step(self, x: Tensor, y: Tensor, *state: Tensor) -> State:
        xr, xz, xn = split(x, 3, -1)
        yr, yz, yn = split(y, 3, -1)
        r, z = sigmoid(xr + yr), sigmoid(xz + yz)
        n = tanh(xn + r * yn)
        return (n + z * (state[0] - n),)


# --------------------------------------------------------------------------------------------------- layers


class _Layers(_Gated):
    """Steps along sequences, in layers and directions."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(num_layers, int | np.integer) or num_layers < 1:
            raise ValueError(
                f"{type(self).__name__}: expected num_layers as a whole number from 1 on, got {num_layers!r}"
            )
        if proj_size and (self.states == 1 or not 0 < proj_size < hidden_size):
            raise ValueError(
                f"{type(self).__name__}: expected proj_size for an LSTM only, and below hidden_size, got {proj_size=} "
                f"and {hidden_size=}"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.proj_size, self.directions = proj_size, 2 if bidirectional else 1
        outputs = proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else outputs * self.directions
            for suffix in self._suffixes(layer):
                self._add_weights(inputs, outputs, bias, dtype, suffix)
                if proj_size:
                    setattr(self, f"weight_hr{suffix}", parameter(proj_size, hidden_size, dtype=dtype))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = tensor_of(input, self._parameters["weight_ih_l0"])
        batched = x.ndim == 3
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "batch, length" if self.batch_first else "length, batch"
            raise ValueError(f"{self!r}: expected an input of shape ({order}, {self.input_size}), got {x.shape}")
        if not batched:
            x = expand_dims(x, 1)
        elif self.batch_first:
            x = x.transpose(1, 0, 2)
        if len(x) == 0:
            raise ValueError(f"{self!r}: expected a sequence of one step or more, got shape {np.shape(input)}")
        start = self._start(hx, x, batched)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            both: list[Tensor] = []
            for suffix in self._suffixes(layer):
                y, end = self._run(x, start[len(ends)], suffix, backwards=bool(both))
                both.append(y)
                ends.append(end)
            x = concatenate(both, -1) if self.bidirectional else y
        end = tuple(stack(arrays) for arrays in zip(*ends, strict=True))
        if not batched:
            x, end = x[:, 0], tuple(h[:, 0] for h in end)
        elif self.batch_first:
            x = x.transpose(1, 0, 2)
        return x, end if self.states == 2 else end[0]

    def _run(self, x: Tensor, state: State, suffix: str, backwards: bool) -> tuple[Tensor, State]:
        """One layer in one direction: all outputs, and the final state."""
        weights: Any = self._parameters
        ih, hh = ((weights[f"weight_{k}{suffix}"], weights.get(f"bias_{k}{suffix}")) for k in ("ih", "hh"))
        projection = weights.get(f"weight_hr{suffix}")
        x = F.linear(x, *ih)
        if runs_again():
            dtype = np.result_type(x.dtype, *(h.dtype for h in state), hh[0].dtype)
            start = tuple(h if h.dtype == dtype else h.astype(dtype) for h in state)

            def step(state: State, x: Tensor) -> tuple[State, Tensor]:
                after = self._next(x, state, *hh, projection)
                return after, after[0]

            end, outputs = public("scan")(step, start, x, reverse=backwards)
            return outputs, end
        steps = list(unstack(x))
        outputs = []
        for x in reversed(steps) if backwards else steps:
            state = self._next(x, state, *hh, projection)
            outputs.append(state[0])
        return stack(outputs[::-1] if backwards else outputs), state

    def _start(self, hx: Any, x: Tensor, batched: bool) -> list[State]:
        """The initial state of each layer and direction."""
        count, batch = self.num_layers * self.directions, x.shape[1]
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]
        shapes = [(count, batch, n) if batched else (count, n) for n in widths]
        arrays = self._arrays(hx, shapes, x, self.weight_hh_l0)
        return list(zip(*(unstack(h if batched else expand_dims(h, 1)) for h in arrays), strict=True))

    def extra_repr(self) -> str:
        unusual = self._unusual(
            num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0
        )
        return f"{self.input_size}, {self.hidden_size}{unusual}"


class RNN(_RNN, _Layers):
    """Layers of ``h' = tanh(W x + b + U h + c)`` (or relu) along sequences.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
        The numbers of entries of an input and of a state, and how many layers there are.
    nonlinearity : {'tanh', 'relu'}
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether arrays are (batch, length, features), not (length, batch, features).
    dropout : float
        Between layers, in training.
    bidirectional : bool
        Whether each layer reads in both directions.
    dtype : dtype, optional
        Of the parameters; by default that of ``set_default_dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> output, h_n = nn.RNN(3, 5)(np.zeros((7, 2, 3)))
    >>> output.shape, h_n.shape
    ((7, 2, 5), (1, 2, 5))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype)
        self._set_nonlinearity(nonlinearity)


class LSTM(_LSTM, _Layers):
    """Long short-term memory; its state is a pair (h, c). Arguments as for :class:`RNN`, and `proj_size`.

    The blocks of the weights are in the order input, forget, cell, output. With a `proj_size`, h is multiplied by
    `weight_hr_l0` of shape (proj_size, hidden_size), so outputs have that many features.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> output, (h_n, c_n) = nn.LSTM(3, 5, batch_first=True)(np.zeros((2, 7, 3)))
    >>> output.shape, c_n.shape
    ((2, 7, 5), (1, 2, 5))
    """


class GRU(_GRU, _Layers):
    """Gated recurrent units. Arguments as for :class:`RNN`; the blocks are in the order reset, update, new."""


# ---------------------------------------------------------------------------------------------------- cells


class _Cell(_Gated):
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: Any = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self._add_weights(input_size, hidden_size, bias, dtype)
        self.reset_parameters()

    def forward(self, input: Any, hx: Any = None) -> Any:
        x = tensor_of(input, self.weight_ih)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(f"{self!r}: expected an input of shape (batch, {self.input_size}), got {x.shape}")
        shapes = [(*x.shape[:-1], self.hidden_size)] * self.states
        state = self._arrays(hx, shapes, x, self.weight_hh)
        state = self._next(F.linear(x, self.weight_ih, self.bias_ih), state, self.weight_hh, self.bias_hh)
        return state if self.states == 2 else state[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (", bias=False" if self.bias_ih is None else "")


class RNNCell(_RNN, _Cell):
    """One step of an RNN: from (batch, input_size) and the state (batch, hidden_size) to the next state."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype)
        self._set_nonlinearity(nonlinearity)


class LSTMCell(_LSTM, _Cell):
    """One step of an LSTM; its state is a pair (h, c)."""


class GRUCell(_GRU, _Cell):
    """One step of a GRU."""
