"""Worksheets: a derivation or a source with blanks, an answer key, and marks that say what is wrong with an answer."""

from ..base.listing import public_names as _public_names
from .worksheet import Worksheet as Worksheet, worksheet as worksheet

__dir__ = _public_names(__name__)
