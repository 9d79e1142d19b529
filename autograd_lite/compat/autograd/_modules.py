"""Modules that are made from names: NumPy's and SciPy's namespaces with derivatives, and lists of HIPS's names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ...table import ROWS
from .core import primitive


def namespace(module: Any, own: Any = None) -> Callable[[str], Any]:
    """A module's ``__getattr__``: the names of `module`; recorded values go to `own`, or else to rows of the table."""
    cache = {}

    def get(name: str) -> Any:
        if name not in cache:
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type):
                value = primitive(value, getattr(own, name, None) or ROWS.get(value, value))
            cache[name] = value
        return cache[name]

    return get


def public_names(module: Any) -> list[str]:
    """The names of ``from module import *``, without submodules."""
    names = vars(module) if isinstance(module, ModuleType) else dict.fromkeys(dir(module))
    return [name for name, value in names.items() if name[0] != "_" and not isinstance(value, ModuleType)]


def submodule(name: str, module: Any = None, own: Any = None, **names: Any) -> None:
    """Make ``autograd.name`` from `names`, and from the :func:`namespace` of a module."""
    new = ModuleType(f"{__package__}.{name}", f"HIPS's ``autograd.{name}``.")
    vars(new).update(names, __spec__=ModuleSpec(new.__name__, None))
    if module is not None:
        vars(new).update(__getattr__=namespace(module, own), __all__=public_names(module))
    sys.modules[new.__name__] = new
    parent, _, last = new.__name__.rpartition(".")
    vars(sys.modules[parent]).setdefault(last, new)
