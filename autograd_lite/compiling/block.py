"""What passes work on: the equations of a program, with inputs, outputs and updates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from ..program import Equation, Operand, Program, Var
from ..table import TABLE, Primitive

#: What a rule returns for an equation: None keeps it; a value stands for its result from then on; equations replace it,
#: and the last of them has its outputs; a dict has a value for each of several results.
Found = Any


@dataclass(eq=False)
class Block:
    """Equations in order. Passes replace the lists; a :class:`Var` is assigned once."""

    name: str
    inputs: list[Var]  # arguments, then captured values
    equations: list[Equation]
    outputs: list[Any]  # a Var each, or a constant
    updates: dict[Var, Any] = field(default_factory=dict)  # from an input to the value that it receives at the end
    floats: set[Var] = field(default_factory=set)  # values that are Python floats, not arrays
    contiguous: frozenset[Var] = frozenset()  # inputs whose arrays are contiguous and share memory with no argument
    late: int = 0  # how many equations at the end only make new values of inputs
    fast: bool = False  # allow rewrites that change results beyond rounding
    small: bool = True  # values may still become floats
    threads: int = 1  # that share the pieces of large arrays
    tune: bool = False  # time other ways to compute a value on this machine
    plan: list[str] = field(default_factory=list)  # what each pass did

    @classmethod
    def of(cls, program: Program, updates: Mapping[Var, Any], **options: Any) -> Block:
        inputs = list(dict.fromkeys((*program.inputs, *program.captured)))  # an array may be passed twice
        unknown = [str(v) for v in updates if v not in inputs]
        if unknown:
            raise ValueError(f"{program.name}: expected inputs as the keys of updates, got {', '.join(unknown)}")
        for v, new in updates.items():
            if isinstance(new, Var) and (new.shape, new.dtype) != (v.shape, v.dtype):
                raise ValueError(f"{program.name}: {v.name} is {v.kind}, and its new value {new.kind}")
        return cls(program.name, inputs, list(program.equations), list(program.outputs), dict(updates), **options)

    @property
    def results(self) -> Iterator[Var]:
        """The variables that must be computed: outputs and new values."""
        return (x for x in (*self.outputs, *self.updates.values()) if isinstance(x, Var))

    @property
    def returned(self) -> set[Var]:
        """The variables among the outputs."""
        return {x for x in self.outputs if isinstance(x, Var)}

    @property
    def defined(self) -> dict[Var, Equation]:
        """The equation that computes each value."""
        return {v: eq for eq in self.equations for v in eq.outputs}

    @property
    def users(self) -> defaultdict[Var, list[Equation]]:
        """The equations that read each value, once for each operand."""
        found = defaultdict(list)
        for eq in self.equations:
            for x in eq.operands:
                if isinstance(x, Var):
                    found[x].append(eq)
        return found

    def mapped(self, rule: Callable[[Equation, dict[Var, Equation]], Found]) -> Block:
        """The block with each equation replaced by what `rule(equation, defined)` returns for it (see `Found`).

        `defined` has the equation of each variable so far.
        """
        instead: dict[Var, Any] = {}
        defined: dict[Var, Equation] = {}
        equations: list[Equation] = []

        def current(x: Operand) -> Any:
            return instead.get(x, x) if isinstance(x, Var) else x

        for eq in self.equations:
            if instead and any(isinstance(x, Var) and x in instead for x in eq.operands):
                eq = replace(eq, operands=tuple(map(current, eq.operands)))
            found = rule(eq, defined)
            new = [eq] if found is None else found if isinstance(found, list) else []
            if isinstance(found, dict):
                instead.update(found)
            elif found is not None and not new:
                instead[eq.outputs[0]] = current(found)
            for e in new:
                defined.update(dict.fromkeys(e.outputs, e))
            equations += new
        updates = {v: current(x) for v, x in self.updates.items()}
        return replace(self, equations=equations, outputs=list(map(current, self.outputs)), updates=updates)

    def __str__(self) -> str:
        lines = [f"{self.name}({', '.join(f'{v.name}: {v.kind}' for v in self.inputs)}):"]
        lines += [f"    {eq}" for eq in self.equations]
        lines += [f"    {v} <- {new}" for v, new in self.updates.items()]
        return "\n".join([*lines, f"    return {', '.join(map(str, self.outputs))}"])


@cache
def row_for(algebra: str) -> Primitive:
    """The row with this option ``algebra=``: ``row_for("negation")`` is the one for ``-x``."""
    return next(row for row in TABLE.values() if row.algebra == algebra)


def is_random(eq: Equation) -> bool:
    """Whether two calls differ."""
    return "generator" in eq.params


def made(like: Equation, algebra: str, *operands: Any, into: Var | None = None, **params: Any) -> Equation:
    """A new equation in the place of `like`, for the row that is `algebra`; its result is `into`, or a new variable."""
    row = row_for(algebra)
    if into is None:
        shape, dtype = kind_of(row, operands, params)
        into = Var(like.outputs[0].name, shape, dtype)
    return Equation((into,), row, operands, params, like.origin)


def example(x: Operand) -> Any:
    """An array of zeros with the shape and dtype of `x` that takes no memory; a constant itself."""
    return np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, Var) else x


def kind_of(row: Primitive, operands: Sequence[Operand], params: Mapping[str, Any]) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of a call, found by making it on zeros."""
    with np.errstate(all="ignore"):
        y = np.asarray(row.fn(*map(example, operands), **params))
    return y.shape, y.dtype
