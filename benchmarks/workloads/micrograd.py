"""The net of micrograd's demo, 2 - 16 - 16 - 1 on 100 points: relu, max-margin loss, L2 penalty, one SGD step.

micrograd makes a node for every number; in both versions here a layer is one matrix product.
"""

from itertools import pairwise

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

SIZES = (2, 16, 16, 1)
PENALTY = 1e-4
RATE = 0.5


def data(rng, small):
    x = rng.normal(size=(100, 2))
    drawn = {"x": x, "y": np.where(x[:, :1] * x[:, 1:] > 0, 1.0, -1.0)}
    for i, (n, m) in enumerate(pairwise(SIZES), 1):
        drawn[f"W{i}"] = rng.uniform(-1, 1, size=(n, m))
        drawn[f"b{i}"] = np.zeros(m)
    return drawn


def hand(x, y, W1, b1, W2, b2, W3, b3):
    H1 = np.dot(x, W1)
    H1 += b1
    np.maximum(H1, 0, out=H1)
    H2 = np.dot(H1, W2)
    H2 += b2
    np.maximum(H2, 0, out=H2)
    score = np.dot(H2, W3)
    score += b3
    margin = 1 - y * score
    L = np.mean(np.maximum(margin, 0))
    L += PENALTY * sum(np.vdot(p, p) for p in (W1, b1, W2, b2, W3, b3))

    G = y * (margin > 0)
    G *= -1 / len(x)
    dW3, db3 = np.dot(H2.T, G), G.sum(axis=0)
    G = np.dot(G, W3.T)
    G *= H2 > 0
    dW2, db2 = np.dot(H1.T, G), G.sum(axis=0)
    G = np.dot(G, W2.T)
    G *= H1 > 0
    dW1, db1 = np.dot(x.T, G), G.sum(axis=0)

    for p, dp in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2), (W3, dW3), (b3, db3)):
        dp += 2 * PENALTY * p
        dp *= RATE
        p -= dp
    return L


def ours(x, y, W1, b1, W2, b2, W3, b3):
    parameters = (W1, b1, W2, b2, W3, b3)
    H1 = ag.relu(x @ W1 + b1)
    H2 = ag.relu(H1 @ W2 + b2)
    score = H2 @ W3 + b3
    L = ag.mean(ag.relu(1 - y * score)) + PENALTY * sum(ag.sum(p * p) for p in parameters)
    L.backward()
    with ag.no_grad():
        for p in parameters:
            p -= RATE * p.grad
            p.zero_grad()
    return L


WORKLOAD = Workload("micrograd", "micrograd's demo net 2-16-16-1, 100 points", 2.5, hand, ours, data,
                    ("W1", "b1", "W2", "b2", "W3", "b3"), jit_target=0.45)  # fmt: skip
