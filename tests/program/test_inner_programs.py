"""Loops and branches as one equation, in jit and vmap: against the same loop as plain Python, and derivatives of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import optim
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.engine.record import record
from autograd_lite.nn import functional as F
from autograd_lite.program.inner import Body, traced
from autograd_lite.program.loop_rows import SCAN

rng = np.random.default_rng(0)
W, xs, h0 = rng.normal(size=(3, 3)), rng.normal(size=(6, 3)), rng.normal(size=3)
ARGS = W, h0, xs
EACH = (0, 1, 2)


def same(a, b) -> None:
    for x, y in zip(leaves(a), leaves(b), strict=True):
        x, y = (getattr(z, "_data", z) for z in (x, y))
        assert np.result_type(x) == np.result_type(y)
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def net(W, h, xs, **options):
    def step(h, x):
        h = np.tanh(W @ h + x * h)
        return h, np.sin(h)

    return ag.scan(step, h, xs, **options)


def loss(*args, **options):
    h, ys = net(*args, **options)
    return (h**2).sum() + (ys * np.arange(3)).sum()


def rows(equations) -> list[str]:
    return [eq.row.name for eq in equations]


# ------------------------------------------------------------------------------------------------------- scan


TRANSFORMS = {
    "value": lambda f: f,
    "grad": lambda f: ag.grad(f, argnums=EACH),
    "hessian": ag.hessian,
    "jvp": lambda f: lambda *args: ag.jvp(f, args, args),
    "jacfwd": ag.jacfwd,
    "hvp": lambda f: lambda *args: ag.hvp(lambda w: f(w, *args[1:]))(args[0], args[0]),
    "third order": lambda f: ag.grad(lambda *args: ag.jvp(ag.grad(f), args, args)[1].sum()),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_scan_compiled(name: str) -> None:
    """The eager function runs the loop step by step, so both ways are compared."""
    transform = TRANSFORMS[name]
    compiled = ag.jit(transform(loss))
    same(compiled(*ARGS), transform(loss)(*ARGS))
    assert "scan" in rows(compiled.program)
    assert len(compiled.program) < 40


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 4, 6, 7, True])
def test_reverse_and_unroll(reverse: bool, unroll) -> None:
    options = {"reverse": reverse, "unroll": unroll}
    same(ag.jit(lambda *args: net(*args, **options))(*ARGS), net(*ARGS, reverse=reverse))
    gradient = ag.grad(lambda *args: loss(*args, reverse=reverse), argnums=EACH)(*ARGS)
    same(ag.jit(ag.grad(lambda *args: loss(*args, **options), argnums=EACH))(*ARGS), gradient)


@pytest.mark.parametrize("axes", [(0, 0, 0), (None, 0, None), (0, None, None), (None, None, 0)])
def test_batches(axes) -> None:
    """Batches of the weights that the body closes over, of the carry, and of the xs."""
    batch = [x if axis is None else rng.normal(size=(4, *x.shape)) for x, axis in zip(ARGS, axes, strict=True)]
    each = [[x if axis is None else x[k] for x, axis in zip(batch, axes, strict=True)] for k in range(4)]
    gradient = ag.grad(loss, argnums=EACH)
    gradients = [np.stack(column) for column in zip(*(gradient(*args) for args in each), strict=True)]
    same(ag.vmap(loss, axes)(*batch), np.stack([loss(*args) for args in each]))
    same(list(ag.vmap(gradient, axes)(*batch)), gradients)
    same(list(ag.jit(ag.vmap(gradient, axes))(*batch)), gradients)
    total = [g if axis == 0 else g.sum(0) for g, axis in zip(gradients, axes, strict=True)]
    same(list(ag.grad(lambda *args: ag.vmap(loss, axes)(*args).sum(), argnums=EACH)(*batch)), total)


def test_second_derivatives_of_a_batch() -> None:
    batch = [rng.normal(size=(2, *x.shape)) for x in ARGS]
    each = np.stack([ag.hessian(loss)(*(x[k] for x in batch)) for k in range(2)])
    same(ag.vmap(ag.hessian(loss))(*batch), each)


def test_nested_loops() -> None:
    def nested(x):
        def inner(c, y):
            return c * np.cos(y) + x.sum(), c

        def outer(c, y):
            c, ys = ag.scan(inner, c, x * y)
            return c, ys.sum()

        c, ys = ag.scan(outer, 1.0, x)
        return c + ys.sum()

    x = np.array([0.3, 0.5, -0.2])
    for f in (nested, ag.grad(nested), ag.hessian(nested)):
        same(ag.jit(f)(x), f(x))
    same(ag.vmap(ag.grad(nested))(np.stack([x, 2 * x])), np.stack([ag.grad(nested)(x), ag.grad(nested)(2 * x)]))


def test_transforms_in_a_body() -> None:
    def f(x):
        return ag.scan(lambda h, x: (ag.grad(lambda h: h**3 * x)(h), ag.vmap(np.sin)(x * np.ones(2))), 1.0, x)

    x = np.array([1.0, 0.5, 0.2])
    same(ag.jit(f)(x), f(x))
    g = ag.grad(lambda x: f(x)[0])
    same(ag.jit(g)(x), g(x))


def test_parameters_and_a_training_step() -> None:
    weight = ag.tensor(W / 2, requires_grad=True, name="W")

    def model(x):
        return net(weight, np.zeros(3), x)[1]

    def gradient(f):
        weight.grad = None
        f()
        return weight.grad.numpy().copy()

    expected = gradient(lambda: (model(xs) ** 2).sum().backward())
    compiled = ag.jit(model)
    same(gradient(lambda: (compiled(xs) ** 2).sum().backward()), expected)

    @ag.jit
    def step(x):
        total = (model(x) ** 2).sum()
        total.backward()
        return total

    same(gradient(lambda: step(xs)), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_dtypes(dtype) -> None:
    def f(x):
        return abs(ag.scan(lambda c, y: (c * y + y, c), x[0], x)[1]).sum()

    x = np.array([0.3, 0.5, -0.2]).astype(dtype)
    compiled, eager = ag.jit(ag.grad(f))(x), ag.grad(f)(x)
    assert compiled.dtype == eager.dtype == dtype
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)


@pytest.mark.parametrize("start", [0.0, 0])
def test_a_number_as_carry(start) -> None:
    """It takes the dtype of the first step, written in the function or as an argument."""
    def f(x, n):
        return ag.scan(lambda c, y: (c + y, c), n, x)

    x = np.ones(3, np.float32)
    total, before = ag.jit(f)(x, start)
    assert total.dtype == before.dtype == np.float32
    same(before, np.arange(3, dtype=np.float32))
    assert ag.jit(lambda x: f(x, start))(x)[0].dtype == np.float32


def test_no_steps_no_xs_no_carry() -> None:
    same(ag.jit(lambda x: ag.scan(lambda c, x: (c + x, x * 2), np.zeros(3), x))(xs[:0]), (np.zeros(3), xs[:0]))
    same(ag.jit(lambda x: ag.scan(lambda h, _: (h * x, h), 1.0, length=3))(2.0), (8.0, np.array([1.0, 2.0, 4.0])))
    same(ag.jit(lambda x: ag.scan(lambda _, x: (None, x * 2), None, x))(xs), (None, xs * 2))
    same(ag.vmap(lambda x: ag.scan(lambda c, x: (c + x, x), 0.0, x))(np.zeros((0, 3))), (np.zeros(0), np.zeros((0, 3))))


def test_what_does_not_change_from_step_to_step() -> None:
    """It is computed once, outside of the loop, also where that is batched."""
    def f(W, xs):
        return ag.scan(lambda h, x: (np.tanh(W[0] * W[1] * h + np.sin(W[2])) * x, None), np.ones(3), xs)[0].sum()

    compiled = ag.jit(f)
    compiled(W, xs)
    [scan] = [eq for eq in compiled.program if eq.row.name == "scan"]
    assert len(scan.params["body"].program) == 4
    batch = np.stack([xs, 2 * xs])
    same(ag.grad(lambda W: ag.vmap(f, (None, 0))(W, batch).sum())(W), sum(ag.grad(f)(W, x) for x in batch))


def test_constants_among_results() -> None:
    def f(x):
        def step(c, x):
            return {"a": c["a"] * x, "b": np.ones(2)}, (np.arange(3.0), 2)

        last, ys = ag.scan(step, {"a": 1.0, "b": np.zeros(2)}, x)
        return last["a"] * last["b"].sum() * ys[0].sum() * ys[1].sum()

    x = np.array([0.5, 2.0, 3.0])
    for g in (f, ag.grad(f), ag.hessian(f)):
        same(ag.jit(g)(x), g(x))
    same(ag.vmap(ag.grad(f))(np.stack([x, 2 * x])), np.stack([ag.grad(f)(x), ag.grad(f)(2 * x)]))


def test_draws() -> None:
    """Each step draws, as it does eagerly, and the backward pass uses the same numbers."""
    def f(x):
        return ag.scan(lambda c, y: (c + F.dropout(c * y, 0.5), ag.rand_like(c)), np.ones(3), x)

    compiled, gradient = ag.jit(f), ag.jit(ag.grad(lambda x: f(x)[0].sum()))
    compiled(xs), gradient(xs)
    results = []
    for one, other in ((compiled, gradient), (f, ag.grad(lambda x: f(x)[0].sum()))):
        ag.manual_seed(0)
        results.append((one(xs), one(xs), other(xs)))
    same(*results)
    _, drawn = ag.vmap(f, randomness="different")(np.stack([xs, xs]))
    assert not np.allclose(drawn[0], drawn[1])
    with pytest.raises(RuntimeError, match="randomness='different'"):
        ag.vmap(f)(np.stack([xs, xs]))


def test_a_derivative_that_was_not_asked_for_when_it_was_recorded() -> None:
    """The steps have not kept what it needs, so they are run again."""
    inner = traced("scan", lambda h, x: (np.tanh(h * x), h * x), h0, xs[0])
    body, gradients = Body(inner.program, 1, 1), []
    for run in (lambda *args: record(SCAN, args, {"body": body, "length": 6, "reverse": False}),
                lambda h, x: ag.scan(lambda h, x: (np.tanh(h * x), h * x), h, x)):
        h, x = (ag.tensor(a, requires_grad=True) for a in (h0, xs))
        last, ys = run(h, x)
        (last.sum() + (ys**2).sum()).backward()
        gradients.append((h.grad, x.grad))
    same(*gradients)


# ------------------------------------------------------------------------------------------- the form of a carry


def test_a_dict_with_its_keys_in_another_order() -> None:
    """A carry keeps the order of `init`; the branches of cond match by key."""
    def turned(v, x):
        return {"a": v["a"] + x, "b": v["b"] * 2}

    start = {"b": np.ones(3), "a": np.zeros(3)}
    for f in (
        lambda x: ag.scan(lambda v, x: (turned(v, x), {"y": x, "a": v["a"]}), start, x),
        lambda x: ag.scan(lambda v, x: (turned(v, x), None), start, x, unroll=4),
        lambda x: ag.fori_loop(0, 5, lambda i, v: turned(v, x[0]), start),
        lambda x: ag.while_loop(lambda v: v["b"][0] < 9, lambda v: turned(v, x[0]), start),
    ):
        same(ag.jit(f)(xs), f(xs))
        same(ag.vmap(f)(xs[None]), rebuild(f(xs), [y[None] for y in leaves(f(xs))]))

    def g(x):
        return ag.cond(x > 0, lambda x: {"a": x, "b": 2.0}, lambda x: {"b": 3.0, "a": -x}, x)

    for x in (1.5, -1.5):
        assert ag.jit(g)(x) == g(x)
    same(ag.vmap(g)(np.array([1.0, -2.0])), {"a": np.array([1.0, 2.0]), "b": np.array([2.0, 3.0])})


def test_an_argument_that_is_a_number_becomes_the_carry() -> None:
    """It has the dtype of the carry; in a branch it is an array."""
    def f(x, n):
        return ag.scan(lambda c, x: (n, c), np.float32(1), x)

    same(ag.jit(f)(np.ones(3), 2.5), f(np.ones(3), 2.5))
    g = ag.jit(lambda x, n: ag.cond(x > 0, lambda: n, lambda: x))
    same([g(1.0, 2.5), g(-1.0, 2.5)], [2.5, -1.0])
    with pytest.raises(TypeError, match=r"result is int64\[\] if pred is true, and float64\[\] if not"):
        g(np.float64(1.0), 2)


noise = np.random.default_rng(0)


@pytest.mark.parametrize("draw", [lambda: noise.normal(), lambda: np.random.rand()])
@pytest.mark.parametrize("transform", [ag.jit, ag.vmap])
def test_draws_from_numpy(transform, draw) -> None:
    """A trace would draw once, and use the number in every step."""
    with pytest.raises(RuntimeError, match=r"scan: draws random numbers that a trace cannot repeat: .*ag\.rand_like"):
        transform(lambda x: ag.scan(lambda c, x: (c + draw() * x.sum(), None), 0.0, x)[0])(xs)


def test_draws_that_all_examples_share() -> None:
    def f(x):
        return ag.scan(lambda c, x: (F.dropout(c + x), None), np.zeros(3), x)[0]

    with pytest.raises(RuntimeError, match="randomness='same' is not possible for scan, whose body draws"):
        ag.vmap(f, randomness="same")(np.stack([xs, xs]))


# ------------------------------------------------------------------------------------------------------- cond


def choose(x, w):
    return ag.cond(x.sum() > 0, lambda x: (np.sqrt(x) * w).sum(), lambda x: (np.exp(x) + w).sum() * 0.5, x)


POSITIVE, NEGATIVE, w2 = np.array([1.0, 2.0]), np.array([-1.0, 0.5]), np.array([2.0, 3.0])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_cond_compiled(name: str) -> None:
    f = lambda x, w: choose(x, w) ** 2  # noqa: E731
    transform = TRANSFORMS[name] if name != "grad" else lambda f: ag.grad(f, argnums=(0, 1))
    compiled = ag.jit(transform(f))
    for x in (POSITIVE, NEGATIVE):
        same(compiled(x, w2), transform(f)(x, w2))
    assert compiled.cache_info().misses == 1
    assert "cond" in rows(compiled.program)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_cond_in_batches_selects() -> None:
    X = np.stack([POSITIVE, NEGATIVE, [-3.0, 1.0]])
    each = [ag.grad(choose, argnums=(0, 1))(x, w2) for x in X]
    of_x, of_w = (np.stack(column) for column in zip(*each, strict=True))
    same(ag.vmap(choose, (0, None))(X, w2), np.stack([choose(x, w2) for x in X]))
    same(list(ag.vmap(ag.grad(choose, argnums=(0, 1)), (0, None))(X, w2)), [of_x, of_w])
    total = ag.grad(lambda x, w: ag.vmap(choose, (0, None))(x, w).sum(), argnums=(0, 1))
    for f in (total, ag.jit(total)):
        same(list(f(X, w2)), [of_x, of_w.sum(0)])
    same(ag.vmap(ag.hessian(choose), (0, None))(X, w2), np.stack([ag.hessian(choose)(x, w2) for x in X]))


def test_no_nan_from_the_branch_that_is_not_taken() -> None:
    def f(x, w):
        return ag.cond(x > 0, lambda x: np.log(x) * w, lambda x: x * w / 2, x)

    total = ag.grad(lambda x, w: ag.vmap(f, (0, None))(x, w).sum(), argnums=(0, 1))
    x, w = np.array([1.0, 0.0, -1.0]), np.array(2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for g in (total, ag.jit(total)):
            same(list(g(x, w)), [np.array([2.0, 1.0, 1.0]), np.array(-0.5)])

        def overflows(x):
            return ag.cond(x > 0, lambda x: x, lambda x: np.exp(x) * 0.0, x)

        same(ag.grad(lambda x: ag.vmap(overflows)(x).sum())(np.array([1000.0, -1.0])), np.array([1.0, 0.0]))


def test_cond_in_a_loop() -> None:
    def f(x):
        def step(c, y):
            c = ag.cond(y > 0, lambda c: c * y, lambda c: c - y, c)
            return c, c

        c, ys = ag.scan(step, 1.0, x)
        return c * ys.sum()

    x = np.array([0.3, 0.5, -0.2])
    for g in (f, ag.grad(f), ag.hessian(f)):
        same(ag.jit(g)(x), g(x))
    same(ag.vmap(ag.grad(f))(np.stack([x, -2 * x])), np.stack([ag.grad(f)(x), ag.grad(f)(-2 * x)]))


def test_a_number_as_result_of_a_branch() -> None:
    f = ag.jit(lambda x: ag.cond(x > 0, lambda x: 0.0, lambda x: x, x))
    assert f(np.float32(-1)).dtype == np.float32
    same(f(np.float32(1)), np.float32(0))


# ------------------------------------------------------------------------------------------------- while_loop


def newton(a):
    return ag.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)


A = np.array([2.0, 3.0, 10.0, 5.0])


def test_while_loop() -> None:
    same(ag.jit(newton)(2.0), newton(2.0))
    for f in (ag.vmap(newton), ag.jit(ag.vmap(newton))):
        same(f(A), np.stack([newton(a) for a in A]))  # the loop of each example ends by itself
    slopes = np.sqrt(A), 0.5 / np.sqrt(A)
    same(ag.jit(lambda a: ag.jvp(newton, (a,), (1.0,)))(2.0), ag.jvp(newton, (2.0,), (1.0,)))
    same(ag.vmap(lambda a: ag.jvp(newton, (a,), (1.0,)))(A), slopes)
    same(ag.jvp(ag.vmap(newton), (A,), (np.ones(4),)), slopes)
    twice = ag.jacfwd(ag.jacfwd(newton))
    same(ag.jit(twice)(2.0), twice(2.0))
    with pytest.raises(RuntimeError, match=r"while_loop has no reverse mode.*ag\.scan"):
        ag.jit(ag.grad(newton))(2.0)


def test_fori_loop() -> None:
    def f(x, n):
        return ag.fori_loop(0, n, lambda i, v: v * x + i, 1.0)

    compiled = ag.jit(f)
    for n in (5, 0, 7):  # an argument that is a number of steps
        same(compiled(2.0, n), f(2.0, n))
    assert compiled.cache_info().misses == 1
    same(ag.vmap(f)(np.array([1.0, 2.0]), np.array([3, 4])), np.array([f(1.0, 3), f(2.0, 4)]))
    for g in (ag.jit(f), ag.vmap(f, (None, 0))):
        with pytest.raises(TypeError, match=r"expected whole numbers as bounds, got float64\["):
            g(2.0, np.array([2.5]))
    with pytest.raises(RuntimeError, match="static_argnames"):
        ag.jit(lambda n: ag.scan(lambda c, _: (c + 1, None), 0, length=n)[0])(3)
    fixed = ag.grad(lambda x: f(x, 5))
    same(ag.jit(fixed)(2.0), fixed(2.0))
    same(ag.jit(lambda x: ag.fori_loop(0, 3, lambda i, v: v + x[i], 0.0))(A), A[:3].sum())


# ------------------------------------------------------------------------------------------ errors, and readers


weight = ag.tensor(np.eye(3), requires_grad=True, name="weight")
optimizer = optim.SGD([weight], lr=0.1)


def writes(h, x):
    with ag.no_grad():
        weight.data = weight.data * 2
    return h, None


def steps(h, x):
    optimizer.step()
    return h, None


def hooks(h, x):
    y = h * 2
    y.register_hook(lambda g: g)
    return y, None


def branches(h, x):
    return (h if x.sum() > 0 else -h), None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (writes, "a write to weight in the body of scan, at .*test_inner_programs.py:"),
        (steps, "a step of SGD in the body of scan"),
        (hooks, "has a hook, which the body of a traced loop cannot have"),
        (branches, "ag.cond or ag.while_loop"),
        (lambda h, x: (h[:-1], None), r"carry was float64\[3\] and became float64\[2\]"),
        (lambda h, x: (h.astype(np.float32), None), r"carry was float64\[3\] and became float32\[3\]"),
        (lambda h, x: ((h, h), None), "expected the same structure|carry was float64|a tuple"),
        (lambda h, x: (h, "text"), "expected numbers and arrays as results, got str"),
    ],
)
def test_what_a_body_cannot_do(body, words: str) -> None:
    weight.grad = ag.tensor(np.ones((3, 3)))
    with pytest.raises((RuntimeError, ValueError, TypeError), match=words):
        ag.jit(lambda x: ag.scan(body, x[0], x)[0])(xs)


@pytest.mark.parametrize("transform", [ag.jit, ag.vmap, lambda f: ag.vmap(ag.grad(lambda x: f(x).sum()))])
def test_a_value_that_leaves_its_loop(transform) -> None:
    def f(x):
        inside = []

        def step(h, x):
            inside.append(h * 2)
            return h * x, None

        return ag.scan(step, x[0], x)[0] + inside[-1]

    with pytest.raises(RuntimeError, match="used outside of it"):
        transform(f)(xs[None])


def test_branches_that_differ() -> None:
    for other, words in ((lambda x: (x, x), "tuple if not"), (lambda x: x * np.ones(2), r"float64\[2\] if not")):
        with pytest.raises(TypeError, match=words):
            ag.jit(lambda x, other=other: ag.cond(x > 0, lambda x: x, other, x))(1.0)


def test_readers() -> None:
    """A branch that depends on what is traced is one step in a derivation and a picture; source refuses it."""
    program = ag.trace(lambda x: ag.cond(x > 0, np.sin, np.cos, x) * 2)(1.0)
    assert rows(program) == ["greater", "cond", "multiply"]
    same(program(-1.0), 2 * np.cos(-1.0))
    assert "cond′" in str(program.explain())
    assert "cond" in program.draw().svg()
    whole = ag.trace(lambda x: ag.cond(x[0] > 0, lambda x: (x * x).sum(), np.prod, x))(np.array([0.3, 0.5, 0.2]))
    assert "[0.6 1.  0.4]" in str(whole.explain())
    assert "cond" in whole.draw().svg()
    with pytest.raises(ValueError, match="the function itself, or of the loop with unroll=True"):
        program.source()
    with pytest.raises(ValueError, match="the function itself, or of the loop with unroll=True"):
        ag.source(ag.vmap(lambda x: loss(W, h0, x)), xs[None])
    # Scan is recorded step by step there.
    assert rows(ag.trace(lambda x: ag.scan(lambda c, x: (c * x, None), 1.0, x)[0])(np.ones(2))).count("multiply") == 2
