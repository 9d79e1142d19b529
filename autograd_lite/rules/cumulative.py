"""Cumulative functions: sums and products, ``ufunc.accumulate``, and sums of slices, ``add.reduceat``.

An accumulation is a loop, ``y[k] = f(y[k-1], x[k])``, and so is its derivative, backwards:

    b[k] = g[k] + b[k+1] · ∂y[k+1]/∂y[k]       the cotangent of y[k]; that of x[k] is b[k] · ∂y[k]/∂x[k]

The partials are those of the row of `f`, and the loop is a row too (`linear_recurrence`), whose transpose is the same
loop in the other direction. So one function differentiates every accumulation, to every order, also at zeros. Only the
cumulative sum has a shorter rule.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..table import TABLE, Textbook, composite, general, linear, notation
from ..table.batching import along
from ..table.scalar import JAVASCRIPT
from . import elementwise as E
from ._arrays import kept_shape, operand, resolve
from .indexing import into_zeros, on_axis

__all__ = [
    "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "nancumprod", "nancumsum",
]


def _binding(name):
    """A bind with the signature of ``np.cumsum``. If `dtype` is a narrow integer, the result is cast to it."""

    def bind(a, axis=None, dtype=None, out=None):
        x = operand(a, dtype, out)
        axis = resolve(axis, x.ndim)
        if dtype is not None and x.dtype.kind in "biu":
            return TABLE[name](x, axis).astype(x.dtype)
        return (x,), {"axis": axis}

    return bind


_ALONG_ONE = (
    "4x2 axis=0; 2x3x2 axis=-2", lambda rng: ((rng.normal(size=(3, 2)).T[:, ::-1],), {"axis": 1}), "1x1 axis=0",
)
_ALONG = ("2x3", *_ALONG_ONE, "[]; 2x0 axis=1")

# ----------------------------------------------------------------------------------------------- running sums


def _cumsum_back(g, axis, x_shape):
    k = axis or 0
    d = np.flip(np.cumsum(np.flip(g, k), k), k)
    return d.reshape(x_shape) if axis is None else d


def _after(form):
    def textbook(x, axis):
        return Textbook(x=form.format(axis or 0)) if axis is not None or len(x.shape) == 1 else None

    return textbook


cumsum = linear(
    np.cumsum, _cumsum_back, bind=_binding("cumsum"), tex=r"\operatorname{{cumsum}}({x})",
    examples=_ALONG, batch=along,
    textbook=_after("after(g, {})"),
)
notation(
    "after", "Σₖ≥ᵢ {x1}ₖ", r"\sum_{{k \geq i}} {x1}_k",
    lambda g, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis), mirror="cumsum",
)

# ------------------------------------------------------------------------------------ any other running total


def _linear_recurrence(a, x):
    """``y[0] = x[0]``, then ``y[k] = a[k-1] y[k-1] + x[k]``, along the first axis.

    Examples
    --------
    >>> linear_recurrence(np.full(3, 0.5), np.array([8.0, 0.0, 0.0, 0.0]))
    array([8., 4., 2., 1.])
    """
    y = np.array(x, np.result_type(a, x), order="C")
    if y.size:
        rows = y.reshape(len(y), -1)  # so that x[k] is an array, even if it is one number
        if y.size == len(y) and y.dtype == float:  # numbers: a tenth of the time
            steps = zip(a.ravel().tolist(), rows[1:, 0].tolist(), strict=False)
            ys = accumulate(steps, lambda y, step: step[1] + step[0] * y, initial=float(rows[0, 0]))
            rows[:, 0] = np.fromiter(ys, float, len(y))
            return y
        for ratio, before, row in zip(a.reshape(len(a), rows.shape[1]), rows, rows[1:], strict=False):
            row += ratio * before
    return y


def _from_the_end(a, g):
    return np.flip(linear_recurrence(np.flip(a, 0), np.flip(g, 0)), 0)


def _forward(ts, y, xs, n):  # one recurrence, where the transposes of both rules make two: 2**k for order k
    a, x = ts
    moved = None if a is None else np.concatenate([0 * y[:1], a * y[:-1]])
    return linear_recurrence(xs[0], x if moved is None else moved if x is None else x + moved)


def _recurrences(b):
    """Each entry beside the first axis has a recurrence of its own: so has each example."""
    return np.moveaxis(b(*(np.moveaxis(b.full(k), 0, 1) for k in range(2))), 1, 0)


linear_recurrence = general(
    _linear_recurrence, lambda g, y, x1: _from_the_end(x1, g)[1:] * y[:-1], lambda g, x1: _from_the_end(x1, g),
    name="linear_recurrence", tex=r"\operatorname{{recurrence}}({x1}, {x2})",
    js="recurrence({x1}, {x2})", jvp=_forward,
    examples="[3] [4]; 2x3 3x3; 0x2 1x2", batch=_recurrences,
)


def _accumulation(row, of=None):
    """The row for ``ufunc.accumulate``, from the partials in the row of the ufunc."""
    ufunc = row.fn
    to_before, to_entry = row.pulls  # each partial times a cotangent

    def pull(g, y, x, axis, x_shape):
        k = axis or 0
        x = x.reshape(y.shape) if axis is None else x
        x, y, g = np.moveaxis(x, k, 0), np.moveaxis(y, k, 0), np.moveaxis(g, k, 0)
        step = (y[1:], (y[:-1], x[1:]), None)
        b = _from_the_end(to_before(np.ones(y[1:].shape, y.dtype), *step), g)
        d = np.moveaxis(np.concatenate([b[:1], to_entry(b[1:], *step)]), 0, k)
        return d.reshape(x_shape) if axis is None else d

    name = of.__name__ if of else f"{ufunc.__name__}_accumulate"
    return general(
        lambda x, axis: ufunc.accumulate(x.reshape(-1) if axis is None else x, axis or 0), pull,
        of=of or ufunc.accumulate, name=name, np_name=f"np.{name}" if of else f"np.{ufunc.__name__}.accumulate",
        bind=_binding(name), tex=rf"\operatorname{{{{{name.replace('_', ' ')}}}}}({{x}})",
        js=f"accumulate((x1, x2) => {JAVASCRIPT.write(row.formula({}))}, {{x}}, {{axis}})",
        examples=_ALONG, batch=along,
    )


cumprod = _accumulation(E.multiply, np.cumprod)
cumprod.attach(textbook=_after("after(g * y, {}) / x"))
maximum_accumulate = _accumulation(E.maximum)
minimum_accumulate = _accumulation(E.minimum)
logaddexp_accumulate = _accumulation(E.logaddexp)

# ----------------------------------------------------------------------------------------- written with those


def without_nan(fn, row, neutral):
    """The row of a function that takes nan as if it were `neutral`; `row` is that of the function without this."""

    def fold(a, *args, **params):
        a = operand(a)
        return row(np.where(np.isnan(a), neutral, a), *args, **params)

    fold.__wrapped__ = row.bind  # type: ignore[attr-defined]  # for inspect.signature
    return composite(fn, examples=row.examples)(fold)


nancumsum, nancumprod = without_nan(np.nancumsum, cumsum, 0), without_nan(np.nancumprod, cumprod, 1)


def _cumulative(fn, row, start):
    """The array API's name for a cumulative function."""

    def total(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        x = operand(x, None, out)
        if axis is None and x.ndim > 1:
            raise ValueError(f"{fn.__name__}: axis= is missing, for an array of shape {x.shape}")
        axis = resolve(axis or 0, x.ndim)
        y = row(x, axis, dtype)
        if include_initial:
            y = np.concatenate([np.full(kept_shape(y.shape, (axis,)), start, y.dtype), y], axis)
        return y

    return composite(fn, examples=(*_ALONG_ONE, "3x2 axis=0 include_initial=True"))(total)


cumulative_sum, cumulative_prod = _cumulative(np.cumulative_sum, cumsum, 0), _cumulative(np.cumulative_prod, cumprod, 1)

# ------------------------------------------------------------------------------------------ sums of stretches


def _stretches(indices, n):
    """The entries that ``reduceat`` adds, in order, and for each the result that it goes into."""
    lengths = np.maximum(np.append(indices[1:], n) - indices, 1)  # an empty slice stands for one entry
    result = np.repeat(np.arange(len(indices)), lengths)
    return np.arange(len(result)) + np.repeat(indices - np.cumsum(lengths) + lengths, lengths), result


def _reduceat_back(g, indices, axis, x_shape):
    entries, result = _stretches(indices, x_shape[axis])
    return into_zeros(g[on_axis(axis, result)], on_axis(axis, entries), x_shape)


def _bind_reduceat(a, indices, axis=0, dtype=None, out=None):
    x = operand(a, dtype, out)
    if dtype is not None and x.dtype.kind in "biu":
        return add_reduceat(x, indices, axis).astype(x.dtype)
    return (x,), {"indices": np.asarray(indices), "axis": resolve(axis, x.ndim)}


add_reduceat = linear(
    np.add.reduceat, _reduceat_back, name="add_reduceat", np_name="np.add.reduceat", bind=_bind_reduceat,
    tex=r"\sum {x}", examples="[6] [0,2,3]; 2x6 [3,1,1,5] axis=1", batch=along,
)

# ------------------------------------------------------------------------------------------ methods of ufuncs


_OF_UFUNCS = {
    np.add: cumsum, np.multiply: cumprod, np.maximum: maximum_accumulate, np.minimum: minimum_accumulate,
    np.logaddexp: logaddexp_accumulate,
}


def _accumulate(row):
    """``ufunc.accumulate`` as a call of the row that does the same; its axis is 0 by default."""
    return lambda x, axis=0, *args, **params: row(x, axis, *args, **params)


#: These go into :data:`.reductions.METHODS`.
METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    **{(ufunc, "accumulate"): _accumulate(row) for ufunc, row in _OF_UFUNCS.items()},
    (np.add, "reduceat"): add_reduceat,
}
