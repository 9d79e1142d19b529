"""Activations against their formulas, written out in plain NumPy; gradients to second order."""

import math

import numpy as np
import pytest
from nn_checks import check_layer, value

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn

erf = pytest.importorskip("scipy.special", reason="install autograd_lite[scipy]").erf

X = np.array([[-7.0, -2.5, -1.2, -0.6, -0.2, -0.05], [0.07, 0.3, 0.7, 1.3, 2.8, 6.5]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def elu(x, a):
    return np.where(x > 0, x, a * (np.exp(x) - 1))


FORMULAS = [
    (nn.ReLU(), lambda x: np.where(x > 0, x, 0)),
    (nn.ReLU(inplace=True), lambda x: np.where(x > 0, x, 0)),
    (nn.ReLU6(), lambda x: np.minimum(np.maximum(x, 0), 6)),
    (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.ELU(0.7), lambda x: elu(x, 0.7)),
    (nn.SELU(), lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772)),
    (nn.CELU(0.7), lambda x: np.where(x > 0, x, 0.7 * (np.exp(x / 0.7) - 1))),
    (nn.SiLU(), lambda x: x * sigmoid(x)),
    (nn.Mish(), lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    (nn.GELU(), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (nn.GELU("tanh"), lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (nn.Sigmoid(), sigmoid),
    (nn.LogSigmoid(), lambda x: np.log(sigmoid(x))),
    (nn.Tanh(), np.tanh),
    (nn.Tanhshrink(), lambda x: x - np.tanh(x)),
    (nn.Softsign(), lambda x: x / (1 + np.abs(x))),
    (nn.Softplus(), lambda x: np.log(1 + np.exp(x))),
    (nn.Softplus(beta=2.0), lambda x: np.log(1 + np.exp(2 * x)) / 2),
    (nn.Softshrink(0.4), lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.4, 0)),
    (nn.Hardshrink(0.4), lambda x: np.where(np.abs(x) > 0.4, x, 0)),
    (nn.Hardtanh(-0.5, 0.4), lambda x: np.minimum(np.maximum(x, -0.5), 0.4)),
    (nn.Hardsigmoid(), lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    (nn.Hardswish(), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    (nn.Threshold(0.1, 20.0), lambda x: np.where(x > 0.1, x, 20.0)),
    (nn.GLU(), lambda x: x[:, :3] * sigmoid(x[:, 3:])),
    (nn.GLU(0), lambda x: x[:1] * sigmoid(x[1:])),
    (nn.Softmax(1), lambda x: softmax(x, 1)),
    (nn.LogSoftmax(dim=0), lambda x: np.log(softmax(x, 0))),
    (nn.Softmin(dim=1), lambda x: softmax(-x, 1)),
    (nn.RReLU(0.1, 0.3).eval(), lambda x: np.where(x > 0, x, 0.2 * x)),
]
NAMES = [repr(layer) for layer, _ in FORMULAS]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=NAMES)
def test_formula(layer, formula):
    got = layer(X)
    assert isinstance(got, ag.Tensor)
    np.testing.assert_allclose(value(got), formula(X), rtol=1e-12, atol=1e-14)
    assert layer(X.astype(np.float32)).dtype == np.float32
    layer(np.array([[1, -2], [0, 3]]))  # whole numbers, too
    layer([[1.0, -2.0], [0.5, 3.0]])


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=NAMES)
def test_gradients(layer, formula):
    check_layer(layer, X)


@pytest.mark.parametrize("many", [1, 6])
def test_prelu(many):
    layer = nn.PReLU(many, init=0.3)
    np.testing.assert_array_equal(value(layer(X)), np.where(X > 0, X, 0.3 * X))
    layer.weight.data[...] = np.linspace(0.1, 0.6, many)
    np.testing.assert_array_equal(value(layer(X)), np.where(X > 0, X, np.linspace(0.1, 0.6, many) * X))
    check_layer(layer, X)
    check_layer(nn.PReLU(2), np.stack([X, -X], 1)[:, :, :2])


def test_softmax2d_is_over_the_channels():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    np.testing.assert_allclose(value(nn.Softmax2d()(x)), softmax(x, 1), rtol=1e-12)
    with pytest.raises(ValueError, match=r"Softmax2d.*\(3, 4\)"):
        nn.Softmax2d()(x[0, 0, :3, :4])


def test_rrelu_draws_slopes_in_training():
    x = -np.ones(1000)
    _ = ag.manual_seed(0)
    y = value(nn.RReLU(0.1, 0.3)(x))
    assert -0.3 <= y.min() < -0.28
    assert -0.12 < y.max() <= -0.1


SLOPES_AT_THE_ENDS = {  # PyTorch's
    "relu": ((0.0,), (0.0,)),
    "relu6": ((0.0, 6.0), (0.0, 0.0)),
    "hardtanh": ((-1.0, 1.0), (0.0, 0.0)),
    "hardsigmoid": ((-3.0, 3.0), (0.0, 0.0)),
    "hardswish": ((-3.0, 3.0), (0.0, 1.0)),
    "hardshrink": ((-0.5, 0.5), (0.0, 0.0)),
    "softshrink": ((-0.5, 0.5), (0.0, 0.0)),
    "leaky_relu": ((0.0,), (0.01,)),
    "elu": ((0.0,), (1.0,)),
    "celu": ((0.0,), (1.0,)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SLOPES_AT_THE_ENDS)
def test_slopes_at_the_ends(name, dtype):
    ends, slopes = SLOPES_AT_THE_ENDS[name]
    x = ag.tensor(np.array(ends, dtype), requires_grad=True)
    getattr(F, name)(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.array(slopes, dtype))


def test_softplus_is_its_argument_above_the_threshold():
    x = ag.tensor([-3.0, 0.5, 0.75, 2.0], requires_grad=True)
    y = F.softplus(x, beta=2, threshold=1)
    bent = np.log1p(np.exp([-6.0, 1.0])) / 2
    np.testing.assert_allclose(value(y), [*bent, 0.75, 2.0], rtol=1e-14)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [*sigmoid(np.array([-6.0, 1.0])), 1, 1], rtol=1e-14)
    assert nn.Softplus(threshold=-1)(0.5).item() == 0.5


@pytest.mark.parametrize("activation", [F.hardshrink, lambda x: F.threshold(x, 0.5, 2.0), F.hardtanh, F.relu6])
def test_nan_stays_nan(activation):
    assert np.isnan(activation(np.nan).item())


@pytest.mark.parametrize(
    "activation",
    [
        lambda x: F.softmax(x, dim=0), lambda x: F.log_softmax(x, dim=-1), lambda x: F.softmin(x, dim=0),
        lambda x: F.prelu(x, np.array([0.25])), lambda x: F.prelu(x, 0.25), lambda x: F.normalize(x, dim=0),
        lambda x: F.cosine_similarity(x, x, dim=0),
    ],
)
def test_one_number(activation):
    x = ag.tensor(-2.0, requires_grad=True)
    y = activation(x)
    assert y.shape == ()
    alone = activation(ag.tensor([-2.0]))
    assert y.item() == alone.item()
    y.backward()
    assert x.grad.shape == ()


def test_what_raises():
    with pytest.raises(TypeError, match="softmax: expected dim=, the axis"):
        nn.Softmax()(X)
    with pytest.raises(ValueError, match=r"glu: .*\(2, 5\)"):
        F.glu(X[:, :5])
    with pytest.raises(ValueError, match=r"prelu: expected 1 or 6 slopes .* got \(3,\)"):
        F.prelu(X, np.ones(3))
    with pytest.raises(ValueError, match="softshrink: lambd=-1"):
        F.softshrink(X, -1)


def test_repr_shows_the_options():
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.ReLU()) == "ReLU()"
