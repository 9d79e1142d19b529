"""Distances and angles between vectors, and losses computed from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...rules._arrays import resolve
from ...tensor import Tensor
from .inputs import alike, floats, hinge, reduced, rows, step, tensor_of

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "normalize", "pairwise_distance", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

broadcast_arrays, maximum, minimum, sqrt = rows("broadcast_arrays", "maximum", "minimum", "sqrt")
sum, vector_norm, where = rows("sum", "linalg.vector_norm", "where")


@step
def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """`input` divided by its `p`-norm along `dim`, or by `eps` if that is larger.

    Examples
    --------
    >>> normalize([3.0, 4.0], dim=0)
    tensor([0.6, 0.8])
    """
    x = floats(input)
    return x / maximum(vector_norm(x, axis=resolve(dim, x.ndim), keepdims=True, ord=p), eps)


@step
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; lengths below `eps` count as `eps`.

    The arrays are broadcast first, and `dim` is an axis of the result.

    Examples
    --------
    >>> cosine_similarity([[1.0, 0.0]], [[1.0, 1.0]]).item()
    0.7071067811865475
    """
    a = floats(x1)
    b = tensor_of(x2, a)
    if a.shape != b.shape:
        a, b = broadcast_arrays(a, b)
    axis = resolve(dim, a.ndim)
    return sum(a * b, axis) / (maximum(vector_norm(a, axis=axis), eps) * maximum(vector_norm(b, axis=axis), eps))


@step
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The `p`-norm of ``x1 - x2 + eps`` along the last axis."""
    a = floats(x1)
    b = tensor_of(x2, a)
    return vector_norm(a - b + eps, axis=-1, keepdims=keepdim, ord=p)


@step
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """``1 - cos`` of the angle where `target` is 1, ``max(0, cos - margin)`` where it is -1."""
    a = floats(input1)
    b = tensor_of(input2, a)
    y = alike(target, a)
    if a.shape != b.shape or a.ndim == 0 or y.shape not in (a.shape[:-1], (1,)):
        raise ValueError(
            "cosine_embedding_loss: expected inputs of one shape, and a target of that shape without its last axis, "
            f"got {a.shape}, {b.shape} and {y.shape}"
        )
    # Unlike cosine_similarity, PyTorch adds eps to the squared lengths here.
    squares = (sum(a * a, -1) + 1e-12) * (sum(b * b, -1) + 1e-12)
    cos = sum(a * b, -1) / sqrt(squares)
    loss = where(y == 1, 1 - cos, 0) + where(y == -1, hinge(cos - margin), 0)
    return reduced(loss, reduction, "cosine_embedding_loss")


@step
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with `pairwise_distance` for d."""
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=lambda a, b: pairwise_distance(a, b, p, eps), margin=margin,
        swap=swap, reduction=reduction,
    )


@step
def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *, distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` for any distance d.

    With `swap`, ``d(positive, negative)`` replaces ``d(anchor, negative)`` if it is smaller.
    """
    d = distance_function or pairwise_distance
    a, p, n = floats(anchor), floats(positive), floats(negative)
    if not a.shape == p.shape == n.shape:
        raise ValueError(f"triplet_margin_loss: expected equal shapes, got {a.shape}, {p.shape} and {n.shape}")
    near, far = d(a, p), d(a, n)
    if swap:
        far = minimum(far, d(p, n))
    return reduced(hinge(near - far + margin), reduction, "triplet_margin_loss")
