"""Callbacks of a training run: schedules, early stopping, saving the best weights, clipping, a log.

The state of a callback, its `state_dict`, is part of a checkpoint, and a resumed run restores it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..export.saving import PathLike, save
from ..nn.utils import clip_grad_norm_
from ..optim.lr_scheduler import ReduceLROnPlateau
from .history import smaller_is_better, table_line
from .run import Run, State, StateDict


class Callback:
    """Base of the callbacks, which does nothing: define the methods that you need.

    The callbacks of this package start afresh in each run. One of your own with a state sets it in `on_begin` if
    ``run.epoch == 0``.

    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> class Count(training.Callback):
    ...     batches = 0
    ...     def on_batch(self, run):
    ...         self.batches += 1
    >>> model, X, count = nn.Linear(2, 1), np.eye(2), Count()
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> history = training.fit(model, (X, X[:, :1]), nn.MSELoss(), opt, epochs=3, callbacks=[count])
    >>> count.batches
    3
    """

    def on_begin(self, run: Run) -> None:
        """Called before the first batch, also of a resumed run."""

    def on_gradients(self, run: Run) -> None:
        """Called after the backward pass of a batch, before the step."""

    def on_batch(self, run: Run) -> None:
        """Called after the step of a batch."""

    def on_epoch(self, run: Run) -> None:
        """Called after an epoch and its validation; ``run.row`` has its numbers."""

    def on_end(self, run: Run) -> None:
        """Called at the end, also after Ctrl-C."""

    def state_dict(self) -> State:
        """The state to keep in a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore what :meth:`state_dict` returned."""


class _Monitor(Callback):
    """Monitors one number, and keeps its best value so far."""

    def __init__(self, monitor: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self._sign = 1.0 if smaller_is_better(monitor, mode) else -1.0
        self._start()

    def _start(self) -> None:
        """Set what changes during a run to its start."""
        self.best = math.inf * self._sign

    def on_begin(self, run: Run) -> None:
        if run.epoch == 0:  # a resumed run goes on
            self._start()

    def improved(self, run: Run) -> bool:
        """True if the last epoch is the best so far; if so, keeps its value."""
        value = run.watched(self.monitor, type(self).__name__)
        better = self._sign * value < self._sign * self.best - self.min_delta  # never for NaN
        if better:
            self.best = value
        return better

    def state_dict(self) -> State:
        return {"best": self.best}

    def load_state_dict(self, state_dict: StateDict) -> None:
        vars(self).update(self._checked(state_dict))

    def _checked(self, state: Any) -> State:
        """The fields of a state; ValueError if it is not one."""
        best = state.get("best") if isinstance(state, Mapping) else None
        if not isinstance(best, Real) or math.isnan(best):
            who = f"{type(self).__name__}.load_state_dict"
            raise ValueError(f"{who}: expected a dict with a number 'best', got {state!r:.80}")
        return {"best": float(best)}


class EarlyStopping(_Monitor):
    """End the run when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str
        The number's name in the history.
    patience : int
        After how many epochs without an improvement the run ends.
    min_delta : float
        The smallest change that counts as an improvement.
    mode : {None, "min", "max"}
        By default smaller is better for losses and errors, larger for everything else.
    restore_best : bool
        Whether to restore the weights of the best epoch at the end.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> model, X = nn.Linear(2, 1), np.eye(2)
    >>> opt = optim.SGD(model.parameters(), lr=0.0)  # never improves
    >>> stop = training.EarlyStopping(monitor="loss", patience=3)
    >>> history = training.fit(model, (X, X[:, :1]), nn.MSELoss(), opt, epochs=100, callbacks=[stop])
    >>> len(history["loss"])
    4
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0, mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.patience, self.restore_best = patience, restore_best
        super().__init__(monitor, mode, min_delta)

    def _start(self) -> None:
        super()._start()
        self.waited = 0
        self.weights: State | None = None

    def on_epoch(self, run: Run) -> None:
        if self.improved(run):
            self.waited = 0
            if self.restore_best:
                self.weights = dict(run.model.state_dict())
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop = True

    def on_end(self, run: Run) -> None:
        if self.weights is not None:
            run.model.load_state_dict(self.weights)

    def state_dict(self) -> State:
        return {**super().state_dict(), "waited": self.waited, "weights": self.weights}

    def _checked(self, state: Any) -> State:
        fields, waited, weights = super()._checked(state), state.get("waited"), state.get("weights")
        if not isinstance(waited, int) or waited < 0:
            raise ValueError(f"EarlyStopping.load_state_dict: expected 'waited' as a whole number, got {waited!r:.80}")
        if weights is not None and not isinstance(weights, Mapping):
            raise ValueError(f"EarlyStopping.load_state_dict: expected 'weights' as a dict, got {weights!r:.80}")
        return {**fields, "waited": waited, "weights": weights}


class BestCheckpoint(_Monitor):
    """Save the model's weights whenever a number is the best so far; ``ag.load`` reads them.

    >>> import tempfile
    >>> import numpy as np, autograd_lite as ag
    >>> from autograd_lite import nn, optim, training
    >>> model, X = nn.Linear(2, 1), np.eye(2)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     best = training.BestCheckpoint(f"{folder}/best.npz", monitor="loss")
    ...     history = training.fit(model, (X, X[:, :1]), nn.MSELoss(), opt, epochs=2, callbacks=[best])
    ...     sorted(ag.load(f"{folder}/best.npz"))
    ['bias', 'weight']
    """

    def __init__(self, path: PathLike, monitor: str = "val_loss", mode: str | None = None) -> None:
        super().__init__(monitor, mode)
        self.path = path

    def on_epoch(self, run: Run) -> None:
        if self.improved(run) and run.rank == 0:
            save(run.model, self.path)


class Schedule(Callback):
    """Step a learning-rate schedule after each epoch, or after each batch.

    Parameters
    ----------
    scheduler
        One of ``optim.lr_scheduler``.
    every : {"epoch", "batch"}
    monitor : str
        The number for a `ReduceLROnPlateau`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> model, X = nn.Linear(2, 1), np.eye(2)
    >>> opt = optim.SGD(model.parameters(), lr=0.8)
    >>> halve = training.Schedule(optim.lr_scheduler.ExponentialLR(opt, 0.5))
    >>> history = training.fit(model, (X, X[:, :1]), nn.MSELoss(), opt, epochs=2, callbacks=[halve])
    >>> opt.param_groups[0]["lr"]
    0.2
    """

    def __init__(self, scheduler: Any, every: str = "epoch", monitor: str = "val_loss") -> None:
        if every not in ("epoch", "batch"):
            raise ValueError(f"Schedule: expected every='epoch' or every='batch', got {every!r}")
        self.scheduler, self.every, self.monitor = scheduler, every, monitor

    def on_begin(self, run: Run) -> None:
        if getattr(self.scheduler, "optimizer", run.optimizer) is not run.optimizer:
            raise ValueError("Schedule: the schedule is one of another optimiser; make it with the one passed to fit")

    def on_batch(self, run: Run) -> None:
        if self.every == "batch":
            self.scheduler.step()

    def on_epoch(self, run: Run) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(run.watched(self.monitor, "Schedule"))
        elif self.every == "epoch":
            self.scheduler.step()

    def state_dict(self) -> State:
        return dict(self.scheduler.state_dict())

    def load_state_dict(self, state_dict: StateDict) -> None:
        self.scheduler.load_state_dict(state_dict)


class ClipGradients(Callback):
    """Scale all gradients of a batch so that their total norm is at most `max_norm`.

    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> model, X = nn.Linear(2, 1), np.eye(2)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> clip = training.ClipGradients(max_norm=1.0)
    >>> history = training.fit(model, (X, 100 * X[:, :1]), nn.MSELoss(), opt, epochs=1, callbacks=[clip])
    >>> norm = nn.utils.get_total_norm([p.grad for p in model.parameters()])
    >>> round(norm.item(), 3)
    1.0
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def on_gradients(self, run: Run) -> None:
        clip_grad_norm_(run.model.parameters(), self.max_norm)


class Log(Callback):
    """Print rows of the history during training: the first epoch, every `every`-th, and the last.

    >>> import numpy as np
    >>> from autograd_lite import nn, optim, training
    >>> model, X = nn.Linear(1, 1, bias=False), np.ones((2, 1))
    >>> model.weight.data[...] = 0.0
    >>> opt = optim.SGD(model.parameters(), lr=0.25)
    >>> history = training.fit(model, (X, X), nn.MSELoss(), opt, epochs=2, callbacks=[training.Log()])
      epoch     loss
          1   1.0000
          2   0.2500
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_epoch(self, run: Run) -> None:
        if run.rank:
            return
        if len(run.history) == 1:
            print(table_line(run.row))
        if run.epoch % self.every == 0 or run.epoch in (1, run.epochs) or run.stop:
            print(table_line(run.history.names, run.row), flush=True)
