"""Memory: values share buffers that are allocated once, and an elementwise operation works in place on its last use.

A value lives from its equation to the last one that uses it or a view of it. Its buffer is then free for another.
Outputs are new arrays at each call. The new value of an input is computed in the input's own memory if nothing reads
the old one later; for that the equation is moved after those that do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.memory import LINE
from ...program import Equation, Var
from ...table import Primitive
from ..block import Block
from .tiling import TILES, as_block
from .updates import sunk

WORTH = 4  # entries of an axis that is worth another order in memory
LEAST = 2  # entries; a single number is faster without a buffer


@dataclass(eq=False)
class Memory:
    """Where values are."""

    equations: Sequence[Equation]  # in the order in which they run
    late: int = 0  # of these, how many at the end only make new values of inputs
    place: dict[Var, int] = field(default_factory=dict)  # of values with a buffer, in bytes from the start
    part: dict[Var, Var] = field(default_factory=dict)  # of values computed in their place in an array: that array
    into: dict[Var, Var] = field(default_factory=dict)  # of values written into an input: the input
    static: dict[Var, Any] = field(default_factory=dict)  # values at the same place at each call, with a stand-in
    owners: dict[Var, frozenset[Var]] = field(default_factory=dict)  # whose memory a value may share
    orders: dict[Var, tuple[int, ...]] = field(default_factory=dict)  # the axes as they follow in memory, if not C's
    index: dict[Var, int] = field(default_factory=dict)  # of parts of arrays that have another order: their places
    loops: dict[Var, Memory] = field(default_factory=dict)  # of the bodies of loops, by their first output
    size: int = 0
    in_place: int = 0
    unplanned: int = 0  # bytes if each of these values had a buffer of its own


def writes(row: Primitive) -> bool:
    """Whether a row can write its result into an array that is given."""
    return row.out is not None or row.joins is not None or isinstance(row.fn, np.ufunc) and not row.outputs


def planned(block: Block) -> Memory:
    """Assign buffers."""
    block = sunk(block)
    memory = Memory(block.equations, block.late)
    memory.part.update(_parts(memory, block, _lifetimes(memory, block)))
    _choose_orders(memory)
    _Allocation(memory, block, _lifetimes(memory, block)).run()
    return memory


def _lifetimes(memory: Memory, block: Block) -> dict[Var, float]:
    """Where each value, or a view of it, is last used; and whose memory each may share."""
    equations, owners = memory.equations, memory.owners
    owners.update({v: frozenset([v]) for v in block.inputs})
    last: dict[Var, float] = {}
    for i, eq in enumerate(equations):
        for x in eq.operands:
            for v in owners[x] if isinstance(x, Var) else ():
                last[v] = i
        shared = eq.operands[:1] if eq.row.view else () if eq.row.builtin else eq.operands
        below = frozenset().union(*(owners[x] for x in shared if isinstance(x, Var)))
        for v in eq.outputs:
            owners[v] = below | ({v, memory.part[v]} if v in memory.part else {v})
    for x in block.updates.values():
        last.update(dict.fromkeys(owners[x] if isinstance(x, Var) else (), len(equations)))
    for x in block.outputs:
        last.update(dict.fromkeys(owners[x] if isinstance(x, Var) else (), math.inf))
    return last


def _parts(memory: Memory, block: Block, last: dict[Var, float]) -> dict[Var, Var]:
    """Values that are computed in their places in the array that they are joined to."""
    defined = {eq.outputs[0]: eq for eq in memory.equations[: len(memory.equations) - memory.late]}
    new = {x for x in block.updates.values() if isinstance(x, Var)}
    joined: dict[Var, Var] = {}
    for eq in memory.equations:
        y = eq.outputs[0]
        if eq.row.joins is None or not eq.row.joins(**eq.params) or math.isinf(last.get(y, math.inf)) or y in new:
            continue
        for x in eq.operands:
            if not isinstance(x, Var) or x in joined or x in new or sum(v is x for v in eq.operands) > 1:
                continue
            row = defined[x].row if x in defined and x.dtype == y.dtype and x not in block.floats else None
            if row is None or not writes(row) or row.view or row.joins is not None:
                continue
            if not math.isinf(last[x]) and 0 not in x.shape:
                joined[x] = y
    return joined


def _choose_orders(memory: Memory) -> None:
    """A product or stack that is transposed and then reshaped is computed in that order, so that nothing is copied."""
    defined: dict[Var, Equation] = {}
    for eq in memory.equations:
        x = defined.get(eq.operands[0]) if eq.row.algebra == "reshape" and isinstance(eq.operands[0], Var) else None
        if x is not None and x.row.algebra == "transpose" and x.operands[0] in defined and eq.params["order"] == "C":
            source = defined[x.operands[0]]
            if source.row.algebra in ("matrix product", "stack") and source.outputs[0] not in memory.part:
                axes = x.params["axes"] or range(x.outputs[0].ndim)[::-1]
                memory.orders[x.operands[0]] = tuple(axes)
                if source.row.algebra == "stack":
                    operands = ((v, k) for k, v in enumerate(source.operands) if isinstance(v, Var))
                    memory.index.update((v, k) for v, k in operands if memory.part.get(v) is x.operands[0])
        defined[eq.outputs[0]] = eq


@dataclass(eq=False)
class _Buffer:
    size: int
    first: int  # the equation that writes to it first
    last: float  # the last one that reads from it
    start: int = 0


class _Allocation:
    """Buffers for the values of a block."""

    def __init__(self, memory: Memory, block: Block, last: dict[Var, float]) -> None:
        self.memory, self.block, self.last = memory, block, last
        self.buffers: list[_Buffer] = []
        self.buffer_of: dict[Var, _Buffer] = {}
        self.inner: list[tuple[_Buffer, Memory]] = []  # of the bodies of loops
        self.target = {x: v for v, x in block.updates.items() if isinstance(x, Var)}
        places = {v: i for i, eq in enumerate(memory.equations) for v in eq.outputs}
        self.done = {v: places[x] for x, v in self.target.items() if x in places}  # where an input's new value is made

    def run(self) -> None:
        memory = self.memory
        for i, eq in enumerate(memory.equations):
            y, late = eq.outputs[0], i >= len(memory.equations) - memory.late
            view = self._view(eq)
            if view is not None and np.may_share_memory(view, memory.static[eq.operands[0]]):
                memory.static[y] = view
            elif eq.row is TILES:
                self._loop(eq, i, late)
            elif y not in self.block.floats and writes(eq.row) and (view is not None or not eq.row.view):
                self._result(eq, i, late)
        memory.size = _placed(self.buffers)
        memory.place.update({v: buffer.start for v, buffer in self.buffer_of.items()})
        for buffer, inner in self.inner:
            inner.place = {v: buffer.start + at for v, at in inner.place.items()}
        for eq in memory.equations:
            self._place_parts(eq)

    def _view(self, eq: Equation) -> Any:
        """What a view of a value that is at the same place at each call looks like; it may turn out to be a copy."""
        x, *others = eq.operands or [None]
        always = eq.row.kind != "elementwise"  # one may be its argument for some numbers only, as where none is nan
        if not eq.row.view or not always or eq.row.outputs or any(isinstance(v, Var) for v in others):
            return None
        if not isinstance(x, Var) or x not in self.memory.static:
            return None
        with np.errstate(all="ignore"):
            return eq.row.fn(self.memory.static[x], *others, **eq.params)

    def _loop(self, eq: Equation, i: int, late: bool) -> None:
        """Buffers for the pieces in a loop, and for its results."""
        memory, last = self.memory, self.last
        for v in eq.outputs:
            u = self.target.get(v)
            if late and u is not None and last.get(u, -1) <= i:
                memory.into[v] = u
        inner = memory.loops[eq.outputs[0]] = planned(as_block(eq, memory.into))
        self.buffers.append(_Buffer(inner.size * eq.params["threads"], i, i))
        self.inner.append((self.buffers[-1], inner))
        for v in eq.outputs:
            if v.shape and v in last and not math.isinf(last[v]) and v not in memory.into:
                self.buffer_of[v] = _Buffer(math.prod(v.shape) * v.dtype.itemsize, i, last[v])
                self.buffers.append(self.buffer_of[v])
                memory.static[v] = np.empty(v.shape, v.dtype)
        memory.unplanned += sum(math.prod(e.outputs[0].shape) * 8 * eq.params["count"] for e in eq.params["steps"])
        memory.in_place += inner.in_place

    def _result(self, eq: Equation, i: int, late: bool) -> None:
        """The memory of a result: that of an input, of an operand, or a buffer of its own."""
        memory, y = self.memory, eq.outputs[0]
        if math.isinf(self.last.get(y, math.inf)) or y.dtype.kind not in "biufc":
            return
        u = self._input(eq, i, late)
        whole = memory.part.get(y, y)
        if u is not None:
            memory.into[y] = u
        elif whole is not y or y in self.buffer_of or math.prod(y.shape) >= LEAST:
            stand_in = _stand_in(memory, eq, y, whole is y and not late)
            if whole not in self.buffer_of:
                buffer = self._in_place(eq, i, stand_in) if isinstance(eq.row.fn, np.ufunc) and whole is y else None
                memory.in_place += buffer is not None
                if buffer is None:
                    buffer = _Buffer(math.prod(whole.shape) * whole.dtype.itemsize, i, i)
                    self.buffers.append(buffer)
                buffer.last, self.buffer_of[whole] = self.last[whole], buffer
            memory.static[y] = stand_in
            memory.unplanned += math.prod(y.shape) * y.dtype.itemsize

    def _input(self, eq: Equation, i: int, late: bool) -> Var | None:
        """The input whose memory a result can have: its new value, or one on the way to it."""
        u, ufunc, last = self.target.get(eq.outputs[0]), isinstance(eq.row.fn, np.ufunc), self.last
        if u is not None and (u not in last or late and last[u] < i + ufunc):
            return u
        return self._overwritten(eq, i) if late and ufunc else None

    def _overwritten(self, eq: Equation, i: int) -> Var | None:
        y, last = eq.outputs[0], self.last
        for x in eq.operands:
            u = self.memory.into.get(x, x) if isinstance(x, Var) else None
            if u in self.done and last[x] == i and last[y] <= self.done[u] and (u.shape, u.dtype) == (y.shape, y.dtype):
                return u
        return None

    def _in_place(self, eq: Equation, i: int, like: np.ndarray) -> _Buffer | None:
        """The buffer of an operand that is not needed any more, for a result of the same kind."""
        y, memory = eq.outputs[0], self.memory
        for x in eq.operands:
            if not isinstance(x, Var) or x not in memory.static or x.shape != y.shape:
                continue
            same = x.dtype.itemsize == y.dtype.itemsize and memory.static[x].strides == like.strides
            for v in memory.owners[x] if same else ():  # `x` itself, or what it is a view of
                buffer = self.buffer_of.get(v)
                if buffer is not None and self.last[v] == buffer.last == i and math.prod(v.shape) == math.prod(x.shape):
                    return buffer
        return None

    def _place_parts(self, eq: Equation) -> None:
        """The places of values that are computed in the array that they are joined to."""
        y, offset = eq.outputs[0], 0
        for x in eq.operands if eq.row.joins is not None else ():
            if isinstance(x, Var) and self.memory.part.get(x) is y:
                self.memory.place[x] = self.memory.place[y] + offset
            offset += math.prod(x.shape if isinstance(x, Var) else np.shape(x)) * y.dtype.itemsize


def _stand_in(memory: Memory, eq: Equation, y: Var, free: bool) -> Any:
    """An array like that of `y`. Its order in memory is C's, that of an operand, or what the row wants."""
    if y in memory.index:
        whole = memory.part[y]
        return _empty(whole.shape, memory.orders[whole], y.dtype)[memory.index[y]]
    if y in memory.orders:
        axes = list(memory.orders[y])
    elif free and eq.row.innermost is not None and y.shape[eq.row.innermost] >= WORTH:
        axes = [k for k in range(y.ndim) if k != eq.row.innermost] + [eq.row.innermost]
    elif free and isinstance(eq.row.fn, np.ufunc):
        arrays = [memory.static[x] for x in eq.operands if isinstance(x, Var) and x in memory.static]
        strides = next((a.strides for a in arrays if a.shape == y.shape and not a.flags.c_contiguous), ())
        axes = sorted(range(y.ndim), key=lambda k: -strides[k]) if strides and all(strides) else list(range(y.ndim))
    else:
        axes = list(range(y.ndim))
    return _empty(y.shape, axes, y.dtype)


def _empty(shape: tuple[int, ...], axes: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """An empty array whose axes have this order in memory."""
    back = tuple(np.argsort(axes)) if axes else ()
    return np.empty([shape[k] for k in axes], dtype).transpose(back)


def _placed(buffers: list[_Buffer]) -> int:
    """Place each buffer, the largest first, at the lowest offset that is free while it is used. The total size."""
    order = sorted(buffers, key=lambda buffer: -buffer.size)
    first, last = (np.array([getattr(buffer, end) for buffer in order]) for end in ("first", "last"))
    size = np.array([-(-buffer.size // LINE) * LINE for buffer in order], int)
    start = np.zeros(len(order), int)
    for k, buffer in enumerate(order):
        (taken,) = np.nonzero((first[:k] <= last[k]) & (first[k] <= last[:k]))
        taken = taken[np.argsort(start[taken], kind="stable")]
        ends = np.maximum.accumulate(np.append(0, start[taken] + size[taken]))
        gaps = np.append(start[taken], np.iinfo(int).max) - ends
        start[k] = buffer.start = int(ends[np.argmax(gaps >= size[k])])
    return int(np.max(start + size, initial=0))
