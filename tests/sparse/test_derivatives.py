"""Sparse Jacobians and Hessians: as the dense ones, with every structural zero, in few passes, once per shape."""

import threading
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp

import autograd_lite as ag
from autograd_lite.sparse import Colouring

X = np.linspace(-1.0, 1.5, 12)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def chain(x):
    return np.sin(x[1:]) * x[:-1] ** 2


@pytest.mark.parametrize("jit", [False, True])
def test_as_the_dense_ones(jit):
    J, H = ag.sparse_jacobian(chain, jit=jit), ag.sparse_hessian(rosenbrock, jit=jit)
    for x in (X, X[::-1], np.cos(X)):
        for sparse, dense in ((J, ag.jacobian(chain)), (H, ag.hessian(rosenbrock))):
            got = sparse(x)
            assert isinstance(got, sp.csr_array)
            np.testing.assert_allclose(got.toarray(), dense(x), rtol=1e-12, atol=1e-12)
    assert J.colouring(X).count == 2
    assert H.colouring(X).count == 3
    assert len(J._kept) == len(H._kept) == 1


def test_structural_zeros_are_kept_and_the_matrix_is_the_users():
    J = ag.sparse_jacobian(chain)
    got = J(0 * X)
    assert got.nnz == 22
    assert not got.data.any()
    got.eliminate_zeros()
    assert J(X).nnz == 22


def test_shapes_are_flattened_in_c_order():
    def f(x, y):
        return np.exp(x).T[:, None] * y

    x, y = np.ones((2, 3)), np.arange(2.0)
    for k in (0, 1):
        dense = ag.jacobian(f, k)(x, y).reshape(6, -1)
        np.testing.assert_array_equal(ag.sparse_jacobian(f, k)(x, y).toarray(), dense)
        np.testing.assert_array_equal(ag.sparse_jacobian(f, k - 2)(x, y).toarray(), dense)
    J = ag.sparse_jacobian(lambda x: np.ravel(x, order="K") ** 2)
    for x in (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2).T):  # in another layout
        np.testing.assert_array_equal(J(x).toarray(), ag.jacobian(J.__wrapped__)(x).reshape(6, 6))


@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (np.sin, 0.5, (1, 1)), (lambda x: np.float64(2.0), X, (1, 12)), (np.sin, np.zeros(0), (0, 0)),
        (lambda x: x[:0], X, (0, 12)), (lambda x: np.sum(x) * np.ones(3), np.zeros((0, 2)), (3, 0)),
        (lambda x: [x[1], 3.0, x[2:4]], X, (4, 12)), (lambda x: np.zeros(3), X, (3, 12)),
    ],
)  # fmt: skip
def test_corners(f, x, shape):
    got = ag.sparse_jacobian(f)(x)
    assert got.shape == ag.sparsity(f)(x).shape == shape
    blocks = ag.jacobian(f)(x)
    blocks = blocks if isinstance(blocks, list) else [blocks]
    empty = np.zeros((0, shape[1]))
    expected = np.concatenate([np.reshape(b, (-1, shape[1])) if np.size(b) else empty for b in blocks])
    np.testing.assert_array_equal(got.toarray(), expected.reshape(shape))


def test_float32_and_complex():
    x = X.astype(np.float32)
    assert ag.sparse_jacobian(chain)(x).dtype == ag.sparse_hessian(rosenbrock)(x).dtype == np.float32
    assert ag.sparse_jacobian(chain)(x.astype(np.float16)).dtype == np.float16
    z = X + 1j * X[::-1]
    for f, x in ((chain, z), (lambda x: np.abs(x[1:] * x[:-1]), z), (lambda x: x[1:] * np.exp(1j * x[:-1]), X)):
        np.testing.assert_allclose(ag.sparse_jacobian(f)(x).toarray(), ag.jacobian(f)(x), rtol=1e-12, atol=1e-12)
        turned = ag.sparse_jacobian(lambda x, f=f: f(x).T, pattern=Colouring(ag.sparsity(f)(x), "rows"))
        np.testing.assert_allclose(turned(x).toarray(), ag.jacobian(f)(x), rtol=1e-12, atol=1e-12)

    def real(x):
        return np.sum(np.real(x[1:] * x[:-1] ** 2))

    np.testing.assert_allclose(ag.sparse_hessian(real)(z).toarray(), ag.hessian(real)(z), rtol=1e-12, atol=1e-12)


def test_other_arguments():
    """Floats may change; whole numbers and options are part of what the pattern is kept for."""
    def f(t, x, index, n, *, way="x"):
        y = x[index][:n] * t
        return y if way == "x" else y**2

    J = ag.sparse_jacobian(f, 1)
    index = np.array([3, 1, 2])
    calls = (0.0, index, 2, "x"), (2.0, index, 2, "x"), (2.0, index[::-1], 3, "x"), (1.0, index, 2, "y")
    for t, places, n, way in calls:
        want = ag.jacobian(f, 1)(t, X, places, n, way=way)
        np.testing.assert_array_equal(J(t, X, places, n, way=way).toarray(), want)
    assert len(J._kept) == 3
    index[:] = 0  # in place
    np.testing.assert_array_equal(J(2.0, X, index, 2).toarray(), ag.jacobian(f, 1)(2.0, X, index, 2))


def test_zeros_of_constants():
    A = np.diag(np.arange(1.0, 5)) + np.diag(np.ones(3), 1)
    x = np.ones(4)
    for f in (lambda x: A @ x, lambda x: x @ A.T, lambda x: np.einsum("ij,j", A, x), lambda x: np.dot(A, x)):
        np.testing.assert_array_equal(ag.sparsity(f)(x).toarray(), A != 0)
    assert ag.sparsity(lambda x: x * (A[0] > 0))(x).nnz == 2
    assert ag.sparsity(lambda x: np.where(A[0] > 0, x, 1.0))(x).nnz == 2
    kernel = np.array([1.0, 0.0, -1.0])
    for mode in ("full", "same", "valid"):
        f = partial(np.convolve, v=kernel, mode=mode)
        np.testing.assert_array_equal(ag.sparsity(f)(np.ones(200)).toarray(), ag.jacobian(f)(np.ones(200)) != 0)


@pytest.mark.parametrize("jit", [False, True])
def test_a_sparse_matrix_in_the_function(jit):
    rng = np.random.default_rng(0)
    A = sp.csr_array(np.where(rng.random((30, 40)) < 0.05, rng.normal(size=(30, 40)), 0.0))
    D, x = A.toarray(), np.linspace(0.5, 1, 40)
    f, g = lambda x: np.sin(ag.sparse.matvec(A, x**2)), lambda x: np.sin(D @ x**2)
    J, H = ag.sparse_jacobian(f, jit=jit), ag.sparse_hessian(lambda x: np.sum(f(x) ** 2), jit=jit)
    assert J(x).nnz == A.nnz
    np.testing.assert_allclose(J(x).toarray(), ag.jacobian(g)(x), atol=1e-14)
    np.testing.assert_allclose(H(x).toarray(), ag.hessian(lambda x: np.sum(g(x) ** 2))(x), atol=1e-14)
    stack = np.stack([x, 2 * x])
    np.testing.assert_allclose(ag.sparse.matvec(A, stack), stack @ D.T)
    slopes = ag.vmap(ag.grad(lambda x: np.sum(f(x))))(stack)
    np.testing.assert_allclose(slopes[1], ag.grad(lambda x: np.sum(g(x)))(2 * x))
    assert ag.sparsity(lambda x: ag.sparse.matvec(A, x))(stack).nnz == 2 * A.nnz
    with pytest.raises(ValueError, match=r"a SciPy matrix \(m, n\) and an array \(..., n\), got \(30, 40\) and"):
        ag.sparse.matvec(A, x[1:])
    with pytest.raises(RuntimeError, match=r"Use ag.sparse.matvec\(A, x\) for A @ x"):
        A @ ag.tensor(x, requires_grad=True)


def test_a_stack_of_systems():
    x = np.linspace(0, 1, 40)
    for right in (np.ones(2), np.ones((10, 2, 1)), np.ones((2, 3))):

        def f(x, right=right):
            return np.linalg.solve(x.reshape(10, 2, 2) + 3 * np.eye(2), right)

        J = ag.sparse_jacobian(f)(x)
        np.testing.assert_allclose(J.toarray(), ag.jacobian(f)(x).reshape(J.shape), atol=1e-12)
        assert J.nnz == J.shape[0] * 4


def test_the_pattern_of_a_row():
    @ag.table.define(lambda g, y: g * y[::-1], pattern=lambda i: np.eye(300)[::-1], name="stated_in_test")
    def stated(x):
        return np.exp(x)[::-1]

    x = np.linspace(0.5, 1, 300)
    assert ag.sparsity(stated)(x).nnz == 300
    stated.pattern = lambda i: np.eye(2)
    with pytest.raises(ValueError, match=r"stated_in_test: pattern= has shape \(2, 2\) for argument 1; expected"):
        ag.sparsity(stated)(x)


def test_only_pairs_that_meet_in_a_nonlinear_step():
    x = np.arange(1.0, 5)
    cases = {
        "linear": (lambda x: np.sum(3 * x - x[::-1]) + np.mean(x), 0),
        "a product": (lambda x: x[0] * x[1] - x[2], 2),
        "a quotient": (lambda x: x[0] / x[1], 3),
        "absolute values": (lambda x: np.sum(np.abs(x) + np.maximum(x, 0) + np.where(x > 2, x, 0)), 0),
        "separable": (lambda x: np.sum(np.exp(x)), 4),
        "a norm": (lambda x: np.sum(x) ** 2, 16),
        "a matrix product": (lambda x: (x[:2].reshape(1, 2) @ x[2:].reshape(2, 1))[0, 0], 4),
    }
    for name, (f, pairs) in cases.items():
        assert ag.sparse_hessian(f)(x).nnz == pairs, name
        np.testing.assert_allclose(ag.sparse_hessian(f)(x).toarray(), ag.hessian(f)(x), atol=1e-12)


def test_a_given_pattern():
    pattern = ag.sparsity(chain)(X)
    dense, rows = pattern.toarray(), Colouring(pattern, "rows")
    for stated in (pattern, dense, sp.coo_matrix(pattern), Colouring(pattern), rows, np.ones((11, 12))):
        np.testing.assert_allclose(ag.sparse_jacobian(chain, pattern=stated)(X).toarray(), ag.jacobian(chain)(X))
    with pytest.raises(ValueError, match=r"of chain: the pattern has shape \(11, 11\); expected \(11, 12\)"):
        ag.sparse_jacobian(chain, pattern=np.eye(11))(X)
    for f, make, wrong in ((chain, ag.sparse_jacobian, np.eye(11, 12)), (rosenbrock, ag.sparse_hessian, np.eye(12))):
        with pytest.raises(ValueError, match=r"has an entry that is not in the pattern"):
            make(f, pattern=wrong)(X)
    with pytest.raises(ValueError, match=r"is not symmetric"):
        ag.sparse_hessian(rosenbrock, pattern=np.tri(12))(X)
    with pytest.raises(ValueError, match=r"the colouring is by columns; expected by symmetric"):
        ag.sparse_hessian(rosenbrock, pattern=Colouring(np.eye(12)))(X)


def test_a_branch_on_values():
    def f(x):
        return x[1:] ** 2 if x[0] > 0 else x[:-1] * 3

    with pytest.raises(RuntimeError, match=r"bool\(\) of a value that depends on the traced inputs") as caught:
        ag.sparse_jacobian(f)(X)
    assert "sparse_jacobian of f: local=True" in caught.value.__notes__[-1]
    J = ag.sparse_jacobian(f, local=True)
    for x in (X, -X):
        np.testing.assert_array_equal(J(x).toarray(), ag.jacobian(f)(x))
    assert ag.sparsity(f, local=True)(-X).diagonal(1).all()

    def total(x):
        return np.sum(f(x) ** 2)

    for x in (X, -X):
        np.testing.assert_allclose(ag.sparse_hessian(total, local=True)(x).toarray(), ag.hessian(total)(x))
    assert ag.sparsity(np.sort)(X).nnz == 144  # any entry may be the first
    assert ag.sparsity(np.sort, local=True)(X).nnz == 12


def test_a_transform_around_it_raises():
    J, H = ag.sparse_jacobian(chain), ag.sparse_hessian(rosenbrock)
    t = ag.tensor(X, requires_grad=True)
    around = [
        lambda: J(t), lambda: H(t), lambda: ag.grad(lambda x: J(x).sum())(X), lambda: ag.jit(H)(X),
        lambda: ag.vmap(J)(np.stack([X, X])), lambda: ag.sparse_jacobian(lambda x: t * x)(X),
    ]  # fmt: skip
    for call in around:
        with pytest.raises(RuntimeError, match=r"sparse_(jacobian|hessian) of .*: the result is a SciPy matrix"):
            call()
    np.testing.assert_array_equal(J(t.detach()).toarray(), J(X).toarray())
    with ag.no_grad():
        np.testing.assert_array_equal(ag.sparse_jacobian(lambda x: t * x)(X).toarray(), np.diag(X))


def test_errors_name_the_function():
    infinite = pytest.raises(FloatingPointError, match=r"of log: entry \(0, 0\) is inf at this point")
    with infinite, np.errstate(divide="ignore"):
        ag.sparse_jacobian(ag.log)(np.arange(3.0))
    with pytest.raises(TypeError, match=r"sparse_jacobian of sin: .*dtype int64 is not possible"):
        ag.sparse_jacobian(np.sin)(np.arange(3))
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"a sum of entries is not finite"):
        ag.sparse_jacobian(lambda x: np.sqrt(x) * np.array([0.0, 1.0]))(np.arange(2.0))
    with pytest.raises(TypeError, match=r"sparse_jacobian of chain: argnums=\(0, 1\); expected the position of one"):
        ag.sparse_jacobian(chain, (0, 1))(X)
    with pytest.raises(TypeError, match=r"expected an array or a list of them as the result, got None"):
        ag.sparse_jacobian(lambda x: None)(X)
    with pytest.raises(TypeError, match=r"got a dict"):
        ag.sparse_jacobian(lambda x: {"a": x})(X)
    with pytest.raises(TypeError, match=r"got a dict; jacobian takes trees"):
        ag.sparse_jacobian(chain)({"a": X})
    with pytest.raises(TypeError, match=r"the gradient of chain needs one number"):
        ag.sparse_hessian(chain)(X)
    with pytest.raises(TypeError, match=r"sparsity takes a function"):
        ag.sparsity(X)
    with pytest.raises(ValueError, match=r"there is no positional argument 3"):
        ag.sparsity(chain, 3)(X)


def test_once_differentiable_rows_are_pulled():
    first = ag.table.Primitive("general", np.cumsum, (lambda g: g[::-1].cumsum()[::-1],), name="once", order=1)
    J = ag.sparse_jacobian(lambda x: first(x) ** 2)
    np.testing.assert_allclose(J(X).toarray(), ag.jacobian(lambda x: np.cumsum(x) ** 2)(X))
    assert J.colouring(X).by == "rows"


def test_an_arrow_is_never_dense():
    def f(x):
        return np.concatenate([np.sum(x**2)[None], x[1:] * x[0]])

    with np.errstate(all="raise"):
        H = ag.sparse_hessian(lambda x: np.sum(x[1:] * x[0] ** 2) + np.sum(x**2))
        n = 20_000
        assert H.colouring(np.ones(n)).count == 2
        assert H(np.ones(n)).nnz == 3 * n - 2
    np.testing.assert_allclose(ag.sparse_jacobian(f)(X).toarray(), ag.jacobian(f)(X))


def test_threads():
    H, x = ag.sparse_hessian(rosenbrock), np.linspace(-1, 1, 300)
    want, got = ag.hessian(rosenbrock)(x), [None] * 4

    def run(k):
        got[k] = H(x)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for h in got:
        np.testing.assert_allclose(h.toarray(), want, atol=1e-9)


SCALE = np.array([1.0, 0.0, 1.0])


def scaled(x):
    return SCALE * np.roll(x, 1)


def test_what_is_read_from_outside_may_change():
    A = np.diag([1.0, 2.0, 3.0])
    x, switch = np.ones(3), [False]

    def f(x):
        return A @ x**2 + scaled(x) if switch[0] else A @ x**2

    J, H = ag.sparse_jacobian(f), ag.sparse_hessian(lambda x: np.sum(f(x) ** 2))
    for change in (lambda: None, lambda: A.__setitem__((0, 1), 5.0), lambda: SCALE.__setitem__(1, 2.0)):
        for way in (False, True):
            switch[0] = way
            change()
            np.testing.assert_allclose(J(x).toarray(), ag.jacobian(f)(x))
            np.testing.assert_allclose(H(x).toarray(), ag.hessian(H.__wrapped__)(x))
    A[0, 1] = 6.0
    kept = J.colouring(x)
    J(x)
    assert J.colouring(x) is kept

    class Model:
        weights = np.ones(3)

        def __init__(self):
            self.A = np.eye(3)

        def of(self, x):
            return self.A @ x

    model = Model()
    J = ag.sparse_jacobian(model.of)
    for _ in range(2):
        np.testing.assert_array_equal(J(x).toarray(), model.A)
        model.A[0, 2] = 3.0


def test_keys_of_arguments():
    J = ag.sparse_jacobian(lambda x, options, at: options["a"] * x[at] * options[2])
    for options, at in (({"a": 2.0, 2: 3.0}, slice(2)), ({2: 3.0, "a": 2.0}, slice(2)), ({"a": 2.0, 2: 3.0}, [0, 2])):
        np.testing.assert_allclose(J(np.ones(3), options, at).toarray(), 6 * np.eye(3)[at])
    assert len(J._kept) == 2


@pytest.mark.parametrize("x", [np.ones(3), np.ones(3) + 1j, np.ones(3, np.float32)])
@pytest.mark.parametrize("jit", [False, True])
def test_no_state_is_out_of_reach(x, jit):
    """Of objects that are called, of dicts and attributes, of partial functions and defaults, of masks."""

    class Product:
        def __init__(self):
            self.A = np.eye(3)

        def __call__(self, x):
            return self.A @ x

    model, A, options, t = Product(), np.eye(3), {"A": np.eye(3)}, np.array([0.5])
    functions = [
        model, lambda x: model.A @ x, lambda x: options["A"] @ x, partial(np.matmul, A), lambda x, A=A: A @ x,
        lambda x: np.cumsum((np.array([0.0, 1.0, 2.0]) > t) * x),
    ]  # fmt: skip
    derivatives = [ag.sparse_jacobian(f, jit=jit) for f in functions]
    for _ in range(2):
        for f, J in zip(functions, derivatives, strict=True):
            np.testing.assert_allclose(J(x).toarray(), ag.jacobian(f)(x))
        t[0] = -0.5
        for matrix in (model.A, A, options["A"]):
            matrix[0, 1] = matrix[2, 0] = 3.0
