"""``ag.autograd``: gradients of results by inputs, leaving every ``.grad`` alone, as in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .graph import Node, pull_back
from .mode import changed
from .tensor import Tensor, _tensor, cotangent_of, lift
from .tensor import backward as _backward


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` by `inputs`, which may be leaves or recorded results.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
    inputs : Tensor or sequence of Tensor
    grad_outputs : array_like or sequence of them, optional
        The cotangents to start from; one for a scalar.
    create_graph : bool
        Record the walk, so that the gradients can be differentiated again.
    allow_unused : bool
        Give None for an input that the outputs do not depend on, instead of an error.

    Returns
    -------
    tuple of Tensor or None
        One for each input, of its shape and dtype.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> (g,) = grad(x**3, x, create_graph=True)
    >>> grad(g, x)
    (tensor(12.),)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    gradients = [None] * len(outputs) if grad_outputs is None else _sequence(grad_outputs)
    if len(gradients) != len(outputs):
        raise ValueError(f"autograd.grad: {len(gradients)} grad_outputs for {len(outputs)} outputs")
    for x in inputs:
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise RuntimeError("autograd.grad: an input does not require gradients; make it with requires_grad=True")
    roots: dict[Node, Any] = {}
    for t, gradient in zip(outputs, gradients, strict=True):
        g = cotangent_of(t, gradient, create_graph)
        roots[t._leaf()] = roots[t._leaf()] + g if t._leaf() in roots else g
    nodes = [x._leaf() for x in inputs]
    if create_graph:
        with changed(recording=True):
            found = pull_back(roots, nodes, lift)
    else:
        found = pull_back(roots, nodes)
    for x, n in zip(inputs, nodes, strict=True):
        if n not in found and not allow_unused:
            raise RuntimeError(
                f"autograd.grad: the outputs do not depend on {n.label}; check that it is the tensor that was used, "
                "or pass allow_unused=True to get None for it"
            )
    return tuple(_result(found.get(n)) for n in nodes)


def backward(tensors: Tensor | Sequence[Tensor], grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradients of several results to the `.grad` of every leaf under them, in one walk."""
    tensors = _sequence(tensors)
    gradients = [None] * len(tensors) if grad_tensors is None else _sequence(grad_tensors)
    _backward(dict(zip(tensors, gradients, strict=True)), retain_graph, create_graph)


def _sequence(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def _result(g: Any) -> Tensor | None:
    if g is None or isinstance(g, Tensor):
        return g
    return _tensor(g if type(g) is not object and getattr(g, "base", 1) is None and g.flags.writeable else g.copy(), None)
