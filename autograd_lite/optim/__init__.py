"""Optimisers and learning-rate schedules: PyTorch's names, arguments, defaults and formulas."""
# ruff: noqa: I001 - set as a list of names, not one to a line

from ..base.listing import public_names as _public_names
from ..table.migration_hints import OF_OPTIM as _OF_OPTIM, no_attribute as _no_attribute
from . import lr_scheduler as lr_scheduler
from .first_order import (
    ASGD as ASGD, SGD as SGD, Adadelta as Adadelta, Adagrad as Adagrad, Adam as Adam, Adamax as Adamax,
    AdamW as AdamW, NAdam as NAdam, RAdam as RAdam, RMSprop as RMSprop, Rprop as Rprop,
)
from .lbfgs import LBFGS as LBFGS
from .optimizer import Optimizer as Optimizer

__dir__ = _public_names(__name__, "lr_scheduler")


def __getattr__(name: str) -> object:
    raise _no_attribute("ag.optim", name, None, _OF_OPTIM)
