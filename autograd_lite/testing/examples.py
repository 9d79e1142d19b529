"""Points drawn by Hypothesis, which is imported when the first strategy is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..base.tree import leaves
from .leaves import Values, as_array, is_differentiable
from .numeric import CannotCheck
from .report import Report

EXAMPLES = 50  # unless the call or a profile says otherwise
ENOUGH = 20  # points of one number of axes without a verdict
DEFAULT = 100  # Hypothesis' own default: no profile was chosen


def is_strategy(value: Any) -> bool:
    """True if a value is a Hypothesis strategy; Hypothesis is not imported."""
    return any(t.__module__.startswith("hypothesis.") for t in type(value).__mro__)


def at_points(
    check: Callable[..., Report], inputs: Values, args: Any = None, examples: Any = None
) -> Report | None:
    """The report of ``check(*point)`` at the point `inputs`; if strategies draw the points, None after all of them.

    A report with findings raises. `args` is a strategy for the whole tuple, in place of `inputs`.
    """
    if examples is not None and (not isinstance(examples, int) or isinstance(examples, bool) or examples < 1):
        raise ValueError(f"examples: expected a positive whole number, got {examples!r}")
    if args is None and not any(map(is_strategy, inputs)):
        return check(*inputs).throw()
    if inputs and args is not None:
        raise TypeError("pass either inputs or args=, a strategy for all of them, not both")
    for_all(lambda point: check(*point).throw(), inputs if args is None else args, examples)
    return None


def for_all(check: Callable[[Values], Any], inputs: Any, examples: int | None = None) -> None:
    """Run a check at every point drawn by Hypothesis, and shrink a failing point.

    `inputs` is a strategy for the tuple of arguments, or a sequence of strategies and values. A point that cannot be
    checked is left out. CannotCheck is raised if no point of some number of axes can, so that a function that is nan
    for matrices does not pass because of numbers, or if no point would help: the function draws random numbers, or
    writes into its arguments.
    """
    from hypothesis import HealthCheck, Phase, given, reject, settings, strategies as st
    from hypothesis.errors import Unsatisfiable

    drawn = inputs if is_strategy(inputs) else st.tuples(*(v if is_strategy(v) else st.just(v) for v in inputs))
    unchecked: list[CannotCheck] = []
    without: Counter[int] = Counter()  # points that cannot be checked, by their number of axes
    checked = set()
    profile = settings().max_examples

    @settings(
        max_examples=examples or (EXAMPLES if profile == DEFAULT else profile),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.nested_given],
    )
    @given(drawn)
    def run(point: Values) -> None:
        axes = max((as_array(v).ndim for v in leaves(point) if is_differentiable(v)), default=0)
        if unchecked and unchecked[-1].everywhere:
            return  # there is nothing more to learn
        try:
            check(point)
            checked.add(axes)
        except CannotCheck as error:
            unchecked.append(error)
            without[axes] += 1
            if not error.everywhere:
                reject()

    try:
        run()
    except Unsatisfiable:
        if not unchecked:
            raise
    if unchecked and unchecked[-1].everywhere:
        raise unchecked[-1]
    for axes, count in without.items():
        if axes not in checked and count >= ENOUGH:
            raise CannotCheck(
                f"{unchecked[-1]} (no array of {axes} axes could be checked, of {count} drawn; restrict the "
                "strategies, as in arrays(domain=POSITIVE))"
            )
