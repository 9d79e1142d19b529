"""Choices and past mistakes of the elementwise rows; what all rows share is tested from the table."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.rules.elementwise import settled
from autograd_lite.testing import assert_gradients

special = pytest.importorskip("scipy.special", reason="install autograd_lite[scipy]")


@pytest.mark.parametrize(("f", "base"), [(np.logaddexp, 1.0), (np.logaddexp2, np.log(2))])
def test_the_weight_of_logaddexp_has_a_slope_at_a_tie(f, base):
    second = ag.grad(lambda x: ag.grad(lambda x: f(x, 1.0))(x))(1.0)
    np.testing.assert_allclose(second, base / 4)
    assert_gradients(f, np.ones(3), np.ones(3))


def test_logaddexp_of_two_minus_infinities_shares_its_gradient():
    a, b = ag.grad(np.logaddexp, argnums=(0, 1))(-np.inf, -np.inf)
    assert (float(a), float(b)) == (0.5, 0.5)
    a, b = ag.grad(np.logaddexp, argnums=(0, 1))(-np.inf, 0.0)
    assert (float(a), float(b)) == (0.0, 1.0)


def test_a_power_at_exponent_zero():
    x = np.array([0.5, 1.0, 3.0])
    mixed = ag.grad(lambda n: np.sum(ag.grad(lambda x: np.sum(x**n))(x)))(0.0)
    np.testing.assert_allclose(mixed, np.sum(1 / x))  # d/dn of n x**(n - 1)
    assert_gradients(np.power, x, np.zeros(3))
    assert float(ag.grad(lambda x: x**0)(0.0)) == 0.0
    assert float(ag.grad(lambda x: np.power(x, 1.0))(0.0)) == 1.0


def test_an_argument_without_a_derivative_may_have_a_tangent():
    y, dy = ag.jvp(np.copysign, (2.0, -3.0), (1.0, 1.0))
    assert (float(y), float(dy)) == (-2.0, -1.0)


def test_scaled_bessel_functions_on_the_negative_side():
    assert_gradients(lambda x: special.ive(2, x), np.array([-1.5, -0.5, 2.0]), order=1)


def test_a_product_with_a_zero_cotangent_is_settled():
    """nan counts as zero where the cotangent is zero, and its slope too; anything else passes."""
    d, g = np.array([np.nan, np.nan, 2.0, 3.0]), np.array([0.0, 1.0, 0.0, 1.0])
    np.testing.assert_array_equal(settled(d, g), [0, np.nan, 2, 3])
    np.testing.assert_array_equal(ag.grad(lambda d: np.sum(settled(d, g)))(d), [0, 1, 1, 1])
