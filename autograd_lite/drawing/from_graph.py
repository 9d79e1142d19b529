"""A scene from the structure of the graph: for layers, for graphs too large for formulas, or if values were freed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from ..derive.formula import Expr, constant
from ..derive.formula import name as name_of
from ..derive.simplify import remade
from ..engine.engine_rows import PROJECTION
from ..engine.node import ANY, TRACED, Node, ancestors
from ..program.capture import names_of as user_names
from ..program.naming import Names, short_names
from .formatting import shape
from .groups import Calls
from .repeats import repeated
from .scene import Item, Line, Scene
from .subject import Subject, has_one_entry


def structure(
    subject: Subject, fold: bool, depth: int | None = None, roll: bool = False, notes: Sequence[str] = ()
) -> Scene:
    """Boxes for operations, or if `fold` for layers and modules, and lines; with `roll` repeated blocks once."""
    return _Structure(subject, fold, depth, roll).scene(notes)


class _Structure:
    def __init__(self, subject: Subject, fold: bool, depth: int | None, roll: bool) -> None:
        self.subject = subject
        nodes = ancestors(subject.roots, ANY)[::-1]
        self.stands_for, count = repeated(nodes) if roll else ({}, {})
        uses = [(n, p) for n in nodes for p in n.parents if p is not None]
        self.stands_for |= {n: p for n, p in uses if n.row is PROJECTION}
        computed = set(nodes)
        self.nodes = [*dict.fromkeys(p for _, p in uses if p not in computed), *nodes]
        self.calls = Calls(self.nodes, subject.places)
        self.calls.count = count
        self.names = names_of(self.nodes, subject)
        self.roots = {self.shown(n) for n in subject.roots}
        self.fold = {n: self.calls.folded(n, depth) if fold else None for n in nodes if n.row is not None}
        self.changed = {p for n, p in uses if p.row is None and p.version < n.order}
        self.modules: dict[Any, int] = {}  # those with parameters, numbered in order
        self.users: dict[Node, set[Any]] = {}
        for n, p in uses:
            if n not in self.stands_for:
                self.users.setdefault(p, set()).add(self.fold.get(n) or n)

    def shown(self, n: Node) -> Node:
        """The node that stands for `n` in the picture."""
        while n in self.stands_for:
            n = self.stands_for[n]
        return n

    def owner(self, n: Node) -> Any:
        """The call or node whose box shows `n`."""
        n = self.shown(n)
        if n.row is None:
            users = self.users.get(n, set())
            if not _is_parameter(n) or any(isinstance(u, Node) for u in users):
                return n
            modules = {getattr(u, "module", None) or u for u in users}  # a module may be called several times
            return min(users, key=lambda u: int(self.calls.keys[u][1:])) if len(modules) == 1 else n
        return self.fold[n] or n

    def scene(self, notes: Sequence[str]) -> Scene:
        members: dict[Any, list[Node]] = {}
        for n in self.nodes:
            if n not in self.stands_for:
                members.setdefault(self.owner(n), []).append(n)
        first = {o: next((n for n in inside if n.row is not None), inside[0]) for o, inside in members.items()}
        in_order = sorted(members, key=lambda o: -first[o].order)
        keys = {owner: f"n{k}" for k, owner in enumerate(in_order)}
        items, lines = [], []
        for owner in in_order:
            is_node = isinstance(owner, Node)
            items.append(self.operation(owner, keys) if is_node else self.layer(owner, members[owner], keys))
            lines += self.lines(owner, members[owner], keys)
        loss = keys[self.owner(self.subject.roots[0])]
        return Scene(self.without_frame(items), tuple(lines), notes=tuple(notes), loss=loss)

    def without_frame(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The boxes without a cluster around all that is computed: the module itself."""
        blocks = {self.calls.keys[group] for group in self.calls.count}
        levels = zip(*(i.clusters for i in items if i.row), strict=False)
        count = len([*takewhile(lambda level: len({*level}) == 1 and level[0][0] not in blocks, levels)])
        return tuple(replace(i, clusters=i.clusters[count:]) for i in items)

    def operation(self, n: Node, keys: Mapping[Any, str]) -> Item:
        formula, operation = self._formula(n)
        changed = n in self.changed
        is_last = n in self.roots and n not in self.subject.roots  # of a repeated block, whose values are not its own
        name = self.names[n]
        if operation and not (n.name or n in self.subject.claimed or n in self.roots):
            name, operation = operation, ""  # no formula in the picture refers to a letter for it
        return Item(
            keys[n],
            kind_of(n, self.subject),
            name,
            formula,
            operation,
            None if n.parts else n.shape,
            "" if n.parts else str(n.dtype),
            None if changed or is_last or n.parts else n.y,
            clusters=self.calls.clusters(n),
            own=n.name is not None or n in self.subject.claimed,
            row=n.row.name if n.row else "",
            origin=origin_of(n.origin),
            note="has changed since" if changed else "",
        )

    def _formula(self, n: Node) -> tuple[Expr | None, str]:
        if n.row is None:
            return None, ""
        if n.xs is None or n.row.outputs or any(p is not None and self.owner(p) is not p for p in n.parents):
            return None, _sign_of(n)
        args = [
            constant(x) if p is None else name_of(self.names.get(p, "…"), p.shape)
            for p, x in zip(n.parents, n.xs, strict=True)
        ]
        if any(a.role == "array" or (a.value is None and not a.args) for a in args):
            return None, n.row.name
        return remade(n.row, args, n.shapes, n.params, n.shape), ""

    def layer(self, group: Any, inside: list[Node], keys: Mapping[Any, str]) -> Item:
        params = [n for n in inside if n.row is None]
        made = [n for n in inside if n.row is not None]
        last = made[-1]
        words = (self.names.get(n, "").rpartition(".")[2] for n in params)
        weights = [f"{word} {shape(n.shape) or '1'}" for word, n in zip(words, params[:4], strict=False)]
        listed = "  ".join([*weights, "…"] if len(params) > 4 else weights)
        module = getattr(group, "module", None)
        if module is not None and params:
            self.modules.setdefault(module, len(self.modules))
        cell = f"m{self.modules[module]}" if module in self.modules else ""
        structure = ",".join(f"{n.row.name}{n.shape}" for n in made if n.row is not None)
        is_loss = last in self.roots and kind_of(last, self.subject) == "loss"
        label = self.calls.label(group)
        return Item(
            keys[group],
            "loss" if is_loss else "layer",
            self.names[last] if is_loss else label,
            None,
            label if is_loss else listed,
            last.shape,
            str(last.dtype),
            last.y if last in self.subject.roots else None,
            None,
            self.calls.clusters(last, group),
            True,
            structure,
            cell,
            note=f"× {self.calls.count[group]}" if group in self.calls.count else "",
        )

    def lines(self, owner: Any, inside: Sequence[Node], keys: Mapping[Any, str]) -> list[Line]:
        found: dict[str, Line] = {}
        for n in inside:
            for p in n.parents:
                if p is None or (tail := self.owner(p)) == owner:
                    continue
                if self.shown(p).row is None and tail is not self.shown(p):
                    continue  # a parameter inside a layer has no line
                key = f"{keys[tail]}_{keys[owner]}"
                passes = p.requires_grad and n.requires_grad and n.row is not None and n.row.kind != "constant"
                line = Line(key, keys[tail], keys[owner], shape=p.shape, combine="passes" if passes else "")
                if passes or key not in found:
                    found[key] = line
        return list(found.values())


def _sign_of(n: Node) -> str:
    """``+``, or the name of a function."""
    assert n.row is not None
    found = re.fullmatch(r"{x1} (\S) {x2}", n.row.infix or "")
    return found[1] if found else n.row.name


def names_of(nodes: Sequence[Node], subject: Subject) -> dict[Node, str]:
    """A name for every node: the user's, or else the next free letter."""
    root = subject.roots[0]
    claimed = [(word, n) for n, word in subject.claimed.items()]
    public = [(word, x) for word, x in subject.names.items() if not word.startswith("_")]
    names = user_names(None, (), (), [*nodes, root], claimed, public, subject.roots)
    taken = Names([*names.values(), *subject.names])
    if root not in names:  # as in the notation of the chain rule
        free = (w for w in (("L", "loss") if subject.is_loss else ("y", "output")) if w not in taken)
        names[root] = taken.take(next(free, "result"))
    fresh = short_names([*taken, "g", "d", "l", "np"])
    for n in nodes:
        if n not in names:
            names[n] = next(fresh)
    return names


def kind_of(n: Node, subject: Subject) -> str:
    if n in subject.roots:
        return "loss" if subject.is_loss and n is subject.roots[0] and has_one_entry(n) else "result"
    if n.row is not None:
        return "result"
    if _is_parameter(n):
        return "parameter"
    named = n.name or n in subject.claimed or any(getattr(t, "_node", None) is n for t in subject.names.values())
    return "input" if named or n.live else "constant"


def _is_parameter(n: Node) -> bool:
    return n.row is None and n.requires_grad and not n.live & TRACED


def origin_of(line: str) -> str:
    """The user's file and line, without the folder."""
    return line.replace("\\", "/").rpartition("/")[2]
