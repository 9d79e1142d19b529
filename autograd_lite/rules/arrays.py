"""What a function gets that asks for an array, and for whole numbers."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from ..base.tree import too_deep


def is_live(a: Any) -> bool:
    """Whether `a` is, or holds, something that dispatches: a Tensor."""
    try:
        return any(map(is_live, a)) if isinstance(a, (list, tuple)) else hasattr(type(a), "__autograd_apply__")
    except RecursionError:
        raise too_deep(a) from None


def entire(a: Any) -> Any:
    """What somebody has called an array as one: a nested list with Tensors in it is stacked."""
    if hasattr(a, "dtype"):
        return a
    return np.stack([entire(part) for part in a]) if is_live(a) else np.asarray(a)


def ints(n: Any) -> tuple[int, ...]:
    """One whole number or several, as a tuple: a shape, axes, shifts."""
    if type(n) is int:
        return (n,)
    return tuple(map(as_int, n)) if type(n) in (tuple, list) or np.ndim(n) else (as_int(n),)
