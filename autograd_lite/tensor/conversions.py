"""Out of the graph: ``float(loss)``, ``x.item()``, ``x.numpy()``, ``if x > 0``, ``np.asarray(x)``.

What asks for the value by name (`item`, `numpy`, `tolist`, `bool`) gets it. ``float(loss)`` gets it too, with a warning
if a derivative may still be wanted. What would put the number where a recorded value was meant (``array[i] = x``,
``math.exp(x)``, ``np.asarray(x)``) raises.
"""

from __future__ import annotations

import builtins
import dis
import warnings
from operator import index as as_index
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np

from ..engine.context import is_compared, is_grad_enabled, is_traced
from ..engine.errors import dropped
from ..engine.operands import raw
from ..engine.position import foreign_call, users_frame, users_line
from ..engine.value import Value
from ..table.status import instead_of


class Conversions(Value):
    """The base of Tensor with these."""

    __slots__ = ()

    def item(self, *args: int) -> Any:
        """The only entry, as a Python number, without the graph."""
        self._untraced("item()")
        return self._data.item(*args)

    def numpy(self: Any) -> np.ndarray[Any, Any]:
        """The array itself, without the graph; read-only for a recorded result."""
        self._untraced("numpy()")
        return self.data

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        self._untraced("tolist()")
        return self._data.tolist()

    def __contains__(self, value: Any) -> bool:
        self._untraced("in")
        return bool((self._data == raw(value)).any())

    def __bool__(self) -> bool:
        self._untraced("bool()")
        if self._data.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use .any(), .all() or where()"
            )
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self._data.dtype.kind not in "biu":
            raise TypeError(f"{self._who} of dtype {self._data.dtype} is not an index: expected an integer")
        return as_index(self._number("index"))

    def _number(self, what: str) -> Any:
        self._untraced(f"{what}()")
        if self.requires_grad and self._node.graded is None and is_grad_enabled():  # type: ignore[union-attr]  # has one
            _warn_or_raise(self._who, what)
        if self._data.size != 1:
            raise TypeError(f"{what}() of a tensor of shape {self.shape}: expected a single entry")
        return self._data.reshape(())[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.requires_grad or is_traced(self) and not is_compared(self):
            if name := foreign_call():
                raise RuntimeError(
                    f"{name} does not take tensors, and would drop the graph of {self._who}. {instead_of(name)}; "
                    "write x.detach().numpy() if only the values are needed"
                )
            self._untraced("np.asarray()")
            raise dropped(f"np.array({self._who}) or array[i] = ...")
        return np.array(self._data, dtype, copy=copy) if copy is not None else np.asarray(self._data, dtype)

    def __dlpack__(
        self: Any, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Any:
        """The memory of the array, for ``from_dlpack`` of another library; a read-only one needs a newer DLPack."""
        self._untraced("__dlpack__()")
        if self.requires_grad:
            raise BufferError(
                f"another library's from_dlpack would drop the graph of {self._who}: call it on x.detach()"
            )
        return self.data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    def __format__(self, spec: str) -> str:
        if self._data.size == 1 and spec:
            return format(self.item(), spec)
        try:
            return format(str(self), spec)
        except ValueError:
            raise TypeError(f"format {spec!r} is for a number, not for {self._who}: take an entry") from None

    def _untraced(self, what: str) -> None:
        if is_traced(self) and (what == "printing" or not is_compared(self)):
            raise RuntimeError(
                f"{what} of a value that depends on the traced inputs, at {users_line()}: a trace is a straight "
                f"program and cannot branch on it. {_REMEDIES.get(what, _REMEDIES['bool()'])}"
            )


_REMEDIES = {
    "bool()": "Use np.where, or make the choice outside the traced function",
    "ag.Tensor()": "Use ag.tensor, which copies the value at every call",
    "np.asarray()": "Use np.stack to join values, and np.take(a, i, axis=0) to index an array by one",
    "index()": "An argument of ag.jit that is a size, an axis or a count goes into static_argnames",
    "printing": "Return the value, and print it outside the traced function",
    **dict.fromkeys(
        ("item()", "numpy()", "tolist()", "__dlpack__()"),
        "Return the value, and convert it outside the traced function",
    ),
}


def _warn_or_raise(who: str, what: str) -> None:
    """A number was asked for whose derivative may still be wanted: warn, or raise where the number would be used in
    the computation, which the instruction that asks for it shows.
    """
    frame, level = users_frame(4)
    here = next((i for i in dis.get_instructions(frame.f_code) if i.offset == frame.f_lasti), None)
    if here is not None and here.opname == "STORE_SUBSCR":
        raise RuntimeError(
            f"array[i] = {who} would drop the graph of a tensor that requires gradients. Use np.stack, or ag.set_at, "
            "to fill an array; .item() if only the number is meant"
        )
    if here is not None and _computes(_called(frame, here)):
        raise RuntimeError(
            f"a function of Python numbers, called with {who}, would drop the graph of a tensor that requires "
            "gradients. Use NumPy's, such as np.exp for math.exp; .item() if only the number is meant"
        )
    warnings.warn(
        f"{what}({who}) is a number without the graph: no gradient flows through it. Write .item() if only the number "
        "is meant",
        stacklevel=level,
    )


def _called(frame: Any, call: dis.Instruction) -> Any:
    """What the call at this instruction begins with: the function, or the module that it is taken from."""
    where = call.positions
    if where is None or where.lineno is None or not call.opname.startswith("CALL"):
        return None
    for i in dis.get_instructions(frame.f_code):
        at = i.positions
        if at is None or (at.lineno, at.col_offset) != (where.lineno, where.col_offset):
            continue
        if i.opname.startswith("LOAD_") and isinstance(i.argval, str):
            spaces = (frame.f_locals, frame.f_globals, vars(builtins))
            return next((names[i.argval] for names in spaces if i.argval in names), None)
    return None


def _computes(function: Any) -> bool:
    """Whether it is ``math``, or a function of it or of another compiled module: not ``float`` or ``print``."""
    if isinstance(function, ModuleType):
        return function is not builtins
    return isinstance(function, BuiltinFunctionType) and function.__module__ not in ("builtins", None)
