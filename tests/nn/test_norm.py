"""Normalisations and dropout: formulas, running statistics, gradients, and what is refused."""

import numpy as np
import pytest
from nn_checks import check_layer, draw, shaken, value
from thorough import mostly_thorough

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn

X = draw((4, 6, 3, 5)) * 3 + 2


def standard(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def channels(p, x):
    return p.data.reshape(1, -1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize(
    ("shape", "axes"), mostly_thorough([(5, (-1,)), ((3, 5), (-2, -1)), (X.shape[1:], (1, 2, 3))], 2)
)
def test_layer_norm(shape, axes):
    layer = shaken(nn.LayerNorm(shape, eps=0.01))
    want = standard(X, axes, 0.01) * layer.weight.data + layer.bias.data
    np.testing.assert_allclose(value(layer(X)), want, atol=1e-13)
    check_layer(layer, X[:2])
    assert [p.shape for p in nn.LayerNorm(shape, bias=False).parameters()] == [layer.weight.shape]
    plain = nn.LayerNorm(shape, elementwise_affine=False)
    np.testing.assert_allclose(value(plain(X)), standard(X, axes, 1e-5), atol=1e-13)


def test_rms_norm():
    layer = shaken(nn.RMSNorm(5, eps=0.01))
    want = X / np.sqrt(np.mean(X * X, axis=-1, keepdims=True) + 0.01) * layer.weight.data
    np.testing.assert_allclose(value(layer(X)), want, atol=1e-13)
    check_layer(layer, X[:2])
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    zero = nn.RMSNorm(2)(np.zeros((1, 2)))  # the dtype's own eps keeps it finite
    np.testing.assert_array_equal(value(zero), 0)


@pytest.mark.parametrize("groups", mostly_thorough([2, 1, 6]))
def test_group_norm(groups):
    layer = shaken(nn.GroupNorm(groups, 6))
    z = standard(X.reshape(4, groups, -1), 2, 1e-5).reshape(X.shape)
    np.testing.assert_allclose(value(layer(X)), z * channels(layer.weight, X) + channels(layer.bias, X), atol=1e-13)
    check_layer(layer, X[:2, :, :2, :2])


@pytest.mark.parametrize("x", [X[..., None], X, X[..., 0]], ids=lambda x: str(x.shape))
def test_instance_norm(x):
    kind = getattr(nn, f"InstanceNorm{x.ndim - 2}d")
    axes = tuple(range(2, x.ndim))
    assert list(kind(6).state_dict()) == []
    np.testing.assert_allclose(value(kind(6)(x)), standard(x, axes, 1e-5), atol=1e-13)
    layer = shaken(kind(6, affine=True, track_running_stats=True, momentum=0.3))
    want = standard(x, axes, 1e-5) * channels(layer.weight, x) + channels(layer.bias, x)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-13)
    np.testing.assert_allclose(layer.running_mean.data, 0.3 * x.mean(axes).mean(0))
    np.testing.assert_allclose(layer.running_var.data, 0.7 + 0.3 * x.var(axes, ddof=1).mean(0))
    np.testing.assert_allclose(value(layer(x[0])), want[0], atol=1e-13)
    layer.eval()
    mean, var = (channels(getattr(layer, name), x) for name in ("running_mean", "running_var"))
    want = (x - mean) / np.sqrt(var + 1e-5) * channels(layer.weight, x) + channels(layer.bias, x)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-13)
    check_layer(kind(2, affine=True), x[:1, :2, :2])


def test_local_response_norm():
    for size in (1, 3, 4):
        want = np.empty_like(X)
        for c in range(6):
            near = X[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
            want[:, c] = X[:, c] / (2 + 0.5 / size * (near**2).sum(1)) ** 0.7
        layer = nn.LocalResponseNorm(size, 0.5, 0.7, 2.0)
        np.testing.assert_allclose(value(layer(X)), want, atol=1e-13)
    check_layer(nn.LocalResponseNorm(3, 0.5), X[:1, :4, :2, 0])


@pytest.mark.parametrize("x", [X[..., None], X, X[..., 0], X[:, :, 0, 0]], ids=lambda x: str(x.shape))
def test_batch_norm(x):
    layer = shaken(getattr(nn, f"BatchNorm{max(x.ndim - 2, 1)}d")(6, momentum=0.3))
    axes = (0, *range(2, x.ndim))
    want = standard(x, axes, 1e-5) * channels(layer.weight, x) + channels(layer.bias, x)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-13)
    np.testing.assert_allclose(layer.running_mean.data, 0.3 * x.mean(axes))
    np.testing.assert_allclose(layer.running_var.data, 0.7 + 0.3 * x.var(axes, ddof=1))
    assert layer.num_batches_tracked.item() == 1
    before = layer.state_dict()
    layer.eval()
    mean, var = (channels(getattr(layer, name), x) for name in ("running_mean", "running_var"))
    want = (x - mean) / np.sqrt(var + 1e-5) * channels(layer.weight, x) + channels(layer.bias, x)
    np.testing.assert_allclose(value(layer(x)), want, atol=1e-13)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_gradients(training):
    """Without running statistics, which the checker would see change from one call to the next."""
    x = X[:, :2, 0, :2]
    check_layer(nn.BatchNorm1d(2, track_running_stats=False).train(training), x)
    mean, var = draw((2,)), np.array([0.5, 2.0])
    layer = nn.BatchNorm1d(2)
    layer.running_mean.data[...], layer.running_var.data[...] = mean, var
    check_layer(layer.eval(), x)


def test_momentum_none_is_the_plain_average():
    layer = nn.BatchNorm1d(6, momentum=None)
    batches = [X[:2, :, 0, 0], X[2:, :, 0, 0] + 1]
    for x in batches:
        layer(x)
    np.testing.assert_allclose(layer.running_mean.data, np.mean([x.mean(0) for x in batches], axis=0))
    layer.reset_running_stats()
    assert layer.num_batches_tracked.item() == 0


def test_a_batch_without_spread_is_refused():
    with pytest.raises(ValueError, match="one value for each channel"):
        nn.BatchNorm1d(6)(X[:1, :, 0, 0])
    nn.BatchNorm1d(6).eval()(X[:1, :, 0, 0])


def test_instance_norm_of_one_value_is_refused():
    with pytest.raises(ValueError, match="instance_norm: expected more than one value"):
        F.instance_norm(X[..., :1, :1])


@pytest.mark.parametrize("shape", [(0, 6, 3), (2, 6, 0), (0, 6)])
@pytest.mark.filterwarnings("error")
def test_empty_batches(shape):
    layers = [nn.GroupNorm(2, 6), nn.BatchNorm1d(6), nn.BatchNorm1d(6).eval()]
    layers += [nn.LayerNorm(shape[1:]), nn.RMSNorm(shape[1:])]
    for norm in [*layers, F.instance_norm] if len(shape) == 3 else layers:
        x = ag.tensor(np.zeros(shape), requires_grad=True)
        y = norm(x)
        assert y.shape == shape
        y.sum().backward()
        assert x.grad.shape == shape
    np.testing.assert_array_equal(value(layers[1].running_mean), np.zeros(6))
    np.testing.assert_array_equal(value(layers[1].running_var), np.ones(6))


def test_a_batch_of_nothing_has_no_channels():
    assert F.batch_norm([], ag.zeros(3), ag.ones(3), training=True).shape == (0,)
    with pytest.raises(ValueError, match=r"expected an input of shape \(n, channels, ...\), got \(3,\)"):
        F.batch_norm(np.ones(3), ag.zeros(3), ag.ones(3))


def test_running_statistics_are_not_learned_but_kept():
    layer = nn.BatchNorm2d(6)
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert list(nn.BatchNorm2d(6, affine=False, track_running_stats=False).state_dict()) == []
    assert [name for name, _ in nn.GroupNorm(2, 6, bias=False).named_parameters()] == ["weight"]
    assert [name for name, _ in nn.InstanceNorm1d(6, affine=True, bias=False).named_parameters()] == ["weight"]


# ------------------------------------------------------------------------------------------------------- dropout


def test_dropout_in_training_and_out_of_it():
    x = np.ones((200, 300))
    _ = ag.manual_seed(0)
    layer = nn.Dropout(0.2)
    y = value(layer(x))
    assert set(np.unique(y)) == {0, 1.25}
    assert np.mean(y == 0) == pytest.approx(0.2, abs=0.01)
    _ = ag.manual_seed(0)
    np.testing.assert_array_equal(value(layer(x)), y)
    assert not np.array_equal(value(layer(x)), y)
    np.testing.assert_array_equal(value(layer.eval()(x)), x)
    assert nn.Dropout(0.5)(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(value(nn.Dropout(1.0)(x)), 0)
    np.testing.assert_array_equal(value(nn.Dropout(0.0)(x)), 1)


def test_the_gradient_of_dropout_has_the_mask_of_its_forward_pass():
    x = ag.tensor(np.ones(100), requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_dropout_of_channels():
    y = value(nn.Dropout2d(0.5)(np.ones((20, 30, 2, 3))))
    assert np.all(y == y[:, :, :1, :1])
    assert 0.4 < np.mean(y == 0) < 0.6
    y = value(nn.Dropout1d(0.5)(np.ones((20, 30, 3))))
    assert np.all(y == y[:, :, :1])
    y = value(nn.Dropout3d(0.5)(np.ones((20, 30, 2, 1, 3))))
    assert np.all(y == y[:, :, :1, :1, :1])
    assert 0.4 < np.mean(y == 0) < 0.6


def test_a_traced_program_draws_anew():
    program = ag.trace(lambda x: F.dropout(x, 0.5))(np.ones(100))
    assert "dropout_mask" in str(program)
    a, b = program(np.ones(100)), program(np.ones(100))
    assert not np.array_equal(a, b)
    _ = ag.manual_seed(3)
    a = program(np.ones(100))
    _ = ag.manual_seed(3)
    np.testing.assert_array_equal(program(np.ones(100)), a)


def test_a_generator_of_ones_own():
    x = np.ones(50)
    one, two = (F.dropout(x, generator=ag.Generator().manual_seed(4)) for _ in range(2))
    np.testing.assert_array_equal(value(one), value(two))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.LayerNorm(4)(X), r"LayerNorm\(\(4,\).*shape \(\.\.\., 4\), got \(4, 6, 3, 5\)"),
        (lambda: nn.RMSNorm((3, 4))(X), r"RMSNorm.*\(4, 6, 3, 5\)"),
        (lambda: nn.GroupNorm(2, 8)(X), r"GroupNorm\(2, 8.*\(n, 8, ...\)"),
        (lambda: nn.GroupNorm(4, 6), "GroupNorm: 6 channels"),
        (lambda: nn.BatchNorm1d(6)(X), r"BatchNorm1d\(6.*\(n, 6, length\) or \(n, 6\), got \(4, 6, 3, 5\)"),
        (lambda: nn.BatchNorm2d(5)(X), r"BatchNorm2d\(5.*\(n, 5, height, width\)"),
        (lambda: nn.InstanceNorm1d(5)(X[0, :, 0]), r"\(n, 5, length\) or \(5, length\), got \(6, 5\)"),
        (lambda: F.instance_norm(X, use_input_stats=False), "instance_norm: expected running_mean"),
        (lambda: nn.LocalResponseNorm(2)(X[:, :, 0, 0]), r"local_response_norm.*\(4, 6\)"),
        (lambda: F.batch_norm(X, None, None), "expected running_mean"),
        (lambda: F.layer_norm(X, (4,)), r"layer_norm: .*\(4,\)"),
        (lambda: nn.Dropout(1.5), "Dropout: expected a probability p between 0 and 1, got 1.5"),
        (lambda: F.dropout(X, -0.1), "dropout: expected a probability .* got -0.1"),
        (lambda: nn.Dropout2d()(np.ones((3, 4))), r"\(3, 4\)"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dropout_inside_a_checkpoint_has_one_mask():
    """The function runs again in the backward pass, and draws what it drew."""
    x = ag.tensor(np.ones(100), requires_grad=True)
    y = ag.checkpoint(lambda x: F.dropout(x * x, 0.5))(x)
    ag.rand(5)  # the stream has gone on since, and goes on from here
    after = ag.get_rng_state()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * y.detach().numpy())
    assert ag.get_rng_state() == after
