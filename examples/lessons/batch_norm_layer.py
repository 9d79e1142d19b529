"""A batch norm layer. As in Ioffe and Szegedy, Batch Normalization, 3."""

import numpy as np

import autograd_lite as ag
from autograd_lite import nn

n, Y = 4, np.array([[-1.1, -0.7], [-0.8, 0.3], [-0.2, 0.1], [0.8, 0.9]])
x = ag.tensor([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], requires_grad=True)
norm = nn.BatchNorm1d(2, dtype=np.float64)
norm.weight.name, norm.bias.name = "gamma", "beta"

y = norm(x)
L = np.sum((y - Y) ** 2) / n
