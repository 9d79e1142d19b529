"""A workload: the same calculation twice, by hand and by the library, with the data that both start from.

Both halves take the same arguments in the same order. What they learn they update in place, and what they
return is compared; so is every parameter afterwards. Other libraries may stand beside them
(`benchmarks/peers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

import autograd_lite as ag

Half = Callable[..., Any]


@dataclass(frozen=True)
class Dialect:
    """How one side takes arrays in (as data, as something to learn) and gives a value back."""

    name: str
    constant: Callable[[np.ndarray], Any]
    parameter: Callable[[np.ndarray, str], Any]
    plain: Callable[[Any], Any]


HAND = Dialect("hand", lambda array: array, lambda array, name: array.copy(), np.asarray)
OURS = Dialect(
    "ours",
    lambda array: array,  # arrays mix in as they are
    lambda array, name: ag.tensor(array, requires_grad=True, name=name),
    lambda x: x.data if isinstance(x, ag.Tensor) else x,
)


@dataclass(frozen=True)
class Workload:
    """One line of the table: two halves, their data, and how many times the hand's time ours may take."""

    name: str
    title: str
    target: float
    hand: Half
    ours: Half
    data: Callable[[np.random.Generator, bool], Mapping[str, Any]]
    learns: tuple[str, ...] = ()
    tolerance: float = 1e-12

    def prepare(self, half: Half, dialect: Dialect, small: bool = False) -> "Prepared":
        """Say the data in the half's own dialect. The arrays are shared: speed depends on where they lie."""
        return Prepared(half, dialect, drawn(self.data, small), self.learns)

    def compare(self, half: Half, dialect: Dialect, small: bool = False, steps: int = 3) -> float:
        """Run a half beside the hand-written one; the largest difference, or an error if it is too large."""
        by_hand, other = self.prepare(self.hand, HAND, small), self.prepare(half, dialect, small)
        worst = 0.0
        for _ in range(steps):
            for want, got in zip(by_hand.outcome(), other.outcome(), strict=True):
                if (want.size, want.dtype) != (got.size, got.dtype):
                    sides = f"by hand {want.dtype}{want.shape}, {dialect.name} {got.dtype}{got.shape}"
                    raise AssertionError(f"{self.name}: {sides}")
                worst = max(worst, difference(want, got))
        if not worst <= self.tolerance:
            raise AssertionError(
                f"{self.name}: {dialect.name} differs from the hand-written version by {worst:.1e},"
                f" allowed {self.tolerance:.0e}"
            )
        return worst


@lru_cache(maxsize=1)
def drawn(data: Callable[[np.random.Generator, bool], Mapping[str, Any]], small: bool) -> Mapping[str, Any]:
    """What a workload starts from, drawn once."""
    return data(np.random.default_rng(20171104), small)


class Prepared:
    """One half with its arguments in place, to be run again and again."""

    def __init__(
        self, half: Half, dialect: Dialect, start: Mapping[str, Any], learns: tuple[str, ...]
    ) -> None:
        self.dialect = dialect
        self.start = {name: start[name] for name in learns}
        self.arguments = {name: self._said(name, value) for name, value in start.items()}
        arguments = tuple(self.arguments.values())
        self.step = lambda: half(*arguments)

    def _said(self, name: str, value: Any) -> Any:
        if name in self.start:
            return self.dialect.parameter(value, name)
        return self.dialect.constant(value) if isinstance(value, np.ndarray) else value

    def reset(self) -> None:
        """Put every parameter back to its start, so that thousands of steps do not run into saturation."""
        for name, array in self.start.items():
            parameter = self.arguments[name]
            memory = parameter if isinstance(parameter, np.ndarray) else parameter.data
            memory[...] = self.dialect.constant(array)  # in place: a block never starts with other memory

    def outcome(self) -> list[np.ndarray]:
        """Take one step: what it returned, then every parameter as it is now."""
        returned = self.step()
        returned = returned if isinstance(returned, tuple) else (returned,)
        learned = tuple(self.arguments[name] for name in self.start)
        return [np.array(self.dialect.plain(x)) for x in (*returned, *learned)]


def difference(want: np.ndarray, got: np.ndarray) -> float:
    """The largest difference between two arrays, relative to the largest value (or to 1 if that is less)."""
    scale = max(1.0, float(np.max(np.abs(want))))
    return float(np.max(np.abs(want.ravel() - got.ravel()))) / scale
