"""Run a function once on examples, and keep every operation that depends on an input.

The recording is the ordinary graph, and also has operations that need no gradient (a comparison, an index), and the
steps of a backward pass or a transform inside the function.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from ..base.escape import plain
from ..base.snapshots import untouched
from ..base.tree import leaves, rebuild
from ..engine.context import CONTEXT, ORDINARY, changed
from ..engine.node import ANY, Node, ancestors
from ..engine.operands import raw
from ..engine.value import wrap
from ..tensor import Tensor
from .graph import leaf
from .naming import Names, argument_names, assigned, captured, named_nodes, qualified


@dataclass(frozen=True, eq=False)
class Capture:
    """A function run once on examples: its inputs, its result, and the names of its values."""

    name: str
    inputs: tuple[Node, ...]  # in the order of the arguments' leaves
    result: Any
    names: Mapping[Node, str]  # no name occurs twice
    arrays: Mapping[str, Any]  # arrays among the variables: constants of the program


def capture(
    f: Callable[..., Any], args: Sequence[Any], params: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Capture:
    """Run `f`, and record everything that depends on `args`.

    Names come from the arguments, then the local variables of `f`, then ``Tensor.name``, then `names`.
    """
    arguments = leaves(args)
    nodes = [_input(x) for x in arguments]
    tensors = [wrap(n.y, n) for n in nodes]
    for n, t in zip(nodes, tensors, strict=True):
        n.keeper = weakref.ref(t)  # so that backward() inside `f` adds to its .grad
    wrapped = rebuild(args, tensors)
    # one level deeper, so that a compiled function inside is recorded too
    level = (CONTEXT.get() or ORDINARY).level + 1
    with untouched(f, args), changed(recording=True, group=None, level=level):
        result, variables = run(f, wrapped, params or {})
    outside = [*variables, *captured(f), *(names or {}).items()]
    names_of_nodes = names_of(f, wrapped, nodes, ancestors(_nodes_of(result), ANY)[::-1], variables, outside)
    arrays: dict[str, Any] = {}
    for word, value in outside:
        if isinstance(value, np.ndarray) and word not in names_of_nodes.values():
            arrays.setdefault(word, value)
    return Capture(plain(getattr(f, "__name__", "f")), tuple(nodes), result, names_of_nodes, arrays)


def names_of(
    f: Any, args: Sequence[Any], inputs: Sequence[Node], nodes: Sequence[Node],
    variables: Sequence[tuple[str, Any]], outside: Sequence[tuple[str, Any]],
) -> dict[Node, str]:
    """Names for the nodes that a function has made, each once; `args` are its arguments, `inputs` their nodes."""
    by_module = qualified(nodes)
    recorded = [(by_module.get(n, n.name), n) for n in nodes if n.name]
    recorded += [(word, n) for n, word in assigned(nodes)]
    wish: dict[Node, str] = {}
    for word, value in [*argument_names(f, args), *variables, *recorded, *outside]:
        for node, full in [(value, word)] if isinstance(value, Node) else named_nodes(word, value):
            if node is not None:
                wish.setdefault(node, full)
    first = set(inputs)
    chosen: dict[Node, str] = {}
    taken = Names()
    for node in sorted(wish, key=lambda n: (n not in first, -n.order)):  # the oldest value of a variable first
        chosen[node] = taken.take(plain(wish[node]) or "x")
    return chosen


def _nodes_of(result: object) -> list[Node]:
    return [t._node for t in leaves(result) if isinstance(t, Tensor) and t._node is not None and t._node.live]


def _input(x: object) -> Node:
    data = np.asarray(raw(x))
    if data.dtype.kind not in "biufc":
        raise TypeError(
            f"trace: expected arrays and numbers as arguments, got {type(x).__name__}; bind it with functools.partial"
        )
    node = leaf(data)
    if isinstance(x, Tensor):
        node.name = x.name
    return node


def run(f: Callable[..., Any], args: Sequence[Any], params: Mapping[str, Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """The result of `f`, and its local variables as they were when it returned (without those that begin with _)."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    variables: list[tuple[str, Any]] = []
    before = sys.getprofile()

    def watch(frame: FrameType, event: str, arg: object) -> None:
        if event == "return" and frame.f_code is code:
            variables[:] = frame.f_locals.items()  # of the outermost call, which returns last

    sys.setprofile(watch)
    try:
        result = f(*args, **params)
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # cProfile can be read but not set
            before.enable()
    return result, [(word, value) for word, value in variables if not word.startswith("_")]
