"""A scene from the chain rule: the landmarks of a derivation, with formulas and values, and the partials between them.

The view of all operations is the same scene with a name, and hence a landmark, for each operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..derive.chain_rule import Chain
from ..derive.constants import is_number
from ..derive.formula import Expr, name, number, replaced, walk
from ..derive.formula_ops import substitute
from ..derive.notation import FEW, LIMIT, too_many
from ..program import Var
from ..program.naming import Names, stem
from ..program.slopes import gradients as gradients_of
from .collapse import middle, summary
from .groups import Calls
from .scene import Item, Line, Scene
from .subject import Subject, has_one_entry, origin_of


def chain_of(subject: Subject, every: bool) -> Chain:
    """The chain that the picture shows, with every operation named if `every`."""
    program = subject.program
    if len(program) > LIMIT:
        raise ValueError(too_many((eq.row.name for eq in program.equations), len(program.captured), LIMIT))
    return Chain(program, names=subject.names(every), variables=subject.variables)


def derived(subject: Subject, chain: Chain, limit: int, gradients: bool, partials: bool) -> Scene:
    """The scene of a chain: the last `limit` landmarks, and what they use directly."""
    return _Derived(subject, chain, limit, gradients, partials).scene()


class _Derived:
    def __init__(self, subject: Subject, chain: Chain, limit: int, gradients: bool, partials: bool) -> None:
        self.subject, self.chain, self.partials, self.limit = subject, chain, partials, limit
        computed = [n for n in chain.landmarks if n in chain.defined]
        self.hidden = dict.fromkeys(middle(computed, limit) if len(computed) > limit else ())
        self.drawn = drawn = [n for n in computed if n not in self.hidden]
        self.calls = Calls([chain.defined[n] for n in drawn], subject.places)
        self.keys: dict[str, str] = {}  # of a name
        self.items: dict[str, Item] = {}
        self.lines: dict[str, Line] = {}
        self.constants: dict[str, Any] = {}  # arrays in formulas, by the names that they get
        self.words: dict[int, str] = {}  # these names, by the id of the array
        self.names = Names([*chain.names.values(), *chain.constants.values])
        starts = [w for w in chain.constants.starts if w == f"{stem(w)}0"]  # of what is added up in a loop
        self.zeros = {w: number(0) for w in starts if is_number(x := chain.constants.values.get(w)) and x == 0}
        self.by_name = {word: n for n, word in chain.names.items()}
        # Of the user's steps, as on a page: a sigmoid by hand may overflow where that of a textbook does not.
        self.values = chain.values | chain.recorded.values
        self.gradients = self._gradients() if gradients else {}

    def _gradients(self) -> dict[Var, Any]:
        chain, root = self.chain, self.chain.root
        if not has_one_entry(root) or root not in chain.graded:
            return {}
        try:
            return gradients_of(chain.recorded, [n for n in chain.landmarks if n in chain.graded])
        except (RuntimeError, NotImplementedError, TypeError, ValueError):  # with a hook: drawn without gradients
            return {}

    def scene(self) -> Scene:
        self._between()
        for n in self.drawn:
            formula = self._without_arrays(substitute(self.chain.definition(n), self.zeros))
            passes = self.chain.inputs_of(n) if n in self.chain.graded else []
            # The simplified formula may not use all through which gradients pass.
            words = dict.fromkeys([*self._arguments(n, formula), *(self.chain.names[m] for m in passes)])
            for word in words:
                self._leaf(word)
            self._result(n, formula)
            for word in words:
                self._line(n, word, passes)
        shares = Counter(x.tail for x in self.lines.values() if x.combine)
        lines = (
            replace(x, share=f"one of {shares[x.tail]} shares") if x.combine == "map" and shares[x.tail] > 1 else x
            for x in self.lines.values()
        )
        items = tuple(self.items.values())
        return Scene(items, tuple(lines), loss=self.keys[self.chain.names[self.chain.root]])

    def _arguments(self, n: Var, formula: Expr) -> list[str]:
        """The values that a step is computed from, in the order of its formula: not the numbers, nor what its textbook
        introduces.
        """
        where, env = dict(self.chain.where(n)), self.chain.environment()
        constants = self.chain.constants
        parts = (e for f in (formula, *where.values()) for e in walk(constants.sliced(f)))
        quoted = constants.quoted  # of P[edges[:, 0]] edges
        every = ((e, w) for e in parts for word in sorted(e.names) for w in (word, *quoted.get(word, ())))
        words = dict.fromkeys(w for e, w in every if e.role == "name" and e.value == w or w in self.by_name)
        return [w for w in words if w not in where and not is_number(env.get(w))]

    def _key(self, word: str) -> str:
        return self.keys.setdefault(word, f"n{len(self.keys)}")

    def _between(self) -> None:
        """Add the box for all landmarks that are not drawn, and the lines to it."""
        if not self.hidden:
            return
        self.items["rest"] = summary(len(self.hidden), self.limit)
        self.keys |= {self.chain.names[n]: "rest" for n in self.hidden}
        for n in self.hidden:
            for m in self.chain.inputs_of(n):
                if m in self.chain.defined and m not in self.hidden:
                    key = f"{self._key(self.chain.names[m])}_rest"
                    self.lines[key] = Line(key, self._key(self.chain.names[m]), "rest", shape=m.shape, combine="passes")

    def _leaf(self, word: str) -> None:
        """Add an input."""
        if word in self.keys:
            return
        n = self.by_name.get(word)
        key = self._key(word)
        if n is not None:
            self.items[key] = self._item(key, n)
            return
        is_const = word in self.constants
        value = np.asarray(self.constants[word] if is_const else self.chain.environment().get(word))
        kind = "constant" if is_const or self.chain.is_made(word) else "input"
        dtype = str(value.dtype)
        self.items[key] = Item(key, kind, word, None, "", value.shape, dtype, value, own=not is_const)

    def _result(self, n: Var, formula: Expr) -> None:
        key, eq = self._key(self.chain.names[n]), self.chain.defined[n]
        self.items[key] = replace(
            self._item(key, n), formula=formula, clusters=self.calls.clusters(eq, self.chain.shell(n)),
            row=eq.row.name, names=self.chain.words,
        )  # fmt: skip

    def _item(self, key: str, n: Var) -> Item:
        kind, own = self.subject.kind(n), n in self.subject.program.named
        value, gradient, shorter = np.asarray(self.values[n]), self.gradients.get(n), self.chain.shorter
        value = shorter.value(n, value) if n in self.chain.defined else value
        gradient = gradient if gradient is None else shorter.gradient(n, gradient)
        return Item(
            key, kind, self.chain.names[n], None, "", n.shape, str(n.dtype), value, gradient, own=own,
            origin=origin_of(self.chain.defined.get(n), self.chain.program.captured.get(n)),
        )  # fmt: skip

    def _line(self, n: Var, word: str, passes: Sequence[Var]) -> None:
        tail, head = self.keys[word], self.keys[self.chain.names[n]]
        key = f"{tail}_{head}"
        if key in self.lines:
            return
        m = self.by_name.get(word)
        shape = m.shape if m is not None else None
        self.lines[key] = Line(key, tail, head, shape=shape, combine="passes" if m in passes else "")
        if m is None or m not in passes or tail == "rest" or not self.partials:
            return
        f = self.chain.factor(n, m)
        formula = self._without_arrays(f.stated)
        summed = f"summed over axis {', '.join(map(str, f.axes))}" if f.axes else ""
        value = self.chain.shorter.partial(f) if f.stated is f.formula and f.value is not None else None
        if value is not None and value.dtype.kind == "b":  # of relu: 1 and 0
            value = value.astype(m.dtype)
        symbol = f.symbol
        if f.is_map:  # the formula is the gradient itself
            symbol = f"d{self.chain.names[self.chain.root]}/d{word}"
        self.lines[key] = Line(
            key, tail, head, symbol, formula, f.combine, value, shape, summed, names=self.chain.words,
            convention="; ".join(f.conventions), of=n.shape,
        )  # fmt: skip

    def _without_arrays(self, e: Expr) -> Expr:
        """`e` with a name for each array constant."""

        def named(part: Expr) -> Expr | None:
            if part.role != "array" or part.value.size <= FEW:
                return None
            if id(part.value) not in self.words:
                self.words[id(part.value)] = self.names.take("const")
            word = self.words[id(part.value)]
            self.constants[word] = part.value
            return name(word, part.shape)

        return replaced(e, named)
