"""Modules and composite calls told as one step each: their results, what goes into them, the way back through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.node import Node
from ..engine.replay import arguments
from .expression import Expr, evaluate, name
from .factors import Factor, FoldedCall, laid_out
from .symbolic_rule import Edge, G, X, Y

if TYPE_CHECKING:
    from .landmarks import Chain  # which calls these functions


def results(c: Chain, chosen: set[Node]) -> set[Node]:
    """Of folded calls only their results are landmarks, and what they use."""
    results = {c.root: c.regions[c.root]} if c.root in c.regions else {}
    for n in c.nodes:
        for p in c.parents(n):
            if p is not None and c.regions.get(p) is not c.regions.get(n):
                if p in c.regions:
                    results[p] = c.regions[p]
                if n in c.regions and p in c.live:
                    chosen.add(p)
    c.folds = results
    return {n for n in chosen if n not in c.regions} | set(results)


def definition(c: Chain, n: Node) -> Expr:
    """A folded call of what goes into it: what was computed or given first, then what is to be learned."""
    found: dict[str, tuple[bool, Expr]] = {}
    for m in inside(c, n)[::-1]:
        for p, x in zip(c.parents(m), c.call(m).xs or (), strict=False):
            if p is None or p in c.marks or p not in c.live:
                e = c.constant(x) if p is None else c.expression(p)
                if e.head == "name" and p is not n:
                    found[e.value] = p is not None and p.row is None and p in c.on, e
    args = tuple(e for _, e in sorted(found.values(), key=lambda pair: pair[0]))
    call: Any = FoldedCall(c.folds[n].name)
    return Expr(call.name, args, None, {}, n.shape, call)


def inside(c: Chain, n: Node) -> list[Node]:
    """The steps of the folded call that ends in `n`, latest first."""
    found, stack = {n}, [n]
    while stack:
        for p in c.parents(stack.pop()):
            if p is not None and p not in c.marks and p in c.live and p not in found:
                found.add(p)
                stack.append(p)
    return sorted(found, key=lambda m: m.order)


def pull_through(c: Chain, n: Node, m: Node, g: Any) -> Any:
    """A cotangent carried through the inside of a folded call, in numbers."""
    arrived: dict[Node, Any] = {n: g}
    for at in inside(c, n):
        for i, p in c.ways(at) if at in arrived else ():
            e = c.edge(at, i)
            env = {
                c.cotangent: arrived[at],
                **{f"{X}{k}": x for k, x in enumerate(arguments(c.call(at), c.values))},
            }
            whole = c.values[c.call(at)]
            env.update(
                {Y: whole, G: arrived[at]}
                if c.call(at) is at
                else {G: arrived[at], **{f"{Y}{k}": v for k, v in enumerate(whole)}}
            )
            d = carried(c, e, env, at, p)
            arrived[p] = arrived[p] + d if p in arrived else d
    return arrived.get(m, np.zeros(m.shape))


def carried(c: Chain, e: Edge, env: Mapping[str, Any], n: Node, p: Node) -> Any:
    value = evaluate(e.formula, env)
    g = env[G]
    d = (
        g * value
        if e.combine == "elementwise"
        else value @ g
        if e.combine == "left"
        else g @ value
        if e.combine == "right"
        else value
    )
    if e.axes:
        full = np.broadcast_shapes(np.shape(d), n.shape) if e.combine == "elementwise" else np.shape(d)
        d = np.sum(np.broadcast_to(d, full), axis=e.axes)
    return laid_out(d, p.shape)


def factor(c: Chain, n: Node, m: Node) -> Factor:
    call: Any = FoldedCall(f"{c.folds[n].name}_pull", lambda g: pull_through(c, n, m, g))
    formula = Expr(call.name, (name(c.cotangent, n.shape),), None, {}, m.shape, call)
    symbol = c.symbol(n, m)
    rules = (c.folds[n].name,)
    return Factor(
        n,
        m,
        symbol,
        formula,
        "map",
        (),
        None,
        rules,
        (n.shape, m.shape),
        c.cotangent,
        c.environment(),
    )
