"""Steps that a board has in another form, which computes the same.

The root of a sum of squares is a norm: ``np.sqrt(np.sum(d * d))`` and ``np.sqrt(d @ d)`` are ‖d‖. The sign of a number
stands in front of a product: ``-b * x`` is -(b x), so -b is no step of its own.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np

from ..program import Equation, Program, Var
from ..table import TABLE


def with_signs_in_front(program: Program, named: Container[Var]) -> Program:
    """The program with the sign of a factor that is broadcast in front of the product."""
    users, signs = program.users, dict[Var, Equation]()

    def rule(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation] | None:
        [y, *_], [user, *others] = eq.outputs, users[eq.outputs[0]] or [eq]
        is_factor = user.row.algebra in ("product", "quotient") and y.shape != user.outputs[0].shape and not others
        if eq.row.algebra == "negation" and is_factor and y not in named:
            signs[y] = eq
            return []
        if (sign := next((signs[x] for x in eq.operands if isinstance(x, Var) and x in signs), None)) is None:
            return None
        inner = Var("", eq.shape, y.dtype)
        operands = tuple(sign.operands[0] if x is sign.outputs[0] else x for x in eq.operands)
        return [replace(eq, operands=operands, outputs=(inner,)), replace(sign, operands=(inner,), outputs=(y,))]

    return program.mapped(rule)


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
