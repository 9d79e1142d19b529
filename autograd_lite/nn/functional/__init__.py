"""The computations of layers as functions, with PyTorch's names, arguments and defaults."""

# ruff: noqa: F403 - each module lists its public names in __all__
from ...base.listing import public_names as _public_names
from .activation import *
from .attention import *
from .convolution import *
from .linear import *
from .loss import *
from .normalization import *
from .pooling import *
from .resampling import *

__dir__ = _public_names(__name__)
