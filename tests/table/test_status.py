"""Every function of NumPy that can be called on a Tensor has one status, and the status is true."""

import importlib
import io
import pkgutil
import re
import warnings

import numpy as np
import pytest
from numpy.lib import NumpyVersion
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

import autograd_lite as ag
from autograd_lite.rules.ufuncs import METHODS
from autograd_lite.table import ROWS, TABLE, Primitive, status as page
from autograd_lite.table.status import public_name, refusal, status
from autograd_lite.testing import assert_gradients


def everything() -> list:
    """All of it: a function is only counted once its module has been imported, so all public ones are."""
    private = re.compile(r"numpy\.(_|f2py|distutils|conftest)|.*\.(_|tests\b)")
    found: set = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy.core and the like are deprecated
        for module in pkgutil.walk_packages(np.__path__, "numpy."):
            if not private.match(module.name):
                importlib.import_module(module.name)
    found.update(get_overridable_numpy_array_functions(), get_overridable_numpy_ufuncs())
    return sorted(found, key=public_name)


ALL = everything()
NUMPY = NumpyVersion(np.__version__)
X = np.array([[1.5, -0.5], [0.25, 2.0]])
known_numpy = pytest.mark.skipif(
    NUMPY >= "2.6.0.dev0", reason="functions that are new in this NumPy have no status yet"
)


def test_all_of_numpy_is_looked_at():
    names = {public_name(f) for f in ALL}
    assert {"np.fft.fft", "np.linalg.eigh", "np.add", "np.sum", "np.emath.sqrt"} <= names
    assert len(ALL) > 400


def statuses(function):
    """How many places say what becomes of a function."""
    name = public_name(function)
    found = [
        function in ROWS,
        name in page.OF_SHAPE,
        name in page.OF_VALUES,
        *(name in names for names in page.NOT_FOR_TENSORS.values()),
        name in page.NOT_YET,
    ]
    by_module = not any(found) and status(function) == "not for tensors"
    return sum(found) + by_module


@known_numpy
def test_each_function_has_exactly_one_status():
    wrong = [public_name(f) for f in ALL if statuses(f) != 1]
    assert not wrong, f"{wrong} have no row, and rules/status.py does not say why"


#: What a Tensor can be given to in some of the supported versions of NumPy only: whether in this one.
NOT_EVERYWHERE = {
    "np.in1d": NUMPY < "2.4.0",
    "np.polynomial.polynomial.polyval2d": NUMPY >= "2.4.0",
    "np.polynomial.polynomial.polygrid2d": NUMPY >= "2.4.0",
    "np.polynomial.polynomial.polyvalnd": NUMPY >= "2.5.0",
}


def test_the_page_names_nothing_that_is_not_there():
    known = {public_name(f) for f in ALL}
    refused = frozenset().union(*page.NOT_FOR_TENSORS.values())
    absent = (page.OF_SHAPE | page.OF_VALUES | page.NOT_YET.keys() | refused) - known
    assert absent == {name for name, here in NOT_EVERYWHERE.items() if not here}


REFUSALS = [f for f in ALL if status(f) in ("not for tensors", "not yet")]


@pytest.mark.parametrize("function", REFUSALS, ids=public_name)
def test_what_is_refused_is_refused_by_name_with_a_remedy(function):
    error = refusal(function)
    assert isinstance(error, NotImplementedError if status(function) == "not yet" else TypeError)
    assert public_name(function) in str(error)
    remedy = str(error).split(":", 1)[1]
    assert len(remedy.split()) >= 5
    if isinstance(function, np.ufunc) and function.nin == 1:
        with pytest.raises(type(error), match=re.escape(public_name(function))):
            function(ag.tensor(X))


def test_what_is_unknown_is_refused_by_name():
    unknown = np.frompyfunc(lambda x: x + 1, 1, 1)
    with pytest.raises(TypeError, match=r"has no row in the table of derivatives.*x\.data.*define"):
        unknown(ag.tensor(X))
    with pytest.raises(NotImplementedError, match=r"np\.histogram2d .*not differentiable yet"):
        np.histogram2d(ag.tensor(X[0]), X[1])


IN_PLACE = {
    "copyto": lambda a, x: np.copyto(a, x),
    "put": lambda a, x: np.put(a, 0, x),
    "place": lambda a, x: np.place(a, a > 0, x),
    "putmask": lambda a, x: np.putmask(a, a > 0, x),
    "put_along_axis": lambda a, x: np.put_along_axis(a, np.array([[0]]), x, 1),
    "fill_diagonal": lambda a, x: np.fill_diagonal(a, x),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("kind", [np.array, ag.tensor])
def test_writing_into_an_array_is_refused(name, kind):
    """Also into an ordinary array: a Tensor written there would lose its graph."""
    a, x = kind(X), ag.tensor(1.0, requires_grad=True)
    with pytest.raises((TypeError, RuntimeError), match=r"set_at"):
        IN_PLACE[name](a, x)
    np.testing.assert_array_equal(a, X)


# ---------------------------------------------------------------------------------------------- plain answers

t = ag.tensor(X, requires_grad=True)
PLAIN = {
    "shape": lambda x: np.shape(x),
    "ndim": lambda x: np.ndim(x),
    "size": lambda x: (np.size(x), np.size(x, 1)),
    "result_type": lambda x: np.result_type(x, np.complex64, 1),
    "can_cast": lambda x: np.can_cast(x.dtype, np.float32),
    "common_type": lambda x: np.common_type(x, x),
    "iscomplexobj": lambda x: np.iscomplexobj(x),
    "isrealobj": lambda x: np.isrealobj(x),
    "shares_memory": lambda x: (np.shares_memory(x, X), np.may_share_memory(x, x)),
    "allclose": lambda x: np.allclose(x, X + 1e-12),
    "array_equal": lambda x: (np.array_equal(x, X), np.array_equal(X, x + 1)),
    "array_equiv": lambda x: np.array_equiv(x, x[None]),
    "array_repr": lambda x: np.array_repr(x, precision=2),
    "array_str": lambda x: np.array_str(x),
    "array2string": lambda x: np.array2string(x, separator="; "),
    "einsum_path": lambda x: np.einsum_path("ij,jk", x, x)[0],
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_answers(name):
    got, expected = PLAIN[name](t), PLAIN[name](X)
    if name == "shares_memory":
        expected = False, True  # ag.tensor copies
    assert got == expected
    assert type(got) is type(expected)


def test_indices_by_shape():
    for f in (np.diag_indices_from, np.tril_indices_from, np.triu_indices_from):
        np.testing.assert_array_equal(f(t), f(X))


def test_saving():
    file = io.BytesIO()
    np.savez(file, x=t)
    file.seek(0)
    np.testing.assert_array_equal(np.load(file)["x"], X)
    text = io.StringIO()
    np.savetxt(text, t)
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(text.getvalue())), X)


# -------------------------------------------------------------------------------------------------- constants


CONSTANT = [row for row in TABLE.values() if row.kind == "constant" and isinstance(row.fn, np.ufunc)]
CONSTANT.remove(TABLE["isnat"])  # for dates, which a tensor does not hold


@pytest.mark.parametrize("row", CONSTANT, ids=repr)
def test_a_constant_gives_a_tensor_off_the_record(row):
    whole = not {"d", "dd"} & {types.partition("->")[0] for types in row.fn.types}
    args = [ag.tensor(X.astype(int) if whole else X, requires_grad=not whole)] * row.fn.nin
    y = row.fn(*args)
    assert isinstance(y, ag.Tensor)
    assert not y.requires_grad
    np.testing.assert_array_equal(y, row.fn(*(a.detach().numpy() for a in args)))


def test_arrays_like_a_tensor_are_constants():
    for f in (np.zeros_like, np.ones_like, np.empty_like):
        y = f(t, dtype=np.float32)
        assert (y.shape, y.dtype, y.requires_grad) == ((2, 2), np.dtype(np.float32), False)
    assert np.zeros_like(t, shape=(3,)).shape == (3,)
    np.testing.assert_array_equal(np.ones_like(t), np.ones((2, 2)))


def test_what_an_array_is_filled_with_keeps_its_derivative():
    fill = ag.tensor(2.0, requires_grad=True)
    ag.full_like(X, fill).sum().backward()
    assert fill.grad.item() == 4
    np.testing.assert_array_equal(np.full_like(t, 7, dtype=int), np.full((2, 2), 7))


def test_rounding():
    for f in (np.round, np.around, ag.round, ag.around):
        np.testing.assert_array_equal(f(t, 1), np.round(X, 1))
    np.testing.assert_array_equal(round(t), np.round(X))
    np.testing.assert_array_equal(ag.fix(t), np.trunc(X))


def test_questions_about_entries():
    z = ag.tensor([1.0, np.inf, -np.inf, np.nan])
    for f in (np.isposinf, np.isneginf, np.isreal, np.iscomplex):
        np.testing.assert_array_equal(f(z), f(z.numpy()))
        assert isinstance(f(z), ag.Tensor)
    np.testing.assert_array_equal(np.isclose(z, z, equal_nan=True), True)
    np.testing.assert_array_equal(np.isclose(a=t, b=X + 1e-9), True)


# ------------------------------------------------------------------------------------------ methods of ufuncs

UFUNCS = [u for u in ALL if u in ROWS and isinstance(u, np.ufunc)]
TWO = [u for u in UFUNCS if (u.nin, u.nout, u.signature) == (2, 1, None)]
POSITIVE = np.array([[1.5, 2.5, 1.25], [2.0, 0.5, 3.0]])
INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm"}


def values(ufunc):
    if ufunc in (np.power, np.arctan2):  # in C order NumPy 2.4 leaves out all between first and last
        return np.asfortranarray(POSITIVE)
    return POSITIVE.astype(int) if ufunc.__name__ in INTEGERS else POSITIVE


def both(ufunc, method, *args, **params):
    """The same call on arrays and with the first as a Tensor; the result of both, or the error of both."""
    found = []
    for wrap in (np.asarray, ag.tensor):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(getattr(ufunc, method)(wrap(args[0]), *args[1:], **params))
        except (TypeError, ValueError) as error:
            found.append(error)
    return found


METHOD_CALLS = [
    ("outer", (X[0],), {}),
    ("reduce", (), {}),
    ("reduce", (), {"axis": 1, "keepdims": True}),
    ("reduce", (-1,), {}),
    ("accumulate", (), {}),
    ("accumulate", (), {"axis": 1}),
    ("reduceat", ([0, 2, 1],), {"axis": 1}),
]


@pytest.mark.parametrize(("method", "more", "params"), METHOD_CALLS)
@pytest.mark.parametrize("ufunc", TWO, ids=public_name)
def test_methods_of_ufuncs(ufunc, method, more, params):
    """Each does what NumPy does with arrays, and raises where NumPy does."""
    x = values(ufunc)
    if method == "outer":
        more = (x[0],)
    expected, got = both(ufunc, method, x, *more, **params)
    if isinstance(expected, Exception):
        assert isinstance(got, Exception)
        return
    assert isinstance(got, ag.Tensor), got
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("ufunc", TWO, ids=public_name)
def test_at_is_refused(ufunc):
    with pytest.raises(TypeError, match=rf"{public_name(ufunc)}\.at writes into an array.*add_at"):
        ufunc.at(ag.tensor(X), [0], 1.0)


FOLDED = [np.subtract, np.divide, np.power, np.hypot, np.logaddexp2, np.arctan2]


@pytest.mark.parametrize("ufunc", FOLDED, ids=public_name)
@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_folds_have_derivatives(ufunc, method):
    assert_gradients(lambda x: getattr(ufunc, method)(x, axis=1), POSITIVE)
    assert_gradients(lambda x: ufunc.reduceat(x, [0, 2, 1], axis=1), POSITIVE)
    assert_gradients(lambda x, y: ufunc.outer(x, y), POSITIVE, X[0] ** 2)


def test_the_methods_of_reduction_are_used():
    assert {(np.add, "reduce"), (np.multiply, "accumulate"), (np.maximum, "reduce")} <= METHODS.keys()
    assert "from=sum" in repr(np.add.reduce(t))


def test_a_fold_starts_where_one_says():
    x = ag.tensor(POSITIVE)
    expected = np.subtract.reduce(POSITIVE, initial=10.0)
    np.testing.assert_array_equal(np.subtract.reduce(x, initial=10.0), expected)
    np.testing.assert_array_equal(np.hypot.reduce(x[:0], initial=2.0), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(np.subtract.reduce(x, dtype=np.float32).numpy().dtype, np.float32)


REFUSED = {
    "reduce by a function of one": (lambda x: np.exp.reduce(x), "only supported for binary functions"),
    "reduce by a function of two results": (lambda x: np.divmod.reduce(x), "functions returning a single"),
    "reduce by a function of vectors": (lambda x: np.vecdot.reduce(x), "not defined on ufunc with signature"),
    "outer by a function of two results": (lambda x: np.divmod.outer(x, x), r"np\.divmod\.outer: only a"),
    "a fold over two axes": (lambda x: np.subtract.reduce(x, axis=(0, 1)), "expected one axis"),
    "a fold with where": (lambda x: np.subtract.reduce(x, where=X > 0), "where= is not supported"),
    "a fold of nothing": (lambda x: np.subtract.reduce(x[:0]), "no entries along axis 0.*initial="),
    "where": (lambda x: np.exp(x, where=X > 0), r"exp: where= .*np\.where\(where, exp\(x\), x\)"),
    "signature": (lambda x: np.add(x, x, signature="dd->d"), "add of a tensor does not take signature="),
    "a dtype that loses": (lambda x: np.add(x, 1.0, dtype=int), "add: dtype=int64 would lose .* float64"),
    "a row of our own": (lambda x: ag.sigmoid(x, slope=3), "sigmoid of a tensor does not take slope="),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_ufunc_cannot_be_asked(name):
    f, message = REFUSED[name]
    with pytest.raises((TypeError, ValueError, RuntimeError), match=message):
        f(ag.tensor(X))


def test_dtype_is_a_cast_that_has_a_derivative():
    x = ag.tensor(X, requires_grad=True)
    y = np.exp(x, dtype=np.float32)
    assert y.dtype == np.float32
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp(X), rtol=1e-6)
    assert np.add(ag.tensor([1, 2]), 1, dtype=np.float64).dtype == np.float64


def test_what_a_ufunc_may_be_asked_that_changes_nothing():
    x = ag.tensor(X)
    plain = np.multiply(x, 2.0)
    for k, v in {"out": None, "where": True, "casting": "same_kind", "order": "C", "subok": False}.items():
        np.testing.assert_array_equal(np.multiply(x, 2.0, **{k: v}), plain)


@known_numpy
def test_every_method_has_a_status():
    """If NumPy gains a method of ufuncs, it must be thought about here."""
    methods = {name for name in dir(np.add) if not name.startswith("_") and callable(getattr(np.add, name))}
    assert methods - {"resolve_dtypes"} == {"reduce", "accumulate", "reduceat", "outer", "at"}


# ------------------------------------------------------------------------------------------------- ag.* names


def test_ag_has_numpys_names():
    """Every row for a function that is public in NumPy is found under the same name here.

    But ``ag.linspace``: it makes a tensor from numbers, as ``ag.arange`` does.
    """
    modules = {"np": ag, "np.linalg": ag.linalg, "np.fft": ag.fft, "np.emath": ag.emath}
    for function, row in ROWS.items():
        module, _, name = public_name(function).rpartition(".")
        if module in modules and name not in ("isnat", "linspace", "matmul", "trace"):  # ag.trace is of a function
            assert getattr(modules[module], name) is row, f"{module}.{name}"


def test_short_names_are_numpys():
    shared = [name for name in dir(ag) if callable(getattr(np, name, None))]
    for name in shared:
        ours, theirs = getattr(ag, name), getattr(np, name)
        if isinstance(ours, Primitive) and theirs in ROWS:
            assert ROWS[theirs] is ours, name
    assert len(shared) > 250
