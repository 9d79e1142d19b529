"""A training run as callbacks see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data import DataLoader
from ..nn import Module
from ..optim import Optimizer
from .history import History
from .metrics import LossFunction, Metric

Passes = Callable[[Any, Any], Any]  # from inputs and target to prediction and loss, with the gradients
State = dict[str, Any]  # of a part of a run, for a checkpoint
StateDict = Mapping[str, Any]  # the same, as it is read


@dataclass
class Run:
    """The parts of a training run, and its progress; callbacks read it, and may set `stop`.

    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> class Stop(training.Callback):
    ...     def on_epoch(self, run):
    ...         run.stop = run.epoch == 2
    >>> model, X = nn.Linear(2, 1), np.eye(2)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> history = training.fit(model, (X, X[:, :1]), nn.MSELoss(), opt, epochs=9, callbacks=[Stop()])
    >>> len(history["loss"])
    2
    """

    model: Module
    optimizer: Optimizer
    loss: LossFunction
    loader: DataLoader
    epochs: int
    validation: DataLoader | None = None
    metrics: dict[str, Metric] = field(default_factory=dict)
    history: History = field(default_factory=History)
    #: Finished epochs and batches.
    epoch: int = 0
    steps: int = 0
    #: Of several processes that train together, which one this is; only rank 0 should print and write files.
    rank: int = 0
    #: Set to end the run after this epoch.
    stop: bool = False
    #: Called in this order.
    callbacks: Sequence[Any] = ()
    #: The two passes for a batch, and the step of the optimiser.
    passes: Passes = field(init=False, repr=False)
    update: Callable[[Callable[[], Any]], Any] = field(init=False, repr=False)

    @property
    def row(self) -> dict[str, float]:
        """The numbers of the last epoch."""
        return self.history.rows[-1]

    def notify(self, event: str) -> None:
        """Call a method of each callback."""
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def watched(self, monitor: str, who: str) -> float:
        """The number `monitor` of the last epoch, for the callback `who`."""
        if monitor not in self.row:
            names = ", ".join(name for name in self.row if name != "epoch")
            raise KeyError(f"{who}: expected monitor to be {names}, got {monitor!r}; val_... needs validation=")
        return self.row[monitor]
