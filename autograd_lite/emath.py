"""numpy.emath, with derivatives: complex results where the real function has no value.

Examples
--------
>>> import autograd_lite as ag
>>> ag.emath.sqrt(ag.tensor([-1.0, 4.0]))
tensor([0.+1.j, 2.+0.j], dtype=complex128)
"""
# ruff: noqa: I001 - set as a list of names, not one to a line

from .rules.emath import (
    arccos as arccos, arcsin as arcsin, arctanh as arctanh, log as log, log10 as log10, log2 as log2,
    logn as logn, power as power, sqrt as sqrt,
)
