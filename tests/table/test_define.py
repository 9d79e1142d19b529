"""What `define` accepts, replaces and refuses; and that `check_row` checks the attached forms."""

import numpy as np
import pytest
from thorough import mostly_thorough, some

import autograd_lite as ag
from autograd_lite.table import ROWS, TABLE, at, define
from autograd_lite.testing.forms import check_forms
from autograd_lite.testing.report import Report
from autograd_lite.testing.rows import all_rows, check_row, points, variant


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


#: For each form: a row that has it, and a wrong one.
WRONG_FORMS = {
    "batch": ("sum", lambda b: 2 * b(*b.xs, axis=None, keepdims=False)),
    "source": ("sigmoid", "2 / (1 + np.exp(-x))"),
    "call": ("relu", "np.maximum({x}, 0.5)"),
    "infix": ("add", "{x1} - {x2}"),
    "definition": ("softmax", lambda x, axis: np.exp(x)),
    "emit": ("reshape", "2 * {x}.reshape({shape})"),
    "out": ("dot", "np.multiply({x1}, {x2}, {out})"),
    "scalar": ("exp2", "x * x"),
    "onnx": ("tanh", "Sinh"),
}


@pytest.mark.parametrize("option", WRONG_FORMS)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_form_is_reported(option):
    if option == "onnx":
        pytest.importorskip("onnx")
    name, wrong = WRONG_FORMS[option]
    for form, expected in ((getattr(TABLE[name], option), True), (wrong, False)):
        report = Report(name)
        row = variant(TABLE[name], **{option: form})
        for args, keywords in points(row, np.random.default_rng(0)):
            check_forms(report, row, args, keywords)
        assert report.ok == expected, report
        assert report.looked_at.total() > 0
    assert f"{option}=" in str(report) or option in ("emit", "out")


#: The constant rows first: the forms of the others are checked with their derivatives, in test_table.py.
FORMS = sorted(all_rows(), key=lambda row: row.kind != "constant")


@pytest.mark.parametrize(
    "row", mostly_thorough(FORMS, sum(row.kind == "constant" for row in FORMS)), ids=lambda row: row.name
)
@pytest.mark.filterwarnings("ignore")
def test_the_forms_of_each_row_give_what_it_gives(row):
    report = Report(row.name)
    for args, keywords in some(points(row, np.random.default_rng(0))):
        check_forms(report, row, args, keywords)
    assert report.ok, report


def test_check_row_checks_the_forms():
    right = define(lambda g, y: g * (1 - y * y), name="mine", examples=[at((3,))], onnx="Tanh", source="np.tanh(x)")
    assert check_row(right(lambda x: np.tanh(x)), brief=True)
    wrong = define(lambda g, y: g * (1 - y * y), name="wrong", examples=[at((3,))], source="np.sinh(x)")
    report = check_row(wrong(lambda x: np.tanh(x)), brief=True)
    assert "the form source=" in str(report)
