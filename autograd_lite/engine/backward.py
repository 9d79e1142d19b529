"""Reverse mode: the loop that carries cotangents from results back to inputs.

Every node has a number, `order`, which counts down, so that a min-heap returns the latest node first. The heap holds
the nodes that have a cotangent waiting, and the loop takes the latest of them. Its cotangent is complete by then: every
operation that used the node was recorded after it, and so has been processed before it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..base import memory
from .errors import changed_error, freed_error, order_error, point_at
from .hooks import run_hooks
from .node import TRACED, Lift, Node, Values, between
from .unbroadcast import match_argument
from .versions import LATEST_WRITE


def pull_back(
    roots: Mapping[Node, Any], inputs: Iterable[Node] | None = None, lift: Lift | None = None, *,
    reaches: Callable[[Node], Any] | None = None, free: bool = False, watch: Any = None, through: bool = True,
) -> dict[Node, Any]:
    """Carry the cotangents of `roots` back to `inputs`, or to every leaf that keeps a gradient.

    Parameters
    ----------
    roots : mapping of Node to cotangent
        In the node's shape; a tuple for a row with several results.
    inputs : iterable of Node, optional
        The nodes whose cotangents are wanted. By default every node with a `keeper`: the leaves.
    lift : callable, optional
        ``lift(value, node)`` makes a Tensor of a kept value, so that the backward pass is itself recorded. By default
        the rules run on arrays.
    reaches : callable, optional
        Whether a node is on a path to `inputs`. By default the paths are searched, and without `inputs` every node that
        may be differentiated is on one.
    free : bool
        Free the kept arrays during the pass.
    watch : optional
        Anomaly detection: ``watch.check(node)`` is called before the rules of a node, ``watch.pulled(node, parent,
        cotangent)`` after each.
    through : bool
        Run hooks on `inputs` and continue past them. False in a nested pass, whose outer pass does both.

    Returns
    -------
    dict
        Node to cotangent. The arrays may be shared.
    """
    memory.keep_freed()
    ends, reaches, pending, heap = _started(roots, inputs, reaches)
    cotangents = {}
    is_special = any((lift, watch))
    while heap:  # latest node first: every use of it has been processed
        n = heappop(heap)[1]
        g = pending.pop(n)
        wanted = n.keeper is not None if ends is None else n in ends
        if wanted and not through:
            cotangents[n] = g
            continue
        if n.hooks is not None:
            g = run_hooks(n, g)
        if wanted:
            cotangents[n] = g
        row = n.row
        if row is None:
            continue
        n.graded = ()
        y, xs = n.y, n.xs
        if xs is None or n.order > LATEST_WRITE[0] or is_special:
            y, xs = saved(n, lift, reaches, watch)
        try:
            for p, pull in zip(n.parents, row.pulls if n.dtype.kind != "c" else row.complex_pulls):  # noqa: B905 - faster
                if p is None or pull is None or not (p.live > TRACED if reaches is None else reaches(p)):
                    continue
                d = pull(g, y, xs, n)
                if d.shape != p.shape or d.dtype is not p.dtype:
                    d = match_argument(d, n, p)
                if watch is not None:
                    watch.pulled(n, p, d)
                if p in pending:
                    pending[p] = add(pending[p], d)
                else:
                    pending[p] = d
                    if p.row is not None or p.hooks is not None:  # other leaves are only collected
                        heappush(heap, (p.order, p))
        except Exception as error:
            point_at(error, n, p, g, y, xs)  # type: ignore[arg-type]  # an edge with a rule has an argument
            raise
        if free:
            n.xs = n.y = None
    _collect(pending, ends, cotangents)
    return cotangents


def _started(
    roots: Mapping[Node, Any], inputs: Iterable[Node] | None, reaches: Callable[[Node], Any] | None
) -> tuple[set[Node] | None, Callable[[Node], Any] | None, dict[Node, Any], list[tuple[int, Node]]]:
    """The inputs; which nodes are on a path to them; the cotangents that are waiting; the heap of their nodes."""
    ends = None
    if inputs is not None:
        ends = set(inputs)
        reaches = reaches or set(between(roots, ends)).__contains__
    pending = {}
    heap: list[tuple[int, Node]] = []
    for n, g in roots.items():  # in Python 3.11 each comprehension is a call
        if n.live > TRACED if reaches is None else reaches(n):
            pending[n] = g
            heappush(heap, (n.order, n))
    return ends, reaches, pending, heap


def _collect(pending: Mapping[Node, Any], ends: Container[Node] | None, cotangents: dict[Node, Any]) -> None:
    """Add the cotangents of the leaves that are wanted."""
    for n, g in pending.items():
        if n.keeper is not None if ends is None else n in ends:
            cotangents[n] = g  # noqa: PERF403 - faster than to update with another dict


def saved(n: Node, lift: Lift | None, reaches: Callable[[Node], Any] | None, watch: Any = None) -> tuple[Any, Any]:
    """The result and the arguments of a node, as its rules see them.

    Raises
    ------
    RuntimeError
        If they were freed, or one that a rule needs has been overwritten.
    """
    if n.xs is None:
        raise freed_error(n)
    if n.order > LATEST_WRITE[0]:
        _check_unchanged(n, reaches)
    if watch is not None:
        watch.check(n)
    return (n.y, n.xs) if lift is None else lifted(n, lift)


def lifted(n: Node, lift: Lift) -> tuple[Any, Values]:
    """The kept values of a node as Tensors, so that their use is recorded."""
    if n.row.order == 1:
        raise order_error(n)
    xs = tuple([
        x if x is None or p is None and type(x) is not np.ndarray else lift(x, p)
        for p, x in zip(n.parents, n.xs, strict=True)
    ])  # the list is faster than a generator
    return (None if n.y is None else lift(n.y, n)), xs


def _check_unchanged(n: Node, reaches: Callable[[Node], Any] | None) -> None:
    """Raise if an argument value that a rule is about to use has been overwritten."""
    row = n.row
    keeps = 0
    for i, p in enumerate(n.parents):
        if p is not None and (p.live > TRACED if reaches is None else reaches(p)):
            keeps |= row.keeps[i] or 0  # None where there is no derivative
    for k, p in enumerate(n.parents):
        if p is not None and (p.storage.shaped < n.order or keeps & (2 << k) and p.storage.version < n.order):
            raise changed_error(n, p)


def add(a: Any, b: Any) -> Any:
    """The sum of two cotangents; a tuple of them has None for a result that was not used."""
    if isinstance(a, tuple):
        return type(a)(q if p is None else p if q is None else p + q for p, q in zip(a, b, strict=True))
    return a + b
