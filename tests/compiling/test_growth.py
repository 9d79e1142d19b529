"""Compiling takes work in proportion to the length of a program. The tests count the work, not the time."""

from __future__ import annotations

import dis
import gc

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiling import compiled
from autograd_lite.compiling.buffers import MANY, Buffer, placed
from benchmarks.growth import calls


def chain(n):
    """n operations on a number."""
    def f(x):
        for _ in range(n // 2):
            x = np.sin(x) * 1.01
        return x

    return ag.trace(f)(0.5)


def unrolled(n):
    """The gradients of an LSTM of length n."""
    def loss(W, U, X):
        h = c = np.zeros(8)
        for t in range(n):
            z = X[t] @ W + h @ U
            i, f, g, o = ag.sigmoid(z[:8]), ag.sigmoid(z[8:16]), np.tanh(z[16:24]), ag.sigmoid(z[24:])
            c = f * c + i * g
            h = o * np.tanh(c)
        return np.sum(h * h)

    return ag.trace(ag.grad(loss, argnums=(0, 1)))(np.full((4, 32), 0.1), np.full((8, 32), 0.1), np.ones((n, 4)))


@pytest.mark.parametrize(("program", "n"), [(chain, 200), (unrolled, 3)])
def test_calls_grow_with_the_length(program, n):
    compiled(program(n))  # what is imported and cached
    short, long = calls(compiled, program(n)), calls(compiled, program(4 * n))
    assert long < 4.4 * short


def test_garbage_is_collected_again_after_an_error():
    with pytest.raises(ValueError, match="expected inputs as the keys of updates"):
        compiled(chain(4), updates={chain(4).outputs[0]: 0.0})
    assert gc.isenabled()


def test_python_compiles_many_names_in_as_many_steps():
    """Each name of the outer function that the inner one uses is an instruction that is put before its first block."""
    run = compiled(unrolled(24))
    space = {}
    exec(run.source, space)
    code = space["with_buffers"].__code__
    operations = [one.opname for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"]
    first = next(i for i, name in enumerate(operations) if "JUMP" in name)
    assert 500 < len(code.co_cellvars) < first < len(code.co_cellvars) + 20


def test_many_buffers_share_memory_and_never_at_once():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 9000, MANY + 500)
    buffers = [Buffer(int(s), int(f), int(f + d)) for s, f, d in zip(
        rng.choice([8, 64, 200, 1000], len(first)), first, rng.integers(0, 300, len(first)), strict=True
    )]  # fmt: skip
    total = placed(buffers)
    assert total < sum(b.size for b in buffers) / 4
    assert total >= max(b.start + b.size for b in buffers)
    start, size, first, last = (np.array([getattr(b, k) for b in buffers]) for k in ("start", "size", "first", "last"))
    together = (first[:, None] <= last) & (first <= last[:, None]) & ~np.eye(len(first), dtype=bool)
    overlap = (start[:, None] < start + size) & (start < (start + size)[:, None])
    assert not (together & overlap).any()
