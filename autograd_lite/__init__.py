"""autodiff"""
from .tensor import Tensor as Tensor, tensor as tensor
from .mode import no_grad as no_grad, enable_grad as enable_grad
