"""A two-layer tanh net. As in Bishop, PRML, 5.3.2."""

import numpy as np

import autograd_lite as ag

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
n, y = 4, np.array([[-0.7], [-0.2], [1.7], [0.7]])
W1 = ag.tensor([[-0.8, -1.3, -0.2], [0.4, 1.1, 0.1]], requires_grad=True)
b1 = ag.tensor([1.1, 1.8, -2.6], requires_grad=True)
W2 = ag.tensor([[0.0], [0.3], [-0.3]], requires_grad=True)
b2 = ag.tensor([0.0], requires_grad=True)

H = np.tanh(X @ W1 + b1)
P = H @ W2 + b2
L = np.sum((P - y) ** 2) / n
