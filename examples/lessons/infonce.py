"""Contrastive learning with InfoNCE. As in van den Oord et al., Contrastive Predictive Coding, 2.3."""

import numpy as np

import autograd_lite as ag
from autograd_lite.special import logsumexp

A = np.array([[0.2, -0.5, -0.4], [-2.4, 1.8, 1.1], [-0.3, 0.8, 0.3], [-0.6, 1.0, -0.3]])
B = np.array([[2.0, -2.6, 0.4], [-0.6, -0.5, -0.2], [-2.0, -0.2, -0.9], [3.3, 0.2, -0.4]])
tau = 0.5
W = ag.tensor([[0.3, 0.8], [0.3, -1.3], [0.9, 0.4]], requires_grad=True)

Z = A @ W
V = B @ W
Zn = Z / np.linalg.norm(Z, axis=1, keepdims=True)
Vn = V / np.linalg.norm(V, axis=1, keepdims=True)
S = Zn @ Vn.T / tau
L = -np.mean(np.diag(S) - logsumexp(S, axis=1))
