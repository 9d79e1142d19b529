"""``numpy.random``."""

import numpy.random as _random

from .._namespace import namespace as _namespace

__getattr__ = _namespace(_random)
