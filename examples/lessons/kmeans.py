"""The objective of k-means. As in Bishop, PRML, 9.1."""

import numpy as np

import autograd_lite as ag

X = np.array([[2.0, -2.6], [0.4, -0.6], [-0.5, -0.2], [-2.0, -0.2], [-0.9, 3.3]])
mu = ag.tensor([[0.3, 0.8], [0.3, -1.3]], requires_grad=True)

D = np.sum((X[:, None, :] - mu) ** 2, axis=2)
c = np.min(D, axis=1)
L = np.sum(c)
