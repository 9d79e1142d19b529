"""Principal components as an autoencoder. As in Bishop, PRML, 12.1.2."""

import numpy as np

import autograd_lite as ag

n, X = 5, np.array([[2.0, -2.6, 0.4], [-0.6, -0.5, -0.2], [-2.0, -0.2, -0.9], [3.3, 0.2, -0.4], [-0.3, -0.7, -1.1]])
W = ag.tensor([[0.3, 0.8], [0.3, -1.3], [0.9, 0.4]], requires_grad=True)

Z = X @ W
Xhat = Z @ W.T
L = np.sum((X - Xhat) ** 2) / n
