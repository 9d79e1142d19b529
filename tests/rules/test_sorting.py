"""Sorting, searching, sets and counting: as NumPy does it, with derivatives."""

import numpy as np
import pytest
from agreement import agrees, same

import autograd_lite as ag

rng = np.random.default_rng(5)
X, M, T = rng.normal(size=5), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))
K = rng.integers(0, 4, size=(3, 4))
R = np.array([2.5, -1.0, 2.5, 0.5, -1.0, 7.0])  # some twice

CASES = {
    "sort": (lambda x: np.sort(x), M),
    "sort along an axis": (lambda x: np.sort(x, 0), T),
    "sort, flat": (lambda x: np.sort(x, axis=None), M),
    "sort, method": (lambda x: np.sort(x, stable=True), X),
    "sort_complex": (lambda x: np.sort_complex(x), X[:4] + 1j),
    "sort_complex of reals": (lambda x: np.sort_complex(x), X[:4]),
    "sort complex numbers": (lambda x: np.sort(x), np.array([1 + 2j, 0.5 - 1j, -1 + 0j])),
    "unique": (lambda x: np.unique(x), X),
    "union1d": (lambda x: np.union1d(x, M[0]), X),
    "setdiff1d": (lambda x: np.setdiff1d(x, X[:2]), X),
    "bincount": (lambda w: np.bincount([0, 3, 0, 1, 1], w, minlength=6), X),
}
SAME = {  # at ties or of whole numbers: values alone
    "sort of whole numbers": (lambda x: np.sort(x), K),
    "sort of nothing": (lambda x: np.sort(x), X[:0]),
    "unique with all": (lambda x: np.unique(x, True, True, True), R),
    "unique with counts": (lambda x: np.unique(x, return_counts=True), R),
    "unique rows": (lambda x: np.unique(x, axis=0, return_inverse=True), R.reshape(3, 2)),
    "unique of nan": (lambda x: np.unique(x), np.array([np.nan, 1, np.nan])),
    "unique_values": (lambda x: np.sort(np.unique_values(x)), R),
    "unique_counts": (lambda x: np.unique_counts(x), R),
    "unique_inverse": (lambda x: np.unique_inverse(x), R.reshape(2, 3)),
    "unique_all": (lambda x: np.unique_all(x), R),
    "union1d": (lambda x, y: np.union1d(x, y), R, M),
    "intersect1d": (lambda x: np.intersect1d(x, [2.5, 7.0, 8.0], return_indices=True), R),
    "setdiff1d": (lambda x: np.setdiff1d(x, [2.5]), R),
    "setdiff1d as it stands": (lambda x: np.setdiff1d(x, [2.5], assume_unique=True), R),
    "setxor1d": (lambda x: np.setxor1d(x, [2.5, 9.0]), R),
    "isin": (lambda x: np.isin(x, [2.5], invert=True), R),
    "argsort": (lambda x: np.argsort(x, axis=0, kind="stable"), M),
    "argsort, flat": (lambda x: np.argsort(x, None), M),
    "argsort, method": (lambda x: x.argsort(), M),
    "argpartition": (lambda x: np.argpartition(x, 2).max(), X),
    "searchsorted": (lambda x, v: np.searchsorted(x, v, "right"), np.sort(X), M),
    "searchsorted with an order": (lambda x: np.searchsorted(x, 0.3, sorter=np.argsort(x)), X),
    "digitize": (lambda x: np.digitize(x, [-1, 0, 1]), M),
    "lexsort": (lambda x, y: np.lexsort((x, y)), R, K.ravel()[:6]),
    "nonzero": (lambda x: np.nonzero(x), K),
    "nonzero, method": (lambda x: x.nonzero(), K),
    "argwhere": (lambda x: np.argwhere(x), K),
    "flatnonzero": (lambda x: np.flatnonzero(x > 0), M),
    "ix_": (lambda x: np.ix_(x, x > 1, x[:0]), K[0]),
    "unravel_index": (lambda x: np.unravel_index(x, (3, 4)), K),
    "bincount": (lambda x: np.bincount(x), K[0]),
    "packbits": (lambda x: np.packbits(x > 1), K),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy_does(name):
    f, *arrays = CASES[name]
    agrees(f, *arrays)


@pytest.mark.parametrize("name", SAME)
def test_values(name):
    f, *arrays = SAME[name]
    got = f(*(ag.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays))
    expected = f(*arrays)
    same(got, expected)
    assert hasattr(got, "_fields") == hasattr(expected, "_fields")


@pytest.mark.parametrize("kth", [2, -1, (0, 3)])
def test_partition(kth):
    y = np.partition(ag.tensor(M), kth).numpy()
    expected = np.sort(M)
    assert np.array_equal(np.sort(y), expected)
    for k in np.atleast_1d(kth):
        assert np.array_equal(y[:, k], expected[:, k])
    agrees(lambda x: np.partition(x, 1, axis=0)[1], M)


def test_the_gradient_goes_where_the_entry_came_from():
    x = ag.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (np.sort(x) * [10, 20, 30]).sum().backward()
    assert x.grad.tolist() == [30, 10, 20]


def test_equal_entries_keep_their_order_and_unique_takes_the_first():
    x = ag.tensor(R, requires_grad=True)
    (np.sort(x) * [1, 2, 3, 4, 5, 6]).sum().backward()
    assert x.grad.tolist() == [4, 1, 5, 3, 2, 6]
    x.zero_grad()
    (np.unique(x) * [1, 2, 3, 4]).sum().backward()
    assert x.grad.tolist() == [3, 1, 0, 2, 0, 4]


def test_positions_have_no_derivative():
    x = ag.tensor(X, requires_grad=True)
    for k in (np.argsort(x), np.searchsorted(x, x), np.nonzero(x)[0], np.digitize(x, [0.0]), np.isin(x, x)):
        assert not k.requires_grad


def test_bincount_adds_up_weights():
    w = ag.tensor(X, requires_grad=True)
    y = np.bincount(ag.tensor([0, 3, 0, 1, 1]), w)
    assert y[0].item() == X[0] + X[2]
    (y * [1, 2, 3, 4]).sum().backward()
    assert w.grad.tolist() == [1, 4, 1, 2, 2]


def test_orders_of_fields_are_refused():
    with pytest.raises(TypeError, match="order="):
        np.sort(ag.tensor(X), order="a")
