"""Sorting, searching and sets.

The order of the entries is piecewise constant, so a sort is an index, found by `argsort`, and a `getitem`, whose rule
is its derivative. Equal entries keep their order; of several equal entries `unique` takes the first.
"""

import inspect
from functools import lru_cache
from itertools import compress
from math import prod
from typing import Any

import numpy as np

from ..table import TABLE, Textbook, at, composite, constant, just, linear, notation
from ..table.batching import ALIGNED, along as along_axis, shifted
from ._arrays import is_tensor, operand, raw, refuse_out
from .indexing import getitem, on_axis
from .joining import flat_or
from .selection import along, as_positions

__all__ = [
    "argpartition", "argsort", "bincount", "intersect1d", "ix_", "lexsort", "nonzero", "partition", "setdiff1d",
    "setxor1d", "sort", "sort_complex", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse",
    "unique_values",
]

# ---------------------------------------------------------------------------------------- positions: constant


def by_signature(fn, *arrays):
    """A bind with the signature of `fn`; `arrays` are the names of its array arguments."""

    def bind(*args, **params):
        given = _signature(fn).bind(*args, **params).arguments
        refuse_out(given.pop("out", None))
        xs = tuple(given.pop(name) for name in arrays)
        return xs, {k: np.asarray(v) if is_tensor(v) else v for k, v in given.items()}

    bind.__wrapped__ = fn  # type: ignore[attr-defined]  # for inspect.signature
    return bind


_signature = lru_cache(maxsize=None)(inspect.signature)  # at the first call, because a hundred of them slow the import


def _batched_search(b):
    """Each example's positions in a sorted array of its own: the number of entries that are smaller."""
    a, v = b.xs
    if not b.on[0]:
        return b(a, v)
    if (order := b.params.get("sorter")) is not None:
        a = a[:, order]
    a, v = b.lifted(0, b.ndim(1) + 1), np.expand_dims(v, -1)
    before = (a < v) if b.params.get("side", "left") == "left" else (a <= v) | np.isnan(v)
    return np.sum(before | (np.isnan(v) & ~np.isnan(a)), axis=-1)


def _batched_digitize(b):
    x, bins = b.xs
    if not b.on[1]:
        return b(x, bins)
    bins, x, right = b.lifted(1, b.ndim(0) + 1), np.expand_dims(x, -1), b.params.get("right", False)
    falling = bins[..., :1] > bins[..., -1:]
    beyond = np.where(falling, x < bins, x > bins)
    return np.sum(beyond | (x == bins if right is False else False), axis=-1)


def _batched_isin(b):
    element, others = b.xs
    if not b.on[1]:
        return b(element, others)
    others = others.reshape(b.size, *(1,) * b.ndim(0), prod(others.shape[1:]))
    found = np.any(element[..., None] == others, axis=-1)
    return ~found if b.params.get("invert", False) else found


_BINS = np.array([-1.0, 0.0, 1.0])
for _fn, _batch, _examples, *_arrays in (
    (np.argsort, along_axis, (), "a"), (np.argpartition, along_axis, ("[5] 2",), "a"),
    (np.argwhere, None, (), "a"), (np.flatnonzero, None, (), "a"),
    (np.searchsorted, _batched_search, (at(_BINS, (3,)),), "a", "v"),
    (np.digitize, _batched_digitize, (at((3,), _BINS),), "x", "bins"),
    (np.isin, _batched_isin, ("a[1,2,3] a[2,5]",), "element", "test_elements"),
):
    constant(_fn, bind=by_signature(_fn, *_arrays), batch=_batch, examples=_examples)
constant(np.nonzero, bind=by_signature(np.nonzero, "a"), outputs=True, algebra="positions")

# The signatures of these are written out, since before NumPy 2.4 functions in C have none.
constant(
    np.packbits, bind=lambda a, /, axis=None, bitorder="big": ((a,), {"axis": axis, "bitorder": bitorder}),
    batch=along_axis,
)
constant(
    np.unpackbits,
    bind=lambda a, /, axis=None, count=None, bitorder="big": (
        (a,), {"axis": axis, "count": count, "bitorder": bitorder}
    ),
    batch=along_axis, examples=(at(np.array([5], np.uint8)),),
)
constant(
    np.ravel_multi_index,
    bind=lambda multi_index, dims, mode="raise", order="C": (
        (multi_index,), {"dims": dims, "mode": mode, "order": order}
    ),
    batch=lambda b: b(np.moveaxis(b.xs[0], 1, 0)),
    examples=(at([np.array([0, 1]), np.array([2, 0])], just((2, 3))),),
)
constant(
    np.unravel_index,
    bind=lambda indices, shape, order="C": ((indices,), {"shape": shape, "order": order}),
    outputs=True, batch=ALIGNED, examples="a[1,5] (2,3)",
)
argsort, argpartition, nonzero = TABLE["argsort"], TABLE["argpartition"], TABLE["nonzero"]
for _row in (argsort, argpartition):  # a full sort has the partition's entries too
    _row.attach(js="argsort({x}, {axis})")


@composite(np.lexsort, examples=(lambda rng: (((rng.normal(size=4), rng.normal(size=4)),), {}), "2x2x3 axis=0"))
def lexsort(keys, axis=-1):
    return _lexsort(np.stack([operand(key) for key in keys]), axis)


@composite(np.ix_, examples="[0,2] a[True,False,True]")
def ix_(*args):
    n = len(args)
    found = [as_positions(a) if np.size(a) == 0 else operand(a) for a in args]
    if any(k.ndim != 1 for k in found):
        raise ValueError("ix_: cross index must be 1 dimensional")
    places = [np.nonzero(k)[0] if k.dtype.kind == "b" else k for k in found]
    return tuple(np.reshape(k, [-1 if j == i else 1 for j in range(n)]) for i, k in enumerate(places))


# ---------------------------------------------------------------------------------------------------- sorting


def _ordered(a, axis, order):
    a, axis = flat_or(a, axis)
    return getitem(a, along(order(a, axis), axis, a.shape), unique_indices=True)


def _refuse(name, order):
    if order is not None:
        raise TypeError(f"{name}: order= is for arrays with named fields; omit it")


def _unsorted(g, a, axis):
    return np.take_along_axis(g, np.argsort(np.argsort(a, axis, kind="stable"), axis), axis)


notation("unsorted", "{x1} in the places of {x2}", r"{x1} \text{{ in the places of }} {x2}", _unsorted)


def _sort_textbook(a, axis, **other):
    whole = axis in (-1, len(a.shape) - 1)
    return axis is not None and Textbook(f"sort(a{'' if whole else ', axis'})", a="unsorted(g, a, axis)") or None


@composite(
    np.sort, examples="2x3; 3x2 0; axis=None stable=True; 0x3", pair=1,
    unlike_torch="PyTorch's returns positions too: write np.sort(x, axis=...) and np.argsort(x, axis=...)",
    textbook=_sort_textbook,
)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    _refuse("sort", order)
    if type(kind) is bool:
        raise TypeError(f"sort: expected kind as a str, got {kind}; PyTorch's descending is np.flip(np.sort(x), -1)")
    return _ordered(a, axis, lambda a, axis: np.argsort(a, axis, kind="stable"))


@composite(np.partition, examples="2x4 1; [5] (0,3) axis=None")
def partition(a, kth, axis=-1, kind="introselect", order=None):
    _refuse("partition", order)
    return _ordered(a, axis, lambda a, axis: np.argpartition(a, kth, axis))


@composite(np.sort_complex, examples="[4]j; [4]")
def sort_complex(a):
    a = operand(a)
    if a.dtype.kind != "c":
        a = a.astype("F" if a.dtype.char in "bhBH" else "G" if a.dtype.char == "g" else "D")
    return np.sort(a)


# ------------------------------------------------------------------------------------------------------- sets


def _of(numpy_function, name, **options):
    """A constant row for the positions that a function returns with its values."""
    constant(numpy_function, name=name, bind=lambda *xs, **params: (xs, params), **options)
    return TABLE[name]


_TWO_SETS = ("[4] [3]; 2x3 [2]",)
_lexsort = _of(
    lambda keys, axis: np.lexsort(tuple(keys), axis), "lexsort_of",
    batch=lambda b: b(np.moveaxis(b.xs[0], 1, 0), shifted(b.xs[1], 0)),
)
_unique_in = _of(
    lambda a, axis, equal_nan: np.unique(a, True, True, True, axis=axis, equal_nan=equal_nan)[1:], "unique_positions",
    outputs=True,
)
_common_in = _of(
    lambda a, b, assume_unique: np.intersect1d(a, b, assume_unique, return_indices=True)[1:], "common_positions",
    outputs=True,
)


@composite(np.unique, examples="2x3; 2x3 True True True axis=0")
def unique(
    ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, sorted=True,
):
    positions = _unique_in(operand(ar), axis=axis, equal_nan=equal_nan)
    ar, at = flat_or(ar, axis)
    values = getitem(ar, on_axis(at, positions[0]), unique_indices=True)
    wanted = (return_index, return_inverse, return_counts)
    return (values, *compress(positions, wanted)) if any(wanted) else values


def _unique_as(fn, *fields):
    kind: Any = type(fn(np.zeros(0))) if fields else None

    def answer(x):
        values, *parts = unique(x, True, True, True, equal_nan=False)
        found = dict(zip(("indices", "inverse_indices", "counts"), parts, strict=True))
        if "inverse_indices" in fields:
            found["inverse_indices"] = np.reshape(found["inverse_indices"], np.shape(x))
        return kind(values, *(found[f] for f in fields)) if fields else values

    return composite(fn, examples="2x3")(answer)


unique_values = _unique_as(np.unique_values)
unique_counts = _unique_as(np.unique_counts, "counts")
unique_inverse = _unique_as(np.unique_inverse, "inverse_indices")
unique_all = _unique_as(np.unique_all, "indices", "inverse_indices", "counts")


@composite(np.union1d, examples=_TWO_SETS)
def union1d(ar1, ar2):
    return np.unique(np.concatenate([operand(ar1), operand(ar2)], axis=None))


@composite(
    np.intersect1d,
    examples="a[1.0,2.0,3.0] [3.0,0.5,1.0]; [1.0,2.0] a[3.0,1.0] return_indices=True",
)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    ar1, ar2 = np.ravel(operand(ar1)), np.ravel(operand(ar2))
    k1, k2 = _common_in(ar1, ar2, assume_unique=assume_unique)
    values = getitem(ar1, k1, unique_indices=True)
    return (values, k1, k2) if return_indices else values


@composite(np.setdiff1d, examples=_TWO_SETS)
def setdiff1d(ar1, ar2, assume_unique=False):
    ar1 = np.ravel(operand(ar1)) if assume_unique else np.unique(operand(ar1))
    return ar1[np.isin(ar1, operand(ar2), assume_unique=assume_unique, invert=True)]


@composite(np.setxor1d, examples=_TWO_SETS)
def setxor1d(ar1, ar2, assume_unique=False):
    sides = [np.ravel(operand(a)) if assume_unique else np.unique(operand(a)) for a in (ar1, ar2)]
    values, counts = np.unique(np.concatenate(sides), return_counts=True)
    return values[counts == 1]


# --------------------------------------------------------------------------------------------------- counting


def _bind_bincount(x, /, weights=None, minlength=0):
    return (x,) if weights is None else (x, weights), {"minlength": minlength}


def _batched_bincount(b):
    """All examples are counted at once, each in bins of its own."""
    (n,) = b.shape
    x, *weights = (b.full(k) for k in range(len(b.xs)))
    if np.max(raw(x), initial=-1) >= n:
        raise ValueError(
            f"vmap: the length of bincount depends on values: it is {n} for the first example, and another one needs "
            f"{np.max(raw(x)) + 1}. Give minlength= the number of bins"
        )
    own = (x + n * np.arange(b.size)[:, None]).reshape(-1)
    return b(own, *(w.reshape(-1) for w in weights), minlength=b.size * n).reshape(b.size, n)


bincount = linear(
    # in the weights
    np.bincount, None, lambda g, x1: g[x1],
    bind=_bind_bincount,
    examples="a[0,2,0,5] [4] minlength=7",
    batch=_batched_bincount,
)
