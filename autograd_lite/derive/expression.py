"""Formulas of recorded graphs: what a node computes, with formulas substituted for names, and evaluated.

A rule is run once on Tensors under a trace; the small graph that this records is the formula. The tree itself is in
:mod:`~autograd_lite.derive.expr`, simplification in :mod:`~autograd_lite.derive.simplify`, and printing in
:mod:`~autograd_lite.derive.writing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.node import Node
from ..table import TABLE
from .expr import Expr as Expr
from .expr import constant as constant
from .expr import name as name
from .expr import number as number
from .expr import parts_of as parts_of
from .expr import replaced as replaced
from .expr import walk as walk
from .simplify import make as make
from .simplify import product as product
from .simplify import remade


def substitute(e: Expr, words: Mapping[str, Expr]) -> Expr:
    """`e` with formulas substituted for names, simplified again."""
    if e.names.isdisjoint(words):
        return e
    done: dict[str, Expr] = {}
    for part in walk(e):
        if part.names.isdisjoint(words):
            new = part
        elif part.role == "name":
            new = words[part.value]
        else:
            args = tuple(done[a.key] for a in part.args)
            if part.role == "product":
                new = product(args, part.shape)
            else:
                assert part.row is not None
                new = remade(part.row, args, (a.shape for a in part.args), part.params, part.shape)
        done[part.key] = new
    return done[e.key]


def evaluate(e: Expr, env: Mapping[str, Any], known: dict[str, Any] | None = None) -> Any:
    """The value of a formula; `known` caches the values of its parts."""
    done: dict[str, Any] = {} if known is None else known
    for part in walk(e):
        if part.key in done:
            continue
        if part.role == "name":
            y = env[part.value]
        elif part.role in ("number", "array"):
            y = part.value
        else:
            args = [done[a.key] for a in part.args]
            if part.role == "product":
                y = args[0]
                for a in args[1:]:
                    y = y * a
            else:
                assert part.row is not None
                if part.row.kind != "elementwise":
                    args = [np.asarray(a) for a in args]
                y = part.row.fn(*args, **part.params)
        done[part.key] = y
    return done[e.key]


def unguarded(e: Expr) -> Expr:
    """A rule's formula without its guards against infinities and nan, which nobody writes on a board."""
    done: dict[str, Expr] = {}
    for part in walk(e):
        args = tuple(done[a.key] for a in part.args)
        if part.role == "selection" and any(test.role == "test for finite" for test in walk(part.args[0])):
            new = args[2] if args[2].shape == part.shape else part
        elif part.role == "product":
            new = product(args, part.shape)
        else:
            shapes = (a.shape for a in part.args)
            new = remade(part.row, args, shapes, part.params, part.shape) if part.row is not None and args else part
        done[part.key] = new
    return done[e.key]


#: What changes nothing in a real array of the same dtype.
_OF_REAL_NOTHING = ("conjugate", "real part", "cast")


def applied(n: Node, args: Sequence[Expr], dtypes: Sequence[Any]) -> Expr:
    """What a recorded node computes from formulas for its arguments."""
    assert n.row is not None
    if n.row.algebra in _OF_REAL_NOTHING and dtypes[0] == n.dtype and n.dtype.kind != "c" and args[0].shape == n.shape:
        return args[0]
    return remade(n.row, args, n.shapes, n.params, n.shape)


def of_graph(node: Node, known: Mapping[Node, Expr]) -> Expr:
    """The formula that a node stands for, down to the nodes that are `known`."""
    done: dict[Node, Expr] = {}
    stack = [node]
    while stack:
        n = stack[-1]
        if n in known:
            done[n] = known[n]
        if n in done:
            stack.pop()
            continue
        if n.row is None:
            done[n] = constant(n.y)
            continue
        waiting = [p for p in n.parents if p is not None and p not in done]
        if waiting:
            stack += waiting
            continue
        args = [constant(x) if p is None else done[p] for p, x in zip(n.parents, n.xs, strict=True)]
        done[n] = applied(n, args, n.dtypes)
        stack.pop()
    return done[node]


#: Of these the conjugate is the same of the conjugates.
_CONJUGATED = (
    "matrix product", "negation", "sum", "difference", "quotient", "transpose", "matrix transpose", "reshape", "total",
    "square",
)  # fmt: skip


def conjugated(e: Expr) -> Expr:
    """The complex conjugate, moved inwards to the names."""
    if e.role in _CONJUGATED:
        assert e.row is not None
        return make(e.row, [conjugated(a) for a in e.args], e.params, e.shape)
    if e.is_number:
        return number(np.conj(e.value).item())
    if e.role == "conjugate":
        return e.args[0]
    if e.role == "product":
        return product([conjugated(f) for f in e.args], e.shape)
    return Expr("conjugate", (e,), None, {}, e.shape, TABLE["conjugate"])
