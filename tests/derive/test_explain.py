"""Derivations as text, Markdown and LaTeX: what they contain, in which order, and what they omit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import nn
from autograd_lite.derive import explain
from autograd_lite.derive.row_formulas import derivatives
from autograd_lite.table import TABLE
from autograd_lite.talk import derived
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import points

RNG = np.random.default_rng(0)
ROOT = Path(__file__).parents[2]


def leaf(shape, name):
    return ag.tensor(RNG.normal(size=shape), requires_grad=True, name=name)


# ------------------------------------------------------------------------------------------------------ the talk


def test_the_talks_steps_come_in_the_talks_order():
    d = derived.derivation(0)
    assert [line.symbol.replace("/", "") for line in d.lines] == [
        "dLdP", "dPdC", "dCdW", "dLdW", "dCdB", "dBdA", "dAdV", "dLdV",
    ]  # fmt: skip
    assert d.check() < 1e-12


def test_the_talks_formulas_are_those_of_the_board():
    text = str(derived.derivation(0))
    for line in (
        "Given  x (1x3), y (1x1), V (3x4), W (4x1)",
        "L = ½ (y - P)²",
        "dL/dV = dL/dP · dP/dC · dC/dB · dB/dA · dA/dV",
        "dL/dP = -(y - P)                  since L = ½ (y - P)²",
        "dP/dC = P (1 - P)                 since P = σ(C)",
        "dC/dW = Bᵀ                        since C = B @ W; a matrix, from the left",
        "dL/dW = dC/dW @ (dL/dP · dP/dC)",
        "dL/dV = dA/dV @ (((dL/dP · dP/dC) @ dC/dB) ⊙ dB/dA)",
        "check: slope along one direction",
    ):
        assert line in text
    tex = derived.derivation(0).latex()
    for formula in (
        r"A &= x\,V = \begin{bmatrix} 0.1257 & -0.1321 & 0.6404 & 0.1049 \end{bmatrix} && 1 \times 4",
        r"\tfrac{1}{2}(y - P)^2",
        r"\frac{\partial P}{\partial C} &= P(1 - P) = ",
        r"\frac{\partial B}{\partial A} &= B \odot (1 - B) = ",
        r"\frac{\partial C}{\partial W} &= B^\top = \begin{bmatrix}",
        r"\frac{\partial A}{\partial V} &= x^\top",
    ):
        assert formula in tex


def test_the_numbers_are_in_it():
    d = derived.derivation(0)
    dLdW = next(t for t in d.totals if t.symbol == "dL/dW")
    assert f"[[{dLdW.value[0, 0]:.5f}".rstrip("0") in str(d)
    assert f"{{bmatrix}} {dLdW.value[0, 0]:.4g}" in d.markdown()


def test_a_console_without_greek():
    assert derived.derivation(0).text(ascii=True).isascii()
    assert "dP/dC = P * (1 - P)               since P = sigmoid(C)" in derived.derivation(0).text(ascii=True)


def test_notebooks_get_mathematics():
    d = derived.derivation(0)
    assert d._repr_markdown_() == d.markdown()
    assert d._repr_latex_().startswith("% Given\n\\begin{align*}")
    page = d._repr_html_()
    assert "<h4>From the result down</h4>" in page
    assert page.count("<math") == page.count("<h4>") == 4
    assert not re.search("<script|src=|href=|import|begin", page)  # no MathJax from a network


def test_the_page_is_what_its_script_prints():
    done = subprocess.run(
        [sys.executable, "docs/derivation_page.py"],
        cwd=ROOT,
        env={"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "docs" / "derivation.md").read_text(encoding="utf-8")


def test_tensors_have_it_as_methods():
    V = ag.tensor(np.ones((3, 1)), requires_grad=True, name="V")
    x = np.ones((2, 3))
    L = np.sum((x @ V) ** 2)
    assert str(L.explain(wrt=[V], names={"x": x})) == str(explain(L, [V], names={"x": x}))
    assert str(L.partials(V)) == "dL/dV = dL/da · da/dV"


# ------------------------------------------------------------------------------------------------- no noise terms


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x: 1.0 * x, "1"),
        (lambda x: x + 0.0, "1"),
        (lambda x: -(0 - x), "1"),
        (lambda x: x**2, "2 x"),
        (lambda x: x * x, "2 x"),
        (lambda x: x * x * x, "3 x²"),
        (lambda x: x**3, "3 x²"),
        (lambda x: 2 * x * 3, "6"),
        (lambda x: 5 - 2 * x, "-2"),
        (lambda x: 1 / x, "-1 / x²"),
        (lambda x: x / 4, "¼"),
        (lambda x: x / 3, "1 / 3"),
        (lambda x: np.exp(x), "y"),
        (lambda x: np.exp(-x), "-y"),
        (lambda x: np.log(x), "1 / x"),
        (lambda x: np.tanh(x), "1 - y²"),
        (lambda x: np.sqrt(x), "1 / (2 y)"),
        (lambda x: np.maximum(x, 0), "1[x > 0]"),
        (lambda x: np.mean(x), "1"),
        (lambda x: 0.5 * (1 - x) ** 2, "-(1 - x)"),
        (lambda x: np.logaddexp(0, x), "σ(x)"),
        (lambda x: np.where(x > 0, 2 * x, x), "where(x > 0, 2, 1)"),
    ],
)
def test_local_derivatives_read_as_on_paper(f, formula):
    x = ag.tensor(0.75, requires_grad=True, name="x")
    y = f(x)
    y.name = "y"
    got = str(explain(y, x)).split("From the result down")[1].split("since")[0].strip()
    assert got == f"dy/dx = {formula}"


def test_a_bias_is_summed_and_a_factor_of_one_not_written():
    W, b = leaf((3, 2), "W"), leaf((2,), "b")
    x = np.ones((4, 3))
    Z = x @ W + b
    L = np.mean(Z**2)
    text = str(explain(L, [W, b], names={"x": x}))
    assert "Z = x @ W + b" in text
    assert "dL/dZ = 2 Z / n" in text
    assert "n = 8" in text
    assert "dL/db = Σᵢ dL/dZᵢ" in text
    assert "dZ/db = I                         since Z = x @ W + b; summed over the batch" in text


def test_where_paths_meet_a_total_is_a_sum():
    x = leaf((3,), "x")
    a = np.sin(x)
    b = np.cos(a)
    L = np.sum(a * b)
    d = explain(L, x)
    assert [t.symbol for t in d.totals] == ["dL/da", "dL/dx"]
    assert "dL/da = ∂L/∂a + dL/db ⊙ db/da" in str(d)
    assert r"\left.\frac{\partial L}{\partial a}\right|_{\text{direct}}" in d.latex()
    assert d.text(ascii=True).isascii()
    assert d.check() < 1e-12


def test_constants_get_names_and_shapes_in_the_order_of_their_use():
    w = leaf((3,), "w")
    L = np.sum(np.ones((5, 3)) * 2 * w) + np.sum(w * np.arange(6.0).reshape(2, 3))
    assert "Given  (np.ones((5, 3)) * 2) (5x3), np.arange(6.0).reshape(2, 3) (2x3), w (3)" in str(explain(L, w))


def test_constants_keep_the_names_and_the_form_that_the_line_has():
    w, lam, n, t = leaf((3,), "w"), 0.25, 2, np.array([1.0, 0.0, 1.0])
    L = np.sum((1 - t) * w**2) / n + lam * np.sum(w) ** 2 + 2 * np.sum(w / np.sqrt(2))
    text = str(explain(L, w, names={"t": t}))  # n and lam are in the line only
    assert "Given  t (3), n = 2, λ = ¼, w (3)" in text
    assert "(1 - t) ⊙ w²" in text
    assert "/ n + λ" in text
    assert "w / √2" in text
    assert "2 Σ" in text  # a 2 that was written is no n
    assert explain(L, w, names={"t": t}).check() < 1e-10


def test_parts_of_an_array_are_found_where_they_lie():
    x, w = np.arange(6.0).reshape(3, 2), leaf((2,), "w")
    L = sum(np.sum(np.tanh(w * x[k])) for k in range(3)) + np.sum(w[0] * x[:, 1])
    text = str(explain(L, w, names={"x": x}))
    for part in ("Σₖ Σ tanh(w ⊙ x[k])", "k = 0 … 2", "x[:, 1]"):
        assert part in text


def test_what_is_written_twice_is_computed_once():
    x = leaf((4,), "x")
    m = np.mean(x)
    L = np.sum((x - m) ** 2 * np.exp(x - m))
    d = explain(L, x)
    assert str(d).split("From the result down")[0].count("x - m") == 1
    assert d.check() < 1e-10


def test_without_its_source_a_number_is_named_by_its_value_if_that_is_not_whole():
    space = {"np": np, "w": leaf((2,), "w")}
    exec("lam, n = 0.3, 2\nL = lam * np.sum(w**2) / n", space)
    text = str(explain(space["L"], space["w"], names={"lam": 0.3, "n": 2}))
    assert "λ Σ w²" in text
    assert "n" not in text.split("Given")[1].splitlines()[0].replace("Given", "")


# ---------------------------------------------------------------------------------------------------- long graphs


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_steps_are_grouped_by_module_and_cut_to_a_depth():
    net = model()
    x = np.ones((2, 3))
    L = np.mean(net(x) ** 2)
    whole = explain(L, names={"x": x})
    assert [title for title, _ in whole.steps()] == [
        "Sequential.0 (Linear)",
        "Sequential.1 (Tanh)",
        "Sequential.2 (Linear)",
        "",
    ]
    assert "in Sequential.2 (Linear)" in str(whole)
    assert "weight_0" in str(whole)
    assert "weight_2" in str(whole)
    once = explain(L, names={"x": x}, depth=1)
    assert "= x @ weight_0ᵀ + bias_0" in str(once)  # a layer of one operation is that operation
    folded = explain(L, names={"x": x}, depth=0)
    assert "= Sequential(x, weight_0, bias_0, weight_2, bias_2)" in str(folded)
    for d in (whole, once, folded):
        assert d.check() < 1e-12
    assert len(str(folded)) < len(str(whole))


def test_a_long_derivation_names_the_derivative_by_each_branching_step():
    W, U = leaf((2, 2), "W"), leaf((2, 2), "U")
    h = np.zeros((1, 2))
    for _ in range(3):
        h = np.tanh(np.ones((1, 2)) @ W + h @ U)
    L = np.sum(h)
    d = explain(L, [W, U])
    assert len(d.totals) > 3
    assert d.check() < 1e-10


def test_only_what_was_asked_for_is_derived():
    a, b = leaf((2,), "a"), leaf((2,), "b")
    L = np.sum(a * b)
    assert "dL/db" not in str(explain(L, a))
    assert "dL/db" in str(explain(L))


# ---------------------------------------------------------------------------------------------------------- errors


def test_a_loss_of_several_entries_raises():
    w = leaf((3,), "w")
    with pytest.raises(
        ValueError, match=r"expected a result with one entry, got shape \(3,\): take .sum\(\)"
    ):
        explain(w * 2, w)


def test_an_inner_result_needs_a_name():
    w = leaf((3,), "w")
    inner = [w * 2]
    L = np.sum(inner[0] ** 2 * 3)
    with pytest.raises(ValueError, match=r"set its \.name first"):
        explain(L, inner[0])


def test_a_kink_is_reported_with_its_convention():
    x = ag.tensor([0.0], requires_grad=True, name="x")
    L = np.sum(ag.special.relu(x))  # the slope is 0 on one side and 1 on the other
    derivation = explain(L, x)
    said = "at a kink a finite difference tells nothing; it is the engine's gradient"
    assert re.search(rf"dL/dx = 1\[x > 0\] .*; slope 0 at 0\n.*\n\s+check: {said}", str(derivation))
    assert derivation.check() == 0


@pytest.mark.parametrize("f", [np.square, np.cosh, lambda x: np.maximum(x, 0) ** 2, lambda x: 1e8 * np.tanh(x) ** 2])
def test_a_minimum_is_no_kink(f):
    x = ag.tensor(0.0, requires_grad=True, name="x")
    assert "check: slope along one direction 0, by a finite difference" in str(explain(f(x), x))


# ----------------------------------------------------------------------------------------------------------- LaTeX


def faults(tex: str) -> str:
    """Errors in LaTeX: braces that do not match, double superscripts or subscripts."""
    depth = 0
    for token in re.findall(r"\\.|[{}]", tex):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            return "a brace too many"
    if depth:
        return "a brace is open"
    if tex.count(r"\left") != tex.count(r"\right"):
        return "left without right"
    group = r"(?:\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\\[a-zA-Z]+|\w)"
    for script in "^_":
        if re.search(rf"{re.escape(script)}{group}\s*{re.escape(script)}", tex):
            return f"two {script} in a row"
    return ""


def test_the_checker_of_tex_sees_faults():
    assert faults(r"x^{-1}^\top")
    assert faults("x_{1}_{2}")
    assert faults("{x")
    assert not faults(r"{x_{1}}_{2}^\top + \left(a\right)")


def rows():
    for row in TABLE.values():
        if row.kind in ("constant", "composite"):
            continue
        try:
            yield pytest.param(row, next(points(row, np.random.default_rng(1))), id=row.name)
        except (CannotCheck, StopIteration):
            continue


@pytest.mark.parametrize(("row", "point"), list(rows()))
def test_every_row_can_be_written_in_tex(row, point):
    args, keywords = point
    found = derivatives(row, *args, **keywords)
    for d in found:
        assert not faults(d.latex()), d.latex()
        assert not re.search(r"·\w", d.latex())  # a symbol of the derivation
        assert not re.search(r"·\w", d.text())


@pytest.mark.parametrize(
    ("row", "formula"),
    [
        ("exp", r"\frac{\partial y}{\partial x} = y"),
        ("sigmoid", r"\frac{\partial y}{\partial x} = y(1 - y)"),
        ("arctan", r"\frac{\partial y}{\partial x} = \frac{1}{1 + x^2}"),
        ("sqrt", r"\frac{\partial y}{\partial x} = \frac{1}{2\,y}"),
        ("cos", r"\frac{\partial y}{\partial x} = -\sin x"),
    ],
)
def test_the_table_at_the_back_of_the_book(row, formula):
    (d,) = derivatives(TABLE[row], np.array(0.5))
    assert d.latex() == formula


# ----------------------------------------------------------------------------------------------------- determinism

SCRIPT = """
import numpy as np, autograd_lite as ag
from autograd_lite.derive import explain
from autograd_lite.teach import worksheet
from autograd_lite.talk import derived
rng = np.random.default_rng(0)
w = ag.tensor(rng.normal(size=(3, 2)), requires_grad=True, name="w")
u, s, vt = np.linalg.svd(w, full_matrices=False)
L = np.sum(s * [1.0, 2.0]) + np.sum(ag.softmax(w) ** 2)
d = explain(L, w)
print(d, d.markdown(), d.latex(), derived.learn_source(), worksheet(L, wrt=w))
"""


def test_two_runs_print_the_same_bytes():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1


def test_a_gradient_in_one_step_is_printed_once():
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    text = str(ag.sum(x**2).explain())
    assert text.count("dL/dx") == 1
    assert "The chain rule" not in text
    assert "check: slope" in text


def test_a_gradient_of_zero_agrees_with_a_difference_to_its_rounding():
    x = ag.tensor(np.random.default_rng(0).normal(size=(2, 4)), requires_grad=True, name="x")
    assert "by a finite difference" in str(nn.LayerNorm(4)(x).sum().explain(x))


def test_parameters_of_two_attentions_have_different_names():
    x = ag.tensor(np.random.default_rng(0).normal(size=(3, 2, 4)), requires_grad=True, name="x")
    text = str(nn.TransformerDecoderLayer(4, 2, 8).eval()(x, x).sum().explain(x))
    assert "in_proj_weight_self_attn (12x4)" in text
    assert "in_proj_weight_multihead_attn (12x4)" in text


def test_a_constant_tensor_has_the_name_of_its_variable():
    data = ag.tensor([[1.0, 2.0]])
    W = ag.tensor(np.ones((2, 4)), requires_grad=True)
    assert "a = data @ W" in str(explain(np.sum((data @ W) ** 2), W))


def test_what_is_detached_is_held_fixed_in_the_check_and_is_seen_in_the_text() -> None:
    def actor_and_critic(w, S, G):
        v = S @ w
        advantage = ag.stop_gradient(G - v)
        return np.mean(v * advantage)

    def straight_through(x):
        return np.sum((x + ag.stop_gradient(np.round(x) - x)) ** 2)

    w, S, G = np.array([0.5, -1.0]), np.array([[1.0, 2.0], [0.5, 1.0], [-1.0, 0.5]]), np.array([1.0, 2.0, 3.0])
    text = str(ag.trace(actor_and_critic, w, S, G).explain("w"))
    assert "advantage = stop_gradient(G - v)" in text
    assert "not confirmed" not in text
    text = str(ag.trace(straight_through, np.array([0.2, 1.7])).explain())
    assert "x + stop_gradient(round(x) - x)" in text
    assert "not confirmed" not in text
    x = leaf(2, "x")
    with ag.no_grad():
        m = np.mean(x)
    assert "L = Σ (x - m)²" in str(np.sum((x - m) ** 2).explain())  # x - mean(x) has another gradient


def test_signs_are_resolved() -> None:
    U, V, W = (ag.tensor([1.0, 2.0], requires_grad=True, name=word) for word in "UVW")
    assert "L = Σ (log(U) + log(V))" in str((-np.sum(-np.log(U) - np.log(V))).explain())
    n = 3
    assert "L = n (Σ log(U) - log(Σ U))" in str((-n * (np.log(np.sum(U)) - np.sum(np.log(U)))).explain(U))
    assert "(n / 2) log(2π)" in str((np.sum(W) + n / 2 * np.log(2 * np.pi)).explain())


def test_vectors_are_columns():
    def error(u, W, x):
        s, r = W @ u, x @ W
        return np.sum((W - np.outer(s, u)) ** 2) + np.sum(r**2) + u @ (W.T @ W) @ u

    derivation = ag.trace(error, np.array([1.0, 2.0]), np.arange(6.0).reshape(3, 2), np.ones(3)).explain(["u", "W"])
    text, latex = str(derivation), derivation.latex()
    assert " = x @ W " in text
    assert r"= W^\top\,x " in latex
    assert "(dL/da)ᵀ @ s" in text
    assert r"\left(\frac{\partial L}{\partial a}\right)^\top\,s" in latex
