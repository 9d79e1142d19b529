"""Reductions: sums, products, extremes, means, variances, over whole arrays or along axes.

All rules start the same way: they broadcast the cotangent of the result along the reduced axes (`spread`, a view). For
a sum that is all; the others multiply by the weight of each entry.

Rows do not have the rare keywords (``where=``, ``initial=``, ``mean=``): the `bind` expresses such a call with other
rows. Entries that tie for an extreme share its gradient, as in PyTorch's ``amax``; the standard deviation of equal
entries has the slope 0.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..table import ROWS, Textbook, around, at, composite, constant, elementwise, general, linear
from ..table.batching import along, axes
from . import cumulative as accumulation
from ._arrays import along_axes, count, kept_shape, operand, raw, reduced, resolve, spread

__all__ = [
    "average", "logsumexp", "max", "mean", "min", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar", "prod", "ptp", "std", "sum", "var",
]

_OVER_AXES = (
    "2x3; axis=0; axis=-1 keepdims=True; 2x3x2 axis=0,-1; 2x1x2 axis=2,1 keepdims=True; keepdims=True",
    lambda rng: ((rng.normal(size=(3, 2)).T[:, ::-1],), {"axis": 1}),
)
_OF_ONE = ("[]; axis=()",)
_OF_NONE = ("[0]; 2x0 axis=1",)
_REDUCES: Any = {"algebra": "reduction", "batch": axes("axis")}
_SOME = np.array([[True, False, True], [True, True, True]])
_SELECTED = (at(axis=0, where=_SOME),)
_FROM = ("axis=1 initial=0.5", at((3,), initial=0.5, where=_SOME[0]))

# ---------------------------------------------------------------------------------------------- rare keywords


def _selected(where, x, other):
    """`x` where it is selected, and elsewhere `other`, the neutral element."""
    if np.broadcast_shapes(np.shape(where), x.shape) != x.shape:
        raise ValueError(f"where= of shape {np.shape(where)} does not fit into shape {x.shape}")
    return np.where(where, x, other)


def _fold(fn, join, neutral):
    """The signature of ``np.sum`` and ``np.prod``.

    `initial` is joined to the result. Entries that `where` excludes become `neutral`, or `initial` if that is None.
    """

    def bind(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
        x = operand(a, dtype, out)
        wanted = x.dtype if dtype is not None and x.dtype.kind in "biu" else None  # NumPy widens integers by default
        if where is not True:
            if neutral is None and initial is None:
                raise ValueError("where= needs initial=, the result where nothing is selected")
            x = _selected(where, x, initial if neutral is None else neutral)
        params = {"axis": resolve(axis, x.ndim), "keepdims": bool(keepdims)}
        if initial is None and wanted is None:
            return (x,), params
        if neutral is None and count(x.shape, params["axis"]) == 0:  # an extreme of no entries
            return np.sum(x, **params) + initial
        y = fn(x, **params)
        y = y if initial is None else join(y, initial)
        return y if wanted is None else y.astype(wanted)

    return bind


def _extreme_fold(fn, join):
    """The signature of ``np.max``, which has no `dtype`."""
    fold = _fold(fn, join, None)

    def bind(a, axis=None, out=None, keepdims=False, initial=None, where=True):
        if getattr(axis, "ndim", 0):
            raise TypeError(f"axis is an array; for two arrays, entry by entry, write np.{join.__name__}(x1, x2)")
        return fold(a, axis, None, out, keepdims, initial, where)

    return bind

# -------------------------------------------------------------------------------------------- sum and product

_SHORT = 512  # a sum of at most this many entries is accurate enough as one product


def _sum_as_product(x, y, axis, into):
    """A sum over the first axes or the last ones as a product with ones, in a fifth of the time; None if it is none.

    A long sum is taken in two steps.
    """
    axes = reduced(axis, x.ndim)
    k, n = len(axes), count(x.shape, axis)
    first, last = axes == tuple(range(k)), axes == tuple(range(x.ndim - k, x.ndim))
    if x.dtype.char not in "fd" or not n or not k or not (first or last):
        return None
    kept = math.prod(x.shape) // n
    block = n if n <= _SHORT else next(m for m in range(math.isqrt(n), 0, -1) if n % m == 0)
    rest = n // block
    if rest > 1 and (k == x.ndim or block * 16 < rest):  # n has no suitable divisor
        return None
    if k == x.ndim:
        flat = "" if k == 1 else ".reshape(-1)"
        return f"{{x}}{flat}.dot({{ones}}{into})", {"ones": np.ones(n, x.dtype)}
    text, shape = "{x}", x.shape
    ones: dict[str, Any] = {}
    for length in (block,) if rest == 1 else (rest, block) if first else (block, rest):
        n //= length
        wanted = (length, n * kept) if first else (kept * n, length)
        flat = "" if shape == wanted else f".reshape{wanted}"
        shape, name, end = (n * kept,), f"ones{len(ones)}", into if n == 1 else ""
        ones[name] = np.ones(length, x.dtype)
        text = f"{{{name}}}.dot({text}{flat}{end})" if first else f"{text}{flat}.dot({{{name}}}{end})"
    return text, ones


def _emit_sum(xs, y, axis, keepdims):
    found = _sum_as_product(xs[0], y, axis, "") if hasattr(xs[0], "shape") else None
    if found is not None:
        shape = f".reshape({', '.join(map(str, y.shape))})" if keepdims or y.ndim > 1 else ""
        return f"{found[0]}{shape}", found[1]
    return "np.add.reduce({x}, axis={axis}" + (", keepdims=True)" if keepdims else ")")


def _sum_into(xs, y, axis, keepdims):
    found = _sum_as_product(xs[0], y, axis, ", {out}" if y.ndim == 1 else ", {out}.reshape(-1)") if y.ndim else None
    return found or "np.add.reduce({x}, axis={axis}, keepdims={keepdims}, out={out})"


def _reducing(operator):
    def form(b, x, axis, keepdims):
        axes = reduced(axis, x.ndim)
        return b(operator, x, b.ints(axes), keepdims=int(keepdims)) if axes else b("Identity", x)

    return form


sum = linear(
    np.add.reduce, spread, of=np.sum, bind=_fold(np.sum, np.add, 0), tex=r"\sum {x}",
    examples=_OVER_AXES + _OF_ONE + _OF_NONE + _SELECTED + _FROM,
    text="Σ {x}", algebra="total", js="sum({x}, {axis}, {keepdims})", emit=_emit_sum, out=_sum_into,
    batch=axes("axis"), onnx=_reducing("ReduceSum"), fold=("x1 + x2", 0),
)


def _before(x):
    """The product of all entries before each one, along the last axis."""
    ones = np.ones(x[..., :1].shape, x.dtype)
    return np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)


def _prod_pull(g, x, axis, keepdims, x_shape):
    # The product of the others is that of those before times that of those after; y / x fails where an entry is 0.
    axes = reduced(axis, len(x_shape))
    last = range(-len(axes), 0)
    moved = np.moveaxis(x, axes, last)
    lines = moved.reshape((*moved.shape[: len(x_shape) - len(axes)], count(x_shape, axis)))
    others = _before(lines) * np.flip(_before(np.flip(lines, -1)), -1)
    return spread(g, axis, keepdims, x_shape) * np.moveaxis(others.reshape(moved.shape), last, axes)


prod = general(
    np.multiply.reduce, _prod_pull, of=np.prod, bind=_fold(np.prod, np.multiply, 1), tex=r"\prod {x}",
    examples=(
        *_OVER_AXES, *_OF_ONE, *_OF_NONE, *_SELECTED, *_FROM, "a[[2.0,0.0,3.0],[0.0,5.0,0.0]] axis=1",
        "2x3x2 axis=0",  # the axes are rotated: the inverse permutation differs
    ),
    **_REDUCES, js="reduce((a, b) => a * b, 1, {x}, {axis}, {keepdims})", onnx=_reducing("ReduceProd"),
    fold=("x1 * x2", 1),
    textbook=along_axes(lambda g, y, *_: Textbook(x=f"{g} * {y} / x")),
)

# --------------------------------------------------------------------------------------------------- extremes


def _extreme_pull(g, y, x, axis, keepdims, x_dtype):
    top = x == spread(y, axis, keepdims, x.shape)
    share = g / np.maximum(np.sum(top, axis=axis, keepdims=keepdims), 1)
    share = np.where(np.isnan(y), y, share)  # nan has no derivative
    return top * spread(share.astype(x_dtype), axis, keepdims, x.shape)


def _along_last(of, ufunc):
    """An extreme along the last axis by its position: NumPy's search is two to four times as fast as its fold."""

    def into(xs, y, axis, keepdims):
        x = xs[0]
        n = x.shape[-1] if x.ndim > 1 else 0
        lines = math.prod(x.shape) // n if n else 0
        if x.dtype.char in "fd" and reduced(axis, x.ndim) == (x.ndim - 1,) and lines >= 8 and n <= 512:
            starts = np.arange(lines) * n
            found = f"{{x}}.reshape({lines}, {n}).{of}(1) + {{starts}}"
            return f"{{x}}.reshape(-1).take({found}, out={{out}}.reshape(-1), mode='clip')", {"starts": starts}
        return f"np.{ufunc}.reduce({{x}}, axis={{axis}}, keepdims={{keepdims}}, out={{out}})"

    return into


_TIES = along_axes(
    lambda g, y, *_: Textbook(
        x=(f"{g} * (x == {y})", f"{g} * (x == {y}) / sum(x == {y}, axis)"), note="ties share"
    )
)


def _extreme(of, ufunc, **options):
    return general(
        ufunc.reduce, _extreme_pull, of=of, bind=_extreme_fold(of, ufunc),
        tex=rf"\{of.__name__.removeprefix('nan')} {{x}}",
        examples=_OVER_AXES + _OF_ONE + _FROM, batch=axes("axis"), textbook=_TIES, **options,
    )


def _extreme_and_position(of, ufunc):
    """A row for a function of which PyTorch's returns positions too."""
    name = of.__name__
    return _extreme(
        of, ufunc, algebra="reduction", js=f"extreme(Math.{name}, {{x}}, {{axis}}, {{keepdims}})", pair=2,
        unlike_torch=f"PyTorch's returns positions too: write x.{name}(axis=...) and x.arg{name}(axis=...)",
        out=_along_last(f"arg{name}", ufunc.__name__), onnx=_reducing(f"Reduce{name.capitalize()}"),
        fold=(f"{name}(x1, x2)", -math.inf if name == "max" else math.inf),
    )


max = amax = ROWS[np.amax] = _extreme_and_position(np.max, np.maximum)
min = amin = ROWS[np.amin] = _extreme_and_position(np.min, np.minimum)
nanmax, nanmin = _extreme(np.nanmax, np.fmax), _extreme(np.nanmin, np.fmin)


@composite(np.ptp, examples=_OVER_AXES)
def ptp(a, axis=None, out=None, keepdims=False):
    return max(a, axis, out, keepdims) - min(a, axis, out, keepdims)

# ------------------------------------------------------------------------------------------ mean and variance


def _many(where, x, **params):
    """The number of selected entries for each result."""
    return np.sum(np.broadcast_to(where, x.shape), **params)


def _bind_mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    x = operand(a, dtype, out)
    params = {"axis": resolve(axis, x.ndim), "keepdims": bool(keepdims)}
    is_narrow = dtype is not None and x.dtype.kind in "biu"  # as in NumPy the total may wrap; the mean is truncated
    if where is True and not is_narrow:
        return (x,), params
    wide = x.dtype if is_narrow else np.float32 if x.dtype == np.float16 else None  # as NumPy adds
    y = np.sum(x, dtype=wide, where=where, **params) / _many(where, x, **params)
    return y.astype(x.dtype) if is_narrow or x.dtype.kind in "fc" else y


def _mean(x, axis, keepdims):
    if x.dtype.kind in "fc" and x.dtype.itemsize > 2:
        return np.add.reduce(x, axis=axis, keepdims=keepdims) / count(x.shape, axis)
    return np.mean(x, axis=axis, keepdims=keepdims)  # which adds float16 and integers in a wider dtype


def _mean_pull(g, axis, keepdims, x_shape):
    return spread(g * (1 / (count(x_shape, axis) or 1)), axis, keepdims, x_shape)


# These could be composites. As rows they are one node instead of two, or of seven for a variance.
mean = linear(
    _mean, _mean_pull, of=np.mean, bind=_bind_mean, tex=r"\operatorname{{mean}}({x})",
    examples=_OVER_AXES + _OF_ONE + _SELECTED,
    definition=True, **_REDUCES, onnx=_reducing("ReduceMean"),
)


def _moment_bind(finish):
    """A bind with the signature of ``np.var``. With `where` or `mean` it composes the variance, then calls `finish`."""

    def bind(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None):
        x = operand(a, dtype, out)
        if dtype is not None and x.dtype.kind in "biu":
            raise TypeError(f"dtype={x.dtype} would round every step of a variance: omit it, or give a floating dtype")
        if correction is not None:
            if ddof != 0:
                raise ValueError("ddof= and correction= are two names of one parameter: give one of them")
            ddof = correction
        axis, keepdims = resolve(axis, x.ndim), bool(keepdims)
        if where is True and mean is None:
            return (x,), {"axis": axis, "ddof": ddof, "keepdims": keepdims}
        d = x - (np.mean(x, axis=axis, keepdims=True, where=where) if mean is None else mean)
        d = d if where is True else _selected(where, d, 0)
        square = np.real(d * np.conj(d)) if d.dtype.kind == "c" else np.square(d)
        n = np.maximum(_many(where, d, axis=axis, keepdims=keepdims) - ddof, 0)
        v = np.sum(square, axis=axis, keepdims=keepdims) / n
        return finish(v.astype(square.dtype) if square.dtype.kind in "fc" else v)

    return bind


def _root(v):
    flat = v == 0
    return np.where(flat, 0, np.sqrt(np.where(flat, 1, v)))


def _share(x_shape, axis, ddof):
    n = count(x_shape, axis) - ddof
    return 1 / n if n > 0 else math.nan


def _var_pull(g, x, axis, ddof, keepdims, x_shape):
    d = x - np.mean(x, axis=axis, keepdims=True)
    return spread(g * (2 * _share(x_shape, axis, ddof)), axis, keepdims, x_shape) * d


def _std_pull(g, y, x, axis, ddof, keepdims, x_shape):
    d = x - np.mean(x, axis=axis, keepdims=True)
    flat = y == 0
    g = np.where(flat, 0, g * _share(x_shape, axis, ddof) / np.where(flat, 1, y))
    return spread(g, axis, keepdims, x_shape) * d


_MOMENTS = (
    *_OVER_AXES, *_SELECTED, "4x2 axis=0 ddof=1",
    at((4, 2), axis=0, correction=0.5, mean=around(np.zeros((1, 2)))),
)
_BY_N = "PyTorch's divides by n - 1, and NumPy's by n: pass unbiased= too, or write axis= and ddof="
var = general(
    np.var, _var_pull, bind=_moment_bind(lambda v: v), holomorphic=False,
    tex=r"\operatorname{{var}}({x})",
    examples=_MOMENTS + _OF_ONE,
    **_REDUCES,
    js=lambda x, axis, ddof, keepdims: (
        np.sum(np.square(x - np.mean(x, axis, keepdims=True)), axis, keepdims=keepdims) * _share(x.shape, axis, ddof)
    ),
    unlike_torch=_BY_N, textbook=along_axes(
        lambda g, y, n, where: Textbook(x=f"2 * {g} * (x - mean(x, axis)) / {n}", where=where)
    ),
)
std = general(
    np.std, _std_pull, bind=_moment_bind(_root), holomorphic=False,
    tex=r"\operatorname{{std}}({x})",
    examples=_MOMENTS,
    **_REDUCES, js=lambda x, axis, ddof, keepdims: np.sqrt(np.var(x, axis, ddof=ddof, keepdims=keepdims)),
    unlike_torch=_BY_N, textbook=along_axes(lambda g, y, n, where: Textbook(
        x=(f"{g} * (x - mean(x, axis)) / ({n} * {y})", f"{g} * quotient(x - mean(x, axis), {n} * {y})"),
        kink="slope 0 at 0", where=where,
    )),
)

_WEIGHTED = ("2x3 1 1..2:[3]; 2x3x4 (2,0) 1..2:4x2 keepdims=True; 2x3 None 1..2:2x3 returned=True",)


@composite(np.average, examples=_OVER_AXES + _WEIGHTED)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = operand(a)
    axis = resolve(axis, a.ndim)
    if weights is None:
        y, n = mean(a, axis, keepdims=keepdims), count(a.shape, axis)
    else:
        w = laid_along(operand(weights), a.shape, axis, "average")
        n = sum(w, axis, keepdims=keepdims)
        if (raw(n) == 0).any():
            raise ZeroDivisionError("average: the weights sum to zero")
        y = sum(a * w, axis, keepdims=keepdims) / n
    return (y, np.zeros_like(y) + n) if returned else y


def laid_along(w, shape, axis, name):
    """Weights of the shape of the array, or of the axes alone, so that they broadcast against it."""
    if w.shape == shape:
        return w
    if axis is None:
        raise TypeError(f"{name}: weights of shape {w.shape} for shape {shape}: give axis=")
    axes = reduced(axis, len(shape))
    if w.shape != tuple(shape[k] for k in axes):
        raise ValueError(f"{name}: weights of shape {w.shape} do not fit shape {shape} along axis {axis}")
    others = tuple(k for k in range(len(shape)) if k not in axes)
    return np.transpose(w, np.argsort(axes)).reshape(kept_shape(shape, others))

# -------------------------------------------------------------------------------------------------- logsumexp


class SignedLog(NamedTuple):
    """``sgn * exp(res)`` is the sum; SciPy's two results."""

    res: Any
    sgn: Any


def _bind_logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    x = operand(a)
    x = x.astype(float) if x.dtype.kind in "biu" else x
    if type(b) is bool:
        raise TypeError(f"b={b}: SciPy has weights where PyTorch has keepdim; write keepdims={b} by name")
    if b is not None or return_sign:
        return _weighted_logsumexp(x, axis, 1 if b is None else operand(b), keepdims, return_sign)
    return (x,), {"axis": resolve(axis, x.ndim), "keepdims": bool(keepdims)}


def _weighted_logsumexp(x, axis, b, keepdims, return_sign):
    """``log(sum(b * exp(x)))``. An entry of weight 0 does not count, even if it is so large that its exp overflows."""
    x, b = np.broadcast_arrays(x, b)
    unused = b == 0
    top = max(np.where(unused, -math.inf, np.real(x)), axis=axis, keepdims=True, initial=-math.inf)
    z = x - np.where(np.isfinite(top), top, 0)
    z = np.where(np.logical_and(unused, np.real(z) > 300), 0, z)
    total = sum(b * np.exp(z), axis=axis, keepdims=keepdims)
    top = np.where(np.isfinite(top), top, 0).reshape(total.shape)
    if return_sign:
        return SignedLog(np.log(np.abs(total)) + top, np.sign(total))
    return np.log(total) + top


def _exp_of_difference(x1, x2):
    e = np.subtract(x1, x2)
    reusable = type(e) is np.ndarray and e.dtype.kind in "fc"  # a second large array would cost as much as exp
    return np.exp(e, out=e) if reusable else np.exp(e)


def _exp_minus(x1, x2):
    with np.errstate(invalid="ignore", over="ignore"):
        e = _exp_of_difference(x1, x2)
        if np.isinf(x2).any():
            e = np.where(np.isinf(x2) & (x1 == x2), x2 == math.inf, e)
    return e


#: The weight of an entry `x1` in a `logsumexp` with the value `x2`: 0 if all are -inf, 1 for +inf.
exp_minus = elementwise(
    _exp_minus, lambda y: y, lambda y: -y, name="exp_minus", tex="e^{{{x1} - {x2}}}",
    scalar="(1 if x2 > 0 else 0) if x1 == x2 and abs(x2) == inf else exp(x1 - x2)",
)


def _logsumexp(x, axis, keepdims):
    """``log(sum(exp(x)))`` without overflow; SciPy's name and defaults.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> x = ag.tensor([1000.0, 1000.0, -float("inf")], requires_grad=True)
    >>> y = ag.logsumexp(x)
    >>> y.backward()
    >>> print(f"{y.item():.4f}", x.grad)
    1000.6931 tensor([0.5, 0.5, 0. ])
    """
    each = {"axis": axis, "keepdims": True}
    top = np.maximum.reduce(x.real, **(each if x.size else each | {"initial": -math.inf}))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        e = _exp_of_difference(x, np.where(np.isfinite(top), top, 0))
        if x.dtype.kind == "c":
            y = np.log(np.add.reduce(e, **each)) + top
        else:  # the largest entries are 1 in e: log1p of the others keeps the digits of a result near 0
            largest = x == top
            n = np.maximum(np.add.reduce(largest, dtype=e.dtype, **each), 1)
            y = np.log1p(np.add.reduce(e, where=~largest, **each) / n) + np.log(n) + top
    return y if keepdims else y.squeeze(axis)


def _logsumexp_pull(g, y, x, axis, keepdims):
    kept = y if axis is None or keepdims else y.reshape(kept_shape(x.shape, reduced(axis, x.ndim)))
    return spread(g, axis, keepdims, x.shape) * exp_minus(x, kept)


def _logsumexp_textbook(x, axis, keepdims=False):
    top = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


logsumexp = general(
    _logsumexp, _logsumexp_pull, name="logsumexp", bind=_bind_logsumexp, tex=r"\ln \sum e^{{{x}}}",
    examples=(*_OVER_AXES, *_OF_ONE, *_OF_NONE, "2x3 1 0.5..2:[3]; b=0..1:2x1"),
    source=_logsumexp_textbook, definition=True, js="logsumexp({x}, {axis}, {keepdims})", **_REDUCES,
    onnx=_reducing("ReduceLogSumExp"), idiom=("logarithm", "sum"),
    textbook=along_axes(lambda g, y, *_: Textbook(x=f"{g} * softmax(x, axis)")),
)

# ------------------------------------------------------------------------------------------ as if without nan


def _numbers(a, where):
    """Where `a` is a number and selected."""
    numbers = np.logical_not(np.isnan(a))
    return numbers if where is True else np.logical_and(numbers, where)


nansum, nanprod = accumulation.without_nan(np.nansum, sum, 0), accumulation.without_nan(np.nanprod, prod, 1)


@composite(np.nanmean, examples=_OVER_AXES)
def nanmean(a, *args, where=True, **params):
    a = operand(a)
    return mean(a, *args, where=_numbers(a, where), **params)


@composite(np.nanvar, examples=_MOMENTS)
def nanvar(
    a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=None, correction=None,
):
    a = operand(a)
    chosen = _numbers(a, where)
    v = var(a, axis, dtype, out, ddof, keepdims, where=chosen, mean=mean, correction=correction)
    n = _many(chosen, a, axis=axis, keepdims=keepdims)
    return np.where(n <= (ddof if correction is None else correction), math.nan, v)


@composite(np.nanstd, examples=_MOMENTS)
def nanstd(a, *args, **params):
    return _root(nanvar(a, *args, **params))

# ------------------------------------------------------------------------------------- derivative zero: known


def _bind_position(a, axis=None, out=None, *, keepdims=False):
    x = operand(a, None, out)
    return (x,), {"axis": resolve(axis, x.ndim), "keepdims": bool(keepdims)}


def _bind_truth(neutral):
    def bind(a, axis=None, out=None, keepdims=False, *, where=True):
        x = operand(a, None, out)
        x = x if where is True else _selected(where, x, neutral)
        return _bind_position(x, axis, keepdims=keepdims)

    return bind


def _position_onnx(operator):
    return lambda b, x, axis, keepdims: (
        b(operator, x if axis is not None else b("Reshape", x, b.ints([-1])), axis=axis or 0, keepdims=int(keepdims))
    )


for _position, _onnx, _sign in (
    (np.argmax, _position_onnx("ArgMax"), "1"), (np.argmin, _position_onnx("ArgMin"), "-1"), (np.nanargmax, None, ""),
    (np.nanargmin, None, ""),
):
    _js = f"place({_sign}, {{x}}, {{axis}}, {{keepdims}})" if _sign else None
    constant(_position, bind=_bind_position, batch=along, onnx=_onnx, js=_js)
for _fn, _bind, _js in (
    (np.any, _bind_truth(False), "+(a || b !== 0), 0"), (np.all, _bind_truth(True), "+(a && b !== 0), 1"),
    (np.count_nonzero, _bind_position, "a + (b !== 0), 0"),
):
    constant(_fn, bind=_bind, **_REDUCES, js=f"reduce((a, b) => {_js}, {{x}}, {{axis}}, {{keepdims}})")

# ------------------------------------------------------------------------------------------ methods of ufuncs


def _reduce(row, join, neutral):
    """``ufunc.reduce`` as a call of the row that does the same; the keywords have another order, and axis is 0."""
    fold = _fold(row, join, neutral)

    def reduce(x, axis=0, *args, **params):
        bound = fold(x, axis, *args, **params)
        return row(*bound[0], **bound[1]) if type(bound) is tuple else bound

    return reduce


#: Methods of ufuncs that have rows; the others apply the ufunc step by step (:mod:`.ufuncs`).
METHODS: dict[tuple[np.ufunc, str], Any] = accumulation.METHODS | {
    (ufunc, "reduce"): _reduce(row, ufunc, neutral)
    for ufunc, row, neutral in (
        (np.add, sum, 0), (np.multiply, prod, 1), (np.logaddexp, logsumexp, -math.inf), (np.maximum, max, None),
        (np.minimum, min, None), (np.fmax, nanmax, None), (np.fmin, nanmin, None),
    )
}
