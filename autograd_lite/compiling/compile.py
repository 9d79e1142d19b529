"""A program compiled: passes, then NumPy source, then a function of arrays.

The source is an ordinary Python function. It can be printed, a debugger steps through it, and a traceback shows its
lines. It calls NumPy and the functions of the table's rows, nothing else.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from itertools import count
from operator import is_
from typing import Any
from weakref import finalize

import numpy as np

from ..base.memory import aligned
from ..tracing import Equation, Program, Var
from .block import Block
from .passes.algebra import simplified
from .passes.batching import batched
from .passes.casts import narrowed
from .passes.columns import with_columns
from .passes.common import without_repetition
from .passes.constants import folded
from .passes.dead_code import without_dead_code
from .passes.innermost import batch_innermost
from .passes.layout import laid_out
from .passes.lowering import lowered
from .passes.memory import Memory, planned
from .passes.pooling import pooled_first
from .passes.scalars import MOST, all_floats, single_floats
from .passes.scaling import scaled
from .passes.splitting import split
from .passes.tiling import tiled
from .passes.together import together
from .passes.updates import sunk
from .writer import OUTER, Writer

_NUMBERS = count(1)
_ROUNDS = 3  # of the passes that create work for each other


class Compiled:
    """A compiled program: call it with arrays for the inputs and the captured values, in this order.

    Several threads may call it at once: each call has its own buffers.

    Attributes
    ----------
    source : str
        The NumPy source that runs.
    plan : list of str
        What each pass did, a line for each.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> from autograd_lite.compiling import compiled
    >>> run = compiled(ag.trace(lambda x: np.sin(x) + 1)(np.ones(3)))
    >>> run(np.zeros(3))
    [array([1., 1., 1.])]
    """

    def __init__(self, block: Block, memory: Memory, plan: list[str], threads: int = 1) -> None:
        writer = Writer(block, memory)
        self.source = writer.text()
        self.plan = plan
        filename = f"<autograd_lite: {block.name}, compiled {next(_NUMBERS)}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)
        finalize(self, linecache.cache.pop, filename, None)
        space = dict(writer.space)
        exec(compile(self.source, filename, "exec"), space)
        self._with_buffers = space[OUTER]
        self._size = memory.size
        self._threads = threads
        self._free: list[Callable[..., list[Any]]] = [self._new()]  # functions whose buffers are not in use

    def _new(self) -> Callable[..., list[Any]]:
        run: Callable[..., list[Any]] = self._with_buffers(aligned((self._size,), np.uint8))
        return run

    def exclusive(self) -> Callable[..., list[Any]]:
        """The function itself, with buffers that no other call uses: for a caller that never calls it twice at once."""
        if self._threads > 1:
            return self  # not the same buffers after an interrupt
        return self._free.pop() if self._free else self._new()

    def __call__(self, *arrays: Any, **after: Any) -> list[Any]:
        """The outputs. With updates, ``after=`` may be further calls to make at once with them, ``(f, *args)`` each."""
        try:
            run = self._free.pop()
        except IndexError:  # another thread is in the last one
            run = self._new()
        found = run(*arrays, **after)
        self._free.append(run)  # not after an exception: another thread may still write to these buffers
        return found


def compiled(
    program: Program, updates: Mapping[Var, Any] | None = None, fast: bool = False, small: bool = True,
    threads: int = 1, contiguous: frozenset[Var] = frozenset(),
) -> Compiled:
    """Compile a traced program.

    Parameters
    ----------
    program : Program
    updates : mapping of Var to Var, optional
        From an input or captured value to the one whose value it receives, in place, at the end of each call.
    fast : bool
        Allow rewrites that change results beyond rounding, or where values are infinite or nan.
    small : bool
        Compute small values with Python floats, where that is faster.
    threads : int
        The number of threads that share the pieces of large arrays in elementwise operations.
    contiguous : set of Var
        Inputs whose arrays are contiguous at every call, and share memory with no other input.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     return np.sum(np.exp(w * x))
    >>> run = compiled(ag.trace(loss)(np.ones(3), np.ones(3)))
    >>> run(np.zeros(3), np.ones(3))
    [array(3.)]
    """
    block = Block.of(program, updates or {}, contiguous)
    settled: list[Equation] = []
    plan = [f"the program: {len(block.equations)} operations"]
    block = _planned(plan, "dead code", without_dead_code, block)
    block = _planned(plan, "lowering", lambda b: lowered(b, MOST if small else 0, fast), block)
    block = _shortened(plan, block, fast, settled)
    block = _planned(plan, "batched products", batched, block)
    block = _shortened(plan, block, fast, settled)
    block = _planned(plan, "scaling", scaled, block)
    block = _shortened(plan, block, fast, settled)
    block = _planned(plan, "layout", laid_out, block)
    block = _planned(plan, "pooling first", pooled_first, block)
    block = _planned(plan, "batch innermost", batch_innermost, block)
    block = _shortened(plan, block, fast, settled)
    block = _planned(plan, "columns", lambda b: with_columns(b, plan), block)
    block = _planned(plan, "split products", lambda b: split(b, plan), block)
    floats = all_floats(block) if small else None
    if floats is None:
        block = _planned(plan, "updates together", together, block)
        block = _planned(plan, "dead code", without_dead_code, block)
    block = _planned(plan, "floats", lambda b: floats or (single_floats(b) if small else b), block)
    block = _planned(plan, "lowering", lowered, block)
    block = _shortened(plan, block, fast, settled)
    block = _planned(plan, "tiles", lambda b: tiled(*sunk(b), threads), block)
    memory = planned(block)
    plan.append(
        f"memory: {len(memory.place)} values in {memory.size} bytes instead of {memory.unplanned}; "
        f"{memory.in_place} operations in place, {len(memory.into)} results written into inputs"
    )
    return Compiled(block, memory, plan, threads)


def _shortened(plan: list[str], block: Block, fast: bool, settled: list[Equation]) -> Block:
    """Repeat the passes that create work for each other, until they find nothing more.

    `settled` has the equations in which they found nothing more the last time.
    """
    if len(settled) == len(block.equations) and all(map(is_, settled, block.equations)):
        return block
    for _ in range(_ROUNDS):
        before = len(block.equations)
        block = _planned(plan, "constants", folded, block)
        block = _planned(plan, "algebra", lambda b: simplified(b, fast), block)
        block = _planned(plan, "casts", narrowed, block)
        block = _planned(plan, "common subexpressions", without_repetition, block)
        block = _planned(plan, "dead code", without_dead_code, block)
        if len(block.equations) == before:
            settled[:] = block.equations
            break
    return block


def _planned(plan: list[str], name: str, a_pass: Callable[[Block], Block], block: Block) -> Block:
    """Run a pass, and note what it did."""
    after = a_pass(block)
    if len(after.equations) != len(block.equations):
        plan.append(f"{name}: {len(block.equations)} operations, then {len(after.equations)}")
    return after
