"""How good predictions are. Plain numbers from arrays; Tensors and lists are welcome."""

from __future__ import annotations

from typing import Any

import numpy as np


def _plain(x: Any) -> Any:
    return np.asarray(x.data if hasattr(x, "requires_grad") else x)


def labels(y: Any) -> Any:
    """Class numbers: as they are, or the place of the largest in each row (of scores or one-hot rows).

    Examples
    --------
    >>> labels([[0.1, 0.9], [0.8, 0.2]])
    array([1, 0])
    """
    y = _plain(y)
    return y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)


def _pair(pred: Any, target: Any, what: str) -> tuple[Any, Any]:
    p, t = labels(pred), labels(target)
    if p.shape != t.shape:
        raise ValueError(
            f"{what}: predictions of shape {_plain(pred).shape} for targets of shape {_plain(target).shape}"
        )
    if p.size == 0:
        raise ValueError(f"{what}: no examples")
    return p, t


def accuracy(pred: Any, target: Any) -> float:
    """The share of right classes; `pred` holds scores for each class, or class numbers.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    p, t = _pair(pred, target, "accuracy")
    return float(np.mean(p == t))


def binary_accuracy(pred: Any, target: Any, threshold: float = 0.5) -> float:
    """The share of right answers where one number says yes or no; columns and rows of one length go together.

    Examples
    --------
    >>> binary_accuracy([0.9, 0.4], [1, 1])
    0.5
    """
    p, t = _alike(_plain(pred).reshape(-1), _plain(target).reshape(-1), "binary_accuracy")
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
        raise ValueError(f"confusion_matrix: there is a class {strange[0]}, but classes go from 0 to {n - 1}")
    return np.bincount(t * n + p, minlength=n * n).reshape(n, n)


def top_k_accuracy(pred: Any, target: Any, k: int = 5) -> float:
    """The share of examples whose true class is among the `k` best scores.

    Examples
    --------
    >>> top_k_accuracy([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]], [2, 2], k=2)
    0.5
    """
    p, t = _plain(pred), labels(target).astype(int)
    if p.ndim != 2 or len(p) != len(t) or len(p) == 0:
        raise ValueError(f"top_k_accuracy: scores of shape {p.shape} for targets of shape {t.shape}")
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == t[:, None]).any(axis=1)))


def mse(pred: Any, target: Any) -> float:
    """The mean squared error."""
    p, t = _alike(pred, target, "mse")
    return float(np.mean((p - t) ** 2))


def mae(pred: Any, target: Any) -> float:
    """The mean absolute error."""
    p, t = _alike(pred, target, "mae")
    return float(np.mean(np.abs(p - t)))


def r2_score(pred: Any, target: Any) -> float:
    """The share of the variance that is explained: 0 for the constant mean, 1 at best; the mean over columns.

    A constant target has no variance: the score is 1 if it is met, else 0, as in scikit-learn.

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
    """Both as arrays of one shape: a column against a row would become a square without a word."""
    p, t = _plain(pred), _plain(target)
    if p.shape != t.shape or p.size == 0:
        raise ValueError(f"{what}: predictions of shape {p.shape} for targets of shape {t.shape}")
    return p, t
