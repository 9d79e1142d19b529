"""The loss and the metrics of a model on data do not depend on how the data are split into batches."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn, optim, training
from autograd_lite.nn import functional as F

rng = np.random.default_rng(0)
N = 12
SCORES, PROBABILITIES = rng.standard_normal((N, 3)), rng.uniform(0.1, 0.9, (N, 3))
CLASSES, SIGNS = rng.integers(0, 3, N), rng.choice([-1.0, 1.0], (N, 3))
SOME = np.where(np.arange(N) < 7, -100, CLASSES)  # whole batches are ignored
WEIGHT = [1.0, 5.0, 0.25]
REAL, BINARY = (SCORES, SCORES[::-1]), (PROBABILITIES, rng.integers(0, 2, (N, 3)))
PIXELS = rng.standard_normal((N, 3, 2)), np.where(rng.integers(0, 4, (N, 2)) < 3, 2, -100)

#: Losses with their options, predictions and targets.
CASES = {
    "half squared": (nn.HalfSquaredError, {}, REAL),
    "mse": (nn.MSELoss, {}, REAL),
    "l1": (nn.L1Loss, {}, REAL),
    "smooth l1": (nn.SmoothL1Loss, {"beta": 0.5}, REAL),
    "huber": (nn.HuberLoss, {"delta": 0.5}, REAL),
    "bce": (nn.BCELoss, {"weight": WEIGHT}, BINARY),
    "bce with logits": (nn.BCEWithLogitsLoss, {"pos_weight": WEIGHT}, (SCORES, BINARY[1])),
    "nll": (nn.NLLLoss, {}, (SCORES, CLASSES)),
    "nll, ignored": (nn.NLLLoss, {"weight": WEIGHT}, (SCORES, SOME)),
    "cross-entropy": (nn.CrossEntropyLoss, {}, (SCORES, CLASSES)),
    "cross-entropy, ignored": (nn.CrossEntropyLoss, {}, (SCORES, SOME)),
    "cross-entropy, a class ignored": (nn.CrossEntropyLoss, {"ignore_index": 1}, (SCORES, CLASSES)),
    "cross-entropy, weighted": (nn.CrossEntropyLoss, {"weight": WEIGHT, "label_smoothing": 0.1}, (SCORES, SOME)),
    "cross-entropy, no weight": (nn.CrossEntropyLoss, {"weight": [0.0, 1.0, 0.0]}, (SCORES, CLASSES)),
    "cross-entropy, pixels": (nn.CrossEntropyLoss, {"weight": WEIGHT}, PIXELS),
    "cross-entropy, probabilities": (nn.CrossEntropyLoss, {"weight": WEIGHT}, (SCORES, np.eye(3)[CLASSES])),
    "kl": (nn.KLDivLoss, {}, (np.log(PROBABILITIES), PROBABILITIES[::-1])),
    "kl, by rows": (nn.KLDivLoss, {"reduction": "batchmean"}, (np.log(PROBABILITIES), PROBABILITIES[::-1])),
    "poisson": (nn.PoissonNLLLoss, {"full": True}, (SCORES, CLASSES[:, None] + np.zeros((1, 3)))),
    "hinge embedding": (nn.HingeEmbeddingLoss, {}, (SCORES, SIGNS)),
    "soft margin": (nn.SoftMarginLoss, {}, (SCORES, SIGNS)),
    "multi margin": (nn.MultiMarginLoss, {"weight": WEIGHT}, (SCORES, CLASSES)),
    "multilabel margin": (nn.MultiLabelMarginLoss, {}, (SCORES, np.where(SIGNS > 0, CLASSES[:, None], -1))),
    "multilabel soft margin": (nn.MultiLabelSoftMarginLoss, {}, BINARY),
}


def test_every_loss_of_two_arguments_is_a_case():
    others = {nn.GaussianNLLLoss}  # of three
    assert {case[0] for case in CASES.values()} == set(nn.loss.Loss.__subclasses__()) - others - {
        c for c in nn.loss.Loss.__subclasses__() if c.__name__.startswith("_")
    }


@pytest.mark.parametrize("reduction", [None, "mean", "sum"])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("case", CASES)
def test_the_loss_of_batches_is_that_of_all(case, reduction, batch_size):
    module, options, (pred, target) = CASES[case]
    options = {**options, **({"reduction": reduction} if reduction else {})}
    loss = module(**options)
    expected = loss(pred, target).item()
    for same in (loss, partial(module.function, **options)):  # as a module and as a function
        observed = training.evaluate(nn.Identity(), (pred, target), same, batch_size=batch_size)["loss"]
        assert observed == pytest.approx(expected, rel=1e-12), same


@pytest.mark.parametrize("loss", [F.mse_loss, F.cross_entropy, F.half_squared_error])
def test_a_function_counts_as_its_module(loss):
    target = SOME if loss is F.cross_entropy else SCORES[::-1]
    observed = training.evaluate(nn.Identity(), (SCORES, target), loss, batch_size=5)["loss"]
    assert observed == pytest.approx(loss(SCORES, target).item())


def test_a_loss_of_your_own_is_a_mean_unless_it_says_otherwise():
    def loss(pred, target):
        return (pred - target).abs().sum() if loss.reduction == "sum" else (pred - target).abs().mean()

    for loss.reduction, expected in (("sum", np.sum), ("mean", np.mean)):
        observed = training.evaluate(nn.Identity(), REAL, loss, batch_size=5)["loss"]
        assert observed == pytest.approx(expected(np.abs(REAL[0] - REAL[1])))


@pytest.mark.parametrize("batch_size", [1, 5, N])
def test_a_loss_that_is_not_one_number(batch_size):
    with pytest.raises(ValueError, match="expected the loss of a batch as one number, a mean or a sum"):
        training.evaluate(nn.Identity(), REAL, nn.MSELoss(reduction="none"), batch_size=batch_size)


def test_if_all_are_ignored_the_loss_is_nan_as_that_of_the_whole():
    observed = training.evaluate(nn.Identity(), (SCORES, np.full(N, -100)), nn.CrossEntropyLoss(), batch_size=5)
    assert np.isnan(observed["loss"])


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(weight=WEIGHT), nn.CrossEntropyLoss(reduction="sum")])
def test_the_loss_of_a_training_epoch_too(loss, jit):
    model = nn.Linear(3, 3)
    expected = loss(model(SCORES), CLASSES).item()
    history = training.fit(
        model, (SCORES, CLASSES), loss, optim.SGD(model.parameters(), lr=0.0), epochs=1, batch_size=5, jit=jit,
        validation=(SCORES, CLASSES),
    )
    assert history.rows[0]["loss"] == pytest.approx(expected)
    assert history.rows[0]["val_loss"] == pytest.approx(expected)


def test_metrics_have_columns_of_their_own():
    loose, strict = (partial(training.binary_accuracy, threshold=t) for t in (0.1, 0.9))
    data = ag.tensor([[0.5], [0.95]]), [1, 1]
    assert training.evaluate(nn.Identity(), data, metrics=[loose, strict]) == {
        "binary_accuracy(threshold=0.1)": 1.0, "binary_accuracy(threshold=0.9)": 0.5,
    }  # fmt: skip
    unnamed, f = [lambda p, t: 0, lambda p, t: 1], training.mae
    for metrics in (unnamed, [loose, loose], {"loss": f}, {"val_loss": f}, {"a": f, "val_a": f}):
        with pytest.raises(ValueError, match="two columns of the history would be called '"):
            training.evaluate(nn.Identity(), data, metrics=metrics)
