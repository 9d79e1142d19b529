"""Operands beside a Tensor: numbers, arrays and lists; and which of them a node copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.memory import LARGE, aligned_copy
from ..rules._arrays import has_tensor
from ..table import TABLE, Primitive
from .errors import dropped, masked_error
from .node import Params
from .value import Value

ndarray, asarray = np.ndarray, np.asarray

#: Operands that are used as they are. A Python number stays one: it is weak, as in NumPy.
PLAIN = frozenset(
    {ndarray, float, int, bool, complex} | {t for t in np.sctypeDict.values() if not issubclass(t, np.flexible)}
)


def as_array(data: Any, dtype: Any, copy: bool = True, trained: bool = False) -> np.ndarray[Any, Any]:
    """`data` as an array of numbers; lists may contain Tensors that require no gradient.

    A large array that is `trained` begins at a cache line.
    """
    if isinstance(data, Value):
        if data.requires_grad:
            raise dropped(f"ag.tensor({data._who})")
        data = data._data
    elif isinstance(data, np.ma.MaskedArray):
        raise masked_error()
    try:
        if trained and type(data) is ndarray and dtype in (None, data.dtype) and _is_large(data):
            return aligned_copy(data)
        value = np.array(data, dtype, copy=copy or None, subok=False)
    except ValueError as error:
        raise ValueError(f"tensor: this is not a rectangular array of numbers ({error})") from None
    if value.dtype.kind not in "biufc":
        raise TypeError(f"tensor: cannot hold data of dtype {value.dtype}; numbers and booleans only")
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _is_large(x: np.ndarray[Any, Any]) -> bool:
    return x.nbytes >= LARGE and x.flags.c_contiguous and x.dtype.isnative and x.dtype.kind in "fc"


def check_differentiable(dtype: Any) -> None:
    if dtype.kind not in "fc":
        raise TypeError(
            f"only floating point or complex tensors can require gradients, not {dtype}: "
            "use dtype=float, or .astype(float) before requires_grad_()"
        )


def raw(value: Any) -> Any:
    return value._data if isinstance(value, Value) else value


def as_operand(value: Any) -> Any:
    """A value beside a Tensor as an array (a list with Tensors in it as a Tensor); otherwise NotImplemented."""
    if isinstance(value, ndarray):
        if isinstance(value, np.ma.MaskedArray):
            raise masked_error()
        if isinstance(value, np.matrix):
            raise TypeError("an np.matrix beside a tensor: its * is a matrix product. Use np.asarray(matrix) and @")
        return asarray(value)
    if isinstance(value, (list, tuple)):
        return TABLE["array"](value) if has_tensor(value) else asarray(value)
    if isinstance(value, (np.generic, range)) or hasattr(value, "__array__"):
        return asarray(value)
    if isinstance(value, int):  # of a subclass, such as IntEnum: a Python number, which adapts to any dtype
        return int(value)
    if isinstance(value, float):
        return float(value)
    return complex(value) if isinstance(value, complex) else NotImplemented


def operand(row: Primitive, value: Any) -> Any:
    """`as_operand`, raising TypeError if the value is not an array."""
    array = as_operand(value)
    if array is NotImplemented:
        raise TypeError(f"{row.name}: an operand of type {type(value).__name__}; give numbers, arrays or tensors")
    return array


def raw_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(raw_index(part) for part in index)
    return index._data if isinstance(index, Value) else index


# ------------------------------------------------------------------------------------ what a node keeps a copy of

_WITHOUT_ARRAYS = frozenset({int, float, bool, str, type(None), slice, type(Ellipsis), type, np.dtype})


def own_constant(x: Any) -> Any:
    """A constant operand as a node keeps it: integers and booleans (masks, labels, positions) are copied.

    A floating-point array is not: a write to it is what :func:`detect_anomaly` finds.
    """
    return x.copy("K") if type(x) is ndarray and x.dtype.kind in "biu" else x


def own_params(params: Params) -> Params:
    """Keyword parameters with arrays of their own: the user may write to an index before the backward pass."""
    for value in params.values():
        if type(value) not in _WITHOUT_ARRAYS:
            return {name: _own(value) for name, value in params.items()}
    return params


def _own(value: Any) -> Any:
    if type(value) is ndarray:
        return value.copy("K")
    return type(value)(map(_own, value)) if type(value) in (tuple, list) else value
