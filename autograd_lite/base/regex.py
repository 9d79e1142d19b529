"""The functions of `re`, which keep more compiled patterns than `re` may.

`numpy.f2py` of NumPy 2.2, which SciPy imports, makes the cache of `re` one of 50 patterns in the whole process; a
formula on a board is read with 240, and those with the names of a program are long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

compiled = lru_cache(1024)(re.compile)


def sub(pattern: str, by: str | Callable[[re.Match[str]], str], text: str, count: int = 0) -> str:
    return compiled(pattern).sub(by, text, count)


def match(pattern: str, text: str) -> re.Match[str] | None:
    return compiled(pattern).match(text)


def fullmatch(pattern: str, text: str, flags: int = 0) -> re.Match[str] | None:
    return compiled(pattern, flags).fullmatch(text)


def search(pattern: str, text: str) -> re.Match[str] | None:
    return compiled(pattern).search(text)


def findall(pattern: str, text: str) -> list[Any]:
    return compiled(pattern).findall(text)


def finditer(pattern: str, text: str) -> Iterator[re.Match[str]]:
    return compiled(pattern).finditer(text)


def split(pattern: str, text: str, maxsplit: int = 0) -> list[str | Any]:
    return compiled(pattern).split(text, maxsplit)
