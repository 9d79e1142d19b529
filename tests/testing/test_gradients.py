"""assert_gradients: right functions pass, and each kind of error is found and named."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import CannotCheck, GradientError, KinkWarning, assert_gradients, check_gradients

rng = np.random.default_rng(0)
A, B, ROW = rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), rng.standard_normal(4)
Z = A[0] + 1j * A[1]


RIGHT = {
    "binary": (np.multiply, A, B),
    "quotient": (np.divide, A, B),
    "unary": (np.tanh, A),
    "scalar": (np.exp, 0.5),
    "zero dimensions": (np.sin, np.array(0.5)),
    "complex": (lambda z: z * z * np.exp(z), Z),
    "complex and real": (lambda z, x: z * x, Z, ROW),
    "float32": (lambda x, y: np.tanh(x) * y, A.astype(np.float32), B.astype(np.float32)),
    "constants": (lambda x, n, name: x**n, np.abs(A), 3, "cube"),
    "dict": (lambda p: p["W"] * p["rest"][0], {"W": A, "rest": [B, 3]}),
    "several results": (lambda x: {"sin": np.sin(x), "rest": [x * x]}, A),
    "a Tensor's own method": (lambda x: x.sigmoid() * x, A),
    "a Tensor given": (lambda x: x * x, ag.tensor(A)),
    "constant result": (lambda x: np.ones(3), A),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_functions_pass(case):
    f, *inputs = RIGHT[case]
    report = assert_gradients(f, *inputs)
    assert report.looked_at["not judged"] == 0
    assert report.looked_at["adjoint identities"] >= 2


def test_a_smaller_argument_that_lies_on_a_jump_is_skipped():
    assert assert_gradients(np.arctan2, np.array([0.0, 1.0]), np.array([1.0, -1.0]))


def test_third_order():
    report = assert_gradients(lambda x: np.sin(x) * np.exp(x), ROW, order=3)
    assert report.looked_at["directions of the third derivative"] == 3


def test_domain_keeps_all_orders_inside():
    report = assert_gradients(np.log, np.array([1e-4, 2.0]), domain=(0, np.inf))
    assert report.looked_at["not judged"] == 0


def test_wrong_rule_is_located(op):
    @op(lambda g, x1, x2: g * x2, lambda g, x1, x2: 2 * g * x1)
    def product(x1, x2):
        return x1 * x2

    report = check_gradients(product, A, B)
    (finding,) = report.findings
    assert finding.argument == "x2"
    assert "2 times" in finding.cause
    assert "assert_gradients(product, x1, x2)" in str(report)


def test_a_rule_wrong_for_one_broadcast_shape_only(op):
    def x2_bar(g, x1, x2):  # wrong where x2 lacks x1's first axis: the sum runs over the wrong one
        d = g * x1
        return d.sum(0) if x2.ndim == 1 and d.shape[0] == x2.shape[0] else d if x2.ndim else d.mean()

    @op(lambda g, x1, x2: g * x2, x2_bar)
    def product(x1, x2):
        return x1 * x2

    with pytest.raises(GradientError, match=r"x2 \(shape \(\), float64\)(.|\n)*averaged instead"):
        assert_gradients(product, A, B)
    assert assert_gradients(product, A, B, broadcast=False)


def test_a_rule_wrong_in_second_order_only(op):
    @op(lambda x: cos_wrong_derivative(x), kind="elementwise", name="sin_for_a_test")
    def sin(x):
        return np.sin(x)

    @op(lambda x: np.sin(x), kind="elementwise", name="cos_for_a_test")  # the sign is missing
    def cos_wrong_derivative(x):
        return np.cos(x)

    assert assert_gradients(sin, ROW, order=1)
    with pytest.raises(GradientError, match=r"the second derivative with respect to x(.|\n)*the sign is wrong"):
        assert_gradients(sin, ROW, order=2)


def test_a_rule_that_writes_into_the_incoming_gradient(op):
    def pull(g, x):
        g *= 2
        return g

    @op(pull)
    def double(x):
        return 2 * x

    with pytest.raises(GradientError, match="writes into the incoming gradient"):
        assert_gradients(double, ROW, order=1, modes=("reverse",))


def test_a_rule_that_keeps_state(op):
    calls = []

    def pull(g, x):
        calls.append(1)
        return g * (2 if len(calls) < 2 else 2.0000000001)

    @op(pull)
    def double(x):
        return 2 * x

    with pytest.raises(GradientError, match="the second time"):
        assert_gradients(double, ROW, order=1)


def test_a_rule_that_depends_on_the_layout(op):
    @op(lambda g, x: g * 2 if x.flags.c_contiguous else g * 3)
    def double(x):
        return 2 * x

    with pytest.raises(GradientError, match="memory layout"):
        assert_gradients(double, ROW, order=1, modes=("reverse",))


def test_forward_against_reverse(op):
    @op(lambda g, x: 2 * g, jvp=lambda ts, y, xs, n: 2.0001 * ts[0])
    def double(x):
        return 2 * x

    with pytest.raises(GradientError, match="the tangent"):
        assert_gradients(double, ROW, order=1)
    assert assert_gradients(double, ROW, order=1, modes=("reverse",))


def test_a_kink_is_reported():
    with pytest.warns(KinkWarning, match=r"x\[1\]"):
        report = assert_gradients(np.absolute, np.array([-1.0, 0.0, 2.0]))
    assert any("kink" in note for note in report.notes)
    assert assert_gradients(np.absolute, np.array([-1.0, 0.0, 2.0]), kinks="note")
    with pytest.raises(GradientError, match="kink"):
        assert_gradients(np.absolute, np.array([-1.0, 0.0, 2.0]), kinks="fail")


REFUSED = {
    "no arguments": (lambda: 1.0, (), "was given no arguments"),
    "integers": (np.sin, (np.arange(3),), "x.astype"),
    "nan": (np.sin, (np.array([np.nan]),), r"x\[0\] is nan"),
    "empty": (np.sin, (np.zeros((0, 3)),), "only empty arrays"),
    "outside": (np.log, (np.array([-1.0]),), "is nan at this point"),
    "random": (lambda x: x + np.random.default_rng().random(), (A,), "another value when called again"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_checked_raises(case):
    f, inputs, message = REFUSED[case]
    with pytest.raises(CannotCheck, match=message):
        assert_gradients(f, *inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"order": 0}, "order: expected"), ({"modes": ("sideways",)}, "modes: expected"), ({"kinks": "?"}, "kinks: ")],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        assert_gradients(np.sin, A, **options)


def test_cost():
    """At most fifty calls of the function for each number in the arguments."""
    calls = [0]

    def multiply(x1, x2):
        calls[0] += 1
        return np.multiply(x1, x2)

    assert_gradients(multiply, A, B)
    assert 0 < calls[0] <= 50 * (A.size + B.size)
