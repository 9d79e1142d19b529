"""A support vector machine. As in Bishop, PRML, 7.1.1."""

import numpy as np

import autograd_lite as ag

X = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1], [-0.3, 0.8], [0.3, -0.6]])
y = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
C = 1.0
w = ag.tensor([0.3, 0.8], requires_grad=True)
b = ag.tensor(0.1, requires_grad=True)

m = y * (X @ w + b)
L = 0.5 * w @ w + C * np.sum(np.maximum(0, 1 - m))
