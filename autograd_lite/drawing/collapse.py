"""Reduce a large scene: repeated cells are drawn once, and what exceeds the limit becomes one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from .repeats import OFTEN
from .scene import Item, Line, Scene

T = TypeVar("T")


def rolled(scene: Scene) -> Scene:
    """Draw repeated parts once: calls of one cell, and equal steps on the same arguments."""
    scene = _merged(scene, _cells(scene))
    return _merged(scene, _alike(scene))


def _cells(scene: Scene) -> dict[str, str]:
    """Calls of one module with parameters, as in an unrolled recurrent net."""
    return _classes(scene, lambda i: (i.cell, i.row, i.shape) if i.cell else None)


def _alike(scene: Scene) -> dict[str, str]:
    """Equal steps on the same arguments, such as the slices of a sequence."""
    inputs = _inputs(scene)

    def sign(i: Item) -> Hashable:
        return (i.row, i.shape, tuple(sorted(inputs[i.key]))) if i.kind == "result" and not i.own else None

    return _classes(scene, sign)


def _inputs(scene: Scene) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {i.key: [] for i in scene.items}
    for line in scene.lines:
        found[line.head].append(line.tail)
    return found


def _classes(scene: Scene, sign: Callable[[Item], Hashable]) -> dict[str, str]:
    first: dict[Hashable, str] = {}
    to: dict[str, str] = {}
    for i in scene.items:
        s = sign(i)
        if s is not None and i.key != scene.loss:
            to[i.key] = first.setdefault(s, i.key)
    counted = _counted({k: v for k, v in to.items() if k != v})
    return {k: v for k, v in to.items() if k != v and counted[v] + 1 >= OFTEN}


def _counted(to: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for v in to.values():
        found[v] = found.get(v, 0) + 1
    return {**dict.fromkeys(to, 0), **found}


def _merged(scene: Scene, to: Mapping[str, str]) -> Scene:
    """The scene with each box in `to` replaced by the one that it maps to."""
    if not to:
        return scene
    count = _counted(to)
    last = {v: k for k, v in to.items()}
    by_key = {i.key: i for i in scene.items}
    items = []
    for i in scene.items:
        if i.key in to:
            continue
        if count.get(i.key):
            again = f"× {count[i.key] + 1}" + (", each fed by the previous one" if i.kind == "layer" else "")
            at_end = by_key[last[i.key]]
            name = i.row if i.kind == "result" else i.name
            i = replace(i, name=name, formula=None, shape=at_end.shape, value=None, gradient=None, note=again)
        items.append(i)
    lines: dict[str, Line] = {}
    for line in scene.lines:
        tail, head = to.get(line.tail, line.tail), to.get(line.head, line.head)
        key = f"{tail}_{head}"
        lines.setdefault(key, replace(line, key=key, tail=tail, head=head))
    loss = to.get(scene.loss, scene.loss)
    return replace(scene, items=tuple(items), lines=tuple(lines.values()), loss=loss)


def limited(scene: Scene, limit: int) -> Scene:
    """The first and last computed boxes with their arguments, `limit` together, and one box for those between."""
    computed = [i for i in scene.items if i.kind not in ("parameter", "input", "constant")]
    if len(computed) <= limit:
        return scene
    cut = middle(computed, limit)
    hidden = {i.key for i in cut}
    drawn = {i.key for i in computed} - hidden
    leaves = {i.key for i in scene.items} - {i.key for i in computed}
    shown = drawn | {line.tail for line in scene.lines if line.head in drawn and line.tail in leaves}
    lines: dict[str, Line] = {}
    for line in scene.lines:
        tail, head = ("rest" if k not in shown else k for k in (line.tail, line.head))
        if tail != head and line.tail not in leaves - shown:
            key = f"{tail}_{head}"
            lines.setdefault(key, replace(line, key=key, tail=tail, head=head))
    rest = summary(len(cut), limit, len(leaves - shown))
    items = [rest if i is cut[0] else i for i in scene.items if i is cut[0] or i.key in shown]
    return replace(scene, items=tuple(items), lines=tuple(lines.values()))


def middle(computed: Sequence[T], limit: int) -> Sequence[T]:
    """What is not drawn of a sequence of more than `limit`."""
    return computed[(limit + 1) // 2 : len(computed) - limit // 2]


def summary(steps: int, limit: int, inputs: int = 0) -> Item:
    """The box for what is not drawn."""
    more = f" and {inputs:,} of their inputs" if inputs else ""
    return Item("rest", "summary", f"{steps:,} steps in the middle{more}", operation=f"not drawn (limit={limit})")
