"""Other libraries' names on this engine, for programs that were written for them.

Examples
--------
>>> import autograd_lite.compat.autograd.numpy as np
>>> from autograd_lite.compat.autograd import grad
>>> print(grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0])))
[2. 4.]
"""

import sys as _sys
from importlib import import_module as _import_module
from importlib.machinery import PathFinder as _PathFinder

from ..base.listing import public_names as _public_names

_LIBRARIES = ("autograd",)


def install(name: str = "autograd", *, replace: bool = False) -> None:
    """Let ``import autograd`` import this library's version of it, in this process.

    Parameters
    ----------
    name : str
        ``"autograd"``, for HIPS autograd. Its ``scipy`` needs SciPy.
    replace : bool
        Also if HIPS autograd itself is installed or imported. What has been imported from it stays as it is.

    Raises
    ------
    ValueError
        If there is no version of a library of this name.
    ImportError
        If the library itself is installed, and `replace` is false.

    Examples
    --------
    >>> import autograd_lite.compat
    >>> autograd_lite.compat.install("autograd", replace=True)
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> float(grad(np.sin)(0.0))
    1.0
    """
    if name not in _LIBRARIES:
        raise ValueError(f"compat.install: expected one of {', '.join(_LIBRARIES)}, got {name!r}")
    here = f"{__name__}.{name}"
    package = _import_module(here)
    if _sys.modules.get(name) is package:
        return
    if not replace and (name in _sys.modules or _PathFinder.find_spec(name) is not None):
        raise ImportError(
            f"compat.install: {name} itself is installed here. Uninstall it, or write install({name!r}, replace=True)"
        )
    for module in [m for m in _sys.modules if m.partition(".")[0] == name]:
        del _sys.modules[module]
    try:
        _import_module(f"{here}.scipy")
    except ModuleNotFoundError as error:  # SciPy is optional
        if error.name != "scipy":
            raise
    for module in [m for m in _sys.modules if m == here or m.startswith(f"{here}.")]:
        _sys.modules[module.removeprefix(f"{__name__}.")] = _sys.modules[module]


__dir__ = _public_names(__name__)
