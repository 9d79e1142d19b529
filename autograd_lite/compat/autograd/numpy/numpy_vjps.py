"""What rules of HIPS's users import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def unbroadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """The sum of `x` over the axes along which an array of this shape was broadcast to it."""
    extra = np.ndim(x) - len(shape)
    x = np.sum(x, axis=tuple(range(extra))) if extra > 0 else x
    axes = tuple(k for k, n in enumerate(shape) if n == 1 != np.shape(x)[k])
    return np.sum(x, axis=axes, keepdims=True) if axes else x


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The rule `f`, with its result summed to the shape of `target`, and real if that is."""
    shape, real = np.shape(target), not np.iscomplexobj(target)

    def rule(g: Any) -> Any:
        d = unbroadcast(f(g), shape)
        return np.real(d) if real and np.iscomplexobj(d) else d

    return rule
