"""Recorded values: HIPS's boxes are Tensors here."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor
from ._refused import refuse
from .core import notrace_primitive as notrace_primitive
from .core import primitive as primitive
from .core import register_notrace as register_notrace
from .core import value_of as getval

__getattr__ = refuse(__name__, "Node", "trace", "new_box", "trace_stack", "TraceStack", "find_top_boxed_args")

Box = Tensor


def isbox(x: Any) -> bool:
    """True if a value is recorded."""
    return isinstance(x, Tensor)


__all__ = ["Box", "getval", "isbox", "notrace_primitive", "primitive", "register_notrace"]
