"""Compare two scenes: what only one of them has, and what differs in both."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from . import formatting
from .scene import Item, Line, Scene


def compared(before: Scene, after: Scene) -> Scene:
    """Both scenes as one: ``added`` is only in `after`, ``removed`` only in `before`, ``changed`` differs.

    Boxes correspond if they have the same name from the user, or else the same operation and shape at corresponding
    positions.
    """
    pairs = _pairs(before, after)
    old_key = {b.key: f"o{b.key}" for b in before.items}
    for b, a in pairs:
        if b is not None and a is not None:
            old_key[b.key] = a.key
    items: list[Item] = []
    for b, a in pairs:
        if a is None:
            assert b is not None
            items.append(replace(b, key=old_key[b.key], change="removed"))
        elif b is None:
            items.append(replace(a, change="added"))
        else:
            note = difference(b, a)
            items.append(replace(a, change="changed", note=note) if note else a)
    lines = _lines(before, after, old_key)
    counted = {kind: sum(i.change == kind for i in items) for kind in ("added", "removed", "changed")}
    note = ", ".join(f"{count} {kind}" for kind, count in counted.items() if count) or "no difference"
    marks = "+ only after, − only before, ≠ changed"
    return replace(after, items=tuple(items), lines=lines, notes=(f"Compared: {note}.  {marks}",))


def difference(b: Item, a: Item) -> str:
    """How two corresponding boxes differ, in a few words; empty if they do not."""
    if b.shape != a.shape:
        return f"shape was {formatting.shape(b.shape) or 'scalar'}"
    if b.dtype != a.dtype:
        return f"dtype was {b.dtype}"
    old, new = formatting.formula(b.formula) or b.operation, formatting.formula(a.formula) or a.operation
    if a.own and b.own and old != new and a.name == b.name and b.row != a.row:
        return f"was {old}"
    if not _equal(b.value, a.value):
        lines = formatting.array(b.value) if b.value is not None else []
        return f"value was {lines[0]}" if len(lines) == 1 else f"values differ by up to {_distance(b.value, a.value)}"
    if not _equal(b.gradient, a.gradient):
        return "its gradient differs"
    return ""


def _equal(x: Any, y: Any) -> bool:
    if x is None or y is None:
        return True  # not kept: nothing to compare
    return bool(np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind in "fc"))


def _distance(x: Any, y: Any) -> str:
    if x is None or y is None or np.asarray(x).dtype.kind not in "biufc":
        return "an unknown amount"
    return formatting.number(np.abs(np.subtract(y, x, dtype=np.result_type(x, y, float))).max())


def _pairs(before: Scene, after: Scene) -> list[tuple[Item | None, Item | None]]:
    """The corresponding boxes, in order: a removed box stands before the next box that remains."""
    partner = _partners(before, after)
    matched = {b.key: a for a in after.items if (b := partner.get(a.key)) is not None}
    pairs: list[tuple[Item | None, Item | None]] = []
    done: set[str] = set()
    for b in before.items:
        partner_of_b = matched.get(b.key)
        if partner_of_b is None:
            pairs.append((b, None))
            continue
        until = [i.key for i in after.items].index(partner_of_b.key)
        added = [a for a in after.items[:until] if a.key not in done and a.key not in partner]
        pairs += [*((None, a) for a in added), (b, partner_of_b)]
        done.update(a.key for a in (*added, partner_of_b))
    return pairs + [(None, a) for a in after.items if a.key not in done]


def _partners(before: Scene, after: Scene) -> dict[str, Item]:
    """The box in `before` of each key in `after`: by the user's names, then by operation, shape and position."""
    partner: dict[str, Item] = {}
    named = {i.name: i for i in before.items if i.own and i.kind != "layer"}
    for a in after.items:
        b = named.get(a.name) if a.own and a.kind != "layer" else None
        if b is not None and (b.formula is None) == (a.formula is None) and b.row == a.row:
            partner[a.key] = b
    taken = {b.key for b in partner.values()}
    old = [i for i in before.items if i.key not in taken]
    new = [i for i in after.items if i.key not in partner]
    matcher = SequenceMatcher(
        None, [(i.kind, i.row, i.shape) for i in old], [(i.kind, i.row, i.shape) for i in new], autojunk=False
    )
    for i, j, size in matcher.get_matching_blocks():
        for b, a in zip(old[i : i + size], new[j : j + size], strict=True):
            if a.row or a.kind == "constant":  # inputs with different names do not correspond
                partner[a.key] = b
    return partner


def _lines(before: Scene, after: Scene, old_key: dict[str, str]) -> tuple[Line, ...]:
    old = {}
    for line in before.lines:
        tail, head = old_key[line.tail], old_key[line.head]
        old[tail, head] = replace(line, key=f"{tail}_{head}", tail=tail, head=head)
    new = {(line.tail, line.head): line for line in after.lines}
    lines = [line if ends in old else replace(line, change="added") for ends, line in new.items()]
    lines += [replace(line, change="removed") for ends, line in old.items() if ends not in new]
    return tuple(lines)
