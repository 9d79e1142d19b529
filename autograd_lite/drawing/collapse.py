"""Reduce a large scene: repeated cells are drawn once, and what exceeds the limit becomes one box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from .repeats import OFTEN
from .scene import Item, Line, Scene

T = TypeVar("T")


def rolled(scene: Scene) -> Scene:
    """Draw repeated parts once: calls of one cell, and equal steps on the same arguments."""
    # The calls of one module with parameters, as in an unrolled recurrent net.
    scene = _merged(scene, lambda i: (i.cell, i.row, i.shape) if i.cell else None)
    arguments = defaultdict(list)
    for line in scene.lines:
        arguments[line.head].append(line.tail)

    def sign(i: Item) -> Hashable:
        return (i.row, i.shape, *sorted(arguments[i.key])) if i.kind == "result" and not i.own else None

    return _merged(scene, sign)  # such as the slices of a sequence


def _merged(scene: Scene, sign: Callable[[Item], Hashable]) -> Scene:
    """The scene with one box for all that have an equal sign, if there are many of them."""
    alike: dict[Hashable, list[Item]] = {}
    for i in scene.items:
        if i.key != scene.loss and (s := sign(i)) is not None:
            alike.setdefault(s, []).append(i)
    groups = {same[0].key: same for same in alike.values() if len(same) >= OFTEN}
    to = {i.key: key for key, same in groups.items() for i in same[1:]}
    items = []
    for i in scene.items:
        if i.key in groups:
            same = groups[i.key]
            again = f"× {len(same)}" + (", each fed by the previous one" if i.kind == "layer" else "")
            name = i.row if i.kind == "result" else i.name
            i = replace(i, name=name, formula=None, shape=same[-1].shape, value=None, gradient=None, note=again)
        if i.key not in to:
            items.append(i)
    return replace(scene, items=tuple(items), lines=_joined(scene.lines, lambda key: to.get(key, key)))


def _joined(lines: Iterable[Line], to: Callable[[str], str]) -> tuple[Line, ...]:
    """The lines between the boxes that stand for their boxes, each once."""
    joined = {}
    for line in lines:
        tail, head = to(line.tail), to(line.head)
        key = f"{tail}_{head}"
        if key not in joined:
            joined[key] = line if key == line.key else replace(line, key=key, tail=tail, head=head)
    return tuple(joined.values())


def limited(scene: Scene, limit: int) -> Scene:
    """The first and last computed boxes with their arguments, `limit` together, and one box for those between."""
    computed = [i.key for i in scene.items if i.kind not in ("parameter", "input", "constant")]
    if len(computed) <= limit:
        return scene
    hidden = middle(computed, limit)
    drawn = {*computed} - {*hidden}
    leaves = {i.key for i in scene.items} - {*computed}
    shown = drawn | {line.tail for line in scene.lines if line.head in drawn and line.tail in leaves}
    lines = (line for line in scene.lines if line.tail not in leaves - shown)
    joined = _joined(lines, lambda key: key if key in shown else "rest")
    rest = summary(len(hidden), limit, len(leaves - shown))
    items = [rest if i.key == hidden[0] else i for i in scene.items if i.key == hidden[0] or i.key in shown]
    return replace(scene, items=tuple(items), lines=tuple(x for x in joined if x.tail != x.head))


def middle(computed: Sequence[T], limit: int) -> Sequence[T]:
    """What is not drawn of a sequence of more than `limit`."""
    return computed[(limit + 1) // 2 : len(computed) - limit // 2]


def summary(steps: int, limit: int, inputs: int = 0) -> Item:
    """The box for what is not drawn."""
    more = f" and {inputs:,} of their inputs" if inputs else ""
    name = f"{steps:,} step{'s' * (steps != 1)} in the middle{more}"
    return Item("rest", "summary", name, operation=f"not drawn (limit={limit})")
