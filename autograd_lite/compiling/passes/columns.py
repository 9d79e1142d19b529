"""Columns: products of one matrix with several vectors are one product with the vectors as columns, if that is faster.

It reads the matrix once instead of several times. Whether that pays depends on the BLAS kernels, by a factor of
three either way, so with ``tune=True`` it is timed, once, on arrays of the actual shapes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ...program import Equation, Var
from ..block import Block, instead_of
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
    before: dict[int, list[Equation]] = {}
    for matrix, group in groups.items():
        first = place[group[0].outputs[0]]
        group = [eq for eq in group if place.get(eq.operands[1], -1) < first]
        if len(group) < 2:
            continue
        together, apart = _times(*matrix.shape, len(group), matrix.dtype)
        block.plan.append(
            f"columns: {len(group)} products with {matrix.name}, {matrix.kind}: "
            f"one by one {apart * 1e6:.0f} µs, together {together * 1e6:.0f} µs"
        )
        if together < GAIN * apart:
            before[first] = _joined(matrix, group)
    dropped = {v for joined in before.values() for eq in joined for v in eq.outputs}
    equations: list[Equation] = []
    for i, eq in enumerate(block.equations):
        equations += before.get(i, ())
        if not dropped.intersection(eq.outputs):
            equations.append(eq)
    return replace(block, equations=equations)


def _joined(matrix: Var, group: list[Equation]) -> list[Equation]:
    stack = instead_of(group[0], "stack", *(eq.operands[1] for eq in group), axis=1)
    whole = instead_of(group[0], "dot product", matrix, stack.outputs[0])
    columns = [
        instead_of(eq, "index", whole.outputs[0], into=eq.outputs[0], index=(slice(None), k), unique_indices=True)
        for k, eq in enumerate(group)
    ]
    return [stack, whole, *columns]


@lru_cache(maxsize=64)
def _times(m: int, n: int, count: int, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Seconds for the products with all vectors together, and one by one."""
    matrix, vectors = np.ones((m, n), dtype), [np.ones(n, dtype) for _ in range(count)]
    results, result = [np.empty(m, dtype) for _ in vectors], np.empty((m, count), dtype)
    stack = np.empty((n, count), dtype)

    def together() -> None:
        np.stack(vectors, axis=1, out=stack)
        matrix.dot(stack, out=result)

    def apart() -> None:
        for v, y in zip(vectors, results, strict=True):
            matrix.dot(v, out=y)

    times = fastest({"together": together, "apart": apart})
    return times["together"], times["apart"]
