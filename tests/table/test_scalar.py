"""Formulas on single numbers: every row that has one computes the same in each language, at special values too."""

import json
import re
import shutil
import subprocess
from importlib.resources import files
from itertools import product

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import TABLE
from autograd_lite.table.scalar import FUNCTIONS, JAVASCRIPT, PYTHON, function, parse

NODE = shutil.which("node")
SPECIAL = [
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -2.5, 3.0, -0.75, 5e-324, -5e-324, 1e-310, 1e-17, 0.1, 20.0, -20.0, 709.5, -709.5,
    745.0, -745.0, 1e16, -1e16, 2.0**53 - 1, 1e200, -1e200, 1.7e308, -1.7e308, np.inf, -np.inf, np.nan,
]  # fmt: skip
PARAMS = {"hardtanh": {"min_val": -0.5, "max_val": 0.75}}
ROWS = [row for row in TABLE.values() if row.entrywise and row.formula(PARAMS.get(row.name, {})) is not None]
TRUTHS = [row for row in ROWS if row.infix in ("{x1} & {x2}", "{x1} | {x2}")]


def cases(row):
    """The formula of a row, its arguments and NumPy's results."""
    e = row.formula(PARAMS.get(row.name, {}))
    count = max(len(row.rules), getattr(row.fn, "nin", 0))
    values = [False, True] if row in TRUTHS else SPECIAL if count < 3 else SPECIAL[::3]
    columns = [np.array(c) for c in zip(*product(values, repeat=count), strict=True)]
    if row.name == "where":
        columns[0] = columns[0] != 0
    with np.errstate(all="ignore"):
        expected = np.asarray(row.fn(*columns, **PARAMS.get(row.name, {})))
    if "pow" in (row.scalar or ""):  # NumPy's power of a single number to 0.5 is a square root, which -0.0 and -inf show
        keep = (columns[1] != 0.5) | (columns[0] > 0)
        columns, expected = [c[keep] for c in columns], expected[keep]
    return e, columns, expected


def close(row, columns, found, expected):
    """Compare with NumPy's results; of the signs of zero all but a maximum's, which IEEE 754 leaves open."""
    found = np.array(found, float)
    expected = expected.astype(float)
    what = [f"{row.name}{tuple(float(c[k]) for c in columns)}" for k in range(len(found))]
    same = np.isclose(found, expected, rtol=4e-13 if row.name != "tan" else 1e-9, atol=1e-300, equal_nan=True)
    signs = (np.signbit(found) == np.signbit(expected)) | (expected != 0) | (found != 0) | np.isnan(expected)
    if row.name in ("fmax", "fmin") or re.search(r"\b(max|min)\(", row.scalar or ""):
        signs[:] = True
    wrong = [f"{w}: {a}, NumPy {b}" for w, a, b, ok in zip(what, found, expected, same & signs, strict=True) if not ok]
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_python(row):
    e, columns, expected = cases(row)
    f = function(e, [f"x{k + 1}" for k in range(len(columns))])
    with np.errstate(all="ignore"):
        found = [f(*xs) for xs in zip(*(c.tolist() for c in columns), strict=True)]
    kind = bool if expected.dtype == bool else float
    assert {type(y) for y in found} == {kind}
    close(row, columns, found, expected)


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
def test_javascript():
    lines = [files("autograd_lite.drawing").joinpath("arrays.js").read_text()]
    rows = []
    for row in ROWS:
        e, columns, expected = cases(row)
        names = ", ".join(f"x{k + 1}" for k in range(len(columns)))
        data = json.dumps([[repr(float(x)).replace("inf", "Infinity") for x in xs] for xs in zip(*columns, strict=True)])
        write = "(y) => (Object.is(y, -0) ? '-0' : String(Number(y)))"
        lines.append(f"console.log({data}.map((xs) => (({names}) => {JAVASCRIPT.write(e)})(...xs.map(Number))).map({write}).join())")
        rows.append((row, columns, expected))
    done = subprocess.run([NODE, "-"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60)
    for (row, columns, expected), line in zip(rows, done.stdout.splitlines(), strict=True):
        close(row, columns, [float(y) for y in line.split(",")], expected)
