"""The lines of a derivation: factors of the chain rule, and gradients, in the order in which a person derives them.

If every step is a factor (entry by entry, or a matrix from one side) and there are few, each gets a line, and a
gradient is their product. Otherwise each step gets a line for its gradient, which refers to the upstream gradient by
name: ``dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, combinations
from typing import Any

import numpy as np

from ..base.cached_method import cached_method
from ..program import Var
from ..program.naming import stem
from .chain_rule import Chain
from .closed import Candidates, Closed
from .collect import has_kinks, has_ones, is_call, leaves, occurrences, over_one
from .common_factors import is_short_sum
from .entries import added, has_windows
from .factors import Combine, Factor, beside, carried, scalars_apart, summed, total
from .formula import (
    Expr,
    constant,
    factors_of,
    fold,
    index_parts,
    is_diagonal,
    multiplied,
    name,
    number,
    replaced,
    terms_of,
    unsimplified,
    walk,
)
from .formula_ops import evaluate, largest, substitute
from .matrices import with_diagonal, without_halves
from .rolled import before_first, length
from .simplify import again, full, product, simplified, times, transposed
from .steps import PRODUCTS

MANY = 8  # factors; beyond this, each gradient gets its line
SHORT = 8  # names and numbers in a closed form, and in what is written instead of a letter
_PASSING = ("matrix product", "outer product", "index")  # what passes on the gradient of a line above as it is
WIDE = 12  # names and numbers in a gradient that skips landmarks without a name
PLAIN = 2  # names and numbers of a gradient that has no line, λ / 2; of -1 / (2 n) there are three
FEW = 4  # names and numbers of what is written out in a closed form
BOARD = 300  # landmarks; of more, no gradient is written in closed form


@dataclass(frozen=True, eq=False)
class Total:
    """The derivative of the result with respect to one landmark: a sum over paths from the result or another total.

    Attributes
    ----------
    paths : tuple of tuple of Factor
    starts, parts : tuple
        The cotangent at the start of each path, and its term.
    closed : Closed or None
        The gradient in closed form, where that is shorter: ``(P - t) / n``.
    """

    node: Var
    symbol: str
    paths: tuple[tuple[Factor, ...], ...]
    starts: tuple[Any, ...]
    parts: tuple[Any, ...]
    value: Any
    closed: Closed | None = None


class Lines:
    """The lines of the derivation of `chain` with respect to `wrt`."""

    def __init__(self, chain: Chain, wrt: Sequence[Var]) -> None:
        self.chain, self.asked = chain, frozenset(wrt)
        self.reach = chain.reaching(wrt)
        self.consumers: dict[Var, list[Var]] = {}
        for n in chain.landmarks:
            for m in self.inputs(n) if n in self.reach else ():
                self.consumers.setdefault(m, []).append(n)
        self.factors = {(n, m): chain.factor(n, m) for m, users in self.consumers.items() for n in users}
        maps = [f for f in self.factors.values() if f.is_map]
        sums = [f for f in self.factors.values() if 0 < f.of.ndim < f.wrt.ndim and f.is_elementwise]
        # Of a factor with entries and a single number the index would stand at the number: db/dnᵢ.
        entries = [f for f in self.factors.values() if f.is_elementwise and np.prod(f.formula.shape) > 1]
        numbers = [f for f in entries if f.of.size > f.wrt.size == 1]
        looped = any(map(self._is_looped, self.reach))  # a recursion of gradients
        are_windows = any(has_windows(f.formula) for f in self.factors.values())
        are_written = are_windows or bool(self.direct) or any(form.is_zero for form in self._short.values())
        are_forms = any(part.role == "matrix product" and part.shape for f in entries for part in walk(f.formula))
        self.by_gradients = bool(are_forms or maps or sums or numbers or looped or are_written)
        self.by_gradients |= len(self.factors) > MANY
        self.by_gradients |= len(self.factors) > FEW and (self._has_ways() or self._has_parts())

    def _has_parts(self) -> bool:
        """Return True if the result only adds a number with a name, as that of a penalty, to others."""
        at_root = [f for (n, m), f in self.factors.items() if n is self.chain.root and m in self.chain.defined]
        return any(f.formula.is_number and not f.wrt.shape for f in at_root) and len(at_root) > 1

    def _has_ways(self) -> bool:
        """Return True if a gradient inside is passed on several ways to the same value."""
        below: dict[Var, set[Var]] = {}
        for n in (n for n in self.chain.landmarks if n in self.reach):
            ways = [below[m] for m in self.inputs(n)]
            below[n] = {n}.union(*ways)
            if n is not self.chain.root and sum(map(len, ways)) >= len(below[n]):
                return True
        return False

    def _is_looped(self, n: Var) -> bool:
        """Whether a landmark is that of a step of a loop."""
        return stem(self.chain.names[n]) in self.chain.looped

    @cached_property
    def totals(self) -> set[Var]:
        """The landmarks whose gradient gets a line."""
        if self.by_gradients:
            return self.reach - {self.chain.root} | self.asked
        meeting = {n for n, users in self.consumers.items() if len(users) > 1}
        return meeting | self.asked | {n for n in self.reach if self.short(n)}

    @cached_method
    def inputs(self, n: Var) -> list[Var]:
        """What a step is differentiated with respect to: parameters first, since they complete a gradient."""
        inputs = [m for m in self.chain.inputs_of(n) if m in self.reach]
        return sorted(inputs, key=lambda m: m in self.chain.defined or m not in self.asked)

    def all(self) -> list[Factor | Total]:
        """From the result down, each gradient as soon as its factors are known."""
        root = self.chain.root
        out: list[Factor | Total] = []
        arrived: dict[Var, Any] = {root: np.ones(root.shape)}
        for n in reversed(self.chain.landmarks):
            if n not in self.reach or n in arrived and n is not root:
                continue
            if n in self.totals and n is not root:
                out.append(self._total(n, arrived))
            for m in self.inputs(n):
                if not self.by_gradients:
                    out.append(self.factors[n, m])
                if self.consumers[m][0] is n and m in self.asked and self.chain.is_input(m):  # the oldest comes last
                    out.append(self._total(m, arrived))
        return out

    def _total(self, n: Var, arrived: dict[Var, Any]) -> Total:
        paths, starts, terms = [], [], []
        users = sorted(self.consumers.get(n, []), key=lambda k: self._later(k, n))
        stack: list[tuple[Var, tuple[Factor, ...]]] = [(k, (self.factors[k, n],)) for k in users]
        while stack:
            at, path = stack.pop()
            if at is self.chain.root or at in self.totals:
                paths.append(path)
                starts.append(arrived[at])
                terms.append(carried(arrived[at], path))
            else:
                stack += [(k, (self.factors[k, at], *path)) for k in self.consumers[at]]
        short = self.short(n)
        arrived[n] = value = sum(terms) if terms and not (short and short.is_zero) else np.zeros(n.shape)
        symbol = self.chain.gradient_symbol(n)
        return Total(n, symbol, tuple(paths), tuple(starts), tuple(terms), value, short)

    def _later(self, k: Var, n: Var) -> tuple[float, int]:
        """The rounds of a loop from `n` to its user `k`, and the place of that in one; of no loop it is the last."""
        turns = self.chain.rounds
        first = turns.get(k, [k])[0] if n in turns else k
        is_last = k not in turns or n not in turns or first in self.chain.running
        return math.inf if is_last else self.chain.turn(k) - self.chain.turn(n), self.chain.place.get(first, 0)

    # ---------------------------------------------------------------------------------------------- closed forms

    @cached_property
    def candidates(self) -> Candidates:
        """The gradients in closed form."""
        return Candidates(self.chain, self.consumers, self.factors)

    def short(self, n: Var) -> Closed | None:
        """The gradient with respect to `n` in closed form, if that is shorter than in terms of other gradients."""
        return self._short.get(n)

    @cached_property
    def _short(self) -> dict[Var, Closed]:
        chosen: dict[Var, Closed] = {}
        equal: dict[Var, Closed] = {}  # no shorter, but it skips landmarks without a name
        result, at_labels = [self.chain.root], self._at_labels  # not what is one factor of it
        order = reversed(self.chain.landmarks if len(self.reach) <= BOARD else ())  # what is used later comes first
        for n in (n for n in order if n in self.reach):
            if n not in at_labels and self.consumers.get(n, result) == result:
                chosen |= {n: Closed(number(0), frozenset(result))} if self._cancels(n) else {}
                continue
            if (stated := self._zero(n, chosen) or self._stated(n)) is not None:
                chosen[n] = stated
                continue
            near, whole, long = self._forms(n)
            if near is not None and self._is_short(n, near, long):
                is_shorter = leaves(near.formula) < self._length(n) - self._named(n, near)
                is_shorter |= near.start == self._of_softmax(n) != frozenset()
                (chosen if is_shorter or self._is_all(n, near) else equal)[n] = near
                long = leaves(near.formula)
            if whole is None:
                continue
            says_more = bool(whole.labels) and not self._is_said(n, chosen, at_labels)  # P - Y than positions
            is_plain = self._is_direct(n, whole) or not any(map(_is_of_product, walk(whole.formula)))
            users = self.consumers.get(n, [])
            is_looped = len(users) > 2 and all(map(self._is_looped, users)) and not self._is_looped(n)
            size = length(whole.formula) if is_looped else leaves(whole.formula)  # Σᵢ (pᵢ - y[i]) X[i]
            is_short = size < self._most(n, whole, long + 2 * says_more) + is_looped * PLAIN
            is_short |= size <= FEW + 2 and self._is_predictor(n) and _is_residual(whole.formula)
            if is_plain and is_short and self._is_right(n, whole):
                chosen[n] = whole
        return self._alike(self._skipping(equal, chosen) | chosen)

    def _is_predictor(self, n: Var) -> bool:
        """Whether `n` is a linear predictor, ``X @ w + b``, of whose gradient a book has the closed form, or is one
        that is given: a vector of which functions are taken entry by entry.
        """
        if n in self.asked and n not in self.chain.defined:
            return bool(n.shape) and not any(self.factors[k, n].is_map for k in self.consumers.get(n, ()))
        terms = terms_of(self.chain.definition(n)) if n in self.chain.defined and n.shape else []
        return any(of.role == "matrix product" for _, of in terms)

    def _most(self, n: Var, form: Closed, long: int) -> int:
        """The length below which a gradient in terms of values alone is preferred to lines of length `long`."""
        softmaxes = self._is_of_softmaxes(form)
        is_labelled = form.labels and all(part.role != "matrix product" for part in walk(form.formula))
        if softmaxes or self._is_of_cases(n, form) or is_labelled and self._is_in_softmax(n):
            return WIDE + SHORT * softmaxes
        return min(long + any(map(_is_without_unit, walk(form.formula))), SHORT + 1)

    def _alike(self, chosen: dict[Var, Closed]) -> dict[Var, Closed]:
        """Those of `chosen` that the values of a variable have in all rounds of a loop, if they are used alike, and
        that do not skip values of several rounds, whose lines are written once, or of some of the rounds.
        """
        names, rounds, before = self.chain.names, dict[Any, list[Var]](), len(chosen)

        def kind(m: Var) -> tuple[str, str]:
            """The variable of a value, and what computes it: softmax of the last of some layers."""
            return stem(names[m]), self.chain.definition(m).role if m in self.chain.defined else ""

        passed_over = Counter(map(kind, {m for form in chosen.values() for m in form.through}))
        of_all = Counter(map(kind, self.reach))
        for n, form in list(chosen.items()):
            inside = (m for m in form.through if self.chain.rounds.get(m, [m])[0] not in self.chain.running)
            often, above = Counter(map(kind, inside)), {stem(names[m]) for m in form.start}
            skipped = {of for of in often if of[0] in self.chain.looped}
            is_sum = not self._is_looped(n) and all(often[word] == of_all[word] for word in skipped)  # over all rounds
            arrays = [m for m in form.through if m.shape and kind(m) in skipped]
            is_read = not any(m in self.chain.unnamed or self.consumers[m] != [self.chain.root] for m in arrays)
            is_sum = is_sum and not form.labels and is_read
            is_sum = is_sum and not any(part.role in ("placement", "stack") for part in walk(form.formula))
            is_apart = any(often[word] > 1 and not is_sum or passed_over[word] < of_all[word] for word in skipped)
            if {word for word, _ in skipped} & above or is_apart:
                del chosen[n]
        for n in filter(self._is_looped, self.reach):
            users = sorted(map(kind, self.consumers.get(n, ())))
            rounds.setdefault((stem(names[n]), *users), []).append(n)
        for values in rounds.values():
            passed = [n in chosen and {stem(names[m]) for m in chosen[n].through} for n in values]
            for n in chosen.keys() & {*values} if passed.count(passed[0]) < len(passed) else ():
                del chosen[n]
        return chosen if len(chosen) == before else self._alike(chosen)

    def _is_in_softmax(self, n: Var) -> bool:
        """Return True if `n` is only used as the logits of a softmax."""
        return all("softmax" in self.chain.definition(k).role for k in self.consumers.get(n, [self.chain.root]))

    def _is_of_softmaxes(self, form: Closed) -> bool:
        """Whether a form is the sum of those of several softmaxes, as of a student beside labels and a teacher."""
        through = [self.chain.definition(m).role for m in form.through]
        e = form.formula.of if form.formula.role == "quotient" else form.formula
        return len(terms_of(e)) > 1 and sum("softmax" in role for role in through) > 1

    def _is_said(self, n: Var, chosen: Mapping[Var, Closed], at_labels: Set[Var]) -> bool:
        """Whether a line above has the labels, P - Y, and is passed on as it is."""
        users = [k for k in self.consumers.get(n, ()) if k in chosen]
        roles = {part.role for k in users if chosen[k].labels for part in walk(self.factors[k, n].formula)}
        return any(k in at_labels for k in users) or not roles.isdisjoint(_PASSING)

    def _is_of_cases(self, n: Var, form: Closed) -> bool:
        """Whether a form has the cases that are steps of their own, as Huber's loss: where(|r| ≤ δ, r, δ sign(r))."""
        e = form.formula.of if form.formula.role == "quotient" else form.formula
        return e.role == "selection" and len(self.consumers.get(n, ())) > 1

    def _zero(self, n: Var, chosen: Mapping[Var, Closed]) -> Closed | None:
        """The gradient of `n` where it is 0; without a start if that of all that uses `n` is: it then has no line."""
        users = self.consumers.get(n, [self.chain.root])
        is_passed = n not in self.asked and all(k in chosen and chosen[k].is_zero for k in users)
        return Closed(number(0), frozenset(() if is_passed else users)) if is_passed or self._cancels(n) else None

    def _cancels(self, n: Var) -> bool:
        """True if the gradient of `n` is 0 as its terms cancel: of a largest value that is subtracted, and added again;
        of d1 in Black and Scholes's formula.
        """
        eq, users = self.chain.defined.get(n), self.consumers.get(n, ())
        is_extreme = eq is not None and eq.algebra == "reduction" and eq.row.fold is not None
        if n in self.asked or eq is None or n is self.chain.root:
            return False
        points = self.chain.shorter.points
        if not points or any(largest(p.gradients[n]) > 1e-12 * p.size for p in points):
            return False
        slopes = [[p.gradients[k] for p in points] for k in users if k is not self.chain.root]
        if not self.chain.shorter.is_gradient_of_data(n, number(0)):
            return False
        if is_extreme:
            return any(np.any(g) for of in slopes for g in of)  # by more than a hinge at rest
        are_far = [largest(g - of[0]) > 1e-6 * p.size for of in slopes for g, p in zip(of[1:], points[1:], strict=True)]
        return self._vanishes(n) or bool(are_far) and len(users) > 1 and all(are_far)  # no signs, 1 - 1

    def _vanishes(self, n: Var) -> bool:
        """Whether the gradient of a number is 0 although its terms are not, and are smooth, as those of ``S φ(d) - K
        exp(-r T) φ(d - σ √T)``.
        """
        env, users = self.chain.environment(), self.consumers.get(n, [self.chain.root])
        formulas, at = {k: self.factors[k, n].formula for k in users}, self.chain.shorter.points[0]
        for e in formulas.values():
            if e.is_number or not e.names <= env.keys() or any(map(has_kinks, walk(e))):
                return False
        above = {k: number(1) if k is self.chain.root else constant(at.gradients[k]) for k in users}
        terms = [product((above[k], e), ()) for k, e in formulas.items() if not n.shape and not k.shape]
        terms = [x for _, x in terms_of(terms[0])] if len(terms) == 1 else terms
        each = [np.asarray(evaluate(x, env)) for x in terms]
        return len(each) > 1 and all(map(np.any, each))

    def _skipping(self, equal: dict[Var, Closed], chosen: dict[Var, Closed]) -> dict[Var, Closed]:
        """Those of `equal` that skip only what no other line needs."""
        passed, either = {m for form in equal.values() for m in form.through}, equal | chosen
        direct = {n for n, form in either.items() if self._is_direct(n, form)}
        written = [f.formula for (_, n), f in self.factors.items() if n not in direct and n not in passed]
        forms, used = [form for n, form in either.items() if n not in passed], _names(written)
        kept = {m for m in passed if not (self._is_inlined(m, forms, used) and either.keys() >= set(self.inputs(m)))}
        return {n: form for n, form in equal.items() if kept.isdisjoint(form.through)}

    def _is_inlined(self, n: Var, forms: Sequence[Closed], used: Set[str], hidden: Mapping[str, Expr] = {}) -> bool:
        """Whether the definition of a landmark can be written instead of it: it is short where it is read often, and
        what adds axes is written where there are indices.
        """
        word, definition = self.chain.names[n], substitute(self.chain.definition(n), hidden)
        users = [form for form in forms if word in form.formula.names]
        often = max((occurrences(word, form.formula) for form in users), default=0)
        is_step = definition.role == "convolution" or self.chain.is_table(n)
        if n not in self.chain.unnamed or self.chain.where(n) or is_step:
            return False
        if leaves(definition) > (SHORT, FEW, 1)[min(often, 2)]:
            return False
        if definition.role == "inverse" and definition.of.role == "name":
            return True
        if word in used:  # σ² or 2 σ² in a fraction
            is_square = definition.role == "square" and definition.of.role == "name"
            is_double = definition.role == "product" and definition.of.is_number
            return (is_square or is_double) and leaves(definition) <= PLAIN
        has_axes = any(part.role in ("reshape", "index") for part in walk(definition))
        is_indexed = not has_axes or all(m.shape for form in users for m in form.start)
        return not users or is_indexed and all(part.role not in PRODUCTS for part in walk(definition))

    @property
    def _at_labels(self) -> set[Var]:
        """The landmarks that only the result uses, in whose gradient something is put at labels: ``softmax(z) - Y``."""
        root = self.chain.root
        ends = {n: self.factors[root, n].formula for n, users in self.consumers.items() if users == [root]}
        sums = {n: e.args for n, e in ends.items() if e.role in ("sum", "difference")}
        return {n for n, args in sums.items() if any(part.role == "placement" for part in args)}

    def _stated(self, n: Var) -> Closed | None:
        """The gradient in a closed form of a textbook."""
        every = self.candidates
        others = every.of_smaller(n), every.of_clipped(n), every.of_log_softmax(n), every.of_weights(n)
        of_rows = every.of_labelled_rows(n), every.of_target_rows(n), every.of_policy(n)
        forms = chain(every.stated(n), *of_rows, *others, every.of_shares(n))
        stated = next((form for compared, form in forms if self._is_right(n, compared)), None)
        form = self.candidates.quadratic(n) if stated is None else None
        whole = self.candidates.closed(n, frozenset({self.chain.root})) if form is not None else None
        form = whole if form and whole and leaves(whole.formula) < leaves(form.formula) else form
        if form is None or form.start != {self.chain.root} or leaves(form.formula) > SHORT:
            return stated
        is_said = form.labels and self._is_of_several(n, form)
        return form if not is_said and self._is_right(n, form) else stated

    def _is_of_several(self, n: Var, form: Closed) -> bool:
        """Return True if a form skips an array whose gradient has a line, as other gradients need it, too."""
        inside = form.through | {n}
        return any(m.shape and not inside.issuperset(self.inputs(m)) for m in form.through)

    def _forms(self, n: Var) -> tuple[Closed | None, Closed | None, int]:
        """The gradient that skips landmarks without a name, and in terms of values alone; and the length to beat."""
        users, start, root = self.consumers.get(n, []), self.candidates.start(n), frozenset({self.chain.root})
        behind = self.candidates.behind(n)  # whose gradients need lines of their own
        of_softmax = self._of_softmax(n)
        starts = dict.fromkeys(s for s in (start, *self.candidates.meetings(n), behind, of_softmax) if s)
        forms = [_direct_first(form) for s in starts if (form := self.candidates.closed(n, s)) is not None]
        gathered = self.candidates.quadratic(n)
        forms += [gathered] if gathered is not None and gathered.through else []
        near = min(
            forms, key=lambda form: leaves(form.formula) - self._spared(n, form) + (not form.start.isdisjoint(behind)),
            default=None,
        )  # fmt: skip
        whole = self.candidates.closed(n, root)
        long = self._length(n)
        above = [leaves(form.formula) for k in users if (form := self.candidates.closed(k, root))]
        if len(users) == 1 and self.factors[users[0], n].formula.is_number and whole and not whole.is_zero:
            whole = None
        if whole and above and leaves(whole.formula) <= FEW:  # the end of a chain that became shorter
            long = max(long, min(above))
        return near, whole, long

    def _of_softmax(self, n: Var) -> frozenset[Var]:
        """The number, if `n` is what a softmax is taken of, that is an average with its weights, ``Σ (P ⊙ v)``: of that
        the gradient is in terms of it, ``P ⊙ (v - Σ (P ⊙ v))``.
        """
        [P, *others] = self.consumers.get(n, [n])
        [of, *further] = self.consumers.get(P, [n]) if P is not n and not others else [n]
        is_softmax = P in self.chain.defined and self.chain.definition(P).role == "softmax"
        is_it = is_softmax and not further and of is not self.chain.root and not of.shape
        return frozenset({of}) if is_it else frozenset()

    def _is_short(self, n: Var, form: Closed, long: int) -> bool:
        """True for a form that is right, and no longer than what it spares."""
        return leaves(form.formula) <= min(long + self._spared(n, form), WIDE) and self._is_right(n, form)

    def _is_all(self, n: Var, form: Closed) -> bool:
        """True if no other gradient needs the lines that are passed on several paths to `n`."""
        inside = form.through | {n}
        several = len(self.consumers.get(n, ())) > 1 and form.through and self.chain.root not in form.start
        return bool(several) and all(inside.issuperset(self.inputs(m)) for m in form.through)

    def _named(self, n: Var, form: Closed) -> int:
        """The gradients that the maps to `n` have in their formulas, if a form of it skips one step that has a line."""
        users = self.consumers[n]
        others = {m for k in form.through for m in self.inputs(k)} - {n, *form.through}
        is_counted = len(users) == 1 or others and len(form.through) == 1
        return sum(self.factors[k, n].is_map for k in users) if is_counted else 0

    def _spared(self, n: Var, form: Closed) -> float:
        """The worth of the lines that are not written beside a form of the gradient with respect to `n`."""
        if self._is_all(n, form):
            return sum(self._length(m) + 1 for m in form.through) / 2
        return math.fsum(self._length(m) / len(self.inputs(m)) for m in form.through) / 2  # in any order

    @cached_method
    def _length(self, n: Var) -> int:
        """The length of the gradient in terms of those of its users."""
        users = self.consumers[n]
        factors = (self.factors[k, n].formula for k in users)
        return sum(leaves(e) for e in factors if not e.is_number) + sum(k is not self.chain.root for k in users)

    @property
    def introduced(self) -> dict[str, Expr]:
        """The names in closed forms, in terms of values: ``α = K⁻¹ @ y``."""
        forms = (form for n in self.live if (form := self.short(n)))
        values = self.chain.named.keys()
        return {word: e for form in forms for word, e in form.labels.items() if not values.isdisjoint(e.names)}

    def _is_right(self, n: Var, form: Closed) -> bool:
        is_written = not any(map(_is_unit_over_matrix, walk(form.formula)))
        if not is_written or not self.chain.shorter.is_gradient(n, form.formula):
            return False
        has_facts = bool(form.ones or form.labels or form.symmetric)  # Σ Y = 1, which are written beside it
        return has_facts or self.chain.shorter.is_gradient_of_data(n, form.formula)

    @cached_property
    def direct(self) -> set[Var]:
        """The landmarks of whose gradient only the closed form is written: it skips all that has no name, or all."""
        return {n for n, form in self._short.items() if self._is_direct(n, form)}

    def _is_direct(self, n: Var, form: Closed) -> bool:
        is_shown = n in self.chain.defined and self.chain.defined[n].algebra != "reduction"  # no shift by the maximum
        is_alone = form.is_alone or form.is_zero and not is_shown
        return is_alone or not form.through.isdisjoint(self.chain.unnamed) or self._is_all(n, form)

    @cached_property
    def live(self) -> set[Var]:
        """The landmarks whose gradients are written: those asked for, and what others are written in terms of."""
        live = set(self.asked)
        for n in self.chain.landmarks:  # what uses a landmark comes after it
            form = self.short(n) if n in self.direct else None
            live |= set(() if n not in live else form.start if form else self.consumers.get(n, []))
        live -= {n for n, form in self._short.items() if form.is_zero and not form.start}
        return live - self.plain.keys() if self.by_gradients else self.reach

    @cached_property
    def plain(self) -> dict[Var, Expr]:
        """The gradients that are one number for all entries, such as 1 / n or λ, or ½ I, which have no line."""
        plain = self._plain({*self.asked})
        names = self.chain.names
        looped = {n for n in self.reach if self._is_looped(n)}
        others = {stem(names[n]) for n in looped - plain.keys() - {self.chain.root}}  # of which other rounds have lines
        mixed = {n for n in looped if stem(names[n]) in others}
        return self._plain(self.asked | mixed) if mixed & plain.keys() else plain

    def _plain(self, others: Set[Var]) -> dict[Var, Expr]:
        """The gradients that are one number, without those of `others`."""
        c, plain = self.chain, dict[Var, Expr]()
        values = {c.names[n] for n in c.landmarks if n in c.defined}
        for n in reversed(c.landmarks if self.by_gradients else ()):
            users = self.consumers.get(n, [])
            factors = [self.factors[k, n] for k in users]
            es = [f.formula for f in factors]
            is_plain = all(_is_unit(e) or not e.shape and values.isdisjoint(e.names) for e in es)
            is_plain &= all(f.is_simple for f in factors)
            is_plain &= len(plain) < MANY  # a derivation of more has the more lines
            if users and is_plain and n not in others and all(k is c.root or k in plain for k in users):
                e = total([times(plain.get(k, number(1)), f.formula) for k, f in zip(users, factors, strict=True)])
                is_short = _is_unit(e) or leaves(e) <= PLAIN + (e.names <= c.constants.sizes.keys())
                plain |= {n: e} if is_short and all(_takes(self.factors[n, m], e) for m in self.inputs(n)) else {}
        return plain

    @cached_property
    def _symbols(self) -> dict[str, Expr]:
        zero = {n: form.formula for n, form in self._short.items() if form.is_zero}
        plain = {n: full(x, n.shape) if x.shape == () else x for n, x in self.plain.items()}
        return {self.chain.gradient_symbol(n): x for n, x in (plain | zero).items()}

    def _written(self, e: Expr) -> Expr:
        """A formula of a gradient without the gradients that have no line."""
        symbols, e = self._symbols, replaced(self._with_firsts(e), with_diagonal)
        halved = replaced(e, partial(without_halves, is_symmetric=self.chain.shorter.is_symmetric))
        is_changed = halved.key != e.key and halved.role == "product"  # of 2 (2 x)
        e = product(factors_of(halved), e.shape) if is_changed else halved
        in_loop = any(stem(word.rpartition("/d")[2]) in self.chain.looped for word in e.names)
        e = beside(e, columns=not in_loop) or e
        if any(part.role == "matrix product" for part in walk(e)):
            e = replaced(e, _as_product)
        e = replaced(self.opened(e), lambda part: self._functions.get(part.key))
        e = replaced(e, self._of_step)
        if not e.names.isdisjoint(symbols):
            e = substitute(e, symbols)
            above = {part.value: part.shape for part in walk(e) if part.role == "name" and "/" in part.value}
            e = self.chain.shorter.formula(e, above, "")
        e = replaced(replaced(fold(e, self._counted), self._of_diagonal), _number_in_front)
        e = replaced(e, _without_double_sign)
        if any(_is_one_number(part) or self._unit(part) for part in walk(e)):
            e = fold(e, self._diagonal)
        e = replaced(e, self._turned) if self._differences else e
        return self.with_traces(e)

    def with_traces(self, e: Expr) -> Expr:
        """A formula with the trace of G for the sum of all entries of ``G ⊙ I``."""
        return replaced(e, _trace) if "I" in e.names & self.chain.constants.quoted.keys() else e

    @cached_property
    def _differences(self) -> set[tuple[str, ...]]:
        """The names in the differences of two values in the steps, G and b of G - b."""
        return {words for e in self._parts.values() if (words := _of_two(e))}

    def _turned(self, e: Expr) -> Expr | None:
        """A product of two differences of which one is as in the steps: ``(G - b) (π - Y)`` for (b - G) (Y - π)."""
        twos = [(f, words) for f in factors_of(e) if (words := _of_two(f))] if e.role == "product" else []
        new = [(f, words[::-1] in self._differences) for f, words in twos if words not in self._differences]
        if sorted(is_turned for _, is_turned in new) != [False, True]:
            return None
        both = [f for f, _ in new]
        return replace(e, args=tuple(replace(f, args=f.args[::-1]) if f in both else f for f in factors_of(e)))

    @cached_property
    def _functions(self) -> dict[str, Expr]:
        """The names of the steps that are a function of each entry of another one: f of ``f = cos(phase)``."""
        forms = self._named_steps
        return {e.key: name(w, e.shape) for w, e in forms if is_call(e) and [a.role for a in e.args] == ["name"]}

    @cached_property
    def _named_steps(self) -> list[tuple[str, Expr]]:
        """The formulas of the steps that have lines, with their names."""
        c = self.chain
        return [(c.names[n], c.definition(n)) for n in c.landmarks if n in c.defined and c.names[n] not in self.hidden]

    def _of_step(self, e: Expr) -> Expr | None:
        """A function of a sum with the name of the step that is this sum: softmax(a) for a = log_pi + log_norm."""
        step = self._addends.get(e.of.key) if e.args and "softmax" in e.role else None
        return None if step is None else replace(e, args=(step, *e.args[1:]))

    @cached_property
    def _addends(self) -> dict[str, Expr]:
        """The names of the steps that are sums, by their keys."""
        return {e.key: name(word, e.shape) for word, e in self._named_steps if e.role in ("sum", "difference")}

    def _counted(self, e: Expr, args: Sequence[Expr]) -> Expr:
        """``Σ 1`` as the number of entries, which stands in front of other factors."""
        body = e.of if e.role == "total" else e
        one = body.of if body.role == "broadcast" else body
        if body is not e and not one.shape and body.shape:
            return product((one, self.chain.size_name(math.prod(body.shape) // max(math.prod(e.shape), 1))), e.shape)
        sizes = self.chain.constants.sizes.keys()
        if e.role == "product" and e.key not in self._parts:
            args = self._in_order(sorted(args, key=lambda f: not f.is_number and not frozenset() < f.names <= sizes))
        is_new = is_short_sum(e) and e.key not in self._parts
        if is_new and (in_order := _by_entries(again(e, args)) or self._by_names(e)) is not None:
            return in_order
        is_signed = e.role in ("sum", "difference", "negation") or any(a.role == "negation" for a in args)
        if is_signed:  # a - Σ (-1)
            return again(e, args)
        return replace(e, args=tuple(args)) if args else e

    def _in_order(self, factors: Iterable[Expr]) -> list[Expr]:
        """The factors of a product with names before the calls that they stand behind, K T exp(-r T), and two names as
        in the steps, β y and not y β.
        """
        out = list[Expr]()
        for f in factors:
            k = len(out)
            is_number = f.role in ("sum", "difference") and not f.shape and f.key in self._parts  # (m1 + m2) cos(t)
            is_word = f.role == "name" and "/" not in f.value
            while k and (is_word or is_number) and self._is_behind(out[k - 1], f):
                k -= 1
            out.insert(k, f)
        return out

    def _is_behind(self, f: Expr, word: Expr) -> bool:
        """Return True if a factor stands behind a name, whose gradient it is not."""
        pair = _word_of(word), _word_of(f)
        return is_call(f) or pair in self._pairs and pair[::-1] not in self._pairs

    def _by_names(self, e: Expr) -> Expr | None:
        """A sum of names alone as a step has it: m1 + m2, not m2 + m1."""
        terms = terms_of(e)
        addends = [x.value for sign, x in terms if sign > 0 and x.role == "name"]
        stated = self._sums.get(frozenset(addends)) if len(addends) == len(terms) else None
        return stated if stated is not None and stated.shape == e.shape else None

    @cached_property
    def _sums(self) -> dict[frozenset[str], Expr]:
        """The sums of names alone in the steps, by these names."""
        sums = [e for e in self._parts.values() if e.role == "sum"]
        addends = ((e, [x.value for sign, x in terms_of(e) if sign > 0 and x.role == "name"]) for e in sums)
        return {frozenset(of): e for e, of in addends if len(of) == len(terms_of(e))}

    @cached_property
    def _parts(self) -> dict[str, Expr]:
        """The products, sums and differences in the steps, by their keys."""
        steps = [self.chain.definition(n) for n in self.chain.landmarks if n in self.chain.defined]
        return {part.key: part for e in steps for part in walk(e) if part.role in ("product", "sum", "difference")}

    @cached_property
    def _pairs(self) -> set[tuple[str, ...]]:
        """The factors of one product in a step, two and two in their order."""
        words = [[*map(_word_of, e.args)] for e in self._parts.values() if e.role == "product"]
        return {pair for several in words for pair in combinations(several, 2)}

    def _of_diagonal(self, e: Expr) -> Expr | None:
        """``diag(G)`` for ``diag(G ⊙ 1[I = 1])``: a diagonal without the given factors that are 1 there."""
        if e.role != "diagonal" or e.of.role != "product":
            return None
        c, env = self.chain, self.chain.environment()
        constants = env.keys() - {c.names[n] for n in c.graded & c.names.keys()}
        masks = [f for f in e.of.args if f.names and f.names <= constants and f.shape == e.of.shape]
        ones = [f for f in masks if np.all(e.row.fn(evaluate(f, env), **e.params) == 1)]
        rest = [f for f in e.of.args if f not in ones]
        return replace(e, args=(product(rest, e.of.shape),)) if ones and rest else None

    def _diagonal(self, e: Expr, args: Sequence[Expr]) -> Expr:
        """A diagonal of one number as that number times I; without a product of I and a matrix."""
        if _is_one_number(e):
            return product((*e.of.args, self.chain.shorter.labelled(np.eye(e.shape[0]), "")), e.shape)
        before, e = e, again(e, args)
        for k, a in enumerate(e.args if e.role == "matrix product" else ()):  # (Xᵀ / n) @ X of Xᵀ @ (I / n) @ X
            if a.role == "quotient" and not a.args[1].shape and before.args[k].role == "matrix product":
                whole = simplified("matmul", (*e.args[:k], a.of, *e.args[k + 1 :]), e.shape)
                return simplified("divide", (whole, a.args[1]), e.shape)
        if (unit := self._unit(e)) is None or len(e.args) != 2:
            return e
        other = e.args[e.of is unit]
        if unit.role == "quotient":
            return simplified("divide", (product((*_without_identity(unit.of), other), e.shape), unit.args[1]), e.shape)
        return product((*_without_identity(unit), other), e.shape)

    def _unit(self, e: Expr) -> Expr | None:
        """The factor of a product of matrices that is a multiple of I."""
        is_unit = "I" in self.chain.introduced or "I" in self.chain.constants.quoted
        factors = e.args if is_unit and e.role == "matrix product" else ()
        parts = ((a, a.of if a.role == "quotient" and not a.args[1].shape else a) for a in factors)
        return next((a for a, of in parts if any(map(_is_identity, factors_of(of)))), None)

    @cached_property
    def firsts(self) -> dict[str, Expr]:
        """What the first round of a loop computes from constants alone, by its formula, with the name that it has in
        the others: a0 for ``X @ w0 - y`` beside ``aₜ = X @ wₜ - y``.
        """
        c, out, forms = self.chain, dict[str, Expr](), self._before_first()
        wholes = {e.key: e for n in c.landmarks if n in c.defined and forms for e in [c.definition(n)]}
        parts = {part.key: part for e in wholes.values() for part in walk(e) if part.key not in wholes}
        env = c.environment()
        constants = (part for part in parts.values() if part.role == "name" and part.value in c.numbered)
        numbered = {part.key: env[part.value] for part in constants}
        for word, e in forms.items():
            unknown = [part for part in walk(e) if part.role == "name" and part.value not in env]
            keys = [e.key] if e.key in parts and not unknown else []
            if len(unknown) == 1 and numbered:  # in a module, whose variables are gone, a state begins with zeros
                zeros = {unknown[0].value: np.zeros(unknown[0].shape)}
                try:
                    value = evaluate(e, env | zeros)
                except (ValueError, IndexError):  # the inverse of a covariance, or other sizes
                    continue
                inside = {part.key for part in walk(e)}  # I of I - K @ H is no I - K0 @ H
                equal = (k for k, x in numbered.items() if np.shape(x) == e.shape and np.array_equal(x, value))
                keys = [k for k in equal if k not in inside][:1]
                for state, x in zeros.items() if keys else ():
                    c.constants.add(x, state)
            for key in keys:
                c.constants.add(evaluate(e, c.environment()), word)
                c.constants.defined[word] = e
                out[key] = name(word, e.shape)
        return out

    def _before_first(self) -> dict[str, Expr]:
        """What values without a name, a1 and a2, would be in the round before, in terms of constants: a0."""
        c, forms = self.chain, dict[str, Expr]()
        active = {c.names[v] for v in c.landmarks if v in c.active}
        for one, two in ((vs[0], vs[1]) for vs in {id(vs): vs for vs in c.rounds.values()}.values()):
            words = [c.names.get(v, "") for v in (one, two)]
            if one in c.unnamed and two in c.unnamed and words == [f"{stem(words[0])}{k}" for k in (1, 2)]:
                e = before_first([c.definition(one), c.definition(two)])
                forms |= {f"{stem(words[0])}0": e} if e is not None and e.names.isdisjoint(active) else {}
        return forms

    def _with_firsts(self, e: Expr) -> Expr:
        return replaced(e, lambda part: self.firsts.get(part.key)) if self.firsts else e

    @cached_property
    def hidden(self) -> dict[str, Expr]:
        """The landmarks without a name that no line has, with what is written instead."""
        forms = [form for n in self.live & self.direct if (form := self.short(n))]
        used = _names([f.formula for (_, m), f in self.factors.items() if m in self.live - self.direct])
        c, out = self.chain, dict[str, Expr]()
        firsts = [n for n in c.landmarks if n not in self.reach and not self.reach.isdisjoint(c.rounds.get(n, ()))]
        for n in [*(n for n in c.landmarks if n not in firsts), *firsts]:
            is_datum = n not in self.reach and n in c.defined and c.uses[n] == 1
            is_datum &= all(c.names[m] in out for m in self.reach.intersection(c.rounds.get(n, ())))  # as other rounds
            if (is_datum or n in self.reach - self.live) and self._is_inlined(n, forms, used, out):
                out |= {c.names[n]: substitute(c.definition(n), out)}
        return out

    def passed(self, t: Total) -> list[Factor]:
        """The factors between a gradient and those that it is written in terms of."""
        passed = [path[-1] for path in t.paths]
        if t.closed is not None and t.node in self.direct:
            steps, ends = t.closed.through | t.closed.start, t.closed.through | {t.node}
            passed = [f for (k, m), f in self.factors.items() if k in steps and m in ends]
        for f in passed:  # and those of gradients that have no line, which it grows by
            users = self.consumers[f.of] if f.of in self.plain else []
            passed += [g for k in users if (g := self.factors[k, f.of]) not in passed]
        return [f for f in passed if (form := self.short(f.of)) is None or not form.is_zero]

    def definition(self, n: Var) -> Expr:
        """The formula of `n`, without what is hidden."""
        return self.opened(self._with_firsts(self.chain.definition(n)))

    def opened(self, e: Expr) -> Expr:
        """A formula without the landmarks that no line has."""
        return e if e.names.isdisjoint(self.hidden) else substitute(e, self.hidden)

    def shown(self) -> list[Factor | Total]:
        """The lines of :meth:`all` that are written."""
        return [line for line in self.all() if isinstance(line, Factor) or line.node in self.live]

    # --------------------------------------------------------------------------------------------------- formulas

    def composition(self, t: Total) -> Expr:
        """A gradient as the sum of its paths: products of symbols, or in the line of a gradient of formulas.

        Of one that skips landmarks without a name it is the closed form.
        """
        if t.closed is not None and t.node in self.direct:
            return self._written(t.closed.formula)
        terms = [self._term(path) for path in t.paths]
        inside = [part for e in terms for part in walk(e)] if not t.node.shape and len(terms) > 1 else []
        if any(part.role == "total" and not part.shape and part.of.role in ("product", "quotient") for part in inside):
            terms = [replaced(e, _of_all) for e in terms]  # and not Σᵢ beside it
        return self._written(total(terms)) if terms else number(0)

    def written_out(self, n: Var) -> Closed | None:
        """A gradient in terms of values, with which a derivation ends, ``λ w - Xᵀ @ (y ⊙ 1[m < 1]) / n``: of one factor
        by factor their product. None if it is long.
        """
        if n in self.direct:
            return None
        if self.by_gradients:
            form = self.candidates.closed(n, frozenset({self.chain.root}))
            if form is None:
                return None
            form = replace(form, formula=replaced(form.formula, _in_one_sum))
            is_short = leaves(form.formula) <= SHORT and _is_neat(form.formula)
            return form if is_short and self._is_right(n, form) else None
        whole, short = self._product(n), self.chain.shorter
        forms = [whole, *(e for e, ones in short.forms(whole, set()) if not ones)]
        forms += [replaced(whole, self._over_one)]
        e = min(forms, key=leaves)
        above = [form for m in self.candidates.between(n) if (form := self.short(m)) is not None]
        labels = {word: of for form in above for word, of in form.labels.items() if word in e.names}
        form = Closed(e, frozenset({self.chain.root}), labels=labels)
        where = dict(pair for m in {*self.candidates.between(n), self.chain.root} for pair in self.chain.where(m))
        compared = substitute(substitute(e, labels), where)
        is_it = leaves(e) <= WIDE and short.is_gradient(n, compared) and short.is_gradient_of_data(n, compared)
        return form if is_it and not any("/" in word for word in e.names) else None

    def _over_one(self, e: Expr) -> Expr | None:
        """A product of a sum of fractions, ``(y / μ - (α y + 1) / (1 + α μ)) ⊙ μ``, as one fraction, if shorter."""
        sums = [f for f in factors_of(e) if f.role in ("sum", "difference")] if e.role == "product" else []
        if not any(x.role == "quotient" for f in sums for _, x in terms_of(f)):
            return None
        forms = [form for form, ones in self.chain.shorter.forms(e, how=over_one) if not ones]
        best = min(forms, key=leaves, default=e)
        return best if leaves(best) < leaves(e) else None

    @cached_method
    def _product(self, n: Var) -> Expr:
        """The gradient with respect to `n` as the sum of its paths, with the formulas of all factors."""
        form = self.short(n)
        if form is not None and not any("/" in word for word in form.formula.names):
            return form.formula
        users = sorted(self.consumers[n], key=lambda k: self._later(k, n), reverse=True)
        terms = []
        for k in users:
            f, above = self.factors[k, n], None if k is self.chain.root else self._product(k)
            terms.append(_times(above, f, f.formula if above is None else substitute(f.formula, {f.cotangent: above})))
        return total(terms)

    def _term(self, path: Sequence[Factor]) -> Expr:
        start = path[0].of
        above = None if start is self.chain.root else name(self.chain.gradient_symbol(start), start.shape)
        for f in path:
            shape = np.broadcast_shapes(*f.shapes, f.formula.shape) if f.is_elementwise else f.formula.shape
            is_number = f.formula.is_number and (f.axes or f.stated is not f.formula)  # of -I the sign
            is_stated = self.by_gradients or is_number
            above = _times(above, f, f.formula if is_stated else name(f.symbol, shape))
        assert above is not None
        return above


def _in_one_sum(e: Expr) -> Expr | None:
    """``Σ (Y - P)`` for Σ Y - Σ P, along the same axes."""
    if e.role != "difference" or any(a.role != "total" or a.params != e.of.params for a in e.args):
        return None
    a, b = (part.of for part in e.args)
    if a.shape != b.shape or e.args[0].shape != e.shape:
        return None
    return replace(e.of, args=(unsimplified("subtract", (a, b), a.shape),))


def _is_neat(e: Expr) -> bool:
    """False for a sum of which a term is a size, 3, or that has a sum transposed in it, ``(A - B)ᵀ``."""
    sums = [part.of for part in walk(e) if part.role == "transpose" and part.of.role in ("sum", "difference")]
    return not sums and not any(term.is_number for _, term in terms_of(e))


def _of_two(e: Expr) -> tuple[str, ...]:
    """The names in a difference of two values that have one name each; nothing for others."""
    sides = [[*a.names] for a in e.args] if e.role == "difference" else []
    return tuple(w for side in sides for w in side) if [*map(len, sides)] == [1, 1] else ()


def _of_all(e: Expr) -> Expr | None:
    """The sum of all entries whose axes were kept, without them."""
    is_it = e.role == "total" and e.shape and np.prod(e.shape) == 1 < np.prod(e.of.shape)
    return unsimplified("sum", e.args, (), axis=None, keepdims=False) if is_it else None


def _names(formulas: Sequence[Expr]) -> frozenset[str]:
    return frozenset().union(*(e.names for e in formulas))


def _by_entries(e: Expr) -> Expr | None:
    """A sum of terms with entries of one array in the order of these: β[1] + β[2], not β[2] + β[1]."""
    terms = terms_of(e)
    read = [[part for part in walk(x) if part.role == "index"] for _, x in terms]
    places = [[(part.of.value, index_parts(part.params["index"])) for part in parts] for parts in read]
    is_it = len(terms) > 1 and all(len(of) == 1 and all(type(k) is int for k in of[0][1]) for of in places)
    if not is_it or len({of[0][0] for of in places}) > 1:
        return None
    order = sorted(range(len(terms)), key=lambda k: places[k][0][1])
    first = next((k for k in order if terms[k][0] > 0), order[0])  # b - a, not -a + b
    order = [first, *(k for k in order if k != first)]
    signed = [product((number(sign), x), x.shape) for sign, x in map(terms.__getitem__, order)]
    return None if order == sorted(order) else total(signed)


def _word_of(f: Expr) -> str:
    """The name of a factor without the number of its step, or the key of one that is no name."""
    return stem(f.value) if f.role == "name" else f.key


def _is_one_number(e: Expr) -> bool:
    """True for a diagonal matrix with one number on its diagonal."""
    is_square = is_diagonal(e) or e.role == "diagonal matrix" and not any(e.params.values())
    return is_square and e.of.role == "broadcast" and not e.of.of.shape


def _number_in_front(e: Expr) -> Expr | None:
    """``2 Σ (c ⊙ x)`` for ``Σ (2 c ⊙ x)``, where 2 c was written for dL/dc; and ``Σ x / n`` for ``Σ (x / n)``."""
    if e.role == "total" and not e.shape and e.of.role == "quotient" and e.of.shape == e.of.of.shape:
        below = e.of.args[1]
        return None if below.shape else unsimplified("divide", (replace(e, args=(e.of.of,)), below), ())
    factors = e.of.args if e.role == "total" and e.of.role == "product" else ()
    numbers = [f for f in factors if f.is_number]
    rest = [f for f in factors if not f.is_number]
    return product((*numbers, replace(e, args=(product(rest, e.of.shape),))), e.shape) if numbers and rest else None


def _without_double_sign(e: Expr) -> Expr | None:
    """A sum ``b + a`` for ``b - -a``, of which a term had a negative number in front."""
    terms = terms_of(e) if e.role in ("sum", "difference") else []
    front = [factors_of(of)[0] for _, of in terms]
    if not any(f.is_number and f.value == -1 for f in front[1:]):
        return None
    rest = [
        (-sign, multiplied(factors_of(of)[1:], of.shape)) if f.value == -1 else (sign, of)
        for (sign, of), f in zip(terms, front, strict=True)
    ]
    return added(sorted(rest, key=lambda term: -term[0]) if rest[0][0] < 0 else rest)


def _trace(e: Expr) -> Expr | None:
    """The sum of all entries of ``G ⊙ I`` as the trace of G."""
    ndim = len(e.of.shape) if e.role == "total" else 0
    factors = factors_of(e.of) if ndim == 2 and set(e.shape) <= {1} else ()
    rest = [f for f in factors if not _is_identity(f)]
    matrices = [f for f in rest if f.shape == e.of.shape]
    if len(rest) + 1 != len(factors) or not matrices:
        return None
    trace = unsimplified("trace", (multiplied(matrices, e.of.shape),), ())
    return multiplied([*(f for f in rest if f not in matrices), trace], ())


def _without_identity(e: Expr) -> list[Expr]:
    return [f for f in factors_of(e) if not _is_identity(f)]


def _is_identity(e: Expr) -> bool:
    return e.role == "name" and e.value == "I"


def _is_residual(e: Expr) -> bool:
    """Whether a formula is one difference of names, or of two products of them, and other names: k (d - H)."""
    differences = [part for part in walk(e) if part.role == "difference"]
    arithmetic = ("difference", "product", "quotient", "sum", "name", "number")
    others = [part for part in walk(e) if part.role not in arithmetic]
    return len(differences) == 1 and not others and not any(x.is_number for x in differences[0].args)


def _is_of_product(e: Expr) -> bool:
    """True for ``(C ⊙ E) @ U``, which says no more than dL/dE @ U."""
    return e.role == "matrix product" and any(a.role == "product" and a.shape for a in e.args)


def _as_product(e: Expr) -> Expr | None:
    """A sum of two matrices that is a product, ``Xᵀ @ G`` for Σᵢ Gᵢⱼ Xᵢₖ, which stands beside others."""
    if e.role != "contraction" or [len(a.shape) for a in e.args] != [2, 2]:
        return None
    terms, result = e.params["subscripts"].split("->")
    pairs = [*zip(terms.split(","), e.args, strict=True)]
    (left, a), (right, b) = pairs if result[:1] in {*pairs[0][0]} else pairs[::-1]
    if len(result) != 2 or len({*left, *right}) != 3 or {*left} & {*right} & {*result} or result[1] not in right:
        return None
    a, b = a if left[0] == result[0] else transposed(a), b if right[1] == result[1] else transposed(b)
    return simplified("matmul", (a, b), e.shape)


def _is_unit(e: Expr) -> bool:
    """True for a number times the identity, the gradient of a trace."""
    matrices = [f for f in factors_of(e) if not f.is_number]
    return len(matrices) == 1 and matrices[0].head == "identity"


def _direct_first(form: Closed) -> Closed:
    """A form with what is from the result itself before what comes through other gradients: ``2 λ b + Σⱼ dL/dpⱼ``."""
    terms = [(any("/" in word for word in x.names), sign, x) for sign, x in terms_of(form.formula)]
    ordered = sorted(terms, key=lambda term: term[0])
    if ordered == terms or any(sign < 0 for is_further, sign, _ in terms if not is_further):
        return form
    return replace(form, formula=total([product((number(sign), x), x.shape) for _, sign, x in ordered]))


def _is_unit_over_matrix(e: Expr) -> bool:
    """True for ``I / A``, which is diag(1 / diag(A))."""
    return e.role == "quotient" and len(e.args[1].shape) == 2 and any(map(_is_identity, factors_of(e.of)))


def _is_without_unit(e: Expr) -> bool:
    """True for ``P - I``, which says more than dL/dp - P ⊙ Σⱼ dL/dpⱼ."""
    return e.role == "difference" and (e.args[1].key == name("I").key or e.args[1].head == "identity")


def _takes(f: Factor, above: Expr) -> bool:
    """True if a number can stand for the gradient above a factor: ``1 @ xᵀ`` would be no product of matrices."""
    if f.is_elementwise or not f.of.ndim:
        return True
    if _is_unit(above):
        return f.combine in (Combine.LEFT, Combine.RIGHT)
    return f.is_map and not has_ones(substitute(f.formula, {f.cotangent: above}))


def _times(above: Expr | None, f: Factor, partial: Expr) -> Expr:
    """The gradient from above times one factor."""
    of, wrt = f.shapes
    if f.is_map or above is None:
        e = partial
    elif f.is_elementwise:
        e = above if f.formula.is_number and f.formula.value == 1 else f.joined(above, partial)
    else:
        (around, above), (beside, matrix) = scalars_apart(above), scalars_apart(partial)

        def stated(a: Expr, b: Expr) -> Expr:
            return unsimplified("matmul", (a, b), wrt)

        e = around(beside(f.combine.apply(above, matrix, matrix_times=stated)))
    if not f.axes:
        return e
    of = e.shape if f.is_map else of  # a map is a whole gradient, which vecdot broadcasts further than its result
    in_front, body = scalars_apart(replace(e, shape=of))
    is_indexed = len(f.axes) < len(of) or all(part.role == "name" for part in factors_of(body))
    kept = tuple(1 if k in f.axes else size for k, size in enumerate(of))  # the axes stay, for their indices
    return in_front(summed(replace(body, shape=of), f.axes, kept if is_indexed else ()))
