"""Windows that slide over images, sequences or volumes: convolutions and pooling are written with these rows.

`unfold` writes each window as a column; a convolution is then one product of matrices. `fold` adds columns back where
they were cut out, so it is the transpose of `unfold`, and each is the other's rule. `max_pool` and `window_sum` reduce
each window to its largest entry or its sum. The gradient of a maximum goes to the entry that was the largest, of
several equal ones to the first, as in PyTorch; it is found in the backward pass. `unpool` puts numbers at such entries
and `pool_at` reads them, so these two are transposes as well.

All are loops over the places in a window, not over the windows: for one place, all windows together read one strided
slice. Arrays have the shape (n, channels, *sizes), with any number of sizes. A window is described by four tuples with
one entry for each axis that it slides along: `kernel`, its sizes; `stride`, how far it moves; `dilation`, how far its
entries are apart; and `padding`, the numbers of zeros before and after, as pairs.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..table import TABLE, Drawn, Primitive, at, constant, general, just, linear
from ..table.batching import merged

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def counts(sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Ints:
    """How many windows fit along each axis."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, d, (before, after) in zip(sizes, kernel, stride, dilation, padding, strict=True)
    )


@lru_cache(maxsize=64)
def read_at(windows, kernel, stride, dilation, padding):
    """For each place in a window, the slice of the padded array that all windows read there."""

    def read(place):
        along = zip(place, windows, stride, dilation, strict=True)
        return (slice(None), slice(None), *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, n, s, d in along))

    return tuple(map(read, product(*map(range, kernel))))


def _read(x, of, around=0.0):
    """For each place in a window, what all windows read there: views of the array with `around` around it."""
    windows, padding = counts(x.shape[2:], **of), of["padding"]
    if any(map(any, padding)):  # a third of the time of np.pad
        wide = np.full_like(x, around, shape=_wide_shape(x.shape, padding))  # in the layout of x
        wide[_inside(x.shape, padding)] = x
        x = wide
    return [x[entries] for entries in read_at(windows, **of)]


def _added(shape, dtype, of, add, out=None):
    """An array of this shape (`out`, if given) in which ``add(view, i)`` adds what belongs to place `i`."""
    windows, padding = counts(shape[2:], **of), of["padding"]
    wide_shape = _wide_shape(shape, padding)
    wide = _zeros(wide_shape, dtype, out)
    for i, entries in enumerate(read_at(windows, **of)):
        add(wide[entries], i)
    x = wide[_inside(shape, padding)] if wide_shape != shape else wide
    if out is not None and x is not out:
        np.copyto(out, x)
    return x


def _zeros(shape, dtype, out):
    """Zeros; in `out`, if that is an array of this shape."""
    if out is None or out.shape != shape:
        return np.zeros(shape, dtype)
    out.fill(0)
    return out


def _wide_shape(shape, padding):
    """The shape of the padded array."""
    return (*shape[:2], *(n + sum(pair) for n, pair in zip(shape[2:], padding, strict=True)))


def _inside(shape, padding):
    """Where the array lies in the padded one."""
    return (..., *(slice(before, before + n) for n, (before, _) in zip(shape[2:], padding, strict=True)))

# --------------------------------------------------------------------------------------------- how a window is given


def window(kernel: Any, stride: Any = None, dilation: Any = None, padding: Any = None) -> dict[str, Any]:
    """The four tuples of a window; by default 1, and 0 for the padding."""
    ones = (1,) * len(kernel)
    return {
        "kernel": tuple(kernel),
        "stride": tuple(stride or ones),
        "dilation": tuple(dilation or ones),
        "padding": tuple(tuple(pair) for pair in padding or [(0, 0)] * len(kernel)),
    }


def _bind(*xs, kernel, stride=None, dilation=None, padding=None, sizes=None):
    """`sizes` makes no difference: it is among the parameters of a transpose."""
    return xs, window(kernel, stride, dilation, padding)


def _bind_onto(*xs, kernel, stride=None, dilation=None, padding=None):
    """The last argument is the sizes of the result."""
    *arrays, sizes = xs
    return arrays, {"sizes": tuple(sizes), **window(kernel, stride, dilation, padding)}


_WINDOWS = (
    {"kernel": (2, 2)}, {"kernel": (2, 3), "stride": (2, 1), "padding": ((1, 0), (0, 2))},
    {"kernel": (2, 2), "dilation": (2, 1), "stride": (1, 2)},
)
_POOLS = ({"kernel": (2, 2), "stride": (2, 2)}, *_WINDOWS)
_OVER = "{kernel}, {stride}, {dilation}, {padding}"
# In a compiled program the batch axis is innermost in memory: slices are then long runs.
_INTO = "{x}, kernel={kernel}, stride={stride}, dilation={dilation}, padding={padding}, out={out})"


def _attributes(kernel, stride, dilation, padding):
    pads = [before for before, _ in padding] + [after for _, after in padding]
    return {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "pads": pads}

# ---------------------------------------------------------------------------------------------- windows as columns


def _unfold(x, out=None, **of):
    windows, places = counts(x.shape[2:], **of), _read(x, of)
    shape = (*x.shape[:2], len(places), *windows)
    columns = np.empty(shape, x.dtype) if out is None else out.reshape(shape, copy=False)
    for i, entries in enumerate(places):
        columns[:, :, i] = entries
    return columns.reshape(x.shape[0], x.shape[1] * len(places), prod(windows))


def _fold(columns, sizes, out=None, **of):
    n, size = columns.shape[0], prod(of["kernel"])
    shape = (n, columns.shape[1] // size, *sizes)
    columns = columns.reshape(*shape[:2], size, *counts(sizes, **of))
    return _added(shape, columns.dtype, of, lambda x, i: np.add(x, columns[:, :, i], x), out)


def _columns(shape, of):
    """An example: the columns of images of this shape."""
    return at(_unfold(np.zeros(shape), **window(**of)).shape, just(shape[2:]), **of)


def _one_place_each(channels, kernel, dtype):
    """The weights of a convolution that copies: for each channel and each place in a window, a one in that place."""
    size = prod(kernel)
    return np.tile(np.eye(size, dtype=dtype).reshape(size, 1, *kernel), (channels, 1, *(1 for _ in kernel)))


def _unfold_onnx(b, x, **of):
    channels, kernel = x.shape[1], of["kernel"]
    weight = b.constant(_one_place_each(channels, kernel, x.dtype))
    y = b("Conv", x, weight, group=channels, **_attributes(**of))
    return b("Reshape", y, b.shape([x.shape[0], channels * prod(kernel), prod(counts(x.shape[2:], **of))]))


unfold = linear(
    _unfold, lambda g, x_shape, params: fold(g, x_shape[2:], **params),
    name="unfold", bind=_bind, tex=r"\operatorname{{unfold}}({x})",
    examples=[*(at((2, 2, 3, 4), **of) for of in _WINDOWS), "1x2x5 kernel=3, stride=2,"],
    batch=merged, algebra="windows as columns", innermost=0, out=f"{{fn}}({_INTO}", onnx=_unfold_onnx,
)
def _fold_onnx(b, columns, sizes, **of):
    channels, windows = columns.shape[1] // prod(of["kernel"]), counts(sizes, **of)
    x = b("Reshape", columns, b.shape([columns.shape[0], columns.shape[1], *windows]))
    weight = b.constant(_one_place_each(channels, of["kernel"], columns.dtype))
    given = _attributes(**of)
    # What no window reaches at the end of an axis
    given["output_padding"] = [
        (n + before + after - d * (k - 1) - 1) % s
        for n, (before, after), k, s, d in zip(
            sizes, of["padding"], of["kernel"], of["stride"], of["dilation"], strict=True
        )
    ]
    return b("ConvTranspose", x, weight, group=channels, **given)


fold: Primitive = linear(
    _fold, lambda g, params: unfold(g, **params),
    name="fold", bind=_bind_onto, tex=r"\operatorname{{fold}}({x})",
    examples=[_columns((2, 2, 3, 4), of) for of in _WINDOWS],
    batch=merged, algebra="columns added up", innermost=0, out=f"{{fn}}({_INTO.replace('{x}', '{x}, {sizes}')}",
    onnx=_fold_onnx,
)

# ---------------------------------------------------------------------------------------------- the largest entry


def _max_pool(x, out=None, **of):
    first, *others = _read(x, of, -np.inf)
    y = np.empty(first.shape, x.dtype) if out is None else out
    np.copyto(y, first)
    for entries in others:
        np.maximum(y, entries, out=y)
    return y


def _window_argmax(x, y, out=None, **of):
    """The number of the first place in each window that holds its largest entry `y`.

    It is the count of the places before it, which takes a twentieth of the time of copying under a mask.
    """
    places = _read(x, of, -np.inf)
    before = np.ones_like(y, bool)  # in the layout of y
    k = _zeros(y.shape, np.int8 if len(places) < 128 else np.int32, out)
    for entries in places[:-1]:
        before &= entries != y
        k += before
    return k


def _unpool(g, k, sizes, out=None, **of):
    apart = all(d == 1 and s >= n for n, s, d in zip(of["kernel"], of["stride"], of["dilation"], strict=True))

    def add(x, i):
        if apart:  # no entry is in two windows
            np.multiply(g, k == i, x)
        else:
            x += g * (k == i)

    return _added((*g.shape[:2], *sizes), g.dtype, of, add, out)


def _pool_at(x, k, **of):
    y = np.zeros(k.shape, x.dtype)
    for i, entries in enumerate(_read(x, of)):
        np.copyto(y, entries, where=k == i)
    return y


constant(
    _window_argmax, name="window_argmax", bind=_bind,
    js=f"windowArgmax({{x1}}, {{x2}}, {_OVER})", batch=merged, algebra="place of the largest", innermost=0,
    out=f"{{fn}}({{x1}}, {_INTO.replace('{x}', '{x2}')}",
)
window_argmax = TABLE["window_argmax"]


def _max_pool_pull(g, y, x, params):
    return unpool(g, window_argmax(x, y, **params), x.shape[2:], **params)


def _random_places(shape, of):
    """In each window over an image of this shape, the number of a place."""

    def draw(rng):
        x, windows = rng.normal(size=shape), window(**of)
        return _window_argmax(x, _max_pool(x, **windows), **windows)

    return Drawn(draw)


def _windows_shape(shape, of):
    """The shape with one entry for each window over an image of this shape."""
    return *shape[:2], *counts(shape[2:], **window(**of))


_IMAGE = (2, 1, 4, 4)
max_pool = general(
    _max_pool, _max_pool_pull, name="max_pool", bind=_bind, tex=r"\max_{{window}} {x}",
    examples=[at((2, 2, 4, 4), **of) for of in _POOLS],
    js=f"maxPool({{x}}, {_OVER})", batch=merged, algebra="largest of windows", innermost=0, out=f"{{fn}}({_INTO}",
    onnx=lambda b, x, **of: b("MaxPool", x, **_attributes(**of)),
)
unpool = linear(
    _unpool, lambda g, x2, params: pool_at(g, x2, **params), None, name="unpool", bind=_bind_onto,
    examples=[at(_windows_shape(_IMAGE, of), _random_places(_IMAGE, of), just((4, 4)), **of) for of in _POOLS],
    js=f"unpool({{x1}}, {{x2}}, {{sizes}}, {_OVER})", batch=merged, algebra="at the largest", innermost=0,
    out=f"{{fn}}({{x1}}, {_INTO.replace('{x}', '{x2}, {sizes}')}",
)
pool_at: Primitive = linear(
    _pool_at, lambda g, x2, x1_shape, params: unpool(g, x2, x1_shape[2:], **params), None, name="pool_at", bind=_bind,
    examples=[at(_IMAGE, _random_places(_IMAGE, of), **of) for of in _POOLS], batch=merged,
)

# ------------------------------------------------------------------------------------------------------ the sum


def _window_sum(x, **of):
    first, *others = _read(x, of)
    y = np.copy(first)
    for entries in others:
        y += entries
    return y


def _window_spread(g, sizes, **of):
    return _added((*g.shape[:2], *sizes), g.dtype, of, lambda x, i: np.add(x, g, x))


def _sum_onnx(b, x, **of):
    weight = b.constant(np.ones((x.shape[1], 1, *of["kernel"]), x.dtype))
    return b("Conv", x, weight, group=x.shape[1], **_attributes(**of))


window_sum = linear(
    _window_sum, lambda g, x_shape, params: window_spread(g, x_shape[2:], **params),
    name="window_sum", bind=_bind, tex=r"\sum_{{window}} {x}",
    examples=[at((2, 2, 4, 4), **of) for of in _POOLS], batch=merged, onnx=_sum_onnx,
)
window_spread: Primitive = linear(
    _window_spread, lambda g, params: window_sum(g, **params), name="window_spread", bind=_bind_onto,
    examples=[at(_windows_shape(_IMAGE, of), just((4, 4)), **of) for of in _POOLS], batch=merged,
)
