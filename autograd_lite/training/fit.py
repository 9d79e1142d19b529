"""The loop: for each epoch, for each batch, a step downhill; then a look at the validation data.

Everything else listens (`callbacks`). A run that was interrupted goes on from its checkpoint with exactly the
numbers that it would have had.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from _signal import signal as set_handler  # type: ignore[import-not-found]  # the C function that signal.signal calls
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from numbers import Real
from typing import Any

import numpy as np

from ..base.generator import default_generator, get_rng_state, numpy_generator
from ..base.interrupts import at_exit
from ..export.saving import load, save
from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor
from .callbacks import Callback
from .evaluation import Metrics, Scores, array_of, as_loader, check_model, evaluate, inputs_and_target, named
from .history import History
from .run import Run

PathLike = str | os.PathLike[str]


def fit(
    model: Module, data: Any, loss: Callable[[Any, Any], Any], optimizer: Optimizer, *,
    epochs: int = 10, batch_size: int = 32, shuffle: bool = True, generator: Any = None, validation: Any = None,
    metrics: Metrics = (), callbacks: Sequence[Callback] = (), checkpoint: PathLike | None = None,
    resume: PathLike | None = None, progress: bool | None = None,
) -> History:
    """Teach a model.

    Parameters
    ----------
    model : Module
    data : tuple of arrays, data set or DataLoader
        The last of a batch is the target, the others are the model's inputs; one alone is both.
    loss : callable
        ``loss(prediction, target)``, one number for a batch, such as ``nn.CrossEntropyLoss()``.
    optimizer : Optimizer
    epochs : int
        How many times through the data, in all: a resumed run counts those that it has had, and it is an error if they
        are more.
    batch_size, shuffle, generator
        How to go through the data, unless it is a DataLoader, which knows.
    validation : like `data`, optional
        Looked at after each epoch, never learned from.
    metrics : functions, or dict of functions by name
        ``metric(predictions, targets)``, such as `training.accuracy`.
    callbacks : sequence of Callback
        Called in this order.
    checkpoint : path, optional
        Where to keep the whole state of the run after each epoch (``.npz`` or ``.safetensors``).
    resume : path, optional
        A checkpoint to go on from: model, optimiser, callbacks, random numbers and history as they were.
    progress : bool, optional
        Whether to show a bar (tqdm's); by default at a terminal, where tqdm is installed.

    Returns
    -------
    History
        A row for each epoch: ``loss`` and the metrics on the data as it was learned from, and with ``val_`` those
        of the validation. The loss is the mean over the batches, each counted as often as it has rows.

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite; the weights are those before that batch.

    Notes
    -----
    Ctrl-C ends the run after the batch: the model keeps what it has learned, and the history what it has seen; a
    second Ctrl-C interrupts at once. Checkpoints hold whole epochs, so that resuming one is exact.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> from autograd_lite import data, nn, optim, training
    >>> generator = ag.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid())
    >>> opt = optim.Adam(net.parameters(), lr=0.05)
    >>> history = fit(net, data.xor(), nn.MSELoss(), opt, epochs=300, metrics=[training.binary_accuracy])
    >>> history.rows[-1]["binary_accuracy"]
    1.0
    """
    _check_arguments(model, loss, optimizer, epochs, callbacks)
    run = Run(
        model, optimizer, loss, as_loader(data, batch_size, shuffle, generator), epochs,
        None if validation is None else as_loader(validation, batch_size), named(metrics),
    )
    if resume is not None:
        _resume(run, callbacks, resume)
    _tell(callbacks, "on_begin", run)
    pressed: list[bool] = []
    ours = _gets_signals()
    with (
        at_exit(set_handler, signal.SIGINT, signal.default_int_handler) if ours else nullcontext(),
        _bar(progress, epochs * len(run.loader), run) as advance,
    ):
        if ours:
            signal.signal(signal.SIGINT, _handler(pressed))
        try:
            while run.epoch < epochs and not run.stop:
                row = _learn(run, callbacks, pressed, advance)
                if run.validation is not None:
                    seen = evaluate(model, run.validation, loss, run.metrics)
                    row |= {f"val_{name}": value for name, value in seen.items()}
                run.epoch += 1
                run.history.append({"epoch": run.epoch, **row})
                _tell(callbacks, "on_epoch", run)
                if checkpoint is not None:
                    save(_state(run, callbacks), checkpoint)
                if pressed:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            run.history.interrupted = True
    _tell(callbacks, "on_end", run)
    return run.history


def _learn(
    run: Run, callbacks: Sequence[Callback], pressed: list[bool], advance: Callable[[], None]
) -> dict[str, float]:
    """One epoch; the numbers of what was learned from, as the model was at each batch."""
    run.model.train()
    scores = Scores(run.metrics)
    for batch in run.loader:
        inputs, target = inputs_and_target(batch)
        first: list[Any] = []

        def closure(inputs: Any = inputs, target: Any = target, first: list[Any] = first) -> Any:
            run.optimizer.zero_grad()
            pred = run.model(*inputs)
            loss = run.loss(pred, target)
            _check_loss(loss, run)
            loss.backward(retain_graph=False)
            _tell(callbacks, "on_gradients", run)
            first[:] = first or (pred, loss)  # an optimiser may ask more than once: what counts is before its step
            return loss

        run.optimizer.step(closure)
        scores.add(first[0], target, first[1])
        run.steps += 1
        _tell(callbacks, "on_batch", run)
        advance()
        if pressed:
            raise KeyboardInterrupt
    return scores.row()


def _check_arguments(model: Any, loss: Any, optimizer: Any, epochs: Any, callbacks: Any) -> None:
    check_model(model, "fit")
    if not callable(loss):
        raise TypeError(f"fit: expected loss as a function of prediction and target, got a {type(loss).__name__}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit: expected an optimizer, got {_kind(optimizer)}; write optim.Adam(model.parameters())")
    if not isinstance(epochs, int | np.integer) or epochs < 0:
        raise ValueError(f"fit: expected epochs as a whole number that is not negative, got {epochs!r}")
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: expected callbacks as a list, got {_kind(callbacks)}; write callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"fit: expected callbacks derived from training.Callback, got {_kind(callback)}")


def _kind(x: Any) -> str:
    return f"the class {x.__name__} itself" if isinstance(x, type) else f"a {type(x).__name__}"


def _check_loss(loss: Any, run: Run) -> None:
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"fit: expected the loss of a batch as a Tensor, got a {type(loss).__name__}, which has no gradient; "
            "compute it from the prediction without float(), .item() or .numpy()"
        )
    value = array_of(loss)
    if value.size != 1:
        raise ValueError(f"fit: the loss of a batch has shape {value.shape}; one number is needed: a mean or a sum")
    if not math.isfinite(value.item()):
        batch = run.steps - run.epoch * len(run.loader) + 1
        raise FloatingPointError(
            f"fit: the loss is {value.item()} in epoch {run.epoch + 1}, batch {batch}; nothing was learned from it. "
            "A smaller learning rate or training.ClipGradients may help; ag.detect_anomaly() finds where it began"
        )


def _tell(callbacks: Sequence[Callback], event: str, run: Run) -> None:
    for callback in callbacks:
        getattr(callback, event)(run)


# ------------------------------------------------------------------------------------------------ checkpoints


def _state(run: Run, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """All that the next epoch depends on."""
    return {
        "kind": "autograd_lite run",
        "epoch": run.epoch,
        "steps": run.steps,
        "stop": run.stop,
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "callbacks": [callback.state_dict() for callback in callbacks],
        "history": run.history.rows,
        "random": get_rng_state(),
        "loaders": [g and g.bit_generator.state for g in _own_generators(run)],
    }


def _own_generators(run: Run) -> list[Any]:
    """What shuffles each loader, where it is not the library's own."""
    loaders = [run.loader, *([] if run.validation is None else [run.validation])]
    return [None if of.generator is None else numpy_generator(of.generator) for of in loaders]


def _resume(run: Run, callbacks: Sequence[Callback], path: PathLike) -> None:
    """Put everything where it was; if a part does not fit, everything is left where it is."""
    state = load(path)
    if not isinstance(state, dict) or state.get("kind") != "autograd_lite run":
        raise ValueError(f"fit: {path} is no checkpoint of a run; weights alone: net.load_state_dict(ag.load(path))")
    parts = [run.model, run.optimizer, *callbacks]
    before = [part.state_dict() for part in parts]  # type: ignore[attr-defined]  # all three kinds have one
    streams = [default_generator.numpy, *_own_generators(run)]
    positions = [g and g.bit_generator.state for g in streams]
    try:
        _check_state(state, run, callbacks, streams)
        given = [state["model"], state["optimizer"], *state["callbacks"]]
        for part, s in zip(parts, given, strict=True):
            part.load_state_dict(s)  # type: ignore[attr-defined]
        _set_positions(streams, [state["random"], *state["loaders"]])
    except BaseException as error:
        for part, s in zip(parts, before, strict=True):
            part.load_state_dict(s)  # type: ignore[attr-defined]
        _set_positions(streams, positions)
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"fit: cannot go on from {path}: {what}") from None
    run.history = History(state["history"])
    run.epoch, run.steps, run.stop = state["epoch"], state["steps"], state["stop"]


def _check_state(state: dict[str, Any], run: Run, callbacks: Sequence[Callback], streams: list[Any]) -> None:
    """Raise ValueError for what is not such a state, before anything is changed."""
    missing = {"epoch", "steps", "stop", "model", "optimizer", "callbacks", "history", "random", "loaders"} - set(state)
    if missing:
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
    for name in ("epoch", "steps"):
        if not isinstance(state[name], int) or state[name] < 0:
            raise ValueError(f"expected {name} as a whole number that is not negative, got {state[name]!r:.80}")
    if not isinstance(state["stop"], bool):
        raise ValueError(f"expected stop as True or False, got {state['stop']!r:.80}")
    if state["epoch"] > run.epochs:
        raise ValueError(
            f"it has had {state['epoch']} epochs, and epochs={run.epochs} counts those too; write epochs= for all of "
            "them together"
        )
    for name in ("history", "callbacks", "loaders"):
        if not isinstance(state[name], list):
            raise ValueError(f"expected {name} as a list, got {state[name]!r:.80}")
    for row in state["history"]:
        if not isinstance(row, dict) or not all(isinstance(value, Real) for value in row.values()):
            raise ValueError(f"expected each row of the history as a dict of numbers, got {row!r:.80}")
    if len(state["callbacks"]) != len(callbacks):
        raise ValueError(f"it has {len(state['callbacks'])} callbacks, this run {len(callbacks)}")
    if [s is None for s in state["loaders"]] != [g is None for g in streams[1:]]:
        raise ValueError("its loaders had generators of their own where these have not, or the other way round")


def _set_positions(streams: list[Any], positions: list[Any]) -> None:
    for g, position in zip(streams, positions, strict=True):
        if g is not None:
            g.bit_generator.state = position


# --------------------------------------------------------------------------------------------- Ctrl-C, the bar


def _gets_signals() -> bool:
    """Only the main thread does, and a program that has a handler of its own for Ctrl-C keeps it."""
    ours = threading.current_thread() is threading.main_thread()
    return ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _handler(pressed: list[bool]) -> Callable[[int, Any], None]:
    """Note the first Ctrl-C in `pressed`, so that the batch is finished; a second one interrupts at once."""

    def press(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    return press


@contextmanager
def _bar(progress: bool | None, total: int, run: Run) -> Iterator[Callable[[], None]]:
    """What to call after each batch."""
    tqdm = _tqdm(progress)
    if tqdm is None:
        yield lambda: None
        return
    with tqdm(total=total, initial=run.steps, unit="batch", leave=False) as bar:

        def advance() -> None:
            bar.update()
            if run.history.rows:
                bar.set_postfix({k: f"{v:.4g}" for k, v in run.row.items()}, refresh=False)

        yield advance


def _tqdm(progress: bool | None) -> Any:
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise ImportError("fit(progress=True) shows tqdm's bar: pip install tqdm") from None
        return None
    return tqdm
