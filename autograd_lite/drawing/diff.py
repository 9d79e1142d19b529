"""Compare two scenes: what only one of them has, and what differs in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
    partners = _partners(before, after)
    key = {b.key: f"o{b.key}" for b in before.items} | {b.key: k for k, b in partners.items()}
    old, new = {key[b.key]: b for b in before.items}, {a.key: a for a in after.items}
    left, right = [*old], [*new]
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    in_order = dict.fromkeys(k for _, i, j, m, n in blocks for k in (*left[i:j], *right[m:n]))
    items = tuple(_marked(k, old.get(k), new.get(k)) for k in in_order)
    counted = Counter(i.change for i in items)
    note = ", ".join(f"{counted[kind]} {kind}" for kind in ("added", "removed", "changed") if counted[kind])
    marks = "+ only after, − only before, ≠ changed"
    notes = (f"Compared: {note or 'no difference'}.  {marks}",)
    return replace(after, items=items, lines=_lines(before, after, key), notes=notes)


def _marked(key: str, b: Item | None, a: Item | None) -> Item:
    """A box of one or both of the scenes, with what has changed."""
    if a is None:
        assert b is not None
        return replace(b, key=key, change="removed")
    if b is None:
        return replace(a, change="added")
    note = difference(b, a)
    return replace(a, change="changed", note=note) if note else a


def difference(b: Item, a: Item) -> str:
    """How two corresponding boxes differ, in a few words; empty if they do not."""
    if b.shape != a.shape:
        return f"shape was {formatting.shape(b.shape) or 'scalar'}"
    if b.dtype != a.dtype:
        return f"dtype was {b.dtype}"
    old, new = b.source(), a.source()
    if a.own and b.own and old != new and a.name == b.name and b.row != a.row:
        return f"was {old}"
    if not _equal(b.value, a.value):
        lines = formatting.array(b.value)
        farthest = np.abs(a.value - 1.0 * b.value).max() if len(lines) > 1 else 0.0
        return f"values differ by up to {formatting.number(farthest)}" if len(lines) > 1 else f"value was {lines[0]}"
    if not _equal(b.gradient, a.gradient):
        return "its gradient differs"
    return ""


def _equal(x: Any, y: Any) -> bool:
    if x is None or y is None:
        return True  # not kept: nothing to compare
    return bool(np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind in "fc"))


def _partners(before: Scene, after: Scene) -> dict[str, Item]:
    """The box in `before` of each key in `after`: by the user's names, then by operation, shape and position."""
    partner = {}
    named = {(i.name, i.formula is None, i.row): i for i in before.items if i.own and i.kind != "layer"}
    for a in after.items:
        b = named.get((a.name, a.formula is None, a.row))
        if b is not None and a.own and a.kind != "layer":
            partner[a.key] = b
    taken = {b.key for b in partner.values()}
    old = [i for i in before.items if i.key not in taken]
    new = [i for i in after.items if i.key not in partner]
    signs = [[(i.kind, i.row, i.shape) for i in items] for items in (old, new)]
    for i, j, size in SequenceMatcher(None, signs[0], signs[1], autojunk=False).get_matching_blocks():
        for b, a in zip(old[i : i + size], new[j : j + size], strict=True):
            if a.row or a.kind == "constant":  # inputs with different names do not correspond
                partner[a.key] = b
    return partner


def _lines(before: Scene, after: Scene, key: Mapping[str, str]) -> tuple[Line, ...]:
    old = {(key[line.tail], key[line.head]): line for line in before.lines}
    new = {(line.tail, line.head): line for line in after.lines}
    lines = [line if ends in old else replace(line, change="added") for ends, line in new.items()]
    for (tail, head), line in old.items():
        if (tail, head) not in new:
            lines.append(replace(line, key=f"{tail}_{head}", tail=tail, head=head, change="removed"))
    return tuple(lines)
