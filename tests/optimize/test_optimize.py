"""ag.optimize: SciPy's results, with derivatives that are compared with differences between solutions."""

import subprocess
import sys

import numpy as np
import pytest
from thorough import crossed, mostly_thorough

import autograd_lite as ag
from autograd_lite.testing import assert_gradients
from autograd_lite.transforms.batch import _LOOPED

so = pytest.importorskip("scipy.optimize")
ss = pytest.importorskip("scipy.sparse")
O = ag.optimize
T, Y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 1.2, 0.8, 0.4])
TIGHT = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}


def differences(f, x, h=1e-4):
    """The Jacobian of `f`, by central differences."""
    x = np.asarray(x, float)
    moved = [np.asarray(f(x + e) - f(x - e)) / (2 * h) for e in h * np.eye(x.size).reshape(-1, *x.shape)]
    return np.stack(moved, -1).reshape(np.shape(f(x)) + x.shape)


def check(f, x, atol=1e-6, order=2):
    """Reverse and forward mode, and the second derivative."""
    expected = differences(f, x)
    np.testing.assert_allclose(ag.jacrev(f)(x), expected, atol=atol)
    np.testing.assert_allclose(ag.jacfwd(f)(x), expected, atol=atol)
    if order > 1:
        np.testing.assert_allclose(ag.jacrev(ag.jacrev(f))(x), differences(ag.jacrev(f), x), atol=atol)
        np.testing.assert_allclose(ag.jacfwd(ag.jacrev(f))(x), differences(ag.jacrev(f), x), atol=atol)


# ------------------------------------------------------------------------------------------------------- equations


def circle(x, a):
    return [x[0] ** 2 + x[1] ** 2 - a[0], x[0] - a[1] * x[1]]


ROOTS = {
    **{
        method: lambda a, method=method: O.root(circle, [1.0, 1.2], (a,), method, tol=1e-13).x
        for method in ("hybr", "lm", "krylov", "broyden1", "df-sane")
    },
    **{
        method: lambda a, method=method, start=start: O.root_scalar(
            lambda x, a: x**3 - a[0] * a[1], (a,), method, xtol=1e-14, **start
        ).root
        for method, start in {
            "newton": {"x0": 1.5}, "halley": {"x0": 1.5}, "secant": {"x0": 1.5, "x1": 1.6},
            "brentq": {"bracket": (0.5, 3)}, "toms748": {"bracket": (0.5, 3)},
        }.items()
    },
    "fixed_point": lambda a: O.fixed_point(lambda x, a: np.cos(a[0] * x) / a, [0.1, 0.2], (a / [8, 1],), xtol=1e-14),
    "iteration": lambda a: O.fixed_point(lambda x, a: np.cos(a[0] * x) / 9, 0.1, (a,), xtol=1e-14, method="iteration"),
}  # fmt: skip


@pytest.mark.parametrize("name", mostly_thorough(ROOTS, 12))
def test_roots(name):
    check(ROOTS[name], np.array([8.0, 1.1]), order=2 if name in ("hybr", "newton", "fixed_point") else 1)


def test_derivatives_of_order_three_and_checked_gradients():
    def f(a):
        return O.root(lambda x, a: x**2 - a, [1.0], (a,)).x[0]

    third = ag.grad(ag.grad(ag.grad(f)))
    np.testing.assert_allclose(third(2.0), 3 / 8 * 2**-2.5, rtol=1e-10)
    def g(a, b):
        return O.root(lambda x, a, b: x**3 + b**2 * x - a, [0.1], (a, b), tol=1e-11).x

    assert_gradients(g, 2.0, 1.1, order=2)


def test_a_newton_solver_gets_exact_derivatives():
    newton = O.root_scalar(lambda x: x**3 - 2, x0=1.5)
    theirs = so.root_scalar(lambda x: x**3 - 2, x0=1.5, fprime=lambda x: 3 * x**2)
    assert (newton.method, newton.function_calls) == ("newton", theirs.function_calls)
    assert O.root(circle, [1.0, 1.2], ([8.0, 1.0],)).njev == 1


def test_complex_roots():
    def f(a):
        return O.root_scalar(lambda z, a: z**2 - a, (a,), x0=1 + 1j).root

    np.testing.assert_allclose(ag.jacobian(f)(2j), 1 / (2 + 2j))
    np.testing.assert_allclose(ag.grad(lambda a: np.abs(f(a)) ** 2)(2j), ag.grad(np.abs)(2j), atol=1e-12)

    def not_holomorphic(u):
        z = O.fixed_point(lambda z, a: np.conj(z) * a + 1, 1 + 1j, (u[0] + 1j * u[1],), xtol=1e-13)
        return np.stack([np.real(z), np.imag(z)])

    check(not_holomorphic, np.array([0.3, 0.1]))


def test_shapes_and_dtypes():
    a = ag.tensor(np.float32(4), requires_grad=True)
    result = O.root(lambda x, a: x**2 - a, np.ones((2, 2), np.float32), (a,), "krylov")
    assert result.x.shape == (2, 2)
    result.x.sum().backward()
    assert a.grad.dtype == np.float32
    np.testing.assert_allclose(a.grad.numpy(), 1, rtol=1e-4)
    assert np.shape(O.root_scalar(lambda x: x - 1, x0=0.5).root) == ()
    assert O.fixed_point(lambda x: x / 2 + np.ones(3), np.zeros(3)).shape == (3,)


# ---------------------------------------------------------------------------------------------------------- minima


def bowl(x, p):
    return np.sum((x - p) ** 2) + x[0] ** 4 + np.exp(x[1] * p[2])


UNCONSTRAINED = (
    "BFGS", "CG", "Newton-CG", "L-BFGS-B", "TNC", "SLSQP", "dogleg", "trust-ncg", "trust-krylov", "trust-exact",
    "trust-constr", "Nelder-Mead", "Powell",
)  # fmt: skip
P = np.array([2.0, 0.3, -1.0])


@pytest.mark.parametrize("method", UNCONSTRAINED)
def test_minima(method):
    def f(p):
        return O.minimize(bowl, np.array([0.1, 0.2, 0.3]), (p,), method, tol=1e-6).x

    exact = O.minimize(bowl, np.array([0.1, 0.2, 0.3]), (P,), "trust-exact", tol=1e-9)
    np.testing.assert_allclose(f(P), exact.x, atol=1e-3)
    expected = differences(lambda p: O.minimize(bowl, np.zeros(3), (p,), "trust-exact", tol=1e-9).x, P)
    np.testing.assert_allclose(ag.jacobian(f)(P), expected, atol=2e-3)
    if method == "trust-exact":
        check(lambda p: O.minimize(bowl, np.zeros(3), (p,), method, tol=1e-9).x, P)


CONSTRAINED = {
    "equation": {"constraints": {"type": "eq", "fun": lambda x: x[0] + x[1] ** 2 - 1}},
    "ball": {"constraints": [{"type": "ineq", "fun": lambda x: 1 - x @ x}]},
    "inactive": {"constraints": [{"type": "ineq", "fun": lambda x: 10 - x @ x}]},
    "two": {
        "constraints": [
            {"type": "ineq", "fun": lambda x: 1 - x @ x},
            {"type": "eq", "fun": lambda x, c: [x[0] - c * x[2]], "args": (-0.5,)},
        ]
    },
    "bounds": {"bounds": [(0, 0.5), (None, None), (-0.2, None)]},
    "product": {
        "bounds": so.Bounds([-5, -5, -0.2], [5, 5, 5]),
        "constraints": so.NonlinearConstraint(lambda x: x[0] * x[1], -np.inf, 0.1),
    },
    "matrix": {"constraints": so.LinearConstraint([[1, 1, 0], [0, 1, 1]], [0, -0.1], [1, np.inf])},
}  # fmt: skip


@pytest.mark.parametrize(("name", "method"), crossed(CONSTRAINED, ["SLSQP", "trust-constr"]))
def test_minima_with_constraints(name, method):
    def f(p):
        return O.minimize(bowl, np.array([0.1, 0.2, 0.3]), (p,), method, tol=1e-11, **CONSTRAINED[name]).x

    theirs = so.minimize(bowl, np.array([0.1, 0.2, 0.3]), (P,), "SLSQP", tol=1e-11, **CONSTRAINED[name])
    np.testing.assert_allclose(f(P), theirs.x, atol=1e-5)
    check(f, P, 2e-5 if method == "SLSQP" else 1e-3, order=2 if method == "SLSQP" and name == "ball" else 1)


def test_a_constraint_depends_on_its_arguments_and_on_what_it_captures():
    c = ag.tensor(0.5, requires_grad=True)
    d = ag.tensor(2.0, requires_grad=True)
    constraint = {"type": "eq", "fun": lambda x, c: x[0] - c * d, "args": (c,)}
    x = O.minimize(lambda x: np.sum(x**2), [0.0, 0.0], constraints=constraint).x
    x[0].backward()
    np.testing.assert_allclose([x[0].item(), c.grad.item(), d.grad.item()], [1, 2, 0.5], atol=1e-8)


def test_what_is_a_tensor():
    p, x0 = ag.tensor(P, requires_grad=True), ag.tensor(np.zeros(3), requires_grad=True)
    plain = O.minimize(bowl, x0, (P,))
    assert isinstance(plain, so.OptimizeResult)
    assert isinstance(plain.x, np.ndarray)
    assert isinstance(plain.fun, float)
    assert isinstance(O.minimize(bowl, x0, (ag.tensor(P),)).x, np.ndarray)  # it requires no gradients
    with ag.no_grad():
        assert isinstance(O.minimize(bowl, x0, (p,)).x, np.ndarray)
    result = O.minimize(bowl, x0, (p,))
    assert isinstance(result.x, ag.Tensor)
    assert isinstance(result.jac, np.ndarray)
    assert isinstance(result.hess_inv, np.ndarray)
    result.fun.backward()
    np.testing.assert_allclose(p.grad.numpy(), ag.grad(bowl, 1)(plain.x, P), atol=1e-4)  # the envelope theorem
    assert x0.grad is None
    assert not ag.grad(lambda x0: O.minimize(bowl, x0, (P,)).x.sum())(np.zeros(3)).any()


def test_trees_and_captured_tensors():
    w = ag.tensor(3.0, requires_grad=True)
    tree = {"a": ag.tensor([1.0, 2.0], requires_grad=True), "more": [0.5, None, "square"]}
    x = O.minimize(lambda x, t: np.sum((x - w * t["a"]) ** 2) * t["more"][0], np.zeros(2), (tree,)).x
    x.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 3.0)
    np.testing.assert_allclose(tree["a"].grad.numpy(), [3.0, 3.0])


def test_no_iteration_is_recorded():
    a = ag.tensor(2.0, requires_grad=True)
    x = O.minimize(lambda x, a: np.sum((x**2 - a) ** 2), np.ones(2), (a,)).x
    assert x._node.parents == (a._node,)


def test_data_that_is_overwritten_before_the_backward_pass():
    data, a = np.array([1.0, 2.0]), ag.tensor(2.0, requires_grad=True)
    x = O.minimize(lambda x, a, d: np.sum((x - a * d) ** 2), np.ones(2), (a, data)).x
    data[:] = 0
    x.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 3.0)
    constant = ag.tensor([1.0, 2.0])
    x = O.minimize(lambda x, a: np.sum((x - a * constant) ** 2), np.ones(2), (a,)).x
    with ag.no_grad():
        constant[:] = 0
    with pytest.raises(RuntimeError, match=r"backward through minimize: .* has changed since it was used"):
        x.sum().backward()


def test_problems_nest():
    def inner(b):
        return O.minimize(lambda x, b: (x[0] - b) ** 2 + x[0] ** 4, [0.1], (b,), tol=1e-10).x[0]

    def outer(c):
        return O.root_scalar(lambda b, c: inner(b) - c, (c,), x0=0.5).root

    def captured(c):  # the inner problem uses variables of the outer ones
        def f(b):
            return O.minimize(lambda x: (x[0] - b) ** 2 + x[0] ** 4, [0.1], tol=1e-10).x[0] - c

        return O.root_scalar(lambda b, _: f(b), (c,), x0=0.5).root

    np.testing.assert_allclose(ag.grad(captured)(0.4), 1 + 6 * 0.4**2, rtol=1e-5)
    # the inner minimum is c where 2 (c - b) + 4 c^3 = 0
    np.testing.assert_allclose(outer(0.4), 0.4 + 2 * 0.4**3, rtol=1e-6)
    np.testing.assert_allclose(ag.grad(outer)(0.4), 1 + 6 * 0.4**2, rtol=1e-5)


# ------------------------------------------------------------------------------------------------------------ fits


def residuals(p, y, t=T):
    return p[0] * np.exp(-p[1] * t) - y


def rho(z):
    return np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2])


@pytest.mark.parametrize("options", [
    {}, {"loss": "soft_l1", "f_scale": 0.1}, {"loss": "huber", "f_scale": 0.01}, {"loss": "cauchy", "f_scale": 0.1},
    {"loss": "arctan", "f_scale": 0.1}, {"loss": rho}, {"method": "lm"}, {"bounds": ([0, 0], [1.9, 5])},
    {"method": "dogbox", "bounds": so.Bounds([0, 0], [1.9, 5])},
])  # fmt: skip
def test_least_squares(options):
    def f(y):
        return O.least_squares(residuals, [1.5, 0.6], args=(y,), **TIGHT, **options).x

    theirs = so.least_squares(residuals, [1.5, 0.6], args=(Y,), **TIGHT, **options)
    np.testing.assert_allclose(f(Y), theirs.x, atol=1e-5)
    check(f, Y, 5e-4 if options.get("loss") else 1e-5, order=2 if not options else 1)


def test_least_squares_uses_the_full_hessian_and_keywords():
    y = ag.tensor(Y + 0.5 * np.cos(np.pi * T), requires_grad=True)  # large residuals
    result = O.least_squares(residuals, [1.5, 0.6], kwargs={"t": T}, args=(y,), **TIGHT)
    result.cost.backward()
    np.testing.assert_allclose(y.grad.numpy(), -result.fun.detach().numpy(), atol=1e-8)  # the envelope theorem
    check(lambda y: O.least_squares(residuals, [1.5, 0.6], args=(y,), **TIGHT).x, y.detach().numpy(), 1e-5, order=1)


def model(x, a, b):
    return a * np.exp(-b * x)


Y_BENT = Y + np.array([0.1, 0, 0, 0])
SIGMA = np.array([0.1, 0.2, 0.1, 0.3])


@pytest.mark.parametrize(("sigma", "options"), crossed(
    [None, SIGMA, np.diag(SIGMA) + 0.05], [{}, {"absolute_sigma": True}, {"method": "trf", "loss": "soft_l1"}]
))  # fmt: skip
def test_curve_fit(sigma, options):
    tolerance = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}

    def f(u):
        s = None if sigma is None else sigma * u[2]
        popt, pcov = O.curve_fit(model, T + u[0], Y_BENT * u[1], [2.0, 0.5], s, **tolerance, **options)
        return np.concatenate([popt, np.ravel(pcov)])

    theirs = so.curve_fit(model, T, Y_BENT, [2.0, 0.5], sigma, **tolerance, **options)
    np.testing.assert_allclose(f(np.array([0.0, 1, 1])), np.concatenate([*map(np.ravel, theirs)]), rtol=1e-5)
    check(f, np.array([0.0, 1, 1]), 1e-5, order=1)


def test_curve_fit_takes_what_scipys_does():
    popt, pcov, info, message, status = O.curve_fit(model, [0, 1, 2, 3], [2, 1, 1, 0], full_output=True)
    theirs = so.curve_fit(model, [0, 1, 2, 3], [2, 1, 1, 0], full_output=True)
    np.testing.assert_allclose(popt, theirs[0], rtol=1e-6)
    np.testing.assert_allclose(pcov, theirs[1], rtol=1e-4)
    assert (info.keys() - theirs[2].keys(), message[:4], status > 0) == ({"njev"}, theirs[3][:4], True)
    y = np.append(Y, np.nan)
    for sigma in (None, 0.1, [0.1] * 5, 0.01 * np.eye(5)):
        popt, _ = O.curve_fit(model, np.arange(5.0), y, sigma=sigma, check_finite=False, nan_policy="omit")
        np.testing.assert_allclose(popt, O.curve_fit(model, T, Y)[0], rtol=1e-5)
    with pytest.warns(so.OptimizeWarning):
        assert np.isinf(O.curve_fit(lambda x, a, b: a + b + 0 * x, T, Y)[1]).all()
    w = ag.tensor(2.0, requires_grad=True)
    popt, pcov = O.curve_fit(lambda x, a: a * w * x, T, Y)
    (popt[0] * w).backward()
    np.testing.assert_allclose(w.grad.numpy(), 0, atol=1e-12)
    assert pcov.requires_grad


# ------------------------------------------------------------------------------------------- what is passed to SciPy


def counted(f):
    def g(*args):
        g.calls += 1
        return f(*args)

    g.calls = 0
    return g


def test_derivatives_of_ones_own_are_used():
    jac, hess, hessp = counted(lambda x: 2 * x), counted(lambda x: 2 * np.eye(2)), counted(lambda x, v: 2 * v)
    both = counted(lambda x: (x @ x, 2 * x))
    exact = {"jac": jac, "hess": hess, "method": "trust-exact"}
    for options in ({"jac": jac}, exact, {"hessp": hessp, "method": "Newton-CG"}):
        np.testing.assert_allclose(O.minimize(lambda x: x @ x, np.ones(2), **options).x, 0, atol=1e-7)
    np.testing.assert_allclose(O.minimize(both, np.ones(2), jac=True).x, 0, atol=1e-7)
    assert O.minimize(lambda x: x @ x, np.ones(2), jac="3-point").success
    slope = counted(lambda x: np.eye(2))
    np.testing.assert_allclose(O.root(lambda x: x - 1, [0.0, 0.0], jac=slope).x, 1)
    assert O.root(lambda x: (x - 1, np.eye(2)), [0.0, 0.0], jac=True).success
    assert O.root_scalar(lambda x: (x - 1, 1.0), x0=0.5, fprime=True).converged
    normals = counted(lambda x: np.array([1.0, 1.0]))
    on_line = {"type": "eq", "fun": lambda x: x[0] + x[1] - 1, "jac": normals}
    for method in ("SLSQP", "trust-constr"):
        np.testing.assert_allclose(O.minimize(lambda x: x @ x, np.ones(2), method=method, constraints=on_line).x, 0.5)
    assert all(f.calls for f in (jac, hess, hessp, both, slope, normals))


def test_a_method_of_ones_own():
    def descend(fun, x0, args, jac, **options):
        x = x0
        for _ in range(200):
            x = x - 0.1 * jac(x, *args)
        return so.OptimizeResult(x=x, fun=fun(x, *args), success=True, message="")

    def f(a):
        return O.minimize(lambda x, a: np.sum((x - a) ** 2), [0.0], (a,), descend).x[0]

    np.testing.assert_allclose(ag.grad(f)(2.0), 1)


def test_large_problems_get_products_with_the_hessian():
    def f(x):
        return np.sum((x[1:] - x[:-1]) ** 2) + np.sum((x - 1) ** 4)

    for n in (150, 250):  # the Hessian is sparse from 200 variables on
        result = O.minimize(f, np.zeros(n), method="trust-constr")
        np.testing.assert_allclose(result.x, 1, atol=0.05)
    full = O.minimize(lambda x: np.sum(x) ** 2 + x @ x, np.ones(200), method="trust-constr")
    np.testing.assert_allclose(full.x, 0, atol=1e-6)


def tridiagonal(u, c):
    v = np.concatenate([np.zeros(1), u, np.zeros(1)])
    return (3 - c * v[1:-1]) * v[1:-1] - v[:-2] - 2 * v[2:] + 1


def test_large_least_squares_are_sparse_where_that_pays():
    def f(c):
        return O.least_squares(tridiagonal, -np.ones(200), args=(c,)).x.sum()

    assert ss.issparse(O.least_squares(tridiagonal, -np.ones(200), args=(2.0,)).jac)
    np.testing.assert_allclose(ag.grad(f)(2.0), (f(2 + 1e-4) - f(2 - 1e-4)) / 2e-4, rtol=1e-5)
    for g in (lambda x: x * 2 if x[0] > 0 else x, lambda x: x + np.cumsum(x)):
        assert isinstance(O.least_squares(g, np.ones(200)).jac, np.ndarray)


def test_what_a_scipy_user_passes():
    """Methods in capitals, integers to start from, lists and iterators, one number for sigma."""
    assert O.root(circle, [1, 1], ([8.0, 1.0],), "LM").njev > 0
    np.testing.assert_allclose(ag.grad(lambda a: O.root(lambda x, a: x**2 - a, [1], (a,)).x[0])(4.0), 0.25)
    np.testing.assert_allclose(O.curve_fit(model, T, Y, [1, 1])[0], so.curve_fit(model, T, Y)[0], rtol=1e-6)
    np.testing.assert_allclose(O.curve_fit(model, T, Y, sigma=0.1)[1], so.curve_fit(model, T, Y)[1], rtol=1e-4)
    assert O.least_squares(lambda x, a, b: x - a - b, [1.0], args=[2.0, 1.0]).x == 3
    halley = O.root_scalar(lambda x: x**2 - 2, x0=1.0, fprime2=lambda x: 2.0)
    assert (halley.method, round(halley.root, 6)) == ("halley", 1.414214)
    assert O.root_scalar(lambda x: x**2 - 2, x0=np.array([1.0])).root.shape == (1,)
    line = {"type": "eq", "fun": lambda x: x[0] - 1}
    for options in ({"constraints": None}, {"constraints": iter([line])}, {"bounds": zip([1, 0], [2, 2], strict=True)}):
        expected = [0 if options == {"constraints": None} else 1, 0]
        np.testing.assert_allclose(O.minimize(lambda x: x @ x, [0.5, 0.5], **options).x, expected, atol=1e-3)


def test_unknowns_that_are_zero_but_for_rounding():
    def f(a, **limits):
        return O.minimize(lambda x, a: np.sum((x - a) ** 2), np.zeros(len(a)), (a,), **limits).x

    both = {"constraints": so.LinearConstraint([[1, 1]], ub=1), "bounds": so.Bounds(-1, 1), "method": "trust-constr"}
    np.testing.assert_allclose(ag.jacobian(lambda a: f(a, **both))(np.array([2.0, 0.5])), 0, atol=1e-9)
    limits = [so.NonlinearConstraint(lambda x: x[0] + x[1], 1, 1)]
    limits += [so.NonlinearConstraint(lambda x: x[1] * x[2], 0.1, np.inf)]
    slopes = ag.jacobian(lambda a: f(a, constraints=limits))(np.array([1.0, 2.0, 0.3]))
    np.testing.assert_allclose(slopes, [[0.5, -0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]], atol=1e-6)


# ------------------------------------------------------------------------------------------------------- transforms


def decay(y):
    return O.minimize(lambda p, y: np.sum((model(T, *p) - y) ** 2), [1, 1], y, "trust-exact", tol=1e-9).x


@pytest.mark.filterwarnings("ignore:vmap. minimize has no rule for batches")
def test_in_a_compiled_function_scipy_runs_at_each_call():
    compiled, slopes = ag.jit(decay), ag.jit(lambda y: ag.jacobian(decay)(y))
    for y in (Y, 2 * Y):
        np.testing.assert_allclose(compiled(y), decay(y), atol=1e-7)
        np.testing.assert_allclose(slopes(y), ag.jacobian(decay)(y), atol=1e-5)
    assert [eq.row.name for eq in ag.trace(decay)(Y).equations] == ["minimize"]
    from_start = ag.jit(lambda x0: O.minimize(lambda x: np.sum((x**2 - 1) ** 2), x0).x)
    np.testing.assert_allclose(from_start(np.array([0.5, 0.6])), [1, 1], atol=1e-5)
    np.testing.assert_allclose(from_start(np.array([-0.5, 0.6])), [-1, 1], atol=1e-5)
    second = ag.jit(ag.grad(ag.grad(lambda a: O.root_scalar(lambda x, a: x**2 - a, (a,), x0=1.0).root)))
    np.testing.assert_allclose(second(2.0), -0.25 * 2**-1.5)
    popt, pcov = ag.jit(lambda y: O.curve_fit(model, T, y))(Y)
    np.testing.assert_allclose(popt, O.curve_fit(model, T, Y)[0])
    np.testing.assert_allclose(pcov, O.curve_fit(model, T, Y)[1])


def test_a_batch_is_solved_one_by_one_with_a_warning():
    _LOOPED.clear()  # the warning comes once
    ys = np.stack([Y, 2 * Y])
    with pytest.warns(UserWarning, match="vmap: fixed_point has no rule for batches, so it is called 2 times"):
        roots = ag.vmap(lambda a: O.fixed_point(lambda x, a: np.cos(a * x), 0.5, (a,)))(np.array([1.0, 1.1]))
    np.testing.assert_allclose(roots, [0.739085, 0.710118], atol=1e-5)
    with pytest.warns(UserWarning, match="minimize has no rule for batches"):
        batch = ag.vmap(ag.jacobian(decay))(ys)
    np.testing.assert_allclose(batch, [ag.jacobian(decay)(y) for y in ys], atol=1e-6)


@pytest.mark.parametrize("transform", [ag.jit, lambda f: lambda a: ag.vmap(f)(np.stack([a, a]))])
def test_a_captured_value_in_a_trace_is_refused(transform):
    f = transform(lambda y: O.least_squares(lambda p: residuals(p, y), [1.0, 1.0]).x)
    with pytest.raises(RuntimeError, match=r"least_squares: in a traced program the function uses a tensor .* pass it"):
        f(Y)


def test_a_traced_result_has_what_depends_on_the_values():
    def steps(a):
        return O.root(lambda x, a: x - a, [1.0], (a,)).nfev

    with pytest.raises(AttributeError, match=r"in a traced program .* the result has x, fun, but no 'nfev'"):
        ag.jit(steps)(2.0)
    with pytest.raises(RuntimeError, match="curve_fit: full_output=True is not possible in a traced program"):
        ag.jit(lambda y: O.curve_fit(model, T, y, full_output=True))(Y)


def test_no_form_in_c_or_onnx_or_on_a_page():
    def f(a):
        return ag.sin(O.root_scalar(lambda x, a: x**2 - a, (a,), x0=1.0).root)

    L = f(ag.tensor(2.0, requires_grad=True, name="a"))
    assert "root_scalar has no form in JavaScript" in L.draw().html(live=True)
    with pytest.raises(ValueError, match="cannot be written as Python source; root_scalar has none"):
        ag.source(f, 2.0)
    with pytest.raises(ValueError, match=r"root_scalar of .* has no form in C"):
        ag.source(f, 2.0, lang="c")
    pytest.importorskip("onnx")
    with pytest.raises(NotImplementedError, match="rows without a form in ONNX: root_scalar"):
        ag.export.onnx(f, 2.0, batch_axis=None)


# ------------------------------------------------------------------------------------------------------ derivations


def test_explain_writes_the_theorem_with_numbers():
    a = ag.tensor(8.0, requires_grad=True, name="a")
    text = str(ag.explain(O.root(lambda x, a: [x[0] ** 2 + x[1] ** 2 - a, x[0] - x[1]], [1.0, 1.5], (a,)).x.sum()))
    assert "x = root of F(·, a)" in text
    assert "dx/da = -(∂F/∂x)⁻¹ @ ∂F/∂a" in text
    assert "∂F/∂x = [[4.0, 4.0], [1.0, -1.0]]" in text
    assert "= [0.125 0.125]" in text
    assert "check: slope along one direction 0.13" in text
    L = O.minimize(lambda x, a: (x[0] - a) ** 2, [0.0], (a,)).x.sum()
    assert "x = argmin f(·, a)" in str(ag.explain(L))
    assert r"\frac{\partial \nabla f}{\partial x}" in ag.explain(L).latex()
    root = O.root_scalar(lambda x, a: x**2 - a, (a,), x0=1.0).root
    assert "dx/da = -∂F/∂a / ∂F/∂x" in str(ag.explain(root**2))
    L = O.minimize(lambda x, a: (x[0] - a) ** 2, [0.0], (a,), bounds=[(0, 1)]).x.sum()
    assert "x = argmin f(·, a)" in str(ag.explain(L))
    b = ag.tensor(2.0, requires_grad=True, name="b")
    text = str(ag.explain(O.root(lambda x, b: b * x - a, [1.0], (b,)).x.sum()))
    assert "dL/db = -dL/dx @ ((∂F/∂x)⁻¹ @ ∂F/∂b)" in text
    assert "cannot be solved again for another value of what its function captures" in text


# ----------------------------------------------------------------------------------------------------------- errors


def slope_of(f, options, theta=0.0):
    return ag.grad(lambda t: O.minimize(f, [1.0], args=(t,), **options).x[0])(theta)


@pytest.mark.parametrize(("f", "options", "message"), [
    (lambda x, t: x[0] ** 4 - t * x[0], {}, "no derivative at the solution|is singular at the solution"),
    (lambda x, t: (x[0] - t) ** 2 * 0, {}, "is singular at the solution: nearby points solve the problem too"),
    (lambda x, t: np.abs(x[0] - t) + x[0] ** 2, {"method": "Nelder-Mead"}, "it is at a kink of the function"),
    (lambda x, t: (x[0] - t) ** 2, {"bounds": [(0, None)]}, r"the multiplier of the bound of x\[0\] is zero"),
    (
        lambda x, t: (x[0] - t) ** 2, {"constraints": {"type": "ineq", "fun": lambda x: x[0]}},
        "the multiplier of entry 0 of constraint 0 is zero",
    ),
    (
        lambda x, t: (x[0] + 1 - t) ** 2,
        {"bounds": [(0, None)], "constraints": {"type": "ineq", "fun": lambda x: x[0]}}, "active constraints depend on",
    ),
    (lambda x, t: np.sum((x - t) ** 4), {"options": {"maxiter": 1}}, "has not converged: Maximum number of iterations"),
    (lambda x, t: (x[0] - t) ** 2, {"bounds": [(ag.tensor(0.0, requires_grad=True), 1)]}, "bounds= has no derivative"),
    (lambda x, t: (x[0] - t) ** 2, {"constraints": {"type": "less", "fun": np.sum}}, "type 'eq' or 'ineq', got 'less'"),
    (lambda x, t: (x[0] - t) ** 2, {"constraints": {"type": "eq"}}, "constraint 0 has no function 'fun'"),
    (lambda x, t: (x[0] - t) ** 2, {"constraints": [np.sum]}, "constraint 0 is <function sum .*; expected a dict"),
])  # fmt: skip
def test_errors_of_minima(f, options, message):
    with pytest.raises((RuntimeError, np.linalg.LinAlgError, TypeError, ValueError), match=message):
        slope_of(f, options)


def test_errors_of_roots():
    def derivative(f, **options):
        return ag.grad(lambda t: O.root(f, [1.0], args=(t,), **options).x[0])(0.0)

    with pytest.raises(RuntimeError, match=r"root: there is no derivative at the solution .* at a kink"):
        derivative(lambda x, t: np.maximum(x - t, 2 * (x - t)))
    result = O.root(lambda x: x**2 + 1, [1.0])
    assert not result.success  # as in SciPy
    with pytest.raises(RuntimeError, match=f"root: .* the solver has not converged: {result.message[:20]}"):
        derivative(lambda x, t: x**2 + 1 + t)
    with pytest.raises(np.linalg.LinAlgError, match=r"root: the matrix of the implicit function theorem, .* singular"):
        derivative(lambda x, t: (x - 1) * t)
    with pytest.raises(RuntimeError, match=r"root_scalar: .* has not converged"):
        ag.grad(lambda t: O.root_scalar(lambda x, t: x**3 - t, (t,), x0=9.0, maxiter=2).root)(2.0)
    with pytest.raises(ValueError, match="root: 3 equations do not determine 2 unknowns"):
        ag.grad(lambda t: O.root(lambda x, t: np.stack([x[0], x[1], x[0]]) * t, [1.0, 1.0], (t,), "lm").x[0])(1.0)


def test_errors_of_functions():
    def pair(x):
        return x

    with pytest.raises(TypeError, match=r"the gradient of pair needs one number, but it returned \(2,\)"):
        O.minimize(pair, [1.0, 2.0])
    with pytest.raises(TypeError, match="minimize: x0 is complex"):
        O.minimize(lambda x: np.abs(x[0] - 1j) ** 2, [1.0 + 0j])
    with pytest.raises(TypeError, match="least_squares: the residuals are complex"):
        O.least_squares(lambda x: 1j * x, [1.0])
    with pytest.raises(TypeError, match="mismatch between the input and output shape"):
        O.root(lambda x: x[:1], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"root_scalar: dF/dx is not finite at the solution x=\[0.\]"):
        ag.grad(lambda t: O.root_scalar(lambda x, t: np.sqrt(x) * t, (t,), bracket=(0.0, 1.0)).root)(1.0)


def test_a_kink_exactly_at_the_solution_is_seen():
    """There both one-sided slopes of the gradient differ from what the rules take."""
    with pytest.raises(RuntimeError, match="at a kink"):
        ag.grad(lambda t: O.minimize(lambda x, t: np.abs(x[0] - t) + x[0] ** 2, [0.0], (t,)).x[0])(0.0)


def test_badly_scaled_problems_are_not_refused():
    scale = np.array([1e6, 1e-6])

    def cost(x, a):
        return np.sum((x / scale - a) ** 4 + (x / scale - a) ** 2)

    f = ag.jacobian(lambda a: O.minimize(cost, scale, (a,)).x)
    np.testing.assert_allclose(f(np.array([1.0, 1.0])), np.diag(scale), rtol=1e-6)
    hilbert = 1 / (1 + np.add.outer(np.arange(6), np.arange(6)))  # of condition 1.5e7
    slopes = ag.jacobian(lambda b: O.root(lambda x, b: hilbert @ x - b, np.zeros(6), (b,)).x)(np.ones(6))
    np.testing.assert_allclose(slopes @ hilbert, np.eye(6), atol=1e-6)


def test_names_that_are_refused():
    remedies = {"linprog": "corner", "differential_evolution": "polish", "milp": "SciPy", "fsolve": "root"}
    for name, remedy in remedies.items():
        with pytest.raises(AttributeError, match=f"ag.optimize has no attribute '{name}': .*{remedy}"):
            getattr(O, name)
    with pytest.raises(AttributeError, match=r"ag.optim has no attribute 'minimize': ag\.optimize\.minimize"):
        ag.optim.minimize


def test_scipy_is_imported_on_use():
    program = "import autograd_lite as ag, sys; ag.optim, ag.stats, dir(ag); print('scipy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# ----------------------------------------------------------------------------------------------- errors of results


def test_the_delta_method():
    mean, cov = np.array([10.0, 2.0]), np.array([[0.25, 0.01], [0.01, 0.01]])
    value, variance, contributions = ag.stats.delta_method(lambda x: x[0] * x[1] ** 2, mean, cov)
    J = np.array([4.0, 40.0])
    np.testing.assert_allclose([value, variance, contributions.sum()], [40, J @ cov @ J, J @ cov @ J])
    _, several, contributions = ag.stats.delta_method(lambda x: [x[0] + x[1], x[0] * x[1]], mean, cov)
    J = np.array([[1.0, 1], [2, 10]])
    np.testing.assert_allclose(several, J @ cov @ J.T)
    np.testing.assert_allclose(contributions.sum(1), np.diag(several))
    np.testing.assert_allclose(
        ag.grad(lambda m: ag.stats.delta_method(lambda x: x[0] * x[1] ** 2, m, cov)[1])(mean),
        differences(lambda m: ag.stats.delta_method(lambda x: x[0] * x[1] ** 2, m, cov)[1], mean), rtol=1e-5,
    )
    with pytest.raises(ValueError, match=r"expected a mean of shape \(n,\) and a covariance .*, got \(2,\) and"):
        ag.stats.delta_method(np.sum, mean, np.eye(3))
