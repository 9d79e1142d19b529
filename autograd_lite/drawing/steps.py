"""The chain rule as a sequence of steps: forward, one landmark at a time, then back, line by line of the derivation.

Each step has what is highlighted, what is known by then, and the formula that it adds. Frames, the page and the
Markdown text show the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..derive.chain_rule import Chain
from ..derive.constants import is_number
from ..derive.derivation_lines import Lines, Total
from ..derive.factors import Factor
from ..derive.formula import Expr
from ..derive.layout import Line, alike, names_split
from ..derive.writing import LATEX, TEXT, Latex, text_name, write
from ..program import Var
from ..program.naming import stem
from ..tensor import Tensor
from . import formatting
from .dot import State
from .scene import Item, Line as Edge, Scene

LONG = 72  # characters of a caption's formula
FIXED = "fixed: "  # what a remark begins with that lists the numbers without a box


@dataclass(frozen=True)
class Step:
    """One step: its caption, its formula, and what is known.

    `line` is the formula; that of the first step is a list of names. `number` says what the last number in both is:
    ``("value", key)`` of a box or line, or ``("gradient", key)``. `general` is the same step without a formula that
    holds for these numbers only, such as one that uses Σⱼ Yⱼ = 1. `remark` is said beside it: what holds at a kink or
    a tie, whether or not there is one now; beside the first step the numbers that have no box.
    """

    caption: str
    line: Line | tuple[str, ...]
    state: State
    number: tuple[str, str] | None = None
    general: Step | None = None
    remark: str = ""

    def sides(self, printer: Latex) -> list[str]:
        """The formula, each of its sides by itself."""
        if isinstance(self.line, Line):
            return self.line.sides(printer)
        return [printer.words("given ") + printer.plain(", ").join(map(printer.name, self.line))]

    @property
    def tex(self) -> str:
        """The formula in LaTeX."""
        return " = ".join(self.sides(LATEX))


def in_tex(shown: Sequence[Step], write: Callable[[Step], str] = lambda s: s.tex) -> list[str]:
    """The formulas of some steps in LaTeX, or as `write` has them, with names that are alike in all of them."""
    with names_split(s.line for s in shown if isinstance(s.line, Line)):
        return [*map(write, shown)]


def texts(line: Line | tuple[str, ...], wide: int) -> list[str]:
    """The sides of a formula as text of at most `wide` characters each, without the value."""
    if isinstance(line, tuple):
        return []
    line = replace(line, formulas=tuple(map(formatting.of_vectors, line.formulas)))
    return [formatting.mathematics(side, wide) for side in line.written(TEXT)]


def steps(scene: Scene, chain: Chain, wrt: Sequence[Var], forward: bool) -> list[Step]:
    """The steps from the inputs to the loss (if `forward`) and back to `wrt`."""
    builder = _Builder(scene, chain)
    first, back = builder.forward() if forward else builder.skip_forward(), list(builder.backward(wrt))
    defined = _defined(chain)
    shown = _with_definitions([*first, *back], defined)
    for given in first[:1]:
        shown[0] = replace(given, remark=_fixed(shown, scene, chain, defined))
    return shown


def _defined(chain: Chain) -> dict[str, Expr]:
    """What the names that have no box stand for: Y, the P of a softmax inside of a loss."""
    where = (pair for n in chain.landmarks if n in chain.defined for pair in chain.where(n))
    return {w: e for w, e in {**chain.constants.defined, **dict(where)}.items() if w not in e.names}


def _with_definitions(shown: Sequence[Step], defined: Mapping[str, Expr]) -> list[Step]:
    """The steps, each with the definitions of the names without a box that no step before it has."""
    out = list[Step]()

    def said(s: Step) -> Step:
        used = {word for e in s.line.formulas for word in e.names} if isinstance(s.line, Line) else set[str]()
        new: dict[str, Expr] = {}
        while more := {w: e for w, e in defined.items() if w in used and w not in new}:
            new |= more
            used = {word for e in more.values() for word in e.names}
        written.update(new)
        where = ", ".join(f"{text_name(w)} = {formatting.formula(e, formatting.LONGEST)}" for w, e in new.items())
        remark = "; ".join(filter(None, [where and f"where {where}", s.remark]))
        return replace(s, remark=remark, general=s.general and said(s.general))

    for s in shown:
        written: set[str] = set()
        out.append(said(s))
        defined = {w: e for w, e in defined.items() if w not in written}
    return out


def _fixed(shown: Sequence[Step], scene: Scene, chain: Chain, defined: Mapping[str, Expr]) -> str:
    """The names in formulas that have no box, with their numbers: labels, sizes, λ."""
    lines = (s.line for one in shown for s in (one, one.general) if s is not None and isinstance(s.line, Line))
    formulas = [*(e for line in lines for e in line.formulas), *defined.values()]
    used = sorted({word for e in formulas for word in e.names})
    words = dict.fromkeys(word for w in used for word in chain.constants.quoted.get(w, [w]))
    env, landmarks = chain.environment(), {chain.names[n] for n in chain.landmarks}
    computed = {*defined, *landmarks, *(w for w in chain.introduced if not is_number(env.get(w)))}
    others = computed | scene.keys_named().keys()
    fixed = {w: formatting.listed(env[w]) for w in words if w in env and w not in others}
    return f"{FIXED}{', '.join(_together(fixed))}" if fixed else ""


def _together(numbers: Mapping[str, str]) -> Iterator[str]:
    """Names with their numbers, those of the rounds of a loop as in a derivation: ``(i1, …, i3) = (0, 0, 1)``."""
    families: dict[str, list[str]] = {}
    for w in numbers:
        families.setdefault(stem(w), []).append(w)
    for word, several in families.items():
        ordered = [f"{word}{k}" for k in range(1, len(several) + 1)]
        if several[2:] and {*several} == {*ordered}:
            first, *_, last = map(text_name, ordered)
            yield f"({first}, …, {last}) = ({', '.join(numbers[w] for w in ordered)})"
        else:
            yield from (f"{text_name(w)} = {numbers[w]}" for w in several)


def targets(scene: Scene, chain: Chain, wrt: Tensor | Sequence[Tensor] | None) -> list[Var]:
    """The variables of `wrt`; by default all parameters, or all inputs where there are none."""
    named = scene.keys_named()
    if wrt is None:
        leaves = [n for n in chain.landmarks if chain.is_input(n) and chain.names[n] in named and n in chain.graded]
        return [n for n in leaves if scene.item(named[chain.names[n]]).kind == "parameter"] or leaves
    variables = []
    for w in [wrt] if isinstance(wrt, Tensor) else wrt:
        v = chain.variables.get(w._node)
        if v is None or chain.canonical(v) not in chain.landmark_set:
            called = repr(w.name) if w.name else f"a tensor of shape {w.shape}"
            raise ValueError(
                f"frames: {called} is not in this graph, or no gradient passes to it; pass the tensor that "
                "the loss was computed from"
            )
        variables.append(chain.canonical(v))
    return variables


class _Builder:
    def __init__(self, scene: Scene, chain: Chain) -> None:
        self.scene, self.chain = scene, chain
        self.lines = {(line.tail, line.head): line for line in scene.lines}
        self.keys = {chain.names[n]: n for n in chain.landmarks}
        named = scene.keys_named()
        self.key = {n: named[word] for word, n in self.keys.items() if word in named}
        self.taken = frozenset(word for i in scene.items for word in i.names)
        self.known: set[str] = set()
        self.values: set[str] = set()
        self.gradients: set[str] = set()
        self.partials: set[str] = set()

    def step(
        self, line: Line, now: Collection[str], number: tuple[str, str], wide: int = formatting.WIDE
    ) -> Step:
        """The step of a line, with its formulas in the caption cut to `wide` characters."""
        line = line.apart_from(self.taken)
        return self._step(" = ".join(texts(line, wide)) + _number(line.value), line, now, number)

    def _step(
        self, caption: str, line: Line | tuple[str, ...], now: Collection[str], number: tuple[str, str] | None = None
    ) -> Step:
        sets = (now, self.known, self.values, self.gradients, self.partials)
        state = State(caption, *map(frozenset, sets))
        self.known |= set(now)
        return Step(caption, line, state, number)

    def forward(self) -> list[Step]:
        """The inputs together, then one step for each landmark."""
        inputs = [i for i in self.scene.items if i.formula is None]
        self.values |= {i.key for i in inputs}
        caption = f"Given: {formatting.clipped(', '.join(i.written for i in inputs), 60)}"
        out = [self._step(caption, tuple(i.name for i in inputs), [i.key for i in inputs])]
        for item in self.scene.items:
            if item.formula is None:
                continue
            self.values.add(item.key)
            now = [item.key, *(line.key for line in self.scene.lines if line.head == item.key)]
            out.append(self.step(Line(item.name, (item.formula,), item.value), now, ("value", item.key)))
        return out

    def skip_forward(self) -> list[Step]:
        """No steps: the forward pass is known."""
        self.known |= {i.key for i in self.scene.items}
        self.values |= {i.key for i in self.scene.items}
        return []

    def backward(self, wrt: Sequence[Var]) -> Iterator[Step]:
        """The lines of the derivation: a step for each factor, and one for each gradient."""
        self.known = {i.key for i in self.scene.items}  # lines turn pale again until their partials are known
        self.gradients.add(self.key[self.chain.root])
        order = Lines(self.chain, wrt)
        for line in order.shown():
            if isinstance(line, Factor):
                yield from self.factor(line, order)
            elif line.node in self.key and not (_is_partial(line, self.chain.root) and not order.by_gradients):
                yield self.gradient(line, order)

    def factor(self, f: Factor, order: Lines) -> Iterator[Step]:
        """A partial, with which the gradient of its argument may be complete."""
        line = self.edge(f)
        if line is None:
            return
        self.partials.add(line.key)
        users = [self.edge(order.factors[n, f.wrt]) for n in order.consumers[f.wrt]]
        is_complete = all(x is None or x.key in self.partials for x in users)
        if is_complete and (f.wrt not in order.totals or f.of is self.chain.root and users == [line]):
            self.gradients.add(self.key[f.wrt])
        if line.formula is None:  # drawn without its partial
            stated = Line(f.symbol, (f.stated,), None if f.formula.is_number else f.value)
        else:
            stated = Line(line.symbol, (line.formula,), None if line.formula.is_number else line.value)
        said = "; ".join(f.conventions)
        yield replace(self.step(stated, [line.key], ("value", line.key)), remark=said)

    def gradient(self, t: Total, order: Lines) -> Step:
        """A gradient, from those of the steps that use it."""
        item = self.scene.item(self.key[t.node])
        passed = order.passed(t)
        lines = [line.key for line in map(self.edge, passed) if line is not None]
        self.partials |= set(lines)
        self.gradients |= {item.key, *(self.key[f.wrt] for f in passed if f.wrt in self.key)}
        said = "; ".join(dict.fromkeys(said for f in passed for said in f.conventions))
        general = replace(self.written(t, item, [order.composition(t)], lines), remark=said)
        if t.closed is None:
            return general
        if t.node in order.direct:  # there is no other form
            ones = [f"where {write(e, TEXT)} = 1" for e in t.closed.ones]
            return replace(general, remark="; ".join([*ones, *filter(None, [said])]))
        closed = self.written(t, item, [order.composition(t), t.closed.formula], lines)
        if alike(texts(closed.line, formatting.LONGEST)[1:]):
            return general
        return replace(closed, general=general if t.closed.ones else None, remark=said)

    def written(self, t: Total, item: Item, formulas: Sequence[Expr], lines: Sequence[str]) -> Step:
        """The step of a gradient with these formulas, which are all equal."""
        is_said = formulas[-1].is_number and np.size(item.gradient) == 1
        line = Line(t.symbol, formulas, None if is_said else item.gradient)
        return self.step(line, [item.key, *lines], ("gradient", item.key), LONG)

    def edge(self, f: Factor) -> Edge | None:
        """The line of a factor, if it is drawn."""
        return self.lines.get((self.key.get(f.wrt, ""), self.key.get(f.of, "")))


def _is_partial(t: Total, root: Var) -> bool:
    """True for a gradient that is one factor of the result, which has a step of its own."""
    return len(t.paths) == 1 == len(t.paths[0]) and t.paths[0][0].of is root


def _number(value: object) -> str:
    lines = formatting.array(value) if value is not None else []
    return f" = {lines[0]}" if len(lines) == 1 and len(lines[0]) < 44 else ""
