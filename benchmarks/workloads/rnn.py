"""A tanh recurrent net, 50 steps, hidden 64, batch 16: squared error at the last step, one step of gradient descent.

Three weights are used fifty times each, so their gradients are sums of fifty products.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

INPUTS, HIDDEN, BATCH = 32, 64, 16
RATE = 0.01


def data(rng, small):
    steps = 4 if small else 50
    return {
        "x": rng.normal(size=(steps, BATCH, INPUTS)),
        "y": rng.normal(size=(BATCH, 1)),
        "U": rng.normal(size=(INPUTS, HIDDEN)) / np.sqrt(INPUTS),
        "V": rng.normal(size=(HIDDEN, HIDDEN)) / np.sqrt(HIDDEN),
        "b": np.zeros(HIDDEN),
        "W": rng.normal(size=(HIDDEN, 1)) / np.sqrt(HIDDEN),
    }


def hand(x, y, U, V, b, W):
    H = np.empty((len(x) + 1, BATCH, HIDDEN))
    H[0] = 0
    for t in range(len(x)):
        z = np.dot(x[t], U)
        z += np.dot(H[t], V)
        z += b
        np.tanh(z, out=H[t + 1])
    e = np.dot(H[-1], W)
    e -= y
    L = np.mean(e * e)

    e *= 2 / BATCH
    dW = np.dot(H[-1].T, e)
    dU, dV, db = np.zeros_like(U), np.zeros_like(V), np.zeros_like(b)
    g = np.dot(e, W.T)
    for t in reversed(range(len(x))):
        h = H[t + 1]
        g *= 1 - h * h
        dU += np.dot(x[t].T, g)
        dV += np.dot(H[t].T, g)
        db += g.sum(axis=0)
        g = np.dot(g, V.T)

    for p, dp in ((U, dU), (V, dV), (b, db), (W, dW)):
        dp *= RATE
        p -= dp
    return L


def ours(x, y, U, V, b, W):
    h = np.zeros((BATCH, HIDDEN))
    for t in range(len(x)):
        h = ag.tanh(x[t] @ U + h @ V + b)
    L = ag.mean((h @ W - y) ** 2)
    L.backward()
    with ag.no_grad():
        for p in (U, V, b, W):
            p -= RATE * p.grad
            p.zero_grad()
    return L


WORKLOAD = Workload(
    "rnn", "tanh RNN, 50 steps, hidden 64, batch 16", 1.7, hand, ours, data, ("U", "V", "b", "W"), jit_target=0.6,
)  # fmt: skip
