"""Joining, splitting, repeating, inserting: as NumPy does it, with derivatives."""

import numpy as np
import pytest
from agreement import agrees, same

import autograd_lite as ag
from autograd_lite.table import TABLE

rng = np.random.default_rng(1)
X, M, T = rng.normal(size=4), rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))
N = rng.normal(size=(2, 3))
S = np.array(0.5)

JOINED = {
    "concatenate": (lambda x, y: np.concatenate([x, y]), M, N),
    "concatenate with arrays and lists": (lambda x: np.concatenate([x, M, [[1, 2, 3]]]), N),
    "concatenate along the last": (lambda x, y: np.concatenate((x, y), axis=-1), M, N[:, :1]),
    "concatenate what is empty": (lambda x, y: np.concatenate((x, y), 1), M, N[:, :0]),
    "concatenate flattened": (lambda x, y: np.concatenate((x, y), None), M, X),
    "concatenate the same twice": (lambda x: np.concatenate((x, x)), M),
    "concat": (lambda x, y: np.concat([x, y]), X, X[1:]),
    "concatenate the rows of one": (lambda x: np.concatenate(x), T),
    "concatenate, dtype": (lambda x: np.concatenate([x, [1]], dtype=complex), X),
    "stack": (lambda x, y: np.stack([x, y]), M, N),
    "stack of numbers": (lambda x, y: np.stack([x, 1.0, y]), S, S),
    "stack at the end": (lambda x, y: np.stack([x, y, x], axis=-1), M, N),
    "vstack": (lambda x, y: np.vstack([x, y]), X[:3], M),
    "hstack": (lambda x, y: np.hstack([x, y]), M, N),
    "hstack of vectors": (lambda x, y: np.hstack([x, y, 2.0]), X, S),
    "dstack": (lambda x, y: np.dstack([x, y]), X, X * 2),
    "dstack of matrices": (lambda x, y: np.dstack((x, y)), M, N),
    "column_stack": (lambda x, y: np.column_stack([x, y]), X[:2], M),
    "block": (lambda x, y, v: np.block([[x, np.ones((2, 1))], [v, 3.0]]), M, N, X[:3]),
    "block of one list": (lambda x, s: np.block([x, s, 2.0]), X, S),
    "block, three deep": (lambda x: np.block([[[x, x]], [[2 * x, x]]]), M),
    "append": (lambda x, y: np.append(x, y), M, X),
    "append along an axis": (lambda x, y: np.append(x, y, axis=0), M, N),
    "meshgrid": (lambda x, y: np.meshgrid(x, y), X, X[:2]),
    "meshgrid of three": (lambda x, y, z: np.meshgrid(x, y, z, indexing="ij"), X, X[:2], X[1:]),
    "meshgrid, sparse": (lambda x, y: np.meshgrid(x, y, sparse=True), X, X[:2]),
    "meshgrid of one": (lambda x: np.meshgrid(x), X),
}
SPLIT = {
    "split": (lambda x: np.split(x, 2, axis=1), T[:, :2]),
    "split at places": (lambda x: np.split(x, [1, 3, 7]), X),
    "split at negative places": (lambda x: np.split(x, [-3, -1]), X),
    "split at places out of order": (lambda x: np.split(x, [3, 1]), X),
    "array_split": (lambda x: np.array_split(x, 3), X),
    "array_split into more than there are": (lambda x: np.array_split(x, 6), X),
    "hsplit": (lambda x: np.hsplit(x, 3), M),
    "hsplit of a vector": (lambda x: np.hsplit(x, 2), X),
    "vsplit": (lambda x: np.vsplit(x, [1]), M),
    "dsplit": (lambda x: np.dsplit(x, 2), T),
    "unstack": (lambda x: np.unstack(x), M),
    "unstack the last axis": (lambda x: np.unstack(x, axis=-1), M),
}
REPEATED = {
    "repeat": (lambda x: np.repeat(x, 2), M),
    "repeat, method": (lambda x: x.repeat(3, -1), M),
    "repeat each its own way": (lambda x: np.repeat(x, [2, 0, 3], axis=1), M),
    "repeat never": (lambda x: np.repeat(x, 0), M),
    "tile": (lambda x: np.tile(x, 2), X),
    "tile by a shape": (lambda x: np.tile(x, (2, 1, 3)), M),
    "tile by less": (lambda x: np.tile(x, 2), T),
    "tile a number": (lambda x: np.tile(x, (2, 2)), S),
    "resize": (lambda x: np.resize(x, (3, 5)), M),
    "resize to less": (lambda x: np.resize(x, 4), M),
    "delete": (lambda x: np.delete(x, 1), M),
    "delete several": (lambda x: np.delete(x, [0, -1], axis=1), M),
    "delete a slice": (lambda x: np.delete(x, slice(0, 3, 2), 1), M),
    "delete by a mask": (lambda x: np.delete(x, np.array([True, False, False, True])), X),
    "insert": (lambda x, v: np.insert(x, 1, v), X, S),
    "insert at several": (lambda x, v: np.insert(x, [0, 2, 2], v), X, X[:3]),
    "insert a column": (lambda x, v: np.insert(x, 1, v, axis=1), M, X[:2]),
    "insert columns": (lambda x, v: np.insert(x, [1, 3], v, axis=1), M, N[:, :2]),
    "insert at a list of one": (lambda x, v: np.insert(x, [1], v, axis=1), M, N[:, :2]),
    "insert several at one place": (lambda x, v: np.insert(x, -1, v, axis=0), M, N),
    "insert into all": (lambda x, v: np.insert(x, 2, v), M, X),
    "insert at a slice": (lambda x, v: np.insert(x, slice(0, 4, 2), v), X, X[:2]),
    "trim_zeros": (lambda x: np.trim_zeros(x), np.array([0, 0, 1.5, 0, 2.0, 0])),
    "trim_zeros in front": (lambda x: np.trim_zeros(x, "f"), np.array([0, 0, 1.5, 0])),
    "trim_zeros of a matrix": (lambda x: np.trim_zeros(np.pad(x, ((1, 2), (0, 1)))), M),
    "trim_zeros of an axis": (lambda x: np.trim_zeros(x, axis=-1), np.pad(M, ((1, 2), (0, 1)))),
}


@pytest.mark.parametrize("name", JOINED)
def test_join(name):
    f, *arrays = JOINED[name]
    agrees(f, *arrays, broadcast=False)


@pytest.mark.parametrize("name", SPLIT)
def test_split(name):
    f, *arrays = SPLIT[name]
    agrees(f, *arrays)


@pytest.mark.parametrize("name", REPEATED)
def test_repeat_insert_leave_out(name):
    f, *arrays = REPEATED[name]
    agrees(f, *arrays, kinks="note")


def test_trim_zeros_of_nothing_but_zeros():
    same(np.trim_zeros(ag.tensor(np.zeros(3))), np.zeros(0))


def test_parts_that_nobody_used_have_no_gradient():
    x = ag.tensor(X, requires_grad=True)
    _, b, _, d = np.split(x, [1, 2, 3])
    (b.sum() * 2 + d.sum() * 3).backward()
    assert x.grad.tolist() == [0, 2, 0, 3]
    rows = ag.tensor(M, requires_grad=True)
    np.unstack(rows)[1].sum().backward()
    assert rows.grad.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_a_thousand_pieces_go_back_in_one_pass():
    x = ag.tensor(np.zeros(3000), requires_grad=True)
    y = np.concatenate(np.split(x, 1000)[::-1])
    (y * np.arange(3000)).sum().backward()
    assert np.array_equal(x.grad.numpy(), np.arange(3000).reshape(1000, 3)[::-1].ravel())


NESTED = {
    "numbers": lambda s, v: [s, 1, 2.5],
    "rows": lambda s, v: [v, v, [s, 1, 2]],
    "deep": lambda s, v: [[[s], [2]], [[s], [s]]],
    "a tuple": lambda s, v: (v, (1, s, 3)),
    "with an array": lambda s, v: [v, np.ones(3)],
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_lists_of_tensors_are_arrays(name):
    array = TABLE["array"]
    agrees(lambda s, v: array(NESTED[name](s, v)), S, X[:3], broadcast=False)


def test_array_and_its_keywords():
    array, asarray = TABLE["array"], TABLE["asarray"]
    x = ag.tensor(X, requires_grad=True)
    assert array([x, x], dtype="float32").dtype == np.float32
    assert array(x, ndmin=3).shape == (1, 1, 4)
    assert asarray(x) is x
    assert array(x) is not x
    assert isinstance(array([1, 2]), np.ndarray)
    assert array([1, 2], float).dtype == float


def test_lists_of_tensors_are_operands():
    x = ag.tensor(2.0, requires_grad=True)
    y = np.sum(2.0 * ([x, 3.0, x] + x * 0))
    y.backward()
    assert y.item() == 14
    assert x.grad.item() == 4


def test_float32_stays():
    x = ag.tensor(M, dtype="float32", requires_grad=True)
    for y in (np.concatenate([x, x]), np.tile(x, 2), np.repeat(x, 2), np.insert(x, 1, 5.0), np.delete(x, 1),
              np.stack([x, x]), np.resize(x, 9)):  # fmt: skip
        assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.concatenate([x, X]), r"concatenate\(tensor \(2, 3\), array \(4,\)\)"),
        (lambda x: np.concatenate([x, x[:, :2]]), "concatenat"),
        (lambda x: np.concatenate([x, x], 2), "out of bounds"),
        (lambda x: np.concatenate([x[0, 0], x[0, 0]]), "np.stack"),
        (lambda x: np.concatenate([x, x], out=np.zeros((4, 3))), "out"),
        (lambda x: np.stack([x, x[0]]), "same shape"),
        (lambda x: np.split(x, 2, axis=1), "array_split"),
        (lambda x: np.array_split(x, 0), "larger than 0"),
        (lambda x: np.dsplit(x, 1), "3 or more"),
        (lambda x: np.unstack(x[0, 0]), "no axis"),
        (lambda x: np.block([[x], x]), "mismatched"),
        (lambda x: np.meshgrid(x, x, indexing="yx"), "neither"),
        (lambda x: np.resize(x, -1), "non-negative"),
        (lambda x: np.trim_zeros(x, "x"), "none of"),
    ],
)
def test_errors_name_the_operation(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(ag.tensor(M, requires_grad=True))


@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_has_the_axes_that_numpy_allows_it(axis):
    agrees(lambda x: np.repeat(x, 2, axis=axis), S)
    agrees(lambda x: np.squeeze(x, axis=axis), S)
    agrees(lambda x: np.take(x, [0, 0], axis=axis), S)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix
@pytest.mark.parametrize("numpys", ["r_", "c_"])
@pytest.mark.parametrize("key", [
    (X, 0, X), (X[:3], slice(0, 3)), (slice(0, 1, 4j), X), ("-1", M, N), ("0,2", X, X), ("0,2,0", X), ("r", X, X), M,
    (np.float32(1) * X.astype(np.float32), 2), (np.arange(2), 0.5),
])  # fmt: skip
def test_along_an_axis(numpys, key):
    ours, theirs = getattr(ag, numpys), getattr(np, numpys)
    parts = key if isinstance(key, tuple) else (key,)
    on_tensors = tuple(ag.tensor(p) if isinstance(p, np.ndarray) else p for p in parts)
    try:
        expected = theirs[key]
    except ValueError:  # shapes that do not fit
        with pytest.raises(ValueError, match="dimensions"):
            ours[on_tensors]
        return
    assert isinstance(ours[on_tensors], ag.Tensor)
    same(ours[on_tensors], np.asarray(expected))
    np.testing.assert_array_equal(ours[key], expected)


def test_along_an_axis_with_transforms():
    agrees(lambda x, y: ag.r_["0,2", x, y], X, X[::-1], like=lambda x, y: np.r_["0,2", x, y])
    np.testing.assert_array_equal(ag.vmap(lambda x: ag.c_[x, 2 * x])(M), np.stack([M, 2 * M], -1))
    np.testing.assert_array_equal(ag.jit(lambda x: ag.r_[x, 0, x])(X), np.r_[X, 0, X])
    with pytest.raises(RuntimeError, match=r"^np\.c_ does not take tensors, .*Use ag\.c_"):
        np.c_[ag.tensor(X, requires_grad=True), X]
