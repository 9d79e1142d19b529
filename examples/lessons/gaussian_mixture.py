"""A mixture of Gaussians. As in Bishop, PRML, 9.2.2."""

import numpy as np

import autograd_lite as ag
from autograd_lite.special import logsumexp

X, d = np.array([[2.0, -2.6], [0.4, -0.6], [-0.5, -0.2], [-2.0, -0.2], [-0.9, 3.3]]), 2
mu = ag.tensor([[0.3, 0.8], [0.3, -1.3]], requires_grad=True)
logsigma = ag.tensor([0.2, -0.5], requires_grad=True)
a = ag.tensor([0.2, -0.1], requires_grad=True)

logpi = a - logsumexp(a)
sq = np.sum((X[:, None, :] - mu[None, :, :]) ** 2, axis=2)
logN = -0.5 * sq / np.exp(2 * logsigma) - d * logsigma - 0.5 * d * np.log(2 * np.pi)
ll = np.sum(logsumexp(logpi + logN, axis=1))
L = -ll
