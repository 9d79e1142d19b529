"""numpy.linalg with derivatives, and what scipy.linalg adds to it for whole matrices.

Examples
--------
>>> import autograd_lite as ag
>>> A = ag.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
>>> ag.linalg.det(A).backward()
>>> A.grad  # the cofactors
tensor([[ 3., -1.],
        [-1.,  2.]])
"""
# ruff: noqa: F403, I001 - a module of rows says in its __all__ what it publishes here

from numpy.linalg import LinAlgError as LinAlgError

from .rules.constants import matrix_rank as matrix_rank
from .rules.linalg import *
from .rules.matrix_functions import *
from .rules.norms import *
from .rules.products import (
    matmul as matmul, multi_dot as multi_dot, tensordot as tensordot, vecdot as vecdot,
)
from .rules.shaping import matrix_transpose as matrix_transpose
from .rules.spectral import *
from .rules.triangular import *
