"""Regression with Huber's loss. As in Huber, Robust Statistics, 7.3."""

import numpy as np

import autograd_lite as ag

X = np.array([[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1], [-0.3, 0.8], [0.3, -0.6]])
y = np.array([2.0, -2.6, 0.4, -0.6, -0.5])
delta = 1.0
w = ag.tensor([0.3, 0.8], requires_grad=True)
b = ag.tensor(0.1, requires_grad=True)

res = y - (X @ w + b)
small = np.abs(res) <= delta
L = np.sum(np.where(small, 0.5 * res**2, delta * (np.abs(res) - 0.5 * delta)))
