"""Python numbers among the arguments: arithmetic between them is Python's, beside arrays they are weak as in NumPy."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import autograd_lite as ag

INTS = [0, 1, -1, 3, -7, 10, 2**40, 2**62, -(2**63), 2**70]
FLOATS = [0.1, -0.0, 2.5, -3.0, 1e308, np.inf, np.nan]
COMPLEX = [1 + 2j, 0j]
SMALL = [0, 1, -1, 2, -2, 5]
ARRAYS = [np.array([1, 2], dtype) for dtype in (np.float32, np.float64, np.int64, np.int8, np.complex64)]


BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "divmod": lambda a, b: divmod(a, b)[1], "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne, ">>": operator.rshift,
}  # fmt: skip
UNARY = {
    "-": operator.neg, "+": operator.pos, "~": operator.invert, "abs": abs, "round": round,
    "round to tenths": lambda a: round(a, 1), "round to tens": lambda a: round(a, -1), "real": lambda a: a.real,
    "imag": lambda a: a.imag, "conjugate": lambda a: a.conjugate(), "+= twice": lambda a: iadd(iadd(a)),
}  # fmt: skip


def iadd(a):
    a += 3
    return a


def check(run, f, *numbers):
    """The result, its dtype, the sign of a zero, or the class of the error are those of eager code."""
    with np.errstate(all="ignore"):
        try:
            expected = f(*numbers)
        except Exception as error:
            with pytest.raises(type(error)):
                run(*numbers)
            return
        y, e = np.asarray(run(*numbers)), np.asarray(expected)
    assert y.dtype == e.dtype, numbers
    assert np.array_equal(y, e, equal_nan=True), (numbers, y, e)
    assert np.array_equal(np.signbit(y.real), np.signbit(e.real)), numbers


def check_beside_arrays(op, *groups):
    for x in ARRAYS:
        def f(*numbers, x=x):
            return x * op(*numbers)

        run = ag.jit(f)
        for numbers in itertools.product(*groups):
            check(run, f, *numbers)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore")
def test_an_operator_of_two_numbers(name):
    check_beside_arrays(BINARY[name], INTS, [0, -7, 10, 2**70])
    check_beside_arrays(BINARY[name], FLOATS, [0.0, 2.5, np.nan])
    check_beside_arrays(BINARY[name], [0.1, 2, 2**70, 1j], [-3, 0.5, 1 + 2j])  # recorded again for each pair of types


@pytest.mark.parametrize("power", [operator.pow, operator.lshift], ids=["**", "<<"])
@pytest.mark.filterwarnings("ignore")
def test_a_power(power):
    """The type of ``n ** k`` depends on the sign of k."""
    check_beside_arrays(power, [0, 1, -3, 10, 2**40], SMALL)
    check_beside_arrays(power, [0.0, -2.5, 1e308], [*SMALL, 0.5, -0.5])


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore")
def test_an_operator_of_one_number(name):
    for group in (INTS, FLOATS, COMPLEX):
        check_beside_arrays(UNARY[name], group)


def test_long_formulas_and_constants():
    def f(x, n, a):
        for k in range(300):
            n = (n * 3 + k) % (2**80 - 65)
        return x * n * (a * float("nan") if k < 0 else a + 10**400 // 10**399) + (n > 2)

    x = np.ones(2, np.float32)
    run = ag.jit(f)
    for n, a in ((5, 0.5), (2**90, -0.25)):
        y = run(x, n, a)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, f(x, n, a))
    assert run.cache_info().currsize == 1


def test_a_numpy_function_of_a_number_is_strong():
    x = np.array([1, 2, 3], "f")
    for f in (
        lambda x, a: x * np.sqrt(a), lambda x, a: x * np.add(a, 1), lambda x, a: x * np.float64(2) * a,
        lambda x, a: x * (a + np.float32(1)), lambda x, a: np.dot(a, x), lambda x, a: np.where(x > 2, a, x),
        lambda x, a: np.clip(x, a, a + 1), lambda x, a: np.outer(a, x), lambda x, a: np.stack([a, x[0]]),
        lambda x, a: ag.set_at(x, 0, a), lambda x, a: np.full_like(x, a), lambda x, a: np.maximum(x, a) // a,
    ):  # fmt: skip
        for a in (0.1, 3):
            y, e = ag.jit(f)(x, a), f(x, a)
            assert y.dtype == e.dtype
            np.testing.assert_allclose(y, e, rtol=1e-6)


def test_an_error_that_depends_on_the_number():
    run = ag.jit(lambda x, n: x / (1 / n))
    np.testing.assert_array_equal(run(np.ones(2), 2), [2.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        run(np.ones(2), 0)
    np.testing.assert_array_equal(run(np.ones(2), 4), [4.0, 4.0])


def test_the_program_shows_the_arithmetic_and_runs_on_other_numbers():
    run = ag.jit(lambda x, n: x * (n * n))
    run(np.ones(2, np.float32), 2**40)
    assert "multiply(x, float32(n * n))" in str(run.program)
    np.testing.assert_array_equal(run.program(np.ones(2, np.float32), 3), [9, 9])


def test_numbers_as_positions_in_loops_and_in_transforms():
    x = np.arange(6.0)
    for f in (
        lambda n: x[n], lambda n: x[n + 1] + x[-n], lambda n: np.take(x, n // 2), lambda n: np.roll(x, n * 2 - 1),
        lambda n: ag.vmap(lambda v: v**2 * n)(x), lambda n: ag.grad(lambda v: np.sum(v**2 * (n + 1)))(x),
        lambda n: ag.jit(lambda x, k: x * k**2)(x, n), lambda n: x * divmod(n, 2)[0],
    ):  # fmt: skip
        run = ag.jit(f)
        for n in (1, 3):
            np.testing.assert_allclose(run(n), f(n))
        assert run.cache_info().currsize == 1
    derivative = ag.jit(lambda a: ag.grad(lambda v: v**2 * a)(a))
    assert [float(derivative(a)) for a in (2.0, 3.0)] == [8.0, 18.0]


def test_a_number_of_bins_is_static():
    x = np.array([1.0, 2.0, 3.0, 2.5])
    with pytest.raises(RuntimeError, match="static_argnames"):
        ag.jit(lambda x, n: np.histogram(x, n)[0])(x, 4)
    counts = ag.jit(lambda x, n: np.histogram(x, n)[0], static_argnames="n")(x, 4)
    assert np.asarray(counts).tolist() == np.histogram(x, 4)[0].tolist()
