"""The chain rule on a recorded graph: landmarks, and the factors between them.

A person who derives a gradient does not stop at every operation. The landmarks are the values that have a name, the
inputs, what is used more than once, and every matrix product or other step that is not elementwise; simple arithmetic
between two landmarks belongs to the formula of the later one. Between a landmark and one that its formula uses lies a
*factor* ``dP/dC``: a formula, a value, and how it combines with the cotangent: elementwise, as a matrix from the left
or from the right, or, where it is none of these, as a map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..base.escape import plain
from ..engine.node import Node
from ..engine.replay import arguments
from ..table import TABLE, Primitive, Textbook
from ..tensor import Tensor
from .board import Written
from .expr import Function
from .expression import Expr, applied, evaluate, make, name, number, product, replaced, substitute
from .factors import Factor, FoldedCall, pulled, scalars_apart, summed, total
from .known import KnownStep, parameter
from .named_graph import LIMIT, NamedGraph
from .symbolic_rule import Edge, G, X, Y, is_g, joined, parted

CHEAP = (
    "index", "gather", "reshape", "transpose", "matrix transpose", "swap of axes", "move of axes", "cast", "identity",
)  # fmt: skip
TURNS = ("transpose", "matrix transpose", "swap of axes")
DEEP = 8  # operations in one formula; a longer one gets a landmark inside it


class Chain(NamedGraph):
    """A recorded graph read as a chain of landmarks, from the inputs to one result.

    Parameters
    ----------
    root : Tensor
        The result; recorded.
    names : mapping of str to Tensor or ndarray, optional
        Such as ``locals()``. A name given to a tensor itself comes first.
    claimed : mapping of Node to str, optional
        Names that come before all others.
    limit : int
        The largest number of operations.
    depth : int, optional
        How many levels of modules and composite calls to expand; a deeper call is one step.
    wrt : iterable of Node, optional
        What will be differentiated with respect to; only steps on the way to it become landmarks.
    board : bool
        Whether known steps are written as their textbooks have them, and constants by their names; a program that will
        be run is made without.
    """

    def __init__(
        self,
        root: Tensor,
        names: Mapping[str, Any] | None = None,
        claimed: Mapping[Node, str] | None = None,
        limit: int = LIMIT,
        depth: int | None = None,
        wrt: Iterable[Node] | None = None,
        board: bool = True,
    ) -> None:
        super().__init__(root, names, claimed, limit, wrt, board)
        self.uses = Counter(p for n in self.nodes for p in self.parents(n) if p is not None)
        self._definitions: dict[Node, Expr] = {}
        self._factors: dict[tuple[Node, Node], Factor] = {}
        self._inside: dict[Node, dict[Node, _InnerPaths]] = {}
        self._known: dict[Node, KnownStep | None] = {}
        self._books: dict[Any, Textbook | None] = {}
        self._stated: dict[tuple[Node, int], Edge] = {}
        # The nodes inside folded calls, each with its call; and the result of each folded call.
        self.regions = {n: fold for n in self.nodes if (fold := self._fold(self.group_path(n), depth)) is not None}
        if depth is not None and self.board:
            self._prefer_known()
        self.folds: dict[Node, Any] = {}
        self.landmarks = self._landmarks()  # oldest first; inputs included
        self.landmark_set = set(self.landmarks)
        self._used_by = Counter(m for n in self.landmarks for m in self.inputs_of(n))
        self.name_the_rest(self.landmarks)

    def _fold(self, path: Sequence[Any], depth: int | None) -> Any:
        """The call on `path` that is one step: the first at `depth` or that textbooks know."""
        known = (group for k, group in enumerate(path) if k == depth or self.board and self._book(group) is not None)
        return next(known, None)

    def _prefer_known(self) -> None:
        """A layer that does nothing but one known step, or one operation, is that."""
        inside: dict[Any, set[Any]] = {}
        for n, fold in self.regions.items():
            path = self.group_path(n)
            known = next((g for g in path[path.index(fold) :] if self._book(g) is not None), n)
            inside.setdefault(fold, set()).add(known)
        alone = {fold: next(iter(found)) for fold, found in inside.items() if len(found) == 1}
        steps = {n: alone.get(fold, fold) for n, fold in self.regions.items()}
        self.regions = {n: step for n, step in steps.items() if step is not n}

    def _book(self, group: Any) -> Textbook | None:
        """The textbook of a call; it is made once."""
        if group not in self._books:
            self._books[group] = group.textbook
        return self._books[group]

    def shell(self, n: Node) -> Any:
        """The outermost call that contains nothing but the folded call of `n`, such as a layer around its function."""
        found = self.folds.get(n)
        for group in self.group_path(n)[::-1]:
            if found is not None and len(self._contents.get(group, ())) == 1:
                found = group
        return found

    @cached_property
    def _contents(self) -> dict[Any, set[Any]]:
        """For each call the folded calls and the other nodes in it."""
        found: dict[Any, set[Any]] = {}
        for n in self.nodes:
            for group in self.group_path(n) if n.row is not None else ():
                found.setdefault(group, set()).add(self.regions.get(n, n))
        return found

    # -------------------------------------------------------------------------------------------------- landmarks

    def _landmarks(self) -> list[Node]:
        """The landmarks, oldest first: see the head of this file."""
        chosen = {
            n for n in self.nodes
            if n.row is None or n in self.names or self.uses[n] > 1 or n in self._same or "generator" in n.params
        }  # fmt: skip
        chosen.add(self.root)
        if self.regions:
            chosen = self._folded(chosen)
        consumer = {p: n for n in self.nodes for p in self.parents(n) if p is not None}
        pure: set[Node] = set()  # landmarks, and what reaches one by steps that only scale a derivative
        for n in reversed(self.nodes):
            active = self.active_arguments(n) if n not in self.regions else []
            if n in chosen or consumer[n] in pure and self._is_scaling(consumer[n], n):
                pure.add(n)
            for i, p in active:
                if not self.edge(n, i).is_simple:
                    if n not in pure and not self._is_turn(n):
                        chosen.add(n)
                        pure.add(n)
                    if not self._is_turn(p):
                        chosen.add(p)
            if active and n not in self.regions:
                chosen |= self._needed_again(n)
        length: dict[Node, int] = {}
        for n in self.nodes:
            length[n] = 1 + sum(length[p] for p in self.parents(n) if p is not None and p in length)
            if n in chosen or length[n] > DEEP and n not in self.regions:
                chosen.add(n)
                length[n] = 0
        return [n for n in self.nodes if n in chosen]

    def _needed_again(self, n: Node) -> set[Node]:
        """Arguments that the backward pass through `n` uses and that are too expensive to compute twice."""
        words = frozenset().union(*(self.edge(n, i).formula.names for i, _ in self.active_arguments(n)))
        return {
            p for k, p in enumerate(self.parents(n))
            if p is not None and p in self.node_set and f"{X}{k}" in words and p not in self.active
            and p.row is not None and p.row.kind not in ("elementwise", "constant") and p.row.algebra not in CHEAP
        }  # fmt: skip

    def _is_scaling(self, n: Node, p: Node) -> bool:
        for i, q in self.active_arguments(n):
            e = self.edge(n, i)
            is_constant = e.formula.shape == () and not any(w.startswith((X, Y, G)) for w in e.formula.names)
            if q is p and not (e.is_simple and is_constant and n.shape == p.shape):
                return False
        return any(q is p for _, q in self.active_arguments(n))

    def _folded(self, chosen: set[Node]) -> set[Node]:
        """The landmarks where calls are folded: of each folded call its results, and what it uses."""
        if self.root in self.regions:
            self.folds[self.root] = self.regions[self.root]
        for n in self.nodes:
            for p in self.parents(n):
                if p is not None and self.regions.get(p) is not self.regions.get(n):
                    if p in self.regions:
                        self.folds[p] = self.regions[p]
                    if n in self.regions and p in self.node_set:
                        chosen.add(p)
        return {n for n in chosen if n not in self.regions} | set(self.folds)

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
                known = self.known(n)
                self._definitions[n] = known.forward if known else self._folded_definition(n)
            else:
                self._definitions[n] = self._definition(n)
        return self._definitions[n]

    # -------------------------------------------------------------------------------------------------- known steps

    def known(self, n: Node) -> KnownStep | None:
        """What the textbook of `n` says, if it is a known step."""
        if n not in self._known:
            book, words = None, {}
            if self.board and n in self.folds:
                book = self._book(self.folds[n])
                words = {word: self._argument(x) for word, x in self.folds[n].inputs.items()} if book else {}
            elif self.board and n not in self.regions and n.row is not None and n.parts is None and n.dtype.kind != "c":
                book = n.row.textbook
                words = self._arguments(n) if book else {}
            self._known[n] = None
            if book is not None:
                words["y"] = Written(self.expression(n) if n in self.folds else name(Y, n.shape), self.values[n])
                words["g"] = Written(name(G, n.shape), np.ones(n.shape, n.dtype))
                self._known[n] = KnownStep(book, words, self._introduced)
        return self._known[n]

    def _arguments(self, n: Node) -> dict[str, Written]:
        """The arguments of a row by the names that its textbook has for them; recorded ones as symbols."""
        words = {word: parameter(value) for word, value in n.params.items()}
        for k, (p, x) in enumerate(zip(self.parents(n), arguments(n, self.values), strict=True)):
            words[f"x{k + 1}"] = Written(self.operand(n, k, x) if p is None else name(f"{X}{k}", p.shape), x)
        return {**words, "x": words["x1"]} if n.parents else words

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
        known = self.known(n)
        return [] if known is None else [(word, self._meant(n, e)) for word, e in known.where]

    def expanded(self, n: Node, e: Expr) -> Expr:
        """`e` with what its textbook introduces in terms of values, where that depends on any."""
        where, live = self.where(n), set(self.names.values())
        for word, stated in where:
            if not stated.names.isdisjoint(live):
                live.add(word)
        for word, stated in reversed(where):
            e = _named(e, {word: stated}) if word in live else e
        return e

    def jacobian(self, n: Node) -> Expr | None:
        """The entries of the Jacobian of a known step, where they have a known form."""
        known = self.known(n)
        return None if known is None or known.jacobian is None else self._meant(n, known.jacobian)

    def _meant(self, n: Node, e: Expr) -> Expr:
        """`e` with names for the symbols of an edge of `n`; it is not simplified."""
        return _named(e, self._meanings(n, n))

    def edge(self, n: Node, i: int) -> Edge:
        if (n, i) not in self._stated:
            known = None if n.row is None or n in self.folds else self.known(n)
            stated = None if known is None else known.gradient(("x", "x1") if i == 0 else (f"x{i + 1}",))
            p = self.parents(n)[i]
            if stated is not None and stated.expr is not None and stated.value is not None and p is not None:
                self._stated[n, i] = parted(stated.expr, n.shape, p.shape)
            else:
                self._stated[n, i] = self.rule(n, i)
        return self._stated[n, i]

    def upstream(self, n: Node) -> str:
        """The name of the gradient with respect to `n`, in the formula of a map."""
        return f"d{self.names[self.root]}/d{self.names[n]}" if self.board and n in self.names else self.cotangent

    # -------------------------------------------------------------------------------------------------- definitions
    def _definition(self, n: Node) -> Expr:
        inside = {n}
        stack = [n]
        while stack:
            for p in self.parents(stack.pop()):
                if p is not None and p.row is not None and p not in self.names and p not in inside:
                    inside.add(p)
                    stack.append(p)
        known: dict[Node, Expr] = {}
        for m in sorted(inside, key=lambda m: -m.order):
            call = self.call(m)
            args = [
                self.operand(call, k, x) if p is None else known[p] if p in known else self.expression(p)
                for k, (p, x) in enumerate(zip(self.parents(m), call.xs, strict=True))
            ]
            step = self.known(m)
            if step is None:
                known[m] = self._part(m, args[0]) or applied(call, args, call.dtypes)
            else:
                words = {f"{X}{k}": a for k, a in enumerate(args)}
                known[m] = _named(step.forward, words)
        return known[n]

    def _part(self, n: Node, x: Expr) -> Expr | None:
        """One of several results that are parts of an argument `x`, as an index into it."""
        call = self.call(n)
        if call is n or not self.board or call.row is None or call.row.part is None:
            return None
        index = call.row.part(n.params["index"], **call.params)
        return make(TABLE["getitem"], (x,), {"index": index, "unique_indices": True}, n.shape)

    def _folded_definition(self, n: Node) -> Expr:
        """A folded call of its inputs: first what was computed or given, then the parameters."""
        found: dict[str, tuple[bool, Expr]] = {}
        for m in self._folded_steps(n)[::-1]:
            for p, x in zip(self.parents(m), self.call(m).xs or (), strict=False):
                if p is None or p in self.landmark_set or p not in self.node_set:
                    e = self.constant(x) if p is None else self.expression(p)
                    if e.role == "name" and p is not n:
                        found[e.value] = p is not None and p.row is None and p in self.active, e
        args = tuple(e for _, e in sorted(found.values(), key=lambda pair: pair[0]))
        call: Any = FoldedCall(self.folds[n].name)
        return Expr(call.name, args, None, {}, n.shape, call)

    def _folded_steps(self, n: Node) -> list[Node]:
        """The steps of the folded call that ends in `n`, latest first."""
        found, stack = {n}, [n]
        while stack:
            for p in self.parents(stack.pop()):
                if p is not None and p not in self.landmark_set and p in self.node_set and p not in found:
                    found.add(p)
                    stack.append(p)
        return sorted(found, key=lambda m: m.order)

    # ------------------------------------------------------------------------------------------------------ factors

    def factor(self, n: Node, m: Node) -> Factor:
        """The partial derivative of landmark `n` with respect to landmark `m`, which its formula uses."""
        if (n, m) not in self._factors:
            self._factors[n, m] = self._folded_factor(n, m) if n in self.folds else self._factor(n, m)
        return self._factors[n, m]

    def _inner_paths(self, n: Node) -> dict[Node, _InnerPaths]:
        """The paths inside the step `n`, by the landmarks where they end."""
        if n in self._inside:
            return self._inside[n]
        found: dict[Node, _InnerPaths] = {}
        stack: list[tuple[Node, Expr, tuple[tuple[int, Primitive], ...]]] = [(n, number(1), ())]
        steps = count()
        while stack:
            at, before, rules = stack.pop()
            if self._is_turn(at):
                continue
            active = self.active_arguments(at)
            meanings = self._meanings(at, n) if active else {}
            for i, p in active:
                e = self.edge(at, i)
                row = self.call(at).row
                assert row is not None
                here = (*rules, (next(steps), row))
                direct = before.is_number and before.value == 1
                stated = direct and self.known(at) is not None  # as it was stated, not simplified
                formula = _named(e.formula, meanings) if stated else substitute(e.formula, meanings)
                if e.is_simple:
                    full = np.broadcast_shapes(before.shape, formula.shape)
                    formula = product((before, formula), full)
                elif e.combine == "map" and not direct:
                    g = name(self.upstream(n), at.shape)
                    formula = substitute(formula, {self.upstream(n): product((before, g), at.shape)})
                elif e.combine == "map":
                    pass
                else:
                    formula = product((before, formula), formula.shape)
                found_edge = Edge(e.combine, formula, e.axes)
                if self._is_turn(p):  # Q @ Kᵀ is one step
                    p, found_edge = self._through_turn(n, p, found_edge)
                if p in self.landmark_set:
                    into = found.setdefault(p, _InnerPaths([], {}))
                    into.edges.append(found_edge)
                    into.rules.update(here)
                else:
                    stack.append((p, formula, here))
        self._inside[n] = found
        return found

    def _is_turn(self, n: Node) -> bool:
        """Whether a node is a transpose inside of a step, which is no step of its own."""
        is_plain = self.board and n.row is not None and n not in self.names and n not in self.regions
        return is_plain and self.uses[n] == 1 and n is not self.root and n.row.algebra in TURNS and len(n.shape) == 2

    def _through_turn(self, n: Node, p: Node, e: Edge) -> tuple[Node, Edge]:
        """The edge from step `n` to what `p`, a transpose in it, is made of."""
        above = name(G, n.shape)
        upstream = self.upstream(n)
        formula = replaced(e.formula, lambda part: above if part.value == upstream and part.role == "name" else None)
        size, turned = scalars_apart(formula) if e.combine != "map" else (lambda made: made, formula)
        whole = turned if e.combine == "map" else joined(e.combine, turned, above, p.shape)
        (q,) = self.parents(p)
        assert q is not None
        if whole.role == "matrix product":
            back = [make(TABLE["transpose"], (a,), {"axes": None}, a.shape[::-1]) for a in whole.args[::-1]]
            whole = make(TABLE["matmul"], back, {}, q.shape)
        else:
            whole = make(TABLE["transpose"], (whole,), {"axes": None}, q.shape)
        return q, parted(size(whole), n.shape, q.shape)

    def _meanings(self, n: Node, step: Node) -> dict[str, Expr]:
        """The formulas that the symbols of an edge of `n` stand for, inside of the landmark `step`."""
        call = self.call(n)
        found = {f"{X}{k}": self.expression(p) for k, p in enumerate(self.parents(n)) if p is not None}
        found[G] = name(self.upstream(step), n.shape)
        if call is n:
            return {**found, Y: self.expression(n)}
        return found | {f"{Y}{k}": name(self.part(call, k), shape) for k, (shape, _) in enumerate(call.parts)}

    def _factor(self, n: Node, m: Node) -> Factor:
        inner = self._inner_paths(n)[m]
        rules = tuple(dict.fromkeys(inner.rules[k] for k in sorted(inner.rules)))
        return self._made(n, m, self._total(n, m, inner.edges), rules)

    def _folded_factor(self, n: Node, m: Node) -> Factor:
        """The textbook's formula for a folded call, or else the symbol of its derivative."""
        fold, known = self.folds[n], self.known(n)
        words = [w for w, x in fold.inputs.items() if isinstance(x, Node) and self.canonical(x) is m]
        stated = [known.gradient((word,)) for word in words] if known else []
        exprs = [found.expr for found in stated if found is not None and found.expr is not None]
        pull = partial(self._pull_inside, n, m)
        if not exprs or len(exprs) < len(stated):
            if n is self.root:
                applied_to: Expr = name(f"d{plain(fold.name)}/d{self.names[m]}", m.shape)
            else:
                times: Any = Function("applied", None, text="{x1} · {x2}", tex=r"{x1} \, {x2}")
                pair = name(G, n.shape), name(self.symbol(n, m), m.shape)
                applied_to = Expr(times.name, pair, None, {}, m.shape, times)
            e = Edge("map", applied_to, ())
        elif len(exprs) == 1 and stated[0] is not None and stated[0].value is not None:
            e = parted(exprs[0], n.shape, m.shape)
        else:
            e = Edge("map", total(exprs), ())
        return self._made(n, m, e, (FoldedCall(fold.name),), pull)

    def _made(self, n: Node, m: Node, e: Edge, rules: Any, pull: Any = None) -> Factor:
        upstream = self.upstream(n)
        formula = replaced(e.formula, lambda part: name(upstream, n.shape) if is_g(part) else None)
        if self.board:
            formula = replaced(formula, _numbers_outside)
        env = self.environment()
        value = None if e.combine == "map" else np.asarray(evaluate(formula, env))
        factor = Factor(n, m, self.symbol(n, m), formula, e.combine, e.axes, value, rules, upstream, env, pull)
        return self._without_upstream(factor) if n is self.root and self.board else factor

    def _without_upstream(self, f: Factor) -> Factor:
        """A factor of the result, whose own gradient is one: a map is then the gradient itself."""
        if f.combine != "map" or f.pull is not None:
            return f
        formula = substitute(f.formula, {f.cotangent: number(1)})
        value = f.apply(np.ones(f.of.shape))
        if formula.is_number and np.all(value == formula.value):
            return replace(f, formula=formula, combine="elementwise", value=np.asarray(formula.value))
        try:
            if np.array_equal(np.reshape(evaluate(formula, f._env), value.shape), value):
                return replace(f, formula=formula, combine="elementwise", value=value)
        except (TypeError, ValueError):  # it needs an array
            pass
        return f

    def _pull_inside(self, n: Node, m: Node, g: Any) -> Any:
        """The cotangent of `m` from that of `n`, a folded call that uses it, in numbers."""
        arrived: dict[Node, Any] = {n: g}
        for at in self._folded_steps(n):
            if at not in arrived:
                continue
            call = self.call(at)
            y, xs = self.values[call], arguments(call, self.values)
            env = self.environment() | {G: arrived[at]}
            env |= {f"{X}{k}": x for k, x in enumerate(xs)}
            env |= {Y: y} if call is at else {f"{Y}{k}": v for k, v in enumerate(y)}
            for i, p in self.active_arguments(at):
                e = self.rule(at, i)
                d = pulled(arrived[at], e.combine, evaluate(e.formula, env), e.axes, at.shape, p.shape)
                arrived[p] = arrived[p] + d if p in arrived else d
        return arrived.get(m, np.zeros(m.shape))

    def symbol(self, n: Node, m: Node) -> str:
        """``dP/dC``; ``∂L/∂x`` for the direct partial of L, where x also acts on L through other landmarks."""
        d = "∂" if n is self.root and self._used_by[m] > 1 else "d"
        return f"{d}{self.names[n]}/{d}{self.names[m]}"

    def _total(self, n: Node, m: Node, edges: Sequence[Edge]) -> Edge:
        """One edge for all paths inside a step from `n` to `m`."""
        if len(edges) == 1:
            return edges[0]
        if all(e.is_simple for e in edges):
            return Edge("elementwise", total([e.formula for e in edges]), ())
        g = name(self.upstream(n), n.shape)
        terms = []
        for e in edges:
            term = e.formula if e.combine == "map" else joined(e.combine, e.formula, g, m.shape)
            terms.append(summed(term, e.axes, m.shape) if e.axes else term)
        return Edge("map", total(terms), ())

    def inputs_of(self, n: Node) -> list[Node]:
        """The landmarks that the formula of `n` is differentiated with respect to, in the order of the formula."""
        found: dict[Node, None] = {}
        stack = [p for _, p in self.active_arguments(n)][::-1]
        while stack:
            p = stack.pop()
            if p in self.landmark_set:
                found[p] = None
            else:
                stack += [q for _, q in self.active_arguments(p)][::-1]
        return list(found)

    def reaching(self, wanted: Iterable[Node]) -> set[Node]:
        """The landmarks on a path from the result to one of `wanted`."""
        reach = set(wanted)
        for n in self.landmarks:
            if not reach.isdisjoint(self.inputs_of(n)):
                reach.add(n)
        below = {self.root}
        for n in reversed(self.landmarks):
            if n in below:
                below.update(self.inputs_of(n))
        return reach & below

    def paths(self, wrt: Node, limit: int = 100) -> Iterator[list[Node]]:
        """Every path through the landmarks from the result to `wrt`."""
        reach = self.reaching([wrt])
        stack = [[self.root]] if self.root in reach else []
        yielded = 0
        while stack:
            path = stack.pop()
            if path[-1] is wrt:
                yield path
                yielded += 1
                if yielded > limit:
                    raise ValueError(
                        f"explain: more than {limit} paths lead from {self.names[self.root]} to {self.names[wrt]}: "
                        "explain a part of the graph, or take the backward pass from source()"
                    )
                continue
            stack += [[*path, p] for p in self.inputs_of(path[-1])[::-1] if p in reach]


def _numbers_outside(e: Expr) -> Expr | None:
    """A reshape of a number times an array as the number times the reshape."""
    inner = e.args[0] if e.role == "reshape" else None
    arrays = [f for f in inner.args if f.shape] if inner is not None and inner.role == "product" else []
    if inner is None or len(arrays) != 1 or arrays[0].shape != inner.shape:
        return None
    turned = replace(e, args=(arrays[0],))
    return Expr("product", tuple(turned if f is arrays[0] else f for f in inner.args), shape=e.shape)


def _named(e: Expr, words: Mapping[str, Expr]) -> Expr:
    """`e` with formulas for names; it is not simplified."""
    return replaced(e, lambda part: words.get(part.value) if part.role == "name" else None)


class _InnerPaths(NamedTuple):
    """The paths inside one step that end at one landmark."""

    edges: list[Edge]  # each path as one edge
    rules: dict[int, Primitive]  # the rows on them, numbered in order
