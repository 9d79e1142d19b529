"""Optimisers and learning-rate schedules: PyTorch's names, arguments, defaults and formulas."""

from ..base.listing import public_names as _public_names
from . import lr_scheduler as lr_scheduler
from .first_order import ASGD as ASGD
from .first_order import SGD as SGD
from .first_order import Adadelta as Adadelta
from .first_order import Adagrad as Adagrad
from .first_order import Adam as Adam
from .first_order import Adamax as Adamax
from .first_order import AdamW as AdamW
from .first_order import NAdam as NAdam
from .first_order import RAdam as RAdam
from .first_order import RMSprop as RMSprop
from .first_order import Rprop as Rprop
from .lbfgs import LBFGS as LBFGS
from .optimizer import Optimizer as Optimizer

__dir__ = _public_names(__name__, "lr_scheduler")
