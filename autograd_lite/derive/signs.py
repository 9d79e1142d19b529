"""A sign stands in front of a product: ``-b * x`` is -(b x) and ``-x @ W`` is -(x @ W); -b and -x are no steps."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from ..program import Equation, Program, Var


def with_signs_in_front(program: Program, named: Container[Var]) -> Program:
    """The program with the sign of a factor that is broadcast, or of a matrix, in front of the product."""
    users, signs = program.users, dict[Var, Equation]()

    def rule(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation]:
        [y, *_], [user, *others] = eq.outputs, users[eq.outputs[0]] or [eq]
        new = [eq]
        if turned := [signs[x] for x in eq.operands if isinstance(x, Var) and x in signs]:
            instead = {sign.outputs[0]: sign.operands[0] for sign in turned}
            operands = tuple(instead.get(x, x) if isinstance(x, Var) else x for x in eq.operands)
            new = [replace(eq, operands=operands)]
            if len(turned) % 2:
                inner = Var("", eq.shape, y.dtype)
                new = [replace(new[0], outputs=(inner,)), replace(turned[0], operands=(inner,), outputs=(y,))]
        is_broadcast = user.row.algebra in ("product", "quotient") and y.shape != user.outputs[0].shape
        is_factor = (is_broadcast or user.row.algebra in ("matrix product", "dot product")) and not others
        if new[-1].row.algebra == "negation" and is_factor and y not in named:
            signs[y] = new.pop()
        return new

    return program.mapped(rule)
