"""The source of the nets in `examples/`: run on new inputs it agrees with the engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive import source

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def real(*shape):
    return lambda rng: rng.normal(size=shape)


def whole(high, *shape):
    return lambda rng: rng.integers(0, high, shape)


def signs(*shape):
    return lambda rng: np.sign(rng.normal(size=shape))


def shares(*shape):
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def truth_table():
    net, loss = (
        nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid()),
        nn.HalfSquaredError(),
    )
    return lambda X, Y: loss(net(X), Y), (real(8, 3), shares(8, 1))


def xor_surface():
    net, loss = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid()), nn.BCELoss()
    return lambda X, Y: loss(net(X), Y), (real(4, 2), shares(4, 1))


def two_moons():
    net = example("two_moons").net_of_micrograds_shape()

    def loss(X, y):
        scores = net(X)[:, 0]
        return np.mean(np.maximum(1 - y * scores, 0)) + 1e-4 * sum(np.sum(p * p) for p in net.parameters())

    return loss, (real(10, 2), signs(10))


def digits_mlp():
    net = nn.Sequential(
        nn.Linear(6, 10), nn.ReLU(), nn.Dropout(0.2), nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 3)
    ).eval()
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    return lambda X, y: loss(net(X), y), (real(7, 6), whole(3, 7))


def digits_conv():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(),
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3 * 2 * 2, 4),
    )  # fmt: skip
    loss = nn.CrossEntropyLoss()
    return lambda X, y: loss(net(X), y), (real(3, 1, 4, 4), whole(4, 3))


def diffusion():
    net, loss = example("diffusion").Denoiser(4, 3, 1), nn.MSELoss()
    return lambda X, t, y: loss(net(X, t, y), X), (shares(2, 1, 8, 8), whole(50, 2), whole(10, 2))


def characters_rnn():
    net, loss = example("characters_rnn").Writer(5, hidden=3), nn.CrossEntropyLoss()
    return lambda codes, ahead: loss(net(codes)[0].reshape(-1, 5), ahead.reshape(-1)), (
        whole(5, 2, 4),
        whole(5, 2, 4),
    )


def gpt():
    net, loss = example("gpt").GPT(5, width=4, heads=2, layers=1), nn.CrossEntropyLoss()
    return lambda codes, ahead: loss(net(codes).reshape(-1, 5), ahead.reshape(-1)), (
        whole(5, 2, 4),
        whole(5, 2, 4),
    )


def logistic_scipy():
    return example("logistic_scipy").loss, (real(6), real(9, 5), signs(9))


def pendulum():
    angles = example("pendulum").angles
    return lambda p: np.mean((angles(p) - 1.0) ** 2), (
        lambda rng: np.array([1.3, 0.25, 2.0]) * rng.uniform(0.9, 1.1, 3),
    )


NETS = (
    truth_table, xor_surface, two_moons, digits_mlp, digits_conv, diffusion, characters_rnn, gpt, logistic_scipy,
    pendulum,
)  # fmt: skip


@pytest.mark.parametrize("net", mostly_thorough(NETS, 3), ids=lambda net: net.__name__)
def test_the_net_of_an_example(net):
    ag.manual_seed(0)
    f, inputs = net()
    first, fresh = ([make(np.random.default_rng(seed)) for make in inputs] for seed in (1, 2))
    made = source(f, *first)
    assert "autograd_lite" not in made
    if made.constants and any(hasattr(p, "requires_grad") for p in _parameters(f)):
        parameters = {id(p): p for p in _parameters(f)}
        for p in parameters.values():
            p.zero_grad()
        L = f(*fresh)
        L.backward()
        value = L.numpy()
        expected = [p.grad.numpy() for p in parameters.values()]
    else:
        floating = tuple(k for k, x in enumerate(fresh) if x.dtype.kind == "f")
        value, expected = ag.value_and_grad(f, floating)(*fresh)
    got, *gradients = made(*fresh)
    np.testing.assert_allclose(got, value, rtol=1e-8)
    assert len(gradients) == len(expected)
    for a, b in zip(_sorted(gradients), _sorted(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-10)


def _parameters(f):
    cells = [c.cell_contents for c in f.__closure__ or ()]
    return [p for c in cells if isinstance(c, nn.Module) for p in c.parameters()]


def _sorted(arrays):
    return sorted(arrays, key=lambda a: (np.shape(a), tuple(np.round(np.ravel(a), 6))))


def test_the_names_in_examples_are_all_tried():
    here = {path.stem for path in EXAMPLES.glob("*.py")}
    without_a_net = {
        "book_layers", "conductivity", "control_flow", "custom_op_bug", "derivation", "lessons", "maximum_likelihood",
        "ridge_penalties", "sparse_newton", "taylor_ode",
    }  # fmt: skip
    with_the_same = {"digits_parallel", "sweep"}
    assert here - without_a_net - with_the_same <= {net.__name__ for net in NETS}
