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
        (lambda: training.confusion_matrix([[np.nan, 1.0]], [0]), "got -1, the class of scores with NaN"),
        (lambda: training.confusion_matrix([0.9, 0.2], [1, 0]), "expected whole numbers as classes, got 0.9"),
        (lambda: training.confusion_matrix([0, 1], [0.0, np.inf]), "expected whole numbers as classes, got inf"),
        (lambda: training.accuracy([[0.9], [0.1]], [1, 0]), "got 0.9; for one probability .* binary_accuracy"),
        (lambda: training.accuracy([[0.9, 0.8], [0.1, 0.2]], [[1, 1], [0, 0]]), "got 0.9"),
        (lambda: training.accuracy([np.nan, 1.0], [1, 0]), "got nan"),
        (lambda: training.top_k_accuracy([[0.1, 0.2]], [0.5]), "top_k_accuracy: expected whole numbers"),
        (lambda: training.top_k_accuracy([[0.1, 0.2]], [1], k=0), "top_k_accuracy: expected k"),
        (lambda: training.r2_score([], []), "r2_score"),
    ],
)
def test_metrics_refuse_what_does_not_go_together(make, message):
    """mse of a column and a row would broadcast to a square, silently."""
    with pytest.raises(ValueError, match=message):
        make()


#: Every dtype in which predictions and targets may come.
NUMBERS = [*np.typecodes["AllInteger"], *"?efd"]
REGRESSION = {"mse": training.mse, "mae": training.mae, "r2_score": training.r2_score}


def in_doubles(name, p, t):
    missed = np.abs(p - t)
    if name == "r2_score":
        return 1 - np.sum(missed**2) / np.sum((t - t.mean()) ** 2)
    return np.mean(missed**2) if name == "mse" else np.mean(missed)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_no_difference_wraps_or_overflows(name, dtype):
    """The ends of each dtype, in which a difference, a square or the sum does not fit."""
    ends = np.array({"?": [0, 1], "e": [-6e4, 6e4], "f": [-1e30, 1e30], "d": [-1e100, 1e100]}.get(dtype, [0, 1]), dtype)
    if ends.dtype.kind in "iu":
        ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    p, t = ends[[0, 1, 0, 1]], ends[[1, 0, 0, 1]]
    expected = in_doubles(name, p.astype(float), t.astype(float))
    for form in (np.asarray, ag.tensor, np.ndarray.tolist):
        assert REGRESSION[name](form(p), form(t)) == pytest.approx(expected, rel=1e-12)
    wide = rng.integers(0, 2, 4)
    assert REGRESSION[name](p, wide) == pytest.approx(in_doubles(name, p.astype(float), wide), rel=1e-12)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_classes_of_scores_of_every_dtype(dtype):
    scores = np.arange(2 if dtype == "?" else 8).astype(dtype)
    if scores.dtype.kind in "iu":  # the ends of the range, whose negatives do not fit
        scores[[0, -1]] = np.iinfo(dtype).min, np.iinfo(dtype).max
    scores = np.stack([rng.permutation(scores) for _ in range(20)])
    best = [row.index(max(row)) for row in scores.tolist()]
    for k in range(1, scores.shape[1] + 1):
        ranked = [sorted(range(len(row)), key=lambda c, row=row: -row[c])[:k] for row in scores.tolist()]
        for c in range(scores.shape[1]):
            hit = np.mean([c in row for row in ranked])
            assert training.top_k_accuracy(scores, np.full((20, 1), c, np.uint8), k) == hit
    assert training.accuracy(scores, best) == 1.0
    labels = np.array(best, "u1" if dtype == "?" else dtype)
    assert training.accuracy(labels[:, None], labels) == training.accuracy(scores, labels) == 1.0
    assert training.confusion_matrix(scores, labels).trace() == 20
    many = np.arange(100).astype("u1")  # 99 * 100 + 99 does not fit
    np.testing.assert_array_equal(training.confusion_matrix(many, many), np.eye(100))


def test_classes_along_axis_1_as_in_the_losses_or_along_the_last():
    classes = rng.integers(0, 3, (4, 5))
    scores = np.eye(3)[classes] + rng.uniform(0, 0.5, (4, 5, 3))
    assert training.accuracy(scores, classes) == training.accuracy(scores.transpose(0, 2, 1), classes) == 1.0
    one_hot = np.eye(3, dtype=int)[classes]
    assert training.accuracy(scores, one_hot) == training.accuracy(classes, one_hot) == 1.0
    assert training.accuracy([[1, 2, 3], [3, 2, 1]], [[0, 2, 3], [3, 0, 0]]) == 0.5
    assert training.accuracy(scores[0, 0], classes[0, 0]) == 1.0
    assert training.accuracy(scores[:1, :1], classes[:1, :1]) == 1.0
    with pytest.raises(ValueError, match="the classes may be axis 1 or the last one"):
        training.accuracy(np.zeros((4, 3, 3)), np.zeros((4, 3), int))


def test_nan_is_never_right():
    nan, column = np.nan, np.array([[np.nan], [0.2]])
    for true in (0, 1):
        assert training.accuracy([[nan, nan], [nan, 0.5]], [true, true]) == 0.0
        assert training.top_k_accuracy([[nan, 0.5, 0.1]], [true], k=3) == 0.0
        assert training.binary_accuracy(column, [true, 0]) == 0.5
    assert training.binary_accuracy([0.2], [nan]) == 0.0
    for metric in REGRESSION.values():
        assert np.isnan(metric([nan, 1.0], [1.0, 1.0]))
        assert np.isnan(metric([1.0, 1.0], [nan, 2.0]))


def test_one_number_per_example_is_compared_with_its_own_threshold():
    p = np.array([0.3, 0.7], np.float32)
    assert training.binary_accuracy(p, [0, 1], threshold=0.3) == 1.0  # 0.3 as float32 is not above 0.3
    assert training.binary_accuracy([[True], [False]], np.array([1, 0], np.uint8)) == 1.0
    with pytest.raises(ValueError, match=r"binary_accuracy: predictions of shape \(2, 3\)"):
        training.binary_accuracy(np.zeros((2, 3)), np.zeros((3, 2)))


def test_r2_of_a_constant_whose_mean_is_rounded():
    assert training.r2_score([0.1] * 3, [0.1] * 3) == 1.0
    assert training.r2_score([0.2] * 3, [0.1] * 3) == 0.0


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
