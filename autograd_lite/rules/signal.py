"""Fourier transforms and convolutions: linear maps whose transposes are again such maps.

The discrete Fourier transform is its own transpose, because its matrix is symmetric; truncating and padding the input
are transposes of each other. A real transform keeps half of the spectrum, because the other half is its conjugate. So
in the transposes an entry that stands for two has the factor 2 or 1/2. A transform along several axes is a loop over
those along one, as in NumPy.

The transpose of a convolution is a convolution with the other factor reversed.

Sources: J. W. Cooley, P. A. W. Lewis and P. D. Welch, "The finite Fourier transform" (1969); the
documentation of numpy.fft for the meaning of `n`, `norm` and the half spectrum.
"""

from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..table import Textbook, at, bilinear, complex_normal, composite, linear, notation
from ..table.batching import axes
from ._arrays import ints, operand
from .indexing import on_axis
from .products import conj, product

__all__ = [
    "convolve", "correlate",
]

#: The scale of the transpose.
DUAL: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _fit(x, n, axis):
    """`x` truncated, or padded with zeros, to `n` entries."""
    have = x.shape[axis]
    if have > n:
        return x[on_axis(axis, slice(n))]
    if have < n:
        return np.pad(x, [(0, n - have if k == axis else 0) for k in range(x.ndim)])
    return x


def _bind(entries):
    """A bind for a transform along one axis; `entries` gives the default of `n` from the length of the axis."""

    def bind(a, n=None, axis=-1, norm=None, out=None):
        a = operand(a, out=out)
        axis = normalize_axis_index(axis, a.ndim)
        n = entries(a.shape[axis]) if n is None else int(n)
        if n < 1:
            raise ValueError(f"a transform of {n} entries: n must be positive (the axis {axis} of shape {a.shape})")
        if norm not in DUAL:
            raise ValueError(f"expected norm 'backward', 'ortho' or 'forward', got {norm!r}")
        return (a,), {"n": n, "axis": axis, "norm": norm}

    return bind


_CALLS: tuple[Any, ...] = (
    ((5,), {}), ((4,), {"n": 7, "norm": "ortho"}), ((6,), {"n": 4, "norm": "forward"}), ((2, 4, 3), {"axis": 1}),
    ((1,), {}),
)
_REAL = [at(shape, **how) for shape, how in _CALLS]
_COMPLEX = [at(complex_normal(*shape), **how) for shape, how in _CALLS]

# --------------------------------------------------------------------------------------------- along one axis


def _transform(function, transpose, tex, examples, entries=lambda n: n, **options):
    """The row of a transform along one axis, whose `transpose` has the same parameters; `entries`: see `_bind`."""
    return linear(
        function, lambda g, n, axis, norm, x_shape: _fit(transpose(g, n, axis, norm), x_shape[axis], axis),
        bind=_bind(entries), tex=tex, batch=axes("axis"), examples=examples, **options,
    )


def _twice(x, n, axis, factor):
    """The half spectrum of `n` numbers, with entries that stand for two multiplied by `factor`."""
    return x * _weights(n, factor, x.dtype).reshape([-1 if k == axis else 1 for k in range(x.ndim)])


@lru_cache(maxsize=32)
def _weights(n, factor, dtype):
    single = [1.0] + [factor] * ((n - 1) // 2) + [1.0] * (n % 2 == 0)
    return np.array(single, np.finfo(dtype).dtype)


fft = _transform(np.fft.fft, np.fft.fft, r"\mathcal{{F}} {x}", [*_COMPLEX, "[4]"])
ifft = _transform(np.fft.ifft, np.fft.ifft, r"\mathcal{{F}}^{{-1}} {x}", [*_COMPLEX, "[4]"])
rfft = _transform(
    np.fft.rfft, lambda g, n, axis, norm: np.fft.irfft(_twice(g, n, axis, 0.5), n, axis, DUAL[norm]),
    r"\mathcal{{F}} {x}", _REAL, holomorphic=False,  # it takes real numbers only, so nothing is conjugated
)
irfft = _transform(  # the result is real; the imaginary parts at both ends are ignored, and get 0
    np.fft.irfft, lambda g, n, axis, norm: _twice(np.fft.rfft(g, n, axis, DUAL[norm]), n, axis, 2.0),
    r"\mathcal{{F}}^{{-1}} {x}",
    [*_COMPLEX[:-1], "[1]j n=1", "[4]", "[4]j n=5"], lambda n: 2 * (n - 1),
)


@composite(np.fft.hfft, examples="[4]j; 3x4j n=5 axis=0 norm=ortho")
def hfft(a, n=None, axis=-1, norm=None, out=None):
    """The real spectrum of a signal with Hermitian symmetry."""
    return np.fft.irfft(conj(operand(a, out=out)), n, axis, DUAL[norm])


@composite(np.fft.ihfft, examples="[4]; n=5 axis=0 norm=ortho")
def ihfft(a, n=None, axis=-1, norm=None, out=None):
    """The inverse of `hfft`."""
    return conj(np.fft.rfft(operand(a, out=out), n, axis, DUAL[norm]))


# ---------------------------------------------------------------------------------------------- along several


def _bound(a, s, axes, out):
    """The array, the numbers of entries (-1 is the length of the axis), and the axes."""
    a = operand(a, out=out)
    if axes is None:
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    axes = [normalize_axis_index(k, a.ndim) for k in axes]
    s = [-1] * len(axes) if s is None else list(s)
    if len(s) != len(axes):
        raise ValueError(f"s={tuple(s)} and axes={tuple(axes)} must have the same length")
    return a, [a.shape[k] if n == -1 else int(n) for n, k in zip(s, axes, strict=True)], axes


def _each(transform, a, s, axes, norm):
    for n, axis in zip(s[::-1], axes[::-1], strict=True):
        a = transform(a, n, axis, norm)
    return a


_GRID = ["2x3j", "2x3x2j s=3,4 axes=2,0 norm=ortho", "2x3j s=-1,2 axes=0,1"]
_REAL_GRID = ["2x3", "2x3x4 s=3,5 axes=2,0 norm=ortho", "2x4 s=-1,2 axes=0,1 norm=forward"]


def _rfft(a, s, axes, norm):
    return _each(np.fft.fft, np.fft.rfft(a, s[-1], axes[-1], norm), s[:-1], axes[:-1], norm)


def _irfft(a, s, axes, norm):
    for n, axis in zip(s[:-1], axes[:-1], strict=True):
        a = np.fft.ifft(a, n, axis, norm)
    return np.fft.irfft(a, s[-1], axes[-1], norm)


def _several(numpys, transform, examples, last=None):
    """The row of a transform along several axes; `last` gives the default of the last `s` from the length."""
    default = (-2, -1) if numpys.__name__.endswith("2") else None

    @composite(numpys, examples=examples[:2] if default else examples)
    def row(a, s=None, axes=default, norm=None, out=None):
        a, sizes, axes = _bound(a, s, axes, out)
        if s is None and last:
            sizes[-1] = last(sizes[-1])
        return transform(a, sizes, axes, norm)

    return row


fftn, fft2 = (_several(f, partial(_each, np.fft.fft), _GRID) for f in (np.fft.fftn, np.fft.fft2))
ifftn, ifft2 = (_several(f, partial(_each, np.fft.ifft), _GRID) for f in (np.fft.ifftn, np.fft.ifft2))
rfftn, rfft2 = (_several(f, _rfft, _REAL_GRID) for f in (np.fft.rfftn, np.fft.rfft2))
irfftn, irfft2 = (_several(f, _irfft, _GRID, lambda n: 2 * (n - 1)) for f in (np.fft.irfftn, np.fft.irfft2))

_SHIFTS = ["[5]", "4x3j; 4x3j axes=0; 4x3j axes=0,1"]


@composite(np.fft.fftshift, examples=_SHIFTS)
def fftshift(x, axes=None):
    """Move the zero frequency to the middle."""
    return _rolled(x, axes, 1)


@composite(np.fft.ifftshift, examples=_SHIFTS)
def ifftshift(x, axes=None):
    """Move the zero frequency back to the front."""
    return _rolled(x, axes, -1)


def _rolled(x, axes, sign):
    x = operand(x)
    axes = range(x.ndim) if axes is None else ints(axes)
    return np.roll(x, [sign * (x.shape[k] // 2) for k in axes], tuple(axes))


# ----------------------------------------------------------------------------------------------- convolutions

MODES = ("full", "same", "valid")


def _convolve_bind(a, v, mode="full"):
    a, v = (x if x.ndim else np.reshape(x, 1) for x in (operand(a), operand(v)))
    if mode not in MODES:
        raise ValueError(f"expected mode 'full', 'same' or 'valid', got {mode!r}")
    if a.ndim > 1 or v.ndim > 1:
        raise ValueError(f"convolve and correlate: expected two vectors, got shapes {a.shape} and {v.shape}")
    return (a, v), {"mode": mode}


def _convolve_rule(g, other, length, mode):
    """Pad `g` to the size of the full convolution, and convolve it with the reversed factor."""
    m, n = max(length, other.shape[0]), min(length, other.shape[0])
    start = {"full": 0, "same": (n - 1) // 2, "valid": n - 1}[mode]
    g = np.pad(g, (start, m + n - 1 - start - g.shape[0])) if mode != "full" else g
    return np.convolve(g, other[::-1], "valid")


def _batched_convolve(b):
    """Windows of one factor times the other one reversed."""
    (x, v), (on, v_on) = b.xs, b.on
    if v.shape[-1] > x.shape[-1]:
        x, v, on, v_on = v, x, v_on, on
    n, m, (length,) = x.shape[-1], v.shape[-1], b.shape
    start = (n + m - 1 - length) // 2
    wide = np.pad(x, [(0, 0)] * on + [(m - 1, m - 1)])
    windows = wide[..., np.arange(start, start + length)[:, None] + np.arange(m)]
    return product(windows, np.flip(v, -1), on, v_on)


_CUTS = [at((a,), (v,), mode=mode) for mode in MODES for a, v in ((5, 3), (3, 4), (4, 4), (1, 3))]
_STAR = r"{x1} \star {x2}"
notation("full", "convolve({x1}, {x2}[::-1], mode='full')", _STAR, lambda a, v: np.convolve(a, v[::-1], "full"))
notation("valid", "convolve({x1}, {x2}[::-1], mode='valid')", _STAR, lambda a, v: np.convolve(a, v[::-1], "valid"))
notation("kernel", "convolve({x1}[::-1], {x2}, mode='valid')", _STAR, lambda x, g: np.convolve(x[::-1], g, "valid"))


def _convolve_textbook(a, v, mode):
    if mode == "full":
        return Textbook(x1="valid(g, x2)", x2="valid(g, x1)")
    return Textbook(x1="full(g, x2)", x2="kernel(x1, g)") if mode == "valid" and a.shape >= v.shape else None


convolve = bilinear(
    np.convolve, lambda g, x2, x1_shape, mode: _convolve_rule(g, x2, x1_shape[0], mode),
    lambda g, x1, x2_shape, mode: _convolve_rule(g, x1, x2_shape[0], mode),
    bind=_convolve_bind, tex="{x1} * {x2}", algebra="convolution",
    batch=_batched_convolve, examples=[*_CUTS, "[] [3]"], textbook=_convolve_textbook,
)


@composite(np.correlate, examples=_CUTS)
def correlate(a, v, mode="valid"):
    """A convolution with the second factor reversed and conjugated; 'same' is centred as if the longer came first."""
    (a, v), _ = _convolve_bind(a, v, mode)
    v = conj(v)
    if a.shape[0] < v.shape[0]:
        return np.convolve(a[::-1], v, mode)[::-1]
    return np.convolve(a, v[::-1], mode)
