"""Losses as modules: each calls the function of the same name in `functional` with the options it.

Was made with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .functional.inputs import check_reduction, given
from .module import Module


class Loss(Module):
    """A loss with its options; `reduction` is ``'mean'``, ``'sum'`` or ``'none'``."""

    reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(self, reduction: str = "mean", **options: Any) -> None:
        super().__init__()
        if reduction not in self.reductions:
            check_reduction(reduction, type(self).__name__)
        self.reduction = reduction
        self._options = options
        for name, value in options.items():
            setattr(self, name, value)

    def _weights(self, **tensors: Any) -> None:
        """Weights are buffers: they go with the module, and are not learned."""
        for name, value in tensors.items():
            self.register_buffer(name, None if value is None else given(value).detach())

    def extra_repr(self) -> str:
        shown = (
            {**self._options}
            if self.reduction == "mean"
            else {"reduction": self.reduction, **self._options}
        )
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    def _run(self, function: Callable[..., Tensor], *inputs: Any, **more: Any) -> Tensor:
        return function(*inputs, reduction=self.reduction, **self._options, **more)


class HalfSquaredError(Loss):
    """The talk's loss: half the squared error, summed over outputs and samples.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> nn.HalfSquaredError()([[1.0, 3.0]], [[0.0, 1.0]])
    tensor(2.5)
    """

    def __init__(self, reduction: str = "sum") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.half_squared_error, input, target)


class MSELoss(Loss):
    """Mean squared error."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.mse_loss, input, target)


class L1Loss(Loss):
    """Mean absolute error."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.l1_loss, input, target)


class SmoothL1Loss(Loss):
    """A parabola between ``-beta`` and ``beta``, lines of slope 1 outside."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta=beta)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.smooth_l1_loss, input, target)


class HuberLoss(Loss):
    """A parabola between ``-delta`` and ``delta``, lines of slope `delta` outside."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=delta)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.huber_loss, input, target)


class BCELoss(Loss):
    """Cross entropy of two classes, the input a probability."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._weights(weight=weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.binary_cross_entropy, input, target, weight=self.weight)


class BCEWithLogitsLoss(Loss):
    """Cross entropy of two classes, the input the number before the sigmoid."""

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self._weights(weight=weight, pos_weight=pos_weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(
            F.binary_cross_entropy_with_logits,
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
        )


class NLLLoss(Loss):
    """Minus the log-probability of the right class, the input log-probabilities."""

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction, ignore_index=ignore_index)
        self._weights(weight=weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.nll_loss, input, target, weight=self.weight)


class CrossEntropyLoss(Loss):
    """Cross entropy of classes, the input logits; see :func:`~autograd_lite.nn.functional.cross_entropy`."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction, ignore_index=ignore_index, label_smoothing=label_smoothing)
        self._weights(weight=weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.cross_entropy, input, target, weight=self.weight)


class KLDivLoss(Loss):
    """Divergence from log-probabilities to probabilities.

    ``reduction='batchmean'`` is the one of the textbooks.
    """

    reductions = ("none", "mean", "sum", "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.kl_div, input, target)


class PoissonNLLLoss(Loss):
    """Minus the log-probability of counts."""

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.poisson_nll_loss, input, target)


class GaussianNLLLoss(Loss):
    """Minus the log-density under normal distributions whose variance is predicted too."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction, full=full, eps=eps)

    def forward(self, input: Any, target: Any, var: Any) -> Tensor:
        return self._run(F.gaussian_nll_loss, input, target, var)


class MarginRankingLoss(Loss):
    """The first input should be the larger where the target is 1, the smaller where it is -1."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:
        return self._run(F.margin_ranking_loss, input1, input2, target)


class HingeEmbeddingLoss(Loss):
    """A distance should be small where the target is 1, at least `margin` where it is -1."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.hinge_embedding_loss, input, target)


class SoftMarginLoss(Loss):
    """``log(1 + exp(-target * input))``."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.soft_margin_loss, input, target)


class MultiMarginLoss(Loss):
    """The right class should lead every other one by `margin`."""

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, p=p, margin=margin)
        self._weights(weight=weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.multi_margin_loss, input, target, weight=self.weight)


class MultiLabelMarginLoss(Loss):
    """Every right class should lead every wrong one by 1."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.multilabel_margin_loss, input, target)


class MultiLabelSoftMarginLoss(Loss):
    """The mean over classes of their own binary cross entropies."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._weights(weight=weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        return self._run(F.multilabel_soft_margin_loss, input, target, weight=self.weight)


class CosineEmbeddingLoss(Loss):
    """Two vectors should have one direction where the target is 1, and not where it is -1."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:
        return self._run(F.cosine_embedding_loss, input1, input2, target)


class TripletMarginLoss(Loss):
    """An anchor should be nearer to the positive than to the negative by `margin`."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, margin=margin, p=p, eps=eps, swap=swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return self._run(F.triplet_margin_loss, anchor, positive, negative)


class TripletMarginWithDistanceLoss(Loss):
    """The same with a distance of one's own."""

    def __init__(
        self,
        *,
        distance_function: Any = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, distance_function=distance_function, margin=margin, swap=swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return self._run(F.triplet_margin_with_distance_loss, anchor, positive, negative)
