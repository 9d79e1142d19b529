"""Rearranging entries: the shape changes, the numbers do not.

Every row here is linear, and nearly every transpose is the inverse rearrangement: reshape to the old shape, permute the
axes back, roll or flip the other way. Functions that join and repeat entries are in
:mod:`~autograd_lite.rules.joining`.
"""

from math import prod
from operator import index as as_int

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..table import at, composite, linear
from ..table.batching import ALIGNED, along, axes, reshaped, shifted, stacked
from ._arrays import ints, operand, raw, repeated_number
from .indexing import into_zeros

__all__ = [
    "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "copy", "diag",
    "diagflat", "diagonal", "expand_dims", "flatten", "flip", "fliplr", "flipud", "matrix_transpose", "moveaxis",
    "ravel", "reshape", "roll", "rollaxis", "rot90", "squeeze", "swapaxes", "transpose", "tril", "triu",
]


def _layout(a, order):
    """The order as 'C' or 'F': 'A' and 'K' depend on the memory layout of `a`."""
    if order in ("C", "F"):
        return order
    flags = raw(a).flags
    if order in ("A", "K") and (flags.c_contiguous or flags.f_contiguous):
        return "C" if flags.c_contiguous else "F"
    if order == "K":
        raise TypeError("order='K' of an array that is not contiguous: use order='C' or 'F'")
    return "C" if order == "A" else order

# ------------------------------------------------------------------------------------------- the same entries


def _bind_reshape(a, /, *sizes, shape=None, order="C", copy=None):
    """``reshape(x, (2, 3))``, ``x.reshape(2, 3)``; -1 is kept, so that a traced program works for other sizes too."""
    if sizes and type(sizes[-1]) is str:
        *sizes, order = sizes  # type: ignore[assignment]  # a list does as well as a tuple
    if shape is None:
        shape = sizes[0] if len(sizes) == 1 else sizes
        if not sizes:
            raise TypeError("reshape needs a shape")
    elif sizes:
        raise TypeError("the shape was given twice")
    a = operand(a)
    params = {"shape": ints(shape), "order": _layout(a, order)}
    return (a,), params if copy is None else {**params, "copy": copy}


def _emit_reshape(xs, y, shape, order="C", **copy):
    return None if copy else "{x}.reshape({shape})" if order == "C" else "{x}.reshape({shape}, order={order})"


def _reshape_into(xs, y, shape, order="C", **copy):
    """A reshape that is not a view."""
    if order != "C":
        return "np.copyto({out}, {x}.reshape({shape}, order={order}))"
    return f"np.copyto({{out}}.reshape({xs[0].shape}), {{x}})"


def _back(g, x_shape, order):
    return g.reshape(x_shape, order=order)


def _in_layout(b):
    if b.params["order"] == "C":
        return reshaped(b)
    (x,) = b.xs
    backwards = x.transpose((0, *range(x.ndim - 1, 0, -1))).reshape(b.size, *b.shape[::-1])
    return backwards.transpose((0, *range(len(b.shape), 0, -1)))


def _reshape_onnx(b, x, shape, order="C", **copy):
    if order != "C":
        raise NotImplementedError(f"export.onnx: reshape with order={order!r}; ONNX has the order C only")
    shape = shape if isinstance(shape, tuple) else (shape,)
    return b("Reshape", x, b.shape(shape), allowzero=int(0 in shape))


reshape = linear(
    lambda x, shape, order="C", **copy: x.reshape(shape, order=order, **copy),
    _back,
    of=np.reshape, bind=_bind_reshape,
    examples=(
        "2x6 (3,-1); 2x3 (3,2) F; shape=-1 copy=True",
        lambda rng: ((np.asfortranarray(rng.normal(size=(2, 3))), 6), {"order": "A"}), "[] (1,1); 0x3 (3,0)",
    ),
    algebra="reshape", view=True, emit=_emit_reshape, out=_reshape_into, batch=_in_layout, onnx=_reshape_onnx,
)


def _ravel_onnx(b, x, order):
    return _reshape_onnx(b, x, (-1,), order)


def _bind_ravel(a, order="C"):
    a = operand(a)
    return (a,), {"order": _layout(a, order)}


_RAVELLED = (
    "2x3; order=F; []",
    lambda rng: ((np.asfortranarray(rng.normal(size=(2, 3))),), {"order": "K"}),
)
ravel = linear(
    np.ravel, _back,
    bind=_bind_ravel, algebra="flattening",
    examples=_RAVELLED, view=True, batch=_in_layout, onnx=_ravel_onnx,
)


def _bind_flatten(a, start_dim=0, end_dim=-1, order="C"):
    """NumPy's ``x.flatten(order)``, and PyTorch's ``x.flatten(start_dim, end_dim)``."""
    a = operand(a)
    start_dim, order = (0, start_dim) if isinstance(start_dim, str) else (start_dim, order)
    if a.ndim == 0 or (start_dim, end_dim) in ((0, -1), (0, a.ndim - 1)):
        return (a,), {"order": _layout(a, order)}
    start, end = normalize_axis_index(start_dim, a.ndim), normalize_axis_index(end_dim, a.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim={start_dim} comes after end_dim={end_dim} in the shape {a.shape}")
    return a.reshape((*a.shape[:start], prod(a.shape[start : end + 1]), *a.shape[end + 1 :]), order=order)


def _flatten(x, order):
    """The entries in one axis, copied; PyTorch's ``flatten(x, start_dim, end_dim)`` joins these axes alone."""
    return x.flatten(order)


flatten = linear(
    _flatten, _back, name="flatten",
    bind=_bind_flatten,
    examples=(*_RAVELLED, "2x3x4 1; 2x3x4 0 1"),
    batch=_in_layout, onnx=_ravel_onnx,
)


def _bind_squeeze(a, axis=None):
    a = operand(a)
    one = a.ndim == 0 and axis in (0, -1)  # NumPy allows these axes for a 0-d array
    return (a,), {"axis": None if one or axis is None else ints(axis)}


squeeze = linear(
    np.squeeze, lambda g, x_shape: g.reshape(x_shape),
    bind=_bind_squeeze,
    examples="1x3x1; 1x3x1 -1; 1x3x1 axis=0,2; []",
    algebra="new axis", view=True, batch=reshaped,
    onnx=lambda b, x, axis: b("Squeeze", x, *([] if axis is None else [b.ints(axis)])),
)
expand_dims = linear(
    np.expand_dims, lambda g, x_shape: g.reshape(x_shape),
    bind=lambda a, axis: ((a,), {"axis": ints(axis)}),
    examples="[3] 0; 2x3 (0,-1); [] 0",
    algebra="new axis", batch=reshaped, view=True, onnx=lambda b, x, axis: b("Unsqueeze", x, b.ints(axis)),
)


def _atleast(fn):
    def atleast(*arys):
        shapes = [(a, fn(np.broadcast_to(0, a.shape)).shape) for a in map(operand, arys)]
        lifted = tuple(a if a.shape == shape else a.reshape(shape) for a, shape in shapes)
        return lifted[0] if len(lifted) == 1 else lifted

    examples = ("[]; [3] 2x3 1x2x3",)
    return composite(fn, examples=examples)(atleast)


atleast_1d, atleast_2d, atleast_3d = map(_atleast, (np.atleast_1d, np.atleast_2d, np.atleast_3d))

copy = linear(
    np.copy, lambda g: g,
    tex="{x}", bind=lambda a, order="K": ((a,), {"order": order}),
    examples="2x3; order=F",
    algebra="identity", batch=ALIGNED, onnx="Identity",
)


def _bind_astype(x, dtype, order="K", casting="unsafe", *, copy=True, device=None):
    x, dtype = operand(x), np.dtype(dtype)
    if dtype.kind not in "biufc":
        raise TypeError(f"expected a dtype of numbers or booleans, got {dtype}")
    if casting != "unsafe" and not np.can_cast(x.dtype, dtype, casting):
        raise TypeError(f"cannot cast from {x.dtype} to {dtype} by the rule casting={casting!r}")
    return (x,), {"dtype": dtype, "order": order, "copy": copy}


astype = linear(  # the engine casts the cotangent back; an integer result has none
    lambda x, dtype, order="K", copy=True: x.astype(dtype, order=order, copy=copy), lambda g: g,
    of=np.astype, tex="{x}", text="{x}", bind=_bind_astype,
    examples=(at((2, 3), np.float64), at((2, 3), np.complex128)),
    call="{x}.astype({dtype})", algebra="cast", batch=ALIGNED, view=True,
    onnx=lambda b, x, dtype, **layout: b("Cast", x, to=b.type_of(dtype)),
)

# --------------------------------------------------------------------------------------------------- the axes


def _bind_transpose(a, *order, axes=None):
    """``transpose(x, (1, 0))``, ``x.transpose(1, 0)``, or all axes reversed."""
    a = operand(a)
    if order:
        axes = order[0] if len(order) == 1 else order
    if axes is None:
        return (a,), {"axes": None}
    axes = normalize_axis_tuple(ints(axes), a.ndim)
    if len(axes) != a.ndim:
        swap = "; x.swapaxes(...) exchanges two axes, as PyTorch's transpose does" if len(axes) == 2 else ""
        raise ValueError(f"transpose: axes {axes} do not match an array of {a.ndim} dimensions{swap}")
    if len(order) == 2 and axes == (0, 1):
        raise ValueError(
            f"the axes in the order {axes} are as they were; write x.swapaxes(0, 1) to exchange them, as PyTorch's "
            "transpose does"
        )
    return (a,), {"axes": axes}


def _inverse(axes):
    return None if axes is None else tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _batched_transpose(b):
    axes = b.params["axes"] or range(b.ndim(0))[::-1]
    return b(b.xs[0], axes=(0, *shifted(tuple(axes), 0)))


def _permuted(fn):
    """The form in ONNX of a function that permutes axes: where it brings axes of the sizes 1, 2, 3, ..."""

    def form(b, x, **params):
        sizes = fn(np.broadcast_to(0, tuple(range(1, x.ndim + 1))), **params).shape
        return b("Transpose", x, perm=[n - 1 for n in sizes]) if x.ndim else b("Identity", x)

    return form


transpose = linear(
    lambda x, axes: x.transpose(axes), lambda g, axes: g.transpose(_inverse(axes)),
    of=np.transpose, bind=_bind_transpose, tex=r"{x}^\top",
    examples="2x3; 2x3x4 (1,2,0); 2x3x4 axes=-1,0,1; []",
    infix="{x}.T", text="{x}ᵀ", algebra="transpose", batch=_batched_transpose, view=True,
    emit=lambda xs, y, axes: "{x}.T" if axes in (None, (1, 0)) else "{x}.transpose({axes})",
    onnx=_permuted(np.transpose),
)


matrix_transpose = linear(
    np.matrix_transpose, lambda g: g.mT,
    tex=r"{x}^\top", examples="2x3x4",
    infix="{x}.mT", text="{x}ᵀ", algebra="matrix transpose", batch=stacked(2), view=True,
    onnx=_permuted(np.matrix_transpose),
)


def _bind_swapaxes(a, axis1, axis2):
    a = operand(a)
    n = a.ndim
    return (a,), {"axis1": normalize_axis_index(axis1, n), "axis2": normalize_axis_index(axis2, n)}


swapaxes = linear(
    np.swapaxes, lambda g, axis1, axis2: g.swapaxes(axis1, axis2),
    bind=_bind_swapaxes, tex=r"{x}^\top",
    examples="2x3x4 0 -1",
    algebra="swap of axes", batch=axes("axis1", "axis2"), view=True, onnx=_permuted(np.swapaxes),
)


def _bind_moveaxis(a, source, destination):
    return (a,), {"source": ints(source), "destination": ints(destination)}


moveaxis = linear(
    np.moveaxis, lambda g, source, destination: np.moveaxis(g, destination, source),
    bind=_bind_moveaxis,
    examples="2x3x4 0 -1; 2x3x4 (0,1) (-1,0)",
    algebra="move of axes", batch=axes("source", "destination"), view=True,
    onnx=_permuted(np.moveaxis),
)


@composite(np.rollaxis, examples="2x3x4 2; 2x3x4 0 3; 2x3x4 -1 -2")
def rollaxis(a, axis, start=0):
    n = operand(a).ndim
    axis = normalize_axis_index(axis, n)
    start = normalize_axis_index(start, n + 1) if start >= 0 else normalize_axis_index(start, n)
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


def _broadcast_to(x, shape):
    return np.broadcast_to(x, shape) if x.ndim else repeated_number(x, shape)


broadcast_to = linear(  # the engine sums the cotangent to the argument's shape
    _broadcast_to, lambda g: g, of=np.broadcast_to, tex="{x}",
    bind=lambda array, shape: ((operand(array),), {"shape": ints(shape)}),
    examples="[3] (2,3); 2x1 (4,2,3); [] 3; 1x3 (0,3)",
    algebra="broadcast", batch=lambda b: b(b.lifted(0, len(b.shape)), shape=(b.size, *b.shape)), view=True,
    onnx=lambda b, x, shape: b("Expand", x, b.ints(shape)),
)


@composite(np.broadcast_arrays, examples="[3] 2x1; [] 0x3")
def broadcast_arrays(*args):
    arrays = [operand(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays)

# --------------------------------------------------------------------------------------- the order of entries


def _bind_roll(a, shift, axis=None):
    a = operand(a)
    if axis is not None:
        axis = normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)
    if getattr(shift, "__autograd_replayed__", False) and shift.ndim == 0 and (axis is None or len(axis) == 1):
        along, n = (None, a.size) if axis is None else (axis[0], a.shape[axis[0]])
        return np.take(a, (np.arange(n) - shift) % max(n, 1), along).reshape(a.shape)
    return (a,), {"shift": ints(shift), "axis": axis}


roll = linear(
    np.roll, lambda g, shift, axis: np.roll(g, tuple(-s for s in shift), axis),
    bind=_bind_roll,
    examples="2x3 2; 2x3 1 -1; 2x3 (1,5) (0,1); 4x3 (1,2) (0,0)",
    algebra="rotation", batch=along,
)


def _bind_flip(m, axis=None):
    m = operand(m)
    return (m,), {"axis": axis if axis is None else normalize_axis_tuple(axis, m.ndim)}


flip = linear(
    np.flip, lambda g, axis: np.flip(g, axis),
    bind=_bind_flip,
    examples="2x3; 2x3 -1; 2x3x4 axis=0,2", batch=axes("axis"), view=True,
)


@composite(np.fliplr, examples="2x3")
def fliplr(m):
    return np.flip(m, 1)


@composite(np.flipud, examples="2x3")
def flipud(m):
    return np.flip(m, 0)


rot90 = linear(
    np.rot90, lambda g, k, axes: np.rot90(g, -k, axes),
    bind=lambda m, k=1, axes=(0, 1): ((m,), {"k": as_int(k), "axes": ints(axes)}),
    examples="2x3; 2x3x4 -3 axes=-1,0", batch=axes("axes"), view=True,
)

# ------------------------------------------------------------------------------------ triangles and diagonals


def _bind_triangle(m, k=0):
    return (m,), {"k": as_int(k)}


def _triangle(fn, which):
    return linear(
        fn, lambda g, k: fn(g, k), bind=_bind_triangle, algebra=f"{which} triangle",
        tex=rf"\operatorname{{{{{fn.__name__}}}}} {{x}}", batch=_square,
        examples="2x3; 2x3x3 -1; [3] 1",
    )


def _square(b):
    """A vector counts as a row that is repeated."""
    (x,) = b.xs
    return b(np.broadcast_to(b.lifted(0, 2), (b.size, *b.shape)) if b.ndim(0) == 1 else x)


tril, triu = _triangle(np.tril, "lower"), _triangle(np.triu, "upper")


def to_diagonal(g, offset, axis1, axis2, x_shape):
    """An array with `g` on a diagonal and zeros elsewhere: the transpose of :func:`numpy.diagonal`."""
    rest = (n for k, n in enumerate(x_shape) if k not in (axis1, axis2))
    along = np.arange(g.shape[-1])
    where = (Ellipsis, along + max(-offset, 0), along + max(offset, 0))
    full = into_zeros(g, where, (*rest, x_shape[axis1], x_shape[axis2]), unique_indices=True)
    return np.moveaxis(full, (-2, -1), (axis1, axis2))


def _bind_diagonal(a, offset=0, axis1=0, axis2=1):
    (a,), params = _bind_swapaxes(a, axis1, axis2)
    return (a,), {"offset": as_int(offset), **params}


diagonal = linear(
    np.diagonal, to_diagonal, bind=_bind_diagonal, tex=r"\operatorname{{diag}}({x})", text="diag({x})",
    algebra="diagonal",
    examples="2x3; 3x4 -1; 3x2x4 1 2 0; 2x2 5",
    batch=axes("axis1", "axis2"), view=True,
)


def _bind_diag(v, k=0):
    v = operand(v)
    return np.diagonal(v, k) if v.ndim == 2 else ((v,), {"k": as_int(k)})


def _on_diagonals(b):
    (x,) = b.xs
    return to_diagonal(x.reshape(b.size, prod(x.shape[1:])), b.params["k"], 1, 2, (b.size, *b.shape))


diag = linear(
    np.diag, lambda g, k: np.diagonal(g, k), bind=_bind_diag, tex=r"\operatorname{{diag}}({x})", text="diag({x})",
    algebra="diagonal matrix",
    examples="[3]; [3] -2; 3x4 1; k=-1", batch=_on_diagonals,
)
diagflat = linear(
    np.diagflat, lambda g, k, x_shape: np.diagonal(g, k).reshape(x_shape),
    bind=lambda v, k=0: ((operand(v),), {"k": as_int(k)}),
    tex=r"\operatorname{{diag}}({x})", examples="2x2; [3] 1", batch=_on_diagonals,
)
