"""A row with a surrogate gradient is checked for what it declares, alone and as a part of other functions."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table.surrogate import NearPoint
from autograd_lite.testing import assert_gradients, check_gradients, find_gradient_bug

X = np.array([0.3, 1.7, -2.2])


@pytest.fixture
def spike(op):
    return op(lambda x: 1 - np.tanh(x) ** 2, kind="elementwise", surrogate=np.tanh)(lambda x: np.sign(x))


@pytest.fixture
def rounded(op):
    return op(1, kind="elementwise", surrogate=lambda x: x, name="rounded")(lambda x: np.round(x))


def test_what_was_declared_is_right(rounded):
    assert assert_gradients(rounded, X)
    assert assert_gradients(lambda x, w: np.sum(np.exp(w * rounded(x)) * rounded(w)), X, X[::-1].copy())


def test_a_wrong_rule_is_found_alone_and_in_a_function(op):
    wrong = op(lambda x: 1 - np.tanh(x), kind="elementwise", surrogate=np.tanh, name="wrong")(lambda x: np.sign(x))
    assert not check_gradients(wrong, X)
    assert not check_gradients(lambda x: np.sum(wrong(x) * np.sin(x)), X)
    assert find_gradient_bug(lambda x: np.sum(wrong(x) * x), X).op == "wrong"


def test_an_undeclared_surrogate_is_wrong(op):
    assert not check_gradients(op(1, kind="elementwise", name="undeclared")(lambda x: np.round(x)), X)


def test_a_call_outside_a_check_is_the_function_itself(rounded):
    np.testing.assert_array_equal(rounded(X), np.round(X))
    np.testing.assert_array_equal(ag.grad(lambda x: np.sum(rounded(x) ** 2))(X), 2 * np.round(X))


def test_explain_and_find_gradient_bug_take_it_as_declared(rounded):
    x = ag.tensor(X, requires_grad=True, name="x")
    loss = np.sum(rounded(x) ** 3)
    assert "check: slope" in str(loss.explain(x))
    assert find_gradient_bug(loss) is None


def test_several_results(op):
    split = op(
        lambda g: sum(part for part in g if part is not None), outputs=True, bind=lambda x: ((x,), {}), name="halves",
        surrogate=lambda x: (x, x),
    )(lambda x: (np.floor(x), np.ceil(x)))  # fmt: skip
    assert assert_gradients(lambda x: split(x)[0] * split(x)[1], X)


def test_a_class(op):
    class Rounded(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            return ag.round(x * scale)

        @staticmethod
        def backward(ctx, g):
            return 2 * g, None

        @staticmethod
        def surrogate(x, scale):
            return scale * x

    assert assert_gradients(lambda x: Rounded.apply(x, 2) * x, X)
    assert not check_gradients(lambda x: Rounded.apply(x, 3) * x, X)


def test_another_number_of_calls_near_the_point_raises(rounded):
    near = NearPoint()
    with near:
        rounded(X)
    with near, pytest.raises(ValueError, match=r"expected 1 calls .* got more: the function branches"):
        rounded(rounded(X))
