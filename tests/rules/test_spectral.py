"""eigh, eig, svd: values and vectors, real and complex, and what is not determined."""

import itertools
from functools import partial

import agreement
import numpy as np
import pytest
from thorough import crossed, mostly_thorough

import autograd_lite as ag
from autograd_lite import testing

# In the rounding of LAPACK the measurement may see a kink.
assert_gradients = partial(testing.assert_gradients, kinks="note")
agrees = partial(agreement.agrees, kinks="note")
rng = np.random.default_rng(0)
la = np.linalg


def N(*shape):
    return rng.normal(size=shape)


def C(*shape):
    return N(*shape) + 1j * N(*shape)


def dagger(x):
    return np.conj(x.mT)


def symmetric(x):
    return x + dagger(x)


# ------------------------------------------------------------------------------------------------------- eigh


@pytest.mark.parametrize("UPLO", ["L", "U", "l"])
@pytest.mark.parametrize("a", [N(3, 3), N(2, 2, 2), N(1, 1)], ids=lambda a: str(a.shape))
def test_eigh(a, UPLO):
    agrees(lambda x: la.eigh(symmetric(x), UPLO), a)
    agrees(lambda x: la.eigvalsh(symmetric(x), UPLO), a)


@pytest.mark.parametrize("UPLO", mostly_thorough(["L", "U"]))
def test_eigh_of_complex_matrices_through_what_no_phase_changes(UPLO):
    def f(x):
        w, v = la.eigh(x, UPLO)
        return w, np.abs(v), (v * np.exp(w / 4)[..., None, :]) @ dagger(v)

    a = symmetric(C(3, 3))
    agrees(f, a, like=lambda x: f(x))
    assert_gradients(lambda x: f(symmetric(x)), C(2, 2, 2))


@pytest.mark.parametrize("UPLO", ["L", "U"])
def test_only_one_triangle_counts(UPLO):
    a = symmetric(N(3, 3))
    assert_gradients(lambda x: la.eigvalsh(x, UPLO), a)
    g = ag.grad(lambda x: la.eigh(x, UPLO).eigenvectors[0, 0])(a)
    np.testing.assert_array_equal(g, np.tril(g) if UPLO == "L" else np.triu(g))


def test_the_gradient_of_an_eigenvalue_is_its_projection():
    a = symmetric(N(3, 3))
    v = la.eigh(a).eigenvectors[:, 0]
    g = ag.grad(lambda x: la.eigvalsh((x + x.mT) / 2)[0])(a)
    np.testing.assert_allclose(g, np.outer(v, v), atol=1e-12)


def test_the_exponential_of_a_matrix():
    """d exp(A) along A itself is A exp(A)."""
    a = symmetric(N(3, 3))

    def exp(x):
        w, v = la.eigh(x)
        return (v * np.exp(w)) @ v.mT

    y, dy = ag.jvp(exp, (a,), (a,))
    np.testing.assert_allclose(dy, a @ y, rtol=1e-9, atol=1e-10)


# -------------------------------------------------------------------------------------------------------- eig


@pytest.mark.parametrize("a", [symmetric(N(3, 3)) + N(3, 3) / 9, N(1, 1)], ids=lambda a: str(a.shape))
def test_eig_with_real_values(a):
    """They are complex numbers since NumPy 2.5, but have no phase to choose."""
    agrees(lambda x: tuple(np.real(y) for y in la.eig(x)), a)


@pytest.mark.parametrize(
    "a",
    [C(3, 3), C(2, 2, 2), N(3, 3) + 3 * np.tri(3) - 3 * np.tri(3).T],
    ids=lambda a: f"{a.shape} {a.dtype}",
)
def test_eig_with_complex_values_through_what_no_phase_changes(a):
    def f(x):
        w, v = la.eig(x)
        return w, np.abs(v), (v * np.exp(w / 4)[..., None, :]) @ la.inv(v)

    agrees(f, a)
    agrees(la.eigvals, a)


def test_a_matrix_without_a_full_set_of_eigenvectors():
    t = ag.tensor([[1.0, 1.0], [0.0, 1.0]], requires_grad=True)
    with pytest.raises(
        la.LinAlgError, match=r"linalg.eig: to rounding the matrix has no full set of eigenvectors"
    ):
        np.real(la.eigvals(t)[0]).backward()


# -------------------------------------------------------------------------------------------------------- svd

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (1, 3), (3, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_svd(shape):
    agrees(lambda a: la.svd(a, full_matrices=False), N(*shape))
    agrees(la.svdvals, N(*shape))
    agrees(lambda a: la.svd(a, compute_uv=False), C(*shape))


@pytest.mark.parametrize("shape", [*SHAPES[:3], *mostly_thorough([(shape,) for shape in SHAPES[3:]], 0)], ids=str)
def test_svd_of_complex_matrices_through_what_no_phase_changes(shape):
    def f(a):
        u, s, vh = la.svd(a, full_matrices=False)
        return np.abs(u), s, np.abs(vh), u @ vh, (u * np.exp(s)[..., None, :]) @ dagger(u)

    agrees(f, C(*shape))


@pytest.mark.parametrize(("shape", "make"), crossed([(4, 2), (2, 4), (2, 3, 2), (3, 3)], [N, C]))
def test_full_matrices_through_the_projection_on_what_is_added(shape, make):
    k = min(shape[-2:])

    def f(a):
        u, s, vh = la.svd(a)
        added, rows = u[..., k:], vh[..., k:, :]
        return added @ dagger(added), dagger(rows) @ rows, s, np.abs(u[..., :k])

    agrees(f, make(*shape))


def test_one_added_vector_of_reals_is_determined():
    agrees(la.svd, N(3, 2))
    agrees(la.svd, N(2, 3))


def test_svd_of_a_hermitian_matrix():
    a = symmetric(N(3, 3))
    agrees(lambda x: la.svd(x, hermitian=True), a)
    agrees(lambda x: la.svd(x, compute_uv=False, hermitian=True), a)

    def f(x):
        u, s, vh = la.svd(x, hermitian=True)
        return np.abs(u), s, np.abs(vh), (u * s) @ vh

    agrees(f, symmetric(C(3, 3)))


def test_the_gradient_of_a_singular_value_is_the_product_of_its_vectors():
    a = N(4, 3)
    u, _, vh = la.svd(a)
    np.testing.assert_allclose(ag.grad(lambda x: la.svdvals(x)[0])(a), np.outer(u[:, 0], vh[0]), atol=1e-12)


def test_a_singular_value_of_zero_is_no_obstacle_to_a_square_matrix():
    """Its vectors turn against those of the other values only."""
    a = np.diag([3.0, 2.0, 0.0]) @ la.qr(N(3, 3)).Q

    def f(x):
        u, s, _ = la.svd(x)
        return (u[:, 0] ** 2 * np.arange(3.0)).sum() + s[1]

    assert_gradients(f, a, order=1)


def test_the_names_of_the_results():
    t = ag.tensor(np.diag([3.0, 1.0, 2.0]), requires_grad=True)
    assert la.svd(t)._fields == ("U", "S", "Vh")
    assert la.eigh(t)._fields == la.eig(t)._fields == ("eigenvalues", "eigenvectors")
    assert la.svd(t).S.requires_grad


@pytest.mark.parametrize("shape", [s for n in (1, 2, 3) for s in itertools.product((0, 2, 3), repeat=n + 1) if 0 in s])
@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_empty(shape, dtype):
    """One matrix or several, where a size is 0: every part of the result, alone and together with others."""
    x = np.ones(shape, dtype)
    functions = [partial(la.svd, full_matrices=full) for full in (False, True)]
    functions += [lambda a: (la.svdvals(a),), *([la.eigh, la.eig] if shape[-1] == shape[-2] else [])]
    functions += [lambda a: (la.cond(a),)] * (0 not in shape[-2:])

    def total(a, f, used):
        return sum(np.real(y.sum()) * u for y, u in zip(f(a), used, strict=True))

    for f in functions:
        for used in itertools.product((0, 1), repeat=len(f(x))):
            if any(used):
                np.testing.assert_array_equal(ag.grad(total)(x, f, used), np.zeros(shape, dtype))
        tangents = ag.jvp(lambda a, f=f: tuple(f(a)), (x,), (x,))[1]
        assert [y.shape for y in f(x)] == [dy.shape for dy in tangents]


@pytest.mark.parametrize("f", [lambda a: la.eigh(a), lambda a: la.eig(a), lambda a: la.svd(a)])
def test_float32_stays(f):
    t = ag.tensor(symmetric(N(3, 3)).astype("f4"), requires_grad=True)
    sum(np.real(y).sum() for y in f(t)).backward()
    assert t.grad.dtype == np.float32


# --------------------------------------------------------------------------------------------- not determined

EQUAL = np.diag([1.0, 2.0, 2.0])


@pytest.mark.parametrize("a", [EQUAL, np.eye(3)])
@pytest.mark.parametrize("values", [la.eigvalsh, la.svdvals, lambda x: la.eigh(x).eigenvalues])
def test_equal_values_have_a_gradient(values, a):
    """The sum of their squares is smooth everywhere: it is the sum of all entries' squares."""
    g = ag.grad(lambda x: (values((x + x.mT) / 2) ** 2).sum())(a)
    np.testing.assert_allclose(g, 2 * a, atol=1e-12)


def rotated():
    q = la.qr(N(3, 3)).Q
    return q @ EQUAL @ q.T


@pytest.mark.parametrize("a", [EQUAL, rotated()], ids=["exactly", "to rounding"])
@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: la.eigh(x).eigenvectors[:, 2].sum(), "linalg.eigh: two eigenvalues are equal"),
        (lambda x: la.svd(x).U[:, 0].sum(), "linalg.svd: two singular values are equal"),
    ],
)
def test_vectors_of_equal_values_are_refused(f, message, a):
    with pytest.raises(la.LinAlgError, match=message):
        f(ag.tensor(a, requires_grad=True)).backward()


def test_eig_too():
    t = ag.tensor(EQUAL, requires_grad=True)
    with pytest.raises(la.LinAlgError, match=r"linalg.eig: two eigenvalues are equal"):
        np.real(la.eig(t).eigenvectors[:, 2]).sum().backward()


def test_a_vector_whose_value_is_single_has_a_gradient_beside_equal_ones():
    a = rotated()
    e = symmetric(N(3, 3))

    def f(x):
        v = la.eigh((x + x.mT) / 2).eigenvectors[:, 0]
        return v * (v @ np.arange(3.0))

    step = 1e-6
    dy = ag.jvp(f, (a,), (e,))[1]
    np.testing.assert_allclose(dy, (f(a + step * e) - f(a - step * e)) / (2 * step), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose((ag.vjp(f, a)[1](np.arange(3.0))[0] * e).sum(), dy @ np.arange(3.0), rtol=1e-9)


def test_tangents_of_undetermined_vectors_are_not_finite():
    with np.errstate(invalid="ignore"):
        dv = ag.jvp(lambda x: la.eigh(x).eigenvectors, (EQUAL,), (np.ones((3, 3)),))[1]
    assert np.isfinite(dv[:, 0]).all()
    assert not np.isfinite(dv[:, 1:]).all()


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: la.eigh(x).eigenvectors, "linalg.eigh"),
        (lambda x: la.eig(x).eigenvectors, "linalg.eig"),
        (lambda x: la.svd(x).U, "linalg.svd"),
        (lambda x: la.svd(x).Vh, "linalg.svd"),
    ],
)
def test_a_loss_that_depends_on_a_phase_is_refused(f, name):
    t = ag.tensor(symmetric(C(3, 3)), requires_grad=True)
    loss = (f(t) * C(3, 3)).real.sum()
    with pytest.raises(la.LinAlgError, match=rf"{name}: the loss depends on the phase of a complex vector"):
        loss.backward()


@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_a_loss_that_depends_on_the_added_basis_is_refused(shape):
    t = ag.tensor(N(*shape), requires_grad=True)
    u, _, vh = la.svd(t)
    with pytest.raises(
        la.LinAlgError, match=r"linalg.svd: the loss depends on the basis that full_matrices=True adds"
    ):
        (u[0, 3] if shape[0] == 4 else vh[3, 0]).backward()
