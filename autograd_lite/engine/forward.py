"""Forward mode: the tangents of the inputs are carried through the graph to the results.

No row has a forward rule: it follows from the kind. An elementwise row multiplies the tangent by the same partial
derivative; a linear or bilinear row is applied to the tangent itself; a general row is transposed, because its vjp is
linear in the cotangent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .backward import pull_back, saved
from .context import CONTEXT, ORDINARY
from .node import TRANSFORM, Function, Lift, Node, Shape, Values
from .unbroadcast import cast, sum_to
from .value import fresh


def push_forward(
    path: Iterable[Node], tangents: Mapping[Node, Any], lift: Lift, record: bool = False,
    step: Function | None = None, lead: Shape = (),
) -> dict[Node, Any]:
    """Carry the tangents of inputs forward along `path`.

    Parameters
    ----------
    path : iterable of Node
        The nodes between the inputs and the outputs, earliest first.
    tangents : mapping of Node to tangent
        Of the inputs.
    lift : callable
        See :func:`~autograd_lite.engine.backward.pull_back`.
    record : bool
        Whether the pass is itself recorded.
    step : callable, optional
        What computes the tangent of one node, instead of `push`.
    lead : tuple of int, optional
        The axes that tangents have in front of those of the values.

    Returns
    -------
    dict
        The nodes that depend on an input, with their tangents.
    """
    step = step or push
    tangent = dict(tangents)
    for n in path:
        if n in tangent or tangent.keys().isdisjoint(n.parents):
            continue
        y, xs = saved(n, lift if record else None, tangent.__contains__)
        t = step(n, [tangent.get(p) for p in n.parents], y, xs, lift)  # type: ignore[arg-type]  # a parent may be None
        if type(t) is not tuple:
            shape = lead + n.shape
            if t.shape != shape:
                t = np.broadcast_to(t, shape)
            if t.dtype is not n.dtype:
                t = cast(t, n.dtype, n)
        tangent[n] = t
    return tangent


def push(n: Node, ts: list[Any], y: Any, xs: Values, lift: Lift) -> Any:
    """The tangent of one node's result; `ts` are those of its arguments, None where there is none."""
    jvp = n.row.jvp

    def general() -> Any:
        return _transposed(n, ts, y, xs, lift) if jvp is None else jvp(ts, y, xs, n)

    return by_kind(n, ts, y, xs, _applied, general)


def by_kind(
    n: Node, ts: Sequence[Any], y: Any, xs: Sequence[Any], apply: Function | None, general: Callable[[], Any]
) -> Any:
    """The tangent of one node's result, where it follows from the kind of its row.

    Parameters
    ----------
    apply : callable or None
        ``apply(n, xs, on)`` is the node's function on values, of which those in the places `on` are tangents; None if
        it cannot be applied to them.
    general : callable
        Returns the tangent for any other row.
    """
    row = n.row
    moving = [i for i, t in enumerate(ts) if t is not None and row.pulls[i] is not None]
    if not moving or row.jvp is not None or not row.holomorphic and any(d.kind == "c" for d in n.dtypes):
        return general()
    if row.kind == "elementwise":
        return total([row.pulls[i](ts[i], y, xs, n) for i in moving])
    if row.kind == "bilinear" and apply is not None:
        return total([apply(n, [*xs[:i], ts[i], *xs[i + 1 :]], [i]) for i in moving])
    if row.kind == "linear" and apply is not None:
        full = [
            x if row.rule(i) is None else np.zeros(n.shape_of(i), n.dtype) if t is None else t
            for i, (t, x) in enumerate(zip(ts, xs, strict=True))
        ]
        return apply(n, full, moving)
    return general()


def total(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _applied(n: Node, xs: Sequence[Any], on: Sequence[int]) -> Any:
    """The node's function on other values. The call is recorded if one of them is a Tensor."""
    if n.row.direct and not n.params:
        return n.row(*xs)
    record = next((x.__autograd_record__ for x in xs if hasattr(x, "__autograd_record__")), None)
    return n.row.fn(*xs, **n.params) if record is None else record(n.row, xs, n.params)


def _transposed(n: Node, ts: list[Any], y: Any, xs: Values, lift: Lift) -> Any:
    """A vjp is linear in its cotangent, so the jvp is its transpose: backpropagate the tangents through the rule."""
    row = n.row
    several = n.parts is not None
    bit = TRANSFORM << (CONTEXT.get() or ORDINARY).level  # as a transform that starts here
    gs = tuple(fresh(np.zeros(shape, dtype), bit) for shape, dtype in n.parts or ((n.shape, n.dtype),))
    seeds = [g._node for g in gs]
    conjugate = row.holomorphic and n.dtype.kind == "c"
    totals = [None] * len(seeds)
    for i, t in enumerate(ts):
        if t is None or row.pulls[i] is None:
            continue
        v = row.pulls[i](gs if several else gs[0], y, xs, n)
        if getattr(v, "_node", None) is None:
            continue
        if v.shape != t.shape:
            v = sum_to(v, t.shape, n, n.parents[i] or n)
        recorded = lift if hasattr(t, "_node") or any(hasattr(x, "_node") for x in xs) else None
        cotangents = pull_back({v._node: np.conj(t) if conjugate else t}, seeds, recorded)
        for k, seed in enumerate(seeds):
            if seed in cotangents:
                part = np.conj(cotangents[seed]) if conjugate else cotangents[seed]
                totals[k] = part if totals[k] is None else totals[k] + part
    full = tuple(np.zeros(s.shape, s.dtype) if t is None else t for t, s in zip(totals, seeds, strict=True))
    return full if several else full[0]
