"""``scipy.signal``: HIPS's convolution along some axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..numpy import einsum, flip, pad


def convolve(
    A: Any, B: Any, axes: Sequence[Sequence[int]] | None = None, dot_axes: Sequence[Sequence[int]] = ((), ()),
    mode: str = "full",
) -> Any:
    """The convolution of `A` and `B` along some axes, with sums of products along others.

    Parameters
    ----------
    A, B : array
    axes : pair of sequences of int, optional
        The axes of `A` and of `B` to convolve along; by default all.
    dot_axes : pair of sequences of int
        Axes of `A` and of `B` along which products are added.
    mode : {"full", "valid", "same"}

    Returns
    -------
    array
        With the other axes of `A`, then those of `B`, then those of the convolution.
    """
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolve: mode is 'full', 'valid' or 'same', not {mode!r}")
    on_a, on_b = (range(np.ndim(A)), range(np.ndim(B))) if axes is None else axes
    larger = [np.shape(A)[i] - np.shape(B)[j] for i, j in zip(on_a, on_b, strict=True)]
    if mode == "valid" and min(larger, default=0) < 0 < max(larger, default=0):
        raise ValueError("convolve: in mode 'valid', one array must be at least as large along all convolved axes")
    swapped = mode == "valid" and min(larger, default=0) < 0  # then B is the longer one
    if swapped:
        A, B, on_a, on_b, dot_axes = B, A, on_b, on_a, dot_axes[::-1]
    widths = [(0, 0)] * np.ndim(A)
    for i, j in zip(on_a, on_b, strict=True):
        width = np.shape(B)[j] - 1
        widths[i] = {"valid": (0, 0), "full": (width, width), "same": (width - width // 2, width // 2)}[mode]
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    in_a, in_b = ([next(letters) for _ in range(np.ndim(x))] for x in (A, B))
    for i, j in zip(*dot_axes, strict=True):
        in_b[j] = in_a[i]
    others = [
        [x for k, x in enumerate(names) if k not in on and k not in dot]
        for names, on, dot in ((in_a, on_a, dot_axes[0]), (in_b, on_b, dot_axes[1]))
    ]
    first, second = others[::-1] if swapped else others
    result = "".join([*first, *second, *(in_a[i] for i in on_a)])
    windows = np.lib.stride_tricks.sliding_window_view(
        pad(A, widths) if any(map(any, widths)) else A, [np.shape(B)[j] for j in on_b], tuple(on_a)
    )
    entries = "".join(in_b[j] for j in on_b)
    return einsum(f"{''.join(in_a)}{entries},{''.join(in_b)}->{result}", windows, flip(B, tuple(on_b)))
