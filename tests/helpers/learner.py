"""For tests of training: a model with everything that a run depends on, and callbacks that record and interfere."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn, optim, training
from autograd_lite.base.generator import numpy_generator
from autograd_lite.training import fit

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3


class Line(nn.Module):
    """A linear map with noise in training mode, a running mean, and a list of its calls."""

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
                y = y + self.noise * numpy_generator().standard_normal(y.shape)
        return y


def mean_square(pred, target):
    return ((pred - target) ** 2).mean()


def sgd(model, lr=0.1, **options):
    return optim.SGD(model.parameters(), lr=lr, **options)


def train(model, opt=None, **options):
    return fit(model, (X, Y), mean_square, opt or sgd(model), **{"generator": 0, "batch_size": 8, **options})


class Recorder(training.Callback):
    def __init__(self):
        self.events = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("on_"):
            return lambda run: self.events.append((name, run.epoch, run.steps)) or found(run)
        return found


class Script(training.Callback):
    """Writes given numbers into the history and into the model's bias."""

    def __init__(self, *values, name="val_loss"):
        self.values, self.name = values, name

    def on_epoch(self, run):
        value = self.values[run.epoch - 1]
        run.row[self.name] = value
        if np.isfinite(value):
            run.model.b.data = np.array([value])


@pytest.fixture
def press():
    """Makes a callback that presses Ctrl-C, with Python's default handler of the signal.

    Without that, Ctrl-C is ignored under `nohup` or in the background of a script.
    """

    def press(times=1, at=3):
        callback = training.Callback()

        def on_gradients(run):
            if run.steps == at:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)

        callback.on_gradients = on_gradients
        return callback

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield press
    signal.signal(signal.SIGINT, before)
