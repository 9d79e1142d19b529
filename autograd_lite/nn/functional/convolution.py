"""Convolutions, as one matrix product with the windows cut out as columns (see `rules/windows.py`).

As everywhere in deep learning these are correlations: the weights are not reversed.
"""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from ...rules.windows import counts
from ...table import TABLE, notation
from ...tensor import Tensor
from . import textbooks
from .inputs import batched, by_dims, each, fitting, pulled, rows, step, tensor_of, windows

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold", "pad", "unfold",
]

expand_dims, linear_columns, matmul, where = rows("expand_dims", "linear_columns", "matmul", "where")


# ------------------------------------------------------------------------------------------------ convolutions


@by_dims(textbooks.conv)
def conv(
    dims: int, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution of {signals}: each output is a window of the input times the weights.

    Parameters
    ----------
    input : array_like, shape (n, in_channels, {sizes}), or without the n
    weight : Tensor, shape (out_channels, in_channels / groups, {each[k]})
    bias : Tensor, shape (out_channels,), optional
    stride, dilation : int or tuple of int
        The distance from one window to the next; from one entry of a window to the next.
    padding : int, tuple of int, 'same' or 'valid'
        The number of zeros on both sides of each axis.
    groups : int
        The number of groups of channels, each with its own weights.

    Returns
    -------
    Tensor, shape (n, out_channels, {each[windows]})

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 2, {each[5]}), ones(3, 2, {each[3]})).shape
    (1, 3, {each[3]})
    """
    name = f"conv{dims}d"
    w = tensor_of(weight)
    x, added = batched(name, tensor_of(input, w), dims)
    if w.ndim != dims + 2 or w.shape[0] % groups or x.shape[1] != w.shape[1] * groups:
        raise ValueError(
            f"{name}: expected weights of shape (out_channels, in_channels / groups, ...), got {w.shape} for an input "
            f"of shape {x.shape} in {groups} group(s)"
        )
    out, count = w.shape[0], x.shape[0]
    of = windows(name, w.shape[2:], stride, dilation, padding, dims)
    sizes = fitting(name, x, of)
    columns = TABLE["unfold"](x, **of)
    b = None if bias is None else tensor_of(bias, w)
    if groups > 1:
        columns = columns.reshape(count, groups, columns.shape[1] // groups, columns.shape[-1])
        y = matmul(w.reshape(groups, out // groups, -1), columns)
    elif b is None:
        y = matmul(w.reshape(out, -1), columns)
    else:
        y = linear_columns(w.reshape(out, -1), columns, b)
    y = y.reshape(count, out, *sizes)
    if b is not None and groups > 1:
        y = y + b.reshape(-1, *[1] * dims)
    return y[0] if added else y


conv1d, conv2d, conv3d = map(conv, (1, 2, 3))


def _correlated(x: Any, w: Any, *options: Any) -> Any:
    return conv(w.ndim - 2)(x, w, None, *options)


notation("conv", "{x1} ⋆ {x2}", r"{x1} \star {x2}", lambda *args: _correlated(*args).numpy())
notation(
    "correlate", "{x1} ⋆ {x2}", r"{x1} \star {x2}",
    lambda x, g, w, *options: pulled(lambda w: _correlated(x, w, *options), w, g),
)
notation(  # a full convolution, the transpose of a correlation
    "convolve", "{x1} ∗ {x2}", r"{x1} \ast {x2}",
    lambda g, w, x, *options: pulled(lambda x: _correlated(x, w, *options), x, g),
)


@by_dims()
def conv_transpose(
    dims: int, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:
    """Transposed convolution of {signals}: the linear map whose matrix is the transpose of a convolution's.

    With a stride it makes its input larger.

    Parameters
    ----------
    input : array_like, shape (n, in_channels, {sizes}), or without the n
    weight : Tensor, shape (in_channels, out_channels / groups, {each[k]})
    bias : Tensor, shape (out_channels,), optional
    stride, padding, dilation : int or tuple of int
        Those of the convolution; padding makes the output smaller.
    output_padding : int or tuple of int
        The number of entries to add at the end of each axis: with a stride several sizes have the same convolution.
    groups : int
        The number of groups of channels, each with its own weights.

    Examples
    --------
    >>> from autograd_lite import ones
    >>> {name}(ones(1, 2, {each[3]}), ones(2, 4, {each[2]}), stride=2).shape
    (1, 4, {each[6]})
    """
    name = f"conv_transpose{dims}d"
    w = tensor_of(weight)
    x, added = batched(name, tensor_of(input, w), dims)
    if w.ndim != dims + 2 or x.shape[1] % groups or x.shape[1] != w.shape[0]:
        raise ValueError(
            f"{name}: expected weights of shape (in_channels, out_channels / groups, ...), got {w.shape} for an input "
            f"of shape {x.shape} in {groups} group(s)"
        )
    stride, dilation = each(stride, dims, "stride"), each(dilation, dims, "dilation")
    padding, extra = each(padding, dims, "padding"), each(output_padding, dims, "output_padding")
    k, s, d, p, e = map(np.array, (w.shape[2:], stride, dilation, padding, extra))
    if np.any(e >= np.maximum(s, d)):
        raise ValueError(f"{name}: output_padding {extra} must be less than stride {stride} or dilation {dilation}")
    count, channels = x.shape[:2]
    columns = x.reshape(count, groups, channels // groups, prod(x.shape[2:]))
    flat = w.reshape(groups, channels // groups, -1)
    columns = matmul(flat.mT, columns).reshape(count, groups * flat.shape[-1], columns.shape[-1])
    sizes = (np.array(x.shape[2:]) - 1) * s + d * (k - 1) + 1
    y = TABLE["fold"](columns, sizes.tolist(), kernel=w.shape[2:], stride=stride, dilation=dilation)
    if np.any(p) or np.any(e):
        y = pad(y, np.stack([-p, e - p], 1)[::-1].ravel().tolist())
    if bias is not None:
        y = y + tensor_of(bias, w).reshape(-1, *[1] * dims)
    return y[0] if added else y


conv_transpose1d, conv_transpose2d, conv_transpose3d = map(conv_transpose, (1, 2, 3))


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images as columns: (n, channels, h, w) becomes (n, channels * k1 * k2, windows)."""
    x, added = batched("unfold", tensor_of(input), 2)
    of = windows("unfold", kernel_size, stride, dilation, padding, 2)
    fitting("unfold", x, of)
    y = TABLE["unfold"](x, **of)
    return y[0] if added else y


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The transpose of `unfold`: columns added up at the places of their windows in images of `output_size`.

    >>> import autograd_lite as ag
    >>> import autograd_lite.nn.functional as F
    >>> x = ag.ones(1, 1, 3, 3)
    >>> F.fold(F.unfold(x, 2), (3, 3), 2)  # how many windows contain each entry
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    x = tensor_of(input)
    added = x.ndim == 2
    of, sizes = windows("fold", kernel_size, stride, dilation, padding, 2), each(output_size, 2, "output_size")
    k, count = prod(of["kernel"]), prod(counts(sizes, **of))
    if x.ndim not in (2, 3) or x.shape[-2] % k or x.shape[-1] != count:
        raise ValueError(f"fold: expected columns of shape (n, channels * {k}, {count}), got {x.shape}")
    y = TABLE["fold"](expand_dims(x, 0) if added else x, sizes, **of)
    return y[0] if added else y


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@step
def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Add entries around an array: ``(left, right, top, bottom, …)``, from the last axis backwards.

    Parameters
    ----------
    input : array_like
        The array to pad.
    pad : sequence of int
        Two for each axis; a negative number removes entries.
    mode : {'constant', 'reflect', 'replicate', 'circular'}
        What the new entries are: `value` (0), the array mirrored, its edge, or its other end.
    value : float, optional
        The new entries with ``mode="constant"``; by default 0.

    Examples
    --------
    >>> pad([1.0, 2.0], (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    x = tensor_of(input)
    sides = tuple(map(index, pad))
    if len(sides) % 2 or len(sides) > 2 * x.ndim:
        expected = f"pad: expected two numbers for each of at most {x.ndim} axes, the last axis first"
        raise ValueError(f"{expected}, got {len(sides)} for an input of shape {x.shape}")
    if mode not in _MODES:
        raise ValueError(f"pad: expected mode {', '.join(_MODES)}, got {mode!r}")
    if mode != "constant" and value is not None:
        raise ValueError(f"pad: mode {mode!r} has no value; omit it")
    widths = np.zeros((x.ndim, 2), int)
    widths[x.ndim - len(sides) // 2 :] = np.reshape(sides, (-1, 2))[::-1]
    if np.any(x.shape + widths.sum(1) < 0):
        raise ValueError(f"pad: {sides} removes more entries than there are in an input of shape {x.shape}")
    added = np.maximum(widths, 0).tolist()
    if mode in ("reflect", "replicate"):  # the mirrored entries may be among those that are removed
        return _cropped(TABLE["pad"](x, added, _MODES[mode]), widths)
    x = _cropped(x, widths)
    y = TABLE["pad"](x, added, _MODES[mode])
    if not value:
        return y
    inside = np.pad(np.ones(np.where(np.any(added, axis=1), x.shape, 1), bool), added)
    return where(inside, y, x.dtype.type(value))


def _cropped(x: Tensor, widths: Any) -> Tensor:
    """`x` without the entries that negative widths remove."""
    if np.all(widths >= 0):
        return x
    return x[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths.tolist(), strict=True))]
