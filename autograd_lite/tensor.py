"""Tensor: a NumPy array that remembers how it was made.

A Tensor is a value (`_data`) and, if anything about it is recorded, a :class:`~autograd_lite.graph.Node`. Every
operation, whether it is written ``a * b``, ``np.multiply(a, b)``, ``ag.multiply(a, b)`` or ``a.sum()``, finds its row
in the table and comes through one of three doors here: `_unary` and `_binary`, which are `record` written out for the
operators (that is most of what a small net spends its time on), and `record` itself.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from importlib import import_module
from operator import index as as_index
from os.path import dirname, join
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import memory as memory  # does its one thing when imported
from . import rules
from .elsewhere import no_attribute
from .graph import LATEST_WRITE, NEEDS, OURS, SMALL, TRACED, Node, Storage, _noted, next_order, pull_back
from .mode import MODE, ORDINARY, Mode, changed
from .primitive import ROWS, TABLE, Primitive
from .rules import elementwise as E
from .rules import indexing as I
from .rules import linalg as L
from .torch_methods import TorchMethods

ndarray, asarray = np.ndarray, np.asarray
_frame = sys._getframe
_new = object.__new__
_NOTHING: dict[str, Any] = {}

#: Operands that are used as they are. A Python number stays one: it is weak, as in NumPy.
_PLAIN = frozenset(
    {ndarray, float, int, bool, complex} | {t for t in np.sctypeDict.values() if not issubclass(t, np.flexible)}
)
_HERE = join(dirname(__file__), "")  # with its slash: a folder beside it may be called autograd_lite_too
_USERS = (join(_HERE, "talk", ""), join(_HERE, "__main__.py"))  # what uses the library as anyone would


class _Internal(dict[str, bool]):
    """Whether a file is one of ours, so that the user's line is further out."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = inside = filename.startswith(_HERE) and not filename.startswith(_USERS)
        return inside


_INTERNAL = _Internal()


class _Method:
    """A row as a method: ``x.sum(axis=0)`` is ``sum(x, axis=0)``, from the same declaration in the table."""

    def __init__(self, row: str | None = None) -> None:
        self.row = row

    def __set_name__(self, owner: Any, name: str) -> None:
        self.row = self.row or name

    def __get__(self, obj: Any, cls: Any = None) -> Callable[..., Tensor]:
        row = TABLE[self.row]  # type: ignore[index]  # set by __set_name__
        return row if obj is None else lambda *args, **params: apply(row, (obj, *args), params)


class _Upstairs:
    """A method that lives in a room on a higher floor, which is opened when the method is first used."""

    def __init__(self, room: str) -> None:
        self.room = room

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, cls: Any = None) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(f"{__package__}.{self.room}"), self.name)
        return found if obj is None else partial(found, obj)


class Tensor(TorchMethods):
    """An array whose use is recorded. Made by :func:`tensor`; PyTorch's surface on NumPy's semantics.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_node")
    __array_priority__ = 1000.0
    _data: np.ndarray[tuple[int, ...], np.dtype[Any]]
    _node: Node | None
    _grad: Tensor | None

    def __init__(
        self, data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None
    ) -> None:
        value = _array(data, dtype)
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
        """The array. Writable for an input; read-only for a recorded result, which others may share."""
        if self._node is not None and self._node.row is not None:
            self._data.setflags(write=False)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self._node is not None and self._node.row is not None:
            raise RuntimeError(f"{self._node.label} is recorded: assign to an input, or to x.detach().copy()")
        new = value if value is self._data else _array(_raw(value), None, copy=isinstance(value, Tensor))
        if new is not self._data and self._node is not None and self._node.live & NEEDS:
            _check_differentiable(new.dtype)
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
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor) or value.is_leaf and not value.requires_grad:
                value = Tensor(value)  # an array of its own, because backward() will add to it
            if value.shape != self.shape:
                raise ValueError(f"{self._who}.grad = ...: a gradient of shape {value.shape} for shape {self.shape}")
            if value.dtype != self.dtype:
                raise TypeError(f"{self._who}.grad = ...: a gradient of dtype {value.dtype} for dtype {self.dtype}")
        self._grad = value
        if self._node is not None:
            self._node.graded = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of entries, as in NumPy."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    @property
    def T(self) -> Tensor:
        return _unary(TABLE["transpose"], self, {"axes": None})

    @property
    def mT(self) -> Tensor:
        return TABLE["matrix_transpose"](self)

    @property
    def real(self) -> Tensor:
        return TABLE["real"](self)

    @property
    def imag(self) -> Tensor:
        return TABLE["imag"](self)

    @property
    def flat(self) -> Iterator[Tensor]:
        return iter(self.ravel())

    @property
    def requires_grad(self) -> bool:
        node = self._node
        return node is not None and bool(node.live & NEEDS)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self) -> bool:
        """Whether it is an input, not the recorded result of anything."""
        return self._node is None or self._node.row is None

    @property
    def name(self) -> str | None:
        """What pictures, derivations and error messages call it."""
        return None if self._node is None else self._node.name

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"a tensor's name is a str, not {type(value).__name__}")
        node = self._leaf()
        node.name = value
        if node.storage.name is None and node.storage is not OURS:
            node.storage.name = value

    @property
    def _who(self) -> str:
        """What an error message calls it."""
        return self.name or f"tensor {self.shape}"

    # ----------------------------------------------------------------------------------------------- as an input

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether gradients of this input will be wanted; returns self."""
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError("only an input can stop requiring gradients; use detach() to cut a recorded result off")
        if requires_grad:
            _check_differentiable(self._data.dtype)
            old = self._node
            if old is not None and not old.live & NEEDS:  # what was recorded with the constant stays as it was
                storage, self._node = self._storage(), None
                new = self._leaf()
                new.name, new.storage, new.hooks, new.graded = old.name, storage, old.hooks, old.graded
            self._leaf().live = NEEDS
        elif self._node is not None:
            self._node.live &= ~NEEDS
        return self

    def _leaf(self) -> Node:
        """The node of this Tensor, made now if it had none."""
        node = self._node
        if node is None:
            data = self._data
            self._node = node = Node(None, (), (), data, data.shape, data.dtype, 0)
            node.keeper = weakref.ref(self)
        return node

    def _written(self) -> None:
        """Its array has been written to: what was recorded before must not use it any more."""
        node = self._node
        if node is not None:
            storage = node.storage
            if storage is OURS:
                storage = self._storage()
            storage.version = version = next_order()
            if version < LATEST_WRITE[0]:  # not at once: another thread may have written since
                LATEST_WRITE[0] = version

    def _storage(self) -> Storage:
        """The memory that it lies in, told apart from others from now on if it is an input's."""
        node = self._leaf()
        if node.storage is OURS and node.row is None:
            node.storage = Storage(node.name)
        return node.storage

    def _view_of(self, owner: Tensor) -> Tensor:
        """Declare that this constant looks into the array of `owner`: a write to either is a write to both."""
        storage = owner._storage()
        if storage is OURS:  # a recorded result: nobody may write to it
            self._data.setflags(write=False)
        else:
            self._leaf().storage = storage
        return self

    def detach(self) -> Tensor:
        """The same array, off the record. Writing to it counts as writing to this one."""
        return _tensor(self._data.view(), None)._view_of(self)

    def zero_grad(self) -> None:
        """Forget the accumulated gradient."""
        self._grad = None

    def copy(self) -> Tensor:
        return TABLE["copy"](self)

    clone = copy

    def item(self, *args: int) -> Any:
        """The only entry, as a Python number; the graph is left behind, which is the point of asking."""
        self._untraced("item()")
        return self._data.item(*args)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself, without the graph; read-only where it is a recorded result."""
        self._untraced("numpy()")
        return self.data

    def tolist(self) -> Any:
        self._untraced("tolist()")
        return self._data.tolist()

    # ---------------------------------------------------------------------------------------------- reverse mode

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the gradient of this scalar to the `.grad` of every leaf that it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent to start from, of this tensor's shape; needed unless it has one entry.
        retain_graph : bool, optional
            False frees the large arrays on the way; by default all is kept, to be drawn and explained.
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
        """Call `hook` with the gradient when it reaches this tensor; what it returns, if not None, replaces it.

        Hooks are called in the order of their registration, each with what the one before left. The gradient is
        read-only. ``remove()`` of what is returned takes the hook off.
        """
        if not self.requires_grad:
            raise RuntimeError(
                f"register_hook on {self._who}, which requires no gradient: the hook would never be called"
            )
        node = self._leaf()
        call = _hooked(hook, node.label)
        node.hooks = [*(node.hooks or ()), call]
        return Handle(node, call)

    def retain_grad(self) -> None:
        """Keep the gradient of this recorded result too, as if it were a leaf."""
        if not self.requires_grad:
            raise RuntimeError(f"retain_grad() on {self._who}, which requires no gradient: there will be none")
        self._leaf().keeper = weakref.ref(self)

    # ------------------------------------------------------------------------ the chain rule written out and drawn

    explain = _Upstairs("derive")
    partials = _Upstairs("derive")
    draw = _Upstairs("draw")
    frames = _Upstairs("draw")

    # ------------------------------------------------------------------------------------------------- operators

    def __add__(self, other: Any) -> Tensor:
        return _binary(E.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _binary(E.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _binary(E.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _binary(E.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _binary(E.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _binary(E.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _binary(E.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _binary(E.divide, other, self)

    def __pow__(self, other: Any) -> Tensor:
        if type(other) in (int, float) and self._data.dtype.kind in "fc":  # as NumPy's own ** does
            row = _POWERS.get(other)
            if row is not None:
                return _unary(row, self)
        return _binary(E.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _binary(E.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return _binary(L.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _binary(L.matmul, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return _binary(E.remainder, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return _binary(E.remainder, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return _binary(TABLE["floor_divide"], self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return _binary(TABLE["floor_divide"], other, self)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __neg__(self) -> Tensor:
        return _unary(E.negative, self)

    def __pos__(self) -> Tensor:
        return _unary(E.positive, self)

    def __abs__(self) -> Tensor:
        return _unary(E.absolute, self)

    def __invert__(self) -> Tensor:
        return _unary(TABLE["invert"], self)

    def __round__(self, ndigits: int = 0) -> Tensor:
        return TABLE["round"](self, ndigits)

    def sigmoid(self) -> Tensor:
        return _unary(E.sigmoid, self)

    # ------------------------------------------------------------- NumPy's methods; none of them works in place

    all, any, argmax, argmin, argpartition, argsort = (_Method() for _ in range(6))
    astype, choose, clip, conjugate, cumprod, cumsum = (_Method() for _ in range(6))
    diagonal, dot, flatten, logsumexp, max, mean, min, nonzero = (_Method() for _ in range(8))
    partition, prod, ravel, repeat, round, searchsorted = (_Method() for _ in range(6))
    sort, squeeze, std, sum, swapaxes, take, trace, transpose, var = (_Method() for _ in range(9))
    conj, abs = _Method("conjugate"), _Method("absolute")
    exp, log, sqrt, tanh, sin, cos, relu, softmax = (_Method() for _ in range(8))

    def reshape(self, *shape: Any, **params: Any) -> Tensor:
        if not params and shape and type(shape[0]) is int:
            return _unary(TABLE["reshape"], self, {"shape": shape, "order": "C"})
        return apply(TABLE["reshape"], (self, *shape), params)  # type: ignore[no-any-return]  # one result

    def compress(self, condition: Any, axis: Any = None) -> Tensor:
        return TABLE["compress"](condition, self, axis)  # type: ignore[no-any-return]  # whatever comes first

    def __getitem__(self, index: Any) -> Tensor:
        if I.is_basic(index):  # said at once, what the row's bind would say
            return _unary(I.getitem, self, {"index": index, "unique_indices": True})
        return apply(I.getitem, (self, index), _NOTHING)  # type: ignore[no-any-return]  # one result

    def __setitem__(self, index: Any, value: Any) -> None:
        array = self._writable("x[i] = ...", value)
        index = _plain_index(index)
        array[index] = _raw(value)
        self._written()

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[k] for k in range(len(self._data)))

    def __contains__(self, value: Any) -> bool:
        self._untraced("in")
        return bool((self._data == _raw(value)).any())

    __hash__ = object.__hash__

    # -------------------------------------------------------------------------------------------- out of the graph

    def __bool__(self) -> bool:
        self._untraced("bool()")
        if self.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use .any(), .all() or where()"
            )
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self._data.dtype.kind not in "biu":
            raise TypeError(f"{self._who} of dtype {self._data.dtype} is no index: only a whole number is")
        return as_index(self._number("index"))

    def _number(self, what: str) -> Any:
        self._untraced(f"{what}()")
        if self.requires_grad:
            raise RuntimeError(
                f"{what}({self._who}), which array[i] = tensor and math.exp(tensor) ask for too, would drop the graph "
                "of a tensor that requires gradients. Use np.exp and the like; np.stack, or ag.set_at, to fill an "
                "array; .item() if only the number is meant"
            )
        if self.size != 1:
            raise TypeError(f"{what}() of a tensor of shape {self.shape}: only one with a single entry is a number")
        return self._data.reshape(())[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._untraced("np.asarray()")
        if self.requires_grad:
            raise _dropped(f"np.array({self._who}) or array[i] = ...")
        return np.array(self._data, dtype, copy=copy) if copy is not None else asarray(self._data, dtype)

    def _untraced(self, what: str) -> None:
        if self._node is not None and self._node.live & TRACED:
            raise RuntimeError(
                f"{what} of a value that depends on the traced inputs: a trace is a straight program and cannot branch "
                "on it. Use np.where, or make the choice outside the traced function"
            )

    def __format__(self, spec: str) -> str:
        if self.size == 1 and spec:
            return format(self._data.item(), spec)
        try:
            return format(str(self), spec)
        except ValueError:
            raise TypeError(f"format {spec!r} of {self._who}: it is one for a number; take an entry") from None

    def __repr__(self) -> str:
        data = self._data
        body = np.array2string(data, separator=", ", prefix="tensor(", threshold=200)
        extra = [f"shape={data.shape}"] if data.size > 200 or data.size == 0 != data.ndim - 1 else []
        extra += [] if data.dtype in (np.float64, np.int64, np.bool_) else [f"dtype={data.dtype}"]
        node = self._node
        if node is not None and node.name:
            extra.append(f"name={node.name!r}")
        if node is not None and node.live & NEEDS:
            extra.append("requires_grad=True" if node.row is None else f"from={node.row.name}")
        return f"tensor({', '.join([body, *extra])})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        grad = self._grad
        if not self.is_leaf or grad is not None and not grad.is_leaf:
            what = f"the .grad of {self._who}" if self.is_leaf else self._node.label  # type: ignore[union-attr]  # has one
            raise RuntimeError(f"{what} cannot be pickled or deep-copied with its graph: use detach() first")
        made = (type(self), self._data, self.requires_grad, self.name, grad)
        return _restore, made, getattr(self, "__dict__", None)  # which only a subclass has

    def __copy__(self) -> Tensor:
        """Another leaf on the same array."""
        _, made, state = self.__reduce_ex__(4)
        other = _restore(*made)._view_of(self)
        if state:
            other.__dict__.update(state)
        return other

    # ----------------------------------------------------------------------------------------------- in place

    def _writable(self, what: str, value: Any = None) -> np.ndarray[Any, Any]:
        mode = MODE.get()
        recording = mode is None or mode.recording
        node = self._node
        if node is not None and (node.row is not None or node.live & TRACED):
            raise RuntimeError(
                f"{what} on {node.label} would change what the graph has recorded: write x = x + ... , or "
                "ag.set_at(x, index, value) instead"
            )
        if recording and (self.requires_grad or isinstance(value, Tensor) and value.requires_grad):
            who = f"{node.name!r}" if node is not None and node.name else f"a tensor of shape {self.shape}"
            raise RuntimeError(
                f"{what} on {who} while gradients are being recorded: update a parameter under `with ag.no_grad():`, "
                "or write x = x + ... (ag.set_at for an element) if the change is part of the computation"
            )
        if not self._data.flags.writeable:
            raise ValueError(f"{what} on a tensor of shape {self.shape} whose array is read-only: copy() it first")
        return self._data

    def _in_place(self, ufunc: Any, symbol: str, other: Any) -> Tensor:
        array = self._writable(symbol, other)
        if isinstance(other, Tensor):
            x = other._data
        elif type(x := other) not in _PLAIN and (x := _raw(_plain(other))) is NotImplemented:
            return NotImplemented  # type: ignore[no-any-return]  # as operators may
        try:
            ufunc(array, x, array)
        except (ValueError, TypeError) as error:
            raise _explained(error, symbol, (self, other)) from None
        self._written()
        return self

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(np.add, "+=", other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(np.subtract, "-=", other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(np.multiply, "*=", other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(np.divide, "/=", other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(np.power, "**=", other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return self._in_place(np.floor_divide, "//=", other)

    def __imod__(self, other: Any) -> Tensor:
        return self._in_place(np.remainder, "%=", other)

    def __imatmul__(self, other: Any) -> Tensor:
        return self._in_place(np.matmul, "@=", other)

    # ------------------------------------------------------------------------------------------ NumPy's protocols

    __autograd_apply__: ClassVar[Callable[..., Any]]  # `apply`, below: what rows look for

    if TYPE_CHECKING:  # set in a loop, below

        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # entry by entry, as in NumPy
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]  # likewise
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **params: Any) -> Any:
        if method == "__call__" and not params and len(inputs) == 2:  # ndarray * tensor comes this way
            row = ROWS.get(ufunc)
            if row is not None and row.direct:
                return _binary(row, *inputs)
        out = params.get("out")
        if out is not None and any(o is not None for o in out):
            return _ufunc_out(ufunc, method, inputs, params)
        if method == "__call__" and (row := ROWS.get(ufunc)) is not None:
            return apply(row, inputs, params)
        return rules.ufunc_method(ufunc, method)(*inputs, **params)

    def __array_function__(self, function: Any, types: Any, args: Any, params: Any) -> Any:
        row = ROWS.get(function)
        if row is None:
            return rules.plain(function)(*args, **params)
        return apply(row, args, params)


    if not TYPE_CHECKING:  # a type checker should know of no further attributes

        def __getattr__(self, name: str) -> Any:
            if name == "_mask":  # numpy.ma would take our array and drop the graph
                raise _masked_error()
            raise no_attribute("a Tensor", name, self)


class Handle:
    """What :meth:`Tensor.register_hook` returns: ``remove()`` takes the hook off again."""

    __slots__ = ("_call", "_node")

    def __init__(self, node: Node, call: Any) -> None:
        self._node = weakref.ref(node)
        self._call = call

    def remove(self) -> None:
        node = self._node()
        if node is not None and node.hooks is not None:
            node.hooks = [call for call in node.hooks if call is not self._call] or None


def _hooked(hook: Callable[[Tensor], Any], label: str) -> Callable[[Any, Any], Any]:
    """A hook as `pull_back` calls it: on what it carries, and checked."""

    def call(g: Any, lift: Any) -> Any:
        given = g
        if not isinstance(g, Tensor):
            given = _tensor(asarray(g).view(), None)
            given._data.setflags(write=False)  # others may hold it too
        new = hook(given)
        if new is None:
            return g
        return _like(new, g, f"a hook on {label} returned", isinstance(g, Tensor))

    return call


def _like(value: Any, like: Any, what: str, keep: bool = False) -> Any:
    """A gradient given by the user, checked against what it stands for; a Tensor where that is to be kept."""
    g = value if keep and isinstance(value, Tensor) else asarray(_raw(value))
    if g.shape != like.shape:
        raise ValueError(f"{what} shape {g.shape}, but {like.shape} is needed")
    if g.dtype != like.dtype:
        if not np.can_cast(g.dtype, like.dtype, "same_kind"):
            raise TypeError(f"{what} dtype {g.dtype}, but {like.dtype} is needed")
        g = g.astype(like.dtype)
    return _tensor(g, None) if keep and not isinstance(g, Tensor) else g


# ------------------------------------------------------------------------------------------------------- comparisons


def _comparison(name: str) -> Any:
    def compare(self: Tensor, other: Any) -> Tensor:
        return _binary(TABLE[name], self, other)

    return compare


for _op, _row in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}.items():  # fmt: skip
    setattr(Tensor, f"__{_op}__", _comparison(_row))
    if _op in ("and", "or", "xor"):
        setattr(Tensor, f"__r{_op}__", _comparison(_row))

_POWERS = {2: E.square, 1: E.positive, -1: E.reciprocal, 0.5: E.sqrt}

# ------------------------------------------------------------------------------------------------- making and recording


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Copy `data` into a new Tensor.

    Parameters
    ----------
    data : array_like or Tensor
    dtype : dtype, optional
        As for :func:`numpy.array`.
    requires_grad : bool
        Whether ``backward()`` is to leave a gradient here; for real or complex floating data only.
    name : str, optional
        What pictures, derivations and messages call it.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4]], dtype=float, requires_grad=True, name="V")
    tensor([[1., 2.],
            [3., 4.]], name='V', requires_grad=True)
    """
    return Tensor(data, dtype, requires_grad, name)


def _tensor(value: Any, node: Node | None) -> Tensor:
    t: Tensor = _new(Tensor)
    t._data = value if type(value) is ndarray else asarray(value)
    t._node = node
    t._grad = None
    return t


def lift(value: Any, node: Node | None) -> Any:
    """A kept value as a Tensor at its place in the graph; a tuple for a row with several results."""
    if type(value) is tuple:
        assert node is not None
        return tuple(_tensor(v, _projection(node, k)) for k, v in enumerate(value))
    return _tensor(value, node)


def _binary(row: Primitive, a: Any, b: Any) -> Tensor:
    if isinstance(a, Tensor):
        x1, n1 = a._data, a._node
        live1 = 0 if n1 is None else n1.live
    else:
        if type(a) not in _PLAIN and (isinstance(a := _plain(a), Tensor) or a is NotImplemented):
            return a if a is NotImplemented else _binary(row, a, b)
        x1, n1, live1 = a, None, 0
    if isinstance(b, Tensor):
        x2, n2 = b._data, b._node
        live2 = 0 if n2 is None else n2.live
    else:
        if type(b) not in _PLAIN and (isinstance(b := _plain(b), Tensor) or b is NotImplemented):
            return b if b is NotImplemented else _binary(row, a, b)
        x2, n2, live2 = b, None, 0
    try:
        y = row.fn(x1, x2)
    except (ValueError, TypeError) as error:
        raise _explained(error, row.name, (a, b)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    t: Tensor = _new(Tensor)
    t._data = y
    t._grad = None
    live = live1 | live2
    mode = MODE.get()
    if mode is not None and not mode.recording:
        live &= TRACED
    if not live or row.kind == "constant" and not (live := live & TRACED):
        t._node = None
        return t
    keep = 0
    if live & NEEDS:
        if live1 & NEEDS:
            keep = row.uses[0]
        if live2 & NEEDS:
            keep |= row.uses[1]
    if not live1 and isinstance(a, Tensor):
        n1 = a._leaf()
    if not live2 and isinstance(b, Tensor):
        n2 = b._leaf()
    t._node = node = _new(Node)  # and its fields one by one: a third quicker than through __init__
    node.row = row
    node.parents = (n1, n2)
    node.xs = (x1 if keep & 2 or n1 is None else None, x2 if keep & 4 or n2 is None else None)
    node.y = y if keep & 1 or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.params = _NOTHING
    node.order = next_order()
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    return t


def _unary(row: Primitive, a: Tensor, params: dict[str, Any] = _NOTHING) -> Tensor:
    x, n = a._data, a._node
    try:
        y = row.fn(x, **params) if params else row.fn(x)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        raise _explained(error, row.name, (a,)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    elif y is x:
        y = y.view()  # another Tensor's array may be locked, the user's may not
    t: Tensor = _new(Tensor)
    t._data = y
    t._node = t._grad = None
    mode = MODE.get()
    live = 0 if n is None else n.live if mode is None or mode.recording else n.live & TRACED
    if row.kind == "constant" or y.dtype.kind not in "fc":
        live &= TRACED
    if not live:
        return t if y.base is None else _unrecorded(y, (a,))
    keep = row.uses[0] if live & NEEDS else 0
    t._node = node = _new(Node)
    node.row = row
    node.parents = (n,)
    node.xs = (x if keep & 2 else None,)
    node.y = y if keep & 1 or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.params = params
    node.order = next_order()
    if y.base is not None:
        node.storage = _storage_seen(y, (a,))
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    return t


def record(row: Primitive, args: Sequence[Any], params: dict[str, Any] = _NOTHING) -> Any:
    """Compute `row` on canonical arguments, and write down that it was done if anything live went in."""
    xs: list[Any] = []
    parents: list[Node | None] = []
    live = needs = keep = 0
    constants = False
    for i, a in enumerate(args):
        if not isinstance(a, Tensor):
            if type(a) not in _PLAIN:
                a = _plain_or_error(row, a)
            if not isinstance(a, Tensor):  # a list with Tensors in it became one
                xs.append(a)
                parents.append(None)
                continue
            args = (*args[:i], a, *args[i + 1 :])
        n = a._node
        xs.append(a._data)
        parents.append(n)
        if n is None or not n.live:
            constants = True
            continue
        live |= n.live
        if n.live & NEEDS and row.kind != "constant" and row.pulls[i] is not None:
            needs = NEEDS
            keep |= row.uses[i]
    try:
        y = row.fn(*xs, **params)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        raise _explained(error, row.name, args) from None
    live = live & TRACED | needs
    mode = MODE.get()
    if mode is not None and not mode.recording:
        live &= TRACED
    several = row.outputs
    y = tuple(asarray(part) for part in y) if several else y if type(y) is ndarray else asarray(y)
    if xs and y is xs[0]:
        y = y.view()  # another Tensor's array may be locked, the user's may not
    if not several and y.dtype.kind not in "fc":  # whole numbers (astype(int), clip of integers) have no derivative
        live &= TRACED
    if not live:
        return tuple(_unrecorded(part, args) for part in y) if several else _unrecorded(y, args)
    if not live & NEEDS:
        keep = 0
    if constants:
        for i, a in enumerate(args):
            if isinstance(a, Tensor) and (parents[i] is None or not parents[i].live):  # type: ignore[union-attr]  # tested
                parents[i] = a._leaf()
    for i, p in enumerate(parents):
        if p is not None and not keep & (2 << i):
            xs[i] = None
    shape, dtype = ((), np.result_type(*y) if y else np.dtype(float)) if several else (y.shape, y.dtype)
    node = Node(
        row,
        tuple(parents),
        tuple(xs),
        y if keep & 1 or (all(p.size <= SMALL for p in y) if several else y.size <= SMALL) else None,
        shape,
        dtype,
        live,
        params,
    )
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    if several:
        node.parts = tuple((part.shape, part.dtype) for part in y)
        return tuple(  # of which whole numbers have no derivative
            _tensor(part, _projection(node, k, part, args) if part.dtype.kind in "fc" or live & TRACED else None)
            for k, part in enumerate(y)
        )
    if y.base is not None:
        node.storage = _storage_seen(y, args)
    t: Tensor = _new(Tensor)
    t._data, t._node, t._grad = y, node, None
    return t


def apply(row: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """Any call of any row, as the user wrote it: bind it to the row's canonical form and record."""
    if row.direct and not params:
        if len(args) == 1 and isinstance(args[0], Tensor):
            return _unary(row, args[0])
        if len(args) == 2 and (y := _binary(row, *args)) is not NotImplemented:
            return y
        return record(row, args)
    if row.kind == "composite":
        mode = MODE.get() or ORDINARY
        token = MODE.set(Mode(mode.recording, Group(row.name, mode.group, args, params), mode.watcher, mode.tracer))
        try:
            return row.fn(*args, **params)
        finally:
            MODE.reset(token)
    if args and type(args[0]) in (list, tuple) and not row.variadic and _has_tensor(args[0]):
        args = (TABLE["array"](args[0]), *args[1:])
    if row.bind is not None:
        try:
            bound = row.bind(*args, **params)
        except (TypeError, ValueError) as error:
            raise _explained(error, row.name, args) from error
        if type(bound) is not tuple:  # a rare keyword: the answer, composed of other rows
            return bound
        args, params = bound
    elif params:
        args, params = rules.ufunc_parameters(row, args, params)
    if len(args) == 1 and isinstance(args[0], Tensor) and not row.outputs and not row.variadic:
        return _unary(row, args[0], params)
    return record(row, args, params)


Tensor.__autograd_apply__ = staticmethod(apply)


class Group:
    """One call of a composite function or a module: the nodes recorded during it point here."""

    __slots__ = ("module", "name", "outer", "params")

    def __init__(
        self, name: str, outer: Any = None, args: Sequence[Any] = (), params: dict[str, Any] = _NOTHING,
        module: Any = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.outer = outer
        self.module = module
        self.params = {k: v for k, v in params.items() if not isinstance(v, (Tensor, ndarray))}

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


_PROJECT = Primitive(
    "linear",
    lambda ys, index, count: ys[index],
    (lambda g, index, count: tuple(g if k == index else None for k in range(count)),),
    name="result",
    bind=lambda ys, index, count: ((ys,), {"index": index, "count": count}),
)


def _projection(node: Node, k: int, y: Any = None, args: Sequence[Any] = ()) -> Node:
    """One of the results of a row that has several."""
    shape, dtype = node.parts[k]
    n = Node(_PROJECT, (node,), (None,), None, shape, dtype, node.live, {"index": k, "count": len(node.parts)})
    n.code, n.at, n.group = node.code, node.at, node.group
    if y is not None and y.base is not None:
        n.storage = _storage_seen(y, args)
    return n


def _unrecorded(y: Any, args: Sequence[Any]) -> Tensor:
    t = _tensor(y, None)
    if y.base is not None and (owner := _seen(y, args)) is not None:
        t._view_of(owner)
    return t


def _seen(y: Any, args: Sequence[Any]) -> Tensor | None:
    """The argument whose array `y` is a view of."""
    for a in args:
        if isinstance(a, Tensor) and (y.base is a._data or y.base is a._data.base is not None):
            return a
    return None


def _storage_seen(y: Any, args: Sequence[Any]) -> Storage:
    owner = _seen(y, args)
    return OURS if owner is None else owner._storage()


def _told(mode: Any, node: Node, y: Any) -> None:
    node.group = mode.group
    if mode.watcher is not None:
        mode.watcher(node, y)


# ------------------------------------------------------------------------------------------------------ reverse mode


def backward(gradients: dict[Tensor, Any], retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradients of several results to the `.grad` of every leaf under them; see :meth:`Tensor.backward`."""
    roots: dict[Node, Any] = {t._node: cotangent_of(t, g, create_graph) for t, g in gradients.items()}  # type: ignore[misc]  # cotangent_of refuses None
    told = watch()
    if create_graph:
        with changed(recording=True):
            found = pull_back(roots, None, lift, watch=told)
            for node in found:
                _deliver(node, found, True)
        return
    traced = 0
    for node in roots:
        traced |= node.live & TRACED
    if traced:  # the trace wants the backward pass as well
        with changed(recording=False):
            found = pull_back({n: _tensor(g, None) for n, g in roots.items()}, None, lift, watch=told)
    else:
        found = pull_back(roots, None, None, retain_graph is False, told)
    for node in found:
        _deliver(node, found, create_graph)


def cotangent_of(t: Tensor, gradient: Any, create_graph: bool = False) -> Any:
    """The cotangent to start from at `t`: `gradient` checked, or one for a scalar."""
    node = t._node
    if node is None or not node.live & NEEDS:
        raise RuntimeError(
            f"backward from {t._who}, which requires no gradient: nothing was recorded. Make the inputs with "
            "requires_grad=True, and do not compute the loss under no_grad() or from .data"
        )
    if gradient is None:
        if t._data.size != 1 or node.dtype.kind == "c":
            what = "real scalar, not a complex one: take its np.real or np.abs" if t._data.size == 1 else (
                "scalar: reduce it to one number first (.sum(), .mean())"
            )
            raise _noted(
                RuntimeError(f"backward from {node.label} needs a {what}, or pass gradient= of shape {node.shape}"),
                node,
            )
        g = _ones(node.shape, node.dtype)
        return _tensor(g, None) if create_graph else g
    return _like(gradient, node, f"backward from {node.label}: gradient= has", create_graph)


@lru_cache(maxsize=64)
def _ones(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    ones = np.ones(shape, dtype)
    ones.setflags(write=False)  # shared by every backward pass
    return ones


def _deliver(node: Node, found: dict[Node, Any], create_graph: bool) -> None:
    """Add a gradient to `.grad`, in an array that nobody else holds."""
    t = node.keeper()
    if t is None:
        return
    version = node.storage.version
    old, g = t._grad, found[node]
    if old is not None and node.graded is not None and node.graded != version and node.row is None and old._data.any():
        warnings.warn(
            f"backward() adds to a .grad of {node.label} that was made before its last update: a forgotten "
            "zero_grad()?",
            stacklevel=4,
        )
    node.graded = version
    if create_graph or isinstance(g, Tensor):
        t._grad = own(g) if old is None else old + g
    elif old is None:
        if type(g) is not ndarray or g.base is not None or not g.flags.writeable or sys.getrefcount(g) > _SOLE:
            g = np.array(g)  # somebody else holds it too
        t._grad = _tensor(g, None)
    elif old._node is None and old._data.flags.writeable:
        np.add(old._data, g, old._data)
    else:
        t._grad = old + g


def watch() -> Any:
    """Whom anomaly detection wants told of each cotangent."""
    mode = MODE.get()
    return mode.watcher.pulled if mode is not None and mode.watcher is not None else None


def taken(found: dict[Node, Any], node: Node) -> Any:
    """A cotangent that the caller may keep: the array itself if only the dict holds it, else a copy."""
    g = found[node]
    if isinstance(g, Tensor):
        return own(g)
    if type(g) is not ndarray or g.base is not None or not g.flags.writeable or sys.getrefcount(g) > _SOLE:
        g = np.array(g)
    return g


def own(g: Tensor) -> Tensor:
    """The same gradient where nobody else can write to it: what is recorded is safe, a leaf is copied."""
    return g if not g.is_leaf else TABLE["copy"](g) if g.requires_grad else Tensor(g)


def _sole() -> int:
    """What getrefcount says, in just the position of `_deliver`, of an array that nobody else holds."""
    found = {None: np.empty(1)}
    old, g = None, found[None]
    return sys.getrefcount(g) if type(g) is ndarray and old is None else 0


_SOLE = _sole()

# ---------------------------------------------------------------------------------------------------- plain operands


def _array(data: Any, dtype: Any, copy: bool = True) -> np.ndarray[Any, Any]:
    """`data` as an array of numbers; lists may contain Tensors that require no gradient."""
    if isinstance(data, Tensor):
        if data.requires_grad:
            raise _dropped(f"ag.tensor({data._who})")
        data = data._data
    elif isinstance(data, np.ma.MaskedArray):
        raise _masked_error()
    try:
        value = np.array(data, dtype, copy=copy or None, subok=False)
    except ValueError as error:
        raise ValueError(f"tensor: this is not a rectangular array of numbers ({error})") from None
    if value.dtype.kind not in "biufc":
        raise TypeError(f"tensor: cannot hold data of dtype {value.dtype}; numbers and booleans only")
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _check_differentiable(dtype: Any) -> None:
    if dtype.kind not in "fc":
        raise TypeError(
            f"only floating point or complex tensors can require gradients, not {dtype}: "
            "use dtype=float, or .astype(float) before requires_grad_()"
        )


def _raw(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value


def _plain(value: Any) -> Any:
    """An operand that is no Tensor as an array, or NotImplemented if it is nothing of ours."""
    if isinstance(value, ndarray):
        if isinstance(value, np.ma.MaskedArray):
            raise _masked_error()
        if isinstance(value, np.matrix):
            raise TypeError("an np.matrix beside a tensor: its * is a matrix product. Use np.asarray(matrix) and @")
        return asarray(value)
    if isinstance(value, (list, tuple)):
        return TABLE["array"](value) if _has_tensor(value) else asarray(value)
    if isinstance(value, (np.generic, range)) or hasattr(value, "__array__"):
        return asarray(value)
    return NotImplemented


def _plain_or_error(row: Primitive, value: Any) -> Any:
    plain = _plain(value)
    if plain is NotImplemented:
        raise TypeError(f"{row.name}: an operand of type {type(value).__name__}; give numbers, arrays or tensors")
    return plain


def _has_tensor(value: Any) -> bool:
    return any(isinstance(v, Tensor) or isinstance(v, (list, tuple)) and _has_tensor(v) for v in value)


def _plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_plain_index(part) for part in index)
    return index._data if isinstance(index, Tensor) else index


def _restore(cls: Any, data: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    t: Tensor = _new(cls)
    t._data, t._node, t._grad = data, None, grad
    if requires_grad:
        t.requires_grad_()
    if name is not None:
        t.name = name
    return t


def _ufunc_out(ufunc: Any, method: str, inputs: Any, params: dict[str, Any]) -> Any:
    """``np.add(a, b, out=array)``, which ``array += tensor`` also is: allowed while nothing would be lost."""
    out = params["out"]
    mode = MODE.get()
    drops = NEEDS | TRACED if mode is None or mode.recording else TRACED
    tensors = [x for x in (*inputs, *out) if isinstance(x, Tensor)]
    lost = next((x for x in tensors if x._node is not None and x._node.live & drops), None)
    if lost is not None:
        raise RuntimeError(
            f"np.{ufunc.__name__}(..., out=...), or an augmented assignment to an array, would drop the graph of "
            f"{lost._who}: leave out= away, or write x = x + y"
        )
    arrays = tuple(o._writable("out=") if isinstance(o, Tensor) else o for o in out)
    getattr(ufunc, method)(*map(_raw, inputs), **{**{k: _raw(v) for k, v in params.items()}, "out": arrays})
    for o in out:
        if isinstance(o, Tensor):
            o._written()
    return out[0] if len(out) == 1 else out


# ------------------------------------------------------------------------------------------------------------ errors


#: As what an error of NumPy's is raised again, the narrowest first.
_KINDS: tuple[type[Exception], ...] = (
    np.linalg.LinAlgError, np.exceptions.AxisError, TypeError, IndexError, ValueError,
)  # fmt: skip


def _explained(error: Exception, name: str, args: Sequence[Any]) -> Exception:
    """The same kind of error, with the operation, the operands by name and shape, and what would be right."""
    what = ", ".join(_described(a) for a in args)
    text = str(error)
    if "non-broadcastable output" in text:
        text = "the result has another shape than the array that is written to"
    elif "broadcast" in text:
        text = "these shapes do not broadcast: aligned at the right, two sizes must be equal or one of them 1"
    elif name == "matmul" and "mismatch" in text or "not aligned" in text:
        text = "the last size of the first must equal the last but one of the second"
    explained = next(kind for kind in _KINDS if isinstance(error, kind))(f"{name}({what}): {text}")
    for a in args:
        if isinstance(a, Tensor) and a._node is not None and a._node.row is not None and a._node.origin:
            explained.add_note(f"{_described(a)} was made at {a._node.origin}")
    return explained


def _described(a: Any) -> str:
    if isinstance(a, Tensor):
        return f"{a.name or 'tensor'} {a.shape}"
    if isinstance(a, ndarray):
        return f"array {a.shape}"
    return repr(a) if isinstance(a, (int, float)) else type(a).__name__


def _dropped(what: str) -> RuntimeError:
    return RuntimeError(
        f"{what} would drop the graph of a tensor that requires gradients. Leave np.asarray away; use np.stack to join "
        "tensors, ag.set_at to fill an array; .detach() or .numpy() if only the values are meant"
    )


def _masked_error() -> TypeError:
    return TypeError("a masked array beside a tensor: its mask would be lost. Use .filled(...) or np.where(mask, ...)")
