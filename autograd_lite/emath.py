"""numpy.emath, with derivatives: complex results where the real function has no value.

Examples
--------
>>> import autograd_lite as ag
>>> ag.emath.sqrt(ag.tensor([-1.0, 4.0]))
tensor([0.+1.j, 2.+0.j], dtype=complex128)
"""

from .rules.emath import *  # noqa: F403
