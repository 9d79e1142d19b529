"""The table of derivatives, a room for each kind of function.

`plain` and `ufunc_method` answer for what has no row: from the arrays alone where nothing could have a
derivative, or by refusing it by name, with the remedy.
"""

from __future__ import annotations

from importlib import import_module

from ..table import Shelf
from ..table.status import plain as plain
from ..table.status import refusal as refusal
from . import constants as constants
from . import cumulative as cumulative
from . import differences as differences
from . import elementwise as elementwise
from . import indexing as indexing
from . import joining as joining
from . import linalg as linalg
from . import products as products
from . import reductions as reductions
from . import selection as selection
from . import shaping as shaping
from . import sorting as sorting
from . import special as special
from .ufuncs import ufunc_method as ufunc_method
from .ufuncs import ufunc_parameters as ufunc_parameters

#: Rooms that a program may never enter: they are read when a row is asked for that is not there yet, or every row is.
LATER = (
    "convolution", "einsum", "emath", "layers", "norms", "order", "padding", "polynomials",
    "pooling", "random", "signal", "spectral", "statistics", "torch_names", "triangular",
)


def read_the_rest() -> None:
    """Fill the table."""
    for room in LATER:
        import_module(f".{room}", __name__)


Shelf.rest = read_the_rest
