"""Worksheets: what is left blank, and what the checker says of answers that are wrong."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive import source, worksheet

RIGHT = {
    "dLdP": "-(y - P)",
    "dPdC": "sigmoid(C) * (1 - sigmoid(C))",
    "dCdW": "B.T",
    "dLdW": "dCdW @ (dLdP * dPdC)",
    "dCdB": "W.T",
    "dBdA": "B * (1 - B)",
    "dAdV": "x.T",
    "dLdV": "dAdV @ (((dLdP * dPdC) @ dCdB) * dBdA)",
}


def net():
    rng = np.random.default_rng(0)
    x, y = np.array([[1.0, 0.5, -0.25], [0.5, 2.0, 1.0]]), np.array([[1.0], [0.25]])
    V = ag.tensor(rng.normal(size=(3, 4)), requires_grad=True, name="V")
    W = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True, name="W")
    A = x @ V
    B = ag.sigmoid(A)
    C = B @ W
    P = ag.sigmoid(C)
    L = 0.5 * np.sum((y - P) ** 2)
    return locals()


@pytest.fixture
def sheet():
    at = net()
    return worksheet(at["L"], wrt=[at["W"], at["V"]], names=at)


def says(sheet, **answers):
    marks = sheet.check({**RIGHT, **answers})
    assert [mark.word for mark in marks] == list(RIGHT)
    assert {mark.word for mark in marks.wrong} <= set(answers)
    return "; ".join(mark.says for mark in marks if mark.word in answers)


def test_the_sheet_has_the_steps_and_blanks_and_no_answer(sheet):
    text = str(sheet)
    assert "P = σ(C)" in text
    assert text.count("______________") == 8
    assert "-(y - P)" not in text
    assert "dL/dP = -(y - P)" in sheet.key()
    assert r"\underline{\hspace{8em}}" in sheet.markdown()
    assert sheet._repr_markdown_() == sheet.markdown()


def test_right_answers_are_right(sheet):
    marks = sheet.check(RIGHT)
    assert marks
    assert str(marks).endswith("8 of 8 right")


def test_arrays_and_slashed_names_will_do(sheet):
    at = net()
    P, y = at["P"].numpy(), at["y"]
    marks = sheet.check({"dL/dP": P - y, "dPdC": P * (1 - P)})
    assert [mark.right for mark in marks] == [True, True] + [False] * 6
    assert marks[2].says == "no answer"
    assert not marks


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"dLdP": "y - P"}, "the sign is wrong"),
        ({"dLdP": "2 * (P - y)"}, "it is 2 times the right one"),
        ({"dLdP": "(P - y) / 3"}, "it is 1/3 times the right one"),
        ({"dLdP": "-0.75 * (P - y)"}, "it is -3/4 times the right one"),
        ({"dPdC": "P"}, "that is P itself, not its derivative"),
        ({"dPdC": "sigmoid(P) * (1 - sigmoid(P))"}, "the derivative is taken at P, not at C"),
        ({"dBdA": "1 - B"}, "that is only 1 - B"),
        ({"dCdW": "B"}, "it is transposed"),
        ({"dCdB": "W"}, "it is transposed"),
        ({"dLdW": "B.T @ dLdP"}, "the factor dPdC is missing"),
        ({"dLdV": "x.T @ ((dLdP * dPdC) @ dCdB)"}, "the factor dBdA is missing"),
        ({"dLdV": "-x.T @ ((dLdP * dPdC) @ dCdB)"}, "the factor dBdA is missing, and the sign is wrong"),
        ({"dLdP": "(P - y) * P"}, "the factor P is there once too often"),
        ({"dAdV": "x.T[:, ::-1]"}, "the right numbers in the wrong places"),
        ({"dLdW": "np.ones(3)"}, "the shape is 3 where it should be 4x1"),
        ({"dLdP": "P - y + [[0], [0.5]]"}, "1 of 2 entries are off, by up to 0.5"),
        ({"dLdP": "P / 0"}, "there are infinities or nan in it"),
        ({"dLdP": "P - "}, "'P - ' does not work: invalid syntax"),
        ({"dLdP": "P - z"}, "'P - z' does not work: name 'z' is not defined"),
        ({"dPdC": "B"}, "that is B"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_wrong_answer_is_told_how(sheet, answer, verdict):
    assert verdict in says(sheet, **answer)


def test_a_missing_sum_over_the_batch():
    rng = np.random.default_rng(1)
    b = ag.tensor(rng.normal(size=3), requires_grad=True, name="b")
    x = rng.normal(size=(4, 3))
    z = x + b
    L = np.sum(z**3)
    sheet = worksheet(L, wrt=b, names={"x": x, "z": z})
    (mark,) = sheet.check({"dLdz": "3 * z ** 2", "dLdb": "3 * z ** 2"}).wrong
    assert mark.word == "dLdb"
    assert "the sum over axis 0 is missing, along which the argument was repeated" in mark.says


def test_a_sum_taken_for_a_mean():
    z = ag.tensor(np.arange(1.0, 6), requires_grad=True, name="z")
    L = np.mean(z**2)
    sheet = worksheet(L, wrt=z)
    says = sheet.check({"dLdz": "2 * z"})[0].says
    assert says == "it is 5 times the right one, and 5 is its number of entries: a sum for a mean"


def test_a_way_left_out_of_a_sum():
    x = ag.tensor([0.5, 1.5], requires_grad=True, name="x")
    a = np.sin(x)
    L = np.sum(a * x)
    sheet = worksheet(L, wrt=x, names={"a": a})
    answers = {"dLda": "x", "dadx": "np.cos(x)", "dLdx_direct": "a"}
    (mark,) = sheet.check({**answers, "dLdx": "np.cos(x) * x"}).wrong
    assert mark.says == "the way ∂L/∂x is missing from the sum"
    (mark,) = sheet.check({**answers, "dLdx": "a"}).wrong
    assert mark.says == "the way dL/da * da/dx is missing from the sum"


def test_a_mistake_is_marked_once():
    at = net()
    sheet = worksheet(at["L"], wrt=[at["W"], at["V"]], names=at)
    B, P, y = at["B"].numpy(), at["P"].numpy(), at["y"]
    wrong = y - P
    marks = sheet.check(
        {"dLdP": wrong, "dPdC": P * (1 - P), "dCdW": B.T, "dLdW": B.T @ (wrong * P * (1 - P))}
    )
    assert [mark.says for mark in marks[:4]] == ["the sign is wrong", "", "", "from your earlier answers"]


def test_a_function_or_its_text_is_marked_by_its_variables(sheet):
    def mine(x, y, V, W):
        A = x @ V
        B = 1 / (1 + np.exp(-A))
        C = B @ W
        P = 1 / (1 + np.exp(-C))
        dLdP = P - y
        dPdC = P
        dCdW = B.T
        dLdW = dCdW @ (dLdP * dPdC)  # noqa: F841 - the local variables are the answers

    marks = {mark.word: mark for mark in sheet.check(mine)}
    assert marks["dLdP"].right
    assert marks["dPdC"].says == "that is P itself, not its derivative"
    assert marks["dLdW"].says == "from your earlier answers"
    text = "def mine(y, P):\n    dLdP = y - P\n"
    assert sheet.check(text)[0].says == "the sign is wrong"
    assert sheet.check("dLdP = P - y\ndPdC = P * (1 - P)").wrong[0].word == "dCdW"
    with pytest.raises(ValueError, match="the function asks for q; given are"):
        sheet.check(lambda q: None)


def test_a_sheet_from_source():
    def loss(x, y, V, W):
        A = x @ V
        B = ag.sigmoid(A)
        C = B @ W
        P = ag.sigmoid(C)
        L = 0.5 * np.sum((y - P) ** 2)
        return L  # noqa: RET504 - the source is called after it

    at = net()
    args = at["x"], at["y"], at["V"].data, at["W"].data
    made = source(loss, *args, wrt=["W", "V"])
    sheet = worksheet(made, *args)
    assert "    dPdC = ______________" in str(sheet)
    assert "    A = x @ V" in str(sheet)
    assert sheet.key() == made
    assert sheet.check(str(made))
    marks = {
        mark.word: mark.says
        for mark in sheet.check({"dLdP": "y - P", "dPdC": "P * (1 - P)", "dBdA": "B * (1 + B)"})
    }
    assert marks["dLdP"] == "the sign is wrong"
    assert marks["dPdC"] == ""
    assert marks["dBdA"]
    assert marks["dLdW"] == "no answer"
