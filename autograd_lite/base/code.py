"""Code objects."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType


def with_inner(code: CodeType) -> Iterator[CodeType]:
    """Some code, and that of the functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from with_inner(constant)
