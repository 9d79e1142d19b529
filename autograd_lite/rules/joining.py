"""Joining and splitting arrays; repeating, inserting and deleting entries.

The transpose of joining is splitting, and the other way round. The rest is written with these and with indices: insert,
delete and resize take entries by an index that NumPy computes.
"""

from itertools import accumulate, pairwise
from operator import index as as_int

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..base.tree import leaves
from ..table import at, composite, linear
from ..table.batching import axes, shifted
from ._arrays import has_tensor, ints, is_tensor, operand, resolve
from .indexing import getitem, getitem_onnx, into_zeros, on_axis

__all__ = [
    "append", "array", "array_split", "block", "c_", "column_stack", "concatenate", "delete", "dsplit", "dstack",
    "hsplit", "hstack", "insert", "meshgrid", "r_", "repeat", "resize", "split", "stack", "tile", "trim_zeros",
    "unstack", "vsplit", "vstack",
]

# ------------------------------------------------------------------------------------------- arrays of arrays


@composite(name="array", examples=("2x3", at([[(), 2.0], [0.5, ()]], ndmin=3)))
def array(object, dtype=None, *, copy=True, order="K", ndmin: int = 0):
    """Nested lists of numbers, arrays and Tensors as one array."""
    if not has_tensor(object):
        return np.array(object, dtype, copy=copy, order=order, ndmin=ndmin)
    a = operand(object)
    if dtype is not None and np.dtype(dtype) != a.dtype:
        a = a.astype(dtype)
    elif a is object and copy:
        a = np.copy(a, order)
    return np.reshape(a, (1,) * (ndmin - a.ndim) + a.shape) if a.ndim < ndmin else a


@composite(name="asarray", examples=("2x3", "[3],[3]"))
def asarray(a, dtype=None, order=None, *, copy=None):
    """The same, without a copy where possible."""
    return array(a, dtype, copy=copy, order=order or "K")


def _bind_concatenate(arrays, /, axis=0, *, dtype=None, casting="same_kind"):
    arrays = [operand(a, dtype) for a in arrays]
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    shapes = [a.shape for a in arrays]
    if () in shapes:
        raise ValueError("0-d arrays have no axis to concatenate along: use np.stack, or np.atleast_1d first")
    axis = normalize_axis_index(axis, len(shapes[0])) if shapes else axis
    starts = (0, *accumulate(s[axis] for s in shapes if axis < len(s)))
    return arrays, {"axis": axis, "starts": starts}


def _bind_stack(arrays, axis=0, *, dtype=None, casting="same_kind"):
    arrays = [operand(a, dtype) for a in arrays]
    return arrays, {"axis": normalize_axis_index(axis, arrays[0].ndim + 1) if arrays else axis}


def _joined_full(b):
    return b(*map(b.full, range(len(b.xs))), axis=shifted(b.params["axis"], 0))


concatenate = linear(
    lambda *xs, axis, starts: np.concatenate(xs, axis),
    lambda g, i, axis, starts=(): g[on_axis(axis, slice(starts[i], starts[i + 1]))],
    of=np.concatenate, bind=_bind_concatenate, variadic=True,
    examples="2x3,1x3; 2x3,2x0,2x1 -1; 2x3,[4] axis=None",
    joins=lambda axis, starts: axis == 0, emit="np.concatenate(({xs}), axis={axis})", algebra="concatenation",
    out="np.concatenate(({xs}), axis={axis}, out={out})", batch=_joined_full,
    onnx=lambda b, *xs, axis, starts: b("Concat", *xs, axis=axis),
)


stack = linear(
    lambda *xs, axis: np.stack(xs, axis), lambda g, i, axis: g[on_axis(axis, i)],
    of=np.stack, bind=_bind_stack, variadic=True,
    examples=("[],[]", at([(2, 3)] * 4, -1), "2x3,2x3 axis=1"),
    joins=lambda axis: axis == 0, algebra="stack", emit="np.stack(({xs}), axis={axis})",
    out="np.stack(({xs}), axis={axis}, out={out})", batch=_joined_full,
    onnx=lambda b, *xs, axis: b("Concat", *(b("Unsqueeze", x, b.ints(axis)) for x in xs), axis=axis),
)


@composite(np.vstack, examples="[3],2x3,[3]; [],[]")
def vstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [operand(a) for a in tup]
    if _are_vectors(arrays):
        return np.stack(arrays, dtype=dtype)
    return np.concatenate([np.atleast_2d(a) for a in arrays], dtype=dtype)


@composite(np.hstack, examples="2x3,2x1; [3],[]")
def hstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [np.atleast_1d(a) for a in map(operand, tup)]
    return np.concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype)


@composite(np.dstack, examples="2x3,2x3x2; [3],[3]")
def dstack(tup):
    return np.concatenate([np.atleast_3d(a) for a in map(operand, tup)], 2)


@composite(np.column_stack, examples="[3],3x2,[3]")
def column_stack(tup):
    arrays = [operand(a) for a in tup]
    if _are_vectors(arrays):
        return np.stack(arrays, axis=1)
    return np.concatenate([a if a.ndim > 1 else a.reshape(-1, 1) for a in arrays], 1)


def _are_vectors(arrays):
    """Return True for vectors of one length, which np.stack joins in one operation."""
    return bool(arrays) and arrays[0].ndim == 1 and all(a.shape == arrays[0].shape for a in arrays)


@composite(np.block, examples=(at([[(2, 2), (2, 1)], [(1, 2), (1, 1)]]), "[3],[]"))
def block(arrays):
    depth = _depth(arrays)
    return _joined(arrays, depth, max(depth, *(operand(leaf).ndim for leaf in leaves(arrays))))


class _AlongAxis:
    """NumPy's ``r_`` or ``c_`` for Tensors: ``ag.r_[x, 0, y]``, with NumPy's directives and slices.

    NumPy's own ``r_`` or ``c_``, applied to the positions of the entries, determines where each entry goes.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> ag.r_[ag.tensor([1.0, 2.0]), 0, 5:7]
    tensor([1., 2., 0., 5., 6.])
    >>> ag.c_[ag.tensor([1.0, 2.0]), [3, 4]]
    tensor([[1., 3.],
            [2., 4.]])
    """

    def __init__(self, of) -> None:
        self._of = of

    def __getitem__(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        if not has_tensor(parts):
            return self._of[key]
        directive = tuple(p for p in parts[:1] if isinstance(p, str))
        rest = parts[len(directive) :]
        values = [operand(np.r_[p] if isinstance(p, slice) else p) for p in rest]
        weak = (p if type(p) in (int, float, complex) else v.dtype for p, v in zip(rest, values, strict=True))
        flat = np.concatenate([np.ravel(v) for v in values]).astype(np.result_type(*weak))
        ends = accumulate(v.size for v in values)
        places = [np.arange(end - v.size, end).reshape(v.shape) for end, v in zip(ends, values, strict=True)]
        return flat[np.asarray(self._of[(*directive, *places)])]


r_, c_ = _AlongAxis(np.r_), _AlongAxis(np.c_)


def _depth(nested):
    if isinstance(nested, tuple):
        raise TypeError("block: expected arrays in nested lists, got a tuple")
    if not isinstance(nested, list):
        return 0
    depths = {_depth(part) for part in nested}
    if len(depths) != 1:
        raise ValueError(f"block: list depths are mismatched, or a list is empty: {sorted(depths)}")
    return 1 + depths.pop()


def _joined(nested, depth, ndim):
    """The innermost lists are joined along the last axis, the next along the one before it."""
    if depth == 0:
        leaf = operand(nested)
        return leaf.reshape((1,) * (ndim - leaf.ndim) + leaf.shape)
    return np.concatenate([_joined(part, depth - 1, ndim) for part in nested], -depth)

# ------------------------------------------------------------------------------------------------- into parts


def _bind_array_split(ary, indices_or_sections, axis=0):
    """The places to split at, from a number of sections or from indices."""
    ary = operand(ary)
    axis = normalize_axis_index(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections):
        cuts = ints(indices_or_sections)
    else:
        sections = as_int(indices_or_sections)
        if sections <= 0:
            raise ValueError("the number of sections must be larger than 0")
        each, more = divmod(n, sections)
        cuts = tuple(k * each + min(k, more) for k in range(1, sections))
    return (ary,), {"indices_or_sections": cuts, "axis": axis}


def _bind_split(ary, indices_or_sections, axis=0):
    ary = operand(ary)
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % indices_or_sections:
        raise ValueError(f"{ary.shape[axis]} entries do not make {indices_or_sections} equal parts: use array_split")
    return _bind_array_split(ary, indices_or_sections, axis)


def _unsplit(g, x_shape, indices_or_sections, axis):
    n = x_shape[axis]
    bounds = [0, *(slice(k, None).indices(n)[0] for k in indices_or_sections), n]
    sizes = np.diff(bounds)
    if min(sizes) < 0:  # overlapping parts, which NumPy allows
        spans = [on_axis(axis, slice(a, b)) for a, b in pairwise(bounds)]
        used = [(part, span) for part, span in zip(g, spans, strict=True) if part is not None]
        return sum(into_zeros(part, span, x_shape, unique_indices=True) for part, span in used)
    dtype = next(part.dtype for part in g if part is not None)
    before, after = x_shape[:axis], x_shape[axis + 1 :]
    parts = [np.zeros((*before, n, *after), dtype) if p is None else p for p, n in zip(g, sizes, strict=True)]
    return np.concatenate(parts, axis)


def _section(k, indices_or_sections, axis):
    return on_axis(axis, slice(*(None, *indices_or_sections, None)[k : k + 2]))


def _splitter(fn, bind):
    return linear(
        lambda x, indices_or_sections, axis: tuple(np.array_split(x, indices_or_sections, axis)), _unsplit,
        of=fn, bind=bind, outputs=True, batch=axes("axis"), part=_section, view=True, onnx=_split_onnx,
        examples="4x3 2; 2x6 [1,1,4] axis=-1; [5] [2,9]; [5] [3,1]",
    )


def _split_onnx(b, x, indices_or_sections, axis):
    parts = range(len(indices_or_sections) + 1)
    return [getitem_onnx(b, x, _section(k, indices_or_sections, axis)) for k in parts]


array_split, split = _splitter(np.array_split, _bind_array_split), _splitter(np.split, _bind_split)


def _splitter_along(fn, axis, least):
    def split_along(ary, indices_or_sections):
        ary = operand(ary)
        if ary.ndim < least:
            raise ValueError(f"{fn.__name__} only works on arrays of {least} or more dimensions")
        return np.split(ary, indices_or_sections, min(axis, ary.ndim - 1))

    shape = (4, 2, 4)[: max(least, axis + 1)]
    examples = (at(shape, 2), at(shape, [1]))
    return composite(fn, examples=examples)(split_along)


vsplit = _splitter_along(np.vsplit, 0, 2)
hsplit = _splitter_along(np.hsplit, 1, 1)
dsplit = _splitter_along(np.dsplit, 2, 3)


def _bind_unstack(x, /, *, axis=0):
    x = operand(x)
    if x.ndim == 0:
        raise ValueError("a 0-d array has no axis")
    return (x,), {"axis": normalize_axis_index(axis, x.ndim)}


def _restack(g, axis):
    some = next(part for part in g if part is not None)
    return np.stack([np.zeros(some.shape, some.dtype) if part is None else part for part in g], axis)


unstack = linear(
    np.unstack, _restack, bind=_bind_unstack, outputs=True,
    examples="[3]; axis=-1", batch=axes("axis"), part=lambda k, axis: on_axis(axis, k), view=True,
    definition=lambda x, axis: tuple(x[on_axis(axis, k)] for k in range(x.shape[axis])),
    onnx=lambda b, x, axis: [getitem_onnx(b, x, on_axis(axis, k)) for k in range(x.shape[axis])],
)


@composite(np.meshgrid, examples="[3] [2]; [3] [] indexing=ij sparse=True")
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r} is neither 'xy' nor 'ij'")
    n = len(xi)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    shapes = [[-1 if k == axis else 1 for k in range(n)] for axis in axes]
    open_grid = tuple(np.reshape(operand(x), shape) for x, shape in zip(xi, shapes, strict=True))
    return open_grid if sparse else tuple(np.broadcast_arrays(*open_grid))

# ---------------------------------------------------------------------------------------- over and over again


def flat_or(a, axis):
    """The array and the axis; with axis None, the flattened array."""
    a = operand(a)
    return (np.ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, a.ndim))


def _bind_repeat(a, repeats, axis=None):
    a, axis = flat_or(a, resolve(axis, np.ndim(a)))
    repeats = ints(repeats)
    return (a,), {"repeats": repeats[0] if len(repeats) == 1 else repeats, "axis": axis}


def _unrepeat(g, repeats, axis, x_shape):
    n = x_shape[axis]
    if type(repeats) is int:
        return np.sum(g.reshape((*x_shape[:axis], n, repeats, *x_shape[axis + 1 :])), axis + 1)
    return into_zeros(g, on_axis(axis, np.repeat(np.arange(n), repeats)), x_shape)


def _repeat_onnx(b, x, repeats, axis):
    n, before, after = x.shape[axis], x.shape[:axis], x.shape[axis + 1 :]
    if isinstance(n, int):
        return b("Gather", x, b.constant(np.repeat(np.arange(n), repeats)), axis=axis)
    wide = b("Expand", b("Unsqueeze", x, b.ints(axis + 1)), b.ints((*before, n, repeats, *after)))
    return b("Reshape", wide, b.shape((*before, -1, *after)))


repeat = linear(
    np.repeat, _unrepeat, bind=_bind_repeat,
    examples="2x3 2; 2x3 3 -1; 2x3x2 2 0; 2x3 [2,0,1] axis=1; [2] 0",
    batch=axes("axis"), onnx=_repeat_onnx,
)


@composite(np.tile, examples="2x3 2; [3] (2,1,3); 2x3 (0,2); [] 3")
def tile(A, reps):
    A, reps = operand(A), ints(reps)
    n = max(len(reps), A.ndim)
    reps, shape = (1,) * (n - len(reps)) + reps, (1,) * (n - A.ndim) + A.shape
    apart = np.reshape(A, [size for s in shape for size in (1, s)])
    laid_out = np.broadcast_to(apart, [size for pair in zip(reps, shape, strict=True) for size in pair])
    return np.reshape(laid_out, [r * s for r, s in zip(reps, shape, strict=True)])


@composite(np.resize, examples="2x3 (3,4); 2x3 4; 0x3 2")
def resize(a, new_shape):
    flat = np.ravel(operand(a))
    places = np.resize(np.arange(flat.size), ints(new_shape))
    return flat[places] if flat.size else np.zeros(places.shape, flat.dtype)

# ---------------------------------------------------------------------------------------- put in and left out


@composite(np.append, examples="2x3 [2]; 2x3 2x1 axis=1")
def append(arr, values, axis=None):
    return np.concatenate([operand(arr), operand(values)], axis)


@composite(np.delete, examples=("2x3 1 axis=1; 2x3 [0,4,-1]", at((5,), slice(None, None, 2))))
def delete(arr, obj, axis=None):
    arr, axis = flat_or(arr, axis)
    kept = np.delete(np.arange(arr.shape[axis]), np.asarray(obj) if is_tensor(obj) else obj)
    return getitem(arr, on_axis(axis, kept), unique_indices=True)


@composite(np.insert, examples="2x3 1 [2] axis=1; [4] [0,2,2] [3]; 2x3 2 [] axis=0")
def insert(arr, obj, values, axis=None):
    arr, axis = flat_or(arr, axis)
    values = operand(values).astype(arr.dtype)
    obj = np.asarray(obj) if is_tensor(obj) else obj
    n = arr.shape[axis]
    if not isinstance(obj, slice) and np.size(obj) == 1:  # several values may go to one place
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
        if np.ndim(obj) == 0:  # then, as in NumPy, the first axis of the values is the axis of insertion
            values = np.moveaxis(values, 0, axis)
        obj = np.repeat(obj, values.shape[axis])
    count = np.insert(np.arange(n), obj, 0).size - n
    values = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return getitem(np.concatenate([arr, values], axis), on_axis(axis, order), unique_indices=True)


@composite(
    np.trim_zeros,
    examples=(
        lambda rng: ((np.concatenate([[0, 0], rng.uniform(1, 2, size=3), [0]]),), {}),
        lambda rng: ((np.pad(rng.normal(size=(2, 3)), 1), "f"), {"axis": 0}),
    ),
)
def trim_zeros(filt, trim="fb", axis=None):
    filt = operand(filt)
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: trim={trim!r} is none of 'f', 'b', 'fb'")
    filled = np.asarray(filt != 0)
    starts, ends = np.trim_zeros(filled, "f", axis).shape, np.trim_zeros(filled, "b", axis).shape
    bounds = zip(filt.shape, starts, ends, strict=True)
    return filt[tuple(slice(n - a if "f" in trim else 0, b if "b" in trim else n) for n, a, b in bounds)]
