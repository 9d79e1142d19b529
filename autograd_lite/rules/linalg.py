"""numpy.linalg without its factorisations and norms: inverses, equations, determinants, powers.

All functions work on stacks of matrices, as NumPy's do. At a singular matrix the inverse and log |det| have no
derivative. The determinant has one at every matrix, the cofactors, and the cofactors have one too.

Sources: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), section 2.2; K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook"
(2012), section 2; G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate" (1973).
"""

from contextlib import suppress
from math import prod
from operator import index
from typing import Any

import numpy as np

from ..table import ROWS, Textbook, around, at, composite, constant, general, notation
from ..table.batching import padded, stacked
from ._arrays import operand, raw
from .matrices import REGULAR, dagger, eps, from_lower, matrix
from .products import conj, matmul, tensordot, vecdot
from .shaping import matrix_transpose
from .sorting import by_signature

__all__ = [
    "cross", "det", "diagonal", "inv", "lstsq", "matrix_power", "outer", "pinv", "slogdet", "solve", "tensorinv",
    "tensorsolve", "trace",
]


# ---------------------------------------------------------------------------------------- inverses, equations

inv = general(  # A⁻¹ A = 1, so that d(A⁻¹) = -A⁻¹ dA A⁻¹
    np.linalg.inv, lambda g, y: -(y.mT @ g @ y.mT), bind=matrix, tex="{x}^{{-1}}", text="{x}⁻¹", algebra="inverse",
    js="inverse({x})", batch=stacked(2), examples=REGULAR,
)


def _solve_1(g, y, x1, x2_shape):
    d = _solve_2(g, x1, x2_shape)
    return -(d[..., None] * y[..., None, :]) if len(x2_shape) == 1 else -(d @ y.mT)


def _solve_2(g, x1, x2_shape):
    if len(x2_shape) == 1:
        return np.linalg.solve(x1.mT, g[..., None])[..., 0]
    return np.linalg.solve(x1.mT, g)


def _solve_forward(ts, y, xs, n):  # one solution, where the transposes of both rules make two: 2**k for order k
    a, b = ts
    vector = len(n.shape_of(1)) == 1
    moved = None if a is None else -(a @ y[..., None])[..., 0] if vector else -(a @ y)
    g = b if moved is None else moved if b is None else b + moved
    return np.linalg.solve(xs[0], g[..., None])[..., 0] if vector else np.linalg.solve(xs[0], g)


def _batched_solve(b):
    a, x = b.xs
    if b.on[0] or b.ndim(0) > 2:
        return b(*b.aligned((2, 2))) if b.ndim(1) > 1 else b(a, padded(x[..., None], b.on[1], b.ndim(0)))[..., 0]
    if b.ndim(1) > 2:
        return b(a, x)
    x = np.moveaxis(x, 0, -1)  # one factorisation serves all examples
    y = b(a, x.reshape(len(x), prod(x.shape[1:])))
    return np.moveaxis(y.reshape(x.shape), -1, 0)


solve = general(
    np.linalg.solve, _solve_1, _solve_2, bind=lambda a, b: ((a, b), {}), tex="{x1}^{{-1}} {x2}",
    text="{x1}⁻¹ @ {x2}", algebra="solution", js="solve({x1}, {x2})", batch=_batched_solve, jvp=_solve_forward,
    textbook=lambda a, b: Textbook(
        x1="-outer(solve(x1.T, g), y)" if len(b.shape) == 1 else "-solve(x1.T, g) @ y.T", x2="solve(x1.T, g)"
    ),
    examples="3I:3x3 [3]; 3I:3x3 3x2; 3I:2x3x3 [3]; 3I:2x3x3 3x2; 3I:3x3 2x3x1; 3I:1x1 [1]; 3I:0x0 0x2",
    subscripts=lambda n1, n2: "...ab,...jk->...ik" if n2 > 1 else "...ab,j->...i",  # it mixes whole systems
)


def _pinv_rule(g, y, x):
    """Golub and Pereyra's three terms: two for the parts outside the column and row spaces, and the inverse's."""
    yh, gh = dagger(y), dagger(g)
    columns, rows = gh - x @ (y @ gh), gh - (gh @ y) @ x
    return columns @ (y @ yh) + (yh @ y) @ rows - yh @ g @ yh


def _pinv_bind(a, rcond=None, hermitian=False, *, rtol=Ellipsis):
    if rcond is not None and rtol is not Ellipsis:
        raise ValueError("rtol= and rcond= are two names of one parameter; give one of them")
    if rcond is None:
        rcond = 1e-15 if rtol is Ellipsis else rtol
    if rcond is None:  # rtol=None was given
        rcond = max(a.shape[-2:]) * eps(a)
    return (from_lower(a) if hermitian else a,), {"rcond": raw(rcond)}


pinv = general(
    np.linalg.pinv, _pinv_rule, bind=_pinv_bind, holomorphic=False, tex="{x}^{{+}}", text="{x}⁺", batch=stacked(2),
    js="pinv({x}, {rcond})", examples=[
        "3I:3x3; 3I:4x2; 3I:2x4; 3I:2x3x2; 3I:1x3; 3I:0x2; 3I:3x2 rtol=1e-10",
        at(around(np.eye(2), scale=0.1), hermitian=True),
    ],
)


@composite(np.linalg.lstsq, examples="3I:4x2 [4]; 3I:4x2 4x3; 3I:2x4 2x3")
def lstsq(a, b, rcond=None):
    """The least-squares solution of least norm; the sums of squared residuals; the rank; the singular values.

    NumPy omits the sums if the rank is less than the number of columns. In a trace or a batch, where the rank may
    differ from one call to the next, they are computed whenever there are more rows than columns.
    """
    a, b = operand(a), operand(b)
    if a.ndim != 2:
        raise np.linalg.LinAlgError(f"linalg.lstsq: expected one matrix, got an array of shape {a.shape}")
    m, n = a.shape
    digits = float(np.finfo(np.result_type(a, b)).eps)
    rcond = max(m, n) * digits if rcond is None else digits if rcond < 0 else rcond
    x = np.linalg.pinv(a, rcond) @ b
    s = np.linalg.svdvals(a)
    rank: Any = np.count_nonzero(s > rcond * s[:1])
    if not getattr(a, "__autograd_replayed__", False):
        with suppress(RuntimeError):  # of a traced value it stays one
            rank = int(rank)
    if m <= n or isinstance(rank, int) and rank < n:
        return x, np.zeros(0, s.dtype), rank, s
    r = b - a @ x
    return x, np.sum(np.real(conj(r) * r), axis=0, keepdims=r.ndim == 1), rank, s


@composite(
    np.linalg.tensorinv,
    examples=[at(around(3 * np.eye(6).reshape(2, 3, 3, 2))), at(around(3 * np.eye(6).reshape(6, 3, 2)), ind=1)],
)
def tensorinv(a, ind=2):
    """The inverse of the linear map ``tensordot(a, x, ind)``."""
    if ind <= 0:
        raise ValueError(f"linalg.tensorinv: ind={ind}; the number of axes of the result must be positive")
    a = operand(a)
    shape = a.shape
    n = prod(shape[ind:])
    return np.linalg.inv(np.reshape(a, (n, a.size // max(n, 1)))).reshape((*shape[ind:], *shape[:ind]))


@composite(
    np.linalg.tensorsolve,
    examples=[
        at(around(3 * np.eye(6).reshape(2, 3, 3, 2)), (2, 3)), at(around(3 * np.eye(4).reshape(2, 2, 4)), (2, 2)),
        at(around(3 * np.eye(4).reshape(4, 2, 2)), (4,), axes=(1,)),
    ],
)
def tensorsolve(a, b, axes=None):
    """The `x` for which ``tensordot(a, x, x.ndim)`` is `b`."""
    a, b = operand(a), operand(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    n = prod(shape)
    if n * n != a.size:
        raise np.linalg.LinAlgError(f"linalg.tensorsolve: expected {n * n} coefficients for {n} unknowns, got {a.size}")
    return np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)).reshape(shape)

# ----------------------------------------------------------------------------------------------- determinants


def _cofactor(x):
    """The cofactors of each matrix: the derivative of its determinant, also at singular matrices."""
    u, s, vh = np.linalg.svd(x)
    others = np.prod(np.where(np.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    return _phase(u, vh) * ((conj(u) * others[..., None, :]) @ conj(vh))


def _phase(u, vh):
    return (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def _cofactor_rule(g, x):
    """In the basis of the singular vectors, entries i and j meet with the product of all other singular values."""
    u, s, vh = np.linalg.svd(x)
    same = np.eye(x.shape[-1], dtype=bool)
    both = np.prod(np.where(same[:, None, :] | same[None, :, :], 1, s[..., None, None, :]), axis=-1)
    both = np.where(same, 0, both)
    m = dagger(u) @ g @ dagger(vh)
    crossed = np.sum(both * np.diagonal(m, 0, -2, -1)[..., None, :], axis=-1)
    inner = crossed[..., None, :] * same - (both * m).mT
    return _phase(u, vh) * (conj(u) @ inner @ conj(vh))


_SINGULAR = at(np.diag([1.0, 2.0, 0.0]) + np.tri(3, k=-2))
cofactor = general(
    _cofactor, _cofactor_rule, name="linalg.cofactor", js="cofactor({x})", batch=stacked(2),
    examples=[*REGULAR[:3], _SINGULAR],
)


def _det_rule(g, y, x):
    inverse = _reliable_inverse(x)
    if inverse is None:
        return g[..., None, None] * cofactor(x)
    return (g * y)[..., None, None] * inverse.mT


def _reliable_inverse(x):
    """The inverse, or None if a matrix of the stack is so close to singular that half the digits are lost."""
    if getattr(x, "__autograd_replayed__", False):  # the next matrix may be
        return None
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return None
    sizes = [np.max(np.abs(raw(a)), axis=(-2, -1), initial=0) for a in (x, inverse)]
    condition = x.shape[-1] * sizes[0] * sizes[1]
    return inverse if np.all(condition < eps(x) ** -0.5) else None


det = general(
    np.linalg.det, _det_rule, bind=matrix, tex=r"\det {x}", text="det {x}", js="det({x})", batch=stacked(2),
    textbook=lambda x: Textbook(x="g * y * inv(x).T") if len(x.shape) == 2 else None, examples=[*REGULAR, _SINGULAR],
)


def _slogdet_rule(g, y, x):
    """``d log det = tr A⁻¹ dA``: the real part changes the logarithm, the imaginary part the sign."""
    g_sign, g_log = g
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            "linalg.slogdet: the matrix is singular; log |det| is -inf there and has no derivative"
        ) from None
    scale = np.zeros(y[1].shape, y[1].dtype) if g_log is None else g_log
    if g_sign is not None and x.dtype.kind == "c":
        scale = scale - np.imag(conj(g_sign) * y[0]) * 1j
    return scale[..., None, None] * dagger(inverse)


slogdet = general(
    np.linalg.slogdet, _slogdet_rule, outputs=True, holomorphic=False, js="slogdet({x})[{part}]", batch=stacked(2),
    examples=REGULAR,
    textbook=lambda x: (
        None, Textbook(("logdet(x)", "logabsdet(x)"), x="g * inv(x).T") if len(x.shape) == 2 else None,
    ),
)
notation("logdet", "log det {x1}", r"\ln \det {x1}", lambda x: np.log(np.linalg.det(x)))
notation("logabsdet", "log |det {x1}|", r"\ln \lvert \det {x1} \rvert", lambda x: np.linalg.slogdet(x)[1], rows=True)

# --------------------------------------------------------------------------------------------- powers, counts


@composite(np.linalg.matrix_power, examples=[f"2I:2x2 {n}" for n in (-2, -1, 0, 1, 2, 3, 6)])
def matrix_power(a, n):
    """By repeated squaring; of the inverse for a negative power."""
    a, n = operand(a), index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return np.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)
    power = a
    for digit in f"{n:b}"[1:]:
        power = power @ power
        if digit == "1":
            power = power @ a
    return power


def _ranks(b):
    (x,) = b.xs
    if b.ndim(0) > 1:
        return b(x)
    return np.any(x != 0, axis=tuple(range(1, x.ndim))).astype(int)  # as NumPy has it for a vector


constant(np.linalg.matrix_rank, bind=by_signature(np.linalg.matrix_rank, "A"), batch=_ranks)

# ------------------------------------------------------------ the array standard's names for NumPy's own rows

_pair = ("[3] [3]",)
_stack = ("2x3x3",)


ROWS |= {
    np.linalg.matmul: matmul, np.linalg.matrix_transpose: matrix_transpose, np.linalg.tensordot: tensordot,
    np.linalg.vecdot: vecdot,
}


@composite(np.linalg.outer, examples=_pair)
def outer(x1, x2, /):
    x1, x2 = operand(x1), operand(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"linalg.outer: expected two vectors, got shapes {x1.shape} and {x2.shape}; np.outer flattens")
    return np.outer(x1, x2)


@composite(np.linalg.cross, examples=_pair)
def cross(x1, x2, /, *, axis=-1):
    return np.cross(operand(x1), operand(x2), axis=axis)


@composite(np.linalg.diagonal, examples=_stack)
def diagonal(x, /, *, offset=0):
    return np.diagonal(operand(x), offset, -2, -1)


@composite(np.linalg.trace, examples=_stack)
def trace(x, /, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)
