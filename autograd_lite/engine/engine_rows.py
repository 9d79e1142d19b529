"""The engine's own rows: the projection onto one of several results, and `stop_gradient`.

Each result of a row with several is a node of its own: it projects the tuple onto one of its parts.
"""

from __future__ import annotations

from typing import Any

from ..table import Primitive
from ..table.batching import ALIGNED
from .node import Node
from .value import wrap


class Cotangents(tuple[Any, ...]):
    """The cotangents of several results, None for one that was not used; with the attributes of an array."""

    shape, dtype = (), None


#: Its vjp returns a tuple, with None for the results that were not used.
PROJECTION = Primitive(
    "linear", lambda ys, index, count: ys[index],
    (lambda g, index, count: Cotangents(g if k == index else None for k in range(count)),),
    name="result", bind=lambda ys, index, count: ((ys,), {"index": index, "count": count}), transparent=True,
    batch=lambda b: b.xs[0][b.params["index"]],
)

#: In a function that is traced to be compiled: a Tensor that was written to is an input again, with this value.
ASSIGNED = Primitive(
    "linear", lambda x: x, (lambda g: g,), name="assigned", algebra="identity", transparent=True
)

#: The identity, whose derivative is zero.
STOP_GRADIENT = Primitive(
    "constant", lambda x: x, (), name="stop_gradient", bind=lambda x: ((x,), {}), algebra="identity", batch=ALIGNED,
    onnx="Identity", infix="{x}", text="stop_gradient({x})", tex=r"\operatorname{{stop\_gradient}}({x})", js="{x}",
)


def _outside_of_its_loop(*args: Any) -> Any:
    raise RuntimeError(
        "a value from inside the body of a loop, or a branch, is used outside of it, or in backward(): return it as a "
        "result of the body, and differentiate with ag.grad"
    )


#: In the body of a loop, or a branch, that is traced once: its inputs.
INSIDE = Primitive("general", _outside_of_its_loop, (lambda g: _outside_of_its_loop(),), name="a value inside a loop")


def projection(node: Node, k: int) -> Node:
    """The node of result `k` of a call that has several."""
    shape, dtype = node.parts[k]
    n = Node(PROJECTION, (node,), (None,), None, shape, dtype, node.live, {"index": k, "count": len(node.parts)})
    n.code, n.at, n.group = node.code, node.at, node.group
    return n


def lift(value: Any, node: Node | None) -> Any:
    """A kept value as a Tensor at its place in the graph; a tuple of them for a row with several results."""
    if type(value) is tuple:
        assert node is not None
        return tuple(wrap(v, projection(node, k)) for k, v in enumerate(value))
    return wrap(value, node)
