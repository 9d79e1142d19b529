"""A program with a name for every value, and what each step of it computes: one operation, arithmetic with several, a
folded call, a known step.

:class:`~autograd_lite.derive.chain_rule.Chain` chooses the steps, and adds the chain rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..program import Equation, Program, Var
from ..program.naming import Names, groups, short_names
from ..table import TABLE, Textbook
from .constants import Constants
from .factors import Edge, FoldedCall
from .formula_ops import Expr, applied, constant, evaluate, make, name, replaced
from .symbolic_rule import CallResult, G, X, Y, edge, parted
from .textbook_parser import Written
from .textbook_step import TextbookStep, parameter

LIMIT = 2_000  # operations; nobody reads a longer derivation
FEW = 4  # entries of a constant array that is written out in a formula; a larger one is called c1, c2, …


class Steps:
    """A program in which some calls are folded; the parameters are those of ``Chain``."""

    def __init__(
        self, program: Program, wrt: Iterable[Var] | None = None, *, depth: int | None = None, board: bool = True,
        names: Mapping[Var, str] | None = None, variables: Mapping[Any, Var] | None = None,
    ) -> None:
        self.board = board
        self.variables = variables or {}  # of the recorded values that the program was made from, by node
        self.merged: dict[Var, Var] = {}  # what computes the same as an earlier value, with that
        names = {v: v.name for v in program.variables if v in program.named} if names is None else dict(names)
        if board:  # what is computed twice is written once: ``x - mu`` in a variance and in a quotient
            program, self.merged = program.without_repetition(_elementwise, compared=0)
        for v, first in self.merged.items():
            if v in names:
                names.setdefault(first, names.pop(v))
        self.program = program
        self.defined = program.defined
        [self.root] = program.outputs
        used = {*program.users, self.root}
        #: The values, oldest first; of several results those that are used.
        self.nodes = [v for v in program.variables if v in used or v not in self.defined]
        self.place = {v: k for k, v in enumerate(self.nodes)}
        self.graded = _graded(program)
        self.values = {v: np.asarray(x) for v, x in program.values.items()}
        # Values between the result and `wrt`: only with respect to these something is differentiated.
        self.active = set(self.nodes) if wrt is None else program.depending(map(self.canonical, wrt))
        self._edges: dict[tuple[Var, int], Edge] = {}
        self._results: dict[Var, CallResult] = {}
        self._name({v: word for v, word in names.items() if v in self.place})
        self._definitions: dict[Var, Expr] = {}
        self._known: dict[Var, TextbookStep | None] = {}
        self._books: dict[Any, Textbook | None] = {}
        self._stated: dict[tuple[Var, int], Edge] = {}
        # The values inside folded calls, each with its call; and the result of each folded call.
        self.regions = {n: fold for n in self.nodes if (fold := self._fold(self.group_path(n), depth)) is not None}
        if depth is not None and board:
            self._prefer_known()
        self.folds: dict[Var, Any] = {}
        self.landmark_set: set[Var] = set()  # the results of the steps, and the inputs

    # ----------------------------------------------------------------------------------------------------- the program

    def canonical(self, v: Var) -> Var:
        """The first of the values that are computed in the same way."""
        return self.merged.get(v, v)

    def is_input(self, v: Var) -> bool:
        """Whether a value is not computed in the program."""
        return v not in self.defined

    def arguments(self, n: Var) -> list[Var]:
        """The variables that a value is computed from, once for each use."""
        return [x for x in self.defined[n].operands if isinstance(x, Var)] if n in self.defined else []

    def is_single(self, n: Var) -> bool:
        """Whether a value is the one result of an equation."""
        return n in self.defined and not self.defined[n].row.outputs

    def index(self, n: Var) -> int | None:
        """Which of several results of its equation a value is."""
        eq = self.defined[n]
        return eq.outputs.index(n) if eq.row.outputs else None

    def group_path(self, n: Var) -> list[Any]:
        """The modules and composite calls in which `n` was computed, outermost first."""
        return groups(self.defined[n]) if n in self.defined else []

    def active_arguments(self, n: Var) -> list[tuple[int, Var]]:
        """The arguments with respect to which `n` is differentiated, as (position, variable)."""
        eq = self.defined.get(n)
        if eq is None or eq.row.kind == "constant" or n not in self.graded:
            return []
        return [
            (i, p) for i, p in enumerate(eq.operands)
            if isinstance(p, Var) and p in self.active and p in self.graded and eq.row.pulls[i] is not None
        ]  # fmt: skip

    def rule(self, n: Var, i: int) -> Edge:
        """The rule for argument `i` of `n`, in symbols."""
        if (n, i) not in self._edges:
            if n not in self._results:
                self._results[n] = CallResult.of(self.defined[n], self.index(n), self.values)
            eq = self.defined[n]
            self._edges[n, i] = edge(self._results[n], i, lambda k, x: self.operand(eq, k))
        return self._edges[n, i]

    # ------------------------------------------------------------------------------------------------------ names

    def _name(self, names: dict[Var, str]) -> None:
        self.names = names
        self.introduced: set[str] = set()  # names that only a textbook has
        self.numbered: set[str] = set()  # c1, c2, … for constants without a name
        self._operands: dict[tuple[int, int], Expr] = {}
        self._environment: tuple[tuple[int, ...], dict[str, Any]] = ((), {})
        self._named_constants = 0
        self._taken = taken = Names(names.values())
        changing = {word[:-1] for word in taken if word.endswith("1") and f"{word[:-1]}2" in taken}
        self.constants = Constants(taken, changing)  # those that are not Tensors
        for word, x in self.program.constants.items():
            if word not in taken and (isinstance(x, np.ndarray) or self.board):
                self.constants.add(x, word)
        if self.root not in names:
            names[self.root] = next((w for w in ("L", "loss", "result") if w not in taken), "output")
            taken.add(names[self.root])
        candidates = ("g", "dy", "cotangent", *(f"g{k}" for k in range(1, 99)))
        self.cotangent = next(w for w in candidates if w not in taken)
        for eq in self.program.equations:  # large constants are numbered in the order in which they are used
            for k, x in enumerate(eq.operands):
                if not isinstance(x, Var):
                    self.operand(eq, k)

    def name_the_rest(self, nodes: Iterable[Var]) -> None:
        """Give those of `nodes` that have no name the next free letters."""
        words = [*self.names.values(), *self.constants.values, self.cotangent, "d", "l", "np"]
        self.fresh = short_names(words)
        for n in nodes:
            self.word(n)

    def word(self, n: Var) -> str:
        """The name of a value; one that has none gets the next free letter."""
        if n not in self.names:
            self.names[n] = next(self.fresh)
        return self.names[n]

    def operand(self, eq: Equation, k: int) -> Expr:
        """Operand `k` of an equation, a constant: as the user wrote it, or as :meth:`constant` has it."""
        x, key = eq.operands[k], (id(eq), k)
        if key not in self._operands:
            formula = self.constants.known(x)
            if formula is None and self.board:
                formula = self.constants.written(eq, k, x)
            self._operands[key] = self.constant(x) if formula is None else formula
        return self._operands[key]

    def constant(self, x: Any) -> Expr:
        """A value that was not recorded: its name, a number, or a small array."""
        formula = self.constants.known(x)
        if formula is None and self.board and np.size(x) > FEW:
            word = f"c{self._named_constants}"
            while self._named_constants == 0 or word in self._taken:
                self._named_constants += 1
                word = f"c{self._named_constants}"
            self.constants.add(np.asarray(x), word)
            self.numbered.add(word)
            formula = name(word, np.shape(x))
        return constant(x) if formula is None else formula

    @property
    def arrays(self) -> list[tuple[Any, str]]:
        """The named constants that are arrays, with their names."""
        own = self.introduced
        return [(x, w) for w, x in self.constants.values.items() if isinstance(x, np.ndarray) and w not in own]

    def environment(self) -> dict[str, Any]:
        """Every name with its value."""
        stamp = (len(self._taken), len(self.names))  # these only grow
        if self._environment[0] != stamp:
            values = {word: self.values[n] for n, word in self.names.items()}
            self._environment = stamp, {**self.constants.values, **values}
        return self._environment[1]

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
            return make(TABLE["getitem"], args[:1], {"index": index, "unique_indices": True}, n.shape)
        return Expr("getitem", (applied(eq, args),), None, {"index": k}, n.shape, TABLE["getitem"])

    def _folded_definition(self, n: Var) -> Expr:
        """A folded call of its inputs: first what was computed or given, then the parameters."""
        inputs: dict[str, tuple[bool, Expr]] = {}
        for m in self._folded_steps(n)[::-1]:
            for p in self.defined[m].operands:
                is_constant = not isinstance(p, Var)
                if is_constant or p in self.landmark_set:
                    e = self.constant(p) if is_constant else self.expression(p)
                    if e.role == "name" and p is not n:
                        inputs[e.value] = not is_constant and self.is_input(p) and p in self.active, e
        args = tuple(e for _, e in sorted(inputs.values(), key=lambda pair: pair[0]))
        call: Any = FoldedCall(self.folds[n].name)
        return Expr(call.name, args, None, {}, n.shape, call)

    def _folded_steps(self, n: Var) -> list[Var]:
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
        if isinstance(x, Var):
            x = self.canonical(x)
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


def _elementwise(eq: Equation) -> Any:
    """What two equations that may be one have in common."""
    return (eq.group,) if eq.row.kind == "elementwise" else None


def _graded(program: Program) -> set[Var]:
    """The values that are recorded for derivatives."""
    graded = {v for v in program.inputs if v.dtype.kind in "fc"}
    graded |= {v for v, t in program.captured.items() if t.requires_grad}
    computed = {v for eq in program.equations if eq.origin.requires_grad for v in eq.outputs}
    return graded | {v for v in computed if v.dtype.kind in "fc"}


def too_many(rows: Iterable[str], inputs: int, limit: int) -> str:
    """Why a program is not derived; `rows` has the name of the row of each equation."""
    counted = Counter(rows)
    by_count = sorted(counted.items(), key=lambda c: (-c[1], c[0]))
    most = ", ".join(f"{count} {row}" for row, count in by_count[:5])
    return (
        f"explain: {counted.total() + inputs} operations are too many to write out (the limit is {limit}): explain a "
        f"part, such as one step of the loop. In short: {most} on {inputs} inputs"
    )
