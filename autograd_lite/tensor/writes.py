"""Writes: ``W -= g``, ``W[i] = v``, ``np.add(a, b, out=W)``, and why most of them raise while gradients are recorded.

Each write moves the version of the memory (:mod:`autograd_lite.engine.versions`). See ``docs/design/writes.md``.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..base.snapshots import about_to_write
from ..engine.context import CONTEXT, tracing
from ..engine.errors import explained
from ..engine.node import TRACED
from ..engine.operands import PLAIN, as_operand, raw, raw_index
from ..engine.results import ASSIGNED
from ..engine.value import Value


class Writes(Value):
    """The base of Tensor with the writes."""

    __slots__ = ()

    def __setitem__(self, index: Any, value: Any) -> None:
        array = self._writable("x[i] = ...", value)
        if (outside := tracing()) is not None:
            outside.set_at(self, index, value)
            return
        index = raw_index(index)
        array[index] = raw(value)
        self._written()

    def _writable(self, what: str, value: Any = None) -> np.ndarray[Any, Any]:
        context = CONTEXT.get()
        recording = context is None or context.recording
        node = self._node
        inside = node is not None and (node.row is not None or node.live & TRACED)
        if inside and (tracing() is None or node.row not in (None, ASSIGNED) and node.requires_grad):
            raise RuntimeError(
                f"{what} on {node.label} would change what the graph has recorded: write x = x + ... , or "
                "ag.set_at(x, index, value) instead"
            )
        if recording and (self.requires_grad or isinstance(value, Value) and value.requires_grad):
            who = f"{node.name!r}" if node is not None and node.name else f"a tensor of shape {self.shape}"
            raise RuntimeError(
                f"{what} on {who} while gradients are being recorded: update a parameter under `with ag.no_grad():`, "
                "or write x = x + ... (ag.set_at for an element) if the change is part of the computation"
            )
        if not self._data.flags.writeable:
            raise ValueError(f"{what} on a tensor of shape {self.shape} whose array is read-only: copy() it first")
        about_to_write(self)
        return self._data

    def _in_place(self, ufunc: Any, symbol: str, other: Any) -> Self:
        array = self._writable(symbol, other)
        if (outside := tracing()) is not None:
            outside.in_place(self, ufunc, other)
            return self
        if isinstance(other, Value):
            x = other._data
        elif type(x := other) not in PLAIN and (x := raw(as_operand(other))) is NotImplemented:
            return NotImplemented
        try:
            ufunc(array, x, array)
        except (ValueError, TypeError) as error:
            raise explained(error, symbol, (self, other)) from None
        self._written()
        return self

    def __iadd__(self, other: Any) -> Self:
        return self._in_place(np.add, "+=", other)

    def __isub__(self, other: Any) -> Self:
        return self._in_place(np.subtract, "-=", other)

    def __imul__(self, other: Any) -> Self:
        return self._in_place(np.multiply, "*=", other)

    def __itruediv__(self, other: Any) -> Self:
        return self._in_place(np.divide, "/=", other)

    def __ipow__(self, other: Any) -> Self:
        return self._in_place(np.power, "**=", other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self._in_place(np.floor_divide, "//=", other)

    def __imod__(self, other: Any) -> Self:
        return self._in_place(np.remainder, "%=", other)

    def __imatmul__(self, other: Any) -> Self:
        return self._in_place(np.matmul, "@=", other)


def ufunc_out(ufunc: Any, method: str, inputs: Any, params: dict[str, Any]) -> Any:
    """``np.add(a, b, out=array)``, as ``array += tensor`` is too: allowed where no graph would be lost."""
    out = params["out"]
    context = CONTEXT.get()
    if context is not None and context.outside is not None:
        return context.outside.ufunc_out(ufunc, method, inputs, params)
    drops = ~0 if context is None or context.recording else TRACED
    tensors = [x for x in (*inputs, *out) if isinstance(x, Value)]
    lost = next((x for x in tensors if x._node is not None and x._node.live & drops), None)
    if lost is not None:
        raise RuntimeError(
            f"np.{ufunc.__name__}(..., out=...), or an augmented assignment to an array, would drop the graph of "
            f"{lost._who}: omit out=, or write x = x + y"
        )
    arrays = tuple(o._writable("out=") if isinstance(o, Writes) else o for o in out)
    getattr(ufunc, method)(*map(raw, inputs), **{**{k: raw(v) for k, v in params.items()}, "out": arrays})
    for o in out:
        if isinstance(o, Value):
            o._written()
    return out[0] if len(out) == 1 else out
