"""NumPy's namespace; recorded values go to the rows of the table."""

from functools import wraps as _wraps
from typing import Any as _Any

import numpy as _numpy

from .... import c_ as _c_
from .... import r_ as _r_
from ....base.tree import leaves as _leaves
from ....table import ROWS as _ROWS
from ....table import TABLE as _TABLE
from .._namespace import dispatched as _dispatched
from .._namespace import namespace as _namespace
from . import fft as fft
from . import linalg as linalg
from . import numpy_boxes as numpy_boxes
from . import numpy_vjps as numpy_vjps
from . import random as random

__getattr__ = _namespace(_numpy)
__version__ = _numpy.__version__

r_, c_ = _r_, _c_


def asarray(a: _Any, dtype: _Any = None, **params: _Any) -> _Any:
    """An array, or the recorded value itself."""
    return array(a, **params, **({} if dtype is None else {"dtype": dtype}))


def where(condition: _Any, *args: _Any, **params: _Any) -> _Any:
    """`numpy.where`, also with ``x=`` and ``y=``; returns Python's numbers and lists where it gets only those."""
    choices = *args, *(params[name] for name in ("x", "y") if name in params)
    chosen = _where(condition, *choices)
    plain = choices and not any(hasattr(x, "dtype") for x in _leaves((condition, *choices)))
    return chosen.tolist() if plain else chosen


def make_diagonal(D: _Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> _Any:
    """Matrices with the entries of the last axis of `D` on their diagonals, for ``axis1=-1, axis2=-2``."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal: only offset=0, axis1=-1, axis2=-2")
    return D[..., None] * _numpy.eye(_numpy.shape(D)[-1])


def _of_iterable(name: str) -> _Any:
    """A function that joins arrays, which HIPS also calls with a generator."""
    join = _dispatched(getattr(_numpy, name), _TABLE[name])
    return _wraps(join)(lambda arrays, *args, **params: join(list(arrays), *args, **params))


concatenate, stack, column_stack = map(_of_iterable, ("concatenate", "stack", "column_stack"))
hstack, vstack = map(_of_iterable, ("hstack", "vstack"))
row_stack = vstack
_where = _dispatched(_numpy.where, _ROWS[_numpy.where])
array = _dispatched(_numpy.array, _TABLE["array"])
