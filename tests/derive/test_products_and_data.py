"""Derivations of products of matrices, and what they say of data: nothing that holds for these numbers alone."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.derive import source

A = np.array([[2.0, 0.3], [0.5, 1.0]])
S = np.array([[2.0, 0.6], [0.6, 1.0]])
B, v, w = np.array([[0.5], [1.0]]), np.array([1.0, -0.5]), np.array([0.3, 0.8])
X = np.array([[1.0, 0.5], [-0.5, 1.0], [0.3, 0.8]])


def form(x, Q, y):
    return np.log(1 + (x @ Q @ y) ** 2) + w @ Q @ w


def quotient(x, A, B):
    return (x @ A @ x) / (x @ B @ x)


def trace(W, C):
    return -2 * np.trace(W.T @ C @ W)


def likelihood(C, S):
    return np.linalg.slogdet(C)[1] + np.trace(np.linalg.inv(C) @ S)


def gain(H, P, R, z):
    M = H @ P @ H.T + R
    K = P @ H.T @ np.linalg.inv(M)
    return np.sum((K @ z) ** 2)


def scaled(U, s, V):
    M = U @ np.diag(s) @ V.T
    return np.sum(M**2)


def convolved(N, X, W1, W2):
    H = np.maximum(0, N @ X @ W1)
    Z = N @ H @ W2
    return np.sum(Z**2)


def regulated(K, A, B, Q, R, x0):
    x, cost = x0, 0.0
    for _ in range(3):
        u = -K @ x
        cost = cost + x @ Q @ x + u @ R @ u
        x = A @ x + B @ u
    return cost + x @ Q @ x


def turned(w, x):
    loss = 0.0
    for m in range(3):
        R = np.array([[1.0, -m], [m, 1.0]])
        loss = loss + ((R @ w) @ x) ** 2
    return loss


def projected(a, y):
    tau = (a[0] + a[1] - 1) / 2
    p = np.maximum(a - tau, 0)
    return 0.5 * np.sum((p - y) ** 2)


def whittle(s, q, I):
    f = np.exp(s) / q
    return np.sum(np.log(f) + I / f)


def crossed(M, q, y):
    f = (0.1 + q * y / M) * (M - y)
    return np.sum(f**2)


def smooth(g, c, x):
    G = 1 / (1 + np.exp(-g * (x - c)))
    return np.sum(G**2)


def pulled(t, k, x):
    m = t + (x - t) * k
    return np.sum(m**2)


def tail(s, k):
    v = np.exp(2 * s) * (1 + 0.5**2) / (2 * k)
    return 3 / v + np.log(v)


def means(m, x):
    b = np.sum((1 - m) * x) / np.sum(1 - m)
    return np.sin(b)


def buckled(s, y):
    j = y - (y * s / (2 * np.pi)) ** 2
    return np.sum(np.sin(j))


def discounted(c, gamma):
    return np.sum(gamma ** np.arange(len(c)) * np.log(c))


def gained(s):
    return np.sum(s / np.log2(2 + np.arange(len(s))))


def absorbed(E, s):
    T = (10 ** (-E) + s) / (1 + s)
    return np.sum(np.log10(T) ** 2)


def columns(l, g):
    d = l[:, 0] ** 2 + l[:, 1] ** 2
    return np.sum(g / d)


TEXTS = {
    form: ((v, A, w), "xQy", [
        "dL/dx = 2 (x @ Q @ y) (Q @ y) / (1 + (x @ Q @ y)²)", "dL/dQ = w @ wᵀ + 2 (x @ Q @ y) (x @ yᵀ) / ("]),
    quotient: ((v, A, S), "xA", ["dL/dA = x @ xᵀ / (x @ B @ x)"]),
    trace: ((X.T, A), "WC", ["dL/dW = -2 (C + Cᵀ) @ W", "dL/dC = -2 W @ Wᵀ"]),
    likelihood: ((A, S), "C", ["L = log det C + tr(C⁻¹ @ S)", "dL/dC = C⁻ᵀ - C⁻ᵀ @ S @ C⁻ᵀ"]),
    gain: ((A, S, np.eye(2), v), "HR", ["K = P @ Hᵀ @ M⁻¹", "dL/dM = -M⁻ᵀ @ H @ P @ dL/dK @ M⁻ᵀ"]),
    scaled: ((A, v, S), "Us", ["dL/dU = dL/dM @ V @ diag(s)", "dL/ds = diag(Uᵀ @ dL/dM @ V)"]),
    convolved: ((S, A, A.T, A), ["W1", "W2"], ["dL/dH = Nᵀ @ dL/dZ @ W2ᵀ since", "dL/dW2 = Hᵀ @ Nᵀ @ dL/dZ"]),
    regulated: ((v[None], A, B, A, np.eye(1), v), ["Q", "R", "K"], [
        "dL/dQ = Σₜ xₜ @ xₜᵀ since", "t = 0 … 3", "dL/dR = Σₜ uₜ @ uₜᵀ", "dL/dK = -Σₜ dL/duₜ @ xₜ₋₁ᵀ",
        "dL/dxₜ = (Q + Qᵀ) @ xₜ + Aᵀ @ dL/dxₜ₊₁ - Kᵀ @ dL/duₜ₊₁"]),
    turned: ((v, w), "w", ["dL/dw = 2 Σₘ (Rₘ @ w @ x) (Rₘᵀ @ x) since L = "]),
    projected: ((np.array([0.5, 0.3, -1.0]), np.array([0.7, 0.3, 0.0])), "a", ["dL/dτ = -Σᵢ dL/dbᵢ", "½ dL/dτ"]),
    whittle: ((0.1, v**2, w), "s", ["n = 2", "= n - Σ (I / f)"]),
    crossed: ((40.0, 0.4, np.array([2.0, 3.0])), "M", ["dL/dM = 0.1 Σ dL/df + q Σ (y² ⊙ dL/df) / M² since"]),
    smooth: ((2.0, 0.5, X[:, 0]), "gc", ["G = σ(a)", "dL/dg = Σ (dL/da ⊙ (x - c))"]),
    pulled: ((0.4, 0.5, w), "t", ["dL/dt = (1 - k) Σ dL/dm"]),
    tail: ((-0.5, 0.4), "sk", ["dv/ds = 2 v", "dv/dk = -v / k"]),
    means: ((w, v), "m", ["db/dm = (b - x) / Σ (1 - m)"]),
    buckled: ((v, 0.25), "s", ["dj/ds = -y² s / (2π²)"]),
    discounted: ((v**2, 0.9), ["gamma"], ["L = Σᵢ γⁱ log(cᵢ)", "dL/dγ = Σᵢ i log(cᵢ) γⁱ⁻¹"]),
    gained: ((v,), "s", ["L = Σᵢ sᵢ / log2(2 + i)", "dL/dsᵢ = 1 / log2(2 + i)"]),
    absorbed: ((A, 0.2), "E", ["dT/dE = -10^(-E) ln(10) / (1 + s)", "/ (ln(10) T)"]),
    columns: ((X @ np.ones((2, 3)) + np.eye(3), X[:, 0]), "l", ["dL/dlₖⱼ = 2 1[j ≤ 1] dL/ddₖ lₖⱼ"]),
}


@pytest.mark.parametrize("f", TEXTS, ids=lambda f: f.__name__)
def test_the_text_is_that_of_a_book(f):
    args, wrt, lines = TEXTS[f]
    names = {f"d{f.__name__}/": "dL/", "dloss/": "dL/", "loss =": "L =", "cost": "cost"}
    text = " ".join(str(ag.trace(f, *args).explain([*wrt])).split())
    for old, new in names.items():
        text = text.replace(old, new)
    assert [line for line in lines if line not in text] == [], text
    assert "ᵀ = R" not in text
    assert "it cancels" not in text
    assert "Σ 0" not in text


def test_what_a_script_chooses_by_a_parameter_is_a_step_or_given():
    x, tau = np.array([1.0, -2.0, 0.5]), 0.8
    v = ag.tensor(0.3, requires_grad=True, name="v")
    u = x - v
    weight = np.where(u > 0, tau, 1 - tau)
    text = str(np.mean(weight * u**2).explain(v))
    assert "where(u > 0, τ, 1 - τ)" in text
    assert "τ = 0.8" in text
    nodes = np.array([0.0, 1.2, 2.0])
    near = np.argmin((u[:, None] - nodes) ** 2, axis=1)
    text = str(np.sum((u - nodes[near]) ** 2).explain(v))
    assert "near (3)" in text
    assert "nodes[near]" in text


def test_data_that_are_equal_in_all_rounds_are_written_as_the_program_has_them():
    left, right = np.array([1.0, 1.2, 0.8]), np.array([1.1, 0.9, 1.3])
    r, x = ag.tensor(0.1, requires_grad=True, name="r"), 0.0
    for k in range(3):
        d = r * (left[k] + right[k])
        x = x + np.sin(d)
    assert "dₖ = r (left[k] + right[k])" in str((x**2).explain(r))


def test_an_array_has_one_name_in_a_helper_function():
    prob, g = np.array([0.5, 0.2]), ag.tensor(0.7, requires_grad=True, name="g")

    def weight(p):
        return p**g + (1 - p) ** g

    text = str(np.sum(weight(prob)).explain(g, names={"prob": prob}))
    assert "L = Σ (probᵍ + (1 - prob)ᵍ)" in text
    assert "p (2)" not in text


def nearest(t):
    p, m = np.array([0.1, 0.9]), np.array([0.0, 1.2, 2.0])
    x = p + t
    k = np.argmin((x[:, None] - m) ** 2, axis=1)
    return np.sum((x - m[k]) ** 2)


def test_source_raises_where_a_parameter_decides_otherwise():
    made = source(nearest, np.array(0.1))
    assert made(np.array(0.12))[0] == nearest(np.array(0.12))
    with pytest.raises(ValueError, match="this source is for the branches of its example"):
        made(np.array(1.0))


def test_a_gradient_that_is_zero_up_to_rounding_is_that_of_other_data_too():
    def centred(b, x):
        z = x + b
        return np.sum((z - z.mean()) ** 2 * x)

    b, x = np.array(0.3), np.array([0.1, 0.7, 0.4])
    made = source(centred, b, x, wrt="b")
    assert abs(made(b, x[::-1].copy())[1]) < 1e-15


def test_latex_has_one_subscript_and_greek_letters_in_mathematics():
    def weighted(theta, l):
        w = np.exp(theta) / np.sum(np.exp(theta))
        for t in range(2):
            w = w * np.exp(-l[t])
        return np.sum(w**2)

    latex = ag.trace(weighted, np.ones(3), np.ones((2, 3))).explain("theta").latex()
    assert "w_{0,i}(\\delta_{ij} - w_{0,j})" in latex
    assert "{w_{0}}" not in latex

    def walked(r, s):
        p, theta = 0.0, 0.0
        for k in range(3):
            d = r * s[k]
            p = p + d * np.cos(theta)
            theta = theta + r * np.sin(d)
        return p**2

    latex = ag.trace(walked, 0.1, np.array([1.0, 1.2, 0.8])).explain("r").latex()
    assert r"\text{, with $\theta$ }" in latex
    assert "dtheta" not in latex
