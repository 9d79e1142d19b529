"""Formulas as MathML: the templates of the rows, names, numbers, and the LaTeX of the documentation pages."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive.binding import read
from autograd_lite.derive.formula import Expr, name, number
from autograd_lite.derive.mathml import MATHML, Reader, html_of
from autograd_lite.derive.simplify import make
from autograd_lite.derive.writing import LATEX, write
from autograd_lite.table import TABLE

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from mathml import mathml


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x", "<mi>x</mi>"),
        ("12.5", "<mn>12.5</mn>"),
        ("W_{1}", "<msub><mi>W</mi><mn>1</mn></msub>"),
        (r"B^\top", '<msup><mi>B</mi><mo stretchy="false">⊤</mo></msup>'),
        (r"\frac{1}{2}", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\tfrac{1}{2}", '<mstyle displaystyle="false"><mfrac><mn>1</mn><mn>2</mn></mfrac></mstyle>'),
        (r"\mathbb{Z}", "<mi>ℤ</mi>"),
        (r"\sqrt{x}", "<msqrt><mi>x</mi></msqrt>"),
        (r"\mathrm{loss}", '<mi mathvariant="normal">loss</mi>'),
        ("a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\unheard", "<mi>unheard</mi>"),
        (r"\neg \varphi", '<mo stretchy="false">¬</mo><mi>φ</mi>'),
        (r"\sin a", '<mi>sin</mi><mspace width="0.17em"/><mi>a</mi>'),
        (r"\sin^2 \theta", '<msup><mi>sin</mi><mn>2</mn></msup><mspace width="0.17em"/><mi>θ</mi>'),
        (r"\operatorname{diag} C", '<mi mathvariant="normal">diag</mi><mspace width="0.17em"/><mi>C</mi>'),
        (r"\sin(a)", '<mi>sin</mi><mo stretchy="false">(</mo><mi>a</mi><mo stretchy="false">)</mo>'),
    ],
)
def test_the_latex_of_the_pages(tex: str, expected: str) -> None:
    assert mathml(tex, block=False) == f"<math>{expected}</math>"


def test_a_matrix_has_its_rows() -> None:
    root = ET.fromstring(mathml(r"\begin{bmatrix} 1 & 2 \\ 3 & -4 \end{bmatrix}"))
    assert ["".join(line.itertext()) for line in root.iter("mtr")] == ["12", "3−4"]


NONSENSE = ["{", "}", "^", "_", r"\frac", r"\left(", r"\begin{bmatrix} 1", "a^", "}{", r"\right)", "&", ""]


@pytest.mark.parametrize("tex", NONSENSE)
def test_nonsense_is_still_well_formed(tex: str) -> None:
    ET.fromstring(mathml(tex))


def parsed(inside: str) -> ET.Element:
    """The element, whose fractions, scripts and roots have to be complete."""
    root = ET.fromstring(f"<math>{inside}</math>")
    for tag, count in (("mfrac", 2), ("msup", 2), ("msub", 2), ("msubsup", 3), ("mover", 2), ("mroot", 2)):
        assert all(len(e) == count for e in root.iter(tag)), inside
    return root


HOSTILE = [r"\input{x}", "<script>", "a & b", "^", "x_{", "}", "%", "W1", "theta", "w_out", "xhat", "dL/dW1", "x y"]


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.tex is not None], ids=lambda row: row.name)
def test_a_template_shows_every_operand_and_no_command(row) -> None:
    """Operands in every place that a row has, of every kind: none of them is read as LaTeX."""
    fields = read(row.tex).pieces
    for word in HOSTILE:
        operand = MATHML.name(word)
        shown = "".join(parsed(MATHML.fill(row.tex, *[operand] * len(fields))).itertext())
        assert shown.count("".join(parsed(operand).itertext())) >= len(fields), (row.tex, word)
        assert "\\" in word or "\\" not in shown, (row.tex, shown)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_name_is_shown_as_it_is(word: str) -> None:
    shown = "".join(parsed(MATHML.name(word)).itertext()).replace("\u00a0", " ")
    if word in (r"\input{x}", "<script>", "a & b", "^", "x_{", "}", "%", "x y"):
        assert shown == word


@pytest.mark.parametrize("value", [0.5, -0.25, 3.0, -2, 1e-9, 2**0.5, -(3**-0.5), 1 / 3, np.inf, -np.inf, np.nan, 2j])
def test_a_number_has_the_digits_that_latex_has(value: float) -> None:
    """A number in MathML is that in LaTeX, read by the reader of the pages."""
    assert f"<math>{MATHML.number(value)}</math>" == mathml(LATEX.number(value), block=False)


X, Y = name("X", (2, 3)), name("W1", (2, 3))
FORMULAS = [
    Expr("product", (number(2.0), X, Y), shape=(2, 3)),
    make(TABLE["square"], (Y,), {}, (2, 3)),
    make(TABLE["square"], (make(TABLE["add"], (X, Y), {}, (2, 3)),), {}, (2, 3)),
    make(TABLE["divide"], (make(TABLE["negative"], (X,), {}, (2, 3)), Y), {}, (2, 3)),
    make(TABLE["sin"], (make(TABLE["divide"], (X, Y), {}, (2, 3)),), {}, (2, 3)),
    make(TABLE["sum"], (Expr("product", (X, Y), shape=(2, 3)),), {"axis": (1,), "keepdims": True}, (2, 1)),
    make(TABLE["getitem"], (Y,), {"index": (0, slice(1, None))}, (2,)),
    make(TABLE["transpose"], (name("dL/dX", (2, 3)),), {"axes": None}, (3, 2)),
]  # fmt: skip


@pytest.mark.parametrize("e", FORMULAS, ids=range(len(FORMULAS)))
def test_a_formula_shows_what_its_latex_shows(e: Expr) -> None:
    """The LaTeX of the same formula, read by the reader of the pages, has the same letters and signs in this order."""
    expected = ET.fromstring(mathml(write(e, LATEX)))
    assert "".join(parsed(write(e, MATHML)).itertext()).replace(" ", "") == "".join(expected.itertext())


def test_the_steps_of_a_film_show_what_their_latex_shows() -> None:
    x = np.array([[1.0, -0.5], [0.25, 2.0]])
    W1 = ag.tensor([[0.5], [-1.0]], requires_grad=True, name="W1")
    loss_1 = ag.sum(ag.softmax(x @ W1, axis=0) ** 2) / 2 + ag.where(W1 > 0, W1, 0.0).sum()
    for step in ag.frames(loss_1, wrt=W1, forward=True).steps:
        shown = "=".join("".join(parsed(side).itertext()) for side in step.sides(MATHML))
        latex = "".join(ET.fromstring(mathml(step.tex)).itertext())
        assert shown.replace("\u00a0", " ").replace(" ", "") == latex.replace("\u00a0", " ").replace(" ", "")


def test_a_long_line_is_broken() -> None:
    U, W, b = (ag.tensor(np.eye(2), requires_grad=True, name=w) for w in ("Umatrix", "Wmatrix", "bmatrix"))
    first, second = np.tanh(U @ W + W @ b), np.tanh(W @ U + b @ U)
    third = np.tanh(U @ b + b @ W)
    latex = np.sum(first * second * third).explain(names={"first": first, "second": second, "third": third}).latex()
    rows = [row for row in latex.splitlines() if not row.startswith("%")]
    assert any(row.startswith(r"& \quad + ") for row in rows)
    assert any(row.startswith(r"& \quad \text{since } ") for row in rows)
    assert max(map(len, rows)) < 420


def test_a_term_of_a_long_sum_that_is_negated_has_one_sign() -> None:
    weights, tags = np.ones((4, 2)), np.array([0, 1, 1, 0])

    def score(emission):
        total, partition = 0.0, 0.0
        for t in range(4):
            total = total + emission[t, tags[t]]
            partition = partition + np.exp(emission[t]) @ weights[t]
        return np.log(partition) - total

    latex = ag.trace(score, np.ones((4, 2))).explain(roll=False).latex()
    assert r"& \quad - 1[k = 3]\,1[\mathrm{tags}[3] = j] \\" in latex
    assert "+ -" not in latex


def test_a_brace_grows_with_its_cases():
    """It is drawn by the style sheet; without that the character is shown."""
    made = html_of(r"$$x = \begin{cases} 1 & a \\ 2 & b \end{cases}$$")
    assert '<mrow class="brace"><mo' in made
    assert ".brace { display: none; }" in made


def test_formulas_within_text():
    text = Reader(r"\text{; $\Phi$: lower triangle where $a_{ij}$ is 0}").all()
    assert text.replace("\u00a0", " ") == (
        "<mtext>; </mtext><mi>Φ</mi><mtext>: lower triangle where </mtext>"
        "<msub><mi>a</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub><mtext> is 0</mtext>"
    )
    assert LATEX.prose("aᵢⱼ") == "a_{ij}"  # a name alone is no text
