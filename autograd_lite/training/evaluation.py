"""Predictions and scores of a model, in evaluation mode and without recording a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..data import DataLoader
from ..engine.context import no_grad
from ..nn import Module
from .metrics import array_of

Metrics = Mapping[str, Callable[[Any, Any], float]] | Iterable[Callable[[Any, Any], float]]


def predict(model: Module, X: Any, batch_size: int = 256) -> Any:
    """The model's outputs for all rows of `X`, as one array.

    Parameters
    ----------
    model : Module
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
    with _evaluating(model), no_grad():
        model.eval()
        outputs = [array_of(model(*_tuple(batch))) for batch in loader]
    if not outputs:
        raise ValueError("predict: expected at least one row")
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
    """Loss and metrics of an epoch, collected batch by batch.

    Metrics are computed from all predictions together, because the mean over batches is another number; without metrics
    no predictions are kept.
    """

    def __init__(self, metrics: Mapping[str, Callable[[Any, Any], float]]) -> None:
        self.metrics = metrics
        self.total, self.rows, self.with_loss = 0.0, 0, False
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, pred: Any, target: Any, loss: Any = None) -> None:
        """Add a batch; its loss is weighted by its number of rows."""
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
            raise ValueError("expected at least one example for training or evaluation")
        row = {"loss": self.total / self.rows} if self.with_loss else {}
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


def named(metrics: Metrics) -> dict[str, Callable[[Any, Any], float]]:
    """Metrics by name, by default the name of the function."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}


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
    """What `x` is, for an error message."""
    return f"the class {x.__name__} itself" if isinstance(x, type) else f"a {type(x).__name__}"


def check_model(model: Any, who: str) -> None:
    """Raise TypeError unless `model` is a module."""
    if not isinstance(model, Module):
        raise TypeError(f"{who}: expected the model as an nn.Module, got {kind_of(model)}; derive it from nn.Module")


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """A block after which the mode of every part, training or evaluation, is as before."""
    check_model(model, "evaluate")
    modes = [(m, m.training) for m in model.modules()]
    try:
        yield
    finally:
        for m, training in modes:
            object.__setattr__(m, "training", training)
