"""What each pass of the compiler is worth: times of compiled steps without it, as multiples of those with all passes.

`python -m benchmarks.ablation` prints a line for each pass (or part of one) and a column for each workload; "-" where
the source is the same without it. CPU times, interleaved in one run for each workload.
"""

import argparse
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from autograd_lite.compiling import compile as compiler
from autograd_lite.compiling.passes import algebra, innermost, memory, strips, together
from benchmarks import timing
from benchmarks.workload import JIT, Prepared, Workload
from benchmarks.workloads import WORKLOADS

ALL = "all passes"
NEEDED = "dead code"  # other passes leave it behind


def nothing(*args: Any, **params: Any) -> None:
    """What a part that is switched off does."""


#: Parts of passes: what to replace by what.
PARTS = {
    "  unbroadcast": (algebra, "_unbroadcast", lambda eq, defined: eq),
    "  strips": (strips, "shape_of", nothing),
    "  added up as strips": (innermost._Innermost, "_added_up", nothing),
    "  sums of squares": (together._Updates, "_with_squares", lambda self: self.block.equations),
    "memory: parts of joins": (memory.Memory, "_find_parts", nothing),
    "memory: in place": (memory.Memory, "_in_place", nothing),
    "memory: into inputs": (memory.Memory, "_overwritten", nothing),
}  # fmt: skip


def switched_off() -> dict[str, AbstractContextManager[Any]]:
    """For each pass and part, a context without it."""
    found: dict[str, AbstractContextManager[Any]] = {
        name: patch.dict(compiler.PASSES, {name: lambda block: block}) for name in compiler.PASSES if name != NEEDED
    }
    return found | {name: patch.object(*where) for name, where in PARTS.items()}


def compiled(workload: Workload) -> Prepared:
    made = workload.prepare(workload.for_jit, JIT)
    made.step()
    return made


def ratios(workload: Workload, contexts: Mapping[str, AbstractContextManager[Any]], seconds: float) -> dict[str, float]:
    """The time without each pass that changes the source, as a multiple of the time with all."""
    versions = {ALL: compiled(workload)}
    source = versions[ALL].step.func.source
    for name, off in contexts.items():
        with off:
            made = compiled(workload)
        if made.step.func.source != source:
            versions[name] = made
    times = timing.rounds_of(versions, seconds * len(versions))
    return {name: timing.ratio(found, times[ALL]) for name, found in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", choices=[w.name for w in WORKLOADS])
    parser.add_argument("--without", action="append", metavar="PASS", help="only these passes and parts (default: all)")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each version (default 0.3)")
    chosen = parser.parse_args()
    contexts = {name: off for name, off in switched_off().items() if name.strip() in (chosen.without or name)}
    columns = {w.name: ratios(w, contexts, chosen.seconds) for w in WORKLOADS if w.name in (chosen.only or w.name)}
    print(" " * 22, *(f"{name[:5]:>5}" for name in columns))
    for name in contexts:
        cells = [f"{found[name]:.2f}" if name in found else "-" for found in columns.values()]
        print(f"{name:<22}", *(f"{cell:>5}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
