"""The talk's handwritten digits, 784 - 50 - 10: one image at a time, half squared error, one step of gradient descent.

Half of the time is arithmetic (two outer products and two updates), and half is calls.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload

RATE = 0.1


def data(rng, small):
    return {
        "x": rng.uniform(size=(1, 784)),
        "y": np.eye(10)[[3]],
        "V": rng.normal(size=(784, 50)) / 28,
        "W": rng.normal(size=(50, 10)) / 7,
    }


def hand(x, y, V, W):
    B = 1 / (1 + np.exp(-np.dot(x, V)))
    P = 1 / (1 + np.exp(-np.dot(B, W)))
    e = P - y
    L = 0.5 * np.sum(e * e)
    dLdC = e * P * (1 - P)
    dLdA = np.dot(dLdC, W.T) * B * (1 - B)
    dLdW = np.dot(B.T, dLdC)
    dLdV = np.dot(x.T, dLdA)  # np.multiply(x.T, dLdA) gives the same numbers in two and a half times the time
    dLdW *= RATE
    dLdV *= RATE
    W -= dLdW
    V -= dLdV
    return L


def ours(x, y, V, W):
    B = ag.sigmoid(x @ V)
    P = ag.sigmoid(B @ W)
    L = 0.5 * ag.sum((y - P) ** 2)
    L.backward()
    with ag.no_grad():
        V -= RATE * V.grad
        W -= RATE * W.grad
    V.zero_grad()
    W.zero_grad()
    return L


WORKLOAD = Workload("digits", "784-50-10, batch 1, per-example SGD", 1.7, hand, ours, data, ("V", "W"), jit_target=0.85)
