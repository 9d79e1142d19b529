"""The program that the passes of the compiler rewrite, with its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.node import Function
from ..program import Equation, Operand, Program, Var, trace
from ..program.equation import looked_up
from ..table import Primitive

SMALL = 64  # entries of constants that are compared by value


@dataclass(frozen=True, eq=False, repr=False)
class Block(Program):
    """A program with what the compiler knows about it. Its inputs are the arguments, then the captured values."""

    floats: Set[Var] = frozenset()  # values that are Python floats, not arrays
    contiguous: Set[Var] = frozenset()  # inputs whose arrays are contiguous and share memory with no argument
    late: int = 0  # how many equations at the end only make new values of inputs
    fast: bool = False  # allow rewrites that change results beyond rounding
    small: bool = True  # values may still become floats
    threads: int = 1  # that share the pieces of large arrays
    inner: bool = False  # the step of a loop, whose new values are not seen after an error
    vectors: frozenset[str] | None = None  # C's functions with versions for vectors; None if all is left to NumPy
    plan: list[str] = field(default_factory=list)  # what each pass did

    @classmethod
    def from_program(cls, program: Program, updates: Mapping[Var, Any], **options: Any) -> Block:
        inputs = list(dict.fromkeys((*program.inputs, *program.captured)))  # an array may be passed twice
        unknown = [str(v) for v in updates if v not in inputs]
        if unknown:
            raise ValueError(f"{program.name}: expected inputs as the keys of updates, got {', '.join(unknown)}")
        for v, new in updates.items():
            if isinstance(new, Var) and (new.shape, new.dtype) != (v.shape, v.dtype):
                raise ValueError(f"{program.name}: {v.name} is {v.kind}, and its new value {new.kind}")
        return cls(program.name, inputs, program.equations, program.outputs, updates=updates, **options)

    @property
    def returned(self) -> set[Var]:
        """The variables among the outputs."""
        return {x for x in self.outputs if isinstance(x, Var)}

    @property
    def owners(self) -> dict[Var, frozenset[Var]]:
        """Whose memory each value may share: its own, and that of what it may be a view of."""
        owners = {v: frozenset([v]) for v in self.inputs}
        for eq in self.equations:
            shared = eq.operands[:1] if eq.row.view else () if eq.row.builtin else eq.operands
            below = frozenset().union(*(owners[x] for x in shared if isinstance(x, Var))) if shared else frozenset()
            for v in eq.outputs:
                owners[v] = below | {v}
        return owners


def maker(x: Operand, defined: Mapping[Var, Equation], algebra: str | None = None) -> Equation | None:
    """The equation that computes an operand; None for others, or if its row has another option ``algebra=``."""
    eq = defined.get(x) if isinstance(x, Var) else None
    return eq if eq is not None and algebra in (None, eq.algebra) else None


def terms_of(eq: Equation, defined: Mapping[Var, Equation], inner: Set[Var]) -> tuple[list[Operand], list[Equation]]:
    """The terms of a sum of sums, and the sums within it, which are `inner`."""
    terms: list[Operand] = []
    within = []
    waiting = list(eq.operands)[::-1]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Var) and x in inner:
            within.append(defined[x])
            waiting += defined[x].operands[::-1]
        else:
            terms.append(x)
    return terms, within


def new(like: Equation, row: Primitive, *operands: Operand, **params: Any) -> Equation:
    """A call of a row in the place of `like`, with a new variable; its shape and dtype are found by a call on zeros."""
    with np.errstate(all="ignore"):
        y = np.asarray(row.fn(*map(example, operands), **params))
    return Equation((Var(like.y.name, y.shape, y.dtype),), row, operands, params, like.origin)


def written(like: Equation, f: Function, *operands: Operand, into: Sequence[Var] = ()) -> list[Equation]:
    """A function in plain NumPy, applied to operands, as equations in the place of `like`.

    The last one has the result: a new variable, or that of `into`, which has one for each result.
    """
    return inlined(traced(f, operands), operands, like, into)


def traced(f: Function, operands: Sequence[Operand]) -> Program:
    """The program of a function of operands; a constant among these is one in the program, not an input."""

    def call(*xs: Any) -> Any:
        values = iter(xs)
        return f(*(next(values) if isinstance(x, Var) else x for x in operands))

    with np.errstate(all="ignore"):
        return trace(call)(*(example(x) for x in operands if isinstance(x, Var)))


def inlined(program: Program, operands: Sequence[Operand], like: Equation, into: Sequence[Var] = ()) -> list[Equation]:
    """The equations of a program in the place of `like`; none if it returns an input."""
    arguments = [x for x in operands if isinstance(x, Var)]
    values = dict(zip(program.inputs, arguments, strict=True))
    for v, result in zip(program.outputs, into, strict=bool(into)):
        if v in values:
            return []
        values[v] = result
    equations = []
    for eq in program.equations:
        for v in eq.outputs:
            values.setdefault(v, Var(like.y.name, v.shape, v.dtype))
        xs = tuple(looked_up(values, eq.operands))
        equations.append(Equation(tuple(map(values.__getitem__, eq.outputs)), eq.row, xs, eq.params, like.origin))
    return equations


def ordered(equations: Sequence[Equation]) -> list[Equation]:
    """Each equation after those that compute its operands, and otherwise in this order."""
    waiting = {v: eq for eq in equations for v in eq.outputs}
    after = []
    for eq in equations:
        path = [eq]
        while path:
            missing = [waiting[x] for x in path[-1].reads if x in waiting]
            path += missing[::-1]
            if not missing and path[-1].y in waiting:
                after.append(path[-1])
                for v in path[-1].outputs:
                    del waiting[v]
            if not missing:
                path.pop()
    return after


def example(x: Operand) -> Any:
    """An array of zeros with the shape and dtype of `x` that takes no memory; a constant itself."""
    return np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, Var) else x
