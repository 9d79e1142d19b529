"""Windows that slide over images (or sequences, or volumes): cut out into columns, and laid back.

`unfold` writes each window as a column; a convolution is then one product of matrices. `fold` adds
columns back where they were cut out, so it is the transpose of `unfold`, and each is the other's rule.
Both are a loop over the places in the window, not over the windows: for one place, all the windows
together read one strided slice.

Arrays have the shape (n, channels, *sizes), with any number of sizes. A window is described by four
tuples, one entry for each axis it slides along: `kernel` its sizes, `stride` how far it moves, `dilation`
how far its entries are apart, and `padding` how many zeros lie before and behind, as pairs.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..table import Primitive, linear

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def counts(sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Ints:
    """How many windows fit along each axis."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, d, (before, after) in zip(sizes, kernel, stride, dilation, padding, strict=True)
    )


@lru_cache(maxsize=64)
def places(windows: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> tuple[tuple[Ints, Any], ...]:
    """Each place in a window, and the slice of the padded array that all windows read there."""
    whole = slice(None)
    return tuple(
        (
            k,
            (
                whole,
                whole,
                *(
                    slice(i * d, i * d + (n - 1) * s + 1, s)
                    for i, n, s, d in zip(k, windows, stride, dilation, strict=True)
                ),
            ),
        )
        for k in product(*map(range, kernel))
    )


def padded(x: Any, padding: Pairs, value: float = 0.0) -> Any:
    """The array with `value` around it (a third of the time of np.pad)."""
    if not any(map(any, padding)):
        return x
    wide = np.full(wide_shape(x.shape, padding), value, x.dtype)
    wide[inside(x.shape, padding)] = x
    return wide


def wide_shape(shape: Ints, padding: Pairs) -> Ints:
    """The shape of the padded array."""
    return (*shape[:2], *(n + sum(pair) for n, pair in zip(shape[2:], padding, strict=True)))


def inside(shape: Ints, padding: Pairs) -> Any:
    """Where the array lies in the padded one."""
    return (..., *(slice(before, before + n) for n, (before, _) in zip(shape[2:], padding, strict=True)))


def cropped(wide: Any, shape: Ints, padding: Pairs) -> Any:
    """The array without what was put around it."""
    return wide[inside(shape, padding)] if any(map(any, padding)) else wide


def _unfold(x: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    windows = counts(x.shape[2:], kernel, stride, dilation, padding)
    x = padded(x, padding)
    columns: Any = np.empty((*x.shape[:2], *kernel, *windows), x.dtype)
    for k, at in places(windows, kernel, stride, dilation):
        columns[:, :, *k] = x[at]
    return columns.reshape(x.shape[0], x.shape[1] * prod(kernel), prod(windows))


def _fold(columns: Any, sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    windows = counts(sizes, kernel, stride, dilation, padding)
    shape = (columns.shape[0], columns.shape[1] // prod(kernel), *sizes)
    columns = columns.reshape(*shape[:2], *kernel, *windows)
    x = np.zeros(wide_shape(shape, padding), columns.dtype)
    for k, at in places(windows, kernel, stride, dilation):
        x[at] += columns[:, :, *k]
    return cropped(x, shape, padding)


def window(kernel: Any, stride: Any = None, dilation: Any = None, padding: Any = None) -> dict[str, Any]:
    """The four tuples of a window; what is left out is 1, or 0 for the padding."""
    ones = (1,) * len(kernel)
    return {
        "kernel": tuple(kernel),
        "stride": tuple(stride or ones),
        "dilation": tuple(dilation or ones),
        "padding": tuple(tuple(pair) for pair in padding or [(0, 0)] * len(kernel)),
    }


def _bind_unfold(x: Any, **of: Any) -> Any:
    return (x,), window(**of)


def _bind_fold(columns: Any, sizes: Any, **of: Any) -> Any:
    return (columns,), {"sizes": tuple(sizes), **window(**of)}


WINDOWS: tuple[dict[str, Any], ...] = (
    {"kernel": (2, 2)},
    {"kernel": (2, 3), "stride": (2, 1), "padding": ((1, 0), (0, 2))},
    {"kernel": (2, 2), "dilation": (2, 1), "stride": (1, 2)},
)


def _images(*shape: int) -> tuple[Any, ...]:
    """Examples: images and windows over them; and a sequence."""
    return (
        *(lambda rng, of=of: ((rng.normal(size=shape),), of) for of in WINDOWS),
        lambda rng: ((rng.normal(size=(1, 2, 5)),), {"kernel": (3,), "stride": (2,)}),
    )


def _columns(of: dict[str, Any]) -> Any:
    """An example: the columns that images of 3 by 4 have."""
    shape = _unfold(np.zeros((2, 2, 3, 4)), **window(**of)).shape
    return lambda rng: ((rng.normal(size=shape),), {"sizes": (3, 4), **of})


unfold: Primitive = linear(
    _unfold,
    lambda g, x_shape, kernel, stride, dilation, padding: fold(
        g, x_shape[2:], kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    name="unfold",
    bind=lambda x, *, kernel, stride=None, dilation=None, padding=None: _bind_unfold(
        x, kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    tex=r"\operatorname{{unfold}}({x})",
    examples=_images(2, 2, 3, 4),
)
fold: Primitive = linear(
    _fold,
    lambda g, kernel, stride, dilation, padding: unfold(
        g, kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    name="fold",
    bind=lambda columns, sizes, *, kernel, stride=None, dilation=None, padding=None: _bind_fold(
        columns, sizes, kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    tex=r"\operatorname{{fold}}({x})",
    examples=tuple(map(_columns, WINDOWS)),
)
