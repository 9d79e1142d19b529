"""Where the values or the gradient of a program become nan, infinite or zero: the steps at which that begins.

The backward pass is run once, and every edge is kept with its cotangents. It is then read from the input upwards. An
edge whose term is bad is a cause if a good cotangent from above would not have helped; otherwise what is above it is
asked. Values are read in the same way, from a result back to the inputs.
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
from ..program.naming import place
from .leaves import Array

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Test: TypeAlias = Callable[[Any], Mask]


def nonfinite(x: Any) -> Mask:
    """The entries that are nan or infinite."""
    return ~np.isfinite(x) if np.result_type(x).kind in "fc" else np.zeros(np.shape(x), bool)


def zero(x: Any) -> Mask:
    return np.equal(x, 0)


@dataclass(eq=False)
class Edge:
    """One step of the backward pass: from the cotangent `g` of a result to the term `d` of its argument `k`."""

    head: Node
    tail: Node
    k: int
    g: Any
    d: Any
    entries: Any = None  # of the argument, at which something begins here
    eq: Any = None  # the equation of the result

    @property
    def x(self) -> Any:
        """The operand of the equation that the term is for."""
        return self.eq.operands[self.k]

    @property
    def is_entrywise(self) -> bool:
        return self.head.row.kind == "elementwise"

    def pulled(self, test: Test) -> Any:
        """The term for a good cotangent of the result."""
        n, g = self.head, self.g
        good = (lambda x: np.where(np.isfinite(x), x, 1)) if test is nonfinite else numbers
        g = type(g)(p if p is None else good(p) for p in g) if isinstance(g, tuple) else good(g)
        pulls = n.row.complex_pulls if n.dtype.kind == "c" else n.row.pulls
        return match_argument(pulls[self.k](g, n.y, n.xs, n), n, self.tail)

    def above(self, mask: Mask) -> Any:
        """The entries of the result on which these of the argument act; True where that is not known."""
        n = self.head
        if n.parts is not None or self.tail.parts is not None:
            return True
        if self.is_entrywise:
            return np.broadcast_to(mask, n.shape)
        tangents = [None] * len(n.parents)
        tangents[self.k] = numbers(self.tail) * mask
        moved = np.broadcast_to(push(n, tangents, n.y, n.xs, lift), n.shape) != 0
        return moved if moved.any() else True


def numbers(x: Any) -> Any:
    """Numbers in the shape and dtype of `x` that are not zero and do not cancel."""
    return (1.5 + np.cos(np.arange(np.prod(x.shape)))).reshape(x.shape).astype(x.dtype)


def flat(x: Any) -> Any:
    """A cotangent; those of several results in a row."""
    return np.concatenate([np.ravel(part) for part in x if part is not None]) if isinstance(x, tuple) else x


class BackwardPass:
    """The backward pass from `root` to `wrt`: the cotangent of each value on the way, and the edges in order."""

    def __init__(self, root: Node, wrt: Node) -> None:
        self.edges: list[Edge] = []
        self.cotangents: dict[Node, Any] = {root: ones(root.shape, root.dtype)}
        self.wrt = wrt
        with np.errstate(all="ignore"):
            pull_back(self.cotangents, [wrt], watch=self)

    def check(self, node: Node) -> None:
        """Called before the edges of a node."""
        self._places = iter([k for k, p in enumerate(node.parents) if node.row.pulls[k] is not None])

    def pulled(self, node: Node, parent: Node, d: Any) -> None:
        """Called after each edge."""
        k = next(k for k in self._places if node.parents[k] is parent)
        self.edges.append(Edge(node, parent, k, self.cotangents[node], d))
        self.cotangents[parent] = add(self.cotangents[parent], d) if parent in self.cotangents else d

    def into(self, node: Node) -> list[Edge]:
        """The edges whose terms make up the cotangent of a node."""
        return [e for e in self.edges if e.tail is node]

    @np.errstate(all="ignore")
    def causes(self, test: Test) -> tuple[list[Edge], list[Edge]]:
        """The edges at which entries of the gradient begin to be bad, and those on the way from there, both in order.

        What is not finite is looked for as far up as there is any. A zero begins where the derivative of a step is
        zero, unless all cotangents above it are; or where several terms cancel.
        """
        masks: dict[Node, Any] = {self.wrt: test(self.cotangents[self.wrt])}
        causes, path = [], []
        used: dict[Node, Any] = {}  # the entries on which a step depends: of D, read as D[i, j], all
        for e in self.edges if test is zero else ():
            used[e.tail] = used.get(e.tail, np.False_) | ~zero(flat(e.pulled(zero)))
        for e in reversed(self.edges):
            here = masks.get(e.tail, np.False_) & test(flat(e.d))
            if not here.any():
                continue
            bad, own = test(flat(e.g)), here & test(flat(e.pulled(test)))
            elsewhere = own & used.get(e.tail, np.False_) if e.head.row.kind == "linear" else np.False_
            here, own = here & ~elsewhere, own & ~elsewhere
            if not here.any():
                continue
            path.append(e)
            if test is zero and not own[here].all() and (bad | ~np.broadcast_to(e.above(here), bad.shape)).all():
                own = np.zeros_like(own)
            sought = here & ~own if test is zero else here
            up = bad & e.above(sought) if sought.any() else np.False_
            masks[e.head] = masks.get(e.head, np.False_) | up
            if own.any() or not up.any():
                e.entries = own if own.any() else here
                causes.append(e)
        if not causes:
            causes = self.into(self.wrt)[:1]
            causes[0].entries = masks[self.wrt]
        return causes[::-1], path[::-1]


def beginning(
    program: Program, values: Mapping[Var, Array], v: Var, entries: Mask
) -> tuple[Any, Mask, Equation | None, int]:
    """Where these entries of `v` begin to be nan or infinite.

    Returns the equation, or the value that was given so; the entries of its result; the first equation that makes a nan
    of infinite values; and how many more there are.
    """
    masks: dict[Var, Mask] = {v: entries}
    made = []
    turned = []
    given: list[tuple[Any, Mask]] = []

    def value(x: Any) -> Any:
        return values[x] if isinstance(x, Var) else x

    for eq in reversed(program.equations):
        results = [y for y in eq.outputs if y in masks]
        if not results:
            continue
        mask, is_entrywise = masks[results[0]], eq.row.kind == "elementwise"
        nearby = ((x, folded(mask, np.shape(x)) if is_entrywise else True) for x in eq.operands)
        bad = [(x, here) for x, used in nearby if (here := nonfinite(value(x)) & used).any()]
        born: Any = mask  # of x / 0 the entries at which x is a number
        for x, _ in bad:
            born = born & ~nonfinite(value(x)) if is_entrywise else np.False_
        if born.any():
            made.append((eq, born))
        elif np.isnan(values[results[0]]).any() and not any(np.isnan(value(x)).any() for x, _ in bad):
            turned.append((eq, mask))
        for x, here in bad:
            if isinstance(x, Var) and x in program.defined:
                masks[x] = masks.get(x, np.False_) | here
            else:
                given.append((x, here))
    found = made or turned or given or [(v, entries)]
    several = {place(eq) if isinstance(eq, Equation) else id(eq) for eq, _ in found}  # of a loop's rounds one counts
    return *found[-1], turned[-1][0] if made and turned else None, len(several) - 1
