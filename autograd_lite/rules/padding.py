"""``np.pad`` in all its modes, one axis after the other."""

from typing import Any

import numpy as np

from ..table import composite
from ._arrays import operand
from .indexing import into_zeros, on_axis, set_at


@composite(
    np.pad,
    examples=(
        "2x3 ((1,0),(2,1)) constant_values=0.5; 2x3 1 edge; [4] (3,5) reflect reflect_type=odd; "
        "[4] (3,9) symmetric reflect_type=odd; [3] (4,2) wrap; 2x3 (2,1) linear_ramp end_values=1.0,-2.0; "
        "3x2 1 mean; [4] (1,2) maximum stat_length=2; [4] (1,2) minimum; [4] (1,2) median stat_length=3,2"
    ),
)
def pad(array, pad_width, mode="constant", **kwargs):
    if callable(mode):
        raise TypeError("pad: a function as mode would write into an array; use a named mode, or np.concatenate")
    if mode not in MODES:
        raise ValueError(f"pad: mode {mode!r} is none of {', '.join(MODES)}")
    extend, keywords = MODES[mode]
    if wrong := kwargs.keys() - keywords:
        raise ValueError(f"pad: mode {mode!r} has no keyword {', '.join(sorted(wrong))}")
    x = operand(array)
    widths = _pairs(pad_width, x.ndim)
    if not all(type(n) is int for pair in widths for n in pair):
        raise TypeError("pad: `pad_width` must be of integral type")
    if any(min(pair) < 0 for pair in widths):
        raise ValueError("pad: a width cannot be negative")
    options = {key: kwargs.get(key, default) for key, default in keywords.items()}
    options = {key: [v] * x.ndim if key == "reflect_type" else _pairs(v, x.ndim) for key, v in options.items()}
    if extend is None:
        return _in_frame(x, widths, options.get("constant_values"))
    for axis, (before, after) in enumerate(widths):
        if x.shape[axis] == 0 and before + after:
            raise ValueError(f"pad: mode {mode!r} cannot extend an empty axis {axis}")
        if before + after:
            x = extend(x, axis, before, after, **{key: value[axis] for key, value in options.items()})
    return x


def _pairs(value, ndim):
    """A number, a pair, or a pair for each axis, as a pair for each axis."""
    if isinstance(value, dict):
        pairs = [(0, 0)] * ndim
        for axis, pair in value.items():
            pairs[axis] = pair if np.ndim(pair) else (pair, pair)
        value = pairs
    return [tuple(pair) for pair in np.broadcast_to(value, (ndim, 2)).tolist()]


def _in_frame(x, widths, values):
    inner = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
    shape = tuple(n + before + after for (before, after), n in zip(widths, x.shape, strict=True))
    if values is None or not np.any(values):
        return into_zeros(x, inner, shape, unique_indices=True)
    frame = np.pad(np.zeros(x.shape, x.dtype), widths, constant_values=values)
    return set_at(frame, inner, x)


# -------------------------------------------------------- the axis extended: (x, axis, before, after, option)


def _ends(x, axis):
    n = x.shape[axis]
    return x[on_axis(axis, slice(0, 1))], x[on_axis(axis, slice(n - 1, n))]


def _column(values, x, axis):
    """A vector along `axis`, in the dtype of `x`."""
    shape = tuple(-1 if k == axis else 1 for k in range(x.ndim))
    return values.reshape(shape).astype(x.dtype.char.lower() if x.dtype.kind == "c" else x.dtype)


def _by_index(mode):
    """Take entries by an index: NumPy's pad, applied to the positions.

    An odd reflection is 2 x(end) minus the even one, and so on outwards.
    """

    def extend(x, axis, before, after, reflect_type="even"):
        n = x.shape[axis]
        even = x[on_axis(axis, np.pad(np.arange(n), (before, after), mode=mode))]
        if reflect_type == "even" or (n == 1 and mode == "reflect"):
            return even
        place = np.arange(-before, n + after)
        period = np.where(place == n - 1, 0, place // (n - 1)) if mode == "reflect" else place // n
        first, last = _ends(x, axis)
        turned = period % 2
        sign, start = _column(1 - 2 * turned, x, axis), _column(2 * turned, x, axis)
        rise = _column(period + turned, x, axis)  # two reflections add twice the rise
        return sign * even + start * first + rise * (last - first)

    return extend


def _ramp(x, axis, before, after, end_values):
    first, last = _ends(x, axis)
    rise = _column(np.arange(before) / max(before, 1), x, axis)
    fall = _column(np.arange(after)[::-1] / max(after, 1), x, axis)
    left, right = end_values
    return np.concatenate([left + (first - left) * rise, x, right + (last - right) * fall], axis)


def _statistic(of):
    """A number for the start of the axis and one for its end."""

    def extend(x, axis, before, after, stat_length):
        n = x.shape[axis]
        spans = [n if length is None else min(length, n) for length in stat_length]
        if min(spans) < 1:
            raise ValueError("pad: stat_length must be 1 or more")
        places = slice(0, spans[0]), slice(n - spans[1], n)
        first, last = (of(x[on_axis(axis, place)], axis=axis, keepdims=True) for place in places)
        return np.concatenate([np.repeat(first, before, axis), x, np.repeat(last, after, axis)], axis)

    return extend


#: For each mode what extends an axis, and the keywords, with NumPy's defaults. Two modes treat all axes at once.
MODES: dict[str, tuple[Any, dict[str, Any]]] = {
    "constant": (None, {"constant_values": 0}),
    "edge": (_by_index("edge"), {}),
    "empty": (None, {}),
    "linear_ramp": (_ramp, {"end_values": 0}),
    "maximum": (_statistic(np.max), {"stat_length": None}),
    "mean": (_statistic(np.mean), {"stat_length": None}),
    "median": (_statistic(np.median), {"stat_length": None}),
    "minimum": (_statistic(np.min), {"stat_length": None}),
    "reflect": (_by_index("reflect"), {"reflect_type": "even"}),
    "symmetric": (_by_index("symmetric"), {"reflect_type": "even"}),
    "wrap": (_by_index("wrap"), {}),
}
