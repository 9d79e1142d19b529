"""Reading and assigning in a batch: where the batch axis goes in an index.

NumPy puts the axes of the arrays in an index where the first of them stands, or in front if a slice is between them.
A batch has one more axis, and possibly different positions for each example; the rules here keep track of both.
"""

import numpy as np

from ..table.batching import padded
from .indexing import (
    Slot,
    add_at,
    arrays_in,
    gather_at,
    getitem,
    into_zeros,
    scatter_at,
    set_at,
    taken_shape,
    zero_at,
)


def _each(index, lead=slice(None)):
    """An index into an example as one into a batch."""
    return (lead, *index) if type(index) is tuple else (lead, index)


def _getitem(b):
    _, count, apart = arrays_in(b.params["index"], b.ndim(0))
    y = b(b.xs[0], index=_each(b.params["index"]))
    return np.moveaxis(y, count, 0) if apart else y


def _into_zeros(b):
    index, shape = b.params["index"], b.params["shape"]
    _, count, apart = arrays_in(index, len(shape))
    g = np.moveaxis(b.xs[0], 0, count) if apart else b.xs[0]
    return b(g, index=_each(index), shape=(b.size, *shape))


def _assigned(b):
    """An assignment: the value broadcasts to what it replaces."""
    index = b.params["index"]
    taken = len(taken_shape(index, b.shape))
    _, count, apart = arrays_in(index, len(b.shape))
    value = b.full(1) if apart else b.xs[1]
    if apart or b.on[1]:
        value = padded(value, True, taken)
        value = value.reshape(b.size, *value.shape[value.ndim - taken :])
    return b(b.full(0), np.moveaxis(value, 0, count) if apart else value, index=_each(index))


def _slots(k, on, index, ndim, size):
    """The positions `k` in an index into an array of `ndim` axes, in the form that a batch of arrays takes.

    Returns
    -------
    k, index
        As arguments of the row.
    place, count : int
        Where the axes of the positions are in one example, and how many.
    """
    several = any(isinstance(p, Slot) and p.j is not None for p in index)
    place, count, _ = arrays_in(index, ndim, k.ndim - on - several)
    if not on:
        return k, _each(index), place, count
    if several:  # (examples, arrays, *positions)
        k = np.moveaxis(k.reshape(*k.shape[:2], *(1,) * (count + 2 - k.ndim), *k.shape[2:]), 1, 0)
    else:
        k = padded(k, True, count)
    return k, _each(index, np.arange(size).reshape(size, *(1,) * count)), place, count


def _gather_at(b):
    k, index, place, count = _slots(b.xs[1], b.on[1], b.params["index"], b.ndim(0), b.size)
    if b.on[1]:  # the examples and the positions are read together, and stand in front
        y = b(b.full(0), k, index=index)
        return np.moveaxis(y, range(1, 1 + count), range(1 + place, 1 + place + count)) if place else y
    apart = arrays_in(b.params["index"], b.ndim(0), count)[2]
    y = b(b.xs[0], k, index=index)
    return np.moveaxis(y, count, 0) if apart else y


def _scatter_at(b):
    g, shape = b.full(0), (b.size, *b.params["shape"])
    k, index, place, count = _slots(b.xs[1], b.on[1], b.params["index"], len(shape) - 1, b.size)
    if b.on[1]:
        g = np.moveaxis(g, range(1 + place, 1 + place + count), range(1, 1 + count)) if place else g
    elif arrays_in(b.params["index"], len(shape) - 1, count)[2]:
        g = np.moveaxis(g, 0, count)
    return b(g, k, index=index, shape=shape)


def _zero_at(b):
    k, index, _, _ = _slots(b.xs[1], b.on[1], b.params["index"], b.ndim(0), b.size)
    return b(b.full(0), k, index=index)


getitem.attach(batch=_getitem)
into_zeros.attach(batch=_into_zeros)
gather_at.attach(batch=_gather_at)
scatter_at.attach(batch=_scatter_at)
zero_at.attach(batch=_zero_at)
set_at.attach(batch=_assigned)
add_at.attach(batch=_assigned)
