"""A multiclass support vector machine. As in Crammer and Singer, Multiclass Kernel-based Vector Machines, 3."""

import numpy as np

import autograd_lite as ag

X, y, lam = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1], [-0.3, 0.8]]), np.array([0, 2, 1, 2]), 0.1
W = ag.tensor([[0.3, 0.8, 0.3], [-1.3, 0.9, 0.4]], requires_grad=True)

S = X @ W
i = np.arange(4)
m = S - S[i, y][:, None] + 1
m = ag.set_at(m, (i, y), 0.0)
L = np.sum(np.maximum(0, m)) + lam * np.sum(W**2)
