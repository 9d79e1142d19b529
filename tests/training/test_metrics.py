"""How good predictions are, against the definitions; and models used without being taught."""

from __future__ import annotations

import numpy as np
import pytest
from learner import Line, X, Y, mean_square

import autograd_lite as ag
from autograd_lite import nn, training

rng = np.random.default_rng(0)

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
        (lambda: training.accuracy([], []), "expected at least one example"),
        (lambda: training.binary_accuracy([1, 2], [1]), "binary_accuracy"),
        (lambda: training.top_k_accuracy([1, 2], [1]), "top_k_accuracy: scores of shape"),
        (lambda: training.mse([[1], [2]], [1, 2]), "mse"),
        (lambda: training.mae([[1], [2]], [1, 2]), "mae"),
        (lambda: training.r2_score([1, 2, 3], [1, 2]), "r2_score"),
        (lambda: training.confusion_matrix([3], [0], classes=2), "expected classes from 0 to 1, got 3"),
        (lambda: training.confusion_matrix([-1], [0]), "expected classes from 0 to 0, got -1"),
    ],
)
def test_metrics_refuse_what_does_not_go_together(make, message):
    """mse of a column and a row would broadcast to a square, silently."""
    with pytest.raises(ValueError, match=message):
        make()


# -- using a model -------------------------------------------------------------------------------------------


def test_predict_and_evaluate_leave_the_model_as_it_was():
    model = Line(noise=1.0)
    model.add_module("frozen", nn.Sequential())
    model.frozen.eval()
    out = training.predict(model, X, batch_size=7)
    np.testing.assert_allclose(out, X @ model.W.data + model.b.data)
    np.testing.assert_array_equal(training.predict(model, ag.tensor(X), batch_size=7), out)
    scores = training.evaluate(model, (X, Y), mean_square, [training.mae], batch_size=7)
    assert scores == {"loss": pytest.approx(training.mse(out, Y)), "mae": pytest.approx(training.mae(out, Y))}
    assert training.evaluate(model, (X, Y), metrics={"r2": training.r2_score}) == {"r2": training.r2_score(out, Y)}
    assert model.training
    assert not model.frozen.training
    assert type(out) is np.ndarray
    with pytest.raises(ValueError, match="expected at least one row"):
        training.predict(model, X[:0])
