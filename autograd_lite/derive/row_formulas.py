"""The derivative of a row as a formula: its rules run on symbols, at one example."""

from __future__ import annotations

from collections.abc import Sequence
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
from .writing import LATEX, TEXT, Printer, write


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
        return self._written(TEXT, "dy/d" if self.combine is Combine.ELEMENTWISE else "cotangent of ")

    def latex(self) -> str:
        if self.combine is Combine.ELEMENTWISE:
            return rf"\frac{{\partial y}}{{\partial {self.argument}}} = {write(self.formula, LATEX)}"
        return rf"\bar{{{self.argument}}} = {write(self.formula, LATEX)}"

    def _written(self, printer: Printer, before: str) -> str:
        return f"{before}{self.argument} = {write(self.formula, printer)}"


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
    [eq], values = program.equations, program.values
    results = [CallResult.of(eq, k, values) for k in (range(len(eq.outputs)) if row.outputs else (None,))]
    positions = (i for i, x in enumerate(eq.operands) if isinstance(x, Var) and row.pulls[i] is not None)
    return [_of_argument(results, i) for i in positions]


def _of_argument(results: Sequence[CallResult], i: int) -> RowDerivative:
    """The rule for argument `i`: a sum over the results."""
    first, row = results[0], results[0].equation.row
    arrays = {id(x): name(f"x_{k + 1}", np.shape(x)) for k, x in enumerate(first.xs) if not first.is_recorded(k)}
    edges = [edge(result, i, lambda k, x: arrays[id(x)] if np.ndim(x) else constant(x)) for result in results]
    one = sum(map(first.is_recorded, range(len(first.xs)))) == 1
    meanings = {f"{X}{k}": name("x" if one else f"x_{k + 1}", np.shape(x)) for k, x in enumerate(first.xs)}
    if first.index is None:
        meanings[Y] = name("y", first.shape)
    else:
        meanings |= {f"{Y}{k}": name(f"y_{k + 1}", np.shape(v)) for k, v in enumerate(first.y)}
    is_partial = row.kind == "elementwise"
    terms = []
    for result, e in zip(results, edges, strict=True):
        g = name("g" if result.index is None else f"g_{result.index + 1}", result.shape)
        formula = substitute(e.formula, {**meanings, G: g})
        term = formula if is_partial else e.joined(g, formula)
        if not (term.is_number and term.value == 0):
            terms.append(term)
    combine = edges[0].combine if is_partial else Combine.MAP
    return RowDerivative("x" if one else f"x_{i + 1}", combine, total(terms or [number(0)]), edges[0].axes)
