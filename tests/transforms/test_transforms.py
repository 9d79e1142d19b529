"""Transforms of functions, for every kind of argument and result."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
from functions import close, ddf, df, f
from tensors import leaf, parameter

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize", reason="install autograd_lite[scipy]")

Point = namedtuple("Point", "x y")
X = np.array([0.5, 1.0, 2.0])


# ----------------------------------------------------------------------------------------- arrays in and out


def test_arrays_in_arrays_out():
    value, gradient = ag.value_and_grad(f)(X)
    assert type(value) is np.float64
    assert type(gradient) is np.ndarray
    assert close(value, np.sum(np.sin(X) * X**2))
    assert close(gradient, df(X))
    assert close(ag.grad(f)(X), df(X))
    y, pull = ag.vjp(np.sin, X)
    assert type(y) is np.ndarray
    assert close(pull(np.ones(3))[0], np.cos(X))
    y, t = ag.jvp(np.sin, (X,), (np.ones(3),))
    assert type(t) is np.ndarray
    assert close(t, np.cos(X))
    assert close(ag.jacobian(np.sin)(X), np.diag(np.cos(X)))
    assert close(ag.hessian(f)(X), np.diag(ddf(X)))
    assert close(ag.hvp(f)(X, np.array([1.0, 0.0, 2.0])), ddf(X) * [1, 0, 2])


@pytest.mark.parametrize("number", [2.0, np.float64(2.0), np.array(2.0)])
def test_numbers_are_taken_as_they_are_and_come_back_as_numpy_scalars(number):
    g = ag.grad(lambda x: x**3)(number)
    assert type(g) is np.float64
    assert g == 12
    assert type(ag.value_and_grad(lambda x: x**3)(number)[0]) is np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_dtypes_are_kept(dtype):
    x = np.array([0.5, 1.0], dtype)
    value, gradient = ag.value_and_grad(lambda x: np.sum(x * x))(x)
    assert value.dtype == gradient.dtype == dtype
    assert ag.jvp(np.sin, (x,), (x,))[1].dtype == dtype
    assert ag.jacobian(np.square)(x).dtype == dtype
    assert ag.jacobian(np.square, mode="forward")(x).dtype == dtype
    assert ag.hessian(lambda x: np.sum(x**3))(x).dtype == dtype
    assert ag.jacobian(np.square)(np.zeros(0, dtype)).dtype == dtype


def test_tensors_in_tensors_out():
    x = ag.tensor(X)
    value, gradient = ag.value_and_grad(f)(x)
    assert type(value) is type(gradient) is ag.Tensor
    assert not gradient.requires_grad
    assert close(gradient.data, df(X))
    for result in (ag.jacobian(np.sin)(x), ag.hessian(f)(x), ag.hvp(f)(x, x), ag.jvp(np.sin, (x,), (x,))[1]):
        assert type(result) is ag.Tensor
        assert not result.requires_grad
    assert x.grad is None


def test_live_tensors_stay_connected():
    W = leaf(X)
    g = ag.grad(f)(W)
    assert g.requires_grad
    g.sum().backward()
    assert close(W.grad.data, ddf(X))
    for make in (
        lambda: ag.value_and_grad(f)(W)[0],
        lambda: ag.hvp(f)(W, np.ones(3)).sum(),
        lambda: ag.jvp(np.sin, (W,), (np.ones(3),))[1].sum(),
        lambda: ag.vjp(np.sin, W)[1](np.ones(3))[0].sum(),
        lambda: ag.jacobian(np.sin)(W).sum(),
        lambda: ag.jacobian(np.sin, mode="forward")(W).sum(),
        lambda: ag.hessian(f)(W).sum(),
    ):
        W.zero_grad()
        make().backward()
        assert W.grad is not None


@pytest.mark.parametrize("integer", [3, np.arange(3), True, np.array([True]), ag.tensor([1, 2])])
def test_whole_numbers_are_refused(integer):
    for call in (
        lambda: ag.grad(f)(integer),
        lambda: ag.vjp(f, integer),
        lambda: ag.jvp(f, (integer,), (integer,)),
        lambda: ag.jacobian(f)(integer),
        lambda: ag.hessian(f)(integer),
        lambda: ag.hvp(f)(integer, integer),
    ):
        with pytest.raises(
            TypeError, match=r"^f: .*dtype (int64|bool).*\(2\.0 for 2, \.astype\(float\)\).*argnums"
        ):
            call()


def test_arguments_that_are_not_differentiated_may_be_anything():
    def power(x, n, names, *, scale=1.0):
        assert names == {"a": "b"}
        return scale * np.sum(x) ** n

    assert close(ag.grad(power)(X, 2, {"a": "b"}, scale=3.0), np.full(3, 6 * X.sum()))
    assert ag.grad(power).__name__ == "power"


@pytest.mark.parametrize("layout", [lambda a: a[::-1], np.asfortranarray, lambda a: a[:, ::-2], np.transpose])
def test_any_layout_of_read_only_input(layout):
    x = layout(np.arange(6.0).reshape(2, 3))
    x.setflags(write=False)
    before = x.copy()
    assert close(ag.grad(lambda x: np.sum(x**3))(x), 3 * before**2)
    assert close(x, before)


def test_inputs_are_never_written_to():
    """``x += 1`` binds a local name to a new result, so the caller's array keeps its numbers."""
    x = X.copy()

    def careless(x):
        x += 1
        return np.sum(x**2)

    value, g = ag.value_and_grad(careless)(x)
    assert close(value, np.sum((X + 1) ** 2))
    assert close(g, 2 * (X + 1))
    assert close(x, X)


# ------------------------------------------------------------------------------------------ what is returned


def test_results_belong_to_the_caller():
    g = np.ones(3)
    x, y = X.copy(), X.copy()
    value, pull = ag.vjp(lambda x, y: x + y, x, y)
    a, b = pull(g)
    results = [value, a, b, *pull(g)]
    _, t = ag.jvp(lambda x: x, (x,), (g,))
    same, _ = ag.jvp(lambda x: x, (x,), (g,))
    results += [t, same, *ag.vjp(lambda x: (x, x), x)[0], ag.value_and_grad(lambda x: x)(x[:1])[0]]
    everything = [g, x, y, *results]
    for i, one in enumerate(everything):
        assert one.flags.writeable
        for other in everything[:i]:
            assert not np.shares_memory(one, other)


def test_writing_into_a_value_does_not_change_the_gradient():
    value, pull = ag.vjp(np.exp, X)
    value *= 2
    assert close(pull(np.ones(3))[0], np.exp(X))
    assert close(pull(np.ones(3))[0], np.exp(X))


def test_pull_may_be_called_again_and_is_linear():
    _, pull = ag.vjp(lambda x, y: (x * y, x + y), X, 2 * X)
    first = pull((np.ones(3), np.zeros(3)))
    second = pull((np.zeros(3), np.ones(3)))
    both = pull((np.ones(3), np.ones(3)))
    for a, b, c in zip(first, second, both, strict=True):
        assert close(a + b, c)


def test_a_tensor_updated_before_the_pull():
    W = parameter()
    _y, pull = ag.vjp(lambda w: w * w, W)
    with ag.no_grad():
        W -= 1
    with pytest.raises(RuntimeError, match=r"'W'.*has changed since"):
        pull(np.ones(3))
    c = ag.tensor([1.0, 2.0, 3.0])

    def late(x):
        y = x * c
        c.data -= 1
        return y

    with pytest.raises(RuntimeError, match="has changed since"):
        ag.jvp(late, (X,), (X,))


# --------------------------------------------------------------------------------------- argnums and has_aux


def test_argnums():
    def g(a, b, c):
        return np.sum(a * b**2 * c**3)

    a, b, c = X, X + 1, X + 2
    full = [b**2 * c**3, 2 * a * b * c**3, 3 * a * b**2 * c**2]
    for k in (0, 1, 2, -1, -3, np.int64(1)):
        assert close(ag.grad(g, argnums=k)(a, b, c), full[k])
    for ks in ((0,), (0, 2), [2, 0], (0, 1, 2), (-1, 0), np.array([1, 2])):
        found = ag.grad(g, argnums=ks)(a, b, c)
        assert type(found) is tuple
        for k, one in zip(ks, found, strict=True):
            assert close(one, full[k])
    _value, found = ag.value_and_grad(g, (1,))(a, b, c)
    assert type(found) is tuple
    assert close(found[0], full[1])


@pytest.mark.parametrize("argnums", [3, -4, (0, 3)])
def test_argnums_that_do_not_exist(argnums):
    with pytest.raises(ValueError, match=r"argnums=.*no positional argument -?[34]"):
        ag.grad(lambda a, b, c: a, argnums)(1.0, 2.0, 3.0)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -1)])
def test_argnums_named_twice(argnums):
    with pytest.raises(ValueError, match="twice"):
        ag.grad(lambda a: a, argnums)(1.0)


def test_argnums_that_are_no_numbers():
    with pytest.raises(TypeError):
        ag.grad(f, argnums="x")(X)
    with pytest.raises(TypeError):
        ag.grad(f, argnums=1.0)(X)


def test_has_aux():
    def g(x):
        y = np.sin(x)
        return np.sum(y), {"y": y, "note": "text", "n": 3, "none": None}

    (value, aux), gradient = ag.value_and_grad(g, has_aux=True)(X)
    assert close(value, np.sin(X).sum())
    assert close(gradient, np.cos(X))
    assert type(aux["y"]) is np.ndarray
    assert close(aux["y"], np.sin(X))
    assert (aux["note"], aux["n"], aux["none"]) == ("text", 3, None)
    gradient, aux = ag.grad(g, has_aux=True)(X)
    assert close(aux["y"], np.sin(X))
    _y, _pull, aux = ag.vjp(g, X, has_aux=True)
    assert aux["n"] == 3
    _y, _t, aux = ag.jvp(g, (X,), (X,), has_aux=True)
    assert aux["n"] == 3
    for mode in ("reverse", "forward"):
        matrix, aux = ag.jacobian(g, mode=mode, has_aux=True)(X)
        assert close(matrix, np.cos(X))
        assert close(aux["y"], np.sin(X))
    matrix, aux = ag.hessian(g, has_aux=True)(X)
    assert close(matrix, np.diag(-np.sin(X)))
    assert close(aux["y"], np.sin(X))
    with pytest.raises(TypeError, match=r"has_aux.*auxiliary"):
        ag.grad(f, has_aux=True)(X)


# ----------------------------------------------------------------------------------------------------- trees


def test_trees_in():
    def g(p, q):
        return np.sum(p["W"] * p["layers"][0] ** 2) + p["layers"][1][0] * q.x * q.y

    p = {"W": X, "layers": [X + 1, (3.0, None)]}
    q = Point(2.0, 5.0)
    dp, dq = ag.grad(g, (0, 1))(p, q)
    assert list(dp) == ["W", "layers"]
    assert close(dp["W"], (X + 1) ** 2)
    assert close(dp["layers"][0], 2 * X * (X + 1))
    assert dp["layers"][1] == (10.0, None)
    assert type(dq) is Point
    assert (dq.x, dq.y) == (15.0, 6.0)


def test_trees_out():
    def g(x):
        return {"s": np.sin(x), "pair": (x[0] * x[1], [np.sum(x)])}

    y, pull = ag.vjp(g, X)
    assert close(y["s"], np.sin(X))
    zero = {"s": np.zeros(3), "pair": (0.0, [1.0])}
    assert close(pull(zero)[0], np.ones(3))
    y, t = ag.jvp(g, (X,), (np.array([1.0, 0.0, 0.0]),))
    assert close(t["s"], [np.cos(X[0]), 0, 0])
    assert close(t["pair"][0], X[1])
    assert t["pair"][1] == [1.0]
    j = ag.jacobian(g)(X)
    assert close(j["s"], np.diag(np.cos(X)))
    assert close(j["pair"][0], [X[1], X[0], 0])


def test_trees_are_matched_by_their_keys():
    _y, pull = ag.vjp(lambda p: {"a": p["x"], "b": 2 * p["x"]}, {"x": X})
    assert close(pull({"b": np.ones(3), "a": np.zeros(3)})[0]["x"], np.full(3, 2.0))
    _, t = ag.jvp(lambda p: p["a"] * 10 + p["b"], ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},))
    assert t == 1


@pytest.mark.parametrize(
    ("cotangent", "where"),
    [
        ((1.0,), "dict"), (None, "dict"), ({"a": X}, "keys"), ({"a": X, "b": X, "c": X}, "keys"),
        ({"a": X, "b": X}, r"\['b'\].*tuple of 2"), ({"a": X, "b": (X,)}, r"\['b'\].*tuple of 2.*of 1"),
        ({"a": X, "b": (X, X, X)}, "tuple of 2"),
    ],
)  # fmt: skip
def test_trees_of_another_structure(cotangent, where):
    _, pull = ag.vjp(lambda x: {"a": x, "b": (x, x)}, X)
    with pytest.raises(ValueError, match=f"cotangent.*{where}"):
        pull(cotangent)


def test_wrong_cotangents_and_tangents():
    _, pull = ag.vjp(np.sin, X)
    with pytest.raises(ValueError, match=r"cotangent.*\(2,\).*\(3,\)"):
        pull(np.ones(2))
    with pytest.raises(TypeError, match=r"cotangent.*complex128.*float64"):
        pull(np.ones(3) * 1j)
    assert close(pull([1, 1, 1])[0], np.cos(X))
    with pytest.raises(ValueError, match=r"tangent.*\(\).*\(3,\)"):
        ag.jvp(np.sin, (X,), (1.0,))
    with pytest.raises(TypeError, match=r"tangent.*complex128"):
        ag.jvp(np.sin, (X,), (X * 1j,))
    with pytest.raises(ValueError, match="1 primals but 2 tangents"):
        ag.jvp(np.sin, (X,), (X, X))


# -------------------------------------------------------------------------------- what a function may return


@pytest.mark.parametrize(
    ("g", "shapes"),
    [
        (np.sin, r"\(3,\)"),
        (lambda x: (np.sum(x), x), r"\(\), \(3,\)"),
        (lambda x: None, "nothing"),
        (lambda x: [np.sum(x)], r"\(\)"),
    ],
)
def test_grad_needs_one_number(g, shapes):
    with pytest.raises(TypeError, match=rf"needs one number.*{shapes}.*\.sum\(\).*has_aux.*jacobian"):
        ag.grad(g)(X)


def test_grad_needs_a_real_number():
    with pytest.raises(TypeError, match=r"real number.*np\.real"):
        ag.grad(lambda z: z * z)(1 + 2j)


def test_functions_that_depend_on_nothing():
    assert close(ag.grad(lambda x: 5.0)(X), np.zeros(3))
    assert close(ag.grad(lambda x: np.float64(5.0))(X), np.zeros(3))
    assert close(ag.grad(lambda x, y: np.sum(x), 1)(X, X), np.zeros(3))
    assert ag.jvp(lambda x: 5.0, (X,), (X,)) == (5.0, 0.0)
    assert close(ag.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    assert close(ag.jacobian(lambda x: np.ones(2), mode="forward")(X), np.zeros((2, 3)))
    assert close(ag.hessian(lambda x: 5.0)(X), np.zeros((3, 3)))
    assert close(ag.hessian(np.sum)(X), np.zeros((3, 3)))
    assert close(ag.hvp(np.sum)(X, X), np.zeros(3))


def test_one_entry_is_one_number():
    assert close(ag.grad(lambda x: x.reshape(1, 3) @ x.reshape(3, 1))(X), 2 * X)
    value, _ = ag.value_and_grad(lambda x: np.sum(x, keepdims=True))(X)
    assert value.shape == (1,)


# ------------------------------------------------------------------------------------ jacobians and hessians


SHAPES = [
    ((), ()),
    ((), (3,)),
    ((2,), ()),
    ((2,), (3,)),
    ((2, 2), (3, 1)),
    ((0,), (3,)),
    ((2,), (0,)),
    ((0, 2), (0,)),
]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize(("y_shape", "x_shape"), SHAPES)
def test_shapes_of_jacobians(mode, y_shape, x_shape):
    A = np.random.default_rng(0).normal(size=y_shape + x_shape)
    x = np.ones(x_shape)
    axes = tuple(range(-len(x_shape), 0))
    g = lambda x: np.sum(A * x**2, axis=axes) if axes else A * x**2  # noqa: E731
    j = ag.jacobian(g, mode=mode)(x)
    assert np.shape(j) == y_shape + x_shape
    assert close(j, 2 * A)
    assert isinstance(j, np.ndarray | np.float64)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_jacobians_of_trees(mode):
    def g(p, q):
        return {"u": p["a"] * q, "v": (np.sum(p["a"] ** 2), p["b"])}

    p, q = {"a": X, "b": 4.0}, np.array([1.0, 2.0, 3.0])
    j = ag.jacobian(g, argnums=(0, 1), mode=mode)(p, q)
    assert close(j["u"][0]["a"], np.diag(q))
    assert close(j["u"][0]["b"], np.zeros(3))
    assert close(j["u"][1], np.diag(X))
    assert close(j["v"][0][0]["a"], 2 * X)
    assert close(j["v"][1][0]["b"], 1.0)
    assert close(j["v"][1][1], np.zeros(3))


def test_jacrev_and_jacfwd():
    assert close(ag.jacrev(np.sin)(X), ag.jacfwd(np.sin)(X))
    with pytest.raises(ValueError, match=r"'sideways'.*'reverse'.*'forward'"):
        ag.jacobian(np.sin, mode="sideways")


def test_hessians():
    A = np.array([[2.0, 1.0], [0.0, 3.0]])
    quadratic = lambda x: x @ A @ x  # noqa: E731
    x = np.array([1.0, -1.0])
    assert close(ag.hessian(quadratic)(x), A + A.T)
    assert ag.hessian(lambda x: x**4)(2.0) == 48
    assert np.shape(ag.hessian(lambda x: np.sum(x**2))(np.ones((2, 3)))) == (2, 3, 2, 3)
    assert ag.hessian(lambda x: np.sum(x**2))(np.ones(0)).shape == (0, 0)
    (aa, ab), (ba, bb) = ag.hessian(lambda a, b: np.sum(a**2 * b), (0, 1))(x, x)
    assert close(aa, np.diag(2 * x))
    assert close(ab, np.diag(2 * x))
    assert close(ba, ab.T)
    assert close(bb, np.zeros((2, 2)))
    h = ag.hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 5.0})
    assert h == {"a": {"a": 10.0, "b": 6.0}, "b": {"a": 6.0, "b": 0.0}}


def test_hvp():
    A = np.array([[2.0, 1.0], [0.0, 3.0]])
    quadratic = lambda x, scale=1.0: scale * (x @ A @ x)  # noqa: E731
    x, v = np.array([1.0, -1.0]), np.array([0.5, 2.0])
    assert close(ag.hvp(quadratic)(x, v), (A + A.T) @ v)
    assert close(ag.hvp(quadratic)(x, v, 2.0), 2 * (A + A.T) @ v)
    assert close(ag.hvp(quadratic)(x, v, scale=2.0), 2 * (A + A.T) @ v)
    assert close(ag.hvp(lambda s, x: s * (x @ A @ x), argnums=1)(x, v, 3.0), 3 * (A + A.T) @ v)
    assert ag.hvp(lambda x: x**3)(2.0, 1.0) == 12
    assert ag.hvp(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 5.0}, {"b": 1.0, "a": 0.0}) == {
        "a": 6.0,
        "b": 0.0,
    }
    assert close(ag.hvp(quadratic)(x, [1, 0]), (A + A.T)[:, 0])
    with pytest.raises(ValueError, match="argnums=-1"):
        ag.hvp(quadratic, -1)
    with pytest.raises(ValueError, match=r"tangent.*\(3,\)"):
        ag.hvp(quadratic)(x, np.ones(3))


# --------------------------------------------------------------------------------------------------- complex


Z = np.array([1 + 2j, -0.5 + 1j])


def test_complex_gradients_descend():
    """For a real loss ``z -= lr * grad`` descends, as in PyTorch: of |z|² it is 2 z."""
    assert close(ag.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * Z)
    assert close(ag.grad(lambda z: np.sum(np.real(z * z)))(Z), np.conj(2 * Z))
    assert ag.grad(lambda x: np.abs(x * (3 + 4j)))(2.0) == 5.0  # a real argument, a real gradient
    assert type(ag.grad(lambda x: np.abs(x * (3 + 4j)))(2.0)) is np.float64
    z = ag.tensor(Z.astype(np.complex64), requires_grad=True)
    (np.abs(z) ** 2).sum().backward()
    assert z.grad.dtype == np.complex64


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_jacobians_with_complex_numbers(mode):
    j = ag.jacobian(lambda z: z**3, mode=mode)(Z)
    assert close(j, np.diag(3 * Z**2))  # holomorphic: the derivative itself
    x = np.array([0.3, 0.7])
    j = ag.jacobian(lambda x: np.exp(1j * x), mode=mode)(x)
    assert close(j, np.diag(1j * np.exp(1j * x)))  # both parts, of a real argument
    j = ag.jacobian(lambda z: np.abs(z) ** 2, mode=mode)(Z)
    assert close(j, np.diag(2 * Z))  # real results: gradients, row by row
    j = ag.jacobian(lambda x, z: {"c": x * z, "r": np.real(x * z)}, argnums=(0, 1), mode=mode)(x, Z)
    assert close(j["c"][0], np.diag(Z))
    assert close(j["c"][1], np.diag(x))
    assert close(j["r"][0], np.diag(Z.real))
    assert close(j["r"][1], np.diag(x))


# ----------------------------------------------------------------------------------------------------- SciPy


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "SLSQP", "TNC"])
def test_scipy_takes_value_and_grad(method):
    found = scipy_optimize.minimize(ag.value_and_grad(rosenbrock), np.zeros(4), jac=True, method=method)
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-2)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov"])
def test_scipy_takes_hvp(method):
    found = scipy_optimize.minimize(
        ag.value_and_grad(rosenbrock), np.zeros(4), jac=True, hessp=ag.hvp(rosenbrock), method=method
    )
    assert found.success
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-3)


def test_scipy_takes_arguments_grad_hessian_and_jacobian():
    def g(x, a):
        return a * rosenbrock(x)

    found = scipy_optimize.minimize(
        g, np.zeros(3), args=(2.0,), jac=ag.grad(g), hess=ag.hessian(g), method="trust-exact"
    )
    np.testing.assert_allclose(found.x, np.ones(3), atol=1e-3)
    residual = lambda x: np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])  # noqa: E731
    found = scipy_optimize.least_squares(residual, np.zeros(3), jac=ag.jacobian(residual))
    np.testing.assert_allclose(found.x, np.ones(3), atol=1e-8)
    root = scipy_optimize.root(lambda x: x**3 - 2, np.ones(2), jac=ag.jacobian(lambda x: x**3 - 2))
    np.testing.assert_allclose(root.x, np.full(2, 2 ** (1 / 3)))
    assert scipy_optimize.check_grad(rosenbrock, ag.grad(rosenbrock), np.array([0.3, -0.2, 0.8])) < 1e-4


def test_a_result_that_is_no_number_is_named():
    for way in (
        lambda f: ag.grad(f)(1.0),
        lambda f: ag.jacobian(f)(1.0),
        lambda f: ag.jacfwd(f)(1.0),
        lambda f: ag.hessian(f)(1.0),
        lambda f: ag.vjp(f, 1.0),
        lambda f: ag.jvp(f, (1.0,), (1.0,)),
        lambda f: ag.hvp(f)(1.0, 1.0),
    ):
        with pytest.raises(TypeError, match=r"<lambda> returned 'a' \(str\): expected numbers"):
            way(lambda x: "a")
        with pytest.raises(TypeError, match=r"\(object\): expected numbers"):
            way(lambda x: object())
    with pytest.raises(TypeError, match=r"returned 'a' \(str\)"):
        ag.vjp(lambda x: {"y": x, "note": "a"}, 1.0)
    assert ag.grad(lambda x: (x * 2, "a"), has_aux=True)(1.0) == (2.0, "a")
    assert ag.grad(lambda x: 3)(1.0) == 0.0, "a constant has a gradient"


def test_hvp_called_as_elsewhere_says_what_to_write():
    x = np.ones(2)
    for args in ((x, x), (x,), (0, x)):
        with pytest.raises(TypeError, match=r"write hvp\(f\)\(x, v\)"):
            ag.hvp(lambda x: np.sum(x**3), *args)
