"""SciPy's functions of matrices: the exponential, the square root, Sylvester's equation, triangular systems, blocks.

All of them work on stacks of matrices. The exponential, and the Schur form, which `sqrtm` and `solve_sylvester` need,
are SciPy's.

Sources: N. J. Higham, "Functions of matrices" (2008), section 3.2, for the derivative as a block of a larger matrix;
R. H. Bartels and G. W. Stewart, "Solution of the matrix equation AX + XB = C" (1972).
"""

import numpy as np

from ..table import Primitive, composite, general
from ..table.batching import stacked
from ._arrays import floating, operand
from .matrices import DEFINITE, REGULAR, dagger
from .scipy_special import scipy_linalg

__all__ = ["block_diag", "expm", "solve_banded", "solve_sylvester", "solve_triangular", "sqrtm"]

# ---------------------------------------------------------------------------------------------- the exponential


def _single(x):
    """A half-precision array in single precision: LAPACK has no half."""
    return x.astype(np.result_type(x.dtype, np.float32), copy=False)


def _expm(x):
    """The exponential of a matrix, ``I + A + A²/2 + …``; needs SciPy."""
    return scipy_linalg("linalg.expm").expm(_single(x)).astype(x.dtype, copy=False)


def _square(name, a):
    a = floating(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"{name}: expected a square matrix, or a stack of them, got shape {a.shape}")
    return a


def _upper(x, e):
    """The matrix ``[[x, e], [0, x]]``."""
    x, e = x + np.zeros_like(e), e + np.zeros_like(x)
    return np.block([[x, e], [np.zeros_like(x), x]])


def _corner(y):
    n = y.shape[-1] // 2
    return y[..., :n, n:]


#: The derivative of ``expm(x1)`` in the direction `x2`. It is above the diagonal of ``expm([[x1, x2], [0, x1]])``.
expm_derivative: Primitive = general(
    lambda x1, x2: _corner(_expm(_upper(x1, x2))),
    lambda g, x1, x2: _corner(expm_derivative(_upper(x1.mT, g), _upper(x2.mT, np.zeros_like(g)))),
    lambda g, x1: expm_derivative(x1.mT, g),
    name="expm_derivative", tex=r"\operatorname{{D}}e^{{{x1}}}[{x2}]", text="D expm({x1})({x2})", batch=stacked(2, 2),
    bind=lambda x1, x2: ((_square("expm_derivative", x1), _square("expm_derivative", x2)), {}),
    examples="2x2 2x2; 2x2x2 2x2",
)


expm = general(
    _expm, lambda g, x: expm_derivative(x.mT, g), name="linalg.expm", np_name="scipy.linalg.expm",
    bind=lambda A: ((_square("linalg.expm", A),), {}), tex="e^{{{x}}}", batch=stacked(2),
    examples=[*REGULAR, "4I:2x2"],
)

# ----------------------------------------------------------------------------------- what needs the Schur form


def _each(f, *stacks):
    """A function of LAPACK's on single matrices, applied to stacks of matrices, which broadcast."""
    shape = np.broadcast_shapes(*(x.shape[:-2] for x in stacks))
    stacks = tuple(map(_single, stacks))
    wide = [np.broadcast_to(x, (*shape, *x.shape[-2:])) for x in stacks]
    results = [f(*(x[k] for x in wide)) for k in np.ndindex(shape)]
    return np.stack(results).reshape(*shape, *results[0].shape) if results else wide[-1].copy()


def _sqrtm(x):
    """The matrix of which `A` is the square; needs SciPy."""
    y = _each(scipy_linalg("linalg.sqrtm").sqrtm, x)
    if not np.isfinite(y).all() and np.isfinite(x).all():
        raise np.linalg.LinAlgError(
            "linalg.sqrtm: found no square root of a singular matrix; add a small multiple of the identity"
        )
    return y.astype(np.result_type(x.dtype, np.complex64 if y.dtype.kind == "c" else np.float32))


sqrtm = general(  # Y Y = X, so that dY Y + Y dY = dX
    _sqrtm, lambda g, y: solve_sylvester(y.mT, y.mT, g), name="linalg.sqrtm", np_name="scipy.linalg.sqrtm",
    bind=lambda A: ((_square("linalg.sqrtm", A),), {}), tex="{x}^{{1/2}}", batch=stacked(2),
    examples=[*DEFINITE, "4I:3x3"],
)


def _sylvester(a, b, q):
    """The solution `x` of ``a x + x b = q``; needs SciPy."""
    linalg = scipy_linalg("linalg.solve_sylvester")
    dtype = np.result_type(a, b, q)

    def solve(a, b, q):
        if not q.size:
            return q
        # With Schur forms a = u r uᴴ and b = v s vᴴ, the equation is triangular in uᴴ x v.
        (r, u), (s, v) = (linalg.schur(x, "real" if dtype.kind == "f" else "complex") for x in (a, b))
        y, scale, info = linalg.get_lapack_funcs("trsyl", (r, s))(r, s, np.conj(u.T) @ q @ v)
        if info:
            raise np.linalg.LinAlgError(
                "linalg.solve_sylvester: an eigenvalue of a is one of -b, so a x + x b = q has no unique solution"
            )
        return u @ (y * scale) @ np.conj(v.T)

    return _each(solve, *(x.astype(dtype) for x in (a, b, q)))


def _sylvester_bind(a, b, q):
    a, b, q = _square("linalg.solve_sylvester", a), _square("linalg.solve_sylvester", b), operand(q)
    if q.shape[-2:] != (shape := (a.shape[-1], b.shape[-1])):
        raise np.linalg.LinAlgError(f"linalg.solve_sylvester: expected q of shape {shape}, got {q.shape}")
    return (a, b, q), {}


def _adjoint(g, x1, x2):
    return solve_sylvester(x1.mT, x2.mT, g)


def _sylvester_forward(ts, y, xs, n):  # as for `solve`
    a, b, q = ts
    terms = [*([] if q is None else [q]), *([] if a is None else [-(a @ y)]), *([] if b is None else [-(y @ b)])]
    return solve_sylvester(*xs[:2], sum(terms[1:], terms[0]))


solve_sylvester: Primitive = general(
    _sylvester, lambda g, y, x1, x2: -_adjoint(g, x1, x2) @ y.mT, lambda g, y, x1, x2: -y.mT @ _adjoint(g, x1, x2),
    _adjoint, name="linalg.solve_sylvester", np_name="scipy.linalg.solve_sylvester", bind=_sylvester_bind,
    tex=r"\operatorname{{solve}}({x1} \, Y + Y {x2} = {x3})", batch=stacked(2, 2, 2), jvp=_sylvester_forward,
    examples="3I:3x3 3I:2x2 3x2; 3I:2x2x2 3I:2x2 2x2",
)

# ------------------------------------------------------------------------------------------------- banded systems


def _banded(ab, b, l_and_u):
    """The solution of ``A x = b``, where ``A[i, j]`` is ``ab[u + i - j, j]``; needs SciPy."""
    x = scipy_linalg("linalg.solve_banded").solve_banded(l_and_u, _single(ab), _single(b))
    return x.astype(np.result_type(ab, b), copy=False)


def _transposed_band(ab, below, above):
    """The band of the transposed matrix, which has `above` diagonals below the main one."""
    return np.stack([np.roll(ab[above + d], d, -1) for d in range(below, -above - 1, -1)])


def _band_of_outer(g, x, below, above):
    """The band of the matrix of products ``g[i] x[j]``."""
    j, steps = np.arange(x.shape[0]), range(-above, below + 1)
    diagonals = [np.roll(g, -d, 0) * x for d in steps]
    inside = [(j + d >= 0) & (j + d < len(j)) for d in steps]
    return np.stack([np.sum(np.reshape(p, (len(j), -1)), -1) for p in diagonals]) * np.stack(inside)


def _banded_bind(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    below, above = map(int, l_and_u)
    rows = below + above + 1
    ab, b = map(floating, (ab, b))
    if ab.ndim != 2 or ab.shape[0] != rows or b.ndim not in (1, 2) or b.shape[0] != ab.shape[1]:
        raise ValueError(
            f"linalg.solve_banded: expected ab of shape ({rows}, n) and b of shape (n,) or (n, k), got "
            f"{ab.shape} and {b.shape}"
        )
    return (ab, b), {"l_and_u": (below, above)}


def _banded_adjoint(g, x1, l_and_u):
    return solve_banded(l_and_u[::-1], _transposed_band(x1, *l_and_u), g)


def _banded_forward(ts, y, xs, n):  # as for `solve`
    ab, b = ts
    below, above = n.params["l_and_u"]
    if ab is not None:
        j, columns = np.arange(y.shape[0]), np.reshape(y, (y.shape[0], -1))
        inside = {d: ((j + d >= 0) & (j + d < len(j)))[:, None] for d in range(-above, below + 1)}
        moved = sum(np.roll(ab[above + d][:, None] * columns * inside[d], d, 0) for d in inside)
        b = (0 if b is None else b) - np.reshape(moved, y.shape)
    return solve_banded((below, above), xs[0], b)


solve_banded: Primitive = general(
    _banded, lambda g, y, x1, l_and_u: -_band_of_outer(_banded_adjoint(g, x1, l_and_u), y, *l_and_u), _banded_adjoint,
    name="linalg.solve_banded", np_name="scipy.linalg.solve_banded", bind=_banded_bind, tex="{x1}^{{-1}} {x2}",
    jvp=_banded_forward,
    examples="[1,2] a[[0,0,1,2],[0,1,-1,2],[4,5,6,4],[1,-1,2,0.0]] [4]; [1,0] a[[4,5,6.0],[1,-1,0]] 3x2",
)

# --------------------------------------------------------------------------------------------- written with others


@composite(name="linalg.solve_triangular", np_name="scipy.linalg.solve_triangular", examples=(
    "3I:3x3 3x2; 3I:3x3 [3] lower=True; 3I:2x2x2 2x2 trans=1 lower=True; 2x2 [2] trans=C unit_diagonal=True"
))
def solve_triangular(
    a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=True,
):
    """The solution of ``a x = b``, of ``a.T x = b`` (`trans` 1 or 'T'), or of ``a.conj().T x = b`` (2 or 'C').

    Only the upper triangle of `a` is read, or the lower; with `unit_diagonal` its diagonal is taken to be 1. `b` has
    the shape (n,) or (..., n, k). SciPy's `overwrite_b` and `check_finite` make no difference.

    Examples
    --------
    >>> solve_triangular(np.array([[2.0, 1.0], [9.0, 4.0]]), np.array([4.0, 8.0]))
    array([1., 2.])
    """
    a, b = _square("linalg.solve_triangular", a), operand(b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"linalg.solve_triangular: expected trans 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    a = np.tril(a, -unit_diagonal) if lower else np.triu(a, +unit_diagonal)
    if unit_diagonal:
        a = a + np.eye(a.shape[-1], dtype=a.dtype)
    if trans in (1, 2, "T", "C"):
        a, lower = a.mT if trans in (1, "T") else dagger(a), not lower
    if not lower:  # elimination leaves an upper triangle as it is, so only the substitution remains
        return np.linalg.solve(a, b)
    along = -1 if b.ndim == 1 else -2
    return np.flip(np.linalg.solve(np.flip(a, (-2, -1)), np.flip(b, along)), along)


@composite(name="linalg.block_diag", np_name="scipy.linalg.block_diag", examples="2x2 1x3; [2] [] 2x1; 2x1x2 1x1")
def block_diag(*arrs):
    """The matrices in a row down the diagonal, and zeros elsewhere; a vector counts as a matrix of one row.

    Examples
    --------
    >>> block_diag([[1, 2]], [3])
    array([[1, 2, 0],
           [0, 0, 3]])
    """
    blocks = [np.atleast_2d(operand(a)) for a in arrs or ([],)]
    stack = np.broadcast_shapes(*(a.shape[:-2] for a in blocks))
    rows = [[np.zeros((*stack, a.shape[-2], b.shape[-1]), a.dtype) for b in blocks] for a in blocks]
    for k, a in enumerate(blocks):
        rows[k][k] = np.broadcast_to(a, rows[k][k].shape)
    return np.block(rows)
