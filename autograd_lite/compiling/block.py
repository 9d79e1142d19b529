"""The program that the passes of the compiler rewrite, with its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ..program import Equation, Operand, Program, Var
from ..table import TABLE, Primitive


@dataclass(frozen=True, eq=False, repr=False)
class Block(Program):
    """A program with what the compiler knows about it. Its inputs are the arguments, then the captured values."""

    floats: Set[Var] = frozenset()  # values that are Python floats, not arrays
    contiguous: Set[Var] = frozenset()  # inputs whose arrays are contiguous and share memory with no argument
    late: int = 0  # how many equations at the end only make new values of inputs
    fast: bool = False  # allow rewrites that change results beyond rounding
    small: bool = True  # values may still become floats
    threads: int = 1  # that share the pieces of large arrays
    tune: bool = False  # time other ways to compute a value on this machine
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


@cache
def row_for(algebra: str) -> Primitive:
    """The row with this option ``algebra=``: ``row_for("negation")`` is the one for ``-x``."""
    return next(row for row in TABLE.values() if row.algebra == algebra)


def maker(x: Operand, defined: Mapping[Var, Equation], algebra: str | None = None) -> Equation | None:
    """The equation that computes an operand; None for others, or if its row has another option ``algebra=``."""
    eq = defined.get(x) if isinstance(x, Var) else None
    return eq if eq is not None and algebra in (None, eq.row.algebra) else None


def is_random(eq: Equation) -> bool:
    """Whether two calls differ."""
    return "generator" in eq.params


def instead_of(like: Equation, algebra: str, *operands: Any, into: Var | None = None, **params: Any) -> Equation:
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
