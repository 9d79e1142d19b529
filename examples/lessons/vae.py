"""A variational autoencoder. As in Kingma and Welling, Auto-Encoding Variational Bayes, appendix B."""

import numpy as np

import autograd_lite as ag

x = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]])
eps, n = np.array([[-0.8, -1.3], [-0.2, 0.4], [1.1, 0.1]]), 3
We = ag.tensor([[0.3, 0.8, 0.3], [-1.3, 0.9, 0.4], [-0.5, 0.6, 0.4], [0.3, 0.0, 0.5]], requires_grad=True)
Wm = ag.tensor([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1]], requires_grad=True)
Ws = ag.tensor([[2.0, -2.6], [0.4, -0.6], [-0.5, -0.2]], requires_grad=True)
Wd = ag.tensor([[-0.7, -0.2, 1.7, 0.7], [-1.6, 0.0, -0.6, 0.1]], requires_grad=True)

h = np.tanh(x @ We)
mu = h @ Wm
logvar = h @ Ws
z = mu + np.exp(0.5 * logvar) * eps
xhat = ag.sigmoid(z @ Wd)
rec = -np.sum(x * np.log(xhat) + (1 - x) * np.log(1 - xhat)) / n
kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / n
L = rec + kl
