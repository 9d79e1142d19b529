"""What listens to a run: told everything in order; schedules, early stopping, the best weights, clipping, a table."""

from __future__ import annotations

import os

import numpy as np
import pytest
from learner import Line, Recorder, Script, X, Y, sgd, train

import autograd_lite as ag
from autograd_lite import training
from autograd_lite.optim import lr_scheduler


def test_callbacks_are_called_in_order():
    recorder = Recorder()
    train(Line(), epochs=2, batch_size=20, callbacks=[recorder])
    assert recorder.events == [
        ("on_begin", 0, 0),
        ("on_gradients", 0, 0), ("on_batch", 0, 1), ("on_gradients", 0, 1), ("on_batch", 0, 2), ("on_epoch", 1, 2),
        ("on_gradients", 1, 2), ("on_batch", 1, 3), ("on_gradients", 1, 3), ("on_batch", 1, 4), ("on_epoch", 2, 4),
        ("on_end", 2, 4),
    ]


@pytest.mark.parametrize(
    ("values", "options", "epochs", "kept"),
    [
        ([5.0, 4.0, 4.5, 4.2, 1.0], {"patience": 2}, 4, 4.0),
        ([5.0, 4.0, 4.5, 3.0, 3.1, 3.2, 1.0], {"patience": 2}, 6, 3.0),
        ([5.0, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.5}, 3, 5.0),
        ([5.0, 4.0, 4.5, 4.2, 1.0], {"patience": 2, "restore_best": False}, 4, 4.2),
        ([1.0, 2.0, 1.5, 1.7, 3.0], {"patience": 2, "mode": "max"}, 4, 2.0),
        ([float("nan"), 4.0, float("nan"), float("nan"), 1.0], {"patience": 2}, 4, 4.0),
        ([5.0, 4.0, 3.0], {"patience": 1}, 3, 3.0),
    ],
)
def test_early_stopping(values, options, epochs, kept):
    model = Line()
    stopping = training.EarlyStopping(**options)
    history = train(model, epochs=len(values), callbacks=[Script(*values), stopping])
    assert len(history) == epochs
    assert model.b.item() == kept


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("min", [1.0, -np.inf, 5.0], -np.inf),
        ("max", [1.0, np.inf, 5.0], np.inf),
        ("min", [np.inf, 2.0, 3.0], 2.0),
        ("max", [-np.inf, np.nan, -2.0], -2.0),
        ("min", [-np.inf, -np.inf, 1.0], -np.inf),
        ("min", [np.nan] * 3, np.inf),
    ],
)  # fmt: skip
def test_the_best_of_numbers_that_are_not_finite(mode, values, best):
    stopping = training.EarlyStopping(patience=9, mode=mode)
    train(Line(), epochs=3, callbacks=[Script(*values), stopping])
    assert stopping.best == best


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("make", [
    lambda path: training.EarlyStopping(patience=2), lambda path: training.EarlyStopping(patience=2, mode="max"),
    lambda path: training.BestCheckpoint(path), lambda path: training.Log(),
    lambda path: training.ClipGradients(0.5),
])  # fmt: skip
def test_a_callback_starts_afresh_in_each_run(make, ended, tmp_path, capsys):
    """Used by a run before, which it has ended or not, it does what a new one does."""
    outcomes = []
    for k, reused in enumerate([True, False]):
        path = tmp_path / f"{k}.npz"
        callback = make(path)
        if reused:
            before = Line()
            train(before, epochs=5, callbacks=[Script(*([0.1, 0.2, 0.3, 0.4, 0.5] if ended else [0.5] * 5)), callback])
        capsys.readouterr()
        model = Line()
        history = train(model, epochs=6, callbacks=[Script(5.0, 4.0, 4.5, 3.0, 3.5, 6.0), callback])
        saved = ag.load(path)["b"].tolist() if path.exists() else None
        outcomes.append((history.rows, model.b.item(), saved, callback.state_dict(), capsys.readouterr().out))
    np.testing.assert_equal(*outcomes)


def test_a_schedule_of_another_optimiser_is_an_error():
    other = sgd(Line())
    with pytest.raises(ValueError, match="Schedule: the schedule is one of another optimiser; make it with"):
        train(Line(), epochs=1, callbacks=[training.Schedule(lr_scheduler.ExponentialLR(other, 0.5))])


@pytest.mark.parametrize(
    "name", ["on_epoch_end", "on_train_begin", "on_epochs", "onepoch", "On_Epoch", "on_gradient", "statedict"]
)
@pytest.mark.parametrize("bound", ["class", "instance"])
def test_a_misspelt_event_is_an_error(name, bound):
    callback = training.Callback()
    if bound == "class":
        callback = type("Mine", (training.Callback,), {name: lambda self, run: None})()
    else:
        setattr(callback, name, lambda run: None)
    message = rf"\.{name} would never be called; expected on_begin, on_gradients, on_batch, on_epoch, "
    with pytest.raises(ValueError, match=message):
        train(Line(), epochs=1, callbacks=[callback])


def test_other_attributes_of_a_callback():
    class Mine(training.EarlyStopping):
        on_disk = True
        epochs_seen = 0

        def my_state_dict(self):
            return {}

        def _on_epoch(self):
            return {}

        @property
        def on_fire(self):
            raise AssertionError

    train(Line(), epochs=1, callbacks=[Mine("loss")])


def test_a_run_keeps_why_it_stops():
    class Stops(training.Callback):
        def on_epoch(self, run):
            run.stop = "enough"

        def on_end(self, run):
            self.why = run.stop

    stops = Stops()
    assert len(train(Line(), epochs=3, callbacks=[stops])) == 1
    assert stops.why == "enough"


def test_early_stopping_knows_that_accuracy_should_grow():
    script = Script(0.5, 0.6, 0.7, name="val_accuracy")
    history = train(Line(), epochs=3, callbacks=[script, training.EarlyStopping("val_accuracy", patience=1)])
    assert len(history) == 3


def test_watching_what_is_not_there_is_one_clear_error():
    message = r"EarlyStopping: expected monitor to be loss, got .*val_loss.*; val_\.\.\. needs validation="
    with pytest.raises(KeyError, match=message):
        train(Line(), epochs=1, callbacks=[training.EarlyStopping()])


def test_the_best_weights_are_kept_in_a_file(tmp_path):
    path = tmp_path / "best.npz"
    model = Line()
    train(model, epochs=4, callbacks=[Script(3.0, 1.0, 2.0, 1.0), training.BestCheckpoint(path)])
    assert ag.load(path)["b"].tolist() == [1.0]
    assert set(ag.load(path)) == {"W", "b", "mean"}
    assert os.listdir(tmp_path) == ["best.npz"]


def test_schedules_step_by_epoch_by_batch_and_on_a_plateau():
    def rates(make, **options):
        model = Line()
        opt = sgd(model)
        seen = []
        watch = training.Callback()
        watch.on_epoch = lambda run: seen.append(opt.param_groups[0]["lr"])
        before = options.pop("before", [])
        train(model, opt, epochs=3, callbacks=[*before, training.Schedule(make(opt), **options), watch])
        return seen

    assert rates(lambda o: lr_scheduler.ExponentialLR(o, 0.5)) == pytest.approx([0.05, 0.025, 0.0125])
    by_batch = rates(lambda o: lr_scheduler.ExponentialLR(o, 0.5), every="batch")
    assert by_batch == pytest.approx([0.1 / 2**5, 0.1 / 2**10, 0.1 / 2**15])
    cycle = rates(lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=15), every="batch")
    assert cycle[0] > cycle[1] > cycle[2] > 0
    plateau = rates(
        lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0), before=[Script(1.0, 2.0, 2.0)], monitor="val_loss"
    )
    assert plateau == pytest.approx([0.1, 0.01, 0.001])
    with pytest.raises(ValueError, match="'week'"):
        training.Schedule(None, every="week")


def test_gradients_are_clipped_together():
    model = Line()
    seen = []
    watch = training.Callback()
    watch.on_gradients = lambda run: seen.append(np.sqrt(sum((p.grad.data**2).sum() for p in model.parameters())))
    unclipped = training.Callback()
    before = []
    unclipped.on_gradients = lambda run: before.append(model.W.grad.data / model.b.grad.data)
    after = training.Callback()
    after.on_gradients = lambda run: before.append(model.W.grad.data / model.b.grad.data)
    train(model, epochs=1, callbacks=[unclipped, training.ClipGradients(0.5), watch, after])
    assert max(seen) <= 0.5 + 1e-12
    np.testing.assert_allclose(before[0], before[1])


def test_log_prints_the_table_as_it_grows(capsys):
    history = train(Line(), epochs=5, validation=(X, Y), callbacks=[training.Log(every=2)])
    printed = capsys.readouterr().out.splitlines()
    assert printed == [history.table(every=2).splitlines()[k] for k in (0, 1, 2, 3, 4)]
