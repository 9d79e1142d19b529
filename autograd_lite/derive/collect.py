"""A gradient in closed form, multiplied out and collected: ``P ⊙ (1 - P) ⊙ (…)`` is ``(P - t) / n``.

Entry by entry a formula is a rational function of its names. Each product of sums is multiplied out, equal factors
above and below are cancelled, and like terms are added. So the gradient of a loss after a sigmoid or a softmax becomes
the short form found in textbooks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .factors import total
from .formula import Expr, Shape, fold, number, walk
from .formula_ops import evaluate
from .simplify import product, simplified

TERMS = 60  # of an intermediate result; a formula that needs more has no short form


@dataclass(frozen=True)
class Term:
    """A number times powers of factors, by their keys."""

    coefficient: Any
    factors: Mapping[str, tuple[Expr, int]]


def collected(e: Expr, env: Mapping[str, Any]) -> tuple[Expr, list[Expr]] | None:
    """`e`, multiplied out and collected, and the sums that were used to be 1; None where that would be long.

    A sum along an axis is 1 if it is so in `env`, as of the rows of one-hot labels.
    """
    reader = _Reader(env)
    try:
        return _written(reader.terms(e), e.shape), list(reader.ones.values())
    except _NoShortForm:
        return None


class _NoShortForm(Exception):
    """It has more than `TERMS` terms, or a sum of what is the same along its axis."""


class _Reader:
    def __init__(self, env: Mapping[str, Any]) -> None:
        self.env = env
        self.ones: dict[str, Expr] = {}

    def terms(self, e: Expr) -> list[Term]:
        merged: dict[frozenset[tuple[str, int]], Term] = {}
        for term in self._multiplied(1, self._factors(e, 1)):
            key = frozenset((k, power) for k, (_, power) in term.factors.items())
            so_far = merged[key].coefficient if key in merged else 0
            merged[key] = replace(term, coefficient=so_far + term.coefficient)
        return [t for t in merged.values() if t.coefficient]

    def _factors(self, e: Expr, power: int) -> list[tuple[Expr, int]]:
        """What `e` to a power is a product of."""
        match e.role:
            case "product":
                return [f for a in e.args for f in self._factors(a, power)]
            case "quotient":
                return self._factors(e.args[0], power) + self._factors(e.args[1], -power)
            case "negation":
                return [(number(-1), power), *self._factors(e.args[0], power)]
            case "square":
                return self._factors(e.args[0], 2 * power)
            case "total" if e.params.get("axis") is not None and power > 0:
                summed = self._summed(e)
                return [(summed, power)] if summed.role == "total" else self._factors(summed, power)
        return [(e, power)]

    def _multiplied(self, coefficient: Any, factors: Iterable[tuple[Expr, int]]) -> list[Term]:
        merged: dict[str, tuple[Expr, int]] = {}
        for f, power in factors:
            if f.is_number:
                coefficient *= (float(f.value) if power < 0 else f.value) ** power
            else:
                merged[f.key] = f, power + merged.get(f.key, (f, 0))[1]
        merged = {k: (f, power) for k, (f, power) in merged.items() if power}
        sums = [(f, power) for f, power in merged.values() if f.role in ("sum", "difference") and power > 0]
        if not sums:
            return [Term(coefficient, merged)]
        chosen, power = next((s for s in sums if any(part.role == "quotient" for part in walk(s[0]))), sums[0])
        rest = [v for k, v in merged.items() if k != chosen.key]
        if power > 1:
            rest.append((chosen, power - 1))
        a, b = chosen.args
        sign = -1 if chosen.role == "difference" else 1
        out = self._multiplied(coefficient, [*self._factors(a, 1), *rest])
        out += self._multiplied(sign * coefficient, [*self._factors(b, 1), *rest])
        if len(out) > TERMS:
            raise _NoShortForm
        return out

    def _summed(self, e: Expr) -> Expr:
        """A sum along an axis, with what is the same in all its terms in front."""
        terms = []
        for term in self.terms(e.args[0]):
            outside = {k: v for k, v in term.factors.items() if v[0].shape == ()}
            inside = {k: v for k, v in term.factors.items() if k not in outside}
            if inside and np.broadcast_shapes(*(f.shape for f, _ in inside.values())) != e.args[0].shape:
                raise _NoShortForm  # its terms are fewer than those of the sum
            body = _one(Term(1, inside), e.args[0].shape)
            count = math.prod(e.args[0].shape) // max(math.prod(e.shape), 1)
            summed = replace(e, args=(body,)) if inside else number(count)
            if inside and np.all(evaluate(summed, self.env) == 1):
                self.ones[summed.key] = summed
                summed = number(1)
            terms.append(product((_one(Term(term.coefficient, outside), ()), summed), e.shape))
        return total(terms) if terms else number(0)


def _one(t: Term, shape: Shape) -> Expr:
    """A term as a formula."""
    above = [_power(f, power) for f, power in t.factors.values() if power > 0]
    below = [_power(f, -power) for f, power in t.factors.values() if power < 0]
    top = product((number(t.coefficient), *above), shape)
    return top if not below else simplified("divide", (top, product(below, shape)), shape)


def _power(f: Expr, power: int) -> Expr:
    return simplified("power", (f, number(power)), f.shape)


def _written(terms: list[Term], shape: Shape) -> Expr:
    """The sum of terms, over their common denominators and with their common factors in front."""
    if not terms:
        return number(0)
    shared = set.intersection(*({(k, power) for k, (_, power) in t.factors.items()} for t in terms))
    common = {k: v for k, v in terms[0].factors.items() if (k, v[1]) in shared}
    sizes = {abs(t.coefficient) for t in terms}
    size = sizes.pop() if len(sizes) == 1 else 1
    rest = [Term(t.coefficient / size if size != 1 else t.coefficient,
                 {k: v for k, v in t.factors.items() if k not in common}) for t in terms]  # fmt: skip
    rest.sort(key=lambda t: t.coefficient < 0)
    return product((total([_one(t, shape) for t in rest]), _one(Term(size, common), shape)), shape)


def leaves(e: Expr) -> int:
    """How many names and numbers are written in a formula."""
    return fold(e, lambda part, counts: sum(counts) if part.args else 1)
