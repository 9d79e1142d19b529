"""Derivations, pictures and programs take time in proportion to the graph: calls are counted, not seconds.

What C code does inside one call is not seen here; `python -m benchmarks.growth` prints times.
"""

from __future__ import annotations

import re

import pytest
from thorough import EVERY_CASE, mostly_thorough

from benchmarks import growth

SIZES = (25, 50, 100) if EVERY_CASE[0] else (15, 30, 60)
ONE_OF_EACH = (
    "backward recurrent", "explain recurrent", "draw recurrent", "frames long", "partials long", "worksheet many",
    "trace long", "source long", "summary layers",
)
NAMES = [*ONE_OF_EACH, *(name for name in growth.CASES if name not in ONE_OF_EACH)]


@pytest.mark.parametrize("name", mostly_thorough(NAMES, len(ONE_OF_EACH)))
def test_calls_grow_as_the_graph(name):
    do = growth.CASES[name]
    sizes = (50, 100, 200) if name.startswith("draw") else SIZES  # from 40 steps on, layers are folded
    do(sizes[0])  # what is loaded or remembered at first use
    small, middle, large = (growth.calls(do, n) for n in sizes)
    assert large - middle < 2.3 * (middle - small), (small, middle, large)


def test_formulas_are_read_without_the_cache_of_re(monkeypatch):
    do = growth.CASES["worksheet many"]
    do(5)
    usual = growth.calls(do, 5)
    monkeypatch.setattr(re, "_MAXCACHE", 50)  # as numpy.f2py of NumPy 2.2 does
    re.purge()
    do(5)
    assert growth.calls(do, 5) < 2 * usual


def test_many_gradients_are_checked_together():
    text = str(growth.explain(growth.many(20)))
    assert text.count("check: ") == 1
    slope, difference = map(float, re.search(r"direction (\S+), by a finite difference (\S+)", text).groups())
    assert slope == pytest.approx(difference, rel=1e-4)
    assert str(growth.explain(growth.many(5))).count("check: ") == 5


def test_the_benchmark_prints_a_line_for_each_case(capsys):
    growth.main(["--only", "backward many", "--only", "summary layers", "--sizes", "2", "4"])
    assert [line[:14] for line in capsys.readouterr().out.splitlines()] == [
        "seconds at siz", "backward many ", "summary layers",
    ]  # fmt: skip
