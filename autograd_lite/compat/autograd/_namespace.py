"""NumPy's and SciPy's namespaces, with the rows of the table where recorded values come in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from ...rules._arrays import has_tensor
from ...table import ROWS


def dispatched(f: Callable[..., Any], row: Callable[..., Any]) -> Callable[..., Any]:
    """`f` itself on plain values; `row` if one of the arguments is recorded, or a list with one."""

    @wraps(f)
    def function(*args: Any, **params: Any) -> Any:
        recorded = has_tensor(args) or params and has_tensor(list(params.values()))
        return (row if recorded else f)(*args, **params)

    return function


def namespace(module: Any, own: Any = None) -> Callable[[str], Any]:
    """A module's ``__getattr__``: the names of `module`, with rows of the table, or of `own`, where there are any."""
    cache: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in cache:
            f = getattr(module, name)
            row = getattr(own, name, None)
            if row is None and callable(f) and not isinstance(f, type):
                row = ROWS.get(f)
            cache[name] = f if row is None or row is f else dispatched(f, row)
        return cache[name]

    return get


def submodule(name: str, module: Any, own: Any) -> ModuleType:
    """A module of this name with the :func:`namespace` of an object."""
    new = ModuleType(name, f"{name.rpartition('.')[2]} of SciPy, with derivatives.")
    new.__getattr__ = namespace(module, own)  # type: ignore[method-assign]  # as a module defines it
    return new
