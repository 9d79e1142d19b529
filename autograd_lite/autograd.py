"""PyTorch's ``autograd``: gradients of recorded results, and `Function` for operations with their own backward pass."""

from .table.migration_hints import OF_AUTOGRAD as _OF_AUTOGRAD, no_attribute as _no_attribute
from .tensor.creation import Variable as Variable
from .transforms.function import Function as Function
from .transforms.torch_autograd import backward as backward, grad as grad


def __getattr__(name: str) -> object:
    raise _no_attribute("autograd", name, None, _OF_AUTOGRAD)
