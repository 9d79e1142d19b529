"""Lowering: a row that is written with other rows (``definition=``) is replaced by them, for the other passes."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

from ...program import Equation, Program, Var
from ...program.equation import key_of
from ..block import Block, inlined, traced
from ..c.regions import gains
from .scalars import MOST, formula


def lowered(block: Block) -> Block:
    """`block` with each row that has ``definition=`` written out.

    Values that may still become floats are left alone where the row can be computed with these.
    """
    largest = MOST if block.small else 0
    programs = {}

    def rule(eq: Equation, defined: Any) -> Any:
        body = eq.row.definition
        if not body or not all(x.dtype.kind in "fc" for x in eq.outputs) or eq.y in block.floats:
            return None
        if any(isinstance(x, Var) and 0 in x.shape for x in eq.operands):
            return None
        if _is_one_formula(eq, block, largest):
            return None
        kinds = [(x.shape, x.dtype) if isinstance(x, Var) else key_of(x) for x in eq.operands]
        key = eq.row, *kinds, key_of(eq.params)
        if key not in programs:
            programs[key] = _program(eq, eq.row.fn if body is True else body)
        program = programs[key]
        equations = [] if program is None else inlined(program, eq.operands, eq, eq.outputs)
        return [e for inner in equations for e in rule(inner, defined) or [inner]] or None

    return block.mapped(rule) if any(eq.row.definition for eq in block.equations) else block


def _is_one_formula(eq: Equation, block: Block, largest: int) -> bool:
    """True if a row is better computed entry by entry: in C, or as Python floats."""
    (y, *_), vectors = eq.outputs, block.vectors
    small = prod(y.shape) <= largest and y.dtype == float
    return formula(eq) is not None and (small or vectors is not None and gains(eq, vectors))


def _program(eq: Equation, body: Any) -> Program | None:
    program = traced(partial(body, **eq.params), eq.operands)
    fits = all(
        isinstance(a, Var) and a.shape == b.shape and a.dtype == b.dtype
        for a, b in zip(program.outputs, eq.outputs, strict=True)
    )
    itself = any(inner.row is eq.row for inner in program.equations)  # mean of truth values is not sum / n
    return program if fits and not program.captured and program.equations and not itself else None
