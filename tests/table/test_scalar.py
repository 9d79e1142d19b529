"""Formulas on single numbers: every row that has one computes the same in each language, at special values too."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import subprocess
from importlib.resources import files
from itertools import product

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiling import compiled
from autograd_lite.table import TABLE
from autograd_lite.table.scalar import FUNCTIONS, JAVASCRIPT, PYTHON, Scalar, function, number, parse, variable

NODE = shutil.which("node")
SPECIAL = [
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -2.5, 3.0, -0.75, 5e-324, -5e-324, 1e-310, 1e-17, 0.1, 20.0, -20.0,
    709.5, -709.5, 745.0, -745.0, 1e16, -1e16, 2.0**53 - 1, 1e200, -1e200, 1.7e308, -1.7e308, np.inf, -np.inf, np.nan,
]  # fmt: skip
PARAMS = {"hardtanh": {"min_val": -0.5, "max_val": 0.75}}
ROWS = [row for row in TABLE.values() if row.entrywise and row.formula(PARAMS.get(row.name, {})) is not None]


def in_javascript(functions):
    """The results of JavaScript functions, each for a list of tuples of arguments."""
    lines = [
        files("autograd_lite.drawing").joinpath("arrays.js").read_text(),
        "const text = (y) => (Object.is(y, -0) ? '-0' : String(Number(y)));",
    ]
    for text, points in functions:
        data = [[repr(float(x)).replace("inf", "Infinity") for x in xs] for xs in points]
        lines.append(f"console.log({json.dumps(data)}.map((xs) => ({text})(...xs.map(Number))).map(text).join());")
    done = subprocess.run([NODE, "-"], input="\n".join(lines), capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr[-1000:]
    return [[float(y) for y in line.split(",")] for line in done.stdout.splitlines()]


# ----------------------------------------------------------------------------------------------------------- the rows


def cases(row):
    """The formula of a row, its arguments and NumPy's results."""
    params = PARAMS.get(row.name, {})
    e = row.formula(params)
    count = max(len(row.rules), getattr(row.fn, "nin", 0))
    values = [False, True] if e.head in ("&", "|") else SPECIAL if count < 3 else SPECIAL[::3]
    columns = [np.array(c) for c in zip(*product(values, repeat=count), strict=True)]
    if row.name == "where":
        columns[0] = columns[0] != 0
    with np.errstate(all="ignore"):
        expected = np.asarray(row.fn(*columns, **params))
    if e.head == "pow":  # NumPy's power of one number to 0.5 is a square root, and so differs at -0.0 and -inf
        keep = (columns[1] != 0.5) | (columns[0] > 0)
        columns, expected = [c[keep] for c in columns], expected[keep]
    return e, columns, expected


def compare(row, columns, found, expected):
    """Compare with NumPy's results, and the sign of zero too, except for a maximum, where IEEE 754 leaves it open."""
    found, expected = np.array(found, float), expected.astype(float)
    fine = np.isclose(found, expected, rtol=1e-9 if row.name == "tan" else 4e-13, atol=1e-300, equal_nan=True)
    if row.name not in ("fmax", "fmin") and not re.search(r"\b(max|min)\(", row.scalar or ""):
        fine &= (np.signbit(found) == np.signbit(expected)) | (expected != 0) | (found != 0)
    points = zip(*columns, found, expected, fine, strict=True)
    wrong = [f"{row.name}{tuple(map(float, xs))} is {y}, NumPy's {z}" for *xs, y, z, ok in points if not ok]
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_python_has_numpys_values(row):
    e, columns, expected = cases(row)
    f = function(e, [f"x{k + 1}" for k in range(len(columns))])
    with np.errstate(all="ignore"):
        found = [f(*xs) for xs in zip(*(c.tolist() for c in columns), strict=True)]
    assert {type(y) for y in found} == {bool if expected.dtype == bool else float}
    compare(row, columns, found, expected)


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine")
def test_javascript_has_numpys_values():
    rows = [(row, *cases(row)) for row in ROWS]
    functions = []
    for _, e, columns, _ in rows:
        names = ", ".join(f"x{k + 1}" for k in range(len(columns)))
        functions.append((f"({names}) => {JAVASCRIPT.write(e)}", list(zip(*columns, strict=True))))
    for (row, _, columns, expected), found in zip(rows, in_javascript(functions), strict=True):
        compare(row, columns, found, expected)


def heads(e):
    return {e.head}.union(*map(heads, e.args))


def test_each_function_is_compared_above():
    assert set(FUNCTIONS) <= set().union(*(heads(row.formula(PARAMS.get(row.name, {}))) for row in ROWS))


def test_most_rows_have_a_formula():
    assert len([row for row in ROWS if row.kind == "elementwise"]) >= 65


@pytest.mark.parametrize("row", [TABLE[name] for name in ("add", "multiply", "maximum", "absolute", "positive")])
def test_arithmetic_on_truth_values_is_numpys(row):
    """``True + True`` is not 2."""
    xs = [np.array([b]) for b in (True, False)]
    for args in product(xs, repeat=len(row.rules)):
        def f(*args, row=row):
            return row(*(a > 0.5 for a in args)) * 1.0

        try:
            expected = f(*(a.astype(float) for a in args))
        except TypeError:  # NumPy has none
            continue
        floats = [a.astype(float) for a in args]
        np.testing.assert_array_equal(compiled(ag.trace(f)(*floats))(*floats)[0], expected)


# --------------------------------------------------------------------------------------------------- random formulas


def safely(f, numpys):
    def call(*xs):
        try:
            return float(f(*xs))
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return float(numpys(*xs))

    return call


EXACT = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "neg": lambda a: -a, "abs": abs,
    "/": safely(lambda a, b: a / b, np.divide), "sqrt": safely(math.sqrt, np.sqrt),
    "floor": lambda x: float(np.floor(x)), "ceil": lambda x: float(np.ceil(x)),
    "trunc": lambda x: float(np.trunc(x)), "rint": lambda x: float(np.rint(x)),
    "copysign": math.copysign, "fmod": safely(math.fmod, np.fmod), "if": None,
}  # fmt: skip
ROUNDED = {
    "exp": safely(math.exp, np.exp), "log": safely(math.log, np.log), "log1p": safely(math.log1p, np.log1p),
    "max": lambda a, b: a if a >= b or a != a else b, "min": lambda a, b: a if a <= b or a != a else b,
}  # fmt: skip
TESTS = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
JOINED = {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "not": lambda a: not a}
MEANING = EXACT | ROUNDED | TESTS | JOINED


def arity(head):
    return FUNCTIONS.get(head) or (1 if head in ("neg", "not") else 2)


def drawn(rng, heads, depth, test=False):
    """A random formula, or test."""
    if test:
        head = rng.choice([*TESTS, *JOINED] if depth > 1 else [*TESTS])
        return Scalar(head, tuple(drawn(rng, heads, depth - 1, head in JOINED) for _ in range(arity(head))))
    if depth <= 0 or rng.random() < 0.1:
        some = number(rng.choice([1.0, -2.5, 0.0, -700.0, 3.0, math.inf, math.nan]))
        return rng.choice([variable("x1"), variable("x2"), some])
    head = rng.choice(heads)
    if head == "if":
        return Scalar("if", tuple(drawn(rng, heads, depth - 1, k == 0) for k in range(3)))
    args = [drawn(rng, heads, depth - 1) for _ in range(arity(head))]
    if head == "copysign":  # a nan that is computed has any sign
        args[1] = variable("x2")
    return Scalar(head, tuple(args))


def value(e, xs):
    if e.head == "number":
        return e.value
    if e.head == "name":
        return xs[int(e.value[1:]) - 1]
    if e.head == "if":
        return value(e.args[1 if value(e.args[0], xs) else 2], xs)
    return MEANING[e.head](*(value(a, xs) for a in e.args))


POINTS = list(product([0.0, -0.0, 0.5, -2.5, 7.0, 705.0, -705.0, 1e16, 1e300, -np.inf, np.nan], repeat=2))


def check_random(formulas, found, text):
    for e, ys in zip(formulas, found, strict=True):
        for xs, y in zip(POINTS, ys, strict=True):
            z = value(e, xs)
            same = y == z and math.copysign(1, y) == math.copysign(1, z) or y != y and z != z
            assert same, f"{text(e)} at {xs} is {y}, and should be {z}"


def test_random_formulas_in_python():
    rng = random.Random(0)
    formulas = [drawn(rng, [*EXACT, *ROUNDED, "exp", "max", "/"], rng.choice([1, 2, 3, 4])) for _ in range(600)]
    found = []
    for e in formulas:
        f = function(e, ["x1", "x2"])
        with np.errstate(all="ignore"):
            found.append([f(*xs) for xs in POINTS])
    check_random(formulas, found, PYTHON.write)


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine")
def test_random_formulas_in_javascript():
    rng = random.Random(1)
    formulas = [drawn(rng, [*EXACT], rng.choice([1, 2, 3, 4])) for _ in range(300)]
    found = in_javascript([(f"(x1, x2) => {JAVASCRIPT.write(e)}", POINTS) for e in formulas])
    check_random(formulas, found, JAVASCRIPT.write)


# ----------------------------------------------------------------------------------------------------------- grammar


def test_python_checks_only_what_may_raise():
    sigmoid = "1.0 / (1.0 + exp(-x1)) if x1 > -37.0 else exp(x1)"
    assert PYTHON.write(TABLE["sigmoid"].formula({})) == sigmoid
    softplus = "(x1 if x1 >= 0.0 or x1 != x1 else 0.0) + log1p(exp(-abs(x1)))"
    assert PYTHON.write(TABLE["softplus"].formula({})) == softplus
    assert PYTHON.write(parse("x / 2")) == "x1 / 2.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x ** 2", r"got 'x \*\* 2'"), ("sigmoid(x)", r"got 'sigmoid\(x\)'"), ("exp(x, x)", r"got 'exp\(x, x\)'"),
        ("np.exp(x)", "got"), ("1 if x else 0", "write x != 0"), ("x and x > 0", "write x != 0"), ("x +", "scalar="),
        ("'a'", "got"), ("1 < x < 2", "got 1 < x < 2|got '1 < x < 2'"),
    ],
)  # fmt: skip
def test_what_a_formula_may_not_have(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_wrong_formula_raises_where_the_row_is_declared():
    with pytest.raises(ValueError, match="scaled_example: scalar='x1 / length' has length; expected"):

        @ag.table.define(lambda x: 0 * x + 0.5, kind="elementwise", scalar="x1 / length", name="scaled_example")
        def scaled(x):
            return x / 2


def test_a_row_of_a_user_becomes_floats(op):
    @op(lambda x: 3 * x * x, kind="elementwise", scalar="x * x * x", name="cube_of_numbers")
    def cube(x):
        return x**3

    made = compiled(ag.trace(lambda x: cube(x) + 1.0)(np.array(2.0)))
    assert made(np.array(3.0))[0] == 28.0
    assert "(x_1 * x_1 * x_1) + 1.0" in made.source
