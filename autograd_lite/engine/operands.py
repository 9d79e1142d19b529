"""What may stand beside a Tensor: numbers, arrays and lists made plain; and what is said when one does not fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.tree import too_deep
from ..table import TABLE, Primitive
from .value import Value

ndarray, asarray = np.ndarray, np.asarray

#: Operands that are used as they are. A Python number stays one: it is weak, as in NumPy.
PLAIN = frozenset(
    {ndarray, float, int, bool, complex} | {t for t in np.sctypeDict.values() if not issubclass(t, np.flexible)}
)


def as_array(data: Any, dtype: Any, copy: bool = True) -> np.ndarray[Any, Any]:
    """`data` as an array of numbers; lists may contain Tensors that require no gradient."""
    if isinstance(data, Value):
        if data.requires_grad:
            raise dropped(f"ag.tensor({data._who})")
        data = data._data
    elif isinstance(data, np.ma.MaskedArray):
        raise masked_error()
    try:
        value = np.array(data, dtype, copy=copy or None, subok=False)
    except ValueError as error:
        raise ValueError(f"tensor: this is not a rectangular array of numbers ({error})") from None
    if value.dtype.kind not in "biufc":
        raise TypeError(f"tensor: cannot hold data of dtype {value.dtype}; numbers and booleans only")
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def check_differentiable(dtype: Any) -> None:
    if dtype.kind not in "fc":
        raise TypeError(
            f"only floating point or complex tensors can require gradients, not {dtype}: "
            "use dtype=float, or .astype(float) before requires_grad_()"
        )


def raw(value: Any) -> Any:
    return value._data if isinstance(value, Value) else value


def plain(value: Any) -> Any:
    """An operand that is no Tensor as an array, or NotImplemented if it is nothing of ours."""
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
    return NotImplemented


def plain_or_error(row: Primitive, value: Any) -> Any:
    found = plain(value)
    if found is NotImplemented:
        raise TypeError(f"{row.name}: an operand of type {type(value).__name__}; give numbers, arrays or tensors")
    return found


def has_tensor(value: Any) -> bool:
    try:
        return any(isinstance(v, Value) or isinstance(v, (list, tuple)) and has_tensor(v) for v in value)
    except RecursionError:
        raise too_deep(value) from None


def plain_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    return index._data if isinstance(index, Value) else index


# ------------------------------------------------------------------------------------------------------------ errors


#: As what an error of NumPy's is raised again, the narrowest first.
_KINDS: tuple[type[Exception], ...] = (
    np.linalg.LinAlgError, np.exceptions.AxisError, TypeError, IndexError, ValueError,
)  # fmt: skip

#: PyTorch's names of parameters, and NumPy's, which are meant everywhere but in `nn`.
_NUMPYS = {"dim": "axis=", "keepdim": "keepdims=", "unbiased": "ddof=1 or ddof=0"}


def explained(error: Exception, name: str, args: Sequence[Any]) -> Exception:
    """The same kind of error, with the operation, the operands by name and shape, and what would be right."""
    what = ", ".join(_described(a) for a in args)
    text = str(error)
    if "non-broadcastable output" in text:
        text = "the result has another shape than the array that is written to"
    elif "broadcast" in text:
        text = "these shapes do not broadcast: aligned at the right, two sizes must be equal or one of them 1"
    elif stranger := re.search(r"an unexpected keyword argument '(\w+)'", text):  # without our function's inner name
        remedy = f": as in NumPy, write {_NUMPYS[stranger[1]]}" if stranger[1] in _NUMPYS else ""
        text = stranger[0] + remedy
    elif name == "matmul" and "mismatch" in text or "not aligned" in text:
        text = "the last size of the first must equal the last but one of the second"
    again = next(kind for kind in _KINDS if isinstance(error, kind))(f"{name}({what}): {text}")
    for a in args:
        if isinstance(a, Value) and a._node is not None and a._node.row is not None and a._node.origin:
            again.add_note(f"{_described(a)} was made at {a._node.origin}")
    return again


def _described(a: Any) -> str:
    if isinstance(a, Value):
        return f"{a.name or 'tensor'} {a.shape}"
    if isinstance(a, ndarray):
        return f"array {a.shape}"
    return repr(a) if isinstance(a, (int, float)) else type(a).__name__


def dropped(what: str) -> RuntimeError:
    return RuntimeError(
        f"{what} would drop the graph of a tensor that requires gradients. Leave np.asarray away; use np.stack to join "
        "tensors, ag.set_at to fill an array; .detach() or .numpy() if only the values are meant"
    )


def masked_error() -> TypeError:
    return TypeError("a masked array beside a tensor: its mask would be lost. Use .filled(...) or np.where(mask, ...)")
