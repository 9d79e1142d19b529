"""Starting values: their spread, their shape, their seed; and what is done to all parameters together."""

import math

import numpy as np
import pytest
from nn_checks import draw

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.nn import init, utils


def weights(*shape):
    return ag.tensor(np.full(shape, np.nan), requires_grad=True)


@pytest.mark.parametrize(
    ("fill", "mean", "std", "bound"),
    [
        (lambda w: init.uniform_(w, -1, 3), 1, 4 / math.sqrt(12), 3),
        (lambda w: init.normal_(w, 2, 0.5), 2, 0.5, None),
        (init.xavier_uniform_, 0, math.sqrt(2 / 500), math.sqrt(6 / 500)),
        (lambda w: init.xavier_normal_(w, 2.0), 0, 2 * math.sqrt(2 / 500), None),
        (init.kaiming_uniform_, 0, math.sqrt(2 / 200), math.sqrt(6 / 200)),
        (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"), 0, math.sqrt(2 / 300), None),
        (lambda w: init.kaiming_normal_(w, a=math.sqrt(5)), 0, math.sqrt(1 / 3 / 200), None),
        (lambda w: init.trunc_normal_(w, 0, 1, -2, 2), 0, 0.8796, 2),
    ],
)
def test_the_spread_of_random_values(fill, mean, std, bound):
    _ = ag.manual_seed(0)
    w = weights(300, 200)
    assert fill(w) is w
    assert w.requires_grad
    assert w.data.mean() == pytest.approx(mean, abs=std / 50)
    assert w.data.std() == pytest.approx(std, rel=0.02)
    if bound is not None:
        assert 0.99 * bound < np.abs(w.data).max() <= bound


def test_fixed_values():
    np.testing.assert_array_equal(init.ones_(weights(2, 3)).data, 1)
    np.testing.assert_array_equal(init.zeros_(weights(2, 3)).data, 0)
    np.testing.assert_array_equal(init.constant_(weights(2), 0.3).data, 0.3)
    np.testing.assert_array_equal(init.eye_(weights(2, 3)).data, np.eye(2, 3))


def test_dirac_changes_nothing():
    layer = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(layer.weight, groups=2)
    x = draw((1, 4, 5, 5))
    np.testing.assert_array_equal(layer(x).detach().numpy(), x)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(weights(*shape), gain=2.0).data.reshape(shape[0], -1)
    square = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-12)


def test_sparse():
    w = init.sparse_(weights(10, 4), 0.35).data
    np.testing.assert_array_equal((w == 0).sum(axis=0), 4)


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
    with pytest.raises(ValueError, match="calculate_gain"):
        init.calculate_gain("sine")


def test_a_seed_makes_two_nets_equal():
    nets = []
    for _ in range(2):
        _ = ag.manual_seed(5)
        nets.append(nn.Sequential(nn.Linear(3, 4), nn.Conv1d(1, 2, 3), nn.Embedding(3, 2), nn.LSTM(2, 2)))
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    own = [init.normal_(weights(3), generator=ag.Generator().manual_seed(1)).data for _ in range(2)]
    np.testing.assert_array_equal(*own)


@pytest.mark.parametrize(
    "call",
    [
        lambda: init.xavier_normal_(weights(3)),
        lambda: init.eye_(weights(3)),
        lambda: init.orthogonal_(weights(3)),
        lambda: init.kaiming_normal_(weights(3, 2), mode="fan"),
        lambda: init.trunc_normal_(weights(3), 0, 1, 20, 30),
        lambda: init.dirac_(weights(3, 3)),
    ],
)
def test_what_does_not_fit(call):
    with pytest.raises(ValueError, match=r"3|fan|number"):
        call()


# -------------------------------------------------------------------------------------- all parameters together


def net_with_gradients():
    net = nn.Linear(3, 2)
    net(draw((4, 3)) * 10).sum().backward()
    return net


@pytest.mark.parametrize("p", [1.0, 2.0, math.inf])
def test_clip_grad_norm(p):
    net = net_with_gradients()
    before = np.concatenate([w.grad.data.ravel() for w in net.parameters()])
    norm = np.linalg.norm(before, p)
    assert utils.clip_grad_norm_(net.parameters(), norm * 2, p).item() == pytest.approx(norm)
    after = np.concatenate([w.grad.data.ravel() for w in net.parameters()])
    np.testing.assert_array_equal(after, before)  # small enough: left alone
    utils.clip_grad_norm_(net.parameters(), 0.5, p)
    after = np.concatenate([w.grad.data.ravel() for w in net.parameters()])
    np.testing.assert_allclose(after, before * 0.5 / norm, rtol=1e-5)
    assert utils.clip_grad_norm_(nn.Linear(1, 1).parameters(), 1.0).item() == 0


def test_a_norm_that_is_no_number():
    net = net_with_gradients()
    net.weight.grad.data[0, 0] = np.nan
    with pytest.raises(RuntimeError, match="nan"):
        utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    net = net_with_gradients()
    before = net.weight.grad.data.copy()
    utils.clip_grad_value_(net.parameters(), 3.0)
    np.testing.assert_array_equal(net.weight.grad.data, np.clip(before, -3, 3))


def test_parameters_as_a_vector_and_back():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    v = utils.parameters_to_vector(net.parameters())
    np.testing.assert_array_equal(v.detach().numpy()[:6], net[0].weight.data.ravel())
    utils.vector_to_parameters(v.detach() * 2, net.parameters())
    np.testing.assert_array_equal(net[1].bias.data, 2 * v.detach().numpy()[-1:])
    with pytest.raises(ValueError, match=r"a vector of 11 numbers, got shape \(3,\)"):
        utils.vector_to_parameters(np.ones(3), net.parameters())
