"""A function run once on inputs with fresh nodes, and the two passes over its graph: all transforms use these.

Each run has its own bit in ``Node.live`` (:mod:`autograd_lite.engine.node`). Its inputs have that bit, and everything
computed from them inherits it. So a node depends on the inputs if it has the bit, and the result depends on a variable
from outside if it has a lower bit. No paths have to be searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from ..base.tree import leaves, matched, rebuild, tree_map
from ..engine.accumulate import own, taken
from ..engine.backward import pull_back
from ..engine.context import CONTEXT, ORDINARY, Context, changed, is_grad_enabled, watcher
from ..engine.engine_rows import lift
from ..engine.errors import masked_error
from ..engine.forward import push_forward
from ..engine.hooks import matching
from ..engine.node import TRACED, TRANSFORM, Function, Node, Shape, ancestors
from ..engine.operands import raw
from ..engine.value import fresh, live_of, wrap
from ..engine.versions import next_order
from ..table import Primitive
from ..tensor import Tensor

#: An input of a transform that is also a variable outside it.
_INPUT = Primitive(
    "linear", lambda x: x, (lambda g: g,), name="input", algebra="identity", transparent=True,
    batch=lambda b: b.xs[0],
)


class Linearized:
    """A function run once on inputs with fresh nodes; `pull` and `push` are the two passes over its graph.

    Attributes
    ----------
    y : the result, a tree of Tensors
    aux : the second thing that the function returned, with `has_aux`
    connected : whether the results belong to an enclosing graph
    tensors : whether the caller passed Tensors, and so gets Tensors
    """

    def __init__(
        self, f: Function, args: Sequence[Any], argnums: Shape, params: Any, has_aux: bool = False,
    ) -> None:
        what = getattr(f, "__name__", "the function")
        context = CONTEXT.get() or ORDINARY
        self.level = context.level
        self.bit = TRANSFORM << self.level
        self.start = next_order()  # a node made before this comes from outside
        self.trees = [args[k] for k in argnums]
        values = leaves(self.trees)
        self.nodes: list[Node] = []
        wrapped = [self._enter(x, what) for x in values]
        args = list(args)
        for k, tree in zip(argnums, rebuild(self.trees, wrapped), strict=True):
            args[k] = tree
        inside = Context(True, context.group, context.watcher, self.level + 1, context.values, context.outside)
        token = CONTEXT.set(inside)  # as `changed`, but faster
        try:
            result = f(*args, **params)
        finally:
            CONTEXT.reset(token)
        self.aux: Any = None
        self.y, self.aux = _pair(result, what) if has_aux else (result, None)
        self.outputs = leaves(self.y)
        self.tensors = any(isinstance(x, Tensor) for x in values)
        live = reduce(or_, map(live_of, (*self.outputs, *leaves(self.aux))), 0)
        #: A traced program computes the passes again, also where a derivative of them cannot be asked for.
        self.traced = live & TRACED != 0
        outer = bool(live & self.bit - 1)  # the bits of variables from outside
        self.connected = self.traced or context.recording and (outer or self.tensors and any(map(live_of, values)))

    def _enter(self, x: Any, what: str) -> Tensor:
        if isinstance(x, np.ma.MaskedArray):
            raise masked_error()
        data = raw(x)
        data = data if type(data) is np.ndarray else np.asarray(data)
        if data.dtype.kind not in "fc":
            raise TypeError(
                f"{what}: a derivative with respect to data of dtype {data.dtype} is not possible; pass floats "
                "(2.0 for 2, .astype(float)), or omit the argument from argnums"
            )
        if not data.dtype.isnative:  # in the other byte order
            data = data.astype(data.dtype.newbyteorder("="))
        outer = x._node if isinstance(x, Tensor) else None
        if outer is not None and outer.live:
            t = wrap(data, Node(_INPUT, (outer,), (None,), data, data.shape, data.dtype, outer.live | self.bit))
        else:
            t = fresh(data, self.bit)
        if isinstance(x, Tensor):
            t._node.name, t._node.storage = x.name, x._storage()
        self.nodes.append(t._node)
        return t

    def path(self) -> list[Node]:
        """The nodes between the inputs and the results, earliest first."""
        return ancestors(filter(self._depends, self._live()), self.bit, self.start)[::-1]

    def once_differentiable(self) -> bool:
        """True if a rule on the way cannot be differentiated itself: then no pass over it can be recorded."""
        return any(n.row is not None and n.row.order == 1 for n in ancestors(self._live(), since=self.start))

    def _live(self) -> list[Node]:
        """The nodes of the results that need a gradient."""
        return [t._node for t in self.outputs if live_of(t) > TRACED]

    def recording(self) -> changed:
        """Recording is on, and transforms that start in the block have other bits."""
        return changed(recording=True, level=max((CONTEXT.get() or ORDINARY).level, self.level + 1))

    def _depends(self, n: Node) -> bool:
        """True if `n` was computed from the inputs."""
        return n.live & self.bit != 0 and n.order <= self.start

    def outside(self) -> tuple[list[Node], list[Node]]:
        """What else the results were computed from: the older nodes that require a gradient, and constant Tensors."""
        inputs = set(self.nodes)
        nodes = [n for n in ancestors(self._live(), since=self.start) if n not in inputs]
        reached = dict.fromkeys(p for n in nodes for p in (n, *n.parents) if p is not None)
        older = [p for p in reached if p.requires_grad and p.order > self.start]
        return older, [p for p in reached if p.row is None and not p.live]

    def is_recorded(self, starts: Iterable[Any] = ()) -> bool:
        """True if a pass that starts from `starts` is itself recorded."""
        live = list(map(live_of, starts))
        traced = self.traced or any(bits & TRACED for bits in live)
        return traced or is_grad_enabled() and (self.connected or any(live))

    def pull(self, cotangents: Any) -> list[Any]:
        """The backward pass: the cotangents of the inputs, leaf by leaf."""
        return self.pull_from(dict(enumerate(matched(self.y, cotangents, "the cotangent"))))

    def pull_from(self, gs: Mapping[int, Any]) -> list[Any]:
        """Pull back the cotangents of some of the results, by their number; those of the others are zero."""
        roots: dict[Node, Any] = {}
        record = self.is_recorded(gs.values())
        with self.recording() if record else nullcontext():
            for k, g in gs.items():
                t = self.outputs[k]
                if live_of(t) > TRACED:
                    g = matching(g, t, "the cotangent has", record)
                    roots[t._node] = roots[t._node] + g if t._node in roots else g
            gradients = pull_back(roots, self.nodes, lift if record else None, reaches=self._depends, watch=watcher())
        return [
            self.out(taken(gradients, n) if n in gradients else np.zeros(n.shape, n.dtype), record) for n in self.nodes
        ]

    def push(self, tangents: Any) -> list[Any]:
        """The forward pass: the tangents of the results, leaf by leaf."""
        return self.push_from(dict(enumerate(matched(self.trees, tangents, "the tangent"))))

    def push_from(self, ts: Mapping[int, Any]) -> list[Any]:
        """Push forward the tangents of some of the inputs, by their number; those of the others are zero."""
        record = self.is_recorded(ts.values())
        moving = {self.nodes[k]: matching(t, self.nodes[k], "the tangent has", record) for k, t in ts.items()}
        with self.recording():
            tangents = push_forward(self.path(), moving, lift, record)
        del moving
        nodes = [getattr(y, "_node", None) for y in self.outputs]
        tangents = {n: tangents[n] for n in nodes if n in tangents}
        results = [(np.asarray(raw(y)), n) for n, y in zip(nodes, self.outputs, strict=True)]
        return [self.out(taken(tangents, n) if n in tangents else np.zeros_like(y), record) for y, n in results]

    def out(self, value: Any, connected: bool = False) -> Any:
        """An array that is not shared, as the caller gets it: a connected Tensor, a constant Tensor, or an array."""
        if isinstance(value, Tensor):
            if self.connected or connected:
                return own(value if is_grad_enabled() else value.detach())
            value = value._data
        if self.connected or connected or self.tensors:
            return wrap(value, None)
        return value if value.ndim else value[()]  # a NumPy scalar for 0-d, as NumPy's own functions return

    def values(self, tree: Any) -> Any:
        """The function's result as the caller gets it: Tensors that are not recorded are copied."""

        def value(t: Any) -> Any:
            if not isinstance(t, Tensor):
                return t
            return self.out(t if self.connected else np.array(t._data))

        return tree_map(value, tree)


def _pair(result: Any, what: str) -> Any:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{what}: with has_aux=True, expected (result, auxiliary data)")
    return result


# ------------------------------------------------------------ operations that run a function in their backward pass


def is_input(x: Any) -> bool:
    """True for a Tensor of floats, which such an operation has as an operand."""
    return isinstance(x, Tensor) and x.dtype.kind in "fc"


def stand_ins(captured: Iterable[Node]) -> list[Any]:
    """Operands for variables that the function captures: only their nodes are used, it finds their values itself."""
    return [wrap(np.broadcast_to(np.zeros((), n.dtype), n.shape), n) for n in captured]


def cotangents(roots: dict[Node, Any], nodes: Sequence[Node], recorded: bool) -> list[Any]:
    """Pull back the cotangents of `roots` to `nodes`, and no further: zeros where nothing arrives."""
    with changed(recording=True):
        gradients = pull_back(roots, nodes, lift if recorded else None, through=False)
    return [gradients[n] if n in gradients else np.zeros(n.shape, n.dtype) for n in nodes]
