"""The namespace of the Python array API standard (https://data-apis.org/array-api): ``x.__array_namespace__()``.

NumPy's functions have the standard's names and parameters, and so do their rows; this module looks them up. Functions
that create arrays are defined here, and return Tensors.

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

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import fft as _fft
from . import linalg as linalg
from .base.listing import public_names
from .engine.value import wrap
from .table import ROWS as _ROWS
from .table import TABLE as _TABLE
from .table.status import OF_SHAPE as _OF_SHAPE
from .table.status import public_name
from .tensor import Tensor, creation
from .tensor.creation import from_dlpack as from_dlpack
from .tensor.creation import get_default_dtype
from .tensor.torch_names import check_device

__array_api_version__ = "2024.12"
newaxis = None


def __getattr__(name: str) -> Any:
    """NumPy's object of this name, or its row: a function, a dtype, a constant."""
    found = getattr(np, name, None) if name in np.__all__ else None
    is_dtype = isinstance(found, type) and issubclass(found, np.generic)
    if is_dtype or isinstance(found, float) or found is np.isdtype or found is np.broadcast_shapes:
        return found
    if callable(found) and found in _ROWS:
        return _ROWS[found]
    if callable(found) and public_name(found) in _OF_SHAPE:
        return found
    raise AttributeError(f"the array namespace has no attribute {name!r}")


def __dir__() -> list[str]:
    here = public_names(__name__, "fft", "linalg", "from_dlpack")()
    return sorted({*here, *(name for name in np.__all__ if hasattr(sys.modules[__name__], name))})


class __array_namespace_info__(np.__array_namespace_info__):  # type: ignore[misc]  # final in the stubs only
    """The standard's information about a namespace; the default dtype is that of :func:`set_default_dtype`."""

    def default_dtypes(self, *, device: Any = None) -> Any:
        dtype = get_default_dtype()
        made = super().default_dtypes(device=device)
        return {**made, "real floating": dtype, "complex floating": np.result_type(dtype, np.complex64)}


# ------------------------------------------------------------------------------------------------ new tensors


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """`obj` as a Tensor: a copy only if the dtype changes, or with ``copy=True``; gradients flow through."""
    check_device("device", device)
    if isinstance(obj, Tensor):
        if copy is False and dtype is not None and obj.dtype != dtype:
            raise ValueError(f"asarray: a tensor of {obj.dtype} cannot become {np.dtype(dtype)} with copy=False")
        return _TABLE["asarray"](obj, dtype, copy=copy)
    made = _TABLE["asarray"](obj, dtype, copy=copy)
    if made.dtype.kind not in "biufc":
        raise TypeError(f"asarray: expected numbers or booleans, got {made.dtype}")
    return made if isinstance(made, Tensor) else wrap(made, None)


def _made(array: Any, device: Any) -> Tensor:
    check_device("device", device)
    return wrap(array, None)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    return _made(np.zeros(shape, dtype or get_default_dtype()), device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    return _made(np.ones(shape, dtype or get_default_dtype()), device)


empty = zeros


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    dtype = get_default_dtype() if dtype is None and type(fill_value) is float else dtype
    return asarray(np.broadcast_to(fill_value, shape), dtype=dtype, device=device, copy=True)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    return _made(np.eye(n_rows, n_cols, k, dtype or get_default_dtype()), device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    return creation.arange(start, stop, step, dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True,
) -> Tensor:
    dtype = dtype or np.result_type(get_default_dtype(), start, stop)
    return asarray(_TABLE["linspace"](start, stop, num, endpoint, dtype=dtype), device=device)


def _frequencies(of: Any) -> Any:
    def frequencies(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
        return _made(of(n, d).astype(dtype or get_default_dtype()), device)

    return frequencies


fft = SimpleNamespace(**vars(_fft))
fft.fftfreq, fft.rfftfreq = _frequencies(np.fft.fftfreq), _frequencies(np.fft.rfftfreq)

# ------------------------------------------------------------------------- where NumPy's functions lack parameters


def finfo(type: Any, /) -> Any:
    return np.finfo(type.dtype if isinstance(type, (Tensor, np.ndarray)) else type)


def iinfo(type: Any, /) -> Any:
    return np.iinfo(type.dtype if isinstance(type, (Tensor, np.ndarray)) else type)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    y = _TABLE["sort"](x, axis, stable=stable)
    return np.flip(y, axis) if descending else y


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if not descending:
        return _TABLE["argsort"](x, axis, stable=stable)
    order = np.flip(_TABLE["argsort"](np.flip(x, axis), axis, stable=stable), axis)  # equal entries keep their order
    return x.shape[axis] - 1 - order
