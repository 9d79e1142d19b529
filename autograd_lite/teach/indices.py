"""Arrays with indices, as formulas have them: ``Xᵢⱼ`` is an entry, ``Xᵢ`` a row, ``Σᵢ dL/dηᵢ Xᵢ`` a sum of rows.

The axes of an index stand first, in the order of the letters; operands are aligned by their letters, and what has no
index broadcasts as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .notation import LETTERS, Unread

MANY = 20_000  # entries for which a function is called


class Indexed(NamedTuple):
    """An array whose first axes have indices."""

    x: Any
    letters: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of each entry."""
        return tuple(np.shape(self.x)[len(self.letters) :])


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a value; of one with indices that of each entry."""
    return x.shape if isinstance(x, Indexed) else np.shape(x)


def indexed(
    x: Any, letters: str, by: Sequence[int], extents: Mapping[str, int], as_axes: Callable[[], bool],
    is_on_ring: bool = False, beyond: float = 0,
) -> Any:  # fmt: skip
    """A value with indices: ``x[i + k, …]`` for each `k` in `by`, as far as an index goes, and `beyond` the ends of `x`
    0, or what is at its other end if it `is_on_ring`.

    Where there are fewer indices than axes, these are the first ones, or as derivations are printed that of the letter:
    ``Pⱼ`` for ``Pᵢⱼ``.

    >>> indexed(np.eye(2), "ji", (), {}, bool).letters
    'ij'
    """
    inner = Indexed(np.asarray(x), "") if not isinstance(x, Indexed) else x
    if inner.letters and not inner.shape and {*letters} <= {*inner.letters}:
        return x
    sizes = inner.shape
    if len(letters) < len(sizes) and len(letters) == sum(n != 1 for n in sizes):  # a column or a row with one index
        sizes = tuple(n for n in sizes if n != 1)
        inner = Indexed(inner.x.reshape([*inner.x.shape[: len(inner.letters)], *sizes]), inner.letters)
    if len(letters) == 1 < len(sizes) and not inner.letters and letters in LETTERS[: len(sizes)] and as_axes():
        letters = LETTERS[: len(sizes)]
    if len(letters) > len(sizes):
        raise Unread(f"the indices {letters} cannot be read: the value has {len(sizes)} axes")
    y, before = inner.x, len(inner.letters)
    for axis, k in enumerate(by or [0] * len(letters), before):
        n = y.shape[axis]
        if k and letters[axis - before] not in extents:
            raise Unread("an index of a sum cannot be moved")
        if not k and extents.get(letters[axis - before], n) in (1, n) or n == 1:
            continue
        at = np.arange(extents.get(letters[axis - before], n)) + k
        inside = np.expand_dims((at >= 0) & (at < n), (*range(1, y.ndim - axis),))
        y = np.take(y, at % n, axis) if is_on_ring else np.where(inside, np.take(y, at.clip(0, n - 1), axis), beyond)
    names = inner.letters + letters
    while again := next((c for c in names if names.count(c) > 1), ""):  # Aᵢᵢ, on the diagonal
        first, last = names.index(again), names.rindex(again)
        y = np.moveaxis(np.diagonal(y, 0, first, last), -1, 0)
        names = again + "".join(c for c in names if c != again)
    order = sorted(range(len(names)), key=names.__getitem__)
    return Indexed(np.transpose(y, [*order, *range(len(names), y.ndim)]), "".join(sorted(names)))


def aligned(args: Sequence[Any], frame: str = "") -> tuple[str, list[Any]]:
    """The letters of some operands, and the arrays, each with the axes of all letters if it has one.

    With a `frame`, operands without indices stand in its last axes.
    """
    if frame and any(isinstance(x, Indexed) for x in args):
        end = len(frame) - max(len(x.shape) for x in args if isinstance(x, Indexed))  # the last axes may be of rows
        args = [
            Indexed(np.asarray(x), frame[len(frame) - np.ndim(x) : end])
            if not isinstance(x, Indexed) and 0 < np.ndim(x) <= len(frame) else x for x in args
        ]  # fmt: skip
    letters = "".join(sorted({c for x in args if isinstance(x, Indexed) for c in x.letters}))
    most = max((len(shape_of(x)) for x in args), default=0)
    arrays = []
    for x in args:
        if isinstance(x, Indexed):
            order = sorted(range(len(x.letters)), key=x.letters.__getitem__)
            y = np.transpose(x.x, [*order, *range(len(order), np.ndim(x.x))])
            sizes = dict(zip(sorted(x.letters), y.shape, strict=False))
            x = y.reshape([sizes.get(c, 1) for c in letters] + [1] * (most - len(x.shape)) + [*x.shape])
        arrays.append(x)
    return letters, arrays


def entrywise(fn: Callable[..., Any], args: Sequence[Any], frame: str = "") -> Any:
    """An elementwise function of operands of which some have indices."""
    letters, arrays = aligned(args, frame)
    return Indexed(np.asarray(fn(*arrays)), letters) if letters else fn(*arrays)


def cut(args: Sequence[Any], letters: Iterable[str]) -> list[Any]:
    """Operands of which those with one of these letters go as far as the shortest along its axis."""
    new = [*args]
    for c in letters:
        at = {k: x.letters.index(c) for k, x in enumerate(new) if isinstance(x, Indexed) and c in x.letters}
        n = min((new[k].x.shape[axis] for k, axis in at.items()), default=0)
        for k, axis in at.items():
            new[k] = Indexed(np.take(new[k].x, range(n), axis), new[k].letters)
    return new


def each(fn: Callable[..., Any], args: Sequence[Any]) -> Any:
    """Any function of operands of which some have indices, for each value of these."""
    letters, _ = aligned(args)
    if not letters:
        return fn(*args)
    arrays = [aligned([x, Indexed(np.zeros([1] * len(letters)), letters)])[1][0] if isinstance(x, Indexed) else x
              for x in args]  # fmt: skip
    full = np.broadcast_shapes(*(y.shape[: len(letters)] for x, y in zip(args, arrays, strict=True) if y is not x))
    if math.prod(full) > MANY:
        raise Unread("it is too large")
    rows = [
        fn(*(y[tuple(np.minimum(at, np.subtract(y.shape[: len(full)], 1)))] if y is not x else x
             for x, y in zip(args, arrays, strict=True)))
        for at in np.ndindex(*full)
    ]  # fmt: skip
    return Indexed(np.reshape(rows, [*full, *np.shape(rows[0])]) if rows else np.zeros(full), letters)


def summed(x: Any, letters: str, along: Callable[..., Any], kept: bool) -> Any:
    """A reduction, or another function along an axis, along the axes of some letters."""
    if not isinstance(x, Indexed):
        axes = tuple(LETTERS.index(c) for c in letters)
        if max(axes) >= np.ndim(x):
            raise Unread(f"there is no index {letters} to sum over")
        return along(x, axis=axes[0] if len(axes) == 1 else axes, keepdims=kept)
    if missing := {*letters} - {*x.letters}:
        raise Unread(f"there is no index {', '.join(sorted(missing))} to sum over")
    places = tuple(x.letters.index(c) for c in letters)
    y = along(x.x, axis=places[0] if len(places) == 1 else places, keepdims=False)
    is_less = np.ndim(y) < np.ndim(x.x)
    left = "".join(c for c in x.letters if c not in letters) if is_less else x.letters
    return Indexed(np.asarray(y), left) if left else y


def laid_out(x: Any, shape: tuple[int, ...], order: str) -> Any:
    """The value of a formula as an array: its indices in this order, or in that of the letters."""
    if not isinstance(x, Indexed):
        return x
    frame = (order or LETTERS)[: max(len(shape) - len(x.shape), 0)]
    letters = [c for c in frame if c in x.letters] + [c for c in x.letters if c not in frame]
    y = np.transpose(x.x, [*map(x.letters.index, letters), *range(len(letters), np.ndim(x.x))])
    if {*x.letters} <= {*frame} and len(x.letters) < len(frame):  # one entry for several
        sizes = dict(zip(letters, y.shape, strict=False))
        y = y.reshape([sizes.get(c, 1) for c in frame] + [*x.shape])
        is_full = len(frame) == len(shape) and all(n > 1 and m in (1, n) for n, m in zip(shape, y.shape, strict=True))
        if is_full:
            return np.broadcast_to(y, shape)
    several = [[n for n in at if n != 1] for at in (y.shape, shape)]
    return y.reshape(shape) if several[0] == several[1] and math.prod(shape) == y.size else y
