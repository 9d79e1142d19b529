"""Known steps, inlined: in place of a call, the definition in its textbook.

The textbook's definitions are recorded as if the user had written them, with their names: ``P = softmax(S)``,
``L = -sum(Y * log(P)) / n``. So the derivation shows why the gradient of a cross-entropy is ``(P - Y) / n``. A step
whose textbook has a symbol that no row computes, such as ⋆ for a convolution, stays closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.node import ANY, Node, ancestors
from ..engine.record import record
from ..engine.replay import replay
from ..engine.value import wrap
from ..program.graph import moved
from ..program.naming import Names, groups
from ..table import Primitive
from ..tensor import Tensor
from .formula import name, walk
from .formula_ops import evaluate, recorded
from .named_graph import LIMIT
from .textbook_parser import Written
from .textbook_step import TextbookStep, parameter


def inlined(root: Tensor, names: Mapping[str, Any], depth: int) -> tuple[Tensor, dict[str, Any]]:
    """`root` and `names`, with the known steps inlined that are called at fewer than `depth` levels."""
    assert root._node is not None
    nodes = ancestors([root._node], ANY)[::-1]
    if len(nodes) > LIMIT:
        return root, dict(names)  # it will not be derived
    values = replay(nodes)
    within: dict[Any, Any] = {n: step for n in nodes if (step := _step(n, depth)) is not None}
    used = {p for n in nodes for p in n.parents if p is not None and within.get(p) is not within.get(n)}
    used.add(root._node)
    ends: dict[Any, list[Node]] = {}
    for n, step in within.items():
        ends.setdefault(step, []).extend([n] if n in used else [])
    books = {step: _known(step, values) for step, results in ends.items() if len(results) == 1}
    books = {step: book for step, book in books.items() if _can_be_recorded(book)}
    again: dict[Node, Any] = {}  # a Tensor; None for a call with several results that is what it was
    calls: dict[Any, Any] = {}  # each composite call or module as it is in the new graph
    introduced: dict[str, Any] = {}
    taken = Names(names)
    for n in nodes:
        step = within.get(n)
        if step not in books:
            again[n] = _again(n, again, values, calls)
        elif n in used:
            again[n], further = _recorded(books[step], step, again)
            introduced |= {taken.take(w): x for w, x in further.items()}
    tensors = {w: again.get(x._node, x) if isinstance(x, Tensor) and x._node else x for w, x in names.items()}
    return again[root._node], {**introduced, **tensors}


def _step(n: Node, depth: int) -> Any:
    """The known step that a node belongs to, if it is called at fewer than `depth` levels."""
    return None if n.row is None else next((g for g in groups(n)[:depth] if g.textbook is not None), None)


def _known(step: Any, values: Mapping[Node, Any]) -> TextbookStep:
    meanings = {}
    for word, x in step.inputs.items():
        value = values.get(x, x.y) if isinstance(x, Node) else x
        is_array = isinstance(value, np.ndarray)
        meanings[word] = Written(name(word, value.shape), value) if is_array else parameter(value)
    return TextbookStep(step.textbook, meanings, lambda word, value: word)


def _can_be_recorded(book: TextbookStep) -> bool:
    """Whether rows compute everything in it, or what they do not compute is the same for all inputs."""
    rows: list[Any] = [part.row for e in (book.forward, *(e for _, e in book.where)) for part in walk(e) if part.row]
    return all(isinstance(row, Primitive) or row.builtin or row.name == "onehot" for row in rows)


def _recorded(book: TextbookStep, step: Any, again: Mapping[Node, Any]) -> tuple[Any, dict[str, Any]]:
    """The result of a step, recorded by its definitions, and what these introduce."""
    env = {w: again.get(x, x) if isinstance(x, Node) else x for w, x in step.inputs.items()}
    further: dict[str, Any] = {}
    for word, e in book.where:
        env[word] = further[word] = evaluate(e, env, call=recorded)
    y = evaluate(book.forward, env, call=recorded)
    before = {x._node for x in again.values() if isinstance(x, Tensor)}
    for n in ancestors([y._node], ANY):
        if n.row is not None and n not in before:
            n.code, n.group = None, step.outer  # it was not written where it is explained
    return y, further


def _again(n: Node, again: Mapping[Node, Any], values: Mapping[Node, Any], calls: dict[Any, Any]) -> Any:
    """A node on what its arguments have become."""
    if n.row is None:
        return wrap(n.y, n)
    if n.parents and n.parents[0] is not None and n.parents[0].parts is not None:
        several = again[n.parents[0]]
        return wrap(values[n], n) if several is None else several[n.params["index"]]
    args = [
        x if p is None else again[p] if p in again else wrap(values.get(p, p.y), p)
        for p, x in zip(n.parents, n.xs, strict=True)
    ]
    is_same = all(p is None or a._node is p for p, a in zip(n.parents, args, strict=True))
    if is_same:
        return wrap(values[n], n) if n.parts is None else None
    def argument(x: Any) -> Any:
        return again[x]._node if isinstance(x, Node) and x in again else x

    y = record(n.row, args, n.params)
    node: Any = y._node if isinstance(y, Tensor) else y[0]._node.parents[0]
    node.code, node.at, node.group, node.name = n.code, n.at, moved(n.group, argument, calls), n.name
    return y
