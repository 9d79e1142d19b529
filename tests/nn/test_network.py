"""The talk's framework: the same names, the same gradients as by hand, and none of its traps."""

import numpy as np
import pytest
from nn_checks import draw, value

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.data import digits, truth_table
from autograd_lite.talk import by_hand


def talk_net(W=None, V=None):
    """The talk's: no biases, weights of size 1; with the given ones if there are some."""
    layers = [
        nn.FullyConnected(4, ag.sigmoid, bias=False, scale=1.0),
        nn.FullyConnected(1, ag.sigmoid, bias=False, scale=1.0),
    ]
    net = nn.NeuralNetwork(layers, nn.functional.half_squared_error)
    if V is not None:
        net.load_state_dict({"layers.0.W": V, "layers.1.W": W})
    return net


def test_gradients_are_those_derived_by_hand():
    V, W = draw((3, 4), (4, 1))
    X, Y = truth_table()
    net = talk_net(W, V)
    at = by_hand.quantities(X[:1], Y[:1], V, W)
    prediction = net(X[:1])
    L = net.loss(prediction, Y[:1])
    np.testing.assert_allclose(L.item(), at["L"].item(), rtol=1e-14)
    net.backpropogate(L)
    np.testing.assert_allclose(net.layers[0].W.grad.data, at["dLdV"], rtol=1e-12)
    np.testing.assert_allclose(net.layers[1].W.grad.data, at["dLdW"], rtol=1e-12)
    np.testing.assert_array_equal(net.layers[0].W.data, V)  # the backward pass changes no weight
    by_hand.update(V, W, X[:1], Y[:1])
    net.update()
    np.testing.assert_allclose(net.layers[0].W.data, V, rtol=1e-12)
    assert net.layers[0].W.grad is None


def test_it_learns_the_truth_table_and_goes_as_deep_as_one_likes():
    X, Y = truth_table()
    _ = ag.manual_seed(1)
    net = nn.NeuralNetwork([nn.FullyConnected(n, ag.tanh) for n in (6, 5, 4)] + [nn.FullyConnected(1, ag.sigmoid)])
    first = net.loss(net(X), Y).item()
    for _ in range(300):
        for x, y in zip(X, Y, strict=True):
            net.learn(x[None], y[None], 0.5)
    assert net.loss(net(X), Y).item() < first / 20
    np.testing.assert_array_equal(net.forwardpass(X).numpy().round(), Y)
    assert sum(p.size for p in net.parameters()) == 6 * 4 + 5 * 7 + 4 * 6 + 5


def test_the_input_size_is_learned_once_and_nothing_is_seeded_again():
    _ = ag.manual_seed(0)
    layer = nn.FullyConnected(3, ag.sigmoid)
    layer(np.ones((2, 5)))
    W = layer.W.data.copy()
    after = ag.rand(3)
    layer(np.ones((2, 5)))
    np.testing.assert_array_equal(layer.W.data, W)
    _ = ag.manual_seed(0)
    nn.FullyConnected(3, ag.sigmoid)(np.ones((2, 5)))
    np.testing.assert_array_equal(ag.rand(3).data, after.data)
    with pytest.raises(ValueError, match=r"FullyConnected.*expected 5 inputs.*\(2, 6\)"):
        layer(np.ones((2, 6)))


def test_weights_begin_scaled_by_the_number_of_inputs():
    _ = ag.manual_seed(0)
    layer, talks = nn.FullyConnected(50, ag.sigmoid), nn.FullyConnected(50, ag.sigmoid, scale=1.0)
    x = np.ones((1, 784))
    layer(x)
    talks(x)
    assert layer.W.data.std() == pytest.approx(1 / 28, rel=0.02)
    assert talks.W.data.std() == pytest.approx(1, rel=0.02)
    np.testing.assert_array_equal(layer.b.data, 0)


def test_huge_activations_do_not_overflow():
    layer = nn.FullyConnected(1, ag.sigmoid)
    with np.errstate(over="raise"):
        y = layer(np.array([[1e5], [-1e5]]))
    assert set(value(y).ravel()) <= {0.0, 1.0}


def test_a_batch_steps_as_far_as_its_samples_together():
    """The talk's loss is a sum over samples: its gradient is the sum of theirs."""
    V, W = draw((3, 4), (4, 1))
    X, Y = truth_table()
    whole, one = talk_net(W, V), talk_net(W, V)
    whole.backpropagate(whole.loss(whole(X), Y))
    for x, y in zip(X, Y, strict=True):
        one.backpropagate(one.loss(one(x[None]), y[None]))
    np.testing.assert_allclose(whole.layers[0].W.grad.data, one.layers[0].W.grad.data, rtol=1e-12)


def test_digits_in_one_epoch():
    split = digits()
    _ = ag.manual_seed(0)
    net = nn.NeuralNetwork([nn.FullyConnected(50, ag.sigmoid), nn.FullyConnected(10, ag.sigmoid)])
    targets = np.eye(10)[split.y_train]
    for i in np.random.default_rng(0).permutation(len(split.X_train)):
        net.learn(split.X_train[i : i + 1], targets[i : i + 1])
    right = net.forwardpass(split.X_test).numpy().argmax(axis=1) == split.y_test
    assert right.mean() > 0.85


def test_what_does_not_fit():
    with pytest.raises(TypeError, match=r"FullyConnected: .* got activation_function='sigmoid'"):
        nn.FullyConnected(3, "sigmoid")
    with pytest.raises(ValueError, match=r"FullyConnected\(n_neurons=3, activation_function=sigmoid\).*\(5,\)"):
        nn.FullyConnected(3, ag.sigmoid)(np.ones(5))


def test_repr():
    net = nn.NeuralNetwork([nn.FullyConnected(4, ag.sigmoid), nn.FullyConnected(1, nn.ReLU())])
    assert "(0): FullyConnected(n_neurons=4, activation_function=sigmoid)" in repr(net)
    assert "(activation_function): ReLU()" in repr(net)
