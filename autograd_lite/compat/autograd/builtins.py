"""Containers: here dicts, lists and tuples of recorded values are Python's own."""

import builtins

from .core import notrace_primitive

dict, list, tuple = builtins.dict, builtins.list, builtins.tuple
DictBox, SequenceBox = dict, tuple
isinstance = notrace_primitive(builtins.isinstance)  # of the value inside a recorded one
type = notrace_primitive(builtins.type)
