"""autodiff"""

__version__ = "0.1.0"
from .tensor import Tensor as Tensor, tensor as tensor
from .mode import no_grad as no_grad, enable_grad as enable_grad
from .transforms import grad as grad, value_and_grad as value_and_grad, vjp as vjp, jvp as jvp, jacobian as jacobian, jacrev as jacrev, jacfwd as jacfwd, hessian as hessian, hvp as hvp, stop_gradient as stop_gradient, checkpoint as checkpoint
from .anomaly import detect_anomaly as detect_anomaly
from . import autograd as autograd
from . import primitive as primitive
from .mode import is_grad_enabled as is_grad_enabled
from .rules.elementwise import sigmoid as sigmoid
