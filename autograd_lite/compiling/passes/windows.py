"""Windows for C: pooling and the strips of convolutions are written with slices, which C has.

As rows of their own they are loops over the places in a window, each of which goes over all images. In C the slices of
all places are operands of one formula, and a pooled image is read once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from ...engine.node import Params, Shape, Values
from ...program import Equation, Var
from ...rules.windows import counts, read_at
from ...table import Primitive
from ..block import Block, maker, written
from . import strips


def _put_together(*parts: Any, shape: Shape, indices: Values) -> Any:
    y = np.empty(shape, parts[0].dtype)
    for part, index in zip(parts, indices, strict=True):
        y[index] = part
    return y


#: An array of disjoint parts, each at a basic index, that make up all of it.
PARTS = Primitive(
    "linear", _put_together, (None,), name="put_together", algebra="parts", innermost=0, variadic=True,
    bind=lambda *xs, **params: (xs, params),
)  # fmt: skip


def in_slices(block: Block) -> Block:
    """`block` with such rows written out, where no padding is in the way."""

    def rule(eq: Equation, defined: dict[Var, Equation]) -> Any:
        form = _FORMS.get(eq.algebra or "")
        new = form(eq, defined) if form is not None and eq.y.dtype.kind == "f" else None
        return written(eq, *new, into=eq.outputs) if new is not None else None

    return block.mapped(rule)


def _windows(eq: Equation, sizes: Shape) -> tuple[Params, Any] | None:
    """The parameters of windows and what they read, for each place in one; None if images are padded."""
    of = {k: eq.params[k] for k in ("kernel", "stride", "dilation", "padding")}
    if any(map(any, of["padding"])) or prod(of["kernel"]) > MOST:
        return None
    return of, read_at(counts(sizes, **of), of["kernel"], of["stride"], of["dilation"], of["padding"])


MOST = 16  # places in a window that are written out


def _largest(eq: Equation, defined: Any) -> Any:
    windows = _windows(eq, eq.x.shape[2:])
    if windows is None:
        return None
    return lambda x: reduce(np.maximum, [x[entries] for entries in windows[1]]), eq.x


def _at_the_largest(eq: Equation, defined: Any) -> Any:
    """Numbers at the first of the largest entries in each window, where windows cover all images."""
    y, (g, k) = eq.y, eq.operands
    largest_at = maker(k, defined, "place of the largest")
    windows = _windows(eq, y.shape[2:])
    if largest_at is None or windows is None or largest_at.params != windows[0]:
        return None
    of, places = windows
    if of["stride"] != of["kernel"] or any(d != 1 for d in of["dilation"]):
        return None
    if any(n % s for n, s in zip(y.shape[2:], of["stride"], strict=True)):
        return None

    def put(g: Any, x: Any, largest: Any) -> Any:
        before, parts = None, []  # true where no place before is the largest
        for entries in places[:-1]:
            same, other = x[entries] == largest, x[entries] != largest
            parts.append(g * (same if before is None else before & same))
            before = other if before is None else before & other
        parts.append(g if before is None else g * before)
        return PARTS(*parts, shape=y.shape, indices=places)

    return put, g, *largest_at.operands


def _strips(eq: Equation, defined: Any) -> Any:
    """A stack of what all windows along the other axes read at each place in one."""
    (x,), y, pads = eq.operands, eq.y, ((0, 0), (0, 0), *eq.params["padding"])
    of = eq.params | {"padding": ((0, 0),) * len(eq.params["padding"])}
    axes, places = strips.slices(tuple(n + sum(pair) for n, pair in zip(x.shape, pads, strict=True)), **of)

    def cut(x: Any) -> Any:
        x = np.transpose(np.pad(x, pads) if any(map(any, pads)) else x, axes)
        return np.reshape(np.stack([x[entries] for entries in places], axis=1), y.shape)

    return cut, x


def _between_zeros(eq: Equation, defined: Any) -> Any:
    pads = ((eq.params["before"], eq.params["after"]), (0, 0), (0, 0))
    return (lambda x: np.pad(np.swapaxes(x, 0, 1), pads)), *eq.operands


_FORMS: dict[str, Callable[[Equation, Any], Any]] = {
    "largest of windows": _largest, "at the largest": _at_the_largest, "strips": _strips,
    "between zeros": _between_zeros,
}  # fmt: skip
