"""Where the values or the gradient of a program become nan, infinite or zero: the steps at which that begins.

The backward pass is run once, and every edge is kept with its cotangents. It is then read from the input upwards. An
edge whose cotangent is bad is a cause if a good cotangent from above would not have helped; otherwise what is above it
is asked. Values are read in the same way, from a result back to the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..engine.backward import add, pull_back
from ..engine.engine_rows import lift
from ..engine.entries import folded
from ..engine.forward import push
from ..engine.node import Node
from ..engine.unbroadcast import match_argument, ones
from ..program import Equation, Program, Var
from .leaves import Array

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Test: TypeAlias = Callable[[Any], Mask]


def nonfinite(x: Any) -> Mask:
    """The entries that are nan or infinite."""
    x = np.asarray(x)
    return ~np.isfinite(x) if x.dtype.kind in "fc" else np.zeros(x.shape, bool)


def zero(x: Any) -> Mask:
    return np.asarray(x) == 0


@dataclass(eq=False)
class Edge:
    """One step of the backward pass: from the cotangent `g` of a result to the term `d` of its argument `k`."""

    head: Node
    tail: Node
    k: int
    g: Any
    d: Any

    @property
    def is_entrywise(self) -> bool:
        return self.head.row.kind == "elementwise"

    def pulled(self, g: Any) -> Any:
        """The term for another cotangent of the result."""
        n = self.head
        pulls = n.row.complex_pulls if n.dtype.kind == "c" else n.row.pulls
        return match_argument(pulls[self.k](g, n.y, n.xs, n), n, self.tail)

    def above(self, mask: Mask) -> Any:
        """The entries of the result on which these of the argument act; True where that is not known."""
        n = self.head
        if n.parts is not None or self.tail.parts is not None:
            return True
        if self.is_entrywise:
            return np.broadcast_to(mask, n.shape)
        tangents: list[Any] = [None] * len(n.parents)
        tangents[self.k] = _numbers(mask.astype(self.tail.dtype)) * mask
        moved = np.broadcast_to(push(n, tangents, n.y, n.xs, lift), n.shape) != 0
        return moved if moved.any() else True


@dataclass(eq=False)
class Cause:
    """An edge at which it begins, with the entries of the argument; not `alone` if several terms of it cancel."""

    edge: Edge
    entries: Mask
    alone: bool = True


class BackwardPass:
    """The backward pass from `root` to `wrt`: the cotangent of each value on the way, and the edges in order."""

    def __init__(self, root: Node, wrt: Node) -> None:
        self.edges: list[Edge] = []
        self.cotangents: dict[Node, Any] = {root: ones(root.shape, root.dtype)}
        self.wrt = wrt
        self._next = 0
        with np.errstate(all="ignore"):
            pull_back(self.cotangents, [wrt], watch=self)

    def check(self, node: Node) -> None:
        """Called before the edges of a node."""
        self._next = 0

    def pulled(self, node: Node, parent: Node, d: Any) -> None:
        """Called after each edge."""
        places = range(self._next, len(node.parents))
        k = next(k for k in places if node.parents[k] is parent and node.row.pulls[k] is not None)
        self._next = k + 1
        self.edges.append(Edge(node, parent, k, self.cotangents[node], d))
        known = self.cotangents.get(parent)
        self.cotangents[parent] = d if known is None else add(known, d)

    def into(self, node: Node) -> list[Edge]:
        """The edges whose terms make up the cotangent of a node."""
        return [e for e in self.edges if e.tail is node]

    @np.errstate(all="ignore")
    def causes(self, test: Test) -> tuple[list[Cause], list[Edge]]:
        """Where entries of the gradient begin to be bad, and the edges on the way from there, both in order.

        A nan or an infinite value is looked for as far up as there is one. A zero begins where the derivative of a step
        is zero, unless all cotangents above it are.
        """
        masks: dict[Node, Any] = {self.wrt: test(self.cotangents[self.wrt])}
        causes, path = [], []
        for e in reversed(self.edges):
            here = masks.get(e.tail, np.False_) & test(flat(e.d))
            if not here.any():
                continue
            path.append(e)
            bad = test(flat(e.g))
            own = here & test(flat(e.pulled(_each(_finite if test is nonfinite else _numbers, e.g))))
            sought = here if test is nonfinite else here & ~own
            up = bad & e.above(sought) if sought.any() else np.False_
            if test is zero and sought.any() and own.any() and (bad | ~np.broadcast_to(e.above(here), bad.shape)).all():
                own &= False
            if up.any():
                masks[e.head] = masks.get(e.head, np.False_) | up
            alone = up.any() or not sought[~own].any()
            if own.any() or not alone:
                causes.append(Cause(e, own if alone else sought, alone))
        if not causes:  # the terms of several steps
            causes.append(Cause(self.into(self.wrt)[0], masks[self.wrt], alone=False))
        return causes[::-1], path[::-1]


def flat(x: Any) -> Any:
    """A cotangent; those of several results in a row."""
    return np.concatenate([np.ravel(part) for part in x if part is not None]) if isinstance(x, tuple) else x


def _each(f: Callable[[Any], Any], x: Any) -> Any:
    return type(x)(None if part is None else f(part) for part in x) if isinstance(x, tuple) else f(x)


def _finite(g: Any) -> Any:
    return np.where(np.isfinite(g), g, g.dtype.type(1))


def _numbers(g: Any) -> Any:
    """Numbers in the shape of `g` that are not zero and do not cancel."""
    return (1.5 + np.cos(np.arange(g.size))).reshape(g.shape).astype(g.dtype)


# ------------------------------------------------------------------------------------------------- the forward pass


@dataclass(eq=False)
class Beginning:
    """Where values begin to be nan or infinite.

    Attributes
    ----------
    at : Equation or Var or ndarray
        The equation that makes them; or what was given with them.
    entries : ndarray
        Of its result.
    then : Equation or None
        The first that makes a nan of infinite values.
    others : int
        How many more there are.
    """

    at: Any
    entries: Mask
    then: Equation | None
    others: int


def beginning(program: Program, values: Mapping[Var, Array], v: Var, entries: Mask) -> Beginning:
    """Where these bad entries of `v` come from."""
    masks: dict[Var, Mask] = {v: entries}
    made: list[tuple[Any, Mask]] = []
    given: list[tuple[Any, Mask]] = []
    turned: list[tuple[Equation, Mask]] = []  # a nan from infinite values

    def bad(eq: Equation, mask: Mask) -> list[tuple[Any, Mask]]:
        """The operands with bad entries."""
        found = []
        for x in eq.operands:
            here = nonfinite(values[x] if isinstance(x, Var) else x)
            if eq.row.kind == "elementwise":
                here = here & folded(mask, here.shape)
            if here.any():
                found.append((x, here))
        return found

    for eq in reversed(program.equations):
        results = [masks[y] for y in eq.outputs if y in masks]
        if not results:
            continue
        operands = bad(eq, results[0])
        if not operands:
            made.append((eq, results[0]))
            continue
        is_nan = any(np.isnan(values[y]).any() for y in eq.outputs if y in masks)
        if is_nan and not any(np.isnan(values[x] if isinstance(x, Var) else x).any() for x, _ in operands):
            turned.append((eq, results[0]))
        for x, here in operands:
            if isinstance(x, Var):
                masks[x] = masks.get(x, np.False_) | here
            else:
                given.append((x, here))
    given += [(x, mask) for x, mask in masks.items() if x not in program.defined]
    then = turned[-1] if turned else None
    if not made and then and not any(np.isnan(values[x] if isinstance(x, Var) else x).any() for x, _ in given):
        return Beginning(*then, None, len(turned) - 1)
    found = made or given
    return Beginning(*found[-1], then[0] if then else None, len(found) - 1)

