"""Data sets, and a loader for batches.

The package contains `truth_table`, `xor` and `digits`; `moons` and `spiral` are generated; `mnist` reads files on this
machine. `DataLoader` iterates over arrays, or any data set, in batches.
"""

from ..base.listing import public_names as _public_names
from .bundled import Split as Split
from .bundled import digits as digits
from .bundled import truth_table as truth_table
from .bundled import xor as xor
from .loader import DataLoader as DataLoader
from .loader import Dataset as Dataset
from .loader import Subset as Subset
from .loader import TensorDataset as TensorDataset
from .loader import random_split as random_split
from .mnist import mnist as mnist
from .mnist import read_idx as read_idx
from .synthetic import moons as moons
from .synthetic import spiral as spiral

__dir__ = _public_names(__name__)
