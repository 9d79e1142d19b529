"""The talk's net. As in Weidman, Deep Learning from Scratch, the talk."""

import numpy as np

import autograd_lite as ag

x, y = np.array([[1.0, 0.0, 1.0]]), np.array([[1.0]])
W = ag.tensor([[-0.8], [0.2], [-1.7], [0.7]], requires_grad=True)
V = ag.tensor([[-1.7, -1.3, -1.4, -0.4], [-2.3, -0.2, -1.0, 0.9], [1.0, 1.4, 0.8, -0.1]], requires_grad=True)

A = x @ V
B = ag.sigmoid(A)
C = B @ W
P = ag.sigmoid(C)
L = 0.5 * (y - P) ** 2
