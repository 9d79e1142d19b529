"""`assert_gradients`: all derivatives of a function, compared with the function itself.

At one point, or at points drawn by Hypothesis: the gradient is compared with differences, forward mode with differences
and with reverse mode, and the second order with differences of the first. Each argument is replaced by smaller ones
that broadcast, and laid out differently in memory. The invariants are in :mod:`autograd_lite.testing.invariants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.testing.case import align, cotangent_like, finish, prepare, present, pull_safely, stacked
from autograd_lite.testing.compare import ALL, MARGIN, Case, compare_jvp, compare_vjp, rounding_of
from autograd_lite.testing.examples import at_points
from autograd_lite.testing.flattened import Point, as_arrays
from autograd_lite.testing.invariants import check_invariants, same_again, same_value
from autograd_lite.testing.leaves import Array, Tree, as_array, is_differentiable
from autograd_lite.testing.modules import as_function, is_module
from autograd_lite.testing.numeric import CannotCheck, reals
from autograd_lite.testing.report import Report, name_of, named_like
from autograd_lite.transforms.grad import jvp, vjp

MODES = ("reverse", "forward")
ORDINAL = {1: "the gradient", 2: "the second derivative", 3: "the third derivative"}


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


def check_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> Report:
    """The report of the checks of :func:`assert_gradients`, which takes the same arguments.

    >>> import numpy as np
    >>> report = check_gradients(np.tanh, np.array([0.5, -1.0]))
    >>> bool(report), report.looked_at.total() > 0
    (True, True)
    """
    chosen = Options(**options)
    if is_module(f):
        f, parameters = as_function(f)
        inputs = (parameters, *inputs)
    report = _check_once(f, inputs, chosen)
    if report.ok and chosen.broadcast:
        for variant in _stretched(f, inputs, chosen):
            with suppress(CannotCheck):  # the smaller argument may lie on a jump, such as a branch cut
                absorb(report, _check_once(f, variant, chosen, brief=True))
            if not report.ok:
                break
    return report


def assert_gradients(
    f: Callable[..., Any],
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
    options: dict[str, Any] = {
        "order": order, "modes": modes, "domain": domain, "rtol": rtol, "atol": atol,
        "broadcast": broadcast, "kinks": kinks, "seed": seed,
    }  # fmt: skip
    report: Report | None = at_points(partial(check_gradients, f, **options), inputs, args, examples)
    return report


# ---------------------------------------------------------------------------------------------- one point


def _check_once(f: Callable[..., Any], inputs: Sequence[Any], o: Options, brief: bool = False) -> Report:
    """All checks at one point; `brief` compares along random directions only, and only the first order."""
    point = Point(f, inputs)
    call = f"assert_gradients({name_of(f)}, {{inputs}}{_spelled(o)})"
    value = named_like(point.values, f)
    case = prepare(value, inputs, domain=o.domain, rtol=o.rtol, atol=o.atol, seed=o.seed, call=call)
    case.report.subject = (f, inputs)
    case.all = 0 if brief else ALL
    _first_order(case, point, o)
    if not brief and case.report.ok:
        check_invariants(case, point, "reverse" in o.modes)
    if not brief and case.report.ok:
        _higher_orders(case, point, o)
    return finish(case, o.kinks)


def _spelled(o: Options) -> str:
    """The options needed to reproduce a failure, as source."""
    order = f", order={o.order}" if o.order != 2 else ""
    return order + (f", modes={tuple(o.modes)!r}" if tuple(o.modes) != MODES else "")


def _first_order(case: Case, point: Point, o: Options, what: str = "the gradient") -> None:
    """Compare reverse and forward mode with differences, and with each other."""
    g = cotangent_like(case.y, case.rng)
    gradient = None

    def gradient_at(x: Array) -> Array:
        pulled = vjp(point.of_arrays, *_arrays_at(case, x))[1](g)
        return stacked(case, [_array_or_none(d) for d in pulled])

    if "reverse" in o.modes:
        y, pull = vjp(point.of_arrays, *point.arrays)
        same_value(case, as_arrays(y), "reverse mode")
        gradients = pull_safely(case, pull, g, what)
        if gradients is None:
            return
        arrays = align(case, _by_argument(case, gradients), what)
        gradient = stacked(case, arrays)
        compare_vjp(case, gradient, reals(g), what, present(case, arrays), gradient_at)
        if case.report.ok:
            same_again(case, pull, g, gradient, what, gradient_at)
    if "forward" in o.modes and case.report.ok:
        tangent_at = _tangent(case, point)
        tangent = partial(tangent_at, case.flat.x)
        name = "the tangent" if what == "the gradient" else f"the tangent of {what}"
        compare_jvp(case, tangent, name, again=tangent_at)
        if gradient is not None and case.report.ok:
            _adjoint(case, gradient, reals(g), gradient_at, tangent_at)


def _by_argument(case: Case, gradients: Sequence[Any]) -> tuple[Tree, ...]:
    """Gradients of the differentiable arrays in trees like the arguments, None elsewhere."""
    it = iter(gradients)
    arrays = [None if leaf is None else _array_or_none(next(it)) for leaf, _ in case.flat.slots]
    trees: tuple[Tree, ...] = rebuild(tuple(case.flat.args), arrays)
    return trees


def _array_or_none(g: Any) -> Any:
    return None if g is None else as_array(g)


def _arrays_at(case: Case, x: Array) -> list[Any]:
    """The differentiable arrays, or Python numbers, that a flat vector stands for."""
    arrays = [leaf.array(x) for leaf in case.flat.leaves]
    return [a.item() if leaf.python else a for leaf, a in zip(case.flat.leaves, arrays, strict=True)]


def _tangent(case: Case, point: Point) -> Callable[[Array, Array], Array]:
    def tangent(x: Array, v: Array) -> Array:
        tangents = [leaf.array(v) for leaf in case.flat.leaves]
        y, dy = jvp(point.of_arrays, tuple(_arrays_at(case, x)), tuple(tangents))
        wrong = [
            (as_array(a).shape, as_array(b).shape)
            for a, b in zip(leaves(y), leaves(dy), strict=True)
            if as_array(a).shape != as_array(b).shape
        ]
        if wrong:
            raise CannotCheck(
                f"the tangent of {case.report.function} has shape {wrong[0][1]}; "
                f"it must be {wrong[0][0]}, like the value"
            )
        return reals(dy)

    return tangent


def _adjoint(
    case: Case,
    gradient: Array,
    g: Array,
    gradient_at: Callable[[Array], Array],
    tangent_at: Callable[[Array, Array], Array],
) -> None:
    """<g, J v> = <J^T g, v>, to rounding: the two modes differentiate the same function, kinks included."""
    v = case.rng.standard_normal(case.flat.x.size)
    dy = tangent_at(case.flat.x, v)
    left, right = float(g @ dy), float(gradient @ v)
    terms = float(np.abs(g) @ np.abs(dy) + np.abs(gradient) @ np.abs(v))
    usual = float(np.abs(g) @ np.maximum(np.abs(case.base), case.floor))
    case.report.looked_at["adjoint identities"] += 1
    allowed = case.tolerance.eps * (1e4 * terms + 64 * usual) + case.tolerance.atol * float(np.abs(v).sum())
    if abs(left - right) <= allowed or not np.isfinite([left, right]).all():
        return
    rounding = rounding_of(case, lambda x: np.array([g @ tangent_at(x, v) - gradient_at(x) @ v]))
    if not abs(left - right) <= allowed + MARGIN * rounding()[0]:
        case.report.add(
            "forward mode", f"disagrees with reverse mode: <g, J v> = {left:.12g} but <J^T g, v> = {right:.12g}"
        )


# -------------------------------------------------------------------------------------------- higher orders


def _higher_orders(case: Case, point: Point, o: Options) -> None:
    """Check the gradient of the gradient, which is a function of the inputs and of the cotangent, and so on."""
    inner, arrays, y, floor = point.of_arrays, list(point.arrays), case.y, 0.0
    names = [leaf.path for leaf in case.flat.leaves]
    for k in range(2, o.order + 1):
        g = cotangent_like(y, case.rng)
        cotangents = [as_array(v) for v in leaves(g)]
        inner = _gradient_of(inner, len(arrays), y)
        arrays, names = arrays + cotangents, names + _names(k, len(cotangents), names)
        what = ORDINAL.get(k, f"the derivative of order {k}")
        upper = Point(inner, arrays)
        sub = prepare(
            named_like(inner, case.flat.f, names), arrays, domain=_domains(case, o, len(cotangents), k),
            rtol=o.rtol, atol=o.atol, seed=o.seed + k,
        )  # fmt: skip
        sub.all = 0
        sub.floor = floor = max(floor, np.abs(reals(y)).max(initial=0.0))
        _first_order(sub, upper, o, what)
        y = sub.y
        absorb(case.report, sub.report)
        if not case.report.ok:
            return


def _names(k: int, count: int, taken: Sequence[str]) -> list[str]:
    """Names for the cotangents of order `k`: g, or a longer word if an argument is called g."""
    letter = ("cotangent" if "g" in taken and k == 2 else "g") + ("" if k == 2 else str(k - 1))
    return [letter] if count == 1 else [f"{letter}[{i}]" for i in range(count)]


def _gradient_of(f: Callable[..., Any], count: int, y: Tree) -> Callable[..., tuple[Any, ...]]:
    """The gradient with respect to f's first `count` arguments, as a function of these and of the cotangents."""

    def gradient(*args: Any) -> tuple[Any, ...]:
        g = rebuild(y, args[count:])
        pulled: tuple[Any, ...] = vjp(f, *args[:count])[1](g)
        return pulled

    return gradient


def _domains(case: Case, o: Options, more: int, k: int) -> Any:
    """The domain of each differentiable array; cotangents have none."""
    if o.domain is None:
        return None
    low, high = case.flat.low, case.flat.high
    if low is None or high is None:  # a joint domain: its edge is found by the steps that yield nan
        return None
    boxes = [Box(low[leaf.start : leaf.stop], high[leaf.start : leaf.stop]) for leaf in case.flat.leaves]
    return [*boxes, *([None] * 64)]


@dataclass(frozen=True)
class Box:
    """An interval for every entry of an array."""

    low: Array
    high: Array


def absorb(report: Report, sub: Report) -> None:
    """Add the findings of a part of the check; they are reproduced by that part."""
    if report.ok and not sub.ok:
        report.reproduce, report.subject = sub.reproduce or report.reproduce, sub.subject or report.subject
    report.findings += sub.findings
    report.notes += [note for note in sub.notes if note not in report.notes]
    report.looked_at += sub.looked_at


# ---------------------------------------------------------------------------------------------- broadcasting


def _stretched(f: Callable[..., Any], inputs: Sequence[Any], o: Options) -> Iterator[tuple[Any, ...]]:
    """Calls with one argument made smaller: an axis of length 1, an axis removed, or a number.

    Only those that broadcast, that is, leave the shape of the result unchanged.
    """
    shapes = [_shape(v) for v in inputs]
    twice = [k for k, s in enumerate(shapes) if s and shapes.count(s) > 1 and 0 not in s]
    if not twice:
        return
    point = Point(f, inputs)
    with np.errstate(all="ignore"):
        shape = _shape_of(point.values(*inputs))
        for k in twice:
            for smaller in _cuts(as_array(inputs[k])):
                variant = (*inputs[:k], smaller, *inputs[k + 1 :])
                try:
                    y = Point(f, variant).values(*variant)
                except Exception:  # f does not take this shape
                    continue
                if _shape_of(y) == shape and np.isfinite(reals(y)).all():
                    yield variant


def _shape(value: Any) -> tuple[int, ...] | None:
    tree = isinstance(value, dict | list | tuple)
    return None if tree or not is_differentiable(value) else as_array(value).shape


def _cuts(a: Array) -> Iterator[Array]:
    for axis in dict.fromkeys((0, a.ndim - 1)):
        if a.shape[axis] > 1:
            yield a.take([0], axis).copy()
    yield a[0].copy()
    if a.ndim > 1:
        yield a[(0,) * a.ndim].copy().reshape(())


def _shape_of(y: Tree) -> list[tuple[int, ...]]:
    return [as_array(v).shape for v in leaves(y)]
