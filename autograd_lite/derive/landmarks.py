"""The chain rule on a recorded graph: landmarks, and the factors between them.

A person deriving a gradient does not stop at every operation. The landmarks are what has a name, the inputs, what is
used more than once, and every product of matrices or other step that is not entry by entry; simple arithmetic between
two landmarks belongs to the later one's formula. Between a landmark and one that its formula uses lies a *factor*
``dP/dC``: a formula, a value, and how it combines with what comes from above: entry by entry, as a matrix from the left
or from the right, or, where it is neither, as a map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ..base.escape import plain
from ..engine.node import ANY, Node, ancestors, between
from ..engine.replay import arguments, replay
from ..tensor import Tensor
from ..tracing.naming import Names, assigned, groups, qualified, short_names
from . import fold
from .expression import Expr, applied, constant, evaluate, name, number, product, substitute
from .factors import Factor, summed, total
from .symbolic_rule import Edge, G, Step, X, Y, edge, joined
from .writing import partial_tex, tex_name

LIMIT = 2_000  # operations; a derivation of more is a book
FEW = 4  # entries of a constant array that is written out in a formula; a larger one is called c1, c2, …
CHEAP = ("getitem", "gather", "reshape", "transpose", "matrix_transpose", "swapaxes", "moveaxis", "astype", "input")
DEEP = 8  # operations in one formula; a longer one gets a landmark inside it


class Chain:
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
        Of operations.
    depth : int, optional
        How many levels of modules and composite calls to look into; what lies deeper is one step.
    wrt : iterable of Node, optional
        What will be differentiated by: only on the way to it are steps told apart.
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
        if root._node is None or not root._node.live:
            raise ValueError(
                "explain: nothing was recorded for this tensor; make its inputs with requires_grad=True"
            )
        recorded = ancestors([root._node], ANY)[::-1]
        if len(recorded) > limit:
            raise ValueError(_too_many(recorded, limit))
        self.recorded = recorded  # all of them, oldest first
        self._same = _projections(recorded)  # of the nodes that take out one and the same result: the first
        self.root = self.canonical(root._node)
        self.nodes = [n for n in recorded if n.parts is None and self.canonical(n) is n]
        self.live = set(self.nodes)
        self.on = self.live if wrt is None else {self.canonical(n) for n in between([root._node], wrt)}
        self.values = replay(recorded)
        self.uses = Counter(p for n in self.nodes for p in self.parents(n) if p is not None)
        self._edges: dict[tuple[Node, int], Edge] = {}
        self._steps: dict[Node, Step] = {}
        self._definitions: dict[Node, Expr] = {}
        self._factors: dict[tuple[Node, Node], Factor] = {}
        self._ways_through: dict[Node, dict[Node, _Found]] = {}
        self.folds: dict[Node, Any] = {}  # the result of a folded call to its group
        self.regions = (
            {}
            if depth is None
            else {n: path[depth] for n in self.nodes if len(path := self.group_path(n)) > depth}
        )
        self.named_by_caller = claimed is not None
        self._name(names or {}, claimed or {})
        for n in self.nodes:  # so that they are counted in the order of their use
            for p, x in zip(self.parents(n), self.call(n).xs or (), strict=False):
                if (
                    p is None
                    and np.size(x) > FEW
                    or p is not None
                    and p not in self.names
                    and p not in self.live
                ):
                    self.constant(x if p is None else p.y)
        self.landmarks = self._landmarks()  # oldest first; inputs included
        self.marks = set(self.landmarks)
        self._used_by = Counter(m for n in self.landmarks for m in self.inputs_of(n))
        self._name_the_rest()

    # ------------------------------------------------------------------------------------------- the graph, read

    def canonical(self, n: Node) -> Node:
        return self._same.get(n, n)

    def call(self, n: Node) -> Node:
        """The recorded call that a node is a result of: itself, but for rows with several results."""
        return n.parents[0] if n in self._same else n  # type: ignore[return-value]  # a projection has one

    def parents(self, n: Node) -> list[Node | None]:
        return [None if p is None else self.canonical(p) for p in self.call(n).parents]

    def group_path(self, n: Node) -> list[Any]:
        """The modules and composite calls in which `n` was computed, outermost first."""
        return groups(self.call(n))

    def ways(self, n: Node) -> list[tuple[int, Node]]:
        """The arguments of `n` by which it can be differentiated, with their places."""
        row = self.call(n).row
        if row is None or row.kind == "constant" or not n.requires_grad:
            return []
        found = []
        for i, p in enumerate(self.parents(n)):
            if p is not None and p in self.on and p.requires_grad and row.pulls[i] is not None:
                found.append((i, p))
        return found

    def edge(self, n: Node, i: int) -> Edge:
        """The rule for argument `i` of `n`, in symbols."""
        if (n, i) not in self._edges:
            if n not in self._steps:
                call = self.call(n)
                index = n.params["index"] if call is not n else None
                recorded = tuple(p is not None for p in call.parents)
                self._steps[n] = Step(call, index, arguments(call, self.values), recorded, self.values[call])
            self._edges[n, i] = edge(self._steps[n], i, self.constant)
        return self._edges[n, i]

    def words(self, n: Node) -> dict[str, Expr]:
        """What the symbols of an edge of `n` stand for."""
        call = self.call(n)
        found = {f"{X}{k}": self.expression(p) for k, p in enumerate(self.parents(n)) if p is not None}
        found[G] = name(self.cotangent, n.shape)
        if call is n:
            found[Y] = self.expression(n)
        else:
            found.update(
                {f"{Y}{k}": name(self.part(call, k), shape) for k, (shape, _) in enumerate(call.parts)}
            )
        return found

    # ------------------------------------------------------------------------------------------------------- names

    def _name(self, names: Mapping[str, Any], claimed: Mapping[Node, str]) -> None:
        self.names: dict[Node, str] = {}
        self.claimed = [self.canonical(n) for n in claimed]
        self.arrays: list[tuple[Any, str]] = []  # constants that are no Tensors
        self._array_names: dict[int, str] = {}  # the same by id, the first name of each
        self._environment: tuple[tuple[int, ...], dict[str, Any]] = ((), {})
        self._parts: dict[tuple[Node, int], str] = {}
        self._count = 0  # of constants that were given a name
        for n, word in claimed.items():
            self.names.setdefault(self.canonical(n), plain(word))
        inputs = {p for n in self.nodes for p in self.parents(n) if p is not None}
        told = qualified(self.nodes)
        self._taken = taken = Names(self.names.values())
        for n in sorted(self.live | inputs, key=lambda n: -n.order):
            own = plain(told.get(n, n.name) or "")
            if own and n not in self.names:
                if own in taken:
                    raise ValueError(
                        f"explain: two different values are called {own!r}; give one of them another .name"
                    )
                self.names[n] = own
                taken.add(own)
        for word, value in ((plain(w), x) for w, x in names.items()):
            if not word or word.startswith("_") or word in taken:
                continue
            if (
                isinstance(value, Tensor)
                and value._node is not None
                and self.canonical(value._node) not in self.names
            ):
                self.names[self.canonical(value._node)] = word
                taken.add(word)
            elif isinstance(value, (np.ndarray, Tensor)):
                self._add_array(value if isinstance(value, np.ndarray) else value._data, word)
        self._name_by_assignment(taken)
        if self.root not in self.names:
            self.names[self.root] = next((w for w in ("L", "loss", "result") if w not in taken), "output")
            taken.add(self.names[self.root])
        self.cotangent = next(
            w for w in ("g", "dy", "cotangent", *(f"g{k}" for k in range(1, 99))) if w not in taken
        )

    def _name_by_assignment(self, taken: Names) -> None:
        """What still has no name is called after the variable that it was assigned to, where the bytecode says so."""
        if self.named_by_caller:
            return
        inputs = {p: None for n in self.nodes for p in n.parents if p is not None and p.row is None}
        for n, word in assigned([*inputs, *self.nodes]):
            if n not in self.names and (n in self.live or n.row is None):
                self.names[n] = taken.take(word)

    def _name_the_rest(self) -> None:
        self._fresh = short_names(
            [*self.names.values(), *(w for _, w in self.arrays), self.cotangent, "d", "l", "np"]
        )
        for n in self.landmarks:
            if n not in self.names:
                call = self.call(n)
                self.names[n] = next(self._fresh) if call is n else self.part(call, n.params["index"])
            elif self.call(n) is not n:
                self._parts[self.call(n), n.params["index"]] = self.names[n]
        for n, word in self.names.items():
            if n in self._same:
                self._parts.setdefault((self.call(n), n.params["index"]), word)

    def part(self, call: Node, k: int) -> str:
        """The name of one of several results, also of one that nobody used."""
        if (call, k) not in self._parts:
            self._parts[call, k] = next(self._fresh)
        return self._parts[call, k]

    def _add_array(self, x: Any, word: str) -> None:
        self.arrays.append((x, word))
        self._array_names.setdefault(id(x), word)  # `arrays` keeps it alive
        self._taken.add(word)

    def constant(self, x: Any) -> Expr:
        """An operand that is no recorded value: by its name, as a number, or as it is."""
        word = self._array_names.get(id(x))
        if word is None and not self.named_by_caller and np.size(x) > FEW:
            while word is None or word in self._taken:
                self._count += 1
                word = f"c{self._count}"
            self._add_array(x, word)
        return constant(x) if word is None else name(word, np.shape(x))

    # -------------------------------------------------------------------------------------------------- landmarks

    def _landmarks(self) -> list[Node]:
        chosen = {
            n
            for n in self.nodes
            if n.row is None
            or n in self.names
            or self.uses[n] > 1
            or n in self._same
            or "generator" in n.params
        }
        chosen.add(self.root)
        if self.regions:
            chosen = fold.results(self, chosen)
        consumer = {p: n for n in self.nodes for p in self.parents(n) if p is not None}
        pure: set[Node] = set()  # what lies below a landmark by steps that only scale a derivative
        for n in reversed(self.nodes):
            ways = self.ways(n) if n not in self.regions else []
            if n in chosen or consumer[n] in pure and self._is_scaling(consumer[n], n):
                pure.add(n)
            for i, p in ways:
                if not self.edge(n, i).is_simple:
                    if n not in pure:
                        chosen.add(n)
                        pure.add(n)
                    chosen.add(p)
            if ways and n not in self.regions:
                chosen |= self._needed_again(n)
        length: dict[Node, int] = {}
        for n in self.nodes:
            length[n] = 1 + sum(length[p] for p in self.parents(n) if p is not None and p in length)
            if n in chosen or length[n] > DEEP and n not in self.regions:
                chosen.add(n)
                length[n] = 0
        return [n for n in self.nodes if n in chosen]

    def _needed_again(self, n: Node) -> set[Node]:
        """Arguments that the way back through `n` uses and that are too much to be computed twice."""
        words = frozenset().union(*(self.edge(n, i).formula.names for i, _ in self.ways(n)))
        return {
            p
            for k, p in enumerate(self.parents(n))
            if p is not None and p in self.live and f"{X}{k}" in words and p not in self.on
            and p.row is not None and p.row.kind not in ("elementwise", "constant") and p.row.name not in CHEAP
        }  # fmt: skip

    def _is_scaling(self, n: Node, p: Node) -> bool:
        for i, q in self.ways(n):
            e = self.edge(n, i)
            if q is p and not (e.is_simple and e.formula.is_number and n.shape == p.shape):
                return False
        return any(q is p for _, q in self.ways(n))

    def expression(self, n: Node) -> Expr:
        """What `n` is called, or its formula if it is no landmark."""
        word = self.names.get(n)
        if word is not None:
            return name(word, n.shape)
        return self.constant(n.y) if n.row is None else self.definition(n)

    def definition(self, n: Node) -> Expr:
        """The formula of `n` in terms of other landmarks."""
        if n not in self._definitions:
            self._definitions[n] = fold.definition(self, n) if n in self.folds else self._definition(n)
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

    # ------------------------------------------------------------------------------------------------------ factors

    def factor(self, n: Node, m: Node) -> Factor:
        """The partial derivative of landmark `n` by landmark `m`, which its formula uses."""
        if (n, m) not in self._factors:
            self._factors[n, m] = fold.factor(self, n, m) if n in self.folds else self._factor(n, m)
        return self._factors[n, m]

    def _found(self, n: Node) -> dict[Node, _Found]:
        """The formulas of all ways inside the step `n`, by the landmarks where they end; found in one walk."""
        if n in self._ways_through:
            return self._ways_through[n]
        found: dict[Node, _Found] = {}
        stack: list[tuple[Node, Expr, tuple[tuple[int, str], ...]]] = [(n, number(1), ())]
        steps = count()
        while stack:
            at, before, way = stack.pop()
            ways = self.ways(at)
            words = self.words(at) if ways else {}
            for i, p in ways:
                e = self.edge(at, i)
                row = self.call(at).row
                assert row is not None
                here = (*way, (next(steps), row.name))
                formula = substitute(e.formula, words)
                if e.is_simple:
                    full = np.broadcast_shapes(before.shape, formula.shape)
                    formula = product((before, formula), full)
                elif e.combine == "map":
                    g = name(self.cotangent, at.shape)
                    formula = substitute(formula, {self.cotangent: product((before, g), at.shape)})
                else:
                    formula = product((before, formula), formula.shape)
                if p in self.marks:
                    into = found.setdefault(p, _Found([], set()))
                    into.ways.append((e.combine, formula, e.axes))
                    into.rules.update(here)
                else:
                    stack.append((p, formula, here))
        self._ways_through[n] = found
        return found

    def _factor(self, n: Node, m: Node) -> Factor:
        found = self._found(n)[m]
        combine, formula, axes = self._together(n, m, found.ways)
        env = self.environment()
        value = None if combine == "map" else np.asarray(evaluate(formula, env))
        symbol = self.symbol(n, m)
        return Factor(
            n,
            m,
            symbol,
            formula,
            combine,
            axes,
            value,
            tuple(dict.fromkeys(row for _, row in sorted(found.rules))),
            (n.shape, m.shape),
            self.cotangent,
            env,
        )

    def symbol(self, n: Node, m: Node) -> str:
        """``dP/dC``; ``∂L/∂x`` for what L takes from x itself, where x also acts on L by other ways."""
        d = "∂" if n is self.root and self._used_by[m] > 1 else "d"
        return f"{d}{self.names[n]}/{d}{self.names[m]}"

    def tex_symbol(self, f: Factor) -> str:
        """The symbol of a factor in LaTeX."""
        word = partial_tex(tex_name(self.names[f.of]), tex_name(self.names[f.wrt]))
        return rf"\left.{word}\right|_{{\text{{direct}}}}" if f.symbol.startswith("∂") else word

    def _together(self, n: Node, m: Node, found: Sequence[Any]) -> tuple[str, Expr, tuple[int, ...]]:
        """One formula for all ways inside a step from `n` to `m`."""
        if len(found) == 1:
            combine, formula, axes = found[0]
            return combine, formula, axes
        if all(combine == "elementwise" and not axes for combine, _, axes in found):
            return "elementwise", total([f for _, f, _ in found]), ()
        g = name(self.cotangent, n.shape)
        terms = []
        for combine, formula, axes in found:
            term = formula if combine == "map" else joined(combine, formula, g, m.shape)
            terms.append(summed(term, axes, m.shape) if axes else term)
        return "map", total(terms), ()

    def inputs_of(self, n: Node) -> list[Node]:
        """The landmarks that the formula of `n` uses and that a derivative passes, in the order of the formula."""
        found: dict[Node, None] = {}
        stack = [p for _, p in self.ways(n)][::-1]
        while stack:
            p = stack.pop()
            if p in self.marks:
                found[p] = None
            else:
                stack += [q for _, q in self.ways(p)][::-1]
        return list(found)

    def reaching(self, wanted: Iterable[Node]) -> set[Node]:
        """The landmarks on some way from the result to one of `wanted`."""
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
        """Every way through the landmarks from the result to `wrt`."""
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
                        "explain a part of the graph, or ask source() for the backward pass"
                    )
                continue
            stack += [[*path, p] for p in self.inputs_of(path[-1])[::-1] if p in reach]

    def environment(self) -> dict[str, Any]:
        """Every name with its value."""
        stamp = (len(self.arrays), len(self.names), len(self._parts))  # nothing is ever taken out of these
        if self._environment[0] == stamp:
            return self._environment[1]
        env = {word: array for array, word in self.arrays}
        for n, word in self.names.items():
            value = self.values.get(n, n.y)
            if value is not None:
                env[word] = value
        for (call, k), word in self._parts.items():
            env[word] = self.values[call][k]
        self._environment = stamp, env
        return env


class _Found(NamedTuple):
    """The ways inside one step that end at one landmark."""

    ways: list[tuple[str, Expr, tuple[int, ...]]]  # how each combines, its formula, its axes
    rules: set[tuple[int, str]]  # the rows passed on them, numbered


def _projections(recorded: Sequence[Node]) -> dict[Node, Node]:
    first: dict[tuple[Node, int], Node] = {}
    same = {}
    for n in recorded:
        call = n.parents[0] if n.parents else None
        if call is not None and call.parts is not None:
            same[n] = first.setdefault((call, n.params["index"]), n)
    return same


def _too_many(recorded: Sequence[Node], limit: int) -> str:
    counted = Counter(n.row.name for n in recorded if n.row is not None)
    most = ", ".join(
        f"{count} {row}" for row, count in sorted(counted.items(), key=lambda c: (-c[1], c[0]))[:5]
    )
    return (
        f"explain: {len(recorded)} operations are too many to write out (the limit is {limit}): explain a part, such "
        f"as one step of the loop. In short: {most} on {sum(n.row is None for n in recorded)} inputs"
    )
