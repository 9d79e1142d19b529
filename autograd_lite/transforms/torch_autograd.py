"""PyTorch's ``autograd.grad`` and ``autograd.backward``: gradients of recorded results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Literal, overload

from ..engine.accumulate import backward as _backward, cotangent_of, is_any_traced, taken
from ..engine.backward import pull_back
from ..engine.context import changed, watcher
from ..engine.engine_rows import lift
from ..engine.node import Node
from ..engine.value import as_tensor
from ..tensor import Tensor


@overload
def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
    create_graph: bool = False, allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
    create_graph: bool = False, allow_unused: bool = False,
) -> tuple[Tensor | None, ...]: ...
def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
    create_graph: bool = False, allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, which may be leaves or recorded results.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        What is differentiated.
    inputs : Tensor or sequence of Tensor
        What to differentiate with respect to.
    grad_outputs : array_like or sequence of them, optional
        The cotangents to start from; one for a scalar.
    create_graph : bool
        Record the backward pass, so that the gradients can be differentiated again.
    allow_unused : bool
        Return None for an input that the outputs do not depend on, instead of raising.

    Returns
    -------
    tuple of Tensor or None
        One for each input, in its shape and dtype.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> (g,) = ag.autograd.grad(x**3, x, create_graph=True)
    >>> ag.autograd.grad(g, x)
    (tensor(12.),)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    for x in inputs:
        if not isinstance(x, Tensor) or not x.requires_grad:
            what = x._who if isinstance(x, Tensor) else type(x).__name__
            raise RuntimeError(
                f"autograd.grad: the input {what} does not require gradients; make it with requires_grad=True, "
                "before it is used"
            )
    nodes = [x._leaf() for x in inputs]
    keep = create_graph or is_any_traced((*outputs, *_sequence(grad_outputs)))  # a program includes the backward pass
    with changed(recording=create_graph) if keep else nullcontext():
        start = _cotangents("autograd.grad", outputs, grad_outputs, keep)
        roots = {t._leaf(): g for t, g in start.items()}
        gradients = pull_back(roots, nodes, lift if keep else None, watch=watcher())
        for n in nodes:
            if n not in gradients and not allow_unused:
                raise RuntimeError(
                    f"autograd.grad: the outputs do not depend on {n.label}; check that it is the tensor that "
                    "was used, or pass allow_unused=True to get None for it"
                )
        del roots, start  # so that only `gradients` refers to the results
        return tuple(as_tensor(taken(gradients, n)) if n in gradients else None for n in nodes)


def backward(
    tensors: Tensor | Sequence[Tensor], grad_tensors: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of several results to the `.grad` of every leaf behind them, in one backward pass.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> ag.autograd.backward([x * 3, x * x])
    >>> x.grad
    tensor(7.)
    """
    tensors = _sequence(tensors)
    keep = create_graph or is_any_traced((*tensors, *_sequence(grad_tensors)))
    _backward(_cotangents("autograd.backward", tensors, grad_tensors, keep), retain_graph, create_graph)


def _cotangents(what: str, tensors: Any, starts: Any, create_graph: bool) -> dict[Tensor, Any]:
    """The cotangent to start from at each result; a result that is given twice counts twice."""
    gradients = [None] * len(tensors) if starts is None else _sequence(starts)
    if len(gradients) != len(tensors):
        raise ValueError(f"{what}: expected a gradient for each of {len(tensors)} outputs, got {len(gradients)}")
    start: dict[Node, tuple[Tensor, Any]] = {}
    for t, gradient in zip(tensors, gradients, strict=True):
        if not isinstance(t, Tensor):
            raise TypeError(f"{what}: an output is {type(t).__name__}, not a Tensor; nothing was recorded for it")
        g = cotangent_of(t, gradient, create_graph)
        before = start.get(t._leaf())
        start[t._leaf()] = (t, g if before is None else before[1] + g)
    return dict(start.values())


def _sequence(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]
