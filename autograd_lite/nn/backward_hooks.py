"""Hooks on the gradients of a module.

One identity is applied before the module's forward pass and one after it; their backward passes call the hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.context import is_grad_enabled
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


class Watch:
    """The hooks of one call of a module."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.before, self.after = tuple(module._backward_pre_hooks.values()), tuple(module._backward_hooks.values())
        self.inputs = 0
        self.grad_output: Gradients = ()
        self.reaches_inputs = False

    def of_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of forward."""
        self.inputs = len(args)
        tensors = self._through(args, self._input_gradients) if self.after else args
        self.reaches_inputs = tensors is not args
        return tensors

    def of_output(self, y: Any) -> Any:
        """The output of forward."""
        ys = y if isinstance(y, tuple) else (y,)
        tensors = self._through(ys, self._output_gradients)
        return tensors if isinstance(y, tuple) else tensors[0]

    def _through(self, values: tuple[Any, ...], pulled: Callable[[Gradients], Gradients]) -> tuple[Any, ...]:
        """The tensors that need gradients, through an identity."""
        places = [k for k, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
        if not places or not is_grad_enabled():
            return values

        def of_all(gs: Gradients) -> Gradients:
            cotangents = dict(zip(places, gs, strict=True))
            changed = pulled(tuple(map(cotangents.get, range(len(values)))))
            return tuple(changed[k] for k in places)

        new = dict(zip(places, _Identity.apply(of_all, *[values[k] for k in places]), strict=True))
        return tuple(new.get(k, x) for k, x in enumerate(values))

    def _output_gradients(self, gs: Gradients) -> Gradients:
        for hook in self.before:
            gs = self._changed(hook(self.module, gs), gs, "pre hook")
        self.grad_output = gs
        if not self.reaches_inputs:
            nothing = (None,) * self.inputs
            for hook in self.after:
                changed = hook(self.module, nothing, gs)
                if changed is not None and any(g is not None for g in _tuple(changed)):
                    raise RuntimeError(
                        f"backward hook of {type(self.module).__name__}: no input requires a gradient; return None"
                    )
        return gs

    def _input_gradients(self, gs: Gradients) -> Gradients:
        for hook in self.after:
            gs = self._changed(hook(self.module, gs, self.grad_output), gs, "hook")
        return gs

    def _changed(self, changed: Any, gs: Gradients, what: str) -> Gradients:
        if changed is None:
            return gs
        new = _tuple(changed)
        if len(new) != len(gs):
            raise RuntimeError(
                f"backward {what} of {type(self.module).__name__}: expected {len(gs)} gradients, got {len(new)}"
            )
        return new


def _tuple(gs: Any) -> tuple[Any, ...]:
    return tuple(gs) if isinstance(gs, Sequence) else (gs,)
