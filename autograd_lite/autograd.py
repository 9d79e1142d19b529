"""``ag.autograd``, as in PyTorch: gradients of results with respect to inputs, without changing any ``.grad``."""

from .table.migration_hints import OF_AUTOGRAD as _OF_AUTOGRAD
from .table.migration_hints import no_attribute as _no_attribute
from .transforms.function import Function as Function
from .transforms.of_results import backward as backward
from .transforms.of_results import grad as grad


def __getattr__(name: str) -> object:
    raise _no_attribute("autograd", name, None, _OF_AUTOGRAD)
