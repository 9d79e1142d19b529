"""Metrics of predictions, as Python numbers. Arguments are arrays, Tensors or lists."""

from __future__ import annotations

from typing import Any

import numpy as np


def array_of(x: Any) -> Any:
    """The array of a Tensor; anything else as an array."""
    return np.asarray(x.data if hasattr(x, "requires_grad") else x)


def labels(y: Any) -> Any:
    """Class numbers as they are, or the index of the largest entry in each row of scores or of a one-hot encoding.

    Examples
    --------
    >>> labels([[0.1, 0.9], [0.8, 0.2]])
    array([1, 0])
    """
    y = array_of(y)
    return y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)


def _pair(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    p, t = labels(pred), labels(target)
    if p.shape != t.shape:
        raise ValueError(
            f"{what}: predictions of shape {array_of(pred).shape} do not fit targets of shape {array_of(target).shape}"
        )
    if p.size == 0:
        raise ValueError(f"{what}: expected at least one example")
    return p, t


def accuracy(pred: Any, target: Any) -> float:
    """The fraction of correct classes; `pred` contains scores for each class, or class numbers.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    p, t = _pair(pred, target, "accuracy")
    return float(np.mean(p == t))


def binary_accuracy(pred: Any, target: Any, threshold: float = 0.5) -> float:
    """The fraction of correct predictions of two classes, by one number each; columns and flat arrays may be mixed.

    Examples
    --------
    >>> binary_accuracy([0.9, 0.4], [1, 1])
    0.5
    """
    p, t = _alike(array_of(pred).reshape(-1), array_of(target).reshape(-1), "binary_accuracy")
    return float(np.mean((p > threshold) == (t > 0.5)))


def confusion_matrix(pred: Any, target: Any, classes: int | None = None) -> Any:
    """Counts by true class (row) and predicted class (column).

    Examples
    --------
    >>> confusion_matrix([0, 1, 1], [0, 0, 1])
    array([[1, 1],
           [0, 1]])
    """
    p, t = (x.astype(int) for x in _pair(pred, target, "confusion_matrix"))
    n = classes if classes is not None else int(max(p.max(), t.max())) + 1
    strange = [int(c) for c in (*p, *t) if not 0 <= c < n]
    if strange:
        raise ValueError(f"confusion_matrix: expected classes from 0 to {n - 1}, got {strange[0]}")
    return np.bincount(t * n + p, minlength=n * n).reshape(n, n)


def top_k_accuracy(pred: Any, target: Any, k: int = 5) -> float:
    """The fraction of examples whose true class is among the `k` best scores.

    Examples
    --------
    >>> top_k_accuracy([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]], [2, 2], k=2)
    0.5
    """
    p, t = array_of(pred), labels(target).astype(int)
    if p.ndim != 2 or len(p) != len(t) or len(p) == 0:
        raise ValueError(f"top_k_accuracy: scores of shape {p.shape} do not fit targets of shape {t.shape}")
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == t[:, None]).any(axis=1)))


def mse(pred: Any, target: Any) -> float:
    """The mean squared error.

    >>> from autograd_lite.training import mse
    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    p, t = _alike(pred, target, "mse")
    return float(np.mean((p - t) ** 2))


def mae(pred: Any, target: Any) -> float:
    """The mean absolute error.

    >>> from autograd_lite.training import mae
    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    p, t = _alike(pred, target, "mae")
    return float(np.mean(np.abs(p - t)))


def r2_score(pred: Any, target: Any) -> float:
    """The coefficient of determination R²: 1 at best, 0 for predicting the mean; averaged over columns.

    For a constant target the score is 1 if all predictions are exact and 0 otherwise, as in scikit-learn.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.5], [1.0, 2.0, 3.0])
    0.875
    """
    p, t = (x.reshape(len(x), -1) for x in _alike(pred, target, "r2_score"))
    missed, total = np.sum((t - p) ** 2, axis=0), np.sum((t - t.mean(axis=0)) ** 2, axis=0)
    constant = total == 0
    share = np.where(constant, missed != 0, missed / np.where(constant, 1, total))
    return float(np.mean(1.0 - share))


def _alike(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    """Both as arrays of the same shape: a column minus a flat array would broadcast to a square matrix."""
    p, t = array_of(pred), array_of(target)
    if p.shape != t.shape or p.size == 0:
        raise ValueError(f"{what}: predictions of shape {p.shape} do not fit targets of shape {t.shape}")
    return p, t
