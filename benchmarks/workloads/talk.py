"""The talk's net, 1x3 - 4 - 1: sigmoid, sigmoid, half squared error, one step of gradient descent.

It is so small that only calls count: what the library adds to each operation.
"""

import numpy as np

import autograd_lite as ag
from benchmarks.workload import Workload


def data(rng, small):
    return {
        "x": np.array([[0.0, 1.0, 1.0]]),
        "y": np.array([[1.0]]),
        "V": rng.normal(size=(3, 4)),
        "W": rng.normal(size=(4, 1)),
    }


def hand(x, y, V, W):
    B = 1 / (1 + np.exp(-np.dot(x, V)))
    P = 1 / (1 + np.exp(-np.dot(B, W)))
    e = P - y
    L = 0.5 * e * e
    dLdC = e * P * (1 - P)
    dLdA = np.dot(dLdC, W.T) * B * (1 - B)
    W -= np.dot(B.T, dLdC)
    V -= np.dot(x.T, dLdA)
    return L


def ours(x, y, V, W):
    B = ag.sigmoid(x @ V)
    P = ag.sigmoid(B @ W)
    L = 0.5 * (y - P) ** 2
    L.backward()
    with ag.no_grad():
        V -= V.grad
        W -= W.grad
    V.zero_grad()
    W.zero_grad()
    return L


WORKLOAD = Workload("talk", "talk's net 1x3-4-1, one SGD step", 2.5, hand, ours, data, ("V", "W"), jit_target=0.35)
