"""Tensor: a NumPy array that remembers how it was made.

It has PyTorch's interface and NumPy's semantics. How an operation is recorded is in :mod:`autograd_lite.engine.record`,
and how gradients are added to ``.grad`` in :mod:`autograd_lite.engine.accumulate`.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..base.snapshots import SNAPSHOT, about_to_write
from ..engine.accumulate import backward
from ..engine.context import CONTEXT, is_traced, tracing
from ..engine.engine_rows import STOP_GRADIENT
from ..engine.errors import masked_error, no_grad_kept
from ..engine.hooks import Handle, add_hook
from ..engine.node import NEEDS, NOTHING, TRACED, Function
from ..engine.operands import as_array, check_differentiable, raw
from ..engine.record import apply, binary, record, unary
from ..engine.value import RESULT, Value, wrap
from ..engine.versions import Storage
from ..rules.indexing import getitem, is_basic
from ..rules.ufuncs import ufunc_method
from ..table import ROWS, TABLE
from ..table.migration_hints import no_attribute
from ..table.status import plain_answer
from .conversions import Conversions
from .operators import Method, Operators, PairedMethod
from .show import Show
from .size import Size
from .torch_names import TorchNames, check_device
from .writes import Writes, ufunc_out

ndarray, asarray = np.ndarray, np.asarray
_new = object.__new__


class Tensor(TorchNames, Operators, Writes, Conversions, Show, Value):
    """An array whose use is recorded, made by :func:`tensor`. PyTorch's interface, NumPy's semantics.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ("__dict__",)  # the user's own attributes, as in PyTorch; the dict is made with the first of them
    __array_priority__ = 1000.0

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> None:
        if isinstance(data, Tensor) and not data.requires_grad:
            data._untraced("ag.Tensor()")
        value = as_array(data, dtype, trained=requires_grad)
        self._data = value
        self._node = None
        self._grad = None
        if requires_grad:
            self.requires_grad_()
        if name is not None:
            self.name = name

    # ------------------------------------------------------------------------------------------------ what it is

    @property
    def data(self) -> np.ndarray[Any, Any]:
        """The array: writable for an input, read-only for a recorded result, which may be shared."""
        if (outside := tracing()) is not None:
            return outside.data(self)  # a Tensor, which is traced
        if self._node is not None:
            self._untraced(".data")
            if self._node.row is not None:
                self._data.setflags(write=False)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if (outside := tracing()) is not None:
            outside.write(self, value)
            return
        if self._node is not None and self._node.row is not None:
            raise RuntimeError(f"{self._node.label} is recorded: assign to an input, or to x.detach().copy()")
        new = value if value is self._data else as_array(raw(value), None, copy=isinstance(value, Tensor))
        if new is not self._data and self._node is not None and self._node.requires_grad:
            check_differentiable(new.dtype)
        about_to_write(self)
        self._data = new
        node = self._node
        if node is not None and new is not node.y:
            unlike = new.shape != node.shape or new.dtype != node.dtype
            node.y, node.shape, node.dtype, node.storage = new, new.shape, new.dtype, Storage(node.name)
            self._written()
            if unlike:
                node.storage.shaped = node.storage.version
        else:
            self._written()

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has accumulated here, or None."""
        if (context := CONTEXT.get()) is not None and context.outside is not None:
            context.outside.asks_for_grad(self)
        if self._grad is None and self._node is not None and self._node.graded == () and self._node.keeper is None:
            warnings.warn(no_grad_kept(self._node), stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        context = CONTEXT.get()
        outside = None if context is None else context.outside
        if value is not None:
            if outside is not None:
                value = outside.known_as(value)
            if isinstance(value, Tensor) and is_traced(value):
                value = _traced_copy(value, None, requires_grad=False)
            elif not isinstance(value, Tensor) or value.is_leaf and not value.requires_grad:
                value = Tensor(value)  # its own array, because backward() adds to it
            if value.shape != self.shape:
                raise ValueError(f"{self._who}.grad = ...: a gradient of shape {value.shape} for shape {self.shape}")
            if value.dtype != self.dtype:
                raise TypeError(f"{self._who}.grad = ...: a gradient of dtype {value.dtype} for dtype {self.dtype}")
        if SNAPSHOT.get() is not None:
            about_to_write(self)
        if outside is not None:
            outside.sets_grad(self)
        self._grad = value
        if self._node is not None:
            self._node.graded = None

    @property
    def _value(self) -> Any:
        """The array, as programs for HIPS autograd ask for it; of a 0-d Tensor a NumPy scalar."""
        return self._data if self._data.ndim else self._data[()]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> Size:
        """The number of entries, as in NumPy; PyTorch's ``x.size()`` is the shape, and ``x.size(0)`` part of it."""
        return Size(self._data.size, self._data.shape)

    @property
    def itemsize(self) -> int:
        """The bytes of one entry."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all entries."""
        return self._data.nbytes

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return unary(TABLE["transpose"], self, {"axes": None})

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged: the transpose of each matrix."""
        return TABLE["matrix_transpose"](self)

    @property
    def real(self) -> Tensor:
        """The real part."""
        return TABLE["real"](self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return TABLE["imag"](self)

    @property
    def device(self) -> str:
        """Always "cpu"."""
        return "cpu"

    @property
    def flat(self) -> Iterator[Tensor]:
        """The entries in C order, each as a Tensor."""
        return iter(self.ravel())

    # ----------------------------------------------------------------------------------------------- as an input

    @property
    def requires_grad(self) -> bool:
        return super().requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether operations on this input are recorded for gradients; returns self."""
        if not self.is_leaf:
            if not self.requires_grad and tracing() is not None:  # otherwise nothing would have been recorded
                if requires_grad:
                    self._node = _traced_copy(self, None, requires_grad)._node
                    self.retain_grad()
                return self
            if requires_grad:
                return self
            raise RuntimeError("only an input can stop requiring gradients; for a recorded result use detach()")
        if requires_grad:
            check_differentiable(self._data.dtype)
        old = self._node
        if old is not None and old.requires_grad != requires_grad:
            if old.live & TRACED:
                if (outside := tracing()) is not None:
                    outside.toggles(old)
                old.live ^= NEEDS
                return self
            storage, self._node = self._storage(), None  # earlier recordings keep the old node
            new = self._leaf()
            new.name, new.storage, new.hooks, new.graded = old.name, storage, old.hooks, old.graded
        if requires_grad and not self.requires_grad:
            self._leaf().live |= NEEDS
        return self

    def detach(self) -> Tensor:
        """A constant that shares the array. A write to it counts as a write to this one."""
        if is_traced(self):  # a constant for derivatives, but a traced program has to compute it
            return record(STOP_GRADIENT, (self,))
        t = wrap(self._data.view(), None)
        t._view_of(self)
        return t

    def detach_(self) -> Tensor:
        """Make this one a constant; returns self. Of a recorded result the graph stays as it is, without this name."""
        if self.is_leaf:
            return self.requires_grad_(False)
        about_to_write(self)
        detached = self.detach()
        self._data, self._node = detached._data, detached._node
        return self

    def zero_grad(self) -> None:
        """Set the accumulated gradient to None."""
        if SNAPSHOT.get() is not None:
            about_to_write(self)
        context = CONTEXT.get()
        if context is not None and context.outside is not None:
            context.outside.sets_grad(self)
        self._grad = None

    def copy(self) -> Tensor:
        """A recorded copy."""
        return TABLE["copy"](self)

    clone = copy

    # ---------------------------------------------------------------------------------------------- reverse mode

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the gradient of this scalar to the `.grad` of every leaf that it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to start from, in this tensor's shape; required unless it has one entry.
        retain_graph : bool, optional
            False frees the large arrays during the pass. By default all are kept, to be drawn and explained.
        create_graph : bool
            Record the backward pass itself, so that the gradients can be differentiated.

        Raises
        ------
        RuntimeError
            If nothing was recorded, if it has more than one entry and no `gradient` is given, or if a value that the
            derivative needs has been overwritten or freed.
        """
        backward({self: gradient}, retain_graph, create_graph)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Handle:
        """Call `hook` with the gradient when it reaches this tensor; a result that is not None replaces the gradient.

        Hooks are called in the order of their registration, each with the result of the one before. The gradient is
        read-only. The returned handle's ``remove()`` removes the hook.
        """
        if not self.requires_grad:
            raise RuntimeError(
                f"register_hook on {self._who}, which requires no gradient: the hook would never be called"
            )
        return add_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this recorded result too, as if it were a leaf."""
        if not self.requires_grad:
            raise RuntimeError(f"retain_grad() on {self._who}, which requires no gradient: there will be none")
        self._leaf().keeper = weakref.ref(self)

    # ------------------------------------------------------------- NumPy's methods; none of them works in place

    def sigmoid(self) -> Tensor:
        """``1 / (1 + exp(-x))``."""
        return unary(TABLE["sigmoid"], self)

    all, any, argmax, argmin, argpartition, argsort = (Method() for _ in range(6))
    astype, choose, clip, conjugate, cumprod, cumsum = (Method() for _ in range(6))
    diagonal, dot, logsumexp, mean, nonzero = (Method() for _ in range(5))
    max, min, sort = (PairedMethod() for _ in range(3))
    partition, prod, ravel, repeat, round, searchsorted = (Method() for _ in range(6))
    squeeze, std, sum, swapaxes, take, trace, transpose, var = (Method() for _ in range(8))
    conj, abs = Method("conjugate"), Method("absolute")
    exp, log, sqrt, tanh, sin, cos, relu, softmax = (Method() for _ in range(8))

    def reshape(self, *shape: Any, **params: Any) -> Tensor:
        """Give the entries another shape: one tuple, or several numbers."""
        if not params and shape and type(shape[0]) is int:
            return unary(TABLE["reshape"], self, {"shape": shape, "order": "C"})
        return apply(TABLE["reshape"], (self, *shape), params)

    def compress(self, condition: Any, axis: Any = None) -> Tensor:
        """The slices along `axis` at which `condition` is true."""
        return TABLE["compress"](condition, self, axis)

    def __getitem__(self, index: Any) -> Tensor:
        if is_basic(index):  # what the row's bind would return
            return unary(getitem, self, {"index": index, "unique_indices": True})
        return apply(getitem, (self, index), NOTHING)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[k] for k in range(len(self._data)))

    # ------------------------------------------------------------------------------------------------- shown, copied

    def __repr__(self) -> str:
        if tracing() is not None:
            self._untraced("printing")
        data = self._data
        body = np.array2string(data, separator=", ", prefix="tensor(", threshold=200)
        extra = [f"shape={data.shape}"] if data.size > 200 or data.size == 0 != data.ndim - 1 else []
        extra += [] if data.dtype in (np.float64, np.int64, np.bool_) else [f"dtype={data.dtype}"]
        node = self._node
        if node is not None and node.name:
            extra.append(f"name={node.name!r}")
        if node is not None and node.requires_grad:
            extra.append("requires_grad=True" if node.row is None else f"from={node.row.name}")
        return f"tensor({', '.join([body, *extra])})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        grad = self._grad
        self._leaves("pickling")
        if not self.is_leaf or grad is not None and not grad.is_leaf:
            what = f"the .grad of {self._who}" if self.is_leaf else self._node.label  # type: ignore[union-attr]  # has one
            raise RuntimeError(f"{what} cannot be pickled or deep-copied with its graph: use detach() first")
        copy = (type(self), self._data, self.requires_grad, self.name, grad)
        return _restore, copy, self.__dict__ or None

    def __copy__(self) -> Tensor:
        """Another leaf with the same array; in a function that is being differentiated, a recorded copy."""
        return self._copied(lambda values: values)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """Another leaf; in a function that is being differentiated, a recorded copy."""
        return self._copied(lambda values: deepcopy(values, memo))

    def _copied(self, values: Callable[[Any], Any]) -> Tensor:
        if self._differentiated():
            return self.copy()
        _, arguments, state = self.__reduce_ex__(4)
        other = _restore(*values(arguments))
        if other._data is self._data:
            other._view_of(self)
        if state:
            other.__dict__.update(values(state))
        return other

    # ------------------------------------------------------------------------------------------ NumPy's protocols

    @property
    def __autograd_recorded__(self) -> bool:
        return tracing() is not None or super().__autograd_recorded__  # what is compiled reads every Tensor again

    @property
    def __autograd_replayed__(self) -> bool:
        context = CONTEXT.get()
        return context is not None and context.replayed and is_traced(self)

    __autograd_apply__: ClassVar[Callable[..., Tensor]]  # `apply`, below: what rows look for
    __autograd_record__: ClassVar[Function]  # `record`: what forward mode looks for
    __autograd_paired__: ClassVar[Callable[..., Tensor]]  # `paired`, of pairs.py: what rows of PyTorch's pairs look for

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **params: Any) -> Any:
        if method == "__call__" and not params and len(inputs) == 2:  # ndarray * tensor comes this way
            row = ROWS.get(ufunc)
            if row is not None and row.direct:
                return binary(row, *inputs)
        out = params.get("out")
        if out is not None and any(o is not None for o in out):
            return ufunc_out(ufunc, method, inputs, params)
        if method == "__call__" and (row := ROWS.get(ufunc)) is not None:
            return apply(row, inputs, params)
        return ufunc_method(ufunc, method)(*inputs, **params)

    def __array_function__(self, function: Any, types: Any, args: Any, params: Any) -> Any:
        row = ROWS.get(function)
        if row is None:
            return plain_answer(function)(*args, **params)
        return apply(row, args, params)


    if not TYPE_CHECKING:  # a type checker should know of no further attributes

        def __getattr__(self, name: str) -> Any:
            if name == "_mask":  # numpy.ma would take the array and drop the graph
                raise masked_error()
            raise no_attribute("a Tensor", name, self)


Tensor.__autograd_apply__ = staticmethod(apply)
Tensor.__autograd_record__ = staticmethod(record)
RESULT[0] = Tensor

# ------------------------------------------------------------------------------------------------- making and recording


def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None, device: Any = None,
) -> Tensor:
    """Copy `data` into a new Tensor.

    Parameters
    ----------
    data : array_like or Tensor
        The numbers; they are copied.
    dtype : dtype, optional
        As for :func:`numpy.array`.
    requires_grad : bool
        Whether ``backward()`` adds a gradient to `.grad`; for floating point or complex data only.
    name : str, optional
        Its name in pictures, derivations and error messages.
    device : optional
        ``"cpu"``, as in PyTorch; there is no other.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.tensor([[1, 2], [3, 4]], dtype=float, requires_grad=True, name="V")
    tensor([[1., 2.],
            [3., 4.]], name='V', requires_grad=True)
    """
    check_device("device", device)
    if isinstance(data, Tensor) and is_traced(data) and not data.requires_grad:
        return _traced_copy(data, dtype, requires_grad)
    t = Tensor(data, dtype, requires_grad, name)
    node, frame = t._leaf(), sys._getframe(1)
    node.code, node.at = frame.f_code, frame.f_lasti  # where to look for the variable that it is assigned to
    return t


def _traced_copy(t: Tensor, dtype: Any, requires_grad: bool) -> Tensor:
    """A copy that a traced program computes; with `requires_grad` derivatives with respect to it can be taken there."""
    copy: Tensor = TABLE["copy"](record(STOP_GRADIENT, (t if dtype is None else t.astype(dtype),)))
    if requires_grad and copy._node is not None:
        check_differentiable(copy.dtype)
        copy._node.live |= NEEDS
        copy.retain_grad()
    return copy


def _restore(cls: Any, data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    t: Tensor = _new(cls)
    t._data, t._node, t._grad = data, None, grad
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    return t
