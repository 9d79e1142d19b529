"""The backward pass as a user starts it: where it begins, and how gradients are delivered to ``.grad``."""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.snapshots import about_to_write
from ..table import TABLE
from .backward import pull_back
from .context import MODE, changed
from .errors import noted
from .fit import ones
from .node import NEEDS, TRACED, Node
from .operands import raw
from .results import lift
from .value import Value, wrap

if TYPE_CHECKING:
    from ..tensor import Tensor

ndarray, asarray = np.ndarray, np.asarray


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
            found = pull_back({n: wrap(g, None) for n, g in roots.items()}, None, lift, watch=told)
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
            raise noted(
                RuntimeError(f"backward from {node.label} needs a {what}, or pass gradient= of shape {node.shape}"),
                node,
            )
        g = ones(node.shape, node.dtype)
        return wrap(g, None) if create_graph else g
    return matching(gradient, node, f"backward from {node.label}: gradient= has", create_graph)


def _deliver(node: Node, found: dict[Node, Any], create_graph: bool) -> None:
    """Add a gradient to `.grad`, in an array that nobody else holds."""
    t = node.keeper()
    if t is None or not t.requires_grad:  # it may have been frozen since
        return
    about_to_write(t)
    version = node.storage.version
    old, g = t._grad, found[node]
    if old is not None and node.graded is not None and node.graded != version and node.row is None and old._data.any():
        warnings.warn(
            f"backward() adds to a .grad of {node.label} that was made before its last update: a forgotten "
            "zero_grad()?",
            stacklevel=4,
        )
    node.graded = version
    if create_graph or isinstance(g, Value):
        t._grad = own(g) if old is None else old + g
    elif old is None:
        if type(g) is not ndarray or g.base is not None or not g.flags.writeable or sys.getrefcount(g) > _SOLE:
            g = np.array(g)  # somebody else holds it too
        t._grad = wrap(g, None)
    elif old._node is None and old._data.flags.writeable:
        np.add(old._data, g, old._data)
    else:
        t._grad = old + g


def watch() -> Any:
    """The watcher of anomaly detection, or None."""
    mode = MODE.get()
    return None if mode is None else mode.watcher


def taken(found: dict[Node, Any], node: Node) -> Any:
    """A cotangent that the caller may keep: the array itself if only the dict holds it, else a copy."""
    g = found[node]
    if isinstance(g, Value):
        return own(g)
    if type(g) is not ndarray or g.base is not None or not g.flags.writeable or sys.getrefcount(g) > _SOLE:
        g = np.array(g)
    return g


def own(g: Any) -> Any:
    """The same gradient where nobody else can write to it: what is recorded is safe, a leaf is copied."""
    return g if not g.is_leaf else TABLE["copy"](g) if g.requires_grad else wrap(np.array(g._data), None)


def _sole() -> int:
    """What getrefcount says, in just the position of `_deliver`, of an array that nobody else holds."""
    found = {None: np.empty(1)}
    old, g = None, found[None]
    return sys.getrefcount(g) if type(g) is ndarray and old is None else 0


_SOLE = _sole()


class Handle:
    """What :meth:`Tensor.register_hook` returns: ``remove()`` takes the hook off again."""

    __slots__ = ("_call", "_node", "_owner")

    def __init__(self, owner: Value, call: Any) -> None:
        self._owner = weakref.ref(owner)
        self._node = weakref.ref(owner._leaf())  # which a result leaves behind in its graph, and a leaf when frozen
        self._call = call

    def remove(self) -> None:
        owner = self._owner()
        for node in (self._node(), None if owner is None else owner._node):
            if node is not None and node.hooks is not None:
                node.hooks = [call for call in node.hooks if call is not self._call] or None


def hooked(hook: Callable[[Tensor], Any], label: str) -> Callable[[Any, Any], Any]:
    """A hook as `pull_back` calls it: on what it carries, and checked."""

    def call(g: Any, lift: Any) -> Any:
        given = g
        if not isinstance(g, Value):
            given = wrap(asarray(g).view(), None)
            given._data.setflags(write=False)  # others may hold it too
        new = hook(given)
        if new is None:
            return g
        return matching(new, g, f"a hook on {label} returned", isinstance(g, Value))

    return call


def matching(value: Any, like: Any, what: str, keep: bool = False) -> Any:
    """A gradient given by the user, checked against what it stands for; a Tensor where that is to be kept."""
    g: Any = value if keep and isinstance(value, Value) else asarray(raw(value))
    if g.shape != like.shape:
        raise ValueError(f"{what} shape {g.shape}, but {like.shape} is needed")
    if g.dtype != like.dtype:
        if not np.can_cast(g.dtype, like.dtype, "same_kind"):
            raise TypeError(f"{what} dtype {g.dtype}, but {like.dtype} is needed")
        g = g.astype(like.dtype)
    return wrap(g, None) if keep and not isinstance(g, Value) else g
