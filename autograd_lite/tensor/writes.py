"""Writes: ``W -= g``, ``W[i] = v``, ``np.add(a, b, out=W)``, and why most of them raise while gradients are recorded.

Each write moves the version of the memory (:mod:`autograd_lite.engine.versions`). An augmented assignment whose result
is recorded is not a write: ``loss += term`` is ``loss = loss + term``, as in JAX. See ``docs/design/writes.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeGuard, TypeVar

import numpy as np

from ..base.snapshots import SNAPSHOT, about_to_write
from ..engine.context import CONTEXT, is_grad_enabled, numpy_generator, tracing
from ..engine.engine_rows import ASSIGNED
from ..engine.errors import explained
from ..engine.node import NEEDS, TRACED, Node, Params
from ..engine.operands import PLAIN, as_operand, raw, raw_index
from ..engine.record import binary
from ..engine.value import Value, live_of
from ..table import TABLE, Primitive

T = TypeVar("T", bound="Writes")


def _augmented(name: str, symbol: str) -> Callable[[T, Any], T]:
    """The augmented assignment with the row `name`, which is written `symbol`."""
    row, ufunc = TABLE[name], getattr(np, name)  # the row of matmul has a function of its own

    def assign(self: T, other: Any) -> T:
        return self._in_place(row, ufunc, symbol, other)

    return assign


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
        node = self._node
        if _is_result(node):
            raise RuntimeError(
                f"{what} on {node.label} would change what the graph has recorded: write x = x + ... , or "
                "ag.set_at(x, index, value) instead"
            )
        if is_grad_enabled() and (self.requires_grad or live_of(value) > TRACED):
            who = f"{node.name!r}" if node is not None and node.name else f"a tensor of shape {self.shape}"
            raise RuntimeError(
                f"{what} on {who} while gradients are being recorded: update a parameter under `with ag.no_grad():`, "
                "or write x = x + ... (ag.set_at for an element) if the change is part of the computation"
            )
        return self._unlocked(what)

    def _unlocked(self, what: str) -> np.ndarray[Any, Any]:
        """The array of an input, which is about to be written to."""
        if not self._data.flags.writeable:
            raise ValueError(f"{what} on a tensor of shape {self.shape} whose array is read-only: copy() it first")
        about_to_write(self)
        return self._data

    def _in_place(self, row: Primitive, ufunc: np.ufunc, symbol: str, other: Any) -> Self:
        """Write ``row(self, other)`` into self, or return it where another name may stand for the old value."""
        context, node = CONTEXT.get(), self._node
        recording = context is None or context.recording
        if recording and not self.requires_grad and live_of(other) > TRACED or node is not None and _is_result(node):
            return binary(row, self, other)
        if recording or SNAPSHOT.get() is not None or not self._data.flags.writeable:
            array = self._writable(symbol, other)
        else:
            array = self._data
        if context is not None and context.outside is not None:
            return context.outside.in_place(self, ufunc, other)
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

    __iadd__, __isub__ = _augmented("add", "+="), _augmented("subtract", "-=")
    __imul__, __itruediv__ = _augmented("multiply", "*="), _augmented("divide", "/=")
    __ipow__, __imatmul__ = _augmented("power", "**="), _augmented("matmul", "@=")
    __ifloordiv__, __imod__ = _augmented("floor_divide", "//="), _augmented("remainder", "%=")

    # ------------------------------------------------------- PyTorch's methods that write, where a write is allowed

    def _write(self, what: str, values: Any, *others: Any) -> Self:
        """Write what `values` returns for the arrays, and return self."""
        array = self._writable(f"{what}()", next((x for x in others if live_of(x) > TRACED), None))
        if tracing() is not None:
            self[...] = values(self, *others)
            return self
        try:
            np.copyto(array, values(array, *map(raw, others)))
        except (ValueError, TypeError) as error:
            raise explained(error, what, (self, *others)) from None
        self._written()
        return self

    def zero_(self) -> Self:
        """Write zeros."""
        return self._write("zero_", lambda x: 0)

    def fill_(self, value: Any) -> Self:
        """Write `value` into every entry."""
        return self._write("fill_", lambda x, v: v, value)

    def copy_(self, src: Any) -> Self:
        """Write the entries of `src`."""
        return self._write("copy_", lambda x, v: v, src)

    def add_(self, other: Any, *, alpha: Any = 1) -> Self:
        """Add ``alpha * other``."""
        return self._write("add_", lambda x, v, a: x + a * v, other, alpha)

    def sub_(self, other: Any, *, alpha: Any = 1) -> Self:
        """Subtract ``alpha * other``."""
        return self._write("sub_", lambda x, v, a: x - a * v, other, alpha)

    def mul_(self, other: Any) -> Self:
        """Multiply by `other`."""
        return self._write("mul_", np.multiply, other)

    def div_(self, other: Any) -> Self:
        """Divide by `other`."""
        return self._write("div_", np.divide, other)

    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """Replace what is below `min` or above `max` by that."""
        return self._write("clamp_", np.clip, min, max)

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Any = None) -> Self:
        """Draw every entry uniformly from [a, b)."""
        return self._write("uniform_", lambda x: numpy_generator(generator).uniform(a, b, x.shape))

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Self:
        """Draw every entry from a normal distribution."""
        return self._write("normal_", lambda x: numpy_generator(generator).normal(mean, std, x.shape))


def _is_result(node: Node | None) -> TypeGuard[Node]:
    """True if a value is part of a graph, and not an input made by the user: its memory must stay as it is."""
    if node is None or node.row is None and not node.live & ~NEEDS:
        return False
    if (outside := tracing()) is None:
        return True
    if node.row in (None, ASSIGNED):  # a write to what comes from outside is followed
        return node.row is None and node not in outside.found
    return node.requires_grad


def ufunc_out(ufunc: Any, method: str, inputs: Any, params: Params) -> Any:
    """``np.add(a, b, out=array)``, as ``array += tensor`` is too: allowed where no graph would be lost."""
    out = params["out"]
    context = CONTEXT.get()
    if context is not None and context.outside is not None:
        return context.outside.ufunc_out(ufunc, method, inputs, params)
    drops = ~0 if context is None or context.recording else TRACED
    lost = next((x for x in (*inputs, *out) if live_of(x) & drops), None)
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
