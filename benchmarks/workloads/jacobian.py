"""The Jacobian of a net of three layers, 64-128-128-10, at one point: ten backward passes as one batch.

By hand the chain of matrices is multiplied from the left, where it has ten rows.
"""

from itertools import pairwise

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    sizes = (6, 5, 4, 3) if small else (64, 128, 128, 10)
    layers = list(pairwise(sizes))
    weights = {f"W{k}": rng.normal(size=pair) / np.sqrt(pair[0]) for k, pair in enumerate(layers, 1)}
    biases = {f"b{k}": rng.normal(size=n) for k, (_, n) in enumerate(layers, 1)}
    return {"x": rng.normal(size=sizes[0]), **weights, **biases}


def net(x, W1, W2, W3, b1, b2, b3):
    return np.tanh(np.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3


def hand(x, W1, W2, W3, b1, b2, b3):
    h1 = np.tanh(np.dot(x, W1) + b1)
    h2 = np.tanh(np.dot(h1, W2) + b2)
    J = W3.T * (1 - h2 * h2)
    J = np.dot(J, W2.T)
    J *= 1 - h1 * h1
    return np.dot(J, W1.T)


ours = ag.jacrev(net)

WORKLOAD = Workload("jacobian", "Jacobian of a net 64-128-128-10", 20.0, hand, ours, data, jit_target=10)
