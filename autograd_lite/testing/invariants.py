"""Properties of a gradient besides its numbers.

Differentiating keeps no state between two calls. The gradient does not depend on the memory layout
of the inputs, which may be read-only. Recording does not change the value, and under `no_grad` there is no graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.tree import leaves
from ..engine.context import no_grad
from ..tensor import Tensor, tensor
from ..tensor.creation import from_numpy
from ..transforms.grad import vjp
from .case import cotangent_like, stacked
from .compare import MARGIN, Case, rounding_of
from .evaluated import gradient_at
from .leaves import Array, Function, Gradients, Map, Tree
from .numeric import reals


def same_value(case: Case, y: Tree) -> None:
    """Recording must not change the value."""
    a, b = reals(y), reals(case.y)
    if not _alike(a, b, case, case.flat.near):
        difference = _first_difference(a, b)
        case.report.add("the value in reverse mode", f"differs from the value without recording: {difference}")


def same_again(case: Case, pull: Gradients, g: Tree, first: Array, what: str, at: Map) -> None:
    """A second pass with the cotangent must give the same gradient."""
    again = stacked(case, pull(g))
    if np.isfinite(first).all() and not _alike(first, again, case, at):
        difference = _first_difference(again, first)
        cause = "the rule keeps state, or writes into a value that was saved for it"
        case.report.add(what, f"differs the second time: {difference}", cause)


def check_invariants(case: Case, f: Function, reverse: bool = True) -> None:
    """All the other invariants, once the numbers are right; f takes the differentiable arrays."""
    if _kept_under_no_grad(f, case.flat.arrays(case.flat.x)):
        case.report.add("the result under no_grad", "requires a gradient", "recording is forced somewhere")
    if reverse and any(leaf.size > 1 for leaf in case.flat.leaves):
        _layouts(case, f)


def _alike(a: Array, b: Array, case: Case, at: Map, times: float = 256) -> bool:
    """Equal to rounding: the last bits of BLAS and LAPACK depend on the alignment of an array in memory.

    `at` computes the same at another point. If the numbers differ, it serves to measure their rounding.
    """
    if a.shape != b.shape:
        return False
    usual = times * case.tolerance.eps * np.abs(b).max(initial=0.0, where=np.isfinite(b))
    if np.allclose(a, b, rtol=0, atol=usual, equal_nan=True):
        return True
    return np.allclose(a, b, rtol=0, atol=usual + MARGIN * rounding_of(case, at), equal_nan=True)


def _first_difference(a: Array, b: Array) -> str:
    if a.shape != b.shape:
        return f"{a.size} numbers instead of {b.size}"
    k = int(np.argmax(np.abs(a - b)))
    return f"{a[k]:.9g} instead of {b[k]:.9g}"


def _kept_under_no_grad(f: Function, arrays: list[Any]) -> bool:
    inputs = [tensor(v, requires_grad=True) for v in arrays]
    with no_grad():
        y = f(*inputs)
    return any(isinstance(v, Tensor) and v.requires_grad and not any(v is t for t in inputs) for v in leaves(y))


def _layouts(case: Case, f: Function) -> None:
    """The gradient must be the same for read-only arrays with another order in memory."""
    g = cotangent_like(case.y, np.random.default_rng(0))
    gradient = gradient_at(case, f, g)
    usual = gradient(case.flat.x)
    arrays = map(_reversed, case.flat.arrays(case.flat.x))  # Tensors: vjp copies arrays
    try:
        other = stacked(case, vjp(f, *arrays)[1](g))
    except Exception as error:  # a function may raise for such arrays, but not because it writes into them
        if "read-only" in str(error):
            case.report.add("differentiating", "fails on read-only inputs: something writes into them")
        else:
            case.report.notes.append(f"read-only arrays with reversed strides raise an error: {error}")
        return
    if not _alike(other, usual, case, gradient, 1e4):
        difference = _first_difference(other, usual)
        sentence = f"depends on the memory layout of the inputs: {difference} for reversed strides"
        case.report.add("the gradient", sentence)
    case.report.looked_at["memory layouts"] += 1


def _reversed(a: Any) -> Any:
    """An array as a Tensor, read-only, with all its strides negative."""
    if not isinstance(a, np.ndarray) or a.ndim == 0:
        return a
    view = np.flip(np.flip(a).copy())
    view.flags.writeable = False
    return from_numpy(view)
