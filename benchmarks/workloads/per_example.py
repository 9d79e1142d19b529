"""784-256-128-10, batch 64, float32: the gradient of the loss of each example, for all parameters.

The results have 64 times the size of the parameters, 60 MB. Filling so much memory takes longer than the gradient of
the whole batch: ``python -m benchmarks.per_example_gradients`` prints by how much.
"""

from itertools import pairwise

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    sizes, batch = ((6, 5, 4, 3), 4) if small else ((784, 256, 128, 10), 64)
    layers = list(pairwise(sizes))
    weights = {f"W{k}": (rng.normal(size=pair) / 28).astype(np.float32) for k, pair in enumerate(layers, 1)}
    biases = {f"b{k}": rng.normal(size=n).astype(np.float32) for k, (_, n) in enumerate(layers, 1)}
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    return {"x": x, "labels": rng.integers(0, sizes[-1], batch), **weights, **biases}


def loss(parameters, x, label):
    W1, W2, W3, b1, b2, b3 = parameters
    scores = np.maximum(np.maximum(x @ W1 + b1, 0) @ W2 + b2, 0) @ W3 + b3
    return ag.logsumexp(scores) - scores[label]


def hand(x, labels, W1, W2, W3, b1, b2, b3):
    z1 = np.dot(x, W1) + b1
    h1 = np.maximum(z1, 0)
    z2 = np.dot(h1, W2) + b2
    h2 = np.maximum(z2, 0)
    scores = np.dot(h2, W3) + b3
    g3 = np.exp(scores - scores.max(1, keepdims=True))
    g3 /= g3.sum(1, keepdims=True)
    g3[np.arange(len(x)), labels] -= 1
    g2 = np.dot(g3, W3.T) * (z2 > 0)
    g1 = np.dot(g2, W2.T) * (z1 > 0)
    pairs = ((x, g1), (h1, g2), (h2, g3))
    return (*(np.multiply(h[:, :, None], g[:, None, :]) for h, g in pairs), g1, g2, g3)


each_gradient = ag.vmap(ag.grad(loss), in_axes=(None, 0, 0))


def ours(x, labels, W1, W2, W3, b1, b2, b3):
    return each_gradient((W1, W2, W3, b1, b2, b3), x, labels)


WORKLOAD = Workload("per_example", "gradients of 64 examples, 784-256-128-10", 1.0, hand, ours, data, (), 1e-5)
