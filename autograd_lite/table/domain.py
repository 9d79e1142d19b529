"""Where a derivative holds: intervals of the reals, and conditions that tie several arguments together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Domain:
    """The open interval of the reals on which a derivative holds, without some points; or its integers.

    Examples
    --------
    >>> POSITIVE.contains(np.array([-1.0, 0.0, 2.0]))
    array([False, False,  True])
    """

    def __init__(
        self, low: float = -np.inf, high: float = np.inf, holes: tuple[float, ...] = (), tex: str = r"\mathbb{R}",
        whole: bool = False,
    ) -> None:
        self.low, self.high, self.holes, self.tex, self.whole = low, high, holes, tex, whole

    def __repr__(self) -> str:
        holes = f", holes={self.holes}" if self.holes else ""
        return f"Domain({self.low}, {self.high}{holes})"

    def contains(self, x: Any) -> Any:
        inside = (x > self.low) & (x < self.high)
        for hole in self.holes:
            inside &= x != hole
        return inside & (x == np.round(x)) if self.whole else inside

    def span(self, reach: float) -> tuple[float, float]:
        """Its ends; in the place of an infinite one, the point this far from the other end, or from zero."""
        low, high = (end if np.isfinite(end) else 0.0 for end in (self.low, self.high))
        return low if low == self.low else high - reach, high if high == self.high else low + reach


REAL = Domain()
POSITIVE = Domain(low=0.0, tex="x > 0")
NONZERO = Domain(holes=(0.0,), tex=r"x \neq 0")
WHOLE = Domain(tex=r"x \in \mathbb{Z}", whole=True)  # for an argument without a derivative


def interval(low: float, high: float) -> Domain:
    """The open interval ``low < x < high``.

    >>> import numpy as np
    >>> interval(-1, 1).contains(np.array([0.0, 1.0]))
    array([ True, False])
    """
    return Domain(low, high, tex=f"{low:g} < x < {high:g}".replace("inf", r"\infty"))


class Joint:
    """A condition on all arguments together, as for ``x1 ** x2``.

    >>> import numpy as np
    >>> ordered = Joint(lambda x1, x2: x1 < x2, tex="x_1 < x_2")
    >>> ordered.contains(np.array([1.0, 3.0]), 2.0)
    array([ True, False])
    """

    def __init__(self, contains: Callable[..., Any], tex: str) -> None:
        self.contains, self.tex = contains, tex

    def __repr__(self) -> str:
        return f"Joint({self.tex})"
