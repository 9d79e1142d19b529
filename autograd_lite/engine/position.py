"""The line of the user's code that an operation is on, for errors and for the names of variables."""

from __future__ import annotations

import sys
from itertools import takewhile
from os.path import dirname, join
from typing import Any

import numpy as np

_PACKAGE = join(dirname(dirname(__file__)), "")  # with its slash: a folder beside it may be called autograd_lite_too
_NUMPY = join(dirname(np.__file__), "")
_USERS = (join(_PACKAGE, "talk", ""), join(_PACKAGE, "__main__.py"))  # which use the library as user code does


class _Internal(dict[str, bool]):
    """By filename: whether a file belongs to the library."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = inside = filename.startswith(_PACKAGE) and not filename.startswith(_USERS)
        return inside


INTERNAL = _Internal()


def users_line() -> str:
    """``file:line`` of the user's code that is running."""
    frame, _ = users_frame(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def users_frame(depth: int) -> tuple[Any, int]:
    """The innermost frame outside the library and NumPy, from `depth` calls up, and a warning's `stacklevel` there."""
    frame = sys._getframe(depth)
    level = depth
    while (INTERNAL[frame.f_code.co_filename] or frame.f_code.co_filename.startswith(_NUMPY)) and frame.f_back:
        frame, level = frame.f_back, level + 1
    return frame, level


def foreign_call() -> str:
    """The function that the user called and that converts a tensor: ``scipy.linalg.expm``, ``np.r_``; else ''."""
    frame: Any = sys._getframe(2)
    name = ""
    while frame is not None and (module := str(frame.f_globals.get("__name__"))).startswith(("scipy.", "numpy.")):
        name = _public_name(module, frame) or name
        frame = frame.f_back
    return name


def _public_name(module: str, frame: Any) -> str:
    """How a user writes the function that a frame of SciPy's runs; '' if it is internal."""
    owner, name = frame.f_locals.get("self"), frame.f_code.co_name
    if module.startswith("numpy."):
        return next((f"np.{name}" for name in ("r_", "c_") if owner is getattr(np, name)), "")
    if module.startswith("scipy._lib.") and callable(wrapped := frame.f_locals.get("f")):  # a decorator of SciPy's
        module, name = wrapped.__module__, wrapped.__name__
    public = ".".join(takewhile(lambda part: not part.startswith("_"), module.split(".")))
    if owner is not None:  # SciPy's norm is an object of class norm_gen
        kind = type(owner).__name__.removesuffix("_gen")
        name = kind if name.startswith("_") else f"{kind}.{name}"
    is_public = hasattr(sys.modules.get(public), name.partition(".")[0]) and not name.startswith("_")
    return f"{public}.{name}" if is_public else ""
