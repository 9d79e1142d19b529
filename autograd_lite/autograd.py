"""``ag.autograd``, as in PyTorch: gradients of results with respect to inputs, without changing any ``.grad``."""

from .transforms.function import Function as Function
from .transforms.of_results import backward as backward
from .transforms.of_results import grad as grad
