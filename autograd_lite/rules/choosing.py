"""Choosing between entries: by a condition, by bounds, by a list of positions.

`where` selects, it does not multiply: what is not chosen may be infinite or nan and its gradient is zero. At the ends of
`clip` the gradient still goes to the array (as in ``torch.clamp``), beyond them to the bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..primitive import composite, elementwise
from .indexing import getitem, set_at
from .joining import entire


class Answer(tuple[Any, ...]):
    """A tuple that a bind gives as the answer, not as arguments."""


def _bind_where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return Answer(np.nonzero(condition))
    if x is None or y is None:
        raise TypeError("where: either both or neither of x and y should be given")
    return (condition, x, y), {}


where = elementwise(
    np.where,
    None,
    lambda x1: np.where(x1, 1, 0),
    lambda x1: np.where(x1, 0, 1),
    pull=(None, lambda g, x1: np.where(x1, g, 0), lambda g, x1: np.where(x1, 0, g)),
    name="where",
    np_name="np.where",
    bind=_bind_where,
    tex=r"\begin{{cases}} {x2} & \text{{if }} {x1} \\ {x3} & \text{{otherwise}} \end{{cases}}",
    examples=(
        lambda rng: ((rng.normal(size=(2, 3)) > 0, rng.normal(size=(2, 3)), rng.normal(size=3)), {}),
        lambda rng: ((np.array(True), rng.normal(size=2), rng.normal(size=())), {}),
    ),
)


def _bind_clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if out is not None:
        raise TypeError("clip: out= writes into an array, which a graph cannot follow; leave it away")
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError("clip: give a_min or min, a_max or max, not both")
    low, high = a_min if min is None else min, a_max if max is None else max
    a = a if hasattr(a, "dtype") else np.asarray(a)
    kinds = {np.result_type(getattr(v, "dtype", v)).kind for v in (a, low, high) if v is not None}
    if "c" in kinds:
        raise TypeError("clip: complex numbers have no order that a derivative could follow; clip real and imag, or the modulus")
    if "f" in kinds:
        bounds: Any = (-np.inf, np.inf)
    else:
        bounds = (False, True) if a.dtype.kind == "b" else (np.iinfo(a.dtype).min, np.iinfo(a.dtype).max)
    return (a, bounds[0] if low is None else low, bounds[1] if high is None else high), {}


clip = elementwise(
    np.clip,
    lambda x1, x2, x3: (x2 <= x1) & (x1 <= x3),
    lambda x1, x2, x3: (x1 < x2) & (x2 <= x3),
    lambda x1, x2, x3: (x1 > x3) | (x2 > x3),
    name="clip",
    np_name="np.clip",
    bind=_bind_clip,
    kinks=lambda x1, x2, x3: (x1 == x2) | (x1 == x3) | (x2 == x3),
    tex=r"\operatorname{{clip}}({x1}, {x2}, {x3})",
    examples=(
        lambda rng: ((rng.normal(size=(2, 5)), -0.4, 0.5), {}),
        lambda rng: ((rng.normal(size=(2, 3)), rng.normal(size=3) - 1, rng.normal(size=(2, 1)) + 1), {}),
        lambda rng: ((rng.normal(size=5),), {"min": 0.0}),
        lambda rng: ((rng.normal(size=5), None, 0.3), {}),
    ),
)


@composite(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("select: list of cases must be same length as list of conditions")
    y = default
    for condition, choice in reversed(list(zip(map(entire, condlist), map(entire, choicelist), strict=True))):
        kind = getattr(condition, "dtype", np.asarray(condition).dtype if not hasattr(condition, "_data") else None)
        if kind != bool:
            raise TypeError(f"select: a condition is an array of True and False, not of {kind}")
        y = np.where(condition, choice, y)
    return y


@composite(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    condlist = np.asarray([np.asarray(c) for c in condlist] if isinstance(condlist, (list, tuple)) else condlist, bool)
    conditions = condlist[None] if condlist.ndim <= np.ndim(x) and not (condlist.ndim == np.ndim(x) == 1 and x.shape != condlist.shape) else condlist
    if conditions.shape[1:] != np.shape(x):
        conditions = np.broadcast_to(conditions, (len(conditions), *np.shape(x)))
    if len(funclist) == len(conditions) + 1:
        conditions = np.concatenate([conditions, ~conditions.any(axis=0, keepdims=True)])
    elif len(funclist) != len(conditions):
        raise ValueError(f"piecewise: with {len(conditions)} conditions, {len(conditions)} or one more functions are expected")
    y: Any = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        if not condition.any():
            continue
        y = set_at(y, condition, function(x[condition], *args, **kw) if callable(function) else function)
    return y


# ------------------------------------------------------------------------------------------------------ by positions


def _whole(indices: Any, n: int, mode: str) -> Any:
    """Positions as whole numbers from -n to n - 1."""
    k = entire(indices)
    if not hasattr(k, "dtype"):
        k = np.asarray(k)
        k = k.astype(np.intp) if k.size == 0 else k
    if k.dtype.kind == "b":
        k = k.astype(np.intp)
    if k.dtype.kind not in "iu":
        raise TypeError(f"positions are whole numbers, not {k.dtype}")
    if mode == "wrap":
        return k % n
    if mode == "clip":
        return np.clip(k, 0, n - 1)
    if mode != "raise":
        raise ValueError(f"mode={mode!r} is none of 'raise', 'wrap', 'clip'")
    return k


@composite(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    if out is not None:
        raise TypeError("take: out= writes into an array, which a graph cannot follow; leave it away")
    a = entire(a)
    a = a if hasattr(a, "dtype") else np.asarray(a)
    a, axis = (np.ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, a.ndim))
    return a[(*[slice(None)] * axis, _whole(indices, a.shape[axis], mode))]


def along(k: Any, axis: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The index that takes position `k` along `axis` in each line of an array of `shape`."""
    grid: list[Any] = [np.arange(n).reshape([-1 if j == i else 1 for j in range(len(shape))]) for i, n in enumerate(shape)]
    grid[axis] = k
    return tuple(grid)


@composite(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1, *, _unique: bool = False) -> Any:
    indices = entire(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, np.ndim(arr))
    arr = arr if hasattr(arr, "dtype") else np.asarray(arr)
    if np.ndim(indices) != arr.ndim:
        raise ValueError("take_along_axis: `indices` and `arr` must have the same number of dimensions")
    shape = tuple(m if n == 1 else n for n, m in zip(arr.shape, np.shape(indices), strict=True))  # 1 broadcasts
    if shape[:axis] + shape[axis + 1 :] != arr.shape[:axis] + arr.shape[axis + 1 :]:
        arr = np.broadcast_to(arr, (*shape[:axis], arr.shape[axis], *shape[axis + 1 :]))
    return getitem(arr, along(_whole(indices, arr.shape[axis], "raise"), axis, arr.shape), _unique)


@composite(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    if out is not None:
        raise TypeError("choose: out= writes into an array, which a graph cannot follow; leave it away")
    k, *laid_out = np.broadcast_arrays(entire(a), *map(entire, choices))
    return np.stack(laid_out)[(_whole(k, len(laid_out), mode), *np.indices(np.shape(k), sparse=True))]


@composite(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    if out is not None:
        raise TypeError("compress: out= writes into an array, which a graph cannot follow; leave it away")
    condition = entire(condition)
    if np.ndim(condition) != 1:
        raise ValueError("compress: the condition is a list of True and False, of one dimension")
    a, axis = (np.ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, np.ndim(a)))
    return getitem(a, (*[slice(None)] * axis, np.nonzero(condition)[0]), unique_indices=True)


@composite(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return getitem(np.ravel(arr), np.nonzero(np.ravel(entire(condition)))[0], unique_indices=True)
