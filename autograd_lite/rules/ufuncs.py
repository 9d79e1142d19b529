"""Methods and keywords of ufuncs: ``np.add.reduce(x)``, ``np.add.outer(x, y)``, ``dtype=``.

``reduce``, ``accumulate``, ``reduceat`` and ``outer`` work for every ufunc of two arguments that has a row: the common
ones have rows (`METHODS` in :mod:`.reductions`), the others apply the ufunc step by step. ``at`` and ``where=`` raise,
because a graph cannot follow writes into an array.
"""

from collections.abc import Callable
from functools import partial, reduce
from itertools import accumulate, pairwise
from operator import index as as_int
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..table import ROWS, TABLE, Primitive
from ..table.status import public_name, refusal
from ._arrays import refuse_out
from .reductions import METHODS
from .scipy_special import scipy_row


def ufunc_method(ufunc, method: str) -> Callable[..., Any]:
    """What ``ufunc.method(...)`` does when a Tensor is among its arguments."""
    row = ROWS.get(ufunc) or scipy_row(ufunc)
    if row is None:
        raise refusal(ufunc)
    if method == "__call__":
        return row
    name = f"{public_name(ufunc)}.{method}"
    if method == "at":
        raise TypeError(
            f"{name} writes into an array, which a graph cannot follow: x = ag.add_at(x, index, value) and "
            "similar functions return a changed copy"
        )
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise TypeError(f"{name}: only a ufunc of two arguments with one result has this method")
    if (ufunc, method) in METHODS:
        return METHODS[ufunc, method]
    if row.kind == "constant" and method != "outer":
        return partial(_constant, ufunc, method)
    return partial(_FOLDS[method], ufunc, name)


_CONSTANT = Primitive(
    "constant", lambda *xs, call: call(*xs), (), name="ufunc_method", bind=lambda *xs, call: (xs, {"call": call}),
)


def _constant(ufunc, method, *args, **params):
    """A method of a ufunc whose derivative is zero: NumPy's own."""
    return _CONSTANT(args[0], call=lambda x: getattr(ufunc, method)(x, *args[1:], **params))


def _outer(ufunc, name, x1, x2, /, **params):
    return ufunc(np.reshape(x1, np.shape(x1) + (1,) * np.ndim(x2)), x2, **params)


def _along(name, x, axis, dtype, out):
    """`x` with the axis to reduce in front, and that axis."""
    refuse_out(out, name)
    if dtype is not None:
        x = TABLE["astype"](x, dtype)
    if axis is None and x.ndim == 1:
        axis = 0
    if axis is None or isinstance(axis, tuple):
        raise TypeError(f"{name} of a tensor: expected one axis, got axis={axis}; call it once for each")
    axis = normalize_axis_index(as_int(axis), x.ndim)
    return np.moveaxis(x, axis, 0), axis


def _reduce(ufunc, name, x, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
    if where is not True:
        raise TypeError(f"{name} of a tensor: where= is not supported; fill x first, np.where(where, x, neutral)")
    x, axis = _along(name, x, axis, dtype, out)
    parts = [*([] if initial is None else [initial]), *x]
    if not parts:
        raise ValueError(f"{name}: no entries along axis {axis}; give initial=")
    y = reduce(ufunc, parts)
    return np.expand_dims(y, axis) if keepdims else y


def _accumulate(ufunc, name, x, axis=0, dtype=None, out=None):
    x, axis = _along(name, x, axis, dtype, out)
    return np.stack(list(accumulate(x, ufunc)), axis) if len(x) else np.moveaxis(x, 0, axis)


def _reduceat(ufunc, name, x, indices, axis=0, dtype=None, out=None):
    x, axis = _along(name, x, axis, dtype, out)
    bounds = pairwise([*np.asarray(indices).tolist(), len(x)])
    return np.stack([ufunc.reduce(x[start : max(stop, start + 1)]) for start, stop in bounds], axis)


_FOLDS: dict[str, Callable[..., Any]] = {
    "outer": _outer,
    "reduce": _reduce,
    "accumulate": _accumulate,
    "reduceat": _reduceat,
}


# ----------------------------------------------------------------------------------- keywords of a plain call

#: Keywords about memory layout or subclasses, which have no effect here.
_HARMLESS = frozenset({"casting", "order", "subok"})


def ufunc_parameters(row: Primitive, args, params: dict[str, Any]):
    """The arguments and keywords of a row without a `bind`: `dtype` becomes a cast, others are dropped or raise."""
    params = {k: v for k, v in params.items() if k not in _HARMLESS}
    out = params.pop("out", None)
    where = params.pop("where", True)
    refuse_out(out, row.name)
    if where is not True:
        raise TypeError(
            f"{row.name}: where= leaves entries of the result undefined; instead write "
            f"np.where(where, {row.name}(x), x)"
        )
    if row.kind == "constant":
        return args, params
    dtype = params.pop("dtype", None)
    if params:
        raise TypeError(f"{row.name} of a tensor does not take {', '.join(f'{k}=' for k in params)}")
    return (args if dtype is None else tuple(_cast(row, a, dtype) for a in args)), params


def _cast(row, x, dtype):
    have = getattr(x, "dtype", None) or np.result_type(x)
    if not np.can_cast(have, dtype, "same_kind"):
        raise TypeError(f"{row.name}: dtype={np.dtype(dtype)} would lose information of an argument of dtype {have}")
    return TABLE["astype"](x if hasattr(x, "dtype") else np.asarray(x), dtype)
