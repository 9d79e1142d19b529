"""Hooks on the gradients of a module.

One identity is applied before the module's forward pass and one after it; their backward passes call the hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.context import is_grad_enabled
from ..engine.node import Values
from ..tensor import Tensor
from ..transforms.function import Function, FunctionCtx

Gradients = tuple[Tensor | None, ...]


class _Identity(Function):
    """The identity; `pulled` is called with the gradients, and returns the gradients to continue with."""

    @staticmethod
    def forward(ctx: FunctionCtx, pulled: Any, *xs: Any) -> Any:
        ctx.pulled = pulled  # type: ignore[attr-defined]  # a context takes any attribute, as in PyTorch
        return xs

    @staticmethod
    def backward(ctx: FunctionCtx, *gs: Any) -> Any:
        return None, *ctx.pulled(gs)  # type: ignore[attr-defined]  # set in forward


def watched(module: Any, run: Callable[[Values], Any], args: Values) -> Any:
    """``run(args)``, whose backward pass calls the hooks of the module."""
    before, after = tuple(module._backward_pre_hooks.values()), tuple(module._backward_hooks.values())
    grad_output: Gradients = ()

    def changed(new: Any, gs: Gradients, what: str) -> Gradients:
        if new is None:
            return gs
        new = _tuple(new)
        if len(new) != len(gs):
            raise RuntimeError(
                f"backward {what} of {type(module).__name__}: expected {len(gs)} gradients, got {len(new)}"
            )
        return new

    def output_gradients(gs: Gradients) -> Gradients:
        nonlocal grad_output
        for hook in before:
            gs = changed(hook(module, gs), gs, "pre hook")
        grad_output = gs
        if inputs is args:  # no input requires a gradient: the hooks are called here
            for hook in after:
                new = hook(module, (None,) * len(args), gs)
                if new is not None and any(g is not None for g in _tuple(new)):
                    raise RuntimeError(
                        f"backward hook of {type(module).__name__}: no input requires a gradient; return None"
                    )
        return gs

    def input_gradients(gs: Gradients) -> Gradients:
        for hook in after:
            gs = changed(hook(module, gs, grad_output), gs, "hook")
        return gs

    inputs = _through(args, input_gradients) if after else args
    y = run(inputs)
    outputs = _through(y if isinstance(y, tuple) else (y,), output_gradients)
    return outputs if isinstance(y, tuple) else outputs[0]


def _through(values: Values, pulled: Callable[[Gradients], Gradients]) -> Values:
    """The tensors that need gradients, through an identity; the tuple itself, if there are none."""
    places = [k for k, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places or not is_grad_enabled():
        return values

    def of_all(gs: Gradients) -> Gradients:
        cotangents = dict(zip(places, gs, strict=True))
        changed = pulled(tuple(map(cotangents.get, range(len(values)))))
        return tuple(changed[k] for k in places)

    new = dict(zip(places, _Identity.apply(of_all, *[values[k] for k in places]), strict=True))
    return tuple(new.get(k, x) for k, x in enumerate(values))


def _tuple(gs: Any) -> Values:
    return tuple(gs) if isinstance(gs, Sequence) else (gs,)
