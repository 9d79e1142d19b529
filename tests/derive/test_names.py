"""Constants, sizes and operands of a derivation have the names and the form that they have in the user's line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.nn import functional as F
from autograd_lite.teach import worksheet


def leaf(*shape: int, name: str) -> ag.Tensor:
    t = ag.tensor(np.random.default_rng(len(name)).normal(size=shape).round(1) + 0.05, requires_grad=True)
    t.name = name
    return t


def lines(*texts: object) -> list[str]:
    return [" ".join(line.split()) for text in texts for line in str(text).splitlines()]


def given(derivation: object) -> str:
    return lines(derivation)[0].removeprefix("Given ")


# --------------------------------------------------------------------------------------------------- constants


def test_constants_of_an_expression_stay_as_they_are_written() -> None:
    sigma, x = 1.0, np.array([2.0, -0.5, 0.25])
    mu = leaf(2, name="mu")
    N = np.exp(-((x[:, None] - mu) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
    L = np.sum(N) + 0.5 * 4 * np.log(2 * np.pi)
    text = lines(L.explain(mu))
    assert any(line.startswith("N = exp(-a² / (2 σ²)) / √(2π σ²)") for line in text)
    assert any(line.startswith("L = Σ N + ½ · 4 log(2π)") for line in text)
    assert text[0] == "Given x (3), σ = 1, μ (2)"
    assert r"\tfrac{1}{2} \cdot 4\,\ln (2\,\pi)" in L.explain(mu).latex()


def gaussian(mu: ag.Tensor, y: np.ndarray) -> ag.Tensor:
    scale = 0.5
    D = np.outer(y, y)
    return np.sum(mu * D / (2 * scale**2)) + np.sum(mu * (y - y.mean()))


def test_a_function_that_has_returned_is_read_from_its_source() -> None:
    mu = leaf(3, name="mu")
    text = lines(gaussian(mu, np.array([1.0, 2.0, 4.0])).explain(mu))
    assert text[0] == "Given D (3x3), scale = ½, (y - y.mean()) (3), μ (3)"
    assert any("(2 scale²)" in line for line in text)


class Layers:
    def __init__(self) -> None:
        sizes = [(3, 4), (4, 2)]
        self.W = [ag.Tensor(np.ones(size) / 4, requires_grad=True) for size in sizes]
        self.b = [ag.Tensor(np.ones(size[1]) / 3, requires_grad=True) for size in sizes]

    def forward(self, X: np.ndarray) -> ag.Tensor:
        h = X
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            h = np.tanh(h @ W + b)
        return h @ self.W[-1] + self.b[-1]


def test_layers_of_a_list_and_what_the_first_one_reads_have_names() -> None:
    L = np.sum(Layers().forward(np.ones((4, 3))) ** 2)
    assert given(L.explain()) == "X (4x3), W1 (3x4), W2 (4x2), b1 (4), b2 (2)"


def test_an_expression_that_has_other_numbers_now_is_not_written() -> None:
    w, rate = leaf(2, name="w"), 3.0
    L = np.sum(w * (2 * rate))
    rate = 4.0
    assert "rate" not in str(L.explain(w))
    assert "6 " in str(L.explain(w))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda x, w: x[:, None] * w, "xᵢ wⱼ"),
        (lambda x, w: np.eye(2) * w, "(I ⊙ w)"),
        (lambda x, w: w - np.cumsum(x[:2]), "np.cumsum(x[:2])"),
        (lambda x, w: -x[:2] * w, "(-x[:2])"),
        (lambda x, w: np.maximum(w, x.reshape(3, 1)), "x.reshape(3, 1)"),
    ],
)
def test_an_operand_is_written_as_in_the_line(make: Callable[..., Any], word: str) -> None:
    w = leaf(2, name="w")
    L = np.sum(make(np.array([0.5, 1.0, -2.0]), w) ** 2)
    assert word in str(L.explain(w))
    assert "c1" not in str(L.explain(w))


def test_the_same_words_with_other_numbers_are_another_operand() -> None:
    w, L = leaf(5, name="w"), 0.0
    for k in (2.0, 3.0):
        L = L + np.sum(np.linspace(1, k, 5) * w)
    assert "L = Σ (linspace(1, k1, 5) ⊙ w) + Σ (linspace(1, k2, 5) ⊙ w)" in str(L.explain(w))
    assert L.explain(w).check() < 1e-12


def test_arguments_of_a_known_function_keep_their_names() -> None:
    p, target, y = leaf(3, 3, name="p"), np.array([2, 0, 1]), np.arange(9.0).reshape(3, 3)
    L = F.cross_entropy(p, target) + F.huber_loss(p, y)
    text = str(L.explain(p))
    assert "Y = onehot(target)" in text
    assert "|p - y|" in text


# ------------------------------------------------------------------------------------------------------- sizes


def test_a_mean_is_divided_by_its_number_of_entries() -> None:
    O, T = leaf(4, 3, name="O"), np.arange(12.0).reshape(4, 3)
    L = np.mean((O - T) ** 2)
    text = lines(L.explain(O))
    assert "n = 12" in text[0]
    assert any(line.startswith("dL/dO = 2 (O - T) / n since") for line in text)
    assert r"\frac{2(O - T)}{n}" in L.explain(O).latex()


def test_equal_numbers_do_not_prove_that_a_size_is_the_users_variable() -> None:
    O, n = leaf(4, name="O"), 4
    L = n * np.mean(O**2)
    assert "2 n O / m" in str(L.explain(O))
    assert "n = 4, m = 4" in given(L.explain(O))


def test_a_size_has_the_name_that_the_program_gives_to_the_length() -> None:
    O, X = leaf(4, name="O"), np.arange(4.0)
    n = len(X)
    L = np.mean(X * O**2) + np.sum(O) / n
    assert given(L.explain(O)).count("= 4") == 1


def test_integer_divisors_stay() -> None:
    W, X = leaf(3, name="W"), np.arange(3.0)
    L = np.sum((X - W) ** 2) / 5
    assert any(line.startswith("dL/dW = 2 (W - X) / 5") for line in lines(L.explain(W)))


def test_temporaries_are_no_indices() -> None:
    x = leaf(2, 2, name="x")
    y = x
    for _ in range(12):
        y = np.sin(y @ x)
    names = {line.split(" = ")[0] for line in lines((y.sum()).explain(x)) if " = " in line}
    assert names.isdisjoint("eijkn")


# ----------------------------------------------------------------------------------------------- labels, indices


def down(derivation: object, symbol: str) -> str:
    """The line of a gradient."""
    text = str(derivation).split("From the result down")[1]
    line = next(line for line in lines(text) if line.startswith(f"{symbol} ="))
    return line.partition(" since")[0]


def test_labels_choose_an_entry_of_each_row() -> None:
    Z, n, labels = leaf(3, 4, name="Z"), 3, np.array([2, 0, 1])
    P = ag.softmax(Z)
    p = P[np.arange(n), labels]
    L = -np.sum(np.log(p))
    d = L.explain(Z)
    assert any(line.startswith("pᵢ = P[i, labelsᵢ] 3") for line in lines(d))
    assert down(d, "dL/dPᵢⱼ") == "dL/dPᵢⱼ = 1[labelsᵢ = j] dL/dpᵢ"
    assert r"P_{i, \mathrm{labels}_{i}}" in d.latex()
    assert "P[np.arange(3), labels]" in d.text(ascii=True)


def test_a_row_that_is_looked_up_collects_the_gradients_of_its_places() -> None:
    E, w, pairs = leaf(5, 2, name="E"), np.array([0, 3, 0]), np.array([[1, 2], [3, 3]])
    u = E[w]
    v = E[pairs]
    L = np.sum(u**2) + np.sum(v**3) + 0.5 * np.sum(E**2)
    d = L.explain(E)
    assert down(d, "dL/dEₖ") == "dL/dEₖ = Eₖ + Σᵢⱼ 1[pairsᵢⱼ = k] dL/dvᵢⱼ + Σᵢ 1[wᵢ = k] dL/duᵢ"
    assert "0 elsewhere" not in str(d)
    scores = leaf(4, name="scores")
    assert down(np.sum(scores[pairs] ** 2).explain(scores), "dL/dscoresₖ").count("1[pairsᵢⱼ = k]") == 1


def test_positions_that_the_line_lists_are_listed() -> None:
    x = leaf(4, name="x")
    y = x[[0, 2, 0]]
    assert "y = x[[0, 2, 0]]" in str(np.sum(y**2).explain(x))
    z = x[np.int64(1) :]
    assert "np.int64" not in str(np.sum(z**2).explain(x))


def test_einsum_is_the_sum_that_it_stands_for() -> None:
    u, vn = leaf(3, 2, name="u"), np.arange(24.0).reshape(3, 4, 2)
    s = np.einsum("bd,bkd->bk", u, vn)
    d = np.sum(s**2).explain(u)
    assert any(line.startswith("sᵢⱼ = Σₖ uᵢₖ vnᵢⱼₖ") for line in lines(d))
    assert down(d, "dL/duᵢₖ") == "dL/duᵢₖ = Σⱼ dL/dsᵢⱼ vnᵢⱼₖ"
    assert r"\sum_{j} \frac{\partial L}{\partial s_{ij}}\,\mathrm{vn}_{ijk}" in d.latex()
    A, x = leaf(3, 3, name="A"), np.arange(3.0)
    q = np.einsum("i,ij,j->", x, A, x)
    assert down((q * q).explain(A), "dL/dAᵢⱼ") == "dL/dAᵢⱼ = dL/dq xᵢ xⱼ"


def test_a_gradient_along_a_reduced_axis_has_indices() -> None:
    B = leaf(4, 3, name="B")
    h = B**2
    p = np.sum(h, axis=1)
    assert down(np.sum(p**2).explain(B), "dL/dhᵢⱼ") == "dL/dhᵢⱼ = dL/dpᵢ"
    h = B**2
    p = np.sum(h, axis=0)
    assert down(np.sum(p**2).explain(B), "dL/dhᵢⱼ") == "dL/dhᵢⱼ = dL/dpⱼ"


def test_distances_of_all_pairs_have_indices() -> None:
    X, mu = np.arange(10.0).reshape(5, 2), leaf(3, 2, name="mu")
    D = np.sum((X[:, None, :] - mu[None, :, :]) ** 2, axis=2)
    d = np.sum(D**2).explain(mu)
    steps = [line.split(" 5x3")[0] for line in lines(d) if line.startswith(("aᵢⱼₖ", "Dᵢⱼ"))]
    assert steps == ["Dᵢⱼ = ‖Xᵢ - μⱼ‖²"]
    assert down(d, "dL/dμⱼₖ") == "dL/dμⱼₖ = -2 Σᵢ dL/dDᵢⱼ (Xᵢₖ - μⱼₖ)"


def test_distances_of_rows_are_norms_and_their_squares_have_no_line() -> None:
    u, v, w = leaf(4, 3, name="u"), leaf(4, 3, name="v"), leaf(4, 3, name="w")
    near, far = np.sum((u - v) ** 2, axis=1), np.sum((u - w) ** 2, axis=1)
    d = np.mean(np.maximum(0, 9 + near - far)).explain()
    assert any(line.startswith("nearᵢ = ‖uᵢ - vᵢ‖²") for line in lines(d))
    assert down(d, "dL/dvᵢⱼ") == "dL/dvᵢⱼ = 2 dL/dnearᵢ (vᵢⱼ - uᵢⱼ)"
    assert down(d, "dL/dwᵢⱼ") == "dL/dwᵢⱼ = 2 dL/dfarᵢ (wᵢⱼ - uᵢⱼ)"


def test_an_array_that_is_laid_out_anew_has_no_indices() -> None:
    x = leaf(6, name="x")
    y = x.reshape(2, 3)
    assert "as 2×3" in str(np.sum(y @ np.ones((3, 2))).explain(x))


def test_a_sum_of_products_is_one_step_and_outer_products_are_written_as_such() -> None:
    W, U, x = leaf(2, 3, name="W"), leaf(3, 3, name="U"), np.arange(6.0).reshape(3, 2)
    h = np.zeros(3)
    for t in range(3):
        h = np.tanh(x[t] @ W + h @ U)
    d = np.sum(h**2).explain([W, U])
    assert given(d).startswith("x (3x2), h0 = 0")
    assert any(line.startswith("aₜ = x[t-1] @ W + hₜ₋₁ @ U") for line in lines(d))
    assert down(d, "dL/dU") == "dL/dU = Σₜ hₜ₋₁ @ (dL/daₜ)ᵀ"
    assert " as a " not in str(d)


def test_the_first_values_of_a_loop_have_the_number_0() -> None:
    k, q0, v0, dt = leaf(name="k"), np.array(1.0), np.array(0.5), 0.1
    q, v, L = q0, v0, 0.0
    for _ in range(3):
        a = -k * q
        q = q + dt * v
        v = v + dt * a
        L = L + q**2
    text = str(L.explain(k))
    assert "v0 (1)" in text
    assert "vₜ = vₜ₋₁ + dt aₜ                 1        t = 1 … 2" in text
    assert "L0" not in text


def test_a_mask_keeps_its_name() -> None:
    R, P = np.array([[1.0, np.nan], [2.0, 3.0]]), leaf(2, 2, name="P")
    seen = ~np.isnan(R)
    E = (R - P)[seen]
    assert "[seen]" in str(np.sum(E**2).explain(P))
    assert "True" not in str(np.sum(E**2).explain(P))


def regularised(theta: ag.Tensor, X: np.ndarray, y: np.ndarray, lam: float = 0.1) -> ag.Tensor:
    m = len(y)
    r = X @ theta - y
    return np.mean(r**2) + lam / (2 * m) * np.sum(theta**2)


def test_sizes_and_defaults_of_a_function_that_has_returned() -> None:
    theta, y = leaf(2, name="theta"), np.array([1.0, 0.0, 1.0])
    text = lines(regularised(theta, np.arange(6.0).reshape(3, 2), y).explain(theta))
    assert "λ = 0.1" in text[0]
    assert "m = 3" in text[0]
    assert any("λ / (2 m)" in line or "λ Σ θ² / (2 m)" in line for line in text)
    assert any(line.startswith("dL/dr = 2 r / m") for line in text)


def test_a_length_in_the_line_is_a_size() -> None:
    c, x = leaf(3, name="c"), np.linspace(0.0, 1.0, 3)
    r = c - x
    d = (r @ r / len(x)).explain(c)
    assert "n = 3" in given(d)
    assert "/ n" in str(d)


def test_labels_are_given() -> None:
    logpi, actions = leaf(3, name="logpi"), np.array([0, 2, 1, 2])
    assert "actions (4)" in given(np.sum(logpi[actions] ** 2).explain(logpi))


def test_soft_margin_loss_keeps_the_names_of_its_arguments() -> None:
    p, t = leaf(3, name="p"), np.array([1.0, -1.0, 1.0])
    assert "log(1 + exp(-t ⊙ p))" in str(F.soft_margin_loss(p, t).explain(p))


def along(w: ag.Tensor, x: np.ndarray) -> ag.Tensor:
    return np.sum(np.sin(x[:, None] * w[None, :])) + np.sum((w - x[:2] ** 2) ** 2)


def test_an_argument_is_known_by_its_memory() -> None:
    w = leaf(2, name="w")
    text = lines(along(w, np.array([0.0, 0.5, 1.0])).explain(w))
    assert text[0] == "Given x (3), w (2)"
    assert any(line.startswith("aᵢⱼ = xᵢ wⱼ") for line in text)


def test_a_variance_and_a_sum_with_outer_products_have_indices_and_sizes() -> None:
    x, u = leaf(4, 3, name="x"), leaf(3, name="u")
    s = np.var(x, axis=0)
    d = np.sum(s * u).explain(x)
    assert "2 dL/dsⱼ (xᵢⱼ - meanᵢ(x)ⱼ) / n" in down(d, "dL/dxᵢⱼ")
    assert "n = 4" in given(d)


def test_labels_in_the_index_of_a_square_matrix() -> None:
    W, y = leaf(3, 3, name="W"), np.array([0, 2, 1])
    c = W[np.arange(3), y]
    L = np.sum(np.tanh(W - c[:, None]) ** 2 * W)
    text = lines(L.explain(W))
    assert any(line.startswith("cᵢ = W[i, yᵢ]") for line in text)
    assert any("dL/daᵢⱼ + 1[yᵢ = j] dL/dcᵢ" in line for line in text)


def test_the_last_of_a_list_is_an_operand() -> None:
    W, x, hs = leaf(3, 3, name="W"), np.array([1.0, 2.0, 3.0]), [np.array([0.5, -1.0, 0.25])]
    hs.append(np.tanh(W @ hs[-1] + x))
    d = np.sum(hs[-1]).explain(W)
    assert "dL/da @ hs[-1]ᵀ" in down(d, "dL/dW")
    X = np.array([[1.0, 2.0, 3.0]])
    assert "dL/da @ X[0]ᵀ" in down(np.sum(np.tanh(W @ X[-1])).explain(W), "dL/dW")


def test_labels_that_are_arguments_of_a_traced_function() -> None:
    def picked(W: ag.Tensor, y: np.ndarray) -> ag.Tensor:
        p = np.exp(W)[np.arange(2), y]
        return np.sum(p**2) + np.sum(p)

    def embedded(E: ag.Tensor, w: np.ndarray) -> ag.Tensor:
        u = E[w]
        return np.sum(np.tanh(u) ** 2)

    def squared(W: ag.Tensor, y: np.ndarray) -> ag.Tensor:
        return np.sum(W[np.arange(2), y] ** 2)

    def rated(R: ag.Tensor, rows: np.ndarray, cols: np.ndarray) -> ag.Tensor:
        pred = R[rows, cols]
        return np.sum(pred**2) + np.sum(pred)

    W, y = np.ones((2, 3)), np.array([0, 2])
    traced = ag.trace(squared, W, y).explain()
    t = ag.tensor(W, requires_grad=True, name="W")
    assert down(traced, "dL/dW") == down(squared(t, y).explain(t), "dL/dW")
    assert "W[i, yᵢ]" in str(traced)
    assert "Y = onehot(y)" in str(traced)
    assert any(line.startswith("pᵢ = ") and "[i, yᵢ]" in line for line in lines(ag.trace(picked, W, y).explain()))
    d = ag.trace(embedded, np.ones((4, 3)), np.array([0, 2, 0])).explain()
    assert any(line.startswith("u = E[w]") for line in lines(d))
    assert down(d, "dL/dEₖ") == "dL/dEₖ = Σᵢ 1[wᵢ = k] dL/duᵢ"
    d = ag.trace(rated, W, np.array([0, 1]), y).explain()
    assert down(d, "dL/dRᵢⱼ") == "dL/dRᵢⱼ = Σₖ 1[rowsₖ = i] 1[colsₖ = j] dL/dpredₖ"


# --------------------------------------------------------------------------------- variables of the same name elsewhere


def rounds(a: ag.Tensor, seen: np.ndarray) -> ag.Tensor:
    err = 0.0
    for turn in range(3):
        a = np.sin(a)
        err = err + (a - seen[turn]) ** 2
    return err


def with_a_size(w: ag.Tensor, y: np.ndarray) -> ag.Tensor:
    n = len(y)
    return np.sum((w * y) ** 2) + 0.5 * n * w


def damped(w: ag.Tensor) -> ag.Tensor:
    return np.sum(damping * w**2)


damping = 0.3


@pytest.mark.parametrize("word", ["turn", "err", "n"])
def test_a_global_variable_is_not_a_local_one(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    def texts() -> list[str]:
        w, y = np.array(0.4), np.array([0.5, 0.4, 0.3])
        return [str(read(ag.trace(f, w, y))) for f in (rounds, with_a_size) for read in (ag.explain, ag.worksheet)]

    before = texts()
    monkeypatch.setitem(globals(), word, 1)
    assert texts() == before
    exec(f"{word} = 1; after = texts()", scope := {"texts": texts})  # of a caller
    assert scope["after"] == before
    assert given(before[2]).startswith("n = 3")


def test_a_global_variable_that_is_read_has_its_name() -> None:
    damping = 7.0  # of the caller
    assert damping > 0
    assert given(ag.trace(damped, np.ones(2)).explain()) == "damping = 0.3, w (2)"


# ------------------------------------------------------------------------------------------------- sizes by their names


def test_a_size_from_a_shape_has_its_name() -> None:
    def attention(W: ag.Tensor, X: np.ndarray) -> ag.Tensor:
        T, d = X.shape
        scores = X @ W @ X.T / np.sqrt(d)
        return np.sum(np.tanh(scores)) / T

    def centred(V: ag.Tensor, u: np.ndarray) -> ag.Tensor:
        _, width = V.shape  # noqa: RUF059 (its name counts)
        m = V.mean(axis=1, keepdims=True)
        return np.sum((V - m) ** 3 * u)

    def last(W: ag.Tensor, X: np.ndarray) -> ag.Tensor:
        width = X.shape[-1]
        X = np.sum(X)
        return np.sum(np.tanh(W * X)) / width

    X, W = np.array([[0.3, 0.2], [0.5, -1.0], [0.4, 2.0]]), np.array([[0.3, 0.2], [0.5, -1.0]])
    d = ag.trace(attention, W, X).explain("W")
    assert given(d) == "d = 2, T = 3, W (2x2), X (3x2)"
    assert "/ √d" in str(d)
    d = ag.trace(centred, X, X).explain("V")
    assert given(d).startswith("width = 2, ")
    assert "/ width" in str(d)
    assert "/ width" in str(ag.trace(last, W, X).explain("W"))


def test_a_variable_beside_numbered_ones_has_its_name() -> None:
    def from_2(w: ag.Tensor) -> ag.Tensor:
        x = np.array([1.0, 2.0, 4.0])
        x2 = x * w
        x3 = np.sin(x2) * x
        return np.sum(x3**2)

    def from_1(w: ag.Tensor) -> ag.Tensor:
        x = np.array([1.0, 2.0, 4.0])
        x1 = x * w
        x2 = np.sin(x1) * x
        return np.sum(x2**2)

    for f in (from_1, from_2):
        assert given(f(leaf(name="w")).explain()) == "x (3), w (1)"


def test_the_order_of_given_values_is_the_same_in_each_process() -> None:
    x = leaf(2, name="x")
    p, q, r, s, u, v = np.arange(1.0, 13.0).reshape(6, 2)
    L = np.sum(x * (v - r + s / u - p * q))
    assert given(L.explain()) == "p (2), q (2), v (2), r (2), s (2), u (2), x (2)"  # not that of a set


def test_several_results_of_a_call_in_a_function_of_the_users_have_their_names() -> None:
    def cell(z):
        i, f, o, g = np.split(z, 4)
        return o * (i * np.tanh(g) + f)

    def loss(zs):
        total = 0
        for z in zs:
            total = total + np.sum(cell(z))
        return total

    text = str(ag.trace(loss, np.arange(16.0).reshape(2, 8)).explain())
    assert all(re.search(rf"{word}[ₜₖᵢ] +=", text) for word in "ifog")


def test_a_name_of_the_user_is_no_letter_that_means_something_else_in_the_same_derivation():
    def gaussians(a, pi, sigma, x):
        sigma = np.exp(sigma)
        f = np.exp(-((x[:, None] - a) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
        return -np.sum(np.log(f @ (np.exp(pi) / np.sum(np.exp(pi)))))

    args = np.array([0.1, 1.0]), np.array([0.2, -0.1]), np.array([0.1, 0.3]), np.array([0.5, -0.3, 1.0])
    program = ag.trace(gaussians, *args)
    text = str(program.explain(["pi", "sigma"]))
    assert all(part in text for part in ("softmax(pi)", "2π", "dL/dpi", "dL/dσ"))
    assert all(part in program.explain(["pi", "sigma"]).latex() for part in (r"\mathrm{pi}", r"2\pi", r"\sigma"))
    sheet = ag.worksheet(program, ["pi"])
    assert all(mark.right for mark in sheet.check({q.word: q.answer for q in sheet.questions}))


def test_a_number_that_is_called_sigma_is_not_the_sigmoid():
    x, sigma = ag.tensor([0.1, 0.2], requires_grad=True, name="x"), 0.7
    p = ag.sigmoid(x / sigma)
    text = str(np.sum(p).explain())
    assert all(part in text for part in ("sigma = 0.7", "p = σ(x / sigma)"))
    assert "σ = 0.7" in str(np.sum(np.tanh(x / sigma)).explain())
    assert "sigma = 0.7" in str(np.sum(np.log(1 + np.exp(x / sigma))).explain())  # its derivative is σ


def test_sigma_is_not_the_sigmoid_of_its_own_gradient() -> None:
    def f(rho: ag.Tensor) -> Any:
        sigma = np.log1p(np.exp(rho))
        return np.sum(sigma**2 - np.log(sigma))

    text = str(ag.trace(f, np.array([0.5, -0.25])).explain())
    assert "dsigma/dρ = σ(ρ)" in text


def test_new_axes_are_no_step() -> None:
    def loss(W, X, y):
        n = len(y)
        S = X @ W
        correct = S[np.arange(n), y][:, None]
        norms = np.sum(W**2, axis=0)
        column = norms[np.newaxis, :]
        return np.sum(np.maximum(0, S - correct + 1)) / n + np.sum(S * column)

    args = np.array([[0.5, -0.2], [0.1, 0.3]]), np.array([[1.0, 2.0], [0.5, 1.5], [-1.0, 0.3]]), np.array([0, 1, 1])
    text = lines(ag.trace(loss, *args).explain("W"))
    assert any(line.startswith("correctᵢ = S[i, yᵢ]") for line in text)
    assert any(line.startswith("dL/dSᵢⱼ = normsⱼ + dL/daᵢⱼ + 1[yᵢ = j] dL/dcorrectᵢ") for line in text)
    assert not any(line.startswith("column") for line in text)


def test_the_size_of_an_array_is_a_size() -> None:
    def loss(sigma, x):
        n = x.size
        return 0.5 * np.sum(x**2) / sigma**2 + n * np.log(sigma) + 0.5 * n * np.log(2 * np.pi) + 0.5 * x.size

    text = lines(ag.trace(loss, 1.5, np.arange(3.0)).explain("sigma"))
    assert any("+ n log(σ) + ½ n log(2π) + ½ n" in line for line in text)


def test_an_input_without_a_name_is_called_as_the_variable_that_it_is_assigned_to() -> None:
    height = ag.Tensor(np.array([0.7, -0.2]), requires_grad=True)
    beta = ag.Tensor(np.array([0.3, 0.1]), requires_grad=True)
    L = np.sum(height**2) + beta[0] ** 3
    assert given(L.explain()) == "height (2), β (2)"


def test_a_layer_that_is_diagonal_by_chance_is_not_symmetric():
    X, V = np.array([[1.0, 0.5], [0.2, -1.0]]), leaf(2, 1, name="V")
    W = ag.tensor(np.linalg.inv(X) @ np.array([[0.8, -0.6], [-0.3, 0.2]]), requires_grad=True, name="W")
    h = np.maximum(X @ W, 0)
    assert "hᵀ = h" not in str(ag.explain(np.sum((h @ V) ** 2), [W, V], {"X": X, "h": h}))


def test_a_quadratic_form_of_an_input_in_a_list() -> None:
    inputs = [ag.Tensor(np.array([0.7, -0.2]), requires_grad=True)]
    L = np.sum(np.minimum(inputs[0], 0) ** 2) + np.sum(inputs[0] ** 2)
    assert "dL/dinputs = " in str(L.explain())


def fitted(A: ag.Tensor) -> ag.Tensor:
    T = np.arange(6.0).reshape(2, 3)
    return np.sum((A @ T.T) ** 2)


def test_transposes_of_data_in_a_function_that_has_returned() -> None:
    A = leaf(3, 3, name="A")
    assert "= A @ Tᵀ" in str(fitted(A).explain(A))


def test_lookups_of_data_at_arrays_of_positions() -> None:
    w, q, (i, j) = leaf(3, name="w"), np.array([1.0, -1.0, 2.0]), np.triu_indices(3, k=1)
    derivation = np.sum(q[i] * q[j] / w).explain(w)
    assert "L = Σ (q[i] ⊙ q[j] / w) 1" in " ".join(lines(derivation))
    assert r"\frac{q_{i} \odot q_{j}}{w}" in derivation.latex()


def test_the_operator_beside_a_variable_called_mean_is_a_sum_over_n() -> None:
    mean, x = leaf(3, name="mean"), np.arange(15.0).reshape(5, 3)
    text = lines(np.mean(np.sum((x - mean) ** 2, axis=1)).explain(mean))
    assert any(line.startswith("L = Σ (x - mean)² / n") for line in text)


def test_no_index_of_a_reduction_is_a_users_name() -> None:
    i, j = leaf(3, 4, name="i"), np.arange(4.0)
    u = i - i.mean(axis=1, keepdims=True)
    derivation = np.sum((u * j) ** 2).explain(i, {"u": u})
    assert "u = i - meanₗ(i) " in " ".join(lines(derivation))
    assert r"\operatorname{mean}_{l}(i)" in derivation.latex()


def test_slices_and_arrays_from_which_a_number_was_taken_are_those_of_the_line():
    y, Phi = np.array([0.2, 0.5, -0.1, 0.3, 0.7]), np.array([[1.0, 0.2], [1.0, 0.7], [1.0, 1.5]])
    a, b, c = (ag.tensor(x, requires_grad=True, name=w) for w, x in (("a", 0.5), ("b", -0.3), ("c", 2.0)))
    e = y[2:] - a * y[1:-1] - b * y[:-2]
    A = np.eye(2) + c * Phi.T @ Phi
    text = str(ag.explain(np.sum(e**2) + np.sum(A**2), [a, b, c], {"y": y, "Phi": Phi, "e": e, "A": A}))
    assert all(f"dL/d{w} = -Σᵢ dL/deᵢ y[{at}]" in text for w, at in (("a", "i+1"), ("b", "i")))
    assert "= Φᵀ @ Φ" in text


def test_an_array_that_a_function_made_has_its_name_in_a_quoted_expression():
    def kernel(a, length):
        r2 = np.array([[(p - q) ** 2 for q in a] for p in a])
        return np.exp(-0.5 * r2 / length**2)

    def f(length):
        return np.sum(np.linalg.inv(kernel(np.array([0.0, 0.4, 1.1]), length) + np.eye(3)))

    text = str(ag.trace(f, np.array(0.8)).explain())
    assert "-r2 / (2 length²)" in text
    assert "-0.5 * r2" not in text


def test_a_number_in_a_list_keeps_its_name():
    start, end, x = 0.0, 2.0, ag.tensor([0.9, 1.4], requires_grad=True)
    points = np.concatenate([[start], x, [end]])
    text = str(ag.explain(np.sum(np.diff(points) ** 2)))
    assert "points = [start, x, end]" in " ".join(text.split())
    assert text.startswith("Given  start (1), end (1), x (2)")


def test_a_size_has_no_name_that_a_function_of_the_program_uses():
    def centred(x):
        m = x.mean()
        n = 2.0
        return (x - m) ** n

    text = str(ag.trace(lambda x: np.mean(centred(x)), np.array([0.3, 1.2, -0.7])).explain())
    assert "N = 3" in text


def test_what_is_unpacked_has_the_name_of_its_variable():
    def negative(pair, x):
        rate, scale = pair
        return np.sum(np.exp(-rate) * scale * x)

    def methods(pair, x):
        rate, scale = pair
        return rate.T.dot(x).sum() + scale.reshape(-1).sum() + rate.dot(x).sum()

    for f in (negative, methods):
        program = ag.trace(f, (np.eye(2), np.ones((2, 1))), np.ones(2))
        assert [v.name for v in program.inputs] == ["rate", "scale", "x"]


def test_a_list_of_arguments_does_not_name_the_others():
    def f(x, y, layers):
        for W in layers:
            x = np.tanh(x @ W)
        return np.sum((x - y) ** 2)

    program = ag.trace(f, np.ones(2), np.ones(2), [np.eye(2), np.eye(2)])
    assert [v.name for v in program.inputs] == ["x", "y", "W1", "W2"]


def test_labels_that_are_equal_to_others_or_to_a_range_keep_their_names() -> None:
    def loss(Z, labels, train):
        return -np.mean(Z[train, labels[train]])

    args = np.ones((4, 3)), np.array([0, 1, 1, 0]), np.array([0, 2])
    text = str(ag.trace(loss, *args).explain("Z"))
    assert "Z[train, labels[train]]" in text
    labels, train = np.array([0, 1, 1, 0]), np.array([0, 1])
    Z = leaf(4, 3, name="Z")
    text = lines((-np.mean(Z[train, labels[train]])).explain(Z))
    assert text[0].startswith("Given train (2), labels (4)")
    assert any("Z[train, labels[train]]" in line for line in text)
    assert any("Z[[0, 1]]" in line for line in lines(np.sum(np.exp(Z[[0, 1]]) ** 2).explain(Z)))


def test_columns_of_ones_and_masks_that_are_cast() -> None:
    X, w = np.arange(6.0).reshape(3, 2) - 2, leaf(2, name="w")
    s = X @ w
    fire = (s > 0).astype(float)
    cum = np.concatenate([np.zeros((3, 1)), s[:, None] * fire[:, None], np.ones((3, 1))], axis=1)
    text = lines(np.sum(cum**3).explain(w))
    assert any(line.startswith("cum") and line.count("0, ") and ", 1]" in line for line in text)
    u = X @ w
    mask = (u > 0).astype(float)
    assert any("1[u > 0] ⊙ u" in line for line in lines(np.sum((mask * u - 1) ** 2).explain(w)))
    y, Z = np.array([0, 2, 1]), leaf(3, 3, name="Z")
    m = np.where(np.arange(3) == y[:, None], 0, Z**2)
    assert any(line.startswith("mᵢⱼ = where(j = yᵢ, 0, Zᵢⱼ²)") for line in lines(np.sum(m**2).explain(Z)))


def test_no_number_of_entries_has_the_name_of_a_value_and_a_mean_has_its_own():
    X, Y = (np.random.default_rng(k).normal(size=(4, 3)) for k in (0, 1))

    def correlated(X, Y):
        zX, zY = (X - X.mean(axis=0)) / X.std(axis=0), (Y - Y.mean(axis=0)) / Y.std(axis=0)
        return np.sum((np.diag(zX.T @ zY / len(zX)) - 1) ** 2)

    assert lines(ag.trace(correlated, X, Y).explain())[0] == "Given n = len(zX) = 4, X (4x3), Y (4x3)"
    x = leaf(4, name="x")
    mean, std = np.mean(x), np.std(x)
    assert "dstd/dx = (x - mean) / (n std)" in " ".join(lines(((mean - 0.1) / std).explain(x)))


def test_each_result_of_a_function_that_is_called_twice_has_its_variable():
    w, x = ag.tensor(0.5, requires_grad=True, name="w"), np.ones(2)

    def D(x):
        return 1 / (1 + np.exp(-x * w))

    fake = np.tanh(w * x)
    D_real = D(x)
    D_fake = D(fake)
    L = np.mean(np.log(D_real)) + np.mean(np.log(1 - D_fake))
    assert "L = mean(log(D_real)) + mean(log(1 - D_fake))" in " ".join(str(L.explain(w, names=locals())).split())


def test_a_sign_is_no_step_where_a_loop_and_an_array_use_it():
    def decay(beta, at):
        A = 0.0
        for k in range(1, 4):
            A = np.exp(-beta * (at[k] - at[k - 1])) * (1 + A)
        return A + np.sum(np.exp(-beta * at))

    text = " ".join(str(ag.trace(decay, 0.5, np.arange(4.0)).explain("beta")).split())
    assert "Aₜ = exp(-β (at[t] - at[t-1])) (1 + Aₜ₋₁)" in text


def test_what_is_looked_up_twice_is_one_value_and_e_is_no_number_beside_a_variable():
    users = np.array([0, 0, 2])

    def loss(P, e):
        return np.sum(P[users] * np.exp(e)) + np.sum(P[users] ** 2)

    derivation = ag.trace(loss, np.ones((3, 2)), 0.5).explain(["P", "e"])
    assert "L = Σ (a exp(e)) + Σ a²" in " ".join(str(derivation).split())
    assert r"\exp(e)" in derivation.latex()


def test_labels_that_are_computed_from_a_parameter_are_steps():
    X = np.array([[0.0, 1.0], [2.0, 0.5], [1.0, 3.0]])
    C = leaf(2, 2, name="C")
    D = np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=2)
    nearest = np.argmin(D, axis=1)
    J = np.sum((X - C[nearest]) ** 2)
    text = " ".join(str(J.explain([C], {"X": X, "C": C, "nearest": nearest})).split())
    assert "Given X (3x2), C (2x2) The steps Dᵢⱼ = ‖Xᵢ - Cⱼ‖²" in text, text
    assert "nearest = argminⱼ(D)" in text
    assert "dJ/dCₖ = -Σᵢ 1[nearestᵢ = k] dJ/daᵢ" in text


def test_labels_that_are_assigned_from_themselves_are_given():
    def loss(P, labels):
        labels = labels % 3
        return -np.sum(np.log(P[np.arange(4), labels]))

    def carried(P):
        a, b = np.array([0, 1, 2, 1]), np.array([1, 1, 0, 2])
        for t in range(2):
            a = (b + t) % 3
            b = (a + 1) % 3
        return -np.sum(np.log(P[np.arange(4), b]))

    P = ag.tensor(np.linspace(0.1, 0.9, 12).reshape(4, 3), requires_grad=True, name="P")
    assert "log(P[i, labelsᵢ])" in str(loss(P, np.array([4, 1, 5, 3])).explain())
    assert "log(P[i, bᵢ])" in str(carried(P).explain())


def test_a_function_that_is_called_for_three_variables_is_no_loop():
    w = ag.tensor([0.2, -0.4], requires_grad=True, name="w")

    def score(x):
        return x @ w

    good = np.tanh(score(np.ones((3, 2))))
    bad = np.tanh(score(np.eye(2)))
    poor = np.tanh(score(np.array([[0.5, 2.0]])))
    text = str((np.sum(good) + np.sum(bad) + np.sum(poor)).explain([w]))
    assert "Σₜ" not in text
    assert "a1" not in text


@pytest.mark.parametrize("often", [1, 2])
def test_of_what_is_unpacked_each_has_its_own_name_though_some_is_not_used(often):
    beta, y = ag.tensor(0.4, requires_grad=True, name="beta"), np.array([0.9, 0.1, 0.0])

    def rhs(y):
        s, i, _r = y
        return np.stack([-beta * s * i, beta * s * i, 0.1 * i])

    for _ in range(3):
        k1 = rhs(y)
        k2 = k1
        if often > 1:
            k2 = rhs(y + 0.5 * k1)
        y = y + 0.25 * (k1 + k2)
    text = " ".join(str((y[1] ** 2).explain([beta])).split())
    if often == 1:
        assert "sₜ = yₜ[0]" in text, text
    else:  # one name for two values would be none
        assert "k1ₜ = [-β yₜ₋₁[0] yₜ₋₁[1], β yₜ₋₁[0] yₜ₋₁[1], 0.1 yₜ₋₁[1]] 3 t = 1 … 3" in text
        assert "k2ₜ = [-β aₜ[0] aₜ[1], β aₜ[0] aₜ[1], 0.1 aₜ[1]] 3 t = 1 … 3" in text


def test_what_a_function_computes_of_given_arrays_is_written_with_their_names():
    a, W = ag.tensor([0.1, 0.4], requires_grad=True, name="a"), ag.tensor(np.eye(2), requires_grad=True, name="W")
    good, bad = np.array([[1.0, 2.0], [0.5, 0.3]]), np.array([[0.2, 0.7], [0.1, 0.9]])

    def energy(v):
        return np.mean(-v @ a - np.sum(np.log(1 + np.exp(v @ W)), axis=1))

    text = str((energy(good) - energy(bad)).explain([a, W]))
    assert "Given  good (2x2), bad (2x2), n = 2" in text
    assert "c1" not in text


def test_numbers_side_by_side_in_a_loop_have_the_names_of_its_variables():
    R, loss = ag.tensor(2.0, requires_grad=True, name="R"), 0.0
    for w, amp in zip([5.0, 15.0, 25.0], [0.05, 0.09, 0.07], strict=True):
        loss = loss + (1 / np.sqrt(1 + R * w) - amp) ** 2
    text = " ".join(str(loss.explain([R])).split())
    assert "Given (w1, w2, w3) = (5, 15, 25), (amp1, amp2, amp3) = (0.05, 0.09, 0.07)" in text


def test_entries_in_loops_that_count_down_and_in_loops_in_loops_have_names():
    V = ag.tensor([0.3, -0.1, 0.2], requires_grad=True, name="V")
    rewards, masses, loss = np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.8, 0.5]), 0.0
    for t in reversed(range(3)):
        loss = loss + (rewards[t] + 0.9 * V[t]) ** 2
    for i in range(3):
        a = 0.0
        for j in range(3):
            if i != j:
                d = V[j] - V[i]
                a = a + masses[j] * d / (d**2 + 0.01)
        loss = loss + a**2
    text = " ".join(str(loss.explain([V], {"rewards": rewards, "masses": masses})).split())
    assert "rewards[2] + 0.9 V[2]" in text or "rewards[3-t] + 0.9 V[3-t]" in text, text
    assert "masses[0] d3 / (d3² + 0.01) + masses[2] d4 / (d4² + 0.01)" in text


def test_an_argument_of_a_function_in_a_script_has_the_name_of_what_was_passed() -> None:
    def distances(A: Any, B: Any) -> Any:
        return np.sum((A[:, None, :] - B[None, :, :]) ** 2, axis=2)

    def error(a: Any, b: Any) -> Any:
        return np.mean((a - b) ** 2)

    X, y = np.array([[0.0, 0.2], [0.5, -0.4], [1.0, 0.9]]), np.array([0.3, -0.2, 0.8])
    C = leaf(2, 2, name="C")
    D = distances(X, C)
    L = error(D[:, 0], y) + error(D[:, 1], y)
    for names in (None, {"X": X, "y": y, "C": C, "D": D}):
        text = str(L.explain(C, names=names))
        assert "X (3x2)" in text
        assert "(Xᵢₖ - Cⱼₖ)" in text
        assert "y (3)" in text
        assert " A " not in text


def test_capital_greek_letters() -> None:
    Theta, Phi, Sigma = leaf(2, 2, name="Theta"), np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2) + 1
    d = np.sum(np.tanh(Phi @ Theta + Sigma)).explain(Theta, names={"Phi": Phi, "Sigma": Sigma})
    assert "= Φ @ Θ + Sigma " in str(d)  # where Σ is a sum
    assert r"\Phi\,\Theta + \Sigma" in d.latex()


def test_a_word_before_brackets_is_no_function() -> None:
    X, scale = leaf(2, 2, name="X"), 0.3
    d = np.sum(np.tanh(X) + scale * (X @ X)).explain(X, names={"scale": scale})
    assert r"\mathrm{scale}\,X\,X" in d.latex()
    assert "scale X @ X" in str(d)
    d = np.sum(np.tanh(X) + scale * (X + X**2)).explain(X, names={"scale": scale})
    assert r"\mathrm{scale} \cdot (" in d.latex()


def test_equal_numbers_do_not_make_a_literal_a_parameter() -> None:
    w = ag.tensor([0.1, 0.2], requires_grad=True, name="w")
    text = lines(np.sum(np.tanh(w * np.array([0.1, 0.2]))).explain(w))
    assert any(line.startswith("L = Σ tanh(w ⊙ [0.1, 0.2])") for line in text)
    assert any(line.startswith("dL/dw = (1 - tanh(w ⊙ [0.1, 0.2])²) ⊙ [0.1, 0.2]") for line in text)


def test_a_detached_value_is_no_value_of_the_program() -> None:
    w = ag.tensor([0.1, 0.2], requires_grad=True, name="w")
    z = np.tanh(w)
    for text in (lines(np.sum((z - z.detach() - 1) ** 2).explain(w)), lines(np.sum((z - z.data - 1) ** 2).explain(w))):
        assert any(line.startswith("dL/dz = 2 (z - stop_gradient(z) - 1)") for line in text)
    text = lines(np.sum(np.tanh(w * w.detach())).explain(w))
    assert any(line.startswith("dL/dw = (1 - tanh(w ⊙ stop_gradient(w))²) ⊙ stop_gradient(w)") for line in text)


def test_an_array_without_a_name_may_be_a_denominator() -> None:
    x = ag.tensor([1.5, 1.0], requires_grad=True, name="x")
    assert "L = Σ (x / [2, 3])" in str(np.sum(x / np.array([2.0, 3.0])).explain(x))


def test_the_last_letter_of_a_name_is_no_index_beside_indices() -> None:
    P = np.arange(6.0).reshape(2, 3)
    bu, bi = ag.tensor([0.4, -0.6], requires_grad=True), ag.tensor([0.2, 0.9, -0.3], requires_grad=True)
    E = P - bu[:, None] - bi[None, :]
    L, names = np.sum(E**2), {"P": P, "bu": bu, "bi": bi, "E": E}
    d = L.explain(names=names)
    assert r"\mathrm{bi}_{j}" in d.latex()
    assert r"\mathrm{bu}_{i}" in d.markdown()
    page = L.draw(names=names).html()
    assert '<msub><mi mathvariant="normal">bi</mi><mi>j</mi></msub>' in page
    for latex in (d.latex(), d.markdown(), page, worksheet(L, names=names).markdown()):
        assert not re.search(r"b_\{i|<msub><mi>b</mi>", latex)


def test_a_name_with_an_index_of_its_own_has_no_other() -> None:
    X = np.arange(6.0).reshape(2, 3)
    wk, wv = ag.tensor([0.4, -0.6, 0.1], requires_grad=True), ag.tensor([0.2, 0.9, -0.3], requires_grad=True)
    z = np.sum(X * wk, axis=1)
    latex = (np.sum(z**2) + np.sum(wv) ** 2).explain(names=locals()).latex()
    assert r"z_{i} &= \sum_{j} X_{ij}\,\mathrm{wk}_{j}" in latex
    assert r"\mathrm{wv}" in latex  # as its like


def test_gates_heads_and_states_have_their_letter_below() -> None:
    xt, Wi, Wf, bi = np.ones(2), leaf(2, 2, name="Wi"), leaf(2, 2, name="Wf"), leaf(2, name="bi")
    ht = ag.sigmoid(Wi @ xt + bi) * np.tanh(Wf @ xt)
    names = {"xt": xt, "ht": ht}
    d = np.sum(ht**2).explain(names=names)
    for latex in (d.latex(), d.markdown()):
        assert all(word in latex for word in ("W_{i}", "W_{f}", "b_{i}", "x_{t}", "h_{t}"))
    X, Wq, Wk = np.ones((3, 2)), leaf(2, 2, name="Wq"), leaf(2, 2, name="Wk")
    d = np.sum(F.softmax((X @ Wq) @ (X @ Wk).T, dim=1) ** 2).explain(names={"X": X})
    assert "W_{q}" in d.latex()
    assert "W_{k}" in d.latex()
