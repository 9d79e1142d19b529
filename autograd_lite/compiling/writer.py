"""A block as NumPy source: one line for each equation, under the lines of the user's code that it came from."""

from __future__ import annotations

import dis
import linecache
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ..base.escape import RESERVED, identifier, plain
from ..table import Primitive
from ..tracing import Equation, Var
from .block import Block

WIDTH = 120


class Writer:
    """Writes a block.

    Attributes
    ----------
    space : dict
        What the source uses besides its arguments: NumPy, functions of rows, constants.
    function : str
        The name of the function that it defines.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self.space: dict[str, Any] = {"np": np}
        self.taken = {*RESERVED, "np"}
        self.words: dict[Any, str] = {}
        self._constants: dict[int, str] = {}
        self.function = self.fresh(identifier(block.name))

    def fresh(self, wish: str) -> str:
        word, k = wish, 1
        while word in self.taken:
            word, k = f"{wish}_{k}", k + 1
        self.taken.add(word)
        return word

    def word(self, v: Var) -> str:
        if v not in self.words:
            self.words[v] = self.fresh(identifier(v.name))
        return self.words[v]

    # ------------------------------------------------------------------------------------------------- the text

    def text(self) -> str:
        block = self.block
        head = f"def {self.function}({', '.join(map(self.word, block.inputs))}):"
        lines = []
        place = ""
        for eq in block.equations:
            now = origin(eq.node)
            if now != place:
                lines.append(f"# {now}")
                place = now
            made = ", ".join(map(self.word, eq.outputs))
            lines.append(f"{made}{',' * (eq.row.outputs and len(eq.outputs) == 1)} = {self.call(eq)}")
        lines += self._updates()
        return "\n".join([head, *(f"    {line}" for line in lines), ""])

    def _updates(self) -> Iterator[str]:
        block = self.block
        outputs = ", ".join(self._result(x) for x in block.outputs)
        if not block.updates:
            yield f"return [{outputs}]"
            return
        results = self.fresh("results")
        yield f"{results} = [{outputs}]"
        made = {v for eq in block.equations for v in eq.outputs}
        several = len(block.updates) > 1
        new = {}
        for v, x in block.updates.items():
            new[v] = self.operand(x)
            if several and isinstance(x, Var) and (x not in made or self._may_be_view(x)):
                new[v] = self.fresh("new")  # it may share memory with an input that is written first
                yield f"{new[v]} = np.array({self.operand(x)})"
        for v, word in new.items():
            yield f"{self.word(v)}[...] = {word}"
        yield f"return {results}"

    def _may_be_view(self, x: Var) -> bool:
        eq = next((eq for eq in self.block.equations if x in eq.outputs), None)
        return eq is None or not isinstance(eq.row.fn, np.ufunc)

    def _result(self, x: Any) -> str:
        """An output: an array that shares no memory with an input."""
        word = self.operand(x)
        eq = next((eq for eq in self.block.equations if isinstance(x, Var) and x in eq.outputs), None)
        return f"np.asarray({word})" if eq is not None and isinstance(eq.row.fn, np.ufunc) else f"np.array({word})"

    # ---------------------------------------------------------------------------------------------------- a call

    def call(self, eq: Equation) -> str:
        arguments = [self.operand(x) for x in eq.operands]
        arguments += [f"{k}={self.parameter(k, v)}" for k, v in eq.params.items()]
        return f"{self.of_row(eq.row)}({', '.join(arguments)})"

    def of_row(self, row: Primitive) -> str:
        """The name of a row's function."""
        fn = row.fn
        if isinstance(fn, np.ufunc) and getattr(np, fn.__name__, None) is fn:
            return f"np.{fn.__name__}"
        return self.bound(fn, row.name)

    def bound(self, value: Any, wish: str) -> str:
        """A name for something that the source uses and that cannot be written out."""
        if id(value) not in self._constants:
            word = self._constants[id(value)] = self.fresh(identifier(wish))
            self.space[word] = value  # which also keeps its id from being used again
        return self._constants[id(value)]

    def operand(self, x: Any) -> str:
        if isinstance(x, Var):
            return self.word(x)
        return self.number(x) if type(x) in (int, float, bool, complex) else self.bound(x, "constant")

    @staticmethod
    def number(x: Any) -> str:
        word = repr(x)
        if type(x) is float and not np.isfinite(x):
            return f"np.{word}" if not word.startswith("-") else f"-np.{word[1:]}"
        return f"({word})" if word.startswith("-") else word if type(x) is not complex else f"complex({x.real}, {x.imag})"

    def parameter(self, key: str, value: Any) -> str:
        return literal(value) or self.bound(value, key)


def literal(value: Any) -> str:
    """A parameter as it is written; empty if it has to be bound to a name."""
    if type(value) in (int, bool, str, type(None)) or type(value) is float and np.isfinite(value):
        return repr(value)
    if isinstance(value, np.dtype):
        return f"np.{value.name}" if value.isnative and hasattr(np, value.name) else ""
    if value is Ellipsis:
        return "..."
    if type(value) is slice:
        parts = [literal(p) for p in (value.start, value.stop, value.step)]
        return f"slice({', '.join(parts)})" if all(parts) else ""
    if type(value) is tuple:
        parts = [literal(p) for p in value]
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})" if all(parts) else ""
    return ""


def origin(node: Any) -> str:
    """The line of the user's code, or the function whose derivative an equation belongs to."""
    code = node.code
    if code is None:
        return plain(node.row.name) if node.row is not None else "?"
    if code.co_filename.startswith("<autograd_lite: "):
        return f"derivative of {plain(code.co_filename[16:-1])}"
    line = _line(code, node.at)
    return plain(linecache.getline(code.co_filename, line).strip()) or f"line {line} of {plain(code.co_name)}"


@lru_cache(maxsize=1024)
def _line(code: Any, at: int) -> int:
    found = code.co_firstlineno
    for start, line in dis.findlinestarts(code):
        if start > at:
            break
        found = line or found
    return found
