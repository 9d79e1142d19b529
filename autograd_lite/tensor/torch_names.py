"""PyTorch's names for methods that NumPy's arrays have under another name, or have not.

They are here so that a program moves by changing its import. What both libraries name alike means what it
means in NumPy: `x.size` is a number, `x.max()` has no indices, `x.repeat` repeats entries.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from ..table import TABLE

if TYPE_CHECKING:
    from .tensor import Tensor

_DEVICES = "arrays live in the memory of this computer: there is no device but 'cpu'"


def dtype_in(what: str, args: Any, dtype: Any, device: Any) -> Any:
    """The dtype among the arguments of ``to``, or None; any device but the one there is is refused."""
    for arg in args:
        if isinstance(arg, str) and arg.split(":")[0] in ("cpu", "cuda", "mps", "xpu", "meta"):
            device = arg
        else:  # a dtype, or another tensor
            dtype = arg if isinstance(arg, type) else getattr(arg, "dtype", arg)
    if device is not None and str(device) != "cpu":
        raise ValueError(f"{what} {device!r}: {_DEVICES}")
    return None if dtype is None else np.dtype(dtype)


class TorchMethods:
    """The base of Tensor that holds them."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[builtins.int, ...]: ...
        @property
        def dtype(self) -> Any: ...

    # ----------------------------------------------------------------------------------------------- shapes

    def view(self: Any, *shape: Any) -> Tensor:
        """``reshape``."""
        return self.reshape(*shape)  # type: ignore[no-any-return]  # all of these: `self` is a Tensor

    def view_as(self: Any, other: Any) -> Tensor:
        """``reshape(other.shape)``."""
        return self.reshape(other.shape)  # type: ignore[no-any-return]

    def permute(self: Any, *dims: Any) -> Tensor:
        """``transpose``: the axes in another order."""
        return self.transpose(*dims)  # type: ignore[no-any-return]

    def unsqueeze(self: Any, dim: builtins.int) -> Tensor:
        """A new axis of length 1."""
        return TABLE["expand_dims"](self, dim)  # type: ignore[no-any-return]

    def expand(self: Any, *sizes: Any) -> Tensor:
        """Axes of length 1 repeated to these sizes; -1 leaves one as it is."""
        shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], builtins.int) else sizes
        old = (0,) * (len(shape) - self.ndim) + self.shape
        if len(old) == len(shape):
            shape = tuple(n if want == -1 else want for want, n in zip(shape, old, strict=True))
        return TABLE["broadcast_to"](self, shape)  # type: ignore[no-any-return]

    def expand_as(self: Any, other: Any) -> Tensor:
        """Axes of length 1 repeated to the shape of `other`."""
        return TABLE["broadcast_to"](self, other.shape)  # type: ignore[no-any-return]

    def t(self: Any) -> Tensor:
        """The transpose of a matrix."""
        if self.ndim > 2:
            raise ValueError(
                f"t() of a tensor of shape {self.shape}: more than two axes; use .T, .mT or permute"
            )
        return self.T  # type: ignore[no-any-return]

    def dim(self: Any) -> builtins.int:
        """``ndim``."""
        return self.ndim  # type: ignore[no-any-return]

    def numel(self: Any) -> builtins.int:
        """``size``: how many entries there are."""
        return self.size  # type: ignore[no-any-return]

    # --------------------------------------------------------------------------------------------- elements

    def masked_fill(self: Any, mask: Any, value: Any) -> Tensor:
        """`value` where the mask is True."""
        return TABLE["masked_fill"](self, mask, value)  # type: ignore[no-any-return]

    def clamp(self: Any, min: Any = None, max: Any = None) -> Tensor:
        """``clip``."""
        return TABLE["clamp"](self, min, max)  # type: ignore[no-any-return]

    def pow(self: Any, exponent: Any) -> Tensor:
        """``self ** exponent``."""
        return self**exponent  # type: ignore[no-any-return]

    def matmul(self: Any, other: Any) -> Tensor:
        """``self @ other``."""
        return self @ other  # type: ignore[no-any-return]

    mm = bmm = matmul

    def log_softmax(self: Any, dim: builtins.int) -> Tensor:
        """The logarithm of the softmax along `dim`."""
        return TABLE["log_softmax"](self, dim)  # type: ignore[no-any-return]

    def topk(
        self: Any,
        k: builtins.int,
        dim: builtins.int = -1,
        largest: builtins.bool = True,
        sorted: builtins.bool = True,
    ) -> Any:
        """The `k` largest entries along `dim`, and where they are."""
        return TABLE["topk"](self, k, dim, largest, sorted)

    # -------------------------------------------------------------------------------- memory, device, dtype

    def contiguous(self: Any) -> Tensor:
        """Itself: how an array lies in memory makes no difference here."""
        return self  # type: ignore[no-any-return]

    def cpu(self: Any) -> Tensor:
        """Itself."""
        return self  # type: ignore[no-any-return]

    def to(self: Any, *args: Any, dtype: Any = None, device: Any = None, **ignored: Any) -> Tensor:
        """In another dtype, or that of another tensor; the device can only be the CPU."""
        dtype = dtype_in("to", args, dtype, device)
        if dtype is None or self.dtype == dtype:
            return self  # type: ignore[no-any-return]
        return self.astype(dtype)  # type: ignore[no-any-return]

    def type_as(self: Any, other: Any) -> Tensor:
        """In the dtype of `other`."""
        return self.to(other.dtype)  # type: ignore[no-any-return]

    def long(self: Any) -> Tensor:
        """As int64."""
        return self.to(np.int64)  # type: ignore[no-any-return]

    def double(self: Any) -> Tensor:
        """As float64."""
        return self.to(np.float64)  # type: ignore[no-any-return]

    def half(self: Any) -> Tensor:
        """As float16."""
        return self.to(np.float16)  # type: ignore[no-any-return]

    def float(self: Any) -> Tensor:
        """As float32, which PyTorch calls so."""
        return self.to(np.float32)  # type: ignore[no-any-return]

    def int(self: Any) -> Tensor:
        """As int32."""
        return self.to(np.int32)  # type: ignore[no-any-return]

    def bool(self: Any) -> Tensor:
        """As True and False."""
        return self.to(np.bool_)  # type: ignore[no-any-return]
