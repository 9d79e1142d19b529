"""Compiled loops: a step that is compiled once, whatever the length, and writes into the places of its results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.base.tree import leaves
from autograd_lite.program.calls import record_call
from benchmarks.growth import calls


def lstm(W, xs):
    def step(state, x):
        h, c = state
        i, f, g, o = np.split(x + h @ W, 4, -1)
        c = ag.sigmoid(f) * c + ag.sigmoid(i) * np.tanh(g)
        h = ag.sigmoid(o) * np.tanh(c)
        return (h, c), h

    zeros = np.zeros((2, 3))
    return (ag.scan(step, (zeros, zeros), xs)[1] ** 2).sum()


W = np.random.default_rng(0).normal(size=(3, 12))


def test_work_does_not_grow_with_the_length() -> None:
    """The same program, source and number of compiled operations for 4 steps and for 400."""
    sizes = []
    for length in (4, 400):
        xs = np.random.default_rng(1).normal(size=(length, 2, 12))
        compiled = ag.jit(ag.grad(lstm))
        np.testing.assert_allclose(compiled(W, xs), ag.grad(lstm)(W, xs), rtol=1e-10, atol=1e-14)
        sizes.append((len(compiled.program), compiled.source.count("\n")))
    assert sizes[0] == sizes[1]
    assert "def step_backward(" in compiled.source


def test_few_steps_run_while_a_loop_is_recorded() -> None:
    """The calls of functions for 300 steps and for 3000; of those of a compiled loop, each takes some."""
    def recorded(xs):
        return record_call(ag.grad(lstm), (W, xs), {}, [None, None], True)

    recorded(np.ones((300, 2, 12)))
    short, long = (calls(recorded, np.ones((length, 2, 12))) for length in (300, 3000))
    assert long < 1.01 * short


def test_what_all_steps_have_made_is_not_taken_from_a_few() -> None:
    numbers = np.arange(300.0)

    def doubled(x):
        total, ends = ag.scan(lambda c, v: (c + v, c), 0.0, numbers)
        return x * 2 if total > 40_000 and ends[-1] > 40_000 else x

    assert ag.jit(doubled)(1.5) == 3.0

    def solved(x):
        A, _ = ag.scan(lambda A, k: (A + np.where(k > 150, np.eye(2) * x, 0), None), np.zeros((2, 2)), numbers)
        n = ag.while_loop(lambda n: n < 700, lambda n: n + 1, 0)
        return np.linalg.inv(A) * n

    np.testing.assert_allclose(ag.jit(solved)(0.5), np.eye(2) * 700 / 74.5)


def test_results_that_nothing_uses_are_not_computed() -> None:
    """Of the backward scan, what a second derivative would need."""
    compiled = ag.jit(ag.grad(lstm))
    compiled(W, np.ones((3, 2, 12)))
    [before, after] = [eq for eq in compiled.program if eq.row.name == "scan"]
    assert len(after.outputs) > 10
    source = compiled.source[compiled.source.index("def step_backward(") :]
    head = source[: source.index("\n")]
    assert head.count("_next") == 3  # the cotangents of h and c, and the sum for W
    assert len(before.outputs) > 3


STEPS = {
    "before and after": lambda h, x: (np.tanh(h + x), (h, np.tanh(h + x), h)),
    "swapped": lambda h, x: ((h[1] + x, h[0]), h[1]),
    "single numbers": lambda h, x: (h * 0.5 + x.sum(), (h, x[0], h > 0)),
    "constants": lambda h, x: (np.zeros(3), (np.ones(2), 1, h)),
    "views": lambda h, x: (h.T[::-1], (h.T, x[::-1], h)),
    "integers": lambda h, x: (h + 1, h * h),
    "the input itself": lambda h, x: (x, x),
    "before": lambda h, x: (h * x, h),
    "twice before, twice after": lambda h, x: (h * x + 1, (h, h * x + 1, h, h * x + 1)),
    "a sum": lambda h, x: (h + x, ()),
    "the same twice": lambda h, x: ((h[1] * x, h[1] * x), (x, x)),
    "what stays": lambda h, x: ((h[0], h[1] + h[0] * x), h[0]),
}
STARTS = {
    "swapped": (np.ones(3), np.zeros(3)), "single numbers": 1.5, "integers": 3,
    "the same twice": (np.ones(3), np.zeros(3)), "what stays": (np.full(3, 2.0), np.zeros(3)),
}  # fmt: skip
BACKENDS = ["numpy", "c"]


@pytest.mark.filterwarnings("ignore:jit. backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 4, 5])
@pytest.mark.parametrize("name", STEPS)
def test_where_results_go(name: str, length: int, reverse: bool, backend: str) -> None:
    xs, start = np.random.default_rng(2).normal(size=(length, 3)), STARTS.get(name, np.ones(3))

    def f(start, xs):
        return ag.scan(STEPS[name], start, xs, reverse=reverse)

    compiled, expected = ag.jit(f, backend=backend), f(start, xs)
    for result in (compiled(start, xs), compiled(start, xs)):
        arrays = leaves(result)
        for a, b in zip(arrays, leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
            assert np.asarray(a).dtype == np.asarray(b).dtype
        for k, a in enumerate(arrays):
            assert not any(np.may_share_memory(a, b) for b in (*arrays[:k], xs) if np.ndim(a) and np.ndim(b))


@pytest.mark.filterwarnings("ignore:jit. backend")
@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_have_buffers_of_their_own(backend: str) -> None:
    compiled = ag.jit(ag.grad(lstm), backend=backend)
    inputs = [np.random.default_rng(k).normal(size=(20, 2, 12)) for k in range(8)]
    expected = [compiled(W, xs) for xs in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for a, b in zip(pool.map(lambda xs: compiled(W, xs), inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_draws_that_nothing_uses_are_drawn() -> None:
    def f(x):
        return (ag.rand_like(x), ag.rand_like(x))[1] * 1

    compiled, x = ag.jit(f), np.ones(2)
    compiled(x)
    results = []
    for g in (compiled, f):
        ag.manual_seed(0)
        results.append(g(x))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_are_loops(kind) -> None:
    """They give what they give eagerly, in both directions, with gradients of the parameters and of a given state."""
    net = kind(3, 4, num_layers=2, bidirectional=True, dtype=np.float32)
    x, start = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32), np.ones((4, 2, 4), np.float32)

    def run(x, start):
        y, end = net(x, (start, 2 * start) if kind is nn.LSTM else start)
        return (y**2).sum() + sum((h * h).sum() for h in (end if kind is nn.LSTM else (end,)))

    gradients = []
    compiled = ag.jit(run)
    for f in (run, compiled):
        net.zero_grad()
        f(x, start).backward()
        gradients.append([p.grad.numpy() for p in net.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)
    assert [eq.row.name for eq in compiled.program].count("scan") == 4  # the backward pass is another program
