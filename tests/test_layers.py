"""The floors of the house: imports run downwards only, and importing us brings NumPy and nothing else.

The imports are read from the syntax tree, not from a running interpreter, so that an import inside a function
or on a branch that did not run is seen as well. A name that only annotations use may come from above under
`if TYPE_CHECKING`: it is never imported when the program runs.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "autograd_lite"
NAME = PACKAGE.name

# From the ground up. A room may use the rooms of the floors below it; rooms on one floor may use each other,
# as long as no circle comes of it (a test of its own).
FLOORS = [
    {"elsewhere", "generator", "interrupts", "marks", "memory", "mode", "primitive", "saving", "tree"},
    {"rules"},
    {"graph", "replay", "torch_methods"},
    {"value"},
    {"operands"},
    {"recording"},
    {"backward"},
    {"tensor"},
    {"run"},
    {"anomaly", "autograd", "checkpoint", "creation", "fft", "linalg", "special", "transforms"},
    {"trace"},
    {"derive"},
    {"data", "draw", "nn", "optim", "testing"},
    {"training"},
    {"__init__", "emath", "fft", "linalg", "special"},  # the front door: only re-exports
    {"talk"},  # the main job uses the library as anyone would
    {"__main__"},
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


class Import(NamedTuple):
    source: str  # the module that imports, as "rules.linalg"; the package itself is "__init__"
    target: str  # the module of ours that is imported
    line: int
    in_function: bool

    def __str__(self) -> str:
        return f"{self.source} imports {self.target} (line {self.line})"


def room(module: str) -> str:
    return module.partition(".")[0]


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name within it; a folder's own goes by the folder's name."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        parts = inner.parent.parts if path.stem == "__init__" else inner.with_suffix("").parts
        named[".".join(parts) or "__init__"] = path
    return named


MODULES = modules()


def our_module(name: str, known: Collection[str]) -> str | None:
    """The module of ours in a full dotted name, whose last words may name a function in it; None: not ours"""
    first, *inner = name.split(".")
    if first != NAME:
        return None
    while inner and ".".join(inner) not in known:
        inner.pop()
    return ".".join(inner) or "__init__"


def full_names(node: ast.Import | ast.ImportFrom, folder: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = [NAME, *folder][: 2 + len(folder) - node.level] if node.level else []
    base += node.module.split(".") if node.module else []
    return [".".join([*base, alias.name]) for alias in node.names]


def imports_of(source: str, text: str, folder: tuple[str, ...], known: Collection[str]) -> Iterator[Import]:
    """The imports of our own modules (all of them `known`) in the text of one that lies in `folder`."""
    stack: list[tuple[ast.AST, bool]] = [(ast.parse(text), False)]
    while stack:
        node, in_function = stack.pop()
        children: list[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            children = list(node.orelse)
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in full_names(node, folder):
                if target := our_module(name, known):
                    yield Import(source, target, node.lineno, in_function)
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack.extend((child, inside) for child in children)


IMPORTS = [
    entry
    for source, path in MODULES.items()
    for entry in imports_of(
        source, path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).parent.parts, MODULES
    )
]


def test_the_reader_of_imports_reads() -> None:
    """The tests below are only as good as `imports_of`: try it on one import of each kind."""
    text = textwrap.dedent("""
        import numpy as np, autograd_lite.table
        from typing import TYPE_CHECKING
        from ..tensor import Tensor, no_grad
        from .. import graph
        from autograd_lite import sigmoid
        if TYPE_CHECKING:
            from ..nn import Module
        else:
            def f():
                from . import dot
        """)
    known = {"__init__", "draw", "draw.dot", "draw.html", "graph", "nn", "primitive", "tensor"}
    found = [(entry.target, entry.in_function) for entry in imports_of("draw.html", text, ("draw",), known)]
    assert sorted(found) == [
        ("__init__", False),
        ("draw.dot", True),
        ("graph", False),
        ("primitive", False),
        ("tensor", False),
        ("tensor", False),
    ]


def test_every_room_stands_on_a_floor() -> None:
    homeless = sorted({room(module) for module in MODULES} - FLOOR.keys())
    assert not homeless, f"say in tests/test_layers.py (FLOORS) where these stand: {homeless}"


def test_imports_run_downwards() -> None:
    upwards = [
        entry
        for entry in IMPORTS
        if room(entry.source) != room(entry.target) and FLOOR[room(entry.target)] > FLOOR[room(entry.source)]
    ]
    assert not upwards, "\n".join(map(str, upwards))


def test_no_circles() -> None:
    """Neither between modules nor, counted together, between rooms of one floor."""
    by_module: dict[str, set[str]] = {}
    by_room: dict[str, set[str]] = {}
    for source, target, *_ in IMPORTS:
        if source != target:
            by_module.setdefault(source, set()).add(target)
        if room(source) != room(target):
            by_room.setdefault(room(source), set()).add(room(target))
    for graph in (by_module, by_room):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(f"imports go round: {' <- '.join(error.args[1])}")


def test_no_import_of_our_own_inside_a_function() -> None:
    hidden = [entry for entry in IMPORTS if entry.in_function]
    assert not hidden, "\n".join(map(str, hidden))


def python(program: str, env: dict[str, str] | None = None) -> str:
    """Run a program in an interpreter of its own, and return what it printed."""
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "cwd": PACKAGE.parent}
    return str(subprocess.run([sys.executable, "-c", program], env=env, **options).stdout)


def test_import_brings_numpy_and_the_standard_library_only() -> None:
    """What a bare interpreter has loaded (an editable installation's finder, say) does not count."""
    loaded = python("import sys; was = {*sys.modules}; import autograd_lite; print(*set(sys.modules) - was)")
    packages = {name.partition(".")[0] for name in loaded.split()}
    assert {NAME, "numpy"} <= packages
    assert packages - sys.stdlib_module_names - {NAME, "numpy"} == set()


def test_import_opens_no_upper_room() -> None:
    """What a program that only differentiates does not use is not loaded; `benchmarks/imports.py` times it."""
    program = "import sys, numpy; before = set(sys.modules); import autograd_lite; print(*set(sys.modules) - before)"
    loaded = set(python(program, dict(os.environ)).split())
    upstairs = {f"{NAME}.{room}" for room in ("data", "derive", "draw", "nn", "optim", "testing", "training")}
    assert not loaded & {*upstairs, "numpy.random", "hashlib", "dataclasses"}


def test_the_table_is_whole_for_whoever_looks_at_it() -> None:
    """Rooms that are read late are there as soon as one of their rows, or all rows, are asked for."""
    for look in (
        "ROWS[numpy.fft.fft]",
        "TABLE['polyval']",
        "autograd_lite.polyval",
        "numpy.median(autograd_lite.tensor([1.0]))",
        "'polyval' in TABLE",
        "list(TABLE)",
    ):
        program = f"""
            import sys, numpy, autograd_lite
            from autograd_lite.table import ROWS, TABLE
            before = "autograd_lite.rules.polynomials" in sys.modules
            {look}
            print(before, len(TABLE) == len({{*TABLE}}), "polyval" in TABLE, numpy.fft.fft in ROWS)
            """
        assert python(textwrap.dedent(program)).split() == ["False", "True", "True", "True"]
