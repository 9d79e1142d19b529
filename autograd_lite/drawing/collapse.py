"""Reduce a large scene: repeated cells are drawn once, and what exceeds the limit becomes one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from .scene import Item, Line, Scene

OFTEN = 3  # fewer repetitions are all drawn


def rolled(scene: Scene) -> Scene:
    """Draw repeated parts once: calls of one cell, equal steps on the same arguments, stacks of equal layers."""
    scene = _merged(scene, _cells(scene))
    scene = _merged(scene, _alike(scene))
    return _merged(scene, _stacked(scene), loop=False)


def _cells(scene: Scene) -> dict[str, str]:
    """Calls of one module with parameters, as in an unrolled recurrent net."""
    return _classes(scene, lambda i: (i.cell, i.row, i.shape) if i.cell else None)


def _alike(scene: Scene) -> dict[str, str]:
    """Equal steps on the same arguments, such as the slices of a sequence."""
    inputs = _inputs(scene)

    def sign(i: Item) -> Hashable:
        return (i.row, i.shape, tuple(sorted(inputs[i.key]))) if i.kind == "result" and not i.own else None

    return _classes(scene, sign)


def _stacked(scene: Scene) -> dict[str, str]:
    """Consecutive layers of the same structure, each a function of the previous one only: the blocks of a deep net."""
    inputs = _inputs(scene)
    by_key = {i.key: i for i in scene.items}
    to: dict[str, str] = {}
    for i in scene.items:
        feeds = [k for k in inputs[i.key] if by_key[k].kind != "parameter"]
        before = by_key[feeds[0]] if len(feeds) == 1 else None
        if before and i.kind == before.kind == "layer" and (i.row, i.shape) == (before.row, before.shape):
            to[i.key] = to.get(before.key, before.key)
    counted = _counted(to)
    return {k: v for k, v in to.items() if counted[v] + 1 >= OFTEN}


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


def _merged(scene: Scene, to: Mapping[str, str], loop: bool = True) -> Scene:
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
            how = "each fed by the previous one" if loop else "in sequence, each with its own parameters"
            again = f"× {count[i.key] + 1}" + (f", {how}" if i.kind == "layer" else "")
            at_end = by_key[last[i.key]]
            name = i.row if i.kind == "result" else i.name
            i = replace(i, name=name, formula=None, shape=at_end.shape, value=None, gradient=None, note=again)
        items.append(i)
    lines: dict[str, Line] = {}
    for line in scene.lines:
        tail, head = to.get(line.tail, line.tail), to.get(line.head, line.head)
        if tail == head and not loop:
            continue
        key = f"{tail}_{head}"
        lines.setdefault(key, replace(line, key=key, tail=tail, head=head))
    loss = to.get(scene.loss, scene.loss)
    return replace(scene, items=tuple(items), lines=tuple(lines.values()), loss=loss)


def limited(scene: Scene, limit: int) -> Scene:
    """The last `limit` computed boxes with their arguments, and one box for the rest."""
    computed = [i for i in scene.items if i.kind not in ("parameter", "input", "constant")]
    if len(computed) <= limit:
        return scene
    kept = {i.key for i in computed[-limit:]}
    leaves = {i.key for i in scene.items} - {i.key for i in computed}
    needed = {line.tail for line in scene.lines if line.head in kept and line.tail in leaves}
    shown = kept | needed
    more_leaves = len(leaves) - len(needed)
    name = f"{len(computed) - limit:,} earlier steps"
    name += f" and {more_leaves:,} of their inputs" if more_leaves else ""
    rest = Item("rest", "summary", name, operation=f"not drawn (limit={limit})")
    lines: dict[str, Line] = {}
    for line in scene.lines:
        if line.head in shown:
            tail = line.tail if line.tail in shown else "rest"
            key = f"{tail}_{line.head}"
            lines.setdefault(key, replace(line, key=key, tail=tail))
    items = (rest, *(i for i in scene.items if i.key in shown))
    return replace(scene, items=items, lines=tuple(lines.values()))
