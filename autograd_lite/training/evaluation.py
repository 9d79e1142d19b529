"""Predictions and scores of a model, in evaluation mode and without recording a graph."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..data import DataLoader
from ..engine.context import no_grad
from ..nn import Module
from ..nn.loss import Loss
from .metrics import LossFunction, Metric, array_of

Metrics = Mapping[str, Metric] | Iterable[Metric]


def predict(model: Module, X: Any, batch_size: int = 256) -> Any:
    """The model's outputs for all rows of `X`, as one array.

    Parameters
    ----------
    model : Module
        What is applied, in evaluation mode.
    X : array, Tensor, or tuple of them
        A tuple for a model of several inputs.
    batch_size : int
        The number of rows at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> from autograd_lite.training import predict
    >>> predict(nn.ReLU(), np.array([[-1.0], [2.0]]))
    array([[0.],
           [2.]])
    """
    loader = DataLoader(X, batch_size)
    with _evaluating(model):
        outputs = [array_of(model(*_tuple(batch))) for batch in loader]
    if not outputs:
        raise ValueError("predict: expected at least one row")
    return np.concatenate(outputs)


def evaluate(
    model: Module, data: Any, loss: LossFunction | None = None, metrics: Metrics = (),
    batch_size: int = 256,
) -> dict[str, float]:
    """The loss and the metrics of a model on data, as numbers by name.

    The loss is that of all rows together, whatever the batches, for the losses of `nn` and `nn.functional`: with
    ``reduction='sum'`` the sum, and class weights and an `ignore_index` count. For any other function it is the mean
    over the rows of what it returns for a batch, or the sum if it has an attribute ``reduction = "sum"``.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> from autograd_lite.training import mae
    >>> evaluate(nn.Identity(), ([[1.0], [3.0]], [[1.0], [2.0]]), nn.MSELoss(), [mae])
    {'loss': 0.5, 'mae': 0.5}
    """
    scores = Scores(named(metrics), loss)
    with _evaluating(model):
        for batch in as_loader(data, batch_size):
            inputs, target = inputs_and_target(batch)
            pred = model(*inputs)
            has_loss = loss is not None and scores.weight_of(pred, target)  # the mean of no rows is NaN, with a warning
            scores.add(pred, target, loss(pred, target) if loss is not None and has_loss else None)
    return scores.row()


class Scores:
    """Loss and metrics of an epoch, collected batch by batch.

    Metrics are computed from all predictions together, because the mean over batches is another number; without metrics
    no predictions are kept.
    """

    def __init__(self, metrics: Mapping[str, Metric], loss: LossFunction | None = None) -> None:
        self.metrics, self.loss = metrics, None if loss is None else Loss.of(loss)
        self.total, self.weight, self.rows = 0.0, 0.0, 0
        self.pairs: list[tuple[Any, Any]] = []

    @property
    def is_sum(self) -> bool:
        """True if the loss adds up its rows; otherwise it is a mean."""
        return getattr(self.loss, "reduction", None) == "sum"

    def weight_of(self, pred: Any, target: Any) -> float:
        """The weight of a batch in the loss of all: what its mean was divided by, or 1 for a sum."""
        if self.is_sum:
            return 1.0
        return self.loss.divisor(pred, target) if isinstance(self.loss, Loss) else len(target)

    def add(self, pred: Any, target: Any, loss: Any = None) -> None:
        """Add a batch; its mean loss is weighted by what it was divided by."""
        self.rows += len(target)
        if loss is not None:
            value, weight = array_of(loss), self.weight_of(pred, target)
            if value.size != 1 or getattr(self.loss, "reduction", None) == "none":
                expected = "expected the loss of a batch as one number, a mean or a sum"
                raise ValueError(f"fit and evaluate: {expected}, got shape {value.shape}")
            self.weight += weight
            self.total += value.item() * weight if weight else 0.0
        if self.metrics:
            self.pairs.append((array_of(pred), array_of(target)))

    def row(self) -> dict[str, float]:
        """The numbers by name, the loss first."""
        if not self.rows:
            raise ValueError("expected at least one example for training or evaluation")
        row = {}
        if self.loss is not None:
            divisor = 1.0 if self.is_sum else self.weight
            row["loss"] = self.total / divisor if divisor else math.nan
        if self.metrics:
            pred, target = (np.concatenate(side) for side in zip(*self.pairs, strict=True))
            for name, metric in self.metrics.items():
                try:
                    row[name] = float(metric(pred, target))
                except Exception as error:
                    of = f"predictions of shape {pred.shape} and targets of shape {target.shape}"
                    what = f"{type(error).__name__}: {error}"
                    raise ValueError(f"the metric {name!r} of {of} failed: {what}") from error
        return row


def named(metrics: Metrics) -> dict[str, Metric]:
    """Metrics by name, by default the name of the function, with the options that `partial` has set."""
    pairs = list(metrics.items()) if isinstance(metrics, Mapping) else [(_name(metric), metric) for metric in metrics]
    names = [name for name, _ in pairs]
    others = {"epoch", "loss", "val_loss", *(f"val_{name}" for name in names)}
    for name in names:
        if name in others or names.count(name) > 1:
            raise ValueError(
                f"metrics: two columns of the history would be called {name!r}; name them, metrics={{'name': function}}"
            )
    return dict(pairs)


def _name(metric: Any) -> str:
    if not isinstance(metric, partial):
        return str(getattr(metric, "__name__", type(metric).__name__))
    options = [*map(repr, metric.args), *(f"{key}={value!r}" for key, value in metric.keywords.items())]
    return f"{_name(metric.func)}({', '.join(options)})"


def as_loader(
    data: Any, batch_size: int, shuffle: bool = False, generator: Any = None, shard: tuple[int, int] | None = None,
) -> DataLoader:
    """A loader of this data; a loader is returned as it is."""
    if isinstance(data, DataLoader):
        return data
    return DataLoader(data, batch_size, shuffle, generator=generator, shard=shard)


def inputs_and_target(batch: Any) -> tuple[tuple[Any, ...], Any]:
    """The inputs and the target of a batch: the target is the last array; a single array is both."""
    batch = _tuple(batch)
    if isinstance(batch[-1], Mapping):
        raise TypeError(
            f"expected the target as the last array of a batch, got a dict with {', '.join(map(str, batch[-1]))}; "
            "return rows (inputs, target), or pass a DataLoader with collate_fn="
        )
    return (batch[:-1] or batch), batch[-1]


def _tuple(batch: Any) -> tuple[Any, ...]:
    return tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)


def kind_of(x: Any) -> str:
    """The kind of `x`, for an error message."""
    return f"the class {x.__name__} itself" if isinstance(x, type) else f"a {type(x).__name__}"


def check_model(model: Any, who: str) -> None:
    """Raise TypeError unless `model` is a module."""
    if not isinstance(model, Module):
        raise TypeError(f"{who}: expected the model as an nn.Module, got {kind_of(model)}; derive it from nn.Module")


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """A block in evaluation mode, without recording, after which the mode of every part is as before."""
    check_model(model, "evaluate")
    modes = [(m, m.training) for m in model.modules()]
    try:
        model.eval()
        with no_grad():
            yield
    finally:
        for m, training in modes:
            object.__setattr__(m, "training", training)
