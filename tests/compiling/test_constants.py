"""Programs in which operations have only constants: masks, zeros, entries that are set, results that are constants."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import optim

#: Functions of an array with axes; about half of them forget some of its entries.
STEPS = [
    lambda v: np.triu(v, 1), lambda v: np.tril(v, -1), lambda v: ag.set_at(v, 0, 0.5), lambda v: np.zeros_like(v),
    lambda v: np.where(np.zeros(v.shape, bool), v, 3.0), lambda v: np.where(np.eye(*v.shape[-2:], dtype=bool), v, 1.0),
    lambda v: np.ones(v.shape), lambda v: np.full_like(v, 2.0), lambda v: v * 0.0 + 1, ag.stop_gradient,
    lambda v: np.sum(v, 0, keepdims=True), lambda v: np.max(v, -1, keepdims=True), lambda v: np.sort(v, -1),
    lambda v: ag.logsumexp(v, axis=-1, keepdims=True), lambda v: ag.softmax(v, axis=-1), lambda v: np.cumsum(v, -1),
    lambda v: np.linalg.norm(v, axis=-1, keepdims=True), lambda v: np.diag(np.diag(v)), lambda v: v @ v.T,
    lambda v: np.concatenate([v, v]), lambda v: np.split(v, 1)[0], lambda v: np.modf(v)[1], lambda v: np.exp(v),
]  # fmt: skip


def chain(steps):
    def f(x):
        for step in steps:
            x = step(x)
        return x

    return f


@pytest.mark.parametrize("first", range(len(STEPS)))
@pytest.mark.filterwarnings("ignore")
def test_chains_of_functions_that_forget_entries(first):
    rng = np.random.default_rng(first)
    for size in ((1, 1), (2, 2), (1, 3), (20, 30)):
        f = chain([STEPS[first], *(STEPS[k] for k in rng.integers(len(STEPS), size=2))])
        g = f if rng.integers(2) else ag.grad(lambda x, f=f: np.sum(f(x)))
        x = rng.normal(size=size)
        with np.errstate(all="ignore"):
            y, e = ag.jit(g)(x), g(x)
        np.testing.assert_allclose(y, e, rtol=1e-10, atol=1e-12)
        assert np.asarray(y).dtype == np.asarray(e).dtype


def test_two_calls_with_different_tables_of_positions():
    """Both maxima are taken at positions that a table of the rows' starts is added to."""
    x = np.random.default_rng(0).normal(size=(20, 30))

    def f(x):
        return np.max(np.tril(np.max(x, -1, keepdims=True), -1), -1)

    np.testing.assert_array_equal(ag.jit(f)(x), f(x))


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_numbers_that_only_constants_remain_of(shape):
    x = np.ones(shape)
    for f in (
        lambda x: ag.logsumexp(np.triu(x, 1), axis=-1),
        lambda x: np.diag(np.linalg.norm(ag.set_at(x, 0, 0.5)[None], axis=-1).reshape(1)),
    ):
        np.testing.assert_allclose(ag.jit(f)(x), f(x))


@pytest.mark.parametrize("size", [3, 300])
def test_a_step_may_return_constants(size):
    parameters = [ag.tensor(np.arange(size) + float(k), requires_grad=True) for k in range(4)]
    optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)

    @ag.jit
    def step():
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in parameters)
        loss.backward()
        optimizer.step()
        return loss, np.arange(3.0), np.ones((2, 2)), 3.0

    step()
    _, *constants = step()
    for y, e in zip(constants, (np.arange(3.0), np.ones((2, 2)), 3.0), strict=True):
        np.testing.assert_array_equal(y, e)
    assert "arange" not in str(step.program)  # it can be printed
