"""Data sets, and their rows in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.generator import Generator, numpy_generator
from ..engine.operands import raw
from ..tensor import Tensor

GeneratorOrSeed = Generator | np.random.Generator | int | None


class Dataset:
    """Base of data sets: a subclass defines ``len(data)`` and ``data[i]``.

    >>> from autograd_lite.data import DataLoader, Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return float(i), float(i * i)
    >>> for x, y in DataLoader(Squares(), batch_size=4):
    ...     print(x, y)
    [0. 1. 2. 3.] [0. 1. 4. 9.]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__()")  # abstract

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__()")  # abstract


class TensorDataset(Dataset):
    """Arrays with the same number of rows; an index is a number, a slice or an array of numbers.

    Rows of a Tensor are Tensors, those of arrays and lists are arrays.

    Examples
    --------
    >>> data = TensorDataset([[1.0], [2.0]], [0, 1])
    >>> len(data), data[1]
    (2, (array([2.]), np.int64(1)))
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ValueError("TensorDataset: expected at least one array")
        self.arrays = tuple(a.detach() if isinstance(a, Tensor) else np.asarray(a) for a in arrays)
        lengths = [len(a) if a.ndim else None for a in self.arrays]
        if None in lengths or len(set(lengths)) != 1:
            shapes = [a.shape for a in self.arrays]
            raise ValueError(f"TensorDataset: expected arrays with the same number of rows, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(a[index] for a in self.arrays)


class Subset(Dataset):
    """Some of the rows of a data set, by their numbers or by a mask: True for each row that it has.

    >>> import numpy as np
    >>> from autograd_lite.data import Subset, TensorDataset
    >>> rows = Subset(TensorDataset(np.arange(6.0)), [0, 5])
    >>> len(rows), rows[1]
    (2, (np.float64(5.0),))
    """

    def __init__(self, dataset: Any, indices: Any) -> None:
        self.dataset = TensorDataset(*dataset) if isinstance(dataset, tuple) else dataset
        rows, n = np.asarray(raw(indices)), len(self.dataset)
        if rows.dtype == bool and rows.shape == (n,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or rows.size and rows.dtype.kind not in "iu":
            expected = f"expected a list of row numbers or a mask of shape ({n},)"
            raise ValueError(f"Subset: {expected}, got {rows.dtype} of shape {rows.shape}")
        self.indices = rows.astype(int)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        place = self.indices[index]
        return self.dataset[place if isinstance(place, np.ndarray) else int(place)]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: GeneratorOrSeed = None
) -> list[Subset]:
    """Parts of a data set that do not overlap, drawn at random.

    Parameters
    ----------
    dataset : data set, array, or tuple of arrays
        What is split.
    lengths : sequence of int, or of fractions that sum to 1
        The sizes of the parts.
    generator : Generator, numpy.random.Generator or seed, optional
        By default the one that ``ag.manual_seed`` seeds.

    Examples
    --------
    >>> a, b = random_split(TensorDataset(np.arange(10)), [0.8, 0.2], generator=0)
    >>> len(a), len(b)
    (8, 2)
    """
    dataset = as_dataset(dataset)
    n = len(dataset)
    if all(isinstance(x, (int, np.integer)) for x in lengths):
        sizes = [int(x) for x in lengths]
    elif abs(sum(lengths) - 1) < 1e-9:
        sizes = [int(x * n + 1e-9) for x in lengths]  # 0.29 * 100 is a little less than 29
        for k in range(n - sum(sizes)):
            sizes[k % len(sizes)] += 1
    else:
        raise ValueError(f"random_split: expected counts, or fractions that sum to 1, got {list(lengths)}")
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise ValueError(f"random_split: expected lengths that sum to {n}, got {sizes}")
    order = numpy_generator(generator).permutation(n)
    return [Subset(dataset, rows) for rows in np.split(order, np.cumsum(sizes[:-1], dtype=int))]


class DataLoader:
    """The rows of a data set in batches, in order or in a new random order in each epoch.

    A data set of arrays (a tuple of them, a `TensorDataset`, a part of one) is indexed by whole batches; any other, one
    row at a time, and `collate_fn` combines the rows.

    Parameters
    ----------
    dataset : data set, array, or tuple of arrays
        Anything with ``len`` and indexing.
    batch_size : int
        The number of rows of a batch; the last one may have fewer.
    shuffle : bool
        Whether each epoch has another order.
    drop_last : bool
        Omit a last batch that is not full.
    generator : Generator, numpy.random.Generator or seed, optional
        For shuffling; by default the one that ``ag.manual_seed`` seeds.
    collate_fn : callable, optional
        Makes a batch from a list of rows; by default it stacks them, field by field where they are tuples or dicts.
    shard : (int, int), optional
        ``(rank, size)``: only this rank's part of each batch, every `size`-th row from `rank` on. All ranks have the
        same number of batches, and together the rows of one process. With `shuffle` and no `generator`, the order is
        drawn from a seed that is taken from the default generator now.
    num_workers, pin_memory
        For compatibility with PyTorch, and ignored: rows are read in this process.

    Examples
    --------
    >>> X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    >>> for x_batch, y_batch in DataLoader((X, y), batch_size=2):
    ...     print(x_batch.shape, y_batch)
    (2, 2) [0 1]
    (1, 2) [2]
    """

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, *, drop_last: bool = False,
        generator: GeneratorOrSeed = None,
        collate_fn: Callable[[list[Any]], Any] | None = None, num_workers: int = 0, pin_memory: bool = False,
        shard: tuple[int, int] | None = None,
    ) -> None:
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(f"DataLoader: expected batch_size as a whole number from 1 on, got {batch_size!r}")
        if shard is not None and not 0 <= shard[0] < shard[1]:
            raise ValueError(f"DataLoader: expected shard as (rank, size) with rank from 0 to size - 1, got {shard!r}")
        self.dataset, self.shard = as_dataset(dataset), shard
        if shard is not None and shuffle and generator is None:
            generator = int(numpy_generator().integers(2**31))
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.collate_fn = collate_fn
        #: The generator for shuffling; None for the one that ``ag.manual_seed`` seeds.
        self.generator = generator if isinstance(generator, Generator | None) else numpy_generator(generator)

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        return self._batches(numpy_generator(self.generator).permutation(n) if self.shuffle else np.arange(n))

    def _batches(self, order: Any) -> Iterator[Any]:
        together = self.collate_fn is None and _of_arrays(self.dataset)
        for k in range(len(self)):
            rows = order[k * self.batch_size : (k + 1) * self.batch_size]
            if self.shard is not None:
                rows = rows[self.shard[0] :: self.shard[1]]
            if together:
                yield self.dataset[rows]
            else:
                yield (self.collate_fn or stacked)([self.dataset[int(i)] for i in rows])


def stacked(rows: list[Any]) -> Any:
    """Rows as one batch: arrays and numbers stacked, field by field where a row is a tuple or a dict.

    Where a field is a Tensor, all fields are: a row may be a tensor and its label a number.

    Examples
    --------
    >>> stacked([(1.0, [1, 2]), (2.0, [3, 4])])
    (array([1., 2.]), array([[1, 2],
           [3, 4]]))
    >>> stacked([{"x": 1.0, "y": 0}, {"x": 2.0, "y": 1}])
    {'x': array([1., 2.]), 'y': array([0, 1])}
    """
    first = rows[0]
    if isinstance(first, tuple):
        fields = _alike([stacked(list(field)) for field in zip(*rows, strict=True)])
        return type(first)(*fields) if hasattr(first, "_fields") else tuple(fields)
    if isinstance(first, Mapping):
        for row in rows:
            if row.keys() != first.keys():
                raise ValueError(f"DataLoader: expected rows with the keys {[*first]}, got one with {[*row]}")
        return dict(zip(first, _alike([stacked([row[key] for row in rows]) for key in first]), strict=True))
    arrays = [np.asarray(raw(row)) for row in rows]
    shapes = list(dict.fromkeys(a.shape for a in arrays))
    if len(shapes) > 1 or any(a.dtype == object for a in arrays):
        got = f"shapes {', '.join(map(str, shapes))}" if len(shapes) > 1 else f"the type {type(first).__name__}"
        raise ValueError(f"DataLoader: rows of {got} cannot be stacked; pass collate_fn=, a function of the list")
    batch = np.stack(arrays)
    return Tensor(batch) if isinstance(first, Tensor) else batch


def _alike(fields: list[Any]) -> list[Any]:
    """The fields of a batch; all are Tensors if one is."""
    tensors = any(isinstance(f, Tensor) for f in fields)
    return [Tensor(f) if tensors and isinstance(f, np.ndarray) else f for f in fields]


def _of_arrays(dataset: Any) -> bool:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return isinstance(dataset, TensorDataset)


def as_dataset(data: Any) -> Any:
    """A tuple of arrays, or one array, as a data set; a data set as it is."""
    if isinstance(data, tuple):
        return TensorDataset(*data)
    if isinstance(data, (np.ndarray, Tensor)):
        return TensorDataset(data)
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise TypeError(f"expected a data set, with len() and indexing, got {type(data).__name__}")
    return data
