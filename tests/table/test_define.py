"""What `define` accepts, replaces and refuses; and that `check_row` checks the attached forms."""

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.table import ROWS, TABLE, define


@pytest.fixture(autouse=True)
def rows_of_this_test():
    before, functions = dict(TABLE), dict(ROWS)
    yield
    for registry, kept in ((TABLE, before), (ROWS, functions)):
        registry.clear()
        registry.update(kept)


CELL = """
@ag.table.define(lambda g, x: g * {factor} * x**2)
def cube_of_a_cell(x):
    return x**3
"""


def test_a_cell_that_is_run_again_replaces_its_row():
    space = {"ag": ag, "__name__": "__main__"}
    exec(CELL.format(factor=2), space)
    assert ag.grad(space["cube_of_a_cell"])(2.0) == 8
    exec(CELL.format(factor=3), space)
    assert ag.grad(space["cube_of_a_cell"])(2.0) == 12
    assert TABLE["cube_of_a_cell"] is space["cube_of_a_cell"]
    with pytest.raises(TypeError, match="asks for 'h'"):
        exec(CELL.replace("lambda g, x", "lambda g, h").format(factor=3), space)
    assert TABLE["cube_of_a_cell"] is space["cube_of_a_cell"], "what was there stays if the new one is refused"


def test_a_row_from_elsewhere_is_not_replaced():
    exec(CELL.format(factor=3), {"ag": ag, "__name__": "one"})
    with pytest.raises(ValueError, match="already has a row called 'cube_of_a_cell'"):
        exec(CELL.format(factor=3), {"ag": ag, "__name__": "two"})
    with pytest.raises(ValueError, match="already has a row called 'exp'"):
        define(lambda g, y: g * y, name="exp")(lambda x: np.exp(x))


def two(a, b):
    return a * b


@pytest.mark.parametrize(
    ("rules", "options", "f", "message"),
    [
        ((lambda g, x2: g * x2,), {}, two, r"takes 2 arguments \(a, b\) and has 1 rule: give one for each, None for"),
        ((lambda x2: x2,), {"kind": "elementwise"}, two, "takes 2 arguments"),
        ((1.0,), {"kind": "elementwise", "outputs": True}, lambda x: (x, x), "write kind='general'"),
        (
            (lambda g, axis: g,), {"kind": "linear"}, lambda x, axis=-1: x,
            r"asks for 'axis', .* bind=lambda x, axis: \(\(x,\), \{'axis': axis\}\)",
        ),
        ((lambda g, a: g * a,), {}, lambda a: a * a / 2, "name the arrays x, or x1, x2"),
        ((), {}, two, "a rule for each argument is missing"),
    ],
)
def test_what_is_refused_says_what_to_write(rules, options, f, message):
    before = dict(TABLE)
    with pytest.raises(TypeError, match=message):
        define(*rules, name="refused_for_a_test", **options)(f)
    assert before == TABLE


def filled(g, x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = 2 * x[i]
    return g * out


@pytest.mark.parametrize("rule", [filled, lambda g, x: g * 2 * np.asarray(x)])
def test_a_rule_that_cannot_be_differentiated_is_told_to_declare_it(rule):
    square = define(rule, name="square_of_a_test")(lambda x: x * x)
    with pytest.raises((RuntimeError, ValueError)) as caught:
        ag.hessian(lambda x: np.sum(square(x)))(np.ones(3))
    assert any("declare order=1 if it has a first derivative only" in note for note in caught.value.__notes__)
