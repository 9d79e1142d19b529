"""Convolutions, as one matrix product with the windows cut out as columns (see `rules/convolution.py`).

Like everywhere in deep learning these are correlations: the weights are not reversed.
"""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

from ...rules.convolution import counts, window
from ...tensor import Tensor
from .inputs import given, rows, step

Ints = tuple[int, ...]
cut_out, expand_dims, laid_back, matmul, padded = rows("unfold", "expand_dims", "fold", "matmul", "pad")
(transformed,) = rows("linear_columns")


def each(value: Any, n: int, what: str) -> Ints:
    """One whole number for each of `n` axes."""
    try:
        values = (index(value),) * n
    except TypeError:
        values = tuple(index(v) for v in value)
        values = values * n if len(values) == 1 else values
    if len(values) != n:
        raise ValueError(f"{what}={value!r}: one whole number, or one for each of {n} axes")
    return values


def around(
    padding: Any, kernel: Ints, stride: Ints, dilation: Ints, name: str
) -> tuple[tuple[int, int], ...]:
    """How many zeros before and behind each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f"{name}: padding='same' needs stride 1, not {stride}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding={padding!r}; it is a number, 'same' or 'valid'")
    return tuple((p, p) for p in each(padding, len(kernel), "padding"))


def batched(name: str, x: Tensor, n: int) -> tuple[Tensor, bool]:
    """Images with an axis for the batch, and whether it had to be added."""
    if x.ndim == n + 1:
        return expand_dims(x, 0), True
    if x.ndim != n + 2:
        sizes = ", ".join(("length",) if n == 1 else ("height", "width") if n == 2 else ["size"] * n)
        raise ValueError(
            f"{name}: input of shape {x.shape}; it is (n, channels, {sizes}), or without the n"
        )
    return x, False


def _conv(
    name: str,
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    w = given(weight)
    x, added = batched(name, given(input, w), n)
    if w.ndim != n + 2 or w.shape[0] % groups or x.shape[1] != w.shape[1] * groups:
        raise ValueError(
            f"{name}: input of shape {x.shape} and weights of shape {w.shape}, {groups} group(s): weights are "
            "(out_channels, in_channels / groups, ...)"
        )
    kernel = w.shape[2:]
    stride, dilation = each(stride, n, "stride"), each(dilation, n, "dilation")
    of = window(kernel, stride, dilation, around(padding, kernel, stride, dilation, name))
    windows = counts(x.shape[2:], **of)
    if min(windows) < 1:
        raise ValueError(
            f"{name}: windows of {kernel} (padding {padding}) do not fit an input of shape {x.shape}"
        )
    out, count = w.shape[0], x.shape[0]
    columns = cut_out(x, **of)
    if groups == 1 and bias is not None:
        y = transformed(w.reshape(out, -1), columns, given(bias, w))
        bias = None
    elif groups == 1:
        y = matmul(w.reshape(out, -1), columns)
    else:
        columns = columns.reshape(count, groups, -1, columns.shape[-1])
        y = matmul(w.reshape(groups, out // groups, -1), columns).reshape(count, out, -1)
    if bias is not None:
        y = y + given(bias, w).reshape(out, 1)
    y = y.reshape(count, out, *windows)
    return y[0] if added else y


def _conv_transpose(
    name: str,
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    w = given(weight)
    x, added = batched(name, given(input, w), n)
    if w.ndim != n + 2 or x.shape[1] % groups or x.shape[1] != w.shape[0]:
        raise ValueError(
            f"{name}: input of shape {x.shape} and weights of shape {w.shape}, {groups} group(s): weights are "
            "(in_channels, out_channels / groups, ...)"
        )
    kernel = w.shape[2:]
    stride, dilation = each(stride, n, "stride"), each(dilation, n, "dilation")
    extra, pad = each(output_padding, n, "output_padding"), each(padding, n, "padding")
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(
            f"{name}: output_padding {extra} must be less than stride {stride} or dilation {dilation}"
        )
    sizes = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + e + 1
        for m, s, p, d, k, e in zip(x.shape[2:], stride, pad, dilation, kernel, extra, strict=True)
    )
    # Behind, the padding cuts off and the extra adds. An extra of a stride or more is a window more to `fold`: there
    # one is set against the other first, and the zeros that are left are put on afterwards.
    late = tuple(max(e - p, 0) if e >= s else 0 for e, p, s in zip(extra, pad, stride, strict=True))
    behind = tuple(max(p - e, 0) if e >= s else p for e, p, s in zip(extra, pad, stride, strict=True))
    count, channels = x.shape[:2]
    columns = x.reshape(count, groups, channels // groups, prod(x.shape[2:]))
    flat = w.reshape(groups, channels // groups, -1)
    columns = matmul(flat.mT, columns).reshape(count, groups * flat.shape[-1], -1)
    y = laid_back(
        columns,
        tuple(n - m for n, m in zip(sizes, late, strict=True)),
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=tuple(zip(pad, behind, strict=True)),
    )
    if any(late):
        y = padded(y, [(0, 0), (0, 0), *((0, m) for m in late)])
    if bias is not None:
        y = y + given(bias, w).reshape(-1, *[1] * n)
    return y[0] if added else y


@step
def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Windows of a sequence times weights: (n, in, length) by (out, in / groups, k) is (n, out, windows).

    Examples
    --------
    >>> conv1d([[[1.0, 2.0, 3.0, 4.0]]], [[[1.0, -1.0]]])
    tensor([[[-1., -1., -1.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@step
def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Windows of images times weights.

    Parameters
    ----------
    input : array_like, shape (n, in_channels, height, width), or without the n
    weight : Tensor, shape (out_channels, in_channels / groups, k1, k2)
    bias : Tensor, shape (out_channels,), optional
    stride, dilation : int or pair
        How far the window moves; how far its entries are apart.
    padding : int, pair, 'same' or 'valid'
        How many zeros lie around.
    groups : int
        Into so many parts the channels are divided, each with weights of its own.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@step
def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Windows of volumes times weights."""
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@step
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv1d`; weights are (in, out / groups, k)."""
    return _conv_transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@step
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of `conv2d`, which makes images larger; weights are (in, out / groups, k1, k2)."""
    return _conv_transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images as columns: (n, channels, h, w) gives (n, channels * k1 * k2, windows)."""
    x, added = batched("unfold", given(input), 2)
    kernel, pad = each(kernel_size, 2, "kernel_size"), each(padding, 2, "padding")
    y = cut_out(
        x,
        kernel=kernel,
        stride=each(stride, 2, "stride"),
        dilation=each(dilation, 2, "dilation"),
        padding=[(p, p) for p in pad],
    )
    return y[0] if added else y


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns added up where `unfold` would have cut them out of images of `output_size`."""
    x = given(input)
    added = x.ndim == 2
    kernel, pad = each(kernel_size, 2, "kernel_size"), each(padding, 2, "padding")
    y = laid_back(
        expand_dims(x, 0) if added else x,
        each(output_size, 2, "output_size"),
        kernel=kernel,
        stride=each(stride, 2, "stride"),
        dilation=each(dilation, 2, "dilation"),
        padding=[(p, p) for p in pad],
    )
    return y[0] if added else y


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@step
def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """More entries around an array: ``(left, right, top, bottom, …)``, from the last axis backwards.

    Parameters
    ----------
    input : array_like
    pad : sequence of int
        Two for each axis; with mode 'constant' a negative one cuts off.
    mode : {'constant', 'reflect', 'replicate', 'circular'}
        What the new entries are: `value` (0), the array mirrored, its edge, or its other end.

    Examples
    --------
    >>> pad([1.0, 2.0], (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    x = given(input)
    sides = tuple(map(index, pad))
    if len(sides) % 2 or len(sides) > 2 * x.ndim:
        raise ValueError(
            f"pad: {len(sides)} numbers for an input of shape {x.shape}: two for each axis, last axis first"
        )
    if mode not in _MODES:
        raise ValueError(f"pad: mode={mode!r}; it is one of {', '.join(_MODES)}")
    widths = [(0, 0)] * (x.ndim - len(sides) // 2) + list(zip(sides[::2], sides[1::2], strict=True))[::-1]
    if mode != "constant":
        if min(sides, default=0) < 0 or value is not None:
            raise ValueError(f"pad: mode {mode!r} takes no value and no negative numbers")
        return padded(x, widths, _MODES[mode])
    if min(sides, default=0) < 0:
        x = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))]
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    return padded(x, widths, constant_values=0 if value is None else value)
