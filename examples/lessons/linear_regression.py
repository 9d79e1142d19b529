"""Linear regression with an L2 penalty. As in Bishop, PRML, 3.1.4."""

import numpy as np

import autograd_lite as ag

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
n, lam, y = 4, 0.1, np.array([5.0, 2.0, 2.0, 5.0])
w = ag.tensor([0.5, 1.0], requires_grad=True)

p = X @ w
L = np.sum((p - y) ** 2) / n + lam * np.sum(w**2)
