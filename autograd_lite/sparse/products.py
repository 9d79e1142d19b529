"""A constant sparse matrix times vectors, as a step with derivatives."""

from __future__ import annotations

from math import prod
from typing import Any

from scipy.sparse import issparse

from ..rules._arrays import operand
from ..table import Primitive
from ..table.batching import stacked


def matvec(matrix: Any, x: Any, /) -> Any:
    """``matrix @ x`` for a SciPy sparse matrix and a vector, or for a stack of vectors, as :func:`numpy.matvec`.

    Its Jacobian has the entries of the matrix, so that :func:`sparse_jacobian` finds them. The matrix is a constant.

    Raises
    ------
    ValueError
        If `matrix` is not sparse, or the last axis of `x` does not fit.

    Examples
    --------
    >>> import numpy as np, scipy.sparse, autograd_lite as ag
    >>> A = scipy.sparse.csr_array([[1.0, 2.0], [0.0, 3.0]])
    >>> ag.grad(lambda x: np.sum(ag.sparse.matvec(A, x) ** 2))(np.array([1.0, 1.0]))
    array([ 6., 30.])
    """
    return _MATVEC(matrix, x)


def _bind(matrix: Any, x: Any) -> Any:
    x = operand(x)
    if not issparse(matrix) or matrix.ndim != 2 or not x.ndim or x.shape[-1] != matrix.shape[1]:
        got = f"{matrix.shape if issparse(matrix) else type(matrix).__name__} and {x.shape}"
        raise ValueError(f"sparse.matvec: expected a SciPy matrix (m, n) and an array (..., n), got {got}")
    return (x,), {"matrix": matrix}


def _matvec(x: Any, matrix: Any) -> Any:
    if x.ndim == 1:
        return matrix @ x
    return (matrix @ x.reshape(prod(x.shape[:-1]), x.shape[-1]).T).T.reshape(*x.shape[:-1], matrix.shape[0])


_MATVEC = Primitive(
    "linear", _matvec, (lambda g, matrix: matvec(matrix.T, g),), name="sparse.matvec", bind=_bind, batch=stacked(1),
    pattern=lambda i, matrix: matrix,
)  # fmt: skip
