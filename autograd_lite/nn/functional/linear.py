"""Linear and bilinear maps, embeddings, and one-hot encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.context import no_grad
from ...table import TABLE
from ...tensor import Tensor
from ...transforms.grad import stop_gradient
from . import textbooks
from .inputs import check_range, known_step, positions, rows, step, tensor_of

__all__ = ["bilinear", "embedding", "embedding_bag", "linear", "one_hot"]

add_at, getitem, matmul = rows("add_at", "getitem", "matmul")
sum, vector_norm, where = rows("sum", "linalg.vector_norm", "where")


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """``input @ weight.T + bias``.

    Parameters
    ----------
    input : array_like, shape (..., in_features)
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), optional

    Returns
    -------
    Tensor, shape (..., out_features)

    Examples
    --------
    >>> linear([1.0, 2.0], [[1.0, 1.0], [0.0, 1.0]], [0.5, 0.5])
    tensor([3.5, 2.5])
    """
    w = tensor_of(weight)
    x = tensor_of(input, w)
    b = None if bias is None else tensor_of(bias, w)
    if w.ndim == 1:  # one output, without an axis
        return x @ w if b is None else x @ w + b
    if not x.ndim or w.ndim != 2 or x.shape[-1] != w.shape[1]:
        raise ValueError(
            f"linear: expected input and weights with the same last size, got shapes {x.shape} and {w.shape}"
        )
    if b is None:
        return x @ w.T
    if b.shape != w.shape[:1]:
        raise ValueError(f"linear: expected bias of shape {w.shape[:1]}, got {b.shape}")
    return TABLE["linear"](x, w, b)


@step
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """``input1 @ weight[k] @ input2 + bias[k]`` for each output k.

    Parameters
    ----------
    input1, input2 : array_like, shapes (..., in1_features) and (..., in2_features)
    weight : Tensor, shape (out_features, in1_features, in2_features)
    bias : Tensor, shape (out_features,), optional
    """
    w = tensor_of(weight)
    x1, x2 = tensor_of(input1, w), tensor_of(input2, w)
    if x1.shape[:-1] != x2.shape[:-1] or (*x1.shape[-1:], *x2.shape[-1:]) != w.shape[1:]:
        raise ValueError(f"bilinear: inputs of shape {x1.shape} and {x2.shape} do not fit weights of shape {w.shape}")
    out, n1, n2 = w.shape
    half = (x1 @ w.transpose(1, 0, 2).reshape(n1, out * n2)).reshape(*x1.shape[:-1], out, n2)
    y = matmul(half, x2[..., None])[..., 0]
    return y if bias is None else y + tensor_of(bias, w)


@known_step(textbooks.embedding)
def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:
    """The rows of `weight` at the indices in `input`; row `padding_idx` receives no gradient.

    Parameters
    ----------
    input : array_like of int
        The indices.
    weight : Tensor, shape (num_embeddings, embedding_dim)
    padding_idx : int, optional
        An index whose vector gets no gradient.
    max_norm, norm_type : float, optional
        Used rows with a larger norm than `max_norm` are first scaled to that norm, in place.
    scale_grad_by_freq : bool
        Whether to divide the gradient of a row by the number of times that it is used.
    sparse : bool
        Has no effect: gradients are arrays.

    Examples
    --------
    >>> embedding([2, 0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    tensor([[5., 6.],
            [1., 2.]])
    """
    w = tensor_of(weight)
    index = positions(input, "embedding: indices")
    count = w.shape[0]
    check_range(index, count, "embedding: expected indices")
    if max_norm is not None:
        with no_grad():
            size = vector_norm(w, axis=-1, keepdims=True, ord=norm_type)
            used = np.isin(np.arange(count), index)[:, None]
            w *= where(np.logical_and(used, size > max_norm), max_norm / (size + 1e-7), 1)
    y = getitem(w, index)
    if scale_grad_by_freq:
        times = getitem(add_at(np.zeros(count, y.dtype), index, 1), index)
        fixed = stop_gradient(y)
        y = fixed + (y - fixed) / np.expand_dims(times, -1)
    if padding_idx is None:
        return y
    padded = np.expand_dims(np.equal(index, padding_idx % count), -1)
    return where(padded, stop_gradient(y), y)  # the same value without a gradient


@step
def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:
    """The sum, the mean or the largest entries of the rows of `weight` at each bag of indices.

    Parameters
    ----------
    input : array_like of int, shape (bags, size); or shape (count,), with offsets
    weight : Tensor, shape (num_embeddings, embedding_dim)
    offsets : array_like of int, shape (bags,), optional
        Where each bag begins in `input`; the first is 0.
    mode : {'sum', 'mean', 'max'}
        The result of an empty bag is zeros.
    per_sample_weights : array_like, optional
        With mode 'sum', factors of the rows; of the shape of `input`.
    include_last_offset : bool
        Whether the last of the offsets is the end of the last bag.
    padding_idx : int, optional
        An index whose entries are ignored.
    max_norm, norm_type, scale_grad_by_freq, sparse
        Those of `embedding`.

    Returns
    -------
    Tensor, shape (bags, embedding_dim)

    Examples
    --------
    >>> embedding_bag([0, 2, 1], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], offsets=[0, 2], mode="sum")
    tensor([[6., 8.],
            [3., 4.]])
    """
    if mode not in ("sum", "mean", "max") or (per_sample_weights is not None and mode != "sum"):
        expected = "expected mode 'sum', 'mean' or 'max', and per_sample_weights with 'sum' only"
        raise ValueError(f"embedding_bag: {expected}, got {mode=}")
    index, factors = positions(input, "embedding_bag: indices"), per_sample_weights
    if index.ndim != (2 if offsets is None else 1):
        raise ValueError(f"embedding_bag: expected indices (bags, size), or (count,) with offsets, got {index.shape}")
    x = embedding(index, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    if factors is not None:
        factors = tensor_of(factors, tensor_of(weight))
        if factors.shape != index.shape:
            raise ValueError(f"embedding_bag: expected weights of shape {index.shape}, got {factors.shape}")
        x = x * factors[..., None]
    inside: Any = True  # which entries count
    if offsets is not None:
        places, inside = _bags(positions(offsets, "embedding_bag: offsets"), index.shape[0], include_last_offset)
        index, x = getitem(index, places), getitem(x, places)
    if padding_idx is not None:
        inside = np.logical_and(inside, np.not_equal(index, padding_idx % np.shape(weight)[0]))
    count: Any = index.shape[1]
    if inside is not True:
        inside = np.expand_dims(inside, -1)
        x = where(inside, x, -np.inf if mode == "max" else 0)
        count = sum(inside.astype(x.dtype), axis=1)
    if mode == "max":
        y = TABLE["max"](x, axis=1, initial=-np.inf)
        return y if inside is True and count else where(np.equal(count, 0), 0, y)
    y = sum(x, axis=1)
    return y if mode == "sum" else y / (max(count, 1) if inside is True else np.maximum(count, 1))


def _bags(offsets: Any, count: int, include_last: bool) -> tuple[Any, Any]:
    """Bags as the rows of a rectangle: the position of each entry among `count`, and whether it is in the bag."""
    if isinstance(offsets, np.ndarray):
        rises = np.diff(offsets, prepend=0, append=count)
        if offsets.ndim != 1 or not offsets.size or offsets[0] != 0 or rises.min() < 0:
            raise ValueError(f"embedding_bag: expected offsets that rise from 0 to at most {count}, got {offsets}")
    edges = offsets if include_last else np.concatenate([offsets, [count]])
    sizes = np.diff(edges)
    longest = int(np.max(sizes, initial=0)) if isinstance(sizes, np.ndarray) else count  # unknown in a trace
    places = edges[:-1, None] + np.arange(longest)
    return np.minimum(places, max(count - 1, 0)), places < edges[1:, None]


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """For each class number a row of zeros with a one at that index; whole numbers, as in PyTorch.

    Examples
    --------
    >>> one_hot([0, 2])
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = positions(tensor, "one_hot: classes")
    if num_classes == -1:
        if not isinstance(index, np.ndarray) or not index.size:
            raise ValueError(
                "one_hot: expected num_classes= for an empty array, and in a trace, which cannot depend on the largest "
                "class"
            )
        num_classes = int(index.max()) + 1
    check_range(index, num_classes, "one_hot: expected classes", ValueError)
    return tensor_of(TABLE["one_hot"](index, num_classes, index.ndim).astype(np.int64))
