"""A value and its place in the graph: what recording needs to know of a Tensor.

Everything that a person does with a Tensor is in :mod:`autograd_lite.tensor`; this is the part that the engine
works with.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from .node import NEEDS, Node
from .versions import LATEST_WRITE, OURS, Storage, next_order

if TYPE_CHECKING:
    from ..tensor import Tensor


class Value:
    """An array (`_data`), the node that it was recorded as (`_node`, or None), and its gradient (`_grad`)."""

    __slots__ = ("__weakref__", "_data", "_grad", "_node")
    _data: np.ndarray[tuple[int, ...], np.dtype[Any]]
    _node: Node | None
    _grad: Tensor | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def requires_grad(self) -> bool:
        node = self._node
        return node is not None and bool(node.live & NEEDS)

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

    def _view_of(self, owner: Value) -> None:
        """Declare that this constant looks into the array of `owner`: a write to either is a write to both."""
        storage = owner._storage()
        if storage is OURS:  # a recorded result: nobody may write to it
            self._data.setflags(write=False)
        else:
            self._leaf().storage = storage
