"""What the strategies draw; assert_gradients draws from them and shows the smallest failure."""

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings, strategies as st
from thorough import EVERY_CASE, mostly_thorough

import autograd_lite.nn.functional as F
from autograd_lite import testing
from autograd_lite.table import NONZERO, POSITIVE, interval
from autograd_lite.testing import CannotCheck, GradientError, assert_gradients, strategies as ours

quick = settings(max_examples=50 if EVERY_CASE[0] else 15, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(ours.arrays(domain=POSITIVE, edge=True), ours.arrays(domain=NONZERO, edge=True), ours.arrays(domain=(-1, 1)))
def test_arrays_stay_on_their_domain(positive, nonzero, inside):
    assert np.all(positive > 0)
    assert np.all(nonzero != 0)
    assert np.all(np.abs(inside) < 1)


def test_edges_are_reached():
    find(ours.arrays((1,), POSITIVE, edge=True), lambda x: x[0] < 1e-7)
    find(ours.arrays((1,), edge=True), lambda x: x[0] == 0 and np.signbit(x[0]))
    find(ours.arrays((1,), edge=True), lambda x: 0 < abs(x[0]) < 1e-308)
    find(ours.arrays((1,), interval(-1, 1), edge=True), lambda x: 1 - 1e-7 < x[0] < 1)


@quick
@given(ours.arrays((3, 2), unique=True), ours.unique_along(0, (3, 2)))
def test_unique(everywhere, along):
    assert np.diff(np.sort(everywhere, axis=None)).min() > 0
    assert np.diff(np.sort(along, axis=0), axis=0).min() > 0


@quick
@given(ours.broadcastable(3, [POSITIVE, None, (-1, 1)]))
def test_broadcastable(xs):
    np.broadcast_shapes(*(x.shape for x in xs))
    assert np.all(xs[0] > 0)
    assert np.all(np.abs(xs[2]) < 1)


@quick
@given(ours.orthogonal(3, batch=(2,)), ours.well_conditioned(3, 2), ours.positive_definite(3), ours.symmetric(3))
def test_matrices(q, a, p, s):
    np.testing.assert_allclose(q @ q.mT, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12)
    assert np.linalg.cond(a) < 8
    np.testing.assert_array_equal(p, p.T)
    assert np.linalg.eigvalsh(p).min() > 0.4
    np.testing.assert_array_equal(s, s.T)
    assert np.diff(np.linalg.eigvalsh(s)).min() > 0.1


@quick
@given(ours.simplex(batch=(2,)), ours.one_hot(4, batch=(3,)))
def test_probabilities(p, hot):
    np.testing.assert_allclose(p.sum(-1), 1)
    assert np.all(p > 0)
    assert hot.shape == (3, 4)
    np.testing.assert_array_equal(hot.sum(-1), 1)


@quick
@given(ours.einsums(), ours.reductions(), st.data())
def test_specifications_are_valid(spec, reduction, data):
    np.einsum(*spec)
    x, how = reduction
    np.sum(x, **how)
    x[data.draw(ours.indices(x.shape))]
    g = data.draw(ours.cotangents(x))
    assert g.shape == x.shape
    assert np.abs(g).min(initial=1) >= 0.25


@quick
@given(ours.networks(), ours.graphs())
def test_networks_and_graphs_are_finite(network, graph):
    loss, params, x = network
    assert np.isfinite(loss(params, x))
    f, *points = graph
    assert np.isfinite(f(*points)).all()


# ------------------------------------------------------------------------------------- assert_gradients with strategies


def test_assert_gradients_draws_examples():
    examples = None if EVERY_CASE[0] else 10  # by default 50
    assert_gradients(np.sin, ours.arrays(), examples=examples)
    assert_gradients(np.log, ours.arrays(domain=POSITIVE), domain=POSITIVE, examples=examples)
    assert_gradients(np.multiply, args=ours.broadcastable(2), examples=examples)


def test_the_smallest_failure_is_shown(op):
    @op(lambda g, x: g * np.where(x < -1, 2 * x + 0.5, 2 * x))
    def my_square(x):
        return x * x

    with pytest.raises(GradientError, match=r"shape \(\)|shape \(1,\)") as caught:
        assert_gradients(my_square, ours.arrays(), order=1)
    assert caught.value.report.findings[0].examined == 1


@pytest.mark.thorough
def test_wrong_only_for_one_broadcast_shape(op):
    def x2_bar(g, x1, x2):
        return (g * x1).mean(0) if x2.ndim == 1 and g.ndim == 2 else g * x1

    @op(lambda g, x1, x2: g * x2, x2_bar)
    def product(x1, x2):
        return x1 * x2

    with pytest.raises(GradientError, match="averaged instead"):
        assert_gradients(product, args=ours.broadcastable(2), order=1, examples=5000)  # found early, but by chance


def test_points_that_cannot_be_checked_are_skipped_unless_all_are():
    assert_gradients(np.log, ours.arrays(()), examples=10)
    with pytest.raises(CannotCheck, match="nan at this point"):
        assert_gradients(np.log, ours.arrays((), (-2, -1)), examples=10)


@pytest.mark.thorough
def test_cost_with_default_examples():
    """At most fifty examples, and for each of them fifty calls for each number in the arguments."""
    calls = [0]

    def multiply(x1, x2):
        calls[0] += 1
        return np.multiply(x1, x2)

    assert_gradients(multiply, ours.arrays((3, 4)), ours.arrays((3, 4)))
    assert 0 < calls[0] <= 50 * 50 * 24


@pytest.mark.parametrize("assert_it", ["vjp", "jvp", "jac", "jac pair", "hessian"])
@pytest.mark.parametrize("right", [True, False])
def test_the_others_take_strategies_too(assert_it, right):
    wrong = 0 if right else 1
    examples = 30 if wrong or EVERY_CASE[0] else 10
    xs = ours.arrays((3,), (-1, 1))

    def cubes(x):
        return np.sum(x**3)

    def slope(x):
        return 3 * x**2 + wrong * (x > 0.5)

    def square(x):
        return 3 * x**2

    def curvature(x):
        return np.diag(6 * x + wrong * (x > 0.5))

    checks = {
        "vjp": lambda: testing.assert_vjp(cubes, lambda g, x: g * slope(x), xs, examples=examples),
        "jvp": lambda: testing.assert_jvp(cubes, lambda x, v: slope(x[0]) @ v[0], xs, examples=examples),
        "jac": lambda: testing.assert_jac(cubes, slope, args=st.tuples(xs), examples=examples),
        "jac pair": lambda: testing.assert_jac(lambda x: (cubes(x), slope(x)), True, xs, examples=examples),
        "hessian": lambda: testing.assert_hessian(cubes, curvature, xs, jac=square, examples=examples),
    }
    if right:
        assert checks[assert_it]() is None
        return
    with pytest.raises(GradientError):
        checks[assert_it]()


STATE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("f", "message"),
    mostly_thorough(
        [
            (lambda x: F.dropout(x, 0.5, True), "gives another value when called again"),
            (lambda x: np.sqrt(-1.0 - x * x) if x.ndim == 2 else x, "no array of 2 axes could be checked"),
            (lambda x: np.sqrt(-1.0 - x * x), "nan at this point"),
            (lambda x: x * STATE.normal() if x.ndim else x * 2.0, "gives another value when called again"),
            (lambda x: np.sqrt(-1.0 - x * x) if x.ndim else x, "no array of . axes could be checked"),
        ],
        3,
    ),
)
def test_a_function_that_is_random_or_nan_cannot_be_judged_at_any_number_of_points(f, message):
    with np.errstate(all="ignore"), pytest.raises(CannotCheck, match=message):
        assert_gradients(f, ours.arrays(), order=1)


@pytest.mark.parametrize("examples", [0, -1, 2.5, True])
@pytest.mark.parametrize("point", [ours.arrays(), np.ones(2)], ids=["strategy", "point"])
def test_the_number_of_examples_is_positive(examples, point):
    with pytest.raises(ValueError, match=r"examples: expected a positive whole number, got "):
        assert_gradients(np.tanh, point, examples=examples)
