"""Batch norm by hand. As in Ioffe and Szegedy, Batch Normalization, 3."""

import numpy as np

import autograd_lite as ag

n, eps, Y = 4, 1e-5, np.array([[-1.1, -0.7], [-0.8, 0.3], [-0.2, 0.1], [0.8, 0.9]])
x = ag.tensor([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], requires_grad=True)
gamma = ag.tensor([1.0, 2.0], requires_grad=True)
beta = ag.tensor([0.0, 1.0], requires_grad=True)

mu = np.sum(x, axis=0) / n
var = np.sum((x - mu) ** 2, axis=0) / n
xhat = (x - mu) / np.sqrt(var + eps)
y = gamma * xhat + beta
L = np.sum((y - Y) ** 2) / n
