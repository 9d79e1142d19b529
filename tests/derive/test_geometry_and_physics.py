"""Programs of metric learning, optimisation and physics as learners write them, and what a textbook has for each."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(size=shape)


def unit(v):
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def logsumexp(s, axis):
    top = s.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(s - top), axis=axis))


def symmetric_infonce(A, B, tau):
    S = unit(A) @ unit(B).T / tau
    i = np.arange(len(S))
    rows, columns = logsumexp(S, 1) - S[i, i], logsumexp(S, 0) - np.diag(S)
    return 0.5 * (rows.mean() + columns.mean())


def diagonal(S):
    d = np.diag(S @ S)
    return d.mean()


def positives(S):
    n = len(S)
    d = S[np.arange(n), np.arange(n)]
    return np.mean(np.maximum(0, 1 + S - d[:, None]))


def triplet(W, x, p, q):
    a, b, c = x @ W, p @ W, q @ W
    near = np.sum((a - b) ** 2, axis=1)
    return np.mean(np.maximum(0, near - np.sum((a - c) ** 2, axis=1) + 0.5))


def rotated(q, pts):
    w, x, y, z = q
    R = np.stack([
        np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]),
        np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]),
        np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]),
    ])
    return np.sum((pts @ R.T) ** 3)


def reach(a, b):
    l1, l2 = 1.0, 0.8
    x, y = l1 * np.cos(a) + l2 * np.cos(a + b), l1 * np.sin(a) + l2 * np.sin(a + b)
    return (x - 1.2) ** 2 + (y - 0.7) ** 2


def contrastive(d, same):
    m = 1.0
    return np.sum(same * d**2 + (1 - same) * np.clip(m - d, 0, None) ** 2)


def huber(r, limit):
    return np.where(np.abs(r) <= limit, 0.5 * r**2, limit * (np.abs(r) - 0.5 * limit))


def robust(b, X, y):
    r = y - X @ b
    return huber(r, 1.25).sum()


def powers(b):
    return np.linalg.norm(b, ord=3) + np.sum(np.linalg.norm(np.stack([b, 2 * b]), 4, axis=1))


def root(x):
    return np.sum(np.where(x > 0, x * np.sqrt(np.abs(x)), 0) ** 2)


def logistic_map(r, x0, seen):
    x, loss = x0, 0.0
    for t in range(3):
        x = r * x * (1 - x)
        loss = loss + (x - seen[t]) ** 2
    return loss


def growth(y, r, K):
    return r * y * (1 - y / K)


def runge_kutta(y, h, r, K):
    k1 = growth(y, r, K)
    k2 = growth(y + 0.5 * h * k1, r, K)
    k3 = growth(y + 0.5 * h * k2, r, K)
    k4 = growth(y + h * k3, r, K)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def ode(r, K, y0, seen):
    y, loss = y0, 0.0
    for d in seen:
        y = runge_kutta(y, 0.25, r, K)
        loss = loss + (y - d) ** 2
    return loss


def springs(k, x0, target):
    dt, x, v = 0.05, x0, np.zeros(3)
    for _ in range(3):
        f = k * (x[1:] - x[:-1] - 1.0)
        F = np.concatenate([f, [0.0]]) - np.concatenate([[0.0], f])
        v = v + dt * F
        x = x + dt * v
    return np.sum((x - target) ** 2)


def wave(c, u0, u1, target):
    dt, dx = 0.1, 0.2
    for _ in range(3):
        lap = (np.roll(u1, -1) - 2 * u1 + np.roll(u1, 1)) / dx**2
        u2 = 2 * u1 - u0 + (c * dt) ** 2 * lap
        u0, u1 = u1, u2
    return np.mean((u1 - target) ** 2)


def pagerank(w, A, target):
    damping, n = 0.85, A.shape[0]
    G = A * np.exp(w)
    P = G / G.sum(axis=0, keepdims=True)
    r = np.ones(n) / n
    for _ in range(3):
        r = damping * P @ r + (1 - damping) / n
    return np.sum((r - target) ** 2)


def labelled_nodes(Z, labels, train):
    logp = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
    return -logp[train, labels[train]].mean()


def rotation(theta, P, Q):
    R = np.stack([np.stack([np.cos(theta), -np.sin(theta)]), np.stack([np.sin(theta), np.cos(theta)])])
    return np.sum((P @ R.T - Q) ** 2)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def angular_momentum(pos, vel):
    ang = pos[0] * vel[1] - pos[1] * vel[0]
    return ang**2


def call(S, strike, rate, vol):
    from scipy.special import erf

    def distribution(x):
        return 0.5 * (1 + erf(x / np.sqrt(2)))

    d1 = np.log(S / strike) / vol
    return S * distribution(d1) - strike * np.exp(-rate) * distribution(d1 - vol)


def margins(W, X, y):
    loss = 0.0
    for i in range(2):
        s = X[i] @ W
        for j in range(3):
            if j != y[i]:
                loss = loss + np.maximum(0, s[j] - s[y[i]] + 1)
    return loss


def sinkhorn(C, a, b):
    eps, f, g = 0.5, np.zeros(3), np.zeros(4)
    for _ in range(2):
        f = eps * (np.log(a) - np.log(np.sum(np.exp((g[None, :] - C) / eps), axis=1)))
        g = eps * (np.log(b) - np.log(np.sum(np.exp((f[:, None] - C) / eps), axis=0)))
    return np.sum(np.exp((f[:, None] + g[None, :] - C) / eps) * C)


#: A function, its arguments, with respect to which it is derived, lines of the text, and what is in none.
def star(y0, rows, cols, image):
    r2 = cols[None, :] ** 2 + (rows[:, None] - y0) ** 2
    return np.sum(image * np.exp(-r2))


PROGRAMS = {
    "InfoNCE": (
        symmetric_infonce, (normal(4, 3), normal(4, 3), np.array(0.5)), "A",
        ["dL/dS = (softmaxⱼ(S) + softmaxᵢ(S) - 2 I) / (2 n)"], ["broadcast_to", "top"],
    ),
    "a mean of a diagonal": (diagonal, (normal(3, 3),), "S", ["dL/dS = 2 Sᵀ / n"], ["broadcast_to"]),
    "positives on the diagonal": (positives, (normal(3, 3),), "S", ["dL/dSᵢⱼ = dL/daᵢⱼ + 1[i = j] dL/ddᵢ"], []),
    "triplet": (
        triplet, (normal(3, 2), *(normal(4, 3) for _ in range(3))), "W",
        ["nearᵢ = ‖aᵢ - bᵢ‖²", "fᵢ = nearᵢ - ‖aᵢ - cᵢ‖² + ½", "dL/dcᵢⱼ = 2 dL/dfᵢ (aᵢⱼ - cᵢⱼ)"], [")² "],
    ),
    "a rotation by a quaternion": (
        rotated, (normal(4), normal(3, 3)), "q",
        ["R = [[1 - 2 (y² + z²), 2 (x y - w z), 2 (x z + w y)], ", "dL/dq = [dL/dw, dL/dx, dL/dy, dL/dz]"], ["stack"],
    ),
    "an arm of two": (
        reach, (np.array(0.3), np.array(0.5)), "a", ["x = l1 cos(a) + l2 cos(a + b)", "-l2 sin(a + b) - l1 sin(a)"], [],
    ),
    "similarities": (
        lambda U: np.sum((U @ U.T / 3 - np.eye(4)) ** 2), (normal(4, 2),), "U",
        ["dL/dU = 2 (dL/da @ U) / 3"], [],
    ),
    "one cross product": (
        lambda v, w, a: a @ np.cross(v, w) / np.linalg.norm(np.cross(v, w)), (normal(3), normal(3), normal(3)), "v",
        ["b = v × w"], ["c = v × w"],
    ),
    "columns": (
        lambda P: np.sum((1 - P[:, 0]) ** 2 + np.exp(P[:, 1] - P[:, 0] ** 2)), (normal(3, 2),), "P",
        ["dL/dP = [-2 dL/db ⊙ P[:, 0] - dL/da, dL/db]"], ["column", "= P[:, 0]"],
    ),
    "distances": (
        lambda P, Q: np.sum(np.exp(-np.linalg.norm(P[:, None] - Q, axis=2))), (normal(2, 2), normal(3, 2)), "P",
        ["L = Σᵢⱼ exp(-‖aᵢⱼ‖)"], ["None"],
    ),
    "squared distances": (
        lambda c, g, X, w: np.sum((np.exp(-g * np.sum((X[:, None, :] - c) ** 2, axis=2)) @ w) ** 2),
        (normal(3, 2), np.array(0.7), normal(4, 2), normal(3)), None, ["= ‖aᵢⱼ‖²"], ["a²"],
    ),
    "biases of users": (
        lambda b, user, r: np.mean((r - b[user] - np.sum(np.outer(b[user], r), axis=1)) ** 2),
        (normal(3), np.array([0, 2, 0]), normal(3)), "b", ["b[user"], ["b[user]ᵢ"],
    ),
    "contrastive": (
        contrastive, (normal(4) ** 2, np.array([1.0, 0, 0, 1])), "d",
        ["dL/dd = 2 (same ⊙ d - (1 - same) ⊙ max(m - d, 0))"], ["1["],
    ),
    "Huber": (robust, (normal(2), normal(5, 2), 2 * normal(5)), "b", ["limit (", "- ½ limit)"], ["0.625", "not "]),
    "norms of other orders": (powers, (normal(2),), "b", ["‖b‖₃", "₄"], ["‖b‖ "]),
    "a case at its end": (
        root, (np.array([1.0, 0.0, -1.0]),), "x", ["where(x > 0, ", "check"], ["nan", "not confirmed"],
    ),
    "logistic map": (
        logistic_map, (np.array(3.1), np.array(0.3), np.array([0.6, 0.7, 0.6])), ["r", "x0"],
        ["dloss/dxₜ₊₁ · r (1 - 2 xₜ)"], ["xₜ - xₜ"],
    ),
    "Runge-Kutta": (
        ode, (np.array(0.8), np.array(2.0), np.array(0.3), np.array([0.5, 0.7, 1.0])), ["r", "y0"],
        ["k1ₜ = r yₜ₋₁ (1 - yₜ₋₁ / K)", "yₜ = yₜ₋₁ + h (k1ₜ + 2 k2ₜ + 2 k3ₜ + k4ₜ) / 6", "= yₜ₋₁ + ½ h k1ₜ"],
        ["0.125", "k1_2"],
    ),
    "springs": (
        springs, (np.array([2.0, 3.0]), normal(3), normal(3)), "k",
        ["Fₜᵢ = fₜᵢ - fₜ,ᵢ₋₁", "dL/dfₜᵢ = dL/dFₜᵢ - dL/dFₜ,ᵢ₊₁", "terms beyond the ends are 0"], ["concatenate"],
    ),
    "wave": (
        wave, (np.array(0.8), normal(5), normal(5), normal(5)), "c",
        ["lap1ᵢ = (u1ᵢ₊₁ - 2 u1ᵢ + u1ᵢ₋₁) / dx²", "u2_2 = 2 u2_1 - u1", "indices wrap around", "u0 (5), u1 (5)"],
        ["roll"],
    ),
    "PageRank": (
        pagerank, (normal(3, 3), np.ones((3, 3)), np.array([0.2, 0.3, 0.5])), "w",
        ["rₜ = damping P @ rₜ₋₁ + (1 - damping) / n", "dL/drₜ = damping Pᵀ @ dL/drₜ₊₁"], [],
    ),
    "labels of some nodes": (
        labelled_nodes, (normal(4, 2), np.array([0, 1, 1, 0]), np.array([0, 1, 3])), "Z",
        ["dL/dZₖ = Σᵢ 1[trainᵢ = k] (softmaxⱼ(Z)ₖ - Yᵢ) / n", "Y = onehot(labels[train])"], ["Σₖ"],
    ),
    "rotation": (
        rotation, (np.array(0.3), normal(4, 2), normal(4, 2)), "theta",
        ["R = [[cos(θ), -sin(θ)], [sin(θ), cos(θ)]]", "(dL/dR[1, 0] - dL/dR[0, 1]) cos(θ)"], ["stack", "]["],
    ),
    "Rosenbrock": (
        rosenbrock, (np.array([-1.2, 1.0]),), "x",
        ["L = (1 - x[0])² + 100 (x[1] - x[0]²)²", ", 200 (x[1] - x[0]²)] since L"], ["entry by entry"],
    ),
    "angular momentum": (
        angular_momentum, (normal(2), normal(2)), "pos",
        ["ang = pos[0] vel[1] - pos[1] vel[0]", "dL/dpos = [dL/dang · vel[1], -dL/dang · vel[0]]"], [" a = "],
    ),
    "Black and Scholes": (
        call, (100.0, 105.0, 0.02, 0.25), "S",
        ["L = S Φ(d1) - strike exp(-rate) Φ(d1 - vol)", "S φ(d1) - strike exp(-rate) φ(d1 - vol)"], ["erf"],
    ),
    "margins in two loops": (
        margins, (normal(2, 3), normal(2, 2), np.array([0, 2])), "W",
        ["Given W (2x3), X (2x2), y (2), with the branches taken for these y", "aᵢ = sᵢ - sᵢ[y[i]] + 1",
         "loss = Σᵢ Σⱼ 1[y[i] ≠ j] max(0, aᵢⱼ)", "dloss/daᵢⱼ = 1[y[i] ≠ j] 1[aᵢⱼ > 0]",
         "dloss/dsᵢₖ = dloss/daᵢₖ - 1[y[i] = k] Σⱼ dloss/daᵢⱼ"], ["elsewhere"],
    ),
    "star": (
        star, (np.array(0.3), normal(3), normal(2), normal(3, 2)), "y0",
        ["dL/dy0 = -2 Σᵢ (rowsᵢ - y0) Σₖ dL/dr2ᵢₖ"], ["Σᵢⱼ"],
    ),
    "Sinkhorn": (
        sinkhorn, (RNG.uniform(size=(3, 4)), np.full(3, 1 / 3), np.full(4, 0.25)), "C",
        ["(gₜ₋₁ - C) / ε 3x4 t = 1 … 2"], ["[None, :]", "ᵢⱼ Σᵢ"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_the_text_is_that_of_a_textbook(case):
    f, args, wrt, lines, none = PROGRAMS[case]
    derivation = ag.trace(f, *args).explain(wrt)
    text = " ".join(str(derivation).split())
    assert [line for line in lines if line not in text] == [], str(derivation)
    assert [line for line in none if line in text] == [], str(derivation)
    assert derivation.check() < 1e-9


@pytest.mark.parametrize("case", ["InfoNCE", "springs", "wave", "margins in two loops", "a case at its end"])
def test_the_source_gives_the_same_gradients(case):
    f, args, *_ = PROGRAMS[case]
    space = {}
    exec(ag.source(f, *args), space)
    places = [k for k, x in enumerate(args) if x.dtype.kind == "f"]
    expected = ag.grad(f, argnums=tuple(places))(*args)
    for g, result in zip(expected, space[f.__name__](*args)[1:], strict=True):
        np.testing.assert_allclose(result, g, rtol=1e-9, atol=1e-12)


def test_factors_sums_and_entries_stand_as_in_the_program():
    def energy(theta, omega, m1, m2, l1, l2):
        g = 9.81
        t1, t2 = theta
        w1, w2 = omega
        both = (l1 * w1) ** 2 + (l2 * w2) ** 2 + 2 * l1 * l2 * w1 * w2 * np.cos(t1 - t2)
        return 0.5 * m1 * (l1 * w1) ** 2 + 0.5 * m2 * both - (m1 + m2) * g * l1 * np.cos(t1) - m2 * g * l2 * np.cos(t2)

    text = str(ag.trace(energy, np.array([0.3, 0.5]), np.array([1.0, -0.5]), 1.0, 2.0, 1.5, 0.8).explain())
    assert "(m1 + m2) g cos(t1)" in text
    assert "m2 + m1" not in text
    assert "since w1 = ω[0], w2 = ω[1]" in text
