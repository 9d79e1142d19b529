"""A module's gradients are checked with respect to its parameters and its inputs."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.testing import CannotCheck, GradientError, assert_gradients
from autograd_lite.testing.modules import as_function

rng = np.random.default_rng(0)


class Twice(nn.Module):
    """The same matrix used twice, and a buffer that counts the calls."""

    def __init__(self, activation=np.tanh):
        super().__init__()
        self.W = nn.Parameter(rng.standard_normal((3, 3)))
        self.b = nn.Parameter(rng.standard_normal(3))
        self.register_buffer("calls", ag.tensor(np.zeros(())))
        self.activation = activation

    def forward(self, x):
        self.calls.data[...] += 1
        return self.activation(self.activation(x @ self.W + self.b) @ self.W)


class Outer(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.shared = inner.W

    def forward(self, x):
        return self.inner(x) @ self.shared


def test_a_right_module_passes_and_is_unchanged():
    module = Twice()
    before, parameter = module.state_dict(), module.W
    report = assert_gradients(module, rng.standard_normal((2, 3)))
    assert report
    assert module.W is parameter
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_shared_parameter_is_one_entry():
    module = Outer(Twice())
    f, parameters = as_function(module)
    assert len(parameters) == 2
    assert assert_gradients(module, rng.standard_normal((2, 3)), order=1)
    doubled = f({k: 2 * v for k, v in parameters.items()}, np.ones((1, 3)))
    W, b = (2 * module.inner.W.data, 2 * module.inner.b.data)
    np.testing.assert_allclose(np.asarray(doubled), np.tanh(np.tanh(np.ones((1, 3)) @ W + b) @ W) @ W)


def test_the_wrong_parameter_is_named(op):
    @op(lambda g, x1, x2: g, lambda g, x1, x2: 2 * g, name="bad_add_for_a_test")
    def bad_add(x1, x2):
        return x1 + x2

    class Biased(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(np.zeros(3))

        def forward(self, x):
            return bad_add(x, self.bias)

    with pytest.raises(GradientError, match=r"parameters\['bias'\](.|\n)*2 times"):
        assert_gradients(Biased(), np.ones((2, 3)))


def test_a_module_that_draws_random_numbers_raises():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.W = nn.Parameter(np.ones(3))

        def forward(self, x):
            return x * self.W + np.random.default_rng().standard_normal(3)

    with pytest.raises(CannotCheck, match="Noisy gives another value"):
        assert_gradients(Noisy(), np.ones(3))
