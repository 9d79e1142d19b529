"""What a gradient must not do, besides being wrong.

It may not change its inputs, keep state between two calls, depend on how its inputs lie in memory, need to
write into them, or keep a graph under `no_grad`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_lite.base.tree import leaves
from autograd_lite.engine.context import no_grad
from autograd_lite.tensor import Tensor, tensor
from autograd_lite.tensor.creation import from_numpy
from autograd_lite.testing.arrays import Array, Tree, as_array
from autograd_lite.testing.compare import MARGIN, Case, rounding_of
from autograd_lite.testing.numeric import reals, show
from autograd_lite.testing.point import Point
from autograd_lite.testing.prepare import cotangent_like, stacked
from autograd_lite.transforms.grad import vjp


def same_value(case: Case, y: Tree, how: str) -> None:
    """Recording must not change the value."""
    a, b = reals(y), case.base
    if not _alike(a, b, case, lambda x: case.flat.near(x, b.size)):
        case.report.say(f"the value in {how}", f"is not the value without it: {_first_difference(a, b)}")


def same_again(
    case: Case, pull: Callable[[Tree], Any], g: Tree, first: Array, what: str, gradient_at: Callable[[Array], Array]
) -> None:
    """The same cotangent again must give the same gradient."""
    again = stacked(case, [None if a is None else as_array(a) for a in pull(g)])
    if np.isfinite(first).all() and not _alike(first, again, case, gradient_at):
        difference = _first_difference(again, first)
        cause = "the rule keeps state, or writes into a value that was saved for it"
        case.report.say(what, f"differs the second time: {difference}", cause)


def check_manners(case: Case, point: Point, reverse: bool = True) -> None:
    """All the rest, once the numbers are right."""
    for leaf, after in zip(case.flat.leaves, point.arrays, strict=True):
        before = leaf.array(case.flat.x)
        if not np.array_equal(before, as_array(after)):
            index = tuple(int(i) for i in np.argwhere(before != as_array(after))[0])
            case.report.say("differentiating", f"changes it (at {leaf.path}{show(index)})", leaf=leaf)
    if _kept_under_no_grad(point):
        case.report.say("the result under no_grad", "requires a gradient", "recording is forced somewhere")
    if reverse and any(leaf.size > 1 for leaf in case.flat.leaves):
        _layouts(case, point)


def _alike(a: Array, b: Array, case: Case, at: Callable[[Array], Array], times: float = 256) -> bool:
    """Equal but for rounding: the last bit of BLAS and LAPACK depends on where in memory an array lies.

    `at` computes the same at another point: where the numbers differ, their rounding is measured by it.
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
    own = {id(t) for t in flat}
    return any(isinstance(v, Tensor) and v.requires_grad and id(v) not in own for v in leaves(y))


def _layouts(case: Case, point: Point) -> None:
    """The same numbers in another order in memory, read-only: the same gradient."""
    g = cotangent_like(case.y, np.random.default_rng(0))
    plain = vjp(point.of_arrays, *point.arrays)[1](g)
    try:
        turned = vjp(point.of_arrays, *map(_turned, point.arrays))[1](g)  # of Tensors: vjp copies arrays
    except Exception as error:  # a function may refuse such arrays, but not because it cannot write into them
        if "read-only" in str(error):
            case.report.say("differentiating", "fails on read-only inputs: something writes into them")
        else:
            case.report.notes.append(f"read-only arrays with reversed strides are refused: {error}")
        return
    a, b = (stacked(case, [None if v is None else as_array(v) for v in side]) for side in (plain, turned))

    def gradient_at(x: Array) -> Array:
        pulled = vjp(point.of_arrays, *(leaf.array(x) for leaf in case.flat.leaves))[1](g)
        return stacked(case, [None if v is None else as_array(v) for v in pulled])

    if not _alike(b, a, case, gradient_at, 1e4):
        difference = _first_difference(b, a)
        sentence = f"depends on how the inputs lie in memory: {difference} for reversed strides"
        case.report.say("the gradient", sentence)
    case.report.looked_at["memory layouts"] += 1


def _turned(a: Any) -> Any:
    """The same array as a Tensor, read-only, with all its strides negative."""
    if not isinstance(a, np.ndarray) or a.ndim == 0:
        return a
    turned = np.flip(np.flip(a).copy())
    turned.flags.writeable = False
    return from_numpy(turned)
