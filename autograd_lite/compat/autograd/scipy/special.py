"""``scipy.special``."""

import scipy.special as _special

from .... import special as _own
from .._namespace import namespace as _namespace

__getattr__ = _namespace(_special, _own)
