"""Pooling: each window of the input becomes one number."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...table import TABLE, notation
from ...tensor import Tensor
from . import textbooks
from .inputs import batched, by_dims, each, fitting, floats, output_sizes, pulled, resampled, rows, windows

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d",
]

getitem, pool_at, window_argmax, window_sum = rows("getitem", "pool_at", "window_argmax", "window_sum")


def _windows(
    name: str, x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1, ceil_mode: bool = False
) -> dict[str, Any]:
    """The windows; `ceil_mode` adds one that extends past the end, if it begins inside."""
    apart = kernel_size if stride is None or stride in ((), []) else stride
    of = windows(name, kernel_size, apart, dilation, each(padding, x.ndim - 2, "padding"), x.ndim - 2)
    if any(2 * p > k for (p, _), k in zip(of["padding"], of["kernel"], strict=True)):
        raise ValueError(f"{name}: padding {padding} must be at most half of kernel_size {kernel_size}")
    if ceil_mode:
        pairs = []
        for n, k, s, d, (p, _) in zip(x.shape[2:], *of.values(), strict=True):
            steps, rest = divmod(n + 2 * p - d * (k - 1) - 1, s)
            pairs.append((p, p + s - rest if rest and (steps + 1) * s < n + p else p))
        of["padding"] = tuple(pairs)
    fitting(name, x, of)
    return of


# ------------------------------------------------------------------------------------------------------ pooling


@by_dims(textbooks.max_pool)
def max_pool(
    dims: int, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The largest entry of each window of {signals}.

    Parameters
    ----------
    input : array_like, shape (n, channels, {sizes}), or without the n
    kernel_size : int or tuple of int
        The sizes of a window.
    stride : int or tuple of int, optional
        The distance from one window to the next; `kernel_size` by default.
    padding : int or tuple of int
        The number of entries of -inf on both sides of each axis, at most half of `kernel_size`.
    dilation : int or tuple of int
        The distance from one entry of a window to the next.
    ceil_mode : bool
        Whether a last window may extend past the end.
    return_indices : bool
        Whether to return the indices of the maxima too, into each flattened channel.

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 3, {each[4]}), 2).shape
    (1, 3, {each[2]})
    """
    name = f"max_pool{dims}d"
    x, added = batched(name, floats(input), dims)
    of = _windows(name, x, kernel_size, stride, padding, dilation, ceil_mode)
    y = TABLE["max_pool"](x, **of)
    if not return_indices:
        return y[0] if added else y
    positions = np.broadcast_to(np.arange(prod(x.shape[2:])).reshape(x.shape[2:]), x.shape)
    k = pool_at(positions, window_argmax(x.detach(), y.detach(), **of), **of)
    return (y[0], k[0]) if added else (y, k)


max_pool1d, max_pool2d, max_pool3d = map(max_pool, (1, 2, 3))


@by_dims(textbooks.avg_pool)
def avg_pool(
    dims: int, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of {signals}.

    Parameters
    ----------
    input : array_like, shape (n, channels, {sizes}), or without the n
    kernel_size : int or tuple of int
        The sizes of a window.
    stride : int or tuple of int, optional
        The distance from one window to the next; `kernel_size` by default.
    padding : int or tuple of int
        The number of zeros on both sides of each axis, at most half of `kernel_size`.
    ceil_mode : bool
        Whether a last window may extend past the end.
    count_include_pad : bool
        Whether the mean counts those zeros.
    divisor_override : int, optional
        Divide the sum by this instead of the number of entries.

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 3, {each[4]}), 2).shape
    (1, 3, {each[2]})
    """
    name = f"avg_pool{dims}d"
    x, added = batched(name, floats(input), dims)
    of = _windows(name, x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override must not be 0")
    divisor = divisor_override or prod(of["kernel"])
    if divisor_override is None and np.any(of["padding"]):
        divisor = _entries(x, of, count_include_pad)
    y = window_sum(x, **of) * (1 / divisor)
    return y[0] if added else y


avg_pool2d, avg_pool3d = map(avg_pool, (2, 3))


def avg_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of sequences; see `avg_pool2d`, whose `divisor_override` PyTorch does not have here."""
    return avg_pool(1)(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _entries(x: Tensor, of: dict[str, Any], with_padding: bool) -> Any:
    """The number of entries in each window: of `x` and of the padding; never of what `ceil_mode` added at the end."""
    sizes, pairs = x.shape[2:], of["padding"]
    if with_padding:
        sizes = tuple(n + 2 * p for n, (p, _) in zip(sizes, pairs, strict=True))
        pairs = [(0, behind - p) for p, behind in pairs]
    return window_sum(np.ones((1, 1, *sizes), x.dtype), **{**of, "padding": pairs})


def _spans(n: int, m: int) -> tuple[Any, Any]:
    """The starts and ends of m spans of n entries, as equal as possible, overlapping where necessary."""
    return np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)


def _averaging(n: int, m: int, dtype: Any) -> Any:
    """The (m, n) matrix of means over m spans of n entries."""
    (start, end), at = _spans(n, m), np.arange(n)
    inside = (at >= start[:, None]) & (at < end[:, None])
    return (inside / (end - start)[:, None]).astype(dtype)


@by_dims(textbooks.adaptive_avg_pool)
def adaptive_avg_pool(dims: int, input: Any, output_size: Any) -> Tensor:
    """Means of {signals} over windows of sizes as equal as possible, so many that the output has `output_size`.

    Parameters
    ----------
    input : array_like, shape (n, channels, {sizes}), or without the n
    output_size : int or tuple
        One size for all axes, or one for each; None keeps the size of an axis.

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 3, {each[5]}), 2).shape
    (1, 3, {each[2]})
    """
    name = f"adaptive_avg_pool{dims}d"
    x, added = batched(name, floats(input), dims)
    sizes = output_sizes(name, output_size, x.shape[2:])
    if not np.any(np.mod(x.shape[2:], sizes)):
        kernel = tuple(n // m for n, m in zip(x.shape[2:], sizes, strict=True))
        y = window_sum(x, kernel=kernel, stride=kernel) * (1 / prod(kernel))
    else:
        y = resampled(x, [_averaging(n, m, x.dtype) for n, m in zip(x.shape[2:], sizes, strict=True)])
    return y[0] if added else y


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(adaptive_avg_pool, (1, 2, 3))


@by_dims()
def adaptive_max_pool(dims: int, input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest entries of {signals} in as many windows of about equal sizes as `output_size` says.

    Parameters
    ----------
    input : array_like, shape (n, channels, {sizes}), or without the n
    output_size : int or tuple
        One size for all axes, or one for each; None keeps the size of an axis.
    return_indices : bool
        Whether to return the indices of the maxima too, into each flattened channel.

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 3, {each[5]}), 2).shape
    (1, 3, {each[2]})
    """
    name = f"adaptive_max_pool{dims}d"
    x, added = batched(name, floats(input), dims)
    sizes, kernel, places = x.shape[2:], [], []
    for axis, m in enumerate(output_sizes(name, output_size, sizes), 2):
        start, end = _spans(x.shape[axis], m)
        kernel.append(int(np.max(end - start)))
        # A window that is shorter than the others repeats its last entry.
        at = np.minimum(start[:, None] + np.arange(kernel[-1]), end[:, None] - 1).ravel()
        places.append(at)
        if at.size != x.shape[axis]:
            x = getitem(x, (*[slice(None)] * axis, at))
    y = max_pool(dims)(x, kernel, return_indices=return_indices)
    if not return_indices:
        return y[0] if added else y
    y, k = y
    k = getitem(np.arange(prod(sizes)).reshape(sizes)[np.ix_(*places)].ravel(), k)
    return (y[0], k[0]) if added else (y, k)


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(adaptive_max_pool, (1, 2, 3))

# ------------------------------------------------------------------------------- notations for the known steps

notation(
    "maxpool", "maxpool({x1})", r"\operatorname{{maxpool}}({x1})",
    lambda x, dims, *options: max_pool(dims)(x, *options).numpy(),
)
notation(
    "avgpool", "avgpool({x1})", r"\operatorname{{avgpool}}({x1})",
    lambda x, sizes: adaptive_avg_pool(len(sizes))(x, sizes).numpy(),
)
# Each number in g at the place of the largest entry of its window, and shared equally among its window.
notation(
    "unpool", "Σ_w ({x1})_w 1[{x2} = max_w {x2}]", r"\sum_w ({x1})_w 1[{x2} = \max_w {x2}]",
    lambda g, x, dims, *options: pulled(lambda x: max_pool(dims)(x, *options), x, g),
)
notation(
    "share", "Σ_w ({x1})_w / |w|", r"\sum_w \frac{{({x1})_w}}{{|w|}}",
    lambda g, x, sizes: pulled(lambda x: adaptive_avg_pool(len(sizes))(x, sizes), x, g),
)
