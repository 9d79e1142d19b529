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
    cache: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in cache:
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type):
                value = primitive(value, getattr(own, name, None) or ROWS.get(value, value))
            cache[name] = value
        return cache[name]

    return get


def submodule(name: str, others: Callable[[str], Any] | None = None, **names: Any) -> None:
    """Make ``autograd.name`` from `names`, and for others from a ``__getattr__``."""
    new = ModuleType(f"{__package__}.{name}", f"HIPS's ``autograd.{name}``.")
    vars(new).update(names, __spec__=ModuleSpec(new.__name__, None), **({"__getattr__": others} if others else {}))
    sys.modules[new.__name__] = new
    parent, _, last = new.__name__.rpartition(".")
    vars(sys.modules[parent]).setdefault(last, new)
