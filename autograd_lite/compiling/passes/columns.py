"""Columns: products of one matrix with several vectors are one product with the vectors as columns, if that is faster.

It reads the matrix once instead of several times. Whether that pays depends on the BLAS kernels, by a factor of
three either way, so with ``tune=True`` it is timed, once, on arrays of the actual shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from ...program import Equation, Var
from ..block import Block, written
from .splitting import GAIN, fastest

LARGE = 2**18  # bytes of a matrix that is worth a try


def with_columns(block: Block) -> Block:
    """`block` with such products joined where that is faster here; the plan has a line about each."""
    place = {v: i for i, eq in enumerate(block.equations) for v in eq.outputs}
    groups: dict[Var, list[Equation]] = {}
    for eq in block.equations:
        if eq.row.algebra in ("matrix product", "dot product") and all(isinstance(x, Var) for x in eq.operands):
            matrix, vector = eq.operands
            large = matrix.ndim == 2 and prod(matrix.shape) * matrix.dtype.itemsize >= LARGE
            if large and vector.ndim == 1 and vector.dtype == matrix.dtype and matrix.dtype.char in "fd":
                groups.setdefault(matrix, []).append(eq)
    joined: dict[int, Sequence[Equation]] = {}  # by the identity of the first of them
    for matrix, group in groups.items():
        first = place[group[0].outputs[0]]
        group = [eq for eq in group if place.get(eq.operands[1], -1) < first]
        if len(group) < 2:
            continue
        joint, apart = _times(*matrix.shape, len(group), matrix.dtype)
        block.plan.append(
            f"columns: {len(group)} products with {matrix.name}, {matrix.kind}: "
            f"one by one {apart * 1e6:.0f} µs, together {joint * 1e6:.0f} µs"
        )
        if joint < GAIN * apart:
            joined |= dict.fromkeys(map(id, group), ())
            vectors, results = zip(*((eq.operands[1], eq.outputs[0]) for eq in group), strict=True)
            joined[id(group[0])] = written(group[0], _together, matrix, *vectors, into=results)
    return replace(block, equations=[e for eq in block.equations for e in joined.get(id(eq), [eq])])


def _together(matrix: Any, *vectors: Any) -> Any:
    whole = matrix.dot(np.stack(vectors, axis=1))
    return tuple(whole[:, k] for k in range(len(vectors)))


def _apart(matrix: Any, *vectors: Any) -> Any:
    return [matrix.dot(v) for v in vectors]


@lru_cache(maxsize=64)
def _times(m: int, n: int, count: int, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Seconds for the products with all vectors together, and one by one."""
    matrix, vectors = np.ones((m, n), dtype), [np.ones(n, dtype) for _ in range(count)]
    times = fastest({f: partial(f, matrix, *vectors) for f in (_together, _apart)})
    return times[_together], times[_apart]
