"""Where a backward pass begins, and how gradients are added to ``.grad``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..base.snapshots import SNAPSHOT, about_to_write
from ..table import TABLE
from .backward import pull_back
from .context import CONTEXT, ORDINARY, changed
from .engine_rows import lift
from .errors import noted
from .hooks import matching
from .node import TRACED, Node
from .unbroadcast import ones
from .value import Value, live_of, wrap

ndarray = np.ndarray


def backward(gradients: Mapping[Any, Any], retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradients of several results to the `.grad` of every leaf behind them; see :meth:`Tensor.backward`."""
    context = CONTEXT.get() or ORDINARY
    traced = context is not ORDINARY and is_any_traced((*gradients, *gradients.values()))
    roots: dict[Node, Any] = {}
    for t, g in gradients.items():
        roots[t._node] = cotangent_of(t, g, create_graph or traced)
    if create_graph:
        with changed(recording=True):
            _deliver(pull_back(roots, None, lift, watch=context.watcher), context.outside)
        return
    if traced:  # the program includes the backward pass
        with changed(recording=False):
            cotangents = pull_back(roots, None, lift, watch=context.watcher)
    else:
        cotangents = pull_back(roots, free=retain_graph is False, watch=context.watcher)
    _deliver(cotangents, context.outside)


def is_any_traced(values: Iterable[Any]) -> bool:
    """True if one of the values belongs to a program that is being traced."""
    return any(live_of(t) & TRACED for t in values)


def cotangent_of(t: Value, gradient: Any, create_graph: bool = False) -> Any:
    """The cotangent that the pass starts from at `t`: `gradient`, checked; or 1 for a scalar."""
    node = t._node
    if node is None or node.live <= TRACED:
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


def _deliver(cotangents: dict[Node, Any], outside: Any) -> None:
    """Add each cotangent to the `.grad` of its Tensor, in an array that nothing else shares."""
    snapshot = SNAPSHOT.get()
    for node in cotangents:
        t = node.keeper()
        if t is None or t._node is None or t._node.live <= TRACED:  # it may have been frozen since
            continue
        if snapshot is not None:
            about_to_write(t)
        if outside is not None:
            outside.asks_for_grad(t)
            outside.sets_grad(t, t._grad is None)
        old = t._grad
        if old is None or node.row is not None:
            node.graded = (node.storage.version,)
        else:
            _note_version(node, old)
        if old is None:
            g = taken(cotangents, node)
            t._grad = g if isinstance(g, Value) else wrap(g, None)  # as `as_tensor`, in one call less
        elif old._node is None and old._data.flags.writeable and not isinstance(g := cotangents[node], Value):
            np.add(old._data, g, old._data)
        else:
            t._grad = old + cotangents[node]


def _note_version(node: Node, old: Value) -> None:
    """Note the version of an input at which gradients are added to `old`, its .grad; warn if that was forgotten.

    Adding once to a gradient from before an update is usual: in a GAN the generator's loss also reaches the
    discriminator, whose gradients are cleared before its next step.
    """
    versions, version = node.graded, node.storage.version
    if versions and versions[-1] == version:
        return
    before = versions if versions and old._data.any() else ()
    if len(before) == 2:
        warnings.warn(
            f"backward() adds to a .grad of {node.label} that has gradients from before its last two updates: a "
            "forgotten zero_grad()?",
            stacklevel=5,
        )
    node.graded = (*before[-1:], version)


def taken(gradients: dict[Node, Any], node: Node) -> Any:
    """A cotangent that the caller may keep: the array itself if only the dict holds it, else a copy."""
    g = gradients[node]
    if isinstance(g, Value):
        return own(g)
    if type(g) is not ndarray or g.base is not None or not g.flags.writeable or sys.getrefcount(g) > _SOLE:
        g = np.array(g)  # others hold it too
    return g


def own(g: Any) -> Any:
    """The gradient where nothing else can write to it: a leaf is copied, a recorded result cannot be written to."""
    return g if not g.is_leaf else TABLE["copy"](g) if g.requires_grad else wrap(np.array(g._data), None)


def _sole() -> int:
    """The result of `sys.getrefcount`, called as in `taken`, for an array with no other reference."""
    gradients = {None: np.empty(1)}
    g = gradients[None]
    return sys.getrefcount(g)


_SOLE = _sole()


