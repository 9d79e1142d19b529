"""Lines between Python floats: what is used once is nested where it is used, and names are used again."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.escape import identifier
from ..program import Equation, Var
from ..table.scalar import PYTHON, number, variable
from .passes.scalars import ENTRIES, formula, nested
from .text import number as text_of

NESTED = 6  # operations in one expression
_WORD = re.compile(r"(?<![.\w{])([a-z]\w*)\b(?!})")


class FloatLines:
    """Writes the equations of a block whose results are floats.

    Attributes
    ----------
    functions : set of str
        The functions of `math` that are used.
    """

    def __init__(self, writer: Any, equations: Sequence[Equation]) -> None:
        self.writer = writer
        self.functions: set[str] = set()
        self.floats = writer.block.floats
        self._texts: dict[Var, str] = {}  # of values that are nested
        self._words: dict[Var, str] = {}
        self._free: dict[str, list[str]] = {}  # names whose values are no longer needed, by prefix
        self._sizes: dict[Var, int] = {}  # operations in each expression
        self._templates: dict[int, str] = {}  # by the identity of an equation
        self._ends: dict[int, list[Var]] = {}  # by the number of an equation: the values last used there
        self._number = {id(eq): i for i, eq in enumerate(equations)}
        if self.floats:
            self._plan(equations)

    def _plan(self, equations: Sequence[Equation]) -> None:
        """Decide what is nested, and where each value is last used."""
        users: dict[Var, list[Equation]] = {}
        for eq in equations:
            for x in eq.operands:
                if isinstance(x, Var) and x in self.floats:
                    users.setdefault(x, []).append(eq)
        for eq in equations:
            y = eq.outputs[0]
            if y not in self.floats or eq.row is ENTRIES:
                continue
            size = 1 + sum(self._sizes.get(x, 0) for x in eq.operands if isinstance(x, Var))
            using = users.get(y, [])
            once = len(using) == 1 and using[0].outputs[0] in self.floats and size < NESTED
            if once and self._template(using[0]).count(f"{{x{using[0].operands.index(y) + 1}}}") == 1:
                self._sizes[y] = size
        home: dict[int, int] = {}
        for i in range(len(equations) - 1, -1, -1):
            eq = equations[i]
            y = eq.outputs[0]
            home[id(eq)] = home[id(users[y][0])] if y in self._sizes else i
        for v, using in users.items():
            self._ends.setdefault(max(home[id(eq)] for eq in using), []).append(v)

    def _template(self, eq: Equation) -> str:
        """The formula of an equation, with places for its operands."""
        if id(eq) not in self._templates:
            e = formula(eq)
            xs = [(f"x{k + 1}", _constant(x)) for k, x in enumerate(eq.operands)]
            if e is not None:
                values = {n: variable(f"{{{n}}}") if x is None else number(x) for n, x in xs}
                text = PYTHON.write(e.at(values), lambda: str(self.writer.fresh("t")))
            else:
                kind = "bool" if eq.outputs[0].dtype == np.bool_ else "float"
                arguments = ", ".join(f"{{{n}}}" if x is None else text_of(x) for n, x in xs)
                text = f"{kind}({self.writer.of_row(eq.row)}({arguments}))"
            self._templates[id(eq)] = text
        return self._templates[id(eq)]

    def word(self, v: Var) -> str:
        return self._texts.get(v) or self._words[v]

    def _named(self, v: Var) -> str:
        stem = identifier(v.name)
        free = self._free.get(stem)
        word = self._words[v] = free.pop() if free else self.writer.fresh(stem)
        return word

    def _release(self, eq: Equation) -> None:
        for v in self._ends.get(self._number[id(eq)], ()):
            if v in self._words:
                self._free.setdefault(identifier(v.name), []).append(self._words[v])

    def line(self, eq: Equation) -> list[str]:
        """The line of an equation; none if it is nested in another."""
        y = eq.outputs[0]
        if eq.row is ENTRIES:
            (x,) = eq.operands
            source = self.writer.operand(x)
            names = [self._named(v) for v in eq.outputs]
            if len(names) == 1:
                is_array = x in self.writer.memory.static or x in self.writer.block.inputs
                fast = x.shape == () and x.dtype == np.float64 and not is_array  # a number of NumPy's, as from a.dot(b)
                return [f"{names[0]} = float({source})" if fast else f"{names[0]} = {source}.item()"]
            if self.writer.is_packed(x):  # faster
                return [f"{', '.join(names)} = {self.writer.struct('read', len(names))}({source})"]
            return [f"{nested(names, x.shape)[1:-1]} = {source}.tolist()"]
        template = self._template(eq)
        self.functions.update(w for w in _WORD.findall(template) if hasattr(math, w))
        words = {f"x{k + 1}": self.word(x) for k, x in enumerate(eq.operands) if isinstance(x, Var)}
        text = template.format_map(words)
        if y in self._sizes:
            self._texts[y] = f"({text})"
            return []
        self._release(eq)
        return [f"{self._named(y)} = {text}"]


def _constant(x: Any) -> Any:
    """The Python number that an operand is; None for a value that is computed."""
    return None if isinstance(x, Var) else x.item() if isinstance(x, (np.ndarray, np.generic)) else x
