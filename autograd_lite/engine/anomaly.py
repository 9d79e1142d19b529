"""``detect_anomaly``: raise at the first operation that makes a nan, or whose inputs were overwritten unnoticed."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary
from zlib import adler32

import numpy as np

from ..base.tree import leaves
from .context import changed
from .entries import fact, folded, places
from .errors import noted
from .node import Node, Shape
from .operands import raw


class _Watcher:
    """Sees every node that is made, and in the backward pass every node and every cotangent."""

    def __init__(self) -> None:
        self.prints: WeakKeyDictionary[Node, Shape] = WeakKeyDictionary()

    def __call__(self, node: Node, y: Any) -> None:
        if _has_nan(y):
            origin = next((p for p in node.parents if p is not None and p.row is None and _has_nan(p.y)), None)
            came = f", from a nan in {origin.label}" if origin is not None else ""
            raise noted(RuntimeError(f"{_call(node)} made a nan in the forward pass{came}{_at(node, y)}"), node)
        self.prints[node] = _fingerprints(node)

    def check(self, node: Node) -> None:
        """Raise if an array that a rule is about to use has changed."""
        if node.xs is not None and self.prints.get(node, ()) not in ((), _fingerprints(node)):
            raise noted(
                RuntimeError(
                    f"an array that {_call(node)} uses was written to after the forward pass (through .data[...] "
                    "or an array that was mixed in): its gradient would be wrong. Write after backward()"
                ),
                node,
            )

    def pulled(self, node: Node, parent: Node, d: Any) -> None:
        if _has_nan(d):
            what = (
                f"{_call(node)} made a nan in the backward pass, for {parent.label}{_at(node, d)}. "
                "ag.why(result, variable) says where that began"
            )
            raise noted(RuntimeError(what), node)


def _has_nan(value: Any) -> bool:
    arrays = [getattr(part, "_data", part) for part in (value if isinstance(value, tuple) else (value,))]
    return any(part is not None and part.dtype.kind in "fc" and bool(np.isnan(part).any()) for part in arrays)


def _call(node: Node) -> str:
    called = f", named {node.name!r}," if node.name else ""
    operands = ", ".join(
        f"{p.name} {shape}" if p is not None and p.name else str(shape)
        for p, shape in zip(node.parents, node.shapes, strict=True)
    )
    return f"{node.row.name}({operands}){called}"


def _at(node: Node, bad: Any) -> str:
    """The entries of a result or a cotangent that are nan, and the operands there: `` at [1]: x[1] = -1``."""
    bad = getattr(bad, "_data", bad)
    if isinstance(bad, tuple):
        return ""
    mask = np.isnan(bad)
    facts = [
        fact(p.name or "its operand", raw(x), folded(mask, x.shape))
        for p, x in zip(node.parents, node.xs, strict=True)
        if p is not None and x is not None and node.row.kind == "elementwise" and mask.shape == node.shape
    ]
    return places(mask) + f": {', '.join(facts)}" * bool(facts)


def _fingerprints(node: Node) -> Shape:
    """A checksum of each array that the node holds: arguments that a rule needs, indices and so on."""
    held = [x for x in (*node.xs, *leaves(node.params)) if isinstance(x, np.ndarray) and x.size]
    return tuple(adler32(np.ascontiguousarray(x).view(np.uint8).data) for x in held)


class detect_anomaly(changed):
    """A block in which the first operation that makes a nan raises, forward or backward, and so does a raw write.

    Slow: every array is read again at every step.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> x = ag.tensor([-1.0, 1.0], requires_grad=True)
    >>> with ag.detect_anomaly(), np.errstate(invalid="ignore"):
    ...     np.log(x).sum()
    Traceback (most recent call last):
      ...
    RuntimeError: log((2,)) made a nan in the forward pass at [0]: its operand[0] = -1
    recorded at ...
    """

    def __init__(self) -> None:
        super().__init__(watcher=_Watcher())
