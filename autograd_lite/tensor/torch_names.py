"""PyTorch's methods that NumPy's arrays lack, or have under another name.

With them a program can move here by changing its import. A name that both libraries have means what it means in NumPy:
`x.size` is a number, `x.max()` returns no indices, `x.repeat` repeats entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from ..engine.value import wrap
from ..table import TABLE
from .operators import Method, Operators

_DEVICES = "arrays live in the memory of this computer: there is no device but 'cpu'"


def check_device(what: str, device: Any) -> None:
    """Raise for any device but the CPU."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"{what} {str(device)!r}: {_DEVICES}")


def device(type: Any) -> str:
    """PyTorch's ``device("cpu")``; raises for any other.

    >>> import autograd_lite as ag
    >>> ag.device("cpu")
    'cpu'
    """
    check_device("device", type)
    return "cpu"


class cuda:
    """PyTorch's functions of a device that is not here: ``cuda.is_available()`` is False. `xpu` is the same.

    >>> import autograd_lite as ag
    >>> ag.cuda.is_available(), ag.xpu.is_available(), ag.cuda.device_count()
    (False, False, 0)
    """

    @staticmethod
    def is_available() -> bool:
        return False

    @staticmethod
    def device_count() -> int:
        return 0

    @staticmethod
    def manual_seed(seed: Any) -> None:
        """Nothing, as in PyTorch without the device."""

    manual_seed_all = manual_seed

    @staticmethod
    def empty_cache() -> None:
        """Nothing, as in PyTorch without the device."""


xpu = cuda


class backends:
    """PyTorch's ``backends.mps.is_available()``, which is False; settings of ``backends.cudnn`` change nothing.

    >>> import autograd_lite as ag
    >>> ag.backends.cudnn.deterministic = True
    >>> ag.backends.mps.is_available()
    False
    """

    mps = cuda

    class cudnn(cuda):
        """Settings without an effect."""

        deterministic, benchmark = False, False


def sizes(shape: Any, size: Any = None) -> tuple[int, ...]:
    """``(2, 3)`` from ``f(2, 3)`` as from ``f((2, 3))`` and ``f(size=(2, 3))``."""
    if size is not None:
        if shape:
            raise TypeError(f"a new tensor: got the shape {shape} and size={size}; pass one of them")
        shape = (size,)
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    if any(isinstance(n, (tuple, list)) for n in shape):
        raise TypeError(f"a new tensor: expected one shape, got {', '.join(map(str, shape))}; write (2, 3), or 2, 3")
    return tuple(shape)


def new_tensor(what: str, array: Any, requires_grad: Any, device: Any) -> Any:
    """A new Tensor of an array."""
    check_device(what, device)
    return wrap(np.asarray(array), None).requires_grad_(requires_grad)


def dtype_in(what: str, args: Any, dtype: Any, device: Any) -> Any:
    """The dtype among the arguments of ``to``, or None. Raises for any device but the CPU."""
    for arg in args:
        if isinstance(arg, str) and arg.split(":")[0] in ("cpu", "cuda", "mps", "xpu", "meta"):
            device = arg
        else:  # a dtype, or another tensor
            dtype = arg if isinstance(arg, type) else getattr(arg, "dtype", arg)
    check_device(what, device)
    return None if dtype is None else np.dtype(dtype)


S = TypeVar("S", bound="Casts")


def _cast(dtype: Any, doc: str) -> Callable[[S], S]:
    def cast(self: S) -> S:
        return self.to(dtype)

    cast.__doc__ = doc
    return cast


class Casts(Operators):
    """PyTorch's methods of memory, device and dtype; in a class of their own, because some have the names of types."""

    __slots__ = ()

    def contiguous(self) -> Self:
        """Itself: the layout in memory makes no difference here."""
        return self

    def cpu(self) -> Self:
        """Itself."""
        return self

    def to(self, *args: Any, dtype: Any = None, device: Any = None, **ignored: Any) -> Self:
        """In another dtype, or in that of another tensor; the only device is the CPU."""
        dtype = dtype_in("to", args, dtype, device)
        return self if dtype is None or self.dtype == dtype else TABLE["astype"](self, dtype)

    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """Itself: the array API's name for ``to(device)``."""
        return self.to(device=device)

    def type(self, dtype: Any) -> Self:
        """In another dtype, which may be given as ``FloatTensor`` and the like."""
        return self.to(dtype)

    def type_as(self, other: Any) -> Self:
        """In the dtype of `other`."""
        return self.to(other.dtype)

    double, long = _cast(np.float64, "As float64."), _cast(np.int64, "As int64.")
    float, int = _cast(np.float32, "As float32, as in PyTorch."), _cast(np.int32, "As int32.")
    half, bool = _cast(np.float16, "As float16."), _cast(np.bool_, "As booleans.")


class TorchNames(Casts):
    """The base of Tensor with PyTorch's other names."""

    __slots__ = ()

    # ----------------------------------------------------------------------------------------------- shapes

    def view_as(self, other: Any) -> Self:
        """``reshape(other.shape)``."""
        return TABLE["reshape"](self, other.shape)

    def permute(self, *dims: Any) -> Self:
        """``transpose``: the axes in another order."""
        return TABLE["transpose"](self, dims[0] if len(dims) == 1 else dims)

    def expand(self, *sizes: Any) -> Self:
        """Axes of length 1 repeated to these sizes; -1 keeps the size of an axis."""
        shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        old = (0,) * (len(shape) - len(self.shape)) + self.shape
        if len(old) == len(shape):
            shape = tuple(n if want == -1 else want for want, n in zip(shape, old, strict=True))
        return TABLE["broadcast_to"](self, shape)

    def expand_as(self, other: Any) -> Self:
        """Axes of length 1 repeated to the shape of `other`."""
        return TABLE["broadcast_to"](self, other.shape)

    def narrow(self: Any, dim: int, start: int, length: int) -> Any:
        """The entries from `start` to ``start + length`` along `dim`."""
        n = self.shape[dim]
        first = start + n if start < 0 else start
        if not 0 <= first <= first + length <= n:
            raise ValueError(f"narrow({dim}, {start}, {length}): {length} entries from {start} on exceed the {n} there")
        return self[(slice(None),) * (dim % len(self.shape)) + (slice(first, first + length),)]

    def unfold(self, dimension: int, size: int, step: int) -> Self:
        """Windows of `size` entries along `dimension`, each `step` after the last, in a new last axis."""
        windows = TABLE["sliding_window_view"](self, size, dimension)
        return windows[(slice(None),) * (dimension % len(self.shape)) + (slice(None, None, step),)]

    def t(self) -> Self:
        """The transpose of a matrix."""
        if len(self.shape) > 2:
            raise ValueError(f"t() of a tensor of shape {self.shape}: more than two axes; use .T, .mT or permute")
        return TABLE["transpose"](self)

    def dim(self) -> int:
        """``ndim``."""
        return len(self.shape)

    def numel(self) -> int:
        """``size``: how many entries there are."""
        return self._data.size

    nelement = numel

    def flip(self, *dims: Any) -> Self:
        """``np.flip``: the entries along these axes in reverse order."""
        return TABLE["flip"](self, dims[0] if len(dims) == 1 else dims or None)

    def new_zeros(
        self, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Zeros of the same dtype."""
        return new_tensor("new_zeros", np.zeros(sizes(shape, size), dtype or self.dtype), requires_grad, device)

    def new_ones(
        self, *shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Ones of the same dtype."""
        return new_tensor("new_ones", np.ones(sizes(shape, size), dtype or self.dtype), requires_grad, device)

    def new_full(self, size: Any, fill_value: Any, dtype: Any = None, device: Any = None) -> Any:
        """`fill_value` in the shape `size`, of the same dtype."""
        return new_tensor("new_full", np.full(size, fill_value, dtype or self.dtype), False, device)

    # --------------------------------------------------------------------------------------------- elements

    mul, eq, ne, gt = Method("multiply"), Method("equal"), Method("not_equal"), Method("greater")
    ge, lt, le = Method("greater_equal"), Method("less"), Method("less_equal")
    square, outer, tril, triu, index_select, gather, scatter, scatter_add, chunk, unbind = (Method() for _ in range(10))
    flatten, view, split, repeat_interleave = Method(), Method("reshape"), Method("split_by_size"), Method("repeat")
    det = Method("linalg.det")
    neg, asin, acos, atan = Method("negative"), Method("arcsin"), Method("arccos"), Method("arctan")
    movedim, unsqueeze = Method("moveaxis"), Method("expand_dims")
    sign, floor, ceil, trunc, tan, sinh, cosh, log1p, expm1, log2, log10, reciprocal = (Method() for _ in range(12))
    isnan, isinf, isfinite, count_nonzero, nan_to_num = (Method() for _ in range(5))
    fmod, remainder, maximum, minimum, kron, diag, quantile, roll = (Method() for _ in range(8))
    cummax, cummin, logcumsumexp, log_softmax, masked_fill, clamp, topk, norm = (Method() for _ in range(8))

    def add(self, other: Any, *, alpha: Any = 1) -> Self:
        """``self + alpha * other``."""
        return self + (other if alpha == 1 else alpha * other)

    def sub(self, other: Any, *, alpha: Any = 1) -> Self:
        """``self - alpha * other``."""
        return self - (other if alpha == 1 else alpha * other)

    def div(self, other: Any, *, rounding_mode: Any = None) -> Self:
        """``self / other``, or rounded: ``"floor"`` or ``"trunc"``."""
        if rounding_mode not in (None, "floor", "trunc"):
            raise ValueError(f"div: expected a rounding_mode of None, 'floor' or 'trunc', got {rounding_mode!r}")
        if rounding_mode == "floor":
            return self // other
        return TABLE["trunc"](self / other) if rounding_mode else self / other

    def clamp_min(self, min: Any) -> Self:
        """``np.clip`` from below."""
        return TABLE["clamp"](self, min)

    def clamp_max(self, max: Any) -> Self:
        """``np.clip`` from above."""
        return TABLE["clamp"](self, None, max)

    def pow(self, exponent: Any) -> Self:
        """``self ** exponent``."""
        return self**exponent

    def matmul(self, other: Any) -> Self:
        """``self @ other``."""
        return self @ other

    mm = bmm = mv = matmul
