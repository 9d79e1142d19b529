"""Print the table: `python -m benchmarks`. See README.md in this folder."""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import imports, memory, timing
from benchmarks.workload import HAND, IN_C, JIT, OURS, Workload
from benchmarks.workloads import WORKLOADS

EXTRAS = ("memory", "import")
PEERS = ("jax", "torch", "mygrad", "autograd")


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Speed and memory, as multiples of hand-written NumPy."
    )
    names = [workload.name for workload in WORKLOADS] + list(EXTRAS)
    several = f"only this line (may repeat): {', '.join(names)}"
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=several)
    parser.add_argument("--quick", action="store_true", help="compare numbers on small data, without timing")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to time each line (default 4)")
    parser.add_argument("--peers", help=f"other libraries to time (default: what is installed of {','.join(PEERS)})")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line instead of a table")
    parser.add_argument("--save", metavar="FILE", help="also write the table to this file")
    return parser.parse_args(argv)


def peers_of(chosen: argparse.Namespace) -> list[str]:
    """The names of the other libraries to time."""
    if chosen.peers is not None:
        return [name for name in chosen.peers.split(",") if name]
    return [name for name in PEERS if not chosen.quick and importlib.util.find_spec(name)]


def timed(workload: Workload, peers: Sequence[ModuleType], seconds: float) -> dict[str, Any]:
    """One line of the table. The numbers are compared first: there is no point in timing versions that differ."""
    error = workload.compare(workload.ours, OURS)
    for dialect in (JIT, IN_C):
        workload.compare(workload.for_jit, dialect)
    versions = {
        "hand": workload.prepare(workload.hand, HAND),
        "ours": workload.prepare(workload.ours, OURS),
        "jit": workload.prepare(workload.for_jit, JIT),
        "c": workload.prepare(workload.for_jit, IN_C),
    }
    for peer in peers:
        if version := peer.VERSIONS.get(workload.name):
            workload.compare(version, peer.DIALECT)
            versions[peer.DIALECT.name] = workload.prepare(version, peer.DIALECT)
    times = timing.rounds_of(versions, seconds)
    ratios = {name: timing.ratio(times[name], times["hand"]) for name in versions}
    return {
        "name": workload.name,
        "title": workload.title,
        "hand": min(times["hand"]),
        "ours": min(times["ours"]),
        "ratio": ratios["ours"],
        "target": workload.target,
        "jit": ratios["jit"],
        "jit_target": workload.jit_target,
        "c": ratios["c"],
        "error": error,
        "peers": {name: ratios[name] for name in list(versions)[4:]},
    }


def checked(workload: Workload) -> dict[str, Any]:
    """The line of a quick run, without times."""
    ways = (workload.ours, OURS), (workload.for_jit, JIT), (workload.for_jit, IN_C)
    error = max(workload.compare(version, way, small=True) for version, way in ways)
    return {"name": workload.name, "title": workload.title, "error": error}


def lines(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The lines of the table, each as soon as it is measured."""
    peers = [importlib.import_module(f"benchmarks.peers.in_{name}") for name in peers_of(chosen)]
    wanted = chosen.only or [workload.name for workload in WORKLOADS] + list(EXTRAS)
    for workload in WORKLOADS:
        if workload.name in wanted:
            yield checked(workload) if chosen.quick else timed(workload, peers, chosen.seconds)
    if "memory" in wanted and not chosen.quick:
        yield from memory.measure()
    if "import" in wanted and not chosen.quick:
        yield imports.measure()


def amount(line: dict[str, Any], side: str) -> str:
    """A figure with its unit: megabytes on the lines about memory, time on all others."""
    if line["name"].startswith("memory"):
        return f"{line[side] / 1e6:.1f} MB"
    seconds = line[side]
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def row(line: dict[str, Any], peers: Sequence[str] = ()) -> str:
    """A line of the table as text, with a column for each of `peers`."""
    if "ratio" not in line:
        return f"{line['title']:<48}  numbers agree to {line['error']:.0e}"
    met = "met" if line["ratio"] <= line["target"] else "missed"
    jit = ""
    if "jit" in line:
        jit_met = "met" if line["jit"] <= line["jit_target"] else "missed"
        jit = f"{line['jit']:>9.2f}{line['jit_target']:>8g}  {jit_met:<6}{line['c']:>8.2f}"
    measured = line.get("peers", {})
    others = "".join(f"{measured[name]:>10.2f}" if name in measured else f"{'-':>10}" for name in peers if jit)
    return (
        f"{line['title']:<48}{amount(line, 'hand'):>12}{amount(line, 'ours'):>12}"
        f"{line['ratio']:>9.2f}{line['target']:>8g}  {met:<6}{jit}{others}"
    ).rstrip()


def machine() -> str:
    """What the figures depend on: Python, NumPy, and which kernels BLAS chose, if threadpoolctl can tell."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        blas = "threads and kernel of BLAS unknown (install threadpoolctl)"
    else:
        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        kernels = [f"{p['internal_api']} {p.get('architecture')}, threads {p['num_threads']}" for p in pools]
        blas = "; ".join(kernels)
    return f"{processor()}; Python {platform.python_version()}, NumPy {np.__version__}, {blas}"


def processor() -> str:
    """The model of the processor, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main(argv: Sequence[str] | None = None) -> int:
    chosen = arguments(argv)
    with ExitStack() as files:
        file = files.enter_context(open(chosen.save, "w", encoding="utf-8")) if chosen.save else None
        for text in printed(chosen):
            print(text, flush=True)
            if file is not None:
                print(text, file=file, flush=True)
    return 0


def printed(chosen: argparse.Namespace) -> Iterator[str]:
    """The lines of the output."""
    peers = peers_of(chosen)
    if not chosen.json:
        versions = "".join(f", {name} {importlib.metadata.version(name)}" for name in peers)
        yield machine() + versions
        if not chosen.quick:
            columns = f"{'by hand':>12}{'ours':>12}{'ratio':>9}{'target':>8}{'':>8}{'jit':>9}{'target':>8}{'c':>16}"
            yield f"{'':<48}{columns}{''.join(f'{name:>10}' for name in peers)}".rstrip()
    for line in lines(chosen):
        yield json.dumps(line) if chosen.json else row(line, peers)


if __name__ == "__main__":
    sys.exit(main())
