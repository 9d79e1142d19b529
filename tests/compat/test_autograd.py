"""HIPS autograd's names and meanings on this engine."""

import copy
import subprocess
import sys
import warnings

import numpy as onp
import pytest
from autograd_lite.compat.autograd.misc.fixed_points import fixed_point
from autograd_lite.compat.autograd.numpy.numpy_boxes import ArrayBox
from autograd_lite.compat.autograd.numpy.numpy_vjps import unbroadcast_f

import autograd_lite as ag
import autograd_lite.compat.autograd as autograd
import autograd_lite.compat.autograd.numpy as np
from autograd_lite.base.tree import leaves
from autograd_lite.compat import install
from autograd_lite.compat.autograd import core, extend, tracer
from autograd_lite.compat.autograd._modules import namespace
from autograd_lite.compat.autograd.builtins import isinstance as isinstance_, type as type_
from autograd_lite.compat.autograd.misc import flatten, flatten_func, optimizers
from autograd_lite.compat.autograd.test_util import check_grads, combo_check

x = onp.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize("transform", [
    autograd.grad, autograd.elementwise_grad, autograd.deriv, autograd.jacobian, autograd.hessian,
])  # fmt: skip
def test_operators_return_arrays(transform):
    f = np.tanh if transform in (autograd.elementwise_grad, autograd.jacobian) else lambda x: np.sum(np.tanh(x))
    y = transform(f)(x)
    assert not isinstance(y, ag.Tensor)
    slope = 1 - onp.tanh(x) ** 2
    expected = {"grad": slope, "elementwise_grad": slope, "deriv": slope.sum(), "jacobian": onp.diag(slope)}
    if transform is not autograd.hessian:
        onp.testing.assert_allclose(y, expected[transform.__name__], atol=1e-14)


def test_several_arguments_and_containers():
    def f(a, b):
        return np.sum(a * b["w"]) + b["c"][0] ** 2
    tree = {"w": x, "c": [3.0]}
    first, second = autograd.grad(f, argnum=(0, 1))(2 * x, tree)
    onp.testing.assert_array_equal(first, x)
    onp.testing.assert_array_equal(second["w"], 2 * x)
    assert second["c"] == [6.0]
    assert dict(autograd.multigrad_dict(lambda a, b=2.0: a * b)(3.0)) == {"a": 2.0, "b": 3.0}
    assert autograd.grad_named(lambda a, b: a * b, "b")(3.0, 4.0) == 3.0
    assert autograd.grad(lambda a, b: a * b, -1)(3.0, 4.0) == 3.0
    assert autograd.grad_and_aux(lambda a: (a**2, 7.0))(3.0) == (6.0, 7.0)


def test_complex_gradients_are_conjugates_of_ours():
    def f(z):
        return np.real(z**2)
    assert autograd.grad(f)(1 + 2j) == onp.conj(ag.grad(f)(1 + 2j)) == 2 + 4j
    assert autograd.holomorphic_grad(lambda z: z**3)(1 + 2j) == 3 * (1 + 2j) ** 2


def test_complex_rules_of_the_user():
    @autograd.primitive
    def square(z):
        return z**2

    extend.defvjp(square, lambda ans, z: lambda g: g * 2 * z)
    def f(square):
        return lambda z: np.sum(np.abs(square(z) - 3) ** 2)
    z = onp.array([1 + 2j, -0.5j])
    onp.testing.assert_allclose(autograd.grad(f(square))(z), autograd.grad(f(lambda z: z**2))(z))
    check_grads(f(square))(z)


def test_rules_of_the_user():
    @autograd.primitive
    def both(a, b, scale=1.0):
        assert not isinstance(a, ag.Tensor)
        return scale * a * b, a + b

    extend.defvjp(
        both, lambda ans, a, b, scale=1.0: lambda g: g[0] * scale * b + g[1], lambda ans, a, b, scale=1.0: lambda g: (
            g[0] * scale * a + g[1]
        ),
    )
    def f(a, b):
        return np.sum(np.sin(both(a, b, scale=3.0)[0]) * both(a, b)[1])
    check_grads(f, (0, 1), modes=["rev"])(x, x + 1)
    check_grads(f, 0, modes=["fwd"], order=1)(x, x + 1)  # the transpose of the rule
    assert both(2.0, 3.0) == (6.0, 5.0)


def test_forward_rules_alone_serve_both_modes():
    @autograd.primitive
    def cube(a):
        return a**3

    with pytest.raises(NotImplementedError, match="VJP of cube"):
        autograd.grad(cube)(2.0)
    extend.defjvp(cube, lambda g, ans, a: 3 * a**2 * g)
    assert autograd.deriv(cube)(2.0) == 12.0
    assert autograd.grad(cube)(2.0) == 12.0
    assert autograd.grad(autograd.grad(cube))(2.0) == 12.0
    double = autograd.primitive(lambda a, b: a @ b)
    extend.def_linear(double)
    check_grads(double, (0, 1), modes=["fwd"], order=1)(onp.ones((2, 2)), onp.eye(2))


def test_a_missing_rule_names_its_argument():
    f = autograd.primitive(lambda a, b: a * b)
    f.__name__ = "f"
    extend.defvjp(f, lambda ans, a, b: lambda g: g * b)
    assert autograd.grad(f)(2.0, 3.0) == 3.0
    with pytest.raises(NotImplementedError, match=r"argnums \(1,\)"):
        autograd.grad(f, 1)(2.0, 3.0)
    extend.defvjp(f, None, argnums=[1])
    assert autograd.grad(f, 1)(2.0, 3.0) == 0.0


def test_lists_of_recorded_values():
    onp.testing.assert_array_equal(autograd.grad(lambda x: np.sum([x[0] * 2, x[1]]))(x), [2, 1, 0])
    nested = autograd.grad(lambda x: np.sum(np.array([[x[0], x[1]], [1, x[2]]]) * 2))(x)
    onp.testing.assert_array_equal(nested, [2, 2, 2])
    onp.testing.assert_array_equal(autograd.grad(lambda x: np.sum(np.stack(part**2 for part in x)))(x), 2 * x)


def test_full_of_a_recorded_value():
    onp.testing.assert_array_equal(autograd.grad(lambda x: np.sum(np.full((2, 3), x[0]) * np.full(3, x)))(x), [4, 1, 1])
    assert autograd.make_vjp(lambda a: np.full(2, a, dtype="f"))(2.0)[1].dtype == "f"
    assert np.full(2, 3).dtype == int


def test_names_that_work_on_plain_values_are_numpys():
    assert type(np.sin(x)) is onp.ndarray
    assert np.add(x, x, out=onp.empty(3)) is not None
    assert np.float64 is onp.float64
    assert np.pi == onp.pi
    assert np.isscalar(1.0)
    for name in ("row_stack", "identity", "fill_diagonal", "asarray", "linalg", "fft", "random", "make_diagonal"):
        assert hasattr(np, name)
    with pytest.raises(AttributeError, match="no attribute 'sine'"):
        np.sine


@pytest.mark.parametrize(("module", "expected"), [
    ("numpy", {"sin", "max", "sum", "linalg", "make_diagonal", "array", "float64"}), ("numpy.linalg", {"cholesky"}),
    ("scipy.special", {"gammaln", "expit"}), ("scipy.stats.norm", {"logpdf", "rvs"}), ("extend", {"primitive"}),
])  # fmt: skip
def test_everything_can_be_imported(module, expected):
    if module.startswith("scipy"):
        pytest.importorskip("scipy")
    scope = {}
    exec(f"from autograd_lite.compat.autograd.{module} import *", scope)
    assert expected <= set(scope)
    if module == "numpy":
        assert scope["linalg"] is np.linalg
        assert autograd.grad(scope["sin"])(0.0) == 1.0


def test_boxes_and_builtins():
    seen = []

    def f(x):
        seen.append((tracer.isbox(x), isinstance(x, ArrayBox), type_(x), isinstance_(x, onp.ndarray)))
        seen.append((x._value, tracer.getval(x)))
        return np.sum(x**2)

    autograd.grad(f)(x)
    (box, array_box, kind, is_array), (value, got) = seen
    assert box
    assert array_box
    assert kind is onp.ndarray
    assert is_array
    onp.testing.assert_array_equal(value, x)
    onp.testing.assert_array_equal(got, x)


def test_independent_results_warn():
    with pytest.warns(UserWarning, match="independent of input"):
        onp.testing.assert_array_equal(autograd.grad(lambda x: 3.0)(x), onp.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autograd.grad(np.sum)(x)


def test_what_is_not_differentiable_raises():
    with pytest.raises(TypeError, match="real scalar-output"):
        autograd.grad(np.sin)(x)
    with pytest.raises(TypeError, match="real scalar-output"):
        autograd.grad(lambda z: z)(1j)
    with pytest.raises(TypeError):
        autograd.grad(lambda x: x**2)("x")
    with pytest.raises(TypeError, match="argnum"):
        autograd.grad(np.sum, argnum="x")


@pytest.mark.parametrize(("module", "name"), [
    (tracer, "Node"), (tracer, "trace"), (tracer, "new_box"), (tracer, "trace_stack"), (core, "VJPNode"),
    (core, "JVPNode"), (extend, "SparseObject"), (autograd.misc, "const_graph"), (autograd.misc, "full_graph"),
])  # fmt: skip
def test_what_would_need_another_engine_is_refused_by_name(module, name):
    refused = getattr(module, name)  # can be imported

    def subclass():
        class Mine(refused):
            pass

    uses = (refused, subclass, lambda: refused.top, lambda: refused["f"], lambda: isinstance(x, refused))
    for use in uses:
        with pytest.raises(NotImplementedError, match=f"{name} belongs to the tracer of HIPS autograd"):
            use()


def test_a_function_without_trace():
    f = autograd.primitive(onp.floor)
    extend.register_notrace(core.VJPNode, f)
    onp.testing.assert_array_equal(autograd.grad(lambda x: np.sum(x * f(x)))(x), onp.floor(x))
    onp.testing.assert_array_equal(autograd.grad(lambda x: np.sum(x * extend.notrace_primitive(abs)(x)))(x), abs(x))


@pytest.mark.parametrize("name", ["fmod", "spacing"])  # with and without a row
def test_rules_for_numpys_functions(name):
    f = namespace(onp)(name)  # another one than that of `np`, which keeps its rules
    args = (2.5, 1.0)[: f.fun.nin]
    extend.defvjp(f, lambda ans, *args: lambda g: 7 * g)
    assert autograd.grad(f)(*args) == 7.0
    assert f(*args) == f.fun(*args)


def test_rules_of_what_is_no_primitive_change_nothing():
    extend.defvjp(abs, lambda ans, a: lambda g: 7 * g)
    assert autograd.grad(abs)(-2.0) == -1.0


def test_deprecated_names():
    f, zero, old = (autograd.primitive(lambda a: 2 * a) for _ in range(3))
    with pytest.warns(UserWarning, match="use defvjp"):
        f.defvjp(lambda g, ans, space, space_of_g, a: 2 * g)
    with pytest.warns(UserWarning, match="use defvjp"):
        zero.defvjp_is_zero()
    with pytest.warns(UserWarning, match="use defvjp"):
        old.defgrad(lambda ans, a: lambda g: 2 * g)
    assert [autograd.grad(function)(3.0) for function in (f, zero, old)] == [2, 0, 2]
    with pytest.warns(UserWarning, match="use check_grads"):
        autograd.util.quick_grad_check(lambda a, b: a**2 * b, 1.0, (2.0,))


def test_the_gradient_of_cholesky_is_symmetric():
    a = onp.array([[4.0, 1.0], [1.0, 3.0]])
    gradient = autograd.grad(lambda a: np.sum(np.linalg.cholesky(a) * [[1, 0], [2, 3]]))(a)
    onp.testing.assert_array_equal(gradient, gradient.T)
    ours = ag.grad(lambda a: np.sum(onp.linalg.cholesky(a) * [[1, 0], [2, 3]]))(a)
    onp.testing.assert_allclose(gradient, (ours + ours.T) / 2)
    lower = onp.tril(a)  # only this is read
    _, value = autograd.make_vjp(np.linalg.cholesky)(lower)
    onp.testing.assert_array_equal(value, onp.linalg.cholesky(lower))
    check_grads(lambda a: np.linalg.cholesky(a + np.swapaxes(a, -1, -2)))(onp.stack([a, 2 * a]))


def test_deepcopy_of_a_recorded_value():
    gradient = autograd.grad(lambda tree: np.sum(copy.deepcopy(tree)["a"] * tree["a"]))({"a": x})["a"]
    onp.testing.assert_array_equal(gradient, 2 * x)


def test_integer_types():
    positions = []

    def f(x):
        positions.append(np.int64(x))
        return x[positions[-1][2]]

    onp.testing.assert_array_equal(autograd.grad(f)(x), [0, 0, 1])
    assert positions[0].tolist() == [0, -1, 2]
    assert positions[0].dtype == np.int64
    assert np.zeros(2, np.int32).dtype == onp.int32
    assert isinstance(onp.int64(1), np.int64)
    assert onp.issubdtype(onp.int64, np.int64)
    assert not onp.issubdtype(float, np.int64)


def test_make_diagonal():
    a = onp.array([[1.0, onp.inf], [2.0, 3.0]])
    onp.testing.assert_array_equal(np.make_diagonal(a, axis1=-1, axis2=-2), [onp.diag(row) for row in a])
    check_grads(lambda a: np.make_diagonal(a, axis1=-1, axis2=-2))(x)
    with pytest.raises(NotImplementedError, match="make_diagonal"):
        np.make_diagonal(x)


def test_vector_spaces():
    space = core.vspace({"a": onp.ones((2, 3)), "b": (1j, [2.0])})
    assert space.size == 9
    assert space.iscomplex
    basis = list(space.standard_basis())
    assert len(basis) == 9
    assert all(space.inner_prod(b, b) == 1 for b in basis)
    v, w = space.randn(), space.randn()
    assert onp.isclose(space.inner_prod(v, w), space.inner_prod(w, v))
    assert space == core.vspace(v)
    assert space != core.vspace(onp.ones(9))
    assert space.covector(v)["b"][0] == onp.conj(v["b"][0])
    with pytest.raises(TypeError, match="register"):
        core.VSpace.register(set)
    with pytest.raises(TypeError, match="no vector space"):
        core.vspace("x")


def test_products_with_derivatives():
    def f(x):
        return np.sum(x**3)
    v = onp.array([1.0, 2.0, -1.0])
    onp.testing.assert_allclose(autograd.hessian_vector_product(f)(x, v), 6 * x * v)
    onp.testing.assert_allclose(autograd.make_hvp(f)(x)[0](v), 6 * x * v)
    onp.testing.assert_allclose(autograd.vector_jacobian_product(np.sin)(x, v), onp.cos(x) * v)
    onp.testing.assert_allclose(autograd.make_ggnvp(np.sin)(x)(v), onp.cos(x) ** 2 * v)
    reverse = autograd.differential_operators.make_jvp_reversemode(np.sin)(x)
    onp.testing.assert_allclose(reverse(v), autograd.make_jvp(np.sin)(x)(v)[1])
    onp.testing.assert_allclose(autograd.grad(autograd.checkpoint(lambda x: np.sum(np.exp(x))))(x), onp.exp(x))


def test_flatten_and_optimisers():
    tree = {"b": onp.ones((2, 2)), "a": [3.0, (x,)]}
    vector, unflatten = flatten(tree)
    onp.testing.assert_array_equal(vector, [3, *x, 1, 1, 1, 1])  # in the order of the keys
    again = unflatten(vector)
    assert list(again) == ["b", "a"]
    assert type(again["a"][1]) is tuple
    gradient = autograd.grad(lambda v: np.sum(unflatten(v)["b"] ** 2))(vector)
    onp.testing.assert_array_equal(gradient, [0, 0, 0, 0, 2, 2, 2, 2])
    f, _, example = flatten_func(lambda tree: {"s": tree["b"] * 2}, tree)
    onp.testing.assert_array_equal(f(example), onp.full(4, 2.0))
    gradient = autograd.grad(lambda p: np.sum((p["w"] - 1) ** 2))
    for optimise in (optimizers.sgd, optimizers.rmsprop, optimizers.adam):
        calls = []
        callback = lambda p, i, g, calls=calls: calls.append(i)  # noqa: E731
        end = optimise(lambda p, i: gradient(p), {"w": x}, callback, num_iters=300, step_size=0.05)
        onp.testing.assert_allclose(end["w"], 1, atol=0.05)
        assert calls == list(range(300))


def test_fixed_points():
    def root(a):
        return fixed_point(lambda a: lambda x: (x + a / x) / 2, a, 1.0, lambda x, y: abs(x - y), 1e-12)
    assert onp.isclose(autograd.grad(root)(2.0), 0.5 / onp.sqrt(2))
    check_grads(root, modes=["rev"], order=2)(2.0)


def test_unbroadcast():
    rule = unbroadcast_f(onp.ones((1, 3)), lambda g: g * 2)
    onp.testing.assert_array_equal(rule(onp.ones((4, 2, 3))), onp.full((1, 3), 16.0))
    assert not onp.iscomplexobj(unbroadcast_f(1.0, lambda g: 1j * g)(onp.ones(3)))


def test_scipy():
    stats = pytest.importorskip("autograd_lite.compat.autograd.scipy.stats")
    special = pytest.importorskip("autograd_lite.compat.autograd.scipy.special")
    signal = pytest.importorskip("autograd_lite.compat.autograd.scipy.signal")
    import autograd_lite.compat.autograd.scipy.stats.norm as norm
    import scipy.signal

    assert norm is stats.norm
    assert type(norm.logpdf(x)) is onp.ndarray
    combo_check(norm.logpdf, (0, 1, 2))([x], [0.3], [1.5, onp.array([1.0, 2.0, 0.5])])
    onp.testing.assert_allclose(autograd.elementwise_grad(special.gammaln)(x + 2), special.digamma(x + 2))
    images, kernels = onp.random.default_rng(0).normal(size=(2, 3, 6, 5)), onp.ones((3, 2, 2, 2))
    for mode, size in (("full", (7, 6)), ("valid", (5, 4)), ("same", (6, 5))):
        y = signal.convolve(images, kernels, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode=mode)
        assert y.shape == (2, 2, *size)
        expected = sum(scipy.signal.convolve(images[1, k], kernels[k, 0], mode) for k in range(3))
        onp.testing.assert_allclose(y[1, 0], expected, atol=1e-12)
    swapped = signal.convolve(kernels[:, 0], images[0], axes=([1, 2], [1, 2]), dot_axes=([0], [0]), mode="valid")
    expected = sum(scipy.signal.convolve(images[0, k], kernels[k, 0], "valid") for k in range(3))
    onp.testing.assert_allclose(swapped, expected)
    check_grads(lambda a, b: signal.convolve(a, b, mode="same"), (0, 1), order=1)(onp.ones((3, 4)), images[0, 0])
    with pytest.raises(ValueError, match="mode"):
        signal.convolve(x, x, mode="some")
    with pytest.raises(ValueError, match="at least as large"):
        signal.convolve(onp.ones((2, 5)), onp.ones((3, 2)), mode="valid")


def test_scipys_linalg_has_scipys_meaning():
    linalg = pytest.importorskip("autograd_lite.compat.autograd.scipy.linalg")
    scipy_linalg = pytest.importorskip("scipy.linalg")
    matrix = onp.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    arguments = {
        "lstsq": (matrix[:, :2], x), "qr": (matrix[:, :2],), "solve": (matrix, x), "solve_triangular": (matrix, x),
        "solve_banded": ((1, 1), matrix, x), "solve_sylvester": (matrix, matrix, matrix),
    }  # fmt: skip
    for name in set(dir(ag.linalg)) & set(scipy_linalg.__all__) - {"LinAlgError"}:
        args = arguments.get(name, (matrix,))
        run = autograd.make_vjp(getattr(linalg, name), 1 if name == "solve_banded" else 0)
        if name in ("cholesky", "lstsq", "qr"):  # NumPy's differ
            with pytest.raises(RuntimeError, match="does not take tensors"):
                run(*args)
            continue
        for a, b in zip(leaves(run(*args)[1]), leaves(getattr(scipy_linalg, name)(*args)), strict=True):
            onp.testing.assert_allclose(abs(a), abs(b), atol=1e-12)  # eigenvectors up to their signs


PROGRAM = """
import autograd.numpy as np
import autograd.scipy.stats.norm as norm
from autograd import grad
from autograd.misc.optimizers import adam
import autograd
print(float(grad(lambda x: norm.logpdf(np.exp(x)))(0.0)), autograd.__name__, __name__)
"""


def test_an_unmodified_program(tmp_path):
    pytest.importorskip("scipy")
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    command = [sys.executable, "-m", "autograd_lite.compat", "--replace"]
    for arguments in ([str(script)], ["-m", "script"]):
        result = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert result.stdout.split() == ["-1.0", "autograd_lite.compat.autograd", "__main__"]
    nothing = subprocess.run(command, capture_output=True, text=True, check=False)
    assert nothing.returncode == 1
    assert "python -m autograd_lite.compat script.py" in nothing.stderr


def test_install_never_shadows_an_installed_library(monkeypatch, tmp_path):
    (tmp_path / "autograd.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "autograd"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="replace=True"):
        install("autograd")
    assert "autograd" not in sys.modules
    with pytest.raises(ValueError, match="'jax'"):
        install("jax")
