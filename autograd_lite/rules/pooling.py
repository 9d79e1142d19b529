"""What pooling layers make of each window: its largest entry, or the sum of its entries.

The windows are those of :mod:`~autograd_lite.rules.convolution`. The gradient of a maximum goes to the
entry that was the largest, of several equal ones to the first, as in PyTorch. Which entry that was is
found on the way back; `unpool` lays numbers down at such entries and `pool_at` picks them up, so these
two are each other's transpose.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..table import TABLE, Primitive, constant, general, linear
from .convolution import (
    WINDOWS,
    Ints,
    Pairs,
    counts,
    cropped,
    padded,
    places,
    wide_shape,
    window,
)


def _bind(x: Any, *, kernel: Any, stride: Any = None, dilation: Any = None, padding: Any = None) -> Any:
    return (x,), window(kernel, stride, dilation, padding)


def _bind_at(
    x: Any, k: Any, *, kernel: Any, stride: Any = None, dilation: Any = None, padding: Any = None
) -> Any:
    return (x, k), window(kernel, stride, dilation, padding)


def _bind_onto(
    g: Any, *, sizes: Any, kernel: Any, stride: Any = None, dilation: Any = None, padding: Any = None
) -> Any:
    return (g,), {"sizes": tuple(sizes), **window(kernel, stride, dilation, padding)}


def _bind_unpool(
    g: Any,
    k: Any,
    *,
    sizes: Any,
    kernel: Any,
    stride: Any = None,
    dilation: Any = None,
    padding: Any = None,
) -> Any:
    return (g, k), {"sizes": tuple(sizes), **window(kernel, stride, dilation, padding)}


# ---------------------------------------------------------------------------------------------- the largest


def _max_pool(x: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    windows = counts(x.shape[2:], kernel, stride, dilation, padding)
    x = padded(x, padding, -np.inf)
    y: Any = None
    for _, at in places(windows, kernel, stride, dilation):
        y = x[at].copy() if y is None else np.maximum(y, x[at], out=y)
    return y


def _window_argmax(x: Any, y: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    """The number of the place in each window at which its largest entry `y` first is.

    That is how many places come before it, which are counted: a twentieth of the time of copying under a
    mask.
    """
    x = padded(x, padding, -np.inf)
    before = np.ones(y.shape, bool)
    k = np.zeros(y.shape, np.int8 if prod(kernel) < 128 else np.int32)
    for _, at in places(y.shape[2:], kernel, stride, dilation)[:-1]:
        before &= x[at] != y
        k += before
    return k


def _unpool(g: Any, k: Any, sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    shape = (*g.shape[:2], *sizes)
    x = np.zeros(wide_shape(shape, padding), g.dtype)
    apart = all(d == 1 and s >= n for n, s, d in zip(kernel, stride, dilation, strict=True))
    for i, (_, at) in enumerate(places(g.shape[2:], kernel, stride, dilation)):
        if apart:  # no entry is in two windows
            np.multiply(g, k == i, x[at])
        else:
            x[at] += g * (k == i)
    return cropped(x, shape, padding)


def _pool_at(x: Any, k: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    x = padded(x, padding)
    y = np.zeros(k.shape, x.dtype)
    for i, (_, at) in enumerate(places(k.shape[2:], kernel, stride, dilation)):
        np.copyto(y, x[at], where=k == i)
    return y


constant(_window_argmax, name="window_argmax", bind=_bind_at)
window_argmax = TABLE["window_argmax"]


def _max_pool_pull(
    g: Any, y: Any, x: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs
) -> Any:
    of: dict[str, Any] = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    return unpool(g, window_argmax(x, y, **of), sizes=x.shape[2:], **of)


def _drawn(rng: Any, shape: Ints, **of: Any) -> Any:
    """In each window over an image the number of a place."""
    x, windows = rng.normal(size=shape), window(**of)
    return _window_argmax(x, _max_pool(x, **windows), **windows)


def _places(shape: Ints, **of: Any) -> Any:
    """Examples of windows over images, and in each window the number of a place."""

    def example(rng: Any) -> Any:
        k = _drawn(rng, shape, **of)
        return (rng.normal(size=k.shape), k), {"sizes": shape[2:], **of}

    return example


def _picked(shape: Ints, **of: Any) -> Any:
    def example(rng: Any) -> Any:
        return (rng.normal(size=shape), _drawn(rng, shape, **of)), of

    return example


_OVER = ({"kernel": (2, 2), "stride": (2, 2)}, *WINDOWS)
max_pool = general(
    _max_pool,
    _max_pool_pull,
    name="max_pool",
    bind=_bind,
    tex=r"\max_{{window}} {x}",
    examples=tuple(lambda rng, of=of: ((rng.normal(size=(2, 2, 4, 4)),), of) for of in _OVER),
)
unpool: Primitive = linear(
    _unpool,
    lambda g, x2, kernel, stride, dilation, padding: pool_at(
        g, x2, kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    None,
    name="unpool",
    bind=_bind_unpool,
    examples=tuple(_places((2, 1, 4, 4), **of) for of in _OVER),
)
pool_at: Primitive = linear(
    _pool_at,
    lambda g, x2, x1_shape, kernel, stride, dilation, padding: unpool(
        g, x2, sizes=x1_shape[2:], kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    None,
    name="pool_at",
    bind=_bind_at,
    examples=tuple(_picked((2, 1, 4, 4), **of) for of in _OVER),
)

# -------------------------------------------------------------------------------------------------- the sum


def _window_sum(x: Any, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    windows = counts(x.shape[2:], kernel, stride, dilation, padding)
    x = padded(x, padding)
    y = np.zeros((*x.shape[:2], *windows), x.dtype)
    for _, at in places(windows, kernel, stride, dilation):
        y += x[at]
    return y


def _window_spread(g: Any, sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Pairs) -> Any:
    shape = (*g.shape[:2], *sizes)
    x = np.zeros(wide_shape(shape, padding), g.dtype)
    for _, at in places(g.shape[2:], kernel, stride, dilation):
        x[at] += g
    return cropped(x, shape, padding)


def _spread_out(shape: Ints, **of: Any) -> Any:
    windows = counts(shape[2:], **window(**of))
    return lambda rng: ((rng.normal(size=(*shape[:2], *windows)),), {"sizes": shape[2:], **of})


window_sum: Primitive = linear(
    _window_sum,
    lambda g, x_shape, kernel, stride, dilation, padding: window_spread(
        g, sizes=x_shape[2:], kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    name="window_sum",
    bind=_bind,
    tex=r"\sum_{{window}} {x}",
    examples=tuple(lambda rng, of=of: ((rng.normal(size=(2, 2, 4, 4)),), of) for of in _OVER),
)
window_spread: Primitive = linear(
    _window_spread,
    lambda g, kernel, stride, dilation, padding: window_sum(
        g, kernel=kernel, stride=stride, dilation=dilation, padding=padding
    ),
    name="window_spread",
    bind=_bind_onto,
    examples=tuple(_spread_out((2, 1, 4, 4), **of) for of in _OVER),
)
