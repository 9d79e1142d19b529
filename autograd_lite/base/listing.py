"""The names that `dir` lists of a public module, and an editor completes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType


def public_names(module: str, *others: str) -> Callable[[], list[str]]:
    """The `__dir__` of a public module: its public names, without what it imports for its own use.

    A package publishes all that it imports, except its submodules; any other module publishes what it defines.

    Parameters
    ----------
    module : str
        Its ``__name__``.
    *others : str
        Names that it publishes too: submodules, and what is defined elsewhere.

    Examples
    --------
    >>> import autograd_lite as ag
    >>> [name for name in dir(ag.stats) if not name.startswith("_")]
    ['beta', 'chi2', 'delta_method', 'dirichlet', 'gamma', 'multivariate_normal', 'norm', 'poisson', 't']
    """
    names = vars(sys.modules[module])
    is_package = "__path__" in names

    def is_public(name: str, value: object) -> bool:
        if name.startswith("_") or name in others:
            return not name.startswith("_") or name.startswith("__")
        return not isinstance(value, ModuleType) and (is_package or getattr(value, "__module__", module) == module)

    return lambda: sorted(name for name, value in list(names.items()) if is_public(name, value))
