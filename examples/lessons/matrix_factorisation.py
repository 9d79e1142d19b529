"""Matrix factorisation with missing ratings. As in Koren et al., Matrix Factorization Techniques."""

import numpy as np

import autograd_lite as ag

R = np.array([[5.0, 3.0, 0.0], [4.0, 0.0, 1.0], [0.0, 1.0, 5.0], [2.0, 0.0, 4.0]])
M = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
lam = 0.1
U = ag.tensor([[0.3, 0.8], [0.3, -1.3], [0.9, 0.4], [-0.5, 0.6]], requires_grad=True)
V = ag.tensor([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1]], requires_grad=True)

E = M * (R - U @ V.T)
L = 0.5 * np.sum(E**2) + 0.5 * lam * (np.sum(U**2) + np.sum(V**2))
