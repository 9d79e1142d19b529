"""Losses: how far a prediction is from its target.

`reduction` is ``'mean'`` over all entries (the default), ``'sum'``, or ``'none'``. Targets may be arrays or lists.
Input and target must have the same shape, unless the target is one number: (n, 1) with (n,), which PyTorch broadcasts
with a warning, raises an error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...rules import layers
from ...rules import special as S
from ...tensor import Tensor
from ...transforms.grad import stop_gradient
from . import textbooks
from .inputs import alike, floats, hinge, reduced, rows, same_shape, step

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "half_squared_error",
    "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss",
    "multilabel_soft_margin_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]

absolute, exp, log, maximum = rows("absolute", "exp", "log", "maximum")
mean, square, sum, where = rows("mean", "square", "sum", "where")


def _pair(name: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    x = floats(input)
    y = alike(target, x)
    same_shape(name, input=x, target=y)
    return x, y


@step
def half_squared_error(input: Any, target: Any, reduction: str = "sum") -> Tensor:
    """The talk's loss, ``(input - target)² / 2``, summed over outputs and samples.

    Its gradient is ``input - target``. As it is a sum, not a mean, a step of gradient descent on a batch is the sum of
    the steps on its samples.

    Examples
    --------
    >>> half_squared_error([[1.0, 3.0]], [[0.0, 1.0]])
    tensor(2.5)
    """
    x, y = _pair("half_squared_error", input, target)
    return reduced(0.5 * square(x - y), reduction, "half_squared_error")


@step(textbook=textbooks.mse_loss)
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``(input - target)²``.

    Examples
    --------
    >>> mse_loss([1.0, 3.0], [0.0, 1.0])
    tensor(2.5)
    """
    x, y = _pair("mse_loss", input, target)
    return reduced(square(x - y), reduction, "mse_loss")


@step
def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``|input - target|``."""
    x, y = _pair("l1_loss", input, target)
    return reduced(absolute(x - y), reduction, "l1_loss")


@step
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """A parabola between ``-beta`` and ``beta``, lines of slope 1 outside."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta={beta} must not be negative")
    if beta == 0:
        return l1_loss(input, target, reduction)
    x, y = _pair("smooth_l1_loss", input, target)
    d = absolute(x - y)
    return reduced(where(d < beta, square(d) * (0.5 / beta), d - 0.5 * beta), reduction, "smooth_l1_loss")


@step
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """A parabola between ``-delta`` and ``delta``, lines of slope `delta` outside."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta={delta} must be positive")
    x, y = _pair("huber_loss", input, target)
    d = absolute(x - y)
    return reduced(where(d < delta, 0.5 * square(d), delta * (d - 0.5 * delta)), reduction, "huber_loss")


# ------------------------------------------------------------------------------------ between probabilities


def _weighted(loss: Tensor, weight: Any) -> Tensor:
    return loss if weight is None else loss * alike(weight, loss)


@step(textbook=textbooks.binary_cross_entropy)
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """Minus the log-probability of `target` (0, 1 or between) where `input` is the probability of 1.

    As in PyTorch, logarithms are clipped at -100, and in the derivative ``(input - target) / (input * (1 - input))``
    the denominator is at least 1e-12. :func:`binary_cross_entropy_with_logits` needs no such bounds.
    """
    p, y = _pair("binary_cross_entropy", input, target)
    if p.size and not (p.detach()._data.min() >= 0 and p.detach()._data.max() <= 1):
        raise ValueError(
            "binary_cross_entropy: expected probabilities between 0 and 1; for logits, the numbers before a sigmoid, "
            "use binary_cross_entropy_with_logits"
        )
    return reduced(_weighted(S.binary_cross_entropy(p, y), weight), reduction, "binary_cross_entropy")


@step(textbook=textbooks.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Binary cross-entropy where `input` is the number before the sigmoid; accurate for any size.

    `pos_weight` multiplies the term of the target 1: above 1 it favours recall over precision.
    """
    x, y = _pair("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        loss = layers.binary_cross_entropy_with_logits(x, y)
    else:
        w = alike(pos_weight, x)
        loss = (1 - y) * x + (1 + (w - 1) * y) * S.softplus(-x)
    return reduced(_weighted(loss, weight), reduction, "binary_cross_entropy_with_logits")


@step
def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """``target * (log(target) - input)``: the Kullback-Leibler divergence; `input` is log-probabilities.

    ``reduction='batchmean'`` divides the sum by the length of the first axis, which is the definition; ``'mean'``
    divides by the number of entries, as in PyTorch.
    """
    x, y = _pair("kl_div", input, target)
    loss = exp(y) * (y - x) if log_target else S.xlogy(y, y) - y * x
    if reduction == "batchmean":
        return sum(loss) / max(len(x) if x.ndim else 1, 1)
    return reduced(loss, reduction, "kl_div")


@step
def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability of counts `target` under a Poisson distribution of rate ``exp(input)`` (or `input`)."""
    x, y = _pair("poisson_nll_loss", input, target)
    loss = exp(x) - y * x if log_input else x - y * log(x + eps)
    if full:  # Stirling's formula for the logarithm of the factorial
        y1 = where(y > 1, y, 1.0)
        loss = loss + where(y > 1, y1 * log(y1) - y1 + 0.5 * log(2 * math.pi * y1), 0)
    return reduced(loss, reduction, "poisson_nll_loss")


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
    loss = 0.5 * (log(v) + square(x - y) / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction, "gaussian_nll_loss")


def _broadcasts(x: Tensor, y: Tensor) -> bool:
    """True if `x` broadcasts to the shape of `y`."""
    sizes = zip(x.shape[::-1], y.shape[::-1], strict=False)
    return x.ndim <= y.ndim and all(m in (1, n) for m, n in sizes)


# -------------------------------------------------------------------------------------------------- margins


@step
def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """``max(0, margin - target * (input1 - input2))``: input1 should be larger where `target` is 1, smaller for -1."""
    x1, x2 = _pair("margin_ranking_loss", input1, input2)
    y = alike(target, x1)
    same_shape("margin_ranking_loss", input=x1, target=y)
    return reduced(hinge(margin - y * (x1 - x2)), reduction, "margin_ranking_loss")


@step
def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """`input`, a distance, where `target` is 1; ``max(0, margin - input)`` where it is -1.

    As in PyTorch, for any other target the two are added.
    """
    x, y = _pair("hinge_embedding_loss", input, target)
    loss = where(y != -1, x, 0) + where(y != 1, hinge(margin - x), 0)
    return reduced(loss, reduction, "hinge_embedding_loss")


@step
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1."""
    x, y = _pair("soft_margin_loss", input, target)
    return reduced(S.softplus(-y * x), reduction, "soft_margin_loss")


@step
def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """The mean over classes of the binary cross-entropies of logits."""
    x, y = _pair("multilabel_soft_margin_loss", input, target)
    loss = mean(_weighted(layers.binary_cross_entropy_with_logits(x, y), weight), axis=-1)
    return reduced(loss, reduction, "multilabel_soft_margin_loss")
