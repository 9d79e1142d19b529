"""A function and its gradient as a C file of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ..compiling.c.kernel import c_name, sizes
from ..compiling.c.standalone import Function, file
from ..program import Program, Var


class CSource(str):
    """A complete C file: print it, save it, compile it.

    Attributes
    ----------
    name : str
        Of the function; that of the function that also computes the gradients is ``name_gradient``.
    arguments, results : tuple of str
        The names of the arguments of the latter: of its inputs, and then of its results.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]

    __repr__ = str.__str__

    def _repr_markdown_(self) -> str:
        return f"```c\n{self}\n```"


def c_source(program: Program, wanted: Sequence[Var], name: str) -> CSource:
    """The C file of a program with one result, and of its gradients with respect to the variables `wanted`."""
    name = c_name(name)
    (y,) = program.outputs
    assert isinstance(y, Var)
    results = [y.name, *(f"d{y.name}d{v.name}" for v in wanted)]
    functions = [Function(name, program, [y.name])]
    if wanted:
        functions.append(Function(f"{name}_gradient", program.backward(wanted), results))
    last = functions[-1]
    count = len(last.arguments) - len(results)
    rows = [
        f"  {word:<12} {sizes(v)}{', a result' if k >= count else ''}"
        for k, (word, v) in enumerate(last.arguments)
    ]
    head = [
        f"{name}: a function{' and its gradient' * bool(wanted)}, written by autograd_lite.", "",
        f"    cc -O2 -c {name}.c    # link with -lm", "", "Arrays are contiguous and in C's order:", *rows,
    ]  # fmt: skip
    text = CSource(file(functions, head))
    argument_names = tuple(word for word, _ in last.arguments)
    vars(text).update(name=name, arguments=argument_names[:count], results=argument_names[count:])
    return text
