"""Derivations of loops over data, of what a helper returns into a state, and of constants in tuples and dicts."""

from __future__ import annotations

import numpy as np
import pytest
from in_order import assert_in_order

import autograd_lite as ag

counts = np.array([[0.0, 4.0, 1.0], [4.0, 0.0, 12.0], [1.0, 12.0, 0.0]])
obs = [0, 2, 1, 2]
emission = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
points, classes = np.array([[0.5, 1.0], [-0.2, 0.3], [1.1, -0.7]]), np.array([1.0, 0.0, 1.0])
rewards = np.array([1.0, 0.5, -0.2])
X, onehot = np.linspace(-1.0, 1.2, 12).reshape(4, 3), np.eye(3)[[0, 2, 1, 1]]
pendulum = {"m": 0.5, "g": 9.81, "l": 1.2}


def glove(W, C):
    J = 0.0
    for i, j in zip(*np.nonzero(counts), strict=True):
        d = W[i] @ C[j] - np.log(counts[i, j])
        J = J + min(1.0, counts[i, j] / 10) * d**2
    return J


def logistic(w):
    L = 0.0
    for x, t in zip(points, classes, strict=True):
        p = 1 / (1 + np.exp(-(x @ w)))
        L = L - t * np.log(p) - (1 - t) * np.log(1 - p)
    return L


def backward_pass(A):
    v = np.ones(2)
    for o in reversed(obs):
        v = emission[:, o] * (A @ v)
    return np.sum(np.log(v))


def eligibility(w, gamma, lam):
    z = loss = 0.0
    for t in range(3):
        z = gamma * lam * z + points[t]
        loss = loss + rewards[t] * (z @ w)
    return loss


def recurrent(W, U, x):
    def step(x, h):
        next_h = np.tanh(W @ x + U @ h)
        return next_h  # noqa: RET504 - the name is what is tested

    h = np.zeros(2)
    for t in range(3):
        h = step(x[t], h)
    return h @ h


def temporal_difference(Q, batch):
    s, r, s_next = batch
    target = r + 0.9 * np.max(Q[s_next])
    return (Q[s, 1] - target) ** 2


def torque(th):
    m, g, l = pendulum["m"], pendulum["g"], pendulum["l"]
    return np.sum(-m * g * l * np.cos(th))


def exponential(alpha, y, level=0.5):
    loss = 0.0
    for t in range(3):
        loss = loss + (y[t] - level) ** 2
        level = alpha * y[t] + (1 - alpha) * level
    return loss


def classified(W1, W2, W3):
    a = X
    for W in (W1, W2):
        a = np.tanh(a @ W)
    z = a @ W3
    P = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.sum(onehot * np.log(P)) / len(X)


def hill(K, x, k):
    return np.sum(x**k / (K**k + x**k))


def normalised(x, gamma):
    mu = np.mean(x, axis=0)
    ivar = 1 / np.sqrt(np.mean((x - mu) ** 2, axis=0) + 1e-5)
    xhat = (x - mu) * ivar
    return np.sum(np.tanh(gamma * xhat))


def mixture(a_pi, log_phi):
    log_pi = a_pi - np.log(np.sum(np.exp(a_pi)))
    return np.log(np.sum(np.exp(log_pi + log_phi)))


def long_short_term_memory(Wx, Wh, b, x, h0):
    def lstm_step(x, prev_h, prev_c):
        H = prev_h.shape[1]
        a = x @ Wx + prev_h @ Wh + b
        i, f, o = (1 / (1 + np.exp(-a[:, k * H : (k + 1) * H])) for k in range(3))
        next_c = f * prev_c + i * np.tanh(a[:, 3 * H :])
        next_h = o * np.tanh(next_c)
        return next_h, next_c

    h, c = h0, np.zeros_like(h0)
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t, :], h, c)
    return np.sum(h**2)


def listed(w):
    losses = []
    for x, t in zip(points, classes, strict=True):
        p = 1 / (1 + np.exp(-(x @ w)))
        loss = -(t * np.log(p) + (1 - t) * np.log(1 - p))
        losses.append(loss)
    return np.mean(np.array(losses))


def normal(*shape):
    return np.random.default_rng(4).uniform(0.2, 1.0, shape)


TEXTS = {
    glove: ((normal(3, 2), normal(3, 2)), [
        "dₜ = W[iₜ] @ C[jₜ] - log(counts[iₜ, jₜ])", "J = Σₜ min(1, counts[iₜ, jₜ] / 10) dₜ²",
        "dJ/dWₖ = Σₜ 1[iₜ = k] dJ/ddₜ C[jₜ]"]),
    logistic: ((normal(2),), [
        "pᵢ = σ(points[i] @ w)", "i = 0 … 2", "dL/dw = Σᵢ dL/dpᵢ · pᵢ (1 - pᵢ) points[i]",
        "= Σᵢ (pᵢ - classes[i]) points[i]"]),
    backward_pass: ((normal(2, 2),), [
        "Given emission (2x3), obs (4), v0 (2), A (2x2)", "vₜ = emission[:, obs[4-t]] ⊙ bₜ"]),
    eligibility: ((normal(2), 0.9, 0.8), ["z0 = 0", "zₜ = γ λ zₜ₋₁ + points[t-1]", "dloss/dw = Σₜ rewards[t-1] zₜ",
        "dloss/dγ = λ Σₜ Σ (dloss/dzₜ ⊙ zₜ₋₁)"]),
    recurrent: ((normal(2, 2), normal(2, 2), normal(3, 2)), [
        "Given h0 = 0, ", "aₜ = W @ x[t-1] + U @ hₜ₋₁", "hₜ = tanh(aₜ)", "dL/dhₜ = Uᵀ @ dL/daₜ₊₁"]),
    temporal_difference: ((normal(3, 2), (0, 0.5, 2)), [
        "s = 0, r (1), s_next = 2", "a = Q[s_next]", "target = r + 0.9 max(a)",
        "dL/dQₖⱼ = 1[s = k] 1[j = 1] dL/db + 1[s_next = k] dL/daⱼ"]),
    torque: ((normal(3),), ["m = ½", "L = -Σ (m g l cos(th))", "dL/dth = m g l sin(th)"]),
    exponential: ((0.4, normal(3)), [
        "level0 = ½", "levelₜ = α y[t-1] + (1 - α) levelₜ₋₁", "dloss/dα = Σₜ dloss/dlevelₜ · (y[t-1] - levelₜ₋₁)"]),
    classified: ((normal(3, 2), normal(2, 2), normal(2, 3)), [
        "aₜ = tanh(bₜ)", "= (P - onehot) / n", "dL/dbₜ = dL/daₜ ⊙ (1 - aₜ²)"]),
    hill: ((0.7, normal(3), 1.7), ["dL/dK = k Kᵏ⁻¹ Σ dL/db", "dL/dx = k · dL/da ⊙ xᵏ⁻¹"]),
    normalised: ((normal(4, 2), normal(2)), ["dL/dx = (dL/dx̂ - x̂ ⊙ Σᵢ dL/dx̂ᵢ x̂ᵢ / n - Σᵢ dL/dx̂ᵢ / n) ⊙ ivar"]),
    long_short_term_memory: ((normal(2, 8), normal(2, 8), normal(8), normal(2, 3, 2), normal(2, 2)), [
        "c0 = 0", "hₜ₋₁ @ Wh + b", "cₜ = ", " ⊙ cₜ₋₁ + ", "t = 1 … 3", "tanh(cₜ)", "L = Σ h3²"]),
    listed: ((normal(2),), [
        "pᵢ = σ(points[i] @ w)", "L = Σᵢ lossᵢ / n", "dL/dw = Σᵢ (pᵢ - classes[i]) points[i] / n"]),
    mixture: ((normal(3), normal(3)), ["log_pi = log_softmax(a_pi)", "= softmax(log_pi + log_phi) - softmax(a_pi)"]),
}  # fmt: skip


@pytest.mark.parametrize("f", TEXTS, ids=lambda f: f.__name__)
def test_the_lines_are_those_of_a_textbook(f):
    args, lines = TEXTS[f]
    text = " ".join(str(ag.trace(f, *args).explain()).split())
    assert_in_order(lines, text)
    assert "not confirmed" not in text


def test_windows_of_the_rows_of_an_argument_have_each_their_own_shift():
    def loss(k, X):
        total = 0.0
        for x in X:
            total += (k @ x[0:2] - x[2]) ** 2 + (k @ x[1:3] - x[3]) ** 2
        return total

    text = str(ag.trace(loss, normal(2), normal(2, 4)).explain(["k"]))
    assert "2 (k @ X[1][1:3] - X[1, 3]) X[1]ᵢ₊₁ + 2 (k @ X[1][0:2] - X[1, 2]) X[1]ᵢ + " in text


def test_a_gradient_that_is_0_at_the_recorded_numbers_keeps_its_line():
    def convolved(x, k):
        out = []
        for i in range(len(x) - len(k) + 1):
            out.append(np.sum(x[i : i + len(k)] * k))  # noqa: PERF401 - as a learner writes it
        return np.array(out)

    def loss(k, b, v, X, y):
        total = 0.0
        for x, target in zip(X, y, strict=True):
            h = np.maximum(convolved(x, k) + b, 0)  # all are 0 for the first row
            total += (v @ h - target) ** 2
        return total / len(X)

    rng = np.random.default_rng(8)
    X, k = rng.normal(size=(3, 5)), rng.normal(size=3)
    text = str(ag.trace(loss, k, 0.1, rng.normal(size=3), X, classes).explain(["k", "b", "v"]))
    assert "outᵢⱼ = Σₗ X[i]ⱼ₊ₗ kₗ" in text
    assert "dL/doutᵢ = dL/daᵢ" in text
    assert "dL/dkⱼ = Σᵢ Σₗ X[i]ⱼ₊ₗ dL/doutᵢₗ" in text
