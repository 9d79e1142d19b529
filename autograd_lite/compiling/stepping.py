"""Loops that stay loops: a Python loop around a compiled step, which writes into the places of its results.

The inner program goes through the same passes and the same writer as any other. Its results are new values of inputs,
so a step allocates nothing: the next carry is computed in the second of two buffers, and each result in its row of the
array that has those of all steps. If such an array would have the carries themselves, they are computed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import cycle, islice, repeat
from typing import Any

import numpy as np

from ..program import Var
from ..program.inner import Body, dtype_of
from ..program.loop_rows import COND, SCAN, WHILE
from .compile import compiled


class Loop:
    """A scan, compiled. Call it with arrays for the operands.

    Attributes
    ----------
    runs : list of Compiled
        The step.
    """

    def __init__(self, body: Body, length: int, reverse: bool) -> None:
        self.body, self.length, self.reverse = body, length, reverse
        program, n = body.program, body.carries
        carries = {x: (k, 1) for k, x in enumerate(program.outputs[:n]) if isinstance(x, Var)}
        carries |= {v: (k, 0) for k, v in enumerate(program.inputs[:n])}
        #: For each result that is a carry before (0) or after (1) a step: which, and that.
        self.rows = [carries.get(x) if isinstance(x, Var) else None for x in program.outputs[n:]]
        #: The carries of which all values are kept, with the results that are these.
        self.stacked: dict[int, list[int]] = {}
        for j, row in enumerate(self.rows):
            if row is not None:
                self.stacked.setdefault(row[0], []).append(j)
        results = zip(program.outputs[n:], self.rows, strict=True)
        computed = [*program.outputs[:n], *(x for x, row in results if row is None)]
        updates = {Var(f"{getattr(x, 'name', 'constant')}_next", np.shape(x), dtype_of(x)): x for x in computed}
        step = replace(program, inputs=(*program.inputs, *updates), outputs=(), updates=updates, captured={})
        self.step = compiled(step, updates, contiguous=frozenset(updates), inner=True)
        self.runs = [self.step]

    def __call__(self, *xs: Any) -> tuple[Any, ...]:
        body, length = self.body, self.length
        start, slices, constants = body.split(xs)
        order = slice(None, None, -1 if self.reverse else 1)
        olds: list[Iterable[Any]] = []  # of each carry, the places before and after each step
        news: list[Iterable[Any]] = []
        ends, stacks = [], []
        for k, (x, v) in enumerate(zip(start, body.program.inputs, strict=False)):
            stacked = k in self.stacked
            stack = np.empty((length + 1 if stacked else 2, *v.shape), v.dtype)
            places = _each(stack)
            places[0][...] = x
            olds.append(places if stacked else cycle(places))
            news.append(places[1:] if stacked else cycle(places[::-1]))
            ends.append(places[length if stacked else length % 2])
            stacks.append(stack)
        results: list[Any] = []
        targets: list[list[Any]] = []
        for x, row in zip(body.program.outputs[body.carries :], self.rows, strict=True):
            if row is None:
                results.append(np.empty((length, *np.shape(x)), dtype_of(x)))
                targets.append(_each(results[-1])[order])
            else:
                results.append(stacks[row[0]][row[1] : length + row[1]][order])
        columns = *olds, *(_each(np.asarray(x))[order] for x in slices), *map(repeat, constants), *news, *targets
        with self.step.borrowed() as run:
            for values in islice(zip(*columns, strict=False), length):
                run(*values)
        for same in self.stacked.values():
            for j in same[1:]:  # results share no memory
                results[j] = np.array(results[j])
        return (*(np.array(x) for x in ends), *results)


def _each(x: Any) -> list[Any]:
    """The entries along the first axis, as views."""
    return list(x) if x.ndim > 1 else [x[k, ...] for k in range(len(x))]


class Choice:
    """A cond, compiled."""

    def __init__(self, branches: Sequence[Body]) -> None:
        self.runs = [compiled(branch.program) for branch in branches]

    def __call__(self, pred: Any, *xs: Any) -> list[Any]:
        return self.runs[0 if pred else 1](*xs)


class Repetition:
    """A while_loop, compiled."""

    def __init__(self, test: Body, body: Body) -> None:
        self.carries, self.test, self.body = body.carries, compiled(test.program), compiled(body.program)
        self.runs = [self.test, self.body]

    def __call__(self, *xs: Any) -> list[Any]:
        carry, constants = list(xs[: self.carries]), xs[self.carries :]
        while self.test(*carry, *constants)[0]:
            carry = self.body(*carry, *constants)
        return [np.array(x) for x in carry]


def _emitted(key: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """The option `emit` of a row whose call is that of a compiled object."""

    def emit(xs: Iterable[Any], y: Var, **params: Any) -> tuple[str, dict[str, Any]]:
        return f"{{{key}}}({{xs}})", {key: make(params)}

    return emit


SCAN.attach(emit=_emitted("scan", lambda p: Loop(p["body"], p["length"], p["reverse"])))
COND.attach(emit=_emitted("cond", lambda p: Choice(p["branches"])))
WHILE.attach(emit=_emitted("while_loop", lambda p: Repetition(p["test"], p["body"])))
