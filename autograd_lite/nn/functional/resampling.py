"""Changing the size of images, sequences and volumes: interpolation, and channels exchanged for pixels."""

from __future__ import annotations

from functools import lru_cache
from math import floor
from operator import index
from typing import Any

import numpy as np

from ...tensor import Tensor
from .inputs import SIZES, Ints, each, floats, resampled, rows, step, tensor_of
from .pooling import adaptive_avg_pool

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

getitem, moveaxis, repeat = rows("getitem", "moveaxis", "repeat")

#: For each mode the numbers of axes that it is for.
_MODES = {
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3), "linear": (1,), "bilinear": (2,),
    "trilinear": (3,), "bicubic": (2,),
}  # fmt: skip
_SMOOTH = ("linear", "bilinear", "trilinear", "bicubic")


@step
def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:
    """Sequences, images or volumes in another size.

    Parameters
    ----------
    input : array_like, shape (n, channels, ...)
    size : int or tuple of int, optional
        The sizes of the result; or give `scale_factor`.
    scale_factor : float or tuple of float, optional
        The sizes of the result, rounded down, divided by those of the input.
    mode : {'nearest', 'linear', 'bilinear', 'trilinear', 'bicubic', 'area', 'nearest-exact'}
    align_corners : bool, optional
        With 'linear' and the like: whether the centers of the first and last pixels of both coincide, not the outer
        edges of these pixels.
    recompute_scale_factor : bool, optional
        Whether to interpolate with the quotient of the sizes instead of the given `scale_factor`.
    antialias : bool
        With 'bilinear' and 'bicubic': whether to average over all pixels that a pixel of a smaller result covers.

    Examples
    --------
    >>> interpolate([[[1.0, 2.0]]], scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> interpolate([[[1.0, 2.0]]], 4, mode="linear")
    tensor([[[1.  , 1.25, 1.75, 2.  ]]])
    """
    x = floats(input)
    dims, smooth = x.ndim - 2, mode in _SMOOTH
    if dims not in _MODES.get(mode, ()):
        shapes = " or ".join(f"(n, channels, {SIZES[d]})" for d in _MODES.get(mode, ()))
        expected = shapes or ", ".join(_MODES)
        raise ValueError(f"interpolate: expected {expected}, got mode {mode!r} with an input of shape {x.shape}")
    if align_corners is not None and not smooth or antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: mode {mode!r} has no {'antialias' if antialias else 'align_corners'}; omit it")
    old = x.shape[2:]
    new, factors = _new_sizes(old, size, scale_factor)
    if mode == "area":
        return adaptive_avg_pool(dims)(x, new)
    # From one pixel of the result to the next, in pixels of the input.
    if align_corners:
        distances = [(n - 1) / max(m - 1, 1) for n, m in zip(old, new, strict=True)]
    elif factors is None or recompute_scale_factor:
        distances = [n / m for n, m in zip(old, new, strict=True)]
    else:
        distances = [1 / f for f in factors]
    along = list(zip(old, new, distances, strict=True))
    if smooth:
        how = bool(align_corners), mode == "bicubic", antialias
        return resampled(x, [_weights(*sizes, *how).astype(x.dtype) for sizes in along])
    for axis, sizes in enumerate(along, 2):
        x = _nearest(x, axis, *sizes, 0.5 if mode == "nearest-exact" else 0.0)
    return x


def _new_sizes(old: Ints, size: Any, scale_factor: Any) -> tuple[Ints, tuple[float, ...] | None]:
    """The sizes of the result, and the scale factors of each axis, if these are given."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: expected either size or scale_factor, got {size=} and {scale_factor=}")
    dims, factors = len(old), None
    if size is not None:
        new = each(size, dims, "interpolate: size")
    else:
        factors = tuple(scale_factor) if np.iterable(scale_factor) else (scale_factor,) * dims
        if len(factors) != dims:
            raise ValueError(f"interpolate: expected one scale_factor, or one for each of {dims} axes, got {factors}")
        new = tuple(floor(n * f) for n, f in zip(old, factors, strict=True))
    if min(*old, *new) < 1:
        raise ValueError(f"interpolate: cannot change sizes {old} to {new}; expected sizes of 1 or more")
    return new, factors


def _nearest(x: Tensor, axis: int, n: int, m: int, ratio: float, offset: float) -> Tensor:
    # PyTorch computes the positions in single precision.
    at = np.floor((np.arange(m, dtype=np.float32) + np.float32(offset)) * np.float32(ratio)).astype(int)
    if m % n == 0 and np.array_equal(at, np.arange(m) // (m // n)):
        return repeat(x, m // n, axis=axis) if m > n else x
    return getitem(x, (*[slice(None)] * axis, np.minimum(at, n - 1)))


@lru_cache(maxsize=32)
def _weights(n: int, m: int, ratio: float, align_corners: bool, cubic: bool, antialias: bool) -> Any:
    """The (m, n) matrix that interpolates `m` values, `ratio` apart, between `n` values."""
    at = np.arange(m) * ratio if align_corners and not antialias else (np.arange(m) + 0.5) * ratio - 0.5
    if m == n and not (cubic or antialias):  # as in PyTorch, also with another ratio
        at = np.arange(m, dtype=float)
    d = np.abs(np.arange(-2, n + 2) - at[:, None]) / (max(ratio, 1.0) if antialias else 1.0)
    w = _cubic(d, -0.5 if antialias else -0.75) if cubic else np.maximum(1 - d, 0)
    inside = w[:, 2:-2].copy()
    if antialias:
        return inside / inside.sum(1, keepdims=True)
    inside[:, 0] += w[:, :2].sum(1)  # outside, the values at the ends are repeated
    inside[:, -1] += w[:, -2:].sum(1)
    return inside


def _cubic(d: Any, a: float) -> Any:
    """Keys' convolution kernel at the distances `d` (1981)."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = (((d - 5) * d + 8) * d - 4) * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _images(name: str, input: Any, r: int, rule: str, divisors: Ints) -> Tensor:
    x = tensor_of(input)
    if index(r) < 1:
        raise ValueError(f"{name}: expected a factor of 1 or more, got {r}")
    if x.ndim < 3 or np.any(np.mod(x.shape[-3:], divisors)):
        raise ValueError(f"{name}: expected an input of shape (..., channels, height, width), {rule}; got {x.shape}")
    return x


@step
def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """Channels as pixels: (..., c * r * r, h, w) becomes (..., c, h * r, w * r), for ``r = upscale_factor``."""
    r = upscale_factor
    x = _images("pixel_shuffle", input, r, f"with channels divisible by {r * r}", (r * r, 1, 1))
    *n, c, h, w = x.shape
    y = moveaxis(x.reshape(*n, c // (r * r), r, r, h, w), (-4, -3), (-3, -1))
    return y.reshape(*n, c // (r * r), h * r, w * r)


@step
def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`: (..., c, h * r, w * r) becomes (..., c * r * r, h, w)."""
    r = downscale_factor
    x = _images("pixel_unshuffle", input, r, f"the last two divisible by {r}", (1, r, r))
    *n, c, h, w = x.shape
    y = moveaxis(x.reshape(*n, c, h // r, r, w // r, r), (-3, -1), (-4, -3))
    return y.reshape(*n, c * r * r, h // r, w // r)
