"""The derivative of a row as a formula: its rules run on symbols, at one example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.tree import leaves, rebuild
from ..engine.engine_rows import PROJECTION
from ..engine.node import NEEDS, Node
from ..engine.replay import replay
from ..engine.value import wrap
from ..table import Primitive
from ..tensor import Tensor
from .expression import Expr, constant, name, number, substitute, walk
from .factors import total
from .symbolic_rule import CallResult, G, RuleCall, X, Y, edge, joined
from .writing import LATEX, TEXT, Printer, write


@dataclass(frozen=True)
class RowDerivative:
    """The rule for one argument of a row.

    Attributes
    ----------
    argument : str
        ``x``, or ``x_1``, ``x_2``, … where there are several.
    combine : str
        ``"elementwise"``: `formula` is the partial dy/dx; otherwise it is the cotangent of the argument in terms of
        `g`, that of the result.
    formula : Expr
    axes : tuple of int
        To sum over, because the argument was broadcast along them in this example.
    """

    argument: str
    combine: str
    formula: Expr
    axes: tuple[int, ...]

    @property
    def is_formula(self) -> bool:
        """Whether it is a formula; otherwise it is a call of the rule."""
        return not any(isinstance(part.row, RuleCall) for part in walk(self.formula))

    def text(self) -> str:
        return self._written(TEXT, "dy/d" if self.combine == "elementwise" else "cotangent of ")

    def latex(self) -> str:
        if self.combine == "elementwise":
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
    given = leaves(args)
    live = [_leaf(x) if np.asarray(x).dtype.kind in "fc" else x for x in given]
    y = row(*rebuild(args, live), **params)
    result = next((part for part in leaves(y) if isinstance(part, Tensor) and part._node is not None), None)
    if result is None or result._node is None:
        return []
    n: Node = result._node
    several = n.row is PROJECTION
    call = n.parents[0] if several else n
    if call is None or call.row is not row:
        return []
    return [d for i in range(len(call.parents)) if (d := _of_argument(call, i, several)) is not None]


def _leaf(x: Any) -> Tensor:
    data = np.asarray(x)
    return wrap(data, Node(None, (), (), data, data.shape, data.dtype, NEEDS))


def _of_argument(call: Node, i: int, several: bool) -> RowDerivative | None:
    p = call.parents[i]
    assert call.row is not None
    if p is None or call.row.pulls[i] is None:
        return None
    inputs = [q for q in call.parents if q is not None]
    values = replay([*inputs, call])
    xs = tuple(x if q is None else values[q] for q, x in zip(call.parents, call.xs, strict=True))
    recorded = tuple(q is not None for q in call.parents)
    one = len(inputs) == 1
    arrays = {id(x): name(f"x_{k + 1}", np.shape(x)) for k, x in enumerate(xs) if not recorded[k] and np.ndim(x)}
    steps = [CallResult(call, k, xs, recorded, values[call]) for k in (range(len(call.parts)) if several else (None,))]
    edges = [edge(step, i, lambda k, x: arrays.get(id(x)) or constant(x)) for step in steps]
    words = {f"{X}{k}": name("x" if one else f"x_{k + 1}", np.shape(x)) for k, x in enumerate(xs)}
    if several:
        words |= {f"{Y}{k}": name(f"y_{k + 1}", np.shape(v)) for k, v in enumerate(values[call])}
    else:
        words[Y] = name("y", call.shape)
    terms = []
    for step, e in zip(steps, edges, strict=True):
        g = name("g" if step.index is None else f"g_{step.index + 1}", step.shape)
        formula = substitute(e.formula, {**words, G: g})
        if call.row.kind != "elementwise" and e.combine != "map":
            formula = joined(e.combine, formula, g, p.shape)
        if not (formula.is_number and formula.value == 0):
            terms.append(formula)
    combine = edges[0].combine if call.row.kind == "elementwise" else "map"
    return RowDerivative("x" if one else f"x_{i + 1}", combine, total(terms or [number(0)]), edges[0].axes)
