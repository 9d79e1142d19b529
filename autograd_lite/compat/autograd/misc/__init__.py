"""Helpers: trees as vectors, optimisers, fixed points."""

from .._refused import refuse
from .flatten import flatten as flatten
from .flatten import flatten_func as flatten_func

__getattr__ = refuse(__name__, "const_graph", "full_graph")
