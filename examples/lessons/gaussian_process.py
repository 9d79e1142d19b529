"""The likelihood of a Gaussian process. As in Rasmussen and Williams, Gaussian Processes, 5.4.1."""

import numpy as np

import autograd_lite as ag

x, y = np.array([0.0, 0.5, 1.0, 2.0]), np.array([0.1, 0.6, 0.8, 0.2])
l = ag.tensor(1.1, requires_grad=True)
s = ag.tensor(1.2, requires_grad=True)
sigma = ag.tensor(0.4, requires_grad=True)

D = (x[:, None] - x[None, :]) ** 2
K = s**2 * np.exp(-D / (2 * l**2)) + sigma**2 * np.eye(4)
alpha = np.linalg.solve(K, y)
sign, logdet = np.linalg.slogdet(K)
L = 0.5 * y @ alpha + 0.5 * logdet + 0.5 * 4 * np.log(2 * np.pi)
