"""``scipy.integrate``."""

import scipy.integrate as _integrate

from .... import integrate as _own
from .._namespace import namespace as _namespace

__getattr__ = _namespace(_integrate, _own)
