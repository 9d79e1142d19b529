"""A polynomial of 10 coefficients through 200 points: half the sum of the squared errors, and its gradient."""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    t = np.linspace(-1, 1, 20 if small else 200)
    return {"c": rng.normal(size=10), "t": t, "y": np.sign(t)}


def hand(c, t, y):
    T = np.empty((len(c), len(t)))
    T[0] = 1
    for k in range(1, len(c)):
        np.multiply(T[k - 1], t, out=T[k])
    e = np.dot(c, T)
    e -= y
    return 0.5 * np.dot(e, e), np.dot(T, e)


def error(c, t, y):
    e = sum(c[k] * t**k for k in range(len(c))) - y
    return 0.5 * np.sum(e * e)


def ours(c, t, y):
    return ag.value_and_grad(error)(c, t, y)


WORKLOAD = Workload("least_squares", "polynomial least squares, 10 coefficients, 200 points", 0, hand, ours, data)
