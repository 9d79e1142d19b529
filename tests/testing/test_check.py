"""Hand-written derivatives: right ones pass, and for wrong ones the message says what is wrong."""

import numpy as np
import pytest

from autograd_lite.testing import (
    CannotCheck,
    GradientError,
    KinkWarning,
    assert_hessian,
    assert_jac,
    assert_jvp,
    assert_vjp,
    check_hessian,
    check_jac,
    check_jvp,
    check_vjp,
)

optimize = pytest.importorskip("scipy.optimize", reason="install autograd_lite[scipy]")
rosen, rosen_der, rosen_hess, rosen_hess_prod = (
    optimize.rosen, optimize.rosen_der, optimize.rosen_hess, optimize.rosen_hess_prod
)

rng = np.random.default_rng(0)
A, B, S = rng.standard_normal((3, 4)), rng.standard_normal((4, 2)), rng.standard_normal((3, 3))
COLUMN, ROW = rng.standard_normal((3, 1)), rng.standard_normal(4)
Z = A[0] + 1j * A[1]


def multiply_vjp(g, x1, x2):
    return g * x2, g * x1


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def dense(p, x):
    return np.tanh(x @ p["W"] + p["b"])


def dense_vjp(g, p, x):
    d = g * (1 - dense(p, x) ** 2)
    return {"b": d.sum(0), "W": x.T @ d}, d @ p["W"].T


RIGHT = {
    "multiply": (np.multiply, multiply_vjp, A, A + 1),
    "broadcast": (np.multiply, lambda g, x, y: (g * y, (g * x).sum(1, keepdims=True)), A, COLUMN),
    "matmul": (np.matmul, lambda g, x, y: (g @ y.T, x.T @ g), A, B),
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True)), A),
    "complex": (lambda z: z**2, lambda g, z: g * np.conj(2 * z), Z),
    "not holomorphic": (np.abs, lambda g, z: g * z / np.abs(z), Z),
    "complex to real": (lambda z: z.real * z.imag, lambda g, z: g * (z.imag + 1j * z.real), Z),
    "dict": (dense, dense_vjp, {"W": B, "b": np.zeros(2)}, A),
    "several results": (lambda x: (np.sin(x), x.sum()), lambda g, x: g[0] * np.cos(x) + g[1], A),
    "constants": (lambda x, n, name: x**n, lambda g, x, n, name: (g * n * x ** (n - 1), None, None), A, 3, "cube"),
    "Python float": (lambda x: x**2, lambda g, x: g * 2 * x, 1.5),
    "float32": (np.multiply, multiply_vjp, A.astype(np.float32), A.astype(np.float32)),
    "float16": (np.multiply, multiply_vjp, A.astype(np.float16), A.astype(np.float16)),
    "zero dimensions": (np.exp, lambda g, x: g * np.exp(x), np.array(0.3)),
    "partly empty": (lambda x, y: x.sum() + y.sum(), lambda g, x, y: (g + 0 * x, g + 0 * y), A, np.zeros((0, 2))),
    "large": (np.sin, lambda g, x: g * np.cos(x), rng.standard_normal((50, 60))),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_gradients_pass(case):
    f, vjp, *inputs = RIGHT[case]
    report = assert_vjp(f, vjp, *inputs)
    assert report.looked_at["not judged"] == 0
    assert sum(report.looked_at.values()) >= 1


def spoiled(index, factor):
    def vjp(g, x):
        d = g * np.cos(x)
        d[index] *= factor
        return d

    return vjp


WRONG = {  # a wrong gradient, what the message must say
    "sign": (np.sin, lambda g, x: -g * np.cos(x), (A,), "the sign is wrong"),
    "factor 2": (np.square, lambda g, x: g * x, (A,), "a factor of 2 is missing|2 times as large"),
    "factor 2 too many": (np.matmul, lambda g, x, y: (2 * g @ y.T, x.T @ g), (A, B), "2 times the right one"),
    "no sum": (np.multiply, multiply_vjp, (A, COLUMN), "x2 .*shape .3, 4.; it must be .3, 1.*\n.*sum over axis 1"),
    "no sum, row": (np.multiply, multiply_vjp, (A, ROW), "the sum over axis 0"),
    "mean for sum": (
        np.multiply,
        lambda g, x, y: (g * y, (g * x).mean(1, keepdims=True)),
        (A, COLUMN),
        "averaged instead",
    ),
    "first slice": (np.multiply, lambda g, x, y: (g * y, (g * x)[:, :1]), (A, COLUMN), "only the first slice"),
    "transpose": (np.matmul, lambda g, x, y: (g @ y.T, g.T @ x), (S, S + 1), "a transpose is missing"),
    "transposed shape": (np.matmul, lambda g, x, y: (g @ y.T, g.T @ x), (A, B), "a transpose is missing"),
    "swapped": (np.matmul, lambda g, x, y: (x.T @ g, g @ y.T), (S, S + 1), "two arguments are swapped"),
    "conjugate": (lambda z: z**2, lambda g, z: g * 2 * z, (Z,), "a conjugate is missing"),
    "conjugate of all": (lambda z: np.abs(z) ** 2, lambda g, z: g * 2 * np.conj(z), (Z,), "a conjugate is missing"),
    "no real part": (
        lambda x, z: x * z,
        lambda g, x, z: (g * np.conj(z), g * x),
        (A[0], Z),
        "the real part is not taken",
    ),
    "g unused": (np.sin, lambda g, x: np.cos(x), (A,), "the incoming gradient is not used"),
    "nothing arrives": (np.multiply, lambda g, x, y: (g * y, None), (A, A + 1), "no gradient arrives"),
    "nan": (lambda x: x**2, lambda g, x: g * 2 * x * (x / x), (np.array([1.0, 0.0]),), "nan, probably 0"),
    "reversed": (lambda x: x[::-1] * 1.0, lambda g, x: g, (ROW,), "reversed along axis 0"),
    "shifted": (lambda x: np.roll(x, 2), lambda g, x: np.roll(g, -1), (ROW,), "shifted by one along axis 0"),
    "permuted": (lambda x: x[[1, 2, 0, 3]], lambda g, x: g[[1, 2, 0, 3]], (ROW,), "a permutation"),
    "factor x": (lambda x: x**3, lambda g, x: g * 3 * x, (ROW,), "a factor of x is missing"),
    "negative only": (np.abs, lambda g, x: g, (np.array([1.0, -2.0, 3.0, -4.0]),), "the sign is wrong"),
    "positive only": (np.sin, lambda g, x: g * np.where(x > 0, x, np.cos(x)), (ROW,), "exactly where .* positive"),
    "one line": (np.sin, spoiled((slice(None), 2), np.array([1.01, 1.02, 1.03])), (A,), "exactly at index 2 of axis 1"),
    "in place": (np.sin, lambda g, x: np.multiply(g, np.cos(x), out=g), (A,), "writes into the incoming gradient"),
    "dtype": (
        np.sin,
        lambda g, x: np.float64(1) * (g * np.cos(x)).astype(float),
        (A.astype(np.float32),),
        "has dtype float64; it must be float32",
    ),
    "a dict": (
        dense,
        lambda g, p, x: ({"b": 0 * p["b"], "W": dense_vjp(g, p, x)[0]["W"]}, dense_vjp(g, p, x)[1]),
        ({"W": B, "b": np.zeros(2)}, A),
        r"p\['b'\]",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_gradients_fail_with_the_cause(case):
    f, vjp, inputs, message = WRONG[case]
    with pytest.raises(GradientError, match=message):
        assert_vjp(f, vjp, *inputs)


def test_the_message_names_argument_index_numbers_ratio_and_code():
    report = check_vjp(np.sin, spoiled((1, 2), 1.5), A)
    (finding,) = report.findings
    assert finding.argument == "x"
    assert finding.index == (1, 2)
    assert (finding.wrong, finding.examined) == (1, 12)
    assert finding.entries[0].ratio == pytest.approx(1.5)
    text = str(report)
    assert "x[1, 2]" in text
    assert "assert_vjp(np.sin, vjp, x)" in text
    namespace = {}
    lines = [line.strip() for line in text.split("to see it again:\n")[1].splitlines()]
    exec("\n".join(lines[:-1]), namespace)
    np.testing.assert_array_equal(namespace["x"], A)


def test_one_wrong_entry_of_three_thousand_is_found():
    x = np.random.default_rng(1).standard_normal((50, 60))
    (finding,) = check_vjp(np.sin, spoiled((17, 33), 1.01), x).findings
    assert finding.index == (17, 33)


def test_a_small_gradient_among_large_ones_is_not_overlooked():
    x = np.array([1e-6, 1.0, 1e6])
    (finding,) = check_vjp(lambda x: 1 / x, lambda g, x: g * np.where(x > 10, -2, -1) / x**2, x).findings
    assert finding.index == (2,)


def test_a_tiny_gradient_must_still_be_right():
    assert not check_vjp(lambda x: x**3, lambda g, x: g * 6 * x**2, np.array([1e-6]))


def test_float32_is_judged_as_float32():
    x = A.astype(np.float32)
    assert check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), x)
    assert not check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2) * np.float32(1.005), x)


def test_a_kink_is_reported_and_judged_by_its_two_sides():
    x = np.array([-1.0, 0.0, 2.0])
    with pytest.warns(KinkWarning, match=r"there is a kink at x\[1\]"):
        assert assert_vjp(np.abs, lambda g, x: g * np.sign(x), x)
    with pytest.warns(KinkWarning):
        assert assert_vjp(np.abs, lambda g, x: g * np.where(x >= 0, 1, -1), x)
    outside = check_vjp(np.abs, lambda g, x: g * (np.sign(x) + 3 * (x == 0)), x)
    assert outside.findings[0].index == (1,)


def test_a_tie_is_a_kink():
    x = np.array([1.0, 2.0, 2.0])
    with pytest.warns(KinkWarning, match=r"kink at a\[[12]\]"):
        assert_vjp(np.max, lambda g, x: g * (x == x.max()) / (x == x.max()).sum(), x)


def test_a_point_where_nothing_can_be_judged_raises():
    with pytest.raises(CannotCheck, match="no derivative could be judged"):
        check_vjp(np.floor, lambda g, x: 0 * g, np.array([1.0, 2.0]))


def draws(x):
    return x + np.random.default_rng().random()


def sorts(x):
    x.sort()
    return x


REFUSED = {
    "no arguments": (lambda: 1.0, (), "was given no arguments"),
    "integers": (np.sin, (np.arange(3),), "no floating numbers .*x .int64.*x.astype"),
    "a Python int": (np.sin, (2,), "write 2.0 for 2"),
    "nan": (np.sin, (np.array([1.0, np.nan]),), r"x\[1\] is nan"),
    "infinity": (np.sin, (np.array([np.inf]),), r"x\[0\] is inf"),
    "empty": (np.sin, (np.zeros((0, 3)),), "only empty arrays"),
    "outside": (np.log, (np.array([1.0, -1.0]),), "is nan at this point"),
    "random": (draws, (A,), "another value when called again"),
    "mutating": (sorts, (np.array([2.0, 1.0]),), r"changes its argument x \(at x\[0\], from 2.0 to 1.0"),
    "integer result": (np.argmax, (A,), "returns int64, which has no derivative"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_checked_raises(case):
    f, inputs, message = REFUSED[case]
    with pytest.raises(CannotCheck, match=message):
        check_vjp(f, lambda g, *xs: g, *inputs)


def test_the_output_of_a_function_that_prints_is_suppressed(capsys):
    def f(x):
        print("hello")
        return np.sin(x)

    report = check_vjp(f, lambda g, x: g * np.cos(x), A)
    assert report
    assert "prints ('hello', ...)" in report.notes[0]
    assert capsys.readouterr().out == ""


def test_the_number_of_gradients_is_checked():
    with pytest.raises(CannotCheck, match="a tuple with one entry for each of the 2 arguments"):
        check_vjp(np.multiply, lambda g, x, y: g, A, A)


def test_domain_keeps_the_steps_inside():
    def log(x):
        assert np.all(x > 0), "evaluated outside the domain"
        return np.log(x)

    assert assert_vjp(log, lambda g, x: g / x, np.array([1e-3, 2.0]), domain=(0, np.inf))


def test_jvp():
    assert assert_jvp(np.multiply, lambda x, v: v[0] * x[1] + x[0] * v[1], A, COLUMN)
    assert assert_jvp(lambda z: z**2, lambda z, v: 2 * z[0] * v[0], Z)
    (finding,) = check_jvp(np.multiply, lambda x, v: v[0] * x[1] - x[0] * v[1], A, COLUMN).findings
    assert finding.argument == "x2"
    assert finding.cause == "the sign is wrong"
    assert finding.entries[0].output is not None
    (finding,) = check_jvp(np.multiply, lambda x, v: v[0] * x[1] + x[0] * v[1] + v[0] * v[1], A, A + 1).findings
    assert "not linear" in finding.cause


def test_jac_of_a_scalar_of_a_vector_and_of_scipys_pair():
    x = A[0]
    assert assert_jac(rosen, rosen_der, x)
    assert assert_jac(lambda x: (rosen(x), rosen_der(x)), True, x)
    assert not check_jac(lambda x: (rosen(x), rosen_der(x) * 2), True, x)

    def f(x):
        return np.array([x[0] * x[1], x[2] ** 2])

    assert assert_jac(f, lambda x: np.array([[x[1], x[0], 0, 0], [0, 0, 2 * x[2], 0]]), x)
    (finding,) = check_jac(f, lambda x: np.array([[x[1], x[0], 0, 0], [0, 1, 2 * x[2], 0]]), x).findings
    assert (finding.index, finding.entries[0].output) == ((1,), (1,))
    finding = check_jac(lambda x: S @ x, lambda x: S.T, x[:3]).findings[0]
    assert "transpose" in finding.cause


def test_hessian():
    x = A[0]
    assert assert_hessian(rosen, rosen_hess, x)
    assert assert_hessian(rosen, rosen_hess, x, jac=rosen_der, hessp=rosen_hess_prod)
    assert not check_hessian(rosen, lambda x: 1.001 * rosen_hess(x), x, jac=rosen_der)
    assert not check_hessian(rosen, None, x, jac=rosen_der, hessp=lambda x, p: 2 * rosen_hess_prod(x, p))
    assert not check_hessian(rosen, rosen_hess, x, jac=lambda x: -rosen_der(x))
    with pytest.raises(TypeError, match="nothing to check"):
        check_hessian(rosen, None, x)


def test_a_jacobian_may_be_a_nested_list():
    def f(x):
        return np.array([x[0] ** 2, x[0] * x[1]])

    x = np.array([1.0, 2.0])
    assert check_jac(f, lambda x: [[2 * x[0], 0.0], [x[1], x[0]]], x)
    wrong = check_jac(f, lambda x: [[3 * x[0], 0.0], [x[1], x[0]]], x)
    assert not wrong
    assert "wrong in 1 of the 4 entries" in str(wrong)
    assert check_jac(lambda x: np.sum(x**2), lambda x: (2 * x).tolist(), x)
    assert check_hessian(lambda x: np.sum(x**3), lambda x: np.diag(6 * x).tolist(), x)
