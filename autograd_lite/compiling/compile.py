"""A program compiled: passes, then NumPy source, then a function of arrays.

The source is an ordinary Python function. It can be printed, a debugger steps through it, and a traceback shows its
lines. It calls NumPy and the functions of the table's rows, nothing else.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from itertools import count
from typing import Any

from ..tracing import Program, Var
from .block import Block
from .passes.dead_code import without_dead_code
from .writer import Writer

_NUMBERS = count(1)


class Compiled:
    """A compiled program: call it with arrays for the inputs and the captured values, in this order.

    Attributes
    ----------
    source : str
        The NumPy source that runs.
    plan : list of str
        What each pass did, a line for each.
    """

    def __init__(self, block: Block, plan: list[str]) -> None:
        writer = Writer(block)
        self.source = writer.text()
        self.plan = plan
        filename = f"<autograd_lite: {block.name}, compiled {next(_NUMBERS)}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)
        space = dict(writer.space)
        exec(compile(self.source, filename, "exec"), space)
        self._run = space[writer.function]

    def __call__(self, *arrays: Any) -> list[Any]:
        return self._run(*arrays)


def compiled(program: Program, updates: Mapping[Var, Any] | None = None, fast: bool = False) -> Compiled:
    """Compile a traced program.

    Parameters
    ----------
    program : Program
    updates : mapping of Var to Var, optional
        From an input or captured value to the one whose value it receives, in place, at the end of each call.
    fast : bool
        Allow rewrites that change results beyond rounding, or where values are infinite or nan.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     return np.sum(np.exp(w * x))
    >>> run = compiled(ag.trace(loss)(np.ones(3), np.ones(3)))
    >>> run(np.zeros(3), np.ones(3))
    [array(3.)]
    """
    block = Block.of(program, updates or {})
    plan = []
    before = len(block.equations)
    block = without_dead_code(block)
    plan.append(f"dead code: {before} operations, {len(block.equations)} after")
    return Compiled(block, plan)
