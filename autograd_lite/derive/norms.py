"""The root of a sum of squares is a norm: ``np.sqrt(np.sum(d * d))`` and ``np.sqrt(d @ d)`` are ‖d‖."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import numpy as np

from ..program import Equation, Program, Var
from ..table import TABLE


def with_norms(program: Program, named: Container[Var]) -> Program:
    """The program with norms for roots of sums of squares that have no names, where none of them is 0."""
    users, defined, values = program.users, program.defined, program.values
    inside: set[Var] = set()
    norms: dict[Var, Equation] = {}

    def before(eq: Equation) -> Equation | None:
        """The equation of its operand, if nothing else uses that."""
        x = eq.operands[0]
        if not isinstance(x, Var) or x in named or x not in defined or any(user is not eq for user in users[x]):
            return None
        return defined[x] if defined[x].group is eq.group else None

    for root in (eq for eq in program.equations if eq.row.algebra == "root" and np.all(values[eq.outputs[0]])):
        total = before(root)
        squares = before(total) if total is not None and total.row.algebra == "total" else total
        x = squares.operands[0] if squares is not None else None
        if total is None or squares is None or not isinstance(x, Var) or any(y is not x for y in squares.operands):
            continue
        is_dot = len(x.shape) == 1 and squares.row.algebra in ("matrix product", "dot product")
        if is_dot if squares is total else squares.row.algebra in ("square", "product"):
            axis = total.params.get("axis")
            axes = np.arange(len(x.shape))[[*range(len(x.shape))] if axis is None else np.atleast_1d(axis)]
            params = {"p": 2, "axis": tuple(axes.tolist()), "keepdims": total.params.get("keepdims", False)}
            norms[root.outputs[0]] = replace(root, row=TABLE["power_norm"], operands=(x,), params=params)
            inside |= {*total.outputs, *squares.outputs}
    if not norms:
        return program
    return program.mapped(lambda eq, _: [] if eq.outputs[0] in inside else [norms.get(eq.outputs[0], eq)])
