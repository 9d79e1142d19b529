"""A model used, not taught: predictions and scores, in evaluation mode, with nothing recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import starmap
from typing import Any

import numpy as np

from ..base.interrupts import at_exit, exhaust
from ..data import DataLoader
from ..engine.context import no_grad
from ..nn import Module

Metrics = Mapping[str, Callable[[Any, Any], float]] | Iterable[Callable[[Any, Any], float]]


def predict(model: Module, X: Any, batch_size: int = 256) -> Any:
    """The model's outputs for all rows of `X`, as one array.

    Parameters
    ----------
    model : Module
    X : array, Tensor, or tuple of them
        A tuple for a model of several inputs.
    batch_size : int
        How many rows at a time.
    """
    loader = DataLoader(X, batch_size)
    with _evaluating(model), no_grad():
        model.eval()
        outputs = [array_of(model(*_tuple(batch))) for batch in loader]
    if not outputs:
        raise ValueError("predict: no rows")
    return np.concatenate(outputs)


def evaluate(
    model: Module, data: Any, loss: Callable[[Any, Any], Any] | None = None, metrics: Metrics = (),
    batch_size: int = 256,
) -> dict[str, float]:
    """The mean loss and the metrics of a model on data, as numbers by name.

    Examples
    --------
    >>> from autograd_lite import nn
    >>> from autograd_lite.training import mae
    >>> evaluate(nn.Identity(), ([[1.0], [3.0]], [[1.0], [2.0]]), nn.MSELoss(), [mae])
    {'loss': 0.5, 'mae': 0.5}
    """
    scores = Scores(named(metrics))
    with _evaluating(model), no_grad():
        model.eval()
        for batch in as_loader(data, batch_size):
            inputs, target = inputs_and_target(batch)
            pred = model(*inputs)
            scores.add(pred, target, None if loss is None else loss(pred, target))
    return scores.row()


class Scores:
    """Loss and metrics of an epoch, added up batch by batch.

    Metrics are taken of all predictions together, as the mean over batches would not be theirs; without metrics
    nothing is kept.
    """

    def __init__(self, metrics: Mapping[str, Callable[[Any, Any], float]]) -> None:
        self.metrics = metrics
        self.total, self.rows, self.with_loss = 0.0, 0, False
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, pred: Any, target: Any, loss: Any = None) -> None:
        """One more batch; its loss counts as often as it has rows."""
        rows = len(target)
        self.rows += rows
        if loss is not None:
            self.with_loss = True
            self.total += float(array_of(loss)) * rows
        if self.metrics:
            self.pairs.append((array_of(pred), array_of(target)))

    def row(self) -> dict[str, float]:
        """The numbers by name, the loss first."""
        if not self.rows:
            raise ValueError("there are no examples to learn from or to evaluate")
        row = {"loss": self.total / self.rows} if self.with_loss else {}
        if self.metrics:
            pred, target = (np.concatenate(side) for side in zip(*self.pairs, strict=True))
            row |= {name: float(metric(pred, target)) for name, metric in self.metrics.items()}
        return row


def named(metrics: Metrics) -> dict[str, Callable[[Any, Any], float]]:
    """Metrics by name; a function goes by its own."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}


def as_loader(data: Any, batch_size: int, shuffle: bool = False, generator: Any = None) -> DataLoader:
    """A loader as it is; anything else in one."""
    if isinstance(data, DataLoader):
        return data
    return DataLoader(data, batch_size, shuffle, generator=generator)


def inputs_and_target(batch: Any) -> tuple[tuple[Any, ...], Any]:
    """A batch in two: the last is the target, what stands before it the inputs; one alone is both."""
    batch = _tuple(batch)
    return (batch[:-1] or batch), batch[-1]


def array_of(x: Any) -> Any:
    """The array in a Tensor; anything else as an array."""
    return np.asarray(x.data if hasattr(x, "requires_grad") else x)


def _tuple(batch: Any) -> tuple[Any, ...]:
    return tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)


def check_model(model: Any, who: str) -> None:
    """Raise TypeError for what is no module."""
    if not isinstance(model, Module):
        what = f"the class {model.__name__} itself" if isinstance(model, type) else f"a {type(model).__name__}"
        raise TypeError(f"{who}: expected the model as an nn.Module, got {what}; derive it from nn.Module")


def _evaluating(model: Module) -> at_exit:
    """After the ``with`` block every part is in the mode, training or evaluation, that it is in now."""
    check_model(model, "evaluate")
    modes = [(m, "training", m.training) for m in model.modules()]
    return at_exit(exhaust, starmap(object.__setattr__, modes))
