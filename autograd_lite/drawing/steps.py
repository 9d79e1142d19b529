"""The chain rule as a sequence of steps: forward, one landmark at a time, then back, one partial at a time.

Each step has what is highlighted, what is known by then, and the formula that it adds. Frames, the page and the
Markdown text show the same steps.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

from ..derive.landmarks import Chain
from ..derive.writing import matrix
from ..engine.node import Node
from ..tensor import Tensor
from . import formatting
from .dot import State
from .scene import Item, Line, Scene

SHOWN = 16  # entries of the largest array that is written out
FACTORS = 8  # of a product; a longer one is written by its symbol


@dataclass(frozen=True)
class Step:
    """One step: its caption, its formula in LaTeX, and what is known.

    `number` says what the last number in both is: ``("value", key)`` of a box or line, or ``("gradient", key)``.
    """

    caption: str
    tex: str
    state: State
    number: tuple[str, str] | None = None


def steps(scene: Scene, chain: Chain, wrt: Sequence[Node], forward: bool) -> list[Step]:
    """The steps from the inputs to the loss (if `forward`) and back to `wrt`."""
    builder = _Builder(scene, chain)
    found = builder.forward() if forward else builder.skip_forward()
    return [*found, *builder.backward(wrt)]


def targets(scene: Scene, chain: Chain, wrt: Tensor | Sequence[Tensor] | None) -> list[Node]:
    """The nodes of `wrt`; by default all parameters, or all inputs where there are none."""
    named = scene.keys_named()
    if wrt is None:
        leaves = [n for n in chain.landmarks if n.row is None and chain.names[n] in named and n.requires_grad]
        return [n for n in leaves if scene.item(named[chain.names[n]]).kind == "parameter"] or leaves
    found = []
    for w in [wrt] if isinstance(wrt, Tensor) else wrt:
        if w._node is None or w._node not in chain.landmark_set:
            called = repr(w.name) if w.name else f"a tensor of shape {w.shape}"
            raise ValueError(
                f"frames: {called} is not in this graph, or no gradient passes to it; pass the tensor that "
                "the loss was computed from"
            )
        found.append(w._node)
    return found


class _Builder:
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
        self.users: dict[Node, list[Node]] = {}  # of a landmark: those that contribute to its gradient
        self.written: dict[Node, Product] = {}  # the gradient of a landmark as a product, where that is short

    def step(
        self, caption: str, formula: str, now: Collection[str], number: tuple[str, str] | None = None
    ) -> Step:
        sets = (now, self.known, self.values, self.gradients, self.partials)
        state = State(caption, *map(frozenset, sets))
        self.known |= set(now)
        return Step(caption, formula, state, number)

    def forward(self) -> list[Step]:
        """The inputs together, then one step for each landmark."""
        given = [i for i in self.scene.items if i.formula is None]
        self.values |= {i.key for i in given}
        caption = f"Given: {formatting.clipped(', '.join(i.name for i in given), 60)}"
        formula = r"\text{given } " + ", ".join(formatting.tex_name(i.name) for i in given)
        found = [self.step(caption, formula, [i.key for i in given])]
        for item in self.scene.items:
            if item.formula is None:
                continue
            self.values.add(item.key)
            now = [item.key, *(line.key for line in self.scene.lines if line.head == item.key)]
            caption = f"{item.name} = {formatting.formula(item.formula)}{_number(item.value)}"
            found.append(self.step(caption, _defined(item), now, ("value", item.key)))
        return found

    def skip_forward(self) -> list[Step]:
        """No steps: the forward pass is known."""
        self.known |= {i.key for i in self.scene.items}
        self.values |= {i.key for i in self.scene.items}
        return []

    def backward(self, wrt: Sequence[Node]) -> list[Step]:
        """A step for each partial, from the loss down, and one for each gradient as soon as it is complete."""
        chain, root = self.chain, self.chain.root
        self.known = {i.key for i in self.scene.items}  # lines turn pale again until their partials are known
        reach = chain.reaching(wrt)
        order = {n: k for k, n in enumerate(reversed(chain.landmarks))}
        edges = [(n, m) for n in chain.landmarks if n in reach for m in chain.inputs_of(n) if m in reach]
        edges = [(n, m) for n, m in edges if n in self.key and m in self.key]
        edges.sort(key=lambda e: (order[e[0]], -order[e[1]]))
        self.users = {m: [n for n, b in edges if b is m] for _, m in edges}
        waiting = {m: len(users) for m, users in self.users.items()}
        self.gradients.add(self.key[root])
        found = []
        for n, m in edges:
            line = self.lines[self.key[m], self.key[n]]
            self.partials.add(line.key)
            waiting[m] -= 1
            if len(self.users[m]) == 1 and (written := self.term(n, m)).count < FACTORS:
                self.written[m] = written
            # the partial is the gradient: no further step
            direct = self.users[m] == [root] or len(self.users[m]) == 1 and line.combine == "map"
            if not waiting[m] and (m not in wrt or direct):
                self.gradients.add(self.key[m])
            found.append(self.step(_partial(line), _partial_tex(line), [line.key], ("value", line.key)))
            if not waiting[m] and m in wrt and not direct:
                self.gradients.add(self.key[m])
                found.append(self.together(m, self.users[m]))
        return found

    def together(self, m: Node, users: Sequence[Node]) -> Step:
        """The gradient of `m`: the sum over all its uses of the gradient there times the partial."""
        loss, item = self.scene.item(self.scene.loss), self.scene.item(self.key[m])
        now = [item.key, *(self.lines[self.key[m], self.key[n]].key for n in users)]
        terms = [self.term(n, m) for n in users]
        symbol = f"d{loss.name}/d{item.name}"
        caption = f"{formatting.partial(symbol)} = {formatting.clipped(' + '.join(t.text for t in terms), 80)}"
        formula = f"{formatting.partial_tex(symbol)} = {' + '.join(t.tex for t in terms)}"
        if item.gradient is not None and item.gradient.size <= SHOWN:
            formula += f" = {matrix(item.gradient)}"
        return self.step(caption + _number(item.gradient), formula, now, ("gradient", item.key))

    def term(self, n: Node, m: Node) -> Product:
        """The contribution of `n` to the gradient of `m`, as the product of the partials on the path."""
        line = self.lines[self.key[m], self.key[n]]
        here = Product(formatting.partial(line.symbol), formatting.partial_tex(line.symbol))
        if line.combine == "map":
            alone = len(self.users[m]) == 1
            return here if alone else Product(formatting.formula(line.formula), line.tex, "", FACTORS)
        if n is not self.chain.root:
            here = _product(self.above(n), here, line.combine, "⊙" if prod(n.shape) > 1 else "·")
        return Product(f"Σ({here.text})", rf"\sum\left({here.tex}\right)", "", here.count) if line.note else here

    def above(self, n: Node) -> Product:
        """The gradient of `n`: written out if it has one path and is not long, else its symbol."""
        if n in self.written:
            return self.written[n]
        symbol = f"d{self.scene.item(self.scene.loss).name}/d{self.chain.names[n]}"
        return Product(formatting.partial(symbol), formatting.partial_tex(symbol))


@dataclass(frozen=True)
class Product:
    """A product of partials: as text, in LaTeX, the kind of its last multiplication, and its number of factors."""

    text: str
    tex: str
    kind: str = ""
    count: int = 1


def _product(above: Product, here: Product, combine: str, sign: str) -> Product:
    """The gradient from above times one more partial, in the order of the matrices; `sign` is between entries."""
    count = above.count + 1
    kind = "entries" if combine == "elementwise" else "matrices"
    bare = above.kind in ("", kind)
    text, tex = (above.text, above.tex) if bare else (f"({above.text})", rf"\left({above.tex}\right)")
    if kind == "entries":
        return Product(f"{text} {sign} {here.text}", rf"{tex} \odot {here.tex}", kind, count)
    if combine == "left":
        return Product(f"{here.text} {text}", rf"{here.tex}\,{tex}", kind, count)
    return Product(f"{text} {here.text}", rf"{tex}\,{here.tex}", kind, count)


def _number(value: object) -> str:
    lines = formatting.array(value) if value is not None else []
    return f" = {lines[0]}" if len(lines) == 1 and len(lines[0]) < 44 else ""


def _defined(item: Item) -> str:
    assert item.formula is not None
    shown = f" = {matrix(item.value)}" if item.value is not None and item.value.size <= SHOWN else ""
    return f"{formatting.tex_name(item.name)} = {formatting.tex(item.formula)}{shown}"


def _partial(line: Line) -> str:
    shown = "" if line.formula is None or line.formula.is_number else _number(line.value)
    return f"{formatting.partial(line.symbol)} = {formatting.formula(line.formula)}{shown}"


def _partial_tex(line: Line) -> str:
    value = line.value
    shown = ""
    if value is not None and value.size <= SHOWN and line.formula is not None and not line.formula.is_number:
        shown = f" = {matrix(value)}"
    return f"{formatting.partial_tex(line.symbol)} = {line.tex}{shown}"
