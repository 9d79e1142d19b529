"""A program: what a function computed, as a flat list of equations over rows of the table.

It can be printed, run on other inputs of the same shapes, and turned into source or mathematics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np

from ..base.tree import matched, rebuild
from ..engine.context import no_grad
from ..engine.node import GraphView, Node
from ..engine.operands import raw
from ..engine.record import record
from ..table import Primitive
from ..tensor import Tensor
from ..transforms.linearize import is_live
from .naming import groups, label

LIMIT = 20_000  # equations; more are not printed


@dataclass(frozen=True, eq=False)
class Var:
    """A value in a program: its name, shape and dtype.

    >>> import autograd_lite as ag
    >>> v = ag.trace(lambda x: ag.sin(x))(2.0).inputs[0]
    >>> v.name, v.shape, v.dtype
    ('x', (), dtype('float64'))
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        return self.name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def kind(self) -> str:
        """``float64[3,4]``."""
        return _kind(self.shape, self.dtype)


@dataclass(frozen=True, eq=False)
class Equation:
    """``outputs = row(operands, **params)``; an operand is a :class:`Var` or a constant.

    >>> import autograd_lite as ag
    >>> equation = ag.trace(lambda x: ag.sin(x) + 1)(2.0).equations[0]
    >>> equation.row, [v.name for v in equation.operands]
    (<elementwise sin>, ['x'])
    """

    outputs: tuple[Var, ...]
    row: Primitive
    operands: tuple[Any, ...]
    params: dict[str, Any]
    node: Node = field(repr=False)

    @property
    def group(self) -> Any:
        """The innermost composite call or module that it belongs to, or None."""
        return self.node.group

    def __str__(self) -> str:
        names = ", ".join(v.name for v in self.outputs)
        kinds = ", ".join(v.kind for v in self.outputs)
        arguments = [shown(x) for x in self.operands]
        arguments += [f"{k}={shown(v)}" for k, v in self.params.items()]
        return f"{names} : {kinds} = {self.row.name}({', '.join(arguments)})"


@dataclass(frozen=True, eq=False)
class Program(GraphView):
    """What a function computed, in order. Shapes and Python branches are those of the example.

    It can be called with other arguments of the same structure, shapes and dtypes. Like any function it returns arrays
    for arrays, and records operations on Tensors.

    >>> import autograd_lite as ag
    >>> program = ag.trace(lambda x: ag.sin(x) + 1)(2.0)
    >>> print(program)
    <lambda>(x: float64[]):
        a : float64[] = sin(x)
        b : float64[] = add(a, 1)
        return b
    >>> round(float(program(0.0)), 4)
    1.0
    """

    instead = "pickle the function and trace it again, or keep str(program) or ag.source(f, x)"

    name: str
    inputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Any, ...]  # a Var each, or a constant
    captured: Mapping[Var, Tensor] = field(repr=False)  # from outside, such as parameters, with their current values
    structure: Any = field(repr=False)  # the arguments, with the inputs as leaves
    result: Any = field(repr=False)  # the tree of the outputs
    updates: Mapping[Var, Any] = field(default_factory=dict, repr=False)  # what inputs and captured values become
    prelude: Any = field(default=None, repr=False)  # from Python numbers among the inputs to some captured values

    def __call__(self, *args: Any) -> Any:
        given = self._given(args)
        values: dict[Var, Any] = dict(zip(self.inputs, given, strict=True))
        values.update(self.captured)
        if self.prelude is not None:
            numbers = self.prelude(*(raw(values[v]).item() for v in self.prelude.arguments))
            if numbers is None:
                raise ValueError(f"{self.name}: a number has another type than when it was traced: trace it again")
            values.update(zip(self.prelude.results, numbers, strict=True))
        for eq in self.equations:
            xs = [values[x] if isinstance(x, Var) else x for x in eq.operands]
            if eq.node.requires_grad:
                y: Any = record(eq.row, xs, eq.params)
            else:  # computed without a gradient: under no_grad(), or on integers
                with no_grad():
                    y = record(eq.row, xs, eq.params)
            for var, part in zip(eq.outputs, y if eq.row.outputs else (y,), strict=True):
                values[var] = part  # noqa: PERF403 - the plain loop reads as the program does
        found = [values[x] if isinstance(x, Var) else x for x in self.outputs]
        if not any(isinstance(x, Tensor) for x in given):  # arrays in, arrays out, unless a gradient is required
            found = [x._data[()] if isinstance(x, Tensor) and not is_live(x) else x for x in found]
        return rebuild(self.result, found)

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """The leaves of the arguments in the order of the inputs, each checked against the traced one."""
        if len(args) != len(self.structure):
            raise TypeError(f"{self.name}: expected {len(self.structure)} arguments, got {len(args)}")
        try:
            given = matched(self.structure, args, "args")
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}: trace it again for another structure") from None
        for k, (var, x) in enumerate(zip(self.inputs, given, strict=True)):
            value = raw(x)
            weak = type(value) in (bool, int, float, complex) and np.result_type(var.dtype, value) == var.dtype
            value = np.asarray(value, var.dtype if weak else None)
            if value.shape != var.shape or value.dtype != var.dtype:
                got = _kind(value.shape, value.dtype) if value.dtype.kind in "biufc" else type(x).__name__
                raise ValueError(
                    f"{self.name}: {var.name} was traced as {var.kind}, but got {got}: trace it again for other shapes "
                    "and dtypes"
                )
            given[k] = x if isinstance(x, Tensor) else value
        return given

    def __len__(self) -> int:
        return len(self.equations)

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.equations)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, depth: int | None = None) -> str:
        """The program written out, a line for each equation; composite calls and modules are indented blocks.

        Parameters
        ----------
        depth : int, optional
            How many levels of blocks to open; a deeper block is a single line.
        """
        head = f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"
        if len(self) > LIMIT:
            counted = Counter(eq.row.name for eq in self.equations).most_common(8)
            body = [f"    {len(self)} equations, too many to print: {', '.join(f'{n} {row}' for row, n in counted)}"]
        else:
            body = self._body(depth)
        if self.captured:
            body.insert(0, f"    # with {', '.join(f'{v.name}: {v.kind}' for v in self.captured)}")
        body += [f"    {v} <- {shown(x)}" for v, x in self.updates.items()]
        return "\n".join([head, *body, f"    return {', '.join(shown(x) for x in self.outputs)}"])

    def _body(self, depth: int | None) -> list[str]:
        lines: list[str] = []
        open_now: list[Any] = []
        for inner, run in self._folded(depth):
            path = inner[: len(inner) - isinstance(run, list)]
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(open_now, path, strict=False)))
            lines += ["    " * (k + 1) + f"# {label(path[: k + 1])}" for k in range(shared, len(path))]
            open_now = path
            indent = "    " * (len(path) + 1)
            lines.append(indent + (str(run) if isinstance(run, Equation) else self._call(inner[-1], run)))
        return lines

    def _folded(self, depth: int | None) -> Iterator[tuple[list[Any], Any]]:
        """Equations, or the list of a folded group's equations, with the groups around them."""
        waiting: list[Equation] = []
        inside: list[Any] = []
        for eq in self.equations:
            path = groups(eq.node)
            cut = path if depth is None or len(path) <= depth else path[: depth + 1]
            if waiting and (cut is path or cut[-1] is not inside[-1]):
                yield inside, waiting
                waiting = []
            if cut is path:
                yield path, eq
            else:
                waiting, inside = [*waiting, eq], cut
        if waiting:
            yield inside, waiting

    def _call(self, group: Any, equations: Sequence[Equation]) -> str:
        """A folded group as one equation."""
        made = {v: None for eq in equations for v in eq.outputs}
        used = dict.fromkeys(x for eq in equations for x in eq.operands if isinstance(x, Var) and x not in made)
        here = set(map(id, equations))
        later = {x for eq in self.equations if id(eq) not in here for x in eq.operands if isinstance(x, Var)}
        later.update(x for x in self.outputs if isinstance(x, Var))
        out = [v for v in made if v in later]
        kinds = ", ".join(v.kind for v in out)
        call = f"{group.name}({', '.join(map(str, used))})"
        return f"{', '.join(map(str, out))} : {kinds} = {call}  # {len(equations)} equations"


def _kind(shape: Sequence[int], dtype: Any) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def shown(x: Any) -> str:
    if isinstance(x, Var):
        return x.name
    if isinstance(x, np.ndarray):
        return repr(x.tolist()) if x.size <= 6 else f"array{list(x.shape)}"
    return repr(x)
