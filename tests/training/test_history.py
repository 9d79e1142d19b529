"""What a run tells: the table, the best row, the picture."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
from learner import Line, X, Y, train

from autograd_lite import training


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
    assert repr(history) == history.table(every=6)
    assert repr(training.History(history.rows[:5])) == str(training.History(history.rows[:5]))


def test_columns_may_come_late_and_numbers_be_tiny():
    history = training.History([{"epoch": 1, "loss": 1e-7}, {"epoch": 2, "loss": 123456.0, "val_accuracy": 0.5}])
    header, first, second = str(history).splitlines()
    assert header.split() == ["epoch", "loss", "val_accuracy"]
    assert first.split() == ["1", "1.0e-07"]
    assert second.split() == ["2", "1.2e+05", "0.5000"]
    assert history["val_accuracy"] == [0.5]
    with pytest.raises(KeyError, match="expected epoch, loss, val_accuracy"):
        history["accuracy"]


def test_the_best_row():
    history = training.History([{"loss": 2.0, "acc": 0.1}, {"loss": 1.0, "acc": 0.9}, {"loss": 3.0, "acc": 0.5}])
    assert history.best("loss")["acc"] == history.best("acc")["acc"] == 0.9
    assert history.best("loss", mode="max")["loss"] == 3.0
    with pytest.raises(KeyError):
        history.best("nothing")
    with pytest.raises(ValueError, match="expected mode 'min' or 'max', got 'best'"):
        history.best("loss", "best")


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_row_and_the_monitor_agree_about_nan_and_infinity(mode):
    numbers = [math.nan, -math.inf, 1.0, 2.0, math.inf]
    for values in itertools.chain(*(itertools.permutations(numbers, k) for k in range(2, 6))):
        expected = (min if mode == "min" else max)(v for v in values if not math.isnan(v))
        assert training.History([{"score": v} for v in values]).best("score", mode)["score"] == expected
        monitor = training.EarlyStopping("score", mode=mode)
        for v in values:
            monitor.improved(SimpleNamespace(watched=lambda *names, v=v: v))
        assert monitor.best == expected
    with pytest.raises(ValueError, match="'score' is nan in every epoch"):
        training.History([{"score": math.nan}] * 2).best("score")


def test_it_plots_itself():
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="comes with the extra `examples`")
    pyplot.switch_backend("Agg")
    history = train(Line(), epochs=3, validation=(X, Y), metrics=[training.mae])
    axes = history.plot().axes
    assert [[line.get_label() for line in ax.lines] for ax in axes] == [["loss", "val_loss"], ["mae", "val_mae"]]
    assert axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axes[0].lines[0].get_ydata().tolist() == history["loss"]
    figure = pyplot.figure()
    assert history.plot("mae", ax=figure.gca()) is figure
    assert [line.get_label() for line in figure.gca().lines] == ["mae"]
    pyplot.close("all")
