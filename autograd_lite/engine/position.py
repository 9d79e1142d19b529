"""The line of the user's code that an operation is on, for errors and for the names of variables."""

from __future__ import annotations

import sys
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
    frame: Any = sys._getframe(depth)
    level = depth
    while (INTERNAL[frame.f_code.co_filename] or frame.f_code.co_filename.startswith(_NUMPY)) and frame.f_back:
        frame, level = frame.f_back, level + 1
    return frame, level


def users_position() -> tuple[Any, int]:
    """The innermost code object outside the library that is running, and the instruction that it is at."""
    frame: Any = sys._getframe(2)
    while INTERNAL[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti
