"""Lines between Python floats: what is used once is nested where it is used."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

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
        self._sizes: dict[Var, int] = {}  # operations in each expression that is nested in another
        self._templates: dict[int, str] = {}  # by the identity of an equation
        self._shared: dict[Any, str] = {}  # those without names of their own, by what they depend on
        floats, users = writer.block.floats, writer.block.users
        for eq in equations if floats else ():
            y, using = eq.y, users[eq.y]
            once = y in floats and eq.row is not ENTRIES and len(using) == 1 and using[0].y in floats
            size = 1 + sum(self._sizes.get(x, 0) for x in eq.reads)
            if once and size < NESTED:
                (user,) = using
                if self._template(user).count(f"{{x{user.operands.index(y) + 1}}}") == 1:
                    self._sizes[y] = size

    def _template(self, eq: Equation) -> str:
        """The formula of an equation, with places for its operands."""
        if id(eq) not in self._templates:
            xs = [(f"x{k + 1}", _constant(x)) for k, x in enumerate(eq.operands)]
            word = eq.row, repr(xs), repr(eq.params)
            if eq.y.dtype != np.bool_ and word in self._shared:
                self._templates[id(eq)] = self._shared[word]
                return self._shared[word]
            e = formula(eq)
            if e is not None:
                values = {n: variable(f"{{{n}}}") if x is None else number(x) for n, x in xs}
                text = PYTHON.write(e.at(values), lambda: str(self.writer.fresh("t")))
            else:
                kind = "bool" if eq.y.dtype == np.bool_ else "float"
                arguments = ", ".join(f"{{{n}}}" if x is None else text_of(x) for n, x in xs)
                text = f"{kind}({self.writer.of_row(eq.row)}({arguments}))"
            self._templates[id(eq)] = text
            if eq.y.dtype != np.bool_ and ":=" not in text:
                self._shared[word] = text
        return self._templates[id(eq)]

    def line(self, eq: Equation) -> list[str]:
        """The line of an equation; none if it is nested in another."""
        y, writer = eq.y, self.writer
        if eq.row is ENTRIES:
            (x,) = eq.operands
            source = writer.operand(x)
            names = [writer.word(v) for v in eq.outputs]
            if len(names) == 1:
                is_array = x in writer.memory.static or x in writer.block.inputs
                fast = x.shape == () and x.dtype == np.float64 and not is_array  # a number of NumPy's, as from a.dot(b)
                return [f"{names[0]} = float({source})" if fast else f"{names[0]} = {source}.item()"]
            if writer.is_packed(x):  # faster
                return [f"{', '.join(names)} = {writer.struct('read', len(names))}({source})"]
            return [f"{nested(names, x.shape)[1:-1]} = {source}.tolist()"]
        template = self._template(eq)
        self.functions.update(w for w in _WORD.findall(template) if hasattr(math, w))
        words = {f"x{k + 1}": writer.word(x) for k, x in enumerate(eq.operands) if isinstance(x, Var)}
        text = template.format_map(words)
        if y in self._sizes:
            writer.inline[y] = f"({text})"
            return []
        return [f"{writer.word(y)} = {text}"]


def _constant(x: Any) -> Any:
    """The Python number that an operand is; None for a value that is computed."""
    return None if isinstance(x, Var) else x.item() if isinstance(x, (np.ndarray, np.generic)) else x
