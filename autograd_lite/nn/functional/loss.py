"""Losses: how far a prediction is from its target; and distances and angles between vectors.

`reduction` is ``'mean'`` over all entries (the default), ``'sum'``, or ``'none'``. Targets may be arrays or lists.
Input and target must have the same shape, unless the target is one number: (n, 1) with (n,), which PyTorch broadcasts
with a warning, raises an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...rules import layers, special as S
from ...rules._arrays import resolve
from ...tensor import Tensor
from ...transforms.grad import stop_gradient
from . import textbooks
from .inputs import alike, check_range, floats, hinge, known_step, loss, pair, positions, reduced, rows, step, tensor_of

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "gaussian_nll_loss", "half_squared_error", "hinge_embedding_loss", "huber_loss", "kl_div",
    "l1_loss", "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "nll_loss", "normalize", "pairwise_distance", "poisson_nll_loss", "smooth_l1_loss",
    "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]

absolute, broadcast_arrays, exp, expand_dims = rows("absolute", "broadcast_arrays", "exp", "expand_dims")
getitem, log, maximum, mean, minimum, sqrt = rows("getitem", "log", "maximum", "mean", "minimum", "sqrt")
square, sum, take_along_axis, where = rows("square", "sum", "take_along_axis", "where")
(vector_norm,) = rows("linalg.vector_norm")


@loss
def half_squared_error(input: Any, target: Any, reduction: str = "sum") -> Tensor:
    """The talk's loss, ``(input - target)² / 2``, summed over outputs and samples.

    Its gradient is ``input - target``. As it is a sum, not a mean, a step of gradient descent on a batch is the sum of
    the steps on its samples.

    Examples
    --------
    >>> half_squared_error([[1.0, 3.0]], [[0.0, 1.0]])
    tensor(2.5)
    """
    return 0.5 * square(input - target)


@known_step(textbooks.mse_loss, loss)
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``(input - target)²``.

    Examples
    --------
    >>> mse_loss([1.0, 3.0], [0.0, 1.0])
    tensor(2.5)
    """
    return square(input - target)


@loss
def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``|input - target|``."""
    return absolute(input - target)


@known_step(textbooks.smooth_l1_loss, loss)
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """A parabola between ``-beta`` and ``beta``, lines of slope 1 outside."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta={beta} must not be negative")
    d = absolute(input - target)
    return where(d < beta, square(d) * (0.5 / beta), d - 0.5 * beta) if beta else d


@known_step(textbooks.huber_loss, loss)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """A parabola between ``-delta`` and ``delta``, lines of slope `delta` outside."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta={delta} must be positive")
    d = absolute(input - target)
    return where(d < delta, 0.5 * square(d), delta * (d - 0.5 * delta))


# ------------------------------------------------------------------------------------ between probabilities


def _weighted(entries: Tensor, weight: Any) -> Tensor:
    return entries if weight is None else entries * alike(weight, entries)


@known_step(textbooks.binary_cross_entropy, loss)
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """Minus the log-probability of `target` (0, 1 or between) where `input` is the probability of 1.

    As in PyTorch, logarithms are clipped at -100, and in the derivative ``(input - target) / (input * (1 - input))``
    the denominator is at least 1e-12. :func:`binary_cross_entropy_with_logits` needs no such bounds.
    """
    p = input.detach()._data
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            "binary_cross_entropy: expected probabilities between 0 and 1; for logits, the numbers before a sigmoid, "
            "use binary_cross_entropy_with_logits"
        )
    return _weighted(S.binary_cross_entropy(input, target), weight)


@known_step(textbooks.binary_cross_entropy_with_logits, loss)
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Binary cross-entropy where `input` is the number before the sigmoid; accurate for any size.

    `pos_weight` multiplies the term of the target 1: above 1 it favours recall over precision.
    """
    if pos_weight is None:
        entries = layers.binary_cross_entropy_with_logits(input, target)
    else:
        w = alike(pos_weight, input)
        entries = (1 - target) * input + (1 + (w - 1) * target) * S.softplus(-input)
    return _weighted(entries, weight)


@step
def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """``target * (log(target) - input)``: the Kullback-Leibler divergence; `input` is log-probabilities.

    ``reduction='batchmean'`` divides the sum by the length of the first axis, which is the definition; ``'mean'``
    divides by the number of entries, as in PyTorch.
    """
    x, y = pair("kl_div", input, target)
    entries = exp(y) * (y - x) if log_target else S.xlogy(y, y) - y * x
    if reduction == "batchmean":
        return sum(entries) / max(len(x) if x.ndim else 1, 1)
    return reduced(entries, reduction, "kl_div")


@loss
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability of counts `target` under a Poisson distribution of rate ``exp(input)`` (or `input`)."""
    entries = exp(input) - target * input if log_input else input - target * log(input + eps)
    if not full:
        return entries
    y = where(target > 1, target, 1.0)  # Stirling's formula for the logarithm of the factorial
    return entries + where(target > 1, y * log(y) - y + 0.5 * log(2 * math.pi * y), 0)


@step
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-density of `target` under normal distributions of mean `input` and variance ``max(var, eps)``.

    As in PyTorch, input and target broadcast, but only one of them to the shape of the other: (n, 1) with (n,) raises.
    The variance is a number, has the shape of the input without its last axis, or with any sizes replaced by 1.
    """
    x = floats(input)
    y, v = alike(target, x), alike(var, x)
    if not _broadcasts(x, y) and not _broadcasts(y, x):
        raise ValueError(
            "gaussian_nll_loss: expected input and target of one shape, or one that broadcasts to the other, got input "
            f"{x.shape} and target {y.shape}"
        )
    if v.ndim and v.shape == x.shape[:-1]:
        v = v[..., None]
    if v.ndim and (v.ndim != x.ndim or not _broadcasts(v, x)):
        raise ValueError(
            f"gaussian_nll_loss: expected var as a number, of the input's shape {x.shape} with any sizes replaced by "
            f"1, or of that shape without its last axis, got {v.shape}"
        )
    if np.any(v.detach()._data < 0):
        raise ValueError("gaussian_nll_loss: var has negative entries")
    v = v + stop_gradient(maximum(v, eps) - v)  # as in PyTorch, the gradient ignores the bound
    entries = 0.5 * (log(v) + square(x - y) / v)
    return reduced(entries + 0.5 * math.log(2 * math.pi) if full else entries, reduction, "gaussian_nll_loss")


def _broadcasts(x: Tensor, y: Tensor) -> bool:
    """True if `x` broadcasts to the shape of `y`."""
    sizes = zip(x.shape[::-1], y.shape[::-1], strict=False)
    return x.ndim <= y.ndim and all(m in (1, n) for m, n in sizes)


# ------------------------------------------------------------------------------------------- classification
# Targets are class numbers, or a probability for each class. As in PyTorch, classes are axis 1 of the input, or its
# only axis for a single sample: (n, classes) for a batch, (n, classes, height, width) for images in which each pixel
# has its class.


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
    return getitem(x, layers.labelled(k, min(x.ndim - 1, 1)), unique_indices=True)


def _average(entries: Tensor, weights: Any, counted: Any, reduction: str, name: str) -> Tensor:
    """The reduced loss; what is ignored is 0, and a mean is divided by the sum of the weights of the others."""
    if counted is not None:
        entries = where(counted, entries, 0)
        weights = tensor_of(counted.astype(entries.dtype)) if weights is None else where(counted, weights, 0)
    if reduction != "mean" or weights is None:
        return reduced(entries, reduction, name)
    return sum(entries) / sum(weights)


def _class_weights(name: str, weight: Any, x: Tensor) -> Tensor:
    w, classes = alike(weight, x), x.shape[min(x.ndim - 1, 1)]
    if w.shape != (classes,):
        raise ValueError(f"{name}: expected weight of shape {(classes,)}, one for each class, got {w.shape}")
    return w


@known_step(textbooks.nll_loss)
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
    entries = -_picked(x, k)
    w = None if weight is None else getitem(_class_weights("nll_loss", weight, x), k)
    return _average(_weighted(entries, w), w, counted, reduction, "nll_loss")


@known_step(textbooks.cross_entropy)
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
        return reduced(layers.softmax_cross_entropy(x, y, axis)[0], reduction, "cross_entropy")
    k, counted = _classes("cross_entropy", x, target, ignore_index)
    w = None if weight is None else getitem(_class_weights("cross_entropy", weight, x), k)
    if label_smoothing:
        y = layers.one_hot(k, x.shape[axis], axis)
        y = _distribution(y.astype(x.dtype), x, axis, weight, label_smoothing)
        entries = layers.softmax_cross_entropy(x, y, axis)[0]
    else:
        entries = _weighted(layers.softmax_cross_entropy(x, k, axis)[0], w)
    return _average(entries, w, counted, reduction, "cross_entropy")


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
    short = where(layers.one_hot(k, x.shape[-1], x.ndim - 1), 0, short)
    entries = sum(short if p == 1 else short * short, -1) / x.shape[-1]
    if weight is not None:
        entries = entries * getitem(_class_weights("multi_margin_loss", weight, x), k)
    return reduced(entries.reshape(np.shape(target)), reduction, "multi_margin_loss")


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


# -------------------------------------------------------------------------------------------------- margins


@step
def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """``max(0, margin - target * (input1 - input2))``: input1 should be larger where `target` is 1, smaller for -1."""
    x1, x2 = pair("margin_ranking_loss", input1, input2)
    _, y = pair("margin_ranking_loss", x1, target)
    return reduced(hinge(margin - y * (x1 - x2)), reduction, "margin_ranking_loss")


@loss
def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """`input`, a distance, where `target` is 1; ``max(0, margin - input)`` where it is -1.

    As in PyTorch, for any other target the two are added.
    """
    return where(target != -1, input, 0) + where(target != 1, hinge(margin - input), 0)


@known_step(textbooks.soft_margin_loss, loss)
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1."""
    return S.softplus(-target * input)


@loss
def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """The mean over classes of the binary cross-entropies of logits."""
    return mean(_weighted(layers.binary_cross_entropy_with_logits(input, target), weight), axis=-1)


# ------------------------------------------------------------------------------ distances, and losses of them


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
    entries = where(y == 1, 1 - cos, 0) + where(y == -1, hinge(cos - margin), 0)
    return reduced(entries, reduction, "cosine_embedding_loss")


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
