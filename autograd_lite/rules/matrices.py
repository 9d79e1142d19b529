"""What the rules for matrices share: stacks of them are taken apart and put together here.

In all of these a matrix is the last two axes, and every function works on the whole stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import around, at
from ._arrays import raw
from .products import conj


def dagger(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(x.mT)


def lower_half(x: Any) -> Any:
    """The lower triangle, the diagonal halved: with its conjugate transpose it makes a Hermitian matrix."""
    n, dtype = x.shape[-1], np.finfo(x.dtype).dtype
    return x * (np.tri(n, dtype=dtype) - np.eye(n, dtype=dtype) / 2)


def from_lower(x: Any) -> Any:
    """The Hermitian matrix of which NumPy reads the lower triangle."""
    half = lower_half(x)
    return half + dagger(half)


def of_triangle(s: Any, upper: bool) -> Any:
    """The cotangent of the one triangle that was read; `s` is twice that of the whole Hermitian matrix."""
    if s.dtype.kind == "c":
        s = (s + dagger(s)) / 2  # the diagonal's imaginary part, which nobody reads, gets exactly 0
    return lower_half(s.mT).mT if upper else lower_half(s)


def solve_or_refuse(name: str, a: Any, b: Any, what: str) -> Any:
    """``a⁻¹ b``; if `a` is singular, an error that names the function whose derivative was wanted."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(f"{name}: {what}, so there is no derivative") from None


def refuse_open_choice(name: str, turn: Any, g: Any, what: str) -> None:
    """A loss must not depend on a `turn` that a factorisation leaves open; `g` gives the scale."""
    turn, g = np.abs(raw(turn)), np.abs(raw(g))
    if turn.size and turn.max() > max(1e-3 * g.max(), float(np.finfo(g.dtype).eps) ** 0.5):
        raise np.linalg.LinAlgError(
            f"{name}: the loss depends on {what}, which the factorisation leaves open and LAPACK chose; "
            "it has no derivative. Use what does not depend on it: absolute values, projections"
        )


# -------------------------------------------------------------------------------------------------- examples


def positive(*shape: int, **params: Any) -> Any:
    """A positive definite matrix, of separate eigenvalues."""

    def example(rng: Any) -> Any:
        a = rng.normal(size=shape)
        return ((a @ a.mT / 2 + np.diag(np.arange(1.0, 1 + shape[-1])),), params)

    return example


def regular(*shape: int, **params: Any) -> Any:
    """A matrix of full rank, far from one of less."""
    return at(around(3 * np.eye(shape[-2], shape[-1]), *shape), **params)


#: The first example is the one of which checks make a complex one by themselves; but the vectors of complex
#: matrices are to be checked through functions that do not depend on a phase (tests/rules/test_spectral.py does).
EMPTY = at((0, 0))
