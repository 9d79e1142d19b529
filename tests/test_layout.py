"""Imports run downwards only, annotations included, and importing the library brings NumPy and nothing else.

The imports are read from the syntax tree, not from a running interpreter, so that an import inside a function, for
annotations only, or on a branch that did not run is seen as well.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import autograd_lite as ag

PACKAGE = Path(__file__).parents[1] / "autograd_lite"
NAME = PACKAGE.name

# In reading order. A package imports only what comes before it.
ORDER = [
    "base", "table", "rules", "engine", "tensor", "transforms", "autograd", "special", "stats", "linalg", "fft",
    "emath", "integrate", "array_api",
    "program", "compiling", "derive", "teach", "drawing", "sparse", "optimize", "export", "nn", "optim", "data",
    "utils", "training", "testing",
    "__init__",  # the public names
    "compat",  # other libraries' names, which use the public ones
    "talk", "command_line", "__main__",  # which use the library as anyone would
]  # fmt: skip
PLACE = {package: place for place, package in enumerate(ORDER)}


class Import(NamedTuple):
    source: str  # the module that imports, as "rules.linalg"; the package itself is "__init__"
    target: str  # the module of this package that is imported
    line: int
    in_function: bool

    def __str__(self) -> str:
        return f"{self.source} imports {self.target} (line {self.line})"


def package(module: str) -> str:
    return module.partition(".")[0]


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name within it; an ``__init__`` has the name of its folder."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        parts = inner.parent.parts if path.stem == "__init__" else inner.with_suffix("").parts
        named[".".join(parts) or "__init__"] = path
    return named


MODULES = modules()


def our_module(name: str, known: Collection[str]) -> str | None:
    """The module of this package in a full dotted name, whose last parts may name a function in it, or None."""
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
    """The imports of this package's modules (all of them `known`) in the text of a module in `folder`."""
    stack: list[tuple[ast.AST, bool]] = [(ast.parse(text), False)]
    while stack:
        node, in_function = stack.pop()
        children: list[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in full_names(node, folder):
                if target := our_module(name, known):
                    yield Import(source, target, node.lineno, in_function)
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack.extend((child, inside) for child in children)


@cache  # and not when the tests are collected
def imports() -> list[Import]:
    return [
        entry
        for source, path in MODULES.items()
        for entry in imports_of(
            source, path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).parent.parts, MODULES
        )
    ]


def test_the_reader_of_imports_reads() -> None:
    """The tests below rely on `imports_of`: test it on one import of each kind."""
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
    known = {"__init__", "draw", "draw.dot", "draw.html", "graph", "nn", "table", "tensor"}
    found = [(entry.target, entry.in_function) for entry in imports_of("draw.html", text, ("draw",), known)]
    assert sorted(found) == [
        ("__init__", False),
        ("draw.dot", True),
        ("graph", False),
        ("nn", False),
        ("table", False),
        ("tensor", False),
        ("tensor", False),
    ]


def test_every_package_is_in_the_order() -> None:
    missing = sorted({package(module) for module in MODULES} - PLACE.keys())
    assert not missing, f"add these to ORDER: {missing}"


def test_imports_run_downwards() -> None:
    upwards = [entry for entry in imports() if PLACE[package(entry.target)] > PLACE[package(entry.source)]]
    assert not upwards, "\n".join(map(str, upwards))


def test_no_circles() -> None:
    by_module: dict[str, set[str]] = {}
    for source, target, *_ in imports():
        if source != target:
            by_module.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(by_module).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_no_import_of_this_package_inside_a_function() -> None:
    hidden = [entry for entry in imports() if entry.in_function]
    assert not hidden, "\n".join(map(str, hidden))


def python(program: str, env: dict[str, str] | None = None) -> str:
    """Run a program in a new interpreter, and return what it prints."""
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "cwd": PACKAGE.parent}
    return str(subprocess.run([sys.executable, "-c", program], env=env, **options).stdout)


def test_import_brings_numpy_and_the_standard_library_only() -> None:
    """Modules that a bare interpreter has loaded, such as the finder of an editable installation, do not count."""
    loaded = python("import sys; was = {*sys.modules}; import autograd_lite; print(*set(sys.modules) - was)")
    packages = {name.partition(".")[0] for name in loaded.split()}
    assert {NAME, "numpy"} <= packages
    assert packages - sys.stdlib_module_names - {NAME, "numpy"} == set()


LAZY = {
    "array_api", "compiling", "data", "derive", "drawing", "export", "integrate", "nn", "optim", "optimize", "program",
    "sparse", "teach", "testing", "training",
}  # fmt: skip


def test_import_loads_the_engine_only() -> None:
    """A program that only differentiates does not load the other packages; `benchmarks/imports.py` times the import."""
    program = "import sys, numpy; before = set(sys.modules); import autograd_lite; print(*set(sys.modules) - before)"
    loaded = set(python(program, dict(os.environ)).split())
    assert not loaded & {*(f"{NAME}.{package}" for package in LAZY), "hashlib", "dataclasses"}


def test_the_lazy_names_are_those_that_an_editor_sees() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "_TYPE_CHECKING"]
    seen = {(n.module or a.name, a.name) for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    lazy = {(package, package) for package in ag._LAZY_PACKAGES}
    assert seen == lazy | {(package, name) for name, package in ag._LAZY_NAMES.items()}
    for _, name in seen:
        assert getattr(ag, name) is not None
        assert name in dir(ag)


def test_the_table_is_a_plain_dict_filled_by_the_import() -> None:
    program = """
        import sys, numpy, autograd_lite
        from autograd_lite.table import ROWS, TABLE
        print(type(TABLE).__name__, type(ROWS).__name__, "polyval" in TABLE, numpy.fft.fft in ROWS)
        """
    assert python(textwrap.dedent(program)).split() == ["dict", "dict", "True", "True"]
