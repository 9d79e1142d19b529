"""Split products: a product of matrices is cut into pieces, by rows or along the inner axis, and these are multiplied
one by one in a single call.

Some BLAS kernels are faster on small matrices whose right factor is in the order of memory and begins at a cache line,
as buffers and parameters do and NumPy's arrays do not; others are not. So each way is timed, once, on arrays of the
actual shapes, and only with ``tune=True``, as another process may choose differently. The plan lists the times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ...base.memory import LINE, aligned
from ...program import Equation, Var
from ...table import Primitive
from ..block import Block, written

LEAST, MOST = 2**20, 2**26  # multiplications of a product that is worth timing
SMALL = 2**14  # the same, if only copying the right factor is tried
LONG = 2048  # entries of an inner axis that is worth timing in any case
THIN = 8  # how many times longer it is than the other axes
ROWS, TERMS = (2, 4, 8, 16, 32), (2, 4, 8, 16, 32, 128)  # pieces
BOTH = ((4, 4), (8, 2), (16, 2))
SHORTEST = 4, 32  # the least size of a piece, in rows and along the inner axis
GAIN = 0.9  # the largest share of the unchanged product's time that another way may take

Way = tuple[int, int, bool]  # pieces of the rows, pieces of the inner axis, and whether the right factor is copied
PLAIN: Way = (1, 1, False)

CONTIGUOUS = Primitive(
    "linear", np.ascontiguousarray, (None,), name="contiguous", emit="np.ascontiguousarray({x})",
    out="np.copyto({out}, {x})",
)  # fmt: skip


def split(block: Block) -> Block:
    """`block` with products split where that is faster here; the plan has a line about each."""
    joined = {x for eq in block.equations if eq.row.joins is not None for x in eq.operands if isinstance(x, Var)}

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        if eq.row.algebra != "dot product" or not all(isinstance(x, Var) and x.ndim == 2 for x in eq.operands):
            return None
        (a, b), y = eq.operands, eq.outputs[0]
        (m, k), n = a.shape, b.shape[1]
        worth = LEAST <= m * k * n <= MOST or k >= max(LONG, THIN * max(m, n))
        turned = [x in defined and defined[x].row.algebra == "transpose" for x in (a, b)]
        worth = worth or turned[1] and m * k * n >= SMALL
        if not worth or a.dtype.char not in "fd" or b.dtype != a.dtype or y in joined:
            return None
        way, note = _fastest(m, k, n, a.dtype, *turned, _at_line(b, defined, block))
        block.plan.append(f"split products: {y.name}, {m} x {k} x {n}: {note}")
        return written(eq, partial(product, way), a, b, into=eq.outputs) if way != PLAIN else None

    return block.mapped(rule)


def _at_line(x: Var, defined: dict[Var, Equation], block: Block) -> bool:
    """Whether `x` begins at a cache line, as buffers and parameters do, and arguments usually do not."""
    eq = defined.get(x)
    first = eq.operands[0] if eq is not None and eq.row.view else None
    return _at_line(first, defined, block) if isinstance(first, Var) else eq is not None or x in block.contiguous


def product(way: Way, a: Any, b: Any, copy: Callable[[Any], Any] = CONTIGUOUS) -> Any:
    """``a.dot(b)``, computed in this way."""
    rows, terms, copied = way
    (m, k), n = a.shape, b.shape[1]
    if copied:
        b = copy(b)
    if rows == terms == 1:
        return a.dot(b)
    a = a.reshape(m, terms, k // terms).transpose(1, 0, 2).reshape(terms, rows, m // rows, k // terms)
    pieces = np.matmul(a, b.reshape(terms, 1, k // terms, n))
    return pieces.reshape(terms, m, n).sum(axis=0) if terms > 1 else pieces.reshape(m, n)


def _ways(m: int, k: int, copied: bool) -> list[Way]:
    """The ways to compute a product that are worth timing; the first is the unchanged product."""
    cuts = [(1, 1), *((c, 1) for c in ROWS), *((1, c) for c in TERMS), *BOTH]
    fit = [
        (r, t) for r, t in cuts
        if m % r == 0 == k % t and (r == 1 or m // r >= SHORTEST[0]) and (t == 1 or k // t >= SHORTEST[1])
    ]  # fmt: skip
    return [(r, t, False) for r, t in fit] + [(r, 1, True) for r, t in fit if copied and t == 1]


@lru_cache(maxsize=256)
def _fastest(m: int, k: int, n: int, dtype: np.dtype[Any], left: bool, right: bool, line: bool) -> tuple[Way, str]:
    """The fastest way, and the times.

    `left` and `right`: whether the factors are transposed in memory; `line`: whether the right one begins at a line.
    """
    ways = _ways(m, k, right or not line)
    if m * k * n < LEAST and k < LONG:
        ways = [way for way in ways if way[:2] == (1, 1)]
    a, b, buffer = (aligned((size,), dtype) for size in (m * k, k * n + LINE, k * n))
    a.fill(1)
    b.fill(1)
    a = a.reshape(k, m).T if left else a.reshape(m, k)
    b = b[:-LINE] if line else b[4 : 4 - LINE]
    b = b.reshape(n, k).T if right else b.reshape(k, n)
    copy = partial(_copied, buffer.reshape(k, n))
    times = fastest({way: partial(product, way, a, b, copy) for way in ways})
    plain = times[PLAIN]
    best = min(times, key=times.__getitem__)
    note = f"as it is {plain * 1e6:.0f} µs"
    if times[best] >= GAIN * plain:
        return PLAIN, note
    changes = [f"{best[0]} x {best[1]} pieces"] * (best[:2] != (1, 1)) + ["right factor copied"] * best[2]
    return best, f"{note}, {', '.join(changes)} {times[best] * 1e6:.0f} µs"


def _copied(buffer: np.ndarray, x: np.ndarray) -> np.ndarray:
    buffer[...] = x
    return buffer


def fastest(versions: Mapping[Any, Callable[[], Any]], rounds: int = 12, kept: int = 6) -> dict[Any, float]:
    """CPU seconds of the fastest call of each version. After a few rounds only the first and the best continue."""
    times: dict[Any, float] = dict.fromkeys(versions, float("inf"))
    going = list(versions)
    for k in range(rounds):
        for way in going:
            start = time.process_time()
            versions[way]()
            times[way] = min(times[way], time.process_time() - start)
        if k == 2:
            going = [*going[:1], *sorted(going[1:], key=times.__getitem__)[: kept - 1]]
    return {way: times[way] for way in going}
