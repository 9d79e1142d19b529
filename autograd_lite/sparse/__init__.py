"""Sparse Jacobians and Hessians: patterns, colours, and the derivatives as SciPy matrices."""

from ..base.listing import public_names as _public_names
from .colouring import Colouring as Colouring
from .derivatives import (
    SparseDerivative as SparseDerivative,
    sparse_hessian as sparse_hessian,
    sparse_jacobian as sparse_jacobian,
    sparsity as sparsity,
)
from .picture import Picture as Picture
from .products import matvec as matvec

__dir__ = _public_names(__name__)
