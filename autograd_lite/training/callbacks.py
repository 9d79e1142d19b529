"""What listens to a run: schedules, early stopping, the best weights kept, a table printed as it grows.

A callback that remembers something says so in `state_dict`, and a run that is resumed goes on with it.
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
    """Base: does nothing. Write the methods that you need."""

    def on_begin(self, run: Run) -> None:
        """Before the first batch (also of a resumed run)."""

    def on_gradients(self, run: Run) -> None:
        """When the gradients of a batch are there, before the step."""

    def on_batch(self, run: Run) -> None:
        """After the step of a batch."""

    def on_epoch(self, run: Run) -> None:
        """After an epoch and its validation; ``run.row`` has its numbers."""

    def on_end(self, run: Run) -> None:
        """At the end, also after Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from one epoch to the next."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""


class _Watcher(Callback):
    """Watches one number, and knows its best so far."""

    def __init__(self, monitor: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self._sign = 1.0 if smaller_is_better(monitor, mode) else -1.0
        self.best = math.inf * self._sign

    def improved(self, run: Run) -> bool:
        """Whether the last epoch is the best so far; remembers it."""
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
        """The fields in a state, or ValueError."""
        best = state.get("best") if isinstance(state, Mapping) else None
        if not isinstance(best, Real) or math.isnan(best):
            who = f"{type(self).__name__}.load_state_dict"
            raise ValueError(f"{who}: expected a dict with a number 'best', got {state!r:.80}")
        return {"best": float(best)}


class EarlyStopping(_Watcher):
    """End the run when a number has not become better for `patience` epochs.

    Parameters
    ----------
    monitor : str
        The number's name in the history.
    patience : int
    min_delta : float
        What counts as better.
    mode : {None, "min", "max"}
        By default less is better for losses and errors, more for all else.
    restore_best : bool
        Whether the model ends with the weights of its best epoch.
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


class BestCheckpoint(_Watcher):
    """Save the model's weights whenever a number is better than ever; ``ag.load`` reads them."""

    def __init__(self, path: str | os.PathLike[str], monitor: str = "val_loss", mode: str | None = None) -> None:
        super().__init__(monitor, mode)
        self.path = path

    def on_epoch(self, run: Run) -> None:
        if self.improved(run):
            save(run.model, self.path)


class Schedule(Callback):
    """Step a learning-rate schedule after each epoch, or after each batch.

    Parameters
    ----------
    scheduler
        One of ``optim.lr_scheduler``.
    every : {"epoch", "batch"}
    monitor : str
        The number that a `ReduceLROnPlateau` is told.
    """

    def __init__(self, scheduler: Any, every: str = "epoch", monitor: str = "val_loss") -> None:
        if every not in ("epoch", "batch"):
            raise ValueError(f"Schedule: every={every!r} is neither 'epoch' nor 'batch'")
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
    """Scale all gradients of a batch together so that their norm is `max_norm` at most."""

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def on_gradients(self, run: Run) -> None:
        gradients = [p.grad for p in run.model.parameters() if p.grad is not None]
        norm = math.sqrt(sum(float(np.vdot(g.data, g.data).real) for g in gradients))
        if norm > self.max_norm:
            for g in gradients:
                g.data *= self.max_norm / norm


class Log(Callback):
    """Print the history's table as it grows: the first epoch, every `every`-th, the last."""

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_epoch(self, run: Run) -> None:
        if len(run.history) == 1:
            print(table_line(run.row))
        if run.epoch % self.every == 0 or run.epoch in (1, run.epochs) or run.stop:
            print(table_line(run.history.names, run.row), flush=True)
