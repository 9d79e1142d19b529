"""Random programs of arrays, a position and a number: recorded at one call, and compared with eager code at another."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.base.tree import leaves

POINT = ag.tensor([1.0, 2.0])

#: A step from the argument x, the value v so far, a position k and a number n: views, positions, arithmetic of numbers,
#: and transforms at points that depend on none of them.
STEPS = [
    lambda x, v, k, n: np.sin(v), lambda x, v, k, n: np.exp(-(v**2)), lambda x, v, k, n: v * n,
    lambda x, v, k, n: np.tanh(v) * (n * 2 + 1) / 3, lambda x, v, k, n: x * ((k // 2 + 1) % 3),
    lambda x, v, k, n: np.sum(v) * x, lambda x, v, k, n: x @ x.T, lambda x, v, k, n: np.max(x, 1),
    lambda x, v, k, n: v.T, lambda x, v, k, n: v.reshape(-1), lambda x, v, k, n: np.squeeze(v[None], 0),
    lambda x, v, k, n: np.broadcast_to(v, (2, *v.shape)), lambda x, v, k, n: np.real(v),
    lambda x, v, k, n: np.swapaxes(x, 0, 1), lambda x, v, k, n: np.diagonal(x), lambda x, v, k, n: np.split(x, 2)[1],
    lambda x, v, k, n: v[k] if v.ndim else v, lambda x, v, k, n: np.take(v, k, -1) if v.ndim else v,
    lambda x, v, k, n: np.roll(x, k, -1), lambda x, v, k, n: x[np.argmax(np.sum(x, 1))],
    lambda x, v, k, n: np.concatenate([x, x * 2])[k], lambda x, v, k, n: np.stack([x[k], x[0]]),
    lambda x, v, k, n: ag.set_at(x, k, n**2), lambda x, v, k, n: np.where(x > 0, n, x),
    lambda x, v, k, n: ag.grad(lambda p: np.sum(np.cos(p) * v))(2.0) * v,
    lambda x, v, k, n: ag.jacfwd(lambda p: p * np.sum(v) * p)(np.array([1.0, 2.0])),
    lambda x, v, k, n: ag.checkpoint(lambda p: p * np.mean(v))(POINT), lambda x, v, k, n: ag.vmap(lambda p: p * n)(x),
]  # fmt: skip


def program(steps):
    """The values after all steps, and something that is computed after them."""

    def f(x, k, n):
        values = [x]
        for step in steps:
            if np.size(values[-1]) < 5000:
                values.append(step(x, values[-1], k, n))
        return values[1:], np.tanh(np.cos(x) * 2) @ x.T

    return f


def arrays(result):
    return [y.detach().numpy() if isinstance(y, ag.Tensor) else np.asarray(y) for y in leaves(result)]


@pytest.mark.parametrize("backend", ["numpy", pytest.param("c", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.filterwarnings("ignore")
def test_a_random_program(seed, backend):
    rng = np.random.default_rng(seed)
    f = program([STEPS[k] for k in rng.integers(len(STEPS), size=rng.integers(1, 7))])
    dtype, shape = rng.choice(["f", "d"]), [(4, 4), (4, 300), (2, 30)][rng.integers(3)]
    first, second = rng.normal(size=(2, *shape)).astype(dtype)
    numbers = [(2, 3), (0.5, 1.5)][rng.integers(2)]
    run, tolerance = ag.jit(f, backend=backend), 1e-4 if dtype == "f" else 1e-9
    with np.errstate(all="ignore"):
        before = arrays(run(first, 0, numbers[0]))
        kept = [y.copy() for y in before]
        results, expected = arrays(run(second, 1, numbers[1])), arrays(f(second, 1, numbers[1]))
    for y, e in zip(results, expected, strict=True):
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(y, e, rtol=tolerance, atol=tolerance)
    for y, k in zip(before, kept, strict=True):
        np.testing.assert_array_equal(y, k)
