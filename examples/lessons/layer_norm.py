"""Layer norm with a residual connection. As in Ba et al., Layer Normalization, 3."""

import numpy as np

import autograd_lite as ag
from autograd_lite import nn

x = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
T = np.array([[-1.4, -1.2], [-1.3, -0.6], [1.4, -1.6], [0.9, 1.3]])
W = ag.tensor([[0.6, 0.2], [-0.1, -2.3]], requires_grad=True)
norm = nn.LayerNorm(2, dtype=np.float64)
norm.weight.name, norm.bias.name = "gamma", "beta"

r = x + np.tanh(x @ W)
y = norm(r)
L = 0.5 * np.sum((y - T) ** 2)
