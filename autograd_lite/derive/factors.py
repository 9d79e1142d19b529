"""One factor of a chain of derivatives: a formula, its value, and how it combines with what comes from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.node import Node
from ..table import TABLE
from .expression import Expr, evaluate, make, number, product


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a chain: the partial derivative of one landmark by another.

    Attributes
    ----------
    of, wrt : Node
    symbol : str
        ``dP/dC``.
    formula : Expr
        The partial itself; for a map the new cotangent in terms of the old one, written `cotangent`.
    combine : str
        ``"elementwise"``, ``"left"`` (the partial stands left of what comes from above), ``"right"``, or ``"map"``.
    axes : tuple of int
        Over which the result is summed afterwards, because the argument was repeated along them.
    value : ndarray or None
        The partial in numbers; None for a map.
    rules : tuple of str
        The rows whose rules it is made of.
    """

    of: Node
    wrt: Node
    symbol: str
    formula: Expr
    combine: str
    axes: tuple[int, ...]
    value: Any
    rules: tuple[str, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    cotangent: str
    _env: Mapping[str, Any] = field(repr=False)

    def apply(self, g: Any) -> Any:
        """What comes from above, carried past this factor."""
        n_shape, m_shape = self.shapes
        if self.combine == "elementwise":
            d = g * self.value
        elif self.combine == "left":
            d = self.value @ g
        elif self.combine == "right":
            d = g @ self.value
        else:
            d = evaluate(self.formula, {**self._env, self.cotangent: g})
        if self.axes:
            if self.combine == "elementwise":
                d = np.broadcast_to(d, np.broadcast_shapes(np.shape(d), n_shape))
            d = np.sum(d, axis=self.axes)
        return laid_out(d, m_shape)

    def jacobian(self) -> Any:
        """Every derivative of every entry, an array of shape ``of.shape + wrt.shape``."""
        n_shape, m_shape = self.shapes
        rows = []
        for k in range(int(np.prod(n_shape))):
            e = np.zeros(n_shape)
            e.flat[k] = 1
            rows.append(self.apply(e))
        return np.reshape(rows, n_shape + m_shape)

    def __repr__(self) -> str:
        from_above = "" if self.combine == "elementwise" else f", {self.combine}"
        return f"<Factor {self.symbol} {self.shapes[0]} by {self.shapes[1]}{from_above}>"


def laid_out(d: Any, shape: tuple[int, ...]) -> Any:
    """`d`, which may be smaller where it is the same throughout, in full."""
    return np.reshape(d, shape) if np.size(d) == int(np.prod(shape)) else np.broadcast_to(d, shape)


class FoldedCall:
    """Stands where a row would in a formula: a module or composite call, told as one step."""

    kind = "general"
    np_name = tex = source = bind = None
    variadic = outputs = False

    def __init__(self, name: str, fn: Any = None) -> None:
        self.name = name
        self.fn = fn


def summed(e: Expr, axes: tuple[int, ...], shape: tuple[int, ...]) -> Expr:
    """The sum of a formula over `axes`, in the given shape."""
    if e.head == "negative":
        return product((number(-1), summed(e.args[0], axes, shape)), shape)
    kept = len(e.shape) == len(shape)
    after = (
        tuple(1 if k in axes else s for k, s in enumerate(e.shape))
        if kept
        else tuple(s for k, s in enumerate(e.shape) if k not in axes)
    )
    total = Expr("sum", (e,), None, {"axis": axes, "keepdims": kept}, after, TABLE["sum"])
    return (
        total if after == shape else make(TABLE["reshape"], (total,), {"shape": shape, "order": "C"}, shape)
    )


def total(terms: Sequence[Expr]) -> Expr:
    total = terms[0]
    for term in terms[1:]:
        total = make(TABLE["add"], (total, term), {}, np.broadcast_shapes(total.shape, term.shape))
    return total
