"""The table of derivatives, a room for each kind of function.

`plain` and `ufunc_method` answer for what has no row: from the arrays alone where nothing could have a
derivative, or by refusing it by name, with the remedy.
"""

from __future__ import annotations

from . import accumulation as accumulation
from . import calculus as calculus
from . import choosing as choosing
from . import constant as constant
from . import convolution as convolution
from . import einsum as einsum
from . import elementwise as elementwise
from . import emath as emath
from . import indexing as indexing
from . import joining as joining
from . import layers as layers
from . import linalg as linalg
from . import norms as norms
from . import order as order
from . import padding as padding
from . import polynomials as polynomials
from . import pooling as pooling
from . import products as products
from . import random as random
from . import reduction as reduction
from . import shaping as shaping
from . import signal as signal
from . import sorting as sorting
from . import special as special
from . import spectral as spectral
from . import statistics as statistics
from . import torch_names as torch_names
from . import triangular as triangular
from .status import plain as plain
from .status import refusal as refusal
from .ufuncs import ufunc_method as ufunc_method
from .ufuncs import ufunc_parameters as ufunc_parameters
