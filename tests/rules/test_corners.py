"""Numerical corners: where the formula is 0 · ∞, ∞ - ∞ or 0 / 0 and the mathematics has a number.

Each case is value and gradient, by reverse and by forward mode; kinks and ties have the documented choice.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag

INF = math.inf


def of_two(f):
    """A function of two numbers as one of an array of two."""
    return lambda x: f(x[0], x[1])


# What it is: the function, where, its value, and the gradient of the sum of its results.
CASES = {
    "sigmoid far out": (ag.sigmoid, [-1000.0, 1000.0, 0.0], [0, 1, 0.5], [0, 0, 0.25]),
    "sigmoid at infinity": (ag.sigmoid, [-INF, INF], [0, 1], [0, 0]),
    "softmax of huge logits": (lambda x: ag.special.softmax(x)[0], [1000.0, 0.0, -1000.0], 1.0, [0, 0, 0]),
    "log_softmax of huge logits": (lambda x: ag.special.log_softmax(x)[1], [1000.0, 0.0], -1000.0, [-1, 1]),
    "softplus far out": (ag.special.softplus, [-1000.0, 1000.0], [0, 1000], [0, 1]),
    "logsumexp of huge numbers": (ag.special.logsumexp, [1000.0, 1000.0], 1000 + math.log(2), [0.5, 0.5]),
    "logsumexp of one -inf": (ag.special.logsumexp, [-INF, 3.0], 3.0, [0, 1]),
    "logsumexp of all -inf": (ag.special.logsumexp, [-INF, -INF], -INF, None),
    "logaddexp of huge numbers": (of_two(np.logaddexp), [1000.0, 1000.0], 1000 + math.log(2), [0.5, 0.5]),
    "logaddexp of -inf twice": (of_two(np.logaddexp), [-INF, -INF], -INF, [0.5, 0.5]),
    "logaddexp of -inf once": (of_two(np.logaddexp), [-INF, 2.0], 2.0, [0, 1]),
    "norm at 0": (np.linalg.norm, [0.0, 0.0], 0.0, [0, 0]),
    "norm of one row at 0": (
        partial(np.linalg.norm, axis=1), [[0.0, 0.0], [3.0, 4.0]], [0, 5], [[0, 0], [0.6, 0.8]],
    ),
    "hypot at 0": (of_two(np.hypot), [0.0, 0.0], 0.0, [0, 0]),
    "hypot of huge numbers": (of_two(np.hypot), [3e200, 4e200], 5e200, [0.6, 0.8]),
    "arctan2 at 0": (of_two(np.arctan2), [0.0, 0.0], 0.0, [0, 0]),
    "arctan2 of tiny numbers": (of_two(np.arctan2), [1e-200, 1e-200], math.pi / 4, [5e199, -5e199]),
    "std of equal numbers": (np.std, [2.0, 2.0, 2.0], 0.0, [0, 0, 0]),
    "var of equal numbers": (np.var, [2.0, 2.0, 2.0], 0.0, [0, 0, 0]),
    "std of one row of equals": (
        partial(np.std, axis=1), [[1.0, 1.0], [0.0, 2.0]], [0, 1], [[0, 0], [-0.5, 0.5]],
    ),
    "x ** 0": (lambda x: x**0, [0.0, 2.0, -1.0], [1, 1, 1], [0, 0, 0]),
    "x ** 0.0 as an array": (lambda x: x ** np.array([0.0, 0.0]), [0.0, 2.0], [1, 1], [0, 0]),
    "x ** 1 at 0": (lambda x: x ** np.array([1.0]), [0.0], [0], [1]),
    "x ** 2 at 0": (lambda x: x ** np.array([2.0]), [0.0], [0], [0]),
    "x ** 3 below 0": (lambda x: x**3, [-2.0], [-8], [12]),
    "0 ** x": (lambda x: np.float64(0) ** x, [0.0, 2.0], [1, 0], [0, 0]),
    "0 ** 0 in both": (lambda x: x[0] ** x[1], [0.0, 0.0], 1.0, [0, 0]),
    "sinc at 0": (np.sinc, [0.0, -0.0], [1, 1], [0, 0]),
    "where around a log": (lambda x: np.where(x > 0, np.log(x), 0), [-1.0, 0.0, 1.0], [0, 0, 0], [0, 0, 1]),
    "where around a sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0), [0.0, 4.0], [0, 2], [0, 0.25]),
    "where around a division": (lambda x: np.where(x != 0, 1 / x, 0), [0.0, 2.0], [0, 0.5], [0, -0.25]),
    "where around a power": (lambda x: np.where(x > 0, x**0.5, 0), [0.0, 4.0], [0, 2], [0, 0.25]),
    "prod with one zero": (np.prod, [2.0, 0.0, 3.0], 0.0, [0, 6, 0]),
    "prod with two zeros": (np.prod, [0.0, 2.0, 0.0], 0.0, [0, 0, 0]),
    "cumprod with a zero": (np.cumprod, [2.0, 0.0, 3.0], [2, 0, 0], [1, 8, 0]),
    "max of a tie": (np.max, [1.0, 3.0, 3.0], 3.0, [0, 0.5, 0.5]),
    "min of a tie": (partial(np.min, axis=0), [[1.0, 2.0], [1.0, 3.0]], [1, 2], [[0.5, 1], [0.5, 0]]),
    "maximum of a tie": (of_two(np.maximum), [2.0, 2.0], 2.0, [0.5, 0.5]),
    "minimum of a tie": (of_two(np.minimum), [2.0, 2.0], 2.0, [0.5, 0.5]),
    "abs at 0": (np.abs, [-2.0, 0.0, -0.0, 3.0], [2, 0, 0, 3], [-1, 0, 0, 1]),
    "sign at 0": (np.sign, [-1.0, 0.0], [-1, 0], [0, 0]),
    "clip at its ends": (
        lambda x: np.clip(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, 0, 0.5, 1, 1], [0, 1, 1, 1, 0],
    ),
    "division of tiny numbers": (lambda x: x[0] / x[1], [1e-300, 1e-310], 1e10, [INF, -INF]),  # 1e310, 1e320
    "division by a subnormal number": (lambda x: x / 1e-310 * 1e-20, [1e-300], [1e-10], [1e290]),
    "square of a huge number": (lambda x: np.sqrt(x**2), [1e150], [1e150], [1]),
    "log1p and expm1 of tiny numbers": (lambda x: np.log1p(x) + np.expm1(x), [1e-300], [2e-300], [2]),
    "tanh far out": (np.tanh, [-1000.0, 1000.0], [-1, 1], [0, 0]),
    "exp far down": (np.exp, [-1000.0, -INF], [0, 0], [0, 0]),
    "x ** 0 of a subnormal number": (lambda x: x ** np.array([0.0, 0]), [1e-310, -1e-310], [1, 1], [0, 0]),
    "log of a subnormal number": (np.log, [1e-310], [math.log(1e-310)], [INF]),
    "sqrt of a subnormal number": (np.sqrt, [1e-310], [math.sqrt(1e-310)], [0.5 / math.sqrt(1e-310)]),
    "hypot of subnormal numbers": (of_two(np.hypot), [1e-310, 0.0], 1e-310, [1, 0]),
    "angle of a tiny number": (np.angle, [1e-310, -1e-310], [0, math.pi], [0, 0]),
    "entropy": (lambda x: ag.special.xlogy(x, x), [1.0, 0.5], [0, math.log(0.5) / 2], [1, 1 - math.log(2)]),
    "xlogy at 0": (of_two(ag.special.xlogy), [0.0, 0.0], 0.0, [0, 0]),
    "relative entropy far apart": (
        of_two(ag.special.rel_entr), [1e-310, 1e300], -1e-310 * 610 * math.log(10), [1 - 610 * math.log(10), 0],
    ),
    "fmod just off a multiple": (lambda x: np.fmod(1.0, x), [0.001], [math.fmod(1.0, 0.001)], [-999]),
    "relu at 0": (ag.special.relu, [-1.0, 0.0, -0.0, 1.0], [0, 0, 0, 1], [0, 0, 0, 1]),
    "silu and log_sigmoid far out": (
        lambda x: ag.special.silu(x) + ag.special.log_sigmoid(x), [-1000.0, 1000.0], [-1000, 1000], [1, 1],
    ),
    "the sum of nothing": (np.sum, np.zeros((0, 3)), 0.0, np.zeros((0, 3))),
    "the product of nothing": (np.prod, np.zeros(0), 1.0, np.zeros(0)),
    "an empty matrix product": (lambda x: x.T @ x, np.zeros((0, 2)), np.zeros((2, 2)), np.zeros((0, 2))),
    "an empty selection": (lambda x: x[x > 5], [1.0, 2.0], np.zeros(0), [0, 0]),
    "a number": (lambda x: np.sum(x) * np.mean(x) * np.max(x), 2.0, 8.0, 12.0),
}  # fmt: skip
NO_NUMBER = {"logsumexp of all -inf"}  # the weights have no limit; what must not come out is nan
# The inverse of a subnormal number is not one that float64 can hold; its forward mode multiplies by it.
REVERSE_ONLY = {"division of tiny numbers", "division by a subnormal number", "log of a subnormal number"}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    f, x, value, expected = CASES[name]
    x = np.array(x, float)
    with np.errstate(all="ignore"):
        y, pull = ag.vjp(f, x)
        (gradient,) = pull(np.ones(np.shape(y)))
    np.testing.assert_allclose(y, value, rtol=1e-12, atol=1e-290)
    assert np.shape(gradient) == x.shape
    if name in NO_NUMBER:
        assert not np.isnan(gradient).any()
    else:
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("name", sorted(CASES.keys() - REVERSE_ONLY - NO_NUMBER))
def test_forward_mode_agrees(name):
    f, x, _, expected = CASES[name]
    x = np.array(x, float)
    direction = np.random.default_rng(0).normal(size=x.shape)
    with np.errstate(all="ignore"):
        _, tangent = ag.jvp(f, (x,), (direction,))
    np.testing.assert_allclose(
        np.sum(tangent), np.sum(np.asarray(expected) * direction), rtol=1e-9, atol=1e-14
    )


def narrow(name):
    """Whether a narrow type has the numbers of a case."""
    x = np.abs(np.array(CASES[name][1], float))
    return bool((((x > 1e-3) & (x <= 1000)) | (x == 0)).all())


@pytest.mark.parametrize("dtype", mostly_thorough([np.float32, np.float16, np.longdouble]))
@pytest.mark.parametrize("name", [name for name in CASES if narrow(name)])
def test_narrow_and_wide_numbers_are_kept(name, dtype):
    f, x, _, _ = CASES[name]
    x = np.array(x, dtype)
    with np.errstate(all="ignore"):
        y = f(ag.tensor(x, requires_grad=True))
        if y.dtype == np.float64:  # an array of float64 was mixed in
            assert name in ("x ** 0.0 as an array", "x ** 1 at 0", "x ** 2 at 0", "0 ** x")
            return
        assert y.dtype == dtype
        assert ag.vjp(f, x)[1](np.ones(y.shape, dtype))[0].dtype == dtype
        assert ag.jvp(f, (x,), (x,))[1].dtype == dtype


SECOND = {
    "sinc": (np.sinc, 0.0, -(math.pi**2) / 3),
    "sigmoid": (ag.sigmoid, 1000.0, 0.0),
    "softplus": (ag.special.softplus, -1000.0, 0.0),
    "x ** 2": (lambda x: x**2, 0.0, 2.0),
    "x ** 2.0 as an array": (lambda x: x ** np.array(2.0), 0.0, 2.0),
    "x ** 3": (lambda x: x ** np.array(3.0), 0.0, 0.0),
    "x ** 1": (lambda x: x ** np.array(1.0), 0.0, 0.0),
    "x ** 0": (lambda x: x ** np.array(0.0), 0.0, 0.0),
    "x ** 0 of a subnormal number": (lambda x: x ** np.array(0.0), 1e-310, 0.0),
    "abs": (np.abs, 0.0, 0.0),
    "relu": (ag.special.relu, 0.0, 0.0),
    "clip": (lambda x: np.clip(x, 0, 1), 1.0, 0.0),
    "logaddexp": (lambda x: np.logaddexp(x, 1000.0), 1000.0, 0.25),
    "logaddexp of -inf": (lambda x: np.logaddexp(x, x), -INF, 0.0),
    "logsumexp": (lambda x: ag.special.logsumexp(np.stack([x, 2000 - x])), 1000.0, 1.0),
    "xlogy": (lambda x: ag.special.xlogy(x, x), 1.0, 1.0),
    "variance of equal numbers": (lambda x: np.var(np.stack([x, 2 * x])), 0.0, 0.5),
    "where around a log": (lambda x: np.where(x > 0, np.log(x), x), 0.0, 0.0),
    "where around a sqrt": (lambda x: np.where(x > 0, np.sqrt(x), x), 0.0, 0.0),
    "product of a zero": (lambda x: np.prod(np.stack([x, x, 3 + x])), 0.0, 6.0),
    "tanh": (np.tanh, 1000.0, 0.0),
}


@pytest.mark.parametrize("name", SECOND)
@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("inner", mostly_thorough(["reverse", "forward"]))
def test_second_derivatives(name, outer, inner):
    f, x, expected = SECOND[name]
    way = {"reverse": ag.grad, "forward": lambda g: lambda x: ag.jvp(g, (x,), (1.0,))[1]}
    with np.errstate(all="ignore"):
        assert abs(way[outer](way[inner](f))(x) - expected) < 1e-12


def test_what_is_empty_and_has_no_number():
    x = ag.tensor(np.zeros(0), requires_grad=True)
    for f in (np.max, np.min, np.argmax):
        with pytest.raises(ValueError, match=r"(max|min).*\(0,\)|empty|no identity"):
            f(x)


def test_hessians_at_a_norm_of_zero_are_finite():
    with np.errstate(all="ignore"):
        h = ag.hessian(lambda x: np.linalg.norm(x) ** 2)(np.zeros(2))
        assert not np.isnan(ag.hessian(np.linalg.norm)(np.zeros(2))).any()
    assert np.isfinite(h).all()


# ------------------------------------------------------------------------------------------------ undoing a broadcast


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((5000, 3), (3,)), ((5000,), ()), ((2, 5000, 3), (2, 1, 3)), ((5000, 7, 3), (1, 7, 1)), ((4, 5000), (4, 1)),
        ((3, 2, 5000), ()), ((2, 3, 4, 5), (3, 1, 5)), ((5001, 1), (1, 1)), ((0, 3), (3,)), ((3, 0), (3, 1)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", "efd")
def test_a_broadcast_is_undone_accurately(shape, target, dtype):
    """Half precision would stay at 2048, and single precision lose a digit for every ten rows."""
    g = np.random.default_rng(0).random(shape).astype(dtype)
    b = ag.tensor(np.zeros(target, dtype), requires_grad=True)
    (b + np.zeros(shape, dtype)).backward(g)
    extra = len(shape) - len(target)
    axes = (*range(extra), *(k + extra for k, n in enumerate(target) if n == 1 != shape[k + extra]))
    exact = g.astype(np.longdouble).sum(axis=axes).reshape(target)
    assert b.grad.dtype == dtype
    np.testing.assert_allclose(b.grad.numpy(), exact, rtol=8 * np.finfo(dtype).eps)


def test_a_long_sum_in_single_precision():
    g = np.random.default_rng(0).random((1_000_000, 2)).astype("f")
    b = ag.tensor(np.zeros(2, "f"), requires_grad=True)
    (b + np.zeros_like(g)).backward(g)
    np.testing.assert_allclose(b.grad.numpy(), g.astype(float).sum(axis=0), rtol=1e-6)
