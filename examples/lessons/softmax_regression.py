"""Softmax regression, one-hot labels. As in Bishop, PRML, 4.3.4."""

import numpy as np

import autograd_lite as ag

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
n, Y = 4, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
W = ag.tensor([[0.2, -0.5, -0.4], [-2.4, 1.8, 1.1]], requires_grad=True)
b = ag.tensor([2.0, -2.6, 0.4], requires_grad=True)

S = X @ W + b
P = ag.softmax(S, axis=1)
L = -np.sum(Y * np.log(P)) / n
