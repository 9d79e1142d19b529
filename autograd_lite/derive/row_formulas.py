"""The derivative of a row as a formula: its rules run on symbols, at one example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.tree import leaves, rebuild
from ..engine.engine_rows import PROJECTION
from ..engine.node import NEEDS, Node
from ..engine.replay import arguments, replay
from ..engine.value import wrap
from ..table import Primitive
from ..tensor import Tensor
from .factors import Combine, total
from .formula_ops import Expr, constant, name, number, substitute, walk
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
    values = leaves(args)
    live = [_leaf(x) if np.asarray(x).dtype.kind in "fc" else x for x in values]
    y = row(*rebuild(args, live), **params)
    result = next((part for part in leaves(y) if isinstance(part, Tensor) and part._node is not None), None)
    if result is None or result._node is None:
        return []
    n: Node = result._node
    several = n.row is PROJECTION
    call = n.parents[0] if several else n
    if call is None or call.row is not row:
        return []
    results = _results(call, several)
    return [_of_argument(results, i) for i, p in enumerate(call.parents) if p is not None and row.pulls[i] is not None]


def _leaf(x: Any) -> Tensor:
    data = np.asarray(x)
    return wrap(data, Node(None, (), (), data, data.shape, data.dtype, NEEDS))


def _results(call: Node, several: bool) -> list[CallResult]:
    """Each result of a call, with the values of everything."""
    values = replay([*(p for p in call.parents if p is not None), call])
    recorded = tuple(p is not None for p in call.parents)
    indices = range(len(call.parts)) if several else (None,)
    return [CallResult(call, k, arguments(call, values), recorded, values[call]) for k in indices]


def _of_argument(results: Sequence[CallResult], i: int) -> RowDerivative:
    """The rule for argument `i`: a sum over the results."""
    first, call = results[0], results[0].node
    arrays = {id(x): name(f"x_{k + 1}", np.shape(x)) for k, x in enumerate(first.xs) if not first.recorded[k]}
    edges = [edge(result, i, lambda k, x: arrays[id(x)] if np.ndim(x) else constant(x)) for result in results]
    one = sum(first.recorded) == 1
    meanings = {f"{X}{k}": name("x" if one else f"x_{k + 1}", np.shape(x)) for k, x in enumerate(first.xs)}
    if first.index is None:
        meanings[Y] = name("y", call.shape)
    else:
        meanings |= {f"{Y}{k}": name(f"y_{k + 1}", np.shape(v)) for k, v in enumerate(first.y)}
    assert call.row is not None
    is_partial = call.row.kind == "elementwise"
    terms = []
    for result, e in zip(results, edges, strict=True):
        g = name("g" if result.index is None else f"g_{result.index + 1}", result.shape)
        formula = substitute(e.formula, {**meanings, G: g})
        term = formula if is_partial else e.joined(g, formula)
        if not (term.is_number and term.value == 0):
            terms.append(term)
    combine = edges[0].combine if is_partial else Combine.MAP
    return RowDerivative("x" if one else f"x_{i + 1}", combine, total(terms or [number(0)]), edges[0].axes)
