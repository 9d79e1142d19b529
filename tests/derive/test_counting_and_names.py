"""Derivations of loops that count down, of masks and labels of each round, and of values that a helper computes."""

from __future__ import annotations

import numpy as np
import pytest
from in_order import assert_in_order

import autograd_lite as ag
from autograd_lite.derive.live_program import program
from autograd_lite.stats import norm

rewards = np.array([1.0, 0.5, -0.2, 0.3])
times, event = np.array([5.0, 2.0, 8.0, 3.0]), np.array([1, 0, 1, 1])
group = np.array([0, 1, 0, 1, 2])
pairs, negatives = [(0, 1), (2, 3)], [[2, 3], [0, 1]]
signal = np.array([0.2, -0.4, 0.6, 0.9, 0.1])
dx = 0.25
grid = np.array([0.0, 0.6, 1.5])
RNG = np.random.default_rng(4)


def advantages(V, gamma, lam):
    adv = loss = 0.0
    for t in reversed(range(3)):
        delta = rewards[t] + gamma * V[t + 1] - V[t]
        adv = delta + gamma * lam * adv
        loss = loss + adv**2
    return loss


def reinforce(theta, x):
    G = loss = 0.0
    logits = x @ theta
    for t in range(3, -1, -1):
        G = rewards[t] + 0.9 * G
        loss = loss - G * np.log(1 / (1 + np.exp(-logits[t])))
    return loss


def averaged(v):
    loss, e = 0.0, 0.0
    for t in range(4):
        e = 0.9 * e + rewards[t]
        loss = loss + (v[t] - e) ** 2
    return loss


def weighted(v, g):
    loss = 0.0
    for t in reversed(range(4)):
        loss = loss + g**t * (v[t] - rewards[t]) ** 2
    return loss


def batches(w, X, size=2):
    loss = 0.0
    for k in range(3):
        xb = X[k * size : (k + 1) * size]
        loss = loss + np.sum((xb @ w) ** 2)
    return loss


def aliased(s, w):
    loss = 0.0
    for k in range(3):
        sk = s[k]
        loss = loss + event[k] * np.exp(-sk * w) + sk**2
    return loss


def segments(x):
    def total(x, g):
        return np.sum(x[group == g]) ** 2

    return total(x, 0) + total(x, 1)


def within(x):
    total = 0
    for g in [0, 1, 2]:
        members = x[group == g]
        total = total + np.sum((members - np.mean(members)) ** 2)
    return total


def cox(eta):
    ll = 0.0
    for i in range(4):
        if event[i] == 1:
            ll = ll + np.log(np.sum(np.exp(eta[times >= times[i]])))
    return ll


def at_risk(eta):
    ll, risk = 0.0, np.exp(eta)
    for i in range(4):
        ll = ll + eta[i] - np.log(np.sum(risk[times >= times[i]]))
    return -ll


def episode(v):
    total = 0
    for _, a, r in [([0.1, 0.5], 0, 1.0), ([0.3, -0.2], 1, 0.5)]:
        total = total - r * v[a]
    return total


def skipgram(emb_in, emb_out):
    J = 0.0
    for (c, o), negs in zip(pairs, negatives, strict=True):
        v = emb_in[c]
        J = J - np.log(1 / (1 + np.exp(-np.dot(emb_out[o], v))))
        for k in negs:
            J = J - np.log(1 / (1 + np.exp(np.dot(emb_out[k], v))))
    return J


def convolved(k, x):
    out = []
    for i in range(3):
        s = 0
        for j in range(3):
            s = s + k[j] * x[i + j]
        out.append(s)
    return np.sum(np.tanh(np.stack(out)))


def filtered(w, v):
    y = np.stack([w @ signal[i : i + 3] for i in range(3)])
    return v @ np.tanh(y)


def forecast(phi, x0):
    preds, s = [], x0
    for _ in range(3):
        s = phi * s
        preds.append(s)
    return np.mean((np.array(preds) - signal[:3]) ** 2)


def huber(w, X, y):
    def loss(u):
        absu = np.abs(u)
        return np.where(absu < 1, 0.5 * u**2, absu - 0.5)

    return np.mean(loss(X @ w - y))


def encoded(W, x):
    def encode(W, x):
        return np.tanh(W @ x)

    def decode(W, h):
        return W.T @ h

    return np.sum((decode(W, encode(W, x)) - x) ** 2)


def relu(z):
    return np.maximum(z, 0)


def block(x, W):
    return relu(relu(x @ W) + x)


def blocks(W, x):
    h = block(x, W)
    h = block(h, W)
    return np.sum(h**2)


def softened(x, T=1.0):
    e = np.exp(x / T)
    return e / np.sum(e)


def distilled(w, x, v, T):
    z = w * x
    p, q = softened(v, T), softened(z, T)
    return np.sum(p * (np.log(p) - np.log(q))) * T**2 - np.log(softened(z)[2])


def decayed(w, k):
    s = np.sum(np.exp(-k * w))
    return s + k


def with_rate(w):
    return decayed(w, 2.5)


def kernel(a, b, ell):
    d = a[:, None] - b[None, :]
    return np.exp(-0.5 * d**2 / ell**2)


def similar(ell):
    return np.sum(kernel(grid, grid, ell))


def importance(W):
    return np.mean(np.log(np.mean(np.exp(W), axis=1)))


def hinges(s, t):
    loss = 0.0
    for j in range(3):
        if j != 1:
            loss = loss + np.maximum(0, s[j] - t + 1)
    return loss


def smoothed(z, y, eps):
    lp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -(1 - eps) * lp[np.arange(len(y)), y].mean() - eps * lp.mean(axis=1).mean()


def call(S, K, r, sigma, T):
    D = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    return S * norm.cdf(D) - K * np.exp(-r * T) * norm.cdf(D - sigma * np.sqrt(T))


def stacked(W, x1, x2):
    s = 0
    for x in (x1, x2):
        z = np.tanh(x @ W[0])
        s = s + np.sum(z * (x @ W[1]))
    return s


def diffused(u):
    lap = (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2
    return np.sum(np.concatenate([u[:1], u[1:-1] + 0.02 * lap, u[-1:]]) ** 2)


def kl(mu, logvar):
    return -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / len(mu)


def normal(*shape):
    return RNG.normal(size=shape).round(2)


TEXTS = {
    advantages: ((normal(4), 0.9, 0.8), [
        "adv3 = 0", "δₜ = rewards[t] + γ V[t+1] - V[t]", "advₜ = δₜ + γ λ advₜ₊₁", "t = 2 … 0",
        "dloss/dadvₜ = 2 advₜ + dloss/dadvₜ₋₁ · γ λ", "dloss/dλ = γ Σₜ dloss/dadvₜ · advₜ₊₁"]),
    reinforce: ((normal(2), normal(4, 2)), [
        "G4 = 0", "Gₜ = rewards[t] + 0.9 Gₜ₊₁", "t = 3 … 0", "loss = -Σₜ Gₜ log(σ(logitsₜ))",
        "dloss/dlogitsₜ = Gₜ (σ(logitsₜ) - 1)", "dloss/dlogits = [dloss/dlogits0, "]),
    averaged: ((normal(4),), ["e0 = 0", "eₜ = 0.9 eₜ₋₁ + rewards[t-1]", "aₜ = v[t-1] - eₜ"]),
    weighted: ((normal(4), 0.9), ["aₜ = v[t] - rewards[t]", "loss = Σₜ gᵗ aₜ²", "dloss/dg = Σₜ t aₜ² gᵗ⁻¹"]),
    batches: ((normal(2), normal(6, 2)), ["xbₖ = X[2k:2k+2]", "k = 0 … 2", "Σₖ xbₖᵀ @ dloss/daₖ"]),
    aliased: ((normal(3), 0.7), [
        "loss = Σₖ (event[k] exp(-s[k] w) + s[k]²)", "dloss/dsₖ = 2 sₖ - eventₖ w exp(-sₖ w)"]),
    segments: ((normal(5),), ["L = (Σ x[group == 0])² + (Σ x[group == 1])²"]),
    within: ((normal(5),), ["(g1, g2, g3) = (0, 1, 2)", "membersₜ = x[group == gₜ]", "at [group == gₜ], 0 elsewhere"]),
    cox: ((normal(4),), [
        "(i1, i2, i3) = (0, 2, 3)", "aₜ = η[times >= times[iₜ]]", "dll/dη = Σₜ dll/daₜ at [times >= times[iₜ]], 0 "]),
    at_risk: ((normal(4),), ["aᵢ = risk[times >= times[i]]", "i = 0 … 3", "ll = Σᵢ (η[i] - log(Σ aᵢ))"]),
    episode: ((normal(2),), ["total = -r1 v[a1] - r2 v[a2]"]),
    skipgram: ((normal(3, 2), normal(4, 2)), [
        "negs1 (2), negs2 (2)", "aₜ = emb_out[negsₜ]", "bₜ = -aₜ @ vₜ", "Σₜ Σᵢ 1[negsₜᵢ = k] dJ/daₜᵢ - Σₜ 1[oₜ = k]"]),
    convolved: ((normal(3), normal(5)), ["sᵢ = Σ (k ⊙ x[i:i+3])", "out = [s0, s1, s2]", "Σᵢ dL/dsᵢ · x[i:i+3]"]),
    filtered: ((normal(3), normal(3)), ["yᵢ = w @ signal[i:i+3]", "dL/dw = Σᵢ dL/dyᵢ · signal[i:i+3]"]),
    forecast: ((0.8, 1.0), ["preds = [s1, s2, s3]", "L = mean((preds - signal[:3])²)"]),
    huber: ((normal(2), normal(3, 2), normal(3)), ["u = X @ w - y", "absu = |u|"]),
    encoded: ((normal(2, 3), normal(3)), ["a = W @ x", "h = tanh(a)", "dL/dh = W @ dL/db"]),
    blocks: ((normal(2, 2), normal(3, 2)), [
        "h1 = max(max(z1, 0) + x, 0)", "h2 = max(max(z2, 0) + h1, 0)", "L = Σ h2²"]),
    distilled: ((normal(3), normal(3), normal(3), 3.0), [
        "a = v / T", "p = softmax(a)", "q = softmax(b)", "= T² (q - p)"]),
    with_rate: ((normal(2),), ["k = 2.5", "s = Σ exp(-k w)", "= -k exp(-k w)"]),
    similar: ((0.8,), ["Given d (3x3)", "L = Σ exp(-d² / (2 ell²))", "dL/dell = Σ (exp(-d² / (2 ell²)) ⊙ d²) / ell³"]),
    importance: ((normal(3, 4),), ["dL/dW = softmaxⱼ(W) / n"]),
    hinges: ((np.array([0.4, 0.3, -2.5]), 0.2), ["dloss/da1 = 1[a1 > 0]", "dloss/da2 = 1[a2 > 0]"][::-1]),
    smoothed: ((normal(3, 4), np.array([0, 3, 1]), 0.1), ["dL/dz = (softmaxⱼ(z) - ε / ", " - (1 - ε) Y) / "]),
    call: ((100.0, 95.0, 0.03, 0.2, 0.5), [
        "dL/dD = S φ(D) - K exp(-r T) φ(D - a)", "it cancels", "dL/dS = Φ(D) since"]),
    stacked: ((normal(2, 2, 2), normal(3, 2), normal(3, 2)), ["ds/dW = [Σₜ xₜᵀ @ ds/daₜ, Σₜ xₜᵀ @ ds/dbₜ]"]),
    diffused: ((normal(5),), ["(dL/dlapᵢ - 2 dL/dlapᵢ₋₁ + dL/dlapᵢ₋₂) / dx²"]),
    kl: ((normal(2, 2), normal(2, 2)), ["dL/dlogvar = (exp(logvar) - 1) / (2 n)", "dL/dμ = μ / n"]),
}  # fmt: skip


@pytest.mark.parametrize("f", TEXTS, ids=lambda f: f.__name__)
def test_the_lines_are_those_of_a_textbook(f):
    args, lines = TEXTS[f]
    text = " ".join(str(ag.trace(f, *args).explain()).split())
    assert_in_order(lines, text)
    assert "not confirmed" not in text


def test_a_page_follows_what_rounds_compute_from_numbers():
    r = np.array([1.0, 0.5, -0.2, 0.3])
    v, G, loss = ag.tensor([0.2, -0.1, 0.5, 0.3], requires_grad=True, name="v"), 0.0, 0.0
    for t in reversed(range(4)):
        G = r[t] + 0.9 * G
        loss = loss + (v[t] - G) ** 2
    assert program(loss.draw(names=locals()).chain, []).leaves == {"r", "v"}
