"""A module as a function of its parameters, so that their gradients are checked like those of any argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .leaves import Array, Function, Params, as_array
from .report import names_of


def is_module(f: Any) -> bool:
    """True if `f` has parameters, like an ``nn.Module``."""
    return hasattr(f, "named_parameters") and hasattr(f, "modules")


def as_function(module: Any) -> tuple[Function, dict[str, Array]]:
    """``f(parameters, *inputs)`` and the parameters to call it with, by their dotted names.

    A call leaves the module unchanged: parameters and buffers are restored. A parameter that is used in several places
    is one entry, and is replaced in all of them.
    """
    parameters = dict(module.named_parameters())

    def f(parameters_: Params, *inputs: Any) -> Any:
        with _replaced(module, {id(parameters[name]): value for name, value in parameters_.items()}):
            return module(*inputs)

    f.__name__, f.__names__ = type(module).__name__, ["parameters", *names_of(module.forward, 16)]  # type: ignore[attr-defined]  # a function may have any
    return f, {name: np.array(as_array(p)) for name, p in parameters.items()}


@contextmanager
def _replaced(module: Any, values: dict[int, Any]) -> Iterator[None]:
    """Within this context the module computes with `values`, whose keys are the ids of the parameters they replace."""
    before = [(part, dict(part._parameters), dict(part._buffers)) for part in module.modules()]
    buffers = [(b, np.array(as_array(b))) for _, _, old in before for b in old.values() if b is not None]
    try:
        for part, old, _ in before:
            for name, parameter in old.items():
                if id(parameter) in values:
                    part._parameters[name] = values[id(parameter)]
        yield
    finally:
        for part, old, old_buffers in before:
            part._parameters.update(old)
            part._buffers.update(old_buffers)
        for buffer, array in buffers:
            buffer.data[...] = array
