"""What the rules for matrices share. A matrix is the last two axes, and every function works on stacks of them."""

import numpy as np

from ..table import notation
from ._arrays import raw
from .products import conj


def matrix(a):
    """The call of a function of one matrix."""
    return (a,), {}


def dagger(x):
    """The conjugate transpose."""
    return conj(x.mT)


def eps(x) -> float:
    """The distance of 1 from the next number in the dtype of `x`."""
    return float(np.finfo(x.dtype).eps)


def lower_half(x):
    """The lower triangle, the diagonal halved: with its conjugate transpose it makes a Hermitian matrix."""
    n, dtype = x.shape[-1], np.finfo(x.dtype).dtype
    return x * (np.tri(n, dtype=dtype) - np.eye(n, dtype=dtype) / 2)


notation("Phi", "Φ({x1})", r"\Phi({x1})", lower_half)
PHI = "Φ: lower triangle, half its diagonal"


def from_lower(x):
    """The Hermitian matrix whose lower triangle NumPy reads."""
    half = lower_half(x)
    return half + dagger(half)


def of_triangle(s, upper):
    """The cotangent of the triangle that was read; `s` is twice that of the whole Hermitian matrix."""
    if s.dtype.kind == "c":
        s = (s + dagger(s)) / 2  # the diagonal's imaginary part is not read, and gets exactly 0
    return lower_half(s.mT).mT if upper else lower_half(s)


def refuse_open_choice(name, turn, g, what):
    """Raise if a loss depends on a rotation that a factorisation leaves open: if `turn` is not 0 beside `g`."""
    turn, g = np.abs(raw(turn)), np.abs(raw(g))
    if turn.size and turn.max() > max(1e-3 * g.max(), eps(g) ** 0.5):
        raise np.linalg.LinAlgError(
            f"{name}: the loss depends on {what}, which the factorisation leaves open and LAPACK chose, "
            "so it has no derivative. Use a function that does not depend on it: absolute values, projections"
        )


# -------------------------------------------------------------------------------------------------- examples


def positive(*shape: int, **params):
    """An example: a positive definite matrix with separate eigenvalues."""

    def example(rng):
        a = rng.normal(size=shape)
        return ((a @ a.mT / 2 + np.diag(np.arange(1.0, 1 + shape[-1])),), params)

    return example


#: Put first where vectors of complex matrices have a free phase: checks make the first example complex, and an empty
#: one has no vectors. (tests/rules/test_spectral.py checks these through functions that do not depend on the phase.)
EMPTY = "0x0"

#: Examples of square matrices, and of positive definite ones.
REGULAR = ["3I:3x3", "3I:2x2x2", "3I:1x1", EMPTY]
DEFINITE = [positive(3, 3), positive(2, 2, 2), positive(1, 1), EMPTY]
