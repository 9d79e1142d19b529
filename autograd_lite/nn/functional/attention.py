"""Attention, an average of values weighted by the match of their keys with a query; and dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.context import is_traced
from ...rules.random import dropout_mask
from ...tensor import Tensor
from . import textbooks
from .inputs import SIZES, by_dims, floats, known_step, rows, tensor_of

__all__ = ["dropout", "dropout1d", "dropout2d", "dropout3d", "scaled_dot_product_attention"]

matmul, softmax, where = rows("matmul", "softmax", "where")


def _none(**inputs: Any) -> None:
    """There is no textbook, but with one the call is kept: a page finds out that it draws random numbers."""


@known_step(_none)
def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Any = None
) -> Tensor:
    """In training each entry becomes 0 with probability `p`, and the others are divided by ``1 - p``.

    The random numbers come from `generator`, by default the one that :func:`autograd_lite.manual_seed` seeds. A traced
    function draws new ones each time its program runs.
    """
    return _dropped(0, input, p, training, generator)


@by_dims(textbook=_none)
def _dropout(dims: int, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drops whole channels of {signals} (…, channels, {sizes})."""
    return _dropped(dims, input, p, training, None)


dropout1d, dropout2d, dropout3d = map(_dropout, (1, 2, 3))


def _dropped(dims: int, input: Any, p: float, training: bool, generator: Any) -> Tensor:
    """`input` without random entries along all axes but the last `dims`, which are dropped as a whole."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: expected a probability p between 0 and 1, got {p}")
    x = floats(input)
    if not training or p == 0:
        return x
    if dims and x.ndim <= dims:
        raise ValueError(f"dropout{dims}d: expected (..., channels, {SIZES[dims]}), got shape {x.shape}")
    return x * dropout_mask(x, p, over=tuple(range(x.ndim - dims, x.ndim)), generator=generator)


@known_step(textbooks.scaled_dot_product_attention)
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """``softmax(query @ key.mT * scale) @ value``.

    Parameters
    ----------
    query : array_like, shape (..., targets, d)
    key : array_like, shape (..., sources, d)
    value : array_like, shape (..., sources, e)
    attn_mask : array_like, shape (..., targets, sources), optional
        True where a target may attend to a source; or numbers to add to the scores. A target that may attend to no
        source gets zeros.
    dropout_p : float
        The dropout probability of the weights; 0 in evaluation.
    is_causal : bool
        Whether a target may attend only to sources no later than itself.
    scale : float, optional
        1 / √d by default.

    Returns
    -------
    Tensor, shape (..., targets, e)
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    if dropout_p:
        weights = dropout(weights, dropout_p)
    return matmul(weights, tensor_of(value))


def attention_weights(
    query: Any, key: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """The weights of each target over the sources, rows of sum 1."""
    q, k = floats(query), floats(key)
    if q.ndim < 2 or k.ndim < 2 or q.shape[-1] != k.shape[-1]:
        expected = "scaled_dot_product_attention: expected queries (..., targets, d) and keys (..., sources, d)"
        raise ValueError(f"{expected}, got shapes {q.shape} and {k.shape}")
    scores = matmul(q * (1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale), k.mT)
    mask = None if attn_mask is None else tensor_of(attn_mask)
    if is_causal:
        if mask is not None:
            raise ValueError("scaled_dot_product_attention: expected attn_mask or is_causal, got both")
        mask = tensor_of(np.tri(q.shape[-2], k.shape[-2], dtype=bool))
    if mask is None:
        return softmax(scores, -1)
    boolean = mask.dtype.kind == "b"
    scores = where(mask, scores, -math.inf) if boolean else scores + mask
    seen = (mask if boolean else mask != -math.inf).detach()
    blind = np.logical_not(np.any(seen, axis=-1, keepdims=True))
    if not blind._data.any() and not is_traced(blind):
        return softmax(scores, -1)
    return where(blind, 0, softmax(where(blind, 0, scores), -1))
