"""What rows share: operands, axes, and the way from the result of a reduction back to its argument."""

from __future__ import annotations

import math
from operator import index as as_int
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..base.tree import too_deep

# ---------------------------------------------------------------------------------------------------- operands


def is_tensor(a: Any) -> bool:
    """Whether rows called with `a` dispatch: it is a Tensor. (Rules never import that class.)"""
    return hasattr(type(a), "__autograd_apply__")


def has_tensor(a: Any) -> bool:
    """Whether `a` is a Tensor, or a list or tuple with one in it."""
    try:
        return any(map(has_tensor, a)) if isinstance(a, (list, tuple)) else is_tensor(a)
    except RecursionError:
        raise too_deep(a) from None


def raw(a: Any) -> Any:
    """The array of a Tensor, and anything else as it is: for checks of values, of which nothing is recorded."""
    return a.__autograd_array__ if is_tensor(a) else a


def operand(a: Any, dtype: Any = None, out: Any = None) -> Any:
    """`a` as an array or a Tensor, in the dtype that the user asked for. A list with Tensors in it is stacked."""
    if out is not None:
        refuse_out(out)
    x = a if hasattr(a, "dtype") else np.stack([operand(part) for part in a]) if has_tensor(a) else np.asarray(a)
    if type(dtype) is bool:
        raise TypeError(f"dtype={dtype}: NumPy has dtype= where PyTorch has keepdim; write keepdims={dtype} by name")
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def floating(a: Any) -> Any:
    """`a` as an array or a Tensor of floating point or complex numbers."""
    x = operand(a)
    return x if x.dtype.kind in "fc" else x.astype(float)


def refuse_out(out, name=""):
    """Raise if there is an ``out=`` (of a ufunc it is a tuple)."""
    if out is not None and not (isinstance(out, tuple) and all(part is None for part in out)):
        of = f"{name} of a tensor: " if name else ""
        if type(out) is bool:
            raise TypeError(f"{of}out={out}: NumPy has out= where PyTorch has keepdim; write keepdims={out} by name")
        raise TypeError(f"{of}out= writes into an array, which a graph cannot follow; omit it and use the result")


def ints(n: Any) -> tuple[int, ...]:
    """One integer or several, as a tuple: a shape, axes, shifts."""
    if type(n) is int:
        return (n,)
    return tuple(map(as_int, n)) if type(n) in (tuple, list) or np.ndim(n) else (as_int(n),)


# -------------------------------------------------------------------------------------------------------- axes


def resolve(axis: Any, ndim: int) -> Any:
    """`axis` in canonical form: None, an int that is not negative, or a tuple. A list is PyTorch's for a tuple."""
    if axis is None:
        return None
    if isinstance(axis, (tuple, list)):
        return normalize_axis_tuple(axis, ndim)
    if type(axis) is bool:
        raise TypeError(f"axis={axis}: expected an integer; write PyTorch's unbiased= or keepdim= by name")
    axis = as_int(axis)
    if ndim == 0 and axis in (0, -1):
        return None  # as NumPy allows
    return normalize_axis_index(axis, ndim)


def reduced(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a resolved `axis` stands for, as a tuple."""
    return tuple(range(ndim)) if axis is None else axis if type(axis) is tuple else (axis,)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries go into each result."""
    return shape[axis] if type(axis) is int else math.prod(shape[k] for k in reduced(axis, len(shape)))


def kept_shape(shape, axes):
    """`shape` with 1 for each of `axes`: that of a result with ``keepdims=True``."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def repeated_number(g, shape):
    """One number in every entry, a view: `broadcast_to` at a tenth of its cost."""
    d = np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))
    d.setflags(write=False)
    return d


def spread(g, axis, keepdims, x_shape):
    """The cotangent of a reduction broadcast along the reduced axes: a view with the argument's shape."""
    if axis is None and not keepdims and isinstance(g, (np.ndarray, np.generic)):
        return repeated_number(g, x_shape)
    if axis is not None and not keepdims:
        g = g.reshape(kept_shape(x_shape, reduced(axis, len(x_shape))))
    return np.broadcast_to(g, x_shape)


def along_axes(book):
    """The `textbook=` of a reduction.

    `book` makes it from the texts of ``g`` and ``y``, with the reduced axes kept, of ``n - ddof``, what n stands for,
    the number of entries that are reduced to one, and further parameters of the row.
    """

    def textbook(x, axis, keepdims, ddof=0, **params):
        axes = reduced(axis, len(x.shape))
        is_same = keepdims or len(axes) == len(x.shape)
        g, y = (word if is_same else f"reshape({word}, {kept_shape(x.shape, axes)})" for word in "gy")
        size = count(x.shape, axis)
        n, where = (f"(n - {ddof})" if ddof else "n", {"n": str(size)}) if size > 1 else (str(size - ddof), {})
        return book(g, y, n, where, **params)

    return textbook
