"""A workload: the same calculation by hand and by the library, with the data that both start from.

Both versions take the same arguments in the same order, and update the parameters in place. What they return is
compared, and so is every parameter afterwards. There may be versions for other libraries (`benchmarks/peers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

import autograd_lite as ag

Version = Callable[..., Any]


@dataclass(frozen=True)
class Dialect:
    """How a library makes constants and parameters of arrays, and arrays of its results."""

    name: str
    constant: Callable[[np.ndarray], Any]
    parameter: Callable[[np.ndarray, str], Any]
    array: Callable[[Any], Any]


HAND = Dialect("hand", lambda array: array, lambda array, name: array.copy(), np.asarray)
OURS = Dialect(
    "ours",
    lambda array: array,
    lambda array, name: ag.tensor(array, requires_grad=True, name=name),
    lambda x: x.data if isinstance(x, ag.Tensor) else x,
)

#: The library's version under `ag.jit`: arrays and floats are its arguments, parameters are read from outside.
JIT = replace(OURS, name="jit")
IN_C = replace(OURS, name="jit(backend='c')")

#: The options of `ag.jit` in each of these.
OPTIONS: Mapping[str, dict[str, Any]] = {JIT.name: {}, IN_C.name: {"backend": "c"}}


@dataclass(frozen=True)
class Workload:
    """One line of the table: two versions, their data, and the largest ratios of their times that are allowed.

    `target` is for the library's version as it is, `jit_target` for the same under `ag.jit`. What is compiled is
    `ours`, or `traced` if there is one. `setup` is called with the arguments of either before its first step.
    """

    name: str
    title: str
    target: float
    hand: Version
    ours: Version
    data: Callable[[np.random.Generator, bool], Mapping[str, Any]]
    learns: tuple[str, ...] = ()
    tolerance: float = 1e-12
    jit_target: float = 1.0
    traced: Version | None = None
    setup: Version | None = None

    @property
    def for_jit(self) -> Version:
        return self.traced or self.ours

    def prepare(self, version: Version, dialect: Dialect, small: bool = False) -> "Prepared":
        """A version with its arguments. The arrays are shared: speed depends on where they are in memory."""
        made = Prepared(version, dialect, drawn(self.data, small), self.learns)
        if self.setup is not None and version in (self.ours, self.for_jit):
            self.setup(*made.arguments.values())
        return made

    def compare(self, version: Version, dialect: Dialect, small: bool = False, steps: int = 3) -> float:
        """The largest difference from the hand-written version; an AssertionError if it is too large."""
        by_hand, other = self.prepare(self.hand, HAND, small), self.prepare(version, dialect, small)
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
    """The data of a workload, drawn once."""
    return data(np.random.default_rng(20171104), small)


class Prepared:
    """A version with its arguments, to be run repeatedly."""

    def __init__(self, version: Version, dialect: Dialect, start: Mapping[str, Any], learns: tuple[str, ...]) -> None:
        self.dialect = dialect
        self.start = {name: start[name] for name in learns}
        self.arguments = {name: self._argument(name, value) for name, value in start.items()}
        if dialect.name in OPTIONS:
            self.step = _jitted(version, self.arguments, OPTIONS[dialect.name])
        else:
            arguments = tuple(self.arguments.values())
            self.step = lambda: version(*arguments)

    def _argument(self, name: str, value: Any) -> Any:
        if name in self.start:
            return self.dialect.parameter(value, name)
        return self.dialect.constant(value) if isinstance(value, np.ndarray) else value

    def reset(self) -> None:
        """Reset every parameter, so that thousands of steps do not saturate."""
        for name, array in self.start.items():
            parameter = self.arguments[name]
            memory = parameter if isinstance(parameter, np.ndarray) else parameter.data
            memory[...] = self.dialect.constant(array)  # in place: every block uses the same memory

    def outcome(self) -> list[np.ndarray]:
        """Take one step; its results, and then the new value of every parameter."""
        returned = self.step()
        returned = returned if isinstance(returned, tuple) else (returned,)
        learned = tuple(self.arguments[name] for name in self.start)
        return [np.array(self.dialect.array(x)) for x in (*returned, *learned)]


def _jitted(version: Version, arguments: Mapping[str, Any], options: dict[str, Any]) -> partial:
    """A call of `version` under `ag.jit`."""
    given = {name: value for name, value in arguments.items() if isinstance(value, (np.ndarray, float))}

    def step(*values: Any) -> Any:
        return version(*{**arguments, **dict(zip(given, values, strict=True))}.values())

    return partial(ag.jit(step, **options), *given.values())


def difference(want: np.ndarray, got: np.ndarray) -> float:
    """The largest difference between two arrays, relative to the largest value (or to 1 if that is less)."""
    scale = max(1.0, float(np.max(np.abs(want))))
    return float(np.max(np.abs(want.ravel() - got.ravel()))) / scale
