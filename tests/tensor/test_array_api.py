"""The array API standard: the namespace, its signatures, DLPack; and a consumer that knows nothing of this library."""

import inspect
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.array_api import make_strategies_namespace

import autograd_lite as ag

xp = ag.tensor(1.0).__array_namespace__()
X = ag.tensor([[1.0, 2.0], [3.0, 4.0]])

#: The functions of version 2024.12, each with a call in the standard's form.
CALLS = {
    "abs acos asin asinh atan atanh ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log log1p log2 "
    "log10 negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh "
    "trunc": ((X / 9,), {}),
    "acosh": ((X,), {}),
    "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum "
    "minimum multiply nextafter not_equal pow remainder subtract": ((X, 2.0), {}),
    "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor": ((ag.tensor([1, 2]), 2), {}),
    "bitwise_invert logical_not": ((ag.tensor([True]),), {}),
    "logical_and logical_or logical_xor": ((X > 1, X > 2), {}),
    "clip": ((X,), {"min": 1, "max": 2}),
    "astype": ((X, np.float32), {"copy": True, "device": "cpu"}),
    "empty_like ones_like zeros_like": ((X,), {"dtype": np.float32, "device": "cpu"}),
    "full_like": ((X, 2.0), {"dtype": np.float32, "device": "cpu"}),
    "meshgrid": ((X[0], X[1]), {"indexing": "ij"}),
    "tril triu": ((X,), {"k": 1}),
    "matmul tensordot": ((X, X), {}),
    "vecdot": ((X, X), {"axis": -1}),
    "matrix_transpose": ((X,), {}),
    "broadcast_arrays": ((X, X[0]), {}),
    "broadcast_to": ((X, (3, 2, 2)), {}),
    "concat stack": (([X, X],), {"axis": 1}),
    "expand_dims": ((X,), {"axis": 1}),
    "flip": ((X,), {"axis": None}),
    "moveaxis": ((X, 0, 1), {}),
    "permute_dims": ((X, (1, 0)), {}),
    "repeat": ((X, 2), {"axis": 0}),
    "reshape": ((X, (4,)), {"copy": True}),
    "roll": ((X, 1), {"axis": 0}),
    "squeeze": ((X[None], 0), {}),
    "tile": ((X, (2, 1)), {}),
    "unstack": ((X,), {"axis": 1}),
    "take": ((X, ag.tensor([1, 0])), {"axis": 0}),
    "take_along_axis": ((X, ag.tensor([[1, 0]])), {"axis": 1}),
    "argmax argmin all any count_nonzero max min": ((X,), {"axis": 0, "keepdims": True}),
    "nonzero unique_all unique_counts unique_inverse unique_values": ((X,), {}),
    "searchsorted": ((X[0], X[1]), {"side": "right", "sorter": None}),
    "where": ((X > 1, X, -X), {}),
    "argsort sort": ((X,), {"axis": 0, "descending": True, "stable": True}),
    "mean prod sum": ((X,), {"axis": (0, 1), "keepdims": True}),
    "std var": ((X,), {"axis": 0, "correction": 1.0, "keepdims": True}),
    "cumulative_prod cumulative_sum": ((X[0],), {"axis": 0, "dtype": None, "include_initial": True}),
    "diff": ((X,), {"axis": 0, "n": 1}),
    "can_cast result_type": ((X.dtype, np.float64), {}),
    "isdtype": ((X.dtype, "real floating"), {}),
    "finfo": ((X,), {}),
    "iinfo": ((np.int8,), {}),
    "asarray": (([X, 1 + X],), {"dtype": np.float32, "device": "cpu", "copy": True}),
    "arange": ((1,), {"stop": 5, "step": 2, "dtype": np.float32, "device": "cpu"}),
    "empty ones zeros": (((2, 3),), {"dtype": np.float32, "device": "cpu"}),
    "eye": ((2, 3), {"k": 1, "dtype": np.float32, "device": "cpu"}),
    "from_dlpack": ((np.ones(2),), {"device": "cpu", "copy": None}),
    "full": ((2, True), {"dtype": None, "device": "cpu"}),
    "linspace": ((0, 1, 3), {"dtype": np.float32, "device": "cpu", "endpoint": False}),
    "linalg.cholesky": ((X @ X.mT,), {"upper": True}),
    "linalg.cross": ((X[:, [0, 0, 1]], X[:, [0, 1, 1]]), {"axis": -1}),
    "linalg.det linalg.eigh linalg.eigvalsh linalg.inv linalg.slogdet linalg.svdvals": ((X,), {}),
    "linalg.diagonal linalg.trace": ((X,), {"offset": 1}),
    "linalg.matmul linalg.solve": ((X, X), {}),
    "linalg.matrix_norm": ((X,), {"keepdims": True, "ord": "nuc"}),
    "linalg.matrix_power": ((X, 2), {}),
    "linalg.matrix_rank linalg.pinv": ((X,), {"rtol": 1e-3}),
    "linalg.matrix_transpose": ((X,), {}),
    "linalg.outer": ((X[0], X[1]), {}),
    "linalg.qr": ((X,), {"mode": "reduced"}),
    "linalg.svd": ((X,), {"full_matrices": True}),
    "linalg.tensordot": ((X, X), {"axes": 1}),
    "linalg.vecdot": ((X, X), {"axis": 0}),
    "linalg.vector_norm": ((X,), {"axis": 0, "keepdims": True, "ord": 1}),
    "fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft": ((X,), {"n": 2, "axis": 0, "norm": "ortho"}),
    "fft.fftn fft.ifftn fft.rfftn fft.irfftn": ((X,), {"s": (2,), "axes": (0,), "norm": "forward"}),
    "fft.fftfreq fft.rfftfreq": ((3,), {"d": 2.0, "dtype": np.float32, "device": "cpu"}),
    "fft.fftshift fft.ifftshift": ((X,), {"axes": (0,)}),
}
NOT_ARRAYS = "can_cast result_type isdtype finfo iinfo"


@pytest.mark.parametrize("names", CALLS)
def test_every_function_takes_the_standards_call(names):
    args, params = CALLS[names]
    for name in names.split():
        y = function(name)(*args, **params)
        if name not in NOT_ARRAYS.split():
            for part in y if isinstance(y, (tuple, list)) else [y]:
                assert isinstance(part, ag.Tensor), name


#: The standard's signatures (array-api-strict 2.6.1): by their parameters, the functions that have them.
SIGNATURES = {
    "*arrays": "broadcast_arrays",
    "*arrays, indexing='xy'": "meshgrid",
    "*arrays_and_dtypes": "result_type",
    "*shapes": "broadcast_shapes",
    "arrays, /, *, axis=0": "concat stack",
    "condition, x1, x2, /": "where",
    "dtype, kind": "isdtype",
    "from_, to, /": "can_cast",
    "n, /, *, d=1.0, dtype=None, device=None": "fft.fftfreq fft.rfftfreq",
    "n_rows, n_cols=None, /, *, k=0, dtype=None, device=None": "eye",
    "obj, /, *, dtype=None, device=None, copy=None": "asarray",
    "shape, *, dtype=None, device=None": "empty ones zeros",
    "shape, fill_value, *, dtype=None, device=None": "full",
    "start, /, stop=None, step=1, *, dtype=None, device=None": "arange",
    "start, stop, /, num, *, dtype=None, device=None, endpoint=True": "linspace",
    "type, /": "finfo iinfo",
    "x, /":
        "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite "
        "isinf isnan log log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin "
        "sinh square sqrt tan tanh trunc matrix_transpose nonzero unique_all unique_counts unique_inverse "
        "unique_values linalg.det linalg.eigh linalg.eigvalsh linalg.inv linalg.matrix_transpose linalg.slogdet "
        "linalg.svdvals",
    "x, /, *, axes=None": "fft.fftshift fft.ifftshift",
    "x, /, *, axis=-1, descending=False, stable=True": "argsort sort",
    "x, /, *, axis=-1, n=1, prepend=None, append=None": "diff",
    "x, /, *, axis=0": "unstack",
    "x, /, *, axis=None": "flip",
    "x, /, *, axis=None, correction=0.0, keepdims=False": "std var",
    "x, /, *, axis=None, dtype=None, include_initial=False": "cumulative_sum cumulative_prod",
    "x, /, *, axis=None, dtype=None, keepdims=False": "prod sum",
    "x, /, *, axis=None, keepdims=False": "argmax argmin count_nonzero max mean min all any",
    "x, /, *, axis=None, keepdims=False, ord=2": "linalg.vector_norm",
    "x, /, *, device=None, copy=None": "from_dlpack",
    "x, /, *, dtype=None, device=None": "empty_like ones_like zeros_like",
    "x, /, *, full_matrices=True": "linalg.svd",
    "x, /, *, k=0": "tril triu",
    "x, /, *, keepdims=False, ord='fro'": "linalg.matrix_norm",
    "x, /, *, mode='reduced'": "linalg.qr",
    "x, /, *, n=None, axis=-1, norm='backward'": "fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft",
    "x, /, *, offset=0": "linalg.diagonal",
    "x, /, *, offset=0, dtype=None": "linalg.trace",
    "x, /, *, rtol=None": "linalg.matrix_rank linalg.pinv",
    "x, /, *, s=None, axes=None, norm='backward'": "fft.fftn fft.ifftn fft.rfftn fft.irfftn",
    "x, /, *, upper=False": "linalg.cholesky",
    "x, /, axes": "permute_dims",
    "x, /, axis": "expand_dims squeeze",
    "x, /, fill_value, *, dtype=None, device=None": "full_like",
    "x, /, min=None, max=None": "clip",
    "x, /, shape": "broadcast_to",
    "x, /, shape, *, copy=None": "reshape",
    "x, /, shift, *, axis=None": "roll",
    "x, dtype, /, *, copy=True, device=None": "astype",
    "x, indices, /, *, axis=-1": "take_along_axis",
    "x, indices, /, *, axis=None": "take",
    "x, n, /": "linalg.matrix_power",
    "x, repeats, /, *, axis=None": "repeat",
    "x, repetitions, /": "tile",
    "x, source, destination, /": "moveaxis",
    "x1, x2, /":
        "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide "
        "equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or "
        "logical_xor maximum minimum multiply nextafter not_equal pow remainder subtract matmul linalg.matmul "
        "linalg.outer linalg.solve",
    "x1, x2, /, *, axes=2": "tensordot linalg.tensordot",
    "x1, x2, /, *, axis=-1": "vecdot linalg.cross linalg.vecdot",
    "x1, x2, /, *, side='left', sorter=None": "searchsorted",
}


def function(name):
    return attrgetter(name)(xp)


@pytest.mark.parametrize("params", SIGNATURES)
def test_signatures_are_the_standards(params):
    """Names, kinds and defaults; NumPy's own functions may call a variadic parameter otherwise."""
    standard = inspect.signature(eval(f"lambda {params}: None"))
    for name in SIGNATURES[params].split():
        ours = inspect.signature(function(name))
        assert [p.kind for p in ours.parameters.values()] == [p.kind for p in standard.parameters.values()], name
        for p, q in zip(standard.parameters.values(), ours.parameters.values(), strict=True):
            assert q.name == p.name or p.kind is p.VAR_POSITIONAL, name
            assert q.default == p.default or p.default is p.empty, name


def test_every_function_of_the_standard_has_a_call_and_a_signature():
    names = {name for names in SIGNATURES.values() for name in names.split()}
    assert {name for names in CALLS for name in names.split()} == names - {"broadcast_shapes"}


@pytest.mark.parametrize("names", CALLS)
def test_each_keyword_may_be_omitted_or_have_its_default(names):
    args, params = CALLS[names]
    for name in names.split():
        f = function(name)
        ours = inspect.signature(f).parameters
        bound = inspect.signature(f).bind(*args, **params)
        required = [p for p in ours.values() if p.default is p.empty]
        args = bound.args[: len(args)] if any(p.kind is p.VAR_POSITIONAL for p in required) else args[: len(required)]
        f(*args)
        for key, p in ours.items():
            if p.kind is p.KEYWORD_ONLY:
                f(*args, **{key: p.default})


@pytest.mark.parametrize("names", CALLS)
def test_what_the_standard_does_not_accept_is_refused(names):
    args, _ = CALLS[names]
    for name in names.split():
        f = function(name)
        ours = list(inspect.signature(f).parameters.values())
        if ours[0].kind is ours[0].POSITIONAL_ONLY:
            with pytest.raises(TypeError):
                f(*args[1:], **{ours[0].name: args[0]})
        positional = [p for p in ours if p.kind is not p.KEYWORD_ONLY]
        if len(positional) < len(ours) and positional[0].kind is not positional[0].VAR_POSITIONAL:
            with pytest.raises(TypeError, match="positional argument"):
                f(*args, *[None] * (len(ours) - len(args)))


def test_constants_and_dtypes():
    assert (xp.pi, xp.e, xp.inf, xp.newaxis) == (np.pi, np.e, np.inf, None)
    assert xp.__array_api_version__ == "2024.12"
    assert xp.isnan(xp.asarray(xp.nan))
    for name, dtype in xp.__array_namespace_info__().dtypes().items():
        assert getattr(xp, name) == dtype
        assert xp.ones(1, dtype=getattr(xp, name)).dtype == dtype
    assert {"sin", "float32", "zeros", "pi"} <= set(dir(xp))
    with pytest.raises(AttributeError, match="no attribute 'savetxt'"):
        xp.savetxt


def test_the_default_dtype():
    ag.set_default_dtype(np.float32)
    try:
        info = xp.__array_namespace_info__().default_dtypes()
        for x in (xp.zeros(2), xp.full(2, 1.0), xp.linspace(0, 1, 2), xp.eye(2), xp.arange(0.0, 2.0)):
            assert x.dtype == info["real floating"] == np.float32
        assert xp.linspace(0, 1j, 2).dtype == info["complex floating"] == np.complex64
    finally:
        ag.set_default_dtype(np.float64)
    assert xp.arange(3).dtype == xp.full(2, 1).dtype == np.int64


def test_what_is_sorted_downwards_is_stable():
    x = xp.asarray([1.0, 3.0, 2.0, 3.0])
    assert xp.argsort(x, descending=True).tolist() == [1, 3, 2, 0]
    assert xp.sort(x, descending=True).tolist() == [3.0, 3.0, 2.0, 1.0]


def test_gradients_flow_through_asarray():
    np.testing.assert_array_equal(ag.grad(lambda x: xp.sum(xp.asarray([x, 2 * x], dtype=xp.float32)))(1.0), 3.0)
    assert xp.asarray(X) is X
    assert xp.asarray(X, copy=True) is not X
    with pytest.raises(ValueError, match="cannot become float32 with copy=False"):
        xp.asarray(X, dtype=xp.float32, copy=False)
    with pytest.raises(TypeError, match="expected numbers or booleans, got <U1"):
        xp.asarray("a")


def test_versions_and_devices():
    assert X.__array_namespace__(api_version="2023.12") is xp
    with pytest.raises(ValueError, match=r"expected an api_version from 2021.12 to 2024.12, got '1999'"):
        X.__array_namespace__(api_version="1999")
    assert X.to_device(X.device) is X
    with pytest.raises(ValueError, match="there is no device but 'cpu'"):
        xp.zeros(2, device="cuda")


def test_shifts():
    x = ag.tensor([1, 2])
    assert [y.tolist() for y in (x << 1, 1 << x, x >> 1, 8 >> x)] == [[2, 4], [2, 4], [0, 1], [4, 2]]
    with pytest.raises(TypeError, match=r"left_shift\(.*\): NumPy has none for float64, int: convert with \.astype"):
        X << 1


def test_dlpack():
    x = ag.tensor([1.0, 2.0])
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.data)
    assert ag.from_dlpack(array).tolist() == [1.0, 2.0]
    assert np.shares_memory(ag.from_dlpack(x).data, x.data)
    assert not np.shares_memory(ag.from_dlpack(x, copy=True).data, x.data)
    locked = np.arange(3.0)
    locked.flags.writeable = False
    assert not ag.from_dlpack(locked).data.flags.writeable
    x.requires_grad_()
    with pytest.raises(BufferError, match=r"would drop the graph .*: call it on x\.detach\(\)"):
        np.from_dlpack(x)
    assert np.shares_memory(np.from_dlpack(x.detach()), x.data)
    with pytest.raises(RuntimeError, match="Return the value, and convert it outside"):
        ag.jit(lambda x: np.from_dlpack(x))(np.ones(2))


STRATEGIES = make_strategies_namespace(xp)


@settings(max_examples=20, deadline=None, database=None, derandomize=True)
@given(STRATEGIES.arrays(STRATEGIES.scalar_dtypes(), STRATEGIES.array_shapes(max_dims=2, max_side=3)))
def test_hypothesis_makes_tensors_from_the_namespace(x):
    assert isinstance(x, ag.Tensor)
    assert xp.all(xp.equal(x, x) | ~xp.isfinite(x))
