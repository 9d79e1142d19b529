"""Layers, losses and nets: PyTorch's names, arguments and defaults."""

# ruff: noqa: F403 - each module lists its public names in __all__
from ..base.listing import public_names as _public_names
from . import functional as functional, init as init, utils as utils
from .activation import *
from .attention import *
from .containers import *
from .conv import *
from .lazy import *
from .linear import *
from .loss import *
from .module import *
from .network import *
from .norm import *
from .pooling import *
from .recurrent import *
from .shape import *

__dir__ = _public_names(__name__, "functional", "init", "utils")
