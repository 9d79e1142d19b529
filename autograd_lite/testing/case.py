"""Before and after a comparison: can the function be checked at this point, and has the derivative the right form?

A function to be differentiated returns the same value again for the same input, does not write into its inputs, and is
finite at the point. A gradient has its argument's shape and dtype, and the rule does not write into the incoming
gradient. Otherwise the error is one sentence, before any number is compared.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.tree import leaves, paths, tree_map
from .compare import Case, Tolerance, compare_vjp
from .leaves import Array, Function, Gradients, Map, Params, Shape, Tree, as_array, is_array, is_differentiable
from .numeric import CannotCheck, Flat, Leaf, reals
from .report import KinkWarning, Report, name_of, names_of, recipe

# ------------------------------------------------------------------------------------------ the point and the function


def prepare(
    f: Function, inputs: Sequence[Any], domain: Any = None, rtol: Any = None, atol: Any = None, seed: int = 0,
    call: str = "",
) -> Case:
    """Call `f` at the point, and raise :class:`CannotCheck` if it cannot be checked there."""
    names = names_of(f, len(inputs))
    report = Report(name_of(f), reproduce=recipe(call, names, inputs) if call else "")
    if not inputs:
        raise CannotCheck(
            f"{report.function} was given no arguments: pass the point at which to check it, as in "
            "check(f, ..., np.ones(3))"
        )
    copies = tree_map(lambda v: as_array(v).copy() if is_array(v) else v, list(inputs))
    flat = Flat(f, copies, domain, names)
    _require_points(flat, report.function)
    y = _call_twice(flat, report)
    floats = [as_array(v).dtype for v in leaves(y) if as_array(v).dtype.kind in "fc"]
    if not floats:
        kinds = ", ".join(sorted({str(as_array(v).dtype) for v in leaves(y)})) or "nothing"
        raise CannotCheck(f"{report.function} returns {kinds}, which has no derivative: return floating numbers")
    base = reals(y)
    if not np.isfinite(base).all():
        raise CannotCheck(
            f"{report.function} is {base[~np.isfinite(base)][0]} at this point, so no derivative can be measured: "
            "choose another point"
        )
    tolerance = Tolerance.of([leaf.dtype for leaf in flat.leaves] + floats, rtol, atol)
    return Case(flat, y, tolerance, report, np.random.default_rng(seed))


def _require_points(flat: Flat, function: str) -> None:
    if not flat.leaves:
        named = zip(flat.names, flat.args, strict=True)
        kinds = ", ".join(f"{name} ({as_array(v).dtype})" for name, v in named if is_array(v) or isinstance(v, int))
        raise CannotCheck(
            f"{function} was given no floating numbers to differentiate with respect to"
            f"{': ' + kinds if kinds else ''}; write 2.0 for 2, or x.astype(float)"
        )
    if not flat.x.size:
        shapes = ", ".join(f"{leaf.path} of shape {leaf.shape}" for leaf in flat.leaves)
        raise CannotCheck(
            f"{function} was given only empty arrays ({shapes}): pass an array with at least one entry"
        )
    if not np.isfinite(flat.x).all():
        k = int(np.argmin(np.isfinite(flat.x)))
        raise CannotCheck(f"{flat.entry(k)} is {flat.x[k]}: no derivative can be measured there; choose a finite point")


def _call_twice(flat: Flat, report: Report) -> Tree:
    """The value of f, after a check that a second call returns the same value and that no input is changed."""
    printed = io.StringIO()
    first = flat.arguments(flat.x.copy())
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        y = _copied(flat.f(*first))
        again = flat.f(*flat.arguments(flat.x.copy()))
    for leaf, value in zip(flat.leaves, filter(is_differentiable, leaves(first)), strict=True):
        before, after = flat.x[leaf.part], leaf.vector(value)
        if np.any(before != after):
            k = int(np.argmax(before != after))
            raise CannotCheck(
                f"{report.function} changes its argument {leaf.path} (at {leaf.entry(k)}, from {before[k]} to "
                f"{after[k]}): it must not write into its inputs; write into a copy",
                everywhere=True,
            )
    if printed.getvalue():
        report.notes.append(
            f"{report.function} prints ({printed.getvalue().splitlines()[0][:40]!r}, ...); the output of the repeated "
            "calls is suppressed"
        )
        loud = flat.f

        def quiet(*args: Any) -> Any:
            with contextlib.redirect_stdout(io.StringIO()):
                return loud(*args)

        flat.f = quiet
    a, b = reals(y), reals(again)
    # A random number differs by more than the last bits, which in BLAS depend on the alignment of the arrays.
    last_bits = 64 * flat.eps * np.abs(a).max(initial=0.0, where=np.isfinite(a))
    if a.shape != b.shape or not np.allclose(a, b, rtol=0, atol=last_bits, equal_nan=True):
        by = f" (by {np.abs(a - b).max():.3g})" if a.shape == b.shape else ""
        raise CannotCheck(
            f"{report.function} gives another value when called again with the same input{by}: it draws "
            "random numbers or keeps state; draw them outside and pass them in",
            everywhere=True,
        )
    return y


def _copied(y: Tree) -> Tree:
    """A copy of a result, so that a later call cannot change it."""
    return tree_map(lambda v: as_array(v).copy(), y)


# -------------------------------------------------------------------------------------------- the form of a derivative


def cotangent_like(y: Tree, rng: np.random.Generator) -> Tree:
    """A random read-only cotangent for a result. No entry is near zero, so that every derivative counts."""

    def numbers(shape: Shape) -> Array:
        return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)

    def like(leaf: Any) -> Array:
        array = as_array(leaf)
        g: Any = np.zeros(array.shape)  # whole numbers have no derivative
        if array.dtype.kind in "fc":
            g = numbers(array.shape)
        if array.dtype.kind == "c":
            g = g + 1j * numbers(array.shape)
        g = np.asarray(g, array.dtype)
        g.flags.writeable = False
        return g

    return tree_map(like, y)


def by_leaf(case: Case, result: Any, what: str) -> list[Any]:
    """The given derivative of each leaf, or None.

    `result` is a tuple or list with one tree per argument; for one argument, the tree itself is allowed.
    """
    flat = case.flat
    count = len(flat.args)
    several = isinstance(result, tuple | list)
    if count == 1 and not (isinstance(result, tuple) and len(result) == 1):
        result = (result,)
    elif not several or len(result) != count:
        got = f"{len(result)} results" if several else type(result).__name__
        raise CannotCheck(
            f"{what} of {case.report.function}: expected a tuple with one entry for each of the {count} "
            f"arguments (None for one without a derivative), got {got}"
        )
    by_path: Params = {}
    for name, argument, tree in zip(flat.names, flat.args, result, strict=True):
        is_list = isinstance(tree, list | tuple) and not isinstance(argument, dict | list | tuple)
        derivative = np.asarray(tree) if is_list else tree  # of an array, as nested lists
        by_path |= zip(paths(derivative, name), leaves(derivative), strict=True)
    return [by_path.get(leaf.path) for leaf in flat.leaves]


def in_form(
    case: Case, values: Sequence[Any], what: str, exact: bool = True, lead: Shape = ()
) -> list[Leaf]:
    """The leaves whose derivative has the right form; a wrong shape or kind of numbers is reported.

    Parameters
    ----------
    values : sequence
        A derivative for each leaf; None stands for zeros.
    exact : bool
        Whether the dtype must be the argument's.
    lead : tuple of int
        Axes before those of the argument: in a Jacobian, those of the output.
    """
    present = []
    for leaf, value in zip(case.flat.leaves, values, strict=True):
        if value is not None:
            sentence, cause = _wrong_form(case, leaf, as_array(value), exact, lead)
            if sentence:
                case.report.add(what, sentence, cause, leaf)
        if value is None or _is_usable(leaf, as_array(value), lead):
            present.append(leaf)
    return present


def _is_usable(leaf: Leaf, array: Array, lead: Shape = ()) -> bool:
    return array.shape == lead + leaf.shape and array.dtype.kind in ("fciub" if leaf.dtype.kind == "c" else "fiub")


def _wrong_form(case: Case, leaf: Leaf, array: Array, exact: bool, lead: Shape) -> tuple[str, str]:
    expected = lead + leaf.shape
    if array.dtype.kind not in "fciub":
        return f"has dtype {array.dtype}; expected numbers", ""
    if array.shape != expected:
        return f"has shape {array.shape}; it must be {expected}", _shape_cause(array, expected)
    if array.dtype.kind == "c" and leaf.dtype.kind == "f":
        return "is complex, though the argument is real", "the real part is not taken"
    if exact and array.dtype != leaf.dtype and not (leaf.python and array.dtype.kind in "fiu"):
        return f"has dtype {array.dtype}; it must be {leaf.dtype}, the argument's own", ""
    return "", ""


def _shape_cause(array: Array, expected: Shape) -> str:
    if array.ndim >= 2 and array.mT.shape == expected:
        return "a transpose is missing"
    with contextlib.suppress(ValueError):  # the shapes do not broadcast
        if np.broadcast_shapes(expected, array.shape) == array.shape:
            lead = array.ndim - len(expected)
            axes = tuple(k for k, n in enumerate(array.shape) if k < lead or n != expected[k - lead])
            where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
            return f"the sum over {where}, along which the argument was broadcast, is missing"
    if array.size == int(np.prod(expected)):
        return "the right number of entries: a reshape to the argument's shape is missing"
    return ""


def stacked(case: Case, values: Sequence[Any]) -> Array:
    """Gradients, one for each leaf, as one vector: zeros for None, nan for an array that is not usable."""
    vector = np.zeros(case.flat.x.size)
    for leaf, value in zip(case.flat.leaves, values, strict=True):
        if value is not None:
            vector[leaf.part] = leaf.vector(value) if _is_usable(leaf, as_array(value)) else np.nan
    return vector


def check_pull(
    case: Case, pull: Gradients, g: Tree, what: str, again: Map, exact: bool = True
) -> Array | None:
    """Compare ``pull(g)``, a gradient for each leaf, with differences, and return it as one vector.

    ``again(x)`` is this vector at another point. The result is None if `pull` fails.
    """
    values = _pull_safely(case, pull, g, what)
    if values is None:
        return None
    gradient = stacked(case, values)
    compare_vjp(case, gradient, reals(g), what, in_form(case, values, what, exact), again)
    return gradient


def finish(case: Case, kinks: str = "warn") -> Report:
    """The report, after everything was compared; a check that could judge nothing raises."""
    report = case.report
    if report.ok and report.looked_at.total() <= 2 * report.looked_at["not judged"]:  # which are counted twice
        raise CannotCheck(f"{report.function}: no derivative could be judged at this point. " + " ".join(report.notes))
    for note in report.notes:
        if note.startswith("there is a kink"):
            if kinks == "warn":
                warnings.warn(f"{report.function}: {note}", KinkWarning, stacklevel=4)
            elif kinks == "fail":
                report.add(note, "(an error because of kinks='fail')")
    report.looked_at += type(report.looked_at)()  # drop counts of zero
    return report


def _pull_safely(case: Case, pull: Gradients, g: Tree, what: str) -> Any:
    """Pull a read-only cotangent back. A rule that writes into it is reported, and called again with a copy.

    The result is None if that fails too.
    """
    try:
        return pull(g)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
    copies, result = _copied(g), None
    with contextlib.suppress(ValueError):
        result = pull(copies)
    if result is None or not np.array_equal(reals(copies), reals(g)):
        case.report.add(
            what,
            "writes into the incoming gradient, which other branches of the graph may share",
            "an in-place operation (+=, *=, out=, g[...] =): make a new array",
        )
    return result


def tangent_of(case: Case, tangent: Tree) -> Array:
    """A tangent as a vector; it must have the shape of the value."""
    shapes = [[as_array(leaf).shape for leaf in leaves(tree)] for tree in (tangent, case.y)]
    if shapes[0] != shapes[1]:
        got, expected = (each[0] if len(each) == 1 else each for each in shapes)
        raise CannotCheck(
            f"the tangent of {case.report.function} has shape {got}; it must be {expected}, like the value"
        )
    return reals(tangent)
