"""A value in a recorded graph: one that was kept, or computed again from the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import values_freed_error, written_error
from .node import Node, ancestors


def value_of(node: Node) -> Any:
    """The value of one node, kept or not.

    Raises
    ------
    RuntimeError
        If an input that it is computed from has been written to, or its arrays were freed.
    """
    if node.y is not None:
        return node.y
    nodes = ancestors([node])[::-1]
    # what later nodes keep for their rules need not be computed again, nor drawn again.
    pairs = (pair for n in nodes for pair in zip(n.parents, n.xs or (), strict=False))
    values = {p: x for p, x in pairs if p is not None and x is not None and p.row is not None}
    for n in nodes:
        for p in n.parents:
            if p is not None:
                values.setdefault(p, p.y)
                if p.row is None and p.version < n.order:
                    raise written_error(p.label, p.storage)
        if n.row is None or n.y is not None:
            values[n] = n.y
        elif n.xs is None and n not in values:
            raise values_freed_error(n.label)
        elif n not in values:
            xs = [x if p is None else values[p] for p, x in zip(n.parents, n.xs, strict=True)]
            y = n.row.fn(*xs, **n.params)
            values[n] = tuple(map(np.asarray, y)) if n.row.outputs else np.asarray(y)
    return values[node]
