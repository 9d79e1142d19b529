"""NumPy's namespace; recorded values go to the rows of the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy

from ... import c_ as c_, r_ as r_
from ...base.tree import leaves
from ...table import TABLE
from ._modules import namespace, public_names, submodule
from .core import defvjp, notrace_primitive, primitive

__getattr__ = namespace(numpy)
broadcast_to = __getattr__("broadcast_to")
__version__ = numpy.__version__


class _Integer(type):
    """The type of an integer type that takes recorded values too; else it is the same as that of NumPy."""

    base: Any

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.base)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.base)


def _integer(base: Any) -> Any:
    return _Integer(base.__name__, (base,), {"__new__": notrace_primitive(base.__new__), "base": base})


int8, int16, int32, int64 = map(_integer, (numpy.int8, numpy.int16, numpy.int32, numpy.int64))


def _of_iterable(name: str) -> Any:
    """A function that joins arrays, which HIPS also calls with a generator."""
    join = primitive(getattr(numpy, name), TABLE[name])
    return wraps(join)(lambda arrays, *args, **params: join(list(arrays), *args, **params))


concatenate, stack, column_stack = map(_of_iterable, ("concatenate", "stack", "column_stack"))
hstack, vstack = map(_of_iterable, ("hstack", "vstack"))
row_stack = vstack
array, asarray = (primitive(getattr(numpy, name), TABLE[name]) for name in ("array", "asarray"))
full = primitive(
    numpy.full, lambda shape, fill_value, dtype=None, order="C": broadcast_to(array(fill_value, dtype), shape)
)
_where = primitive(numpy.where, TABLE["where"])


def where(condition: Any, *args: Any, **params: Any) -> Any:
    """`numpy.where`, also with ``x=`` and ``y=``; returns Python's numbers and lists where it gets only those."""
    choices = *args, *(params[name] for name in ("x", "y") if name in params)
    chosen = _where(condition, *choices)
    plain = choices and not any(hasattr(x, "dtype") for x in leaves((condition, *choices)))
    return chosen.tolist() if plain else chosen


def make_diagonal(D: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Matrices with the entries of the last axis of `D` on their diagonals, for ``axis1=-1, axis2=-2``."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal: only offset=0, axis1=-1, axis2=-2")
    return numpy.where(numpy.eye(numpy.shape(D)[-1], dtype=bool), D[..., None], 0)


@primitive
def _symmetric(a: Any) -> Any:
    return a


defvjp(_symmetric, lambda ans, a: lambda g: (g + numpy.conj(numpy.swapaxes(g, -1, -2))) / 2)


def _cholesky(a: Any, **params: Any) -> Any:
    return TABLE["linalg.cholesky"](_symmetric(a), **params)


def unbroadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """The sum of `x` over the axes along which an array of this shape was broadcast to it."""
    extra = numpy.ndim(x) - len(shape)
    x = numpy.sum(x, axis=tuple(range(extra))) if extra > 0 else x
    axes = tuple(k for k, n in enumerate(shape) if n == 1 != numpy.shape(x)[k])
    return numpy.sum(x, axis=axes, keepdims=True) if axes else x


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The rule `f`, with its result summed to the shape of `target`, and real if that is."""
    shape, part = numpy.shape(target), numpy.positive if numpy.iscomplexobj(target) else numpy.real
    return lambda g: part(unbroadcast(f(g), shape))


submodule("numpy.linalg", numpy.linalg, SimpleNamespace(cholesky=_cholesky))
submodule("numpy.fft", numpy.fft)
submodule("numpy.random", numpy.random)
_HIPS = "fft", "linalg", "make_diagonal", "random", "row_stack"  # which NumPy has not, or has as modules
__all__ = [*public_names(numpy), *_HIPS]
