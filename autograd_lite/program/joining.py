"""Lists of Tensors as arguments of NumPy's functions, ``np.array([x, v])`` and ``np.min([a, b])``, in a trace.

NumPy asks the type of an argument what to do, and not the entries of a list: it would make an array of objects of
them. So while a function is traced, these functions of NumPy's namespace, and those that the module of the traced
function imports by name, have one in front that joins such a list; all other arguments, and calls of this package or
from other threads, are passed on as they are.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import unwrap
from typing import Any

import numpy as np

from ..engine.context import CONTEXT, ORDINARY
from ..engine.node import Function, Params
from ..rules._arrays import has_tensor
from ..table import TABLE

PACKAGE = f"{__name__.partition('.')[0]}."


def _joining(f: Function, made: Function | None) -> Function:
    """`f`, or `made` if it makes the array itself, of a list with Tensors in it."""

    @wraps(f)
    def call(*args: Any, **params: Any) -> Any:
        is_ours = sys._getframe(1).f_globals.get("__name__", "").startswith(PACKAGE)
        if is_ours or not (CONTEXT.get() or ORDINARY).joins or not args or not has_tensor(args[0]):
            return f(*args, **params)
        if made is not None:
            return made(*args, **params)
        return f(TABLE["array"](args[0]) if isinstance(args[0], list | tuple) else args[0], *args[1:], **params)

    return call


_MAKING = ("array", "asarray")
_REDUCING = ("sum", "mean", "prod", "max", "min", "amax", "amin", "std", "var", "median")
_OURS = {
    word: _joining(getattr(np, word), TABLE[word] if word in _MAKING else None) for word in (*_MAKING, *_REDUCING)
}
_LOCK = threading.Lock()
_RUNNING = [0]  # how many functions are being traced
_BEFORE: Params = {}  # what stood there when the first of them began
_IMPORTED: list[tuple[Params, Params]] = []  # modules, with what they have imported by name


@contextmanager
def lists_joined(f: Function) -> Iterator[None]:
    """Meanwhile NumPy's functions take lists of Tensors, also under their names in the module of `f`."""
    _count(1)
    around = getattr(unwrap(f), "__globals__", {})
    with _LOCK:
        ours = {word: made for word, x in around.items() for made in _OURS.values() if x is unwrap(made)}
        _IMPORTED.append((around, {word: around[word] for word in ours}))
        around.update(ours)
    try:
        yield
    finally:
        _count(-1)


def _count(step: int) -> None:
    with _LOCK:
        _RUNNING[0] += step
        if _RUNNING[0] == step == 1:
            _BEFORE.update({word: getattr(np, word) for word in _OURS})
            vars(np).update(_OURS)
        elif not _RUNNING[0]:
            vars(np).update(_BEFORE)
            while _IMPORTED:
                around, before = _IMPORTED.pop()
                around.update(before)
