"""Tensor: PyTorch's interface with NumPy's semantics, compared with NumPy."""

from __future__ import annotations

import copy
import gc
import operator
import pickle

import numpy as np
import pytest
from tensors import COMPLEX, FLOATS, parameter, same

import autograd_lite as ag

# ------------------------------------------------------------------------------------------------ making one


def test_tensor_copies():
    a = np.ones(3)
    t = ag.tensor(a)
    a[0] = 5
    assert t.tolist() == [1, 1, 1]
    u = ag.tensor(t)
    with ag.no_grad():
        u += 1
    assert t.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "data",
    [1, 1.5, True, 2j, [1, 2], [[1.0], [2.0]], (1, 2.5), np.float32(3), np.arange(4), range(3), [], [[]]],
)
def test_any_array_like_is_taken(data):
    assert same(ag.tensor(data), np.array(data))


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, np.int8, np.uint64, bool])
def test_dtypes_are_kept_or_chosen(dtype):
    array = np.array([1, 0, 3], dtype)
    assert ag.tensor(array).dtype == array.dtype
    assert ag.tensor([1, 0, 3], dtype).dtype == array.dtype
    assert ag.tensor([1.0, 2.0]).dtype == np.float64
    assert ag.tensor([1, 2]).dtype == np.array([1, 2]).dtype


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::-1],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(3, 4)[::2, ::-2],
    ],
    ids=["reversed", "Fortran", "strided"],
)
def test_any_layout_and_read_only_input(array):
    frozen = array.view()
    frozen.setflags(write=False)
    x = ag.tensor(frozen, requires_grad=True)
    assert same(x.detach(), array)
    (x * array).sum().backward()  # the array is mixed in as it is
    assert same(x.grad, array)
    y, pull = ag.vjp(np.square, frozen)
    np.testing.assert_array_equal(y, array**2)
    np.testing.assert_array_equal(pull(np.ones_like(array))[0], 2 * array)
    with ag.no_grad():
        x += 1  # it was copied, so it may be written to
    assert same(x.detach(), array + 1)


def test_numbers_written_the_other_way_round_are_turned():
    array = np.array([1.0, 2.0], np.dtype(float).newbyteorder())
    x = ag.tensor(array, requires_grad=True)
    (x * x * array).sum().backward()
    assert x.dtype == x.grad.dtype == np.float64
    assert x.grad.tolist() == [2, 8]
    g = ag.grad(lambda x: np.sum(x * x + x))(array)
    assert g.dtype == np.float64
    assert g.tolist() == [3, 5]


def test_lists_with_tensors_in_them():
    one, two = ag.tensor(1.0), ag.tensor(2.0)
    assert same(ag.tensor([one, two, 3.0]), [1.0, 2.0, 3.0])


def test_the_whole_surface_is_there():
    surface = """data grad shape ndim size dtype T mT requires_grad is_leaf name item numpy detach backward
        zero_grad register_hook retain_grad requires_grad_ sum mean var std max min argmax prod cumsum reshape
        transpose swapaxes squeeze ravel flatten astype clip dot take repeat sigmoid copy tolist"""
    x = ag.tensor(np.ones((2, 2)))
    missing = [name for name in surface.split() if not hasattr(x, name)]
    assert not missing


def test_attributes():
    W = parameter((2, 3))
    assert (W.shape, W.ndim, W.size, W.dtype, len(W)) == ((2, 3), 2, 6, np.dtype(float), 2)
    assert (W.requires_grad, W.is_leaf, W.name, W.grad) == (True, True, "W", None)
    assert (W.itemsize, W.nbytes) == (8, 48)
    assert W.T.shape == W.mT.shape == (3, 2)
    assert not (W * 2).is_leaf
    assert (W * 2).requires_grad
    constant = ag.tensor([1.0])
    assert (constant.requires_grad, constant.is_leaf, constant.name) == (False, True, None)
    assert (constant * 2).is_leaf  # as in torch: nothing was recorded
    result = W * 2
    result.name = "twice"
    assert result.name == "twice"


# ---------------------------------------------------------------------------------- NumPy's methods, its way

METHODS = [
    ("sum", (), {}), ("sum", (0,), {}), ("sum", (), {"axis": (0, 1)}), ("sum", (-1,), {"keepdims": True}),
    ("mean", (), {"axis": 1}), ("var", (), {}), ("var", (), {"axis": 0, "ddof": 1}), ("std", (), {"axis": 1}),
    ("max", (), {}), ("max", (), {"axis": 0}), ("min", (), {"axis": 1, "keepdims": True}), ("argmax", (), {}),
    ("argmax", (0,), {}), ("argmin", (), {"axis": 1}), ("prod", (), {"axis": 0}), ("cumsum", (), {}),
    ("cumsum", (1,), {}), ("cumprod", (), {"axis": 0}), ("reshape", (3, 2), {}), ("reshape", ((6,),), {}),
    ("reshape", (-1,), {}), ("transpose", (), {}), ("transpose", (1, 0), {}), ("transpose", ((0, 1),), {}),
    ("swapaxes", (0, 1), {}), ("squeeze", (), {}), ("ravel", (), {}), ("ravel", ("F",), {}),
    ("flatten", (), {}),
    ("astype", (np.float32,), {}), ("astype", (int,), {}), ("clip", (2, 4), {}), ("dot", (np.ones(3),), {}),
    ("take", ([0, 2],), {}), ("take", ([0, 1], 1), {}), ("repeat", (2,), {}), ("repeat", ([1, 2], 0), {}),
    ("all", (), {}), ("any", (), {"axis": 0}), ("argsort", (), {}), ("nonzero", (), {}), ("diagonal", (), {}),
    ("trace", (), {}), ("round", (), {}), ("conj", (), {}), ("copy", (), {}), ("searchsorted", (2.5,), {}),
    ("compress", ([True, False],), {"axis": 0}), ("tolist", (), {}), ("item", (1,), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "params"), METHODS, ids=[f"{m[0]}-{k}" for k, m in enumerate(METHODS)]
)
def test_methods_are_numpys(name, args, params):
    array = np.array([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
    if name == "searchsorted":
        array = np.sort(array.ravel())
    expected = getattr(array, name)(*args, **params)
    found = getattr(ag.tensor(array), name)(*args, **params)
    if name in ("tolist", "item"):
        assert found == expected
    elif isinstance(expected, tuple):
        assert all(same(f, e) for f, e in zip(found, expected, strict=True))
    else:
        assert same(found, expected)


def test_where_numpy_and_torch_disagree_numpy_wins():
    array = np.array([[3.0, 1.0], [2.0, 6.0]])
    x = ag.tensor(array)
    assert same(x.max(axis=0), array.max(axis=0))  # not a pair of values and indices
    assert same(x.std(), array.std())  # ddof=0
    assert same(x.repeat(2), array.repeat(2))  # each entry twice, not the whole
    assert same(ag.tensor(np.ones((2, 3, 4))).transpose(), np.ones((4, 3, 2)))  # all axes
    assert x.size == 4  # a number


@pytest.mark.parametrize("name", ["max", "min", "std", "var"])
def test_dim_is_refused_where_pytorchs_result_is_another_one(name):
    x = ag.tensor([[3.0, 1.0], [2.0, 6.0]])
    for call in (lambda: getattr(x, name)(dim=0), lambda: getattr(ag, name)(x.numpy(), dim=0)):
        with pytest.raises(TypeError, match=rf"{name}\(dim=\): PyTorch's .*axis="):
            call()
    with pytest.raises(TypeError, match=r"write np\.sort"):
        ag.sort(x, dim=0)
    with pytest.raises(TypeError, match="lower of two"):
        ag.median(x, dim=0)


def test_dim_and_keepdim_are_axis_and_keepdims():
    array = np.random.default_rng(0).normal(size=(2, 3))
    for x in (array, ag.tensor(array)):
        assert same(ag.tensor(ag.sum(x, dim=1, keepdim=True)), array.sum(axis=1, keepdims=True))
        assert same(ag.tensor(ag.flip(x, dims=(0, 1))), array[::-1, ::-1])
        assert same(ag.tensor(ag.stack([x, x], dim=2)), np.stack([array, array], axis=2))
        assert same(ag.tensor(ag.linalg.norm(x, dim=1, keepdim=True)), np.linalg.norm(array, axis=1, keepdims=True))
        assert same(ag.tensor(ag.std(x, dim=0, unbiased=True)), array.std(axis=0, ddof=1))
    assert same(x.argmax(dim=1, keepdim=True), array.argmax(axis=1, keepdims=True))
    assert same(x.softmax(dim=1), ag.softmax(array, axis=1))
    with pytest.raises(TypeError, match="dim= and axis= are the same"):
        x.sum(dim=0, axis=0)
    with pytest.raises(TypeError, match="dim"):
        ag.exp(x, dim=0)


def test_size_is_a_number_and_may_be_called():
    x = ag.zeros(2, 3, dtype=np.float32)
    assert (x.size, x.size(), x.size(0), x.size(-1), x.size(dim=1)) == (6, (2, 3), 2, 3, 3)
    assert (np.ones(2, np.float32) / x.size).dtype == (x / x.size).dtype == (x.size * x).dtype == np.float32
    assert type(pickle.loads(pickle.dumps(x.size))) is int
    with pytest.raises(IndexError, match=r"size\(2\): there is no such axis in the shape \(2, 3\)"):
        x.size(2)


# ------------------------------------------------------------------------------------------------- operators

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
    operator.floordiv,
]
OTHERS = [
    2,
    2.5,
    True,
    [1.0, 2.0, 4.0],
    (1, 2, 4),
    np.float32(2),
    np.float64(2),
    np.array(2.0),
    np.arange(1, 4),
]


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda d: d.__name__)
def test_operators_mix_with_anything_as_in_numpy(op, other, dtype):
    array = np.array([1.0, 2.0, 3.0], dtype)
    x = ag.tensor(array, requires_grad=True)
    numpy_op = np.power if op is operator.pow else op  # before NumPy 2.3 its ** takes a 0-d array for a number
    for found, expected in (
        (op(x, other), numpy_op(array, other)),
        (op(other, x), numpy_op(other, array)),
        (op(x, ag.tensor(other)), numpy_op(array, np.array(other))),
    ):
        if op is not operator.floordiv:
            assert found.requires_grad
        assert same(found.detach(), expected)


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons(name):
    compare = getattr(operator, name)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])
    x = ag.tensor(a, requires_grad=True)
    for other in (2, b, ag.tensor(b), [3.0, 2.0, 1.0], np.float64(2)):
        expected = compare(
            a, np.asarray(getattr(other, "data", other) if isinstance(other, ag.Tensor) else other)
        )
        assert same(compare(x, other), expected)
        assert not compare(x, other).requires_grad
    assert same(compare(b, x), compare(b, a))


def test_bit_operators_divmod_and_the_rest():
    a, b = np.array([True, False, True]), np.array([True, True, False])
    x, y = ag.tensor(a), ag.tensor(b)
    for op in (operator.and_, operator.or_, operator.xor):
        assert same(op(x, y), op(a, b))
        assert same(op(x, b), op(a, b))
        assert same(op(a, y), op(a, b))
    assert same(~x, ~a)
    f = np.array([1.5, -2.5])
    t = ag.tensor(f)
    assert same(-t, -f)
    assert same(+t, +f)
    assert same(abs(t), abs(f))
    assert same(round(t), f.round())
    assert same(round(t, 1), f.round(1))
    for found, expected in zip(divmod(t, 2), divmod(f, 2), strict=True):
        assert same(found, expected)
    for found, expected in zip(divmod(2, t), divmod(2, f), strict=True):
        assert same(found, expected)


def test_matmul_with_arrays_on_either_side():
    A, B = np.arange(6.0).reshape(2, 3), np.arange(3.0).reshape(3, 1)
    X = ag.tensor(B, requires_grad=True)
    product = A @ X
    assert same(product.detach(), A @ B)
    product.sum().backward()
    assert same(X.grad, A.sum(0)[:, None])
    assert same(ag.tensor(A) @ B, A @ B)
    assert same([[1.0, 2.0, 3.0]] @ X.detach(), np.array([[1.0, 2.0, 3.0]]) @ B)


def test_array_and_scalar_on_the_left_give_a_tensor_that_is_recorded():
    W = parameter()
    for y in (np.ones(3) + W, np.float64(2) * W, 2 * W, [1, 2, 3] * W, np.ones((2, 3)) * W, np.exp(W)):
        assert type(y) is ag.Tensor
        assert y.requires_grad


def test_python_numbers_are_weak_and_0d_tensors_strong():
    x = ag.tensor([1.0], np.float32, requires_grad=True)
    for y in (x + 1.5, 1.5 * x, x**2, x**2.5, x / 3, 2**x, x - True):
        assert y.dtype == np.float32
    strong = ag.tensor(1.5)
    assert (x + strong).dtype == (x.data + np.array(1.5)).dtype == np.float64
    assert (x + np.float64(1.5)).dtype == np.float64
    y = (x * ag.tensor(2.0, requires_grad=True)).sum()
    y.backward()
    assert x.grad.dtype == np.float32  # whatever passed through in between
    assert (ag.tensor([1, 2]) / 2).dtype == np.float64
    assert (ag.tensor([1, 2], np.int8) + 1).dtype == np.int8


def test_powers_take_numpys_shortcuts():
    array = np.array([-2.0, 3.0])
    for n in (2, 1, 0, -1, 3, 2.0):
        assert same(ag.tensor(array) ** n, array**n)
    assert same(ag.tensor([4.0]) ** 0.5, np.array([2.0]))
    assert same(ag.tensor([1, 2, 3]) ** 2, np.array([1, 4, 9]))


# -------------------------------------------------------------------------------------------------- indexing

INDICES = [
    0, -1, slice(1, None), slice(None, None, -2), ..., None, (0, 1), (slice(None), 1), (..., 0),
    (None, 0, slice(1, 3)),
    [0, 2], np.array([1, 1, 0]), (np.array([0, 1]), np.array([1, 2])), (slice(None), [0, 0, 3]), (0, [1, 2]),
    (np.array([[0], [2]]), np.array([1, 3])), np.arange(12).reshape(3, 4) % 2 == 0,
    np.array([True, False, True]),
    (np.array([True, False, True]), slice(1, 3)), ([0, 1], slice(None), None), True, (), np.array([], int),
    ([0, 2], ..., [1, 1]),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=lambda i: repr(i).replace("\n", ""))
def test_every_kind_of_index(index):
    array = np.arange(1.0, 13.0).reshape(3, 4)
    x = ag.tensor(array, requires_grad=True)
    y = x[index]
    assert same(y.detach(), array[index])
    weights = np.random.default_rng(0).normal(size=y.shape)
    (y * weights).sum().backward()
    expected = np.zeros((3, 4))
    np.add.at(expected, index, weights)
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-15)


def test_tensors_as_indices():
    array = np.arange(12.0).reshape(3, 4)
    x = ag.tensor(array)
    t, mask = ag.tensor([2, 0]), ag.tensor([True, False, True])
    assert same(x[t], array[[2, 0]])
    assert same(x[mask], array[[True, False, True]])
    assert same(x[t, ag.tensor(1)], array[[2, 0], 1])
    assert same(x[[ag.tensor(1), ag.tensor(2)]], array[[1, 2]])
    assert same(x[x > 5], array[array > 5])
    assert list(range(3))[ag.tensor(1)] == 1
    assert np.arange(3)[ag.tensor(2)] == 2


def test_len_iteration_and_membership():
    W = parameter((2, 3))
    assert len(W) == 2
    rows = list(W)
    assert [r.shape for r in rows] == [(3,), (3,)]
    assert all(r.requires_grad for r in rows)
    first, second = W
    (first * 2 + second).sum().backward()
    assert same(W.grad, np.array([[2.0] * 3, [1.0] * 3]))
    assert 3.0 in W
    assert 7 not in W
    assert [row.tolist() for row in reversed(W)] == [[4, 5, 6], [1, 2, 3]]
    assert [float(v.item()) for v in ag.tensor([[1.0, 2.0]]).flat] == [1, 2]
    assert sum(ag.tensor([1.0, 2.0])).item() == 3
    assert max(ag.tensor([1.0, 2.0])).item() == 2


def test_hash_is_identity():
    a, b = ag.tensor([1.0]), ag.tensor([1.0])
    assert {a: 1, b: 2}[a] == 1
    assert len({a, b, a}) == 2
    assert (a == b).item() is True


# ------------------------------------------------------------------------------------------ out of the graph


def test_numbers_out_of_tensors():
    x = ag.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x), complex(x)) == (2.5, 2.5, 2, True, 2.5 + 0j)
    assert f"{x:.2f}" == "2.50"
    assert f"{ag.tensor([1.0, 2.0])}" == "tensor([1., 2.])"
    W = parameter(())
    assert W.item() == 1.0  # asking for the number is the point
    assert bool(W) is True
    assert f"{W:.3f}" == "1.000"
    assert np.array(x).tolist() == [[2.5]]
    assert np.asarray(x, np.float32).dtype == np.float32
    assert parameter().tolist() == [1, 2, 3]


def test_numpy_gives_the_array():
    W = parameter()
    assert W.numpy() is W.data
    y = W * 2
    assert not y.numpy().flags.writeable
    assert W.data.flags.writeable  # the user's are never locked


def test_results_that_share_memory_do_not_lock_their_owner():
    for see in (lambda W: W.T, lambda W: W.real, lambda W: W[...], lambda W: W.reshape(3), np.ravel):
        W = parameter()
        assert not see(W).data.flags.writeable
        W.data[0] = 7
        assert W.tolist() == [7, 2, 3]


def test_detach_copy_and_stop_gradient():
    W = parameter()
    d = W.detach()
    assert not d.requires_grad
    assert d.is_leaf
    assert np.shares_memory(d.data, W.data)
    c = W.copy()
    assert c.requires_grad
    assert not np.shares_memory(c.data, W.data)
    assert type(W.clone()) is ag.Tensor
    (ag.stop_gradient(W) * W).sum().backward()
    assert same(W.grad, np.array([1.0, 2.0, 3.0]))


REPRS = [
    (lambda: ag.tensor(1.0), "tensor(1.)"),
    (lambda: ag.tensor([1, 2]), "tensor([1, 2])"),
    (lambda: ag.tensor([1.0], np.float32), "tensor([1.], dtype=float32)"),
    (lambda: ag.tensor([True]), "tensor([ True])"),
    (lambda: parameter(), "tensor([1., 2., 3.], name='W', requires_grad=True)"),
    (lambda: parameter() * 2, "tensor([2., 4., 6.], from=multiply)"),
    (lambda: parameter().sum(), "tensor(6., from=sum)"),
    (lambda: ag.tensor([[1.0, 2.0], [3.0, 4.0]]), "tensor([[1., 2.],\n        [3., 4.]])"),
    (lambda: ag.tensor([]), "tensor([])"),
    (lambda: ag.tensor(np.zeros((0, 3))), "tensor([], shape=(0, 3))"),
    (lambda: ag.tensor(np.zeros((3, 0)), np.float32), "tensor([], shape=(3, 0), dtype=float32)"),
]


@pytest.mark.parametrize(("make", "text"), REPRS, ids=[text for _, text in REPRS])
def test_repr(make, text):
    assert repr(make()) == text
    assert str(make()) == text


def test_a_long_repr_is_shortened_and_tells_the_shape():
    text = repr(ag.tensor(np.arange(10_000.0).reshape(100, 100)))
    assert "..." in text
    assert text.endswith("shape=(100, 100))")
    assert len(text) < 1000


def test_formats():
    assert f"{ag.tensor([2.0]):6.2f}" == "  2.00"
    assert f"{ag.tensor([1.0, 2.0]):>20}" == "    tensor([1., 2.])"
    with pytest.raises(TypeError, match=r"'\.3f'.*W.*take an entry"):
        f"{parameter():.3f}"


def test_names_are_text():
    with pytest.raises(TypeError, match="str, not int"):
        ag.tensor(1.0, name=3)


def test_whole_numbers_among_results_require_nothing():
    mantissa, exponent = np.frexp(parameter())
    assert mantissa.requires_grad
    assert not exponent.requires_grad


# -------------------------------------------------------------------------------------- pickling and copying


def test_pickle_and_deepcopy_take_leaves():
    W = parameter((2, 2), dtype=np.float32)
    (W * W).sum().backward()
    for made in (pickle.loads(pickle.dumps(W)), copy.deepcopy(W)):
        assert (made.name, made.requires_grad, made.is_leaf, made.dtype) == ("W", True, True, np.float32)
        np.testing.assert_array_equal(made.data, W.data)
        np.testing.assert_array_equal(made.grad.data, W.grad.data)
        with ag.no_grad():
            made += 1
            made.grad += 1
        assert W.data[0, 0] == 1
        assert W.grad.data[0, 0] == 2
        (made * 3).sum().backward()  # with a graph of its own
        assert W.grad.data[0, 0] == 2
    constant = copy.deepcopy(ag.tensor([1, 2]))
    assert not constant.requires_grad
    both = copy.deepcopy({"a": W, "b": W})
    assert both["a"] is both["b"]


class Weight(ag.Tensor):
    """A subclass with an attribute of its own."""


def test_subclasses_keep_their_class_and_attributes():
    W = Weight([1.0, 2.0], requires_grad=True)
    W.rate = 0.1
    for made in (pickle.loads(pickle.dumps(W)), copy.deepcopy(W), copy.copy(W)):
        assert type(made) is Weight
        assert made.rate == 0.1
        assert made.requires_grad
    assert type(W * 2) is ag.Tensor


def test_a_tensor_takes_the_users_attributes():
    W = parameter()
    W.label, W.history = "weights", [1]
    for made in (pickle.loads(pickle.dumps(W)), copy.deepcopy(W), copy.copy(W)):
        assert type(made) is ag.Tensor
        assert (made.label, made.history, made.requires_grad) == ("weights", [1], True)
    assert copy.deepcopy(W).history is not W.history
    assert copy.copy(W).history is W.history
    with ag.no_grad():
        W -= 1
    W.requires_grad_(False)
    assert W.label == "weights"
    y = W * 2
    y.label = "result"  # of a result too
    assert y.label == "result"
    for other in (y * 1, W.detach(), W.copy()):  # as in PyTorch, they belong to this object
        with pytest.raises(AttributeError, match="has no attribute 'label'"):
            other.label
    del W.label
    assert not hasattr(W, "label")
    for name in ("shape", "dtype", "ndim", "T"):
        with pytest.raises(AttributeError):
            setattr(W, name, 1)


@pytest.mark.parametrize("requires_grad", [True, False])
def test_attributes_are_read_again_by_a_compiled_function(requires_grad):
    W = ag.tensor([1.0, 2.0], requires_grad=requires_grad)
    W.rate, W.table = 2.0, np.array([1.0, 3.0])
    f = ag.jit(lambda x: (x * W.rate + W.table).sum())
    assert f(np.ones(2)) == 8
    W.rate = 3.0
    assert f(np.ones(2)) == 10
    W.table[0] = 5.0
    assert f(np.ones(2)) == 14
    W.table = np.zeros(2)
    assert f(np.ones(2)) == 6

    def g(x):
        W.kept = x * 2
        return x

    with pytest.raises(RuntimeError, match="kept outside of the function"):
        ag.jit(g)(np.ones(2))


def test_attributes_cost_nothing_where_there_are_none():
    x = parameter()
    y = (x * x).sum()
    y.backward()
    gc.collect()  # which lists the dict of an object that has one
    assert not [d for t in (x, y) for d in gc.get_referents(t) if type(d) is dict]


def test_pickle_and_deepcopy_refuse_results():
    y = parameter() * 2
    for take in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(RuntimeError, match=r"result of multiply .*detach\(\)"):
            take(y)
    assert copy.deepcopy(y.detach()).tolist() == [2, 4, 6]
    W = parameter(())
    (W**3).backward(create_graph=True)
    with pytest.raises(RuntimeError, match=r"\.grad of W .*detach\(\)"):
        copy.deepcopy(W)


def test_a_shallow_copy_shares_the_array_and_its_versions():
    W = parameter()
    other = copy.copy(W)
    assert np.shares_memory(other.data, W.data)
    assert (other.requires_grad, other.name) == (True, "W")
    loss = (W * W).sum()
    with ag.no_grad():
        other -= 1
    with pytest.raises(RuntimeError, match="has changed since"):
        loss.backward()
