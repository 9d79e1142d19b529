"""Forward mode in many directions at once: the tangents have a batch axis in front, the values have none.

As in :mod:`autograd_lite.engine.forward`, what is done follows from the kind of the row. The partial derivative of an
elementwise row is computed once for all directions; a linear or bilinear row is applied to the batch by its rule for
batches. The step of any other row is recorded in one direction, and then run for all.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..engine.engine_rows import lift
from ..engine.forward import by_kind, push
from ..engine.node import Lift, Node
from ..engine.operands import raw
from ..engine.unbroadcast import cast
from ..table.batching import Batched, padded, repeated
from .batch import Batch, called
from .diagonal_batch import Diagonal, dense
from .recording import Recording


def push_batch(n: Node, ts: list[Any], y: Any, xs: tuple[Any, ...], lift: Lift, size: int) -> Any:
    """The tangents of one node's result in `size` directions; `ts` are those of its arguments or None."""
    row = n.row
    ndim, moving = len(n.shape), [t for t in ts if t is not None]
    if Diagonal in map(type, moving):
        entrywise = n.parts is None and (row.kind == "elementwise" or row.algebra == "identity")
        if entrywise and all(type(t) is Diagonal and t.entries.shape == n.shape for t in moving):
            one = push(n, [None if t is None else t.entries for t in ts], y, xs, lift)
            return moving[0].filled(one if one.dtype is n.dtype else cast(one, n.dtype, n))
        ts = list(map(dense, ts))
    short = [row.kind == "elementwise" and t is not None and t.ndim <= ndim for t in ts]
    aligned = [padded(t, True, ndim) if is_short else t for t, is_short in zip(ts, short, strict=True)]
    apply = None if row.batch is None else partial(_applied, size=size)
    t = by_kind(n, aligned, y, xs, apply, lambda: _recorded(n, ts, y, xs, size))
    return t if type(t) is tuple else padded(t, True, ndim)


def _applied(n: Node, xs: list[Any], on: list[int], size: int) -> Any:
    """The node's function on a batch of values in the places `on`."""
    row = n.row
    assert row.batch is not None
    shape = n.shape if n.parts is None else tuple(shape for shape, _ in n.parts)
    return row.batch(Batched(called(row), xs, [i in on for i in range(len(xs))], n.params, size, shape))


def _recorded(n: Node, ts: list[Any], y: Any, xs: tuple[Any, ...], size: int) -> Any:
    """The step in one direction, recorded and run for all."""
    moving = [i for i, t in enumerate(ts) if t is not None]

    def step(*moved: Any) -> Any:
        one = list(ts)
        for i, t in zip(moving, moved, strict=True):
            one[i] = t
        return push(n, one, y, xs, lift)

    run = Recording(step, [np.array(raw(ts[i])[0]) if size else np.zeros(ts[i].shape[1:], ts[i].dtype) for i in moving])
    batch = Batch(run, run.nodes(), [ts[i] for i in moving], size)
    results = [t if has else repeated(t, size) for t, has in map(batch.of, run.outputs)]
    return tuple(results) if n.parts is not None else results[0]
