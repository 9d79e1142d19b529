"""The derivative of a row as a formula: its rules run on symbols, at one example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.tree import leaves, rebuild
from ..program import Program, Var
from ..table import Primitive
from ..tensor import Tensor
from .factors import Combine, total
from .formula import Expr, constant, name, number, walk
from .formula_ops import substitute
from .symbolic_rule import CallResult, G, RuleCall, X, Y, edge
from .writing import LATEX, TEXT, write


@dataclass(frozen=True)
class RowDerivative:
    """The rule for one argument of a row.

    Attributes
    ----------
    argument : str
        ``x``, or ``x_1``, ``x_2``, … where there are several.
    combine : Combine
        ``"elementwise"``: `formula` is the partial dy/dx; otherwise it is the cotangent of the argument in terms of
        `g`, that of the result.
    formula : Expr
    axes : tuple of int
        To sum over, because the argument was broadcast along them in this example.
    """

    argument: str
    combine: Combine
    formula: Expr
    axes: tuple[int, ...]

    @property
    def is_formula(self) -> bool:
        """Whether it is a formula; otherwise it is a call of the rule."""
        return not any(isinstance(part.row, RuleCall) for part in walk(self.formula))

    def text(self) -> str:
        before = "dy/d" if self.combine is Combine.ELEMENTWISE else "cotangent of "
        return f"{before}{self.argument} = {write(self.formula, TEXT)}"

    def latex(self) -> str:
        if self.combine is Combine.ELEMENTWISE:
            return rf"\frac{{\partial y}}{{\partial {self.argument}}} = {write(self.formula, LATEX)}"
        return rf"\bar{{{self.argument}}} = {write(self.formula, LATEX)}"


def derivatives(row: Primitive, *args: Any, **params: Any) -> list[RowDerivative]:
    """The rules of `row` as formulas, for a call on these arguments; empty for rows that have none of their own.

    Examples
    --------
    >>> from autograd_lite.table import TABLE
    >>> for name in ("sigmoid", "log", "matmul"):
    ...     shape = (2, 2) if name == "matmul" else ()
    ...     xs = [np.full(shape, 0.5)] * len(TABLE[name].rules)
    ...     print(name, "; ".join(d.text() for d in derivatives(TABLE[name], *xs)))
    sigmoid dy/dx = y (1 - y)
    log dy/dx = 1 / x
    matmul cotangent of x_1 = g @ x_2ᵀ; cotangent of x_2 = x_1ᵀ @ g
    """
    live = [Tensor(x, requires_grad=True) if np.asarray(x).dtype.kind in "fc" else x for x in leaves(args)]
    program = Program.of(row(*rebuild(args, live), **params))
    if len(program) != 1 or program.equations[0].row is not row:
        return []
    [eq] = program.equations
    are_constant = [not isinstance(x, Var) for x in eq.operands]
    is_only = are_constant.count(False) == 1

    def constant_operand(k: int) -> Expr:
        x = eq.operands[k]
        return name(f"x_{k + 1}", np.shape(x)) if np.ndim(x) else constant(x)

    meanings = {f"{X}{k}": name("x" if is_only else f"x_{k + 1}", eq.shape_of(k)) for k in range(len(eq.operands))}
    if row.outputs:
        meanings |= {f"{Y}{k}": name(f"y_{k + 1}", v.shape) for k, v in enumerate(eq.outputs)}
    else:
        meanings[Y] = name("y", eq.shape)
    results = [CallResult(eq, v, program.values, constant_operand) for v in eq.outputs if v.dtype.kind in "fc"]

    def rule(i: int) -> RowDerivative:
        """The rule for argument `i`: a sum over the results."""
        edges = [edge(result, i) for result in results]
        terms = []
        for k, e in enumerate(edges):
            g = name(f"g_{k + 1}" if row.outputs else "g", results[k].n.shape)
            formula = substitute(e.formula, {**meanings, G: g})
            terms.append(formula if row.kind == "elementwise" else e.joined(g, formula))
        terms = [term for term in terms if not (term.is_number and term.value == 0)] or [number(0)]
        combine = edges[0].combine if row.kind == "elementwise" else Combine.MAP
        return RowDerivative("x" if is_only else f"x_{i + 1}", combine, total(terms), edges[0].axes)

    return [rule(i) for i, is_constant in enumerate(are_constant) if not is_constant and row.pulls[i] is not None]
