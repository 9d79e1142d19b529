"""Layers that take the size of their input from the first input that they see, as the talk's layers do.

Until then their weights have no shape, and asking for one raises an error. After the first forward pass such a layer
is an ordinary one, of the same class and with the same state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..base.snapshots import for_good
from ..engine.context import changed
from ..engine.node import Shape
from ..tensor import Tensor
from ..tensor.creation import get_default_dtype
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, _Conv
from .functional.inputs import SIZES, tensor_of
from .linear import Linear
from .module import Module, Parameter
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyLinear",
]


class _Uninitialized(Tensor):
    __slots__ = ()
    lazy = True

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(np.zeros(0, dtype or get_default_dtype()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet: empty until its layer has seen an input.

    It stays the same object when it gets its shape, so an optimiser may hold it from the start.
    """

    __slots__ = ()


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet."""

    __slots__ = ()


def materialize(unknown: Tensor, like: Tensor) -> None:
    """Give an uninitialized parameter or buffer the shape, values and class of `like`."""
    unknown.data = like.data
    unknown.__class__ = type(like)


class _Lazy(Module):
    """Keeps the arguments of a layer, and becomes that layer with the first input.

    It must stay the same object, which others hold, so it changes its class.
    """

    becomes: Any  # the class of the layer
    _size: ClassVar[Callable[..., int]]  # the missing size, taken from an input
    __signature__: inspect.Signature

    def __init_subclass__(cls, becomes: Any = None, **params: Any) -> None:
        super().__init_subclass__(**params)
        if becomes is not None:  # its signature is that of the layer without the size
            cls.becomes, cls.__signature__ = becomes, inspect.signature(partial(becomes, 0))

    def __init__(self, *args: Any, **params: Any) -> None:
        super().__init__()
        self._made_with = args, params
        example = self.becomes(self._groups, *args, **params)  # for inputs as small as possible
        for name, p in example.named_parameters():
            self.register_parameter(name, UninitializedParameter(p.dtype))
        for name, t in example.named_buffers():
            self.register_buffer(name, UninitializedBuffer(t.dtype) if t.ndim else t)

    @property
    def _groups(self) -> int:
        args, params = self._made_with
        return inspect.signature(type(self)).bind(*args, **params).arguments.get("groups", 1)

    def _size_in_weight(self, shape: Shape) -> int:
        """The missing size, taken from the shape of the weights in a state dict."""
        return shape[1]

    def forward(self, input: Any) -> Any:
        x = tensor_of(input)
        self._become(self._size(x))
        return self.forward(x)  # of the new class

    def _become(self, size: int) -> None:
        """Become the ordinary layer for inputs of this size."""
        with for_good(), changed(outside=None):
            layer = self.becomes(size, *self._made_with[0], **self._made_with[1])
            for kind in ("_parameters", "_buffers"):
                for name, t in layer.__dict__[kind].items():
                    mine = self.__dict__[kind].setdefault(name, t)
                    if hasattr(mine, "lazy"):
                        materialize(mine, t)
            del self.__dict__["_made_with"]
            self.__dict__.update({k: v for k, v in layer.__dict__.items() if k not in self.__dict__})
            self.__class__ = self.becomes

    def _sized_by(self, state: Any, prefix: str) -> None:
        for name in ("weight", "running_mean"):
            if (value := state.get(prefix + name)) is not None:
                self._become(self._size_in_weight(tuple(value.shape)))
                return

    def extra_repr(self) -> str:
        args, params = self._made_with
        return ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in params.items())])


class LazyLinear(_Lazy, becomes=Linear):
    """A Linear that takes `in_features` from its first input: ``LazyLinear(out_features, bias=True)``.

    Examples
    --------
    >>> from autograd_lite import nn, ones
    >>> layer = nn.LazyLinear(2)
    >>> layer(ones(5, 3)).shape
    (5, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    def _size(self, x: Tensor) -> int:
        if not x.ndim:
            raise ValueError(f"{self!r}: expected an input with an axis of features, got shape ()")
        return x.shape[-1]


class _LazyConv(_Lazy):
    becomes: type[_Conv]

    def _size(self, x: Tensor) -> int:
        dims = self.becomes.dims
        if x.ndim not in (dims + 1, dims + 2):
            raise ValueError(f"{self!r}: expected an input of shape (n, channels, {SIZES[dims]}), got {x.shape}")
        return x.shape[x.ndim - dims - 1]

    def _size_in_weight(self, shape: Shape) -> int:
        return shape[0] if self.becomes.transposed else shape[1] * self._groups


class LazyConv1d(_LazyConv, becomes=Conv1d):
    """A Conv1d that takes `in_channels` from its first input."""


class LazyConv2d(_LazyConv, becomes=Conv2d):
    """A Conv2d that takes `in_channels` from its first input."""


class LazyConv3d(_LazyConv, becomes=Conv3d):
    """A Conv3d that takes `in_channels` from its first input."""


class LazyConvTranspose1d(_LazyConv, becomes=ConvTranspose1d):
    """A ConvTranspose1d that takes `in_channels` from its first input."""


class LazyConvTranspose2d(_LazyConv, becomes=ConvTranspose2d):
    """A ConvTranspose2d that takes `in_channels` from its first input."""


class LazyConvTranspose3d(_LazyConv, becomes=ConvTranspose3d):
    """A ConvTranspose3d that takes `in_channels` from its first input."""


class _LazyNorm(_Lazy):
    def _size(self, x: Tensor) -> int:
        if x.ndim < 2:
            raise ValueError(f"{self!r}: expected an input of shape (n, features, ...), got {x.shape}")
        return x.shape[1]

    def _size_in_weight(self, shape: Shape) -> int:
        return shape[0]


class LazyBatchNorm1d(_LazyNorm, becomes=BatchNorm1d):
    """A BatchNorm1d that takes `num_features` from its first input."""


class LazyBatchNorm2d(_LazyNorm, becomes=BatchNorm2d):
    """A BatchNorm2d that takes `num_features` from its first input."""


class LazyBatchNorm3d(_LazyNorm, becomes=BatchNorm3d):
    """A BatchNorm3d that takes `num_features` from its first input."""
