"""The lines of a function that computes a result and its gradients: one for each step, each factor, each gradient.

Each line is run when it is written, on the example, and compared with the engine. What is used twice in a formula, or
would make it too long, gets a line of its own before it. What is returned gets memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.escape import plain
from ..program import Equation, Var
from ..program.naming import label
from ..program.slopes import gradients
from ..table import Primitive
from .binding import ATOM
from .chain_rule import Chain
from .factors import total
from .formula import Expr, name, number, parts_of, replaced, walk
from .helpers import literal
from .numpy_code import CodeWriter, Rounding, close
from .simplify import fitted
from .writing import shape_text, write

WIDTH = 88  # of a line of source, without its comment
_ARITHMETIC = ("sum", "difference", "product", "negation", "quotient", "transpose", "reshape", "identity")


class LineWriter(CodeWriter):
    """Collects the lines of one function, and the helpers that they call."""

    def __init__(self, chain: Chain, wanted: Sequence[Var], inputs: Sequence[Var]) -> None:
        super().__init__()
        self.chain = chain
        self.wanted = list(wanted)
        self.inputs = [self.ident(chain.names[n]) if n in chain.names else self.fresh("unused") for n in inputs]
        self.given = {n for n in chain.names if n in chain.program.named or n not in chain.landmark_set}
        self.given |= {n for n in chain.names if chain.is_input(n)}
        self.assigned: set[str] = set()
        for word, value in chain.environment().items():
            self.values[self.ident(word)] = value
        self.cotangent = ""
        self._hoisted: dict[str, str] = {}
        self._rounding: dict[str, Rounding] = {}  # of the identifiers
        self._words: dict[tuple[Var | None, Var], str] = {}
        self.result = self.node(chain.root)  # the identifier of the value that is returned
        self._lent: set[str] = set()  # those in whose memory something lies that is returned

    # ----------------------------------------------------------------------------------------------------- names

    def node(self, n: Var) -> str:
        return self.ident(self.chain.names[n])

    def gradient(self, n: Var) -> str:
        """``dLdW``."""
        if n not in self.chain.names:
            self.chain.names[n] = "unused"
        return self.partial(self.chain.root, n)

    def partial(self, n: Var, m: Var) -> str:
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
        written: set[int] = set()  # the equations with several results, by id
        for n in chain.landmarks:
            if chain.is_input(n) or id(chain.defined[n]) in written:
                continue
            eq = chain.defined[n]
            definition = None if eq.row.outputs else chain.definition(n)
            rows = [eq.row] if definition is None else [part.row for part in walk(definition) if part.row is not None]
            origin = label(chain.group_path(n)) or _origin(rows)
            if definition is not None:
                comment = f"{origin}, {shape_text(n.shape)}"
                value, owned = chain.values[n], n is chain.root
                out += self.line(self.node(n), definition, n.shape, n.dtype, comment, value, owned)
            else:
                written.add(id(eq))
                out += self._several(eq, origin)
        root = chain.root
        if not chain.is_single(root):  # an argument, or one of several results
            word, self.result = self.result, self.result if root in chain.defined else self.fresh("L")
            if self.memory.get(word, {word}) <= self.assigned:
                self._lent |= self.memory[word]
            else:
                out += self.line(self.result, name(chain.names[root], root.shape), root.shape, None, "", None, True)
        return _aligned(out)

    def _several(self, eq: Equation, origin: str) -> list[tuple[str, str]]:
        """One line for an equation with several results."""
        chain = self.chain
        args = [chain.expression(x) if isinstance(x, Var) else chain.constant(x) for x in eq.operands]
        results = [self.ident(chain.word(v)) for v in eq.outputs]
        self.values.update(zip(results, (chain.values[v] for v in eq.outputs), strict=True))
        e = Expr(eq.row.name, tuple(args), None, dict(eq.params), (), eq.row)
        self._rounding.update({word: self._rounding_of(e, self.values[word]) for word in results})
        self._use(e)
        code = write(e, self)
        self.memory |= {word: self.shared(e) or frozenset((word,)) for word in results}
        self.assigned |= set(results)
        shapes = ", ".join(shape_text(v.shape) for v in eq.outputs)
        return [(f"{', '.join(results)} = {code}", f"{origin}, {shapes}")]

    def backward(self) -> list[str]:
        chain = self.chain
        reach = chain.reaching(self.wanted)
        arriving: dict[Var, list[Expr]] = {}
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
        waiting: dict[Var, int] = {}
        for n in chain.landmarks:
            for m in chain.inputs_of(n) if n in reach else ():
                waiting[m] = waiting.get(m, 0) + 1
        out: list[tuple[str, str]] = []
        for n in reversed(chain.landmarks):
            if n not in arriving or chain.is_input(n):
                continue
            inputs = [m for m in chain.inputs_of(n) if m in reach]
            inputs.sort(key=lambda m: m in chain.defined or m not in self.wanted)
            above, lines = self._above(n, inputs, arriving.pop(n))
            out += lines
            for m in inputs:
                out += self._factor(n, m, above, arriving)
                waiting[m] -= 1
                if not waiting[m] and m in self.wanted and chain.is_input(m):
                    out += self._result(m, arriving[m])
        for n in self.wanted:
            if n not in arriving and chain.is_input(n) and n is not root:
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
            expected = gradients(self.chain.program, self.wanted, g)
        # The engine rounds each cotangent to the dtype of its value. A line that merges several steps rounds once.
        working = Rounding(max(float(np.finfo(n.dtype).eps) for n in self.chain.nodes if n.dtype.kind in "fc"))
        for n in self.wanted:
            word = self.gradient(n)
            mine, rounding = self.values.get(word, np.zeros(n.shape)), self._rounding.get(word, Rounding())
            rounding = rounding.joined(working)
            if np.all(np.isfinite(expected[n])) and not close(mine, expected[n], rounding):
                raise ArithmeticError(f"source: {word} comes out as {mine}, the engine's is {expected[n]}")

    def _rounding_of(self, e: Expr, value: Any) -> Rounding:
        """The rounding error that a value computed by `e` may have."""
        rounding = Rounding.of(value)
        for w in e.names:
            word = self.words.get(w, w)
            rounding = rounding.joined(self._rounding.get(word) or Rounding.of(self.values.get(word, 0.0)))
        return rounding

    def _above(self, n: Var, inputs: Sequence[Var], arrived: list[Expr]) -> tuple[Expr, list[tuple[str, str]]]:
        """The cotangent of `n`, under a name of its own if it is needed more than once."""
        above = total(arrived[:2])
        factors = [self.chain.factor(n, m) for m in inputs]
        heavy = len(inputs) > 1 or any(f.is_map for f in factors) or len(arrived) > 1
        if above.role in ("name", "number") and not (n in self.wanted and n in self.chain.defined):
            return above, []
        if n in self.wanted or heavy or len(write(above, self)) > 50:
            return name(self.gradient(n), n.shape), self._result(n, arrived)
        return above, []

    def _result(self, n: Var, arrived: Sequence[Expr]) -> list[tuple[str, str]]:
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

    def _factor(self, n: Var, m: Var, above: Expr, arriving: dict[Var, list[Expr]]) -> list[tuple[str, str]]:
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
                word = self.fresh(next(self.chain.fresh))
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
