"""A formula entry by entry: ``dL/dbᵢⱼ = dL/dpᵢ``, where axes are added, summed, looked up or named by an einsum.

An entry of a formula is a formula of entries of names: what works entry by entry has the same indices in its arguments,
and a sum has one more.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..program.naming import stem
from ..table import Primitive
from ..table.textbook import NOTATIONS
from .collect import is_call
from .formula import (
    Array,
    Expr,
    Function,
    Labels,
    Place,
    Shape,
    differ_in_ones,
    factors_of,
    fold,
    index_parts,
    is_cut,
    is_diagonal,
    multiplied,
    name,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)
from .simplify import is_negative, is_zero, product, simplified
from .writing import indices, is_counter, root_of, subscript, text

At: TypeAlias = tuple[str, ...]  # an index for each axis; "" for an axis that is not written

EQUAL = Function("equal", text="1[{x1} = {x2}]", tex="1[{x1} = {x2}]")
UNEQUAL = Function("not_equal", text="1[{x1} ≠ {x2}]", tex=r"1[{x1} \neq {x2}]")
LESS = Function("less_equal", text="1[{x1} ≤ {x2}]", tex=r"1[{x1} \leq {x2}]")
STRICTLY_LESS = Function("less", text="1[{x1} < {x2}]", tex="1[{x1} < {x2}]")
IN = Function("isin", text="1[{x1} ∈ {x2}]", tex=r"1[{x1} \in {x2}]")
BESIDE = Function("or", text="1[{x1} < {x2} or {x3} ≥ {x4}]", tex=r"1[{x1} < {x2} \text{{ or }} {x3} \geq {x4}]")
WITHIN = Function("within", text="1[{x1} ≤ {x2} < {x3}]", tex=r"1[{x1} \leq {x2} < {x3}]")
GREATER = Function("greater_equal", text="1[{x1} ≥ {x2}]", tex=r"1[{x1} \geq {x2}]")
SUM = Function("sum")
SUM.algebra = "indexed sum"
_AXES = ("reshape", "broadcast", "placement")
_MOVED = ("index", "placement", "concatenation")
_SUMS = ("indexed sum", "sum over steps")
_TRIANGLES = ("lower triangle", "upper triangle")


UNIT = re.compile(r"np\.(?:eye|identity)\(\d+\)")
COUNTING = re.compile(r"np\.arange\([^,]*\)(\[:, None\]|\[None(, :)?\])?")  # it is the index


class Step:
    """A position in an array that is `distance` from the number of the step, which is called `letter`; or, of a loop
    that is `back` to front, so much with it; in batches of several, from so many times the number.
    """

    def __init__(self, distance: int, letter: str = "t", back: bool = False, several: int = 1) -> None:
        self.distance, self.letter, self.back = distance, f"{several}{letter}" if several > 1 else letter, back
        self.several = several

    def at(self, t: int) -> int:
        """The position in step `t`."""
        return self.distance - t if self.back else self.several * t + self.distance

    def __repr__(self) -> str:
        if self.back:
            return f"{self.distance}-{self.letter}"
        return f"{self.letter}{self.distance:+d}" if self.distance else self.letter


class NoEntries(Exception):
    """Axes are laid out anew, or positions have no name."""


def entries(formulas: Sequence[Expr], shape: Shape, beside: Iterable[Expr] = ()) -> tuple[str, Sequence[Expr]]:
    """The indices of a line and its formulas with them, where axes would have to be guessed without, or formulas that
    stand `beside` it have indices and it sums along an axis.
    """
    parts = [part for e in formulas for part in walk(e)]
    are_needed = _are_guessed(formulas, parts, shape)
    if not are_needed and sum(size != 1 for size in shape) == 1 and any(map(_summed, parts)):
        are_needed = any(entries([e], e.shape)[0] for e in beside if len(e.shape) > 1)
    for letters in _indices(parts, shape) if are_needed else ():
        at = tuple("" if size == 1 else c for c, size in zip(letters, shape, strict=True))
        token = _LEFT.set(at)
        try:
            indexed = [_aligned(e, at) for e in formulas]
        except (NoEntries, RecursionError):  # a sum of hundreds of terms has none
            continue
        finally:
            _LEFT.reset(token)
        names = {part.value for part in parts if part.role == "name" and part.shape == shape}
        whole = [_without_indices(e, at, shape, names) for e in indexed]
        wholes = [e for e in whole if e is not None]
        return ("", wholes) if len(wholes) == len(whole) else ("".join(at), indexed)
    return "", formulas


def _without_indices(e: Expr, at: At, shape: Shape, names: Container[str]) -> Expr | None:
    """A formula with indices without them, if all that has some is an array of this shape with those of the line."""
    letters = "".join(at)

    def made(part: Expr, args: tuple[Expr | None, ...]) -> Expr | None:
        known = [a for a in args if a is not None]
        if part.role == "name":
            own = part.params.get("letters", "")
            is_it = part.value in names if own == letters else not own and part.value not in at
            is_it &= not part.shape and "@" not in part.value
            return name(part.value, shape if own else ()) if is_it else None
        if part.row is None:
            return part
        if part.row.entrywise and len(known) == len(args):
            return replace(part, args=tuple(known), shape=np.broadcast_shapes(*(a.shape for a in known)))
        is_below = isinstance(part.row, Function) and part.row.text == f"{{x1}}{subscript(letters)}"
        return part.of if is_below and part.of.shape == shape else None

    return fold(e, made)


def _are_guessed(formulas: Sequence[Expr], parts: Sequence[Expr], shape: Shape) -> bool:
    """True if the axes of formulas would have to be guessed."""
    rows = [of for part in (parts if shape else formulas) if (of := _of_rows(part)) is not None]
    return (
        any(_is_repeated(e, len(shape)) or 0 < len(_read_shape(e)) < len(shape) for e in formulas)
        or _is_difference(parts) or any(map(_adds_axes, parts)) or any(map(_has_counting, parts))
        or any(of.role == "difference" for of in rows) or any(_of_rows(e) is not None for e in formulas)
        or len(shape) == 1 and any(map(_is_at_labels, parts))
        or any(is_convolution(part) or _joins_repeated(part) for part in parts)
        or any(map(has_windows, formulas)) or any(map(_adds_an_entry, formulas))
        or len({(*_summed(part),) for part in parts if _summed(part) and len(part.shape) == 1}) > 1
        or bool(shape) and any(_sums_calls(part) or _compares_places(part) for part in parts)
        or any(_summed(part) and _mask(part.of) is not None for part in parts)
        or any(_mask(part) is not None and len(part.of.shape) < len(part.shape) for part in parts if part.args)
    )  # fmt: skip


def _has_counting(e: Expr) -> bool:
    """True for arithmetic with the numbers of the entries, which are the index: ``0.9ⁱ`` of ``0.9 ** np.arange(n)``."""
    is_one = e.row is not None and e.row.entrywise and e.role != "comparison"
    return is_one and any(a.role == "name" and COUNTING.fullmatch(a.value) for a in e.args)


def _is_at_labels(e: Expr) -> bool:
    """True for one entry of each row, ``P[i, yᵢ]``, in which an index stands."""
    return e.role == "index" and any(isinstance(p, Labels) and not p.word for p in _parts(e))


def _adds_an_entry(e: Expr) -> bool:
    """True if one entry is added to others: ``1 / n at [2], 0 elsewhere - p``."""
    terms = [term for _, term in terms_of(e)] if len(e.shape) == 1 else []
    ends = [type(part) for term in terms for part in walk(term) if part.role == "placement" for part in _parts(part)]
    return len(terms) > 1 and bool(ends) and {*ends} <= {int}


def _sums_calls(e: Expr) -> bool:
    """Whether a function of each entry, or a softmax, is summed along some axes: ``Σⱼ log(pᵢⱼ)``."""
    is_sum = e.role == "total" and bool(e.shape) and e.params.get("axis") is not None
    return is_sum and any(is_call(part) or part.role == "softmax" for part in walk(e.of))


def _compares_places(e: Expr) -> bool:
    """True if entries are chosen by their places: ``where(i = y, 0, sᵢ)`` of ``np.arange(n) == y``."""
    return e.role == "comparison" and any(a.role in ("array", "name") and a.shape and _counts(a) for a in e.args)


def _is_repeated(e: Expr, ndim: int) -> bool:
    """Whether a gradient is repeated along an axis that a step has summed."""
    if e.args and (e.role == "product" or e.row.entrywise):
        return any(_is_repeated(a, ndim) for a in e.args)
    return e.role == "name" and "/" in e.value and 0 < len(e.shape) < ndim


def _read_shape(e: Expr) -> Shape:
    """The shape that a formula seems to have, in which nothing says that it is repeated along an axis."""

    def seen(part: Expr, args: Sequence[Shape]) -> Shape:
        if part.role == "broadcast":
            return args[0]
        return np.broadcast_shapes(*args) if part.row is not None and part.row.entrywise else part.shape

    return fold(e, seen)


def _of_rows(e: Expr) -> Expr | None:
    """The array of whose rows a formula has the norms, ``‖uᵢ - vᵢ‖``, or their squares."""
    is_square = e.role == "total" and e.of.role == "square"
    of = e.of.of if is_square else e.of if e.role == "norm" else e
    axes, ndim = set(_axes_of(e)) if of is not e else set[int](), len(of.shape)
    if not 0 < len(axes) < ndim or axes != {*range(ndim - len(axes), ndim)}:
        return None
    ends = {a.shape[-len(axes) :] for a in of.args}
    is_distance = of.role == "difference" and ends == {of.shape[-len(axes) :]}
    return of if of.role == "name" or is_distance else None


def _is_difference(parts: Sequence[Expr]) -> bool:
    """Whether two parts of one array are cut out that lie beside each other: ``u[1:] - u[:-1]``."""
    cut = [part.of.key for part in parts if part.role == "index" and is_cut(part)]
    cut += [within[0].key for part in parts if (within := padded(part))]
    return len(set(cut)) < len(cut) or any(map(is_rotated, parts))


def is_rotated(part: Expr) -> bool:
    """Whether the entries of an array are moved along one axis, round its end."""
    axis = part.params["axis"] if part.role == "rotation" else ()
    return axis is None and len(part.shape) == 1 or axis is not None and len(axis) == 1


def padded(e: Expr) -> tuple[Expr, Shape] | None:
    """Of an array joined with zeros that array, and where it begins along each axis; None for anything else."""
    within = [k for k, a in enumerate(e.args) if not is_zero(a)] if e.role == "concatenation" else []
    if len(within) != 1:
        return None
    [k] = within
    return e.args[k], tuple(e.params["starts"][k] if axis == e.params["axis"] else 0 for axis in range(len(e.shape)))


def _running(e: Expr) -> tuple[Function, int] | None:
    """Of a running sum, which terms are in it: those up to an entry, or from it on; and along which axis."""
    if not e.shape or not e.args or e.of.shape != e.shape:
        return None
    if e.head in NOTATIONS:
        return (GREATER, int(e.args[1].value)) if NOTATIONS[e.head].mirror else None
    return (LESS, e.params["axis"] or 0) if any(n.mirror == e.head for n in NOTATIONS.values()) else None


def _moved_by(c: str, k: int) -> str:
    """An index that is moved by `k`: ``i+1``, and of a column its number."""
    m = re.fullmatch(r"([^\W\d])([+-]\d+)?|(\d)", c) if k else None
    if k and (m is None or m[3] and not 0 <= int(c) + k < 10):
        raise NoEntries
    distance = k + int(m[2] or 0) if m else 0
    return c if m is None else str(int(c) + k) if m[3] else f"{m[1]}{distance:+d}" if distance else m[1]


def _check_axes(at: Sequence[Any], part: Shape, whole: Shape) -> None:
    """Raise if an axis that is cut has no index, which says so: ``dL/dxⱼ`` of dL/dx[:, :2]."""
    if any(not c and m != n for c, m, n in zip(at, part, whole, strict=True)):
        raise NoEntries


def _placed(e: Expr, at: At) -> Expr:
    """An entry of an array with zeros beside what was cut out of it; an axis of length 1 has its place by a number."""
    inner = e.of
    _check_axes(at, inner.shape, e.shape)
    starts = [*(p.indices(n)[0] for p, n in zip(_parts(e), e.shape, strict=False)), *[0] * len(at)]
    places = [(c, k, m == 1 != n) for c, k, m, n in zip(at, starts, inner.shape, e.shape, strict=False)]
    equal = [unsimplified(EQUAL, (name(c), number(k)), ()) for c, k, is_one in places if is_one]
    within = tuple("" if is_one else _moved_by(c, -k) for c, k, is_one in places)
    rest = tuple(size for c, size in zip(at, e.shape, strict=True) if not c and size != 1)
    terms = [(sign, _aligned(term, within)) for sign, term in terms_of(inner)]
    where = [equal or _inside(e, at, term) for _, term in terms]
    if len({tuple(f.key for f in here) for here in where}) == 1:
        return _where(where[0], [added(terms)], rest)
    return added([(sign, _where(here, [term], rest)) for (sign, term), here in zip(terms, where, strict=True)])


def _ends_at_step(e: Expr) -> bool:
    """Whether an index has slices only, of which some end at the number of the step, ``K[:t]``, and none begins there.
    """
    parts = _parts(e)
    slices = [p for p in parts if isinstance(p, slice) and p.step in (None, 1)]
    are_slices = len(slices) == len(parts) and all(repr(p.start) in ("None", "0") for p in slices)
    are_ends = are_slices and all(p.stop is None or isinstance(p.stop, Step | Place) for p in parts)
    return are_ends and parts != (slice(None),)


def _up_to_step(e: Expr, at: At) -> Expr | None:
    """An entry of zeros with an array in a slice that ends at the number of the step: ``1[i ≤ t] aᵢ``."""
    if not _ends_at_step(e) or "" in at[: len(_parts(e))]:
        return None
    rest = tuple(size for c, size in zip(at, e.shape, strict=True) if not c and size != 1)
    ends = [(name(c), p.stop) for c, p in zip(at, _parts(e), strict=False) if p.stop is not None]
    where = [
        unsimplified(LESS, (c, name(repr(Step(0, end.letter)))), ())
        if isinstance(end, Step) and end.distance == 1 and end.several == 1
        else unsimplified(STRICTLY_LESS, (c, name(repr(end))), ()) for c, end in ends
    ]  # fmt: skip
    return _where(where, factors_of(entry(e.of, at)), rest)


def _from_step(e: Expr, at: At) -> Expr | None:
    """An entry of zeros with a named array in a slice that begins at the number of the step: ``1[k ≥ t] aₜ[k-t]``."""
    first, *others = _parts(e)
    start = first.start if isinstance(first, slice) and first.step in (None, 1) and first.stop is None else None
    is_start = isinstance(start, Place) or isinstance(start, Step) and not start.back and start.several == 1
    sign, body = (-1, e.of.of) if e.of.role == "negation" else (1, e.of)
    arrays = [f for f in factors_of(body) if f.shape]
    if not is_start or others or not at[0] or [f.role for f in arrays] != ["name"] or len(arrays[0].shape) != len(at):
        return None
    [core] = arrays
    moved = np.zeros((), int).view(Labels)
    moved.word = f"{at[0]}{_minus(start)}" if isinstance(start, Step) else f"{at[0]}-{start!r}"
    row = unsimplified("getitem", (core,), core.shape[1:], index=moved, unique_indices=True)
    inside = entry(row, at[1:]) if any(at[1:]) else row
    rest = tuple(size for c, size in zip(at, e.shape, strict=True) if not c and size != 1)
    test = unsimplified(GREATER, (name(at[0]), name(repr(start))), ())
    whole = product((number(sign), *(inside if f is core else f for f in factors_of(body))), inside.shape)
    return _where([test], factors_of(whole), rest)


def _minus(step: Step) -> str:
    """Write a step as what is subtracted, ``-t-1`` of t + 1."""
    return f"-{step.letter}{-step.distance:+d}" if step.distance else f"-{step.letter}"


def added(terms: Sequence[tuple[int, Expr]]) -> Expr:
    """The sum of terms with their signs, as it stands."""
    (sign, whole), *others = terms
    whole = whole if sign > 0 else unsimplified("negative", (whole,), whole.shape)
    for sign, term in others:
        shape = np.broadcast_shapes(whole.shape, term.shape)
        whole = unsimplified("add" if sign > 0 else "subtract", (whole, term), shape)
    return whole


def _bounds(c: str, start: int, stop: int, size: int) -> list[Expr]:
    """The indicator of an index that is from `start` to `stop` of an axis; none for all of it."""
    k, first, end = name(c), number(start), number(stop)
    if start > 0 and stop < size:
        return [unsimplified(WITHIN, (first, k, end), ())]
    if stop < size:
        return [unsimplified(STRICTLY_LESS, (k, end), ())]
    return [unsimplified(GREATER, (k, first), ())] if start > 0 else []


def _inside(e: Expr, at: At, term: Expr) -> list[Expr]:
    """The condition that a term of what was placed in a slice is not 0, if no entry in it is beyond its ends elsewhere:
    ``1[i ≥ 2]`` of 1 - tanh(yᵢ)².
    """
    where, entries = list[Expr](), [k for part in walk(term) for k in part.params.get("at", ())]
    for c, p, n in zip(at, _parts(e), e.shape, strict=False):
        start, stop, _ = p.indices(n)
        moved = [(int(k[1:] or 0), size) for k, size in entries if k[:1] == c]
        low = start > 0 and all(start + k > 0 for k, _ in moved)
        high = stop < n and all(stop + k < size for k, size in moved)
        where += _bounds(c, start if low else 0, stop if high else n, n)
    return where


def _where(equal: Sequence[Expr], factors: Sequence[Expr], shape: Shape) -> Expr:
    """A product with indicators in it, which stand behind its numbers: ``2 1[k = 0] dL/dz``; no factor is 1."""
    if equal and len(factors) == 1 and factors[0].role == "quotient":
        above, below = factors[0].args
        return unsimplified("divide", (_where(equal, [above], shape), below), shape)
    parts = [f for factor in factors for f in factors_of(factor) if not (equal and f.is_number and f.value == 1)]
    return multiplied(sorted((*equal, *parts), key=lambda f: not f.is_number), shape)


def _adds_axes(part: Expr) -> bool:
    inner = part.of.shape if part.args else ()
    if _summed(part):
        return len(inner) > 2 or any(p.role == "name" and 0 < len(p.shape) < len(inner) for p in walk(part))
    if part.role == "norm" and len(inner) > 2 and _axes_of(part):
        return True
    if part.role in _TRIANGLES:  # of what a sum of one passes on
        return part.of.role == "broadcast"
    if part.role == "assignment":  # of zeros, at labels
        return any(isinstance(p, Labels) for p in _parts(part)) and part.args[1].is_number and not part.args[1].value
    is_new = part.role in _AXES and not is_diagonal(part) or _is_new(part)
    is_named = part.role == "placement" and any(isinstance(p, Labels | Step) for p in _parts(part))
    return part.role == "contraction" or _running(part) is not None or (bool(inner) or is_named) and is_new


def is_new(index: Any) -> bool:
    """Whether an index only adds axes."""
    return all(p is None or p is Ellipsis or isinstance(p, slice) and p == slice(None) for p in index_parts(index))


def _adds_one(part: Expr) -> bool:
    """Whether a reshape only adds or removes axes of length 1."""
    return differ_in_ones(part.of.shape, part.shape)


def _is_new(part: Expr) -> bool:
    return part.role == "index" and is_new(part.params["index"])


def _summed(part: Expr) -> Sequence[int]:
    """The axes of a sum along some."""
    return _axes_of(part) if part.role == "total" else ()


def _every_axis(part: Expr) -> Sequence[int]:
    """The axes of a sum of all entries, if they would have to be guessed, ``x[:, None] - x``, or the index counts."""
    is_added = not part.shape and any(_adds_axes(x) or _has_counting(x) for x in walk(part.of))
    return range(len(part.of.shape)) if is_added else ()


def _axes_of(part: Expr) -> Sequence[int]:
    axis = part.params.get("axis")
    return () if axis is None else [k % len(part.of.shape) for k in (axis if isinstance(axis, tuple) else (axis,))]


def _indices(parts: Sequence[Expr], shape: Shape) -> Iterator[At]:
    """The indices that the left side may have, the best first."""
    labels = [p.word for part in parts if "index" in part.params for p in _parts(part) if isinstance(p, Labels)]
    taken = {stem(word.partition("@")[0]) for word in labels}  # k of k1, and of k in step t
    free = [c for c in indices() if c not in taken]
    row, _, third, *_ = ("i", "j", "k") if is_counter("i") else indices()  # of rows, columns, and of what is looked up
    first = next(c for c in ("k" if row == "i" else third, *free) if c in free)
    single = _single(parts)
    for part in parts:
        if shape and part.role == "placement" and not is_diagonal(part) and not is_cut(part):
            for c in (*_counted(parts), first):
                yield from _at_labels(part, shape, c, [d for d in free if d not in (c, row)], single)
        elif len(shape) == 1 and _running(part):
            yield ("k",)
        elif part.role == "contraction" and part.shape == shape:
            yield _in_einsum(part)
        elif part.role == "reshape" and part.shape == shape and len(shape) < len(part.of.shape):
            yield _merged(part, free)
        elif axes := _summed(part):
            at = tuple(c for k, c in enumerate(free[: len(part.of.shape)]) if k not in axes)
            yield from [at] * (len(at) == len(shape))
    yield tuple(free[: len(shape)])


def _counted(parts: Sequence[Expr]) -> list[str]:
    """The variable of the user's loop, if all that is placed belongs to the rows that it counts."""
    steps = [p for part in parts if part.role == "placement" for p in _parts(part) if isinstance(p, Step)]
    return [p.letter for p in steps[:1]] if all(p.letter != "t" and not p.distance for p in steps) else []


def _at_labels(part: Expr, shape: Shape, first: str, others: Sequence[str], single: Set[int]) -> Iterator[At]:
    """The indices of an array that has something at positions; those of which one entry is placed are `single`."""
    yield first, *(c if k in single else "" for k, c in zip(range(1, len(shape)), others, strict=False))
    if single or any(p.role == "reshape" and not _adds_one(p) for p in walk(part)):
        yield first, *others[: len(shape) - 1]


def _single(parts: Sequence[Expr]) -> set[int]:
    """The axes of which one entry is placed."""
    placed = [[p for p in _parts(part) if p is not None] for part in parts if part.role == "placement"]
    return {k for index in placed for k, p in enumerate(index) if isinstance(p, int | np.integer | Step)}


def _in_einsum(e: Expr) -> At:
    """The indices of an einsum, in the order in which its terms have them if one of these is a gradient."""
    terms, result = e.params["subscripts"].split("->")
    first = terms if any("/" in word for word in e.of.names) else result
    order = "".join(dict.fromkeys(first + result + terms)).replace(",", "")
    letters = indices()
    return tuple(letters[order.index(c)] for c in result)


def _aligned(e: Expr, at: At) -> Expr:
    """The entry of a formula that is broadcast, or has axes of length 1 in front."""
    extra = len(e.shape) - len(at)
    if any(size != 1 for size in e.shape[: max(extra, 0)]):
        raise NoEntries
    return entry(e, (*[""] * extra, *at[max(-extra, 0) :]))


def _counts(e: Expr) -> bool:
    """True for the numbers 0, 1, 2, … along an axis, which are its index."""
    if e.role == "name":
        return COUNTING.fullmatch(e.value) is not None
    return e.value.dtype.kind in "iu" and np.array_equal(e.value.ravel(), np.arange(e.value.size))


def _seen(at: At, shape: Shape) -> str:
    """The indices that are written. An axis without one before them would be taken for that of the first."""
    letters = [c for c, size in zip(at, shape, strict=True) if size != 1]
    if any(letters) and "" in letters[: max(k for k, c in enumerate(letters) if c)]:
        raise NoEntries
    return ("," * any(map(_OF_WINDOW.search, letters))).join(letters)


_LEFT: ContextVar[At] = ContextVar("left", default=())  # the indices of the line, which no sum in it has


def _fresh(at: At, count: int) -> At:
    return tuple(c for c in indices() if c not in "".join((*at, *_LEFT.get())))[:count]


def _sum(letters: At, body: Expr) -> Expr:
    return unsimplified(SUM, (body,), body.shape, letters="".join(letters)) if letters else body


def entry(e: Expr, at: At) -> Expr:
    """The entry of `e` at an index."""
    inner = e.of if e.args else e
    if len(at) != len(e.shape):
        raise NoEntries
    if (of := _of_windows(e, at) or _of_convolution(e, at)) is not None:
        return of
    rest = tuple(size for c, size in zip(at, e.shape, strict=True) if not c and size != 1)
    match e.role:
        case "number":
            return e
        case "name" if UNIT.fullmatch(e.value) and "" not in at:
            return unsimplified(EQUAL, map(name, at), ())
        case "array" | "name" if len(c := _seen(at, e.shape)) == 1 and _counts(e):
            return name(c)
        case "name":
            seen = tuple((c, size) for c, size in zip(at, e.shape, strict=True) if size != 1)
            return replace(e, params={"letters": _seen(at, e.shape), "at": seen}, shape=rest)
        case "broadcast":
            return _aligned(inner, at)
        case "cast":
            return replace(e, args=(entry(inner, at),), shape=rest)
        case "reshape" | "index" if e.role == "reshape" or _is_new(e):
            return _of_reshape(e, at)
        case "transpose" | "matrix transpose" | "swap of axes" if len(e.shape) > 1:
            return entry(inner, turned_back(at, e.row, e.params))
        case "norm" | "total" if (of := _of_rows(e)) is not None:
            length = _of_norm(e, of, at, rest)
            return length if e.role == "norm" else unsimplified("square", (length,), rest)
        case "norm" if inner.role == "name" and _axes_of(e):
            return _of_norm(e, inner, at, rest)
        case "total" if axes := _summed(e) or _every_axis(e):
            return _of_total(e, axes, at)
        case "outer product":
            pair = entry(inner, at[:1]), entry(e.args[1], at[1:])
            return multiplied(pair, rest) if any(at) else replace(e, args=pair)
        case "contraction":
            return _of_einsum(e, at)
        case "stack" if (few := _of_few(e, at)) is not None:
            return few
        case "sum over steps":
            return _of_steps(e, at, rest)
        case _ if (which := _running(e)) is not None:
            (c,), (test, k) = _fresh(at, 1), which
            terms = entry(inner, (*at[:k], c, *at[k + 1 :]))
            return _sum((c,), multiplied((unsimplified(test, (name(c), name(at[k])), ()), *factors_of(terms)), ()))
        case _ if is_diagonal(e):
            return multiplied((unsimplified(EQUAL, map(name, at), ()), entry(inner, at[:1])), rest)
        case "lower triangle" | "upper triangle" if "" not in at[-2:] and e.shape == inner.shape:
            factors = [f for f in factors_of(entry(inner, at)) if not f.is_number or f.value != 1]
            return multiplied((_of_triangle(e, at[-2:]), *factors), rest)
        case "concatenation" if (joined := _of_joined(e, at, rest)) is not None:
            return joined
        case "placement":
            return _placed(e, at) if is_cut(e) else _up_to_step(e, at) or _from_step(e, at) or _looked_up(e, at)
        case "index" | "rotation" | "diagonal" if (moved := _moved(e, at)) is not None:
            return entry(*moved)
        case "assignment":
            return _of_assignment(e, at, rest)
        case "index" if (labelled := _at_label(e, at)) is not None:
            return replace(labelled, shape=rest)
    if e.args and (e.role == "product" or e.row.entrywise):
        return _of_entrywise(e, at, rest)
    below = _seen(at, e.shape)
    if not below:
        return e
    if any(map(_adds_axes, walk(e))):
        raise NoEntries
    form = Function(e.head, text=f"{{x1}}{subscript(below)}", tex=f"{{x1}}_{{{{{below}}}}}")
    return unsimplified(form, (e,), rest, entry=at)  # the key of one at i + 1 is another


def _windows(e: Expr) -> Array | None:
    """Positions without a name that are windows of an array, read or added up there; None for anything else."""
    e = e.of if e.role == "reshape" else e
    index = e.params.get("index") if e.role in ("index", "placement") else None
    is_it = isinstance(index, np.ndarray) and index.ndim > 1 and index.dtype.kind in "iu" and index.size > 0
    return index if is_it and not getattr(index, "word", "") else None


def has_windows(e: Expr) -> bool:
    """True if windows of an array are part of a formula."""
    return any(_windows(part) is not None for part in walk(e))


def _of_windows(e: Expr, at: At) -> Expr | None:
    """An entry of windows, xᵢ₊ⱼ; of their product with a vector, Σⱼ xᵢ₊ⱼ kⱼ; or of what is added where they are read,
    Σⱼ gₖ₋ⱼ,ⱼ.
    """
    if e.role == "matrix product" and has_windows(e):
        a, b = e.args
        new = _fresh(at, 1)
        rows = at[: len(a.shape) - 1]
        return _sum(new, multiplied((entry(a, (*rows, *new)), entry(b, (*new, *at[len(rows) :]))), ()))
    places = _windows(e)
    if places is None or e.role == "reshape" and e.of.role == "index":
        return None
    if e.role == "index":
        inner = e.of.of if e.of.role in ("reshape", "flattening") else e.of
        within, others = at[: places.ndim], at[places.ndim :]  # of windows of rows, and in each
        by_axis = _in_terms_of_axes(places, inner.shape[: len(inner.shape) - len(others)])
        return entry(inner, (*(_added_index(zip(of, within, strict=True), start) for start, of in by_axis), *others))
    inner = e.of.of if e.role == "reshape" else e.of
    by_axis = _in_terms_of_axes(places, e.shape[: len(e.shape) - max(len(inner.shape) - places.ndim, 0)])
    at, inside = at[: len(by_axis)], at[len(by_axis) :]
    if any(1 not in of or max(of) > 1 for _, of in by_axis):  # strides and dilations
        raise NoEntries
    moving, letters = [of.index(1) for _, of in by_axis], [*_fresh((*at, *inside), places.ndim)]
    for k, (c, (start, of)) in zip(moving, zip(at, by_axis, strict=True), strict=True):
        moves = "".join(f"-{d}" for j, (by, d) in enumerate(zip(of, letters, strict=True)) if by and j != k)
        if "" in (c, moves) or len({*moving}) < len(moving):
            raise NoEntries
        letters[k] = f"{c}{moves}{-start:+d}" if start else f"{c}{moves}"
    rest = tuple(c for k, c in enumerate(letters) if k not in moving)
    return _sum(rest, entry(inner, (*letters, *inside)))


def _of_convolution(e: Expr, at: At) -> Expr | None:
    """An entry of a convolution, ``Σⱼ xᵢ₋ⱼ₊₂ wⱼ``, as a sum over the shorter one."""
    if not is_convolution(e) or len(at) != 1 or not at[0]:
        return None
    mode, backward = _CONVOLUTIONS.get(e.head, (e.params.get("mode", "full"), (False, False)))
    args, backward, starts = zip(*map(_in_vector, e.args, backward), strict=True)
    (m, _), (n, _) = ends = sorted((a.shape[0], k) for k, a in enumerate(e.args))
    start = {"full": 0, "valid": m - 1, "same": (m - 1) // 2}[mode]
    [c] = _fresh(at, 1)
    (w, is_turned, first), (x, is_back, offset) = [(args[k], backward[k], starts[k]) for _, k in ends]
    start -= (m - 1) * is_turned  # w₂₋ⱼ is wⱼ, with j for 2 - j
    signs, by = ((-1, 1 - 2 * is_turned), n - 1 - start) if is_back else ((1, 2 * is_turned - 1), start)
    terms = sorted(zip(signs, (at[0], c), strict=True), key=lambda term: -term[0])
    word = "".join(f"{'+' if sign > 0 else '-'}{letter}" for sign, letter in terms).removeprefix("+")
    by -= offset
    moved = {w.key: entry(w, (_moved_by(c, -first),)), x.key: entry(x, (f"{word}{by:+d}" if by else word,))}
    return _sum((c,), multiplied([moved[a.key] for a in args], ()))


def _in_vector(e: Expr, is_back: bool) -> tuple[Expr, bool, int]:
    """A factor of a convolution without what reverses it, and without zeros around it: whether it is reversed, and its
    first position.
    """
    match index_parts(e.params.get("index")):
        case [slice(start=None, stop=None, step=-1)] if e.role == "index":
            return _in_vector(e.of, not is_back)
        case [slice(start=int(start), step=None | 1)] if e.role == "placement" and e.of.role == "name" and not is_back:
            return e.of, False, start
    return e, is_back, 0


#: The convolutions of gradients: how the ends are taken, and which factors are reversed.
_CONVOLUTIONS = {"full": ("full", (False, True)), "valid": ("valid", (False, True)), "kernel": ("valid", (True, False))}


def is_convolution(e: Expr) -> bool:
    """True for a convolution of two different vectors, also with one of them reversed."""
    return (e.role == "convolution" or e.head in _CONVOLUTIONS) and len({a.key for a in e.args}) == 2


_OF_WINDOW = re.compile("[+-][a-z]")


def _in_terms_of_axes(places: Array, shape: Shape) -> list[tuple[int, list[int]]]:
    """For each axis of an array the position where windows begin, and by how much each axis of the windows moves it."""
    first = places.flat[0]
    by = [int(np.take(places, 1, k).flat[0] - first) if n > 1 else 0 for k, n in enumerate(places.shape)]
    if min(by) < 0 or math.prod(shape) <= places.max():
        raise NoEntries
    starts, *moves = [np.unravel_index(k, shape) for k in (first, *by)]
    each = [(int(start), [int(of[k]) for of in moves]) for k, start in enumerate(starts)]
    grid = np.indices(places.shape)
    index = [start + sum(c * i for c, i in zip(of, grid, strict=True)) for start, of in each]
    is_it = all(np.max(i) < n for i, n in zip(index, shape, strict=True))
    if not is_it or not np.array_equal(np.ravel_multi_index(index, shape), places):
        raise NoEntries
    return each


def _added_index(terms: Iterable[tuple[int, str]], start: int) -> str:
    """``2i+j+1``, the larger steps first; an axis of length 1 has no letter."""
    known = sorted(((c, at) for c, at in terms if c), key=lambda term: (-term[0], term[1]))
    if any(len(at) != 1 or not at.isalpha() for _, at in known) or known[1:] and known[-1][0] > 1:
        raise NoEntries
    word = "+".join(f"{c if c > 1 else ''}{at}" for c, at in known)
    return (f"{word}{start:+d}" if start else word) if word else str(start)


def _of_few(e: Expr, at: At) -> Expr | None:
    """An entry of a vector that is mostly zeros: ``1[i = 1] a`` of [0, a, 0]."""
    here = [(number(k), x) for k, x in enumerate(e.args) if not is_zero(x)]
    if len(at) > 1 or 2 * len(here) > len(e.args) or len(here) == 1 < len(e.args) == 2:
        return None
    terms = ((k, -1 if is_negative(factors_of(x)[0]) or x.role == "negation" else 1, x) for k, x in here)
    each = ((k, sign, x if sign > 0 else product((number(-1), x), ())) for k, sign, x in terms)
    return added([(sign, _where([unsimplified(EQUAL, (name(at[0]), k), ())], [x], ())) for k, sign, x in each])


def _joins_repeated(e: Expr) -> bool:
    """True for rows of which several are equal, joined with others: of sums over parts of an array."""
    return e.role == "concatenation" and any(a.role == "broadcast" and a.of.shape for a in e.args)


def _of_joined(e: Expr, at: At, rest: Shape) -> Expr | None:
    """An entry of an array beside zeros, or of repeated rows that are joined: ``1[i < 2] aⱼ + 1[i ≥ 2] bⱼ``."""
    if (placed := _as_placed(e)) is not None or not _joins_repeated(e):
        return None if placed is None else _placed(placed, at)
    axis, terms = e.params["axis"], list[tuple[int, Expr]]()
    for a, start in zip(e.args, e.params["starts"], strict=False):  # and where the last one ends
        within = tuple(_moved_by(c, -start) if k == axis else c for k, c in enumerate(at))
        within = tuple("" if n == 1 else c for c, n in zip(within, a.shape, strict=True))
        bounds = _bounds(at[axis], start, start + a.shape[axis], e.shape[axis])
        terms += [(sign, _where(bounds, factors_of(_aligned(term, within)), rest)) for sign, term in terms_of(a)]
    return added(terms)


def _as_placed(e: Expr) -> Expr | None:
    """An array beside zeros as one that is placed in zeros."""
    of, starts = padded(e) or (e, ())
    if of is e or of.shape.count(1) != e.shape.count(1):
        return None
    index = tuple(slice(k, k + n) for k, n in zip(starts, of.shape, strict=True))
    return unsimplified("into_zeros", (of,), e.shape, index=index, shape=e.shape)


def _is_of_step(e: Expr) -> bool:
    """Whether something is placed in an array where the number of a step says."""
    return e.role == "placement" and any(isinstance(p, Step) for p in _parts(e))


def _at_label(e: Expr, at: At) -> Expr | None:
    """An entry of what is at labels: ``S[i, yᵢ]``, ``b[userᵢ]``."""
    if at[:1] == ("i",) and any(isinstance(p, Labels) and not p.word for p in _parts(e)):
        return e
    p = e.params["index"]
    if len(at) != 1 or type(p) is not Labels or p.ndim != 1 or not at[0] or not p.word.isidentifier():
        return None
    label = np.zeros((), int).view(Labels)
    label.word = f"{p.word}@{at[0]}"
    return replace(e, params={**e.params, "index": label})


def _moved(e: Expr, at: At) -> tuple[Expr, At] | None:
    """The array of which an entry of columns or slices of it, of it beside zeros or in rotation is one, and which."""
    inner = e.of
    if e.role == "diagonal":
        k, is_matrix = e.params.get("offset", 0), len(inner.shape) == 2 and "" not in at
        return (inner, (_moved_by(at[0], max(-k, 0)), _moved_by(at[0], max(k, 0)))) if is_matrix else None
    if e.role == "index" and all(map(_is_plain, parts := _parts(e))) and type(parts[0]) is not int:  # X[:, 0]
        free = iter(at)
        return inner, (*(str(p) if type(p) is int else next(free) for p in parts), *free)
    if e.role == "index" and _ends_at_step(e):
        return inner, at
    if e.role == "index" and is_cut(e):
        starts = [*(p.indices(n)[0] for p, n in zip(_parts(e), inner.shape, strict=False)), *[0] * len(at)]
        _check_axes([c or m == 1 for c, m in zip(at, e.shape, strict=True)], e.shape, inner.shape)
        axes = zip(at, starts, e.shape, inner.shape, strict=False)
        return inner, tuple(str(k) if m == 1 != n and k < 10 else _moved_by(c, k) for c, k, m, n in axes)
    if is_rotated(e) and not any(part.role in _MOVED for part in walk(inner)):
        [along], [shift] = e.params["axis"] or (0,), e.params["shift"]
        return inner, tuple(_moved_by(c, -shift * (k == along)) for k, c in enumerate(at))
    return None


def turned_back(at: Sequence[str], row: Primitive, params: Mapping[str, Any]) -> At:
    """The indices of an array, from those that its axes have after `row`, which puts them in another order."""
    sizes = range(2, 2 + len(at))  # all different
    after = row.fn(np.empty(sizes), **params).shape
    return tuple(at[after.index(size)] for size in sizes)


def _of_entrywise(e: Expr, at: At, rest: Shape) -> Expr:
    """An entry of what is computed entry by entry; a factor 1 is not written."""
    args = [_aligned(a, at) for a in e.args]
    if e.role in ("negation", "quotient") and args[0].role == "negation":  # its sign stands in front, or with that here
        positive = replace(e, args=(args[0].of, *args[1:]), shape=rest)
        return args[0].of if e.role == "negation" else unsimplified("negative", (positive,), rest)
    if e.role == "sum" and len(args) == 2 and args[0].role == "negation" and args[1].role != "negation":  # b - a
        return unsimplified("subtract", (args[1], args[0].of), rest)
    if e.role != "product":
        return replace(e, args=tuple(args), shape=rest)
    factors = [f for a in args for f in factors_of(a)]
    if any(a.role == "assignment" for a in e.args):
        return product(factors, rest)
    return multiplied([f for f in factors if not (f.is_number and f.value == 1)] or factors[:1], rest)


def _of_reshape(e: Expr, at: At) -> Expr:
    """An entry of what was laid out anew."""
    before, after = e.of.shape, e.shape
    kept = [c for c, size in zip(at, after, strict=True) if size != 1]
    if not differ_in_ones(after, before):
        kept = list(_regrouped(kept, after, before))
    inside = iter(kept)
    return entry(e.of, tuple("" if size == 1 else next(inside) for size in before))


def _is_plain(p: Any) -> bool:
    """Whether a part of an index is a digit or a whole axis."""
    return type(p) is int and 0 <= p < 10 or isinstance(p, slice) and p == slice(None)


def _of_triangle(e: Expr, at: At) -> Expr:
    """The indicator of a triangle: ``1[i < j]`` above the diagonal."""
    k = e.params.get("k", 0)
    low, high, k = (*at, k) if e.role == "upper triangle" else (*at[::-1], -k)
    if k not in (0, 1):
        raise NoEntries
    return unsimplified(STRICTLY_LESS if k else LESS, (name(low), name(high)), ())


def triangle(x: Array) -> Expr | None:
    """The indicator of a triangle of ones, ``1[j ≤ i]`` of ``np.tril(np.ones((n, n)))``; None for anything else."""
    i, j = name("i"), name("j")
    forms = ((np.tril, 0, LESS, (j, i)), (np.triu, 0, LESS, (i, j)), (np.tril, -1, STRICTLY_LESS, (j, i)),
             (np.triu, 1, STRICTLY_LESS, (i, j)))  # fmt: skip
    known = (unsimplified(test, at, ()) for f, k, test, at in forms if np.array_equal(x, f(np.ones(x.shape), k)))
    return next(known, None) if x.ndim == 2 and len({*x.shape}) == 1 else None


def _joined(old: Shape, new: Shape) -> Iterator[tuple[Shape, Shape]]:
    """The axes of two shapes of one array that belong together: of 3x4 and 3x2x2 these are 3, 3 and 4, 2x2."""
    rest, other = [[s for s in shape if s != 1] for shape in (old, new)]
    while rest and other:
        a, b = [rest.pop(0)], [other.pop(0)]
        while math.prod(a) != math.prod(b) and (rest if math.prod(a) < math.prod(b) else other):
            (a if math.prod(a) < math.prod(b) else b).append((rest if math.prod(a) < math.prod(b) else other).pop(0))
        yield tuple(a), tuple(b)


def _regrouped(letters: Sequence[str], old: Shape, new: Shape) -> Iterator[str]:
    """The indices before a reshape: ``(jk)`` for an axis that it has split into two, j and k for two that are one."""
    at, groups = iter(letters), [*_joined(old, new)]
    for before, after in groups:
        here = [next(at) for _ in before]
        inside = [*here[0].strip("()")] if len(before) == 1 else here
        if math.prod(before) != math.prod(after) or len(inside) != max(len(before), len(after)) or "" in here:
            raise NoEntries
        if len(groups) == 1:  # x as 2x3
            raise NoEntries
        if len(before) == len(after) == 1:
            yield here[0]
        elif len(after) == 1:
            yield f"({''.join(inside)})"
        elif len(before) == 1:
            yield from inside
        else:
            raise NoEntries


def _merged(part: Expr, free: Sequence[str]) -> At:
    """The indices of a reshape that makes one axis of several: i and (jk)."""
    letters, at = iter(free), list[str]()
    for before, after in _joined(part.of.shape, part.shape):
        here = [next(letters, "") for _ in max(before, after, key=len)]
        at += [f"({''.join(here)})"] if len(after) == 1 < len(before) else here[: len(after)]
    kept = iter(at)
    return tuple("" if size == 1 else next(kept, "") for size in part.shape)


def _of_total(e: Expr, axes: Collection[int], at: At) -> Expr:
    """An entry of a sum along some axes."""
    kept, new = iter(at), iter(letters := _fresh(at, len(axes)))
    index = []
    for k in range(len(e.of.shape)):
        index.append(next(new) if k in axes else next(kept))
        if k in axes and e.params.get("keepdims"):
            next(kept)
    of, sizes = e.of, [n for k, n in enumerate(e.of.shape) if k in axes]
    if 0 in axes and (mask := _mask(of)) is not None:
        sizes[0] = mask.size
        of = _where([_where_within(mask, index[0])], factors_of(entry(of.of, tuple(index))), ())
    else:
        of = entry(of, tuple(index))
    pairs = [*zip(letters, sizes, strict=True)]
    bounds = [bound for c, n in pairs for bound in _bound_of_sum(of, c, n)]
    here = tuple(c for c, n in pairs if n > 1 or subscript(c) in text(of))  # one column, rows[:, None], has no index
    return _sum(here, _where(bounds, factors_of(of), of.shape) if bounds else of)


def _bound_of_sum(of: Expr, c: str, n: int) -> list[Expr]:
    """The indicator that a sum has only the first `n` terms, if the arrays in them have more entries."""
    places = [(m[1], size) for part in walk(of) for k, size in part.params.get("at", ())
              if (m := re.fullmatch(rf"{c}([+-]\d+)?", k))]
    ends = [size - int(k or 0) for k, size in places]
    return _bounds(c, 0, n, n + 1) if ends and min(ends) > n else []


def _of_steps(e: Expr, at: At, rest: Shape) -> Expr:
    """An entry of a sum over steps, also of one of several terms of which some have a row of each."""
    inner = e.of
    if inner.role in ("sum", "difference") and any(map(_is_of_step, inner.args)):
        return replace(inner, args=tuple(entry(replace(e, args=(a,)), at) for a in inner.args), shape=rest)
    return _at_step(e, at, rest) if _is_of_step(inner) else _over_steps(e, entry(inner, at), rest)


def _over_steps(e: Expr, of: Expr, rest: Shape) -> Expr:
    """A sum over steps of one entry, with what all of them have in front: numbers, and ``1[k = 0]``."""
    if e.head[-1] in _LEFT.get():
        raise NoEntries
    factors = factors_of(of)
    front = [f for f in factors if f.is_number or f.head == EQUAL.name and f.args[1].is_number]
    front = front if len(front) < len(factors) else []
    inner = multiplied([f for f in factors if f not in front], rest)
    return multiplied((*front, replace(e, args=(inner,), shape=rest)), rest)


def _at_step(e: Expr, at: At, rest: Shape) -> Expr:
    """One row of a sum of rows, one for each step: ``dL/daₖ₊₁``, which has 1[k ≥ 1] or 1[k < 4] in front if the steps
    have no more rows; or ``Σₜ 1[k = t] dL/daₜ``.
    """
    row, *others = _parts(e.of)
    (of,) = e.of.args
    if len(at) == 2 and at[0] and row == slice(None) and len(others) == 1 and isinstance(others[0], Step):  # W[:, t]
        turned = replace(e.of, params={"index": others[0]}, shape=e.shape[::-1])
        return _at_step(replace(e, args=(turned,), shape=e.shape[::-1]), at[::-1], rest)
    if not isinstance(row, Step) or row.several > 1 or not at[0]:
        raise NoEntries
    rows = [row.at(t) for t in e.params["steps"]]
    if row.back or rows != [*range(rows[0], rows[-1] + 1)]:
        if others or any(at[1:]) or at[0] == row.letter:
            raise NoEntries
        is_here = unsimplified(EQUAL, (name(at[0]), name(repr(row))), ())
        return replace(e, args=(multiplied((is_here, entry(of, at[1:])), of.shape),), shape=of.shape)
    of, index = in_row(of, row, at[0]), [_in_row_index(p, row, at[0]) for p in others]
    steps = [(c, repr(p)) for c, p in zip(at[1:], index, strict=False) if isinstance(p, Step)]
    equal = [unsimplified(EQUAL, map(name, pair), ()) for pair in steps]
    if equal and (len(equal) < len(index) or of.shape):
        raise NoEntries
    inner = replace(e.of, args=(of,), params={"index": tuple(index)}, shape=e.shape[1:]) if others else of
    body = replaced(entry(of, ()) if equal else entry(inner, at[1:]), partial(_in_row_of, c=at[0]))
    return product((*equal, *_bounds(at[0], rows[0], rows[-1] + 1, e.shape[0]), body), rest)


def _in_row_of(e: Expr, c: str) -> Expr | None:
    """An entry at the index of a line, cₖ for ``c[k]``, as the gradient has it."""
    [at, *others] = index_parts(e.params["index"]) if e.role == "index" and e.of.role == "name" else [None]
    is_it = isinstance(at, Step) and not others and not e.shape and not at.back and at.letter == c
    return replace(e.of, params={"letters": repr(at), "at": ((repr(at), e.of.shape[0]),)}, shape=()) if is_it else None


def in_row(e: Expr, row: Step, c: str, renames: bool = True) -> Expr:
    """A formula for each step in terms of the row that it belongs to, which is called `c`; the values of the steps keep
    their numbers unless it `renames` them.
    """

    def made(part: Expr, args: tuple[Expr, ...]) -> Expr:
        if part.role == "name":
            t = number(row.distance) if row.back else name(c)
            t = simplified("subtract", (t, name(c) if row.back else number(row.distance)), ())
            return t if part.value == row.letter else replace(part, value=_word_in_row(part.value, row, c, renames))
        if "index" in part.params:
            index = tuple(_in_row_index(p, row, c, renames) for p in _parts(part))
            is_several = isinstance(part.params["index"], tuple)
            part = replace(part, params={**part.params, "index": index if is_several else index[0]})
        linear = _linear(part, row.letter) if part.role in ("sum", "difference") else None
        if linear is not None and linear[0]:  # t - 1, 2 t + 3, 4 - t
            k, d = linear
            k, d = (-k, d + k * row.distance) if row.back else (k, d - k * row.distance)
            times, constant = product((number(abs(k)), name(c)), ()), number(d)
            return simplified(*(("add", (times, constant)) if k > 0 else ("subtract", (constant, times))), ())
        return replace(part, args=args) if args else part

    return fold(e, made)


def _linear(e: Expr, t: str) -> tuple[Any, Any] | None:
    """Return k and d of ``k t + d``; None for another formula."""
    if e.role == "name" and e.value == t:
        return 1, 0
    if e.is_number:
        return 0, e.value
    if e.role == "product" and len(e.args) == 2 and e.of.is_number and e.args[1].value == t:
        return e.of.value, 0
    if e.role not in ("sum", "difference"):
        return None
    (a, b), sign = (_linear(x, t) for x in e.args), 1 if e.role == "sum" else -1
    return None if a is None or b is None else (a[0] + sign * b[0], a[1] + sign * b[1])


def _in_row_index(p: Any, row: Step, c: str, renames: bool = True) -> Any:
    if isinstance(p, Step):
        if p.letter.lstrip("0123456789") != row.letter:  # that of a sum inside
            return p
        if row.back:
            return Step(p.distance + (-row.distance if p.back else row.distance), c, not p.back)
        return Step(p.distance + (row.distance if p.back else -p.several * row.distance), c, p.back, p.several)
    if isinstance(p, Labels):
        label = p.copy()
        label.word = _word_in_row(p.word, row, c, renames)
        return label
    if isinstance(p, slice):
        return slice(*(_in_row_index(end, row, c, renames) for end in (p.start, p.stop, p.step)))
    return p.called(_word_in_row(p.word, row, c, renames)) if isinstance(p, Place) else p


def _word_in_row(word: str, row: Step, c: str, renames: bool) -> str:
    """A name, or labels, with the number of the step in terms of the row: ``y[k+1]``, ``k``, ``3-k``."""

    def moved(m: re.Match[str]) -> str:
        if not row.back and not m[1] and not m[2] and m.start() and word[m.start() - 1] == "-":  # k-t
            distance = int(m[3] or 0) + row.distance
            return f"{c}{distance:+d}" if distance else c
        if row.back and not m[1]:
            return repr(_in_row_index(Step(int(m[2] or m[3] or 0), row.letter, bool(m[2])), row, c))
        if m[2]:
            return f"{int(m[2]) + row.distance}-{c}"
        distance = -int(m[3] or 0) if row.back else int(m[3] or 0) - row.distance * (renames or not m[1])
        return f"{m[1] or ''}{c}{distance:+d}" if distance else f"{m[1] or ''}{c}"

    return re.sub(rf"(@)?(?:(\d+)-)?(?<!\w){row.letter}([+-]\d+)?(?![A-Za-z0-9_])", moved, word)


def _of_norm(e: Expr, of: Expr, at: At, rest: Shape) -> Expr:
    """An entry of a norm of `of` along some axes, such as ‖Kᵢ‖."""
    axes = _axes_of(e)
    kept = iter(c for k, c in enumerate(at) if not e.params.get("keepdims") or k not in axes)
    index = tuple("" if k in axes else next(kept) for k in range(len(of.shape)))
    if any(not c and size != 1 for k, (c, size) in enumerate(zip(index, of.shape, strict=True)) if k not in axes):
        raise NoEntries
    return unsimplified("power_norm", (entry(of, index),), rest, p=2, axis=None, keepdims=False)


def _of_assignment(e: Expr, at: At, rest: Shape) -> Expr:
    """An entry of an array with zeros assigned at labels, at a place, or in a slice."""
    parts, labels = _parts(e), any(isinstance(p, Labels) for p in _parts(e))
    places = () if labels else zip(at, parts, e.shape, strict=False)
    within = [(name(c), p, size) for c, p, size in places if not isinstance(p, slice) or p != slice(None)]
    equal, _, own = _chosen(e, at) if labels else ([], at, False)
    if len(equal) == 1 and (own or not any(isinstance(p, Labels) and p.ndim for p in parts)):
        outside = replace(equal[0], row=UNEQUAL, head="not_equal")
    elif len(within) == 1 and within[0][0].value:
        outside = _outside(*within[0])
    else:
        raise NoEntries
    return _where([outside], factors_of(entry(e.of, at)), rest)


def _outside(index: Expr, part: Any, size: int) -> Expr:
    """The indicator of an index that is not a place, or not in a slice."""
    if isinstance(part, int | np.integer):
        return unsimplified(UNEQUAL, (index, number(int(part) % size)), ())
    if not isinstance(part, slice) or part.step not in (None, 1):
        raise NoEntries
    start, stop, _ = part.indices(size)
    if not start:
        return unsimplified(GREATER, (index, number(stop)), ())
    if stop == size:
        return unsimplified(STRICTLY_LESS, (index, number(start)), ())
    return unsimplified(BESIDE, (index, number(start), index, number(stop)), ())


def _of_einsum(e: Expr, at: At) -> Expr:
    """An entry of an einsum: the sum that it stands for."""
    terms, result = e.params["subscripts"].split("->")
    sizes = {c: n for a, term in zip(e.args, terms.split(","), strict=True) for c, n in zip(term, a.shape, strict=True)}
    others = dict.fromkeys(c for c in terms.replace(",", "") if c not in result and sizes[c] != 1)
    meaning = dict.fromkeys(sizes, "") | dict(zip((*result, *others), (*at, *_fresh(at, len(others))), strict=True))
    pairs = [(a, tuple(meaning[c] for c in term)) for a, term in zip(e.args, terms.split(","), strict=True)]
    front = [a for a, of in pairs if not of and a.value != 1 and a.role != "quotient"] if others else []
    factors = [entry(a, of) for a, of in pairs if a not in front]
    below = [f.args[1] for f in factors if f.role == "quotient"]
    parts = [g for f in factors for g in factors_of(f.of if f.role == "quotient" else f)]
    parts = _with_squares([f for f in parts if not f.is_number or f.value != 1] or parts[:1])
    roots = {k: root for k, f in enumerate(parts) if f.is_number and (root := root_of(f.value))[1]}
    below += [number(math.sqrt(root)) for root, _ in roots.values()]  # x / √2, not 1/√2 x
    numerators = [f for k, f in enumerate(parts) if k not in roots]
    above = multiplied([f for f in numerators if not (f.is_number and f.value == 1)] or numerators[:1], ())
    sign, body = _signed(unsimplified("divide", (above, multiplied(below, ())), ()) if below else above)
    return added([(sign, multiplied([*front, _sum(tuple(meaning[c] for c in others), body)], ()))])


def _with_squares(factors: Sequence[Expr]) -> list[Expr]:
    """Factors with dᵢⱼₖ² for dᵢⱼₖ dᵢⱼₖ."""
    often = Counter(f.key for f in factors)
    pairs = {f.key: unsimplified("square", (f,), f.shape) for f in factors if often[f.key] == 2}
    return [*pairs.values(), *(f for f in factors if f.key not in pairs)]


def _signed(e: Expr) -> tuple[int, Expr]:
    """The sign of an entry, and the entry without it: also of a factor, ``-a b``."""
    sign, e = (-1, e.of) if e.role == "negation" else (1, e)
    above, *below = e.args if e.role == "quotient" else (e,)
    sign *= (-1) ** sum(f.role == "negation" for f in factors_of(above))
    above = multiplied([f.of if f.role == "negation" else f for f in factors_of(above)], above.shape)
    return sign, unsimplified("divide", (above, *below), e.shape) if below else above


def _parts(e: Expr) -> Sequence[Any]:
    return index_parts(e.params["index"])


def _looked_up(e: Expr, at: At) -> Expr:
    """An entry of an array that collects what was looked up in it: ``Σᵢ 1[wᵢ = k] dL/duᵢ``."""
    slices = [p for p in _parts(e) if isinstance(p, slice)]
    if any(isinstance(end, Place | Step) for p in slices for end in (p.start, p.stop)):
        raise NoEntries  # the entries of what is placed there have other indices
    equal, inside, own = _chosen(e, at)
    body = _aligned(e.of, inside)
    if len(equal) == 1 and not own:
        body = replaced(body, partial(_looked_up_again, _parts(e)[0], at[0]))
    outside = {c for c in at if c not in inside}
    if any(part.role == "indexed sum" and outside.intersection(part.params["letters"]) for part in walk(body)):
        raise NoEntries
    sign, body = _signed(body)
    above, *below = body.args if body.role == "quotient" else (body,)
    rest = [f for f in factors_of(above) if not (equal and f.is_number and f.value == 1)]
    numbers = [] if own or below else [f for f in rest if f.is_number]
    body = _where(equal, [f for f in rest if f not in numbers], ())
    body = unsimplified("divide", (body, *below), ()) if below else body
    body = body if own else _sum(tuple(c for c in inside if c and c not in at), body)
    body = multiplied([*numbers, *factors_of(body)], ())
    return added([(sign, body)])


def _looked_up_again(labels: Any, c: str, e: Expr) -> Expr | None:
    """An entry of the rows at the labels by which others are collected, P[w]ᵢ beside 1[wᵢ = k], as that of Pₖ."""
    at = e.params.get("entry", ())
    p = e.of.params.get("index") if at and e.of.role == "index" else None
    if not c or not isinstance(p, Labels) or p.ndim != 1 or not p.word or p.word != getattr(labels, "word", ""):
        return None
    with suppress(NoEntries):
        return entry(e.of.of, (c, *at[1:]))
    return None


def _at_rows(e: Expr, labels: Sequence[Labels]) -> str:
    """``[mask]``, with which all other labels end, ``y[mask]``, if a mask is among the labels, or different positions;
    or nothing.
    """
    masks = [p for p in labels if p.dtype == bool]
    is_one_number = e.of.role in ("broadcast", "number") or not e.of.shape or e.of.shape[:1] == (1,)
    if is_one_number and not masks and len(labels) > 1:
        masks = [p for p in labels[:1] if p.word and len({*p.flat}) == p.size > 1]
        masks = [p for p in masks if all(other.word.endswith(f"[{p.word}]") for other in labels[1:])]
    at_rows = "".join(f"[{p.word}]" for p in masks)
    is_readable = is_one_number and at_rows != "[]"
    is_readable &= all(p.word.endswith(at_rows) for p in labels if p is not masks[0]) if masks else True
    if masks and (len(masks) > 1 or masks[0].ndim > 1 or not is_readable):
        raise NoEntries
    return at_rows


def _where_equal(p: Labels, c: str, index: At, at_rows: str) -> list[Expr]:
    """The indicator of an index that is one of the positions: of those with a name, or on a diagonal."""
    label = entry(name(p.word.removesuffix(at_rows), p.shape), index) if p.word else name("".join(index))
    label = number(int(p.word)) if p.word.isdigit() else label
    return [unsimplified(EQUAL, (label, name(c)), ())] if p.word or index != (c,) else []


TESTS = {"==": EQUAL, "!=": UNEQUAL, "<": STRICTLY_LESS, "<=": LESS, ">=": GREATER}
_TEST = re.compile(rf"([^\W\d]\w*) ({'|'.join(TESTS)}) (\d+|[a-z](?:[+-]\d+)?)")  # groups == 1


def _mask(e: Expr) -> Labels | None:
    """The test by which rows were chosen, of ``x[groups == 1]``."""
    index = e.params["index"] if e.role in ("index", "placement") else None
    if not isinstance(index, Labels) or index.dtype != bool or index.ndim != 1:
        return None
    return index if _TEST.fullmatch(index.word) else None


def _where_within(p: Labels, c: str) -> Expr:
    """The indicator of an index that a mask chooses, or that is one of different positions."""
    if p.dtype == bool and (m := _TEST.fullmatch(p.word)):
        other = number(int(m[3])) if m[3].isdigit() else name(m[3])
        return unsimplified(TESTS[m[2]], (entry(name(m[1], p.shape), (c,)), other), ())
    if p.dtype == bool:
        word, values = p.indicator
        return unsimplified("where", (entry(name(word, p.shape), (c,)), *map(number, values)), ())
    return unsimplified(IN, (name(c), name(p.word, p.shape)), ())


def _chosen(e: Expr, at: At) -> tuple[list[Expr], At, bool]:
    """The condition that the index `at` of an array is one of those at positions with names, which are equal to it;
    with the index in what was looked up, and whether the positions along an axis are all of it in order.
    """
    cut = _parts(e)
    parts = [*cut, *[slice(None)] * (len(at) - sum(p is not None for p in cut))]
    labels = [p for p in parts if isinstance(p, Labels)]
    at_rows = _at_rows(e, labels)
    axes = iter(zip(at, e.shape, strict=True))
    along = [(p, *(("", 1) if p is None else next(axes, ("", 1)))) for p in parts]
    own = [c for p, c, _ in along if isinstance(p, Labels) and not p.word]  # of np.arange(n)
    letters = tuple(own[:1]) or _fresh(at, max((p.ndim for p in labels), default=0))
    equal = []
    inside: list[str] = []
    for p, c, size in along:
        if isinstance(p, int | np.integer) and c:
            equal.append(unsimplified(EQUAL, (name(c), number(int(p) % size)), ()))
        elif isinstance(p, Labels) and (p.dtype == bool or at_rows == f"[{p.word}]"):
            own, inside = [c], [*inside, c]
            equal.append(_where_within(p, c))
        elif isinstance(p, Labels):
            inside += letters if p is labels[0] else ()
            index = tuple(own[:1]) if at_rows else letters[len(letters) - p.ndim :]
            equal += _where_equal(p, c, index, at_rows)
        elif p is None or isinstance(p, slice) and p == slice(None):
            inside.append(c)
        else:
            raise NoEntries
    if not labels and not equal or "" in (c for p, c, _ in along if isinstance(p, Labels)):
        raise NoEntries
    return equal, tuple(inside), bool(own)
