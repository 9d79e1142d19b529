"""where, clip, select, take, choose and their like: as NumPy does it, with derivatives."""

import numpy as np
import pytest
from agreement import agrees, same

import autograd_lite as ag

rng = np.random.default_rng(4)
X, Y, M, T = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4))
POSITIVE = M > 0
K = rng.integers(0, 3, size=(3, 4))

CASES = {
    "where": (lambda x, y: np.where(POSITIVE, x, y), M, M[0]),
    "where, a number": (lambda x: np.where(x > 0, x, 0), M),
    "where, broadcast": (lambda x, y: np.where(x[:, None] > 0, y, x), X, Y),
    "where, whole numbers as condition": (lambda x, y: np.where([0, 1, 2, 0, 1], x, y), X, Y),
    "clip": (lambda x: np.clip(x, -0.5, 0.6), M),
    "clip, method": (lambda x: x.clip(-0.5, 0.6), M),
    "clip, one end": (lambda x: np.clip(x, None, 0.6), M),
    "clip, the other": (lambda x: np.clip(x, min=0.1), M),
    "clip by tensors": (lambda x, a, b: np.clip(x, a, b), M, M[0] - 1, M[:, :1] + 1),
    "clip by a list": (lambda x: np.clip(x, [-1, 0, 0.1, 0.2], 1), M),
    "clip, ends that cross": (lambda x, a: np.clip(x, a, -3), X, Y),
    "clip whole numbers": (lambda x: np.clip(x, 1, None), K),
    "clip whole numbers by a tensor": (lambda a: np.clip(np.arange(5), a, None), X + 2),
    "select": (lambda x, y: np.select([X > 0.5, X > -0.5], [x, y * x], 3), X, Y),
    "select by itself": (lambda x: np.select([x < 0, x > 0.2], [-x, x**2]), X),
    "select without default": (lambda x: np.select([X > 9], [x]), X),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x > 0.5], [np.negative, lambda x: x * x, 7]), X),
    "piecewise, one condition": (lambda x: np.piecewise(x, x < 0, [np.sin, np.cos]), X),
    "piecewise of a number": (lambda x: np.piecewise(x, [x < 0, x >= 0], [np.sin, np.cos]), np.array(0.3)),
    "piecewise with arguments": (lambda x: np.piecewise(x, [x < 0], [lambda x, n: x**n], 3), X),
    "take": (lambda x: np.take(x, [0, -1, 0]), M),
    "take along an axis": (lambda x: np.take(x, [[0, 2], [1, 1]], axis=1), T),
    "take one": (lambda x: np.take(x, 1, axis=-1), M),
    "take none": (lambda x: np.take(x, []), M),
    "take, method": (lambda x: x.take([2, 1], 0), M),
    "take, wrapped": (lambda x: np.take(x, [-7, 9, 1], mode="wrap"), X),
    "take, clipped": (lambda x: np.take(x, [-7, 9, 1], axis=0, mode="clip"), M),
    "take, true and false are positions": (lambda x: np.take(x, [True, False, True]), X),
    "take_along_axis": (lambda x: np.take_along_axis(x, K, 0), M),
    "take_along_axis, stretched": (lambda x: np.take_along_axis(x, K[:1], axis=0), M),
    "take_along_axis, stretching": (lambda x: np.take_along_axis(x, K, axis=1), M[:1]),
    "take_along_axis, flattened": (lambda x: np.take_along_axis(x, K.ravel(), None), M),
    "take_along_axis of argmax": (lambda x: np.take_along_axis(x, np.expand_dims(np.argmax(x, 1), 1), 1), M),
    "choose": (lambda x, y: np.choose([0, 1, 1, 0, 1], [x, y]), X, Y),
    "choose, broadcast": (lambda x, y: np.choose(K % 2, [x, y]), M, M[0]),
    "choose from rows": (lambda x: np.choose([2, 0, 1, 2], x), M),
    "choose, wrapped": (lambda x, y: np.choose([-1, 3, 0, 1, 7], [x, y], mode="wrap"), X, Y),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0), M),
    "compress, flat": (lambda x: np.compress([0, 1, 1, 0, 1], x), M),
    "compress, by itself": (lambda x: np.compress(x > 0, x), X),
    "extract": (lambda x: np.extract(x > 0, x), M),
    "extract, whole numbers": (lambda x: np.extract(K, x), M),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy_does(name):
    f, *arrays = CASES[name]
    agrees(f, *arrays, broadcast="take" not in name)


def test_methods_that_start_from_the_array():
    same(ag.tensor(M).compress([True, False, True], axis=0), M.compress([True, False, True], axis=0))
    same(ag.tensor(K).choose([X[0], 2.0, 3.0]), K.choose([X[0], 2.0, 3.0]))


def test_positions_that_are_tensors():
    x, k = ag.tensor(M, requires_grad=True), ag.tensor(K)
    same(np.take_along_axis(x, k, 0), np.take_along_axis(M, K, 0))
    same(np.take(x, k), np.take(M, K))
    same(np.choose(k, [x, 1.0, 2.0]), np.choose(K, [M, 1.0, 2.0]))
    same(np.compress(x[:, 0] > 0, x, 0), np.compress(M[:, 0] > 0, M, 0))


def test_where_of_a_condition_alone():
    same(np.where(ag.tensor(M) > 0), np.where(M > 0))
    i, j = np.where(ag.tensor(M) > 0)
    same(ag.tensor(M)[i, j], M[M > 0])


@pytest.mark.parametrize("n", [1, 5000])  # large arrays are searched for nan in another way
def test_where_selects_and_does_not_multiply(n):
    x = ag.tensor([-1.0, 0.0, 2.0] * n, requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.where(x > 0, np.log(x), 0)
        y.sum().backward()
    assert y.tolist() == [0, 0, np.log(2)] * n
    assert x.grad.tolist() == [0, 0, 0.5] * n


def test_at_the_ends_of_clip_the_gradient_is_the_arrays():
    x = ag.tensor([0.0, 1.0, 2.0, 3.0, 4.0], requires_grad=True)
    low, high = ag.tensor(1.0, requires_grad=True), ag.tensor(3.0, requires_grad=True)
    np.clip(x, low, high).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    assert low.grad.item() == high.grad.item() == 1


def test_float32_stays():
    x = ag.tensor(M, dtype="float32", requires_grad=True)
    for y in (np.where(x > 0, x, 0), np.clip(x, 0, None), np.clip(x, -1.0, 1.0), np.select([x > 0], [x], 0.5),
              np.piecewise(x, [x > 0], [np.sin, 2.0]), np.take(x, [0, 1]), np.extract(x > 0, x)):  # fmt: skip
        assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.where(x > 0, x), TypeError, "both or neither"),
        (lambda x: np.clip(x, 0, 1, out=np.zeros((3, 4))), TypeError, "out="),
        (lambda x: np.clip(x, 0, min=1), ValueError, "not both"),
        (lambda x: np.clip(x * 1j, 0, 1), TypeError, "order"),
        (lambda x: np.select([x > 0], [x, x]), ValueError, "same length"),
        (lambda x: np.select([K], [x]), TypeError, "condition of booleans"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), ValueError, "got 3"),
        (lambda x: np.take(x, [0.5]), TypeError, "expected integers"),
        (lambda x: np.take(x, 12), IndexError, "out of bounds"),
        (lambda x: np.take(x, 1, mode="last"), ValueError, "none of"),
        (lambda x: np.take_along_axis(x, K[0], 0), ValueError, "same number of dimensions"),
        (lambda x: np.compress(x > 0, x), ValueError, "one dimension"),
        (lambda x: np.put_along_axis(x, K, 0, 0), TypeError, "ag.set_at"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(ag.tensor(M, requires_grad=True))
