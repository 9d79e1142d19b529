"""What each step of a recorded graph computes: one operation, arithmetic with several, a folded call, a known step.

:class:`~autograd_lite.derive.chain_rule.Chain` chooses the steps, and adds the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..engine.node import Node
from ..engine.replay import arguments
from ..table import TABLE, Textbook
from ..tensor import Tensor
from .factors import Edge, FoldedCall
from .formula_ops import Expr, applied, evaluate, make, name, replaced
from .named_graph import NamedGraph
from .symbolic_rule import G, X, Y, parted
from .textbook_parser import Written
from .textbook_step import TextbookStep, parameter


class Steps(NamedGraph):
    """A recorded graph in which some calls are folded; the parameters are those of ``Chain``."""

    def __init__(
        self, root: Tensor, names: Mapping[str, Any] | None = None, depth: int | None = None, **options: Any
    ) -> None:
        super().__init__(root, names, **options)
        self._definitions: dict[Node, Expr] = {}
        self._known: dict[Node, TextbookStep | None] = {}
        self._books: dict[Any, Textbook | None] = {}
        self._stated: dict[tuple[Node, int], Edge] = {}
        # The nodes inside folded calls, each with its call; and the result of each folded call.
        self.regions = {n: fold for n in self.nodes if (fold := self._fold(self.group_path(n), depth)) is not None}
        if depth is not None and self.board:
            self._prefer_known()
        self.folds: dict[Node, Any] = {}
        self.landmark_set: set[Node] = set()  # the results of the steps, and the inputs

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

    def shell(self, n: Node) -> Any:
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
            for group in self.group_path(n) if n.row is not None else ():
                contents.setdefault(group, set()).add(self.regions.get(n, n))
        return contents

    # ------------------------------------------------------------------------------------------------------ definitions

    def expression(self, n: Node) -> Expr:
        """The name of `n`, or its formula if it is not a landmark."""
        word = self.names.get(n)
        if word is not None:
            return name(word, n.shape)
        return self.constant(n.y) if n.row is None else self.definition(n)

    def definition(self, n: Node) -> Expr:
        """The formula of `n` in terms of other landmarks."""
        if n not in self._definitions:
            if n in self.folds:
                step = self.known(n)
                self._definitions[n] = step.forward if step else self._folded_definition(n)
            else:
                self._definitions[n] = self._definition(n)
        return self._definitions[n]

    def _definition(self, n: Node) -> Expr:
        inside = {n}
        stack = [n]
        while stack:
            for p in self.parents(stack.pop()):
                if p is not None and p.row is not None and p not in self.names and p not in inside:
                    inside.add(p)
                    stack.append(p)
        formulas: dict[Node, Expr] = {}
        for m in sorted(inside, key=lambda m: -m.order):
            call = self.call(m)
            args = [
                self.operand(call, k, x) if p is None else formulas[p] if p in formulas else self.expression(p)
                for k, (p, x) in enumerate(zip(self.parents(m), call.xs, strict=True))
            ]
            step = self.known(m)
            if step is not None:
                formulas[m] = named(step.forward, {f"{X}{k}": a for k, a in enumerate(args)})
            elif self.board and call is not m:
                formulas[m] = self._one_of_several(m, call, args)
            else:
                formulas[m] = applied(call, args, call.dtypes)
        return formulas[n]

    def _one_of_several(self, n: Node, call: Node, args: list[Expr]) -> Expr:
        """One of several results of a call, as an index into what it is a part of, or into the call."""
        assert call.row is not None
        if call.row.part is not None:
            index = call.row.part(n.params["index"], **call.params)
            return make(TABLE["getitem"], args[:1], {"index": index, "unique_indices": True}, n.shape)
        whole = applied(call, args, call.dtypes)
        return Expr("getitem", (whole,), None, {"index": n.params["index"]}, n.shape, TABLE["getitem"])

    def _folded_definition(self, n: Node) -> Expr:
        """A folded call of its inputs: first what was computed or given, then the parameters."""
        inputs: dict[str, tuple[bool, Expr]] = {}
        for m in self._folded_steps(n)[::-1]:
            for p, x in zip(self.parents(m), self.call(m).xs or (), strict=False):
                if p is None or p in self.landmark_set or p not in self.node_set:
                    e = self.constant(x) if p is None else self.expression(p)
                    if e.role == "name" and p is not n:
                        inputs[e.value] = p is not None and p.row is None and p in self.active, e
        args = tuple(e for _, e in sorted(inputs.values(), key=lambda pair: pair[0]))
        call: Any = FoldedCall(self.folds[n].name)
        return Expr(call.name, args, None, {}, n.shape, call)

    def _folded_steps(self, n: Node) -> list[Node]:
        """The steps of the folded call that ends in `n`, latest first."""
        inside, stack = {n}, [n]
        while stack:
            for p in self.parents(stack.pop()):
                if p is not None and p not in self.landmark_set and p in self.node_set and p not in inside:
                    inside.add(p)
                    stack.append(p)
        return sorted(inside, key=lambda m: m.order)

    # ------------------------------------------------------------------------------------------------------ known steps

    def known(self, n: Node) -> TextbookStep | None:
        """What the textbook of `n` says, if it is a known step."""
        if n not in self._known:
            book, meanings = None, {}
            if self.board and n in self.folds:
                book = self._book(self.folds[n])
                meanings = {word: self._argument(x) for word, x in self.folds[n].inputs.items()} if book else {}
            elif self.board and n not in self.regions and n.row is not None and n.parts is None and n.dtype.kind != "c":
                book = n.row.textbook
                meanings = self._arguments(n) if book else {}
            self._known[n] = None
            if book is not None:
                meanings["y"] = Written(self.expression(n) if n in self.folds else name(Y, n.shape), self.values[n])
                meanings["g"] = Written(name(G, n.shape), np.ones(n.shape, n.dtype))
                self._known[n] = TextbookStep(book, meanings, self._introduced)
        return self._known[n]

    def _arguments(self, n: Node) -> dict[str, Written]:
        """The arguments of a row by the names that its textbook has for them; recorded ones as symbols."""
        meanings = {word: parameter(value) for word, value in n.params.items()}
        for k, (p, x) in enumerate(zip(self.parents(n), arguments(n, self.values), strict=True)):
            meanings[f"x{k + 1}"] = Written(self.operand(n, k, x) if p is None else name(f"{X}{k}", p.shape), x)
        return {**meanings, "x": meanings["x1"]} if n.parents else meanings

    def _argument(self, x: Any) -> Written:
        """An argument of a folded call: a node, an array, or a keyword parameter."""
        if isinstance(x, Node):
            x = self.canonical(x)
            return Written(self.expression(x), self.values.get(x, x.y))
        return Written(self.constant(x), x) if isinstance(x, np.ndarray) else parameter(x)

    def _introduced(self, word: str, value: Any) -> str:
        """The name of a quantity that a textbook introduces; from now on it is taken."""
        word = self._taken.take(word)
        self.constants.values[word] = value
        self.introduced.add(word)
        return word

    def where(self, n: Node) -> list[tuple[str, Expr]]:
        """The quantities that the textbook of a known step introduces."""
        step = self.known(n)
        return [] if step is None else [(word, self._meant(n, e)) for word, e in step.where]

    def expanded(self, n: Node, e: Expr) -> Expr:
        """`e` with what its textbook introduces in terms of values, where that depends on any."""
        where, live = self.where(n), set(self.names.values())
        for word, stated in where:
            if not stated.names.isdisjoint(live):
                live.add(word)
        for word, stated in reversed(where):
            e = named(e, {word: stated}) if word in live else e
        return e

    def jacobian(self, n: Node) -> Expr | None:
        """The entries of the Jacobian of a known step, where they have a known form."""
        step = self.known(n)
        return None if step is None or step.jacobian is None else self._meant(n, step.jacobian)

    # ------------------------------------------------------------------------------------------------------ their rules

    def edge(self, n: Node, i: int) -> Edge:
        if (n, i) not in self._stated:
            step = None if n.row is None or n in self.folds else self.known(n)
            stated = None if step is None else step.gradient(("x", "x1") if i == 0 else (f"x{i + 1}",))
            self._stated[n, i] = self.rule(n, i)
            if stated is not None and stated.expr is not None and stated.value is not None:
                e = parted(stated.expr, n.shape, n.shape_of(i))
                if self._same_at(n, partial(self.pull, n, i, e), partial(self.pull, n, i, self.rule(n, i))):
                    self._stated[n, i] = e
        return self._stated[n, i]

    def pull(self, n: Node, i: int, e: Edge, g: Any) -> Any:
        """The cotangent of argument `i` of `n`, from that of `n`, in numbers."""
        call = self.call(n)
        y, xs = self.values[call], arguments(call, self.values)
        env = self.environment() | {G: g} | {f"{X}{k}": x for k, x in enumerate(xs)}
        env |= {Y: y} if call is n else {f"{Y}{k}": v for k, v in enumerate(y)}
        return e.pulled(g, evaluate(e.formula, env), n.shape, np.shape(xs[i]))

    @staticmethod
    def _same_at(n: Node, stated: Callable[[Any], Any], rule: Callable[[Any], Any]) -> bool:
        """True if a textbook gives the cotangent of the rule here: at a kink, or a tie, it may be another one."""
        with np.errstate(all="ignore"):
            g = np.cos(np.arange(1.0, np.prod(n.shape) + 1)).reshape(n.shape)
            value, expected = stated(g), rule(g)
            size = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
            return np.allclose(value, expected, rtol=1e-6, atol=1e-6 * size, equal_nan=True)

    def upstream(self, n: Node) -> str:
        """The name of the gradient with respect to `n`, in the formula of a map."""
        return f"d{self.names[self.root]}/d{self.names[n]}" if self.board and n in self.names else self.cotangent

    def _meanings(self, n: Node, step: Node) -> dict[str, Expr]:
        """The formulas that the symbols of an edge of `n` stand for, inside of the landmark `step`."""
        call = self.call(n)
        meanings = {f"{X}{k}": self.expression(p) for k, p in enumerate(self.parents(n)) if p is not None}
        meanings[G] = name(self.upstream(step), n.shape)
        if call is n:
            return {**meanings, Y: self.expression(n)}
        return meanings | {f"{Y}{k}": name(self.part(call, k), shape) for k, (shape, _) in enumerate(call.parts)}

    def _meant(self, n: Node, e: Expr) -> Expr:
        """`e` with names for the symbols of an edge of `n`; it is not simplified."""
        return named(e, self._meanings(n, n))


def named(e: Expr, meanings: Mapping[str, Expr]) -> Expr:
    """`e` with formulas for names; it is not simplified."""
    return replaced(e, lambda part: meanings.get(part.value) if part.role == "name" else None)
