"""Indices of every kind, and assignment as a function: as NumPy does it, with derivatives."""

import numpy as np
import pytest
from agreement import agrees, same
from thorough import mostly_thorough

import autograd_lite as ag
from autograd_lite.engine.node import TRACED
from autograd_lite.rules.indexing import gather_at
from autograd_lite.table import TABLE

NAMES = ["set", "add", "subtract", "multiply", "divide", "power", "maximum", "minimum"]
ALL = [TABLE[f"{name}_at"] for name in NAMES]
set_at, add_at, _, multiply_at, _, _, maximum_at, _ = ALL
UFUNCS = [getattr(np, name) for name in NAMES[1:]]
rng = np.random.default_rng(3)
X, M, T = rng.normal(size=5), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))
I, J = np.array([0, 2, 0]), np.array([[1], [-1]])
MASK = M > 0

INDICES = {
    "a row": (M, 1),
    "a row from the end": (M, -1),
    "an entry": (M, (1, 2)),
    "NumPy's own integer": (M, np.int32(2)),
    "a 0-d array": (M, np.array(2)),
    "a slice": (X, slice(1, 4)),
    "a negative step": (X, slice(None, None, -2)),
    "slices": (T, (slice(None), slice(2, 0, -1), slice(0, 4, 3))),
    "an ellipsis": (T, (Ellipsis, 1)),
    "only an ellipsis": (M, Ellipsis),
    "a new axis": (M, None),
    "new axes between": (T, (0, None, Ellipsis, None)),
    "nothing": (M, ()),
    "a number's only entry": (np.array(0.5), ()),
    "an empty slice": (M, slice(3, 1)),
    "a list": (X, [0, 3, 3]),
    "an empty list": (X, []),
    "an array": (M, I),
    "an array of two axes": (X, np.array([[0, 1], [1, 0]])),
    "two arrays": (M, (I, np.array([1, 1, 1]))),
    "arrays that broadcast": (M, (J, I)),
    "an array and a slice": (M, (slice(1, None), I)),
    "an array, a slice, an array": (T, (np.array([0, 1, 0]), slice(None), I)),
    "a number and an array": (T, (1, slice(None), I)),
    "an array and a new axis": (M, (I, None, slice(0, 2))),
    "a mask": (M, MASK),
    "a mask of rows": (M, np.array([True, False, True])),
    "a mask of columns": (M, (slice(None), np.array([True, False, True, True]))),
    "a mask and an array": (M, (np.array([True, False, True]), np.array([0, 0]))),
    "a mask that takes nothing": (M, np.zeros((3, 4), bool)),
    "a list of booleans": (M, [True, False, True]),
    "true": (M, True),
    "false": (M, False),
    "np.ix_": (M, np.ix_([0, 2], [1, 1, 3])),
    "a range": (X, range(0, 4, 2)),
}


@pytest.mark.parametrize("name", INDICES)
def test_getitem(name):
    x, index = INDICES[name]
    agrees(lambda x: x[index], x)


@pytest.mark.parametrize("name", INDICES)
def test_set_at(name):
    x, index = INDICES[name]
    value = rng.normal(size=np.shape(x[index]))

    def by_hand(x, value):
        y = x.copy()
        y[index] = value
        return y

    agrees(lambda x, v: set_at(x, index, v), x, value, like=by_hand, broadcast=value.size > 0)
    agrees(lambda x, v: set_at(x, index, v), x, np.array(7.5), like=by_hand)


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("ufunc", mostly_thorough(UFUNCS, 2))
def test_ufuncs_at(ufunc, name):
    x, index = INDICES[name]
    if ufunc is np.power:
        x = np.abs(x) + 0.5
    value = rng.uniform(0.5, 1.5, size=np.shape(x[index]))

    def by_hand(x, value):
        y = x.copy()
        ufunc.at(y, index, value)
        return y

    at = TABLE[f"{ufunc.__name__}_at"]
    order = 1 if ufunc in (np.multiply, np.divide, np.power) else 2  # the second is set_at's and the ufunc's
    agrees(lambda x, v: at(x, index, v), x, value, like=by_hand, broadcast=False, order=order)


def test_large_gradients_take_the_fast_way():
    x, k = rng.normal(size=(60, 50)), rng.integers(0, 60, 40)
    g = rng.normal(size=(40, 50))
    t = ag.tensor(x, requires_grad=True)
    (t[k] * g).sum().backward()
    expected = np.zeros_like(x)
    np.add.at(expected, k, g)
    np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-14)
    t.zero_grad()
    columns = np.stack([k, -k - 1])[:, None] % 50 - 50  # negative ones too
    (t[1:, columns] * 2).sum().backward()
    np.add.at(expected := np.zeros_like(x), (slice(1, None), columns), 2)
    np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-14)


# -------------------------------------------------------------------------------------- Tensors in an index


def test_tensors_in_an_index():
    x = ag.tensor(M, requires_grad=True)
    same(x[ag.tensor([2, 0])], M[[2, 0]])
    same(x[ag.tensor(1)], M[1])
    same(x[ag.tensor([2, 0]), ag.tensor([1, 1])], M[[2, 0], [1, 1]])
    same(x[:, ag.tensor([1, 1])], M[:, [1, 1]])
    same(x[x > 0], M[M > 0])
    same(x[np.nonzero(x > 0)], M[M > 0])
    x[x > 0].sum().backward()
    assert np.array_equal(x.grad.numpy(), M > 0)


def test_a_float_tensor_is_no_index():
    x = ag.tensor(X)
    with pytest.raises(IndexError, match="integer"):
        x[ag.tensor([1.0])]


TRACED_INDICES = [(I,), (I, J), (slice(None), I), (I, None, I), (MASK,), (np.array([True, False, True]), 1)]


@pytest.mark.parametrize("index", TRACED_INDICES, ids=str)
def test_an_index_that_is_being_traced_is_an_argument(index):
    def traced(part):
        if not isinstance(part, np.ndarray):
            return part
        part = ag.tensor(part)
        part._leaf().live = TRACED
        return part

    x = ag.tensor(M, requires_grad=True)
    y = x[tuple(traced(part) for part in index)]
    np.testing.assert_array_equal(y._data, M[index])
    assert y._node.row is gather_at
    assert y._node.parents[1].live == TRACED
    untraced = ag.tensor(M, requires_grad=True)
    g = np.arange(y.size, dtype=float).reshape(y.shape)
    y.backward(g)
    untraced[index].backward(g)
    np.testing.assert_array_equal(x.grad._data, untraced.grad._data)


# ------------------------------------------------------------------------------------------- what is chosen


def test_an_index_that_is_being_traced():
    k = ag.tensor([0, 2])
    k._leaf().live = TRACED
    np.testing.assert_array_equal(set_at(ag.tensor(X), k, 0.0)._data, set_at(X, [0, 2], 0.0))
    np.testing.assert_array_equal(ag.maximum_at(ag.tensor(X), k, 0.0)._data, ag.maximum_at(X, [0, 2], 0.0))


def test_of_several_writes_the_last_wins_and_has_the_gradient():
    x = ag.tensor(np.zeros(3), requires_grad=True)
    v = ag.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = set_at(x, [0, 2, 0, 0], v)
    assert y.numpy().tolist() == [4, 0, 2]
    (y * [10.0, 20.0, 30.0]).sum().backward()
    assert x.grad.tolist() == [0, 20, 0]
    assert v.grad.tolist() == [0, 30, 0, 10]


def test_the_last_in_the_order_of_the_index_whatever_lies_where_in_memory():
    index = (np.zeros((40, 30), int), np.arange(1200).reshape(40, 30) % 7)
    value = np.asfortranarray(np.arange(1200.0).reshape(40, 30))
    y = set_at(np.zeros((1, 7)), index, value)
    assert y.ravel().tolist() == [max(k for k in range(1200) if k % 7 == r) for r in range(7)]


def test_those_that_tie_share():
    x = ag.tensor([1.0, 5.0], requires_grad=True)
    v = ag.tensor([3.0, 1.0, 3.0, 5.0], requires_grad=True)
    y = maximum_at(x, [0, 0, 0, 1], v)
    assert y.numpy().tolist() == [3, 5]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0.5]
    assert v.grad.tolist() == [0.5, 0, 0.5, 0.5]


def test_nothing_is_written_into():
    x, v = np.zeros(3), np.ones(2)
    x.flags.writeable = v.flags.writeable = False
    for op in ALL:
        op(x, [0, 0], v)
        op(ag.tensor(x, requires_grad=True), [0, 2], v)
    assert not x.any()


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_arrays(name):
    at = TABLE[f"{name}_at"]
    x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = ag.tensor(0.5, requires_grad=True)
    expected = at(np.array([1.0, 2.0, 3.0]), [0, 2], np.array([0.5, 2.0]))
    same(at(x, [0, 2], [v, 2.0]), expected)
    same(at(x, [0, 2], [0.5, 2]), expected)
    assert np.array_equal(at([1.0, 2, 3], [0, 2], [0.5, 2]), expected)


def test_a_value_is_fitted_to_the_array():
    assert set_at(np.zeros(3, "float32"), 1, 2.5).dtype == np.float32
    assert set_at(ag.tensor(np.zeros(3, "float32")), 1, ag.tensor(2.5)).dtype == np.float32
    assert add_at(np.zeros(3, int), 1, 2.5).dtype == float
    assert multiply_at(ag.tensor([1, 2]), [0, 0], ag.tensor([0.5, 0.5])).tolist() == [0.25, 2]
    for x, value in [(np.zeros(3, int), 2.5), (np.zeros(3), 1j)]:
        with pytest.raises(TypeError, match="truncated"):
            set_at(x, 0, ag.tensor(value))


def test_unique_indices_is_a_promise():
    agrees(lambda x, v: set_at(x, [3, 1], v, unique_indices=True), X, X[:2],
           like=lambda x, v: np.array([x[0], v[1], x[2], v[0], x[4]]))  # fmt: skip


def test_complex_values():
    def by_hand(x, v):
        return np.array([v[2], v[1], *x[2:]])

    agrees(lambda x, v: set_at(x, [0, 1, 0], v), X + 1j, X[:3] * 1j, like=by_hand)
    agrees(lambda x, v: add_at(x, [0, 1], v), X, X[:2] * 1j, like=lambda x, v: np.r_[x[:2] + v, x[2:]])


def test_float16_gradients_of_repeated_entries():
    x = ag.tensor([1.0, 2.0], dtype="float16", requires_grad=True)
    x[[0, 0, 1]].sum().backward()
    assert x.grad.dtype == np.float16
    assert x.grad.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x[5], IndexError, "out of bounds"),
        (lambda x: x[0, 0, 0], IndexError, "too many indices"),
        (lambda x: x["a"], IndexError, "integer"),
        (lambda x: x[1.0], IndexError, "integer"),
        (lambda x: x[np.array([True, False])], IndexError, "boolean index"),
        (lambda x: set_at(x, 0, X), ValueError, r"set_at\(tensor \(3, 4\), array \(5,\)\)"),
        (lambda x: np.put(x, 0, 1), TypeError, "ag.set_at"),
        (lambda x: np.fill_diagonal(x, 1), TypeError, "ag.set_at"),
        (lambda x: np.copyto(x, 1), TypeError, "ag.set_at"),
        (lambda x: np.add.at(x, 0, 1), TypeError, "ag.add_at"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(ag.tensor(M, requires_grad=True))
