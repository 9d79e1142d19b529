"""A block as NumPy source: one line for each equation, under the lines of the user's code that it came from.

The source is a function that allocates nothing, inside one that binds the buffers::

    def with_buffers(memory):
        h = memory[0:65536].view(np.float32).reshape(64, 256)
        def step(x, W):
            np.dot(x, W, out=h)
            ...
        return step

Values that are at the same place at each call, and views of them, are made once, by the outer function.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from ..base.escape import RESERVED, identifier
from ..base.literals import index, literal
from ..engine.node import Params
from ..program import Equation, Operand, Var
from ..program.equation import looked_up
from ..program.naming import Names
from ..table import Primitive
from .block import example
from .c.file import File
from .c.regions import REGION
from .float_lines import FloatLines
from .loops import Loop
from .passes.memory import Memory
from .passes.scalars import ARRAY
from .passes.tiling import TILES
from .passes.together import PACKED
from .text import number, shared, users_line
from .threads import in_threads

OUTER = "with_buffers"
MANY = 500  # lines of the outer function


class Writer:
    """Writes a block.

    Attributes
    ----------
    space : dict
        What the source uses besides its arguments: NumPy, functions of rows, constants.
    file : File
        The regions in C.
    """

    def __init__(self, memory: Memory) -> None:
        self.block, self.memory = memory.block, memory
        self.space: Params = {"np": np, "in_threads": in_threads}
        used = {*RESERVED, *dir(math), *self.space, "Struct", "memory", "pieces", "asks_for_errors", "by_numpy", OUTER}
        self.fresh = Names(used, between="_").take
        self.words: dict[Any, str] = {}
        self._constants: dict[Any, str] = {}
        self._structs: dict[tuple[str, int], str] = {}
        self._users, self._results = self.block.users, set(self.block.results)
        self.inline: dict[Var, str] = {}
        self._arrays = {eq.y for eq in memory.equations if eq.row is ARRAY}
        self._late = {id(eq) for eq in memory.equations[len(memory.equations) - memory.late :]}
        self.numbers: list[str] = []  # lines
        self.file = File()
        self.regions: list[dict[Var, str]] = []  # the words of the arguments of each region
        self.function = self.fresh(identifier(self.block.name))
        self.float_lines = FloatLines(self, memory.equations)

    def word(self, v: Var) -> str:
        if v in self.inline:
            return self.inline[v]
        if v not in self.words:
            self.words[v] = self.fresh(identifier(v.name))
        return self.words[v]

    # ------------------------------------------------------------------------------------------------- the text

    def text(self) -> str:
        head = f"def {self.function}({', '.join(map(self.word, self.block.inputs))}):"
        before = []
        lines = []
        last = []
        place = ""
        for eq in self.memory.equations:
            once, now = self._line(eq)
            before += once
            if id(eq) in self._late:
                last += now
            elif now:
                if (where := users_line(eq)) != place:
                    lines.append(f"# {where}")
                    place = where
                lines += now
        lines += self._end(last)
        if self.file.regions:  # C does not say where it divides by zero
            lines.insert(0, f"if asks_for_errors(): return by_numpy({', '.join(map(self.word, self.block.inputs))})")
        inner = [head, *(f"    {line}" for line in lines)]
        outer = [*self.numbers, *shared(before)]
        if len(outer) > MANY:  # Python compiles n names before a branch in n² steps (it moves the block for each)
            outer.insert(0, f"assert memory.size >= {self.memory.size}")
        body = [*outer, *inner, f"return {self.function}"]
        functions = sorted(self.float_lines.functions)
        imports = ["import numpy as np", *([f"from math import {', '.join(functions)}"] if functions else [])]
        imports += ["from struct import Struct", ""] if self._structs else [""]
        return "\n".join([*imports, f"def {OUTER}(memory):", *(f"    {line}" for line in body), ""])

    def _line(self, eq: Equation) -> tuple[list[str], list[str]]:
        """An equation: lines that run once, and lines of the function."""
        memory, y = self.memory, eq.y
        if y in self.block.floats:
            return [], self.float_lines.line(eq)
        if eq.row is TILES:
            return Loop(self, eq).lines()
        if eq.row is REGION:
            return self._region(eq)
        once = [f"{self.word(y)} = {self.buffer(y)}"] if y in memory.place else []
        if y in memory.static and not once:
            return [f"{self.word(y)} = {self.call(eq)}"], []
        target = self.word(memory.into[y]) if y in memory.into else self.word(y) if once else ""
        if y in memory.into:
            self.inline[y] = target
        if once and any(memory.part.get(x) is y for x in eq.reads):
            return once, self._joined(eq)
        if eq.row is ARRAY and self.is_packed(memory.into.get(y)):  # faster than `flat`
            return once, [f"{self.struct('write', len(eq.operands))}({target}, 0, {self._list(eq.operands)})"]
        if target:
            return once, self.call(eq, target).split("; ")
        if eq.row.view and not eq.row.outputs and len(self._users[y]) == 1 and y not in self._results:
            text = self.call(eq)
            if len(text) < 40:
                self.inline[y] = text
                return [], []
        names = ", ".join(map(self.word, eq.outputs))
        if eq.row is ARRAY and y.shape and y.dtype == np.float64:  # faster than np.array
            write = self.struct("write", len(eq.operands))
            return [], [f"{names} = np.empty({y.shape})", f"{write}({names}, 0, {self._list(eq.operands)})"]
        return [], [f"{names}{',' * (eq.row.outputs and len(eq.outputs) == 1)} = {self.call(eq)}"]

    def _region(self, eq: Equation) -> tuple[list[str], list[str]]:
        """The call of a region: with the memory, and the arrays that are not in it."""
        memory = self.memory
        kernel, scratch = memory.kernels[eq.y]
        once, lines = [], []
        places: dict[Var, int] = {}
        arguments: dict[Var, str] = {}
        for v, x in zip(eq.params["inputs"], eq.operands, strict=True):
            at = memory.address(v)
            if at is None:
                arguments[v] = self.operand(x)
            else:
                places[v] = at
        for v in eq.outputs:
            if v in kernel.into:
                self.inline[v] = arguments[kernel.into[v]] = self.word(kernel.into[v])
            elif v in memory.place:
                once.append(f"{self.word(v)} = {self.buffer(v)}")
                places[v] = memory.place[v]
            else:
                arguments[v] = self.word(v)
                lines.append(f"{arguments[v]} = np.empty({v.shape}, np.{v.dtype.name})")
                self._arrays.add(v)
        self.regions.append(arguments)
        names = self.file.add(kernel, self.block.name, arguments, places, scratch, self.fresh)
        call = ", ".join(["memory", *arguments.values()])
        lines.append(f"{names[0]}({call}) is None or {names[1]}({call})")
        return once, lines

    def direct(self) -> tuple[list[tuple[str, Any]], list[Var], list[Any]] | None:
        """The arguments of a program that is one region, the results that it makes, and the outputs; see `Direct`."""
        block, memory = self.block, self.memory
        if len(self.regions) != 1 or memory.place or not all(memory.into.get(x) is v for v, x in block.updates.items()):
            return None
        computed = [v for eq in memory.equations if eq.row is REGION for v in eq.outputs if v not in memory.into]
        results = self._stand_ins(computed)
        variables = [x for x in block.outputs if isinstance(x, Var)]
        if results is None or not results.keys() >= {*variables} or len({*variables}) != len(variables):
            return None
        inputs = {self.word(v): k for k, v in enumerate(block.inputs)}
        arguments = []
        for v, word in self.regions[0].items():
            what = "output" if v in results else "input" if word in inputs else "constant"
            arguments.append((what, results[v][0] if v in results else inputs.get(word, self.space.get(word))))
        views = {v: (k, None if v in computed else (y, results[computed[k]][1])) for v, (k, y) in results.items()}
        return arguments, computed, looked_up(views, block.outputs)

    def _stand_ins(self, computed: Sequence[Var]) -> dict[Var, tuple[int, Any]] | None:
        """Of each result of the only region, and each view of one: which result, and an array with the same layout.

        None if the program computes more than the region and such views.
        """
        results: dict[Var, tuple[int, Any]] = {}
        for eq in self.memory.equations:
            x, *others = eq.operands or [None]
            if eq.row is REGION:
                results = {v: (k, np.empty(v.shape, v.dtype)) for k, v in enumerate(computed)}
            elif isinstance(x, Var) and x in results and eq.row.view and not any(isinstance(v, Var) for v in others):
                root, whole = results[x]
                results[eq.y] = root, eq.row.fn(whole, *others, **eq.params)
                if eq.row.outputs or not np.may_share_memory(results[eq.y][1], whole):
                    return None
            else:
                return None
        return results

    def _joined(self, eq: Equation) -> list[str]:
        """Copies of those operands of a join that were not computed in their places."""
        (y,), lines, start = eq.outputs, [], 0
        for k, x in enumerate(eq.operands):
            shape = np.shape(example(x))
            flat = eq.row is PACKED and len(shape) != 1
            stop = start + math.prod(shape) if flat else start + shape[0] if len(shape) == y.ndim else k + 1
            if stop > start and not (isinstance(x, Var) and self.memory.part.get(x) is y):
                place = f"{start}:{stop}" if flat or len(shape) == y.ndim else k
                lines.append(f"{self.word(y)}[{place}] = {self.operand(x)}{'.reshape(-1)' * flat}")
            start = stop
        return lines

    def _list(self, xs: Sequence[Operand]) -> str:
        return ", ".join(map(self.operand, xs))

    def is_packed(self, x: Any) -> bool:
        """True if a value is an input of doubles that are contiguous in memory."""
        return x in self.block.contiguous and x.dtype == np.float64

    def struct(self, what: str, size: int) -> str:
        """The name of a function of `struct` that reads the entries of an array as a tuple, or writes them."""
        method = {"read": "unpack", "write": "pack_into"}[what]
        if (what, size) not in self._structs:
            word = self._structs[what, size] = self.fresh(f"{what}{size}")
            self.numbers.append(f"{word} = Struct('{size}d').{method}")
        return self._structs[what, size]

    def buffer(self, y: Var, memory: Memory | None = None) -> str:
        start = (memory or self.memory).place[y]
        flat = f"memory[{start}:{start + math.prod(y.shape) * y.dtype.itemsize}].view(np.{y.dtype.name})"
        strides = (memory or self.memory).static[y].strides
        axes = sorted(range(y.ndim), key=lambda k: -strides[k])
        if y.ndim == 1:
            return flat
        if axes == sorted(axes):
            return f"{flat}.reshape({', '.join(map(str, y.shape)) or '()'})"
        back = tuple(int(k) for k in np.argsort(axes))
        return f"{flat}.reshape({', '.join(str(y.shape[k]) for k in axes)}).transpose({back})"

    def _end(self, last: list[str]) -> Iterator[str]:
        """The results, and then the new values of inputs; `last` computes those that are written in place."""
        block, memory = self.block, self.memory
        outputs = ", ".join(self._result(x) for x in block.outputs)
        if not block.updates:
            yield f"return [{outputs}]"
            return
        results = self.fresh("results")
        yield f"{results} = [{outputs}]"
        new = {}
        for v, x in block.updates.items():
            if isinstance(x, Var) and memory.into.get(x) is v:
                continue
            new[v] = self.operand(x)
            if len(block.updates) > 1 and isinstance(x, Var) and memory.owners[x].intersection(block.inputs):
                new[v] = self.fresh("new")  # it may share memory with an input that is written first
                yield f"{new[v]} = np.array({self.operand(x)})"
        yield "# new values"
        if not block.inner and any(eq.row is not ARRAY for eq in memory.equations if id(eq) in self._late):
            yield "with np.errstate(all='ignore'):  # an error would leave a half-made step"
            last = [f"    {line}" for line in last]
        yield from last
        for v, word in new.items():
            yield f"{self.word(v)}[...] = {word}"
        yield f"return {results}"

    def _result(self, x: Operand) -> str:
        """An output: an array that shares no memory with an input or a constant."""
        word = self.operand(x)
        if isinstance(x, Var) and not self.memory.owners[x].intersection(self.block.inputs):
            return word if x.shape or x in self._arrays else f"np.asarray({word})"
        return f"np.array({word})"

    # ---------------------------------------------------------------------------------------------------- a call

    def call(self, eq: Equation, out: str = "") -> str:
        """The call of a row; `out`: into this array."""
        row = eq.row
        template = row.out if out else row.emit
        if callable(template):
            template = template(eq.operands, eq.y, **eq.params)
        if template is not None:
            return self._filled(template, eq, out)
        arguments = self._arguments(eq)
        arguments += [f"{k}={self.parameter(k, v)}" for k, v in eq.params.items()]
        arguments += [f"out={out}"] if out else []
        return f"{self.of_row(row)}({', '.join(arguments)})"

    def _arguments(self, eq: Equation) -> list[str]:
        """The operands; a Python number beside arrays as an array without axes, which is faster."""
        dtypes = [x.dtype for x in eq.operands if isinstance(x, (Var, np.ndarray))]
        if not eq.row.is_ufunc or not dtypes or any(d.kind not in "fc" for d in dtypes):
            return [self.operand(x) for x in eq.operands]
        dtype = np.result_type(*dtypes)
        return [self._strong(x, dtype) if type(x) in (int, float) else self.operand(x) for x in eq.operands]

    def _strong(self, x: complex, dtype: np.dtype[Any]) -> str:
        key = type(x), repr(x), dtype
        if key not in self._constants:
            word = "n" + re.sub(r"\W", "_", repr(x).replace("-", "minus_").removesuffix(".0"))  # n0_5
            word = self._constants[key] = self.fresh(word if dtype == np.float64 else f"{word}_{dtype.name}")
            self.numbers.append(f"{word} = np.array({number(x)}, np.{dtype.name})")
        return self._constants[key]

    def _filled(self, template: str | tuple[str, Params], eq: Equation, out: str) -> str:
        """A template with the operands and parameters in their places; a pair (template, arrays) brings constants."""
        template, arrays = template if isinstance(template, tuple) else (template, {})
        texts = {f"x{k + 1}": self.operand(x) for k, x in enumerate(eq.operands)}
        texts["x"] = texts.get("x1", "")
        texts["xs"] = ", ".join(self.operand(x) for x in eq.operands) + "," * (len(eq.operands) == 1)
        texts["out"] = out
        if "{fn}" in template:
            texts["fn"] = self.of_row(eq.row)
        texts.update((k, self._constant(_content(a), a, k)) for k, a in arrays.items())
        for k, v in eq.params.items():
            if f"{{{k}}}" in template:
                texts[k] = self.subscript(v) if k == "index" else self.parameter(k, v)
        return str(template.format_map(texts))

    def of_row(self, row: Primitive) -> str:
        """The name of a row's function."""
        fn = row.fn
        for word in (getattr(fn, "__name__", ""), (row.np_name or "").removeprefix("np.")):
            if word and getattr(np, word, None) is fn:
                return f"np.{word}"
        return self.bound(fn, row.name)

    def bound(self, value: object, wish: str) -> str:
        """A name for something that the source uses and that cannot be written out."""
        return self._constant(id(value), value, wish)

    def _constant(self, key: Hashable, value: object, wish: str) -> str:
        if key not in self._constants:
            word = self._constants[key] = self.fresh(identifier(wish))
            self.space[word] = value  # which also keeps its id from being used again
        return self._constants[key]

    def operand(self, x: Operand) -> str:
        if isinstance(x, Var):
            return self.word(x)
        if isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0 and x.dtype in (np.float64, np.float32):
            return self._strong(x.item(), x.dtype)
        return number(x) if type(x) in (int, float, bool, complex) else self.bound(x, "constant")

    def parameter(self, key: str, value: object) -> str:
        return literal(value, lambda part: "") or self.bound(value, key)

    def subscript(self, at: object) -> str:
        """An index as it is written between brackets."""
        return index(at, lambda part: self.parameter("index", part))


def _content(x: Any) -> Hashable:
    """The key of a value that a template uses: the same for equal arrays."""
    return (x.dtype.str, x.shape, x.strides, x.tobytes()) if isinstance(x, np.ndarray) else id(x)
