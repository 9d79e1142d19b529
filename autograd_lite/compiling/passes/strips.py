"""Strips: a convolution as products of matrices that overlap in memory.

Windows are cut out along all of their axes but the first. A strip has the entries at one place of the first axis: it is
a matrix with a row for each place in a window and each channel, and a column for each window and each example. The
columns of windows of `k` strips are then `k` strips that follow one another in memory, so those of all windows are a
view, in which each strip appears `k` times::

    images (n, channels, h, w)  ->  strips (h, rows, length)  ->  columns (windows, k * rows, length), a view

Compared with columns that are written out, a `k`-th of the entries is copied. The gradient with respect to the images
is a convolution as well, of the strips of the cotangent, with the weights in reverse order. With a stride along the
first axis, the places of each strip in the columns are added up instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...rules.windows import Ints, Pairs, counts
from ...table import Primitive

SHORT = 32  # columns of a strip below which one product with all columns is faster


def shape_of(shape: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Ints | None:
    """The shape of the strips of images of this shape; None if strips are impossible or not worthwhile."""
    if len(kernel) == 1 or dilation[0] != 1 or 0 in shape:
        return None
    length = prod(counts(shape[2:], kernel, stride, dilation, padding)[1:]) * shape[0]
    return (shape[2] + sum(padding[0]), prod(kernel[1:]) * shape[1], length) if length >= SHORT else None


class _Plan(NamedTuple):
    """How strips and images of one shape correspond."""

    strips: Ints  # the shape with all axes: h, places, channels, windows, examples
    axes: Ints  # of images: h, channels, sizes, examples
    inside: slice  # along h: strips that are not padding
    places: tuple[tuple[Any, Any], ...]  # for each place in a window: what it is in the strips, and in the images


@lru_cache(maxsize=64)
def _plan(shape: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> _Plan:
    before, _ = padding[0]
    along = tuple(zip(shape[3:], kernel[1:], stride[1:], dilation[1:], padding[1:], strict=True))
    windows = counts(*map(tuple, zip(*along, strict=True)))
    places = []
    for place in product(*map(range, kernel[1:])):
        slices = [_slices(i, count, *rest) for i, count, rest in zip(place, windows, along, strict=True)]
        places.append((
            (slice(None), *place, slice(None), *(w for w, _ in slices)), (..., *(x for _, x in slices), slice(None))
        ))  # fmt: skip
    whole = -1, *kernel[1:], shape[1], *windows, shape[0]
    return _Plan(whole, (2, 1, *range(3, len(shape)), 0), slice(before, before + shape[2]), tuple(places))


def slices(shape: Ints, **of: Any) -> tuple[Ints, list[Any]]:
    """The order of axes in which images are cut, and what is cut out for each place in a window."""
    plan = _plan(shape, **of)
    return plan.axes, [entries for _, entries in plan.places]


def added(x: Any, images: Any, shape: Ints, **of: Any) -> Iterator[tuple[Any, Any]]:
    """For each place in a window, what is added up in `_put`: views of the strips and of the images."""
    plan = _plan(shape, **of)
    split, images = x.reshape(plan.strips)[plan.inside], images.transpose(plan.axes)
    for windows, entries in plan.places:
        yield split[windows], images[entries]


def _slices(i: int, count: int, size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> Any:
    """The windows whose entry `i` is inside an axis, and where these entries are."""
    at = i * dilation - padding[0]
    first = max(0, -(at // stride))
    stop = max(first, min(count, (size - 1 - at) // stride + 1))
    return slice(first, stop), slice(first * stride + at, max(stop * stride + at - stride + 1, 0), stride)


def _cut(x: np.ndarray, out: np.ndarray | None = None, **of: Any) -> Any:
    plan = _plan(x.shape, **of)
    shape: Any = shape_of(x.shape, **of)
    strips = np.empty(shape, x.dtype) if out is None else out
    if any(map(any, of["padding"])):
        strips.fill(0)
    split, x = strips.reshape(plan.strips)[plan.inside], x.transpose(plan.axes)
    for windows, entries in plan.places:
        split[windows] = x[entries]
    return strips


def _put(strips: np.ndarray, shape: Ints, out: np.ndarray | None = None, **of: Any) -> Any:
    """The transpose of `_cut`: strips added up at their places in images of this shape."""
    images = np.empty(shape, strips.dtype) if out is None else out
    images.fill(0)
    for k, (new, part) in enumerate(added(strips, images, shape, **of)):
        np.add(part, new, out=part) if k else np.copyto(part, new)
    return images


def _overlapping(strips: np.ndarray, size: int, stride: int = 1) -> Any:
    """For each window the `size` strips that it reads, as one matrix: a view."""
    h, rows, length = strips.shape
    a, b, c = strips.strides
    return as_strided(strips, ((h - size) // stride + 1, size * rows, length), (a * stride, b, c))


def _added_up(columns: np.ndarray, h: int, size: int, stride: int, out: np.ndarray | None = None) -> Any:
    """The transpose of `_overlapping`: each of the `h` strips is the sum of its places in the columns."""
    windows, rows, length = columns.shape
    rows //= size
    strips = np.empty((h, rows, length), columns.dtype) if out is None else out
    strips.fill(0)
    for i in range(size):
        part = strips[i::stride][:windows]
        np.add(part, columns[:, i * rows : (i + 1) * rows], out=part)
    return strips


def _between_zeros(x: np.ndarray, before: int, after: int, out: np.ndarray | None = None) -> Any:
    """Strips (rows, windows, length) as (windows, rows, length), with zeros before and after the windows."""
    rows, windows, length = x.shape
    strips = np.empty((before + windows + after, rows, length), x.dtype) if out is None else out
    strips[:before] = 0
    strips[before : before + windows] = x.swapaxes(0, 1)
    strips[before + windows :] = 0
    return strips


def _row(fn: Any, name: str, **options: Any) -> Primitive:
    return Primitive("linear", fn, (None,), name=name, bind=lambda x, **params: ((x,), params), **options)


_WINDOWS = "kernel={kernel}, stride={stride}, dilation={dilation}, padding={padding}"

CUT = _row(_cut, "strips", algebra="strips", out=f"{{fn}}({{x}}, {_WINDOWS}, out={{out}})")
PUT = _row(
    _put, "strips_added", algebra="strips added up", innermost=0,
    out=f"{{fn}}({{x}}, {{shape}}, {_WINDOWS}, out={{out}})",
)  # fmt: skip
OVERLAPPING = _row(_overlapping, "overlapping", view=True)
ADDED_UP = _row(_added_up, "overlapping_added", out="{fn}({x}, {h}, {size}, {stride}, out={out})")
BETWEEN_ZEROS = _row(
    _between_zeros, "between_zeros", algebra="between zeros", out="{fn}({x}, {before}, {after}, out={out})"
)
