"""Gradient checks: pass a function, and read what is wrong with its derivative.

- :func:`assert_gradients` for a function of this library's Tensors, or written with NumPy's functions: every order,
  both modes, at a point or at points drawn by Hypothesis.
- :func:`assert_vjp`, :func:`assert_jvp`, :func:`assert_jac`, :func:`assert_hessian` for any function on arrays with a
  hand-written derivative.
- A ``check_*`` for each of them returns the :class:`Report` instead of raising.
- :func:`find_gradient_bug` finds the operation of a graph whose derivative is wrong.
- ``numerical_*`` return derivatives by finite differences.

The Hypothesis strategies are in :mod:`autograd_lite.testing.strategies`; everything else here needs only NumPy.
"""

from autograd_lite.base.listing import public_names as _public_names
from autograd_lite.testing.bugs import find_gradient_bug as find_gradient_bug
from autograd_lite.testing.check import assert_hessian as assert_hessian
from autograd_lite.testing.check import assert_jac as assert_jac
from autograd_lite.testing.check import assert_jvp as assert_jvp
from autograd_lite.testing.check import assert_vjp as assert_vjp
from autograd_lite.testing.check import check_hessian as check_hessian
from autograd_lite.testing.check import check_jac as check_jac
from autograd_lite.testing.check import check_jvp as check_jvp
from autograd_lite.testing.check import check_vjp as check_vjp
from autograd_lite.testing.gradients import assert_gradients as assert_gradients
from autograd_lite.testing.gradients import check_gradients as check_gradients
from autograd_lite.testing.numeric import CannotCheck as CannotCheck
from autograd_lite.testing.numeric import numerical_gradient as numerical_gradient
from autograd_lite.testing.numeric import numerical_hessian as numerical_hessian
from autograd_lite.testing.numeric import numerical_jacobian as numerical_jacobian
from autograd_lite.testing.numeric import numerical_jvp as numerical_jvp
from autograd_lite.testing.numeric import numerical_vjp as numerical_vjp
from autograd_lite.testing.report import GradientError as GradientError
from autograd_lite.testing.report import KinkWarning as KinkWarning
from autograd_lite.testing.report import Report as Report

__dir__ = _public_names(__name__)
