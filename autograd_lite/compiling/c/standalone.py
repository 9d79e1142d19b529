"""Programs as functions in a C file of their own, which any C99 compiler compiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...program import Equation, Program, Var
from ...table import TABLE
from ...table.scalar import FUNCTIONS
from ..block import Block
from ..compile import SHORTER, rewritten
from .kernel import Kernel, Writer, prelude, sizes
from .loops import LANGUAGES, indented
from .regions import REGION
from .steps import TYPES, is_view, kind_of, strides_of

ORDER = ("dead code", "lowering", SHORTER, "dead code")
WRITTEN = 400  # entries of a constant that is written out
_ALL = frozenset([*FUNCTIONS, *(f"{name}f" for name in FUNCTIONS)])


class Function:
    """A program as a C function that takes its arrays and writes its results.

    Attributes
    ----------
    lines : list of str
    arguments : list of (str, Var)
        The names of the arguments: the inputs, then the results.

    Raises
    ------
    ValueError
        If a row has no form in C, with its name.
    """

    def __init__(self, name: str, program: Program, results: Sequence[str]) -> None:
        block = rewritten(Block.from_program(program, {}, vectors=_ALL), ORDER)
        equations, outputs = _with_copies(block)
        kinds = [kind_of(eq, alone=True) for eq in equations]
        for eq, kind in zip(equations, kinds, strict=True):
            if not kind:
                arrays = [x for x in eq.operands if hasattr(x, "shape")]
                shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in arrays)
                raise ValueError(
                    f"source: {eq.row.name} of {shapes or 'numbers'} has no form in C; write it with elementwise "
                    "functions, sums and products, or use lang='numpy'"
                )
        constants = {id(x): x for eq in equations for x in eq.operands if isinstance(x, np.ndarray) and x.size > 1}
        names = {key: Var("constant", x.shape, x.dtype) for key, x in constants.items()}
        inputs = [*block.inputs]
        params = {"equations": equations, "kinds": kinds, "arrays": names}
        region = Equation(tuple(outputs), REGION, (), params, equations[0].origin)
        layouts = {v: strides_of(v.shape) for v in (*inputs, *names.values(), *outputs)}
        self.kernel = Kernel(region, layouts, {}, alone=True)
        writer = _Writer(self.kernel, name, [*inputs, *outputs], {}, 0, lambda step: "", {})
        written = {v: np.ascontiguousarray(constants[key]) for key, v in names.items()}
        self.lines, argument_names = writer.function(inputs, dict(zip(outputs, results, strict=True)), written)
        self.arguments = [*zip(argument_names, [*inputs, *outputs], strict=True)]


def _with_copies(block: Block) -> tuple[list[Equation], list[Var]]:
    """The equations, with a copy of each result that is no array of its own, and the results."""
    equations, outputs = list(block.equations), []
    free = {v for eq in equations if not is_view(eq) for v in eq.outputs}
    for x in block.outputs:
        if not (isinstance(x, Var) and x in free):
            value = x if isinstance(x, Var) else np.asarray(x)
            y = Var("copy", value.shape, value.dtype)
            equations.append(Equation((y,), TABLE["copy"], (value,), {"order": "K"}))
            x = y
        free.discard(x)
        outputs.append(x)
    return equations, outputs


class _Writer(Writer):
    def function(
        self, inputs: Sequence[Var], results: dict[Var, str], constants: dict[Var, Any]
    ) -> tuple[list[str], list[str]]:
        """The lines of the function, and the names of its arguments."""
        argument_names = [self._name(v, results.get(v, v.name)) for v in (*inputs, *results)]
        body = [line for line in self.body() if not line.lstrip().startswith("#pragma")]
        const = {v: "" if v in results else "const " for v in self.arguments}
        arguments = [f"{const[v]}{TYPES[v.dtype.char]} *{self.words[v]}" for v in self.arguments]
        declarations = []
        for v, word in self.words.items():
            size = f"{TYPES[v.dtype.char]} {word}[{prod(v.shape)}]"
            shape = sizes(v)
            if v in constants:
                declarations.append(f"static const {size} = {_list(constants[v])};  // {shape}")
            elif v in self.kernel.own:
                declarations.append(f"{'static ' * (prod(v.shape) > WRITTEN)}{size};  // {shape}")
        head = f"void {self.name}({', '.join(arguments)})"
        return [head, "{", *indented([*declarations, *[""] * bool(declarations), *body]), "}", ""], argument_names


def _list(x: np.ndarray) -> str:
    number = LANGUAGES.get(x.dtype.char, LANGUAGES["q"]).number
    return f"{{{', '.join(number(value) for value in x.ravel().tolist())}}}"


def file(functions: Sequence[Function], comments: Sequence[str]) -> str:
    """A complete file, which begins with these comments."""
    lines = [line for f in functions for line in f.lines]
    used = {name for f in functions for name in f.kernel.functions}
    head = [f"// {line}".rstrip() for line in comments]
    return "\n".join([*head, "", *prelude(lines, used, ()), *lines])
