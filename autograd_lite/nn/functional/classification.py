"""Losses for classification: targets are class numbers, or a probability for each class.

As in PyTorch, classes are axis 1 of the input, or its only axis for a single sample: (n, classes) for a batch,
(n, classes, height, width) for images in which each pixel has its class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rules import special as S
from ...rules.indexing import getitem
from ...rules.layers import labelled, one_hot, softmax_cross_entropy
from ...tensor import Tensor
from . import textbooks
from .inputs import alike, check_range, floats, known, positions, reduced, rows, step, tensor_of

__all__ = ["cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "nll_loss"]

expand_dims, sum, take_along_axis, where = rows("expand_dims", "sum", "take_along_axis", "where")


def _classes(name: str, x: Tensor, target: Any, ignore_index: int | None = None) -> tuple[Any, Any]:
    """Checked class numbers, and a mask of those that are not ignored (None: all)."""
    k = positions(target, f"{name}: targets")
    if x.ndim == 1 and k.shape == (1,):  # as in PyTorch
        k = k.reshape(())
    expected = (*x.shape[:1], *x.shape[2:]) if x.ndim > 1 else ()
    if k.shape != expected:
        raise ValueError(
            f"{name}: expected class numbers of shape {expected} for an input of shape {x.shape}, got shape {k.shape}"
        )
    counted = None if ignore_index is None else np.not_equal(k, ignore_index)
    if isinstance(counted, np.ndarray) and counted.all():
        counted = None
    if counted is not None:
        k = np.where(counted, k, 0)
    check_range(k, x.shape[min(x.ndim - 1, 1)], f"{name}: expected classes")
    return k, counted


def _picked(x: Tensor, k: Any) -> Tensor:
    """The entry of each sample for its class."""
    return getitem(x, labelled(k, min(x.ndim - 1, 1)), unique_indices=True)


def _average(loss: Tensor, weights: Any, counted: Any, reduction: str, name: str) -> Tensor:
    """The reduced loss; what is ignored is 0, and a mean is divided by the sum of the weights of the others."""
    if counted is not None:
        loss = where(counted, loss, 0)
        weights = tensor_of(counted.astype(loss.dtype)) if weights is None else where(counted, weights, 0)
    if reduction != "mean" or weights is None:
        return reduced(loss, reduction, name)
    return sum(loss) / sum(weights)


def _class_weights(name: str, weight: Any, x: Tensor) -> Tensor:
    w, classes = alike(weight, x), x.shape[min(x.ndim - 1, 1)]
    if w.shape != (classes,):
        raise ValueError(f"{name}: expected weight of shape {(classes,)}, one for each class, got {w.shape}")
    return w


@known(textbooks.nll_loss)
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """Minus the log-probability `input` of each target.

    Parameters
    ----------
    input : array_like, shape (n, classes, ...) or (classes,)
    target : whole numbers, shape (n, ...) or ()
    weight : array_like, shape (classes,), optional
        The weight of a sample of each class, also in the mean.
    ignore_index : int
        Samples with this target are ignored.
    reduction : {'mean', 'sum', 'none'}
    """
    x = floats(input)
    if not x.ndim:
        raise ValueError("nll_loss: expected an input with an axis for the classes, got shape ()")
    k, counted = _classes("nll_loss", x, target, ignore_index)
    loss = -_picked(x, k)
    w = None if weight is None else getitem(_class_weights("nll_loss", weight, x), k)
    return _average(loss if w is None else loss * w, w, counted, reduction, "nll_loss")


@known(textbooks.cross_entropy)
def cross_entropy(
    input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy of logits `input`: minus the log-probability of the right class, in nats.

    Parameters
    ----------
    input : array_like, shape (n, classes, ...) or (classes,)
        Logits: any numbers, without a softmax.
    target : whole numbers of shape (n, ...), or probabilities of the shape of `input`
    weight : array_like, shape (classes,), optional
        The weight of each class, with class numbers also in the mean.
    ignore_index : int
        Samples with this class number are ignored.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float
        The fraction of each target to distribute evenly over all classes.

    Examples
    --------
    >>> float(cross_entropy([[0.0, 0.0]], [1]))  # log(2)
    0.6931471805599453
    """
    x = floats(input)
    if not x.ndim:
        raise ValueError("cross_entropy: expected an input with an axis for the classes, got shape ()")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: expected label_smoothing between 0 and 1, got {label_smoothing}")
    axis = min(x.ndim - 1, 1)
    y = tensor_of(target)
    if y.dtype.kind == "f" and (y.size or y.shape == x.shape):
        y = _distribution(y.astype(x.dtype), x, axis, weight, label_smoothing)
        return reduced(softmax_cross_entropy(x, y, axis)[0], reduction, "cross_entropy")
    k, counted = _classes("cross_entropy", x, target, ignore_index)
    w = None if weight is None else getitem(_class_weights("cross_entropy", weight, x), k)
    if label_smoothing:
        y = one_hot(k, x.shape[axis], axis)
        loss = softmax_cross_entropy(x, _distribution(y.astype(x.dtype), x, axis, weight, label_smoothing), axis)[0]
    else:
        loss = softmax_cross_entropy(x, k, axis)[0]
        loss = loss if w is None else loss * w
    return _average(loss, w, counted, reduction, "cross_entropy")


def _distribution(y: Any, x: Tensor, axis: int, weight: Any, smoothing: float) -> Any:
    """The probabilities `y`, smoothed and weighted for each class."""
    if y.shape != x.shape:
        raise ValueError(f"cross_entropy: expected probabilities of the input's shape {x.shape}, got {y.shape}")
    if smoothing:
        y = (1 - smoothing) * y + smoothing / x.shape[axis]
    if weight is None:
        return y
    return y * _class_weights("cross_entropy", weight, x).reshape(-1, *[1] * (x.ndim - 1 - axis))


@step
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """The sum of ``max(0, margin - right + other) ** p`` over the other classes, divided by the number of classes."""
    x = floats(input)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: expected p=1 or p=2, got {p}")
    if x.ndim not in (1, 2):
        raise ValueError(f"multi_margin_loss: expected an input of shape (n, classes) or (classes,), got {x.shape}")
    k, _ = _classes("multi_margin_loss", x, target)
    short = S.relu(margin - expand_dims(_picked(x, k), -1) + x)
    short = where(np.equal(np.expand_dims(k, -1), np.arange(x.shape[-1])), 0, short)
    loss = sum(short if p == 1 else short * short, -1) / x.shape[-1]
    if weight is not None:
        loss = loss * getitem(_class_weights("multi_margin_loss", weight, x), k)
    return reduced(loss.reshape(np.shape(target)), reduction, "multi_margin_loss")


@step
def multilabel_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The sum of ``max(0, 1 - right + wrong)`` over pairs of classes, divided by the number of classes.

    `target` has the shape of `input`. Each row begins with the right classes, up to the first -1.
    """
    x = floats(input)
    k = positions(target, "multilabel_margin_loss: targets")
    if x.ndim not in (1, 2) or k.shape != x.shape:
        expected = "multilabel_margin_loss: expected input and target of one shape, (n, classes) or (classes,)"
        raise ValueError(f"{expected}, got {x.shape} and {k.shape}")
    named = np.cumprod(k >= 0, axis=-1).astype(bool)
    n = x.shape[-1]
    right = (np.where(named, k, -1)[..., None] == np.arange(n)).any(-2)
    at_right = take_along_axis(x, np.where(named, k, 0), -1)
    short = S.relu(1 - expand_dims(at_right, -1) + expand_dims(x, -2))
    counted = named[..., None] & ~right[..., None, :]
    return reduced(sum(where(counted, short, 0), (-2, -1)) / n, reduction, "multilabel_margin_loss")
