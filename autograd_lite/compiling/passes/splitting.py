"""Split products: a product of matrices is cut into pieces, by rows or along the inner axis, and these are multiplied
one by one in a single call.

Some BLAS kernels are faster on small matrices whose right factor is in the order of memory and begins at a cache line,
as buffers and parameters do and NumPy's arrays do not; others are not. So each way is timed, once, on arrays of the
actual shapes, and only with ``tune=True``, as another process may choose differently. The plan lists the times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ...base.memory import LINE, aligned
from ...program import Equation, Var
from ..block import Block, instead_of
from .layout import CONTIGUOUS

LEAST, MOST = 2**20, 2**26  # multiplications of a product that is worth timing
SMALL = 2**14  # the same, if only copying the right factor is tried
LONG = 2048  # entries of an inner axis that is worth timing in any case
THIN = 8  # how many times longer it is than the other axes
ROWS, TERMS = (2, 4, 8, 16, 32), (2, 4, 8, 16, 32, 128)  # pieces
BOTH = ((4, 4), (8, 2), (16, 2))
SHORTEST = 4, 32  # the least size of a piece, in rows and along the inner axis
GAIN = 0.9  # the largest share of the unchanged product's time that another way may take

Way = tuple[int, int, bool]  # pieces of the rows, pieces of the inner axis, and whether the right factor is copied


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
        return _pieces(eq, way)

    return block.mapped(rule)


def _at_line(x: Var, defined: dict[Var, Equation], block: Block) -> bool:
    """Whether `x` begins at a cache line, as buffers and parameters do, and arguments usually do not."""
    eq = defined.get(x)
    first = eq.operands[0] if eq is not None and eq.row.view else None
    return _at_line(first, defined, block) if isinstance(first, Var) else eq is not None or x in block.contiguous


def _pieces(eq: Equation, way: Way) -> list[Equation] | None:
    """The product computed in another way."""
    (a, b), y = eq.operands, eq.outputs[0]
    rows, terms, copied = way
    (m, k), n = a.shape, b.shape[1]
    equations: list[Equation] = []

    def new(algebra: str, *operands: Any, into: Var | None = None, **params: Any) -> Var:
        equations.append(instead_of(eq, algebra, *operands, into=into, **params))
        return equations[-1].outputs[0]

    if copied:
        equations.append(Equation((Var(b.name, b.shape, b.dtype),), CONTIGUOUS, (b,), {}, eq.origin))
        b = equations[-1].outputs[0]
    if terms > 1:
        a = new("transpose", new("reshape", a, shape=(m, terms, k // terms), order="C"), axes=(1, 0, 2))
        b = new("reshape", b, shape=(terms, k // terms, n), order="C")
    if rows > 1:
        a = new("reshape", a, shape=(*a.shape[:-2], rows, m // rows, a.shape[-1]), order="C")
        b = new("reshape", b, shape=(*b.shape[:-2], 1, *b.shape[-2:]), order="C")  # with two axes it would be one dot
    if rows == terms == 1:
        new("dot product", a, b, into=y)
        return equations if copied else None
    x = new("matrix product", a, b)
    if rows > 1:
        x = new("reshape", x, shape=(*x.shape[:-3], m, n), order="C", into=None if terms > 1 else y)
    if terms > 1:
        new("total", x, into=y, axis=(0,), keepdims=False)
    return equations


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
    sizes = m * k, k * n + LINE, m * n, max(k * n, max(terms for _, terms, _ in ways) * m * n)
    a, b, y, space = (aligned((size,), dtype) for size in sizes)
    a.fill(1)
    b.fill(1)
    a = a.reshape(k, m).T if left else a.reshape(m, k)
    b = b[:-LINE] if line else b[4 : 4 - LINE]
    b = b.reshape(n, k).T if right else b.reshape(k, n)
    times = fastest({way: _example(a, b, way, y.reshape(m, n), space) for way in ways})
    plain = times[1, 1, False]
    best = min(times, key=times.__getitem__)
    note = f"as it is {plain * 1e6:.0f} µs"
    if times[best] >= GAIN * plain:
        return (1, 1, False), note
    changes = [f"{best[0]} x {best[1]} pieces"] * (best[:2] != (1, 1)) + ["right factor copied"] * best[2]
    return best, f"{note}, {', '.join(changes)} {times[best] * 1e6:.0f} µs"


def _example(a: np.ndarray, b: np.ndarray, way: Way, y: np.ndarray, space: np.ndarray) -> Callable[[], Any]:
    """A function that computes a product in this way, into `y`; all ways share these buffers."""
    rows, terms, copied = way
    (m, k), n = a.shape, b.shape[1]
    ones = np.ones(terms, a.dtype)
    right = copy = space[: k * n].reshape(k, n) if copied else b
    a4 = a.reshape(m, terms, -1).transpose(1, 0, 2).reshape(terms, rows, m // rows, -1)
    b4 = right.reshape(terms, 1, -1, n)
    pieces = (space[: terms * m * n] if terms > 1 else y).reshape(terms, rows, m // rows, n)

    def run() -> Any:
        if copied:
            np.copyto(copy, b)
        if rows == terms == 1:
            np.dot(a, right, out=y)
        else:
            np.matmul(a4, b4, out=pieces)
        if terms > 1:
            ones.dot(pieces.reshape(terms, -1), out=y.reshape(-1))
        return y

    return run


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
