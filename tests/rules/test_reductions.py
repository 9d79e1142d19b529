"""Reductions: as NumPy does them, with derivatives; the choices at ties, zeros, infinities and nothing."""

import math
import warnings

import numpy as np
import pytest
from agreement import agrees, same
from functions import by_name, gradient

import autograd_lite as ag
from autograd_lite.program import trace
from autograd_lite.rules import _arrays
from autograd_lite.rules.reductions import logsumexp

rng = np.random.default_rng(0)
X, M, T = rng.normal(size=4), rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))
F, R = np.asfortranarray(M), M[::-1, ::-1]
Z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
S = np.array(0.5)  # a 0-d array
W = np.array([[True, False, True], [True, True, False]])
NAN = np.where(np.eye(3, dtype=bool), np.nan, rng.normal(size=(3, 3)))

REDUCTIONS = (np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp, np.average)
NAN_REDUCTIONS = (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin)
FOLDED = (np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.nanmax, np.nanmin)
MOMENTS = (np.mean, np.var, np.std, np.nanmean, np.nanvar, np.nanstd)


# ---------------------------------------------------------------------------------------------- as NumPy does


@by_name((*REDUCTIONS, *NAN_REDUCTIONS))
def test_axes_and_layouts(f):
    cases = (X, None), (X, 0), (M, None), (M, 1), (F, 0), (R, -1), (T, (0, 2)), (T, (-1, 1)), (T[:, :1], 1)
    for x, axis in cases:
        if f in (np.std, np.nanstd) and x.ndim == 3 and x.shape[1] == 1:
            continue  # a single entry has no spread: a kink
        agrees(lambda x, axis=axis: f(x, axis=axis), x, order=1)
        agrees(lambda x, axis=axis: f(x, axis=axis, keepdims=True), x, order=1)
    agrees(f, M)


@by_name((np.sum, np.prod, np.mean, np.max, np.min, np.nansum, np.nanmax, np.nanmean))
def test_numbers_and_no_axes(f):
    agrees(f, S)
    agrees(lambda x: f(x, axis=()), M)


@by_name((np.sum, np.prod, np.mean, np.average, np.nansum, np.nanprod, np.nanmean, np.var, np.std, np.nanvar))
def test_complex(f):
    agrees(lambda z: f(z, axis=1), Z)


@by_name(FOLDED)
def test_initial_and_where(f):
    agrees(lambda x: f(x, axis=1, initial=0.25), M)
    agrees(lambda x: f(x, initial=-2.0, keepdims=True), M)
    agrees(lambda x: f(x, axis=0, initial=-5.0, where=W), M)
    agrees(lambda x: f(x, axis=1, initial=1.5, where=W[0]), M)
    if f in (np.sum, np.prod, np.nansum, np.nanprod):
        agrees(lambda x: f(x, axis=0, where=W), M)


@by_name(MOMENTS)
def test_where(f):
    agrees(lambda x: f(x, axis=1, where=W), M)
    agrees(lambda x: f(x, where=W[:, :1], keepdims=True), M)
    same(f(ag.tensor(np.float32(M)), axis=1, where=W), f(np.float32(M), axis=1, where=W))


@by_name((np.var, np.std, np.nanvar, np.nanstd))
def test_degrees_of_freedom_and_mean(f):
    agrees(lambda x: f(x, ddof=1), M)
    agrees(lambda x: f(x, axis=1, correction=0.5), M)
    agrees(lambda x, m: f(x, axis=1, mean=m), M, rng.normal(size=(2, 1)))
    agrees(lambda x: f(x, axis=1, ddof=1, mean=x.mean(axis=1, keepdims=True), keepdims=True), M)
    agrees(lambda z: f(z, axis=1, mean=z.mean(axis=1, keepdims=True)), Z)


@by_name((np.sum, np.prod, np.mean, np.var, np.std, np.nansum, np.nanmean))
def test_dtype(f):
    same(f(ag.tensor(np.float32(M)), dtype=np.float64), f(np.float32(M), dtype=np.float64))
    same(f(ag.tensor([1, 2, 4])), f(np.array([1, 2, 4])))
    same(f(ag.tensor([True, False])), f(np.array([True, False])))
    assert gradient(lambda x: f(x, dtype=np.float64), np.float32(M)).dtype == np.float32


@by_name((*REDUCTIONS, *NAN_REDUCTIONS, logsumexp))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_small_and_large_floats_are_kept(f, dtype):
    x = M.astype(dtype)
    assert f(ag.tensor(x)).dtype == dtype
    assert f(ag.tensor(x), axis=1).dtype == dtype
    assert gradient(lambda x: f(x, axis=1), x).dtype == dtype


@pytest.mark.parametrize(("axis", "shape"), [(1, (3,)), ((1, 0), (3, 2)), (None, (2, 3)), (0, (2, 3))])
def test_weighted_average(axis, shape):
    w = rng.uniform(1, 2, size=shape)
    agrees(lambda x, w: np.average(x, axis=axis, weights=w), M, w)
    agrees(lambda x, w: np.average(x, axis=axis, weights=w, returned=True, keepdims=True), M, w)


def test_average():
    agrees(lambda x: np.average(x, axis=0, returned=True), M)
    agrees(lambda w: np.average(M, axis=1, weights=w), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(TypeError, match=r"\(3,\).*axis="):
        np.average(ag.tensor(M), weights=[1, 2, 3])
    with pytest.raises(ValueError, match="do not fit"):
        np.average(ag.tensor(M), axis=0, weights=[1, 2, 3])
    with pytest.raises(ZeroDivisionError):
        np.average(ag.tensor(M), axis=1, weights=[1, -1, 0])


@by_name((np.any, np.all, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.count_nonzero))
def test_constants(f):
    x = ag.tensor(M, requires_grad=True)
    for options in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}):
        y = f(x, **options)
        same(y, f(M, **options))
        assert not y.requires_grad
    if f in (np.any, np.all):
        same(f(x, axis=(0, 1), where=W), f(M, axis=(0, 1), where=W))


def test_methods_and_other_names():
    x = ag.tensor(M)
    for name in ("sum", "prod", "mean", "var", "std", "max", "min", "argmax", "argmin", "any", "all"):
        same(getattr(x, name)(), getattr(M, name)())
        same(getattr(x, name)(axis=1, keepdims=True), getattr(M, name)(axis=1, keepdims=True))
    same(np.amax(x, 0), np.amax(M, 0))
    same(np.amin(x, 0), np.amin(M, 0))


# --------------------------------------------------------------------------------------------- kinks and ties


def test_entries_that_share_an_extreme_share_its_gradient():
    np.testing.assert_array_equal(gradient(np.max, [1.0, 3.0, 3.0, 2.0]), [0, 0.5, 0.5, 0])
    g = gradient(lambda x: np.min(x, axis=1), [[1.0, 1.0, 1.0], [1.0, 3.0, 2.0]])
    np.testing.assert_array_equal(g, [[1 / 3] * 3, [1, 0, 0]])
    np.testing.assert_array_equal(gradient(np.ptp, [1.0, 3.0, 3.0]), [-1, 0.5, 0.5])
    g = gradient(lambda x: np.max(x, axis=0), np.float32([[2, 1], [2, 3]]))
    np.testing.assert_array_equal(g, [[0.5, 0], [0.5, 1]])


def test_the_larger_of_two_arrays_is_another_function():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"entry by entry, write np\.maximum\(x1, x2\)"):
        ag.max(x, x)
    with pytest.raises(TypeError, match=r"write np\.minimum"):
        np.min(x, x)


def test_an_initial_extreme_takes_its_part():
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=5.0), [1.0, 3.0]), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=0.0), [1.0, 3.0]), [0, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=3.0), [1.0, 3.0]), [0, 0.5])


def test_an_extreme_of_nan_has_no_derivative():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(gradient(np.max, [1.0, np.nan])).all()
        g = gradient(lambda x: np.max(x, axis=1), [[1.0, np.nan], [2.0, 1.0]])
        np.testing.assert_array_equal(g, [[np.nan, np.nan], [1, 0]])


@pytest.mark.parametrize("x", [[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
def test_prod_is_exact_with_zeros_to_every_order(x):
    x = np.array(x)
    first = [x[1] * x[2], x[0] * x[2], x[0] * x[1]]
    second = [[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]]
    np.testing.assert_array_equal(ag.grad(np.prod)(x), first)
    np.testing.assert_array_equal(ag.hessian(np.prod)(x), second)
    third = ag.grad(lambda x: ag.hessian(np.prod)(x)[0, 1])(x)
    np.testing.assert_array_equal(third, [0, 0, 1])


def test_prod_of_tiny_and_huge_entries():
    np.testing.assert_allclose(gradient(np.prod, [1e-300, 1e300, 0.5]), [5e299, 5e-301, 1.0])
    np.testing.assert_allclose(gradient(np.prod, [1e-310, 1.0]), [1.0, 1e-310])


def test_std_of_equal_entries_is_flat():
    np.testing.assert_array_equal(gradient(np.std, [2.0, 2.0]), [0, 0])
    np.testing.assert_array_equal(gradient(np.std, 3.0), 0)
    np.testing.assert_array_equal(ag.hessian(np.std)(np.array([2.0, 2.0])), np.zeros((2, 2)))
    np.testing.assert_array_equal(gradient(np.nanstd, [2.0, np.nan, 2.0]), [0, 0, 0])
    g = gradient(lambda x: np.std(x, where=[True, True, False]), [2.0, 2.0, 9.0])
    np.testing.assert_array_equal(g, [0, 0, 0])
    g = gradient(lambda x: np.std(x, axis=1), [[1.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(g, [[0, 0], [-0.5, 0.5]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_too_few_degrees_of_freedom_are_nan_as_in_numpy():
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        same(f(ag.tensor([1.0]), ddof=1), f(np.array([1.0]), ddof=1))
        same(f(ag.tensor([1.0, 3.0]), ddof=2), f(np.array([1.0, 3.0]), ddof=2))
    assert np.isnan(gradient(lambda x: np.var(x, ddof=1), [1.0])).all()


def test_complex_variance_descends():
    z = Z.ravel()
    for f in (np.var, np.std, lambda z: np.var(z, where=np.ones(6, bool))):
        g = ag.grad(f)(z)
        assert f(z - 1e-3 * g) < f(z) - 0.9e-3 * np.vdot(g, g).real


def test_mean_of_half_precision_does_not_overflow():
    x = np.full(2000, 100, np.float16)
    assert np.mean(ag.tensor(x)) == 100
    assert np.mean(ag.tensor(x), where=np.ones(2000, bool)) == 100
    many = np.ones(70000, np.float16)
    np.testing.assert_allclose(gradient(np.mean, many), 1 / 70000, rtol=1e-2)


# ---------------------------------------------------------------------------------------------------- nothing


def test_of_nothing():
    for f, neutral in ((np.sum, 0), (np.nansum, 0), (np.prod, 1), (np.nanprod, 1), (logsumexp, -math.inf)):
        for axis, shape in ((None, (0,)), (1, (2, 0)), (0, (2, 0)), ((0, 1), (2, 0))):
            y, pull = ag.vjp(lambda x, f=f, axis=axis: f(x, axis=axis), np.zeros(shape))
            np.testing.assert_array_equal(y, np.full(y.shape, neutral))
            assert pull(np.ones_like(y))[0].shape == shape
    for f in (np.max, np.min, np.nanmax, np.ptp):
        with pytest.raises(ValueError, match=r"(max|min).*\(0,\).*zero-size"):
            f(ag.tensor(np.zeros(0)))
    assert np.max(ag.tensor(np.zeros(0)), initial=2.5) == 2.5
    same(np.min(ag.tensor(np.zeros((2, 0))), axis=1, initial=2.5), np.array([2.5, 2.5]))
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.mean(ag.tensor(np.zeros(0))).item())


# -------------------------------------------------------------------------------------------------- logsumexp


def test_logsumexp():
    def plain(x, axis=None, keepdims=False):
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))

    for x, axis in ((S, None), (X, None), (M, 0), (R, -1), (F, None), (T, (2, 0))):
        for keep in (False, True):
            agrees(
                lambda x, axis=axis, keep=keep: logsumexp(x, axis, keepdims=keep),
                x,
                like=lambda x, axis=axis, keep=keep: plain(x, axis, keep),
            )
    agrees(lambda z: logsumexp(z, 1), Z, like=lambda z: plain(z, 1))
    same(logsumexp(ag.tensor([1, 2])), plain(np.array([1, 2])))


def test_logsumexp_where_exp_overflows():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, pull = ag.vjp(logsumexp, np.array([1000.0, 1000.0, -1e308]))
        np.testing.assert_allclose(y, 1000 + math.log(2))
        np.testing.assert_allclose(pull(1.0)[0], [0.5, 0.5, 0])
        y, pull = ag.vjp(logsumexp, np.array([-1e5, -1e5 - 1]))
        np.testing.assert_allclose(y, -1e5 + math.log1p(math.exp(-1)))
        assert np.float32(logsumexp(ag.tensor(np.float32([200, 100]))).item()) == 200


def test_logsumexp_of_infinities():
    inf = math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x, y, g in (
            ([-inf, -inf], -inf, [0, 0]),
            ([-inf, 1.0], 1.0, [0, 1]),
            ([inf, 1.0], inf, [1, 0]),
            ([inf, -inf, inf], inf, [1, 0, 1]),
        ):
            value, pull = ag.vjp(logsumexp, np.array(x))
            assert value == y
            np.testing.assert_array_equal(pull(1.0)[0], g)
        h = ag.hessian(logsumexp)(np.array([-inf, -inf, -inf]))
        np.testing.assert_array_equal(h, np.zeros((3, 3)))
    assert np.isnan(logsumexp(ag.tensor([1.0, np.nan])).item())


def test_logsumexp_keeps_the_digits_of_a_result_near_0():
    x = ag.tensor([0.0, -50.0])
    assert logsumexp(x).item() == pytest.approx(math.exp(-50), rel=1e-12)
    assert np.logaddexp.reduce(x).item() == pytest.approx(np.logaddexp(-50, 0), rel=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("b", [[[1.0], [-2.0]], 0.0, [0.5, 0.0, 2.0], None])
@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": (0, 1), "keepdims": True}])
@pytest.mark.parametrize("return_sign", [False, True])
def test_weighted_logsumexp(b, options, return_sign):
    theirs = pytest.importorskip("scipy.special").logsumexp
    b = None if b is None else np.array(b)
    for x in (np.array([[0.5, -1.0, 0.25], [2.0, 1.5, -0.5]]), np.array([[1.0, 400.0, -3.0], [1.0, 2.0, -np.inf]])):
        found = logsumexp(ag.tensor(x), b=b, return_sign=return_sign, **options)
        expected = theirs(x, b=b, return_sign=return_sign, **options)
        for y, e in zip(found, expected, strict=True) if return_sign else [(found, expected)]:
            np.testing.assert_allclose(y.numpy(), e, rtol=1e-12)


def test_an_entry_of_weight_0_does_not_count_and_has_the_slope_of_its_weight():
    x, b = np.array([1.0, 2.0, np.inf, 1e6]), np.array([1.0, 0.0, 0.0, 0.0])
    assert logsumexp(x, b=b) == 1.0
    np.testing.assert_allclose(ag.grad(lambda b: logsumexp(x[:2], b=b))(b[:2]), [1.0, np.e], rtol=1e-14)


# ------------------------------------------------------------------------------------------ as if without nan


@by_name(NAN_REDUCTIONS)
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": 1, "keepdims": True}])
def test_nan_is_left_out_and_gets_no_gradient(f, options):
    same(f(ag.tensor(NAN), **options), f(NAN, **options))
    g = gradient(lambda x: f(x, **options), NAN)
    assert (g[np.isnan(NAN)] == 0).all()
    # The others have the derivative that they have where the nan are not there at all.
    rows = NAN if options.get("axis", 1) else NAN.T
    if options:
        plain = getattr(np, f.__name__.removeprefix("nan"))
        expected = [np.insert(gradient(plain, row[~np.isnan(row)]), k, 0) for k, row in enumerate(rows)]
        np.testing.assert_allclose(g if options["axis"] else g.T, expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_all_nan():
    x = np.array([[np.nan, np.nan], [1.0, 2.0]])
    for f in NAN_REDUCTIONS:
        same(f(ag.tensor(x), axis=1), f(x, axis=1))
    np.testing.assert_array_equal(gradient(lambda x: np.nansum(x, axis=1), x), [[0, 0], [1, 1]])


def test_nan_of_whole_numbers():
    for f in NAN_REDUCTIONS:
        same(f(ag.tensor([1, 2, 4])), f(np.array([1, 2, 4])))


# ------------------------------------------------------------------------------------------ methods of ufuncs

REDUCING = (np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp)


@by_name(REDUCING)
def test_ufunc_reduce(f):
    agrees(f.reduce, M)
    agrees(lambda x: f.reduce(x, 1), M)
    agrees(lambda x: f.reduce(x, axis=None), M)
    agrees(lambda x: f.reduce(x, axis=(0, -1), keepdims=True), T)
    agrees(lambda x: f.reduce(x, axis=1, initial=0.25), M)
    agrees(lambda x: f.reduce(x, axis=0, initial=0.25, where=W), M)
    same(f.reduce(ag.tensor(S)), f.reduce(S))
    if f not in (np.logaddexp,):
        x = np.float32(M)
        same(f.reduce(ag.tensor(x), dtype=np.float64), f.reduce(x, dtype=np.float64))


# ------------------------------------------------------------------------------------------- speed and memory


def test_a_cotangent_is_spread_without_a_copy():
    cases = (np.array(2.0), None, False), (np.ones((1, 1)), None, True), (np.ones(1000), 1, False)
    for g, axis, keepdims in cases:
        d = _arrays.spread(g, axis, keepdims, (1000, 1000))
        assert d.shape == (1000, 1000)
        assert 0 in d.strides
        assert np.shares_memory(d, g)
        assert not d.flags.writeable


@by_name([np.sum, np.mean, np.var, np.std, np.max, np.prod, logsumexp])
def test_a_reduction_is_one_step(f):
    y = f(ag.tensor(M, requires_grad=True), axis=0)
    assert y._node.row.name == f.__name__
    assert y._node.parents[0].row is None


def test_a_sum_keeps_nothing_of_its_argument():
    for f in (np.sum, np.mean):
        y = f(ag.tensor(np.ones((100, 100)), requires_grad=True) * 2, axis=0)
        assert y._node.xs == (None,)


# --------------------------------------------------------------------------------------------------- refusals


@by_name((*(f for f in REDUCTIONS if f is not np.average), *NAN_REDUCTIONS, np.any, np.argmax))
def test_out_is_refused(f):
    with pytest.raises(TypeError, match="out="):
        f(ag.tensor(M), axis=1, out=np.zeros(2))


@by_name([np.sum, np.mean, np.var, np.max, logsumexp, np.argmax, np.any])
def test_a_bad_axis_names_the_function_and_the_shape(f):
    with pytest.raises(ValueError, match=rf"{f.__name__}\(tensor \(2, 3\)\).*axis 2 is out of bounds"):
        f(ag.tensor(M), axis=2)


def test_other_refusals():
    x = ag.tensor(M)
    with pytest.raises(ValueError, match="initial="):
        np.max(x, where=W)
    with pytest.raises(ValueError, match=r"where= of shape \(2, 2, 3\)"):
        np.sum(x, where=np.ones((2, 2, 3), bool))
    with pytest.raises(ValueError, match="ddof= and correction="):
        np.var(x, ddof=1, correction=1)
    with pytest.raises(TypeError, match="max"):
        np.max(x, 0, None, False, 0, True, 3)


@by_name((*REDUCTIONS, *NAN_REDUCTIONS, logsumexp))
def test_traced_on_one_input_it_is_right_on_another(f):
    program = trace(lambda x: f(x, axis=1))(np.ones((3, 3)))
    x = NAN if f in NAN_REDUCTIONS else rng.normal(size=(3, 3))
    np.testing.assert_allclose(program(x), f(x, axis=1), rtol=1e-12)


def test_a_traced_selection_follows_the_input():
    for f in (np.mean, np.std, np.nanvar, lambda x, where: np.max(x, initial=-9, where=where)):
        program = trace(lambda x, f=f: f(x, where=x > 0))(np.ones((2, 3)))
        np.testing.assert_allclose(program(M), f(M, where=M > 0), rtol=1e-12)


WIDENING = (
    np.sum, np.prod, np.cumsum, np.cumprod, np.nansum, np.nanprod, np.nancumsum, np.nancumprod, np.mean, np.trace,
    np.add.reduce, np.multiply.reduce, np.add.accumulate,
)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, bool])
@pytest.mark.parametrize("f", WIDENING)
def test_the_integer_dtype_that_was_asked_for(f, dtype):
    """NumPy adds narrow integers in 64 bits by default, but in `dtype` if that is given."""
    for x in (np.array([[200.7, 100.2], [3.0, 0.0]]), np.array([[100, 100], [3, 7]], np.int8)):
        for params in ({}, {"axis": 0}) if f is not np.trace else ({},):
            t = ag.tensor(x, requires_grad=x.dtype == float)
            y, expected = f(t, dtype=dtype, **params), f(x, dtype=dtype, **params)
            assert y.dtype == expected.dtype == dtype
            np.testing.assert_array_equal(y.numpy(), expected)


def test_an_integer_dtype_beside_other_keywords():
    x = np.array([[100.0, 100.0, 90.0], [1.0, 2.0, 3.0]])
    t = ag.tensor(x, requires_grad=True)
    for params in ({"initial": 1}, {"where": W}, {"where": W, "axis": 1, "keepdims": True}):
        for dtype in (np.int8, bool):
            same(np.sum(t, dtype=dtype, **params), np.sum(x, dtype=dtype, **params))
    y = np.add.reduceat(t, [0, 1], axis=1, dtype=np.int8)
    np.testing.assert_array_equal(y.numpy(), np.add.reduceat(x, [0, 1], axis=1, dtype=np.int8))
    with pytest.raises(TypeError, match="int8 would round every step of a variance"):
        np.var(t, dtype=np.int8)


def test_inputs_are_left_alone():
    x = M.copy()
    x.setflags(write=False)
    for f in (*REDUCTIONS, *NAN_REDUCTIONS, logsumexp):
        gradient(lambda x, f=f: f(x, axis=1), x)
    np.testing.assert_array_equal(x, M)
