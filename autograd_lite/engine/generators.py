"""The generator that random numbers are drawn from."""

from __future__ import annotations

from typing import Any

from ..base.generator import numpy_generator as generator_of
from .context import tracing
from .position import users_line


def numpy_generator(generator: Any) -> Any:
    """The NumPy generator; a compiled function would draw only once."""
    if tracing() is not None:
        raise RuntimeError(
            f"random numbers at {users_line()}: inside jit these would be drawn once, and be the same in every call. "
            "Write ag.rand_like(x), ag.randn_like(x) or F.dropout(x), or draw outside and pass them in"
        )
    return generator_of(generator)
