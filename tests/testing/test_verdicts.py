"""The checker's verdicts: never wrong, and as accurate as the measured noise of the function allows."""

import runpy
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from thorough import EVERY_CASE, mostly_thorough

import autograd_lite as ag
from autograd_lite.testing import CannotCheck, KinkWarning, assert_gradients, check_gradients, check_vjp
from autograd_lite.testing.careful_slopes import look_closely
from autograd_lite.testing.compare import SAFE
from autograd_lite.testing.noise import noise
from autograd_lite.testing.numeric import Flat

ROOT = Path(__file__).parents[2]
EPS = float(np.finfo(float).eps)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ------------------------------------------------------------------------------------------------------- the noise


@pytest.mark.parametrize("shift", [0.0, 1e2, 1e4, 1e5])
def test_the_noise_is_that_of_the_largest_intermediate_result(shift):
    x = np.linspace(0.3, 0.4, 20)
    measured = noise(lambda x: (np.sin(x) + shift) - shift, x, x, EPS)
    rounding = np.spacing(max(shift, 0.3)) / np.sqrt(12)  # of a number of this size, rounded to nearest
    assert np.median(measured) == pytest.approx(rounding, rel=2)
    assert measured.max() < 10 * rounding


@pytest.mark.parametrize("f", [lambda x: sigmoid(30 * x), lambda x: np.abs(x - 0.5), np.sin, lambda x: x**5])
def test_neither_a_curve_nor_a_kink_at_the_point_is_noise(f):
    assert noise(f, np.array([0.5]), np.array([0.5]), EPS)[0] < 1e-15


def test_steps_wider_than_a_thousandth_of_the_argument_are_noise():
    """y close to 1 changes in steps of 1.1e-16, and 1 - y with it."""
    x = np.array([1.1])
    assert noise(lambda x: 1 - sigmoid(30 * x), x, x, EPS)[0] > 5e-17


@pytest.mark.parametrize("f", [np.sqrt, np.cbrt, lambda x: x * np.log(x)])
def test_there_is_no_measure_of_noise_beside_a_singularity(f):
    assert noise(lambda x: f(np.abs(x)), np.array([0.0]), np.array([1.0]), EPS)[0] == np.inf


# ------------------------------------------------------------------------------------------------- the second look


@pytest.mark.parametrize("shift", [0.0, 1e4, 1e8, 1e11])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.sin, np.cos),
        (lambda x: np.tanh(20 * x), lambda x: 20 / np.cosh(20 * x) ** 2),
        (lambda x: np.exp(-x) / (1 + x * x), lambda x: -np.exp(-x) * (1 + x) ** 2 / (1 + x * x) ** 2),
    ],
)
def test_the_error_is_an_upper_bound_whatever_is_added_and_subtracted(f, slope, shift):
    x = np.random.default_rng(0).uniform(-1, 1, 40)
    found = look_closely(Flat(lambda x: (f(x) + shift) - shift, (x,)), np.eye(40))
    off = np.abs(np.diag(found.value) - slope(x))
    settled = np.isfinite(np.diag(found.error))  # the noise may be larger than any change
    assert np.all((off <= SAFE * np.diag(found.error) + 1e-15 * shift)[settled])
    assert shift > 1e6 or np.median(np.diag(found.error)) < 1e-9 + 1e-12 * shift
    assert not found.gap.any()


def test_there_is_no_slope_at_a_value_apart_from_its_neighbours():
    """As with the eigenvectors of a diagonal matrix, whose signs LAPACK chooses differently beside it."""

    def f(x):
        return np.where(x == 0.5, -1, 1) * np.sin(x)

    assert look_closely(Flat(f, (np.array([0.5]),)), np.eye(1)).error[0, 0] == np.inf
    aside = np.where(np.arange(3) == 1, 0.5, 0.49)  # only long steps reach the jump
    assert np.isfinite(look_closely(Flat(lambda x: np.arctan2(x - 0.5001, -1.0), (aside,)), np.eye(3)).error).all()
    stack = np.array([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 2.0]]])
    assert check_gradients(lambda t: np.linalg.eigh(stack + t), 0.0, order=1)


@pytest.mark.parametrize("sharpness", [30, 1e3, 1e6])
def test_a_sharp_bend_is_not_a_kink(sharpness):
    def bend(x):
        return np.log1p(np.exp(-np.abs(sharpness * x))) / sharpness + np.maximum(x, 0)

    def slope(f):
        return look_closely(Flat(f, (np.array([0.0]),)), np.eye(1))

    assert slope(bend).gap[0, 0] == 0
    assert slope(lambda x: np.maximum(x, 0)).gap[0, 0] == pytest.approx(1)


# ----------------------------------------------------------------------------------------------------- the verdicts

ORDINARY = {
    "sharp sigmoid": lambda x: ag.sigmoid(30 * x),
    "sharp softmax": lambda x: ag.softmax(20 * x),
    "sharp tanh": lambda x: np.tanh(100 * x),
    "covariance": np.cov,
    "complex covariance": lambda x: np.cov(x + 1j * x**2),
    "log-sum-exp": lambda x: np.log(np.sum(np.exp(30 * x))),
    "ill-conditioned inverse": lambda x: np.linalg.inv(np.outer(x[0, :3], x[1, :3]) + 1e-5 * x[:, :3]),
}


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("seed", mostly_thorough(range(3)))
def test_right_gradients_are_neither_wrong_nor_at_a_kink(name, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("error", KinkWarning)
        assert assert_gradients(ORDINARY[name], np.random.default_rng(seed).standard_normal((3, 4)))


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-6])
def test_small_errors_are_found_where_the_noise_allows(size):
    x = np.random.default_rng(0).standard_normal(5)
    assert check_vjp(np.sin, lambda g, x: g * np.cos(x), x)
    assert not check_vjp(np.sin, lambda g, x: g * np.cos(x) * (1 + size), x)

    def noisy(x):
        return np.append(np.sin(x[0]), (np.sin(x[1:]) + 1e7) - 1e7)

    report = check_vjp(noisy, lambda g, x: g * np.cos(x) * np.append(1, np.full(4, 1 + size)), x)
    assert bool(report) == (size == 1e-6)  # the noise is 1e-9, the error of the differences up to 1e-6
    if report:
        assert report.looked_at["not judged"] == 4
        assert "could not be judged at x[1] and 3 more entries" in report.notes[0]


def test_a_right_gradient_with_rounding_of_its_own_is_not_called_wrong():
    """The value is exact, the gradient is not: it takes the difference of large numbers."""

    def vjp(g, x):
        return g * ((np.cos(x) + 1e10) - 1e10)

    x = np.random.default_rng(0).standard_normal(30)
    report = check_vjp(np.sin, vjp, x)
    assert report
    assert report.looked_at["not judged"] > 0
    assert not check_vjp(np.sin, lambda g, x: 1.01 * vjp(g, x), x)


def test_modes_may_differ_by_the_rounding_of_an_ill_conditioned_function():
    a = np.vander(np.linspace(0.5, 1, 7))  # condition 1e7
    report = check_gradients(np.linalg.inv, a)
    assert report, report


def test_a_derivative_with_a_ripple_that_differences_average_is_not_called_wrong():
    """It looks like noise; only slopes from nearest by include it."""

    def f(x):
        return np.append(x[:1] + 1e-11 * np.sin(1e14 * x[:1]) ** 3, x[1:] ** 2)

    def vjp(g, x):
        ripple = 3e3 * np.sin(1e14 * x[:1]) ** 2 * np.cos(1e14 * x[:1])
        return g * np.append(1 + ripple, 2 * x[1:])

    assert check_vjp(f, vjp, np.array([0.5, 1.0]))


def test_a_derivative_hidden_by_the_rounding_of_a_large_sum_is_not_called_zero():
    x = np.array([1e20, -0.02])
    assert check_vjp(lambda x: np.sum(x), lambda g, x: g * np.ones(2), x)


def test_an_infinite_derivative_is_not_called_wrong_where_differences_do_not_converge():
    report = check_vjp(
        lambda x: np.append(np.cbrt(x[:1]), x[1:]), lambda g, x: g * np.append(np.inf, np.ones(1)), np.array([0.0, 1.0])
    )
    assert report
    assert report.looked_at["not judged"] == 1


@pytest.mark.parametrize(("edge", "judged"), [(0.9, True), (0.95, False), (0.995, False)])
def test_a_wrong_derivative_that_jumps_nearby_may_count_as_noisy(edge, judged):
    """A known weakness: a jump at up to about 8 % of the argument looks like the steps of rounding."""

    def vjp(g, x):
        return g * np.cos(x) * np.where(x > edge, 1.5, 1)

    report = check_vjp(np.sin, vjp, np.array([0.5, 1.0]))
    assert bool(report) != judged
    assert report.looked_at["not judged"] == (not judged)


def test_a_check_that_can_judge_nothing_raises():
    with pytest.raises(CannotCheck, match=r"differences give .* ±"):
        check_vjp(lambda x: (1e-6 * np.sin(x) + 1e6) - 1e6, lambda g, x: 1.2e-6 * g * np.cos(x), np.array(0.5))


@pytest.mark.thorough
def test_a_few_checks_of_the_stress_test():
    tool = runpy.run_path(str(ROOT / "tools" / "stress_checker.py"))
    assert tool["main"](["--checks", "30", "--plant", "4"]) == 0


def hilbert(n):
    return 1 / (np.arange(n)[:, None] + np.arange(n) + 1)


def kernel(n):
    t = np.linspace(0, 1, n)
    return np.exp(-((t[:, None] - t) ** 2) / 8) + 1e-10 * np.eye(n)


@pytest.mark.parametrize(
    ("f", "a"),
    mostly_thorough(
        [
            (lambda a: np.linalg.slogdet(a)[1], kernel(6)),
            (np.linalg.inv, hilbert(9)),
            (lambda a: np.linalg.slogdet(a)[1], hilbert(8)),
            (lambda a: np.linalg.solve(a, np.ones(8)), hilbert(8)),
        ],
        2,
    ),
    ids=["log-determinant of a kernel", "inverse", "log-determinant", "solution"],
)
def test_near_a_pole_of_linear_algebra_nothing_is_called_wrong(f, a):
    try:
        report = check_gradients(f, a, order=1)
    except CannotCheck:
        return
    assert report, report


def narrow(f, slope, d, size):
    """sin(x) and a feature of width d at x = 1, and its derivative, at half a width from the feature's centre."""
    return (
        lambda x: np.sin(x) + size * f((x - 1) / d + 0.5),
        lambda g, x: g * (np.cos(x) + size * slope((x - 1) / d + 0.5) / d),
    )


NARROW = {
    "pole": (lambda t: np.log(np.abs(t)), lambda t: 1 / t),
    "bump": (lambda t: np.exp(-t * t), lambda t: -2 * t * np.exp(-t * t)),
    "sawtooth": (lambda t: t % 1.0, lambda t: 1 + 0 * t),
}


@pytest.mark.parametrize("power", mostly_thorough(sorted(np.arange(0.5, 14, 0.5), key=lambda p: p % 1.5 != 0.5), 9))
@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("large", [True, False])
def test_a_feature_narrower_than_the_step_makes_no_right_derivative_wrong(name, power, large):
    d = 10**-power
    with suppress(CannotCheck):
        assert check_vjp(*narrow(*NARROW[name], d, 1.0 if large else d), np.array([1.0]))


@pytest.mark.parametrize("scale", [0.0, 2.0, -1.0, 1e13])
@pytest.mark.parametrize("f", [np.sin, lambda x: (np.sin(x) + 1e3) - 1e3, lambda x: np.sin(x) + (x + 1e5) - 1e5 - x])
def test_a_derivative_of_an_ordinary_function_is_still_called_wrong(f, scale):
    """Whatever its size: it agrees with the slope at no distance, not even where the function is noisy."""
    report = check_vjp(f, lambda g, x: g * scale * np.cos(x), np.array([1.0]))
    assert not report


def test_a_few_hard_functions():
    tool = runpy.run_path(str(ROOT / "tools" / "hard_functions.py"))
    assert tool["main"](["--checks", "24" if EVERY_CASE[0] else "8"]) == 0
