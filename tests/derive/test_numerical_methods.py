"""Derivations of numerical methods: rules of integration, convolutions, series, quadratic forms beside other terms."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

V = np.array([0.2, -0.3, 0.1])
J = np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.4], [-0.2, 0.4, 2.0]])
X = np.array([0.3, -0.2, 0.5, 0.7, 0.1, -0.4])


def simpson(k):
    x = np.linspace(0, 1, 7)
    f, h = np.exp(-k * x**2), 1 / 6
    return h / 3 * (f[0] + 4 * np.sum(f[1::2]) + 2 * np.sum(f[2:-1:2]) + f[-1])


def trapezoid(k, x):
    f, h = np.exp(-k * x**2), x[1] - x[0]
    area = h * (np.sum(f) - (f[0] + f[-1]) / 2)
    return (area - 0.7) ** 2


def smooth(w, x):
    s = np.convolve(x, w, mode="valid")
    return np.sum(s**2)


def polynomial(a, b):
    c = np.convolve(a, b)
    return np.sum(c**2)


def mean_field(m, J, h, beta):
    E = -0.5 * m @ J @ m - h @ m
    S = -np.sum((1 + m) / 2 * np.log((1 + m) / 2) + (1 - m) / 2 * np.log((1 - m) / 2))
    return E - S / beta


def dual(alpha, K, y):
    return np.sum(alpha) - 0.5 * (alpha * y) @ K @ (alpha * y)


def series(q, t):
    Q = np.array([[-q, q], [2 * q, -2 * q]])
    P = term = np.eye(2)
    for k in range(1, 5):
        term = term @ Q * t / k
        P = P + term
    return np.sum(np.log(P))


def log_logistic(beta, X, t):
    z = np.log(t) - X @ beta
    return np.sum(2 * np.log(1 + np.exp(z)) - z + np.log(t))


def called(S, K, r, sigma, T):
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
    d2 = d1 - sigma * np.sqrt(T)
    return S * ag.stats.norm.cdf(d1) - K * np.exp(-r * T) * ag.stats.norm.cdf(d2)


def meta(w, Xs, ys):
    grad = 2 * Xs.T @ (Xs @ w - ys) / len(ys)
    fast = w - 0.1 * grad
    return np.mean((Xs @ fast - ys) ** 2)


CASES = [
    (simpson, (1.3,), None, ["dL/df = h [1, 4, 2, 4, 2, 4, 1] / 3 since"]),
    (trapezoid, (1.3, np.linspace(0, 1, 5)), ["k"], ["dL/df = ½ dL/darea · h [1, 2, 2, 2, 1] since"]),
    (smooth, (V, X), None, [
        "sᵢ = Σⱼ xᵢ₋ⱼ₊₂ wⱼ 4", "dL/dxᵢ = Σⱼ dL/dsᵢ₊ⱼ₋₂ wⱼ since sᵢ = Σⱼ xᵢ₋ⱼ₊₂ wⱼ; terms beyond the ends are 0",
        "dL/dwᵢ = Σⱼ xⱼ₋ᵢ₊₂ dL/dsⱼ since sᵢ = Σⱼ xᵢ₋ⱼ₊₂ wⱼ =",
    ]),
    (polynomial, (V, X), None, [
        "cᵢ = Σⱼ aⱼ bᵢ₋ⱼ", "dL/daᵢ = Σⱼ dL/dcᵢ₊ⱼ bⱼ since cᵢ = Σⱼ aⱼ bᵢ₋ⱼ =", "dL/dbᵢ = Σⱼ dL/dcᵢ₊ⱼ aⱼ since",
    ]),
    (mean_field, (V, J, V + 1, 2.0), ["m"], [
        "E = -½ m @ J @ m - h @ m", "dL/dm = ½ dL/da - ½ dL/db - J @ m - h since Jᵀ = J",
    ]),
    (dual, (V, J, np.array([1.0, -1.0, 1.0])), ["alpha"], ["dL/dα = 1 - (K @ (α ⊙ y)) ⊙ y since Kᵀ = K"]),
    (series, (0.3, 0.5), ["q"], [
        "dL/daₛ = dL/dtermₛ · t / s since termₛ = aₛ t / s; s = 4 … 1", "dL/dQ = Σₛ termₛ₋₁ᵀ @ dL/daₛ since",
    ]),
    (log_logistic, (V[:2], X.reshape(3, 2), np.array([1.0, 2.0, 0.5])), ["beta"], ["z = log(t) - X @ β"]),
    (called, (100.0, 95.0, 0.05, 0.2, 1.0), None, [
        "dL/dr = K T Φ(d2) exp(-r T) since", "it cancels = 0 dL/dS = Φ(d1)",
    ]),
    (meta, (V[:2], X.reshape(3, 2), V), ["w"], [
        "grad = 2 (Xsᵀ @ a) / n", "dL/dfast = Xsᵀ @ dL/db since", "dL/da = 2 (Xs @ dL/dgrad) / n since",
        "dL/dw = dL/dfast + Xsᵀ @ dL/da since",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "wrt", "parts"), CASES, ids=[f.__name__ for f, *_ in CASES])
def test_a_numerical_method_is_derived_as_in_a_book(f, args, wrt, parts):
    derivation = ag.trace(f, *args).explain(wrt)
    text = " ".join(str(derivation).split())
    for part in parts:
        assert part in text
    assert "not confirmed" not in text
    assert derivation.check() < 1e-10


def test_the_words_of_a_book_for_entries_blocks_and_discounts():
    def bond(y, c, F, t, price):
        disc = (1 + y) ** (-t)
        return (np.sum(c * disc) + F * disc[-1] - price) ** 2

    def sets(W, X, v):
        H, loss = np.tanh(X @ W), 0.0
        for rows in (slice(0, 2), slice(2, 5), slice(5, 6)):
            pooled = H[rows].sum(axis=0)
            loss = loss + (pooled @ v) ** 2
        return loss

    def ranked(s, i, j):
        return np.sum(np.maximum(0, 1 - (s[i] - s[j])))

    def blood(e, counts):
        s = 1 + np.sum(e)
        p, q, r = e[0] / s, e[1] / s, 1 / s
        return -np.sum(counts * np.log(np.stack([p**2 + 2 * p * r, q**2 + 2 * q * r, 2 * p * q, r**2])))

    def covariance(W, S):
        C = W @ W.T + np.eye(3)
        return np.linalg.slogdet(C)[1] + np.trace(np.linalg.inv(C) @ S)

    t = np.arange(1.0, 5.0)
    lines = {
        "a = Σ (c disc) + F disc[-1] - price": (bond, (0.05, 3.0, 100.0, t, 98.0), ["y"]),
        "dloss/dHᵢⱼ = 1[i < 2] dloss/dpooled1ⱼ + 1[2 ≤ i < 5] dloss/dpooled2ⱼ + 1[i ≥ 5] dloss/dpooled3ⱼ": (
            sets, (J[:, :2], np.cos(np.arange(18.0)).reshape(6, 3), np.ones(2)), ["W"],
        ),
        "dL/dsₘ = Σₖ 1[jₖ = m] dL/daₖ - Σₖ 1[iₖ = m] dL/daₖ": (
            ranked, (X[:4], np.array([0, 1, 2]), np.array([3, 2, 0])), None,
        ),
        "dL/dr = 2 (dL/da[0] p + dL/da[1] q + dL/da[3] r)": (blood, (V[:2] ** 2, t), ["e"]),
        "dL/dC = C⁻¹ - C⁻¹ @ S @ C⁻¹": (covariance, (J[:, :1], J), ["W"]),
    }  # fmt: skip
    for line, (f, args, wrt) in lines.items():
        assert line in " ".join(str(ag.trace(f, *args).explain(wrt)).split()), f.__name__
    assert "f_{-1}" not in ag.trace(simpson, 1.3).explain().latex()


def _cross_entropy(p, y):
    return -np.log(p[np.arange(len(y)), y]).mean()


def test_labels_have_the_name_that_each_call_of_a_function_is_given():
    def mixed(W, X, y, perm, lam):
        Z = (lam * X + (1 - lam) * X[perm]) @ W
        p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        return lam * _cross_entropy(p, y) + (1 - lam) * _cross_entropy(p, y[perm])

    def shifted(W, X, y):
        Z = X @ W
        p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        return _cross_entropy(p, y) + _cross_entropy(p, (y + 1) % 3)

    W, data, y = J[:2], np.cos(np.arange(8.0)).reshape(4, 2), np.array([0, 1, 2, 1])
    text = " ".join(str(ag.trace(mixed, W, data, y, np.array([2, 0, 3, 1]), 0.7).explain(["W"])).split())
    assert "L = -λ mean(log(p[i, yᵢ])) - (1 - λ) mean(log(p[i, y[perm]ᵢ]))" in text
    assert "dL/dZ = (p - (1 - λ) Y - λ Y1) / n since p = softmax(Z)" in text
    assert "Y = onehot(y[perm]), Y1 = onehot(y)" in text
    other = " ".join(str(ag.trace(shifted, W, data, y).explain(["W"])).split())
    assert "Y = onehot(y), Y1 = onehot(y2)" in other
    assert "not confirmed" not in text + other


def test_columns_that_a_loop_reads_are_entries_of_its_steps():
    def nade(W, c, x):
        h, total = c, 0.0
        for d in range(3):
            total = total + np.sum(np.tanh(h)) * x[d]
            h = h + W[:, d] * x[d]
        return total

    text = " ".join(str(ag.trace(nade, J[:2], V[:2], V).explain(["W"])).split())
    assert "dtotal/dWₖⱼ = 1[j < 2] dtotal/dhⱼ₊₁,ₖ xⱼ since" in text


def test_further_words_of_a_book():
    def kernels(mu, X, h):
        def kernel(a, b):
            d2 = np.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=2)
            return np.exp(-d2 / (2 * h**2))

        G = mu + X
        near, far, given = kernel(G, G), kernel(G, X), kernel(X, X)
        return np.mean(near) - 2 * np.mean(far) + np.mean(given)

    def neighbours(Z):
        diff = Z[:, None, :] - Z[None, :, :]
        D = np.einsum("ijk,ijk->ij", diff, diff)
        K = np.exp(-D) * (1 - np.eye(3))
        P = K / np.sum(K, axis=1, keepdims=True)
        return np.sum(P**2)

    def production(delta, rho, K, N):
        inner = delta * K**rho + (1 - delta) * N**rho
        return np.sum(np.log(inner) ** 2)

    def nested(V, nest):
        b = np.log(V)
        return np.sum((V[:, :1] - b[..., nest]) ** 2)

    def slide(drop):
        y = np.concatenate([np.zeros(1), drop, np.ones(1)])
        return np.sum(np.sqrt(1 + (y[1:] - y[:-1]) ** 2))

    def camera(yaw, points):
        err = 0.0
        for k in range(3):
            z = -np.sin(yaw) * points[k, 0] + np.cos(yaw) * points[k, 1]
            err = err + z**2
        return err

    def entropic(Z, beta):
        logpi = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
        pi = np.exp(logpi)
        return -beta * -np.mean(np.sum(pi * logpi, axis=1)) - np.mean(logpi[np.arange(3), np.array([0, 2, 1])] * V)

    lines = {
        "‖Gᵢ - Xⱼ‖²": (kernels, (V[:2], J[:, :2], 1.0), ["mu"]),
        "Dᵢⱼ = Σₖ diffᵢⱼₖ²": (neighbours, (J[:, :2],), None),
        "dL/dD = -dL/dK ⊙ K since": (neighbours, (J[:, :2],), None),
        "inner = δ K^ρ + (1 - δ) N^ρ": (production, (0.4, 0.5, V + 1, V + 2), ["rho"]),
        "dL/dbᵢⱼ = -Σₖ 1[nestₖ = j] dL/dcᵢₖ": (nested, (J**2, np.array([0, 1, 1])), None),
        "y = [0, drop, 1]": (slide, (np.array([0.4, 0.7]),), None),
        "zₖ = a points[k, 1] - sin(yaw) points[k, 0]": (camera, (0.3, J[:, :2]), ["yaw"]),
        "β πᵢⱼ (logpiᵢⱼ + Hᵢ)": (entropic, (J, 0.1), ["Z"]),
    }
    for line, (f, args, wrt) in lines.items():
        text = " ".join(str(ag.trace(f, *args).explain(wrt)).split())
        assert line in text, (f.__name__, line)
        assert "not confirmed" not in text


def test_parts_of_a_loss_and_arrays_of_labels_keep_their_names():
    def cosface(W, X, labels, s, m):
        onehot = np.eye(3)[labels]
        Z = s * (X @ W - m * onehot)
        logp = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
        return -np.mean(logp[np.arange(4), labels])

    def slim(B, R, lam):
        W = B * (1 - np.eye(3))
        E = R - R @ W
        fit = 0.5 * np.sum(E**2)
        penalty = lam * np.sum(np.abs(W))
        return fit + penalty

    def space(gap):
        ray = np.array([0.2, 0.5])
        for k in range(2):
            M = np.array([[1.0, 0.0], [0.0, 1.0]]) + gap[k] * np.array([[0.0, 1.0], [0.0, 0.0]])
            ray = M @ ray
        return ray @ ray

    data = np.cos(np.arange(8.0)).reshape(4, 2)
    text = " ".join(str(ag.trace(cosface, J[:2], data, np.array([0, 2, 1, 2]), 4.0, 0.2).explain(["W"])).split())
    assert "dL/dZ = (softmaxⱼ(Z) - onehot) / n since" in text
    text = " ".join(str(ag.trace(slim, J, np.eye(4, 3) + 0.5, 0.1).explain(["B"])).split())
    assert "dL/dfit" not in text
    assert "dL/dW = λ sign(W) - Rᵀ @ dL/dE since" in text
    text = " ".join(str(ag.trace(space, np.array([0.3, 0.4])).explain()).split())
    assert "dL/dgapₖ = dL/dMₖ₊₁[0, 1] since" in text


def test_a_force_that_the_next_round_computes_again_is_one_value():
    def accel(q, kappa):
        left, right = np.roll(q, 1), np.roll(q, -1)
        return -np.sin(q) + kappa * (left - 2 * q + right)

    def leapfrog(q0, p0, kappa):
        q, p = q0, p0
        for _ in range(4):
            p = p + 0.05 * accel(q, kappa)
            q = q + 0.1 * p
            p = p + 0.05 * accel(q, kappa)
        return np.sum(q**2) + np.sum(p**2)

    d = ag.trace(leapfrog, np.array([0.1, 0.3, -0.2]), np.array([0.0, 0.1, 0.2]), 0.5).explain()
    text = " ".join(str(d).split())
    assert d.check() < 1e-9
    assert "leftₜᵢ = qₜ₋₁,ᵢ₋₁ 3 t = 1 … 5; indices wrap around" in text  # of four rounds with two calls
    assert "aₜ = κ (leftₜ - 2 qₜ₋₁ + rightₜ) - sin(qₜ₋₁) 3 t = 1 … 5" in text
    assert "pₜ = bₜ + 0.05 aₜ₊₁ 3 t = 1 … 4" in text
    assert "dL/dκ = Σₜ Σ (dL/daₜ ⊙ (leftₜ - 2 qₜ₋₁ + rightₜ))" in text


@pytest.mark.parametrize("is_row", [True, False])
def test_the_first_round_has_the_state_that_the_loop_begins_with(is_row):
    data = np.array([[10.0, 5.0], [9.1, 5.4], [8.2, 5.7]])
    begins = data[0] if is_row else np.array([10.0, 5.0])

    def rates(s, a, b, c, d):
        x, y = s[0], s[1]
        return np.stack([a * x - b * x * y, c * x * y - d * y])

    def fit(a, b, c, d):
        s = data[0] if is_row else begins
        loss = 0.0
        for t in range(1, 3):
            k1 = rates(s, a, b, c, d)
            k2 = rates(s + 0.05 * k1, a, b, c, d)
            s = s + 0.1 * k2
            loss = loss + np.sum((s - data[t]) ** 2)
        return loss

    d = ag.trace(fit, 0.5, 0.1, 0.05, 0.4).explain()
    text = " ".join(str(d).split())
    assert d.check() < 1e-9
    assert f"s0 = {'data[0]' if is_row else 'begins'}" in text
    assert "k1ₜ = [sₜ₋₁[0] (a - b sₜ₋₁[1]), sₜ₋₁[1] (c sₜ₋₁[0] - d)] 2 t = 1 … 2" in text
    assert "loss = Σₜ Σ (sₜ - data[t])²" in text
    assert "dloss/dd = -Σₜ dloss/dk2ₜ[1] fₜ[1] - Σₜ dloss/dk1ₜ[1] sₜ₋₁[1]" in text


def test_what_leaves_out_an_entry_in_each_step_has_the_number_of_it():
    def forces(x, k):
        f = []
        for i in range(3):
            total = 0.0
            for j in range(3):
                if j != i:
                    total = total - k * (x[i] - x[j])
            f.append(total)
        return np.stack(f)

    def verlet(x0, v0, k):
        x, v = x0, v0
        for _ in range(3):
            v = v + 0.1 * forces(x, k)
            x = x + 0.1 * v
        return np.sum(x**2)

    rng = np.random.default_rng(0)
    d = ag.trace(verlet, rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), 0.7).explain()
    assert d.check() < 1e-9
    assert "1[t-4 ≠ i]" in str(d)  # of the second step
    assert "''" not in str(d)


def test_a_recursion_over_lists_of_values_is_derived():
    observed = [0, 2, 1]

    def lse(v):
        m = np.max(v)
        return m + np.log(np.sum(np.exp(v - m)))

    def forward(trans, emit):
        alpha = [emit[k, observed[0]] for k in range(2)]
        for t in range(1, len(observed)):
            alpha = [lse(np.array([alpha[j] + trans[j, k] for j in range(2)])) + emit[k, observed[t]] for k in range(2)]
        return -lse(np.array(alpha))

    rng = np.random.default_rng(0)
    assert ag.trace(forward, rng.normal(size=(2, 2)), rng.normal(size=(2, 3))).explain().check() < 1e-9
