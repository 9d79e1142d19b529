"""Differences: as accurate as their error estimate says."""

import numpy as np
import pytest

from autograd_lite.table import NONZERO, POSITIVE, Joint
from autograd_lite.testing import (
    CannotCheck,
    numerical_gradient,
    numerical_hessian,
    numerical_jacobian,
    numerical_jvp,
    numerical_vjp,
)
from autograd_lite.testing.careful_slopes import look_closely
from autograd_lite.testing.numeric import Flat, slopes


def slope(f, x, measure=slopes, **options):
    """Value, error and gap of one derivative of a function of one number, and whether there is none."""
    found = measure(Flat(f, (np.asarray(x),), **options), np.eye(1))
    return found.value[0, 0], found.error[0, 0], found.gap[0, 0], found.error[0, 0] == np.inf


CURVES = [
    (np.sin, np.cos, [0.0, 1e-300, 1.0, 1e3, 1e6, 1e8]),
    (np.exp, np.exp, [-700.0, 0.0, 1.0, 100.0, 700.0]),
    (np.log, lambda x: 1 / x, [1e-300, 1e-5, 0.01, 1.0, 1e8, 1e200]),
    (np.tan, lambda x: 1 / np.cos(x) ** 2, [0.0, 1.5, 1.57]),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x), [1e-8, 1.0, 1e10]),
    (np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), [0.5, 0.9999]),
    (lambda x: 1 / x, lambda x: -1 / x**2, [1e-5, -1.0, 1e5]),
    (lambda x: x**3, lambda x: 3 * x**2, [0.0, 1e-6, -2.0]),
    (lambda x: np.exp(100 * x), lambda x: 100 * np.exp(100 * x), [1.0]),
    (lambda x: 0 * x + 3, lambda x: 0.0, [1.0]),
    (np.abs, np.sign, [1e-9, 1e-3, -2.0]),  # near a kink, yet not on it
    (np.floor, lambda x: 0.0, [0.5, 1.0001]),
    (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2, [-40.0, 0.0, 5.0, 40.0]),
]


@pytest.mark.parametrize(("f", "df", "x"), [(f, df, x) for f, df, xs in CURVES for x in xs])
def test_slopes_are_accurate_and_their_error_is_an_upper_bound(f, df, x):
    value, error, gap, jump = slope(f, x)
    assert not jump
    assert gap == 0
    assert abs(value - df(x)) <= error
    assert error <= 1e-5 * abs(df(x)) + 1e-9


def test_a_kink_shows_both_slopes():
    def f(x):
        return np.where(x > 0, 3 * x, -x) + np.sin(x)

    assert slope(f, 0.0)[-1]
    value, _, gap, jump = slope(f, 0.0, look_closely)
    assert not jump
    assert value + gap / 2 == pytest.approx(4)
    assert value - gap / 2 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("f", [lambda x: np.abs(x) ** 1.5, lambda x: np.abs(x) ** (4 / 3), lambda x: x * np.abs(x)])
def test_a_smooth_point_is_no_kink(f):
    _, _, gap, jump = slope(f, 0.0)
    assert gap == 0
    assert not jump


@pytest.mark.parametrize("f", [np.floor, np.sign, lambda x: np.where(x >= 1, x + 1, x)])
def test_a_jump_has_no_slope(f):
    *_, jump = slope(f, 0.0 if f is np.sign else 1.0, look_closely)
    assert jump


def test_steps_stay_inside_the_domain():
    asked = []

    def f(x):
        asked.append(x.copy())
        return np.log(x)

    value, error, *_ = slope(f, 0.001, domain=POSITIVE)
    assert value == pytest.approx(1000, abs=error)
    assert min(asked) > 0
    asked.clear()
    slope(lambda x: f(np.abs(x)) if x > 0 else pytest.fail("stepped across the hole"), 0.1, domain=NONZERO)


def test_a_point_outside_its_domain_raises():
    with pytest.raises(CannotCheck, match=r"argument 0\[1\] = -1.0 lies outside the open domain \(0.0, inf\)"):
        Flat(np.log, (np.array([1.0, -1.0]),), POSITIVE)


def test_a_joint_domain_limits_both_arguments_together():
    inside = Joint(lambda x, y: x + y > 0, tex="x + y > 0")

    def f(x, y):
        assert x + y > 0, "evaluated outside the domain"
        return np.sqrt(x + y)

    flat = Flat(f, (np.array(0.01), np.array(0.0)), inside)
    np.testing.assert_allclose(slopes(flat, np.eye(2)).value[:, 0], 5.0, rtol=1e-8)


def test_float32_is_measured_in_double_where_the_function_allows():
    x = np.array([0.5, 1.5], np.float32)
    flat = Flat(np.exp, (x,))
    assert flat.wide
    np.testing.assert_allclose(np.diag(slopes(flat, np.eye(2)).value), np.exp(x.astype(float)), rtol=1e-9)


def test_float32_is_measured_as_float32_where_it_does_not():
    flat = Flat(lambda x: np.exp(x.astype(np.float32)), (np.array([0.5, 1.5], np.float32),))
    assert not flat.wide
    found = slopes(flat, np.eye(2))
    exact = np.diag(np.exp([0.5, 1.5]))
    assert np.all(np.abs(found.value - exact) <= found.error)
    assert found.error.max() < 0.02


def test_complex_gradients_follow_pytorch():
    z = np.array([1 + 2j, -0.5j])
    (g,) = numerical_gradient(lambda z: np.sum(np.abs(z) ** 2), z)
    np.testing.assert_allclose(g, 2 * z, atol=1e-9)  # z -= lr * g descends
    (g,) = numerical_vjp(lambda z: z**2, (z,), np.array([1j, 2.0]))
    np.testing.assert_allclose(g, np.array([1j, 2.0]) * np.conj(2 * z), atol=1e-9)
    np.testing.assert_allclose(numerical_jvp(lambda z: z**2, (z,), (np.array([1j, 1.0]),)), 2 * z * [1j, 1], atol=1e-9)


def test_trees_in_and_out():
    p = {"W": np.array([[1.0, 2.0]]), "n": 3, "rest": [np.array(0.5), (1.0,)]}
    (g,) = numerical_gradient(lambda p: p["W"].sum() * p["rest"][0] + p["n"] * p["rest"][1][0] ** 2, p)
    np.testing.assert_allclose(g["W"], [[0.5, 0.5]])
    assert g["n"] is None
    np.testing.assert_allclose(g["rest"][0], 3.0)
    np.testing.assert_allclose(g["rest"][1][0], 6.0)
    dy = numerical_jvp(lambda p: {"a": p["W"] * 2, "b": [p["rest"][0]]}, (p,), ({**p, "n": None},))
    np.testing.assert_allclose(dy["a"], [[2.0, 4.0]])
    np.testing.assert_allclose(dy["b"][0], 0.5)


def test_jacobian_and_hessian_have_the_axes_in_order():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    j = numerical_jacobian(lambda x: x.sum(1) ** 2, x)
    assert j.shape == (2, 2, 3)
    np.testing.assert_allclose(j[0, 0], 12.0, rtol=1e-9)
    np.testing.assert_allclose(j[0, 1], 0.0, atol=1e-9)
    h = numerical_hessian(lambda x: (x**3).sum(), np.array([1.0, -2.0]))
    np.testing.assert_allclose(h, np.diag([6.0, -12.0]), atol=1e-5)
    with pytest.raises(CannotCheck, match="no single Jacobian"):
        numerical_jacobian(lambda z: z**2, np.array([1j]))
