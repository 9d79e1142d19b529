"""A gradient in closed form, multiplied out and collected: ``P ⊙ (1 - P) ⊙ (…)`` is ``(P - t) / n``.

Entry by entry a formula is a rational function of its names. Each product of sums is multiplied out, equal factors
above and below are cancelled, and like terms are added. A sum along an axis has what is the same along it in front. A
cotangent that arrives at one entry of each row, ``P[i, yᵢ]``, is the whole row times the indicator of that entry. So
the gradient of a loss after a sigmoid or a softmax becomes the short form found in textbooks, however it was written.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from ..rules.indexing import is_basic
from ..table import TABLE, Primitive
from .factors import total
from .formula import (
    Expr,
    Function,
    Labels,
    Shape,
    differ_in_ones,
    factors_of,
    fold,
    index_parts,
    is_cut,
    name,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)
from .formula_ops import computed, evaluate, largest, substitute
from .simplify import LONG, again, full, is_zero, make, matrix_times, number_apart, product, simplified, transposed
from .writing import TEXT

Form: TypeAlias = "tuple[Expr, list[Expr]]"  # a formula, and the sums that are 1 in it

UNFIT = ValueError, TypeError, IndexError  # where shapes do not fit without the broadcasts between
DIGITS = 6
TERMS = 60  # of an intermediate result; a formula that needs more has no short form


@dataclass(frozen=True)
class Term:
    """A number times powers of factors, by their keys."""

    coefficient: Any
    factors: Mapping[str, tuple[Expr, int]]


@dataclass(frozen=True, eq=False)
class Context:
    """What is known of the names in a formula.

    Attributes
    ----------
    environment : callable
        Returns their values.
    definitions : mapping
        What some stand for; they are written instead of it.
    labelled : callable
        The name of the indicator of one entry in each row, from its value and the name of these positions.
    computed : set of str
        Names of what is not given.
    size : callable
        The name of a number of entries.
    letters : set of str
        The names of what has none in the program.
    indicators : collection of str
        The names of the indicators that have been made so far.
    """

    environment: Callable[[], Mapping[str, Any]]
    definitions: Mapping[str, Expr]
    labelled: Callable[[Any, str], Expr]
    computed: Set[str]
    size: Callable[[int], Expr]
    letters: Set[str]
    indicators: Collection[str]


def collected(e: Expr, context: Context) -> Form | None:
    """`e`, multiplied out and collected, and which sums are 1 in it; None where that would be long.

    A sum along an axis is 1 if it is so at the values at hand, as of the rows of one-hot labels.
    """
    forms = []
    for spelled in dict.fromkeys((e, replaced(e, _without_compound_fractions))):
        for varies in (False, True):
            reader = _Reader(context, varies)
            with suppress(_NoShortForm, *UNFIT):
                form = _written(reader.joined(reader.read(spelled)), e.shape)
                forms.append((_in_order_of(e, _with_decimals(form, e)), list(reader.ones.values())))
            if not reader.has_variants:
                break
    return min(forms, key=lambda form: leaves(form[0]), default=None)


def over_one(e: Expr, context: Context) -> Form | None:
    """`e` collected over one denominator, ``r (μ - y) / (r + μ)`` for (y + r) μ / (r + μ) - y; None for others."""
    form = collected(e, context)
    if form is None or form[1]:
        return None
    sums = {w: d for w, d in context.definitions.items() if w in context.letters and d.role in ("sum", "difference")}
    e = substitute(form[0], sums)
    of, *others = {f.key: f for _, x in terms_of(e) if x.role == "quotient" for f in x.args[1:]}.values() or [e]
    if others or of.role not in ("sum", "difference") or of.shape != e.shape:
        return None
    form = numerator(e, of, context, power=1)
    return form and (simplified("divide", (form[0], of), e.shape), [])


def numerator(e: Expr, below: Expr, context: Context, power: int = 2) -> Form | None:
    """Return `e` times a power of `below`, its square, multiplied out and collected."""
    reader, by = _Reader(replace(context, definitions={}), False), power
    with suppress(_NoShortForm, *UNFIT):
        over = []
        for t in reader.terms(e):
            power = t.factors.get(below.key, (below, 0))[1] + by
            over.append(_one(replace(t, factors={**t.factors, below.key: (below, power)}), e.shape))
        return _written(reader.terms(total(over)), e.shape), []
    return None


def _without_compound_fractions(e: Expr) -> Expr | None:
    """``a / (1 + u / n)`` as ``a n / (n + u)``, for a number n."""
    factors = factors_of(e.args[1]) if e.role == "quotient" else ()
    for f in (f for f in factors if f.role in ("sum", "difference")):
        below = {x.args[1].key: x.args[1] for _, x in terms_of(f) if x.role == "quotient"}
        n, *others = below.values() or [f]
        if not others and not n.shape:
            terms = ((sign, (x.of,) if x.role == "quotient" else (x, n)) for sign, x in terms_of(f))
            whole = total([product((number(sign), *of), f.shape) for sign, of in terms])
            rest = [g for g in factors if g is not f]
            under = product((whole, *rest), e.args[1].shape)
            return simplified("divide", (product((n, e.of), e.of.shape), under), e.shape)
    return None


def _with_decimals(form: Expr, e: Expr) -> Expr:
    """A form with the sums of `e` that have a number that is no whole one: 2 (1.5 - μ), not 3 - 2 μ; 25 (r - ½)."""
    before = {frozenset(terms): (part, terms) for part in walk(e) if (terms := _numbers(part))}
    before = {k: v for k, v in before.items() if v[1].get(number(1).key, 0) % 1}

    def made(part: Expr, args: Sequence[Expr]) -> Expr:
        new = again(part, args) if any(a is not b for a, b in zip(args, part.args, strict=True)) else part
        terms = _numbers(part) if before else {}
        whole, other = before.get(frozenset(terms), (part, terms))
        ratios = {terms[k] / other[k] for k in terms}
        c = ratios.pop() if len(ratios) == 1 else -1
        return new if c == -1 else product((number(int(c) if c % 1 == 0 else c), whole), part.shape)

    return fold(form, made) if before else form


def _in_order_of(e: Expr, form: Expr) -> Expr:
    """A form with the differences of `e`: ``a + w (H - 1)``, not ``a - w (1 - H)``."""
    before = {part.key: part for part in walk(e) if part.role == "difference"}

    def turned(x: Expr) -> Expr | None:
        """Minus a product, with a difference the other way round."""
        for k, f in enumerate(x.args if x.role == "product" else ()):
            other = make(f.row, f.args[::-1], f.params, f.shape) if f.role == "difference" else f
            if other is not f and other.key in before and f.key not in before:
                return product((*x.args[:k], other, *x.args[k + 1 :]), x.shape)
        return None

    def made(part: Expr) -> Expr | None:
        if part.role == "difference" and (last := turned(part.args[1])) is not None:
            return simplified("add", (part.of, last), part.shape)
        return turned(part.of) if part.role == "negation" else None

    return replaced(form, made) if before else form


def _numbers(e: Expr) -> dict[str, Any]:
    """The coefficients of the terms of a sum, by their keys."""
    signed = terms_of(e) if e.role in ("sum", "difference") else []
    parts = [(sign, *(number_apart(x) if not x.is_number else (x.value, number(1)))) for sign, x in signed]
    numbers = {x.key: sign * c for sign, c, x in parts}
    return numbers if all(type(c) in (int, float) and c for c in numbers.values()) else {}


def _sign_of_sum(first: Term, group: Sequence[Term], others: Sequence[Term]) -> int:
    """The sign in front of the sum that a group of terms becomes: Σ (H - 1) a - b, not -(Σ (1 - H) a + b)."""
    is_mixed = any(t.coefficient > 0 for t in group)
    is_plus = first.coefficient > 0 or is_mixed and len(others) > 0 and all(t.coefficient < 0 for t in others)
    return 1 if is_plus else -1


def has_kinks(e: Expr) -> bool:
    """Return True for a row with points without a derivative, other than a root."""
    return isinstance(e.row, Primitive) and e.role != "root" and e.row.kinks != ()


def _has_cases(e: Expr) -> bool:
    """Return True for a formula that has another form elsewhere: max(0, a) + max(0, b) is a near some numbers only."""
    return e.role == "selection" or has_kinks(e)


def _with_softmaxes(factors: dict[str, tuple[Expr, int]]) -> dict[str, tuple[Expr, int]]:
    """The factors of a product with softmax(x) for ``exp(x) / Σ exp(x)``, as in the gradient of log(mean(exp(x)))."""
    for k, (f, power) in factors.items():
        for j, (g, below) in factors.items() if f.role == "exponential" and f.shape and power == 1 else ():
            axis = g.params.get("axis")
            axes = np.atleast_1d([*range(len(f.shape))] if axis is None else axis)
            is_sum = g.role == "total" and below == -1 and g.of.key == f.key and len(axes) == 1
            kept = tuple(1 if n in axes % len(f.shape) else size for n, size in enumerate(f.shape)) if is_sum else ()
            if is_sum and g.shape in (kept, ()[: len(f.shape) > 1 or None]):
                P = simplified("softmax", f.args, f.shape, axis=tuple(map(int, axes % len(f.shape))))
                return _with_softmaxes({**{n: v for n, v in factors.items() if n not in (k, j)}, P.key: (P, 1)})
    return factors


class _NoShortForm(Exception):
    """It has more than `TERMS` terms, or a sum of what is the same along its axis."""


class _Reader:
    """Reads formulas as terms; if it `varies`, (x - μ)² stays as it is, and exp(-x²) is p σ for p = exp(-x²) / σ."""

    def __init__(self, context: Context, varies: bool) -> None:
        self.context, self.varies, self.has_variants = context, varies, False
        self.ones: dict[str, Expr] = {}
        self.single: dict[str, Expr] = {}  # names by the one factor that each stands for
        self.known: list[tuple[Expr, Term]] = []  # names, with what each stands for
        self._sums: dict[tuple[str, Shape], Expr] = {}  # by formulas of sums, as long as no more is known

    def read(self, e: Expr) -> list[Term]:
        """The terms of `e`, with the names of what is known."""
        e = _with_one_order(e)
        for word, definition in self.context.definitions.items():
            e = replaced(e, partial(self._known_as, definition, name(word, definition.shape)))
            definition = _with_sigmoids(definition)
            try:
                [term] = self.terms(definition)
            except (_NoShortForm, ValueError):
                continue
            top = [f for f, power in term.factors.values() if power == 1 and f.role == "name" and f.value in e.names]
            whole = name(word, definition.shape)
            is_quotient = sum(power > 0 for _, power in term.factors.values()) == 1 < len(term.factors)
            if term.coefficient == 1 and is_quotient and top and top[0].shape == whole.shape:  # Z of Z / |Z|
                below = {k: v for k, v in term.factors.items() if k != top[0].key}
                instead = simplified("divide", (whole, _one(Term(1, below), whole.shape)), whole.shape)
                e = replaced(e, partial(_apart, top[0].key, instead, {_sum_key(f) for f, _ in below.values()}))
            elif term.factors.keys() != {whole.key} and (term.coefficient == 1 or _is_function(term)):
                self.known.append((whole, term))
                self._sums.clear()
        single = [(whole, of.factors) for whole, of in self.known if of.coefficient == 1 == len(of.factors)]
        self.single = {k: whole for whole, of in single for k, (_, power) in of.items() if power == 1}
        self._sums.clear()
        forms = [
            self.terms(replaced(_with_sigmoids(form), lambda part: self.single.get(part.key)))
            for form in dict.fromkeys((e, _with_one_test(e)))
        ]
        terms, other = forms[0], forms[-1]  # not 1 - 0.9 1[x < 0], nor a - (a + b) 1[x < 0]
        is_shorter = len(other) < len(terms) and all(isinstance(t.coefficient, Fraction | int) for t in other)
        return other if is_shorter else terms

    def joined(self, terms: list[Term]) -> list[Term]:
        """Terms with one sum for those along the same axes that share a factor: ``-Σⱼ (g ⊙ p ⊙ (1 - p))ⱼ``."""
        groups: dict[Any, list[tuple[Term, Expr, Term]]] = {}
        for t in terms:
            sums = [f for f, power in t.factors.values() if f.role == "total" and power == 1]
            content = self.terms(sums[0].of) if len(sums) == 1 else []
            if len(content) == 1:
                rest = frozenset((k, power) for k, (_, power) in t.factors.items() if k != sums[0].key)
                along = rest, repr(sums[0].params), sums[0].shape, sums[0].of.shape
                groups.setdefault(along, []).append((t, sums[0], content[0]))
        for group in groups.values():
            long = (sum(abs(power) for _, power in of.factors.values()) for _, _, of in group)
            (first, whole, of), _ = min(zip(group, long, strict=True), key=lambda g: (g[1], g[0][0].coefficient < 0))
            shared = [k for k in of.factors if all(k in inside.factors for _, _, inside in group)]
            if len(group) > 1 and shared:
                old = {id(t) for t, _, _ in group}
                sign = _sign_of_sum(first, [t for t, _, _ in group], [t for t in terms if id(t) not in old])
                inside = [replace(c, coefficient=sign * t.coefficient * c.coefficient) for t, _, c in group]
                body = whole.of.shape
                if is_zero(summed := _written(inside, body)):
                    terms = [t for t in terms if id(t) not in old]
                    continue
                in_order = sorted(factors_of(summed), key=_is_last)
                both = replace(whole, args=(product(in_order, body),))
                factors = {k: v for k, v in first.factors.items() if k != whole.key}
                new = Term(sign, {**factors, both.key: (both, 1)})
                terms = [new if t is first else t for t in terms if t is first or id(t) not in old]
        return terms

    def _known_as(self, definition: Expr, whole: Expr, part: Expr) -> Expr | None:
        """A part of a formula in terms of a name: what is under a root, or has the value of a sum, such as x - mean, or
        z σ for that where z is (x - mean) / σ.
        """
        env, sums = self.context.environment(), ("sum", "difference")
        of = definition.of if definition.role in ("root", "quotient") else definition
        is_inside = definition.role == "root" or of is not definition and of.role in sums
        if is_inside and part.key == of.key and part.shape == whole.shape:
            return product((whole, definition.args[-1] if definition.role == "quotient" else whole), whole.shape)
        is_function = isinstance(part.row, Function) and not part.row.builtin  # φ(z), which the program computes as phi
        is_sum = definition.role in sums and part.role in sums and not any(map(_has_cases, walk(definition)))
        is_likely = is_sum or is_function and part.names == definition.names
        if not is_likely or part.shape != whole.shape:
            return None
        is_it = env.keys() >= part.names and np.allclose(evaluate(part, env), env[whole.value], rtol=1e-12, atol=0)
        return whole if is_it else None

    def terms(self, e: Expr) -> list[Term]:
        merged: dict[frozenset[tuple[str, int]], Term] = {}
        for term in self._multiplied(1, self._factors(e, 1)):
            key = _key(term)
            so_far = merged[key].coefficient if key in merged else 0
            whole = so_far + term.coefficient
            if so_far and so_far != term.coefficient and isinstance(whole, float) and (8 * whole) % 1:
                key |= {("", len(merged))}  # 2 x + 0.2 x: no line of the program has 2.2
            merged[key] = replace(term, coefficient=term.coefficient if key not in merged else whole)
        return [t for t in merged.values() if t.coefficient]

    def _factors(self, e: Expr, power: int) -> list[tuple[Expr, int]]:
        """What `e` to a power is a product of."""
        e = self.single.get(e.key, e)
        match e.role:
            case "matrix product" | "outer product" | "solution" if power > 0:
                return self._bilinear(e, power)
            case "product":
                return [f for a in e.args for f in self._factors(a, power)]
            case "quotient":
                return self._factors(e.of, power) + self._factors(e.args[1], -power)
            case "negation":
                return [(number(-1), power), *self._factors(e.of, power)]
            case "square":
                return self._factors(e.of, 2 * power)
            case "power" if e.args[1].is_number and isinstance(e.args[1].value, int):
                return self._factors(e.of, e.args[1].value * power)
            case "power" | "root" if (known := self._one_less(e)) is not None:
                return [(known[0], power), *self._factors(e.of, known[1] * power)]
            case "broadcast":
                return self._factors(e.of, power)
            case "transpose" | "matrix transpose" if len(e.shape) == 2 and e.of.args:
                terms = self.terms(e.of)
                if all(len(f.shape) in (0, 2) for t in terms for f, _ in t.factors.values()):
                    return [(_written([self._turned_term(t) for t in terms], e.shape), power)]
            case "exponential" if (of := self._log(e.of)) is not None:
                return self._factors(of, power)
            case "exponential" if e.of.role == "negation":
                return [(make(e.row, e.of.args, e.params, e.shape), -power)]
            case "reshape" | "index" if not _reorders(e) and not (e.role == "index" and is_cut(e)) and (
                laid := _relaid(e.of, e.of.shape, e.shape)
            ) is not None:
                return [(laid, power)] if laid.key == e.key else self._factors(laid, power)
            case "placement" if power == 1 and (chosen := self._chosen(e)) is not None:
                return [f for a in chosen for f in self._factors(a, 1)]
            case "stack" if power == 1 and sum(not is_zero(a) for a in e.args) == 1 and len(e.shape) == 1:  # [0, a, 0]
                [(k, a)] = ((k, a) for k, a in enumerate(e.args) if not is_zero(a))
                at = {"index": k, "shape": e.shape, "unique_indices": True}
                return self._factors(unsimplified("into_zeros", (a,), e.shape, **at), power)
            case "reduction" if power < 0 and e.row is TABLE["mean"]:  # n mean(x) is Σ x
                size = self.context.size(math.prod(e.of.shape) // max(math.prod(e.shape), 1))
                return [(size, -power), *self._factors(simplified("sum", e.args, e.shape, **e.params), power)]
            case "total" if power > 0:
                front, body = self._sums_apart(e.of)
                summed = self._summed(replace(e, args=(body,)))
                if front:
                    return [*((f, q * power) for f, q in front), *self._factors(summed, power)]
                return [(summed, power)] if summed.role == "total" else self._factors(summed, power)
        return [(e, power)]

    def _sums_apart(self, e: Expr) -> tuple[list[tuple[Expr, int]], Expr]:
        """The sums in a product that are one number, such as 1 + Σ x, and the product without them."""
        factors = self._factors(e, 1) if e.role in ("product", "quotient") else []
        powers: dict[str, int] = {}
        for f, q in factors:
            powers[f.key] = q + powers.get(f.key, 0)
        merged = {f.key: (f, powers[f.key]) for f, _ in factors}
        front = [k for k, (f, _) in merged.items() if not f.shape and f.role in ("sum", "difference")]
        if not front:
            return [], e
        rest = Term(1, {k: v for k, v in merged.items() if k not in front and v[1]})
        return [merged[k] for k in front], full(_one(rest, e.shape), e.shape)

    def _one_less(self, e: Expr) -> tuple[Expr, int] | None:
        """The power of x that a name stands for or has in it, x ** k, and that beside it in ``x ** (k - 1)``, -1."""
        env, k = self.context.environment(), e.args[1] if e.role == "power" else number(0.5)
        factors = (f for _, term in self.known for f, _ in term.factors.values() if f.role == "power")
        for f in (f for f in factors if f.of.key == e.of.key and f.key != e.key):
            if not f.args[1].shape and env.keys() >= f.args[1].names | k.names:
                beside = float(evaluate(k, env) - evaluate(f.args[1], env))
                if math.isclose(beside, round(beside), rel_tol=1e-12) and abs(beside) < 3:
                    return self.single.get(f.key, f), round(beside)
        return None

    def _bilinear(self, e: Expr, power: int) -> list[tuple[Expr, int]]:
        """A product of matrices, with the numbers in its factors in front."""
        args, numbers = list(e.args), list[tuple[Expr, int]]()
        for k in range(e.role == "solution", 2):
            factors = self._factors(args[k], 1)
            scalars = [(f, q) for f, q in factors if not f.shape]
            rest = {f.key: (f, q) for f, q in factors if f.shape}
            if len(rest) + len(scalars) == len(factors) and rest:
                args[k], numbers = _one(Term(1, rest), args[k].shape), numbers + [(f, q * power) for f, q in scalars]
        e = self._of_columns(make(e.row, args, e.params, e.shape))
        return [*numbers, (self.single.get(e.key, e), power)]

    def _of_columns(self, e: Expr) -> Expr:
        """``A @ (x @ yᵀ)`` as ``z @ yᵀ``, and ``(x @ yᵀ) @ A`` as ``x @ zᵀ``, for a product z that has a name."""
        for k, xy in enumerate(e.args if e.role == "matrix product" else ()):
            is_outer = xy.role == "outer product"
            if not is_outer and xy.role != "matrix product":
                continue
            part = matrix_times(e.of, xy.of) if k else matrix_times(xy.args[1], e.args[1])
            if (z := self._product_named(part, turned=not (k or is_outer))) is not None:
                return make(xy.row, (z, xy.args[1]) if k else (xy.of, z), xy.params, e.shape)
        return e

    def _product_named(self, e: Expr, turned: bool) -> Expr | None:
        """A product by the name of one that has its value; of one that is `turned` by the transpose of that."""
        env, e = self.context.environment(), transposed(e) if turned else e
        named = {w: of for w, of in self.context.definitions.items() if w not in self.context.letters}
        for word, of in named.items() if env.keys() >= e.names else ():
            is_product = of.role == "matrix product" and of.shape == e.shape
            if is_product and np.allclose(evaluate(e, env), env[word], rtol=1e-12):
                z = name(word, e.shape)
                return transposed(z) if turned else z
        return None

    def _turned_term(self, t: Term) -> Term:
        turned = [(self._turned(f), q) for f, q in t.factors.values()]
        return replace(t, factors={f.key: (f, q) for f, q in turned})

    def _turned(self, e: Expr) -> Expr:
        """The transpose of a factor: ``softmaxᵢ(S)`` for that of ``softmaxⱼ(Sᵀ)``, and I."""
        value = self.context.environment().get(e.value) if e.role == "name" else None
        if not e.shape or value is not None and np.array_equal(value, np.eye(len(value))):
            return e
        if e.role == "softmax" and e.of.is_turned:
            params = {**e.params, "axis": tuple(1 - k % 2 for k in np.atleast_1d(e.params.get("axis", -1)))}
            return make(e.row, e.of.args, params, e.shape[::-1])
        return transposed(e)

    def _log(self, e: Expr) -> Expr | None:
        """What `e` is the logarithm of: by its name, of a softmax."""
        e = self.context.definitions.get(e.value, e) if e.role == "name" else e
        if e.role == "log of a softmax":
            return simplified("softmax", e.args, e.shape, **e.params)
        return e.of if e.role == "logarithm" else None

    def _chosen(self, e: Expr) -> tuple[Expr, Expr] | None:
        """What is put at one entry of each row, as the indicator of that entry times something for each row."""
        (g,), shape, index = e.args, e.shape, e.params.get("index")
        labels = [p.ndim for p in index_parts(index) if isinstance(p, Labels)]
        is_column = index is not None and (is_basic(index) or labels and not any(labels))  # P[:, 1], P[:, y1]
        is_one = not g.shape and max(shape, default=0) == math.prod(shape)  # p[k, 0]
        if not is_one and g.shape != shape[:-1]:
            return None
        rows = np.arange(1.0, math.prod(g.shape) + 1).reshape(g.shape)
        ones = e.row.fn(np.ones(g.shape), **e.params)
        counts = ones.sum() if is_one else ones.sum(-1)
        if not np.array_equal(e.row.fn(rows, **e.params), ones * rows[..., None]) or np.any(counts != 1):
            return None

        def whole(part: Expr) -> Expr | None:
            here = part.role in ("index", "diagonal") and part.of.shape == shape
            here = here and _words(part.params.get("index")) == words  # no returns[0] at [actions[0]] = 0
            same = here and np.array_equal(computed(part, [ones * rows[..., None]]), rows)
            return part.of if same else None

        words = _words(index)
        laid, word = _relaid(g, g.shape, (*g.shape, 1), whole), "".join(words[:1])
        if laid is None or not word and is_column and not is_one and len(shape) > 1:  # 1[j = 0]
            return None if laid is None or laid.is_number else (replace(e, args=(full(number(1), g.shape),)), laid)
        return self.context.labelled(ones, word), laid

    def _multiplied(self, coefficient: Any, factors: Iterable[tuple[Expr, int]]) -> list[Term]:
        merged: dict[str, tuple[Expr, int]] = {}
        for f, power in factors:
            if f.is_number:
                coefficient = _scaled(coefficient, f.value, power)
            else:
                merged[f.key] = f, power + merged.get(f.key, (f, 0))[1]
        merged = _with_softmaxes({k: (f, power) for k, (f, power) in merged.items() if power})
        if (under := self._under_roots(merged)) is not None:
            return self._multiplied(coefficient, under)
        coefficient, merged = _without_roots(coefficient, self._without_inverses(merged))
        sums = [(f, power) for f, power in merged.values() if f.role in ("sum", "difference") and power > 0]
        self.has_variants |= any(power > 1 for _, power in sums)
        sums = [(f, power) for f, power in sums if not self.varies or power == 1]
        if not sums:
            return [Term(*_without_roots(*self._recognised(coefficient, merged)))]
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

    def _under_roots(self, factors: Mapping[str, tuple[Expr, int]]) -> list[tuple[Expr, int]] | None:
        """The factors with what is under a root for its square, and √x for x / √x; None where there is neither."""
        out = list[tuple[Expr, int]]()
        for f, power in factors.values():
            is_over = f.role == "root" and factors.get(f.of.key, (f, 0))[1] * power == -1
            half = power if is_over else int(power / 2) if f.role == "root" else 0
            out += [*(self._factors(f.of, half) if half else ()), (f, power - 2 * half)]
        return out if len(out) > len(factors) else None

    def _without_inverses(self, factors: dict[str, tuple[Expr, int]]) -> dict[str, tuple[Expr, int]]:
        """``s (1 + Σ e)``, where s is ``1 / (1 + Σ e)``, as 1."""
        for whole, of in self.known:
            (k, (f, power)), *more = of.factors.items()
            is_inverse = not more and of.coefficient == 1 and power == -1
            if is_inverse and min(factors.get(key, (f, 0))[1] for key in (k, whole.key)) > 0:
                both = {key: (g, q - (key in (k, whole.key))) for key, (g, q) in factors.items()}
                factors = {key: v for key, v in both.items() if v[1]}
        return factors

    def _recognised(self, c: Any, factors: dict[str, tuple[Expr, int]]) -> tuple[Any, dict[str, tuple[Expr, int]]]:
        """The coefficient and the factors with the names of what is known."""
        for whole, term in self.known:
            of, factors = term.factors, self._with_roots(factors, term.factors)
            numbers = {k for k, (f, _) in of.items() if whole.shape and not f.shape and k not in factors}
            inside = {k: v for k, v in of.items() if k not in numbers}
            is_scaled = bool(numbers) and any(is_call(f) for f, _ in inside.values())
            is_read = bool(inside) and is_scaled >= bool(numbers)
            while (is_below := factors.get(whole.key, (whole, 0))[1] < 0 and _gains(factors, of, -1)) or is_read and (
                _has(factors, inside) or not is_scaled and _gains(factors, inside)
            ):
                self.has_variants |= is_scaled and not is_below
                if is_scaled and not is_below and not self.varies:
                    break
                both = {**of, **factors}
                rest = {k: (f, factors.get(k, (f, 0))[1] - of.get(k, (f, 0))[1]) for k, (f, _) in both.items()}
                factors = {k: v for k, v in rest.items() if v[1]}
                power = 1 + factors.pop(whole.key, (whole, 0))[1]
                factors |= {whole.key: (whole, power)} if power else {}
                c /= term.coefficient
        return c, self._with_product_inside(factors)

    def _with_product_inside(self, factors: dict[str, tuple[Expr, int]]) -> dict[str, tuple[Expr, int]]:
        """``Σᵢ gᵢ zᵢ`` for ``s Σᵢ gᵢ xᵢ``, where z is x s, as the normalised values are in the rule of a batch norm."""
        sums = [(k, f) for k, (f, power) in factors.items() if f.role == "total" and power == 1]
        products = [(z, [*of.factors.items()]) for z, of in self.known if of.coefficient == 1 and len(of.factors) == 2]
        for k, f in sums if len(sums) == 1 else ():
            content = self.terms(f.of)
            for z, ((a, (_, p)), (b, (_, q))) in [(z, pair) for z, of in products for pair in (of, of[::-1])]:
                is_it = len(content) == 1 and p == q == 1 and content[0].factors.get(a, (f, 0))[1] == 1
                if is_it and factors.get(b, (f, 0))[1] > 0 and z.shape == f.of.shape:
                    inside = {key: v for key, v in content[0].factors.items() if key != a} | {z.key: (z, 1)}
                    body = _one(replace(content[0], factors=inside), f.of.shape)
                    new = make(f.row, (body,), f.params, f.shape)
                    rest = {key: (g, n - (key == b)) for key, (g, n) in factors.items() if key != k}
                    return {key: v for key, v in rest.items() if v[1]} | {new.key: (new, 1)}
        return factors

    def _with_roots(
        self, factors: dict[str, tuple[Expr, int]], of: Mapping[str, tuple[Expr, int]]
    ) -> dict[str, tuple[Expr, int]]:
        """``1 / √x`` as ``√x / x``, where `of` has √x: so T = 2π √(m / k) has the slope T / (2 m); and 1 / x as the
        square of `of` where that is 1 / √x.
        """
        for f, _ in of.values() if [(f.role, power) for f, power in of.values()] == [("root", -1)] else ():
            if factors.get(f.of.key, (f, 0))[1] < 0:
                factors = dict(factors)
                _, power = factors.pop(f.of.key)
                factors[f.key] = f, 2 * power + factors.get(f.key, (f, 0))[1]
        roots = [k for k, (f, power) in of.items() if f.role == "root" and power == 1]
        for k in (k for k in roots if k in factors and factors[k][1] == -1):
            both = dict(factors)
            both[k] = f, _ = of[k]
            for g, power in self._factors(f.of, -1):
                both[g.key] = g, power + both.get(g.key, (g, 0))[1]
            factors = {key: v for key, v in both.items() if v[1]}
        return factors

    def _summed(self, e: Expr) -> Expr:
        """A sum along axes, with what is the same in all its terms in front."""
        key = e.key, e.shape
        if key not in self._sums:
            self._sums[key] = self._summed_anew(e)
        return self._sums[key]

    def _summed_anew(self, e: Expr) -> Expr:
        body, axis = e.of.shape, e.params.get("axis")
        axes = {int(k) % len(body) for k in (range(len(body)) if axis is None else np.atleast_1d(axis))}
        kept = tuple(1 if k in axes else size for k, size in enumerate(body))
        terms = []
        for term in self.terms(e.of):
            along = {k: _varies(f, body) & axes for k, (f, _) in term.factors.items()}
            outside = {k: v for k, v in term.factors.items() if not along[k]}
            inside = {k: v for k, v in term.factors.items() if along[k]}
            count = math.prod(body[k] for k in axes - set().union(*along.values()))
            over = frozenset().union(*along.values(), (k for k in axes if body[k] == 1))
            summed = number(1)
            if inside:
                content = _one(Term(1, inside), np.broadcast_shapes(*(f.shape for f, _ in inside.values())))
                if content.shape != body:
                    raise _NoShortForm  # its terms are fewer than those of the sum
                params = {**e.params, "axis": None if len(over) == len(body) else tuple(sorted(over))}
                shape = e.shape if over == axes else tuple(1 if k in over else s for k, s in enumerate(body))
                summed = self._known_sum(make(e.row, (content,), params, shape))
                if is_zero(summed):
                    continue
            entries = self.context.size(count) if count > 1 else number(1)
            if count > 1:  # of Σ 1 / n it cancels
                power = 1 + outside.pop(entries.key, (entries, 0))[1]
                outside = {entries.key: (entries, power), **outside} if power else outside
            front = _relaid(_one(Term(term.coefficient, outside), kept), kept, e.shape)
            if front is None:
                raise _NoShortForm
            terms.append(product((front, summed), e.shape))
        return total(terms) if terms else number(0)

    def _known_sum(self, summed: Expr) -> Expr:
        """A sum; 0 for that of the deviations from a mean, and 1 for one that is noted to be that."""
        env = self.context.environment()
        if not env.keys() >= summed.names:
            return summed
        value, size = evaluate(summed, env), largest(evaluate(summed.of, env))
        is_steady = any(part.row is not None and part.row.kind == "constant" for part in walk(summed))  # Σ sign(y - c)
        if largest(value) < 1e-12 * size and summed.names & self.context.computed and not is_steady:
            return number(0)
        average = self._averages.get(frozenset(f.key for f in factors_of(summed.of)))
        if average is not None and np.size(value) == 1 and np.allclose(evaluate(average, env), value, rtol=1e-12):
            return average
        is_indicator = summed.of.role == "name" and not summed.shape and summed.of.value in self.context.indicators
        if is_indicator and summed.of.shape[:1] == (value,) > (1,):  # Σ Y is n
            return self.context.size(int(value))
        if np.allclose(value, 1, rtol=1e-12):
            is_known = summed.of.head == "onehot" or summed.of.role == "placement"
            self.ones |= {} if is_known else {summed.key: summed}
            return number(1)
        return summed


    @cached_property
    def _averages(self) -> dict[frozenset[str], Expr]:
        """The names of numbers that are sums of products, ``Σ (P ⊙ v)`` and ``P @ v``, by the factors of these."""
        numbers = [(w, e) for w, e in self.context.definitions.items() if not e.shape]
        totals = [(w, factors_of(e.of)) for w, e in numbers if e.role == "total" and e.of.role == "product"]
        totals += [(w, e.args) for w, e in numbers if e.role in ("matrix product", "dot product")]
        return {frozenset(f.key for f in of): name(w) for w, of in totals}


def _scaled(coefficient: Any, value: Any, power: int) -> Any:
    """A coefficient times a number to a power; ½ of 1 / 400 is 1 / 800, not 0.00125."""
    exact = [Fraction(c) for c in (coefficient, value) if not isinstance(c, float) or (8 * c) % 1 == 0]
    whole = exact[0] * exact[1] ** power if len(exact) == 2 else None
    if whole is not None and (whole.denominator > 8 or not isinstance(coefficient, float) and isinstance(value, int)):
        return whole
    scaled = coefficient * (Fraction(value) if isinstance(value, int) else value) ** power
    near = float(f"{scaled:.14g}") if isinstance(scaled, float) else scaled
    return near if len(repr(near)) < LONG else scaled  # √2 · √2 / 2 is 1


def _without_roots(coefficient: Any, factors: dict[str, tuple[Expr, int]]) -> tuple[Any, dict[str, tuple[Expr, int]]]:
    """2.506… / √(2π) as 1."""
    roots = {k: v for k, v in factors.items() if v[0].role == "root" and not v[0].names}
    for k, (f, power) in roots.items() if isinstance(coefficient, float) else ():
        value = float(coefficient * evaluate(f, {}) ** power)
        near = Fraction(value).limit_denominator(DIGITS)
        if math.isclose(value, near, rel_tol=1e-14):
            return near, {other: v for other, v in factors.items() if other != k}
    return coefficient, factors


def _words(index: Any) -> list[str]:
    """The names of the labels in an index."""
    return [p.word for p in index_parts(index) if isinstance(p, Labels) and p.word]


def _has(factors: Mapping[str, tuple[Expr, int]], of: Mapping[str, tuple[Expr, int]]) -> bool:
    """Whether all factors of something are among others."""
    return all(k in factors and factors[k][1] * power >= power * power for k, (_, power) in of.items())


def _gains(factors: Mapping[str, tuple[Expr, int]], of: Mapping[str, tuple[Expr, int]], least: int = 1) -> bool:
    """Whether factors are fewer by the name of something: v exp(-v²) is f / v, where f is v² exp(-v²); or without it
    below: v / f is exp(v²) / v.
    """
    powers = [(factors.get(k, (f, 0))[1], power) for k, (f, power) in of.items()]
    are_all = least < 0 or all(p * power > 0 for p, power in powers)  # no V / cos(x) for -m g sin(x)
    return are_all and sum(abs(p) - abs(p - power) for p, power in powers) > least


def _is_function(t: Term) -> bool:
    """True for a number over something, or times a function of each entry: for ``3 a / (b + a)``, not for 3 a."""
    return any(power < 0 or is_call(f) for f, power in t.factors.values())


def _apart(key: str, instead: Expr, below: Set[Any], part: Expr) -> Expr | None:
    """`instead` of the part with this key, but what it is divided by stays as it is."""
    return part if _sum_key(part) in below else instead if part.key == key else None


def _with_one_order(e: Expr) -> Expr:
    """A formula with ``-(1 - p)`` for ``p - 1`` if it has something over ``1 - p``, too."""
    differences = [part for part in walk(e) if part.role == "difference"]
    keys = {f.key for part in walk(e) if part.role == "quotient" for f in factors_of(part.args[1])}
    turned = {part.key: replace(part, args=part.args[::-1]) for part in differences if part.args[1].is_number}
    instead = {k: unsimplified("negative", (of,), of.shape) for k, of in turned.items() if of.key in keys}
    return replaced(e, lambda part: instead.get(part.key)) if instead else e


def _sum_key(e: Expr) -> Any:
    """The key of a formula; that of a sum is the same whether its axes are kept or not."""
    if e.role != "total":
        return e.key
    axis, ndim = e.params.get("axis"), len(e.of.shape)
    return e.of.key, tuple(np.arange(ndim)[() if axis is None else np.atleast_1d(axis)].ravel())


def _varies(e: Expr, shape: Shape) -> set[int]:
    """The axes of `shape` along which a part of a formula of that shape is not the same by its own shape."""
    before = len(shape) - len(e.shape)
    return {k + before for k, size in enumerate(e.shape) if size != 1}


def _reorders(e: Expr) -> bool:
    """Whether an index takes entries in another order."""
    parts = index_parts(e.params.get("index"))
    return any(isinstance(p, np.ndarray) or isinstance(p, slice) and p.step not in (None, 1) for p in parts)


def _relaid(e: Expr, old: Shape, new: Shape, whole: Callable[[Expr], Expr | None] = lambda e: None) -> Expr | None:
    """`e`, which stands in a formula of shape `old`, in one of shape `new` that differs in axes of length one.

    ``whole(part)`` is what stands in the place of a part. None if the shapes differ in other axes.
    """
    if not differ_in_ones(old, new):
        return None
    if (instead := whole(e)) is not None or not e.shape and not e.args:
        return instead or e
    if e.role == "broadcast":
        return _relaid(e.of, old, new, whole)
    if e.row is not None and e.row.kind == "elementwise":
        args = [a for arg in e.args if (a := _relaid(arg, old, new, whole)) is not None]
        return make(e.row, args, e.params, np.broadcast_shapes(*(a.shape for a in args)))
    sizes = (1,) * (len(old) - len(e.shape)) + e.shape
    longer = iter([size for size, full in zip(sizes, old, strict=True) if full != 1])
    shape = tuple(1 if full == 1 else next(longer) for full in new)
    while len(shape) > len(e.shape) and shape[0] == 1:
        shape = shape[1:]
    if e.role == "total" or e.row is TABLE["mean"]:
        for params in ({**e.params, "keepdims": kept} for kept in (True, False)):
            if shape == np.sum(np.empty(e.of.shape), axis=params.get("axis"), keepdims=params["keepdims"]).shape:
                return replace(e, params=params, shape=shape)
    return simplified("reshape", (e,), shape, shape=shape, order="C")


def _with_sigmoids(e: Expr) -> Expr:
    """A formula with ``1 + exp(x)`` in it in terms of ``σ``: ``exp(x)`` is then ``σ / (1 - σ)``."""
    new: dict[str, Expr] = {}
    for part in walk(e):
        power = next((a for a in part.args if a.role == "exponential"), None)
        if part.role != "sum" or power is None or not any(a.is_number and a.value == 1 for a in part.args):
            continue
        (x,), shape = power.args, power.shape
        s = simplified("sigmoid", x.args if x.role == "negation" else (x,), shape)
        rest = simplified("subtract", (number(1), s), shape)
        one, other = (s, rest) if x.role == "negation" else (rest, s)  # of which σ(-x) is `one`
        new |= {part.key: simplified("divide", (number(1), one), shape)}
        new |= {power.key: simplified("divide", (other, one), shape)}
    return replaced(e, lambda part: new.get(part.key)) if new else e


def _with_one_test(e: Expr) -> Expr:
    """``1[u > 0]`` as ``1 - 1[u < 0]`` beside that: (τ - 1) 1[u < 0] + τ 1[u > 0] is τ - 1[u < 0]."""
    parts = walk(e)
    chosen = {part.of.key: part for part in parts if part.role == "selection"}
    tests = [part for part in parts if part.role == "comparison"]
    masks = {part.key: chosen.get(part.key, part) for part in tests}
    new = dict[str, Expr]()
    for less, more in combinations(sorted(tests, key=lambda part: not part.head.startswith("less")), 2):
        a, b = masks[less.key], masks[more.key]
        is_pair = less.head.startswith("less") and more.head.startswith("greater") and a.role == b.role
        is_pair = is_pair and [x.key for x in less.args] == [x.key for x in more.args]
        if is_pair and [x.value for x in (*a.args[1:], *b.args[1:])] == [1, 0, 1, 0] or is_pair and a is less:
            new[b.key] = simplified("subtract", (number(1), a), a.shape)
    return replaced(e, lambda part: new.get(part.key)) if new else e


def _one(t: Term, shape: Shape) -> Expr:
    """A term as a formula."""
    factors = [
        (make(f.row, [product((number(-1), *f.args), f.shape)], f.params, f.shape), 1)  # exp(-x), not 1 / exp(x)
        if f.role == "exponential" and power == -1 else (f, power) for f, power in t.factors.values()
    ]  # fmt: skip
    above = [_power(f, power) for f, power in factors if power > 0]
    above.sort(key=lambda f: (f.role == "total", bool(f.shape)))  # numbers come first, a sum last
    below = [_power(f, -power) for f, power in factors if power < 0]
    value: Any = t.coefficient
    under: Any = 1
    if isinstance(value, Fraction) or isinstance(value, float) and value.is_integer():
        value, under = value.as_integer_ratio()
    elif isinstance(value, float):  # 1 / (2π), not 0.159155
        share = Fraction(value * math.pi).limit_denominator(99)
        is_share = math.isclose(value * math.pi, share, rel_tol=1e-14)
        value, under = (share.numerator, share.denominator * math.pi) if is_share else (value, under)
    top, bottom = product((number(value), *above), shape), product((number(under), *below), shape)
    return top if bottom.is_number and bottom.value == 1 else simplified("divide", (top, bottom), shape)


def _power(f: Expr, power: int) -> Expr:
    return simplified("power", (f, number(power)), f.shape)


def _written(terms: list[Term], shape: Shape) -> Expr:
    """The sum of terms, over their common denominators and with their common factors in front."""
    if not terms:
        return number(0)
    first = min(terms, key=lambda t: len(t.factors))
    shared = [k for k in first.factors if all(k in t.factors for t in terms)]
    powers = {k: [t.factors[k][1] for t in terms] for k in shared}
    common = {
        k: (first.factors[k][0], min(p) if min(p) > 0 else max(p)) for k, p in powers.items() if min(p) * max(p) > 0
    }  # fmt: skip
    size = _common_number([t.coefficient for t in terms], [power for _, power in common.values()])
    rest = []
    for t in terms:
        left = {k: (f, power - common.get(k, (f, 0))[1]) for k, (f, power) in t.factors.items()}
        rest.append(Term(t.coefficient / size if size != 1 else t.coefficient, {k: v for k, v in left.items() if v[1]}))
    rest.sort(key=_place_among(rest))
    whole, shape = shape, _shape_of(rest, shape)
    written = [_one(t, shape) for t in rest]
    grouped = _with_roots(rest, shape) if len(rest) == 3 else _grouped(rest, shape) if len(rest) == 4 else None
    if grouped is not None:
        written = [grouped]
    for two in combinations(rest, 2) if len(rest) == 3 else ():  # σ + a - σ a is σ (1 - a) + a
        if _share_much(*two):
            written = _paired(two, next(t for t in rest if t not in two), shape)
            break
    written = _over_one(rest, shape) or written
    scalars = {k: v for k, v in common.items() if not v[0].shape}
    arrays = {k: v for k, v in common.items() if v[0].shape}
    return product((_one(Term(size, scalars), ()), *_in_order(total(written), _one(Term(1, arrays), whole))), whole)


def _place_among(terms: Sequence[Term]) -> Callable[[Term], int]:
    """The place of a term in a sum: of a polynomial ``3 a² - 12 a + 11`` by their powers, of others by their sign."""
    bases = {k for t in terms for k in t.factors}
    first = max(terms, key=_degree)
    if len(bases) != 1 or len(terms) < 3 or any(not isinstance(t.coefficient, int | Fraction) for t in terms):
        return lambda t: t.coefficient < 0
    return lambda t: -_degree(t) if first.coefficient > 0 else _degree(t)


def _degree(t: Term) -> int:
    return sum(power for _, power in t.factors.values())


def _shape_of(terms: Iterable[Term], shape: Shape) -> Shape:
    """The shape of a sum of terms in a formula of some shape: none, if they are numbers."""
    return shape if any(f.shape for t in terms for f, _ in t.factors.values()) else ()


def _in_order(inner: Expr, beside: Expr) -> list[Expr]:
    """A sum and the factors beside it in the order in which they are written."""
    factors = factors_of(beside)
    is_rest = any(f.names == inner.names for f in factors)  # g ⊙ o ⊙ (1 - o), but (p - y) ⊙ w
    return sorted((inner, *factors), key=lambda f: (_is_last(f)[1], f is inner and is_rest))


def _over_one(terms: Sequence[Term], shape: Shape) -> list[Expr]:
    """Several terms over a denominator that they share, of a normalisation, and the others, of a residual; or none."""
    below = [{k for k, (_, power) in t.factors.items() if power < 0} for t in terms]
    often = Counter(k for under in below for k in under)
    shared = next((k for k, count in often.items() if 2 < count < len(terms)), None)
    if shared is None:
        return []
    pairs = list(zip(terms, below, strict=True))
    together, others = ([t for t, under in pairs if (shared in under) == is_it] for is_it in (True, False))
    return [_written(together, shape), *(_one(t, shape) for t in others)]


def _paired(two: Sequence[Term], other: Term, shape: Shape) -> list[Expr]:
    """Two terms as one product, and a third: ``d - (1 - y) max(0, d)``."""
    sign = -1 if min(two, key=lambda t: len(t.factors)).coefficient < 0 else 1
    pair = product((number(sign), _written([replace(t, coefficient=sign * t.coefficient) for t in two], shape)), shape)
    return [pair, _one(other, shape)][::sign]


def _common_number(numbers: Sequence[Any], powers: Sequence[int]) -> Any:
    """The number in front of a sum and of factors to some powers: the size that all have, whole numbers' greatest
    divisor, or in a quotient the common denominator of fractions; ``(3 x - ½ y) / n`` stays.
    """
    sizes = {abs(c) for c in numbers}
    if len(sizes) == 1:
        return sizes.pop()
    finite = [Fraction(c) for c in numbers if np.isrealobj(c) and math.isfinite(c)]
    if len(finite) < len(numbers) or not powers:
        return 1
    if all(c.denominator == 1 for c in finite):
        return math.gcd(*(c.numerator for c in finite))
    below = math.lcm(*(c.denominator for c in finite)) if min(powers) < 0 else DIGITS  # (x + y - 2 z) / (2 n)
    return Fraction(1, below) if below < DIGITS and max(map(abs, finite)) * below <= 2 else 1


def _share_much(a: Term, b: Term) -> bool:
    """Whether two terms have a sum, a function of each entry, or several factors in common; or are ``w - c w``."""
    both = [f for k, (f, power) in a.factors.items() if k in b.factors and power == b.factors[k][1]]
    few, many = sorted((a, b), key=lambda t: len(t.factors))
    others = [f for k, (f, power) in many.factors.items() if k not in few.factors and power == 1]
    is_rest = len(both) == len(few.factors) == len(many.factors) - len(others) and a.coefficient == -b.coefficient
    is_rest &= len(others) == 1 and not others[0].shape and any(f.shape for f in both)
    return is_rest or len(both) > 1 or any(f.role in ("sum", "difference") or is_call(f) for f in both)


def _with_roots(terms: Sequence[Term], shape: Shape) -> Expr | None:
    """A square polynomial of an array that has rational roots: ``3 a² - 4 a + 1`` as ``(1 - a) (1 - 3 a)``."""
    powers = {_degree(t): t for t in terms}
    bases = {k: f for t in terms for k, (f, _) in t.factors.items()}
    numbers = [Fraction(t.coefficient) for t in terms if isinstance(t.coefficient, int | Fraction)]
    if powers.keys() != {0, 1, 2} or len(bases) != 1 or len(numbers) < 3:
        return None
    [(key, x)], (c, b, a) = bases.items(), (Fraction(powers[k].coefficient) for k in range(3))
    square = b * b - 4 * a * c
    root = Fraction(math.isqrt(max(square.numerator, 0)), math.isqrt(square.denominator))
    if root * root != square or not x.shape:
        return None
    roots = sorted(((-b + sign * root) / (2 * a) for sign in (1, -1)), reverse=True)
    sign = -1 if roots[-1] > 0 else 1  # (1 - a) (1 - 3 a)
    sides = [[Term(sign * r.denominator, {key: (x, 1)}), Term(-sign * r.numerator, {})] for r in roots]
    front = _one(Term(a / math.prod(r.denominator for r in roots), {}), ())
    factors = (total([_one(t, shape) for t in sorted(side, key=lambda t: t.coefficient < 0)]) for side in sides)
    return product((front, *factors), shape)


def _grouped(terms: Sequence[Term], shape: Shape) -> Expr | None:
    """Four terms as a product of two sums: ``b Y + G p - b p - G Y`` as ``(b - G) (Y - p)``."""
    first = min(terms, key=lambda t: (t.coefficient < 0, len(t.factors)))  # 1 - a, not a - 1
    for a, (f, _) in first.factors.items():
        two, others = [t for t in terms if a in t.factors], [t for t in terms if a not in t.factors]
        for b, (h, _) in others[0].factors.items() if len(two) == 2 else ():
            left, right = ([_apart_from(k, t) for t in pair if k in t.factors] for k, pair in ((a, two), (b, others)))
            pairs = [(x, y) for x in left for y in right if _key(x) == _key(y)]
            ratios = [x.coefficient / y.coefficient for x, y in pairs]
            if len(left) == len(right) == len(ratios) == 2 and {*ratios} in ({1}, {-1}):
                outer = total([f, product((number(int(ratios[0])), h), h.shape)])
                weights = sorted((outer, _written(left, shape)), key=lambda f: bool(f.shape or not f.of.is_number))
                return product(weights, shape)
    return None


def _key(t: Term) -> frozenset[tuple[str, int]]:
    return frozenset((k, power) for k, (_, power) in t.factors.items())


def _apart_from(key: str, t: Term) -> Term:
    return replace(t, factors={k: v for k, v in t.factors.items() if k != key})


def _is_last(e: Expr) -> tuple[bool, bool]:
    """The place of a factor beside others: gradients come first, then names."""
    return bool(e.args), "/" not in str(e.value)


def is_call(e: Expr) -> bool:
    """True for a function of each entry, such as σ."""
    return e.row is not None and bool(e.row.entrywise) and e.role not in _ARITHMETIC


#: The roles of what is read as arithmetic, not as a call.
_ARITHMETIC = (
    "sum", "difference", "product", "quotient", "negation", "square", "power", "total", "transpose", "matrix transpose",
    "matrix product", "outer product", "broadcast", "inverse",
)  # fmt: skip


def has_ones(e: Expr) -> bool:
    """True if a matrix in a product of matrices is one number that is repeated, which has no name on a board."""
    products = (part for part in walk(e) if part.role in ("matrix product", "outer product", "dot product", "solution"))
    factors = (a.of if a.role == "reshape" else a for part in products for a in part.args)
    return any(a.role == "broadcast" and not a.of.shape for a in factors)


def occurrences(word: str, e: Expr) -> int:
    """The number of times that a name is written in a formula."""
    return fold(e, lambda part, counts: sum(counts) + (part.value == word if part.role == "name" else 0))


def leaves(e: Expr) -> int:
    """The number of names, numbers and calls in a formula; ``1[c]`` is as long as its condition.

    A number with more digits than a person writes counts as several.
    """

    def count(part: Expr, counts: tuple[int, ...]) -> int:
        if part.is_number and len(TEXT.number(part.value)) > DIGITS:
            return 4
        is_indicator = part.role == "selection" and {x.value for x in part.args[1:] if x.is_number} == {0, 1}
        is_row = part.role == "reshape" and part.of.role == "name" or part.head == "onehot"  # an index: dL/dsᵢ; Y
        is_indicator |= part.role == "placement" and part.of.role == "broadcast"  # 1[j = 0]
        is_test = part.row is TABLE["equal"] and part.of.role == "index" and part.args[1].is_number
        is_indicator |= is_test  # event[i] = 1
        return counts[0] if is_indicator or is_row else sum(counts) + (part.role not in _ARITHMETIC)

    return fold(e, count)
