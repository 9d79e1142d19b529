"""Layers that learn the size of their input from the first input that they see, as the talk's layers do.

Until then their weights have no shape, and whoever asks for one is told so. After the first forward pass
such a layer is an ordinary one: of the same class, with the same state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.snapshots import for_good
from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .functional.inputs import given
from .linear import Linear
from .module import Module, Parameter
from .norm import BatchNorm1d, BatchNorm2d


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet: empty until its layer has seen an input.

    It stays the same object when it gets its shape, so that an optimiser may have it before.
    """

    __slots__ = ()
    lazy = True

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(np.zeros(0, dtype or get_default_dtype()))

    def __repr__(self) -> str:
        return "UninitializedParameter()"


class UninitializedBuffer(Tensor):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    lazy = True

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(np.zeros(0, dtype or get_default_dtype()))

    def __repr__(self) -> str:
        return "UninitializedBuffer()"


def materialize(unknown: Tensor, like: Tensor) -> None:
    """Give an uninitialized parameter or buffer the shape, values and class of `like`."""
    unknown.data = like.data
    unknown.__class__ = type(like)


class _Lazy(Module):
    """Keeps the arguments of a layer, and becomes that layer when the first input comes."""

    becomes: Any  # the class of the layer

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__()
        self._made_with = args, params
        example = self.becomes(1, *args, **{"dtype": None, **params, **self._one_group()})
        for name, p in example.named_parameters():
            self.register_parameter(name, UninitializedParameter(p.dtype))
        for name, t in example.named_buffers():
            self.register_buffer(name, UninitializedBuffer(t.dtype) if t.ndim else t)

    def _one_group(self) -> dict[str, Any]:
        """What has to be changed in the arguments for an input of size 1."""
        return {}

    def _size(self, x: Tensor) -> int:
        """The size that was left open, as this input has it."""
        raise NotImplementedError(f"{type(self).__name__} has no _size()")  # abstract

    def _of_weight(self, shape: tuple[int, ...]) -> int:
        """The same, as the weights in a state have it."""
        return shape[1]

    def forward(self, input: Any) -> Any:
        x = given(input)
        self._become(self._size(x))
        return self.forward(x)  # that of the class it is now

    def _become(self, size: int) -> None:
        """Be the ordinary layer for inputs of this size from now on."""
        with for_good():
            self._be(size)

    def _be(self, size: int) -> None:
        args, params = self._made_with
        layer = self.becomes(size, *args, **params)
        for kind in ("_parameters", "_buffers"):
            for name, t in layer.__dict__[kind].items():
                mine = self.__dict__[kind].get(name)
                if getattr(mine, "lazy", False):
                    materialize(mine, t)
                elif mine is None:
                    self.__dict__[kind][name] = t
        del self.__dict__["_made_with"]
        self.__dict__.update({k: v for k, v in layer.__dict__.items() if k not in self.__dict__})
        self.__class__ = self.becomes  # the same object: others hold it

    def _sized_by(self, state: Any, prefix: str) -> None:
        for name in ("weight", "running_mean"):
            if (value := state.get(prefix + name)) is not None:
                self._become(self._of_weight(tuple(value.shape)))
                return

    def extra_repr(self) -> str:
        args, params = self._made_with
        return ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in params.items())])


class LazyLinear(_Lazy):
    """A Linear that learns `in_features`: ``LazyLinear(out_features, bias=True)``.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> layer = nn.LazyLinear(2)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    becomes = Linear

    def _size(self, x: Tensor) -> int:
        if not x.ndim:
            raise ValueError(f"{self!r}: an input of shape (): it needs an axis of features")
        return x.shape[-1]


class _LazyChannels(_Lazy):
    axes: int

    def _size(self, x: Tensor) -> int:
        if x.ndim not in (self.axes + 1, self.axes + 2):
            raise ValueError(
                f"{self!r}: an input of shape {x.shape} has no channels before {self.axes} size(s)"
            )
        return x.shape[x.ndim - self.axes - 1]

    def _one_group(self) -> dict[str, Any]:
        return {"groups": 1}

    def _of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[1] * int(self._made_with[1].get("groups", 1))


class LazyConv1d(_LazyChannels):
    """A Conv1d that learns `in_channels`."""

    becomes, axes = Conv1d, 1


class LazyConv2d(_LazyChannels):
    """A Conv2d that learns `in_channels`."""

    becomes, axes = Conv2d, 2


class LazyConvTranspose1d(_LazyChannels):
    """A ConvTranspose1d that learns `in_channels`."""

    becomes: Any = ConvTranspose1d
    axes = 1

    def _of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[0]


class LazyConvTranspose2d(LazyConvTranspose1d):
    """A ConvTranspose2d that learns `in_channels`."""

    becomes, axes = ConvTranspose2d, 2


class _LazyNorm(_Lazy):
    def _size(self, x: Tensor) -> int:
        if x.ndim < 2:
            raise ValueError(f"{self!r}: an input of shape {x.shape}; it is (n, features, ...)")
        return x.shape[1]

    def _of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[0]


class LazyBatchNorm1d(_LazyNorm):
    """A BatchNorm1d that learns `num_features`."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm):
    """A BatchNorm2d that learns `num_features`."""

    becomes = BatchNorm2d
