"""Taylor mode: coefficients against mpmath, nested derivatives and known series; special points; errors."""

from __future__ import annotations

import gc
import math
import pickle
import weakref

import numpy as np
import pytest
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.base.tree import leaves
from autograd_lite.table import TABLE
from autograd_lite.testing.rows import points

ag.special.erf  # so that the rows of scipy.special are in the table
x = np.array([0.5, -1.0, 2.0])


def close(a, b, rtol=1e-10):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=rtol)


def nested(f, primals, directions, order):
    """The derivatives of f along a line, by forward mode inside forward mode."""
    def line(t):
        return f(*(x + t * v for x, v in zip(primals, directions, strict=True)))

    for _ in range(order + 1):
        yield line(0.0)
        line = (lambda g: lambda t: ag.jvp(g, (t,), (1.0,))[1])(line)


# ------------------------------------------------------------------------------------------------ against mpmath


def functions(mp):
    """The functions of `autograd_lite.table.scalar`, and of rows that have no such formula, on numbers of mpmath."""
    def sign(x):
        return -1 if x < 0 else 1

    formulas = {
        "exp2": lambda x: mp.mpf(2) ** x, "log2": lambda x: mp.log(x, 2), "log10": lambda x: mp.log(x, 10),
        "abs": abs, "max": max, "min": min, "pow": mp.power,
        "copysign": lambda x, y: sign(y) * abs(x),
        "fmod": lambda x, y: x - y * sign(x / y) * mp.floor(abs(x / y)), "trunc": lambda x: sign(x) * mp.floor(abs(x)),
        "rint": mp.nint, "atan2": mp.atan2,
    }  # fmt: skip
    rows = {
        "rel_entr": lambda x, y: x * mp.log(x / y), "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
        "gelu": lambda x: x * mp.ncdf(x), "sinc_derivative": lambda x: mp.diff(lambda x: mp.sincpi(x), x),
        "i0_derivative": lambda x: mp.besseli(1, x), "i0": lambda x: mp.besseli(0, x),
        "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
        "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        "erfcinv": lambda x: mp.erfinv(1 - x), "ndtr": mp.ncdf, "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
        "ndtri": lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), "gammaln": lambda x: mp.log(abs(mp.gamma(x))),
        "beta": mp.beta, "betaln": lambda a, b: mp.log(abs(mp.beta(a, b))), "j0": lambda x: mp.besselj(0, x),
        "j1": lambda x: mp.besselj(1, x), "y0": lambda x: mp.bessely(0, x), "y1": lambda x: mp.bessely(1, x),
        "i1": lambda x: mp.besseli(1, x), "i0e": lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
        "i1e": lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), "k0": lambda x: mp.besselk(0, x),
        "k1": lambda x: mp.besselk(1, x), "k0e": lambda x: mp.exp(x) * mp.besselk(0, x),
        "k1e": lambda x: mp.exp(x) * mp.besselk(1, x), "expi": mp.ei, "exp1": mp.e1, "exp10": lambda x: mp.mpf(10) ** x,
        "cosm1": lambda x: mp.cos(x) - 1, "psi": mp.psi0 if hasattr(mp, "psi0") else mp.digamma,
        **{name: (lambda x: x) for name in ("conjugate", "real", "nan_to_num")},
        **{name: getattr(mp, name) for name in ("erf", "erfc", "erfi", "erfinv", "gamma", "rgamma", "loggamma")},
    }  # fmt: skip
    return formulas, rows


def evaluated(e, names, formulas, mp):
    """A formula of one entry on numbers of mpmath."""
    if e.head == "number":
        return e.value if isinstance(e.value, bool) else mp.mpf(e.value)
    if e.head == "name":
        return names[e.value]
    if e.head == "if":
        test, yes, no = e.args
        return evaluated(yes if evaluated(test, names, formulas, mp) else no, names, formulas, mp)
    xs = [evaluated(a, names, formulas, mp) for a in e.args]
    signs = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
        "neg": lambda a: -a, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "not": lambda a: not a,
        "and": lambda a, b: a and b, "or": lambda a, b: a or b,
    }  # fmt: skip
    return (signs.get(e.head) or formulas.get(e.head) or getattr(mp, e.head))(*xs)


OTHERS = {  # name: the function of mpmath, of the arguments; the arguments, of which the last moves
    "polygamma": (lambda mp: lambda n, x: mp.psi(int(n), x), (1, 1.3)),
    "gammainc": (lambda mp: lambda a, x: mp.gammainc(a, 0, x, regularized=True), (1.5, 0.8)),
    "gammaincc": (lambda mp: lambda a, x: mp.gammainc(a, x, regularized=True), (1.5, 0.8)),
    "betainc": (lambda mp: lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), (1.5, 2.5, 0.4)),
    "jv": (lambda mp: mp.besselj, (1.5, 2.0)), "yv": (lambda mp: mp.bessely, (1.5, 2.0)),
    "yn": (lambda mp: mp.bessely, (2, 2.0)), "iv": (lambda mp: mp.besseli, (1.5, 2.0)),
    "kv": (lambda mp: mp.besselk, (1.5, 2.0)), "kn": (lambda mp: mp.besselk, (2, 2.0)),
    "ive": (lambda mp: lambda v, x: mp.exp(-x) * mp.besseli(v, x), (1.5, 2.0)),
    "kve": (lambda mp: lambda v, x: mp.exp(x) * mp.besselk(v, x), (1.5, 2.0)),
    "stdtr": (lambda mp: lambda n, t: 0.5 + t * mp.gamma((n + 1) / 2) * mp.hyp2f1(
        0.5, (n + 1) / 2, 1.5, -t * t / n) / (mp.sqrt(n * mp.pi) * mp.gamma(n / 2)), (3.0, 0.7)),
    "over": (lambda mp: lambda a, b, c: a / b, (1.5, 0.5, 0.7)),
    "clip": (lambda mp: lambda a, b, x: x, (0.0, 1.0, 0.7)),
    "ldexp": (lambda mp: lambda n, x: x * mp.mpf(2) ** n, (3, 0.7)),
}  # fmt: skip
#: Their derivative is zero, or that of a real number is.
CONSTANT = {"imag", "angle", "gammasgn", "heaviside"}
NOT_ANALYTIC = {"nextafter", "settled", "where"}
LONG = {"gamma", "gammaincc", "psi", "k0", "k0e", "k1", "k1e", "kn", "yn", "y0", "y1"}  # long in mpmath
ELEMENTWISE = [name for name, row in TABLE.items() if row.kind == "elementwise" and name not in CONSTANT | NOT_ANALYTIC]
ELEMENTWISE.sort(key=LONG.__contains__)


@pytest.mark.parametrize("name", mostly_thorough(ELEMENTWISE, len(ELEMENTWISE) - len(LONG)))
def test_every_elementwise_row_has_the_coefficients_of_mpmath(name):
    mpmath = pytest.importorskip("mpmath", reason="autograd_lite[test] has mpmath")
    row, order = TABLE[name], 8
    with mpmath.workdps(25):
        mp = mpmath.mp
        formulas, rows = functions(mp)
        if name in OTHERS:
            make, xs = OTHERS[name]
            exact = make(mp)
            vs = (0.0,) * (len(xs) - 1) + (1.0,)
            call = (lambda n, x: row(x, n)) if name == "ldexp" else row
        else:
            rng = np.random.default_rng(0)
            xs = tuple(float(np.ravel(x)[0]) for x in next(points(row, rng))[0])
            vs = tuple(rng.uniform(0.5, 1.5, len(xs)) * [rule is not None for rule in row.rules])
            call, formula = row, row.formula(row.defaults)
            names = {k: mp.mpf(v) for k, v in row.defaults.items() if isinstance(v, float)}
            exact = rows.get(name) or (lambda *xs: evaluated(
                formula, names | {f"x{k}": x for k, x in enumerate(xs, 1)}, formulas, mp))
        pairs = list(zip(xs, vs, strict=True))
        expected = mpmath.taylor(lambda t: exact(*(x + v * t if v else x for x, v in pairs)), 0, order)
        moving = [k for k, v in enumerate(vs) if v]

        def f(*moved):
            return call(*(moved[moving.index(k)] if k in moving else x for k, x in enumerate(xs)))

        value, terms = ag.jet(
            f, tuple(xs[k] for k in moving), [[vs[k], *[0.0] * (order - 1)] for k in moving], factorial_scaled=False
        )
        size = max(abs(c) ** (1 / max(k, 1)) for k, c in enumerate(expected))  # the radius of convergence, about
        for k, (c, e) in enumerate(zip((value, *terms), expected, strict=True)):
            assert abs(c - e) <= 1e-10 * max(abs(e), min(1, size) ** k, abs(expected[0]) * 1e-3), (k, c, e)


# ------------------------------------------------------------------------------------------- against other derivatives


ALL = [name for name, row in TABLE.items() if row.kind not in ("constant", "elementwise")]
#: They look at values, so they cannot be traced; or a derivative of high order takes seconds.
BRANCHES = {"trim_zeros", "linalg.lstsq", "polyfit", *(name for name in ALL if name.startswith("emath"))}
SLOW = {"expm_derivative", "linalg.expm"}


@pytest.mark.parametrize("name", mostly_thorough([name for name in ALL if name not in BRANCHES | SLOW], 12))
def test_every_other_row_has_nested_derivatives(name):
    row, order = TABLE[name], 3
    args, params = next(points(row, np.random.default_rng(0)), ((), {}))
    moving = [k for k, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
    if not moving:
        return

    def f(*moved):
        return row(*(moved[moving.index(k)] if k in moving else a for k, a in enumerate(args)), **params)

    primals = tuple(args[k] for k in moving)
    directions = [np.cos(1 + np.arange(x.size)).reshape(x.shape).astype(x.dtype) for x in primals]
    value, terms = ag.jet(f, primals, [[v, *[0 * v] * (order - 1)] for v in directions])
    lists = terms if isinstance(value, (tuple, list)) else [terms]
    for k, expected in enumerate(nested(f, primals, directions, order)):
        got = leaves(value) if k == 0 else [terms[k - 1] for terms in lists]
        for c, e in zip(got, leaves(expected), strict=True):
            size = max(1.0, float(np.abs(e).max(initial=0)))
            assert np.allclose(c, e, rtol=1e-6, atol=1e-8 * size, equal_nan=True), k


def test_composed_functions_along_a_curve():
    """sin(z**3) at 0.5 from the derivatives of z**3, and a function of two arguments."""
    z = 0.5
    y, terms = ag.jet(np.sin, (z**3,), ([3 * z**2, 6 * z],))
    assert close([y, *terms], list(nested(lambda z: np.sin(z**3), (z,), (1.0,), 2)))

    def f(x, y):
        return np.sum(np.tanh(x) * y) / (1 + np.exp(-y[0]))

    curve = [x, np.cos(x), 0.3 * x, np.ones(3), -x]
    value, terms = ag.jet(f, (x, x**2), (curve[1:], [2 * c for c in curve[1:]]))

    def at(t):
        moved = sum(c * t**k / math.factorial(k) for k, c in enumerate(curve[1:], 1))
        return f(x + moved, x**2 + 2 * moved)

    assert close([value, *terms], list(nested(at, (0.0,), (1.0,), 4)))
    halves = [c / math.factorial(k) for k, c in enumerate(curve[1:], 1)]
    scaled = ag.jet(f, (x, x**2), (halves, [2 * c for c in halves]), factorial_scaled=False)
    assert close(scaled[1], [c / math.factorial(k) for k, c in enumerate(terms, 1)])


def test_known_series():
    assert str(ag.taylor(np.tan, 0.0, 9)) == "tan(h) = h + h³/3 + 2 h⁵/15 + 17 h⁷/315 + 62 h⁹/2835 + O(h¹⁰)"
    assert close(ag.taylor(np.exp, 0.25, 30), [math.exp(0.25) / math.factorial(k) for k in range(31)])
    assert close(ag.taylor(lambda x: 1 / (1 - x), 0.0, 30), np.ones(31))
    binomial = math.prod((2.5 - k) / (k + 1) for k in range(30))
    assert close(ag.taylor(lambda x: x**2.5, 0.9, 30)[30], binomial * 0.9**-27.5)
    polynomial = ag.taylor(lambda x: (x + 1) ** 3 * x**2, 0.0, 7)
    assert polynomial == (0, 0, 1, 3, 3, 1, 0, 0)
    assert ag.taylor(lambda x: x**2, 1e-300, 6)[2:] == (1, 0, 0, 0, 0)
    A = np.array([[0.0, 1.0], [-1.0, 0.0]])
    series = ag.taylor(lambda t: np.linalg.inv(np.eye(2) - t * A), 0.0, 5)
    assert close(series, [np.linalg.matrix_power(A, k) for k in range(6)])


def test_work_grows_with_the_square_of_the_order(monkeypatch):
    """Products of coefficients are what it takes time for."""
    asked, counts = [], []
    original = ag.program.series.Series.__getitem__
    monkeypatch.setattr(ag.program.series.Series, "__getitem__", lambda s, k: asked.append(k) or original(s, k))
    for order in (8, 16, 32):
        ag.taylor(lambda x: np.exp(np.sin(x)) / x, 0.3, order)
        counts.append(len(asked))
        asked.clear()
    assert counts[2] < 4.5 * counts[1] < 4.5 * 4.5 * counts[0]


def test_what_is_kept_between_calls_has_no_arrays_of_a_call():
    big = np.linspace(0.1, 1, 1000)
    before = weakref.ref(big)
    ag.taylor(lambda x: np.exp(np.sin(x)) / (x + 1) ** 2.5, big, 4)
    del big
    gc.collect()
    assert before() is None


# ------------------------------------------------------------------------------------------------------------ the forms


def test_shapes_and_dtypes():
    both = ag.taylor(lambda p: {"a": p["x"] * p["y"], "b": 3.0}, {"x": 2.0, "y": x}, 2)
    assert close(both[1]["a"], 2 + x)
    assert [float(c["b"]) for c in both] == [3, 0, 0]
    assert ag.taylor(np.exp, np.zeros((0, 3)), 2)[2].shape == (0, 3)
    assert {c.dtype for c in ag.taylor(lambda x: np.exp(x) / 3 + np.sum(x), x.astype("f4"), 4)} == {np.dtype("f4")}
    z = 0.5 + 1j
    assert close(ag.taylor(lambda z: np.exp(z) * z, z, 3)[3], np.exp(z) * (z + 3) / 6)
    assert close(ag.taylor(lambda z: np.abs(z) ** 2, z, 3), [1.25, 1, 1, 0])
    reversed_ = ag.taylor(lambda x: np.sin(x)[::-1], np.arange(6.0)[::2], 2)
    assert close(reversed_[1], np.cos(np.arange(6.0)[::2])[::-1])
    same = ag.taylor(lambda x: x, x, 1)
    assert same[0] is not x
    assert not np.shares_memory(same[0], x)
    assert close(ag.taylor(lambda x: np.sum(x**2), x, 2, np.array([1.0, 0.0, 0.0])), [5.25, 1.0, 1.0])
    assert ag.jet(np.sin, (2.0,), ([],)) == (np.sin(2.0), [])


def test_no_grad_constants_and_draws():
    def f(x):
        with ag.no_grad():
            y = np.sin(x)
        return x * y + np.floor(x)

    assert close(ag.taylor(f, 0.5, 2), [0.5 * np.sin(0.5), np.sin(0.5), 0])
    ag.manual_seed(0)
    noisy = ag.taylor(lambda x: x * ag.rand_like(x), x, 2)
    assert close(noisy[0], x * noisy[1])
    assert not noisy[2].any()


def test_tensors_and_transforms():
    w = ag.tensor(2.0, requires_grad=True)
    ag.taylor(lambda x: np.sin(w * x), 0.5, 2)[2].backward()
    assert close(w.grad.numpy(), -2 * np.sin(1.0) - np.cos(1.0))
    p = ag.tensor(2.5, requires_grad=True)
    ag.taylor(lambda x: x**p, 0.7, 3)[3].backward()
    assert close(p.grad.numpy(), ag.grad(lambda p: p * (p - 1) * (p - 2) / 6 * 0.7 ** (p - 3))(2.5))
    assert all(isinstance(c, ag.Tensor) and not c.requires_grad for c in ag.taylor(np.exp, ag.tensor(0.5), 2))
    fourth = ag.grad(lambda x: 6 * ag.taylor(np.tan, x, 3)[3])(0.5)
    assert close(fourth, list(nested(np.tan, (0.5,), (1.0,), 4))[4])

    def third(x):
        return ag.taylor(lambda x: np.log(x) * np.sqrt(x), x, 3)[3]

    at = np.array([1.0, 2.0])
    assert close(ag.jit(third)(at), third(at))
    assert close(ag.vmap(third)(at), third(at))
    assert close(ag.taylor(lambda x: ag.taylor(np.sin, x, 2)[2], 0.5, 2)[2], np.sin(0.5) / 4)


def test_the_polynomial():
    series = ag.taylor(np.exp, 0.5, 3)
    assert str(series) == "exp(1/2 + h) = 1.64872 + 1.64872 h + 0.824361 h² + 0.274787 h³ + O(h⁴)"
    assert "\\operatorname{exp}" in series._repr_latex_()
    assert str(ag.taylor(lambda x: -x / 3 - 2 * x**2, 0.0, 2)) == "f(h) = -h/3 - 2 h² + O(h³)"
    arrays = ag.taylor(np.square, x[1:], 1)
    assert str(arrays) == "square([-1.,  2.] + h) = [1., 4.] + [-2.,  4.] h + O(h²)"
    assert str(ag.taylor(np.exp, np.float16(0.5), 1)) == "exp(1/2 + h) = 1.64844 + 1.64844 h + O(h²)"
    assert ag.taylor(lambda x: None, 1.0, 2) == (None, None, None)
    again = pickle.loads(pickle.dumps(series))
    assert again == series
    assert str(again) == str(series)
    assert close(ag.taylor(np.exp, 0.5, 15)(0.5), math.e)
    assert close(np.polynomial.Polynomial(series)(0.1), series(0.1))


# ------------------------------------------------------------------------------------------------------ special points


def test_where_there_is_a_series():
    assert close(ag.taylor(np.sqrt, np.array([0.0, 1.0]), 2, np.array([0.0, 1.0])), [[0, 1], [0, 0.5], [0, -0.125]])
    assert ag.taylor(lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0), 0.0, 3) == (0, 0, 0, 0)
    assert ag.taylor(lambda x: x**3.5, 0.0, 3) == (0, 0, 0, 0)
    assert close(ag.taylor(np.sinc, 0.0, 4)[4], math.pi**4 / 120)
    assert close(ag.taylor(lambda x: ag.xlogy(x, 2.0), 0.0, 3), [0, math.log(2), 0, 0])
    assert close(ag.taylor(lambda t: np.hypot(t, 1.0), 0.0, 4), [1, 0, 0.5, 0, -0.125])
    assert ag.taylor(ag.relu, 0.0, 2) == (0, 0, 0)  # the branch that its gradient has
    assert ag.taylor(lambda x: np.where(x >= 0, x**2, 0.0), 0.0, 2) == (0, 0, 1)
    assert all(np.isnan(c) for c in ag.taylor(np.exp, np.nan, 2))  # nan in, nan out, as in NumPy
    assert np.isinf(ag.taylor(np.exp, 1000.0, 2)[0])


@pytest.mark.parametrize(("f", "at", "message"), [
    (np.sqrt, np.array([1.0, 0.0]), r"sqrt at 0.0 has no Taylor series.*coefficient 1 is inf \(entry \(1,\)"),
    (lambda x: np.sqrt(x * x), 0.0, "sqrt at 0.0"), (lambda x: x**3.5, 0.0, "power at 0.0, 3.5"),
    (lambda t: np.hypot(t, t), 0.0, "hypot at 0.0, 0.0"), (lambda x: ag.xlogy(x, x), 0.0, "xlogy"),
    (lambda x: np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x)), 0.0, "equal at .* is True at this point"),
    (lambda x: np.where(x * x > 0, x, 1.0), 0.0, "greater at .* is False at this point"),
])  # fmt: skip
def test_where_there_is_none(f, at, message):
    with pytest.raises(ValueError, match=message):
        ag.taylor(f, at, 5)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="expected floats, got an argument of int64"):
        ag.taylor(np.exp, 2, 3)
    with pytest.raises(TypeError, match="returned 'a'; expected numbers and arrays"):
        ag.taylor(lambda x: "a", 2.0, 3)
    with pytest.raises(ValueError, match="an order of at least 0, got -1"):
        ag.taylor(np.exp, 2.0, -1)
    with pytest.raises(RuntimeError, match="cannot branch"):
        ag.taylor(lambda x: x if x > 0 else -x, 1.0, 2)
    for series in ((1.0,), (np.array(1.0),)):
        with pytest.raises(TypeError, match=r"jet: expected tuples with an entry for each argument"):
            ag.jet(np.sin, (1.0,), series)
    with pytest.raises(TypeError, match=r"taylor: expected a function as the first argument, got float"):
        ag.taylor(0.5, np.sin, 2)
    with pytest.raises(ValueError, match=r"expected 2 lists of one length, one for each argument; got \[2, 1\]"):
        ag.jet(np.multiply, (2.0, 3.0), ([1.0, 0.0], [1.0]))
    with pytest.raises(ValueError, match=r"coefficient 1 of array 0 .* is float64\[\]; expected float64\[3\]"):
        ag.jet(np.sin, (x,), ([1.0],))
    with pytest.raises(TypeError, match="tuples with an entry for each argument"):
        ag.jet(np.sin, 2.0, [1.0])
    with pytest.raises(ValueError, match="order 300 is too high for Python's stack"):
        ag.taylor(lambda x: x**2.5, 0.9, 300)
