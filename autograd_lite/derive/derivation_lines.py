"""The lines of a derivation: factors of the chain rule, and gradients, in the order in which a person derives them.

If every step is a factor (entry by entry, or a matrix from one side) and there are few, each gets a line, and a
gradient is their product. Otherwise each step gets a line for its gradient, which refers to the upstream gradient by
name: ``dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..program import Var
from .cached_method import cached_method
from .chain_rule import Chain
from .collect import collected, leaves
from .factors import Factor, carried, scalars_apart, summed, total
from .formula import Expr, name, number, unsimplified, walk
from .formula_ops import substitute

MANY = 8  # factors; beyond this, each gradient gets its line
SHORT = 12  # names and numbers in a closed form


@dataclass(frozen=True, eq=False)
class Total:
    """The derivative of the result with respect to one landmark: a sum over paths from the result or another total.

    Attributes
    ----------
    paths : tuple of tuple of Factor
    starts, parts : tuple
        The cotangent at the start of each path, and its term.
    closed : Expr or None
        The gradient in closed form, where that is shorter: ``(P - t) / n``.
    ones : list of Expr
        The sums that are 1, which the closed form uses.
    """

    node: Var
    symbol: str
    paths: tuple[tuple[Factor, ...], ...]
    starts: tuple[Any, ...]
    parts: tuple[Any, ...]
    value: Any
    closed: Expr | None = None
    ones: Sequence[Expr] = ()


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
        self.by_gradients = bool(maps) or len(self.factors) > MANY

    @cached_property
    def totals(self) -> set[Var]:
        """The landmarks whose gradient gets a line."""
        if self.by_gradients:
            return self.reach - {self.chain.root} | self.asked
        meeting = {n for n, users in self.consumers.items() if len(users) > 1}
        return meeting | self.asked | {n for n in self.reach if self.is_collapsed(n)}

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
        stack: list[tuple[Var, tuple[Factor, ...]]] = [(k, (self.factors[k, n],)) for k in self.consumers.get(n, [])]
        while stack:
            at, path = stack.pop()
            if at is self.chain.root or at in self.totals:
                paths.append(path)
                starts.append(arrived[at])
                terms.append(carried(arrived[at], path))
            else:
                stack += [(k, (self.factors[k, at], *path)) for k in self.consumers[at]]
        arrived[n] = value = sum(terms) if terms else np.zeros(n.shape)
        closed, ones = (self.closed(n) if self.is_collapsed(n) else None) or (None, [])
        symbol = self.chain.gradient_symbol(n)
        return Total(n, symbol, tuple(paths), tuple(starts), tuple(terms), value, closed, ones)

    # ---------------------------------------------------------------------------------------------- closed forms

    @cached_method
    def closed(self, n: Var) -> tuple[Expr, list[Expr]] | None:
        """The gradient with respect to `n` in terms of values alone, where it has a short form of that kind.

        With it the sums that are 1, which it uses.
        """
        user, *others = self.consumers.get(n, [None])
        if user is None or others:
            return None
        f = self.factors[user, n]
        if f.axes or not (f.is_elementwise or f.is_map):
            return None
        if user is self.chain.root:
            return (f.formula, []) if f.is_elementwise else None
        above = self.closed(user)
        if above is None or f.pull is not None:
            return None
        whole = f.joined(above[0], substitute(f.formula, {f.cotangent: above[0]}))
        if not all(part.row is None or part.row.kind == "elementwise" or part.role == "total" for part in walk(whole)):
            return None
        short = collected(whole, self.chain.environment())
        return None if short is None or leaves(short[0]) > SHORT else (short[0], [*above[1], *short[1]])

    def is_collapsed(self, n: Var) -> bool:
        """Whether the closed form of the gradient is no longer than that of the step after it."""
        form, users = self.closed(n), self.consumers.get(n, [])
        if form is None or users == [self.chain.root] or self.factors[users[0], n].formula.is_number:
            return False
        above = self.closed(users[0])
        return above is not None and leaves(form[0]) <= leaves(above[0])

    # --------------------------------------------------------------------------------------------------- formulas

    def composition(self, t: Total) -> Expr:
        """A gradient as the sum of its paths: products of symbols, or in the line of a gradient of formulas."""
        terms = [self._term(path) for path in t.paths]
        return total(terms) if terms else number(0)

    def _term(self, path: Sequence[Factor]) -> Expr:
        start = path[0].of
        above = None if start is self.chain.root else name(self.chain.gradient_symbol(start), start.shape)
        for f in path:
            shape = np.broadcast_shapes(f.of.shape, f.formula.shape) if f.is_elementwise else f.formula.shape
            above = _times(above, f, f.formula if self.by_gradients else name(f.symbol, shape))
        assert above is not None
        return above


def _times(above: Expr | None, f: Factor, partial: Expr) -> Expr:
    """The gradient from above times one factor."""
    of, wrt = f.shapes
    if f.is_map or above is None:
        e = partial
    elif f.is_elementwise:
        e = above if f.formula.is_number and f.formula.value == 1 else f.joined(above, partial)
    else:
        beside, matrix = scalars_apart(partial)

        def stated(a: Expr, b: Expr) -> Expr:
            return unsimplified("matmul", (a, b), wrt)

        e = beside(f.combine.apply(above, matrix, matrix_times=stated))
    kept = tuple(1 if k in f.axes else size for k, size in enumerate(of))  # the axes stay, for their indices
    return summed(replace(e, shape=of), f.axes, kept) if f.axes else e
