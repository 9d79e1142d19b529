"""Pooling: each window of an image, or of a sequence, made one number."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...rules.convolution import counts, window
from ...tensor import Tensor
from .convolution import batched, each
from .inputs import floats, rows, step

Ints = tuple[int, ...]
largest, summed, matmul, maximum_at = rows("max_pool", "window_sum", "matmul", "window_argmax")


def _windows(
    name: str,
    n: int,
    x: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> dict[str, Any]:
    """The windows; with `ceil_mode` one more where it would stick out, if it begins inside."""
    kernel = each(kernel_size, n, "kernel_size")
    stride = kernel if stride is None or stride in ((), []) else each(stride, n, "stride")
    dilation, pad = each(dilation, n, "dilation"), each(padding, n, "padding")
    if any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        raise ValueError(f"{name}: padding {pad} must be at most half of kernel_size {kernel}")
    behind = list(pad)
    if ceil_mode:
        for i, (m, k, s, d, p) in enumerate(zip(x.shape[2:], kernel, stride, dilation, pad, strict=True)):
            rest = (m + 2 * p - d * (k - 1) - 1) % s
            windows = (m + 2 * p - d * (k - 1) - 1) // s + 1
            if rest and windows * s < m + p:
                behind[i] += s - rest
    of = window(kernel, stride, dilation, list(zip(pad, behind, strict=True)))
    if min(counts(x.shape[2:], **of)) < 1:
        raise ValueError(f"{name}: windows of {kernel} do not fit an input of shape {x.shape}")
    return of


def _max_pool(
    name: str,
    n: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    x, added = batched(name, floats(input), n)
    of = _windows(name, n, x, kernel_size, stride, padding, dilation, ceil_mode)
    y = largest(x, **of)
    y = y[0] if added else y
    if not return_indices:
        return y
    k = np.asarray(maximum_at(x.detach(), largest(x.detach(), **of), **of))
    return y, _positions(k[0] if added else k, x.shape[2:], **of)


def _positions(k: Any, sizes: Ints, kernel: Ints, stride: Ints, dilation: Ints, padding: Any) -> Any:
    """The place in each flattened image of the largest entry of each window."""
    inside = np.unravel_index(k, kernel)
    flat: Any = 0
    for axis, (size, s, d, (before, _)) in enumerate(zip(sizes, stride, dilation, padding, strict=True)):
        at = np.arange(k.shape[k.ndim - len(sizes) + axis]) * s - before
        at = at.reshape([-1 if i == axis else 1 for i in range(len(sizes))])
        flat = flat * size + at + inside[axis] * d
    return np.asarray(flat)


@step
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window of a sequence; `stride` is `kernel_size` unless given."""
    return _max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@step
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest entry of each window of images; `stride` is `kernel_size` unless given.

    With `return_indices` also the place of each in the flattened image.

    Examples
    --------
    >>> max_pool2d([[[1.0, 2.0], [4.0, 3.0]]], 2)
    tensor([[[4.]]])
    """
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _avg_pool(
    name: str,
    n: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    x, added = batched(name, floats(input), n)
    of = _windows(name, n, x, kernel_size, stride, padding, 1, ceil_mode)
    pad = each(padding, n, "padding")
    y = summed(x, **of)
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        y = y * (1 / divisor_override)
    elif not any(map(any, of["padding"])):
        y = y * (1 / prod(of["kernel"]))
    else:  # count what lies inside; what ceil_mode added behind never counts
        one = np.ones((1, 1, *x.shape[2:]), x.dtype)
        if count_include_pad:
            one = np.ones((1, 1, *(m + 2 * p for m, p in zip(x.shape[2:], pad, strict=True))), x.dtype)
            behind = [(0, b - p) for (_, b), p in zip(of["padding"], pad, strict=True)]
            inside: Any = summed(one, **{**of, "padding": behind})
        else:
            inside = summed(one, **of)
        y = y / inside
    return y[0] if added else y


@step
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a sequence; `stride` is `kernel_size` unless given."""
    return _avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


@step
def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of images; `stride` is `kernel_size` unless given.

    Examples
    --------
    >>> avg_pool2d([[[1.0, 2.0], [4.0, 3.0]]], 2)
    tensor([[[2.5]]])
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _averaging(n: int, m: int, dtype: Any) -> Any:
    """The matrix that makes `m` means of `n` entries: of spans as equal as can be, overlapping if need be."""
    start, end = np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)
    at = np.arange(n)
    inside = (at >= start[:, None]) & (at < end[:, None])
    return (inside / (end - start)[:, None]).astype(dtype)


def _adaptive(name: str, n: int, input: Any, output_size: Any) -> Tensor:
    x, added = batched(name, floats(input), n)
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(wanted) != n:
        raise ValueError(f"{name}: output_size={output_size!r}: one number, or one for each of {n} axes")
    sizes = tuple(m if w is None else w for w, m in zip(wanted, x.shape[2:], strict=True))
    if all(m % w == 0 for m, w in zip(x.shape[2:], sizes, strict=True) if w):
        kernel = tuple(m // w for m, w in zip(x.shape[2:], sizes, strict=True))
        y = summed(x, kernel=kernel, stride=kernel) * (1 / prod(kernel))
    else:  # an average along each axis after the other
        y = matmul(x, _averaging(x.shape[-1], sizes[-1], x.dtype).T)
        if n == 2:
            y = matmul(_averaging(x.shape[-2], sizes[-2], x.dtype), y)
    return y[0] if added else y


@step
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """`output_size` means of spans of a sequence as equal as can be."""
    return _adaptive("adaptive_avg_pool1d", 1, input, output_size)


@step
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """Means over a grid of `output_size` fields of each image; None keeps the size of an axis."""
    return _adaptive("adaptive_avg_pool2d", 2, input, output_size)
