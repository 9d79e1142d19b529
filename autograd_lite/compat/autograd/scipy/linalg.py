"""``scipy.linalg``."""

import scipy.linalg as _linalg

from .... import linalg as _own
from .._namespace import namespace as _namespace

__getattr__ = _namespace(_linalg, _own)
