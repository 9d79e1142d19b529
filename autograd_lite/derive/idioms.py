"""Idioms, which people write by hand with other rows, as one step: ``exp(x) / Σ exp(x)`` is a softmax.

Rows say by their option `idiom` in what operations such a spelling ends. What lies between such an operation and a
value through which everything before it goes is a candidate: it is compared with the row at three points, so it does
not matter how it is spelled, over how many lines, or by what it was shifted. A product with ``diag(u)`` is one with a
number for each row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import product
from string import ascii_lowercase
from typing import Any

import numpy as np

from ..program import Equation, Program, Var
from ..program.assignments import names
from ..program.equation import computed
from ..program.naming import operand
from ..table import TABLE, Primitive
from .entries import is_new, turned_back
from .formula import differ_in_ones, index_parts, is_masked

POINTS = 3
LONG = 14  # operations in one spelling
_INSIDE = (
    "total", "reduction", "reshape", "new axis", "index", "broadcast", "transpose", "matrix transpose", "cast",
    "identity", "matrix product", "dot product",
)  # fmt: skip


def recognised(program: Program, kept: Collection[Var], is_read: bool = True) -> Program:
    """`program` with idioms as the rows that they are, without what only these used; `kept` has what is asked for.

    A root of a sum of squares is a norm where it is not 0, and where it is only read: a page may try other numbers.
    """
    rows, flat = [row for row in TABLE.values() if row.idiom], _flat(program, is_read)
    defined, place = program.defined, {v: k for k, v in enumerate(program.variables)}
    live = {*program.results, *kept}
    new = []
    users, named = program.users, program.named
    once = {v: us[0] for v, us in users.items() if len(us) == 1 and v not in named and v not in live}
    for eq in reversed(program.equations):  # `steps` are the latest first
        if live.isdisjoint(eq.outputs):
            continue
        if eq.algebra == "new axis":
            eq = replace(eq, row=TABLE["reshape"], params={"shape": eq.shape, "order": "C"})
        steps = _scaled(eq, defined, once) or _row_products(eq, defined, once, named)
        steps = steps or _squeezed(eq, defined, once) or _batched(eq, defined, once) or _of_diagonals(eq)
        steps = steps or is_read and _gain(eq, defined, once) or [eq]
        is_begun = eq.algebra == "sum" and any(not isinstance(x, Var) and not np.any(x) for x in eq.operands)  # 0 + x
        is_it = eq.group is None and eq not in flat and not is_begun
        likely = [r for r in rows if eq.algebra in r.idiom] if is_it else []
        if likely:
            wide = _widest(likely, kept, _cones(eq, defined, place))
            wide = wide or _grouped(eq, likely, kept, defined, place, once) or _one_share(eq, kept, defined, place)
            steps = wide or _share(eq, kept, defined, place, steps)
        new += steps
        live.update(x for step in steps for x in step.operands if isinstance(x, Var))
    found = replace(program, equations=new[::-1])
    passed = _passed(program, found) - {*kept}
    return recognised(program, {*kept, *passed}, is_read) if passed else found


def _passed(program: Program, found: Program) -> set[Var]:
    """The named values that are used beside an idiom which passes them: a part of their gradient would be lost."""
    old, new = program.defined, found.defined
    alive, passed = new.keys() & program.named & program.graded, set[Var]()
    for y, eq in new.items():
        if y not in old or old[y] is eq:
            continue
        starts, stack = set[Var](), [eq]  # what the idiom is of
        while stack:
            operands = {x for x in stack.pop().operands if isinstance(x, Var)}
            starts |= {x for x in operands if x in old or x not in new}
            stack += [new[x] for x in operands - starts]
        inside, values = set[Var](), [y]
        while values:
            operands = {x for x in old[values.pop()].operands if isinstance(x, Var) and x in old} - starts - inside
            inside |= operands
            values += operands
        passed |= inside & alive
    return passed


def _flat(program: Program, is_read: bool) -> list[Equation]:
    """The roots that are no norms: at 0 a norm has another slope."""
    roots = [eq for eq in program.equations if eq.algebra == "root"]
    values = program.values if roots else {}
    return [eq for eq in roots if not is_read or not np.all(values[eq.y])]


def _widest(
    likely: Sequence[Primitive], kept: Collection[Var], cones: Iterable[tuple[Var, list[Equation]]]
) -> list[Equation] | None:
    """The row that the most of the equations before an operation are; None if they are none of the likely ones.

    `cones` has the candidates, the smallest first; they end at a value that is kept.
    """
    steps = None
    for x, inside in cones:
        if any(eq.y in kept for eq in inside[1:]):
            break
        steps = next(filter(None, (_same(row, x, inside) for row in likely)), steps)
    return steps


def with_turned(program: Program, textbook: Program) -> Program:
    """`program` with the values that only `textbook` has, -x: what leads there from x, leads here from -(-x)."""
    defined, new, back = program.defined, textbook.defined, dict[Var, Var]()
    turned = {eq.x: eq for v, eq in new.items() if v not in defined and eq.algebra == "negation"}

    def rule(eq: Equation, _: Mapping[Var, Equation]) -> list[Equation] | None:
        operands = {x for x in eq.operands if isinstance(x, Var)}
        if eq is new.get(eq.y) or turned.keys().isdisjoint(operands):
            return None
        signs = []
        for x in turned.keys() & operands - back.keys():
            back[x] = Var("", x.shape, x.dtype)
            signs += [turned[x], replace(turned[x], operands=turned[x].outputs, outputs=(back[x],))]
        return [*signs, eq.substituted(back)]

    return program.mapped(rule) if turned else program


def _scaled(
    eq: Equation, defined: Mapping[Var, Equation], once: Mapping[Var, Equation]
) -> list[Equation] | None:
    """A product with a diagonal matrix as its rows, or its columns, times the entries of that; not in Xᵀ D X."""
    user = once.get(eq.y)
    is_in_another = user is not None and user.algebra == "matrix product" and len(user.y.shape) == len(eq.y.shape)
    beside = [x for x in user.operands if isinstance(x, Var) and x in defined] if user is not None else []
    is_in_another &= not any(defined[x].algebra == "diagonal matrix" for x in beside)  # diag(u) @ K @ diag(v)
    if is_in_another or eq.algebra != "matrix product" or any(len(shape) != 2 for shape in eq.shapes):
        return None
    for k, x in enumerate(eq.operands):
        of = defined.get(x) if isinstance(x, Var) else None
        if of is not None and of.algebra == "diagonal matrix" and not any(of.params.values()):
            [v], other = of.operands, eq.operands[1 - k]
            column = Var("", (*v.shape, 1), v.dtype)
            params = {"index": (slice(None), None), "unique_indices": True}
            turned = replace(of, outputs=(column,), row=TABLE["getitem"], operands=(v,), params=params)
            operands = (column, other) if k == 0 else (other, v)
            return [replace(eq, row=TABLE["multiply"], operands=operands, params={}), *([turned] if k == 0 else [])]
    return None


_OPTIONS = "keepdims", "where", "initial"  # of a sum that stays one

#: What a factor in a sum of products may be, besides a value with a name or an input.
_FACTORS = ("index", "gather", "matrix product")


def _row_products(
    eq: Equation, defined: Mapping[Var, Equation], once: Mapping[Var, Equation], named: Collection[Var]
) -> list[Equation] | None:
    """A sum along some axes of a product of two values, ``np.sum(u * v, axis=1)``, as an einsum: ``Σⱼ uᵢⱼ vᵢⱼ``.

    `once` has the values without a name that one equation uses, with that.
    """
    [x, *_], [y, *_], axis = eq.operands or (None,), eq.outputs, eq.params.get("axis")
    if eq.algebra != "total" or axis is None or any(eq.params.get(k) for k in _OPTIONS):
        return None
    of, user = defined.get(x) if isinstance(x, Var) and x in once else None, once.get(y)
    is_step = y in named or user is not None and user.row.kind == "elementwise" and user.algebra != "negation"
    if of is None or of.algebra != "product" or not is_step or x.dtype.kind != "f":
        return None
    letters, axes = ascii_lowercase[: x.ndim], {k % x.ndim for k in np.atleast_1d(axis)}
    factors = [f for v in of.operands if (f := _factor(v, x, letters, defined, named)) is not None]
    if len(factors) < 2 or of.x is of.operands[1] or {c for _, term in factors for c in term} != {*letters}:
        return None
    operands, terms = zip(*factors, strict=True)
    result = "".join(c for k, c in enumerate(letters) if k not in axes)
    params = {"subscripts": f"{','.join(terms)}->{result}", "optimize": False}
    return [replace(eq, row=TABLE["einsum"], operands=operands, params=params)] if result else None


def _batched(
    eq: Equation, defined: Mapping[Var, Equation], once: Mapping[Var, Equation]
) -> list[Equation] | None:
    """A matrix product of more than two axes as an einsum, ``Sᵢⱼₖ = Σₗ Qᵢⱼₗ Kᵢₖₗ``, with transposes in it."""
    if eq.algebra != "matrix product" or max(map(len, eq.shapes)) < 3 or min(map(len, eq.shapes)) < 1:
        return None
    (a, b), (m, n) = eq.operands, map(len, eq.shapes)
    batch = ascii_lowercase[3 : 3 + max(m, n) - 2]
    left = batch[len(batch) - max(m - 2, 0) :] + "ac"[2 - min(m, 2) :]
    right = batch[len(batch) - max(n - 2, 0) :] + ("cb" if n > 1 else "c")
    result = batch + "a" * (m > 1) + "b" * (n > 1)
    terms, operands = [], []
    for x, term in ((a, left), (b, right)):
        of = defined.get(x) if isinstance(x, Var) and x in once else None
        if of is not None and of.algebra in ("transpose", "matrix transpose", "swap of axes"):
            [x] = of.operands
            term = "".join(turned_back(term, of.row, of.params))
        terms.append(term)
        operands.append(x)
    sizes = [dict(zip(term, np.shape(x), strict=True)) for term, x in zip(terms, operands, strict=True)]
    if any(sizes[0][c] != sizes[1][c] for c in sizes[0].keys() & sizes[1].keys()):
        return None  # it broadcasts
    params = {"subscripts": f"{','.join(terms)}->{result}", "optimize": False}
    return [replace(eq, row=TABLE["einsum"], operands=tuple(operands), params=params)]


def _squeezed(
    eq: Equation, defined: Mapping[Var, Equation], once: Mapping[Var, Equation]
) -> list[Equation] | None:
    """Matrix products with columns ``u[:, :, None]`` whose axes of length 1 are left out, as an einsum without them."""
    x = next(iter(eq.operands), None)
    of = defined.get(x) if eq.algebra in ("index", "reshape") and isinstance(x, Var) and x in once else None
    is_less = of is not None and differ_in_ones(of.shape, eq.shape) and len(of.shape) > len(eq.shape)
    made = _batched(of, defined, once) if of is not None and is_less else None
    if of is None or made is None:
        return None
    terms, _, result = made[0].params["subscripts"].partition("->")
    left = [c for c, n in zip(result, of.shape, strict=True) if n == 1][len(eq.shape) - len(of.shape) :]
    if eq.algebra == "index":
        parts = [*index_parts(eq.params["index"])]
        at = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
        parts[at : at + 1] = [slice(None)] * (len(of.shape) - len(parts) + (at < len(parts)))
        if any(type(part) is not int and not (isinstance(part, slice) and part == slice(None)) for part in parts):
            return None
        left = [c for c, part in zip(result, parts, strict=True) if type(part) is int]
    operands, each = list[Any](), list[str]()
    for v, term in zip(made[0].operands, terms.split(","), strict=True):
        inner = defined.get(v) if isinstance(v, Var) and v in once else None
        kept = "".join(c for c in term if c not in left)
        if inner is not None and kept != term and inner.algebra in ("index", "reshape"):
            sizes = tuple(n for c, n in zip(term, v.shape, strict=True) if c not in left)
            v, term = (inner.x, kept) if np.shape(inner.x) == sizes else (v, term)
        operands.append(v)
        each.append(term)
    if any(c in term for term in each for c in left):
        return None
    result = "".join(c for c in result if c not in left)
    params = {"subscripts": f"{','.join(each)}->{result}", "optimize": False}
    return [replace(made[0], outputs=eq.outputs, operands=tuple(operands), params=params)]


def _of_diagonals(eq: Equation) -> list[Equation] | None:
    """An einsum of diagonals, ``ii->``, as what it is of these; the last equation comes first."""
    terms, _, result = eq.params.get("subscripts", "").partition("->")
    each = [*zip(eq.operands, terms.split(","), strict=True)] if eq.algebra == "contraction" else []
    twice = {term for _, term in each if len(term) == 2 == len({*term}) + 1}
    if not any(term in twice and np.shape(x)[0] == np.shape(x)[1] for x, term in each):
        return None
    steps, operands, left = list[Equation](), list[Any](), list[str]()
    for x, term in each:
        if term in twice:
            v = Var("", np.shape(x)[:1], x.dtype)
            main = {"offset": 0, "axis1": 0, "axis2": 1}
            steps.append(replace(eq, outputs=(v,), row=TABLE["diagonal"], operands=(x,), params=main))
            x, term = v, term[0]
        operands.append(x)
        left.append(term)
    if len(left) == 1 and left[0] == result:
        return [replace(steps[0], outputs=eq.outputs)]
    whole = replace(eq, operands=tuple(operands))
    if len(left) == 1 and not result:
        return [replace(whole, row=TABLE["sum"], params={"axis": None, "keepdims": False}), *steps]
    return [replace(whole, params={"subscripts": f"{','.join(left)}->{result}", "optimize": False}), *steps]


def _factor(
    v: Any, x: Var, letters: str, defined: Mapping[Var, Equation], named: Collection[Var]
) -> tuple[Any, str] | None:
    """A factor of `x` without the axes of length one that were added to it, with its letters; None for a formula."""
    eq = defined.get(v) if isinstance(v, Var) and v not in named else None
    if eq is not None and eq.algebra == "index" and is_new(eq.params["index"]):
        [of], before = eq.operands, x.ndim - v.ndim
        kept = "".join(c for k, c in enumerate(letters[before:], before) if v.shape[k - before] == x.shape[k])
        return (of, kept) if np.ndim(of) == len(kept) else None
    return (v, letters) if np.shape(v) == x.shape and (eq is None or eq.algebra in _FACTORS) else None


def _gain(eq: Equation, defined: Mapping[Var, Equation], once: Mapping[Var, Equation]) -> list[Equation] | None:
    """``gain * (x - mean) / std``, in which the gain is broadcast, as ``gain * ((x - mean) / std)``."""
    x, *below = eq.operands or (None,)
    of = defined.get(x) if eq.algebra == "quotient" and isinstance(x, Var) and x in once else None
    if of is None or of.algebra != "product" or x.shape != eq.shape:
        return None
    for gain, rest in (of.operands, of.operands[::-1]):
        if isinstance(rest, Var) and rest.shape == x.shape and np.shape(gain) not in (x.shape, ()):
            inner = replace(eq, outputs=(Var("", x.shape, x.dtype),), operands=(rest, *below))
            return [replace(of, outputs=eq.outputs, operands=(gain, *inner.outputs)), inner]
    return None


def _grouped(
    eq: Equation, likely: Sequence[Primitive], kept: Collection[Var], defined: Mapping[Var, Equation],
    place: Mapping[Var, float], once: Mapping[Var, Equation],
) -> list[Equation] | None:
    """``max(z, 0) - y z + log(1 + exp(-|z|))``, whose first and last term are together a row of z."""
    x, last = eq.operands[:2] if eq.algebra == "sum" else (None, None)
    of = defined.get(x) if isinstance(x, Var) and x in once else None
    if of is None or of.algebra not in ("sum", "difference"):
        return None
    first, other = of.operands
    leaves = _leaves(first, defined, once)
    if len(leaves) != 1 or leaves != _leaves(last, defined, once) or not np.shape(first) == np.shape(last) == eq.shape:
        return None
    y = Var("", x.shape, x.dtype)
    inner = _inner(replace(eq, outputs=(y,), operands=(first, last)), likely, kept, defined, place, eq.y)
    return inner and [replace(of, outputs=eq.outputs, operands=(y, other)), *inner]


def _share(
    eq: Equation, kept: Collection[Var], defined: Mapping[Var, Equation], place: Mapping[Var, float],
    steps: list[Equation],
) -> list[Equation]:
    """``K / (1 + exp(-z))`` as K times σ(z); `steps` for anything else."""
    above, below = eq.operands if eq.algebra == "quotient" else (1, None)
    if not isinstance(below, Var) or not isinstance(above, Var) and not np.ndim(above):
        return steps
    y = Var("", below.shape, below.dtype)
    part = replace(eq, outputs=(y,), row=TABLE["reciprocal"], operands=(below,))
    inner = _inner(part, [TABLE["sigmoid"]], kept, defined, place, eq.y)
    return [replace(eq, row=TABLE["multiply"], operands=(above, y)), *inner] if inner else steps


def _one_share(
    eq: Equation, kept: Collection[Var], defined: Mapping[Var, Equation], place: Mapping[Var, float]
) -> list[Equation] | None:
    """``exp(x[k]) / Σ exp(x)`` as the entry k of softmax(x); of rows the entries ``softmax(x)[i, yᵢ]``."""

    def of(x: Any, *roles: str) -> Equation | None:
        by = defined.get(x) if isinstance(x, Var) else None
        return by if by is not None and by.algebra in roles else None

    above, below = eq.operands if eq.algebra == "quotient" else (None, None)
    summed, one = of(below, "total"), of(above, "index", "gather", "exponential")
    entry = one if one is None or one.algebra != "exponential" else of(one.x, "index", "gather")
    powers = of(summed.x, "exponential") if summed is not None else None
    x = None if powers is None else powers.y if entry is one else powers.x
    if entry is None or summed is None or powers is None or entry.x is not x:
        return None
    if eq.shape:
        rows = index_parts(entry.params["index"])[0]
        if x.ndim != 2 or entry.shape != eq.shape or not np.array_equal(rows, np.arange(x.shape[0])):
            return None
        below = Var("", (*eq.shape, 1), x.dtype)
        summed = replace(summed, outputs=(below,), params={**summed.params, "keepdims": True})
        defined, place = {**defined, below: summed}, {**place, below: place[eq.y] - 0.7}
    y = Var("", powers.shape, powers.y.dtype)
    part = replace(eq, outputs=(y,), operands=(powers.y, below))
    inner = _inner(part, [TABLE["softmax"]], kept, defined, place, eq.y)
    return inner and [replace(entry, outputs=eq.outputs, operands=(y, *entry.operands[1:])), *inner]


def _inner(
    part: Equation, likely: Sequence[Primitive], kept: Collection[Var], defined: Mapping[Var, Equation],
    place: Mapping[Var, float], end: Var,
) -> list[Equation] | None:
    """:func:`_widest` of a part of the equation that computes `end`, which the program does not have as one."""
    [y] = part.outputs
    return _widest(likely, kept, _cones(part, {**defined, y: part}, {**place, y: place[end] - 0.5}))


def _leaves(x: Any, defined: Mapping[Var, Equation], once: Mapping[Var, Equation]) -> set[Var]:
    """The values that something is computed from entry by entry, over values without a name."""
    leaves, stack = set[Var](), [x]
    while stack:
        v = stack.pop()
        if isinstance(v, Var) and v in once and v in defined and defined[v].row.kind == "elementwise":
            stack += defined[v].operands
        elif isinstance(v, Var):
            leaves.add(v)
    return leaves


def _cones(
    end: Equation, defined: Mapping[Var, Equation], place: Mapping[Var, float]
) -> Iterator[tuple[Var, list[Equation]]]:
    """The values from which alone `end` is computed, nearest first, each with the equations between, latest first."""
    inside: list[Equation] = []
    heap = [(-place[end.y], end.y)]
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
    is_smooth = row.kind == "elementwise" and (row.kinks == () or row.algebra in ("root", "larger", "absolute value"))
    is_smooth = is_smooth and not row.idiom or "logarithm" in row.idiom  # of z - logsumexp(z), a log_softmax
    index = eq.params.get("index")
    if is_masked(index) or any(np.ndim(i) for i in index_parts(index)):  # perhaps of all, in another order
        return False
    if eq.is_random or not (is_smooth or row.algebra in _INSIDE and not row.idiom):
        return False
    used = {word for k, _ in numbers if (e := operand(eq, k)) is not None for word in names(e)}
    return all(np.ndim(x) == 0 for _, x in numbers) and used <= {"np", "numpy", "math"}


def _same(row: Primitive, x: Var, inside: Sequence[Equation]) -> list[Equation] | None:
    """`row` of `x`, or of -x, in the place of the first equation, if it has the value of all at every point."""
    end, [y] = inside[0], inside[0].outputs
    # One entry says nothing: log(Σ exp(x)) is x. Where that is all of a vector, three entries are tried.
    is_one = x.shape == (1,) and not row.entrywise and not any("shape" in eq.params for eq in inside)
    shape = (3,) if is_one else x.shape
    is_likely = x.shape == y.shape if row.entrywise else math.prod(shape) > 1 and x.ndim >= y.ndim
    if x.dtype != y.dtype or x.dtype.kind != "f" or not is_likely:
        return None
    points = [np.random.default_rng(k).normal(size=shape).astype(x.dtype) for k in range(POINTS)]
    tolerance = 1e-9 if x.dtype.itemsize > 4 else 1e-4
    with np.errstate(all="ignore"):
        values = [_run(inside, x, point) for point in points]
        for params, sign in product(_params(row, x, y), (1, -1)[: 1 + row.entrywise]):
            try:
                pairs = [(row.fn(sign * point, **params), value) for point, value in zip(points, values, strict=True)]
            except ImportError:  # the exact gelu needs SciPy; a program without it is no gelu
                continue
            if all(np.shape(a) == np.shape(b) and np.allclose(a, b, tolerance, tolerance) for a, b in pairs):
                turned = Var("", x.shape, x.dtype)
                of = [replace(end, outputs=(turned,), row=TABLE["negative"], operands=(x,))] if sign < 0 else []
                return [replace(end, row=row, operands=(turned if of else x,), params=params), *of]
    return None


def _run(inside: Sequence[Equation], x: Var, value: Any) -> Any:
    """The value of the first equation, which all lead from `x` to."""
    env = {x: value}
    for eq in reversed(inside):
        env[eq.y] = computed(eq, [env[v] if isinstance(v, Var) else v for v in eq.operands])
    return env[inside[0].y]


def _params(row: Primitive, x: Var, y: Var) -> Iterator[dict[str, Any]]:
    """The parameters that `row` may have: any axis of several entries, or all."""
    if row.bind is None or row.entrywise:
        yield {} if row.bind is None else row.bind(np.empty(x.shape))[1]
        return
    long = [k for k in range(x.ndim)[::-1] if x.shape[k] > 1 or x.ndim == 1]
    for axis in (*long, None):
        _, params = row.bind(np.empty(x.shape), axis=axis)
        yield params | ({"keepdims": True} if "keepdims" in params and x.ndim == y.ndim else {})
