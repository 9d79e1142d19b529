"""Reshaping, permuting axes, flipping, triangles and diagonals: as NumPy does it, with derivatives."""

import numpy as np
import pytest
from agreement import agrees

import autograd_lite as ag

rng = np.random.default_rng(0)
X, M, T = rng.normal(size=4), rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))
F = np.asfortranarray(M)
S = np.array(0.5)  # a 0-d array

CASES = {
    "reshape": (lambda x: np.reshape(x, (3, 2)), M),
    "reshape, keyword": (lambda x: np.reshape(x, shape=(-1,)), M),
    "reshape, an order": (lambda x: np.reshape(x, (3, -1), "F"), M),
    "reshape, a copy": (lambda x: np.reshape(x, 6, copy=True), M),
    "reshape, method": (lambda x: x.reshape(3, 2), M),
    "reshape, method with a tuple": (lambda x: x.reshape((3, 2), order="F"), M),
    "reshape, method with -1": (lambda x: x.reshape(-1), T),
    "reshape of a number": (lambda x: x.reshape(1, 1), S),
    "reshape to a number": (lambda x: x.reshape(()), X[:1]),
    "ravel": (lambda x: np.ravel(x), T),
    "ravel F": (lambda x: x.ravel("F"), M),
    "ravel in the order of memory": (lambda x: np.ravel(x, order="K"), M),
    "flatten": (lambda x: x.flatten(), T),
    "squeeze": (lambda x: np.squeeze(x), T[:1, :, :1]),
    "squeeze an axis": (lambda x: x.squeeze(-1), T[:1, :, :1]),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), M),
    "expand_dims, keyword": (lambda x: np.expand_dims(x, axis=1), X),
    "atleast_1d": (lambda x, y: np.atleast_1d(x, y), S, X),
    "atleast_2d": (lambda x, y: np.atleast_2d(x, y), S, X),
    "atleast_3d": (lambda x, y, z: np.atleast_3d(x, y, z), S, X, M),
    "atleast_3d of 3": (lambda x: np.atleast_3d(x), T),
    "copy": (lambda x: np.copy(x), M),
    "copy, method": (lambda x: x.copy(), M),
    "astype": (lambda x: np.astype(x, np.complex128), M),
    "astype, method": (lambda x: x.astype("complex128"), M),
    "transpose": (lambda x: np.transpose(x), T),
    "transpose with axes": (lambda x: np.transpose(x, (1, 2, 0)), T),
    "transpose, keyword": (lambda x: np.transpose(x, axes=[-1, 0, 1]), T),
    "transpose, method": (lambda x: x.transpose(2, 0, 1), T),
    "transpose, method with a tuple": (lambda x: x.transpose((2, 0, 1)), T),
    "transpose, method without": (lambda x: x.transpose(), T),
    "permute_dims": (lambda x: np.permute_dims(x, (2, 0, 1)), T),
    ".T": (lambda x: x.T, M),
    ".mT": (lambda x: x.mT, T),
    "matrix_transpose": (lambda x: np.matrix_transpose(x), T),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), T),
    "swapaxes, method": (lambda x: x.swapaxes(-1, 1), T),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), T),
    "moveaxis of several": (lambda x: np.moveaxis(x, [0, 1], [-1, 0]), T),
    "rollaxis": (lambda x: np.rollaxis(x, 2), T),
    "rollaxis to a place": (lambda x: np.rollaxis(x, 0, 3), T),
    "rollaxis, negative": (lambda x: np.rollaxis(x, -1, -2), T),
    "broadcast_to": (lambda x: np.broadcast_to(x, (3, 2, 4)), rng.normal(size=(2, 1))),
    "broadcast_to, a number": (lambda x: np.broadcast_to(x, 3), S),
    "broadcast_arrays": (lambda x, y, z: np.broadcast_arrays(x, y, z), M, M[:, :1], S),
    "roll": (lambda x: np.roll(x, 2), M),
    "roll along axes": (lambda x: np.roll(x, (1, -2), axis=(0, 1)), T),
    "roll twice along one": (lambda x: np.roll(x, (1, 2), axis=(2, 2)), T),
    "flip": (lambda x: np.flip(x), M),
    "flip axes": (lambda x: np.flip(x, (0, -1)), T),
    "fliplr": (lambda x: np.fliplr(x), M),
    "flipud": (lambda x: np.flipud(x), M),
    "rot90": (lambda x: np.rot90(x), M),
    "rot90, backwards": (lambda x: np.rot90(x, -3, (2, 1)), T),
    "tril": (lambda x: np.tril(x, -1), T),
    "tril of a vector": (lambda x: np.tril(x), X),
    "triu": (lambda x: np.triu(x, k=1), M),
    "diagonal": (lambda x: np.diagonal(x), M),
    "diagonal of a stack": (lambda x: np.diagonal(x, 1, -1, 0), T),
    "diagonal, method": (lambda x: x.diagonal(-1), M),
    "diag of a matrix": (lambda x: np.diag(x, 1), M),
    "diag of a vector": (lambda x: np.diag(x, -2), X),
    "diagflat": (lambda x: np.diagflat(x, 1), M),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy_does(name):
    f, *arrays = CASES[name]
    agrees(f, *arrays)


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
@pytest.mark.parametrize("x", [M, F, T.transpose(2, 1, 0)], ids=["C", "F", "F too"])
def test_order_follows_the_memory_as_in_numpy(order, x):
    t = ag.tensor(0)
    t.data = x  # as it lies
    assert np.array_equal(np.ravel(t, order).numpy(), np.ravel(x, order))
    if order != "K":
        assert np.array_equal(np.reshape(t, -1, order).numpy(), np.reshape(x, -1, order))


def test_order_k_of_a_gap_ridden_array_is_refused():
    t = ag.tensor(0)
    t.data = T.transpose(1, 0, 2)
    with pytest.raises(TypeError, match="order='K'"):
        t.ravel("K")


def test_views_of_a_large_result_cost_no_copy():
    x = ag.tensor(np.zeros(10_000), requires_grad=True)
    y = x + 1
    assert np.shares_memory(y.reshape(100, 100).numpy(), y.numpy())
    assert np.shares_memory(y.reshape(100, 100).T.numpy(), y.numpy())
    assert not np.shares_memory(y.flatten().numpy(), y.numpy())
    assert not np.shares_memory(y.copy().numpy(), y.numpy())


@pytest.mark.parametrize("dtype", [int, bool, "int8"])
def test_astype_to_whole_numbers_ends_the_derivative(dtype):
    x = ag.tensor(M, requires_grad=True)
    y = x.astype(dtype)
    assert y.dtype == np.dtype(dtype)
    assert not y.requires_grad
    (x * y).sum().backward()
    assert np.array_equal(x.grad.numpy(), M.astype(dtype))


def test_astype_casts_the_gradient_back():
    x = ag.tensor(M, dtype="float32", requires_grad=True)
    x.astype(float).sum().backward()
    assert x.grad.dtype == np.float32


def test_float32_stays():
    x = ag.tensor(M, dtype="float32", requires_grad=True)
    y = np.diag(np.tril(np.roll(np.rot90(x).reshape(2, 3).T, 1)), 0)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


def test_empty_arrays():
    x = ag.tensor(np.zeros((0, 3)), requires_grad=True)
    y = np.flip(np.roll(x.T.reshape(0, 1, 3).squeeze(1), 1), 0)
    assert y.shape == (0, 3)
    y.sum().backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.reshape(4), r"reshape\(tensor \(2, 3\)\).*4"),
        (lambda x: x.reshape(), "needs a shape"),
        (lambda x: np.reshape(x, (2, 3), out=x), "out"),
        (lambda x: x.transpose(0), "axes"),
        (lambda x: x.transpose(0, 0), "repeated axis"),
        (lambda x: x.swapaxes(0, 2), "out of bounds"),
        (lambda x: x.squeeze(0), "squeeze"),
        (lambda x: x.astype("U3"), "numbers or booleans"),
        (lambda x: x.astype(int, casting="safe"), "casting='safe'"),
        (lambda x: np.broadcast_to(x, (4, 3)), "broadcast"),
        (lambda x: np.copy(x, subok=True), "subok"),
    ],
)
def test_errors_name_the_operation(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(ag.tensor(M, name=None))
