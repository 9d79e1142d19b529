"""Linear and bilinear maps, embeddings, and one-hot encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.value import wrap
from ...tensor import Tensor
from ...transforms.grad import stop_gradient
from . import textbooks
from .inputs import given, positions, rows, step

matmul, taken, transformed, where = rows("matmul", "getitem", "linear", "where")


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
    w = given(weight)
    x = given(input, w)
    b = None if bias is None else given(bias, w)
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
    return transformed(x, w, b)


@step
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """``input1 @ weight[k] @ input2 + bias[k]`` for each output k.

    Parameters
    ----------
    input1, input2 : array_like, shapes (..., in1_features) and (..., in2_features)
    weight : Tensor, shape (out_features, in1_features, in2_features)
    bias : Tensor, shape (out_features,), optional
    """
    w = given(weight)
    x1, x2 = given(input1, w), given(input2, w)
    if x1.shape[:-1] != x2.shape[:-1] or (*x1.shape[-1:], *x2.shape[-1:]) != w.shape[1:]:
        raise ValueError(f"bilinear: inputs of shape {x1.shape} and {x2.shape} do not fit weights of shape {w.shape}")
    out, n1, n2 = w.shape
    half = (x1 @ w.transpose(1, 0, 2).reshape(n1, out * n2)).reshape(*x1.shape[:-1], out, n2)
    y = matmul(half, x2[..., None])[..., 0]
    return y if bias is None else y + given(bias, w)


@step(textbook=textbooks.embedding)
def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` at the indices in `input`; row `padding_idx` receives no gradient.

    Examples
    --------
    >>> embedding([2, 0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    tensor([[5., 6.],
            [1., 2.]])
    """
    w = given(weight)
    index = positions(input, "embedding: indices")
    count = w.shape[0]
    if isinstance(index, np.ndarray) and index.size and not (index.min() >= 0 and index.max() < count):
        wrong = index.max() if index.max() >= count else index.min()
        raise IndexError(f"embedding: expected indices from 0 to {count - 1}, got {wrong}")
    y = taken(w, index)
    if padding_idx is None:
        return y
    padded = np.expand_dims(np.equal(index, padding_idx % count), -1)
    return where(padded, stop_gradient(y), y)  # the same value without a gradient


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """For each class number a row of zeros with a one at that index; whole numbers, as in PyTorch.

    Examples
    --------
    >>> one_hot([0, 2])
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = np.asarray(positions(tensor, "one_hot: classes"))
    largest = int(index.max(initial=-1))
    n = largest + 1 if num_classes == -1 else num_classes
    if index.size == 0 and num_classes == -1:
        raise ValueError("one_hot: expected num_classes= for an empty array")
    if largest >= n or index.min(initial=0) < 0:
        raise ValueError(f"one_hot: expected classes from 0 to {n - 1}, got {largest if largest >= n else index.min()}")
    return wrap((index[..., None] == np.arange(n)).astype(np.int64), None)
