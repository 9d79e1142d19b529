"""An array that the user changes between the forward and the backward pass: masks, positions, labels, bounds."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.nn import functional as F

I = np.array([0, 1])
M = np.array([[True, False, True], [False, True, False]])
BOUND = np.full(3, 0.5)

#: Function of (x, array), the array, and what is written into it afterwards.
USES = {
    "getitem": (lambda x, i: x[i] ** 2, I, 1),
    "getitem, one axis": (lambda x, i: x[:, i] ** 2, I, 2),
    "getitem, mask": (lambda x, m: x[m] ** 2, M, False),
    "where": (lambda x, m: np.where(m, x * x, 2 * x), M, False),
    "clip, above": (lambda x, b: np.clip(x, 0.0, b) * 2, BOUND, 9.0),
    "clip, below": (lambda x, b: np.clip(x, b, None) * 2, BOUND, 9.0),
    "take": (lambda x, i: np.take(x, i, axis=1) ** 2, I, 2),
    "take_along_axis": (lambda x, i: np.take_along_axis(x, i, 1) ** 2, np.array([[0, 1], [1, 2]]), 2),
    "set_at": (lambda x, i: ag.set_at(x, i, 0.0) ** 2, I, 0),
    "set_at, mask": (lambda x, m: ag.set_at(x, m, 0.0) ** 2, M, True),
    "add_at": (lambda x, i: ag.add_at(x * x, (0, i), x[1, i]) ** 2, I, 2),
    "choose": (lambda x, i: np.choose(i, [x[0], x[1]]) ** 2, np.array([0, 1, 0]), 1),
    "select": (lambda x, m: np.select([m], [x * x], x), M, False),
    "compress": (lambda x, m: np.compress(m, x, axis=1) ** 2, M[0], False),
    "extract": (lambda x, m: np.extract(m, x) ** 2, M, False),
    "repeat": (lambda x, n: np.repeat(x, n, axis=1) ** 2, np.array([1, 2, 3]), 2),
    "bincount": (lambda x, i: np.bincount(i, weights=x[0]) ** 2, np.array([0, 1, 1]), 0),
    "reduceat": (lambda x, i: np.add.reduceat(x[0], i) ** 2, np.array([0, 2]), 1),
    "sum, where=": (lambda x, m: np.sum(x * x, where=m), M, False),
    "max, where=": (lambda x, m: np.max(x * x, where=m, initial=0), M, False),
    "masked_fill": (lambda x, m: x.masked_fill(m, 0.0) ** 2, M, False),
    "delete": (lambda x, i: np.delete(x, i, axis=1) ** 2, np.array([1]), 0),
    "interp": (lambda x, i: np.interp(x, i, np.array([0.0, 1, 5])), np.array([0.0, 0.5, 2]), 0.1),
    "quantile": (lambda x, q: np.quantile(x, q, axis=1), np.array([0.1, 0.9]), 0.5),
    "multiply by integers": (lambda x, n: x * n, np.array([1, 2, 3]), 7),
    "power of integers": (lambda x, n: x**n, np.array([1, 2, 3]), 7),
    "matmul with integers": (lambda x, n: x @ n, np.array([1, 2, 3]), 7),
    "cross_entropy": (F.cross_entropy, np.array([0, 2]), 1),
    "nll_loss": (F.nll_loss, np.array([0, 2]), 1),
    "embedding": (lambda x, i: F.embedding(i, x) ** 2, np.array([0, 1]), 1),
}


@pytest.mark.parametrize("use", USES)
def test_the_gradient_is_of_what_was_computed(use):
    f, array, written = USES[use]

    def gradient(change):
        x = ag.tensor(np.linspace(0.1, 1.2, 6).reshape(2, 3), requires_grad=True)
        mine = array.copy()
        y = f(x, mine).sum()
        if change:
            mine[...] = written
        y.backward()
        return x.grad.numpy()

    np.testing.assert_array_equal(gradient(True), gradient(False))


def test_vjp_has_its_own_inputs():
    x = np.array([1.0, 2.0])
    _, pull = ag.vjp(lambda x: x**3, x)
    x[:] = 100
    np.testing.assert_array_equal(pull(np.ones(2))[0], [3.0, 12.0])
