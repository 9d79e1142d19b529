"""Scaled dot-product attention. As in Dao et al., FlashAttention, B.2."""

import numpy as np

import autograd_lite as ag

X = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
T = np.array([[-0.4, -1.1], [0.7, -1.1], [2.0, 0.9], [-0.4, 0.6]])
Wq = ag.tensor([[-0.4, 1.0], [0.4, -0.6]], requires_grad=True)
Wk = ag.tensor([[-0.4, 1.2], [1.4, 0.3]], requires_grad=True)
Wv = ag.tensor([[0.4, 1.5], [-1.8, 1.7]], requires_grad=True)

Q, K, V = X @ Wq, X @ Wk, X @ Wv
S = Q @ K.T / np.sqrt(2)
P = ag.softmax(S, axis=1)
O = P @ V
L = 0.5 * np.sum((O - T) ** 2)
