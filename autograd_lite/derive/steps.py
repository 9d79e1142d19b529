"""What each step of a program computes: one operation, arithmetic with several, a folded call, a known step.

A person who derives a gradient does not stop at every operation. The *landmarks* are the values that have a name, the
inputs, what is used more than once, and every matrix product or other step that is not elementwise; simple arithmetic
between two landmarks belongs to the formula of the later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..program import Program, Var
from ..table import Textbook
from .factors import Edge, FoldedCall
from .formula import Expr, name, replaced, unsimplified
from .formula_ops import applied, evaluate
from .notation import Notation
from .simplify import simplified
from .symbolic_rule import G, X, Y, parted
from .textbook_parser import Written
from .textbook_step import TextbookStep, parameter

CHEAP = (
    "index", "gather", "reshape", "transpose", "matrix transpose", "swap of axes", "move of axes", "cast", "identity",
)  # fmt: skip
TURNS = ("transpose", "matrix transpose", "swap of axes")
DEEP = 8  # operations in one formula; a longer one gets a landmark inside it


class Steps(Notation):
    """A program with its landmarks, and the formula of each in terms of others; parameters as for ``Chain``."""

    def __init__(
        self, program: Program, wrt: Iterable[Var] | None = None, *, depth: int | None = None, **options: Any
    ) -> None:
        super().__init__(program, wrt, **options)
        self._definitions: dict[Var, Expr] = {}
        self._known: dict[Var, TextbookStep | None] = {}
        self._books: dict[Any, Textbook | None] = {}
        self._stated: dict[tuple[Var, int], Edge] = {}
        # The values inside folded calls, each with its call; and the result of each folded call.
        self.regions = {n: fold for n in self.nodes if (fold := self._fold(self.group_path(n), depth)) is not None}
        if depth is not None and self.board:
            self._prefer_known()
        self.folds: dict[Var, Any] = {}  # the result of each folded call
        self.uses = Counter(p for n in self.nodes for p in self.arguments(n))
        self.landmarks = self._landmarks()  # oldest first; inputs included
        self.landmark_set = set(self.landmarks)
        self.name_the_rest(self.landmarks)

    # -------------------------------------------------------------------------------------------------------- landmarks

    def _landmarks(self) -> list[Var]:
        """The landmarks, oldest first: see the head of this file."""
        chosen = {
            n for n in self.nodes
            if n in self.names or self.uses[n] > 1 or not self.is_single(n) or "generator" in self.defined[n].params
        }  # fmt: skip
        chosen.add(self.root)
        if self.regions:
            chosen = self._folded(chosen)
        chosen |= self._where_chains_meet(chosen)
        length: dict[Var, int] = {}
        for n in self.nodes:
            length[n] = 1 + sum(length[p] for p in self.arguments(n))
            if n in chosen or length[n] > DEEP and n not in self.regions:
                chosen.add(n)
                length[n] = 0
        return [n for n in self.nodes if n in chosen]

    def _where_chains_meet(self, chosen: set[Var]) -> set[Var]:
        """Further landmarks: the ends of each step whose derivative is not a factor entry by entry, and what the
        backward pass needs again.
        """
        further: set[Var] = set()
        consumer = {p: n for n in self.nodes for p in self.arguments(n)}
        pure: set[Var] = set()  # landmarks, and what reaches one by steps that only scale a derivative
        for n in reversed(self.nodes):
            if n in chosen or n in further or consumer[n] in pure and self._is_scaling(consumer[n], n):
                pure.add(n)
            active = self.active_arguments(n) if n not in self.regions else []
            for p in (p for i, p in active if not self.edge(n, i).is_simple):
                if n not in pure and not self.is_turn(n):
                    further.add(n)
                    pure.add(n)
                if not self.is_turn(p):
                    further.add(p)
            further |= self._needed_again(n) if active else set()
        return further

    def is_turn(self, n: Var) -> bool:
        """Whether a node is a transpose inside a step, which is not a step of its own."""
        eq = self.defined.get(n)
        if not self.board or eq is None or n in self.names or n in self.regions or n is self.root:
            return False
        if self.uses[n] != 1 or eq.row.algebra not in TURNS or len(n.shape) != 2:
            return False
        return np.shape(eq.row.fn(np.empty((2, 3)), **eq.params)) == (3, 2)  # its axes may be in the old order

    def _needed_again(self, n: Var) -> set[Var]:
        """Arguments that the backward pass through `n` uses and that are too expensive to compute twice."""
        symbols = frozenset().union(*(self.edge(n, i).formula.names for i, _ in self.active_arguments(n)))
        return {
            p for k, p in enumerate(self.defined[n].operands)
            if isinstance(p, Var) and f"{X}{k}" in symbols and p not in self.active and p in self.defined
            and (row := self.defined[p].row).kind not in ("elementwise", "constant") and row.algebra not in CHEAP
        }  # fmt: skip

    def _is_scaling(self, n: Var, p: Var) -> bool:
        for i, q in self.active_arguments(n):
            e = self.edge(n, i)
            is_constant = e.formula.shape == () and not any(w.startswith((X, Y, G)) for w in e.formula.names)
            if q is p and not (e.is_simple and is_constant and n.shape == p.shape):
                return False
        return any(q is p for _, q in self.active_arguments(n))

    def _folded(self, chosen: set[Var]) -> set[Var]:
        """The landmarks where calls are folded: of each folded call its results, and what it uses."""
        if self.root in self.regions:
            self.folds[self.root] = self.regions[self.root]
        for n in self.nodes:
            for p in self.arguments(n):
                if self.regions.get(p) is not self.regions.get(n):
                    if p in self.regions:
                        self.folds[p] = self.regions[p]
                    if n in self.regions:
                        chosen.add(p)
        return {n for n in chosen if n not in self.regions} | set(self.folds)

    # ----------------------------------------------------------------------------------------------------- folded calls

    def _fold(self, path: Sequence[Any], depth: int | None) -> Any:
        """The call on `path` that is one step: the first at `depth` or that textbooks know."""
        folds = (group for k, group in enumerate(path) if k == depth or self.board and self._book(group) is not None)
        return next(folds, None)

    def _prefer_known(self) -> None:
        """A layer that does nothing but one known step, or one operation, is that."""
        inside: dict[Any, set[Any]] = {}
        for n, fold in self.regions.items():
            path = self.group_path(n)
            step = next((g for g in path[path.index(fold) :] if self._book(g) is not None), n)
            inside.setdefault(fold, set()).add(step)
        alone = {fold: next(iter(content)) for fold, content in inside.items() if len(content) == 1}
        steps = {n: alone.get(fold, fold) for n, fold in self.regions.items()}
        self.regions = {n: step for n, step in steps.items() if step is not n}

    def _book(self, group: Any) -> Textbook | None:
        """The textbook of a call; it is made once."""
        if group not in self._books:
            self._books[group] = group.textbook
        return self._books[group]

    def shell(self, n: Var) -> Any:
        """The outermost call that contains nothing but the folded call of `n`, such as a layer around its function."""
        call = self.folds.get(n)
        for group in self.group_path(n)[::-1]:
            if call is not None and len(self._contents.get(group, ())) == 1:
                call = group
        return call

    @cached_property
    def _contents(self) -> dict[Any, set[Any]]:
        """For each call the folded calls and the other nodes in it."""
        contents: dict[Any, set[Any]] = {}
        for n in self.nodes:
            for group in self.group_path(n):
                contents.setdefault(group, set()).add(self.regions.get(n, n))
        return contents

    # ------------------------------------------------------------------------------------------------------ definitions

    def expression(self, n: Var) -> Expr:
        """The name of `n`, or its formula if it is not a landmark."""
        word = self.names.get(n)
        if word is not None:
            return name(word, n.shape)
        return self.definition(n)

    def definition(self, n: Var) -> Expr:
        """The formula of `n` in terms of other landmarks."""
        if n not in self._definitions:
            if n in self.folds:
                step = self.known(n)
                self._definitions[n] = step.forward if step else self._folded_definition(n)
            else:
                self._definitions[n] = self._definition(n)
        return self._definitions[n]

    def _definition(self, n: Var) -> Expr:
        inside = {n}
        stack = [n]
        while stack:
            for p in self.arguments(stack.pop()):
                if p in self.defined and p not in self.names and p not in inside:
                    inside.add(p)
                    stack.append(p)
        formulas: dict[Var, Expr] = {}
        for m in sorted(inside, key=self.place.__getitem__):
            eq = self.defined[m]
            args = [
                self.operand(eq, k) if not isinstance(p, Var) else formulas[p] if p in formulas else self.expression(p)
                for k, p in enumerate(eq.operands)
            ]
            step = self.known(m)
            if step is not None:
                formulas[m] = named(step.forward, {f"{X}{k}": a for k, a in enumerate(args)})
            else:
                formulas[m] = self._one_of_several(m, args) if eq.row.outputs else applied(eq, args)
        return formulas[n]

    def _one_of_several(self, n: Var, args: list[Expr]) -> Expr:
        """One of several results of a call, as an index into what it is a part of, or into the call."""
        eq, k = self.defined[n], self.index(n)
        if self.board and eq.row.part is not None:
            index = eq.row.part(k, **eq.params)
            return simplified("getitem", args[:1], n.shape, index=index, unique_indices=True)
        return unsimplified("getitem", (applied(eq, args),), n.shape, index=k)

    def _folded_definition(self, n: Var) -> Expr:
        """A folded call of its inputs: first what was computed or given, then the parameters."""
        inputs: dict[str, tuple[bool, Expr]] = {}
        for m in self.folded_steps(n)[::-1]:
            for p in self.defined[m].operands:
                is_constant = not isinstance(p, Var)
                if is_constant or p in self.landmark_set:
                    e = self.constant(p) if is_constant else self.expression(p)
                    if e.role == "name" and p is not n:
                        inputs[e.value] = not is_constant and self.is_input(p) and p in self.active, e
        args = tuple(e for _, e in sorted(inputs.values(), key=lambda pair: pair[0]))
        call: Any = FoldedCall(self.folds[n].name)
        return Expr(call.name, args, None, {}, n.shape, call)

    def folded_steps(self, n: Var) -> list[Var]:
        """The steps of the folded call that ends in `n`, latest first."""
        inside, stack = {n}, [n]
        while stack:
            for p in self.arguments(stack.pop()):
                if p not in self.landmark_set and p not in inside:
                    inside.add(p)
                    stack.append(p)
        return sorted(inside, key=self.place.__getitem__, reverse=True)

    # ------------------------------------------------------------------------------------------------------ known steps

    def known(self, n: Var) -> TextbookStep | None:
        """What the textbook of `n` says, if it is a known step."""
        if n not in self._known:
            book, meanings = None, {}
            if self.board and n in self.folds:
                book = self._book(self.folds[n])
                meanings = {word: self._argument(x) for word, x in self.folds[n].inputs.items()} if book else {}
            elif self.board and n not in self.regions and self.is_single(n) and n.dtype.kind != "c":
                book = self.defined[n].row.textbook
                meanings = self._arguments(n) if book else {}
            self._known[n] = None
            if book is not None:
                meanings["y"] = Written(self.expression(n) if n in self.folds else name(Y, n.shape), self.values[n])
                meanings["g"] = Written(name(G, n.shape), np.ones(n.shape, n.dtype))
                self._known[n] = TextbookStep(book, meanings, self._introduced)
        return self._known[n]

    def _arguments(self, n: Var) -> dict[str, Written]:
        """The arguments of a row by the names that its textbook has for them; recorded ones as symbols."""
        eq = self.defined[n]
        meanings = {word: parameter(value) for word, value in eq.params.items()}
        for k, p in enumerate(eq.operands):
            is_var = isinstance(p, Var)
            meanings[f"x{k + 1}"] = (
                Written(name(f"{X}{k}", p.shape), self.values[p]) if is_var else Written(self.operand(eq, k), p)
            )
        return {**meanings, "x": meanings["x1"]} if eq.operands else meanings

    def _argument(self, x: Any) -> Written:
        """An argument of a folded call: a variable, an array, or a keyword parameter."""
        x = self.current(x)
        if isinstance(x, Var):
            return Written(self.expression(x), self.values[x])
        return Written(self.constant(x), x) if isinstance(x, np.ndarray) else parameter(x)

    def _introduced(self, word: str, value: Any) -> str:
        """The name of a quantity that a textbook introduces; from now on it is taken."""
        word = self._taken.take(word)
        self.constants.values[word] = value
        self.introduced.add(word)
        return word

    def where(self, n: Var) -> list[tuple[str, Expr]]:
        """The quantities that the textbook of a known step introduces."""
        step = self.known(n)
        return [] if step is None else [(word, self._meant(n, e)) for word, e in step.where]

    def expanded(self, n: Var, e: Expr) -> Expr:
        """`e` with what its textbook introduces in terms of values, where that depends on any."""
        where, live = self.where(n), set(self.names.values())
        for word, stated in where:
            if not stated.names.isdisjoint(live):
                live.add(word)
        for word, stated in reversed(where):
            e = named(e, {word: stated}) if word in live else e
        return e

    def jacobian(self, n: Var) -> Expr | None:
        """The entries of the Jacobian of a known step, where they have a known form."""
        step = self.known(n)
        return None if step is None or step.jacobian is None else self._meant(n, step.jacobian)

    # ------------------------------------------------------------------------------------------------------ their rules

    def edge(self, n: Var, i: int) -> Edge:
        if (n, i) not in self._stated:
            step = None if self.is_input(n) or n in self.folds else self.known(n)
            stated = None if step is None else step.gradient(("x", "x1") if i == 0 else (f"x{i + 1}",))
            self._stated[n, i] = self.rule(n, i)
            if stated is not None and stated.expr is not None and stated.value is not None:
                e = parted(stated.expr, n.shape, self.defined[n].shape_of(i))
                if self._same_at(n, partial(self.pull, n, i, e), partial(self.pull, n, i, self.rule(n, i))):
                    self._stated[n, i] = e
        return self._stated[n, i]

    def pull(self, n: Var, i: int, e: Edge, g: Any) -> Any:
        """The cotangent of argument `i` of `n`, from that of `n`, in numbers."""
        eq = self.defined[n]
        env = self.environment() | {G: g}
        env |= {f"{X}{k}": self.values[x] if isinstance(x, Var) else x for k, x in enumerate(eq.operands)}
        results = {f"{Y}{k}": self.values[v] for k, v in enumerate(eq.outputs)}
        env |= results if eq.row.outputs else {Y: self.values[n]}
        return e.pulled(g, evaluate(e.formula, env), n.shape, eq.shape_of(i))

    @staticmethod
    def _same_at(n: Var, stated: Callable[[Any], Any], rule: Callable[[Any], Any]) -> bool:
        """True if a textbook gives the cotangent of the rule here: at a kink, or a tie, it may be another one."""
        with np.errstate(all="ignore"):
            g = np.cos(np.arange(1.0, np.prod(n.shape) + 1)).reshape(n.shape)
            value, expected = stated(g), rule(g)
            size = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
            return np.allclose(value, expected, rtol=1e-6, atol=1e-6 * size, equal_nan=True)

    def upstream(self, n: Var) -> str:
        """The name of the gradient with respect to `n`, in the formula of a map."""
        return f"d{self.names[self.root]}/d{self.names[n]}" if self.board and n in self.names else self.cotangent

    def _meanings(self, n: Var, step: Var) -> dict[str, Expr]:
        """The formulas that the symbols of an edge of `n` stand for, inside of the landmark `step`."""
        eq = self.defined[n]
        meanings = {f"{X}{k}": self.expression(p) for k, p in enumerate(eq.operands) if isinstance(p, Var)}
        meanings[G] = name(self.upstream(step), n.shape)
        if self.is_single(n):
            return {**meanings, Y: self.expression(n)}
        return meanings | {f"{Y}{k}": name(self.word(v), v.shape) for k, v in enumerate(eq.outputs)}

    def _meant(self, n: Var, e: Expr) -> Expr:
        """`e` with names for the symbols of an edge of `n`; it is not simplified."""
        return named(e, self._meanings(n, n))

def named(e: Expr, meanings: Mapping[str, Expr]) -> Expr:
    """`e` with formulas for names; it is not simplified."""
    return replaced(e, lambda part: meanings.get(part.value) if part.role == "name" else None)
