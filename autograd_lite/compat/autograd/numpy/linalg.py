"""``numpy.linalg``."""

import numpy.linalg as _linalg

from .._namespace import namespace as _namespace

__getattr__ = _namespace(_linalg)
