"""A value and its place in the graph: the part of a Tensor that the engine works with.

What users do with a Tensor is in :mod:`autograd_lite.tensor`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .node import TRACED, Node, Shape
from .versions import OURS, Storage

ndarray, asarray = np.ndarray, np.asarray
_new = object.__new__


class Value:
    """An array (`_data`), the node that it was recorded as (`_node`, or None), and its gradient (`_grad`)."""

    __slots__ = ("__weakref__", "_data", "_grad", "_node")
    _data: np.ndarray[Shape, np.dtype[Any]]
    _node: Node | None
    _grad: Self | None

    @property
    def shape(self) -> Shape:
        """The length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries, one of NumPy's."""
        return self._data.dtype

    @property
    def __autograd_array__(self) -> np.ndarray[Any, Any]:
        return self._data

    @property
    def __autograd_recorded__(self) -> bool:
        return live_of(self) != 0

    @property
    def requires_grad(self) -> bool:
        """True if a derivative with respect to this may be asked for."""
        return live_of(self) > TRACED

    @property
    def is_leaf(self) -> bool:
        """True if it is an input, not the recorded result of anything."""
        return self._node is None or self._node.row is None

    @property
    def name(self) -> str | None:
        """Its name in pictures, derivations and error messages."""
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
        """Its name in an error message."""
        return self.name or f"tensor {self.shape}"

    def _leaf(self) -> Node:
        """The node of this Tensor, made now if it had none."""
        node = self._node
        if node is None:
            data = self._data
            self._node = node = Node(None, (), (), data, data.shape, data.dtype, 0)
            node.keeper = weakref.ref(self)
        return node

    def _written(self) -> None:
        """Note a write to its array: graphs recorded earlier are now stale."""
        node = self._node
        if node is not None:
            (self._storage() if node.storage is OURS else node.storage).written()

    def _storage(self) -> Storage:
        """The Storage of its memory. An input gets one of its own when it is first asked for."""
        node = self._leaf()
        if node.storage is OURS and node.row is None:
            node.storage = Storage(node.name)
        return node.storage

    def _view_of(self, owner: Value) -> None:
        """Declare that this constant is a view of the array of `owner`: a write to either is a write to both."""
        storage = owner._storage()
        if storage is OURS:  # a recorded result, which must not be written to
            self._data.setflags(write=False)
        else:
            self._leaf().storage = storage


#: The class of results: Tensor, once that is defined. (The only reference to a package above; a list, since reading an
#: attribute of a class takes longer.)
RESULT: list[type[Value]] = [Value]


def wrap(value: Any, node: Node | None) -> Any:
    """A value as a Tensor, with its node or unrecorded."""
    t = _new(RESULT[0])
    t._data = value if type(value) is ndarray else asarray(value)
    t._node = node
    t._grad = None
    return t


def fresh(x: Any, live: int) -> Any:
    """An array as a new input, to whose .grad a backward() adds; `live` says what it is an input of."""
    t = wrap(x, Node(None, (), (), x, x.shape, x.dtype, live))
    t._node.keeper = weakref.ref(t)
    return t


def live_of(x: Any) -> int:
    """What a value depends on, as the bits of `Node.live`; 0 for what is no recorded Tensor."""
    return x._node.live if isinstance(x, Value) and x._node is not None else 0


def as_tensor(value: Any) -> Any:
    """A value as a Tensor: itself if it is one."""
    return value if isinstance(value, Value) else wrap(value, None)


def unrecorded(y: Any, args: Sequence[Any]) -> Any:
    """An unrecorded result; if it is a view of an argument, a write to either is a write to both."""
    t = wrap(y, None)
    if y.base is not None and (owner := _seen(y, args)) is not None:
        t._view_of(owner)
    return t


def seen_storage(y: Any, args: Sequence[Any]) -> Storage:
    """The memory that a result lies in: an argument's, if it is a view of it."""
    owner = _seen(y, args)
    return OURS if owner is None else owner._storage()


def _seen(y: Any, args: Sequence[Any]) -> Value | None:
    """The argument whose array `y` is a view of."""
    for a in args:
        if isinstance(a, Value) and (y.base is a._data or y.base is a._data.base is not None):
            return a
    return None
