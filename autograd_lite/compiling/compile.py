"""A program compiled: passes, then NumPy source, then a function of arrays.

The source is an ordinary Python function. It can be printed, a debugger steps through it, and a traceback shows its
lines. It calls NumPy, the functions of the table's rows, `math` and `struct` for single numbers, and with ``threads=``
a function that divides the work.
"""

from __future__ import annotations

import gc
import linecache
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import count
from operator import is_
from typing import Any
from weakref import finalize

import numpy as np

from ..base.memory import aligned
from ..program import Equation, Program, Var
from .block import Block
from .c.call import Direct
from .c.compiler import Compiler, NoCompiler, compiler
from .c.file import asks_for_errors
from .c.regions import in_regions
from .passes.algebra import simplified
from .passes.batching import batched
from .passes.casts import narrowed
from .passes.common import without_repetition
from .passes.constants import folded
from .passes.dead_code import without_dead_code
from .passes.innermost import batch_innermost
from .passes.lowering import lowered
from .passes.memory import Memory, planned
from .passes.scalars import all_floats, single_floats
from .passes.scaling import scaled
from .passes.tiling import tiled
from .passes.together import together
from .passes.updates import sunk
from .passes.windows import in_slices
from .sizes import with_sizes
from .writer import OUTER, Writer

_NUMBERS = count(1)
_ROUNDS = 3

#: The passes, by the names that the plan uses.
PASSES: dict[str, Callable[[Block], Block]] = {
    "dead code": without_dead_code, "constants": folded, "common subexpressions": without_repetition,
    "algebra": simplified, "casts": narrowed, "lowering": lowered, "batched products": batched, "scaling": scaled,
    "batch innermost": batch_innermost, "floats": all_floats, "updates together": together,
    "single floats": single_floats, "updates last": sunk, "tiles": tiled, "windows": in_slices, "regions": in_regions,
}  # fmt: skip

SHORTENING = "constants", "algebra", "casts", "common subexpressions", "dead code"  # they create work for each other
SHORTER = "shorter"  # where these are repeated until they find nothing more

ORDER = (
    "dead code", "lowering", SHORTER, "batched products", SHORTER, "scaling", SHORTER,
    "batch innermost", SHORTER, "floats", "updates together", "dead code", "single floats", "lowering", SHORTER,
    "updates last", "tiles",
)  # fmt: skip

#: The same before regions are written in C, where loops over small arrays and fused operations cost nothing.
ORDER_C = (
    *ORDER[: ORDER.index("floats") + 1], "windows", "dead code", "lowering", SHORTER, "updates last", "regions",
)  # fmt: skip


class Compiled:
    """A compiled program: call it with arrays for the inputs and the captured values, in this order.

    Several threads may call it at once: each call has its own buffers.

    Attributes
    ----------
    source : str
        The NumPy source that runs.
    whole_source : str
        The same, followed by that of the loops in it.
    plan : list of str
        What each pass did, a line for each.
    backend : str
        "c" if some of it runs as C, otherwise "numpy".
    c_source : str or None
        The C code, followed by that of the loops in it.

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> from autograd_lite.compiling import compiled
    >>> run = compiled(ag.trace(lambda x: np.sin(x) + 1)(np.ones(3)))
    >>> run(np.zeros(3))
    [array([1., 1., 1.])]
    """

    def __init__(
        self, memory: Memory, using: Compiler | None = None, by_numpy: Callable[[], Compiled] | None = None
    ) -> None:
        block, writer = memory.block, Writer(memory)
        self.source = writer.text()
        self.plan = block.plan
        self.backend, self.c_source, self.direct = "numpy", None, None
        if using is not None and by_numpy is not None and writer.file.regions:
            self.c_source = writer.file.text(using.vectors)
            writer.space.update(writer.file.compile(self.c_source, using))
            writer.space.update(asks_for_errors=asks_for_errors, by_numpy=lambda *arrays: by_numpy()(*arrays))
            if (direct := writer.direct()) is not None:
                self.direct = Direct(writer.file.kernels[0], *direct, memory.size, using)
        filename = f"<autograd_lite: {block.name}, compiled {next(_NUMBERS)}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)
        finalize(self, linecache.cache.pop, filename, None)
        space = dict(writer.space)
        runs: list[Compiled] = [run for x in writer.space.values() for run in getattr(x, "runs", ())]
        self.whole_source: str = "\n\n".join((self.source, *(run.whole_source for run in runs)))
        in_c = [run.c_source for run in (self, *runs) if run.c_source is not None]
        if in_c:
            self.backend, self.c_source = "c", "\n\n".join(in_c)
        exec(compile(self.source, filename, "exec"), space)
        self._with_buffers = space[OUTER]
        self._size = memory.size
        self._threads = block.threads
        self._free: list[Callable[..., list[Any]]] = [self._new()]  # functions whose buffers are not in use

    def _new(self) -> Callable[..., list[Any]]:
        return self._with_buffers(aligned((self._size,), np.uint8))

    def exclusive(self) -> Callable[..., list[Any]]:
        """The function itself, with buffers that no other call uses: for a caller that never calls it twice at once."""
        if self._threads > 1:
            return self  # not the same buffers after an interrupt
        return self._taken()

    @contextmanager
    def borrowed(self) -> Iterator[Callable[..., list[Any]]]:
        """The function, with buffers that no other call uses in this block."""
        run = self._taken()
        yield run
        self._free.append(run)  # not after an exception: another thread may still write to these buffers

    def _taken(self) -> Callable[..., list[Any]]:
        try:
            return self._free.pop()
        except IndexError:  # another thread is in the last one
            return self._new()

    def __call__(self, *arrays: Any) -> list[Any]:
        """The outputs, after the updates."""
        try:  # as `_taken`, whose call would be 2% of the shortest call under jit
            run = self._free.pop()
        except IndexError:
            run = self._new()
        outputs = run(*arrays)
        self._free.append(run)  # as above
        return outputs


def compiled(
    program: Program, updates: Mapping[Var, Any] | None = None, fast: bool = False, small: bool = True,
    threads: int = 1, contiguous: frozenset[Var] = frozenset(), inner: bool = False, backend: str | None = None,
) -> Compiled:
    """Compile a traced program.

    Parameters
    ----------
    program : Program
        What is compiled.
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
    inner : bool
        The step of a loop: an error may leave new values half made.
    backend : str
        "numpy", or "c" if a C compiler may be used. Where there is none, a warning says so, once, and NumPy runs.
        By default that of the program around it, or "numpy".

    Examples
    --------
    >>> import numpy as np, autograd_lite as ag
    >>> def loss(w, x):
    ...     return np.sum(np.exp(w * x))
    >>> run = compiled(ag.trace(loss)(np.ones(3), np.ones(3)))
    >>> run(np.zeros(3), np.ones(3))
    [array(3.)]
    """
    options = {
        "fast": fast, "small": small, "threads": threads, "contiguous": contiguous, "inner": inner
    }  # fmt: skip
    backend = backend or _BACKEND.get()
    around = _BACKEND.set(backend)
    try:
        with _without_collection():
            if backend == "c":
                try:
                    return _in_c(program, updates or {}, options)
                except NoCompiler as error:
                    _warn(str(error))
            return Compiled(_planned(Block.from_program(with_sizes(program), updates or {}, **options), ORDER))
    finally:
        _BACKEND.reset(around)


@contextmanager
def _without_collection() -> Iterator[None]:
    """A block in which Python does not search for cycles, which takes a quarter of the time of a long program."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


#: The backend of the program that is being compiled, for loops within it.
_BACKEND = ContextVar("backend", default="numpy")


def _in_c(program: Program, updates: Mapping[Var, Any], options: Mapping[str, Any]) -> Compiled:
    using = compiler()
    block = Block.from_program(with_sizes(program), updates, **{**options, "small": False}, vectors=using.vectors)
    by_numpy = cache(lambda: compiled(program, updates, **options, backend="numpy"))
    return Compiled(_planned(block, ORDER_C), using, by_numpy)


@cache
def _warn(missing: str) -> None:
    """Warn once in a process."""
    warnings.warn(f"jit: backend='c' runs as NumPy, because {missing}", RuntimeWarning, stacklevel=5)


def _planned(block: Block, order: Sequence[str]) -> Memory:
    """Run the passes, and assign memory."""
    block = rewritten(block, order)
    memory = planned(block)
    block.plan.append(
        f"memory: {len(memory.place)} values in {memory.size} bytes instead of {memory.unplanned}; "
        f"{memory.in_place} operations in place, {len(memory.into)} results written into inputs"
    )
    return memory


def rewritten(block: Block, order: Sequence[str]) -> Block:
    """`block` after these passes."""
    plan = block.plan
    plan.append(f"the program: {len(block.equations)} operations")
    shortest: Sequence[Equation] = ()
    for name in order:
        if name != SHORTER:
            block = _passed(name, block)
        elif len(shortest) != len(block.equations) or not all(map(is_, shortest, block.equations)):
            block = _shortened(block)
            shortest = block.equations
    return block


def _shortened(block: Block) -> Block:
    """Repeat the passes that create work for each other, until they find nothing more."""
    for _ in range(_ROUNDS):
        before = len(block.equations)
        for name in SHORTENING:
            block = _passed(name, block)
        if len(block.equations) == before:
            break
    return block


def _passed(name: str, block: Block) -> Block:
    """Run a pass, and note what it did."""
    after = PASSES[name](block)
    if len(after.equations) != len(block.equations):
        block.plan.append(f"{name}: {len(block.equations)} operations, then {len(after.equations)}")
    return after
