"""Choosing between entries: by a condition, by bounds, by a list of positions.

`where` selects and does not multiply: an entry that is not chosen may be infinite or nan, and its gradient is zero. At
the bounds of `clip` the gradient goes to the array (as in ``torch.clamp``), beyond them to the bound.
"""

from functools import reduce
from typing import Any

import numpy as np

from ..table import Textbook, around, at, boolean, composite, elementwise, notation
from ._arrays import operand, raw, refuse_out, resolve
from .indexing import getitem, on_axis, set_at
from .joining import flat_or

__all__ = [
    "choose", "clip", "compress", "extract", "piecewise", "select", "take", "take_along_axis", "where",
]


class Answer(tuple[Any, ...]):
    """A tuple that a bind returns as the result, not as arguments."""


def _bind_where(condition, x=None, y=None, /):
    if x is None and y is None:
        return Answer(np.nonzero(condition))
    if x is None or y is None:
        raise TypeError("either both or neither of x and y should be given")
    return (condition, x, y), {}


where = elementwise(
    np.where, None, lambda x1: np.where(x1, 1, 0), lambda x1: np.where(x1, 0, 1),
    pull=(None, lambda g, x1: np.where(x1, g, 0), lambda g, x1: np.where(x1, 0, g)),
    bind=_bind_where, tex=r"\begin{{cases}} {x2} & \text{{if }} {x1} \\ {x3} & \text{{otherwise}} \end{{cases}}",
    examples=(at(boolean(2, 3), (2, 3), (3,)), at(np.array(True), (2,), ())),
    algebra="selection", text="where({x1}, {x2}, {x3})", scalar="x2 if x1 != 0 else x3",
    onnx=lambda b, condition, x, y: b("Where", b.cast(condition, bool), x, y),
)


def _bind_clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    refuse_out(out)
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError("give a_min or min, a_max or max, not both")
    low, high = a_min if min is None else min, a_max if max is None else max
    a = operand(a)
    # An array as a bound is copied: the user may overwrite it before the backward pass.
    low, high = (v.copy() if type(v) is np.ndarray else v for v in (low, high))
    low, high = (operand(v) if type(v) in (list, tuple) else v for v in (low, high))
    kinds = {np.result_type(getattr(v, "dtype", v)).kind for v in (a, low, high) if v is not None}
    if "c" in kinds:
        raise TypeError("complex numbers have no order; clip the real and the imaginary part")
    if "f" in kinds:
        bounds = (-np.inf, np.inf)
    else:
        bounds = (False, True) if a.dtype.kind == "b" else (np.iinfo(a.dtype).min, np.iinfo(a.dtype).max)
    return (a, bounds[0] if low is None else low, bounds[1] if high is None else high), {}


notation("between", "1[{x1} ≤ {x2} ≤ {x3}]", r"1[{x1} \leq {x2} \leq {x3}]", lambda a, x, b: (a <= x) & (x <= b))


def _clip_textbook(x, low, high):
    if isinstance(high, float) and high == np.inf:
        return Textbook("maximum(x1, x2)", x1="g * (x1 >= x2)", x2="g * (x1 < x2)")
    if isinstance(low, float) and low == -np.inf:
        return Textbook("minimum(x1, x3)", x1="g * (x1 <= x3)", x3="g * (x1 > x3)")
    return Textbook(x1="g * between(x2, x1, x3)", x2="g * (x1 < x2)", x3="g * (x1 > x3)")


clip = elementwise(
    np.clip, lambda x1, x2, x3: (x2 <= x1) & (x1 <= x3), lambda x1, x2, x3: (x1 < x2) & (x2 <= x3),
    lambda x1, x2, x3: (x1 > x3) | (x2 > x3),
    bind=_bind_clip, kinks=lambda x1, x2, x3: (x1 == x2) | (x1 == x3) | (x2 == x3),
    tex=r"\operatorname{{clip}}({x1}, {x2}, {x3})",
    examples=(
        "2x5 -0.4 0.5", at((2, 3), around(-np.ones(3)), around(np.ones((2, 1)))), "[5] min=0.0; [5] None 0.3",
    ),
    textbook=_clip_textbook, scalar="min(max(x1, x2), x3)", algebra="clipping",
    onnx=lambda b, x, low, high: b("Min", b("Max", x, low), high),
)


@composite(np.select, examples=(at(boolean(2, 4), [(4,), (1,)]), at([boolean(2, 3)], [(3,)], (2, 1))))
def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError("select: list of cases must be same length as list of conditions")
    y = default
    for condition, choice in reversed(list(zip(map(operand, condlist), choicelist, strict=True))):
        if condition.dtype.kind != "b":
            raise TypeError(f"select: expected a condition of booleans, got {condition.dtype}")
        y = np.where(condition, choice, y)
    return y


@composite(
    np.piecewise,
    examples=(
        at((4,), [[True, False, True, False]], [np.exp, np.sin]), at((2, 2), [np.eye(2) > 0], [np.square, 0.5]),
        at((3,), np.eye(2, 3) > 0, [2.0, np.negative]),
    ),
)
def piecewise(x, condlist, funclist, *args, **kw):
    """As NumPy's, but if conditions depend on traced values, every function is called on all of `x`."""
    several = isinstance(condlist, (list, tuple)) or np.ndim(condlist) > 0
    if not several or (np.ndim(condlist[0]) == 0 and x.ndim):  # one condition alone
        condlist = [condlist]
    conditions = [operand(c).astype(bool) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~reduce(np.logical_or, conditions))
    elif len(funclist) != len(conditions):
        n = len(conditions)
        raise ValueError(f"piecewise: expected {n} or {n + 1} functions for {n} condition(s), got {len(funclist)}")
    y = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        if getattr(condition, "__autograd_replayed__", False):
            y = np.where(condition, function(x, *args, **kw) if callable(function) else function, y).astype(x.dtype)
        elif (condition := raw(condition)).any():
            y = set_at(y, condition, function(x[condition], *args, **kw) if callable(function) else function)
    return y

# ----------------------------------------------------------------------------------------------- by positions


def as_positions(indices, n=0, mode="raise"):
    """Positions as integers from -n to n - 1."""
    k = operand(indices)
    if k.dtype.kind == "b" or (k.size == 0 and not hasattr(indices, "dtype")):  # [] is not a list of floats here
        k = k.astype(np.intp)
    if k.dtype.kind not in "iu":
        raise TypeError(f"expected integers as positions, got {k.dtype}")
    if mode == "wrap":
        return k % n
    if mode == "clip":
        return np.clip(k, 0, n - 1)
    if mode != "raise":
        raise ValueError(f"mode={mode!r} is none of 'raise', 'wrap', 'clip'")
    return k


@composite(
    np.take,
    examples="2x3 [0,5,0]; 2x3 [[2,0],[-1,0]] axis=1; [4] [7,-9] mode=wrap; [4] 9 mode=clip",
)
def take(a, indices, axis=None, out=None, mode="raise"):
    refuse_out(out)
    a, axis = flat_or(a, resolve(axis, np.ndim(a)))
    return getitem(a, on_axis(axis, as_positions(indices, a.shape[axis], mode)))


def along(k, axis: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The index that takes position `k` along `axis` in each line of an array of `shape`."""

    places = list(np.indices(shape, sparse=True))
    places[axis] = k
    return tuple(places)


@composite(
    np.take_along_axis,
    examples="2x3 a[[2,0],[1,1]] axis=1; 2x3 a[0,5,0] axis=None; 2x3 a[[1,0,1]] axis=0",
)
def take_along_axis(arr, indices, axis=-1):
    indices = operand(indices)
    arr, axis = flat_or(arr, axis)
    if indices.ndim != arr.ndim:
        raise ValueError("take_along_axis: `indices` and `arr` must have the same number of dimensions")
    shape = tuple(m if n == 1 else n for n, m in zip(arr.shape, indices.shape, strict=True))  # 1 is broadcast
    shape = (*shape[:axis], arr.shape[axis], *shape[axis + 1 :])
    return getitem(np.broadcast_to(arr, shape), along(as_positions(indices), axis, shape))


@composite(
    np.choose,
    examples="a[0,1,1,0] [4],[4]; a[[0],[3]] [3],[] mode=wrap",
)
def choose(a, choices, out=None, mode="raise"):
    refuse_out(out)
    k, *laid_out = np.broadcast_arrays(operand(a), *map(operand, choices))
    return getitem(np.stack(laid_out), (as_positions(k, len(laid_out), mode), *np.indices(k.shape, sparse=True)))


@composite(np.compress, examples="[True,False,True] 2x3 axis=1; [True,False,True] 2x3")
def compress(condition, a, axis=None, out=None):
    refuse_out(out)
    condition = operand(condition)
    if condition.ndim != 1:
        raise ValueError("compress: expected a condition of one dimension")
    a, axis = flat_or(a, axis)
    return getitem(a, on_axis(axis, np.nonzero(condition)[0]), unique_indices=True)


@composite(np.extract, examples="a[[True,False,True],[False,True,True]] 2x3")
def extract(condition, arr):
    return getitem(np.ravel(operand(arr)), np.nonzero(np.ravel(operand(condition)))[0], unique_indices=True)
