"""Derivations of programs with helpers: the names of the caller, the parameters, and what each call passes."""

from __future__ import annotations

import numpy as np
import pytest
from in_order import assert_in_order

import autograd_lite as ag

RNG = np.random.default_rng(4)


def embed(W, x):
    h = np.tanh(W @ x)
    return h  # noqa: RET504 - as a learner writes it


def triplet(W, A, P, N):
    losses = []
    for a, p, n in zip(A, P, N, strict=True):
        f_a, f_p, f_n = embed(W, a), embed(W, p), embed(W, n)
        losses.append(np.sum((f_a - f_p) ** 2) - np.sum((f_a - f_n) ** 2))
    return np.mean(losses)


def net(W1, W2, x):
    h = np.tanh(W1 @ x)
    return W2 @ h


def siamese(W1, W2, X1, X2, same):
    total = 0.0
    for i in range(len(same)):
        z1 = net(W1, W2, X1[i])
        z2 = net(W1, W2, X2[i])
        total += same[i] * np.sum((z1 - z2) ** 2)
    return total


def branched(W, A, P, flip):
    total = 0.0
    for a, p in zip(A, P, strict=True):
        if flip:
            left = embed(W, a)
            total = total + np.sum(left)
        else:
            right = embed(W, p)
            total = total - np.sum(right)
    return total


def attention(Q, K, V):
    scores = Q @ K.T / np.sqrt(K.shape[-1])
    return ag.softmax(scores, axis=1) @ V


def attended(Wq, Wk, Wv, X):
    out = attention(X @ Wq, X @ Wk, X @ Wv)
    return np.sum(out**2)


def normalize(x):
    mu = np.mean(x, axis=0)
    return (x - mu) / np.std(x, axis=0)


def normalized(W, X):
    return np.sum(np.tanh(normalize(X @ W)))


def growth(y, theta):
    r, K = theta
    return r * y * (1 - y / K)


def midpoint(theta, y0, data, dt):
    y = y0
    total = 0.0
    for obs in data:
        k1 = growth(y, theta)
        y = y + dt * growth(y + 0.5 * dt * k1, theta)
        total += (y - obs) ** 2
    return total


def at_temperature(z, T=1.0):
    e = np.exp(z / T)
    return e / np.sum(e)


def distilled(z, y, q, T=2.0):
    p, q_s = at_temperature(z), at_temperature(z, T)
    return -np.sum(y * np.log(p)) - T**2 * np.sum(q * np.log(q_s))


def holt(alpha, beta, y):
    level, trend = y[0], y[1] - y[0]
    sse = 0.0
    for t in range(1, len(y)):
        sse += (y[t] - level - trend) ** 2
        new_level = alpha * y[t] + (1 - alpha) * (level + trend)
        trend = beta * (new_level - level) + (1 - beta) * trend
        level = new_level
    return sse


def returns(theta, rewards, gamma, x):
    G, every, total = 0.0, [], 0.0
    for r in reversed(rewards):
        G = r + gamma * G
        every.insert(0, G)
    for x_t, G in zip(x, every, strict=True):
        total -= G * np.log(1 / (1 + np.exp(-theta * x_t)))
    return total


def forward(B, pi, obs):
    alpha = pi * B[:, obs[0]]
    for o in obs[1:]:
        alpha = alpha * B[:, o]
    return -np.log(alpha.sum())


def context(H, v):
    alpha = np.tanh(np.stack([v @ h for h in H]))
    c = 0
    for a, h in zip(alpha, H, strict=True):
        c = c + a * h
    return np.sum(c**2)


def ridge(w, X, y, lam):
    total = lam * np.dot(w, w)
    for x_i, y_i in zip(X, y, strict=True):
        p = 1 / (1 + np.exp(-(w @ x_i)))
        total += -(y_i * np.log(p) + (1 - y_i) * np.log(1 - p))
    return total


def intercept(w, b, X, y):
    total = 0.0
    for i in range(len(y)):
        p = 1 / (1 + np.exp(-(X[i] @ w + b)))
        total += -(y[i] * np.log(p) + (1 - y[i]) * np.log(1 - p))
    return total


def labelled(W, X, Y, rows):
    P = ag.softmax(X @ W, axis=1)
    return -np.sum(Y[rows] * np.log(P[rows])) / len(rows)


def mixture(a, C):
    logpi = a - ag.special.logsumexp(a)
    return -np.sum(ag.special.logsumexp(logpi + C, axis=1))


def elo(d, s):
    p = 1 / (1 + 10 ** (-d / 400))
    return -np.sum(s * np.log(p) + (1 - s) * np.log(1 - p))


def policy(S, a, A, beta):
    p = ag.softmax(S, axis=1)
    logp = np.log(p)
    H = -np.sum(p * logp, axis=1)
    return -np.sum(A * logp[np.arange(len(a)), a]) - beta * np.sum(H)


def margins(S, y):
    n = len(y)
    return np.mean(np.max(S, axis=1) - S[np.arange(n), y])


def distances(X):
    E = 0.0
    for i in range(3):
        r = X[i + 1] - X[i]
        r2 = r**2
        E = E + 1 / r2 - r2
    return E


def skipgram(V, U, centers, contexts, negs):
    total = 0.0
    for t in range(len(centers)):
        v = V[centers[t]]
        total -= np.log(ag.sigmoid(U[contexts[t]] @ v))
        for k in negs[t]:
            total -= np.log(logistic(-U[k] @ v))
    return total


def logistic(x):
    return 1 / (1 + np.exp(-x))


def conv1d(x, k):
    out = []
    for i in range(len(x) - len(k) + 1):
        out.append(np.sum(x[i : i + len(k)] * k))  # noqa: PERF401 - as a learner writes it
    return np.array(out)


def signals(k, X):
    total = 0.0
    for x in X:
        total += np.sum(np.maximum(conv1d(x, k), 0))
    return total


def normal(*shape):
    return RNG.normal(size=shape).round(2)


LABELS, TARGETS = np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.5, 1.0])

def covariances(F, m, P, h):
    L = 0.0
    for _ in range(3):
        m, P = F @ m, F @ P @ F.T
        L = L + np.sum(m) + h @ P @ h
    return L


def from_the_front(w, s, r, gamma):
    G, returns = 0, []
    for t in reversed(range(3)):
        G = r[t] + gamma * G
        returns.insert(0, G)
    return 0.5 * np.sum((np.array(returns) - s @ w) ** 2)


def masked(S, M, Y):
    E = np.exp(S - S.max(axis=1, keepdims=True)) * M
    P = E / E.sum(axis=1, keepdims=True)
    return 0.5 * np.sum((P - Y) ** 2)


def blurred(x, h, y):
    b = np.convolve(x, h, mode="same")
    return np.sum((b - y) ** 2)


def forwards(E, T):
    alpha = E[0]
    for t in range(1, 4):
        alpha = E[t] + ag.special.logsumexp(alpha[:, None] + T, axis=0)
    return ag.special.logsumexp(alpha)


def innovation(C, m, y, P, R):
    e = y - C @ m
    S = C @ P @ C.T + R
    return 0.5 * np.sum(e.T @ np.linalg.inv(S) @ e)


def density(x, m, s):
    return np.exp(-0.5 * ((x - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))


def components(pi, mu, s, x):
    dens = density(x[:, None], mu[None, :], s[None, :])
    mix = dens @ pi
    return -np.mean(np.log(mix))


def responsibilities(logits, mu, s, x):
    pi = np.exp(logits) / np.sum(np.exp(logits))
    z = (x[:, None] - mu) / s
    p = pi * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * s)
    return -np.sum(np.log(np.sum(p, axis=1)))


def proportions(a, logp):
    pi = ag.softmax(a)
    return -np.mean(np.log(np.sum(pi * np.exp(logp), axis=1)))


def scaled(mu, s, X):
    sq = np.sum((X[:, None, :] - mu) ** 2, axis=-1)
    logp = -0.5 * sq / s**2 - 2 * np.log(s)
    return -np.mean(np.log(np.sum(np.exp(logp), axis=1)))


def to_centres(C, X):
    d = np.stack([np.sum((X - C[k]) ** 2, axis=1) for k in range(2)], axis=1)
    return np.sum(np.min(d, axis=1))


def counts(w, X, y, r):
    mu = np.exp(X @ w)
    p = r / (r + mu)
    return -np.sum(r * np.log(p) + y * np.log(1 - p))


def biased(bu, bi, R, M, lam):
    pred = 2.9 + bu[:, None] + bi[None, :]
    err = M * (R - pred)
    return np.sum(err**2) + lam * (np.sum(bu**2) + np.sum(bi**2))


def nodes_at(Z, nodes):
    c = np.log(np.exp(Z).sum(axis=1))
    return sum(c[i] for i in nodes) / len(nodes)


def causal(S):
    A = ag.softmax(np.where(np.tril(np.ones((3, 3))) == 1, S, -np.inf), axis=1)
    return np.sum(A**2)


def filtered(p, y):
    m, L = 0.5, 0.0
    for t in range(4):
        mp = p * m
        m = mp + (y[t] - mp) ** 2
        L = L + (y[t] - mp) ** 2
    return L


def predator(u, theta):
    x, y = u
    return np.stack([theta[0] * x - theta[1] * x * y, theta[1] * x * y - theta[2] * y])


def fitted(theta, u0, obs, h):
    u, total = u0, 0.0
    for k in range(len(obs)):
        u = u + h * predator(u, theta)
        total = total + np.sum((u - obs[k]) ** 2)
    return total


def tied(W, X):
    Z = np.einsum("ij,jk->ik", X, W)
    R = X - Z @ W.T
    return np.sum(R**2) / len(X)


TEXTS = {
    triplet: ("W", (normal(2, 3), normal(3, 3), normal(3, 3), normal(3, 3)), [
        "f_aᵢ = tanh(bᵢ)", "f_pᵢ = tanh(cᵢ)", "i = 0 … 2", "f_nᵢ = tanh(", "L = Σᵢ lossesᵢ / m",
        "dL/df_nᵢ = 2 dL/dlossesᵢ · (f_aᵢ - f_nᵢ)"]),
    siamese: ("W1 W2", (normal(3, 2), normal(2, 3), normal(3, 2), normal(3, 2), LABELS), [
        "h1ᵢ = tanh(aᵢ)", "z1ᵢ = W2 @ h1ᵢ", "h2ᵢ = tanh(bᵢ)", "z2ᵢ = W2 @ h2ᵢ",
        "total = Σᵢ same[i] Σ (z1ᵢ - z2ᵢ)²", "dtotal/dW2 = Σᵢ dtotal/dz2ᵢ @ h2ᵢᵀ + Σᵢ dtotal/dz1ᵢ @ h1ᵢᵀ"]),
    attended: ("Wq Wk Wv", (normal(2, 2), normal(2, 2), normal(2, 2), normal(3, 2)), [
        "Q = X @ Wq", "K = X @ Wk", "V = X @ Wv", "scores = Q @ Kᵀ / √", "dL/dWv = Xᵀ @ dL/dV"]),
    normalized: ("W", (normal(2, 2), normal(4, 2)), ["x = X @ W", "μ = meanᵢ(x)", "dL/dW = Xᵀ @ dL/dx"]),
    midpoint: ("theta", (np.array([0.8, 5.0]), 0.5, normal(3), 0.5), [
        "r = θ[0]", "K = θ[1]", "k1ₜ = r yₜ₋₁ (1 - yₜ₋₁ / K)", "dtotal/dθ = [dtotal/dr, dtotal/dK]"]),
    distilled: ("z", (normal(3), np.array([0, 1.0, 0]), np.array([0.2, 0.5, 0.3])), [
        "Given T = 2", "p = softmax(z)", "q_s = softmax(z / T)", "dL/dz = p - y + T (q_s - q)"]),
    holt: ("alpha beta", (0.5, 0.3, np.array([1.0, 1.4, 2.1, 2.3, 3.0])), [
        "level0 = y[0]", "levelₜ = α y[t] + (1 - α) (levelₜ₋₁ + trendₜ₋₁)", "β (levelₜ - levelₜ₋₁)"]),
    returns: ("theta", (0.4, [1.0, 0.5, 2.0], 0.9, normal(3)), [
        "G4 = 0", "Gₜ = rₜ + γ Gₜ₊₁", "t = 3 … 1", "total = -Σₜ Gₜ log(σ(θ x[t-1]))", "t = 1 … 3"]),
    forward: ("B", (np.array([[0.5, 0.2, 0.3], [0.1, 0.3, 0.6]]), np.array([0.6, 0.4]), [0, 2, 1, 1]), [
        "(o0, …, o3) = (0, 2, 1, 1)", "α0 = π ⊙ B[:, o0]", "αₜ = αₜ₋₁ ⊙ B[:, oₜ]"]),
    context: ("v", (normal(3, 2), normal(2)), ["c = Σᵢ α[i] H[i]", "dL/dαᵢ = Σⱼ dL/dcⱼ H[i]ⱼ"]),
    ridge: ("w", (normal(2), normal(3, 2), LABELS, 0.3), [
        "total = λ w @ w - Σᵢ (y[i] log(pᵢ) + (1 - y[i]) log(1 - pᵢ))", "= Σᵢ (pᵢ - y[i]) X[i] + 2 λ w"]),
    intercept: ("w b", (normal(2), 0.1, normal(3, 2), LABELS), ["dtotal/db = Σᵢ dtotal/dpᵢ", "= Σᵢ (pᵢ - y[i])"]),
    labelled: ("W", (normal(2, 3), normal(4, 2), np.eye(3)[[0, 2, 1, 1]], np.array([1, 3])), [
        "L = -Σ (Y[rows] ⊙ log(P[rows])) / n", "Σᵢ 1[rowsᵢ = k] (Pₖ - Yₖ) / n", "Σⱼ (Y[rows])ⱼ = 1"]),
    mixture: ("a", (normal(3), normal(2, 3)), ["dL/daⱼ = n softmax(a)ⱼ - Σᵢ softmaxⱼ(logpi + C)ᵢⱼ"]),
    elo: ("d", (normal(3) * 100, TARGETS), ["dp/dd = ln(10) p ⊙ (1 - p) / 400", "= ln(10) (p - s) / 400"]),
    policy: ("S", (normal(2, 3), np.array([0, 2]), np.array([1.4, -0.3]), 0.1), [
        "dL/dSᵢⱼ = Aᵢ (pᵢⱼ - Yᵢⱼ) + β pᵢⱼ (logpᵢⱼ + Hᵢ)"]),
    distances: ("X", (np.array([0.1, 1.3, 0.6, 1.7]),), [
        "rᵢ = X[i+1] - X[i]", "r2ᵢ = rᵢ²", "E = Σᵢ (1 / r2ᵢ - r2ᵢ)", "dE/dXₖ = 1[k ≥ 1] dE/drₖ₋₁ - 1[k < 3] dE/drₖ"]),
    skipgram: ("V U", (
        normal(4, 2), normal(4, 2), np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([[2, 3], [0, 3], [0, 1]]),
    ), [
        "vₜ = V[centers[t-1]]", "aₜ = U[negs[t-1]]", "bₜ = -aₜ @ vₜ",
        "total = -Σₜ (log(σ(U[contexts[t-1]] @ vₜ)) + Σ log(σ(bₜ)))",
        "dtotal/dVₖ = Σₜ 1[centers[t-1] = k] dtotal/dvₜ"]),
    signals: ("k", (normal(2), normal(3, 4)), [
        "outᵢⱼ = Σₗ X[i]ⱼ₊ₗ kₗ", "dtotal/dkⱼ = Σᵢ Σₗ X[i]ⱼ₊ₗ dtotal/doutᵢₗ"]),
    covariances: ("F", (normal(2, 2), normal(2), normal(2, 2), normal(2)), [
        "dL/dF = Σₜ ((dL/dPₜ)ᵀ @ F @ Pₜ₋₁ + dL/dPₜ @ F @ Pₜ₋₁ᵀ) + Σₜ dL/dmₜ @ mₜ₋₁ᵀ"]),
    from_the_front: ("w", (normal(2), normal(3, 2), normal(3), 0.9), [
        "Given G3 = 0,", "Gₜ = r[t] + γ Gₜ₊₁ 1 t = 2 … 0", "returns = [G0, G1, G2]"]),
    masked: ("S", (normal(3, 3), np.tril(np.ones((3, 3))), normal(3, 3)), [
        "E = exp(S - maxⱼ(S)) ⊙ M", "dL/dE = (dL/dP - Σⱼ dL/dPⱼ Pⱼ) / Σⱼ Eⱼ", "dL/dS = dL/dE ⊙ E since"]),
    forwards: ("E", (normal(4, 3), normal(3, 3)), [
        "aₜᵢⱼ = αₜ₋₁,ᵢ + Tᵢⱼ", "αₜ = E[t] + logsumexpᵢ(aₜ)", "dL/daₜᵢⱼ = dL/dαₜⱼ softmaxᵢ(aₜ)ᵢⱼ",
        "dL/dαₜᵢ = Σⱼ dL/daₜ₊₁,ᵢ,ⱼ"]),
    innovation: ("C", (normal(1, 2), normal(2, 1), normal(1, 1), np.eye(2), np.eye(1)), [
        "dL/dS = -½ S⁻¹ @ e @ e @ S⁻¹", "dL/de = e @ S⁻¹ since"]),
    blurred: ("x", (normal(5), normal(3), normal(5)), ["dL/dxᵢ = Σⱼ dL/dbᵢ₊ⱼ₋₁ hⱼ since bᵢ = Σⱼ xᵢ₋ⱼ₊₁ hⱼ; terms"]),
    filtered: ("p", (0.8, np.array([0.4, 0.9, 0.3, 1.2])), ["mpₜ = p mₜ₋₁", "L = Σₜ (y[t-1] - mpₜ)²", "t = 1 … 4"]),
    fitted: ("theta", (np.array([1.1, 0.4, 0.3]), np.array([2.0, 1.5]), normal(3, 2), 0.2), [
        "xₜ = uₜ₋₁[0] 1 t = 1 … 3", "yₜ = uₜ₋₁[1] 1 t = 1 … 3", "uₜ = uₜ₋₁ + h bₜ 2 t = 1 … 3"]),
    tied: ("W", (normal(3, 2), normal(4, 3)), ["dL/dW = Xᵀ @ dL/dZ - (dL/dR)ᵀ @ Z since"]),
    components: ("pi mu s", (np.array([0.4, 0.6]), normal(2), np.array([0.7, 0.9]), normal(3)), [
        "Given n = 3,", "dL/dpiⱼ = -Σᵢ rᵢⱼ / (n piⱼ)", "rᵢⱼ = densᵢⱼ piⱼ / mixᵢ", "dL/dμⱼ = -Σᵢ rᵢⱼ bᵢⱼ / (n sⱼ)"]),
    responsibilities: ("logits mu s", (normal(2), normal(2), np.array([0.7, 0.9]), normal(3)), [
        "p = pi ⊙ exp(-½ z²) / (s √(2π))", "dL/dμⱼ = -Σᵢ rᵢⱼ zᵢⱼ / sⱼ", "r = p / Σⱼ pⱼ", "dL/dlogits = n pi - Σᵢ rᵢ"]),
    proportions: ("a", (normal(2), normal(3, 2)), [
        "dL/daⱼ = (n πⱼ - Σᵢ rᵢⱼ) / n", "rᵢⱼ = πⱼ exp(logpᵢⱼ) / Σₖ πₖ exp(logpᵢₖ)"]),
    scaled: ("mu s", (normal(2, 2), np.array([0.8, 1.1]), normal(3, 2)), [
        "logp = -sq / (2 s²) - 2 log(s)", "dL/dsq = -dL/dlogp / (2 s²)"]),
    to_centres: ("C", (normal(2, 3), normal(4, 3)), [
        "dᵢⱼ = ‖Xᵢ - Cⱼ‖²", "dL/ddᵢⱼ = 1[dᵢⱼ = minⱼ(d)ᵢ]", "dL/dCᵢₖ = -2 Σⱼ dL/ddⱼᵢ (Xⱼₖ - Cᵢₖ)"]),
    counts: ("w", (normal(2), normal(2, 2), np.array([2.0, 5.0]), 1.7), [
        "dL/da = dL/dp ⊙ dp/dμ ⊙ dμ/da = r (μ - y) / (r + μ)"]),
    biased: ("bu bi", (normal(2), normal(3), normal(2, 3), np.array([[1.0, 0, 1], [0, 1, 1]]), 0.1), [
        "dL/dbuᵢ = 2 λ buᵢ + Σⱼ"]),
    nodes_at: ("Z", (normal(3, 2), np.array([0, 2])), ["dL/dc = (onehot(nodes[1]) + onehot(nodes[0])) / n"]),
    causal: ("S", (normal(3, 3),), ["Given maskᵢⱼ = 1[j ≤ i],", "where(mask, S, -∞)"]),
    margins: ("S", (normal(3, 3), np.array([0, 2, 1])), ["Given n = 3", "- Yᵢⱼ) / n"]),
}  # fmt: skip


@pytest.mark.parametrize("f", TEXTS, ids=lambda f: f.__name__)
def test_the_lines_are_those_of_a_textbook(f):
    wrt, args, lines = TEXTS[f]
    text = " ".join(str(ag.trace(f, *args).explain(wrt.split())).split())
    assert_in_order(lines, text)
    assert "not confirmed" not in text


def test_calls_in_branches_have_no_name_of_another_call():
    A, P = normal(3, 3), normal(3, 3)
    assert "rightᵢ" not in str(ag.trace(branched, normal(2, 3), A, P, True).explain(["W"]))
    assert "leftᵢ" not in str(ag.trace(branched, normal(2, 3), A, P, False).explain(["W"]))


def test_data_made_in_an_outer_loop_have_their_name():
    e = ag.tensor([0.6, 0.7, 1.9, 3.4], requires_grad=True)
    for _ in range(1):
        t, d, L = np.array([3.2, 1.1, 4.5, 0.6]), np.array([1, 0, 1, 1]), 0.0
        for i in range(4):
            if d[i] == 1:
                L = L + np.log(np.sum(e[t >= t[i]]))
    text = " ".join(str(L.explain(e, names=locals())).split())
    assert_in_order(["(i1, i2, i3) = (0, 2, 3)", "where d[i] == 1", "aₛ = e[t >= t[iₛ]]"], text)


def test_a_number_of_entries_has_the_name_of_the_variable_that_is_used_as_such():
    n = 4
    w, x = ag.tensor([0.3, -1.2, 0.8, 0.5], requires_grad=True), np.arange(n) / 10
    L = np.mean((w - x) ** 2)
    text = str(L.explain(w, names=locals()))
    assert "dL/dw = 2 (w - x) / n" in text


def test_values_that_are_detached_in_each_round_are_numbered():
    w, s, r, a = ag.tensor([0.5, -0.3, 0.2], requires_grad=True), normal(3), np.array([1.0, 0.5, 2.0]), [0, 2, 1]
    L = 0
    for t in range(3):
        logpi = ag.special.log_softmax(s[t] * w)
        A = (r[t] - logpi[0]).detach()
        L = L - A * logpi[a[t]]
    text = " ".join(str(L.explain(w, names=locals())).split())
    assert_in_order(["A0 (1), A1 (1), A2 (1)", "L = -Σₜ Aₜ logpiₜ[a[t]]", "= Aₜ (softmax(bₜ) - Yₜ)"], text)


def test_tensors_with_names_that_a_helper_gets_in_turn_keep_these():
    A, B, x = ag.tensor(normal(2, 2)), ag.tensor(normal(2, 2)), ag.tensor(normal(2), requires_grad=True)

    def energy(M):
        return np.sum(np.tanh(M @ x) ** 2)

    L = energy(A) + energy(B)
    assert "Given  A (2x2), B (2x2), x (2)" in str(L.explain(x, names=locals()))


def test_densities_have_the_names_of_what_is_passed():
    mu, y, sigma, k = ag.tensor(0.4, requires_grad=True, name="mu"), np.array([0.5, 0.1, -1.3]), 0.6, np.array([2, 3])
    L = np.sum(ag.stats.norm.logpdf(y, mu, scale=sigma)) + np.log(sigma) * mu
    text = str(L.explain(mu, names={"y": y, "sigma": sigma}))
    assert "L = Σ (-(y - μ)² / (2 σ²) - log(σ) - ½ log(2π)) + log(σ) μ" in text
    assert "dL/dμ = Σ (y - μ) / σ² + log(σ)" in text
    page = L.draw(names={"y": y, "sigma": sigma}).html(live=True)
    assert "are fixed" not in page
    assert "log Γ(k + 1)" in str(np.sum(ag.stats.poisson.logpmf(k, mu)).explain(mu, names={"k": k}))
    L = sum(np.sum(ag.stats.norm.logpdf(y, mu, sigma)) for sigma in (0.5, 2.0))  # which is one name for two numbers
    text = str(L.explain(mu, names={"y": y}))
    assert "L = Σ (ln(2) - 2 a² - ½ log(2π)) + Σ (-a² / 8 - ln(2) - ½ log(2π))" in text
    assert "σ" not in text


def test_probabilities_of_labelled_nodes_are_entries_of_their_own():
    P = ag.tensor([[0.2, 0.8], [0.5, 0.5], [0.7, 0.3], [0.6, 0.4]], requires_grad=True)
    labelled, y = np.array([0, 2]), np.array([0, 1, 1, 0])
    c = P[labelled, y[labelled]]
    L = np.sum(np.log(c))
    assert "dL/dPᵢⱼ = Σₖ 1[labelledₖ = i] 1[y[labelled]ₖ = j] dL/dcₖ" in str(L.explain(P, names=locals()))
    L = -np.sum(P[labelled, y[labelled]])
    assert "dL/dPᵢⱼ = -1[i ∈ labelled] 1[yᵢ = j]" in str(L.explain(P, names=locals()))


def test_a_long_gradient_is_in_terms_of_one_that_has_a_line():
    def pooled(V, S, W, y):
        A = ag.softmax(S, axis=1)
        P = ag.softmax(A @ V @ W, axis=1)
        return -np.mean(np.log(P[np.arange(3), y]))

    args = normal(3, 2), normal(3, 3), normal(2, 4), np.array([0, 3, 1])
    text = str(ag.trace(pooled, *args).explain(["V", "S", "W"]))
    lines = ["dL/db = (P - Y) / n", "dL/dV = Aᵀ @ dL/db @ Wᵀ", "dL/dA = dL/db @ Wᵀ @ Vᵀ"]
    assert_in_order([*lines, "dL/dS = A ⊙ (dL/dA - Σⱼ dL/dAⱼ Aⱼ)"], text)


def test_the_source_has_the_name_of_an_argument_that_is_a_dict():
    def loss(a, x):
        e = np.exp(x @ a["W"])
        return np.mean(((e / e.sum(axis=1, keepdims=True)) @ a["V"]) ** 2)

    a, x = {"W": normal(2, 3), "V": normal(3, 2)}, normal(1, 2)
    made = ag.source(loss, a, x)
    value, *_ = made(a=a, x=x)
    assert np.isclose(value, loss(a, x))


def test_vectors_below_each_other_keep_their_names():
    left, right, Q = normal(2), normal(2), ag.tensor(normal(2, 2), requires_grad=True)
    P = np.vstack([left, Q, right])
    L = np.sum((P[1:] - P[:-1]) ** 4)
    text = str(L.explain(Q, names=locals()))
    assert_in_order(["Given  left (2), right (2), Q (2x2)", "[left; Q; right]"], text)
    assert "cannot be changed" not in L.draw(names=locals()).html(live=True)


def test_rows_that_a_loop_chooses_have_the_names_of_data():
    X, z = normal(3, 2), np.array([0, 1, 0])
    C, J = ag.tensor(normal(2, 2), requires_grad=True), 0.0
    for k in range(2):
        J = J + np.sum((X[z == k] - C[k]) ** 2)
    text = str(J.explain(C, names=locals()))
    lines = ["X (3x2), z (3)", "aₖ = X[z == k] - C[k]", "k = 0 … 1", "J = Σₖ Σ aₖ²", "dJ/dCₖ = -Σᵢ dJ/daₖᵢ"]
    assert_in_order(lines, text)


def test_an_index_of_a_softmax_is_that_of_the_line():
    S = ag.tensor(normal(3, 2), requires_grad=True)
    c = np.log(np.exp(S).sum(axis=1))
    L = sum(c[i] - S[i, k] for i, k in zip([0, 2], [1, 0], strict=True)) / 2
    derivation = L.explain(S, names=locals())
    assert "dL/dcⱼ softmaxₗ(S)ⱼₗ" in str(derivation)
    assert r"{\operatorname{softmax}_{l}(S)}_{jl}" in derivation.latex()


def test_positions_that_are_computed_from_the_index():
    n, i = 2, np.arange(4)
    S = ag.tensor(normal(4, 4), requires_grad=True)
    pos = S[i, (i + n) % (2 * n)]
    derivation = np.sum(pos**2).explain(S, names=locals())
    assert "posᵢ = S[i, (i + n) mod 2 n]" in str(derivation)
    assert r"S_{i, (i + n) \bmod 2 n}" in derivation.latex()


def test_what_is_detached_is_a_step():
    v, p = ag.tensor(normal(2), requires_grad=True), ag.tensor([0.7, 0.4], requires_grad=True)
    G = np.array([1.0, 0.3])
    A = (G - v).detach()
    B = G - v.detach()
    C = ag.stop_gradient(G - v)
    D = (G - v).data
    L = np.sum(-np.log(p) * A + B * p**2 + C * p**3 + 0.5 * v**2) + np.sum(p**4 * D)
    names = {"v": v, "p": p, "G": G, "A": A, "B": B, "C": C, "D": D}
    steps = ["Given  G (2), v (2), p (2)", "f = G - v", "A = stop_gradient(f)", "B = stop_gradient(G - v)"]
    assert_in_order([*steps, "C = stop_gradient(f)", "D = stop_gradient(f)"], str(L.explain([p, v], names)))
    L = np.sum(-np.log(p) * A + 0.5 * (G - v) ** 2)
    sheet = ag.worksheet(L, names={"v": v, "p": p, "G": G, "A": A})
    assert [mark.right for mark in sheet.check({"dL/dv": "-A"}) if mark.word == "dLdv"] == [True]


def test_latex_has_the_indices_of_a_loop_below_the_line():
    def energy(q):
        E = 0.0
        for i in range(len(q) - 1):
            E = E + 0.5 * (q[i + 1] - q[i]) ** 2
        return E

    assert "q_{i+1} - q_{i}" in ag.trace(energy, normal(4)).explain().latex()


def test_a_softmax_in_a_fraction_has_its_index():
    d = ag.tensor(normal(2, 3), requires_grad=True)
    L = -np.mean(np.log(np.sum(np.exp(d), axis=1)))
    assert r"-\frac{\operatorname{softmax}_{j}(d)}{n}" in L.explain(d, names=locals()).latex()


def test_the_last_round_of_a_script_is_written_like_the_others():
    p, m, L, y = ag.tensor(0.8, requires_grad=True), 0.5, 0.0, np.array([0.4, 0.9, 0.3, 1.2])
    for t in range(4):
        mp = p * m
        m = mp + (y[t] - mp) ** 2
        L = L + (y[t] - mp) ** 2
    text = str(L.explain(p, names={"p": p, "m": m, "L": L, "y": y}))
    assert_in_order(["L   = Σₜ (y[t-1] - mpₜ)²", "t = 1 … 4", "dL/dmp4 = 2 (mp4 - y[3])"], text)


def test_a_number_of_entries_that_no_line_has_is_not_given():
    def centred(s):
        return np.sum((s - s.mean()) ** 2) / 2

    assert "Given  s (3)" in str(ag.trace(centred, normal(3)).explain())


def test_a_shared_difference_is_written_out_in_a_condition():
    a, b, m = ag.tensor(normal(3), requires_grad=True), ag.tensor(normal(3), requires_grad=True), 0.5
    L = np.mean(np.where(a - b + m > 0, a - b + m, 0))
    assert "dL/da = 1[a - b + m > 0] / n" in str(L.explain([a, b], names={"a": a, "b": b, "m": m}))


def test_a_column_has_the_indices_of_its_neighbours():
    bu, bi = ag.tensor(normal(3, 1), requires_grad=True), ag.tensor(normal(2), requires_grad=True)
    P, Q = ag.tensor(normal(3, 2), requires_grad=True), normal(2, 2)
    pred = bu + bi + np.einsum("uk,ik->ui", P, Q)
    L = np.sum(pred**2) + np.sum(bu**2)
    text = str(L.explain([bu, bi, P], names={"bu": bu, "bi": bi, "P": P, "Q": Q, "pred": pred}))
    assert "dL/dbuᵢ = 2 buᵢ + Σⱼ dL/dpredᵢⱼ" in " ".join(text.split())


def test_entries_of_a_parameter_are_no_steps_of_a_loop():
    def swing(theta, u):
        x, v = u
        for _ in range(3):
            x, v = x + theta[0] * x - theta[1] * v, v + theta[2] * x * v - theta[3] * v
        return x**2 + v**2

    text = str(ag.trace(swing, normal(4), normal(2)).explain("theta"))
    assert_in_order(["θ1 = θ[0]", "θ4 = θ[3]", "xₜ = xₜ₋₁", "since θ1 = θ[0], θ2 = θ[1], θ3 = θ[2], θ4 = θ[3]"], text)


@pytest.mark.parametrize("first", ["difference", "second"])
def test_differences_that_are_taken_twice_are_one_step(first):
    u = ag.tensor(normal(5), requires_grad=True)
    if first == "difference":
        du = np.diff(u)
        L = np.sum(np.abs(du)) + np.sum(np.diff(u, n=2) ** 2)
    else:
        L = np.sum(np.diff(u, n=2) ** 2)
        du = np.diff(u)
        L = L + np.sum(np.abs(du))
    text = str(L.explain(u, names={"u": u, "du": du}))
    assert_in_order(["duᵢ = uᵢ₊₁ - uᵢ", "aᵢ  = duᵢ₊₁ - duᵢ", "dL/duᵢ = dL/dduᵢ₋₁ - dL/dduᵢ"], text)


@pytest.mark.parametrize("is_learned", [False, True])
def test_a_number_beside_a_column_is_in_the_sum(is_learned):
    R, mu = normal(2, 3), ag.tensor(2.9, requires_grad=is_learned)
    b, c = ag.tensor(normal(2), requires_grad=True), ag.tensor(normal(3), requires_grad=True)
    L = np.sum((R - (mu + b[:, None] + c)) ** 2)
    text = str(L.explain([b, c], names={"mu": mu, "b": b, "c": c, "R": R}))
    assert_in_order(["aᵢⱼ = Rᵢⱼ - (μ + bᵢ + cⱼ)", "dL/dbᵢ = -Σⱼ dL/daᵢⱼ", "dL/dcⱼ = -Σᵢ dL/daᵢⱼ"], text)


@pytest.mark.parametrize("logs", ["of all", "of some", "stable"])
def test_rows_with_labels_are_those_of_the_gradient(logs):
    Z, labelled, y = ag.tensor(normal(3, 2), requires_grad=True), [0, 2], np.array([1, 0])
    P = ag.softmax(Z, axis=1)
    logp = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    L = {"of all": np.log(P)[labelled, y], "of some": np.log(P[labelled, y]), "stable": logp[labelled, y]}[logs]
    names = {"Z": Z, "labelled": labelled, "y": y} | ({"logp": logp} if logs == "stable" else {"P": P})
    row = "softmaxⱼ(Z)ₖ" if logs == "stable" else "Pₖ"
    assert f"dL/dZₖ = Σᵢ 1[labelledᵢ = k] ({row} - Yᵢ) / n" in str((-L.mean()).explain(Z, names))


def with_entropy(theta, S, a, A, beta):
    z = S @ theta
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    p = np.exp(logp)
    H = -np.sum(p * logp, axis=1)
    return -np.mean(A * logp[np.arange(len(a)), a]) - beta * np.mean(H)


def exploring(theta, S, a, A, beta):
    p = ag.softmax(S @ theta, axis=1)
    entropy = -np.mean(np.sum(p * np.log(p), axis=1))
    return -np.mean(A * np.log(p[np.arange(len(a)), a])) - beta * entropy


def entropies(theta, S, a, A, beta):
    p = ag.softmax(S @ theta, axis=1)
    H = -np.sum(p * np.log(p), axis=1)
    return beta * np.sum(H)


@pytest.mark.parametrize(("f", "line"), [
    (with_entropy, "dL/dzᵢⱼ = (Aᵢ (pᵢⱼ - Yᵢⱼ) + β pᵢⱼ (logpᵢⱼ + Hᵢ)) / n"),
    (exploring, "dL/dbᵢⱼ = (Aᵢ (pᵢⱼ - Yᵢⱼ) + β pᵢⱼ (log(pᵢⱼ) + Hᵢ)) / n"),
    (entropies, "dL/dbᵢⱼ = -β pᵢⱼ (log(pᵢⱼ) + Hᵢ)"),
])  # fmt: skip
def test_a_policy_with_an_entropy_has_the_gradient_of_a_book(f, line):
    program = ag.trace(f, normal(2, 3), normal(4, 2), np.array([0, 2, 1, 1]), normal(4), 0.1)
    assert line in str(program.explain("theta"))
    sheet = program.worksheet(wrt=["theta"])
    assert all(mark.right for mark in sheet.check(sheet.key()))


def clipped(theta, S, a, A, old):
    p = ag.softmax(S @ theta, axis=1)
    ratio = p[np.arange(len(a)), a] / old
    return -np.mean(np.minimum(ratio * A, np.clip(ratio, 0.8, 1.2) * A))


def clipped_with_entropy(theta, S, a, A, old):
    z = S @ theta
    p = ag.softmax(z, axis=1)
    logp = np.log(p)
    ratio = np.exp(logp[np.arange(len(a)), a] - old)
    H = -np.sum(p * logp, axis=1)
    return -np.mean(np.minimum(ratio * A, np.clip(ratio, 0.8, 1.2) * A)) - 0.1 * np.mean(H)


def weighted(theta, S, a, A, old):
    p = ag.softmax(S @ theta, axis=1)
    ratio = np.exp(np.log(p[np.arange(len(a)), a]) - old)
    return -np.mean(ratio * A) + 0.1 * np.mean(np.sum(p * np.log(p), axis=1))


@pytest.mark.parametrize(("f", "line"), [
    (clipped, "dL/dbᵢⱼ = dL/dratioᵢ ratioᵢ (Yᵢⱼ - pᵢⱼ) since p = softmax(b), ratioᵢ = p[i, aᵢ] / oldᵢ, Y = onehot(a)"),
    (clipped_with_entropy, "dL/dzᵢⱼ = dL/dratioᵢ ratioᵢ (Yᵢⱼ - pᵢⱼ) + 0.1 pᵢⱼ (logpᵢⱼ + Hᵢ) / n"),
    (weighted, "dL/dbᵢⱼ = (Aᵢ ratioᵢ (pᵢⱼ - Yᵢⱼ) + 0.1 pᵢⱼ (log(pᵢⱼ) + Hᵢ)) / n"),
])  # fmt: skip
def test_a_policy_with_a_ratio_has_the_gradient_of_a_book(f, line):
    args = normal(2, 3), normal(4, 2), np.array([0, 2, 1, 1]), normal(4), np.abs(normal(4)) + 0.2
    program = ag.trace(f, *args)
    assert line in " ".join(str(program.explain("theta")).split())
    sheet = program.worksheet(wrt=["theta"])
    assert all(mark.right for mark in sheet.check(sheet.key()))


def mixture(a, mu, t):
    pi = np.exp(a) / np.sum(np.exp(a), axis=1, keepdims=True)
    phi = np.exp(-0.5 * (t - mu) ** 2) / np.sqrt(2 * np.pi)
    p = np.sum(pi * phi, axis=1)
    return -np.mean(np.log(p))


def test_the_weights_of_a_mixture_have_their_responsibilities():
    program = ag.trace(mixture, normal(3, 2), normal(3, 2), normal(3, 1))
    text = " ".join(str(program.explain(["a", "mu"])).split())
    assert "dL/da = (pi - r) / n since pi = softmax(a)" in text
    assert "dL/dμ = (μ - t) ⊙ r / n since" in text
    assert "rᵢⱼ = piᵢⱼ φᵢⱼ / pᵢ" in text


def test_a_derivative_that_is_minus_1_leaves_no_double_sign():
    r, y = ag.tensor(1.7, requires_grad=True), np.array([2.0, 0.0, 3.0])
    ll = np.sin(y + r) - np.exp(r) + y * r
    text = str((-ll.mean()).explain(r, names={"r": r, "y": y, "ll": ll}))
    assert "dL/dr = exp(r) - Σ (cos(y + r) + y) / n" in text


@pytest.mark.parametrize("base", [10, np.e])
def test_a_falling_logistic_has_the_short_gradient(base):
    x, y = ag.tensor(normal(3), requires_grad=True), np.array([1.0, 0.5, 0.0])
    E = 1 / (1 + (10**x if base == 10 else np.exp(x)))
    L = -np.mean(y * np.log(E) + (1 - y) * np.log(1 - E))
    text = str(L.explain(x, names={"x": x, "y": y, "E": E}))
    assert ("= ln(10) (y - E) / n" if base == 10 else "= (y - E) / n") in text


def test_terms_of_a_step_share_their_factor():
    th, om, h, g, L = ag.tensor(0.6, requires_grad=True), 0.0, 0.1, ag.tensor(9.8, requires_grad=True), 0.0
    for _ in range(3):
        om = om - h / 2 * g * np.sin(th)
        th = th + h * om
        om = om - h / 2 * g * np.sin(th)
        L += th**2
    text = str(L.explain(names={"th": th, "om": om, "h": h, "g": g, "L": L}))
    assert_in_order(["+ dL/dthₜ₊₁ - (dL/daₜ₊₁ + dL/domₜ) h g cos(thₜ) / 2", "-h (Σₜ dL/daₜ · sin(thₜ₋₁) + Σₜ"], text)


def test_diagonal_matrices_on_both_sides_are_factors_of_entries():
    u, v, K = ag.tensor(normal(2), requires_grad=True), ag.tensor(normal(3), requires_grad=True), normal(2, 3)
    P = np.diag(u) @ K @ np.diag(v)
    text = str(np.sum(P**2).explain([u, v], names={"u": u, "v": v, "K": K, "P": P}))
    assert_in_order(["Pᵢⱼ = uᵢ Kᵢⱼ vⱼ", "dL/duᵢ = Σⱼ dL/dPᵢⱼ Kᵢⱼ vⱼ", "dL/dvⱼ = Σᵢ dL/dPᵢⱼ uᵢ Kᵢⱼ"], text)


def test_a_sum_in_another_order_is_the_same_step():
    r, y = ag.tensor(1.7, requires_grad=True), np.array([2.0, 0.0, 3.0])
    text = str(np.sum(np.sin(y + r) + r * np.log(r + y)).explain(r, names={"r": r, "y": y}))
    assert "L = Σ (sin(a) + r log(a))" in text


@pytest.mark.parametrize("how", ["squeeze", "index", "reshape", "named"])
def test_products_with_columns_have_no_axis_of_length_one(how):
    C, u = ag.tensor(normal(3, 2), requires_grad=True), ag.tensor(normal(2, 2), requires_grad=True)
    neg = np.array([[0, 2], [1, 2]])
    N = C[neg]
    if how == "squeeze":
        s = (N @ u[:, :, None]).squeeze(-1)
    elif how == "index":
        s = np.matmul(N, u[..., None])[..., 0]
    elif how == "reshape":
        s = (N @ u[:, :, None]).reshape(2, 2)
    else:
        s = N @ u[:, :, None]
    text = str(np.sum(np.exp(s)).explain([C, u], names={"C": C, "u": u, "neg": neg, "N": N, "s": s}))
    line = "dL/dNᵢⱼₗ = dL/dsᵢⱼ uᵢₗ" if how == "named" else "dL/dNᵢⱼₖ = dL/dsᵢⱼ uᵢₖ"
    assert_in_order(["sᵢⱼ = Σₖ Nᵢⱼₖ uᵢₖ", line], text)


def test_windows_in_a_comprehension_are_at_their_places():
    K, X = ag.tensor(normal(2, 2), requires_grad=True), normal(4, 4)
    C = sum(K[i, j] * X[i : i + 3, j : j + 3] for i in range(2) for j in range(2))
    text = str(np.sum(C**2).explain(K, names={"K": K, "X": X, "C": C}))
    assert "Cᵢⱼ = K[0, 0] Xᵢⱼ + K[0, 1] Xᵢ,ⱼ₊₁ + K[1, 0] Xᵢ₊₁,ⱼ + K[1, 1] Xᵢ₊₁,ⱼ₊₁" in text


def test_no_page_says_that_the_halves_of_a_clipped_product_are_apart(tmp_path):
    r, A = ag.tensor([1.1, 0.5, 1.4], requires_grad=True), np.array([0.6, -0.4, 0.9])
    L = np.mean(np.minimum(r * A, np.clip(r, 0.8, 1.2) * A))
    page = L.draw(names={"r": r, "A": A}).save(tmp_path / "page.html", live=True)
    assert "at a tie" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("how", ["insert", "append"])
def test_returns_that_a_script_collects_backwards_are_steps(how):
    S, v, rewards, gamma = normal(4, 2), ag.tensor(normal(2), requires_grad=True), [1.0, 0.0, 2.0, -1.0], 0.9
    returns, G = [], 0.0
    for r in reversed(rewards):
        G = r + gamma * G
        if how == "insert":
            returns.insert(0, G)
        else:
            returns.append(G)
    if how == "append":
        returns.reverse()
    loss = 0.0
    for t in range(4):
        value = S[t] @ v
        loss = loss + 0.5 * (returns[t] - value) ** 2
    names = {"S": S, "v": v, "rewards": rewards, "gamma": gamma, "returns": returns, "value": value, "G": G}
    text = str(loss.explain(v, {**names, "loss": loss}))
    assert_in_order(["G5 = 0", "Gₜ     = rewards[t-1] + γ Gₜ₊₁", "t = 4 … 1", "loss   = ½ Σₜ (Gₜ - valueₜ)²"], text)


@pytest.mark.parametrize("is_compared", [False, True])
def test_rounds_that_a_test_chooses_have_its_indicator(is_compared):
    def cox(b, X, time, event):
        eta, total = X @ b, 0.0
        for i in range(len(time)):
            if event[i] == 1 if is_compared else event[i]:
                risk = np.sum(np.exp(eta[time >= time[i]]))
                total = total - (eta[i] - np.log(risk))
        return total

    args = normal(2), normal(4, 2), np.array([2.0, 5.0, 3.0, 4.0]), np.array([1, 0, 1, 1])
    text = str(ag.trace(cox, *args).explain("b"))
    test = "event[i] = 1" if is_compared else "event[i]"
    lines = [f"-Σᵢ 1[{test}] (η[i] - logsumexp(aᵢ))", f"dtotal/daᵢ = 1[{test}] softmax(aᵢ)"]
    assert_in_order([*lines, f"dtotal/dη = -1[{test.replace('[i]', '')}] + Σᵢ dtotal/daᵢ"], text)


def test_a_state_is_read_apart_from_the_helper_of_the_next_round():
    def rates(y, beta, gamma):
        S, I = y
        return np.stack([-beta * S * I, beta * S * I - gamma * I])

    def fit(beta, gamma, y, obs, dt):
        L = 0.0
        for o in obs:
            y = y + dt * rates(y, beta, gamma)
            L = L + (y[1] - o) ** 2
        return L

    args = 0.6, 0.2, np.array([0.9, 0.1]), np.array([0.12, 0.15, 0.19]), 0.5
    text = str(ag.trace(fit, *args).explain(["beta", "gamma"]))
    lines = ["Sₜ = yₜ₋₁[0]", "Iₜ = yₜ₋₁[1]", "aₜ = [-β Sₜ Iₜ, Iₜ (β Sₜ - γ)]", "L  = Σₜ (yₜ[1] - obs[t-1])²"]
    assert_in_order([*lines, "dL/dβ = Σₜ Sₜ Iₜ (dL/daₜ[1] - dL/daₜ[0])", "t = 1 … 3"], text)


def test_a_number_that_fills_an_array_is_fixed():
    def smoothed(W, X, y, eps):
        P = ag.softmax(X @ W, axis=1)
        Q = np.full(P.shape, eps / P.shape[1])
        Q[np.arange(len(y)), y] += 1 - eps
        return -np.mean(np.sum(Q * np.log(P), axis=1))

    args = normal(2, 3), normal(4, 2), np.array([0, 2, 1, 1]), 0.1
    assert "dL/da = (P - Q) / n" in str(ag.trace(smoothed, *args).explain("W"))
    made = ag.source(smoothed, *args, wrt="W")
    np.testing.assert_allclose(made(*args)[1], ag.grad(smoothed)(*args), rtol=1e-12)
    with pytest.raises(ValueError, match=r"this source is for eps = 0\.1"):
        made(*args[:3], 0.2)


@pytest.mark.parametrize("is_traced", [False, True])
def test_labels_of_an_inner_loop_are_those_of_their_round(is_traced):
    def ranked(s):
        total = 0
        for rank in [[2, 0, 1], [0, 1], [2, 1]]:
            for k in range(len(rank) - 1):
                total = total - s[rank[k]] + np.log(np.sum(np.exp(s[rank[k:]])))
        return total

    s = ag.tensor([0.7, -0.3, 1.2], requires_grad=True)
    text = str(ag.trace(ranked, s).explain() if is_traced else ranked(s).explain(s, names={"s": s}))
    assert "not confirmed" not in text
    assert_in_order(["= s[[0, 1]]", "= s[[2, 1]]", "dtotal/da4 at [[2, 1]], 0 elsewhere"], text)


def test_a_function_of_data_that_scipy_has_is_written_like_that_of_a_parameter():
    special = pytest.importorskip("scipy.special")
    y, r = np.array([1.0, 4.0]), ag.tensor(1.7, requires_grad=True)
    L = np.sum(special.gammaln(y + r) - special.gammaln(y + 1))
    assert "log Γ(a) - log Γ(y + 1)" in str(L.explain(r, names={"y": y, "r": r}))


@pytest.mark.parametrize("is_step", [False, True])
def test_what_each_round_adds_is_one_sum(is_step):
    def hazards(k, t, d):
        total = 0.0
        for i in range(len(t)):
            if is_step:
                H = t[i] ** k
                total = total + d[i] * k * np.log(t[i]) - H
            else:
                total += d[i] * k * np.log(t[i]) - t[i] ** k
        return -total

    text = str(ag.trace(hazards, 1.4, np.array([1.2, 0.7, 2.6]), np.array([1.0, 0.0, 1.0])).explain("k"))
    line = "dL/dk = Σᵢ (Hᵢ - d[i]) log(t[i])" if is_step else "dL/dk = -Σᵢ log(t[i]) (d[i] - t[i]ᵏ)"
    assert line in text


def test_the_result_of_a_choice_in_a_script_is_said_to_be_one():
    w, X, y = ag.tensor([0.7, -0.4], requires_grad=True), np.array([[1.2, -0.3], [0.4, 0.8], [2.9, 0.1]]), [1, -1, 1]

    def hinge(w, X, y):
        total = 0
        for xi, yi in zip(X, y, strict=True):
            total = total + max(0, 1 - yi * np.dot(w, xi))
        return total

    said = "with the results for these numbers of Python's max(0, 1 - yi * np.dot(w, xi))"
    assert said in str(hinge(w, X, y).explain(w, names={"w": w, "X": X, "y": y}))
    assert said not in str(ag.trace(hinge, w, X, np.array(y)).explain("w"))


def test_a_list_of_numbers_beside_an_identity_matrix_is_traced():
    def labelled_mean(W, X, A, labels):
        P = ag.softmax((A + np.eye(2)) @ X @ W, axis=1)
        return -np.mean([np.log(P[i, c]) for i, c in zip([0, 1], labels, strict=True)])

    args = ag.tensor(normal(2, 2), requires_grad=True), normal(2, 2), 1 - np.eye(2), np.array([1, 0])
    assert "(P - Y) / n" in str(ag.trace(labelled_mean, *args).explain("W"))


def test_lines_have_no_numbers_or_places_that_cancel():
    theta, G, actions = ag.tensor(normal(3), requires_grad=True), np.array([1.5, 0.7]), np.array([0, 2])
    L = -np.sum(ag.log_softmax(theta)[actions] * G)
    text = str(L.explain(theta, names={"theta": theta, "G": G, "actions": actions}))
    assert "dL/dθₖ = softmax(θ)ₖ Σ G - Σᵢ 1[actionsᵢ = k] Gᵢ" in text

    rho, mu, X = ag.tensor(normal(3), requires_grad=True), ag.tensor(normal(3, 2), requires_grad=True), normal(2, 2)
    logp = np.stack([-0.5 * np.sum((X - mu[k]) ** 2, axis=1) / np.exp(2 * rho[k]) for k in range(3)])
    L = -np.sum(np.log(np.sum(np.exp(logp), axis=0)))
    text = str(L.explain([rho, mu], names={"rho": rho, "mu": mu, "X": X, "logp": logp}))
    assert "2 · ½" not in text


def test_a_mask_in_a_loop_is_that_of_each_round():
    def heads(W, X):
        mask, total = np.tril(np.ones((2, 2), dtype=bool)), 0
        for k in range(2):
            P = ag.softmax(np.where(mask, X @ W[k] @ X.T, -np.inf), axis=1)
            total = total + np.sum(np.tanh(P @ X))
        return total

    text = str(ag.trace(heads, normal(2, 2, 2), normal(2, 2)).explain("W"))
    assert "; Pᵢⱼ = 0 where not maskᵢⱼ" in text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_a_uniform_policy_is_derived_without_a_warning(beta):
    args = np.zeros((2, 3)), normal(4, 2), np.array([0, 2, 1, 1]), normal(4), beta
    text = str(ag.trace(with_entropy, *args).explain("theta"))
    assert "not confirmed" not in text


def test_the_rounds_of_a_window_have_the_labels_of_their_pairs():
    V, U = (ag.tensor(normal(4, 2), requires_grad=True) for _ in "VU")
    corpus, L = [0, 2, 1, 3], 0.0
    for i in range(len(corpus)):
        for j in range(max(0, i - 1), min(len(corpus), i + 2)):
            if i != j:
                scores = U @ V[corpus[i]]
                L = L - np.log(ag.softmax(scores)[corpus[j]])
    lines = [
        "(i1, …, i6) = (0, 1, 1, 2, 2, 3), (j1, …, j6) = (1, 0, 2, 1, 3, 2)", "where i != j",
        "scoresₜ = U @ V[corpus[iₜ]]", "L = -Σₜ log(softmax(scoresₜ)[corpus[jₜ]])",
        "dL/dscoresₜ = softmax(scoresₜ) - Yₜ", "Yₜ = onehot(corpus[jₜ])",
        "dL/dVₖ = Σₜ 1[corpus[iₜ] = k] (Uᵀ @ dL/dscoresₜ)",
    ]  # fmt: skip
    assert_in_order(lines, " ".join(str(L.explain([V, U], names={"V": V, "U": U, "corpus": corpus})).split()))


@pytest.mark.parametrize("is_of_softmax", [True, False])
def test_a_loop_over_what_its_line_lists_is_written_out(is_of_softmax):
    def loss(V, U, corpus):
        L = 0
        for i in range(1, 4):
            scores = U @ V[corpus[i]]
            P = ag.softmax(scores)
            for j in (i - 1, i + 1):
                log = np.log(P[corpus[j]]) if is_of_softmax else scores[corpus[j]] - np.log(np.sum(np.exp(scores)))
                L = L - log
        return L

    text = " ".join(str(ag.trace(loss, normal(5, 2), normal(5, 2), np.array([0, 2, 1, 4, 3])).explain()).split())
    if is_of_softmax:
        assert_in_order(["L = -Σₜ (log(Pₜ[corpus[t-1]]) + log(Pₜ[corpus[t+1]]))",
                         "dL/dscoresₜ = 2 Pₜ - onehot(corpus[t-1]) - onehot(corpus[t+1])"], text)  # fmt: skip
    else:
        assert_in_order(["L = 2 Σₜ logsumexp(scoresₜ) - Σₜ scoresₜ[corpus[t-1]] - Σₜ scoresₜ[corpus[t+1]]",
                         "dL/dscoresₜ = 2 softmax(scoresₜ) - "], text)  # fmt: skip


@pytest.mark.parametrize("is_statement", [True, False])
def test_a_case_by_a_given_number_is_written(is_statement):
    W, C, L = ag.tensor(normal(2, 2), requires_grad=True), normal(2, 2), 0.0
    N = np.array([[2.0, 3.0], [12.0, 1.0]])
    for i in range(2):
        for j in range(2):
            if is_statement:
                if N[i, j] < 10.0:
                    f = (N[i, j] / 10.0) ** 0.75
                else:
                    f = 1.0
            else:
                f = (N[i, j] / 10.0) ** 0.75 if N[i, j] < 10.0 else 1.0
            L = L + f * (W[i] @ C[j] - np.log(N[i, j])) ** 2
    lines = ["L = Σⱼᵢ where(Nᵢⱼ < 10, (Nᵢⱼ / 10)^0.75, 1) (Wᵢ @ Cⱼ - log(Nᵢⱼ))²",
             "dL/dWₖ = Σⱼ 2 (Wₖ @ Cⱼ - log(Nₖⱼ)) where(Nₖⱼ < 10, (Nₖⱼ / 10)^0.75, 1) Cⱼ"]  # fmt: skip
    assert_in_order(lines, " ".join(str(L.explain(W, names=locals())).split()))


def test_two_rounds_of_a_comprehension_are_a_sum():
    W, X, known, labels = ag.tensor(normal(2, 2), requires_grad=True), normal(3, 2), [0, 2], [1, 0]
    P = ag.softmax(X @ W, axis=1)
    L = -sum(np.log(P[i, c]) for i, c in zip(known, labels, strict=True)) / len(known)
    lines = ["bₜ = P[known[t-1], labels[t-1]]", "L = -Σₜ log(bₜ) / n", "dL/dPᵢⱼ = Σₜ 1[known[t-1] = i]"]
    assert_in_order(lines, " ".join(str(L.explain(W, names=locals())).split()))


def test_the_sum_of_what_an_inner_comprehension_lists_is_one_of_arrays():
    pi, x, L = np.array([0.3, 0.7]), [0.6, -0.5, 1.4, 0.2], 0.0
    mu, sig = (ag.tensor(v, requires_grad=True) for v in ([0.5, -0.8], [1.1, 0.7]))
    for xi in x:
        dens = [pi[k] * np.exp(-((xi - mu[k]) ** 2) / (2 * sig[k] ** 2)) / sig[k] for k in range(2)]
        L = L - np.log(sum(dens))
    lines = [
        "densᵢ = π ⊙ exp(-(x[i] - μ)² / a) / sig", "L = -Σᵢ log(Σ densᵢ)", "i = 0 … 3",
        "dL/ddensᵢ = -1 / Σ densᵢ", "dL/dμ = Σᵢ 2 dL/ddensᵢ ⊙ (x[i] - μ) ⊙ densᵢ / a",
    ]  # fmt: skip
    names = {"pi": pi, "x": x, "mu": mu, "sig": sig, "dens": dens, "L": L}
    assert_in_order(lines, " ".join(str(L.explain([mu, sig], names=names)).split()))


def test_what_a_helper_unpacks_in_each_of_its_calls_is_an_entry():
    def loss(theta, data):
        dt, y, L = 0.5, np.array([0.9, 0.1]), 0.0

        def f(y):
            S, I = y
            return np.array([-theta[0] * S * I, theta[0] * S * I - theta[1] * I])

        for t in range(3):
            k1 = f(y)
            k2 = f(y + dt * k1)
            y = y + dt / 2 * (k1 + k2)
            L = L + (y[1] - data[t]) ** 2
        return L

    text = " ".join(str(ag.trace(loss, np.array([0.5, 0.2]), np.array([0.15, 0.22, 0.31])).explain("theta")).split())
    lines = ["Given y0 (2), dt = ½", "k1ₜ = [-θ1 yₜ₋₁[0] yₜ₋₁[1], yₜ₋₁[1] (θ1 yₜ₋₁[0] - θ2)] 2 t = 1 … 3",
             "k2ₜ = [-θ1 aₜ[0] aₜ[1], aₜ[1] (θ1 aₜ[0] - θ2)] 2 t = 1 … 3",
             "yₜ = yₜ₋₁ + dt (k1ₜ + k2ₜ) / 2"]  # fmt: skip
    assert_in_order(lines, text)


def test_a_state_of_numbers_that_each_round_passes_to_a_helper_twice_has_its_start():
    beta, data, dt = ag.tensor(0.5, requires_grad=True), np.array([0.15, 0.22, 0.31]), 0.5

    def f(S, I):
        return -beta * S * I, beta * S * I - 0.2 * I

    S, I, L = 0.9, 0.1, 0.0
    for t in range(3):
        dS1, dI1 = f(S, I)
        dS2, dI2 = f(S + dt * dS1, I + dt * dI1)
        S, I = S + dt * (dS1 + dS2) / 2, I + dt * (dI1 + dI2) / 2
        L = L + (I - data[t]) ** 2
    text = " ".join(str(L.explain(beta, names=locals())).split())
    lines = ["S0 = 0.9, I0 = 0.1", "dS1ₜ = -β Sₜ₋₁ Iₜ₋₁ 1 t = 1 … 3", "dL/dβ = ", "t = 1 … 3, with dS2 t = 1 … 2"]
    assert_in_order(lines, text)


def test_neighbours_in_two_loops_are_rows_of_slices():
    def smoothed(u, f, lam, eps):
        tv = 0.0
        for i in range(u.shape[0] - 1):
            for j in range(u.shape[1] - 1):
                dx, dy = u[i + 1, j] - u[i, j], u[i, j + 1] - u[i, j]
                tv = tv + np.sqrt(dx**2 + dy**2 + eps)
        return 0.5 * np.sum((u - f) ** 2) + lam * tv

    text = " ".join(str(ag.trace(smoothed, normal(3, 4), normal(3, 4), 0.3, 0.01).explain("u")).split())
    lines = ["dxᵢ = u[i+1, 0:3] - u[i, 0:3]", "dyᵢ = u[i, 1:4] - u[i, 0:3]", "tv = Σᵢ Σ √(dxᵢ² + dyᵢ² + ε)",
             "dL/duₖⱼ = uₖⱼ - fₖⱼ + 1[k < 2] dL/ddyₖ,ⱼ₋₁ - 1[k < 2] dL/ddyₖⱼ",
             "+ 1[k ≥ 1] dL/ddxₖ₋₁,ⱼ - 1[k < 2] dL/ddxₖⱼ",
             "terms beyond the ends are 0"]  # fmt: skip
    assert_in_order(lines, text)


@pytest.mark.parametrize("how", ["comprehension", "mask", "of a value"])
def test_rows_that_a_test_chooses_in_a_loop_that_leaves_out_rounds(how):
    beta, X = ag.tensor(normal(2), requires_grad=True), normal(4, 2)
    times, event, nll = np.array([5.0, 3.0, 8.0, 2.0]), np.array([1, 1, 0, 1]), 0.0
    for i in range(4):
        if event[i]:
            if how == "comprehension":
                risk = sum(np.exp(X[j] @ beta) for j in range(4) if times[j] >= times[i])
            elif how == "mask":
                risk = np.sum(np.exp(X[times >= times[i]] @ beta))
            else:
                risk = np.sum(np.exp((X @ beta)[times >= times[i]]))
            nll = nll - (X[i] @ beta - np.log(risk))
    text = " ".join(str(nll.explain(beta, names={"beta": beta, "X": X, "times": times, "event": event})).split())
    a, rows = ("c", "Xᵀ @ dnll/db") if how == "of a value" else ("b", "Σₜ X[times >= times[iₜ]]ᵀ @ dnll/dbₜ")
    of = "b[times >= times[iₜ]]" if how == "of a value" else "X[times >= times[iₜ]] @ β"
    lines = ["(i1, i2, i3) = (0, 1, 3)", "where event[i]", f"{a}ₜ = {of}", f"nll = -Σₜ (X[iₜ] @ β - logsumexp({a}ₜ))",
             f"dnll/d{a}ₜ = softmax({a}ₜ)", f"dnll/dβ = {rows} - Σₜ X[iₜ]"]  # fmt: skip
    assert_in_order(lines, text)


def test_numbers_of_a_loop_whose_name_ends_in_a_digit_are_numbered():
    x, edges, k, E = ag.tensor(normal(3, 2), requires_grad=True), [(0, 1, 1.0), (1, 2, 0.8), (0, 2, 1.2)], 3.0, 0.0
    for i, j, l0 in edges:
        E = E + 0.5 * k * (np.sqrt(np.sum((x[i] - x[j]) ** 2)) - l0) ** 2
    text = str(E.explain(x, names={"x": x, "k": k}))
    assert "(l0_1, l0_2, l0_3) = (1, 0.8, 1.2)" in text
    assert "E = ½ k Σₜ (‖aₜ‖ - l0ₜ)²" in text


def test_arrays_that_rounds_compute_have_their_numbers():
    X, neighbours, labels = normal(3, 2), [[1, 2], [0], [0, 1]], np.array([0, 1, 1])
    W, L = ag.tensor(normal(2, 2), requires_grad=True), 0.0
    for i in range(3):
        m = sum(X[j] for j in neighbours[i]) / len(neighbours[i])
        z = (X[i] + m) @ W
        p = np.exp(z) / np.sum(np.exp(z))
        L = L - np.log(p[labels[i]])
    text = " ".join(str(L.explain(W, names={"X": X, "labels": labels, "m": m, "W": W})).split())
    lines = ["m0 (2), m1 (2), m2 (2)", "zᵢ = (X[i] + mᵢ) @ W", "dL/dW = Σᵢ (X[i] + mᵢ) @ (dL/dzᵢ)ᵀ"]
    assert_in_order(lines, text)


def test_a_residual_beside_further_terms_keeps_its_factor():
    b, g, d, I, J = *(ag.tensor(v, requires_grad=True) for v in (0.7, 0.3)), np.array([0.2, 0.5, 0.4]), 0.3, 0.0
    for k in range(3):
        new, rec = b * I, g * I
        I = I + new - rec
        J = J + (I - d[k]) ** 2
    text = str(J.explain([b, g], names={"b": b, "g": g, "d": d, "new": new, "rec": rec, "I": I, "J": J}))
    assert "dJ/dIₜ = 2 (Iₜ - d[t-1]) + dJ/dIₜ₊₁ + dJ/drecₜ₊₁ · g + dJ/dnewₜ₊₁ · b" in text


def test_responsibilities_are_r_and_over_squares():
    p, X, D = np.array([0.3, 0.7]), normal(3, 2), np.abs(normal(3, 2))
    s, M = ag.tensor([0.9, 1.2], requires_grad=True), ag.tensor(normal(2, 2), requires_grad=True)
    N = np.exp(-D / s)
    L = -np.sum(np.log(np.sum(p * N, axis=1)))
    assert "dL/dsⱼ = -Σᵢ rᵢⱼ Dᵢⱼ / sⱼ²" in str(L.explain(s, names={"p": p, "D": D, "s": s, "N": N}))
    dist = np.sum((X[:, None] - M) ** 2, axis=2)
    N = np.exp(-dist / (2 * s**2)) / (2 * np.pi * s**2)
    L = -np.sum(np.log(np.sum(p * N, axis=1)))
    text = str(L.explain([s, M], names={"X": X, "p": p, "s": s, "M": M, "dist": dist, "N": N}))
    assert "dL/dsⱼ = (2 Σᵢ rᵢⱼ - Σᵢ rᵢⱼ distᵢⱼ / sⱼ²) / sⱼ" in text


def test_a_size_and_a_number_that_is_equal_are_two():
    def loss(s, X):
        a = X.shape[1] * s
        return np.sum(X**2) / np.exp(2 * s) + a

    text = str(ag.trace(loss, 0.2, normal(3, 2)).explain("s"))
    assert "a = n s" in text
    assert "L = b / exp(2 s) + a" in text
    X = normal(3, 2)
    w, Xc = ag.tensor(normal(2), requires_grad=True), X - X.mean(axis=0)
    assert "n = 3," in str((np.sum((Xc @ w) ** 2) / len(X)).explain(w, names={"Xc": Xc, "w": w}))


@pytest.mark.parametrize("number", [float, np.array])
def test_what_the_first_round_computes_of_a_state_of_numbers_is_as_in_the_others(number):
    k, x, v, h = ag.tensor(1.3, requires_grad=True), number(1.0), number(0.3), 0.5
    for _ in range(3):
        a = -k * (x + h / 2 * v)
        x, v = x + h * v, v + h * a
    text = str(((x - 0.5) ** 2).explain(k, names={"k": k, "x": x, "v": v, "h": h, "a": a}))
    assert "aₜ = -k (xₜ₋₁ + h vₜ₋₁ / 2) " in text
    assert "dL/dk = -Σₜ dL/daₜ · (xₜ₋₁ + h vₜ₋₁ / 2)" in text


def test_a_loop_over_parameters_in_a_loop_over_data_has_a_line_for_each():
    def loss(W1, W2, X, Y):
        L = 0
        for i in range(len(X)):
            for W in (W1, W2):
                L = L + np.sum((X[i] @ W - Y[i]) ** 2)
        return L

    text = " ".join(str(ag.trace(loss, normal(2, 2), normal(2, 2), normal(3, 2), normal(3, 2)).explain()).split())
    lines = ["aᵢ = X[i] @ W1 - Y[i] 2 i = 0 … 2", "bᵢ = X[i] @ W2 - Y[i] 2 i = 0 … 2", "L = Σᵢ (Σ aᵢ² + Σ bᵢ²)",
             "dL/dW2 = Σᵢ X[i] @ (dL/dbᵢ)ᵀ"]  # fmt: skip
    assert_in_order(lines, text)


def test_a_number_in_the_only_round_of_a_case_has_its_name():
    x, w, L = np.array([1.0, 2.0, 3.0, 4.0]), ag.tensor(0.5, requires_grad=True), 0.0
    for i in range(4):
        if x[i] > 1.5:
            L = L + (w * x[i] - 1) ** 2
        else:
            L = L + np.abs(w * x[i])
    text = str(L.explain(w, names={"x": x, "w": w}))
    assert "L = |w x[0]| + Σₜ (w x[t-1] - 1)²" in text
    assert "dL/dw = sign(w x[0]) x[0] + 2 Σₜ (w x[t-1] - 1) x[t-1]" in text


def test_each_case_has_the_entries_of_its_own_rounds():
    w, x, L = ag.tensor(0.3, requires_grad=True), np.array([2.0, 2.0, 4.0, 4.0]), 0.0
    for i in range(4):
        L = L + (w * x[i] if i % 2 == 0 else w * w * x[i])
    assert "L = w x[0] + w² x[1] + w x[2] + w² x[3]" in str(L.explain(w, names={"w": w, "x": x}))
    N, L = [2.0, 0.0, 4.0], 0.0
    for i in range(3):
        f = 1.0 / N[i] if N[i] > 0 else 0.5
        L = L + f * (w - N[i]) ** 2
    assert "L = Σᵢ where(N[i] > 0, 1 / N[i], ½) (w - N[i])²" in str(L.explain(w, names={"w": w, "N": N}))


def test_labels_that_several_calls_are_passed_have_the_callers_names():
    class DistMult:
        def __init__(self, entity, relation):
            self.entity, self.relation = entity, relation

        def triple_score(self, h, r, t):
            return np.sum(self.entity[h] * self.relation[r] * self.entity[t], axis=-1)

        def triple_loss(self, heads, rels, tails, corrupted):
            good, bad = self.triple_score(heads, rels, tails), self.triple_score(heads, rels, corrupted)
            return np.mean(np.log(1 + np.exp(-good)) + np.log(1 + np.exp(bad)))

    heads, rels, tails = np.array([0, 1, 4]), np.array([0, 2, 1]), np.array([1, 3, 0])
    corrupted = np.array([2, 0, 3])
    entity, relation = (ag.tensor(RNG.normal(size=s), requires_grad=True) for s in ((5, 2), (3, 2)))
    text = str(ag.explain(DistMult(entity, relation).triple_loss(heads, rels, tails, corrupted)))
    assert "heads (3), rels (3), tails (3), corrupted (3)" in text
    assert text.count("= entity[heads] ") == 1  # both calls read the same rows
    assert "Σᵢ 1[headsᵢ = k]" in text


def test_what_an_argument_of_a_helper_is_by_default_has_its_name():
    X, pairs = np.array([[0.0, 3, 1], [2, 0, 7]]), [(0, 1), (0, 2), (1, 2)]

    def weight(count, largest=6.0, power=0.75):
        return min(1.0, (count / largest) ** power)

    w = ag.tensor(RNG.normal(size=(2, 3)), requires_grad=True, name="w")
    L = sum(weight(X[i, j]) * (w[i, j] - np.log(X[i, j])) ** 2 for i, j in pairs)
    text = str(ag.explain(L))
    assert "power = 0.75, largest = 6" in text
    assert "min(1, (X[iₜ, jₜ] / largest)^power)" in text


def test_an_array_of_ones_is_written_alike_in_each_call():
    def transition(length):
        decay = np.exp(-length)
        return decay * np.eye(3) + (1 - decay) / 3 * np.ones((3, 3))

    def loss(t, u):
        return np.sum(transition(t) ** 2) + np.sum(transition(u) ** 3)

    text = str(ag.trace(loss, 0.3, 0.5).explain())
    assert "np.ones" not in text
    assert "decay1 I + (1 - decay1) / 3" in text
    assert "decay2 I + (1 - decay2) / 3" in text
    a, b = (ag.tensor(x, requires_grad=True) for x in (2.0, 3.0))
    text = str(ag.explain(np.sum(np.exp(a * np.ones(3))) + np.sum(np.exp(b * np.ones(3)))))
    assert "a np.ones(3)" in text
    assert "b np.ones(3)" in text  # a sum of three, not exp(b)
