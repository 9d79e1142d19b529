"""Callbacks of a training run: schedules, early stopping, saving the best weights, clipping, a log.

The state of a callback, its `state_dict`, is part of a checkpoint, and a resumed run restores it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from ..export.saving import save
from ..optim.lr_scheduler import ReduceLROnPlateau
from .history import smaller_is_better, table_line
from .run import Run


class Callback:
    """Base of the callbacks, which does nothing: define the methods that you need."""

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

    def state_dict(self) -> dict[str, Any]:
        """The state to keep in a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""


class _Monitor(Callback):
    """Monitors one number, and keeps its best value so far."""

    def __init__(self, monitor: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self._sign = 1.0 if smaller_is_better(monitor, mode) else -1.0
        self.best = math.inf * self._sign

    def improved(self, run: Run) -> bool:
        """Whether the last epoch is the best so far; if so, keeps its value."""
        value = run.watched(self.monitor, type(self).__name__)
        better = self._sign * (self.best - value) > self.min_delta or not math.isfinite(self.best)
        if better and not math.isnan(value):
            self.best = value
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        vars(self).update(self._checked(state_dict))

    def _checked(self, state: Any) -> dict[str, Any]:
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
    min_delta : float
        The smallest change that counts as an improvement.
    mode : {None, "min", "max"}
        By default smaller is better for losses and errors, larger for everything else.
    restore_best : bool
        Whether to restore the weights of the best epoch at the end.
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, min_delta: float = 0.0, mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.restore_best = patience, restore_best
        self.waited = 0
        self.weights: dict[str, Any] | None = None

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

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "waited": self.waited, "weights": self.weights}

    def _checked(self, state: Any) -> dict[str, Any]:
        fields, waited, weights = super()._checked(state), state.get("waited"), state.get("weights")
        if not isinstance(waited, int) or waited < 0:
            raise ValueError(f"EarlyStopping.load_state_dict: expected 'waited' as a whole number, got {waited!r:.80}")
        if weights is not None and not isinstance(weights, Mapping):
            raise ValueError(f"EarlyStopping.load_state_dict: expected 'weights' as a dict, got {weights!r:.80}")
        return {**fields, "waited": waited, "weights": weights}


class BestCheckpoint(_Monitor):
    """Save the model's weights whenever a number is the best so far; ``ag.load`` reads them."""

    def __init__(self, path: str | os.PathLike[str], monitor: str = "val_loss", mode: str | None = None) -> None:
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
    """

    def __init__(self, scheduler: Any, every: str = "epoch", monitor: str = "val_loss") -> None:
        if every not in ("epoch", "batch"):
            raise ValueError(f"Schedule: expected every='epoch' or every='batch', got {every!r}")
        self.scheduler, self.every, self.monitor = scheduler, every, monitor

    def on_batch(self, run: Run) -> None:
        if self.every == "batch":
            self.scheduler.step()

    def on_epoch(self, run: Run) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(run.watched(self.monitor, "Schedule"))
        elif self.every == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return dict(self.scheduler.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.scheduler.load_state_dict(state_dict)


class ClipGradients(Callback):
    """Scale all gradients of a batch so that their total norm is at most `max_norm`."""

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def on_gradients(self, run: Run) -> None:
        gradients = [p.grad for p in run.model.parameters() if p.grad is not None]
        norm = math.sqrt(sum(float(np.vdot(g.data, g.data).real) for g in gradients))
        if norm > self.max_norm:
            for g in gradients:
                g.data *= self.max_norm / norm


class Log(Callback):
    """Print rows of the history during training: the first epoch, every `every`-th, and the last."""

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_epoch(self, run: Run) -> None:
        if run.rank:
            return
        if len(run.history) == 1:
            print(table_line(run.row))
        if run.epoch % self.every == 0 or run.epoch in (1, run.epochs) or run.stop:
            print(table_line(run.history.names, run.row), flush=True)
