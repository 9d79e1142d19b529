"""Recording: every operation on a Tensor goes through `apply`; `record` computes it and makes its node.

Whether it is written ``a * b``, ``np.multiply(a, b)``, ``ag.multiply(a, b)`` or ``a.sum()``, an operation finds its row
in the table. The row's function is called on the arrays, so the value is NumPy's own. If a derivative may be asked for,
a node is made: the row, the nodes of the arguments, and those values that a rule asks for.

For operators the same is written out, for speed, in :mod:`autograd_lite.engine.fast`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..rules._arrays import has_tensor
from ..rules.ufuncs import ufunc_parameters
from ..table import TABLE, Primitive
from ..table.torch_keywords import numpys_keywords
from .context import CONTEXT, called_in_group, tracing
from .engine_rows import projection
from .errors import explained
from .fast import ERRORS, operate
from .node import NOTHING, SMALL, TRACED, Node
from .operands import PLAIN, operand, own_constant, own_params
from .position import users_position
from .value import Value, seen_storage, unrecorded, wrap

ndarray, asarray = np.ndarray, np.asarray


def apply(row: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """A call of a row as the user wrote it: bring it to canonical form and record it."""
    if row.direct and not params:
        if len(args) == 1 and isinstance(args[0], Value):
            return operate(row, args[0])
        if isinstance(row.fn, np.ufunc) and len(args) > row.fn.nin:
            raise TypeError(
                f"{row.name} takes {row.fn.nin} array(s), and the next one would be written into: omit it"
            )
        if len(args) == 2 and (y := operate(row, *args)) is not NotImplemented:
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
        return operate(row, args[0], params=params)
    return record(row, args, params)


def record(row: Primitive, args: Sequence[Any], params: dict[str, Any] = NOTHING) -> Any:
    """Compute `row` on canonical arguments, and make a node of it if a derivative (or a trace) may ask for it."""
    args = [a if isinstance(a, Value) or type(a) in PLAIN else operand(row, a) for a in args]
    if (outside := tracing()) is not None and (seen := outside.seen(row, args, params)) is not None:
        args = list(seen)
    xs = [a._data if isinstance(a, Value) else a for a in args]
    try:
        y = row.fn(*xs, **params)
    except ERRORS as error:
        raise explained(error, row.name, args) from None
    ys = tuple(map(asarray, y)) if row.outputs else (asarray(y),)
    ys = tuple(part.view() if any(part is x for x in xs) else part for part in ys)  # a view has flags of its own
    live, keeps = _live(row, args, ys)
    if not live:
        results = tuple(unrecorded(part, args) for part in ys)
        return results if row.outputs else results[0]
    node = _node(row, args, xs, ys, params, live, keeps)
    if not row.outputs:
        return _result(node, ys[0], args)
    node.parts = tuple((part.shape, part.dtype) for part in ys)
    return tuple(_result(projection(node, k), part, args) for k, part in enumerate(ys))


def _node(
    row: Primitive, args: Sequence[Any], xs: Sequence[Any], ys: tuple[Any, ...], params: dict[str, Any], live: int,
    keeps: int,
) -> Node:
    """The node of a call with the values `xs` and the results `ys`; `live` and `keeps` are those of `_live`."""
    y: Any = ys if row.outputs else ys[0]
    node = Node(
        row,
        tuple(a._leaf() if isinstance(a, Value) else None for a in args),
        tuple(own_constant(x) if not isinstance(a, Value) else x if keeps & (2 << i) else None
              for i, (a, x) in enumerate(zip(args, xs, strict=True))),
        y if keeps & 1 or all(part.size <= SMALL for part in ys) else None,
        () if row.outputs else y.shape,
        np.result_type(*ys) if ys else np.dtype(float),
        live,
        own_params(params),
    )  # fmt: skip
    node.code, node.at = users_position()
    context = CONTEXT.get()
    if context is not None:
        context.enter(node, xs, y)
    return node


def _live(row: Primitive, args: Sequence[Any], ys: Sequence[Any]) -> tuple[int, int]:
    """The `live` bits of a call, and the bits of the values that its rules need."""
    live = keeps = 0
    for i, a in enumerate(args):
        bits = a._node.live if isinstance(a, Value) and a._node is not None else 0
        if bits > TRACED:
            if row.keeps[i] is None:
                bits &= TRACED
            else:
                keeps |= row.keeps[i]
        live |= bits
    context = CONTEXT.get()
    recording = context is None or context.recording
    if not recording or not any(part.dtype.kind in "fc" for part in ys):  # integers have no derivative
        live &= TRACED
    return live, keeps if live > TRACED else 0


def _result(node: Node, y: Any, args: Sequence[Any]) -> Any:
    """The recorded result as a Tensor; one part of several may be of integers, which have no derivative."""
    if y.base is not None:
        node.storage = seen_storage(y, args)
    return wrap(y, node if y.dtype.kind in "fc" or node.live & TRACED else None)
