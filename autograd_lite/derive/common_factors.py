"""One sum in a line instead of several that share a factor, ``Σⱼ gᵢⱼ (aⱼ - bⱼ)``, and in front what all terms share.

This is about the written line alone: formulas that are compared and computed stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from .collect import is_call
from .entries import EQUAL, LESS, added
from .formula import Expr, Function, factors_of, multiplied, number, terms_of, unsimplified, walk
from .simplify import product

SUMS = ("indexed sum", "sum over steps")


@dataclass(frozen=True)
class _Term:
    """A term with its sign: factors over others. With `sums`, the outermost first, these are around the factors above,
    and `front` stands before them.
    """

    sign: int
    whole: Expr
    above: Sequence[Expr]
    below: Sequence[Expr]
    sums: Sequence[Expr] = ()
    front: Sequence[Expr] = ()

    @property
    def key(self) -> Any:
        """Equal for sums that may be one."""
        over = ((e.head, repr(e.params)) for e in self.sums)
        return (*(f.key for f in self.front), *over) if self.sums else self.whole.key


def with_one_sum(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with one sum over the same indices, steps or entries, for :func:`fold`: `args` are its operands so."""
    e = replace(e, args=tuple(args)) if args else e
    terms = [_read(sign, of) for sign, of in terms_of(e)] if e.role in ("sum", "difference") else []
    groups = dict[Any, list[_Term]]()
    for term in terms:
        groups.setdefault(term.key, []).append(term)
    joined = [pair for of in groups.values() for pair in _as_one(of) or [(term.sign, term.whole) for term in of]]
    return added(joined) if len(joined) < len(terms) else e


MOST = 8  # terms of a sum that is looked at for what two of them share


def is_short_sum(e: Expr) -> bool:
    """True for a sum of few terms; a longer one, such as that of a loop, would be read anew for each of its terms."""
    is_sum, k = e.role in ("sum", "difference"), 0
    while e.role in ("sum", "difference") and k < MOST:
        e, k = e.of, k + 1
    return is_sum and k < MOST


def with_terms_opened(e: Expr, args: Sequence[Expr]) -> Expr:
    """A sum ``g - h - J @ m`` for ``g - (h + J @ m)``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    is_nested = e.role in ("sum", "difference") and is_short_sum(e) and e.args[1].role in ("sum", "difference")
    return added(terms_of(e)) if is_nested else e


def with_rows_listed(e: Expr) -> Expr:
    """An array ``[A, B]`` for a sum of A in the first of its matrices and B in the second, of ``W[0]`` and ``W[1]``."""
    rows = dict[int, Expr]()
    for sign, of in terms_of(e) if len(e.shape) > 2 and is_short_sum(e) else ():
        at = of.of if of.role == "sum over steps" else of
        k = at.params.get("index") if at.role == "placement" else None
        if type(k) is not int or k in rows:
            return e
        row = replace(of, args=(at.of,), shape=at.of.shape) if at is not of else at.of
        rows[k] = row if sign > 0 else multiplied((number(-1), row), row.shape)
    is_all = len(rows) > 1 and len(rows) == e.shape[0]
    return unsimplified("stack", [rows[k] for k in sorted(rows)], e.shape, axis=0) if is_all else e


def with_one_weight(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with one weight for each array, ``p - (1 - λ) Y`` and not ``λ Y + p - Y``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    groups = dict[str, list[tuple[int, Expr, list[Expr]]]]()
    for sign, of in terms_of(e) if e.shape and is_short_sum(e) else ():
        arrays = [f for f in factors_of(of) if f.shape] or [of]
        if len(arrays) != 1 or arrays[0].shape and arrays[0].role not in ("name", "softmax"):
            return e
        rest = [f for f in factors_of(of) if not f.shape and arrays != [of]]
        groups.setdefault(arrays[0].key, []).append((sign, arrays[0], rest))
    if not any(len(group) > 1 for group in groups.values()) or len(groups) < 2:
        return e
    terms = list[tuple[int, Expr]]()
    for group in groups.values():
        group = sorted(group, key=lambda part: len(part[2]))
        first, x, _ = group[0]
        weight = added([(sign * first, _times(factors)) for sign, _, factors in group])
        is_one = weight.is_number and weight.value == 1
        terms.append((first, x if is_one else multiplied((*factors_of(weight), x), x.shape)))
    return added(sorted(terms, key=lambda term: (term[0] < 0, len(factors_of(term[1])))))


def with_pairs(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``T (q - p) + s - Y`` for ``T q + s - T p - Y``, for :func:`fold`: predictions minus targets."""
    e = replace(e, args=tuple(args)) if args else e
    pairs = dict[Any, list[_Term]]()
    for term in [_fraction(sign, of) for sign, of in terms_of(e)] if e.shape and is_short_sum(e) else ():
        arrays = [f for f in term.above if f.shape]
        if len(arrays) != 1 or arrays[0].role not in ("name", "softmax") or any(f.shape for f in term.below):
            return e
        weight = frozenset(f.key for f in term.above if not f.shape), frozenset(f.key for f in term.below)
        pairs.setdefault(weight, []).append(term)
    if len(pairs) < 2 or any(sorted(term.sign for term in pair) != [-1, 1] for pair in pairs.values()):
        return e
    return added([_one_of(pair, *map(set, weight)) for weight, pair in pairs.items()])


def with_like_terms(e: Expr, args: Sequence[Expr]) -> Expr:
    """A sum with 2 c for ``3 c - c``, and with ``u (1 - u)`` for ``u - u²`` of a function u, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    groups = dict[Any, list[tuple[float, Expr, list[Expr]]]]()
    for sign, of in terms_of(e) if is_short_sum(e) else ():
        numbers = [float(f.value) for f in factors_of(of) if f.is_number and isinstance(f.value, int | float)]
        rest = [f for f in factors_of(of) if not f.is_number or not isinstance(f.value, int | float)]
        key = (*sorted(f.key for f in rest),) if rest else len(groups)
        groups.setdefault(key, []).append((sign * math.prod(numbers), of, rest))
    if any(len(group) > 1 for group in groups.values()):
        sums = [(sum(c for c, _, _ in group), group[0]) for group in groups.values()]
        kept = [(c, of if abs(c) == abs(own) else _times([number(abs(c)), *rest])) for c, (own, of, rest) in sums if c]
        e = added([(1 if c > 0 else -1, of) for c, of in kept]) if kept else e
    return _with_complements(e)


def with_one_power(e: Expr, args: Sequence[Expr]) -> Expr:
    """A product with zᵏ for ``zᵏ⁻¹ z``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    factors = [*factors_of(e)] if e.role == "product" else []
    for f in (f for f in factors if f.role == "power"):
        base, k = f.args
        same = next((g for g in factors if g.key == base.key), None)
        if same is not None and k.role == "difference" and k.args[1].is_number and k.args[1].value == 1:
            whole = unsimplified("power", (base, k.of), f.shape)
            return multiplied([whole if g is f else g for g in factors if g is not same], e.shape)
    return e


def _with_complements(e: Expr) -> Expr:
    """A sum with ``u (1 - u)`` for ``u - u²``, for two functions u."""
    terms = terms_of(e) if is_short_sum(e) else []
    calls = {of.key: sign for sign, of in terms if is_call(of)}
    squares = {of.of.key: (sign, of) for sign, of in terms if of.role == "square" and is_call(of.of)}
    if len(terms) != 2 * len(calls) or len(calls) < 2 or calls.keys() != squares.keys():
        return e
    if any(sign == squares[key][0] for key, sign in calls.items()):
        return e
    pairs = [(sign, multiplied((of, added([(1, number(1)), (-1, of)])), of.shape)) for sign, of in terms if is_call(of)]
    return added(sorted(pairs, key=lambda pair: -pair[0]))


def with_two_pairs(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``A (p - y) + β (f - p h)`` for ``β f + A p - y A - β p h``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    first, *others = [_fraction(sign, of) for sign, of in terms_of(e)]
    for k in range(3 if len(others) == 3 and is_short_sum(e) else 0):
        pairs = [first, others[k]], [term for term in others if term is not others[k]]
        above = [{f.key for f in pair[0].above if not f.is_number} & _shared(pair, "above") for pair in pairs]
        is_pair = all({term.sign for term in pair} == {1, -1} for pair in pairs) and all(above)
        if is_pair and all(_but_for(of, term.above) for pair, of in zip(pairs, above, strict=True) for term in pair):
            both = zip(pairs, above, strict=True)
            return added([_one_of(pair, of, _shared(pair, "below")) for pair, of in both])
    return e


def with_terms_joined(e: Expr, args: Sequence[Expr]) -> Expr:
    """A sum of several terms with ``β π (log π + 1)`` for ``β π log π + β π``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    terms = terms_of(e) if is_short_sum(e) else []
    for k, (sign, of) in enumerate(terms if len(terms) > 2 else []):
        shared = {f.key for f in factors_of(of)}
        for j, (other, whole) in enumerate(terms):
            rest = [f for f in factors_of(whole) if f.key not in shared]
            is_part = j != k and len(factors_of(whole)) == len(shared) + len(rest) and len(shared) + len(rest) > 2
            if is_part and rest and not of.is_number:
                parts = [(1, _times(rest)), (1, number(1))] if sign == other else [(1, number(1)), (-1, _times(rest))]
                inner = added(parts)
                joined = multiplied((*factors_of(of), inner), np.broadcast_shapes(of.shape, inner.shape))
                return added([(sign, joined) if i == j else term for i, term in enumerate(terms) if i != k])
    return e


def with_groups(e: Expr, args: Sequence[Expr]) -> Expr:
    """A sum of derivatives of numbers that fall into groups with one factor, ``r (dL/da - dL/db) + s (dL/dc + dL/dd)``,
    as these, for :func:`fold`.
    """
    e = replace(e, args=tuple(args)) if args else e
    groups = dict[Any, tuple[list[Expr], list[tuple[int, Expr]]]]()
    for sign, of in terms_of(e) if not e.shape and is_short_sum(e) else ():
        factors = factors_of(of)
        inside = [f for f in factors if any("/" in w for w in f.names)]
        rest = [f for f in factors if f not in inside]
        if len(inside) != 1 or not rest or rest[0].is_number or any(part.shape for part in factors):
            return e
        several = [(sign * s, x) for s, x in terms_of(inside[0])]
        groups.setdefault(tuple(f.key for f in rest), (rest, []))[1].extend(several)
    if len(groups) < 2 or any(len(several) < 2 for _, several in groups.values()) or len(terms_of(e)) == len(groups):
        return e
    return added([(1, multiplied((*rest, added(several)), ())) for rest, several in groups.values()])


def with_one_rest(e: Expr, args: Sequence[Expr]) -> Expr:
    """A sum with ``(dL/da + dL/db) · h cos(x)`` for ``dL/da · h cos(x) + dL/db · h cos(x)``, and with
    ``h (Σₜ a + Σₜ b)`` for ``h Σₜ a + h Σₜ b``, for :func:`fold`.
    """
    e = replace(e, args=tuple(args)) if args else e
    groups = dict[Any, list[_Term]]()
    for term in [_fraction(sign, of) for sign, of in terms_of(e)] if not e.shape and is_short_sum(e) else ():
        inside = [f for f in term.above if any("/" in w for w in f.names)]
        rest = [f.key for f in term.above if f not in inside and not f.is_number]
        is_sum = len(inside) == 1 and inside[0].role in SUMS
        is_long = len(inside) == 1 and len(rest) > 1 - is_sum
        key = (is_sum, *(f.key for f in term.above if f not in inside), "/", *(f.key for f in term.below))
        groups.setdefault(key if is_long else len(groups), []).append(term)
    if all(len(group) < 2 for group in groups.values()):
        return e
    pairs = ((group, group[0], _shared(group, "above"), _shared(group, "below")) for group in groups.values())
    return added([_one_of(of, *both) if of[1:] else (first.sign, first.whole) for of, first, *both in pairs])


def with_one_total(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``(1 - k) Σ g`` for ``Σ g - k Σ g``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    terms = terms_of(e) if not e.shape and is_short_sum(e) else []
    sums = [[f for f in factors_of(of) if f.role == "total"] for _, of in terms]
    if len(terms) < 2 or any(len(several) != 1 for several in sums) or len({f.key for [f] in sums}) > 1:
        return e
    rest = [(sign, _times([f for f in factors_of(of) if f.role != "total"])) for sign, of in terms]
    return multiplied((added(rest), sums[0][0]), ())


def with_differences_turned(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``g + 2 (f - y)`` for ``g - 2 (y - f)``, as it is written alone, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    terms = terms_of(e) if is_short_sum(e) else []
    turned = [_turned(of) if sign < 0 else None for sign, of in terms]
    pairs = [term if new is None else (1, new) for new, term in zip(turned, terms, strict=True)]
    return added(pairs) if any(new is not None for new in turned) else e


def _turned(e: Expr) -> Expr | None:
    """``2 (f - y)`` for ``2 (y - f)``; None for anything else, as where y is a number."""
    factors = factors_of(e)
    several = [k for k, f in enumerate(factors) if f.role == "difference" and not any(a.is_number for a in f.args)]
    if several != [1] or len(factors) != 2 or not factors[0].is_number:
        return None
    return multiplied((factors[0], replace(factors[1], args=factors[1].args[::-1])), e.shape)


def with_number_in_front(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``½ Σᵢ gᵢ xᵢ`` for ``Σᵢ ½ gᵢ xᵢ``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    if e.role == "product" and any(f.role == "product" and f.of.is_number for f in e.args):  # x (2 Σ y)
        every = [part for f in e.args for part in factors_of(f)]
        return multiplied(sorted(every, key=lambda f: not f.is_number), e.shape)
    values = [float(f.value) for f in factors_of(e) if f.is_number and isinstance(f.value, int | float)]
    if len(values) > 1:  # 2 · ½
        whole = float(math.prod(values))
        others = [f for f in factors_of(e) if not f.is_number or not isinstance(f.value, int | float)]
        first = [] if whole == 1 and others else [number(int(whole) if whole.is_integer() else whole)]
        return multiplied((*first, *others), e.shape)
    factors = factors_of(e.of) if e.role in (*SUMS, "total") else []
    numbers, rest = ([f for f in factors if f.is_number == is_it] for is_it in (True, False))
    return multiplied((*numbers, replace(e, args=(_times(rest),))), e.shape) if numbers and rest else e


def number_before(e: Expr) -> Expr:
    """A product of matrices with the numbers and signs of its factors in front: -½ (y @ w) for ``(-½ y) @ w``."""
    if e.role not in ("matrix product", "dot product"):
        return e
    turned = [f.role == "negation" for f in e.args]
    if any(turned):
        rest = [f.of if is_it else f for f, is_it in zip(e.args, turned, strict=True)]
        inner = number_before(replace(e, args=tuple(rest)))
        return inner if sum(turned) == 2 else product((number(-1), inner), e.shape)
    scaled = [f.role == "product" and f.of.is_number for f in e.args]
    numbers = [f.of for f, is_one in zip(e.args, scaled, strict=True) if is_one]
    rest = [_times(f.args[1:]) if is_one else f for f, is_one in zip(e.args, scaled, strict=True)]
    return multiplied((*numbers, replace(e, args=tuple(rest))), e.shape) if numbers else e


def with_factors_in_front(e: Expr) -> Expr:
    """A formula with indices, with the derivatives or the denominator that all its terms share in front of a sum."""
    terms = [_fraction(sign, of) for sign, of in terms_of(e)] if e.role in ("sum", "difference") else []
    above, below = (_shared(terms, part) for part in ("above", "below"))
    derivatives = [f for term in terms[:1] for f in term.above if f.key in above and any("/" in w for w in f.names)]
    return added([_one_of(terms, above, below)]) if below or derivatives else e


def with_one_denominator(e: Expr) -> Expr:
    """A sum ``(a - b) / c`` for ``a / c - b / c``, if its terms have no other denominators."""
    terms = terms_of(e) if e.role in ("sum", "difference") else []
    if not terms or any(of.role != "quotient" or of.shape != e.shape for _, of in terms):
        return e
    below = terms[0][1].args[1]
    if any(of.args[1].key != below.key for _, of in terms):
        return e
    above = added([(sign, of.of) for sign, of in terms])
    is_short = sum(not part.args for part in walk(above)) < MOST - 2
    return unsimplified("divide", (above, below), e.shape) if is_short else e


def with_denominators_once(e: Expr) -> Expr:
    """A sum ``a + (b - c) / n`` for ``a + b / n - c / n``, where terms that follow each other have one denominator."""
    terms = terms_of(e) if is_short_sum(e) else []
    runs = [[*run] for _, run in groupby(terms, lambda t: t[1].args[1].key if t[1].role == "quotient" else "")]
    if len(runs) in (0, 1, len(terms)):
        return e
    whole = [with_one_denominator(added([(sign * run[0][0], of) for sign, of in run])) for run in runs]
    pairs = zip(runs, whole, strict=True)
    return added([term for run, e in pairs for term in ([(run[0][0], e)] if e.role == "quotient" else run)])


def with_one_denominator_inside(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``Σₜ (a + b) / c`` for ``Σₜ (a / c + b / c)``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    return replace(e, args=(with_one_denominator(e.of),)) if e.role in SUMS else e


def with_one_range(e: Expr, args: Sequence[Expr]) -> Expr:
    """A formula with ``1[j ≤ 1]`` for ``1[j = 1] + 1[j = 0]``, for :func:`fold`."""
    e = replace(e, args=tuple(args)) if args else e
    terms = terms_of(e) if is_short_sum(e) else []
    tests = [x for sign, x in terms if sign > 0 and x.row is EQUAL and x.args[1].is_number]
    places = sorted(x.args[1].value for x in tests)
    if len(terms) < 2 or places != [*range(len(terms))] or len({x.of.key for x in tests}) > 1:
        return e
    return unsimplified(LESS, (tests[0].of, number(places[-1])), e.shape)


def _read(sign: int, e: Expr) -> _Term:
    """A term with the sums in it."""
    above, *below = e.args if e.role == "quotient" else (e,)
    *front, last = factors_of(above)
    sums = list[Expr]()
    while last.role in SUMS or last.role == "total" and not last.shape and last.of.shape:
        sums.append(last)
        last = last.of
    return _Term(sign, e, factors_of(last), below, sums, front)


def _fraction(sign: int, e: Expr) -> _Term:
    """A term as all its factors over others: ``(g / s) y`` is g y over s."""
    above, below, waiting = list[Expr](), list[Expr](), [(e, True)]
    while waiting:
        part, is_above = waiting.pop()
        if part.role == "quotient":
            waiting += [(part.args[1], not is_above), (part.of, is_above)]
        elif part.role == "product":
            waiting += [(f, is_above) for f in reversed(part.args)]
        else:
            (above if is_above else below).append(part)
    return _Term(sign, e, above, below)


def _shared(terms: Sequence[_Term], part: str) -> Set[str]:
    """The keys of the factors that all terms have above, or below."""
    each = [{f.key for f in getattr(term, part)} for term in terms]
    return set[str]().union(*each[:1]).intersection(*each[1:]) if len(each) > 1 else set()


def _as_one(group: Sequence[_Term]) -> list[tuple[int, Expr]]:
    """Sums as one; nothing if they share no factor, or are over those of some indices, 1[i = k]."""
    above, below = (_shared(group, part) for part in ("above", "below"))
    is_one_array = len({term.whole.names for term in group}) == 1
    rest = [f for term in group for f in term.above if f.key not in above]
    if len(group) < 2 or not group[0].sums or not above and not is_one_array:
        return []
    if any(isinstance(f.row, Function) and not f.shape or f.role == "selection" for f in rest):
        return []
    if any(f.shape for term in group for f in term.below):
        return []
    return [_one_of(group, above, below)]


def _one_of(terms: Sequence[_Term], above: Set[str], below: Set[str]) -> tuple[int, Expr]:
    """The sum of terms as one, with its sign, where they share these factors above and below."""
    first, *_ = every = sorted(terms, key=lambda term: term.sign < 0)
    inner = added([
        (term.sign * first.sign, _over(_but_for(above, term.above), _but_for(below, term.below))) for term in every
    ])  # fmt: skip
    k = next((k for k, f in enumerate(first.above) if f.key not in above), len(first.above))
    top = _times([*first.above[:k], inner, *(f for f in first.above[k:] if f.key in above)])
    for around in reversed(first.sums):
        top = replace(around, args=(top,))
    return first.sign, _over([*first.front, top], [f for f in first.below if f.key in below])


def _but_for(keys: Set[str], factors: Sequence[Expr]) -> list[Expr]:
    return [f for f in factors if f.key not in keys]


def _times(factors: Sequence[Expr]) -> Expr:
    return multiplied(factors or [number(1)], np.broadcast_shapes(*(f.shape for f in factors)))


def _over(above: Sequence[Expr], below: Sequence[Expr]) -> Expr:
    top, under = _times(above), _times(below)
    return unsimplified("divide", (top, under), np.broadcast_shapes(top.shape, under.shape)) if below else top
