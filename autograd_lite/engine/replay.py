"""The values in a recorded graph: those that were kept, and the others computed again from the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .errors import values_freed_error, written_error
from .node import Node, Values, ancestors


def replay(nodes: Iterable[Node]) -> dict[Node, Any]:
    """The value of every node, given oldest first, computed again from the inputs where the graph did not keep it.

    Raises
    ------
    RuntimeError
        If an input has been written to since; the message names it.
    """
    nodes = list(nodes)
    values: dict[Node, Any] = {}
    kept = _kept_by_consumers(nodes)
    for n in nodes:
        for p in n.parents:
            if p is not None and p not in values:
                values[p] = p.y
            if p is not None and p.row is None and p.version < n.order:
                raise written_error(p.label, p.storage)
        if n.row is None or n.y is not None:
            values[n] = n.y
        elif n in kept:
            values[n] = kept[n]
        elif n.xs is None:
            raise values_freed_error(n.label)
        else:
            y = n.row.fn(*arguments(n, values), **n.params)
            values[n] = tuple(map(np.asarray, y)) if n.row.outputs else np.asarray(y)
    return values


def value_of(node: Node) -> Any:
    """The value of one node, kept or not."""
    return node.y if node.y is not None else replay(ancestors([node])[::-1])[node]


def arguments(n: Node, values: Mapping[Node, Any]) -> Values:
    """The values of what a node was computed from."""
    return tuple(x if p is None else values[p] for p, x in zip(n.parents, n.xs, strict=True))


def _kept_by_consumers(nodes: Iterable[Node]) -> dict[Node, Any]:
    """The values that later nodes keep for their rules: they need not be computed again, nor drawn again."""
    kept = {}
    for n in nodes:
        for p, x in zip(n.parents, n.xs or (), strict=False):
            if p is not None and x is not None and p.row is not None:
                kept[p] = x  # noqa: PERF403 - two loops deep
    return kept
