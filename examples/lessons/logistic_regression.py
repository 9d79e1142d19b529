"""Logistic regression. As in Bishop, PRML, 4.3.2."""

import numpy as np

import autograd_lite as ag

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
n, t = 4, np.array([1.0, 0.0, 1.0, 0.0])
w = ag.tensor([0.3, 0.8], requires_grad=True)
b = ag.tensor(0.1, requires_grad=True)

z = X @ w + b
P = ag.sigmoid(z)
L = -np.sum(t * np.log(P) + (1 - t) * np.log(1 - P)) / n
