"""A triplet loss. As in Schroff et al., FaceNet, 3.1."""

import numpy as np

import autograd_lite as ag

a = np.array([[0.2, -0.5, -0.4], [-2.4, 1.8, 1.1], [-0.3, 0.8, 0.3], [-0.6, 1.0, -0.3]])
p = np.array([[2.0, -2.6, 0.4], [-0.6, -0.5, -0.2], [-2.0, -0.2, -0.9], [3.3, 0.2, -0.4]])
n = np.array([[-0.7, -0.2, 1.7], [0.7, -1.6, 0.0], [-0.6, 0.1, -1.6], [0.2, 0.2, 1.6]])
m = 1.0
W = ag.tensor([[0.3, 0.8], [0.3, -1.3], [0.9, 0.4]], requires_grad=True)

fa = a @ W
fp = p @ W
fn = n @ W
dp = np.sum((fa - fp) ** 2, axis=1)
dn = np.sum((fa - fn) ** 2, axis=1)
L = np.mean(np.maximum(0, dp - dn + m))
