"""Calls and entries of arrays in the words of an error: ``sqrt(x (3,))``, ``at [1]``, ``x[1] = 0``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

FEW = 3  # entries; of more only the first is listed


def called(function: str, operands: Iterable[tuple[str, Any]]) -> str:
    """A call: each operand by its name and shape, a number as itself; `operands` has names, or "", and values."""
    parts = (
        f"{word} {np.shape(x)}".lstrip() if word or hasattr(x, "shape") else value_text(np.asarray(x))
        for word, x in operands
    )
    return f"{function}({', '.join(parts)})"


def index_text(index: Iterable[int]) -> str:
    return f"[{', '.join(map(str, index))}]"


def places(mask: Any) -> str:
    """`` at [1]``, `` at 2 of 2``, or "" for a single number."""
    count = int(mask.sum())
    if not mask.ndim:
        return ""
    if count == mask.size:
        return f" at {count} of {count}"
    first = [index_text(index) for index in np.argwhere(mask)[:FEW].tolist()]
    return f" at {', '.join(first)}" if count <= FEW else f" at {count} of {mask.size}, the first {first[0]}"


def fact(word: str, x: Any, mask: Any) -> str:
    """What an array is at some entries: ``x[1] = 0``, ``x = 0 at 2 of 3``, ``x[0] = -1 and 4 more``."""
    x = np.asarray(x)
    chosen = x[mask]
    if not x.ndim:
        return f"{word} = {value_text(chosen[0])}"
    if chosen.size > 1 and ((chosen == chosen[0]).all() or (chosen != chosen).all()):
        return f"{word} = {value_text(chosen[0])}{places(mask)}"
    more = f" and {chosen.size - 1} more" if chosen.size > 1 else ""
    return f"{word}{index_text(np.argwhere(mask)[0].tolist())} = {value_text(chosen[0])}{more}"


def value_text(x: Any) -> str:
    """A number to six digits, but 1.0000000000000002 as it is."""
    if x.dtype.kind in "biu":
        return str(x)
    text = f"{x + 0:.6g}"  # 0, not -0
    return str(x) if text in ("1", "-1") and abs(x) != 1 else text


def folded(mask: Any, shape: Sequence[int]) -> Any:
    """The entries of an operand of this shape that were broadcast to those of `mask`."""
    mask = mask.any(axis=tuple(range(mask.ndim - len(shape))))
    return mask.any(axis=tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True)
