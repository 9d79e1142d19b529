"""Denoising with total variation. As in Rudin et al., Nonlinear Total Variation, 2."""

import numpy as np

import autograd_lite as ag

f, lam, eps = np.array([1.0, 1.2, 0.9, 3.1, 2.8, 3.0]), 0.5, 0.01
u = ag.tensor([1.0, 1.1, 1.0, 3.0, 2.9, 3.0], requires_grad=True)

d = u[1:] - u[:-1]
L = 0.5 * np.sum((u - f) ** 2) + lam * np.sum(np.sqrt(d**2 + eps))
