"""An RNN of three steps. As in Goodfellow et al., Deep Learning, 10.2.2."""

import numpy as np

import autograd_lite as ag

x, h0, y = np.array([[0.7, -1.0], [-1.6, -2.9], [-0.4, 1.2]]), np.zeros(3), 1.0
U = ag.tensor([[-1.4, -0.9], [0.4, -0.5], [0.5, 0.8]], requires_grad=True)
W = ag.tensor([[-0.6, 0.6, 1.0], [1.0, 1.8, -0.4], [0.5, -0.4, -1.4]], requires_grad=True)
v = ag.tensor([1.1, 0.3, -0.5], requires_grad=True)

z1 = W @ h0 + U @ x[0]
h1 = np.tanh(z1)
z2 = W @ h1 + U @ x[1]
h2 = np.tanh(z2)
z3 = W @ h2 + U @ x[2]
h3 = np.tanh(z3)
p = v @ h3
L = 0.5 * (p - y) ** 2
