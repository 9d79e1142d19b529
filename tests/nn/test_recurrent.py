"""Recurrent nets against their equations, one step after the other; gradients; what is refused."""

import copy
import pickle
import re

import numpy as np
import pytest
from nn_checks import check_layer, draw, shaken, value

from autograd_lite import nn

I, H, L, B = 3, 4, 5, 2
KINDS = {"RNN": (nn.RNN, nn.RNNCell), "LSTM": (nn.LSTM, nn.LSTMCell), "GRU": (nn.GRU, nn.GRUCell)}
EACH = pytest.mark.parametrize("kind", KINDS)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, x, state, wi, wh, bi, bh, projection=None, activation=np.tanh):
    """One step as in the textbook, gates taken out of the weights one by one."""
    gate = [slice(k * H, (k + 1) * H) for k in range(4)]
    if kind == "RNN":
        return activation(x @ wi.T + bi + state @ wh.T + bh)
    if kind == "GRU":
        xs, hs = ([x @ wi[g].T + bi[g] for g in gate[:3]], [state @ wh[g].T + bh[g] for g in gate[:3]])
        r, z = sigmoid(xs[0] + hs[0]), sigmoid(xs[1] + hs[1])
        return (1 - z) * np.tanh(xs[2] + r * hs[2]) + z * state
    h, c = state
    i, f, g, o = (x @ wi[k].T + bi[k] + h @ wh[k].T + bh[k] for k in gate)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h if projection is None else h @ projection.T, c


def run(kind, x, module, suffix, state, backwards=False, **options):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [getattr(module, f"{name}{suffix}").data for name in names if module.bias or "weight" in name]
    weights += [np.zeros(len(weights[0]))] * (4 - len(weights))
    weights += [getattr(module, f"weight_hr{suffix}").data] if module.proj_size else []
    outputs = []
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        state = step(kind, x[t], state, *weights, **options)
        outputs.append(state[0] if kind == "LSTM" else state)
    return np.stack(outputs[::-1] if backwards else outputs), state


def zeros(kind, *shape):
    return (np.zeros(shape), np.zeros(shape)) if kind == "LSTM" else np.zeros(shape)


@EACH
@pytest.mark.parametrize("bias", [True, False])
def test_one_layer(kind, bias):
    layer, x = shaken(KINDS[kind][0](I, H, bias=bias)), draw((L, B, I))
    y, end = layer(x)
    want, state = run(kind, x, layer, "_l0", zeros(kind, B, H))
    np.testing.assert_allclose(value(y), want, atol=1e-13)
    for got, expected in zip(end, state, strict=True) if kind == "LSTM" else [(end, state)]:
        np.testing.assert_allclose(value(got), expected[None], atol=1e-13)


@EACH
def test_layers_and_directions(kind):
    layer, x = shaken(KINDS[kind][0](I, H, num_layers=2, bidirectional=True)), draw((L, B, I))
    below = x
    for k in range(2):
        both = [
            run(kind, below, layer, f"_l{k}", zeros(kind, B, H))[0],
            run(kind, below, layer, f"_l{k}_reverse", zeros(kind, B, H), backwards=True)[0],
        ]
        below = np.concatenate(both, axis=2)
    y, end = layer(x)
    np.testing.assert_allclose(value(y), below, atol=1e-13)
    last = end[0] if kind == "LSTM" else end
    assert last.shape == (4, B, H)
    np.testing.assert_array_equal(value(last)[2], value(y)[-1, :, :H])  # layer 1, forwards
    np.testing.assert_array_equal(value(last)[3], value(y)[0, :, H:])  # layer 1, backwards


@EACH
def test_batch_first_and_no_batch(kind):
    layer, x = KINDS[kind][0](I, H), draw((L, B, I))
    other = KINDS[kind][0](I, H, batch_first=True)
    other.load_state_dict(layer.state_dict())
    y, end = layer(x)
    z, end2 = other(x.transpose(1, 0, 2))
    np.testing.assert_array_equal(value(z), value(y).transpose(1, 0, 2))
    assert (end[0] if kind == "LSTM" else end).shape == (end2[0] if kind == "LSTM" else end2).shape == (1, B, H)
    single, end3 = layer(x[:, 0])
    np.testing.assert_allclose(value(single), value(y)[:, 0], atol=1e-14)
    assert (end3[0] if kind == "LSTM" else end3).shape == (1, H)


@EACH
def test_a_state_to_begin_with(kind):
    layer, x = KINDS[kind][0](I, H), draw((L, B, I))
    whole, _ = layer(x)
    _, state = layer(x[:2])
    rest, _ = layer(x[2:], state)
    np.testing.assert_allclose(value(rest), value(whole)[2:], atol=1e-14)


@EACH
def test_a_cell_is_one_step(kind):
    layer = KINDS[kind][0](I, H)
    cell = KINDS[kind][1](I, H)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in layer.state_dict().items()})
    x = draw((L, B, I))
    state = None
    for t in range(L):
        state = cell(x[t], state)
    y, _ = layer(x)
    np.testing.assert_allclose(value(state[0] if kind == "LSTM" else state), value(y)[-1], atol=1e-14)
    assert (cell(x[0, 0])[0] if kind == "LSTM" else cell(x[0, 0])).shape == (H,)


@EACH
def test_gradients(kind):
    small = KINDS[kind][0](2, 2, bidirectional=True)
    check_layer(small, draw((2, 2, 2)))
    start = draw((1, 2, 2), seed=1)
    layer = KINDS[kind][0](2, 2, bias=False)
    pair = nn.Sequential(layer)
    pair.forward = (lambda x, h: layer(x, (h, h))) if kind == "LSTM" else layer.forward
    check_layer(pair, draw((2, 2, 2)), start)
    cell = KINDS[kind][1](2, 3)
    check_layer(cell, draw((2, 2)))


def test_projected_states():
    layer, x = shaken(nn.LSTM(I, H, num_layers=2, proj_size=2)), draw((L, B, I))
    below, ends = x, []
    for k in range(2):
        below, end = run("LSTM", below, layer, f"_l{k}", (np.zeros((B, 2)), np.zeros((B, H))))
        ends.append(end)
    y, (h, c) = layer(x)
    np.testing.assert_allclose(value(y), below, atol=1e-13)
    np.testing.assert_allclose(value(h), [end[0] for end in ends], atol=1e-13)
    np.testing.assert_allclose(value(c), [end[1] for end in ends], atol=1e-13)
    assert layer.weight_hh_l1.shape == (4 * H, 2)
    assert layer.weight_ih_l1.shape == (4 * H, 2)
    _, state = layer(x[:2])
    np.testing.assert_allclose(value(layer(x[2:], state)[0]), value(y)[2:], atol=1e-14)
    check_layer(nn.LSTM(2, 2, proj_size=1), draw((2, 1, 2)), order=1)


def test_relu():
    layer, x = shaken(nn.RNN(I, H, nonlinearity="relu")), draw((L, B, I))
    want, _ = run("RNN", x, layer, "_l0", np.zeros((B, H)), activation=lambda z: np.maximum(z, 0))
    np.testing.assert_allclose(value(layer(x)[0]), want, atol=1e-13)
    assert nn.RNNCell(I, H, nonlinearity="relu")(x[0]).shape == (B, H)


def test_dropout_between_layers_only_in_training():
    layer, x = nn.GRU(I, H, num_layers=2, dropout=0.5), draw((L, B, I))
    assert not np.array_equal(value(layer(x)[0]), value(layer(x)[0]))
    layer.eval()
    np.testing.assert_array_equal(value(layer(x)[0]), value(layer(x)[0]))


def test_weights_begin_between_one_over_the_root():
    layer = nn.LSTM(I, 100)
    assert layer.weight_hh_l0.shape == (400, 100)
    for p in layer.parameters():
        assert 0.08 < np.abs(p.data).max() <= 0.1


@EACH
def test_copies_and_pickles(kind):
    layer, x = KINDS[kind][0](I, H), draw((L, B, I))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(value(other(x)[0]), value(layer(x)[0]))


def test_repr():
    assert repr(nn.LSTM(3, 4, num_layers=2, batch_first=True)) == "LSTM(3, 4, num_layers=2, batch_first=True)"
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.RNN(3, 4)(np.ones((5, 2, 2))), r"RNN\(3, 4\).*\(length, batch, 3\), got \(5, 2, 2\)"),
        (lambda: nn.LSTM(3, 4, batch_first=True)(np.ones((2, 5, 2))), r"LSTM.*\(batch, length, 3\)"),
        (lambda: nn.GRU(3, 4)(np.ones((5, 2, 3)), np.ones((1, 3, 4))), r"GRU.*\(1, 2, 4\), got \(1, 3, 4\)"),
        (lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3)), [np.ones((1, 2, 4))]), "pair"),
        (lambda: nn.RNN(3, 4, nonlinearity="sine"), "nonlinearity='sine'"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "below hidden_size, got proj_size=4 and hidden_size=4"),
        (lambda: nn.GRU(3, 4, proj_size=2), "GRU: expected proj_size for an LSTM only"),
        (lambda: nn.LSTM(3, 4, proj_size=2)(np.ones((5, 2, 3)), [np.ones((1, 2, 4))] * 2), r"2, 2\), got \(1, 2, 4"),
        (lambda: nn.GRUCell(3, 4)(np.ones((2, 5))), r"GRUCell.*\(2, 5\)"),
        (lambda: nn.RNNCell(3, 4)(np.ones((2, 3)), np.ones((2, 3))), r"RNNCell.*state of shape \(2, 4\), got \(2, 3\)"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
def test_no_layer_and_no_step(cls):
    for layers in (0, -1, 1.5, None):
        message = f"{cls.__name__}: expected num_layers as a whole number from 1 on, got {layers}"
        with pytest.raises(ValueError, match=message):
            cls(3, 4, num_layers=layers)
    assert len(list(cls(3, 4, num_layers=np.int64(2)).parameters())) == 8
    for options, shape in (({}, (0, 2, 3)), ({"batch_first": True}, (2, 0, 3)), ({"bidirectional": True}, (0, 3))):
        message = re.escape(f": expected a sequence of one step or more, got shape {shape}")
        with pytest.raises(ValueError, match=cls.__name__ + ".*" + message):
            cls(3, 4, **options)(np.zeros(shape))
    output, _ = cls(3, 4)(np.zeros((2, 0, 3)))  # no sequences
    assert output.shape == (2, 0, 4)
