"""Masks that the user computed from values of the program, as steps: of ``z * (z > 0)`` only their value is recorded.

The variables of a function that has returned are gone. They are known from the operands of what it recorded.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..program import Equation, Program, Var
from ..program.assignments import assigned, names
from ..program.graph import recorded_equations
from ..program.naming import at_place, operand, scopes
from .constants import is_number
from .formula import name
from .formula_ops import evaluate, recorded
from .textbook_parser import Written, read


def with_masks(program: Program) -> Program:
    """The program with equations for masks that the user's lines compute from values of the program."""
    return program.mapped(_Masks(program).rule)


class _Masks:
    def __init__(self, program: Program) -> None:
        self.values, self.scopes = program.values, scopes()
        self.named = {v.name: v for v in program.variables if v in program.named}
        self.operands: dict[Any, dict[str, Any]] = {}  # of each code those that are variables there, as they were last

    def rule(self, eq: Equation, _: Mapping[Var, Equation]) -> list[Equation]:
        written = [operand(eq, k) for k in range(len(eq.operands))]
        variables = self.operands.setdefault(eq.origin.code, {})
        variables |= {e.id: x for e, x in zip(written, eq.operands, strict=True) if isinstance(e, ast.Name)}
        before, operands = list[Equation](), list[Any]()
        for e, x in zip(written, eq.operands, strict=True):
            is_mask = isinstance(x, np.ndarray) and x.dtype == bool and x.ndim > 0 and e is not None
            equations, x = self._computed(eq, e, x) if is_mask else ([], x)
            before += equations
            operands.append(x)
        return [*before, replace(eq, operands=tuple(operands))]

    def _computed(self, eq: Equation, e: Any, mask: Any) -> tuple[list[Equation], Any]:
        """The equations of a mask, and its variable, if `e` computes it from values of the program; else the mask."""
        code = eq.origin.code
        sources = assigned(code, e.id) if isinstance(e, ast.Name) else [e]
        if not sources or len(sources) > 1:
            return [], mask
        around = [scope for owner, scope in self.scopes if owner in (code, None)]
        where = self.operands[code], self.named, *around
        used = {w: next((s[w] for s in where if w in s), None) for w in dict.fromkeys(names(sources[0]))}
        found = {w: self.values[x] if isinstance(x, Var) else x for w, x in used.items()}
        arrays = {w: np.asarray(x) for w, x in found.items() if isinstance(x, np.ndarray) or is_number(x)}
        try:
            stated = read(sources[0], {w: Written(name(w, a.shape), a) for w, a in arrays.items()})
        except (IndexError, KeyError, TypeError, ValueError):  # more than arithmetic
            return [], mask
        variables = {x: self.values[x] for x in used.values() if isinstance(x, Var)}
        if not variables or stated.expr is None or not np.array_equal(stated.value, mask):
            return [], mask

        def run(tensors: Mapping[Var, Any]) -> Any:
            env = {w: tensors[x] if isinstance(x, Var) else x for w, x in used.items()}
            return evaluate(stated.formula, env, call=recorded)

        return recorded_equations(run, variables, origin=eq.origin._replace(at=at_place(code, sources[0])))
