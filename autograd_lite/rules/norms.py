"""Norms of vectors and matrices.

One row is every vector norm that is a sum of powers; the others (a sum or a maximum of absolute values, functions of
singular values) are composed. At the zero vector a norm has no derivative, and the gradient is 0 by choice; so it is
for an entry 0 at which the power has a kink. Ties share the gradient, as in `max`.

Source: K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook" (2012), sections 2.7 and 10.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..table import Textbook, around, at, composite, general, notation
from ..table.batching import axes
from ._arrays import along_axes, floating, operand

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]


def _power_norm(x, p, axis, keepdims):
    if p == 2 and len(axis) == x.ndim:
        return np.linalg.norm(x, None, None, keepdims)  # one dot product
    return np.linalg.vector_norm(x, axis=axis, ord=p, keepdims=keepdims)


def _power_norm_rule(g, y, x, p, axis, keepdims):
    if not keepdims and len(axis) < x.ndim:
        g, y = np.expand_dims(g, axis), np.expand_dims(y, axis)
    zero = y == 0
    y = np.where(zero, 1, y)
    if p == 2:
        return x * np.where(zero, 0, g / y)
    size = np.abs(x)
    flat = (size == 0) | zero
    size = np.where(flat, 1, size)
    return g * np.where(flat, 0, np.sign(x) * (size / y) ** (p - 1))


@along_axes
def _norm_textbook(g, y, n, where, p):
    """The gradient ``x / ‖x‖``, and for other orders ``sign(x) (|x| / ‖x‖)ᵖ⁻¹``."""
    slopes = (f"{g} * x / {y}", f"{g} * quotient(x, {y})")
    return Textbook(x=slopes if p == 2 else f"{g} * sign(x) * (absolute(x) / {y}) ** {p - 1}", kink="slope 0 at 0")


def _norm_onnx(b, x, p, axis, keepdims):
    if p in (1, 2):
        return b(f"ReduceL{int(p)}", x, b.ints(axis), keepdims=int(keepdims))
    powers = b("Pow", b("Abs", x), b.constant(p, x.dtype))
    return b("Pow", b("ReduceSum", powers, b.ints(axis), keepdims=int(keepdims)), b.constant(1 / p, x.dtype))


def _power_norm_arguments(x, p=2, axis=None, keepdims=False):
    axis = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    return (x,), {"p": p, "axis": axis, "keepdims": keepdims}


power_norm = general(
    _power_norm, _power_norm_rule, name="power_norm", np_name="np.linalg.vector_norm",
    bind=_power_norm_arguments, holomorphic=False, idiom=("root",),
    tex=r"\lVert {x} \rVert", text="‖{x}‖", algebra="norm", textbook=_norm_textbook,
    examples=(
        "±2x3 p=3 axis=0,; ±2x3 p=2 axis=0,1; ±2x3 p=2 axis=1, keepdims=True; ±2x3x2 p=0.5 axis=0,2; "
        "±[3] p=-1 axis=0,"
    ),
    batch=axes("axis"), onnx=_norm_onnx,
    js=lambda x, p, axis, keepdims: (
        np.sqrt(np.sum(x * x, axis, keepdims=keepdims)) if p == 2
        else np.sum(np.abs(x) ** p, axis, keepdims=keepdims) ** (1 / p)
    ),
)


def _vector(x, p, axis, keepdims):
    if p is None:
        p = 2
    if isinstance(p, str):
        raise ValueError(f"norm: ord={p!r} is a matrix norm: give two axes, or a number for ord")
    if p == 0:
        return np.sum((x != 0).astype(np.finfo(x.dtype).dtype), axis=axis, keepdims=keepdims)  # flat
    if p == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if abs(p) == np.inf:
        return _extreme(np.abs(x), p, axis, keepdims)
    return power_norm(x, p=p, axis=axis, keepdims=keepdims)


def _extreme(size, p, axis, keepdims):
    if p < 0:
        return np.min(size, axis=axis, keepdims=keepdims)
    return (np.max(size, axis=axis, keepdims=keepdims) if size.size else np.sum(size, axis=axis, keepdims=keepdims))


def _matrix(x, p, axis, keepdims):
    rows, columns = axis
    if rows == columns:
        raise ValueError(f"norm: axis={axis} names one axis twice; expected two axes")
    if p in (None, "fro", "f"):
        return power_norm(x, p=2, axis=axis, keepdims=keepdims)
    if p == "nuc" or p in (2, -2):
        s = np.abs(np.linalg.svdvals(np.moveaxis(x, axis, (-2, -1))))  # abs: flat where a singular value is 0
        y = np.sum(s, axis=-1) if p == "nuc" else _extreme(s, p, -1, False)
        return np.expand_dims(y, axis) if keepdims else y
    if p in (1, -1, np.inf, -np.inf):
        first, second = (rows, columns) if abs(p) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=first, keepdims=True)
        y = _extreme(sums, p, second, True)
        return y if keepdims else np.squeeze(y, axis)
    raise ValueError(f"norm: ord={p!r} is not a matrix norm; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")


notation("nuclear", "‖{x1}‖_*", r"\lVert {x1} \rVert_*", lambda x: np.linalg.norm(x, "nuc"))
notation("spectral", "‖{x1}‖₂", r"\lVert {x1} \rVert_2", lambda x: np.linalg.norm(x, 2))
_OF_SINGULAR_VALUES = {
    "nuc": Textbook("nuclear(x)", where={"U": "left(x)", "V": "right(x)"}, x="g * (U @ V.T)"),
    2: Textbook("spectral(x)", where={"u": "left1(x)", "v": "right1(x)"}, x="g * outer(u, v)"),
}


def _matrix_textbook(x, ord, axis, keepdims):
    return _OF_SINGULAR_VALUES.get(ord) if axis is None and not keepdims and len(x.shape) == 2 else None


@composite(
    np.linalg.norm, textbook=_matrix_textbook,
    examples=(
        "±2x3; ±[3] ord=1; ±[3] ord=inf; ±2x3 ord=-inf axis=0; ±2x3 ord=nuc; ±3x2 ord=2; ±2x2 ord=-2; "
        "±2x3 ord=1 keepdims=True; ±2x3 ord=-1; ±2x3 ord=inf; ±4x2x3 ord=fro axis=2,0; "
        "±2x3x2 ord=nuc axis=2,0 keepdims=True"
    ),
)
def norm(x, ord=None, axis=None, keepdims=False):
    """A norm of vectors (one axis) or of matrices (two axes), or the root of the sum of all squares."""
    x = floating(x)
    everything = tuple(range(x.ndim))
    if axis is None and ord is None:
        return power_norm(x, p=2, axis=everything, keepdims=keepdims)
    axis = everything if axis is None else normalize_axis_tuple(axis, x.ndim)
    if len(axis) == 1:
        return _vector(x, ord, axis, keepdims)
    if len(axis) == 2:
        return _matrix(x, ord, axis, keepdims)
    raise ValueError(f"norm: expected one axis or two, got {len(axis)}; vector_norm takes any number")


@composite(
    np.linalg.vector_norm,
    examples="±2x3; ±2x3 axis=1 ord=1; ±2x3x2 axis=0,2 ord=3 keepdims=True; ±2x3 ord=inf",
)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """A norm of the vectors along the given axes, by default all of them."""
    x = floating(x)
    return _vector(x, ord, tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim), keepdims)


@composite(
    np.linalg.matrix_norm,
    examples="±2x3; ±2x2x3 ord=nuc; ±2x2x3 ord=1 keepdims=True",
)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """A norm of the matrices in the last two axes."""
    x = floating(x)
    return _matrix(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


def _square(*shape, **params):
    return at(around(3 * np.diag(np.arange(1, 1 + shape[-1])), *shape), **params)


@composite(
    np.linalg.cond,
    examples=[_square(3, 3), _square(2, 3, 3, p=-2), _square(3, 3, p=1), _square(3, 3, p="fro"), "±3x2 p=2"],
)
def cond(x, p=None):
    """The condition number: the norm of a matrix times that of its inverse."""
    x = operand(x)
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("linalg.cond: an empty matrix has no condition number")
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))
