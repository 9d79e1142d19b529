"""Making a large scene small, and saying so: repeated cells drawn once, and the rest in one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from .scene import Item, Line, Scene

OFTEN = 3  # fewer repetitions are drawn as they are


def rolled(scene: Scene) -> Scene:
    """Draw what is repeated once: a cell with the same parameters, then the same step on the same
    arguments.
    """
    scene = _merged(scene, _cells(scene))
    scene = _merged(scene, _alike(scene))
    return _merged(scene, _stacked(scene), loop=False)


def _cells(scene: Scene) -> dict[str, str]:
    """Calls of one module with parameters, as an unrolled recurrent net has them."""
    return _classes(scene, lambda i: (i.cell, i.row, i.shape) if i.cell else None)


def _alike(scene: Scene) -> dict[str, str]:
    """Single steps of one row on the very same arguments: the slices of a sequence."""
    inputs = _inputs(scene)

    def sign(i: Item) -> Hashable:
        return (i.row, i.shape, tuple(sorted(inputs[i.key]))) if i.kind == "result" and not i.own else None

    return _classes(scene, sign)


def _stacked(scene: Scene) -> dict[str, str]:
    """Layers of one structure one after another, each fed by the one before alone: the blocks of a deep
    net.
    """
    inputs = _inputs(scene)
    by_key = {i.key: i for i in scene.items}
    to: dict[str, str] = {}
    for i in scene.items:
        feeds = [k for k in inputs[i.key] if by_key[k].kind != "parameter"]
        before = by_key[feeds[0]] if len(feeds) == 1 else None
        if (
            before is not None
            and i.kind == before.kind == "layer"
            and (i.row, i.shape) == (before.row, before.shape)
        ):
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
    """The scene with each box of `to` drawn as the one that it points to."""
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
            how = "each fed by the one before" if loop else "one after another, each with its own parameters"
            again = f"× {count[i.key] + 1}" + (f", {how}" if i.kind == "layer" else "")
            at_end = by_key[last[i.key]]
            i = replace(
                i, note=again, value=None, gradient=None, name=i.row if i.kind == "result" else i.name
            )
            i = replace(i, formula=None, operation=i.operation, shape=at_end.shape)
        items.append(i)
    lines: dict[str, Line] = {}
    for line in scene.lines:
        tail, head = to.get(line.tail, line.tail), to.get(line.head, line.head)
        if tail == head and not loop:
            continue
        key = f"{tail}_{head}"
        lines.setdefault(key, replace(line, key=key, tail=tail, head=head))
    return replace(
        scene, items=tuple(items), lines=tuple(lines.values()), loss=to.get(scene.loss, scene.loss)
    )


def limited(scene: Scene, limit: int) -> Scene:
    """At most `limit` computed boxes, the latest, with what they use; one box says what is left out."""
    computed = [i for i in scene.items if i.kind not in ("parameter", "input", "constant")]
    if len(computed) <= limit:
        return scene
    kept = {i.key for i in computed[-limit:]}
    leaves = {i.key for i in scene.items} - {i.key for i in computed}
    needed = {line.tail for line in scene.lines if line.head in kept and line.tail in leaves}
    shown = kept | needed
    more_leaves = len(leaves) - len(needed)
    said = f"{len(computed) - limit:,} earlier steps" + (
        f" and {more_leaves:,} of their inputs" if more_leaves else ""
    )
    rest = Item("rest", "summary", said, operation=f"not drawn (limit={limit})")
    lines: dict[str, Line] = {}
    for line in scene.lines:
        if line.head in shown:
            tail = line.tail if line.tail in shown else "rest"
            key = f"{tail}_{line.head}"
            lines.setdefault(key, replace(line, key=key, tail=tail))
    used = any(line.tail == "rest" for line in lines.values())
    items = ([rest] if used or more_leaves or len(computed) > limit else []) + [
        i for i in scene.items if i.key in shown
    ]
    return replace(scene, items=tuple(items), lines=tuple(lines.values()))
