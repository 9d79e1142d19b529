"""Derivations of inner loops whose ranges depend on the outer one, and of lists that are read again."""

from __future__ import annotations

import numpy as np
import pytest
from in_order import assert_in_order
from loops import backwards, by_rank, predicted, survival, two_views, without_own

import autograd_lite as ag
from autograd_lite.testing import assert_gradients

RNG = np.random.default_rng(11)


def normal(*shape):
    return RNG.normal(size=shape)


def hawkes(mu, b, times):
    logs = 0.0
    for i in range(len(times)):
        ex = sum(np.exp(-b * (times[i] - times[j])) for j in range(i))
        logs = logs + np.log(mu + ex)
    return logs


def fields(x):
    E = 0.0
    for i in range(1, len(x)):
        field = 0.0
        for j in range(i):
            field = field + 1 / (x[i] - x[j])
        E = E + field**2
    return E


def after(x):
    E = 0.0
    for i in range(len(x) - 1):
        E = E + sum(1 / (x[j] - x[i]) for j in range(i + 1, len(x))) ** 2
    return E


def with_events(s, d):
    L = 0.0
    for i in range(len(s)):
        if d[i]:
            risk = sum(np.exp(s[j]) for j in range(i, len(s)))
            L = L - (s[i] - np.log(risk))
    return L


def infonce(U, V):
    loss, n = 0.0, len(U)
    for i in range(n):
        sims = [U[i] @ V[j] for j in range(n)]
        loss = loss - np.log(np.exp(sims[i]) / sum(np.exp(s) for s in sims))
    return loss / n


def appended(U, V):
    loss = 0.0
    for i in range(len(U)):
        sims = []
        for j in range(len(V)):
            sims.append(U[i] @ V[j])  # noqa: PERF401  # as learners write it
        total = 0
        for s in sims:
            total = total + np.exp(s)
        loss = loss - sims[i] + np.log(total)
    return loss


def distances(W, X):
    L = 0.0
    for i in range(len(X)):
        z = X[i] @ W
        d = [np.sum((z - X[j] @ W) ** 2) for j in range(len(X))]
        L = L + np.log(sum(np.exp(-v) for v in d))
    return L


def convolved(K, b, x):
    L = 0.0
    for c in range(4):
        row = [np.tanh(np.sum(K[c] * x[t : t + 3]) + b[c]) for t in range(5)]
        L = L + (sum(row) / len(row)) ** 2
    return L


def by_items(a, b, theta, U):
    loss = 0.0
    for i in range(len(theta)):
        for j in range(len(a)):
            p = 1 / (1 + np.exp(-a[j] * (theta[i] - b[j])))
            loss -= U[i, j] * np.log(p) + (1 - U[i, j]) * np.log(1 - p)
    return loss


def near_by(r, W):
    loss = 0.0
    for i, near in enumerate([[0, 1, 2], [1, 0, 3], [2, 0], [3, 1, 2, 0]]):
        loss = loss + np.sum(np.tanh(r[i] + r[near] @ W[near]))
    return loss


def in_list(Z, y):
    L = 0
    for i in range(4):
        m = [np.exp(Z[i, j] - Z[i, y[i]]) for j in range(3) if j != y[i]]
        L = L + np.log(1 + sum(m))
    return L


def neighbours(X):
    L = 0
    for i in range(4):
        z = sum(1 / (1 + np.sum((X[i] - X[j]) ** 2)) for j in range(4) if j != i)
        for j in range(4):
            if j == i:
                continue
            L = L + np.log(1 / (1 + np.sum((X[i] - X[j]) ** 2)) / z)
    return L


def potential(X):
    L = 0
    for i in range(3):
        z = 0
        for j in range(3):
            if i != j:
                z = z + 1 / np.sqrt(np.sum((X[i] - X[j]) ** 2))
        L = L + np.log(z)
    return L


def weighted(Z, c, C):
    total = 0
    for i in range(4):
        z = 0
        for j in range(4):
            z = z + C[i, j] * np.exp(Z[i] @ Z[j])
            if j != i:
                z = z - c[j] * np.tanh(Z[j] @ Z[i])
        total = total + z**2
    return total


def greatest(Z):
    total = 0
    for i in range(4):
        total = total + np.max(np.stack([Z[i] @ Z[j] for j in range(4) if j != i]))
    return total


DATA = ("X", "y", "c", "C", "tau", "U", "times", "d", "order", "x", "r")
WHOLE = (fields, after, near_by, infonce, appended, neighbours, potential)
CASES = {
    hawkes: ((0.6, 1.2, np.array([0.4, 1.1, 1.5, 2.8, 3.0])), [
        "ex0 = 0", "aₜ = b (times[:t] - times[t]) t = 1 … 4", "exₜ = Σ exp(aₜ)", "logs = Σₜ log(μ + exₜ)", "t = 0 … 4",
        "dlogs/daₜ = dlogs/dexₜ · exp(aₜ)", "dlogs/db = -Σₜ Σ (dlogs/daₜ ⊙ (times[t] - times[:t]))", "t = 1 … 4",
    ]),
    fields: ((np.array([0.1, 0.5, 1.3, 2.0]),), [
        "aᵢ = x[i] - x[:i] i = 1 … 3", "fieldᵢ = Σ (1 / aᵢ)", "E = Σᵢ fieldᵢ²", "dE/daᵢ = -dE/dfieldᵢ / aᵢ² since",
        "dE/dxₖ = 1[k ≥ 1] Σⱼ dE/daₖⱼ - Σᵢ 1[k < i] dE/daᵢₖ since",
    ]),
    after: ((np.array([0.1, 0.5, 1.3, 2.0]),), [
        "aₜ = x[t:] - x[t-1] t = 1 … 3", "dE/daₜ = -2 Σ (1 / aₜ) / aₜ² since",
        "dE/dxₖ = Σₜ 1[k ≥ t] dE/daₜ[k-t] - 1[k < 3] Σᵢ dE/daₖ₊₁,ᵢ since",
    ]),
    survival: ((normal(2), normal(4), normal(3, 2), np.array([2, 4, 1])), [
        "aᵢ = α[:times[i]] + ηᵢ i = 0 … 2", "nll = -Σᵢ Σ log(1 - hᵢ)", "dnll/dηᵢ = Σⱼ dnll/daᵢⱼ since",
        "dnll/dαₖ = Σᵢ 1[k < times[i]] dnll/daᵢₖ since",
    ]),
    with_events: ((normal(5), np.array([1, 0, 1, 1, 0])), [
        "(i1, i2, i3) = (0, 2, 3)", "where d[i]", "aₜ = s[iₜ:] t = 1 … 3", "L = -Σₜ (s[iₜ] - logsumexp(aₜ))",
        "dL/daₜ = softmax(aₜ)", "dL/dsₖ = Σₜ 1[k ≥ iₜ] dL/daₜ[k-iₜ] - Σₜ 1[iₜ = k] since",
    ]),
    by_rank: ((normal(5), np.array([2, 0, 4, 1, 3])), [
        "leftₖ = s[order[k:]] k = 0 … 3", "loss = Σₖ (logsumexp(leftₖ) - s[order[k]])",
        "dloss/dleftₖ = softmax(leftₖ)",
        "dloss/dsᵢ = Σₖ Σⱼ 1[order[j+k] = i] dloss/dleftₖⱼ - Σₖ 1[order[k] = i] since",
    ]),
    infonce: ((normal(4, 3), normal(4, 3)), [
        "simsᵢ = V @ U[i] 4 i = 0 … 3", "loss = -Σᵢ log(softmax(simsᵢ)[i])",
        "dL/dsimsᵢ = (softmax(simsᵢ) - Yᵢ) / n since", "Yᵢ = onehot(i)", "dL/dUᵢ = Vᵀ @ dL/dsimsᵢ since",
    ]),
    appended: ((normal(4, 3), normal(4, 3)), [
        "simsᵢ = V @ U[i]", "loss = Σᵢ (logsumexp(simsᵢ) - simsᵢ[i])", "dloss/dsimsᵢ = softmax(simsᵢ) - Yᵢ since",
    ]),
    distances: ((normal(3, 2), normal(4, 3)), [
        "zᵢ = X[i] @ W", "a = X @ W", "dᵢⱼ = ‖bᵢⱼ‖²", "L = Σᵢ logsumexp(-dᵢ)", "dL/ddᵢ = -softmax(-dᵢ) since",
        "dL/da = -Σᵢ dL/dbᵢ since",
    ]),
    convolved: ((normal(4, 3, 2), normal(4), normal(7, 2)), [
        "aₜᵢ = Σⱼₖ xᵢ₊ⱼ,ₖ K[t-1]ⱼₖ + b[t-1]", "rowₜ = tanh(aₜ)", "L = Σₜ (Σ rowₜ / n)²",
        "dL/daₜ = dL/drowₜ ⊙ (1 - rowₜ²) since",
        "dL/dKₖⱼₗ = Σᵢ dL/daₖ₊₁,ᵢ xᵢ₊ⱼ,ₗ since",
        "dL/dbₖ = Σᵢ dL/daₖ₊₁,ᵢ since",
    ]),
    by_items: ((normal(3), normal(3), normal(4), np.array([[1.0, 0, 1], [1, 0, 0], [1, 1, 1], [0, 1, 0]])), [
        "dloss/da = Σᵢ dloss/dpᵢ ⊙ pᵢ ⊙ (1 - pᵢ) ⊙", "= Σᵢ (pᵢ - U[i]) ⊙", "dloss/dθᵢ =",
    ]),
    near_by: ((normal(4), normal(4, 2)), [
        "near0 (3), near1 (3), near2 (2), near3 (4)", "aᵢ = r[nearᵢ] i = 0 … 3",
        "dloss/dWₖ = Σᵢ Σⱼ 1[nearᵢⱼ = k] dloss/dbᵢⱼ",
    ]),
    two_views: ((normal(4, 3), normal(4, 3), 0.5), [
        "positiveᵢ = exp((A[i] @ B[i]) / τ)", "cᵢ = B @ A[i] 4", "fᵢ = A @ A[i] 4",
        "everythingᵢ = Σ exp(cᵢ / τ) + Σⱼ 1[i ≠ j] exp(fᵢⱼ / τ)", "total = -Σᵢ log(positiveᵢ / everythingᵢ)",
        "dtotal/dfᵢⱼ = 1[i ≠ j] dtotal/deverythingᵢ exp(fᵢⱼ / τ) / τ since",
        "dtotal/dBₖ = Σᵢ dtotal/dcᵢₖ A[i] + dtotal/dpositiveₖ positiveₖ A[k] / τ",
    ]),
    without_own: ((normal(4, 3),), [
        "aᵢ = Z @ Z[i] 4 i = 0 … 3", "zᵢ = Σⱼ 1[i ≠ j] exp(aᵢⱼ)", "total = Σᵢ log(zᵢ)",
        "dtotal/daᵢⱼ = 1[i ≠ j] dtotal/dzᵢ exp(aᵢⱼ) since", "dtotal/dZₖ = Σᵢ dtotal/daᵢₖ Z[i] + Zᵀ @ dtotal/daₖ since",
    ]),
    in_list: ((normal(4, 3), np.array([0, 2, 1, 1])), [
        "aₜ = Z[t-1] - Z[t-1, y[t-1]]", "mₜ = exp(aₜ)", "L = Σₜ log(1 + Σᵢ 1[y[t-1] ≠ i] mₜᵢ)", "dL/daₜ = dL/dmₜ ⊙ mₜ",
    ]),
    neighbours: ((normal(4, 2),), [
        "aₜ = X[t-1] - X", "zₜ = Σᵢ 1[t-1 ≠ i] / cₜᵢ", "dL/dXₖ = Σᵢ dL/daₖ₊₁,ᵢ - Σₜ dL/daₜₖ since",
    ]),
    weighted: ((normal(4, 3), normal(4), normal(4, 4)), [
        "aᵢ = Z @ Z[i] 4", "zᵢ = Σ (C[i] ⊙ exp(aᵢ)) - Σⱼ 1[i ≠ j] cⱼ tanh(aᵢⱼ)", "dtotal/dzᵢ = 2 zᵢ",
    ]),
    greatest: ((normal(4, 3),), ["b1 = [a1, a2, a3]", "b4 = [a10, a11, a12]"]),  # of three numbers each
    potential: ((normal(3, 2),), [  # where j = i would divide by 0
        "z1 = 1 / ‖a1‖ + 1 / ‖a2‖", "L = Σₜ log(zₜ)",
    ]),
    backwards: ((normal(5), normal(4), 0.9), [
        "δₜ = r[t] + g v[t+1] - v[t]", "dloss/dvₖ = 1[k ≥ 1] dloss/dδₖ₋₁ g - 1[k < 4]",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_a_loop_whose_range_depends_on_another_has_one_line(f):
    args, lines = CASES[f]
    words = f.__code__.co_varnames[: len(args)]
    wrt = list(words) if f in WHOLE else [w for w in words if w not in DATA]
    derivation = ag.trace(f, *args).explain(wrt)
    text = " ".join(str(derivation).split())
    assert_in_order(lines, text)
    assert "not confirmed" not in text
    assert derivation.check() < 1e-9
    assert "\\begin{align*}" in derivation.latex()
    assert_gradients(f, *args)


class Head:
    def __init__(self, W, scale, margin):
        self.W, self.scale = W, scale
        self.margin = margin
        self.eps = 1e-3

    def loss(self, X, Y):
        return np.sum(np.cos(self.scale * (X @ self.W) + self.margin * Y) / (1 + self.eps))


def test_attributes_in_an_expression_of_data_have_their_names():
    W = ag.tensor(normal(3, 2), requires_grad=True)
    X, Y = normal(4, 3), np.eye(2)[[1, 0, 0, 1]]
    L = Head(W, 4.0, 0.2).loss(X, Y)
    text = " ".join(str(ag.explain(L, names={"W": W, "L": L})).split())
    assert_in_order(["margin = 0.2", "ε = 0.001", "scale X @ W + margin Y"], text)
    assert "self" not in text


def test_a_mean_whose_gradient_cancels_is_no_term_of_another():
    def twins(W, A, B):
        def standardised(Z):
            m = np.mean(Z, axis=0)
            s = np.sqrt(np.mean((Z - m) ** 2, axis=0))
            return (Z - m) / s

        C = standardised(A @ W).T @ standardised(np.tanh(B @ W)) / len(A)
        return np.sum((1 - np.diag(C)) ** 2)

    text = str(ag.trace(twins, normal(4, 3), normal(5, 4), normal(5, 4)).explain(["W"]))
    assert "(0 /" not in text
    assert "0 / n" not in text
    assert "not confirmed" not in text


def test_a_gradient_that_is_zero_says_that_it_cancels_in_the_text_too():
    gaps, h0, u0 = np.array([0.3, 0.5, 0.4]), np.array([-0.6, -0.2, 0.3, 0.7]), np.array([0.05, -0.02, 0.01, 0.03])

    def spread(power):
        h, u = h0, u0
        for gap, phi in zip(gaps, power, strict=True):
            h = h + gap * u
            u = u - phi * h
        spot = h + 1.2 * u
        centre = np.mean(spot)
        return np.mean((spot - centre) ** 2)

    derivation = ag.trace(spread, np.array([0.8, -0.5, 1.1])).explain()
    assert_in_order(["dL/dcentre = 0", "it cancels"], " ".join(str(derivation).split()))
    assert "it cancels" in derivation.latex()


def products_of_windows(K, x):
    L = 0.0
    for _ in range(2):
        for i in range(4):
            L = L + np.tanh(np.sum(K * x[i : i + 3]))
    return L


def test_a_constant_may_stand_before_the_windows_that_it_is_multiplied_by():
    K, x = normal(3), normal(6)
    derivation = ag.trace(lambda x: products_of_windows(K, x), x).explain()
    assert derivation.check() < 1e-9
    assert "not confirmed" not in str(derivation)
    assert_gradients(lambda x: products_of_windows(K, x), x)


def test_a_name_with_a_hat_is_one_in_latex():
    latex = ag.trace(predicted, normal(3), normal(3, 3)).explain(["C"]).latex()
    assert r"\hat{y}_{" in latex
    assert r"\text{ŷ" not in latex
