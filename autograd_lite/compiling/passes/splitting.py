"""Split products: a long inner axis, as in the gradient of a kernel, is cut into pieces that are multiplied one by one.

Whether that is faster depends on the BLAS kernels, so it is timed, once, on arrays of the actual shapes. The plan lists
the times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ...tracing import Equation, Var
from ..block import Block, made

LONG = 2048  # entries of an inner axis that is worth a try
THIN = 8  # how many times longer it is than the other axes
PIECES = (8, 32, 128)
GAIN = 0.85  # of the time of one product that a split one may take


def split(block: Block, plan: list[str]) -> Block:
    """`block` with long products split where that is faster here; a line about each is appended to `plan`."""

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        if eq.row.algebra != "dot product" or not all(isinstance(x, Var) and x.ndim == 2 for x in eq.operands):
            return None
        a, b = eq.operands
        (m, k), n = a.shape, b.shape[1]
        if k < max(LONG, THIN * max(m, n)) or a.dtype.char not in "fd" or b.dtype != a.dtype:
            return None
        turned = b in defined and defined[b].row.algebra == "transpose"
        count, note = _fastest(m, k, n, a.dtype, turned)
        plan.append(f"split products: {eq.outputs[0].name}, {m} x {k} x {n}: {note}")
        return _pieces(eq, count) if count > 1 else None

    return block.mapped(rule)


def _pieces(eq: Equation, count: int) -> list[Equation]:
    """The product as the sum of `count` products."""
    (a, b), y = eq.operands, eq.outputs[0]
    (m, k), n = a.shape, b.shape[1]
    left = made(eq, "reshape", a, shape=(m, count, k // count), order="C")
    left2 = made(eq, "transpose", left.outputs[0], axes=(1, 0, 2))
    turned = made(eq, "transpose", b, axes=None)
    right = made(eq, "reshape", turned.outputs[0], shape=(n, count, k // count), order="C")
    right2 = made(eq, "transpose", right.outputs[0], axes=(1, 2, 0))
    product = made(eq, "matrix product", left2.outputs[0], right2.outputs[0])
    total = made(eq, "total", product.outputs[0], into=y, axis=(0,), keepdims=False)
    return [left, left2, turned, right, right2, product, total]


@lru_cache(maxsize=256)
def _fastest(m: int, k: int, n: int, dtype: Any, turned: bool) -> tuple[int, str]:
    """How many pieces are fastest, and the times."""
    a, bt = np.ones((m, k), dtype), np.ones((n, k), dtype)
    b = bt.T if turned else np.ones((k, n), dtype)
    whole = np.empty((m, n), dtype)
    times = {1: seconds(lambda: np.dot(a, b, out=whole))}
    for count in PIECES if turned else ():
        if k % count == 0:
            a3 = a.reshape(m, count, -1).transpose(1, 0, 2)
            b3 = bt.reshape(n, count, -1).transpose(1, 2, 0)
            y = np.empty((count, m, n), dtype)
            ones = np.ones(count, dtype)
            times[count] = seconds(
                lambda a3=a3, b3=b3, y=y, ones=ones: ones.dot(np.matmul(a3, b3, out=y).reshape(len(ones), -1))  # type: ignore[misc]
            )
    best = min(times, key=times.__getitem__)
    best = best if times[best] < GAIN * times[1] else 1
    return best, ", ".join(f"{c} piece{'s' * (c > 1)} {t * 1e6:.0f} µs" for c, t in times.items())


def seconds(f: Callable[[], Any], repeats: int = 5) -> float:
    """CPU seconds of the fastest of some calls."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        f()
        best = min(best, time.process_time() - start)
    return best
