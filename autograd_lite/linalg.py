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
# ruff: noqa: I001 - set as a list of names, not one to a line

from numpy.linalg import LinAlgError as LinAlgError

from .rules.constants import matrix_rank as matrix_rank
from .rules.linalg import (
    cross as cross, det as det, diagonal as diagonal, inv as inv, lstsq as lstsq,
    matrix_power as matrix_power, outer as outer, pinv as pinv, slogdet as slogdet, solve as solve,
    tensorinv as tensorinv, tensorsolve as tensorsolve, trace as trace,
)
from .rules.matrix_functions import (
    block_diag as block_diag, expm as expm, solve_banded as solve_banded, solve_sylvester as solve_sylvester,
    solve_triangular as solve_triangular, sqrtm as sqrtm,
)
from .rules.norms import cond as cond, matrix_norm as matrix_norm, norm as norm, vector_norm as vector_norm
from .rules.products import (
    matmul as matmul, multi_dot as multi_dot, tensordot as tensordot, vecdot as vecdot,
)
from .rules.shaping import matrix_transpose as matrix_transpose
from .rules.spectral import (
    eig as eig, eigh as eigh, eigvals as eigvals, eigvalsh as eigvalsh, svd as svd, svdvals as svdvals,
)
from .rules.triangular import cholesky as cholesky, qr as qr
