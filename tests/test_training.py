"""The loop: it learns, tells, listens, stops, keeps what was learned, and goes on exactly where it was."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import data, nn, optim, training
from autograd_lite.optim import lr_scheduler
from autograd_lite.training import fit

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3


class Line(nn.Module):
    """A linear map with noise while it learns, a running mean, and a count of its calls."""

    def __init__(self, seed=0, noise=0.0):
        super().__init__()
        start = np.random.default_rng(seed)
        self.W = nn.Parameter(start.standard_normal((3, 1)))
        self.b = nn.Parameter(np.zeros(1))
        self.register_buffer("mean", ag.tensor(np.zeros(1)))
        self.noise = noise
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, len(x)))
        y = x @ self.W + self.b
        if self.training:
            self.mean.data = 0.9 * self.mean.data + 0.1 * y.data.mean()
            if self.noise:
                y = y + self.noise * ag.generator.numpy_generator().standard_normal(y.shape)
        return y


def mean_square(pred, target):
    return ((pred - target) ** 2).mean()


def sgd(model, lr=0.1, **options):
    return optim.SGD(model.parameters(), lr=lr, **options)


def teach(model, opt=None, **options):
    return fit(model, (X, Y), mean_square, opt or sgd(model), **{"generator": 0, "batch_size": 8, **options})


# -- the loop ------------------------------------------------------------------------------------------------


def test_it_learns_and_returns_a_row_for_each_epoch():
    model = Line()
    history = teach(model, epochs=30)
    assert [row["epoch"] for row in history] == list(range(1, 31))
    assert history["loss"][-1] < 1e-6 < history["loss"][0]
    np.testing.assert_allclose(model.W.data, [[1], [-2], [0.5]], atol=1e-3)


def test_it_is_the_loop_that_one_would_write():
    ours, theirs = Line(), Line()
    history = teach(ours, epochs=3, validation=(X[:5], Y[:5]))
    order, opt, losses = np.random.default_rng(0), sgd(theirs), []
    for _ in range(3):
        total = 0.0
        for rows in np.split(order.permutation(40), 5):
            opt.zero_grad()
            loss = mean_square(theirs(X[rows]), Y[rows])
            loss.backward()
            opt.step()
            total += 8 * loss.item()
        losses.append((total / 40, mean_square(theirs(X[:5]), Y[:5]).item()))
    np.testing.assert_array_equal(ours.W.data, theirs.W.data)
    np.testing.assert_allclose(list(zip(history["loss"], history["val_loss"], strict=True)), losses, rtol=1e-12)


def test_every_row_counts_once_in_a_last_batch_that_is_short():
    model = Line()
    history = teach(model, sgd(model, lr=0.0), epochs=1, batch_size=7)
    assert history["loss"] == [pytest.approx(mean_square(model(X), Y).item())]
    assert [n for _, n in model.seen[:6]] == [7, 7, 7, 7, 7, 5]


def test_validation_is_looked_at_in_evaluation_mode_and_never_learned_from():
    a, b = Line(), Line()
    a.add_module("frozen", nn.Sequential())
    a.frozen.eval()
    teach(a, epochs=2)
    history = teach(b, epochs=2, validation=(X, Y), metrics={"mae": training.mae})
    np.testing.assert_array_equal(a.W.data, b.W.data)
    assert history.names == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [mode for mode, _ in b.seen] == ([True] * 5 + [False] * 5) * 2
    assert b.training


def test_metrics_are_of_all_predictions_together():
    model = Line()
    history = teach(model, sgd(model, lr=0.0), epochs=1, batch_size=7, metrics=[training.r2_score])
    assert history["r2_score"] == [pytest.approx(training.r2_score(model(X), Y))]


def test_several_inputs_one_alone_and_loaders_are_taken():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(1.0)

        def forward(self, a, b=0.0):
            return (a + b) * self.w

    model = Sum()
    fit(model, (X, X, 6 * X), mean_square, sgd(model), epochs=60, generator=0)
    assert model.w.item() == pytest.approx(3.0)
    fit(model, X, mean_square, sgd(model), epochs=60)
    assert model.w.item() == pytest.approx(1.0)
    loader = data.DataLoader((X, 2 * X), batch_size=10)
    history = fit(model, loader, mean_square, sgd(model), epochs=60, validation=loader)
    assert model.w.item() == pytest.approx(2.0)
    assert history.rows[-1]["val_loss"] < 1e-10


def test_lbfgs_learns_too():
    model = Line()
    history = teach(model, optim.LBFGS(model.parameters()), epochs=3, batch_size=40)
    np.testing.assert_allclose(model.b.data, 0.3, atol=1e-5)
    assert history["loss"][0] > 1  # before the step, as for the others


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda p, t: (p - t) ** 2, ValueError, r"shape \(8, 1\); one number"),
        (lambda p, t: mean_square(p, t) * np.inf, FloatingPointError, r"the loss is inf in epoch 1, batch 1"),
    ],
)
def test_a_loss_that_is_no_number_stops_before_the_step(loss, error, message):
    model = Line()
    before = model.W.data.copy()
    with pytest.raises(error, match=message):
        fit(model, (X, Y), loss, sgd(model), batch_size=8)
    np.testing.assert_array_equal(model.W.data, before)


def test_a_run_that_explodes_names_epoch_and_batch():
    model = Line()
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+") as caught:
        teach(model, sgd(model, lr=1e30), epochs=50)
    assert np.isfinite(model.W.data).all() or "nan" in str(caught.value)


def test_no_examples():
    with pytest.raises(ValueError, match="no examples"):
        fit(Line(), (X[:0], Y[:0]), mean_square, sgd(Line()))


# -- history -------------------------------------------------------------------------------------------------


def test_the_table_is_the_talks():
    history = training.History([{"epoch": k, "loss": 0.25 / (k + 1)} for k in range(121)])
    assert history.table(every=50).splitlines() == [
        "  epoch     loss",
        "      0   0.2500",
        "     50   0.0049",
        "    100   0.0025",
        "    120   0.0021",
    ]
    assert str(training.History()) == "no epochs"
    assert repr(history) == "History(121 epochs of epoch, loss)"


def test_columns_may_come_late_and_numbers_be_tiny():
    history = training.History([{"epoch": 1, "loss": 1e-7}, {"epoch": 2, "loss": 123456.0, "val_accuracy": 0.5}])
    header, first, second = str(history).splitlines()
    assert header.split() == ["epoch", "loss", "val_accuracy"]
    assert first.split() == ["1", "1.0e-07"]
    assert second.split() == ["2", "1.2e+05", "0.5000"]
    assert history["val_accuracy"] == [0.5]
    with pytest.raises(KeyError, match="there are epoch, loss, val_accuracy"):
        history["accuracy"]


def test_the_best_row():
    history = training.History([{"loss": 2.0, "acc": 0.1}, {"loss": 1.0, "acc": 0.9}, {"loss": 3.0, "acc": 0.5}])
    assert history.best("loss")["acc"] == history.best("acc")["acc"] == 0.9
    assert history.best("loss", mode="max")["loss"] == 3.0
    with pytest.raises(KeyError):
        history.best("nothing")
    with pytest.raises(ValueError, match="mode='best'"):
        history.best("loss", "best")


def test_it_plots_itself():
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="comes with the extra `examples`")
    pyplot.switch_backend("Agg")
    history = teach(Line(), epochs=3, validation=(X, Y), metrics=[training.mae])
    axes = history.plot()
    assert [[line.get_label() for line in ax.lines] for ax in axes] == [["loss", "val_loss"], ["mae", "val_mae"]]
    assert axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axes[0].lines[0].get_ydata().tolist() == history["loss"]
    (line,) = history.plot("mae", ax=pyplot.figure().gca()).lines
    assert line.get_label() == "mae"
    pyplot.close("all")


# -- callbacks -----------------------------------------------------------------------------------------------


class Recorder(training.Callback):
    def __init__(self):
        self.events = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("on_"):
            return lambda run: self.events.append((name, run.epoch, run.steps)) or found(run)
        return found


def test_callbacks_are_told_everything_in_order():
    recorder = Recorder()
    teach(Line(), epochs=2, batch_size=20, callbacks=[recorder])
    assert recorder.events == [
        ("on_begin", 0, 0),
        ("on_gradients", 0, 0), ("on_batch", 0, 1), ("on_gradients", 0, 1), ("on_batch", 0, 2), ("on_epoch", 1, 2),
        ("on_gradients", 1, 2), ("on_batch", 1, 3), ("on_gradients", 1, 3), ("on_batch", 1, 4), ("on_epoch", 2, 4),
        ("on_end", 2, 4),
    ]  # fmt: skip


class Script(training.Callback):
    """Writes given numbers into the history and into the model's bias."""

    def __init__(self, *values, name="val_loss"):
        self.values, self.name = values, name

    def on_epoch(self, run):
        value = self.values[run.epoch - 1]
        run.row[self.name] = value
        if np.isfinite(value):
            run.model.b.data = np.array([value])


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
    history = teach(model, epochs=len(values), callbacks=[Script(*values), stopping])
    assert len(history) == epochs
    assert model.b.item() == kept


def test_early_stopping_knows_that_accuracy_should_grow():
    script = Script(0.5, 0.6, 0.7, name="val_accuracy")
    history = teach(Line(), epochs=3, callbacks=[script, training.EarlyStopping("val_accuracy", patience=1)])
    assert len(history) == 3


def test_watching_what_is_not_there_is_one_clear_error():
    with pytest.raises(KeyError, match="EarlyStopping watches 'val_loss', but an epoch has loss; give validation="):
        teach(Line(), epochs=1, callbacks=[training.EarlyStopping()])


def test_the_best_weights_are_kept_in_a_file(tmp_path):
    path = tmp_path / "best.npz"
    model = Line()
    teach(model, epochs=4, callbacks=[Script(3.0, 1.0, 2.0, 1.0), training.BestCheckpoint(path)])
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
        teach(model, opt, epochs=3, callbacks=[*before, training.Schedule(make(opt), **options), watch])
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
    teach(model, epochs=1, callbacks=[unclipped, training.ClipGradients(0.5), watch, after])
    assert max(seen) <= 0.5 + 1e-12
    np.testing.assert_allclose(before[0], before[1])


def test_log_prints_the_table_as_it_grows(capsys):
    history = teach(Line(), epochs=5, validation=(X, Y), callbacks=[training.Log(every=2)])
    printed = capsys.readouterr().out.splitlines()
    assert printed == [history.table(every=2).splitlines()[k] for k in (0, 1, 2, 3, 4)]


# -- Ctrl-C --------------------------------------------------------------------------------------------------


def press(times=1, at=3):
    callback = training.Callback()

    def on_gradients(run):
        if run.steps == at:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    callback.on_gradients = on_gradients
    return callback


def test_ctrl_c_ends_after_the_batch_and_keeps_what_was_learned():
    """It is pressed between gradients and step; the step is taken all the same."""
    model, recorder = Line(), Recorder()
    history = teach(model, epochs=9, callbacks=[press(at=7), recorder])
    assert history.interrupted
    assert len(history) == 1
    assert recorder.events[-2:] == [("on_batch", 1, 8), ("on_end", 1, 8)]
    whole = Line()
    loader = data.DataLoader((X, Y), 8, shuffle=True, generator=0)
    teach_steps(whole, loader, 8)
    np.testing.assert_array_equal(model.W.data, whole.W.data)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def teach_steps(model, loader, steps):
    opt = sgd(model)
    while steps:
        for x, y in loader:
            opt.zero_grad()
            mean_square(model(x), y).backward()
            opt.step()
            steps -= 1
            if not steps:
                break


def test_a_second_ctrl_c_interrupts_at_once():
    model, recorder = Line(), Recorder()
    history = teach(model, epochs=9, callbacks=[press(times=2), recorder])
    assert history.interrupted
    assert recorder.events[-2:] == [("on_batch", 0, 3), ("on_end", 0, 3)]  # no step after the fourth gradients


def test_ctrl_c_from_elsewhere_and_other_handlers(monkeypatch):
    def broken():
        yield X[:8], Y[:8]
        raise KeyboardInterrupt

    loader = data.DataLoader((X, Y), 8)
    monkeypatch.setattr(type(loader), "__iter__", lambda self: broken())
    assert fit(Line(), loader, mean_square, sgd(Line())).interrupted
    monkeypatch.undo()

    def mine(number, frame):
        raise RuntimeError("mine")

    old = signal.signal(signal.SIGINT, mine)
    try:
        with pytest.raises(RuntimeError, match="mine"):
            teach(Line(), callbacks=[press()])
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, old)


def test_it_runs_in_other_threads():
    result = []
    thread = threading.Thread(target=lambda: result.append(teach(Line(), epochs=2)))
    thread.start()
    thread.join()
    assert len(result[0]) == 2


# -- going on exactly ----------------------------------------------------------------------------------------


def parts(seed=1, **shuffling):
    """A run that depends on all there is: noise, momentum, schedules by batch and epoch, shuffling, a buffer."""
    ag.manual_seed(seed)
    model = Line(noise=0.1)
    opt = optim.AdamW(model.parameters(), lr=0.05)
    callbacks = [
        training.Schedule(lr_scheduler.OneCycleLR(opt, 0.1, total_steps=30), every="batch"),
        training.EarlyStopping(patience=4, restore_best=False),
    ]
    loader = data.DataLoader((X, Y), 8, shuffle=True, **shuffling)
    return (model, loader, mean_square, opt), {"callbacks": callbacks, "validation": (X[:9], Y[:9])}


def same_run(a, b):
    (model_a, _, _, opt_a), history_a = a
    (model_b, _, _, opt_b), history_b = b
    assert history_a.rows == history_b.rows
    np.testing.assert_equal(model_a.state_dict(), model_b.state_dict())
    np.testing.assert_equal(opt_a.state_dict(), opt_b.state_dict())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("shuffling", [{}, {"generator": 3}], ids=["library", "own"])
def test_a_resumed_run_has_the_numbers_of_one_that_was_not_interrupted(tmp_path, suffix, shuffling):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"run{suffix}"
    whole, options = parts(**shuffling)
    want = fit(*whole, epochs=6, **options)

    first, options = parts(**shuffling)
    assert fit(*first, epochs=9, checkpoint=path, **{**options, "callbacks": [*options["callbacks"], press(at=17)]})
    assert ag.load(path)["epoch"] == 3  # the interrupted epoch is begun again

    second, options = parts(seed=99, **shuffling)
    history = fit(*second, epochs=6, resume=path, checkpoint=path, **{
        **options, "callbacks": [*options["callbacks"], training.Callback()],
    })  # fmt: skip
    same_run((whole, want), (second, history))
    third, options = parts(seed=98, **shuffling)
    options["callbacks"].append(training.Callback())
    assert fit(*third, epochs=6, resume=path, **options).rows == want.rows  # nothing is left to do
    np.testing.assert_equal(third[0].state_dict(), whole[0].state_dict())


def test_a_run_that_had_stopped_early_does_not_go_on(tmp_path):
    path = tmp_path / "run.npz"
    model = Line()
    script, stopping = Script(1.0, 2.0, 2.0, 2.0), training.EarlyStopping(patience=1)
    teach(model, epochs=4, callbacks=[script, stopping], checkpoint=path)
    again = Line()
    history = teach(again, epochs=4, callbacks=[script, training.EarlyStopping(patience=1)], resume=path)
    assert len(history) == 2
    assert again.b.item() == 1.0  # the best


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    args, options = parts()
    fit(*args, epochs=1, checkpoint=path, **options)
    good = ag.load(path)

    def attempt(change, message):
        bad = {**good}
        change(bad)
        ag.save(bad, path)
        args, options = parts(seed=5)
        state = [args[0].state_dict(), args[3].state_dict(), ag.generator.get_rng_state()]
        with pytest.raises(ValueError, match=message):
            fit(*args, epochs=3, resume=path, **options)
        np.testing.assert_equal([args[0].state_dict(), args[3].state_dict(), ag.generator.get_rng_state()], state)

    attempt(lambda bad: bad.pop("kind"), "is no checkpoint of a run")
    attempt(lambda bad: bad.pop("history"), "cannot go on from .*history")
    attempt(lambda bad: bad.update(callbacks=[]), "0 callbacks, this run 2")
    attempt(lambda bad: bad.update(model={**bad["model"], "W": np.zeros((2, 1))}), r"W has shape \(2, 1\)")
    attempt(lambda bad: bad.update(optimizer=sgd(Line()).state_dict()), "another kind of optimiser")
    attempt(lambda bad: bad.update(random={"bit_generator": "none"}), "cannot go on")
    attempt(lambda bad: bad.update(loaders=[{}, None]), "generators of their own")
    ag.save(Line(), path)
    with pytest.raises(ValueError, match="weights alone"):
        teach(Line(), resume=path)
    with pytest.raises(FileNotFoundError):
        teach(Line(), resume=tmp_path / "nothing.npz")


# -- the bar -------------------------------------------------------------------------------------------------


def test_nothing_is_printed_where_nobody_looks(capsys):
    teach(Line(), epochs=2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_bar_is_there_when_asked_and_tqdm_is_installed(capsys):
    pytest.importorskip("tqdm", reason="comes with the extra `examples`")
    teach(Line(), epochs=2, progress=True)
    assert "batch" in capsys.readouterr().err


def test_without_tqdm_there_is_no_bar_but_a_word_when_asked(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert len(teach(Line(), epochs=1)) == 1
    with pytest.raises(ImportError, match="pip install tqdm"):
        teach(Line(), epochs=1, progress=True)


# -- using a model -------------------------------------------------------------------------------------------


def test_predict_and_evaluate_leave_the_model_as_it_was():
    model = Line(noise=1.0)
    model.add_module("frozen", nn.Sequential())
    model.frozen.eval()
    out = training.predict(model, X, batch_size=7)
    np.testing.assert_allclose(out, X @ model.W.data + model.b.data)
    np.testing.assert_array_equal(training.predict(model, ag.tensor(X), batch_size=7), out)
    scores = training.evaluate(model, (X, Y), mean_square, [training.mae], batch_size=7)
    assert scores == {
        "loss": pytest.approx(training.mse(out, Y)),
        "mae": pytest.approx(training.mae(out, Y)),
    }
    assert training.evaluate(model, (X, Y), metrics={"r2": training.r2_score}) == {"r2": training.r2_score(out, Y)}
    assert model.training
    assert not model.frozen.training
    assert type(out) is np.ndarray
    with pytest.raises(ValueError, match="no rows"):
        training.predict(model, X[:0])


# -- metrics -------------------------------------------------------------------------------------------------


def test_metrics_against_their_definitions():
    scores = rng.standard_normal((50, 4))
    classes = rng.integers(0, 4, 50)
    guess = scores.argmax(1)
    assert training.accuracy(scores, classes) == np.mean(guess == classes)
    assert training.accuracy(ag.tensor(scores), np.eye(4)[classes]) == np.mean(guess == classes)
    assert training.accuracy(guess, classes) == np.mean(guess == classes)
    matrix = training.confusion_matrix(scores, classes)
    for true in range(4):
        for said in range(4):
            assert matrix[true, said] == np.sum((classes == true) & (guess == said))
    assert training.confusion_matrix([0], [0], classes=3).shape == (3, 3)
    assert training.top_k_accuracy(scores, classes, k=1) == training.accuracy(scores, classes)
    assert training.top_k_accuracy(scores, classes, k=4) == 1.0
    best = np.sort(scores, 1)[:, -2]
    assert training.top_k_accuracy(scores, classes, k=2) == np.mean(scores[np.arange(50), classes] >= best)
    p, t = rng.standard_normal((2, 30, 2))
    assert training.mse(p, t) == pytest.approx(((p - t) ** 2).mean())
    assert training.mae(p, t) == pytest.approx(abs(p - t).mean())
    columns = 1 - ((p - t) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)
    assert training.r2_score(p, t) == pytest.approx(columns.mean())
    assert training.r2_score([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert training.r2_score([1.0, 2.0], [1.0, 1.0]) == 0.0
    assert training.r2_score(np.full(30, t[:, 0].mean()), t[:, 0]) == pytest.approx(0.0)
    assert training.binary_accuracy([[0.9], [0.2], [0.6]], [1, 0, 0]) == pytest.approx(2 / 3)
    assert training.binary_accuracy([2.0, -1.0], [1, 0], threshold=0.0) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: training.accuracy([1, 2], [1, 2, 3]), r"accuracy: predictions of shape \(2,\)"),
        (lambda: training.accuracy([], []), "no examples"),
        (lambda: training.binary_accuracy([1, 2], [1]), "binary_accuracy"),
        (lambda: training.top_k_accuracy([1, 2], [1]), "top_k_accuracy: scores of shape"),
        (lambda: training.mse([[1], [2]], [1, 2]), "mse"),
        (lambda: training.mae([[1], [2]], [1, 2]), "mae"),
        (lambda: training.r2_score([1, 2, 3], [1, 2]), "r2_score"),
        (lambda: training.confusion_matrix([3], [0], classes=2), "class 3"),
        (lambda: training.confusion_matrix([-1], [0]), "class -1"),
    ],
)
def test_metrics_refuse_what_does_not_go_together(make, message):
    """mse of a column and a row would broadcast to a square, silently."""
    with pytest.raises(ValueError, match=message):
        make()


# -- the same bytes ------------------------------------------------------------------------------------------


def test_two_runs_of_a_script_print_the_same_bytes():
    script = """
import numpy as np, autograd_lite as ag
from autograd_lite import data, nn, optim, training
ag.manual_seed(3)
X, y = data.moons(60, generator=None)
part, rest = data.random_split((X, y), [0.8, 0.2])
net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
history = training.fit(net, part, nn.CrossEntropyLoss(), optim.Adam(net.parameters()), epochs=3, validation=rest)
print([row for row in history], training.predict(net, X).tobytes().hex())
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 500
