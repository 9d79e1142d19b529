"""scipy.optimize, with derivatives: roots, fixed points, minima and fits.

SciPy's solvers get exact derivatives of a function that is written in NumPy, and the solution can be differentiated
with respect to what it depends on, by the implicit function theorem: see :doc:`/optimize`. It needs SciPy.

Examples
--------
>>> import numpy as np, autograd_lite as ag
>>> def rosenbrock(x, a):
...     return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
>>> ag.optimize.minimize(rosenbrock, np.zeros(3), args=(100.0,)).x.round(4)
array([1., 1., 1.])
"""
# ruff: noqa: E402 - SciPy first, so that the error says what to install

from ..base.listing import public_names as _public_names
from ..rules.scipy_special import module_of_scipy as _module_of_scipy
from ..table.migration_hints import OF_OPTIMIZE as _OF_OPTIMIZE, no_attribute as _no_attribute

_module_of_scipy("optimize", "ag.optimize")

from .fits import curve_fit as curve_fit, least_squares as least_squares
from .minima import minimize as minimize
from .roots import fixed_point as fixed_point, root as root, root_scalar as root_scalar


def __getattr__(name: str) -> object:
    raise _no_attribute("ag.optimize", name, None, _OF_OPTIMIZE)


__dir__ = _public_names(__name__)
