"""Losses as modules: each calls the function of the same name in `functional`, with the options of the module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..tensor import Tensor
from . import functional as F
from .functional.inputs import check_reduction, given
from .module import Module


class Loss(Module):
    """Calls `function` with its options; `reduction` is ``'mean'``, ``'sum'`` or ``'none'``."""

    function: ClassVar[Callable[..., Tensor]]
    reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(self, reduction: str, *, weights: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__()
        if reduction not in self.reductions:
            check_reduction(reduction, type(self).__name__)
        self.reduction = reduction
        for name, value in options.items():
            setattr(self, name, value)
        for name, value in (weights or {}).items():  # buffers: they are part of the state, and are not trained
            self.register_buffer(name, None if value is None else given(value).detach())
        self._options, self._weights = tuple(options), tuple(weights or ())

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._call_function(input, target)

    def _call_function(self, *inputs: Any) -> Tensor:
        options = {name: getattr(self, name) for name in (*self._options, *self._weights)}
        return self.function(*inputs, reduction=self.reduction, **options)

    def extra_repr(self) -> str:
        shown = self._options if self.reduction == "mean" else ("reduction", *self._options)
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)


class _NoOptions(Loss):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class _Weighted(Loss):
    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, weights={"weight": weight})


class _OfTwoInputs(Loss):
    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:  # type: ignore[override]
        return self._call_function(input1, input2, target)


class _Triplet(Loss):
    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:  # type: ignore[override]
        return self._call_function(anchor, positive, negative)


class HalfSquaredError(Loss):
    """The talk's loss: half the squared error, summed over outputs and samples.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.HalfSquaredError()([[1.0, 3.0]], [[0.0, 1.0]])
    tensor(2.5)
    """

    function = staticmethod(F.half_squared_error)

    def __init__(self, reduction: str = "sum") -> None:
        super().__init__(reduction)


class MSELoss(_NoOptions):
    """The mean squared error."""

    function = staticmethod(F.mse_loss)


class L1Loss(_NoOptions):
    """The mean absolute error."""

    function = staticmethod(F.l1_loss)


class SmoothL1Loss(Loss):
    """A parabola between ``-beta`` and ``beta``, lines of slope 1 outside."""

    function = staticmethod(F.smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta=beta)


class HuberLoss(Loss):
    """A parabola between ``-delta`` and ``delta``, lines of slope `delta` outside."""

    function = staticmethod(F.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=delta)


class BCELoss(_Weighted):
    """The cross-entropy of two classes; the input is a probability."""

    function = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of two classes; the input is a logit, the number before the sigmoid."""

    function = staticmethod(F.binary_cross_entropy_with_logits)

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction, weights={"weight": weight, "pos_weight": pos_weight})


class NLLLoss(Loss):
    """Minus the log-probability of the right class; the input is log-probabilities."""

    function = staticmethod(F.nll_loss)

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction, weights={"weight": weight}, ignore_index=ignore_index)


class CrossEntropyLoss(Loss):
    """The cross-entropy of classes; the input is logits. See :func:`autograd_lite.nn.functional.cross_entropy`."""

    function = staticmethod(F.cross_entropy)

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        options = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
        super().__init__(reduction, weights={"weight": weight}, **options)


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence; the input is log-probabilities, the target probabilities.

    ``reduction='batchmean'`` is the definition; the default divides by the number of entries, as in PyTorch.
    """

    function = staticmethod(F.kl_div)

    reductions = ("none", "mean", "sum", "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)


class PoissonNLLLoss(Loss):
    """Minus the log-probability of counts under a Poisson distribution."""

    function = staticmethod(F.poisson_nll_loss)

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(Loss):
    """Minus the log-density under normal distributions whose variance is predicted too."""

    function = staticmethod(F.gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction, full=full, eps=eps)

    def forward(self, input: Any, target: Any, var: Any) -> Tensor:  # type: ignore[override]
        return self._call_function(input, target, var)


class MarginRankingLoss(_OfTwoInputs):
    """The first input should be larger where the target is 1, and smaller where it is -1."""

    function = staticmethod(F.margin_ranking_loss)


class HingeEmbeddingLoss(Loss):
    """A distance should be small where the target is 1, and at least `margin` where it is -1."""

    function = staticmethod(F.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class SoftMarginLoss(_NoOptions):
    """``log(1 + exp(-target * input))``."""

    function = staticmethod(F.soft_margin_loss)


class MultiMarginLoss(Loss):
    """The score of the right class should exceed every other by `margin`."""

    function = staticmethod(F.multi_margin_loss)

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, weights={"weight": weight}, p=p, margin=margin)


class MultiLabelMarginLoss(_NoOptions):
    """The score of every right class should exceed that of every wrong one by 1."""

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(_Weighted):
    """The mean over classes of their binary cross-entropies."""

    function = staticmethod(F.multilabel_soft_margin_loss)


class CosineEmbeddingLoss(_OfTwoInputs):
    """Two vectors should have one direction where the target is 1, and different ones where it is -1."""

    function = staticmethod(F.cosine_embedding_loss)


class TripletMarginLoss(_Triplet):
    """An anchor should be nearer to the positive than to the negative by `margin`."""

    function = staticmethod(F.triplet_margin_loss)

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, margin=margin, p=p, eps=eps, swap=swap)


class TripletMarginWithDistanceLoss(_Triplet):
    """The triplet loss with any distance function."""

    function = staticmethod(F.triplet_margin_with_distance_loss)

    def __init__(
        self, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, distance_function=distance_function, margin=margin, swap=swap)
