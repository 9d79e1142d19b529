"""Numbers, parameters and places as text; lines that say the same."""

from __future__ import annotations

import dis
import linecache
from functools import lru_cache
from typing import Any

import numpy as np

from ..base.escape import plain
from ..program import Equation

WIDTH = 120


def number(x: Any) -> str:
    """A Python number as source."""
    if type(x) is complex:
        return f"complex({number(x.real)}, {number(x.imag)})"
    word = repr(x) if type(x) is not float or np.isfinite(x) else f"float({str(x)!r})"
    return f"({word})" if word.startswith("-") else word


def users_line(eq: Equation) -> str:
    """The line of the user's code, or the function whose derivative an equation belongs to."""
    code = eq.code
    if code is None:
        return plain(eq.row.name)
    if code.co_filename.startswith("<autograd_lite: "):
        return f"derivative of {plain(code.co_filename[16:-1])}"
    line = _line(code, eq.origin.at)
    return plain(linecache.getline(code.co_filename, line).strip()) or f"line {line} of {plain(code.co_name)}"


@lru_cache(maxsize=1024)
def _line(code: Any, at: int) -> int:
    current = code.co_firstlineno
    for start, line in dis.findlinestarts(code):
        if start > at:
            break
        current = line or current
    return int(current)


def shared(lines: list[str]) -> list[str]:
    """The lines that run once, with values in the same memory on one line: ``a = b = memory[0:64]...``"""
    names: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(" = ")
        key = value if value.startswith("memory[") else line
        if key in names and len(" = ".join([*names[key], name, key])) > WIDTH - 8:
            names[line] = [name]  # a line of its own
        else:
            names.setdefault(key, []).append(name)
    return [key if not key.startswith("memory[") else " = ".join([*same, key]) for key, same in names.items()]
