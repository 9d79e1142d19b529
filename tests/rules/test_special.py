"""Special functions and activations: values and derivatives, also at large arguments and at kinks; and SciPy's rows."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.rules import scipy_special, special
from autograd_lite.table import ROWS, TABLE, Primitive
from autograd_lite.testing import assert_gradients

S = pytest.importorskip("scipy.special", reason="install autograd_lite[scipy]")

rng = np.random.default_rng(0)
FAR = np.array([-np.inf, -1000.0, -40.0, 0.0, 40.0, 1000.0, np.inf])
OURS = [row for name, row in vars(special).items() if isinstance(row, Primitive) and name == row.name]


def slope(f, x):
    """The derivative of an elementwise function, entry by entry."""
    t = ag.tensor(x, requires_grad=True)
    f(t).sum().backward()
    return t.grad.numpy()


@pytest.mark.parametrize("row", OURS, ids=repr)
def test_single_precision_stays(row):
    if "derivative" not in row.name:
        x = ag.tensor(np.full((2, 3), 0.3), dtype=np.float32)
        assert row(*[x] * max(1, len(row.rules))).dtype == np.float32


# ----------------------------------------------------------------------------------------- around the sigmoid


def test_softplus_neither_overflows_nor_loses_its_small_end():
    with np.errstate(over="raise", invalid="raise"):
        y = ag.softplus(FAR)
    np.testing.assert_array_equal(y, [0, 0, np.exp(-40), np.log(2), 40, 1000, np.inf])
    np.testing.assert_allclose(slope(ag.softplus, FAR), [0, 0, np.exp(-40), 0.5, 1, 1, 1], rtol=1e-15)


def test_log_sigmoid_is_the_logarithm_of_sigmoid():
    np.testing.assert_array_equal(ag.log_sigmoid(FAR), -ag.softplus(-FAR))
    np.testing.assert_allclose(slope(ag.log_sigmoid, FAR), [1, 1, 1, 0.5, np.exp(-40), 0, 0], rtol=1e-15)
    x = rng.normal(size=9)
    np.testing.assert_allclose(ag.log_sigmoid(x), np.log(ag.sigmoid(x)), rtol=1e-13)


def test_logit_undoes_sigmoid_and_is_infinite_at_the_ends():
    x = rng.normal(size=9)
    np.testing.assert_allclose(ag.logit(ag.sigmoid(x)), x, rtol=1e-12)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(ag.logit(np.array([0.0, 1.0])), [-np.inf, np.inf])
        np.testing.assert_array_equal(slope(ag.logit, [0.0, 1.0]), [np.inf, np.inf])
    tiny = np.array([1e-300, 1e-310])
    np.testing.assert_allclose(ag.logit(tiny), np.log(tiny))


# -------------------------------------------------------------------------------------------------- entropies

CORNERS = np.array([0.0, 0.5, 1.0, np.nan])


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "entr", "rel_entr", "kl_div"])
def test_entropies_agree_with_scipy_at_the_corners(name):
    xs = (CORNERS,) if name == "entr" else (CORNERS[:, None], np.array([0.0, 0.5, np.nan]))
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(TABLE[name](*xs), getattr(S, name)(*xs), rtol=1e-15)


def test_nothing_times_the_logarithm_of_nothing_has_the_slope_nothing():
    for f in (ag.xlogy, lambda x, y: ag.xlog1py(x, y - 1)):
        x, y = ag.tensor(0.0, requires_grad=True), ag.tensor(0.0, requires_grad=True)
        f(x, y).backward()
        assert (x.grad.item(), y.grad.item()) == (0, 0)
    mixed = ag.grad(lambda x: ag.grad(lambda y: ag.xlogy(x, y))(0.25))(0.0)
    assert mixed == 4  # not 0: only the point (0, 0) is made flat


# ---------------------------------------------------------------------------------------------------- softmax


def test_softmax_of_huge_logits():
    x = np.array([[1e4, 1e4, -1e4], [-1e308, 0, 1e308]])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(ag.softmax(x, -1), [[0.5, 0.5, 0], [0, 0, 1]])
    np.testing.assert_allclose(ag.log_softmax(x[0]), [-np.log(2), -np.log(2), -2e4 - np.log(2)])
    t = ag.tensor(x[0], requires_grad=True)
    ag.log_softmax(t)[2].backward()
    np.testing.assert_array_equal(t.grad.numpy(), [-0.5, -0.5, 1])


def test_softmax_with_minus_infinity_leaves_that_entry_out():
    x = np.array([-np.inf, 0.0, 0.0])
    np.testing.assert_array_equal(ag.softmax(x), [0, 0.5, 0.5])
    np.testing.assert_array_equal(ag.log_softmax(x), [-np.inf, -np.log(2), -np.log(2)])
    t = ag.tensor(x, requires_grad=True)
    ag.softmax(t)[1].backward()
    np.testing.assert_array_equal(t.grad.numpy(), [0, 0.25, -0.25])


def test_softmax_of_a_row_of_minus_infinity_is_nan():
    """0 / 0 is no number; PyTorch, JAX and SciPy say so too. The other rows do not suffer from it."""
    x = np.array([[-np.inf, -np.inf], [0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(ag.softmax(x, -1), [[np.nan, np.nan], [0.5, 0.5]])


@pytest.mark.parametrize("shape", [(5, 3), (5, 32), (5, 33), (3, 4, 5), (4, 0), (0, 4)])
@pytest.mark.parametrize("axis", [-1, 0, None, (0, 1)])
def test_softmax_along_any_axes(shape, axis):
    """The two ways to a maximum (a short last axis is turned) give the same."""
    x = rng.normal(size=shape)
    e = np.exp(x)
    expected = e / e.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(ag.softmax(x, axis), expected, rtol=1e-14)
    np.testing.assert_allclose(ag.log_softmax(x, axis=axis), np.log(expected), rtol=1e-12, atol=1e-14)


def test_softmax_is_over_all_axes_by_default_as_in_scipy():
    x = rng.normal(size=(2, 3))
    np.testing.assert_allclose(ag.softmax(x), np.exp(x) / np.exp(x).sum(), rtol=1e-14)
    np.testing.assert_allclose(ag.log_softmax(x), x - np.log(np.exp(x).sum()), rtol=1e-13)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_softmax_of_one_number(axis):
    x = ag.tensor(2.5, requires_grad=True)
    assert ag.softmax(x, axis).item() == 1.0
    y = ag.log_softmax(x, axis)
    assert y.item() == 0.0
    y.backward()
    assert x.grad.item() == 0.0


def test_softmax_of_whole_numbers():
    np.testing.assert_array_equal(ag.softmax([1, 1, 1, 1]), [0.25] * 4)


def test_softmax_leaves_its_argument_alone():
    x = rng.normal(size=(2, 3))
    before = x.copy()
    ag.softmax(x)
    ag.log_softmax(x)
    np.testing.assert_array_equal(x, before)


# ------------------------------------------------------------------------------------------------ activations


def test_the_slope_of_relu_at_its_kink_is_0():
    x = np.array([-1.0, -0.0, 0.0, 1e-310, 2.0, np.inf])
    np.testing.assert_array_equal(ag.relu(x), [0, 0, 0, 1e-310, 2, np.inf])
    np.testing.assert_array_equal(slope(ag.relu, x), [0, 0, 0, 1, 1, 1])
    assert np.isnan(ag.relu(np.array([np.nan]))).all()


ACTIVATIONS = {  # by the formulas of PyTorch's documentation
    "leaky_relu": lambda x: max(0, x) + 0.01 * min(0, x),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "celu": lambda x: max(0, x) + min(0, math.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * (max(0, x) + min(0, 1.6732632423543772 * (math.exp(x) - 1))),
    "relu6": lambda x: min(max(0, x), 6),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: 1 if x > 1 else -1 if x < -1 else x,
    "hardsigmoid": lambda x: 0 if x <= -3 else 1 if x >= 3 else x / 6 + 1 / 2,
    "hardswish": lambda x: 0 if x <= -3 else x if x >= 3 else x * (x + 3) / 6,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.array([-7.0, -2.0, -0.5, 0.0, 1.5, 9.0])
    np.testing.assert_allclose(TABLE[name](x), [ACTIVATIONS[name](a) for a in x], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "silu", "gelu", "mish"])
def test_far_out_nothing_overflows(name):
    x = np.array([-1000.0, 1000.0])
    with np.errstate(over="raise", invalid="raise"):
        y = TABLE[name](x)
    assert np.isfinite(y).all()
    assert np.isfinite(slope(TABLE[name], x)).all()


def test_slopes_at_kinks():
    assert slope(ag.leaky_relu, [0.0]) == 0.01
    assert slope(lambda x: ag.elu(x, alpha=0.5), [0.0]) == 0.5
    np.testing.assert_array_equal(slope(ag.relu6, [6.5, 3.0]), [0, 1])


def test_an_activation_with_a_learnt_slope():
    a = ag.tensor(0.25, requires_grad=True)
    ag.leaky_relu(ag.tensor([-2.0, 3.0]), a).sum().backward()
    assert a.grad.item() == -2


def test_gelu_has_two_forms():
    x = rng.normal(size=5)
    np.testing.assert_allclose(ag.gelu(x), x * (1 + S.erf(x / np.sqrt(2))) / 2, rtol=1e-13)
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    np.testing.assert_allclose(ag.gelu(x, approximate="tanh"), x * (1 + np.tanh(inner)) / 2, rtol=1e-12)
    with pytest.raises(ValueError, match=r"'none' .*'tanh'"):
        ag.gelu(ag.tensor(x), approximate="erf")


# ----------------------------------------------------------------------------- all derivatives of sinc and i0


def test_all_derivatives_of_sinc_at_0():
    """The Taylor series of sin(pi x) / (pi x); the textbook form divides 0 by 0 once more at each order."""
    f, found = np.sinc, []
    for _ in range(5):
        found.append(float(f(0.0)))
        f = ag.grad(f)
    np.testing.assert_allclose(found, [1, 0, -np.pi**2 / 3, 0, np.pi**4 / 5], atol=1e-15)


def test_the_two_ways_to_a_derivative_of_sinc_meet():
    for n in range(1, 6):
        border = (n + 1) / np.pi
        below, above = special.sinc_derivative(border * np.array([1 - 1e-12, 1 + 1e-12]), n)
        assert abs(above - below) < 1e-9 * np.pi**n


def test_derivatives_of_i0_are_modified_bessel_functions():
    x = np.array([0.0, 1e-9, 0.3, 5.0, 60.0, 700.0, -2.0])
    np.testing.assert_allclose(slope(np.i0, x), S.i1(x), rtol=1e-13)
    np.testing.assert_allclose(special.i0_derivative(x, 2), (S.i0(x) + S.iv(2, x)) / 2, rtol=1e-13)


# ------------------------------------------------------------------------------------------------------ SciPy

ROWS_OF_SCIPY = scipy_special.declare("this test")


UFUNCS = [name for name in scipy_special.NAMES if isinstance(getattr(S, name, None), np.ufunc)]


def test_the_names_are_those_declared():
    assert set(scipy_special.NAMES) == set(ROWS_OF_SCIPY)
    assert set(scipy_special.NAMES) <= set(dir(ag.special))


@pytest.mark.parametrize("name", UFUNCS)
def test_scipys_own_functions_take_tensors(name):
    function = getattr(S, name)
    xs = [rng.uniform(0.1, 0.9, size=4) for _ in range(function.nin)]
    if function.nin > 1 and name not in ("beta", "betaln", "xlogy", "xlog1py", "rel_entr", "kl_div"):
        xs[0] = 2
    y = function(*xs[:-1], ag.tensor(xs[-1]))
    assert isinstance(y, ag.Tensor)
    np.testing.assert_allclose(y.numpy(), function(*xs), rtol=1e-13)
    assert ROWS[function] is getattr(ag.special, name)


def test_log_ndtr_keeps_its_digits_far_out():
    np.testing.assert_allclose(slope(S.log_ndtr, [-1e5, -40.0]), [1e5, 40.02496884720727], rtol=1e-9)
    assert slope(S.log_ndtr, [40.0]) < 1e-300


def test_what_has_no_formula_is_refused_not_zero():
    nu = ag.tensor(1.5, requires_grad=True)
    with pytest.raises(NotImplementedError, match="jv is not differentiable with respect to its order"):
        S.jv(nu, ag.tensor(2.0, requires_grad=True)).backward()
    with pytest.raises(TypeError, match=r"scipy\.special\.airy of a tensor: it has no row"):
        S.airy(nu)


def test_an_unknown_name_in_special():
    with pytest.raises(AttributeError, match="'erff'"):
        ag.special.erff


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    ).stdout


def test_without_scipy_the_error_says_how_to_get_it():
    out = run("""
        import sys
        sys.modules["scipy"] = None  # as if it were not installed
        import numpy as np, autograd_lite as ag
        print(ag.gelu(np.ones(1), approximate="tanh").shape, hasattr(ag.special, "nothing"))
        for f in (lambda: ag.special.erf, lambda: ag.gelu(1.0)):
            try:
                f()
            except ImportError as error:
                print(error)
    """)
    assert out.splitlines() == [
        "(1,) False",
        "ag.special.erf needs SciPy: pip install 'autograd_lite[scipy]'",
        "gelu needs SciPy: pip install 'autograd_lite[scipy]'",
    ]


def test_scipys_rows_come_when_the_first_is_met():
    out = run("""
        import autograd_lite as ag, sys
        from autograd_lite.table import TABLE
        print("scipy" in sys.modules, "erf" in TABLE)
        import scipy.special
        print(ag.grad(scipy.special.erf)(0.0), "erf" in TABLE)
    """)
    assert out.splitlines() == ["False False", "1.1283791670955126 True"]


def test_gradients_through_several_of_them():
    """The log-density of a gamma distribution, by all that it depends on."""
    x = rng.uniform(0.5, 3, size=4)
    assert_gradients(lambda a, b, x: a * np.log(b) - S.gammaln(a) + S.xlogy(a - 1, x) - b * x, 1.5, 0.7, x)
