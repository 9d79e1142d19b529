"""`record` specialised for one and two operands, for speed: operators and most functions come this way.

`operate` does exactly what :func:`autograd_lite.engine.record.record` does, for rows with one or two operands and one
result; ``tests/engine/test_fast.py`` compares the two on every row of the table. It saves the handling of argument
lists, about 2 µs per operation (``python -m benchmarks.per_operation``).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..table import Primitive
from .context import CONTEXT
from .errors import explained
from .node import NOTHING, SMALL, TRACED, Node
from .operands import PLAIN, as_operand, own_constant, own_params
from .position import INTERNAL
from .value import RESULT, Value, seen_storage, unrecorded
from .versions import OURS, next_order

ndarray, asarray = np.ndarray, np.asarray
ERRORS = (ValueError, TypeError, IndexError, np.linalg.LinAlgError)  # those of NumPy that are explained
_frame = sys._getframe
_new = object.__new__


#: The second operand of a row that has one.
ABSENT: Any = object()


def operate(row: Primitive, a: Any, b: Any = ABSENT, params: dict[str, Any] = NOTHING) -> Any:
    """`record` for one operand, or for a direct row and two; NotImplemented if one of two is not an array.

    Parameters
    ----------
    a, b : array_like or Tensor
        At least one is a Tensor.
    params : dict
        The keyword parameters, in canonical form; for one operand only.
    """
    x1: Any
    x2: Any
    if isinstance(a, Value):
        x1, n1 = a._data, a._node
        live1 = 0 if n1 is None else n1.live
    else:
        if type(a) not in PLAIN and (isinstance(a := as_operand(a), Value) or a is NotImplemented):
            return a if a is NotImplemented else operate(row, a, b)
        x1, n1, live1 = a, None, 0
    if b is ABSENT:
        x2, n2, live2 = None, None, 0
    elif isinstance(b, Value):
        x2, n2 = b._data, b._node
        live2 = 0 if n2 is None else n2.live
    else:
        if type(b) not in PLAIN and (isinstance(b := as_operand(b), Value) or b is NotImplemented):
            return b if b is NotImplemented else operate(row, a, b)
        x2, n2, live2 = b, None, 0
    try:
        y = row.fn(x1, x2) if b is not ABSENT else row.fn(x1, **params) if params else row.fn(x1)
    except ERRORS as error:
        raise explained(error, row.name, (a,) if b is ABSENT else (a, b)) from None
    if type(y) is not ndarray:
        y = asarray(y)
    elif y is x1:
        y = y.view()  # the result may be made read-only, and the user's array must not be
    context = CONTEXT.get()
    live = live1 | live2
    if context is not None:
        if context.outside is not None:
            seen = context.outside.seen(row, (a,) if b is ABSENT else (a, b))
            if seen is not None:
                return operate(row, seen[0], seen[1] if len(seen) > 1 else ABSENT, params)
        if not context.recording:
            live &= TRACED
    keeps = 0
    if live > TRACED:
        pair = row.keeps_of_two
        if pair is None or (params or not row.builtin) and y.dtype.kind in "biu":  # these have no derivative
            live &= TRACED
        else:
            kept1, kept2 = pair
            if live1 > TRACED:
                if kept1 is None:
                    live1 &= TRACED
                    live = live1 | live2
                else:
                    keeps = kept1
            if live2 > TRACED:
                if kept2 is None:
                    live = live1 | live2 & TRACED
                else:
                    keeps |= kept2
    if not live:
        return unrecorded(y, (a, b))
    t = _new(RESULT[0])
    t._data = y
    t._grad = None
    t._node = node = _new(Node)  # setting the fields one by one is a third faster than __init__
    if b is ABSENT:
        node.parents = (n1,)
        node.xs = (x1 if keeps & 2 else None,)
        node.params = own_params(params) if params else NOTHING
    else:
        if n1 is None and isinstance(a, Value):
            n1 = a._leaf()
        if n2 is None and isinstance(b, Value):
            n2 = b._leaf()
        node.parents = (n1, n2)
        node.params = NOTHING
        node.xs = (
            (own_constant(x1) if type(x1) is ndarray and x1.dtype.kind in "biu" else x1) if n1 is None else (
                x1 if keeps & 2 else None
            ),
            (own_constant(x2) if type(x2) is ndarray and x2.dtype.kind in "biu" else x2) if n2 is None else (
                x2 if keeps & 4 else None
            ),
        )
    node.row = row
    node.y = y if keeps & 1 or y.size <= SMALL else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.live = live
    node.order = next_order()
    node.storage = OURS if y.base is None else seen_storage(y, (a, b))
    node.name = node.parts = node.hooks = node.keeper = node.graded = node.group = None
    try:
        frame = _frame(2)  # the caller is the library's; each frame that is looked at costs
    except ValueError:  # an operator that a new thread calls directly
        frame = _frame(1)
    code = frame.f_code
    while INTERNAL[code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
        code = frame.f_code
    node.code, node.at = code, frame.f_lasti
    if context is not None:
        context.enter(node, (x1,) if b is ABSENT else (x1, x2), y)
    return t
