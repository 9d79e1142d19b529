"""For tests of layers: everything that holds for any layer, in one call."""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.testing import assert_gradients


def draw(*shapes: tuple[int, ...], seed: int = 0) -> Any:
    """Normally distributed arrays."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def shaken(module: nn.Module, seed: int = 1) -> nn.Module:
    """The module with random parameters, so that no mistake is hidden by a one or a zero."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data[...] = p.data + rng.normal(size=p.shape) / 3
    return module


def as_function(module: nn.Module) -> tuple[Callable[..., Any], list[Any]]:
    """The module as a function of its inputs and its parameters, and the values of the parameters."""
    places = [(m, name) for m in module.modules() for name, p in m._parameters.items() if p is not None]
    values = [m._parameters[name].data.copy() for m, name in places]

    def f(*args: Any) -> Any:
        inputs, parameters = args[: len(args) - len(places)], args[len(args) - len(places) :]
        saved = [m._parameters[name] for m, name in places]
        for (m, name), p in zip(places, parameters, strict=True):
            m._parameters[name] = p
        try:
            return module(*inputs)
        finally:
            for (m, name), p in zip(places, saved, strict=True):
                m._parameters[name] = p

    return f, values


def check_layer(module: nn.Module, *inputs: Any, order: int = 2, **options: Any) -> None:
    """Check gradients with respect to inputs and parameters to second order, and that float32 stays float32."""
    f, values = as_function(shaken(module))
    assert_gradients(f, *inputs, *values, order=order, broadcast=False, **options)
    single = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in map(np.asarray, inputs)]
    module.float()
    for y in flat(module(*single)):
        assert y.dtype == np.float32
    total = sum(y.sum() for y in flat(module(*single)))
    if isinstance(total, ag.Tensor) and total.requires_grad:
        total.backward()
        assert {p.grad.dtype for p in module.parameters() if p.grad is not None} <= {np.dtype(np.float32)}
    module.double()


def flat(y: Any) -> list[Any]:
    if isinstance(y, tuple | list):
        return [part for some in y for part in flat(some)]
    return [] if y is None else [y]


def value(y: Any) -> Any:
    return y.detach().numpy() if isinstance(y, ag.Tensor) else y
