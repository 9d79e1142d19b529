"""Gradient tests that anyone can import: give a function and its derivative, and be told what is wrong with
it.

For functions on NumPy arrays with hand-written derivatives: :func:`assert_vjp`, :func:`assert_jvp`,
:func:`assert_jac`,
:func:`assert_hessian`, and a ``check_*`` beside each that returns the report instead of raising. For the
measuring alone: ``numerical_*``. Hypothesis strategies are in :mod:`autograd_lite.testing.strategies`.
"""

from autograd_lite.testing.check import assert_hessian as assert_hessian
from autograd_lite.testing.check import assert_jac as assert_jac
from autograd_lite.testing.check import assert_jvp as assert_jvp
from autograd_lite.testing.check import assert_vjp as assert_vjp
from autograd_lite.testing.check import check_hessian as check_hessian
from autograd_lite.testing.check import check_jac as check_jac
from autograd_lite.testing.check import check_jvp as check_jvp
from autograd_lite.testing.check import check_vjp as check_vjp
from autograd_lite.testing.numeric import CannotCheck as CannotCheck
from autograd_lite.testing.numeric import numerical_gradient as numerical_gradient
from autograd_lite.testing.numeric import numerical_hessian as numerical_hessian
from autograd_lite.testing.numeric import numerical_jacobian as numerical_jacobian
from autograd_lite.testing.numeric import numerical_jvp as numerical_jvp
from autograd_lite.testing.numeric import numerical_vjp as numerical_vjp
from autograd_lite.testing.report import GradientError as GradientError
from autograd_lite.testing.report import KinkWarning as KinkWarning
from autograd_lite.testing.report import Report as Report
