"""A convolution with pooling. As in Goodfellow et al., Deep Learning, 9.5."""

import numpy as np

import autograd_lite as ag
from autograd_lite.nn import functional as F

image = np.array([[[
    [0.0, 1.4, 1.2, -0.5, -0.3],
    [-0.5, 0.6, -0.1, 0.7, -1.8],
    [1.6, -0.1, 0.7, -0.1, -0.4],
    [0.5, 0.8, -0.2, -0.2, 0.7],
    [-0.9, -1.5, 0.4, -0.7, -1.9],
]]])
T = np.array([[[[0.0, 1.0], [0.7, 0.7]], [[1.6, -1.2], [-0.6, -1.3]]]])
K = ag.tensor([[[[1.8, -3.1], [1.0, 0.1]]], [[[1.3, 0.4], [1.8, 0.0]]]], requires_grad=True)
b = ag.tensor([0.1, 0.2], requires_grad=True)

Z = F.conv2d(image, K, b)
A = ag.special.relu(Z)
M = F.max_pool2d(A, 2)
L = 0.5 * np.sum((M - T) ** 2)
