"""A recorded graph with its values, its rules in symbols, and a name for every value.

:class:`~autograd_lite.derive.chain_rule.Chain` adds the chain rule to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.escape import plain
from ..engine.node import ANY, Node, ancestors, between
from ..engine.replay import arguments, replay
from ..program.naming import Names, assigned, groups, qualified, short_names
from ..tensor import Tensor
from .constants import Constants, is_number
from .factors import Edge
from .formula_ops import Expr, constant, name
from .symbolic_rule import CallResult, edge

LIMIT = 2_000  # operations; nobody reads a longer derivation
FEW = 4  # entries of a constant array that is written out in a formula; a larger one is called c1, c2, …


class NamedGraph:
    """A recorded graph from its inputs to one result; the parameters are those of ``Chain``."""

    def __init__(
        self,
        root: Tensor,
        names: Mapping[str, Any] | None = None,
        claimed: Mapping[Node, str] | None = None,
        limit: int = LIMIT,
        wrt: Iterable[Node] | None = None,
        board: bool = True,
    ) -> None:
        self.board = board
        if root._node is None or not root._node.live:
            raise ValueError("explain: nothing was recorded for this tensor; make its inputs with requires_grad=True")
        recorded = ancestors([root._node], ANY)[::-1]
        if len(recorded) > limit:
            raise ValueError(_too_many(recorded, limit))
        self.recorded = recorded  # oldest first
        self._same = _projections(recorded)
        self.twins: dict[Node, Node] = {}  # what computes the same as an earlier node
        if board:
            self._find_twins()
        self.root = self.canonical(root._node)
        self.nodes = [n for n in recorded if n.parts is None and self.canonical(n) is n]
        self.node_set = set(self.nodes)
        # Nodes between the result and `wrt`: only these are differentiated.
        self.active = self.node_set if wrt is None else {self.canonical(n) for n in between([root._node], wrt)}
        self.values = replay(recorded)
        self._edges: dict[tuple[Node, int], Edge] = {}
        self._results: dict[Node, CallResult] = {}
        self._name(names or {}, claimed)
        self._name_constants()

    # -------------------------------------------------------------------------------------------------- the graph

    def canonical(self, n: Node) -> Node:
        """The first of the nodes that select the same result of a call with several, or that compute the same."""
        n = self._same.get(n, n)
        return self.twins.get(n, n)

    def _find_twins(self) -> None:
        """On a board, what is computed twice is written once: ``x - mu`` in a variance and in a quotient."""
        first: dict[Any, Node] = {}
        for n in self.recorded:
            if n.row is None or n.row.kind != "elementwise" or n.name is not None or n in self._same:
                continue
            parents = tuple(None if p is None else self.canonical(p) for p in n.parents)
            constants = tuple(id(x) for p, x in zip(n.parents, n.xs or (), strict=False) if p is None)
            key = n.row, parents, constants, n.group, repr(n.params)
            if first.setdefault(key, n) is not n:
                self.twins[n] = first[key]

    def call(self, n: Node) -> Node:
        """The recorded call that `n` is a result of: itself, except for rows with several results."""
        return n.parents[0] if n in self._same else n  # type: ignore[return-value]  # a projection has one

    def parents(self, n: Node) -> list[Node | None]:
        return [None if p is None else self.canonical(p) for p in self.call(n).parents]

    def group_path(self, n: Node) -> list[Any]:
        """The modules and composite calls in which `n` was computed, outermost first."""
        return groups(self.call(n))

    def active_arguments(self, n: Node) -> list[tuple[int, Node]]:
        """The arguments with respect to which `n` is differentiated, as (position, node)."""
        row = self.call(n).row
        if row is None or row.kind == "constant" or not n.requires_grad:
            return []
        found = []
        for i, p in enumerate(self.parents(n)):
            if p is not None and p in self.active and p.requires_grad and row.pulls[i] is not None:
                found.append((i, p))
        return found

    def edge(self, n: Node, i: int) -> Edge:
        """How a derivation writes the rule for argument `i` of `n`, in symbols."""
        return self.rule(n, i)

    def rule(self, n: Node, i: int) -> Edge:
        """The rule for argument `i` of `n`, in symbols."""
        if (n, i) not in self._edges:
            if n not in self._results:
                call = self.call(n)
                index = n.params["index"] if call is not n else None
                recorded = tuple(p is not None for p in call.parents)
                self._results[n] = CallResult(call, index, arguments(call, self.values), recorded, self.values[call])
            self._edges[n, i] = edge(self._results[n], i, lambda k, x: self.operand(self._results[n].node, k, x))
        return self._edges[n, i]

    # ------------------------------------------------------------------------------------------------------ names

    def _name(self, names: Mapping[str, Any], claimed: Mapping[Node, str] | None) -> None:
        self.names: dict[Node, str] = {}
        self.claimed = [self.canonical(n) for n in claimed or ()]
        self.introduced: set[str] = set()  # names that only a textbook has
        self.numbered: set[str] = set()  # c1, c2, … for constants without a name
        self.tensors = {plain(word) for word, x in names.items() if isinstance(x, Tensor) or hasattr(x, "parameters")}
        self._operands: dict[tuple[Node, int], Expr] = {}
        self._environment: tuple[tuple[int, ...], dict[str, Any]] = ((), {})
        self._parts: dict[tuple[Node, int], str] = {}
        self._named_constants = 0
        self._numbers_constants = claimed is None
        for n, word in (claimed or {}).items():
            self.names.setdefault(self.canonical(n), plain(word))
        self._taken = taken = Names(self.names.values())
        self.constants = Constants(taken)  # those that are not Tensors
        self._name_by_attribute(taken)
        self._name_by_mapping(names, taken)
        if claimed is None:
            self._name_by_assignment(taken)
        if self.root not in self.names:
            self.names[self.root] = next((w for w in ("L", "loss", "result") if w not in taken), "output")
            taken.add(self.names[self.root])
        candidates = ("g", "dy", "cotangent", *(f"g{k}" for k in range(1, 99)))
        self.cotangent = next(w for w in candidates if w not in taken)

    def _name_by_attribute(self, taken: Names) -> None:
        inputs = {p for n in self.nodes for p in self.parents(n) if p is not None}
        paths = qualified(self.recorded)
        for n in sorted(self.node_set | inputs, key=lambda n: -n.order):
            own = plain(paths.get(n, n.name) or "")
            if own and n not in self.names:
                if own in taken:
                    raise ValueError(
                        f"explain: two different values are called {own!r}; give one of them another .name"
                    )
                self.names[n] = own
                taken.add(own)

    def _name_by_mapping(self, names: Mapping[str, Any], taken: Names) -> None:
        for word, value in ((plain(w), x) for w, x in names.items()):
            if not word or word.startswith("_") or word in taken:
                continue
            node = None if not isinstance(value, Tensor) or value._node is None else self.canonical(value._node)
            if node is not None and node not in self.names:
                self.names[node] = word
                taken.add(word)
            elif isinstance(value, (np.ndarray, Tensor)):
                self.constants.add(value if isinstance(value, np.ndarray) else value._data, word)
            elif self.board and is_number(value):
                self.constants.add(value, word)

    def _name_by_assignment(self, taken: Names) -> None:
        """Name what has no name yet after the variable that it was assigned to, where the bytecode shows it."""
        inputs = {p: None for n in self.nodes for p in n.parents if p is not None and p.row is None}
        for n, word in assigned([*inputs, *self.nodes]):
            if n not in self.names and (n in self.node_set or n.row is None):
                self.names[n] = taken.take(word)

    def _name_constants(self) -> None:
        """Number large constants in the order in which they are used."""
        for n in self.nodes:
            for k, (p, x) in enumerate(zip(self.parents(n), self.call(n).xs or (), strict=False)):
                if p is None:
                    self.operand(self.call(n), k, x)
                elif p not in self.names and p not in self.node_set:
                    self.constant(p.y)

    def name_the_rest(self, nodes: Iterable[Node]) -> None:
        """Give those of `nodes` that have no name the next free letters."""
        words = [*self.names.values(), *self.constants.values, self.cotangent, "d", "l", "np"]
        self._fresh = short_names(words)
        for n in nodes:
            if n not in self.names:
                call = self.call(n)
                self.names[n] = next(self._fresh) if call is n else self.part(call, n.params["index"])
            elif self.call(n) is not n:
                self._parts[self.call(n), n.params["index"]] = self.names[n]
        for n, word in self.names.items():
            if n in self._same:
                self._parts.setdefault((self.call(n), n.params["index"]), word)

    def part(self, call: Node, k: int) -> str:
        """The name of result `k` of a call with several results, even if nothing uses it."""
        if (call, k) not in self._parts:
            self._parts[call, k] = next(self._fresh)
        return self._parts[call, k]

    def operand(self, call: Node, k: int, x: Any) -> Expr:
        """Argument `k` of a call, which is a constant: as the user wrote it, or as :meth:`constant` has it."""
        if (call, k) not in self._operands:
            found = self.constants.known(x)
            if found is None and self.board:
                found = self.constants.written(call, k, x)
            self._operands[call, k] = self.constant(x) if found is None else found
        return self._operands[call, k]

    def constant(self, x: Any) -> Expr:
        """A value that was not recorded: its name, a number, or a small array."""
        found = self.constants.known(x)
        if found is None and self._numbers_constants and np.size(x) > FEW:
            word = f"c{self._named_constants}"
            while self._named_constants == 0 or word in self._taken:
                self._named_constants += 1
                word = f"c{self._named_constants}"
            self.constants.add(np.asarray(x), word)
            self.numbered.add(word)
            found = name(word, np.shape(x))
        return constant(x) if found is None else found

    @property
    def arrays(self) -> list[tuple[Any, str]]:
        """The named constants that are arrays, with their names."""
        own = self.introduced
        return [(x, w) for w, x in self.constants.values.items() if isinstance(x, np.ndarray) and w not in own]

    def environment(self) -> dict[str, Any]:
        """Every name with its value."""
        stamp = (len(self._taken), len(self.names), len(self._parts))  # these only grow
        if self._environment[0] == stamp:
            return self._environment[1]
        env = dict(self.constants.values)
        for n, word in self.names.items():
            value = self.values.get(n, n.y)
            if value is not None:
                env[word] = value
        for (call, k), word in self._parts.items():
            env[word] = self.values[call][k]
        self._environment = stamp, env
        return env


def _projections(recorded: Sequence[Node]) -> dict[Node, Node]:
    """Each node that selects one result of a call, with the first node that selects the same one."""
    first: dict[tuple[Node, int], Node] = {}
    same = {}
    for n in recorded:
        call = n.parents[0] if n.parents else None
        if call is not None and call.parts is not None:
            same[n] = first.setdefault((call, n.params["index"]), n)
    return same


def _too_many(recorded: Sequence[Node], limit: int) -> str:
    counted = Counter(n.row.name for n in recorded if n.row is not None)
    by_count = sorted(counted.items(), key=lambda c: (-c[1], c[0]))
    most = ", ".join(f"{count} {row}" for row, count in by_count[:5])
    return (
        f"explain: {len(recorded)} operations are too many to write out (the limit is {limit}): explain a part, such "
        f"as one step of the loop. In short: {most} on {sum(n.row is None for n in recorded)} inputs"
    )
