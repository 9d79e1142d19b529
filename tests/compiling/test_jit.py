"""ag.jit: what it takes and returns, what it reads from outside, its cache, its errors, threads, interrupts."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest

import autograd_lite as ag
import autograd_lite.nn.functional as F
from autograd_lite import nn, optim

rng = np.random.default_rng(0)
W, X = rng.normal(size=3), rng.normal(size=(4, 3))
SCALE, SIZE = np.array([1.0, 2.0, 3.0]), 2.0


def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


# ------------------------------------------------------------------------------------------ what goes in and out


@pytest.mark.parametrize(
    "f",
    [loss, ag.grad(loss), ag.value_and_grad(loss), ag.hessian(loss), ag.jacobian(lambda w, x: np.tanh(x @ w)),
     ag.vmap(loss, in_axes=(None, 0)), lambda w, x: ag.hvp(loss)(w, w, x),
     lambda w, x: ag.jvp(lambda v: loss(v, x), (w,), (w,))],
    ids=["loss", "grad", "value_and_grad", "hessian", "jacobian", "vmap", "hvp", "jvp"],
)  # fmt: skip
def test_functions_and_their_transforms(f):
    compiled = ag.jit(f)
    for shift in (0.0, 1.0):  # the first call traces
        mine, theirs = compiled(W + shift, X), f(W + shift, X)
        mine, theirs = (x if isinstance(x, tuple) else (x,) for x in (mine, theirs))
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-12)
            assert not isinstance(a, ag.Tensor)
    assert compiled.cache_info() == (1, 1, 64, 1)


@pytest.mark.parametrize(
    "f",
    [ag.grad(ag.jit(loss)), ag.jit(ag.jit(loss)), ag.hessian(ag.jit(loss)), ag.jit(ag.grad(ag.jit(loss))),
     ag.vmap(ag.jit(loss), in_axes=(None, 0))],
    ids=["grad", "jit", "hessian", "jit of grad", "vmap"],
)  # fmt: skip
def test_inside_transforms_and_other_compiled_functions(f):
    plain = {0: ag.grad(loss), 1: loss, 2: ag.hessian(loss), 3: ag.grad(loss), 4: ag.vmap(loss, in_axes=(None, 0))}
    which = [f is g for g in test_inside_transforms_and_other_compiled_functions.pytestmark[0].args[1]].index(True)
    np.testing.assert_allclose(np.asarray(f(W, X)), np.asarray(plain[which](W, X)), rtol=1e-12)


def test_trees_and_numbers():
    f = ag.jit(lambda p, s: {"both": [p["w"] * s, (p["b"],)], "nothing": None})
    assert ag.jit(lambda x: (x.shape, "name", len))(W) == ((3,), "name", len)
    y = f({"w": W, "b": 2.0}, 3)
    np.testing.assert_array_equal(y["both"][0], 3 * W)
    assert y["both"][1] == (2.0,)
    assert y["nothing"] is None
    np.testing.assert_array_equal(f({"w": W, "b": 2.0}, 4)["both"][0], 4 * W)
    assert f.cache_info().currsize == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_python_numbers_are_weak(dtype):
    f = ag.jit(lambda x, a, k: x * (a * 2 + 1) / k)
    y = f(W.astype(dtype), 0.1, 3)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, W.astype(dtype) * (0.1 * 2 + 1) / 3)


def test_keyword_arguments_and_methods():
    class Model:
        def __init__(self):
            self.scale = np.ones(3)

        @ag.jit
        def __call__(self, x, *, power):
            return self.scale * x**power

    model = Model()
    np.testing.assert_allclose(model(W, power=2.0), W**2, rtol=1e-15)
    model.scale = np.full(3, 2.0)
    np.testing.assert_allclose(model(W, power=3.0), 2 * W**3, rtol=1e-15)


def test_static_arguments():
    @ag.jit(static_argnames=("n", "kind"))
    def f(x, n, kind="sin"):
        for _ in range(n):
            x = getattr(np, kind)(x)
        return x

    np.testing.assert_array_equal(f(W, 2), np.sin(np.sin(W)))
    np.testing.assert_array_equal(f(W, 1, kind="cos"), np.cos(W))
    np.testing.assert_array_equal(f(W, n=2), np.sin(np.sin(W)))
    assert f.cache_info().misses == 3
    with pytest.raises(ValueError, match="jit: f has no parameter 'm'; expected names among x, n, kind"):
        ag.jit(f.f, static_argnames="m")
    with pytest.raises(TypeError, match="f: an array cannot be a static argument"):
        f(W, W)


def test_booleans_strings_and_none_are_static_by_themselves():
    f = ag.jit(lambda x, flip, how: -x if flip else x + (how == "more"))
    assert [f(1.0, True, None), f(1.0, False, "more"), f(1.0, False, None)] == [-1.0, 2.0, 1.0]


def test_results_are_never_overwritten_by_the_next_call():
    f = ag.jit(lambda x: (np.sin(x), x, x.T, np.cos(x) + 1))
    first = f(X)
    kept = [y.copy() for y in first]
    f(X + 1)
    for y, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(y, before)
        assert not np.shares_memory(y, X)


def test_a_donated_argument_is_not_overwritten():
    f = ag.jit(lambda x, y: x * 2 + y, donate_argnames="x")
    x, y = np.ones(5), np.ones(5)
    np.testing.assert_array_equal(f(x, y), 3.0)
    np.testing.assert_array_equal([x, y], 1.0)


# ------------------------------------------------------------------------------------------- what is read outside


def test_arrays_and_numbers_from_outside_are_read_at_every_call():
    global SCALE, SIZE
    inner = np.ones(3)
    factor = 1.0

    def f(x):
        return x * SCALE * SIZE * inner * factor

    compiled = ag.jit(f)
    before = SCALE, SIZE
    np.testing.assert_allclose(compiled(W), f(W), rtol=1e-15)
    inner[0] = 5.0
    np.testing.assert_allclose(compiled(W), f(W), rtol=1e-15)
    inner, SCALE = np.full(3, 4.0), np.array([3.0, 4.0, 5.0])
    np.testing.assert_allclose(compiled(W), f(W), rtol=1e-15)
    assert compiled.cache_info().misses == 1
    factor, SIZE = 7.0, 3.0
    np.testing.assert_allclose(compiled(W), f(W), rtol=1e-15)
    assert compiled.cache_info().misses == 2  # a number is part of the program
    SCALE, SIZE = before


def test_tensors_from_outside_are_read_at_every_call():
    t, labels = ag.tensor([1.0, 2.0, 3.0]), ag.tensor([0, 2])

    def g(x):
        return F.cross_entropy(np.stack([x * t, x + t]), labels)

    f = ag.jit(g)
    assert f(W).item() == pytest.approx(g(W).item(), rel=1e-14)
    t.data[0] = 7.0
    labels.data = np.array([1, 1])
    assert f(W).item() == pytest.approx(g(W).item(), rel=1e-14)
    assert f.cache_info().misses == 1


def test_arrays_in_containers_and_modules_are_read_at_every_call():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift, self.factor = np.ones(3), 2.0

        def forward(self, x):
            return x * self.factor + self.shift

    net, constants = Net(), {"a": np.ones(3)}

    def f(x):
        return net(x) * constants["a"]

    compiled = ag.jit(f)
    np.testing.assert_array_equal(compiled(W), np.asarray(f(W)))
    net.shift, constants["a"] = np.full(3, 2.0), np.full(3, 5.0)
    np.testing.assert_array_equal(compiled(W), np.asarray(f(W)))
    net.factor = 3.0
    np.testing.assert_array_equal(compiled(W), np.asarray(f(W)))


def test_what_a_name_stands_for_may_change():
    """In a notebook a cell makes a new net and a new optimiser; functions and options change too."""
    def make():
        net = nn.Linear(3, 1)
        return net, optim.SGD(net.parameters(), lr=0.1)

    def double(x):
        return x * 2.0

    class Options:
        power = 1.0

        def __init__(self):
            self.shift = 1.0

    net, optimizer = make()
    options, table, scale = Options(), {"factor": 1.0, "bounds": (-1.0, 1.0)}, double

    def step(x):
        optimizer.zero_grad()
        y = scale(net(x)) * table["factor"] + options.shift + table["bounds"][1]
        y.sum().backward()
        optimizer.step()
        return y

    compiled = ag.jit(step)

    def agrees():
        start = net.weight.data.copy(), net.bias.data.copy()
        mine, after = compiled(X).numpy().copy(), net.weight.data.copy()
        net.weight.data, net.bias.data = start
        np.testing.assert_allclose(mine, step(X).detach().numpy(), rtol=1e-13)
        np.testing.assert_allclose(after, net.weight.data, rtol=1e-13)

    agrees()
    net, optimizer = make()
    agrees()
    table["factor"], options.shift = 3.0, 5.0
    agrees()
    table["bounds"] = (-2.0, 2.0)
    agrees()

    def other(x):
        return x * 5.0

    scale = other
    agrees()
    table, options = {"factor": 7.0, "bounds": (0.0, 0.5)}, Options()
    agrees()
    misses = compiled.cache_info().misses
    agrees()
    assert compiled.cache_info().misses == misses


def test_a_module_is_connected_to_its_parameters():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    compiled = ag.jit(net)
    for x in (X, X + 1):
        for model in (compiled, net):
            net.zero_grad()
            (model(x) ** 2).sum().backward()
            if model is compiled:
                mine = [p.grad.numpy() for p in net.parameters()]
        for a, p in zip(mine, net.parameters(), strict=True):
            np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-12)
    with ag.no_grad():
        assert not compiled(X).requires_grad
    y = compiled(X)
    with ag.no_grad():
        net[0].weight -= 1.0
    with pytest.raises(RuntimeError, match="has changed since compiled used it"):
        y.sum().backward()


def test_an_argument_that_requires_a_gradient_gets_one():
    x = ag.tensor(X, requires_grad=True)
    y = ag.jit(lambda x, w: (np.tanh(x @ w), x.shape[0]))(x, W)
    y[0].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), ag.grad(lambda x: np.tanh(x @ W).sum())(X), rtol=1e-12)
    assert y[1] == 4


def test_dropout_in_a_connected_module_draws_the_same_numbers_as_eager_code():
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    compiled, results = ag.jit(net), []
    for model in (compiled, net):
        ag.manual_seed(3)
        results.append([model(X).detach().numpy() for _ in range(3)])
    np.testing.assert_allclose(*results, rtol=1e-14)


# ------------------------------------------------------------------------------------------- what is written outside


@pytest.mark.parametrize("how", ["in place", "data", "data of grad", "index", "copy_"])
def test_writes_to_tensors(how):
    def step(w, x):
        ((w * x) ** 2).sum().backward()
        with ag.no_grad():
            if how == "in place":
                w -= 0.1 * w.grad
            elif how == "data":
                w.data = w - 0.1 * w.grad
            elif how == "data of grad":
                w.data -= 0.1 * w.grad.data
            elif how == "index":
                w[1:] -= 0.1 * w.grad[1:]
            else:
                w.copy_(w - 0.1 * w.grad)
        w.grad = None

    results = []
    for jit in (True, False):
        w = ag.tensor(W, requires_grad=True)
        alias = w.data
        f = ag.jit(lambda x, w=w: step(w, x)) if jit else lambda x, w=w: step(w, x)
        for k in range(3):
            f(X[k])
        results.append(w.numpy().copy())
        if how != "data" or jit:
            assert alias is w.data
        assert w.grad is None
    np.testing.assert_allclose(*results, rtol=1e-14)


def test_a_tensor_may_be_given_constants():
    """As by ``w.grad.zero_()`` at the end of a step."""
    w = ag.tensor(W, requires_grad=True)

    @ag.jit
    def f(x):
        ((w * x) ** 2).sum().backward()
        grad = w.grad.clone()
        w.grad.zero_()
        return grad

    for x in X:
        np.testing.assert_allclose(f(x).numpy(), 2 * W * x**2, rtol=1e-13)
        np.testing.assert_array_equal(w.grad.numpy(), 0.0)


def test_an_argument_may_be_written_to():
    @ag.jit
    def f(x, n):
        x += 1.0
        n += 1.0  # a number: another name for another value
        return x * n

    x = np.zeros(2)
    np.testing.assert_array_equal(f(x, 2.0), 3.0)
    np.testing.assert_array_equal(f(x, 2.0), 6.0)
    np.testing.assert_array_equal(x, 2.0)


def numbers(x):
    return np.array(x.numpy() if isinstance(x, ag.Tensor) else x)


def gradients_of_parameters(w, x):
    (g,) = ag.autograd.grad(((w * x) ** 2).sum(), [w])
    with ag.no_grad():
        w -= 0.1 * g
    return g


def gradients_of_results(w, x):
    h = w * x
    return ag.autograd.grad([(h**2).sum(), h.sum()], [h], grad_outputs=[x[0], None])[0]


def gradients_with_cotangents(w, x):
    w.grad = None
    (w * x).backward(gradient=x * 3)
    return ag.autograd.grad(w * x, [w], grad_outputs=x)[0] + w.grad


def gradients_of_new_tensors(w, x):
    new = ag.tensor(x, requires_grad=True)
    ((w * new) ** 2).sum().backward()
    return new.grad * ag.tensor(x * 2) + ag.tensor(x, dtype=np.float32)


FACTORS = [2.0, 3.0]
ADDED = np.ones(3)
SPACE = SimpleNamespace(scale=np.ones(3))


class Settings:
    rate = 0.5
    masks = (np.ones(3),)


class Scaled(Settings):
    def __call__(self, x):
        return x * self.rate * self.masks[0]


SCALED = Scaled()


def with_default(x, added=ADDED):
    return x + added


@pytest.mark.parametrize(
    ("f", "change"),
    [
        (lambda x: x * sum(FACTORS), lambda: FACTORS.append(4.0)),
        (with_default, lambda: ADDED.fill(5.0)),
        (lambda x: x * SPACE.scale, lambda: setattr(SPACE, "scale", np.full(3, 2.0))),
        (lambda x: x * Settings.rate, lambda: setattr(Settings, "rate", 0.25)),
        (lambda x: SCALED(x), lambda: Settings.masks[0].fill(3.0)),
        (SCALED, lambda: setattr(Settings, "rate", 0.125)),
    ],
    ids=["length", "default", "namespace", "class", "array of a class", "class of an object"],
)
def test_changes_outside_are_seen(f, change):
    compiled = ag.jit(f)
    np.testing.assert_allclose(compiled(W), f(W))
    before = f(W)
    change()
    np.testing.assert_allclose(compiled(W), f(W))
    assert not np.array_equal(f(W), before)
    misses = compiled.cache_info().misses
    compiled(W)
    assert compiled.cache_info().misses == misses


@pytest.mark.parametrize(
    "f", [gradients_of_parameters, gradients_of_results, gradients_with_cotangents, gradients_of_new_tensors]
)
def test_gradients_taken_inside_are_computed_at_every_call(f):
    results = []
    for jit in (True, False):
        w = ag.tensor(W, requires_grad=True)
        step = ag.jit(lambda x, w=w: f(w, x)) if jit else lambda x, w=w: f(w, x)
        results.append([numbers(step(x)) for x in X] + [w.numpy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6 if f is gradients_of_new_tensors else 1e-13)


def test_the_state_of_an_optimiser_may_be_replaced():
    def run(jit):
        w = ag.tensor(W, requires_grad=True)
        optimizer = optim.Adam([w], lr=0.1)
        empty = optimizer.state_dict()

        def step(x):
            optimizer.zero_grad()
            ((w * x) ** 2).sum().backward()
            optimizer.step()

        f = ag.jit(step) if jit else step
        for k in range(8):
            if k == 3:
                optimizer.load_state_dict(optimizer.state_dict())
            if k == 5:
                optimizer.load_state_dict(empty)
            f(X[k % 4])
        return w.numpy()

    np.testing.assert_allclose(run(True), run(False), rtol=1e-12)


def test_gradients_accumulate_as_in_eager_code():
    def run(jit):
        w = ag.tensor(W, requires_grad=True)
        f = (ag.jit if jit else lambda f: f)(lambda x: ((w * x) ** 2).sum().backward())
        seen = []
        for k in range(4):
            if k == 2:
                w.grad = None
            f(X[k])
            seen.append(w.grad.numpy().copy())
        return seen

    np.testing.assert_allclose(run(True), run(False), rtol=1e-14)


def test_clipping():
    norm = nn.utils.clip_grad_norm_
    for clip in (
        lambda p: norm(p, 0.1), lambda p: norm(p, 0.1, np.inf), lambda p: norm(p, 1e6),
        lambda p: nn.utils.clip_grad_value_(p, 0.01),
    ):  # fmt: skip
        results = []
        for jit in (True, False):
            w, v = ag.tensor(W, requires_grad=True), ag.tensor(X, requires_grad=True)

            def f(w=w, v=v, clip=clip):
                w.grad = v.grad = None
                loss(w, v).backward()
                clip([w, v])

            f = ag.jit(f) if jit else f
            f()
            results.append(np.concatenate([w.grad.numpy(), v.grad.numpy().ravel()]))
        np.testing.assert_allclose(*results, rtol=1e-13)


def test_a_graph_from_before_a_compiled_step_is_not_walked_with_new_values():
    w = ag.tensor(W, requires_grad=True)

    @ag.jit
    def halve():
        with ag.no_grad():
            w.mul_(0.5)

    y = np.exp(w) * w
    halve()
    with pytest.raises(RuntimeError, match="has changed since"):
        y.sum().backward()


# ------------------------------------------------------------------------------------------------------ the cache


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_size_that_values_decide_may_change(backend):
    x, masks = np.array([0.3, 0.5, 0.7, 0.1]), np.array([[1, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 0, 1]]) > 0
    for f in (
        lambda x, m: np.mean(x[m] ** 2),
        lambda x, m: np.sum(x[m]) / len(x[m]),
        lambda x, m: np.mean(x[np.flatnonzero(m)] ** 2),
        lambda x, m: np.mean(np.bincount(np.where(m, np.arange(4), 0), x) ** 2),
        lambda x, m: np.sum(np.outer(x, x)[np.outer(m, m)] ** 2) / x[np.unique(m.astype(int))].size,
    ):
        for g in (f, ag.grad(f)):
            jitted = ag.jit(g, backend=backend)
            for m in masks:
                np.testing.assert_allclose(jitted(x, m), g(x, m), rtol=1e-12)


def test_a_step_that_chooses_examples_writes_once():
    X, chosen = np.random.default_rng(0).normal(size=(8, 5)), np.random.default_rng(1).random((8, 5)) < 0.6
    results = []
    for wrapped in (ag.jit, lambda step: step):
        w = ag.tensor(np.full(5, 0.5), requires_grad=True)
        optimizer = ag.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(x, m, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = np.mean((w * x)[m] ** 2)
            loss.backward()
            optimizer.step()
            return loss

        run = wrapped(step)
        losses = [float(run(x, m)) for x, m in zip(X, chosen, strict=True)]
        results.append((losses, w.numpy()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)


def test_many_sizes_are_worth_a_warning():
    jitted, x = ag.jit(lambda x, m: np.mean(x[m])), np.arange(30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 17):
            jitted(x, x < n)
        jitted(x, x < 3)
    with pytest.warns(UserWarning, match="recorded 16 times, because values decide a size in it: write np.where"):
        assert jitted(x, x < 20) == 9.5


def test_a_size_that_changes_from_step_to_step_of_a_loop_raises():
    jitted = ag.jit(lambda xs: ag.scan(lambda c, x: (c + np.mean(x[x > 0]), c), 0.0, xs)[0])
    assert float(jitted(np.ones((3, 2)))) == 3
    with pytest.raises(RuntimeError, match=r"nonzero has a result of shape \(1,\), and had \(2,\)"):
        jitted(np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]))


def test_the_cache():
    f = ag.jit(lambda x: x * 2)
    for n in range(1, 71):
        f(np.ones(n))
    assert f.cache_info() == (0, 70, 64, 64)
    f(np.ones(70))
    f(np.ones((1, 70), np.float32))
    assert f.cache_info()[:2] == (1, 71)
    f.clear_cache()
    assert f.cache_info() == (0, 0, 64, 0)
    with pytest.raises(RuntimeError, match="has not been called yet"):
        f.source


def test_it_shows_its_program_its_source_and_its_plan():
    f = ag.jit(loss)
    f(W, X)
    assert str(f.program).startswith("loss(w: float64[3], x: float64[4,3]):")
    assert "def loss(" in f.source
    assert "return np.sum(np.tanh(x @ w) ** 2)" in f.source  # the user's line, as a comment
    assert "dead code" in f.explain_plan() or "operations" in f.explain_plan()
    again = ag.jit(loss)
    again(W, X)
    assert again.source == f.source


@pytest.mark.parametrize("shape", [(2, 3), (200, 3)])  # with floats, and with arrays
def test_it_keeps_nothing_alive(shape):
    net = nn.Linear(3, 3)
    f = ag.jit(lambda x: net(x).sum())
    f(np.ones(shape)).backward()
    gone = [weakref.ref(net), weakref.ref(net.weight), weakref.ref(net.weight._node), weakref.ref(f)]
    f = net = None
    gc.collect()
    assert [r() for r in gone] == [None] * 4


def test_a_copy_compiles_for_itself():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Linear(3, 1)
            self.fast = ag.jit(self.slow)

        def slow(self, x):
            return self.part(x) * 2

    net = Net()
    net.fast(X)
    other = deepcopy(net)
    other.part.weight.data[...] = 0.0
    other.part.bias.data[...] = 1.0
    np.testing.assert_array_equal(other.fast(X).detach(), 2.0)
    assert not np.allclose(net.fast(X).detach(), 2.0)


def test_the_trace_leaves_no_trace():
    net, opt = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)), None
    opt = optim.Adam(net.parameters())
    before, state = net.state_dict(), ag.get_rng_state()

    @ag.jit
    def f(x):
        opt.zero_grad()
        net(x).sum().backward()
        opt.step()
        return float(x.sum())  # which fails after all of this

    with pytest.raises(RuntimeError):
        f(X)
    np.testing.assert_equal(net.state_dict(), before)
    assert ag.get_rng_state() == state
    assert all(p.grad is None and p._node.live == 2 for p in net.parameters())


# ---------------------------------------------------------------------------------------------------- errors


LOG: list[object] = []
COUNT = 0


def branches(x):
    return x if x.sum() > 0 else -x


def counts(x):
    global COUNT
    COUNT += 1
    return x


def keeps(x):
    LOG.append(x * 2)
    return x


class Recurrent:
    """Its state is a tuple that each call replaces."""

    def __init__(self):
        self.state = (ag.zeros(3), None)

    def __call__(self, x):
        self.state = (self.state[0] + x.sum(), None)
        return self.state[0]


class Replaced:
    """Its state is an object that each call replaces."""

    def __init__(self):
        self.state = SimpleNamespace(sum=ag.zeros(3))

    def __call__(self, x):
        self.state = SimpleNamespace(sum=self.state.sum + x)
        return self.state.sum


SCHEDULED = optim.SGD([ag.tensor(W, requires_grad=True)], lr=0.1)
SCHEDULE = optim.lr_scheduler.StepLR(SCHEDULED, 1)


def writes_a_view(x):
    row = BUFFER[0]
    row += 1.0
    return x * BUFFER.sum()


BUFFER = ag.tensor(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (branches, r"bool\(\) of a value .* at .*test_jit.py:\d+: .* Use np.where"),
        (lambda x: x.sum().item(), r"item\(\) .* Return the value, and convert it outside"),
        (lambda x: ag.Tensor(x) * 2, r"ag.Tensor\(\) of a value .* Use ag.tensor"),
        (lambda x: nn.Parameter(x) * 2, r"ag.Tensor\(\) of a value"),
        (lambda x: np.array([x, x]), r"np.array\(\) of a value .* Use np.stack"),
        (lambda x: print(x), r"printing .* Return the value, and print it outside"),
        (lambda x: np.zeros(int(x.sum())), r"int\(\) .* at .*test_jit.py:\d+"),
        (lambda x: list(range(x.sum().astype(int))), r"static_argnames"),
        (keeps, r"the result of multiply at .*test_jit.py:\d+ is kept outside of the function, in a list at 0"),
        (Recurrent(), r"the result of add at .*test_jit.py:\d+ is kept outside of the function, in a dict at 'state'"),
        (Replaced(), r"the result of add at .*test_jit.py:\d+ is kept outside of the function, in a dict at 'state'"),
        (counts, r"assigns to COUNT outside of it"),
        (lambda x: x * ag.randn(3), r"random numbers at .*test_jit.py:\d+: .* ag.randn_like"),
        (lambda x: (SCHEDULE.step(), x)[1], r"StepLR.step at .*: inside jit a schedule would advance only while"),
        (writes_a_view, r"is written to through a view"),
    ],
    ids=[
        "branch", "item", "Tensor", "Parameter", "asarray", "print", "int", "index", "keep", "state", "object",
        "global", "random", "schedule", "view",
    ],
)
def test_errors_name_the_line_and_the_remedy(f, message):
    with pytest.raises(RuntimeError, match=message) as raised:
        ag.jit(f)(W)
    assert "fallback=True" in raised.value.__notes__[0]
    assert LOG == []


GENERATOR = np.random.default_rng(0)


def test_numbers_from_numpys_generators_raise():
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    for f in (
        lambda x: x * generator.normal(), lambda x: x * np.random.normal(),
        lambda x: (lambda y: y * GENERATOR.normal())(x),  # a global that only the function inside names
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="draws from a generator of NumPy"):
            ag.jit(f)(W)
    assert generator.bit_generator.state == before


def test_fallback_warns_once_and_runs():
    f = ag.jit(branches, fallback=True)
    with pytest.warns(UserWarning, match=r"jit: branches runs without compiling, because bool\(\)"):
        np.testing.assert_array_equal(f(W), branches(W))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(f(-W), branches(-W))


def test_an_error_of_the_function_is_its_own():
    with pytest.raises(ValueError, match="matmul"):
        ag.jit(loss)(W, X.T)


# ----------------------------------------------------------------------------------------- threads and interrupts


def test_two_threads_may_call_one_function():
    f = ag.jit(lambda x: np.tanh(x @ x.T).sum(axis=0) * 2 + np.cos(x[:, 0]))
    inputs = [rng.normal(size=(40, 40)) for _ in range(8)]
    want = [np.tanh(x @ x.T).sum(axis=0) * 2 + np.cos(x[:, 0]) for x in inputs]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(30) if not np.allclose(f(inputs[k]), want[k], rtol=1e-12))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
    assert f.cache_info().hits + f.cache_info().misses == 240


def test_steps_from_two_threads_are_whole_steps():
    w = ag.tensor(np.zeros(1000), requires_grad=True)
    opt = optim.SGD([w], lr=1.0)

    @ag.jit
    def step(x):
        opt.zero_grad()
        (w * x).sum().backward()
        opt.step()

    threads = [threading.Thread(target=lambda: [step(np.ones(1000)) for _ in range(50)]) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(w.data, -100.0)


def large_step(threads):
    """A compiled step on an array of a megabyte, and its parameter."""
    w = ag.tensor(np.linspace(-1, 1, 150_000), requires_grad=True)

    @ag.jit(threads=threads)
    def step(x, rate):
        loss = np.sum(np.tanh(w * x) ** 2 - x * rate)
        loss.backward()
        with ag.no_grad():
            w.__isub__(rate * w.grad)
        w.zero_grad()
        return loss, np.sin(x) * np.exp(x) + 1

    return step, w


def test_threads_share_large_arrays_and_change_no_bit():
    x = np.cos(np.arange(150_000.0))
    (one, w1), (three, w3) = large_step(1), large_step(3)
    for _ in range(2):
        for a, b in zip(one(x, 0.1), three(x, 0.1), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(w1.data, w3.data)
    assert "in_threads(work, memory, " in three.source
    assert "in_threads" not in one.source


def test_two_calls_at_once_of_a_function_with_threads():
    f = ag.jit(lambda x: np.sum(np.exp(-x) * np.sin(x)) + x[0], threads=2)
    inputs = [np.linspace(0, k + 1, 140_000) for k in range(3)]
    want = [f(x) for x in inputs]
    wrong = []

    def work(k):
        wrong.extend(k for _ in range(10) if f(inputs[k]) != want[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_an_exception_in_a_thread_is_raised_and_its_buffers_are_not_used_again():
    x = np.ones(150_000)
    step, w = large_step(2)
    before = [step(x, 0.1)[0].item(), w.data.copy()]
    x[-1] = 1e308  # the last piece is not the first thread's
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        step(x, 10.0)
    np.testing.assert_array_equal(w.data, before[1])
    x[-1] = 1.0
    assert step(x, 0.1)[0].item() < before[0]


def test_the_number_of_threads_is_checked():
    with pytest.raises(ValueError, match="expected a number of threads, 1 or more, got threads=0"):
        ag.jit(threads=0)


def test_a_tensor_from_outside_may_be_kept_outside():
    w, kept = ag.tensor([1.0, 2.0], requires_grad=True), {}

    def step(x):
        kept["w"] = [w]
        with ag.no_grad():
            w.__isub__(x)
        return w.sum()

    run = ag.jit(step)
    assert [run(np.ones(2)).item() for _ in range(3)] == [1.0, -1.0, -3.0]
    assert kept["w"][0] is w


# ------------------------------------------------------------------------------------------------ updates in place


def stepped(make, start, jit, steps=3):
    """A parameter and its state after steps along gradients that are given."""
    p = ag.tensor(start.copy(order="K"), requires_grad=True)
    p.data = start.copy(order="K")
    opt = make([p])
    p.grad = np.ones_like(start)
    opt.step()
    run = ag.jit(opt.step) if jit else opt.step
    for k in range(steps):
        p.grad = np.cos(start + k)
        run()
    return [p.data, *opt.state[p].values()], run


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.Adam(p, amsgrad=True), lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: optim.RMSprop(p, weight_decay=0.1),
    ],
)  # fmt: skip
def test_a_large_parameter_is_updated_in_place_piece_by_piece(make, order):
    start = np.asarray(np.random.default_rng(1).normal(size=(280, 250)), order=order)
    want, _ = stepped(make, start, jit=False)
    got, run = stepped(make, start, jit=True)
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)
    if order == "C":
        assert run._newest.run._size <= start.nbytes  # two scratch arrays of half the size


@pytest.mark.parametrize("size", [3, 50, 100_000])
def test_an_error_in_a_step_leaves_parameters_and_state(size):
    p = ag.tensor(np.linspace(0, 1, size), requires_grad=True)
    opt = optim.Adam([p], lr=0.1)

    @ag.jit
    def step(x):
        opt.zero_grad()
        (p * np.exp(x)).sum().backward()
        opt.step()

    with np.errstate(all="raise"):
        step(np.ones(size))
        before = [p.data.copy(), *map(np.copy, opt.state[p].values())]
        with pytest.raises((FloatingPointError, OverflowError)):
            step(np.full(size, 1e3))
    for got, want in zip([p.data, *opt.state[p].values()], before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_gradients_are_read_before_a_parameter_that_shares_their_memory_is_written():
    def run(jit):
        a, b = ag.tensor(np.arange(4.0), requires_grad=True), ag.tensor(np.ones(4), requires_grad=True)
        opt = optim.SGD([a, b], lr=0.5)
        a.grad, b.grad = np.ones(4), np.ones(4)
        b.grad.data = a.data  # the same memory
        (ag.jit(opt.step) if jit else opt.step)()
        return b.data

    np.testing.assert_array_equal(run(True), run(False))


# ------------------------------------------------------------------------------------- leaves inside, and methods


def test_a_result_may_be_made_a_leaf_inside():
    def f(x):
        y = x * 2
        y.requires_grad_()
        z = x.detach().requires_grad_()
        (y * y * z).sum().backward()
        return y.grad, z.grad

    x = ag.tensor([1.0, 2.0])
    run = ag.jit(f)
    for k in range(3):
        for got, want in zip(run(x + k), f(x + k), strict=True):
            np.testing.assert_array_equal(got, want)
    assert run.cache_info().misses == 1


@pytest.mark.parametrize("x", [np.ones(3), ag.tensor(np.ones(3))])
def test_requires_grad_of_an_argument_raises(x):
    with pytest.raises(RuntimeError, match=r"requires_grad_\(True\) on an input of shape \(3,\), .*x.detach\(\)"):
        ag.jit(lambda x: ag.grad(np.sum)(x.requires_grad_(True)).sum())(x)


def test_a_parameter_may_be_frozen_for_a_part_of_the_function():
    w = ag.tensor([2.0, 3.0], requires_grad=True)

    def f(x):
        w.grad = None
        w.requires_grad_(False)
        y = w * x
        w.requires_grad_(True)
        (y * w).sum().backward()
        return w.grad

    x = np.array([1.0, 10.0])
    np.testing.assert_array_equal(ag.jit(f)(x), f(x))


def test_the_gradient_of_a_tensor_made_inside_is_no_reason_to_record_again():
    def f():
        w = ag.tensor(np.ones(3), requires_grad=True)
        (w * w).sum().backward()
        return w.grad

    run = ag.jit(f)
    for _ in range(3):
        got = run()
    assert isinstance(got, ag.Tensor)
    np.testing.assert_array_equal(got, f())
    assert run.cache_info()[:2] == (2, 1)


def test_a_gradient_that_is_assigned_is_read_at_every_call():
    w, g = ag.tensor(np.zeros(2), requires_grad=True), {"of w": np.ones(2)}
    opt = optim.SGD([w], lr=1.0)

    @ag.jit
    def step():
        w.grad = g["of w"]
        opt.step()

    for _ in range(3):
        step()
        g["of w"] *= 10
    np.testing.assert_array_equal(w.data, -111.0)
    assert w.grad.data is not g["of w"]


@pytest.mark.parametrize("transform", [ag.vmap, lambda f: ag.grad(lambda x: f(x).sum())])
def test_an_augmented_assignment_in_a_transform_does_not_reach_the_argument(transform):
    def f(x):
        x += 1
        return x * x

    x = np.ones((4, 3))
    np.testing.assert_array_equal(ag.jit(transform(f))(x), transform(f)(x))
    np.testing.assert_array_equal(x, 1)


def test_a_method_that_is_replaced_on_its_class():
    class Scaled:
        def __init__(self):
            self.w = np.array(2.0)

        def __call__(self, x):
            return self.scaled(x)

        def scaled(self, x):
            return x * self.w

    class Net(nn.Module):
        def forward(self, x):
            return self.twice(x)

        @staticmethod
        def twice(x):
            return x * 2

    a, b, x = Scaled(), Net(), np.ones(2)
    run, module = ag.jit(lambda x: a(x) + b(x)), ag.jit(b)
    np.testing.assert_array_equal((run(x), module(x)), [[4, 4], [2, 2]])
    Scaled.scaled = lambda self, x: x * self.w * 10
    np.testing.assert_array_equal(run(x), 22)
    Net.twice = staticmethod(lambda x: x * 200)
    np.testing.assert_array_equal((run(x), module(x)), [[220, 220], [200, 200]])
    Net.forward = lambda self, x: x
    np.testing.assert_array_equal((run(x), module(x)), [[21, 21], [1, 1]])
    assert run.cache_info().misses == 4


def test_an_error_inside_numpy_names_the_users_line():
    with pytest.raises(RuntimeError, match=r"np.array\(\) .* at .*test_jit.py:\d+"):
        ag.jit(lambda x: np.sum([x, x]))(np.ones(2))


# ------------------------------------------------------------------------------------------- updates together


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.Adam(p, lr=0.1), lambda p: optim.AdamW(p, lr=0.1), lambda p: optim.RMSprop(p, momentum=0.5),
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: optim.SGD([{"params": p[:3], "lr": 0.1, "weight_decay": 0.5}, {"params": p[3:], "lr": 0.2}]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_small_parameters_are_updated_together(make, dtype):
    def trained(jit):
        draw = np.random.default_rng(0)
        shapes = ((6, 9), 9, (9, 9), 9, (9, 1), 1)
        p = [ag.tensor(draw.normal(size=n).astype(dtype), requires_grad=True) for n in shapes]
        opt = make(p)

        def step(x):
            opt.zero_grad()
            h = np.tanh(x @ p[0] + p[1])
            loss = ((np.tanh(h @ p[2] + p[3]) @ p[4] + p[5]) ** 2).mean()
            loss.backward()
            opt.step()
            return loss

        run = ag.jit(step) if jit else step
        for k in range(4):
            loss = run(np.cos(np.arange(48.0).reshape(8, 6) + k).astype(dtype))
        return [loss.data, *(x.data for x in p), *(p[2].grad.data, p[5].grad.data)], run

    want, _ = trained(False)
    got, run = trained(True)
    for a, b in zip(want, got, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=0, atol=2e-6 if dtype == np.float32 else 1e-14)
    assert "np.concatenate(" in run.source


def test_a_sum_of_squares_of_parameters_is_one_product():
    w = [ag.tensor(np.arange(1.0, n + 1), requires_grad=True) for n in (200, 100, 50)]

    @ag.jit
    def step(x):
        loss = sum(np.tanh(p * x[: p.size]).sum() for p in w) + 0.5 * sum((p * p).sum() for p in w)
        for p in w:
            p.grad = None
        loss.backward()
        with ag.no_grad():
            for p in w:
                p -= 0.1 * (p.grad + 0.5 * p)
        return loss

    values, x = [p.data.copy() for p in w], np.linspace(0, 1, 200)
    want = sum(np.tanh(v * x[: v.size]).sum() + 0.5 * (v * v).sum() for v in values)
    np.testing.assert_allclose(step(x).item(), want, rtol=1e-14)
    for p, v in zip(w, values, strict=True):
        slope = x[: v.size] / np.cosh(v * x[: v.size]) ** 2
        np.testing.assert_allclose(p.data, v - 0.1 * (slope + 1.5 * v), rtol=1e-13)
    assert step.source.count(".dot(") == 1 + 3  # and the sums of the tanh


def test_an_error_of_arithmetic_leaves_no_half_made_step():
    def run(jit):
        w = [ag.tensor(np.full(n, 1e308), requires_grad=True) for n in (300, 400)]
        opt = optim.SGD(w, lr=1e10)
        w[0].grad, w[1].grad = ag.tensor(np.ones(300)), ag.tensor(np.full(400, -1e300))
        with np.errstate(all="raise"):
            (ag.jit(opt.step) if jit else opt.step)()
        return [p.data for p in w]

    for a, b in zip(run(False), run(True), strict=True):
        np.testing.assert_array_equal(a, b)
