"""SciPy's namespaces, `special`, `stats`, `linalg`, `integrate` and `signal`; the rows of the table where recorded
values come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.integrate
import scipy.linalg
import scipy.special
import scipy.stats

from ... import integrate as _integrate, linalg as _linalg, special as _special, stats as _stats
from ._modules import submodule
from .numpy import einsum, flip, pad


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
    in_a, in_b = list(range(np.ndim(A))), list(range(np.ndim(A), np.ndim(A) + np.ndim(B)))  # einsum's names of axes
    for i, j in zip(*dot_axes, strict=True):
        in_b[j] = in_a[i]
    first = [n for k, n in enumerate(in_a) if k not in on_a and k not in dot_axes[0]]
    second = [n for k, n in enumerate(in_b) if k not in on_b and k not in dot_axes[1]]
    result = [*(second + first if swapped else first + second), *(in_a[i] for i in on_a)]
    if mode != "valid":
        widths = [(0, 0)] * np.ndim(A)
        for i, j in zip(on_a, on_b, strict=True):
            width = np.shape(B)[j] - 1
            widths[i] = (width, width) if mode == "full" else (width - width // 2, width // 2)
        A = pad(A, widths)
    windows = np.lib.stride_tricks.sliding_window_view(A, [np.shape(B)[j] for j in on_b], tuple(on_a))
    return einsum(windows, in_a + [in_b[j] for j in on_b], flip(B, tuple(on_b)), in_b, result)


submodule("scipy.special", scipy.special, _special)
_same = {name: f for name, f in vars(_linalg).items() if name not in ("cholesky", "lstsq", "qr")}  # these are NumPy's
submodule("scipy.linalg", scipy.linalg, SimpleNamespace(**_same))
submodule("scipy.integrate", scipy.integrate, _integrate)
submodule("scipy.signal", convolve=convolve)
submodule("scipy.stats")
for _name in ["beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"]:
    submodule(f"scipy.stats.{_name}", getattr(scipy.stats, _name), getattr(_stats, _name))
