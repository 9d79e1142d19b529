"""How a row runs on a batch of examples at once: the values of the option ``batch=``.

A batch has one more axis than an example, in front. A rule gets a :class:`Batched` call and returns the result of the
row for all examples, with the batch axis in front. It may call the row, and other functions, on arrays or Tensors::

    sum.attach(batch=axes("axis"))              # this parameter is an axis, or several: they move by one
    inv.attach(batch=stacked(2))                # works over leading axes: on matrices, in stacks of any shape
    squeeze.attach(batch=reshaped)              # the same entries in another shape
    sort_of.attach(batch=lambda b: b(b.xs[0]))  # anything else

Elementwise rows, and ufuncs without a derivative, need none: their operands are aligned (`stacked()`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

Rule = Callable[["Batched"], Any]


class Same:
    """A result that is the same for every example, without a batch axis."""

    def __init__(self, y: Any) -> None:
        self.y = y


class Batched:
    """A call of a row in which some operands have a batch axis in front. Call it to run the row.

    Attributes
    ----------
    xs : list
        The operands.
    on : list of bool
        Which of them have the batch axis.
    params : dict
        The keyword parameters, as for one example.
    size : int
        The number of examples.
    shape : tuple
        The shape of the result for one example; of a row with several results a tuple of shapes.
    """

    def __init__(
        self, run: Callable[..., Any], xs: list[Any], on: list[bool], params: dict[str, Any], size: int, shape: Any
    ) -> None:
        self._run, self.xs, self.on, self.params, self.size, self.shape = run, xs, on, params, size, shape

    def __call__(self, *xs: Any, **changes: Any) -> Any:
        """The row on other operands and with other parameters."""
        return self._run(xs, {**self.params, **changes} if changes else self.params)

    def ndim(self, k: int) -> int:
        """The number of axes of operand `k` in one example."""
        return getattr(self.xs[k], "ndim", 0) - self.on[k]

    def lifted(self, k: int, ndim: int) -> Any:
        """Operand `k` with axes of length 1 after the batch axis, as if an example had `ndim` of them."""
        return padded(self.xs[k], self.on[k], ndim)

    def aligned(self, cores: Sequence[int] = ()) -> list[Any]:
        """The operands, aligned to broadcast as in one example; `cores`: how many of the last axes do not broadcast."""
        core = [*cores, *[0] * (len(self.xs) - len(cores))]
        most = max([self.ndim(k) - core[k] for k in range(len(self.xs))])
        return [self.lifted(k, most + core[k]) for k in range(len(self.xs))]

    def full(self, k: int) -> Any:
        """Operand `k` with a batch axis, repeated if it has none."""
        x = self.xs[k]
        return x if self.on[k] else repeated(x, self.size)


def padded(x: Any, on: bool, ndim: int) -> Any:
    """`x` with axes of length 1 after the batch axis, which it has if `on`."""
    missing = ndim + 1 - x.ndim if on else 0
    return x.reshape(x.shape[0], *(1,) * missing, *x.shape[1:]) if missing > 0 else x


def repeated(x: Any, size: int) -> Any:
    """`x` for each of `size` examples: a view."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    return np.broadcast_to(x, (size, *x.shape))


def shifted(axis: Any, ndim: int) -> Any:
    """An axis, or several, of an example as those of a batch; None stands for all `ndim` of them."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, (tuple, list)):
        return tuple(k + (k >= 0) for k in axis)
    return axis + (axis >= 0)


class stacked:
    """The row works over leading axes, which broadcast; `cores`: how many of the last axes of each operand do not."""

    def __init__(self, *cores: int) -> None:
        self.cores = cores

    def __call__(self, b: Batched) -> Any:
        return b(*b.aligned(self.cores))


ALIGNED = stacked()  # entry by entry


class axes:
    """The parameters called `names` are axes of the only operand; None stands for all of them."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, b: Batched) -> Any:
        return b(*b.xs, **{name: shifted(b.params[name], b.ndim(0)) for name in self.names})


def along(b: Batched) -> Any:
    """``axis=None`` flattens the only operand; otherwise it is an axis."""
    (x,) = b.xs
    axis = b.params.get("axis", -1)
    if axis is not None:
        return b(x, axis=shifted(axis, b.ndim(0)))
    y = b(x.reshape(b.size, prod(x.shape[1:])), axis=1)
    return y.reshape(b.size, *b.shape)


def of_shape(b: Batched) -> Same:
    """The result follows from the shape and the dtype of the only operand."""
    (x,) = b.xs
    return Same(b(np.empty(x.shape[1:], x.dtype)))


def reshaped(b: Batched) -> Any:
    """The result has the entries of the operand in the same order (C)."""
    return b.xs[0].reshape(b.size, *b.shape)


def merged(b: Batched) -> Any:
    """The row works example by example along the first axis of all operands: the batch axis is merged with it."""
    xs = [b.full(k) for k in range(len(b.xs))]
    y = b(*(x.reshape(b.size * x.shape[1], *x.shape[2:]) for x in xs))
    return y.reshape(b.size, *b.shape)
