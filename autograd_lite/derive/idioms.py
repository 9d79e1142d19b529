"""Idioms, which people write by hand with other rows, as one step: ``exp(x) / Σ exp(x)`` is a softmax.

Rows say by their option `idiom` in what operations such a spelling ends. What lies between such an operation and a
value through which everything before it goes is a candidate: it is compared with the row at three points, so it does
not matter how it is spelled, over how many lines, or by what it was shifted. A product with ``diag(u)`` is one with a
number for each row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import product
from typing import Any

import numpy as np

from ..program import Equation, Program, Var
from ..program.assignments import names
from ..program.equation import computed
from ..program.naming import operand
from ..table import TABLE, Primitive

POINTS = 3
LONG = 14  # operations in one spelling
_INSIDE = (
    "total", "reduction", "reshape", "index", "broadcast", "transpose", "matrix transpose", "cast", "identity",
    "matrix product", "dot product",
)  # fmt: skip


def recognised(program: Program, kept: Collection[Var], is_read: bool = True) -> Program:
    """`program` with idioms as the rows that they are, without what only these used; `kept` has what is asked for.

    A root of a sum of squares is a norm where it is not 0, and where it is only read: a page may try other numbers.
    """
    rows = [row for row in TABLE.values() if row.idiom]
    defined, place = program.defined, {v: k for k, v in enumerate(program.variables)}
    roots = [eq for eq in program.equations if eq.row.algebra == "root"]
    values = program.values if roots else {}
    flat = [eq for eq in roots if not is_read or not np.all(values[eq.outputs[0]])]  # at 0 a norm has another slope
    live: set[Var] = {*program.results, *kept}
    new: list[Equation] = []
    for eq in reversed(program.equations):
        if live.isdisjoint(eq.outputs):
            continue
        steps = _scaled(eq, defined) or [eq]  # latest first
        likely = [r for r in rows if eq.row.algebra in r.idiom and eq.group is None and eq not in flat]
        for x, inside in _cones(eq, defined, place) if likely else ():
            if any(e.outputs[0] in kept for e in inside[1:]):
                break
            steps = next(filter(None, (_same(row, x, inside) for row in likely)), steps)
        new += steps
        live.update(x for step in steps for x in step.operands if isinstance(x, Var))
    return replace(program, equations=new[::-1])


def with_turned(program: Program, textbook: Program) -> Program:
    """`program` with the values that only `textbook` has, -x: what leads there from x, leads here from -(-x)."""
    defined, new, back = program.defined, textbook.defined, dict[Var, Var]()
    turned = {eq.operands[0]: eq for v, eq in new.items() if v not in defined and eq.row.algebra == "negation"}

    def rule(eq: Equation, _: Mapping[Var, Equation]) -> list[Equation] | None:
        if eq is new.get(eq.outputs[0]) or turned.keys().isdisjoint(eq.operands):
            return None
        signs: list[Equation] = []
        for x in turned.keys() & set(eq.operands) - back.keys():
            back[x] = Var("", x.shape, x.dtype)
            signs += [turned[x], replace(turned[x], operands=turned[x].outputs, outputs=(back[x],))]
        return [*signs, replace(eq, operands=tuple(back.get(x, x) for x in eq.operands))]

    return program.mapped(rule) if turned else program


def _scaled(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | None:
    """A product with a diagonal matrix as its rows, or its columns, times the entries of the diagonal."""
    if eq.row.algebra != "matrix product" or any(len(shape) != 2 for shape in eq.shapes):
        return None
    for k, x in enumerate(eq.operands):
        of = defined.get(x) if isinstance(x, Var) else None
        if of is not None and of.row.algebra == "diagonal matrix" and not any(of.params.values()):
            [v], other = of.operands, eq.operands[1 - k]
            column = Var("", (*v.shape, 1), v.dtype)
            params = {"index": (slice(None), None), "unique_indices": True}
            turned = replace(of, outputs=(column,), row=TABLE["getitem"], operands=(v,), params=params)
            operands = (column, other) if k == 0 else (other, v)
            return [replace(eq, row=TABLE["multiply"], operands=operands, params={}), *([turned] if k == 0 else [])]
    return None


def _cones(
    end: Equation, defined: Mapping[Var, Equation], place: Mapping[Var, int]
) -> Iterator[tuple[Var, list[Equation]]]:
    """The values from which alone `end` is computed, nearest first, each with the equations between, latest first."""
    inside: list[Equation] = []
    heap: list[tuple[int, Var]] = [(-place[end.outputs[0]], end.outputs[0])]
    while heap and len(inside) < LONG:
        _, v = heappop(heap)
        while heap and heap[0][1] is v:
            heappop(heap)
        if inside and not heap:
            yield v, inside
        eq = defined.get(v)
        if eq is None or not _is_inside(eq):
            return
        inside.append(eq)
        for x in eq.operands:
            if isinstance(x, Var):
                heappush(heap, (-place[x], x))


def _is_inside(eq: Equation) -> bool:
    """True for an operation that may be one of a spelling: arithmetic with numbers that are written as such."""
    row, numbers = eq.row, [(k, x) for k, x in enumerate(eq.operands) if not isinstance(x, Var)]
    is_smooth = row.kind == "elementwise" and (row.kinks == () or row.algebra == "root")
    if eq.is_random or row.idiom or not (is_smooth or row.algebra in _INSIDE):
        return False
    used = {word for k, _ in numbers if (e := operand(eq, k)) is not None for word in names(e)}
    return all(np.ndim(x) == 0 for _, x in numbers) and used <= {"np", "numpy", "math"}


def _same(row: Primitive, x: Var, inside: Sequence[Equation]) -> list[Equation] | None:
    """`row` of `x`, or of -x, in the place of the first equation, if it has the value of all at every point."""
    end, [y] = inside[0], inside[0].outputs
    is_likely = x.shape == y.shape if row.entrywise else x.size > 1 and x.ndim >= y.ndim
    if x.dtype != y.dtype or x.dtype.kind != "f" or not is_likely:
        return None
    points = [np.random.default_rng(k).normal(size=x.shape).astype(x.dtype) for k in range(POINTS)]
    tolerance = 1e-9 if x.dtype.itemsize > 4 else 1e-4
    with np.errstate(all="ignore"):
        values = [_run(inside, x, point) for point in points]
        for params, sign in product(_params(row, x, y), (1, -1)[: 1 + row.entrywise]):
            pairs = [(row.fn(sign * point, **params), value) for point, value in zip(points, values, strict=True)]
            if all(np.shape(a) == np.shape(b) and np.allclose(a, b, tolerance, tolerance) for a, b in pairs):
                turned = Var("", x.shape, x.dtype)
                of = [replace(end, outputs=(turned,), row=TABLE["negative"], operands=(x,))] if sign < 0 else []
                return [replace(end, row=row, operands=(turned if of else x,), params=params), *of]
    return None


def _run(inside: Sequence[Equation], x: Var, value: Any) -> Any:
    """The value of the first equation, which all lead from `x` to."""
    env = {x: value}
    for eq in reversed(inside):
        env[eq.outputs[0]] = computed(eq, [env[v] if isinstance(v, Var) else v for v in eq.operands])
    return env[inside[0].outputs[0]]


def _params(row: Primitive, x: Var, y: Var) -> Iterator[dict[str, Any]]:
    """The parameters that `row` may have: any axis, or all."""
    if row.bind is None:
        yield {}
        return
    for axis in (*range(x.ndim)[::-1], None):
        _, params = row.bind(np.empty(x.shape), axis=axis)
        yield params | ({"keepdims": True} if "keepdims" in params and x.ndim == y.ndim else {})
