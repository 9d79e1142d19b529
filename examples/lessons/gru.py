"""A GRU of three steps. As in Cho et al., Learning Phrase Representations, 2.3."""

import numpy as np

import autograd_lite as ag

x, h, y = np.array([[-1.7, -1.3], [-1.4, -0.4], [-2.3, -0.2]]), np.zeros(2), 1.0
Wz = ag.tensor([[0.3, 0.8], [0.3, -1.3]], requires_grad=True)
Uz = ag.tensor([[0.2, -0.5], [-0.4, -2.4]], requires_grad=True)
Wr = ag.tensor([[2.0, -2.6], [0.4, -0.6]], requires_grad=True)
Ur = ag.tensor([[-0.7, -0.2], [1.7, 0.7]], requires_grad=True)
Wh = ag.tensor([[-0.8, -1.3], [-0.2, 0.4]], requires_grad=True)
Uh = ag.tensor([[1.1, 1.8], [-2.6, -0.1]], requires_grad=True)
v = ag.tensor([0.0, 0.3], requires_grad=True)

for t in range(3):
    z = ag.sigmoid(x[t] @ Wz + h @ Uz)
    r = ag.sigmoid(x[t] @ Wr + h @ Ur)
    n = np.tanh(x[t] @ Wh + (r * h) @ Uh)
    h = (1 - z) * n + z * h
p = h @ v
L = 0.5 * (p - y) ** 2
