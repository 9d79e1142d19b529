"""PyTorch's path to data sets and loaders: ``utils.data`` is :mod:`autograd_lite.data`.

Examples
--------
>>> import autograd_lite as ag
>>> ag.utils.data.DataLoader is ag.data.DataLoader
True
"""

from . import data as data
from .table.migration_hints import OF_UTILS as _OF_UTILS, no_attribute as _no_attribute


def __getattr__(name: str) -> object:
    raise _no_attribute("utils", name, None, _OF_UTILS)
