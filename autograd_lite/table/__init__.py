"""The table of derivatives: what a row is, the kinds of rows, and where their derivatives hold.

The rows themselves are in :mod:`autograd_lite.rules`.
"""

from ..base.listing import public_names as _public_names
from .domain import NONZERO, POSITIVE, REAL, WHOLE, Domain, Joint, interval
from .examples import Drawn, around, at, boolean, complex_normal, just, uniform
from .kinds import bilinear, composite, constant, define, elementwise, general, linear
from .remedy import Remedy
from .row import OPTIONS, ROWS, TABLE, Primitive
from .textbook import Stated, Textbook, notation

__all__ = [
    "NONZERO", "OPTIONS", "POSITIVE", "REAL", "ROWS", "TABLE", "WHOLE", "Domain", "Drawn", "Joint", "Primitive",
    "Remedy", "Stated", "Textbook", "around", "at", "bilinear", "boolean", "complex_normal", "composite", "constant",
    "define", "elementwise", "general", "interval", "just", "linear", "notation", "uniform",
]

__dir__ = _public_names(__name__)
