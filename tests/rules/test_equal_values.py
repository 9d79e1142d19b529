"""Gradients through eigh, eig and svd of many matrices whose values are equal, or nearly: right, or an error."""

import numpy as np
import pytest
from thorough import EVERY_CASE

import autograd_lite as ag
from autograd_lite.table import TABLE
from autograd_lite.testing.gradients import check_gradients

la = np.linalg
GAPS = [0, 1e-15, 1e-14, 1e-13, 2e-13, 1e-10, 1e-3]  # beside values up to 2, in float64; float32 has as many roundings
DTYPES = ["f8", "f4", "c16", "c8"]
TOLERANCE = 1e-2  # of the largest entry: what is left of the rounding of nearly equal values
SEEDS = range(12 if EVERY_CASE[0] else 6)


def dagger(x):
    return np.conj(x.mT)


def normal(rng, dtype, *shape):
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x


def orthogonal(rng, dtype, m, n):
    return la.qr(normal(rng, dtype, m, n)).Q


def scaled(gap, dtype):
    """The gap that has as many units in the last place in this dtype."""
    return min(gap * float(np.finfo(dtype).eps / np.finfo(float).eps), 0.1)


def inner(a, b):
    return np.sum(np.real(np.conj(a) * b))


def gradient(f, a):
    """The gradient, or None if it is refused, as "not determined" or as the choice of a phase."""
    try:
        return ag.grad(f)(a)
    except la.LinAlgError as error:
        assert "not determined" in str(error)  # noqa: PT017  # most calls must not raise
        return None


def right(got, expected):
    return np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max()


def hermitian(seed, dtype, gap):
    """A matrix with the values 0.5, 1, 2 and 2 + gap, its vectors, these values, and a cotangent."""
    rng = np.random.default_rng(seed)
    q, d = orthogonal(rng, dtype, 4, 4), np.array([0.5, 1, 2, 2 + scaled(gap, dtype)])
    m = normal(rng, dtype, 4, 4)
    a = ((q * d) @ dagger(q)).astype(dtype)
    return (a + dagger(a)) / 2, q, d, (m + dagger(m)).astype(dtype)


def of_matrix(f, slope, q, d, m):
    """The gradient of <m, f(a)>, by divided differences of the exact values (Daleckii and Krein)."""
    gap = d - d[:, None]
    equal = np.abs(gap) < 1e-4
    slopes = np.where(equal, slope((d + d[:, None]) / 2), (f(d) - f(d)[:, None]) / np.where(equal, 1, gap))
    return q @ ((dagger(q) @ m @ q) * slopes) @ dagger(q)


def zero(w):
    return 0 * w


FUNCTIONS = {"itself": (lambda w: w, lambda w: 0 * w + 1), "exponential": (np.exp, np.exp)}


def symmetric(x):
    return (x + dagger(x)) / 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", GAPS)
class TestEigh:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions_of_the_matrix_are_right_or_refused(self, dtype, gap, name):
        f, slope = FUNCTIONS[name]
        refused = 0
        for seed in SEEDS:
            a, q, d, m = hermitian(seed, dtype, gap)

            def loss(x, m=m):
                w, v = la.eigh(symmetric(x))
                return inner(m, (v * f(w)) @ dagger(v))

            got = gradient(loss, a)
            refused += got is None
            assert got is None or right(got, of_matrix(f, slope, q, d, m)), seed
        assert refused == 0 if gap >= 1e-10 else refused == len(SEEDS) if gap <= 1e-15 else True

    def test_losses_that_do_not_depend_on_the_choice_are_right(self, dtype, gap):
        for seed in SEEDS:
            a, q, d, m = hermitian(seed, dtype, gap)

            def projection(x, m=m):
                v = la.eigh(symmetric(x)).eigenvectors[:, 2:]
                return inner(m, v @ dagger(v))

            def single(x, m=m):
                w, v = la.eigh(symmetric(x))
                return inner(m, (v[:, :2] * w[:2]) @ dagger(v[:, :2]))

            def squares(x):
                return np.sum(la.eigvalsh(symmetric(x)) ** 2)

            assert right(ag.grad(projection)(a), of_matrix(lambda d: 1.0 * (d > 1.5), zero, q, d, m)), seed
            expected = of_matrix(lambda d: d * (d < 1.5), lambda d: 1.0 * (d < 1.5), q, d, m)
            assert right(ag.grad(single)(a), expected), seed
            assert right(ag.grad(squares)(a), 2 * a), seed

    def test_a_vector_of_equal_values_is_refused(self, dtype, gap):
        if gap <= 1e-14:
            for seed in SEEDS:
                a, *_, m = hermitian(seed, dtype, gap)

                def one(x, m=m):
                    v = la.eigh(symmetric(x)).eigenvectors[:, 3:]
                    return inner(m, v @ dagger(v))

                assert gradient(one, a) is None, seed

    def test_of_a_stack_each_matrix_counts(self, dtype, gap):
        pairs = [hermitian(seed, dtype, g) for seed, g in enumerate((1e-3, gap))]
        a, m = (np.stack([pair[k] for pair in pairs]) for k in (0, 3))

        def loss(x):
            w, v = la.eigh(symmetric(x))
            return inner(m, (v * w[..., None, :]) @ dagger(v))

        got = gradient(loss, a)
        assert (got is None) == (gap <= 1e-13) or gap == 2e-13
        assert got is None or right(got, m)


def rectangular(seed, dtype, gap, shape):
    rng = np.random.default_rng(seed)
    k = min(shape)
    u, v, s = orthogonal(rng, dtype, shape[0], k), orthogonal(rng, dtype, shape[1], k), np.linspace(0.5, 2, k)
    s[-2] = s[-1] - scaled(gap, dtype)
    return ((u * s) @ dagger(v)).astype(dtype), u, s, v, normal(rng, dtype, *shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)], ids=str)
@pytest.mark.parametrize("gap", GAPS)
def test_svd(dtype, gap, shape):
    refused = 0
    for seed in SEEDS[:6]:
        a, u, s, v, m = rectangular(seed, dtype, gap, shape)

        def itself(x, m=m):
            u, s, vh = la.svd(x, full_matrices=False)
            return inner(m, (u * s) @ vh)

        def polar(x, m=m):
            u, _, vh = la.svd(x, full_matrices=False)
            return inner(m, u @ vh)

        def single(x, m=m):
            u, s, vh = la.svd(x, full_matrices=False)
            return inner(m, s[2:] * u[:, 2:] @ vh[2:])

        got = gradient(itself, a)
        refused += got is None
        assert got is None or right(got, m), seed
        n = dagger(u) @ m @ v
        expected = u @ ((n - dagger(n)) / (s + s[:, None])) @ dagger(v)
        expected = expected + ((m - u @ (dagger(u) @ m)) @ v / s) @ dagger(v)
        expected = expected + u @ (dagger((dagger(m) - v @ (dagger(v) @ dagger(m))) @ u / s))
        assert right(ag.grad(polar)(a), expected), seed
        assert np.isfinite(ag.grad(single)(a)).all() if min(shape) == 4 else True
        assert right(ag.grad(lambda x: np.sum(la.svdvals(x) ** 2))(a), 2 * a), seed
    assert refused == 0 if gap >= 1e-10 else refused == 6 if gap <= 1e-15 else True


@pytest.mark.parametrize("gap", GAPS)
def test_eig(gap):
    """Vectors that are not orthogonal amplify the rounding of the values by their condition."""
    refused = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        q = orthogonal(rng, "f8", 4, 4) + 0.2 * rng.normal(size=(4, 4))
        a, m = (q * np.array([0.5, 1, 2, 2 + gap])) @ la.inv(q), rng.normal(size=(4, 4))

        def loss(x, m=m):
            w, v = la.eig(x)
            return inner(m, (v * w) @ la.inv(v))

        def trace(x):
            return np.sum(np.real(la.eigvals(x) ** 2))

        try:
            got = ag.grad(loss)(a)
        except la.LinAlgError as error:
            assert "not determined" in str(error) or "full set of eigenvectors" in str(error)  # noqa: PT017  # see above
            refused += 1
        else:
            assert right(got, m), seed
        assert right(ag.grad(trace)(a), 2 * a.T), seed
    assert refused == 0 if gap >= 1e-10 else refused == len(SEEDS) if gap <= 1e-15 else True


@pytest.mark.parametrize("a", [np.eye(3), np.zeros((3, 3)), np.diag([1.0, 2.0, 2.0])], ids=["1", "0", "diagonal"])
@pytest.mark.parametrize(
    "f",
    [
        lambda w, v: (v * w) @ v.mT,
        lambda w, v: (v * w) @ la.inv(v),
        lambda w, v: (v * np.exp(w)) @ la.inv(v),
    ],
)
@pytest.mark.parametrize("name", ["eigh", "eig"])
def test_exactly_equal_values_hide_the_derivative_of_a_function_of_the_matrix(name, f, a):
    m = np.arange(9.0).reshape(3, 3)
    with pytest.raises(la.LinAlgError, match="not determined"):
        ag.grad(lambda x: np.sum(m * np.real(f(*getattr(la, name)(x)))))(a)


def test_so_do_singular_values_of_zero():
    def itself(x):
        u, s, vh = la.svd(x)
        return np.sum((u * s) @ vh)

    with pytest.raises(la.LinAlgError, match="not determined"):
        ag.grad(itself)(np.zeros((3, 3)))


def test_the_values_of_their_own_beside_a_projection():
    """The remedy: the cotangents of values and vectors then stay apart."""
    a, q, d, m = hermitian(0, "f8", 0)

    def loss(x):
        v = la.eigh(symmetric(x)).eigenvectors[:, 2:]
        return inner(m, v @ v.mT) + np.sum(la.eigvalsh(symmetric(x)) ** 2)

    expected = of_matrix(lambda d: 1.0 * (d > 1.5), zero, q, d, m) + 2 * a
    assert right(ag.grad(loss)(a), expected)


def test_principal_components_of_a_matrix_of_low_rank():
    """Many values of zero; the loss uses the others, and their vectors."""
    x = np.random.default_rng(0).normal(size=(3, 20))
    a = x.T @ x

    def loss(a):
        w, v = la.eigh(symmetric(a))
        return np.sum((v[:, -3:] * np.sqrt(w[-3:])) ** 2 * np.arange(60.0).reshape(20, 3))

    step = 1e-5 * symmetric(np.random.default_rng(1).normal(size=(20, 20)))
    slope = (loss(a + step) - loss(a - step)) / 2
    assert np.sum(ag.grad(loss)(a) * step) == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", GAPS)
def test_square_roots_need_no_gap(dtype, gap):
    pytest.importorskip("scipy")
    a, q, d, m = hermitian(0, dtype, gap)
    expected = of_matrix(np.sqrt, lambda w: 0.5 / np.sqrt(w), q, d, m)
    assert right(ag.grad(lambda x: inner(m, ag.linalg.sqrtm(x)))(a), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", GAPS)
def test_pseudo_inverses_need_no_gap(dtype, gap):
    a, *_, m = rectangular(0, dtype, gap, (5, 3))

    def plain(x):
        return dagger(la.inv(dagger(x) @ x) @ dagger(x))

    assert right(ag.grad(lambda x: inner(m, dagger(la.pinv(x))))(a), ag.grad(lambda x: inner(m, plain(x)))(a))
    b = m[:, 0]
    y, r = la.pinv(a) @ b, b - a @ (la.pinv(a) @ b)
    assert right(ag.grad(lambda x: np.sum(np.abs(x @ la.lstsq(x, b)[0] - b) ** 2))(a), -2 * np.outer(r, np.conj(y)))


@pytest.mark.parametrize("name", ["eigh", "eig"])
def test_empty_matrices_have_empty_gradients(name):
    w = ag.tensor(np.zeros((0, 0)), requires_grad=True)
    values, vectors = getattr(la, name)(w)
    np.real(values.sum() + vectors.sum()).backward()
    assert w.grad.shape == (0, 0)


def test_a_complex_turn_over_a_real_gap():
    """The row that divides a rotation by a gap: both rules, for complex rotations, and away from the limit."""
    rng = np.random.default_rng(0)
    turn, gap = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)), rng.uniform(1, 2, (2, 3))
    report = check_gradients(lambda t, w: TABLE["over"](t, w, 0.0), turn, gap, order=2)
    assert report, report


def test_no_gap_is_no_rotation_up_to_the_limit():
    turn, gap = np.array([1e-9, 1e-9, 0.5]), np.array([0.0, 2.0, 0.0])
    t = ag.tensor(turn, requires_grad=True)
    y = TABLE["over"](t, gap, 1e-6)
    np.testing.assert_array_equal(y.detach().numpy(), [0.0, 5e-10, np.inf])
