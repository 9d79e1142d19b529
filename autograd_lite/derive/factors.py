"""One factor of a chain of derivatives: a formula, its value, and how it combines with the cotangent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.node import Node
from ..table import TABLE, Primitive
from .expr import Function
from .expression import Expr, evaluate, make, name, number, product
from .writing import root_of


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a chain: the partial derivative of one landmark with respect to another.

    Attributes
    ----------
    of, wrt : Node
    symbol : str
        ``dP/dC``.
    formula : Expr
        The partial itself; for a map the new cotangent in terms of the old one, written `cotangent`.
    combine : str
        ``"elementwise"``, ``"left"`` (the partial stands left of the cotangent), ``"right"``, or ``"map"``.
    axes : tuple of int
        To sum over afterwards, because the argument was broadcast along them.
    value : ndarray or None
        The partial in numbers; None for a map.
    rules : tuple of Primitive
        The rows whose rules it is made of.
    cotangent : str
        What the cotangent is called in the formula of a map.
    pull : callable or None
        From the old cotangent to the new one in numbers, where the formula only says what a textbook says.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True, name="x")
    >>> y = ag.sin(x)
    >>> factor = ag.partials(y, x, names={"y": y}).paths[0][0]
    >>> factor.symbol, factor.combine, round(float(factor.value), 4)
    ('dy/dx', 'elementwise', -0.4161)
    """

    of: Node
    wrt: Node
    symbol: str
    formula: Expr
    combine: str
    axes: tuple[int, ...]
    value: Any
    rules: tuple[Primitive, ...]
    cotangent: str
    _env: Mapping[str, Any] = field(repr=False)
    pull: Callable[[Any], Any] | None = field(default=None, repr=False)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.of.shape, self.wrt.shape

    @property
    def stated(self) -> Expr:
        """The formula as it is written: that of a vector with respect to one that is added to it is ``I``, not 1."""
        one = name("I")
        is_one = self.combine == "elementwise" and self.formula.is_number and math.prod(self.of.shape) > 1
        if not is_one or self.formula.value not in (1, -1):
            return self.formula
        return one if self.formula.value == 1 else product((number(-1), one), ())

    def apply(self, g: Any) -> Any:
        """The cotangent of `wrt`, from the cotangent `g` of `of`."""
        if self.pull is not None:
            return self.pull(g)
        is_map = self.combine == "map"
        partial = evaluate(self.formula, {**self._env, self.cotangent: g}) if is_map else self.value
        return pulled(g, self.combine, partial, self.axes, *self.shapes)

    def jacobian(self) -> Any:
        """The derivative of every entry with respect to every entry, of shape ``of.shape + wrt.shape``."""
        of_shape, wrt_shape = self.shapes
        rows = []
        for k in range(int(np.prod(of_shape))):
            e = np.zeros(of_shape)
            e.flat[k] = 1
            rows.append(self.apply(e))
        return np.reshape(rows, of_shape + wrt_shape)

    def __repr__(self) -> str:
        from_above = "" if self.combine == "elementwise" else f", {self.combine}"
        of_shape, wrt_shape = self.shapes
        return f"<Factor {self.symbol} {of_shape} by {wrt_shape}{from_above}>"


def pulled(
    g: Any, combine: str, partial: Any, axes: Sequence[int], of_shape: tuple[int, ...], wrt_shape: tuple[int, ...]
) -> Any:
    """The cotangent `g` combined with a partial, which is the new cotangent itself if it is a map; then summed."""
    match combine:
        case "elementwise":
            d = g * partial
            if axes:
                d = np.broadcast_to(d, np.broadcast_shapes(np.shape(d), of_shape))
        case "left":
            d = partial @ g
        case "right":
            d = g @ partial
        case _:
            d = partial
    return laid_out(np.sum(d, axis=tuple(axes)) if axes else d, wrt_shape)


def laid_out(d: Any, shape: tuple[int, ...]) -> Any:
    """`d` at full shape; it may be smaller where all entries are the same."""
    if np.size(d) == int(np.prod(shape)):
        return np.reshape(d, shape)
    return np.broadcast_to(np.reshape(d, ()) if np.size(d) == 1 else d, shape)


class FoldedCall(Function):
    """Takes the place of a row in a formula: a module or composite call, as one step."""


def summed(e: Expr, axes: tuple[int, ...], shape: tuple[int, ...]) -> Expr:
    """The sum of a formula over `axes`, in the given shape."""
    if e.role == "negation":
        return product((number(-1), summed(e.args[0], axes, shape)), shape)
    kept = len(e.shape) == len(shape)
    after = tuple(1 if k in axes else s for k, s in enumerate(e.shape) if kept or k not in axes)
    total = Expr("sum", (e,), None, {"axis": axes, "keepdims": kept}, after, TABLE["sum"])
    return total if after == shape else make(TABLE["reshape"], (total,), {"shape": shape, "order": "C"}, shape)


def total(terms: Sequence[Expr]) -> Expr:
    """The sum of several formulas."""
    total = terms[0]
    for term in terms[1:]:
        total = make(TABLE["add"], (total, term), {}, np.broadcast_shapes(total.shape, term.shape))
    return total


def scalars_apart(e: Expr) -> tuple[Callable[[Expr], Expr], Expr]:
    """A matrix without the numbers that it is multiplied with, and what puts these beside a product with it."""
    above = [f for f in e.args if not f.shape] if e.role == "product" else []
    rest = [f for f in e.args if f.shape] or [number(1)] if above else [e]
    below: list[Expr] = []
    if e.role == "quotient" and not e.args[1].shape:
        above, rest, below = [], [e.args[0]], [e.args[1]]
    for f in above:
        if f.is_number and root_of(f.value)[1]:
            above = [number(1) if h is f else h for h in above]
            below = [number(math.sqrt(root_of(f.value)[0]))]

    def beside(made: Expr) -> Expr:
        top = product((*above, made), made.shape) if above else made
        return make(TABLE["divide"], (top, below[0]), {}, made.shape) if below else top

    return beside, product(rest, rest[0].shape) if len(rest) > 1 else rest[0]
