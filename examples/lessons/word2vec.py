"""Word vectors with negative samples. As in Mikolov et al., Distributed Representations of Words, 2.2."""

import numpy as np

import autograd_lite as ag

w, c, neg = np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([[4, 5], [0, 5], [1, 4]])
E = ag.tensor([
    [0.3, 0.8, 0.3],
    [-1.3, 0.9, 0.4],
    [-0.5, 0.6, 0.4],
    [0.3, 0.0, 0.5],
    [-0.7, -0.2, -0.5],
    [0.6, 0.0, -0.3],
], requires_grad=True)
C = ag.tensor([
    [0.2, -0.5, -0.4],
    [-2.4, 1.8, 1.1],
    [-0.3, 0.8, 0.3],
    [-0.6, 1.0, -0.3],
    [-0.3, -0.8, 0.5],
    [-0.1, 0.5, -0.6],
], requires_grad=True)

u = E[w]
v = C[c]
vn = C[neg]
pos = np.sum(u * v, axis=1)
s = np.einsum("ik,ijk->ij", u, vn)
L = -np.mean(np.log(ag.sigmoid(pos)) + np.sum(np.log(ag.sigmoid(-s)), axis=1))
