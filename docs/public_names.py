"""The public names of the library, read from its modules.

A public module publishes what it defines, what it imports under the same name (``from .x import y as y``), and all that
another module lists (``from .x import *``), as type checkers read it. What starts with an underscore is private, and so
is every module that is not in `MODULES`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from autograd_lite.table import Primitive

#: Every public module.
MODULES = (
    "autograd_lite", "autograd_lite.autograd", "autograd_lite.linalg", "autograd_lite.fft", "autograd_lite.emath",
    "autograd_lite.special", "autograd_lite.stats", "autograd_lite.integrate", "autograd_lite.optimize",
    "autograd_lite.nn", "autograd_lite.nn.functional", "autograd_lite.nn.init", "autograd_lite.nn.utils",
    "autograd_lite.optim", "autograd_lite.optim.lr_scheduler", "autograd_lite.data", "autograd_lite.utils",
    "autograd_lite.training", "autograd_lite.derive", "autograd_lite.teach", "autograd_lite.drawing",
    "autograd_lite.program", "autograd_lite.sparse", "autograd_lite.compiling", "autograd_lite.export",
    "autograd_lite.testing", "autograd_lite.testing.strategies", "autograd_lite.testing.why", "autograd_lite.table",
    "autograd_lite.compat",
)  # fmt: skip
#: Modules that publish names of others only: everything that can be reached in one of them is public.
IMPLEMENTATIONS = {
    "autograd_lite.nn.init", "autograd_lite.nn.utils", "autograd_lite.optim.lr_scheduler",
    "autograd_lite.testing.strategies", "autograd_lite.stats", "autograd_lite.integrate",
}  # fmt: skip
#: Others' names under those of a standard: not described again.
STANDARD = {"autograd_lite.array_api"}


@dataclass
class Public:
    """One object, and the names under which it is published."""

    value: Any
    origin: str  # the module that it comes from
    names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name under which it is described: its own, or else the first."""
        own = f"{self.names[0].rpartition('.')[0]}.{getattr(self.value, '__name__', '')}"
        return own if own in self.names else self.names[0]

    @property
    def module(self) -> str:
        """The public module that it is described in."""
        return max((module for module in MODULES if self.name.startswith(f"{module}.")), key=len)


def published(module: types.ModuleType) -> dict[str, str]:
    """The public names of a module, each with the module that it is imported from, or else the module itself.

    >>> import autograd_lite as ag
    >>> {name: origin for name, origin in published(ag).items() if name in ("exp", "nn", "concat", "__version__")}
    {'exp': 'autograd_lite.rules.elementwise', 'concat': 'autograd_lite', 'nn': 'autograd_lite'}
    """
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    with open(str(module.__file__), encoding="utf-8") as file:
        found = dict(_published(ast.parse(file.read()).body, module.__name__, package))
    made_on_access = set(dir(module)) - set(vars(module))  # by a `__getattr__`, such as SciPy's functions
    found |= dict.fromkeys(sorted(made_on_access - found.keys()), module.__name__)
    return {name: origin for name, origin in found.items() if not name.startswith("_")}


def _published(body: list[ast.stmt], own: str, package: str) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            origin = importlib.util.resolve_name(base, package)
            if node.names[0].name == "*":
                yield from dict.fromkeys(importlib.import_module(origin).__all__, origin).items()
            listed = getattr(importlib.import_module(own), "__all__", ())
            names = [alias.name for alias in node.names if alias.asname == alias.name or alias.name in listed]
            yield from dict.fromkeys(names, origin).items()
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, own
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((name.id, own) for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.If):
            yield from _published(node.body, own, package)


def everything() -> list[Public]:
    """Every public object, once, with all its names; modules are not among them."""
    found: dict[Any, Public] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for own, origin in published(module).items():
            value = getattr(module, own)
            described = callable(value) or name not in IMPLEMENTATIONS  # their constants are their own
            if isinstance(value, (types.ModuleType, TypeVar)) or not described:
                continue
            # A number is not known by its identity, and is described under each name.
            key = id(value) if callable(value) else f"{name}.{own}"
            found.setdefault(key, Public(value, origin)).names.append(f"{name}.{own}")
            if isinstance(value, type):  # a distribution: its functions are rows
                for part, row in vars(value).items():
                    if isinstance(row, Primitive) and not part.startswith("_"):
                        found.setdefault(id(row), Public(row, origin)).names.append(f"{name}.{own}.{part}")
    return list(found.values())
