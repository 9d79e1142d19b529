"""Poisson regression. As in McCullagh and Nelder, Generalized Linear Models, 6.2."""

import numpy as np

import autograd_lite as ag

X, y = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1], [-0.3, 0.8], [0.3, -0.6]]), np.array([0.0, 2.0, 1.0, 0.0, 3.0])
w = ag.tensor([0.3, 0.8], requires_grad=True)
b = ag.tensor(0.1, requires_grad=True)

eta = X @ w + b
mu = np.exp(eta)
L = np.sum(mu - y * eta)
