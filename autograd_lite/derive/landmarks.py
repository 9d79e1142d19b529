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
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..engine.node import Node
from ..engine.replay import arguments
from ..table import Primitive
from ..tensor import Tensor
from .expression import Expr, applied, evaluate, name, number, product, substitute
from .factors import Factor, FoldedCall, pulled, summed, total
from .named_graph import LIMIT, NamedGraph
from .symbolic_rule import Edge, G, X, Y, joined
from .writing import partial_tex, tex_name

CHEAP = (
    "index", "gather", "reshape", "transpose", "matrix transpose", "swap of axes", "move of axes", "cast", "identity",
)  # fmt: skip
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
    """

    def __init__(
        self,
        root: Tensor,
        names: Mapping[str, Any] | None = None,
        claimed: Mapping[Node, str] | None = None,
        limit: int = LIMIT,
        depth: int | None = None,
        wrt: Iterable[Node] | None = None,
    ) -> None:
        super().__init__(root, names, claimed, limit, wrt)
        self.uses = Counter(p for n in self.nodes for p in self.parents(n) if p is not None)
        self._definitions: dict[Node, Expr] = {}
        self._factors: dict[tuple[Node, Node], Factor] = {}
        self._inside: dict[Node, dict[Node, _InnerPaths]] = {}
        # The nodes inside folded calls, each with its call; and the result of each folded call.
        self.regions = {}
        if depth is not None:
            self.regions = {n: path[depth] for n in self.nodes if len(path := self.group_path(n)) > depth}
        self.folds: dict[Node, Any] = {}
        self.landmarks = self._landmarks()  # oldest first; inputs included
        self.landmark_set = set(self.landmarks)
        self._used_by = Counter(m for n in self.landmarks for m in self.inputs_of(n))
        self.name_the_rest(self.landmarks)

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
                    if n not in pure:
                        chosen.add(n)
                        pure.add(n)
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
            if q is p and not (e.is_simple and e.formula.is_number and n.shape == p.shape):
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
            self._definitions[n] = self._folded_definition(n) if n in self.folds else self._definition(n)
        return self._definitions[n]

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
            args = []
            for p, x in zip(self.parents(m), call.xs, strict=True):
                args.append(self.constant(x) if p is None else known[p] if p in known else self.expression(p))
            known[m] = applied(call, args, call.dtypes)
        return known[n]

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
            active = self.active_arguments(at)
            meanings = self._meanings(at) if active else {}
            for i, p in active:
                e = self.edge(at, i)
                row = self.call(at).row
                assert row is not None
                here = (*rules, (next(steps), row))
                formula = substitute(e.formula, meanings)
                if e.is_simple:
                    full = np.broadcast_shapes(before.shape, formula.shape)
                    formula = product((before, formula), full)
                elif e.combine == "map":
                    g = name(self.cotangent, at.shape)
                    formula = substitute(formula, {self.cotangent: product((before, g), at.shape)})
                else:
                    formula = product((before, formula), formula.shape)
                if p in self.landmark_set:
                    into = found.setdefault(p, _InnerPaths([], {}))
                    into.edges.append(Edge(e.combine, formula, e.axes))
                    into.rules.update(here)
                else:
                    stack.append((p, formula, here))
        self._inside[n] = found
        return found

    def _meanings(self, n: Node) -> dict[str, Expr]:
        """The formulas that the symbols of an edge of `n` stand for."""
        call = self.call(n)
        found = {f"{X}{k}": self.expression(p) for k, p in enumerate(self.parents(n)) if p is not None}
        found[G] = name(self.cotangent, n.shape)
        if call is n:
            return {**found, Y: self.expression(n)}
        return found | {f"{Y}{k}": name(self.part(call, k), shape) for k, (shape, _) in enumerate(call.parts)}

    def _factor(self, n: Node, m: Node) -> Factor:
        inner = self._inner_paths(n)[m]
        e, env = self._total(n, m, inner.edges), self.environment()
        value = None if e.combine == "map" else np.asarray(evaluate(e.formula, env))
        rules = tuple(dict.fromkeys(inner.rules[k] for k in sorted(inner.rules)))
        return Factor(n, m, self.symbol(n, m), e.formula, e.combine, e.axes, value, rules, self.cotangent, env)

    def _folded_factor(self, n: Node, m: Node) -> Factor:
        call: Any = FoldedCall(f"{self.folds[n].name}_pull", lambda g: self._pull_inside(n, m, g))
        formula = Expr(call.name, (name(self.cotangent, n.shape),), None, {}, m.shape, call)
        rules, env = (call,), self.environment()
        return Factor(n, m, self.symbol(n, m), formula, "map", (), None, rules, self.cotangent, env)

    def _pull_inside(self, n: Node, m: Node, g: Any) -> Any:
        """The cotangent of `m` from that of `n`, a folded call that uses it, in numbers."""
        arrived: dict[Node, Any] = {n: g}
        for at in self._folded_steps(n):
            if at not in arrived:
                continue
            call = self.call(at)
            y, xs = self.values[call], arguments(call, self.values)
            env = self.environment() | {G: arrived[at], self.cotangent: arrived[at]}
            env |= {f"{X}{k}": x for k, x in enumerate(xs)}
            env |= {Y: y} if call is at else {f"{Y}{k}": v for k, v in enumerate(y)}
            for i, p in self.active_arguments(at):
                e = self.edge(at, i)
                d = pulled(arrived[at], e.combine, evaluate(e.formula, env), e.axes, at.shape, p.shape)
                arrived[p] = arrived[p] + d if p in arrived else d
        return arrived.get(m, np.zeros(m.shape))

    def symbol(self, n: Node, m: Node) -> str:
        """``dP/dC``; ``∂L/∂x`` for the direct partial of L, where x also acts on L through other landmarks."""
        d = "∂" if n is self.root and self._used_by[m] > 1 else "d"
        return f"{d}{self.names[n]}/{d}{self.names[m]}"

    def tex_symbol(self, f: Factor) -> str:
        """The symbol of a factor in LaTeX."""
        word = partial_tex(tex_name(self.names[f.of]), tex_name(self.names[f.wrt]))
        return rf"\left.{word}\right|_{{\text{{direct}}}}" if f.symbol.startswith("∂") else word

    def _total(self, n: Node, m: Node, edges: Sequence[Edge]) -> Edge:
        """One edge for all paths inside a step from `n` to `m`."""
        if len(edges) == 1:
            return edges[0]
        if all(e.is_simple for e in edges):
            return Edge("elementwise", total([e.formula for e in edges]), ())
        g = name(self.cotangent, n.shape)
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


class _InnerPaths(NamedTuple):
    """The paths inside one step that end at one landmark."""

    edges: list[Edge]  # each path as one edge
    rules: dict[int, Primitive]  # the rows on them, numbered in order
