"""The chain rule as a sequence of steps: first forward, a landmark at a time, then back, a partial at a
time.

Each step says what is looked at, what is known by then, and the formula that it adds; a picture, a page and
a text tell the same steps.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..derive.chain import Chain
from ..derive.writing import matrix
from ..graph import NEEDS, Node
from ..tensor import Tensor
from . import words
from .dot import State
from .scene import Item, Line, Scene

SHOWN = 16  # numbers; a larger array is told by its shape


@dataclass(frozen=True)
class Step:
    """One step: its words, its formula in LaTeX, and what is known."""

    caption: str
    tex: str
    state: State


def steps(scene: Scene, chain: Chain, wrt: Sequence[Node], forward: bool) -> list[Step]:
    """The steps from the inputs to the loss (if `forward`) and back to `wrt`."""
    telling = _Telling(scene, chain)
    found = telling.forward() if forward else telling.told_forward()
    return [*found, *telling.backward(wrt)]


def targets(scene: Scene, chain: Chain, wrt: Tensor | Sequence[Tensor] | None) -> list[Node]:
    """The nodes of `wrt`; by default all parameters, or all inputs where there are none."""
    named = scene.keys_named()
    if wrt is None:
        leaves = [n for n in chain.landmarks if n.row is None and chain.names[n] in named and n.live & NEEDS]
        return [n for n in leaves if scene.item(named[chain.names[n]]).kind == "parameter"] or leaves
    found = []
    for w in [wrt] if isinstance(wrt, Tensor) else wrt:
        if w._node is None or w._node not in chain.marks:
            called = repr(w.name) if w.name else f"a tensor of shape {w.shape}"
            raise ValueError(
                f"frames: {called} is not in this graph, or no gradient passes to it; pass the tensor that "
                "the loss was computed from"
            )
        found.append(w._node)
    return found


class _Telling:
    def __init__(self, scene: Scene, chain: Chain) -> None:
        self.scene, self.chain = scene, chain
        self.lines = {(line.tail, line.head): line for line in scene.lines}
        self.keys = {chain.names[n]: n for n in chain.landmarks}
        named = scene.keys_named()
        self.key = {n: named[word] for word, n in self.keys.items() if word in named}
        self.known: set[str] = set()
        self.values: set[str] = set()
        self.gradients: set[str] = set()
        self.partials: set[str] = set()

    def step(self, caption: str, formula: str, now: Collection[str]) -> Step:
        state = State(
            caption,
            frozenset(now),
            frozenset(self.known),
            frozenset(self.values),
            frozenset(self.gradients),
            frozenset(self.partials),
        )
        self.known |= set(now)
        return Step(caption, formula, state)

    def forward(self) -> list[Step]:
        """What is given, then one step for each landmark."""
        given = [i for i in self.scene.items if i.formula is None]
        self.values |= {i.key for i in given}
        listed = ", ".join(i.name for i in given)
        found = [
            self.step(
                f"Given: {words.clipped(listed, 60)}",
                r"\text{given } " + ", ".join(words.tex_name(i.name) for i in given),
                [i.key for i in given],
            )
        ]
        for item in self.scene.items:
            if item.formula is None:
                continue
            self.values.add(item.key)
            now = [item.key, *(line.key for line in self.scene.lines if line.head == item.key)]
            found.append(
                self.step(
                    f"{item.name} = {words.formula(item.formula)}{_number(item.value)}", _defined(item), now
                )
            )
        return found

    def told_forward(self) -> list[Step]:
        """Everything forward is known, and nothing is said about it."""
        self.known |= {i.key for i in self.scene.items}
        self.values |= {i.key for i in self.scene.items}
        return []

    def backward(self, wrt: Sequence[Node]) -> list[Step]:
        """A step for each partial on the way, from the loss down, and one for each gradient put together."""
        chain, root = self.chain, self.chain.root
        self.known = {i.key for i in self.scene.items}  # lines turn pale again: their partials are to come
        reach = chain.reaching(wrt)
        order = {n: k for k, n in enumerate(reversed(chain.landmarks))}
        edges = [(n, m) for n in chain.landmarks if n in reach for m in chain.inputs_of(n) if m in reach]
        edges = [(n, m) for n, m in edges if n in self.key and m in self.key]
        edges.sort(key=lambda e: (order[e[0]], -order[e[1]]))
        waiting = {m: sum(b is m for _, b in edges) for _, m in edges}
        self.gradients.add(self.key[root])
        found = []
        for n, m in edges:
            line = self.lines[self.key[m], self.key[n]]
            self.partials.add(line.key)
            waiting[m] -= 1
            if not waiting[m] and m not in wrt:
                self.gradients.add(self.key[m])
            found.append(self.step(_derived(line), _derived_tex(line), [line.key]))
            if not waiting[m] and m in wrt:
                self.gradients.add(self.key[m])
                found.append(self.together(m, [a for a, b in edges if b is m]))
        return found

    def together(self, m: Node, users: Sequence[Node]) -> Step:
        """The gradient of `m`: over all its uses, what came from above times the partial."""
        loss, item = self.scene.item(self.scene.loss), self.scene.item(self.key[m])
        parts, texs, now = [], [], [item.key]
        for n in users:
            line = self.lines[self.key[m], self.key[n]]
            now.append(line.key)
            above, here = f"∂{loss.name}/∂{self.chain.names[n]}", words.partial(line.symbol)
            above_tex, here_tex = (
                _partial_tex(loss.name, self.chain.names[n]),
                _partial_tex(self.chain.names[n], item.name),
            )
            if n is self.chain.root:
                parts.append(here)
                texs.append(here_tex)
            elif line.combine == "left":
                parts.append(f"{here} {above}")
                texs.append(rf"{here_tex}\,{above_tex}")
            elif line.combine == "map":
                parts.append(f"{here}[{above}]")
                texs.append(rf"{here_tex}\left[{above_tex}\right]")
            else:
                between = " · " if line.combine == "elementwise" else " "
                parts.append(f"{above}{between}{here}")
                texs.append(above_tex + (r" \odot " if line.combine == "elementwise" else r"\,") + here_tex)
        head = f"∂{loss.name}/∂{item.name}"
        caption = f"{head} = {words.clipped(' + '.join(parts), 70)}{_number(item.gradient)}"
        shown = (
            f" = {matrix(item.gradient)}" if item.gradient is not None and item.gradient.size <= SHOWN else ""
        )
        return self.step(caption, f"{_partial_tex(loss.name, item.name)} = {' + '.join(texs)}{shown}", now)


def _number(value: object) -> str:
    lines = words.array(value) if value is not None else []
    return f" = {lines[0]}" if len(lines) == 1 and len(lines[0]) < 44 else ""


def _defined(item: Item) -> str:
    assert item.formula is not None
    shown = f" = {matrix(item.value)}" if item.value is not None and item.value.size <= SHOWN else ""
    return f"{words.tex_name(item.name)} = {words.tex(item.formula)}{shown}"


def _derived(line: Line) -> str:
    shown = "" if line.formula is None or line.formula.is_number else _number(line.value)
    return f"{words.partial(line.symbol)} = {words.formula(line.formula)}{shown}"


def _derived_tex(line: Line) -> str:
    of, _, wrt = line.symbol.partition("/")
    value = line.value
    shown = ""
    if value is not None and value.size <= SHOWN and line.formula is not None and not line.formula.is_number:
        shown = f" = {matrix(value)}"
    return f"{_partial_tex(of.removeprefix('d'), wrt.removeprefix('d'))} = {line.tex}{shown}"


def _partial_tex(of: str, wrt: str) -> str:
    return rf"\frac{{\partial {words.tex_name(of)}}}{{\partial {words.tex_name(wrt)}}}"
