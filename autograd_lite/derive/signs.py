"""Signs and numbers stand in front of a product: ``-b * x`` is -(b x), ``-x @ W`` is -(x @ W), ``0.5 * x @ Q`` is
½ (x @ Q). So -b, -x and ½ x are no steps.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from ..program import Equation, Program, Var


def with_factors_in_front(program: Program, named: Container[Var]) -> Program:
    """The program with the sign of a factor that is broadcast, or of a matrix, in front of the product; so with a
    number by which a matrix is multiplied.
    """
    users, before = program.users, dict[Var, Equation]()

    def rule(eq: Equation, defined: Mapping[Var, Equation]) -> list[Equation]:
        y, after = eq.y, users[eq.y] or [eq]
        in_products = [u.algebra in ("matrix product", "dot product") for u in after]
        new = [eq]
        if factors := [before[x] for x in eq.operands if isinstance(x, Var) and x in before]:
            instead = {f.y: _array(f) for f in factors}
            operands = tuple(instead.get(x, x) if isinstance(x, Var) else x for x in eq.operands)
            signs = [f for f in factors if f.algebra == "negation"]
            scaled = [(k, int(not f.shapes[0])) for f in factors for k, x in enumerate(operands)
                      if len(f.operands) > 1 and x is _array(f)]
            new = [replace(eq, operands=operands, origin=eq.origin._replace(scaled=tuple(scaled)))]
            for f in [f for f in factors if f not in signs] + signs[: len(signs) % 2]:
                inner = Var("", eq.shape, y.dtype)
                turned = tuple(inner if x is _array(f) else x for x in f.operands)
                origin = eq.origin if f in signs else f.origin  # -β of another line may be the same value
                sign = replace(f, operands=turned, outputs=(y,), origin=origin)
                new = [*new[:-1], replace(new[-1], outputs=(inner,)), sign]
        is_broadcast = [u.algebra in ("product", "quotient") and y.shape != u.y.shape for u in after]
        is_sign = new[-1].algebra == "negation" and all(map(max, is_broadcast, in_products))
        if y not in named and (is_sign or all(in_products) and _is_scaled(new[-1])):
            before[y] = new.pop()
        return new

    return program.mapped(rule)


def _is_scaled(eq: Equation) -> bool:
    """True if an equation multiplies an array by a number."""
    return eq.algebra == "product" and sorted(map(bool, eq.shapes)) == [False, True]


def _array(eq: Equation) -> Var:
    """The array that a sign or a number stands in front of."""
    [x] = (x for x, shape in zip(eq.operands, eq.shapes, strict=True) if len(eq.operands) == 1 or shape)
    return x
