"""Softmax regression, integer labels. As in Goodfellow et al., Deep Learning, 6.2.2.3."""

import numpy as np

import autograd_lite as ag
from autograd_lite.nn import functional as F

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
t = np.array([0, 1, 2, 1])
W = ag.tensor([[0.2, -0.5, -0.4], [-2.4, 1.8, 1.1]], requires_grad=True)
b = ag.tensor([2.0, -2.6, 0.4], requires_grad=True)

S = X @ W + b
L = F.cross_entropy(S, t)
