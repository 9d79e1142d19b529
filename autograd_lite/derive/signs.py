"""The sign of a number stands in front of a product: ``-b * x`` is -(b x), so -b is no step of its own."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from ..program import Equation, Program, Var


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
