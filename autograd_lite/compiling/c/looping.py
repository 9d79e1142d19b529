"""The table of a loop whose step is one region: where each argument of the step is, for `loop` in ``runtime.c``.

The values of a loop are numbered: its operands, its results, and then buffers and constants. A step writes its results
into their places, and the next carry into one of two buffers, or into the array of all carries if that is a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from ...base.memory import LINE
from ...engine.node import Function
from ...program import Var
from .call import LONG, Direct, function, kind_of, table

CHUNK = 20_000_000  # operations after which Ctrl-C is looked for

Column = list[int]  # the struct `column`


class LoopTable:
    """Collects the numbers of a table.

    Parameters
    ----------
    operands, results : list of Var
        Those of the loop.
    length : int
        The number of steps, or the most that there can be.
    reverse : bool
        Whether the first step has the last entries.
    """

    def __init__(self, operands: Sequence[Any], results: Sequence[Any], length: int, reverse: bool = False) -> None:
        self.operands, self.results, self.length, self.reverse = operands, results, length, reverse
        self.more: list[int] = []
        self.size = 0
        self.before: list[int] = []
        self.after: list[int] = []
        self.ends: list[int] = []

    def memory(self, size: int) -> int:
        """The offset of new memory, at a cache line."""
        self.size += -(-max(size, 1) // LINE) * LINE
        return self.size - -(-max(size, 1) // LINE) * LINE

    def value(self, size: int = 0, constant: Any = None) -> int:
        """The number of a new buffer, or of a constant array."""
        self.more += [0, self.memory(size)] if constant is None else [constant.__array_interface__["data"][0], 0]
        return len(self.operands) + len(self.results) + len(self.more) // 2 - 1

    def whole(self, value: int) -> Column:
        """A column for a value that is the same in each step."""
        return [value, value, 0, 0, -1, -1]

    def rows(self, value: int, size: int, shift: int = 0, first: int = -1, last: int = -1) -> Column:
        """The entry along the first axis that belongs to a step, or to one that is `shift` later; each has a size."""
        if self.reverse:
            return [value, value, (self.length - 1 - shift) * size, -size, first, last]
        return [value, value, shift * size, size, first, last]

    def carry(self, k: int, size: int, end: int) -> tuple[Column, Column]:
        """A carry before and after a step. The last one is value `end`; if that is -1, see `copy_at_end`."""
        one, other = (self.value(size) if end < 0 else end), self.value(size)
        even, odd = (one, other) if self.length % 2 else (other, one)
        return [odd, even, 0, 0, k, -1], [even, odd, 0, 0, -1, -1]

    def stacked(self, k: int, size: int, end: int, results: dict[int, int]) -> tuple[Column, Column]:
        """A carry of which all values are results: for each of these, whether it has those before (0) or after (1)."""
        whole = max(results, key=results.__getitem__)
        is_after = results[whole]
        first, last = ((self.length - 1) * size, 0) if self.reverse else (0, (self.length - 1) * size)
        for other, its in results.items():
            if other != whole and its == is_after:
                self.after += [other, 0, whole, 0, self.length * size]
            elif other != whole:  # one step later
                shifts = (0, size) if self.reverse else (size, 0)
                self.after += [other, first, k, 0, size, other, shifts[0], whole, shifts[1], (self.length - 1) * size]
        if is_after:
            self.after += [end, 0, whole, last, size]
            return self.rows(whole, size, -1, first=k), self.rows(whole, size)
        self.before += [whole, first, k, 0, size]
        return self.rows(whole, size), self.rows(whole, size, 1, last=end)

    def copy_at_end(self, old: Column, to: int, size: int) -> None:
        """Copy what a carry is after the last step."""
        self.ends += [*old, to, size]

    def step(self, direct: Direct, places: Sequence[Column], result: int = -1) -> tuple[list[int], list[int]]:
        """A step: its head, and its columns. Its inputs are at `places`, its output, if it has one, in a value."""
        columns: list[int] = []
        for what, k in direct.arguments:
            value = self.value(constant=k) if what == "constant" else result
            columns += places[k] if what == "input" else self.whole(value)
        return [direct.kernel.address, self.memory(direct.size), len(direct.arguments)], columns

    def function(self, body: Direct, places: Sequence[Column], test: Direct | None = None) -> Function:
        """The loop, with the places of the inputs of a step; those of `test` are the first of them."""
        head, columns = self.step(body, places)
        test_head, tests, work = [0, 0, 0], list[int](), body.kernel.work
        constants = [x for direct in (body, test) if direct for what, x in direct.arguments if what == "constant"]
        if test is not None:
            answer = self.memory(LINE)
            last = len(self.operands) + len(self.results) + len(self.more) // 2
            last += sum(what == "constant" for what, _ in test.arguments)  # the answer is the last of all values
            test_head, tests = self.step(test, places, last)
            self.more += [0, answer]
            work += test.kernel.work
        kinds = [x for v in (*self.operands, *self.results) for x in kind_of(v, False)]
        numbers = [
            *head, *test_head, self.length, max(CHUNK // max(work, 1), 1), int(work * self.length > LONG), self.size,
            len(self.operands), len(self.results), len(self.more) // 2, len(self.before) // 5, len(self.after) // 5,
            len(self.ends) // 8,
        ]  # fmt: skip
        lists = [numbers, kinds, self.more, columns, tests, self.before, self.after, self.ends]
        return function("loop", table([*chain.from_iterable(lists)], constants), body.using)


def size_of(x: Any) -> int:
    """The bytes of a value."""
    return int(prod(np.shape(x)) * (x.dtype if isinstance(x, Var) else np.asarray(x).dtype).itemsize)
