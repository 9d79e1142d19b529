"""A scene from the structure of a program: for layers, for programs too large for formulas, or if values were freed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from ..derive.formula import Expr, constant, name as name_of
from ..derive.notation import LIMIT
from ..derive.simplify import remade
from ..program import Equation, Program, Var
from .collapse import middle
from .formatting import shape
from .groups import Calls
from .repeats import repeated
from .scene import Item, Line, Scene
from .subject import Subject, origin_of


def structure(
    subject: Subject, fold: bool, depth: int | None = None, roll: bool = False, notes: Sequence[str] = (),
    limit: int | None = None,
) -> Scene:
    """Boxes for operations, or if `fold` for layers and modules, and lines; with `roll` repeated blocks once.

    With a `limit`, operations in the middle of more than that have no formula.
    """
    return _Structure(subject, fold, depth, roll).scene(notes, limit)


class _Structure:
    def __init__(self, subject: Subject, fold: bool, depth: int | None, roll: bool) -> None:
        self.subject = subject
        self.program = program = subject.program
        self.defined, self.graded, self.values = program.defined, program.graded, _values(program)
        self.changed = set(program.overwritten)
        #: The value that stands for another one: in a repeated block, or the first of several results.
        self.stands_for, count = repeated(program) if roll else ({}, {})
        for eq in program.equations:
            self.stands_for |= dict.fromkeys(eq.outputs[1:], eq.y)
        self.calls = Calls(program.equations, subject.places)
        self.calls.count = count
        self.names = subject.names(every=True)
        self.roots = {self.shown(v) for v in program.outputs}
        self.fold = {v: self.calls.folded(eq, depth) if fold else None for v, eq in self.defined.items()}
        self.modules: dict[Any, int] = {}  # those with parameters, numbered in order
        self.users: dict[Var, set[Any]] = {}
        self.order: dict[Var, None] = {}  # an input stands before the first equation that reads it
        for eq in program.equations:
            v = eq.y
            for x in _variables(eq):
                self.order[x] = None
                if v not in self.stands_for:
                    self.users.setdefault(x, set()).add(self.fold[v] or v)
            self.order |= dict.fromkeys(eq.outputs)

    def shown(self, v: Var) -> Var:
        """The value that stands for `v` in the picture."""
        while v in self.stands_for:
            v = self.stands_for[v]
        return v

    def owner(self, v: Var) -> Any:
        """The call or value whose box shows `v`."""
        v = self.shown(v)
        if v in self.defined:
            return self.fold[v] or v
        users = self.users.get(v, set())
        if not self.subject.is_parameter(v) or any(isinstance(u, Var) for u in users):
            return v
        modules = {getattr(u, "module", None) or u for u in users}  # a module may be called several times
        return min(users, key=lambda u: int(self.calls.keys[u][1:])) if len(modules) == 1 else v

    def scene(self, notes: Sequence[str], limit: int | None) -> Scene:
        members: dict[Any, list[Var]] = {}
        for v in self.order:
            if v not in self.stands_for:
                members.setdefault(self.owner(v), []).append(v)
        place = {v: k for k, v in enumerate(self.order)}
        first = {o: next((v for v in inside if v in self.defined), inside[0]) for o, inside in members.items()}
        in_order = sorted(members, key=lambda o: place[first[o]])
        keys = {owner: f"n{k}" for k, owner in enumerate(in_order)}
        computed = [o for o in in_order if first[o] in self.defined]
        self.without = set(middle(computed, limit)) if limit and len(computed) > limit else set()
        items, lines = [], []
        for owner in in_order:
            is_value = isinstance(owner, Var)
            items.append(self.operation(owner, keys) if is_value else self.layer(owner, members[owner], keys))
            lines += self.lines(owner, members[owner], keys)
        loss = keys[self.owner(self.subject.root)]
        return Scene(self.without_frame(items), tuple(lines), notes=tuple(notes), loss=loss)

    def without_frame(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The boxes without a cluster around all that is computed: the module itself."""
        blocks = {self.calls.keys[group] for group in self.calls.count}
        levels = zip(*(i.clusters for i in items if i.row), strict=False)
        count = len([*takewhile(lambda level: len({*level}) == 1 and level[0][0] not in blocks, levels)])
        return tuple(replace(i, clusters=i.clusters[count:]) if count else i for i in items)

    def operation(self, v: Var, keys: Mapping[Any, str]) -> Item:
        eq = self.defined.get(v)
        formula, operation = (None, "") if eq is None or v in self.without else self._formula(eq)
        changed, several = v in self.changed, eq is not None and bool(eq.row.outputs)
        # The last of a repeated block has values that are not its own.
        is_last = v in self.roots and v not in self.program.outputs
        own, name = v in self.program.named, self.names[v]
        if operation and not own and v not in self.roots:
            name, operation = operation, ""  # no formula in the picture refers to a letter for it
        return Item(
            keys[v],
            self.subject.kind(v),
            name,
            formula,
            operation,
            None if several else v.shape,
            "" if several else str(v.dtype),
            None if changed or is_last or several else self.values.get(v),
            clusters=() if eq is None else self.calls.clusters(eq),
            own=own,
            row="" if eq is None else eq.row.name,
            origin=origin_of(eq, self.program.captured.get(v)),
            note="has changed since" if changed else "",
        )

    def _formula(self, eq: Equation) -> tuple[Expr | None, str]:
        if self.program.freed or eq.row.outputs or any(self.owner(x) is not x for x in _variables(eq)):
            return None, _sign_of(eq)
        args = [name_of(self.names[x], x.shape) if isinstance(x, Var) else constant(x) for x in eq.operands]
        if any(a.role == "array" for a in args):
            return None, eq.row.name
        return remade(eq.row, args, eq.shapes, eq.params, eq.shape), ""

    def layer(self, group: Any, inside: list[Var], keys: Mapping[Any, str]) -> Item:
        params = [v for v in inside if v not in self.defined]
        computed = [v for v in inside if v in self.defined]
        last = computed[-1]
        words = (self.names[v].rpartition(".")[2] for v in params)
        weights = [f"{word} {shape(v.shape) or '1'}" for word, v in zip(words, params[:4], strict=False)]
        listed = "  ".join([*weights, "…"] if len(params) > 4 else weights)
        module = getattr(group, "module", None)
        if module is not None and params:
            self.modules.setdefault(module, len(self.modules))
        cell = f"m{self.modules[module]}" if module in self.modules else ""
        rows = ",".join(f"{self.defined[v].row.name}{v.shape}" for v in computed)
        is_loss = last in self.roots and self.subject.kind(last) == "loss"
        label = self.calls.label(group)
        return Item(
            keys[group],
            "loss" if is_loss else "layer",
            self.names[last] if is_loss else label,
            None,
            label if is_loss else listed,
            last.shape,
            str(last.dtype),
            self.values.get(last) if last in self.program.outputs else None,
            None,
            self.calls.clusters(self.defined[last], group),
            True,
            rows,
            cell,
            note=f"× {self.calls.count[group]}" if group in self.calls.count else "",
        )

    def lines(self, owner: Any, inside: Sequence[Var], keys: Mapping[Any, str]) -> list[Line]:
        lines = {}
        for v in inside:
            if v not in self.defined:
                continue
            eq = self.defined[v]
            for x in _variables(eq):
                tail = self.owner(x)
                if tail == owner or self.shown(x) not in self.defined and tail is not self.shown(x):
                    continue  # the same box; a parameter inside a layer has no line
                key = f"{keys[tail]}_{keys[owner]}"
                passes = x in self.graded and not self.graded.isdisjoint(eq.outputs) and eq.row.kind != "constant"
                if passes or key not in lines:
                    lines[key] = Line(
                        key, keys[tail], keys[owner], shape=x.shape, combine="passes" if passes else ""
                    )
        return list(lines.values())


def _variables(eq: Equation) -> list[Var]:
    return [x for x in eq.operands if isinstance(x, Var)]


def _values(program: Program) -> Mapping[Var, Any]:
    """The values that are known without much work: those that were kept, or of a short trace all."""
    if not program.inputs or len(program) > LIMIT:
        return program.examples
    try:
        return program.values
    except Exception:  # such as a function of the user's that raises when it is called again
        return program.examples


def _sign_of(eq: Equation) -> str:
    """``+``, or the name of a function."""
    sign = re.fullmatch(r"{x1} (\S) {x2}", eq.row.infix or "")
    return sign[1] if sign else eq.row.name
