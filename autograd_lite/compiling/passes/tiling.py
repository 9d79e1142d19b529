"""Tiles: elementwise operations on large arrays run piece by piece, so that intermediate results stay in the cache.

Consecutive operations on arrays of one shape become a loop over pieces of about 256 KB. Values that nothing
else uses need only a buffer of that size. The sum of all entries is the sum of the sums of the pieces. Several threads
may share the pieces, which are the same for any number of threads, and so are the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ...engine.node import Shape
from ...program import Equation, Operand, Var
from ...table import Primitive
from ..block import Block

LARGE = 2**20  # bytes of an array that is larger than a cache
LARGE_LATE = 2**19  # the same for an update, which uses several arrays
TILE = 2**18  # bytes of a piece
FEWEST = 3  # operations that are worth a loop

#: The loop. Its parameters: `steps`, equations on pieces; `rows`, for each operand with the large shape its piece;
#: `made`, for each output the piece of it that a step makes, or the sum over one; `count`, of pieces; `threads`;
#: `late`, whether it runs at the end, where inputs are overwritten.
TILES = Primitive("general", lambda *xs: xs, (), name="tiles", outputs=True)


def tiled(block: Block) -> Block:
    """`block` with loops over pieces. Those at its end overwrite inputs in pieces."""
    equations: list[Equation] = []
    group: list[Equation] = []
    inside: set[Var] = set()
    new = set(block.results) - block.returned
    first_late = len(block.equations) - block.late
    scattered = {v.shape for v in block.updates if v not in block.contiguous}  # shapes; a piece would be a copy
    users = block.users

    def close() -> None:
        if len(group) >= FEWEST:
            equations.append(_loop(group, users, set(block.results), block.threads, *kind))
        else:
            equations.extend(group)
        group.clear()
        inside.clear()

    kind: Any = None
    for i, eq in enumerate(block.equations):
        last = i >= first_late
        shape = _tiled_shape(eq, LARGE_LATE if last else LARGE)
        total = any(x in inside and x.shape == () for x in eq.reads)
        if shape is not None and (shape not in scattered if last else not new.intersection(eq.outputs)):
            if group and (kind != (shape, last) or total):
                close()
            kind = shape, last
            group.append(eq)
            inside.update(eq.outputs)
            continue
        if inside.intersection(eq.reads):
            close()
        equations.append(eq)
    close()
    return replace(block, equations=equations)


def _tiled_shape(eq: Equation, large: int) -> Any:
    """The shape of the arrays, of `large` bytes or more, of an equation that can be done in pieces, or None."""
    if len(eq.outputs) != 1 or eq.row.outputs:
        return None
    y = eq.y
    arrays = [x for x in eq.operands if np.ndim(x) and not isinstance(x, Var) or isinstance(x, Var) and x.shape]
    if not arrays or not all(isinstance(x, Var) for x in arrays) or len({x.shape for x in arrays}) > 1:
        return None
    shape = arrays[0].shape
    total = eq.algebra == "total" and y.shape == () and y.dtype.kind == "f"
    entries = eq.row.is_ufunc or eq.row.kind == "elementwise" and not eq.params
    if not total and not (entries and y.shape == shape):
        return None
    size = prod(shape)
    return shape if size * y.dtype.itemsize >= large and _count(size) else None


def _count(size: int) -> int:
    """How many pieces of equal size there are; 0 if no number fits."""
    least = max(2, size * 8 // TILE)
    return next((k for k in range(least, 2 * least) if size % k == 0), 0)


def _loop(
    group: list[Equation], users: dict[Var, list[Equation]], results: set[Var], threads: int,
    shape: Shape, late: bool,
) -> Equation:
    count = _count(prod(shape))
    inside = set(map(id, group))
    pieces = {}

    def piece(x: Operand) -> Any:
        if not isinstance(x, Var) or x.shape != shape:
            return x
        if x not in pieces:
            pieces[x] = Var(x.name, (prod(shape) // count,), x.dtype)
        return pieces[x]

    steps = []
    for eq in group:
        outputs = tuple(piece(v) if v.shape == shape else Var(v.name, (), v.dtype) for v in eq.outputs)
        params = {**eq.params, "axis": None} if outputs[0].shape == () else eq.params  # a piece has one axis only
        steps.append(replace(eq, outputs=outputs, operands=tuple(map(piece, eq.operands)), params=params))
    inner = {eq.y for eq in group}
    operands = tuple(dict.fromkeys(x for eq in group for x in eq.reads if x not in inner))
    kept = [
        (eq.y, step.y) for eq, step in zip(group, steps, strict=True)
        if eq.y in results or any(id(u) not in inside for u in users[eq.y])
    ]  # fmt: skip
    params = {
        "steps": steps, "count": count, "rows": {x: pieces[x] for x in operands if x.shape == shape},
        "made": dict(kept), "late": late,
        "threads": 1 if late else min(threads, count),  # no thread writes to an input after an interrupt
    }  # fmt: skip
    return Equation(tuple(v for v, _ in kept), TILES, operands, params, group[-1].origin)


def as_block(eq: Equation, into: Mapping[Var, Var]) -> Block:
    """The body of a loop, in which the pieces of its outputs are new values of inputs.

    `into` has the array that an output overwrites.
    """
    rows = eq.params["rows"]
    pieces = {v: p for v, p in eq.params["made"].items() if v.shape}
    targets = {rows.get(into.get(v)) or Var(v.name, p.shape, p.dtype): p for v, p in pieces.items()}
    others = [x for x in eq.operands if x not in rows]
    totals = [p for v, p in eq.params["made"].items() if not v.shape]
    inputs = list(dict.fromkeys([*rows.values(), *others, *targets]))
    return Block("tiles", inputs, eq.params["steps"], totals, updates=targets, contiguous=frozenset(inputs))
