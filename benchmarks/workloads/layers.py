"""A classifier, 784 - 256 - 128 - 10 in float32: relu, softmax cross-entropy, batches of 64, one SGD step.

Nearly all of the time is matrix products; the library may add copies and gradients that are not needed.
"""

from itertools import pairwise

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

SIZES = (784, 256, 128, 10)
RATE = 0.05


def data(rng, small):
    batch = 8 if small else 64
    drawn = {
        "x": rng.uniform(size=(batch, SIZES[0])).astype(np.float32),
        "labels": rng.integers(0, SIZES[-1], size=batch),
    }
    for i, (n, m) in enumerate(pairwise(SIZES), 1):
        drawn[f"W{i}"] = (rng.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32)
        drawn[f"b{i}"] = np.zeros(m, np.float32)
    return drawn


def hand(x, labels, W1, b1, W2, b2, W3, b3):
    H1 = x @ W1
    H1 += b1
    np.maximum(H1, 0, out=H1)
    H2 = H1 @ W2
    H2 += b2
    np.maximum(H2, 0, out=H2)
    Z = H2 @ W3
    Z += b3

    rows = np.arange(len(x))
    Z -= Z.max(axis=1, keepdims=True)
    picked = Z[rows, labels]
    G = np.exp(Z, out=Z)
    total = G.sum(axis=1, keepdims=True)
    L = np.mean(np.log(total[:, 0]) - picked)

    G /= total
    G[rows, labels] -= 1
    G *= np.float32(1 / len(x))
    dW3, db3 = H2.T @ G, G.sum(axis=0)
    G = G @ W3.T
    G *= H2 > 0
    dW2, db2 = H1.T @ G, G.sum(axis=0)
    G = G @ W2.T
    G *= H1 > 0
    dW1, db1 = x.T @ G, G.sum(axis=0)

    for p, dp in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2), (W3, dW3), (b3, db3)):
        dp *= RATE
        p -= dp
    return L


def ours(x, labels, W1, b1, W2, b2, W3, b3):
    H1 = ag.relu(x @ W1 + b1)
    H2 = ag.relu(H1 @ W2 + b2)
    Z = H2 @ W3 + b3
    L = ag.mean(ag.logsumexp(Z, axis=1) - Z[np.arange(len(x)), labels])
    L.backward()
    with ag.no_grad():
        for p in (W1, b1, W2, b2, W3, b3):
            p -= RATE * p.grad
            p.zero_grad()
    return L


WORKLOAD = Workload("layers", "784-256-128-10, batch 64, float32", 1.1, hand, ours, data,
                    ("W1", "b1", "W2", "b2", "W3", "b3"), 1e-5, jit_target=0.88)  # fmt: skip
