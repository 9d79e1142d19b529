"""Data sets, and a loader for batches.

The package contains `truth_table`, `xor` and `digits`; `moons` and `spiral` are generated; `mnist` reads files on this
machine. `DataLoader` iterates over arrays, or any data set, in batches.
"""
# ruff: noqa: I001 - set as a list of names, not one to a line

from ..base.listing import public_names as _public_names
from .bundled import Split as Split, digits as digits, truth_table as truth_table, xor as xor
from .loader import (
    DataLoader as DataLoader, Dataset as Dataset, Subset as Subset, TensorDataset as TensorDataset,
    random_split as random_split,
)
from .mnist import mnist as mnist, read_idx as read_idx
from .synthetic import moons as moons, spiral as spiral

__dir__ = _public_names(__name__)
