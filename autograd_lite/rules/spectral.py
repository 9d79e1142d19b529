"""Factorisations with a diagonal factor: eigh, eig, svd, and the values alone.

Take a small change of the matrix, in the basis of the factorisation. Its diagonal entries change the values; an entry
off the diagonal rotates two vectors into each other, by the entry divided by the gap between their values.

What is undetermined has no derivative, and raises:

- Where two values are equal (to rounding), their vectors are any basis of a plane. A loss of the values alone is
  differentiable, and so is a loss of the vectors alone that any basis gives, such as a projection. A loss that depends
  on the basis raises LinAlgError. So do a loss of values and vectors together, if these are vectors of equal values,
  and the second derivative of a loss of the values. In forward mode the tangents of the vectors are not finite.
- A complex vector may have any phase, and the vectors that ``full_matrices=True`` adds may be rotated among themselves.
  A loss that depends on this raises LinAlgError; for any other, such as a projection, the derivative is right.

NumPy's `eigh` reads one triangle of a symmetric (Hermitian) matrix, so the derivative with respect to the
other one is zero. For a symmetric gradient pass ``(A + A.mT) / 2``.

Sources: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), section 3; J. Townsend, "Differentiating the singular value
decomposition" (2016); C. Boeddeker et al., "On the computation of complex-valued gradients with application
to statistically optimum beamforming" (2017), for eig.
"""

from typing import Any

import numpy as np

from ..table import NONZERO, REAL, Textbook, around, at, composite, elementwise, general, notation
from ..table.batching import stacked
from ._arrays import raw
from .matrices import EMPTY, PHI, dagger, eps, of_triangle, positive, refuse_open_choice
from .products import conj

__all__ = ["eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals"]

# --------------------------------------------------------------------------------------------- turns and gaps


def _over(turn, gap, limit):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((gap == 0) & (np.abs(turn) <= limit), 0 * turn, turn / gap)


DIGITS = 200.0  # the ratio of a gap to its rounding from which two digits of the rotation are right

#: ``turn / gap``; no rotation where the gap is 0 and the turn at most `limit`.
over: Any = elementwise(
    _over, lambda x2: 1 / x2, lambda y, x2: -y / x2, None,
    pull=(lambda g, x2: over(g, x2, 0), lambda g, y, x2: -over(g * y, x2, 0), None), domain=(REAL, NONZERO, REAL),
    kinks=lambda x1, x2, x3: x2 == 0, name="over", tex=r"\frac{{{x1}}}{{{x2}}}", algebra="guarded quotient",
)


def _gaps(w, near, sign=-1, phases=False):
    """``w[j] - w[i]``, or the sum; 0 where that is at most `near`.

    It is infinite on the diagonal, where there is no rotation, unless complex vectors may change their `phases`.
    """
    gap = w[..., None, :] + sign * w[..., :, None]
    gap = np.where(np.abs(gap) <= near[..., None], 0, gap)
    return gap if phases else np.where(np.eye(w.shape[-1], dtype=bool), np.inf, gap)


def _near(w, n, condition=1.0):
    """Up to this distance two values of a matrix of size `n` count as equal.

    The rounding of a value is about ``eps * norm * sqrt(n)`` (times the condition of the vectors, if these are not
    orthogonal), and that of a rotation as much, divided by the gap. Beyond DIGITS times this, two digits are right.
    """
    norm = np.max(np.abs(w), axis=-1, keepdims=True, initial=0)
    return DIGITS * n**0.5 * eps(w) * condition * norm


def _limit(w, g_values, g_vectors, more=None):
    """Up to which size a rotation of equal values is none: for each vector, and -1 where it is not known to be none.

    A loss of vectors alone, a projection for instance, does not change if `turn` is rounding. If a loss depends on
    values too, then even a turn of 0 does not show this: ``(V * f(w)) @ V.T`` rotates by ``f'(w)`` times an entry of
    its cotangent, and neither is visible in the cotangents of w and V. So it must not depend on these vectors at all.
    The whole cotangent of V is 0 where all values are equal and the loss depends on ``(V * f(w)) @ inv(V)``.
    """
    sizes = np.max(np.abs(g_vectors), axis=-2, initial=0)
    sizes = sizes if more is None else np.maximum(sizes, np.max(np.abs(more), axis=-2))
    most = np.max(sizes, axis=-1, keepdims=True, initial=0)
    if g_values is None:
        return eps(w) ** 0.5 * most + 0 * sizes
    used = np.any(g_values != 0, axis=-1, keepdims=True)
    return np.where((sizes == 0) & ((most != 0) | ~used), 0.0, -1.0)


def _diagonal(w):
    return w[..., None, :] * np.eye(w.shape[-1], dtype=bool)


def _angle(name, turn, gap, limit, what):
    """The rotation `turn` divided by the gap. Raises where the gap is 0 and the turn exceeds the limit of a column."""
    limit = limit[..., None, :]
    if np.any((raw(gap) == 0) & ~(np.abs(raw(turn)) <= raw(limit))):
        raise np.linalg.LinAlgError(
            f"{name}: {what} to rounding, so their vectors are not determined, and the derivative of a function of "
            "these is not known. Use the values alone (eigvalsh, eigvals, svdvals), beside a function of the vectors "
            "that does not depend on their choice, or a function of the matrix that needs no vectors (expm, sqrtm, inv)"
        )
    return over(turn, gap, limit)


def _refuse_phase(name, turn, g, fixed=False):
    """Raise if the loss depends on the phase of a complex vector, unless this is `fixed`."""
    if g.dtype.kind == "c":
        phases = np.where(fixed, 0, np.diagonal(raw(turn), 0, -2, -1).imag)
        refuse_open_choice(name, phases, g, "the phase of a complex vector")


# ------------------------------------------------------------------------------------------------------- eigh


def _eigh_rule(g, y, UPLO):
    (gw, gv), (w, v) = g, y
    if gv is None:
        s = (v * (2 * gw)[..., None, :]) @ dagger(v)
    else:
        turn = dagger(v) @ gv
        turn = turn - dagger(turn)
        _refuse_phase("linalg.eigh", turn, gv)
        gap, limit = _gaps(w, _near(w, w.shape[-1])), _limit(w, gw, gv)
        inner = _angle("linalg.eigh", turn, gap, limit, "two eigenvalues are equal")
        if gw is not None:
            inner = inner + _diagonal(2 * gw)
        s = v @ inner @ dagger(v)
    return of_triangle(s, UPLO == "U")


notation("eigenvalues", "eigvalsh({x1})", r"\operatorname{{eigvalsh}}({x1})", np.linalg.eigvalsh)
notation(
    "eigenvectors", "the eigenvectors of {x1}", r"\text{{the eigenvectors of }} {x1}", lambda x: np.linalg.eigh(x)[1]
)
_EIGH = (
    Textbook("eigenvalues(x)", where={"V": "eigenvectors(x)"}, note=PHI, x="2 * Phi(V @ diag(g) @ V.T)"),
    Textbook(
        where={"F": "rotation(y1)"}, note=f"{PHI}", x="Phi(y2 @ (F * (y2.T @ g - g.T @ y2)) @ y2.T)"
    ),
)
notation(
    "rotation", "1 / ({x1}ⱼ - {x1}ᵢ)", r"1 / ({x1}_j - {x1}_i)", lambda w: 1 / _gaps(w, np.zeros(w.shape[:-1]))
)
eigh = general(
    np.linalg.eigh, _eigh_rule, bind=lambda a, UPLO="L": ((a,), {"UPLO": UPLO.upper()}), outputs=True,
    holomorphic=False, batch=stacked(2), js="eigh({x}, {UPLO})[{part}]",
    textbook=lambda x, UPLO: _EIGH if UPLO == "L" and len(x.shape) == 2 else (None, None),
    examples=[EMPTY, positive(3, 3), positive(3, 3, UPLO="u"), positive(2, 2, 2), "1x1"],
)


@composite(np.linalg.eigvalsh, examples=[positive(3, 3), positive(2, 2, 2, UPLO="U")])
def eigvalsh(a, UPLO="L"):
    """The eigenvalues of a Hermitian matrix."""
    return eigh(a, UPLO)[0]  # the derivative needs the vectors


# -------------------------------------------------------------------------------------------------------- eig


def _eig_rule(g, y, x_dtype):
    (gw, gv), (w, v) = g, y
    vh = dagger(v)
    n = v.shape[-1]
    condition = np.linalg.cond(v)[..., None] if v.size else 1.0
    if np.any(raw(condition) * n * eps(v) > 0.1):
        raise np.linalg.LinAlgError(
            "linalg.eig: to rounding the matrix has no full set of eigenvectors, so there is no derivative"
        )
    inner = 0
    if gw is not None:
        inner = _diagonal(gw)
    if gv is not None:
        turn = vh @ gv
        along = np.diagonal(turn, 0, -2, -1)
        # A real matrix has real vectors for its real values. NumPy 2.5 returns them as complex numbers.
        _refuse_phase("linalg.eig", turn, gv, fixed=(np.dtype(x_dtype).kind != "c") & (np.imag(raw(w)) == 0))
        turn = turn - (vh @ v) * np.real(along)[..., None, :]  # their norm stays 1
        gap, limit = conj(_gaps(w, _near(w, n, condition))), _limit(w, gw, gv)
        inner = inner + _angle("linalg.eig", turn, gap, limit, "two eigenvalues are equal")
    return np.linalg.solve(vh, inner @ vh)


def _skew(*shape):
    """An example: a matrix with real eigenvalues whose eigenvectors are not orthogonal."""
    return at(around(np.diag(np.arange(1.0, 1 + shape[-1])), *shape, scale=0.3))


def _rotation(*shape):
    """An example: a real matrix with complex eigenvalues."""
    lower = 3 * np.tri(shape[-1], k=-1)
    return at(around(lower - lower.T, *shape))


eig = general(
    np.linalg.eig, _eig_rule, outputs=True, holomorphic=False, batch=stacked(2),
    examples=[EMPTY, positive(3, 3), _skew(3, 3), positive(2, 2, 2), "1x1"],
)


@composite(np.linalg.eigvals, examples=[positive(3, 3), _rotation(3, 3), _rotation(2, 2, 2)])
def eigvals(a):
    """The eigenvalues of any square matrix."""
    return eig(a)[0]


# -------------------------------------------------------------------------------------------------------- svd


def _svd_rule(g, y, x_shape):
    """Both sides rotate together, divided by the gap of the values, or against each other, divided by the sum."""
    (gu, gs, gvh), (u, s, vh) = g, y
    m, n = x_shape[-2:]
    k = min(m, n)
    if gu is None and gvh is None:
        return (u[..., :k] * gs[..., None, :]) @ vh[..., :k, :]
    if 0 in x_shape:
        return u[..., :k] @ vh[..., :k, :]
    near, gv = _near(s, max(m, n)), None if gvh is None else dagger(gvh)
    limit = _limit(s, gs, *(g[..., :k] for g in (gu, gv) if g is not None))  # of those that the loss depends on
    u, turn_u, across_u = _svd_side(gu, u, k)
    v, turn_v, across_v = _svd_side(gv, dagger(vh), k)
    alike, against = turn_u + turn_v, turn_u - turn_v
    _refuse_phase("linalg.svd", alike, gvh if gu is None else gu)
    sums = _gaps(s, near, 1, phases=u.dtype.kind == "c")
    inner = _angle("linalg.svd", alike, _gaps(s, near), limit, "two singular values are equal")
    inner = (inner + _angle("linalg.svd", against, sums, limit, "two singular values are zero")) / 2
    if gs is not None:
        inner = inner + _diagonal(gs)
    left = u @ inner
    s = np.where(s <= near, 0, s)[..., None, :]
    if m > k and gu is not None:
        left = left + _angle("linalg.svd", across_u, s, limit, "a singular value is zero")
    d = left @ dagger(v)
    if n > k and gvh is not None:
        d = d + u @ dagger(_angle("linalg.svd", across_v, s, limit, "a singular value is zero"))
    return d


def _svd_side(g, u, k):
    """The first `k` vectors of one side; how the loss rotates them into each other, and out of their span."""
    own, added = u[..., :k], u[..., k:]
    if g is None:
        return own, 0.0, 0.0
    g_own, g_added = g[..., :k], g[..., k:]
    inside = dagger(own) @ g_own
    across = g_own - own @ inside
    if added.shape[-1]:
        turn = dagger(added) @ g_added
        turn = turn - dagger(turn)
        refuse_open_choice("linalg.svd", turn, g_added, "the basis that full_matrices=True adds")
        across = across - added @ (dagger(g_added) @ own)
    return own, inside - dagger(inside), across


def _svd_bind(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        result = _svd_of_hermitian(a)
        return result if compute_uv else result.S
    return ((a,), {"full_matrices": bool(full_matrices)}) if compute_uv else svdvals(a)


_SVDResult = type(np.linalg.svd(np.eye(1)))


def _svd_of_hermitian(a):
    w, u = eigh(a)
    size = np.abs(w)
    order = np.argsort(-size, axis=-1)
    u, sign = np.take_along_axis(u, order[..., None, :], -1), np.take_along_axis(np.copysign(1, w), order, -1)
    return _SVDResult(u, np.take_along_axis(size, order, -1), dagger(u) * sign[..., None])


def _singular_vectors(name, what, part):
    notation(
        name, f"the {what} of {{x1}}", rf"\text{{{{the {what} of }}}} {{x1}}",
        lambda x: part(np.linalg.svd(x, full_matrices=False)),
    )


_singular_vectors("left", "left singular vectors", lambda usv: usv[0])
_singular_vectors("right", "right singular vectors", lambda usv: usv[2].T)
_singular_vectors("left1", "first left singular vector", lambda usv: usv[0][:, 0])
_singular_vectors("right1", "first right singular vector", lambda usv: usv[2][0])
notation("singular", "svdvals({x1})", r"\operatorname{{svdvals}}({x1})", np.linalg.svdvals)
_SINGULAR = Textbook("singular(x)", where={"U": "left(x)", "V": "right(x)"}, x="U @ diag(g) @ V.T")
svd = general(
    np.linalg.svd, _svd_rule, bind=_svd_bind, outputs=True, holomorphic=False, batch=stacked(2),
    js="svd({x})[{part}]",
    textbook=lambda x, full_matrices: (None, _SINGULAR if len(x.shape) == 2 else None, None),
    examples=[
        EMPTY, (
            "3x3; 4x2 full_matrices=False; 2x4 full_matrices=False; 2x3x2; 1x1; 0x3 full_matrices=False; "
            "compute_uv=False"
        ),
    ],
)


@composite(np.linalg.svdvals, examples="3x2; 2x2x3")
def svdvals(x, /):
    """The singular values."""
    return svd(x, full_matrices=False)[1]
