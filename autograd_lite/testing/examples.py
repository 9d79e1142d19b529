"""Points drawn by Hypothesis, which is imported when the first strategy is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd_lite.testing.numeric import CannotCheck

EXAMPLES = 50  # unless the call or a profile says otherwise
DEFAULT = 100  # Hypothesis' own default: no profile was chosen


def is_strategy(value: Any) -> bool:
    """Whether a value is a Hypothesis strategy; Hypothesis is not imported."""
    return any(t.__module__.startswith("hypothesis.") for t in type(value).__mro__)


def for_all(check: Callable[[tuple[Any, ...]], Any], inputs: Any, examples: int | None = None) -> None:
    """Run a check at every point drawn by Hypothesis, and shrink a failing point.

    `inputs` is a strategy for the tuple of arguments, or a sequence of strategies and values.
    """
    from hypothesis import HealthCheck, Phase, given, reject, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Unsatisfiable

    drawn = inputs if is_strategy(inputs) else st.tuples(*(v if is_strategy(v) else st.just(v) for v in inputs))
    unchecked: list[CannotCheck] = []
    profile = settings.default.max_examples if settings.default is not None else DEFAULT
    count = examples or (EXAMPLES if profile == DEFAULT else profile)

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.nested_given],
    )
    @given(drawn)
    def run(point: tuple[Any, ...]) -> None:
        try:
            check(point)
        except CannotCheck as error:
            unchecked.append(error)
            reject()

    try:
        run()
    except Unsatisfiable:
        if unchecked:
            raise unchecked[-1] from None
        raise
