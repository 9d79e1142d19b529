"""Memory: values share buffers that are allocated once, and an elementwise operation works in place on its last use.

A value lives from its equation to the last one that uses it or a view of it. Its buffer is then free for another.
Outputs are new arrays at each call. The new value of an input is computed in the input's own memory if nothing reads
the old one later; for that the equation is moved after those that do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...base.memory import address
from ...engine.node import Shape
from ...program import Equation, Var
from ...table import Primitive
from ..block import Block, example
from ..buffers import Buffer, placed
from ..c.kernel import Kernel
from ..c.regions import REGION
from ..c.steps import strides_of
from .tiling import TILES, as_block
from .updates import sunk

WORTH = 4  # entries of an axis that is worth another order in memory
LEAST = 2  # entries; a single number is faster without a buffer


def writes(row: Primitive) -> bool:
    """True if a row can write its result into an array that is given."""
    return row.out is not None or row.joins is not None or row.is_ufunc and not row.outputs


def planned(block: Block) -> Memory:
    """Assign buffers."""
    return Memory(sunk(block))


class Memory:
    """Where the values of a block are.

    Attributes
    ----------
    equations, late
        In the order in which they run; how many at the end only make new values of inputs.
    place : dict of Var to int
        Of values with a buffer, in bytes from the start.
    part : dict of Var to Var
        Of values computed in their place in an array: that array.
    into : dict of Var to Var
        Of values written into an input: the input.
    static : dict of Var to array
        Values at the same place at each call, with a stand-in.
    owners : dict of Var to frozenset of Var
        Whose memory a value may share.
    loops : dict of Var to Memory
        Of the bodies of loops, by their first output.
    kernels : dict of Var to (Kernel, int)
        Of the regions in C, by their first output, and where the memory for their own values begins.
    size, unplanned : int
        Bytes; and those if each of these values had a buffer of its own.
    in_place : int
        Operations that overwrite an operand.
    """

    def __init__(self, block: Block) -> None:
        self.block, self.equations, self.late = block, block.equations, block.late
        self.place: dict[Var, int] = {}
        self.into: dict[Var, Var] = {}
        self.static: dict[Var, Any] = {}
        self.loops: dict[Var, Memory] = {}
        self.kernels: dict[Var, tuple[Kernel, int]] = {}
        self.unplanned = self.in_place = 0
        self.part: dict[Var, Var] = {}
        self._target = {x: v for v, x in block.updates.items() if isinstance(x, Var)}
        self._lifetimes()
        self._find_parts()
        self._lifetimes()
        self._buffers: list[Buffer] = []
        self._buffer_of: dict[Var, Buffer] = {}
        places = {v: i for i, eq in enumerate(self.equations) for v in eq.outputs}
        self._done = {v: places[x] for x, v in self._target.items() if x in places}  # where a new value is made
        self._allocate()

    def _lifetimes(self) -> None:
        """Where each value, or a view of it, is last used; and whose memory each may share."""
        block, part = self.block, self.part
        owners = block.owners
        self.owners = {v: own | {part[p] for p in own if p in part} for v, own in owners.items()} if part else owners
        self.last: dict[Var, float] = {}
        for i, eq in enumerate(self.equations):
            self._used(eq.operands, i)
        self._used(block.updates.values(), len(self.equations))
        self._used(block.outputs, math.inf)

    def _used(self, operands: Iterable[Any], at: float) -> None:
        for x in operands:
            for owner in self.owners[x] if isinstance(x, Var) else ():
                self.last[owner] = at

    def _find_parts(self) -> None:
        """Find values that can be computed in their places in the array that they are joined to."""
        defined = {eq.y: eq for eq in self.equations[: len(self.equations) - self.late]}
        new, last = self._target, self.last
        for eq in self.equations:
            y = eq.y
            if eq.row.joins is None or not eq.row.joins(**eq.params) or math.isinf(last.get(y, math.inf)) or y in new:
                continue
            for x in eq.reads:
                if x in self.part or x in new or eq.reads.count(x) > 1:
                    continue
                row = defined[x].row if x in defined and x.dtype == y.dtype and x not in self.block.floats else None
                if row is None or not writes(row) or row.view or row.joins is not None:
                    continue
                if not math.isinf(last[x]) and 0 not in x.shape:
                    self.part[x] = y

    # ------------------------------------------------------------------------------------------------- buffers

    def _allocate(self) -> None:
        inner = []  # of the bodies of loops
        scratch = []  # of regions
        for i, eq in enumerate(self.equations):
            y, late = eq.y, i >= len(self.equations) - self.late
            view = self._view(eq)
            if view is not None and np.may_share_memory(view, self.static[eq.x]):
                self.static[y] = view
            elif eq.row is TILES:
                inner.append(self._loop(eq, i, late))
            elif eq.row is REGION:
                scratch.append((self._region(eq, i), y))
            elif y not in self.block.floats and writes(eq.row) and (view is not None or not eq.row.view):
                self._result(eq, i, late)
        self.size = placed(self._buffers)
        self.place.update({v: buffer.start for v, buffer in self._buffer_of.items()})
        for buffer, memory in inner:
            memory.place = {v: buffer.start + at for v, at in memory.place.items()}
        for buffer, y in scratch:
            self.kernels[y] = self.kernels[y][0], buffer.start
        for eq in self.equations:
            self._place_parts(eq)

    def _view(self, eq: Equation) -> Any:
        """What a view of a value that is at the same place at each call looks like; it may turn out to be a copy."""
        x, *others = eq.operands or [None]
        always = eq.row.kind != "elementwise"  # one may be its argument for some numbers only, as where none is nan
        if not eq.row.view or not always or eq.row.outputs or any(isinstance(v, Var) for v in others):
            return None
        if not isinstance(x, Var) or x not in self.static:
            return None
        with np.errstate(all="ignore"):
            return eq.row.fn(self.static[x], *others, **eq.params)

    def _new(self, size: int, first: int, last: float) -> Buffer:
        self._buffers.append(Buffer(size, first, last))
        return self._buffers[-1]

    def _loop(self, eq: Equation, i: int, late: bool) -> tuple[Buffer, Memory]:
        """Buffers for the pieces in a loop, and for its results."""
        for v in eq.outputs:
            u = self._target.get(v)
            if late and u is not None and self.last.get(u, -1) <= i:
                self.into[v] = u
        inner = self.loops[eq.y] = planned(as_block(eq, self.into))
        buffer = self._new(inner.size * eq.params["threads"], i, i)
        for v in eq.outputs:
            if v.shape and v in self.last and not math.isinf(self.last[v]) and v not in self.into:
                self._buffer_of[v] = self._new(v.size * v.dtype.itemsize, i, self.last[v])
                self.static[v] = np.empty(v.shape, v.dtype)
        self.unplanned += sum(e.y.size * 8 * eq.params["count"] for e in eq.params["steps"])
        self.in_place += inner.in_place
        return buffer, inner

    def _region(self, eq: Equation, i: int) -> Buffer:
        """Buffers for the results of a region in C, and for its own values."""
        layouts: dict[Var, Shape] = {}
        for v in eq.params["inputs"]:
            at = self.static[v].strides if self._is_placed(v) else None
            layouts[v] = strides_of(v.shape) if at is None else tuple(s // v.dtype.itemsize for s in at)
        is_last = all(e.row.view for e in self.equations[i + 1 : len(self.equations) - self.late])
        inside = dict.fromkeys(v for v in eq.outputs if not math.isinf(self.last[v]))  # the others are returned
        into = {}
        for v in inside if is_last else ():
            u = self._target.get(v)
            if u is not None and u in self.block.contiguous and self.last.get(u, -1) <= i:
                into[v] = u
        layouts.update((v, strides_of(v.shape)) for v in eq.outputs if v in into or v not in inside)
        kernel = Kernel(eq, layouts, into, threads=self.block.threads)
        self.kernels[eq.y] = kernel, 0
        self.into.update(kernel.into)
        for v in inside:
            if v not in self.into:
                order = sorted(range(v.ndim), key=lambda k: -kernel.layouts[v][k])
                stand_in = np.empty([v.shape[k] for k in order], v.dtype)
                self.static[v] = stand_in.transpose(np.argsort(order)) if order else stand_in
                self._buffer_of[v] = self._new(v.size * v.dtype.itemsize, i, self.last[v])
        return self._new(kernel.scratch, i, i)

    def _is_placed(self, v: Var) -> bool:
        """True if a value, or what it is a view of, has a buffer."""
        return v in self.static and any(o in self._buffer_of or o in self.part for o in self.owners.get(v, ()))

    def address(self, v: Var) -> int | None:
        """The offset of a value, in bytes from the start of the memory; None if that differs from call to call."""
        start = address(self.static[v]) if v in self.static else 0
        for o in self.owners.get(v, ()) if start else ():
            if o in self.place and o in self.static:
                offset = start - address(self.static[o])
                if 0 <= offset < max(self.static[o].nbytes, 1):
                    return self.place[o] + offset
        return None

    def _result(self, eq: Equation, i: int, late: bool) -> None:
        """The memory of a result: that of an input, of an operand, or a buffer of its own."""
        y = eq.y
        if math.isinf(self.last.get(y, math.inf)) or y.dtype.kind not in "biufc":
            return
        u = self._input(eq, i, late)
        whole = self.part.get(y, y)
        if u is not None:
            self.into[y] = u
        elif whole is not y or y in self._buffer_of or y.size >= LEAST:
            stand_in = self._stand_in(eq, y, whole is y and not late)
            if whole not in self._buffer_of:
                buffer = self._in_place(eq, i, stand_in) if eq.row.is_ufunc and whole is y else None
                self.in_place += buffer is not None
                if buffer is None:
                    buffer = self._new(whole.size * whole.dtype.itemsize, i, i)
                buffer.last, self._buffer_of[whole] = self.last[whole], buffer
            self.static[y] = stand_in
            self.unplanned += y.size * y.dtype.itemsize

    def _input(self, eq: Equation, i: int, late: bool) -> Var | None:
        """The input whose memory a result can have: its new value, or one on the way to it."""
        u, ufunc, last = self._target.get(eq.y), eq.row.is_ufunc, self.last
        if u is not None and (u not in last or late and last[u] < i + ufunc):
            return u
        return self._overwritten(eq, i) if late and ufunc else None

    def _overwritten(self, eq: Equation, i: int) -> Var | None:
        y, last = eq.y, self.last
        for x in eq.reads:
            u = self.into.get(x, x)
            alike = (u.shape, u.dtype) == (y.shape, y.dtype)
            if alike and u in self._done and last[x] == i and last[y] <= self._done[u]:
                return u
        return None

    def _in_place(self, eq: Equation, i: int, like: np.ndarray) -> Buffer | None:
        """The buffer of an operand that is not needed any more, for a result of the same kind."""
        y = eq.y
        for x in eq.reads:
            if x not in self.static or x.shape != y.shape:
                continue
            same = x.dtype.itemsize == y.dtype.itemsize and self.static[x].strides == like.strides
            own = {v: self._buffer_of[v] for v in self.owners[x] if same and v in self._buffer_of and v.size == x.size}
            free = [buffer for v, buffer in own.items() if self.last[v] == buffer.last == i]
            if free:  # of `x` itself, or of what it is a view of
                return min(free, key=lambda buffer: buffer.first)
        return None

    def _place_parts(self, eq: Equation) -> None:
        """The places of values that are computed in the array that they are joined to."""
        y, offset = eq.y, 0
        for x in eq.operands if eq.row.joins is not None else ():
            if isinstance(x, Var) and self.part.get(x) is y:
                self.place[x] = self.place[y] + offset
            offset += np.size(example(x)) * y.dtype.itemsize

    def _stand_in(self, eq: Equation, y: Var, free: bool) -> Any:
        """An array like that of `y`. Its order in memory is C's, that of an operand, or what the row wants."""
        axes: Sequence[int] = range(y.ndim)
        if free and eq.row.innermost is not None and y.shape[eq.row.innermost] >= WORTH:
            axes = [k for k in axes if k != eq.row.innermost] + [eq.row.innermost]
        elif free and eq.row.is_ufunc:
            arrays = (self.static[x] for x in eq.reads if x in self.static)
            strides = next((a.strides for a in arrays if a.shape == y.shape and not a.flags.c_contiguous), ())
            if strides and all(strides):
                axes = sorted(axes, key=lambda k: -strides[k])
        return np.empty([y.shape[k] for k in axes], y.dtype).transpose(np.argsort(axes) if axes else ())
