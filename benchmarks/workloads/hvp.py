"""Logistic regression, 1000 x 200: the Hessian times a vector, as a Newton-CG step asks for it.

Both versions make three products with the data; by hand, the loss itself is not computed.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    samples, features = (50, 8) if small else (1000, 200)
    return {
        "X": rng.normal(size=(samples, features)),
        "y": rng.choice([-1.0, 1.0], size=samples),
        "w": rng.normal(size=features) / np.sqrt(features),
        "v": rng.normal(size=features),
    }


def loss(w, X, y):
    return np.sum(np.logaddexp(0, -y * (X @ w)))


def hand(X, y, w, v):
    p = 1 / (1 + np.exp(np.dot(X, w)))
    p *= 1 - p  # sigmoid' is even, so the signs of the labels drop out
    p *= np.dot(X, v)
    return np.dot(p, X)


hessian_times = ag.hvp(loss)


def ours(X, y, w, v):
    return hessian_times(w, v, X, y)


WORKLOAD = Workload("hvp", "logistic-regression hvp, 1000x200", 2.5, hand, ours, data, jit_target=0.8)
