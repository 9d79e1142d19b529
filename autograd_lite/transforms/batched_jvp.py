"""Forward mode in many directions at once: the tangents have a batch axis in front, the values have none.

As in :mod:`autograd_lite.engine.forward`, what is done follows from the kind of the row. The partial derivative of an
elementwise row is computed once for all directions; a linear or bilinear row is applied to the batch by its rule for
batches. The step of any other row is recorded in one direction, and then run for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..engine.backward import saved
from ..engine.engine_rows import lift
from ..engine.forward import push, total
from ..engine.node import Node
from ..engine.operands import raw
from ..engine.unbroadcast import cast
from ..table.batching import Batched, padded, repeated
from .batch import Batch, called
from .diagonal_batch import Diagonal, dense
from .linearize import Linearized
from .recording import Recording


def push_batch(run: Linearized, path: Iterable[Node], tangents: Mapping[Node, Any], size: int) -> dict[Node, Any]:
    """The tangents of all nodes on the path of a run, earliest first, in `size` directions at once."""
    tangent, record = dict(tangents), run.is_recorded()
    with run.recording():
        for n in path:
            if n.row is None or n in tangent:
                continue
            ts = [tangent.get(p) for p in n.parents]  # type: ignore[arg-type]  # a parent may be None
            pulls = n.row.pulls
            useful = [i for i, t in enumerate(ts) if t is not None and pulls[i] is not None]
            if not useful and all(t is None for t in ts):
                continue
            y, xs = saved(n, lift if record else None, tangent.__contains__)
            if Diagonal in map(type, ts):
                moving = [t for t in ts if t is not None]
                if _stays_diagonal(n, moving):
                    one = push(n, [None if t is None else t.entries for t in ts], y, xs, lift)
                    tangent[n] = moving[0].filled(one if one.dtype is n.dtype else cast(one, n.dtype, n))
                    continue
                ts = list(map(dense, ts))
            t = _pushed(n, ts, useful, y, xs, size)
            if type(t) is not tuple:
                if t.shape != (size, *n.shape):
                    t = np.broadcast_to(padded(t, True, len(n.shape)), (size, *n.shape))
                if t.dtype is not n.dtype:
                    t = cast(t, n.dtype, n)
            tangent[n] = t
    return tangent


def _stays_diagonal(n: Node, moving: list[Any]) -> bool:
    row = n.row
    assert row is not None
    return n.parts is None and (row.kind == "elementwise" or row.algebra == "identity") and all(
        type(t) is Diagonal and t.entries.shape == n.shape for t in moving
    )


def _pushed(n: Node, ts: list[Any], useful: list[int], y: Any, xs: tuple[Any, ...], size: int) -> Any:
    """The tangents of one node's result; `ts` are those of its arguments, None where there is none.

    `useful` are the arguments that have a tangent and a derivative.
    """
    row = n.row
    assert row is not None
    if useful and row.jvp is None and (row.holomorphic or not any(d.kind == "c" for d in n.dtypes)):
        if row.kind == "elementwise":
            ndim, pulls = len(n.shape), row.pulls
            return total([
                pulls[i](ts[i] if ts[i].ndim > ndim else padded(ts[i], True, ndim), y, xs, n) for i in useful
            ])
        if row.batch is not None and row.kind == "bilinear":
            return total([_applied(n, [*xs[:i], ts[i], *xs[i + 1 :]], [i], size) for i in useful])
        if row.batch is not None and row.kind == "linear":
            full = ts if len(useful) == len(ts) else [
                x if row.rule(i) is None else np.zeros(n.shape_of(i), n.dtype) if t is None else t
                for i, (t, x) in enumerate(zip(ts, xs, strict=True))
            ]
            return _applied(n, full, useful, size)
    return _recorded(n, ts, y, xs, size)


def _applied(n: Node, xs: list[Any], on: list[int], size: int) -> Any:
    """The node's function on a batch of values in the places `on`."""
    row = n.row
    assert row is not None
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
