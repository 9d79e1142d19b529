"""Losses and distances as modules: each calls a function of `functional`, with the options of the module."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..engine.node import Function
from . import functional as F
from .functional.inputs import check_reduction, tensor_of, values
from .stateless import Stateless

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss", "GaussianNLLLoss",
    "HalfSquaredError", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "PairwiseDistance",
    "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]


class Loss(Stateless):
    """Calls `function` with its options; `reduction` is ``'mean'``, ``'sum'`` or ``'none'``.

    Weights are buffers: they are part of the state, and are not trained.
    """

    reduction: str
    reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.reduction not in self.reductions:
            check_reduction(self.reduction, type(self).__name__)

    def _keep(self, name: str, value: Any) -> None:
        if name in ("weight", "pos_weight"):
            self.register_buffer(name, None if value is None else tensor_of(value).detach())
        else:
            super()._keep(name, value)

    def forward(self, input: Any, target: Any) -> Any:  # type: ignore[override]  # two inputs
        return self._on(input, target)

    def divisor(self, input: Any, target: Any) -> float:
        """The number that a mean over this batch is divided by, up to a constant factor; here its number of rows."""
        return len(target)

    @classmethod
    def of(cls, function: Function) -> Function:
        """The module of a function of `functional`, also of one with options from `partial`; others as they are."""
        f, options = function, dict[str, Any]()
        if isinstance(function, partial) and not function.args:
            f, options = function.func, function.keywords
        modules = (m for m in cls.__subclasses__() if getattr(m, "function", None) is f)
        return next((m(**options) for m in modules if m._options.parameters.keys() >= options.keys()), function)

    def _shown(self) -> list[str]:
        usual = ("weight", "pos_weight", *["reduction"] * (self.reduction == "mean"))
        return [name for name in super()._shown() if name not in usual]


class _OfTwoInputs(Loss):
    def forward(self, input1: Any, input2: Any, target: Any) -> Any:  # type: ignore[override]  # three inputs
        return self._on(input1, input2, target)


class _Triplet(Loss):
    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:  # type: ignore[override]  # three inputs
        return self._on(anchor, positive, negative)


class HalfSquaredError(Loss, function=F.half_squared_error):
    """The talk's loss: half the squared error, summed over outputs and samples.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.HalfSquaredError()([[1.0, 3.0]], [[0.0, 1.0]])
    tensor(2.5)
    """


class MSELoss(Loss, function=F.mse_loss):
    """The mean squared error."""


class L1Loss(Loss, function=F.l1_loss):
    """The mean absolute error."""


class SmoothL1Loss(Loss, function=F.smooth_l1_loss):
    """A parabola between ``-beta`` and ``beta``, lines of slope 1 outside."""


class HuberLoss(Loss, function=F.huber_loss):
    """A parabola between ``-delta`` and ``delta``, lines of slope `delta` outside."""


class BCELoss(Loss, function=F.binary_cross_entropy):
    """The cross-entropy of two classes; the input is a probability."""


class BCEWithLogitsLoss(Loss, function=F.binary_cross_entropy_with_logits):
    """The cross-entropy of two classes; the input is a logit, the number before the sigmoid."""


def _sum_of_weights(self: Any, input: Any, target: Any) -> float:
    """The sum of the weights of the rows that are not ignored."""
    k = values(tensor_of(target))
    if k.dtype.kind == "f":  # probabilities
        return len(target)
    k = k[k != self.ignore_index]
    return float(k.size if self.weight is None else values(self.weight)[k.astype(int)].sum())


class NLLLoss(Loss, function=F.nll_loss):
    """Minus the log-probability of the right class; the input is log-probabilities."""

    divisor = _sum_of_weights


class CrossEntropyLoss(Loss, function=F.cross_entropy):
    """The cross-entropy of classes; the input is logits. See :func:`autograd_lite.nn.functional.cross_entropy`."""

    divisor = _sum_of_weights


class KLDivLoss(Loss, function=F.kl_div):
    """The Kullback-Leibler divergence; the input is log-probabilities, the target probabilities.

    ``reduction='batchmean'`` is the definition; the default divides by the number of entries, as in PyTorch.
    """

    reductions = ("none", "mean", "sum", "batchmean")


class PoissonNLLLoss(Loss, function=F.poisson_nll_loss):
    """Minus the log-probability of counts under a Poisson distribution."""


class GaussianNLLLoss(Loss, function=F.gaussian_nll_loss):
    """Minus the log-density under normal distributions whose variance is predicted too."""

    def forward(self, input: Any, target: Any, var: Any) -> Any:  # type: ignore[override]  # three inputs
        return self._on(input, target, var)


class MarginRankingLoss(_OfTwoInputs, function=F.margin_ranking_loss):
    """The first input should be larger where the target is 1, and smaller where it is -1."""


class HingeEmbeddingLoss(Loss, function=F.hinge_embedding_loss):
    """A distance should be small where the target is 1, and at least `margin` where it is -1."""


class SoftMarginLoss(Loss, function=F.soft_margin_loss):
    """``log(1 + exp(-target * input))``."""


class MultiMarginLoss(Loss, function=F.multi_margin_loss):
    """The score of the right class should exceed every other by `margin`."""


class MultiLabelMarginLoss(Loss, function=F.multilabel_margin_loss):
    """The score of every right class should exceed that of every wrong one by 1."""


class MultiLabelSoftMarginLoss(Loss, function=F.multilabel_soft_margin_loss):
    """The mean over classes of their binary cross-entropies."""


class CosineEmbeddingLoss(_OfTwoInputs, function=F.cosine_embedding_loss):
    """Two vectors should have one direction where the target is 1, and different ones where it is -1."""


class TripletMarginLoss(_Triplet, function=F.triplet_margin_loss):
    """An anchor should be nearer to the positive than to the negative by `margin`."""


class TripletMarginWithDistanceLoss(_Triplet, function=F.triplet_margin_with_distance_loss):
    """The triplet loss with any distance function."""


class _Between(Stateless):
    def forward(self, x1: Any, x2: Any) -> Any:  # type: ignore[override]  # two inputs
        return self._on(x1, x2)


class CosineSimilarity(_Between, function=F.cosine_similarity):
    """The cosine of the angle between vectors along `dim`."""


class PairwiseDistance(_Between, function=F.pairwise_distance):
    """The `p`-norm of ``x1 - x2 + eps`` along the last axis."""
