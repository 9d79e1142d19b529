"""The training loop: in each epoch a step for each batch, then an evaluation on the validation data.

Callbacks do everything else. A run that is resumed from a checkpoint has exactly the numbers of an uninterrupted run.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from difflib import get_close_matches
from inspect import getattr_static
from numbers import Real
from typing import Any

import numpy as np

from ..base.generator import default_generator, get_rng_state, numpy_generator
from ..compiling import jit as jitted
from ..data import DataLoader
from ..export.saving import PathLike, load, save
from ..nn import Module
from ..optim import LBFGS, Optimizer
from ..tensor import Tensor
from .callbacks import Callback
from .evaluation import Metrics, Scores, as_loader, check_model, evaluate, inputs_and_target, kind_of, named
from .history import History
from .metrics import LossFunction, array_of
from .ranks import Ranks
from .run import Passes, Run, State

HOOKS = [name for name in vars(Callback) if name[0] != "_"]


def fit(
    model: Module, data: Any, loss: LossFunction, optimizer: Optimizer, *,
    epochs: int = 10, batch_size: int = 32, shuffle: bool = True, generator: Any = None, validation: Any = None,
    metrics: Metrics = (), callbacks: Sequence[Callback] = (), checkpoint: PathLike | None = None,
    resume: PathLike | None = None, progress: bool | None = None, jit: bool = False, communicator: Any = None,
) -> History:
    """Train a model.

    Parameters
    ----------
    model : Module
        What is trained.
    data : tuple of arrays, data set or DataLoader
        The last array of a batch is the target, the others are the model's inputs; a single array is both.
    loss : callable
        ``loss(prediction, target)`` returns one number for a batch, as ``nn.CrossEntropyLoss()`` does.
    optimizer : Optimizer
        Made with the parameters of `model`.
    epochs : int
        The total number of passes through the data, including those before a checkpoint: resuming one with more epochs
        raises an error.
    batch_size, shuffle, generator
        Options of the DataLoader, if `data` is not one.
    validation : like `data`, optional
        For an evaluation after each epoch, not for training.
    metrics : functions, or dict of functions by name
        ``metric(predictions, targets)``, such as `training.accuracy`.
    callbacks : sequence of Callback
        Called in this order.
    checkpoint : path, optional
        The file for the whole state of the run, written after each epoch (``.npz`` or ``.safetensors``).
    resume : path, optional
        A checkpoint to continue from: it restores model, optimiser, callbacks, random numbers and history.
    progress : bool, optional
        Whether to show a progress bar; by default in a terminal and in a notebook, if tqdm is installed.
    communicator : optional
        An MPI communicator, such as mpi4py's ``MPI.COMM_WORLD``: each of its ranks computes the gradients of its part
        of every batch, and all take the same step. Rank 0 shows progress and writes files. A loader in `data` needs
        ``shard=(rank, size)``.
    jit : bool
        Whether the forward and backward pass, and the optimiser's step, are compiled (:func:`autograd_lite.jit`).

    Returns
    -------
    History
        A row for each epoch: ``loss`` and the metrics on the training data, of the model at each batch, and those on
        the validation data with the prefix ``val_``. The loss is that of all rows, as in :func:`evaluate`.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; the weights are those before that batch.

    Notes
    -----
    Parts of the model that are in evaluation mode, while the model itself is in training mode, stay so: a BatchNorm
    that was frozen with ``net.norm.eval()``. A model in evaluation mode is set to training mode as a whole.

    Ctrl-C ends the run after the current batch, and `fit` returns the history; a second Ctrl-C interrupts at once.
    Checkpoints contain whole epochs, so that resuming one is exact.

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
    ranks = Ranks(communicator)
    try:
        _check_arguments(model, loss, optimizer, epochs, callbacks)
        run = Run(
            model, optimizer, loss, ranks.loader(data, batch_size, shuffle, generator), epochs,
            None if validation is None else as_loader(validation, batch_size), named(metrics), rank=ranks.rank,
            callbacks=callbacks,
        )
        _train(run, ranks, checkpoint, resume, progress, jit)
        ranks.agree()
    except BaseException as error:
        ranks.fail(error)
        raise
    return run.history


def _train(
    run: Run, ranks: Ranks, checkpoint: PathLike | None, resume: PathLike | None, progress: bool | None, jit: bool
) -> None:
    model, loss, optimizer = run.model, run.loss, run.optimizer
    run.passes, run.update = _passes(model, loss, optimizer), optimizer.step
    if jit:
        run.passes, run.update = jitted(run.passes), _compiled_update(optimizer)
    if resume is not None:
        _resume(run, resume)
    ranks.start(model, {
        "batches": len(run.loader), "epochs": run.epochs, "epochs before": run.epoch,
        "validation data": "no" if run.validation is None else "some",
        "as the next number of its loader's generator": _next_number(run.loader),
    })  # fmt: skip
    run.notify("on_begin")
    run.stop = ranks.agree(bool(run.stop)) and (run.stop or True)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    run.passes = ranks.averaged(run.passes, parameters, Scores({}, loss))
    with _noting_interrupts(ranks), _bar(progress if ranks.rank == 0 else False, run) as advance:
        try:
            while run.epoch < run.epochs and not run.stop:
                row = ranks.end_epoch(model, _train_epoch(run, ranks, advance)).row()
                if run.validation is not None:
                    seen = ranks.from_first(lambda: evaluate(model, run.validation, loss, run.metrics))
                    row |= {f"val_{name}": value for name, value in seen.items()}
                run.epoch += 1
                run.history.append({"epoch": run.epoch, **row})
                run.notify("on_epoch")
                run.stop = ranks.agree(bool(run.stop)) and (run.stop or True)
                if checkpoint is not None and ranks.rank == 0:
                    save(_state(run), checkpoint)
                if ranks.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if ranks.size > 1 and not ranks.interrupted:
                raise  # the others know nothing of it
            run.history.interrupted = True
    run.notify("on_end")


def _train_epoch(run: Run, ranks: Ranks, advance: Callable[[], None]) -> Scores:
    """One epoch; returns the loss and the predictions on the training data, of the model at each batch."""
    if not run.model.training:  # otherwise a part in evaluation mode was frozen on purpose
        run.model.train()
    scores = Scores(run.metrics, run.loss)
    for batch in ranks.epoch(run.loader):
        inputs, target = inputs_and_target(batch)
        pred, loss = _step(run, inputs, target)
        if len(target):
            scores.add(pred, target, loss)
        run.steps += 1
        run.notify("on_batch")
        advance()
        if ranks.interrupted:
            raise KeyboardInterrupt
    return scores


def _step(run: Run, inputs: Any, target: Any) -> Any:
    """A step on a batch; returns the prediction and the loss before it."""
    first: list[Any] = []

    def closure() -> Any:
        pred, loss = run.passes(inputs, target)
        _check_finite(loss, run)
        run.notify("on_gradients")
        first[:] = first or (pred, loss)  # L-BFGS calls this several times
        return loss

    run.update(closure)
    return first


def _passes(model: Module, loss_of: LossFunction, optimizer: Optimizer) -> Passes:
    """The forward and the backward pass for a batch: from inputs and target to prediction and loss."""

    def passes(inputs: Any, target: Any) -> Any:
        optimizer.zero_grad()
        pred = model(*inputs)
        loss = loss_of(pred, target)
        _check_loss(loss)
        loss.backward(retain_graph=False)
        return pred, loss

    return passes


def _compiled_update(optimizer: Optimizer) -> Callable[[Callable[[], Any]], Any]:
    """``optimizer.step``, compiled, except for L-BFGS, whose number of closure calls depends on values."""
    if isinstance(optimizer, LBFGS):
        return optimizer.step
    step = jitted(optimizer.step)

    def update(closure: Callable[[], Any]) -> None:
        closure()
        step()

    return update


def _check_arguments(model: Any, loss: Any, optimizer: Any, epochs: Any, callbacks: Any) -> None:
    check_model(model, "fit")
    if not callable(loss):
        raise TypeError(f"fit: expected loss as a function of prediction and target, got a {type(loss).__name__}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit: expected an optimizer, got {kind_of(optimizer)}; write optim.Adam(model.parameters())")
    if not isinstance(epochs, int | np.integer) or epochs < 0:
        raise ValueError(f"fit: expected epochs as a whole number that is not negative, got {epochs!r}")
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"fit: expected callbacks as a list, got {kind_of(callbacks)}; write callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"fit: expected callbacks derived from training.Callback, got {kind_of(callback)}")
        for name in sorted({*dir(type(callback)), *vars(callback)} - {*dir(Callback)}):
            # Whoever has PyTorch Lightning's or Keras's names in mind writes on_epoch_end.
            misspelt = name.startswith("on_") or name[0] != "_" and get_close_matches(name.lower(), HOOKS, 1, 0.9)
            if misspelt and callable(getattr_static(callback, name)):
                expected = f"expected {', '.join(HOOKS)}"
                raise ValueError(f"fit: {type(callback).__name__}.{name} would never be called; {expected}; rename it")


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"fit: expected the loss of a batch as a Tensor, got a {type(loss).__name__}, which has no gradient; "
            "compute it from the prediction without float(), .item() or .numpy()"
        )
    if loss.size != 1:
        raise ValueError(f"fit: expected the loss of a batch as one number, a mean or a sum, got shape {loss.shape}")


def _check_finite(loss: Any, run: Run) -> None:
    value = array_of(loss)
    if not math.isfinite(value.item()):
        batch = run.steps - run.epoch * len(run.loader) + 1
        raise FloatingPointError(
            f"fit: the loss is {value.item()} in epoch {run.epoch + 1}, batch {batch}; the weights were not changed. "
            "Try a smaller learning rate or training.ClipGradients; ag.detect_anomaly() finds the first such value"
        )


# ------------------------------------------------------------------------------------------------ checkpoints


def _state(run: Run) -> State:
    """Everything that the next epoch depends on."""
    return {
        "kind": "autograd_lite run",
        "epoch": run.epoch,
        "steps": run.steps,
        "stop": bool(run.stop),
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "callbacks": [callback.state_dict() for callback in run.callbacks],
        "history": run.history.rows,
        "random": get_rng_state(),
        "loaders": _positions(_own_generators(run)),
    }


def _next_number(loader: DataLoader) -> int | None:
    """The next number of the generator that shuffles, without drawing it; None if there is none."""
    generator = loader.generator if loader.shuffle else None
    return None if generator is None else int(deepcopy(numpy_generator(generator)).integers(2**31))


def _own_generators(run: Run) -> list[Any]:
    """The generator of each loader; None for the default one."""
    loaders = [of for of in (run.loader, run.validation) if of is not None]
    return [None if of.generator is None else numpy_generator(of.generator) for of in loaders]


def _positions(generators: list[Any]) -> list[Any]:
    return [g and g.bit_generator.state for g in generators]


def _resume(run: Run, path: PathLike) -> None:
    """Restore a checkpoint; if a part does not fit, nothing changes."""
    state = load(path)
    if not isinstance(state, dict) or state.get("kind") != "autograd_lite run":
        raise ValueError(
            f"fit: expected a checkpoint of a run, got {path}; for weights write net.load_state_dict(ag.load(path))"
        )
    holders = [run.model, *run.callbacks, run.optimizer]  # its rates are those after all schedules
    streams = [default_generator.numpy, *_own_generators(run)]

    def restore(states: list[Any], positions: list[Any]) -> None:
        for part, of_part in zip(holders, states, strict=True):
            part.load_state_dict(of_part)
        for g, position in zip(streams, positions, strict=True):
            if g is not None:
                g.bit_generator.state = position

    before = [part.state_dict() for part in holders], _positions(streams)
    try:
        _check_state(state, run, streams[1:])
        restore([state["model"], *state["callbacks"], state["optimizer"]], [state["random"], *state["loaders"]])
    except BaseException as error:
        restore(*before)
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"fit: cannot resume from {path}: {what}") from None
    run.history = History(state["history"])
    run.epoch, run.steps, run.stop = state["epoch"], state["steps"], state["stop"]


_A_COUNT, _A_LIST = (int, "a whole number that is not negative"), (list, "a list")
#: The parts of a checkpoint, each with its type.
_PARTS: dict[str, tuple[type, str]] = {
    "epoch": _A_COUNT, "steps": _A_COUNT, "stop": (bool, "True or False"), "history": _A_LIST, "callbacks": _A_LIST,
    "loaders": _A_LIST, "model": (object, ""), "optimizer": (object, ""), "random": (object, ""),
}


def _check_state(state: State, run: Run, generators: list[Any]) -> None:
    """Raise ValueError if this is not the state of such a run, before anything changes."""
    missing = _PARTS.keys() - state
    if missing:
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
    for name, (kind, expected) in _PARTS.items():
        if not isinstance(state[name], kind) or kind is int and state[name] < 0:
            raise ValueError(f"expected {name} as {expected}, got {state[name]!r:.80}")
    if state["epoch"] > run.epochs:
        raise ValueError(
            f"it has run {state['epoch']} epochs, more than epochs={run.epochs}, which includes them; pass their total"
        )
    for row in state["history"]:
        if not isinstance(row, dict) or not all(isinstance(value, Real) for value in row.values()):
            raise ValueError(f"expected each row of the history as a dict of numbers, got {row!r:.80}")
    if len(state["callbacks"]) != len(run.callbacks):
        raise ValueError(f"expected {len(run.callbacks)} callbacks, got {len(state['callbacks'])}")
    if [s is None for s in state["loaders"]] != [g is None for g in generators]:
        raise ValueError("expected loaders with their own generators exactly where this run has them")


# --------------------------------------------------------------------------------------------- Ctrl-C, the bar


@contextmanager
def _noting_interrupts(ranks: Ranks) -> Iterator[None]:
    """A block in which the first Ctrl-C is only noted, to finish the batch; a second one interrupts at once.

    Only in the main thread, and if the program has no handler of its own.
    """

    def press(number: int, frame: Any) -> None:
        if ranks.pressed:
            raise KeyboardInterrupt
        ranks.pressed = True

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _bar(progress: bool | None, run: Run) -> Iterator[Callable[[], None]]:
    """A progress bar; yields the function to call after each batch."""
    tqdm = _tqdm(progress)
    if tqdm is None:
        yield lambda: None
        return
    with tqdm(total=run.epochs * len(run.loader), initial=run.steps, unit="batch") as bar:

        def advance() -> None:
            bar.update()
            if run.history.rows:
                bar.set_postfix({k: f"{v:.4g}" for k, v in run.row.items()}, refresh=False)

        yield advance


def _tqdm(progress: bool | None) -> Any:
    in_notebook = type(sys.stderr).__module__.startswith("ipykernel.")
    if progress is False or (progress is None and not (sys.stderr.isatty() or in_notebook)):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if progress:
            raise ImportError("fit(progress=True) needs tqdm; run pip install tqdm") from None
        return None
    return tqdm
