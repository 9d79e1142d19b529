"""Examples in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..random import generator as _generator


class TensorDataset:
    """Arrays that belong together row by row.

    Examples
    --------
    >>> data = TensorDataset([[1.0], [2.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([2.]), np.int64(1)))
    """

    def __init__(self, *arrays: Any) -> None:
        self.arrays = tuple(np.asarray(getattr(a, "data", a) if hasattr(a, "requires_grad") else a) for a in arrays)
        if not arrays:
            raise ValueError("TensorDataset: no arrays")
        lengths = [len(a) if a.ndim else -1 for a in self.arrays]
        if len(set(lengths)) != 1 or -1 in lengths:
            raise ValueError(f"TensorDataset: arrays of {lengths} rows do not belong together")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(a[index] for a in self.arrays)


class Subset:
    """Some of the rows of a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, np.asarray(indices, int)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]


def random_split(dataset: Any, lengths: Sequence[float], generator: np.random.Generator | int | None = None) -> list[Subset]:
    """Parts of a data set that do not overlap, drawn at random.

    Parameters
    ----------
    dataset : data set or tuple of arrays
    lengths : sequence of int, or of fractions that sum to 1
    generator : numpy Generator or seed, optional
        By default the library's own, see ``ag.manual_seed``.

    Examples
    --------
    >>> a, b = random_split(TensorDataset(np.arange(10)), [0.8, 0.2], generator=0)
    >>> len(a), len(b)
    (8, 2)
    """
    dataset = _dataset(dataset)
    n = len(dataset)
    if all(isinstance(x, (int, np.integer)) for x in lengths):
        sizes = [int(x) for x in lengths]
    elif abs(sum(lengths) - 1) < 1e-9:
        sizes = [int(x * n) for x in lengths]
        for k in range(n - sum(sizes)):
            sizes[k % len(sizes)] += 1
    else:
        raise ValueError(f"random_split: lengths are counts, or fractions that sum to 1, not {list(lengths)}")
    if sum(sizes) != n:
        raise ValueError(f"random_split: lengths {sizes} sum to {sum(sizes)}, but there are {n} examples")
    order = _generator(generator).permutation(n)
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


class DataLoader:
    """The rows of a data set in batches, in order or shuffled anew in each epoch.

    Parameters
    ----------
    dataset : data set, array, or tuple of arrays
        Anything with ``len`` and indexing by an array of row numbers.
    batch_size : int
    shuffle : bool
    drop_last : bool
        Leave out a last batch that is not full.
    generator : numpy Generator or seed, optional
        For the shuffling; by default the library's own.
    collate_fn : callable, optional
        Makes a batch from a list of rows, for data sets that cannot be indexed by an array.

    Examples
    --------
    >>> X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    >>> for x_batch, y_batch in DataLoader((X, y), batch_size=2):
    ...     print(x_batch.shape, y_batch)
    (2, 2) [0 1]
    (1, 2) [2]
    """

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, drop_last: bool = False,
        generator: np.random.Generator | int | None = None, collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:  # fmt: skip
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size={batch_size}; a batch has at least one row")
        self.dataset = _dataset(dataset)
        self.batch_size, self.shuffle, self.drop_last, self.collate_fn = batch_size, shuffle, drop_last, collate_fn
        self._given = generator
        self._own = None if generator is None else _generator(generator)

    @property
    def generator(self) -> np.random.Generator:
        """What shuffles."""
        return self._own if self._own is not None else _generator()

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = self.generator.permutation(n) if self.shuffle else np.arange(n)
        for k in range(len(self)):
            rows = order[k * self.batch_size : (k + 1) * self.batch_size]
            yield self.collate_fn([self.dataset[int(i)] for i in rows]) if self.collate_fn else self.dataset[rows]


def _dataset(given: Any) -> Any:
    """A tuple of arrays, or one array, as a data set."""
    if isinstance(given, (TensorDataset, Subset)) or not isinstance(given, (tuple, list, np.ndarray)):
        return given
    return TensorDataset(*given) if isinstance(given, (tuple, list)) else TensorDataset(given)
