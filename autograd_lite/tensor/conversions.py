"""Out of the graph: ``float(loss)``, ``x.item()``, ``x.numpy()``, ``if x > 0``, ``np.asarray(x)``.

What would put the number where a recorded value was meant (``array[i] = x``, ``math.exp(x)``, ``np.asarray(x)``)
raises. What asks for the value by name (`item`, `numpy`, `tolist`) gets it, as in PyTorch; so does ``float(loss)``,
with a warning if a derivative may still be wanted. But in a function that is being differentiated all of these raise
for a value that depends on its inputs, since the number would be a constant there. What has no derivative (`bool`,
`int`, a text) and what says that a constant is meant (`detach`, `data`, ``no_grad``) never raises. See
``docs/design/out-of-the-graph.md``.
"""

from __future__ import annotations

import builtins
import dis
import sys
import warnings
from operator import index as as_index
from types import BuiltinFunctionType, FrameType, ModuleType
from typing import Any

import numpy as np

from ..engine.context import CONTEXT, ORDINARY, is_compared, is_grad_enabled, is_traced
from ..engine.errors import dropped
from ..engine.node import TRANSFORM
from ..engine.operands import raw
from ..engine.position import foreign_call, users_frame, users_line
from ..engine.value import Value, live_of
from ..table.status import instead_of


class Conversions(Value):
    """The base of Tensor with these."""

    __slots__ = ()

    def item(self, *args: int) -> Any:
        """The only entry, as a Python number, without the graph."""
        self._leaves("item()")
        return self._data.item(*args)

    def numpy(self: Any) -> np.ndarray[Any, Any]:
        """The array itself, without the graph; read-only for a recorded result."""
        self._leaves("numpy()")
        return self.data

    def tolist(self: Any) -> Any:
        """Nested lists of Python numbers."""
        if self._is_chosen() and is_traced(self) and self._data.ndim:
            return [x.tolist() if x._data.ndim else x for x in self]
        self._leaves("tolist()")
        return self._data.tolist()

    def __contains__(self, value: Any) -> bool:
        self._untraced("in")
        return bool((self._data == raw(value)).any())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use .any(), .all() or where()"
            )
        self._untraced("bool()")
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
        traced = is_traced(self)
        is_given = traced and is_compared(self)
        recorded = self.requires_grad and is_grad_enabled() and not (is_given and self._is_chosen())
        if traced and not is_given or recorded and (self._node.graded is None or self._differentiated()):  # type: ignore[union-attr]  # has one
            frame, level = users_frame(3)
            if (error := self._refused(what, frame)) is not None:
                raise _not_replaced(frame, error) if frame is sys._getframe(2) else error
            warnings.warn(
                f"{what}({self._who}) is a number without the graph: no gradient flows through it. Write "
                ".detach().item() if only the number is meant",
                stacklevel=level,
            )
        if self._data.size != 1:
            raise TypeError(f"{what}() of a tensor of shape {self.shape}: expected a single entry")
        return self._data.reshape(())[()]

    def _is_chosen(self) -> bool:
        """Whether `ag.trace` lets a function use values in plain Python."""
        return (CONTEXT.get() or ORDINARY).choices is not None

    def _refused(self, what: str, frame: FrameType) -> RuntimeError | None:
        """Why this is not given as a number, which depends on the instruction that asks for it."""
        here = _instruction(frame)
        written = here is not None and here.opname in _STORES
        if is_traced(self) and not is_compared(self):
            return self._traced("array[i] = ..." if written else f"{what}()")
        if written:
            return dropped(f"array[i] = {self._who}")
        if here is not None and _computes(_called(frame, here)):
            return RuntimeError(
                f"a function of Python numbers, called with {self._who}, would drop the graph of a tensor that "
                "requires gradients. Use NumPy's, such as np.exp for math.exp; .detach().item() if only the number is "
                "meant"
            )
        if what != "int" and self._differentiated():  # int() is a step function: its derivative is zero
            return self._constant(f"{what}()")
        return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.requires_grad or is_traced(self) and not is_compared(self):
            if name := foreign_call():
                raise RuntimeError(
                    f"{name} does not take tensors, and would drop the graph of {self._who}. {instead_of(name)}; "
                    "write x.detach().numpy() if only the values are needed"
                )
            if is_traced(self):
                here = _instruction(users_frame(2)[0])
                raise self._traced("array[i] = ..." if here is not None and here.opname in _STORES else "np.array()")
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
            self._untraced("item()")
            return format(self._data.item(), spec)
        try:
            return format(str(self), spec)
        except ValueError:
            raise TypeError(f"format {spec!r} is for a number, not for {self._who}: take an entry") from None

    def _differentiated(self) -> bool:
        """True if the running transforms differentiate with respect to something that this depends on."""
        context = CONTEXT.get()
        if context is None or not context.recording:
            return False
        return live_of(self) & ((TRANSFORM << context.level) - TRANSFORM) != 0

    def _leaves(self, what: str) -> None:
        """Raise if the value must not leave the graph: it is traced, or would be a constant in a derivative."""
        self._untraced(what)
        if self._differentiated():
            raise self._constant(what)

    def _constant(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"{what} of {self._who}, at {users_line()}: this function is being differentiated, and the result would be "
            "a constant in it, without a derivative. Keep the tensor: NumPy's functions take it (np.exp for math.exp), "
            "np.stack and ag.set_at fill arrays, copy.deepcopy(x) is recorded, print(x) and f'{x:.3f}' show it; if a "
            "constant is meant, write x.detach()"
        )

    def _untraced(self, what: str) -> None:
        if is_traced(self) and (what == "printing" or not is_compared(self, what == "bool()")):
            raise self._traced(what)

    def _traced(self, what: str) -> RuntimeError:
        is_held = what == "array[i] = ..."
        why = "a NumPy array cannot hold it" if is_held else "a trace is a straight program and cannot branch on it"
        return RuntimeError(
            f"{what} of a value that depends on the traced inputs, at {users_line()}: {why}. "
            f"{_REMEDIES.get(what, _REMEDIES['bool()'])}"
        )


_REMEDIES = {
    "bool()": "Use np.where, ag.cond or ag.while_loop, or make the choice outside the traced function",
    "ag.Tensor()": "Use ag.tensor, which copies the value at every call",
    "array[i] = ...": "Collect the values in a list and join them by np.stack, or use ag.set_at to fill an array",
    "np.array()": "Use np.stack to join arrays, a @ x for a.dot(x), and np.take(a, i, axis=0) to index an array by one",
    "index()": "np.take(a, i, axis=0) reads entries of an array at traced positions, as of np.eye(n); a size, an axis, "
    "or a count is a Python int in ag.trace and ag.source, and goes into static_argnames of ag.jit",
    "printing": "Return the value, and print it outside the traced function",
    **dict.fromkeys(
        ("item()", "numpy()", "tolist()", "__dlpack__()"),
        "Return the value, and convert it outside the traced function",
    ),
}


_STORES = ("STORE_SUBSCR", "STORE_SLICE")  # instructions: array[i] = x, and of a slice in newer Pythons


def _instruction(frame: FrameType) -> dis.Instruction | None:
    """The instruction at which a frame is."""
    return next((i for i in dis.get_instructions(frame.f_code) if i.offset == frame.f_lasti), None)


def _not_replaced(frame: FrameType, error: RuntimeError) -> RuntimeError:
    """`error`, which NumPy replaces by "setting an array element with a sequence", raised in `frame` once more.

    Only a trace function sees what NumPy raises there. If another one is set, as by a debugger, NumPy's error is last.
    """
    if sys.gettrace() is not None:
        return error

    def trace(frame: FrameType, event: str, arg: Any) -> None:
        frame.f_trace = None
        sys.settrace(None)
        if event == "exception":
            raise error from None

    frame.f_trace = trace
    sys.settrace(lambda frame, event, arg: None)
    return error


def _called(frame: Any, call: dis.Instruction) -> Any:
    """The first name of the call at this instruction: the function, or the module that it is taken from."""
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
    """True if it is ``math``, or a function of it or of another compiled module: not ``float`` or ``print``."""
    if isinstance(function, ModuleType):
        return function is not builtins
    return isinstance(function, BuiltinFunctionType) and function.__module__ not in ("builtins", None)
