"""The namespace of the Python array API standard (https://data-apis.org/array-api): ``x.__array_namespace__()``.

NumPy's functions have the standard's names, and so do their rows; this module looks them up and gives them the
standard's signatures, which are stricter than NumPy's: most parameters are positional-only or keyword-only, so code
that runs here runs on any library of the standard. Functions that create arrays are defined here, and return Tensors.

Examples
--------
>>> import autograd_lite as ag
>>> def softplus(x):  # for the arrays of any library
...     xp = x.__array_namespace__()
...     return xp.log1p(xp.exp(x))
>>> float(ag.grad(softplus)(0.0))
0.5
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import fft as _fft, linalg as _linalg
from .base.listing import public_names
from .table import ROWS as _ROWS, TABLE as _TABLE
from .table.status import OF_SHAPE as _OF_SHAPE, public_name
from .tensor import Tensor, creation
from .tensor.creation import as_tensor, from_dlpack as from_dlpack, get_default_dtype
from .tensor.torch_names import check_device

__array_api_version__ = "2024.12"
newaxis = None


#: The standard's parameters of the functions that are looked up. The others are defined below, or are NumPy's.
_SIGNATURES = {
    "x, /":
        "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf "
        "isnan log log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square "
        "sqrt tan tanh trunc matrix_transpose nonzero unique_all unique_counts unique_inverse unique_values linalg.det "
        "linalg.eigh linalg.eigvalsh linalg.inv linalg.matrix_transpose linalg.slogdet linalg.svdvals",
    "x1, x2, /":
        "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal "
        "floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum "
        "minimum multiply nextafter not_equal pow remainder subtract matmul linalg.matmul linalg.outer linalg.solve",
    "x, /, *, axis=None, keepdims=False": "all any argmax argmin count_nonzero max mean min",
    "x, /, *, axis=None, dtype=None, keepdims=False": "prod sum",
    "x, /, *, axis=None, correction=0.0, keepdims=False": "std var",
    "x, /, *, axis=None, dtype=None, include_initial=False": "cumulative_prod cumulative_sum",
    "x, /, *, dtype=None, device=None": "empty_like ones_like zeros_like",
    "x, /, fill_value, *, dtype=None, device=None": "full_like",
    "x, dtype, /, *, copy=True, device=None": "astype",
    "from_, to, /": "can_cast",
    "*arrays, indexing='xy'": "meshgrid",
    "*arrays": "broadcast_arrays",
    "x, /, *, k=0": "tril triu",
    "x, /, shape": "broadcast_to",
    "x, /, shape, *, copy=None": "reshape",
    "x, /, axes": "permute_dims",
    "x, /, axis=0": "expand_dims",
    "x, /, axis": "squeeze",
    "x, /, *, axis=None": "flip",
    "x, /, *, axis=0": "unstack",
    "x, source, destination, /": "moveaxis",
    "x, repeats, /, *, axis=None": "repeat",
    "x, repetitions, /": "tile",
    "x, /, shift, *, axis=None": "roll",
    "arrays, /, *, axis=0": "concat stack",
    "x, indices, /, *, axis=None": "take",
    "x, indices, /, *, axis=-1": "take_along_axis",
    "x1, x2, /, *, side='left', sorter=None": "searchsorted",
    "x1, x2, /, *, invert=False": "isin",
    "condition, x1, x2, /": "where",
    "x, /, min=None, max=None": "clip",
    "x1, x2, /, *, axis=-1": "vecdot linalg.vecdot linalg.cross",
    "x1, x2, /, *, axes=2": "tensordot linalg.tensordot",
    "x, /, *, upper=False": "linalg.cholesky",
    "x, /, *, offset=0": "linalg.diagonal",
    "x, /, *, offset=0, dtype=None": "linalg.trace",
    "x, /, *, keepdims=False, ord='fro'": "linalg.matrix_norm",
    "x, /, *, axis=None, keepdims=False, ord=2": "linalg.vector_norm",
    "x, n, /": "linalg.matrix_power",
    "x, /, *, rtol=None": "linalg.matrix_rank linalg.pinv",
    "x, /, *, mode='reduced'": "linalg.qr",
    "x, /, *, full_matrices=True": "linalg.svd",
    "x, /, *, n=None, axis=-1, norm='backward'": "fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft",
    "x, /, *, s=None, axes=None, norm='backward'": "fft.fftn fft.ifftn fft.rfftn fft.irfftn",
    "x, /, *, axes=None": "fft.fftshift fft.ifftshift",
    "*arrays_and_dtypes": "result_type",
}
_PARAMETERS = {name: params for params, names in _SIGNATURES.items() for name in names.split()}


def _standard(name: str, f: Callable[..., Any]) -> Any:
    """`f` with the standard's signature, if there is one."""
    if name not in _PARAMETERS:
        return f
    parameters = inspect.signature(eval(f"lambda {_PARAMETERS[name]}: None")).parameters.values()
    passed = ", ".join(f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else str(p).split("=")[0] for p in parameters)
    code = compile(f"lambda {_PARAMETERS[name]}: f({passed})", __file__, "eval")  # faster than binding at each call
    function = eval(code, {"f": f})
    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    function.__doc__, function.__module__ = f.__doc__, __name__
    return function


def __getattr__(name: str) -> Any:
    """NumPy's object of this name, or its row with the standard's signature: a function, a dtype, a constant."""
    value = _looked_up(name) if name in np.__all__ else None
    if value is None:
        raise AttributeError(f"the array namespace has no attribute {name!r}")
    return value


@cache
def _looked_up(name: str) -> Any:
    value = getattr(np, name)
    is_dtype = isinstance(value, type) and issubclass(value, np.generic)
    if is_dtype or isinstance(value, float) or value is np.isdtype or value is np.broadcast_shapes:
        return value
    if callable(value) and value in _ROWS:
        return _standard(name, _ROWS[value])
    return _standard(name, value) if callable(value) and public_name(value) in _OF_SHAPE else None


def __dir__() -> list[str]:
    here = public_names(__name__, "fft", "linalg", "from_dlpack")()
    return sorted({*here, *(name for name in np.__all__ if hasattr(sys.modules[__name__], name))})


class __array_namespace_info__(np.__array_namespace_info__):  # type: ignore[misc]  # final in the stubs only
    """The standard's information about a namespace; the default dtype is that of :func:`set_default_dtype`."""

    def default_dtypes(self, *, device: Any = None) -> Any:
        dtype = get_default_dtype()
        defaults = super().default_dtypes(device=device)
        return {**defaults, "real floating": dtype, "complex floating": np.result_type(dtype, np.complex64)}


# ------------------------------------------------------------------------------------------------ new tensors


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """`obj` as a Tensor: a copy only if the dtype changes, or with ``copy=True``; gradients flow through."""
    check_device("device", device)
    if copy is False and isinstance(obj, Tensor) and dtype is not None and obj.dtype != dtype:
        raise ValueError(f"asarray: a tensor of {obj.dtype} cannot become {np.dtype(dtype)} with copy=False")
    array = _TABLE["asarray"](obj, dtype, copy=copy)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"asarray: expected numbers or booleans, got {array.dtype}")
    return as_tensor(array)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    return as_tensor(np.zeros(shape, dtype or get_default_dtype()), device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    return as_tensor(np.ones(shape, dtype or get_default_dtype()), device=device)


empty = zeros


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    dtype = get_default_dtype() if dtype is None and type(fill_value) is float else dtype
    return asarray(np.broadcast_to(fill_value, shape), dtype=dtype, device=device, copy=True)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    return as_tensor(np.eye(n_rows, n_cols, k, dtype or get_default_dtype()), device=device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    return creation.arange(start, stop, step, dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True,
) -> Tensor:
    dtype = dtype or np.result_type(get_default_dtype(), start, stop)
    return asarray(_TABLE["linspace"](start, stop, num, endpoint, dtype=dtype), device=device)


def _frequencies(of: Any) -> Any:
    def frequencies(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
        return as_tensor(of(n, d).astype(dtype or get_default_dtype()), device=device)

    return frequencies


def _extension(module: Any, name: str) -> SimpleNamespace:
    return SimpleNamespace(**{key: _standard(f"{name}.{key}", value) for key, value in vars(module).items()})


linalg, fft = _extension(_linalg, "linalg"), _extension(_fft, "fft")
fft.fftfreq, fft.rfftfreq = _frequencies(np.fft.fftfreq), _frequencies(np.fft.rfftfreq)

# ------------------------------------------------------------------------- where NumPy's functions lack parameters


def finfo(type: Any, /) -> Any:
    return np.finfo(type.dtype if isinstance(type, (Tensor, np.ndarray)) else type)


def iinfo(type: Any, /) -> Any:
    return np.iinfo(type.dtype if isinstance(type, (Tensor, np.ndarray)) else type)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    ends = {"prepend": prepend, "append": append}
    return _TABLE["diff"](x, n, axis, **{name: end for name, end in ends.items() if end is not None})


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    y = _TABLE["sort"](x, axis, stable=stable)
    return np.flip(y, axis) if descending else y


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if not descending:
        return _TABLE["argsort"](x, axis, stable=stable)
    order = np.flip(_TABLE["argsort"](np.flip(x, axis), axis, stable=stable), axis)  # equal entries keep their order
    return x.shape[axis] - 1 - order
