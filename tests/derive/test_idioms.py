"""Idioms of a learner's NumPy code, as a textbook writes them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(3)


def leaf(*shape, name):
    return ag.tensor(RNG.uniform(0.2, 1, shape), requires_grad=True, name=name)


def explained(L, wrt=None, **names):
    return " ".join(str(L.explain(wrt, names)).split())


# ------------------------------------------------------------------------------------------------------------------- π


def test_multiples_of_pi_stay():
    s, x = leaf(name="s"), np.array([0.1, 0.5])
    density = np.exp(-(x**2) / (2 * s**2)) / np.sqrt(2 * np.pi * s**2)
    L = -np.sum(np.log(density))
    text = explained(L, x=x)
    assert "√(2π" in text
    assert "6.28" not in text
    assert r"2\pi" in L.explain(None, {"x": x}).latex()
    sheet = ag.worksheet(L, names={"x": x})
    assert sheet.check(sheet.key()).wrong == []


def test_fractions_of_pi():
    r = leaf(3, name="r")
    L = np.sum(4 / 3 * np.pi * r**3) + np.sum(np.sin(r + np.pi / 2)) + np.sum((2 * np.pi) ** 2 * r)
    text = explained(L)
    assert "4π r³ / 3" in text
    assert "sin(r + π / 2)" in text
    assert "4π r²" in text
    assert "2π²" not in text


def test_pi_cancels():
    s = leaf(name="s")
    assert "dL/ds = 1 / (2 s)" in explained(0.5 * np.log(2 * np.pi * s))


# -------------------------------------------------------------------------------------------------------------- norms


@pytest.mark.parametrize(
    "norm",
    [
        lambda d: np.sqrt(np.sum(d * d)), lambda d: np.sqrt((d**2).sum()), lambda d: np.sqrt(d @ d),
        lambda d: np.sqrt(np.dot(d, d)), lambda d: np.sum(d**2) ** 0.5,
    ],
)  # fmt: skip
def test_the_root_of_a_sum_of_squares_is_a_norm(norm):
    w, x = leaf(3, name="w"), np.array([0.1, -0.4, 0.9])
    d = w - x
    text = explained(np.exp(norm(d)), w, x=x)
    assert "L = exp(‖d‖)" in text
    assert "dL/dd = L d / ‖d‖" in text


def test_norms_along_an_axis():
    d = leaf(4, 2, name="d")
    length = np.sqrt(np.sum(d * d, axis=1))
    text = explained(np.sum((length - 1) ** 2))
    assert "lengthᵢ = ‖dᵢ‖" in text
    assert "dL/ddᵢⱼ = dL/dlengthᵢ dᵢⱼ / lengthᵢ" in text
    K = leaf(2, 3, name="K")
    unit = K / np.sqrt((K**2).sum(-1))[:, None]
    assert "unitᵢⱼ = Kᵢⱼ / ‖Kᵢ‖" in explained(np.sum(unit**3))
    kept = K / np.sqrt(np.sum(K * K, axis=1, keepdims=True))
    assert "kept = K / ‖K‖ⱼ" in explained(np.sum(kept**3))
    size = np.linalg.norm(K, axis=1, keepdims=True)
    assert "sizeᵢ = ‖Kᵢ‖" in explained(np.sum((K / size) ** 3))
    down = np.linalg.norm(K, axis=0)
    assert "down = ‖K‖ᵢ" in explained(np.sum(down**3))  # Kⱼ would be a row


def test_a_root_of_zero_stays_one():
    """There the gradient of a norm is 0, and that of the root is not."""
    d = ag.tensor([[0.0, 0.0], [1.0, 2.0]], requires_grad=True, name="d")
    assert "√" in explained(np.sum(np.sqrt(np.sum(d * d, axis=1))))


# ------------------------------------------------------------------------------------------------- an index by its name


def test_an_integer_index_has_its_name():
    E, V, bias = leaf(4, 2, name="E"), leaf(2, 3, name="V"), leaf(4, name="bias")
    word, j = 1, 2
    u = E[word]
    col = V[:, j]
    score = u @ col + bias[word]
    text = explained(score**2, [E, V, bias], word=word, j=j)
    assert "u = E[word]" in text
    assert "dL/dEₖ = 1[word = k] dL/du" in text
    assert "dL/dbiasₖ = 1[word = k] dL/dscore" in text
    assert "dL/dVᵢₖ = 1[j = k] dL/dcolᵢ" in text


def test_one_hot_of_an_integer_label():
    p, target = leaf(3, name="p"), 2
    text = explained(-np.log(p[target]), target=target)
    assert "-Y / p since L = -log(p[target]), Y = onehot(target)" in text


def test_a_mask_is_not_the_labels_that_it_equals():
    z, y = leaf(3, name="z"), np.array([1, 0, 1])
    text = explained(np.sum(z[y == 1] ** 2) - np.sum(z[y == 0]), y=y)
    assert "z[y == 1]²" in text
    assert "z[y == 0]" in text


def test_rows_of_the_identity_at_labels_are_indicators():
    z, y = leaf(3, 3, name="z"), np.array([0, 2, 1])
    P = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    text = explained(-np.sum(np.eye(3)[y] * np.log(P)) / len(y), y=y)
    assert "Y = onehot(y)" in text
    assert "L = -Σ (Y ⊙ log(P)) / n" in text
    assert "= (P - Y) / n since Σⱼ Yⱼ = 1" in text
    Y = np.ones((3, 3))
    assert "Σ (onehot(y) ⊙ Y ⊙ z)" in explained(np.sum(np.eye(3)[y] * (Y * z)), y=y, Y=Y)


# ------------------------------------------------------------------------------------------------------ linear algebra


def covariance(noise, x):
    return np.exp(-((x[:, None] - x) ** 2)) + noise * np.eye(len(x))


def test_the_identity_is_written_I():
    noise, x = leaf(name="noise"), np.array([0.0, 0.4, 1.1])
    K = np.exp(-((x[:, None] - x) ** 2)) + noise * np.eye(len(x))
    assert "K = c1 + noise I" in explained(np.sum(K**2), x=x) or "+ noise I" in explained(np.sum(K**2), x=x)
    H = noise * K + 1e-3 * np.identity(3)
    assert "H = noise K + 0.001 I" in explained(np.sum(H**2), x=x)
    I = np.ones(3)
    assert "np.eye(3)" in explained(np.sum(noise * np.eye(3) * I), I=I)


def test_a_likelihood_by_a_cholesky_factor():
    scale, y = leaf(name="scale"), np.array([0.3, 0.5, -0.2])
    x = np.array([0.0, 0.4, 1.1])
    K = np.exp(-((x[:, None] - x) ** 2) / scale) + 0.1 * np.eye(3)
    C = np.linalg.cholesky(K)
    w = np.linalg.solve(C, y)
    L = 0.5 * np.sum(w**2) + np.sum(np.log(np.diag(C)))
    text = explained(L, x=x, y=y)
    assert "dL/dK = Φ(K⁻¹ - α @ αᵀ) since C = cholesky(K)" in text
    assert "α = K⁻¹ @ y; Φ: lower triangle, half its diagonal" in text
    sheet = ag.worksheet(L, names={"x": x, "y": y})
    assert sheet.check(sheet.key()).wrong == []
    alpha = np.linalg.solve(C.T, w)
    L = 0.5 * y @ alpha + np.sum(np.log(np.diag(C)))
    assert "dL/dK = Φ(K⁻¹ - α @ αᵀ)" in explained(L, x=x, y=y)
    assert "dloss/dK = Φ(α @ αᵀ - K⁻¹)" in explained(-L, x=x, y=y)
    alpha = np.linalg.solve(K, y)
    L = 0.5 * y @ alpha + np.sum(np.log(np.diag(C)))
    assert "dL/dK = Φ(K⁻¹) - ½ α @ αᵀ" in explained(L, x=x, y=y)
    assert "for a symmetric matrix ½ instead of Φ gives the same slopes" in explained(L, x=x, y=y)
    other = L + np.sum(C[:, 0] ** 3)  # of which the form is not the gradient
    assert "dL/dK = Φ(K⁻¹" not in explained(other, x=x, y=y)


def test_an_inverse_of_a_transpose_transposed():
    A, b = leaf(2, 2, name="A"), np.array([1.0, 2.0])
    assert "⁻ᵀ)" not in (text := explained(np.sum(np.linalg.solve(A.T, b) ** 2), A, b=b))
    assert "(Aᵀ)⁻ᵀ" not in text


# ------------------------------------------------------------------------------------------------- entries of a vector


def test_parameters_taken_out_of_a_vector():
    theta, x = leaf(3, name="theta"), np.array([0.1, 0.5])
    a, b, c = theta
    L = np.sum((a * np.exp(-b * x) + c) ** 2)
    text = explained(L, theta, x=x)
    assert "dL/dθ = [dL/da, dL/db, dL/dc]" in text
    assert " = -b x" in text  # and -b is no step
    assert r"\left[" in L.explain(theta, {"x": x}).latex()
    first = theta[0]
    last = theta[-1]
    assert "dL/dθ = [dL/dfirst, 0, dL/dlast]" in explained(first**2 * last, theta)


def test_entries_of_a_vector_in_a_loop():
    A, u = leaf(2, 2, name="A"), leaf(3, name="u")
    x = np.ones(2)
    for t in range(3):
        x = A @ x + u[t]
    text = explained(np.sum(x**2) + np.sum(u**2), u)
    assert "dL/duₖ = 2 uₖ + Σᵢ dL/dxₖ₊₁,ᵢ" in text
    assert "at [" not in text


def test_softmax_at_an_integer_label():
    z, target = leaf(3, name="z"), 2
    p = np.exp(z) / np.sum(np.exp(z))
    L = -np.log(p[target])
    assert "dL/dz = p - Y" in explained(L, z, target=target)
    assert "softmax" in str(ag.trace(lambda z, k: -np.log((np.exp(z) / np.exp(z).sum())[k]), z, 2).explain())


def test_a_word_that_ends_like_a_mark():
    what = leaf(2, name="what")
    assert "dL/dwhat = 2 what" in explained(np.sum(what**2))


def test_a_sign_stands_in_front_of_a_product_of_matrices():
    x, W, w = leaf(4, 3, name="x"), leaf(3, 2, name="W"), leaf(3, name="w")
    for z in (-x @ W, -(x @ W), x @ -W):
        r = 1 / (1 + np.exp(z))
        text = explained(np.sum((r - 1) ** 2), r=r)
        assert "a = x @ W" in text
        assert "r = σ(a)" in text
        assert "da/dW = xᵀ" in text
    text = explained(np.sum((-x @ -W) ** 2))
    assert "a = x @ W" in text
    text = explained(np.exp(-w @ (W @ W.T) @ w))
    assert "= -w" not in text
    assert "exp(-" in text


def test_a_mask_of_the_diagonal_is_where_two_indices_are_equal():
    S = leaf(3, 3, name="S")
    M = np.where(np.eye(len(S), dtype=bool), -np.inf, S)
    text = explained(np.sum(ag.softmax(M, axis=1) ** 2) + np.sum(S * ~np.eye(3, dtype=bool)), M=M)
    assert "Mᵢⱼ = where(i = j, -∞, Sᵢⱼ)" in text
    assert "Σᵢⱼ Sᵢⱼ 1[i ≠ j]" in text


def test_a_power_less_one_beside_a_power_with_a_name():
    k, scale, t = leaf(name="k"), leaf(4, name="scale"), np.arange(1.0, 5.0)
    rate = np.exp(scale)
    H = (t / rate) ** k
    text = explained(np.sum(H * t + H**2), H=H, rate=rate)
    assert "dL/drate = -k dL/dH ⊙ H / rate" in text.replace("k · dL", "k dL")


def test_a_number_beside_a_vector_is_added_to_its_entries():
    s = leaf(2, name="s")
    assert "dL/ds = [1 - 3 exp(-s[0]), 1]" in explained(np.sum(s) + 3 * np.exp(-s[0]))


def test_the_divergence_keeps_its_three_terms():
    W, V = leaf(3, name="W"), np.array([1.0, 2.0, 3.0])
    assert "L = Σ (V ⊙ log(V / a) - V + a)" in explained(np.sum(V * np.log(V / np.exp(W)) - V + np.exp(W))).replace(
        "exp(W)", "a"
    )


def test_a_given_matrix_that_is_symmetric_has_no_transpose():
    f, D = leaf(3, name="f"), np.diag([1.0, 2.0, 1.0]) - np.ones((3, 3))
    assert "dL/df = 2 D @ f since Dᵀ = D" in explained(f @ D @ f)


def test_what_is_kept_at_a_boundary_has_indices():
    def heat(u, k):
        flow = k * (u[1:] - u[:-1])
        v = ag.set_at(u, slice(1, 3), 0.5)
        w = u + k * np.concatenate([[0.0], u[2:] - 2 * u[1:-1] + u[:-2], [0.0]])
        return np.sum(flow**2) + np.sum(v**2) + np.sum(w**3)

    text = text_of(heat, np.arange(5.0), 0.3, wrt=["u"])
    assert "1[i < 1 or i ≥ 3] dL/dvᵢ" in text
    assert re.search(r"- 2 dL/d\wᵢ₋₁", text)
    assert "elsewhere" not in text


def test_the_leaky_maximum_and_matrices_with_given_rows():
    x = leaf(3, name="x")
    a = np.maximum(x, 0.1 * x)
    assert "da/dx = 1[x > 0] + 0.1 1[x < 0] since" in explained(np.sum(a**2), a=a)

    def lens(f, ray):
        M = np.array([[1.0, 0.0], [-1.0 / f, 1.0]])
        return np.sum((M @ ray) ** 2)

    assert "M = [[1, 0], [-1 / f, 1]]" in text_of(lens, 0.5, np.array([0.1, 0.2]), wrt=["f"])
    latex = ag.trace(lens, 0.5, np.ones(2)).explain("f").latex()
    assert r"\begin{bmatrix} 1 & 0 \\ -\frac{1}{f} & 1 \end{bmatrix}" in latex


def test_the_partial_of_an_intercept_is_a_number():
    x, w, b, c = RNG.normal(size=(5, 2)), leaf(2, name="w"), leaf(name="b"), leaf(2, 1, name="c")
    score = x @ w + b
    assert "dscore/db = 1 since" in explained(np.sum(score**3) + w @ w, x=x, score=score)
    left = 2 - (x @ w + b)
    assert "dleft/db = -1 since" in explained(np.sum(left**3) + w @ w, x=x, left=left)
    pair = w + c
    assert "dpair/dc = I since" in explained(np.sum(pair**3) + w @ w, pair=pair)


def text_of(f, *args, wrt):
    return " ".join(str(ag.trace(f, *args).explain(wrt)).split())


def test_a_number_stands_in_front_of_a_quadratic_form():
    def energy(x, Q, c):
        return 0.5 * x @ Q @ x + c @ x

    text = text_of(energy, np.array([0.5, 1.5]), np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([-1.0, 0.5]), wrt=["x"])
    assert "L = ½ x @ Q @ x + c @ x " in text
    assert "dL/dx = Q @ x + c since Qᵀ = Q" in text

    def captured(W, C):
        return -np.trace(W.T @ C @ W)

    W = np.array([[0.5, 1.5], [-0.3, 0.2]])
    assert "dL/dW = -(C + Cᵀ) @ W" in text_of(captured, W, np.array([[2.0, 0.5], [0.1, 1.0]]), wrt=["W"])
    assert "dL/dW = -2 C @ W since Cᵀ = C" in text_of(captured, W, np.array([[2.0, 0.5], [0.5, 1.0]]), wrt=["W"])


def test_a_length_in_a_product_has_its_name():
    def loss(w, X, y):
        r = y - X @ w
        return r @ r / (2 * len(y))

    text = text_of(loss, np.array([0.5, -0.2]), np.eye(3)[:, :2] + 0.5, np.array([1.0, 0.0, 2.0]), wrt=["w"])
    assert "n = 3" in text
    assert "L = (r @ r) / (2 n)" in text
    assert "dL/dr = r / n " in text


def test_a_mask_of_the_size_of_a_value_is_given():
    def ranks(s):
        mask = 1 - np.eye(len(s))
        D = s[None, :] - s[:, None]
        return np.sum(np.sum(np.tanh(D) * mask, axis=1) ** 3)

    text = text_of(ranks, np.array([0.2, 1.0, -0.4]), wrt=["s"])
    assert "Given mask (3x3), s (3)" in text
    assert "dL/dsⱼ = Σᵢ (dL/dDᵢⱼ - dL/dDⱼᵢ) since Dᵢⱼ = sⱼ - sᵢ" in text


def test_signs_are_turned_beside_constants():
    def ranks(s, tau):
        mask = 1 - np.eye(len(s))
        P = 1 / (1 + np.exp(-(s[None, :] - s[:, None]) / tau))
        return np.sum(np.sum(P * mask, axis=1) ** 3)

    assert "P = σ(" in text_of(ranks, np.array([0.2, 1.0, -0.4]), np.array(0.5), wrt=["s"])


def test_an_array_before_which_a_number_stands_has_its_own_name():
    X, s = np.array([[1.0, -1.0], [1.0, 0.2], [1.0, 0.9]]), ag.tensor(1.0, requires_grad=True)
    text = " ".join(str(np.sum((s * X.T @ X) ** 2).explain(s, names={"X": X})).split())
    assert "a = Xᵀ @ X 2x2" in text  # not a = (s Xᵀ) @ X, whose value is the same where s is 1
    text = " ".join(str(np.sum((s * 2 * np.ones(3) @ X) ** 2).explain(s, names={"X": X})).split())
    assert "a = np.ones(3) @ X" in text


def test_a_page_has_the_values_of_a_gain_in_front():
    def norm(x, g):
        return np.sum(np.tanh(g * (x - np.mean(x, axis=1, keepdims=True)) / np.std(x, axis=1, keepdims=True)) ** 3)

    x, g = np.array([[0.5, -1.0, 2.0], [1.0, 0.3, -0.2]]), np.array([1.0, 0.9, 1.2])
    assert "The numbers on this page are fixed" not in ag.trace(norm, x, g).draw().html(live=True)


def test_an_axis_is_omitted_only_where_it_is_meant():
    def laplace(u):
        return np.sum((np.roll(u, 1, axis=0) + np.roll(u, 1, axis=1) - 2 * u) ** 2)

    text = text_of(laplace, np.arange(9.0).reshape(3, 3), wrt=["u"])
    assert "uᵢ₋₁,ⱼ + uᵢ,ⱼ₋₁ - 2 uᵢⱼ" in text
    assert "indices wrap around" in text


def test_a_squared_hinge_has_no_second_case():
    def penalty(w, X, y):
        return np.sum(np.maximum(0, 1 - y * (X @ w)) ** 2)

    data = np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([1.0, -1.0])
    text = text_of(penalty, np.array([0.5, 0.1]), *data, wrt=["w"])
    assert "dL/da = -2 max(0, 1 - y ⊙ a) ⊙ y since" in text


def test_pairs_are_those_above_the_diagonal():
    def energy(q):
        diff = q[:, None] - q[None, :]
        pair = 1 / (1 + diff**2)
        return np.sum(np.triu(pair, 1))

    text = text_of(energy, np.array([0.2, 1.0, -0.4]), wrt=["q"])
    assert "dL/dpairᵢⱼ = 1[i < j] since L = Σ triu(pair, k=1)" in text


# ------------------------------------------------------------------------------------------------- quotients, signs


def test_what_a_quotient_is_divided_by_stays_a_sum():
    def filtered(a, m):
        q = a / a.sum()
        r = q @ m
        p = r / np.sum(r)
        return np.sum(p * np.array([1.0, 3.0])) - np.log(a.sum()) - np.log(r.sum())

    text = text_of(filtered, np.array([0.3, 0.4]), np.array([[0.1, 0.9], [0.5, 0.4]]), wrt=["a"])
    assert "dL/dr = (dL/dp - Σ (dL/dp ⊙ p) - 1) / Σ r" in text
    assert "dL/da = (dL/dq - Σ (dL/dq ⊙ q) - 1) / Σ a" in text

    def rows(A, c):
        B = A * c
        R = B / B.sum(axis=1, keepdims=True)
        return np.sum(R**2) + np.sum(np.log(B.sum(axis=1)))

    text = text_of(rows, np.array([[0.3, 0.4], [0.5, 0.6], [0.1, 0.7]]), np.array([0.1, 0.9]), wrt=["c"])
    assert "dL/dB = (dL/dR + 1 - Σⱼ dL/dRⱼ Rⱼ) / Σⱼ Bⱼ" in text


def test_a_sum_that_begins_with_a_minus_is_subtracted():
    def log_normal(x, sd):
        return -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * (x / sd) ** 2

    def density(x, w, sd):
        return np.sum(np.log(w) + log_normal(x, sd))

    derivation = ag.trace(density, np.array([1.0, 2.0]), np.array([0.4, 0.6]), np.array([0.5, 0.7])).explain(["sd"])
    assert "log(w) - ½ log(2π) - log(sd) - " in str(derivation)
    assert r"\ln w - \tfrac{1}{2}\,\ln (2\,\pi) - " in derivation.latex()
    assert "+ -" not in str(derivation)
    assert "<mo>+</mo><mo>−</mo>" not in derivation.html()


def test_the_sum_of_a_product_with_the_identity_is_a_trace():
    def ridge(X, y, lam, mu):
        A = X.T @ X + lam * np.eye(2)
        B = A @ A - mu / 2 * np.eye(2)
        w = np.linalg.solve(B, X.T @ y)
        return w @ w

    X, y = np.array([[0.3, 0.4], [0.5, 0.6], [0.1, 0.7]]), np.array([0.1, 0.9, 0.3])
    text = text_of(ridge, X, y, 0.5, 0.7, wrt=["lam", "mu"])
    assert "dL/dλ = tr(dL/dA)" in text
    assert "dL/dμ = -½ tr(dL/dB)" in text
    sheet = ag.trace(ridge, X, y, 0.5, 0.7).worksheet(blanks=40)
    assert sheet.check(sheet.key()).wrong == []
    weights = np.array([[1.0, 2.0], [0.0, 1.0]])

    def weighted(X, lam):
        I = weights
        A = X @ X + lam * I
        return np.sum(np.sin(A) ** 2)

    assert "tr(" not in text_of(weighted, X[:2], 0.5, wrt=["lam"])


def test_what_is_used_beside_an_idiom_is_no_part_of_it():
    score = leaf(3, name="score")
    hazard = np.exp(score)
    rows = np.array([0, 2])
    a = hazard[rows]
    text = explained(np.log(np.sum(hazard)) + np.log(np.sum(a)), hazard=hazard, a=a, rows=rows)
    assert "L = log(Σ hazard) + log(Σ a)" in text
    assert "dL/dhazardₖ = 1 / Σ hazard + Σᵢ 1[rowsᵢ = k] dL/daᵢ" in text


def test_an_integer_beside_other_axes_has_its_own_index():
    b, img = leaf(2, 2, name="b"), np.arange(6.0).reshape(3, 2) + 1
    text = explained(np.sum((b[0][:, None] * img[0:2]) ** 2), img=img)
    assert "dL/dbₖⱼ = 2 1[k = 0] b[0]ⱼ ‖img[0:2]ⱼ‖²" in text
    L = np.sum((b[:, 0, None] * img[0:2]) ** 2) + np.sum(np.exp(b[1][None, :] * img))
    assert "dL/dbₖⱼ = 1[k = 1] dL/dfⱼ + 1[j = 0] dL/daₖ" in explained(L, img=img)
    kern = leaf(2, 2, 2, name="kern")
    L = np.sum((kern[:, 0, 0, None] * img[0:2]) ** 2) + np.sum(np.exp(kern[1, :, :, None] * img[1:3]))
    text = explained(L, img=img)
    assert "dL/dkernₖⱼₗ = 1[k = 1] dL/dfⱼₗ + 1[j = 0] 1[l = 0] dL/daₖ" in text
    assert "elsewhere" not in text


def test_an_index_is_not_the_letter_of_labels():
    def loss(U, v, others):
        total = 0.0
        for k in others:
            total = total + np.log(1 + np.exp(U[k] @ v))
        return total

    text = ag.trace(loss, np.eye(4, 2), np.ones(2), [0, 3, 1]).explain("U").text()
    assert "1[kₜ = i]" in text
    assert "1[kₜ = k]" not in text


def test_log1p_is_the_logarithm_of_1_plus_x():
    def loss(s, y, z):
        return np.mean(np.log1p(np.exp(-y * z))) - np.sum(-np.log1p(s + y))

    derivation = ag.trace(loss, np.array([0.5, 0.2]), np.array([1.0, -1.0]), np.array([0.3, 0.4])).explain(["z"])
    assert "L = mean(log(1 + exp(-y ⊙ z))) + Σ log(1 + s + y)" in str(derivation)
    assert r"\ln(1 + e^{-y \odot z})" in derivation.latex()
    sheet = ag.trace(loss, np.array([0.5, 0.2]), np.array([1.0, -1.0]), np.array([0.3, 0.4])).worksheet()
    assert sheet.check(sheet.key()).wrong == []


# ------------------------------------------------------------------------------------------- probabilistic programs


def squeezed(x):
    top = x.max(axis=1, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=1)) + np.squeeze(top, 1)


def squeezed_last(x):
    top = np.max(x, axis=1, keepdims=True)
    return (top + np.log(np.sum(np.exp(x - top), axis=1, keepdims=True))).squeeze(1)


@pytest.mark.parametrize("lse", [squeezed, squeezed_last])
def test_a_logsumexp_with_a_shift_that_is_squeezed(lse):
    text = explained(np.sum(lse(leaf(2, 3, name="S"))))
    assert "L = Σ logsumexpⱼ(S)" in text
    assert "dL/dS = softmax(S)" in text


def test_a_mixture_of_gaussians_is_that_of_a_book():
    def loss(mu, log_sigma, x):
        sigma = np.exp(log_sigma)
        logp = -np.log(sigma) - (x[:, None] - mu) ** 2 / (2 * sigma**2)
        return -np.sum(np.log(np.sum(np.exp(logp), axis=1)))

    text = " ".join(str(ag.trace(loss, np.array([-1.0, 1.0]), np.zeros(2), np.arange(3.0)).explain()).split())
    assert "logp = -b² / (2 σ²) - log(σ)" in text or "logp = -log(σ) - b² / (2 σ²)" in text


def test_a_divergence_of_gaussians_has_the_gradient_of_a_book():
    def loss(L0, S1):
        S0, inverse = L0 @ L0.T, np.linalg.inv(S1)
        return 0.5 * (np.trace(inverse @ S0) + np.log(np.linalg.det(S1) / np.linalg.det(S0)))

    S1 = np.array([[1.5, 0.2], [0.2, 1.0]])
    text = " ".join(str(ag.trace(loss, np.array([[1.0, 0.0], [0.3, 0.8]]), S1).explain("L0")).split())
    assert "L = ½ (tr(inverse @ S0) + log(det S1 / det S0))" in text
    assert "dL/dS0 = ½ (inverse - S0⁻¹) since" in text


def test_the_gamma_function_and_its_derivative_are_explained():
    gammaln = pytest.importorskip("scipy.special").gammaln
    a = leaf(3, name="a")
    L = gammaln(np.sum(np.exp(a))) - np.sum(gammaln(np.exp(a)))
    assert "log Γ(Σ " in (text := explained(L))
    assert "ψ(" in text
    assert "ψ = Γ′ / Γ" in text
    assert r"; $\psi$ = $\Gamma$$'$ / $\Gamma$}" in L.explain().latex()


def test_what_is_in_a_risk_set_has_indices():
    def loss(beta, T):
        at_risk = (T[None, :] >= T[:, None]).astype(float)
        return np.sum(np.log(at_risk @ np.exp(beta)))

    text = str(ag.trace(loss, np.array([0.1, 0.2, 0.3]), np.array([3.0, 1.0, 2.0])).explain("beta"))
    assert "at_riskᵢⱼ = 1[Tⱼ ≥ Tᵢ]" in text


def test_a_number_that_many_entries_use_is_no_size():
    a, x = leaf(name="a"), leaf(4, name="x")
    c = np.exp(a)
    assert "dL/dc = -n" in explained(-np.sum(c - np.exp(x) * x), a)
    b = np.exp(a)
    assert "- dL/db" not in (text := explained(np.sum(x**2 / (-2 * b)), a))
    assert "/ (-2" not in text


def test_the_forward_algorithm_with_scaling_in_two_lines_is_one_recursion():
    def loss(A, B, start, obs):
        alpha = start * B[:, obs[0]]
        c = np.sum(alpha)
        alpha = alpha / c
        total = np.log(c)
        for t in range(1, len(obs)):
            alpha = (alpha @ A) * B[:, obs[t]]
            c = np.sum(alpha)
            alpha = alpha / c
            total = total + np.log(c)
        return -total

    args = np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([0.5, 0.5])
    text = " ".join(str(ag.trace(loss, *args, np.array([0, 1, 1, 0, 1])).explain(["A", "B"])).split())
    assert all(part in text for part in ("= αₜ₋₁ @ A 2 t = 1 … 4", "αₜ = ", "total = Σₜ log(cₜ)"))


def test_the_gradient_of_a_policy_with_a_baseline_is_that_of_a_book():
    def loss(theta, states, actions, returns, baseline):
        total = 0.0
        for s, a, G in zip(states, actions, returns, strict=True):
            z = theta[s]
            total = total - (z - np.log(np.sum(np.exp(z))))[a] * (G - baseline)
        return total

    args = np.array([[0.1, 0.2], [-0.3, 0.4]]), np.array([0, 1, 0]), np.array([1, 0, 0]), np.array([1.0, 0.0, 2.0])
    text = str(ag.trace(loss, *args, 0.5).explain("theta"))
    assert "dtotal/dzᵢ = (softmax(zᵢ) - Yᵢ) (returns[i] - baseline)" in text


def test_a_covariance_at_the_start_is_the_identity():
    def loss(A, q, y):
        P, total = np.eye(2), 0.0
        for t in range(3):
            P = A @ P @ A.T + q * np.eye(2)
            total = total + np.sum(P) * y[t]
        return total

    text = str(ag.trace(loss, np.array([[0.9, 0.1], [0.0, 0.8]]), 0.3, np.array([1.0, 2.0, 3.0])).explain("A"))
    assert "P0 = I" in text


def test_of_a_difference_of_vectors_the_sign_is_written_in_a_product():
    u, v, x = leaf(3, name="u"), leaf(3, name="v"), np.array([1.0, 2.0, 4.0])
    first, second = u * x, v * x**2
    rest = 1 - first - second
    text = explained(np.sum(rest**3), first=first, second=second, rest=rest)
    assert "dL/dv = -dL/drest ⊙ dsecond/dv" in text
    W, X = leaf(2, name="W"), RNG.normal(size=(3, 2))
    z = X @ W
    s = 1 - z
    assert "dL/dW = -dz/dW @ (dL/dp ⊙ dp/ds)" in explained(np.sum((p := ag.sigmoid(s)) ** 2), z=z, s=s, p=p)


def test_a_sum_of_ones_has_one_sign():
    sd, x = leaf(name="sd"), np.arange(5.0)
    logp = -0.5 * np.log(2 * np.pi) - np.log(sd) - x**2 / (2 * sd**2)
    text = explained(-np.sum(logp), logp=logp)
    assert "logp = -½ log(2π) - log(sd) - " in text
    assert "dL/dsd = (n - Σ x² / sd²) / sd since" in text


def test_where_a_kink_is_smooth_no_convention_is_noted():
    w = ag.tensor(np.array([0.0, 1.0, -1.0]), requires_grad=True, name="w")
    assert "tie" not in explained(np.sum(np.maximum(0, w) ** 2))
    assert "½ each at a tie" in explained(np.sum(np.maximum(0, w)))


def test_labels_beside_all_classes_are_cases():
    W, X, y = leaf(2, 3, name="W"), RNG.normal(size=(4, 2)), np.array([0, 2, 1, 2])
    L = np.mean(np.maximum(0, 1 - np.where(y[:, None] == np.arange(3), 1, -1) * (X @ W)))
    assert "Sᵢⱼ = where(yᵢ = j, 1, -1)" in explained(L)
    P = ag.softmax(X @ W, axis=1)
    assert "Y = onehot(y)" in (text := explained(-np.sum((y[:, None] == np.arange(3)) * np.log(P)), P=P))
    assert "= P - Y since" in text


def test_a_sum_of_all_entries_of_what_adds_axes_has_indices():
    ell, t = leaf(name="ell"), np.array([0.0, 0.5, 1.2])
    K = np.exp(-((t[:, None] - t[None, :]) ** 2) / (2 * ell**2))
    assert "dL/dell = Σᵢⱼ Kᵢⱼ (tᵢ - tⱼ)² / ell³" in explained(K.sum(), K=K)


def test_a_mask_that_a_function_computes_is_a_step_and_not_given():
    def relu(z):
        return z * (z > 0)

    def huber(r, d):
        inside = np.abs(r) <= d
        return np.where(inside, 0.5 * r**2, d * (np.abs(r) - 0.5 * d))

    X, y = np.array([[1.0, 0.5], [0.2, -1.0], [0.3, 0.8]]), np.array([0.5, 2.0, -1.0])
    W, v = ag.tensor([[0.4, -0.6], [0.2, 0.9]], requires_grad=True), ag.tensor([0.7, -0.3], requires_grad=True)
    H = relu(X @ W)
    pred = H @ v
    L = np.sum(huber(pred - y, 1.0))
    text = explained(L, X=X, y=y)
    assert "Given X (3x2), y (3), d = 1, W (2x2), v (2)" in text
    assert "H = z ⊙ 1[z > 0]" in text
    assert "dL/dz = dL/dH ⊙ 1[z > 0]" in text
    assert "dL/dr = where(|r| ≤ d, r, d sign(r))" in text


def test_a_mask_of_a_value_that_a_variable_no_longer_has_keeps_its_name():
    x = ag.tensor([0.4, -0.6, 0.9], requires_grad=True)
    u = np.tanh(x)
    positive = u > 0
    u = u - 0.05
    text = explained(np.sum(u * positive))
    assert "positive (3)" in text
    assert "1[u > 0]" not in text


def test_what_is_placed_is_written_alike_in_text_and_latex():
    h, mask = leaf(3, name="h"), np.array([True, False, True])
    a = h[mask]
    derivation = (np.sum(a**2) + np.sum(np.exp(h))).explain(h, names={"a": a, "mask": mask})
    assert "dL/da at [mask], 0 elsewhere" in derivation.text()
    assert r"\frac{\partial L}{\partial a} \text{ at } [\mathrm{mask}]\text{, 0 elsewhere}" in derivation.latex()


def test_a_normalisation_beside_a_residual_has_one_denominator():
    def block(x, W):
        h = (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)
        return np.sum((h @ W + x) ** 2)

    program = ag.trace(block, RNG.uniform(-1, 1, (2, 3)), RNG.uniform(-1, 1, (3, 3)))
    text = " ".join(str(program.explain()).split())
    assert re.search(r"dL/dx = \(dL/dh - .* / n - .* / n\) / std\S*\(x\) \+ dL/d", text), text


def test_a_sum_of_a_number_and_a_sigmoid_is_no_product_of_matrices():
    def pair(v, U, o):
        return np.log(ag.sigmoid(o @ v)) + np.sum(np.log(ag.sigmoid(-U @ v)))

    program = ag.trace(pair, RNG.uniform(-1, 1, 3), RNG.uniform(-1, 1, (2, 3)), RNG.uniform(-1, 1, 3))
    assert "dL/dv = " in str(program.explain())


@pytest.mark.parametrize(
    "design",
    [
        lambda x: np.column_stack([np.ones(len(x)), x]),
        lambda x: np.stack([np.ones(len(x)), x], axis=1),
        lambda x: np.vstack([np.ones(len(x)), x]).T,
        lambda x: np.hstack([np.ones((len(x), 1)), x[:, None]]),
    ],
)
def test_a_design_matrix_has_a_column_of_ones(design):
    def fit(b, x, y):
        X = design(x)
        return np.mean((X @ b - y) ** 2)

    text = " ".join(str(ag.trace(fit, RNG.uniform(-1, 1, 2), np.arange(6.0), RNG.uniform(-1, 1, 6)).explain()).split())
    assert "dL/dx = dL/dX[:, 1] since X = [1, x" in text, text
    assert "np.ones" not in text


def test_sums_over_one_axis_after_another():
    x, weights = leaf(2, 3, 2, name="x"), np.arange(3.0).reshape(1, 3, 1)
    y = np.tanh(x)
    L = np.sum(np.apply_over_axes(np.sum, y, (0, 2)) * weights)
    assert "dL/dx = dL/dy ⊙ (1 - y²)" in explained(L, weights=weights, y=y)


def test_axes_of_length_one_that_are_kept_in_front_are_dropped():
    def summed(x):
        windows = np.reshape(np.take(np.ravel(x), np.arange(12) % 6), (2, 3, 2))
        return np.sum(np.apply_over_axes(np.sum, np.tanh(windows) + np.arange(12.0).reshape(2, 3, 2), (0, -1)) ** 2)

    assert "not confirmed" not in str(ag.trace(summed, np.ones((2, 3))).explain())


def test_a_share_has_the_slope_of_the_textbook():
    K, S, dt = leaf(name="K"), leaf(name="S"), 0.1
    for _ in range(2):
        S = S - dt * S / (K + S)
    text = explained(S**2, [K], dt=dt)
    assert "(1 - dt K / (K + S1)²)" in text


def test_times_ones_is_repeated_and_pi_over_a_number_stays():
    S0, w, Z = leaf(name="S0"), leaf(name="w"), np.array([0.3, -0.5, 1.2])
    S = S0 * np.ones(3)
    area = np.pi * w**2 / 0.633
    text = explained(np.sum((S + Z) ** 2) + area**2, [S0, w], Z=Z)
    assert "S = S0 3" in text
    assert "area = π w² / 0.633" in text
    A = np.array([[2.0, 0.5], [0.5, 1.0]])
    x = leaf(2, name="x")
    assert "3 Σⱼ (Aᵢⱼ + Aⱼᵢ) xⱼ" in explained(3 * np.einsum("i,ij,j->", x, A, x), A=A)


def test_a_sum_is_not_over_an_axis_of_length_1():
    rows, cols, x0, y0 = np.arange(3.0), np.arange(4.0), leaf(name="x0"), leaf(name="y0")
    r2 = (cols[None, :] - x0) ** 2 + (rows[:, None] - y0) ** 2
    text = explained(np.sum(np.exp(-r2) ** 2), [x0, y0], rows=rows, cols=cols)
    assert "dL/dy0 = -2 Σᵢ (rowsᵢ - y0) Σₖ dL/dr2ᵢₖ" in text
    assert "dL/dx0 = -2 Σⱼ (colsⱼ - x0) Σₖ dL/dr2ₖⱼ" in text
