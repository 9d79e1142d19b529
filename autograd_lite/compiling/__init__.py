"""Traced programs compiled to flat NumPy: passes that shorten a program, and source that can be read and debugged."""

from ..base.listing import public_names as _public_names
from .c.compiler import clear_cache as clear_cache
from .compile import Compiled as Compiled, compiled as compiled
from .jitted import Jitted as Jitted, jit as jit

__dir__ = _public_names(__name__)
