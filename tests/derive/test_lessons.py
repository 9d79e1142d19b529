"""The lessons: their derivations are those of the textbooks, line by line, and their numbers are the engine's."""

from __future__ import annotations

import ast
import linecache
import re
import sys
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from in_order import assert_in_order

import autograd_lite as ag
from autograd_lite.base.tree import leaves, rebuild
from autograd_lite.derive.layout import names_split
from autograd_lite.derive.mathml import MATHML
from autograd_lite.derive.writing import LATEX, TEXT, write
from autograd_lite.program.slopes import gradients
from autograd_lite.table import TABLE
from autograd_lite.testing.numeric import CannotCheck
from autograd_lite.testing.rows import points

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import lessons  # of the examples

#: The gradients (and what is known of a factor) as the textbook of each lesson writes them, in its order.
TEXTBOOK = {
    "linear_regression": """
        L = Σ (p - y)² / n + λ Σ w²
        dL/dw = ∂L/∂w + dL/dp · dp/dw
        ∂L/∂w = 2 λ w
        dL/dp = 2 (p - y) / n
        dp/dw = Xᵀ
    """,
    "logistic_regression": """
        P = σ(z)
        L = -Σ (t ⊙ log(P) + (1 - t) ⊙ log(1 - P)) / n
        dL/dP = ((1 - t) / (1 - P) - t / P) / n
        dP/dz = P ⊙ (1 - P)
        dL/dz = dL/dP ⊙ dP/dz
        = (P - t) / n
        dz/dw = Xᵀ
        dz/db = 1
        dL/db = Σᵢ dL/dzᵢ
    """,
    "softmax_regression": """
        L = -Σ (Y ⊙ log(P)) / n
        dL/dP = -Y / (n P)
        dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)
        dPᵢ/dSⱼ = Pᵢ (δᵢⱼ - Pⱼ)
        = (P - Y) / n since Σⱼ Yⱼ = 1
        dL/dW = Xᵀ @ dL/dS
        dL/db = Σᵢ dL/dSᵢ
    """,
    "softmax_labels": """
        Given X (4x2), t (4), n = 4, W (2x3), b (3)
        L = -Σ (Y ⊙ log(P)) / n
        with P = softmax(S), Y = onehot(t)
        dL/dS = (P - Y) / n
        dS/dW = Xᵀ
        dS/db = I
    """,
    "tanh_net": """
        dL/dW1 = dL/dP · dP/dH · dH/da · da/dW1
        dL/dP = 2 (P - y) / n
        dP/dW2 = Hᵀ
        dP/db2 = I
        dL/db2 = Σᵢ dL/dPᵢ
        dP/dH = W2ᵀ
        dH/da = 1 - H²
        da/dW1 = Xᵀ
        dL/dW1 = da/dW1 @ ((dL/dP @ dP/dH) ⊙ dH/da)
        dL/db1 = Σᵢ ((dL/dP @ dP/dH) ⊙ dH/da)ᵢ
    """,
    "talk_net": """
        dL/dW = dL/dP · dP/dC · dC/dW
        dL/dV = dL/dP · dP/dC · dC/dB · dB/dA · dA/dV
        dL/dP = -(y - P)
        dP/dC = P (1 - P)
        dC/dW = Bᵀ
        dC/dB = Wᵀ
        dB/dA = B ⊙ (1 - B)
        dA/dV = xᵀ
    """,
    "batch_norm": """
        μ = Σᵢ xᵢ / n
        x̂ = (x - μ) / √(var + ε)
        y = γ ⊙ x̂ + β
        dL/dγ = Σᵢ dL/dyᵢ x̂ᵢ
        dL/dβ = Σᵢ dL/dyᵢ
        dL/dx̂ = dL/dy ⊙ γ
        dL/dx = (dL/dx̂ - x̂ ⊙ Σᵢ dL/dx̂ᵢ x̂ᵢ / n - Σᵢ dL/dx̂ᵢ / n) / √(var + ε)
    """,
    "batch_norm_layer": """
        ε = 1e-5
        y = γ ⊙ x̂ + β
        with μ = meanᵢ(x), σ = √(meanᵢ((x - μ)²) + ε), x̂ = (x - μ) / σ
        dL/dx = γ / σ ⊙ (dL/dy - meanᵢ(dL/dy) - x̂ ⊙ meanᵢ(dL/dy ⊙ x̂))
        dL/dγ = Σᵢ dL/dyᵢ x̂ᵢ
        dL/dβ = Σᵢ dL/dyᵢ
    """,
    "conv_layer": """
        Given image (1x1x5x5), T (1x2x2x2), K (2x1x2x2), b (2)
        Z = image ⋆ K + b
        dL/dZ = dL/dA ⊙ 1[Z > 0]
        dL/dK = image ⋆ dL/dZ
        dL/db = Σᵢₖₗ dL/dZᵢⱼₖₗ
    """,
    "rnn": """
        z1 = W @ h0 + U @ x[0]
        dL/dU = Σₜ dL/dzₜ · dzₜ/dU
        dL/dh3 = dL/dp · v
        dL/dz3 = dL/dh3 ⊙ (1 - h3²)
        dL/dh2 = Wᵀ @ dL/dz3
        dL/dW = Σₜ dL/dzₜ @ hₜ₋₁ᵀ since zₜ = W @ hₜ₋₁ + U @ x[t-1]; t = 1 … 3
        dL/dU = Σₜ dL/dzₜ @ x[t-1]ᵀ
    """,
    "attention": """
        S = Q @ Kᵀ / √2
        P = softmax(S)
        dL/dP = dL/dO @ Vᵀ
        dL/dS = P ⊙ (dL/dP - Σⱼ dL/dPⱼ Pⱼ)
        dL/dV = Pᵀ @ dL/dO
        dL/dK = (dL/dS)ᵀ @ Q / √2
        dL/dWk = Xᵀ @ dL/dK
        dL/dQ = dL/dS @ K / √2
    """,
    "layer_norm": """
        r = x + tanh(a)
        y = γ ⊙ x̂ + β
        dL/dγ = Σᵢ dL/dyᵢ x̂ᵢ
        dL/dβ = Σᵢ dL/dyᵢ
        dL/dr = (dL/dy ⊙ γ - meanⱼ(dL/dy ⊙ γ) - x̂ ⊙ meanⱼ(dL/dy ⊙ γ ⊙ x̂)) / σ
        dL/da = dL/dr ⊙ (1 - tanh(a)²)
        dL/dW = xᵀ @ dL/da
    """,
    "gru": """
        hₜ = (1 - zₜ) ⊙ nₜ + zₜ ⊙ hₜ₋₁
        dL/dUh = Σₜ dL/dfₜ · dfₜ/dUh
        dL/dp = p - y
        dL/dh3 = dL/dp · v
        dL/dnₜ = dL/dhₜ ⊙ (1 - zₜ)
        dL/dfₜ = dL/dnₜ ⊙ (1 - nₜ²)
        dL/dzₜ = dL/dhₜ ⊙ (hₜ₋₁ - nₜ)
        dL/dhₜ = dL/dhₜ₊₁ ⊙ zₜ₊₁ + dL/dcₜ₊₁ ⊙ rₜ₊₁ + Ur @ dL/dbₜ₊₁ + Uz @ dL/daₜ₊₁
        dL/dUh = Σₜ cₜ @ (dL/dfₜ)ᵀ
        dL/dUr = Σₜ hₜ₋₁ @ (dL/dbₜ)ᵀ
    """,
    "vae": """
        rec = -Σ (x ⊙ log(x̂) + (1 - x) ⊙ log(1 - x̂)) / n
        kl = -Σ (1 + logvar - μ² - exp(logvar)) / (2 n)
        = (x̂ - x) / n
        dL/dlogvar = (exp(logvar) - 1) / (2 n) + ½ dL/dz ⊙ ε ⊙ exp(½ logvar)
        dL/dμ = μ / n + dL/dz
        dL/dWm = hᵀ @ dL/dμ
    """,
    "infonce": """
        Zn = Z / ‖Z‖ⱼ
        dL/dS = (softmaxⱼ(S) - I) / n
        dL/dVn = (dL/dS)ᵀ @ Zn / τ
        dL/dZn = dL/dS @ Vn / τ
        dL/dZ = (dL/dZn - Zn ⊙ Σⱼ dL/dZnⱼ Znⱼ) / ‖Z‖ⱼ since Zn = Z / ‖Z‖ⱼ
        dL/dW = Bᵀ @ dL/dV + Aᵀ @ dL/dZ
    """,
    "triplet": """
        L = mean(max(0, dp - dn + m))
        dL/ddn = -1[dp - dn + m > 0] / N
        dL/ddp = 1[dp - dn + m > 0] / N
        dL/dW = nᵀ @ dL/dfn + pᵀ @ dL/dfp + aᵀ @ dL/dfa
    """,
    "word2vec": """
        sᵢⱼ = Σₖ uᵢₖ vnᵢⱼₖ
        dL/ds = σ(s) / n
        dL/dpos = (σ(pos) - 1) / n
        dL/dvnᵢⱼₖ = dL/dsᵢⱼ uᵢₖ
        dL/dCₖ = Σᵢⱼ 1[negᵢⱼ = k] dL/dvnᵢⱼ + Σᵢ 1[cᵢ = k] dL/dvᵢ
        dL/dEₖ = Σᵢ 1[wᵢ = k] dL/duᵢ since u = E[w]
    """,
    "reinforce": """
        L = -mean((R - b) ⊙ logpi[actions])
        dL/dlogpiₖ = Σᵢ 1[actionsᵢ = k] (b - Rᵢ) / n
        dL/dθ = dL/dlogpi - softmax(θ) Σᵢ dL/dlogpiᵢ
    """,
    "graph_convolution": """
        H = max(0, b)
        dL/dcₖ = Σᵢ 1[nodesᵢ = k] (Pₖ - Yᵢ) / n
        since P = softmax(c), L = -mean(log(P[nodes, y])), Y = onehot(y)
        dL/dW2 = Hᵀ @ N @ dL/dc
        dL/dH = N @ dL/dc @ W2ᵀ
        dL/db = dL/dH ⊙ 1[b > 0]
        dL/dW1 = Xᵀ @ N @ dL/db
    """,
    "poisson": """
        L = Σ (μ - y ⊙ η)
        = μ - y
        dη/dw = Xᵀ
        dL/db = Σᵢ dL/dηᵢ
    """,
    "huber": """
        L = Σ where(|res| ≤ δ, ½ res², δ (|res| - ½ δ))
        dL/dres = where(|res| ≤ δ, res, δ sign(res))
        dres/dw = -Xᵀ
        dL/db = -Σᵢ dL/dresᵢ
    """,
    "svm": """
        L = ½ w @ w + C Σ max(0, 1 - m)
        ∂L/∂w = w
        dL/dm = -C 1[m < 1]
        dm/da = y
        dL/dw = ∂L/∂w + da/dw @ (dL/dm ⊙ dm/da)
    """,
    "margins": """
        m1ᵢⱼ = Sᵢⱼ - S[i, yᵢ] + 1
        m2ᵢⱼ = 1[yᵢ ≠ j] m1ᵢⱼ
        dL/dm1ᵢⱼ = 1[yᵢ ≠ j] dL/dm2ᵢⱼ
        dL/dS = dL/dm1 - Y ⊙ Σⱼ dL/dm1ⱼ
        dL/dW = 2 λ W + Xᵀ @ dL/dS
    """,
    "matrix_factorisation": """
        E = M ⊙ a
        dL/da = dL/dE ⊙ M
        dL/dU = λ U - dL/da @ V
        dL/dV = λ V - (dL/da)ᵀ @ U
    """,
    "bradley_terry": """
        L = ½ λ Σ s² - Σ log(σ(d))
        dL/dd = σ(d) - 1
        dL/dsₖ = λ sₖ + Σᵢ 1[winnerᵢ = k] dL/ddᵢ - Σᵢ 1[loserᵢ = k] dL/ddᵢ
    """,
    "cox": """
        riskₖ = Σᵢ 1[i ≥ k] exp(ηᵢ)
        dL/drisk = event / risk
        dL/dηₖ = Σᵢ 1[i ≤ k] dL/driskᵢ exp(ηₖ) - eventₖ
        dL/dβ = Xᵀ @ dL/dη
    """,
    "kmeans": """
        c = minⱼ(D)
        dL/dDᵢⱼ = 1[Dᵢⱼ = cᵢ] since c = minⱼ(D), L = Σ c; ties share
    """,
    "gaussian_mixture": """
        logpi = log_softmax(a)
        logN = -sq / (2 c) - d logsigma - ½ d log(2π)
        dL/df = -softmaxⱼ(f)
        dL/dlogsigma = Σᵢ dL/dlogNᵢ sqᵢ / c - d Σᵢ dL/dlogNᵢ
        dL/daⱼ = n softmax(a)ⱼ - Σᵢ softmaxⱼ(f)ᵢⱼ
    """,
    "pca": """
        X̂ = Z @ Wᵀ
        dL/dX̂ = 2 (X̂ - X) / n
        dL/dW = (dL/dX̂)ᵀ @ Z + Xᵀ @ dL/dZ
    """,
    "gaussian_process": """
        α = K⁻¹ @ y
        logdet = log det K
        dL/dK = ½ K⁻¹ - K⁻¹ @ dL/dα @ αᵀ
        since Kᵀ = K
        = ½ (K⁻¹ - α @ αᵀ)
    """,
    "total_variation": """
        dᵢ = uᵢ₊₁ - uᵢ
        dL/dd = λ d / √(d² + ε)
        dL/duᵢ = uᵢ - fᵢ + dL/ddᵢ₋₁ - dL/ddᵢ
        terms beyond the ends are 0
    """,
    "spring": """
        dL/dq4 = 2 (q4 -
        dL/dv3 = dL/dq4 · dt
        dL/dk = -Σₜ dL/daₜ · qₜ₋₁
    """,
}  # fmt: skip

#: What nobody writes on a board.
BANNED = (
    r"(?<![\w.])g(?![\w.])", r"\[d\w+/d\w+\]", r"zeros\(", r"None", r"_pull", r"\\sum_\{\d", r"reshape", r"keepdims",
    r"axis", r"from above", r"array\(", r"dtype",
)  # fmt: skip


def on_a_board(text):
    return [pattern for pattern in BANNED if re.search(pattern, text)]


@pytest.fixture(scope="module")
def derivations():
    return {make.__name__: make().explain() for make in lessons.LESSONS}


@pytest.mark.parametrize("lesson", TEXTBOOK)
def test_a_lesson_is_derived_as_in_its_textbook(lesson, derivations):
    text = re.sub(r" +", " ", str(derivations[lesson]))
    assert_in_order(filter(None, map(str.strip, TEXTBOOK[lesson].splitlines())), text)


@pytest.mark.parametrize("lesson", TEXTBOOK)
def test_its_numbers_are_the_engines(lesson, derivations):
    d = derivations[lesson]
    engine = gradients(d.chain.program, [t.node for t in d.totals])
    for t in d.totals:
        np.testing.assert_allclose(t.value, engine[t.node], rtol=1e-10, atol=1e-14, err_msg=t.symbol)
    assert d.check() < 1e-10


@pytest.mark.parametrize("lesson", TEXTBOOK)
def test_every_line_can_stand_on_a_board(lesson, derivations):
    d = derivations[lesson]
    assert on_a_board(str(d)) == []
    assert on_a_board(d.latex()) == []
    assert d.text(ascii=True).isascii()
    symbols = [line.symbol for line in d.lines]
    for line in str(d).splitlines():
        left, _, right = line.strip().partition(" = ")
        assert left.strip() != right.strip() or not left, line  # dL/dO = dL/dO says nothing
    assert len(symbols) == len(set(symbols)) or lesson == "linear_regression"
    for section in d.written:
        for line in section.lines:
            for side in line.sides(MATHML):
                assert "\\" not in "".join(ET.fromstring(f"<math>{side}</math>").itertext())


REMARKS = ("check: ", "entry by entry", "a matrix, from the left", "a matrix, from the right", "summed over")


@pytest.mark.parametrize("lesson", TEXTBOOK)
def test_text_and_latex_say_the_same(lesson, derivations):
    d = derivations[lesson]
    text, tex = str(d), re.sub(r" \\\\\n& \\quad ([+-]) ", r" \1 ", d.latex())  # terms of a long sum have their rows
    for remark in REMARKS:
        assert text.count(remark) == tex.count(remark), remark
    lines = [line for section in d.written for line in section.lines]
    assert sum(bool(line.reasons(TEXT)) + len(line.ones) for line in lines) == text.count("since")
    assert sum(bool(line.reasons(TEXT) or line.ones) for line in lines) == tex.count("since")
    for line, (printer, printed) in product(lines, ((TEXT, text), (LATEX, tex))):
        with names_split(lines):  # as in d.latex()
            stated = [*line.reasons(printer), *line.written(printer)[1:], *(write(e, printer) for e in line.ones)]
            stated += [definition.written(printer) for definition in line.where]
        assert all(formula in printed for formula in stated), line.symbol
    assert tex.count("bmatrix}") // 2 >= sum(np.size(line.value) > 1 for line in lines if line.has_value)


def test_every_lesson_is_here():
    assert list(TEXTBOOK) == lessons.NAMES


def of_rows():
    for row in TABLE.values():
        if row.kind not in ("constant", "composite"):
            try:
                yield pytest.param(row, next(points(row, np.random.default_rng(1))), id=row.name)
            except (CannotCheck, StopIteration):
                continue


@pytest.mark.parametrize(("row", "point"), list(of_rows()))
def test_the_derivation_of_every_row_can_stand_on_a_board(row, point):
    args, keywords = point
    live = [
        ag.tensor(x, requires_grad=True, name=f"u{k}") if np.asarray(x).dtype.kind == "f" else x
        for k, x in enumerate(leaves(args))
    ]
    y = row(*rebuild(args, live), **keywords)
    first = next((part for part in leaves(y) if isinstance(part, ag.Tensor)), None)
    if first is None or not first.requires_grad:
        pytest.skip("no gradient passes")
    d = np.sum(np.real(first * np.conj(first))).explain(names={"y": first})
    for text in (str(d).split("From the result down")[1], d.latex().split("From the result down")[1]):
        assert [b for b in on_a_board(text) if b not in (r"axis",)] == [], text


def as_function(lesson):
    """The program of a lesson as a function of the arrays that it starts with; with their values."""
    imports, body, given = [], [], {}
    for statement in ast.parse(lesson.code).body:
        names = [part for part in ast.walk(statement) if isinstance(part, ast.Name)]
        space = {"np": np, "ag": ag}
        if isinstance(statement, ast.Assign) and all(w.id in space or isinstance(w.ctx, ast.Store) for w in names):
            exec(ast.unparse(statement), space)
            for word, x in list(space.items())[3:]:  # after np, ag and the builtins
                if isinstance(x, np.ndarray | ag.Tensor):
                    given[word] = x.numpy() if isinstance(x, ag.Tensor) else x
                else:
                    body.append(f"{word} = {x!r}")
            continue
        (imports if isinstance(statement, ast.Import | ast.ImportFrom) else body).append(ast.unparse(statement))
    lines = "\n".join([*body, "return L"]).replace("\n", "\n    ")
    text = "\n".join([*imports, f"def program({', '.join(given)}):", f"    {lines}\n"])
    file = f"<{lesson.title}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {}
    exec(compile(text, file, "exec"), space)
    return space["program"], given


@pytest.mark.parametrize("make", lessons.LESSONS, ids=lambda make: make.__name__)
def test_its_source_is_a_function_of_its_data_and_parameters(make):
    lesson = make()
    if any(hasattr(x, "parameters") and not isinstance(x, ag.Tensor) for x in lesson.names.values()):
        pytest.skip("its parameters are those of a layer")
    f, given = as_function(lesson)
    args, parameters = list(given.values()), [w for w in given if any(lesson.names[w] is p for p in lesson.wrt)]
    emitted = ag.source(f, *args, wrt=parameters)
    assert emitted.arguments[: len(given)] == tuple(given)
    space = {}
    exec(str(emitted), space)
    value, *slopes = space[emitted.name](*args)
    L = f(*(ag.tensor(x, requires_grad=True) if w in parameters else x for w, x in given.items()))
    np.testing.assert_allclose(value, L.numpy())
    lesson.result.backward()
    assert len(slopes) == len(parameters) == len(lesson.wrt)
    for word, slope in zip(parameters, slopes, strict=True):
        np.testing.assert_allclose(slope, lesson.names[word].grad.numpy(), rtol=1e-9, atol=1e-12)
