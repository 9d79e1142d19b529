"""What the tests of the table allow to fail, and why: every skip and every loosened tolerance, in one place.

A test writes ``with allowed("derivatives", row) as times:`` around what may fail. A skip must still be needed: if the
row passes with all of its cases, its test fails until the line here is removed. The end of a run lists what was used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.lib import NumpyVersion
from thorough import EVERY_CASE


@dataclass(frozen=True)
class Allowance:
    test: str  # what is tested
    rows: str  # names, separated by spaces
    why: str
    times: float = 0.0  # the factor on the tolerance (1: at fewer points instead); 0 is a skip
    always: bool = True  # whether a skip always fails, which random examples need not


_REST = "NumPy leaves rounding errors in the remainder of a division, and so has more coefficients"
_ANY_ORDER = "the entries on either side of the k-th are in any order"
_WEIGHTED = "NumPy raises IndexError for a list of q with weights"
_CONDITION = "NumPy returns the real condition number as a complex number"
_HASHED = "NumPy returns distinct complex numbers in the order of their hashes"

_EMATH_OF_ZERO = "emath.log emath.log2 emath.log10 emath.logn emath.sqrt emath.power"
_EMATH_OF_ONE = "emath.arccos emath.arcsin emath.arctanh"
_OF_MATRICES = """roots poly linalg.eig linalg.eigh linalg.eigvals linalg.svd linalg.qr linalg.slogdet linalg.det
    linalg.inv linalg.pinv linalg.solve linalg.tensorinv linalg.tensorsolve linalg.matrix_power"""

#: What always fails: remove a line when it passes.
_ALWAYS = (
    ("derivatives", "ix_ lexsort", "the results are positions: nothing to differentiate"),
    ("values, float64", "nanquantile nanpercentile", _WEIGHTED),
    ("values, float32", "polydiv", _REST),
    ("values, float16", "polydiv", _REST),
    ("values, complex64", "polydiv", _REST),
    ("values, complex128", "polydiv", _REST),
    ("values, float16", "partition", _ANY_ORDER),
)
#: The same, for some versions of NumPy.
if NumpyVersion(np.__version__) >= "2.4.0":
    _ALWAYS += (
        ("values, complex64", "unique_values", _HASHED),
        ("values, complex128", "unique_values", _HASHED),
    )
if NumpyVersion(np.__version__) < "2.3.0":
    _ALWAYS += (("values, complex64", "linalg.cond", _CONDITION), ("values, complex128", "linalg.cond", _CONDITION))
#: What fails for some of the numbers that Hypothesis draws.
_AT_TIMES = (
    ("numbers at the edge", "power float_power", "x1 ** (x2 - 1) overflows before a tiny x2 makes it small"),
    ("numbers at the edge", "i1 iv", "SciPy's iv is nan at subnormal numbers"),
    ("numbers at the edge", "i1e ive k1e kve", "SciPy's ive and kve are nan at subnormal or huge numbers"),
    ("special numbers", "nanquantile nanpercentile", _WEIGHTED),
    ("special numbers", "polymul polydiv", "NumPy drops leading zeros; here they have derivatives"),
    ("special numbers", "polyfit linalg.lstsq linalg.cond", "the result is all rounding, or infinite"),
    ("special numbers", "interp gradient", "positions have to increase; otherwise NumPy computes something else"),
    ("special numbers", _EMATH_OF_ONE, "at 1 and -1 the slope is infinite"),
    ("special numbers", _EMATH_OF_ZERO, "at 0 the slope is infinite"),
    ("special numbers", "frexp", "the slope of the mantissa, 2 ** -exponent, is infinite at subnormal numbers"),
    ("special numbers", "average", "weights may add up to 0"),
    ("special numbers", "divide_at power_at", "at 0 the value or the slope is infinite"),
    ("special numbers", "stats.t.logpdf stats.t.pdf", "the square over a tiny number of degrees of freedom overflows"),
    ("special numbers", _OF_MATRICES, "such a matrix may be singular, and a root multiple"),
)
ALLOWANCES = (
    *(Allowance(*line) for line in _ALWAYS),
    *(Allowance(*line, always=False) for line in _AT_TIMES),
    Allowance("values, float32", "roots", "a root close to another is badly conditioned", times=8),
    Allowance("domain", "jv yn yv iv ive kn kv kve", "SciPy's are nan for huge and subnormal numbers", times=1),
    Allowance("domain", "beta betaln", "SciPy's are nan for subnormal numbers", times=1),
)


def listed(test: str, row: Any) -> Allowance | None:
    return next((a for a in ALLOWANCES if a.test == test and row.name in a.rows.split()), None)


@pytest.fixture
def allowed(record_property: Any) -> Any:
    @contextmanager
    def allowed(test: str, row: Any) -> Iterator[float]:
        found = listed(test, row)
        if found is None:
            yield 1.0
            return
        record_property("allowance", f"{'loosened' if found.times else 'skipped'}: {test}: {found.why}")
        if found.times:
            yield found.times
            return
        try:
            yield 1.0
        except (Exception, pytest.fail.Exception):
            return
        if found.always and EVERY_CASE[0]:
            pytest.fail(f"{row.name} passes ({test}): remove it from tests/helpers/allowances.py")

    return allowed


def summary(terminalreporter: Any) -> None:
    """How often each allowance was used, for the end of a run."""
    reports = [r for kind in ("passed", "failed", "xfailed") for r in terminalreporter.stats.get(kind, [])]
    used = Counter(why for r in reports for name, why in getattr(r, "user_properties", ()) if name == "allowance")
    if used:
        terminalreporter.section(f"allowances: {used.total()} in {len(reports)} tests (tests/helpers/allowances.py)")
    for why, count in sorted(used.items()):
        terminalreporter.line(f"{count:4}  {why}")
