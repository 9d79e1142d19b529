"""Tests of the kind "every row, every case" run one representative case by default; `pytest -m ""` runs all of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest

#: Whether this run takes every case; set by tests/conftest.py.
EVERY_CASE = [False]


def mostly_thorough(cases: Iterable[Any], keep: int = 1) -> list[Any]:
    """The cases of a parametrised test, of which all but the first `keep` have the marker ``thorough``."""
    cases = list(cases)
    rest = (case if isinstance(case, tuple) else (case,) for case in cases[keep:])
    return [*cases[:keep], *(pytest.param(*case, marks=pytest.mark.thorough) for case in rest)]


def crossed(rows: Iterable[Any], columns: Iterable[Any]) -> list[Any]:
    """All pairs of both; all but those with the first row or the first column have the marker ``thorough``."""
    rows, columns = list(rows), list(columns)
    first = [*((row, columns[0]) for row in rows), *((rows[0], column) for column in columns[1:])]
    return mostly_thorough(first + [(row, column) for row in rows[1:] for column in columns[1:]], len(first))


def some(cases: Iterable[Any], keep: int = 1) -> Iterable[Any]:
    """The first `keep` of the cases inside a test, or all of them in a thorough run."""
    return cases if EVERY_CASE[0] else islice(cases, keep)
