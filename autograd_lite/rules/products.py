"""Products of vectors, matrices and arrays of any rank.

A product is linear in each of its factors, so every row here is *bilinear*. In forward mode it is the product itself,
with a factor replaced by its tangent. The rule for a factor is again a product, of the cotangent with the others.

Sources: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), section 2.2; K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook"
(2012).
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..table import Textbook, bilinear, composite, notation
from ..table.batching import padded, stacked
from ._arrays import operand, refuse_out

__all__ = [
    "cross", "dot", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "vdot", "vecdot", "vecmat",
]


def conj(x):
    """The complex conjugate; a real array itself, without a copy."""
    return np.conj(x) if x.dtype.kind == "c" else x

# ----------------------------------------------------------------------------------------------- two matrices


def _matmul(x1, x2):
    try:
        n1, n2 = x1.ndim, x2.ndim
    except AttributeError:  # a Python number, for which NumPy raises
        return np.matmul(x1, x2)
    if n1 == 2 == n2:
        return x1.dot(x2)  # the same product at a third of matmul's overhead, a quarter of its time for outer products
    if n2 == 2 and n1 > 2:  # a stack times one matrix is one large product, not many small ones
        return as_matrix(x1).dot(x2).reshape(*x1.shape[:-1], x2.shape[1])
    return np.matmul(x1, x2)


def as_matrix(x):
    """A stack of vectors, or of matrices, as one matrix of all their rows."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def _matmul_1(g, x2):
    if x2.ndim == 2 == g.ndim:
        return g.dot(x2.T)
    if x2.ndim == 1:
        return _outer(g, x2)
    if x2.ndim == 2 and g.ndim == 1:  # x1 was a vector, here and two lines below
        return x2.dot(g)
    if g.ndim == x2.ndim - 1:
        return (x2 @ g[..., None])[..., 0]
    return matmul(g, x2.mT)


def _matmul_2(g, x1, x2_shape):
    if x1.ndim == 2 == g.ndim:
        return x1.T.dot(g)
    if x1.ndim == 1:
        return _outer(x1, g) if g.ndim < 2 else x1[:, None] * g[..., None, :]
    if len(x2_shape) == 1 and x1.ndim == 2:
        return g @ x1
    if len(x2_shape) == 1:
        return (x1.mT @ g[..., None])[..., 0]
    if len(x2_shape) == 2:  # summed over the stack in the product itself
        return as_matrix(x1).T.dot(as_matrix(g))
    return x1.mT @ g


def _outer(x1, x2):
    """Every entry of `x1` times the vector `x2`, or `x1` times the number `x2`."""
    if x1.ndim == 1 == x2.ndim:
        return x1[:, None].dot(x2[None, :])  # half the time of a broadcast product
    return x1[..., None] * x2 if x2.ndim else x1 * x2


def product(x1, x2, on1: bool, on2: bool):
    """``x1 @ x2`` for all examples; `on1`, `on2`: which of the two has the batch axis, in front."""
    n1, n2 = x1.ndim - on1, x2.ndim - on2
    if n1 == 2 and n2 == 1 and not on1:
        return x2 @ x1.T  # one matrix times many vectors
    if n1 == 1 == n2 and not on1:
        return x2 @ x1
    if not on2 and n2 <= 2 or not on1 and not on2:
        return x1 @ x2
    rows, columns = x1 if n1 > 1 else x1[..., None, :], x2 if n2 > 1 else x2[..., None]
    most = max(rows.ndim - on1, columns.ndim - on2)
    rows, columns = padded(rows, on1, most), padded(columns, on2, most)
    y = rows * columns if rows.shape[-1] == 1 else rows @ columns
    y = y if n1 > 1 else y[..., 0, :]
    return y if n2 > 1 else y[..., 0]


def _matmul_lower(x1, x2):
    """For matrices and vectors `dot` is the same, with a third of the overhead."""
    if x1.ndim <= 2 and x2.ndim <= 2:
        return np.dot(x1, x2)
    if x2.ndim == 2:
        return np.dot(as_matrix(x1), x2).reshape(*x1.shape[:-1], x2.shape[1])
    return NotImplemented


def _letters(n1, n2):
    """The subscripts of a product of matrices, stacks of them, or vectors."""
    i, k = "i" * (n1 > 1), "k" * (n2 > 1)
    return f"{'...' * bool(i)}{i}j,{'...' * bool(k)}j{k}->...{i}{k}"


_PAIRS = ("2x3 3x4; [3] [3]; 2x3 [3]; [3] 3x2; 2x2x3 [3]",)
matmul = bilinear(
    _matmul, _matmul_1, _matmul_2, of=np.matmul, tex=r"{x1}\,{x2}",
    examples=[
        *_PAIRS, "[3] 2x3x4; 4x2x3 3x2; 2x3 4x3x2; 2x1x2x3 3x3x2; 0x3 3x2; 2x0 0x3",
    ],
    infix="{x1} @ {x2}", algebra="matrix product", js="matmul({x1}, {x2})",
    batch=lambda b: product(*b.xs, *b.on), out="np.matmul({x1}, {x2}, out={out})", definition=_matmul_lower,
    onnx="MatMul", subscripts=_letters,
)


def _dot_bind(a, b, out=None):
    refuse_out(out)
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        return np.outer(a, b).reshape(a.shape + b.shape)  # a Python number counts as an array
    return np.tensordot(a, b, (-1, -2)) if b.ndim > 2 else ((a, b), {})


dot = bilinear(
    np.dot, _matmul_1, _matmul_2, bind=_dot_bind, tex=r"{x1} \cdot {x2}",
    examples=[*_PAIRS, "[0] [0]"],
    # the method is faster than the function
    algebra="dot product", emit="{x1}.dot({x2})", out="{x1}.dot({x2}, out={out})",
    batch=lambda b: product(*b.xs, *b.on), subscripts=_letters,
)


@composite(np.vdot, examples="[3] [3]; 2x3 2x3; [] []")
def vdot(a, b, /):
    """The product of both flattened, the first conjugated."""
    return np.dot(conj(np.ravel(operand(a))), np.ravel(operand(b)))


@composite(np.inner, examples="[3] [3]; 2x3 4x3; [] 2x3; [2] []")
def inner(a, b, /):
    """The sum over the last axes of both."""
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        return np.dot(a, b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"inner: the last sizes of the shapes {a.shape} and {b.shape} must be equal")
    return np.dot(a, b.mT if b.ndim > 1 else b)


def _outer_bind(a, b, out=None):
    refuse_out(out)
    return (operand(a), operand(b)), {}


def _batched_outer(b):
    x1, x2 = (x.reshape(b.size, prod(x.shape[1:])) if on else np.ravel(x) for x, on in zip(b.xs, b.on, strict=True))
    return x1[..., :, None] * x2[..., None, :]


outer = bilinear(
    np.outer, lambda g, x2, x1_shape: np.dot(g, np.ravel(x2)).reshape(x1_shape),
    lambda g, x1, x2_shape: np.dot(np.ravel(x1), g).reshape(x2_shape),
    bind=_outer_bind, tex=r"{x1}\,{x2}^\top",
    examples="[2] [3]; 2x2 2x3; [] [3]; [0] [2]",
    text="{x1} @ {x2}ᵀ", algebra="outer product", batch=_batched_outer,
    subscripts=lambda n1, n2: f"{'abcdefgh'[:n1]},{'ijklmnop'[:n2]}->{'abcdefgh'[:n1]}{'ijklmnop'[:n2]}",
)

# ------------------------------------------------------------------------------------------ stacks of vectors


def _vecdot_bind(x1, x2, /, *, axis=-1):
    if axis != -1:
        x1, x2 = np.moveaxis(operand(x1), axis, -1), np.moveaxis(operand(x2), axis, -1)
    return (x1, x2), {}


vecdot = bilinear(
    np.vecdot, lambda g, x2: conj(g)[..., None] * x2, lambda g, x1: g[..., None] * x1,
    bind=_vecdot_bind,
    holomorphic=False,  # the first factor is conjugated
    examples="[3] [3]; 2x3 4x1x3; 3x2 3x2 axis=0", batch=stacked(1, 1),
    subscripts=lambda n1, n2: "...i,...i->...",
)

matvec = bilinear(
    np.matvec, lambda g, x2: g[..., None] * x2[..., None, :], lambda g, x1: np.matvec(x1.mT, g),
    examples="2x3 [3]; 4x2x3 [3]; 2x3 5x1x3", batch=stacked(2, 1),
    text="{x1} @ {x2}", tex=r"{x1}\,{x2}", subscripts=lambda n1, n2: "...ij,...j->...i",
)
vecmat = bilinear(
    np.vecmat, lambda g, x2: np.matvec(x2, conj(g)), lambda g, x1: x1[..., None] * g[..., None, :],
    holomorphic=False,  # the vector is conjugated
    examples="[3] 3x2; [3] 4x3x2; 5x1x3 3x2", batch=stacked(1, 2),
    text="{x1} @ {x2}", tex=r"{x1}\,{x2}", subscripts=lambda n1, n2: "...i,...ij->...j",
)

# --------------------------------------------------------------------------------------------------- any rank


@composite(
    np.tensordot,
    examples=(
        "2x3x4 3x4x2; 2x3x4 4x5x2 axes=[0,-1],[2,0]; 3x2 4x3 axes=0,1; [3] [2] axes=0; 2x0 0x3 axes=1; "
        "2x2x3 4x3x2 axes=-1,-2; [3] 2x3x2 axes=0,1"
    ),
)
def tensordot(a, b, axes=2):
    """The sum over axes of both: a product of matrices, of all other axes by these and of these by all other axes."""
    a, b = operand(a), operand(b)
    try:
        axes_a, axes_b = axes
    except TypeError:
        axes_a, axes_b = range(a.ndim - axes, a.ndim), range(axes)
    first, second = normalize_axis_tuple(axes_a, a.ndim), normalize_axis_tuple(axes_b, b.ndim)
    sizes = [a.shape[k] for k in first], [b.shape[k] for k in second]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"tensordot: the axes {first} of shape {a.shape} have sizes {sizes[0]}, the axes {second} of shape "
            f"{b.shape} have {sizes[1]}; expected equal sizes"
        )
    rows = [k for k in range(a.ndim) if k not in first]
    columns = [k for k in range(b.ndim) if k not in second]
    before, after, inner = [a.shape[k] for k in rows], [b.shape[k] for k in columns], prod(sizes[0])
    x1 = np.transpose(a, (*rows, *first)).reshape(prod(before), inner)
    x2 = np.transpose(b, (*second, *columns)).reshape(inner, prod(after))
    return (x1 @ x2).reshape((*before, *after))


@composite(
    np.kron,
    examples="2x3 3x2; [2] 2x3; [] [2]; 2x1x2 [3]",
)
def kron(a, b):
    """Each entry of `a` times all of `b`."""
    a, b = operand(a), operand(b)
    n = a.ndim - b.ndim
    a_shape, b_shape = (1,) * -n + a.shape, (1,) * n + b.shape
    a = np.reshape(a, [size for n in a_shape for size in (n, 1)])
    b = np.reshape(b, [size for n in b_shape for size in (1, n)])
    return np.reshape(a * b, [m * n for m, n in zip(a_shape, b_shape, strict=True)])


_cross: Any = bilinear(  # g . (x1 x x2) = x1 . (x2 x g) = x2 . (g x x1)
    lambda x1, x2: np.cross(x1, x2), lambda g, x2: _cross(x2, g), lambda g, x1: _cross(g, x1), name="cross3",
    np_name="np.cross", tex=r"{x1} \times {x2}", text="{x1} × {x2}",
    examples="[3] [3]; 2x3 4x1x3", batch=stacked(1, 1),
)


@composite(
    np.cross,
    examples="[3] [3]; 2x3 [3]; 3x2 3x2 axis=0; 3x4 4x3 axisa=0 axisc=0",
)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The vector product of vectors with three entries. (NumPy 2.5 has no vectors with two here any more.)"""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(operand(a), axisa, -1), np.moveaxis(operand(b), axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if sizes != (3, 3):
        raise ValueError(
            f"cross: expected vectors of 3 entries, got {sizes[0]} and {sizes[1]} (axes {axisa} and {axisb}); in the "
            "plane write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]"
        )
    y = _cross(a, b)
    return np.moveaxis(y, -1, axisc) if axisc != -1 else y


notation("identity", "I", "I", lambda x: np.eye(len(x)))


def _trace_textbook(a, offset, axis1, axis2, **other):
    plain = (len(a.shape), offset, axis1, axis2) == (2, 0, 0, 1) and a.shape[0] == a.shape[1]
    return Textbook("trace(a)", a="g * identity(a)") if plain else None


@composite(
    np.trace, textbook=_trace_textbook, text="tr({x})", tex=r"\operatorname{{tr}}({x})",
    examples="3x3; 2x3x4; offset=1; 2x3x4 offset=-1 axis1=2 axis2=0",
)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """The sum of a diagonal."""
    refuse_out(out)
    return np.sum(np.diagonal(operand(a), offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(
    np.linalg.multi_dot,
    examples="2x3,3x4; 2x3,3x4,4x2; 1x3,3x4,4x2,2x1; [3],3x4; 2x3,[3]; 2x0,0x3,3x2; [0],0x3",
)
def multi_dot(arrays, *, out=None):
    """A product of matrices, in the order that takes the fewest multiplications; a vector may stand at each end."""
    refuse_out(out)
    xs = [operand(x) for x in arrays]
    if len(xs) == 2:  # as in NumPy, of any rank
        return np.dot(*xs)
    row, column = xs[0].ndim == 1, xs[-1].ndim == 1
    sizes = 1 if row else xs[0].shape[0], *(x.shape[0] for x in xs[1:]), 1 if column else xs[-1].shape[-1]
    return _chain(xs, sizes)


def _chain(xs, sizes):
    """The product of matrices of these sizes."""
    k = _fewest(sizes)[1]
    return _chain(xs[:k], sizes[: k + 1]) @ _chain(xs[k:], sizes[k:]) if k else xs[0]


@lru_cache(maxsize=1024)
def _fewest(sizes):
    """The number of multiplications in a product of matrices of these sizes, and how many are in its left half."""
    ways = range(1, len(sizes) - 1)
    return min(
        ((_fewest(sizes[: k + 1])[0] + _fewest(sizes[k:])[0] + sizes[0] * sizes[k] * sizes[-1], k) for k in ways),
        default=(0, 0),
    )
