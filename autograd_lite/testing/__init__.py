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

# ruff: noqa: I001 - set as a list of names, not one to a line

from ..base.listing import public_names as _public_names
from .bugs import find_gradient_bug as find_gradient_bug
from .check import (
    assert_hessian as assert_hessian, assert_jac as assert_jac, assert_jvp as assert_jvp, assert_vjp as assert_vjp,
    check_hessian as check_hessian, check_jac as check_jac, check_jvp as check_jvp, check_vjp as check_vjp,
)
from .gradients import assert_gradients as assert_gradients, check_gradients as check_gradients
from .numeric import (
    CannotCheck as CannotCheck, numerical_gradient as numerical_gradient, numerical_hessian as numerical_hessian,
    numerical_jacobian as numerical_jacobian, numerical_jvp as numerical_jvp, numerical_vjp as numerical_vjp,
)
from .report import GradientError as GradientError, KinkWarning as KinkWarning, Report as Report

__dir__ = _public_names(__name__)
