"""A graph convolution with labelled nodes. As in Kipf and Welling, Semi-Supervised Classification, 3.1."""

import numpy as np

import autograd_lite as ag

A = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
d = np.sum(A, axis=1)
N = A / np.sqrt(d[:, None] * d[None, :])
X, nodes, y = np.array([[2.0, -2.6], [0.4, -0.6], [-0.5, -0.2], [-2.0, -0.2]]), np.array([0, 3]), np.array([0, 1])
W1 = ag.tensor([[0.3, 0.8, 0.3], [-1.3, 0.9, 0.4]], requires_grad=True)
W2 = ag.tensor([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1]], requires_grad=True)

H = np.maximum(0, N @ X @ W1)
P = ag.softmax(N @ H @ W2, axis=1)
L = -np.mean(np.log(P[nodes, y]))
