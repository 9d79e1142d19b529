"""Recording: every operation on a Tensor ends in `record`, or in `unary` or `binary`, its faster forms.

Whether it is written ``a * b``, ``np.multiply(a, b)``, ``ag.multiply(a, b)`` or ``a.sum()``, an operation finds its row
in the table. `apply` brings a call to canonical form first; operators skip it. The row's function is called on the
arrays, so the value is NumPy's own. If a derivative may be asked for, a node is made: the row, the nodes of the
arguments, and those values that a rule asks for.

`unary` and `binary` are `record` for one and two operands and one result, for speed: operators and most functions come
this way. It saves the handling of argument lists, about 2 µs per operation (``python -m benchmarks.per_operation``).
``tests/engine/test_fast.py`` compares them with `record` on every row of the table.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..rules._arrays import has_tensor
from ..rules.ufuncs import ufunc_parameters
from ..table import TABLE, Primitive
from ..table.torch_keywords import numpys_keywords
from .context import CONTEXT, ORDINARY, called_in_group
from .engine_rows import projection
from .errors import explained
from .node import NOTHING, SMALL, TRACED, Node, Params, Values
from .operands import PLAIN, as_operand, operand, own_constant, own_params
from .position import INTERNAL
from .value import RESULT, Value, seen_storage, unrecorded, wrap
from .versions import OURS, next_order

ndarray, asarray = np.ndarray, np.asarray
_ERRORS = (ValueError, TypeError, IndexError, np.linalg.LinAlgError)  # those of NumPy that are explained
_frame = sys._getframe
_new = object.__new__


def apply(row: Primitive, args: Sequence[Any], params: Params) -> Any:
    """A call of a row as the user wrote it: bring it to canonical form and record it."""
    if row.direct and not params:
        if len(args) == 1 and isinstance(args[0], Value):
            return unary(row, args[0], NOTHING, 4)
        if isinstance(row.fn, np.ufunc) and len(args) > row.fn.nin:
            raise TypeError(
                f"{row.name} takes {row.fn.nin} array(s), and the next one would be written into: omit it"
            )
        if len(args) == 2 and (y := binary(row, *args)) is not NotImplemented:
            return y
        return record(row, args)
    if params:
        params = numpys_keywords(row, params)
    if row.kind == "composite":
        return called_in_group(row.fn, args, params, row.name, textbook=row.textbook)
    if args and type(args[0]) in (list, tuple) and not row.variadic and has_tensor(args[0]):
        args = (TABLE["array"](args[0]), *args[1:])
    if row.bind is not None:
        try:
            bound = row.bind(*args, **params)
        except (TypeError, ValueError) as error:
            raise explained(error, row.name, args) from error
        if type(bound) is not tuple:  # for a rare keyword: the result, composed of other rows
            return bound
        args, params = bound
    elif params:
        args, params = ufunc_parameters(row, args, params)
    if len(args) == 1 and isinstance(args[0], Value) and not row.outputs and not row.variadic:
        return unary(row, args[0], params, 4)
    return record(row, args, params)


def unary(row: Primitive, a: Value, params: Params = NOTHING, depth: int = 3) -> Any:
    """`record` for one Tensor and one result; `depth` is that of `_recorded`."""
    context = CONTEXT.get()
    if context is not None and context.outside is not None:
        (a,) = context.outside.seen(row, (a,))
    x, n = a._data, a._node
    try:
        y = row.fn(x, **params) if params else row.fn(x)
    except _ERRORS as error:
        raise explained(error, row.name, (a,)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    elif y is x:
        y = y.view()  # the result may be made read-only, and the user's array must not be
    if n is None:
        return unrecorded(y, (a,))
    live = n.live if row.passing is None else n.live & row.passing[0]
    if context is not None and not context.recording or not row.direct and y.dtype.kind in "biu":
        live &= TRACED  # integers have no derivative
    if not live:
        return unrecorded(y, (a,))
    keep_y, keep, _ = row.kept_of_two[1 if live > TRACED else 0][0]
    t = _recorded(row, y, live, keep_y, depth)
    node = t._node
    node.parents = (n,)
    node.xs = (x if keep else None,)
    node.params = own_params(params) if params else NOTHING
    if y.base is not None:
        node.storage = seen_storage(y, (a,))
    if context is not None:
        context.enter(node, (x,), y)
    return t


def binary(row: Primitive, a: Any, b: Any) -> Any:
    """`record` for a direct row and two operands, one of them a Tensor; NotImplemented if the other is not an array."""
    context, recording = CONTEXT.get(), True
    if context is not None:
        recording = context.recording
        if context.outside is not None:
            a, b = context.outside.seen(row, (a, b))
    if isinstance(a, Value):
        x1, n1 = a._data, a._node
    elif type(a) in PLAIN:
        x1, n1 = a, None
    else:
        return _converted(row, a, b)
    if isinstance(b, Value):
        x2, n2 = b._data, b._node
    elif type(b) in PLAIN:
        x2, n2 = b, None
    else:
        return _converted(row, a, b)
    try:
        y = row.fn(x1, x2)
    except _ERRORS as error:
        raise explained(error, row.name, (a, b)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    live1 = 0 if n1 is None else n1.live
    live2 = 0 if n2 is None else n2.live
    if row.passing is not None:
        live1, live2 = live1 & row.passing[0], live2 & row.passing[1]
    if not recording:
        live1, live2 = live1 & TRACED, live2 & TRACED
    live = live1 | live2
    if not live:
        return unrecorded(y, (a, b))
    kept = row.kept_of_two[1 if live1 > TRACED else 0]
    keep_y, keep1, keep2 = kept[1 if live2 > TRACED else 0]
    kept1, kept2 = x1 if keep1 else None, x2 if keep2 else None
    if n1 is None:
        if isinstance(a, Value):
            n1 = a._leaf()
        else:
            kept1 = x1.copy("K") if type(x1) is ndarray and x1.dtype.kind in "biu" else x1  # `own_constant`
    if n2 is None:
        if isinstance(b, Value):
            n2 = b._leaf()
        else:
            kept2 = x2.copy("K") if type(x2) is ndarray and x2.dtype.kind in "biu" else x2
    t = _recorded(row, y, live, keep_y, 3)
    node = t._node
    node.parents = (n1, n2)
    node.xs = (kept1, kept2)
    node.params = NOTHING
    if y.base is not None:
        node.storage = seen_storage(y, (a, b))
    if context is not None:
        context.enter(node, (x1, x2), y)
    return t


def _converted(row: Primitive, a: Any, b: Any) -> Any:
    """`binary` of operands of which one is neither a Tensor nor plain."""
    a, b = (x if isinstance(x, Value) or type(x) in PLAIN else as_operand(x) for x in (a, b))
    return NotImplemented if a is NotImplemented or b is NotImplemented else binary(row, a, b)


def _recorded(row: Primitive, y: Any, live: int, keep_y: bool, depth: int) -> Any:
    """A result as a Tensor with the node of its call, but for the operands and parameters, which the caller sets.

    The function `depth` calls up may be the user's; those below it are the library's.
    """
    t = _new(RESULT[0])
    t._data = y
    t._grad = None
    t._node = node = _new(Node)  # setting the fields one by one is a third faster than __init__
    node.row = row
    node.y = y if keep_y or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.order = next_order()
    node.storage = OURS
    node.name = node.parts = node.hooks = node.keeper = node.graded = node.group = None
    try:
        frame = _frame(depth)  # each frame that is looked at costs
    except ValueError:  # an operator that a new thread calls directly
        frame = _frame(depth - 1)
    code = frame.f_code
    while INTERNAL[code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
        code = frame.f_code
    node.code, node.at = code, frame.f_lasti
    return t


def record(row: Primitive, args: Sequence[Any], params: Params = NOTHING) -> Any:
    """Compute `row` on canonical arguments, and make a node of it if a derivative (or a trace) may ask for it."""
    context = CONTEXT.get() or ORDINARY
    args = [a if isinstance(a, Value) or type(a) in PLAIN else operand(row, a) for a in args]
    if context.outside is not None:
        args = context.outside.seen(row, args, params)
    xs = [a._data if isinstance(a, Value) else a for a in args]
    try:
        y = row.fn(*xs, **params)
    except _ERRORS as error:
        raise explained(error, row.name, args) from None
    ys = tuple(map(asarray, y)) if row.outputs else (asarray(y),)
    ys = tuple(part.view() if any(part is x for x in xs) else part for part in ys)  # a view has flags of its own
    live, keeps = _live(row, args, ys, context.recording)
    results = (
        _results(row, args, xs, ys, params, live, keeps) if live else tuple(unrecorded(part, args) for part in ys)
    )
    # Several come in NumPy's class, if it has one: np.linalg.qr(A).R
    return getattr(y, "_make", tuple)(results) if row.outputs else results[0]


def _results(
    row: Primitive, args: Sequence[Any], xs: Sequence[Any], ys: Values, params: Params, live: int,
    keeps: int,
) -> Values:
    """The recorded results of a call with the values `xs`. Several are parts of one, which has no array of its own."""
    whole = np.empty((), np.result_type(*ys) if ys else float) if row.outputs else ys[0]
    t = _recorded(row, whole, live, keeps & 1 != 0, 3)
    node = t._node
    node.parents = tuple(a._leaf() if isinstance(a, Value) else None for a in args)
    node.xs = tuple(
        own_constant(x) if p is None else x if keeps & (2 << i) else None
        for i, (p, x) in enumerate(zip(node.parents, xs, strict=True))
    )
    node.params = own_params(params)
    if row.outputs:
        node.y = ys if keeps & 1 or all(part.size <= SMALL for part in ys) else None
        node.parts = tuple((part.shape, part.dtype) for part in ys)
    elif whole.base is not None:
        node.storage = seen_storage(whole, args)
    context = CONTEXT.get()
    if context is not None:
        context.enter(node, xs, ys if row.outputs else whole)
    return tuple(_part(node, k, part, args) for k, part in enumerate(ys)) if row.outputs else (t,)


def _live(row: Primitive, args: Sequence[Any], ys: Sequence[Any], recording: bool) -> tuple[int, int]:
    """The `live` bits of a call, and the bits of the values that its rules need."""
    live = keeps = 0
    for i, a in enumerate(args):
        bits = a._node.live if isinstance(a, Value) and a._node is not None else 0  # `live_of`, without a call
        if bits > TRACED:
            if row.keeps[i] is None:
                bits &= TRACED
            else:
                keeps |= row.keeps[i]
        live |= bits
    if not recording or not any(part.dtype.kind in "fc" for part in ys):  # integers have no derivative
        live &= TRACED
    return live, keeps if live > TRACED else 0


def _part(node: Node, k: int, y: Any, args: Sequence[Any]) -> Any:
    """Result `k` of several as a Tensor; one of integers has no derivative."""
    part = projection(node, k)
    if y.base is not None:
        part.storage = seen_storage(y, args)
    return wrap(y, part if y.dtype.kind in "fc" or node.live & TRACED else None)
