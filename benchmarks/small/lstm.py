"""An LSTM of 16 units over 100 steps of 8 inputs: half the squared error of the last state, and its gradients."""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

UNITS, INPUTS = 16, 8


def data(rng, small):
    return {
        "X": rng.normal(size=(5 if small else 100, INPUTS)),
        "y": rng.normal(size=UNITS),
        "W": 0.3 * rng.normal(size=(INPUTS, 4 * UNITS)),
        "U": 0.3 * rng.normal(size=(UNITS, 4 * UNITS)),
        "b": np.zeros(4 * UNITS),
    }


def hand(X, y, W, U, b):
    steps, n = len(X), UNITS
    Z = np.dot(X, W)
    Z += b
    G, C, H = np.empty((steps, 4 * n)), np.zeros((steps + 1, n)), np.zeros((steps + 1, n))
    T = np.empty((steps, n))
    for t in range(steps):
        z = Z[t] + np.dot(H[t], U)
        a = G[t]
        np.tanh(z[2 * n : 3 * n], out=a[2 * n : 3 * n])
        a[: 2 * n] = 1 / (1 + np.exp(-z[: 2 * n]))
        a[3 * n :] = 1 / (1 + np.exp(-z[3 * n :]))
        C[t + 1] = a[n : 2 * n] * C[t] + a[:n] * a[2 * n : 3 * n]
        np.tanh(C[t + 1], out=T[t])
        H[t + 1] = a[3 * n :] * T[t]
    e = H[-1] - y
    D = np.empty((steps, 4 * n))
    dh, dc = e, np.zeros(n)
    for t in reversed(range(steps)):
        i, f, g, o = G[t].reshape(4, n)
        dc = dc + dh * o * (1 - T[t] * T[t])
        D[t, :n] = dc * g * i * (1 - i)
        D[t, n : 2 * n] = dc * C[t] * f * (1 - f)
        D[t, 2 * n : 3 * n] = dc * i * (1 - g * g)
        D[t, 3 * n :] = dh * T[t] * o * (1 - o)
        dh, dc = np.dot(U, D[t]), dc * f
    return 0.5 * np.dot(e, e), np.dot(X.T, D), np.dot(H[:-1].T, D), D.sum(axis=0)


def loss(X, y, W, U, b):
    def step(state, x):
        h, c = state
        z = x @ W + h @ U + b
        i, f, g, o = np.split(z, 4)
        c = ag.sigmoid(f) * c + ag.sigmoid(i) * np.tanh(g)
        return (ag.sigmoid(o) * np.tanh(c), c), None

    (h, _), _ = ag.scan(step, (np.zeros(UNITS), np.zeros(UNITS)), X)
    return 0.5 * np.sum((h - y) ** 2)


def ours(*arguments):
    value, gradients = ag.value_and_grad(loss, (2, 3, 4))(*arguments)
    return value, *gradients


WORKLOAD = Workload("lstm", "LSTM of 16 units, 100 steps", 0, hand, ours, data)
