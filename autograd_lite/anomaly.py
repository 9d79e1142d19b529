"""``detect_anomaly``: stop at the first operation that makes a nan, or whose inputs were written to behind our back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import adler32

import numpy as np

from .graph import Node
from .mode import changed


class _Watcher:
    """Told of every node that is made and of every cotangent that is pulled back."""

    def __init__(self) -> None:
        self.prints: dict[Node, tuple[int | None, ...]] = {}

    def __call__(self, node: Node, y: Any) -> None:
        for part in y if isinstance(y, tuple) else (y,):
            if part.dtype.kind in "fc" and np.isnan(part).any():
                raise _anomaly(f"{_call(node)} made a nan in the forward pass", node)
        self.prints[node] = _fingerprints(node)

    def pulled(self, node: Node, parent: Node, d: Any) -> None:
        if node in self.prints and node.xs is not None and self.prints[node] != _fingerprints(node):
            raise _anomaly(
                f"an array that {_call(node)} uses was written to after the forward pass (through .data[...] or an array "
                "that was mixed in): its gradient would be wrong",
                node,
            )
        for part in d if isinstance(d, tuple) else (d,):
            raw = getattr(part, "_data", part)
            if part is not None and np.isnan(raw).any():
                raise _anomaly(f"{_call(node)} made a nan in the backward pass, for {parent.label}", node)


def _call(node: Node) -> str:
    name = node.row.name if node.row is not None else "input"
    return f"{name}({', '.join(str(shape) for shape in node.shapes)})" + (f", named {node.name!r}," if node.name else "")


def _fingerprints(node: Node) -> tuple[int | None, ...]:
    return tuple(adler32(np.ascontiguousarray(x).view(np.uint8)) if isinstance(x, np.ndarray) and x.size else None for x in node.xs)


def _anomaly(message: str, node: Node) -> RuntimeError:
    error = RuntimeError(message)
    if node.origin:
        error.add_note(f"recorded at {node.origin}")
    return error


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within it, the first operation that makes a nan raises, forward or backward, and so does a raw write.

    Slow: every array is read again at every step.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> x = ag.tensor([-1.0, 1.0], requires_grad=True)
    >>> with detect_anomaly(), np.errstate(invalid="ignore"):
    ...     np.log(x).sum()
    Traceback (most recent call last):
      ...
    RuntimeError: log((2,)) made a nan in the forward pass
    """
    with changed(watcher=_Watcher()):
        yield
