"""Metrics of predictions, as Python numbers. Arguments are arrays, Tensors or lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Metric = Callable[[Any, Any], float]  # of predictions and targets
LossFunction = Callable[[Any, Any], Any]  # of prediction and target


def array_of(x: Any) -> Any:
    """The array of a Tensor; anything else as an array."""
    return np.asarray(x.data if hasattr(x, "requires_grad") else x)


def _pair(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    """Both as arrays of the same shape: a column minus a flat array would broadcast to a square matrix."""
    p, t = array_of(pred), array_of(target)
    if p.shape != t.shape or p.size == 0:
        raise ValueError(f"{what}: predictions of shape {p.shape} do not fit targets of shape {t.shape}")
    return p, t


def _doubles(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    """Both in double precision, in which no small integer wraps and no square overflows."""
    p, t = _pair(pred, target, what)
    return p.astype(np.result_type(p, np.float64)), t.astype(np.result_type(t, np.float64))


def _shape(x: Any) -> tuple[int, ...]:
    """The shape of an array without axes of length 1 at its end: columns and flat arrays may be mixed."""
    last = max((k for k, n in enumerate(x.shape) if n != 1), default=0)
    return tuple(x.shape[: last + 1])


def _whole(x: Any, what: str) -> Any:
    """Class numbers as a vector."""
    flat = x.reshape(-1)
    wrong = flat[~np.isfinite(flat) | (flat != np.trunc(flat))] if flat.dtype.kind == "f" else flat[:0]
    if wrong.size:
        raise ValueError(
            f"{what}: expected whole numbers as classes, got {wrong[0]}; for one probability per example write "
            "binary_accuracy"
        )
    return flat


def _best(scores: Any, axis: int = -1) -> Any:
    """The class with the largest score; -1, which is no class, where one of them is NaN."""
    return np.where(np.isnan(scores).any(axis), -1, scores.argmax(axis))


def _one_hot(target: Any) -> bool:
    """True if each row contains probabilities, of which a one-hot encoding is a case."""
    rows = target.ndim > 1 and target.shape[-1] > 1 and target.dtype.kind in "biuf"
    return rows and bool((target >= 0).all() and np.allclose(target.sum(-1, dtype=float), 1, atol=1e-3))


def _classes(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    """The predicted and the true classes, as vectors."""
    p, t = array_of(pred), array_of(target)
    if p.size == 0:
        raise ValueError(f"{what}: expected at least one example")
    if _one_hot(t) and (t.shape == p.shape or t.shape[:-1] == _shape(p)):
        p, t = _best(p) if t.shape == p.shape else p, t.argmax(-1)
    elif _shape(p) != _shape(t):
        axes = [k for k in sorted({1, p.ndim - 1}) if p.shape[k:k + 1] > (1,) and _shape(p.take(0, k)) == _shape(t)]
        if len(axes) != 1:
            why = ": the classes may be axis 1 or the last one; pass rows of scores, shape (n, classes)" if axes else ""
            raise ValueError(f"{what}: predictions of shape {p.shape} do not fit targets of shape {t.shape}{why}")
        p = _best(p, axes[0])
    return _whole(p, what), _whole(t, what)


def accuracy(pred: Any, target: Any) -> float:
    """The fraction of correct classes; `pred` contains scores for each class, or class numbers.

    The classes are the last axis of the scores, or axis 1 as in the losses. Targets are class numbers or, in rows that
    add up to 1, the probability of each class. A prediction with a score that is NaN is wrong.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    p, t = _classes(pred, target, "accuracy")
    return float(np.mean(p == t))


def binary_accuracy(pred: Any, target: Any, threshold: float = 0.5) -> float:
    """The fraction of correct predictions of two classes, by one number each; columns and flat arrays may be mixed.

    Examples
    --------
    >>> binary_accuracy([0.9, 0.4], [1, 1])
    0.5
    """
    p, t = array_of(pred), array_of(target)
    p, t = _pair(p.reshape(_shape(p)), t.reshape(_shape(t)), "binary_accuracy")
    return float(np.mean(((p > threshold) == (t > 0.5)) & (p == p) & (t == t)))


def confusion_matrix(pred: Any, target: Any, classes: int | None = None) -> Any:
    """Counts by true class (row) and predicted class (column).

    Examples
    --------
    >>> confusion_matrix([0, 1, 1], [0, 0, 1])
    array([[1, 1],
           [0, 1]])
    """
    p, t = _classes(pred, target, "confusion_matrix")
    n = classes if classes is not None else int(max(p.max(), t.max())) + 1
    for x in (p, t):
        strange = x[(x < 0) | (x >= n)]
        if strange.size:
            of_nan = ", the class of scores with NaN" if strange[0] == -1 else ""
            raise ValueError(f"confusion_matrix: expected classes from 0 to {n - 1}, got {strange[0]:.0f}{of_nan}")
    return np.bincount(t.astype(int) * n + p.astype(int), minlength=n * n).reshape(n, n)


def top_k_accuracy(pred: Any, target: Any, k: int = 5) -> float:
    """The fraction of examples whose true class is among the `k` best scores.

    Examples
    --------
    >>> top_k_accuracy([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]], [2, 2], k=2)
    0.5
    """
    p, t = array_of(pred), array_of(target)
    t = t.argmax(-1) if t.shape == p.shape and _one_hot(t) else _whole(t, "top_k_accuracy")
    if p.ndim != 2 or len(p) != len(t) or len(p) == 0:
        raise ValueError(f"top_k_accuracy: scores of shape {p.shape} do not fit targets of shape {t.shape}")
    if k < 1:
        raise ValueError(f"top_k_accuracy: expected k as a positive whole number, got {k}")
    best = np.argsort(-p.astype(float), axis=1, kind="stable")[:, :k]  # of equal scores the first class is better
    return float(np.mean((best == t[:, None]).any(axis=1) & ~np.isnan(p).any(axis=1)))


def mse(pred: Any, target: Any) -> float:
    """The mean squared error.

    >>> from autograd_lite.training import mse
    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    p, t = _doubles(pred, target, "mse")
    return float(np.mean(np.abs(p - t) ** 2))


def mae(pred: Any, target: Any) -> float:
    """The mean absolute error.

    >>> from autograd_lite.training import mae
    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    p, t = _doubles(pred, target, "mae")
    return float(np.mean(np.abs(p - t)))


def r2_score(pred: Any, target: Any) -> float:
    """The coefficient of determination R²: 1 at best, 0 for predicting the mean; averaged over columns.

    For a constant target the score is 1 if all predictions are exact and 0 otherwise, as in scikit-learn.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.5], [1.0, 2.0, 3.0])
    0.875
    """
    p, t = (x.reshape(len(x) if x.ndim else 1, -1) for x in _doubles(pred, target, "r2_score"))
    missed, total = (np.sum(np.abs(x) ** 2, axis=0) for x in (t - p, t - t.mean(axis=0)))
    constant = np.all(t == t[0], axis=0) | (total == 0)  # the mean of equal numbers may differ in its last bit
    share = np.where(constant, np.sign(missed), missed / np.where(constant, 1, total))
    return float(np.mean(1.0 - share))
