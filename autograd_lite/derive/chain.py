"""The chain rule on a recorded graph: landmarks, and the factors between them.

A person deriving a gradient does not stop at every operation. The landmarks are what has a name, the inputs, what is
used more than once, and every product of matrices or other step that is not entry by entry; simple arithmetic between
two landmarks belongs to the later one's formula. Between a landmark and one that its formula uses lies a *factor*
``dP/dC``: a formula, a value, and how it combines with what comes from above: entry by entry, as a matrix from the left
or from the right, or, where it is neither, as a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import NEEDS, TRACED, Node, ancestors, pull_back
from ..mode import changed
from ..tensor import Tensor, _raw, _tensor
from ..trace import short_names
from .expression import Expr, constant, make, name, number, of_graph, product
from ..primitive import TABLE

LIMIT = 2_000  # nodes; a derivation of more is a book


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a chain: the partial derivative of one landmark by another.

    Attributes
    ----------
    of, wrt : Node
    symbol : str
        ``dP/dC``.
    formula : Expr
        The partial itself; for a step that is neither entrywise nor a product of matrices, the new cotangent in terms of
        the old one, written ``g``.
    combine : str
        ``"elementwise"``, ``"left"`` (the partial stands left of what comes from above), ``"right"``, or ``"map"``.
    axes : tuple of int
        Over which the result is summed afterwards, because the argument was repeated along them.
    value : ndarray or None
        The partial in numbers; None for a map.
    """

    of: Node
    wrt: Node
    symbol: str
    formula: Expr
    combine: str
    axes: tuple[int, ...]
    value: Any

    def apply(self, g: Any) -> Any:
        """What comes from above, carried past this factor."""
        if self.combine == "elementwise":
            d = g * self.value
        elif self.combine == "left":
            d = self.value @ g
        elif self.combine == "right":
            d = g @ self.value
        else:
            d = evaluate(self.formula, {"g": g})
        return _summed(np.broadcast_to(d, np.broadcast_shapes(np.shape(d), self._full())), self.axes, self.wrt.shape)

    def _full(self) -> tuple[int, ...]:
        return self.wrt.shape if not self.axes else ()

    def jacobian(self) -> Any:
        """Every derivative of every entry: shape ``of.shape + wrt.shape``."""
        rows = []
        for k in range(int(np.prod(self.of.shape))):
            e = np.zeros(self.of.shape)
            e.flat[k] = 1
            rows.append(self.apply(e))
        return np.reshape(rows, self.of.shape + self.wrt.shape)

    def __repr__(self) -> str:
        return f"{self.symbol} = {self.formula}"


def _summed(d: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return np.reshape(np.sum(d, axis=axes), shape) if axes else np.reshape(d, shape)


class Chain:
    """A recorded graph read as a chain of landmarks, from the inputs to one result.

    Parameters
    ----------
    loss : Tensor
        The result; recorded.
    names : mapping of str to Tensor or ndarray, optional
        Such as ``locals()``. A name given to a tensor itself comes first.
    """

    def __init__(self, loss: Tensor, names: Mapping[str, Any] | None = None) -> None:
        root = loss._node
        if root is None or not root.live:
            raise ValueError("explain: nothing was recorded for this tensor; make its inputs with requires_grad=True")
        self.root = root
        nodes = ancestors([root], NEEDS | TRACED)[::-1]
        if len(nodes) > LIMIT:
            raise ValueError(
                f"explain: {len(nodes)} operations are too many to write out (the limit is {LIMIT}): explain a part of it, "
                "a single step instead of the whole loop"
            )
        self.nodes = nodes  # oldest first
        self.live = set(nodes)
        self.uses: dict[Node, int] = {}
        for n in nodes:
            for p in n.parents:
                if p is not None:
                    self.uses[p] = self.uses.get(p, 0) + 1
        self.values = replay(nodes)
        self._name(loss, names or {})
        self._edges: dict[tuple[Node, int], tuple[str, Expr, tuple[int, ...]]] = {}
        self.landmarks = self._landmarks()
        self._name_the_rest()

    # ------------------------------------------------------------------------------------------------------- names

    def _name(self, loss: Tensor, names: Mapping[str, Any]) -> None:
        self.names: dict[Node, str] = {}
        self.arrays: list[tuple[Any, str]] = []  # constants that are no Tensors
        inputs = {p for n in self.nodes for p in n.parents if p is not None}
        for n in [*self.nodes, *sorted(inputs, key=lambda n: -n.order)]:
            if n.name is not None and n not in self.names:
                if n.name in self.names.values():
                    raise ValueError(f"explain: two different values are called {n.name!r}; give one of them another .name")
                self.names[n] = n.name
        for word, value in names.items():
            if word.startswith("_") or word in self.names.values():
                continue
            if isinstance(value, Tensor) and value._node is not None and value._node not in self.names:
                self.names[value._node] = word
            elif isinstance(value, np.ndarray):
                self.arrays.append((value, word))
        if self.root not in self.names:
            free = (w for w in ("L", "loss", "result") if w not in self.names.values())
            self.names[self.root] = next(free, "output")

    def _name_the_rest(self) -> None:
        fresh = short_names([*self.names.values(), *(w for _, w in self.arrays), "g", "d"])
        for n in self.landmarks:
            if n not in self.names:
                self.names[n] = next(fresh)

    def _of_constant(self, x: Any) -> Expr:
        for array, word in self.arrays:
            if array is x:
                return name(word, np.shape(x))
        return constant(x)

    # -------------------------------------------------------------------------------------------------- landmarks

    def _landmarks(self) -> list[Node]:
        """Oldest first; inputs included."""
        chosen = {self.root}
        for n in self.nodes:
            if n.row is None or n in self.names or self.uses.get(n, 0) > 1 or n.parts is not None:
                chosen.add(n)
                continue
            for i, p in enumerate(n.parents):
                if p in self.live and self._edge_kind(n, i) != "elementwise":
                    chosen.add(n)
                    if p.row is not None:  # type: ignore[union-attr]  # p is in live
                        chosen.add(p)  # type: ignore[arg-type]  # p is in live
        for n in self.nodes:
            if n in chosen and n.row is not None:
                for i, p in enumerate(n.parents):
                    if p in self.live and self._edge_kind(n, i) != "elementwise":
                        chosen.add(p)  # type: ignore[arg-type]  # p is in live
        return [n for n in self.nodes if n in chosen]

    def _edge_kind(self, n: Node, i: int) -> str:
        """Whether the step from `n` to its argument `i` is entry by entry: from the rule, run on symbols."""
        combine, _, axes = self._run(n, i, {n: name("y", n.shape)}, prefix=True)
        return "sum" if axes else combine

    def expression(self, n: Node) -> Expr:
        """What `n` is called, or its formula if it is no landmark."""
        word = self.names.get(n)
        if word is not None:
            return name(word, n.shape)
        if n.row is None:
            return self._of_constant(n.y)
        return self.definition(n)

    def definition(self, n: Node) -> Expr:
        """The formula of `n` in terms of other landmarks."""
        known: dict[Node, Expr] = {}
        stack, made = [n], []
        while stack:
            m = stack.pop()
            made.append(m)
            for p in m.parents:
                if p is not None and p not in known:
                    if p.row is None or p in self.names:
                        known[p] = self.expression(p)
                    else:
                        stack.append(p)
        for m in sorted(set(made), key=lambda m: -m.order):
            args = [self._of_constant(x) if p is None else known[p] for p, x in zip(m.parents, m.xs, strict=True)]
            assert m.row is not None
            known[m] = make(m.row, args, m.params, m.shape)
        return known[n]

    # ------------------------------------------------------------------------------------------------------ factors

    def _run(self, n: Node, i: int, known: Mapping[Node, Expr], prefix: bool = False) -> tuple[str, Expr, tuple[int, ...]]:
        """The rule for argument `i` of `n`, run on symbols: how it combines, its formula, the axes to sum over."""
        row, p = n.row, n.parents[i]
        assert row is not None and p is not None
        symbols: dict[Node, Expr] = {}

        def symbol(value: Any, e: Expr) -> Any:
            leaf = Node(None, (), (), value, np.shape(value), np.asarray(value).dtype, TRACED)
            symbols[leaf] = e
            return _tensor(np.asarray(value), leaf)

        def of(q: Node, k: int) -> Expr:
            return name(f"x{k + 1}", q.shape) if prefix else known[q] if q in known else self.expression(q)

        g = symbol(np.ones(n.shape, n.dtype), name("g", n.shape))
        y = symbol(self.values[n], known[n] if n in known else self.expression(n))
        xs = tuple(
            (symbol(x, self._of_constant(x)) if np.ndim(x) else x) if q is None else symbol(self.values[q], of(q, k))
            for k, (q, x) in enumerate(zip(n.parents, n.xs, strict=True))
        )
        with changed(recording=False, group=None), np.errstate(all="ignore"):
            d = row.written(i)(g, y, xs, n)
        if not isinstance(d, Tensor):
            formula = constant(d)
        else:
            formula = of_graph(d._node, symbols) if d._node is not None else constant(d._data)
        extra = len(np.shape(_raw(d))) - len(p.shape)
        shape = np.shape(_raw(d))
        axes = tuple(range(max(extra, 0))) + tuple(k + extra for k, s in enumerate(p.shape) if s == 1 and shape[k + extra] != 1)
        return (*_split(formula), axes)

    def factor(self, n: Node, m: Node) -> Factor:
        """The partial derivative of landmark `n` by landmark `m`, which its formula uses."""
        terms: list[Expr] = []
        combine, axes = "elementwise", ()
        stack: list[tuple[Node, Expr]] = [(n, number(1))]
        while stack:
            at, before = stack.pop()
            for i, p in enumerate(at.parents):
                if p not in self.live or p is None or not self._leads(p, m):
                    continue
                kind, formula, summed = self._run(at, i, {})
                if kind != "elementwise" or summed:
                    combine, axes = kind, summed
                    terms.append(formula if kind != "elementwise" else product((before, formula), n.shape))
                elif p is m:
                    terms.append(product((before, formula), n.shape))
                else:
                    stack.append((p, product((before, formula), n.shape)))
        total = terms[0]
        for term in terms[1:]:
            total = make(TABLE["add"], (total, term), {}, n.shape)
        value = None if combine == "map" else evaluate(total, self.environment())
        if combine == "map":
            total = _with_values(total, self.environment())
        return Factor(n, m, f"d{self.names[n]}/d{self.names[m]}", total, combine, axes, value)

    def _leads(self, p: Node, m: Node) -> bool:
        """Whether the formula of a landmark, followed from `p`, arrives at `m` without passing another landmark."""
        return p is m or p not in self.landmark_set and any(q is not None and self._leads(q, m) for q in p.parents)

    @property
    def landmark_set(self) -> set[Node]:
        return set(self.landmarks) if hasattr(self, "landmarks") else set()

    def inputs_of(self, n: Node) -> list[Node]:
        """The landmarks that the formula of `n` uses and that a derivative passes, in the order of the formula."""
        marks, found, stack = self.landmark_set, [], list(n.parents)[::-1]
        while stack:
            p = stack.pop()
            if p is None or p not in self.live or not p.live & NEEDS:
                continue
            if p in marks:
                if p not in found:
                    found.append(p)
            else:
                stack += list(p.parents)[::-1]
        return found

    def paths(self, wrt: Node, limit: int = 100) -> Iterator[list[Node]]:
        """Every way through the landmarks from the result to `wrt`."""
        reach = {wrt}
        for n in self.landmarks:
            if any(p in reach for p in self.inputs_of(n)):
                reach.add(n)
        stack = [[self.root]] if self.root in reach else []
        count = 0
        while stack:
            path = stack.pop()
            if path[-1] is wrt:
                yield path
                count += 1
                if count == limit:
                    raise ValueError(f"more than {limit} paths lead to {self.names[wrt]}: explain a part of the graph")
                continue
            stack += [[*path, p] for p in self.inputs_of(path[-1])[::-1] if p in reach]

    def environment(self) -> dict[str, Any]:
        """Every name with its value."""
        env = {word: self.values[n] for n, word in self.names.items() if n in self.values}
        env.update({word: n.y for n, word in self.names.items() if word not in env and n.y is not None})
        env.update({word: array for array, word in self.arrays if word not in env})
        return env


def _split(formula: Expr) -> tuple[str, Expr]:
    """A cotangent in terms of ``g`` as the partial and how it combines with ``g``."""
    if _is_g(formula):
        return "elementwise", number(1)
    if formula.head == "negative":
        combine, inner = _split(formula.args[0])
        if combine == "elementwise":
            return combine, product((number(-1), inner), inner.shape)
    if formula.head == "product":
        with_g = [f for f in formula.args if _mentions_g(f)]
        if len(with_g) == 1 and _is_g(with_g[0]):
            return "elementwise", product([f for f in formula.args if f is not with_g[0]], formula.shape)
    if formula.head == "divide" and _mentions_g(formula.args[0]) and not _mentions_g(formula.args[1]):
        combine, inner = _split(formula.args[0])
        if combine == "elementwise":
            return combine, make(TABLE["divide"], (inner, formula.args[1]), {}, formula.shape)
    if formula.head == "matmul":
        a, b = formula.args
        if _is_g(b) and not _mentions_g(a):
            return "left", a
        if _is_g(a) and not _mentions_g(b):
            return "right", b
    if not _mentions_g(formula):
        return "elementwise", formula
    return "map", formula


def _is_g(e: Expr) -> bool:
    return e.head == "name" and e.value == "g"


def _mentions_g(e: Expr) -> bool:
    return _is_g(e) or any(_mentions_g(a) for a in e.args)


def _with_values(e: Expr, env: Mapping[str, Any]) -> Expr:
    return e


def evaluate(e: Expr, env: Mapping[str, Any]) -> Any:
    """The value of a formula."""
    if e.head == "name":
        return env[e.value]
    if e.head in ("number", "array"):
        return e.value
    args = [evaluate(a, env) for a in e.args]
    if e.head == "product":
        total = args[0]
        for a in args[1:]:
            total = total * a
        return total
    assert e.row is not None
    return e.row.fn(*args, **e.params)


def replay(nodes: Iterable[Node], moved: Mapping[Node, Any] | None = None) -> dict[Node, Any]:
    """The value of every node, oldest first, computed again from the inputs where the graph did not keep it.

    With `moved`, other values for some inputs, everything is computed again.
    """
    values: dict[Node, Any] = dict(moved or {})
    for n in nodes:
        for p in n.parents:
            if p is not None and p not in values:
                values[p] = p.y
            if p is not None and p.row is None and p.version < n.order:
                raise RuntimeError(
                    f"{p.label} has changed since it was used, so the numbers of this graph are gone: explain or draw "
                    "before updating it, or compute the loss again"
                )
        if n in values:
            continue
        if n.row is None or n.y is not None and moved is None:
            values[n] = n.y
        elif n.xs is not None:
            args = [x if p is None else values[p] for p, x in zip(n.parents, n.xs, strict=True)]
            y = n.row.fn(*args, **n.params)
            values[n] = y if n.row.outputs else np.asarray(y)
        else:
            raise RuntimeError(
                f"the arrays of {n.label} were freed by backward(retain_graph=False): compute the loss again to explain it"
            )
    return values


def gradient(root: Node, wrt: Node) -> Any:
    """The engine's own gradient, to be compared with."""
    return pull_back({root: np.ones(root.shape, root.dtype)}, [wrt]).get(wrt)
