"""Factorisations with a triangular factor: cholesky and qr.

Take a small change of the matrix, in the basis of the factorisation. It is the sum of its triangles, and each triangle
changes one factor: that is the derivative.

NumPy's `cholesky` reads one triangle of a symmetric (Hermitian) matrix, so the derivative with respect to the other one
is zero. For a symmetric gradient pass ``(A + A.mT) / 2``. The columns that ``mode="complete"`` adds in `qr` may be
rotated among themselves. A loss that depends on this raises; for any other the derivative is right.

Sources: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); I. Murray, "Differentiation of the Cholesky decomposition" (2016); S.
Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
experimental design" (2010), for qr.
"""

import numpy as np

from ..table import Textbook, general
from ..table.batching import stacked
from .matrices import DEFINITE, PHI, dagger, from_lower, of_triangle, positive, refuse_open_choice

__all__ = ["cholesky", "qr"]

# --------------------------------------------------------------------------------------------------- cholesky


def _cholesky_rule(g, y, upper):
    """With ``L⁻¹ dA L⁻ᴴ = X``, ``dL = L lower_half(X)``."""
    if upper:
        y, g = dagger(y), dagger(g)
    x = from_lower(dagger(y) @ g)
    x = np.linalg.solve(dagger(y), dagger(np.linalg.solve(dagger(y), x)))
    return of_triangle(x, upper)


def _cholesky_textbook(x, upper):
    factored = "Phi({i} - {zz})", "Phi({zz} - {i})", "2 * Phi({i} - {zz})"
    forms = *factored, "Phi({i}) - 0.5 * {zz}", "0.5 * {zz} - Phi({i})"  # both, or log det K alone, by the factor
    either = [(i, zz) for i in ("inv(x)", "n * inv(x)") for zz in ("outer(z, z)", "z @ z.T")]
    closed = [form.format(i=i, zz=zz) for form in forms for i, zz in either]  # of a Gaussian's likelihood
    note = f"{PHI}; for a symmetric matrix ½ instead of Φ gives the same slopes"
    book = Textbook(closed=closed, note=note, x="Phi(inv(y).T @ (Phi(y.T @ g) + Phi(y.T @ g).T) @ inv(y))")
    return None if upper else book


cholesky = general(
    np.linalg.cholesky, _cholesky_rule, js="cholesky({x}, {upper})", batch=stacked(2),
    bind=lambda a, /, *, upper=False: ((a,), {"upper": bool(upper)}), holomorphic=False,
    examples=[*DEFINITE, positive(3, 3, upper=True)], textbook=_cholesky_textbook,
)

# --------------------------------------------------------------------------------------------------------- qr


def _qr_rule(g, y, x_shape, mode):
    """With ``Qᴴ dA R⁻¹ = X``, ``Qᴴ dQ`` is the skew-Hermitian matrix that has X's lower triangle."""
    (gq, gr), (q, r) = g, y
    m, n = x_shape[-2:]
    gq = np.zeros(q.shape, q.dtype) if gq is None else gq
    gr = np.zeros(r.shape, r.dtype) if gr is None else gr
    if n > m:  # the columns beyond the m-th are Qᴴ A
        rest, g_rest = r[..., m:], gr[..., m:]
        first = _qr_square(gq + q @ (rest @ dagger(g_rest)), gr[..., :m], q, r[..., :m])
        return np.concatenate([first, q @ g_rest], -1)
    if mode == "complete":  # the added columns rotate against the others only
        added, g_added = q[..., n:], gq[..., n:]
        turn = dagger(added) @ g_added
        refuse_open_choice("linalg.qr", turn - dagger(turn), g_added, 'the basis that mode="complete" adds')
        q, gr, r = q[..., :n], gr[..., :n, :], r[..., :n, :]
        gq = gq[..., :n] - added @ (dagger(g_added) @ q)
    return _qr_square(gq, gr, q, r)


def _qr_square(gq, gr, q, r):
    k = gr @ dagger(r) - dagger(q) @ gq
    strict = np.triu(k, 1)
    k = strict + dagger(strict) + np.real(k) * np.eye(r.shape[-1], dtype=bool)  # R's diagonal is real
    try:
        return dagger(np.linalg.solve(r, dagger(gq + q @ k)))
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            "linalg.qr: R is singular, the columns are not independent, so there is no derivative"
        ) from None


def _qr_bind(a, mode="reduced"):
    if mode not in ("reduced", "complete", "r"):
        what = "returns the reflections, which have no row" if mode == "raw" else "is not one of NumPy's"
        raise TypeError(f"linalg.qr: mode={mode!r} {what}; use 'reduced', 'complete' or 'r'")
    return qr(a)[1] if mode == "r" else ((a,), {"mode": mode})


_QR = tuple(
    Textbook(note=PHI, x=f"({before}y1 @ (Phi({m}) + Phi({m}).T)) @ inv(y2).T")
    for before, m in (("g - ", "g.T @ y1"), ("", "y2 @ g.T"))
)
qr = general(
    np.linalg.qr, _qr_rule, bind=_qr_bind, outputs=True, holomorphic=False, js="qr({x}, {mode})[{part}]",
    batch=stacked(2),
    textbook=lambda x, mode: _QR if mode == "reduced" and x.shape[-2] >= x.shape[-1] else (None, None),
    examples="3x3; 4x2; 2x4; 2x3x2; 2x2x4; 1x1; 3x0; 3x2 mode=complete; 2x3x2 mode=complete; mode=r",
)
