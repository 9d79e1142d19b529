"""The loop: it learns what the loop one would write learns, stops where it must, and keeps what was learned."""

from __future__ import annotations

import builtins
import io
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from learner import Line, Recorder, X, Y, mean_square, sgd, train

import autograd_lite as ag
from autograd_lite import data, nn, optim, training
from autograd_lite.training import fit

# -- the loop ------------------------------------------------------------------------------------------------


def test_it_learns_and_returns_a_row_for_each_epoch():
    model = Line()
    history = train(model, epochs=30)
    assert [row["epoch"] for row in history] == list(range(1, 31))
    assert history["loss"][-1] < 1e-6 < history["loss"][0]
    np.testing.assert_allclose(model.W.data, [[1], [-2], [0.5]], atol=1e-3)


def test_it_is_the_loop_that_one_would_write():
    ours, theirs = Line(), Line()
    history = train(ours, epochs=3, validation=(X[:5], Y[:5]))
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
    history = train(model, sgd(model, lr=0.0), epochs=1, batch_size=7)
    assert history["loss"] == [pytest.approx(mean_square(model(X), Y).item())]
    assert [n for _, n in model.seen[:6]] == [7, 7, 7, 7, 7, 5]


def test_validation_is_looked_at_in_evaluation_mode_and_never_learned_from():
    a, b = Line(), Line()
    a.add_module("frozen", nn.Sequential())
    a.frozen.eval()
    train(a, epochs=2)
    history = train(b, epochs=2, validation=(X, Y), metrics={"mae": training.mae})
    np.testing.assert_array_equal(a.W.data, b.W.data)
    assert history.names == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [mode for mode, _ in b.seen] == ([True] * 5 + [False] * 5) * 2
    assert b.training


@pytest.mark.parametrize("jit", [False, True])
def test_a_frozen_batch_norm_stays_frozen(jit):
    def net():
        ag.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(4)))

    frozen = net()
    frozen[1].eval()
    frozen[2][0].eval()

    class Freeze(training.Callback):
        def on_epoch(self, run):
            if run.epoch == 2:
                frozen[2].eval()
                self.mean = frozen[2][1].running_mean.numpy().copy()

    freeze = Freeze()
    options = {"epochs": 3, "validation": (X, X @ np.ones((3, 4))), "jit": jit, "callbacks": [freeze]}
    fit(frozen, (X, X @ np.ones((3, 4))), nn.MSELoss(), sgd(frozen), **options)
    assert [m.training for m in (frozen, frozen[1], frozen[2], frozen[2][1])] == [True, False, False, False]
    np.testing.assert_array_equal(frozen[1].running_mean.data, np.zeros(4))
    assert np.any(freeze.mean != 0)
    np.testing.assert_array_equal(frozen[2][1].running_mean.data, freeze.mean)
    whole = net().eval()
    fit(whole, (X, X @ np.ones((3, 4))), nn.MSELoss(), sgd(whole), epochs=1, jit=jit)
    assert all(m.training for m in whole.modules())
    assert np.any(whole[1].running_mean.data != 0)


def test_metrics_are_of_all_predictions_together():
    model = Line()
    history = train(model, sgd(model, lr=0.0), epochs=1, batch_size=7, metrics=[training.r2_score])
    assert history["r2_score"] == [pytest.approx(training.r2_score(model(X), Y))]


def test_a_dict_is_no_target():
    rows = [{"x": x, "y": y} for x, y in zip(X, Y, strict=True)]
    with pytest.raises(TypeError, match=r"the target as the last array of a batch, got a dict with x, y; return rows"):
        fit(Line(), rows, mean_square, sgd(Line()), epochs=1)


def test_an_error_of_a_metric_names_it():
    def spread(pred, target):
        raise IndexError("too many indices")

    message = r"the metric 'spread' of predictions of shape \(40, 1\) and targets of shape \(40, 1\) failed: IndexError"
    with pytest.raises(ValueError, match=message) as caught:
        train(Line(), epochs=1, batch_size=7, metrics=[training.mae, spread])
    assert isinstance(caught.value.__cause__, IndexError)
    with pytest.raises(ValueError, match=r"the metric 'both' .* failed: TypeError: "):
        training.evaluate(Line(), (X, Y), metrics={"both": lambda pred, target: pred})


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
    history = train(model, optim.LBFGS(model.parameters()), epochs=3, batch_size=40)
    np.testing.assert_allclose(model.b.data, 0.3, atol=1e-5)
    assert history["loss"][0] > 1  # before the step, as for the others


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda p, t: (p - t) ** 2, ValueError, r"as one number, a mean or a sum, got shape \(8, 1\)"),
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
        train(model, sgd(model, lr=1e30), epochs=50)
    assert np.isfinite(model.W.data).all() or "nan" in str(caught.value)


def test_no_examples():
    with pytest.raises(ValueError, match="expected at least one example"):
        fit(Line(), (X[:0], Y[:0]), mean_square, sgd(Line()))


# -- Ctrl-C --------------------------------------------------------------------------------------------------


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


def test_ctrl_c_ends_after_the_batch_and_keeps_what_was_learned(press):
    """It is pressed between gradients and step; the step is taken all the same."""
    model, recorder = Line(), Recorder()
    history = train(model, epochs=9, callbacks=[press(at=7), recorder])
    assert history.interrupted
    assert len(history) == 1
    assert recorder.events[-2:] == [("on_batch", 1, 8), ("on_end", 1, 8)]
    whole = Line()
    loader = data.DataLoader((X, Y), 8, shuffle=True, generator=0)
    teach_steps(whole, loader, 8)
    np.testing.assert_array_equal(model.W.data, whole.W.data)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_interrupts_at_once(press):
    model, recorder = Line(), Recorder()
    history = train(model, epochs=9, callbacks=[press(times=2), recorder])
    assert history.interrupted
    assert recorder.events[-2:] == [("on_batch", 0, 3), ("on_end", 0, 3)]  # no step after the fourth gradients


def test_ctrl_c_from_elsewhere_and_other_handlers(monkeypatch, press):
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
            train(Line(), callbacks=[press()])
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, old)


def test_where_ctrl_c_is_ignored_it_stays_ignored(press):
    """As under `nohup`: a run in the background goes on to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    history = train(Line(), epochs=2, callbacks=[press(at=7)])
    assert len(history) == 2
    assert not history.interrupted
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_it_runs_in_other_threads():
    result = []
    thread = threading.Thread(target=lambda: result.append(train(Line(), epochs=2)))
    thread.start()
    thread.join()
    assert len(result[0]) == 2


# -- the bar -------------------------------------------------------------------------------------------------


def test_nothing_is_printed_where_nobody_looks(capsys):
    train(Line(), epochs=2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_bar_is_there_when_asked_and_tqdm_is_installed(capsys):
    pytest.importorskip("tqdm", reason="comes with the extra `examples`")
    train(Line(), epochs=2, progress=True)
    assert "batch" in capsys.readouterr().err


def test_the_bar_is_there_in_a_notebook_too(monkeypatch):
    tqdm = pytest.importorskip("tqdm.auto", reason="comes with the extra `examples`").tqdm
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", stream)
    assert sys.modules["autograd_lite.training.fit"]._tqdm(None) is tqdm


def test_the_bar_counts_batches_and_a_resumed_one_those_before(monkeypatch, tmp_path):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.count, self.shown = options, 0, {}
            bars.append(self)

        def update(self):
            self.count += 1

        def set_postfix(self, numbers, refresh):
            self.shown = numbers

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *error: None  # noqa: E731

    monkeypatch.setattr(sys.modules["autograd_lite.training.fit"], "_tqdm", lambda progress: Bar)
    train(Line(), epochs=2, checkpoint=tmp_path / "run.npz")
    train(Line(), epochs=5, resume=tmp_path / "run.npz")
    assert [(bar.options["initial"], bar.options["total"], bar.count) for bar in bars] == [(0, 10, 10), (10, 25, 15)]
    assert set(bars[0].shown) == {"epoch", "loss"}


def test_without_tqdm_there_is_no_bar_but_a_word_when_asked(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert len(train(Line(), epochs=1)) == 1
    with pytest.raises(ImportError, match="pip install tqdm"):
        train(Line(), epochs=1, progress=True)


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


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": lambda x: x}, TypeError, "expected the model as an nn.Module, got a function"),
        ({"model": Line}, TypeError, "got the class Line itself"),
        ({"optimizer": "adam"}, TypeError, "expected an optimizer, got a str"),
        ({"loss": None}, TypeError, "expected loss as a function"),
        ({"loss": lambda pred, y: ((pred - y) ** 2).mean().item()}, TypeError, "got a float, which has no gradient"),
        ({"loss": lambda pred, y: ((pred - y) ** 2).mean().numpy()}, TypeError, "which has no gradient"),
        ({"epochs": -1}, ValueError, "epochs as a whole number that is not negative, got -1"),
        ({"epochs": 1.5}, ValueError, r"epochs .* got 1\.5"),
        ({"batch_size": 8.0}, ValueError, r"batch_size as a whole number from 1 on, got 8\.0"),
        ({"callbacks": [object()]}, TypeError, "derived from training.Callback, got a object"),
        ({"callbacks": [training.Log]}, TypeError, "got the class Log itself"),
        ({"callbacks": training.Log()}, TypeError, r"write callbacks=\[...\]"),
    ],
)
def test_arguments_of_another_kind(change, error, message):
    model = Line()
    before = [p.numpy().copy() for p in model.parameters()]
    given = {"model": model, "data": (X, Y), "loss": mean_square, "optimizer": sgd(model), "epochs": 1, **change}
    with pytest.raises(error, match=message):
        fit(given.pop("model"), given.pop("data"), given.pop("loss"), given.pop("optimizer"), **given)
    np.testing.assert_equal([p.numpy() for p in model.parameters()], before)


def test_evaluating_what_is_no_module():
    with pytest.raises(TypeError, match=r"expected the model as an nn\.Module, got a function"):
        training.evaluate(lambda x: x, (X, Y))


@pytest.mark.parametrize("name", ["Adam", "SGD", "LBFGS"])
def test_a_compiled_run_has_the_numbers_of_an_ordinary_one(name):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    found = []
    for jit in (True, False):
        ag.manual_seed(0)
        drop, size = (nn.Identity(), 20) if name == "LBFGS" else (nn.Dropout(0.2), 8)  # the same loss
        net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), drop, nn.Linear(5, 3))
        optimizer = getattr(optim, name)(net.parameters(), lr=0.05)
        history = training.fit(
            net, (X, Y), nn.CrossEntropyLoss(), optimizer, epochs=3, batch_size=size, validation=(X, Y),
            metrics=[training.accuracy], callbacks=[training.ClipGradients(0.5)], jit=jit,
        )  # fmt: skip
        found.append([x for row in history.rows for x in row.values()])
        found[-1] += [x for w in net.state_dict().values() for x in w.ravel()]
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-9)


def test_a_compiled_run_stops_at_a_loss_that_is_not_finite():
    net, examples = nn.Linear(2, 1), (np.full((4, 2), np.nan), np.zeros((4, 1)))
    before = net.state_dict()
    with pytest.raises(FloatingPointError, match="the weights were not changed"):
        training.fit(net, examples, nn.MSELoss(), optim.SGD(net.parameters()), epochs=1, jit=True)
    np.testing.assert_equal(net.state_dict(), before)
