"""`assert_gradients`: all derivatives of a function, compared with the function itself.

At one point, or at points drawn by Hypothesis: the gradient is compared with differences, forward mode with differences
and with reverse mode, and the second order with differences of the first. Each argument is replaced by smaller ones
that broadcast, and laid out differently in memory. The invariants are in :mod:`autograd_lite.testing.invariants`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..base.tree import leaves, rebuild, tree_map
from ..transforms.grad import jvp, vjp
from .case import check_pull, cotangent_like, finish, prepare, tangent_of
from .compare import ALL, MARGIN, Case, Tangent, compare_jvp, rounding_of
from .evaluated import gradient_at, near_point, of_arrays, on_arrays
from .examples import at_points
from .invariants import check_invariants, same_again, same_value
from .leaves import Array, Function, Map, Tree, Values, as_array, is_differentiable
from .modules import as_function, is_module
from .numeric import CannotCheck, reals
from .report import Report, name_of, named_like

MODES = ("reverse", "forward")
ORDINAL = {2: "the second derivative", 3: "the third derivative"}


@dataclass(frozen=True)
class Options:
    """Options of a check: the subject, and how strict it is."""

    order: int = 2
    modes: Sequence[str] = MODES
    domain: Any = None
    rtol: Any = None
    atol: Any = None
    broadcast: bool = True
    kinks: str = "warn"
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.order, int) or self.order < 1:
            raise ValueError(f"order: expected 1, 2, 3, …, got {self.order!r}")
        if not self.modes or any(mode not in MODES for mode in self.modes):
            raise ValueError(f"modes: expected some of {MODES}, got {self.modes!r}")
        if self.kinks not in ("warn", "note", "fail"):
            raise ValueError(f"kinks: expected 'warn', 'note' or 'fail', got {self.kinks!r}")


def check_gradients(f: Function, *inputs: Any, **options: Any) -> Report:
    """The report of the checks of :func:`assert_gradients`, which takes the same arguments.

    >>> import numpy as np
    >>> report = check_gradients(np.tanh, np.array([0.5, -1.0]))
    >>> bool(report), report.looked_at.total() > 0
    (True, True)
    """
    return _check(Options(**options), f, *inputs)


def assert_gradients(
    f: Function,
    *inputs: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    domain: Any = None,
    rtol: Any = None,
    atol: Any = None,
    broadcast: bool = True,
    kinks: str = "warn",
    args: Any = None,
    examples: int | None = None,
    seed: int = 0,
) -> Report | None:
    """Raise an error unless every derivative of `f` is right, at a point or at points drawn by Hypothesis.

    Parameters
    ----------
    f : callable
        A function of Tensors, or of arrays if it is written with NumPy's functions. Arguments and results may be
        nested dicts, lists and tuples.
    *inputs : arrays, numbers, trees of them, or Hypothesis strategies
        The point. Integers, booleans, strings and functions are passed on as constants. A strategy draws a new
        argument for every example.
    order : int
        The highest order of derivative to check.
    modes : sequence of {"reverse", "forward"}
        Which modes to check, and against each other.
    domain : optional
        Where `f` may be evaluated: an open interval ``(low, high)`` or a Domain, or one of these for each input.
    rtol, atol : float or dict of float by dtype name, optional
        The default depends on the dtype: :data:`autograd_lite.testing.compare.RTOL`, and no absolute tolerance
        except for rounding.
    broadcast : bool
        Whether to try, for arguments of equal shapes, those shapes that broadcast to the same result.
    kinks : {"warn", "note", "fail"}
        What to do at a point without a derivative, if the given gradient lies between the slopes of the two sides.
    args : strategy, optional
        Draws the whole tuple of arguments, for arguments that depend on each other, such as broadcasting shapes.
    examples : int, optional
        How many examples Hypothesis tries: 50, or what the current Hypothesis profile says.
    seed : int
        For the random directions and cotangents.

    Returns
    -------
    Report or None
        What was compared, and notes; None if Hypothesis drew the examples.

    Raises
    ------
    GradientError
        If a derivative is wrong. The message has the argument, the entry, the error, the likely cause, and code to
        reproduce it.
    CannotCheck
        If nothing can be checked: no floating input, nan at the point, a function that draws random numbers or
        changes its inputs.

    Examples
    --------
    >>> import numpy as np
    >>> report = assert_gradients(lambda x, y: np.tanh(x @ y), np.ones((2, 3)), np.eye(3))
    >>> bool(report)
    True
    """
    options = Options(order, modes, domain, rtol, atol, broadcast, kinks, seed)
    return at_points(partial(_check, options, f), inputs, args, examples)


def _check(o: Options, f: Function, *inputs: Any) -> Report:
    if is_module(f):
        f, parameters = as_function(f)
        inputs = (parameters, *inputs)
    report = _check_once(f, inputs, o)
    if report.ok and o.broadcast:
        for variant in _stretched(f, inputs):
            with suppress(CannotCheck):  # the smaller argument may lie on a jump, such as a branch cut
                absorb(report, _check_once(f, variant, o, brief=True))
            if not report.ok:
                break
    return report


# ---------------------------------------------------------------------------------------------- one point


def _check_once(f: Function, inputs: Sequence[Any], o: Options, brief: bool = False) -> Report:
    """All checks at one point; `brief` compares along random directions only, and only the first order."""
    order = f", order={o.order}" if o.order != 2 else ""
    modes = f", modes={tuple(o.modes)!r}" if tuple(o.modes) != MODES else ""
    call = f"assert_gradients({name_of(f)}, {{inputs}}{order}{modes})"
    near = near_point(f)
    case = prepare(named_like(on_arrays(near), f), inputs, o.domain, o.rtol, o.atol, o.seed, call)
    case.report.subject = (f, inputs)
    case.all = 0 if brief else ALL
    f = of_arrays(near, case.flat)
    _first_order(case, f, o)
    if not brief and case.report.ok:
        check_invariants(case, f, "reverse" in o.modes)
    if not brief and case.report.ok:
        _higher_orders(case, f, o)
    return finish(case, o.kinks)


def _first_order(case: Case, f: Function, o: Options, what: str = "the gradient") -> None:
    """Compare reverse and forward mode with differences, and with each other; f takes the differentiable arrays."""
    g = cotangent_like(case.y, case.rng)
    gradient = None
    again = gradient_at(case, f, g)
    if "reverse" in o.modes:
        y, pull = vjp(f, *case.flat.arrays(case.flat.x))
        same_value(case, y)
        gradient = check_pull(case, pull, g, what, again)
        if gradient is None:
            return
        if case.report.ok:
            same_again(case, pull, g, gradient, what, again)
    if "forward" in o.modes and case.report.ok:

        def tangent(x: Array, v: Array) -> Array:
            tangents = tuple(leaf.array(v) for leaf in case.flat.leaves)
            return tangent_of(case, jvp(f, case.flat.arrays(x), tangents)[1])

        compare_jvp(case, tangent, "the tangent" if what == "the gradient" else f"the tangent of {what}")
        if gradient is not None and case.report.ok:
            _adjoint(case, gradient, reals(g), again, tangent)


def _adjoint(case: Case, gradient: Array, g: Array, again: Map, tangent: Tangent) -> None:
    """<g, J v> = <J^T g, v>, to rounding: the two modes differentiate the same function, kinks included."""
    v = case.rng.standard_normal(case.flat.x.size)
    dy = tangent(case.flat.x, v)
    left, right = float(g @ dy), float(gradient @ v)
    terms = float(np.abs(g) @ np.abs(dy) + np.abs(gradient) @ np.abs(v))
    usual = float(np.abs(g) @ np.maximum(np.abs(case.flat.base), case.floor))
    case.report.looked_at["adjoint identities"] += 1
    allowed = case.tolerance.eps * (1e4 * terms + 64 * usual) + case.tolerance.atol * float(np.abs(v).sum())
    if abs(left - right) <= allowed or not np.isfinite([left, right]).all():
        return
    rounding = rounding_of(case, lambda x: np.array([g @ tangent(x, v) - again(x) @ v]))
    if not abs(left - right) <= allowed + MARGIN * rounding[0]:
        case.report.add(
            "forward mode", f"disagrees with reverse mode: <g, J v> = {left:.12g} but <J^T g, v> = {right:.12g}"
        )


# -------------------------------------------------------------------------------------------- higher orders


def _higher_orders(case: Case, f: Function, o: Options) -> None:
    """Check the gradient of the gradient, which is a function of the inputs and of the cotangent, and so on."""
    upper, floor = case, 0.0
    for k in range(2, o.order + 1):
        flat, y = upper.flat, upper.y
        arrays, names = flat.arrays(flat.x), [leaf.path for leaf in flat.leaves]
        cotangents = [as_array(v) for v in leaves(cotangent_like(y, case.rng))]
        gradient = _gradient_of(f, len(arrays), y)
        value = named_like(on_arrays(gradient), case.flat.f, names + _names(k, len(cotangents), names))
        inputs = arrays + cotangents
        upper = prepare(value, inputs, _domains(case, o, len(inputs)), o.rtol, o.atol, o.seed + k)
        upper.all = 0
        upper.floor = floor = max(floor, np.abs(reals(y)).max(initial=0.0))
        f = of_arrays(gradient, upper.flat)
        _first_order(upper, f, o, ORDINAL.get(k, f"the derivative of order {k}"))
        absorb(case.report, upper.report)
        if not case.report.ok:
            return


def _names(k: int, count: int, taken: Sequence[str]) -> list[str]:
    """Names for the cotangents of order `k`: g, or a longer word if an argument is called g."""
    letter = ("cotangent" if "g" in taken and k == 2 else "g") + ("" if k == 2 else str(k - 1))
    return [letter] if count == 1 else [f"{letter}[{i}]" for i in range(count)]


def _gradient_of(f: Function, count: int, y: Tree) -> Function:
    """The gradient with respect to f's first `count` arguments, as a function of these and of the cotangents."""
    return lambda *args: vjp(f, *args[:count])[1](rebuild(y, args[count:]))


def _domains(case: Case, o: Options, count: int) -> Any:
    """The domain of each of `count` arrays: the differentiable ones, and cotangents, which have none."""
    low, high = case.flat.low, case.flat.high
    if low is None or high is None:  # no domain, or a joint one: its edge is found by the steps that yield nan
        return None
    boxes = [(low[leaf.part], high[leaf.part]) for leaf in case.flat.leaves]
    return [*boxes, *[None] * (count - len(boxes))]


def absorb(report: Report, sub: Report) -> None:
    """Add the findings of a part of the check; they are reproduced by that part."""
    if report.ok and not sub.ok:
        report.reproduce, report.subject = sub.reproduce or report.reproduce, sub.subject or report.subject
    report.findings += sub.findings
    report.notes += [note for note in sub.notes if note not in report.notes]
    report.looked_at += sub.looked_at


# ---------------------------------------------------------------------------------------------- broadcasting


def _stretched(f: Function, inputs: Sequence[Any]) -> Iterator[Values]:
    """Calls with one argument made smaller: an axis of length 1, an axis removed, or a number.

    Only those that broadcast, that is, leave the shape of the result unchanged.
    """
    shapes = [as_array(v).shape if is_differentiable(v) else () for v in inputs]
    twice = [k for k, s in enumerate(shapes) if s and shapes.count(s) > 1 and 0 not in s]
    if not twice:
        return

    def value(*args: Any) -> Tree:
        return on_arrays(near_point(f))(*args)

    with np.errstate(all="ignore"):
        shape = tree_map(np.shape, value(*inputs))
        for k in twice:
            for smaller in _cuts(as_array(inputs[k])):
                variant = (*inputs[:k], smaller, *inputs[k + 1 :])
                with suppress(Exception):  # f does not take this shape
                    y = value(*variant)
                    if tree_map(np.shape, y) == shape and np.isfinite(reals(y)).all():
                        yield variant


def _cuts(a: Array) -> Iterator[Array]:
    for axis in dict.fromkeys((0, a.ndim - 1)):
        if a.shape[axis] > 1:
            yield a.take([0], axis)
    yield a[0].copy()
    if a.ndim > 1:
        yield a[(0,) * a.ndim].copy()
