"""Who owns the memory, for every row of the table at its first example, or each in a thorough run.

A result that shares memory with an argument must be registered as a view of it, so that a write is seen. What the
engine returns is shared with nothing else, and arguments are not written into.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from thorough import some

import autograd_lite as ag
from autograd_lite.base.tree import leaves, tree_map
from autograd_lite.engine.versions import OURS
from autograd_lite.testing.rows import all_rows, points

ROWS = [row for row in all_rows() if row.kind != "composite"]
REFUSED = (TypeError, ValueError, NotImplementedError, np.linalg.LinAlgError)


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_float(x):
    return isinstance(x, np.ndarray | np.floating | float) and np.asarray(x).dtype.kind == "f"


def calls(row):
    """Each example of a row as leaves and a call on them."""
    for args, params in points(row, np.random.default_rng(0)):
        made = tree_map(lambda x: ag.tensor(x, requires_grad=True) if is_float(x) else x, args)
        tensors = [t for t in leaves(made) if isinstance(t, ag.Tensor)]
        if tensors:
            yield made, params, tensors


def results(y):
    return [t for t in leaves(y) if isinstance(t, ag.Tensor)]


def apart(handed, others):
    """What was handed out may be written into, and is neither any of the others nor each other."""
    for k, a in enumerate(handed):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for b in [*others, *handed[:k]])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_view_knows_whose_memory_it_is(row):
    for args, params, tensors in some(calls(row)):
        recorded = results(row(*args, **params))
        with ag.no_grad():
            bare = results(row(*args, **params))
        for y in recorded + bare:
            owners = [t for t in tensors if np.shares_memory(y._data, t._data)]
            if owners:
                assert y._node is not None
                assert y._node.storage is owners[0]._node.storage
                assert y._node.storage is not OURS
            elif y.size:
                assert y._node is None or y._node.storage is OURS
            assert all(y._data is not t._data for t in tensors)
        assert all(t._data.flags.writeable for t in tensors)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_handed_out_is_nobody_elses(row):
    for args, params, tensors in some(calls(row)):
        given = [t.data.copy() for t in tensors]
        ys = [y for y in results(row(*args, **params)) if y.requires_grad]
        gs = [np.ones(y.shape, y.dtype) for y in ys]
        if not ys:
            continue
        found = ag.autograd.grad(ys, tensors, gs, allow_unused=True)
        try:
            ag.autograd.backward(ys, gs)
        except REFUSED:
            continue
        handed = [g.data for g in found if g is not None]
        handed += [t.grad.data for t in tensors if t.grad is not None]
        others = [*(t.data for t in tensors), *(y._data for y in ys), *gs]
        apart(handed, others)
        for t, was in zip(tensors, given, strict=True):
            np.testing.assert_array_equal(t.data, was)
        assert all((g == 1).all() for g in gs)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_transforms_return_what_is_the_callers(row):
    for args, params, tensors in some(calls(row)):
        arrays = tuple(t.data for t in tensors)

        def f(*xs, args=args, params=params):
            it = iter(xs)
            y = row(*tree_map(lambda x: next(it) if isinstance(x, ag.Tensor) else x, args), **params)
            return [t for t in leaves(y) if isinstance(t, ag.Tensor) and t.dtype.kind in "fc"]

        try:
            ys, pull = ag.vjp(f, *arrays)
            gs = [np.ones(np.shape(y), np.result_type(y)) for y in ys]
            pulled = pull(gs)
            ts = tuple(np.ones_like(a) for a in arrays)
            again, pushed = ag.jvp(f, arrays, ts)
        except REFUSED:
            continue
        handed = [a for a in (*ys, *pulled, *again, *pushed) if isinstance(a, np.ndarray)]
        apart(handed, [*arrays, *gs, *ts])


def test_most_rows_are_looked_at():
    assert sum(1 for row in ROWS if any(True for _ in calls(row))) > 200
