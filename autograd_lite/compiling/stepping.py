"""Loops that stay loops: a Python loop around a compiled step, which writes into the places of its results.

The inner program goes through the same passes and the same writer as any other. Its results are new values of inputs,
so a step allocates nothing: the next carry is computed in the second of two buffers, and each result in its row of the
array that has those of all steps. If such an array would have the carries themselves, they are computed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle, islice, repeat
from typing import Any

import numpy as np

from ..engine.node import Function, Params, Values
from ..program import Program, Var
from ..program.inner import Body, dtype_of
from ..program.loop_rows import COND, SCAN, WHILE
from .c.call import Direct
from .c.file import asks_for_errors
from .c.looping import LoopTable, size_of
from .compile import Compiled, compiled


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
        results = program.outputs[n:]
        #: For each result that is a carry before (0) or after (1) a step: which, and that.
        self.rows = [carries.get(x) if isinstance(x, Var) else None for x in results]
        #: The carries of which all values are kept, with the results that are these.
        self.stacked: dict[int, dict[int, int]] = {}
        for j, row in enumerate(self.rows):
            if row is not None:
                self.stacked.setdefault(row[0], {})[j] = row[1]
        self.targets = [x for x, row in zip(results, self.rows, strict=True) if row is None]
        self.step = _in_places(program, [*program.outputs[:n], *self.targets])
        self.runs = [self.step]
        self.in_c = self._in_c(self.step.direct) if self.step.direct is not None and length else None

    def _in_c(self, direct: Direct) -> Function:
        """The whole loop as a function of C."""
        body, length = self.body, self.length
        inputs, outputs, n = body.program.inputs, body.program.outputs, body.carries
        stacks = range(n, n + body.slices)
        operands = [Var(v.name, (length, *v.shape), v.dtype) if k in stacks else v for k, v in enumerate(inputs)]
        results = [Var("stack", (length, *np.shape(x)), dtype_of(x)) for x in outputs[n:]]
        loop = LoopTable(operands, [*inputs[:n], *results], length, self.reverse)
        end, result = len(operands), len(operands) + n
        carries = [
            loop.stacked(k, size_of(v), end + k, {result + j: row for j, row in self.stacked[k].items()})
            if k in self.stacked else loop.carry(k, size_of(v), end + k) for k, v in enumerate(inputs[:n])
        ]  # fmt: skip
        others = [loop.rows(k, size_of(v)) if k in stacks else loop.whole(k) for k, v in enumerate(inputs)][n:]
        targets = [
            loop.rows(result + j, size_of(x)) for j, x in enumerate(outputs[n:]) if self.rows[j] is None
        ]  # fmt: skip
        return loop.function(direct, [*(old for old, _ in carries), *others, *(new for _, new in carries), *targets])

    def __call__(self, *xs: Any) -> Sequence[Any]:
        return _called(self.in_c, self._by_steps, xs)

    def _by_steps(self, *xs: Any) -> Values:
        """The loop in Python."""
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
        targets = []
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
            for j in [*same][1:]:  # results share no memory
                results[j] = np.array(results[j])
        return (*(np.array(x) for x in ends), *results)


def _in_places(program: Program, outputs: Sequence[Any]) -> Compiled:
    """A step, compiled, that writes its outputs into arrays, which it takes after its inputs."""
    updates = {Var(f"{getattr(x, 'name', 'constant')}_next", np.shape(x), dtype_of(x)): x for x in outputs}
    step = replace(program, inputs=(*program.inputs, *updates), outputs=(), updates=updates, captured={})
    return compiled(step, updates, contiguous=frozenset(updates), inner=True)


def _called(in_c: Function | None, by_steps: Function, xs: Sequence[Any]) -> Sequence[Any]:
    """The results of a loop: in C if its arrays are such as it can read, and no errors are asked for."""
    results: Any = False
    if in_c is not None and not asks_for_errors():
        results = in_c(*xs)
        if results is False:
            results = in_c(*(np.asarray(x, order="C") for x in xs))
    return by_steps(*xs) if results is False else results


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
        self.carries, self.test = body.carries, compiled(test.program)
        self.body = _in_places(body.program, body.program.outputs)
        self.runs = [self.test, self.body]
        self.in_c = None
        direct, asked = self.body.direct, self.test.direct
        if direct is not None and asked is not None and asked.outputs == [(0, None)]:
            inputs, n = body.program.inputs, self.carries
            loop = LoopTable(inputs, inputs[:n], 2**60)
            carries = [loop.carry(k, size_of(v), -1) for k, v in enumerate(inputs[:n])]
            for k, v in enumerate(inputs[:n]):
                loop.copy_at_end(carries[k][0], len(inputs) + k, size_of(v))
            others = [loop.whole(k) for k in range(n, len(inputs))]
            places = [*(old for old, _ in carries), *others, *(new for _, new in carries)]
            if asked.results[0].dtype == bool:
                self.in_c = loop.function(direct, places, asked)

    def __call__(self, *xs: Any) -> Sequence[Any]:
        return _called(self.in_c, self._by_steps, xs)

    def _by_steps(self, *xs: Any) -> list[Any]:
        """The loop in Python."""
        olds, constants = [np.array(x) for x in xs[: self.carries]], xs[self.carries :]
        news = [np.empty_like(x) for x in olds]
        with self.body.borrowed() as run:
            while self.test(*olds, *constants)[0]:
                run(*olds, *constants, *news)
                olds, news = news, olds
        return olds


def _emitted(key: str, make: Function) -> Function:
    """The option `emit` of a row whose call is that of a compiled object."""

    def emit(xs: Iterable[Any], y: Var, **params: Any) -> tuple[str, Params]:
        return f"{{{key}}}({{xs}})", {key: make(params)}

    return emit


SCAN.attach(emit=_emitted("scan", lambda p: Loop(p["body"], p["length"], p["reverse"])))
COND.attach(emit=_emitted("cond", lambda p: Choice(p["branches"])))
WHILE.attach(emit=_emitted("while_loop", lambda p: Repetition(p["test"], p["body"])))
