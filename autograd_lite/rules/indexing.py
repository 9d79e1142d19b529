"""Reading entries of arrays and assigning to them.

`getitem` reads entries; its transpose `into_zeros` puts the cotangent at these places, adding where an entry was read
twice. An index is a parameter, not an argument: it has no derivative. Only in a traced program can it depend on the
inputs (the labels of a batch, the order that a sort found). Then it is an argument, and `gather_at` and its transpose
`scatter_at` are the same two rows with an index argument.

Recorded arrays are never written into. Assignment is a function: ``set_at(x, i, value)`` is a new array, differentiable
in `x` and in `value`; so are `add_at`, `multiply_at`, `maximum_at`, …
"""

import math
from typing import Any

import numpy as np

from ..table import Primitive, at, composite, general, just, linear
from ..table.examples import listed
from ._arrays import is_tensor, operand, raw

__all__ = [
    "add_at", "divide_at", "maximum_at", "minimum_at", "multiply_at", "power_at", "set_at", "subtract_at",
]

# -------------------------------------------------------------------------------------------------- the index

_SINGLE = (int, slice, type(None), type(Ellipsis))  # the parts of a basic index


def is_basic(index) -> bool:
    """Whether it consists of numbers, slices, None and ``...`` only: then no entry is read twice."""
    if type(index) is not tuple:
        return type(index) in _SINGLE
    for part in index:  # noqa: SIM110 - all() takes twice as long
        if type(part) not in _SINGLE:
            return False
    return True


def canonical(index: Any) -> tuple[Any, bool]:
    """The index in arrays and NumPy's basic parts, and whether it is certain that it reads no entry twice."""
    if is_basic(index):
        return index, True
    if type(index) is not tuple:
        return _part(index)
    parts = [_part(part) for part in index]
    return tuple(part for part, _ in parts), all(unique for _, unique in parts)


def _part(part):
    if type(part) in _SINGLE or isinstance(part, (bool, np.bool, np.integer)):
        return part, True
    # A traced Tensor raises here. A list or Tensor is copied: it may be overwritten before the backward pass.
    array = part if isinstance(part, np.ndarray) else np.array(part)
    if array.size == 0 and array.dtype == float and not isinstance(part, np.ndarray):
        array = array.astype(np.intp)  # x[[]]
    if array.ndim == 0 and array.dtype.kind in "iu" and type(array) is np.ndarray:  # a label has a name
        return int(array), True
    return array, array.dtype.kind == "b" or array.size < 2


def on_axis(axis, where):
    """The index that takes `where` along one axis, and everything along the others."""
    return (*[slice(None)] * axis, where)


def taken_shape(index, shape):
    """The shape of ``x[index]``, without allocating it."""
    return np.shape(np.broadcast_to(np.empty((), bool), shape)[index])


def positions(index, shape: tuple[int, ...]):
    """The place in ``x.ravel()`` of each entry of ``x[index]``."""
    along = [np.broadcast_to(places, shape)[index] for places in np.indices(shape, sparse=True)]
    return np.asarray(np.ravel_multi_index(along, shape))


# -------------------------------------------------------------------------------------------- taking, putting


def _bind_getitem(x, index, unique_indices=False):
    if is_basic(index):
        return (x,), {"index": index, "unique_indices": True}
    if _is_recorded(index):
        return gather_at(x, *_packed(index))
    index, unique = canonical(index)
    return (x,), {"index": index, "unique_indices": unique or unique_indices}


def _is_recorded(index):
    """Whether the index depends on a value of which a derivative or a trace is made."""
    return any(is_tensor(part) and part.__autograd_recorded__ for part in (index if type(index) is tuple else (index,)))


def _bind_scatter(g, index, shape, unique_indices=False):
    if not is_basic(index) and _is_recorded(index):
        return scatter_at(g, *_packed(index), shape)
    return (g,), {"index": index, "shape": shape, "unique_indices": unique_indices}


def _into_zeros(g, index, shape, unique_indices):
    full = np.zeros(shape, g.dtype)
    if unique_indices:
        full[index] = g
    elif g.size < 1000 or len(shape) == 1:
        np.add.at(full, index, g)
    else:  # add.at is several times faster along one axis, even with the positions to compute
        np.add.at(full.reshape(-1), positions(index, shape).reshape(-1), g.reshape(-1))
    return full


_TAKEN = (
    "3x4 1", at((3, 4), just((slice(None, None, -2), None, -1))), at((2, 3, 4), just((Ellipsis, slice(1, 3)))),
    "[] ()", at((3, 4), slice(5, None)), "[4] [0,2,0,-4]; 3x4 ([[0,2],[2,0]],[1,3])",
    at((2, 3, 4), just(([1, 0, 1], slice(None), [2, 2, 2]))),
    "2x3 a[[True,False,True],[False,True,False]]",
    at((2, 3), just((1, np.array([True, False, True])))), at((2, 3), []),
)
_END = np.iinfo(np.int64).max


def _bounds(part):
    """Start, end and step of a slice, in numbers; ONNX cuts off what lies outside."""
    step = part.step or 1
    start, stop = (0, _END) if step > 0 else (_END, -_END)
    return start if part.start is None else part.start, stop if part.stop is None else part.stop, step


def getitem_onnx(b, x, index, unique_indices=True):
    parts = list(index) if type(index) is tuple else [index]
    new = any(part is None for part in parts)
    at = next((k for k, part in enumerate(parts) if part is Ellipsis), None)
    if at is not None:
        parts[at : at + 1] = [slice(None)] * (x.ndim - sum(part is not None for part in parts) + 1)
    axes = [part for part in parts if part is not None]
    arrays = [part for part in axes if isinstance(part, np.ndarray)]
    if len(arrays) > 1 or any(part.dtype.kind == "b" for part in arrays) or arrays and new:
        raise NotImplementedError(f"export.onnx: x[{index}]: only one array of positions, without None, has a form")
    cut = [(k, part) for k, part in enumerate(axes) if isinstance(part, slice) and part != slice(None)]
    y = x
    if cut:
        starts, ends, steps = zip(*(_bounds(part) for _, part in cut), strict=True)
        y = b("Slice", y, b.ints(starts), b.ints(ends), b.ints([k for k, _ in cut]), b.ints(steps))
    for k, part in reversed(list(enumerate(axes))):
        if not isinstance(part, slice):
            y = b("Gather", y, b.constant(np.asarray(part, np.int64)), axis=k)
    kept = [part for part in parts if part is None or isinstance(part, (slice, np.ndarray))]
    added = [k for k, part in enumerate(kept) if part is None]
    return b("Unsqueeze", y, b.ints(added)) if added else b("Identity", y) if y is x else y


getitem = linear(
    lambda x, index, unique_indices=True: x[index],
    lambda g, index, x_shape, unique_indices: into_zeros(g, index, x_shape, unique_indices),
    name="getitem", bind=_bind_getitem, tex="{x}_{{{index}}}",
    examples=_TAKEN, infix="{x}[{index}]", algebra="index", view=True, emit="{x}[{index}]", onnx=getitem_onnx,
)
def _into_zeros_textbook(g, index, shape, unique_indices=False):
    full = np.zeros(shape, np.result_type(g))
    np.add.at(full, index, g)
    return full


def _into_zeros_onnx(b, x, index, shape, unique_indices=False):
    parts = index if type(index) is tuple else (index,)
    if len(parts) != len(shape) or not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
        raise NotImplementedError(f"export.onnx: zeros with an array at {index} have no form")
    before = [part.start or 0 for part in parts]
    after = [0 if p.stop is None else n - p.stop if n != p.stop else 0 for p, n in zip(parts, shape, strict=True)]
    return b("Pad", x, b.ints([*before, *after]))


into_zeros: Primitive = linear(
    _into_zeros, lambda g, index, unique_indices: getitem(g, index, unique_indices),
    name="into_zeros", bind=_bind_scatter,
    examples=(
        at((2,), slice(1, 3), just((4,)), True), "[3] a[0,2,0] (4,)",
        at((2, 3), just((slice(None), np.array([0, 0, 1]))), just((2, 4))),
    ),
    tex=r"{x} \text{{ at }} [{index}]\text{{, 0 elsewhere}}", text="{x} at [{index}], 0 elsewhere",
    call="into_zeros({x}, np.s_[{index}], {shape})", algebra="placement",
    source=_into_zeros_textbook, onnx=_into_zeros_onnx,
)

# ------------------------------------------------------------------------ an index that depends on the inputs


class Slot:
    """A place in an index for the array argument `k`, or for ``k[j]``."""

    def __init__(self, j=None):
        self.j = j

    def __eq__(self, other):
        return isinstance(other, Slot) and self.j == other.j

    def __hash__(self):
        return hash(self.j)

    def __repr__(self):
        return "k" if self.j is None else f"k[{self.j}]"


def _packed(index):
    """One array of integers for all the Tensors in an index, and the index with slots in their places."""
    tensors: list[Any] = []
    parts = []
    for part in index if type(index) is tuple else (index,):
        if not is_tensor(part):
            parts.append(canonical(part)[0])
            continue
        pieces = np.nonzero(part) if part.dtype.kind == "b" else (part,)
        parts += [Slot(len(tensors) + j) for j in range(len(pieces))]
        tensors += pieces
    if len(tensors) == 1:
        return tensors[0], tuple(Slot() if isinstance(p, Slot) else p for p in parts)
    return np.stack(np.broadcast_arrays(*tensors)), tuple(parts)


def filled(index: tuple[Any, ...], k) -> tuple[Any, ...]:
    return tuple((k if p.j is None else k[p.j]) if isinstance(p, Slot) else p for p in index)


def _gathered(x, k, index):
    y = x[filled(index, k)]
    return np.copy(y) if np.may_share_memory(x, y) else y  # a view if `k` is one position


def _gather_onnx(b, x, k, index):
    places = [j for j, part in enumerate(index) if isinstance(part, Slot)]
    if len(places) != 1 or any(part != slice(None) for part in index if not isinstance(part, Slot)):
        raise NotImplementedError(f"export.onnx: x[{index}]: only one array of positions along one axis has a form")
    return b("Gather", x, b.cast(k, np.int64), axis=places[0])


gather_at = linear(
    _gathered, lambda g, x2, index, x_shape: scatter_at(g, x2, index, x_shape), None,
    name="gather_at", bind=lambda x, k, index: ((x, k), {"index": index}),
    examples=(
        at((4,), np.array([0, 2, 0]), just((Slot(),))),
        at((3, 4), np.array([[0, 2], [1, 1]]), just((Slot(0), slice(1, 3), None))),
        at((3, 4), np.array(1), just((slice(None), Slot()))),
    ),
    call="{x1}[{index}]", algebra="gather", js="gather({x1}, {x2}, {index})", onnx=_gather_onnx,
)
scatter_at: Primitive = linear(
    lambda g, k, index, shape: _into_zeros(g, filled(index, k), shape, False),
    lambda g, x2, index: gather_at(g, x2, index),
    None,
    name="scatter_at", bind=lambda g, k, index, shape: ((g, k), {"index": index, "shape": shape}),
    js="scatter({x1}, {x2}, {index}, {shape})",
    examples=(at((3,), np.array([0, 2, 0]), just((Slot(),)), just((4,))),),
    call="into_zeros({x1}, np.s_[{index}], {shape})", algebra="scatter",
)


zero_at: Primitive = linear(
    lambda x, k, index: _set(x, 0, filled(index, k)), lambda g, x2, index: zero_at(g, x2, index), None,
    name="zero_at", bind=lambda x, k, index: ((x, k), {"index": index}), algebra="zeros at",
    examples=(at((4,), np.array([0, 2, 0]), just((Slot(),))),),
    call="set_at({x1}, 0, np.s_[{index}])", js="zeroed({x1}, {x2}, {index})",
)

def arrays_in(index, ndim, k_ndim=0):
    """Where NumPy puts the axes of the arrays in an index into an array of `ndim` axes.

    Returns
    -------
    place, count : int
        The first of these axes in the result, and how many there are.
    apart : bool
        Whether a slice stands between them, so that they come first.
    """
    if is_basic(index):
        return 0, 0, False
    parts = index if type(index) is tuple else (index,)
    arrays = [i for i, p in enumerate(parts) if isinstance(p, (np.ndarray, bool, np.bool, Slot))]
    if not arrays:
        return 0, 0, False
    advanced = [i for i, p in enumerate(parts) if i in arrays or isinstance(p, (int, np.integer))]
    apart = advanced != list(range(advanced[0], advanced[-1] + 1))
    rest = ndim - sum(np.ndim(p) if _is_mask(p) else p is not None for p in parts if p is not Ellipsis)
    place = sum(rest if p is Ellipsis else 1 for p in parts[: advanced[0]])
    count = max(
        k_ndim if isinstance(p, Slot) else 1 if _is_mask(p) else np.ndim(p)
        for p in (parts[i] for i in advanced)
    )
    return 0 if apart else place, count, apart


def _is_mask(part):
    return isinstance(part, (np.ndarray, bool, np.bool)) and np.asarray(part).dtype == bool

# -------------------------------------------------------------------------------------------------- assigning


def _operand(a):
    """A list as an array; a Python number stays one, so that it is weak."""
    return operand(a) if type(a) in (list, tuple) else a


def _bind_at(x, index, value, *, unique_indices=False):
    index, unique = canonical(index)
    return (_operand(x), _operand(value)), {"index": index, "unique_indices": unique or unique_indices}


def _bind_set(x, index, value, *, unique_indices=False):
    x, value = operand(x), _operand(value)
    have, into = np.result_type(getattr(value, "dtype", value)), x.dtype
    if not np.can_cast(have, into, "same_kind"):
        raise TypeError(
            f"values of dtype {have} would be truncated in an array of dtype {into}, and their derivative lost: "
            f"write x.astype({have}) first"
        )
    if not _is_recorded(index):
        index, unique = canonical(index)
        if unique or unique_indices or np.all(np.diff(np.sort(positions(index, x.shape), axis=None))):
            return (x, value), {"index": index}
    return _set_in_order(x, index, operand(value))


def _bind_add(x, index, value, *, unique_indices=False):
    if _is_recorded(index):
        x, value = operand(x), operand(value)
        k, index, shape = _places(index, x.shape)
        value = value if value.shape == shape else np.broadcast_to(_narrow(value, shape), shape)
        return x + scatter_at(value, k, index, x.shape)
    return _bind_at(x, index, value, unique_indices=unique_indices)


def _places(index, shape):
    """A recorded index, packed, and the shape of what it takes from an array of `shape`."""
    k, index = _packed(index)
    return k, index, taken_shape(filled(index, raw(k)), shape)


def _narrow(value, shape):
    """The opposite of `_wide`."""
    return value.reshape(value.shape[value.ndim - len(shape) :]) if value.ndim > len(shape) else value


def _set_in_order(x, index, value):
    """Each entry is the old one, or the value that was written to it last, which NumPy does not define."""
    places = _flat_places(x, index)
    if not places.size:
        return np.copy(x)
    if _is_recorded(index) and np.size(raw(value)) == 1:  # it does not matter which was last
        k, index = _packed(index)
        if not is_tensor(value) and not np.any(value):
            return zero_at(x, k, index)
        return np.where(zero_at(np.ones(x.shape), k, index) > 0, x, value.reshape(()).astype(x.dtype))
    writer = maximum_into(np.full(x.size, -1), np.arange(places.size), places.reshape(-1)).reshape(x.shape)
    return np.where(writer >= 0, getitem(_for_each(places.shape, value).astype(x.dtype), np.maximum(writer, 0)), x)


def _flat_places(x, index):
    """The place in ``x.ravel()`` of each entry of ``x[index]``, also for a recorded index."""
    return getitem(np.arange(x.size).reshape(x.shape), index)


def _for_each(shape, value):
    """A value for each entry of an array of `shape`, in one axis."""
    return np.broadcast_to(_narrow(operand(value), shape), shape).reshape(-1)


def _set(x, value, index):
    full = np.array(x, order="C")
    full[index] = value
    return full


def _wide(taken, shape):
    """`value` without extra axes of length 1 in front, which NumPy allows."""
    return taken.reshape((1,) * (len(shape) - taken.ndim) + taken.shape) if len(shape) > taken.ndim else taken


def _add(x, value, index, unique_indices):
    full = np.array(x, np.result_type(x, value))
    if unique_indices:
        full[index] += value
    else:
        np.add.at(full, index, _narrow(np.asarray(value), taken_shape(index, full.shape)))
    return full


_PUT = (
    "3x4 1 [4]", at((3, 4), just((slice(None), slice(0, 3, 2))), ()), "[4] [0,2,0] [3]; [5] [[0,2],[0,1]] 2x2",
    at((2, 3), np.eye(2, 3) > 0, (2,)), "2x3 ([0,1,0],1) []",
)


def _set_textbook(x, value, index):
    y = x.copy()
    y[index] = value
    return y


set_at: Primitive = linear(
    _set, lambda g, index: set_at(g, index, 0, unique_indices=True),
    lambda g, index, x2_shape: _wide(getitem(g, index, unique_indices=True), x2_shape), name="set_at", bind=_bind_set,
    examples=(*_PUT, "3x4 1 1x4"), source=_set_textbook, algebra="assignment",
    tex=r"{x1} \text{{ with }} {x2} \text{{ at }} [{index}]", text="{x1} with {x2} at [{index}]",
)
set_at.__doc__ = """A copy of `x` with ``x[index] = value``, differentiable in both.

Parameters
----------
x, value : array_like
    `value` broadcasts to ``x[index]`` and must fit the dtype of `x`.
index : any of NumPy's indices
    If an entry occurs twice, the last write wins, and only its value gets a gradient.
unique_indices : bool
    A promise that no entry occurs twice; it is faster.

Examples
--------
>>> import numpy as np, autograd_lite as ag
>>> ag.set_at(np.zeros(3), [0, 2, 0], [1.0, 2.0, 3.0])
array([3., 0., 2.])
"""
add_at = linear(
    _add, lambda g: g, lambda g, index, unique_indices, x2_shape: _wide(getitem(g, index, unique_indices), x2_shape),
    name="add_at", bind=_bind_add, examples=_PUT, algebra="addition at",
    tex=r"{x1} \text{{ with }} {x2} \text{{ added at }} [{index}]", text="{x1} with {x2} added at [{index}]",
)
add_at.__doc__ = """A copy of `x` with `value` added at `index`; an entry that occurs twice is added to twice.

Examples
--------
>>> import numpy as np, autograd_lite as ag
>>> ag.add_at(np.zeros(3), [0, 2, 0], [1.0, 2.0, 3.0])
array([4., 0., 2.])
"""
__test__ = {"set_at": set_at.__doc__, "add_at": add_at.__doc__}  # doctest finds examples in functions only


@composite(name="subtract_at", examples=_PUT)
def subtract_at(x, index, value):
    """A copy of `x` with `value` subtracted at `index`."""
    return add_at(x, index, np.negative(_operand(value)))


def _in_turn(x, index, value):
    """For an index that depends on recorded values: what each of its positions takes.

    Returns
    -------
    list of (places, values)
        The places in ``x.ravel()``, all different, and the entries of `value` for them.
    """
    k, index, shape = _places(index, x.shape)
    first, count, _ = arrays_in(filled(index, raw(k)), x.ndim)
    places = gather_at(np.arange(x.size).reshape(x.shape), k, index)
    both = places, np.broadcast_to(_narrow(operand(value), shape), shape)
    turns = math.prod(shape[first : first + count])
    places, value = (
        np.moveaxis(t, range(first, first + count), range(count)).reshape(turns, math.prod(shape) // max(turns, 1))
        for t in both
    )
    return [(places[i], value[i]) for i in range(turns)]


def _extreme(ufunc):
    """``maximum.at`` or ``minimum.at`` of vectors, and of any arrays and indices; ties share the gradient."""

    def into(x, value, k):
        full = np.array(x, np.result_type(x, value))
        ufunc.at(full, k, value)
        return full

    def shared(g, y, x1, x2, x3):
        """Where `x1` and where `x2` equals the result, and what each of those that do gets of the cotangent."""
        old, new = np.equal(x1, y), np.equal(x2, getitem(y, x3))
        count = add_at(np.where(old, 1, 0), x3, np.where(new, 1, 0))
        return old, new, g / np.maximum(count, 1)

    def of_x(g, y, x1, x2, x3):
        old, _, share = shared(g, y, x1, x2, x3)
        return np.where(old, share, 0)

    def of_value(g, y, x1, x2, x3):
        _, new, share = shared(g, y, x1, x2, x3)
        return np.where(new, getitem(share, x3), 0)

    row = general(
        into, of_x, of_value, None, name=f"{ufunc.__name__}_into",
        examples="[4] [3] a[0,2,0]", batch=_all_at_once,
        js=f"extremeInto(Math.{ufunc.__name__[:3]}, {{x1}}, {{x2}}, {{x3}})",
    )

    def extreme_at(x, index, value, *, unique_indices=False):
        x, value = operand(x), _operand(value)
        x = x.astype(np.result_type(x.dtype, getattr(value, "dtype", value)))
        places = _flat_places(x, index)
        return row(x.reshape(-1), _for_each(places.shape, value).astype(x.dtype), places.reshape(-1)).reshape(x.shape)

    extreme_at.__doc__ = f"A copy of `x` with its {ufunc.__name__} with `value` at `index`; ties share the gradient."
    return row, composite(name=f"{ufunc.__name__}_at", examples=_PUT)(extreme_at)


def _all_at_once(b):
    """The vectors of all examples one after another."""
    x, value, k = (b.full(i) for i in range(3))
    k = k + x.shape[1] * np.arange(b.size)[:, None]
    return b(x.reshape(-1), value.reshape(-1), k.reshape(-1)).reshape(b.size, *b.shape)


maximum_into, maximum_at = _extreme(np.maximum)
minimum_into, minimum_at = _extreme(np.minimum)


def _rounds(ufunc, symbol, examples):
    """``ufunc.at`` as a function: an entry that occurs several times takes as many rounds."""

    def at(x, index, value):
        x, value = operand(x), _operand(value)
        x = x.astype(np.result_type(x.dtype, getattr(value, "dtype", value)))
        if _is_recorded(index):
            flat = x.reshape(-1)
            for places, v in _in_turn(x, index, value):
                flat = set_at(flat, places, ufunc(getitem(flat, places), v), unique_indices=True)
            return flat.reshape(x.shape)
        index, unique = canonical(index)
        if unique:
            return set_at(x, index, ufunc(x[index], value), unique_indices=True)
        where = positions(index, x.shape)
        value = _for_each(where.shape, value)
        where = where.reshape(-1)
        flat = x.reshape(-1)
        order = np.argsort(where, kind="stable")
        in_order = where[order]
        starts = np.searchsorted(in_order, in_order)
        turn = np.empty_like(order)
        turn[order] = np.arange(order.size) - starts  # how often the entry has occurred before
        for k in range(turn.max(initial=-1) + 1):
            now = np.flatnonzero(turn == k)
            flat = set_at(flat, where[now], ufunc(flat[where[now]], value[now]), unique_indices=True)
        return flat.reshape(x.shape)

    at.__doc__ = f"A copy of `x` with ``x[index] {symbol}= value``; applied twice to an entry that occurs twice."
    return composite(name=f"{ufunc.__name__}_at", examples=examples)(at)


def _positive(example):
    def positive(rng):
        (x, index, value), params = example(rng)
        return (abs(x) + 0.5, index, abs(value) + 0.5), params

    return positive


multiply_at = _rounds(np.multiply, "*", _PUT)
divide_at = _rounds(np.divide, "/", map(_positive, listed(_PUT)))
power_at = _rounds(np.power, "**", map(_positive, listed(_PUT)))
