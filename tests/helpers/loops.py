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
