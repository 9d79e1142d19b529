"""A recorded function on a batch of examples: equation by equation, each row by its rule for batches.

The rule is the row's ``batch=`` (:mod:`autograd_lite.table.batching`). A row without one is looped over.

In forward mode in many directions at once, the tangents have a batch axis in front, the values have none. As in
:mod:`autograd_lite.engine.forward`, what is done follows from the kind of the row. The partial derivative of an
elementwise row is computed once for all directions; a linear or bilinear row is applied to the batch by its rule for
batches. The step of any other row is recorded in one direction, and then run for all.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

from ..engine.context import changed, no_grad
from ..engine.engine_rows import INSIDE, lift
from ..engine.forward import by_kind, push
from ..engine.node import ANY, Function, Lift, Node, Params, Shape, Values, ancestors
from ..engine.operands import raw
from ..engine.record import record
from ..engine.value import Value, live_of, wrap
from ..table import Primitive
from ..table.batching import Batched, Same, padded, repeated
from .recording import Recording

_LOOPED: set[Primitive] = set()  # the rows that a warning has named


class Batch:
    """The values of a recording for all examples.

    Parameters
    ----------
    recording : Recording
    nodes : sequence of Node
        What to compute, oldest first.
    inputs : sequence of arrays or Tensors
        The inputs of the recording, with the batch axis in front.
    size : int
        The number of examples.
    draw : callable, optional
        The rule for rows that draw random numbers. By default each example has its own.
    """

    def __init__(
        self, recording: Recording, nodes: Sequence[Node], inputs: Sequence[Any], size: int,
        draw: Callable[[Batched], Any] | None = None,
    ) -> None:
        self.size, self._outer, self._outside, self._draw = size, recording.outer, recording.values, draw
        self._start = recording.start
        self.values: dict[Any, tuple[Any, bool]] = {
            n: (x, True) for n, x in zip(recording.inputs, inputs, strict=True)
        }
        inside = {*recording.inputs, *nodes}
        others = {p for n in nodes for p in n.parents if p is not None and p not in inside}
        #: Whether the results depend on variables outside. Otherwise everything is computed on arrays.
        self.connected = any(map(live_of, inputs)) or any(p.live & self._outer for p in others)
        uses = Counter(p for n in nodes for p in n.parents)
        uses.update(getattr(t, "_node", None) for t in recording.outputs)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # the recording has warned about it
            for group, run in groupby(nodes, attrgetter("group")):
                with changed(group=group) if self.connected else nullcontext():
                    self._run(run, uses)

    def _run(self, nodes: Iterable[Node], uses: Counter[Any]) -> None:
        for n in nodes:
            if n in self.values:
                continue
            if n.hooks is not None and self.connected:
                raise RuntimeError(
                    f"vmap: {n.label} has a hook, which would see no gradient, because a batch has no such tensor: "
                    "register it on an argument or a result of the mapped function"
                )
            self.values[n] = self._computed(n)
            for p in n.parents:  # a value is dropped after its last use
                uses[p] -= 1
                if not uses[p]:
                    self.values.pop(p, None)

    def of(self, y: Any) -> tuple[Any, bool]:
        """The value of a result of the recorded function, and whether it has the batch axis."""
        if not isinstance(y, Value):
            return y, False
        return self.values.get(y._node) or (y if live_of(y) & self._outer else y._data, False)

    def _computed(self, n: Node) -> tuple[Any, bool]:
        row = n.row
        xs, on = [], []
        for p, x in zip(n.parents, n.xs, strict=True):
            value, has = (x, False) if p is None else self.values.get(p) or (self._captured(p), False)
            xs.append(value)
            on.append(has)
        live = any(isinstance(x, Value) for x in xs)
        shape = n.shape if n.parts is None else tuple(shape for shape, _ in n.parts)
        b = Batched(called(row), xs, on, n.params, self.size, shape)
        rule = self._draw if self._draw is not None and "generator" in n.params else row.batch
        if rule is self._draw is not None and row.outputs:
            raise RuntimeError(
                f"vmap: randomness='same' is not possible for {row.name}, whose body draws random numbers: draw them "
                "before, and pass them in"
            )
        if not any(on) and "generator" not in n.params:
            rule = _once  # its operands turned out to be the same for all examples
        elif rule is None:
            rule = _looped(row, n)
        if live and not n.requires_grad:  # as when it was recorded
            with no_grad():
                y = rule(b)
        else:
            y = rule(b)
        return (y.y, False) if isinstance(y, Same) else (y, True)

    def _captured(self, p: Node) -> Any:
        """A value that does not depend on the inputs. A node made only by a transform inside is not a variable."""
        if p.order < self._start and any(n.row is INSIDE for n in ancestors([p], ANY, self._start)):
            INSIDE.fn()
        y = self._outside[p]
        return wrap(y, p) if self.connected and (p.live & self._outer or not p.live) else y


def called(row: Primitive) -> Function:
    """The function of a row on canonical arguments; the call is recorded if one of them is a Tensor."""

    def run(xs: Sequence[Any], params: Params) -> Any:
        arrays = len(xs) == 1 and type(xs[0]) is np.ndarray or not any(isinstance(x, Value) for x in xs)
        return row.fn(*xs, **params) if arrays else record(row, xs, params)

    return run


def _once(b: Batched) -> Same:
    return Same(b(*b.xs))


def _looped(row: Primitive, n: Node) -> Callable[[Batched], Any]:
    """The row called for each example in turn; a warning says so once."""

    def rule(b: Batched) -> Any:
        if row not in _LOOPED:
            _LOOPED.add(row)
            warnings.warn(
                f"vmap: {row.name} has no rule for batches, so it is called {b.size} times, once for each example: "
                "about as slow as a Python loop over it. Give the row batch= (see ag.table.OPTIONS)",
                stacklevel=7,
            )
        each = [b(*(x[k] if has else x for x, has in zip(b.xs, b.on, strict=True))) for k in range(b.size)]
        if not row.outputs:
            return _stacked(row, each, b.shape, n.dtype)
        results = n.parts or ()
        return tuple(_stacked(row, [y[k] for y in each], *part) for k, part in enumerate(results))

    return rule


def _stacked(row: Primitive, each: list[Any], shape: Shape, dtype: Any) -> Any:
    other = next((np.shape(y) for y in each if np.shape(y) != shape), None)
    if other is not None:
        raise ValueError(
            f"vmap: the shape of {row.name} depends on values: it is {shape} for the first example and {other} for "
            "another one, and all examples of a batch need one shape. Use a mask (np.where) instead of an index"
        )
    return np.stack(each) if each else np.zeros((0, *shape), dtype)


# ------------------------------------------------------------------------------------ forward mode in many directions


def push_batch(n: Node, ts: list[Any], y: Any, xs: Values, lift: Lift, size: int) -> Any:
    """The tangents of one node's result in `size` directions; `ts` are those of its arguments or None."""
    row = n.row
    ndim = len(n.shape)
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


def _recorded(n: Node, ts: list[Any], y: Any, xs: Values, size: int) -> Any:
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
