"""``numpy.fft``."""

import numpy.fft as _fft

from .._namespace import namespace as _namespace

__getattr__ = _namespace(_fft)
