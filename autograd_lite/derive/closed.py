"""Gradients in closed form: in terms of values, or of the gradient of one landmark."""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import permutations, product as pairs_of
from types import MappingProxyType
from typing import Any

import numpy as np

from ..base.cached_method import cached_method
from ..program import Var
from ..table import TABLE
from .chain_rule import Chain
from .collect import Form, has_ones, leaves, occurrences, over_one
from .entries import entries, is_convolution
from .factors import Combine, Factor, scalars_apart, total
from .formula import (
    Expr,
    Labels,
    constant,
    factors_of,
    index_parts,
    is_cut,
    multiplied,
    name,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)
from .formula_ops import evaluate, substitute
from .matrices import PRODUCTS, gathered
from .policy import Logits
from .simplify import full, product, simplified
from .textbook_parser import Written, formula

NEAR = 8  # landmarks between a gradient and the one that it is written in terms of
WEIGHTS = 12  # entries of a vector of weights that is written out
MOST = 100  # a weight
LONG = 24  # names and numbers in a closed form that another may be made of


@dataclass(frozen=True, eq=False)
class Closed:
    """A gradient in terms of values.

    Attributes
    ----------
    formula : Expr
    start : frozenset of Var
        The landmarks whose gradients are in the formula, or the result.
    ones : tuple of Expr
        The sums that are 1, which it uses.
    through : frozenset of Var
        The landmarks between the start and what it is the gradient of.
    labels : mapping of str to Expr
        What the indicators of labels in it stand for: ``onehot(y)``.
    symmetric : tuple of str
        The matrices whose transposes are not written.
    is_alone : bool
        Whether it is written instead of the gradients between, also of values with names.
    is_smooth : bool
        Whether it needs no convention at a kink.
    """

    formula: Expr
    start: frozenset[Var]
    ones: tuple[Expr, ...] = ()
    through: frozenset[Var] = frozenset()
    labels: Mapping[str, Expr] = field(default_factory=dict)
    symmetric: tuple[str, ...] = ()
    is_alone: bool = False
    is_smooth: bool = False

    @property
    def is_zero(self) -> bool:
        return self.formula.is_number and not self.formula.value


def _is_size(e: Expr) -> bool:
    """True for -3, of which Σᵢ 1 says more."""
    return e.is_number and abs(e.value) > 2


def _is_beside(e: Expr, plain: set[str]) -> bool:
    """Whether indicators of single positions stand by themselves in a sum that needs no indices: ``P - Y``."""
    terms = [term for _, term in terms_of(e) if not plain.isdisjoint(term.names)]
    alone = all(sum(bool(f.shape) for f in factors_of(scalars_apart(term)[1])) == 1 for term in terms)
    return alone and e.role in ("sum", "difference") and not entries((e,), e.shape)[0]


def _with_tie(e: Expr) -> Expr | None:
    """``1[a < b] + ½ 1[a = b]`` as 1[a ≤ b]."""
    match e:
        case Expr(role="sum", args=(Expr(head="less", args=of), Expr(role="product", args=(half, Expr(head="equal"))))):
            return unsimplified("less_equal", of, e.shape) if half.value == 0.5 else None
    return None


def _is_moved_twice(e: Expr) -> bool:
    """True for a slice of an array in the place of another, or a convolution of another, whose own gradient is the
    shorter line.
    """
    if is_convolution(e):
        return any(is_convolution(p) for a in e.args for p in walk(a))
    return e.role == "placement" and is_cut(e) and any(p.role == "index" and is_cut(p) for p in walk(e.of))


def _with_number(e: Expr) -> Expr | None:
    """A product with a 1x1 matrix of a number as one with the number: ``½ S⁻¹ @ e`` for S⁻¹ @ [[½]] @ e."""
    for k, c in enumerate(e.args if e.role == "matrix product" else ()):
        of = c.of if c.role == "broadcast" else c
        if of.is_number and c.shape in ((), (1, 1)) and e.args[1 - k].shape == e.shape:
            return product((of, e.args[1 - k]), e.shape)
    return None


def _is_of_rows(e: Expr) -> bool:
    """True for ``Σⱼ aᵢⱼ bᵢⱼ`` of two matrices."""
    terms, _, result = e.params["subscripts"].partition("->")
    return len(terms) == 5 and terms[:2] == terms[3:] and result == terms[0]


def _is_tie(e: Expr) -> bool:
    """True for ``1[s = max(s)]``."""
    return e.row is TABLE["equal"] and all(a.shape or a.role in ("reduction", "name") for a in e.args)


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The sum of some terms p, in each sample, of whose logarithm a result has the sum or the mean.

    Attributes
    ----------
    name : Expr
        The name r of the shares.
    shares : Expr
        ``p / Σⱼ pⱼ``
    gradients : dict
        Gradients in terms of r: with respect to p, or to D and w where p = D ⊙ w, of ``D @ w``; each in several forms.
    """

    name: Expr
    shares: Expr
    gradients: dict[Var, tuple[Expr, ...]]


class Candidates:
    """The gradients of `chain` in closed form; each is a candidate, which is compared with the engine's.

    `consumers` has the landmarks that use each, and `factors` the derivatives between them.
    """

    def __init__(
        self, chain: Chain, consumers: Mapping[Var, list[Var]], factors: Mapping[tuple[Var, Var], Factor]
    ) -> None:
        self.chain, self.consumers, self.factors = chain, consumers, factors

    @cached_method
    def closed(self, n: Var, start: frozenset[Var]) -> Closed | None:
        """The gradient with respect to `n` in terms of values and the gradients of `start`; None if that is long."""
        terms, ones, through = [], dict[str, Expr](), set[Var]()
        for user in self.consumers.get(n, []):
            f = self.factors[user, n]
            above = self._above(f, start)
            through |= {user} - start
            is_stated = f.pull is not None and f.formula.head != "identity"  # of a trace it is I
            if above is None or is_stated or f.combine in (Combine.LEFT, Combine.RIGHT):
                return None
            is_einsum = any(part.role == "contraction" for part in walk(f.formula))
            if is_einsum and not above.formula.is_atom:
                return None
            is_linear = f.is_map and bool(above.formula.shape)  # a map is
            beside, core = scalars_apart(above.formula if is_linear else number(1))
            core = core if is_linear else above.formula
            core = core if core.shape or not f.is_map else full(core, f.of.shape)  # Σ 1 / n
            of = replaced(substitute(f.formula, {f.cotangent: core}), _with_number)
            terms.append(beside(f.below(core, of, *f.shapes)))
            ones |= {one.key: one for one in above.ones}
            through |= above.through
        short = self.chain.shorter
        letters = {self.chain.names[m] for m in through & self.chain.unnamed}
        whole = self._without_shift(n, total(terms)) if terms else number(0)
        forms = self._fitting([*short.forms(whole, letters), (whole, [])] if terms else [])
        if any(len(terms_of(e)) > 1 and any(x.role == "quotient" for _, x in terms_of(e)) for e, _ in forms):
            forms += self._fitting([*short.forms(whole, how=over_one)])
        forms += self._fitting(self._of_each(terms, letters))
        c = self.chain
        if start == {c.root} and n in c.defined and c.definition(n).role == "matrix product":
            users = self.consumers.get(n, ())
            further = {c.names[m] for m in through - {c.root, *users}}  # r (μ - y) / (r + μ), without p
            forms += self._fitting([*short.forms(whole, further)]) if further - letters else []
        if not forms:
            return None
        e, more = min(forms, key=lambda form: leaves(form[0]) + 2 * len(form[0].names & letters))
        given = self.chain.constants.values.keys() - self.chain.introduced
        given |= self._data
        ones |= {one.key: one for one in more if one.names <= given}
        labels = {word: stated for word, stated in short.labels.items() if word in e.names}
        used = frozenset(m for m in start if m is self.chain.root or self.chain.gradient_symbol(m) in e.names)
        return Closed(e, used, tuple(ones.values()), frozenset(through), labels)

    def _without_shift(self, n: Var, e: Expr) -> Expr:
        """A gradient without the term of the maximum by which ``exp(s - max(s))`` is shifted, if that is 0 at all
        points.
        """
        terms = [product((number(sign), x), x.shape) for sign, x in terms_of(e) if not any(map(_is_tie, walk(x)))]
        if not 0 < len(terms) < len(terms_of(e)):
            return e
        rest, short = total(terms), self.chain.shorter
        return rest if short.is_gradient(n, rest) and short.is_gradient_of_data(n, rest) else e

    def _of_each(self, terms: Sequence[Expr], letters: set[str]) -> list[Form]:
        """A sum of several terms, each in its short form: two losses of one softmax."""
        forms = self.chain.shorter.forms
        each = [min(forms(e, letters), key=lambda form: leaves(form[0]), default=(e, [])) for e in terms]
        return [(total([e for e, _ in each]), [one for _, more in each for one in more])] if len(terms) > 1 else []

    def _fitting(self, forms: Sequence[Form]) -> list[Form]:
        """Those of some forms that a derivation may have."""
        forms = [form for form in forms if leaves(form[0]) <= LONG and not has_ones(form[0]) and not _is_size(form[0])]
        forms = [form for form in forms if not any(map(_is_moved_twice, walk(form[0])))]
        labels = self.chain.shorter.labels
        plain = {word for word, e in labels.items() if all(part.role != "name" for part in walk(e))}
        return [form for form in forms if plain.isdisjoint(form[0].names) or _is_beside(form[0], plain)]

    def quadratic(self, n: Var) -> Closed | None:
        """The gradient of a form such as ``x @ A @ x`` or ``tr(Wᵀ C W)`` as one product: ``(A + Aᵀ) @ x``; or through
        products without names to what has one, ``Aᵀ @ dL/dS @ A`` of ``S = A @ P @ Aᵀ``.
        """
        users = self.consumers.get(n, ())
        ends = set[Var]().union(*(self._ends(m) if m in self._letters else (m,) for m in users))
        through, symmetric = self.between(n, ends), dict[str, None]()
        e = self._product(n, through)
        roles = {part.role for part in walk(e)} if e is not None else set()
        if e is None or roles.isdisjoint(PRODUCTS) or not roles.isdisjoint(("placement", "concatenation")):
            return None
        above = {self.chain.gradient_symbol(m): m for m in ends}
        start = frozenset(m for word, m in above.items() if m is self.chain.root or word in e.names)
        numbers = {word: self.closed(m, frozenset({self.chain.root})) for word, m in above.items() if not m.shape}
        plain = {word: form.formula for word, form in numbers.items() if form is not None and form.formula.is_number}
        plain = {word: c for word, c in plain.items() if c.value != 1}
        e = gathered(substitute(e, plain), partial(self.chain.is_of_symmetric, symmetric))  # ½ beside ½
        letters = {self.chain.names[m] for m in self.chain.unnamed}
        forms = (e, *(form for form, ones in self.chain.shorter.forms(e, set()) if not ones))
        e = min(forms, key=lambda e: leaves(e) + 2 * len(e.names & letters))
        return Closed(e, start, (), through, symmetric=tuple(symmetric))

    def _product(self, n: Var, through: Collection[Var]) -> Expr | None:
        """The gradient with respect to `n` through these landmarks as one product, or a sum of such."""
        are_products = bool(through) and all(self.chain.definition(m).role == "matrix product" for m in through)
        is_inner = are_products and self.chain.root not in self._ends(n)
        users, word = self.consumers.get(n, ()), self.chain.names[n]
        definitions = (self.chain.definition(m) for m in users if m in self._letters)
        is_twice = any(e.role in PRODUCTS and occurrences(word, e) > 1 for e in definitions)  # of tr(Rᵀ R)
        is_tried = n.ndim and (is_inner or len(users) > 1 or is_twice)
        e = self._of_products(n, are_products) if is_tried else None
        while e is not None and (here := (e.names & self._written_out.keys()) - {word}):
            e = substitute(e, {word: self._written_out[word] for word in here})
        return e

    @cached_property
    def _data(self) -> set[str]:
        """The names of the inputs that are not learned."""
        return {self.chain.names[m] for m in self.chain.landmarks if self.chain.is_input(m)} - self._learned

    @cached_property
    def _written_out(self) -> dict[str, Expr]:
        """What stands for the letters in products of matrices; a symmetric sum, such as WᵀW - I, keeps its letter."""
        words = {self.chain.names[m]: self.chain.definition(m) for m in self._letters}
        sums = {word for word, of in words.items() if of.role in ("sum", "difference")}
        return {word: of for word, of in words.items() if word not in sums or not self.chain.is_symmetric(word)}

    def _of_products(self, n: Var, matrices: bool) -> Expr | None:
        """The gradient with respect to `n` in terms of those of the first numbers with a name, or `matrices`, where all
        that lies between are matrices without names.
        """
        terms = []
        for user in self.consumers.get(n, ()):
            f, is_root = self.factors[user, n], user is self.chain.root
            is_inner = user in self._letters
            above = number(1) if is_root else self._of_products(user, matrices) if is_inner else None
            is_linear = matrices and (f.formula.is_number or not f.is_elementwise)
            is_linear |= f.combine in (Combine.LEFT, Combine.RIGHT) and user.shape != ()
            if not is_inner and (is_linear or not user.shape) and not is_root:
                above = name(self.chain.gradient_symbol(user), user.shape)
            is_symbol = f.formula.role == "name" and "/" in f.formula.value  # of a step that has no textbook
            is_one = f.combine in (Combine.LEFT, Combine.RIGHT) and above is not None and above.shape != user.shape
            if above is None or is_symbol or is_one or is_root and not f.is_elementwise:
                return None
            terms.append(f.below(above, substitute(f.formula, {f.cotangent: above}), *f.shapes))
        return total(terms)

    def _above(self, f: Factor, start: frozenset[Var]) -> Closed | None:
        """The gradient above a factor: its symbol where the form starts, or else a form of its own."""
        if f.of not in start:
            return self.closed(f.of, start)
        if f.of is self.chain.root:
            return Closed(number(1), start) if f.is_elementwise else None
        return Closed(name(self.chain.gradient_symbol(f.of), f.of.shape), start)

    def stated(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The forms that the textbook of a step that uses `n` states: each as it is compared, and as it is written."""
        c, users = self.chain, self.consumers.get(n, [])
        forms = [text for step in map(c.known, users) if step is not None for text in step.book.closed]
        solutions = (eq for eq in c.program.equations if eq.algebra == "solution")
        solved = [eq for eq in solutions if isinstance(eq.x, Var) and eq.x in (n, *users)]
        for eq in solved if forms else ():
            x, b = name(c.names[n], n.shape), eq.operands[1]
            b = c.expression(b) if isinstance(b, Var) else c.operand(eq, 1)
            z = simplified("linalg.solve", (x, b), b.shape)
            value = evaluate(z, c.environment())
            same = (c.names[m] for m in c.landmarks if m.shape == z.shape and np.allclose(c.values[m], value))
            word = next(same, "")
            new = word or c.introduced_name("alpha", value)
            meanings = {"x": Written(x, c.values[n]), "z": Written(name(new, z.shape), value)}
            sizes = [Written(name(size), k) for size, k in c.constants.sizes.items()]
            meanings |= {"n": sizes[0]} if sizes else {}
            for text in forms:
                with suppress(ValueError):
                    e = formula(text, meanings).formula
                    form = Closed(e, frozenset({c.root}), (), self.between(n), {} if word else {new: z})
                    yield replace(form, formula=substitute(e, form.labels)), form

    def of_labelled_rows(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of a cross-entropy of some rows, ``-mean(log(P[rows, y]))``: (P[rows] - Y) / n, there."""
        c = self.chain
        for user in self.consumers.get(n, ()):
            P, e = name(c.names[user], user.shape), c.definition(user)
            logs = [k for k in self.consumers.get(user, ()) if c.definition(k).role == "logarithm"]  # log(P)[rows, y]
            read = {name(c.names[m], m.shape).key: m for m in (user, *logs)}
            parts = [part for m in read.values() for k in self.consumers.get(m, ()) for part in walk(c.definition(k))]
            picked = [part for part in parts if part.role == "index" and part.of.key in read]
            for part in picked if e.role in ("softmax", "log of a softmax") and len(user.shape) == 2 else ():
                index = index_parts(part.params["index"])
                are_labels = len(index) == 2 and all(isinstance(i, Labels) and i.ndim == 1 and i.word for i in index)
                if not are_labels or not index[0].word.isidentifier():  # but states[:-1]
                    continue
                rows, y = index
                P = P if e.role == "softmax" else simplified("softmax", e.args, e.shape, **e.params)
                Y = c.shorter.labelled(np.eye(user.shape[1])[y], y.word)
                of_rows = unsimplified("getitem", (P,), Y.shape, index=rows, unique_indices=False)
                x, m = simplified("subtract", (of_rows, Y), Y.shape), c.size_name(len(rows))
                labels = {word: of for word, of in c.shorter.labels.items() if word == Y.value}
                params = {"index": rows, "unique_indices": False}
                yield from self._at_rows(n, (simplified("divide", (x, m), x.shape), x), params, labels=labels)

    def _at_rows(
        self, n: Var, rows: Iterable[Expr], params: Mapping[str, Any], ones: tuple[Expr, ...] = (),
        labels: Mapping[str, Expr] = MappingProxyType({}),
    ) -> Iterator[tuple[Closed, Closed]]:
        """Gradients that are each of these in some rows, which the parameters of a lookup say, and 0 in the others."""
        for x in rows:
            whole = unsimplified("into_zeros", (x,), n.shape, **{**params, "shape": n.shape})
            form = Closed(whole, frozenset({self.chain.root}), ones, self.between(n), labels, is_alone=True)
            yield form, form

    def of_target_rows(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of a cross-entropy of some rows, ``-Σ (Y[rows] ⊙ log(P[rows]))``: P[rows] - Y[rows], there."""
        c = self.chain
        picked = [(k, c.definition(k)) for user in self.consumers.get(n, ()) if c.definition(user).role == "softmax"
                  for k in self.consumers.get(user, ()) if c.definition(k).role == "index"]  # fmt: skip
        for k, e in picked:
            [rows, *others], of_rows = index_parts(e.params["index"]), name(c.names[k], k.shape)
            parts = [part for user in self.consumers.get(k, ()) for part in walk(c.definition(user))]
            products = [factors_of(part) for part in parts if part.role == "product" and part.shape == k.shape]
            logs = [(f, of) for of in products for f in of if f.row is TABLE["log"] and f.of.key == of_rows.key]
            for f, of in logs if isinstance(rows, Labels) and not others and len(k.shape) == 2 else ():
                target = multiplied([x for x in of if x is not f], k.shape)
                ones = (simplified("sum", (target,), k.shape[:1], axis=(1,), keepdims=False),)
                x, m = simplified("subtract", (e, target), k.shape), c.size_name(len(rows))
                yield from self._at_rows(n, (x, simplified("divide", (x, m), x.shape)), e.params, ones)

    def of_policy(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of a policy's loss with the entropies, of which `n` are the logits."""
        logits = Logits.of(self.chain, n) if self.consumers.get(n) else None
        other = self.closed(n, frozenset({self.chain.root})) if logits is not None else None
        is_alone = other is None or leaves(other.formula) > NEAR
        if logits is not None and (form := logits.gradient(self.between(n), is_alone)) is not None:
            whole, start, labels = form
            through = self.between(n, start) if self.chain.root not in start else self.between(n)
            is_smooth = start != {self.chain.root}  # the line of another gradient says what it is at a kink
            closed = Closed(whole, start, (), through, labels, is_alone=True, is_smooth=is_smooth)
            yield replace(closed, formula=substitute(whole, labels)), closed

    def of_weights(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of a sum of some entries with numbers, as Simpson's rule has: ``h [1, 4, 2, 4, 1] / 3``."""
        [end, *others] = self._ends(n) or [n]
        whole = self._passed(n, end) if not (others or end.shape or n.ndim != 1) and 2 < n.size <= WEIGHTS else None
        symbol = self.chain.gradient_symbol(end)
        if whole is None or len(terms_of(whole)) < 2:
            return
        if any(isinstance(p, Labels) for part in walk(whole) for p in index_parts(part.params.get("index", ()))):
            return  # weights at labels, which other data may have elsewhere
        env = {symbol: 1.0, **self.chain.environment()}
        if any(word not in env or np.ndim(env[word]) for word in whole.names):
            return
        value = evaluate(whole, env)
        scalars = [part for part in walk(whole) if not part.shape and part.names and np.all(evaluate(part, env))]
        for unit, c in pairs_of(sorted(scalars, key=leaves, reverse=True), (1, 2)):
            weights = c * value / evaluate(unit, env)
            if np.any(weights) and np.allclose(weights, np.round(weights), 0, 1e-9) and np.max(weights) < MOST:
                scalar = product((number(1 / c), unit), ())
                over, *below = scalar.args if scalar.role == "quotient" else (scalar,)
                e = multiplied((*factors_of(over), constant(np.round(weights).astype(int))), n.shape)
                e = unsimplified("divide", (e, *below), n.shape) if below else e
                form = Closed(e, frozenset({end}), (), self.between(n, {end}), is_alone=True)
                yield form, form

    def _passed(self, n: Var, end: Var) -> Expr | None:
        """The gradient with respect to `n` in terms of that of `end`, as it is passed through what has no name."""
        above = number(1) if end is self.chain.root else name(self.chain.gradient_symbol(end), end.shape)
        terms = list[Expr]()
        for user in self.consumers.get(n, ()):
            f, g = self.factors[user, n], above if user is end else self._passed(user, end)
            if g is None or f.combine in (Combine.LEFT, Combine.RIGHT):
                return None
            terms.append(f.below(g, substitute(f.formula, {f.cotangent: g}), *f.shapes))
        return total(terms) if terms else None

    def of_log_softmax(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient ``softmax(a) - r`` of a log-likelihood in log_softmax(a), whose weights r add up to 1."""
        [user, *others] = self.consumers.get(n, [n])
        e = self.chain.definition(user) if user is not n and not others else None
        if e is None or e.role != "log of a softmax" or e.of.role != "name" or n.ndim != 1:
            return
        users, env = self.consumers.get(user, []), self.chain.environment()
        form = self.closed(user, frozenset({self.chain.root}))
        g = form.formula if form is not None and users != [self.chain.root] else None
        g = self.factors[self.chain.root, user].formula if users == [self.chain.root] else g
        if g is None or g.shape != n.shape or not g.names <= env.keys():
            return
        weight = float(np.sum(evaluate(g, env)))
        sums = [part.of for part in walk(g) if part.role == "total" and part.shape == g.shape]
        rows = [k for of in sums for k in of.shape[:1] if math.isclose(abs(weight), k, rel_tol=1e-12)]
        size = self.chain.size_name(rows[0]) if rows else number(1)
        if rows or math.isclose(abs(weight), 1, rel_tol=1e-12):
            sign = number(round(math.copysign(1, weight)))
            P = product((sign, size, simplified("softmax", e.args, e.shape, **e.params)), e.shape)
            whole = Closed(simplified("subtract", (g, P), g.shape), frozenset({self.chain.root}), (), self.between(n))
            yield whole, whole

    def of_smaller(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient ``min(a, δ)`` of Huber's loss, ``½ q² + δ (a - q)`` with q = min(a, δ)."""
        users = self.consumers.get(n, ())
        for user in users if len(users) > 1 else ():
            if self.chain.definition(user).role == "smaller":
                q = name(self.chain.names[user], user.shape)
                for e in (q, simplified("divide", (q, self.chain.size_name(n.size, n.shape)), n.shape)):
                    form = Closed(e, frozenset({self.chain.root}), (), self.between(n), is_alone=True)
                    yield form, form

    def of_clipped(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of ``min(r a, c a)`` with c = clip(r, 1 - ε, 1 + ε): a 1[r a ≤ c a], as both are equal between
        the ends of c.
        """
        root, users = frozenset({self.chain.root}), self.consumers.get(n, ())
        factors = [self.factors[user, n] for user in users] if len(users) == 2 else []
        above = [None if f.is_map else self._above(f, root) for f in factors]
        pairs = zip(factors, above, strict=True)
        terms = [product((of.formula, f.formula), n.shape) for f, of in pairs if of is not None]
        for e, other in permutations(terms) if len(terms) == 2 else ():
            form = Closed(replaced(e, _with_tie), root, (), self.between(n), is_alone=True, is_smooth=True)
            if any(part.head == "between" for part in walk(other)) and form.formula.key != e.key:
                yield form, form

    def of_shares(self, n: Var) -> Iterator[tuple[Closed, Closed]]:
        """The gradient of the log-likelihood ``Σ log(Σⱼ pⱼ)`` of a mixture in terms of the shares r = p / Σⱼ pⱼ, which
        are called responsibilities, as in Bishop, PRML, 9.2.2.
        """
        if (mixture := self._mixture) is None:
            return
        c, r, forms = self.chain, mixture.name, list[Expr]()
        letters, every = {c.names[m] for m in c.unnamed}, simplified("sum", (r,), (), axis=None, keepdims=False)
        for v in mixture.gradients.keys() & {n, *self.between(n)}:
            start = self.closed(n, frozenset({v})) if v is not n else None
            wholes = mixture.gradients[v] if v is n and v not in c.defined else ()
            if start is not None and start.start == {v}:
                wholes = tuple(substitute(start.formula, {c.gradient_symbol(v): g}) for g in mixture.gradients[v])
            pairs = [pair for e in wholes for pair in c.shorter.forms(e, letters)]
            forms += [form for form, ones in pairs if all(one.names == {r.value} for one in ones)]  # Σⱼ r = 1
        for e in sorted(forms, key=leaves)[:1]:
            e = replaced(e, lambda part: c.size_name(r.shape[0]) if part.key == every.key else None)
            form = Closed(e, frozenset({c.root}), (), self.between(n), {r.value: mixture.shares}, is_alone=True)
            yield replace(form, formula=substitute(e, form.labels)), form

    @cached_property
    def _mixture(self) -> _Mixture | None:
        """The mixture whose log-likelihood is the result, with terms that have names."""
        c, root, variables = self.chain, self.chain.root, {name(w, v.shape).key: v for v, w in self.chain.names.items()}
        parts = walk(c.definition(root)) if root in c.defined else ()
        logs = {part.of.key for part in parts if part.row is TABLE["log"]}
        letters = {c.names[v] for v in self._letters}
        for m, users in self.consumers.items() if c.shorter.points and logs else ():
            e = c.definition(m) if m.ndim == 1 and users == [root] and m in c.defined else number(1)
            of = [variables.get(a.key) for a in e.args]
            is_pair = e.role == "contraction" and _is_of_rows(e)
            is_it = (e.role in ("total", "matrix product") or is_pair) and name(c.names[m], m.shape).key in logs
            if not is_it or len(e.of.shape) != 2:
                continue
            alone = [(a, v) for a, v in zip(e.args, of, strict=True) if v is not None and self.consumers.get(v) == [m]]
            if not alone or not is_pair and alone[0][1] is not of[0]:
                continue
            x, v = alone[0]
            is_total = e.role == "total"
            terms = c.definition(of[0]) if is_total and of[0] in self._letters else product(e.args, e.of.shape)
            if not terms.names.isdisjoint(letters):  # which have perhaps no lines
                continue
            axis = e.params["axis"] if is_total else (1,)
            values = evaluate(terms, c.environment())
            kept = np.sum(values, axis=axis, keepdims=True)
            with np.errstate(all="ignore"):
                weights = c.shorter.points[0].gradients[v] * evaluate(x, c.environment()) / values * kept
            for over in (number(1), c.size_name(m.size)):
                k = np.ravel(weights)[0] * evaluate(over, c.environment())
                if not np.allclose(weights, weights.flat[0], 1e-9, 0) or not math.isclose(abs(k), 1, rel_tol=1e-9):
                    continue
                r = name(c.introduced_name("r", values / kept, is_one=True), e.of.shape)
                g = product((number(round(k)), r), r.shape)
                g = simplified("divide", (g, over), r.shape)
                by = {w: [a, *([c.definition(w)] if w in c.defined else [])] for w, a in zip(of, e.args, strict=True)}
                rows = [w for w in (of if is_pair else of[:1]) if w is not None]
                gradients = {w: tuple(simplified("divide", (g, a), r.shape) for a in by[w]) for w in rows}
                for w, x in zip(of[1:], e.args[1:], strict=True) if not is_pair else ():
                    total_of = simplified("sum", (g,), x.shape, axis=(0,), keepdims=False)
                    gradients |= {w: (simplified("divide", (total_of, x), x.shape),)} if w is not None else {}
                below = simplified("sum", (terms,), kept.shape, axis=axis, keepdims=True)
                if m not in self._letters:
                    word = name(c.names[m], m.shape)
                    below = simplified("reshape", (word,), kept.shape, shape=kept.shape, order="C")
                return _Mixture(r, simplified("divide", (terms, below), r.shape), gradients)
        return None

    def between(self, n: Var, ends: Container[Var] = ()) -> frozenset[Var]:
        """The landmarks between `n` and the result, or `ends`."""
        behind, stack = set[Var](), [n]
        while stack:
            users = self.consumers.get(stack.pop(), ())
            further = {m for m in users if m is not self.chain.root and m not in ends} - behind
            behind |= further
            stack += further
        return frozenset(behind)

    def start(self, n: Var) -> frozenset[Var]:
        """The landmarks with a name through which all paths from the result to `n` lead, if others lie between them."""
        return frozenset() if self._letters.isdisjoint(self.consumers.get(n, ())) else self._ends(n)

    def behind(self, n: Var) -> frozenset[Var]:
        """What uses the one landmark that uses `n`, if that has no name: of `n` in a square, the sum."""
        user, *others = self.consumers.get(n, [n])
        is_inner = not others and user in self._letters and self.chain.inputs_of(user) == [n]
        return frozenset(self.consumers[user] if is_inner else ())

    def meetings(self, n: Var) -> Iterator[frozenset[Var]]:
        """The first landmarks through which all paths from `n` to the result lead, if others lie between: one with a
        name, or two of which one uses `n`, as around a residual connection.
        """
        place = {m: k for k, m in enumerate(self.chain.landmarks)}
        direct = set(self.consumers.get(n, ()))
        users, between, passed = direct, len(direct) > 1, set[Var]()
        for _ in range(NEAR if between else 0):
            if len(users) == 2 < len(direct) and len(users & direct) == 1 and self.chain.root not in users:
                yield frozenset(users)
            is_named = users.isdisjoint(self._letters)
            if len(users) < 2 and (is_named or passed <= self._letters):  # or none of those between has a name
                yield frozenset(users - {self.chain.root})
            if len(users) < 2 and is_named:
                return
            first = min(users, key=place.__getitem__)
            passed.add(first)
            users = users - {first} | set(self.consumers.get(first, ()))

    @cached_method
    def _ends(self, n: Var) -> frozenset[Var]:
        """The first landmarks with a name on the paths from `n` to the result."""
        users = self.consumers.get(n, ())
        return frozenset().union(*(self._ends(m) if m in self._letters else (m,) for m in users))

    @cached_property
    def _learned(self) -> set[str]:
        """The names of the inputs that are differentiated with respect to."""
        return {self.chain.names[m] for m in self.chain.active if self.chain.is_input(m)}

    @cached_property
    def _letters(self) -> set[Var]:
        """The landmarks between others that have no name."""
        return self.chain.unnamed & self.chain.defined.keys() - {self.chain.root}
