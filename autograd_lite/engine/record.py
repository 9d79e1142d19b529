"""Recording: every operation on a Tensor comes through here.

Whether it is written ``a * b``, ``np.multiply(a, b)``, ``ag.multiply(a, b)`` or ``a.sum()``, an operation finds its
row in the table and comes through one of three doors: `unary` and `binary`, which are `record` written out for the
operators (that is most of what a small net spends its time on), and `record` itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from os.path import dirname, join
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import rules
from ..base.interrupts import at_exit
from ..table import TABLE, Primitive
from .context import MODE, ORDINARY, Mode
from .errors import explained
from .node import NEEDS, SMALL, TRACED, Node
from .operands import PLAIN, has_tensor, plain, plain_or_error
from .value import Value
from .versions import OURS, Storage, next_order

if TYPE_CHECKING:
    from ..tensor import Tensor

ndarray, asarray = np.ndarray, np.asarray
_frame = sys._getframe
_new = object.__new__
_NOTHING: dict[str, Any] = {}
_result: Any = Value  # the class of the results: Tensor, as soon as that is defined

_HERE = join(dirname(__file__), "")  # with its slash: a folder beside it may be called autograd_lite_too
_USERS = (join(_HERE, "talk", ""), join(_HERE, "__main__.py"))  # what uses the library as anyone would


class _Internal(dict[str, bool]):
    """Whether a file is one of ours, so that the user's line is further out."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = inside = filename.startswith(_HERE) and not filename.startswith(_USERS)
        return inside


_INTERNAL = _Internal()
_WITHOUT_ARRAYS = frozenset({int, float, bool, str, type(None), slice, type(Ellipsis), type, np.dtype})


def _own(value: Any) -> Any:
    """A parameter with arrays of its own: the user may write into an index or a mask before the backward pass."""
    if type(value) is ndarray:
        return value.copy("K")
    return type(value)(map(_own, value)) if type(value) in (tuple, list) else value


def _own_params(params: dict[str, Any]) -> dict[str, Any]:
    for value in params.values():
        if type(value) not in _WITHOUT_ARRAYS:
            return {name: _own(value) for name, value in params.items()}
    return params


def _own_constant(x: Any) -> Any:
    """A constant operand as a node keeps it: integers and booleans (masks, labels, positions) are copied.

    A floating-point array is not: a write into it is what :func:`detect_anomaly` finds.
    """
    return x.copy("K") if type(x) is ndarray and x.dtype.kind in "biu" else x


def results_are(cls: type[Value]) -> None:
    """Say once what class the results have."""
    global _result
    _result = cls


def wrap(value: Any, node: Node | None) -> Tensor:
    """A value as a Tensor at its place in the graph, or off the record."""
    t: Tensor = _new(_result)
    t._data = value if type(value) is ndarray else asarray(value)
    t._node = node
    t._grad = None
    return t


def lift(value: Any, node: Node | None) -> Any:
    """A kept value as a Tensor at its place in the graph; a tuple for a row with several results."""
    if type(value) is tuple:
        assert node is not None
        return tuple(wrap(v, _projection(node, k)) for k, v in enumerate(value))
    return wrap(value, node)


def binary(row: Primitive, a: Any, b: Any) -> Tensor:
    """`record` for a direct row of two arguments, one of them a Tensor; NotImplemented beside something foreign."""
    if isinstance(a, Value):
        x1, n1 = a._data, a._node
        live1 = 0 if n1 is None else n1.live
    else:
        if type(a) not in PLAIN and (isinstance(a := plain(a), Value) or a is NotImplemented):
            return a if a is NotImplemented else binary(row, a, b)
        x1, n1, live1 = a, None, 0
    if isinstance(b, Value):
        x2, n2 = b._data, b._node
        live2 = 0 if n2 is None else n2.live
    else:
        if type(b) not in PLAIN and (isinstance(b := plain(b), Value) or b is NotImplemented):
            return b if b is NotImplemented else binary(row, a, b)
        x2, n2, live2 = b, None, 0
    try:
        y = row.fn(x1, x2)
    except (ValueError, TypeError) as error:
        raise explained(error, row.name, (a, b)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    t: Tensor = _new(_result)
    t._data = y
    t._grad = None
    live = live1 | live2
    mode = MODE.get()
    if mode is not None and not mode.recording:
        live &= TRACED
    if not live or row.kind == "constant" and not (live := live & TRACED):
        t._node = None
        return t
    keep = 0
    if live & NEEDS:
        if live1 & NEEDS:
            keep = row.uses[0]
        if live2 & NEEDS:
            keep |= row.uses[1]
    if not live1 and isinstance(a, Value):
        n1 = a._leaf()
    if not live2 and isinstance(b, Value):
        n2 = b._leaf()
    t._node = node = _new(Node)  # and its fields one by one: a third quicker than through __init__
    node.row = row
    node.parents = (n1, n2)
    if n1 is None:
        x1 = _own_constant(x1)
    if n2 is None:
        x2 = _own_constant(x2)
    node.xs = (x1 if keep & 2 or n1 is None else None, x2 if keep & 4 or n2 is None else None)
    node.y = y if keep & 1 or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.params = _NOTHING
    node.order = next_order()
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    return t


def unary(row: Primitive, a: Value, params: dict[str, Any] = _NOTHING) -> Tensor:
    """`record` for one Tensor and one result."""
    x, n = a._data, a._node
    try:
        y = row.fn(x, **params) if params else row.fn(x)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        raise explained(error, row.name, (a,)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    elif y is x:
        y = y.view()  # another Tensor's array may be locked, the user's may not
    t: Tensor = _new(_result)
    t._data = y
    t._node = t._grad = None
    mode = MODE.get()
    live = 0 if n is None else n.live if mode is None or mode.recording else n.live & TRACED
    if row.kind == "constant" or y.dtype.kind not in "fc":
        live &= TRACED
    if not live:
        return t if y.base is None else _unrecorded(y, (a,))
    keep = row.uses[0] if live & NEEDS else 0
    t._node = node = _new(Node)
    node.row = row
    node.parents = (n,)
    node.xs = (x if keep & 2 else None,)
    node.y = y if keep & 1 or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.params = _own_params(params) if params else params
    node.order = next_order()
    if y.base is not None:
        node.storage = _storage_seen(y, (a,))
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    return t


def record(row: Primitive, args: Sequence[Any], params: dict[str, Any] = _NOTHING) -> Any:
    """Compute `row` on canonical arguments, and write down that it was done if anything live went in."""
    xs: list[Any] = []
    parents: list[Node | None] = []
    live = needs = keep = 0
    constants = False
    for i, a in enumerate(args):
        if not isinstance(a, Value):
            if type(a) not in PLAIN:
                a = plain_or_error(row, a)
            if not isinstance(a, Value):  # a list with Tensors in it became one
                xs.append(a)
                parents.append(None)
                continue
            args = (*args[:i], a, *args[i + 1 :])
        n = a._node
        xs.append(a._data)
        parents.append(n)
        if n is None or not n.live:
            constants = True
            continue
        live |= n.live
        if n.live & NEEDS and row.kind != "constant" and row.pulls[i] is not None:
            needs = NEEDS
            keep |= row.uses[i]
    try:
        y = row.fn(*xs, **params)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        raise explained(error, row.name, args) from None
    live = live & TRACED | needs
    mode = MODE.get()
    if mode is not None and not mode.recording:
        live &= TRACED
    several = row.outputs
    y = tuple(asarray(part) for part in y) if several else y if type(y) is ndarray else asarray(y)
    if not row.ours:
        y = tuple(_apart(part, xs) for part in y) if several else _apart(y, xs)
    elif xs and y is xs[0]:
        y = y.view()  # another Tensor's array may be locked, the user's may not
    if not several and y.dtype.kind not in "fc":  # whole numbers (astype(int), clip of integers) have no derivative
        live &= TRACED
    if not live:
        return tuple(_unrecorded(part, args) for part in y) if several else _unrecorded(y, args)
    if not live & NEEDS:
        keep = 0
    if constants:
        for i, a in enumerate(args):
            if isinstance(a, Value) and (parents[i] is None or not parents[i].live):  # type: ignore[union-attr]  # tested
                parents[i] = a._leaf()
    for i, p in enumerate(parents):
        if p is None:
            xs[i] = _own_constant(xs[i])
        elif not keep & (2 << i):
            xs[i] = None
    shape, dtype = ((), np.result_type(*y) if y else np.dtype(float)) if several else (y.shape, y.dtype)
    node = Node(
        row,
        tuple(parents),
        tuple(xs),
        y if keep & 1 or (all(p.size <= SMALL for p in y) if several else y.size <= SMALL) else None,
        shape,
        dtype,
        live,
        _own_params(params),
    )
    frame = _frame(2)
    while _INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    node.code, node.at = frame.f_code, frame.f_lasti
    if mode is not None:
        _told(mode, node, y)
    if several:
        node.parts = tuple((part.shape, part.dtype) for part in y)
        return tuple(  # of which whole numbers have no derivative
            wrap(part, _projection(node, k, part, args) if part.dtype.kind in "fc" or live & TRACED else None)
            for k, part in enumerate(y)
        )
    if y.base is not None:
        node.storage = _storage_seen(y, args)
    t: Tensor = _new(_result)
    t._data, t._node, t._grad = y, node, None
    return t


def apply(row: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """Any call of any row, as the user wrote it: bind it to the row's canonical form and record."""
    if row.direct and not params:
        if len(args) == 1 and isinstance(args[0], Value):
            return unary(row, args[0])
        if isinstance(row.fn, np.ufunc) and len(args) > row.fn.nin:
            raise TypeError(
                f"{row.name} takes {row.fn.nin} array(s), and the next one would be written into: leave it away"
            )
        if len(args) == 2 and (y := binary(row, *args)) is not NotImplemented:
            return y
        return record(row, args)
    if row.kind == "composite":
        outer = MODE.get()
        mode = outer or ORDINARY
        with at_exit(MODE.set, outer):
            MODE.set(Mode(mode.recording, Group(row.name, mode.group, args, params), mode.watcher))
            return row.fn(*args, **params)
    if args and type(args[0]) in (list, tuple) and not row.variadic and has_tensor(args[0]):
        args = (TABLE["array"](args[0]), *args[1:])
    if row.bind is not None:
        try:
            bound = row.bind(*args, **params)
        except (TypeError, ValueError) as error:
            raise explained(error, row.name, args) from error
        if type(bound) is not tuple:  # a rare keyword: the answer, composed of other rows
            return bound
        args, params = bound
    elif params:
        args, params = rules.ufunc_parameters(row, args, params)
    if len(args) == 1 and isinstance(args[0], Value) and not row.outputs and not row.variadic:
        return unary(row, args[0], params)
    return record(row, args, params)


class Group:
    """One call of a composite function or a module: the nodes recorded during it point here."""

    __slots__ = ("module", "name", "outer", "params")

    def __init__(
        self, name: str, outer: Any = None, args: Sequence[Any] = (), params: dict[str, Any] = _NOTHING,
        module: Any = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.outer = outer
        self.module = module
        self.params = {k: v for k, v in params.items() if not isinstance(v, (Value, ndarray))}

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


_PROJECT = Primitive(
    "linear",
    lambda ys, index, count: ys[index],
    (lambda g, index, count: tuple(g if k == index else None for k in range(count)),),
    name="result",
    bind=lambda ys, index, count: ((ys,), {"index": index, "count": count}),
)


#: What ends every derivative.
STOP_GRADIENT = Primitive("constant", lambda x: x, (), name="stop_gradient", bind=lambda x: ((x,), {}))


def is_traced(t: Value) -> bool:
    """Whether a program is being written down that `t` is part of."""
    return t._node is not None and bool(t._node.live & TRACED)


def _projection(node: Node, k: int, y: Any = None, args: Sequence[Any] = ()) -> Node:
    """One of the results of a row that has several."""
    shape, dtype = node.parts[k]
    n = Node(_PROJECT, (node,), (None,), None, shape, dtype, node.live, {"index": k, "count": len(node.parts)})
    n.code, n.at, n.group = node.code, node.at, node.group
    if y is not None and y.base is not None:
        n.storage = _storage_seen(y, args)
    return n


def _apart(y: Any, xs: Sequence[Any]) -> Any:
    """The result of a user's function, which may return any of its arguments: then a view, seen to be one."""
    return y.view() if any(y is x for x in xs) else y


def _unrecorded(y: Any, args: Sequence[Any]) -> Tensor:
    t = wrap(y, None)
    if y.base is not None and (owner := _seen(y, args)) is not None:
        t._view_of(owner)
    return t


def _seen(y: Any, args: Sequence[Any]) -> Value | None:
    """The argument whose array `y` is a view of."""
    for a in args:
        if isinstance(a, Value) and (y.base is a._data or y.base is a._data.base is not None):
            return a
    return None


def _storage_seen(y: Any, args: Sequence[Any]) -> Storage:
    owner = _seen(y, args)
    return OURS if owner is None else owner._storage()


def _told(mode: Any, node: Node, y: Any) -> None:
    node.group = mode.group
    if "generator" in node.params:  # what was drawn cannot be computed again
        node.y = y
    if mode.watcher is not None:
        mode.watcher(node, y)
