"""Properties of a gradient besides its numbers.

Differentiating changes no input and keeps no state between two calls. The gradient does not depend on the memory layout
of the inputs, which may be read-only. Recording does not change the value, and under `no_grad` there is no graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.base.tree import leaves
from autograd_lite.engine.context import no_grad
from autograd_lite.tensor import Tensor, tensor
from autograd_lite.tensor.creation import from_numpy
from autograd_lite.testing.case import cotangent_like, stacked
from autograd_lite.testing.compare import MARGIN, Case, rounding_of
from autograd_lite.testing.flattened import Point
from autograd_lite.testing.leaves import Array, Tree, as_array
from autograd_lite.testing.numeric import reals, show
from autograd_lite.transforms.grad import vjp


def same_value(case: Case, y: Tree, how: str) -> None:
    """Recording must not change the value."""
    a, b = reals(y), case.base
    if not _alike(a, b, case, lambda x: case.flat.near(x, b.size)):
        case.report.add(f"the value in {how}", f"differs from the value without recording: {_first_difference(a, b)}")


def same_again(
    case: Case, pull: Callable[[Tree], Any], g: Tree, first: Array, what: str, gradient_at: Callable[[Array], Array]
) -> None:
    """A second pass with the cotangent must give the same gradient."""
    again = stacked(case, [None if a is None else as_array(a) for a in pull(g)])
    if np.isfinite(first).all() and not _alike(first, again, case, gradient_at):
        difference = _first_difference(again, first)
        cause = "the rule keeps state, or writes into a value that was saved for it"
        case.report.add(what, f"differs the second time: {difference}", cause)


def check_invariants(case: Case, point: Point, reverse: bool = True) -> None:
    """All the other invariants, once the numbers are right."""
    for leaf, after in zip(case.flat.leaves, point.arrays, strict=True):
        before = leaf.array(case.flat.x)
        if not np.array_equal(before, as_array(after)):
            index = tuple(int(i) for i in np.argwhere(before != as_array(after))[0])
            case.report.add("differentiating", f"changes it (at {leaf.path}{show(index)})", leaf=leaf)
    if _kept_under_no_grad(point):
        case.report.add("the result under no_grad", "requires a gradient", "recording is forced somewhere")
    if reverse and any(leaf.size > 1 for leaf in case.flat.leaves):
        _layouts(case, point)


def _alike(a: Array, b: Array, case: Case, at: Callable[[Array], Array], times: float = 256) -> bool:
    """Equal to rounding: the last bits of BLAS and LAPACK depend on the alignment of an array in memory.

    `at` computes the same at another point. If the numbers differ, it serves to measure their rounding.
    """
    if a.shape != b.shape:
        return False
    usual = times * case.tolerance.eps * np.abs(b).max(initial=0.0, where=np.isfinite(b))
    if np.allclose(a, b, rtol=0, atol=usual, equal_nan=True):
        return True
    return np.allclose(a, b, rtol=0, atol=usual + MARGIN * rounding_of(case, at)(), equal_nan=True)


def _first_difference(a: Array, b: Array) -> str:
    if a.shape != b.shape:
        return f"{a.size} numbers instead of {b.size}"
    k = int(np.argmax(np.abs(a - b)))
    return f"{a[k]:.9g} instead of {b[k]:.9g}"


def _kept_under_no_grad(point: Point) -> bool:
    flat = [tensor(v, requires_grad=True) for v in point.arrays]
    with no_grad():
        y = point.of_arrays(*flat)
    inputs = {id(t) for t in flat}
    return any(isinstance(v, Tensor) and v.requires_grad and id(v) not in inputs for v in leaves(y))


def _layouts(case: Case, point: Point) -> None:
    """The gradient must be the same for read-only arrays with another order in memory."""
    g = cotangent_like(case.y, np.random.default_rng(0))
    usual = vjp(point.of_arrays, *point.arrays)[1](g)
    try:
        reversed_ = vjp(point.of_arrays, *map(_reversed, point.arrays))[1](g)  # Tensors: vjp copies arrays
    except Exception as error:  # a function may raise for such arrays, but not because it writes into them
        if "read-only" in str(error):
            case.report.add("differentiating", "fails on read-only inputs: something writes into them")
        else:
            case.report.notes.append(f"read-only arrays with reversed strides raise an error: {error}")
        return
    a, b = (stacked(case, [None if v is None else as_array(v) for v in side]) for side in (usual, reversed_))

    def gradient_at(x: Array) -> Array:
        pulled = vjp(point.of_arrays, *(leaf.array(x) for leaf in case.flat.leaves))[1](g)
        return stacked(case, [None if v is None else as_array(v) for v in pulled])

    if not _alike(b, a, case, gradient_at, 1e4):
        difference = _first_difference(b, a)
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
