"""A module as a function of its parameters, so that their gradients can be checked as any argument's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd_lite.testing.arrays import Array, as_array


def is_module(f: Any) -> bool:
    """Whether `f` has parameters of its own, as an ``nn.Module`` has."""
    return hasattr(f, "named_parameters") and hasattr(f, "modules")


def as_function(module: Any) -> tuple[Callable[..., Any], dict[str, Array]]:
    """``f(parameters, *inputs)`` and the parameters, by their dotted names, to call it with.

    A call leaves the module as it was: parameters and buffers are put back. A parameter that is used in
    several places is one entry, and is replaced in all of them.
    """
    parameters = dict(module.named_parameters())

    def f(parameters_: dict[str, Any], *inputs: Any) -> Any:
        with _replaced(module, {id(parameters[name]): value for name, value in parameters_.items()}):
            return module(*inputs)

    f.__name__, f.__names__ = type(module).__name__, ["parameters", *_inputs_of(module)]  # type: ignore[attr-defined]
    return f, {name: np.array(as_array(p)) for name, p in parameters.items()}


def _inputs_of(module: Any) -> list[str]:
    """The names of what `forward` takes; a few more for what it takes by the star."""
    code = getattr(type(module).forward, "__code__", None)
    names = list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
    return names + [f"argument {k}" for k in range(len(names), len(names) + 8)]


@contextmanager
def _replaced(module: Any, values: dict[int, Any]) -> Iterator[None]:
    """Within it the module computes with `values`, by the identity of the parameters they stand for."""
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
