"""The tangents or cotangents at the start of a Jacobian's pass, stored without the zeros.

Each is one in one entry and zero in the others, so `n` of them with `n` entries form an identity matrix. An elementwise
operation computes with the diagonal alone. Any other operation gets the whole array.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..engine.value import Value
from ..table import TABLE, Primitive


class Diagonal:
    """A batch in which example `k` is zero but for entry number ``first + k``, which is that of `entries`.

    Parameters
    ----------
    entries : array or Tensor
        Of the shape of an example; the entries counted in C order.
    first, size : int
        The first entry, and the number of examples.
    """

    __slots__ = ("_dense", "entries", "first", "size")

    def __init__(self, entries: Any, first: int, size: int) -> None:
        self.entries, self.first, self.size = entries, first, size
        self._dense: Any = None

    def __len__(self) -> int:
        return self.size

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size, *self.entries.shape

    @property
    def dtype(self) -> Any:
        return self.entries.dtype

    def filled(self, entries: Any) -> Diagonal:
        """A batch of this shape with other entries."""
        return Diagonal(entries, self.first, self.size)

    def dense(self) -> Any:
        """The whole array, with the batch axis in front."""
        if self._dense is None:
            shape = self.entries.shape
            n, last = prod(shape), self.first + self.size
            chosen = self.entries.reshape(-1)[self.first : last]
            if isinstance(chosen, np.ndarray):
                full = np.zeros((self.size, n), chosen.dtype)
                self.write(full)
            else:
                where = np.arange(self.size), np.arange(self.first, last)
                full = TABLE["into_zeros"](chosen, where, (self.size, n), unique_indices=True)
            self._dense = full.reshape(self.size, *shape)
        return self._dense

    def write(self, zeros: Any) -> None:
        """Write the entries into a contiguous array of zeros of shape ``(size, n)``."""
        chosen = self.entries.reshape(-1)[self.first : self.first + self.size]
        zeros.reshape(-1)[self.first :: zeros.shape[1] + 1][: self.size] = chosen


def dense(x: Any) -> Any:
    return x.dense() if type(x) is Diagonal else x


def entrywise(row: Primitive, xs: Sequence[Any], on: Sequence[bool], params: dict[str, Any], shape: Any) -> Any:
    """The operands for the entries alone, if the result of a row on diagonals is a diagonal; otherwise None.

    It is one if every operand with a batch axis is, and the row is zero where they are zero. A Tensor may have other
    values when the operation is run again, so the row is tried with several.
    """
    if row.kind != "elementwise" or not all(
        type(x) is Diagonal and x.entries.shape == shape for x, has in zip(xs, on, strict=True) if has
    ):
        return None
    tensors = [i for i, x in enumerate(xs) if isinstance(x, Value)]
    tried = list(xs)
    for i, x in enumerate(xs):
        if on[i]:
            tried[i] = np.zeros((), x.entries.dtype)
        elif i in tensors:
            lengths = [1] * (len(tensors) + len(shape))
            lengths[tensors.index(i)] = -1
            tried[i] = np.array([-1.5, 0.0, 0.5, 2.0]).astype(x.dtype).reshape(lengths)
    with np.errstate(all="ignore"):
        y = np.asarray(row.fn(*tried, **params))
    if np.any(y[~np.isnan(y)] if tensors else y):  # nan is 0 / 0, where a Tensor is tried
        return None
    return [x.entries if has else x for x, has in zip(xs, on, strict=True)]
