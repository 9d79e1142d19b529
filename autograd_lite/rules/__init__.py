"""The table of derivatives, a room for each kind of function.

`refusal`, `ufunc_method` and `ufunc_parameters` answer for what has no row: by name, with the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..primitive import Primitive
from . import elementwise as elementwise
from . import indexing as indexing
from . import linalg as linalg
from . import shaping as shaping
from .status import refusal as refusal
from .status import ufunc_method as ufunc_method
from .status import ufunc_parameters as ufunc_parameters
