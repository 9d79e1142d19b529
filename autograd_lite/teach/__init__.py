"""Worksheets: a derivation or a source with blanks, an answer key, and marks that say what is wrong with an answer."""

from .worksheet import Worksheet as Worksheet
from .worksheet import worksheet as worksheet
