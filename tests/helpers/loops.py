"""Programs with loops, whose derivations and worksheets are both tested."""

from __future__ import annotations

import numpy as np


def survival(w, alpha, X, times):
    nll = 0.0
    for i in range(len(times)):
        eta = X[i] @ w
        for t in range(times[i]):
            h = 1 / (1 + np.exp(-(alpha[t] + eta)))
            nll = nll - np.log(1 - h)
    return nll


def by_rank(s, order):
    loss = 0.0
    for p in range(len(order) - 1):
        left = s[order[p:]]
        loss = loss + np.log(np.sum(np.exp(left))) - s[order[p]]
    return loss


def backwards(v, r, g):
    loss = 0.0
    for t in reversed(range(4)):
        δ = r[t] + g * v[t + 1] - v[t]
        loss = loss + 0.5 * δ**2
    return loss


def predicted(C, u):
    total, h = 0.0, np.zeros(3)
    for k in range(3):
        h = np.tanh(h + u[k])
        ŷ = C @ h
        total = total + ŷ**2
    return total


def two_views(A, B, tau):
    total = 0.0
    for i in range(len(A)):
        positive = np.exp(A[i] @ B[i] / tau)
        everything = 0.0
        for j in range(len(B)):
            everything = everything + np.exp(A[i] @ B[j] / tau)
            if j != i:
                everything = everything + np.exp(A[i] @ A[j] / tau)
        total = total - np.log(positive / everything)
    return total


def without_own(Z):
    total = 0
    for i in range(4):
        z = 0
        for j in range(4):
            if j != i:
                z = z + np.exp(Z[i] @ Z[j])
        total = total + np.log(z)
    return total


def excitation(beta, times):
    total = 0.0
    for i in range(1, len(times)):
        total += np.log(sum(np.exp(-beta * (times[i] - times[j])) for j in range(i)))
    return total


def offsets(bu, ratings):
    L = 0
    for u, i, r in ratings:
        e = r - 3.4 * i - bu[u]
        L = L + e**2
    return L


def by_lists_of_neighbours(W, F):
    states = [np.tanh(sum(F[u] @ W for u in near)) for near in ([1, 2], [0, 2, 3], [0], [1, 0])]
    pooled = sum(states) / len(states)
    return np.sum(pooled**2)


def scalar_layers(w, b, x):
    z = x
    for k in range(3):
        z = np.tanh(z * w[k] + b[k])
    return np.sum(z**2)
