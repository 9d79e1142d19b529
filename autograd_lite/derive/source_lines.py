"""The lines of a function that computes a result and its gradients: one for each step, each factor, each gradient.

Each line is run when it is written, on the example, and compared with the engine. What is used twice in a formula, or
would make it too long, gets a line of its own before it. What is returned gets memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.escape import plain
from ..engine.backward import pull_back
from ..engine.node import Node
from ..program.naming import label
from ..table import Primitive
from .binding import ATOM
from .chain_rule import Chain
from .factors import total
from .formula_ops import Expr, name, number, parts_of, replaced, walk
from .helpers import literal
from .numpy_code import CodeWriter, Rounding, close
from .simplify import fitted
from .writing import shape_text, write

WIDTH = 88  # of a line of source, without its comment
_ARITHMETIC = ("sum", "difference", "product", "negation", "quotient", "transpose", "reshape", "identity")


class LineWriter(CodeWriter):
    """Collects the lines of one function, and the helpers that they call."""

    def __init__(self, chain: Chain, wanted: Sequence[Node], inputs: Sequence[Node]) -> None:
        super().__init__()
        self.chain = chain
        self.wanted = list(wanted)
        self.inputs = [self.ident(chain.names[n]) if n in chain.names else self.fresh("unused") for n in inputs]
        self.given = {n for n in chain.names if n.name or n not in chain.landmark_set or n.row is None}
        self.given |= set(chain.claimed)
        self.assigned: set[str] = set()
        for word, value in chain.environment().items():
            self.values[self.ident(word)] = value
        self.cotangent = ""
        self._hoisted: dict[str, str] = {}
        self._rounding: dict[str, Rounding] = {}  # of the identifiers
        self._words: dict[tuple[Node | None, Node], str] = {}
        self.result = self.node(chain.root)  # the identifier of the value that is returned
        self._lent: set[str] = set()  # those in whose memory something lies that is returned

    # ----------------------------------------------------------------------------------------------------- names

    def node(self, n: Node) -> str:
        return self.ident(self.chain.names[n])

    def gradient(self, n: Node) -> str:
        """``dLdW``."""
        if n not in self.chain.names:
            self.chain.names[n] = "unused"
        return self.partial(self.chain.root, n)

    def partial(self, n: Node, m: Node) -> str:
        """``dPdC``; ``dloss_dW1`` where the names are longer."""
        if (n, m) not in self._words:
            of, wrt = self.node(n), self.node(m)
            short = len(of) == 1 and len(wrt) <= 2
            self._words[n, m] = self.fresh(f"d{of}d{wrt}" if short else f"d{of}_d{wrt}")
        return self._words[n, m]

    # ------------------------------------------------------------------------------------------------------ lines

    def forward(self) -> list[str]:
        chain = self.chain
        out: list[tuple[str, str]] = []
        seen: set[Node] = set()
        for n in chain.landmarks:
            call = chain.call(n)
            if n.row is None or call in seen:
                continue
            definition = chain.definition(n) if call is n else None
            steps = walk(definition) if definition is not None else [call]
            rows = [part.row for part in steps if part.row is not None]
            origin = label(chain.group_path(n)) or _origin(rows)
            if definition is not None:
                comment = f"{origin}, {shape_text(n.shape)}"
                value, owned = chain.values[n], n is chain.root
                out += self.line(self.node(n), definition, n.shape, n.dtype, comment, value, owned)
            else:
                seen.add(call)
                out += self._several(call, origin)
        root = chain.root
        if root.row is None or chain.call(root) is not root:  # an argument, or one of several results
            word, self.result = self.result, self.result if root.row is not None else self.fresh("L")
            if self.memory.get(word, {word}) <= self.assigned:
                self._lent |= self.memory[word]
            else:
                out += self.line(self.result, name(chain.names[root], root.shape), root.shape, None, "", None, True)
        return _aligned(out)

    def _several(self, call: Node, origin: str) -> list[tuple[str, str]]:
        """One line for a call with several results."""
        chain = self.chain
        assert call.row is not None
        args = [
            chain.constant(x) if p is None else chain.expression(p)
            for p, x in zip(chain.parents(call), call.xs, strict=True)
        ]
        results = [self.ident(chain.part(call, k)) for k in range(len(call.parts))]
        self.values.update(zip(results, chain.values[call], strict=True))
        e = Expr(call.row.name, tuple(args), None, dict(call.params), (), call.row)
        self._rounding.update({word: self._rounding_of(e, self.values[word]) for word in results})
        self._use(e)
        code = write(e, self)
        self.memory |= {word: self.shared(e) or frozenset((word,)) for word in results}
        self.assigned |= set(results)
        shapes = ", ".join(shape_text(shape) for shape, _ in call.parts)
        return [(f"{', '.join(results)} = {code}", f"{origin}, {shapes}")]

    def backward(self) -> list[str]:
        chain = self.chain
        reach = chain.reaching(self.wanted)
        arriving: dict[Node, list[Expr]] = {}
        root = chain.root
        if int(np.prod(root.shape)) == 1:
            arriving[root] = [number(1.0)]
        else:
            self.cotangent = self.fresh(chain.cotangent)
            self.words[self.cotangent] = self.cotangent
            some = np.cos(np.arange(1, np.prod(root.shape) + 1))
            self.values[self.cotangent] = some.reshape(root.shape).astype(root.dtype)
            self._words[root, root] = self.cotangent
            self.used[self.cotangent] = None
            arriving[root] = [name(self.cotangent, root.shape)]
        waiting: dict[Node, int] = {}
        for n in chain.landmarks:
            for m in chain.inputs_of(n) if n in reach and n.requires_grad else ():
                waiting[m] = waiting.get(m, 0) + 1
        out: list[tuple[str, str]] = []
        for n in reversed(chain.landmarks):
            if n not in arriving or n.row is None:
                continue
            inputs = [m for m in chain.inputs_of(n) if m in reach]
            inputs.sort(key=lambda m: m.row is not None or m not in self.wanted)
            above, lines = self._above(n, inputs, arriving.pop(n))
            out += lines
            for m in inputs:
                out += self._factor(n, m, above, arriving)
                waiting[m] -= 1
                if not waiting[m] and m in self.wanted and m.row is None:
                    out += self._result(m, arriving[m])
        for n in self.wanted:
            if n not in arriving and n.row is None and n is not root:
                zeros = f"np.zeros_like({self.node(n)})"
                self.assigned.add(self.gradient(n))
                out.append((f"{self.gradient(n)} = {zeros}", "not used"))
            elif n is root:
                del self._words[root, root]  # a copy of the cotangent
                out += self._result(n, arriving[n])
        return _aligned(out)

    def check(self) -> None:
        """Compare the gradients that the lines returned on the example with the engine's."""
        root = self.chain.root
        g = self.values[self.cotangent] if self.cotangent else np.ones(root.shape, root.dtype)
        with np.errstate(all="ignore"):
            gradients = pull_back({root: g}, self.wanted)
        # The engine rounds each cotangent to the dtype of its value. A line that merges several steps rounds once.
        working = Rounding(max(float(np.finfo(n.dtype).eps) for n in self.chain.nodes if n.dtype.kind in "fc"))
        for n in self.wanted:
            word = self.gradient(n)
            mine, rounding = self.values.get(word, np.zeros(n.shape)), self._rounding.get(word, Rounding())
            rounding = rounding.joined(working)
            if n in gradients and np.all(np.isfinite(gradients[n])) and not close(mine, gradients[n], rounding):
                raise ArithmeticError(f"source: {word} comes out as {mine}, the engine's is {gradients[n]}")

    def _rounding_of(self, e: Expr, value: Any) -> Rounding:
        """The rounding error that a value computed by `e` may have."""
        rounding = Rounding.of(value)
        for w in e.names:
            word = self.words.get(w, w)
            rounding = rounding.joined(self._rounding.get(word) or Rounding.of(self.values.get(word, 0.0)))
        return rounding

    def _above(self, n: Node, inputs: Sequence[Node], arrived: list[Expr]) -> tuple[Expr, list[tuple[str, str]]]:
        """The cotangent of `n`, under a name of its own if it is needed more than once."""
        above = total(arrived[:2])
        factors = [self.chain.factor(n, m) for m in inputs]
        heavy = len(inputs) > 1 or any(f.is_map for f in factors) or len(arrived) > 1
        if above.role in ("name", "number") and not (n in self.wanted and n.row is not None):
            return above, []
        if n in self.wanted or heavy or len(write(above, self)) > 50:
            return name(self.gradient(n), n.shape), self._result(n, arrived)
        return above, []

    def _result(self, n: Node, arrived: Sequence[Expr]) -> list[tuple[str, str]]:
        """The line of a gradient; a sum that is too long for one line is continued in the next."""
        word = self.gradient(n)
        self.words[word] = word
        out: list[tuple[str, str]] = []
        waiting = arrived[0]
        for term in arrived[1:]:
            longer = total([waiting, term])
            if len(write(waiting, self)) > 12 and len(write(longer, self)) > WIDTH:
                out += self.line(word, waiting, n.shape, n.dtype, shape_text(n.shape), None)
                longer = total([name(word, n.shape), term])
            waiting = longer
        return out + self.line(word, waiting, n.shape, n.dtype, shape_text(n.shape), None, n in self.wanted)

    def _factor(self, n: Node, m: Node, above: Expr, arriving: dict[Node, list[Expr]]) -> list[tuple[str, str]]:
        factor = self.chain.factor(n, m)
        lines: list[tuple[str, str]] = []
        formula = factor.formula
        if factor.is_map:
            g = fitted(above, n.shape)
            formula = replaced(formula, lambda e: g if e.names == {self.chain.cotangent} and not e.args else None)
        else:
            whole = above.is_number and above.value == 1 and factor.is_elementwise
            both_named = n in self.given and m in self.given  # then the partial gets a line, as on a board
            if both_named and not formula.is_number and formula.role != "name":
                word = self.partial(n, m)
                self.words[word] = word
                if whole and not factor.axes:
                    formula = fitted(formula, m.shape)
                comment = f"{_origin(factor.rules)}, {shape_text(formula.shape)}"
                lines = self.line(word, formula, formula.shape, None, comment, None)
                formula = name(word, formula.shape)
            if not factor.is_elementwise:
                above = fitted(above, n.shape)
        arriving.setdefault(m, []).append(factor.below(above, formula, n.shape, m.shape))
        return lines

    # --------------------------------------------------------------------------------------------------- one line

    def line(
        self, word: str, e: Expr, shape: tuple[int, ...], dtype: Any, comment: str, expected: Any, owned: bool = False
    ) -> list[tuple[str, str]]:
        """``word = e``, after lines for what is used twice in it or would make it too long; run and compared.

        If `owned`, its memory is that of no argument and of nothing else that is `owned`.
        """
        e, lines = self._shortened(fitted(e, shape))
        self._use(e)
        code = write(e, self)
        value = self._run(code)
        memory = self.shared(e)
        if dtype is not None and np.asarray(value).dtype != dtype:
            if e.is_number:
                code = f"np.asarray({code}, {literal(dtype)})"
            else:
                part = ".real" if np.iscomplexobj(value) and dtype.kind != "c" else ""
                if np.asarray(value).real.dtype != dtype:
                    part, memory = f"{part}.astype({literal(dtype)})", frozenset()
                code = write(e, self, ATOM) + part
            value = self._run(code)
        if owned and (memory - self.assigned or memory & self._lent):
            code, memory = f"np.copy({code})" if shape else f"+{code}", frozenset()
            value = self._run(code)
        self.memory[word] = memory or frozenset((word,))
        if owned:
            self._lent |= self.memory[word]
        self._rounding[word] = rounding = self._rounding_of(e, value)
        if expected is not None and _is_random(e):
            value = expected  # any draw will do, but what follows is compared
        elif expected is not None and not close(value, expected, rounding):
            raise ArithmeticError(f"source: {word} = {code} gives {value}, the function itself {expected}")
        self.assigned.add(word)
        self.values[word] = value
        return [*lines, (f"{word} = {code}", comment)]

    def _run(self, code: str) -> Any:
        space = self.helpers.run()
        with np.errstate(all="ignore"):
            return eval(code, space, self.values)

    def _use(self, e: Expr) -> None:
        for w in e.names:
            self.used[self.words.get(w, w)] = None

    def _shortened(self, e: Expr) -> tuple[Expr, list[tuple[str, str]]]:
        lines: list[tuple[str, str]] = []
        while True:
            part = self._to_hoist(e)
            if part is None:
                return e, lines
            word = self._hoisted.get(part.key, "")
            if not word:
                word = self.fresh(next(self.chain._fresh))
                self.words[word] = word
                inner, before = self._shortened(part)
                self._use(inner)
                code = write(inner, self)
                self.values[word] = self._run(code)
                self.memory[word] = self.shared(inner) or frozenset((word,))
                self._rounding[word] = self._rounding_of(inner, self.values[word])
                self.assigned.add(word)
                lines += [*before, (f"{word} = {code}", shape_text(part.shape))]
                self._hoisted[part.key] = word
            short = name(word, np.shape(self.values[word]))
            e = replaced(e, lambda p, part=part, short=short: short if p.key == part.key else None)  # type: ignore[misc]  # of a default

    def _to_hoist(self, e: Expr) -> Expr | None:
        """A part that should have a line of its own: it is used twice, or the line with it is too long."""
        inside = ((part, uses) for part, uses in parts_of(e) if part is not e)
        candidates = [(part, uses) for part, uses in inside if not part.is_atom and part.role != "array"]
        for part, uses in candidates:
            if uses > 1 and len(write(part, self)) > 7:
                return part
        if len(write(e, self)) <= WIDTH:
            return None
        lengths = [(len(write(part, self)), part) for part, _ in candidates]
        fitting = [pair for pair in lengths if 12 < pair[0] <= WIDTH]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _origin(rows: Sequence[Primitive]) -> str:
    """What a step is called in a comment: its functions, without the arithmetic between them."""
    functions = dict.fromkeys(row.name for row in rows if row.algebra not in _ARITHMETIC)
    return " ".join(functions) or next((row.name for row in rows), "")


def _is_random(e: Expr) -> bool:
    return any("generator" in part.params for part in walk(e))


def _aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Comments in one column, unless a line is too long for it."""
    column = max((len(code) for code, _ in lines if len(code) <= 52), default=0)
    return [f"{code:<{column}}  # {plain(comment)}" if comment else code for code, comment in lines]
